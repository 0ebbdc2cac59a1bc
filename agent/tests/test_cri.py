#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Container metadata: a fake runtime that misbehaves, Debian's containerd with real containers, and the sensor on them. TAP.

Debian's python, because grpcio is a Debian package."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crilib import BUILD, PATIENCE, Asker, Containerd, FakeRuntime, Unusable, message  # noqa: E402
from taplib import Skip, run_tests  # noqa: E402

POD, CONTAINER = "a" * 64, "b" * 64


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain for " + what
        time.sleep(0.02)


def status(container=CONTAINER, image="registry:5000/shop/web:1.2@sha256:" + "c" * 64, ref="sha256:" + "d" * 64, **more):
    s = message("ContainerStatus")(id=container, metadata={"name": "web"}, image={"image": image}, image_ref=ref, **more)
    r = message("ContainerStatusResponse")(status=s)
    r.info["info"] = json.dumps({"sandboxID": POD, "config": {"linux": {"security_context": {"privileged": True}}}}).encode()
    return r


def pod_status(q):
    if q.pod_sandbox_id not in (POD, POD[:12]):
        return None
    s = message("PodSandboxStatus")(id=POD, metadata={"name": "web-1", "uid": "u", "namespace": "shop"},
                                    network={"ip": "10.1.2.3"}, labels={"app": "web"})
    s.linux_status.namespaces.options.pid = 2
    return message("PodSandboxStatusResponse")(status=s)


class World:
    """A fake runtime that knows one container, and the look-up under test."""

    def __init__(self, *limits, start=True, **runtime):
        self.folder = tempfile.TemporaryDirectory(prefix="tiercel-cri-")
        self.path = self.folder.name + "/cri.sock"
        self.options = runtime
        self.runtime = None
        if start:
            self.start()
        self.asker = Asker(self.folder.name + "/nothing.sock," + self.path, *limits)

    def start(self):
        self.runtime = FakeRuntime(self.path, **self.options)
        self.runtime.answers["ContainerStatus"] = lambda q: status() if q.container_id == CONTAINER[:12] else None
        self.runtime.answers["PodSandboxStatus"] = pod_status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.asker.process.kill() if sys.exc_info()[0] else self.asker.close()
        if self.runtime:
            self.runtime.stop()
        self.folder.cleanup()

    def found(self):
        container, result, document = self.asker.take()
        assert result == "found", (container, result)
        return document


def test_document():
    with World() as w:
        w.runtime.answers["ContainerStatus"] = lambda q: None if POD.startswith(q.container_id) else status(
            labels={"a\"b": "ü\n"}, mounts=[{"container_path": "/data", "host_path": "/srv", "readonly": True, "propagation": 1}])
        assert w.asker.ask(CONTAINER[:12]) == "asked"
        d = w.found()
        want = {"id": CONTAINER[:12], "full_id": CONTAINER, "type": "containerd", "name": "web",
                "imagerepo": "registry:5000/shop/web", "imagetag": "1.2", "imagedigest": "sha256:" + "c" * 64,
                "imageid": "d" * 64, "privileged": True, "pod_sandbox_id": POD[:12], "pod_full_sandbox_id": POD,
                "pod_ip": "10.1.2.3", "pod_sandbox_labels": {"app": "web"}, "host_pid": True, "host_network": False}
        assert want.items() <= d.items(), d
        assert d["labels"] == {"a\"b": "ü\n", "io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "shop",
                               "io.kubernetes.pod.uid": "u"}
        assert d["Mounts"] == [{"Source": "/srv", "Destination": "/data", "Mode": "", "RW": False, "Propagation": "rslave"}]
        assert w.asker.ask(POD[:12]) == "asked"
        assert w.asker.take()[2]["name"] == "web-1", "a sandbox is a container, too"


def test_images():
    digest = "sha256:" + "e" * 64
    cases = [("nginx", "", ("nginx", "", None)), ("localhost:5000/a/b", "", ("localhost:5000/a/b", "", None)),
             ("docker.io/library/nginx:1.25", "docker.io/library/nginx@" + digest,
              ("docker.io/library/nginx", "1.25", digest)),
             (digest, "quay.io/x/y@" + digest, ("quay.io/x/y", "", digest))]
    for number, (image, ref, want) in enumerate(cases):
        with World() as w:
            w.runtime.answers["ContainerStatus"] = lambda q, i=image, r=ref: status(image=i, ref=r)
            w.asker.ask("%012x" % number)
            d = w.found()
            assert (d["imagerepo"], d["imagetag"], d.get("imagedigest")) == want, (image, d)


