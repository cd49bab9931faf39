# SPDX-License-Identifier: Apache-2.0
"""Gates: what they said is listed and shown, and another version is judged by the very same one."""
import csv
import json
import math
import shutil
import sqlite3
import statistics

import pytest
from gc_home import Home
from gating import (DATA, PIPELINE, activity, gate, gates, judged_by_items, limits, make, point, replay, trace,
                    wines, write_guards)


# ---- looking ----

def test_verdicts_are_listed_newest_first_and_filtered(sluice):
    wines(sluice, 0.2)
    wines(sluice, 0.9)
    rows = gates(sluice)
    assert [(row["gate"], row["step"], row["version"], row["verdict"]) for row in rows] == [
        (2, "judge", "wine/2", "refused"), (1, "judge", "wine/1", "passed")]
    assert rows[0]["refused_by"] == "rmse 0.9 is above 0.5 (by 0.4)" and rows[0]["run"] == "wine/2"
    model = rows[1]["model_id"]
    for options, found in ((["--verdict", "passed"], [1]), (["--verdict", "refused"], [2]), (["--limit", 1], [2]),
                           (["--model", "wine"], [2, 1]), (["--model", "wine/1"], [1]), (["--model", model], [1]),
                           (["--model", "beer"], []), (["--model", "wine/9"], []), (["--pipeline", "wine"], [2, 1]),
                           (["--pipeline", "beer"], []), (["--run", "wine/1"], [1]), (["--model", "w\udcffne/\n"], [])):
        assert [row["gate"] for row in gates(sluice, *options)] == found, options
    text = sluice("gates", expect=0).out
    assert "wine/judge" in text and "rmse 0.9 is above 0.5" in text
    assert sluice("gates", "--model", "beer", expect=0).err == (
        "no gate has judged anything like that: 'sluice gates' lists all\n")
    for options in (["--limit", 0], ["--limit", "many"], ["--verdict", "fine"], ["--run", "wine/9"], ["extra"]):
        assert sluice("gates", *options).code == 2, options


def test_a_verdict_is_shown_with_all_that_it_rests_on(sluice):
    wines(sluice, 0.2)
    point(sluice, 1)
    make(sluice, 0.4)
    whole = gate(sluice, 2)
    assert whole["champion"] == "wine/1" and whole["passed"] is False and whole["replay_of"] is None
    assert (whole["version"], whole["run"], whole["pipeline"]) == ("wine/2", "wine/2", "wine")
    assert len(whole["definition"]) == 64 and len(whole["record"]["dataset"]["digest"]) == 64
    text = sluice("gates", "show", 2, expect=0).out
    for words in ("refused by 1 of 2 rules", "<= champion + 0.1", "missed 0.3 by 0.1", "wine/2", "wine/1",
                  whole["model_id"], whole["definition"], whole["step_run_id"],
                  "wines sha256:" + whole["record"]["dataset"]["digest"], "run         wine/2, step judge"):
        assert words in text, words
    for word in ("0", "-1", "x", "9" * 30, "1 2", "\udcff", ""):
        assert sluice("gates", "show", word).code == 2, word
    missing = sluice("gates", "show", 77)
    assert missing.code != 0 and "no gate 77" in missing.err


# ---- replaying ----

def test_an_older_version_is_judged_by_the_gate_and_nothing_else_is_done(sluice):
    wines(sluice, 0.2)
    wines(sluice, 0.4, limit=0.3)
    before = trace(sluice)
    run = replay(sluice, 2, "wine/1")
    assert trace(sluice) == before + ["predict"]
    steps = {step["id"]: (step["status"], step["reason"]) for step in run["steps"]}
    assert steps["split"] == ("succeeded", "from run 2") and steps["train"] == ("succeeded", "from run 1")
    assert steps["judge"][0] == "succeeded" and steps["register"][0] == steps["after"][0] == "skipped"
    assert run["verdict"] == "passed" and run["params"]["limit"] == 0.3
    new = gate(sluice, 3)
    assert (new["replay_of"], new["version"], new["passed"], new["other_data"]) == (2, "wine/1", True, False)
    assert new["model_id"] == gate(sluice, 1)["model_id"] and new["run_id"] == run["run_id"]
    assert new["record"]["replay"] == {
        "of": 2, "version": "wine/1", "champion": "then", "data": "same",
        "dataset_digest": gate(sluice, 2)["record"]["dataset"]["digest"]}
    assert [rule["value"] for rule in new["record"]["rules"]] == [pytest.approx(0.2)] * 2
    note, = activity(sluice, "gate.replayed")
    assert note["object"] == "gate 2" and note["to"] == "wine/1" and "champion of then" in note["reason"]
    passed = activity(sluice, "gate.passed")[0]
    assert passed["reason"] == "replay of gate 2 on wine/1"
    shown = sluice("show", "wine/3", expect=0).out
    assert "replay of gate 2 on wine/1" in shown
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        tags = dict(store.execute("SELECT key, value FROM run_tags WHERE run_id = ?", [run["run_id"]]))
        made = store.execute("SELECT count(*) FROM runs WHERE run_id = ?", [new["step_run_id"]]).fetchone()
    assert tags["sluice.replay_of"] == "2" and tags["sluice.trigger"] == "replay" and made == (1,)
    assert len(sluice("models", "show", "wine", "--json", expect=0).json) == 2


