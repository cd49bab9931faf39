# SPDX-License-Identifier: Apache-2.0
"""Tried against guards, and of no use: other files under what was approved, other places, other people."""
import json
import signal
import sqlite3
import subprocess
import time

import pytest
from accounts import add_user, basic
from guarding import activity, aliases, guards, make_version, me, promote
from loopback import Loopback
from programs import wait_until
from rest import API, user, with_admin
from serving import Server
from test_governance import LEGAL, give, move, name_of

CHAMPION = {"name": "wine", "alias": "champion"}


def model_id_of(sluice, version=1):
    rows = sluice("models", "show", "wine", "--json", expect=0).json
    return next(row["model_id"] for row in rows if row["version"] == version)


def log_model(server, content=b"one", **more):
    """A model as a client logs one, by HTTP alone; its id and the path of its file."""
    model = server.api("POST", "/logged-models", {"experiment_id": "0", "name": "wine", **more})["model"]["info"]
    path = model["artifact_uri"].removeprefix("mlflow-artifacts:").strip("/") + "/weights"
    assert server.put(path, content)[0] == 200
    server.api("PATCH", f"/logged-models/{model['model_id']}",
               {"model_id": model["model_id"], "status": "LOGGED_MODEL_READY"})
    return model["model_id"], path


def register(server, model_id, **more):
    if server.ask("GET", "/api/2.0/mlflow/registered-models/get?name=wine")[0] != 200:
        server.api("POST", "/registered-models/create", {"name": "wine"})
    made = server.api("POST", "/model-versions/create",
                      {"name": "wine", "source": f"models:/{model_id}", "model_id": model_id, **more})
    return int(made["model_version"]["version"])


def refused(server, method, path, body):
    answer = server.api(method, path, body, expect=403)
    assert answer["error_code"] == "PERMISSION_DENIED", answer
    return answer["message"]


# ---- other files -----------------------------------------------------------------------------------------------------

def test_a_version_that_names_an_approved_model_and_other_files_stands_nowhere(sluice):
    guards(sluice, LEGAL, {"model": "wine", "stage": "Production", "gate": "green"})
    version = make_version(sluice)
    move(sluice, 1, version)
    model_id = model_id_of(sluice)
    server = Server(sluice)
    for source in ("s3://elsewhere/weights", "https://elsewhere.example/weights"):
        other = register(server, model_id, source=source)
        said = refused(server, "POST", "/registered-models/alias", {**CHAMPION, "version": str(other)})
        assert f"the version's are at '{source}', which is not where those of {model_id} are" in said
        said = refused(server, "POST", "/model-versions/transition-stage",
                       {"name": "wine", "version": str(other), "stage": "Production"})
        assert "which is not where those of" in said
    uri = server.api("GET", f"/logged-models/{model_id}")["model"]["info"]["artifact_uri"]
    same = register(server, model_id, source=uri)  # as MLflow's clients register what a run has logged
    server.api("POST", "/registered-models/alias", {**CHAMPION, "version": str(same)})
    server.stop()
    assert promote(sluice, 2, expect=6).json["verdict"] == "refused"
    assert aliases(sluice) == {"champion": same}