def test_found_later():
    with World() as w:
        tries = []
        w.runtime.answers["ContainerStatus"] = lambda q: tries.append(1) or (status() if len(tries) > 4 else None)
        w.asker.ask(CONTAINER[:12])
        assert w.found()["name"] == "web"
        assert w.asker.stats()["cri_retries"] == 4


def test_never_found():
    with World("RETRIES=4") as w:
        w.asker.ask("0" * 12)
        assert w.asker.take()[:2] == ("0" * 12, "unknown")
        assert w.asker.stats()["waiting"] == 0
        w.asker.ask(CONTAINER[:12])
        assert w.found()["name"] == "web"


def test_memory():
    with World("KNOWN=2") as w:
        w.runtime.answers["ContainerStatus"] = lambda q: status(container=q.container_id + "0" * 52)
        ids = ["%012d" % i for i in range(3)]
        for i in ids:
            w.asker.ask(i)
            assert w.found()["id"] == i
        w.runtime.answers["ContainerStatus"] = lambda q: None
        w.asker.ask(ids[2])
        assert w.found()["id"] == ids[2], "remembered although it is gone"
        stats = w.asker.stats()
        assert stats["cri_documents_forgotten"] == 1 and stats["known"] == 2 and stats["from_memory"] == 1, stats


def test_list_and_events():
    """What was listed, and what events announce, is known before it is asked for."""
    with World(start=False, version="v2.1.0") as w:
        w.start()
        w.runtime.answers["ListContainers"] = lambda q: message("ListContainersResponse")(containers=[{"id": CONTAINER}])
        w.runtime.answers["ContainerStatus"] = lambda q: status(container=q.container_id.ljust(64, "0"))
        w.runtime.events = [(0, "1" * 64), (1, "2" * 64), (2, "3" * 64), (3, "4" * 64)]
        w.asker.ask("9" * 12)
        w.found()
        wait_for("what was listed and announced", lambda: w.asker.stats()["known"] == 4)
    with World() as w:
        w.asker.ask(CONTAINER[:12])
        w.found()
        assert w.runtime.count("GetContainerEvents") == 0, "containerd 1 would take them from the kubelet"


def test_runtime_comes_and_goes():
    with World("CONNECT_MAX_MS=200", start=False) as w:
        wait_for("the first attempt", lambda: w.asker.stats()["cri_connects_failed"] > 0)
        assert w.asker.stats()["state"] == "absent", "no socket, no runtime"
        assert w.asker.ask(CONTAINER[:12]) == "refused", "nobody should wait"
        w.start()
        assert w.found()["name"] == "web", "but it comes"
        w.runtime.stop()
        os.path.exists(w.path) and os.unlink(w.path)
        wait_for("the loss to be seen", lambda: w.asker.stats()["state"] == "silent")
        w.asker.ask("1" * 12)
        w.start()
        w.runtime.answers["ContainerStatus"] = lambda q: status(container=q.container_id.ljust(64, "0"))
        while True:
            _, result, document = w.asker.take()
            if result == "found":
                break
            assert result == "unavailable"
        assert document["id"] == "1" * 12


def test_state():
    """A runtime that hangs, and a socket that nobody listens at, are seen without a question."""
    with World("PROBE_MS=50", "CALL_MS=200", "CONNECT_MAX_MS=200") as w:
        wait_for("the first look", lambda: w.asker.stats()["state"] == "answers")
        wait_for("looks without questions", lambda: w.runtime.count("Version") > 3)
        version, hang = w.runtime.answers["Version"], threading.Event()
        w.runtime.answers["Version"] = lambda q: hang.wait(PATIENCE) and None
        wait_for("the silence", lambda: w.asker.stats()["state"] == "silent")
        w.runtime.answers["Version"] = version
        hang.set()
        wait_for("the answer", lambda: w.asker.stats()["state"] == "answers")
        w.runtime.stop()
        os.path.exists(w.path) and os.unlink(w.path)
        wait_for("the loss", lambda: w.asker.stats()["state"] == "silent")
    with World(start=False) as w, socket.socket(socket.AF_UNIX) as s:
        wait_for("nothing", lambda: w.asker.stats()["state"] == "absent")
        s.bind(w.path)
        wait_for("nobody", lambda: w.asker.stats()["state"] == "silent")


