# SPDX-License-Identifier: Apache-2.0
"""A soak: in one home everything is killed at random; then what steps wrote down is compared with the store.

    soak.py [--seconds N] [--seed N] [--build FOLDER]

Terminals start runs in one home; every few moments a sluice, a runner or a step is killed with SIGKILL, or all of them.
Each step writes when it begins and when it ends into a ledger file of its own, synced before it goes on: that file owes
nothing to sluice. At the end the home is brought to rest by `sluice resume`, and must be as the ledgers say:

- each attempt of the store began at most once, and each beginning belongs to an attempt;
- an attempt that succeeded began and ended; no step ended twice with success in one run;
- the attempts of a step do not overlap, and no step began before what it needs had ended;
- nothing runs any more, nothing is open, and all of tests/fault/invariants.py holds.

As Jepsen's test of Chronos: the record of the jobs themselves against what the scheduler claims.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import invariants

STEP = """\
  {id}:
    run: |
      ledger="$LEDGER/$SLUICE_ATTEMPT"
      echo "begin $(date +%s%N) $$" >> "$ledger"; sync "$ledger"
      sleep {seconds}
      {extra}
      echo "end $(date +%s%N)" >> "$ledger"; sync "$ledger"
"""
SHAPES = {
    "chain": {"one": [], "two": ["one"], "three": ["two"], "four": ["three"]},
    "fan": {"root": [], "left": ["root"], "middle": ["root"], "right": ["root"], "join": ["left", "middle", "right"]},
    "wide": {f"w{n}": [] for n in range(6)},
}


def pipeline(name, chance):
    """A pipeline of one of the shapes; its steps take moments, some fail, some are retried when they are lost."""
    text = f"name: {name}\nparams: {{id: {{type: string}}}}\nenv: {{LEDGER: LEDGER_FOLDER}}\nsteps:\n"
    for step, needs in SHAPES[name].items():
        extra = chance.choice([":", ":", ":", "[ $((RANDOM % 5)) -gt 0 ]"])
        text += STEP.format(id=step, seconds=f"0.{chance.randint(0, 40):02d}", extra=extra)
        text += f"    needs: [{', '.join(needs)}]\n" if needs else ""
        text += "    retry: {attempts: 4, delay: 50ms, on: [failure, lost]}\n" if chance.random() < 0.7 else ""
    return text


class Soak:
    def __init__(self, build, seed):
        self.chance = random.Random(seed)
        self.sluice = build / "sluice"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
        self.ledger = self.folder / "ledger"
        self.ledger.mkdir()
        self.home = self.folder / ".sluice"
        self.env = {**os.environ, "SLUICE_HOME": str(self.home), "NO_COLOR": "1"}
        self.terminals, self.runs, self.kills = [], 0, {"sluice": 0, "runner": 0, "step": 0, "all": 0}
        for name in SHAPES:
            text = pipeline(name, self.chance).replace("LEDGER_FOLDER", str(self.ledger))
            (self.folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    # ---- doing ----

    def start_run(self):
        self.runs += 1
        name = self.chance.choice(list(SHAPES))
        self.terminals.append(subprocess.Popen(
            [self.sluice, "run", f"{name}.yaml", "--new", "-q", "-p", f"id=r{self.runs}"], cwd=self.folder,
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))

    def processes(self):
        """Runners and steps of this home, by what the kernel says of them."""
        runners, steps = [], []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if words[0].endswith(b"sluice-runner") and str(self.home).encode() in words:
                runners.append(int(entry.name))
            elif f"LEDGER={self.ledger}".encode() in environ:
                steps.append(int(entry.name))
        return runners, steps

    def kill(self):
        runners, steps = self.processes()
        alive = [process.pid for process in self.terminals if process.poll() is None]
        victims = {"sluice": alive, "runner": runners, "step": steps, "all": alive + runners + steps}
        kind = self.chance.choices(list(victims), weights=[5, 2, 4, 1])[0]
        for pid in victims[kind] if kind == "all" else self.chance.sample(victims[kind], min(1, len(victims[kind]))):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.kills[kind] += bool(victims[kind])

    def soak(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            alive = sum(process.poll() is None for process in self.terminals)
            if alive < 3:
                self.start_run()
            time.sleep(self.chance.uniform(0.02, 0.35))
            if self.chance.random() < 0.5:
                self.kill()

    def settle(self, seconds=180):
        """Nobody is killed any more: what goes on ends, what was left is gone on with."""
        end = time.monotonic() + seconds
        for process in self.terminals:
            process.wait(timeout=max(1, end - time.monotonic()))
            assert process.returncode in (0, 1, -signal.SIGKILL), process.communicate()[1].decode()
        while self.open_runs():
            assert time.monotonic() < end, f"still open: {self.open_runs()}"
            subprocess.run([self.sluice, "resume", "-q"], cwd=self.folder, env=self.env, timeout=seconds, check=False)

    def open_runs(self):
        result = subprocess.run([self.sluice, "runs", "--open", "--json"], cwd=self.folder, env=self.env,
                                capture_output=True, check=True, timeout=60)
        return [run["run"] if "run" in run else run for run in json.loads(result.stdout)]

    # ---- checking ----

    def ledgers(self):
        """{mark: (begins, ends)} in nanoseconds, by the steps' own word."""
        found = {}
        for path in self.ledger.iterdir():
            begins, ends = [], []
            for line in path.read_text().splitlines():
                words = line.split()
                if len(words) > 1 and words[0] == "begin":
                    begins.append(int(words[1]))
                elif len(words) > 1 and words[0] == "end":
                    ends.append(int(words[1]))
            found[path.name] = (begins, ends)
        return found

    def check(self):
        breaches = [f"invariant {breach}" for breach in invariants.check(self.home)]
        ledgers = self.ledgers()
        with sqlite3.connect(f"file:{self.home}/sluice.db?mode=ro", uri=True) as store:
            attempts = store.execute(
                "SELECT a.mark, a.state, a.run_id, s.step, a.item, a.number, p.pipeline FROM attempts a JOIN steps s "
                "USING (run_id, position, item) JOIN pipeline_runs p USING (run_id) "
                "ORDER BY a.run_id, a.position, a.item, a.number").fetchall()
            ids = store.execute("SELECT json_extract(params, '$.id'), count(*) FROM pipeline_runs "
                                "GROUP BY 1 HAVING count(*) > 1").fetchall()
        breaches += [f"a run was recorded twice: {row}" for row in ids]
        breaches += [f"a step began that no attempt tells of: {mark}"
                     for mark in ledgers.keys() - {attempt[0] for attempt in attempts}]
        last = {}
        for mark, state, run, step, item, number, shape in attempts:
            begins, ends = ledgers.get(mark, ([], []))
            words = f"{run} {step}[{item}] attempt {number} ({state})"
            if len(begins) > 1:
                breaches.append(f"it began {len(begins)} times: {words}")
            if state == "succeeded" and not (begins and ends):
                breaches.append(f"it did not do what it says: {words}")
            before = last.get((run, step, item))
            if before and begins and begins[0] < before:
                breaches.append(f"it began before the attempt before it had ended: {words}")
            for need in SHAPES[shape][step]:
                ended = last.get((run, need, item))
                if begins and (ended is None or begins[0] < ended):
                    breaches.append(f"it began before {need} had ended: {words}")
            if begins:
                last[run, step, item] = max(begins + ends)
        runners, steps = self.processes()
        if steps:
            breaches.append(f"processes of steps are left: {steps}")
        for command in (["activity", "verify"], ["doctor"]):
            result = subprocess.run([self.sluice, *command], cwd=self.folder, env=self.env, capture_output=True,
                                    text=True, check=False, timeout=60)
            if result.returncode != 0:
                breaches.append(f"sluice {' '.join(command)}: {result.stdout}{result.stderr}")
        return breaches, len(attempts), sum(len(begins) for begins, _ in ledgers.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    options = parser.parse_args()
    print(f"soak: {options.seconds:g} s, seed {options.seed}", flush=True)
    soak = Soak(options.build.resolve(), options.seed)
    soak.soak(options.seconds)
    soak.settle()
    breaches, attempts, begins = soak.check()
    print(f"soak: {soak.runs} runs, {attempts} attempts, {begins} beginnings; killed "
          + ", ".join(f"{count} x {kind}" for kind, count in soak.kills.items()))
    for breach in breaches:
        print(f"BREACH {breach}")
    print(f"soak: {len(breaches)} breaches" + (f"; the home is in {soak.folder}" if breaches else ""))
    if not breaches:
        shutil.rmtree(soak.folder)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
