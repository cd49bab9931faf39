# SPDX-License-Identifier: Apache-2.0
"""One trial: `sluice run` of a small rich pipeline in which the nth call of a kind fails (fail_nth.c), then the same
home without faults, brought to rest and used again; and what must hold then.

    fail_nth.py [--build FOLDER] [--only TEXT] [--from N] [--to N] [--every N]

All of them: every n of every loop, until n is past the end; --only is a regular expression over the loops' names.
"""
import argparse
import errno
import mmap
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import typing

import invariants
import ledger
import life
from home import ROOT, processes_of

LIFT_S = 1.2   # after the first failure: a command that goes on trying has its fault lifted
HANG_S = 120   # from the beginning, or from there: it hangs

RUNNER_FDS = 8  # of one that has nothing to do: standard streams, its folder, two listeners, signals, epoll

# ---- what can fail ----

# As the enums of fail_nth.c have them.
PROGRAMS = ("sluice", "sluice-runner", "step")
KINDS = ("alloc", "write", "send", "fsync", "descriptor", "name", "path", "fork", "sqlite")
ROLLS_BACK = 1 << 16


class Fault(typing.NamedTuple):
    kind: str
    name: str
    error: int    # errno, a result of SQLite, or 0: half of what was to be written is
    words: tuple  # one of them must be found where a run did not succeed


FAULTS = [
    Fault("alloc", "ENOMEM", errno.ENOMEM, ("out of memory", "not enough memory", "Cannot allocate memory")),
    Fault("write", "ENOSPC", errno.ENOSPC, ("No space left", "disk is full")),
    Fault("write", "EIO", errno.EIO, ("Input/output error", "disk I/O error")),
    Fault("write", "short", 0, ("No space left", "disk is full")),
    Fault("send", "ENOBUFS", errno.ENOBUFS, ("No buffer space", "connection was lost", "connection breaks")),
    Fault("send", "short", 0, ("never",)),
    Fault("fsync", "EIO", errno.EIO, ("Input/output error", "disk I/O error")),
    Fault("descriptor", "EMFILE", errno.EMFILE, ("Too many open files", "unable to open database file")),
    Fault("name", "ENOSPC", errno.ENOSPC, ("No space left", "disk is full", "unable to open database file")),
    Fault("path", "EACCES", errno.EACCES, ("Permission denied", "unable to open database file", "readonly",
                                           "may not be read", "disk I/O error")),
    Fault("fork", "EAGAIN", errno.EAGAIN, ("Resource temporarily unavailable",)),
    Fault("sqlite", "BUSY", 5, ("in use", "locked")),
    Fault("sqlite", "FULL", 13, ("disk is full",)),
    Fault("sqlite", "IOERR", 778 | ROLLS_BACK, ("disk I/O error",)),
    Fault("sqlite", "CORRUPT", 11, ("damaged", "malformed")),
    Fault("sqlite", "NOMEM", 7, ("out of memory",)),
]
NEVER = {("sluice-runner", "sqlite"), ("step", "sqlite")}


class Loop(typing.NamedTuple):
    program: str
    fault: Fault
    onwards: bool

    def __str__(self):
        return "-".join([self.program, self.fault.kind, self.fault.name, "onwards" if self.onwards else "once"])


LOOPS = [Loop(program, fault, onwards) for program in PROGRAMS for fault in FAULTS
         if (program, fault.kind) not in NEVER for onwards in (False, True)]
COUNTING = Loop("sluice", FAULTS[0], False)  # with n = 0: nothing fails


# ---- the plan, shared with the library ----

