# SPDX-License-Identifier: Apache-2.0
"""A server that is killed under a client and comes back: the client waits, and nothing is missing or there twice."""
import os
import signal
import subprocess
import sys
import time

import mlflow

STEPS = 40


def test_a_client_outlasts_its_server(start_server):
    server = start_server()
    client = mlflow.MlflowClient(server.url)
    run = client.create_run("0").info.run_id
    patience = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "7", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
    script = os.path.join(os.path.dirname(__file__), "scripts", "patient.py")
    with subprocess.Popen([sys.executable, script, run, str(STEPS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env={**os.environ, **patience, "MLFLOW_TRACKING_URI": server.url}) as writer:
        while writer.stdout.readline().strip() != "10":
            assert writer.poll() is None, writer.stderr.read()
        server.stop(signal.SIGKILL)
        time.sleep(3)
        server.start(server.port)
        rest, complaints = writer.communicate(timeout=180)
        assert writer.returncode == 0, complaints
    assert rest.split()[-1] == str(STEPS - 1)
    history = client.get_metric_history(run, "m")
    assert [(point.step, point.value) for point in history] == [(step, step / 4) for step in range(STEPS)]
    assert client.get_run(run).data.metrics == {"m": (STEPS - 1) / 4}


def test_a_server_ends_well(start_server):
    server = start_server()
    client = mlflow.MlflowClient(server.url)
    run = client.create_run("0").info.run_id
    client.log_metric(run, "m", 1.0)
    assert server.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log()
