# SPDX-License-Identifier: Apache-2.0
"""Searching registered models and versions: filters, order, pages."""
import time

import mlflow
import pytest
from mlflow.exceptions import MlflowException, RestException


@pytest.fixture(scope="module")
def wall(server):
    """Registered models Abc, ab, a and cd; `ab` has three versions."""
    client = mlflow.MlflowClient(server.url)
    client.prefix = f"wall-{time.time_ns()}-"
    client.run = client.create_run("0").info.run_id
    for name, tags in (("Abc", {"kind": "x"}), ("ab", {"kind": "y", "odd key": "1"}), ("a", {"kind": "X"}), ("cd", {})):
        client.create_registered_model(client.prefix + name, tags=tags)
        time.sleep(0.003)
    for number, tags in enumerate(({"kind": "x"}, {"kind": "y"}, {})):
        client.create_model_version(client.prefix + "ab", f"s3://bucket/{number}", tags=tags,
                                    run_id=client.run if number == 1 else None)
        time.sleep(0.003)
    client.create_model_version(client.prefix + "cd", "s3://other/0")
    return client


def models(wall, condition, **more):
    condition = f"name ILIKE '{wall.prefix}%'" + (f" AND {condition}" if condition else "")
    found = wall.search_registered_models(condition, **more)
    return [model.name.removeprefix(wall.prefix) for model in found]


def versions(wall, condition, **more):
    condition = f"name LIKE '{wall.prefix}%'" + (f" AND {condition}" if condition else "")
    return [f"{version.name.removeprefix(wall.prefix)}{version.version}"
            for version in wall.search_model_versions(condition, **more)]


@pytest.mark.parametrize("condition, expected", [
    ("", ["Abc", "a", "ab", "cd"]),
    ("name = '{p}ab'", ["ab"]),
    ("name != '{p}ab'", ["Abc", "a", "cd"]),
    ("name LIKE '{p}a%'", ["a", "ab"]),
    ("name ILIKE '{p}A%'", ["Abc", "a", "ab"]),
    ("tags.kind = 'x'", ["Abc"]),
    ("tag.kind ILIKE 'x'", ["Abc", "a"]),
    ("tags.kind != 'x'", ["a", "ab"]),
    ("tags.`odd key` = '1' AND tags.kind = 'y'", ["ab"]),
    ("tags.kind LIKE '%' AND tags.kind != 'y'", ["Abc", "a"]),
])
def test_models_by(wall, condition, expected):
    assert models(wall, condition.format(p=wall.prefix)) == expected


@pytest.mark.parametrize("order, expected", [
    (["name DESC"], ["cd", "ab", "a", "Abc"]),
    (["name"], ["Abc", "a", "ab", "cd"]),
    (["last_updated_timestamp"], ["Abc", "a", "ab", "cd"]),
    (["last_updated_timestamp DESC", "name ASC"], ["cd", "ab", "a", "Abc"]),
    (["timestamp ASC"], ["Abc", "a", "ab", "cd"]),
])
def test_models_in_order_of(wall, order, expected):
    assert models(wall, "", order_by=order) == expected


def test_models_by_the_page(wall):
    first = wall.search_registered_models(f"name ILIKE '{wall.prefix}%'", max_results=3)
    assert len(first) == 3 and first.token
    second = wall.search_registered_models(f"name ILIKE '{wall.prefix}%'", max_results=3, page_token=first.token)
    assert [model.name.removeprefix(wall.prefix) for model in second] == ["cd"] and not second.token
    exact = wall.search_registered_models(f"name ILIKE '{wall.prefix}%'", max_results=4)
    assert len(exact) == 4 and not exact.token


def test_a_found_model_is_whole(wall):
    wall.set_registered_model_alias(wall.prefix + "ab", "champion", "2")
    found, = wall.search_registered_models(f"name = '{wall.prefix}ab'")
    model = wall.get_registered_model(wall.prefix + "ab")
    assert (found.tags, found.aliases, found.description) == (model.tags, model.aliases, model.description)
    assert found.tags == {"kind": "y", "odd key": "1"} and found.aliases == {"champion": "2"}
    assert [version.version for version in found.latest_versions] == ["3"]


@pytest.mark.parametrize("condition, expected", [
    ("", ["cd1", "ab3", "ab2", "ab1"]),
    ("name = '{p}ab'", ["ab3", "ab2", "ab1"]),
    ("version_number = 2", ["ab2"]),
    ("version_number > 1", ["ab3", "ab2"]),
    ("version_number != 1", ["ab3", "ab2"]),
    ("run_id = '{r}'", ["ab2"]),
    ("run_id IN ('{r}', 'other')", ["ab2"]),
    ("source_path = 's3://bucket/0'", ["ab1"]),
    ("source_path LIKE 's3://bucket/%'", ["ab3", "ab2", "ab1"]),
    ("source_path ILIKE 'S3://OTHER/%'", ["cd1"]),
    ("tags.kind = 'x'", ["ab1"]),
    ("tag.kind != 'x'", ["ab2"]),
    ("tags.kind LIKE '%' AND name = '{p}ab'", ["ab2", "ab1"]),
])
def test_versions_by(wall, condition, expected):
    assert versions(wall, condition.format(p=wall.prefix, r=wall.run)) == expected


@pytest.mark.parametrize("order, expected", [
    (["version_number DESC"], ["ab3", "ab2", "ab1", "cd1"]),
    (["name DESC", "version_number ASC"], ["cd1", "ab1", "ab2", "ab3"]),
    (["creation_timestamp ASC"], ["ab1", "ab2", "ab3", "cd1"]),
    (["last_updated_timestamp DESC"], ["cd1", "ab3", "ab2", "ab1"]),
])
def test_versions_in_order_of(wall, order, expected):
    assert versions(wall, "", order_by=order) == expected


def test_versions_by_the_page(wall):
    condition = f"name LIKE '{wall.prefix}%'"
    first = wall.search_model_versions(condition, max_results=3)
    assert [version.version for version in first] == ["1", "3", "2"] and first.token
    second = wall.search_model_versions(condition, max_results=3, page_token=first.token)
    assert [version.version for version in second] == ["1"] and not second.token


@pytest.mark.parametrize("search", ["search_registered_models", "search_model_versions"])
@pytest.mark.parametrize("condition, message", [
    ("foo = 'x'", "Invalid attribute key"), ("name > 'x'", "Invalid comparator"),
    ("metrics.a = 1", "Invalid"), ("name = x", "not quoted|Expected a quoted string value"),
])
def test_filters_that_are_refused(client, search, condition, message):
    with pytest.raises(RestException, match=message) as refused:
        getattr(client, search)(condition)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_pages_that_are_refused(client):
    with pytest.raises(MlflowException, match="Invalid value .*1001.* for parameter 'max_results'"):
        client.search_registered_models(max_results=1001)
    with pytest.raises(MlflowException, match="Invalid value"):
        client.search_model_versions(max_results=200001)


def test_fluent_search(wall, url):
    found = mlflow.search_registered_models(filter_string=f"name = '{wall.prefix}ab'")
    assert [model.name for model in found] == [wall.prefix + "ab"]
    found = mlflow.search_model_versions(filter_string=f"name = '{wall.prefix}ab'", max_results=2)
    assert [version.version for version in found] == ["3", "2"]
