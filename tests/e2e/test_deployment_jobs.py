# SPDX-License-Identifier: Apache-2.0
"""Deployment jobs: pipelines that new versions of registered models start, by hand as well, and what MLflow's clients,
the command line and REST are told of them (docs/deployment-jobs.md)."""
import json

import pytest
from accounts import add_token, add_user, bearer
from programs import wait_until
from rest import Rest
from serving import Server
from test_examples import type_in
from test_model_events import Registry

JOB = """\
name: {name}
"on": {{model_version: {{model: "{model}"}}}}
{more}
steps:
  check: {{run: 'echo "{says} ${{{{ params.model_name }}}} ${{{{ params.model_version }}}} by ${{{{ run.trigger }}}}"'}}
  ask: {{needs: [check], uses: approve, with: {{message: "may it go out?"}}}}
  deploy: {{needs: [ask], run: 'echo "{says} deploys" >> {folder}/deployed; test ! -e {folder}/broken'}}
"""


@pytest.fixture
def registry(sluice):
    return Registry(sluice)


def write_job(registry, name="wine-deploy", model="wine", says="v1", more=""):
    registry.sluice.write(f"pipelines/{name}.yaml", JOB.format(name=name, model=model, says=says, more=more,
                                                               folder=registry.sluice.folder))


def model_of(registry, name="wine"):
    answer = registry.server.api("GET", f"/registered-models/get?name={name}")["registered_model"]
    return answer.get("deployment_job_id"), answer.get("deployment_job_state")


def state_of(registry, version=1, name="wine"):
    return registry.server.api("GET", f"/model-versions/get?name={name}&version={version}")["model_version"].get(
        "deployment_job_state")


def status_of(registry, *arguments):
    rows = registry.sluice("deploy-job", "status", *arguments, "--json", expect=0).json
    return (rows[0]["state"], rows[0]["run"], rows[0]["step"]) if rows else None


def wait_for(registry, run_state, version=1):
    wait_until(lambda: (state_of(registry, version) or {}).get("run_state") == run_state)


def test_a_version_goes_through_its_job_with_the_definition_that_it_began_with(registry, sluice):
    """Approved, failed, retried: each with the file as it was when the version came."""
    write_job(registry)
    registry.serve()
    registry.create("wine")
    assert model_of(registry) == ("wine-deploy", "CONNECTED")
    wait_for(registry, "APPROVAL")
    run = sluice("show", "wine-deploy/1", "--json", expect=0).json
    assert state_of(registry) == {"job_id": "wine-deploy", "run_id": run["run_id"], "job_state": "CONNECTED",
                                  "run_state": "APPROVAL", "current_task_name": "ask"}
    assert run["params"] == {"model_name": "wine", "model_version": 1}
    assert "v1 wine 1 by model" in sluice("logs", "wine-deploy/1").out
    assert status_of(registry, "wine", "1") == ("APPROVAL", "wine-deploy/1", "ask")
    write_job(registry, says="v2")
    wait_until(lambda: [row["action"] for row in sluice("activity", "--json").json].count("pipeline.in_force") == 2)
    sluice.write("broken", "")
    sluice("approve", "wine-deploy/1", "-m", "good", expect=0)
    wait_for(registry, "FAILED")
    assert state_of(registry)["current_task_name"] == "deploy"
    (sluice.folder / "broken").unlink()
    sluice("retry", "wine-deploy/1", "-q", expect=0)
    wait_for(registry, "SUCCEEDED")
    done = state_of(registry)
    assert "current_task_name" not in done and done["run_id"] != run["run_id"]
    assert (sluice.folder / "deployed").read_text() == "v1 deploys\nv1 deploys\n"
    registry.create("wine")
    wait_for(registry, "APPROVAL", 2)
    assert "v2 wine 2" in sluice("logs", "wine-deploy/2", expect=0).out
    sluice("cancel", "wine-deploy/2", expect=0)
    wait_for(registry, "FAILED", 2)
    answer = registry.server.api("GET", "/registered-models/get?name=wine")["registered_model"]
    assert [one["deployment_job_state"]["run_state"] for one in answer["latest_versions"]] == ["FAILED"]


