#!/usr/bin/env bash
# Brings the database to the new release's version, on a server of the primary region, through
# Session Manager. The running release lives with the result: migrations only expand.
#
# usage: ci/migrate.sh
#   WITHOUT_REGION  the region that is left out (ci/plan.sh). What it runs lives with the result as well,
#                   until a build has brought it up to date
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

require_approved_plan
need aws awscli
ci/database-guard.sh
use_role deploy
ci/expand-only.sh
read -r sum package <"$ARTIFACTS/SHA256SUMS"
region=$(regions_with_role primary)
aws_region=$(aws_region "$region")
account=$(account)
bucket=$(artifact_bucket "$account" "$aws_region")
mkdir -p build
status=0
promoted_release "$aws_region" "$account" build/promoted.json || status=$?
[ "$status" -le 1 ] || fail "which release runs could not be asked"
if [ "$status" -eq 0 ]; then
    behind=$(jq -r --arg without "${WITHOUT_REGION:-}" \
        '(.behind // {})[], if $without == "" then empty else .commit // "unknown" end' build/promoted.json)
    for release in $behind; do
        ci/expand-only.sh --behind "$release"
    done
fi
if [ "$(aws autoscaling describe-auto-scaling-groups --region "$aws_region" --output text \
    --query "length(AutoScalingGroups[?AutoScalingGroupName=='$(groups_of "$region" | head -n 1)'])")" = 0 ]; then
    say "there is no server yet: the first one makes the tables when it starts"
    exit 0
fi
ci/on-server.sh "$region" /usr/local/sbin/ballast-cloud migrate \
    "$bucket" "releases/$sum/$package" "$sum"
