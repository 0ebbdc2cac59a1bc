#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tiercel test, explain --trace, diff: results, reports, exit codes, and messages for wrong input.
# Prints TAP.
set -u
. "$(dirname "$0")/tap.sh"
tiercel=$(realpath "$tiercel")

result() {	# result STATUS NAME [FILE]: of something that was done before
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "${3:-$tmp/out}" | head -n 30
	fi
}

# same NAME EXPECTED-FILE: $tmp/out is exactly that
same() {
	diff -u "$2" "$tmp/out" >"$tmp/diff"
	result $? "$1" "$tmp/diff"
}

# tests NAME: the test file of stdin, in a folder of its own beside the rules
tests() {
	mkdir -p "$tmp/$1"
	cp "$tmp/rules.yaml" "$tmp/$1/rules.yaml"
	cat >"$tmp/$1/$1.tests.yaml"
}

# wrong NAME PATTERN: the test file of stdin gives the message
wrong() {
	local name=$1 pattern=$2
	tests wrong
	expect "$name" 1 "$pattern" "$tiercel" test --tap "$tmp/wrong"
}

# event TYPE FIELDS: a test of one event that expects silence
event() {
	printf -- '- name: t\n  events:\n    - %s: {%s}\n  expect: none\n' "$1" "$2"
}

cat >"$tmp/rules.yaml" <<'RULES'
- macro: read_file
  condition: evt.type in (open, openat) and fd.num >= 0 and evt.is_open_read = true
- rule: Secret read
  desc: d
  condition: read_file and fd.name in (/etc/shadow, /etc/gshadow) and not proc.name in (sshd)
  output: secret %fd.name read by %proc.name (%user.name)
  priority: WARNING
  exceptions:
    - name: backup
      fields: [proc.name, proc.exepath]
      comps: ["=", startswith]
      values: [[restic, /usr/bin/]]
- rule: Shell in a container
  desc: d
  condition: evt.type = execve and evt.rawres = 0 and container.id != host and proc.name in (sh, bash)
  output: shell %proc.cmdline in %container.name of %k8s.ns.name
  priority: NOTICE
- rule: Connection to a bad port
  desc: d
  condition: evt.type = connect and fd.sport = 4444 and not fd.snet in (10.0.0.0/8)
  output: connection %fd.name by %proc.name
  priority: ERROR
- rule: Any shell
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: shell %proc.cmdline
  priority: DEBUG
RULES

# ---- what works -------------------------------------------------------------------------------
tests good <<'TESTS'
tests:
  - name: read
    events:
      - openat: {proc.name: cat, proc.cmdline: cat /etc/shadow, proc.pname: bash, "proc.aname[2]": sshd, user.name: bob, user.uid: 1001, fd.name: /etc/shadow}
    expect:
      - rule: Secret read
        count: 1
        fields: {proc.name: cat, "proc.aname[2]": sshd, user.uid: 1001, fd.directory: /etc}
        priority: warning
        output: read by cat (bob)
  - name: near miss
    events:
      - openat: {proc.name: sshd, fd.name: /etc/shadow}
      - openat: {proc.name: cat, fd.name: /etc/shadow, evt.res: EACCES}
      - openat: {proc.name: cat, fd.name: /etc/shadow, evt.is_open_read: false, evt.is_open_write: true}
    expect: none
  - name: exception
    events:
      - openat: {proc.name: restic, proc.exepath: /usr/bin/restic, fd.name: /etc/shadow}
    expect: none
  - name: one process
    given:
      containers:
        web: {image: "reg:5000/web:1.2", pod: web-0, ns: shop, labels: {tier: front}}
      processes:
        srv: {proc.name: nginx, container.name: web, user.name: www-data}
    events:
      - execve: {proc: s, parent: srv, proc.cmdline: sh -c id, proc.pname: nginx, container.image.tag: "1.2", "container.label[tier]": front}
      - execve: {proc: s, proc.cmdline: bash -i, proc.exepath: /bin/bash, user.name: www-data, after: 2s}
      - connect: {proc: s, proc.name: bash, fd.sip: 203.0.113.9, fd.sport: 4444, fd.l4proto: tcp, fd.connected: true, fd.is_server: false}
      - write: {proc: s, fd.sip: 203.0.113.9, fd.name: "10.0.0.10:40000->203.0.113.9:4444", evt.buffer: hello}
      - connect: {proc: s, fd.sip: 10.1.2.3, fd.sport: 4444, fd.num: 9}
    expect:
      - rule: Shell in a container
        count: 2
        fields: {k8s.ns.name: shop, container.image.repository: "reg:5000/web"}
      - Connection to a bad port
  - name: first match and all
    matching: all
    events:
      - execve: {proc.name: sh, container.name: x}
    expect: [Shell in a container, Any shell]
  - name: other alerts are allowed, counts have bounds
    allow_other: true
    events:
      - execve: {proc.name: sh}
      - openat: {proc.name: cat, fd.name: /etc/shadow}
      - openat: {proc.name: cat, fd.name: /etc/gshadow}
    expect:
      - rule: Secret read
        count: {min: 1, max: 2}
      - none: Shell in a container
  - name: as an event-generator suite
    rule: Secret read
    events:
      - openat: {proc.name: cat, fd.name: /etc/shadow}
    expectedOutcome: {source: syscall, hostname: any, priority: WARNING, outputFields: {proc.name: cat}}
