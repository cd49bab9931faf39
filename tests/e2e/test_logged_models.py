# SPDX-License-Identifier: Apache-2.0
"""A logged model is PENDING before its first file is copied, then READY or UPLOAD_FAILED, whatever happens."""
import os
import pathlib
import signal
import time

import pytest
from programs import forget_definition, runners_of, wait_until
from test_records import Store, sha256

# Enough to digest that somebody can look meanwhile, and nothing to store: a file with a hole.
BIG = """\
    name: p
    steps:
      train:
        run: |
          mkdir "$SLUICE_STEP_DIR/model"
          truncate -s "$([ ${{ step.attempt }} = 1 ] && echo 400M || echo 1)" "$SLUICE_STEP_DIR/model/weights"
        model: {path: "${{ step.dir }}/model", name: wine, type: regressor, params: {depth: 3}, tags: {by: test}}
        stop: {grace: 200ms}
        OPTIONS
      after: {run: "echo model ${{ steps.train.model_id }}", needs: [train]}
    """


def pipeline(sluice, options=""):
    sluice.pipeline(BIG.replace("OPTIONS", options))


def models(sluice):
    """What another process sees."""
    return sluice("models", "--logged", "--json", expect=0).json


def children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []  # it has just ended


def the_runner(sluice):
    """Without its children, which have its command line."""
    (runner,) = [pid for pid in runners_of(sluice.home) if children(pid)]
    return runner


def hold(sluice):
    """Waits for a model that is being copied, and keeps it from getting on: (the model, who copies it)."""
    store = Store(sluice)
    wait_until(lambda: store.path.exists() and store.rows("SELECT 1 FROM sqlite_master WHERE name = 'logged_models'"))
    wait_until(lambda: store.rows("SELECT 1 FROM logged_models"))
    (copier,) = children(the_runner(sluice))
    os.kill(copier, signal.SIGSTOP)
    (model,) = models(sluice)
    assert model["status"] == "PENDING"
    return model, copier


def left_of(sluice, model_id):
    """Files below the model's folder; None: there is no folder."""
    folders = list(sluice.home.glob(f"artifacts/*/models/{model_id}"))
    return [path for path in folders[0].rglob("*") if path.is_file()] if folders else None


def assert_upload_failed(sluice, model_id, reason):
    model = sluice("models", "show", model_id, "--json", expect=0).json
    assert (model["status"], model["sha256"], model["size_bytes"]) == ("UPLOAD_FAILED", "", 0)
    assert reason in model["status_message"], model
    assert reason in sluice("models", "show", model_id, expect=0).out.splitlines()[0]
    assert Store(sluice).rows("SELECT path FROM artifacts WHERE owner = ?", model_id) == []
    assert left_of(sluice, model_id) is None


