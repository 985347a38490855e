#!/usr/bin/env bash
# Says whether what runs differs from the code, with the read-only role.
#
# usage: ci/drift.sh      (variables as for ci/plan.sh; the artifact is the promoted one)
# Exit codes: 0 no difference, 1 could not tell, 2 differs. After a promotion it says so and ends: what
# plans would say is known then. While a region is gone it cannot tell; with WITHOUT_REGION it looks at
# the others, and not at what joins the regions. A region that was left out differs until the next build.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

need terraform "terraform (1.11 or newer)"
use_role plan
profile=infra/profiles/${BALLAST_PROFILE:-production}.tfvars
site=${BALLAST_SITE_TFVARS:?names the file with the values of the site (infra/README.md)}
ci/database-guard.sh
primary=$(aws_region "$(regions_with_role primary)")
mkdir -p build
promoted_release "$primary" "$(account)" build/current.json \
    || fail "no promoted release was found in $primary"
TF_VAR_artifact=$(jq -c '{key, sha256}' build/current.json)
export TF_VAR_artifact
drifted=""
roots=$(regions_left every; [ -n "${WITHOUT_REGION:-}" ] || echo global)
for root in $roots; do
    ci/terraform-init.sh "$root"
    status=0
    terraform -chdir="infra/live/$root" plan -lock=false -detailed-exitcode \
        -var-file="$PWD/$profile" -var-file="$(realpath "$site")" >&2 || status=$?
    case $status in
        0) ;;
        2) drifted="$drifted $root" ;;
        *) fail "$root could not be planned" ;;
    esac
done
[ -z "$drifted" ] || { say "differs from the code:$drifted"; exit 2; }
say "no difference${WITHOUT_REGION:+; nobody looked at $WITHOUT_REGION and at what joins the regions}"
