# SPDX-License-Identifier: Apache-2.0
"""Experiments, by the Python client."""
import time

import mlflow
import pytest
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException, RestException


def names(experiments):
    return [experiment.name for experiment in experiments]


def test_a_new_experiment_is_read_back_whole(client, unique):
    before = int(time.time() * 1000)
    made = client.create_experiment(unique, artifact_location="s3://bucket/some/place/",
                                    tags={"team": "wine", "mlflow.note.content": "two\nlines, ünïcode"})
    experiment = client.get_experiment(made)
    assert isinstance(made, str) and experiment.experiment_id == made
    assert experiment.name == unique
    assert experiment.artifact_location.rstrip("/") == "s3://bucket/some/place"
    assert experiment.lifecycle_stage == "active"
    assert experiment.tags == {"team": "wine", "mlflow.note.content": "two\nlines, ünïcode"}
    assert before - 5 <= experiment.creation_time <= int(time.time() * 1000) + 5
    assert experiment.last_update_time == experiment.creation_time


def test_defaults_of_a_new_experiment(client, experiment):
    made = client.get_experiment(experiment)
    assert made.artifact_location == f"mlflow-artifacts:/{experiment}"
    assert made.tags == {}


def test_the_default_experiment_is_there_from_the_start(client):
    default = client.get_experiment("0")
    assert default.name == "Default" and default.lifecycle_stage == "active"
    assert client.get_experiment_by_name("Default").experiment_id == "0"


@pytest.mark.parametrize("name", ["with space", "slash/and\\back", "ünï ✓ 日本", "100% \"quoted\" 'x'", " edges "])
def test_any_name_is_found_again(client, unique, name):
    made = client.create_experiment(unique + name)
    assert client.get_experiment_by_name(unique + name).experiment_id == made
    assert client.get_experiment(made).name == unique + name


def test_an_experiment_that_is_not_there(client, unique):
    assert client.get_experiment_by_name(unique) is None
    with pytest.raises(RestException, match="No Experiment with id=987654321 exists") as refused:
        client.get_experiment("987654321")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_name_is_taken_even_by_a_deleted_experiment(client, unique):
    made = client.create_experiment(unique)
    taken = f"Experiment\\(name={unique}\\) already exists"
    with pytest.raises(RestException, match=taken) as refused:
        client.create_experiment(unique)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.delete_experiment(made)
    with pytest.raises(RestException, match=taken):
        client.create_experiment(unique)


def test_delete_and_restore_take_the_runs_along(client, experiment):
    kept = client.create_run(experiment).info.run_id
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(kept).info.lifecycle_stage == "deleted"
    client.restore_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "active"
    assert client.get_run(kept).info.lifecycle_stage == "active"


def test_what_was_deleted_before_its_experiment_comes_back_with_it(client, experiment):
    runs = [client.create_run(experiment).info.run_id for _ in range(3)]
    client.delete_run(runs[0])
    client.delete_experiment(experiment)
    client.delete_run(runs[1])
    client.restore_experiment(experiment)
    assert {client.get_run(run).info.lifecycle_stage for run in runs} == {"active"}
    assert {run.info.run_id for run in client.search_runs([experiment])} == set(runs)


def test_delete_and_restore_change_the_time_of_the_last_update(client, experiment):
    first = client.get_experiment(experiment).last_update_time
    time.sleep(0.01)
    client.delete_experiment(experiment)
    second = client.get_experiment(experiment).last_update_time
    time.sleep(0.01)
    client.restore_experiment(experiment)
    assert first < second < client.get_experiment(experiment).last_update_time


@pytest.mark.parametrize("again", ["delete_experiment", "restore_experiment"])
def test_what_is_done_already_is_not_found(client, experiment, again):
    client.delete_experiment(experiment)
    if again == "restore_experiment":
        client.restore_experiment(experiment)
    with pytest.raises(RestException, match=f"No Experiment with id={experiment} exists") as refused:
        getattr(client, again)(experiment)
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_rename(client, experiment, unique):
    before = client.get_experiment(experiment)
    time.sleep(0.01)
    client.rename_experiment(experiment, unique + "-new")
    renamed = client.get_experiment(experiment)
    assert renamed.name == unique + "-new"
    assert renamed.creation_time == before.creation_time
    assert renamed.last_update_time > before.last_update_time
    assert client.get_experiment_by_name(unique) is None
    client.create_experiment(unique)


