"""What a team does with a server of MLflow: five runs, and the best of them registered. It knows no sluice."""
import mlflow

mlflow.set_experiment("wine")
best = None
for depth in range(1, 6):
    with mlflow.start_run(run_name=f"depth {depth}") as run:
        mlflow.log_param("depth", depth)
        for step in range(10):
            mlflow.log_metric("accuracy", 1 - 1 / (depth + step), step=step)
        mlflow.log_text(f"a tree of depth {depth}\n", "model/tree.txt")
        best = run
client = mlflow.MlflowClient()
if not client.search_registered_models("name = 'wine'"):
    client.create_registered_model("wine")
version = client.create_model_version("wine", f"{best.info.artifact_uri}/model", run_id=best.info.run_id)
client.set_registered_model_alias("wine", "champion", version.version)
