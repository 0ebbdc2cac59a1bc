# SPDX-License-Identifier: Apache-2.0
"""What the live tests share: starting the sensor, reading its alerts, running programs on the host or
in a cgroup that looks like a container, printing TAP."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
SHARED = os.environ.get("TIERCEL_SHARED", "../shared")
COMMUNITY = os.path.join(SHARED, "corpus/falco-rules/falco_rules.yaml")
WAIT = 90       # seconds anything may take on a loaded machine
CONTAINER = "%012x" % os.getpid() + "0123456789abcdef" * 3 + "beef"


def cgroup_roots():
    """Mount points of the hierarchies that can hold processes: (v1 memory or v2 root)."""
    roots = []
    for line in open("/proc/self/mountinfo"):
        left, right = line.rstrip("\n").split(" - ", 1)
        point, (fstype, _, options) = left.split(" ")[4], right.split(" ", 2)
        if fstype == "cgroup2" or (fstype == "cgroup" and "memory" in options.split(",")):
            roots.append(point)
    return roots


refused = []    # what the sensors' filter of system calls did not let pass: makes any test fail


class Sensor:
    """A running `tiercel ARG...`; its alerts and messages go to files in `work`."""

    def __init__(self, work, *args, name="sensor"):
        self.out = open(os.path.join(work, name + ".jsonl"), "w+")
        self.log = open(os.path.join(work, name + ".log"), "w+")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tiercel"), *map(str, args)],
            stdout=self.out, stderr=self.log, preexec_fn=enter_root_cgroup)
        self.alerts, self.rest, self.offset = [], "", 0

    def messages(self):
        self.log.seek(0)
        return self.log.read()

    def wait_ready(self):
        end = time.time() + WAIT
        while time.time() < end and self.process.poll() is None:
            if "sensor running" in self.messages():
                return True
            time.sleep(0.05)
        return False

    def wait_message(self, text):
        end = time.time() + WAIT
        while time.time() < end and text not in self.messages():
            time.sleep(0.05)
        return text in self.messages()

    def read(self):
        with open(self.out.name) as f:
            f.seek(self.offset)
            text = f.read()
            self.offset = f.tell()
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        self.alerts += [json.loads(line) for line in lines]

    def wait_alert(self, accept):
        end = time.time() + WAIT
        while time.time() < end:
            self.read()
            for alert in self.alerts:
                if accept(alert):
                    return alert
            time.sleep(0.02)
        return None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(120)   # a full ring is evaluated first
            refused.extend(line for line in self.messages().splitlines() if "seccomp filter refused" in line)
            return status
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None


# /proc of the host is at $HOST_ROOT/proc, the sensor's own /proc shows its namespace only.
IN_POD = ('mount --bind /proc "$HOST_ROOT/proc" && '
          'exec unshare --pid --fork --kill-child --mount-proc "$@"')


class PodSensor(Sensor):
    """As Sensor, whose program is started in new namespaces. `root` has an empty folder proc."""

    def __init__(self, work, root, *args):
        self.out = open(os.path.join(work, "pod.jsonl"), "w+")
        self.log = open(os.path.join(work, "pod.log"), "w+")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", IN_POD, "sh", os.path.abspath(BUILD + "/tiercel"), *args], stdout=self.out,
            stderr=self.log, env=dict(os.environ, HOST_ROOT=root + "/"), preexec_fn=enter_root_cgroup)
        self.alerts, self.rest, self.offset = [], "", 0

    def stop(self):
        """unshare waits for the sensor and leaves signals to it."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as f:
            for pid in f.read().split():
                os.kill(int(pid), signal.SIGTERM)
        return self.process.wait(WAIT)


def enter_root_cgroup():
    for root in cgroup_roots():
        try:
            with open(os.path.join(root, "cgroup.procs"), "w") as f:
                f.write(str(os.getpid()))
        except OSError:
            pass


