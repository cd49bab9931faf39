# SPDX-License-Identifier: Apache-2.0
"""Logging from several threads and processes at once, and logging that does not wait."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import mlflow
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException


def test_calls_that_do_not_wait(client, unique):
    mlflow.set_experiment(unique)
    with mlflow.start_run() as run:
        waiting = [mlflow.log_metric("m", step / 2, step=step, synchronous=False) for step in range(300)]
        waiting.append(mlflow.log_params({f"p{number}": number for number in range(150)}, synchronous=False))
        waiting.append(mlflow.set_tag("t", "1", synchronous=False))
        for one in waiting:
            one.wait()
    found = client.get_run(run.info.run_id)
    history = client.get_metric_history(run.info.run_id, "m")
    assert sorted((point.step, point.value) for point in history) == [(step, step / 2) for step in range(300)]
    assert len(found.data.params) == 150 and found.data.tags["t"] == "1"


def test_all_logging_made_not_to_wait(client, unique):
    mlflow.set_experiment(unique)
    mlflow.config.enable_async_logging(True)
    try:
        with mlflow.start_run() as run:
            mlflow.log_metrics({f"m{number}": number for number in range(50)})
            mlflow.log_param("p", "1")
            mlflow.flush_async_logging()
    finally:
        mlflow.config.enable_async_logging(False)
    found = client.get_run(run.info.run_id)
    assert found.data.metrics == {f"m{number}": number for number in range(50)} and found.data.params == {"p": "1"}


def test_threads_into_one_run(client, run_id):
    def log(thread):
        for step in range(25):
            client.log_metric(run_id, f"m{thread}", step, step=step)
            client.log_batch(run_id, metrics=[Metric("shared", thread * 100 + step, 1, step)],
                             params=[Param(f"p{thread}", "same")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(8)))
    assert len(client.get_metric_history(run_id, "shared")) == 200
    assert client.get_run(run_id).data.metrics == {**{f"m{thread}": 24.0 for thread in range(8)}, "shared": 724.0}
    assert client.get_run(run_id).data.params == {f"p{thread}": "same" for thread in range(8)}


def test_threads_into_runs_of_their_own(client, experiment):
    def log(number):
        run = client.create_run(experiment, run_name=f"run-{number}").info.run_id
        client.log_batch(run, [Metric("m", step, step, step) for step in range(100)], [Param("number", str(number))])
        client.log_text(run, str(number), "out.txt")
        client.set_terminated(run)
        return run

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(log, range(24)))
    found = {run.info.run_id: run for run in client.search_runs([experiment], "status = 'FINISHED'")}
    assert sorted(found) == sorted(runs)
    assert all(found[run].data.params == {"number": str(number)} for number, run in enumerate(runs))
    assert mlflow.artifacts.load_text(f"runs:/{runs[7]}/out.txt") == "7"


def test_one_param_is_written_by_one_of_many(client, run_id):
    def write(value):
        try:
            client.log_batch(run_id, params=[Param("p", str(value))])
            return value
        except MlflowException:  # MLflow's store may lose the race in other words than `Changing param values…`.
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [value for value in pool.map(write, range(8)) if value is not None]
    assert [str(value) for value in won] == [client.get_run(run_id).data.params["p"]]


def test_one_experiment_is_made_by_many(client, unique):
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: mlflow.set_experiment(unique).experiment_id, range(8)))
    assert len(made) == 1


def test_versions_are_counted_by_many(client, unique):
    client.create_registered_model(unique)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: client.create_model_version(unique, f"s3://b/{number}").version, range(12)))
    assert sorted(map(int, made)) == list(range(1, 13))


def test_several_processes(client, experiment, url, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text("import mlflow, sys\n"
                      "with mlflow.start_run(experiment_id=sys.argv[1], run_name=sys.argv[2]):\n"
                      "    for step in range(20):\n"
                      "        mlflow.log_metric('m', step * int(sys.argv[2]), step=step)\n")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": url}
    workers = [subprocess.Popen([sys.executable, str(script), experiment, str(number)], stderr=subprocess.PIPE,
                                text=True, env=environment) for number in range(3)]
    for worker in workers:
        assert worker.wait(120) == 0, worker.stderr.read()
        worker.stderr.close()
    found = {run.info.run_name: run.data.metrics["m"] for run in client.search_runs([experiment])}
    assert found == {"0": 0.0, "1": 19.0, "2": 38.0}
