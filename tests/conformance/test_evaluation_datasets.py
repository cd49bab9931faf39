# SPDX-License-Identifier: Apache-2.0
"""Evaluation datasets, as `mlflow.genai.datasets` and the client keep them on a server."""
import json
import re

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.genai import datasets
from wire import API3, missing, wrong_type


@pytest.fixture
def dataset(url, unique, experiment):
    return datasets.create_dataset(name=unique, experiment_id=experiment, tags={"team": "q", "mlflow.user": "ada"})


@pytest.fixture
def at(wire, dataset):
    """Plain requests about it."""
    class At:
        dataset_id = dataset.dataset_id

        def send(self, method, path="", body=None, **more):
            return wire.call(method, f"/datasets/{self.dataset_id}{path}", body, prefix=API3, **more)

        def refused(self, method, path="", body=None, dataset_id=None, **more):
            return wire.refused(method, f"/datasets/{dataset_id or self.dataset_id}{path}", body, prefix=API3, **more)

        def put(self, records, **more):
            text = records if isinstance(records, str) else json.dumps(records)
            return self.send("POST", "/records", {"records": text}, **more)

        def records(self, **params):
            return json.loads(self.send("GET", "/records", params=params)["records"])
    return At()


def test_a_dataset_is_made_and_read(dataset, client, unique, experiment):
    assert re.fullmatch(r"d-[0-9a-f]{32}", dataset.dataset_id) and re.fullmatch(r"[0-9a-f]{8}", dataset.digest)
    for found in (datasets.get_dataset(dataset_id=dataset.dataset_id), datasets.get_dataset(name=unique),
                  client.get_dataset(dataset.dataset_id)):
        assert found.name == unique and found.digest == dataset.digest
        assert found.tags == {"team": "q", "mlflow.user": "ada"} and found.experiment_ids == [experiment]
        assert found.created_by == found.last_updated_by == "ada"
        assert found.schema is None and found.profile is None
        assert found.created_time == found.last_update_time > 1_600_000_000_000
    assert dataset.to_df().empty


def test_what_is_not_there(client, unique):
    with pytest.raises(MlflowException, match="Evaluation dataset with id 'd-none' not found") as refused:
        client.get_dataset("d-none")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException, match=f"Dataset with name '{unique}' not found"):
        datasets.get_dataset(name=unique)
    client.delete_dataset("d-none")
    client.delete_dataset_tag("d-none", "k")
    with pytest.raises(MlflowException, match="Could not find evaluation dataset with ID d-none"):
        client.set_dataset_tags("d-none", {"k": "v"})
    for change in (client.add_dataset_to_experiments, client.remove_dataset_from_experiments):
        with pytest.raises(MlflowException, match="Dataset 'd-none' not found"):
            change("d-none", ["0"])


def test_a_deleted_dataset_is_gone(dataset, client):
    dataset.merge_records([{"inputs": {"q": 1}}])
    datasets.delete_dataset(dataset_id=dataset.dataset_id)
    with pytest.raises(MlflowException, match="not found"):
        client.get_dataset(dataset.dataset_id)
    with pytest.raises(MlflowException, match="Dataset not found"):
        dataset.merge_records([{"inputs": {"q": 1}}])


