# SPDX-License-Identifier: Apache-2.0
"""A soak: in one home everything is killed at random; then what steps wrote down is compared with the store.

    soak.py [--seconds N] [--seed N] [--build FOLDER]

Terminals start runs in one home; every few moments a sluice, a runner or a step is killed with SIGKILL, or all of them.
Each step writes when it begins and when it ends into a ledger file of its own, synced before it goes on: that file owes
nothing to sluice. At the end the home is brought to rest by `sluice resume`, and must be as the ledgers say:
tests/fault/ledger.py and tests/fault/invariants.py say what must hold. As Jepsen's test of Chronos: the record of the
jobs themselves against what the scheduler claims.

The last line counts: an invariant for which no breach was found has passed. So has a question whether the soak was one
at all (was each kind killed, did steps end in each way), and one whether the comparison sees what it looks for, in
ledgers that were changed on purpose. The seed that is printed makes the same choices again, not the same moments.
"""
import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import invariants
import ledger
from home import Home
from life import fill

STEP = """\
  {id}:
    run: |
      @BEGIN@
      echo {id} > "$SLUICE_STEP_DIR/note.txt"
      sleep {seconds}
      {extra}
      @END@
    artifacts: {{note: "${{{{ step.dir }}}}/note.txt"}}
"""
MAY_FAIL = "[ $((RANDOM % 5)) -gt 0 ]"
POINTS = 200
OPEN_MOST = 10
SCRIPT = f"""\
  points:
    lua: for i = 1, {POINTS} do sluice.metric("loss", 1 / i, i) end
    needs: [join]
"""
SHAPES = {
    "chain": {"one": [], "two": ["one"], "three": ["two"], "four": ["three"]},
    "fan": {"root": [], "left": ["root"], "middle": ["root"], "right": ["root"], "join": ["left", "middle", "right"]},
    "wide": {f"w{n}": [] for n in range(6)},
}
# Of docs/recovery.md, those that a soak can break. 14 is about a restart at rest.
INVARIANTS = {
    "1": "what was accepted is there, once", "3": "one attempt at a time", "4": "after the ends of what it needs",
    "5": "what succeeded does not run again", "6": "nothing is held at rest", "7": "nothing stays open",
    "8": "what has ended does not change", "9": "what was published is whole", "12": "no process is left",
    "13": "the activity log has no gap", "14": "restarting twice is restarting once",
    "points": "points of metrics arrive once", "reasons": "what is lost or fails was killed, or meant to fail",
}


