# SPDX-License-Identifier: Apache-2.0
"""A container runtime for tests: a fake one that answers as told, and Debian's containerd."""
import concurrent.futures
import json
import os
import shutil
import subprocess
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

BUILD = os.environ.get("BUILD", "build")
PATIENCE = 60
SERVICE = "runtime.v1.RuntimeService"
HOST_NETWORK = {1: 2, 2: 0, 3: 0}       # NamespaceOption: network of the node, pid and ipc of the pod

pool = descriptor_pool.DescriptorPool()
with open(BUILD + "/agent/proto/cri.bin", "rb") as f:
    for one in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
        pool.Add(one)


def message(name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("runtime.v1." + name))


class Asker:
    """See cri_asker.c."""

    def __init__(self, sockets, *limits):
        self.process = subprocess.Popen([BUILD + "/agent/tests/cri_asker", sockets, *limits], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def ask(self, container):
        return self.do("ask " + container)

    def take(self):
        """(id, "found" | "unknown" | "unavailable", document)"""
        container, result, document = (self.do("take") + "  ").split(" ", 2)
        return container, result, json.loads(document)["container"] if document.strip() else None

    def stats(self):
        return json.loads(self.do("stats"))

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        self.process.stdout.close()


class FakeRuntime(grpc.GenericRpcHandler):
    """answers: method name -> function(request) giving a message, bytes or raising; calls are counted."""

    methods = {"Version": "Version", "ListContainers": "ListContainers", "ListPodSandbox": "ListPodSandbox",
               "ContainerStatus": "ContainerStatus", "PodSandboxStatus": "PodSandboxStatus"}

    def __init__(self, path, name="containerd", version="1.6.20"):
        self.answers, self.calls = {}, []
        self.answers["Version"] = lambda q: message("VersionResponse")(
            version="0.1.0", runtime_name=name, runtime_version=version, runtime_api_version="v1")
        self.answers["ListContainers"] = lambda q: message("ListContainersResponse")()
        self.answers["ListPodSandbox"] = lambda q: message("ListPodSandboxResponse")()
        self.events = []
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.server = grpc.server(self.pool, options=[("grpc.max_send_message_length", -1)])
        self.server.add_generic_rpc_handlers((self,))
        self.server.add_insecure_port("unix://" + path)
        self.server.start()

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        if name == "GetContainerEvents":
            return grpc.unary_stream_rpc_method_handler(self._events)
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._call(name, body, context))

    def _call(self, name, body, context):
        if name not in self.answers:
            context.abort(grpc.StatusCode.NOT_FOUND, "nothing here")
        request = message(name + "Request").FromString(body)
        self.calls.append((name, request))
        answer = self.answers[name](request)
        if answer is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "not found")
        return answer if isinstance(answer, bytes) else answer.SerializeToString()

    def _events(self, _, context):
        self.calls.append(("GetContainerEvents", None))
        for number, container in self.events:
            yield message("ContainerEventResponse")(container_id=container,
                                                    container_event_type=number).SerializeToString()
        while context.is_active():
            time.sleep(0.05)

    def count(self, name):
        return sum(1 for n, _ in self.calls if n == name)

    def stop(self):
        self.server.stop(0).wait()


def wire(fields):
    """Protobuf of {number: int | str | bytes | dict | list}, for messages that we have no .proto of."""
    def varint(v):
        out = b""
        while v >= 0x80:
            out += bytes([v & 0x7f | 0x80])
            v >>= 7
        return out + bytes([v])
    out = b""
    for number, value in fields.items():
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, int):
                out += varint(number << 3) + varint(v)
            else:
                v = wire(v) if isinstance(v, dict) else v.encode() if isinstance(v, str) else v
                out += varint(number << 3 | 2) + varint(len(v)) + v
    return out


def labels(d):
    return [{1: k, 2: v} for k, v in d.items()]


CONFIG = """version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/containerd.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/ktest/busybox:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
"""


class Unusable(Exception):
    """This machine cannot run containers; the text says why."""