def test_a_model_chooses_its_job_or_none(registry, sluice):
    write_job(registry, "a-deploy", "*")
    write_job(registry, "wine-deploy", "wine*")
    write_job(registry, "beer-deploy", "beer*")
    registry.serve()
    registry.server.api("POST", "/registered-models/create", {"name": "wine", "deployment_job_id": "wine-deploy"})
    assert model_of(registry) == ("wine-deploy", "CONNECTED")
    registry.create("wine")
    wait_for(registry, "APPROVAL")
    assert [row[1] for name in ("a-deploy", "wine-deploy") for row in registry.triggers(name)] == ["started"]
    update = {"name": "wine", "description": "red"}  # says nothing of jobs, and changes nothing of them
    registry.server.api("PATCH", "/registered-models/update", update)
    assert model_of(registry) == ("wine-deploy", "CONNECTED")
    registry.server.api("PATCH", "/registered-models/update", {"name": "wine", "deployment_job_id": ""})
    answer = registry.server.api("GET", "/registered-models/get?name=wine")["registered_model"]
    assert answer["description"] == "red"
    assert model_of(registry) == (None, "NOT_SET_UP") and state_of(registry) is None
    registry.create("wine")
    registry.rest()
    assert len(registry.triggers("wine-deploy")) == 1
    for job, words in (("beer-deploy", "pipeline 'beer-deploy' is no deployment job of 'wine'"),
                       ("wine-deplyo", "did you mean 'wine-deploy'?")):
        for path, more in (("update", {"name": "wine"}), ("create", {"name": "other"})):
            status, _, body = registry.server.ask("PATCH" if path == "update" else "POST",
                                                  f"/api/2.0/mlflow/registered-models/{path}",
                                                  {**more, "deployment_job_id": job})
            told = json.loads(body)["message"].replace("'other'", "'wine'")
            assert status == 400 and told.startswith("deployment_job_id: ") and words in told, body
    assert registry.server.ask("GET", "/api/2.0/mlflow/registered-models/get?name=other")[0] == 404  # it left nothing
    sluice("deploy-job", "connect", "wine", expect=0)  # as in the beginning: whoever means it
    assert model_of(registry) == ("a-deploy", "CONNECTED")
    registry.create("wine")
    registry.rest()
    assert [len(registry.triggers(name)) for name in ("a-deploy", "wine-deploy", "beer-deploy")] == [1, 2, 0]
    sluice("deploy-job", "connect", "wine", "wine-deploy", expect=0)
    rows = {row["pipeline"]: row["state"] for row in sluice("deploy-job", "list", "wine", "--json").json}
    assert rows == {"a-deploy": "NOT_SET_UP", "wine-deploy": "CONNECTED"}
    write_job(registry, "wine-deploy", "grapes")
    wait_until(lambda: model_of(registry) == ("wine-deploy", "REQUIRED_PARAMETERS_CHANGED"))
    assert "has no 'on: model_version' for it any more" in sluice("deploy-job", "start", "wine", "1").err
    (sluice.folder / "pipelines/wine-deploy.yaml").unlink()
    wait_until(lambda: model_of(registry) == ("wine-deploy", "NOT_FOUND"))
    assert state_of(registry, 3)["job_state"] == "NOT_FOUND"
    assert state_of(registry, 2) == {"job_id": "wine-deploy", "job_state": "NOT_FOUND",
                                     "run_state": "NO_VALID_DEPLOYMENT_JOB_FOUND"}
    sluice("deploy-job", "disconnect", "wine", expect=0)
    assert model_of(registry) == (None, "NOT_SET_UP")
    moves = [(row["action"], row["from"], row["to"]) for row in reversed(sluice("activity", "--json").json)
             if row["action"].startswith("deployment_job.")]
    assert moves == [("deployment_job.connected", "whichever means it", "wine-deploy"),
                     ("deployment_job.disconnected", "wine-deploy", "none"),
                     ("deployment_job.connected", "none", "whichever means it"),
                     ("deployment_job.connected", "whichever means it", "wine-deploy"),
                     ("deployment_job.disconnected", "wine-deploy", "none")]


