# SPDX-License-Identifier: Apache-2.0
"""Registered models and their versions."""
import re
import time

import mlflow
import pytest
from mlflow.exceptions import MlflowException, RestException
from wire import missing

SOURCE = "s3://bucket/models/one"


@pytest.fixture
def name(client, unique):
    client.create_registered_model(unique)
    return unique


def test_a_registered_model_is_read_back_whole(client, unique):
    before = int(time.time() * 1000)
    made = client.create_registered_model(unique, tags={"a": "b", "ü": "✓"}, description="what\nit is")
    for model in (made, client.get_registered_model(unique)):
        assert model.name == unique and model.description == "what\nit is" and model.tags == {"a": "b", "ü": "✓"}
        assert before - 5 <= model.creation_timestamp <= int(time.time() * 1000) + 5
        assert model.last_updated_timestamp == model.creation_timestamp
        assert model.latest_versions == [] and model.aliases == {}


def test_a_name_is_taken_once(client, name):
    with pytest.raises(RestException, match=re.escape(f"Registered Model (name={name}) already exists")) as refused:
        client.create_registered_model(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"


@pytest.mark.parametrize("bad, message", [
    ("a/b", "Names cannot contain '/' or ':'"), ("a:b", "Names cannot contain '/' or ':'"),
    ("   ", "Missing value for required parameter 'name'"),
])
def test_names_that_are_refused(client, bad, message):
    with pytest.raises(MlflowException, match=message) as refused:
        client.create_registered_model(bad)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_model_that_is_not_there(client, unique):
    message = f"Registered Model with name={unique} not found"
    for call in (lambda: client.get_registered_model(unique), lambda: client.delete_registered_model(unique),
                 lambda: client.update_registered_model(unique, "x"),
                 lambda: client.rename_registered_model(unique, "x"),
                 lambda: client.set_registered_model_tag(unique, "a", "b"),
                 lambda: client.create_model_version(unique, SOURCE)):
        with pytest.raises(RestException, match=message) as refused:
            call()
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_rename_takes_the_versions_along(client, name):
    client.create_model_version(name, SOURCE, description="kept")
    client.set_registered_model_alias(name, "champion", 1)
    client.create_registered_model(name + "-taken")
    with pytest.raises(RestException, match="already exists") as refused:
        client.rename_registered_model(name, name + "-taken")
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.rename_registered_model(name, name + "-new")
    assert client.get_registered_model(name + "-new").name == name + "-new"
    version = client.get_model_version_by_alias(name + "-new", "champion")
    assert version.name == name + "-new" and version.description == "kept"
    with pytest.raises(RestException, match="not found"):
        client.get_registered_model(name)
    client.create_registered_model(name)
    assert client.search_model_versions(f"name = '{name}'") == []


def test_a_description_is_changed_and_removed(client, name):
    before = client.get_registered_model(name)
    time.sleep(0.005)
    changed = client.update_registered_model(name, "new words")
    assert changed.description == "new words"
    assert changed.last_updated_timestamp > before.last_updated_timestamp
    client.update_registered_model(name, "")
    assert not client.get_registered_model(name).description


def test_deletion_takes_everything_along(client, name):
    client.create_model_version(name, SOURCE)
    client.set_registered_model_alias(name, "champion", 1)
    client.delete_registered_model(name)
    for call in (lambda: client.get_registered_model(name), lambda: client.get_model_version(name, 1)):
        with pytest.raises(RestException, match="not found"):
            call()
    client.create_registered_model(name)
    assert client.get_registered_model(name).aliases == {}
    assert client.create_model_version(name, SOURCE).version == "1"


def test_tags_of_a_model(client, name):
    client.set_registered_model_tag(name, "a", "1")
    client.set_registered_model_tag(name, "a", "2")
    client.set_registered_model_tag(name, "empty", "")
    client.set_registered_model_tag(name, "long", "v" * 100000)
    assert client.get_registered_model(name).tags == {"a": "2", "empty": "", "long": "v" * 100000}
    client.delete_registered_model_tag(name, "a")
    client.delete_registered_model_tag(name, "a")  # What is gone is no error.
    assert "a" not in client.get_registered_model(name).tags
    with pytest.raises(MlflowException, match="Names may only contain alphanumerics"):
        client.set_registered_model_tag(name, "a#b", "x")


def test_a_version_is_read_back_whole(client, name, run_id):
    before = int(time.time() * 1000)
    made = client.create_model_version(name, SOURCE, run_id=run_id, tags={"a": "b"}, run_link="http://x/run",
                                       description="first")
    for version in (made, client.get_model_version(name, "1"), client.get_model_version(name, 1)):
        assert version.name == name and str(version.version) == "1" and version.source == SOURCE
        assert version.run_id == run_id and version.run_link == "http://x/run" and version.description == "first"
        assert version.tags == {"a": "b"} and version.status == "READY" and version.current_stage == "None"
        assert before - 5 <= version.creation_timestamp <= int(time.time() * 1000) + 5
        assert version.aliases == []
    assert client.get_model_version_download_uri(name, "1") == SOURCE


def test_numbers_grow_and_are_never_used_again(client, name):
    assert [client.create_model_version(name, f"{SOURCE}/{number}").version for number in range(3)] == ["1", "2", "3"]
    client.delete_model_version(name, "3")
    client.delete_model_version(name, "1")
    assert client.create_model_version(name, SOURCE).version == "4"
    found = client.search_model_versions(f"name = '{name}'")
    assert sorted(str(version.version) for version in found) == ["2", "4"]


def test_a_version_that_is_not_there(client, name):
    for call in (lambda: client.get_model_version(name, "7"), lambda: client.delete_model_version(name, "7"),
                 lambda: client.update_model_version(name, "7", "x"),
                 lambda: client.set_model_version_tag(name, "7", "a", "b"),
                 lambda: client.get_model_version_download_uri(name, "7"),
                 lambda: client.set_registered_model_alias(name, "a", "7")):
        with pytest.raises(RestException, match=f"Model Version .name={name}, version=7. not found") as refused:
            call()
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_deleted_version_is_gone(client, name):
    client.create_model_version(name, SOURCE)
    client.set_registered_model_alias(name, "champion", "1")
    client.delete_model_version(name, "1")
    with pytest.raises(RestException, match="not found"):
        client.get_model_version(name, "1")
    assert client.get_registered_model(name).latest_versions == []
    assert client.get_registered_model(name).aliases == {}


def test_the_description_of_a_version(client, name):
    client.create_model_version(name, SOURCE)
    before = client.get_model_version(name, "1").last_updated_timestamp
    time.sleep(0.005)
    assert client.update_model_version(name, "1", "new words").description == "new words"
    assert client.get_model_version(name, "1").description == "new words"
    assert client.get_model_version(name, "1").last_updated_timestamp > before


def test_tags_of_a_version(client, name):
    client.create_model_version(name, SOURCE)
    client.set_model_version_tag(name, "1", "a", "1")
    client.set_model_version_tag(name, "1", "a", "2")
    client.set_model_version_tag(name, "1", "b", "")
    assert client.get_model_version(name, "1").tags == {"a": "2", "b": ""}
    client.delete_model_version_tag(name, "1", "a")
    client.delete_model_version_tag(name, "1", "a")
    assert client.get_model_version(name, "1").tags == {"b": ""}


def test_a_version_number_is_a_number(wire, name):
    assert wire.refused("GET", "/model-versions/get", params={"name": name, "version": "one"}) == (
        "Parameter 'version' must be an integer, got 'one'.")


@pytest.mark.parametrize("source", [
    "s3://bucket/a/../../b", "s3://bucket/a/%2e%2e/b", "gs://bucket/a/%252e%252e/b", "mlflow-artifacts:/a/../b",
    "s3://bucket/a%00b",
])
def test_sources_that_climb_are_refused(client, name, source):
    with pytest.raises(RestException, match=re.escape(f"Invalid model version source: '{source}'")) as refused:
        client.create_model_version(name, source)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("source", ["/etc", "file:///etc", "/tmp/x/../y"])
def test_sources_on_the_disk_of_the_server_are_refused(client, name, run_id, source):
    message = "Invalid model version source: .* To use a local path as a model version source, the run_id request"
    with pytest.raises(RestException, match=message):
        client.create_model_version(name, source)
    with pytest.raises(RestException, match=message):
        client.create_model_version(name, source, run_id=run_id)
    assert client.search_model_versions(f"name = '{name}'") == []


@pytest.mark.parametrize("source", ["s3://bucket/a b/c", "gs://b/x", "dbfs:/x/y", "wasbs://b@a.blob.example.net/x"])
def test_sources_that_are_fine(client, name, source):
    assert client.create_model_version(name, source).source == source
    assert client.get_model_version_download_uri(name, "1") == source


@pytest.mark.flaw("MLflow's server would connect there for whoever asks, so it refuses them")
@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "sftp", "hdfs", "abfss"])
def test_sources_at_other_stores_are_names_to_a_server_that_connects_nowhere(client, name, scheme):
    source = f"{scheme}://elsewhere/path"
    assert client.create_model_version(name, source).source == source


