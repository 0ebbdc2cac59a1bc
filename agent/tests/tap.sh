# SPDX-License-Identifier: Apache-2.0
# Common ground of the command line tests, sourced by them: TAP, a temporary folder, the program.
tiercel=${BUILD:-build}/tiercel
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

# expect NAME STATUS PATTERN COMMAND...: exit status and a line on stdout or stderr
expect() {
	local name=$1 status=$2 pattern=$3 got
	shift 3
	n=$((n + 1))
	timeout 60 "$@" >"$tmp/out" 2>&1 </dev/null
	got=$?
	if [ $got -ne "$status" ]; then
		echo "not ok $n - $name: exit status $got instead of $status"
		sed 's/^/# /' "$tmp/out" | head -n 20
	elif ! grep -qE -- "$pattern" "$tmp/out"; then
		echo "not ok $n - $name: no line with '$pattern'"
		sed 's/^/# /' "$tmp/out" | head -n 20
	else
		echo "ok $n - $name"
	fi
}

# check NAME COMMAND...: the command succeeds
check() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$tmp/out" | head -n 20
	fi
}

tap_end() {
	echo "1..$n"
}
