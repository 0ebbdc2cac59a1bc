#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Live test: starts the sensor, does what the community rules look for, checks every alert.

Prints TAP. Needs root, BTF, a cgroup to play a container in, and the community rules of the shared
reference data; otherwise everything is skipped visibly. Network traffic stays in a network namespace
of its own.
"""
import json
import os
import re
import shutil

from livelib import (COMMUNITY, CONTAINER, Box, Sensor, Stage, report, require, run,
                     when_listening)


# Each behaviour: (rule, priority, fields that the alert must have, function that does it). A value
# that is a function judges the field.
def behaviours(s):
    shm = "/dev/shm/tiercel-test-%d" % os.getpid()
    link = s.path("link-to-shadow")
    secret = s.path("hardlink-to-shadow")

    def exec_shm():
        shutil.copy(s.actor, shm)
        try:
            run(shm, "quiet")
        finally:
            os.unlink(shm)

    def hardlink():
        run("ln", "/etc/shadow", secret)

    def ssh_odd_port():
        run("sh", "-c", "ip link set lo up; ip addr add 203.0.113.5/32 dev lo; nc -l 4444 & "
            + when_listening(4444) +
            "timeout 30 ssh -o ConnectTimeout=2 -p 4444 -o BatchMode=yes -o StrictHostKeyChecking=no "
            "-o UserKnownHostsFile=/dev/null tester@203.0.113.5; kill %1", unshare=["-n"])

    def redirect():
        run("sh", "-c", "ip link set lo up; nc -l 127.0.0.1 5555 >/dev/null & "
            + when_listening(5555) + "exec %s redirect 5555" % s.actor, container=True, unshare=["-n"])

    def dropped_binary():
        run("sh", "-c", "mkdir -p {0}/lo {0}/up {0}/work {0}/root; "
            "mount -t tmpfs none {0}/up && mkdir {0}/up/u {0}/up/w && "
            "mount -t overlay overlay -o lowerdir={0}/lo,upperdir={0}/up/u,workdir={0}/up/w {0}/root "
            "&& cp {1} {0}/root/dropped && {0}/root/dropped quiet".format(s.path("ov"), s.actor),
            container=True, unshare=["-m"])

    yield ("Read sensitive file untrusted", "Warning",
           {"fd.name": "/etc/shadow", "proc.name": "cat", "proc.cmdline": "cat /etc/shadow",
            "user.uid": 0, "user.name": "root", "evt.type": "openat", "container.id": "host"},
           lambda: run("cat", "/etc/shadow"))
    yield ("Directory traversal monitored file read", "Warning",
           {"fd.name": "/etc/shadow", "fd.nameraw": "/etc/../etc/../etc/shadow"},
           lambda: run(s.actor, "read", "/etc/../etc/../etc/shadow"))
    yield ("Run shell untrusted", "Notice",
           {"proc.name": "sh", "proc.pname": "nginx", "proc.pexepath": s.path("bin-nginx", "nginx"),
            "proc.cmdline": "sh -c true web"},
           lambda: run(s.named("nginx"), "spawn", "/bin/sh", "-c", "true", "web"))
    yield ("System user interactive", "Informational",
           {"user.name": "daemon", "user.uid": 1, "proc.pname": "sshd"},
           lambda: run(s.named("sshd"), "spawn-as", 1, "/bin/true"))
    yield ("Terminal shell in container", "Notice",
           {"proc.name": "sh", "proc.pname": "runc", "container.id": CONTAINER[:12],
            "proc.tty": lambda v: v > 0},
           lambda: run(s.named("runc"), "pty", "/bin/sh", "-c", "true", container=True))
    yield ("Netcat Remote Code Execution in Container", "Warning",
           {"proc.name": "nc", "proc.cmdline": "nc -e /bin/sh", "container.id": CONTAINER[:12]},
           lambda: run(s.named("nc"), "-e", "/bin/sh", container=True))
    yield ("Search Private Keys or Passwords", "Warning",
           {"proc.name": "find", "proc.cmdline": "find %s -name id_rsa" % s.dir},
           lambda: run("find", s.dir, "-name", "id_rsa"))
    yield ("Find AWS Credentials", "Warning",
           {"proc.name": "grep", "proc.cmdline": lambda v: "aws_secret_access_key" in v},
           lambda: run("grep", "aws_secret_access_key", s.file("aws.txt")))
    yield ("Clear Log Activities", "Warning",
           {"fd.name": s.path("logs", "access_log"), "proc.name": "actor"},
           lambda: run(s.actor, "write", s.file("logs/access_log")))
    yield ("Remove Bulk Data from Disk", "Warning",
           {"proc.name": "shred"},
           lambda: run("shred", s.file("bulk")))
    yield ("Create Symlink Over Sensitive Files", "Warning",
           {"evt.arg.target": "/etc/shadow", "evt.arg.linkpath": link},
           lambda: run("ln", "-s", "/etc/shadow", link))
    yield ("Create Hardlink Over Sensitive Files", "Warning",
           {"evt.arg.oldpath": "/etc/shadow", "evt.arg.newpath": secret}, hardlink)
    yield ("Packet socket created in container", "Notice",
           {"proc.name": "actor", "container.id": CONTAINER[:12],
            "evt.args": lambda v: "AF_PACKET" in v},
           lambda: run(s.actor, "packet", container=True))
    yield ("Redirect STDOUT/STDIN to Network Connection in Container", "Notice",
           {"fd.name": lambda v: v.endswith("->127.0.0.1:5555"), "fd.sip": "127.0.0.1",
            "fd.type": "ipv4", "fd.l4proto": "tcp", "container.id": CONTAINER[:12]}, redirect)
    yield ("Linux Kernel Module Injection Detected", "Warning",
           {"proc.name": "actor", "evt.type": "init_module", "container.id": CONTAINER[:12]},
           lambda: run(s.actor, "module", container=True))
    yield ("Detect release_agent File Container Escapes", "Critical",
           {"fd.name": s.path("cg", "release_agent"), "container.id": CONTAINER[:12],
            "thread.cap_effective": lambda v: "CAP_SYS_ADMIN" in v},
           lambda: run(s.actor, "write", s.file("cg/release_agent"), container=True))
    yield ("PTRACE attached to process", "Warning",
           {"proc.name": "actor"}, lambda: run(s.actor, "attach"))
    yield ("PTRACE anti-debug attempt", "Notice",
           {"proc.name": "actor"}, lambda: run(s.actor, "traceme"))
    yield ("Execution from /dev/shm", "Warning",
           {"proc.exepath": shm, "evt.type": "execve"}, exec_shm)
    yield ("Drop and execute new binary in container", "Critical",
           {"proc.exepath": s.path("ov/root/dropped"), "container.id": CONTAINER[:12]},
           dropped_binary)
    yield ("Fileless execution via memfd_create", "Critical",
           {"proc.exepath": lambda v: v.startswith("memfd:ghost")},
           lambda: run(s.actor, "memfd", "ghost"))
    yield ("Disallowed SSH Connection Non Standard Port", "Notice",
           {"fd.name": lambda v: v.endswith("->203.0.113.5:4444"), "fd.l4proto": "tcp"},
           ssh_odd_port)
    # our own rules, of things that the above already did
    yield ("Account secrets read", "Warning", {"fd.name": "/etc/shadow", "proc.name": "cat"},
           lambda: None)
    yield ("Shell started by a network server", "Error", {"proc.pname": "nginx"}, lambda: None)
    yield ("Program started from shared memory", "Error", {"proc.exepath": shm}, lambda: None)
    yield ("Fileless program started", "Critical", {}, lambda: None)
    yield ("Container escape through cgroup or kernel helpers", "Critical", {}, lambda: None)


# Ordinary things close to the above: (what, marker, function). The marker is in a path, a name or an
# argument; no alert may show it.
def near_misses(s):
    yield ("reading a file that is not sensitive", "calm-passwd",
           lambda: run("cat", "/etc/passwd", s.file("calm-passwd")))
    yield ("a shell whose parent is no server", "calm-shell",
           lambda: run(s.named("calm-parent"), "spawn", "/bin/sh", "-c", "true calm-shell"))
    yield ("dot-dot inside an unwatched folder", "calm-dots",
           lambda: run(s.actor, "read", s.path("x/../y/../calm-dots")))
    yield ("a shell in a container without a terminal", "calm-entry",
           lambda: run(s.named("runc"), "spawn", "/bin/sh", "-c", "true calm-entry",
                       container=True))
    yield ("netcat outside of a container", "calm-nc", lambda: run(s.named("nc"), "-z", "calm-nc"))
    yield ("searching other names", "calm-find", lambda: run("find", s.dir, "-name", "calm-find"))
    yield ("a log that is appended to", "calm-log",
           lambda: run(s.actor, "append", s.file("calm-log/access_log")))
    yield ("truncating a file that is no log", "calm-trunc",
           lambda: run(s.actor, "write", s.path("calm-trunc")))
    yield ("a symlink to an ordinary file", "calm-sym",
           lambda: run("ln", "-s", "/etc/hostname", s.path("calm-sym")))
    yield ("a hardlink to an ordinary file", "calm-hard",
           lambda: run("ln", s.file("calm-hard-from"), s.path("calm-hard")))
    yield ("a packet socket on the host", "calm-packet",
           lambda: run(s.named("dhclient"), "packet", "calm-packet"))
    yield ("release_agent outside of a container", "calm-cg",
           lambda: run(s.actor, "write", s.file("calm-cg/release_agent")))
    yield ("ptrace that attaches to nothing", "calm-ptrace",
           lambda: run(s.named("calm-ptrace"), "ptrace-refused"))
    yield ("a memfd that is not executed", "calm-memfd",
           lambda: run(s.actor, "memfd-data", "calm-memfd"))
    yield ("reading from /dev/shm", "calm-shm", lambda: run("cat", "/dev/shm/calm-shm"))
    yield ("a module load outside of a container", "calm-module",
           lambda: run(s.named("modprobe"), "module", "calm-module"))


def field_problems(alert, fields):
    got = alert["output_fields"]
    for name, want in fields.items():
        value = got.get(name)
        good = want(value) if callable(want) and value is not None else value == want
        if not good:
            yield "%s is %r" % (name, value)


def judge(sensor, rule, priority, fields):
    """None, or why no alert fits."""
    def accept(alert):
        return alert["rule"] == rule and not list(field_problems(alert, fields))

    found = sensor.wait_alert(accept)
    if not found:
        near = [a for a in sensor.alerts if a["rule"] == rule]
        if not near:
            return "no alert of this rule"
        return "; ".join(field_problems(near[-1], fields)) + " in " + json.dumps(near[-1])
    if found["priority"] != priority or found["source"] != "syscall" or not found["time"].endswith("Z"):
        return "wrong envelope: " + json.dumps(found)
    return None


def main():
    require()
    results = []
    with Box() as work:
        sensor = Sensor(work, "run", "-r", COMMUNITY, "--bundle", "rules", "--rule-matching", "all")
        try:
            ready = sensor.wait_ready()
            results.append(("the sensor starts", None if ready else sensor.messages()))
            if ready:
                perform(sensor, Stage(work), results)
        finally:
            status = sensor.stop()
            log = sensor.messages()
    results.append(("SIGTERM ends it cleanly", None if status == 0 else "exit status %s" % status))
    results.append(("the summary names events, losses and alerts by rule",
                    None if all(w in log for w in ("events:", "lost:", "alerts:",
                                                   "Read sensitive file untrusted")) else log))
    took = re.search(r"started in (\d+) ms: rules ready after (\d+), kernel side attached after (\d+), "
                     r"what runs already known after (\d+)", log)
    took = [int(ms) for ms in took.groups()] if took else [0] * 4
    results.append(("the start says how long it took", None if 0 < took[1] <= took[2] <= took[3] <= took[0]
                    else log))
    report(results)


def perform(sensor, stage, results):
    for rule, priority, fields, act in behaviours(stage):
        act()
        results.append(("alert: " + rule, judge(sensor, rule, priority, fields)))
    calm = list(near_misses(stage))
    for _, _, act in calm:
        act()
    # Events are evaluated in order of time: after the alert of this one, theirs would be there.
    run("cat", "/etc/shadow", "after-the-calm")
    results.append(("an alert after the near misses", None if sensor.wait_alert(
        lambda a: "after-the-calm" in a["output"]) else sensor.messages()))
    for name, marker, _ in calm:
        noise = [json.dumps(a) for a in sensor.alerts if marker in json.dumps(a)]
        results.append(("silent: " + name, "\n".join(noise) or None))


if __name__ == "__main__":
    main()
