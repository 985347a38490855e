#!/usr/bin/env bash
# Copies the package into the artifact bucket of every region, under its checksum. Main only.
#
# usage: ci/publish.sh
#   WITHOUT_REGION  the region that is left out (ci/plan.sh); it gets the package of a later build
# An object is never replaced: the same key holds the same bytes for ever.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

require_main
require_tests
require_left_out
need aws awscli
use_role deploy
(cd "$ARTIFACTS" && sha256sum --quiet --check --strict SHA256SUMS) >&2 \
    || fail "the package differs from its checksum; build it again with ci/build.sh"
read -r sum package <"$ARTIFACTS/SHA256SUMS"
account=$(account)
for key in $(regions_left every); do
    region=$(aws_region "$key")
    put_once "$region" "$(artifact_bucket "$account" "$region")" "releases/$sum/$package" \
        "$ARTIFACTS/$package"
done