def test_a_newer_version_is_refused_by_an_older_gate_and_the_exit_code_says_so(sluice):
    wines(sluice, 0.2, 0.4)
    wines(sluice, 0.9, limit=2)
    run = replay(sluice, 1, "wine/3", expect=6)
    assert run["status"] == "succeeded" and run["verdict"] == "refused"
    assert gate(sluice, 4)["refused_by"] == "rmse 0.9 is above 0.5 (by 0.4)"
    assert [row["gate"] for row in gates(sluice, "--model", "wine/3")] == [4, 3]
    assert activity(sluice, "gate.refused")[0]["reason"].startswith("replay of gate 1 on wine/3: rmse 0.9 is above")


def test_the_champion_is_that_of_then_or_if_asked_of_now(sluice):
    wines(sluice, 0.2)
    point(sluice, 1)
    make(sluice, 0.25)
    point(sluice, 2)
    make(sluice, 0.31)
    assert limits(gate(sluice, 2)) == [0.5, 0.3] and limits(gate(sluice, 3)) == [0.5, 0.35]
    replay(sluice, 2, "wine/3", expect=6)
    then = gate(sluice, 4)
    assert then["champion"] == "wine/1" and limits(then) == [0.5, 0.3]
    replay(sluice, 2, "wine/3", "--champion", "now")
    now = gate(sluice, 5)
    assert now["champion"] == "wine/2" and limits(now) == [0.5, 0.35]
    assert now["record"]["replay"]["champion"] == "now"
    replay(sluice, 1, "wine@champion")  # there was none then, so there is none
    first = gate(sluice, 6)
    assert first["version"] == "wine/2" and first["champion"] is None and limits(first) == [0.5]
    assert sluice("gates", "replay", 2, "wine/3", "--champion", "later").code == 2


def test_a_replay_of_a_replay_is_one_of_the_gate(sluice):
    wines(sluice, 0.2, 0.4)
    replay(sluice, 2, "wine/1")
    again = sluice("gates", "replay", 3, "wine/2", expect=0)
    assert "gate 3 is itself a replay: what is replayed is gate 2" in again.err
    assert gate(sluice, 4)["replay_of"] == 2 and gate(sluice, 4)["version"] == "wine/2"


def test_the_same_version_comes_to_the_same_verdict_twice(sluice):
    wines(sluice, 0.9)
    replay(sluice, 1, "wine/1", expect=6)
    replay(sluice, 1, "models:/wine/1", expect=6)
    one, two, three = (gate(sluice, number) for number in (1, 2, 3))
    assert one["record"]["rules"] == two["record"]["rules"] == three["record"]["rules"]
    assert one["refused_by"] == two["refused_by"] and two["evidence_sha256"] != one["evidence_sha256"]


# ---- what cannot be ----

@pytest.mark.parametrize("number, target, words", [
    (9, "wine/1", "no gate 9"),
    ("x", "wine/1", "GATE, as 'sluice gates' numbers them"),
    (0, "wine/1", "GATE"),
    (1, "wine/7", "wine"),
    (1, "beer/1", "beer"),
    (1, "wine@nobody", "model 'wine' has no alias 'nobody'"),
    (1, "wine", "expected MODEL/VERSION or MODEL@ALIAS"),
    (1, "wine/one", "expected MODEL/VERSION or MODEL@ALIAS"),
    (1, "/1", "expected MODEL/VERSION or MODEL@ALIAS"),
    (1, "@champion", "expected MODEL/VERSION or MODEL@ALIAS"),
    (1, "w\udcff\n/1", ""),
    (1, "x" * 5000 + "/1", ""),
])
def test_what_names_nothing_is_refused_and_leaves_nothing(sluice, number, target, words):
    wines(sluice, 0.2)
    refused = sluice("gates", "replay", number, target)
    assert refused.code == 2 and words in refused.err, refused
    assert len(gates(sluice)) == 1 and len(sluice("runs", "--json", expect=0).json) == 1


