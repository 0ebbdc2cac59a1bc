#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The control socket of a live sensor: status, top, tail and reload, and clients that send rubbish, hang or
flood. Prints TAP."""
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import BUILD, WAIT, Box, Sensor, enter_root_cgroup, report, require

TIERCEL = os.path.join(BUILD, "tiercel")
RULES = """- rule: mark %(name)s
  desc: control test
  condition: evt.type = unlink and evt.arg.path startswith %(work)s/%(name)s-
  output: mark=%%evt.arg.path
  priority: %(priority)s
"""
WORKER = """import os, time
while True:
    try:
        os.unlink("%s")
    except FileNotFoundError:
        time.sleep(0.01)
"""


def unlink(path):
    """The call that the rules look for; there is no such file."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def wait(condition):
    end = time.time() + WAIT
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    return condition()


def check(results, name, good, *notes):
    results.append((name, None if good else "\n".join(map(str, notes)) or "no"))


class Control:
    """A sensor with a socket of its own, and the commands that talk to it."""

    def __init__(self, work, name, *options):
        self.work, self.path = work, os.path.join(work, name, "control.sock")
        self.rules = os.path.join(work, name + "-rules.yaml")
        self.config = os.path.join(work, name + "-config.yaml")
        self.write_rules()
        self.write_config("")
        self.sensor = Sensor(work, "run", "-c", self.config, "-r", self.rules, "-o", "control.socket=" + self.path, "-o",
                             "watch_config_files=false", *options, name=name)

    def write_rules(self, more=""):
        with open(self.rules, "w") as f:
            for name, priority in (("red", "CRITICAL"), ("blue", "NOTICE")):
                f.write(RULES % {"name": name, "work": self.work, "priority": priority})
            f.write(more)

    def write_config(self, text):
        with open(self.config, "w") as f:
            f.write(text)

    def run(self, *args):
        return subprocess.run([TIERCEL, args[0], "--socket", self.path, *args[1:]], capture_output=True, text=True,
                              timeout=WAIT)

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(WAIT)
        end = time.time() + WAIT
        while True:
            try:
                s.connect(self.path)
                return s
            except BlockingIOError:     # many wait already
                if time.time() > end:
                    raise
                time.sleep(0.01)

    def tail(self, *args):
        out = open(os.path.join(self.work, "tail"), "w+")
        before = self.followers()
        process = subprocess.Popen([TIERCEL, "tail", "--socket", self.path, *args], stdout=out,
                                   stderr=subprocess.PIPE, text=True)
        wait(lambda: self.followers() > before or process.poll() is not None)
        return process, out

    def followers(self):
        """Connections that are open besides the one that asks."""
        return self.status()["clients"]


def ask(s, line):
    s.sendall(line.encode() + b"\n")
    return json.loads(s.makefile().readline())


def test_status(c, results):
    check(results, "the sensor starts", c.sensor.wait_ready(), c.sensor.messages())
    mode = os.stat(c.path).st_mode
    check(results, "the socket is root's alone", stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode))
    unlink(c.work + "/red-0")
    ready = wait(lambda: c.status()["alerts"]["rules"] >= 1)
    got = c.run("status")
    check(results, "status in words", ready and got.returncode == 0 and all(
        text in got.stdout for text in ("tiercel ", "ready", "2 active of 2", "stdout", "threads")), got)
    s = c.status()
    check(results, "status as JSON", s["health"]["ready"] and s["health"]["checks"]["engine"] and
          s["rules"]["active"] == 2 and s["rules"]["digest"].startswith("sha256:") and s["pid"] == c.sensor.process.pid and
          s["outputs"][0]["name"] == "stdout" and s["state"]["threads"] > 0 and
          s["state"]["documents"] <= s["state"]["document_bytes"] and s["resources"]["rss_bytes"] > 1e6 and
          s["events"]["last_age_ms"] < 1000 * WAIT and s["identity"]["node"], s)


def test_reload(c, results):
    c.write_rules(RULES % {"name": "green", "work": c.work, "priority": "ERROR"})
    before = c.status()["rules"]["digest"]
    got = c.run("reload")
    check(results, "reload says what is in force", got.returncode == 0 and "3 active of 3" in got.stdout, got)
    check(results, "the digest is another one", c.status()["rules"]["digest"] != before and
          c.status()["rules"]["digest"] in got.stdout, got)
    got = c.run("reload", "--json")
    check(results, "reload of the same rules", got.returncode == 0 and json.loads(got.stdout)["rules_active"] == 3, got)
    c.write_rules("- rule: [\n")
    got = c.run("reload")
    check(results, "rules that do not load are refused with their problems", got.returncode == 1 and
          c.rules in got.stderr and "stay in force" in got.stderr, got)
    s = c.run("status")
    check(results, "status tells it, and is not ready", s.returncode == 1 and "LAST RELOAD FAILED" in s.stdout and
          "3 active" in s.stdout, s)
    c.write_rules()
    check(results, "and good rules make it good again", c.run("reload").returncode == 0 and
          c.run("status").returncode == 0)


