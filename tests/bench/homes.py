# SPDX-License-Identifier: Apache-2.0
"""What sluice does in homes of its own: whole runs, the memory of a run that waits, and the recovery after a crash."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import shapes
from timing import NotMeasured, median

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
from runners import kill_runners, runners_of  # noqa: E402


def wait_until(condition, what, patience_s=120, pause_s=0.05):
    until = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > until:
            raise NotMeasured(f"{what}: not within {patience_s} seconds")
        time.sleep(pause_s)


def memory_kib(pid, field):
    """A field of the kernel's word on a process, or 0 when it has gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field + ":")), 0)


def on_processor_ms(pid):
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e6


class Homes:
    def __init__(self, timer):
        self.timer, self.sluice = timer, timer.build / "sluice"
        self.folder = timer.work / "sluice"
        self.home = self.folder / ".sluice"
        self.mark = self.folder / "started"  # where steps say that they run

    def fresh(self, text, keep_home=False):
        """A folder with nothing but the pipeline; with `keep_home`, the home that is there stays."""
        if not keep_home:
            self.clean()
        self.folder.mkdir(exist_ok=True)
        (self.folder / "sluice.yaml").write_text(text, encoding="utf-8")

    def clean(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, text, slots=2, keep_home=False):
        self.fresh(text, keep_home)
        return self.timer(self.sluice, "run", "-q", "--new", "--jobs", slots, cwd=self.folder)

    def start(self, *arguments, **options):
        return subprocess.Popen([self.sluice, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, env={**self.timer.env, **options.pop("env", {})}, **options)

    def started(self):
        """The processes of the steps that said so."""
        return [int(word) for word in self.mark.read_text(encoding="ascii").split()] if self.mark.exists() else []

    def kill(self, process):
        """Everything: sluice, its runners, and what they leave of the steps."""
        process.kill()
        process.wait()
        kill_runners(self.home)
        wait_until(lambda: not runners_of(self.home), "the end of the runner")
        for pid in self.started():
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() == "sleep":
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # gone with its runner
        self.mark.unlink(missing_ok=True)

    # ---- memory ----

    def pending(self, count):
        """Bytes of the engine's memory while `count` steps wait for a first one: all, and what is not of files."""
        self.fresh(shapes.waiting(count, self.mark))
        process = self.start("run", "-q")
        try:
            wait_until(lambda: self.started() or process.poll() is not None, f"the first of {count} steps")
            time.sleep(0.3)
            total, own = (memory_kib(process.pid, field) * 1024 for field in ("VmRSS", "RssAnon"))
        finally:
            self.kill(process)
        if total == 0:
            raise NotMeasured(f"a run with {count} steps that wait has ended")
        return total, own

    def whole_run(self, text):
        """(seconds, KiB at most of sluice, of its runner) of a run to its end. The runner outlives sluice by a moment:
        its figure is what it was at most when last seen."""
        self.fresh(text)
        took, runners, runner_kib = self.folder / "took", [], 0
        process = subprocess.Popen([self.timer.build / "bench/timed", took, self.sluice, "run", "-q"], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self.timer.env)
        while process.poll() is None:
            runners = runners or runners_of(self.home)
            runner_kib = max([runner_kib, *(memory_kib(pid, "VmHWM") for pid in runners)])
            time.sleep(0.2)
        if process.returncode != 0:
            raise NotMeasured(f"the run ended with {process.returncode}")
        micros, peak_kib, _ = took.read_text(encoding="ascii").split()
        return int(micros) / 1e6, int(peak_kib), runner_kib

    # ---- recovery ----

    def crashed(self, text, slots, is_full):
        """A home in which everything was killed at the moment that `is_full(home)` names; put aside for copies."""
        self.fresh(text)
        process = self.start("run", "-q", "--wait", "--jobs", slots)
        try:
            wait_until(lambda: is_full() or process.poll() is not None, "a home with many open steps", 600, 0.5)
        finally:
            self.kill(process)
        self.home.rename(self.folder / "crashed")

    def recover(self):
        """Milliseconds from the start of `sluice resume` to its word that it has taken up what was open; and how many
        of them it was on a processor."""
        # Not by shutil, which takes long over the folders of 10,000 steps.
        subprocess.run(["rm", "-rf", self.home], check=True)
        subprocess.run(["cp", "-a", self.folder / "crashed", self.home], check=True)
        self.timer.settle()
        began = time.perf_counter()
        process = self.start("resume", "-q", "--wait", env={"SLUICE_LOG": "info"}, stderr=subprocess.PIPE, text=True)
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if "has taken up the open runs of the home: 1" in line:
                    took = (time.perf_counter() - began) * 1000
                    return took, on_processor_ms(process.pid)
            raise NotMeasured(f"sluice resume took up nothing: {''.join(lines[-2:]).strip()}")
        finally:
            self.kill(process)
            process.stderr.close()

    def waits(self):
        """How many waits are open, by the store."""
        try:
            with sqlite3.connect(f"file:{self.home}/sluice.db?mode=ro", uri=True) as store:
                return store.execute("SELECT count(*) FROM waits WHERE status = 'open'").fetchone()[0]
        except sqlite3.OperationalError:
            return 0  # not made yet

    def recoveries(self, text, slots, is_full, times):
        self.crashed(text, slots, is_full)
        return [self.recover() for _ in range(times)]


def slope(points):
    """Of the straight line that comes nearest to the points, by least squares."""
    x, y = (sum(values) / len(points) for values in zip(*points))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def one_step(homes, times):
    """(milliseconds of each, median KiB) of `sluice run` with one step, in a home that is there and in new ones."""
    text = shapes.pipeline(1, True)
    homes.run(text)
    there = [homes.run(text, keep_home=True) for _ in range(times)]
    new = [homes.run(text) for _ in range(times)]
    return [took.ms for took in there], [took.ms for took in new], median([took.peak_kib for took in there])
