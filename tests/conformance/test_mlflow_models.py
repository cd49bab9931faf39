# SPDX-License-Identifier: Apache-2.0
"""Logged models (those of MLflow 3): made, finalized, tagged, deleted, and their files."""
import re
import time

import mlflow
import pytest
from mlflow.entities import LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException, RestException
from wire import missing


@pytest.fixture
def model(client, experiment):
    return client.create_logged_model(experiment, name="m")


def test_a_model_is_read_back_whole(client, experiment, run_id):
    before = int(time.time() * 1000)
    made = client.create_logged_model(experiment, name="my model", source_run_id=run_id, model_type="classifier",
                                      tags={"a": "b", "ü": "✓"}, params={"lr": "0.1", "empty": ""})
    for model in (made, client.get_logged_model(made.model_id)):
        assert re.fullmatch("m-[0-9a-f]{32}", model.model_id)
        assert model.experiment_id == experiment and model.name == "my model"
        assert model.source_run_id == run_id and model.model_type == "classifier"
        assert model.status == LoggedModelStatus.PENDING
        assert model.artifact_location == f"mlflow-artifacts:/{experiment}/models/{model.model_id}/artifacts"
        assert before - 5 <= model.creation_timestamp <= int(time.time() * 1000) + 5
        assert model.last_updated_timestamp == model.creation_timestamp
        assert model.tags == {"a": "b", "ü": "✓"} and model.params == {"lr": "0.1", "empty": ""}
        assert model.metrics in (None, [])


def test_defaults_of_a_model(client, experiment):
    model = client.get_logged_model(client.create_logged_model(experiment).model_id)
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", model.name)
    assert not model.source_run_id and not model.model_type and model.tags == {} and model.params == {}


def test_a_model_may_name_a_run_that_is_not_here(client, experiment):
    assert client.create_logged_model(experiment, source_run_id="123").source_run_id == "123"


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"])
def test_names_that_are_refused(client, wire, experiment, name):
    with pytest.raises(MlflowException, match="Invalid model name"):
        client.create_logged_model(experiment, name=name)
    assert "Invalid model name" in wire.refused("POST", "/logged-models", {"experiment_id": experiment, "name": name})


def test_a_model_that_is_not_there(client):
    with pytest.raises(RestException, match="Logged model with ID 'm-nothing' not found.") as refused:
        client.get_logged_model("m-nothing")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_model_needs_an_experiment(client, wire):
    with pytest.raises(RestException, match="No Experiment with id=987654321 exists"):
        client.create_logged_model("987654321")
    assert wire.refused("POST", "/logged-models", {"name": "x"}) == missing("experiment_id")


@pytest.mark.parametrize("status", ["READY", "FAILED"])
def test_a_model_is_finalized(client, model, status):
    time.sleep(0.005)
    client.finalize_logged_model(model.model_id, status)
    found = client.get_logged_model(model.model_id)
    assert found.status == LoggedModelStatus(status)
    assert found.last_updated_timestamp > model.last_updated_timestamp
    client.finalize_logged_model(model.model_id, "READY")
    assert client.get_logged_model(model.model_id).status == LoggedModelStatus.READY


def test_tags_are_set_overwritten_and_deleted(client, model):
    client.set_logged_model_tags(model.model_id, {"a": "1", "b": "2"})
    client.set_logged_model_tags(model.model_id, {"a": "3", "slash/ü": "", "number": 5})
    assert client.get_logged_model(model.model_id).tags == {"a": "3", "b": "2", "slash/ü": "", "number": "5"}
    client.delete_logged_model_tag(model.model_id, "a")
    assert "a" not in client.get_logged_model(model.model_id).tags
    message = f"No tag with key 'a' found for model with ID '{model.model_id}'."
    with pytest.raises(RestException, match=message) as refused:
        client.delete_logged_model_tag(model.model_id, "a")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_params_are_added(client, model):
    client.log_model_params(model.model_id, {"a": "1"})
    client.log_model_params(model.model_id, {"b": "2"})
    assert client.get_logged_model(model.model_id).params == {"a": "1", "b": "2"}


