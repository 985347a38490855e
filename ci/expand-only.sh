#!/usr/bin/env bash
# Refuses migrations that the running release could not live with: what it uses is never dropped,
# renamed or narrowed in the release that stops using it.
#
# usage: ci/expand-only.sh [--behind COMMIT | FILE…]
#   FILE      default: the migrations that are new since the tag `released`; all, without that tag
#   --behind  the migrations that are new since COMMIT (all, if that is unknown), which a region still
#             runs that was left out: what a person has read excuses none of them
# A file whose first lines hold `-- contract: RELEASE` has been read by a person who says that no
# release after RELEASE uses what it removes.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

excused='^-- contract: '
if [ "${1:-}" = --behind ]; then
    [ $# -eq 2 ] || usage_error "--behind needs a commit"
    excused='a^'
    if git rev-parse --quiet --verify "$2^{commit}" >/dev/null; then
        mapfile -t files < <(git diff --name-only --diff-filter=AM "$2" HEAD -- \
            'crates/store/migrations/*.sql')
    else
        mapfile -t files < <(git ls-files 'crates/store/migrations/*.sql')
    fi
    set -- "${files[@]}"
elif [ $# -eq 0 ]; then
    if git rev-parse --quiet --verify refs/tags/released >/dev/null; then
        mapfile -t files < <(git diff --name-only --diff-filter=AM released HEAD -- \
            'crates/store/migrations/*.sql')
    else
        mapfile -t files < <(git ls-files 'crates/store/migrations/*.sql')
    fi
    set -- "${files[@]}"
fi
# The statements of a file, one a line, in lower case, without comments. Bodies of functions fall into
# pieces, of which none begins like a statement below.
statements() {
    sed 's/--.*//' "$1" | tr '\n\t' '  ' | tr ';' '\n' | tr '[:upper:]' '[:lower:]' \
        | sed -E 's/ +/ /g; s/^ //; s/ $//'
}

# narrows STATEMENT ALL: whether a statement takes away what was there before this file.
narrows() {
    local word='[a-z0-9_."]+'
    if [[ $1 =~ ^drop\ table\ (if\ exists\ )?($word) ]]; then
        # SQLite changes a table by making another one and giving it the name.
        local name=${BASH_REMATCH[2]}
        grep -qE "^alter table $word rename to $name\$" <<<"$2" && return 1
    elif [[ $1 =~ ^alter\ table\ ($word)\ rename\ to\ $word$ ]]; then
        grep -qE "^create table ${BASH_REMATCH[1]} " <<<"$2" && return 1
    elif [[ $1 =~ ^alter\ table\ ($word)\ .*add\ constraint\ ($word) ]]; then
        # One about new columns, or in the place of its predecessor, lets through what came before;
        # the second is for a person to see.
        [[ $1 != *"add column "* ]] || return 1
        grep -qE "^(create table ${BASH_REMATCH[1]} |.*drop constraint ${BASH_REMATCH[2]}\b)" <<<"$2" \
            && return 1
    else
        grep -qP "^(drop (view|schema|type|function|materialized|sequence|column)\b|truncate\b|alter (table|view|type|function) .*\b(rename\b|drop (?!constraint\b|default\b|not null\b)|alter (column )?\S+ (set not null|type|set data)\b))" <<<"$1" || return 1
    fi
    return 0
}

breaches=0
for file in "$@"; do
    head -n 10 "$file" | grep -qi -- "$excused" && continue
    all=$(statements "$file")
    while read -r statement; do
        if narrows "$statement" "$all"; then
            echo "$file: $statement" >&2
            breaches=$((breaches + 1))
        fi
    done <<<"$all"
done
[ "$breaches" -eq 0 ] || fail "$breaches statements contract; expand first, contract a release later"
say "$# migrations only expand"
