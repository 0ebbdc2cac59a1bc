#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs another engine's replay command beside ours on the same rules and trace.

usage: peer.py --peer CMD [--pairs N] [--build DIR] --rules FILE... --trace FILE
CMD is a shell command that writes alerts as JSON lines to stdout. In it {rules} becomes "-r FILE" for
every rule file and {trace} the trace. Both run in turns, peer first and last alternating. The alerts
must be the same (rule and time, in any order), else the run fails and shows what differs. Reported
are CPU seconds (user and system), minimum and median, and the median of the pairwise ratios.
"""
import argparse
import collections
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys


def alerts_of(text):
    """Alerts by rule and time; lines that are no alerts (summaries) do not count."""
    found = collections.Counter()
    for line in text.splitlines():
        try:
            alert = json.loads(line)
        except ValueError:
            continue
        if isinstance(alert, dict) and "rule" in alert and "time" in alert:
            found[(alert["rule"], alert["time"])] += 1
    return found


def run(command):
    """CPU seconds and alerts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit("%s failed:\n%s" % (command, done.stderr.decode(errors="replace")))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, alerts_of(done.stdout.decode(errors="replace"))


def show_difference(ours, theirs):
    for title, extra in (("only ours", ours - theirs), ("only the peer's", theirs - ours)):
        for (rule, time), n in sorted(extra.items())[:10]:
            print("%s: %s %s%s" % (title, time, rule, " (%d times)" % n if n > 1 else ""))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--peer", required=True, help="its command, with {rules} and {trace}")
    p.add_argument("--build", default="build")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--rules", action="append", required=True)
    p.add_argument("--trace", required=True)
    args = p.parse_args()
    rules = " ".join("-r " + shlex.quote(r) for r in args.rules)
    trace = shlex.quote(args.trace)
    commands = {"peer": args.peer.replace("{rules}", rules).replace("{trace}", trace),
                "ours": "%s replay -q %s %s" % (shlex.quote(os.path.join(args.build, "tiercel")),
                                                rules, trace)}
    cpu = {"peer": [], "ours": []}
    for i in range(args.pairs):
        got = {}
        for who in ("peer", "ours") if i % 2 == 0 else ("ours", "peer"):
            seconds, got[who] = run(commands[who])
            cpu[who].append(seconds)
        if got["ours"] != got["peer"]:
            show_difference(got["ours"], got["peer"])
            sys.exit("the alerts differ: %d ours, %d the peer's" % (
                sum(got["ours"].values()), sum(got["peer"].values())))
    for who in ("peer", "ours"):
        print("%s: min %.3f s, median %.3f s CPU" % (who, min(cpu[who]),
                                                     statistics.median(cpu[who])))
    ratios = [a / b for a, b in zip(cpu["peer"], cpu["ours"]) if b > 0]
    print("alerts: %d, the same in both" % sum(got["ours"].values()))
    print("peer/ours: median %.2f, pairs %s" % (statistics.median(ratios),
                                                " ".join("%.2f" % r for r in ratios)))


if __name__ == "__main__":
    main()
