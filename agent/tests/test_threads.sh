#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tiercel replay --threads N: alerts are those of one thread, in the same order; errors are told once.
# Prints TAP.
set -u
. "$(dirname "$0")/tap.sh"
gen=${BUILD:-build}/bench/gen_trace

# same THREADS OPTION...: alerts of so many threads are those of one
same() {
	local threads=$1
	shift
	timeout 120 "$tiercel" replay -r "$tmp/r.yaml" "$@" "$tmp/t.scap" >"$tmp/one" 2>"$tmp/err.one" &&
		timeout 120 "$tiercel" replay --threads "$threads" -r "$tmp/r.yaml" "$@" "$tmp/t.scap" \
			>"$tmp/many" 2>"$tmp/err.many" &&
		[ -s "$tmp/one" ] && cmp "$tmp/one" "$tmp/many" &&
		diff <(grep -A9 ^alerts "$tmp/err.one") <(grep -A9 ^alerts "$tmp/err.many")
}

# gives STATUS PATTERN COMMAND...: exit status, and exactly one line like that on stderr
gives() {
	local status=$1 pattern=$2 got
	shift 2
	timeout 120 "$@" >/dev/null 2>"$tmp/err"
	got=$?
	cat "$tmp/err"
	[ $got -eq "$status" ] && [ "$(grep -cE -- "$pattern" "$tmp/err")" -eq 1 ]
}

"$gen" -n 30000 -a 100 -o "$tmp/t.scap" || exit 1
cat >"$tmp/r.yaml" <<'R'
- rule: shadow
  desc: d
  priority: NOTICE
  output: read %fd.name by %proc.name of %proc.pname in %proc.cwd (%evt.num %evt.time)
  condition: evt.type = openat and fd.name = /etc/shadow
- rule: programs
  desc: d
  priority: NOTICE
  output: start of %proc.cmdline by %proc.aname[2] %proc.aname[3]
  condition: evt.type = execve
- rule: files
  desc: d
  priority: NOTICE
  output: "%evt.type %fd.name %fd.num %proc.pid"
  condition: evt.type in (openat, read, write, close) and fd.name startswith /etc
R
head -c 900000 "$tmp/t.scap" >"$tmp/cut.scap"
head -c 100 /dev/zero >"$tmp/none.scap"

check "two threads" same 2
check "five threads" same 5
check "all matching rules" same 3 --rule-matching all
check "a cut trace fails once" gives 1 "cut.scap.*error" "$tiercel" replay --threads 3 -q -r "$tmp/r.yaml" "$tmp/cut.scap"
check "no trace" gives 1 "error" "$tiercel" replay --threads 3 -q -r "$tmp/r.yaml" "$tmp/none.scap"
check "a missing trace" gives 1 "missing.scap.*No such file" \
	"$tiercel" replay --threads 3 -q -r "$tmp/r.yaml" "$tmp/missing.scap"
check "not with --print" gives 2 "threads goes with rules only" \
	"$tiercel" replay --threads 2 --print "$tmp/t.scap"
check "not from a pipe" gives 2 "must be a file" "$tiercel" replay --threads 2 -r "$tmp/r.yaml" -
check "not zero" gives 2 "from 1 to" "$tiercel" replay --threads 0 -r "$tmp/r.yaml" "$tmp/t.scap"
tap_end
