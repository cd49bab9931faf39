# SPDX-License-Identifier: Apache-2.0
"""kill -9 while a gate is replayed: it is recovered as every run is, and its verdict is recorded once."""
import pathlib
import re
import sqlite3

import pytest
from gating import gate, gates, judged_by_items, limits, trace, wines
from programs import kill_runners, wait_until
from serving import Server

ENGINE = pathlib.Path(__file__).parents[2] / "orchestrator" / "engine"
POINTS = {name for path in ENGINE.glob("*.c")
          for name in re.findall(r'\bcrash_point\(engine, "(\w+)"\)', path.read_text(encoding="utf-8"))}

CERTAIN = {"in_submit", "in_attempt_end"}  # others depend on how quick the steps are


def kill(process):
    process.kill()
    process.communicate()


@pytest.fixture
def two(sluice):
    return wines(sluice, 0.2, 0.4)


def settled(sluice, replays=1):
    """Each replay has come to its one verdict, and nothing is left open."""
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        assert store.execute("SELECT count(*) FROM attempts WHERE ended_ms IS NULL").fetchone() == (0,)
        assert store.execute("SELECT count(*) FROM pipeline_runs WHERE ended_ms IS NULL").fetchone() == (0,)
    assert [row["replay_of"] for row in gates(sluice)] == replays * [2] + [None, None]
    whole = gate(sluice, 2 + replays)
    assert (whole["replay_of"], whole["version"], whole["passed"], whole["champion"]) == (2, "wine/1", True, None)
    assert whole["record"]["replay"]["champion"] == "then"
    runs = sluice("runs", "--pipeline", "wine", "--json", expect=0).json
    assert [run["verdict"] for run in runs] == (replays + 2) * ["passed"]
    sluice("activity", "verify", expect=0)


def test_the_one_that_follows_it_is_killed(two):
    (two.folder / "hold").touch()
    before = trace(two).count("predict")
    process = two.start("gates", "replay", "2", "wine/1")
    wait_until(lambda: trace(two).count("predict") == before + 1)
    kill(process)
    (two.folder / "hold").unlink()
    two("resume", "-q", expect=0)
    settled(two)
    assert trace(two).count("predict") == before + 1


def test_an_item_of_a_matrix_is_judged_alone_also_by_who_takes_over(sluice):
    number = judged_by_items(sluice, 0.2, 0.4)[0.5]
    (sluice.folder / "hold").touch()
    before = trace(sluice).count("predict")
    process = sluice.start("gates", "replay", str(number), "wine/2")
    wait_until(lambda: trace(sluice).count("predict") == before + 1)
    kill(process)
    (sluice.folder / "hold").unlink()
    sluice("resume", "-q", expect=0)
    rows = gates(sluice)
    assert len(rows) == 5 and rows[0]["replay_of"] == number
    assert limits(gate(sluice, rows[0]["gate"])) == [0.5]


def test_the_server_is_killed_and_the_next_goes_on(two):
    server = Server(two)
    (two.folder / "hold").touch()
    before = trace(two).count("predict")
    status, _, _ = server.ask("POST", "/api/sluice/v1/gates/2/replay", {"version": "wine/1"})
    assert status == 201
    wait_until(lambda: trace(two).count("predict") == before + 1)
    server.process.kill()
    server.process.communicate()
    (two.folder / "hold").unlink()
    two("resume", "-q", expect=0)
    settled(two)
    assert trace(two).count("predict") == before + 1


def test_runner_and_follower_are_killed(two):
    """The step that ran is lost, so the run fails; a verdict is not made up."""
    (two.folder / "hold").touch()
    before = trace(two).count("predict")
    process = two.start("gates", "replay", "2", "wine/1")
    wait_until(lambda: trace(two).count("predict") == before + 1)
    kill(process)
    kill_runners(two.home)
    (two.folder / "hold").unlink()
    result = two("resume", "--json", expect=1)
    assert "lost" in result.step("predict")["reason"] and len(gates(two)) == 2
    two("gates", "replay", 2, "wine/1", expect=0)
    assert gate(two, 3)["replay_of"] == 2


def test_the_same_run_that_is_started_goes_on_with_no_replay(two):
    """One that was left is taken up by whoever opens the home; what is asked for is a run of its own."""
    (two.folder / "hold").touch()
    before = trace(two).count("predict")
    process = two.start("gates", "replay", "2", "wine/2")
    wait_until(lambda: trace(two).count("predict") == before + 1)
    kill(process)
    (two.folder / "hold").unlink()
    run = two("run", "-p", "shift=0.4", "--until", "judge", "--json", expect=0)
    assert "going on with" not in run.err and run.json["number"] == "4"


def points_of(two):
    """The points of the engine that a replay passes."""
    listing = two.folder / "points"
    listing.touch()
    two("gates", "replay", 2, "wine/1", "-q", env={"SLUICE_CRASH": f"{listing}:0"}, expect=0)
    return sorted(set(listing.read_text().split()) & POINTS)


def test_it_is_killed_at_each_point_of_the_engine_that_it_passes(two):
    """Either nothing of it is there, or all."""
    points = points_of(two)
    assert CERTAIN <= set(points)
    for done, point in enumerate(points, 1):
        killed = two("gates", "replay", 2, "wine/1", "-q", env={"SLUICE_CRASH": point})
        assert killed.code == -9 or (killed.code == 0 and point not in CERTAIN), (point, killed)
        two("resume", "-q")
        if len(two("runs", "--pipeline", "wine", "--json", expect=0).json) == 2 + done:
            two("gates", "replay", 2, "wine/1", "-q", expect=0)
        settled(two, done + 1)