def test_it_is_started_by_hand(registry, sluice):
    registry.listen("none", "{schedule: {id: yearly, cron: '0 0 1 1 *'}}")
    write_job(registry)
    registry.serve()
    registry.create("beer")
    registry.server.stop()
    write_job(registry, more="params: {dry: {type: boolean, default: false}}")
    registry.serve()
    registry.create("wine")
    wait_for(registry, "APPROVAL")
    said = sluice("deploy-job", "start", "wine", "1", "-p", "dry=true", expect=0).out
    assert said.startswith("wine-deploy/2 is started for version 1 of wine")
    wait_until(lambda: status_of(registry, "wine", "1") == ("APPROVAL", "wine-deploy/2", "ask"))
    run = sluice("show", "wine-deploy/2", "--json").json
    assert run["params"] == {"model_name": "wine", "model_version": 1, "dry": True}
    assert "v1 wine 1 by manual" in sluice("logs", "wine-deploy/2").out
    assert [one["state"] for one in sluice("deploy-job", "list", "--json", expect=0).json] == ["CONNECTED"]
    for arguments, words in (
            (("wine", "7"), "there is no version 7 of a registered model 'wine'"),
            (("wine", "one"), "VERSION"),
            (("beer", "1"), "'beer' has no deployment job: no pipeline in force has 'on: model_version'"),
            (("beer", "1", "--pipeline", "wine-deploy"), "no deployment job of 'beer'"),
            (("wine", "1", "--pipeline", "none"), "these are: wine-deploy"),
            (("wine", "1", "--pipeline", "wine-deplyo"), "did you mean 'wine-deploy'?"),
            (("wine", "1", "-p", "wet=1"), "the pipeline has no param of this name"),
            (("wine", "1", "-p", "dry"), "expected NAME=VALUE")):
        result = sluice("deploy-job", "start", *arguments)
        assert result.code != 0 and words in result.err, result
    assert len(sluice("runs", "--json").json) == 2
    write_job(registry, "second", "*")
    wait_until(lambda: len(sluice("pipelines", "--json").json) == 3)
    said = sluice("deploy-job", "start", "wine", "1").err
    assert "has several deployment jobs, say which: second, wine-deploy" in said
    sluice("deploy-job", "start", "wine", "1", "--pipeline", "second", expect=0)
    wait_until(lambda: status_of(registry, "wine", "1") == ("APPROVAL", "second/1", "ask"))
    assert status_of(registry, "wine", "1", "--pipeline", "wine-deploy")[1] == "wine-deploy/2"


