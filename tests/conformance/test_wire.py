# SPDX-License-Identifier: Apache-2.0
"""The wire itself: what no client sends, and the form of answers."""
import json
import re
import uuid

import pytest
import requests
from wire import AJAX2, AJAX3, API2, API3, ARTIFACTS, missing, wrong_type

BARE = ""


def test_health_and_version(wire):
    health = wire.send("GET", "/health", prefix=BARE)
    assert (health.status_code, health.text) == (200, "OK")
    version = wire.send("GET", "/version", prefix=BARE)
    assert version.status_code == 200 and re.fullmatch(r"\d+\.\d+(\.\d+)?([a-z0-9.+]*)", version.text)


@pytest.mark.parametrize("prefix", [API3, AJAX3])
def test_server_info(wire, prefix):
    info = wire.call("GET", "/server-info", prefix=prefix)
    assert info["workspaces_enabled"] is False
    assert info["multipart_uploads_enabled"] in (True, False) and info["multipart_downloads_enabled"] in (True, False)
    assert info["store_type"] in ("SqlStore", None)


@pytest.mark.parametrize("prefix", [API2, AJAX2])
def test_both_prefixes(wire, unique, prefix):
    made = wire.post("/experiments/create", {"name": unique}, prefix=prefix)
    assert wire.call("GET", "/experiments/get", params={"experiment_id": made["experiment_id"]}, prefix=prefix)[
        "experiment"]["name"] == unique


def test_a_new_experiment_on_the_wire(wire, unique):
    made = wire.post("/experiments/create", {"name": unique})
    assert list(made) == ["experiment_id"] and isinstance(made["experiment_id"], str)
    found = wire.get("/experiments/get", experiment_id=made["experiment_id"])["experiment"]
    assert "tags" not in found and found["workspace"] == "default"
    assert isinstance(found["creation_time"], int) and isinstance(found["last_update_time"], int)
    assert wire.get("/experiments/get-by-name", experiment_name=unique)["experiment"] == found


def test_a_new_run_on_the_wire(wire, experiment):
    run = wire.post("/runs/create", {"experiment_id": experiment, "start_time": 5})["run"]
    info = run["info"]
    assert info["run_uuid"] == info["run_id"]
    assert {key: info[key] for key in ("experiment_id", "user_id", "status", "start_time", "lifecycle_stage")} == {
        "experiment_id": experiment, "user_id": "", "status": "RUNNING", "start_time": 5, "lifecycle_stage": "active"}
    assert "end_time" not in info
    assert run["data"] == {"tags": [{"key": "mlflow.runName", "value": info["run_name"]}]}
    found = wire.get("/runs/get", run_id=info["run_id"])["run"]
    assert found == {"info": info, "data": run["data"], "inputs": {}, "outputs": {}}
    assert wire.post("/runs/search", {"experiment_ids": [experiment]}) == {"runs": [found]}


def test_empty_answers(wire, experiment, run_id):
    assert wire.post("/runs/search", {}) == {}
    assert wire.post("/runs/search", {"experiment_ids": [experiment], "filter": "metrics.x > 0"}) == {}
    assert wire.get("/metrics/get-history", run_id=run_id, metric_key="nothing") == {}
    assert wire.post("/runs/set-tag", {"run_id": run_id, "key": "a", "value": "b"}) == {}
    assert wire.post("/runs/log-batch", {"run_id": run_id}) == {}
    assert wire.post("/logged-models/search", {"experiment_ids": [experiment]}) == {}
    assert list(wire.get("/artifacts/list", run_id=run_id)) == ["root_uri"]


def test_a_new_model_on_the_wire(wire, experiment):
    model = wire.post("/logged-models", {"experiment_id": experiment})["model"]
    assert model["data"] == {} and model["info"]["status"] == "LOGGED_MODEL_PENDING" and "tags" not in model["info"]
    path = f"/logged-models/{model['info']['model_id']}"
    assert wire.get(path) == {"model": model}
    assert wire.patch(path + "/tags", {"tags": [{"key": "a", "value": "b"}]}) == {}
    assert wire.get(path)["model"]["info"]["tags"] == [{"key": "a", "value": "b"}]