def test_sources_of_this_server_need_the_run_that_holds_them(client, name, experiment, run_id):
    inside = client.get_run(run_id).info.artifact_uri + "/model"
    other = client.create_run(experiment).info.run_id
    for run in (None, other):
        with pytest.raises(RestException, match=re.escape(f"Invalid model version source: '{inside}'")):
            client.create_model_version(name, inside, run_id=run)
    assert client.create_model_version(name, inside, run_id=run_id).source == inside
    assert client.get_model_version_download_uri(name, "1") == inside


def test_a_version_of_a_run_s_artifact(client, name, run_id):
    mlflow.MlflowClient().log_text(run_id, "x", "model/MLmodel")
    version = mlflow.register_model(f"runs:/{run_id}/model", name)
    assert version.run_id == run_id
    assert client.get_model_version_download_uri(name, version.version).endswith(f"{run_id}/artifacts/model")


def test_a_version_of_a_logged_model(client, experiment, name, run_id):
    model = client.create_logged_model(experiment, "m", source_run_id=run_id)
    client.finalize_logged_model(model.model_id, "READY")
    version = mlflow.register_model(f"models:/{model.model_id}", name, tags={"a": "b"})
    assert version.source == f"models:/{model.model_id}" and version.run_id == run_id and version.tags == {"a": "b"}
    assert client.get_model_version_download_uri(name, "1") == model.artifact_location
    tag = client.get_logged_model(model.model_id).tags["mlflow.modelVersions"]
    assert f'"{name}"' in tag


