#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Command line tests: bad input of every command gives one located message and a non-zero exit code.
# Prints TAP.
set -u
. "$(dirname "$0")/tap.sh"

rule() {
	printf -- '- rule: r\n  desc: d\n  output: o %%proc.name\n  priority: NOTICE\n  condition: %s\n' "$1"
}

expect "no command" 2 'Usage: tiercel COMMAND' "$tiercel"
expect "unknown command" 2 "did you mean 'replay'" "$tiercel" replya
expect "help" 0 'Commands:' "$tiercel" --help
expect "help of a command" 0 '--rule-matching' "$tiercel" replay --help
expect "version" 0 '^tiercel [0-9]' "$tiercel" --version
for command in --version --help fields "config --schema" "check $tmp"; do
	expect "what cannot be written is a failure: $command" 1 'cannot write to standard output' \
		bash -c "'$tiercel' $command 3>&1 >/dev/full 2>&3"
done
# A sensor that hangs: it listens, and that is all.
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
time.sleep(60)' "$tmp/hangs" &
hangs=$!
while [ ! -S "$tmp/hangs" ] && kill -0 $hangs; do sleep 0.1; done
expect "status of a sensor that hangs" 1 "the sensor at '$tmp/hangs' hangs: no answer in 10 s" \
	"$tiercel" status --socket "$tmp/hangs"
kill $hangs
if [ -r /sys/kernel/btf/vmlinux ]; then
	rule 'evt.type = open' >"$tmp/open.yaml"
	less=()
	[ "$(id -u)" = 0 ] && less=(setpriv --bounding-set -sys_admin,-bpf,-perfmon --inh-caps -all)
	expect "a sensor that may not load programs says what is missing" 1 'missing: BPF, PERFMON' \
		"${less[@]}" "$tiercel" run -r "$tmp/open.yaml" -o state_directory= -o control.enabled=false
else
	n=$((n + 1))
	echo "ok $n - missing capabilities # SKIP no BTF"
fi
expect "unknown option" 2 "did you mean '--rules'" "$tiercel" replay --rule x y
expect "option without argument" 2 'needs an argument' "$tiercel" replay -r
expect "replay without trace" 2 'no TRACE' "$tiercel" replay -r rules/system
expect "replay without rules" 2 'nothing to do' "$tiercel" replay x.scap
expect "wrong rule matching" 2 "'first' or 'all'" "$tiercel" replay --rule-matching some -r rules/system x
expect "missing rules" 1 'No such file' "$tiercel" replay -r "$tmp/none.yaml" x.scap
expect "missing trace" 1 'No such file' "$tiercel" replay -r rules/system "$tmp/none.scap"
expect "trace is a directory" 1 'Is a directory' "$tiercel" replay -r rules/system "$tmp"

printf 'this is not a capture, not at all' >"$tmp/text.scap"
expect "not a capture" 1 'TRACE_ERR_FORMAT' "$tiercel" replay -r rules/system "$tmp/text.scap"
: >"$tmp/empty.scap"
expect "empty capture" 1 'TRACE_ERR' "$tiercel" replay -r rules/system "$tmp/empty.scap"

mkfifo "$tmp/fifo"
expect "rules in a FIFO without a writer" 1 'fifo: error: .*No data available' "$tiercel" check "$tmp/fifo"
mkdir "$tmp/links" "$tmp/nothing"
rule 'evt.type = open' >"$tmp/links/good.yaml"
ln -s "$tmp/gone.yaml" "$tmp/links/bad.yaml"
expect "a link to nothing among rules" 0 "warning: rules file '.*links/bad.yaml' is a link to nothing" \
	"$tiercel" check "$tmp/links"
expect "a folder without rules" 0 "no rules file .* in '.*nothing'" "$tiercel" check "$tmp/nothing"
expect "rules from a pipe whose writer is slow" 0 '1 file: ok' bash -c \
	"{ sleep 3; cat '$tmp/links/good.yaml'; } | '$tiercel' check /dev/stdin"

rule 'evt.type = open and (proc.name = x' >"$tmp/syntax.yaml"
expect "syntax error in a condition" 1 "syntax.yaml:5:[0-9]+: error: .*expected a '\)'" \
	"$tiercel" check "$tmp/syntax.yaml"
rule 'evt.type = open and proc.nme = x' >"$tmp/field.yaml"
expect "unknown field" 1 'field.yaml:5:[0-9]+: error: .*nonexistent field proc.nme' \
	"$tiercel" check "$tmp/field.yaml"
expect "unknown field has a hint" 1 'proc.name' "$tiercel" check "$tmp/field.yaml"
rule 'evt.type = open and macro_that_is_not' >"$tmp/macro.yaml"
expect "undefined macro" 1 'macro.yaml:5:[0-9]+: error: .*macro_that_is_not' "$tiercel" check "$tmp/macro.yaml"
printf -- '- rule: [a\n' >"$tmp/yaml.yaml"
printf -- '- macro: macro_that_is_not\n  condition: proc.name=x\n' >"$tmp/later.yaml"
expect "macro of a later file" 1 'hint: later files make up for it' \
	"$tiercel" check "$tmp/macro.yaml" "$tmp/later.yaml"
