#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sensor that follows a bundle in a registry: a new version is swapped in without a gap; broken,
tampered and unsigned ones and a registry that is down change nothing and are told; the store keeps what
is in force for the next start. Prints TAP."""
import os
import subprocess
import sys
import time
import traceback
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ocilib
from livelib import BUILD, Box, Sensor, report, require, skip
from ocilib import Registry, archive, free_port, put, sign

BUNDLE = "name: shop\nversion: %s.0.0\nlayers:\n  - {name: base, level: system}\n"
RULE = """- rule: version %s
  desc: follow test
  condition: evt.type = unlink and evt.arg.path startswith %s/m-
  output: mark=%%evt.arg.path
  priority: NOTICE
"""
MARKER = """
import os, sys, time
n = 0
while not os.path.exists(sys.argv[2]):
    try:
        os.unlink("%s/m-%d" % (sys.argv[1], n))
    except FileNotFoundError:
        pass
    n += 1
    time.sleep(0.002)
print(n)
"""
FAILURE = "tiercel internal: bundle update failure"


class Follow:
    def __init__(self, work, reg):
        self.work, self.reg, self.results = work, reg, []
        self.state = os.path.join(work, "state")
        self.metrics_port = free_port()
        self.tag = 0

    def ok(self, name, good, problem=""):
        self.results.append((name, None if good else str(problem) or "no"))
        return good

    def push(self, version, text=None, tag="1"):
        files = {"bundle.yaml": BUNDLE % version, "base/r.yaml": text or RULE % (version, self.work)}
        return put(self.reg.port, "shop", tag, archive(files))

    def sensor(self, name, *args):
        return Sensor(self.work, "run", "-c", "/dev/null", "--bundle", self.reg.ref("shop"), "--follow", "200ms",
                      "-o", "state_directory=" + self.state, "-o", "webserver.enabled=true",
                      "-o", "webserver.listen_address=127.0.0.1",
                      "-o", "webserver.listen_port=%d" % self.metrics_port,
                      "-o", "webserver.prometheus_metrics_enabled=true", "-o", "metrics.enabled=true",
                      "-o", "control.enabled=true", "-o", "control.socket=" + self.socket(), *args, name=name)

    def socket(self):
        return os.path.join(self.work, "control.sock")

    def status(self):
        return subprocess.run([os.path.join(BUILD, "tiercel"), "status", "--socket", self.socket()],
                              stdout=subprocess.PIPE, text=True, timeout=ocilib.WAIT).stdout

    def mark(self, name):
        try:
            os.unlink("%s/m-%s" % (self.work, name))
        except FileNotFoundError:
            pass

    def in_force(self, sensor, version):
        """Marks are made until the rules of that version see one that is new."""
        end = time.time() + ocilib.WAIT
        while time.time() < end:
            self.tag += 1
            self.mark("t%d" % self.tag)
            sensor.read()
            if any(a["rule"] == "version %s" % version and a["output_fields"]["evt.arg.path"].rsplit("-t", 1)[-1]
                   .isdigit() for a in sensor.alerts[self.seen:]):
                return True
            time.sleep(0.05)
        return False

    def forget(self, sensor):
        sensor.read()
        self.seen = len(sensor.alerts)

    def told(self, sensor, rule, text):
        end = time.time() + ocilib.WAIT
        while time.time() < end:
            sensor.read()
            for a in sensor.alerts[self.seen:]:
                if a["rule"] == rule and text in a["output"]:
                    return a["priority"] == "Critical"
            time.sleep(0.05)
        return False

    def metric(self, name):
        url = "http://127.0.0.1:%d/metrics" % self.metrics_port
        for line in urllib.request.urlopen(url, timeout=ocilib.WAIT).read().decode().split("\n"):
            if line.startswith(name):
                return line
        return ""

    def wait_metric(self, name, accept):
        end = time.time() + ocilib.WAIT
        while time.time() < end:
            line = self.metric(name)
            if accept(line):
                return True
            time.sleep(0.1)
        return False

    def stored(self, link):
        try:
            return os.readlink(os.path.join(self.state, "bundles", link))
        except OSError:
            return None


def test_swaps(f):
    first = f.push(1)
    sensor = f.sensor("first")
    f.seen = 0
    try:
        if not f.ok("the sensor starts with the bundle of the registry", sensor.wait_ready(), sensor.messages()):
            return
        f.ok("its rules are in force", f.in_force(sensor, 1), sensor.messages())
        f.ok("it is kept", f.stored("current") == first[7:], f.stored("current"))
        stop = os.path.join(f.work, "stop")
        marker = subprocess.Popen([sys.executable, "-c", MARKER, f.work, stop], stdout=subprocess.PIPE)
        second = f.push(2)
        f.ok("version 2 is swapped in", f.in_force(sensor, 2), sensor.messages())
        open(stop, "w").close()
        marks = int(marker.communicate()[0])
        f.mark("end")
        sensor.wait_alert(lambda a: a["output_fields"].get("evt.arg.path", "").endswith("m-end"))
        seen = [a["output_fields"]["evt.arg.path"] for a in sensor.alerts if a["rule"].startswith("version ")]
        marked = [p for p in seen if p.rsplit("m-", 1)[1].isdigit()]
        missing = set("%s/m-%d" % (f.work, i) for i in range(marks)) - set(marked)
        # A machine under load may lose events of a ring, never without counting them.
        lost = int(f.metric("falcosecurity_scap_n_drops_total ").split()[1])
        f.ok("no event is lost by it or judged twice", len(missing) <= lost and len(marked) == len(set(marked)),
             "%d marks, %d alerts, missing %s\n%s" % (marks, len(marked), sorted(missing)[:5], sensor.messages()))
        f.ok("the store has both", f.stored("current") == second[7:] and f.stored("previous") == first[7:],
             (f.stored("current"), f.stored("previous")))
        f.ok("the metrics name it", f.wait_metric("tiercel_bundle_info", lambda line: second in line))
        status = f.status()
        f.ok("tiercel status names it", "digest " + second[:19] + ", registry asked" in status, status)
        test_refused(f, sensor, second)
    finally:
        status = sensor.stop()
    f.ok("it ends cleanly", status == 0, sensor.messages())
    f.ok("no system call was refused", "refused the system call" not in sensor.messages(), sensor.messages())


def test_refused(f, sensor, second):
    f.forget(sensor)
    f.push(3, "- rule: broken\n  desc: d\n  output: o\n  priority: NOTICE\n  condition: evt.type = unlink and (\n")
    f.ok("broken version 3 is a Critical alert with the place",
         f.told(sensor, "Falco internal: hot restart failure", "/base/r.yaml:5"), sensor.messages())
    f.forget(sensor)
    f.ok("version 2 stays", f.in_force(sensor, 2), sensor.messages())
    f.ok("also in the store", f.stored("current") == second[7:])
    good = archive({"bundle.yaml": BUNDLE % 4, "base/r.yaml": RULE % (4, f.work)})
    put(f.reg.port, "shop", "1", good[:len(good) // 2])
    f.ok("a truncated archive is told", f.told(sensor, FAILURE, "damaged archive"), sensor.messages())
    f.reg.stop()
    f.ok("a registry that is down is told", f.told(sensor, FAILURE, "127.0.0.1"), sensor.messages())
    f.ok("failures are counted", f.wait_metric("tiercel_bundle_check_failures_total ",
                                               lambda line: line and int(line.split()[1]) > 1))
    f.forget(sensor)
    f.ok("version 2 still stays", f.in_force(sensor, 2), sensor.messages())
    f.reg.start()
    f.push(5)
    f.ok("the next good version is swapped in", f.in_force(sensor, 5), sensor.messages())
    f.ok("older bundles are removed", len([n for n in os.listdir(os.path.join(f.state, "bundles")) if len(n) == 64]) <= 3)


def test_restart(f):
    """Without the registry: the bundle that is kept; without anything kept: no start."""
    current = f.stored("current")
    f.reg.stop()
    sensor = f.sensor("second")
    f.seen = 0
    try:
        f.ok("restart without the registry", sensor.wait_ready(), sensor.messages())
        f.ok("with the kept bundle", f.in_force(sensor, 5), sensor.messages())
        f.ok("which is told", f.told(sensor, FAILURE, "127.0.0.1"), sensor.messages())
        f.ok("and it is still kept", f.stored("current") == current, (current, f.stored("current")))
        f.reg.start()
        f.push(6)
        f.forget(sensor)
        f.ok("the registry is back", f.in_force(sensor, 6), sensor.messages())
    finally:
        sensor.stop()


def test_damaged(f):
    """Nothing can be used but the last good rules."""
    path = os.path.join(f.state, "bundles", "current", "layer.tar.gz")
    os.truncate(path, os.path.getsize(path) - 1)
    f.reg.stop()
    sensor = f.sensor("damaged")
    f.seen = 0
    try:
        f.ok("a damaged store: the last good rules", sensor.wait_ready() and f.in_force(sensor, 6), sensor.messages())
        f.ok("which is told", f.told(sensor, "tiercel internal: last good rules", "127.0.0.1"), sensor.messages())
        f.reg.start()
        f.ok("until the registry is back", sensor.wait_message("rules loaded:"), sensor.messages())
        f.ok("the pulled ones are in force", f.wait_metric("tiercel_rules_last_good ", lambda line: line.endswith(" 0")))
    finally:
        sensor.stop()


def test_signed(f):
    key, pub = os.path.join(f.work, "key"), os.path.join(f.work, "pub")
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", pub], check=True, stderr=subprocess.DEVNULL)
    sign(f.reg.port, "shop", f.push(7), key, f.work)
    sensor = f.sensor("signed", "-o", "bundle.public_key=" + pub)
    f.seen = 0
    try:
        f.ok("signed: start", sensor.wait_ready() and f.in_force(sensor, 7), sensor.messages())
        f.push(8)
        f.ok("signed: an unsigned version is told", f.told(sensor, FAILURE, "is not signed"), sensor.messages())
        f.forget(sensor)
        f.ok("signed: the signed one stays", f.in_force(sensor, 7), sensor.messages())
    finally:
        sensor.stop()


def push_own(f, ref, version):
    """As the tool itself does it, credentials and all."""
    own = os.path.join(f.work, "own")
    os.makedirs(os.path.join(own, "base"), exist_ok=True)
    for name, text in (("bundle.yaml", BUNDLE % version), ("base/r.yaml", RULE % (version, f.work))):
        with open(os.path.join(own, name), "w") as file:
            file.write(text)
    return subprocess.run([os.path.join(BUILD, "tiercel"), "bundle", "push", own, ref], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=ocilib.WAIT)


def test_helper(f):
    """Credentials come from a program, also for the looks of the running sensor."""
    with open(os.path.join(f.work, "htpasswd"), "w") as passwords:
        passwords.write(ocilib.HTPASSWD)
    reg = Registry(f.work, "basic", "auth: {htpasswd: {realm: tests, path: %s}}\n" % passwords.name)
    helper = os.path.join(f.work, "docker-credential-tests")
    with open(helper, "w") as program:
        program.write('#!/bin/sh\necho \'{"Username": "ali", "Secret": "sesame"}\'\n')
    os.chmod(helper, 0o755)
    with open(os.path.join(f.work, "config.json"), "w") as config:
        config.write('{"credsStore": "tests"}')
    os.environ["PATH"] = f.work + ":" + os.environ["PATH"]
    try:
        push = push_own(f, reg.ref("shop"), 11)
        f.ok("helper: push", push.returncode == 0, push.stdout)
        f.reg, f.seen = reg, 0
        sensor = f.sensor("helper")
        try:
            f.ok("helper: the first bundle", sensor.wait_ready() and f.in_force(sensor, 11), sensor.messages())
            push_own(f, reg.ref("shop"), 12)
            f.ok("helper: the next one", f.in_force(sensor, 12), sensor.messages())
        finally:
            sensor.stop()
    finally:
        reg.stop()


def main():
    require(community=False, cgroup=False)
    if not ocilib.have("docker-registry"):
        skip("docker-registry is not installed")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(name, None)
    with Box() as work:
        os.environ["DOCKER_CONFIG"] = work
        f = Follow(work, Registry(work, "registry"))
        try:
            test_swaps(f)
            test_restart(f)
            test_damaged(f)
            test_signed(f)
            f.reg.stop()
            test_helper(f)
        except Exception:
            f.ok("the test runs to its end", False, traceback.format_exc())
        finally:
            f.reg.stop()
    report(f.results)


main()
