#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The gRPC output, asked by foreign clients: python3-grpcio, @grpc/grpc-js, and a raw HTTP/2 client for bad manners. TAP.

Debian's python, because grpcio is a Debian package."""
import contextlib
import os
import random
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time

import grpc
import h2.errors
import h2.events

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from grpclib import (BUILD, PATIENCE, Client, Feeder, Raw, certificates, framed, node, node_modules,  # noqa: E402
                     numbers, read, scratch, take)
from taplib import Skip, run_tests  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVING, NOT_SERVING = 1, 2        # grpc.health.v1


class World:
    """A server with a unix socket, and a client of it."""

    def __init__(self, folder, *args):
        self.path = folder + "/sub/folder/grpc.sock"
        self.address = "unix://" + self.path
        self.feeder = Feeder(self.address, *args)
        self.client = Client(self.address)

    def done(self):
        self.client.close()
        self.feeder.kill()


@contextlib.contextmanager
def world(*args):
    with scratch() as folder:
        w = World(folder, *args)
        try:
            yield w
        finally:
            w.done()


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain for " + what
        time.sleep(0.02)


def status_of(call):
    try:
        for _ in call:
            pass
    except grpc.RpcError as e:
        return e.code()
    return grpc.StatusCode.OK


def test_methods():
    with world() as w:
        v = w.client.version()
        assert v.engine_version == "%d.%d.%d" % (v.engine_major, v.engine_minor, v.engine_patch), v
        assert v.version and v.engine_fields_checksum == "0123abcd"
        assert w.client.check().status == 1
        assert w.client.check("falco.outputs.service").status == 1
        assert status_of_check(w, "unknown.service") == grpc.StatusCode.NOT_FOUND
        watch = w.client.watch()
        assert next(watch).status == 1
        w.feeder.do("serving 0")
        assert next(watch).status == 2
        assert w.client.check().status == 2
        w.feeder.do("serving 1")
        assert next(watch).status == 1
        unknown = w.client.watch("unknown.service")
        assert next(unknown).status == 3
        w.feeder.start("close 5000")
        assert next(watch).status == 2
        assert status_of(watch) == grpc.StatusCode.UNAVAILABLE
        assert w.feeder.answer() == "closed"


def status_of_check(w, service):
    try:
        w.client.check(service)
    except grpc.RpcError as e:
        return e.code()
    return grpc.StatusCode.OK


def test_alerts():
    with world() as w:
        w.feeder.do("emit 3")
        alerts = w.client.sub()
        got = take(alerts, 3)
        assert numbers(got) == [0, 1, 2], "alerts from before the first subscriber are waiting for him"
        a = got[0]
        assert a.rule == "Read sensitive file untrusted" and a.priority == 2 and a.source == "syscall"
        assert a.hostname == "node-1" and list(a.tags) == ["mitre_tag_%d" % i for i in range(5)]
        assert a.output.endswith("number=0") and len(a.output_fields) == 14
        assert abs(a.time.seconds - time.time()) < 3600
        w.feeder.do("emit 1000")
        assert numbers(take(alerts, 1000)) == list(range(3, 1003))
        late = w.client.sub()
        late.initial_metadata()             # subscribed
        w.feeder.do("emit 1")
        assert numbers(take(late, 1)) == [1003]
        w.feeder.do("odd")
        for stream in (alerts, late):
            odd = next(a for a in stream if a.rule.startswith("bad"))
            assert odd.rule == "bad \ufffd\ufffd rule" and "key\ufffd" in odd.output_fields
            assert odd.tags[0] == "\ufffd"
        assert w.feeder.stats()["discarded"] == 0


def test_many_requests():
    """Clients of the incumbent send a request again and again to be served."""
    with world() as w:
        go = threading.Semaphore(0)

        def ask():
            from grpclib import message
            while go.acquire(timeout=PATIENCE):
                yield message("falco.outputs.request")()
        alerts = w.client.sub(ask())
        for i in range(5):
            go.release()
            w.feeder.do("emit 2")
            assert numbers(take(alerts, 2)) == [2 * i, 2 * i + 1]
        alerts.cancel()


def test_get():
    with world() as w:
        assert list(w.client.get()) == []
        w.feeder.do("emit 10")
        assert numbers(w.client.get()) == list(range(10))
        assert list(w.client.get()) == []
        w.feeder.do("emit 2")
        alerts = w.client.sub()
        assert numbers(take(alerts, 2)) == [10, 11]
        assert numbers(w.client.get()) == [10, 11], "a subscriber takes nothing away from get"


