# SPDX-License-Identifier: Apache-2.0
"""The `mlflow` command against the server."""
import csv
import io
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from mlflow.cli import cli


@pytest.fixture
def command(url, tmp_path, monkeypatch):
    """Runs one command in this process: four seconds of imports are saved each time. (`url` has told it the server.)"""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
        return done.output

    return run


def test_the_program_itself(client, url, unique):
    subprocess.run([sys.executable, "-m", "mlflow", "experiments", "create", "-n", unique], check=True, timeout=120,
                   capture_output=True, env={**os.environ, "MLFLOW_TRACKING_URI": url})
    assert client.get_experiment_by_name(unique)


def test_experiments(client, command, unique):
    made = re.search(r"Created experiment '.*' with id (\d+)", command("experiments", "create", "-n", unique)).group(1)
    assert client.get_experiment(made).name == unique
    command("experiments", "rename", "-x", made, "--new-name", unique + "-new")
    assert client.get_experiment(made).name == unique + "-new"
    assert unique + "-new" in command("experiments", "search")
    command("experiments", "delete", "-x", made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert unique + "-new" not in command("experiments", "search")
    assert unique + "-new" in command("experiments", "search", "-v", "deleted_only")
    command("experiments", "restore", "-x", made)
    assert client.get_experiment(made).lifecycle_stage == "active"


def test_the_table_of_an_experiment(client, command, experiment, run_id, tmp_path):
    client.log_metric(run_id, "m", 0.5)
    client.log_param(run_id, "p", "x")
    command("experiments", "csv", "-x", experiment, "-o", str(tmp_path / "out.csv"))
    row, = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert row["run_id"] == run_id and float(row["metrics.m"]) == 0.5 and row["params.p"] == "x"


def test_runs(client, command, experiment, run_id):
    client.set_tag(run_id, "mlflow.runName", "my run")
    assert run_id in command("runs", "list", "--experiment-id", experiment)
    assert run_id in command("runs", "describe", "--run-id", run_id)
    command("runs", "delete", "--run-id", run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    command("runs", "restore", "--run-id", run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "active"


def test_artifacts(client, command, run_id, tmp_path):
    (tmp_path / "up" / "sub").mkdir(parents=True)
    (tmp_path / "up" / "sub" / "a.txt").write_text("inner")
    (tmp_path / "b.txt").write_text("outer")
    command("artifacts", "log-artifact", "--local-file", "b.txt", "--run-id", run_id)
    command("artifacts", "log-artifacts", "--local-dir", "up", "--run-id", run_id, "--artifact-path", "dir")
    assert {one.path for one in client.list_artifacts(run_id)} == {"b.txt", "dir"}
    assert '"dir/sub"' in command("artifacts", "list", "--run-id", run_id, "--artifact-path", "dir")
    (tmp_path / "down").mkdir()
    command("artifacts", "download", "--run-id", run_id, "--artifact-path", "dir/sub/a.txt", "--dst-path", "down")
    assert (tmp_path / "down" / "a.txt").read_text() == "inner"
