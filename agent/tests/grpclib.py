# SPDX-License-Identifier: Apache-2.0
"""Clients and helpers of the gRPC tests: python3-grpcio with messages from the built descriptors."""
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile

import grpc
import h2.config
import h2.connection
import h2.events
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from taplib import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", "build")
# Generous: the machine may be busy. Nothing waits that long when all is well.
PATIENCE = 60

pool = descriptor_pool.DescriptorPool()
with open(BUILD + "/agent/proto/descriptors.bin", "rb") as f:
    for one in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
        pool.Add(one)


def message(name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))


class Client:
    """All methods of the server over one channel."""

    def __init__(self, address, credentials=None, options=()):
        options = [("grpc.enable_retries", 0), *options]
        if credentials:
            self.channel = grpc.secure_channel(address, credentials, options)
        else:
            self.channel = grpc.insecure_channel(address, options)

    def close(self):
        self.channel.close()

    def _call(self, kind, path, request, response):
        return getattr(self.channel, kind)(path, request_serializer=lambda m: m.SerializeToString(),
                                           response_deserializer=message(response).FromString)

    def sub(self, requests=None, timeout=PATIENCE):
        call = self._call("stream_stream", "/falco.outputs.service/sub", "", "falco.outputs.response")
        return call(iter([message("falco.outputs.request")()] if requests is None else requests), timeout=timeout)

    def get(self, timeout=PATIENCE):
        call = self._call("unary_stream", "/falco.outputs.service/get", "", "falco.outputs.response")
        return call(message("falco.outputs.request")(), timeout=timeout)

    def version(self):
        call = self._call("unary_unary", "/falco.version.service/version", "", "falco.version.response")
        return call(message("falco.version.request")(), timeout=PATIENCE)

    def check(self, service=""):
        call = self._call("unary_unary", "/grpc.health.v1.Health/Check", "", "grpc.health.v1.HealthCheckResponse")
        return call(message("grpc.health.v1.HealthCheckRequest")(service=service), timeout=PATIENCE)

    def watch(self, service=""):
        call = self._call("unary_stream", "/grpc.health.v1.Health/Watch", "", "grpc.health.v1.HealthCheckResponse")
        return call(message("grpc.health.v1.HealthCheckRequest")(service=service), timeout=PATIENCE)

    def reflect(self, package, **request):
        call = self._call("stream_stream", "/%s.ServerReflection/ServerReflectionInfo" % package, "",
                          package + ".ServerReflectionResponse")
        return list(call(iter([message(package + ".ServerReflectionRequest")(**request)]), timeout=PATIENCE))

    def raw(self, path, body):
        """A unary call with any bytes as its message."""
        return self.channel.unary_unary(path)(body, timeout=PATIENCE)


class Feeder:
    """The server under test, see grpc_feeder.c."""

    def __init__(self, address, *args):
        self.process = subprocess.Popen([BUILD + "/agent/tests/grpc_feeder", address, *args], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        if line != "ready\n":
            self.process.wait()
            raise RuntimeError(self.process.stderr.read().strip())

    def start(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().strip()

    def do(self, command):
        self.start(command)
        return self.answer()

    def stats(self):
        return json.loads(self.do("stats"))

    def kill(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


def numbers(alerts):
    return [int(a.output_fields["number"]) for a in alerts if "number" in a.output_fields]


def take(stream, n):
    """The next n alerts of a stream."""
    out = []
    while len(out) < n:
        out.append(next(stream))
    return out


def sh(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificates(folder):
    """CA, server and client certificates, and a client of another CA: folder/{ca,server,client,other-ca,other}.{crt,key}."""
    for ca in ("ca", "other-ca"):
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
           "-subj", "/CN=" + ca, "-keyout", "%s/%s.key" % (folder, ca), "-out", "%s/%s.crt" % (folder, ca))
    for name, ca in (("server", "ca"), ("client", "ca"), ("other", "other-ca")):
        base = os.path.join(folder, name)
        with open(base + ".ext", "w") as f:
            f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        sh("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-subj", "/CN=localhost", "-keyout", base + ".key", "-out", base + ".csr")
        sh("openssl", "x509", "-req", "-in", base + ".csr", "-CA", "%s/%s.crt" % (folder, ca), "-CAkey",
           "%s/%s.key" % (folder, ca), "-CAcreateserial", "-days", "2", "-extfile", base + ".ext", "-out", base + ".crt")


def read(path):
    with open(path, "rb") as f:
        return f.read()


def node_modules():
    """Folder with @grpc/grpc-js and @grpc/proto-loader, installed once into the build folder."""
    folder = os.path.abspath(BUILD + "/agent/tests/node")
    if not os.path.exists(folder + "/complete"):
        if not shutil.which("npm"):
            raise Skip("no npm")
        os.makedirs(folder, exist_ok=True)
        try:
            done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder,
                                   "@grpc/grpc-js@1", "@grpc/proto-loader@0"], timeout=150, capture_output=True)
        except subprocess.TimeoutExpired:
            raise Skip("npm registry does not answer") from None
        if done.returncode:
            raise Skip("npm registry cannot be reached")
        with open(folder + "/complete", "w", encoding="utf-8"):
            pass
    return folder


def node(address, alerts, *tls, stdout=subprocess.PIPE):
    env = dict(os.environ, NODE_PATH=node_modules() + "/node_modules")
    return subprocess.Popen(["node", HERE + "/grpc_client.js", address, str(alerts), *tls], env=env, text=True,
                            stdout=stdout, stderr=subprocess.PIPE)


def scratch():
    return tempfile.TemporaryDirectory(prefix="tiercel-grpc-")


class Raw:
    """An HTTP/2 client that does what no gRPC library would. Frames go out when flush() is called."""

    def __init__(self, path, window=65535):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.local_settings.initial_window_size = window
        self.h2.initiate_connection()
        self.events = []
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, path, body=None, end=True, **more):
        """A call; body is the bytes of DATA, with the gRPC prefix. Returns the stream."""
        stream = self.h2.get_next_available_stream_id()
        headers = {":method": "POST", ":scheme": "http", ":authority": "x", ":path": path,
                   "content-type": "application/grpc", "te": "trailers"}
        headers.update((k.replace("_", "-"), v) for k, v in more.items())
        self.h2.send_headers(stream, list(headers.items()), end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def until(self, kind, stream=None):
        """The next event of this kind; None when the server closed the connection before."""
        while True:
            for i, event in enumerate(self.events):
                if isinstance(event, kind) and stream in (None, getattr(event, "stream_id", None)):
                    del self.events[i]
                    return event
            try:
                data = self.socket.recv(65536)
                if not data:
                    return None
                self.events += self.h2.receive_data(data)
                self.flush()
            except ConnectionError:
                if not self.events:
                    return None

    def status(self, stream):
        """grpc-status of a call, or the name of what ended it otherwise."""
        while True:
            event = self.until((h2.events.ResponseReceived, h2.events.TrailersReceived, h2.events.StreamReset,
                                h2.events.ConnectionTerminated), stream)
            if event is None:
                return "closed"
            if isinstance(event, h2.events.StreamReset):
                return "reset"
            headers = dict(event.headers)
            if "grpc-status" in headers:
                return int(headers["grpc-status"])
            if headers.get(":status") != "200":
                return "http " + headers.get(":status")

    def close(self):
        self.socket.close()


def framed(body, compressed=0):
    return struct.pack(">BI", compressed, len(body)) + body
