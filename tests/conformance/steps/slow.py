"""Logs once a second, and would not bear a gap: a call that fails ends it."""
import sys
import time

import mlflow

with mlflow.start_run():
    for step in range(int(sys.argv[1])):
        mlflow.log_metric("tick", step, step=step)
        print("tick", step, flush=True)
        time.sleep(1)
