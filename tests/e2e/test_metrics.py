# SPDX-License-Identifier: Apache-2.0
"""/metrics of `sluice serve`: the format, the numbers, restarts, who may read it."""
import math
import pathlib
import re
import sqlite3

from accounts import add_user, basic
from hooks import Receiver
from programs import wait_until
from serving import Server

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$')
TYPES = {"counter", "gauge", "histogram"}
OPERATIONS = pathlib.Path(__file__).parents[2] / "docs/operations.md"


def parse(text):
    """{family: (type, {(sample name, labels): value})}, checked as a scraper would."""
    assert text.endswith("\n")
    families, name = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in families and len(line.split(" ")) > 4, line
            families[name] = ("", {})
        elif line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family == name and kind in TYPES, line
            families[name] = (kind, {})
        else:
            found = SAMPLE.match(line)
            assert found, line
            sample, labels, value = found.groups()
            kind, samples = families[name]
            assert sample == name or (kind == "histogram" and sample[len(name):] in ("_bucket", "_sum", "_count")), line
            key = sample, tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))
            assert key not in samples, line
            samples[key] = float(value.replace("+Inf", "inf"))
    for family, (kind, samples) in families.items():
        assert (kind == "counter") == family.endswith("_total"), family
        if kind == "histogram":
            check_histogram(family, samples)
    return families


def check_histogram(family, samples):
    series = {}
    for (name, labels), value in samples.items():
        if name == family + "_bucket":
            le = float(dict(labels)["le"].replace("+Inf", "inf"))
            series.setdefault(tuple(pair for pair in labels if pair[0] != "le"), []).append((le, value))
    for labels, buckets in series.items():
        counts = [value for _, value in sorted(buckets)]
        assert counts == sorted(counts) and max(le for le, _ in buckets) == math.inf, (family, labels)
        assert counts[-1] == samples[(family + "_count", labels)] and samples[(family + "_sum", labels)] >= 0


