"""The first script of every tutorial."""
import mlflow

with mlflow.start_run(run_name="first steps"):
    mlflow.log_param("alpha", 0.5)
    for step in range(5):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.set_tag("team", "ours")
    mlflow.log_text("hello", "notes/hello.txt")
print(mlflow.last_active_run().info.run_id)
