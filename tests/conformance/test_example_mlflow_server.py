# SPDX-License-Identifier: Apache-2.0
"""examples/mlflow-server: a server of MLflow is used, moved, and its clients go on at the same address."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import mlflow
import pytest
from pipelines import Pipelines
from servers import SERVERS

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def example(tmp_path, request):
    if request.config.getoption("--server") != "sluice":
        pytest.skip("MLflow's server takes nothing over")
    opened = []

    def copy(name):
        folder = tmp_path / name
        shutil.copytree(ROOT / "examples" / name, folder)
        pipelines = Pipelines(folder, sys.executable)
        pipelines.env["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        pipelines.env["SLUICE_HOME"] = str(folder / "home")  # where the server of this suite has its own
        opened.append(pipelines)
        return pipelines

    yield copy
    for pipelines in opened:
        pipelines.close()


def work(folder, url):
    """The team's script, with the address that it always had."""
    subprocess.run([sys.executable, folder / "team.py"], cwd=folder, check=True, timeout=300,
                   env={**os.environ, "MLFLOW_TRACKING_URI": url}, stdout=subprocess.DEVNULL)


def commands_of(folder):
    """What the head of the pipeline tells to type."""
    text = (folder / "sluice.yaml").read_text(encoding="utf-8")
    return re.findall(r"^#   sluice (\S.*?)  ", text, re.M)


def test_a_server_of_mlflow_is_moved_in_three_commands(example, tmp_path):
    (tmp_path / "trees").mkdir()
    moved = example("mlflow-server")
    folder = moved.folder
    old = SERVERS["mlflow"](folder).start()
    work(folder, old.url)
    before = [run.info.run_id for run in mlflow.MlflowClient(old.url).search_runs(["1"])]
    old.stop()
    (folder / "artifacts").rename(folder / "mlartifacts")  # where it is without the options of this suite
    assert commands_of(folder) == ["import mlflow.db --dry-run", "import mlflow.db", "serve", "run"]
    looked = moved("import", "mlflow.db", "--dry-run", "--json")
    assert looked["records"]["runs"]["imported"] == 5 and not (folder / "home").exists()
    done = moved("import", "mlflow.db", "--json")
    assert done["verified"] and done["files"]["imported"] == 5
    new = SERVERS["sluice"](folder).start(port=int(old.url.rpartition(":")[2]))
    try:
        assert new.url == old.url
        work(folder, old.url)
        client = mlflow.MlflowClient(new.url, new.url)
        assert [run.info.run_id for run in client.search_runs(["1"])][5:] == before
        assert client.get_model_version_by_alias("wine", "champion").version == "2"
        mlflow.set_tracking_uri(new.url)
        tree = client.download_artifacts(before[0], "model/tree.txt", str(tmp_path / "trees"))
        assert pathlib.Path(tree).read_text(encoding="utf-8") == "a tree of depth 5\n"
    finally:
        mlflow.set_tracking_uri(None)
        new.stop()
    run = moved("run", "--json")
    best = run["steps"][0]["outputs"]
    assert best["value"] == pytest.approx(1 - 1 / 14) and len(best["run_id"]) == 32 and run["status"] == "succeeded"
