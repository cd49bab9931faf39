# SPDX-License-Identifier: Apache-2.0
"""log-batch: its limits, its words, and that all of it or nothing is written."""
import re

import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from wire import missing, wrong_type

LETTERS = ("Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and "
           "slashes (/).")
METRIC = {"key": "m", "value": 1, "timestamp": 1}


def many(count, make):
    return [make(number) for number in range(count)]


def test_the_largest_batch(client, run_id):
    client.log_batch(run_id, many(800, lambda n: Metric(f"m{n}", n, n, n)), many(100, lambda n: Param(f"p{n}", str(n))),
                     many(100, lambda n: RunTag(f"t{n}", str(n))))
    data = client.get_run(run_id).data
    assert data.metrics == {f"m{n}": float(n) for n in range(800)}
    assert data.params == {f"p{n}": str(n) for n in range(100)}
    assert data.tags["t99"] == "99" and len(data.tags) == 101


@pytest.mark.parametrize("body, words", [
    ({"metrics": [METRIC] * 1001}, "1000 metrics. Got 1001 metrics. Please split up metrics"),
    ({"params": many(101, lambda n: {"key": f"p{n}", "value": ""})},
     "100 params. Got 101 params. Please split up params"),
    ({"tags": many(101, lambda n: {"key": f"t{n}", "value": ""})}, "100 tags. Got 101 tags. Please split up tags"),
    ({"metrics": [METRIC] * 950, "tags": many(51, lambda n: {"key": f"t{n}", "value": ""})},
     "1000 metrics, params, and tags. Got 1001 metrics, params, and tags. Please split up metrics, params, and tags"),
], ids=["metrics", "params", "tags", "all"])
def test_a_batch_that_is_too_large(wire, run_id, body, words):
    message = wire.refused("POST", "/runs/log-batch", {"run_id": run_id, **body})
    assert message == (f"A batch logging request can contain at most {words} across multiple requests and try again.")


def test_an_empty_batch(client, run_id):
    client.log_batch(run_id)
    client.log_batch(run_id, metrics=[], params=[], tags=[])
    assert client.get_run(run_id).data.metrics == {}


def test_a_batch_that_fails_writes_nothing(client, run_id):
    # MLflow may leave a part of it behind; that none is left is what sluice adds. Params are looked at first by both.
    client.log_param(run_id, "p", "1")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_batch(run_id, metrics=[Metric("m", 1.0, 1, 0)], params=[Param("new", "1"), Param("p", "2")],
                         tags=[RunTag("t", "1")])
    data = client.get_run(run_id).data
    assert data.metrics == {} and data.params == {"p": "1"} and "t" not in data.tags


def test_a_batch_sent_twice_changes_nothing(client, run_id):
    batch = {"metrics": [Metric("m", float(n), n, n) for n in range(50)], "params": [Param("p", "1")],
             "tags": [RunTag("t", "1")]}
    client.log_batch(run_id, **batch)
    once = client.get_run(run_id).data.to_dictionary()
    client.log_batch(run_id, **batch)
    assert client.get_run(run_id).data.to_dictionary() == once
    assert len(client.get_metric_history(run_id, "m")) == 50


@pytest.mark.parametrize("body, message", [
    ({"metrics": [{"value": 1, "timestamp": 1}]}, missing("metrics[0].key")),
    ({"metrics": [METRIC, {"key": "a", "timestamp": 1}]}, missing("metrics[1].value")),
    ({"metrics": [{"key": "a", "value": 1}]}, missing("metrics[0].timestamp")),
    ({"params": [{"value": "1"}]}, missing("params[0].key")),
    ({"tags": [{"value": "1"}]}, missing("tags[0].key")),
    ({"metrics": "x"}, wrong_type('"x"', "metrics", "str")),
    ({"params": {"a": "b"}}, wrong_type('{"a":"b"}', "params", "dict")),
    ({"metrics": [{**METRIC, "key": "a#"}]},
     f"Invalid value \"a#\" for parameter 'metrics[0].name' supplied: {LETTERS}"),
    ({"metrics": [{**METRIC, "key": "../a"}]},
     "Invalid value \"../a\" for parameter 'metrics[0].name' supplied: Names may be treated as files in certain cases, "
     "and must not resolve to other names when treated as such. "
     "This name would resolve to '../a'"),
    ({"params": [{"key": "a#", "value": ""}]},
     f"Invalid value \"a#\" for parameter 'params[0].key' supplied: {LETTERS}"),
    ({"tags": [{"key": "a#", "value": ""}]},
     f"Invalid value \"a#\" for parameter 'tags[0].key' supplied: {LETTERS}"),
    ({"metrics": [{**METRIC, "timestamp": -1}]}, "Invalid value -1 for parameter 'metrics[0].timestamp' supplied: "
     "metric 'm' (value=1.0). Timestamp must be a nonnegative long (64-bit integer) "),
    ({"params": [{"key": "k" * 251, "value": ""}]}, "'Param key' exceeds the maximum length of 250 characters"),
    ({"metrics": [{**METRIC, "key": "k" * 251}]}, "'Metric name' exceeds the maximum length of 250 characters"),
], ids=lambda value: re.sub(r"\W+", " ", str(value))[:40] if isinstance(value, str) else "")
def test_a_batch_that_is_malformed(wire, client, run_id, body, message):
    assert wire.refused("POST", "/runs/log-batch", {"run_id": run_id, **body}) == message
    assert client.get_run(run_id).data.metrics == {}


def test_a_batch_without_a_run(wire):
    assert wire.refused("POST", "/runs/log-batch", {"metrics": [METRIC]}) == missing("run_id")
    nobody = {"run_id": "nobody"}
    assert wire.refused("POST", "/runs/log-batch", nobody, status=404,
                        code="RESOURCE_DOES_NOT_EXIST") == "Run with id=nobody not found"
