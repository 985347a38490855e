#!/usr/bin/env bash
# Lists every name of AWS that these scripts use, a kind and a name on each line, so that a check can
# hold them against what infra/ makes (cargo xtask infra).
#
# usage: ci/names.sh ACCOUNT
#   ACCOUNT  the number of the account; bucket names hold it
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[[ "${1:-}" =~ ^[0-9]{12}$ ]] || usage_error "an account's number of 12 digits is needed"
# words FUNCTION: what the scripts give to a function of ci/lib.sh.
words() { grep -hoE "$1 [a-z]+" ci/*.sh | cut -d ' ' -f 2 | sort -u; }
while read -r role; do
    grep -q "^\[profile ballast-$role\]" infra/cicd/jenkins/*-aws-config \
        || fail "a script uses the role $role, and no AWS configuration has the profile ballast-$role"
    echo "role $(role_name "$role")"
done < <(words use_role)
while read -r secret; do
    echo "secret $(secret_name "$secret")"
done < <(words secret_name)
echo "alarms $(alarm_prefix)"
echo "fence $(fence_group)"
echo "machine $(controller_name)"
echo "bucket $(state_bucket "$1")"
while read -r region; do
    echo "bucket $(artifact_bucket "$1" "$(aws_region "$region")")"
    echo "database $(database_of "$region")"
    echo "balancer $(balancer_of "$region")"
    echo "topic $(alarm_topic "$region")"
    echo "alarm $(region_alarm "$region")"
    for group in $(groups_of "$region"); do
        echo "group $group"
        echo "template $group"
    done
done < <(topology '.regions[].key')
