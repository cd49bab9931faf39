# SPDX-License-Identifier: Apache-2.0
"""REST: schedules, what was to start runs, and deliveries that came in."""
import urllib.parse

import pytest
from hooks import Receiver, pipeline
from programs import wait_until
from rest import Rest

ON = """\
name: {name}
"on": {{schedule: [{{id: nightly, cron: "30 2 * * *", timezone: Europe/Berlin}}, {{cron: "*/5 1 1 1 *"}}]}}
steps: {{a: {{run: 'true'}}}}
"""  # none of which comes while a test counts runs
OFTEN = "* * * * *"


@pytest.fixture
def receiver(sluice):
    for name in ("a", "b"):
        sluice.write(f"pipelines/{name}.yaml", ON.format(name=name))
    made = Receiver(sluice, text=pipeline(sluice, "github"))
    yield made
    made.server.stop()


def test_schedules_are_listed_page_by_page(receiver):
    rest = Rest(receiver.server)
    seen = [(one["pipeline"], one["schedule"], one["state"]) for one in rest.pages("/schedules", "schedules", limit=3)]
    assert seen == [(name, schedule, "active") for name in "ab" for schedule in ("*/5 1 1 1 *", "nightly")]
    assert len(rest.get("/schedules?pipeline=a")["schedules"]) == 2
    assert rest.get("/schedules?pipeline=none")["schedules"] == []


def test_the_next_times_of_a_schedule(receiver):
    rest = Rest(receiver.server)
    times = rest.get("/schedules/a/nightly/next?from=2026-03-28T00:00:00Z&count=2")["times"]
    assert times == ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z"]
    assert len(rest.get("/schedules/a/" + urllib.parse.quote("*/5 1 1 1 *", "") + "/next")["times"]) == 10
    assert "nightly" in rest.get("/schedules/a/nightl/next", 404)["message"]
    rest.get("/schedules/a/nightly/next?count=0", 400)


def test_a_schedule_is_paused_and_resumed_once_however_often_it_is_asked(receiver):
    rest = Rest(receiver.server)
    paused = rest.post("/schedules/a/nightly/pause", {"reason": "the warehouse moves"}, key='"pause a"')
    again = rest.post("/schedules/a/nightly/pause", {"reason": "the warehouse moves"}, key='"pause a"')
    assert paused == again and paused["state"] == "paused" and paused["next_at"] is None
    assert (paused["paused_by"], paused["pause_reason"]) == ("anonymous", "the warehouse moves")
    assert rest.get("/schedules/a/nightly") == paused
    rest.post("/schedules/a/nightly/pause", {}, 409)
    [row] = receiver.sluice("activity", "--json", expect=0).json[:1]
    assert row["action"] == "schedule.paused", row
    resumed = rest.post("/schedules/a/nightly/resume", {})
    assert resumed["state"] == "active" and resumed["next_at"] and resumed["paused_by"] is None
    rest.post("/schedules/a/nightly/resume", {}, 409)
    rest.post("/schedules/a/none/resume", {}, 404)


def test_triggers_and_deliveries_are_listed_and_shown(receiver):
    rest = Rest(receiver.server)
    assert receiver.send(delivery="d1")[0] == 202 and receiver.send(delivery="d1")[0] == 200
    assert receiver.send({"ref": "refs/heads/other"}, delivery="d2")[0] == 200
    page = rest.get("/triggers?kind=webhook&limit=1")
    assert [one["outcome"] for one in page["triggers"]] == ["filtered"]
    rest_of = rest.get("/triggers?kind=webhook&page_token=" + page["next_page_token"])
    assert [(one["outcome"] in ("pending", "started"), one["key"]) for one in rest_of["triggers"]] == [(True, "d1")]
    trigger = rest.get("/triggers/" + rest_of["triggers"][0]["trigger_id"])
    assert trigger["pipeline"] == "wine" and trigger["params"] == {"commit": "0a1b2c", "kind": "push"}
    rest.get("/triggers/999", 404)
    rest.get("/triggers?kind=none", 400)
    deliveries = rest.get("/deliveries")["deliveries"]
    assert [one["outcome"] for one in deliveries] == ["ignored", "duplicate", "accepted"]
    assert [one["outcome"] for one in rest.get("/deliveries?outcome=duplicate")["deliveries"]] == ["duplicate"]
    whole = rest.get("/deliveries/" + deliveries[2]["delivery"])
    assert whole["headers"]["x-github-event"] == "push"
    assert whole["trigger_id"] == trigger["trigger_id"] and whole["has_body"] and whole["provider"] == "github"
    rest.get("/deliveries/999", 404)