def test_reflection():
    with world() as w:
        for package in ("grpc.reflection.v1", "grpc.reflection.v1alpha"):
            answer, = w.client.reflect(package, list_services="")
            names = [s.name for s in answer.list_services_response.service]
            assert {"falco.outputs.service", "falco.version.service", "grpc.health.v1.Health", package +
                    ".ServerReflection"} <= set(names), names
            for symbol, found in (("falco.outputs.service", True), ("falco.outputs.service.sub", True),
                                  ("falco.outputs.response.OutputFieldsEntry", True),
                                  ("falco.schema.priority", True), ("google.protobuf.Timestamp", True),
                                  ("falco.outputs", False), ("falco.outputs.nothing", False), ("", False),
                                  ("falco.outputs.service.", False)):
                answer, = w.client.reflect(package, file_containing_symbol=symbol)
                assert answer.HasField("file_descriptor_response") == found, symbol
            answer, = w.client.reflect(package, file_by_filename="outputs.proto")
            assert len(answer.file_descriptor_response.file_descriptor_proto) == 3, "with what it imports"
            answer, = w.client.reflect(package, all_extension_numbers_of_type="x")
            assert answer.error_response.error_code == 5


def test_twenty_subscribers():
    with world() as w:
        clients = [Client(w.address, options=(("grpc.use_local_subchannel_pool", 1),)) for _ in range(20)]
        results = [None] * len(clients)
        w.feeder.do("emit 1")

        def run(i):
            stream = clients[i].sub()
            stream.initial_metadata()       # subscribed
            ready.release()
            results[i] = numbers(a for a in take(stream, 500))
        ready = threading.Semaphore(0)
        threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(clients))]
        next(w.client.sub())                # has number 0, so all others start at 1
        for t in threads:
            t.start()
        for _ in threads:
            assert ready.acquire(timeout=PATIENCE)
        w.feeder.do("emit 500")
        for t in threads:
            t.join(PATIENCE)
        assert all(r == list(range(1, 501)) for r in results), [r and len(r) for r in results]
        for c in clients:
            c.close()


def test_slow_subscriber():
    with world("QUEUE_MESSAGES=256") as w:
        raw = Raw(w.path)                   # reads nothing: 64 KiB of window, about 60 alerts
        raw.request("/falco.outputs.service/sub", end=False)
        slow = w.client.sub()
        slow.initial_metadata()
        slow_client = Client(w.address, options=(("grpc.use_local_subchannel_pool", 1),))
        fast = slow_client.sub()
        fast.initial_metadata()
        total = 0
        for _ in range(100):
            w.feeder.do("emit 100")
            assert numbers(take(fast, 100)) == list(range(total, total + 100)), "the fast one loses nothing"
            total += 100
        s = w.feeder.stats()
        assert s["taken"] == total and s["discarded"] == 0 and s["grpc_queue_full"] == total - 256, s
        seen, lost, notices = 0, 0, []
        while seen + lost < total:
            a = next(slow)
            if a.source == "internal":
                notices.append(a)
                lost += int(a.output_fields["lost"])
                assert a.priority == 4 and a.output_fields["lost_total"] == str(lost)
            else:
                assert numbers([a]) == [seen + lost], "the notice stands where the lost ones would have been"
                seen += 1
        assert notices and seen >= 256, "%d seen, %d lost" % (seen, lost)
        w.feeder.start("close 4000")
        assert status_of(slow) == grpc.StatusCode.UNAVAILABLE
        assert dict(slow.trailing_metadata())["tiercel-lost"] == str(lost)
        assert w.feeder.answer() == "closed", "the one that reads nothing does not hold up the end"
        raw.close()
        slow_client.close()


def test_nobody_listens():
    with world("QUEUE_MESSAGES=100") as w:
        w.feeder.do("emit 1000")
        wait_for("the thread", lambda: w.feeder.stats()["taken"] == 1000)
        s = w.feeder.stats()
        assert s["queued"] == 100 and s["discarded"] == 900, s
        assert numbers(take(w.client.sub(), 100)) == list(range(900, 1000))


