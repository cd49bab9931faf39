# SPDX-License-Identifier: Apache-2.0
"""Homes of their own for tests that use sluice as its users do (programs.py)."""
import pathlib
import shutil

import pytest
from programs import ROOT, Sluice


@pytest.fixture
def sluice(tmp_path):
    program = Sluice(tmp_path)
    yield program
    program.close()


@pytest.fixture
def example(tmp_path):
    """A copy of an example, or of a folder below the root, with sluice in it."""
    programs = []

    def copy(name):
        source = ROOT / "examples" / name if (ROOT / "examples" / name).is_dir() else ROOT / name
        folder = tmp_path / pathlib.Path(name).name
        shutil.copytree(source, folder)
        programs.append(Sluice(folder))
        return programs[-1]

    yield copy
    for program in programs:
        program.close()
