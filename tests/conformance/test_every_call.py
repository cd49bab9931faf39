# SPDX-License-Identifier: Apache-2.0
"""What MLflow's package offers and what the suite calls, held against each other; and the calls that no other file is
about, each with what it left on the server."""
import inspect
import io
import pathlib
import re
import time

import matplotlib.figure
import mlflow
import numpy
import pandas
import pytest
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException

HERE = pathlib.Path(__file__).parent

# What asks nothing of a tracking server or registry, or asks for a part that sluice has not. A call of none of these
# that no test here makes fails test_every_call_is_made: on the day that MLflow has a new one.
NOT_HERE = {
    "a part that is not there (docs/mlflow.md)": r"\w*(workspace|mcp_|skill|assessment|expectation)\w*|"
                                                 r"\w*(feedback|log_issue|link_traces)\w*|"
                                                 r"search_sessions|link_prompt_versions_to_trace",
    "spans in the client's own process, sent as traces": r"get_active_trace_id|get_current_active_span|end_span|"
                                                         r"start_span_no_context|update_current_trace|add_trace|"
                                                         r"log_trace|context|get_last_active_trace\w*",
    "classes, and what runs on this machine alone": r"[A-Z]\w+|doctor|login|test|parse_prompt_uri|"
                                                    r"set_system_metrics_node_id|set_system_metrics_samples_\w+",
    "Databricks' alone": r"import_checkpoints",
}


def calls_of(thing):
    names = getattr(thing, "__all__", None) or dir(thing)
    own = {name: getattr(thing, name, None) for name in names if not name.startswith("_")}
    return {name for name, call in own.items() if callable(call) and
            (hasattr(thing, "__all__") or inspect.isclass(thing) or call.__module__ == thing.__name__)}


@pytest.mark.parametrize("thing", [mlflow.MlflowClient, mlflow, mlflow.artifacts, mlflow.genai.datasets],
                         ids=lambda thing: thing.__name__)
def test_every_call_is_made(thing):
    made = set()
    for path in HERE.rglob("*.py"):
        made.update(re.findall(r"\b(\w+)(?=\()", path.read_text(encoding="utf-8")))
    elsewhere = re.compile("|".join(NOT_HERE.values()))
    assert sorted(name for name in calls_of(thing) - made if not elsewhere.fullmatch(name)) == []


def test_where_a_client_is_asks_the_server_nothing(url):
    assert mlflow.get_tracking_uri() == mlflow.get_registry_uri() == url and mlflow.is_tracking_uri_set()


class TestFiles:
    def test_pictures_and_tables(self, client, experiment):
        figure = matplotlib.figure.Figure()
        figure.subplots().plot([1, 2])
        with mlflow.start_run(experiment_id=experiment) as run:
            mlflow.log_figure(figure, "plots/line.png")
            mlflow.log_image(numpy.zeros((4, 6, 3), dtype=numpy.uint8), "black.png")
            mlflow.log_image(numpy.zeros((4, 6, 3), dtype=numpy.uint8), key="seen", step=3)
            mlflow.log_table({"x": [1, 2], "y": ["ü", ""]}, "table.json")
            mlflow.log_table(pandas.DataFrame({"x": [3], "y": ["z"]}), "table.json")
            mlflow.flush_artifact_async_logging()
        client.log_figure(run.info.run_id, figure, "plots/again.svg")
        assert mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/plots/line.png").width > 100
        assert "<svg" in mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/plots/again.svg")
        assert mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/black.png").size == (6, 4)
        seen = [one.path for one in client.list_artifacts(run.info.run_id, "images")]
        assert len(seen) == 2 and all("seen" in path and "+step+3+" in path for path in seen)
        mlflow.set_experiment(experiment_id=experiment)
        table = mlflow.load_table("table.json", run_ids=[run.info.run_id], extra_columns=["run_id"])
        assert list(table["x"]) == [1, 2, 3] and list(table["y"]) == ["ü", "", "z"]
        assert set(table["run_id"]) == {run.info.run_id}

    def test_a_stream(self, client, run_id, experiment, tmp_path):
        data = bytes(range(256)) * 5000
        client.log_stream(run_id, io.BytesIO(data), "streams/one.bin")
        mlflow.log_stream(io.BytesIO(b""), "streams/none.bin", run_id=run_id)
        assert [(one.path, one.file_size or 0) for one in client.list_artifacts(run_id, "streams")] == [
            ("streams/none.bin", 0), ("streams/one.bin", len(data))]
        path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="streams/one.bin",
                                                   dst_path=str(tmp_path))
        assert pathlib.Path(path).read_bytes() == data


