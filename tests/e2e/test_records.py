# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind, read from the store by SQLite alone: MLflow runs, models, artifacts, activity."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess

import pytest
from metric_points import points_of
from programs import send, wait_until

FIT = """\
    name: fit
    experiment: cellar
    tags: {team: grapes}
    params: {lr: {type: number, default: 0.5}, label: {type: string, default: quality}}
    steps:
      train:
        run: |
          mkdir "$SLUICE_STEP_DIR/model"
          echo weights > "$SLUICE_STEP_DIR/model/weights.bin"
          cat > "$SLUICE_STEP_DIR/metrics.json" <<'END'
          [{"key": "loss", "value": 0.9, "step": 0, "timestamp": 1700000000000},
           {"key": "loss", "value": 0.4, "step": 1, "timestamp": 1700000001000},
           {"key": "loss", "value": "NaN", "step": 2, "timestamp": 1700000002000},
           {"key": "r2", "value": 0.75}]
          END
          mkdir "$SLUICE_STEP_DIR/plots"
          echo one > "$SLUICE_STEP_DIR/plots/a.svg"
          echo two > "$SLUICE_STEP_DIR/plots/b.svg"
          echo out; echo err >&2
          echo "n=3" >> "$SLUICE_OUTPUT"
        inputs: {data: {path: data.csv, dataset: wine, context: training}}
        model: {path: "${{ step.dir }}/model", name: wine}
        artifacts: {plots: "${{ step.dir }}/plots/*.svg"}
        metrics: ["${{ step.dir }}/metrics.json"]
        outputs: {n: integer}
      never: {run: "true", needs: [train], if: params.lr > 5}
      below: {run: "true", needs: [never]}
    """


