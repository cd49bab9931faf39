# SPDX-License-Identifier: Apache-2.0
"""Training scripts as steps: unedited, with no server up, their runs are those of the pipeline."""
import json
import os
import signal
import sys
import time

import mlflow
import pytest
from pipelines import Pipelines


@pytest.fixture
def pipelines(tmp_path, request):
    if request.config.getoption("--server") != "sluice":
        pytest.skip("MLflow's server runs no pipelines")
    folder = tmp_path / "work"
    folder.mkdir()
    pipelines = Pipelines(folder, sys.executable)
    yield pipelines
    pipelines.close()


@pytest.fixture
def look(pipelines, look_into):
    return lambda: look_into(pipelines)


def step_run(result, name="a", index=0):
    return [step for step in result["steps"] if step["id"] == name][index]["run_id"]


def test_the_run_of_an_ordinary_script_is_that_of_its_step(pipelines, look):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: [PYTHON, plain.py]}
        """)
    run_id = step_run(result)
    assert run_id in pipelines.logs()
    client = look()
    run = client.get_run(run_id)
    assert run.data.params == {"alpha": "0.5"} and run.data.metrics == {"loss": 0.2}
    assert run.data.tags["team"] == "ours" and run.info.run_name == "first steps"
    assert run.data.tags["mlflow.source.name"] == "plain.py" and run.data.tags["sluice.step"] == "a"
    assert run.data.tags["mlflow.parentRunId"] == result["run_id"] and run.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(run_id, "loss")] == list(range(5))
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/hello.txt") == "hello"
    found = client.search_runs([run.info.experiment_id])
    assert {one.info.run_id for one in found} == {run_id, result["run_id"]}


def test_its_metrics_are_those_of_the_step(pipelines):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: [PYTHON, plain.py]}
          b: {run: "test ${{ steps.a.metrics.loss }} = 0.2"}
        """)
    assert result["status"] == "succeeded"


def test_runs_in_another_experiment_are_children_of_the_step(pipelines, look):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: [PYTHON, experiment.py]}
        """)
    client = look()
    elsewhere = client.get_experiment_by_name("elsewhere")
    run, = client.search_runs([elsewhere.experiment_id])
    assert run.data.tags["mlflow.parentRunId"] == step_run(result) and run.data.metrics == {"score": 0.9}
    assert run.info.status == "FINISHED"


def test_of_several_runs_the_first_is_the_steps_and_the_others_its_children(pipelines, look):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: [PYTHON, several.py]}
        """)
    client, run_id = look(), step_run(result)
    run = client.get_run(run_id)
    assert run.info.run_name == "depth 0" and run.data.params == {"depth": "0"}
    found = {one.info.run_name: one for one in client.search_runs([run.info.experiment_id])}
    for name in ("depth 1", "depth 2", "search"):
        assert found[name].data.tags["mlflow.parentRunId"] == run_id
    for name in ("trial 0", "trial 1"):
        assert found[name].data.tags["mlflow.parentRunId"] == found["search"].info.run_id


def test_a_script_may_log_its_matrix_values_in_its_own_writing(pipelines, look):
    result = pipelines.run("""\
        name: p
        steps:
          a:
            matrix: {rate: [0.5, 0.25]}
            env: {RATE: "${{ matrix.rate }}"}
            run: [PYTHON, matrix.py]
        """)
    client = look()
    assert [client.get_run(step_run(result, "a", index)).data.params["rate"] for index in (0, 1)] == ["0.50", "0.250"]


def test_a_model_is_registered_where_the_pipeline_lets_it(pipelines, look):
    result = pipelines.run("""\
        name: p
        steps:
          a:
            run: [PYTHON, model.py, iris]
            permissions: {register: [iris]}
          b: {run: "test -n ${{ steps.a.model_id }}"}
        """)
    client = look()
    version = client.get_model_version("iris", "1")
    assert version.run_id == step_run(result)
    run = client.get_run(step_run(result))
    assert run.data.params["max_iter"] == "200" and run.data.metrics["training_score"] > 0.9
    loaded = mlflow.pyfunc.load_model("models:/iris/1")
    assert len(loaded.predict([[5.1, 3.5, 1.4, 0.2]])) == 1