class Plan:
    HEAD = struct.Struct("<IIQiIII")
    COUNTS = struct.Struct(f"<{len(PROGRAMS) * len(KINDS)}Q")
    WHAT = 400

    def __init__(self, path, loop, nth):
        head = self.HEAD.pack(PROGRAMS.index(loop.program), KINDS.index(loop.fault.kind), nth, loop.fault.error,
                              loop.onwards, 1, 0)
        path.write_bytes(head + bytes(self.COUNTS.size + self.WHAT))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def lift(self):
        self.memory[24:28] = bytes(4)

    def end(self):
        """The command is over. Its runner may live on and serve the next; what that does is not counted."""
        self.lift()
        self.memory = bytes(self.memory)

    @property
    def failed(self):
        """How many calls have failed."""
        return self.HEAD.unpack_from(self.memory)[6]

    @property
    def what(self):
        """The first that failed, and who called."""
        return self.memory[self.HEAD.size + self.COUNTS.size:].split(b"\0")[0].decode(errors="replace")

    def count(self, loop):
        counts = self.COUNTS.unpack_from(self.memory, self.HEAD.size)
        return counts[PROGRAMS.index(loop.program) * len(KINDS) + KINDS.index(loop.fault.kind)]


# ---- the pipeline ----

PIPELINE = """\
name: nth
env: {LEDGER: "@LEDGER@"}
steps:
@PREPARE@
  flaky:
    needs: [prepare]
    run: |
      @BEGIN@
      touch "$SLUICE_STATE/$SLUICE_ATTEMPT"
      [ "$(ls "$SLUICE_STATE" | wc -l)" -gt 1 ]
      setsid -f sleep 300 > /dev/null 2>&1
      @END@
    retry: {attempts: 3, delay: 20ms}
  script:
    needs: [prepare]
    lua: |
      for i = 1, 3 do sluice.metric("loss", 1 / i, i) end
      sluice.param("depth", tostring(sluice.params.rows))
      sluice.file.write(sluice.step.dir .. "/notes.txt", "three")
      sluice.output("best", 1 / 3)
    with: {rows: "${{ steps.prepare.outputs.rows }}"}
    outputs: {best: number}
    artifacts: {notes: "${{ step.dir }}/notes.txt"}
  train:
    needs: [flaky, script]
    inputs: {data: {path: "${{ steps.prepare.artifacts.data }}", dataset: rows, context: training}}
    run: |
      @BEGIN@
      mkdir "$SLUICE_STEP_DIR/model"; wc -l < "$SLUICE_INPUT_DATA" > "$SLUICE_STEP_DIR/model/weights"
      @END@
    model: {path: "${{ step.dir }}/model", name: nth}
  register:
    needs: [train]
    uses: register
    with: {model: "${{ steps.train.model_id }}", name: nth, aliases: [challenger]}
""".replace("@PREPARE@\n", life.PREPARE)
# Steps that a runner begins by itself, in the place of one another.
def _link(n):
    """Every third is a script, which is made ready while the one before it runs."""
    needs = f"  s{n}:\n    needs: [{f's{n - 1}' if n else ''}]\n"
    return needs + ("    lua: print('here')\n" if n % 3 == 2 else "    run: |\n      @BEGIN@\n      @END@\n")


CHAIN = 'name: nth\nenv: {LEDGER: "@LEDGER@"}\nsteps:\n' + "".join(_link(n) for n in range(10))


def make_library(folder):
    """By the rule of the Makefile, of which a make above is not to know."""
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    library = folder / "fault" / "fail_nth.so"
    subprocess.run(["make", "-s", f"BUILD={folder}", library], cwd=ROOT, env=env, check=True)
    return library


def sanitizer_of(program):
    """The library that must come first, or ""."""
    words = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = re.search(r"libasan\S* => (\S+)", words)
    return found.group(1) if found else ""


class Result(typing.NamedTuple):
    code: int
    out: str
    err: str
    seconds: float
    lifted: bool