expect "macro of an earlier file" 0 '2 files: ok, 0 errors, 0 warnings' \
	"$tiercel" check "$tmp/later.yaml" "$tmp/macro.yaml"
expect "unused until the next file" 0 'LOAD_UNUSED_MACRO' \
	"$tiercel" check --json "$tmp/later.yaml" "$tmp/macro.yaml"
expect "YAML error" 1 'yaml.yaml:[0-9]+:[0-9]+: error' "$tiercel" check "$tmp/yaml.yaml"
rule 'evt.type = open' | sed 's/%proc.name/%proc.nme/' >"$tmp/output.yaml"
expect "unknown field in an output" 1 'output.yaml:3:[0-9]+: error' "$tiercel" check "$tmp/output.yaml"
expect "replay refuses rules that do not load" 1 'do not load' \
	"$tiercel" replay -r "$tmp/field.yaml" "$tmp/text.scap"
expect "check of a missing file" 1 'LOAD_ERR_FILE_READ' "$tiercel" check "$tmp/none.yaml"
expect "bad condition" 1 'error' "$tiercel" check --condition 'a.b ='
expect "good condition" 0 '^evt.type = open$' "$tiercel" check --condition 'evt.type=open'
expect "unknown field to print" 2 'nonexistent field' \
	"$tiercel" replay --print --json --fields no.such "$tmp/text.scap"
expect "bad filter" 2 'filter:1:' "$tiercel" replay --print --filter 'proc.name' "$tmp/text.scap"
expect "our pack has no problems" 0 ' ok, 0 errors, 0 warnings' "$tiercel" check rules/system
expect "field list" 0 'proc.cmdline' "$tiercel" fields
expect "event list" 0 'openat\(' "$tiercel" events

n=$((n + 1))
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	n=$((n - 1))
	cp "$tiercel" "$tmp/tiercel-copy" && cp -r rules/system "$tmp/rules" && chmod -R a+rX "$tmp"
	expect "run without root" 1 'run as root' \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$tmp/tiercel-copy" run -r "$tmp/rules"
else
	echo "ok $n - run without root # SKIP setpriv is not here"
fi
expect "run without rules" 2 'no rules' "$tiercel" run
rule 'evt.type = open' >"$tmp/ring.yaml"
for ring in ring_kb life_ring_kb; do
	expect "size of a ring: $ring" 1 "sensor.$ring takes a power of two from 4, not 3" \
		"$tiercel" run -r "$tmp/ring.yaml" -o "sensor.$ring=3"
done

for command in status "top --once" tail reload; do
	expect "$command without a sensor" 1 'no sensor answers' "$tiercel" $command --socket "$tmp/none.sock"
done
expect "tail with a wrong priority" 2 'informational or debug' "$tiercel" tail --priority loud
expect "status with an operand" 2 'unexpected operand' "$tiercel" status x

expect "wrong priority" 2 'informational or debug' "$tiercel" replay --priority err -r rules/system x
expect "static without a value" 2 'NAME=TEXT' "$tiercel" replay --static x -r rules/system x
printf -- '- required_plugin_versions:\n    - name: k8saudit\n      version: 0.1.0\n' >"$tmp/plugin.yaml"
expect "missing plugin" 1 'k8saudit' "$tiercel" replay -r "$tmp/plugin.yaml" "$tmp/text.scap"

shadow=${TIERCEL_SHARED:-../shared}/corpus/behaviours/read_shadow.scap.gz
if [ -f "$shadow" ]; then
	expect "selection, text, static fields, appended output" 0 \
		'^[0-9T:-]*\.[0-9]{9}\+0000: Warning Account secrets read .* static_site=lab at lab$' \
		env TZ=UTC "$tiercel" replay --text --iso8601 --static site=lab \
		--append-output 'at %static.site' -D '*' --enable 'Account*' -r rules/system "$shadow"
	expect "disabled rules are silent" 0 '^alerts: 0$' "$tiercel" replay -T credential_access \
		-r rules/system "$shadow"
	expect "priority threshold" 0 '^alerts: 0$' "$tiercel" replay --priority error \
		-r rules/system "$shadow"
else
	n=$((n + 1))
	echo "ok $n - rule options on a trace # SKIP no shared reference data"
fi

corpus=${TIERCEL_SHARED:-../shared}/corpus/scap
if [ -f "$corpus/libs-sample.scap" ]; then
	head -c 130000 "$corpus/libs-sample.scap" >"$tmp/cut.scap"
	expect "truncated capture" 1 'TRACE_ERR_TRUNCATED' \
		"$tiercel" replay --print "$tmp/cut.scap"
	expect "events before the cut are printed" 1 ' switch next=' "$tiercel" replay --print "$tmp/cut.scap"
	{ head -c 130000 "$corpus/libs-sample.scap"; head -c 400 /dev/zero; } >"$tmp/zero.scap"
	gzip -c "$corpus/libs-sample.scap" | head -c 9000 >"$tmp/cut.scap.gz"
	expect "truncated gzip capture" 1 'TRACE_CUT' "$tiercel" replay --print "$tmp/cut.scap.gz"
	expect "corrupt capture" 1 'TRACE_ERR' "$tiercel" replay --print "$tmp/zero.scap"
else
	n=$((n + 1))
	echo "ok $n - damaged captures # SKIP no shared reference data"
fi
echo "1..$n"