def test_files_of_what_stands_where_a_guard_is_do_not_change(sluice):
    guards(sluice, {**LEGAL, "rollback": "free"}, {"model": "wine", "stage": "Production", "approvals": {me(): 1}})
    server = Server(sluice)
    model_id, path = log_model(server)
    version = register(server, model_id)
    assert server.put(path, b"one")[0] == 200  # nobody minds yet
    server.stop()
    make_version(sluice, "other")
    move(sluice, 1, version)
    server = Server(sluice)
    for name in (path, path + ".more"):
        status, _, answer = server.put(name, b"another")
        assert status == 403 and b"they do not change while it stands there" in answer, answer
    for name in (path, path.removesuffix("/weights")):
        assert server.ask("DELETE", "/api/2.0/mlflow-artifacts/artifacts/" + name)[0] == 403
    for method, body in (("DELETE", None), ("PATCH", {"model_id": model_id, "status": "LOGGED_MODEL_UPLOAD_FAILED"})):
        said = refused(server, method, f"/logged-models/{model_id}", body)
        assert "they do not change while it stands there" in said
    server.api("PATCH", f"/logged-models/{model_id}", {"model_id": model_id, "status": "LOGGED_MODEL_READY"})
    assert server.get(path)[2] == b"one"
    server.stop()
    move(sluice, 2, 2)
    server = Server(sluice)
    assert server.put(path, b"another")[0] == 200  # it stands nowhere now, and is not what it was when it did
    said = refused(server, "POST", "/registered-models/alias", {**CHAMPION, "version": str(version)})
    assert "lacks approval by 1 more of group:legal" in said
    server.put(path, b"one")
    server.api("POST", "/registered-models/alias", {**CHAMPION, "version": str(version)})
    server.api("POST", "/model-versions/transition-stage", {"name": "wine", "version": "1", "stage": "Production"})
    server.api("POST", "/registered-models/alias", {**CHAMPION, "version": "2"})
    status, _, answer = server.put(path, b"another")
    assert status == 403 and b"stage 'Production' of model 'wine'" in answer
    server.stop()


def test_a_gate_that_has_judged_other_files_is_not_green(sluice):
    guards(sluice, {"model": "wine", "alias": "champion", "gate": "green"})
    server = Server(sluice)
    model_id, path = log_model(server)
    register(server, model_id)
    server.stop()
    sluice.write("data.csv", "y,p\n1,1.1\n2,2.1\n3,2.8\n")
    sluice.pipeline("name: j\nsteps:\n  judge: {uses: evaluate, with: {dataset: {path: data.csv, name: data}, "
                    "label: y, prediction: p, type: regressor, thresholds: {rmse: '<= 1'}, model: '%s'}}\n" % model_id)
    sluice.run()
    server = Server(sluice)
    server.put(path, b"another")
    said = refused(server, "POST", "/registered-models/alias", {**CHAMPION, "version": "1"})
    assert "a green gate (j/judge judged other files)" in said
    server.put(path, b"one")
    server.api("POST", "/registered-models/alias", {**CHAMPION, "version": "1"})
    server.stop()


def test_a_branch_is_of_what_its_step_has_made_and_nobody_else_has_written_to(sluice):
    guards(sluice, {"model": "wine", "alias": "champion", "branches": ["main"]})
    sluice.write("sluice.yaml", "")
    for command in (["init", "-q", "-b", "main"], ["add", "sluice.yaml"],
                    ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=sluice.folder, check=True)
    version = make_version(sluice)
    with sqlite3.connect(sluice.home / "sluice.db") as database:
        [(run_id,)] = database.execute("SELECT source_run_id FROM logged_models").fetchall()
    server = Server(sluice)
    # A client names the step's run, or a run below it.
    below = server.run(tags=[{"key": "mlflow.parentRunId", "value": run_id}])["run_id"]
    for source in (run_id, below):
        model_id, _ = log_model(server, source_run_id=source)
        other = register(server, model_id)
        said = refused(server, "POST", "/registered-models/alias", {**CHAMPION, "version": str(other)})
        assert "a pipeline run on a branch of" in said and "none is known" in said
    server.api("POST", "/registered-models/alias", {**CHAMPION, "version": str(version)})
    server.stop()


def test_a_model_whose_files_are_elsewhere_has_nothing_that_could_be_approved(sluice):
    guards(sluice, LEGAL)
    make_version(sluice)
    server = Server(sluice)
    experiment = server.api("POST", "/experiments/create", {"name": "far", "artifact_location": "s3://far/away"})
    model = server.api("POST", "/logged-models", {"experiment_id": experiment["experiment_id"], "name": "wine"})
    model_id = model["model"]["info"]["model_id"]
    server.api("PATCH", f"/logged-models/{model_id}", {"model_id": model_id, "status": "LOGGED_MODEL_READY"})
    version = register(server, model_id)
    said = refused(server, "POST", "/registered-models/alias", {**CHAMPION, "version": str(version)})
    assert "lacks files in this home" in said
    server.stop()


