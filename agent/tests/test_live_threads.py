#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tiercel run --threads N`: two sensors beside each other, one of them with two threads, see the same
workload and give the same alerts: as many, in the same order of every process, with the same fields. In
each, alerts come in the order of their events; what is counted agrees with what came out. Prints TAP."""
import collections
import json
import os
import subprocess
import time

import livelib

FAMILIES = 24       # shells, each with children of its own
FILES = 40          # that each of them opens and removes
RING_KB = 16384     # a sensor with sanitizers is slower than the workload

# A shell with children: the alerts need the fork, the exec and the folder of the parent.
FAMILY = """
mkdir -p %(dir)s && cd %(dir)s
i=0
while [ $i -lt %(files)d ]; do
	: > mark-$i
	cat mark-$i
	(rm mark-$i)
	i=$((i+1))
done
"""

RULES = """
- macro: marked
  condition: fd.name contains /%(tag)s-
- rule: opened
  desc: a marked file
  condition: evt.type in (open, openat) and marked
  output: "%%evt.rawtime %%proc.pid %%proc.name %%proc.cmdline %%proc.pname %%proc.ppid %%proc.aname[2] %%proc.cwd %%fd.name"
  priority: NOTICE
- rule: removed
  desc: by a child that inherits the folder
  condition: evt.type in (unlink, unlinkat) and fs.path.name contains /%(tag)s-
  output: "%%evt.rawtime %%proc.pid %%proc.name %%proc.cmdline %%proc.pname %%proc.ppid %%proc.aname[2] %%proc.cwd %%fs.path.name"
  priority: NOTICE
- rule: started
  desc: a program below the marked folder
  condition: evt.type = execve and proc.cwd contains /%(tag)s-
  output: "%%evt.rawtime %%proc.pid %%proc.name %%proc.cmdline %%proc.pname %%proc.ppid %%proc.aname[2] %%proc.cwd"
  priority: NOTICE
"""


def workload(work, tag):
    families = []
    for i in range(FAMILIES):
        folder = os.path.join(work, "%s-%d" % (tag, i))
        families.append(subprocess.Popen(["sh", "-c", FAMILY % {"dir": folder, "files": FILES}],
                                         stdout=subprocess.DEVNULL))
    for p in families:
        p.wait(livelib.WAIT)


def facts(alert):
    """What does not depend on the sensor: each has time stamps of its own."""
    return (alert["rule"],) + tuple(sorted(
        (k, v) for k, v in alert["output_fields"].items() if k not in ("evt.time", "evt.rawtime")))


def by_process(sensor):
    result = collections.defaultdict(list)
    for a in sensor.alerts:
        if a["source"] == "syscall":
            result[a["output_fields"]["proc.pid"]].append(facts(a))
    return result


def times(sensor):
    return [int(a["output_fields"]["evt.rawtime"]) for a in sensor.alerts if a["source"] == "syscall"]


def difference(one, two):
    for pid in sorted(set(one) | set(two)):
        if one.get(pid) != two.get(pid):
            return "process %d:\n%s\n%s" % (pid, one.get(pid), two.get(pid))
    return None


def hits(path):
    answer = subprocess.run([os.path.join(livelib.BUILD, "tiercel"), "status", "--json", "--socket", path],
                            stdout=subprocess.PIPE, check=True).stdout
    return json.loads(answer)["alerts"]["rules"]


def main():
    livelib.require(community=False, cgroup=False)
    with livelib.Box() as work:
        rules, tag = os.path.join(work, "rules.yaml"), "threads"
        livelib.write(rules, RULES % {"tag": tag})
        sockets = [os.path.join(work, "control-%d.sock" % n) for n in (1, 2)]
        sensors = [livelib.Sensor(work, "run", "-c", "/dev/null", "-r", rules, "--threads", n, "--ring-size", RING_KB,
                                  "-o", "sensor.life_ring_kb=%d" % RING_KB,
                                  "-o", "outputs_queue.capacity=200000", "-o", "control.socket=" + socket,
                                  name="threads-%d" % n) for n, socket in zip((1, 2), sockets)]
        ready = all([s.wait_ready() for s in sensors])
        counted, status = [], []
        try:
            if ready:
                workload(work, tag)
                subprocess.run(["sh", "-c", "cd %s/%s-0 && : > end && rm end" % (work, tag)], check=True)
                for s in sensors:
                    s.wait_alert(lambda a: a["rule"] == "removed" and
                                 a["output_fields"]["fs.path.name"].endswith("/end"))
                time.sleep(0.5)     # counters are published ten times a second
                counted = [hits(path) for path in sockets]
        finally:
            status = [s.stop() for s in sensors]
        for s in sensors:
            s.read()
        one, two = (by_process(s) for s in sensors)
        logs = "\n".join(s.messages() for s in sensors)
        lost = ["lost: 0 (" not in s.messages() for s in sensors]
        livelib.report([
            ("both start and end", None if ready and status == [0, 0] else logs),
            ("rings are as large as was asked for", None if all(
                "%d KiB together" % (os.cpu_count() * 2 * RING_KB) in s.messages() for s in sensors) else logs),
            ("nothing is lost", logs if any(lost) else None),
            ("there are alerts of every family",
             None if sum(map(len, one.values())) >= 3 * FAMILIES * FILES else logs),
            ("two threads give the alerts of one", difference(one, two)),
            ("in the order of their events", None if all(
                times(s) == sorted(times(s)) for s in sensors) else "out of order"),
            ("the status counts the alerts of both threads", None if counted and all(
                c == sum(a["source"] == "syscall" for a in s.alerts)
                for c, s in zip(counted, sensors)) else str(counted)),
        ])


main()
