# SPDX-License-Identifier: Apache-2.0
"""The workloads of `make bench-server`: each gives rows (what, unit, figure) of one server.

Small requests come from http_load.c, a program of one thread beside it; what is long or must be followed from here.
"""
import json
import os
import re
import socket
import statistics
import subprocess
import time

import server_data as data

POINTS = 1000
FILE_BYTES = 1 << 30
ENOUGH_S = 30


class Failed(Exception):
    """A server that answers with errors under a load."""


class Load:
    """http_load on one server; no request is sent twice, over all rounds."""

    def __init__(self, build, server, rounds, seconds):
        self.build, self.server, self.rounds, self.seconds = build, server, rounds, seconds
        self.next = 0

    def once(self, connections, seconds, calls):
        words = [self.build / "bench/http_load", self.server.port, connections, seconds, self.next]
        for method, path, body in calls:
            words += [method, path if path.startswith(("/api/", "/ajax-api/")) else "/api/2.0/mlflow" + path,
                      "" if body is None else json.dumps(body).replace('"%N"', "%N")]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (self.server.name, calls[0][1], done.stderr)
        figures = json.loads(done.stdout)
        if figures["failed"] > 0:
            raise Failed(f"{figures['failed']} of {figures['requests']} requests failed over {connections} "
                         f"connections, {calls[0][0]} {calls[0][1]}" + (" and what follows" if calls[1:] else ""))
        self.next = figures["next"]
        return figures

    def many(self, connections, calls):
        """The rounds; one is enough of what takes so long that a breath of the machine is nothing beside it."""
        runs, began = [], time.monotonic()
        while len(runs) < self.rounds and (not runs or time.monotonic() - began < ENOUGH_S):
            runs.append(self.once(connections, self.seconds, calls))
        return runs

    def p50(self, calls):
        """Of one connection, the median of the rounds."""
        return statistics.median(run["calls"][0]["p50_ms"] for run in self.many(1, calls))


def median_of(runs, figure):
    return statistics.median(figure(run) for run in runs)


# ---- what is logged: workloads 1 to 3 ------------------------------------------------------------------------------


