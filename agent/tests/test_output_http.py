#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Alerts over HTTP from a replayed trace to a real server: forms, retries, refusals, the spool over
kill -9. Prints TAP."""
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 60
tests = 0
failed = False


def ok(good, name, *notes):
    global tests, failed
    tests += 1
    print("%sok %d - %s" % ("" if good else "not ", tests, name), flush=True)
    if not good:
        failed = True
        for note in notes:
            print("# " + str(note)[:2000].replace("\n", "\n# "))


def wait_until(condition):
    end = time.time() + PATIENCE
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


class Sink:
    def __init__(self, folder, *args, port=None):
        self.file = os.path.join(folder, "received")
        command = [sys.executable, os.path.join(HERE, "http_sink.py"), self.file]
        if port:
            command += ["--port", str(port)]
        self.process = subprocess.Popen(command + list(args), stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)
        self.port = int(self.process.stdout.readline())

    def received(self):
        with open(self.file) as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def numbers(self):
        return [json.loads(r["body"])["n"] for r in self.received()]

    def stop(self):
        self.process.kill()
        self.process.wait()


def small_files():
    """Longer than that a file cannot get: a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))


def feeder(folder, count, *options, preexec_fn=None):
    """The program that gives `count` messages {"n": N} to the HTTP output and ends when told."""
    command = [os.path.join(BUILD, "agent/tests/output_feeder"), str(count)]
    return subprocess.Popen(command + list(options), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, cwd=folder, preexec_fn=preexec_fn)


def finish(process):
    out, err = process.communicate("", timeout=PATIENCE)
    return json.loads(out.splitlines()[-1]), err


def url(sink, path="/ok"):
    return "http_output.url=http://127.0.0.1:%d%s" % (sink.port, path)


def exact(stats):
    return stats["taken"] == stats["delivered"] + stats["discarded"] + stats["queued"]


def test_forms(folder):
    sink = Sink(folder)
    stats, err = finish(feeder(folder, 5, url(sink)))
    got = sink.received()
    ok([json.loads(r["body"])["n"] for r in got] == [0, 1, 2, 3, 4], "every alert arrives, in order", got, err)
    ok(all(r["type"] == "application/json" and r["agent"] == "falcosecurity/falco" for r in got),
       "one JSON object per request", got)
    ok(exact(stats) and stats["delivered"] == 5, "counters", stats)
    ok(len({r["port"] for r in got}) == 5, "without keep_alive a connection each", got)
    os.unlink(sink.file)
    sink.stop()

    sink = Sink(folder)
    finish(feeder(folder, 40, url(sink), "http_output.keep_alive=true", "http_output.compress_uploads=true",
                  "http_output.headers[0]=X-Extra: of mine"))
    got = sink.received()
    ok(len(got) == 40 and len({r["port"] for r in got}) == 1, "keep_alive: one connection", got)
    ok(all(r["encoding"] == "gzip" and r["extra"] == "of mine" for r in got), "gzip and a header", got)
    os.unlink(sink.file)
    sink.stop()

    sink = Sink(folder)
    finish(feeder(folder, 100, url(sink, "/ndjson"), "http_output.batch_size=50", "http_output.keep_alive=true"))
    got = sink.received()
    ok([json.loads(r["body"])["n"] for r in got] == list(range(100)), "batches as lines", got)
    ok({r["type"] for r in got} == {"application/x-ndjson"}, "their type", got)
    sink.stop()