class TestRuns:
    def test_inputs_and_outputs_together(self, client, experiment):
        model = client.create_logged_model(experiment, name="m")
        with mlflow.start_run(experiment_id=experiment) as run:
            mlflow.log_inputs([mlflow.data.from_numpy(numpy.zeros(3), name="a"),
                               mlflow.data.from_numpy(numpy.ones(3), name="b")], ["train", "test"],
                              [{"k": "v"}, None])
            mlflow.log_outputs([LoggedModelOutput(model.model_id, step=4)])
        found = client.get_run(run.info.run_id)
        said = {item.dataset.name: {tag.key: tag.value for tag in item.tags} for item in found.inputs.dataset_inputs}
        assert said == {"a": {"k": "v", "mlflow.data.context": "train"}, "b": {"mlflow.data.context": "test"}}
        assert [(one.model_id, one.step) for one in found.outputs.model_outputs] == [(model.model_id, 4)]

    def test_a_project(self, client, experiment, tmp_path):
        """`mlflow.run` tracks what it starts: the command's parameters, and how it ended."""
        (tmp_path / "MLproject").write_text("name: p\nentry_points:\n  main:\n    parameters:\n"
                                            "      x: {type: float, default: 1}\n    command: 'test {x} = 2.5'\n"
                                            "  broken:\n    command: 'false'\n")
        done = mlflow.run(str(tmp_path), parameters={"x": 2.5}, experiment_id=experiment, env_manager="local")
        run = client.get_run(done.run_id)
        assert run.info.status == "FINISHED" and run.data.params == {"x": "2.5"}
        assert run.data.tags["mlflow.project.entryPoint"] == "main" and run.info.experiment_id == experiment
        with pytest.raises(mlflow.exceptions.ExecutionException):
            mlflow.run(str(tmp_path), "broken", experiment_id=experiment, env_manager="local")
        states = sorted(one.info.status for one in client.search_runs([experiment]))
        assert states == ["FAILED", "FINISHED"]

    def test_what_the_machine_does(self, client, experiment):
        mlflow.set_system_metrics_sampling_interval(0.05)
        mlflow.enable_system_metrics_logging()
        try:
            with mlflow.start_run(experiment_id=experiment) as run:
                mlflow.log_metric("m", 1)
                load, deadline = "system/cpu_utilization_percentage", time.monotonic() + 90
                while len(client.get_metric_history(run.info.run_id, load)) < 2 and time.monotonic() < deadline:
                    time.sleep(0.2)
        finally:
            mlflow.disable_system_metrics_logging()
            mlflow.set_system_metrics_sampling_interval(None)
        names = client.get_run(run.info.run_id).data.metrics
        assert names["m"] == 1 and names["system/system_memory_usage_percentage"] > 0
        assert len(client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")) > 1

    def test_autologging_of_everything(self, client, experiment):
        from sklearn.linear_model import LinearRegression
        mlflow.set_experiment(experiment_id=experiment)
        mlflow.autolog(log_models=False, silent=True)
        try:
            LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
        finally:
            mlflow.autolog(disable=True, silent=True)
        run, = client.search_runs([experiment])
        assert run.data.tags["estimator_name"] == "LinearRegression" and run.data.params["fit_intercept"] == "True"

    def test_a_model_is_held_against_thresholds(self, client, experiment):
        from mlflow.models import MetricThreshold
        mlflow.set_experiment(experiment_id=experiment)
        data = pandas.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 4.0], "p": [1.0, 2.0, 3.0]})
        with mlflow.start_run() as run:
            result = mlflow.models.evaluate(data=data, targets="y", predictions="p", model_type="regressor")
        assert client.get_run(run.info.run_id).data.metrics["max_error"] == result.metrics["max_error"] == 1.0
        bound = {"max_error": MetricThreshold(threshold=1.5, greater_is_better=False)}
        mlflow.validate_evaluation_results(validation_thresholds=bound, candidate_result=result)
        bound = {"max_error": MetricThreshold(threshold=0.5, greater_is_better=False)}
        with pytest.raises(mlflow.models.evaluation.validation.ModelValidationFailedException):
            mlflow.validate_evaluation_results(validation_thresholds=bound, candidate_result=result)


