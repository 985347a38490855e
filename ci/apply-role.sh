#!/usr/bin/env bash
# Applies the approved plans of the regions that have a role; with the primary also what joins them,
# unless a region is left out.
#
# usage: ci/apply-role.sh standby|primary      (environment as for ci/apply.sh)
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ "${1:-}" = standby ] || [ "${1:-}" = primary ] || usage_error "standby or primary is needed"
require_left_out
for region in $(regions_left "$1"); do
    ci/apply.sh "$region"
done
[ "$1" = standby ] || [ -n "${WITHOUT_REGION:-}" ] || ci/apply.sh global