class TestRecords:
    def test_they_are_merged_and_come_back_as_they_were(self, dataset, client):
        records = [
            {"inputs": {"question": "grün ☃ 😀", "n": 1, "f": 1.5, "deep": {"list": [1, None, True, {"x": "\"\\\n\0"}]}},
             "expectations": {"answer": "ja", "score": 0.1}, "tags": {"kind": "a"}},
            {"inputs": {"question": "two"}, "outputs": "a text"},
            {"inputs": {"question": "three"}, "outputs": [1, {"answer": 2}]},
            {"inputs": {"question": "four"}, "outputs": None},
            {"inputs": {"question": "five", "big": 2 ** 62, "small": 1e-300}},
        ]
        digest, updated = dataset.digest, dataset.last_update_time  # newer clients put the new ones into it
        dataset.merge_records(json.loads(json.dumps(records)))
        found = datasets.get_dataset(dataset_id=dataset.dataset_id)
        rows = {row["inputs"]["question"]: row for row in found.to_df().to_dict("records")}
        assert {question: row["inputs"] for question, row in rows.items()} == {
            record["inputs"]["question"]: record["inputs"] for record in records}
        assert rows["grün ☃ 😀"]["expectations"] == {"answer": "ja", "score": 0.1}
        assert rows["grün ☃ 😀"]["tags"]["kind"] == "a" and rows["grün ☃ 😀"]["source_type"] == "HUMAN"
        assert rows["two"]["outputs"] == "a text" and rows["two"]["source_type"] == "CODE"
        assert rows["three"]["outputs"] == [1, {"answer": 2}]
        assert rows["four"]["outputs"] is None and rows["five"]["outputs"] == {}
        assert all(re.fullmatch(r"dr-[0-9a-f]{32}", row["dataset_record_id"]) for row in rows.values())
        assert json.loads(found.profile) == {"num_records": 5}
        schema = json.loads(found.schema)
        assert schema["inputs"] == {"question": "string", "n": "integer", "f": "float", "deep": "object",
                                    "big": "integer", "small": "float"}
        assert schema["expectations"] == {"answer": "string", "score": "float"} and schema["version"] == "1.0"
        assert found.digest != digest and found.last_update_time >= updated
        assert found.last_updated_by == client.get_dataset(found.dataset_id).last_updated_by != "ada"

    @pytest.mark.flaw("MLflow answers 500")
    def test_outputs_are_a_text_here_and_a_map_there(self, at):
        at.put([{"inputs": {"n": 1}, "outputs": "x"}, {"inputs": {"n": 2}, "outputs": {"answer": [1, 2]}}])
        assert [record["outputs"] for record in at.records()] == ["x", {"answer": [1, 2]}]

    def test_the_same_inputs_are_one_record(self, at):
        first = [{"inputs": {"a": 1, "b": {"y": 1, "x": 2}}, "expectations": {"e": 1}, "outputs": 1, "tags": {"t": "1"},
                  "source": {"source_type": "document", "source_data": {"source_id": "doc-1"}}}]
        again = [{"inputs": {"b": {"x": 2, "y": 1}, "a": 1}, "expectations": {"f": [2]},
                  "tags": {"mlflow.user": "bob"}, "source": {"source_type": "CODE"}}]
        assert at.put(first) == {"inserted_count": 1, "updated_count": 0}
        assert at.put(again) == {"inserted_count": 0, "updated_count": 1}
        assert at.put([{"inputs": {"a": 1.0, "b": {"y": 1, "x": 2}}}, {"inputs": {"a": "1"}}, {"inputs": {"a": "1"}},
                       {"inputs": {"a": True}}, {}]) == {"inserted_count": 4, "updated_count": 1}
        record, = [found for found in at.records() if "b" in found["inputs"] and type(found["inputs"]["a"]) is int]
        assert record["expectations"] == {"e": 1, "f": [2]} and record["outputs"] == 1
        assert record["tags"] == {"t": "1", "mlflow.user": "bob"} and record["last_updated_by"] == "bob"
        assert record["source_type"] == "DOCUMENT" and record["source_id"] == "doc-1"
        assert "created_by" not in record

    def test_outputs_and_expectations_replace_what_was(self, at):
        at.put([{"inputs": {"q": 1}, "outputs": {"a": 1}, "expectations": {"x": {"old": 1}, "y": 1}}])
        at.put([{"inputs": {"q": 1}, "outputs": None, "expectations": {"x": {"new": 1}}}])
        record, = at.records()
        assert "outputs" not in record and record["expectations"] == {"x": {"new": 1}, "y": 1}
        at.put([{"inputs": {"q": 1}, "expectations": {}, "tags": None}])
        assert at.records()[0]["expectations"] == {"x": {"new": 1}, "y": 1}

    def test_pages(self, dataset, at, client):
        dataset.merge_records([{"inputs": {"n": n}} for n in range(2500)])
        assert len(at.records()) == 1000 and len(at.records(max_results=0)) == 1000
        seen, token, sizes = [], None, []
        while True:
            page = at.send("GET", "/records", params={"max_results": 700, **({"page_token": token} if token else {})})
            found = json.loads(page["records"])
            seen += [record["inputs"]["n"] for record in found]
            sizes.append(len(found))
            token = page.get("next_page_token")
            if not token:
                break
        assert sorted(seen) == list(range(2500)) and sizes == [700, 700, 700, 400]
        assert sorted(row["n"] for row in client.get_dataset(dataset.dataset_id).to_df()["inputs"]) == list(range(2500))

    def test_records_are_deleted(self, dataset, at):
        dataset.merge_records([{"inputs": {"n": n}} for n in range(5)])
        ids = dataset.to_df()["dataset_record_id"].tolist()
        before = at.send("GET")["dataset"]
        assert dataset.delete_records(ids[:2] + ["dr-none"]) == 2
        after = at.send("GET")["dataset"]
        assert json.loads(after["profile"]) == {"num_records": 3}
        assert (after["digest"], after["schema"]) == (before["digest"], before["schema"])
        assert set(dataset.to_df()["dataset_record_id"]) == set(ids[2:])
        assert dataset.delete_records(ids[:2]) == 0
        assert dataset.delete_records(ids) == 3 and dataset.to_df().empty
        assert at.send("GET")["dataset"]["profile"] == "null"

    def test_traces_become_records(self, dataset, experiment):
        mlflow.set_experiment(experiment_id=experiment)

        @mlflow.trace
        def answer(question):
            return question.upper()

        answer("why")
        traces = mlflow.search_traces(return_type="list", flush=True)
        dataset.merge_records(traces)
        row, = dataset.to_df().to_dict("records")
        assert row["inputs"] == {"question": "why"} and row["outputs"] == "WHY" and row["source_type"] == "TRACE"
        assert row["source_id"] == traces[0].info.trace_id

    def test_numbers_that_are_none(self, at):
        at.put('[{"inputs": {"a": NaN}, "outputs": [Infinity, -Infinity]}, {"inputs": {"a": NaN}}]')
        record, = at.records()
        assert record["inputs"]["a"] != record["inputs"]["a"] and record["outputs"] == [float("inf"), -float("inf")]

    def test_nothing_is_a_change(self, at, dataset):
        assert at.put("[]") == {"inserted_count": 0, "updated_count": 0}
        found = at.send("GET")["dataset"]
        assert found["digest"] != dataset.digest and "last_updated_by" not in found and "schema" not in found

    def test_a_source_that_is_none(self, at):
        message = at.refused("POST", "/records", {"records": json.dumps(
            [{"inputs": {"q": 1}}, {"inputs": {"q": 2}, "source": {"source_type": "rumour"}}])})
        assert ("Invalid dataset record source type: RUMOUR. Valid source types: "
                "['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE']") in message
        assert at.records() == []

    @pytest.mark.flaw("MLflow answers 500, or takes what is no record")
    @pytest.mark.parametrize("records", [
        "{}", "{", "5", '"x"', "null", "[5]", '[{"inputs": 5}]', '[{"inputs": null}]', '[{"inputs": [1]}]',
        '[{"inputs": {"a": 1}, "expectations": []}]', '[{"inputs": {"a": 1}, "tags": 5}]',
        '[{"inputs": {"a": 1}, "source": 5}]', '[{"inputs": {"a": 1}, "source": {"source_data": {}}}]',
        '[{"inputs": {"a": 1}}, {"inputs": {"a": 2}, "source": {"source_type": "CODE", "source_data": "s"}}]',
        "[" * 100 + "]" * 100, '[{"inputs": ' + '{"a": ' * 70 + "1" + "}" * 71 + "]", '[{"inputs": {"a": "\\ud800"}}]',
    ])
    def test_what_is_no_record_is_refused_whole(self, at, records):
        at.refused("POST", "/records", {"records": records})
        assert at.records() == [] and "profile" not in at.send("GET")["dataset"]


