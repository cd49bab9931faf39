# SPDX-License-Identifier: Apache-2.0
"""Searching logged models: filters, datasets, order, pages."""
import time

import mlflow
import pytest
from mlflow.entities import Metric
from mlflow.exceptions import RestException

# name: type, metrics (value, timestamp, step, dataset), params, tags, ready
MODELS = {
    "a": ("tree", {"acc": [(0.5, 1, 0, "test"), (0.9, 2, 1, "test")], "loss": [(3.0, 1, 0, None)]}, {"lr": "0.1"},
          {"kind": "x"}, True),
    "b": ("Tree", {"acc": [(0.8, 1, 0, "train")]}, {"lr": "0.01"}, {"kind": "y"}, True),
    "c": ("net", {"loss": [(1.0, 1, 0, "test")]}, {}, {"kind": "x", "odd key": "1"}, False),
    "d": ("", {}, {}, {}, False),
}

TEST, TRAIN = ({"dataset_name": name, "dataset_digest": f"digest-{name}"} for name in ("test", "train"))
STATUS = pytest.mark.flaw("the status is compared with the number it is stored as")
DIGEST = pytest.mark.flaw("over HTTP, no digest is taken for a digest that is NULL")


@pytest.fixture(scope="module")
def shelf(server):
    client = mlflow.MlflowClient(server.url)
    client.experiment = client.create_experiment(f"shelf-{time.time_ns()}")
    client.run = client.create_run(client.experiment).info.run_id
    client.ids = {}
    for name, (kind, metrics, params, tags, ready) in MODELS.items():
        model = client.create_logged_model(client.experiment, f"model-{name}", client.run, tags, params, kind)
        client.ids[name] = model.model_id
        points = [Metric(key, value, timestamp, step, model_id=model.model_id, dataset_name=dataset,
                         dataset_digest=dataset and f"digest-{dataset}")
                  for key, series in metrics.items() for value, timestamp, step, dataset in series]
        client.log_batch(client.run, metrics=points)
        if ready:
            client.finalize_logged_model(model.model_id, "READY")
        time.sleep(0.003)
    return client


def find(shelf, condition=None, **more):
    found = shelf.search_logged_models([shelf.experiment], condition, **more)
    return "".join(model.name.removeprefix("model-") for model in found)


@pytest.mark.parametrize("condition, expected", [
    (None, "dcba"),
    ("", "dcba"),
    ("name = 'model-b'", "b"),
    ("attributes.name = 'model-b'", "b"),
    ("name != 'model-b'", "dca"),
    ("name LIKE 'model-%'", "dcba"),
    ("name LIKE 'MODEL-%'", ""),
    ("name ILIKE 'MODEL-%'", "dcba"),
    ("model_type = 'tree'", "a"),
    ("model_type ILIKE 'tree'", "ba"),
    pytest.param("status = 'READY'", "ba", marks=STATUS),
    pytest.param("status != 'READY'", "dc", marks=STATUS),
    ("name IN ('model-a', 'model-c')", "ca"),
    ("name NOT IN ('model-a')", "dcb"),
    ("creation_timestamp > 0", "dcba"),
    ("creation_time < 5", ""),
    ("last_updated_timestamp >= 5 AND name = 'model-c'", "c"),
    ("metrics.acc > 0.85", "a"),
    ("metrics.acc < 0.6", "a"),  # Any of its points, not only the latest.
    ("metrics.acc >= 0.8", "ba"),
    ("metrics.acc != 0.8", "a"),
    ("metrics.loss = 1.0", "c"),
    ("params.lr = '0.1'", "a"),
    ("params.lr != '0.1'", "b"),
    ("params.lr LIKE '0%'", "ba"),
    ("tags.kind = 'x'", "ca"),
    ("tags.kind ILIKE 'X'", "ca"),
    ("tags.`odd key` = '1'", "c"),
    ("tags.kind = 'x' AND metrics.acc > 0.1 and params.lr = '0.1'", "a"),
    ("metrics.nothing > 0", ""),
])
def test_filters(shelf, condition, expected):
    assert find(shelf, condition) == expected


def test_filters_by_ids(shelf):
    assert find(shelf, f"model_id = '{shelf.ids['c']}'") == "c"
    assert find(shelf, f"source_run_id = '{shelf.run}'") == "dcba"
    assert find(shelf, f"experiment_id = '{shelf.experiment}'") == "dcba"


@pytest.mark.parametrize("datasets, condition, expected", [
    ([TEST], None, "ca"),
    ([TRAIN], None, "b"),
    ([TEST, TRAIN], None, "cba"),
    ([{**TEST, "dataset_digest": "other"}], None, ""),
    ([{**TEST, "dataset_name": "other"}], None, ""),
    ([TEST], "metrics.acc > 0.1", "a"),
    ([TRAIN], "metrics.acc > 0.1", "b"),
    ([TRAIN], "metrics.loss > 0.1", ""),
    pytest.param([{"dataset_name": "test"}], None, "ca", marks=DIGEST),
    pytest.param([{"dataset_name": "train"}], "metrics.acc > 0.1", "b", marks=DIGEST),
])
def test_datasets(shelf, datasets, condition, expected):
    assert find(shelf, condition, datasets=datasets) == expected


