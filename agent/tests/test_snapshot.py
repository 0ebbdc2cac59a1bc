#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Iterators and /proc tell the same start state for processes that this test makes."""
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import livelib

# What a helper process does before it reports "ready" and waits.
SOCKETS = """
import socket, os
os.system("ip link set lo up 2>/dev/null")
keep = []
tcp = socket.socket(); tcp.bind(("127.0.0.1", 0)); tcp.listen(); keep.append(tcp)
client = socket.create_connection(tcp.getsockname()); keep += [client, tcp.accept()[0]]
six = socket.socket(socket.AF_INET6); six.bind(("::1", 0)); six.listen(); keep.append(six)
keep += [socket.create_connection(six.getsockname()[:2]), six.accept()[0]]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 0)); keep.append(udp)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); keep.append(raw)
un = socket.socket(socket.AF_UNIX); un.bind(PATH); un.listen(); keep.append(un)
keep += [socket.socketpair()[0], socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)]
"""
THREAD = """
import threading, time, os, select
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
r, w = os.pipe(); e = select.epoll(); d = os.open("/tmp", os.O_RDONLY)
f = open(PATH, "w+"); os.unlink(PATH); m = os.memfd_create("somewhere")
"""
END = "\nprint('ready', flush=True)\nimport time\ntime.sleep(600)\n"

# Members of "proc" lines that have to be equal; others drift (memory) or are finer (start time).
SAME = ["pid", "ptid", "sid", "vpgid", "pgid", "vtid", "vpid", "uid", "gid", "loginuid", "tty",
        "flags", "limit", "caps", "ino", "ctime", "w", "u", "l", "m", "comm", "exe", "exepath",
        "cwd", "root", "args"]
KIND_UNSUPPORTED = "10"


class Held:
    def __init__(self, argv, **kw):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, **kw)
        self.process.stdout.readline()

    def end(self):
        self.process.kill()
        self.process.wait()


def python(code, path, **kw):
    return Held([sys.executable, "-c", code.replace("PATH", repr(path)) + END, "an argument"], **kw)


def from_memfd(actor):
    """A shell that runs from a memfd."""
    fd = os.memfd_create("hidden", 0)
    with open(shutil.which("sh"), "rb") as f:
        os.write(fd, f.read())
    return Held(["memsh", "-c", "echo ready; read x"], executable="/proc/self/fd/%d" % fd,
                pass_fds=[fd], stdin=subprocess.PIPE)


def deleted_exe(stage):
    path = os.path.join(stage, "gone")
    shutil.copy(shutil.which("sh"), path)
    held = Held([path, "-c", "echo ready; read x"], stdin=subprocess.PIPE)
    os.unlink(path)
    return held


def take(way):
    run = subprocess.run([os.path.join(livelib.BUILD, "agent/tests/live_events"), "0"],
                         env=dict(os.environ, SNAPSHOT=way), timeout=livelib.WAIT, text=True,
                         errors="replace", capture_output=True)
    procs, fds = {}, {}
    for line in run.stdout.splitlines():
        if line.startswith("proc "):
            line = re.sub(r" w(\d) u(\d) l(\d) m(\d) ", r" w=\1 u=\2 l=\3 m=\4 ", line)
            p = dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", line))
            procs[int(p["tid"])] = p
        elif line.startswith("fd "):
            f = dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", line))
            fds[int(f["tid"]), int(f["fd"])] = f
    return procs, fds, run.stderr


def compare_fd(key, a, b):
    """Problems of an fd; what /proc does not know about a socket is not one."""
    names = ["kind", "l4", "ino", "dev", "flags", "sport", "dport", "name"]
    if b["kind"] == KIND_UNSUPPORTED or (b["kind"] == a["kind"] and b["name"] == ""
                                         and a["name"] != ""):
        names = ["ino"]
    return ["fd %s %s: %r, /proc %r" % (key, n, a[n], b[n]) for n in names if a[n] != b[n]]


def compare(pid, iters, procs):
    wrong = []
    tids = [t for t, p in procs[0].items() if p["pid"] == str(pid)]
    for tid in tids:
        a, b = iters[0].get(tid), procs[0][tid]
        if not a:
            wrong.append("thread %d is missing" % tid)
            continue
        wrong += ["%d %s: %r, /proc %r" % (tid, n, a[n], b[n]) for n in SAME if a[n] != b[n]]
        for n in ("clone", "ns"):
            if abs(int(a[n]) - int(b[n])) > 30_000_000:
                wrong.append("%d %s: %s, /proc %s" % (tid, n, a[n], b[n]))
        # Other hierarchies than those of the sensor's events are not in the kernel's answer.
        missing = set(a["cgroups"].strip('"').split("\\x00")) - set(
            b["cgroups"].strip('"').split("\\x00"))
        if missing:
            wrong.append("%d cgroups not in /proc: %s" % (tid, missing))
    keys = {k for k in (*iters[1], *procs[1]) if k[0] == pid}
    for k in keys:
        if k not in iters[1] or k not in procs[1]:
            wrong.append("fd %s only once" % (k,))
        else:
            wrong += compare_fd(k, iters[1][k], procs[1][k])
    if not tids or not keys:
        wrong.append("nothing to compare")
    return "\n".join(wrong)


def start_times():
    """Processes by pid, with what tells them from later ones of the same pid."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                found[int(pid)] = f.read().rsplit(")", 1)[1].split()[19]
        except OSError:
            pass
    return found


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(c) for c in f.read().split()]


def main():
    livelib.require(community=False, cgroup=False)
    with livelib.Box() as stage:
        held = [("threads, pipes, files", python(THREAD, stage + "/file", cwd=stage)),
                ("deleted exe", deleted_exe(stage)), ("exe in a memfd", from_memfd(stage))]
        spaces = Held(["unshare", "-n", "-p", "-f", sys.executable, "-c",
                       SOCKETS.replace("PATH", repr(stage + "/socket")) + END])
        pids = [(name, h.process.pid) for name, h in held]
        pids += [("own pid and net namespace", p) for p in children(spaces.process.pid)]
        before = start_times()
        iters, procs = take("iter"), take("proc")
        lasting = {pid for pid, start in start_times().items() if before.get(pid) == start}
        if "no iterators" in iters[2]:
            livelib.skip(iters[2].strip())
        results = [(name, compare(pid, iters, procs)) for name, pid in pids]
        missing = (lasting & set(procs[0])) - set(iters[0])
        results.append(("all processes", "missing: %s" % missing if missing else None))
        for _, p in pids:
            os.kill(p, signal.SIGKILL)
        for h in [spaces] + [h for _, h in held]:
            h.end()
    livelib.report(results)


main()