def test_an_import_puts_no_other_files_under_a_guarded_alias(sluice, tmp_path):
    make_version(sluice)
    promote(sluice, 1)
    store = tmp_path / "out.db"
    sluice("export", f"sqlite:///{store}", expect=0)
    other = sluice.__class__(tmp_path / "other")
    other.folder.mkdir()
    guards(other)
    other("import", f"sqlite:///{store}", expect=0)
    assert aliases(other) == {"champion": 1}
    guards(other, LEGAL)
    with sqlite3.connect(store) as database:
        database.execute("UPDATE model_versions SET storage_location = 's3://elsewhere/weights', "
                         "last_updated_time = last_updated_time + 1")
    done = other("import", f"sqlite:///{store}")
    assert "guarded by config.yaml" in done.out + done.err, done
    with sqlite3.connect(other.home / "sluice.db") as database:
        [(place,)] = database.execute("SELECT storage_location FROM model_versions").fetchall()
    assert not place.startswith("s3:")
    other.close()


def test_an_approval_of_a_version_without_a_logged_model_is_of_that_version(sluice):
    sluice.pipeline("""\
        name: ask
        steps:
          ask: {uses: approve, with: {of: "models:/wine@challenger"}}
          after: {run: "touch after", needs: [ask]}
        """)
    server = Server(sluice)
    server.api("POST", "/registered-models/create", {"name": "wine"})
    for bucket in ("good", "evil"):
        server.api("POST", "/model-versions/create", {"name": "wine", "source": f"s3://{bucket}/model"})
    server.api("POST", "/registered-models/alias", {"name": "wine", "alias": "challenger", "version": "1"})
    server.stop()
    sluice.run(expect=5)
    server = Server(sluice)
    server.api("POST", "/registered-models/alias", {"name": "wine", "alias": "challenger", "version": "2"})
    server.stop()
    sluice("approve", "ask/1", expect=0)
    assert sluice("resume", "ask/1", "--json", expect=6).step("ask")["reason"].startswith("void")
    assert not (sluice.folder / "after").exists()


def test_who_is_asked_to_let_something_be_taken_away_reads_so(sluice):
    guards(sluice, LEGAL)
    move(sluice, 1, make_version(sluice))
    sluice.write("quiet.lua", """\
        if sluice.resumed then
          sluice.call("registry.alias", {name = "wine", alias = "champion", version = 0})
          return
        end
        sluice.wait{kind = "approval", of = "models:/wine/1", removes = "wine@champion", message = "read the report?"}
        """)
    sluice.pipeline("name: q\nsteps: {quiet: {lua: quiet.lua}}\n")
    sluice.run(expect=5)
    [row] = sluice("approvals", "--json", expect=0).json
    assert row["message"] == "to take it from wine@champion: read the report?"
    sluice("approve", "q/1", "--resume", expect=0)
    assert aliases(sluice) == {}


# ---- other places ----------------------------------------------------------------------------------------------------

def deploy(sluice, model, target, more="", expect=0):
    sluice.pipeline(f"name: d\nsteps:\n  put: {{uses: deploy, with: {{model: '{model}', target: {target}{more}}}}}\n")
    return sluice.run(expect=expect)


def test_a_folder_that_is_not_there_yet_is_guarded_however_it_is_written(sluice):
    (sluice.folder / "srv" / "models").mkdir(parents=True)
    (sluice.folder / "link").symlink_to(sluice.folder / "srv" / "models")
    guards(sluice, {"model": "wine", "target": f"{sluice.folder}/srv/models/**", "approvals": {"group:legal": 1}})
    make_version(sluice)
    ways = ["link/new", "srv/other/../models/new", "srv/./models//new", f"{sluice.folder}/srv/models/new/deep/..",
            "link/not/there/../../new"]
    for number, way in enumerate(ways, 1):
        deploy(sluice, "models:/wine/1", f"{{directory: '{way}'}}", expect=5)
        sluice("cancel", f"d/{number}", expect=0)
    assert list((sluice.folder / "srv" / "models").iterdir()) == []
    deploy(sluice, "models:/wine/1", "{directory: srv/elsewhere}")