def drained(w, n):
    """What a subscriber gets of n alerts when the server stops right behind the last one."""
    alerts = w.client.sub()
    alerts.initial_metadata()
    w.feeder.start("emit %d" % n)
    w.feeder.start("close 30000")
    got = []
    try:
        for a in alerts:
            got.append(a)
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.UNAVAILABLE, e
    assert w.feeder.answer() == "done" and w.feeder.answer() == "closed"
    assert not os.path.exists(w.path)
    return numbers(got)


def test_drain():
    for n in [5000] + [50 + 7 * i for i in range(40)]:    # the stop meets the thread at another place each time
        with world() as w:
            assert drained(w, n) == list(range(n))


def test_socket_file():
    with world() as w:
        assert stat.S_IMODE(os.stat(w.path).st_mode) == 0o660
        try:
            Feeder(w.address).kill()
            assert False, "two servers on one socket"
        except RuntimeError as e:
            assert "in use" in str(e), e
        assert w.client.check().status == 1, "the first one is still there"
        w.feeder.kill()
        assert os.path.exists(w.path)
        w.feeder = Feeder(w.address)        # the stale socket is replaced
        w.feeder.do("emit 1")
    for bad in ("unix://relative.sock", "unix:///" + "x" * 200, "nothing", "127.0.0.1:", "unix:///proc/x/y"):
        try:
            Feeder(bad).kill()
            assert False, bad
        except RuntimeError as e:
            assert "cannot listen on '%s'" % bad in str(e), e


def tls_clients(folder):
    ca = read(folder + "/ca.crt")
    return {
        "good": grpc.ssl_channel_credentials(ca, read(folder + "/client.key"), read(folder + "/client.crt")),
        "none": grpc.ssl_channel_credentials(ca),
        "other": grpc.ssl_channel_credentials(ca, read(folder + "/other.key"), read(folder + "/other.crt")),
    }


def tls_feeder(folder):
    """A feeder on a free port. Another process may take the port in between: try again."""
    args = ["key=%s/server.key" % folder, "cert=%s/server.crt" % folder, "ca=%s/ca.crt" % folder]
    for attempt in range(10):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % s.getsockname()[1]
        try:
            return Feeder(address, *args), address
        except RuntimeError:
            if attempt == 9:
                raise


def handshake(address, folder, alpn=("h2",), version=None, cert="client"):
    """What a TLS client hears: b"..." of the server's first frame, or an error. Who shows no proper
    certificate only listens: data that nobody reads would make the server's end a reset, and the
    alert with the reason could get lost."""
    context = ssl.create_default_context(cafile=folder + "/ca.crt")
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version:
        context.maximum_version = version
    if cert:
        context.load_cert_chain("%s/%s.crt" % (folder, cert), "%s/%s.key" % (folder, cert))
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), PATIENCE) as plain:
        try:
            with context.wrap_socket(plain) as s:
                if cert == "client":
                    s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                return s.recv(9)
        except (ssl.SSLError, ConnectionError) as e:
            return str(e)


def test_mtls():
    with scratch() as folder:
        certificates(folder)
        feeder, address = tls_feeder(folder)
        clients = tls_clients(folder)
        try:
            good = Client(address, clients["good"])
            feeder.do("emit 100")
            assert numbers(take(good.sub(), 100)) == list(range(100))
            for bad in ("none", "other"):
                client = Client(address, clients[bad])
                assert status_of(client.get()) == grpc.StatusCode.UNAVAILABLE, bad
                client.close()
            assert handshake(address, folder)[3:4] == b"\4"
            assert "application" in handshake(address, folder, alpn=()).lower()
            assert "application" in handshake(address, folder, alpn=("http/1.1",)).lower()
            assert "version" in handshake(address, folder, version=ssl.TLSVersion.TLSv1_2).lower()
            assert "required" in handshake(address, folder, cert=None).lower()
            assert "unknown ca" in handshake(address, folder, cert="other").lower()
            # The certificates are replaced by those of another CA while the server runs.
            for name in ("crt", "key"):
                shutil.copy("%s/other.%s" % (folder, name), "%s/new" % folder)
                os.rename(folder + "/new", "%s/server.%s" % (folder, name))
            wanted = grpc.ssl_channel_credentials(read(folder + "/other-ca.crt"), read(folder + "/client.key"),
                                                  read(folder + "/client.crt"))
            renewed = Client(address, wanted)
            assert renewed.check().status == 1
            renewed.close()
            assert good.check().status == 1, "connections stay"
            good.close()
        finally:
            feeder.kill()
        try:
            Feeder("127.0.0.1:1", "key=/nowhere", "cert=/nowhere", "ca=/nowhere").kill()
            assert False, "no certificates"
        except RuntimeError as e:
            assert "'/nowhere'" in str(e), e