TESTS
expect "all tests pass" 0 '^ok 7 - .*suite' "$tiercel" test --tap "$tmp/good"
expect "a file can be named" 0 '^1\.\.7$' "$tiercel" test "$tmp/good/good.tests.yaml"
expect "directories are searched" 0 '^1\.\.7$' "$tiercel" test "$tmp"
expect "results do not depend on the number of jobs" 0 '^1\.\.7$' "$tiercel" test -j 4 "$tmp"

# Every kind of event and field: what the test says is what the engine sees, or the test would fail.
tests kinds <<'TESTS'
- name: processes
  events:
    - execve: {proc.exe: ./x, proc.exepath: /opt/x, proc.args: [a b, c], proc.cmdnargs: 2, proc.env: {A: "1"}, "proc.env[A]": "1", proc.cwd: /opt, proc.tty: 3, proc.is_exe_upper_layer: true, proc.is_exe_from_memfd: false, proc.exe_ino: 7, thread.cap_effective: CAP_SYS_ADMIN, user.uid: 33, user.name: www, user.loginuid: 1000, user.loginname: jo, group.name: staff, proc.sname: tmux, proc.aname: cron, proc.duration: 5000000000}
    - execve: {container.id: host, container.name: host, proc.pname: null, proc.pid: 1}
    - execve: {evt.res: ENOENT, proc.name: bash, evt.arg.exe: ./missing, evt.failed: true, evt.rawres: -2}
    - clone: {proc.name: bash, evt.arg.flags: CLONE_NEWUSER|CLONE_NEWNS}
    - setuid: {proc.name: su, evt.arg.uid: 0}
    - ptrace: {evt.arg.request: PTRACE_POKETEXT, evt.arg.addr: 16, evt.arg.pid: 1}
    - prctl: {evt.arg.option: PR_SET_NAME, evt.arg.arg2_str: kworker}
    - kill: {evt.arg.sig: SIGKILL, evt.arg.pid: 1}
    - procexit: {proc.name: bash}
    - settimeofday: {proc.name: date, evt.type: settimeofday}
  allow_other: true
  expect: none
