# SPDX-License-Identifier: Apache-2.0
"""Aliases and stages: names that point at a version."""
import re

import pytest
from mlflow.exceptions import MlflowException, RestException


@pytest.fixture
def name(client, unique):
    """A registered model of three versions."""
    client.create_registered_model(unique)
    for number in range(3):
        client.create_model_version(unique, f"s3://bucket/{number}")
    return unique


def test_an_alias_points_at_one_version(client, name):
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "challenger", "2")
    assert client.get_model_version_by_alias(name, "champion").version == "1"
    assert client.get_registered_model(name).aliases == {"champion": "1", "challenger": "2"}
    assert client.get_model_version(name, "1").aliases == ["champion"]


def test_an_alias_moves(client, name):
    for version in ("1", "3"):
        client.set_registered_model_alias(name, "champion", version)
    assert client.get_model_version_by_alias(name, "champion").version == "3"
    assert client.get_model_version(name, "1").aliases == []
    assert client.get_registered_model(name).aliases == {"champion": "3"}


def test_a_version_has_several_aliases(client, name):
    for alias in ("b", "a", "with-dash_and_9"):
        client.set_registered_model_alias(name, alias, "2")
    assert sorted(client.get_model_version(name, "2").aliases) == ["a", "b", "with-dash_and_9"]


def test_an_alias_is_deleted(client, name):
    client.set_registered_model_alias(name, "champion", "1")
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model_alias(name, "champion")  # What is gone is no error.
    with pytest.raises(RestException, match="Registered model alias champion not found.") as refused:
        client.get_model_version_by_alias(name, "champion")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    assert client.get_model_version(name, "1").aliases == []


@pytest.mark.parametrize("alias, message", [
    ("latest", "'latest' alias name (case insensitive) is reserved."),
    ("LATEST", "'latest' alias name (case insensitive) is reserved."),
    ("v1", "Version alias name 'v1' is reserved."), ("V12", "Version alias name 'V12' is reserved."),
    ("a b", "Names may only contain alphanumerics, underscores (_), and dashes (-)."),
    ("a/b", "Names may only contain alphanumerics, underscores (_), and dashes (-)."),
    ("a" * 256, "exceeds the maximum length of 255 characters"),
])
def test_aliases_that_are_refused(client, wire, name, alias, message):
    with pytest.raises(MlflowException, match=re.escape(message)):
        client.set_registered_model_alias(name, alias, "1")
    body = {"name": name, "alias": alias, "version": "1"}
    assert message in wire.refused("POST", "/registered-models/alias", body)
    assert client.get_registered_model(name).aliases == {}


@pytest.mark.parametrize("alias", ["größe", "名前", "é", "\U0001d51e", "٣", "vorn-ü_1"])
def test_an_alias_has_letters_of_any_script(client, name, alias):
    client.set_registered_model_alias(name, alias, "2")
    assert client.get_model_version_by_alias(name, alias).version == "2"
    client.delete_registered_model_alias(name, alias)
    assert client.get_registered_model(name).aliases == {}


@pytest.mark.parametrize("alias", ["\uff20", "e\u0301", "\U0001f642", "a\u2044b", "a@b", "a\u00a0b"])
def test_what_is_no_letter_is_in_no_alias(client, wire, name, alias):
    body = {"name": name, "alias": alias, "version": "1"}
    assert "Names may only contain alphanumerics" in wire.refused("POST", "/registered-models/alias", body)
    assert client.get_registered_model(name).aliases == {}


def test_an_alias_of_no_version_stays_where_it_is(client, wire, name):
    client.set_registered_model_alias(name, "champion", "1")
    for version in ("0", "-1", "9"):
        body = {"name": name, "alias": "champion", "version": version}
        message = wire.refused("POST", "/registered-models/alias", body, status=404, code="RESOURCE_DOES_NOT_EXIST")
        assert message == f"Model Version (name={name}, version={version}) not found"
    assert client.get_registered_model(name).aliases == {"champion": "1"}


@pytest.mark.filterwarnings("ignore::FutureWarning")
class TestStages:
    def test_a_stage_is_named_in_any_case(self, client, name):
        assert client.transition_model_version_stage(name, "1", "production").current_stage == "Production"
        assert client.get_model_version(name, "1").current_stage == "Production"
        assert client.transition_model_version_stage(name, "1", "None").current_stage == "None"
        with pytest.raises(RestException, match="Invalid Model Version stage: bogus. Value must be one of None, St"):
            client.transition_model_version_stage(name, "1", "bogus")

    def test_one_takes_the_place_of_others(self, client, name):
        client.transition_model_version_stage(name, "1", "Staging")
        client.transition_model_version_stage(name, "2", "Staging")
        client.transition_model_version_stage(name, "3", "Staging", archive_existing_versions=True)
        assert [client.get_model_version(name, version).current_stage for version in "123"] == [
            "Archived", "Archived", "Staging"]

    def test_latest_versions(self, client, name):
        client.transition_model_version_stage(name, "1", "Production")
        client.transition_model_version_stage(name, "2", "Production")
        found = {version.current_stage: version.version for version in client.get_latest_versions(name)}
        assert found == {"Production": "2", "None": "3"}
        assert [version.version for version in client.get_latest_versions(name, ["Production"])] == ["2"]
        assert client.get_latest_versions(name, ["Staging"]) == []
        model = client.get_registered_model(name)
        assert {version.current_stage: version.version for version in model.latest_versions} == found
        with pytest.raises(RestException, match="Invalid Model Version stage"):
            client.get_latest_versions(name, ["bogus"])
