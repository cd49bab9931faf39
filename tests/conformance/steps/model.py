"""Autologging, a model, and its registration."""
import sys

import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

mlflow.sklearn.autolog(log_models=False)
data, target = load_iris(return_X_y=True)
with mlflow.start_run():
    model = LogisticRegression(max_iter=200).fit(data, target)
    info = mlflow.sklearn.log_model(model, name="classifier", registered_model_name=sys.argv[1])
loaded = mlflow.pyfunc.load_model(info.model_uri)
assert (loaded.predict(data) == model.predict(data)).all()
