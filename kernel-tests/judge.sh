#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Is a TAP file complete and without failures? Prints what is wrong and returns 1.
# usage: judge.sh TAP [PATTERN]     PATTERN: must occur, the last line of a guest
tap=$1
finished=${2:-}

grep -a '^Bail out!' "$tap" && exit 1
plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$tap")
got=$(grep -acE '^(not )?ok ' "$tap")
grep -aA 1 '^not ok' "$tap"
if [ "${plan:-0}" -eq 0 ] || [ "$plan" != "$got" ]; then
	echo "incomplete: plan ${plan:-missing}, $got results"
	exit 1
fi
if [ -n "$finished" ] && ! grep -aq "$finished" "$tap"; then
	echo "no closing line: the guest did not end in order"
	exit 1
fi
! grep -aq '^not ok' "$tap"
