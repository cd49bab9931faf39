# SPDX-License-Identifier: Apache-2.0
"""Prompts: registered models under another name, as the client makes them."""
import json

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from pydantic import BaseModel


@pytest.fixture
def name(url, unique):
    return unique.replace("[", "-").replace("]", "")


def test_a_prompt_is_registered_and_loaded(name):
    made = mlflow.genai.register_prompt(name, "Hello {{ name }}, ü ✓", commit_message="first", tags={"team": "wine"})
    assert made.version == 1
    found = mlflow.genai.load_prompt(f"prompts:/{name}/1")
    assert found.name == name and found.template == "Hello {{ name }}, ü ✓" and found.variables == {"name"}
    assert found.commit_message == "first" and found.tags == {"team": "wine"}
    assert found.format(name="Ada") == "Hello Ada, ü ✓"
    assert mlflow.genai.load_prompt(name, version=1).template == found.template


def test_versions_are_kept(name):
    for number in (1, 2, 3):
        assert mlflow.genai.register_prompt(name, f"version {number}").version == number
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "version 1"
    assert mlflow.genai.load_prompt(f"prompts:/{name}@latest").template == "version 3"


def test_a_chat_prompt(name):
    messages = [{"role": "system", "content": "You are {{ style }}."}, {"role": "user", "content": "{{ question }}"}]
    mlflow.genai.register_prompt(name, messages)
    found = mlflow.genai.load_prompt(f"prompts:/{name}/1")
    assert found.template == messages and found.variables == {"style", "question"}


def test_the_form_of_an_answer_and_the_model(name):
    class Answer(BaseModel):
        text: str

    model = {"model_name": "m", "temperature": 0.5}
    mlflow.genai.register_prompt(name, "x", response_format=Answer, model_config=model)
    found = mlflow.genai.load_prompt(f"prompts:/{name}/1")
    assert found.response_format == Answer.model_json_schema()
    assert found.model_config["temperature"] == 0.5


def test_a_long_prompt(name):
    text = "a{{ x }}" + "ü" * 90000
    mlflow.genai.register_prompt(name, text)
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == text


def test_aliases(client, name):
    for number in (1, 2):
        mlflow.genai.register_prompt(name, f"version {number}")
    mlflow.genai.set_prompt_alias(name, "production", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@production").template == "version 1"
    mlflow.genai.set_prompt_alias(name, "production", 2)
    assert client.get_prompt_version_by_alias(name, "production").version == 2
    mlflow.genai.delete_prompt_alias(name, "production")
    assert mlflow.genai.load_prompt(f"prompts:/{name}@production", allow_missing=True) is None


def test_tags(client, name):
    mlflow.genai.register_prompt(name, "x")
    mlflow.genai.set_prompt_tag(name, "a", "1")
    mlflow.genai.set_prompt_version_tag(name, 1, "b", "2")
    assert mlflow.genai.get_prompt_tags(name)["a"] == "1"
    assert client.get_prompt_version(name, "1").tags == {"b": "2"}
    mlflow.genai.delete_prompt_tag(name, "a")
    mlflow.genai.delete_prompt_version_tag(name, 1, "b")
    assert "a" not in client.get_prompt(name).tags and client.get_prompt_version(name, "1").tags == {}


def test_a_prompt_that_is_not_there(name):
    with pytest.raises(MlflowException, match="not found"):
        mlflow.genai.load_prompt(f"prompts:/{name}/1")
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1", allow_missing=True) is None
    mlflow.genai.register_prompt(name, "x")
    assert mlflow.genai.load_prompt(f"prompts:/{name}/7", allow_missing=True) is None


def test_search(client, name):
    for suffix, tags in (("-a", {"kind": "x"}), ("-b", {"kind": "y"})):
        mlflow.genai.register_prompt(name + suffix, "x")
        for key, value in tags.items():
            mlflow.genai.set_prompt_tag(name + suffix, key, value)
    assert sorted(prompt.name for prompt in mlflow.genai.search_prompts(f"name LIKE '{name}%'")) == [
        name + "-a", name + "-b"]
    found = client.search_prompts(f"name LIKE '{name}%' AND tags.kind = 'y'")
    assert [prompt.name for prompt in found] == [name + "-b"]
    page = client.search_prompts(f"name LIKE '{name}%'", max_results=1)
    assert len(page) == 1 and page.token
    rest = client.search_prompts(f"name LIKE '{name}%'", max_results=1, page_token=page.token)
    assert {page[0].name, rest[0].name} == {name + "-a", name + "-b"}


def test_versions_are_searched(client, name):
    for number in (1, 2):
        mlflow.genai.register_prompt(name, f"version {number}")
    found = client.search_prompt_versions(name)
    assert [(version.version, version.template) for version in found] == [(2, "version 2"), (1, "version 1")]


def test_prompts_and_models_do_not_see_each_other(client, name):
    mlflow.genai.register_prompt(name + "-prompt", "x")
    client.create_registered_model(name + "-model")
    client.create_model_version(name + "-model", "s3://bucket/x")
    assert [model.name for model in client.search_registered_models(f"name LIKE '{name}%'")] == [name + "-model"]
    assert [version.name for version in client.search_model_versions(f"name LIKE '{name}%'")] == [name + "-model"]
    assert [prompt.name for prompt in client.search_prompts(f"name LIKE '{name}%'")] == [name + "-prompt"]


def test_a_name_is_a_prompt_or_a_model(client, name):
    mlflow.genai.register_prompt(name + "-prompt", "x")
    client.create_registered_model(name + "-model")
    with pytest.raises(MlflowException, match="already"):
        client.create_registered_model(name + "-prompt")
    with pytest.raises(MlflowException):
        mlflow.genai.register_prompt(name + "-model", "x")
    with pytest.raises(MlflowException):
        client.create_model_version(name + "-prompt", "s3://bucket/x", tags={"mlflow.prompt.is_prompt": "true"})


def test_deletion(client, name):
    mlflow.genai.register_prompt(name, "x")
    client.delete_prompt_version(name, "1")
    with pytest.raises(MlflowException, match="not found"):
        mlflow.genai.load_prompt(f"prompts:/{name}/1")
    client.delete_prompt(name)
    assert client.search_prompts(f"name = '{name}'") == []
    assert mlflow.genai.register_prompt(name, "again").version == 1


def test_a_prompt_that_is_loaded_in_a_run_is_tied_to_it(client, name):
    mlflow.genai.register_prompt(name, "x")
    mlflow.set_experiment(name)
    with mlflow.start_run() as run:
        mlflow.genai.load_prompt(f"prompts:/{name}/1")
    linked = json.loads(client.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"])
    assert linked == [{"name": name, "version": "1"}]