def enter_container():
    enter_root_cgroup()
    with open(os.path.join(cgroup_roots()[0], CONTAINER, "cgroup.procs"), "w") as f:
        f.write(str(os.getpid()))


def run(*argv, container=False, unshare=(), **kw):
    argv = list(map(str, argv))
    if unshare:
        argv = ["unshare", *unshare, *argv]
    kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("stdout", subprocess.DEVNULL)
    kw.setdefault("stderr", subprocess.DEVNULL)
    return subprocess.run(argv, preexec_fn=enter_container if container else enter_root_cgroup,
                          timeout=WAIT, **kw)


def when_listening(port):
    """Shell text that waits until somebody listens on the TCP port of its network namespace."""
    return ("i=0; until grep -qi ':%04X 00000000:0000 0A' /proc/net/tcp || [ $i -ge %d ]; "
            "do i=$((i+1)); sleep 0.1; done; " % (port, WAIT * 10))


class Stage:
    """A temporary folder with copies of the actor under other names."""

    def __init__(self, work):
        self.dir = work
        self.actor = os.path.join(work, "actor")
        shutil.copy(os.path.join(BUILD, "agent/tests/actor"), self.actor)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def named(self, name):
        path = self.path("bin-" + name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(self.actor, path)
        return path

    def file(self, name, text="x\n"):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x") as f:      # exclusive: a truncating open is what some rules look for
            f.write(text)
        return path


def write(path, text):
    """As editors and kubelet do: the file is complete before it has its name."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


class Mount:
    """A mounted ConfigMap: NAME -> ..data/NAME, ..data -> a directory that is exchanged."""

    def __init__(self, folder, name="rules.yaml"):
        self.dir, self.name, self.n = folder, name, 0
        os.mkdir(self.dir)

    def update(self, text):
        self.n += 1
        name = "..v%d" % self.n
        os.mkdir(os.path.join(self.dir, name))
        with open(os.path.join(self.dir, name, self.name), "w") as f:
            f.write(text)
        os.symlink(name, os.path.join(self.dir, "..data_tmp"))
        os.rename(os.path.join(self.dir, "..data_tmp"), os.path.join(self.dir, "..data"))
        if self.n == 1:
            os.symlink("..data/" + self.name, os.path.join(self.dir, self.name))


def skip(reason):
    print("1..1\nok 1 - live test # SKIP " + reason)
    sys.exit(0)


def require(community=True, cgroup=True):
    """Ends the test visibly where it cannot run."""
    if os.geteuid() != 0:
        skip("needs root")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        skip("this kernel has no BTF")
    if community and not os.path.exists(COMMUNITY):
        skip("no shared reference data (%s)" % COMMUNITY)
    if cgroup and not cgroup_roots():
        skip("no cgroup hierarchy to play a container in")
    enter_root_cgroup()     # what the script does itself must count as done on the host


class Box:
    """A work folder that everybody can enter, and the cgroup of the played container."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="tiercel-live-")
        os.chmod(self.dir, 0o755)
        self.cgroup = os.path.join(cgroup_roots()[0], CONTAINER) if cgroup_roots() else None
        if self.cgroup:
            os.makedirs(self.cgroup, exist_ok=True)
        return self.dir

    def __exit__(self, *error):
        for _ in range(50):
            try:
                if self.cgroup:
                    os.rmdir(self.cgroup)
                break
            except OSError:
                time.sleep(0.1)
        shutil.rmtree(self.dir, ignore_errors=True)


def report(results):
    """TAP of (name, problem or None) pairs; ends the program."""
    if refused:
        results = results + [("sensors make no system call that is not on their list", "\n".join(refused))]
    for i, (name, problem) in enumerate(results, 1):
        print("%s %d - %s" % ("not ok" if problem else "ok", i, name))
        if problem:
            print("# " + str(problem).replace("\n", "\n# "))
    print("1..%d" % len(results))
    sys.exit(any(problem for _, problem in results))
