# SPDX-License-Identifier: Apache-2.0
"""Homes to mistreat (faults.py)."""
import pytest
from apart import ApartHome, why_not
from faults import BUILD
from home import Home


def pytest_generate_tests(metafunc):
    """Modules that say so are run in both arrangements: steps of our user, and of another."""
    if "home" in metafunc.fixturenames and getattr(metafunc.module, "BOTH_ARRANGEMENTS", False):
        metafunc.parametrize("home", ["one_user", "two_users"], indirect=True)


@pytest.fixture
def home(request, tmp_path):
    if getattr(request, "param", "one_user") == "two_users":
        if reason := why_not(BUILD):
            pytest.skip(reason)
        mistreated = ApartHome(BUILD)
    else:
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
