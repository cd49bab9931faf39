# SPDX-License-Identifier: Apache-2.0
"""REST: schedules, what was to start runs, and deliveries that came in."""
import urllib.parse

import pytest
from hooks import Receiver, pipeline
from rest import Rest

ON = """\
name: {name}
"on": {{schedule: [{{id: nightly, cron: "30 2 * * *", timezone: Europe/Berlin}}, {{cron: "*/5 * * * *"}}]}}
steps: {{a: {{run: 'true'}}}}
"""


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
    assert seen == [(name, schedule, "active") for name in "ab" for schedule in ("*/5 * * * *", "nightly")]
    assert len(rest.get("/schedules?pipeline=a")["schedules"]) == 2
    assert rest.get("/schedules?pipeline=none")["schedules"] == []


def test_the_next_times_of_a_schedule(receiver):
    rest = Rest(receiver.server)
    times = rest.get("/schedules/a/nightly/next?from=2026-03-28T00:00:00Z&count=2")["times"]
    assert times == ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z"]
    assert len(rest.get("/schedules/a/" + urllib.parse.quote("*/5 * * * *", "") + "/next")["times"]) == 10
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
