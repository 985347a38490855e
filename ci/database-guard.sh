#!/usr/bin/env bash
# Stops while the databases are not what topology.json says: between a promotion and the swap of roles
# nothing is deployed. Asks RDS itself, so there is no mark that somebody could forget.
#
# usage: ci/database-guard.sh
#   WITHOUT_REGION  a standby region that is gone altogether: it is not asked for its database, and it
#                   must not answer at all (docs/runbooks/region-lost.md)
# Exit codes: 0 they agree, or there is no database yet; 1 one could not be asked; 2 they differ, or a
# region answers that should be gone: says what comes next (docs/runbooks/database-failover.md).
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 0 ] || usage_error "it takes no words"
need aws awscli
use_role plan
stop() { printf '%s: nothing is deployed now: %s\n' "${0##*/}" "$*" >&2; exit 2; }

# A replica is made after what it follows: of two that take writes the younger was promoted. Which one
# the topology calls the primary does not tell: it may have been swapped while the old one was gone.
both_write() {
    local old=$1 new=$2 made made_other
    made=$(database_made "$1") || fail "when the database of $1 was made could not be asked"
    made_other=$(database_made "$2") || fail "when the database of $2 was made could not be asked"
    [ "$made" != "$made_other" ] \
        || stop "the databases of $1 and $2 both take writes, and which was promoted cannot be told"
    if [[ "$made" > "$made_other" ]]; then old=$2 new=$1; fi
    stop "the databases of $1 and $2 both take writes. That of $new is the younger, so it was promoted." \
        "This fences the other: ci/promote-database.sh $old $new --i-know-that-the-replica-lags"
}

require_left_out
without=${WITHOUT_REGION:-}
if [ -n "$without" ]; then
    region_is_gone "$without" || stop "$without answers, and only a region that is gone is left out." \
        "Build without the parameter WITHOUT_REGION"
    say "nothing of $without answers; it is left out"
fi
primary=$(regions_with_role primary)
state=$(database_state "$primary") || fail "the database of $primary could not be asked; if all of the" \
    "region is gone, another becomes the primary first: docs/runbooks/region-lost.md"
# Of what is left out nothing is known, so the primary must be what it is called by itself.
[ -z "$without" ] || [ "$state" = alone ] || stop "the database of $primary is not one that takes writes" \
    "(it is: $state), and whether $without has been promoted cannot be asked"
for region in $(regions_left standby); do
    # Both are said at once, so that no order of the two is mistaken.
    case $(database_state "$region" || echo unknown):$state in
        unknown:*) fail "the database of $region could not be asked; if all of the region is gone, a" \
            "build leaves it out: WITHOUT_REGION=$region (docs/runbooks/region-lost.md)" ;;
        alone:alone) both_write "$primary" "$region" ;;
        alone:*) stop "$region has been promoted, and topology.json calls it a standby." \
            "Remove the old database, then swap the roles: ci/swap-roles.sh $primary $region" \
            "(docs/runbooks/database-failover.md)" ;;
        fenced:*) stop "the old database of $region is still there, fenced, and cannot follow" \
            "$primary. Compare it, remove it and take it out of the state" \
            "(docs/runbooks/database-failover.md)" ;;
        *:fenced) stop "the database of $primary is fenced and $region is not promoted: a failover" \
            "ended half way. Run it again: ci/promote-database.sh $primary $region" \
            "--i-know-that-the-replica-lags" ;;
        *:replica) stop "topology.json calls $primary the primary, and its database follows" \
            "another. Only ci/promote-database.sh promotes, because it fences the old one first;" \
            "before that the roles stay as they were" ;;
    esac
done
say "the databases are what the topology says${without:+, as far as they can be asked}"
