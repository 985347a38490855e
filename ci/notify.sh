#!/usr/bin/env bash
# Tells the people on call, through the alarm topic of the primary region.
#
# usage: ci/notify.sh SUBJECT
#   WITHOUT_REGION  the region that was left out, which is said
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 1 ] || usage_error "a subject is needed"
need aws awscli
use_role deploy
subject="$1${WITHOUT_REGION:+, without $WITHOUT_REGION}"
region=$(regions_with_role primary)
aws_region=$(aws_region "$region")
change aws sns publish --region "$aws_region" --subject "${subject:0:99}" \
    --topic-arn "arn:aws:sns:$aws_region:$(account):$(alarm_topic "$region")" \
    --message "$subject
${BUILD_URL:-no build}" >/dev/null
