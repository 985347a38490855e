#!/usr/bin/env bash
# Smoke test after an apply: the standby region through its own balancer, without moving money; the
# primary through the front door, with a reconciled cent.
#
# usage: ci/smoke-role.sh standby|primary
#   BALLAST_URL     https address of the bank
#   WITHOUT_REGION  the region that is left out (ci/plan.sh)
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

require_left_out
case "${1:-}" in
    standby)
        need aws awscli
        use_role deploy
        for region in $(regions_left standby); do
            balancer=$(aws elbv2 describe-load-balancers --region "$(aws_region "$region")" \
                --names "$(balancer_of "$region")" --query 'LoadBalancers[0].DNSName' --output text)
            ci/smoke.sh --url "${BALLAST_URL:?is the https address of the bank}" \
                --connect "$balancer" --read-only
        done
        ;;
    primary) ci/smoke.sh --secret "$(secret_name smoke)" --patience 60 ;;
    *) usage_error "standby or primary is needed" ;;
esac
