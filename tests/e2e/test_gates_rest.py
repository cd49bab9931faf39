# SPDX-License-Identifier: Apache-2.0
"""Gates by REST: replays are started, repeated safely, refused in words, and open to who may."""
import threading

import pytest
from accounts import basic
from gating import DATA, PIPELINE, activity, gates, make, trace, wines
from programs import wait_until
from rest import anonymous, user, with_admin


@pytest.fixture
def two(sluice):
    """A server of a home with two versions, of gates 1 and 2."""
    wines(sluice, 0.2, 0.4)
    return anonymous(sluice)


def test_a_replay_is_started_and_its_verdict_is_a_gate_of_its_own(sluice, two):
    run = two.post("/gates/2/replay", {"version": "wine/1", "priority": 3, "seed": 7}, 201)
    assert (run["trigger"], run["number"], run["actor"], run["priority"]) == ("replay", "3", "anonymous", 3)
    assert two.wait(run["run_id"])["verdict"] == "passed"
    whole = two.get("/gates/3")
    assert (whole["replay_of"], whole["version"], whole["run_id"]) == ("2", "wine/1", run["run_id"])
    assert whole["pipeline"] == "wine" and whole["other_data"] is False and whole["record"]["replay"]["of"] == 2
    assert whole["definition"] == two.get("/gates/2")["definition"] and whole["commit"] is None
    for query, found in (("", ["3", "2", "1"]), ("?replay_of=2", ["3"]), ("?replay_of=1", []),
                         ("?model=wine", ["3", "2", "1"]), ("?model=beer", []), ("?pipeline=wine&passed=true",
                                                                                 ["3", "2", "1"]),
                         ("?pipeline=beer", []), ("?model_id=" + whole["model_id"], ["3", "1"])):
        assert [one["gate_id"] for one in two.get("/gates" + query)["gates"]] == found, query
    assert activity(sluice, "gate.replayed")[0]["actor"] == "anonymous"


def test_a_key_makes_it_safe_to_ask_again(sluice, two):
    before = len(trace(sluice))
    first = two.post("/gates/2/replay", {"version": "wine/1"}, 201, key='"again"')
    second = two.post("/gates/2/replay", {"version": "wine/1"}, 201, key='"again"')
    assert first["run_id"] == second["run_id"]
    two.wait(first["run_id"])
    assert two.post("/gates/2/replay", {"version": "wine/2"}, 422, key='"again"')["message"]
    assert trace(sluice)[before:] == ["predict"] and len(gates(sluice)) == 3


