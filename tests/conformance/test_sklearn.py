# SPDX-License-Identifier: Apache-2.0
"""scikit-learn as its users log it: autologging, models saved, registered, loaded, evaluated."""
import warnings

import mlflow
import numpy
import pandas
import pytest
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def wine():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_wine(return_X_y=True, as_frame=True)


@pytest.fixture
def no_autolog():
    yield
    mlflow.sklearn.autolog(disable=True)


def test_autologging_of_a_grid_search(client, unique, wine, no_autolog):
    x, y = wine
    experiment = mlflow.set_experiment(unique).experiment_id
    mlflow.sklearn.autolog(max_tuning_runs=4)
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
                          {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]}, cv=3)
    with mlflow.start_run() as run:
        search.fit(x, y)
    parent = client.get_run(run.info.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.params["best_logisticregression__C"] == str(search.best_params_["logisticregression__C"])
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert parent.data.tags["estimator_name"] == "GridSearchCV"
    assert [item.dataset.source_type for item in parent.inputs.dataset_inputs]
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run.info.run_id}'",
                                  order_by=["metrics.mean_test_score DESC"])
    assert len(children) == 4 and all(child.info.status == "FINISHED" for child in children)
    assert sorted(child.data.params["logisticregression__C"] for child in children) == ["0.01", "0.1", "1.0", "10.0"]
    assert children[0].data.metrics["mean_test_score"] == search.best_score_
    models = client.search_logged_models([experiment])
    assert {model.name for model in models} >= {"model", "best_estimator"}
    assert all(model.source_run_id == run.info.run_id and model.status.value == "READY" for model in models)
    assert {model.model_id for model in parent.outputs.model_outputs} == {model.model_id for model in models}
    best = next(model for model in models if model.name == "best_estimator")
    assert list(mlflow.pyfunc.load_model(best.model_uri).predict(x[:20])) == list(search.predict(x[:20]))
    assert "cv_results.csv" in [one.path for one in client.list_artifacts(run.info.run_id)]


def test_a_model_from_fit_to_prediction(client, unique, wine):
    x, y = wine
    mlflow.set_experiment(unique)
    model = LogisticRegression(max_iter=5000).fit(x, y)
    with mlflow.start_run() as run:
        mlflow.log_metric("accuracy", model.score(x, y))
        info = mlflow.sklearn.log_model(model, name="classifier", registered_model_name=unique, input_example=x[:2],
                                        signature=infer_signature(x, model.predict(x)), params={"solver": "lbfgs"},
                                        metadata={"why": "test"})
    logged = client.get_logged_model(info.model_id)
    assert logged.name == "classifier" and logged.params == {"solver": "lbfgs"} and logged.status.value == "READY"
    assert [(point.key, point.value) for point in logged.metrics] == [("accuracy", model.score(x, y))]
    assert len(client.get_metric_history(run.info.run_id, "accuracy")) == 1
    client.set_registered_model_alias(unique, "champion", "1")
    version = client.get_model_version_by_alias(unique, "champion")
    assert version.run_id == run.info.run_id and version.source == f"models:/{info.model_id}"
    for uri in (f"models:/{unique}@champion", f"models:/{unique}/1", f"models:/{unique}/latest", info.model_uri,
                f"runs:/{run.info.run_id}/classifier"):
        loaded = mlflow.pyfunc.load_model(uri)
        assert numpy.array_equal(loaded.predict(x), model.predict(x)), uri
        assert loaded.metadata.model_id == info.model_id and loaded.metadata.metadata == {"why": "test"}
    native = mlflow.sklearn.load_model(f"models:/{unique}@champion")
    assert numpy.array_equal(native.coef_, model.coef_)
    assert mlflow.models.get_model_info(f"models:/{unique}/1").signature == info.signature


def test_a_second_version_takes_the_alias(client, unique, wine):
    x, y = wine
    mlflow.set_experiment(unique)
    for strength in (0.0001, 1.0):
        model = LogisticRegression(C=strength, max_iter=5000).fit(x, y)
        with mlflow.start_run():
            mlflow.sklearn.log_model(model, name="m", registered_model_name=unique, pip_requirements=["scikit-learn"])
    client.set_registered_model_alias(unique, "champion", "2")
    loaded = mlflow.pyfunc.load_model(f"models:/{unique}@champion")
    assert list(loaded.predict(x)) == list(model.predict(x))
    assert [version.version for version in client.search_model_versions(f"name = '{unique}'")] == ["2", "1"]


def test_evaluation_of_a_model(client, unique, wine):
    x, y = wine
    mlflow.set_experiment(unique)
    model = LogisticRegression(max_iter=5000).fit(x, y)
    data = pandas.DataFrame(x)
    data["label"] = y
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="m", pip_requirements=["scikit-learn"])
        result = mlflow.models.evaluate(info.model_uri, data, targets="label", model_type="classifier",
                                        evaluator_config={"log_explainer": False, "log_model_explainability": False})
    found = client.get_run(run.info.run_id)
    assert found.data.metrics["accuracy_score"] == model.score(x, y) == result.metrics["accuracy_score"]
    assert found.inputs.dataset_inputs and found.data.metrics["f1_score"] == result.metrics["f1_score"]
    assert [point.key for point in client.get_logged_model(info.model_id).metrics if point.key == "accuracy_score"]
    assert "confusion_matrix.png" in [one.path for one in client.list_artifacts(run.info.run_id)]


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        with open(context.artifacts["factor"], encoding="utf-8") as factor:
            return model_input * int(factor.read())


def test_a_python_model_with_a_file(unique, url, tmp_path):
    (tmp_path / "factor.txt").write_text("2")
    mlflow.set_experiment(unique)
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="doubler", python_model=Doubler(), pip_requirements=["pandas"],
                                       artifacts={"factor": str(tmp_path / "factor.txt")})
    assert list(mlflow.pyfunc.load_model(info.model_uri).predict(pandas.DataFrame({"x": [1, 2]}))["x"]) == [2, 4]
