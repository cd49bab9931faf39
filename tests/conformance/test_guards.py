# SPDX-License-Identifier: Apache-2.0
"""What config.yaml guards is refused to MLflow's own clients in their words, whatever call they use."""
import json
import os

import mlflow
import pytest
from mlflow.exceptions import RestException
from servers import Sluice

CONFIG = {
    "groups": {"legal": ["somebody"]},
    "guards": [{"model": "wine*", "alias": "champion", "approvals": {"group:legal": 1}},
               {"model": "wine*", "stage": "Production", "gate": "green"},
               {"model": "port", "alias": "*", "gate": "green"}],
}


class Guarded(Sluice):
    """A server whose home has guards: its config.yaml is not the one that the suite writes."""

    def spawn(self, command, **more):
        with open(os.path.join(self.home, "home", "config.yaml"), "w", encoding="utf-8") as config:
            json.dump(CONFIG, config)
        super().spawn(command, **more)


@pytest.fixture(scope="module")
def guarded(request, tmp_path_factory):
    if request.config.getoption("--server") != "sluice":
        pytest.skip("MLflow guards nothing")
    server = Guarded(tmp_path_factory.mktemp("guarded")).start()
    yield server
    server.stop()


@pytest.fixture
def client(guarded, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded.url)
    mlflow.set_tracking_uri(guarded.url)
    return mlflow.MlflowClient(guarded.url)


@pytest.fixture
def wine(client, unique, tmp_path):
    """A registered model of a logged model, and of a path."""
    name = "wine-" + unique.partition("[")[0][-40:]
    model = mlflow.initialize_logged_model(name="w")
    (tmp_path / "weights").write_text("1", encoding="utf-8")
    client.log_model_artifact(model.model_id, str(tmp_path / "weights"))
    mlflow.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model(name)
    client.create_model_version(name, f"models:/{model.model_id}", model_id=model.model_id)
    client.create_model_version(name, "s3://bucket/model")
    return name


def refused(call, *arguments, **more):
    with pytest.raises(RestException) as error:
        call(*arguments, **more)
    assert error.value.error_code == "PERMISSION_DENIED" and error.value.get_http_status_code() == 403
    return error.value.message


def test_an_alias_is_not_set_and_the_message_says_what_is_missing(client, wine):
    said = refused(client.set_registered_model_alias, wine, "champion", "1")
    assert f"alias 'champion' of model '{wine}' is guarded by config.yaml: version 1 lacks approval by " in said
    assert "1 more of group:legal" in said
    assert "a logged model (m-...)" in refused(client.set_registered_model_alias, wine, "champion", "2")
    client.set_registered_model_alias(wine, "challenger", "1")
    client.delete_registered_model_alias(wine, "challenger")
    client.delete_registered_model_alias(wine, "champion")  # What is not there needs no right to go.
    assert client.get_registered_model(wine).aliases == {}


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_files_that_are_not_the_models_stand_nowhere(client, wine):
    model_id = client.get_model_version(wine, "1").source.rpartition("/")[2]
    other = client.create_model_version(wine, "s3://elsewhere/model", model_id=model_id)
    said = refused(client.set_registered_model_alias, wine, "champion", other.version)
    assert f"the version's are at 's3://elsewhere/model', which is not where those of {model_id} are" in said
    same = client.create_model_version(wine, client.get_logged_model(model_id).artifact_location, model_id=model_id)
    said = refused(client.set_registered_model_alias, wine, "champion", same.version)
    assert "lacks approval by" in said


def test_a_stage_is_not_entered(client, wine):
    said = refused(client.transition_model_version_stage, wine, "1", "production")
    assert f"stage 'Production' of model '{wine}'" in said and "a green gate (none has judged it)" in said
    refused(client.transition_model_version_stage, wine, "1", "Production", archive_existing_versions=True)
    assert client.transition_model_version_stage(wine, "1", "Staging").current_stage == "Staging"


def test_a_name_that_is_guarded_is_not_taken_with_its_aliases(client, wine):
    client.set_registered_model_alias(wine, "challenger", "1")
    assert "alias 'challenger' of model 'port'" in refused(client.rename_registered_model, wine, "port")
    assert client.get_registered_model(wine).aliases == {"challenger": "1"}
    client.rename_registered_model(wine, wine + "x")
    assert client.get_registered_model(wine + "x").aliases == {"challenger": "1"}


def test_what_is_not_guarded_is_deleted_as_before(client, wine):
    client.delete_model_version(wine, "2")
    client.delete_registered_model(wine)
    with pytest.raises(RestException, match="not found"):
        client.get_registered_model(wine)
