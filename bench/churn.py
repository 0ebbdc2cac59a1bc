#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memory of the live sensor while containers come and go: pods with a busybox that starts some programs, made, started,
stopped and removed by Debian's containerd. Prints a row every tenth of the time. Needs root.

Debian's python, because grpcio is a Debian package."""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "agent", "tests"))
from crilib import Containerd, Unusable  # noqa: E402
from livelib import enter_root_cgroup  # noqa: E402

# Every pod has other names, files and arguments: what the sensor remembers of them is what is measured.
WORK = """i=0; while [ $i -lt 20 ]; do /bin/busybox echo {n}-$i > /tmp/{n}-$i; /bin/busybox cat /etc/{n}-$i /tmp/{n}-$i;
/bin/busybox sh -c "/bin/busybox wc /tmp/{n}-$i; /bin/busybox rm /tmp/{n}-$i"; i=$((i+1)); done; /bin/busybox sleep 100"""


def memory(pid):
    """KiB by kind; the rings are mapped twice."""
    found = {}
    with open("/proc/%d/smaps" % pid) as f:
        name = ""
        for line in f:
            key, value = line.split(None, 1)
            if "-" in key and not key.endswith(":"):
                name = line.split(None, 5)[-1].strip()
            elif key in ("Rss:", "Anonymous:"):
                kib = int(value.split()[0])
                kind = "rings" if "bpf-map" in name else key[:-1].lower()
                found[kind] = found.get(kind, 0) + kib
    return {"rings": found["rings"], "anonymous": found["anonymous"], "files": found["rss"] - found["anonymous"]}


def status(build, socket):
    done = subprocess.run([build + "/tiercel", "status", "--json", "--socket", socket], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


class Sensor:
    def __init__(self, build, folder, containerd):
        self.socket = folder + "/control.sock"
        self.said = open(folder + "/said", "w+")
        options = ("container_metadata.sockets=[%s]" % containerd.socket, "control.socket=" + self.socket)
        self.process = subprocess.Popen(
            [build + "/tiercel", "run", "--bundle", HERE + "/../rules"] + [x for o in options for x in ("-o", o)],
            stdout=subprocess.DEVNULL, stderr=self.said)
        end = time.monotonic() + 60
        while "sensor running" not in self.text():
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit("churn: the sensor does not run here:\n" + self.text())
            time.sleep(0.2)

    def text(self):
        with open(self.said.name) as f:
            return f.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def one_pod(containerd, n):
    name = "churn-%d" % n
    pod, container = containerd.pod(name, "ns-%d" % (n % 20), "uid-%d" % n, {"app": name},
                                    ("sh", "-c", WORK.format(n=name)))
    containerd.start(container)
    if n >= 2:      # two at a time; the third last is over
        remove(containerd, containerd.pods.pop(0))


def remove(containerd, pod):
    for method in ("StopPodSandbox", "RemovePodSandbox"):
        containerd.call(method, {1: pod})


def run(build, seconds, folder):
    containerd = Containerd(folder)
    rows, pods = [], 0
    try:
        sensor = Sensor(build, folder, containerd)
        time.sleep(3)
        start, due = time.monotonic(), 0
        print("%8s %6s %10s %8s %8s %10s %10s %8s %8s" % ("seconds", "pods", "anonymous", "files", "rings", "state",
                                                          "documents", "threads", "events"))
        while True:
            now = time.monotonic() - start
            if now >= due:
                s = status(build, sensor.socket)
                state = s.get("state", {})
                rows.append({"seconds": round(now), "pods": pods, **memory(sensor.process.pid),
                             "state_bytes": state.get("bytes"), "document_bytes": state.get("document_bytes"),
                             "threads": state.get("threads"),
                             "events": s.get("events", {}).get("read"), "lost": s.get("events", {}).get("lost")})
                print("%(seconds)8d %(pods)6d %(anonymous)8d K %(files)6d K %(rings)6d K %(state_bytes)10s "
                      "%(document_bytes)10s %(threads)8s %(events)8s" % rows[-1], flush=True)
                due += seconds / 10
            if now >= seconds:
                break
            one_pod(containerd, pods)
            pods += 1
        sensor.stop()
    finally:
        containerd.stop()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--json", help="file for the figures")
    args = parser.parse_args()
    if os.geteuid():
        sys.exit("churn: needs root")
    enter_root_cgroup()
    with tempfile.TemporaryDirectory(prefix="tiercel-churn-", ignore_cleanup_errors=True) as folder:
        try:
            rows = run(args.build, args.seconds, folder)
        except Unusable as e:
            sys.exit("churn: %s" % e)
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"seconds": args.seconds, "rows": rows}, f, indent=1)


main()
