#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A metadata server as GKE's, for the tests. usage: metadata_server.py MODE
modes: good, plain (answers without the flavour header), garbage, hang. Prints its port."""
import http.server
import sys
import time

VALUES = {
    "instance/attributes/cluster-name": "prod-1",
    "instance/attributes/cluster-location": "europe-west1",
    "project/project-id": "shop-42",
}
mode = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        value = VALUES.get(self.path.removeprefix("/computeMetadata/v1/"))
        if mode == "hang":
            time.sleep(30)
        if self.headers.get("Metadata-Flavor") != "Google":
            self.send_error(403)
            return
        body = (b"\x01 two words\n" if mode == "garbage" else (value or "").encode() + b"\n")
        self.send_response(200 if value else 404)
        if mode != "plain":
            self.send_header("Metadata-Flavor", "Google")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
