# SPDX-License-Identifier: Apache-2.0
"""Params of a run: written once, the same value as often as one likes."""
import re

import mlflow
import pytest
from mlflow.entities import Param
from mlflow.exceptions import MlflowException, RestException


def test_values_come_back_as_text(client, run_id):
    values = {"int": 3, "float": 0.1, "text": "ü ✓ 'quoted'", "empty": "", "none": None, "list": [1, 2], "bool": True}
    for key, value in values.items():
        client.log_param(run_id, key, value)
    assert client.get_run(run_id).data.params == {key: str(value) for key, value in values.items()}


def test_log_param_gives_the_value_back(url, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run():
        assert mlflow.log_param("a", 5) == 5


def test_a_param_is_written_once(client, run_id):
    client.log_param(run_id, "p", "1")
    client.log_param(run_id, "p", "1")
    message = (f"Changing param values is not allowed. Param with key='p' was already logged with value='1' "
               f"for run ID='{run_id}'. Attempted logging new value '2'.")
    with pytest.raises(MlflowException, match=re.escape(message)):
        client.log_param(run_id, "p", "2")
    assert client.get_run(run_id).data.params == {"p": "1"}


def test_a_param_is_written_once_by_batches_too(client, run_id):
    client.log_batch(run_id, params=[Param("p", "1"), Param("q", "1")])
    client.log_batch(run_id, params=[Param("p", "1")])
    changed = "[{'key': 'p', 'old_value': '1', 'new_value': '2'}]"
    message = f"Changing param values is not allowed. Params were already logged='{changed}' for run ID='{run_id}'."
    with pytest.raises(RestException, match=re.escape(message)) as refused:
        client.log_batch(run_id, params=[Param("p", "2"), Param("fresh", "3")])
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    assert client.get_run(run_id).data.params == {"p": "1", "q": "1"}


def test_an_empty_value_is_a_value(client, run_id):
    client.log_param(run_id, "p", "")
    client.log_param(run_id, "p", "")
    with pytest.raises(MlflowException, match="was already logged with value=''"):
        client.log_param(run_id, "p", "x")


def test_a_param_twice_in_one_batch(client, run_id):
    message = ("Duplicate parameter keys have been submitted: ['k']. "
               "Please ensure the request contains only one param value per param key.")
    with pytest.raises(RestException, match=re.escape(message)):
        client.log_batch(run_id, params=[Param("k", "1"), Param("k", "1"), Param("other", "2")])
    assert client.get_run(run_id).data.params == {}


@pytest.mark.parametrize("key", ["a/b", "a.b", "with space", "a-b_c", "colon:x", "日本ü", "k" * 250])
def test_keys_that_are_fine(client, run_id, key):
    client.log_param(run_id, key, "v")
    assert client.get_run(run_id).data.params == {key: "v"}


@pytest.mark.parametrize("key, reason", [
    ("a#b", "Names may only contain alphanumerics"), ("a&b", "Names may only contain alphanumerics"),
    ("a\nb", "Names may only contain alphanumerics"),
    ("../a", "must not resolve to other names"), ("a/../b", "must not resolve to other names"),
    ("/a", "must not resolve to other names"), ("a//b", "must not resolve to other names"),
    (".", "must not resolve to other names"), ("a/", "must not resolve to other names"),
    ("k" * 251, "exceeds the maximum length of 250 characters"),
])
def test_keys_that_are_refused(client, wire, run_id, key, reason):
    with pytest.raises(MlflowException, match=reason):
        client.log_param(run_id, key, "v")
    assert reason in wire.refused("POST", "/runs/log-parameter", {"run_id": run_id, "key": key, "value": "v"})
    assert client.get_run(run_id).data.params == {}


def test_a_value_of_the_greatest_length(client, run_id):
    client.log_param(run_id, "p", "v" * 6000)
    assert client.get_run(run_id).data.params["p"] == "v" * 6000


def test_a_value_that_is_too_long_is_cut(client, run_id):
    # As MLFLOW_TRUNCATE_LONG_VALUES says unless it is set, by the client and by the server.
    client.log_param(run_id, "p", "v" * 6001)
    assert client.get_run(run_id).data.params["p"] == "v" * 6000


def test_many_params_at_once(client, unique):
    mlflow.set_experiment(unique)
    params = {f"p{number}": number for number in range(250)}
    with mlflow.start_run() as run:
        mlflow.log_params(params)
    assert client.get_run(run.info.run_id).data.params == {key: str(value) for key, value in params.items()}
