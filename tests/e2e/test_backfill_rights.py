# SPDX-License-Identifier: Apache-2.0
"""Backfills are for whoever may start a run of the pipeline, and nobody else learns of them."""
import json

import pytest
from accounts import ALICE, BOB, add_user, basic
from programs import wait_until
from rest import Rest
from serving import Server

M2 = "/api/2.0/mlflow"
NIGHTLY = """\
name: {name}
on: {{schedule: [{{id: nightly, cron: "30 1 * * *"}}]}}
steps: {{work: {{run: "{command}"}}}}
"""
NIGHTS = {"schedule": "nightly", "from": "2026-01-01T00:00:00Z", "to": "2026-01-04T00:00:00Z"}
LOOK = "/schedules/{}/nightly/backfill?from=2026-01-01T00:00:00Z&to=2026-01-04T00:00:00Z"


@pytest.fixture
def house(sluice):
    """alice, an admin, bob, a runner, and the pipelines ours and theirs in force, each of which has run once."""
    for name, command in (("ours", "true"), ("theirs", "true"), ("slow", "sleep 60")):
        sluice.write(f"pipelines/{name}.yaml", NIGHTLY.format(name=name, command=command))
    add_user(sluice, "alice", ALICE, "--role", "admin")
    add_user(sluice, "bob", BOB, "--role", "runner")
    alice = Rest(Server(sluice, "--pipelines", "pipelines"), basic("alice", ALICE))
    bob = alice.as_user(basic("bob", BOB))
    wait_until(lambda: len(alice.get("/schedules")["schedules"]) == 3, 60)
    for name in ("ours", "theirs"):
        alice.wait(alice.post("/runs", {"pipeline": name}, 201)["run_id"])
    return alice, bob


def permit(alice, pipeline, permission):
    experiment, = {one["experiment_id"] for one in alice.get(f"/runs?pipeline={pipeline}")["runs"]}
    body = {"experiment_id": experiment, "username": "bob", "permission": permission}
    for method, verb in (("POST", "create"), ("PATCH", "update")):
        status, _, answer = alice.server.ask(method, f"{M2}/experiments/permissions/{verb}", body, alice.headers)
        if status == 200:
            return
    raise AssertionError(answer)


def test_a_runner_backfills_what_he_may_start(house):
    alice, bob = house
    permit(alice, "ours", "EDIT")
    assert bob.get(LOOK.format("ours"))["runs"] == 3
    made = bob.post("/backfills", {**NIGHTS, "pipeline": "ours"}, 201, key='"january"')
    assert made["actor"] == "bob"
    assert made == bob.post("/backfills", {**NIGHTS, "pipeline": "ours"}, 201, key='"january"')
    path = "/backfills/" + made["backfill_id"]
    done = wait_until(lambda: (row := bob.get(path))["state"] == "done" and row, 60)
    assert done["started"] == 3 and bob.get("/backfills")["backfills"] == [done]
    bob.post(path + "/cancel", {}, 409)


def test_who_may_read_looks_and_starts_nothing(house):
    alice, bob = house
    permit(alice, "theirs", "READ")
    assert bob.get(LOOK.format("theirs"))["runs"] == 3
    wrong = bob.post("/backfills", {**NIGHTS, "pipeline": "theirs"}, 403)
    assert "needs EDIT" in wrong["message"]
    made = alice.post("/backfills", {**NIGHTS, "pipeline": "theirs"}, 201)
    assert bob.get("/backfills")["backfills"][0]["backfill_id"] == made["backfill_id"]
    bob.post(f"/backfills/{made['backfill_id']}/cancel", {}, 403)


def test_of_what_he_may_not_read_he_is_told_nothing(house):
    alice, bob = house
    permit(alice, "theirs", "NO_PERMISSIONS")
    made = alice.post("/backfills", {**NIGHTS, "pipeline": "theirs"}, 201)
    assert bob.get("/backfills")["backfills"] == bob.get("/backfills?pipeline=theirs")["backfills"] == []
    same = []
    for name in ("theirs", "nothing"):
        same.append([bob.post("/backfills", {**NIGHTS, "pipeline": name}, 404), bob.get(LOOK.format(name), 404)])
    assert json.dumps(same[0]).replace("theirs", "nothing") == json.dumps(same[1])
    for backfill in (made["backfill_id"], "99"):
        answers = [bob.get(f"/backfills/{backfill}", 404), bob.post(f"/backfills/{backfill}/cancel", {}, 404)]
        assert [one["message"] for one in answers] == [f"no backfill {backfill}"] * 2


def test_a_viewer_starts_none_whatever_he_is_permitted(house):
    alice, bob = house
    permit(alice, "ours", "MANAGE")
    alice.server.sluice("users", "role", "bob", "viewer", expect=0)
    assert bob.get(LOOK.format("ours"))["runs"] == 3
    assert "runner" in bob.post("/backfills", {**NIGHTS, "pipeline": "ours"}, 403)["message"]
    made = alice.post("/backfills", {**NIGHTS, "pipeline": "ours"}, 201)
    bob.post(f"/backfills/{made['backfill_id']}/cancel", {}, 403)


def test_one_whose_pipeline_is_gone_is_an_admins_to_stop(house):
    alice, bob = house
    sluice = alice.server.sluice
    made = alice.post("/backfills", {**NIGHTS, "pipeline": "slow"}, 201)
    wait_until(lambda: alice.get("/backfills/" + made["backfill_id"])["started"] == 1, 60)
    permit(alice, "slow", "EDIT")
    (sluice.folder / "pipelines/slow.yaml").unlink()
    wait_until(lambda: len(alice.get("/schedules")["schedules"]) == 2, 60)
    assert "no pipeline 'slow' is in force" in bob.post("/backfills", {**NIGHTS, "pipeline": "slow"}, 404)["message"]
    row = bob.get("/backfills/" + made["backfill_id"])  # its newest run says whose it is
    assert row["pipeline"] == "slow"
    status = bob.ask("POST", f"/backfills/{made['backfill_id']}/cancel", {})[0]
    assert status in (200, 409)  # it may have ended by itself: its schedule is gone
    for run in alice.get("/runs?pipeline=slow")["runs"]:
        if run["status"] not in ("succeeded", "failed", "cancelled"):
            alice.post(f"/runs/{run['run_id']}/cancel", {}, 202)
        alice.wait(run["run_id"])
