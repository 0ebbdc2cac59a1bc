#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The checks of the harness must be able to fail: splats are found, logs that cannot show any do not pass,
# and TAP that is cut off or has a failure is no success.
here=$(dirname "$0")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0
tool=splat.sh

# check NAME EXPECTED-STATUS LINE...
check() {
	name=$1 expected=$2
	shift 2
	number=$((number + 1))
	[ $# -eq 0 ] && : >"$log" || printf '%s\n' "$@" >"$log"
	"$here/$tool" "$log" 'finished status 0' >/dev/null
	status=$?
	if [ $status -eq "$expected" ]; then echo "ok $number - $name"; else echo "not ok $number - $name: $status"; fi
}

heard='[ 1.0] ktest: console is heard'
end='[ 9.0] ktest: end of tests'
check clean 0 "$heard" '[ 2.0] pci 0000:00: Memory resource size exceeds max' "$end"
check warning 1 "$heard" '[ 2.0] WARNING: CPU: 0 PID: 7 at kernel/bpf/verifier.c:1 f+0x1/0x2' "$end"
check bug 1 "$heard" '[ 2.0] BUG: kernel NULL pointer dereference, address: 0' "$end"
check oops 1 "$heard" '[ 2.0] Oops: 0000 [#1] SMP' "$end"
check oops-arm64 1 "$heard" '[ 2.0] Internal error: Oops: 96000004 [#1] SMP' "$end"
check stall 1 "$heard" '[ 2.0] rcu: INFO: rcu_sched self-detected stall on CPU' "$end"
check hung-task 1 "$heard" '[ 2.0] INFO: task ktest:7 blocked for more than 120 seconds.' "$end"
check panic 1 "$heard" '[ 2.0] Kernel panic - not syncing'
check cut-off 1 "$heard"
check not-captured 1 'nothing of the kernel'
check empty 1

tool=judge.sh
done='# guest finished status 0'
check good-tap 0 'ok 1 - a' 'ok 2 - b # SKIP c' '1..2' "$done"
check failed-case 1 'ok 1 - a' 'not ok 2 - b' '1..2' "$done"
check missing-case 1 'ok 1 - a' '1..2' "$done"
check missing-plan 1 'ok 1 - a' "$done"
check missing-end 1 'ok 1 - a' '1..1'
check bail-out 1 'Bail out! no sensor' "$done"
check no-case 1 '1..0' "$done"

tool=splat.sh
rm -f "$log"
number=$((number + 1))
"$here/splat.sh" "$log.missing" >/dev/null && echo "not ok $number - missing" || echo "ok $number - missing"
echo "1..$number"
