"""An ordinary training script of MLflow's users: autologging, a grid search, a model. Of sluice it knows nothing but a
folder for the file that the gate reads."""
import argparse
import csv
import os

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--measures", type=int, default=13)
options = parser.parse_args()

data, target = load_wine(return_X_y=True, as_frame=True)
train_x, test_x, train_y, test_y = train_test_split(data, target, random_state=options.seed, stratify=target)
seen = data.columns[:options.measures]

mlflow.sklearn.autolog(log_models=False, max_tuning_runs=3)
with mlflow.start_run(run_name="wine cultivars"):
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
                          {"logisticregression__C": [0.01, 0.1, 1.0]}, cv=3)
    search.fit(train_x[seen], train_y)
    best = search.best_estimator_
    mlflow.sklearn.log_model(best, name="wine", signature=infer_signature(train_x[seen], train_y),
                             input_example=train_x[seen].head(2))

with open(os.path.join(os.environ["SLUICE_STEP_DIR"], "holdout.csv"), "w", newline="", encoding="utf-8") as file:
    rows = csv.writer(file)
    rows.writerow([*data.columns, "cultivar", "predicted", "p0", "p1", "p2"])
    for measures, truth, said, chances in zip(test_x.itertuples(index=False), test_y, best.predict(test_x[seen]),
                                              best.predict_proba(test_x[seen])):
        rows.writerow([*measures, truth, said, *chances])
