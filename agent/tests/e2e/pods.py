# SPDX-License-Identifier: Apache-2.0
"""The pods of the end-to-end test: the sensor as its DaemonSet says, and pods that do suspicious things."""
import os

import yaml

from crilib import HOST_NETWORK
from livelib import Mount

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/kubernetes/base")
CAPABILITY_BITS = {"DAC_READ_SEARCH": 2, "SYS_PTRACE": 19, "SYS_RESOURCE": 24, "PERFMON": 38, "BPF": 39}
UNCONFINED = {1: 1}             # SecurityProfile
UNITS = {"Mi": 1 << 20, "Gi": 1 << 30}

# Each round is one alert of each of our rules, with the number of the round in it.
ROUNDS = """
echo x >/etc/shadow
cp /bin/busybox /dev/shm/busybox
until [ -e /marks/go ]; do
	/bin/busybox sleep 0.1
done
n=0
until [ -e /marks/stop ]; do
	/bin/busybox cat /etc/shadow /none/$n 2>/dev/null
	/dev/shm/busybox true $n
	/bin/busybox sh -c : $n
	echo x >/etc/mark-$n
	n=$((n + 1))
	/bin/busybox sleep 0.2
done
echo $n >/marks/new-NAME
/bin/busybox mv /marks/new-NAME /marks/NAME
"""


def load(name):
    with open(os.path.join(DEPLOY, name), encoding="utf-8") as f:
        return yaml.safe_load(f)


def bounding_set():
    with open("/proc/self/status", encoding="ascii") as f:
        return int(next(line for line in f if line.startswith("CapBnd:")).split()[1], 16)


class SensorPod:
    """A container of the image with what the DaemonSet gives it; only what a node has to have is the test's own:
    the folder of the runtime, the folder of state, and the network of the node. `extra` goes on top of the configuration."""

    def __init__(self, machine, extra):
        self.machine = machine
        self.folder = machine.folder
        self.spec = load("daemonset.yaml")["spec"]["template"]["spec"]
        self.container = self.spec["containers"][0]
        self.run = self._folder("volumes/run")
        self.state = self._folder("state")
        self.rules = Mount(os.path.join(self._folder("volumes"), "rules"))
        self.config = Mount(os.path.join(self._folder("volumes"), "config"), "tiercel.yaml")
        self.config.update(yaml.safe_dump({**load("tiercel.yaml"), **extra}))
        self.missing = []           # capabilities that this machine cannot give

    def _folder(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def _host_path(self, volume):
        if "hostPath" not in volume:
            return self._folder("volumes/" + volume["name"])
        own = {"/run/containerd": self.folder, "/var/lib/tiercel": self.state}
        path = volume["hostPath"]["path"]
        return own.get(path, path)

    def _mounts(self):
        volumes = {v["name"]: v for v in self.spec["volumes"]}
        return [{1: m["mountPath"], 2: self._host_path(volumes[m["name"]]), 3: int(m.get("readOnly", False))}
                for m in self.container["volumeMounts"]]

    def _capabilities(self, wanted):
        have = bounding_set()
        self.missing = [c for c in wanted["add"] if not have >> CAPABILITY_BITS[c] & 1]
        return {1: [c for c in wanted["add"] if c not in self.missing], 2: wanted["drop"]}

    def _security(self):
        wanted = self.container["securityContext"]
        assert wanted["seccompProfile"]["type"] == "Unconfined" and not wanted["privileged"]
        pid = 2 if self.spec.get("hostPID") else 1          # NODE or CONTAINER
        return {1: self._capabilities(wanted["capabilities"]), 3: {**HOST_NETWORK, 2: pid}, 5: {1: wanted["runAsUser"]},
                7: int(wanted["readOnlyRootFilesystem"]), 11: int(not wanted["allowPrivilegeEscalation"]), 15: UNCONFINED}

    def start(self, image):
        """Returns the container's id."""
        limit = self.container["resources"]["limits"]["memory"]
        env = [{1: e["name"], 2: e.get("value", "e2e-node")} for e in self.container["env"]]
        pod, sandbox = self.machine.sandbox("tiercel", "tiercel", "uid-sensor")
        config = {1: {1: "tiercel", 2: 0}, 2: {1: image}, 4: self.container["args"], 6: env, 7: self._mounts(),
                  9: [], 11: "sensor.log",
                  15: {1: {4: int(limit[:-2]) * UNITS[limit[-2:]]}, 2: self._security()}}
        container = self.machine.create(pod, sandbox, config)
        self.machine.start(container)
        return container

    def output(self):
        """Lines of stdout and of stderr so far."""
        lines, part = {"stdout": [], "stderr": []}, ""
        try:
            with open(self.folder + "/logs/sensor.log", encoding="utf-8") as f:
                for line in f:
                    if not line.endswith("\n"):
                        break
                    _, stream, tag, text = line[:-1].split(" ", 3)
                    part += text
                    if tag == "F":
                        lines[stream].append(part)
                        part = ""
        except FileNotFoundError:
            pass
        return lines["stdout"], lines["stderr"]


class Suspects:
    """Pods that do suspicious things in rounds, from go() to stop()."""

    def __init__(self, machine, namespace):
        self.machine, self.namespace = machine, namespace
        self.names = []
        self.marks = os.path.join(machine.folder, "marks")
        os.mkdir(self.marks)

    def start_pod(self, name):
        memory = os.path.join(self.machine.folder, "shm-" + name)
        os.mkdir(memory, 0o1777)
        _, container = self.machine.pod(name, self.namespace, "uid-" + name, command=("sh", "-c", ROUNDS.replace("NAME", name)),
                                        mounts=[(self.marks, "/marks", False), (memory, "/dev/shm", False)])
        self.machine.start(container)
        self.names.append(name)

    def go(self):
        self._tell("go")

    def _tell(self, what):
        with open(os.path.join(self.marks, what), "w", encoding="ascii"):
            pass

    def stop(self):
        self._tell("stop")

    def rounds(self):
        """Rounds by pod, of those that have stopped."""
        done = {}
        for name in self.names:
            if os.path.exists(os.path.join(self.marks, name)):
                with open(os.path.join(self.marks, name), encoding="ascii") as f:
                    done[name] = int(f.read())
        return done