class Store:
    """The rows of a home."""

    def __init__(self, sluice):
        self.path = sluice.home / "sluice.db"

    def connect(self):
        return contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True))

    def rows(self, sql, *values):
        store = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        store.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in store.execute(sql, values)]
        finally:
            store.close()

    def one(self, sql, *values):
        found = self.rows(sql, *values)
        assert len(found) == 1, found
        return found[0]

    def map(self, table, run_id):
        found = self.rows(f"SELECT key, value FROM {table} WHERE run_id = ?", run_id)
        return {row["key"]: row["value"] for row in found}

    def tags(self, run_id):
        return self.map("run_tags", run_id)

    def run(self, run_id):
        return self.one("SELECT * FROM runs WHERE run_id = ?", run_id)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def fit(sluice):
    """A run of FIT in a git checkout: (sluice, its JSON, the store, the commit)."""
    sluice.pipeline(FIT)
    (sluice.folder / "data.csv").write_text("a,b\n1,2\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(sluice.folder)]
    for words in (["init", "-q"], ["add", "sluice.yaml", "data.csv"], ["commit", "-qm", "first"]):
        subprocess.run(git + words, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})
    commit = subprocess.run(git + ["rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    return sluice, sluice.run("-p", "lr=0.25").json, Store(sluice), commit


def test_a_pipeline_run_is_an_mlflow_run_with_the_params(fit):
    _, run, store, commit = fit
    row = store.run(run["run_id"])
    assert row["name"] == "fit-1" and row["status"] == "FINISHED" and row["parent_run_id"] is None
    assert row["start_ms"] <= row["end_ms"]
    assert store.one("SELECT name FROM experiments WHERE id = ?", row["experiment_id"])["name"] == "cellar"
    assert store.map("run_params", run["run_id"]) == {"lr": "0.25", "label": "quality"}
    tags = store.tags(run["run_id"])
    assert tags["team"] == "grapes" and tags["sluice.pipeline"] == "fit" and tags["sluice.number"] == "1"
    assert tags["mlflow.source.name"] == "sluice.yaml" and tags["mlflow.source.git.commit"] == commit
    assert len(tags["sluice.definition"]) == 64 and tags["sluice.verdict"] == "none"


def test_an_attempt_is_a_nested_run_with_all_that_was_measured(fit):
    _, run, store, commit = fit
    step = run["steps"][0]
    row = store.run(step["run_id"])
    tags = store.tags(step["run_id"])
    assert row["status"] == "FINISHED" and row["name"] == "train" and row["parent_run_id"] == run["run_id"]
    assert tags["mlflow.parentRunId"] == run["run_id"] and tags["mlflow.source.git.commit"] == commit
    assert tags["sluice.step"] == "train" and tags["sluice.attempt"] == "1" and len(tags["sluice.definition"]) == 64
    assert tags["sluice.exit_code"] == "0" and tags["sluice.signal"] == "0" and "sluice.reason" not in tags
    assert int(tags["sluice.max_rss_bytes"]) > 1000000 and int(tags["sluice.wall_ms"]) >= 0
    assert int(tags["sluice.user_ms"]) >= 0 and int(tags["sluice.system_ms"]) >= 0
    assert store.map("run_params", step["run_id"]) == {}
    attempt = store.one("SELECT * FROM attempts WHERE run_id = ?", run["run_id"])
    assert attempt["step_run_id"] == step["run_id"] and attempt["state"] == "succeeded" and attempt["pid"] > 0
    assert json.loads(attempt["exit"])["how"] == "exited"


def test_metrics_keep_step_time_and_nan(fit):
    _, run, store, _ = fit
    run_id = run["steps"][0]["run_id"]
    with store.connect() as connection:
        assert points_of(connection, run_id, "loss") == [
            (1700000000000, 0, 0.9, 0), (1700000001000, 1, 0.4, 0), (1700000002000, 2, 0.0, 1)]
        (time_ms, _, value, _), = points_of(connection, run_id, "r2")
    assert value == 0.75 and time_ms >= store.run(run_id)["start_ms"]
    loss = store.one("SELECT * FROM metric_series WHERE key = 'loss'")
    assert (loss["count"], loss["latest_is_nan"], loss["min_value"], loss["max_value"]) == (3, 1, 0.4, 0.9)
    assert run["steps"][0]["metrics"]["r2"] == 0.75


def test_points_of_many_keys_come_whole_and_in_order(sluice):
    """More than the engine gathers of a few keys, and more than a turn reads: series go on behind their last block."""
    sluice.pipeline("""\
        name: p
        steps:
          many:
            lua: |
              for i = 1, 260 do
                for k = 1, 600 do sluice.metric('loss/' .. k, i + k / 1000, i, 1700000000000 + i) end
              end
        """)
    run_id = sluice.run().step("many")["run_id"]
    with Store(sluice).connect() as connection:
        for k in (1, 2, 299, 600):
            assert points_of(connection, run_id, f"loss/{k}") == [
                (1700000000000 + i, i, i + k / 1000, 0) for i in range(1, 261)]
        assert connection.execute("SELECT count(*), min(count), max(count) FROM metric_series").fetchone()[:] == (
            600, 260, 260)


def test_a_point_that_cannot_be_recorded_takes_no_other_with_it(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          many:
            lua: |
              for i = 1, 5000 do
                sluice.metric('good', i, i)
                if i == 2500 then sluice.metric('bad', 1, 0, -5) end
              end
        """)
    run_id = sluice.run().step("many")["run_id"]
    with Store(sluice).connect() as connection:
        assert [point[1:] for point in points_of(connection, run_id, "good")] == [
            (i, float(i), 0) for i in range(1, 5001)]
        assert points_of(connection, run_id, "bad") == []


def test_inputs_are_datasets_with_digest_and_context(fit):
    sluice, run, store, _ = fit
    digest = sha256((sluice.folder / "data.csv").read_bytes())
    used = store.one("SELECT d.*, u.context, u.run_id FROM run_datasets AS u JOIN datasets AS d ON d.id = u.dataset")
    assert used["run_id"] == run["steps"][0]["run_id"] and used["context"] == "training"
    assert used["name"] == "wine" and used["sha256"] == digest and used["digest"] == digest[:36]
    assert used["source"] == str(sluice.folder / "data.csv")
    assert store.tags(run["steps"][0]["run_id"])["sluice.input.data"] == f"data.csv sha256:{digest}"


def test_artifacts_are_recorded_with_the_digest_of_their_bytes(fit):
    sluice, run, store, _ = fit
    folder = pathlib.Path(store.run(run["steps"][0]["run_id"])["artifact_uri"])
    files = store.rows("SELECT * FROM artifacts WHERE owner = ? ORDER BY path", run["steps"][0]["run_id"])
    assert [pathlib.Path(file["path"]).name for file in files] == ["a.svg", "b.svg"]
    for file in files:
        data = (folder / file["path"]).read_bytes()
        assert file["sha256"] == sha256(data) and file["size_bytes"] == len(data)
    listed = sluice("artifacts", "fit/1", "--json", expect=0).json
    assert {file["sha256"] for file in files} <= {file["sha256"] for file in listed}, listed


def test_a_model_is_linked_to_run_and_files(fit):
    _, run, store, _ = fit
    model = store.one("SELECT * FROM logged_models")
    assert model["model_id"] == run["steps"][0]["model_id"] and model["model_id"].startswith("m-")
    assert model["name"] == "wine" and model["status"] == 2 and model["status_message"] == ""
    assert model["source_run_id"] == run["steps"][0]["run_id"] and len(model["sha256"]) == 64
    link = store.one("SELECT * FROM run_models")
    assert link == {"run_id": run["steps"][0]["run_id"], "model_id": model["model_id"], "is_output": 1, "step": 0}
    files = store.rows("SELECT * FROM artifacts WHERE owner = ?", model["model_id"])
    assert {"MLmodel", "weights.bin"} <= {file["path"] for file in files}
    assert sum(file["size_bytes"] for file in files) == model["size_bytes"]
    for file in files:
        assert sha256((pathlib.Path(model["artifact_uri"]) / file["path"]).read_bytes()) == file["sha256"]


def test_skipped_steps_have_a_reason_and_no_run(fit):
    _, run, store, _ = fit
    never, below = run["steps"][1:]
    assert never["status"] == below["status"] == "skipped" and never["run_id"] is None and below["run_id"] is None
    assert "params.lr > 5" in never["reason"] and "'never' was skipped" in below["reason"]
    assert len(store.rows("SELECT 1 FROM attempts")) == 1 and len(store.rows("SELECT 1 FROM runs")) == 2


def test_the_log_is_kept_by_stream(fit):
    sluice, _, _, _ = fit
    lines = sluice("logs", "fit/1", "train", expect=0).out
    assert "out" in lines and "err" in lines


# ---- statuses ---------------------------------------------------------------------------------------------------


def test_each_end_has_its_status_exit_code_signal_and_reason(sluice):
    sluice.pipeline("""\
        name: ends
        steps:
          good: {run: "true"}
          bad: {run: exit 7}
          killed: {run: kill -9 $$}
          late: {run: sleep 60, timeout: 200ms, stop: {grace: 100ms}}
          again: {run: 'test "${{ step.attempt }}" = 2', retry: {attempts: 2, delay: 1ms}}
          never: {run: "true", needs: [bad]}
        """)
    run = sluice.run(expect=1).json
    store = Store(sluice)
    assert store.run(run["run_id"])["status"] == "FAILED"
    expected = {"good": ("FINISHED", "0", "0", ""), "bad": ("FAILED", "7", "0", "exited with code 7"),
                "killed": ("FAILED", None, "9", "killed by signal 9 (SIGKILL) after"),
                "late": ("FAILED", None, None, "timed out after"), "again": ("FINISHED", "0", "0", "")}
    for step in run["steps"][:5]:
        status, code, number, reason = expected[step["id"]]
        tags = store.tags(step["run_id"])
        assert store.run(step["run_id"])["status"] == status, step
        assert code is None or tags["sluice.exit_code"] == code, tags
        assert number is None or tags["sluice.signal"] == number, tags
        assert reason in tags.get("sluice.reason", "") and (reason or "sluice.reason" not in tags), tags
    attempts = store.rows("SELECT r.name, r.status, a.state, a.number FROM attempts AS a JOIN runs AS r "
                          "ON r.run_id = a.step_run_id WHERE a.position = 4 ORDER BY a.number")
    assert [tuple(row.values()) for row in attempts] == [("again", "FAILED", "failed", 1),
                                                         ("again (attempt 2)", "FINISHED", "succeeded", 2)]
    assert store.one("SELECT state FROM attempts WHERE position = 3")["state"] == "timed_out"


def test_a_run_that_waits_is_running_and_one_that_is_cancelled_is_killed(sluice):
    sluice.pipeline("""\
        name: ask
        steps:
          asked: {uses: approve, with: {expires: 3d}}
          after: {run: "true", needs: [asked]}
        """)
    run = sluice.run(expect=5).json
    store = Store(sluice)
    asked = run["steps"][0]
    assert store.run(run["run_id"])["status"] == "RUNNING" and store.run(asked["run_id"])["status"] == "RUNNING"
    sluice("cancel", "ask/1", "--reason", "not today", expect=None)
    assert store.run(run["run_id"])["status"] == "KILLED" and store.run(asked["run_id"])["status"] == "KILLED"
    assert store.run(asked["run_id"])["end_ms"] > 0
    assert store.one("SELECT status FROM waits")["status"] == "withdrawn"
    assert store.rows("SELECT 1 FROM attempts WHERE ended_ms IS NULL") == []


def test_a_model_that_cannot_be_published_is_an_upload_that_failed(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model"; ln -s /etc/hostname "$SLUICE_STEP_DIR/model/weights"
            model: {path: "${{ step.dir }}/model", name: wine}
        """)
    step = sluice.run(expect=1).step("train")
    model = Store(sluice).one("SELECT * FROM logged_models")
    assert step["status"] == "failed" and step["model_id"] is None
    assert model["status"] == 3 and model["sha256"] == "" and "weights" in model["status_message"]


# ---- models -----------------------------------------------------------------------------------------------------


def test_what_is_measured_of_a_model_is_kept_by_dataset(sluice):
    (sluice.folder / "scored.csv").write_text("quality,predicted\n1,1.1\n2,1.9\n3,3.2\n4,3.9\n")
    sluice.pipeline("""\
        name: p
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model"; echo w > "$SLUICE_STEP_DIR/model/w"
            model: {path: "${{ step.dir }}/model", name: wine}
          evaluate:
            needs: [train]
            uses: evaluate
            with:
              dataset: {path: scored.csv, name: wine-holdout}
              label: quality
              prediction: predicted
              type: regressor
              thresholds: {rmse: "<= 0.7"}
          register: {needs: [evaluate], uses: register, with: {model: "${{ steps.train.model_id }}", name: wine,
                     aliases: [challenger], tags: {by: test}}}
        """)
    run = sluice.run().json
    store = Store(sluice)
    model_id = run["steps"][0]["model_id"]
    series = store.one("SELECT * FROM metric_series WHERE key = 'rmse' AND model_id = ?", model_id)
    assert series["run_id"] == run["steps"][1]["run_id"] and series["dataset_name"] == "wine-holdout"
    assert 0 < series["latest_value"] < 0.7
    used = store.one("SELECT d.name, d.digest FROM run_datasets AS u JOIN datasets AS d ON d.id = u.dataset "
                     "WHERE u.run_id = ?", run["steps"][1]["run_id"])
    assert used == {"name": "wine-holdout", "digest": series["dataset_digest"]}
    gate = store.one("SELECT * FROM gates")
    assert gate["passed"] == 1 and gate["model_id"] == model_id and gate["run_id"] == run["run_id"]
    assert len(gate["evidence_sha256"]) == 64 and run["verdict"] == "passed"
    version = store.one("SELECT * FROM model_versions")
    assert (version["name"], version["version"], version["model_id"]) == ("wine", 1, model_id)
    assert version["run_id"] == run["steps"][0]["run_id"]
    assert store.one("SELECT alias, version FROM model_aliases") == {"alias": "challenger", "version": 1}
    assert store.one("SELECT key, value FROM model_version_tags") == {"key": "by", "value": "test"}
    actions = [row["action"] for row in store.rows("SELECT action FROM activity ORDER BY sequence")]
    assert actions == ["run.started", "gate.passed", "model.registered", "alias.moved", "run.ended"]


def test_an_approval_is_void_when_what_it_was_about_is_gone(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model"; echo w > "$SLUICE_STEP_DIR/model/w"
            model: {path: "${{ step.dir }}/model", name: wine}
          register: {uses: register, with: {model: "${{ steps.train.model_id }}", name: wine, aliases: [next]}}
          ask: {needs: [register], uses: approve, with: {of: "models:/wine@next", expires: 3d}}
        """)
    sluice.run(expect=5)
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("DELETE FROM model_aliases")
    sluice("approve", "p/1", expect=None)
    result = sluice("resume", "p/1", "--json", expect=None)
    assert Store(sluice).one("SELECT status FROM waits")["status"] == "void"
    assert result.step("ask")["status"] == "failed" and "void" in result.step("ask")["reason"]


# ---- sub-pipelines ------------------------------------------------------------------------------------------------


def write_parent(sluice, child):
    sluice.write("child.yaml", child)
    sluice.pipeline("""\
        name: parent
        steps:
          sub: {pipeline: ./child.yaml, with: {n: 4}}
          after: {run: 'test "${{ steps.sub.outputs.twice }}" = 8', needs: [sub]}
        """)


CHILD = """\
    name: child
    params: {n: {type: integer}}
    outputs: {twice: "${{ steps.double.outputs.twice }}"}
    steps:
      ask: {uses: approve, with: {expires: 3d}}
      double:
        needs: [ask]
        run: echo "twice=$(( 2 * $N ))" >> "$SLUICE_OUTPUT"
        env: {N: "${{ params.n }}"}
        outputs: {twice: integer}
    """


def test_a_child_run_is_linked_and_its_wait_and_outputs_are_the_parents(sluice):
    write_parent(sluice, CHILD)
    run = sluice.run(expect=5).json
    store = Store(sluice)
    child = store.one("SELECT * FROM pipeline_runs WHERE parent_run = ?", run["run_id"])
    assert run["status"] == "waiting" and child["state"] == "waiting" and child["trigger"] == "pipeline"
    assert store.tags(child["run_id"])["mlflow.parentRunId"] == run["run_id"]
    assert store.map("run_params", child["run_id"]) == {"n": "4"}
    assert store.one("SELECT child_run_id FROM steps WHERE run_id = ? AND position = 0 AND item = 0",
                     run["run_id"])["child_run_id"] == child["run_id"]
    sluice("approve", child["run_id"], expect=None)
    after = sluice("resume", "parent/1", "--json", expect=0)
    assert after.json["status"] == "succeeded" and after.step("sub")["outputs"] == {"twice": 8}
    assert [row["status"] for row in store.rows("SELECT status FROM runs")] == ["FINISHED"] * 5


def test_a_cancel_goes_down_to_the_child(sluice):
    write_parent(sluice, CHILD)
    sluice.run(expect=5)
    sluice("cancel", "parent/1", expect=None)
    store = Store(sluice)
    assert {row["state"] for row in store.rows("SELECT state FROM pipeline_runs")} == {"cancelled"}
    assert {row["status"] for row in store.rows("SELECT status FROM runs")} == {"KILLED"}
    assert store.rows("SELECT 1 FROM waits WHERE status = 'open'") == []


def test_a_second_ctrl_c_kills_the_steps_of_a_child(sluice):
    write_parent(sluice, """\
        name: child
        params: {n: {type: integer}}
        steps:
          stubborn: {run: "trap '' TERM; touch up; while :; do sleep 0.05; done", stop: {grace: 1h}}
        """.replace("steps:", "outputs: {twice: '1'}\n        steps:"))
    process = sluice.start("run")
    wait_until(lambda: (sluice.folder / "up").exists())
    send(process, signal.SIGINT)
    wait_until(lambda: "run.cancelled" in [row["action"] for row in sluice("activity", "--json").json])
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert {row["state"] for row in Store(sluice).rows("SELECT state FROM attempts")} == {"cancelled"}


def test_a_failed_child_fails_its_step_with_the_reason(sluice):
    write_parent(sluice, CHILD.replace("needs: [ask]", "if: always()").replace("N))", "N)); exit 3"))
    sluice.write("child.yaml", """\
        name: child
        params: {n: {type: integer}}
        outputs: {twice: "${{ steps.bad.outputs.twice ?? 0 }}"}
        steps:
          bad: {run: exit 3, outputs: {twice: integer}}
        """)
    step = sluice.run(expect=1).step("sub")
    assert step["status"] == "failed" and "step 'bad'" in step["reason"] and "code 3" in step["reason"]


# ---- secrets -------------------------------------------------------------------------------------------------------


def test_a_secret_is_in_no_file_of_the_home(sluice):
    secret = "Zx9-quite-secret/Kp7"
    sluice.write(".sluice/config.yaml", "secrets: {TOKEN: {env: THE_TOKEN}}\n")
    sluice.pipeline("""\
        name: p
        steps:
          shell:
            run: |
              echo "token=$TOKEN"
              printf '%s' "${TOKEN:0:9}"; sleep 0.1; printf '%s\\n' "${TOKEN:9}"
              printf '%s' "$TOKEN" | base64
              printf 'user:%s' "$TOKEN" | base64
              echo "said=$TOKEN" >> "$SLUICE_OUTPUT"
            env: {TOKEN: "${{ secrets.TOKEN }}"}
            outputs: {said: string}
          lua:
            lua: |
              local t = sluice.params.t
              sluice.param("p", t) sluice.tag("t", "x" .. t) sluice.output("said", t) print(t)
              error("failed with " .. t)
            with: {t: "${{ secrets.TOKEN }}"}
            outputs: {said: string}
        """)
    result = sluice.run(expect=1, env={"THE_TOKEN": secret})
    assert result.step("shell")["status"] == "succeeded" and "***" in result.step("lua")["reason"]
    forms = [secret.encode(), base64.b64encode(secret.encode()), secret.encode().hex().encode()]
    forms += [base64.b64encode(before + secret.encode())[4:-4] for before in (b"user:", b"a:", b"ab:")]
    for path in sluice.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [form for form in forms if form in data], path
    log = sluice("logs", "p/1", "shell", expect=0).out
    assert log.count("***") >= 4 and "token=***" in log
    for word in ("show", "logs", "activity"):
        assert secret not in sluice(word, *([] if word == "activity" else ["p/1"])).out


# ---- activity -----------------------------------------------------------------------------------------------------


def test_what_people_do_is_in_the_activity_log_and_the_log_verifies(sluice):
    sluice.pipeline("""\
        name: ask
        steps:
          asked: {uses: approve, with: {expires: 3d}}
        """)
    sluice.run(expect=5)
    sluice("approve", "ask/1", "--reason", "looks good", expect=None)
    sluice("resume", "ask/1", expect=None)
    sluice.run("--new", expect=5)
    sluice("reject", "ask/2", "--reason", "no", expect=None)
    sluice("resume", "ask/2", expect=None)
    sluice.run("--new", expect=5)
    sluice("cancel", "ask/3", "--reason", "enough", expect=None)
    rows = sluice("activity", "--json", expect=0).json
    told = {(row["action"], row["reason"]) for row in rows}
    assert {("approval.approved", "looks good"), ("approval.rejected", "no"), ("run.cancelled", "enough")} <= told
    assert [row["action"] for row in rows].count("run.started") == 3
    assert [row["action"] for row in rows].count("approval.requested") == 3
    assert [row["action"] for row in rows].count("run.ended") == 3
    verified = sluice("activity", "verify", "--json", expect=0).json
    assert verified["head"].startswith(f"{len(rows)}:")
    sluice("activity", "verify", "--head", verified["head"], expect=0)
    store = sqlite3.connect(sluice.home / "sluice.db")
    store.execute("DROP TRIGGER activity_is_not_removed")
    store.execute("DELETE FROM activity WHERE sequence = (SELECT MAX(sequence) FROM activity)")
    store.commit()
    store.close()
    sluice("activity", "verify", expect=0)
    cut = sluice("activity", "verify", "--head", verified["head"])
    assert cut.code != 0 and "its tail was cut off" in cut.err