def test_a_model_of_before_mlflow_3_on_the_wire(wire, run_id):
    made = [{"artifact_path": "m", "flavors": {"a": {"config": 1, "ö": 2.0}, "z": None}, "utc_time_created": "x",
             "run_id": "r", "model_uuid": "u"}, {"artifact_path": "n", "flavors": {}, "utc_time_created": "y",
                                                "run_id": "s"}]
    for model in made:
        assert wire.post("/runs/log-model", {"run_id": run_id, "model_json": json.dumps(model)}) == {}
    tags = {tag["key"]: tag["value"] for tag in wire.get("/runs/get", run_id=run_id)["run"]["data"]["tags"]}
    kept = [{"run_id": "r", "artifact_path": "m", "utc_time_created": "x", "model_uuid": "u",
             "flavors": {"a": {"ö": 2.0}, "z": None}},
            {"run_id": "s", "artifact_path": "n", "utc_time_created": "y", "model_uuid": None, "flavors": {}}]
    assert json.loads(tags["mlflow.log-model.history"]) == kept
    assert ', "flavors": {"a": {"\\u00f6": 2.0}, "z": null}}, {"run_id": "s"' in tags["mlflow.log-model.history"]


def test_a_new_version_on_the_wire(wire, unique):
    model = wire.post("/registered-models/create", {"name": unique})["registered_model"]
    assert sorted(model) == ["creation_timestamp", "last_updated_timestamp", "name"]
    version = wire.post("/model-versions/create", {"name": unique, "source": "s3://b/x"})["model_version"]
    assert version["version"] == "1" and version["status"] == "READY" and version["current_stage"] == "None"
    assert "tags" not in version and "aliases" not in version
    assert wire.get("/registered-models/get", name=unique)["registered_model"]["latest_versions"] == [version]


def test_camel_case_is_understood(wire, experiment):
    info = wire.post("/runs/create", {"experimentId": experiment, "runName": "camel", "startTime": 7})["run"]["info"]
    assert (info["run_name"], info["start_time"], info["experiment_id"]) == ("camel", 7, experiment)
    inputs = [{"dataset": {"name": "n", "digest": "d", "sourceType": "local", "source": "s"}}]
    wire.post("/runs/log-inputs", {"run_id": info["run_id"], "datasets": inputs})
    run = wire.get("/runs/get", run_id=info["run_id"])["run"]
    assert run["inputs"]["dataset_inputs"][0]["dataset"]["source_type"] == "local"


def test_numbers_as_texts(wire, run_id):
    point = {"key": "m", "value": "1.5", "timestamp": "1700000000000", "step": "7"}
    wire.post("/runs/log-metric", {"run_id": run_id, **point})
    assert wire.get("/metrics/get-history", run_id=run_id, metric_key="m") == {
        "metrics": [{"key": "m", "value": 1.5, "timestamp": 1700000000000, "step": 7}]}
    wire.post("/runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": "1800000000000"})
    assert wire.get("/runs/get", run_id=run_id)["run"]["info"]["end_time"] == 1800000000000


@pytest.mark.parametrize("value, kept", [
    ("NaN", "NaN"), ("Infinity", 1.7976931348623157e308), ("-Infinity", -1.7976931348623157e308),
])
def test_numbers_that_json_has_not(wire, run_id, value, kept):
    wire.post("/runs/log-metric", {"run_id": run_id, "key": "m", "value": value, "timestamp": 1})
    wire.post("/runs/log-batch", {"run_id": run_id, "metrics": [{"key": "b", "value": value, "timestamp": 1}]})
    metrics = wire.get("/runs/get", run_id=run_id)["run"]["data"]["metrics"]
    assert [point["value"] for point in metrics] == [kept, kept]
    assert wire.get("/metrics/get-history", run_id=run_id, metric_key="m")["metrics"][0]["value"] == kept