def test_files_that_are_gone_are_named(sluice):
    wines(sluice, 0.2, 0.4)
    run = sluice("show", "wine/2", "--json", expect=0).json
    path = next(step for step in run["steps"] if step["id"] == "split")["artifacts"]["holdout"]
    shutil.rmtree(path.rpartition("/artifacts")[0])
    refused = sluice("gates", "replay", 2, "wine/1", expect=2)
    assert "gate 2 cannot be replayed on wine/1: what step 'split' of run wine/2 left is gone" in refused.err
    assert path in refused.err and len(gates(sluice)) == 2


JUDGED = PIPELINE.replace('model: {path: "${{ step.dir }}/model", name: wine}',
                          'model: {path: "${{ step.dir }}/model", name: wine}\n'
                          '        artifacts: {scored: "${{ step.dir }}/scored.csv"}') \
    .replace('echo "${{ params.shift }}" > "$SLUICE_STEP_DIR/model/shift"',
             'echo "${{ params.shift }}" > "$SLUICE_STEP_DIR/model/shift"\n'
             '          awk -v s="${{ params.shift }}" \'NR == 1 {print "y,p"} NR > 1 {print $1 "," $1 + s}\' '
             'data.csv > "$SLUICE_STEP_DIR/scored.csv"').replace("steps.predict.artifacts", "steps.train.artifacts")


def test_predictions_of_the_step_that_trains_are_those_of_the_version_on_the_same_data_only(sluice):
    wines(sluice)
    sluice.pipeline(JUDGED)
    make(sluice, 0.2)
    make(sluice, 0.4)
    replay(sluice, 2, "wine/1")
    assert gate(sluice, 3)["record"]["rules"][0]["value"] == pytest.approx(0.2)
    sluice.write("data.csv", DATA + "5\n")
    make(sluice, 0.3)
    refused = sluice("gates", "replay", 4, "wine/1", expect=1)
    was, now = (gate(sluice, number)["record"]["dataset"]["digest"] for number in (4, 1))
    assert f"gate 4 judged on dataset sha256:{was}, and this is sha256:{now}" in refused.out + refused.err
    assert len(gates(sluice)) == 4
    replay(sluice, 4, "wine/1", "--other-data")
    other = gate(sluice, 5)
    assert other["other_data"] is True and other["record"]["replay"]["data"] == "other"
    assert other["record"]["replay"]["dataset_digest"] == was and other["record"]["dataset"]["digest"] == now
    assert "other data is allowed" in activity(sluice, "gate.replayed")[0]["reason"]
    assert "on other data" in sluice("gates", "show", 5, expect=0).out


def test_predictions_that_lie_in_the_workspace_are_not_taken_for_another_versions(sluice):
    wines(sluice)
    sluice.pipeline(PIPELINE.replace("${{ steps.predict.artifacts.scored }}", "scored.csv")
                    .replace("plots: false", 'plots: false\n          model: "${{ steps.train.model_id }}"'))
    sluice.write("scored.csv", "y,p\n1,1.2\n2,2.2\n")
    make(sluice, 0.2)
    make(sluice, 0.4)
    refused = sluice("gates", "replay", 2, "wine/1", expect=1)
    assert "is byte for byte what gate 2 judged" in refused.out + refused.err
    assert len(gates(sluice)) == 2


def test_a_gate_that_reads_nothing_of_the_model_is_not_replayed(sluice):
    wines(sluice)
    sluice.pipeline(PIPELINE.replace('"${{ steps.predict.artifacts.scored }}"', "scored.csv")
                    .replace("judge:\n        uses", "judge:\n        needs: [train]\n        uses"))
    sluice.write("scored.csv", "y,p\n1,1.2\n2,2.2\n")
    make(sluice, 0.2)
    refused = sluice("gates", "replay", 1, "wine/1", expect=2)
    assert "would say the same of any other" in refused.err and len(gates(sluice)) == 1


