# SPDX-License-Identifier: Apache-2.0
"""The client that npm has for Node: each scenario is a program, and the Python client reads what it wrote."""
import os
import subprocess

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "node", "scenarios.js")
SCENARIOS = ["experiments", "runs", "batch", "search", "models"]


@pytest.fixture
def play(fetched, url, unique):
    """Plays a scenario; gives the name that its experiment and its model have."""
    name = unique.partition("[")[0] + unique[-8:]
    modules = os.path.join(fetched("node"), "node_modules")

    def run(scenario):
        done = subprocess.run(["node", "--unhandled-rejections=strict", PROGRAM, scenario, url, name],
                              env={**os.environ, "NODE_PATH": modules}, capture_output=True, text=True, timeout=120,
                              check=False)
        assert done.returncode == 0 and done.stdout.split()[-1:] == ["ok"], done.stdout + done.stderr
        return name

    return run


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_programs_for_node(play, scenario):
    play(scenario)


def test_python_reads_what_node_wrote(play, client):
    name = play("batch")
    run, = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    history = client.get_metric_history(run.info.run_id, "m")
    assert [point.step for point in history] == list(range(900))
    assert history[7].value != history[7].value and history[8].value == 1.0
    assert run.data.params == {f"p{index}": f"v{index}" for index in range(90)}