class Containerd:
    """Debian's containerd with folders of its own, and pods on the host's network."""

    def __init__(self, folder):
        for program in ("containerd", "runc", "ctr", "busybox"):
            if not shutil.which(program):
                raise Unusable("no " + program)
        self.folder = folder
        self.socket = folder + "/containerd.sock"
        self.pods, self.process, self.channel = [], None, None
        with open(folder + "/config.toml", "w", encoding="utf-8") as f:
            f.write(CONFIG.format(folder=folder, snapshotter="native"))
        self.log = open(folder + "/log", "wb")
        self.process = subprocess.Popen(["containerd", "--config", folder + "/config.toml"], stdout=self.log,
                                        stderr=self.log)
        try:
            self._wait()
            self._image()
        except Exception:
            self.stop()
            raise

    def _wait(self):
        self.channel = grpc.insecure_channel("unix://" + self.socket)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.call("Version", {})
                return
            except grpc.RpcError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Unusable("containerd does not start") from None
                time.sleep(0.1)

    def _image(self):
        tar = self.folder + "/image.tar"
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run([here + "/../../kernel-tests/oci_image.py", shutil.which("busybox"), tar, "/bin/busybox",
                        "sleep", "100000"], check=True)
        self.import_image(tar)

    def import_image(self, tar):
        """The name of the image of an archive."""
        done = subprocess.run(["ctr", "-a", self.socket, "-n", "k8s.io", "image", "import", tar], text=True,
                              capture_output=True)
        if done.returncode:
            raise Unusable("the image cannot be imported: " + done.stderr[-200:])
        return done.stdout.split()[1]       # unpacking NAME (DIGEST)...done

    def call(self, method, fields, timeout=PATIENCE):
        return self.channel.unary_unary("/%s/%s" % (SERVICE, method))(wire(fields), timeout=timeout)

    def _id(self, body):
        return body[2:2 + body[1]].decode()

    def pod(self, name, namespace="default", uid="uid-1", own_labels=(), command=("sleep", "1000"), privileged=False,
            mounts=()):
        """A pod with one container that is created, not started: (sandbox id, container id)."""
        pod, sandbox = self.sandbox(name, namespace, uid, own_labels, privileged)
        config = {1: {1: "main", 2: 0}, 2: {1: "localhost/ktest/busybox:1"}, 3: ["/bin/busybox"], 4: list(command),
                  7: [{1: inside, 2: outside, 3: int(ro)} for outside, inside, ro in mounts],
                  9: labels({"io.kubernetes.container.name": "main", "io.kubernetes.pod.name": name,
                             "io.kubernetes.pod.namespace": namespace, "io.kubernetes.pod.uid": uid}),
                  15: {2: {2: int(privileged), 3: HOST_NETWORK}}}
        return pod, self.create(pod, sandbox, config)

    def sandbox(self, name, namespace="default", uid="uid-1", own_labels=(), privileged=False):
        """A pod without containers: (id, its configuration)."""
        config = {1: {1: name, 2: uid, 3: namespace, 4: 0}, 3: self.folder + "/logs", 6: labels(dict(own_labels)),
                  8: {2: {1: HOST_NETWORK, 6: int(privileged)}}}
        try:
            pod = self._id(self.call("RunPodSandbox", {1: config}))
        except grpc.RpcError as e:
            raise Unusable("a pod cannot be made: " + (e.details() or "")[-200:]) from None
        self.pods.append(pod)
        return pod, config

    def create(self, pod, sandbox, config):
        """A container (runtime.v1.ContainerConfig by field numbers) in a pod: its id."""
        return self._id(self.call("CreateContainer", {1: pod, 2: config, 3: sandbox}))

    def start(self, container):
        self.call("StartContainer", {1: container})

    def stop(self):
        for pod in self.pods:
            for method in ("StopPodSandbox", "RemovePodSandbox"):
                try:
                    self.call(method, {1: pod}, 20)
                except grpc.RpcError:
                    pass
        self.pods = []
        if self.channel:
            self.channel.close()
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.process = self.channel = None
