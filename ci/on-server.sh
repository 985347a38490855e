#!/usr/bin/env bash
# Runs a command on one server of a region through Session Manager, and fails if it fails.
#
# usage: ci/on-server.sh REGION COMMAND…
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
command=$(jq -cn --arg line "$(printf '%q ' "$@")" '{commands: [$line]}')
if [ "${BALLAST_DRY_RUN:-}" = 1 ]; then
    say "would run on $server: $command"
    exit 0
fi
id=$(aws ssm send-command --region "$aws_region" --instance-ids "$server" \
    --document-name AWS-RunShellScript --parameters "$command" --timeout-seconds 600 \
    --query Command.CommandId --output text)
status=0
aws ssm wait command-executed --region "$aws_region" --command-id "$id" \
    --instance-id "$server" || status=$?
aws ssm get-command-invocation --region "$aws_region" --command-id "$id" \
    --instance-id "$server" --query StandardOutputContent --output text
[ "$status" -eq 0 ] || fail "$1 failed on $server; see command $id in Systems Manager"
