"""Names an experiment of its own first, as most scripts do."""
import mlflow

mlflow.set_experiment("elsewhere")
with mlflow.start_run():
    mlflow.log_metric("score", 0.9)
