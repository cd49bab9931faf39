#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How soon a daemon with 1,000 pipelines and 10,000 schedules starts what is due: make bench-triggers.

    triggers.py BUILD [--rounds N] [--pipelines N] [--due N] [--deliveries N] [--write PAGE]

What is asked of it is seen from outside: that a run is durable by another connection to the store, which sees a row
only when its transaction is on the disk; that a step has begun by the step itself (stamp.c). Beside the figures stand
the floor of the machine, measured before each round, and what a run cost in processor time, syncs and folders: those
are the same on a machine that is busy with something else.
"""
import argparse
import collections
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import machine
import report
from timing import Timer, median

SECRET = "It's a Secret to Everybody"
RARE = "{minute} 3 {day} * *"
CALLS = "fsync,fdatasync,mkdir,renameat2"


def say(words):
    print(words, file=sys.stderr, flush=True)


def commands():
    """The words of each process."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                yield (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            pass


def percentile(samples, share):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def pipeline(number, options, stamps):
    """Ten schedules; of the first ones one is due each minute, of the others once a month."""
    due = number < options.due
    lines = [f"name: p{number:04d}", "on:", "  schedule:"]
    for n in range(options.schedules):
        cron = "* * * * *" if due and n == 0 else RARE.format(minute=number % 60, day=n + 1)
        lines.append(f"    - {{id: s{n}, cron: '{cron}'}}")
    if number == options.due:
        lines += ["  webhook:", "    verify: github", "    secret: ${{ secrets.HOOK }}",
                  "    params: {word: '${{ event.body.word }}'}", "params: {word: {default: none}}"]
    word = "${{ params.word }}" if number == options.due else "${{ run.scheduled_for }}"
    return "\n".join([*lines, "steps:", f"  one: {{run: ['{options.build / 'bench/stamp'}', '{stamps}', '{word}']}}\n"])


class Daemon:
    def __init__(self, options, folder, *more, under=()):
        self.folder, self.home = folder, folder / "home"
        self.env = {**os.environ, "SLUICE_HOME": str(self.home)}
        began = time.monotonic()
        with open(folder / "log", "ab") as log:
            self.process = subprocess.Popen([*under, options.build / "sluice", "serve", "--port", "0", "--pipelines",
                                             folder / "pipelines", *more], env=self.env, stdout=subprocess.PIPE,
                                            stderr=log, cwd=folder)
        line = self.process.stdout.readline()
        self.port = int(re.search(rb":(\d+)\s*$", line)[1])
        self.line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.ask("GET", "/health")
        self.start_s = time.monotonic() - began

    def ask(self, method, path, body=None, headers=None):
        self.line.request(method, path, body, headers or {})
        answer = self.line.getresponse()
        return answer.status, answer.read()

    def rows(self, sql, *values):
        with sqlite3.connect(f"file:{self.home}/sluice.db?mode=ro", uri=True, timeout=60) as store:
            return store.execute(sql, values).fetchall()

    def wait_for(self, sql, least, seconds=120):
        end = time.monotonic() + seconds
        while self.rows(sql)[0][0] < least:
            assert time.monotonic() < end, f"waited too long: {sql}"
            time.sleep(0.05)

    def rest(self):
        self.wait_for("SELECT count(*) = 0 FROM pipeline_runs WHERE ended_ms IS NULL", 1, 600)

    def processor_s(self):
        """Of the daemon and the runners that it has started."""
        ticks = 0
        for entry in pathlib.Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
                ours = words and (int(entry.name) == self.process.pid or words[0].endswith(b"sluice-runner"))
                if ours and str(self.home).encode() in b" ".join(words) + str(self.home).encode() * (
                        int(entry.name) == self.process.pid):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    ticks += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def wait_for_runners(self):
        """Until those have gone that outlive the daemon: the next one starts its own."""
        end = time.monotonic() + 60
        while any(str(self.home).encode() in words and words[0].endswith(b"sluice-runner") for words in commands()):
            assert time.monotonic() < end
            time.sleep(0.1)


class Watcher(threading.Thread):
    """When how many rows were there, as another connection sees it, from `since_s` of the wall clock on."""

    def __init__(self, daemon, since_s, least):
        super().__init__(daemon=True)
        self.folder, self.since_s, self.least, self.seen = daemon.home, since_s, least, []

    def run(self):
        store = sqlite3.connect(f"file:{self.folder}/sluice.db?mode=ro", uri=True, timeout=60)
        last = store.execute("SELECT coalesce(max(id), 0) FROM triggers").fetchone()[0]
        count = 0
        time.sleep(max(0, self.since_s - 0.1 - time.time()))
        while count < self.least and time.time() < self.since_s + 30:
            newest = store.execute("SELECT coalesce(max(id), 0) FROM triggers").fetchone()[0]
            if newest > last + count:
                now = time.time()
                self.seen += [now - self.since_s] * (newest - last - count)
                count = newest - last
            time.sleep(0.0005)
        store.close()


