#!/usr/bin/env bash
# Swaps the roles of two regions in topology.json, as the change that follows a promotion: two words
# of the file, to be reviewed, committed, and sent through the pipeline.
#
# usage: ci/swap-roles.sh OLD_PRIMARY NEW_PRIMARY
# Refuses unless the databases are so already: the new one promoted, the old one removed. While the old
# region is gone altogether, its database cannot be removed: BALLAST_OLD_REGION_IS_GONE=1 says that a
# person knows that, and nothing of the region may answer. What comes back with it is then fenced, as
# ci/database-guard.sh says.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 2 ] || usage_error "two regions are needed"
need aws awscli
need jq jq
use_role operate
file=${BALLAST_TOPOLOGY:-topology.json}
[ "$(regions_with_role primary)" = "$1" ] || fail "$1 is not the primary in $file"
regions_with_role standby | grep -qx -- "$2" || fail "$2 is no standby in $file"
state=$(database_state "$2") || fail "the database of $2 could not be asked"
[ "$state" = alone ] || fail "the database of $2 is not promoted (it is: $state);" \
    "run ci/promote-database.sh $1 $2 --i-know-that-the-replica-lags"
if [ "${BALLAST_OLD_REGION_IS_GONE:-}" = 1 ]; then
    region_is_gone "$1" || fail "$1 answers, so its database is fenced, compared and removed first" \
        "(docs/runbooks/database-failover.md)"
    say "nothing of $1 answers; builds leave it out until it is back: WITHOUT_REGION=$1"
else
    state=$(database_state "$1") || fail "the database of $1 could not be asked; if all of the region is" \
        "gone, say so: BALLAST_OLD_REGION_IS_GONE=1"
    [ "$state" = none ] || fail "the old database of $1 is still there (it is: $state);" \
        "compare it and remove it first (docs/runbooks/database-failover.md)"
fi

# Only the two words change, so that a reviewer sees two lines; jq says whether it was those two.
swapped=$(mktemp)
trap 'rm -f "$swapped"' EXIT
awk -v old="$1" -v new="$2" '
    match($0, /"key": *"[^"]*"/) { split(substr($0, RSTART, RLENGTH), parts, "\""); key = parts[4] }
    key == old { sub(/"role": *"primary"/, "\"role\": \"standby\"") }
    key == new { sub(/"role": *"standby"/, "\"role\": \"primary\"") }
    { print }' "$file" >"$swapped"
jq -e --arg old "$1" --arg new "$2" --slurpfile swapped "$swapped" \
    '(.regions[] | select(.key == $old)).role = "standby"
    | (.regions[] | select(.key == $new)).role = "primary" | . == $swapped[0]' "$file" >/dev/null \
    || fail "$file is written in another way than this can change; swap the two words by hand"
change cp "$swapped" "$file"
say "swapped: look at the difference, run ci/infra-check.sh, commit"
