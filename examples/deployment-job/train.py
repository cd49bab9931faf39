"""An ordinary training script of MLflow's users: it registers what it has made, and knows nothing of sluice."""
import argparse

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("--measures", type=int, default=13, help="how many of the 13 measures it may look at")
options = parser.parse_args()

data, cultivar = load_wine(return_X_y=True, as_frame=True)
seen = data.columns[:options.measures]
learnt = [row for row in range(len(data)) if row % 10 >= 3]  # the others are for score.py

with mlflow.start_run(run_name=f"{options.measures} measures"):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(data[seen].iloc[learnt], cultivar.iloc[learnt])
    mlflow.log_param("measures", options.measures)
    mlflow.sklearn.log_model(model, name="cultivar", signature=infer_signature(data[seen], cultivar),
                             registered_model_name="cultivar")
