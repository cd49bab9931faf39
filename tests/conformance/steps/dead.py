"""Shows the token of a step that has ended, at the address where it was good."""
import os

import requests

url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/experiments/get?experiment_id=0"
with open("token", encoding="utf-8") as file:
    dead = file.read()
for token, status in ((dead, 401), (os.environ["MLFLOW_TRACKING_TOKEN"], 200)):
    assert requests.get(url, timeout=10, headers={"Authorization": f"Bearer {token}"}).status_code == status
