#!/usr/bin/env bash
# Watches the alarms of the regions that have a role for the topology's bake time.
#
# usage: ci/bake-role.sh standby|primary
#   WITHOUT_REGION  the region that is left out (ci/plan.sh)
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ "${1:-}" = standby ] || [ "${1:-}" = primary ] || usage_error "standby or primary is needed"
require_left_out
for region in $(regions_left "$1"); do
    ci/bake.sh "$region"
done
