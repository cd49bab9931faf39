# SPDX-License-Identifier: Apache-2.0
"""`sluice gc`: what goes by the rules, what stays and why, who may, and when."""
import os
import pwd
import re
import shutil
import sqlite3

import pytest
from gc_home import RULES, SOCKETS, Home, held_by, mentions, names
from hooks import Receiver
from programs import wait_until


# ---- what goes ------------------------------------------------------------------------------------------------------


def test_old_runs_go_and_the_newest_stay(sluice):
    home = Home(sluice)
    for i in range(5):
        home.run("-p", f"lr=0.{i + 1}")
    home.age("number < 5")
    before = home.disk()
    ids = [row[0] for row in home.sql("SELECT run_id FROM pipeline_runs WHERE number < 4 UNION SELECT step_run_id FROM "
                                      "attempts JOIN pipeline_runs r USING (run_id) WHERE r.number < 4 UNION SELECT "
                                      "model_id FROM steps JOIN pipeline_runs r USING (run_id) WHERE r.number < 4 AND "
                                      "model_id IS NOT NULL")]
    assert len(ids) == 3 * 4 and mentions(home, ids)
    dry = home.gc("--dry-run", "--runs", "older_than=1d,keep_last=2")
    assert names(dry) == ["shop/1", "shop/2", "shop/3"] and dry["held"] == []
    assert all(item["why"] == "ended 2d ago" for item in dry["removed"])
    assert home.labels() == ["shop/1", "shop/2", "shop/3", "shop/4", "shop/5"]
    done = home.gc("--runs", "older_than=1d,keep_last=2")
    assert {key: dry[key] for key in ("removed", "totals", "held", "rules")} == \
           {key: done[key] for key in ("removed", "totals", "held", "rules")}
    assert dry["dry_run"] and not done["dry_run"]
    assert home.labels() == ["shop/4", "shop/5"]
    assert before - home.disk() == done["totals"]["runs"]["bytes"] > 3 * 20000
    home.check_clean()
    assert mentions(home, ids) == []
    # Numbers are not given twice, and what stays works as before.
    assert home.run()["number"] == "6" or home.run()["number"] == 6
    sluice("explain", "shop/4", expect=0)
    assert "trained 0.4" in sluice("logs", "shop/4", expect=0).out


def test_the_real_run_prints_what_the_dry_run_printed(sluice):
    home = Home(sluice)
    home.run()
    home.run()
    home.age()
    home.settle()
    (sluice.home / "runs/stray").mkdir()
    dry = sluice("gc", "--dry-run", *RULES, expect=0).out
    done = sluice("gc", *RULES, expect=0).out
    assert dry.replace("would remove:", "removed:") == done
    assert re.search(r"^runs +shop/1 +\d+ +[\d.]+ KB +ended 2d ago$", dry, re.M), dry
    assert re.search(r"^leftover +runs/stray +0 ", dry, re.M), dry
    assert re.search(r"^runs +shop/2 +the last of shop that succeeded$", dry, re.M), dry


def test_rules_of_the_configuration_and_options_in_their_place(sluice):
    home = Home(sluice)
    for _ in range(3):
        home.run()
    home.age()
    sluice.write(".sluice/config.yaml", """
        gc:
          runs: {older_than: 30d}
          logs: {older_than: 1h, keep_last: 1}
    """)
    dry = home.gc("--dry-run")
    assert names(dry) == [] and names(dry, "logs") == ["shop/1", "shop/2"]
    assert dry["rules"] == "runs: older than 30d; logs: older than 1h, keep the last 1"
    dry = home.gc("--dry-run", "--runs", "keep_last=1", "--logs", "none")
    assert names(dry) == ["shop/1", "shop/2"] and names(dry, "logs") == []
    assert [item["why"] for item in dry["removed"]] == ["not one of the last 1"] * 2


