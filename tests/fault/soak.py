# SPDX-License-Identifier: Apache-2.0
"""A soak: in one home everything is killed at random; then what steps wrote down is compared with the store.

    soak.py [--seconds N] [--seed N] [--build FOLDER]

Terminals start runs in one home; every few moments a sluice, a runner or a step is killed with SIGKILL, or all of them.
Each step writes when it begins and when it ends into a ledger file of its own, synced before it goes on: that file owes
nothing to sluice. At the end the home is brought to rest by `sluice resume`, and must be as the ledgers say:

tests/fault/ledger.py and tests/fault/invariants.py say what must hold.

As Jepsen's test of Chronos: the record of the jobs themselves against what the scheduler claims.
"""
import argparse
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

from home import Home
from life import fill

STEP = """\
  {id}:
    run: |
      @BEGIN@
      sleep {seconds}
      {extra}
      @END@
"""
SHAPES = {
    "chain": {"one": [], "two": ["one"], "three": ["two"], "four": ["three"]},
    "fan": {"root": [], "left": ["root"], "middle": ["root"], "right": ["root"], "join": ["left", "middle", "right"]},
    "wide": {f"w{n}": [] for n in range(6)},
}


def pipeline(name, chance):
    """A pipeline of one of the shapes; its steps take moments, some fail, some are retried when they are lost."""
    text = f"name: {name}\nparams: {{id: {{type: string}}}}\nenv: {{LEDGER: '@LEDGER@', STORE: '@STORE@'}}\nsteps:\n"
    for step, needs in SHAPES[name].items():
        extra = chance.choice([":", ":", ":", "[ $((RANDOM % 5)) -gt 0 ]"])
        text += STEP.format(id=step, seconds=f"0.{chance.randint(0, 40):02d}", extra=extra)
        text += f"    needs: [{', '.join(needs)}]\n" if needs else ""
        text += "    retry: {attempts: 4, delay: 50ms, on: [failure, lost]}\n" if chance.random() < 0.7 else ""
    return text


class Soak(Home):
    def __init__(self, build, seed):
        super().__init__(tempfile.mkdtemp(prefix="soak-"), build)
        self.chance = random.Random(seed)
        self.runs, self.kills = 0, {"sluice": 0, "runner": 0, "step": 0, "all": 0}
        for name in SHAPES:
            self.write(f"{name}.yaml", fill(pipeline(name, self.chance), self))

    def start_run(self):
        self.runs += 1
        name = self.chance.choice(list(SHAPES))
        self.start("run", f"{name}.yaml", "--new", "-q", "-p", f"id=r{self.runs}")

    def alive(self):
        return [process.pid for process in self.started if process.poll() is None]

    def kill_some(self):
        runners, steps = self.processes()
        victims = {"sluice": self.alive(), "runner": runners, "step": steps, "all": self.alive() + runners + steps}
        kind = self.chance.choices(list(victims), weights=[5, 2, 4, 1])[0]
        self.kill(*(victims[kind] if kind == "all" else self.chance.sample(victims[kind], min(1, len(victims[kind])))))
        self.kills[kind] += bool(victims[kind])

    def soak(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(self.alive()) < 3:
                self.start_run()
            time.sleep(self.chance.uniform(0.02, 0.35))
            if self.chance.random() < 0.5:
                self.kill_some()

    def calm(self, seconds=180):
        """Nobody is killed any more: what goes on ends, what was left is gone on with."""
        end = time.monotonic() + seconds
        for process in self.started:
            _, err = process.communicate(timeout=max(1, end - time.monotonic()))
            assert process.returncode in (0, 1, -signal.SIGKILL), err
        self.settle(most=1000, seconds=seconds)

    def judge(self):
        breaches = self.check()
        breaches += [f"1 a run was recorded twice: {row}" for row in self.rows(
            "SELECT json_extract(params, '$.id'), count(*) FROM pipeline_runs GROUP BY 1 HAVING count(*) > 1")]
        attempts = self.rows("SELECT count(*) FROM attempts")[0][0]
        return breaches, attempts, len(list(self.ledger.iterdir()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    options = parser.parse_args()
    print(f"soak: {options.seconds:g} s, seed {options.seed}", flush=True)
    soak = Soak(options.build.resolve(), options.seed)
    soak.soak(options.seconds)
    soak.calm()
    breaches, attempts, begins = soak.judge()
    print(f"soak: {soak.runs} runs, {attempts} attempts, {begins} beginnings; killed "
          + ", ".join(f"{count} x {kind}" for kind, count in soak.kills.items()))
    for breach in breaches:
        print(f"BREACH {breach}")
    print(f"soak: {len(breaches)} breaches" + (f"; the home is in {soak.folder}" if breaches else ""))
    soak.close()
    if not breaches:
        shutil.rmtree(soak.folder)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