def test_a_service_is_guarded_however_its_url_is_written(sluice):
    web = Loopback()
    web.answers["/deploy"] = (200, "ok")
    port = web.url.rpartition(":")[2].strip("/")
    guards(sluice, {"model": "wine", "target": f"http://127.0.0.1:{port}/**", "approvals": {"group:legal": 1}})
    make_version(sluice)
    for number, url in enumerate((f"HTTP://127.0.0.1:{port}/x/../deploy", f"http://me@127.0.0.1:{port}/deploy",
                                  f"http://127.0.0.1:{port}/%64eploy", f"http://127.0.0.1.:{port}/deploy"), 1):
        deploy(sluice, "models:/wine/1", f"{{http: '{url}'}}", expect=5)
        sluice("cancel", f"d/{number}", expect=0)
    assert web.seen == []
    web.close()


@pytest.mark.parametrize("staged", [False, True])
def test_going_back_puts_nothing_where_a_guard_is_that_lacks_something(sluice, staged):
    """`previous` is what the step was given: not what serves there."""
    guards(sluice, {"model": "wine", "target": "prod", "approvals": {"group:legal": 1}})
    make_version(sluice)
    make_version(sluice, "evil")
    told = sluice.folder / "told"
    sluice.write("tell.sh", f'echo "$SLUICE_DEPLOY_ACTION $SLUICE_MODEL_URI" >> {told}; '
                            'test "$SLUICE_DEPLOY_ACTION" = rollback\n')
    stages = ", stages: [{weight: 50, for: 10ms}]" if staged else ""
    more = f", name: prod, previous: 'models:/wine/2'{stages}"
    deploy(sluice, "models:/wine/1", "{command: [sh, tell.sh]}", more, expect=5)
    sluice("approve", "d/1", "-m", "wine/1 is good", expect=0)
    sluice("resume", "d/1", "--json", expect=5)
    assert not told.exists()
    [asked] = sluice("approvals", "--json", expect=0).json
    assert asked["of"] == model_id_of(sluice, 2)
    sluice("reject", "d/1", "-m", "that one is not", expect=0)
    result = sluice("resume", "d/1", "--json", expect=6)
    assert result.json["verdict"] == "refused" and not told.exists()


def test_where_it_is_told_to_go_back_is_guarded_too(sluice):
    guards(sluice, {"model": "wine", "target": "http://127.0.0.1:9/prod", "approvals": {"group:legal": 1}},
           {"model": "wine", "target": "prod.sh", "approvals": {"group:legal": 1}})
    make_version(sluice)
    deploy(sluice, "models:/wine/1", "{http: 'http://127.0.0.1:9/mine', rollback: 'http://127.0.0.1:9/./prod'}",
           expect=5)
    deploy(sluice, "models:/wine/1", "{command: [mine.sh], rollback: [prod.sh]}", expect=5)


# ---- other people ----------------------------------------------------------------------------------------------------

ASK_LOOSELY = """\
    name: loose
    steps:
      ask: {uses: approve, with: {of: models:/wine/1, by: ["group:legal"]}}
    """


def test_an_author_is_no_voice_for_another_in_a_request_that_does_not_exclude_him(sluice):
    giver = name_of(1)
    guards(sluice, {**LEGAL, "not_by": ["author"]}, groups={"legal": [giver]})
    version = make_version(sluice)
    give(sluice, 1, "--to", me(), "--until", "1h")
    sluice.pipeline(ASK_LOOSELY, "loose.yaml")
    sluice("run", "loose.yaml", expect=5)
    sluice("approve", "loose/1", "-m", "mine, and good", "--resume", expect=0)
    assert promote(sluice, version, expect=5).json["status"] == "waiting"
    assert "not_by" in sluice("approve", "promote/1", expect=6).err or aliases(sluice) == {}
    assert aliases(sluice) == {}


