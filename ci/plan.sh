#!/usr/bin/env bash
# Plans the standby region, the primary region and what joins them, with the read-only role.
#
# usage: ci/plan.sh
#   BALLAST_STATE_BUCKET, BALLAST_STATE_REGION  where the state is (outputs of infra/bootstrap)
#   BALLAST_SITE_TFVARS  file with the values of the site (infra/README.md)
#   BALLAST_PROFILE      minimal or production; default production
#   WITHOUT_REGION       a standby region that is gone altogether: neither it nor what joins the regions
#                        is planned (docs/runbooks/region-lost.md)
# Leaves the plans, their JSON and text in build/plan with their checksums, and prints one checksum
# of them all: what a person approves. Stops at a plan that destroys or replaces a database, key
# or bucket, and while the databases are not what the topology says (ci/database-guard.sh).
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

require_main
require_left_out
need terraform "terraform (1.11 or newer)"
use_role plan
profile=infra/profiles/${BALLAST_PROFILE:-production}.tfvars
[ -f "$profile" ] || fail "there is no profile $profile"
site=${BALLAST_SITE_TFVARS:?names the file with the values of the site (infra/README.md)}
[ -f "$site" ] || fail "there is no file $site (BALLAST_SITE_TFVARS)"
read -r sum package <"$ARTIFACTS/SHA256SUMS" || fail "there is no package in $ARTIFACTS"
TF_VAR_artifact=$(jq -cn --arg key "releases/$sum/$package" --arg sha256 "$sum" '$ARGS.named')
export TF_VAR_artifact

ci/database-guard.sh
rm -rf "$PLANS"
mkdir -p "$PLANS"
# What joins the regions asks all of them.
roots=$(regions_left standby; regions_left primary; [ -n "${WITHOUT_REGION:-}" ] || echo global)
for root in $roots; do
    say "planning $root"
    ci/terraform-init.sh "$root"
    on_root "$root" plan -lock-timeout=5m -out="$PWD/$PLANS/$root.tfplan" \
        -var-file="$PWD/$profile" -var-file="$(realpath "$site")"
    terraform -chdir="infra/live/$root" show -json "$PWD/$PLANS/$root.tfplan" >"$PLANS/$root.json"
    ci/plan-guard.sh "$PLANS/$root.json" >&2
done
printf '%s' "${WITHOUT_REGION:-}" >"$PLANS/left-out"
(cd "$PLANS" && sha256sum ./*.tfplan ./*.json ./left-out >SHA256SUMS)
plan_checksum
