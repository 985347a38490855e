#!/usr/bin/env bash
# Notes which release runs, so that the next one can be rolled back to it.
#
# usage: ci/promote.sh
#   WITHOUT_REGION  the region that is left out (ci/plan.sh)
# Writes releases/current.json in each region's artifact bucket: commit, package, the numbered launch
# template of every group, and which release a region still runs that was left out.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

require_approved_plan
need aws awscli
use_role deploy
read -r sum package <"$ARTIFACTS/SHA256SUMS"
account=$(account)
mkdir -p build
primary=$(aws_region "$(regions_with_role primary)")
status=0
promoted_release "$primary" "$account" build/promoted.json || status=$?
[ "$status" -le 1 ] || fail "which release ran before could not be asked"
[ "$status" -eq 0 ] || echo '{}' >build/promoted.json
behind=$(jq -c --arg without "${WITHOUT_REGION:-}" 'if $without == "" then {} else
    {($without): (.behind[$without] // .commit // "unknown")} end' build/promoted.json)
while read -r region; do
    aws_region=$(aws_region "$region")
    versions='{}'
    for group in $(groups_of "$region"); do
        version=$(aws autoscaling describe-auto-scaling-groups --region "$aws_region" \
            --auto-scaling-group-names "$group" --output text \
            --query 'AutoScalingGroups[0].LaunchTemplate.Version')
        versions=$(jq -c --arg group "$group" --arg version "$version" \
            '.[$group] = $version' <<<"$versions")
    done
    jq -n --arg commit "$(commit)" --arg key "releases/$sum/$package" --arg sha256 "$sum" \
        --arg approved_by "$APPROVED_BY" --argjson templates "$versions" \
        --argjson behind "$behind" '$ARGS.named' \
        >"build/current-$region.json"
    change aws s3api put-object --region "$aws_region" --key releases/current.json \
        --bucket "$(artifact_bucket "$account" "$aws_region")" \
        --body "build/current-$region.json" >/dev/null
    say "$region: $package of $(commit)"
done < <(regions_left every)
