#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages from their templates: what the program knows better than a text is asked from it.

usage: generate.py TIERCEL TEMPLATE     the page goes to standard output
A line ".\\" @NAME@" in a template is replaced: COMMANDS, OPTIONS (of the configuration), FIELDS, METRICS.
"""
import json
import re
import subprocess
import sys

tiercel, template = sys.argv[1], sys.argv[2]


def ask(*args):
    return subprocess.run([tiercel, *args], check=True, capture_output=True, text=True).stdout


def escape(text):
    """Text that no macro may see in: backslashes and a control character at its start."""
    text = text.replace("\\", "\\e")
    return "\\&" + text if text[:1] in ".'" else text


def quote(text):
    return '"%s"' % escape(text).replace('"', "\\(dq")


def commands():
    names = re.findall(r"^  ([a-z]+) ", ask("--help").split("Commands:")[1], re.M)
    for name in names:
        lines = ask(name, "--help").splitlines()
        usage = lines[0].removeprefix("Usage: tiercel ")
        at = lines.index("Options:") if "Options:" in lines else len(lines)
        yield ".Ss " + escape(usage)
        for line in lines[1:at]:
            yield escape(line) if line.strip() else ".Pp"
        yield ".Bl -tag -width Ds"
        item = None
        for line in lines[at + 1:]:
            option = re.match(r"^  (?:(-\w), )? *(--[\w-]+)(?: (\S+))?(?:  +(.*))?$", line)
            if option:
                if item:
                    yield item
                short, long, argument, item = option.groups()
                yield ".It %sFl %s%s" % (
                    "Fl %s , " % short[1:] if short else "", "-" + long[2:],
                    " Ar " + quote(argument) if argument else "")
                item = escape(item or "")
            elif line.strip() and item is not None:
                item += " " + line.strip()
        if item:
            yield item
        yield ".El"


def type_of(schema):
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if schema.get("type") == "array":
        return "list of " + (" | ".join(schema["items"]["enum"]) if "enum" in schema["items"] else "texts")
    if "pattern" in schema:
        return "time"
    if "minimum" in schema:
        return "number from %d to %d" % (schema["minimum"], schema["maximum"])
    return {"boolean": "true | false", "string": "text"}.get(schema.get("type"), "structure")


def options(schema=None, prefix=""):
    schema = schema or json.loads(ask("config", "--schema"))
    inert = []
    if not prefix:
        yield ".Bl -tag -width Ds"
    for name, value in schema["properties"].items():
        path = prefix + name
        if "properties" in value:
            yield from options(value, path + ".")
        elif value.get("deprecated"):
            inert.append((path, value["description"].removeprefix("No effect: ")))
        else:
            yield ".It Ic %s : %s" % (path, quote(type_of(value)))
            default = value.get("default")
            if default not in (None, "", []):
                text = ", ".join(default) if isinstance(default, list) else json.dumps(default).strip('"')
                yield "Default: " + escape(text) + "."
                yield ".br"
            yield escape(value["description"][0].upper() + value["description"][1:]) + "."
    if not prefix:
        yield ".El"
    if inert:
        others.extend(inert)
    if not prefix:
        yield ".Ss Options of Falco without effect"
        yield "They are accepted with a warning, without one where the value is what tiercel does anyway."
        yield ".Bl -tag -width Ds"
        for path, why in others:
            yield ".It Ic " + path
            yield escape(why[0].upper() + why[1:]) + "."
        yield ".El"


others = []


def fields():
    for group in json.loads(ask("fields", "--json"))["fieldclasses"]:
        yield ".Ss %s: %s" % (group["name"], escape(group["desc"]))
        yield ".Bl -tag -width Ds"
        for field in group["fields"]:
            argument = "[...]" if field.get("argument") else ""
            yield ".It Ic %s%s : %s" % (field["name"], argument, field["type"])
            yield escape(field["desc"]) or "\\&"
        yield ".El"


def metrics():
    yield ".Bl -tag -width Ds"
    for line in ask("metrics").splitlines():
        name, kind, unit, key, text = line.split("\t")
        yield ".It Ic %s : %s" % (name, quote(kind + (", " + unit if unit else "")))
        yield escape(text) + "." + (" In heartbeats: %s." % key if key else "")
    yield ".El"


parts = {"COMMANDS": commands, "OPTIONS": options, "FIELDS": fields, "METRICS": metrics}
with open(template) as f:
    for line in f:
        part = re.match(r'^\.\\" @([A-Z]+)@$', line.rstrip("\n"))
        if part:
            print("\n".join(parts[part.group(1)]()))
        else:
            print(line, end="")
