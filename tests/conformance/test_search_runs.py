# SPDX-License-Identifier: Apache-2.0
"""Searching runs: filters, order, pages. What only sluice understands (OR, NOT, parentheses) is not here."""
import math
import time

import mlflow
import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException, RestException

# name: start, status, metrics, params, tags, dataset
RUNS = {
    "a": (1000, "FINISHED", {"acc": 0.9, "loss": 1.0}, {"lr": "0.1", "model": "Tree"},
          {"kind": "x", "odd key": "1"}, "wine"),
    "b": (2000, "FAILED", {"acc": 0.8, "loss": 3.0}, {"lr": "0.01", "model": "tree"}, {"kind": "y"}, "wine"),
    "c": (3000, "FINISHED", {"acc": math.nan}, {"lr": "10", "model": "100%_off"}, {"kind": "it's"}, "beer"),
    "d": (4000, "RUNNING", {"odd name/m.x": -1.5, "loss": 2.0}, {"odd param": "v", "model": ""}, {}, None),
    "e": (4000, "RUNNING", {}, {}, {"kind": "X"}, None),
}


@pytest.fixture(scope="module")
def cellar(server):
    client = mlflow.MlflowClient(server.url)
    client.experiment = client.create_experiment(f"cellar-{time.time_ns()}")
    client.ids = {}
    for name, (start, status, metrics, params, tags, dataset) in RUNS.items():
        run = client.create_run(client.experiment, start, {"mlflow.user": f"u{name}"}, f"run-{name}")
        client.ids[name] = run.info.run_id
        client.log_batch(run.info.run_id, [Metric(key, value, 1, 0) for key, value in metrics.items()],
                         [Param(key, value) for key, value in params.items()],
                         [RunTag(key, value) for key, value in tags.items()])
        if dataset:
            given = Dataset(name=dataset, digest=f"digest-{dataset}", source_type="local", source="x")
            client.log_inputs(run.info.run_id, [DatasetInput(given, [InputTag("mlflow.data.context", f"for-{name}")])])
        if status != "RUNNING":
            client.set_terminated(run.info.run_id, status, end_time=start + 500)
    # An older value of a metric is not searched.
    client.log_metric(client.ids["a"], "acc", 0.1, timestamp=1, step=-1)
    return client


def find(cellar, condition="", order=None, **more):
    found = cellar.search_runs([cellar.experiment], condition, order_by=order, **more)
    return "".join(run.info.run_name.removeprefix("run-") for run in found)


@pytest.mark.parametrize("condition, expected", [
    ("", "deabc"),
    ("metrics.acc > 0.85", "a"),
    ("metric.acc >= 0.8 and metrics.acc <= 0.9", "ab"),
    ("metrics.acc = 0.9", "a"),
    ("metrics.acc != 0.9", "bc"),
    ("metrics.acc < 0.5", ""),  # Of all comparisons, NaN meets only that it is not equal.
    ("metrics.acc > -1e300", "ab"),
    ("metrics.acc = 0.1", ""),
    ("metrics.loss > 1e0 AND metrics.loss < 30E-1", "d"),
    ("metrics.`odd name/m.x` = -1.5", "d"),
    ('metrics."odd name/m.x" < -1', "d"),
    ("params.lr = '0.1'", "a"),
    ("parameter.lr = \"0.01\"", "b"),
    ("param.lr != '0.1'", "bc"),
    ("params.lr LIKE '0.%'", "ab"),
    ("params.model LIKE 'tree'", "b"),
    ("params.model ILIKE 'TREE'", "ab"),
    ("params.model LIKE '_ree'", "ab"),
    ("params.model LIKE '100%_off'", "c"),
    ("params.model = ''", "d"),
    ("params.`odd param` = 'v'", "d"),
    ("params.lr IS NULL", "de"),
    ("params.lr IS NOT NULL", "abc"),
    ("tags.kind = 'x'", "a"),
    ("tag.kind ILIKE 'x'", "ea"),
    ("tags.kind != 'x'", "ebc"),
    ("tags.`odd key` = '1'", "a"),
    ("tags.kind = \"it's\"", "c"),
    ("tags.kind IS NULL", "d"),
    ("tags.mlflow.user = 'ub'", "b"),
    ("status = 'FINISHED'", "ac"),
    ("attributes.status != 'FINISHED'", "deb"),
    ("attr.status LIKE 'F%'", "abc"),
    ("run_name = 'run-c'", "c"),
    ("attributes.run_name ILIKE 'RUN-%'", "deabc"),
    ("attributes.`run name` = 'run-d'", "d"),
    ("tags.mlflow.runName = 'run-e'", "e"),
    ("user_id = 'ua'", "a"),
    ("start_time > 2000", "dec"),
    ("attributes.start_time <= 2000", "ab"),
    ("start_time = 4000", "de"),
    ("created >= 4000", "de"),
    ("end_time < 2501", "ab"),
    ("end_time != 1500", "bc"),
    ("artifact_uri LIKE '%mlflow-artifacts:/%'", "deabc"),
    ("dataset.name = 'wine'", "ab"),
    ("datasets.name LIKE 'w%'", "ab"),
    ("dataset.digest = 'digest-beer'", "c"),
    ("dataset.context = 'for-b'", "b"),
    ("dataset.name = 'wine' AND dataset.context = 'for-a'", "a"),
    ("dataset.name IN ('beer', 'wine')", "abc"),
    ("dataset.name NOT IN ('beer')", "ab"),
    ("metrics.acc > 0.5 AND params.model ILIKE 'tree' AND tags.kind = 'y' AND status = 'FAILED'", "b"),
    ("metrics.acc>0.85 and params.lr='0.1'", "a"),
    ("metrics.nothing > 0", ""),
    ("tags.nothing != 'x'", ""),
])
def test_filters(cellar, condition, expected):
    assert sorted(find(cellar, condition)) == sorted(expected)


