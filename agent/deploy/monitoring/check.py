#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks alert rules and dashboard against the metrics that the sensor has.

usage: check.py METRICS         METRICS: what `tiercel metrics` prints. Every problem is a line; status 1
       check.py --expressions   all PromQL expressions, one JSON text per line, for a parser
"""
import json
import os
import re
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = re.compile(r"\b(?:tiercel|falcosecurity)_\w+")
SEVERITIES = {"critical", "warning", "info"}
OPEN = {")": "(", "]": "[", "}": "{"}


def balanced(expression):
    stack = []
    for c in re.sub(r'"(?:[^"\\]|\\.)*"', "", expression):
        if c in "([{":
            stack.append(c)
        elif c in OPEN and (not stack or stack.pop() != OPEN[c]):
            return False
    return not stack


def load():
    with open(os.path.join(HERE, "alerts.yaml")) as f:
        rules = [r for group in yaml.safe_load(f)["groups"] for r in group["rules"]]
    with open(os.path.join(HERE, "dashboard.json")) as f:
        panels = [p for p in json.load(f)["panels"] if p["type"] != "row"]
    return rules, panels


def expressions(rules, panels):
    for r in rules:
        yield r["alert"], r["expr"], r["annotations"]["summary"] + r["annotations"]["description"]
    for p in panels:
        for t in p["targets"]:
            yield p["title"], t["expr"], p["description"]


def problems(rules, panels, metrics):
    names = [r["alert"] for r in rules]
    for name in {n for n in names if names.count(n) > 1}:
        yield name + ": stands there twice"
    for r in rules:
        if r["labels"]["severity"] not in SEVERITIES:
            yield r["alert"] + ": severity"
        if "for" in r and not re.fullmatch(r"\d+[smhd]", r["for"]):
            yield r["alert"] + ": for"
    for name, expression, text in expressions(rules, panels):
        if not balanced(expression):
            yield "%s: parentheses of %s" % (name, expression)
        for metric in NAME.findall(expression + " " + text):
            if metric not in metrics:
                yield "%s: no metric %s" % (name, metric)
        for metric in re.findall(r"(?:rate|increase)\(([a-z_]+)", expression):
            if metrics.get(metric) != "counter":
                yield "%s: rate of %s, which is no counter" % (name, metric)


def main():
    rules, panels = load()
    if sys.argv[1] == "--expressions":
        for _, expression, _ in expressions(rules, panels):
            # Variables of Grafana stand where PromQL has a duration or a text.
            print(json.dumps(expression.replace("$__rate_interval", "5m")))
        return
    with open(sys.argv[1]) as f:
        metrics = dict(line.split("\t")[:2] for line in f if "\t" in line)
    found = list(problems(rules, panels, metrics))
    print("\n".join(found) or "%d rules, %d panels" % (len(rules), len(panels)))
    sys.exit(bool(found))


main()