def test_by_rest(registry, sluice):
    write_job(registry, "a-deploy", "wine")
    write_job(registry, "wine-deploy", "wine")
    add_user(sluice, "root", "root's password", "--admin")
    add_user(sluice, "bob", "bob's password")
    root = bearer(add_token(sluice, "root", "--scope", "admin").split()[0])
    bob = bearer(add_token(sluice, "bob").split()[0])
    registry.serve()
    api = "/api/2.0/mlflow"
    for path, body in (("/registered-models/create", {"name": "wine"}),
                       ("/model-versions/create", {"name": "wine", "source": "s3://a/b"})):
        assert registry.server.ask("POST", api + path, body, bob)[0] == 200
    rest = Rest(registry.server, bob)
    version = "/registered-models/wine/versions/1/deployment"
    wait_until(lambda: rest.get(version)["run_state"] == "APPROVAL")
    found = rest.get(version)
    assert (found["job"], found["job_state"], found["step"]) == ("a-deploy", "CONNECTED", "ask")
    wait_until(lambda: len(rest.as_user(root).get("/runs")["runs"]) == 2)
    jobs = rest.as_user(root).pages("/deployment-jobs", "deployment_jobs", limit=1)
    assert [(one["pipeline"], one["model"]) for one in jobs] == [("a-deploy", "wine"), ("wine-deploy", "wine")]
    assert "several" in rest.post(version, {}, 422)["message"]
    assert "READ on experiment" in rest.post(version, {"pipeline": "wine-deploy"}, 403)["message"]
    experiment = json.loads(registry.server.ask("GET", f"{api}/experiments/get-by-name?experiment_name=wine-deploy",
                                                headers=root)[2])["experiment"]["experiment_id"]
    assert registry.server.ask("POST", api + "/experiments/permissions/create",
                               {"experiment_id": experiment, "username": "bob", "permission": "EDIT"}, root)[0] == 200
    run = rest.post(version, {"pipeline": "wine-deploy"}, 201, key="once")
    assert rest.post(version, {"pipeline": "wine-deploy"}, 201, key="once") == run
    assert (run["pipeline"], run["number"], run["actor"], run["trigger"]) == ("wine-deploy", "2", "bob", "manual")
    wait_until(lambda: rest.get(version)["run_id"] == run["run_id"])
    assert rest.post("/registered-models/wine/deployment-job", {"pipeline": "a-deploy"}) == {
        "model": "wine", "job": "a-deploy", "job_state": "CONNECTED", "jobs": ["a-deploy", "wine-deploy"]}
    assert rest.get("/registered-models/wine/deployment-job")["job"] == "a-deploy"
    assert rest.get("/registered-models/beer/deployment-job", 404)
    assert rest.post("/registered-models/wine/deployment-job", {"pipeline": ""})["job_state"] == "NOT_SET_UP"
    assert rest.post("/registered-models/wine/deployment-job", {})["job"] == "a-deploy"
    assert rest.post("/registered-models/wine/deployment-job", {"pipeline": "x"}, 422)["code"]
    assert rest.get("/registered-models/wine/versions/9/deployment", 404)
    assert rest.post("/registered-models/wine/versions/9/deployment", {}, 404)
    # Who may not edit the model starts nothing for it, and who does not manage it connects nothing.
    assert rest.as_user(root).post(version, {"pipeline": "wine-deploy"}, 201)
    add_user(sluice, "eve", "eve's password")
    eve = rest.as_user(bearer(add_token(sluice, "eve").split()[0]))
    for path in (version, "/registered-models/wine/deployment-job"):
        assert eve.ask("POST", path, {"pipeline": "wine-deploy"})[0] == 403
    assert registry.server.ask("PATCH", api + "/registered-models/update",
                               {"name": "wine", "deployment_job_id": ""}, bearer(add_token(sluice, "eve").split()[0])
                               )[0] == 403
    wait_until(lambda: not [row for row in sluice("runs", "--json").json if row["status"] in ("queued", "running")])


@pytest.mark.parametrize("params, words", [
    ("model_version: {type: boolean}", "gives 'model_version', the version's number: a param of type boolean cannot"),
    ("model_name: {type: integer}", "gives 'model_name', the registered model's name: a param of type integer cannot"),
])
def test_params_that_cannot_take_what_they_are_given_are_refused(sluice, params, words):
    text = JOB.format(name="j", model="*", says="", folder="/tmp", more=f"params: {{{params}}}")
    sluice.pipeline(text)
    result = sluice("validate")
    assert result.code == 3 and words in result.out + result.err