def test_keep_last_counts_each_pipeline(sluice):
    home = Home(sluice)
    sluice.pipeline("name: other\nsteps:\n  a: {run: \"true\"}\n", "other.yaml")
    for _ in range(2):
        home.run()
        home.run("other.yaml")
    home.age()
    assert names(home.gc("--dry-run", "--runs", "keep_last=1")) == ["shop/1", "other/1"]


def test_the_oldest_go_while_there_is_more_than_max_size(sluice):
    home = Home(sluice)
    for _ in range(4):
        home.run()
    home.settle()
    sizes = [item["bytes"] for item in home.gc("--dry-run", "--runs", "keep_last=1", "--artifacts", "none")["removed"]]
    outcome = home.gc("--runs", f"max_size={sizes[0] * 2 + sizes[0] // 2}")
    assert names(outcome) == ["shop/1", "shop/2"]
    assert outcome["removed"][0]["why"].startswith("the oldest, while there is more than ")
    home.check_clean()


def test_a_run_goes_with_the_runs_of_its_steps(sluice):
    home = Home(sluice)
    sluice.pipeline("name: child\nsteps:\n  a: {run: echo inside}\n", "child.yaml")
    sluice.pipeline("name: parent\nsteps:\n  sub: {pipeline: ./child.yaml}\n", "parent.yaml")
    home.run("parent.yaml")
    home.run("parent.yaml")
    assert home.sql("SELECT count(*) FROM pipeline_runs") == [(4,)]
    home.gc("--runs", "keep_last=1")
    assert home.sql("SELECT pipeline, number FROM pipeline_runs ORDER BY pipeline")[1] == ("parent", 2)
    assert home.sql("SELECT count(*) FROM pipeline_runs") == [(2,)]
    home.check_clean()


def test_logs_go_and_the_record_stays(sluice):
    home = Home(sluice)
    home.run()
    home.run()
    home.age()
    outcome = home.gc("--logs", "older_than=1h,keep_last=1")
    assert names(outcome, "logs") == ["shop/1"] and outcome["totals"]["logs"]["bytes"] > 0
    run = home.sql("SELECT run_id FROM pipeline_runs WHERE number = 1")[0][0]
    assert not (sluice.home / "runs" / run).exists()
    assert "its logs were removed" in sluice("logs", "shop/1", expect=0).err
    assert "trained" in sluice("logs", "shop/2", expect=0).out
    assert sluice("show", "shop/1", "--json", expect=0).json["status"] == "succeeded"
    # A retry takes what the run left, and begins a journal of its own.
    assert sluice("retry", "shop/1", "use", "--json", expect=0).step("train")["status"] == "succeeded"
    home.check_clean()


def test_artifacts_go_and_the_record_stays(sluice):
    home = Home(sluice)
    home.run()
    home.run()
    home.age()
    model = sluice("show", "shop/1", "--json", expect=0).step("train")["model_id"]
    outcome = home.gc("--artifacts", "older_than=1h")
    assert names(outcome, "artifacts") == ["shop/1"]
    assert held_by(outcome, "shop/2", "artifacts") == "the last of shop that succeeded"
    assert outcome["totals"]["artifacts"]["bytes"] > 20000
    assert home.labels() == ["shop/1", "shop/2"]
    shown = sluice("show", "shop/1", "--json", expect=0)
    assert shown.step("train")["metrics"]["rmse"] == 0.5
    assert model not in sluice("models", "--logged", expect=0).out
    assert sluice("artifacts", "shop/1", "--json", expect=0).json == []
    # What is gone is said where it is missed.
    failed = sluice("retry", "shop/1", "use")
    assert failed.code == 1 and "table.csv" in failed.out + failed.err
    home.check_clean()


# ---- what stays -----------------------------------------------------------------------------------------------------


