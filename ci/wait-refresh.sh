#!/usr/bin/env bash
# Waits until the replacement of a region's servers has ended, and fails unless it succeeded.
#
# usage: ci/wait-refresh.sh REGION
#   BALLAST_REFRESH_MINUTES  patience for each group; default 45
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 1 ] || usage_error "one region is needed"
need aws awscli
use_role deploy
aws_region=$(aws_region "$1")
deadline=$((SECONDS + ${BALLAST_REFRESH_MINUTES:-45} * 60))
for group in $(groups_of "$1"); do
    while true; do
        status=$(aws autoscaling describe-instance-refreshes --region "$aws_region" \
            --auto-scaling-group-name "$group" --max-records 1 \
            --query 'InstanceRefreshes[0].Status' --output text)
        case $status in
            Successful | None) say "$group: $status"; break ;;
            Pending | InProgress | Baking) ;;
            RollbackInProgress | Rollback* | Failed | Cancel*)
                fail "$group: the replacement of its servers ended as $status" ;;
            *) fail "$group: AWS says the unknown status '$status'" ;;
        esac
        [ "$SECONDS" -lt "$deadline" ] || fail "$group: still $status after the patience allowed"
        sleep 10
    done
done
