#!/usr/bin/env bash
# Brings the database to the new release's version, on a server of the primary region, through
# Session Manager. The running release lives with the result: migrations only expand.
#
# usage: ci/migrate.sh
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
bucket=$(artifact_bucket "$(account)" "$aws_region")
if [ "$(aws autoscaling describe-auto-scaling-groups --region "$aws_region" --output text \
    --query "length(AutoScalingGroups[?AutoScalingGroupName=='$(groups_of "$region" | head -n 1)'])")" = 0 ]; then
    say "there is no server yet: the first one makes the tables when it starts"
    exit 0
fi
ci/on-server.sh "$region" /usr/local/sbin/ballast-cloud migrate \
    "$bucket" "releases/$sum/$package" "$sum"
