#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tiercel doctor: the report of a machine where the sensor runs, and of a user who may not. TAP.
set -u
. "$(dirname "$0")/tap.sh"
out=$tmp/report

if [ "$(id -u)" -eq 0 ] && [ -r /sys/kernel/btf/vmlinux ]; then
	"$tiercel" doctor >"$out" 2>&1
	check "exit status 0" test $? -eq 0
	check "all hooks are attached" test "$(grep -c '^hook .*: attached$' "$out")" -ge 4
	check "no hook is missing" bash -c "! grep -q 'NOT ATTACHED' '$out'"
	check "system calls are counted" grep -Eq '^system calls  [0-9]{3} of [0-9]{3} reported' "$out"
	check "blind spots are named" grep -q '^not seen ' "$out"
	"$tiercel" doctor --json >"$out" 2>&1
	check "the JSON is one object with the same parts" python3 -c "
import json, sys
report = json.load(open('$out'))
sensor = report['sensor']
assert sensor['runs'] is True and report['kernel']['btf'] is True
assert all(hook['attached'] for hook in sensor['hooks'])
assert sensor['rings']['bytes'] > 0 and sensor['event_programs'] > 100
assert 'openat' not in sensor['system_calls']['name_only']"
	exe=$(mktemp)
	cp "$tiercel" "$exe" && chmod 755 "$exe"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$exe" doctor >"$out" 2>&1
	check "exit status 1 without rights" test $? -eq 1
	check "and the reason" grep -q 'CANNOT RUN: not allowed.*root' "$out"
	rm -f "$exe"
else
	skip doctor "needs root and BTF"
fi
"$tiercel" doctor extra >"$out" 2>&1
check "operands are refused" test $? -eq 2
tap_end
