#!/usr/bin/env bash
# Takes away the lock that a Terraform which was killed has left on the state of a root. By a person,
# who knows that it works no more: two at once would each lose what the other wrote.
#
# usage: ci/unlock-state.sh ROOT LOCK_ID
#   ROOT     east, west or global
#   LOCK_ID  as Terraform said when it was refused; another lock stays
#   BALLAST_STATE_BUCKET, BALLAST_STATE_REGION  where the state is (outputs of infra/bootstrap)
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 2 ] || usage_error "a root and the lock's id are needed"
need terraform "terraform (1.11 or newer)"
use_role operate
ci/terraform-init.sh "$1"
change terraform -chdir="infra/live/$1" force-unlock -force "$2" >&2
