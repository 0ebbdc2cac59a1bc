#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sensor in a pid namespace of its own, as in a pod: HOST_ROOT says where the host's files are. Prints TAP."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import BUILD, Box, PodSensor, enter_root_cgroup, report, require, write

UID = 54321
RULES = """- rule: mark
  desc: d
  condition: evt.type = unlink and evt.arg.path startswith %s/m-
  output: "%%evt.arg.path %%proc.exepath %%user.name %%proc.pid"
  priority: NOTICE
- rule: own
  desc: d
  condition: evt.type in (open, openat) and proc.exepath = %s
  output: "%%fd.name"
  priority: NOTICE
"""
# Unlinks what it is told to, one path per line.
VETERAN = """
import os, sys
os.setuid(%d)
print("ready", flush=True)
for line in sys.stdin:
    try:
        os.unlink(line.strip())
    except OSError:
        pass
""" % UID
def main():
    require(community=False, cgroup=False)
    results = []
    with Box() as work:
        root, rules = work + "/host", work + "/rules.yaml"
        os.makedirs(root + "/proc")
        os.mkdir(root + "/etc")
        write(root + "/etc/passwd", "veteran:x:%d:%d::/:/bin/sh\n" % (UID, UID))
        text = RULES % (work, os.path.abspath(BUILD + "/tiercel"))
        write(rules, text)
        veteran = subprocess.Popen([sys.executable, "-c", VETERAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   preexec_fn=enter_root_cgroup)
        veteran.stdout.readline()

        def mark(name):
            veteran.stdin.write("%s/m-%s\n" % (work, name))
            veteran.stdin.flush()
            return sensor.wait_alert(lambda a: a["output_fields"].get("evt.arg.path") == "%s/m-%s" % (work, name))

        sensor = PodSensor(work, root, "run", "-c", "/dev/null", "-o", "rules_files[]=" + rules,
                           "-o", "container_metadata.enabled=false", "-o", "state_directory=" + work + "/state")
        try:
            ready = sensor.wait_ready()
            results.append(("the sensor starts in a pid namespace", None if ready else sensor.messages()))
            alert = ready and mark("first")
            want = {"proc.exepath": os.path.realpath(sys.executable), "user.name": "veteran", "proc.pid": veteran.pid}
            got = {k: alert["output_fields"][k] for k in want} if alert else sensor.messages()
            results.append(("processes and users of the host are known from the start", None if got == want else str(got)))
            write(rules, text + "# changed\n")
            loaded = ready and sensor.wait_message("rules loaded:")
            last = loaded and mark("last")
            own = [a for a in sensor.alerts if a["rule"] == "own"]
            results.append(("what the sensor opens is no event", None if last and not own else str(own) + sensor.messages()))
        finally:
            veteran.stdin.close()
            veteran.wait()
            status = sensor.stop()
        results.append(("it ends in order", None if status == 0 else str(status)))
    report(results)


main()
