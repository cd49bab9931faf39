#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A million points from a step's process through the journal into the store, beside the floors: make bench-metrics.

Wall and CPU seconds of a whole `sluice run`, less those of the same run with one point; how much of the CPU was the
step's, the runner's and the engine's; bytes a point in the journal and in the store. The floors write the same points
in the plainest ways there are; the one beside each run reads its journal and writes as many bytes as the store got.
The row "metrics" of bench.py is made of the same.
"""
import ctypes
import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

POINTS = 1_000_000
TIMES = 3
PIPELINE = "name: bench\nsteps:\n  log:\n    uses: points\n    with: {{points: {points}, keys: {keys}, late: {late}}}\n"
PR_SET_CHILD_SUBREAPER = 36
SHAPES = {"20 keys": {"keys": 20, "late": 0}, "1 key": {"keys": 1, "late": 0}, "1,000 keys": {"keys": 1000, "late": 0}}
LATE = {"20 keys, 5 % late": {"keys": 20, "late": 5}}


class adopted_runners:
    """While it lasts, the runners that outlive their sluice are children of this process."""

    def __enter__(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def __exit__(self, *_):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def cpu_of(usage):
    return usage.ru_utime + usage.ru_stime


def timed(command, **options):
    """Wall and CPU seconds of a command and of what it waited for."""
    os.sync()
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - began, cpu_of(usage)


def end_runners():
    """The runners are ours by now: this process is a subreaper. Their own CPU seconds."""
    cpu = 0.0
    children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for pid in map(int, children):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    return cpu


def run(build, folder, shape):
    """One run in a new home: seconds by part, and bytes of the journal and the store."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "sluice.yaml").write_text(PIPELINE.format(**shape))
    env = {**os.environ, "SLUICE_PLUGINS": str(build / "bench"), "SLUICE_HOME": str(folder / "home")}
    wall, engine = timed([build / "sluice", "run", "-q"], cwd=folder, env=env, stderr=subprocess.DEVNULL)
    runner = end_runners()
    with sqlite3.connect(folder / "home/sluice.db") as store:
        (text,), = store.execute("SELECT exit FROM attempts").fetchall()
        (stored,), = store.execute("SELECT sum(count) FROM metric_series").fetchall()
        (pages,), = store.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchall()
        (free,), = store.execute("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")
    if stored != shape["points"]:
        sys.exit(f"{stored} points are in the store, expected {shape['points']}")
    usage = json.loads(text)
    step = (usage["user_ms"] + usage["system_ms"]) / 1000
    journal, = (folder / "home/runs").glob("*/journal")
    return {"wall": wall, "step": step, "runner": runner, "engine": engine, "journal": journal.stat().st_size,
            "store": pages - free}


def middle(runs):
    """Of some runs, that of the median wall time."""
    return sorted(runs, key=lambda figures: figures["wall"])[len(runs) // 2]


def through_bytes(build, folder, stored):
    """Seconds to read the journal of the run that was made last, and to write and sync `stored` bytes."""
    journal, = (folder / "home/runs").glob("*/journal")
    return min(timed([build / "bench/metrics_floor", "bytes", journal, folder / "bytes", stored])[0]
               for _ in range(TIMES))


def measure(build, folder, shape, points=POINTS):
    """The middle one of some runs, less what a run of one point takes; all wall times; the floor of the last."""
    nothing = middle([run(build, folder, {**shape, "points": 1}) for _ in range(TIMES)])
    runs = [run(build, folder, {**shape, "points": points}) for _ in range(TIMES)]
    took = {name: value - nothing[name] for name, value in middle(runs).items()}
    took["walls"] = [one["wall"] - nothing["wall"] for one in runs]
    took["floor"] = through_bytes(build, folder, int(took["store"]))
    return took


def floor(build, folder, kind):
    walls = []
    for _ in range(TIMES):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        walls.append(timed([build / "bench/metrics_floor", kind, folder / "points", POINTS]))
    return min(walls)


def few(build, folder, runs, keys, points):
    """(bytes a point, CPU seconds) of series of a few points."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [build / "bench/metrics_single", folder / "store.db", runs, keys, points]
    words = subprocess.run(map(str, command), capture_output=True, text=True, check=True).stdout.split()
    return float(words[0]), float(words[1])


def print_few(build, folder):
    print(f"\n{'series of a few points':44}{'bytes a point':>14}{'CPU, s':>9}")
    for runs, keys, points in ((100_000, 20, 1), (10_000, 20, 10), (1_000, 20, 100), (100, 20, 1000)):
        size, cpu = few(build, folder, runs, keys, points)
        print(f"{f'{runs:,} runs, {keys} keys, {points} points each':44}{size:14.2f}{cpu:9.2f}", flush=True)


def main(build):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with adopted_runners(), tempfile.TemporaryDirectory(dir=build / "bench") as temporary:
        folder = pathlib.Path(temporary) / "one"
        file, sqlite = floor(build, folder, "file"), floor(build, folder, "sqlite")
        print(f"{'floors, 1,000,000 points':44}{'wall, s':>9}{'CPU, s':>9}")
        print(f"{'24 bytes each into a file, one sync':44}{file[0]:9.2f}{file[1]:9.2f}")
        print(f"{'a row each into SQLite, one transaction':44}{sqlite[0]:9.2f}{sqlite[1]:9.2f}")
        print(f"\n{'1,000,000 points of a step':28}{'wall, s':>9}{'/ rows':>8}{'bytes':>8}{'CPU, s':>9}{'step':>7}"
              f"{'runner':>8}{'engine':>8}{'journal':>9}{'store':>7}")
        for name, shape in {**SHAPES, **LATE}.items():
            took = measure(build, folder, shape)
            cpu = took["step"] + took["runner"] + took["engine"]
            print(f"{name:28}{took['wall']:9.2f}{took['wall'] / sqlite[0]:8.2f}{took['floor']:8.2f}{cpu:9.2f}"
                  f"{took['step']:7.2f}{took['runner']:8.2f}{took['engine']:8.2f}{took['journal'] / POINTS:9.1f}"
                  f"{took['store'] / POINTS:7.1f}", flush=True)
        print_few(build, folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
