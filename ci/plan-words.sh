#!/usr/bin/env bash
# Says in plain words what the plans in build/plan change, and what they leave out: what a person is
# asked beside their checksum.
#
# usage: ci/plan-words.sh      (WITHOUT_REGION as for ci/plan.sh)
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ $# -eq 0 ] || usage_error "it takes no words"
require_left_out
plan_checksum >/dev/null
without=$(cat "$PLANS/left-out")
[ "$without" = "${WITHOUT_REGION:-}" ] || fail "the plans leave out ${without:-no region}"
regions=$(regions_left every | paste -sd ' ' | sed 's/ / and /g')
if [ -z "$without" ]; then
    echo "to $regions, and to what joins them?"
else
    printf '%s' "to $regions, and LEAVE OUT $without ($(aws_region "$without"))? Nothing of $without answered" \
        " when this was planned. It keeps the release that it runs, and the front door, the peering and the" \
        " dashboards stay as they are. If the database of $without has been promoted, say no."
    [ -n "$(regions_left standby)" ] || printf ' No standby tries the release before the primary.'
    echo
fi