def test_a_version_of_another_version(client, name):
    client.create_model_version(name, SOURCE, description="d", tags={"a": "b"})
    copied = client.copy_model_version(f"models:/{name}/1", name + "-copy")
    assert copied.name == name + "-copy" and copied.source == f"models:/{name}/1" and copied.tags == {"a": "b"}
    assert client.get_model_version_download_uri(name + "-copy", "1") == SOURCE


def test_a_version_of_nothing(client, name):
    with pytest.raises(MlflowException):
        client.create_model_version(name, "models:/m-nothing")
    assert client.search_model_versions(f"name = '{name}'") == []


def test_what_is_needed(wire):
    assert wire.refused("POST", "/registered-models/create", {}) == missing("name")
    assert wire.refused("POST", "/model-versions/create", {"source": SOURCE}) == missing("name")
    assert wire.refused("POST", "/model-versions/create", {"name": "x"}) == missing("source")
    assert wire.refused("POST", "/registered-models/alias", {"name": "x", "version": "1"}) == missing("alias")


def test_a_stage_is_moved_by_who_says_nothing_of_the_others(client, wire, name):
    for _ in range(2):
        client.create_model_version(name, "s3://bucket/model")
        client.transition_model_version_stage(name, "1", "Production")
    answer = wire.post("/model-versions/transition-stage", {"name": name, "version": "2", "stage": "production"})
    assert answer["model_version"]["current_stage"] == "Production"
    assert client.get_model_version(name, "1").current_stage == "Production"


def test_a_version_loses_its_description_to_who_gives_none(client, wire, name):
    client.create_model_version(name, "s3://bucket/model", description="old")
    answer = wire.patch("/model-versions/update", {"name": name, "version": "1"})
    assert not answer["model_version"].get("description")
    assert not client.get_model_version(name, "1").description