def test_bad_answers():
    """Each costs the question or the connection, and the next question is answered."""
    hang = threading.Event()
    cases = {"garbage": lambda: b"\xff" * 50, "empty": lambda: b"", "hang": lambda: hang.wait(PATIENCE) and None,
             "huge": lambda: b"\x0a" + b"\xff\xff\xff\x7f" + b"x" * 3000000,
             "large": lambda: status(labels={"k": "x" * 600000}),
             "no json": lambda: message("ContainerStatusResponse")(status=status().status, info={"info": b"{"})}
    for name, answer in cases.items():
        with World("CALL_MS=2500", "RETRIES=2", "ANSWER_BYTES=1000000", "CONNECT_MAX_MS=200") as w:
            good = w.runtime.answers["ContainerStatus"]
            w.runtime.answers["ContainerStatus"] = lambda q: answer() if q.container_id == "0" * 12 else good(q)
            w.asker.ask("0" * 12)
            result = w.asker.take()[1]
            while result == "unavailable":
                result = w.asker.take()[1]
            assert result == ("found" if name == "no json" else "unknown"), (name, result)
            w.asker.ask(CONTAINER[:12])
            result = w.asker.take()[1]
            while result == "unavailable":
                result = w.asker.take()[1]
            assert result == "found", name
            hang.set()


def test_peers_without_manners():
    """Not a runtime at all: nothing is found, nothing breaks."""
    replies = [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 100, b"\0\0\0\4\0\0\0\0\0" + b"\xff\xff\xff\0\0\0\0\0\1",
               b""]
    with tempfile.TemporaryDirectory(prefix="tiercel-cri-") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(folder + "/cri.sock")
        server.listen(8)
        server.settimeout(PATIENCE)
        asker = Asker(folder + "/cri.sock", "CALL_MS=500", "CONNECT_MAX_MS=100")
        for reply in replies:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(PATIENCE)
                peer.recv(4096)
                peer.sendall(reply)
        asker.ask("0" * 12)
        stats = asker.stats()
        assert stats["state"] == "silent" and stats["cri_connects_failed"] >= len(replies) - 1, stats
        asker.close()


def test_bounds():
    with World("ASKED=5", start=False) as w:
        wait_for("the first attempt", lambda: w.asker.stats()["cri_connects_failed"] > 0)
        for i in range(10):
            w.asker.ask("%012d" % i)
        assert w.asker.ask("short") == "refused"
        stats = w.asker.stats()
        assert stats["waiting"] == 5 and stats["cri_questions_refused"] == 5, stats


class Machine:
    """Containerd, or a reason to skip."""

    def __enter__(self):
        if os.geteuid():
            raise Skip("needs root")
        self.folder = tempfile.TemporaryDirectory(prefix="tiercel-cri-", ignore_cleanup_errors=True)
        self.containerd = None
        try:
            self.containerd = Containerd(self.folder.name)
        except Unusable as e:
            self.folder.cleanup()
            raise Skip(str(e)) from None
        return self.containerd

    def __exit__(self, kind, *_):
        self.containerd.stop()
        self.folder.cleanup()
        if kind is Unusable:
            raise Skip("containers cannot run here")


def test_containerd():
    with Machine() as m:
        pod, container = m.pod("web", "shop", "u-1", {"app": "web"}, mounts=[("/tmp", "/data", True)])
        asker = Asker(m.socket)
        for i in (container, pod):
            assert asker.ask(i[:12]) == "asked"
        found = {}
        for _ in range(2):
            i, result, document = asker.take()
            assert result == "found", (i, result)
            found[i] = document
        d = found[container[:12]]
        assert d["full_id"] == container and d["name"] == "main" and d["imagerepo"] == "localhost/ktest/busybox"
        assert d["imagetag"] == "1" and len(d["imageid"]) == 64 and d["privileged"] is False
        assert d["pod_full_sandbox_id"] == pod and d["pod_sandbox_labels"] == {"app": "web"} and d["host_network"]
        assert d["labels"]["io.kubernetes.pod.namespace"] == "shop"
        assert [x["Destination"] for x in d["Mounts"]] == ["/data"]
        assert found[pod[:12]]["is_pod_sandbox"] and found[pod[:12]]["name"] == "web"
        assert asker.stats()["runtime"].startswith("containerd ")
        asker.close()