class TestTags:
    def test_they_are_set_merged_and_deleted(self, dataset, client):
        datasets.set_dataset_tags(dataset_id=dataset.dataset_id,
                                  tags={"team": "r", "über": "☃ 'x' \"y\"", "gone": None})
        datasets.set_dataset_tags(dataset_id=dataset.dataset_id, tags={"n": 1, "f": 0.5, "b": True, "l": [1, "y"]})
        datasets.delete_dataset_tag(dataset_id=dataset.dataset_id, key="mlflow.user")
        datasets.delete_dataset_tag(dataset_id=dataset.dataset_id, key="mlflow.user")
        found = client.get_dataset(dataset.dataset_id)
        assert found.tags == {"team": "r", "über": "☃ 'x' \"y\"", "n": "1", "f": "0.5", "b": "True", "l": "[1, 'y']"}
        assert found.last_update_time == dataset.last_update_time

    @pytest.mark.flaw("MLflow answers 500")
    @pytest.mark.parametrize("tags", ["[]", "{", "5", '"x"'])
    def test_what_are_no_tags(self, at, tags):
        at.refused("PATCH", "/tags", {"tags": tags})

    def test_what_is_missing_or_of_another_type(self, at, wire):
        assert at.refused("PATCH", "/tags", {}) == missing("tags")
        assert at.refused("PATCH", "/tags", {"tags": {"a": "b"}}) == wrong_type('{"a":"b"}', "tags", "dict")
        assert at.refused("POST", "/records", {"records": [1]}) == wrong_type("[1]", "records", "list")
        assert at.refused("POST", "/records", {}) == missing("records")
        assert wire.refused("POST", "/datasets/create", {"tags": "{}"}, prefix=API3) == missing("name")


