# SPDX-License-Identifier: Apache-2.0
"""Homes to mistreat. SLUICE_BUILD names the folder with the programs (default: build); SLUICE_FAULT_ALL=1 lets the
tests go through all moments where they would take a sample."""
import os
import pathlib
import sys

import pytest

from home import ROOT, Home

sys.path.append(str(ROOT / "tests/e2e"))  # metric_points
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
ALL = os.environ.get("SLUICE_FAULT_ALL", "") not in ("", "0")


def preload(library, **env):
    """The environment of a command that a library of build/fault is put before. `make faults` builds them."""
    path = ROOT / "build/fault" / f"{library}.so"
    path = BUILD / "fault" / f"{library}.so" if (BUILD / "fault").is_dir() else path
    assert path.exists(), f"{path} is missing: make faults"
    return {"LD_PRELOAD": str(path), **{key: str(value) for key, value in env.items()}}


@pytest.fixture
def home(tmp_path):
    mistreated = Home(tmp_path, BUILD)
    yield mistreated
    mistreated.close()


@pytest.fixture
def homes(tmp_path):
    """A new one at each call."""
    made = []

    def new():
        folder = tmp_path / f"h{len(made)}"
        made.append(Home(folder, BUILD))
        return made[-1]

    yield new
    for mistreated in made:
        mistreated.close()