def test_retry(folder):
    sink = Sink(folder)
    stats, err = finish(feeder(folder, 3, url(sink, "/flaky/3")))
    ok(sink.numbers() == [0, 1, 2], "an answer of 503 is tried again", sink.received(), err)
    ok(exact(stats) and stats["failures"] == 3 and stats["discarded"] == 0, "failures are counted", stats)
    ok("HTTP status 503" in err and "works again" in err, "and said once", err)
    sink.stop()
    os.unlink(sink.file)

    sink = Sink(folder)
    stats, err = finish(feeder(folder, 2, url(sink, "/status/400")))
    ok(stats["discarded"] == 2 and exact(stats), "what is refused for good does not hold up the rest", stats, err)
    sink.stop()

    for path in ("/cut", "/big"):
        sink = Sink(folder)
        stats, err = finish(feeder(folder, 3, url(sink, path)))
        ok(stats["delivered"] == 3 and stats["failures"] == 0, "what came with 200 is delivered: " + path, stats, err)
        sink.stop()
    os.unlink(sink.file)

    sink = Sink(folder)
    process = feeder(folder, 1, url(sink, "/busy"))
    ok(wait_until(lambda: len(sink.received()) == 2), "429: tried again", sink.received())
    at = [r["at"] for r in sink.received()]
    ok(at[-1] - at[0] >= 1.9, "but not before the server asks for it", at)
    finish(process)
    sink.stop()

    sink = Sink(folder)
    stats, err = finish(feeder(folder, 1, url(sink, "/redirect"), "shutdown_timeout=200ms"))
    ok("HTTP status 302, http_output.url has moved to /ok" in err and stats["discarded"] == 1,
       "a redirect is not followed but named", stats, err)
    sink.stop()
    process = feeder(folder, 1, url(sink), 'http_output.headers=["no header"]')
    err = process.communicate("", timeout=PATIENCE)[1]
    ok(process.returncode == 1 and "'no header' is not of the form" in err, "a header without a name", err)
    stats, err = finish(feeder(folder, 0, "http_output.url=HTTPS://127.0.0.1:1/", "http_output.ca_cert=/nonexistent"))
    ok("http_output.ca_cert: cannot read '/nonexistent'" in err, "a missing certificate is said at the start", err)

    stats, err = finish(feeder(folder, 4, "http_output.url=http://127.0.0.1:1/", "shutdown_timeout=300ms"))
    ok(stats["discarded"] == 4 and stats["delivered"] == 0 and exact(stats), "nobody listens: counted", stats, err)


def make_certificates(folder):
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.crt", "-subj", "/CN=test ca", "-days", "2")
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
                "-out", name + ".csr", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-copy_extensions", "copy", "-out", name + ".crt", "-days", "2")


