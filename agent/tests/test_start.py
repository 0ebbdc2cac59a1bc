#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processes that come and go while the sensor starts: every alert about one has its name and that of
its parent."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import livelib

RULES = """
- rule: seen
  desc: every process that executes or opens
  condition: evt.type in (execve, openat) and proc.cmdline contains tiercel-start-test
  output: "%proc.name %proc.pname %proc.pid %proc.ppid"
  priority: NOTICE
"""
# Each turn is a shell that makes another one, which opens a file: parents end right after children.
CHURN = 'while :; do sh -c "sh -c \'read x < /dev/null; : tiercel-start-test\'; : tiercel-start-test"; done'
ALERTS_MIN = 50
FIELDS = ("proc.name", "proc.pname", "proc.pid", "proc.ppid")


def start(name, make):
    """Results of a start that `make` makes, with processes that come and go."""
    churn = [subprocess.Popen(["sh", "-c", CHURN]) for _ in range(2)]
    try:
        sensor = make()
        ready = sensor.wait_ready()
        end = time.time() + livelib.WAIT
        while ready and len(sensor.alerts) < ALERTS_MIN and time.time() < end:
            time.sleep(0.1)
            sensor.read()
        code = sensor.stop()
    finally:
        for c in churn:
            c.kill()
            c.wait()
    sensor.read()
    fields = [a["output_fields"] for a in sensor.alerts]
    unknown = [f for f in fields if any(f.get(n) in (None, "", "<NA>") for n in FIELDS)]
    watched = "coverage: hooks: start snapshot" in sensor.messages()
    return [
        (name + ": the sensor starts and ends", None if ready and code == 0 else sensor.messages()),
        (name + ": who ends meanwhile is watched", None if watched else sensor.messages()),
        (name + ": there were processes to see", None if len(fields) >= ALERTS_MIN else
         "%d alerts\n%s" % (len(fields), sensor.messages())),
        (name + ": all have a name and a parent", unknown[:5] or None)]


def main():
    livelib.require(community=False, cgroup=False)
    with livelib.Box() as work:
        rules, root = os.path.join(work, "rules.yaml"), os.path.join(work, "host")
        with open(rules, "w") as f:
            f.write(RULES)
        os.makedirs(root + "/proc")
        results = start("iterators", lambda: livelib.Sensor(work, "run", "-r", rules))
        # In a pid namespace of its own, as in a pod, the sensor has to read /proc.
        results += start("/proc", lambda: livelib.PodSensor(work, root, "run", "-r", rules))
        livelib.report(results)


main()
