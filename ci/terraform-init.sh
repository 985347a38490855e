#!/usr/bin/env bash
# Connects a root of infra/live with its state.
#
# usage: ci/terraform-init.sh ROOT
#   ROOT  east, west or global
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 1 ] || usage_error "one root is needed"
[ -d "infra/live/$1" ] || fail "there is no infra/live/$1"
terraform -chdir="infra/live/$1" init "$(lock_option "infra/live/$1")" -reconfigure \
    -backend-config="bucket=${BALLAST_STATE_BUCKET:?is the state bucket, an output of infra/bootstrap}" \
    -backend-config="region=${BALLAST_STATE_REGION:?is the region of the state bucket}" >&2