class TestExperiments:
    def test_they_come_and_go(self, dataset, client, experiment, unique):
        other = client.create_experiment(unique + "-other")
        datasets.add_dataset_to_experiments(dataset_id=dataset.dataset_id, experiment_ids=[other, experiment])
        assert client.get_dataset(dataset.dataset_id).experiment_ids == [experiment, other]
        changed = client.get_dataset(dataset.dataset_id).last_update_time
        datasets.remove_dataset_from_experiments(dataset_id=dataset.dataset_id, experiment_ids=[experiment, "0"])
        found = client.get_dataset(dataset.dataset_id)
        assert found.experiment_ids == [other] and found.last_update_time >= changed >= dataset.created_time

    def test_one_that_is_not_there(self, dataset, client):
        with pytest.raises(MlflowException, match="No Experiment with id=123456789"):
            client.add_dataset_to_experiments(dataset.dataset_id, ["0", "123456789"])
        assert "0" not in client.get_dataset(dataset.dataset_id).experiment_ids

    def test_several_from_the_start(self, url, unique, client, experiment):
        made = datasets.create_dataset(name=unique, experiment_id=["0", experiment])
        assert made.experiment_ids == ["0", experiment]
        mlflow.set_experiment(experiment_id=experiment)
        assert datasets.create_dataset(name=unique).experiment_ids == [experiment]
        assert datasets.create_dataset(name=unique, experiment_id=[]).experiment_ids == []
        with pytest.raises(MlflowException, match="Multiple datasets found with name"):
            datasets.get_dataset(name=unique)