def test_an_item_of_a_matrix_is_replayed_and_no_other(sluice):
    by_limit = judged_by_items(sluice, 0.2, 0.4)
    before = trace(sluice)
    run = replay(sluice, by_limit[0.3], "wine/2", expect=6)
    assert trace(sluice) == before + ["predict"] and run["verdict"] == "refused"
    assert [(step["item"][0], step["status"], step["reason"]) for step in run["steps"] if step["id"] == "judge"] == [
        ("0", "succeeded", None), ("1", "skipped", "another item alone is asked for")]
    new = gate(sluice, gates(sluice)[0]["gate"])
    assert (new["replay_of"], new["passed"], limits(new)) == (by_limit[0.3], False, [0.3])
    replay(sluice, by_limit[0.5], "wine/2")
    assert limits(gate(sluice, gates(sluice)[0]["gate"])) == [0.5] and len(gates(sluice)) == 6


def test_a_gate_is_green_when_each_item_of_its_matrix_is(sluice):
    judged_by_items(sluice, 0.4)  # the one refuses it, and the other, whose verdict may be the newer one, does not
    write_guards(sluice, {"model": "wine", "alias": "champion", "gate": "green"})
    refused = sluice("run", "point.yaml", "-p", "version=1", expect=6)
    assert "wine/judge[0] refused: rmse 0.4 is above 0.3" in refused.out + refused.err


def test_what_stands_between_and_acts_outside_is_taken_from_the_versions_own_run(sluice):
    """Registering is not done again: what it came to in the run that made the version is."""
    wines(sluice)
    text = PIPELINE.replace('needs: [train, "judge?"]\n        if: always()\n', "needs: [train]\n") \
        .replace("steps.train.model_uri }}\", holdout", "steps.register.model_uri }}\", holdout")
    sluice.pipeline(text)
    make(sluice, 0.2)
    make(sluice, 0.4)
    run = replay(sluice, 2, "wine/1")
    reasons = {step["id"]: step["reason"] for step in run["steps"]}
    assert reasons["register"] == "from run 1" and reasons["split"] == "from run 2"
    assert gate(sluice, 3)["record"]["rules"][0]["value"] == pytest.approx(0.2)
    sluice.pipeline("name: elsewhere\nsteps:\n  train:\n    run: mkdir \"$SLUICE_STEP_DIR/m\"; echo 0.1 > "
                    "\"$SLUICE_STEP_DIR/m/shift\"\n    model: {path: \"${{ step.dir }}/m\", name: wine}\n"
                    "  register: {uses: register, with: {model: \"${{ steps.train.model_id }}\", name: wine}}\n",
                    "elsewhere.yaml")
    sluice("run", "elsewhere.yaml", expect=0)
    refused = sluice("gates", "replay", 2, "wine/3", expect=2)
    assert "step 'register' stands between the model and the gate, and is not repeated alone" in refused.err


def test_a_version_of_another_pipeline_is_judged_where_only_its_model_is_read(sluice):
    wines(sluice, 0.4)
    sluice.pipeline("name: elsewhere\nsteps:\n  train:\n    run: mkdir \"$SLUICE_STEP_DIR/m\"; echo 0.1 > "
                    "\"$SLUICE_STEP_DIR/m/shift\"\n    model: {path: \"${{ step.dir }}/m\", name: wine}\n"
                    "  register: {uses: register, with: {model: \"${{ steps.train.model_id }}\", name: wine}}\n",
                    "elsewhere.yaml")
    sluice("run", "elsewhere.yaml", expect=0)
    run = replay(sluice, 1, "wine/2")
    assert {step["id"]: step["reason"] for step in run["steps"]}["train"] == "from run 1, as if it had made wine/2"
    assert gate(sluice, 2)["record"]["rules"][0]["value"] == pytest.approx(0.1)


LUA = """\
    name: wine
    params: {shift: {type: number}}
    steps:
      train:
        run: mkdir "$SLUICE_STEP_DIR/model"; echo ${{ params.shift }} > "$SLUICE_STEP_DIR/model/shift"
        model: {path: "${{ step.dir }}/model", name: wine}
      judge:
        needs: [train]
        lua: |
          local model = sluice.steps.train.model_id
          local file = sluice.call("model.get", {uri = model}).path .. "/shift"
          local shift = tonumber((sluice.file.read(file):gsub("%s", "")))
          local register = sluice.run.trigger == "replay" and "registry.alias"
          if register then
            local answer, wrong = pcall(sluice.call, register, {name = "wine", alias = "champion", version = 1})
            sluice.log("it said: " .. tostring(wrong))
          end
          sluice.call("gate.record", {passed = shift < 0.5, refused_by = "shift " .. shift, model = model,
                                      dataset = {name = "none", digest = "d1"}})
      register:
        needs: ["judge?"]
        if: always()
        uses: register
        with: {model: "${{ steps.train.model_id }}", name: wine}
    """


