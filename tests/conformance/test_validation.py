# SPDX-License-Identifier: Apache-2.0
"""What a request lacks or says in the wrong way, in MLflow's own words: clients and tests of clients match on them."""
import pytest
from wire import missing, wrong_type

SOME = {"run_id": "a" * 32, "key": "k"}
PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
POINT = {**SOME, "value": 1, "timestamp": 1}


@pytest.mark.parametrize("route, body, message", [
    ("experiments/create", {}, missing("name")),
    ("experiments/create", {"name": None}, missing("name")),
    ("experiments/create", {"name": ""}, missing("name")),
    ("experiments/create", {"name": "n" * 501}, "'name' exceeds the maximum length of 500 characters"),
    ("experiments/create", {"name": "x", "artifact_location": "s3://b/#f"},
     "'artifact_location' URL can't include fragments or params."),
    ("experiments/create", {"name": "x", "artifact_location": "s3://b/?x=../y"}, "Invalid query string"),
    ("experiments/create", {"name": "x", "artifact_location": "runs:/x"},
     "Artifact location cannot be a runs:/ URI. Given: 'runs:/x'"),
    ("experiments/create", {"name": "x", "artifact_location": "s3://" + "x" * 2048},
     "Invalid artifact path length. The length of the artifact path cannot be greater than 2048 characters."),
    ("experiments/create", {"name": "x", "tags": [{"key": "k" * 251, "value": ""}]},
     "'key' exceeds the maximum length of 250 characters"),
    ("experiments/update", {"experiment_id": "0"}, missing("new_name")),
    ("experiments/update", {"new_name": "x"}, missing("experiment_id")),
    ("experiments/delete", {}, missing("experiment_id")),
    ("experiments/restore", {}, missing("experiment_id")),
    ("experiments/set-experiment-tag", {"experiment_id": "0"}, missing("key")),
    ("experiments/delete-experiment-tag", {"experiment_id": "0"}, missing("key")),
    ("experiments/search", {"max_results": 1, "page_token": "x"}, "Invalid page token"),
    ("runs/create", {"experiment_id": "0", "run_name": 5}, wrong_type("5", "run_name", "int")),
    ("runs/create", {"experiment_id": "0", "start_time": "x"}, wrong_type('"x"', "start_time", "str")),
    ("runs/update", {}, missing("run_id")),
    ("runs/delete", {}, missing("run_id")),
    ("runs/restore", {}, missing("run_id")),
    ("runs/search", {"experiment_ids": "0"}, wrong_type('"0"', "experiment_ids", "str")),
    ("runs/search", {"experiment_ids": ["0"], "max_results": 0},
     "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"),
    ("runs/log-metric", {**POINT, "run_id": None}, missing("run_id")),
    ("runs/log-metric", {"key": "k", "value": 1, "timestamp": 1}, missing("run_id")),
    ("runs/log-metric", {**POINT, "key": ""}, missing("key")),
    ("runs/log-metric", {**POINT, "key": 5}, wrong_type("5", "key", "int")),
    ("runs/log-metric", {**SOME, "timestamp": 1}, missing("value")),
    ("runs/log-metric", {**SOME, "value": 1}, missing("timestamp")),
    ("runs/log-metric", {**POINT, "value": "abc"}, wrong_type('"abc"', "value", "str")),
    ("runs/log-metric", {**POINT, "timestamp": "x"}, wrong_type('"x"', "timestamp", "str")),
    ("runs/log-metric", {**POINT, "step": "x"}, wrong_type('"x"', "step", "str")),
    ("runs/log-parameter", {"run_id": "x", "key": ""}, missing("key")),
    ("runs/log-parameter", {**SOME, "value": 5}, wrong_type("5", "value", "int")),
    ("runs/log-parameter", {"key": "k", "value": ""}, missing("run_id")),
    ("runs/set-tag", {**SOME, "value": 7}, wrong_type("7", "value", "int")),
    ("runs/set-tag", {**SOME, "key": 7}, wrong_type("7", "key", "int")),
    ("runs/delete-tag", {"run_id": "x"}, missing("key")),
    ("runs/log-model", {"run_id": "x"}, missing("model_json")),
    ("logged-models", {"experiment_id": "0", "name": 5}, wrong_type("5", "name", "int")),
    ("logged-models", {"experiment_id": "0", "params": "x"}, wrong_type('"x"', "params", "str")),
    ("logged-models/search", {}, missing("experiment_ids")),
    ("registered-models/create", {"name": 5}, wrong_type("5", "name", "int")),
    ("registered-models/create", {"name": " "}, "Missing value for required parameter 'name'."),
    ("registered-models/create", {"name": "a/b"}, "Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
    ("registered-models/rename", {"name": "x"}, missing("new_name")),
    ("registered-models/set-tag", {"name": "x"}, missing("key")),
    ("registered-models/alias", {"name": "x", "alias": "a"}, missing("version")),
    ("registered-models/alias", {"name": "x", "alias": "a", "version": "x"},
     "Parameter 'version' must be an integer, got 'x'."),
    ("model-versions/transition-stage", {"name": "x", "version": "1"}, missing("stage")),
    ("model-versions/set-tag", {"name": "x", "version": "1", "key": ""}, missing("key")),
    ("model-versions/create", {"name": "x", "source": "y", "tags": [PROMPT]},
     "Invalid prompt source: 'y'."),
], ids=lambda value: str(value)[:30] if isinstance(value, str) else "")
def test_a_body(wire, route, body, message):
    assert wire.refused("POST", f"/{route}", body).startswith(message)


@pytest.mark.parametrize("route, params, message", [
    ("experiments/get", {}, missing("experiment_id")),
    ("experiments/get", {"experiment_id": ""}, missing("experiment_id")),
    ("experiments/get-by-name", {}, missing("experiment_name")),
    ("runs/get", {}, missing("run_id")),
    ("metrics/get-history", {"run_id": "x"}, missing("metric_key")),
    ("metrics/get-history", {"metric_key": "x"}, missing("run_id")),
    ("registered-models/get", {}, missing("name")),
    ("registered-models/alias", {"name": "x"}, missing("alias")),
    ("model-versions/get", {"name": "x"}, missing("version")),
    ("model-versions/get", {"version": "1"}, missing("name")),
    ("registered-models/search", {"max_results": "x"}, wrong_type('"x"', "max_results", "str")),
    ("registered-models/search", {"order_by": "foo"}, "Invalid order by key 'foo' specified."),
    ("registered-models/search", {"page_token": "x"}, "Invalid page token"),
    ("model-versions/search", {"order_by": "foo"}, "Invalid attribute key 'foo' specified."),
    ("model-versions/search", {"max_results": "0"}, "Invalid value "),
])
def test_a_query(wire, route, params, message):
    assert wire.refused("GET", f"/{route}", params=params).startswith(message)


@pytest.mark.parametrize("text, message", [
    ("{}", "Model json is missing mandatory fields: {"), ("x", "Malformed model info."),
])
def test_the_json_of_a_model(wire, run_id, text, message):
    assert wire.refused("POST", "/runs/log-model", {"run_id": run_id, "model_json": text}).startswith(message)