def test_a_version_holds_its_run_and_its_model(sluice):
    home = Home(sluice)
    home.run("-p", "register=true")
    home.run()
    home.run()
    home.age()
    outcome = home.gc(*RULES, "--artifacts", "older_than=1h")
    assert names(outcome) == ["shop/2"]
    assert held_by(outcome, "shop/1") == "model version shop/1 (champion)"
    assert held_by(outcome, "shop/1", "artifacts") == "model version shop/1 (champion)"
    assert held_by(outcome, "shop/3") == "the last of shop that succeeded"
    home.check_clean()
    # It can still be deployed, and what replaced it be rolled back.
    target = sluice.folder / "served"
    sluice.pipeline(f"""
        name: ship
        steps:
          deploy: {{uses: deploy, with: {{model: "models:/shop@champion", target: {{directory: "{target}"}}}}}}
    """, "ship.yaml")
    home.run("ship.yaml")
    assert list(target.rglob("weights"))


def test_models_that_nobody_holds_go_from_a_run_that_is_held(sluice):
    home = Home(sluice, """
        name: many
        steps:
          train:
            matrix: {lr: [1, 2, 3]}
            run: |
              mkdir "$SLUICE_STEP_DIR/model"; head -c 9000 /dev/urandom > "$SLUICE_STEP_DIR/model/w"
            model: {path: "${{ step.dir }}/model", name: many}
          pick:
            run: echo "id=$(printf '%s' ${{ join(steps.train.model_id, ' ') }} | cut -d' ' -f2)" >> "$SLUICE_OUTPUT"
            outputs: {id: string}
          register: {uses: register, with: {model: "${{ steps.pick.outputs.id }}", name: many}}
    """)
    home.run()
    home.run()
    home.age()
    kept = home.sql("SELECT model_id FROM model_versions ORDER BY version")
    outcome = home.gc("--artifacts", "older_than=1h")
    assert len(names(outcome, "artifacts")) == 2 and all(" of many/1" in name for name in names(outcome, "artifacts"))
    assert all(item["why"] == "a model that nobody holds" for item in outcome["removed"])
    left = home.sql("SELECT model_id FROM logged_models WHERE deleted_ms IS NULL AND source_run_id IN (SELECT "
                    "step_run_id FROM attempts JOIN pipeline_runs USING (run_id) WHERE pipeline_runs.number = 1)")
    assert left == kept[:1]
    home.check_clean()


def test_a_kept_result_holds_its_run_for_as_long_as_the_rule_says(sluice):
    home = Home(sluice, cache=True)
    home.run("-p", "lr=0.1")
    home.run("-p", "lr=0.2")
    home.run("-p", "lr=0.3")
    home.age()
    outcome = home.gc(*RULES)
    assert names(outcome) == [] and held_by(outcome, "shop/1") == "the cache: train"
    assert home.run("-p", "lr=0.2")["steps"][0]["reason"] == "reused from 2/train"
    home.sql("UPDATE cache_entries SET created_ms = created_ms - 172800000")
    outcome = home.gc(*RULES, "--cache", "older_than=1h")
    # That of run 2 was used just now, by a run that stays.
    assert names(outcome, "cache") == ["shop/train"] * 2 and names(outcome) == ["shop/1", "shop/3"]
    assert held_by(outcome, "shop/2") == "the cache: train"
    home.check_clean()
    assert home.run("-p", "lr=0.2")["steps"][0]["reason"] == "reused from 2/train"
    assert home.run("-p", "lr=0.1")["steps"][0]["reason"] is None
    assert "ran: " in sluice("explain", "latest", "train", expect=0).out


def test_a_run_holds_what_it_reused_and_what_it_retried(sluice):
    home = Home(sluice, cache=True)
    home.run("-p", "fail=true", expect=1)
    home.run("-p", "fail=true", expect=1)
    sluice("retry", "shop/2", expect=1)
    home.run("-p", "lr=0.2")
    home.age("revision = 1")
    outcome = home.gc(*RULES, "--cache", "keep_last=0")
    assert names(outcome) == []
    assert held_by(outcome, "shop/2") == "run shop/2.2 uses it"
    assert held_by(outcome, "shop/1") in ("run shop/2 uses it", "run shop/2.2 uses it")
    home.check_clean()
    assert sluice("retry", "shop/2.2", "--json", expect=1).step("train")["status"] == "succeeded"
    home.age()
    outcome = home.gc(*RULES)
    assert sorted(names(outcome)) == ["shop/1", "shop/2", "shop/2.2", "shop/2.3"]
    home.check_clean()


