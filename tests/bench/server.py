#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sluice serve` beside `mlflow server` and FastTrackML, on one machine in one run: make bench-server.

First over an empty store of each, what is logged; then over one store with years in it (server_data.py), which MLflow
has as its own and sluice by `sluice import`, what is read. Each has the durability of its defaults: sluice syncs each
turn, the others commit each request into SQLite. What they answer is compared before anything is timed. Figures are
medians of --rounds; beside them stand the floors of the machine.
"""
import argparse
import hashlib
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import machine
import report
import server_data
import server_loads as loads
from servers import start

SLUICE, MLFLOW, FASTTRACK = "sluice", "mlflow server", "FastTrackML"
# What a figure must at least, or in time and memory at most, be.
TARGETS = {
    "log-metric, 1 connection": 1800, "log-metric, 64 connections": 25000, "log-metric, 64 connections, p99": 5,
    "log-batch of 1,000 points, 1 writer": 600_000, "log-batch of 1,000 points, 8 writers": 1_000_000,
    "runs: page of 100 runs by start time": 5, "runs: metric and param, by metric: 50 %": 5,
    "runs: metric and param, by metric: 1 %": 5, "runs: metric and param, by metric: 0 %": 5, "runs: 100 pages deep": 5,
    "history of the long run, 25,000 points a page": 0.7, "a file of 1 GiB up": 200, "a file of 1 GiB down": 600,
    "memory more, while it came": 4, "memory more, while it went": 4, "start to the first right answer": 20,
    "start, with the filled store": 20, "memory, idle": 10, "memory, 256 connections, after all this": 40,
    "memory, 10,000 idle connections": 120, "a point on disk, in series": 12,
}


def say(words):
    print(words, file=sys.stderr, flush=True)


def what_all_answer(server):
    """Some requests and what a client reads of the answers."""
    run_id = server.new_run()
    for step in range(3):
        server.ask("POST", "/runs/log-metric", {"run_id": run_id, "key": "m", "value": (step + 1) / 3, "step": step + 1,
                                                "timestamp": step + 1})
    found = server.ask("POST", "/runs/search", {"experiment_ids": ["0"], "filter": "metrics.m > 0.5"})
    points = server.ask("GET", f"/metrics/get-history?run_id={run_id}&metric_key=m")["metrics"]
    keys = ("key", "value", "step", "timestamp")
    return ([[point[key] for key in keys] for point in points],
            [[metric[key] for key in keys] for run in found["runs"] for metric in run["data"]["metrics"]])


def started(load):
    yield "memory, idle", "MiB", load.server.memory_mib()


def loaded(load):
    load.many(256, [("GET", "/experiments/get?experiment_id=0", None)])
    yield "memory, 256 connections, after all this", "MiB", load.server.memory_mib()


def idle(load):
    yield "memory, 10,000 idle connections", "MiB", loads.idle_connections(load.server, 10_000)


def parts_of_logging(name, options):
    """Over an empty store. FastTrackML has no proxy for files."""
    yield from (started, loads.single_points, loads.batches, loads.script)
    if name != FASTTRACK:
        yield lambda load: loads.files(load, options.source)
    yield loaded
    if name == SLUICE:
        yield idle


# Over the filled store; what changes it comes last.
PARTS_OF_READING = (loads.searches, loads.history, loads.reads, loads.registry_writes)


def rows_of(server, parts, options, notes):
    """By what: unit and figure. A peer that answers with errors has no more rows of that part, and a note."""
    found = {}
    load = loads.Load(options.build, server, options.rounds, options.seconds)
    for part in parts:
        try:
            for what, unit, figure in part(load):
                say(f"{server.name}: {what}: {figure:,.2f} {unit}")
                found[what] = unit, figure
        except loads.Failed as failed:
            if server.name == SLUICE:
                raise
            notes.append(f"{server.name}: {failed}")
            say(notes[-1])
    return found


def start_often(name, options, folder_of):
    """The last of --rounds starts, and how long they took. What was written before is on the disk by then."""
    took = []
    for turn in range(options.rounds):
        if took:
            server.end()
        os.sync()
        server = start(name, options.build, folder_of(turn))
        took.append(server.start_ms)
    return server, statistics.median(took)


def measure_logging(options, folder, notes):
    tables, answers = {}, {}
    for name in options.peers:
        server, start_ms = start_often(name, options, lambda turn: folder / f"empty-{turn}" / name.partition(" ")[0])
        try:
            answers[name] = what_all_answer(server)
            assert answers[name] == answers[SLUICE], f"the answers differ:\n{answers[SLUICE]}\n{answers[name]}"
            rows = rows_of(server, parts_of_logging(name, options), options, notes)
            tables[name] = {"start to the first right answer": ("ms", start_ms)} | rows
        finally:
            server.end()
    return tables


def fill(options, folder):
    """The store with years in it, as both have it; MLflow's is made once, and kept in the build folder."""
    arguments = (options.runs, options.points, options.models, options.versions)
    made = options.build / "bench" / f"years-{'-'.join(map(str, arguments))}.db"
    if not made.exists():
        say(f"making {made}")
        made.with_suffix(".new").unlink(missing_ok=True)
        server_data.make(options.build / "mlflow3", made.with_suffix(".new"), *arguments)
        made.with_suffix(".new").rename(made)
    (folder / "mlflow").mkdir(parents=True)
    (folder / "files").mkdir()
    shutil.copy(made, folder / "mlflow/m.db")
    began = time.monotonic()
    subprocess.run([options.build / "sluice", "import", made, "--artifacts-root", folder / "files", "--quiet",
                    "--home", folder / "sluice/home"], check=True)
    say(f"imported in {time.monotonic() - began:.1f} s")


