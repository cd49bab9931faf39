# SPDX-License-Identifier: Apache-2.0
"""Histories of many runs at once, whole and sampled: the routes that charts read."""
import math

import pytest
from mlflow.entities import Metric
from wire import AJAX2, missing

BULK, INTERVAL = "/metrics/get-history-bulk", "/metrics/get-history-bulk-interval"


@pytest.fixture
def two_runs(client, experiment):
    """Runs with steps 0..9 and 0..19 of `m`: the value is ten times the step, the time is step + 100."""
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    for run, count in zip(runs, (10, 20)):
        client.log_batch(run, metrics=[Metric("m", 10.0 * step, step + 100, step) for step in range(count)])
    return runs


def steps_of(answer, run):
    return [point["step"] for point in answer["metrics"] if point["run_id"] == run]


def interval(wire, runs, **more):
    prefix = more.pop("prefix", None)
    return wire.call("GET", INTERVAL, params={"run_ids": runs, "metric_key": "m", **more},
                     **({"prefix": prefix} if prefix else {}))


def test_bulk_gives_all_points_of_all_runs(wire, two_runs):
    answer = wire.call("GET", BULK, params={"run_id": two_runs, "metric_key": "m"}, prefix=AJAX2)
    for run, count in zip(two_runs, (10, 20)):
        assert [(point["key"], point["value"], point["timestamp"], point["step"]) for point in answer["metrics"]
                if point["run_id"] == run] == [("m", 10.0 * step, step + 100, step) for step in range(count)]


def test_bulk_gives_no_more_than_asked(wire, two_runs):
    answer = wire.call("GET", BULK, params={"run_id": two_runs, "metric_key": "m", "max_results": 4}, prefix=AJAX2)
    assert len(answer["metrics"]) == 4


def test_bulk_of_nothing(wire, run_id):
    assert wire.call("GET", BULK, params={"run_id": run_id, "metric_key": "m"}, prefix=AJAX2) == {"metrics": []}


@pytest.mark.parametrize("params, message", [
    ({"metric_key": "m"}, "GetMetricHistoryBulk request must specify at least one run_id."),
    ({"run_id": [f"r{n}" for n in range(101)], "metric_key": "m"},
     "GetMetricHistoryBulk request cannot specify more than 100 run_ids. Received 101 run_ids."),
    ({"run_id": "r"}, "GetMetricHistoryBulk request must specify a metric_key."),
], ids=["no run", "many runs", "no key"])
def test_bulk_refuses(wire, params, message):
    assert wire.refused("GET", BULK, params=params, prefix=AJAX2) == message


def sampled(count, most):
    """The rule: as many even buckets as points are asked for; of each its first point, of the last one its last."""
    if count <= most:
        return list(range(count))
    sizes = [count // most + (bucket < count % most) for bucket in range(most)]
    return [sum(sizes[:bucket]) for bucket in range(most - 1)] + [count - 1]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 7, 10, 19, 20, 2500])
def test_interval_samples_each_run_evenly(wire, two_runs, most):
    answer = interval(wire, two_runs, max_results=most)
    assert [steps_of(answer, run) for run in two_runs] == [sampled(10, most), sampled(20, most)]
    assert all(point["value"] == 10.0 * point["step"] and point["key"] == "m" for point in answer["metrics"])


@pytest.mark.parametrize("more, short, long", [
    ({}, list(range(10)), list(range(20))),
    ({"start_step": 3, "end_step": 12}, list(range(3, 10)), list(range(3, 13))),
    ({"start_step": 3, "end_step": 12, "max_results": 3}, [3, 6, 9], [3, 7, 12]),
    ({"start_step": 15, "end_step": 15}, [], [15]),
])
def test_interval_keeps_between_its_steps(wire, two_runs, more, short, long):
    answer = interval(wire, two_runs, **more)
    assert [steps_of(answer, run) for run in two_runs] == [short, long]


def test_interval_bounds_the_points_of_one_step(client, wire, run_id):
    client.log_batch(run_id, metrics=[Metric("m", float(time), time, 0) for time in range(100)])
    assert [point["timestamp"] for point in interval(wire, [run_id], max_results=4)["metrics"]] == [0, 25, 50, 99]


def test_interval_keeps_the_order_of_the_runs(wire, two_runs):
    for runs in (two_runs, two_runs[::-1]):
        seen = list(dict.fromkeys(point["run_id"] for point in interval(wire, runs)["metrics"]))
        assert seen == runs


def test_interval_has_every_point_of_a_step(client, wire, run_id):
    client.log_batch(run_id, metrics=[Metric("m", 2.0, 5, 1), Metric("m", 1.0, 6, 1), Metric("m", math.nan, 7, 1)])
    answer = interval(wire, [run_id])
    assert [(point["value"], point["timestamp"]) for point in answer["metrics"]] == [(2.0, 5), (1.0, 6), ("NaN", 7)]


def test_interval_by_either_prefix(wire, two_runs):
    assert interval(wire, two_runs, prefix=AJAX2) == interval(wire, two_runs)


@pytest.mark.parametrize("params, message", [
    ({"metric_key": "m"}, missing("run_ids")), ({"run_ids": "r"}, missing("metric_key")),
    ({"run_ids": [f"r{n}" for n in range(101)], "metric_key": "m"},
     "GetMetricHistoryBulkInterval request must specify at most 100 run_ids. Received 101 run_ids."),
    ({"run_ids": "r", "metric_key": "m", "start_step": 1},
     "If either start step or end step are specified, both must be specified."),
    ({"run_ids": "r", "metric_key": "m", "end_step": 1},
     "If either start step or end step are specified, both must be specified."),
    ({"run_ids": "r", "metric_key": "m", "start_step": 2, "end_step": 1},
     "end_step must be greater than start_step. Found start_step=2 and end_step=1."),
    ({"run_ids": "r", "metric_key": "m", "max_results": 0}, "max_results must be between 1 and 2500."),
    ({"run_ids": "r", "metric_key": "m", "max_results": 2501}, "max_results must be between 1 and 2500."),
], ids=["no run", "no key", "many runs", "no end", "no start", "turned", "none", "too many"])
def test_interval_refuses(wire, params, message):
    assert message in wire.refused("GET", INTERVAL, params=params)


def test_a_run_that_is_gone_leaves_the_others_their_points(client, wire, run_id):
    client.log_metric(run_id, "loss", 0.5, timestamp=7, step=2)
    for prefix in ({}, {"prefix": AJAX2}):
        found = wire.call("GET", "/metrics/get-history-bulk-interval", params={
            "run_ids": ["0" * 32, run_id], "metric_key": "loss", "start_step": 0, "end_step": 5}, **prefix)["metrics"]
        assert [(point["run_id"], point["value"], point["step"]) for point in found] == [(run_id, 0.5, 2)]
