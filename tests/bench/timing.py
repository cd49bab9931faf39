# SPDX-License-Identifier: Apache-2.0
"""Running a command and knowing what it took."""
import os
import pathlib
import statistics
import subprocess
import time

# The same short search path for everybody, and no settings of a person's own.
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "NO_COLOR": "1"}


SETTLE_S, SETTLED_S, SETTLES_MAX = 1, 0.02, 10


class NotMeasured(Exception):
    """Why a figure is missing."""


class Took:
    def __init__(self, ms, peak_kib):
        self.ms, self.peak_kib = ms, peak_kib


class Timer:
    """Runs commands by the small program `timed`."""

    def __init__(self, build, work):
        self.build, self.work = pathlib.Path(build), pathlib.Path(work)
        self.env = {**ENV, "HOME": str(self.work)}

    def __call__(self, *command, cwd=None, codes=(0,)):
        """What the command took. All that was written before it is on the disk by then: it does not pay for that."""
        os.sync()
        out = self.work / "took"
        done = subprocess.run([self.build / "bench/timed", out, *map(str, command)], cwd=cwd or self.work, env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode not in codes:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise NotMeasured(f"{pathlib.Path(command[0]).name} ended with {done.returncode}: {''.join(said)}")
        micros, peak_kib, _ = out.read_text(encoding="ascii").split()
        return Took(int(micros) / 1000, int(peak_kib))

    @staticmethod
    def settle():
        """After thirty thousand files were copied: until a sync finds nothing to do. The kernel calls all of it written
        while the disk is still at it, and the next sync, whoever's, waits for that."""
        for _ in range(SETTLES_MAX):
            os.sync()
            time.sleep(SETTLE_S)
            began = time.monotonic()
            os.sync()
            if time.monotonic() - began < SETTLED_S:
                return

    def floors(self, times=300):
        """Milliseconds of (a spawn, a sync, both) here and now."""
        os.sync()
        said = subprocess.run([self.build / "bench/floor", self.work / "floor.file", str(times)], env=self.env,
                              capture_output=True, text=True, check=True).stdout
        return [float(word) / 1000 for word in said.split()]


def median(numbers):
    return statistics.median(numbers)


def spread(numbers):
    """The least and the most, for a reader who wants to know how sure a median is."""
    return min(numbers), max(numbers)
