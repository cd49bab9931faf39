"""Tries what a step may not, and says how each ended."""
import json
import os
import sys

import mlflow
import requests

other = sys.argv[1]
client = mlflow.MlflowClient()
answers = {}


def attempt(name, call):
    try:
        call()
        answers[name] = "done"
    except mlflow.MlflowException as wrong:
        answers[name] = wrong.error_code
    except requests.HTTPError as wrong:
        answers[name] = wrong.response.status_code


attempt("metric", lambda: client.log_metric(other, "m", 1))
attempt("tag", lambda: client.set_tag(other, "m", "1"))
attempt("end", lambda: client.set_terminated(other))
attempt("delete run", lambda: client.delete_run(other))
attempt("delete experiment", lambda: client.delete_experiment("0"))
attempt("child", lambda: client.create_run("0", tags={"mlflow.parentRunId": other}))
attempt("model", lambda: client.create_logged_model("0", source_run_id=other))
attempt("register", lambda: client.create_registered_model("theirs"))
registry = client._get_registry_client().store  # The client itself would first look for the model.
attempt("alias", lambda: registry.set_registered_model_alias("ours", "champion", "1"))
attempt("stage", lambda: registry.transition_model_version_stage("ours", "1", "Production", False))
attempt("artifact", lambda: client.log_text(other, "x", "a.txt"))
attempt("read", lambda: client.get_run(other))
url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/get?run_id=" + other
answers["no token"] = requests.get(url, timeout=10).status_code
answers["false token"] = requests.get(url, timeout=10, headers={"Authorization": "Bearer sls-1-00"}).status_code
with open("answers.json", "w", encoding="utf-8") as file:
    json.dump(answers, file)
with open("token", "w", encoding="utf-8") as file:
    file.write(os.environ["MLFLOW_TRACKING_TOKEN"])
