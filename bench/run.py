#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays a generated trace and reports events per CPU-second, ns per event and peak memory.

usage: run.py [--build DIR] [--events N] [--seed N] [--runs N] [--json FILE] [--only ID,...]
Prints a table; --json also writes the figures as JSON. Figures are whole-process CPU time (user and
system), the median and the best of RUNS runs. Rule files of the community are taken from the shared
reference data ($TIERCEL_SHARED or ../shared); scenarios that need them are left out without it.
"""
import argparse
import gzip
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

COMMUNITY = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
CAPTURED = "corpus/bench/mixed-300k.scap.gz"


def measure(argv):
    """One run: CPU seconds, peak KiB, wall seconds."""
    done = subprocess.run([measure.program] + argv, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    if done.returncode != 0:
        sys.exit("%s failed:\n%s" % (" ".join(argv), done.stderr))
    cpu, peak, wall = done.stdout.split()
    return float(cpu), int(peak), float(wall)


def measure_load(argv):
    """What a command costs beyond the start of the program; peak KiB of the whole."""
    start, whole = measure([argv[0], "--version"]), measure(argv)
    return whole[0] - start[0], whole[1], whole[2] - start[2]


def bench(tiercel, rules, trace, runs):
    """One scenario without loading the rules, by `tiercel bench`: as measure(), and events."""
    done = subprocess.run([tiercel, "bench", "--json", "-n", str(runs), "--trace", trace] +
                          sum((["-r", r] for r in rules), []),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("tiercel bench failed:\n" + done.stderr)
    got = json.loads(done.stdout)
    seconds = got["ns_per_event"] * got["events"] / 1e9
    return seconds, got["peak_rss_kb"], seconds, got["events"]


def unpacked(source, path):
    with gzip.open(source) as f, open(path, "wb") as out:
        shutil.copyfileobj(f, out)
    return path


def report(rows, args):
    print("%-34s %10s %12s %12s %9s %9s" % ("scenario", "events", "events/CPU-s", "ns/event",
                                            "wall ms", "peak MB"))
    for r in rows:
        if r["events"]:
            print("%-34s %10d %12.0f %12.1f %9.1f %9.1f" % (r["name"], r["events"],
                  r["events_per_cpu_s"], r["ns_per_event"], r["wall_s"] * 1e3, r["peak_mb"]))
        else:
            print("%-34s %10s %9.2f ms %12s %9.1f %9.1f" % (r["name"], "-", r["cpu_s"] * 1e3, "-",
                                                            r["wall_s"] * 1e3, r["peak_mb"]))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"machine": machine(),
                       "kernel": platform.release(), "load": args.load + list(os.getloadavg()[:1]),
                       "runs": args.runs, "seed": args.seed,
                       "scenarios": rows}, f, indent=1)


def machine():
    """The class of machine that figures are from."""
    with open("/proc/cpuinfo") as f:
        cpu = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return "%d x %s" % (len(cpu), cpu[0] if cpu else platform.machine())


def many_tuples(path, n):
    """One rule for opened files with n exception tuples."""
    with open(path, "w") as f:
        f.write("- rule: tuples\n  desc: d\n  priority: NOTICE\n  output: x %proc.name\n"
                "  condition: evt.type in (open, openat) and fd.name startswith /srv/app\n"
                "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n"
                "      comps: [=, =]\n      values:\n        - [node, /srv/app]\n")
        for i in range(n - 1):
            f.write("        - [p%d, /srv/app/static/f%d]\n" % (i, i))


def many_networks(path, n):
    """One rule for connections to n networks that nobody in the trace connects to."""
    with open(path, "w") as f:
        f.write("- rule: networks\n  desc: d\n  priority: NOTICE\n  output: x %%fd.sip\n"
                "  condition: evt.type = connect and fd.snet in (%s)\n" % ", ".join(
                    "%d.%d.%d.0/%d" % (100 + i % 90, i // 90 % 256, i % 256, 20 + i % 9)
                    for i in range(n)))


def many_rules(path, n):
    with open(path, "w") as f:
        for i in range(n):
            f.write("- rule: generated %d\n  desc: d\n  priority: NOTICE\n  output: x %%proc.name\n"
                    "  condition: evt.type in (open, openat) and proc.name in (a%d, b%d, c%d) and "
                    "fd.name startswith /srv/%d and not proc.pname = p%d\n" % (i, i, i, i, i, i))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--events", type=int, default=2000000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--json")
    p.add_argument("--only", default="")
    args = p.parse_args()
    args.load = list(os.getloadavg()[:1])  # before; that of afterwards is added at the end
    shared = os.environ.get("TIERCEL_SHARED", "../shared")
    rules = [os.path.join(shared, "corpus/falco-rules", f) for f in COMMUNITY]
    tiercel = os.path.join(args.build, "tiercel")
    measure.program = os.path.join(args.build, "bench/measure")
    rows = []
    with tempfile.TemporaryDirectory(prefix="tiercel-bench-") as tmp:
        many = os.path.join(tmp, "many.yaml")
        def generate(name, events, *options):
            path = os.path.join(tmp, name)
            subprocess.check_call([os.path.join(args.build, "bench/gen_trace"), "-n", str(events),
                                   "-s", str(args.seed), "-o", path] + list(options))
            return path

        def replay(files, path, *options):
            return [tiercel, "replay", "-q"] + list(options) + sum((["-r", r] for r in files),
                                                                   []) + [path]

        # Scaling shows in the ratio of two scenarios; a shorter trace is enough for that.
        trace = generate("t.scap", args.events)
        short_events = max(args.events // 4, 1000)
        short = generate("short.scap", short_events)
        zipped = generate("t.scap.gz", args.events, "-z")
        crowd = generate("crowd.scap", short_events, "-p", "5000")
        every = generate("all.scap", args.events, "-m", "all")
        one = generate("one.scap", 1, "-p", "10", "-P", "10")
        many_rules(many, 1000)
        plan = [("system", "own rules", replay(["rules/system"], trace), args.events)]
        if os.path.exists(rules[0]):
            plan += [("R1", "stable rules", replay(rules[:1], trace), args.events),
                     ("R2", "three community files", replay(rules, trace), args.events),
                     ("R2t", "three files, two threads", replay(rules, trace, "--threads", "2"),
                      args.events),
                     ("R3", "stable rules, every system call", replay(rules[:1], every), args.events),
                     ("R4", "stable rules, gzip", replay(rules[:1], zipped), args.events),
                     ("M1", "stable rules, 5,000 daemons", replay(rules[:1], crowd), short_events),
                     ("C1", "load three community files", replay(rules, one), 0)]
        captured = os.path.join(shared, CAPTURED)
        if os.path.exists(captured):
            # Real events; too few of them to have the loading of rules in the figure.
            real = unpacked(captured, os.path.join(tmp, "captured.scap"))
            plan += [("K1", "stable rules, captured", (rules[:1], real), None),
                     ("K2", "three files, captured", (rules, real), None)]
        plan.append(("C2", "load 1,000 generated rules", replay([many], one), 0))
        for ident, make, n, what in (("R5a", many_rules, 100, "100 generated rules"),
                                     ("R5b", many_rules, 1600, "1,600 generated rules"),
                                     ("R5c", many_tuples, 10, "10 exception tuples"),
                                     ("R5d", many_tuples, 10000, "10,000 exception tuples"),
                                     ("R6a", many_networks, 10, "10 networks"),
                                     ("R6b", many_networks, 5000, "5,000 networks")):
            path = os.path.join(tmp, ident + ".yaml")
            make(path, n)
            plan.append((ident, what, ([path], short), None))
        only = set(filter(None, args.only.split(",")))
        for ident, name, what, events in plan:
            if only and ident not in only:
                continue
            runs = [bench(tiercel, *what, args.runs)] if isinstance(what, tuple) else \
                [(measure if events else measure_load)(what) for _ in range(args.runs)]
            if isinstance(what, tuple):
                events = runs[0][3]
            cpu = statistics.median(r[0] for r in runs)
            rows.append({"id": ident, "name": ident + " " + name, "events": events, "cpu_s": cpu,
                         "cpu_s_best": min(r[0] for r in runs),
                         "wall_s": statistics.median(r[2] for r in runs),
                         "events_per_cpu_s": events / cpu if cpu else 0,
                         "ns_per_event": cpu * 1e9 / events if events else 0,
                         "peak_mb": max(r[1] for r in runs) / 1024})
    report(rows, args)


if __name__ == "__main__":
    main()