@pytest.mark.parametrize("operator, expected", [("=", "b"), ("!=", "acde"), ("IN", "bd"), ("NOT IN", "ace")])
def test_filters_by_id(cellar, operator, expected):
    ids = cellar.ids
    value = f"'{ids['b']}'" if operator in ("=", "!=") else f"('{ids['b']}', '{ids['d']}')"
    assert sorted(find(cellar, f"run_id {operator} {value}")) == sorted(expected)
    assert sorted(find(cellar, f"attributes.run_id {operator.lower()} {value}")) == sorted(expected)


@pytest.mark.parametrize("order, expected", [
    (["metrics.loss"], "adb"),
    (["metrics.loss DESC"], "bda"),
    (["metrics.acc ASC"], "bac"),  # NaN after the numbers, what is missing after NaN, in both directions
    (["metrics.acc DESC"], "abc"),
    (["metrics.`odd name/m.x`"], "d"),
    (["params.lr"], "bac"),
    (["params.lr DESC"], "cab"),
    (["tags.kind"], "ecab"),
    (["start_time"], "abc"),
    (["attributes.start_time asc", "metrics.loss"], "abcde"),
    (["run_name DESC"], "edcba"),
    (["attributes.run_name"], "abcde"),
    (["end_time DESC"], "cba"),
    (["status", "run_name"], "bacde"),
    (["user_id DESC"], "edcba"),
    (["params.`odd param`"], "d"),
])
def test_order(cellar, order, expected):
    assert find(cellar, order=order).startswith(expected)
    assert sorted(find(cellar, order=order)) == sorted("abcde")


def test_the_order_when_none_is_given(cellar):
    # The newest first; of one time, by id.
    last = sorted("de", key=lambda name: cellar.ids[name])
    assert find(cellar) == "".join(last) + "cba"
    assert find(cellar, "start_time = 4000", order=["metrics.nothing"]) == "".join(last)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_pages(cellar, size):
    seen, token = [], None
    while True:
        page = cellar.search_runs([cellar.experiment], max_results=size, order_by=["run_name"], page_token=token)
        seen.append("".join(run.info.run_name[-1] for run in page))
        token = page.token
        if not token:
            break
    # A last page that is full may be followed by an empty one, as older servers do it.
    assert [page for page in seen if page] == ["abcde"[begin:begin + size] for begin in range(0, 5, size)]


def test_a_page_is_not_moved_by_what_comes_later(client, experiment):
    for number in range(4):
        client.create_run(experiment, start_time=number + 1, run_name=f"{number}")
    page = client.search_runs([experiment], max_results=2, order_by=["start_time"])
    client.create_run(experiment, start_time=10, run_name="late")
    rest = client.search_runs([experiment], max_results=3, order_by=["start_time"], page_token=page.token)
    assert [run.info.run_name for run in [*page, *rest]] == ["0", "1", "2", "3", "late"]


def test_deleted_runs_are_seen_when_asked_for(client, experiment):
    kept, deleted = (client.create_run(experiment).info.run_id for _ in range(2))
    client.delete_run(deleted)

    def ids(view):
        return {run.info.run_id for run in client.search_runs([experiment], run_view_type=view)}

    assert ids(ViewType.ACTIVE_ONLY) == {kept}
    assert ids(ViewType.DELETED_ONLY) == {deleted}
    assert ids(ViewType.ALL) == {kept, deleted}


