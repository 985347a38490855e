#!/usr/bin/env bash
# Waits until a region's servers are back at the release before; fails unless they are.
#
# usage: ci/wait-rollback.sh REGION
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 1 ] || usage_error "one region is needed"
need aws awscli
use_role deploy
aws_region=$(aws_region "$1")
deadline=$((SECONDS + 45 * 60))
for group in $(groups_of "$1"); do
    while true; do
        status=$(aws autoscaling describe-instance-refreshes --region "$aws_region" \
            --auto-scaling-group-name "$group" --max-records 1 \
            --query 'InstanceRefreshes[0].Status' --output text)
        case $status in
            Successful | RollbackSuccessful | None) say "$group: $status"; break ;;
            Pending | InProgress | Baking | RollbackInProgress) ;;
            *) fail "$group: going back ended as $status" ;;
        esac
        [ "$SECONDS" -lt "$deadline" ] || fail "$group: still $status after 45 minutes"
        sleep 10
    done
done