def test_others_see_a_model_that_is_being_published(sluice):
    pipeline(sluice)
    process = sluice.start("run", "--json")
    pending, copier = hold(sluice)
    store = Store(sluice)
    attempt = store.one("SELECT step_run_id, state FROM attempts")
    assert pending["name"] == "wine" and pending["run_id"] == attempt["step_run_id"] and attempt["state"] == "running"
    seen = sluice("models", "show", pending["model_id"], "--json", expect=0).json
    assert (seen["status"], seen["sha256"], seen["status_message"]) == ("PENDING", "", "")
    assert seen["params"] == {"depth": "3"} and seen["tags"] == {"by": "test"}
    assert not pathlib.Path(seen["artifact_uri"]).exists()
    assert store.one("SELECT model_type FROM logged_models")["model_type"] == "regressor"
    assert store.one("SELECT model_id FROM run_models")["model_id"] == pending["model_id"]
    step = sluice("show", "p/1", "--json", expect=0).step("train")
    assert step["status"] == "active" and step["model_id"] is None
    os.kill(copier, signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    (ready,) = models(sluice)
    assert ready["model_id"] == pending["model_id"] and ready["status"] == "READY" and ready["size_bytes"] > 400 << 20
    assert sluice("show", "p/1", "--json", expect=0).step("train")["model_id"] == ready["model_id"]
    assert pending["model_id"] in sluice("logs", "p/1", "after", expect=0).out


@pytest.mark.parametrize("victim", ["runner", "runner and sluice", "sluice"])
def test_a_kill_in_the_middle_of_the_copy_is_told_by_the_records(sluice, victim):
    pipeline(sluice, "retry: {attempts: 2, delay: 1ms, on: [lost]}")
    process = sluice.start("run", "--json")
    first, copier = hold(sluice)
    if "sluice" in victim:
        process.kill()
    if "runner" in victim:
        os.kill(the_runner(sluice), signal.SIGKILL)
    else:
        os.kill(copier, signal.SIGCONT)
    process.communicate(timeout=60)
    if "sluice" in victim:
        sluice("resume", "--json", expect=0)
    step = sluice("show", "p/1", "--json", expect=0).step("train")
    states = {model["model_id"]: model["status"] for model in models(sluice)}
    assert states.pop(step["model_id"]) == "READY"
    if victim == "sluice":  # the runner goes on, and what it says is read once
        assert step["model_id"] == first["model_id"] and step["attempt"] == 1 and states == {}
        return
    assert step["attempt"] == 2 and states == {first["model_id"]: "UPLOAD_FAILED"}
    assert_upload_failed(sluice, first["model_id"], "lost: its runner was killed")
    assert len(left_of(sluice, step["model_id"])) == 2
    assert step["model_id"] in sluice("logs", "p/1", "after", expect=0).out


@pytest.mark.parametrize("cause, reason", [
    ("cancel", "cancelled"), ("timeout", "timed out after 6 s"), ("killed", "killed by signal 9"),
    ("no retry", "lost: its runner was killed")])
def test_no_model_stays_pending_longer_than_its_attempt(sluice, cause, reason):
    pipeline(sluice, "timeout: 6s" if cause == "timeout" else "")
    process = sluice.start("run", "--json")
    model, copier = hold(sluice)
    if cause == "cancel":
        process.send_signal(signal.SIGINT)
    elif cause == "killed":
        os.kill(copier, signal.SIGKILL)
    elif cause == "no retry":
        os.kill(the_runner(sluice), signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == (130 if cause == "cancel" else 1)
    assert [found["status"] for found in models(sluice)] == ["UPLOAD_FAILED"]
    assert_upload_failed(sluice, model["model_id"], reason)
    assert sluice("show", "p/1", "--json", expect=0).step("train")["model_id"] is None


@pytest.mark.parametrize("goes_on", [True, False])
def test_nothing_is_copied_before_the_journal_has_the_model(sluice, goes_on):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            lua: |
              sluice.file.write(sluice.step.dir .. "/weights", "w")
              while not sluice.file.exists("go") do end
            model: {path: "${{ step.dir }}/weights", name: wine}
        """)
    process = sluice.start("run", "--json")
    wait_until(lambda: list(sluice.home.glob("runs/*/steps/train.1/weights")))
    runner = the_runner(sluice)
    os.kill(runner, signal.SIGSTOP)
    sluice.write("go", "")
    time.sleep(0.5)
    assert list(sluice.home.glob("artifacts/*/models/m-*")) == [] and models(sluice) == []
    os.kill(runner, signal.SIGCONT if goes_on else signal.SIGKILL)
    process.communicate(timeout=60)
    assert [model["status"] for model in models(sluice)] == (["READY"] if goes_on else [])
    assert len(list(sluice.home.glob("artifacts/*/models/m-*"))) == (1 if goes_on else 0)


def test_a_model_of_a_run_that_cannot_be_loaded_does_not_stay_pending(sluice):
    sluice.pipeline(BIG.replace("OPTIONS", ""))
    process = sluice.start("run")
    model, _ = hold(sluice)
    process.kill()
    process.communicate()
    forget_definition(sluice)
    assert "cannot go on" in sluice("cancel", "p/1", "--reason", "its rules are gone", expect=0).err
    assert_upload_failed(sluice, model["model_id"], "its rules are gone")


def test_a_model_that_was_whole_when_its_step_was_cancelled_is_not_ready(sluice):
    """All of a step or nothing: here the copy ends within the grace period, and the step is cancelled all the same."""
    sluice.pipeline("""\
        name: p
        steps:
          train:
            lua: |
              sluice.cancelled()
              sluice.file.write(sluice.step.dir .. "/weights", "w")
              while not sluice.cancelled() do end
            model: {path: "${{ step.dir }}/weights", name: wine}
            stop: {grace: 20s}
        """)
    process = sluice.start("run", "--json")
    wait_until(lambda: list(sluice.home.glob("runs/*/steps/train.1/weights")))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert Store(sluice).one("SELECT state FROM attempts")["state"] == "cancelled"
    (model,) = models(sluice)
    assert_upload_failed(sluice, model["model_id"], "cancelled")


def test_only_a_model_that_is_ready_can_be_used(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model"; ln -s /etc/hostname "$SLUICE_STEP_DIR/model/weights"
            model: {path: "${{ step.dir }}/model", name: wine}
        """)
    sluice.run(expect=1)
    (model,) = models(sluice)
    assert_upload_failed(sluice, model["model_id"], "weights")
    sluice.write("use.yaml", f"""\
        name: use
        steps:
          read: {{run: "true", inputs: {{model: "{model['model_id']}"}}}}
          register: {{uses: register, with: {{model: "{model['model_id']}", name: wine}}}}
        """)
    run = sluice.run("use.yaml", expect=1)
    for step in ("read", "register"):
        assert f"model {model['model_id']} is UPLOAD_FAILED, not READY: " in run.step(step)["reason"]


def test_a_model_of_very_many_files_is_recorded_whole(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model"; cd "$SLUICE_STEP_DIR/model"; seq 12000 | xargs touch
            model: {path: "${{ step.dir }}/model", name: wine}
        """)
    model_id = sluice.run().step("train")["model_id"]
    files = Store(sluice).rows("SELECT path, sha256 FROM artifacts WHERE owner = ? ORDER BY path", model_id)
    assert len(files) == 12001
    lines = "".join(f"{file['path']}\0{file['sha256']}\n" for file in files)
    assert sluice("models", "show", model_id, "--json", expect=0).json["sha256"] == sha256(lines.encode())


def test_a_key_that_no_model_may_have_fails_the_step_before_anything_is_published(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            run: echo w > "$SLUICE_STEP_DIR/w"; echo n=1 >> "$SLUICE_OUTPUT"
            outputs: {n: integer}
            model: {path: "${{ step.dir }}/w", name: wine, params: {"a*b": 1}}
        """)
    result = sluice("run", "--json")
    assert result.code == 1 and "param key 'a*b'" in result.step("train")["reason"]
    assert models(sluice) == [] and result.step("train")["outputs"] == {}


def test_the_list_of_logged_models_is_newest_first_and_bounded(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            matrix: {i: [1, 2, 3]}
            max_parallel: 1
            run: echo w > "$SLUICE_STEP_DIR/w"
            model: {path: "${{ step.dir }}/w", name: "m${{ matrix.i }}"}
        """)
    sluice.run()
    assert [model["name"] for model in models(sluice)] == ["m3", "m2", "m1"]
    assert [m["name"] for m in sluice("models", "--logged", "--limit", "1", "--json", expect=0).json] == ["m3"]
    assert "READY" in sluice("models", "--logged", expect=0).out
    assert "--limit is for --logged" in sluice("models", "--limit", "1").err
