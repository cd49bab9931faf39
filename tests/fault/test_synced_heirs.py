# SPDX-License-Identifier: Apache-2.0
"""The record that an heir has begun is on the disk before the heir begins: also where there was no room for it."""
import pytest
from lone_runner import Engine, Runner, wait_until
from test_runner_heirs import give

from faults import preload


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Its third record of an heir finds no room, and each sync takes a while."""
    home = tmp_path / "home"
    home.mkdir()
    with monkeypatch.context() as patch:
        for name, value in preload("slow_journal", SLOW_JOURNAL="3:500", SLOW_JOURNAL_LOG=tmp_path / "log").items():
            patch.setenv(name, value)
        runner = Runner(home)
    yield runner
    runner.stop()


def test_what_found_no_room_at_first_is_synced_before_its_heir_begins(runner, tmp_path):
    engine = Engine(runner)
    pairs = []
    for n in range(3):
        before = runner.spawn(engine, script=f"until [ -e go{n} ]; do sleep 0.02; done")
        pairs.append((before, give(runner, engine, before, script=f"echo began{n} >> '{tmp_path / 'log'}'")))
        runner.started(before)
    log = tmp_path / "log"
    lines = lambda: log.read_text().split() if log.exists() else []  # noqa: E731
    (runner.home / "go0").touch()
    assert runner.exit(pairs[0][1])["code"] == 0
    (runner.home / "go1").touch()
    wait_until(lambda: runner.frames(pairs[1][0], "exit") and lines().count("sync") == 2)
    (runner.home / "go2").touch()  # while that is synced
    for before, heir in pairs:
        assert runner.exit(before)["heir"]["attempt"] == heir and runner.exit(heir)["code"] == 0
    found = lines()
    assert found.count("heir") == 3
    last = len(found) - 1 - found[::-1].index("heir")
    assert "sync" in found[last : found.index("began2")], found
    engine.close()
