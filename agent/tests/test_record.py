#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record, then replay: the alerts of the live run and of its recording must be byte-equal.

A mixed load (compiler, shell loops, file churn, network, everything of test_live.py) runs under
`tiercel record` with the community rules, our own, and probe rules that print every field there is
for every kind of event that changes state. Prints TAP.
"""
import json
import os
import subprocess

from livelib import BUILD, COMMUNITY, WAIT, Box, Sensor, Stage, report, require, run
from test_live import behaviours

EVENTS_WANTED = 200000
# Fields of the catalogue that are no value of one event, or that need an argument.
ARGUMENTS = {".NAME": (), "[N]": ("[1]",), "[KEY]": ("[PATH]",), "[N] optional": ("", "[2]"),
             "[KEY] optional": ("[PATH]",), "[N] or [KEY] optional": ("[1]",), None: ("",)}
# Of processes that this test started; the masses of file and socket events are sampled by name.
MINE = "proc.env[TIERCEL_PROBE]=yes and "
PROBES = {
    "life": "evt.type in (execve, execveat, clone, fork, vfork, clone3, procexit, setresuid, setuid, "
            "chdir, fchdir, unshare, setns, capset, setsid)",
    "net": "evt.type in (socket, bind, listen, connect, accept, accept4, shutdown) and "
           "(proc.name != python3 or fd.num < 5)",
    "file": "evt.type in (openat, rename, unlinkat, symlinkat, linkat) and "
            "proc.name in (cat, ln, actor, nginx, cp)",
    "failed": "evt.failed=true and proc.name in (sh, actor, cc1)",
}
# Long texts that say nothing new.
LONG = ("proc.env", "proc.aenv", "thread.cgroups", "evt.info", "proc.acmdline", "proc.aargs", "thread.cap_permitted",
        "thread.cap_inheritable", "thread.cap_effective")


def probe_rules(path):
    text = subprocess.run([os.path.join(BUILD, "tiercel"), "fields", "--json"], check=True,
                          stdout=subprocess.PIPE).stdout
    fields = [f["name"] + argument for c in json.loads(text)["fieldclasses"]
              if "syscall" in c["event_sources"]
              for f in c["fields"] if not f["filter_only"] and f["name"] not in LONG
              for argument in ARGUMENTS.get(f["argument"], ())]
    output = " ".join("%s=%%%s" % (f, f) for f in fields)
    rules = [{"rule": "Probe " + name, "desc": "prints all fields", "condition": MINE + condition,
              "output": output, "priority": "DEBUG"} for name, condition in PROBES.items()]
    with open(path, "w") as f:
        json.dump(rules, f)     # JSON is YAML
    return len(fields)


CHURN = """
import os
for i in range(6000):
    name = "f%d" % (i % 50)
    with open(name, "w") as f:
        f.write("x" * 100)
    os.rename(name, name + "r"); os.stat(name + "r"); os.unlink(name + "r")
"""

NET = """
import os, socket, threading
def serve(s):
    while True:
        c, _ = s.accept()
        c.send(c.recv(10)); c.close()
for family, address in ((socket.AF_INET, ("127.0.0.1", 7777)), (socket.AF_INET6, ("::1", 7778)),
                        (socket.AF_UNIX, "unix.sock")):
    s = socket.socket(family); s.bind(address); s.listen(50)
    threading.Thread(target=serve, args=(s,), daemon=True).start()
    for i in range(500):
        c = socket.socket(family); c.connect(address); c.send(b"hi"); c.recv(10); c.close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(200):
    u.sendto(b"x", ("127.0.0.1", 9))
