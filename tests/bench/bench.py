#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast sluice is, beside the floor of the machine and its peers, in one run: make bench.

    bench.py BUILD [--rounds N] [--rows NAME...] [--peers NAME...] [--write PAGE] [--from RESULTS]

Everybody has a turn in each round, in another order each time, so that what slows the machine for a while slows all of
them; figures are medians, ratios medians of the ratios of each round. What cannot be measured is said, and the rest
goes on.
Nothing here passes or fails by the clock. All figures stay in BUILD/bench/results.json; --from reads such a file again.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import durable_order
import loading
import machine
import metrics
import peers
import report
import shapes
from homes import Homes, one_step, slope
from timing import ENV, NotMeasured, Timer, median

STEPS, ONE_STEP_TIMES, VALIDATE_TIMES, RECOVERIES, PEER_TIMES, OPEN_STEPS, ORDER_STEPS = 1000, 30, 9, 5, 3, 10000, 100
PENDING = (1000, 10000, 50000)


def tell(text):
    print(f"bench: {text}", flush=True)


class Bench:
    def __init__(self, build, rounds):
        self.build, self.rounds = pathlib.Path(build).resolve(), rounds
        self.work = self.build / "bench/work"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.timer = Timer(self.build, self.work)
        self.homes = Homes(self.timer)
        self.results = {"steps": STEPS, "rounds": rounds, "floors": [], "shapes": {}, "peers": {}, "missing": {}}

    # ---- chains, and wide ----

    def beside(self, name, file, text, *command):
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / file).write_text(text, encoding="utf-8")
        return self.timer(*command, cwd=folder).ms

    def ours(self, chained, what):
        return self.homes.run(shapes.pipeline(STEPS, chained, what)).ms

    def turns(self):
        """(shape, program, what to do), each of which returns milliseconds."""
        for shape, chained, jobs in (("chain", True, "-j1"), ("wide", False, "-j2")):
            yield shape, "ninja", lambda c=chained, j=jobs: self.beside("ninja", "build.ninja", shapes.ninja(STEPS, c),
                                                                        "ninja", j)
            yield shape, "make", lambda c=chained, j=jobs: self.beside("make", "Makefile", shapes.makefile(STEPS, c),
                                                                       "make", j)
            yield shape, "sluice", lambda c=chained: self.ours(c, shapes.COMMAND)
        yield "chain", "lua", lambda: self.ours(True, shapes.LUA)
        yield "chain", "plugin", lambda: self.ours(True, shapes.plugin(self.build / "bench/noop.so"))

    def chains(self):
        turns = list(self.turns())
        for shape, name, _ in turns:
            self.results["shapes"].setdefault(shape, {})[name] = []
        for n in range(self.rounds):
            self.results["floors"].append(self.timer.floors())
            for shape, name, act in turns[n % len(turns):] + turns[:n % len(turns)]:
                self.results["shapes"][shape][name].append(act())
            chain = self.results["shapes"]["chain"]
            tell(f"round {n + 1} of {self.rounds}: a step took ninja {chain['ninja'][-1] / STEPS:.2f} ms, sluice "
                 f"{chain['sluice'][-1] / STEPS:.2f} ms, the floor {self.results['floors'][-1][2]:.2f} ms")

    def order(self):
        folder = self.work / "order"
        folder.mkdir()
        lines = durable_order.record(self.build / "sluice", ORDER_STEPS, folder, self.timer.env)
        failures = durable_order.failures(lines, ORDER_STEPS)
        for failure in failures:
            tell(failure)
        self.results["order"] = {"steps": ORDER_STEPS, "failures": failures}

    # ---- one command, files, memory ----

    def one(self):
        there, new, peak_kib = one_step(self.homes, ONE_STEP_TIMES)
        self.results["one"] = {"there": there, "new": new, "peak_kib": peak_kib}
        tell(f"one step: {median(there):.1f} ms, in a new home {median(new):.1f} ms")

    def validate(self):
        taken = self.results["validate"] = {}
        for count in (1000, 10000, 100000):
            file = self.work / "validate.yaml"
            file.write_text(loading.steps(count, loading.chain), encoding="utf-8")
            taken[str(count)] = both = {"sluice": [], "events": []}
            for _ in range(VALIDATE_TIMES if count < 100000 else 5):
                both["events"].append(self.timer(self.build / "bench/floor_yaml", file).ms)
                both["sluice"].append(self.timer(self.build / "sluice", "validate", file).ms)
            ours, floor = median(both["sluice"]), median(both["events"])
            tell(f"validate {count} steps: {ours:.1f} ms, events alone {floor:.1f} ms")

    def memory(self):
        pending = {str(count): self.homes.pending(count) for count in PENDING}
        per_step = slope([(int(count), total) for count, (total, _) in pending.items()])
        self.results["memory"] = {"pending": pending, "slope": per_step}
        tell(f"memory for each step that waits: {per_step:.0f} bytes")

    def long(self):
        seconds, peak_kib, runner_kib = self.homes.whole_run(shapes.pipeline(10000, True))
        self.results["long"] = {"seconds": seconds, "peak_kib": peak_kib, "runner_kib": runner_kib}
        tell(f"10,000 steps: {seconds:.1f} s, at most {peak_kib / 1024:.1f} MB, its runner {runner_kib / 1024:.1f} MB")

    def recovery(self):
        taken = self.results["recovery"] = {}
        homes = self.homes
        for kind, text, slots, is_full in (
                ("ready", shapes.ready(OPEN_STEPS, homes.mark), 2, lambda: len(homes.started()) == 2),
                ("waiting", shapes.approvals(OPEN_STEPS), 32, lambda: homes.waits() == OPEN_STEPS)):
            took = homes.recoveries(text, slots, is_full, RECOVERIES)
            taken[kind] = [ms for ms, _ in took]
            ran = self.results.setdefault("recovery_ran", {})[kind] = [ran_ms for _, ran_ms in took]
            tell(f"recovery of {OPEN_STEPS} steps that are {kind}: {median(taken[kind]):.1f} ms, "
                 f"{median(ran):.1f} ms of them on a processor")

    def metrics(self):
        folder = self.work / "metrics"
        taken = self.results["metrics"] = {"points": metrics.POINTS, "shapes": {}}
        with metrics.adopted_runners():
            for name, shape in metrics.SHAPES.items():
                taken["shapes"][name] = took = metrics.measure(self.build, folder, shape)
                tell(f"{metrics.POINTS:,} points of {name}: {took['wall']:.2f} s, the floor {took['floor']:.2f} s, "
                     f"{took['store'] / metrics.POINTS:.1f} bytes a point")
        taken["single"], _ = metrics.few(self.build, folder, 10_000, 20, 1)
        shutil.rmtree(folder, ignore_errors=True)

    # ---- all of it ----

    def peers(self, names):
        for name in names:
            self.results["peers"][name] = peers.measure(name, self.build / "bench/peers", PEER_TIMES, tell)

    def row(self, name):
        try:
            getattr(self, name)()
        except (NotMeasured, OSError, subprocess.SubprocessError) as wrong:
            self.results["missing"][name] = str(wrong)
            tell(f"{name}: not measured: {wrong}")
        finally:
            self.homes.clean()


