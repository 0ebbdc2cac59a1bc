#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the live sensor costs: CPU time that it adds to one operation, and its own per event.

Loops run alternately without and with the sensor, pinned to the last CPU while the sensor is on
CPU 0, several rounds; what counts is the difference of minima and of medians within the run, so that
other load of the machine matters little. Needs root. See bench/README.md.
"""
import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

# loop: (operations of a chunk, aim in added ns, what it is). Rounds of open and connect are so long
# that what the sensor does once (0.4 ms of CPU) is a hundredth of its figure.
LOOPS = {
    "getppid": (20000, 66, "a system call that no rule wants"),
    "open": (16000, 500, "open + close on tmpfs, both seen, one recorded"),
    "connect": (4000, None, "socket + connect + accept + close on loopback"),
    "exec": (600, 5000, "vfork + exec + exit + wait"),
}
CHUNKS = 12
AGENT_AIM = 100     # ns of CPU per event
RATED_EVENTS = 50000    # below that the idle time of the sensor is most of it


class Sensor:
    def __init__(self, build, rules):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", os.path.join(build, "tiercel"), "run"]
            + [a for r in rules for a in ("-r", r)],
            stdout=subprocess.DEVNULL, stderr=self.log)
        end = time.time() + 60
        while "sensor running" not in self.messages():
            if time.time() > end or self.process.poll() is not None:
                sys.exit("the sensor does not start:\n" + self.messages())
            time.sleep(0.05)
        self.start_cpu = self.cpu_ns()

    def messages(self):
        self.log.seek(0)
        return self.log.read()

    def cpu_ns(self):
        with open("/proc/%d/schedstat" % self.process.pid) as f:
            return int(f.read().split()[0])

    def stop(self):
        """CPU ns since it was ready, events, lost events."""
        time.sleep(0.05)
        cpu = self.cpu_ns() - self.start_cpu
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        log = self.messages()
        return (cpu, int(re.search(r"events: (\d+)", log).group(1)),
                int(re.search(r"lost: (\d+)", log).group(1)))


def foreign_programs():
    """Other programs on every system call; they would be measured, too."""
    try:
        text = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
        return sum(p.get("name", "") == "on_sys_exit" or p.get("type") == "raw_tracepoint"
                   for p in json.loads(text))
    except (OSError, ValueError):
        return 0


def measure(build, loop, cpu):
    out = subprocess.run([os.path.join(build, "bench/live_ops"), loop, str(cpu), str(CHUNKS),
                          str(LOOPS[loop][0])], stdout=subprocess.PIPE, check=True).stdout
    return [float(line) for line in out.split()]


def collect(options, cpu):
    times = {loop: ([], []) for loop in LOOPS}
    agent = {loop: [0, 0, 0] for loop in LOOPS}
    for _ in range(options.rounds):
        for loop, (without, with_sensor) in times.items():
            without += measure(options.build, loop, cpu)
            sensor = Sensor(options.build, options.rules)
            with_sensor += measure(options.build, loop, cpu)
            agent[loop] = [a + b for a, b in zip(agent[loop], sensor.stop())]
    return times, agent


def figures(times, agent):
    result = {}
    for loop, (without, with_sensor) in times.items():
        cpu, events, lost = agent[loop]
        result[loop] = {
            "what": LOOPS[loop][2], "aim_added_ns": LOOPS[loop][1],
            "base_min_ns": min(without), "base_median_ns": statistics.median(without),
            "added_min_ns": min(with_sensor) - min(without),
            "added_median_ns": statistics.median(with_sensor) - statistics.median(without),
            "ratio_min": min(with_sensor) / min(without),
            "events": events, "lost": lost,
            "agent_ns_per_event": cpu / events if events >= RATED_EVENTS else None,
        }
    return result


def show(result, foreign):
    print("%-9s %12s %12s %12s %8s %10s %9s %6s" % (
        "loop", "base min ns", "added min", "added median", "aim", "events", "agent ns", "lost"))
    for loop, r in result.items():
        cost = r["agent_ns_per_event"]
        print("%-9s %12.0f %12.0f %12.0f %8s %10d %9s %6d" % (
            loop, r["base_min_ns"], r["added_min_ns"], r["added_median_ns"],
            r["aim_added_ns"] or "-", r["events"], "%.0f" % cost if cost else "-", r["lost"]))
    print("aim for the agent: %d ns of CPU per event" % AGENT_AIM)
    if foreign:
        print("warning: %d other programs hang on system calls; figures are not valid" % foreign)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default="build")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--rules", nargs="+", default=["rules/system"])
    p.add_argument("--json", help="also write the figures there")
    options = p.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench-live needs root")
    foreign = foreign_programs()
    times, agent = collect(options, os.cpu_count() - 1)
    result = figures(times, agent)
    show(result, foreign)
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"loops": result, "rounds": options.rounds, "foreign_programs": foreign,
                       "kernel": os.uname().release, "load": os.getloadavg()}, f, indent=1)


if __name__ == "__main__":
    main()