RULES = """
- rule: in a pod
  desc: d
  condition: evt.type in (execve, execveat) and proc.exe endswith /busybox and proc.args startswith "echo marker"
  output: "pod=%k8s.pod.name ns=%k8s.ns.name image=%container.image.repository:%container.image.tag label=%k8s.pod.label[app]"
  priority: WARNING
- rule: by image
  desc: d
  condition: evt.type in (execve, execveat) and container.image.repository = localhost/ktest/busybox and proc.args startswith "echo marker"
  output: "privileged=%container.privileged"
  priority: INFO
"""


class Sensor:
    def __init__(self, folder, sockets, wait="10s"):
        with open(folder + "/rules.yaml", "w", encoding="utf-8") as f:
            f.write(RULES)
        self.err = open(folder + "/sensor.err", "w+", encoding="utf-8")
        self.process = subprocess.Popen([BUILD + "/tiercel", "run", "-r", folder + "/rules.yaml", "--rule-matching", "all",
                                         "-o", "container_metadata.sockets=[%s]" % sockets, "-o",
                                         "container_metadata.wait=" + wait, "-o", "heartbeat.enabled=false"],
                                        stdout=subprocess.PIPE, stderr=self.err, text=True)
        wait_for("the sensor", self._running)

    def _said(self):
        with open(self.err.name, encoding="utf-8") as f:
            return f.read()

    def _running(self):
        if self.process.poll() is not None:
            raise Skip("the sensor does not run here: " + self._said().strip()[-200:])
        return "sensor running" in self._said()

    def alerts(self, n):
        """The first n alerts of our rules; a watchdog ends a wait in vain."""
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        out = []
        while len(out) < n:
            line = self.process.stdout.readline()
            assert line, "the sensor ended:\n" + self._said()
            alert = json.loads(line)
            if alert["rule"] in ("in a pod", "by image"):
                out.append(alert)
        watchdog.cancel()
        return out

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.read()
        self.process.wait(PATIENCE)
        self.err.close()


def test_sensor():
    """The first thing that a new container does has its pod in the alert, in conditions and outputs."""
    with Machine() as m:
        sensor = Sensor(m.folder, m.socket)
        try:
            for i in range(3):
                _, container = m.pod("web-%d" % i, "shop", "u-%d" % i, {"app": "shop"}, ("echo", "marker", str(i)))
                m.start(container)
                got = {a["rule"]: a for a in sensor.alerts(2)}
                fields = got["in a pod"]["output_fields"]
                want = "pod=web-%d ns=shop image=localhost/ktest/busybox:1 label=shop" % i
                assert want in got["in a pod"]["output"], got
                assert fields["container.id"] == container[:12] and "container.metadata_missing" not in fields
                assert "privileged=false" in got["by image"]["output"]
        finally:
            sensor.stop()


def test_sensor_without_runtime():
    with Machine() as m:
        sensor = Sensor(m.folder, "/nowhere.sock")
        try:
            _, container = m.pod("web", command=("echo", "marker"))
            m.start(container)
            alert, = sensor.alerts(1)
            assert alert["rule"] == "in a pod"
            assert alert["output_fields"]["container.metadata_missing"] == "runtime unavailable", alert
        finally:
            sensor.stop()


def test_sensor_with_hanging_runtime():
    """An alert waits no longer than configured, and says so."""
    with Machine() as m, World() as w:
        hang = threading.Event()
        w.runtime.answers["ContainerStatus"] = lambda q: hang.wait(PATIENCE) and None
        sensor = Sensor(m.folder, w.path, "500ms")
        try:
            _, container = m.pod("web", command=("echo", "marker"))
            m.start(container)
            alert, = sensor.alerts(1)
            assert alert["output_fields"]["container.metadata_missing"] in ("timeout", "runtime unavailable"), alert
        finally:
            hang.set()
            sensor.stop()


run_tests(globals())