def test_a_script_that_records_a_verdict_is_replayed_and_changes_nothing_else(sluice):
    sluice.pipeline(LUA)
    sluice.run("-p", "shift=0.2")
    sluice.run("-p", "shift=0.9")
    replay(sluice, 2, "wine/1")
    replay(sluice, 1, "wine/2", expect=6)
    assert [(one["gate"], one["version"], one["verdict"], one["replay_of"]) for one in gates(sluice)] == [
        (4, "wine/2", "refused", 1), (3, "wine/1", "passed", 2), (2, "wine/2", "refused", None),
        (1, "wine/1", "passed", None)]
    assert "this run replays gate 1, and changes nothing but its own records" in sluice("logs", "wine/4", expect=0).out
    assert sluice("models", "--json", expect=0).json[0]["aliases"] == {}


def test_the_example_of_a_model_that_is_trained_every_night(example):
    """Real models: what the replay says of version 1 follows from what that one predicted."""
    nightly = example("retraining")
    for night, l2 in enumerate((0.001, 0.01), 1):
        nightly("run", "-q", "-p", f"l2={l2}", expect=5)
        nightly("approve", f"retraining/{night}", "--resume", "-q", expect=0)
    run = replay(nightly, 2, "deliveries/1")
    train = next(step for step in run["steps"] if step["id"] == "train")
    with open(train["artifacts"]["judged"], encoding="utf-8", newline="") as file:
        errors = [float(row["minutes"]) - float(row["predicted"]) for row in csv.DictReader(file)]
    rmse = math.sqrt(statistics.fmean(error * error for error in errors))
    first, other, new = (gate(nightly, number) for number in (1, 2, 3))
    assert new["record"]["rules"][0]["value"] == pytest.approx(rmse, rel=1e-9)
    assert new["record"]["rules"][0]["value"] != pytest.approx(other["record"]["rules"][0]["value"], rel=1e-9)
    assert new["champion"] == "deliveries/1" and first["champion"] is None and new["model_id"] == first["model_id"]
    assert train["reason"] == "from run 1" and new["version"] == "deliveries/1"


ASK = """\
import json, os, urllib.error, urllib.request
request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/model-versions/create",
                                 json.dumps({"name": "other", "source": "s3://a/b"}).encode(),
                                 {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"],
                                  "Content-Type": "application/json"})
try:
    status, text = 200, urllib.request.urlopen(request, timeout=30).read().decode()
except urllib.error.HTTPError as refused:
    status, text = refused.code, refused.read().decode()
with open("asked", "a", encoding="utf-8") as file:
    print(status, text.replace("\\n", " "), file=file)
"""


def test_a_step_that_runs_again_registers_nothing_by_its_token(sluice):
    """What its pipeline lets it register is not registered by a replay."""
    wines(sluice)
    sluice.write("ask.py", ASK)
    sluice.pipeline(PIPELINE.replace("predict:\n        run: |", "predict:\n        permissions: {register: [other]}\n"
                                     "        run: |\n          python3 ask.py"))
    make(sluice, 0.2)
    make(sluice, 0.4)
    replay(sluice, 2, "wine/1")
    asked = (sluice.folder / "asked").read_text().splitlines()
    assert [line.partition(" ")[0] for line in asked] == ["404", "404", "403"], asked
    assert "registers nothing" in asked[2]


# ---- gc ----

REFUSED = PIPELINE.replace('needs: [train, "judge?"]\n        if: always()\n', "needs: [judge]\n")
RULE = "older_than=1h"