def test_an_open_run_holds_what_it_was_given(sluice):
    home = Home(sluice)
    home.run()
    sluice.pipeline("""
        name: shop
        steps:
          train:
            run: cat ${{ inputs.old }}; touch "$SLUICE_STEP_DIR/table.csv"
            inputs: {old: "last:train.table"}
            artifacts: {table: "${{ step.dir }}/table.csv"}
          ask: {needs: [train], uses: approve, with: {message: "well?"}}
          again: {needs: [ask], run: "cat ${{ inputs.old }}", inputs: {old: "last:train.table"}}
    """, "later.yaml")
    home.run("later.yaml", expect=5)
    home.run()
    home.run()
    home.age()
    outcome = home.gc(*RULES, "--logs", "older_than=0s", "--artifacts", "older_than=0s")
    assert names(outcome) == ["shop/3"] and held_by(outcome, "shop/1") == "run shop/2 uses it"
    assert "shop/2" not in names(outcome, "logs") and "shop/2" not in names(outcome, "artifacts")
    home.check()
    sluice("approve", "shop/2", "--resume", expect=0)
    assert "held out 0.1" in sluice("logs", "shop/2", "again", expect=0).out
    home.check_clean()


def test_the_gate_and_the_approval_of_a_version_stay(sluice):
    home = Home(sluice)
    home.run("-p", "register=true")
    sluice.pipeline("""
        name: decide
        steps:
          ask: {uses: approve, with: {of: "models:/shop/1", message: "well?"}}
    """, "decide.yaml")
    home.run("decide.yaml", expect=5)
    sluice("approve", "decide/1", "--resume", expect=0)
    home.run("decide.yaml", expect=5)
    sluice("cancel", "decide/2")
    sluice.pipeline("name: decide\nsteps:\n  a: {run: \"true\"}\n", "decide.yaml")
    home.run("decide.yaml")
    home.age()
    outcome = home.gc(*RULES)
    assert held_by(outcome, "decide/1").startswith("the approval of model m-")
    assert home.sql("SELECT count(*) FROM votes") == [(1,)]
    home.check_clean()


# ---- who may, and when ----------------------------------------------------------------------------------------------


def test_beside_a_run_it_removes_what_that_does_not_need(sluice):
    home = Home(sluice)
    home.run()
    home.run()
    home.age()
    sluice.pipeline("name: slow\nsteps:\n  a: {run: sleep 600}\n", "slow.yaml")
    running = sluice.start("run", "slow.yaml")
    wait_until(lambda: home.sql("SELECT 1 FROM attempts WHERE state = 'running'"))
    assert names(home.gc("--dry-run", *RULES)) == ["shop/1"]
    assert names(home.gc(*RULES)) == ["shop/1"] and home.labels() == ["shop/2", "slow/1"]
    running.kill()
    running.wait()
    sluice("cancel", "slow/1")
    home.check_clean()


def test_the_activity_log_says_who_removed_what_by_which_rule(sluice):
    home = Home(sluice)
    home.run()
    home.run()
    home.age()
    home.gc("--dry-run", *RULES)
    rows = home.sql("SELECT count(*) FROM activity")
    home.gc(*RULES)
    newest = sluice("activity", "--json", "--limit", "1", expect=0).json[0]
    assert newest["action"] == "gc.removed" and newest["reason"] == "runs: older than 1h"
    assert newest["object"].startswith("1 run (") and newest["actor"] == pwd.getpwuid(os.getuid()).pw_name
    assert home.sql("SELECT count(*) FROM activity") == [(rows[0][0] + 1,)]
    home.gc(*RULES)  # nothing went: nothing is said
    assert home.sql("SELECT count(*) FROM activity") == [(rows[0][0] + 1,)]
    sluice("activity", "verify", expect=0)


