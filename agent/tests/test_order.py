#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processes that go from one CPU to another: what happened first comes first.

A parent forks on one CPU; the child executes there, moves to another one, executes again and opens
a file. Its events are in the rings of both. Each alert about the open has to know the last program,
its arguments and the parent, and alerts come in the order of their time stamps.
"""
import os
import shutil
import subprocess
import time

import livelib

CHILDREN = 100
RULES = """
- rule: opened
  desc: a child opens its file
  condition: evt.type in (open, openat) and fd.name contains /tiercel-order- and proc.pid != %d
  output: "%%evt.rawtime %%proc.name %%proc.cmdline %%proc.ppid %%fd.name"
  priority: NOTICE
"""


def run_children(work, cpus):
    """Paths that were opened; the machine decides how many children run at a time."""
    paths = [os.path.join(work, "tiercel-order-%d" % i) for i in range(CHILDREN)]
    for path in paths:
        open(path, "w").close()
    running = []
    for i, path in enumerate(paths):
        # The fork on one CPU, the second exec on another.
        os.sched_setaffinity(0, {cpus[i % len(cpus)]})
        running.append(subprocess.Popen(
            ["taskset", "-c", str(cpus[(i + 1) % len(cpus)]), "cat", path]))
    for p in running:
        p.wait(livelib.WAIT)
    os.sched_setaffinity(0, cpus)
    return paths


def fields(sensor):
    return [a["output_fields"] for a in sensor.alerts if a["rule"] == "opened"]


def judge(alerts, paths):
    """Names of the checks with what is wrong with each."""
    cat = [a for a in alerts if a["fd.name"] in paths and a["proc.name"] == "cat"]
    wrong = [a for a in alerts if a["fd.name"] in paths and
             (a["proc.cmdline"] != "cat " + a["fd.name"] or a["proc.ppid"] != os.getpid())]
    times = [int(a["evt.rawtime"]) for a in alerts]
    missing = set(paths) - {a["fd.name"] for a in cat}
    return [("every child is seen", sorted(missing)[:5] or None),
            ("opens come behind the exec and the fork of their process", wrong[:5] or None),
            ("alerts come in the order of time", None if times == sorted(times) else times)]


def main():
    livelib.require(community=False, cgroup=False)
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2 or not shutil.which("taskset"):
        livelib.skip("needs two CPUs and taskset")
    with livelib.Box() as work:
        rules = os.path.join(work, "rules.yaml")
        livelib.write(rules, RULES % os.getpid())
        sensor = livelib.Sensor(work, "run", "-r", rules)
        ready = sensor.wait_ready()
        paths = run_children(work, cpus) if ready else []
        end = time.time() + livelib.WAIT
        while ready and len(sensor.alerts) < 2 * CHILDREN and time.time() < end:
            sensor.read()
            if {a["fd.name"] for a in fields(sensor) if a["proc.name"] == "cat"} >= set(paths):
                break
            time.sleep(0.1)
        code = sensor.stop()
        sensor.read()
        livelib.report([("the sensor starts and ends",
                         None if ready and code == 0 else sensor.messages())] +
                       judge(fields(sensor), paths))


main()