- name: files
  events:
    - open: {fd.directory: /var/log, fd.filename: x, evt.is_open_create: true, evt.is_open_write: true, fd.num: 7, evt.arg.mode: "0600"}
    - openat: {proc.cwd: /a, fd.name: /a/b, fd.nameraw: b, fd.realpath: /real/b, evt.path_mismatch: true, fd.typechar: f}
    - openat: {fd.type: directory, fd.name: /tmp}
    - creat: {fd.name: /tmp/x, evt.is_open_exec: false}
    - openat2: {fd.name: /tmp/x, evt.arg.resolve: RESOLVE_BENEATH, fd.dev: 8, fd.ino: 9}
    - read: {fd.name: /etc/passwd, evt.rawres: 12}
    - write: {fd.name: /tmp/out, evt.buffer: text, evt.buflen: 4}
    - close: {fd.name: /tmp/out}
    - unlinkat: {fs.path.name: /tmp/x, evt.arg.flags: AT_REMOVEDIR}
    - rename: {fs.path.source: /a, fs.path.target: /b}
    - linkat: {fs.path.source: /new, fs.path.target: /old}
    - fchmod: {fs.path.name: /tmp/x, evt.arg.mode: S_ISUID}
    - mount: {fs.path.source: /dev/sda1, fs.path.target: /mnt, evt.arg.type: ext4}
    - memfd_create: {fd.name: payload, fd.type: memfd}
    - dup2: {fd.num: 0, fd.sip: 1.2.3.4, fd.sport: 443, proc.stdin.name: "10.0.0.10:40000->1.2.3.4:443"}
    - pipe2: {evt.type: pipe2}
    - bpf: {evt.arg.cmd: BPF_PROG_LOAD}
    - mmap: {evt.arg.prot: PROT_EXEC|PROT_WRITE, fd.name: /lib/x.so}
  expect: none
- name: sockets
  events:
    - accept4: {fd.cip: 1.2.3.4, fd.sport: 80, fd.is_server: true, fd.lport: 80, fd.rip: 1.2.3.4}
    - bind: {fd.sport: 8080, fd.sip: 0.0.0.0}
    - listen: {fd.sport: 8080}
    - sendto: {fd.rip: 8.8.8.8, fd.rport: 53, fd.l4proto: udp, fd.connected: false, fd.name_changed: true}
    - recvfrom: {fd.sip: 8.8.8.8, fd.sport: 53, fd.l4proto: udp}
    - connect: {fd.sip: "2001:db8:1::7", fd.sport: 443, fd.type: ipv6}
    - connect: {fd.type: unix, fd.name: /run/docker.sock, container.name: c}
    - connect: {fd.sip: 1.2.3.4, fd.sport: 81, evt.res: EINPROGRESS}
    - socket: {evt.arg.domain: AF_PACKET, evt.arg.type: 3}
    - socket: {fd.type: ipv4}
    - sendmsg: {fd.net: 1.2.3.0/24, fd.ip: 1.2.3.4, fd.port: 99}
  expect: none
TESTS
expect "events of all kinds are what they say" 0 '^ok 3' "$tiercel" test --tap "$tmp/kinds"