def test_params_and_tags_are_of_any_key_and_kept_whole(client, experiment, model):
    given = {"it's": "1", "a@b": "2", "../a//b": "3", "system prompt": "ü" * 20000}
    client.log_model_params(model.model_id, given)
    client.set_logged_model_tags(model.model_id, given)
    made = client.create_logged_model(experiment, name="n", params=given, tags=given).model_id
    for found in (client.get_logged_model(model.model_id), client.get_logged_model(made)):
        assert found.params == given
        assert {key: found.tags[key] for key in given} == given
    found = client.search_logged_models([experiment], "params.`a@b` = '2' AND tags.`it's` = '1'")
    assert {one.model_id for one in found} == {model.model_id, made}
    client.delete_logged_model_tag(model.model_id, "it's")
    assert "it's" not in client.get_logged_model(model.model_id).tags


def test_more_params_than_one_request_takes(client, experiment):
    params = {f"p{number}": str(number) for number in range(250)}
    model = client.create_logged_model(experiment, params=params)
    assert model.params == params and client.get_logged_model(model.model_id).params == params


def test_a_deleted_model_is_seen_only_when_asked_for(client, experiment, model):
    client.delete_logged_model(model.model_id)
    with pytest.raises(RestException, match=f"Logged model with ID '{model.model_id}' not found."):
        client.get_logged_model(model.model_id)
    client.delete_logged_model(model.model_id)  # Twice is as good as once: a client may have to try again.
    assert client.search_logged_models([experiment]) == []
    store = client._tracking_client.store
    assert store.get_logged_model(model.model_id, allow_deleted=True).name == "m"


def test_metrics_of_a_model(client, experiment, run_id, model):
    client.log_metric(run_id, "acc", 0.5, timestamp=10, step=1, model_id=model.model_id, dataset_name="test",
                      dataset_digest="d1")
    client.log_metric(run_id, "acc", 0.7, timestamp=20, step=2, model_id=model.model_id)
    client.log_metric(run_id, "elsewhere", 1.0)
    metrics = client.get_logged_model(model.model_id).metrics
    assert sorted((point.key, point.value, point.timestamp, point.step, point.dataset_name, point.dataset_digest,
                   point.run_id, point.model_id) for point in metrics) == sorted([
        ("acc", 0.5, 10, 1, "test", "d1", run_id, model.model_id),
        ("acc", 0.7, 20, 2, None, None, run_id, model.model_id)])
    assert client.get_run(run_id).data.metrics == {"acc": 0.7, "elsewhere": 1.0}


def shown(metrics):
    return [(point.key, point.value, point.timestamp, point.step, point.dataset_name) for point in metrics]


def test_every_point_of_a_model_is_shown(client, experiment, run_id, model):
    points = [("loss", 1 / (1 + step), 1000 + step, step, data) for step in range(30) for data in ("train", "test")
              if (step, data) != (0, "test")]
    points += [("loss", 7.0, 5000, 1, None), ("auc", 0.5, 5001, 0, None), ("loss", 7.5, 5002, 1, None)]
    # MLflow knows a model's points by run, key, time and step: those of the second data are a millisecond later.
    points = [(key, value, time + 100 * (data == "test"), step, data) for key, value, time, step, data in points]
    points.sort(key=lambda point: point[2:4])
    client.log_batch(run_id, metrics=[Metric(key, value, time, step, model_id=model.model_id, dataset_name=data,
                                             dataset_digest=data) for key, value, time, step, data in points])
    assert shown(client.get_logged_model(model.model_id).metrics) == points
    (found,) = client.search_logged_models([experiment])
    assert shown(found.metrics) == points


def test_points_of_many_models_come_in_one_page(client, experiment, run_id):
    models = [client.create_logged_model(experiment, f"m{i}").model_id for i in range(8)]
    for model_id in models:
        client.log_batch(run_id, metrics=[Metric("loss", step / 10, step, step, model_id) for step in range(700)])
    found = client.search_logged_models([experiment], max_results=7, order_by=[{"field_name": "name"}])
    assert [model.model_id for model in found] == models[:7]
    assert all([point.step for point in model.metrics] == list(range(700)) for model in found)
    (rest,) = client.search_logged_models([experiment], max_results=7, order_by=[{"field_name": "name"}],
                                          page_token=found.token)
    assert rest.model_id == models[7]


