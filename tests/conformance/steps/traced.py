"""Traces: in the step's own run, in one below it, and one that it may not touch."""
import json
import os
import sys

import mlflow
import requests
from mlflow.exceptions import MlflowException

other, run = sys.argv[1:]


@mlflow.trace
def double(x):
    return 2 * x


double(1)
mlflow.flush_trace_async_logging()
with mlflow.start_run(), mlflow.start_run(nested=True) as below:
    double(2)
mlflow.flush_trace_async_logging()

answers = {"below": below.info.run_id}
url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0"
headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}


def attempt(name, method, path, body):
    answers[name] = requests.request(method, url + path, json=body, headers=headers, timeout=60).status_code


source = [{"key": "mlflow.sourceRun", "value": run}]
attempt("start", "POST", "/mlflow/traces", {"experiment_id": "0", "request_metadata": source})
attempt("end", "PATCH", "/mlflow/traces/" + other, {"timestamp_ms": 5, "status": "OK"})
attempt("tag", "PATCH", f"/mlflow/traces/{other}/tags", {"key": "k", "value": "v"})
attempt("untag", "DELETE", f"/mlflow/traces/{other}/tags", {"key": "k"})
attempt("delete", "POST", "/mlflow/traces/delete-traces", {"experiment_id": "0", "request_ids": [other]})
attempt("spans", "PUT", f"/mlflow-artifacts/artifacts/0/traces/{other}/artifacts/traces.json", {})
with open("answers.json", "w", encoding="utf-8") as file:
    json.dump(answers, file)
