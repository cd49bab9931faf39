# SPDX-License-Identifier: Apache-2.0
"""Runs: made, changed, ended, deleted, nested. What is logged into them has files of its own."""
import re
import time

import mlflow
import pytest
from mlflow.exceptions import MlflowException, RestException


def test_a_run_with_everything_given(client, experiment):
    made = client.create_run(experiment, start_time=1700000000123, run_name="mine", tags={
        "mlflow.user": "ada", "mlflow.source.name": "train.py", "plain": "ü ✓"})
    for run in (made, client.get_run(made.info.run_id)):
        assert re.fullmatch("[0-9a-f]{32}", run.info.run_id)
        assert run.info.experiment_id == experiment
        assert run.info.run_name == "mine"
        assert run.info.user_id == "ada"
        assert run.info.status == "RUNNING"
        assert run.info.start_time == 1700000000123
        assert run.info.end_time is None
        assert run.info.lifecycle_stage == "active"
        assert run.info.artifact_uri == f"mlflow-artifacts:/{experiment}/{run.info.run_id}/artifacts"
        assert run.data.tags == {"mlflow.user": "ada", "mlflow.source.name": "train.py", "plain": "ü ✓",
                                 "mlflow.runName": "mine"}
        assert run.data.params == {} and run.data.metrics == {}


def test_defaults_of_a_run(client, experiment):
    before = int(time.time() * 1000)
    run = client.get_run(client.create_run(experiment).info.run_id)
    assert run.info.user_id == "unknown"
    assert before - 5 <= run.info.start_time <= int(time.time() * 1000) + 5
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", run.info.run_name)
    assert run.data.tags == {"mlflow.runName": run.info.run_name}
    assert run.inputs.dataset_inputs == [] and run.inputs.model_inputs == []
    assert run.outputs.model_outputs == []


def test_the_artifacts_of_a_run_lie_below_those_of_its_experiment(client, unique):
    experiment = client.create_experiment(unique, artifact_location="s3://bucket/base")
    run = client.create_run(experiment)
    assert run.info.artifact_uri == f"s3://bucket/base/{run.info.run_id}/artifacts"


def test_the_name_of_a_run_may_come_as_a_tag(client, experiment):
    assert client.create_run(experiment, tags={"mlflow.runName": "by tag"}).info.run_name == "by tag"
    both = "Both 'run_name' argument and 'mlflow.runName' tag are specified"
    with pytest.raises(RestException, match=both) as refused:
        client.create_run(experiment, run_name="a", tags={"mlflow.runName": "b"})
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_run_needs_an_experiment(client):
    with pytest.raises(RestException, match="No Experiment with id=987654321 exists") as refused:
        client.create_run("987654321")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_run_that_is_not_there(client):
    nobody = "f" * 32
    for call in (client.get_run, client.delete_run, client.restore_run, client.set_terminated):
        with pytest.raises(RestException, match=f"Run with id={nobody} not found") as refused:
            call(nobody)
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED", "SCHEDULED", "RUNNING"])
def test_a_run_ends_with(client, run_id, status):
    client.set_terminated(run_id, status, end_time=1800000000456)
    info = client.get_run(run_id).info
    assert info.status == status and info.end_time == 1800000000456


def test_a_run_ends_now_and_well_unless_said(client, run_id):
    before = int(time.time() * 1000)
    client.set_terminated(run_id)
    info = client.get_run(run_id).info
    assert info.status == "FINISHED" and before - 5 <= info.end_time <= int(time.time() * 1000) + 5


def test_update_changes_only_what_is_given(client, run_id):
    client.update_run(run_id, name="second name")
    info = client.get_run(run_id).info
    assert info.run_name == "second name" and info.status == "RUNNING" and info.end_time is None
    assert client.get_run(run_id).data.tags["mlflow.runName"] == "second name"
    client.update_run(run_id, status="FAILED")
    info = client.get_run(run_id).info
    assert info.run_name == "second name" and info.status == "FAILED"


def test_an_ended_run_takes_more(client, run_id):
    client.set_terminated(run_id)
    client.log_metric(run_id, "late", 1.0)
    client.log_param(run_id, "late", "x")
    client.set_tag(run_id, "late", "y")
    run = client.get_run(run_id)
    assert run.data.metrics == {"late": 1.0} and run.data.params == {"late": "x"} and run.data.tags["late"] == "y"
    client.update_run(run_id, status="RUNNING")
    assert client.get_run(run_id).info.status == "RUNNING"


# Tags that are set later have keys by MLflow's rules, and at most 8,000 characters.
ODD_TAGS = {"it's": "1", "a@b (c)": "2", "../a//b": "3", "line\nend": "4", "%": "5", "long": "ü" * 20000}


