"""One run after the other, and some in another."""
import mlflow

for depth in range(3):
    with mlflow.start_run(run_name=f"depth {depth}"):
        mlflow.log_param("depth", depth)
        mlflow.log_metric("score", depth / 3)
with mlflow.start_run(run_name="search"):
    for trial in range(2):
        with mlflow.start_run(nested=True, run_name=f"trial {trial}"):
            mlflow.log_metric("score", trial)
