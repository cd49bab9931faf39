# SPDX-License-Identifier: Apache-2.0
"""Models from training to prediction, by the client that runs this: autologging, registry, aliases, stages, loading."""
import sys
import warnings

import mlflow
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

warnings.simplefilter("ignore")
name = sys.argv[1]
client = mlflow.MlflowClient()
mlflow.set_experiment(name)
x, y = load_wine(return_X_y=True)

mlflow.sklearn.autolog(max_tuning_runs=2, log_models=False)
with mlflow.start_run() as tuned:
    search = GridSearchCV(LogisticRegression(max_iter=50), {"C": [0.1, 1.0]}, cv=2).fit(x, y)
mlflow.sklearn.autolog(disable=True)
run = client.get_run(tuned.info.run_id)
assert run.data.params["best_C"] == str(search.best_params_["C"])
children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
assert len(children) == 2

model = LogisticRegression(max_iter=50).fit(x, y)
with mlflow.start_run() as trained:
    mlflow.sklearn.log_model(model, "model", registered_model_name=name, pip_requirements=["scikit-learn"])
version = client.get_model_version(name, "1")
assert version.status == "READY" and version.run_id == trained.info.run_id
second = mlflow.register_model(f"runs:/{trained.info.run_id}/model", name, tags={"a": "b"})
assert str(second.version) == "2" and client.get_model_version(name, "2").tags == {"a": "b"}

client.set_registered_model_alias(name, "champion", "2")
assert str(client.get_model_version_by_alias(name, "champion").version) == "2"
client.transition_model_version_stage(name, "1", "Production")
assert [str(one.version) for one in client.get_latest_versions(name, ["Production"])] == ["1"]
expected = list(model.predict(x))
for uri in (f"models:/{name}@champion", f"models:/{name}/1", f"models:/{name}/Production",
            f"runs:/{trained.info.run_id}/model"):
    assert list(mlflow.pyfunc.load_model(uri).predict(x)) == expected, uri

client.update_registered_model(name, "words")
client.set_registered_model_tag(name, "team", "wine")
found = client.search_registered_models(f"name = '{name}'")
assert len(found) == 1 and found[0].description == "words" and found[0].tags == {"team": "wine"}
versions = client.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])
assert [str(one.version) for one in versions] == ["1", "2"]
client.delete_registered_model_alias(name, "champion")
client.delete_model_version(name, "1")
try:
    client.get_model_version(name, "1")
except MlflowException as refused:
    assert refused.error_code == "RESOURCE_DOES_NOT_EXIST"
else:
    raise AssertionError("a deleted version was found")
client.rename_registered_model(name, name + "-new")
client.delete_registered_model(name + "-new")
assert client.search_registered_models(f"name LIKE '{name}%'") == []
print("ok", mlflow.__version__)
