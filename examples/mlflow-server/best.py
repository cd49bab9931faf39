"""Names the best run of an experiment: MLflow's client, which finds the runs of the home with no server up."""
import os
import sys

import mlflow

experiment, metric = sys.argv[1:]
client = mlflow.MlflowClient()
found = client.get_experiment_by_name(experiment)
if found is None:
    sys.exit(f"there is no experiment '{experiment}': has mlflow.db been imported?")
best, = client.search_runs([found.experiment_id], order_by=[f"metrics.{metric} DESC"], max_results=1)
with open(os.environ["SLUICE_OUTPUT"], "a", encoding="utf-8") as out:
    out.write(f"run_id={best.info.run_id}\nvalue={best.data.metrics[metric]}\n")
