# SPDX-License-Identifier: Apache-2.0
"""Metrics of a run: points, which of them is the latest, and histories."""
import math
import time

import mlflow
import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException, RestException

LARGEST = 1.7976931348623157e308


def points(client, run_id, key):
    return [(point.value, point.timestamp, point.step) for point in client.get_metric_history(run_id, key)]


def test_a_point_is_read_back_whole(client, run_id):
    client.log_metric(run_id, "m", 0.1 + 0.2, timestamp=1700000000001, step=7)
    assert points(client, run_id, "m") == [(0.1 + 0.2, 1700000000001, 7)]
    assert client.get_run(run_id).data.metrics == {"m": 0.1 + 0.2}


def test_defaults_of_a_point(client, run_id):
    before = int(time.time() * 1000)
    client.log_metric(run_id, "m", 5)
    (value, timestamp, step), = points(client, run_id, "m")
    assert value == 5.0 and step == 0 and before - 5 <= timestamp <= int(time.time() * 1000) + 5


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-320, 5e-324, -1.5e300, 2.0**53 + 2, 1 / 3, LARGEST, -LARGEST, 0.1])
def test_every_bit_of_a_number_is_kept(client, run_id, value):
    client.log_metric(run_id, "m", value)
    client.log_batch(run_id, metrics=[Metric("batch", value, 1, 0)])
    assert client.get_run(run_id).data.metrics == {"m": value, "batch": value}


def test_numbers_that_are_none(client, run_id):
    client.log_metric(run_id, "nan", math.nan)
    client.log_metric(run_id, "inf", math.inf)
    client.log_metric(run_id, "minus inf", -math.inf)
    metrics = client.get_run(run_id).data.metrics
    # Infinity is kept as the largest number there is, as MLflow's SQL store does.
    assert math.isnan(metrics["nan"]) and metrics["inf"] == LARGEST and metrics["minus inf"] == -LARGEST
    assert math.isnan(client.get_metric_history(run_id, "nan")[0].value)


def test_numpy_numbers(client, run_id):
    import numpy

    client.log_metric(run_id, "f32", numpy.float32(0.5))
    client.log_metric(run_id, "i64", numpy.int64(7))
    client.log_metric(run_id, "array", numpy.array(2.5))
    assert client.get_run(run_id).data.metrics == {"f32": 0.5, "i64": 7.0, "array": 2.5}


def test_a_history_is_in_the_order_of_time(client, run_id):
    client.log_batch(run_id, metrics=[
        Metric("m", 3.0, 300, 1), Metric("m", 1.0, 100, 5), Metric("m", 2.0, 200, -3), Metric("m", 2.5, 200, -2),
        Metric("m", 0.5, 100, 5)])
    assert points(client, run_id, "m") == [(0.5, 100, 5), (1.0, 100, 5), (2.0, 200, -3), (2.5, 200, -2), (3.0, 300, 1)]


@pytest.mark.parametrize("first, second, latest", [
    ((1.0, 100, 1), (2.0, 50, 2), 2.0),        # the greater step, whatever the time
    ((1.0, 100, 1), (2.0, 200, 1), 2.0),       # of one step: the later
    ((9.0, 100, 1), (2.0, 100, 1), 9.0),       # of one step and time: the greater
    ((1.0, 100, -5), (2.0, 100, -6), 1.0),
    ((math.nan, 100, 1), (-1.0, 100, 1), math.nan),   # NaN counts as 0
    ((math.nan, 100, 1), (1.0, 100, 1), 1.0),
])
@pytest.mark.parametrize("turned", [False, True])
def test_which_point_is_the_latest(client, run_id, first, second, latest, turned):
    for value, timestamp, step in (second, first) if turned else (first, second):
        client.log_metric(run_id, "m", value, timestamp=timestamp, step=step)
    found = client.get_run(run_id).data.metrics["m"]
    assert found == latest or (math.isnan(found) and math.isnan(latest))
    assert len(points(client, run_id, "m")) == 2


def test_the_same_point_again_changes_nothing(client, run_id):
    for _ in range(2):
        client.log_metric(run_id, "m", 1.5, timestamp=10, step=1)
        client.log_batch(run_id, metrics=[Metric("m", 1.5, 10, 1), Metric("m", 1.5, 10, 1), Metric("n", 1.0, 10, 1)])
    client.log_metric(run_id, "m", 1.5, timestamp=11, step=1)
    assert points(client, run_id, "m") == [(1.5, 10, 1), (1.5, 11, 1)]
    assert points(client, run_id, "n") == [(1.0, 10, 1)]


def test_two_zeros_are_one_point(client, run_id):
    client.log_metric(run_id, "m", 0.0, timestamp=10, step=1)
    client.log_metric(run_id, "m", -0.0, timestamp=10, step=1)
    assert len(points(client, run_id, "m")) == 1


@pytest.mark.parametrize("step", [0, -1, 2**31, 2**62, -(2**63), 2**63 - 1])
def test_steps_of_all_sizes(client, run_id, step):
    client.log_metric(run_id, "m", 1.0, timestamp=1, step=step)
    assert points(client, run_id, "m") == [(1.0, 1, step)]