def first_difference(ours, theirs):
    for what, answer in ours.items():
        if answer != theirs[what]:
            return f"{what}:\n{str(answer)[:1500]}\n{str(theirs[what])[:1500]}"
    return None


def measure_reading(options, folder, notes):
    fill(options, folder)
    names = [name for name in options.peers if name != FASTTRACK]  # it cannot read that store
    servers, starts = [], {}
    try:
        for name in names:
            server, starts[name] = start_often(name, options, lambda _: folder / name.partition(" ")[0])
            servers.append(server)
        ours, *others = map(loads.answers, servers)
        for theirs in others:
            assert ours == theirs, f"the answers differ: {first_difference(ours, theirs)}"
        tables = {}
        for server in servers:
            start_row = {"start, with the filled store": ("ms", starts[server.name])}
            tables[server.name] = start_row | rows_of(server, PARTS_OF_READING, options, notes)
    finally:
        for server in servers:
            server.end()
    return tables


# ---- the floors of the machine -------------------------------------------------------------------------------------


def floor_of_disk(folder):
    """A GiB written in pieces and synced, in MB a second."""
    piece, began = os.urandom(1 << 20), time.monotonic()
    with open(folder / "floor.bin", "wb") as file:
        for _ in range(1024):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return loads.FILE_BYTES / 1e6 / (time.monotonic() - began)


def floor_of_digest(path):
    """The digest of the same file, which each upload is told with, in MB a second: by itself, of what is in memory."""
    with open(path, "rb") as file:
        piece = file.read(1 << 20)
    digest, began = hashlib.sha256(), time.monotonic()
    for _ in range(1024):
        digest.update(piece)
    return loads.FILE_BYTES / 1e6 / (time.monotonic() - began)


def floor_of_sendfile(path):
    """The same file through a loopback connection, in MB a second."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        line, _ = listener.accept()
        with line, open(path, "rb") as file:
            line.sendfile(file)

    thread = threading.Thread(target=serve)
    thread.start()
    began, room = time.monotonic(), bytearray(1 << 20)
    with socket.create_connection(listener.getsockname()) as line:
        while line.recv_into(room):
            pass
    thread.join()
    listener.close()
    return loads.FILE_BYTES / 1e6 / (time.monotonic() - began)


# ---- the table -----------------------------------------------------------------------------------------------------


def is_rate(unit):
    return unit.endswith("a second")


def cells(what, tables, peers):
    unit, ours = tables[SLUICE][what]
    target = TARGETS.get(what)
    met = target is None or (ours >= target if is_rate(unit) else ours <= target)
    yield what
    yield f"**{report.number(ours)}** {unit}"
    yield "" if target is None else f"{target:,} {'met' if met else '**missed**'}"
    for name in peers:
        if what not in tables.get(name, {}):
            yield "-"
            continue
        theirs = tables[name][what][1]
        better, worse = (ours, theirs) if is_rate(unit) else (theirs, ours)
        yield report.number(theirs) + (f" ({report.number(better / worse)} ×)" if worse > 0 else "")


def text_of(tables, peers, where, notes):
    rows = [list(cells(what, tables, peers)) for what in tables[SLUICE]]
    return "\n\n".join([where, report.table(("what", "sluice", "target", *peers), rows), *notes])


PARTS = {"logging": measure_logging, "reading": measure_reading}


def measured(name, measure, options, folder):
    """A part in words: the machine while it was measured, with its floors, and what was measured."""
    folder.mkdir()
    here = machine.words(machine.of(options.build))
    disk = [floor_of_disk(folder) for _ in range(options.rounds)]
    options.source = folder / "floor.bin"
    loopback = [floor_of_sendfile(options.source) for _ in range(options.rounds)]
    digest = [floor_of_digest(options.source) for _ in range(options.rounds)]
    notes = []
    tables = measure(options, folder, notes)
    where = (f"What concerns {name}. {here}. Floors: a GiB written and synced at "
             f"{statistics.median(disk):,.0f} MB a second, its SHA-256 made at {statistics.median(digest):,.0f}, and "
             f"sent from the page cache through a loopback connection at {statistics.median(loopback):,.0f}.")
    return text_of(tables, [peer for peer in options.peers[1:] if peer in tables], where, notes)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--peers", default=f"{MLFLOW},{FASTTRACK}")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--models", type=int, default=5000)
    parser.add_argument("--versions", type=int, default=5000)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    options.build = options.build.absolute()
    options.peers = [SLUICE, *filter(None, options.peers.split(","))]
    with tempfile.TemporaryDirectory(prefix="bench-server-", dir=options.build) as folder:
        for name, measure in PARTS.items():
            if options.only in (None, name):
                text = measured(name, measure, options, pathlib.Path(folder) / name)
                print(text)
                if options.write:
                    report.write(options.write, text, f"bench-server-{name}")


if __name__ == "__main__":
    main()
