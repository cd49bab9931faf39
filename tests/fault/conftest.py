# SPDX-License-Identifier: Apache-2.0
"""Homes to mistreat (faults.py)."""
import pytest
from faults import BUILD
from home import Home


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