# ---- backfills ----

NIGHTS = {"pipeline": "a", "schedule": "nightly", "from": "2026-01-01T00:00:00Z", "to": "2026-01-04T00:00:00Z"}


def preview(rest, path="/schedules/a/nightly/backfill", expect=200, **query):
    query = {"from": NIGHTS["from"], "to": NIGHTS["to"], **query}
    return rest.get(f"{path}?{urllib.parse.urlencode(query)}", expect)


def ended(rest, made):
    return wait_until(lambda: (row := rest.get("/backfills/" + made["backfill_id"]))["state"] != "open" and row)


def test_a_range_is_looked_at_run_once_and_looked_at_again(receiver):
    rest = Rest(receiver.server)
    before = preview(rest, limit=2)
    assert (before["total"], before["runs"]) == (3, 3) and before["next_page_token"] == "2"
    assert [one["scheduled_for"] for one in before["times"]] == ["2026-01-01T01:30:00.000Z", "2026-01-02T01:30:00.000Z"]
    assert [one["runs"] for one in preview(rest, page_token=2)["times"]] == [True]
    assert preview(rest, page_token=99)["times"] == [] and rest.get("/backfills")["backfills"] == []
    made = rest.post("/backfills", {**NIGHTS, "max_active": 2, "reverse": True}, 201, key='"january"')
    assert made == rest.post("/backfills", {**NIGHTS, "max_active": 2, "reverse": True}, 201, key='"january"')
    rest.post("/backfills", NIGHTS, 422, key='"january"')  # another request by the same key
    assert (made["state"], made["max_active"], made["reverse"], made["reprocess"]) == ("open", 2, True, "none")
    done = ended(rest, made)
    assert (done["state"], done["started"], done["skipped"], done["actor"]) == ("done", 3, 0, "anonymous")
    triggers = rest.get("/triggers?kind=backfill")["triggers"]
    assert [one["scheduled_for"][:10] for one in triggers] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    wait_until(lambda: {rest.status(one["run_id"]) for one in triggers} == {"succeeded"})
    after = preview(rest)
    assert (after["runs"], after["times"][0]["reason"]) == (0, "a/3 has succeeded")  # the newest was first
    assert preview(rest, reprocess="failed")["runs"] == 0 and preview(rest, reprocess="completed")["runs"] == 3
    assert rest.pages("/backfills", "backfills", limit=1) == rest.get("/backfills?pipeline=a")["backfills"] == [done]
    assert rest.get("/backfills?state=open")["backfills"] == rest.get("/backfills?pipeline=b")["backfills"] == []
    assert [row["by"] for row in receiver.sluice("backfills", "--json", expect=0).json] == ["anonymous"]
    noted = [row["action"] for row in receiver.sluice("activity", "--json", expect=0).json]
    assert noted.count("backfill.started") == noted.count("backfill.ended") == 1


def test_a_backfill_is_cancelled_once(receiver):
    receiver.sluice.write("pipelines/slow.yaml", ON.format(name="slow").replace("'true'", "sleep 60"))
    rest = Rest(receiver.server)
    wait_until(lambda: rest.get("/schedules?pipeline=slow")["schedules"])
    made = rest.post("/backfills", {**NIGHTS, "pipeline": "slow"}, 201)
    wait_until(lambda: rest.get("/backfills/" + made["backfill_id"])["started"] == 1)
    gone = rest.post(f"/backfills/{made['backfill_id']}/cancel")
    assert (gone["state"], gone["started"]) == ("cancelled", 1) and gone["ended_at"]
    rest.post(f"/backfills/{made['backfill_id']}/cancel", {}, 409)
    rest.post("/backfills/99/cancel", {}, 404)
    rest.get("/backfills/99", 404)
    rest.get("/backfills/x", 400)
    [run] = rest.get("/runs?pipeline=slow")["runs"]
    rest.post(f"/runs/{run['run_id']}/cancel", {}, 202)


