#!/usr/bin/env bash
# Copies the package into the artifact bucket of every region, under its checksum. Main only.
#
# usage: ci/publish.sh
# An object is never replaced: the same key holds the same bytes for ever.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

require_main
require_tests
need aws awscli
use_role deploy
(cd "$ARTIFACTS" && sha256sum --quiet --check --strict SHA256SUMS) >&2 \
    || fail "the package differs from its checksum; build it again with ci/build.sh"
read -r sum package <"$ARTIFACTS/SHA256SUMS"
account=$(account)
while read -r region; do
    bucket=$(artifact_bucket "$account" "$region")
    say "s3://$bucket/releases/$sum/$package"
    if aws s3api head-object --region "$region" --bucket "$bucket" \
        --key "releases/$sum/$package" >/dev/null 2>&1; then
        say "is there already"
        continue
    fi
    change aws s3api put-object --region "$region" --bucket "$bucket" \
        --key "releases/$sum/$package" --body "$ARTIFACTS/$package" --if-none-match '*' \
        --checksum-algorithm SHA256 --checksum-sha256 \
        "$(openssl dgst -sha256 -binary "$ARTIFACTS/$package" | base64)" >/dev/null
done < <(topology '.regions[].aws_region')