def test_several_experiments_and_none(client, unique):
    experiments = [client.create_experiment(f"{unique}-{number}") for number in range(3)]
    runs = [client.create_run(experiment, start).info.run_id for start, experiment in enumerate(experiments, 1)]
    assert [run.info.run_id for run in client.search_runs(experiments[:2])] == runs[1::-1]
    assert client.search_runs([]) == []


def test_a_found_run_is_whole(cellar):
    run, = cellar.search_runs([cellar.experiment], "run_name = 'run-a'")
    assert run.to_dictionary() == cellar.get_run(cellar.ids["a"]).to_dictionary()
    assert run.data.metrics == {"acc": 0.9, "loss": 1.0} and run.data.params == {"lr": "0.1", "model": "Tree"}
    assert run.info.status == "FINISHED" and run.info.end_time == 1500


def test_fluent_search_gives_a_table(cellar, url):
    table = mlflow.search_runs([cellar.experiment], "params.model ILIKE 'tree'", order_by=["metrics.acc"])
    assert list(table["run_id"]) == [cellar.ids["b"], cellar.ids["a"]]
    assert list(table["metrics.acc"]) == [0.8, 0.9] and list(table["params.lr"]) == ["0.01", "0.1"]
    name = cellar.get_experiment(cellar.experiment).name
    assert len(mlflow.search_runs(experiment_names=[name], output_format="list")) == 5


@pytest.mark.parametrize("condition, message", [
    ("metrics.acc > 'x'", "Expected numeric value type for metric. Found 'x'"),
    ("metrics.acc", "Invalid clause\\(s\\) in filter string: 'metrics.acc'"),
    ("foo.a = 'x'", "Invalid entity type 'foo'. Valid values are"),
    ("attributes.nope = 'x'", "Invalid attribute key 'nope' specified. Valid keys are"),
    ("nope = 'x'", "Invalid attribute key 'nope' specified. Valid keys are"),
    ("params.a > 'x'", "Invalid comparator '>' not one of"),
    ("metrics.a == 1", "Invalid comparator '==' not one of"),
    ("params.a = x", "Parameter value is either not quoted or unidentified quote types used for string value x"),
    ("params.a = 3", "Expected a quoted string value for parameter \\(e.g. 'my-value'\\). Got value 3"),
    ("tags.a = 3", "Expected a quoted string value for tag \\(e.g. 'my-value'\\). Got value 3"),
    ("start_time = 'x'", "Expected numeric value type for numeric attribute: start_time. Found 'x'"),
    ("run_id = 5", "Expected a quoted string value for attributes. Got value 5"),
    ("run_id IN ()", "expected a non-empty list of string values, but got empty list"),
    ("status IN ('a')", "Only .*'?run_id'?.* support.* comparison with a list of quoted string values"),
    ("datasets.foo = 'x'", "Invalid dataset key 'foo' specified. Valid keys are"),
    ("metrics.a = 1; metrics.b = 1", "Search filter contained multiple expression"),
    ("'x' = metrics.a", "Invalid"),
])
def test_filters_that_are_refused(client, experiment, condition, message):
    with pytest.raises(RestException, match=message) as refused:
        client.search_runs([experiment], condition)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("order, message", [
    ("metrics.a FOO", "Invalid ordering key in order_by clause 'metrics.a FOO'"),
    ("metrics.a ASC x", "Invalid order_by clause 'metrics.a ASC x'. Could not be parsed"),
    ("nope", "Invalid attribute key 'nope' specified. Valid keys are"),
    ("foo.bar", "Invalid entity type 'foo'. Valid values are"),
])
def test_orders_that_are_refused(client, experiment, order, message):
    with pytest.raises(RestException, match=message) as refused:
        client.search_runs([experiment], order_by=[order])
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("count", [0, -1, 50001])
def test_pages_that_are_refused(client, wire, experiment, count):
    with pytest.raises(MlflowException, match="Invalid value"):
        client.search_runs([experiment], max_results=count)
    message = wire.refused("POST", "/runs/search", {"experiment_ids": [experiment], "max_results": count})
    assert message.startswith(f"Invalid value {count} for parameter 'max_results' supplied")


def test_a_token_that_is_none(client, experiment):
    with pytest.raises(RestException, match="Invalid page token") as refused:
        client.search_runs([experiment], page_token="garbage")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("word", ["x", "", "1.0", "1 2"])
def test_an_id_of_an_experiment_that_is_no_number_is_told(wire, experiment, word):
    assert wire.refused("POST", "/runs/search", {"experiment_ids": [experiment, word]}) == \
        f"Invalid experiment ID '{word}'. Experiment ID must be a valid integer."
    assert wire.post("/runs/search", {"experiment_ids": ["987654321"]}) == {}