@pytest.mark.parametrize("change, status, said", [
    ({"to": "2026-01-01T00:00:00Z"}, 422, "'to' is not after 'from'"),
    ({"to": "2996-01-01T00:00:00Z"}, 422, "'to' lies ahead"),
    ({"from": "1926-01-01T00:00:00Z", "pipeline": "often", "schedule": OFTEN}, 422, "more than 100000 times"),
    ({"schedule": "nightl"}, 404, "did you mean 'nightly'"),
    ({"pipeline": "none"}, 404, "no pipeline 'none'"),
    ({"from": "yesterday"}, 400, "from"),
    ({"reprocess": "all"}, 400, "reprocess"),
    ({"most": 1}, 400, "most"),
])
def test_a_range_that_cannot_be_is_refused_alike_when_it_is_looked_at_and_when_it_is_asked_for(receiver, change, status,
                                                                                               said):
    rest = Rest(receiver.server)
    receiver.sluice.write("pipelines/often.yaml", f"name: often\non: {{schedule: {{cron: '{OFTEN}'}}}}\n"
                                                  "steps: {a: {run: 'true'}}\n")
    wait_until(lambda: rest.get("/schedules?pipeline=often")["schedules"])
    asked = {**NIGHTS, **change}
    assert said in rest.post("/backfills", asked, status)["message"]
    pipeline_, schedule = asked.pop("pipeline"), urllib.parse.quote(asked.pop("schedule"), "")
    assert said in preview(rest, f"/schedules/{pipeline_}/{schedule}/backfill", status, **asked)["message"]
    assert rest.get("/backfills")["backfills"] == []


def test_how_many_run_at_once_is_bounded(receiver):
    rest = Rest(receiver.server)
    for most in (0, 1001, "2"):
        rest.post("/backfills", {**NIGHTS, "max_active": most}, 400)


# ---- deliveries, again ----

def test_a_delivery_is_replayed_once_however_often_it_is_asked(receiver):
    rest = Rest(receiver.server)
    assert receiver.send(delivery="d1")[0] == 202
    wait_until(lambda: len(receiver.said()) == 1)
    [first] = rest.get("/deliveries")["deliveries"]
    again = rest.post(f"/deliveries/{first['delivery']}/replay", {}, 201, key='"d1 once more"')
    assert again == rest.post(f"/deliveries/{first['delivery']}/replay", {}, 201, key='"d1 once more"')
    assert (again["outcome"], again["replay_of"], again["actor"]) == ("accepted", first["delivery"], "anonymous")
    assert again["trigger_id"] not in (None, first["trigger_id"])
    wait_until(lambda: len(receiver.said()) == 2)
    assert [one["delivery"] for one in rest.get("/deliveries")["deliveries"]] == [again["delivery"], first["delivery"]]
    noted = receiver.sluice("activity", "--json", expect=0).json
    [row] = [row for row in noted if row["action"] == "delivery.replayed"]
    assert (row["actor"], row["object"]) == ("anonymous", f"delivery {first['delivery']} of wine")
    rest.post("/deliveries/999/replay", {}, 404)


def test_what_was_refused_is_replayed_only_when_it_is_genuine_or_trusted(receiver):
    rest = Rest(receiver.server)
    assert receiver.send(delivery="d1", secret="a wrong one")[0] == 401
    [first] = rest.get("/deliveries?outcome=refused")["deliveries"]
    path = f"/deliveries/{first['delivery']}/replay"
    assert "not genuine by today's secret either" in rest.post(path, {}, 409)["message"]
    assert len(rest.get("/deliveries")["deliveries"]) == 1
    assert rest.post(path, {"trust": True}, 201)["outcome"] == "accepted"
    wait_until(lambda: len(receiver.said()) == 1)
    assert receiver.send(delivery="d2")[0] == 202 and receiver.send(delivery="d2")[0] == 200
    [twin] = rest.get("/deliveries?outcome=duplicate")["deliveries"]
    assert "duplicate, of which the first may be replayed" in \
        rest.post(f"/deliveries/{twin['delivery']}/replay", {}, 409)["message"]
