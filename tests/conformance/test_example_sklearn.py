# SPDX-License-Identifier: Apache-2.0
"""examples/sklearn, as the head of its sluice.yaml says: with no server up, then seen by a client."""
import json
import os
import pathlib
import shutil
import sys

import mlflow
import pytest
from pipelines import Pipelines

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def example(tmp_path, request):
    """A copy of an example, whose python3 is that of this suite."""
    if request.config.getoption("--server") != "sluice":
        pytest.skip("MLflow's server runs no pipelines")
    opened = []

    def copy(name):
        folder = tmp_path / name
        shutil.copytree(ROOT / "examples" / name, folder)
        pipelines = Pipelines(folder, sys.executable)
        pipelines.env["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        opened.append(pipelines)
        return pipelines

    yield copy
    for pipelines in opened:
        pipelines.close()


def test_a_script_of_mlflows_users_is_judged_registered_approved_and_deployed(example, look_into):
    sklearn = example("sklearn")
    asked = sklearn("run", "--json", expect=5)
    train, evaluate = asked["steps"][0], asked["steps"][1]
    assert evaluate["outputs"]["passed"] is True and asked["steps"][3]["status"] == "waiting"
    done = sklearn("approve", "sklearn/1", "--resume", "--json")
    assert done["status"] == "succeeded"
    deployed = sklearn.folder / "deployed"
    assert list(deployed.rglob("MLmodel")) and (deployed / "current").exists()
    refused = sklearn("run", "-p", "measures=2", "--json", expect=6)
    assert refused["verdict"] == "refused" and "accuracy" in json.dumps(refused["steps"][1])
    client = look_into(sklearn)
    version = client.get_model_version_by_alias("wine-cultivar", "champion")
    assert (version.version, version.run_id) == ("1", train["run_id"])
    run = client.get_run(train["run_id"])
    assert run.data.metrics["best_cv_score"] > 0.9 and run.info.run_name == "wine cultivars"
    children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{train['run_id']}'")
    assert len(children) == 3 and all("logisticregression__C" in child.data.params for child in children)
    model = mlflow.pyfunc.load_model("models:/wine-cultivar@champion")
    assert len(model.predict(model.input_example)) == 2