class Client(threading.Thread):
    """Somebody who asks all the while, and how long he waits."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.waits, self.ends = port, [], False

    def run(self):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.ends:
            began = time.monotonic()
            line.request("GET", "/health")
            line.getresponse().read()
            self.waits.append(time.monotonic() - began)
            time.sleep(0.002)


def stamps_of(path):
    """{word: [seconds of the wall clock]}"""
    found = collections.defaultdict(list)
    for text in path.read_text().splitlines() if path.exists() else []:
        word, _, at = text.rpartition(" ")
        found[word].append(int(at) / 1e6)
    return found


def next_minute(room=5):
    """The next full minute that is `room` seconds away."""
    return (int(time.time() + room) // 60 + 1) * 60


def a_minute(daemon, options, stamps, results, name):
    """All that are due in the next minute."""
    due_s = next_minute()
    daemon.rest()
    watcher, client = Watcher(daemon, due_s, options.due), Client(daemon.port)
    time.sleep(max(0, due_s - 2 - time.time()))
    before = daemon.processor_s()
    watcher.start()
    client.start()
    watcher.join()
    daemon.rest()
    client.ends = True
    client.join()
    word = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due_s))
    began = sorted(at - due_s for at in stamps_of(stamps)[word])
    assert len(watcher.seen) == options.due == len(began), (len(watcher.seen), len(began))
    took = results.setdefault(name, collections.defaultdict(list))
    took["durable_ms"].append(percentile(watcher.seen, 0.99) * 1e3)
    took["last_ms"].append(began[-1] * 1e3)
    took["waited_ms"].append(max(client.waits) * 1e3)
    took["waited99_ms"].append(percentile(client.waits, 0.99) * 1e3)
    took["processor_ms"].append((daemon.processor_s() - before) * 1e3 / options.due)
    say(f"{name}: " + ", ".join(f"{key} {values[-1]:.2f}" for key, values in took.items()))


def deliver(daemon, number, path):
    word = f"w{time.time_ns()}"
    body = json.dumps({"word": word}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": word, "X-Hub-Signature-256": "sha256=" + signature}
    began = time.time()
    status, answer = daemon.ask("POST", f"/hooks/{path}", body, headers)
    answered = time.time()
    assert status == 202, (number, status, answer)
    return word, began, answered


def deliveries(daemon, options, stamps, results):
    took = results.setdefault("webhook", collections.defaultdict(list))
    began, answered = {}, {}
    daemon.rest()
    for number in range(options.deliveries):
        while time.time() % 60 > 54 or time.time() % 60 < 6:
            time.sleep(0.1)  # what is due each minute has its own figures
        word, began[word], answered[word] = deliver(daemon, number, f"p{options.due:04d}")
        end = time.monotonic() + 20
        while word not in stamps_of(stamps):
            assert time.monotonic() < end, word
            time.sleep(0.01)
        daemon.rest()
    seen = stamps_of(stamps)
    took["started_ms"] += [(seen[word][0] - began[word]) * 1e3 for word in began]
    took["answered_ms"] += [(answered[word] - began[word]) * 1e3 for word in began]


def count_calls(options, folder, stamps):
    """By strace, in a round of its own: {call: how often for each run}."""
    trace = folder / "trace"
    daemon = Daemon(options, folder, "--jobs", str(options.due), under=(
        "strace", "-f", "--seccomp-bpf", "-qq", "-I", "waiting", "-o", trace, "-e", "signal=none",
        "-e", f"trace={CALLS}"))
    due_s = next_minute()
    daemon.wait_for("SELECT count(*) FROM schedules WHERE in_force", options.pipelines * options.schedules)
    time.sleep(max(0, due_s - 1 - time.time()))
    before = trace.read_text().count("\n")
    end = time.monotonic() + 120
    word = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due_s))
    while len(stamps_of(stamps)[word]) < options.due:
        assert time.monotonic() < end
        time.sleep(0.2)
    daemon.rest()
    lines = trace.read_text().splitlines()[before:]
    tracer = daemon.process.pid
    for child in pathlib.Path(f"/proc/{tracer}/task/{tracer}/children").read_text(encoding="ascii").split():
        os.kill(int(child), signal.SIGTERM)
        while pathlib.Path(f"/proc/{child}").exists():
            time.sleep(0.02)
    daemon.process.send_signal(signal.SIGTERM)  # by itself it would wait for the runner, which outlives the daemon
    daemon.process.wait()
    return {call: sum(f" {call}(" in line for line in lines) / options.due for call in CALLS.split(",")}


def measure(options):
    folder = options.build / "bench/triggers"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pipelines").mkdir(parents=True)
    stamps = folder / "stamps"
    timer = Timer(options.build, folder)
    results = {"machine": machine.of(folder), "floors": [], "start_s": []}
    env = {**os.environ, "SLUICE_HOME": str(folder / "home")}
    subprocess.run([options.build / "sluice", "init", "-q"], env=env, cwd=folder, check=True)
    subprocess.run([options.build / "sluice", "secrets", "set", "HOOK", "-"], env=env, input=SECRET.encode(),
                   check=True, stdout=subprocess.DEVNULL)
    for number in range(options.pipelines):
        (folder / "pipelines" / f"p{number:04d}.yaml").write_text(pipeline(number, options, stamps), encoding="utf-8")
    os.sync()
    began = time.monotonic()
    daemon = Daemon(options, folder, "--jobs", str(options.due))
    daemon.wait_for("SELECT count(*) FROM schedules WHERE in_force", options.pipelines * options.schedules)
    results["first_s"] = time.monotonic() - began
    say(f"first start: answers after {daemon.start_s:.2f} s, all in force after {results['first_s']:.2f} s")
    for _ in range(options.rounds):
        daemon.end()
        os.sync()
        daemon = Daemon(options, folder, "--jobs", str(options.due))
        results["start_s"].append(daemon.start_s)
        results["memory_mib"] = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(
            f"/proc/{daemon.process.pid}/status").read_text())[1]) / 1024
    for name, jobs in (("all at once", str(options.due)), ("two at once", "2")):
        daemon.end()
        daemon = Daemon(options, folder, "--jobs", jobs)
        for _ in range(options.rounds):
            results["floors"].append(timer.floors())
            a_minute(daemon, options, stamps, results, name)
    daemon.end()
    daemon = Daemon(options, folder)
    deliveries(daemon, options, stamps, results)
    daemon.end()
    if not options.no_calls:
        daemon.wait_for_runners()
        results["calls"] = count_calls(options, folder, stamps)
    if not options.keep:
        shutil.rmtree(folder)
    return results


def verdict(value, most):
    return "yes" if value <= most else "**no**"


def text_of(results, options):
    spawn, sync, floor = (median(column) for column in zip(*results["floors"]))
    spawns = options.due * floor
    hook = results["webhook"]
    rows = [
        ("start with them in the store, to the first answer", "1 s", f"{median(results['start_s']):.2f} s",
         verdict(median(results["start_s"]), 1)),
        ("the first start, until all files are in force", "", f"{results['first_s']:.2f} s", ""),
    ]
    for name, words in (("all at once", f"as many slots (`--jobs {options.due}`)"), ("two at once", "2 slots")):
        took = results[name]
        durable, last = median(took["durable_ms"]), median(took["last_ms"])
        rows += [
            (f"{options.due} due in one minute, {words}: from then until the run is durable, p99", "50 ms",
             f"{durable:.1f} ms ({report.Report.spread(took['durable_ms'])})", verdict(durable, 50)),
            (f"… until the last of their steps has begun", f"1.5 × {options.due} × the floor: {1.5 * spawns:.0f} ms",
             f"{last:.0f} ms ({report.Report.spread(took['last_ms'])}): {last / spawns:.2f} ×; of spawns alone "
             f"{last / options.due / spawn:.2f} ×",
             verdict(last, 1.5 * spawns)),
            ("… processor time of daemon and runner for each run", "", f"{median(took['processor_ms']):.2f} ms", ""),
            ("… longest wait of a client that asks all the while", "", f"{median(took['waited_ms']):.1f} ms (p99 "
             f"{median(took['waited99_ms']):.1f} ms)", ""),
        ]
    rows += [
        ("a signed webhook, from its sending until its step has begun, p50", "10 ms",
         f"{median(hook['started_ms']):.1f} ms (p99 {percentile(hook['started_ms'], 0.99):.1f})",
         verdict(median(hook["started_ms"]), 10)),
        ("… until it is answered, p50", "", f"{median(hook['answered_ms']):.1f} ms", ""),
        ("memory of the daemon", "", f"{results['memory_mib']:.0f} MiB", ""),
    ]
    if "calls" in results:
        rows.append(("syncs and folders for each run (strace)", "", ", ".join(
            f"{call} {count:.2f}" for call, count in results["calls"].items()), ""))
    words = (f"{machine.words(results['machine'])}. {options.pipelines:,} pipelines with {options.schedules} schedules "
             f"each; {options.rounds} rounds, {options.deliveries} deliveries. The machine itself needs {spawn:.2f} ms "
             f"for a spawn, {sync:.2f} ms for a sync, and {floor:.2f} ms for both: the floor.")
    return words + "\n\n" + report.table(("what", "at most", "measured", "met"), rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pipelines", type=int, default=1000)
    parser.add_argument("--schedules", type=int, default=10)
    parser.add_argument("--due", type=int, default=500)
    parser.add_argument("--deliveries", type=int, default=200)
    parser.add_argument("--no-calls", action="store_true", help="without the round under strace")
    parser.add_argument("--keep", action="store_true", help="leave the home")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    options.build = options.build.absolute()
    results = measure(options)
    (options.build / "bench/triggers.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    text = text_of(results, options)
    print(text)
    if options.write:
        report.write(options.write, text, "bench-triggers")


if __name__ == "__main__":
    main()