def points(run_id, count=POINTS):
    """Ten keys, as many steps as it takes; each request's times are its own."""
    return {"run_id": run_id, "metrics": [{"key": f"k{i % 10}", "value": i / 7, "step": i // 10, "timestamp": "%N"}
                                          for i in range(count)]}


def params(run_id, count):
    return {"run_id": run_id, "params": [{"key": f"p{i}", "value": str(i)} for i in range(count)]}


def single_points(load):
    point = {"run_id": load.server.new_run(), "key": "m", "value": "%N", "step": "%N", "timestamp": "%N"}
    for connections in (1, 64):
        runs = load.many(connections, [("POST", "/runs/log-metric", point)])
        what = f"log-metric, {connections} connection{'s' if connections > 1 else ''}"
        yield what, "a second", median_of(runs, lambda run: run["requests"] / run["seconds"])
        yield what + ", p99", "ms", median_of(runs, lambda run: run["calls"][0]["p99_ms"])


def stored_bytes(server):
    """Of its database, with what is not yet in its place."""
    return sum(path.stat().st_size for path in server.folder.rglob("*.db*"))


def batches(load):
    before = stored_bytes(load.server)
    runs = load.many(1, [("POST", "/runs/log-batch", points(load.server.new_run()))])
    yield "a point on disk, in series", "bytes", (stored_bytes(load.server) - before) / sum(
        POINTS * run["requests"] for run in runs)
    for writers in (1, 8):
        runs = load.many(writers, [("POST", "/runs/log-batch", points(load.server.new_run()))])
        yield (f"log-batch of {POINTS:,} points, {writers} writer{'s' if writers > 1 else ''}", "points a second",
               median_of(runs, lambda run: POINTS * run["requests"] / run["seconds"]))
    again = points(load.server.new_run())
    again["metrics"] = [{**metric, "timestamp": 1} for metric in again["metrics"]]
    load.once(1, 0, [("POST", "/runs/log-batch", again)])
    yield "the same batch again and again", "ms p50", load.p50([("POST", "/runs/log-batch", again)])


def script(load):
    """What a training script calls, from 20 connections: the worst call's p99."""
    calls = [("POST", "/runs/create", {"experiment_id": "0", "start_time": 1}),
             ("POST", "/runs/log-metric", {"run_id": "%R", "key": "m", "value": 1, "step": 1, "timestamp": "%N"}),
             *(("POST", "/runs/log-batch", points("%R", count)) for count in (40, 400, 1000)),
             *(("POST", "/runs/log-batch", params("%R", count)) for count in (10, 100)),
             ("POST", "/runs/update", {"run_id": "%R", "status": "FINISHED", "end_time": 2})]
    runs = load.many(20, calls)
    yield "a script's 8 calls, 20 connections", "scripts a second", median_of(
        runs, lambda run: run["requests"] / len(calls) / run["seconds"])
    yield "the slowest of its calls, p99", "ms", median_of(
        runs, lambda run: max(call["p99_ms"] for call in run["calls"]))


# ---- what is read: workloads 4 to 6, 10 ----------------------------------------------------------------------------


def experiments():
    return [str(number) for number in range(1, data.EXPERIMENTS + 1)]


def chosen(optimizer, loss):
    return {"experiment_ids": experiments(), "max_results": 100, "order_by": ["metrics.loss ASC"],
            "filter": f"metrics.loss < {loss} and params.opt = '{optimizer}'"}


SEARCHES = {
    "page of 100 runs by start time": {"experiment_ids": experiments(), "max_results": 100,
                                       "order_by": ["attributes.start_time DESC"]},
    "metric and param, by metric: 50 %": chosen("adam", 2),
    "metric and param, by metric: 1 %": chosen("lbfgs", 2),
    "metric and param, by metric: 0 %": chosen("none", 2),
    "metric 1 % and param 50 %, by metric": chosen("adam", 0.01),
    "tag over all experiments": {"experiment_ids": experiments(), "max_results": 100,
                                 "filter": "tags.team = 'team-7'"},
}
CURVES = "/api/2.0/mlflow/metrics/get-history-bulk-interval?metric_key=loss&max_results=320&" + "&".join(
    f"run_ids={name}" for name in data.CURVES)
READS = {
    "history of 100 runs, 320 points of 10,000": ("GET", CURVES.replace("/api/", "/ajax-api/"), None),
    "a run of 12,000 metrics": ("GET", f"/api/2.0/mlflow/runs/get?run_id={data.WIDE}", None),
    "registry: search without prompts": (
        "GET", "/api/2.0/mlflow/registered-models/search?max_results=100", None),
    "registry: by alias": (
        "GET", "/api/2.0/mlflow/registered-models/alias?name=many&alias=champion", None),
    "registry: latest versions": (
        "POST", "/api/2.0/mlflow/registered-models/get-latest-versions", {"name": "many"}),
}


def is_set(parts):
    """Params, tags and the last points of metrics, which have no order."""
    return all(isinstance(part, dict) and "key" in part and "run_id" not in part for part in parts)


def comparable(value):
    """Without what is each server's own: tokens of pages, aliases of latest versions (MLflow leaves them out)."""
    if isinstance(value, dict):
        return {key: comparable(part) for key, part in value.items()
                if key != "next_page_token" and not (key == "aliases" and "current_stage" in value)}
    if isinstance(value, list):
        parts = [comparable(part) for part in value]
        return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True)) if is_set(parts) else parts
    return value


def answers(server):
    """What a client reads of each answer, to be the same on all: runs in order with their values, and so on."""
    found = {what: server.ask("POST", "/runs/search", body) for what, body in SEARCHES.items()}
    for what, (method, path, body) in READS.items():
        found[what] = json.loads(server.raw(method, path, body))
    found["history"] = server.ask("GET", f"/metrics/get-history?run_id={data.LONG}&metric_key=loss&max_results=1000")
    empty = [what for what, answer in found.items() if not answer]
    assert empty == ["metric and param, by metric: 0 %"], empty
    return comparable(found)


def deep_page(server, body, most=100):
    """How many pages lie before it, and its token; of a small store, the last page."""
    depth, token = 0, ""
    while depth < most:
        following = server.ask("POST", "/runs/search", {**body, "page_token": token}).get("next_page_token")
        if not following:
            break
        depth, token = depth + 1, following
    return depth, token


