#!/usr/bin/env bash
# Opens the way to Jenkins, which nobody reaches from outside: a port of this machine leads through
# Session Manager to the controller until this is ended (Ctrl-C).
#
# usage: ci/open-jenkins.sh [PORT]
#   PORT                  of this machine; default 8080, to which the bank's sign-in leads back
#   BALLAST_STATE_REGION  the region of the pipeline's machines (outputs of infra/bootstrap)
# Needs the plugin of Session Manager for the AWS command.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

port=${1:-8080}
[[ $# -le 1 && "$port" =~ ^[0-9]{2,5}$ ]] || usage_error "one port is all it takes"
region=${BALLAST_STATE_REGION:?is the region of the machines of the pipeline}
need aws awscli
need session-manager-plugin "the plugin of Session Manager, from AWS"
use_role operate
controller=$(aws ec2 describe-instances --region "$region" --output text \
    --filters "Name=tag:Name,Values=$(controller_name)" Name=instance-state-name,Values=running \
    --query 'Reservations[0].Instances[0].InstanceId')
case $controller in i-*) ;; *) fail "no controller runs in $region" ;; esac
say "Jenkins is at http://localhost:$port while this runs"
change aws ssm start-session --region "$region" --target "$controller" \
    --document-name AWS-StartPortForwardingSession \
    --parameters "portNumber=8080,localPortNumber=$port"