@pytest.mark.parametrize("order, expected", [
    ([{"field_name": "name"}], "abcd"),
    ([{"field_name": "name", "ascending": False}], "dcba"),
    ([{"field_name": "creation_timestamp", "ascending": True}], "abcd"),
    ([{"field_name": "last_updated_timestamp", "ascending": True}], "abcd"),
    ([{"field_name": "metrics.acc", "ascending": True}], "badc"),  # Those without one last, then by creation.
    ([{"field_name": "metrics.acc", "ascending": False}], "abdc"),
    ([{"field_name": "metrics.loss"}], "cadb"),
    ([{"field_name": "metrics.acc", "dataset_name": "train"}], "bdca"),
    ([{"field_name": "metrics.acc", "dataset_name": "test", "dataset_digest": "digest-test"}], "adcb"),
    ([{"field_name": "metrics.acc", "dataset_digest": "digest-test"}], "adcb"),
    ([{"field_name": "metrics.acc", "dataset_name": "", "dataset_digest": "digest-train", "ascending": False}], "bdca"),
    ([{"field_name": "metrics.acc", "dataset_digest": "other"}], "dcba"),
    ([{"field_name": "model_type"}, {"field_name": "name"}], "dbca"),
    ([{"field_name": "name"}, {"field_name": "name", "ascending": False}], "abcd"),  # The first counts.
    ([{"field_name": "metrics.acc"}, {"field_name": "metrics.acc", "ascending": False}], "badc"),
    ([{"field_name": "creation_time"}, {"field_name": "creation_timestamp", "ascending": False}], "abcd"),
])
def test_order(shelf, wire, order, expected):
    """On the wire: the client has a rule of its own about digests."""
    body = {"experiment_ids": [shelf.experiment], "order_by": [{"ascending": True, **one} for one in order]}
    found = wire.post("/logged-models/search", body).get("models", [])
    assert "".join(model["info"]["name"][-1] for model in found) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_pages(shelf, size):
    seen, token = [], None
    while True:
        page = shelf.search_logged_models([shelf.experiment], max_results=size, page_token=token)
        seen.append("".join(model.name[-1] for model in page))
        token = page.token
        if not token:
            break
    assert seen == ["dcba"[begin:begin + size] for begin in range(0, 4, size)]


def test_a_token_belongs_to_its_question(shelf, client, unique):
    token = shelf.search_logged_models([shelf.experiment], max_results=1).token
    other = client.create_experiment(unique)
    for question in ({"experiment_ids": [other]}, {"experiment_ids": [shelf.experiment], "filter_string": "name = 'x'"},
                     {"experiment_ids": [shelf.experiment], "order_by": [{"field_name": "name"}]}):
        with pytest.raises(RestException, match="page token"):
            shelf.search_logged_models(max_results=1, page_token=token, **question)


def test_a_found_model_is_whole(shelf):
    model, = shelf.search_logged_models([shelf.experiment], "name = 'model-a'")
    assert model.to_dictionary() == shelf.get_logged_model(shelf.ids["a"]).to_dictionary()
    assert model.params == {"lr": "0.1"} and model.tags == {"kind": "x"} and len(model.metrics) >= 2


def test_fluent_search_gives_a_table(shelf, url):
    table = mlflow.search_logged_models([shelf.experiment], "tags.kind = 'x'", order_by=[{"field_name": "name"}])
    assert list(table["name"]) == ["model-a", "model-c"]
    models = mlflow.search_logged_models([shelf.experiment], output_format="list", max_results=2)
    assert [model.name for model in models] == ["model-d", "model-c"]


@pytest.mark.parametrize("condition, message", [
    ("foo.a = 'x'", "Invalid entity type"),
    ("metric.a = 1", "Invalid entity type"),
    ("params.a > 'x'", "Invalid comparison operator"),
    ("metrics.a LIKE 'x'", "Invalid comparison operator"),
    ("nothing here", "Invalid filter string"),
])
def test_filters_that_are_refused(shelf, condition, message):
    with pytest.raises(RestException, match=message) as refused:
        find(shelf, condition)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


BROKEN = pytest.mark.flaw("MLflow answers 500")


@pytest.mark.parametrize("token", ["!!!!", "eyJh", "w78=", "\u00e9", pytest.param("x", marks=BROKEN),
                                   pytest.param("abcd", marks=BROKEN), pytest.param("W10=", marks=BROKEN),
                                   pytest.param("//4=", marks=BROKEN)])
def test_a_token_that_is_none(shelf, wire, token):
    body = {"experiment_ids": [shelf.experiment], "page_token": token}
    assert wire.refused("POST", "/logged-models/search", body).startswith(f"Invalid page token: {token}. ")


@pytest.mark.parametrize("dataset", [{"dataset_digest": "x"}, {"dataset_name": "", "dataset_digest": "x"}, {},
                                     {"dataset_name": None}])
def test_a_dataset_without_a_name(shelf, wire, dataset):
    body = {"experiment_ids": [shelf.experiment], "datasets": [TEST, dataset]}
    assert wire.refused("POST", "/logged-models/search", body) == (
        "`dataset_name` in the `datasets` clause must be specified.")


def test_an_order_that_is_refused(shelf):
    with pytest.raises(RestException, match="Invalid order by field name: params.lr") as refused:
        find(shelf, order_by=[{"field_name": "params.lr"}])
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