def searches(load):
    for what, body in SEARCHES.items():
        yield "runs: " + what, "ms p50", load.p50([("POST", "/runs/search", body)])
    body = dict(SEARCHES["page of 100 runs by start time"])
    depth, token = deep_page(load.server, body)
    yield f"runs: {depth} pages deep", "ms p50", load.p50([("POST", "/runs/search", {**body, "page_token": token})])
    body["max_results"] = 50_000
    began = time.monotonic()
    load.server.raw("POST", "/api/2.0/mlflow/runs/search", body)
    yield "runs: 50,000 in one answer", "ms", (time.monotonic() - began) * 1e3


def history(load):
    began, token, path = time.monotonic(), "", f"/metrics/get-history?run_id={data.LONG}&metric_key=loss"
    while token is not None:
        text = load.server.raw("GET", f"/api/2.0/mlflow{path}&max_results=25000" +
                               (f"&page_token={token}" if token else ""))
        found = re.search(rb'"next_page_token":\s*"([^"]+)"', text[-4096:] + text[:200])
        token = found[1].decode() if found else None
    yield "history of the long run, 25,000 points a page", "s", time.monotonic() - began


def reads(load):
    for what, call in READS.items():
        yield what, "ms p50", load.p50([call])


def registry_writes(load):
    """What changes is put last, so that both read the same before."""
    load.server.ask("POST", "/registered-models/create", {"name": "bench"})
    load.server.ask("POST", "/model-versions/create", {"name": "bench", "source": "s3://bench/model"})
    for what, call in {
            "registry: create a version": ("POST", "/model-versions/create",
                                           {"name": "bench", "source": "s3://bench/model"}),
            "registry: set an alias": ("POST", "/registered-models/alias",
                                       {"name": "many", "alias": "a%N", "version": "1"}),
            "registry: to Production, archiving": ("POST", "/model-versions/transition-stage",
                                                   {"name": "bench", "version": "1", "stage": "Production",
                                                    "archive_existing_versions": True})}.items():
        yield what, "ms p50", load.p50([call])


# ---- files: workload 9 ---------------------------------------------------------------------------------------------


def transfer(server, head, body_path=None):
    """One request on a new connection: its body from a file, its answer to nowhere. Seconds and bytes of the answer."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=600) as line:
        line.sendall(head.encode())
        if body_path is not None:
            with open(body_path, "rb") as body:
                line.sendfile(body)
        room, size, first = bytearray(1 << 20), 0, b""
        while n := line.recv_into(room):
            first = first or bytes(room[:n])
            size += n
    assert b" 200 " in first[:16] or b" 204 " in first[:16], first[:200]
    return time.monotonic() - began, size - first.index(b"\r\n\r\n") - 4


def files(load, source):
    """One gibibyte up and down, beside what the server's memory grew by."""
    server = load.server
    path = "/api/2.0/mlflow-artifacts/artifacts/0/bench/big.bin"
    rest = "Host: 127.0.0.1\r\nConnection: close\r\n"
    before = server.memory_mib()
    server.forget_peak()
    up, _ = transfer(server, f"PUT {path} HTTP/1.1\r\n{rest}Content-Length: {os.path.getsize(source)}\r\n\r\n", source)
    yield "a file of 1 GiB up", "MB a second", FILE_BYTES / 1e6 / up
    yield "memory more, while it came", "MiB", server.memory_mib("VmHWM") - before
    server.forget_peak()
    before = server.memory_mib()
    down, size = transfer(server, f"GET {path} HTTP/1.1\r\n{rest}\r\n")
    assert size == FILE_BYTES, size
    yield "a file of 1 GiB down", "MB a second", FILE_BYTES / 1e6 / down
    yield "memory more, while it went", "MiB", server.memory_mib("VmHWM") - before


# ---- memory: workload 11 -------------------------------------------------------------------------------------------


def idle_connections(server, count):
    """Memory with so many connections that say nothing."""
    lines = []
    for _ in range(count):
        lines.append(socket.create_connection(("127.0.0.1", server.port), timeout=60))
    server.ask("POST", "/experiments/search", {"max_results": 1})
    found = server.memory_mib()
    for line in lines:
        line.close()
    return found
