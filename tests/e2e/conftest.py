# SPDX-License-Identifier: Apache-2.0
"""Homes of their own for tests that use sluice as its users do (programs.py)."""
import os
import pathlib
import shutil

import pytest
from programs import ROOT, Sluice
from receiver import Receiver
from serving import Server


os.umask(0o022)  # whatever that of the caller: the modes of files are asserted


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


@pytest.fixture
def receive():
    """Makes receivers of webhooks, closed with the test."""
    made = []

    def make(*args, **options):
        made.append(Receiver(*args, **options))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()


@pytest.fixture
def serve(sluice):
    """Starts servers, ended with the test; with a config.yaml, when one is given."""
    started = []

    def start(*options, config=None, **more):
        if config is not None:
            sluice.write(".sluice/config.yaml", config)
        started.append(Server(sluice, *options, **more))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