def test_what_gc_has_removed_is_missed_in_words_and_what_a_replay_used_stays(sluice):
    wines(sluice)
    home = Home(sluice, REFUSED)
    for shift in (0.2, 0.9, 0.8):  # the last two are refused, and become no versions
        sluice.run("-p", f"shift={shift}")
    replay(sluice, 3, "wine/1")
    home.age()
    home.gc("--artifacts", RULE)
    refused = sluice("gates", "replay", 2, "wine/1", expect=2)
    assert "gate 2 cannot be replayed on wine/1: what step 'split' of run wine/2 left is gone" in refused.err
    replay(sluice, 3, "wine/1")
    home.gc("--runs", RULE)
    home.check()
    assert [one["gate"] for one in gates(sluice)] == [5, 4, 3, 1]  # 3 is what the evidence of wine/1 rests on
    assert "no gate 2" in sluice("gates", "replay", 2, "wine/1", expect=2).err
    replay(sluice, 3, "wine/1")
    assert {"wine/1", "wine/3"} <= set(home.labels())


def test_gc_keeps_the_last_good_run_though_a_replay_came_after_it(sluice):
    wines(sluice)
    home = Home(sluice, REFUSED)
    sluice.run("-p", "shift=0.2")
    sluice.run("-p", "shift=0.9")  # succeeded, refused
    replay(sluice, 1, "wine/1")
    home.age()
    home.gc("--runs", RULE)
    assert home.labels() == ["wine/1", "wine/2", "wine/3"]


# ---- deployment jobs: the version is a param ----

JOB = """\
    name: job
    on: {model_version: {model: wine}}
    params: {model_name: {type: string}, model_version: {type: integer}}
    steps:
      score:
        run: |
          awk -v s="$(cat ${{ inputs.model }}/shift)" 'NR == 1 {print "y,p"} NR > 1 {print $1 "," $1 + s}' data.csv \\
              > "$SLUICE_STEP_DIR/scored.csv"
        inputs: {model: "models:/${{ params.model_name }}/${{ params.model_version }}"}
        artifacts: {scored: "${{ step.dir }}/scored.csv"}
      gate:
        uses: evaluate
        with:
          dataset: {path: "${{ steps.score.artifacts.scored }}", name: wines}
          model: models:/${{ params.model_name }}/${{ params.model_version }}
          label: y
          prediction: p
          type: regressor
          thresholds: {rmse: "<= 0.3"}
      ask: {needs: [gate], uses: approve, with: {of: "models:/${{ params.model_name }}/${{ params.model_version }}"}}
    """


def test_a_deployment_job_judges_the_other_version_while_its_run_still_waits(sluice):
    wines(sluice, 0.2, 0.9)
    sluice.pipeline(JOB, "job.yaml")
    sluice("run", "job.yaml", "-p", "model_name=wine", "-p", "model_version=1", expect=5)
    run = replay(sluice, 3, "wine/2", expect=6)
    assert run["params"] == {"model_name": "wine", "model_version": 2} and run["status"] == "failed"
    judged = gate(sluice, 4)
    assert judged["version"] == "wine/2" and judged["refused_by"] == "rmse 0.9 is above 0.3 (by 0.6)"
    assert sluice("show", "job/1", "--json", expect=0).json["status"] == "waiting"
    sluice.pipeline("name: b\nsteps:\n  t:\n    run: 'mkdir \"$SLUICE_STEP_DIR/m\"; date > \"$SLUICE_STEP_DIR/m/a\"'"
                    "\n"
                    "    model: {path: '${{ step.dir }}/m', name: b}\n"
                    "  r: {uses: register, with: {model: '${{ steps.t.model_id }}', name: beer}}\n", "b.yaml")
    sluice("run", "b.yaml", expect=0)
    assert "about the registered model 'wine'" in sluice("gates", "replay", 3, "beer/1", expect=2).err


def test_a_gate_in_a_pipeline_that_is_a_step_is_replayed_by_itself(sluice):
    wines(sluice)
    sluice.pipeline(PIPELINE, "wine.yaml")
    sluice.pipeline("name: outer\nparams: {shift: {type: number}}\nsteps:\n"
                    "  all: {pipeline: ./wine.yaml, with: {shift: \"${{ params.shift }}\"}}\n")
    sluice.run("-p", "shift=0.2")
    sluice.run("-p", "shift=0.9")
    run = replay(sluice, 2, "wine/1")
    assert (run["pipeline"], run["number"], run["params"]["shift"]) == ("wine", "3", 0.9)
    assert gate(sluice, 3)["record"]["rules"][0]["value"] == pytest.approx(0.2)
    assert len(sluice("runs", "--pipeline", "outer", "--json", expect=0).json) == 2


