#!/usr/bin/env bash
# Copies Amazon's package of the Session Manager's agent into the artifact bucket of every region, under
# its checksum, and prints the line for the file of the site. Servers have no way to the internet and
# install it from there. By the person who sets the account up; later for each new version.
#
# usage: ci/publish-agent.sh FILE
#   FILE         amazon-ssm-agent.deb, whose signature a person has verified (AWS's page "Verifying the
#                signature of the SSM Agent"); from
#                https://s3.REGION.amazonaws.com/amazon-ssm-REGION/VERSION/debian_amd64/amazon-ssm-agent.deb
#   AWS_PROFILE  who sets the account up
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 1 ] || usage_error "the package is needed"
[ -f "$1" ] || fail "there is no file $1"
need aws awscli
need dpkg-deb dpkg
use_own_role
field() { dpkg-deb --field "$2" "$1" 2>/dev/null; }
[ "$(field Package "$1")" = amazon-ssm-agent ] || fail "$1 is not the package amazon-ssm-agent"
version=$(field Version "$1")
# Older ones also need the endpoint ec2messages, which the networks have not.
dpkg --compare-versions "$version" ge 3.3.40.0 || fail "$1 has version $version; 3.3.40.0 is the oldest"
sum=$(sha256sum "$1" | cut -d ' ' -f 1)
key="agents/$sum/amazon-ssm-agent_${version}_$(field Architecture "$1").deb"
account=$(account)
while read -r region; do
    put_once "$region" "$(artifact_bucket "$account" "$region")" "$key" "$1"
done < <(topology '.regions[].aws_region')
printf 'ssm_agent = { key = "%s", sha256 = "%s" }\n' "$key" "$sum"
