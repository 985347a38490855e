#!/usr/bin/env bash
# Refuses migrations that the running release could not live with: what it uses is never dropped,
# renamed or narrowed in the release that stops using it.
#
# usage: ci/expand-only.sh [FILE…]
#   FILE  default: the migrations that are new since the tag `released`; all, without that tag
# A file whose first lines hold `-- contract: RELEASE` has been read by a person who says that no
# release after RELEASE uses what it removes.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

if [ $# -eq 0 ]; then
    if git rev-parse --quiet --verify refs/tags/released >/dev/null; then
        mapfile -t files < <(git diff --name-only --diff-filter=AM released HEAD -- \
            'crates/store/migrations/*.sql')
    else
        mapfile -t files < <(git ls-files 'crates/store/migrations/*.sql')
    fi
    set -- "${files[@]}"
fi
breaches=0
for file in "$@"; do
    head -n 10 "$file" | grep -qi '^-- contract: ' && continue
    if sed 's/--.*//' "$file" | grep -niE \
        '\b(drop +(table|column|view|schema)|rename +(to|column)|alter +column +\w+ +(set +not +null|type|set +data)|truncate)\b' \
        | sed "s|^|$file:|" >&2; then
        breaches=$((breaches + 1))
    fi
done
[ "$breaches" -eq 0 ] || fail "$breaches migrations contract; expand first, contract a release later"
say "$# migrations only expand"