ROWS = ("chains", "order", "one", "validate", "memory", "long", "recovery", "metrics")


# ---- the command ----

def end_by_signal(signal_number, _):
    """Ends in the usual way, so that what was started is ended, too."""
    sys.exit(f"bench: ended by {signal.Signals(signal_number).name}")


def measure(options):
    bench = Bench(options.build, options.rounds)
    file = bench.build / "bench/results.json"
    bench.results["machine"] = about = machine.of(bench.work)
    if about["disk"] in ("tmpfs", "ramfs"):
        tell("the build folder is not on a disk: syncs cost nothing there, and the ratios say nothing")
    began = time.monotonic()
    for name in options.rows or ROWS:
        bench.row(name)
    bench.peers(options.peers)
    about["load_after"] = os.getloadavg()[0]
    shutil.rmtree(bench.work, ignore_errors=True)
    file.write_text(json.dumps(bench.results, indent=1), encoding="utf-8")
    tell(f"took {time.monotonic() - began:.0f} s; all figures are in {file}")
    return bench.results


def main():
    parser = argparse.ArgumentParser(description="how fast sluice is, beside the floor and its peers")
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=9, help="how often everybody has a turn at the chains")
    parser.add_argument("--rows", type=str.split, default=None, help=f"only these: {' '.join(ROWS)}")
    parser.add_argument("--peers", type=str.split, default=[], help=f"of {' '.join(peers.PEERS)}")
    parser.add_argument("--write", help="the page whose marked part is written")
    parser.add_argument("--from", dest="read", help="figures of an earlier run, instead of measuring")
    options = parser.parse_args()
    unknown = (set(options.peers) - set(peers.PEERS)) | (set(options.rows or ()) - set(ROWS))
    if unknown:
        parser.error(f"unknown: {' '.join(sorted(unknown))}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    results = json.loads(pathlib.Path(options.read).read_text(encoding="utf-8")) if options.read else measure(options)
    text = report.Report(results).text()
    print(text)
    if options.write:
        report.write(options.write, text)
    return 1 if results["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())