def test_bad_requests():
    with world("MESSAGE_BYTES=1000", "HEADER_BYTES=2000") as w:
        raw = Raw(w.path)
        check, get = "/grpc.health.v1.Health/Check", "/falco.outputs.service/get"
        cases = [
            ("unknown method", 12, dict(path="/falco.outputs.service/nothing", body=framed(b""))),
            ("damaged protobuf", 3, dict(path=check, body=framed(b"\x0a\xff\xff\xff\xff\x0f"))),
            ("damaged reflection", 3, dict(path="/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                           body=framed(b"\xff" * 20))),
            ("no message", 3, dict(path=check)),
            ("half a prefix", 3, dict(path=check, body=b"\0\0\0")),
            ("half a message", 3, dict(path=check, body=framed(b"x" * 50)[:20])),
            ("two messages", 3, dict(path=get, body=framed(b"") + framed(b""), end=False)),
            ("large message", 8, dict(path=check, body=framed(b"x" * 1001))),
            ("huge length", 8, dict(path=check, body=b"\0\xff\xff\xff\xff")),
            ("compressed message", 12, dict(path=check, body=framed(b"x", 1))),
            ("compressed call", 12, dict(path=check, body=framed(b""), grpc_encoding="gzip")),
            ("no gRPC", "http 415", dict(path=check, body=b"{}", content_type="application/json")),
            ("nearly gRPC", "http 415", dict(path=check, body=b"{}", content_type="application/grpcx")),
            ("large header", "reset", dict(path=check, body=framed(b""), x="y" * 3000)),
            ("bad timeout is none", 0, dict(path=check, body=framed(b""), grpc_timeout="12345678901S")),
        ]
        for name, want, request in cases:
            got = raw.status(raw.request(**request))
            assert got == want, "%s: %s, not %s" % (name, got, want)
        stream = raw.request("/falco.outputs.service/sub", end=False, grpc_timeout="50m")
        assert raw.status(stream) == 4, "deadline"
        stats = w.feeder.stats()
        assert stats["grpc_messages_too_large"] == 2 and stats["grpc_headers_too_large"] == 1, stats
        raw.close()


def test_bad_connections():
    noise = random.Random(7)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    openings = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01" + b"\0" * 200,
                preface[:10] + b"x" * 20, preface + b"\xff" * 64, preface + settings + b"\xff\xff\xff\0\0\0\0\0\1",
                preface + b"\0\0\4\3\0\0\0\0\0\0\0\0\0", preface + settings + b"\0\0\1\0\0\0\0\0\7x"]
    openings += [preface + settings + noise.randbytes(noise.randrange(1, 400)) for _ in range(60)]
    with world("HANDSHAKE_MS=3000", "KEEPALIVE_MS=500", "KEEPALIVE_ACK_MS=4000") as w:
        alerts = w.client.sub()
        alerts.initial_metadata()
        for opening in openings:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(PATIENCE)
                s.connect(w.path)
                with contextlib.suppress(ConnectionError):
                    s.sendall(opening)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(4096):
                        pass
        for silent in (b"", preface + settings):    # nothing more: no frame, or no answer to a ping
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(PATIENCE)
                s.connect(w.path)
                s.sendall(silent)
                while s.recv(4096):
                    pass
        w.feeder.do("emit 1")
        assert numbers(take(alerts, 1)) == [0], "a client with manners was kept"
        stats = w.feeder.stats()
        assert stats["grpc_handshakes_late"] >= 1 and stats["grpc_peers_dead"] >= 1, stats


def test_bounds():
    with world("CONNECTIONS=3", "STREAMS=4", "SUBSCRIBERS=5", "RESETS=20", "REQUEST_MS=200") as w:
        raw = Raw(w.path)
        subs = [raw.request("/falco.outputs.service/sub", end=False) for _ in range(4)]
        assert all(raw.until(h2.events.ResponseReceived, s) for s in subs)
        assert raw.h2.remote_settings.max_concurrent_streams == 4
        other = Raw(w.path)
        assert other.until(h2.events.ResponseReceived, other.request("/falco.outputs.service/sub", end=False))
        assert other.status(other.request("/falco.outputs.service/sub", end=False)) == 8, "subscribers"
        assert other.status(other.request("/falco.outputs.service/get", end=False)) == 4, "no request came"
        third = Raw(w.path)
        assert third.until(h2.events.RemoteSettingsChanged)
        with socket.socket(socket.AF_UNIX) as fourth:
            fourth.settimeout(PATIENCE)
            fourth.connect(w.path)
            assert fourth.recv(100) == b"", "connections"
        with contextlib.suppress(ConnectionError):
            for _ in range(40):             # rapid reset
                third.h2.reset_stream(third.request("/grpc.health.v1.Health/Watch", end=False),
                                      h2.errors.ErrorCodes.CANCEL)
            third.flush()
        end = third.until(h2.events.ConnectionTerminated)
        assert end is None or end.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
        stats = w.feeder.stats()
        for counter in ("grpc_resets_over", "grpc_connections_refused", "grpc_subscribers_refused",
                        "grpc_requests_late"):
            assert stats[counter] >= 1, (counter, stats)
        for r in (raw, other, third):
            r.close()


RULE = """
- rule: marker
  desc: d
  condition: evt.type in (execve, execveat) and proc.args startswith "grpc-marker"
  output: "marker %proc.args"
  priority: WARNING
  tags: [a, b]
"""


def sensor_says(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_sensor():
    """The live sensor as the server, by the keys of its configuration."""
    if os.geteuid():
        raise Skip("needs root")
    with scratch() as folder:
        with open(folder + "/rules.yaml", "w", encoding="utf-8") as f:
            f.write(RULE)
        address, said = "unix://" + folder + "/grpc.sock", folder + "/said"
        os.mkdir(folder + "/out")
        options = ("grpc.enabled=true", "grpc_output.enabled=true", "grpc.bind_address=" + address,
                   "file_output.enabled=true", "file_output.filename=" + folder + "/out/alerts")
        with open(said, "wb") as err:
            sensor = subprocess.Popen([BUILD + "/tiercel", "run", "-r", folder + "/rules.yaml"] +
                                      [x for o in options for x in ("-o", o)], stdout=subprocess.DEVNULL, stderr=err)
        try:
            wait_for("the sensor", lambda: sensor.poll() is not None or "sensor running" in sensor_says(said))
            if sensor.poll() is not None:
                raise Skip("the sensor does not run here: " + sensor_says(said).strip()[-200:])
            client = Client(address)
            alerts = client.sub()
            alerts.initial_metadata()
            subprocess.run(["/bin/echo", "grpc-marker", "1"], check=True, stdout=subprocess.DEVNULL)
            a = next(a for a in alerts if a.rule == "marker")
            assert a.priority == 4 and a.source == "syscall" and list(a.tags) == ["a", "b"], a
            wait_for("health", lambda: client.check().status == SERVING)
            assert "Warning marker grpc-marker 1" in a.output and a.output_fields["proc.args"] == "grpc-marker 1", a
            shutil.rmtree(folder + "/out")
            subprocess.run(["/bin/echo", "grpc-marker", "2"], check=True, stdout=subprocess.DEVNULL)
            wait_for("the other output that fails", lambda: client.check().status == NOT_SERVING)
            os.mkdir(folder + "/out")
            wait_for("its recovery", lambda: client.check().status == SERVING)
            sensor.terminate()
            assert status_of(alerts) == grpc.StatusCode.UNAVAILABLE
            client.close()
            assert sensor.wait(PATIENCE) == 0, sensor_says(said)
            assert "output grpc: " in sensor_says(said)
        finally:
            if sensor.poll() is None:
                sensor.kill()
                sensor.wait()


def node_result(process):
    out, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, err
    return out.split()


def test_grpc_js():
    node_modules()
    with world() as w:
        process = node(w.address, 300)
        assert process.stdout.readline() == "subscribed\n"
        w.feeder.do("emit 300")
        assert node_result(process) == ["alerts", "0..299", "get", "300", "version", "0.62.0"]
    with scratch() as folder:
        certificates(folder)
        feeder, address = tls_feeder(folder)
        try:
            process = node(address, 100, folder)
            assert process.stdout.readline() == "subscribed\n"
            feeder.do("emit 100")
            assert node_result(process) == ["alerts", "0..99", "get", "100", "version", "0.62.0"]
        finally:
            feeder.kill()


run_tests(globals())
