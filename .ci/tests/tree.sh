#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks of the tree as a whole, as TAP: module dependencies, sizes, stale reference tables, paths of a
# machine in committed files.
set -u
cd "$(dirname "$0")/../.."
tiercel=${BUILD:-build}/tiercel
n=0

check() {
	local name=$1 out
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		echo "$out" | sed 's/^/# /' | head -n 40
	fi
}

fresh() {
	"$tiercel" "$1" --markdown | diff - "engine/reference-$1.md" >/dev/null ||
		{ echo "engine/reference-$1.md is stale: run 'make docs'"; return 1; }
}

no_machine_paths() {
	! git grep -nE '/(work|farm)/(main|wt|shared)' -- . ':!.ci/tests/tree.sh'
}

check "modules depend in one direction" .ci/check-deps.sh "${BUILD:-build}/libtiercel.a"
check "files and functions are small" .ci/check-size.sh
check "reference of fields is fresh" fresh fields
check "reference of events is fresh" fresh events
if git rev-parse --git-dir >/dev/null 2>&1; then
	check "no paths of a machine" no_machine_paths
fi
echo "1..$n"
