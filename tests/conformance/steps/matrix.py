"""Logs the values of its matrix item once more, in its own way of writing."""
import os

import mlflow

with mlflow.start_run():
    mlflow.log_params({"rate": os.environ["RATE"] + "0", "own": 1})
    mlflow.log_param("rate", os.environ["RATE"] + "0")
