# SPDX-License-Identifier: Apache-2.0
"""What went into a run and what came out of it: datasets and logged models."""
import json

import mlflow
import numpy
import pandas
import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput
from mlflow.exceptions import RestException
from wire import AJAX2, missing, wrong_type


def dataset(name, digest="d1", **more):
    return Dataset(name=name, digest=digest, source_type="local", source='{"uri": "x.csv"}', **more)


def given(run):
    return {(item.dataset.name, item.dataset.digest): {tag.key: tag.value for tag in item.tags}
            for item in run.inputs.dataset_inputs}


def test_datasets_are_read_back_whole(client, run_id):
    train = dataset("train ü", schema='{"mlflow_colspec": []}', profile='{"num_rows": 3}')
    client.log_inputs(run_id, [DatasetInput(train, [InputTag("mlflow.data.context", "training"), InputTag("x", "y")]),
                               DatasetInput(dataset("test"))])
    run = client.get_run(run_id)
    assert given(run) == {("train ü", "d1"): {"mlflow.data.context": "training", "x": "y"}, ("test", "d1"): {}}
    found = next(item.dataset for item in run.inputs.dataset_inputs if item.dataset.name == "train ü")
    assert found.to_dictionary() == train.to_dictionary()


def test_datasets_are_in_the_order_in_which_they_came(client, run_id):
    names = ["train", "b", "test", "a"]
    client.log_inputs(run_id, [DatasetInput(dataset(name)) for name in names[:3]])
    client.log_inputs(run_id, [DatasetInput(dataset(names[3]))])
    assert [item.dataset.name for item in client.get_run(run_id).inputs.dataset_inputs] == names


def test_the_same_dataset_again_is_one(client, run_id):
    for _ in range(2):
        client.log_inputs(run_id, [DatasetInput(dataset("a"), [InputTag("mlflow.data.context", "training")])])
    client.log_inputs(run_id, [DatasetInput(dataset("a", "d2"))])
    assert sorted(given(client.get_run(run_id))) == [("a", "d1"), ("a", "d2")]


def test_one_dataset_in_two_runs(client, experiment):
    runs = [client.create_run(experiment).info.run_id for _ in range(2)]
    for context, run in zip(("training", "testing"), runs):
        client.log_inputs(run, [DatasetInput(dataset("a"), [InputTag("mlflow.data.context", context)])])
    assert [given(client.get_run(run)) for run in runs] == [
        {("a", "d1"): {"mlflow.data.context": "training"}}, {("a", "d1"): {"mlflow.data.context": "testing"}}]


def test_search_shows_the_datasets_too(client, experiment, run_id):
    client.log_inputs(run_id, [DatasetInput(dataset("a"), [InputTag("mlflow.data.context", "training")])])
    run, = client.search_runs([experiment])
    assert given(run) == {("a", "d1"): {"mlflow.data.context": "training"}}


def test_pandas_and_numpy_datasets(client, unique):
    mlflow.set_experiment(unique)
    frame = mlflow.data.from_pandas(pandas.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}), name="frame", targets="y")
    array = mlflow.data.from_numpy(numpy.zeros((3, 2)), name="array")
    with mlflow.start_run() as run:
        mlflow.log_input(frame, context="training", tags={"extra": "1"})
        mlflow.log_input(array)
    items = {item.dataset.name: item for item in client.get_run(run.info.run_id).inputs.dataset_inputs}
    assert sorted(items) == ["array", "frame"]
    assert items["frame"].dataset.digest == frame.digest
    assert json.loads(items["frame"].dataset.profile) == {"num_rows": 2, "num_elements": 4}
    assert "mlflow_colspec" in items["frame"].dataset.schema
    assert {tag.key: tag.value for tag in items["frame"].tags} == {"mlflow.data.context": "training", "extra": "1"}
    assert mlflow.data.get_source(items["frame"]).to_dict() == frame.source.to_dict()


