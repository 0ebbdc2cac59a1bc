#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP server for the tests: keeps what is posted and does as the path says.

usage: http_sink.py FILE [--port N] [--tls CERT KEY [CA]]   prints its port; bodies go to FILE, one JSON line each
paths: /ok, /status/N, /flaky/N (N times 503, then 200), /slow (2 s), /echo (the body), /headers (the
request's headers as JSON), /big (2 MiB), /redirect (to /ok), /close (no answer), /cut (200, half of the body),
/busy (429, wait 2 s, then 200). /ndjson: a body of many lines.
"""
import gzip
import http.server
import json
import ssl
import sys
import time

failures_left = {}
out = open(sys.argv[1], "a", buffering=1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def keep(self, body):
        for line in body.splitlines() if self.path.startswith("/ndjson") else [body]:
            out.write(json.dumps({"path": self.path, "at": time.time(), "port": self.client_address[1],
                                  "type": self.headers.get("Content-Type"),
                                  "encoding": self.headers.get("Content-Encoding"),
                                  "agent": self.headers.get("User-Agent"),
                                  "extra": self.headers.get("X-Extra"),
                                  "body": line.decode("utf-8", "replace")}) + "\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        raw = body
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parts = self.path.strip("/").split("/")
        if parts[0] == "status":
            self.answer(int(parts[1]), b"as you wish")
        elif parts[0] == "flaky":
            left = failures_left.setdefault(self.path, int(parts[1]))
            failures_left[self.path] = left - 1
            if left <= 0:
                self.keep(body)
            self.answer(503 if left > 0 else 200)
        elif parts[0] == "slow":
            time.sleep(2)
            self.answer(200)
        elif parts[0] == "echo":
            self.answer(200, raw)
        elif parts[0] == "big":
            self.answer(200, b"x" * (2 << 20))
        elif parts[0] == "redirect":
            self.answer(302, headers=[("Location", "/ok")])
        elif parts[0] == "cut":
            self.keep(body)
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif parts[0] == "busy":
            self.keep(body)
            left = failures_left.setdefault(self.path, 1)
            failures_left[self.path] = left - 1
            self.answer(429 if left > 0 else 200, headers=[("Retry-After", "2")])
        elif parts[0] == "close":
            self.close_connection = True
        elif parts[0] == "headers":
            self.answer(200, json.dumps(dict(self.headers)).encode(), [("X-Answer", " yes ")])
        else:
            self.keep(body)
            self.answer(200)

    do_GET = do_HEAD = do_PUT = do_POST

    def log_message(self, *args):
        pass


port = int(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else 0
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
if "--tls" in sys.argv:
    files = sys.argv[sys.argv.index("--tls") + 1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[0], files[1])
    if len(files) > 2:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
