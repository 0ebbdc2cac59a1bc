#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target over its committed seeds: ROOM/tests/fuzz_<name>.c, seeds/<name>/*.
set -u
build=${BUILD:-build}
root=$(dirname "$0")/../..
n=0 failed=0
for program in "$build"/{engine,agent}/tests/fuzz_*; do
	[ -x "$program" ] || continue
	[[ $program == *.* ]] && continue	# objects and dependencies
	dir=$root${program#"$build"}
	dir=${dir%/*}
	name=${program##*/fuzz_}
	seeds=$dir/seeds/$name
	n=$((n + 1))
	if [ ! -d "$seeds" ]; then
		echo "not ok $n - $name: no seeds in $seeds"
		failed=1
	elif "$program" "$seeds"/*; then
		echo "ok $n - $name: $(ls "$seeds" | wc -l) seeds"
	else
		echo "not ok $n - $name: status $?"
		failed=1
	fi
done
[ $n -gt 0 ] || { echo "not ok 1 - no fuzz target in $build/engine/tests"; failed=1; }
exit $failed
