# SPDX-License-Identifier: Apache-2.0
# Common ground of the command line tests, sourced by them: TAP, a temporary folder, the program.
tiercel=${BUILD:-build}/tiercel
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 failed=0

# expect NAME STATUS PATTERN COMMAND...: exit status and a line on stdout or stderr
expect() {
	local name=$1 status=$2 pattern=$3 got
	shift 3
	n=$((n + 1))
	timeout 60 "$@" >"$tmp/out" 2>&1 </dev/null
	got=$?
	if [ $got -ne "$status" ]; then
		failed=1
		echo "not ok $n - $name: exit status $got instead of $status"
		sed 's/^/# /' "$tmp/out" | head -n 20
	elif ! grep -qE -- "$pattern" "$tmp/out"; then
		failed=1
		echo "not ok $n - $name: no line with '$pattern'"
		sed 's/^/# /' "$tmp/out" | head -n 20
	else
		echo "ok $n - $name"
	fi
}

# check NAME COMMAND...: the command succeeds; what it prints ($tmp/log) is shown when not
check() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$tmp/log" 2>&1 </dev/null; then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		sed 's/^/# /' "$tmp/log" | head -n 20
	fi
}

# skip NAME WHY
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# The last command of a script: its status is that of the tests.
tap_end() {
	echo "1..$n"
	[ $failed -eq 0 ]
}
