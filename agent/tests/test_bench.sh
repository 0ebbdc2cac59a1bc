#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tiercel bench and explain, and traces inflated on a second thread: figures are complete and agree
# with a replay, damaged gzip gives the same diagnostics by file and by pipe. Prints TAP.
set -u
. "$(dirname "$0")/tap.sh"
gen=${BUILD:-build}/bench/gen_trace

# gives STATUS PATTERN COMMAND...: exit status, and a line on stdout or stderr
gives() {
	local status=$1 pattern=$2 got
	shift 2
	timeout 60 "$@" >"$tmp/out" 2>&1
	got=$?
	cat "$tmp/out"
	[ $got -eq "$status" ] && grep -qE -- "$pattern" "$tmp/out"
}

"$gen" -n 20000 -a 2000 -o "$tmp/t.scap" && gzip -kf "$tmp/t.scap" || exit 1
cat >"$tmp/r.yaml" <<'R'
- rule: shadow
  desc: d
  priority: NOTICE
  output: read %fd.name by %proc.name
  condition: evt.type in (open, openat) and fd.name = /etc/shadow and not proc.name in (a, b)
- rule: never
  desc: d
  priority: NOTICE
  output: o
  condition: evt.type = execve and proc.name = no-such-program
R
printf -- '- rule: bad\n  desc: d\n  priority: NOTICE\n  output: o\n  condition: proc.nme = x\n' >"$tmp/bad.yaml"

"$tiercel" replay -q -r "$tmp/r.yaml" "$tmp/t.scap" >"$tmp/alerts" 2>"$tmp/err"
"$tiercel" replay -q -r "$tmp/r.yaml" "$tmp/t.scap.gz" >"$tmp/alerts.gz" 2>"$tmp/err"
"$tiercel" replay -q -r "$tmp/r.yaml" - <"$tmp/t.scap.gz" >"$tmp/alerts.pipe" 2>"$tmp/err"
check "the trace gives alerts" test -s "$tmp/alerts"
check "gzip gives the same alerts" cmp "$tmp/alerts" "$tmp/alerts.gz"
check "gzip on standard input gives the same alerts" cmp "$tmp/alerts" "$tmp/alerts.pipe"
cat "$tmp/t.scap.gz" "$tmp/t.scap.gz" >"$tmp/two.scap.gz"
check "members of gzip follow each other" \
	gives 0 'events: 40000 in' "$tiercel" replay -r "$tmp/r.yaml" "$tmp/two.scap.gz"

size=$(stat -c %s "$tmp/t.scap.gz")
head -c $((size / 2)) "$tmp/t.scap.gz" >"$tmp/cut.scap.gz"
check "cut gzip: what is there is used, and the cut reported" \
	gives 1 'TRACE_CUT' "$tiercel" replay -r "$tmp/r.yaml" "$tmp/cut.scap.gz"
head -c 15 "$tmp/t.scap.gz" >"$tmp/stub.scap.gz"
check "gzip that ends before anything" \
	gives 1 'the compressed data ends early .TRACE_ERR_TRUNCATED' "$tiercel" replay -r "$tmp/r.yaml" "$tmp/stub.scap.gz"
{ head -c $((size / 2)) "$tmp/t.scap.gz"; head -c 4000 /dev/zero | tr '\0' '\377'; } >"$tmp/broken.scap.gz"
check "damaged gzip" \
	gives 1 'byte offset .*TRACE_ERR_FORMAT' "$tiercel" replay -r "$tmp/r.yaml" "$tmp/broken.scap.gz"
{ cat "$tmp/t.scap.gz"; echo and more; } >"$tmp/tail.scap.gz"
check "bytes behind gzip" \
	gives 0 'bytes after the compressed data ignored .TRACE_SKIPPED' "$tiercel" replay -r "$tmp/r.yaml" "$tmp/tail.scap.gz"
printf 'no capture at all, but compressed' | gzip >"$tmp/text.scap.gz"
check "gzip of something else" \
	gives 1 'TRACE_ERR_FORMAT' "$tiercel" replay -r "$tmp/r.yaml" "$tmp/text.scap.gz"
# The thread waits for more of a gzip member when the reader has given up.
check "a pipe that stays silent does not hold up the end" \
	gives 1 'TRACE_ERR_FORMAT' timeout 10 bash -c \
	"exec '$tiercel' replay -r '$tmp/r.yaml' - < <(head -c 300000 /dev/urandom | gzip | head -c 200000; exec sleep 15)"