"""


def mixed_load(s):
    os.makedirs(s.path("load"))
    with open(s.path("load/a.c"), "w") as f:
        f.write("#include <stdio.h>\nint main(void) { puts(\"built\"); return 0; }\n")
    load = [
        subprocess.Popen(["python3", "-c", CHURN], cwd=s.path("load")),
        subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up; exec python3 -c '%s'"
                          % NET.replace("'", '"')], cwd=s.path("load"), stdin=subprocess.DEVNULL),
        subprocess.Popen(["sh", "-c", "gcc a.c -o a && ./a; i=0; while [ $i -lt 60 ]; do "
                          "(cd /; cat /etc/passwd | wc -l; ls -l / | head -n1); i=$((i+1)); done"],
                         cwd=s.path("load"), stdout=subprocess.DEVNULL),
    ]
    for _, _, _, act in behaviours(s):
        act()
    for p in load:
        p.wait(WAIT)
    # what is still missing in events, in many small steps
    run("python3", "-c", CHURN, cwd=s.path("load"))
    run("sh", "-c", "dd if=/dev/zero of=big bs=64 count=60000; rm -f big", cwd=s.path("load"))


def first_difference(live, replayed):
    if live == replayed:
        return None
    a, b = live.splitlines(), replayed.splitlines()
    if len(a) != len(b):
        text = "%d alerts live, %d replayed" % (len(a), len(b))
    else:
        text = "%d of %d alerts differ" % (sum(x != y for x, y in zip(a, b)), len(a))
    for x, y in zip(a, b):
        if x == y:
            continue
        x, y = json.loads(x), json.loads(y)
        if x["rule"] != y["rule"] or x["time"] != y["time"]:
            return text + ": %s %s / %s %s" % (x["time"], x["rule"], y["time"], y["rule"])
        fx, fy = x["output_fields"], y["output_fields"]
        return text + ": %s: " % x["rule"] + "; ".join(
            "%s %r / %r" % (k, fx[k], fy.get(k)) for k in fx if fx[k] != fy.get(k))
    return text


def number(log, label):
    """The number after `label` in the summary."""
    at = log.find(label)
    return int(log[at + len(label):].split()[0].strip(",")) if at >= 0 else None


def main():
    require()
    os.environ["TIERCEL_PROBE"] = "yes"
    results = []
    with Box() as work:
        probe, trace = os.path.join(work, "probe.yaml"), os.path.join(work, "trace.scap.gz")
        fields = probe_rules(probe)
        rules = ["-r", COMMUNITY, "-r", "rules/system", "-r", probe, "--rule-matching", "all"]
        sensor = Sensor(work, "record", "-w", trace, "--ring-size", 32768, *rules)
        try:
            ready = sensor.wait_ready()
            results.append(("recording starts", None if ready else sensor.messages()))
            if ready:
                mixed_load(Stage(work))
        finally:
            status = sensor.stop()
        log = sensor.messages()
        results.append(("recording ends cleanly", None if status == 0 else log))
        with open(sensor.out.name, "rb") as f:
            live = b"".join(line for line in f if b'"source":"internal"' not in line)
        events = number(log, "recorded: ") or 0
        results.append(("at least %d events are recorded" % EVENTS_WANTED,
                        None if events >= EVENTS_WANTED else log[:400]))
        seen = {json.loads(line)["rule"] for line in live.splitlines()}
        missing = [n for n in PROBES if "Probe " + n not in seen]
        results.append(("every probe of %d fields saw events" % fields, missing or None))
        replay = subprocess.run([os.path.join(BUILD, "tiercel"), "replay", *rules, trace],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240)
        results.append(("the recording is replayed", None if replay.returncode == 0
                        else replay.stderr.decode()))
        results.append(("alerts are byte-equal", first_difference(live, replay.stdout)))
        if os.environ.get("KEEP"):
            os.makedirs(os.environ["KEEP"], exist_ok=True)
            for name, data in (("live", live), ("replay", replay.stdout), ("log", log.encode())):
                with open(os.path.join(os.environ["KEEP"], name), "wb") as f:
                    f.write(data)
            os.rename(trace, os.path.join(os.environ["KEEP"], "trace.scap.gz"))
            os.rename(probe, os.path.join(os.environ["KEEP"], "probe.yaml"))
    report(results)


if __name__ == "__main__":
    main()
