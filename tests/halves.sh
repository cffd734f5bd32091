#!/usr/bin/env bash
# All tests in two processes at once: one for those that need an engine, so that each engine is started once, and one for
# the others, whose output comes at the end. Arguments are pytest's.
set -uo pipefail
output=$(mktemp)
trap 'rm -f "$output"; kill $(jobs -p) 2>/dev/null' EXIT

"$PYTHON" -m pytest -m "not engine" "$@" >"$output" 2>&1 &
"$PYTHON" -m pytest -m engine "$@"
engine=$?
wait $!
others=$?
cat "$output"

nothing=5 # what pytest says when none was chosen
[ $engine = $nothing ] && engine=$others
[ $others = $nothing ] && others=$engine
[ $engine = 0 ] && exit $others
exit $engine