@pytest.mark.flaw("a NaN as Python's json writes it becomes 0")
def test_nan_as_python_writes_it(wire, run_id):
    raw = json.dumps({"run_id": run_id, "key": "m", "value": float("nan"), "timestamp": 1}).encode()
    wire.call("POST", "/runs/log-metric", raw=raw)
    assert wire.get("/runs/get", run_id=run_id)["run"]["data"]["metrics"][0]["value"] == "NaN"


def test_unknown_fields_are_passed_over(wire, unique):
    made = wire.post("/experiments/create", {"name": unique, "colour": "red", "nested": {"a": [1, {"b": None}]}})
    assert made["experiment_id"]


def test_null_is_absent(wire, experiment):
    run = wire.post("/runs/create", {"experiment_id": experiment, "run_name": None, "tags": None})["run"]
    assert run["info"]["run_name"]


def test_enums_by_number(wire, run_id):
    assert wire.post("/runs/update", {"run_id": run_id, "status": 4})["run_info"]["status"] == "FAILED"


def test_the_old_name_of_a_run_s_id(wire, run_id):
    wire.post("/runs/log-metric", {"run_uuid": run_id, "key": "m", "value": 1, "timestamp": 1})
    wire.post("/runs/log-parameter", {"run_uuid": run_id, "key": "p", "value": "1"})
    wire.post("/runs/set-tag", {"run_uuid": run_id, "key": "t", "value": "1"})
    data = wire.get("/runs/get", run_uuid=run_id)["run"]["data"]
    assert len(data["metrics"]) == 1 and len(data["params"]) == 1
    assert wire.post("/runs/update", {"run_uuid": run_id, "status": "KILLED"})["run_info"]["status"] == "KILLED"


def test_a_step_that_is_not_given_is_0(wire, run_id):
    wire.post("/runs/log-metric", {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1})
    assert wire.get("/metrics/get-history", run_id=run_id, metric_key="m") == {
        "metrics": [{"key": "m", "value": 1.0, "timestamp": 1, "step": 0}]}


def test_a_text_that_holds_json(wire, unique):
    # The oldest clients encoded twice.
    made = wire.call("POST", "/experiments/create", raw=json.dumps(json.dumps({"name": unique})).encode())
    assert wire.get("/experiments/get", experiment_id=made["experiment_id"])["experiment"]["name"] == unique


def test_a_get_with_a_body(wire, experiment):
    found = wire.call("GET", "/experiments/get", {"experiment_id": experiment})
    assert found["experiment"]["experiment_id"] == experiment


def test_a_search_by_get(wire, unique):
    wire.post("/experiments/create", {"name": unique})
    order = ["name", "creation_time"]
    found = wire.get("/experiments/search", max_results="5", filter=f"name = '{unique}'", order_by=order)
    assert [one["name"] for one in found["experiments"]] == [unique]


def test_repeated_parameters(wire, client, experiment):
    runs = [client.create_run(experiment).info.run_id for _ in range(3)]
    for run in runs:
        client.log_metric(run, "m", 1.0)
    found = wire.get("/metrics/get-history-bulk-interval", run_ids=runs, metric_key="m")
    assert [point["run_id"] for point in found["metrics"]] == runs


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None])
@pytest.mark.parametrize("route", ["/experiments/create", "/runs/create", "/runs/log-batch"])
def test_a_content_type_that_is_refused(wire, unique, route, content_type):
    message = wire.refused("POST", route, raw=json.dumps({"name": unique}).encode(), content_type=content_type)
    assert message.startswith("Bad Request. Content-Type ")


@pytest.mark.parametrize("content_type", [
    "application/json", "application/json; charset=utf-8", "application/json;x=y"])
def test_a_content_type_that_is_fine(wire, unique, content_type):
    assert wire.call("POST", "/experiments/create", {"name": unique}, content_type=content_type)["experiment_id"]


@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_no_body(wire, raw):
    assert wire.refused("POST", "/experiments/create", raw=raw) == missing("name")


