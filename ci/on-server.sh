#!/usr/bin/env bash
# Runs a command on one server of a region through Session Manager, and fails if it fails.
#
# usage: ci/on-server.sh REGION COMMAND…
#   BALLAST_COMMAND_MINUTES  patience, and what Session Manager gives the command; default 60
# The command is seen in AWS's records: no secret belongs into it.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -ge 2 ] || usage_error "a region and a command are needed"
need aws awscli
use_role deploy
region=$1
aws_region=$(aws_region "$region")
shift
server=""
for group in $(groups_of "$region"); do
    # shellcheck disable=SC2016 # the quotes are those of AWS's query language
    server=$(aws autoscaling describe-auto-scaling-groups --region "$aws_region" \
        --auto-scaling-group-names "$group" --output text --query \
        'AutoScalingGroups[0].Instances[?LifecycleState==`InService`] | [0].InstanceId')
    [ "$server" = None ] || break
done
[ "${server:-None}" != None ] || fail "no server of $region is in service"
minutes=${BALLAST_COMMAND_MINUTES:-60}
command=$(jq -cn --arg line "$(printf '%q ' "$@")" --arg seconds "$((minutes * 60))" \
    '{commands: [$line], executionTimeout: [$seconds]}')
if [ "${BALLAST_DRY_RUN:-}" = 1 ]; then
    say "would run on $server: $command"
    exit 0
fi
id=$(aws ssm send-command --region "$aws_region" --instance-ids "$server" \
    --document-name AWS-RunShellScript --parameters "$command" --timeout-seconds 600 \
    --query Command.CommandId --output text)
# `aws ssm wait` gives up after 100 seconds; a migration or an audit of large books takes longer.
deadline=$((SECONDS + minutes * 60 + 60))
while true; do
    status=$(aws ssm get-command-invocation --region "$aws_region" --command-id "$id" \
        --instance-id "$server" --query Status --output text 2>&1) || true
    case $status in
        # Right after it was sent AWS may not know it yet.
        Pending | InProgress | Delayed | Cancelling | *InvocationDoesNotExist*) ;;
        *) break ;;
    esac
    [ "$SECONDS" -lt "$deadline" ] || fail "$1 on $server is still $status; see command $id"
    sleep 5
done
aws ssm get-command-invocation --region "$aws_region" --command-id "$id" \
    --instance-id "$server" --query StandardOutputContent --output text
[ "$status" = Success ] || fail "$1 ended as $status on $server; see command $id in Systems Manager"
