# SPDX-License-Identifier: Apache-2.0
"""What homes are mistreated with. SLUICE_BUILD names the folder with the programs (default: build); SLUICE_FAULT_ALL=1
lets the tests go through all moments where they would take a sample."""
import datetime
import os
import pathlib
import sys
import time

from home import ROOT

sys.path.append(str(ROOT / "tests/e2e"))  # metric_points
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
ALL = os.environ.get("SLUICE_FAULT_ALL", "") not in ("", "0")


def preload(library, **env):
    """The environment of a command that a library of build/fault is put before. `make faults` builds them."""
    path = ROOT / "build/fault" / f"{library}.so"
    path = BUILD / "fault" / f"{library}.so" if (BUILD / "fault").is_dir() else path
    assert path.exists(), f"{path} is missing: make faults"
    return {"LD_PRELOAD": str(path), **{key: str(value) for key, value in env.items()}}


class Clock:
    """The wall clock of the commands that are started with `env`."""

    def __init__(self, folder):
        folder.mkdir()
        self.path = folder / "clock_ms"
        self.env = preload("machine", MACHINE=folder)

    def set(self, ahead_ms):
        new = self.path.with_suffix(".new")
        new.write_text(str(ahead_ms), encoding="ascii")
        new.rename(self.path)

    def set_to(self, moment):
        """From now on it is this moment: "2026-03-08T06:59:58Z"."""
        at = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
        self.set(int((at - time.time()) * 1000))
