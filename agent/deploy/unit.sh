#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Has a systemd unit a section or key that systemd does not know? Prints them. usage: unit.sh UNIT
set -u
if command -v systemd-analyze >/dev/null; then
	# A program that is not installed here is no fault of the unit.
	bad=$(systemd-analyze verify "$1" 2>&1 | grep -E 'Unknown (key|section|lvalue)|Failed to parse|Invalid' || true)
	[ -z "$bad" ] || { echo "$bad"; exit 1; }
	exit 0
fi
grep -vE '^(#.*|\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=.*|)$' "$1" && exit 1
exit 0