def test_a_model_is_not_registered_where_the_pipeline_says_nothing(pipelines):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: [PYTHON, model.py, iris]}
        """, expect=1)
    assert result["status"] == "failed"
    assert "permissions: {register: [iris]}" in pipelines.logs()


def test_a_script_may_be_told_its_run(pipelines, look):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: [PYTHON, resumed.py], mlflow: resume}
        """)
    assert look().get_run(step_run(result)).data.metrics == {"m": 1.0}


def test_a_step_may_be_told_of_no_server(pipelines):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: "env | grep ^MLFLOW_ && exit 1 || exit 0", mlflow: "off"}
          b:
            run: test "$MLFLOW_TRACKING_URI" = http://elsewhere -a -z "$MLFLOW_TRACKING_TOKEN"
            env: {MLFLOW_TRACKING_URI: http://elsewhere}
        """)
    assert result["status"] == "succeeded"


def test_what_the_client_says_of_the_run_is_settled_by_how_the_step_ends(pipelines, look):
    result = pipelines.run("""\
        name: p
        steps:
          a: {run: "PYTHON plain.py && exit 3"}
        """, expect=1)
    assert look().get_run(step_run(result)).info.status == "FAILED"


def test_a_step_traces_in_its_own_runs_and_below(pipelines, look):
    answers = []
    other = run_of_other = "0" * 32
    for name in ("first", "second"):
        result = pipelines.run(f"""\
            name: p
            steps:
              {name}: {{run: [PYTHON, traced.py, {other}, {run_of_other}]}}
            """)
        answers.append(json.loads((pipelines.folder / "answers.json").read_text(encoding="utf-8")))
        if name == "first":
            client = look()
            run = client.get_run(step_run(result, name))
            traces = client.search_traces(locations=[run.info.experiment_id], order_by=["timestamp_ms"])
            assert [trace.data.spans[0].outputs for trace in traces] == [2, 4]
            sources = [trace.info.trace_metadata["mlflow.sourceRun"] for trace in traces]
            assert sources == [run.info.run_id, answers[0].pop("below")]
            other, run_of_other = traces[0].info.trace_id, run.info.run_id
    assert answers[0] == {"start": 404, "end": 404, "tag": 404, "untag": 404, "delete": 403, "spans": 404}
    assert answers[1].pop("below") and set(answers[1].values()) == {403}


def test_a_token_writes_what_its_step_has_made_and_dies_with_it(pipelines):
    first = pipelines.run("""\
        name: first
        steps:
          a: {run: [PYTHON, plain.py]}
        """)
    pipelines.run(f"""\
        name: p
        steps:
          a: {{run: [PYTHON, greedy.py, {step_run(first)}]}}
          b: {{run: [PYTHON, dead.py], needs: [a]}}
        """)
    answers = json.loads((pipelines.folder / "answers.json").read_text(encoding="utf-8"))
    assert answers.pop("read") == "done"
    assert answers.pop("no token") == 401 and answers.pop("false token") == 401
    assert answers.pop("artifact") in (403, "PERMISSION_DENIED")
    for name in ("alias", "stage"):  # the client looks for the version first
        assert answers.pop(name) in ("PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST")
    assert set(answers.values()) == {"PERMISSION_DENIED"}, answers


GONE_SECONDS = 60


def test_a_client_does_not_notice_that_nobody_answered_for_a_minute(pipelines, look):
    """The port is the runner's, and what is asked meanwhile waits."""
    pipelines.write("""\
        name: p
        steps:
          a: {run: [PYTHON, slow.py, "20"]}
        """)
    first = pipelines.start("run", "--json")
    deadline = time.monotonic() + 120
    while "tick 3" not in pipelines.logs():
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(GONE_SECONDS)
    result = pipelines("resume", "--json")
    assert result["status"] == "succeeded"
    run_id = step_run(result)
    client = look()
    points = client.get_metric_history(run_id, "tick")
    assert [point.step for point in points] == list(range(20))
    assert client.get_run(run_id).info.status == "FINISHED"
