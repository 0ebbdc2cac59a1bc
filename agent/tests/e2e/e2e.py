#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""End to end: the sensor's image runs in a pod on containerd as its DaemonSet says, other pods do suspicious things in
numbered rounds, alerts go to stdout, to an HTTP sink with a spool and to a grpc-js subscriber, rules are exchanged 20 times
and the sink is stopped and started twice meanwhile. Every round has to be at every output with its pod, once at gRPC, at
least once at the sink. Prints TAP. usage: e2e.py IMAGE.tar (see e2e.sh)

Debian's python, because grpcio is a Debian package."""
import calendar
import collections
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import grpc

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from crilib import BUILD, Containerd, Unusable  # noqa: E402
from grpclib import Skip, node  # noqa: E402
from livelib import report, require, skip  # noqa: E402
from pods import SensorPod, Suspects  # noqa: E402

SWAPS = 20
SINK_STOPS, SINK_STARTS = (4, 12), (8, 16)      # behind which exchange of rules
PODS, NAMESPACE = ("web", "db"), "shop"
PATIENCE = 120                                  # seconds; nothing takes that long when all is well
SUSPECT_IMAGE = "localhost/ktest/busybox"

SUCCESS = "evt.rawres >= 0 and k8s.ns.name = " + NAMESPACE
EXEC = "evt.type in (execve, execveat) and " + SUCCESS
OPEN = "evt.type in (open, openat, openat2) and " + SUCCESS
# rule: (condition, field that has the number of the round at its end)
RULES = {
    "e2e secrets read": (OPEN + ' and fd.name = /etc/shadow and evt.is_open_read = true and proc.args contains "/none/"',
                         "proc.args"),
    "e2e program in shared memory": (EXEC + " and proc.exepath startswith /dev/shm/", "proc.args"),
    "e2e shell": (EXEC + ' and proc.args startswith "sh -c : "', "proc.args"),
    "e2e write below etc": (OPEN + " and evt.is_open_write = true and fd.name startswith /etc/mark-", "fd.name"),
}
# What the sensor does itself is no event.
OWN = ("e2e sensor itself", "evt.type in (open, openat, openat2) and k8s.pod.name = tiercel")
# Of the rule pack in the image: seen, too, for the same acts.
PACK = ("Account secrets read", "Program started from shared memory")


RULE = """- rule: %s
  desc: end-to-end test
  condition: >
    %s
  output: version=%d mark=%%%s exe=%%proc.exepath user=%%user.name pod=%%k8s.pod.name ns=%%k8s.ns.name
    image=%%container.image.repository
  priority: WARNING
"""


def rules(version):
    return "".join([RULE % (name, condition, version, field) for name, (condition, field) in RULES.items()] +
                   [RULE % (*OWN, version, "fd.name")])


class Failure(Exception):
    """The test cannot go on."""


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise Failure("waited in vain for " + what)
        time.sleep(0.1)


# One event gives one alert of a rule at most, so rule and time name an alert.
Alert = collections.namedtuple("Alert", "rule time output fields")


class Log:
    """Alerts in a file that grows, one per line; `take` makes an Alert of a line."""

    def __init__(self, path, take):
        self.path, self.take = path, take
        self.alerts, self.offset = [], 0

    def read(self):
        with open(self.path, "rb") as f:
            f.seek(self.offset)
            data = f.read()
        data = data[:data.rfind(b"\n") + 1]
        self.offset += len(data)
        self.alerts += filter(None, map(self.take, data.decode().splitlines()))
        return self.alerts


def of_json(text):
    alert = json.loads(text)
    seconds, fraction = alert["time"].rstrip("Z").split(".")
    time_ns = calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction)
    return Alert(alert["rule"], time_ns, alert["output"], {k: str(v) for k, v in alert["output_fields"].items()})


def of_grpc(line):
    if not line.startswith("{"):
        return None             # "subscribed"
    alert = json.loads(line)
    seconds = alert["time"]["seconds"]
    seconds = (seconds["high"] << 32) + (seconds["low"] & 0xffffffff)
    return Alert(alert["rule"], seconds * 10**9 + alert["time"]["nanos"], alert["output"], alert["outputFields"])


class Sink:
    """The HTTP server, which can be stopped and started again on its port."""

    def __init__(self, folder):
        self.path, self.port, self.process = folder + "/sink.jsonl", 0, None
        self.start()
        self.log = Log(self.path, lambda line: of_json(json.loads(line)["body"]))

    def start(self):
        self.process = subprocess.Popen([os.path.dirname(HERE) + "/http_sink.py", self.path, "--port", str(self.port)],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline() or 0)
        if not self.port:
            raise Failure("the HTTP sink does not start")

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Subscriber:
    def __init__(self, folder, socket):
        self.out = open(folder + "/grpc.jsonl", "wb")
        self.process = node("unix://" + socket, "all", stdout=self.out)
        self.log = Log(self.out.name, of_grpc)

    def subscribed(self):
        with open(self.out.name, encoding="utf-8") as f:
            return f.readline() == "subscribed\n"

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.out.close()


