# SPDX-License-Identifier: Apache-2.0
"""The same things told to MLflow's server and to sluice, so that what the two show can be laid side by side.

Ids and times of the servers' own making differ: same() gives both one writing.
"""
import json
import os
import pathlib
import re
import tempfile

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param, RunTag

BEGAN_MS = 1_700_000_000_000
ALPHAS = [0.1, 0.5, 0.9]
STEPS = 40
SHORT = 8
MODEL = "wine"
ML_MODEL = ("artifact_path: model\nflavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"
            "mlflow_version: 3.0.0\nmodel_uuid: 0123456789abcdef0123456789abcdef\n"
            "utc_time_created: '2026-01-01 00:00:00'\n")
# One red dot.
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
                    "53de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082")


class Told:
    """What a server was told, with the ids that it gave: names are the same everywhere."""

    def __init__(self, url):
        self.url, self.client = url, mlflow.MlflowClient(url, url)
        self.runs, self.names = {}, {}

    def call(self, id_, name):
        self.names[str(id_)] = name
        return id_


def tell_run(told, experiment, index, alpha):
    client, name = told.client, f"run-{index}"
    began = BEGAN_MS + index * 60_000
    run = client.create_run(experiment, start_time=began, run_name=name,
                            tags={"mlflow.user": "ada", "mlflow.source.name": "train.py",
                                  "mlflow.source.type": "LOCAL", "team": "red" if index else "blue"})
    run_id = told.call(run.info.run_id, f"<{name}>")
    told.runs[name] = run_id
    metrics = [Metric("loss", 1 / (1 + alpha * step), began + step * 1000, step) for step in range(STEPS)]
    metrics += [Metric("accuracy", round(0.5 + alpha / 3, 4), began + 1000, 0)]
    client.log_batch(run_id, metrics, [Param("alpha", str(alpha)), Param("model", "forest")],
                     [RunTag("mlflow.note.content", f"about {name}")])
    data = Dataset(f"data-{index}", f"d{index}", "local", '{"uri": "wine.csv"}', '{"mlflow_colspec": []}',
                   '{"num_rows": 9}')
    client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    client.log_text(run_id, "hello from " + name, "notes/hello.txt")
    client.log_text(run_id, json.dumps({"alpha": alpha}), "settings.json")
    client.log_text(run_id, ML_MODEL, "model/MLmodel")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "dot.png").write_bytes(PNG)
        client.log_artifact(run_id, os.path.join(folder, "dot.png"), "pictures")
    client.set_terminated(run_id, "FAILED" if index == 2 else "FINISHED", end_time=began + 30_000)
    return run_id


def tell_model(told, experiment, run_id):
    """A logged model with metrics, and a registered model of two versions."""
    client = told.client
    logged = client.create_logged_model(experiment, name="forest", source_run_id=run_id, model_type="classifier",
                                        params={"depth": "3"}, tags={"kind": "tree"})
    told.call(logged.model_id, "<model>")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "MLmodel").write_text(ML_MODEL, encoding="utf-8")
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_metric(run_id, "auc", 0.75, timestamp=BEGAN_MS, step=0, model_id=logged.model_id,
                      dataset_name="data-1", dataset_digest="d1")
    client.log_metric(run_id, "auc", 0.625, timestamp=BEGAN_MS + 1, step=0, model_id=logged.model_id,
                      dataset_name="data-1", dataset_digest="d1")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    client.log_inputs(told.runs["run-2"], models=[LoggedModelInput(logged.model_id)])
    client.create_registered_model(MODEL, tags={"task": "quality"}, description="How good a wine is.")
    sources = {1: (client.get_run(run_id).info.artifact_uri + "/model", None),
               2: (f"models:/{logged.model_id}", logged.model_id)}
    for number, (source, model_id) in sources.items():
        client.create_model_version(MODEL, source, run_id, description=f"the version {number}", tags={"n": str(number)},
                                    model_id=model_id)
    client.set_registered_model_alias(MODEL, "champion", "2")


def tell(url):
    told = Told(url)
    made = told.client.create_experiment("wine", tags={"mlflow.note.content": "Wines."})
    experiment = told.call(made, "<experiment>")
    told.experiment = experiment
    for index, alpha in enumerate(ALPHAS):
        tell_run(told, experiment, index, alpha)
    tell_model(told, experiment, told.runs["run-1"])
    return told


def tell_prompt(told):
    """A prompt of two versions."""
    mlflow.set_tracking_uri(told.url)
    for text in ("Say {{word}}.", "Please say {{word}}."):
        mlflow.genai.register_prompt("greeting", text, commit_message="why")
    mlflow.set_tracking_uri(None)


def same(told, value):
    """A text, or JSON, with names in the place of the ids and of the address of this server."""
    if isinstance(value, dict):
        return {key: same(told, one) for key, one in value.items()}
    if isinstance(value, list):
        return [same(told, one) for one in value]
    if not isinstance(value, str):
        return value
    value = value.replace(told.url, "<url>")
    for id_, name in sorted(told.names.items(), key=lambda one: -len(one[0])):
        if len(id_) > SHORT:
            value = value.replace(id_, name)
        else:  # a number: only where it stands alone, or in a path of files
            value = name if value == id_ else re.sub(rf"artifacts:/{id_}(?=/|$)", f"artifacts:/{name}", value)
    return value
