#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs test programs that print TAP, one after another, and sums them into one closing line
# "N passed, N failed, N skipped". A program that crashes, hangs or prints no test is a failure.
# usage: run_tests.sh PROGRAM...        TEST_TIMEOUT=seconds per program (default 300)
set -u
passed=0 failed=0 skipped=0
# On the line of its test; tests of Check, which prints that line itself, say it in the line before.
skipped_line='^(ok.*)?# skip'
out=$(mktemp)
trap 'rm -f "$out"' EXIT

for program in "$@"; do
	start=$SECONDS
	timeout -k 10 "${TEST_TIMEOUT:-300}" "$program" >"$out" 2>"$out.err"
	status=$?
	ok=$(grep -c '^ok' "$out")
	skip=$(grep -ciE "$skipped_line" "$out")
	bad=$(grep -c '^not ok' "$out")
	[ $status -eq 124 ] && echo "not ok - $program: timed out" && bad=$((bad + 1))
	if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
		echo "not ok - $program: exit status $status"
		bad=1
	elif [ $((ok + bad)) -eq 0 ]; then
		echo "not ok - $program: ran no test"
		bad=1
	fi
	printf '%-44s %4d ok %3d failed %3d skipped  (%ds)\n' "${program#build*/}" \
		$((ok - skip)) "$bad" "$skip" $((SECONDS - start))
	grep -iE "$skipped_line" "$out"
	if [ "$bad" -gt 0 ]; then
		grep -A8 '^not ok' "$out" | head -n 60
		tail -n 30 "$out.err"
	fi
	rm -f "$out.err"
	passed=$((passed + ok - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