def version_of(alert):
    found = re.match(r".*version=(\d+) ", alert.output)
    return int(found.group(1)) if found and alert.rule in RULES else -1


def records(alerts):
    """Start, heartbeats, stop: (rule, fields)."""
    return [(a.rule, a.fields) for a in alerts if "heartbeat.number" in a.fields]


def marks(alerts):
    """How often each (pod, rule, round) came."""
    found = collections.Counter()
    for a in alerts:
        if a.rule in RULES:
            number = re.search(r"(\d+)$", a.fields[RULES[a.rule][1]] or "")
            found[a.fields.get("k8s.pod.name"), a.rule, int(number.group(1)) if number else -1] += 1
    return found


class Test:
    def __init__(self, machine, image):
        self.machine, self.image = machine, image
        self.sink = Sink(machine.folder)
        self.sensor = SensorPod(machine, {
            "rule_matching": "all",
            "webserver": {"enabled": False},        # other tests on this network may have its port
            "heartbeat": {"enabled": True, "interval": "1s"},
            "container_metadata": {"wait": "30s"},  # a loaded machine; the default is tested in test_cri.py
            "shutdown_timeout": "30s",
            "http_output": {"enabled": True, "url": "http://127.0.0.1:%d/ok" % self.sink.port, "keep_alive": True},
            "grpc": {"enabled": True, "bind_address": "unix:///run/tiercel/grpc.sock"},
            "grpc_output": {"enabled": True}})
        self.sensor.rules.update(rules(0))
        self.subscriber, self.suspects, self.container = None, None, None
        self.rounds = {}

    def messages(self):
        return "\n".join(self.sensor.output()[1][-20:])

    def running(self):
        if "tiercel: error:" in self.messages():
            raise Failure("the sensor does not start")
        return "sensor running" in self.messages()

    def start(self):
        self.suspects = Suspects(self.machine, NAMESPACE)
        self.suspects.start_pod(PODS[0])        # known from the start snapshot only
        self.container = self.sensor.start(self.image)
        wait_for("the sensor", self.running)
        socket = self.sensor.run + "/grpc.sock"
        self.subscriber = Subscriber(self.machine.folder, socket)
        wait_for("the subscriber", self.subscriber.subscribed)
        self.suspects.start_pod(PODS[1])
        self.suspects.go()
        self.wait_version(0)

    def wait_version(self, version):
        wait_for("alerts of rules %d" % version,
                 lambda: any(version_of(a) == version for a in self.subscriber.log.read()))

    def wait_heartbeat(self, what, accept):
        """A heartbeat from now on that is accepted."""
        seen = len(records(self.subscriber.log.read()))
        wait_for(what, lambda: any(accept(f) for _, f in records(self.subscriber.log.read())[seen:]))

    def swap(self):
        for version in range(1, SWAPS + 1):
            self.sensor.rules.update(rules(version))
            self.wait_version(version)
            if version in SINK_STOPS:
                self.sink.stop()
                self.wait_heartbeat("alerts in the spool", lambda f: int(f["output.http.queued"]) > 0)
            if version in SINK_STARTS:
                self.sink.start()

    def finish(self):
        self.suspects.stop()
        wait_for("the pods to stop", lambda: len(self.suspects.rounds()) == len(PODS))
        self.rounds = self.suspects.rounds()
        everything = sum(self.rounds.values()) * len(RULES)
        for what, log in (("subscriber", self.subscriber.log), ("sink", self.sink.log)):
            wait_for("everything at the " + what, lambda l=log: len(marks(l.read())) >= everything)
        self.wait_heartbeat("an empty queue", lambda f: int(f["output.http.queued"]) == 0)
        self.machine.call("StopContainer", {1: self.container, 2: PATIENCE}, PATIENCE)
        self.subscriber.process.wait(PATIENCE)
        self.sink.log.read()
        self.subscriber.log.read()

    def close(self):
        if self.subscriber:
            self.subscriber.stop()
        if self.sink.process.poll() is None:
            self.sink.stop()

    def spooled(self):
        """Records that are left in the spool."""
        done = subprocess.run([BUILD + "/agent/tests/output_feeder", "0", "spool.enabled=true",
                               "spool.directory=" + self.sensor.state + "/spool", "shutdown_timeout=0s",
                               "http_output.url=http://127.0.0.1:1/"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
        return json.loads(done.stdout)["queued"]


def check_marks(test, out, results):
    wanted = {(pod, rule, n) for pod, rounds in test.rounds.items() for rule in RULES for n in range(rounds)}
    for name, alerts in out.items():
        found = marks(alerts)
        missing, unknown = wanted - set(found), set(found) - wanted
        results.append(("%d acts of %d pods are at %s" % (len(wanted), len(PODS), name),
                        "missing: %s, unknown: %s" % (sorted(missing)[:5], sorted(unknown)[:5])
                        if missing or unknown else None))
    for name in "stdout", "gRPC":
        double = [k for k, n in collections.Counter((a.rule, a.time) for a in out[name]).items() if n > 1]
        results.append(("nothing is doubled at " + name, str(double[:3]) if double else None))
    double = [k for k, n in marks(out["gRPC"]).items() if n > 1]
    results.append(("no act is judged twice", str(double[:5]) if double else None))


def complete(fields):
    return (fields.get("k8s.pod.name") in PODS and fields.get("k8s.ns.name") == NAMESPACE and
            fields.get("container.image.repository") == SUSPECT_IMAGE and fields.get("user.name") == "root" and
            fields.get("proc.exepath", "").endswith("/busybox") and "container.metadata_missing" not in fields)


def check_fields(out, results):
    for name, alerts in out.items():
        bad = [a for a in alerts if a.rule in RULES and not complete(a.fields)]
        results.append(("pod, namespace, image, program and user are in all alerts at " + name,
                        str(bad[:2]) if bad else None))
        lacks = [rule for rule in PACK if not any(a.rule == rule for a in alerts)]
        results.append(("rules of the image's pack alert, too, at " + name, str(lacks) if lacks else None))
    own = [a for a in out["stdout"] if a.rule == OWN[0]]
    results.append(("the sensor does not report itself", str(own[:2]) if own else None))


def check_same(out, results):
    """Whatever it is: what one output got, all got."""
    sets = {name: {(a.rule, a.time) for a in alerts} for name, alerts in out.items()}
    for name in "gRPC", "HTTP sink":
        differ = sets[name] ^ sets["stdout"]
        results.append(("%d alerts on stdout, the same at %s" % (len(sets["stdout"]), name),
                        str(sorted(differ)[:3]) if differ else None))


def check_records(out, results):
    for name in "gRPC", "HTTP sink":
        got = {int(f["heartbeat.number"]): (rule, f) for rule, f in records(out[name])}
        numbers = sorted(got)
        rule, last = got[numbers[-1]]
        first = got[numbers[0]][0]
        ok = numbers == list(range(len(numbers))) and first.endswith(": start") and rule.endswith(": stop")
        results.append(("%d records of health without a gap at %s" % (len(numbers), name),
                        None if ok else "%s: %s ... %s" % (numbers, first, rule)))
    results.append(("%d exchanges of rules, none failed" % SWAPS, None if
                    (last["rules.reloads"], last["rules.reloads_failed"]) == (str(SWAPS), "0") else str(last)))
    lost = {k: v for k, v in last.items() if v != "0" and (k == "events.lost" or k.endswith(".discarded"))}
    results.append(("no event and no alert is lost", str(lost) if lost else None))


def check(test, results):
    stdout, messages = test.sensor.output()
    out = {"stdout": [of_json(line) for line in stdout], "gRPC": test.subscriber.log.alerts,
           "HTTP sink": test.sink.log.alerts}
    check_marks(test, out, results)
    check_fields(out, results)
    check_same(out, results)
    check_records(out, results)
    left = test.spooled()
    results.append(("the spool is empty", "%d records are left" % left if left else None))
    results.append(("the sensor and the subscriber end in order", None if
                    test.subscriber.process.returncode == 0 and any("alerts:" in m for m in messages)
                    else "%s\n%s" % (test.subscriber.process.returncode, "\n".join(messages[-20:]))))
    if test.sensor.missing:
        print("# this machine has no " + ", ".join(test.sensor.missing))


def run(folder, results):
    machine = Containerd(folder)
    test = None
    try:
        test = Test(machine, machine.import_image(sys.argv[1]))
        for name, step in (("the image runs on containerd as its DaemonSet says", test.start),
                           ("rules are exchanged %d times, the sink is stopped twice" % SWAPS, test.swap),
                           ("everything arrives", test.finish)):
            started = time.monotonic()
            step()
            results.append(("%s (%d s)" % (name, time.monotonic() - started), None))
        check(test, results)
    except (Failure, grpc.RpcError) as e:
        results.append((str(e), test.messages() if test else "before the sensor"))
    finally:
        if test:
            test.close()
        machine.stop()


def main():
    require(community=False, cgroup=False)
    results = []
    with tempfile.TemporaryDirectory(prefix="tiercel-e2e-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        try:
            run(folder, results)
        except (Unusable, Skip) as e:
            if not results:
                skip(str(e))
            results.append(("containers go on working", str(e)))
    report(results)


main()
