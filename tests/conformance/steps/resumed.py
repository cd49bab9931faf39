"""Logs into the run that the environment names."""
import os

import mlflow

told = os.environ["MLFLOW_RUN_ID"]  # start_run takes it out of the environment
with mlflow.start_run() as run:
    assert run.info.run_id == told
    mlflow.log_metric("m", 1)
