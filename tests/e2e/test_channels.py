# SPDX-License-Identifier: Apache-2.0
"""Channels: who is told of what runs come to by `notify`, and by which kind of channel."""
import json
import sqlite3

import pytest
from channels import FAILS, deliveries, fails, states, team, types
from guarding import me
from programs import ROOT, wait_until


def test_a_failure_is_told_by_sluice_run_itself(sluice, receive):
    receiver = receive()
    team(sluice, receiver, rest="external_url: https://ml.example.org/sluice/")
    fails(sluice)
    sluice.run()
    run = sluice.run("-p", "code=3", expect=1).json
    assert types(receiver) == ["run.failed"]
    told = receiver.deliveries[0].json
    assert told["version"] == 1 and len(told["id"]) == 36 and len(told["home"]) == 32
    data = told["data"]
    assert data["subject"] == "run wine 2" and data["failed"] == {"step": "train", "reason": "exited with code 3"}
    assert data["log"] == [f"line {i}" for i in range(11, 31)]
    assert data["last_good"] == "1" and [change["words"] for change in data["changes"]] == ["param code: 0 → 3"]
    assert data["run"]["run_id"] == run["run_id"] and data["run"]["status"] == "failed"
    assert data["url"] == f"https://ml.example.org/sluice/api/sluice/v1/runs/{run['run_id']}"
    assert len(receiver.deliveries[0].body) < 20000 and states(sluice) == ["delivered"]


def shape(value):
    """The names in a value, and of what kind what stands there is."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value).__name__


def test_an_event_is_as_the_documents_show_it(sluice, receive):
    text = (ROOT / "docs/notifications.md").read_text(encoding="utf-8")
    shown = json.loads(text.partition("```json\n")[2].partition("```")[0])
    receiver = receive()
    team(sluice, receiver, rest="external_url: https://ml.example.org")
    fails(sluice)
    sluice.run()
    sluice.run("-p", "code=3", expect=1)
    assert shape(receiver.deliveries[0].json) == shape(shown)


def test_recovered_is_the_first_success_after_failures(sluice, receive):
    receiver = receive()
    team(sluice, receiver)
    fails(sluice)
    for code in (0, 0, 3, 3, 0, 0):
        sluice.run("-p", f"code={code}", expect=0 if code == 0 else 1)
    assert types(receiver) == ["run.failed", "run.failed", "run.recovered"]
    assert receiver.deliveries[2].json["data"]["subject"] == "run wine 5"


def test_config_yaml_tells_of_the_pipelines_that_it_names(sluice, receive):
    receiver = receive()
    team(sluice, receiver, rest="notify: [{on: [failed], to: team, pipelines: [wine*]}]")
    fails(sluice, notify="")
    sluice.run("-p", "code=3", expect=1)
    sluice.pipeline((FAILS % "").replace("name: wine", "name: beer"))
    sluice.run("-p", "code=3", expect=1)
    assert [told.json["data"]["run"]["pipeline"] for told in receiver.deliveries] == ["wine"]


def test_who_is_named_twice_is_told_once(sluice, receive):
    receiver = receive()
    team(sluice, receiver, more=', events: [run.failed]', rest="notify: [{on: [failed], to: team}]")
    fails(sluice)
    sluice.run("-p", "code=3", expect=1)
    assert types(receiver) == ["run.failed"]


def test_a_secret_in_the_log_is_masked(sluice, receive):
    receiver = receive()
    team(sluice, receiver, rest="secrets: {TOKEN: {env: TOKEN}}")
    sluice.pipeline("""
        name: wine
        notify: [{on: failed, to: team}]
        steps:
          train:
            env: {TOKEN: "${{ secrets.TOKEN }}"}
            run: echo "it is $TOKEN"; exit 1
        """)
    sluice.run(expect=1, env={"TOKEN": "a-value-of-it"})
    assert receiver.deliveries[0].json["data"]["log"] == ["it is ***"]


GATE = """
    name: wine
    params: {score: {type: number, default: 0.5}}
    notify: [{on: [refused, failed, waiting], to: team}]
    steps:
      measure:
        env: {SCORE: "${{ params.score }}"}
        run: |
          mkdir -p "$SLUICE_STEP_DIR/model" && echo '{"flavors": {}}' > "$SLUICE_STEP_DIR/model/MLmodel"
          echo "score=$SCORE" >> "$SLUICE_OUTPUT"
        outputs: {score: number}
        model: {name: wine, path: "${{ step.dir }}/model"}
      ask:
        needs: [measure]
        uses: approve
        with: {of: "${{ steps.measure.model_id }}", by: [nobody]}
    """


def test_what_waits_and_what_was_refused(sluice, receive, serve):
    receiver = receive()
    team(sluice, receiver)
    sluice.pipeline(GATE.replace("by: [nobody]", f"by: [{me()}]"))
    server = serve()
    process = sluice.start("run", "--json")
    assert wait_until(lambda: types(receiver) == ["approval.requested"])
    told = receiver.deliveries[0].json["data"]
    assert told["subject"] == "run wine 1" and told["run"]["status"] in ("running", "waiting")
    sluice("reject", "wine/1", "-m", "the residuals look odd", expect=0)
    assert wait_until(lambda: types(receiver) == ["approval.requested", "run.refused"])
    process.communicate(timeout=60)
    assert server.is_alive()


def test_a_run_that_is_late_is_told_of_once(sluice, receive):
    receiver = receive()
    team(sluice, receiver)
    sluice.pipeline("""
        name: wine
        late_after: 200ms
        notify: [{on: [late], to: team}]
        steps:
          slow: {run: sleep 1}
          slower: {needs: [slow], run: sleep 0.5}
        """)
    sluice.run()
    assert types(receiver) == ["run.late"]
    assert receiver.deliveries[0].json["data"]["reason"] == "it has not ended 200 ms after it was due"
    sluice.pipeline("""
        name: wine
        late_after: 1h
        notify: [{on: [late], to: team}]
        steps: {quick: {run: "true"}}
        """)
    sluice.run()
    assert types(receiver) == ["run.late"]


def test_times_that_were_missed(sluice, receive, serve):
    receiver = receive()
    team(sluice, receiver)
    sluice.write("pipelines/wine.yaml", """
        name: wine
        on: {schedule: [{id: often, cron: "* * * * *", catchup: none}]}
        notify: [{on: [missed], to: team}]
        steps: {quick: {run: "true"}}
        """)
    server = serve("--pipelines", "pipelines")
    assert wait_until(lambda: sluice("schedule", "list", "--json").json)
    server.process.kill()
    server.process.wait()
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        hour = 3600 * 1000
        store.execute(f"UPDATE settled_schedules SET decided_ms = decided_ms - {hour}, next_ms = next_ms - {hour}")
    store.close()
    serve("--pipelines", "pipelines")
    assert wait_until(lambda: "schedule.missed" in types(receiver))
    told = receiver.deliveries[0].json["data"]
    assert told["subject"] == "schedule wine often" and "missed" in told["reason"]