def test_waiting_options(c, results):
    c.write_config("priority: critical\nshutdown_timeout: 7s\nfile_output: {filename: /tmp/other}\n")
    c.run("reload")
    rules = c.status()["rules"]
    check(results, "options about rules are in force after a reload", rules["active"] == 1, rules)
    check(results, "status names the changed options that are not", rules["options_waiting"] == 2 and
          rules["options_waiting_names"] == "shutdown_timeout, file_output.filename" and
          "2 changed options wait for a RESTART: shutdown_timeout, file_output.filename" in c.run("status").stdout, rules)
    c.write_config("")
    c.run("reload")
    rules = c.status()["rules"]
    check(results, "and none once they are as before", rules["active"] == 2 and rules["options_waiting"] == 0 and
          not rules["options_waiting_names"] and "RESTART" not in c.run("status").stdout, rules)


def test_tail(c, results):
    process, out = c.tail("-n", "2", "--rule", "mark r*")
    for name in ("blue-1", "red-1", "blue-2", "red-2"):
        unlink("%s/%s" % (c.work, name))
    process.wait(WAIT)
    lines = [json.loads(line) for line in open(out.name)]
    check(results, "tail --rule", process.returncode == 0 and [a["rule"] for a in lines] == ["mark red"] * 2 and
          lines[1]["output_fields"]["evt.arg.path"].endswith("/red-2"), lines, process.returncode)
    process, out = c.tail("-n", "1", "--priority", "error", "--text")
    unlink(c.work + "/blue-3")
    unlink(c.work + "/red-3")
    process.wait(WAIT)
    text = open(out.name).read()
    check(results, "tail --priority --text", text.count("\n") == 1 and "Critical mark=" in text and "red-3" in text,
          text)
    process, out = c.tail()
    process.send_signal(signal.SIGINT)
    check(results, "SIGINT ends tail in order", process.wait(WAIT) == 0)
    check(results, "a wrong priority is an error", c.run("tail", "--priority", "loud").returncode == 2)


def test_top(c, results):
    worker = subprocess.Popen([sys.executable, "-c", WORKER % (c.work + "/red-x")], preexec_fn=enter_root_cgroup)

    def seen():
        got = c.run("top", "--once", "--json", "--interval", "0.5")
        r = json.loads(got.stdout)
        rows = [p for p in r["processes"] if p["pid"] == worker.pid]
        return r if rows and rows[0]["per_second"] > 0 and r["events_per_second"] > 0 and any(
            k["container"] == "host" for k in r["containers"]) and r["rules"][0]["name"].startswith("mark") else None

    try:
        r = wait(seen)
        check(results, "top has rates by rule, process and container", r)
        text = c.run("top", "--once", "-n", "3")
        check(results, "top in words", text.returncode == 0 and "events/s" in text.stdout and
              "EVENTS/S" in text.stdout and "\033" not in text.stdout, text)
        moving = subprocess.Popen([TIERCEL, "top", "--socket", c.path, "--interval", "0.25"],
                                  stdout=subprocess.PIPE, text=True)
        first = moving.stdout.readline()
        moving.send_signal(signal.SIGINT)
        moving.stdout.read()
        check(results, "top redraws until SIGINT", moving.wait(WAIT) == 0 and "\033[H" in first, first)
    finally:
        worker.kill()
        worker.wait()
    check(results, "wrong arguments", c.run("top", "--interval", "0.01").returncode == 2 and
          c.run("top", "--rows", "0").returncode == 2)


def test_slow_reader(c, results):
    """A tail that does not read: the sensor goes on, the reader is told what it missed."""
    s = c.connect()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    check(results, "tail by hand", ask(s, '{"request":"tail"}')["ok"])
    taken = c.status()["outputs"][0]["taken"]
    for i in range(6000):
        unlink("%s/red-%d" % (c.work, i))
    check(results, "a reader that hangs stops nobody",
          wait(lambda: c.status()["outputs"][0]["taken"] >= taken + 6000), c.status())
    lost = wait(lambda: c.status()["limits"].get("control_tail_alerts_lost"))
    check(results, "its losses are counted", lost, c.status())
    told = alerts = 0
    for line in s.makefile():
        line = json.loads(line)
        told += line.get("lost", 0)
        alerts += "alert" in line
        if "alert" in line and line["alert"]["output_fields"].get("evt.arg.path", "").endswith("/red-5999"):
            break
    # Alerts about the losses themselves may be among them.
    taken = c.status()["outputs"][0]["taken"] - taken
    check(results, "and told in their place", told and 6000 <= told + alerts <= taken, told, alerts, taken)
    s.close()


