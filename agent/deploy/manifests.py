#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks Kubernetes manifests without a cluster.

usage: manifests.py helm CHART [KEY=VALUE...]   render a chart (the subset of templates that ours uses)
       manifests.py same A B                    are two multi-document files the same objects?
       manifests.py typescript FILE...          objects as typed literals, for `tsc --noEmit`

Helm is in neither Debian nor npm; the chart therefore keeps to if, end, toYaml, indent and values, and
the test holds what this renders against the kustomize base.
"""
import json
import os
import re
import sys

import yaml

# kind -> where kubernetes-types has its type. Kinds that are not listed are not checked.
TYPES = {
    "DaemonSet": ("apps/v1", "DaemonSet"),
    "ServiceAccount": ("core/v1", "ServiceAccount"),
    "ConfigMap": ("core/v1", "ConfigMap"),
    "Namespace": ("core/v1", "Namespace"),
    "ResourceQuota": ("core/v1", "ResourceQuota"),
}
TAG = re.compile(r"\{\{(-?)\s*(.*?)\s*\}\}")


def lookup(values, path):
    for part in path.lstrip(".").split(".")[1:]:
        values = values[part]
    return values


def evaluate(values, text):
    stages = [s.split() for s in text.split("|")]
    head = stages[0]
    if head[0] == "toYaml":
        value = yaml.safe_dump(lookup(values, head[1]), sort_keys=False).rstrip("\n")
    elif len(head) == 1 and head[0].startswith(".Values."):
        value = str(lookup(values, head[0]))
    else:
        sys.exit("not in the subset: " + text)
    for stage in stages[1:]:
        if stage[0] != "indent":
            sys.exit("not in the subset: " + text)
        value = "\n".join(" " * int(stage[1]) + line for line in value.splitlines())
    return value


def render(template, values):
    out, active, at = [], [], 0
    for tag in TAG.finditer(template):
        text = template[at:tag.start()]
        out.append((text.rstrip() if tag.group(1) else text) if all(active) else "")
        at = tag.end()
        words = tag.group(2).split()
        if words[0] == "if":
            active.append(bool(lookup(values, words[1])))
        elif words[0] == "end":
            active.pop()
        elif all(active):
            out.append(evaluate(values, tag.group(2)))
    return "".join(out) + template[at:]


def helm(chart, settings):
    with open(os.path.join(chart, "values.yaml")) as f:
        values = yaml.safe_load(f)
    for setting in settings:
        path, value = setting.split("=", 1)
        node = values
        *parents, last = path.split(".")
        for part in parents:
            node = node[part]
        node[last] = yaml.safe_load(value)
    folder = os.path.join(chart, "templates")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as f:
            print("---\n" + render(f.read(), values))


def documents(path):
    with open(path) as f:
        return [d for d in yaml.safe_load_all(f) if d]


def plain(doc):
    """The object without what depends on the way it was rendered."""
    doc["metadata"].pop("namespace", None)
    for container in doc.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        container.pop("imagePullPolicy", None)
    if doc["kind"] == "ConfigMap":
        doc["data"] = {name: yaml.safe_load(text) for name, text in doc["data"].items()}
    return doc


def same(a, b):
    sides = [{(d["kind"], d["metadata"]["name"]): plain(d) for d in documents(p) if d["kind"] != "Namespace"}
             for p in (a, b)]
    bad = [key for key in sorted(set(sides[0]) | set(sides[1])) if sides[0].get(key) != sides[1].get(key)]
    for key in bad:
        print("differs: %s/%s" % key)
        for side in sides:
            print(json.dumps(side.get(key), sort_keys=True))
    sys.exit(bool(bad))


def typescript(paths):
    number = 0
    for path in paths:
        for doc in documents(path):
            if doc["kind"] not in TYPES:
                continue
            number += 1
            module, name = TYPES[doc["kind"]]
            if module != doc["apiVersion"].replace("core/", "") and module != "core/" + doc["apiVersion"]:
                sys.exit("%s: %s with apiVersion %s" % (path, doc["kind"], doc["apiVersion"]))
            print('import { %s as T%d } from "kubernetes-types/%s"' % (name, number, module))
            print("export const v%d: T%d = %s" % (number, number, json.dumps(doc, indent=1)))
    if not number:
        sys.exit("no object of a known kind")


def main():
    commands = {"helm": lambda a: helm(a[0], a[1:]), "same": lambda a: same(*a), "typescript": typescript}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](sys.argv[2:])


main()
