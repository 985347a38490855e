#!/usr/bin/env bash
# Loses a server, a zone's server and a region in staging, and proves after each that the bank
# serves and that no money was lost.
#
# usage: ci/game-day.sh local            a deployment on this machine, of its own
#        ci/game-day.sh staging REGION   ends the servers of a region's first zone (AWS)
#   BALLAST  the program; default target/release/ballast
# Staging is an account of its own: BALLAST_STAGING_ACCOUNT must be the account of the role. While a
# region is missing nothing is ended: that is a bad day already.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

case "${1:-}" in
    local)
        ballast=$(realpath "${BALLAST:-target/release/ballast}")
        data=$(mktemp -d)
        trap '"$ballast" down --data "$data" >/dev/null 2>&1 || true; rm -rf "$data"' EXIT
        "$ballast" up --data "$data" --port 0 --detach >/dev/null
        ci/smoke.sh --data "$data"
        region=$(regions_with_role primary)
        zone=$(topology '.regions[] | select(.role == "primary") | .zones[0].name')
        for fault in "kill $(groups_of "$region" | head -n 1)" "kill $zone --stay-down" \
            "kill $region --stay-down"; do
            say "fault: $fault"
            # shellcheck disable=SC2086 # the fault is words
            "$ballast" fault --data "$data" $fault
            ci/smoke.sh --data "$data" --patience 60
            "$ballast" fault heal --data "$data"
            ci/smoke.sh --data "$data" --patience 60
        done
        "$ballast" audit --data "$data"
        say "the bank served through every fault"
        ;;
    staging)
        [ $# -eq 2 ] || usage_error "a region is needed"
        need aws awscli
        use_role deploy
        [ "$(account)" = "${BALLAST_STAGING_ACCOUNT:?is the number of the staging account}" ] \
            || fail "this is not the staging account; a game day is never held in production"
        for region in $(topology '.regions[].key'); do
            database_state "$region" >/dev/null \
                || fail "$region does not answer: there is no game day while a region is missing"
        done
        aws_region=$(aws_region "$2")
        group=$(groups_of "$2" | head -n 1)
        ci/smoke.sh --secret "$(secret_name smoke)"
        for server in $(aws autoscaling describe-auto-scaling-groups --region "$aws_region" \
            --auto-scaling-group-names "$group" --output text \
            --query 'AutoScalingGroups[0].Instances[].InstanceId'); do
            say "ending $server"
            change aws ec2 terminate-instances --region "$aws_region" --instance-ids "$server" \
                >/dev/null
        done
        ci/smoke.sh --secret "$(secret_name smoke)" --patience 60
        ;;
    *) usage_error "local or staging is needed" ;;
esac