json="$tmp/bench.json"
"$tiercel" bench -n 1 --json -r "$tmp/r.yaml" --trace "$tmp/t.scap.gz" >"$json" 2>"$tmp/err"
bench_json() {
	python3 -c '
import json, sys
b = json.load(open(sys.argv[1]))
assert b["events"] == 20000 and b["alerts"] == int(sys.argv[2]) > 0, b
assert list(b["phases_ns"]) == ["read", "decode", "state", "match", "output"], b
assert b["ns_per_event"] > 0 and b["events_per_cpu_s"] > 0 and b["peak_rss_kb"] > 0, b
assert {r["rule"]: r["hits"] for r in b["rules"]} == {"shadow": b["alerts"], "never": 0}, b
' "$@"
}
check "bench: hits are those of a replay" bench_json "$json" "$(wc -l <"$tmp/alerts")"
check "bench: as text" gives 0 'events per CPU-second' \
	"$tiercel" bench -n 1 -r "$tmp/r.yaml" --trace "$tmp/t.scap"
check "bench: without rules up to the state" gives 0 '^  state ' "$tiercel" bench -n 1 --trace "$tmp/t.scap"
check "bench: no trace" gives 2 'no trace given' "$tiercel" bench -r "$tmp/r.yaml"
check "bench: missing trace" gives 1 'No such file' "$tiercel" bench --trace "$tmp/none.scap"
check "bench: standard input cannot be read twice" gives 2 'must be a file' "$tiercel" bench --trace -
check "bench: wrong number of runs" gives 2 '1 to 1000' "$tiercel" bench --trace "$tmp/t.scap" -n 0
check "bench: bad rules" gives 1 'do not load' "$tiercel" bench -r "$tmp/bad.yaml" --trace "$tmp/t.scap"
check "bench: damaged trace" gives 1 'TRACE_ERR' "$tiercel" bench -n 1 --trace "$tmp/broken.scap.gz"

check "explain: the checks of a rule" gives 0 'fd.name = /etc/shadow' \
	"$tiercel" explain -r "$tmp/r.yaml" --plan shadow
check "explain: what is shared per process" gives 0 'process\] proc.name in \(a, b\)' \
	"$tiercel" explain -r "$tmp/r.yaml" --plan shadow
check "explain: all rules" gives 0 '^never$' "$tiercel" explain -r "$tmp/r.yaml"
check "explain: unknown rule" gives 1 "did you mean 'shadow'" \
	"$tiercel" explain -r "$tmp/r.yaml" --plan shadwo
cat >"$tmp/e.yaml" <<'R'
- rule: files
  desc: d
  priority: NOTICE
  output: x
  condition: evt.type = openat and fd.name in (/etc/shadow, /dev/null)
  exceptions:
    - name: unused
      fields: [proc.name]
    - name: one
      fields: [fd.name]
      values: [[/dev/null]]
    - name: never
      fields: [proc.name, fd.name]
      values: [[nobody, /etc/shadow]]
R
kept=$("$tiercel" replay --print -p '%fd.name' "$tmp/t.scap" \
	--filter 'evt.type = openat and fd.name = /dev/null' 2>/dev/null | grep -c '^/dev/null$')
exceptions() {
	timeout 60 "$tiercel" bench -n 1 -r "$tmp/e.yaml" --trace "$tmp/t.scap" >"$tmp/out" 2>&1
	cat "$tmp/out"
	[ "$kept" -gt 0 ] && grep -qE "^ +$kept  kept from files by one$" "$tmp/out" &&
		! grep -qE 'kept from files by (never|unused)' "$tmp/out"
}
check "bench: exceptions that kept rules from matching are counted" exceptions
check "bench: rules and checks by cost" gives 0 'samples  fd.name in' \
	"$tiercel" bench -n 1 -r "$tmp/e.yaml" --trace "$tmp/t.scap"
every() {
	"$gen" -m all -n 20000 -o "$tmp/all.scap" &&
		timeout 60 "$tiercel" replay --print -q -p '%evt.type' "$tmp/all.scap" >"$tmp/types" 2>&1 &&
		for type in page_fault switch getpid futex epoll_wait mmap newfstatat lseek openat execve; do
			grep -qx "$type" "$tmp/types" || return 1
		done
}
check "the generator makes every kind of system call" every
check "the generator refuses a mix it does not know" gives 2 '^usage: gen_trace' "$gen" -m none -o "$tmp/x"
check "explain: no rules" gives 2 'no rules' "$tiercel" explain --plan shadow
check "explain: bad rules" gives 1 'do not load' "$tiercel" explain -r "$tmp/bad.yaml"
tap_end