@pytest.mark.parametrize("on, words", [
    ("model_version: {model: ''}", "a glob that is empty matches nothing"),
    ("model_version: {}", "'model'"),
    ("model_version: {model: x, debounce: soon}", "duration"),
    ("model_version: {model: x, actions: [set]}", "has no key 'actions'"),
    ("model_alias: {model: x, actions: []}", "'actions' is empty"),
    ("model_alias: {model: x, actions: [moved]}", "expected one of"),
    ("model_tag: {model: x, kee: y}", "did you mean 'key'"),
    ("model_stage: {model: x, stage: ''}", "a glob that is empty"),
])
def test_what_is_wrong_below_on_is_said(sluice, on, words):
    sluice.pipeline(f'name: j\n"on": {{{on}}}\nsteps: {{a: {{run: "true"}}}}\n')
    result = sluice("validate")
    assert result.code == 3 and words in result.out + result.err, result


def test_a_job_that_is_run_otherwise_has_no_model(sluice):
    """By a schedule, or by hand: the params that the file does not name are then not there, and `??` says so."""
    sluice.pipeline("""\
        name: j
        "on": {model_version: {model: "*"}}
        steps:
          a: {run: "echo ${{ params.model_name ?? 'none' }} ${{ params.model_version ?? 0 }}"}
        """)
    assert sluice.run().json["params"] == {}
    sluice("run", "-q", "-p", "model_name=wine", "-p", "model_version=3", expect=0)
    assert "none 0" in sluice("logs", "j/1").out and "wine 3" in sluice("logs", "j/2").out


# ---- examples/webhook-deploy: the other half of it is in tests/conformance/test_example_deployment_job.py ------------


def test_a_signed_post_deploys_a_version_once(example):
    rung = example("webhook-deploy")
    head = [line[4:].split("  ")[0] for line in (rung.folder / "sluice.yaml").read_text().splitlines()
            if line.startswith("#   ")]
    make, secret, serve, send, approve = head
    assert type_in(rung, make).code == 0 and type_in(rung, secret).code == 0
    assert (serve, approve) == ("sluice serve --pipelines .", "sluice approve deploy/1")
    server = Server(rung, "--pipelines", ".")
    wait_until(lambda: len(rung("pipelines", "--json").json) == 3)
    send = send.replace("http://127.0.0.1:5000", server.url)
    assert '"accepted"' in type_in(rung, send).out
    wait_until(lambda: rung("runs", "--json").json[0]["status"] == "waiting")
    assert '"duplicate"' in type_in(rung, send).out
    row = rung("deploy-job", "status", "tides", "1", "--json", expect=0).json[0]
    assert (row["state"], row["run"], row["step"]) == ("APPROVAL", "deploy/1", "approve")
    told = server.api("GET", "/model-versions/get?name=tides&version=1")["model_version"]["deployment_job_state"]
    assert (told["job_id"], told["run_state"], told["run_id"]) == ("deploy", "APPROVAL", row["run_id"])
    forged = type_in(rung, "DEPLOY_HOOK=whsec_" + "A" * 44 + " " + send + " other")
    assert forged.code != 0 and "401" in forged.err
    assert not (rung.folder / "deployed").exists()
    assert type_in(rung, approve).code == 0
    current = rung.folder / "deployed/tides/current"
    wait_until(lambda: rung("show", "deploy/1", "--json").json["status"] == "succeeded")
    assert json.loads((current / "tides.json").read_text())["slope"] == 0.5
    assert '"duplicate"' in type_in(rung, send).out
    # Asked for once more, as another wish: the job runs again, and what serves already is not put there again.
    assert '"accepted"' in type_in(rung, send + " again").out
    wait_until(lambda: rung("runs", "--json").json[0]["status"] == "waiting")
    assert type_in(rung, "sluice approve deploy/2").code == 0
    wait_until(lambda: rung("show", "deploy/2", "--json").json["status"] == "succeeded")
    assert [rung("show", f"deploy/{number}", "--json").step("deploy")["outputs"]["changed"]
            for number in (1, 2)] == [True, False]
    assert [row["outcome"] for row in rung("deliveries", "list", "--json").json] == [
        "accepted", "duplicate", "refused", "duplicate", "accepted"]