def test_models_in_and_out(client, experiment, run_id):
    first, second = (client.create_logged_model(experiment).model_id for _ in range(2))
    client.log_inputs(run_id, models=[LoggedModelInput(first)])
    client.log_outputs(run_id, [LoggedModelOutput(first, 1), LoggedModelOutput(second, 7)])
    for run in (client.get_run(run_id), *client.search_runs([experiment])):
        assert sorted((model.model_id, model.step) for model in run.outputs.model_outputs) == sorted(
            [(first, 1), (second, 7)])
    assert [model.model_id for model in client.get_run(run_id).inputs.model_inputs] == [first]


def test_models_again_change_nothing(client, experiment, run_id):
    model = client.create_logged_model(experiment).model_id
    for _ in range(2):
        client.log_inputs(run_id, models=[LoggedModelInput(model)])
    assert len(client.get_run(run_id).inputs.model_inputs) == 1


def test_a_deleted_run_takes_no_inputs(client, experiment, run_id):
    model = client.create_logged_model(experiment).model_id
    client.delete_run(run_id)
    state = f"The run {run_id} must be in the 'active' state"
    with pytest.raises(RestException, match=state):
        client.log_inputs(run_id, [DatasetInput(dataset("a"))])
    with pytest.raises(RestException, match=state):
        client.log_outputs(run_id, [LoggedModelOutput(model, 0)])


@pytest.mark.parametrize("field, length, message", [
    ("name", 500, "exceeds the maximum length of 500"), ("digest", 36, "exceeds the maximum length of 36"),
    ("source", 65535, "exceeds the maximum length of 65535"),
    ("schema", 1048575, "exceeds the maximum length of 1048575"),
])
def test_the_greatest_lengths(client, wire, run_id, field, length, message):
    whole = {"name": "n", "digest": "d", "source_type": "t", "source": "s"}
    client.log_inputs(run_id, [DatasetInput(Dataset(**{**whole, field: "v" * length}))])
    too_long = {"run_id": run_id, "datasets": [{"dataset": {**whole, field: "v" * (length + 1)}}]}
    assert message in wire.refused("POST", "/runs/log-inputs", too_long)
    assert len(client.get_run(run_id).inputs.dataset_inputs) == 1


def test_the_datasets_of_experiments(client, wire, experiment, run_id, unique):
    other = client.create_experiment(unique + "-2")
    client.log_inputs(run_id, [DatasetInput(dataset("a"), [InputTag("mlflow.data.context", "training")]),
                               DatasetInput(dataset("b"))])
    client.log_inputs(client.create_run(other).info.run_id, [DatasetInput(dataset("c"))])
    found = wire.post("/experiments/search-datasets", {"experiment_ids": [experiment]}, prefix=AJAX2)
    assert sorted(found["dataset_summaries"], key=lambda one: one["name"]) == [
        {"experiment_id": experiment, "name": "a", "digest": "d1", "context": "training"},
        {"experiment_id": experiment, "name": "b", "digest": "d1"}]
    both = wire.post("/experiments/search-datasets", {"experiment_ids": [experiment, other]}, prefix=AJAX2)
    assert len(both["dataset_summaries"]) == 3


@pytest.mark.parametrize("count, message", [
    (0, "SearchDatasets request must specify at least one experiment_id."),
    (21, "SearchDatasets request cannot specify more than 20 experiment_ids. Received 21 experiment_ids."),
])
def test_the_datasets_of_too_many_experiments(wire, count, message):
    body = {"experiment_ids": [str(number) for number in range(count)]}
    assert wire.refused("POST", "/experiments/search-datasets", body, prefix=AJAX2) == message


@pytest.mark.parametrize("body, message", [
    ({"datasets": "x"}, wrong_type('"x"', "datasets", "str")), ({"models": "x"}, wrong_type('"x"', "models", "str")),
])
def test_inputs_that_are_no_lists(wire, run_id, body, message):
    assert wire.refused("POST", "/runs/log-inputs", {"run_id": run_id, **body}) == message


def test_outputs_need_models(wire, run_id):
    assert wire.refused("POST", "/runs/outputs", {"run_id": run_id}) == missing("models")