@pytest.mark.parametrize("raw", [b"{", b"nonsense", b'{"name": }', b"\xff\xfe"])
@pytest.mark.flaw("MLflow takes it for an empty body, and says only that something is missing")
def test_json_that_is_none(wire, raw):
    assert wire.refused("POST", "/experiments/create", raw=raw).startswith("The body is no JSON: JSON, line 1, column ")


@pytest.mark.parametrize("body", [[1], [], 5, True])
@pytest.mark.flaw("a body that is no object ends in a traceback")
def test_a_body_that_is_no_object(wire, body):
    assert wire.refused("POST", "/experiments/create", raw=json.dumps(body).encode())


@pytest.mark.parametrize("metrics", [[1], ["x"], [None], [[]]])
@pytest.mark.flaw("an element that is no object ends in a traceback")
def test_an_element_that_is_no_object(wire, run_id, metrics):
    assert wire.refused("POST", "/runs/log-batch", {"run_id": run_id, "metrics": metrics})


@pytest.mark.parametrize("method, path", [
    ("GET", "/nothing"), ("POST", "/experiments/nothing"), ("GET", "/experiments"), ("GET", "/unified-traces"),
    ("POST", "/experiments/create/"), ("GET", "/server-info"),
])
@pytest.mark.parametrize("prefix", [API2, AJAX2])
def test_a_route_that_is_not_there(wire, method, path, prefix):
    # No JSON object with another code: only then does a client know that the server, not the thing, is missing.
    answer = wire.send(method, path, {} if method == "POST" else None, prefix=prefix)
    assert answer.status_code == 404
    try:
        assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"
    except json.JSONDecodeError:
        assert not answer.text.startswith("{")


@pytest.mark.parametrize("start", ["/", "//", "///"])
def test_slashes_before_a_path(wire, experiment, start):
    # What a client makes of an address with a slash at its end, and a proxy that cuts a prefix off.
    assert wire.get("/experiments/get", prefix=start + API2[1:], experiment_id=experiment)["experiment"]
    assert wire.post("/experiments/search", {"max_results": 1}, prefix=start + AJAX2[1:])["experiments"]
    assert wire.send("GET", "health", prefix=start).text == "OK"
    assert wire.send("GET", "?path=", prefix=start + ARTIFACTS[1:]).status_code == 200
    answer = wire.send("GET", "get-artifact?run_id=x&path=../x", prefix=start)
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid path")


@pytest.mark.parametrize("path", ["//experiments/get", "/experiments//get", "///experiments//get"])
def test_slashes_within_a_path(wire, experiment, path):
    answer = wire.send("GET", path, params={"experiment_id": experiment})
    assert answer.status_code == 308
    assert answer.headers["Location"].removeprefix(wire.url) == f"{API2}/experiments/get?experiment_id={experiment}"
    followed = requests.post(f"{wire.url}{API2}//experiments//search", json={"max_results": 1}, timeout=60)
    assert followed.status_code == 200 and len(followed.json()["experiments"]) == 1
    assert wire.send("GET", "/experiments//nothing").status_code == 404
    assert wire.send("GET", "//x", prefix=ARTIFACTS).status_code == 400  # the path of a file is no route's


def test_a_thing_that_is_not_there(wire):
    words = wire.refused("GET", "/runs/get", params={"run_id": "x"}, status=404, code="RESOURCE_DOES_NOT_EXIST")
    assert words == "Run with id=x not found"


@pytest.mark.parametrize("method, path", [
    ("GET", "/experiments/create"), ("PUT", "/runs/create"), ("POST", "/experiments/get-by-name"),
    ("DELETE", "/runs/get"),
])
def test_a_method_that_is_not_there(wire, method, path):
    answer = wire.send(method, path, {} if method != "GET" else None)
    assert answer.status_code == 405
    assert {one.strip() for one in answer.headers["Allow"].split(",")} & {"GET", "POST"}


def test_an_error_on_the_wire(wire):
    answer = wire.send("POST", "/experiments/create", {})
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert body["error_code"] == "INVALID_PARAMETER_VALUE" and isinstance(body["message"], str)
    assert set(body) <= {"error_code", "message", "sqlstate", "error_class"}


