# SPDX-License-Identifier: Apache-2.0
"""What clients delete is marked, and can be restored; `mlflow gc`, or `sluice gc --deleted`, removes it for good."""
import os
import pathlib
import time

import mlflow
import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException


@pytest.fixture(scope="module")
def own(start_server):
    """A server of our own, since all that is deleted goes."""
    return start_server()


@pytest.fixture
def client(own, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", own.url)
    mlflow.set_tracking_uri(own.url)
    return mlflow.MlflowClient(own.url)


def files_that_name(server, word):
    return [path for path in pathlib.Path(server.home).rglob("*") if word in str(path)]


def new_run(client, experiment, tmp_path, **more):
    """One with everything that a run can have."""
    run = client.create_run(experiment, **more).info.run_id
    points = [Metric("m", step / 2, 1000, step) for step in range(50)]
    client.log_batch(run, points, [Param("p", "1")], [RunTag("t", "x")])
    data = Dataset("data", "digest", "local", "here")
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training"), InputTag("k", "v")])])
    (tmp_path / "note.txt").write_text("hello")
    client.log_artifact(run, str(tmp_path / "note.txt"), "texts")
    return run


def gone(client, run):
    with pytest.raises(MlflowException, match=f"Run with id={run} not found") as refused:
        client.get_run(run)
    return refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_deleted_run_goes_and_others_stay(own, client, unique, tmp_path):
    experiment = client.create_experiment(unique)
    kept, deleted = (new_run(client, experiment, tmp_path) for _ in range(2))
    child = new_run(client, experiment, tmp_path, tags={"mlflow.parentRunId": deleted})
    client.delete_run(deleted)
    assert client.get_run(deleted).data.params == {"p": "1"} and files_that_name(own, deleted)
    own.remove_deleted()
    assert gone(client, deleted)
    assert [path for path in files_that_name(own, deleted) if path.is_file()] == []
    with pytest.raises(MlflowException, match=f"Run with id={deleted} not found"):
        client.restore_run(deleted)
    for run in (kept, child):
        assert client.get_run(run).data.params == {"p": "1"}
        assert len(client.get_metric_history(run, "m")) == 50
        assert client.get_run(run).inputs.dataset_inputs[0].dataset.name == "data"
        assert mlflow.artifacts.load_text(f"runs:/{run}/texts/note.txt") == "hello"
    assert {run.info.run_id for run in client.search_runs([experiment], run_view_type=3)} == {kept, child}


def test_a_run_that_was_restored_stays(own, client, unique, tmp_path):
    run = new_run(client, client.create_experiment(unique), tmp_path)
    client.delete_run(run)
    client.restore_run(run)
    own.remove_deleted()
    assert client.get_run(run).info.lifecycle_stage == "active"


def test_a_deleted_experiment_goes_with_its_runs_and_frees_its_name(own, client, unique, tmp_path):
    experiment = client.create_experiment(unique, tags={"a": "b"})
    run = new_run(client, experiment, tmp_path)
    client.delete_experiment(experiment)
    with pytest.raises(MlflowException, match="RESOURCE_ALREADY_EXISTS|already exists"):
        client.create_experiment(unique)
    own.remove_deleted()
    assert gone(client, run)
    for refused in (client.get_experiment, client.restore_experiment):
        with pytest.raises(MlflowException, match=f"No Experiment with id={experiment} exists"):
            refused(experiment)
    again = client.create_experiment(unique)
    assert client.get_experiment(again).tags.get("a") is None and client.search_runs([again], run_view_type=3) == []
    assert [path for path in files_that_name(own, run) if path.is_file()] == []


def test_a_deleted_model_goes_and_its_run_stays(own, client, unique, tmp_path):
    experiment = client.create_experiment(unique)
    run = new_run(client, experiment, tmp_path)
    model = client.create_logged_model(experiment, "m", source_run_id=run, tags={"a": "b"}, params={"c": "d"})
    client.log_model_artifact(model.model_id, str(tmp_path / "note.txt"))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_metric(run, "of_it", 1.0, model_id=model.model_id)
    client.delete_logged_model(model.model_id)
    own.remove_deleted()
    with pytest.raises(MlflowException, match=f"ogged model with ID '{model.model_id}' not found"):
        client.get_logged_model(model.model_id)
    assert [path for path in files_that_name(own, model.model_id) if path.is_file()] == []
    assert client.get_run(run).info.lifecycle_stage == "active"


@pytest.mark.flaw("MLflow removes the run of a version, and the files that the version is of")
def test_a_registered_version_holds_its_run_and_its_model(own, client, unique, tmp_path):
    experiment = client.create_experiment(unique)
    held, maker, unheld = (new_run(client, experiment, tmp_path) for _ in range(3))
    model = client.create_logged_model(experiment, "m", source_run_id=maker).model_id
    client.log_model_artifact(model, str(tmp_path / "note.txt"))
    client.finalize_logged_model(model, "READY")
    client.create_registered_model(unique)
    client.create_model_version(unique, f"{client.get_run(held).info.artifact_uri}/texts", run_id=held)
    client.create_model_version(unique, f"models:/{model}", model_id=model)
    client.delete_experiment(experiment)
    own.remove_deleted()
    assert [client.get_run(run).info.lifecycle_stage for run in (held, maker)] == ["deleted", "deleted"]
    assert gone(client, unheld)
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        mlflow.artifacts.download_artifacts(f"models:/{unique}/{version}", dst_path=str(tmp_path / version))
        assert "note.txt" in os.listdir(tmp_path / version)
    client.delete_registered_model(unique)
    own.remove_deleted()
    assert gone(client, held) and gone(client, maker) and client.get_experiment_by_name(unique) is None


class TestSluiceAlone:
    @pytest.fixture(autouse=True)
    def only(self, request):
        if request.config.getoption("--server") != "sluice":
            pytest.skip("asks for what `sluice gc` prints")

    def test_nothing_goes_without_a_rule_and_the_dry_run_changes_nothing(self, own, client, unique, tmp_path):
        experiment = client.create_experiment(unique)
        young, used = (new_run(client, experiment, tmp_path) for _ in range(2))
        model = client.create_logged_model(experiment, "m", source_run_id=used).model_id
        client.finalize_logged_model(model, "READY")
        reader = client.create_run(client.create_experiment(unique + "-reader")).info.run_id
        client.log_inputs(reader, models=[LoggedModelInput(model)])
        client.delete_experiment(experiment)
        dry = own.sluice("gc", "--dry-run")
        assert [item for item in dry["removed"] + dry["held"] if item["kind"] == "deleted"] == []
        assert own.sluice("gc", "--dry-run", "--deleted", "older_than=1d")["totals"]["deleted"]["count"] == 0
        time.sleep(0.01)
        dry = own.sluice("gc", "--dry-run", "--deleted", "older_than=0s")
        gone_items = {item["what"]: item for item in dry["removed"] if item["kind"] == "deleted"}
        assert set(gone_items) == {f"run {young}", f"run {used}"}
        assert gone_items[f"run {young}"]["files"] == 1 and "ago" in gone_items[f"run {young}"]["why"]
        ours = (young, used, model, unique)
        held = {item["what"]: item["by"] for item in dry["held"] if item["what"].endswith(ours)}
        assert held == {f"model {model}": f"MLflow run {reader} uses it",
                        f"experiment {unique}": f"model {model} stays"}
        assert dry["rules"] == "deleted: older than 0 ms"
        client.restore_experiment(experiment)
        assert client.get_run(young).info.lifecycle_stage == "active"
        client.delete_experiment(experiment)
        own.remove_deleted()
        assert gone(client, young) and gone(client, used)
        assert client.get_experiment(experiment).lifecycle_stage == "deleted"
        client.delete_run(reader)
        own.remove_deleted()
        assert client.get_experiment_by_name(unique) is None
        activity = own.sluice("activity", "--limit", "1")
        assert "deleted records" in str(activity) and "deleted: older than 0 ms" in str(activity)

    def test_the_default_experiment_stays(self, own, client):
        client.create_run("0")
        client.delete_experiment("0")
        time.sleep(0.01)
        dry = own.sluice("gc", "--dry-run", "--deleted", "older_than=0s")
        assert {"kind": "deleted", "what": "experiment Default", "by": "clients that name no experiment use it"} in \
            dry["held"]
        own.remove_deleted()
        assert client.search_runs(["0"], run_view_type=3) == []
        client.restore_experiment("0")
        assert client.get_experiment("0").lifecycle_stage == "active"
