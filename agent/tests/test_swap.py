#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hot swap: rules change while events flow. Every event is judged exactly once, by the old rules or by
the new ones; broken rules change nothing and are told; one update of a mounted ConfigMap is one reload;
the last good rules survive a restart. Prints TAP."""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import Box, Mount, Sensor, report, require, run, write

SWAPS = 20

# Makes numbered marks until a file is there; prints how many.
MARKER = """
import os, sys, time
n = 0
while n % 50 or not os.path.exists(sys.argv[2]):
    try:
        os.unlink("%s/m-%d" % (sys.argv[1], n))
    except FileNotFoundError:
        pass
    n += 1
    if n % 50 == 0:
        time.sleep(0.001)
print(n)
"""

RULE = """- rule: version %s
  desc: hot swap test
  condition: evt.type = unlink and evt.arg.path startswith %s/m-
  output: mark=%%evt.arg.path
  priority: NOTICE
"""


def rule(version, work):
    return RULE % (version, work)


def sensor_of(work, path, name, *args):
    return Sensor(work, "run", "-c", "/dev/null", "-o", "rules_files[]=" + path,
                  "-o", "state_directory=" + os.path.join(work, "state"), *args, name=name)


def mark(work, name):
    try:
        os.unlink("%s/m-%s" % (work, name))
    except FileNotFoundError:
        pass


def swaps(sensor):
    return sensor.messages().count("rules loaded:")


def wait_swaps(sensor, n):
    end = time.time() + 60
    while time.time() < end and swaps(sensor) < n:
        time.sleep(0.02)
    return swaps(sensor) >= n


def wait_version(sensor, work, version, tag):
    """Marks are made until the rules of that version see one."""
    end = time.time() + 30
    while time.time() < end:
        mark(work, tag)
        sensor.read()
        if any(a["rule"] == "version %s" % version for a in sensor.alerts):
            return True
        time.sleep(0.05)
    return False


def test_mount(work, results):
    mount = Mount(os.path.join(work, "rules.d"))
    mount.update(rule(1, work))
    sensor = sensor_of(work, mount.dir, "mount", "--heartbeat")
    try:
        ready = sensor.wait_ready()
        results.append(("the sensor starts", None if ready else sensor.messages()))
        if not ready:
            return
        results.append(("the first rules are in force",
                        None if wait_version(sensor, work, 1, "one") else sensor.messages()))
        mount.update(rule(2, work))
        results.append(("an exchanged ConfigMap is loaded",
                        None if wait_version(sensor, work, 2, "two") else sensor.messages()))
        time.sleep(0.5)         # a second reload would come now
        results.append(("it is one reload", None if swaps(sensor) == 1 else sensor.messages()))
        mount.update("- rule: broken\n  condition: evt.type = unlink and (\n")
        told = sensor.wait_alert(lambda a: a["rule"] == "Falco internal: hot restart failure")
        results.append(("broken rules are a Critical alert with the reason",
                        None if told and told["priority"] == "Critical" and
                        "rules.yaml:" in told["output"] and
                        told["output_fields"]["rules.digest"].startswith("sha256:") else str(told) + sensor.messages()))
        os.utime(os.path.join(mount.dir, "rules.yaml"))
        with open(os.path.join(mount.dir, "rules.yaml"), "a"):
            pass                # "changed", but the same
        time.sleep(1)
        sensor.read()
        results.append(("and told once", None if sum(
            a["rule"] == "Falco internal: hot restart failure" for a in sensor.alerts) == 1
            else sensor.messages()))
        sensor.alerts.clear()
        results.append(("the old rules stay in force",
                        None if wait_version(sensor, work, 2, "three") else sensor.messages()))
        mount.update(rule(4, work))
        results.append(("corrected rules are loaded",
                        None if wait_version(sensor, work, 4, "four") else sensor.messages()))
    finally:
        status = sensor.stop()
    results.append(("it ends cleanly", None if status == 0 else sensor.messages()))
    sensor.read()
    last = sensor.alerts[-1] if sensor.alerts else {}
    results.append(("the stop record counts the reloads",
                    None if last.get("rule") == "tiercel internal: stop" and
                    last["output_fields"]["rules.reloads"] == 2 and
                    last["output_fields"]["rules.reloads_failed"] == 1 else str(last)))


def test_flood(work, results, threads):
    """Numbered marks while the rules are exchanged again and again."""
    name = "flood-%d" % threads
    path = os.path.join(work, name + ".yaml")
    write(path, rule(0, work))
    sensor = sensor_of(work, path, name, "--threads", threads, "-o", "watch_config_files=false",
                       "-o", "outputs_queue.capacity=200000", "--ring-size", 16384)
    try:
        ready = sensor.wait_ready()
        if not ready:
            results.append((name + ": the sensor starts", sensor.messages()))
            return
        stop = os.path.join(work, "stop-%d" % threads)
        marker = subprocess.Popen([sys.executable, "-c", MARKER, work, stop], stdout=subprocess.PIPE)
        done = True
        for version in range(1, SWAPS + 1):
            write(path, rule(version, work))
            sensor.process.send_signal(signal.SIGHUP)
            done = done and wait_swaps(sensor, version)
        results.append(("%s: %d swaps" % (name, SWAPS), None if done else sensor.messages()))
        open(stop, "w").close()
        marks = int(marker.communicate()[0])
        mark(work, "end")
        sensor.wait_alert(lambda a: a["output_fields"].get("evt.arg.path", "").endswith("m-end"))
    finally:
        status = sensor.stop()
    sensor.read()
    log = sensor.messages()
    seen = {}
    alerts = [a for a in sensor.alerts if a["rule"].startswith("version ")]
    for alert in alerts:
        seen.setdefault(alert["output_fields"].get("evt.arg.path"), []).append(alert["rule"])
    missing = [i for i in range(marks) if "%s/m-%d" % (work, i) not in seen]
    double = {k: v for k, v in seen.items() if len(v) > 1}
    versions = {v[0] for v in seen.values()}
    order = [int(a["rule"].split()[1]) for a in alerts]
    lost = re.search(r"lost: (\d+)", log)
    results.append((name + ": it ends cleanly", None if status == 0 and lost else log))
    # A machine under load may lose events of a ring, never without counting them.
    results.append(("%s: of %d events none is lost by a swap" % (name, marks), None
                    if lost and len(missing) <= int(lost.group(1))
                    else "%d missing: %s\n%s" % (len(missing), missing[:10], log)))
    results.append((name + ": no event is judged twice", str(list(double.items())[:5]) if double else None))
    results.append((name + ": many rule sets gave alerts", None if len(versions) > SWAPS // 2 else str(versions)))
    results.append((name + ": never older rules after newer ones",
                    None if order == sorted(order) else "out of order"))


def test_restart(work, results):
    path = os.path.join(work, "restart.yaml")
    write(path, rule("kept", work))
    sensor = sensor_of(work, path, "first")
    ready = sensor.wait_ready()
    status = sensor.stop()
    results.append(("restart: first run", None if ready and status == 0 else sensor.messages()))
    write(path, "- rule: [\n")
    sensor = sensor_of(work, path, "second")
    try:
        ready = sensor.wait_ready()
        told = ready and sensor.wait_alert(lambda a: a["rule"] == "tiercel internal: last good rules")
        results.append(("restart: broken rules start the last good ones, which is told",
                        None if told and told["priority"] == "Critical" else sensor.messages()))
        results.append(("restart: they are in force",
                        None if wait_version(sensor, work, "kept", "kept") else sensor.messages()))
    finally:
        sensor.stop()
    refused = run(os.path.join(os.environ.get("BUILD", "build"), "tiercel"), "run", "-r", path,
                  "-o", "state_directory=" + os.path.join(work, "state"))
    results.append(("restart: rules named by hand have to load",
                    None if refused.returncode == 1 else str(refused.returncode)))


def test_bundle(work, results):
    """The same with a rule bundle, and an update of it."""
    bundle = os.path.join(work, "bundle")
    os.makedirs(os.path.join(bundle, "base"))
    write(os.path.join(bundle, "bundle.yaml"),
          "name: b\nversion: 1.0.0\nlayers:\n  - {name: base, level: system}\n")
    path = os.path.join(bundle, "base", "r.yaml")
    write(path, rule("a", work))
    args = ["run", "-c", "/dev/null", "--bundle", bundle, "-o", "state_directory=" + os.path.join(work, "state2")]
    sensor = Sensor(work, *args, name="bundle1")
    try:
        ready = sensor.wait_ready()
        write(path, rule("b", work))
        results.append(("bundle: a changed file is loaded", None if ready and
                        wait_version(sensor, work, "b", "b") else sensor.messages()))
    finally:
        sensor.stop()
    write(path, "- rule: [\n")
    sensor = Sensor(work, *args, name="bundle2")
    try:
        ready = sensor.wait_ready()
        results.append(("bundle: the last good one is in force after a restart", None if ready and
                        wait_version(sensor, work, "b", "c") else sensor.messages()))
        write(path, rule("d", work))
        results.append(("bundle: a corrected one replaces it",
                        None if wait_version(sensor, work, "d", "d") else sensor.messages()))
    finally:
        sensor.stop()


def main():
    require(community=False, cgroup=False)
    results = []
    with Box() as work:
        test_mount(work, results)
        test_flood(work, results, 1)
        test_flood(work, results, 2)
        test_restart(work, results)
        test_bundle(work, results)
    report(results)


main()
