# SPDX-License-Identifier: Apache-2.0
"""Tags of a run: the last word counts."""
import re

import mlflow
import pytest
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException, RestException


def tags_of(client, run_id):
    tags = client.get_run(run_id).data.tags
    return {key: value for key, value in tags.items() if key != "mlflow.runName"}


def test_the_last_value_counts(client, run_id):
    client.set_tag(run_id, "t", "1")
    client.set_tag(run_id, "t", "2")
    client.set_tag(run_id, "empty", "")
    client.set_tag(run_id, "number", 5)
    assert tags_of(client, run_id) == {"t": "2", "empty": "", "number": "5"}


def test_the_last_value_of_a_batch_counts(client, run_id):
    client.log_batch(run_id, tags=[RunTag("t", "1"), RunTag("u", "x"), RunTag("t", "2")])
    assert tags_of(client, run_id) == {"t": "2", "u": "x"}


def test_a_tag_is_deleted_once(client, run_id):
    client.set_tag(run_id, "t", "1")
    client.delete_tag(run_id, "t")
    assert tags_of(client, run_id) == {}
    with pytest.raises(RestException, match=re.escape(f"No tag with name: t in run with id {run_id}")) as refused:
        client.delete_tag(run_id, "t")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_the_tag_of_the_name_renames_the_run(client, run_id):
    client.set_tag(run_id, "mlflow.runName", "by tag")
    assert client.get_run(run_id).info.run_name == "by tag"
    client.log_batch(run_id, tags=[RunTag("mlflow.runName", "by batch")])
    assert client.get_run(run_id).info.run_name == "by batch"


def test_a_tag_of_the_greatest_length_and_one_more(client, run_id):
    client.set_tag(run_id, "t", "v" * 8000)
    assert tags_of(client, run_id) == {"t": "v" * 8000}
    client.set_tag(run_id, "t", "w" * 8001)  # Cut, unless MLFLOW_TRUNCATE_LONG_VALUES says no.
    assert tags_of(client, run_id) == {"t": "w" * 8000}


def test_a_key_that_is_too_long(client, run_id):
    client.set_tag(run_id, "k" * 250, "v")
    with pytest.raises(MlflowException, match="exceeds the maximum length of 250 characters"):
        client.set_tag(run_id, "k" * 251, "v")


@pytest.mark.parametrize("key, reason", [
    ("a#b", "Names may only contain alphanumerics"), ("../a", "must not resolve to other names"),
])
def test_keys_that_are_refused(client, wire, run_id, key, reason):
    with pytest.raises(MlflowException, match=reason):
        client.set_tag(run_id, key, "v")
    message = wire.refused("POST", "/runs/set-tag", {"run_id": run_id, "key": key, "value": "v"})
    assert message.startswith(f"Invalid value \"{key}\" for parameter 'key' supplied: ") and reason in message


def test_fluent_tags(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run() as run:
        mlflow.set_tag("a", 1)
        mlflow.set_tags({"b": "2", "c": "3"})
        mlflow.delete_tag("c")
    tags = client.get_run(run.info.run_id).data.tags
    assert tags["a"] == "1" and tags["b"] == "2" and "c" not in tags