def test_many_at_once_are_judged_each(sluice, two):
    runs = []

    def start(version):
        runs.append(two.post("/gates/1/replay", {"version": f"wine/{version}"}, 201)["run_id"])

    threads = [threading.Thread(target=start, args=[1 + n % 2]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(runs)) == 6
    for run in runs:
        assert two.wait(run)["status"] == "succeeded"
    replays = two.get("/gates?replay_of=1")["gates"]
    assert sorted(one["run_id"] for one in replays) == sorted(runs)
    assert sorted(one["version"] for one in replays) == 3 * ["wine/1"] + 3 * ["wine/2"]


@pytest.mark.parametrize("gate, body, status, words", [
    ("99", {"version": "wine/1"}, 404, "no gate 99"),
    ("1", {"version": "wine/9"}, 404, "wine"),
    ("1", {"version": "beer/1"}, 404, "beer"),
    ("1", {"version": "wine@nobody"}, 404, "has no alias 'nobody'"),
    ("1", {"version": "wine"}, 422, "expected MODEL/VERSION or MODEL@ALIAS"),
    ("1", {"version": "\x00/1"}, None, ""),
    ("1", {"version": 7}, 400, "version"),
    ("1", {}, 400, "version"),
    ("1", {"version": "wine/1", "champion": "later"}, 400, "champion"),
    ("1", {"version": "wine/1", "other_data": "yes"}, 400, "other_data"),
    ("1", {"version": "wine/1", "colour": "red"}, 400, "colour"),
    ("x", {"version": "wine/1"}, None, "gate_id"),
])
def test_what_cannot_be_replayed_is_refused_and_leaves_nothing(sluice, two, gate, body, status, words):
    got, _, answer = two.ask("POST", f"/gates/{gate}/replay", body)
    assert got == (status or got) and 400 <= got < 500 and words in answer.decode(), (got, answer)
    assert len(two.get("/runs")["runs"]) == 2 and len(gates(sluice)) == 2


def test_who_may_not_is_refused(sluice):
    """It takes the role runner, EDIT on the experiment of the gate's run, and READ on the registered model."""
    sluice.write(".sluice/config.yaml", "auth: {default_permission: NO_PERMISSIONS}\n")
    wines(sluice, 0.2, 0.4)
    rest = with_admin(sluice)
    experiment = rest.get("/runs")["runs"][0]["experiment_id"]

    def grant(kind, **body):
        path = f"/api/2.0/mlflow/{kind}/permissions/"
        if rest.server.ask("POST", path + "create", body, rest.headers)[0] != 200:
            assert rest.server.ask("PATCH", path + "update", body, rest.headers)[0] == 200

    bob = user(rest, sluice, "bob", "--role", "runner")
    sluice("users", "role", "bob", "runner", expect=0)
    body = {"version": "wine/1"}
    bob.post("/gates/2/replay", body, 403)
    grant("experiments", experiment_id=experiment, username="bob", permission="READ")
    assert "needs EDIT" in bob.post("/gates/2/replay", body, 403)["message"]
    grant("experiments", experiment_id=experiment, username="bob", permission="EDIT")
    assert "'wine'" in bob.post("/gates/2/replay", body, 403)["message"]
    grant("registered-models", name="wine", username="bob", permission="READ")
    run = bob.post("/gates/2/replay", body, 201)
    assert run["actor"] == "bob" and bob.wait(run["run_id"])["verdict"] == "passed"
    sluice("users", "role", "bob", "viewer", expect=0)
    bob.post("/gates/2/replay", body, 403)
    rest.as_user({}).post("/gates/2/replay", body, 401)
    rest.as_user(basic("bob", "wrong")).post("/gates/2/replay", body, 401)
    assert len(rest.get("/gates?replay_of=2")["gates"]) == 1
    assert [row["actor"] for row in activity(sluice, "gate.replayed")] == ["bob"]
    assert "bob" in {row["actor"] for row in activity(sluice, "call.refused")} | {
        row["actor"] for row in sluice("activity", "--json", "--outcome", "refused", expect=0).json}


def hold(sluice):
    """Predicting waits until the file is gone."""
    (sluice.folder / "hold").touch()
    return sluice.folder / "hold"


def begun(rest, run_id, step="predict"):
    return wait_until(lambda: any(one["id"] == step and one["status"] == "active"
                                  for one in rest.get(f"/runs/{run_id}")["steps"]))


def test_a_version_that_is_deleted_meanwhile_gets_no_verdict(sluice, two):
    held = hold(sluice)
    run = two.post("/gates/2/replay", {"version": "wine/1"}, 201)
    begun(two, run["run_id"])
    assert two.server.ask("DELETE", "/api/2.0/mlflow/model-versions/delete", {"name": "wine", "version": "1"})[0] == 200
    held.unlink()
    ended = two.wait(run["run_id"])
    judge = next(step for step in ended["steps"] if step["id"] == "judge")
    assert ended["status"] == "failed" and "wine/1, on which gate 2 is replayed" in judge["reason"], judge
    assert len(gates(sluice)) == 2
    two.post("/gates/2/replay", {"version": "wine/1"}, 404)


def test_a_replay_is_cancelled_as_a_run_is(sluice, two):
    held = hold(sluice)
    run = two.post("/gates/2/replay", {"version": "wine/1"}, 201)
    begun(two, run["run_id"])
    two.post(f"/runs/{run['run_id']}/cancel", {"reason": "not now"}, 202)
    assert two.wait(run["run_id"])["status"] == "cancelled" and len(gates(sluice)) == 2
    held.unlink()
    assert "only replays a gate" in two.post(f"/runs/{run['run_id']}/retry", {}, 409)["message"]
    newest = two.post("/runs", {"pipeline": "wine", "params": {"shift": 0.1}}, 201)
    assert two.wait(newest["run_id"])["params"]["shift"] == 0.1


def test_a_replay_waits_for_no_place_of_a_group(sluice, two):
    """The group of the pipeline has one place, which a run holds."""
    two.server.stop()
    sluice.pipeline(PIPELINE.replace('run: "echo after >> trace"', 'run: "while [ -e busy ]; do sleep 0.05; done"'))
    make(sluice, 0.3)
    rest = anonymous(sluice)
    (sluice.folder / "busy").touch()
    busy = rest.post("/runs", {"pipeline": "wine", "params": {"shift": 0.1}}, 201)
    begun(rest, busy["run_id"], "after")
    queued = rest.post("/runs", {"pipeline": "wine"}, 201)
    run = rest.post("/gates/2/replay", {"version": "wine/1"}, 201)
    assert rest.wait(run["run_id"])["verdict"] == "passed"
    assert rest.status(busy["run_id"]) == "running" and rest.status(queued["run_id"]) == "queued"
    (sluice.folder / "busy").unlink()
    assert rest.wait(queued["run_id"])["status"] == "succeeded"


def test_the_command_asks_the_one_that_holds_the_home(sluice, two):
    done = sluice("gates", "replay", 2, "wine/1", "--json", expect=0).json
    assert done["verdict"] == "passed" and two.get("/gates/3")["replay_of"] == "2"
    assert sluice("gates", "replay", 1, "wine/2", "--champion", "now", "--other-data", expect=0).code == 0
    assert two.get("/gates/4")["record"]["replay"]["champion"] == "now"
    assert "is gone" not in sluice("gates", "replay", 77, "wine/1", expect=2).err


def test_the_end_of_a_replay_starts_nothing(sluice):
    """Of the ends of wine, only those of runs that were no replays start the pipeline that listens."""
    wines(sluice, 0.2, 0.4)
    (sluice.folder / "live").mkdir()
    sluice.pipeline("name: listens\non: {pipeline: {name: wine, status: [succeeded]}}\nsteps: {a: {run: id}}\n",
                    "live/listens.yaml")
    rest = anonymous(sluice, "--pipelines", sluice.folder / "live")
    replayed = rest.post("/gates/2/replay", {"version": "wine/1"}, 201)
    rest.wait(replayed["run_id"])
    started = rest.post("/runs", {"pipeline": "wine", "params": {"shift": 0.1}}, 201)
    rest.wait(started["run_id"])
    wait_until(lambda: rest.get("/runs?pipeline=listens")["runs"])
    triggers = rest.get("/triggers?pipeline=listens")["triggers"]
    assert [one["kind"] for one in triggers] == ["pipeline"] and len(rest.get("/runs?pipeline=listens")["runs"]) == 1


def test_what_a_newer_definition_says_changes_nothing_of_an_older_gate(sluice, two):
    sluice.pipeline(PIPELINE.replace("<= ${{ params.limit }}", "<= 0.01"))
    sluice.write("data.csv", DATA + "9\n")
    two.server.stop()
    make(sluice, 0.3)
    rest = anonymous(sluice)
    run = rest.post("/gates/1/replay", {"version": "wine/3"}, 201)
    assert rest.wait(run["run_id"])["verdict"] == "passed"
    whole = rest.get("/gates/4")
    assert [rule["rule"] for rule in whole["record"]["rules"]] == ["<= 0.5", "<= champion + 0.1"]
    assert whole["record"]["dataset"]["digest"] == rest.get("/gates/1")["record"]["dataset"]["digest"]
    started = rest.post("/runs", {"pipeline": "wine"}, 201)  # as the newest run that was no replay
    assert rest.wait(started["run_id"])["verdict"] == "refused"