def test_a_home_with_users_of_the_server_has_more_than_one(sluice):
    """Whatever groups: says: who starts a run as one of them does not approve it himself."""
    add_user(sluice, "root", "root's password", "--admin")
    add_user(sluice, "alice", "alice's password")
    sluice.write(".sluice/config.yaml", json.dumps({"auth": {"default_permission": "EDIT"}, "guards": [
        {"model": "wine", "alias": "champion", "approvals": {"alice": 1}, "not_by": ["author"]}]}) + "\n")
    sluice.pipeline("name: p\nsteps: {ask: {uses: approve, with: {not_by: [author]}}}\n")
    sluice.run(expect=5)
    [row] = sluice("approvals", "--all", "--json", expect=0).json
    assert "not_by excludes who made it" in sluice("approve", "p/1", expect=6).err, row


def test_a_home_of_one_whose_login_he_is_has_one(sluice):
    add_user(sluice, me(), "a long password", "--admin")
    sluice.pipeline("name: p\nsteps: {ask: {uses: approve, with: {not_by: [author]}}}\n")
    sluice.run(expect=5)
    sluice("approve", "p/1", "--resume", expect=0)


def test_who_started_the_run_that_is_taken_up_again_is_an_author(sluice):
    """Bob runs alice's run again, and what she has trained is asked about: she does not approve it."""
    other = name_of(1)
    guards(sluice, groups={"legal": [other, me()]})
    sluice.pipeline("""\
        name: again
        steps:
          train: {run: "echo trained"}
          check: {needs: [train], run: "test -e ready"}
          ask: {needs: [check], uses: approve, with: {not_by: [author]}}
        """)
    sluice.run(expect=1)
    with sqlite3.connect(sluice.home / "sluice.db") as database:  # as if another had started it
        database.execute("UPDATE pipeline_runs SET actor = ?", (other,))
    sluice.write("ready", "")
    sluice("retry", "again/1", expect=5)
    [row] = sluice("approvals", "--json", expect=0).json
    with sqlite3.connect(sluice.home / "sluice.db") as database:
        [(spec,)] = database.execute("SELECT spec FROM waits").fetchall()
    assert sorted(json.loads(spec)["authors"]) == sorted([me(), other]), row


def test_who_trained_a_model_is_an_author_of_it_by_whatever_name_it_is_asked_about(sluice):
    other = name_of(1)
    guards(sluice, groups={"legal": [other, me()]})
    make_version(sluice)
    with sqlite3.connect(sluice.home / "sluice.db") as database:
        database.execute("UPDATE pipeline_runs SET actor = ?", (other,))
        database.execute("UPDATE runs SET user = ?", (other,))
        database.execute("UPDATE model_versions SET user = ''")
    sluice.pipeline("name: p\nsteps: {ask: {uses: approve, with: {of: %s, not_by: [author]}}}\n" % model_id_of(sluice))
    sluice.run(expect=5)
    with sqlite3.connect(sluice.home / "sluice.db") as database:
        [(spec,)] = database.execute("SELECT spec FROM waits").fetchall()
    assert sorted(json.loads(spec)["authors"]) == sorted([me(), other])


def test_the_user_of_a_run_is_who_made_it_whatever_a_client_says(sluice):
    add_user(sluice, "root", "root's password", "--admin")
    add_user(sluice, "alice", "alice's password")
    sluice.write(".sluice/config.yaml", "auth: {default_permission: EDIT}\n")
    server = Server(sluice)
    status, _, answer = server.ask("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": "0", "user_id": "lena"},
                                   basic("alice", "alice's password"))
    assert status == 200 and json.loads(answer)["run"]["info"]["user_id"] == "alice"
    server.stop()


