# SPDX-License-Identifier: Apache-2.0
"""Registries for tests: Debian's docker-registry on loopback, one in Python that lies, a token server;
and artifacts made by hand."""
import base64
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

WAIT = 60
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.cncf.falco.rulesfile.config.v1+json"
LAYER = "application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz"
# "sesame", as htpasswd -B writes it
HTPASSWD = "ali:$2b$05$abcdefghijklmnopqrstuuKcS.CYWVYVaLiiCKrrc0A5s3mGesJ9O\n"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def archive(files):
    """A tar.gz of {path: text or TarInfo}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def describe(data, kind, **more):
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


def manifest(layer, config=b"{}", title="rules.tar.gz"):
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": describe(config, CONFIG),
                       "layers": [describe(layer, LAYER, annotations={
                           "org.opencontainers.image.title": title})]}).encode()


def request(port, method, path, body=None, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    c.request(method, path, body, headers or {})
    r = c.getresponse()
    data = r.read()
    c.close()
    if r.status >= 300:
        raise RuntimeError("%s %s: HTTP %d %s" % (method, path, r.status, data[:200]))
    return r, data


def put_blob(port, repo, data):
    r, _ = request(port, "POST", "/v2/%s/blobs/uploads/" % repo, b"")
    where = urlsplit(r.getheader("Location"))
    request(port, "PUT", "%s?%s&digest=%s" % (where.path, where.query, digest(data)), data,
            {"Content-Type": "application/octet-stream"})


def put_manifest(port, repo, tag, text):
    request(port, "PUT", "/v2/%s/manifests/%s" % (repo, tag), text, {"Content-Type": MANIFEST})
    return digest(text)


def put(port, repo, tag, layer, config=b"{}", **more):
    """An artifact as falcoctl makes it."""
    put_blob(port, repo, layer)
    put_blob(port, repo, config)
    return put_manifest(port, repo, tag, manifest(layer, config, **more))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sign(port, repo, signed, key, work):
    """What cosign leaves beside an artifact, made by openssl."""
    payload = json.dumps({"critical": {"identity": {"docker-reference": repo}, "image": {
        "docker-manifest-digest": signed}, "type": "cosign container image signature"},
        "optional": None}).encode()
    path = os.path.join(work, "payload")
    with open(path, "wb") as f:
        f.write(payload)
    sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key, path], check=True,
                         stdout=subprocess.PIPE).stdout
    config = b'{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}'
    put_blob(port, repo, payload)
    put_blob(port, repo, config)
    text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                       "config": describe(config, "application/vnd.oci.image.config.v1+json"),
                       "layers": [describe(payload, "application/vnd.dev.cosign.simplesigning.v1+json",
                                           annotations={"dev.cosignproject.cosign/signature":
                                                        base64.b64encode(sig).decode()})]}).encode()
    put_manifest(port, repo, signed.replace(":", "-") + ".sig", text)


class Registry:
    """Debian's docker-registry; it can be stopped and started again with what it had."""

    def __init__(self, work, name, auth=""):
        self.work, self.name, self.auth = os.path.join(work, name), name, auth
        os.makedirs(os.path.join(self.work, "data"))
        self.port, self.process = 0, None
        self.start()

    def start(self):
        for _ in range(5):      # somebody else may have taken the port
            self.port = self.port or free_port()
            with open(os.path.join(self.work, "config.yml"), "w") as f:
                f.write("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}, "
                        "delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:%d'}\n%s"
                        % (os.path.join(self.work, "data"), self.port, self.auth))
            self.log = open(os.path.join(self.work, "log"), "a")
            self.process = subprocess.Popen(["docker-registry", "serve", f.name], stdout=self.log,
                                            stderr=self.log)
            end = time.time() + WAIT
            while time.time() < end and self.process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                    return
                except OSError:
                    time.sleep(0.05)
            self.stop()
            self.port = 0
        raise RuntimeError("docker-registry does not start: " + open(self.log.name).read())

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ref(self, repo, tag="1"):
        return "oci://127.0.0.1:%d/%s:%s" % (self.port, repo, tag)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        try:
            self.server.owner.serve(self)
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_HEAD = do_GET
    do_POST = do_GET


class Server:
    """A Python server in a thread; subclasses have serve(handler)."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None   # clients go away when they have seen enough
        self.server.owner = self
        self.port = self.server.server_port
        self.seen = []          # (method, path, Authorization)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def note(self, h):
        self.seen.append((h.command, h.path, h.headers.get("Authorization")))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class TokenServer(Server):
    """Gives ali, who knows the password or has the refresh token, the access that he asks for."""

    def __init__(self, work):
        super().__init__()
        self.key, self.cert = os.path.join(work, "token.key"), os.path.join(work, "token.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tokens",
                        "-days", "2", "-keyout", self.key, "-out", self.cert], check=True,
                       stderr=subprocess.DEVNULL)
        pem = open(self.cert).read()
        self.x5c = "".join(pem.split("-----")[2].split())

    def registry_auth(self):
        return ("auth: {token: {realm: 'http://127.0.0.1:%d/token', service: tests, issuer: tests, "
                "rootcertbundle: %s}}\n" % (self.port, self.cert))

    def token(self, scope):
        access = []
        if scope:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {"iss": "tests", "aud": "tests", "sub": "ali", "access": access, "jti": str(now),
                  "nbf": now - 10, "iat": now - 10, "exp": now + 600}
        head = {"typ": "JWT", "alg": "RS256", "x5c": [self.x5c]}
        text = b64url(json.dumps(head).encode()) + "." + b64url(json.dumps(claims).encode())
        sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(),
                             check=True, stdout=subprocess.PIPE).stdout
        return text + "." + b64url(sig)

    def serve(self, h):
        self.note(h)
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0)).decode()
        query = parse_qs(body if h.command == "POST" else urlsplit(h.path).query)
        basic = "Basic " + base64.b64encode(b"ali:sesame").decode()
        good = h.headers.get("Authorization") == basic
        if h.command == "POST":
            good = query.get("grant_type") == ["refresh_token"] and query.get("refresh_token") == ["open/+&"]
        if not good:
            h.answer(401, b"{}")
            return
        key = "access_token" if h.command == "POST" else "token"
        h.answer(200, json.dumps({key: self.token(query["scope"][0])}).encode())


class Liar(Server):
    """A registry whose repositories misbehave, each in its way: {name: function(handler, what, rest)}
    with `what` "manifests" or "blobs"."""

    def __init__(self):
        super().__init__()
        self.repos = {}

    def ref(self, repo, tag="1"):
        return "oci://127.0.0.1:%d/%s:%s" % (self.port, repo, tag)

    def serve(self, h):
        self.note(h)
        m = re.match(r"/v2/([^/]+)/(manifests|blobs)/([^?]+)", h.path)
        if not m or m.group(1) not in self.repos:
            h.answer(404)
            return
        self.repos[m.group(1)](h, m.group(2), m.group(3))

    def serves(self, repo, text, blobs, digest_header=None):
        """A repository with one manifest and these blobs, whatever they are."""
        def serve(h, what, rest):
            if what == "manifests":
                h.answer(200, text, Docker_Content_Digest=digest_header or digest(text))
            elif rest in blobs:
                h.answer(200, blobs[rest])
            else:
                h.answer(404)
        self.repos[repo] = serve


def have(*programs):
    return all(shutil.which(p) for p in programs)
