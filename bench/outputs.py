#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Alerts per second through each output, and what is discarded at twice that rate. usage: outputs.py BUILD [N]

Each line: alerts of 780 bytes that were delivered per second from a queue that holds them all, then a second run of a
few seconds at twice that rate with a queue for a quarter of a second, so that it shows the steady state. Readers share the machine. gRPC: bench/grpc.sh."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

BYTES = 780
SECONDS = 4             # of the second run
HERE = os.path.dirname(os.path.abspath(__file__))
SINK = os.path.join(HERE, "../agent/tests/http_sink.py")


def feed(build, n, rate, options):
    """Counters of the output."""
    command = [build + "/agent/tests/output_feeder", "%d,%d,%d" % (n, rate, BYTES), "shutdown_timeout=600s", *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        last = b""
        for line in process.stdout:     # alerts come first where stdout is the output
            last = line
    return json.loads(last)


def measure(build, name, n, *options):
    options = ["http_output.enabled=false", *options] if not name.startswith("http") else list(options)
    all_fit = ["outputs_queue.capacity=%d" % n, "outputs_queue.max_bytes=4294967296"]
    first = feed(build, n, 0, options + all_fit)
    assert first["delivered"] == n, first
    rate = n / first["seconds"]
    second = feed(build, int(2 * rate * SECONDS), int(2 * rate),
                  options + ["outputs_queue.capacity=%d" % max(rate / 4, 64)])
    assert second["taken"] == second["delivered"] + second["discarded"], second
    print("%-16s %9.0f alerts/s; %9.0f/s given: %4.1f %% discarded" % (
        name, rate, second["taken"] / max(second["fed"], 0.001), 100 * second["discarded"] / max(second["taken"], 1)), flush=True)


def main():
    build = sys.argv[1]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 200000
    with tempfile.TemporaryDirectory(prefix="tiercel-outputs-") as folder:
        measure(build, "stdout", n, "stdout_output.enabled=true")
        measure(build, "file", n, "file_output.enabled=true", "file_output.keep_alive=true",
                "file_output.filename=" + folder + "/alerts")
        measure(build, "program", n, "program_output.enabled=true", "program_output.keep_alive=true",
                "program_output.program=cat >/dev/null")
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind(folder + "/log")
        threading.Thread(target=lambda: [log.recv(65536) for _ in iter(int, 1)], daemon=True).start()
        measure(build, "syslog", n, "syslog_output.enabled=true", "syslog_output.address=" + folder + "/log")
        with subprocess.Popen([SINK, "/dev/null"], stdout=subprocess.PIPE, text=True) as sink:
            url = "http_output.url=http://127.0.0.1:%s/" % sink.stdout.readline().strip()
            spool = ["spool.enabled=true", "spool.directory=" + folder + "/spool"]
            for name, count, path, options in (("http", n // 100, "ok", []),
                                               ("http, 100 each", n // 4, "ndjson", ["http_output.batch_size=100"]),
                                               ("http, spool", n // 100, "ok", spool)):
                measure(build, name, count, url + path, "http_output.keep_alive=true", *options)
            sink.terminate()


main()