def test_tls(folder):
    make_certificates(folder)
    files = {name: os.path.join(folder, name) for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key")}
    sink = Sink(folder, "--tls", files["server.crt"], files["server.key"], files["ca.crt"])
    to = "http_output.url=https://127.0.0.1:%d/ok" % sink.port
    mine = ["http_output.mtls=true", "http_output.client_cert=" + files["client.crt"],
            "http_output.client_key=" + files["client.key"]]
    quick = "shutdown_timeout=500ms"
    stats, err = finish(feeder(folder, 3, to, *mine, "http_output.ca_cert=" + files["ca.crt"]))
    ok(sink.numbers() == [0, 1, 2], "mutual TLS", stats, err)
    stats, err = finish(feeder(folder, 3, to, *mine, quick))
    ok(stats["delivered"] == 0 and "certificate" in err, "a server of an unknown CA gets nothing", stats, err)
    stats, err = finish(feeder(folder, 3, to, *mine, "http_output.insecure=true"))
    ok(stats["delivered"] == 3, "unless insecure is set", stats, err)
    stats, err = finish(feeder(folder, 3, to, quick, "http_output.ca_cert=" + files["ca.crt"]))
    ok(stats["delivered"] == 0 and stats["discarded"] == 3, "without a client certificate nothing leaves", stats, err)
    sink.stop()


def test_spool(folder):
    spool = ["spool.enabled=true", "spool.directory=" + os.path.join(folder, "spool"), "http_output.keep_alive=true"]
    down = feeder(folder, 500, "http_output.url=http://127.0.0.1:1/", *spool)
    ok(wait_until(lambda: count_spooled(folder) >= 500), "alerts are on disk while nobody listens",
       count_spooled(folder))
    down.send_signal(signal.SIGKILL)
    down.wait()
    sink = Sink(folder)
    stats, err = finish(feeder(folder, 10, url(sink), *spool, "shutdown_timeout=60s"))
    numbers = sink.numbers()
    ok(numbers == list(range(500)) + list(range(10)), "after kill -9 all arrive, in order", numbers, err)
    ok(exact(stats) and stats["delivered"] == 510 and stats["queued"] == 0, "counters", stats)
    ok("500 alerts of an earlier run" in err, "the user is told", err)
    ok(count_spooled(folder) == 0, "the spool is empty")

    sink.stop()
    os.unlink(sink.file)
    stats, err = finish(feeder(folder, 20, "http_output.url=http://127.0.0.1:1/", *spool))
    ok(stats["queued"] == 20 and stats["discarded"] == 0 and exact(stats), "a stop loses nothing", stats, err)
    sink = Sink(folder, port=sink.port)
    stats, err = finish(feeder(folder, 0, url(sink), *spool, "shutdown_timeout=60s"))
    ok(sink.numbers() == list(range(20)), "the next start sends it", sink.received(), err)
    sink.stop()


def test_spool_full(folder):
    spool = ["spool.enabled=true", "spool.directory=" + os.path.join(folder, "full"), "spool.max_size_mb=1"]
    stats, err = finish(feeder(folder, 80000, "http_output.url=http://127.0.0.1:1/", *spool, "shutdown_timeout=60s",
                               "outputs_queue.capacity=100000"))
    ok(stats["discarded"] > 0 and stats["queued"] > 0 and exact(stats), "a full spool discards and counts", stats)
    ok("no room" in err, "and says so", err)


def test_disk_full(folder):
    spool = ["spool.enabled=true", "spool.directory=" + os.path.join(folder, "spool"), "http_output.keep_alive=true"]
    down = ["http_output.url=http://127.0.0.1:1/", "shutdown_timeout=500ms"]
    stats, err = finish(feeder(folder, 100, *down, *spool, preexec_fn=small_files))
    kept = stats["queued"]
    ok(0 < kept < 100 and stats["discarded"] == 100 - kept and exact(stats),
       "disk full and nobody listens: what is not on the disk is counted", stats, err)
    ok(err.count("spool: File too large; alerts are sent without it") == 1, "and the disk is named, once", err)
    sink = Sink(folder)
    stats, err = finish(feeder(folder, 200, url(sink), *spool, "shutdown_timeout=60s", preexec_fn=small_files))
    ok(sink.numbers() == list(range(kept)) + list(range(200)), "disk full: all arrive, behind what is in the spool",
       sink.numbers(), err)
    ok(stats["delivered"] == 200 + kept and stats["discarded"] == 0 and exact(stats), "counters", stats)
    sink.stop()
    os.unlink(sink.file)
    sink = Sink(folder)
    stats, err = finish(feeder(folder, 40, url(sink, "/status/400"), *spool, "shutdown_timeout=60s", preexec_fn=small_files))
    sink.stop()
    ok(stats["discarded"] + stats["queued"] == 40 and stats["discarded"] > 0 and exact(stats), "what is refused past the spool is counted", stats, err)


def count_spooled(folder):
    """Records in the segments; the file format is in agent/spool.h."""
    count = 0
    path = os.path.join(folder, "spool")
    for name in os.listdir(path) if os.path.isdir(path) else []:
        if not name.endswith(".spool"):
            continue
        with open(os.path.join(path, name), "rb") as f:
            data = f.read()
        at = 0
        while at + 8 <= len(data):
            at += 8 + int.from_bytes(data[at:at + 4], "little")
            count += at <= len(data)
    return count


def main():
    for test in (test_forms, test_retry, test_tls, test_spool, test_spool_full, test_disk_full):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    print("1..%d" % tests)
    sys.exit(failed)


BUILD = os.path.abspath(BUILD)
main()
