# SPDX-License-Identifier: Apache-2.0
"""A home that is mistreated: commands in it, its processes, what is left of it, and whether all still holds."""
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import invariants
import ledger

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOREIGN = ("SLUICE_", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "LD_PRELOAD")
TERMINAL_RUN = ("succeeded", "failed", "cancelled")


def processes_of(home):
    """(runners, processes of steps) of who has `home`, `ledger` and `rows`, by what the kernel says of them: the home
    on the command line, or the mark of one of its attempts, or its ledger, in the environment."""
    told = {b"SLUICE_ATTEMPT=" + mark.encode() for mark, in home.rows("SELECT mark FROM attempts")}
    told.add(b"LEDGER=" + str(home.ledger).encode())
    runners, steps = [], []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            environ = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if told.intersection(environ):
            steps.append(int(entry.name))
        elif words[0].endswith(b"sluice-runner") and words[1:2] == [b"serve"] and str(home.home).encode() in words:
            runners.append(int(entry.name))
    return runners, steps


class Home:
    def __init__(self, folder, build):
        self.folder, self.build = pathlib.Path(folder), pathlib.Path(build)
        self.home, self.ledger = self.folder / ".sluice", self.folder / "ledger"
        self.database = self.home / "sluice.db"
        self.ledger.mkdir(parents=True)
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
        self.env.update(SLUICE_HOME=str(self.home), NO_COLOR="1", ASAN_OPTIONS="verify_asan_link_order=0:exitcode=99")
        self.started = []

    # ---- commands ----

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def start(self, *arguments, **env):
        process = subprocess.Popen([self.build / "sluice", *map(str, arguments)], cwd=self.folder,
                                   env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="replace")
        self.started.append(process)
        return process

    def __call__(self, *arguments, timeout=120, **env):
        """(exit code, standard output, standard error); -9 when it was killed."""
        process = self.start(*arguments, **env)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode != 99 and "Sanitizer" not in err and "runtime error:" not in err, err
        return process.returncode, out, err

    # ---- what the store says ----

    def rows(self, sql, *values):
        """Nothing while the database is being made."""
        try:
            with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as store:
                return store.execute(sql, values).fetchall()
        except sqlite3.OperationalError:
            return []

    def dump(self):
        """All rows of all tables, to compare."""
        names = [name for name, in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
        return {name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr) for name in names}

    def wait_for(self, check, seconds=60):
        end = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.01)

    def journal(self):
        return next((self.home / "runs").glob("*/journal"))

    def reasons(self):
        """{step: (state, reason)}"""
        return {row[0]: row[1:] for row in self.rows("SELECT step, state, reason FROM steps WHERE item < 0")}

    def open_runs(self):
        return self.rows(f"SELECT run_id FROM pipeline_runs WHERE state NOT IN {TERMINAL_RUN} AND parent_run IS NULL")

    def attempts(self):
        """{step: [states of its attempts]} over all runs and items, in the order in which they began"""
        found = {}
        for step, state in self.rows("SELECT s.step, a.state FROM attempts a "
                                     "JOIN steps s USING (run_id, position, item) ORDER BY a.id"):
            found.setdefault(step, []).append(state)
        return found

    # ---- its processes ----

    def processes(self):
        """(runners, processes of steps)"""
        return processes_of(self)

    def kill(self, *pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has just gone

    def kill_all(self):
        """The commands, the runners and all that descends from them, as when the machine stops."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for _ in range(100):
            runners, steps = self.processes()
            if not runners and not steps:
                return
            self.kill(*runners, *steps)
            time.sleep(0.01)

    def close(self):
        self.kill_all()

    # ---- going on until all is over ----

    def settle(self, most=12, seconds=120, **env):
        """Goes on with what is open, as a person would, until nothing is."""
        end = time.monotonic() + seconds
        for _ in range(most):
            if not self.open_runs():
                return
            code, _, err = self("resume", "-q", timeout=max(1, end - time.monotonic()), **env)
            if code == 5:
                self("approve", "latest", "-q", **env)
            elif code not in (0, 1, 6, -9):
                raise AssertionError(f"resume: exit code {code}\n{err}")
        assert not self.open_runs(), f"still open: {self.rows('SELECT step, state, reason FROM steps')}"

    def restart(self, **env):
        """A sluice that takes the home, puts right what it finds, starts nothing, and leaves."""
        code, _, err = self("secrets", "rm", "NO_SUCH_SECRET", **env)
        assert code in (1, 2, 4), err

    def restart_twice(self, **env):
        """I14, of a home that is not at rest: the second changes nothing, unless a retry has become due by then."""
        self.restart(**env)
        once, due = self.dump(), self.rows("SELECT min(due_ms) FROM steps WHERE state = 'delayed'")[0][0]
        self.restart(**env)
        again = self.dump()
        assert again == once or (due and time.time() * 1000 >= due), "restarting twice is restarting once"

    # ---- checking ----

    def check(self, at_rest=True, clock_moved=False):
        """A list of breaches: of the invariants of the store, and of the steps' own word against it."""
        breaches = invariants.check(self.home, clock_moved=clock_moved)
        breaches += ledger.check(self.database, self.ledger)
        if at_rest:
            breaches += invariants.check_rest(self.home)
            _, steps = self.processes()
            breaches += [f"12 processes of steps are left: {steps}"] if steps else []
        for command in (["activity", "verify"], ["doctor"]):
            code, out, err = self(*command)
            breaches += [f"13 sluice {' '.join(command)}: {out}{err}"] if code != 0 else []
        return breaches

    def expect_whole(self, at_rest=True, clock_moved=False, **env):
        """All invariants, and I14: another restart (with `env`) changes nothing."""
        breaches = self.check(at_rest, clock_moved)
        before = self.dump()
        self.restart(**env)
        after = self.dump()
        breaches += [f"14 a restart at rest changed {name}" for name in after if before.get(name) != after[name]]
        assert not breaches, "\n".join(breaches)
