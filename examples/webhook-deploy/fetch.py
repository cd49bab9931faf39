"""Fetches the files of a version from another MLflow server."""
import argparse

import mlflow

parser = argparse.ArgumentParser()
for name in ("registry", "model", "version", "out"):
    parser.add_argument("--" + name, required=True)
options = parser.parse_args()

mlflow.set_tracking_uri(options.registry)
mlflow.artifacts.download_artifacts(f"models:/{options.model}/{options.version}", dst_path=options.out)