def test_a_folder_is_no_file(wire, run_id):
    root = wire.get("/artifacts/list", run_id=run_id)["root_uri"].removeprefix("mlflow-artifacts:")
    sent = wire.send("PUT", root + "/d/x", raw=b"x", content_type="text/plain", prefix=ARTIFACTS)
    assert sent.status_code == 200
    asked = wire.send("GET", "/get-artifact", prefix=BARE, params={"run_id": run_id, "path": "d"})
    assert asked.status_code == 400
    assert asked.json()["message"] == f"Artifact path refers to a directory, not a file: '{root[1:]}/d'"
    assert wire.send("GET", root + "/d", prefix=ARTIFACTS).status_code == 400


@pytest.mark.parametrize("path, prefix, params", [
    ("/artifacts/list", API2, {"run_id": "x"}), ("/get-artifact", BARE, {"run_id": "x"}),
    ("/model-versions/get-artifact", BARE, {"name": "x", "version": 1}),
])
def test_a_path_that_is_none_is_told_before_what_it_is_of(wire, path, prefix, params):
    assert wire.refused("GET", path, prefix=prefix, params={**params, "path": "../x"}) == "Invalid path"
    wire.refused("GET", path, prefix=prefix, params={**params, "path": "y"}, status=404,
                 code="RESOURCE_DOES_NOT_EXIST")


CLIMBING = ["../x", "a/../../x", "..%2fx", "%2e%2e/x", "%252e%252e/x", "a%23b", "C:%5cx"]


@pytest.mark.parametrize("method, path", [
    *((method, path) for method in ("GET", "PUT", "DELETE") for path in CLIMBING),
    *((method, path) for method in ("GET", "PUT") for path in ("/etc/passwd", "%2fetc/passwd")),
])
def test_paths_of_artifacts_that_are_refused(wire, method, path):
    answer = wire.send(method, f"/{path}", raw=b"x" if method == "PUT" else None, prefix=ARTIFACTS,
                       content_type="application/octet-stream")
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid path")


def test_an_artifact_on_the_wire(wire):
    path = f"/wire/{uuid.uuid4().hex}/a b.txt"
    put = wire.send("PUT", path.replace(" ", "%20"), raw=b"0123456789", content_type="text/plain", prefix=ARTIFACTS)
    assert put.status_code == 200 and put.text in ("", "{}")
    got = wire.send("GET", path.replace(" ", "%20"), prefix=ARTIFACTS)
    assert got.content == b"0123456789" and got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Disposition"].startswith("attachment; filename=")
    assert got.headers["Content-Type"].startswith("text/plain")
    part = wire.send("GET", path.replace(" ", "%20"), headers={"Range": "bytes=2-4"}, prefix=ARTIFACTS)
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    absent = wire.refused("GET", "/wire/nothing", status=404, code="RESOURCE_DOES_NOT_EXIST", prefix=ARTIFACTS)
    assert absent == "No such artifact: 'wire/nothing'"


def test_an_artifact_sent_in_chunks(wire):
    path = f"/wire/{uuid.uuid4().hex}/chunks"
    answer = wire.session.put(wire.url + ARTIFACTS + path, data=iter([b"ab", b"c" * 70000, b"d"]), timeout=60)
    assert answer.status_code == 200
    assert wire.send("GET", path, prefix=ARTIFACTS).content == b"ab" + b"c" * 70000 + b"d"


@pytest.mark.parametrize("body, parameter, value, kind", [
    ({"name": 123}, "name", "123", "int"), ({"name": True}, "name", "true", "bool"),
    ({"name": {"a": 1}}, "name", '{"a":1}', "dict"),
    ({"name": "x", "artifact_location": 9.0}, "artifact_location", "9.0", "float"),
    ({"name": "x", "tags": "5"}, "tags", '"5"', "str"),
])
def test_a_field_of_the_wrong_type(wire, body, parameter, value, kind):
    assert wire.refused("POST", "/experiments/create", body) == wrong_type(value, parameter, kind)
