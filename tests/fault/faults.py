# SPDX-License-Identifier: Apache-2.0
"""What homes are mistreated with. SLUICE_BUILD names the folder with the programs (default: build); SLUICE_FAULT_ALL=1
lets the tests go through all moments where they would take a sample."""
import os
import pathlib
import sys

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