class TestSearch:
    @pytest.fixture
    def named(self, url, unique, experiment, client):
        """Four datasets; gives a search that tells the ends of their names."""
        for number, tags in enumerate([{"kind": "a"}, {"kind": "b", "mlflow.user": "ada"}, {"kind": "A b"}, {}]):
            datasets.create_dataset(name=f"{unique}.{number}", experiment_id=experiment if number else "0", tags=tags)

        def search(filter_string=None, **more):
            own = f"name LIKE '{unique}.%'" + (f" AND {filter_string}" if filter_string else "")
            return [found.name[-1] for found in datasets.search_datasets(filter_string=own, **more)]
        return search

    def test_filters(self, named, unique, experiment):
        assert sorted(named()) == ["0", "1", "2", "3"]
        assert named("tags.kind = 'a'") == ["0"]
        assert sorted(named("tags.kind != 'a'")) == ["1", "2"]
        assert sorted(named("tags.kind ILIKE 'a%'")) == ["0", "2"]
        assert named("tags.kind LIKE 'A%' AND tags.kind LIKE '%b'") == ["2"]
        assert named("created_by = 'ada'") == named("last_updated_by LIKE 'a%'") == ["1"]
        assert named(f"name IN ('{unique}.3', 'x')") == ["3"]
        assert sorted(named(f"name > '{unique}.1'")) == ["2", "3"]
        assert named("created_time < 5") == [] and len(named("last_update_time >= 5")) == 4
        assert sorted(named(experiment_ids=experiment)) == ["1", "2", "3"]
        assert named(experiment_ids=["0", "x"]) == ["0"] and named(experiment_ids="123456789") == []

    def test_orders_and_pages(self, named, client, unique):
        assert named(order_by=["name"]) == ["0", "1", "2", "3"]
        assert named(order_by=["name DESC"]) == ["3", "2", "1", "0"]
        assert named(order_by=["created_time ASC", "name"])[0] == "0" and named()[-1] == "0"
        assert named(order_by=["name"], max_results=2) == ["0", "1"]
        pages, token = [], None
        while True:
            page = client.search_datasets(filter_string=f"name LIKE '{unique}.%'", order_by=["name"], max_results=3,
                                          page_token=token)
            pages.append([found.name[-1] for found in page])
            token = page.token
            if not token:
                break
        assert pages == [["0", "1", "2"], ["3"]]

    @pytest.mark.parametrize("filter_string, message", [
        ("bogus = 'x'", "Invalid attribute key 'bogus' specified. Valid keys are"),
        ("tag.x = 'y'", "Invalid identifier token 'tag' specified"),
        ("attribute.name = 'y'", "Invalid identifier token 'attribute' specified"),
        ("created_time > '5'", "Expected numeric value type for numeric attribute: created_time. Found '5'"),
        ("created_time > 1.5", "Invalid value for numeric attribute 'created_time': '1.5'"),
        ("created_by IN ('a')", "Only ['name'] attributes support comparison with a list of quoted string values."),
        ("tags.x IN ('1')", "Expected a quoted string value for tag (e.g. 'my-value'). Got value ('1')"),
        ("name = 5", "Expected a quoted string value for attributes. Got value 5"),
        ("name =", "Invalid clause(s) in filter string"),
    ])
    def test_filters_that_are_none(self, client, filter_string, message):
        with pytest.raises(MlflowException, match=re.escape(message)) as refused:
            client.search_datasets(filter_string=filter_string)
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"

    @pytest.mark.parametrize("more, message", [
        ({"order_by": ["tags.x"]}, "Invalid order_by entity: tag"),
        ({"order_by": ["created_by"]}, "Invalid attribute key 'created_by' specified"),
        ({"order_by": ["name bogus"]}, "Invalid ordering key in order_by clause 'name bogus'."),
        ({"max_results": -1}, "Invalid value -1 for parameter 'max_results' supplied. It must be a positive integer"),
        ({"max_results": 50001}, "It must be at most 50000"),
        ({"page_token": "bogus"}, "Invalid page token"),
    ])
    def test_what_is_no_search(self, client, more, message):
        with pytest.raises(MlflowException, match=re.escape(message)):
            client.search_datasets(**more)


def test_ten_megabytes_of_records(at):
    text = "ü" * 5000
    records = [{"inputs": {"q": text, "n": n}} for n in range(350)]
    assert at.put(json.dumps(records)) == {"inserted_count": 350, "updated_count": 0}
    assert at.put(json.dumps(records)) == {"inserted_count": 0, "updated_count": 350}
    seen, token = [], None
    while token or not seen:
        page = at.send("GET", "/records", params={"page_token": token} if token else None)
        seen += json.loads(page["records"])
        token = page.get("next_page_token")
    assert sorted(found["inputs"]["n"] for found in seen) == list(range(350))
    assert all(found["inputs"]["q"] == text for found in seen)


def test_a_dataset_is_an_input_of_a_run(dataset, client, experiment):
    """The dataset that a run was tried on is one of its inputs."""
    dataset.merge_records([{"inputs": {"q": 1}}])
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_input(client.get_dataset(dataset.dataset_id), context="evaluation")
    found, = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert found.dataset.name == dataset.name
    assert json.loads(found.dataset.source)["dataset_id"] == dataset.dataset_id