def test_a_history_that_is_empty(client, run_id):
    assert client.get_metric_history(run_id, "nothing") == []


def test_a_history_of_more_than_one_page(client, run_id):
    for begin in range(0, 2500, 500):
        steps = range(begin, begin + 500)
        client.log_batch(run_id, metrics=[Metric("m", step / 7, 1000 + step, step) for step in steps])
    expected = [(step / 7, 1000 + step, step) for step in range(2500)]
    assert points(client, run_id, "m") == expected
    store, paged, token, pages = client._tracking_client.store, [], None, 0
    while pages == 0 or token:
        page = store.get_metric_history(run_id, "m", max_results=999, page_token=token)
        paged += [(point.value, point.timestamp, point.step) for point in page]
        token, pages = page.token, pages + 1
    assert paged == expected and pages == 3


@pytest.mark.parametrize("key", ["a/b", "with space", "a.b:c-d_e", "日本ü", "k" * 250])
def test_keys_that_are_fine(client, run_id, key):
    client.log_metric(run_id, key, 1.0)
    assert client.get_run(run_id).data.metrics == {key: 1.0}
    assert len(client.get_metric_history(run_id, key)) == 1


@pytest.mark.parametrize("key, reason", [
    ("a#b", "Names may only contain alphanumerics"), ("../a", "must not resolve to other names"),
    ("/a", "must not resolve to other names"),
    ("k" * 251, "'Metric name' exceeds the maximum length of 250 characters"),
])
def test_keys_that_are_refused(client, wire, run_id, key, reason):
    with pytest.raises(MlflowException):
        client.log_metric(run_id, key, 1.0)
    body = {"run_id": run_id, "key": key, "value": 1, "timestamp": 1}
    assert reason in wire.refused("POST", "/runs/log-metric", body)


def test_a_time_before_1970(client, wire, run_id):
    with pytest.raises(MlflowException, match="nonnegative long"):
        client.log_metric(run_id, "m", 1.0, timestamp=-1)
    message = wire.refused("POST", "/runs/log-metric", {"run_id": run_id, "key": "m", "value": 1, "timestamp": -1})
    assert message == ("Invalid value -1 for parameter 'timestamp' supplied: metric 'm' (value=1.0). "
                       "Timestamp must be a nonnegative long (64-bit integer) ")


def test_a_run_that_is_not_there(client):
    with pytest.raises(RestException, match="Run with id=ffff not found") as refused:
        client.log_metric("ffff", "m", 1.0)
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_fluent_metrics(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run() as run:
        mlflow.log_metric("a", 1.0, step=3)
        mlflow.log_metrics({"a": 2.0, "b": 3}, step=4)
        mlflow.log_metric("elsewhere", 1.0, timestamp=77)
    assert client.get_run(run.info.run_id).data.metrics == {"a": 2.0, "b": 3.0, "elsewhere": 1.0}
    assert [point.step for point in client.get_metric_history(run.info.run_id, "a")] == [3, 4]
    assert points(client, run.info.run_id, "elsewhere") == [(1.0, 77, 0)]


def test_a_run_that_is_not_there_has_no_history(wire):
    assert wire.get("/metrics/get-history", run_id="0" * 32, metric_key="loss") == {}


@pytest.mark.parametrize("size", [0, -1])
def test_a_page_of_no_points_is_refused(wire, client, run_id, size):
    client.log_metric(run_id, "loss", 1)
    params = {"run_id": run_id, "metric_key": "loss", "max_results": size}
    assert wire.refused("GET", "/metrics/get-history", params=params) == \
        f"Invalid value {size} for parameter 'max_results' supplied. It must be a positive integer."


@pytest.mark.parametrize("half", [{"dataset_name": "train"}, {"dataset_digest": "abc"}])
def test_a_dataset_has_a_name_and_a_digest(wire, run_id, half):
    point = {"key": "loss", "value": 1, "timestamp": 1, **half}
    words = "Both dataset_name and dataset_digest must be provided if one is provided"
    assert wire.refused("POST", "/runs/log-metric", {"run_id": run_id, **point}) == words
    assert wire.refused("POST", "/runs/log-batch", {"run_id": run_id, "metrics": [point]}) == words
    assert wire.get("/metrics/get-history", run_id=run_id, metric_key="loss") == {}


def test_only_a_model_says_which_data_a_metric_is_of(wire, experiment, run_id):
    model = wire.post("/logged-models", {"experiment_id": experiment})["model"]["info"]["model_id"]
    point = {"key": "m", "value": 1.0, "timestamp": 5, "step": 0}
    wire.post("/runs/log-metric", {"run_id": run_id, **point, "model_id": model, "dataset_name": "d",
                                   "dataset_digest": "g"})
    assert wire.get("/runs/get", run_id=run_id)["run"]["data"]["metrics"] == [point]
    assert wire.post("/runs/search", {"experiment_ids": [experiment]})["runs"][0]["data"]["metrics"] == [point]
    assert wire.get("/metrics/get-history", run_id=run_id, metric_key="m")["metrics"] == [point]
    found, = wire.get(f"/logged-models/{model}")["model"]["data"]["metrics"]
    assert (found["dataset_name"], found["dataset_digest"], found["run_id"]) == ("d", "g", run_id)
