#!/usr/bin/env bash
# Watches the alarms of a region for the topology's bake time; fails at the first that rings.
#
# usage: ci/bake.sh REGION
#   WITHOUT_REGION  the region that is left out (ci/plan.sh): that nobody reaches it is known
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 1 ] || usage_error "one region is needed"
need aws awscli
use_role deploy
aws_region=$(aws_region "$1")
end=$((SECONDS + $(topology .rollout.bake_seconds)))
say "watching the alarms of $1 for $(topology .rollout.bake_seconds) s"
while true; do
    ringing=$(aws cloudwatch describe-alarms --region "$aws_region" --state-value ALARM \
        --alarm-name-prefix "$(alarm_prefix)" --output text \
        --query "MetricAlarms[?AlarmName!='$(region_alarm "${WITHOUT_REGION:-none}")'].AlarmName")
    [ -z "$ringing" ] || fail "alarms ring in $1: $ringing"
    [ "$SECONDS" -lt "$end" ] || break
    sleep 10
done
say "quiet"
