#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The configuration: Falco's file is accepted, every wrong or unknown key is told with its place, files
# merge as specified, -o and the environment work, the schema accepts what the reader accepts. Prints TAP.
set -u
cd "$(dirname "$0")/../.."
tiercel=$(realpath "${BUILD:-build}/tiercel")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

# expect NAME STATUS PATTERN COMMAND...: exit status and a line on stdout or stderr; "!PATTERN": no such line
expect() {
	local name=$1 status=$2 pattern=$3 got want=0
	shift 3
	n=$((n + 1))
	[ "${pattern#!}" != "$pattern" ] && want=1
	timeout 60 "$@" >"$tmp/out" 2>&1 </dev/null
	got=$?
	if [ $got -ne "$status" ]; then
		echo "not ok $n - $name: exit status $got instead of $status"
		sed 's/^/# /' "$tmp/out" | head -n 20
		return
	fi
	grep -qE -- "${pattern#!}" "$tmp/out"
	if [ $? -ne $want ]; then
		echo "not ok $n - $name: '$pattern'"
		sed 's/^/# /' "$tmp/out" | head -n 20
	else
		echo "ok $n - $name"
	fi
}

config() {
	printf '%s\n' "${1//$'\\n'/$'\n'}" >"$tmp/c.yaml"
}

effective() {	# NAME PATTERN [ARGUMENT...]: of $tmp/c.yaml
	local name=$1 pattern=$2
	shift 2
	expect "$name" 0 "$pattern" "$tiercel" config -c "$tmp/c.yaml" --effective "$@"
}

wrong() {	# NAME TEXT PATTERN
	config "$2"
	expect "$1" 1 "$3" "$tiercel" config -c "$tmp/c.yaml"
}

expect "Falco's own file has no error" 0 "engine.kmod' has no effect" "$tiercel" config -c agent/tests/falco.yaml
expect "no key of Falco's file is unknown" 0 '!UNKNOWN_KEY|ERR' "$tiercel" config -c agent/tests/falco.yaml
expect "every warning has a place" 0 '!^([^ :]+: )?warning' "$tiercel" config -c agent/tests/falco.yaml
expect "values of Falco's file are taken" 0 '^json_output: false' "$tiercel" config -c agent/tests/falco.yaml --effective
expect "defaults without a file" 0 '^json_output: true' "$tiercel" config --effective -c /dev/null

# What --effective prints is a configuration with the same meaning.
cat >"$tmp/c.yaml" <<'END'
rules:
  - disable: {rule: "*"}
  - enable: {tag: network}
append_output:
  - match: {source: syscall, tags: [a, b], rule: "x \"y\""}
    extra_output: "pod=%k8s.pod.name"
    extra_fields: [proc.pid, {label: "%proc.name"}]
  - suggested_output: true
static_fields: {cluster: c1}
metrics: {interval: 1h30m}
http_output: {headers: ["X-A: b"]}
END
echo 'identity: {node: "$${HOME} $$${HOME} $$$$${ \\u0007 é", labels: ["$${A}=b"]}' >>"$tmp/c.yaml"
"$tiercel" config -c "$tmp/c.yaml" --effective >"$tmp/e1.yaml"
"$tiercel" config -c "$tmp/e1.yaml" --effective >"$tmp/e2.yaml"
expect "effective is a fixed point" 0 '!.' diff "$tmp/e1.yaml" "$tmp/e2.yaml"
expect "effective has what stands for itself" 0 'labels: \["\$\$\{A\}=b"\]' cat "$tmp/e2.yaml"
expect "effective has the structured options" 0 'tags: \["a", "b"\]' cat "$tmp/e2.yaml"
expect "effective has times" 0 'interval: 5400000ms' cat "$tmp/e2.yaml"

expect "missing file" 1 "none.yaml.*No such file" "$tiercel" config -c "$tmp/none.yaml"
wrong "not YAML" 'a: [b' 'c.yaml:[0-9]+:[0-9]+: error'
wrong "not a map" '- a' 'c.yaml:1:1: error: a configuration is a map of keys, not a list'
wrong "wrong type" 'json_output: maybe' "c.yaml:1:14: error: json_output takes true or false, not 'maybe'"
wrong "map instead of a value" 'priority: {a: b}' 'priority takes one of emergency.*, not a map'
wrong "value instead of a section" 'webserver: 5' "webserver takes a map, not '5'"
wrong "number out of range" 'webserver:\n  listen_port: 70000' 'c.yaml:2:16: error: webserver.listen_port takes a number from 1 to 65535'
wrong "negative number" 'output_timeout: -1' 'takes a number from 1'
wrong "wrong choice" 'rule_matching: some' "takes one of first.all, not 'some'"
wrong "wrong time" 'metrics: {interval: 5}' "written as 500ms, 30s or 1h30m, not '5'"
wrong "list of maps instead of texts" 'rules_files: [{a: b}]' 'rules_files takes a list of texts, not a map'
wrong "wrong action" 'syscall_event_drops: {actions: [mail]}' 'takes a list of ignore.log.alert.exit'
wrong "wrong selection" 'rules: [{switch: {rule: x}}]' 'rules takes entries of the form enable'
wrong "all errors are told" 'json_output: 7\npriority: 8' 'c.yaml:2:11: error'
wrong "second document" 'priority: debug\n---\npriority: error' 'c.yaml:3:1: error: a second YAML document'
config 'json_output: true\nstdout_ouput: {enabled: true}'
expect "unknown key is a warning with a hint" 0 "c.yaml:2:1: warning: unknown key 'stdout_ouput'" "$tiercel" config -c "$tmp/c.yaml"
expect "the hint" 0 "hint: did you mean 'stdout_output" "$tiercel" config -c "$tmp/c.yaml" -o stdout_output.enabld=1
config 'priority: error\npriority: debug'
expect "key given twice" 0 'c.yaml:2:1: warning.*is given again' "$tiercel" config -c "$tmp/c.yaml"

