# SPDX-License-Identifier: Apache-2.0
"""A commit of a thousand pipelines: checked in many turns, between which others are served, in force in one."""
import json
import signal
import sqlite3

import pytest
from programs import wait_until
from repositories import Follower, Repository

COUNT = 1000
AT_ONCE = 20  # files in a turn at most (trigger/source_read.c)


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def text(name, says, on="", steps=10):
    steps = "".join(f"  s{i}: {{run: 'echo {says} {i}'}}\n" for i in range(steps))
    return f"name: {name}\n{on}steps:\n{steps}"


def put_all(repository, says, count=COUNT, steps=10):
    for i in range(count):
        repository.put(f"pipelines/p{i:04}.yaml", text(f"p{i:04}", says, steps=steps))
    return repository.push(says)


def put_what_is_checked_for_long(repository):
    """So long that somebody who looks sees it."""
    return put_all(repository, "second", steps=60)


def follow(sluice, repository, **more):
    return Follower(sluice, {"name": "wine", "url": str(repository.bare), "every": "1h"}, **more)


def in_force(home):
    """{commit: how many pipelines are in force with it}."""
    return dict(home.rows("SELECT json_extract(git, '$.commit'), count(*) FROM pipelines_in_force GROUP BY 1"))


def changes(home):
    return home.rows("SELECT from_state, to_state FROM activity WHERE action = 'source.in_force' ORDER BY sequence")


def ask(home, method, path, body=None):
    status, _, answer = home.server.ask(method, path, body)
    assert status in (200, 202), answer
    return json.loads(answer)


def state(home):
    source = ask(home, "GET", "/api/sluice/v1/sources/wine")
    return source["in_force"], source["jobs"][0]["words"]


def test_requests_are_answered_between_the_turns_in_which_a_commit_is_checked(sluice, repository):
    first = put_all(repository, "first")
    home = follow(sluice, repository)
    home.until_in_force(first)
    second = put_what_is_checked_for_long(repository)
    ask(home, "POST", "/api/sluice/v1/sources/wine/sync", {})
    wait_until(lambda: state(home) == (first, f"checking {COUNT} pipelines"))
    # What is written meanwhile is in turns of its own: when it is answered, the checking still goes on.
    written = 0
    while state(home) == (first, f"checking {COUNT} pipelines"):
        ask(home, "POST", "/api/2.0/mlflow/experiments/create", {"name": f"between {written}"})
        written += state(home) == (first, f"checking {COUNT} pipelines")
    assert written >= 1
    home.until_in_force(second)
    assert in_force(home) == {second: COUNT}


def test_a_commit_that_comes_while_another_is_checked_has_its_turn_after_it(sluice, repository):
    first = put_all(repository, "first")
    home = follow(sluice, repository)
    home.until_in_force(first)
    second = put_what_is_checked_for_long(repository)
    ask(home, "POST", "/api/sluice/v1/sources/wine/sync", {})
    wait_until(lambda: state(home) == (first, f"checking {COUNT} pipelines"))
    repository.put("pipelines/p0007.yaml", "name: p0007\nsteps: {say: {run: echo, frm: 1}}\n")
    third = repository.push("a slip")
    fourth = repository.put("pipelines/p0007.yaml", None).push("fourth")
    ask(home, "POST", "/api/sluice/v1/sources/wine/sync", {})
    home.until_in_force(fourth)
    assert in_force(home) == {fourth: COUNT - 1}
    assert changes(home) == [("", first), (first, second), (second, fourth)], third


@pytest.mark.parametrize("point", ["in_reading", f"in_reading:{COUNT // AT_ONCE - 1}", f"in_reading:{COUNT // AT_ONCE}",
                                   "in_source"])
def test_killed_between_two_turns_all_of_the_old_commit_is_in_force_and_then_all_of_the_new(sluice, repository, point):
    first = put_all(repository, "first")
    home = follow(sluice, repository)
    home.until_in_force(first)
    home.server.process.kill()
    home.server.process.communicate()
    second = put_all(repository, "second")
    for _ in range(2):
        killed = sluice.start("serve", "--port", "0", env={"SLUICE_CRASH": point})
        assert killed.wait(timeout=60) == -signal.SIGKILL
        with sqlite3.connect(sluice.home / "sluice.db") as store:
            store.execute("SELECT 1 FROM sources")  # what was killed left its log
        assert in_force(home) == {first: COUNT} and home.rows("SELECT count(*) FROM refused_files") == [(0,)]
    home.restart()
    home.until_in_force(second)
    assert in_force(home) == {second: COUNT}
    assert changes(home) == [("", first), (first, second)]


def test_all_that_is_wrong_in_a_large_commit_is_said_and_names_are_compared_across_its_turns(sluice, repository):
    count = 3 * AT_ONCE
    first = put_all(repository, "first", count)
    home = follow(sluice, repository)
    home.until_in_force(first)
    repository.put("pipelines/p0059.yaml", text("p0000", "a name of the first turn"))
    repository.put("pipelines/p0030.yaml", "name: p0030\nsteps: {say: {run: echo, frm: 1}}\n")
    bad = repository.push("bad")
    assert home.sync(expect=1)["words"].startswith("refused: pipelines/p0030.yaml:2: ")
    source = home.source()
    assert source["in_force"] == first and in_force(home) == {first: count}
    assert [problem["file"] for problem in source["problems"]] == ["pipelines/p0030.yaml", "pipelines/p0059.yaml"]
    assert "'p0000' is also what pipelines/p0000.yaml is called" in source["problems"][1]["message"]
    assert source["seen"] == bad