def test_rename_to_a_name_that_is_taken(client, experiment, unique):
    client.create_experiment(unique + "-other")
    # MLflow answers BAD_REQUEST with the database's words. A client relies on the refusal and on the name that stays.
    with pytest.raises(RestException):
        client.rename_experiment(experiment, unique + "-other")
    assert client.get_experiment(experiment).name == unique


def test_a_deleted_experiment_is_not_changed(client, experiment, unique):
    client.delete_experiment(experiment)
    state = f"The experiment {experiment} must be in the 'active' state. Current state is deleted."
    with pytest.raises(RestException, match=state):
        client.set_experiment_tag(experiment, "a", "b")
    with pytest.raises(RestException, match=state):
        client.create_run(experiment)
    with pytest.raises(RestException, match=state):
        client.create_logged_model(experiment)
    # MLflow says 500 here, which a client takes for a reason to try again; so only the refusal counts.
    with pytest.raises(MlflowException):
        client.rename_experiment(experiment, unique + "-new")
    assert client.get_experiment(experiment).name == unique


def test_tags_are_set_overwritten_and_deleted(client, experiment):
    client.set_experiment_tag(experiment, "a", "1")
    client.set_experiment_tag(experiment, "a", "2")
    client.set_experiment_tag(experiment, "empty", "")
    client.set_experiment_tag(experiment, "long", "v" * 5000)
    assert client.get_experiment(experiment).tags == {"a": "2", "empty": "", "long": "v" * 5000}
    client.delete_experiment_tag(experiment, "a")
    assert client.get_experiment(experiment).tags == {"empty": "", "long": "v" * 5000}
    with pytest.raises(RestException, match=f"No tag with name: a in experiment with id {experiment}") as refused:
        client.delete_experiment_tag(experiment, "a")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_search_sees_what_is_asked_for(client, unique):
    ids = {name: client.create_experiment(f"{unique}-{name}") for name in ("a", "b", "c")}
    client.delete_experiment(ids["b"])
    mine = f"name LIKE '{unique}%'"
    assert names(client.search_experiments(filter_string=mine)) == [f"{unique}-c", f"{unique}-a"]
    assert names(client.search_experiments(ViewType.DELETED_ONLY, filter_string=mine)) == [f"{unique}-b"]
    assert len(client.search_experiments(ViewType.ALL, filter_string=mine)) == 3


@pytest.fixture(scope="module")
def zoo(server):
    """Experiments to look for: their names end in Abc, ab, a and cd, made in this order."""
    client = mlflow.MlflowClient(server.url)
    prefix = f"zoo-{time.time_ns()}-"
    animals = {"Abc": {"kind": "x"}, "ab": {"kind": "y", "odd key": "1"}, "a": {"kind": "X"}, "cd": {}}
    for name, tags in animals.items():
        client.create_experiment(prefix + name, tags={**tags, "zoo": prefix})
        time.sleep(0.003)
    client.prefix = prefix
    return client


def find(zoo, condition, **more):
    condition = f"tags.zoo = '{zoo.prefix}'" + (f" AND {condition}" if condition else "")
    return [name.removeprefix(zoo.prefix) for name in names(zoo.search_experiments(filter_string=condition, **more))]


@pytest.mark.parametrize("condition, expected", [
    ("", ["cd", "a", "ab", "Abc"]),
    ("name = '{p}ab'", ["ab"]),
    ("name = '{p}abc'", []),
    ("name != '{p}ab'", ["cd", "a", "Abc"]),
    ("attribute.name LIKE '{p}a%'", ["a", "ab"]),
    ("name LIKE '{p}A%'", ["Abc"]),
    ("name ILIKE '{p}a%'", ["a", "ab", "Abc"]),
    ("name LIKE '{p}__'", ["cd", "ab"]),
    ("tags.kind = 'x'", ["Abc"]),
    ("tag.kind ILIKE 'x'", ["a", "Abc"]),
    ("tags.kind != 'x'", ["a", "ab"]),
    ("tags.`odd key` = '1'", ["ab"]),
    ("tags.\"odd key\" = '1'", ["ab"]),
    ("creation_time > 0", ["cd", "a", "ab", "Abc"]),
    ("creation_time <= 1000", []),
    ("last_update_time >= 1000 and name LIKE '{p}a'", ["a"]),
])
def test_search_filters(zoo, condition, expected):
    assert find(zoo, condition.format(p=zoo.prefix)) == expected