def test_a_home_that_was_moved_keeps_its_files(sluice, tmp_path):
    home = Home(sluice)
    home.run()
    home.run()
    home.age()
    moved = tmp_path / "moved"
    shutil.copytree(sluice.home, moved, ignore=SOCKETS)
    outcome = sluice("gc", "--home", moved, "--runs", "keep_last=1", "--json", expect=0).json
    assert names(outcome) == ["shop/1"]
    assert home.labels() == ["shop/1", "shop/2"]
    home.check()


@pytest.mark.parametrize("arguments, words", [
    (("--runs", "older_then=1d"), "--runs 'older_then=1d': there is no 'older_then': did you mean 'older_than'?"),
    (("--runs", "older_than=yesterday"), "--runs 'older_than=yesterday': older_than: "),
    (("--logs", "keep_last=-1"), "--logs 'keep_last=-1': keep_last: "),
    (("--cache", "max_size=1G"), "'cache' has no 'max_size'"),
    (("--artifacts", ""), "--artifacts '': there is no '': expected older_than=90d, keep_last=50 or max_size=50G"),
])
def test_a_wrong_rule_is_refused(sluice, arguments, words):
    Home(sluice).run()
    refused = sluice("gc", *arguments, expect=2)
    assert words in refused.err, refused.err


def test_wrong_keys_of_the_configuration_are_refused(sluice):
    Home(sluice).run()
    sluice.write(".sluice/config.yaml", "gc:\n  run: {older_than: 1d}\n  logs: {keep: 3}\n  cache: {max_size: 1G}\n")
    refused = sluice("config", expect=2).err
    for words in ("'gc' has no 'run'", "'keep'", "'cache' has no 'max_size'"):
        assert words in refused, refused


def test_triggers_go_when_no_run_is_left_of_them_and_their_deliveries_stay_duplicates(sluice):
    receiver = Receiver(sluice)
    for delivery in ("d1", "d2"):
        assert receiver.send(delivery=delivery)[0] == 202
        assert wait_until(lambda: receiver.rows("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM pipeline_runs WHERE ended_ms "
                                                "IS NULL) AND NOT EXISTS (SELECT 1 FROM triggers WHERE outcome = "
                                                "'pending')"))
    for delivery in ("d3", "newest"):
        assert receiver.send({"ref": "refs/heads/other"}, delivery=delivery)[0] == 200
    receiver.server.stop()
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("UPDATE triggers SET received_ms = received_ms - 777600000, settled_ms = settled_ms - 777600000")
    sluice("gc", "-q", "--runs", "keep_last=1", expect=0)
    rule = ("--triggers", "older_than=7d")
    dry = sluice("gc", "--dry-run", *rule, "--json", expect=0).json
    done = sluice("gc", *rule, "--json", expect=0).json
    assert dry["removed"] == done["removed"] and [item["what"] for item in done["removed"]] == ["2 triggers"]
    # That of the run which is still there; and the newest, whose number is not to be given again.
    assert receiver.rows("SELECT outcome FROM triggers ORDER BY id") == [("started",), ("filtered",)]
    assert "2 triggers" in sluice("activity", expect=0).out
    # By itself it goes when `sluice serve` finds the rule.
    sluice("gc", "-q", "--runs", "keep_last=0", expect=0)
    sluice.write(".sluice/config.yaml", "gc: {triggers: {older_than: 7d}, runs: {keep_last: 0}}\n")
    receiver.serve()
    for delivery in ("d1", "d3"):
        status, answer = receiver.send(delivery=delivery)
        assert (status, answer["status"]) == (200, "duplicate") and "record has gone" in answer["reason"], answer
    assert receiver.send(delivery="d4")[0] == 202
    receiver.server.stop()
    assert "older_than" in sluice("gc", "--triggers", "keep_last=3", expect=2).err
