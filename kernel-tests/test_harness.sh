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

# Boots: a guest that never reaches its init is booted again, at last with a fresh image; what runs is not.
work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT
cat >"$work/guest" <<'END'
#!/bin/sh
# The fake guest reaches its init from boot number $FIRST_GOOD on, and ends with $ENDS_WITH.
echo boot >>"$4.boots"
echo 'tail of the console' >"$4.console"
: >"$4.tap" >"$4.qemu"
[ "$(wc -l <"$4.boots")" -lt "$FIRST_GOOD" ] || echo 'ktest: console is heard' >>"$4.console"
exit "$ENDS_WITH"
END
printf '#!/bin/sh\necho "$KT_REFRESH" >>"%s/fetched"\n' "$work" >"$work/fetch"
chmod +x "$work/guest" "$work/fetch"

# boots NAME FIRST-GOOD STATUS-OF-GUEST EXPECTED-STATUS EXPECTED-BOOTS EXPECTED-FETCHES
boots() {
	number=$((number + 1))
	rm -f "$work"/out.* "$work/fetched"
	: >"$work/fetched"
	KT_GUEST=$work/guest KT_FETCH=$work/fetch FIRST_GOOD=$2 ENDS_WITH=$3 \
		"$here/boot.sh" k amd64 vmlinux root "$work/out" >"$work/said"
	status=$?
	got="$status $(wc -l <"$work/out.boots") $(wc -l <"$work/fetched")"
	if [ "$got" = "$4 $5 $6" ]; then echo "ok $number - $1"; else echo "not ok $number - $1: $got"; fi
}

boots first-boot 1 0 0 1 0
boots failing-guest-is-not-repeated 1 124 124 1 0
boots second-boot 2 0 0 2 0
boots third-boot-with-fresh-image 3 0 0 3 1
boots never 9 0 4 3 1
number=$((number + 1))
if grep -q 'tail of the console' "$work/said"; then echo "ok $number - console-shown"; else echo "not ok $number - console-shown"; fi

tool=splat.sh
rm -f "$log"
number=$((number + 1))
"$here/splat.sh" "$log.missing" >/dev/null && echo "not ok $number - missing" || echo "ok $number - missing"
echo "1..$number"