mkdir "$tmp/traces"
expect "tests are written as traces" 0 '^ok 7' "$tiercel" test --tap -w "$tmp/traces" "$tmp/good"
"$tiercel" replay -q -r "$tmp/rules.yaml" "$tmp"/traces/*.scap 2>/dev/null |
	grep -o '"rule":"[^"]*"' | sort | uniq -c >"$tmp/out"
cat >"$tmp/want" <<'WANT'
      1 "rule":"Any shell"
      1 "rule":"Connection to a bad port"
      4 "rule":"Secret read"
      3 "rule":"Shell in a container"
WANT
same "the traces give the same alerts" "$tmp/want"

# ---- failures and reports ----------------------------------------------------------------------
tests bad <<'TESTS'
tests:
  - name: wrong field of the alert
    events:
      - openat: {proc.name: cat, fd.name: /etc/shadow}
    expect:
      - {rule: Secret read, fields: {proc.name: dog}}
  - name: "missing <alert> & more # x"
    events:
      - openat: {proc.name: restic, proc.exepath: /usr/bin/restic, fd.name: /etc/shadow}
      - openat: {proc.name: cat, fd.name: /etc/passwd}
    expect: Secret read
  - name: unexpected
    events:
      - execve: {proc.name: sh}
    expect: none
  - name: too many
    events:
      - execve: {proc.name: sh}
      - execve: {proc.name: sh}
    expect: Any shell
  - name: event is not what it says
    events:
      - execve: {proc.name: ls, proc.cmdline: cat x}
    expect: none
  - name: shadowed
    events:
      - execve: {proc.name: sh, container.name: x}
    expect: [Shell in a container, Any shell]
TESTS
(cd "$tmp" && "$tiercel" test --tap bad >out 2>err; echo "status $?" >>out)
cat >"$tmp/want" <<'WANT'
1..6
not ok 1 - bad/bad.tests.yaml: wrong field of the alert
# bad/bad.tests.yaml:6: proc.name should be dog, it is 'cat'
# bad/bad.tests.yaml:6: expected 1 alert of 'Secret read', got 0
not ok 2 - bad/bad.tests.yaml: missing <alert> & more   x
# bad/bad.tests.yaml:11: expected 1 alert of 'Secret read', got 0
#   nearest is event 1, openat: exception 'backup' is in the way
#     true: proc.name = restic   <- 'restic'
not ok 3 - bad/bad.tests.yaml: unexpected
# unexpected alert: 00:00:00.001000000: Debug shell sh
not ok 4 - bad/bad.tests.yaml: too many
# bad/bad.tests.yaml:20: expected 1 alert of 'Any shell', got 2
not ok 5 - bad/bad.tests.yaml: event is not what it says
# bad/bad.tests.yaml:23: this event does not have proc.cmdline = cat x: it is 'ls x'
not ok 6 - bad/bad.tests.yaml: shadowed
# bad/bad.tests.yaml:28: expected 1 alert of 'Any shell', got 0
#   event 1 matches it, but another rule comes first: 'matching: all' gives both alerts
status 1
WANT
sed -i 's/ container_id=.*$//' "$tmp/out"
same "what failed and why" "$tmp/want"
"$tiercel" test --json --coverage --junit "$tmp/junit.xml" "$tmp/bad" >"$tmp/json" 2>"$tmp/out"
python3 - "$tmp/json" "$tmp/junit.xml" >"$tmp/out" 2>&1 <<'PY'
import json, sys, xml.etree.ElementTree as xml
d = json.load(open(sys.argv[1]))
assert (d["passed"], d["failed"], len(d["tests"])) == (0, 6, 6), d
assert d["tests"][1]["line"] == 7 and "exception 'backup'" in d["tests"][1]["problems"], d["tests"][1]
rule = [r for r in d["coverage"] if r["rule"] == "Secret read"][0]
assert rule["matched"] == 1 and rule["exceptions"] == {"backup": 1}, rule
suite = xml.parse(sys.argv[2]).getroot()
assert suite.get("tests") == "6" and suite.get("failures") == "6"
assert suite[1].get("name") == "missing <alert> & more # x" and "nearest" in suite[1][0].text
PY
result $? "JSON and JUnit reports"
expect "coverage names gaps" 0 '^#   never true: fd.name in' "$tiercel" test --tap --coverage "$tmp/kinds"
expect "coverage of exceptions" 0 '^#   exception backup: never hit' "$tiercel" test --tap --coverage "$tmp/kinds"
expect "tests are required" 1 "^not ok .*rule 'Any shell' is tested" "$tiercel" test --require-tests "$tmp/kinds"
expect "tests are there" 0 "^ok .*rule 'Secret read' is tested" "$tiercel" test --require-tests "$tmp/good"

# ---- wrong test files --------------------------------------------------------------------------
wrong "unknown event" "wrong.tests.yaml:3:7: error: no event 'opnat'" < <(event opnat 'proc.name: x')
wrong "unknown event: hint" "did you mean 'openat'" < <(event opnat 'proc.name: x')
wrong "unknown field" ":3:16: error: no field 'proc.nme'" < <(event openat 'proc.nme: x')
wrong "not a number" "proc.tty has to be a whole number" < <(event openat 'proc.tty: many')
wrong "a list for a number" 'error: ' < <(event openat 'proc.tty: [1]')
wrong "parameter of other events" 'its parameters are fd, dirfd, name' < <(event openat 'evt.arg.path: x')
wrong "unknown flag" "did you mean 'O_RDWR'" < <(event openat 'evt.arg.flags: O_RDWRR')
wrong "number out of range" '300 is too large for sig' < <(event kill 'evt.arg.sig: 300')
wrong "unknown error" 'a result is SUCCESS' < <(event openat 'evt.res: NOSUCH')
wrong "not an address" 'not an address' < <(event connect 'evt.arg.addr: nowhere')
wrong "IPv4 and IPv6" 'one end of the connection is IPv4' < <(event connect 'fd.sip: 1.2.3.4, fd.cip: "::1"')
wrong "name that no process can have" "cuts it to 'ansible-playboo'" < <(event execve 'proc.name: ansible-playbook')
wrong "wrong container id" '12 \(or 64\) hex digits' < <(event execve 'container.id: web')
wrong "metadata of the host" 'the host has no container metadata' < <(event execve 'container.id: host, container.image: x')
wrong "unknown container" "no container 'web'" < <(event execve 'container: web')
wrong "unknown parent" "no process 'web' was named before" < <(event execve 'parent: web')
wrong "unknown capability" "no capability 'CAP_ALL'" < <(event execve 'thread.cap_effective: CAP_ALL')
wrong "wrong time" 'after is a time like' < <(event execve 'after: soon')
wrong "a field that this event does not have" "this event does not have fd.name = /etc/shadow: it is no value" < <(event kill 'fd.name: /etc/shadow')
wrong "an event that rules never see" 'rules never see' < <(event container 'evt.arg.json: "{}"')
wrong "nothing expected" "the test expects nothing" < <(printf -- '- name: t\n  events: []\n')
wrong "no events" 'either events or a trace' < <(printf -- '- name: t\n  expect: none\n')
wrong "missing trace" 'Cannot open the trace: No such file' < <(printf -- '- name: t\n  trace: none.scap\n  expect: none\n')
wrong "unknown key" "did you mean 'events'" < <(printf -- '- name: t\n  event: []\n  expect: none\n')
wrong "unknown rule" "no rule 'Secret raed'; did you mean 'Secret read'" < <(printf -- '- name: t\n  events: []\n  expect: Secret raed\n')
wrong "unknown key of an alert" "did you mean 'count'" < <(printf -- '- name: t\n  events: []\n  expect: [{rule: Any shell, cuont: 1}]\n')
wrong "missing rules" 'cannot read rules' < <(printf -- '- name: t\n  events: []\n  rules: none.yaml\n  expect: none\n')
wrong "not YAML" 'wrong.tests.yaml:[0-9]+:[0-9]+: error' < <(printf -- '- name: [t\n')
wrong "no list" 'a list of tests' < <(printf -- 'tests: 7\n')
wrong "empty file" 'no tests' < <(printf '')
tests broken <<<"$(event execve 'proc.name: x')"
echo '- rule: r' >"$tmp/broken/rules.yaml"
expect "rules that do not load" 1 '# .*broken/rules.yaml:1:3: error' "$tiercel" test --tap "$tmp/broken"
expect "missing file" 1 'No such file' "$tiercel" test "$tmp/none"
mkdir "$tmp/empty"
expect "no tests" 1 'no file \*.tests.yaml' "$tiercel" test "$tmp/empty"
expect "wrong number of jobs" 2 'a number from 1' "$tiercel" test -j 0 "$tmp/good"
expect "rules of the command line" 2 'name their rules themselves' "$tiercel" test -r "$tmp/rules.yaml" "$tmp/good"
expect "report that cannot be written" 1 'cannot write' "$tiercel" test --junit "$tmp/none/x.xml" "$tmp/good"
expect "test files are no rules" 0 '.' "$tiercel" check "$tmp/good"

# ---- explain -----------------------------------------------------------------------------------
trace=$(ls "$tmp"/traces/good-*-near_miss.scap)
(cd "$tmp/traces" && "$tiercel" explain -r ../rules.yaml "Secret read" --misses 2 \
	--trace "${trace##*/}") >"$tmp/out" 2>&1