@pytest.mark.parametrize("order, expected", [
    (["name"], ["Abc", "a", "ab", "cd"]),
    (["name DESC"], ["cd", "ab", "a", "Abc"]),
    (["attribute.name asc"], ["Abc", "a", "ab", "cd"]),
    (["creation_time"], ["Abc", "ab", "a", "cd"]),
    (["creation_time DESC"], ["cd", "a", "ab", "Abc"]),
    (["last_update_time ASC"], ["Abc", "ab", "a", "cd"]),
    (["experiment_id ASC"], ["Abc", "ab", "a", "cd"]),
    (["experiment_id DESC"], ["cd", "a", "ab", "Abc"]),
])
def test_search_order(zoo, order, expected):
    assert find(zoo, "", order_by=order) == expected


def test_search_pages(zoo):
    mine = f"tags.zoo = '{zoo.prefix}'"
    first = zoo.search_experiments(filter_string=mine, max_results=3, order_by=["name"])
    assert names(first) == [zoo.prefix + name for name in ("Abc", "a", "ab")] and first.token
    second = zoo.search_experiments(filter_string=mine, max_results=3, order_by=["name"], page_token=first.token)
    assert names(second) == [zoo.prefix + "cd"] and not second.token
    exact = zoo.search_experiments(filter_string=mine, max_results=4)
    assert len(exact) == 4 and not exact.token


@pytest.mark.parametrize("condition, message", [
    ("foo = 'x'", "Invalid attribute key 'foo' specified"),
    ("params.x = 'x'", "Invalid entity type 'params'"),
    ("name > 'x'", "Invalid comparator '>' not one of"),
    ("creation_time > 'x'", "Expected numeric value type for numeric attribute: creation_time. Found 'x'"),
])
def test_search_refuses(client, condition, message):
    with pytest.raises(RestException, match=message) as refused:
        client.search_experiments(filter_string=condition)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("order, message", [
    ("foo", "Invalid attribute key 'foo' specified"),
    ("name FOO", "Invalid ordering key in order_by clause 'name FOO'"),
])
def test_search_refuses_an_order(client, order, message):
    with pytest.raises(RestException, match=message):
        client.search_experiments(order_by=[order])


@pytest.mark.parametrize("count, message", [
    (0, "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"),
    (50001, "Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000"),
])
def test_search_refuses_a_page_of(client, count, message):
    with pytest.raises(MlflowException, match=message):
        client.search_experiments(max_results=count)


def test_set_experiment_makes_it_once(client, unique):
    first = mlflow.set_experiment(unique)
    assert mlflow.set_experiment(unique).experiment_id == first.experiment_id
    assert mlflow.set_experiment(experiment_id=first.experiment_id).name == unique
    assert mlflow.get_experiment_by_name(unique).experiment_id == first.experiment_id
    with mlflow.start_run() as run:
        assert run.info.experiment_id == first.experiment_id


def test_set_experiment_refuses_a_deleted_one(client, experiment, unique):
    client.delete_experiment(experiment)
    with pytest.raises(MlflowException, match="Cannot set a deleted experiment"):
        mlflow.set_experiment(unique)


def test_fluent_tags(client, unique):
    mlflow.set_experiment(unique)
    mlflow.set_experiment_tags({"a": "1", "b": 2})
    mlflow.set_experiment_tag("c", "3")
    mlflow.delete_experiment_tag("a")
    assert client.get_experiment_by_name(unique).tags == {"b": "2", "c": "3"}


def test_fluent_create_search_delete(client, unique):
    made = mlflow.create_experiment(unique, tags={"x": "y"})
    assert names(mlflow.search_experiments(filter_string=f"name = '{unique}'")) == [unique]
    mlflow.delete_experiment(made)
    assert mlflow.get_experiment(made).lifecycle_stage == "deleted"
    mlflow.restore_experiment(made)
    assert mlflow.get_experiment(made).lifecycle_stage == "active"


def test_a_place_at_another_server_s_files_is_refused(wire, unique):
    body = {"name": unique, "artifact_location": "mlflow-artifacts://elsewhere.example/x"}
    assert wire.refused("POST", "/experiments/create", body).startswith(
        "'artifact_location' cannot use the 'mlflow-artifacts' scheme")
