# SPDX-License-Identifier: Apache-2.0
"""MLflow's Java client: each scenario is a program of its own, and the Python client reads what it wrote."""
import os
import subprocess
import sys

import pytest

HERE = os.path.join(os.path.dirname(__file__), "java")
SCENARIOS = ["experiments", "runs", "batch", "search", "deleted", "files", "registry", "context", "refusals"]


@pytest.fixture(scope="module")
def class_path(fetched, tmp_path_factory):
    """The client's jars, and the scenarios compiled."""
    jars = os.path.join(fetched("java"), "*")
    classes = str(tmp_path_factory.mktemp("java"))
    done = subprocess.run(["javac", "-Xlint:all", "-Werror", "-encoding", "UTF-8", "-cp", jars, "-d", classes,
                           os.path.join(HERE, "Scenarios.java")], capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return f"{jars}:{classes}"


@pytest.fixture
def play(class_path, url, unique, tmp_path):
    """Plays a scenario; gives the name that its experiment and its model have."""
    name = unique.partition("[")[0] + unique[-8:]

    def run(scenario):
        # For files the client asks the `mlflow` command, which it looks for in PATH.
        environment = {**os.environ, "PATH": os.path.dirname(sys.executable) + ":" + os.environ["PATH"]}
        done = subprocess.run(["java", "-Dfile.encoding=UTF-8", "-XX:TieredStopAtLevel=1", "-cp", class_path,
                               "Scenarios", scenario, url, name, str(tmp_path)], env=environment, capture_output=True,
                              text=True, timeout=300, check=False)
        assert done.returncode == 0 and done.stdout.split()[-1:] == ["ok"], done.stdout + done.stderr
        return name

    return run


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_programs_in_java(play, scenario):
    play(scenario)


def test_python_reads_what_java_wrote(play, client):
    name = play("batch")
    run, = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    history = client.get_metric_history(run.info.run_id, "m")
    assert [point.step for point in history] == list(range(900))
    assert history[7].value != history[7].value and history[8].value == 1.0
    assert run.data.params == {f"p{index}": f"v{index}" for index in range(90)}
