# SPDX-License-Identifier: Apache-2.0
"""examples/deployment-job and examples/webhook-deploy, with the clients and the server of MLflow that they are for."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import mlflow
import pytest
import requests
from pipelines import Pipelines
from servers import BUILD, SERVERS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def wait_for(check, seconds=90):
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
    return found


class Example(Pipelines):
    """A copy of an example, with `sluice serve` in it, whose python3 is that of this suite."""

    def __init__(self, folder):
        super().__init__(folder, sys.executable)
        self.env["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), BUILD, os.environ["PATH"]])
        self.url = None

    def type_in(self, command, given=None, **env):
        return subprocess.run(command, shell=True, cwd=self.folder, env={**self.env, **env}, input=given, text=True,
                              capture_output=True, timeout=300, check=False)

    def expect(self, command, **more):
        done = self.type_in(command, **more)
        assert done.returncode == 0, command + "\n" + done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.expect(" ".join(["sluice", *arguments, "--json"])))

    def serve(self):
        process = self.start("serve", "--port", "0", "--pipelines", ".")
        self.url = re.search(r"http://\S+", process.stdout.readline()).group()
        wait_for(lambda: len(self.json("pipelines")) == len(list(self.folder.glob("*.yaml"))))
        return process


@pytest.fixture
def example(tmp_path, request):
    if request.config.getoption("--server") != "sluice":
        pytest.skip("MLflow's server runs no pipelines")
    opened = []

    def copy(name):
        shutil.copytree(ROOT / "examples" / name, tmp_path / name)
        opened.append(Example(tmp_path / name))
        return opened[-1]

    yield copy
    for one in opened:
        one.close()


def test_a_model_that_the_stock_client_registers_is_deployed_and_taken_back(example):
    job = example("deployment-job")
    job.expect("sluice users create root --admin", given="root's password\n")
    for name in ("ann", "bob"):
        job.expect(f"sluice users create {name}", given=f"{name}'s password\n")
    ann, bob = (job.expect(f"sluice tokens create --user {name}").split()[0] for name in ("ann", "bob"))
    job.serve()
    rest = job.url + "/api/sluice/v1"
    permit = requests.post(f"{job.url}/api/2.0/mlflow/experiments/create", timeout=30, json={"name": "cultivar-deploy"},
                           auth=("root", "root's password")).json()["experiment_id"]
    assert requests.post(f"{job.url}/api/2.0/mlflow/experiments/permissions/create", timeout=30,
                         auth=("root", "root's password"),
                         json={"experiment_id": permit, "username": "ann", "permission": "USE"}).status_code == 200

    def train(measures):
        job.expect(f"python3 train.py --measures {measures}", MLFLOW_TRACKING_URI=job.url, MLFLOW_TRACKING_TOKEN=bob,
                   MLFLOW_EXPERIMENT_NAME="of bob")

    def deployment(version, token=ann):
        return requests.get(f"{rest}/registered-models/cultivar/versions/{version}/deployment", timeout=30,
                            headers={"Authorization": "Bearer " + token}).json()

    def approve(version, token):
        wait_for(lambda: deployment(version)["run_state"] == "APPROVAL")
        headers = {"Authorization": "Bearer " + token}
        asked = requests.get(f"{rest}/approvals", timeout=30, headers={"Authorization": "Bearer " + ann}).json()
        number, = [one["approval_id"] for one in asked["approvals"]]
        return requests.post(f"{rest}/approvals/{number}/approve", timeout=30, json={"reason": "fine"},
                             headers=headers)

    train(13)
    assert approve(1, bob).status_code in (403, 409)  # he has made it
    assert deployment(1)["step"] == "approve"
    assert approve(1, ann).status_code == 200
    wait_for(lambda: deployment(1)["run_state"] == "SUCCEEDED")
    run = job.json("show", "cultivar-deploy/1")
    gate = next(step for step in run["steps"] if step["id"] == "gate")
    assert gate["outputs"]["n"] == 54 and gate["metrics"]["accuracy"] > 0.9
    current = job.folder / "deployed" / "current"
    assert (current / "MLmodel").exists()
    canary = job.folder / "deployed-canary" / "current"
    assert (canary / "MLmodel").read_bytes() == (current / "MLmodel").read_bytes()
    first = current.resolve()
    train(12)
    assert approve(2, ann).status_code == 200
    wait_for(lambda: deployment(2)["run_state"] == "SUCCEEDED")
    assert current.resolve() != first
    train(1)  # too poor: nobody is asked
    wait_for(lambda: deployment(3)["run_state"] == "FAILED")
    assert deployment(3)["step"] == "gate" and "accuracy" in deployment(3)["reason"]
    job.expect("sluice rollback cultivar champion -m 'the second one drifts'")
    wait_for(lambda: current.resolve() == first)
    backs = [(row["outcome"], row["reason"]) for row in job.json("triggers", "cultivar-back")]
    assert [outcome for outcome, _ in backs] == ["started", "filtered", "filtered"]
    client = mlflow.MlflowClient(job.url, job.url)
    assert client  # by the client as well, with bob's token
    os.environ.update(MLFLOW_TRACKING_TOKEN=bob)
    try:
        assert client.get_model_version("cultivar", "1").deployment_job_state.run_state == "SUCCEEDED"
        assert client.get_model_version_by_alias("cultivar", "champion").version == "1"
    finally:
        del os.environ["MLFLOW_TRACKING_TOKEN"]


def test_an_alias_that_moves_on_a_stock_server_deploys_that_version_once(example, tmp_path):
    job = example("webhook-deploy")
    secrets = re.findall(r"^#   (printf '[^']+' \| sluice secrets set \S+ -)",
                         "".join(path.read_text(encoding="utf-8") for path in job.folder.glob("*.yaml")), re.M)
    assert len(secrets) == 2
    for secret in secrets:
        job.expect(secret)
    (tmp_path / "registry").mkdir()
    registry = SERVERS["mlflow"](tmp_path / "registry").start()
    try:
        path = job.folder / "elsewhere.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("http://127.0.0.1:5001", registry.url))
        job.serve()
        client = mlflow.MlflowClient(registry.url, registry.url)
        mlflow.set_tracking_uri(registry.url)
        client.create_webhook(name="deploy", url=job.url + "/hooks/champion-elsewhere",
                              events=["model_version_alias.created"], secret="a secret of both sides")
        client.create_registered_model("tides")
        for slope in (0.25, 0.75):
            with mlflow.start_run() as run:
                mlflow.log_dict({"slope": slope}, "model/tides.json")
            client.create_model_version("tides", f"runs:/{run.info.run_id}/model", run.info.run_id)
        client.set_registered_model_alias("tides", "challenger", "1")
        client.set_registered_model_alias("tides", "champion", "2")
        wait_for(lambda: any(row["status"] == "waiting" for row in job.json("runs")))
        row = job.json("deploy-job", "status", "tides", "1")[0]
        assert (row["state"], row["run"], row["step"]) == ("APPROVAL", "deploy/1", "approve")
        assert not (job.folder / "deployed").exists()
        client.set_registered_model_alias("tides", "champion", "2")  # told again, as another delivery
        wait_for(lambda: len([one for one in job.json("deliveries", "list") if one["outcome"] == "accepted"]) == 2)
        job.expect("sluice approve deploy/1")
        wait_for(lambda: job.json("deploy-job", "status", "tides", "1")[0]["state"] == "SUCCEEDED")
        current = job.folder / "deployed/tides/current"
        assert json.loads((current / "tides.json").read_text(encoding="utf-8")) == {"slope": 0.75}
        wait_for(lambda: not [one for one in job.json("runs") if one["status"] in ("queued", "running", "waiting")])
        runs = sorted(one["run"] if "run" in one else f"{one['pipeline']}/{one['number']}" for one in job.json("runs"))
        assert runs == ["champion-elsewhere/1", "champion-elsewhere/2", "deploy/1"]  # fetched again, and deployed once
        assert sorted(one["outcome"] for one in job.json("deliveries", "list")) == ["accepted", "accepted", "ignored"]
    finally:
        mlflow.set_tracking_uri(None)
        registry.stop()
