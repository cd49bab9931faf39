# SPDX-License-Identifier: Apache-2.0
"""What is deployed to is held by one step at a time: rollouts of different runs never move the same traffic."""
import os
import signal
import sqlite3

import pytest
from programs import wait_until
from serving import Server
from test_rollouts import web, wines  # noqa: F401 (fixtures)

PIPELINE = """\
    name: %s
    params: {version: {type: integer}}
    steps:
      deploy:
        uses: deploy
        with:
          model: models:/wine/${{ params.version }}
          %s
          stages: [{weight: 25, for: %s}, {weight: 75}]
    """


@pytest.fixture
def told(web):  # noqa: F811
    """Each (action, model version) that the service was told, in their order."""
    list_of = []

    def models(request):
        list_of.append((request.json["action"], request.json["model_uri"].rpartition("/")[2]))
        return 200, ""

    web.answers["/models"] = models
    web.told = list_of
    return web


def pipeline(sluice, name, target, lasts="400ms"):
    return sluice.pipeline(PIPELINE % (name, target, lasts), name + ".yaml").name


def http(told, more=""):  # noqa: F811
    return 'target: {http: "%s/models"}%s' % (told.url, more)


def start(sluice, file, version):
    return sluice.start("run", file, "-p", f"version={version}", "--json")


def status(sluice, run):
    shown = sluice("show", run, "--json")
    return shown.step("deploy") if shown.code == 0 else {"status": "none", "reason": ""}


def waits_for(sluice, run, words):
    assert wait_until(lambda: words in (status(sluice, run)["reason"] or ""))


def held(sluice):
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM target_holds").fetchone()[0]


def whole(version):
    return [("weight", version), ("weight", version), ("deploy", version)]


def test_a_second_rollout_to_a_service_waits_until_the_first_has_ended(wines, told):  # noqa: F811
    first = start(wines, pipeline(wines, "a", http(told), "8s"), 2)
    assert wait_until(lambda: told.told)
    second = start(wines, pipeline(wines, "b", http(told)), 3)
    words = f"waits for {told.url}/models, which run a 1, step deploy holds"
    waits_for(wines, "b/1", words)
    assert words in wines("show", "b/1", expect=0).out and words in wines("explain", "b/1", expect=0).out
    assert first.wait(60) == 0 and second.wait(60) == 0
    assert told.told == whole("2") + whole("3")
    assert held(wines) == 0


def test_who_came_first_is_next_and_one_that_needs_no_stages_waits_too(wines, told):  # noqa: F811
    server = Server(wines)
    runs = [start(wines, pipeline(wines, "a", http(told), "8s"), 2)]
    assert wait_until(lambda: told.told)
    wines.pipeline("name: at_once\nsteps:\n  deploy: {uses: deploy, with: {model: 'models:/wine/1', %s}}\n"
                   % http(told), "at_once.yaml")
    runs.append(wines.start("run", "at_once.yaml"))
    waits_for(wines, "at_once/1", "which run a 1, step deploy holds")
    runs.append(start(wines, pipeline(wines, "c", http(told)), 3))
    waits_for(wines, "c/1", "which run a 1, step deploy holds")
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert told.told == whole("2") + [("deploy", "1")] + whole("3")
    server.stop()


def test_one_that_shall_not_wait_fails_and_changes_nothing(wines, told):  # noqa: F811
    first = start(wines, pipeline(wines, "a", http(told), "8s"), 2)
    assert wait_until(lambda: told.told)
    reason = wines.run(pipeline(wines, "b", http(told) + "\n          busy: fail"), "-p", "version=3",
                       expect=1).step("deploy")["reason"]
    assert reason == f"{told.url}/models, which run a 1, step deploy holds: nothing was changed"
    assert first.wait(60) == 0 and told.told == whole("2")


@pytest.mark.parametrize("killed", [1, 2])
def test_all_that_are_killed_between_stages_go_on_one_after_the_other(wines, told, killed):  # noqa: F811
    """Killed, and again: once while both wait, once while the second has just been given the target."""
    server = Server(wines)
    start(wines, pipeline(wines, "a", http(told), "5s"), 2)
    assert wait_until(lambda: told.told)
    start(wines, pipeline(wines, "b", http(told), "5s"), 3)
    waits_for(wines, "b/1", "which run a 1, step deploy holds")
    for _ in range(killed):
        for process in wines.started:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        assert held(wines) == 1
        server = Server(wines)
        assert killed == 1 or wait_until(lambda: ("weight", "3") in told.told or len(told.told) < 3)
    assert wait_until(lambda: status(wines, "b/1")["status"] == "succeeded", 120)
    assert told.told == whole("2") + whole("3") and held(wines) == 0
    server.stop()


def test_a_rollout_that_is_cancelled_goes_back_before_the_next_begins(wines, told):  # noqa: F811
    more = "\n          previous: models:/wine/1"
    start(wines, pipeline(wines, "a", http(told, more), "1h"), 2)
    assert wait_until(lambda: told.told)
    second = start(wines, pipeline(wines, "b", http(told, more)), 3)
    waits_for(wines, "b/1", "which run a 1, step deploy holds")
    wines("cancel", "a/1", expect=0)
    assert second.wait(60) == 0
    assert told.told == [("weight", "2"), ("rollback", "1")] + whole("3") and held(wines) == 0


def test_one_that_waits_and_is_cancelled_is_not_waited_for(wines, told):  # noqa: F811
    first = start(wines, pipeline(wines, "a", http(told), "8s"), 2)
    assert wait_until(lambda: told.told)
    second = start(wines, pipeline(wines, "b", http(told)), 3)
    waits_for(wines, "b/1", "which run a 1, step deploy holds")
    third = start(wines, pipeline(wines, "c", http(told)), 1)
    waits_for(wines, "c/1", "which run a 1, step deploy holds")
    wines("cancel", "b/1", expect=0)
    assert first.wait(60) == 0 and second.wait(60) != 0 and third.wait(60) == 0
    assert told.told == whole("2") + whole("1") and held(wines) == 0


@pytest.mark.parametrize("one, other, meet", [
    ("target: {command: [sh, serve.sh, a]}", "target: {command: [sh, serve.sh, a]}", True),
    ("target: {command: [sh, serve.sh, a]}", "target: {command: [sh, serve.sh, b]}", False),
    ("target: {command: [sh, serve.sh, a]}\n          name: eu", "target: {command: [sh, serve.sh, b]}\n"
     "          name: eu", True),
    ("target: {directory: srv}", "target: {directory: link}", True),
    ("target: {directory: srv}", "target: {directory: other}", False),
])
def test_targets_are_the_same_by_name_place_and_command_line(wines, one, other, meet):  # noqa: F811
    wines.write("serve.sh", "exit 0\n")
    os.symlink("srv", wines.folder / "link")
    first = start(wines, pipeline(wines, "a", one, "8s"), 2)
    assert wait_until(lambda: status(wines, "a/1")["status"] == "waiting")
    second = start(wines, pipeline(wines, "b", other, "1ms"), 3)
    if meet:
        waits_for(wines, "b/1", "which run a 1, step deploy holds")
    else:
        assert second.wait(60) == 0
        assert first.poll() is None
    assert first.wait(60) == 0 and second.wait(60) == 0
    assert held(wines) == 0
