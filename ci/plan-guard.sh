#!/usr/bin/env bash
# Refuses a plan that destroys or replaces what cannot be made again: databases, keys, buckets.
#
# usage: ci/plan-guard.sh PLAN.json…
#   PLAN.json  what `terraform show -json PLAN` printed
# Such a change is made by a person, with the runbook; the pipeline has no switch for it.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -gt 0 ] || usage_error "a plan is needed"
for plan in "$@"; do
    jq -e '.format_version and .resource_changes != null or .planned_values' "$plan" >/dev/null \
        || fail "$plan is not the JSON of a plan"
    lost=$(jq -r '.resource_changes[]?
        | select(.mode == "managed" and (.change.actions | index("delete") or index("forget")))
        | select(.type | test("^aws_(db_|rds_|kms_|s3_bucket$|secretsmanager_secret$|backup_vault)"))
        | select(.type | test("parameter_group|alias") | not)
        | "  \(.address) (\(.change.actions | join(", ")))"' "$plan")
    [ -z "$lost" ] || fail "$plan would destroy what cannot be made again:
$lost"
done
