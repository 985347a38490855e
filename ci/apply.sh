#!/usr/bin/env bash
# Applies the approved plan of one root, and waits until its servers are replaced.
#
# usage: ci/apply.sh ROOT
#   ROOT                   a region's key, or global
#   APPROVED_PLAN_SHA256   the checksum that ci/plan.sh printed and a person approved
#   APPROVED_BY            who
#   WITHOUT_REGION         as for ci/plan.sh
# Refuses unless the branch is main, the tests of this commit were green, and the plans in
# build/plan are, byte by byte, the approved ones; and while the databases are not what the topology
# says, because a failover may come between the plan and this (ci/database-guard.sh).
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 1 ] || usage_error "one root is needed"
root=$1
[ -d "infra/live/$root" ] || fail "there is no infra/live/$root"
require_approved_plan
[ -f "$PLANS/$root.tfplan" ] || fail "the approved plans leave $root out"
need terraform "terraform (1.11 or newer)"
ci/database-guard.sh
use_role deploy
say "applying $root, approved by $APPROVED_BY"
ci/terraform-init.sh "$root"
mkdir -p "$EVIDENCE"
echo "$root" >>"$EVIDENCE/refreshed"
# A saved plan never asks: the approval was asked for before this.
change on_root "$root" apply -lock-timeout=5m "$PWD/$PLANS/$root.tfplan"
[ "$root" = global ] || ci/wait-refresh.sh "$root"