def words_of(pid, file):
    """What the kernel says of a process, in words; nothing when it has gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []


def pipeline(name, chance):
    """A pipeline of one of the shapes; its steps take moments, some fail, some are retried when they are lost."""
    text = f"name: {name}\nparams: {{id: {{type: string}}}}\nenv: {{LEDGER: '@LEDGER@', STORE: '@STORE@'}}\nsteps:\n"
    for step, needs in SHAPES[name].items():
        extra = chance.choice([":", ":", ":", MAY_FAIL])
        text += STEP.format(id=step, seconds=f"0.{chance.randint(0, 40):02d}", extra=extra)
        text += f"    needs: [{', '.join(needs)}]\n" if needs else ""
        text += "    retry: {attempts: 4, delay: 50ms, on: [failure, lost]}\n" if chance.random() < 0.7 else ""
    return text + (SCRIPT if "join" in SHAPES[name] else "")


class Soak(Home):
    def __init__(self, build, seed):
        super().__init__(tempfile.mkdtemp(prefix="soak-"), build)
        self.chance = random.Random(seed)
        self.commands = {}  # {id of a run: the command that started it}
        self.kills = {"sluice": 0, "runner": 0, "step": 0, "all": 0}
        self.killed = set()  # runners, by their ids, and attempts, by their marks
        self.seen = invariants.Seen()
        self.breaches = []
        for name in SHAPES:
            self.write(f"{name}.yaml", fill(pipeline(name, self.chance), self))

    # ---- the soak ----

    def start_command(self):
        """A new run; but so many open ones are enough."""
        if len(self.open_runs()) >= OPEN_MOST:
            self.start("resume", "-q")
            return
        name, run = self.chance.choice(list(SHAPES)), f"r{len(self.commands) + 1}"
        self.commands[run] = self.start("run", f"{name}.yaml", "--new", "-q", "-p", f"id={run}")

    def alive(self):
        return [process.pid for process in self.started if process.poll() is None]

    def kill_some(self):
        runners, steps = self.processes()
        victims = {"sluice": self.alive(), "runner": runners, "step": steps, "all": self.alive() + runners + steps}
        kind = self.chance.choices(list(victims), weights=[5, 2, 4, 1])[0]
        pids = victims[kind] if kind == "all" else self.chance.sample(victims[kind], min(1, len(victims[kind])))
        for pid in pids:
            words = words_of(pid, "cmdline")
            self.killed.update(words[words.index("--id") + 1:][:1] if "--id" in words else [])
            self.killed.update(word.partition("=")[2] for word in words_of(pid, "environ")
                               if word.startswith("SLUICE_ATTEMPT="))
        self.kill(*pids)
        self.kills[kind] += bool(pids)

    def look(self):
        if self.database.exists():
            self.breaches += self.seen.look(self.home)

    def soak(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(self.alive()) < 3:
                self.start_command()
            time.sleep(self.chance.uniform(0.02, 0.35))
            if self.chance.random() < 0.5:
                self.kill_some()
            if self.chance.random() < 0.2:
                self.look()

    def calm(self, seconds=180):
        """Nobody is killed any more: what goes on ends, what was left is gone on with."""
        end = time.monotonic() + seconds
        for process in self.started:
            _, err = process.communicate(timeout=max(1, end - time.monotonic()))
            if process.returncode not in (0, 1, -signal.SIGKILL) and "nothing to resume" not in err:
                self.breaches.append(f"7 a command ended with exit code {process.returncode}: {err}")
        self.settle(most=1000, seconds=seconds)

    # ---- the judgement ----

    def judge_commands(self):
        """1: what a command has said of its run is what the store says; what was killed may not have begun."""
        recorded = {}
        for run, state in self.rows("SELECT json_extract(params, '$.id'), state FROM pipeline_runs"):
            recorded.setdefault(run, []).append(state)
        for run, process in self.commands.items():
            expected = {0: [["succeeded"]], 1: [["failed"]]}.get(process.returncode,
                                                                 [[], ["succeeded"], ["failed"]])
            if recorded.get(run, []) not in expected:
                yield f"1 run {run}, exit code {process.returncode}, is recorded as {recorded.get(run, [])}"
        yield from (f"1 run {run} is recorded, but nobody started it" for run in recorded.keys() - self.commands.keys())

    def judge_reasons(self):
        """What is lost is lost with its runner, and what fails was killed, or had it in mind: that a sluice was killed
        costs no step an attempt."""
        texts = {name: (self.folder / f"{name}.yaml").read_text(encoding="utf-8") for name in SHAPES}
        may_fail = {(name, step) for name in SHAPES for step in SHAPES[name]
                    if MAY_FAIL in texts[name].partition(f"  {step}:\n")[2].partition("artifacts:")[0]}
        for mark, runner, state, reason, name, step in self.rows(
                "SELECT a.mark, a.runner, a.state, a.reason, r.pipeline, s.step FROM attempts a "
                "JOIN steps s USING (run_id, position, item) JOIN pipeline_runs r USING (run_id) "
                "WHERE a.state NOT IN ('succeeded', 'starting', 'running')"):
            if state == "lost" and runner in self.killed:
                continue
            if state == "failed" and (mark in self.killed or (name, step) in may_fail):
                continue
            yield f"reasons an attempt of {name} {step} {state} ({reason}), and nobody killed it or its runner"

    def judge_points(self):
        for state, count in self.rows(
                "SELECT a.state, m.count FROM attempts a JOIN steps s USING (run_id, position, item) "
                "LEFT JOIN metric_series m ON m.run_id = a.step_run_id WHERE s.step = 'points'"):
            if (count or 0) > POINTS or (state == "succeeded" and count != POINTS):
                yield f"points an attempt that has {state} has {count} points of {POINTS}"

    def judge_restart(self):
        before = self.dump()
        self.restart()
        after = self.dump()
        return [f"14 a restart at rest changed {name}" for name in after if before.get(name) != after[name]]

    def judge(self):
        self.look()
        self.breaches += [*self.check(), *self.judge_commands(), *self.judge_reasons(), *self.judge_points(),
                          *self.judge_restart()]

    def questions(self):
        """(what is asked, the answer): without a yes to each, that no breach was found would say little."""
        states = [state for state, in self.rows("SELECT state FROM attempts")]
        runs = [state for state, in self.rows("SELECT state FROM pipeline_runs")]
        for kind, count in self.kills.items():
            yield f"was a {kind} killed" if kind != "all" else "were all killed at once", count > 0
        for state in ("succeeded", "failed", "lost"):
            yield f"has an attempt {state}" if state != "lost" else "was an attempt lost", state in states
        for state in ("succeeded", "failed"):
            yield f"has a run {state}", state in runs
        yield "does a run that its command left go on", any(
            process.returncode == -signal.SIGKILL and self.rows(
                "SELECT 1 FROM pipeline_runs WHERE json_extract(params, '$.id') = ? AND state = 'succeeded'", run)
            for run, process in self.commands.items())
        for words, number, change in CHANGES:
            yield f"is it seen when {words}", self.is_seen(number, change)

    def is_seen(self, number, change):
        """Whether the comparison finds a breach in ledgers of which one was changed."""
        changed = self.folder / "changed"
        shutil.copytree(self.ledger, changed)
        mark, = self.chance.choice(self.rows(
            "SELECT a.mark FROM attempts a JOIN steps s USING (run_id, position, item) "
            "WHERE a.state = 'succeeded' AND s.step IN ('two', 'join')") or [(None,)])
        if mark is not None:
            change(changed / mark)
        breaches = ledger.check(self.database, changed)
        shutil.rmtree(changed)
        return any(breach.startswith(number) for breach in breaches)


def drop_the_end(path):
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("end")))


def begin_twice(path):
    path.write_text(path.read_text() + "begin 1 1\n")


def begin_at(path, nanoseconds):
    lines = path.read_text().splitlines(True)
    path.write_text("".join(f"begin {nanoseconds} 1\n" if line.startswith("begin") else line for line in lines))


CHANGES = [
    ("a step began of which nothing is recorded", "1", lambda path: path.with_name("x").write_text("begin 1 1\n")),
    ("a step began that is recorded as not begun", "1", lambda path: path.rename(path.with_name("another"))),
    ("a step began twice", "5", begin_twice),
    ("a step that succeeded did not come to its end", "9", drop_the_end),
    ("a step began before what it needs had ended", "4", lambda path: begin_at(path, 1)),
]


def report(soak):
    """Prints what was found and asked; the number of what has passed and of what has not."""
    numbers = [breach.split()[0] for breach in soak.breaches]
    asked = list(soak.questions()) if soak.database.exists() else []
    attempts = (soak.rows("SELECT count(*) FROM attempts") or [(0,)])[0][0]
    begun = len(list(soak.ledger.iterdir()))
    print(f"soak: {len(soak.commands)} runs, {attempts} attempts, {begun} beginnings; killed "
          + ", ".join(f"{count} x {kind}" for kind, count in soak.kills.items()))
    for breach in soak.breaches:
        print(f"BREACH {breach}")
    for words, answer in asked:
        if not answer:
            print(f"NOT SO: {words}?")
    failed = len(INVARIANTS.keys() & set(numbers)) + sum(number not in INVARIANTS for number in numbers)
    passed = len(INVARIANTS.keys() - set(numbers))
    good = sum(answer for _, answer in asked)
    return passed + good, failed + len(asked) - good + (not asked)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    options = parser.parse_args()
    print(f"soak: {options.seconds:g} s, seed {options.seed}", flush=True)
    soak = Soak(options.build.resolve(), options.seed)
    try:
        soak.soak(options.seconds)
        soak.calm()
        soak.judge()
    except (AssertionError, subprocess.TimeoutExpired) as wrong:
        soak.breaches.append(f"7 it does not come to rest: {wrong}")
    passed, failed = report(soak)
    soak.close()
    if failed == 0:
        shutil.rmtree(soak.folder)
    else:
        print(f"soak: seed {options.seed}; the home is in {soak.folder}")
    print(f"soak: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
