# SPDX-License-Identifier: Apache-2.0
"""sluice's own REST interface, asked by schemathesis all that its OpenAPI document allows, and what it does not.

Nothing that is not documented is answered, no answer breaks its schema, nothing that breaks one is taken, no 5xx.

`ignored_auth` is left out: it tries so many wrong passwords that they are put off with 429, as they should be.
tests/e2e/test_rest_users.py asks every operation without a password, and with a wrong one.
"""
import json
import os
import pathlib
import re
import subprocess

import pytest
from accounts import ADMIN, Asking
from servers import BUILD

PROGRAM = pathlib.Path(BUILD).absolute() / "clients/schemathesis/bin/schemathesis"
CONFIG = pathlib.Path(__file__).with_name("schemathesis.toml")

PIPELINE = """
name: asked
params: {word: {type: string, default: plain}}
steps:
  make:
    run: |
      seq 200
      printf 'y,p\\n1,1\\n2,2\\n3,3\\n' > "$SLUICE_STEP_DIR/data.csv"
      mkdir "$SLUICE_STEP_DIR/model"
      echo weights > "$SLUICE_STEP_DIR/model/weights"
    artifacts: {data: "${{ step.dir }}/data.csv"}
    model: {path: "${{ step.dir }}/model", name: asked}
  register: {uses: register, with: {model: "${{ steps.make.model_id }}", name: asked}}
  promote: {uses: alias, with: {model: asked, version: "${{ steps.register.version }}", set: champion}}
  judge:
    uses: evaluate
    with:
      dataset: "${{ steps.make.artifacts.data }}"
      type: regressor
      label: y
      prediction: p
      thresholds: {rmse: "<= 1"}
  ask: {needs: [judge, promote], uses: approve}
  use: {needs: [ask], run: "echo used"}
"""

# Ids that only lists tell, by operation.
KNOWN = """
[[operations]]
include-name = "GET /gates/{gate_id}"
parameters = { gate_id = "1" }

[[operations]]
include-name = "GET /plugins/{plugin}"
parameters = { plugin = "evaluate" }

[[operations]]
include-name = "GET /pipelines/{pipeline}"
parameters = { pipeline = "asked" }

[[operations]]
include-name = "GET /approvals/{approval_id}"
parameters = { approval_id = "1" }

[[operations]]
include-name = "POST /approvals/{approval_id}/approve"
parameters = { approval_id = "2" }

[[operations]]
include-name = "POST /approvals/{approval_id}/reject"
parameters = { approval_id = "3" }

[[operations]]
include-name = "GET /runs/{run_id}/logs/events"
parameters = { run_id = "ENDED" }

[[operations]]
include-name = "GET /registered-models/{name}/history"
parameters = { name = "asked" }

[[operations]]
include-name = "POST /registered-models/{name}/aliases/{alias}/rollback"
parameters = { name = "asked", alias = "champion" }

[[operations]]
include-name = "GET /registered-models/{name}/versions/{version}/comments"
parameters = { name = "asked", version = "1" }

[[operations]]
include-name = "POST /registered-models/{name}/versions/{version}/comments"
parameters = { name = "asked", version = "1" }

[[operations]]
include-name = "POST /registered-models/{name}/versions/{version}/evidence"
parameters = { name = "asked", version = "1" }

[[operations]]
include-name = "GET /runs/{run_id}/artifacts/file"
parameters = { run_id = "RUN", attempt_id = "1", path = "data.csv" }
"""


@pytest.fixture
def asked(request, tmp_path):
    """A server over a home with runs that wait, one that has ended, and a gate's record; and one of the runs."""
    if request.config.getoption("--server") != "sluice":
        pytest.skip("it is sluice's own interface")
    server = Asking(tmp_path / "server")
    (tmp_path / "asked.yaml").write_text(PIPELINE, encoding="utf-8")
    env = {**os.environ, "SLUICE_HOME": os.path.join(server.home, "home")}
    server.command("users", "create", ADMIN[0], "--admin", text=ADMIN[1])
    for _ in range(4):
        done = subprocess.run([os.path.join(BUILD, "sluice"), "run", "asked.yaml", "--new", "--json"], cwd=tmp_path,
                              env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 5, done
    server.command("cancel", "asked/4")
    server.start()
    yield server, json.loads(done.stdout)["run_id"]
    server.stop()


def test_schemathesis_finds_nothing(asked, tmp_path):
    server, ended = asked
    token = server.token(ADMIN[0], "--scope", "admin")
    config = tmp_path / "schemathesis.toml"
    first = json.loads(server.command("runs", "--json"))[-1]["run_id"]
    known = KNOWN.replace("RUN", first).replace("ENDED", ended)
    config.write_text(CONFIG.read_text(encoding="utf-8") + known, encoding="utf-8")
    options = {"--checks": "all", "--exclude-checks": "ignored_auth", "-H": f"Authorization: Bearer {token}",
               "--max-examples": "15", "--seed": "1", "--workers": "1", "--request-timeout": "20"}
    done = subprocess.run(
        [PROGRAM, "--config-file", config, "run", server.url + "/api/sluice/v1/openapi.json",
         "--generation-deterministic", "--no-color", *(word for option in options.items() for word in option)],
        cwd=tmp_path, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    operations = re.search(r"Tested: (\d+)", done.stdout)
    assert operations and int(operations[1]) >= 29, done.stdout[-3000:]
    noted = server.command("activity", "--limit", "5000", "--json")
    for action in ("model.commented", "alias.moved", "approval.delegated", "evidence.written"):
        assert f'"{action}"' in noted, action  # what there is was asked for, too
    assert server.process.poll() is None and "ERROR" not in server.log()
    assert "the chain holds" in server.command("activity", "verify")