printf '\xef\xbb\xbfjson_output: false\r\npriority: error\r\n' >"$tmp/c.yaml"
effective "byte order mark and CRLF" '^priority: error'
wrong "hints for what is not YAML" $'webserver:\n\tenabled: true' 'hint: indent with blanks, not with tabs'
config 'rules_files: /a.yaml\nsyscall_event_drops: {actions: log}'
effective "a text in place of a list of one" '^rules_files: \["/a.yaml"\]'
effective "the same with choices" 'actions: \["log"\]'
effective "the same by -o" '^rules_files: \["/b.yaml"\]' -o rules_files=/b.yaml
wrong "wrong choice in place of a list" 'syscall_event_drops: {actions: mail}' 'takes a list of ignore.log.alert.exit'

config 'http_output: {url: "${TC_URL}/x", user_agent: "$${TC_URL} ${open"}\njson_output: ${TC_JSON}\nidentity: {node: "<${TC_NONE}>"}'
export TC_URL=http://sink TC_JSON=no
effective "environment in a text" 'url: "http://sink/x"'
effective "environment in a value of another type" '^json_output: false'
effective "escaped and unfinished references" 'user_agent: "\$\$\{TC_URL\} \$\$\{open"'
effective "unset variable counts as empty" 'node: "<>"'
effective "unset variable is a warning" 'c.yaml:3:18: warning: environment variable TC_NONE is not set'

config 'rules_files: [/a.yaml, /b.yaml]\nrules: [{disable: {rule: x}}]'
effective "-o of a value" 'listen_port: 99' -o webserver.listen_port=99
effective "-o of a list element" 'rules_files: \["/a.yaml", "/c.yaml"\]' -o 'rules_files[1]=/c.yaml'
effective "-o appends" 'rules_files: \["/a.yaml", "/b.yaml", "/c.yaml"\]' -o 'rules_files[]=/c.yaml'
effective "-o with JSON" '  - enable: \{tag: "t"\}' -o 'rules[]={"enable": {"tag": "t"}}'
effective "-o of a list" 'rules_files: \["/q"\]' -o 'rules_files=["/q"]'
effective "-o through an index" '  - disable: \{rule: "y"\}' -o 'rules[0].disable.rule=y'
effective "-o with an escaped dot" '"a.b": "c"' -o 'static_fields.a\.b=c'
effective "the last -o wins" '^priority: error' -o priority=debug -o priority=error
for bad in 'priority' '=x' 'rules_files[7]=x' 'rules_files[x]=y' 'rules_files[0=y' 'rules_files.a=b' \
	'priority=[' 'priority=never' 'rules[0].disable..rule=x'; do
	expect "bad -o $bad" 1 '-o:1:[0-9]+: error' "$tiercel" config -c "$tmp/c.yaml" -o "$bad"
done

mkdir "$tmp/d"
echo 'rules_files: [/two.yaml]
priority: error
webserver: {listen_port: 1234}' >"$tmp/d/20.yaml"
echo 'rules_files: [/one.yaml]' >"$tmp/d/10.yml"
echo 'rules_files: [/never.yaml]' >"$tmp/d/README"
base="rules_files: [/zero.yaml]\npriority: notice\nwebserver: {enabled: true}\nconfig_files:"
config "$base\n  - $tmp/d"
effective "append: lists are appended to, files in order" 'rules_files: \["/zero.yaml", "/one.yaml", "/two.yaml"\]'
effective "append: values are replaced" '^priority: error'
effective "append: maps are replaced" 'enabled: false'
config "$base\n  - {path: $tmp/d, strategy: override}"
effective "override" 'rules_files: \["/two.yaml"\]'
config "$base\n  - {path: $tmp/d, strategy: add-only}"
effective "add-only keeps what is there" 'rules_files: \["/zero.yaml"\]'
config "$base\n  - $tmp/d"
effective "-o goes on top" '^priority: alert' -o priority=alert
effective "-o can name the files" 'rules_files: \["/zero.yaml"\]' -o config_files=[]
config "config_files: [$tmp/none]"
expect "missing config_files are a warning" 0 "c.yaml:1:16: warning: .*none" "$tiercel" config -c "$tmp/c.yaml"
wrong "wrong strategy" "config_files: [{path: $tmp/d, strategy: most}]" 'strategy takes append, override or add-only'
echo 'config_files: [/x]' >"$tmp/d/30.yaml"
config "config_files: [$tmp/d]"
expect "one file of config_files without a list" 0 '^priority: error' "$tiercel" config -c /dev/null --effective -o config_files="$tmp/d/20.yaml"
expect "no recursion" 0 'itself named by config_files: ignored' "$tiercel" config -c "$tmp/c.yaml"
echo 'priority: [' >"$tmp/d/30.yaml"
expect "error in an included file" 1 'd/30.yaml:2:1: error' "$tiercel" config -c "$tmp/c.yaml"

# The schema is JSON and names every option; what --effective prints satisfies it.
"$tiercel" config --schema >"$tmp/schema.json"
expect "schema names nested options" 0 '^"integer"$' jq '.properties.webserver.properties.listen_port.type' "$tmp/schema.json"
expect "schema refuses unknown keys" 0 '^false$' jq '.additionalProperties' "$tmp/schema.json"
expect "schema has aliases" 0 '"info"' jq -c .properties.priority.enum "$tmp/schema.json"
expect "usage" 2 "unexpected operand" "$tiercel" config x
echo "1..$n"