class TestRegistry:
    def test_stages_that_there_are(self, client, unique):
        client.create_registered_model(unique)
        client.create_model_version(unique, "s3://bucket/x")
        assert client.get_model_version_stages(unique, "1") == ["None", "Staging", "Production", "Archived"]

    def test_a_tag_by_the_fluent_call(self, client, url, unique):
        client.create_registered_model(unique)
        client.create_model_version(unique, "s3://bucket/x")
        mlflow.set_model_version_tag(unique, "1", "k", "ü")
        assert client.get_model_version(unique, "1").tags == {"k": "ü"}


class TestPrompts:
    @pytest.fixture
    def name(self, client, unique):
        client.create_prompt(unique, description="words", tags={"team": "q"})
        client.create_prompt_version(unique, "Hello {{ name }}", description="first", tags={"k": "v"})
        return unique

    def test_in_two_steps(self, client, name):
        assert client.get_prompt(name).tags["team"] == "q"
        found = client.get_prompt_version(name, "1")
        assert (found.template, found.commit_message, found.tags) == ("Hello {{ name }}", "first", {"k": "v"})
        with pytest.raises(MlflowException) as refused:
            client.create_prompt(name)
        assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
        with pytest.raises(MlflowException) as refused:
            client.create_prompt_version(name + "-none", "x")
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"

    def test_the_older_fluent_names(self, client, name):
        with pytest.warns(FutureWarning):
            assert mlflow.load_prompt(f"prompts:/{name}/1").template == "Hello {{ name }}"
            mlflow.set_prompt_alias(name, "best", 1)
            assert mlflow.load_prompt(f"prompts:/{name}@best").version == 1
            assert [one.name for one in mlflow.search_prompts(f"name = '{name}'")] == [name]
            mlflow.delete_prompt_alias(name, "best")
        assert client.get_prompt_version(name, "1").aliases == []

    def test_a_prompt_of_a_run(self, client, name, run_id):
        version = client.get_prompt_version(name, "1")
        client.link_prompt_version_to_run(run_id, version)
        client.link_prompt_version_to_run(run_id, f"prompts:/{name}/1")
        linked = client.get_run(run_id).data.tags["mlflow.linkedPrompts"]
        assert linked.count(name) == 1 and '"version": "1"' in linked

    def test_prompts_of_a_run_are_listed_and_taken_away(self, client, name, run_id):
        """As clients before 3 note it: in a tag of the version."""
        client.set_prompt_version_tag(name, "1", "mlflow.prompt.associatedRunIds", f"{'f' * 32},{run_id}")
        with pytest.raises(MlflowException, match="is not associated with prompt"):
            client.detach_prompt_from_run("e" * 32, f"prompts:/{name}/1")
        found, = client.list_logged_prompts(run_id)
        assert (found.name, str(found.version)) == (name, "1")
        client.detach_prompt_from_run(run_id, f"prompts:/{name}/1")
        assert client.list_logged_prompts(run_id) == []
        assert len(client.list_logged_prompts("f" * 32)) == 1

    def test_a_prompt_of_a_model(self, client, name, experiment):
        model = client.create_logged_model(experiment, name="m")
        client.link_prompt_version_to_model(name, "1", model.model_id)
        linked = client.get_logged_model(model.model_id).tags["mlflow.linkedPrompts"]
        assert linked.count(name) == 1


def test_a_trace_by_hand(client, experiment):
    root = client.start_trace("outer", inputs={"x": 1}, tags={"k": "v"}, experiment_id=experiment)
    inner = client.start_span("inner", trace_id=root.trace_id, parent_id=root.span_id, inputs={"y": 2})
    client.end_span(root.trace_id, inner.span_id, outputs=3)
    client.end_trace(root.trace_id, outputs=4)
    mlflow.flush_trace_async_logging()
    found, = client.search_traces(locations=[experiment])
    assert {span.name: (span.inputs, span.outputs) for span in found.data.spans} == {
        "outer": ({"x": 1}, 4), "inner": ({"y": 2}, 3)}
    assert found.info.tags["k"] == "v" and found.info.state == "OK"
