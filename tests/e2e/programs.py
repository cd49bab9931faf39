# SPDX-License-Identifier: Apache-2.0
"""Private homes and the built programs, for tests that use sluice as its users do.

SLUICE_BUILD names the folder with the programs (default: build).
"""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import textwrap
import time

from runners import kill_runners, runners_of  # noqa: F401 (tests import them from here)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()


class Result:
    """What a command left: exit code, standard output, standard error."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def step(self, name, item=None):
        """The step of this id (and index of item) of a run's JSON object."""
        found = [step for step in self.json["steps"] if step["id"] == name]
        return found[item or 0]

    def __repr__(self):
        return f"exit code {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Sluice:
    """sluice in a folder of its own, with its home there."""

    def __init__(self, folder):
        self.folder = folder
        # `make test` speaks to a make that a test starts by these.
        foreign = ("SLUICE_", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        self.env.update(SLUICE_HOME=str(folder / ".sluice"), NO_COLOR="1", ASAN_OPTIONS="abort_on_error=0:exitcode=99")
        self.started = []

    @property
    def home(self):
        return self.folder / ".sluice"

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def pipeline(self, text, name="sluice.yaml"):
        return self.write(name, text)

    def start(self, *arguments, **options):
        """The command in the background; ended with the test."""
        process = subprocess.Popen([BUILD / "sluice", *map(str, arguments)], cwd=options.pop("cwd", self.folder),
                                   env={**self.env, **options.pop("env", {})}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                                    **options)
        self.started.append(process)
        return process

    def __call__(self, *arguments, expect=None, timeout=120, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=timeout)
        result = Result(process.returncode, out, err)
        assert result.code != 99 and "AddressSanitizer" not in err and "runtime error:" not in err, repr(result)
        if expect is not None:
            assert result.code == expect, repr(result)
        return result

    def run(self, *arguments, expect=0, **options):
        """`sluice run ... --json`."""
        return self("run", *arguments, "--json", expect=expect, **options)

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()
        kill_runners(self.home)


def forget_definition(sluice):
    """The stored text becomes one that this version does not accept. What it was comes back."""
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        was = store.execute("SELECT source FROM definitions").fetchone()[0]
        store.execute("UPDATE definitions SET source = 'name: p\nsteps: 3\n'")
    return was


def send(process, number):
    """A signal, which the process has taken when this returns: of two that are pending the kernel makes one."""
    process.send_signal(number)
    wait_until(lambda: process.poll() is not None or not _is_pending(process.pid, number))


def _is_pending(pid, number):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return False
    pending = (line.split()[1] for line in text.splitlines() if line.startswith(("SigPnd:", "ShdPnd:")))
    return any(int(mask, 16) & 1 << number - 1 for mask in pending)


def cpu_seconds(pid):
    """Of the processor, so far, by all threads of a process: what else the machine does takes none of it."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(check, seconds=60.0):
    """What the check says, once it says something. The seconds are for what never comes: a busy machine is slow."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
