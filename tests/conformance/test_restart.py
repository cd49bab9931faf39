# SPDX-License-Identifier: Apache-2.0
"""A server that is ended and started again over the same folder has forgotten nothing."""
import mlflow
import pytest
from mlflow.entities import Metric, Param, RunTag


@pytest.fixture(scope="module")
def before_and_after(start_server):
    """What was there when the server ended, and a client of the one that came after."""
    server = start_server()
    client = mlflow.MlflowClient(server.url)
    experiment = client.create_experiment("kept ü", tags={"a": "b"})
    run = client.create_run(experiment, run_name="r").info.run_id
    points = [Metric("m", step / 3, step, step) for step in range(200)]
    client.log_batch(run, points, [Param("p", "1")], [RunTag("t", "")])
    mlflow.set_tracking_uri(server.url)
    client.log_text(run, "kept", "dir/x.txt")
    model = client.create_logged_model(experiment, "m", source_run_id=run)
    client.create_registered_model("kept")
    client.create_model_version("kept", f"models:/{model.model_id}", model_id=model.model_id)
    client.set_registered_model_alias("kept", "champion", "1")
    kept = {"experiment": client.get_experiment(experiment).to_proto().SerializeToString(),
            "run": client.get_run(run).to_dictionary(),
            "model": client.get_logged_model(model.model_id).to_dictionary()}
    server.stop()
    server.start()
    return kept, (experiment, run, model.model_id), server.url


def test_everything_is_still_there(before_and_after):
    kept, (experiment, run, model), url = before_and_after
    client = mlflow.MlflowClient(url)
    assert client.get_experiment(experiment).to_proto().SerializeToString() == kept["experiment"]
    assert client.get_run(run).to_dictionary() == kept["run"]
    assert client.get_logged_model(model).to_dictionary() == kept["model"]
    assert [(point.value, point.step) for point in client.get_metric_history(run, "m")] == [
        (step / 3, step) for step in range(200)]
    assert client.get_model_version_by_alias("kept", "champion").run_id == run


def test_files_are_still_there(before_and_after):
    _, (_, run, _), url = before_and_after
    mlflow.set_tracking_uri(url)
    assert mlflow.artifacts.load_text(f"runs:/{run}/dir/x.txt") == "kept"


def test_it_goes_on_from_there(before_and_after):
    _, (experiment, run, _), url = before_and_after
    client = mlflow.MlflowClient(url)
    client.log_metric(run, "m", 9.0, step=1000)
    assert client.get_run(run).data.metrics["m"] == 9.0
    assert int(client.create_experiment("after")) > int(experiment)
    assert client.create_model_version("kept", "s3://b/x").version == "2"
