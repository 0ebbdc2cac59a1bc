#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Health, versions and metrics of a live sensor over HTTP and HTTPS, and bad clients. Prints TAP.

Debian's python, because grpcio is a Debian package."""
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crilib import FakeRuntime  # noqa: E402
from livelib import BUILD, WAIT, Box, Sensor, report, require

RULES = """- rule: mark
  desc: web server test
  condition: evt.type = unlink and evt.arg.path startswith %s/m-
  output: mark=%%evt.arg.path
  priority: NOTICE
  tags: [T1070.004, web]
- rule: quiet "one"
  desc: never
  condition: evt.type = unlink and evt.arg.path = /no/such/file/at/all
  output: never
  priority: ERROR
"""
EXCEPTIONS = """- rule: mark
  name: known
  fields: [evt.arg.path]
  values:
    - [%s/m-known]
  owner: somebody
  reason: test
"""
SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$')


def unlink(path):
    """The call that the rule looks for; there is no such file."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path, method="GET", tls=None):
    kind = http.client.HTTPConnection if not tls else http.client.HTTPSConnection
    connection = kind("127.0.0.1", port, timeout=WAIT, **({"context": tls} if tls else {}))
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.headers.get("Content-Type"), answer.read().decode()


def parse(text):
    """Samples by name and labels; raises on a line that is not in the format, a second TYPE or sample."""
    samples, types = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            if name in types:
                raise ValueError("second TYPE: " + line)
            types.add(name)
        elif not line.startswith("# HELP "):
            found = SAMPLE.match(line)
            if not found or found.group(1) not in types:
                raise ValueError(line)
            key = found.group(1) + (found.group(2) or "")
            if key in samples:
                raise ValueError("second sample: " + line)
            samples[key] = float(found.group(3))
    return samples


def wait(condition):
    end = time.time() + WAIT
    while time.time() < end and not condition():
        time.sleep(0.05)
    return condition()


class Web:
    def __init__(self, work, rules, *options, name="web"):
        self.port = free_port()
        args = ["-r", os.path.join(work, "test.exceptions.yaml")]
        for option in ("webserver.enabled=true", "webserver.listen_address=127.0.0.1",
                       "webserver.listen_port=%d" % self.port, *options):
            args += ["-o", option]
        self.sensor = Sensor(work, "run", "-r", rules, *args, name=name)

    def metrics(self):
        return parse(get(self.port, "/metrics")[2])


def check(results, name, good, *notes):
    results.append((name, None if good else "\n".join(map(str, notes)) or "no"))


def test_pages(work, rules, results):
    extra = os.path.join(work, "extra.yaml")
    with open(extra, "w") as f:
        f.write("priority: debug\n")
    web = Web(work, rules, "webserver.prometheus_metrics_enabled=true", "metrics.enabled=true",
              "config_files=[%s]" % extra)
    check(results, "the sensor starts", web.sensor.wait_ready(), web.sensor.messages())
    answer = get(web.port, "/healthz")
    check(results, "healthz as the incumbent's", answer == (200, "application/json", '{"status": "ok"}'), answer)
    check(results, "readyz", wait(lambda: get(web.port, "/readyz")[0] == 200), get(web.port, "/readyz"))
    status, kind, text = get(web.port, "/versions")
    versions = json.loads(text)
    check(results, "versions that falcoctl understands", status == 200 and kind == "application/json" and
          versions["engine_version_semver"].startswith("0.") and
          all(isinstance(v, str) for v in versions.values()), text)
    before = web.metrics()
    matches = [k for k in before if k.startswith("falcosecurity_falco_rules_matches_total")]
    check(results, "every rule has a counter from zero", len(matches) == 2 and
          all(before[k] == 0 for k in matches), matches)
    check(results, "labels as the incumbent's", any(
        'rule_name="mark"' in k and 'priority="5"' in k and 'tag_T1070_004="true"' in k for k in matches), matches)
    check(results, "quotes in labels are escaped", any('rule_name="quiet \\"one\\""' in k for k in matches), matches)
    for kind, path in (("rules", rules), ("config", extra)):
        with open(path, "rb") as f:
            sample = 'falcosecurity_falco_sha256_%s_files_info{file_name="%s",sha256="%s"}' % (
                kind, os.path.basename(path), hashlib.sha256(f.read()).hexdigest())
        check(results, "digest of the file of " + kind, before.get(sample) == 1, [k for k in before if "sha256" in k])
    unlink(work + "/m-1")
    key = next(k for k in matches if 'rule_name="mark"' in k)
    check(results, "an alert is counted", wait(lambda: web.metrics()[key] == 1), web.metrics().get(key))
    before = time.time_ns()
    unlink(work + "/m-known")
    known = '{rule_name="mark",exception="known",owner="somebody"}'
    check(results, "a hit of an exception is counted, not reported",
          wait(lambda: web.metrics()["tiercel_exception_hits_total" + known] == 1) and web.metrics()[key] == 1, web.metrics())
    check(results, "with its time", web.metrics()["tiercel_exception_last_hit_timestamp_nanoseconds" + known] > before - 1e9)
    now = web.metrics()
    check(results, "counters of outputs add up", wait(lambda: (lambda m: m['tiercel_output_taken_total{output="stdout"}'] ==
          m['tiercel_output_delivered_total{output="stdout"}'])(web.metrics())), now)
    check(results, "nothing is lost, memory is known",
          now["falcosecurity_scap_n_drops_total"] == 0 and now["falcosecurity_falco_memory_rss_bytes"] > 1e6 and
          now["falcosecurity_falco_memory_pss_bytes"] > 0, now)
    limits = [k for k in now if k.startswith("tiercel_limit_hits_total")]
    check(results, "bounds of every module are there from zero", all(
        any('"%s"' % name in k for k in limits) for name in
        ("state_thread_table_full", "cri_questions_refused", "oci_requests_late", "control_tail_alerts_lost")), limits)
    table = subprocess.run([os.path.join(BUILD, "tiercel"), "metrics"], capture_output=True, text=True).stdout
    types = set(re.findall(r"^# TYPE (\S+)", get(web.port, "/metrics")[2], re.M))
    check(results, "tiercel metrics lists what is served",
          {line.split("\t")[0] for line in table.splitlines()} == types, types)
    check(results, "an unknown path", get(web.port, "/nothing")[0] == 404)
    check(results, "another method", get(web.port, "/healthz", "POST")[0] == 405)
    check(results, "HEAD", get(web.port, "/healthz", "HEAD")[0] == 200)
    bad_clients(web, results)
    check(results, "the sensor ends in order", web.sensor.stop() == 0, web.sensor.messages())


def bad_clients(web, results):
    """Rubbish, endless headers and many silent connections: the next honest client is answered."""
    for data in (b"\0\xff\r\n\r\n" * 100, b"GET / HTTP/1.1\r\nX: " + b"a" * 300000, b"POST / HTTP/1.1\r\n"
                 b"Content-Length: 99999999999999999999\r\n\r\n", b"GET " + b"/" * 100000):
        with socket.create_connection(("127.0.0.1", web.port), timeout=WAIT) as s:
            try:
                s.sendall(data)
                s.recv(100)
            except OSError:
                pass
    check(results, "rubbish does no harm", get(web.port, "/healthz")[0] == 200)
    silent = [socket.create_connection(("127.0.0.1", web.port), timeout=WAIT) for _ in range(40)]

    def answered():
        try:
            return get(web.port, "/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    check(results, "silent connections are closed in the end", wait(answered))
    for s in silent:
        s.close()


def test_not_ready(work, rules, results):
    folder = os.path.join(work, "gone")
    os.mkdir(folder)
    web = Web(work, rules, "file_output.enabled=true", "file_output.filename=%s/alerts" % folder,
              "grpc_output.enabled=true", name="not-ready")
    check(results, "the sensor starts with a file output", web.sensor.wait_ready(), web.sensor.messages())
    check(results, "an output without its server is a warning",
          "grpc_output.enabled has no effect without grpc.enabled" in web.sensor.messages(), web.sensor.messages())
    shutil.rmtree(folder)

    def failing():
        unlink(work + "/m-2")
        status, _, text = get(web.port, "/readyz")
        return status == 503 and json.loads(text)["failing"] == ["outputs"]

    check(results, "readyz names the output", wait(failing), get(web.port, "/readyz"))
    check(results, "healthz does not ask for a restart", get(web.port, "/healthz")[0] == 200)
    check(results, "metrics are off by default", get(web.port, "/metrics")[0] == 404)
    web.sensor.stop()


def test_metadata(work, rules, results):
    """A container runtime that is gone longer than a restart takes is named, and its return is seen."""
    path = os.path.join(work, "runtime.sock")
    runtime = FakeRuntime(path)
    web = Web(work, rules, "container_metadata.sockets=[%s]" % path, name="metadata")
    check(results, "ready with a runtime that answers",
          web.sensor.wait_ready() and wait(lambda: get(web.port, "/readyz")[0] == 200), get(web.port, "/readyz"))
    runtime.stop()
    if os.path.exists(path):
        os.unlink(path)

    def failing():
        status, _, text = get(web.port, "/readyz")
        return status == 503 and json.loads(text)["failing"] == ["metadata"]

    check(results, "readyz names the metadata when the runtime is gone", wait(failing), get(web.port, "/readyz"))
    check(results, "healthz does not ask for a restart because of it", get(web.port, "/healthz")[0] == 200)
    runtime = FakeRuntime(path)
    check(results, "ready again when it is back", wait(lambda: get(web.port, "/readyz")[0] == 200),
          get(web.port, "/readyz"))
    web.sensor.stop()
    runtime.stop()


def test_port_in_use(work, rules, results):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        sensor = Sensor(work, "run", "-r", rules, "-o", "webserver.enabled=true", "-o", "webserver.listen_address=127.0.0.1",
                        "-o", "webserver.listen_port=%d" % s.getsockname()[1], name="in-use")
        check(results, "a port in use does not stop detection",
              sensor.wait_ready() and "cannot listen" in sensor.messages(), sensor.messages())
        sensor.stop()


def test_tls(work, rules, results):
    pem = os.path.join(work, "web.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", pem + ".key", "-out", pem, "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-days", "2"], check=True, capture_output=True)
    with open(pem, "a") as f, open(pem + ".key") as key:
        f.write(key.read())
    web = Web(work, rules, "webserver.ssl_enabled=true", "webserver.ssl_certificate=" + pem, name="tls")
    context = ssl.create_default_context(cafile=pem)
    check(results, "HTTPS", web.sensor.wait_ready() and get(web.port, "/healthz", tls=context)[0] == 200,
          web.sensor.messages())
    web.sensor.stop()


def main():
    require(community=False, cgroup=False)
    results = []
    with Box() as work:
        rules = os.path.join(work, "rules.yaml")
        with open(rules, "w") as f:
            f.write(RULES % work)
        with open(os.path.join(work, "test.exceptions.yaml"), "w") as f:
            f.write(EXCEPTIONS % work)
        for test in (test_pages, test_not_ready, test_metadata, test_port_in_use, test_tls):
            test(work, rules, results)
    report(results)


main()