cat >"$tmp/want" <<'WANT'
3 events of its types, 0 match, 0 swallowed by exceptions

near miss, 1 event for this reason, TRACE: event 1 (openat, process sshd, pid 2000) does not match, 1 check is in the way:
  true: proc.name in (sshd)   <- 'sshd'
whole condition:
no    and
no      and
yes       and, macro read_file
yes         evt.type in (open, openat)   <- 'openat'
yes         fd.num >= 0   <- '3'
yes         evt.is_open_read = true   <- 'true'
yes       fd.name in (/etc/shadow, /etc/gshadow)   <- '/etc/shadow'
no        not
yes         proc.name in (sshd)   <- 'sshd'
yes     not, exception backup
no        and
no          proc.name = restic   <- 'sshd'
yes         proc.exepath startswith /usr/bin/   <- '/usr/bin/sshd'

near miss, 1 event for this reason, TRACE: event 2 (openat, process cat, pid 2001) does not match, 1 check is in the way:
  false: fd.num >= 0   <- '-1'
whole condition:
no    and
no      and
no        and, macro read_file
yes         evt.type in (open, openat)   <- 'openat'
no          fd.num >= 0   <- '-1'
yes         evt.is_open_read = true   <- 'true'
yes       fd.name in (/etc/shadow, /etc/gshadow)   <- '/etc/shadow'
yes       not
no          proc.name in (sshd)   <- 'cat'
yes     not, exception backup
no        and
no          proc.name = restic   <- 'cat'
yes         proc.exepath startswith /usr/bin/   <- '/usr/bin/cat'
WANT
sed -i "s/TRACE/${trace##*/}/" "$tmp/want"
same "explain shows near misses as trees" "$tmp/want"
explain=("$tiercel" explain -r "$tmp/rules.yaml")
swallowed=$(ls "$tmp"/traces/good-*-exception.scap)
expect "explain counts what exceptions swallow" 0 '^  exception backup: 1$' "${explain[@]}" "Secret read" --trace "$swallowed"
expect "explain one event" 0 "swallowed by exception 'backup'" "${explain[@]}" "Secret read" --event 1 --trace "$swallowed"
expect "explain a match" 0 '1 match \(1\)' "${explain[@]}" "Secret read" --trace "$(ls "$tmp"/traces/good-*-read.scap)"
"${explain[@]}" "Secret read" --json --trace "$trace" | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert (d["events"], d["matched"], len(d["near_misses"])) == (3, 0, 3), d
assert d["near_misses"][0]["tree"]["and"][1]["exception"] == "backup", d' >"$tmp/out" 2>&1
result $? "explain as JSON"
expect "explain: unknown rule" 1 "did you mean 'Secret read'" "${explain[@]}" "Secret raed" --trace "$trace"
expect "explain: no such event" 1 'rules see no event 99' "${explain[@]}" "Secret read" --event 99 --trace "$trace"
expect "explain: missing trace" 1 'No such file' "${explain[@]}" "Secret read" --trace "$tmp/none.scap"
expect "explain: rule without trace" 2 'goes with --trace' "${explain[@]}" "Secret read"
expect "explain: event is no number" 2 'takes the number of an event' "${explain[@]}" "Secret read" --trace "$trace" --event x
expect "explain: the plan as before" 0 'Secret read' "${explain[@]}" --plan "Secret read"

