# SPDX-License-Identifier: Apache-2.0
"""MLflow's clients log in as their documents say: by name and password, or by a token."""
import os
import subprocess
import sys

import mlflow
import pytest
import requests
from accounts import ADMIN, USER, Asking, be
from mlflow.exceptions import MlflowException, RestException
from servers import BUILD

sys.path[:0] = [os.path.join(os.path.dirname(__file__), folder) for folder in ("../e2e", "scripts")]
from auth_client import AuthServiceClient  # noqa: E402
from certificates import Authority  # noqa: E402


@pytest.fixture(scope="module")
def asking(request, tmp_path_factory):
    if request.config.getoption("--server") != "sluice":
        pytest.skip("users are made by sluice's own commands")
    server = Asking(tmp_path_factory.mktemp("asking")).start()
    yield server
    server.stop()


@pytest.fixture
def client(asking, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", asking.url)
    mlflow.set_tracking_uri(asking.url)
    return mlflow.MlflowClient(asking.url)


def test_a_client_without_a_name_is_told_that_it_needs_one(client, monkeypatch):
    be(monkeypatch)
    with pytest.raises(MlflowException, match="MLFLOW_TRACKING_USERNAME"):
        client.search_experiments()
    be(monkeypatch, (USER[0], "a wrong password"))
    with pytest.raises(MlflowException, match="not authenticated"):
        client.search_experiments()


def test_the_page_is_told_how_somebody_came(asking):
    """By a password it offers to change it and to log out."""
    where = asking.url + "/ajax-api/2.0/mlflow/users/current"
    by_password = requests.get(where, auth=USER, timeout=60).json()
    by_token = requests.get(where, headers={"Authorization": f"Bearer {asking.token(USER[0])}"}, timeout=60).json()
    assert [answer["is_basic_auth"] for answer in (by_password, by_token)] == [True, False]
    assert by_password["user"] == by_token["user"]
    assert (by_token["user"]["username"], by_token["user"]["is_admin"]) == (USER[0], False)


@pytest.mark.parametrize("by", ["password", "token"])
def test_a_user_logs_files_metrics_and_models_into_what_is_his(asking, client, monkeypatch, tmp_path, unique, by):
    be(monkeypatch, USER) if by == "password" else be(monkeypatch, token=asking.token(USER[0]))
    unique = unique.partition("[")[0] + by
    mlflow.set_experiment(unique)
    (tmp_path / "a.txt").write_text("hello")
    with mlflow.start_run() as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_metric("loss", 0.5)
        mlflow.log_artifact(tmp_path / "a.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a.txt") == "hello"
    assert [one.info.run_id for one in client.search_runs([run.info.experiment_id])] == [run.info.run_id]
    client.create_registered_model(unique)
    assert unique in [model.name for model in client.search_registered_models()]
    be(monkeypatch, ADMIN)
    assert client.get_run(run.info.run_id).data.params == {"lr": "0.1"}


def test_what_others_made_can_be_read_and_no_more(client, monkeypatch, unique):
    be(monkeypatch, ADMIN)
    experiment = client.create_experiment(unique)
    run_id = client.create_run(experiment).info.run_id
    be(monkeypatch, USER)
    assert client.get_run(run_id).info.run_id == run_id
    for write in (lambda: client.log_metric(run_id, "a", 1), lambda: client.create_run(experiment),
                  lambda: client.delete_run(run_id), lambda: client.log_text(run_id, "x", "x.txt")):
        with pytest.raises((MlflowException, requests.HTTPError), match="Permission denied"):
            write()


def test_a_token_that_reads_one_experiment(asking, client, monkeypatch, unique):
    be(monkeypatch, ADMIN)
    experiment, other = client.create_experiment(unique), client.create_experiment(unique + "-other")
    run_id, hidden = client.create_run(experiment).info.run_id, client.create_run(other).info.run_id
    be(monkeypatch, token=asking.token(ADMIN[0], "--scope", "read", "--experiment", unique))
    assert [one.name for one in client.search_experiments()] == [unique]
    assert [one.info.run_id for one in client.search_runs([experiment, other])] == [run_id]
    with pytest.raises(RestException, match="Permission denied"):
        client.get_run(hidden)
    with pytest.raises(RestException, match="Permission denied"):
        client.log_param(run_id, "a", "b")


def test_over_tls_clients_believe_a_private_authority_and_no_other(tmp_path, monkeypatch, request, unique):
    if request.config.getoption("--server") != "sluice":
        pytest.skip("users are made by sluice's own commands")
    authority = Authority(tmp_path)
    server = Asking(tmp_path / "server", *authority.sign("server"))
    server.authority = authority.certificate
    server.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        mlflow.set_tracking_uri(server.url)
        be(monkeypatch, USER)
        client = mlflow.MlflowClient(server.url)
        with pytest.raises(MlflowException, match="CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
            client.search_experiments()
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", authority.certificate)
        mlflow.set_experiment(unique)
        with mlflow.start_run() as run:
            mlflow.log_metric("loss", 0.5)
            mlflow.log_text("hello", "a.txt")
        assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a.txt") == "hello"
        be(monkeypatch, token=server.token(USER[0], "--scope", "read"))
        assert client.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
    finally:
        server.stop()


def test_the_auth_client_makes_users_and_says_what_they_may(asking, client, monkeypatch, unique):
    be(monkeypatch, ADMIN)
    auth, carol, password = AuthServiceClient(asking.url), unique, "carol's password"
    made = auth.create_user(carol, password)
    assert (made.username, made.is_admin) == (carol, False)
    for name, word, words in ((carol, password, "already exists"), (carol + "2", "short", "at least 12 characters"),
                              ("", password, "username|Username"), ("a:b", password, "Invalid username")):
        with pytest.raises(RestException, match=words):
            auth.create_user(name, word)
    experiment = client.create_experiment(unique)
    client.create_registered_model(unique)
    with pytest.raises(RestException, match="Invalid resource type 'scorer'"):
        auth.grant_user_permission(carol, "scorer", "1", "READ")
    for kind, thing in (("experiment", experiment), ("registered_model", unique)):
        auth.grant_user_permission(carol, kind, thing, "DENY")
        found = auth.get_user_permission(carol, kind, thing)
        assert (found.allowed, found.permission) == (False, "DENY")
    be(monkeypatch, (carol, password))
    for refused in (lambda: client.get_experiment(experiment), lambda: client.get_registered_model(unique),
                    lambda: auth.grant_user_permission(carol, "experiment", experiment, "MANAGE"),
                    lambda: auth.get_user(ADMIN[0]), lambda: auth.create_user(carol + "2", password),
                    lambda: auth.update_user_admin(carol, True), lambda: auth.delete_user(ADMIN[0]),
                    lambda: auth.update_user_password(ADMIN[0], password)):
        with pytest.raises(RestException, match="Permission denied"):
            refused()
    assert experiment not in [one.experiment_id for one in client.search_experiments()]
    be(monkeypatch, ADMIN)
    auth.revoke_user_permission(carol, "experiment", experiment)
    auth.grant_user_permission(carol, "experiment", experiment, "EDIT")
    auth.revoke_user_permission(carol, "registered_model", unique)
    be(monkeypatch, (carol, password))
    client.log_metric(client.create_run(experiment).info.run_id, "loss", 1)
    assert client.get_registered_model(unique).name == unique
    with pytest.raises(RestException, match="has EDIT on experiment .*, and needs MANAGE"):
        client.delete_experiment(experiment)
    with pytest.raises(RestException, match="Current password does not match"):
        auth.update_user_password(carol, "another password", "a wrong password")
    auth.update_user_password(carol, "another password", password)
    with pytest.raises(MlflowException, match="not authenticated"):
        auth.get_user(carol)
    be(monkeypatch, (carol, "another password"))
    assert auth.get_user(carol).username == carol
    be(monkeypatch, token=asking.token(ADMIN[0]))
    with pytest.raises(RestException, match="is an editor by this token, and this takes an admin"):
        auth.delete_user(carol)
    be(monkeypatch, token=asking.token(ADMIN[0], "--scope", "admin"))
    auth.delete_user(carol)
    with pytest.raises(RestException, match="last admin"):
        auth.delete_user(ADMIN[0])
    with pytest.raises(RestException, match="last admin"):
        auth.update_user_admin(ADMIN[0], False)


def test_a_role_is_a_ceiling_for_the_real_client(asking, client, monkeypatch, unique):
    """Who is made by it is an editor; is_admin is the role admin; no role of MLflow's raises it."""
    be(monkeypatch, ADMIN)
    auth, dora, password = AuthServiceClient(asking.url), unique, "dora's password"
    auth.create_user(dora, password)
    experiment = client.create_experiment(unique)
    auth.grant_user_permission(dora, "experiment", experiment, "MANAGE")
    be(monkeypatch, (dora, password))
    run_id = client.create_run(experiment).info.run_id
    client.log_metric(run_id, "loss", 1)
    asking.command("users", "role", dora, "viewer")
    for refused in (lambda: client.log_metric(run_id, "loss", 2), lambda: client.delete_run(run_id),
                    lambda: client.create_experiment(unique + "2"), lambda: auth.update_user_admin(dora, True)):
        with pytest.raises(RestException, match="is a viewer, and this takes an (editor|admin)"):
            refused()
    assert client.get_run(run_id).data.metrics == {"loss": 1}
    found = auth.get_user_permission(dora, "experiment", experiment)
    assert (found.allowed, found.permission) == (False, "READ")
    assert auth.get_user(dora).is_admin is False
    be(monkeypatch, ADMIN)
    auth.update_user_admin(dora, True)
    be(monkeypatch, (dora, password))
    assert auth.get_user(ADMIN[0]).is_admin is True
    auth.update_user_admin(dora, False)
    client.log_metric(run_id, "loss", 2)
    be(monkeypatch, ADMIN)
    chiefs = auth.create_role("default", unique)
    auth.add_role_permission(chiefs.id, "workspace", "*", "MANAGE")
    auth.assign_role(dora, chiefs.id)
    asking.command("users", "role", dora, "viewer")
    be(monkeypatch, (dora, password))
    for refused in (lambda: client.log_metric(run_id, "loss", 3), lambda: auth.create_role("default", unique + "2"),
                    lambda: auth.update_user_admin(dora, True), lambda: auth.create_user(unique + "3", password)):
        with pytest.raises(RestException, match="is a viewer, and this takes an (editor|admin)"):
            refused()
    assert [one.id for one in auth.list_user_roles(dora)] == [chiefs.id]
    be(monkeypatch, ADMIN)
    auth.delete_role(chiefs.id)


@pytest.mark.parametrize("generation, script, who", [
    ("mlflow2", "tracking.py", USER), ("mlflow2", "registry.py", USER), ("mlflow3", "tracking.py", USER),
    ("mlflow3", "registry.py", USER), ("mlflow2", "permissions.py", ADMIN)])
def test_both_generations_get_their_work_done(asking, unique, tmp_path, generation, script, who):
    name = unique.partition("[")[0] + generation + script
    shown = {"MLFLOW_TRACKING_URI": asking.url, "MLFLOW_TRACKING_USERNAME": who[0],
             "MLFLOW_TRACKING_PASSWORD": who[1]}
    done = subprocess.run([os.path.join(BUILD, generation, "bin", "python"),
                           os.path.join(os.path.dirname(__file__), "scripts", script), name], cwd=tmp_path,
                          capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **shown})
    assert done.returncode == 0 and done.stdout.split()[-2] == "ok", done.stdout + done.stderr