# ---- what a replay is not ----

def test_a_replay_is_no_run_of_its_pipeline_for_others(sluice):
    """It waits for no place, is not the newest that others go by, and is not retried as a run is."""
    wines(sluice, 0.2, 0.4)
    sluice.pipeline(PIPELINE.replace("concurrency: {group: wine, limit: 1, policy: queue}",
                                     "concurrency: {group: wine, limit: 1, policy: cancel_running}")
                    .replace("after: {needs: [judge], run:", "after: {needs: [judge], uses: approve} #"))
    sluice("run", "-p", "shift=0.3", expect=5)
    replay(sluice, 3, "wine/1")
    assert sluice("show", "wine/3", "--json", expect=0).json["status"] == "waiting"
    for words in (("retry", "wine/4"), ("rerun", "wine/4"), ("retry", "wine/4", "judge")):
        refused = sluice(*words, expect=2)
        assert "run wine/4 only replays a gate: 'sluice gates replay' does that again" in refused.err, words


def test_the_last_run_of_a_pipeline_is_none_that_replays_a_gate(sluice):
    wines(sluice)
    sluice.pipeline(PIPELINE.replace('train:\n        run: |', 'train:\n'
                                     '        inputs: {before: {path: "last:predict.scored", optional: true}}\n'
                                     '        run: |\n          cp "${{ inputs.before ?? \'data.csv\' }}" before.csv'))
    make(sluice, 0.2)
    make(sluice, 0.4)
    replay(sluice, 2, "wine/1")
    make(sluice, 0.3)
    assert "\n1,1.4\n" in (sluice.folder / "before.csv").read_text()


def test_the_last_good_run_is_none_that_replays_a_gate(sluice):
    wines(sluice, 0.2)
    replay(sluice, 1, "wine/1")
    sluice.pipeline(PIPELINE.replace("cp data.csv", "cp none.csv"))
    sluice("run", expect=1)
    against = sluice("explain", "wine/3", "--against", "last-good", "--json", expect=0).json
    assert against["against"] == "1", against


GREEN = {"model": "wine", "alias": "champion", "gate": "green"}


def test_guards_count_a_replay_by_the_newest_rules_alone(sluice):
    wines(sluice, 0.2, limit=2)   # gate 1, lax: passed
    wines(sluice, 0.9, limit=0.5)  # gate 2: refused wine/2
    write_guards(sluice, GREEN)
    replay(sluice, 1, "wine/2")  # the older, laxer gate says yes
    refused = sluice("run", "point.yaml", "-p", "version=2")
    assert refused.code != 0 and "a green gate (wine/judge refused: rmse 0.9 is above 0.5" in refused.out + refused.err
    point(sluice, 1)
    replay(sluice, 2, "wine/1")
    make(sluice, 0.15, limit=0.19)  # gate 5
    point(sluice, 3)
    replay(sluice, 5, "wine/1", expect=6)  # by the newest rules, the older one is red now
    refused = sluice("run", "point.yaml", "-p", "version=1")
    assert refused.code != 0 and "wine/judge refused: rmse 0.2 is above 0.19" in refused.out + refused.err


def test_guards_count_no_replay_on_other_data(sluice):
    wines(sluice)
    sluice.pipeline(JUDGED)
    make(sluice, 0.9)
    sluice.write("data.csv", DATA + "5\n")
    make(sluice, 0.2, limit=2)
    write_guards(sluice, GREEN)
    replay(sluice, 2, "wine/1", "--other-data")
    assert gate(sluice, 3)["passed"] is True
    refused = sluice("run", "point.yaml", "-p", "version=1")
    assert refused.code != 0 and "rmse 0.9 is above 0.5" in refused.out + refused.err


def test_the_evidence_of_a_version_has_its_replays(sluice):
    wines(sluice, 0.2, 0.4)
    replay(sluice, 2, "wine/1")
    sluice("evidence", "wine/1", "-o", "audit", expect=0)
    records = json.loads((sluice.folder / "audit" / "gates.json").read_text())
    assert [(one["gate"], one["replay_of"], one["version"]) for one in records] == [(1, None, "wine/1"),
                                                                                   (3, 2, "wine/1")]
    rows = [json.loads(line) for line in (sluice.folder / "audit" / "activity.jsonl").read_text().splitlines()]
    assert "gate.replayed" in {row["action"] for row in rows}
    sluice("evidence", "verify", "audit", expect=0)