# ---- diff --------------------------------------------------------------------------------------
sed -e 's/\[\[restic/[[cat, \/usr\/bin\/], [restic/' -e 's/priority: NOTICE/priority: ERROR/' \
	-e 's/fd.sport = 4444/fd.sport = 5555/' "$tmp/rules.yaml" >"$tmp/new.yaml"
differ=("$tiercel" diff --no-suggested-output --trace "$(ls "$tmp"/traces/good-*-read.scap)"
	--trace "$(ls "$tmp"/traces/good-*-one_process.scap)")
"${differ[@]}" "$tmp/rules.yaml" "$tmp/new.yaml" 2>&1 | sed "s|$tmp/traces/||" >"$tmp/out"
cat >"$tmp/want" <<'WANT'
- 1 removed: Connection to a bad port (now: the condition)
    TRACE2 event 5, process bash: connection 10.0.0.10:40000->203.0.113.9:4444 by bash
- 1 removed: Secret read (now: an exception 'backup')
    TRACE1 event 1, process cat: secret /etc/shadow read by cat (bob)
~ 2 changed: Shell in a container (priority)
    TRACE2 event 2, process sh: shell sh -c id in web of shop
    TRACE2 event 3, process bash: shell bash -i in web of shop
WANT
tail -n 1 "$tmp/out" >>"$tmp/want"
sed -i -e "s/TRACE1/$(basename "$tmp"/traces/good-*-read.scap)/" \
	-e "s/TRACE2/$(basename "$tmp"/traces/good-*-one_process.scap)/" "$tmp/want"
