# SPDX-License-Identifier: Apache-2.0
"""What MLflow's own client is told of deployment jobs, in its own messages. MLflow's open server has none: its fields
are empty, as they are here where no pipeline asks for versions."""
import time

import mlflow
import pytest
import requests
from mlflow.exceptions import RestException
from mlflow.protos.model_registry_pb2 import CreateRegisteredModel, UpdateRegisteredModel
from mlflow.utils.proto_json_utils import message_to_json
from servers import SERVERS

JOB = """\
name: {name}
"on": {{model_version: {{model: "{model}"}}}}
params: {{model_name: {{}}, model_version: {{type: integer}}}}
steps:
  check: {{run: "true"}}
  approval: {{needs: [check], uses: approve}}
  deploy: {{needs: [approval], run: "test ${{{{ params.model_version }}}} != 2"}}
"""


@pytest.fixture
def jobs(request, tmp_path, monkeypatch):
    """A server with a deployment job of every model whose name begins with wine; and a client of it."""
    if request.config.getoption("--server") != "sluice":
        pytest.skip("MLflow's server has no deployment jobs")
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "job.yaml").write_text(JOB.format(name="wine-deploy", model="wine*"), encoding="utf-8")
    server = SERVERS["sluice"](tmp_path, "--pipelines", str(folder)).start()
    server.folder = folder
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    mlflow.set_tracking_uri(server.url)
    wait_for(lambda: server.sluice("pipelines"))
    yield server, mlflow.MlflowClient(server.url, server.url)
    server.stop()


def wait_for(check):
    end = time.monotonic() + 90
    while not (found := check()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found


def state(client, version, wanted):
    """The message, once its run_state is the one that is wanted."""
    def look():
        found = client.get_model_version("wine", version).deployment_job_state
        return found if found and found.run_state == wanted else None
    return wait_for(look)


def send(client, message):
    """A message of the client's own, in the field that its store for open servers does not fill in."""
    store = client._get_registry_client().store  # pylint: disable=protected-access
    return store._call_endpoint(type(message), message_to_json(message))  # pylint: disable=protected-access


def test_without_a_job_the_fields_are_empty(client, unique):
    model = client.create_registered_model(unique)
    version = client.create_model_version(unique, "s3://a/b")
    for found in (model, client.get_registered_model(unique), *client.search_registered_models(f"name='{unique}'")):
        assert not found.deployment_job_id
        assert found.deployment_job_state == "DEPLOYMENT_JOB_CONNECTION_STATE_UNSPECIFIED"
    for found in (version, client.get_model_version(unique, "1"), *client.search_model_versions(f"name='{unique}'")):
        assert found.deployment_job_state is None


def test_a_version_is_followed_through_its_job(jobs):
    server, client = jobs
    model = client.create_registered_model("wine")
    assert (model.deployment_job_id, model.deployment_job_state) == ("wine-deploy", "CONNECTED")
    client.create_model_version("wine", "s3://a/b")
    found = state(client, "1", "APPROVAL")
    assert (found.job_id, found.job_state, found.current_task_name) == ("wine-deploy", "CONNECTED", "approval")
    run = client.get_run(found.run_id)  # the run of the pipeline is a run of MLflow's
    assert run.info.status == "RUNNING" and run.data.params["model_version"] == "1"
    server.sluice("approve", "wine-deploy/1")
    found = state(client, "1", "SUCCEEDED")
    assert found.current_task_name == "" and client.get_run(found.run_id).info.status == "FINISHED"
    client.create_model_version("wine", "s3://a/c")
    state(client, "2", "APPROVAL")
    server.sluice("approve", "wine-deploy/2")
    assert state(client, "2", "FAILED").current_task_name == "deploy"
    by_search = {one.version: one.deployment_job_state.run_state for one in client.search_model_versions("name='wine'")}
    assert by_search == {"1": "SUCCEEDED", "2": "FAILED"}
    latest = client.get_registered_model("wine").latest_versions[0]
    assert (latest.version, latest.deployment_job_state.run_state) == ("2", "FAILED")
    assert client.search_registered_models()[0].deployment_job_id == "wine-deploy"


def test_it_is_connected_and_disconnected_by_messages_of_the_client(jobs):
    server, client = jobs
    (server.folder / "other.yaml").write_text(JOB.format(name="other-deploy", model="*"), encoding="utf-8")
    wait_for(lambda: len(server.sluice("pipelines")) == 2)
    send(client, CreateRegisteredModel(name="wine", deployment_job_id="wine-deploy"))
    assert client.get_registered_model("wine").deployment_job_id == "wine-deploy"
    client.update_registered_model("wine", description="red")  # says nothing of it
    model = client.get_registered_model("wine")
    assert (model.description, model.deployment_job_id) == ("red", "wine-deploy")
    send(client, UpdateRegisteredModel(name="wine", deployment_job_id=""))
    model = client.get_registered_model("wine")
    assert (model.description, model.deployment_job_id, model.deployment_job_state) == ("red", "", "NOT_SET_UP")
    client.create_model_version("wine", "s3://a/b")
    assert client.get_model_version("wine", "1").deployment_job_state is None and server.sluice("runs") == []
    send(client, UpdateRegisteredModel(name="wine", deployment_job_id="other-deploy"))
    client.create_model_version("wine", "s3://a/b")
    assert state(client, "2", "APPROVAL").job_id == "other-deploy"
    with pytest.raises(RestException, match="did you mean 'other-deploy'") as refused:
        send(client, UpdateRegisteredModel(name="wine", deployment_job_id="ohter-deploy"))
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    (server.folder / "other.yaml").unlink()
    wait_for(lambda: client.get_registered_model("wine").deployment_job_state == "NOT_FOUND")
    found = client.get_model_version("wine", "1").deployment_job_state
    assert (found.job_state, found.run_state) == ("NOT_FOUND", "NO_VALID_DEPLOYMENT_JOB_FOUND")


def test_the_page_is_told_too(jobs):
    """MLflow's page asks by GraphQL, in camel case."""
    server, client = jobs
    client.create_registered_model("wine")
    client.create_model_version("wine", "s3://a/b")
    state(client, "1", "APPROVAL")
    query = ("query {mlflowSearchModelVersions(input: {filter: \"name='wine'\"}) "
             "{modelVersions {version deploymentJobState {jobId runState jobState currentTaskName}}}}")
    answer = requests.post(server.url + "/graphql", json={"query": query, "variables": {}}, timeout=30).json()
    assert answer["data"]["mlflowSearchModelVersions"]["modelVersions"] == [{"version": "1", "deploymentJobState": {
        "jobId": "wine-deploy", "runState": "APPROVAL", "jobState": "CONNECTED", "currentTaskName": "approval"}}]
