# SPDX-License-Identifier: Apache-2.0
"""A client waits for minutes after a 500: a user's mistake is never one. And what a client makes of an error."""
import re

import mlflow
import pytest
from mlflow.exceptions import MlflowException, RestException
from wire import API2


@pytest.mark.parametrize("call, status, code", [
    (lambda wire: wire.send("GET", "/experiments/get", params={"experiment_id": "999999"}), 404,
     "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("GET", "/runs/get", params={"run_id": "'; DROP TABLE runs; --"}), 404,
     "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("POST", "/experiments/create", {"name": "Default"}), 400, "RESOURCE_ALREADY_EXISTS"),
    (lambda wire: wire.send("GET", "/registered-models/get", params={"name": "nobody"}), 404,
     "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("GET", "/registered-models/alias", params={"name": "nobody", "alias": "x"}), 404,
     "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("GET", "/logged-models/m-nobody"), 404, "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("PATCH", "/logged-models/m-nobody", {"model_id": "m-nobody", "status": 2}), 404,
     "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("DELETE", "/logged-models/m-nobody"), 404, "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("PATCH", "/model-versions/update", {"name": "nobody", "version": "1"}), 404,
     "RESOURCE_DOES_NOT_EXIST"),
    (lambda wire: wire.send("DELETE", "/registered-models/delete", {"name": "nobody"}), 404, "RESOURCE_DOES_NOT_EXIST"),
])
def test_status_and_code(wire, call, status, code):
    answer = call(wire)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.parametrize("call, code, kind", [
    (lambda wire: wire.send("GET", "/experiments/get", params={"experiment_id": "999999"}), "KAM00",
     "RESOURCE_NOT_FOUND"),
    (lambda wire: wire.send("POST", "/experiments/create", {"name": "Default"}), "KAM00", "RESOURCE_ALREADY_EXISTS"),
    (lambda wire: wire.send("POST", "/experiments/create", {}), "KAM00", "INVALID_PARAMETER_VALUE"),
])
def test_the_class_of_an_error(wire, call, code, kind):
    body = call(wire).json()
    assert (body["sqlstate"], body["error_class"]) == (code, kind)


@pytest.mark.parametrize("text, status, code, message", [
    ("x", 400, "INVALID_PARAMETER_VALUE", "Invalid experiment ID 'x'. Experiment ID must be a valid integer."),
    ("1.5", 400, "INVALID_PARAMETER_VALUE", "Invalid experiment ID '1.5'. Experiment ID must be a valid integer."),
    ("-1", 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=-1 exists"),
])
def test_an_experiment_id_that_is_none(wire, text, status, code, message):
    said = wire.refused("GET", "/experiments/get", status=status, code=code, params={"experiment_id": text})
    assert said == message
    assert wire.refused("POST", "/runs/create", {"experiment_id": text}, status=status, code=code) == message
    for path in ("/runs/search", "/logged-models/search"):
        if status == 400:
            assert wire.refused("POST", path, {"experiment_ids": [text]}) == message
        else:
            assert wire.post(path, {"experiment_ids": [text]}) == {}


@pytest.mark.parametrize("method, path, more", [
    ("GET", "/registered-models/get", {}), ("DELETE", "/registered-models/delete", {}),
    ("PATCH", "/registered-models/update", {"description": "x"}),
    ("POST", "/registered-models/rename", {"new_name": "y"}),
    ("PATCH", "/model-versions/update", {"version": "1", "description": "x"}),
    ("DELETE", "/model-versions/delete", {"version": "1"}),
    ("POST", "/model-versions/transition-stage", {"version": "1", "stage": "None", "archive_existing_versions": False}),
    ("GET", "/model-versions/get-download-uri", {"version": "1"}),
])
@pytest.mark.parametrize("name", ["a/b", "a:b"])
def test_a_name_that_no_model_can_have(wire, method, path, more, name):
    asked = {"params": {"name": name, **more}} if method == "GET" else {"body": {"name": name, **more}}
    assert wire.refused(method, path, **asked) == f"Invalid model name '{name}'. Names cannot contain '/' or ':'."


FLAW = pytest.mark.flaw("MLflow answers 500")


@pytest.mark.parametrize("body, words", [
    pytest.param({"filter": "run_id IN (a)"}, "run_id|list|quoted", marks=FLAW),
    ({"filter": "("}, "(?i)invalid"), ({"filter": "'"}, "(?i)invalid"), ({"filter": "metrics."}, "(?i)invalid"),
    ({"filter": "metrics.`a > 1"}, "(?i)invalid"), ({"filter": "\x00"}, "(?i)invalid"),
    ({"order_by": [""]}, "(?i)invalid order_by clause"), ({"page_token": "e30="}, "Invalid page token"),
])
def test_a_search_of_runs_that_cannot_be_read(wire, experiment, body, words):
    message = wire.refused("POST", "/runs/search", {"experiment_ids": [experiment], **body})
    assert re.search(words, message)


@FLAW
def test_a_deleted_experiment_is_not_renamed(wire, client, experiment, unique):
    client.delete_experiment(experiment)
    answer = wire.send("POST", "/experiments/update", {"experiment_id": experiment, "new_name": unique + "-new"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["message"] == "Cannot rename a non-active experiment."


@FLAW
def test_a_stage_that_cannot_archive(wire, client, unique):
    client.create_registered_model(unique)
    client.create_model_version(unique, "s3://b/x")
    body = {"name": unique, "version": "1", "stage": "Archived", "archive_existing_versions": True}
    message = wire.refused("POST", "/model-versions/transition-stage", body)
    assert message == ("Model version transition cannot archive existing model versions because 'Archived' is not an "
                       "Active stage. Valid stages are ['Staging', 'Production']")


@FLAW
def test_a_version_of_a_logged_model_that_is_not_there(wire, client, unique):
    client.create_registered_model(unique)
    body = {"name": unique, "source": "models:/m-nobody", "model_id": "m-nobody"}
    answer = wire.send("POST", "/model-versions/create", body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["message"].startswith(
        "Unable to fetch model from model URI source artifact location 'models:/m-nobody'.")


@FLAW
def test_a_file_over_a_folder(client, run_id, wire):
    client.log_text(run_id, "x", "dir/x.txt")
    place = client.get_run(run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    answer = wire.send("PUT", f"/artifacts/{place}/dir", raw=b"x", prefix=API2 + "-artifacts")
    assert 400 <= answer.status_code < 500


def test_what_a_client_makes_of_it(client):
    with pytest.raises(RestException) as refused:
        client.get_run("x")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert refused.value.get_http_status_code() == 404
    assert str(refused.value) == "RESOURCE_DOES_NOT_EXIST: Run with id=x not found"


def test_a_server_that_is_not_there(url):
    with pytest.raises(MlflowException, match="Max retries exceeded|Connection refused"):
        mlflow.MlflowClient("http://127.0.0.1:9").get_run("x")