class Trial:
    def __init__(self, folder, build, library, pipeline=PIPELINE, lift_s=LIFT_S):
        self.folder, self.build, self.library = folder, build, library
        self.home, self.ledger = folder / ".sluice", folder / "ledger"
        self.ledger.mkdir(parents=True)
        self.database = self.home / "sluice.db"
        (folder / "sluice.yaml").write_text(life.fill(pipeline, self), encoding="utf-8")
        foreign = ("SLUICE_", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "LD_PRELOAD")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        self.env.update(SLUICE_HOME=str(self.home), NO_COLOR="1", ASAN_OPTIONS="abort_on_error=0:exitcode=99")
        self.problems, self.plan, self.lift_s = [], None, lift_s

    def expect(self, holds, words):
        if not holds:
            self.problems.append(words)

    # ---- commands ----

    def wait(self, process, plan):
        """Its output; and was the fault lifted meanwhile?"""
        began, failed_at = time.monotonic(), None
        while True:
            try:
                left = max(0, HANG_S + began - time.monotonic())
                return *process.communicate(timeout=left if plan is None else min(0.05, left)), plan is None
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if now >= began + HANG_S:
                    raise
                failed_at = failed_at or (now if plan is not None and plan.failed else None)
                if failed_at is not None and now >= failed_at + self.lift_s:
                    plan.lift()
                    plan, began = None, now

    def command(self, *words, preload=None, plan=None):
        env = {**self.env, **preload} if preload else self.env
        began, lifted = time.monotonic(), False
        process = subprocess.Popen([self.build / "sluice", *words], cwd=self.folder, env=env, text=True,
                                   errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            out, err, lifted = self.wait(process, plan)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.problems.append(f"sluice {' '.join(words)} hangs: {out}{err}")
        clean = process.returncode != 99 and "Sanitizer" not in err and "runtime error:" not in err
        self.expect(clean, f"sanitizer: {err}")
        return Result(process.returncode, out, err, time.monotonic() - began, lifted)

    def rows(self, sql):
        """Nothing while there is no store."""
        try:
            with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as store:
                return store.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []

    # ---- processes ----

    def processes(self):
        """(runners, processes of steps)"""
        return processes_of(self)

    def descriptors(self):
        """How many each runner has open that has nothing to do any more. The journal of a run stays open for a second,
        for its next step: each counts once at most."""
        end = time.monotonic() + 0.5
        while True:
            counts = {}
            for pid in self.processes()[0]:
                try:
                    targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
                except OSError:
                    continue
                journals = [target for target in targets if target.endswith("/journal")]
                counts[pid] = len(targets) - len(set(journals))
            if time.monotonic() > end or max(counts.values(), default=0) <= RUNNER_FDS:
                return counts
            time.sleep(0.05)

    def close(self):
        for _ in range(50):
            runners, steps = self.processes()
            for pid in runners + steps:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not runners + steps:
                return
            time.sleep(0.01)

    # ---- the trial ----

    def faulty(self, loop, nth):
        """`sluice run` with the fault."""
        self.plan = Plan(self.folder / "plan", loop, nth)
        first = sanitizer_of(self.build / "sluice")
        preload = {"LD_PRELOAD": f"{first}:{self.library}" if first else str(self.library),
                   "FAIL_NTH": str(self.folder / "plan")}
        result = self.command("run", preload=preload, plan=self.plan)
        self.plan.end()
        return result

    def said(self, result):
        """All that anybody could read about it: messages, reasons, the runners' logs, the steps' own."""
        reasons = self.rows("SELECT reason FROM steps UNION SELECT reason FROM attempts")
        paths = self.home.glob("runner/*.log") if self.home.exists() else []
        logs = [path.read_text(errors="replace") for path in paths]
        steps = self.command("logs", "latest").out if reasons else ""
        return "\n".join([result.out, result.err, *(str(reason) for reason, in reasons), *logs, steps])

    def judge_faulty(self, loop, result):
        code, words = result.code, result.out + result.err
        memory = loop.fault.kind == "alloc" and code == -signal.SIGABRT and "out of memory" in result.err
        self.expect(code in (0, 1, 2, 3, 4, 6) or memory, f"exit code {code}: {words}")
        self.expect(code == 0 or result.err.strip() or result.out.strip(), f"exit code {code} without a word")
        states = self.rows("SELECT state FROM pipeline_runs")
        self.expect(code != 0 or states == [("succeeded",)], f"exit code 0, and the run is {states}")
        if code != 0 and self.plan.failed:
            said = self.said(result)
            self.expect(any(word in said for word in loop.fault.words), f"nothing says what failed: {said}")

    def open_runs(self):
        return self.rows("SELECT run_id, state FROM pipeline_runs "
                         "WHERE state NOT IN ('succeeded', 'failed', 'cancelled')")

    def settle(self):
        """Goes on without the fault, as a person would; then a new run must be as good as if nothing had been."""
        for _ in range(4):
            if not self.open_runs():
                break
            result = self.command("resume", "-q")
            self.expect(result.code in (0, 1), f"resume: exit code {result.code}: {result.out}{result.err}")
        steps = self.rows("SELECT step, state, reason FROM steps")
        self.expect(not self.open_runs(), f"still open: {self.open_runs()}, {steps}")
        result = self.command("run", "--new", "-q")
        self.expect(result.code == 0, f"a new run without a fault: exit code {result.code}: {result.out}{result.err}")

    def check(self, may_leave, blind):
        self.problems += [f"invariant {breach}" for breach in invariants.check(self.home)]
        self.problems += [f"ledger {breach}" for breach in ledger.check(self.database, self.ledger)]
        self.expect(not self.rows("SELECT * FROM leases"), "something is held at rest")
        result = self.command("doctor")  # also the store, and the chain of the activity log
        self.expect(result.code == 0, f"sluice doctor: {result.out}{result.err}")
        left = [] if blind else self.processes()[1]
        self.expect(not left, f"processes of steps are left: {left}")
        left = [str(path) for path in self.home.rglob("*.new") if not may_leave]
        self.expect(not left, f"files half made are left: {left}")

    def __call__(self, loop, nth):
        try:
            result = self.faulty(loop, nth)
            self.judge_faulty(loop, result)
            self.settle()
            fds = self.descriptors()
            self.expect(max(fds.values(), default=0) <= RUNNER_FDS, f"descriptors of runners at rest: {fds}")
            # What may not be removed stays; a runner that may look at nothing in /proc does not see what it is to kill.
            refused = loop.fault.kind == "path"
            self.check(may_leave=refused, blind=refused and loop.onwards and loop.program == "sluice-runner")
        except Exception as wrong:  # a trial must not end the loop of trials
            self.problems.append(f"{type(wrong).__name__}: {wrong}")
        finally:
            self.close()
        return result


def trial(folder, build, library, loop, nth, **options):
    """(problems, plan, result of the faulty command)"""
    one = Trial(folder, build, library, **options)
    result = one(loop, nth)
    if not one.problems:
        shutil.rmtree(folder, ignore_errors=True)
    return one.problems, one.plan, result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--from", dest="first", type=int, default=1)
    parser.add_argument("--to", type=int, default=1 << 30)
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp(prefix="fail-nth-"))
    library = make_library(base)
    bad = 0
    for loop in LOOPS:
        if not re.search(options.only, str(loop)):
            continue
        nth, failed = options.first, 1
        while failed and nth <= options.to:
            problems, plan, result = trial(base / f"{loop}-{nth}", options.build.resolve(), library, loop, nth)
            failed = plan.failed
            if problems or result.seconds > 5:
                bad += bool(problems)
                print(f"{'PROBLEM' if problems else 'slow'} {loop} {nth}: {plan.what} (code {result.code}, "
                      f"{result.seconds:.1f} s)", *problems, sep="\n    ", flush=True)
            nth += options.every
        print(f"{loop}: {nth - 1} of {plan.count(loop)} calls", flush=True)
    print(f"{bad} trials with problems in {base}")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
