#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two builds on the same traces and rules in one interleaved run.

usage: compare.py OLD NEW [--pairs N] [--events N] [--seed N] [--rules FILE]... [--trace FILE]
OLD and NEW are tiercel binaries. Each pair is OLD NEW or NEW OLD in turn; the figure is the median
of NEW/OLD over all pairs: below 1 is faster. Alerts must be the same, else the run fails.
"""
import argparse
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile


def replay(binary, rules, trace):
    """CPU seconds and a digest of the alerts."""
    argv = [binary, "replay", "-q"] + sum((["-r", r] for r in rules), []) + [trace]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit("%s failed:\n%s" % (" ".join(argv), done.stderr.decode(errors="replace")))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, hashlib.sha256(done.stdout).hexdigest()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("old")
    p.add_argument("new")
    p.add_argument("--build", default="build", help="where bench/gen_trace is")
    p.add_argument("--pairs", type=int, default=7)
    p.add_argument("--events", type=int, default=1000000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--rules", action="append")
    p.add_argument("--trace", help="instead of a generated one")
    args = p.parse_args()
    rules = args.rules or ["rules/system"]
    with tempfile.TemporaryDirectory(prefix="tiercel-compare-") as tmp:
        trace = args.trace or os.path.join(tmp, "t.scap")
        if not args.trace:
            subprocess.check_call([os.path.join(args.build, "bench/gen_trace"), "-n",
                                   str(args.events), "-s", str(args.seed), "-o", trace])
        ratios, best = [], {}
        for i in range(args.pairs + 1):
            got = {}
            for binary in (args.old, args.new) if i % 2 else (args.new, args.old):
                got[binary] = replay(binary, rules, trace)
            if got[args.old][1] != got[args.new][1]:
                sys.exit("the alerts differ")
            if i == 0:
                continue  # warms up caches
            ratios.append(got[args.new][0] / got[args.old][0])
            for binary, (cpu, _) in got.items():
                best[binary] = min(cpu, best.get(binary, cpu))
    print("new/old: median %.3f, best runs %.3f, pairs %s" % (
        statistics.median(ratios), best[args.new] / best[args.old],
        " ".join("%.2f" % r for r in ratios)))


if __name__ == "__main__":
    main()
