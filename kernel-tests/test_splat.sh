#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The check for kernel splats must find them, and must not pass when it cannot have seen any.
here=$(dirname "$0")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0

# check NAME EXPECTED-STATUS, with the console log as input
check() {
	number=$((number + 1))
	cat >"$log"
	"$here/splat.sh" "$log" >/dev/null
	status=$?
	if [ $status -eq "$2" ]; then echo "ok $number - $1"; else echo "not ok $number - $1: $status"; fi
}

heard='[ 1.0] ktest: console is heard'
end='[ 9.0] ktest: end of tests'
printf '%s\n' "$heard" '[ 2.0] pci 0000:00: Memory resource size exceeds max' "$end" | check clean 0
printf '%s\n' "$heard" '[ 2.0] WARNING: CPU: 0 PID: 7 at kernel/bpf/verifier.c:1 f+0x1/0x2' "$end" | check warning 1
printf '%s\n' "$heard" '[ 2.0] BUG: kernel NULL pointer dereference, address: 0' "$end" | check bug 1
printf '%s\n' "$heard" '[ 2.0] Oops: 0000 [#1] SMP' "$end" | check oops 1
printf '%s\n' "$heard" '[ 2.0] Internal error: Oops: 96000004 [#1] SMP' "$end" | check oops-arm64 1
printf '%s\n' "$heard" '[ 2.0] rcu: INFO: rcu_sched self-detected stall on CPU' "$end" | check stall 1
printf '%s\n' "$heard" '[ 2.0] INFO: task ktest:7 blocked for more than 120 seconds.' "$end" | check hung-task 1
printf '%s\n' "$heard" '[ 2.0] Kernel panic - not syncing' | check panic 1
printf '%s\n' "$heard" | check cut-off 1
printf '%s\n' 'nothing of the kernel' | check not-captured 1
printf '' | check empty 1
rm -f "$log"
number=$((number + 1))
"$here/splat.sh" "$log.missing" >/dev/null && echo "not ok $number - missing" || echo "ok $number - missing"
echo "1..$number"
