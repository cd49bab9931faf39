# SPDX-License-Identifier: Apache-2.0
"""Logs a step every tenth of a second, with a client's ordinary patience: patient.py RUN STEPS"""
import sys
import time

import mlflow

run, steps = sys.argv[1], int(sys.argv[2])
client = mlflow.MlflowClient()
for step in range(steps):
    client.log_metric(run, "m", step / 4, step=step)
    print(step, flush=True)
    time.sleep(0.1)