def test_tags_that_a_run_is_made_with_are_kept_as_they_are(client, experiment):
    made = client.create_run(experiment, tags=ODD_TAGS)
    found = client.get_run(made.info.run_id)
    assert {key: found.data.tags[key] for key in ODD_TAGS} == ODD_TAGS and found.data.tags == made.data.tags
    assert [run.info.run_id for run in client.search_runs([experiment], "tags.`a@b (c)` = '2' AND tags.`%` = '5'")] == [
        made.info.run_id]
    client.delete_tag(made.info.run_id, "it's")
    assert "it's" not in client.get_run(made.info.run_id).data.tags


def test_the_fluent_start_of_a_run_with_tags_of_any_key(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run(tags=ODD_TAGS) as run:
        mlflow.log_metric("m", 1)
    assert client.get_run(run.info.run_id).data.tags["a@b (c)"] == "2"


@pytest.mark.parametrize("run_id", ["a/b", "_a", "a b", "x" * 257])
def test_what_is_no_id_of_a_run_is_told_from_one_that_is_not_there(wire, run_id):
    for route in ("log-batch", "log-inputs"):
        message = wire.refused("POST", f"/runs/{route}", {"run_id": run_id})
        assert message.startswith('Invalid value "') and message.endswith("for parameter 'run_id' supplied.")
    wire.refused("POST", "/runs/set-tag", {"run_id": run_id, "key": "k", "value": "v"}, status=404,
                 code="RESOURCE_DOES_NOT_EXIST")


def test_delete_and_restore(client, run_id):
    for _ in range(2):
        client.delete_run(run_id)
        assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    for _ in range(2):
        client.restore_run(run_id)
        assert client.get_run(run_id).info.lifecycle_stage == "active"


@pytest.mark.parametrize("write", [
    lambda client, run: client.log_metric(run, "m", 1.0),
    lambda client, run: client.log_param(run, "p", "1"),
    lambda client, run: client.set_tag(run, "t", "1"),
    lambda client, run: client.delete_tag(run, "mlflow.runName"),
    lambda client, run: client.log_batch(run, tags=[mlflow.entities.RunTag("t", "1")]),
    lambda client, run: client.set_terminated(run),
    lambda client, run: client.update_run(run, name="x"),
], ids=["metric", "param", "tag", "delete tag", "batch", "end", "name"])
def test_a_deleted_run_takes_nothing(client, run_id, write):
    client.delete_run(run_id)
    before = client.get_run(run_id).to_dictionary()
    state = f"The run {run_id} must be in the 'active' state. Current state is deleted."
    with pytest.raises(MlflowException, match=state):
        write(client, run_id)
    assert client.get_run(run_id).to_dictionary() == before


def test_the_fluent_life_of_a_run(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run(run_name="outer", tags={"a": "b"}, description="what it is") as run:
        assert mlflow.active_run().info.run_id == run.info.run_id
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
    ended = client.get_run(run.info.run_id)
    assert ended.info.status == "FINISHED" and ended.info.end_time >= ended.info.start_time
    assert ended.data.tags["a"] == "b" and ended.data.tags["mlflow.note.content"] == "what it is"
    assert ended.data.tags["mlflow.source.type"] == "LOCAL" and ended.data.tags["mlflow.user"]
    assert mlflow.last_active_run().info.run_id == run.info.run_id
    assert mlflow.get_run(run.info.run_id).info.run_name == "outer"


def test_a_run_whose_code_raises_has_failed(client, unique):
    mlflow.set_experiment(unique)
    with pytest.raises(ZeroDivisionError):
        with mlflow.start_run() as run:
            1 / 0  # noqa: B018
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_nested_runs_know_their_parent(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run() as parent:
        with mlflow.start_run(nested=True) as child:
            with mlflow.start_run(nested=True) as grandchild:
                pass
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert client.get_parent_run(grandchild.info.run_id).info.run_id == child.info.run_id
    assert mlflow.get_parent_run(parent.info.run_id) is None
    found = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert [run.info.run_id for run in found] == [child.info.run_id]


def test_a_run_is_taken_up_again(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run() as run:
        mlflow.log_param("a", 1)
    with mlflow.start_run(run_id=run.info.run_id):
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("b", 2)
    again = client.get_run(run.info.run_id)
    assert again.info.status == "FINISHED" and again.data.params == {"a": "1"} and again.data.metrics == {"b": 2}


def test_a_deleted_run_is_not_taken_up_again(client, run_id):
    client.delete_run(run_id)
    with pytest.raises(MlflowException, match="Cannot start run with ID .* because it is in the deleted state"):
        mlflow.start_run(run_id=run_id)


def test_fluent_delete_and_restore(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run() as run:
        pass
    mlflow.delete_run(run.info.run_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    mlflow.restore_run(run.info.run_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"