same "diff groups by rule and reason" "$tmp/want"
expect "diff: sum" 0 'alerts 4 -> 2: 0 added, 2 removed, 2 changed' "${differ[@]}" "$tmp/rules.yaml" "$tmp/new.yaml"
expect "diff: added, and why not before" 0 "added: Secret read \(before: an exception 'backup'\)" \
	"${differ[@]}" "$tmp/new.yaml" "$tmp/rules.yaml"
expect "diff: policy" 1 'removed' "${differ[@]}" "$tmp/rules.yaml" "$tmp/new.yaml" --fail-on removed
expect "diff: policy that is met" 0 'removed' "${differ[@]}" "$tmp/rules.yaml" "$tmp/new.yaml" --fail-on added
expect "diff: no difference" 0 '0 added, 0 removed, 0 changed' \
	"${differ[@]}" "$tmp/rules.yaml" "$tmp/rules.yaml" --fail-on any
grep -v 'Any shell' "$tmp/rules.yaml" | sed '/^- rule: Shell/,$d' >"$tmp/less.yaml"
expect "diff: a rule that is gone" 0 'Shell in a container \(now: the rule does not exist\)' \
	"${differ[@]}" "$tmp/rules.yaml" "$tmp/less.yaml"
"${differ[@]}" --json "$tmp/rules.yaml" "$tmp/new.yaml" | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert (d["removed"], d["changed"], len(d["groups"])) == (2, 2, 3), d
assert [g["exception"] for g in d["groups"] if "exception" in g] == ["backup"], d' >"$tmp/out" 2>&1
result $? "diff as JSON"
expect "diff: one version only" 2 'OLD NEW' "$tiercel" diff "$tmp/rules.yaml"
expect "diff: no trace" 2 'no trace given' "$tiercel" diff "$tmp/rules.yaml" "$tmp/new.yaml"
expect "diff: unknown policy" 2 "not 'some'" "${differ[@]}" "$tmp/rules.yaml" "$tmp/new.yaml" --fail-on some
expect "diff: rules that do not load" 1 'do not load' "${differ[@]}" "$tmp/rules.yaml" "$tmp/broken/rules.yaml"

# ---- baseline ----------------------------------------------------------------------------------
baseline=("$tiercel" test --baseline -r "$tmp/rules.yaml" "$tmp"/traces/good-*-one_process.scap)
expect "baseline without budget" 0 '^ +2 +[0-9.]+  Shell in a container$' "${baseline[@]}"
expect "baseline over the budget" 1 'OVER  Shell in a container' "${baseline[@]}" --budget 1
printf 'default: 0\nrules:\n  Shell in a container: 100000\n  Connection to a bad port: 1e6\n' >"$tmp/budget.yaml"
expect "baseline within the budget" 0 'ok    Shell in a container' "${baseline[@]}" --budget "$tmp/budget.yaml"
expect "baseline as JSON" 0 '"rule":"Shell in a container","alerts":2,"per_hour":' "${baseline[@]}" --json
printf 'default: many\n' >"$tmp/wrong.yaml"
expect "wrong budget" 1 'wrong.yaml:1:10: a budget is a number' "${baseline[@]}" --budget "$tmp/wrong.yaml"
printf 'rules: {None: 1}\n' >"$tmp/wrong.yaml"
expect "budget of an unknown rule" 1 'wrong.yaml:1:9: no such rule' "${baseline[@]}" --budget "$tmp/wrong.yaml"
expect "missing budget" 1 'cannot read the budget' "${baseline[@]}" --budget "$tmp/none.yaml"
expect "baseline without rules" 2 'needs rules' "$tiercel" test --baseline "$trace"
expect "budget without baseline" 2 'goes with --baseline' "$tiercel" test --budget 1 "$tmp/good"
tap_end