def test_a_point_of_a_run_and_of_its_model_is_one_in_the_history(client, run_id, model):
    # log_model sends the metrics of its run a second time, then with the model's id.
    client.log_metric(run_id, "acc", 0.5, timestamp=10, step=1)
    client.log_batch(run_id, metrics=[Metric("acc", 0.5, 10, 1, model_id=model.model_id)])
    assert len(client.get_metric_history(run_id, "acc")) == 1
    assert [point.value for point in client.get_logged_model(model.model_id).metrics] == [0.5]


def test_files_of_a_model(client, model, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "weights.bin").write_bytes(b"\x00\x01")
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    client.log_model_artifacts(model.model_id, str(tmp_path))
    (tmp_path / "more.txt").write_text("more")
    client.log_model_artifact(model.model_id, str(tmp_path / "more.txt"))
    assert sorted((one.path, one.is_dir) for one in client.list_logged_model_artifacts(model.model_id)) == [
        ("MLmodel", False), ("more.txt", False), ("sub", True)]
    inner, = client.list_logged_model_artifacts(model.model_id, "sub")
    assert (inner.path, inner.file_size) == ("sub/weights.bin", 2)
    client.finalize_logged_model(model.model_id, "READY")
    folder = mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=str(tmp_path / "down"))
    assert open(f"{folder}/sub/weights.bin", "rb").read() == b"\x00\x01"
    assert open(f"{folder}/more.txt").read() == "more"


def test_files_of_a_model_by_its_own_routes(client, wire, model, tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    client.log_model_artifacts(model.model_id, str(tmp_path))
    listed = wire.get(f"/logged-models/{model.model_id}/artifacts/directories")
    assert listed["root_uri"] == model.artifact_location
    assert listed["files"] == [{"path": "MLmodel", "is_dir": False, "file_size": 12}]
    route = f"/logged-models/{model.model_id}/artifacts/files"
    answer = wire.send("GET", route, params={"artifact_file_path": "MLmodel"}, prefix="/ajax-api/2.0/mlflow")
    assert answer.status_code == 200 and answer.text == "flavors: {}\n"


def test_fluent_models(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run() as run:
        model = mlflow.initialize_logged_model("fluent", tags={"a": "b"}, params={"p": 1}, model_type="t")
        mlflow.log_model_params({"q": "2"}, model_id=model.model_id)
        mlflow.set_logged_model_tags(model.model_id, {"c": "d"})
        mlflow.delete_logged_model_tag(model.model_id, "a")
        mlflow.log_metric("acc", 1.0, model_id=model.model_id)
        mlflow.finalize_logged_model(model.model_id, "READY")
    found = mlflow.get_logged_model(model.model_id)
    assert found.name == "fluent" and found.source_run_id == run.info.run_id and found.status == LoggedModelStatus.READY
    assert found.params == {"p": "1", "q": "2"} and found.tags["c"] == "d" and "a" not in found.tags
    assert [point.key for point in found.metrics] == ["acc"]
    assert mlflow.last_logged_model().model_id == model.model_id


def test_an_external_model(client, unique):
    mlflow.set_experiment(unique)
    model = mlflow.create_external_model(name="ext", params={"a": "1"})
    assert client.get_logged_model(model.model_id).status == LoggedModelStatus.READY
    mlflow.set_active_model(name="ext")
    assert mlflow.get_active_model_id() == model.model_id
    mlflow.clear_active_model()


def test_what_is_needed_to_finalize(wire, model):
    route = f"/logged-models/{model.model_id}"
    assert wire.refused("PATCH", route, {"model_id": model.model_id}) == missing("status")


def test_a_logged_model_without_a_name_gets_one(wire, experiment):
    for body in ({}, {"name": ""}):
        info = wire.post("/logged-models", {"experiment_id": experiment, **body})["model"]["info"]
        assert len(info["name"].split("-")) == 3