def scrape(server, **headers):
    status, head, body = server.ask("GET", "/metrics", headers=headers)
    assert status == 200 and head["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(body.decode())


def value(families, name, /, sample=None, **labels):
    return families[name][1].get((sample or name, tuple(sorted(labels.items()))))


def test_the_page_says_what_happened(sluice):
    sluice.pipeline("""
        name: p
        params: {fail: {type: boolean, default: false}}
        steps: {a: {run: 'test "${{ params.fail }}" = false'}}
    """)
    sluice.write("ask.yaml", "name: ask\nsteps: {a: {uses: approve}}\n")
    server = Server(sluice)
    before = scrape(server)
    assert value(before, "sluice_attempts_total", status="succeeded") == 0
    sluice("run", "-q", expect=0)
    sluice("run", "-q", expect=0)
    sluice("run", "-q", "-p", "fail=true", expect=1)
    sluice("run", "-q", "ask.yaml", expect=5)
    store = sluice.home / "sluice.db"
    size = store.stat().st_size
    now = scrape(server)
    assert size <= value(now, "sluice_store_bytes") <= store.stat().st_size
    assert value(now, "sluice_runs_total", pipeline="p", status="succeeded", trigger="cli") == 2
    assert value(now, "sluice_runs_total", pipeline="p", status="failed", trigger="cli") == 1
    assert value(now, "sluice_run_duration_seconds", sample="sluice_run_duration_seconds_count", pipeline="p") == 3
    assert value(now, "sluice_runs_open", state="waiting") == 1
    assert value(now, "sluice_waits_open", kind="approval") == 1
    assert value(now, "sluice_attempts_waiting") == 1 and value(now, "sluice_attempts_running") == 0
    assert value(now, "sluice_attempts_total", status="succeeded") == 2
    assert value(now, "sluice_attempts_total", status="failed") == 1
    assert value(now, "sluice_activity_total", action="run.started") == 4
    assert value(now, "sluice_slots", resource="slot") >= 1 and value(now, "sluice_slots_in_use", resource="slot") == 0
    assert value(now, "sluice_http_requests_total", method="GET", code="200") == 1  # the first scrape
    assert value(now, "sluice_runners") == 1
    turns = value(now, "sluice_turn_seconds", sample="sluice_turn_seconds_count")
    assert turns > value(before, "sluice_turn_seconds", sample="sluice_turn_seconds_count")
    assert 0 < value(now, "sluice_commit_seconds", sample="sluice_commit_seconds_count")
    head = sluice("activity", "verify", "--json", expect=0).json["head"]
    sequence, _, chain = head.partition(":")
    assert value(now, "sluice_activity_sequence") == int(sequence)
    assert value(now, "sluice_activity_head") == int(chain[:12], 16)
    last = value(now, "sluice_last_success_timestamp_seconds", pipeline="p")
    assert abs(last - value(now, "process_start_time_seconds")) < 600
    server.stop()


def test_triggers_are_counted_by_what_became_of_them_also_over_a_restart(sluice):
    receiver = Receiver(sluice)
    assert receiver.send(delivery="d1")[0] == 202
    assert receiver.send(delivery="d1")[0] == 200  # a duplicate
    assert receiver.send({"ref": "refs/heads/other"}, delivery="d2")[0] == 200  # ignored
    for _ in range(30):
        assert receiver.send(headers={"X-GitHub-Delivery": "d3", "X-Hub-Signature-256": "sha256=00"})[0] in (401, 429)
    assert receiver.send(name="nobody", delivery="d4")[0] in (401, 429)
    receiver.server.stop()
    receiver.serve()
    assert receiver.send(delivery="d5")[0] == 202
    page = scrape(receiver.server)

    def requests(result, provider="github"):
        return value(page, "sluice_webhook_requests_total", provider=provider, result=result)

    assert (requests("accepted"), requests("duplicate"), requests("ignored")) == (2, 1, 1)
    assert requests("refused") == 30 and requests("refused", "unknown") == 1
    assert receiver.rows("SELECT count(*) FROM hook_deliveries WHERE outcome = 'refused'") == [(31,)]
    receiver.server.stop()


def test_times_that_were_missed_are_counted(sluice):
    sluice.write("pipelines/p.yaml", "name: p\n\"on\": {schedule: {id: minutely, cron: '* * * * *'}}\n"
                                     "steps: {a: {run: 'true'}}\n")
    sluice("init", "-q", expect=0)
    server = Server(sluice, "--pipelines", "pipelines")
    assert server.is_alive()
    server.stop()
    with sqlite3.connect(sluice.home / "sluice.db") as store:  # as if nobody had served it for ten minutes
        store.execute("UPDATE settled_schedules SET decided_ms = decided_ms - 600000, next_ms = next_ms - 600000")
    server = Server(sluice, "--pipelines", "pipelines")
    assert wait_until(lambda: sluice("triggers", "--json", expect=0).json)
    page = scrape(server)
    assert 9 <= value(page, "sluice_missed_schedules_total", reason="late") <= 10
    delays = value(page, "sluice_schedule_delay_seconds", sample="sluice_schedule_delay_seconds_count")
    assert delays <= len([row for row in sluice("triggers", "--json").json if row["outcome"] == "started"])
    server.stop()


def test_counters_go_on_over_restarts_and_gc(sluice):
    sluice.pipeline("name: p\nsteps: {a: {run: 'true'}}\n")
    for _ in range(3):
        sluice("run", "-q", expect=0)
    server = Server(sluice)
    first = scrape(server)
    server.stop()
    sluice("gc", "-q", "--runs", "keep_last=1", expect=0)
    assert len(sluice("runs", "--json", expect=0).json) == 1
    server = Server(sluice)
    second = scrape(server)
    for family in ("sluice_runs_total", "sluice_activity_total", "sluice_run_duration_seconds"):
        for key, number in first[family][1].items():
            assert second[family][1][key] >= number, key
    assert value(second, "sluice_runs_total", pipeline="p", status="succeeded", trigger="cli") == 3
    server.stop()


def test_who_may_read_it(sluice):
    sluice("init", expect=0)
    (sluice.home / "config.yaml").write_text("metrics: {readers: [prometheus]}\n")
    for name, options in (("root-ada", ["--admin"]), ("prometheus", []), ("bob", [])):
        add_user(sluice, name, "a long password", *options)
    server = Server(sluice)

    def as_user(name):
        return server.ask("GET", "/metrics", headers=basic(name, "a long password"))
    assert server.ask("GET", "/metrics")[0] == 401
    assert as_user("root-ada")[0] == 200 and as_user("prometheus")[0] == 200
    status, _, body = as_user("bob")
    assert status == 403 and b"not among metrics.readers" in body
    assert server.ask("POST", "/metrics", b"", headers={"Content-Type": "application/json"})[0] in (401, 405)
    server.stop()


def test_a_step_may_not(sluice):
    sluice.pipeline("""
        name: p
        steps:
          a:
            run: |
              code=$(python3 - <<'END'
              import os, urllib.error, urllib.request
              ask = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + "/metrics")
              ask.add_header("Authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
              try:
                  print(urllib.request.urlopen(ask).status)
              except urllib.error.HTTPError as wrong:
                  print(wrong.code)
              END
              )
              echo "code $code"; test "$code" = 403
    """)
    server = Server(sluice)
    sluice("run", "-q", expect=0)
    server.stop()


def test_every_family_is_documented(sluice):
    server = Server(sluice)
    families = scrape(server)
    documented = set(re.findall(r"`((?:sluice|process)_\w+)`", OPERATIONS.read_text(encoding="utf-8")))
    assert set(families) == {name for name in documented if name in families or not name.startswith("process_")}
    server.stop()
