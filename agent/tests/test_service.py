#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sensor as a service: it starts with Falco's own configuration, a reader that blocks stops neither
capture nor other outputs, discards are counted and told, files are opened again, records of health
come in order. Prints TAP."""
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from livelib import BUILD, WAIT, Box, Sensor, enter_root_cgroup, report, require

HERE = os.path.dirname(os.path.abspath(__file__))
RULE = """- rule: mark
  desc: service test
  condition: evt.type = unlink and evt.arg.path startswith %s/m-
  output: mark=%%evt.arg.path
  priority: NOTICE
"""


def wait(condition, seconds=WAIT):
    end = time.time() + seconds
    while time.time() < end and not condition():
        time.sleep(0.02)
    return condition()


def text(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def mark(work, name):
    try:
        os.unlink("%s/m-%s" % (work, name))
    except FileNotFoundError:
        pass


def test_falco_config(work, rules, results):
    sensor = Sensor(work, "run", "-c", os.path.join(HERE, "falco.yaml"), "-r", rules, name="falco")
    try:
        ready = sensor.wait_ready()
        results.append(("an unmodified falco.yaml starts the sensor", None if ready else sensor.messages()))
        mark(work, "falco")
        line = r"\d\d:\d\d:\d\d\.\d{9}: Notice mark=%s/m-falco container_id=" % re.escape(work)
        got = wait(lambda: re.search(line, text(sensor.out.name)))
        results.append(("alerts have the text form it asks for", None if got else text(sensor.out.name)))
    finally:
        status = sensor.stop()
    results.append(("it ends although syslog does not answer, in bounded time",
                    None if status in (0, 1) else str(status)))


def test_blocked(work, rules, results):
    """stdout is a pipe that nobody reads; the file output goes on."""
    path = os.path.join(work, "events.txt")
    reader, writer = os.pipe()
    log = open(os.path.join(work, "blocked.log"), "w+")
    process = subprocess.Popen(
        [os.path.join(BUILD, "tiercel"), "run", "-r", rules, "-o", "outputs_queue.capacity=200",
         "-o", "file_output.enabled=true", "-o", "file_output.filename=" + path,
         "-o", "file_output.keep_alive=true", "-o", "shutdown_timeout=200ms",
         "-o", "syscall_event_drops.interval=200ms"],
        stdout=writer, stderr=log, preexec_fn=enter_root_cgroup)
    os.close(writer)
    try:
        if not wait(lambda: "sensor running" in text(log.name), 60):
            results.append(("blocked: the sensor starts", text(log.name)))
            return
        marks = 0
        while marks < 3000:     # a pipe holds about a hundred alerts
            mark(work, marks)
            marks += 1
            if marks % 50 == 0:
                wait(lambda: text(path).count('"mark"') >= marks)
        found = text(path).count('"rule":"mark"')
        results.append(("blocked: the file has all alerts", None if found == marks else str(found)))
        told = wait(lambda: "tiercel internal: output discards" in text(path))
        results.append(("blocked: discards are an alert in the other output",
                        None if told else text(log.name)))
        os.rename(path, path + ".moved")
        process.send_signal(signal.SIGUSR1)

        def lands():
            mark(work, "again")
            return "m-again" in text(path)
        results.append(("blocked: SIGUSR1 opens the file again", None if wait(lands) else text(log.name)))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            status = None
    results.append(("blocked: the end is bounded, and lost alerts are a failure",
                    None if status == 1 else str(status)))
    counts = re.search(r"output stdout: (\d+) alerts taken, (\d+) delivered, (\d+) discarded", text(log.name))
    with os.fdopen(reader, "rb") as f:
        lines = f.read().count(b"\n")
    taken, delivered, discarded = map(int, counts.groups()) if counts else (0, 0, 0)
    results.append(("blocked: taken = delivered + discarded, delivered lines are there",
                    None if counts and taken == delivered + discarded and delivered == lines
                    else "%s %d lines" % (counts and counts.group(0), lines)))


def test_closed(work, rules, results):
    process = subprocess.Popen([os.path.join(BUILD, "tiercel"), "run", "-r", rules, "--heartbeat"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=enter_root_cgroup)
    process.stdout.readline()       # the start record
    process.stdout.close()
    mark(work, "closed")
    try:
        status = process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        status = None
    results.append(("a closed stdout ends a sensor without other outputs",
                    None if status == 1 else str(status)))


def test_heartbeat(work, rules, results):
    sensor = Sensor(work, "run", "-r", rules, "--heartbeat", "-o", "heartbeat.interval=300ms",
                    "-o", "identity.cluster=c1", name="heartbeat")
    try:
        ready = sensor.wait_ready()
        mark(work, "beat")
        third = ready and sensor.wait_alert(lambda a: a["output_fields"].get("heartbeat.number") == 3)
    finally:
        status = sensor.stop()
    sensor.read()
    records = [a for a in sensor.alerts if "heartbeat.number" in a["output_fields"]]
    numbers = [a["output_fields"]["heartbeat.number"] for a in records]
    names = [a["rule"].split(": ")[1] for a in records]
    results.append(("heartbeats are numbered from the start to the stop",
                    None if third and numbers == list(range(len(numbers))) and names[0] == "start" and
                    names[-1] == "stop" and set(names[1:-1]) == {"heartbeat"} and status == 0
                    else "%s %s %s" % (numbers, names, sensor.messages())))
    last = records[-1]["output_fields"] if records else {}
    wanted = ["tiercel.node", "tiercel.cluster", "tiercel.boot_id", "rules.digest", "rules.active", "events.lost",
              "output.stdout.discarded", "state.threads", "process.cpu_seconds", "process.rss_bytes",
              "events.last_time", "alerts"]
    results.append(("they say who, which rules, what was lost, how large",
                    str([k for k in wanted if k not in last]) if any(k not in last for k in wanted) else None))
    results.append(("they are internal alerts in Falco's envelope", None if records and all(
        sorted(a) == ["hostname", "output", "output_fields", "priority", "rule", "source", "time"] and
        a["source"] == "internal" for a in records) else json.dumps(records[:1])))


def test_identity(work, results):
    """GKE's metadata server, the configuration and the environment say who the node is: in every alert, in
    heartbeats, in conditions, and in the choice of the layers of a bundle."""
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "metadata_server.py"), "good"],
                              stdout=subprocess.PIPE, text=True)
    bundle = os.path.join(work, "bundle")
    os.makedirs(bundle + "/site")
    with open(bundle + "/bundle.yaml", "w") as f:
        f.write("name: b\nversion: 1.0.0\nlayers:\n"
                "  - {name: site, level: cluster, path: site, nodes: {cluster: prod-*}}\n")
    with open(bundle + "/site/rules.yaml", "w") as f:
        f.write("- rule: site\n  desc: d\n  condition: evt.type = unlink and evt.arg.path startswith %s/m- and "
                "static.cluster = prod-1\n  output: at %%static.cluster\n  priority: NOTICE\n" % work)
    url = "http://127.0.0.1:%s" % server.stdout.readline().strip()
    sensor = Sensor(work, "run", "--bundle", bundle, "--heartbeat", "-o", "identity.metadata_server=" + url,
                    "-o", "identity.node=n1", "-o", "identity.environment=staging", "-o",
                    "state_directory=" + work + "/identity", name="identity")
    want = {"cluster": "prod-1", "location": "europe-west1", "project": "shop-42", "node": "n1",
            "environment": "staging"}
    try:
        sensor.wait_ready()
        mark(work, "identity")
        alert = sensor.wait_alert(lambda a: a["rule"] == "site")
        start = sensor.wait_alert(lambda a: a["rule"] == "tiercel internal: start")
    finally:
        sensor.stop()
        server.kill()
        server.wait()
    results.append(("a layer for this cluster runs, its alerts say who the node is", None if alert and all(
        alert["output_fields"].get("static." + k) == v for k, v in want.items()) and "at prod-1" in alert["output"]
        else "%s %s" % (alert, sensor.messages())))
    results.append(("heartbeats have the same identity", None if start and all(
        start["output_fields"].get("tiercel." + k) == v for k, v in want.items()) else str(start)))
    sensor = Sensor(work, "run", "-r", os.path.join(bundle, "site"), "-o",
                    "identity.metadata_server=http://127.0.0.1:9", "-o", "static_fields.cluster=other",
                    "-o", "state_directory=", name="unknown")
    ready = sensor.wait_ready()
    sensor.stop()
    results.append(("a metadata server that is not there is a warning", None if ready and
                    "warning: metadata server http://127.0.0.1:9" in sensor.messages() else sensor.messages()))


def test_metrics(work, rules, results):
    path = os.path.join(work, "samples.jsonl")
    sensor = Sensor(work, "run", "-r", rules, "-o", "metrics.enabled=true", "-o", "metrics.interval=300ms",
                    "-o", "metrics.output_file=" + path, name="metrics")
    try:
        ready = sensor.wait_ready()
        mark(work, "metrics")
        got = ready and sensor.wait_alert(
            lambda a: a["rule"] == "Falco internal: metrics snapshot" and
            a["output_fields"].get("falco.rules.mark") == 1)
        lines = wait(lambda: [json.loads(line) for line in text(path).splitlines()])
    finally:
        sensor.stop()
    wanted = ["evt.time", "falco.version", "falco.num_evts", "scap.n_evts", "falco.n_threads",
              "falco.rules.matches_total", "falco.memory_rss_mb", "falco.cpu_usage_perc"]
    results.append(("metrics snapshots have Falco's names", None if got and
                    all(k in got["output_fields"] for k in wanted) else str(got) + sensor.messages()))
    with open(rules, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    key = "falco.sha256_rules_file." + os.path.basename(rules).rsplit(".", 1)[0]
    results.append(("they have the digest of each file of rules",
                    None if got and got["output_fields"].get(key) == digest else str(got)))
    results.append(("metrics snapshots are lines of a file",
                    None if lines and lines[0]["sample"] == 1 and lines[0]["output_fields"]["falco.version"]
                    else str(lines)))


def test_stderr(work, rules, results):
    """Nobody reads the messages: the sensor goes on, and ends."""
    reader, writer = os.pipe()
    out = open(os.path.join(work, "stderr.jsonl"), "w+")
    process = subprocess.Popen([os.path.join(BUILD, "tiercel"), "run", "-r", rules, "--heartbeat"],
                               stdout=out, stderr=writer, preexec_fn=enter_root_cgroup)
    try:
        if not wait(lambda: "internal: start" in text(out.name), 60):
            results.append(("stderr: the sensor starts", "no start record"))
            return
        os.set_blocking(writer, False)
        try:
            while os.write(writer, b"x" * 4096):
                pass
        except BlockingIOError:
            pass
        os.set_blocking(writer, True)
        with open(rules, "a") as f:
            f.write("- rule: [")
        for _ in range(5):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        mark(work, "unread")
        got = wait(lambda: "m-unread" in text(out.name))
        results.append(("a full stderr does not stop the sensor", None if got else text(out.name)[-300:]))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            status = None
        os.close(writer)
        os.close(reader)
    results.append(("and it ends", None if status == 0 else str(status)))


def main():
    require(community=False, cgroup=False)
    results = []
    with Box() as work:
        rules = os.path.join(work, "rules.yaml")
        with open(rules, "w") as f:
            f.write(RULE % work)
        test_falco_config(work, rules, results)
        test_blocked(work, rules, results)
        test_closed(work, rules, results)
        test_heartbeat(work, rules, results)
        test_identity(work, results)
        test_metrics(work, rules, results)
        test_stderr(work, rules, results)
    report(results)


main()
