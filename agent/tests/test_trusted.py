#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tricks with paths: what the caller says is shown, what the kernel did decides.

A program is tricked out of, or tricks with, the path of a file that a rule on fd.realpath watches:
by links, by other names of the root, by mounts, by directory fds, by rewriting the argument during
the call. Prints TAP; needs root and BTF.
"""
import json
import os

from livelib import BUILD, Box, Sensor, report, require, run

ACTOR = os.path.abspath(os.path.join(BUILD, "agent/tests/actor"))
OUTPUT = "%fd.name|%fd.realpath|%evt.path_mismatch|%evt.arg.name"
LEASE_TRIES = 20        # somebody else may have the file open


def rules_for(secret, calm):
    opens = "evt.type in (open, openat, openat2) and evt.rawres >= 0 and proc.name = actor and "
    rules = [("real", opens + "fd.realpath = " + secret),
             ("calm", opens + "fd.realpath = " + calm)]
    return [{"rule": name, "desc": "watches a file", "condition": condition, "output": OUTPUT,
             "priority": "WARNING"} for name, condition in rules]


def rewrite(path, lie):
    """Open `path`; the argument says `lie` when the call returns."""
    for _ in range(LEASE_TRIES):
        status = run(ACTOR, "rewrite", path, lie).returncode
        if status != 3:
            return status == 0
    return False


def tricks(secret, work):
    """(what, the path as the caller gives it, mismatch expected, function that opens the secret)"""
    parent, name = os.path.split(secret)
    link, dirlink = os.path.join(work, "link"), os.path.join(work, "dirlink")
    os.symlink(secret, link)
    os.symlink(parent, dirlink)
    bound = os.path.join(work, "bound")
    os.makedirs(bound)
    yield "the plain path", secret, False, lambda: run(ACTOR, "read", secret).returncode == 0
    yield "a symbolic link", link, True, lambda: run(ACTOR, "read", link).returncode == 0
    yield ("a link to the directory", dirlink + "/" + name, True,
           lambda: run(ACTOR, "read", dirlink + "/" + name).returncode == 0)
    yield ("/proc/self/root", "/proc/self/root" + secret, True,
           lambda: run(ACTOR, "read", "/proc/self/root" + secret).returncode == 0)
    yield ("dots", parent + "/../" + os.path.basename(parent) + "/" + name, False,
           lambda: run(ACTOR, "read",
                       parent + "/../" + os.path.basename(parent) + "/" + name).returncode == 0)
    yield ("a directory fd", name, False,
           lambda: run(ACTOR, "dirfd", parent, name).returncode == 0)
    yield ("another argument at the end of the call", "/etc/hostname", True,
           lambda: rewrite(secret, "/etc/hostname"))


def wait_open(sensor, rule, said):
    return sensor.wait_alert(lambda a: a["rule"] == rule and
                             a["output_fields"]["evt.arg.name"].split("(")[-1].rstrip(")").endswith(said))


def judge_trick(sensor, secret, said, mismatch, act):
    if not act():
        return "the trick itself failed"
    alert = wait_open(sensor, "real", said)
    if not alert:
        return "no alert of the rule on fd.realpath: " + \
            "; ".join(a["output"] for a in sensor.alerts[-5:])
    fields = alert["output_fields"]
    if fields["fd.realpath"] != secret or fields["evt.path_mismatch"] is not mismatch:
        return json.dumps(alert)
    return None


def judge_mount(sensor, work, secret):
    """A bind mount in a mount namespace shows the file as mounted there; the inode is the same."""
    target = os.path.join(work, "bound", "other-name")
    open(target, "w").close()
    done = run("unshare", "-m", "sh", "-c", "mount --bind %s %s && %s read %s"
               % (secret, target, ACTOR, target))
    if done.returncode:
        return "the mount failed"
    alert = sensor.wait_alert(lambda a: a["rule"] == "inode" and
                              a["output_fields"]["fd.name"] == target)
    return None if alert else "no alert of the rule on fd.ino"


def judge_lie(sensor, secret, calm):
    """A harmless open that pretends, afterwards, to have been of the secret."""
    before = sum(a["rule"] == "real" for a in sensor.alerts)
    if not rewrite(calm, secret):
        return "the trick itself failed"
    alert = wait_open(sensor, "calm", secret)
    if not alert or alert["output_fields"]["evt.path_mismatch"] is not True:
        return "the open of the harmless file was not seen as one: " + json.dumps(alert)
    sensor.read()
    after = sum(a["rule"] == "real" for a in sensor.alerts)
    return None if after == before else "the rule on fd.realpath believed it"


def main():
    require(community=False, cgroup=False)
    results = []
    with Box() as work:
        os.makedirs(os.path.join(work, "vault"))
        secret, calm = os.path.join(work, "vault", "shadow"), os.path.join(work, "calm")
        for path in (secret, calm):
            with open(path, "w") as f:
                f.write("x\n")
        rules = rules_for(secret, calm)
        rules.append({"rule": "inode", "desc": "watches an inode", "output": OUTPUT,
                      "priority": "WARNING", "condition": "evt.type = openat and proc.name = actor "
                      "and fd.ino = %d" % os.stat(secret).st_ino})
        with open(os.path.join(work, "rules.yaml"), "w") as f:
            json.dump(rules, f)
        sensor = Sensor(work, "run", "-r", os.path.join(work, "rules.yaml"), "--rule-matching", "all")
        try:
            ready = sensor.wait_ready()
            results.append(("the sensor starts", None if ready else sensor.messages()))
            if ready:
                for what, said, mismatch, act in tricks(secret, work):
                    results.append(("seen through " + what,
                                    judge_trick(sensor, secret, said, mismatch, act)))
                results.append(("seen through a bind mount", judge_mount(sensor, work, secret)))
                results.append(("a harmless open cannot pretend", judge_lie(sensor, secret, calm)))
        finally:
            status = sensor.stop()
        results.append(("SIGTERM ends it cleanly", None if status == 0 else sensor.messages()))
    report(results)


if __name__ == "__main__":
    main()