def test_bad_clients(c, results):
    for rubbish in ("{", "[]", "null", '{"request":7}', "\x00\x01", '{"request":"tail","rule":7}'):
        s = c.connect()
        check(results, "rubbish is answered: " + repr(rubbish), ask(s, rubbish)["ok"] is False)
        s.close()
    s = c.connect()
    check(results, "an unknown request", ask(s, '{"request":"frobnicate"}')["error"] == "no such request")
    check(results, "more requests on one connection", ask(s, '{"request":"status","new":[1,{}]}')["ok"])
    s.close()
    s = c.connect()
    s.sendall(b"x" * 100000)
    check(results, "an endless line is cut", "too long" in s.makefile().readline())
    s.close()
    s = c.connect()
    s.sendall(b'{"request":"status"}\n' * 5000)
    s.close()
    check(results, "a flood of requests", c.run("status").returncode == 0)
    s = c.connect()
    s.sendall(b'{"request":"status"}\n')
    s.shutdown(socket.SHUT_WR)
    answer = s.makefile().read()
    check(results, "a client that says it has nothing more to ask", json.loads(answer)["ok"], answer)
    silent = [c.connect() for _ in range(32)]
    s = c.connect()
    check(results, "too many clients are told so", json.loads(s.makefile().readline())["error"] == "too many clients")
    s.close()
    check(results, "silent clients are closed in the end", wait(lambda: c.run("status").returncode == 0))
    for s in silent:
        s.close()
    check(results, "all of it is counted", {"control_clients_refused", "control_lines_too_long",
          "control_clients_idle"} <= set(c.status()["limits"]), c.status()["limits"])


def test_hardening(c, results):
    """The sensor has dropped what it does not need; programs that it starts have not."""
    s = c.status()["hardening"]
    sanitized = "sanitizers" in s.get("no_seccomp_why", "")
    check(results, "system calls are filtered, none was missed", (s["seccomp"] or sanitized) and
          s["refused_calls"] == 0 and s["no_new_privs"] and s["no_core_dumps"], s)
    check(results, "capabilities are dropped", {"CAP_SYS_PTRACE"} <= set(s["capabilities"]) and not
          {"others", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"} & set(s["capabilities"]), s)
    tasks = "/proc/%d/task/" % c.sensor.process.pid
    effective = {open(tasks + t + "/status").read().split("CapEff:\t")[1].split()[0] for t in os.listdir(tasks)}
    check(results, "in every thread", len(effective) == 1, effective)
    check(results, "status says it in words", "hardening   seccomp" in c.run("status").stdout)
    out = os.path.join(c.work, "program.out")
    program = Control(c.work, "program", "-o", "program_output.enabled=true", "-o",
                      "program_output.program=cat > %s.new; grep -c . /proc/self/status && mv %s.new %s" % (out, out, out))
    ready = program.sensor.wait_ready()
    unlink(c.work + "/red-program")
    check(results, "programs of program_output work", ready and wait(lambda: os.path.exists(out)) and
          "red-program" in open(out).read(), program.sensor.messages())
    s = program.status()["hardening"]
    check(results, "with them there is no filter, and status says why", not s["seccomp"] and
          ("program_output" in s["no_seccomp_why"] or sanitized) and "CAP_SYS_ADMIN" not in s["capabilities"], s)
    program.sensor.stop()


def test_second(c, results):
    """One socket, two sensors; and the socket file of a sensor that was killed."""
    second = Sensor(c.work, "run", "-r", c.rules, "-o", "control.socket=" + c.path, name="second")
    check(results, "a second sensor warns and runs", second.wait_ready() and "another sensor has it" in
          second.messages(), second.messages())
    second.stop()
    check(results, "the first still answers", c.status()["pid"] == c.sensor.process.pid)
    c.sensor.process.kill()
    c.sensor.process.wait()
    got = c.run("status")
    check(results, "no sensor is a failure with a hint", got.returncode == 1 and "is one running" in got.stderr, got)
    third = Sensor(c.work, "run", "-r", c.rules, "-o", "control.socket=" + c.path, name="third")
    check(results, "what a killed sensor left is taken over", third.wait_ready() and
          c.status()["pid"] == third.process.pid, third.messages())
    follower, _ = c.tail()
    check(results, "the sensor ends in order", third.stop() == 0, third.messages())
    check(results, "tail says that the sensor has stopped", follower.wait(WAIT) == 1 and
          "has stopped" in follower.stderr.read())
    check(results, "the socket is gone", not os.path.exists(c.path))
    off = Sensor(c.work, "run", "-r", c.rules, "-o", "control.socket=/proc/nowhere/c.sock", name="nowhere")
    check(results, "a socket that cannot be made is a warning", off.wait_ready() and "no control socket" in
          off.messages(), off.messages())
    off.stop()


def main():
    require(community=False, cgroup=False)
    results = []
    with Box() as work:
        c = Control(work, "control")
        try:
            for test in (test_status, test_reload, test_waiting_options, test_tail, test_top, test_slow_reader, test_bad_clients,
                         test_hardening, test_second):
                test(c, results)
        finally:
            if c.sensor.process.poll() is None:
                c.sensor.process.kill()
    report(results)


main()
