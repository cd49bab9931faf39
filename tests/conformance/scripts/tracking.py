# SPDX-License-Identifier: Apache-2.0
"""The everyday of tracking, by the client that runs this: experiments, runs, metrics, params, tags, datasets, files."""
import math
import os
import sys
import tempfile

import mlflow
import numpy
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

name = sys.argv[1]
client = mlflow.MlflowClient()

experiment = mlflow.set_experiment(name)
assert client.get_experiment_by_name(name).experiment_id == experiment.experiment_id
mlflow.set_experiment_tag("a", "b")
assert mlflow.get_experiment(experiment.experiment_id).tags == {"a": "b"}
assert client.get_experiment_by_name(name + "-nothing") is None

with mlflow.start_run(run_name="parent", tags={"t": "1"}) as parent:
    mlflow.log_params({"lr": 0.1, "empty": ""})
    mlflow.log_metric("loss", 3.0, step=0)
    mlflow.log_metrics({"loss": 2.0, "acc": 0.5}, step=1)
    mlflow.log_metric("nan", math.nan)
    mlflow.log_input(mlflow.data.from_numpy(numpy.zeros((2, 2)), name="zeros"), context="training")
    mlflow.log_text("hello ü", "texts/hello.txt")
    mlflow.log_dict({"a": 1}, "d.json")
    with mlflow.start_run(run_name="child", nested=True) as child:
        client.log_batch(child.info.run_id, [Metric("m", float(step), step, step) for step in range(1000)],
                         [Param("p", "1")], [RunTag("x", "y")])

run = client.get_run(parent.info.run_id)
assert run.info.status == "FINISHED" and run.info.run_name == "parent" and run.data.tags["t"] == "1"
assert run.data.params == {"lr": "0.1", "empty": ""}
assert run.data.metrics["loss"] == 2.0 and run.data.metrics["acc"] == 0.5 and math.isnan(run.data.metrics["nan"])
history = client.get_metric_history(run.info.run_id, "loss")
assert [(point.value, point.step) for point in history] == [(3.0, 0), (2.0, 1)]
assert len(client.get_metric_history(child.info.run_id, "m")) == 1000
assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
assert [item.dataset.name for item in run.inputs.dataset_inputs] == ["zeros"]

found = client.search_runs([experiment.experiment_id], "metrics.loss < 2.5 AND params.lr = '0.1'",
                           order_by=["start_time"])
assert [one.info.run_id for one in found] == [parent.info.run_id]
assert len(mlflow.search_runs(experiment_names=[name])) == 2
page = client.search_runs([experiment.experiment_id], max_results=1)
assert len(page) == 1 and page.token
assert len(client.search_runs([experiment.experiment_id], max_results=1, page_token=page.token)) == 1

assert sorted(one.path for one in client.list_artifacts(run.info.run_id)) == ["d.json", "texts"]
with tempfile.TemporaryDirectory() as folder:
    path = client.download_artifacts(run.info.run_id, "texts", folder)
    with open(os.path.join(path, "hello.txt"), encoding="utf-8") as text:
        assert text.read() == "hello ü"

for call, code in ((lambda: client.log_param(run.info.run_id, "lr", "0.2"), "INVALID_PARAMETER_VALUE"),
                   (lambda: client.get_run("f" * 32), "RESOURCE_DOES_NOT_EXIST"),
                   (lambda: client.create_experiment(name), "RESOURCE_ALREADY_EXISTS"),
                   (lambda: client.search_runs([experiment.experiment_id], "foo.bar = 1"), "INVALID_PARAMETER_VALUE"),
                   (lambda: client.delete_tag(run.info.run_id, "nothing"), "RESOURCE_DOES_NOT_EXIST")):
    try:
        call()
    except MlflowException as refused:
        assert refused.error_code == code, refused
    else:
        raise AssertionError(code)

client.delete_run(child.info.run_id)
assert len(client.search_runs([experiment.experiment_id], run_view_type=ViewType.DELETED_ONLY)) == 1
client.restore_run(child.info.run_id)
client.rename_experiment(experiment.experiment_id, name + "-new")
client.delete_experiment(experiment.experiment_id)
assert client.get_experiment(experiment.experiment_id).lifecycle_stage == "deleted"
client.restore_experiment(experiment.experiment_id)
waiting = [client.log_metric(run.info.run_id, "later", step, step=step, synchronous=False) for step in range(9)]
for one in waiting:
    one.wait()
assert len(client.get_metric_history(run.info.run_id, "later")) == 9
print("ok", mlflow.__version__)
