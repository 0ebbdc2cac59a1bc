#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long from an event to its alert on stdout, at a steady rate of events (scenario T1).

A program opens files at the rate, one in some a marked one, which is an alert. Latency is the time at
which the line is read from the sensor's stdout less the time stamp of the event in the kernel. The CPU
time of the sensor is told, too: waiting shorter costs wake-ups. Needs root. See bench/README.md.
"""
import argparse
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

AIM_MS = {"p50": 10, "p99": 30}
RULE = """
- rule: marked
  desc: one open in some
  condition: evt.type in (open, openat) and fd.name = /dev/shm/tiercel-bench-marked and evt.is_open_read = true
  output: "%evt.rawtime"
  priority: NOTICE
"""


class Sensor:
    def __init__(self, build, rules, extra):
        self.log = tempfile.TemporaryFile("w+")
        self.folder = tempfile.TemporaryDirectory()
        marked = os.path.join(self.folder.name, "marked.yaml")
        with open(marked, "w") as f:
            f.write(RULE)
        self.process = subprocess.Popen(
            [os.path.join(build, "tiercel"), "run", "-c", "/dev/null", "-o", "control.enabled=false"] +
            [a for r in [marked] + rules for a in ("-r", r)] + extra, stdout=subprocess.PIPE, stderr=self.log)
        self.latencies, self.rest = [], b""
        end = time.time() + 60
        while "sensor running" not in self.messages():
            if time.time() > end or self.process.poll() is not None:
                sys.exit("the sensor does not start:\n" + self.messages())
            time.sleep(0.05)
        time.sleep(0.5)     # what the start left behind
        self.start_cpu = self.cpu_seconds()

    def messages(self):
        self.log.seek(0)
        return self.log.read()

    def cpu_seconds(self):
        """Of all threads."""
        with open("/proc/%d/stat" % self.process.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def read(self):
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        now = time.clock_gettime_ns(time.CLOCK_REALTIME)
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        self.latencies += [now - int(m.group(1)) for m in
                           (re.search(rb'"evt\.rawtime":"?(\d+)', line) for line in lines) if m]
        return bool(data)

    def read_until(self, end, done):
        while time.time() < end and not done():
            if select.select([self.process.stdout], [], [], 0.1)[0] and not self.read():
                return

    def stop(self):
        """CPU seconds since it was ready, events lost."""
        cpu = self.cpu_seconds() - self.start_cpu
        self.process.send_signal(signal.SIGTERM)
        while self.read():
            pass
        self.process.wait(60)
        return cpu, int(re.search(r"lost: (\d+)", self.messages()).group(1))


def percentile(values, share):
    return values[min(int(len(values) * share), len(values) - 1)] / 1e6


def measure(options):
    sensor = Sensor(options.build, options.rules, options.option)
    load = subprocess.Popen([os.path.join(options.build, "bench/live_rate"), str(os.cpu_count() - 1),
                             str(options.rate), str(options.seconds), str(options.every)], stdout=subprocess.PIPE)
    sensor.read_until(time.time() + options.seconds + 30, lambda: load.poll() is not None)
    opened = int(load.stdout.read())
    wanted = opened // options.every
    sensor.read_until(time.time() + 10, lambda: len(sensor.latencies) >= wanted)
    cpu, lost = sensor.stop()
    values = sorted(sensor.latencies)
    if not values:
        sys.exit("no alert came:\n" + sensor.messages())
    return {"events_per_second": opened / options.seconds, "alerts": len(values), "missing": wanted - len(values),
            "lost": lost, "cpu_percent": 100 * cpu / options.seconds, "p50": percentile(values, 0.5),
            "p90": percentile(values, 0.9), "p99": percentile(values, 0.99), "max": values[-1] / 1e6}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default="build")
    p.add_argument("--rate", type=int, default=10000, help="events per second")
    p.add_argument("--seconds", type=int, default=10)
    p.add_argument("--every", type=int, default=50, help="one event in so many is an alert")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--rules", nargs="*", default=["rules/system"])
    p.add_argument("--json", help="also write the figures there")
    p.add_argument("option", nargs="*", help="more options of tiercel run, behind --")
    options = p.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench-latency needs root")
    rounds = [measure(options) for _ in range(options.rounds)]
    print("%8s %8s %8s %8s %8s %8s %8s %8s %6s" % ("ev/s", "alerts", "missing", "p50 ms", "p90 ms", "p99 ms", "max ms",
                                                  "CPU %", "lost"))
    for r in rounds:
        print("%8.0f %8d %8d %8.2f %8.2f %8.2f %8.2f %8.2f %6d" % (
            r["events_per_second"], r["alerts"], r["missing"], r["p50"], r["p90"], r["p99"], r["max"],
            r["cpu_percent"], r["lost"]))
    print("aims on an idle machine: p50 %(p50)d ms, p99 %(p99)d ms" % AIM_MS)
    if options.json:
        with open(options.json, "w") as f:
            json.dump({"rounds": rounds, "aim_ms": AIM_MS, "kernel": os.uname().release,
                       "load": os.getloadavg()}, f, indent=1)


if __name__ == "__main__":
    main()
