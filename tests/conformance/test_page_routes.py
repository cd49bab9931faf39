# SPDX-License-Identifier: Apache-2.0
"""Routes that only a page in a browser asks: files by run and version, and a small upload."""
import mlflow
import pytest
from wire import AJAX2, AJAX3

BARE = ""


@pytest.fixture
def with_a_file(client, run_id):
    client.log_text(run_id, "hello", "dir/a b.txt")
    return run_id


@pytest.mark.parametrize("field", ["run_id", "run_uuid"])
def test_a_file_of_a_run(wire, with_a_file, field):
    answer = wire.send("GET", "/get-artifact", params={field: with_a_file, "path": "dir/a b.txt"}, prefix=BARE)
    assert (answer.status_code, answer.text) == (200, "hello")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_of_a_run_that_is_not_there(wire, with_a_file):
    for params, status in (({"run_id": with_a_file, "path": "nothing"}, 404), ({"run_id": "x", "path": "a"}, 404),
                           ({"run_id": with_a_file}, 400), ({"run_id": with_a_file, "path": "../x"}, 400)):
        assert wire.send("GET", "/get-artifact", params=params, prefix=BARE).status_code == status


def test_a_file_of_a_version(client, wire, with_a_file, unique):
    client.create_registered_model(unique)
    client.create_model_version(unique, client.get_run(with_a_file).info.artifact_uri + "/dir", run_id=with_a_file)
    params = {"name": unique, "version": "1", "path": "a b.txt"}
    answer = wire.send("GET", "/model-versions/get-artifact", params=params, prefix=BARE)
    assert (answer.status_code, answer.text) == (200, "hello")
    assert wire.send("GET", "/model-versions/get-artifact", params={**params, "version": "9"},
                     prefix=BARE).status_code == 404


def test_a_small_upload(wire, run_id):
    params = {"run_uuid": run_id, "path": "up/x.txt"}
    assert wire.send("POST", "/upload-artifact", raw=b"up", params=params, prefix=AJAX2).status_code == 200
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/up/x.txt") == "up"


@pytest.mark.parametrize("lacks, raw, message", [
    ("run_uuid", b"x", "Request must specify run_uuid."), ("path", b"x", "Request must specify path."),
    (None, b"", "Request must specify data."),
    (None, b"x" * (10 * 1024 * 1024 + 1), "Artifact size is too large. Max size is 10MB."),
], ids=["run", "path", "data", "large"])
def test_an_upload_that_is_refused(wire, run_id, lacks, raw, message):
    params = {"run_uuid": run_id, "path": "x.txt"}
    params.pop(lacks, None)
    assert wire.refused("POST", "/upload-artifact", raw=raw, params=params, prefix=AJAX2) == message


def test_what_the_page_asks_for_beside_each_view(wire):
    """An assistant, a gateway, leave to tell of its user: sluice has none of these, and says so as MLflow does."""
    providers = wire.send("GET", "/assistant/providers", prefix=AJAX3).json()
    assert sorted(providers) == ["gateway_vendor_options", "providers", "resolved"]
    config = wire.send("GET", "/assistant/config", prefix=AJAX3).json()
    assert config["projects"] == {} and config["remote_access_allowed"] is False and "providers" in config
    gateway = wire.send("GET", "/gateway-proxy", params={"gateway_path": "api/2.0/endpoints/"}, prefix=AJAX2)
    assert (gateway.status_code, gateway.json()) == (200, {"endpoints": []})
    assert wire.send("GET", "/ui-telemetry", prefix=AJAX3).json() == {
        "disable_ui_telemetry": True, "disable_ui_events": [], "ui_rollout_percentage": 0}
