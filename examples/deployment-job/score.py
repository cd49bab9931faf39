"""What a model says of the wines that train.py has not seen: beside the truth, for the gate; or how often it is right,
for whoever deploys it."""
import argparse
import csv
import json

import mlflow
from sklearn.datasets import load_wine

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True, help="folder of a model")
parser.add_argument("--out")
options = parser.parse_args()

model = mlflow.pyfunc.load_model(options.model)
data, cultivar = load_wine(return_X_y=True, as_frame=True)
unseen = [row for row in range(len(data)) if row % 10 < 3]
said = model.predict(data[model.metadata.signature.inputs.input_names()].iloc[unseen])

if options.out is None:
    print(json.dumps({"accuracy": float((said == cultivar.iloc[unseen]).mean())}))
else:
    with open(options.out, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["cultivar", "predicted"])
        rows.writerows(zip(cultivar.iloc[unseen], said))
