#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cgroups of processes that are started one after the other on one CPU, in changing cgroups: the kernel side keeps
the text of the last ones. Prints TAP."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import WAIT, Box, Sensor, cgroup_roots, report, require, write

MARK = "cg-%d" % os.getpid()
RULES = """- rule: start
  desc: d
  condition: evt.type = execve and proc.args startswith %s
  output: "%%proc.args %%thread.cgroups"
  priority: NOTICE
""" % MARK
# In all hierarchies, so that the paths of all controllers are the same.
EVERYWHERE = ("everywhere", "everywhere-else")
CONTROLLERS = ("cpuset", "cpu", "cpuacct", "blkio", "memory", "pids")


def hierarchies():
    """Mount points: the one that livelib plays with first, then the others that have our controllers."""
    points = cgroup_roots()[:1]
    for line in open("/proc/self/mountinfo"):
        left, right = line.rstrip("\n").split(" - ", 1)
        point, options = left.split(" ")[4], right.split(" ")[2].split(",")
        if right.startswith("cgroup ") and set(options) & set(CONTROLLERS) and point not in points:
            points.append(point)
    return points


def expected(text):
    """Paths by controller ("": version 2) as /proc says; with version 2 alone all controllers are there."""
    paths = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            if not name.startswith("name="):
                paths[name] = path
    return {c: paths.get(c, paths.get("")) for c in CONTROLLERS} | {"": paths.get("", "/")}


class Worker:
    """A shell in a cgroup, which starts a program with each line that it is told."""

    def __init__(self, paths):
        def enter():
            for path in paths:
                with open(os.path.join(path, "cgroup.procs"), "w") as f:
                    f.write(str(os.getpid()))

        self.shell = subprocess.Popen(["sh", "-c", 'while read -r n; do /bin/true "$n"; done'], stdin=subprocess.PIPE,
                                      text=True, preexec_fn=enter)

    def start(self, args):
        self.shell.stdin.write(args + "\n")
        self.shell.stdin.flush()

    def cgroups(self):
        with open("/proc/%d/cgroup" % self.shell.pid) as f:
            return f.read()

    def end(self):
        self.shell.stdin.close()
        self.shell.wait(WAIT)


class Play:
    """Cgroups with a worker each, and what the sensor sees of them."""

    def __init__(self, sensor, roots):
        self.sensor, self.roots, self.n = sensor, roots, 0
        self.workers = {"": Worker(roots[:1])}

    def paths(self, name):
        roots = self.roots if name.split("/")[0] in EVERYWHERE else self.roots[:1]
        return [os.path.join(root, MARK + name) for root in roots]

    def path(self, name):
        return self.paths(name)[0]

    def add(self, name):
        for path in self.paths(name):
            os.mkdir(path)
            for part in ("cpuset.cpus", "cpuset.mems"):     # version 1 wants them before there are processes
                above = os.path.join(os.path.dirname(path), part)
                if "cpuset" in path and os.path.exists(above):
                    with open(above) as f, open(os.path.join(path, part), "w") as to:
                        to.write(f.read())
        self.workers[name] = Worker(self.paths(name))

    def remove(self, name):
        self.workers.pop(name).end()
        for path in self.paths(name):
            os.rmdir(path)

    def rename(self, name, new):
        os.rename(self.path(name), self.path(new))
        self.workers[new] = self.workers.pop(name)

    def remove_all(self):
        for name in sorted(self.workers, reverse=True):
            if name:
                self.remove(name)
        self.workers.pop("").end()

    def check(self, name):
        """What is wrong with the cgroups of a program that is started in that cgroup, or None."""
        self.n += 1
        args, worker = "%s-%d-" % (MARK, self.n), self.workers[name]
        worker.start(args)
        alert = self.sensor.wait_alert(lambda a: a["output_fields"]["proc.args"] == args)
        if not alert:
            return "no alert for a program in %s\n%s" % (self.path(name), self.sensor.messages())
        text, want = alert["output_fields"]["thread.cgroups"], expected(worker.cgroups())
        got = dict(one.split("=", 1) for one in text.split())
        bad = {c: p for c, p in got.items() if want.get(c) != p}
        if bad or "memory" not in got or (name and MARK + name not in got["memory"]):
            return "%s instead of %s" % (text, want)
        return None

    def check_all(self, names):
        return "\n".join(filter(None, map(self.check, names))) or None


def main():
    require(community=False)
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    results = []
    with Box() as work:
        write(work + "/rules.yaml", RULES)
        sensor = Sensor(work, "run", "-c", "/dev/null", "-o", "rules_files[]=%s/rules.yaml" % work,
                        "-o", "container_metadata.enabled=false", "-o", "state_directory=%s/state" % work)
        play = Play(sensor, hierarchies())
        try:
            ready = sensor.wait_ready()
            results.append(("the sensor starts", None if ready else sensor.messages()))
            for name in ("a", "b"):
                play.add(name)
            results.append(("processes in changing cgroups",
                            play.check_all(["", "a", "a", "b", "a", "b", "b", "", "", "a"] * 3)))
            try:
                play.rename("a", "c")
            except PermissionError:
                results.append(("a renamed cgroup # SKIP version 2 renames none", None))
            else:
                results.append(("a renamed cgroup", play.check_all(["c", "c", "b", "c"])))
                play.rename("c", "a")
                results.append(("a cgroup that has its old name again", play.check_all(["a", "b", "a"])))
            play.remove("a")
            play.add("a")
            results.append(("a new cgroup of an old name", play.check_all(["a", "a"])))
            for name in EVERYWHERE + (EVERYWHERE[0] + "/inside",):
                play.add(name)
            results.append(("the same path for all controllers", play.check_all(
                [EVERYWHERE[0], EVERYWHERE[1], EVERYWHERE[0], EVERYWHERE[0] + "/inside", "a", EVERYWHERE[0]])))
            play.add("a/inside")
            results.append(("a cgroup inside", play.check_all(["a/inside", "a", "a/inside"])))
        finally:
            play.remove_all()
            status = sensor.stop()
        results.append(("it ends in order", None if status == 0 else str(status)))
    report(results)


main()
