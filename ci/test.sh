#!/usr/bin/env bash
# Runs every check of the repository; when all are green, leaves the evidence for this commit.
#
# usage: ci/test.sh
# Writes build/evidence/tests: the commit. Without that file nothing is applied.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

rm -f "$EVIDENCE/tests"
mkdir -p "$EVIDENCE"
[ -z "$(git status --porcelain --untracked-files=no)" ] \
    || fail "tracked files are changed; evidence is for a commit, so commit or undo them"
.ci/run
commit >"$EVIDENCE/tests"
