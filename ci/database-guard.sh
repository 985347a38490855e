#!/usr/bin/env bash
# Stops while the databases are not what topology.json says: between a promotion and the swap of roles
# nothing is deployed. Asks RDS itself, so there is no mark that somebody could forget.
#
# usage: ci/database-guard.sh
# Exit codes: 0 they agree, or there is no database yet; 1 one could not be asked; 2 they differ: says
# what comes next (docs/runbooks/database-failover.md).
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 0 ] || usage_error "it takes no words"
need aws awscli
use_role plan
stop() { printf '%s: nothing is deployed now: %s\n' "${0##*/}" "$*" >&2; exit 2; }

primary=$(regions_with_role primary)
state=$(database_state "$primary") || fail "the database of $primary could not be asked"
for region in $(regions_with_role standby); do
    # Both are said at once, so that no order of the two is mistaken.
    case $(database_state "$region" || echo unknown):$state in
        unknown:*) fail "the database of $region could not be asked" ;;
        alone:alone) stop "the databases of $primary and $region both take writes. This fences the first:" \
            "ci/promote-database.sh $primary $region --i-know-that-the-replica-lags" ;;
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
say "the databases are what the topology says"
