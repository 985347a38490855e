#!/usr/bin/env bash
# Brings every group of servers back to the release that was promoted last. Touches no Terraform
# state: it starts an instance refresh to the numbered launch template that ran before.
#
# usage: ci/rollback.sh [REGION…]     default: every region of the topology
#   WITHOUT_REGION  a standby region that is gone altogether, and so is none of them. Without it nothing
#                   goes back while a region does not answer.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

need aws awscli
use_role deploy
require_left_out
[ $# -gt 0 ] || mapfile -t regions < <(regions_left every)
[ $# -eq 0 ] || regions=("$@")
account=$(account)
mkdir -p build
# As in a roll-out: the server that leaves goes after the one that comes. AWS's own default may take
# the only server of each zone first, in all zones at once.
preferences='{"SkipMatching":true,"MinHealthyPercentage":100,"MaxHealthyPercentage":200}'
for region in "${regions[@]}"; do
    status=0
    promoted_release "$(aws_region "$region")" "$account" "build/previous-$region.json" || status=$?
    case $status in
        0) ;;
        1) fail "$region: nothing was promoted before, so there is nothing to go back to" ;;
        *) fail "$region could not be asked, and nothing went back; if all of the region is gone:" \
            "WITHOUT_REGION=$region ci/rollback.sh, or the names of the others" ;;
    esac
done
for region in "${regions[@]}"; do
    aws_region=$(aws_region "$region")
    for group in $(groups_of "$region"); do
        version=$(jq -er --arg group "$group" '.templates[$group]' "build/previous-$region.json") \
            || fail "$group is not in the promoted release"
        running=$(aws autoscaling describe-instance-refreshes --region "$aws_region" \
            --auto-scaling-group-name "$group" --max-records 1 \
            --query 'InstanceRefreshes[0].Status' --output text)
        case $running in
            Pending | InProgress | Baking)
                say "$group: the running replacement goes back"
                change aws autoscaling rollback-instance-refresh --region "$aws_region" \
                    --auto-scaling-group-name "$group" >/dev/null
                continue ;;
            RollbackInProgress) say "$group: goes back already"; continue ;;
        esac
        say "$group: back to version $version of its launch template"
        change aws autoscaling start-instance-refresh --region "$aws_region" \
            --auto-scaling-group-name "$group" --preferences "$preferences" \
            --desired-configuration "$(jq -cn --arg name "$group" --arg version "$version" \
                '{LaunchTemplate: {LaunchTemplateName: $name, Version: $version}}')" >/dev/null
    done
    [ "${BALLAST_DRY_RUN:-}" = 1 ] || ci/wait-rollback.sh "$region"
done