def test_a_tag_is_no_yes_of_somebody_who_may_not_use_the_experiment(sluice):
    document = {"groups": {"legal": ["lena"], "others": [me()]}, "auth": {"default_permission": "EDIT"}}
    sluice.write(".sluice/config.yaml", json.dumps(document) + "\n")
    make_version(sluice)
    sluice.pipeline("name: t\nsteps: {approval: {uses: approve, with: {of: models:/wine/1, by: ['group:legal']}}}\n")
    sluice.run(expect=5)
    admin = with_admin(sluice)
    user(admin, sluice, "lena", "--scope", "write")
    [asked] = admin.get("/approvals")["approvals"]
    with sqlite3.connect(sluice.home / "sluice.db") as database:
        [(experiment,)] = database.execute("SELECT experiment_id FROM pipeline_runs WHERE pipeline = 't'").fetchall()
    body = {"experiment_id": str(experiment), "username": "lena", "permission": "READ"}
    status, _, answer = admin.server.ask("POST", "/api/2.0/mlflow/experiments/permissions/create", body, admin.headers)
    assert status == 200, answer
    tag = {"name": "wine", "version": "1", "key": "approval", "value": "Approved"}
    headers = {"Authorization": "Bearer " + sluice("tokens", "create", "--user", "lena", expect=0).out.strip()}
    status, _, answer = admin.server.ask("POST", "/api/2.0/mlflow/model-versions/set-tag", tag, headers)
    assert status == 200, answer
    assert admin.get(f"/approvals/{asked['approval_id']}")["votes"] == []
    body["permission"] = "USE"
    status, _, answer = admin.server.ask("PATCH", "/api/2.0/mlflow/experiments/permissions/update", body, admin.headers)
    assert status == 200, answer
    admin.server.ask("POST", "/api/2.0/mlflow/model-versions/set-tag", tag, headers)
    assert len(admin.get(f"/approvals/{asked['approval_id']}")["votes"]) == 1
    admin.server.stop()


# ---- too late, and without a word ------------------------------------------------------------------------------------

def test_no_word_counts_after_the_end_though_nobody_has_looked_since(sluice):
    sluice.pipeline("name: p\nsteps: {ask: {uses: approve, with: {expires: 1h}}, "
                    "after: {needs: [ask], run: touch after}}")
    sluice.run(expect=5)
    with sqlite3.connect(sluice.home / "sluice.db") as database:  # an hour later, nobody has had the home meanwhile
        database.execute("UPDATE waits SET expires_ms = created_ms")
    assert "waits for no approval" in sluice("approve", "p/1", expect=1).err
    assert not activity(sluice, "approval.approved")
    result = sluice("resume", "p/1", "--json", expect=6)
    assert "expired" in result.step("ask")["reason"] and not (sluice.folder / "after").exists()


def test_no_word_counts_that_is_read_after_the_end(sluice):
    """The server stands still from before the end of a request until behind it, and has the word by then."""
    admin = with_admin(sluice)
    sluice.write("p.yaml", "name: p\nsteps: {ask: {uses: approve, with: {expires: 8s}}, "
                           "after: {needs: [ask], run: echo}}\n")
    run_id = sluice("run", "p.yaml", "--json", expect=5).json["run_id"]
    [asked] = wait_until(lambda: admin.get("/approvals")["approvals"])
    head = f"POST {API}/approvals/{asked['approval_id']}/approve HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in admin.headers.items())
    with admin.server.connect() as line:
        admin.server.process.send_signal(signal.SIGSTOP)
        line.sendall((head + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").encode())
        time.sleep(8.5)
        admin.server.process.send_signal(signal.SIGCONT)
        answer = line.recv(65536)
    assert b"HTTP/1.1 200" not in answer, answer
    assert admin.wait(run_id)["verdict"] == "refused"
    [ended] = admin.get("/approvals?status=all")["approvals"]
    assert ended["status"] == "expired" and ended["votes"] == []
    admin.server.stop()


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_rejection_has_a_reason(sluice, reason):
    sluice.pipeline("name: p\nsteps: {ask: {uses: approve, with: {}}}\n")
    sluice.run(expect=5)
    assert "needs" in sluice("reject", "p/1", "-m", reason).err
    assert [row["state"] for row in sluice("approvals", "--all", "--json", expect=0).json] == ["open"]
