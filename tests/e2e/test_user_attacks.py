# SPDX-License-Identifier: Apache-2.0
"""What somebody who has logged in tries, to get at what is not his: other ways to the same files, names in the wrong
places, rights that are taken away while he is at it."""
import json
import os
import signal
import threading
import time
import urllib.parse

from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer
from programs import cpu_seconds, wait_until
from serving import Server
from test_route_permissions import ask as ask_as
from test_route_permissions import make_objects, plains, routes

import pytest

FILES, MPU = "/api/2.0/mlflow-artifacts/artifacts/", "/api/2.0/mlflow-artifacts/mpu/"


class Home:
    """Alice is an admin; bob may read what nothing is said of."""

    def __init__(self, sluice, **options):
        self.sluice = sluice
        add_user(sluice, "alice", ALICE, "--admin")
        add_user(sluice, "bob", BOB)
        self.server = Server(sluice, **options)
        self.alice, self.bob = As(self.server, basic("alice", ALICE)), As(self.server, basic("bob", BOB))

    def secret(self, **more):
        """An experiment that bob may not even read, and a run of it."""
        made = self.alice.api("POST", "/experiments/create", {"name": "secret", **more})["experiment_id"]
        self.permit(made, "DENY")
        return made, self.alice.api("POST", "/runs/create", {"experiment_id": made})["run"]["info"]

    def permit(self, experiment, permission):
        body = {"resource_type": "experiment", "resource_id": experiment, "username": "bob", "permission": permission}
        self.alice.ask("POST", "/api/3.0/mlflow/users/permissions/revoke", body)  # what is said already stays else
        self.alice.api("POST", "/users/permissions/grant", body, version="3.0")

    def of_bob(self, name="bob's", **more):
        made = self.bob.api("POST", "/experiments/create", {"name": name, **more})["experiment_id"]
        return made, self.bob.api("POST", "/runs/create", {"experiment_id": made})["run"]["info"]["run_id"]


@pytest.fixture
def home(sluice):
    home = Home(sluice)
    yield home
    assert home.server.is_alive() and "Sanitizer" not in home.server.stop()


def refused(who, method, path, body=None, statuses=(403,)):
    status, _, answer = who.ask(method, path, body)
    assert status in statuses and b"the secret" not in answer, (method, path, status, answer)


# ---- files, by other ways ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("location, folder", [
    ("mlflow-artifacts:/team", "team"), ("mlflow-artifacts:/team/a/b", "team/a/b"), ("artifacts/team", "team"),
    ("mlflow-artifacts:/", ""), ("mlflow-artifacts:///team", "team"), ("mlflow-artifacts:/te%61m", "team"),
    ("MLFLOW-ARTIFACTS:/team", "team"),
    ("mlflow-artifacts:/7/team", "7/team"), ("mlflow-artifacts:/traces", "traces"), ("{home}/artifacts/team", "team")])
def test_files_of_an_experiment_with_a_place_of_its_own_are_as_the_experiment(home, location, folder):
    location = location.format(home=home.sluice.home)
    experiment, run = home.secret(artifact_location=location)
    base = f"{folder}/{run['run_id']}/artifacts".lstrip("/")
    assert home.alice.put(base + "/a/b.txt", b"the secret")[0] == 200
    name = base + "/a/b.txt"
    refused(home.bob, "GET", FILES + name)
    refused(home.bob, "PUT", FILES + name, b"x")
    refused(home.bob, "PUT", FILES + base + "/new", b"x")
    refused(home.bob, "DELETE", FILES + name, statuses=(400, 403))
    refused(home.bob, "GET", FILES[:-1] + f"?path={base}")
    refused(home.bob, "GET", FILES[:-1] + f"?path={base}/a")
    refused(home.bob, "GET", "/api/2.0/mlflow-artifacts/presigned/" + name)
    refused(home.bob, "POST", MPU + "create/" + base, {"path": "x", "num_parts": 1})
    refused(home.bob, "GET", f"/get-artifact?run_id={run['run_id']}&path=a/b.txt")
    assert home.alice.get(name)[2] == b"the secret"
    home.permit(experiment, "EDIT")
    status = home.bob.put(name, b"by bob")[0]
    assert status == 200 or ("%" in location and status == 403), "what we cannot read is refused, not let through"


def test_files_of_a_run_with_a_place_of_its_own_are_listed_and_read(home):
    _, run = home.of_bob(artifact_location="mlflow-artifacts:/bobs")
    assert home.bob.put(f"bobs/{run}/artifacts/a/b.txt", b"mine")[0] == 200
    listed = home.bob.api("GET", f"/artifacts/list?run_id={run}&path=a")
    assert listed["files"] == [{"path": "a/b.txt", "is_dir": False, "file_size": 4}]
    assert home.bob.ask("GET", f"/get-artifact?run_id={run}&path=a/b.txt")[2] == b"mine"
    address = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=c.txt"
    assert home.bob.ask("POST", address, b"more")[0] == 200
    assert home.bob.get(f"bobs/{run}/artifacts/c.txt")[2] == b"more"
    home.bob.api("POST", "/registered-models/create", {"name": "m"})
    body = {"name": "m", "source": f"mlflow-artifacts:/bobs/{run}/artifacts/a", "run_id": run}
    home.bob.api("POST", "/model-versions/create", body)
    assert home.bob.ask("GET", "/model-versions/get-artifact?name=m&version=1&path=b.txt")[2] == b"mine"
    assert home.bob.ask("DELETE", f"{FILES}bobs/{run}/artifacts/a")[0] == 200
    assert home.bob.get(f"bobs/{run}/artifacts/a/b.txt")[0] == 404


def test_no_experiment_is_placed_into_the_folder_of_another(home):
    experiment, run = home.secret()
    home.alice.put(f"{experiment}/{run['run_id']}/artifacts/a", b"x")
    for location in (f"mlflow-artifacts:/{experiment}", f"artifacts/{experiment}", "artifacts", "mlflow-artifacts:/",
                     f"mlflow-artifacts:/{experiment}/{run['run_id']}/artifacts",
                     f"mlflow-artifacts:/x/{run['run_id']}", f"mlflow-artifacts:///{experiment}/deeper",
                     f"MLFLOW-ARTIFACTS:/{experiment}", f"mlflow-artifacts://localhost/{experiment}"):
        status = home.bob.status("POST", "/experiments/create", {"name": "mine", "artifact_location": location})
        assert status in (400, 403), location
    home.alice.api("POST", "/experiments/create", {"name": "theirs", "artifact_location": "mlflow-artifacts:/team"})
    for location, expected in (("mlflow-artifacts:/team/below", 403), ("mlflow-artifacts:/team", 403),
                               ("mlflow-artifacts:/teams", 200), ("s3://bucket/team", 200)):
        body = {"name": location, "artifact_location": location}
        assert home.bob.status("POST", "/experiments/create", body) == expected, location


def test_an_id_of_ones_own_opens_no_folder_of_others(home):
    experiment, run = home.secret()
    trace = home.alice.api("POST", "/traces", {"experiment_id": experiment})["trace_info"]["request_id"]
    mine, own = home.of_bob()
    model = home.bob.api("POST", "/logged-models", {"experiment_id": mine})["model"]["info"]["model_id"]
    own_trace = home.bob.api("POST", "/traces", {"experiment_id": mine})["trace_info"]["request_id"]
    for folder in (f"{experiment}/{own}", f"{experiment}/models/{model}", f"{experiment}/traces/{own_trace}",
                   f"{experiment}/{own_trace}", f"{mine}/{run['run_id']}", f"{mine}/traces/{trace}",
                   f"x/{run['run_id']}", f"{mine}/x/{run['run_id']}", f"{experiment}/x/{own}"):
        for path in (f"{folder}/artifacts/x", f"{folder}/x"):
            for method, body in (("PUT", b"x"), ("GET", None)):
                refused(home.bob, method, FILES + path, body)
            refused(home.bob, "DELETE", FILES + path, statuses=(400, 403))
    assert not [path for path in (home.sluice.home / "artifacts").rglob("*") if path.is_file()]


def test_the_folder_of_all_is_the_admins(home):
    home.alice.put("0/a", b"x")
    for path in ("", "/", "?path=", "?path=%2F"):
        status, _, answer = home.bob.ask("GET", FILES[:-1] + path)
        assert status in (400, 403, 404), (path, answer)
    assert json.loads(home.alice.ask("GET", FILES[:-1] + "?path=")[2])["files"] == [{"path": "0", "is_dir": True}]


# ---- what else is theirs -------------------------------------------------------------------------------------------


def test_a_dataset_of_two_experiments_is_for_who_may_read_both(home):
    """To get it and to find it."""
    experiment, _ = home.secret()
    mine, _ = home.of_bob()

    def create(name, experiments, who):
        body = {"name": name, "experiment_ids": experiments}
        return who.api("POST", "/datasets/create", body, version="3.0")["dataset"]["dataset_id"]

    create("both", [experiment, mine], home.alice)
    create("none", [], home.alice)
    own = create("own", [mine], home.bob)
    for body in ({"experiment_ids": [mine]}, {"experiment_ids": [mine, mine]},
                 {"experiment_ids": [mine], "filter_string": "name LIKE '%o%'"}):
        found = home.bob.api("POST", "/datasets/search", body, version="3.0")["datasets"]
        assert [one["dataset_id"] for one in found] == [own]
    assert len(home.alice.api("POST", "/datasets/search", {}, version="3.0")["datasets"]) == 3
    for ids in ([], [experiment], [mine, experiment], ["no number"]):
        for path in ("create", "search"):
            body = {"name": "x", "experiment_ids": ids}
            refused(home.bob, "POST", f"/api/3.0/mlflow/datasets/{path}", body)
    token = As(home.server, bearer(add_token(home.sluice, "alice", "--experiment", "bob's")))
    found = token.api("POST", "/datasets/search", {"experiment_ids": [mine]}, version="3.0")["datasets"]
    assert [one["dataset_id"] for one in found] == [own]


def test_no_model_is_said_to_come_from_a_run_of_others(home):
    _, run = home.secret()
    mine, own = home.of_bob()
    for source, status in ((run["run_id"], 403), (own, 200), ("0" * 32, 200)):
        body = {"experiment_id": mine, "source_run_id": source}
        assert home.bob.status("POST", "/logged-models", body) == status


@pytest.mark.parametrize("body", [
    {"run_id": "{own}", "run_uuid": "{run}"}, {"runId": "{own}", "run_uuid": "{run}", "runUuid": "{run}"},
    {"run_uuid": "{own}", "runUuid": "{run}"}, {"run_id": "{run}", "runId": "{own}"}])
def test_a_request_that_names_two_runs_changes_none_of_others(home, body):
    _, run = home.secret()
    _, own = home.of_bob()
    sent = {key: value.format(own=own, run=run["run_id"]) for key, value in body.items()}
    home.bob.ask("POST", "/api/2.0/mlflow/runs/set-tag", {**sent, "key": "theirs", "value": "1"})
    assert "theirs" not in json.dumps(home.alice.api("GET", f"/runs/get?run_id={run['run_id']}"))


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_token_does_no_more_than_its_scope_by_any_route(home, scope):
    """Not even an admin's, who may do everything by his password."""
    names = make_objects(home.alice)
    token = As(home.server, bearer(add_token(home.sluice, "alice", "--scope", scope)))
    asked = 0
    for method, path, needs, of in routes():
        rules = of in ("ADMIN", "USER") or "/permissions/" in path or "/roles/" in path
        if rules or (scope == "read" and needs not in ("READ", "NO_PERMISSIONS")):
            body = {"username": "bob", "permission": "MANAGE", "resource_type": "experiment", "resource_id": "0",
                    "password": "a dozen of roses", "is_admin": True, "url": "https://hooks.example/",
                    "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}], "role_id": 1,
                    "role_permission_id": 1, "resource_pattern": "*", "workspace": "default"}
            asking = ("username", "resource_type", "resource_id", "role_id")
            body = body if method != "GET" else {name: body[name] for name in asking}
            status, answer = ask_as(token, {**names, **body}, method, path)
            assert status == 403 and b"this token" in answer, (method, path, answer)
            asked += 1
    assert asked > (60 if scope == "read" else 20)
    if scope == "read":
        for method, path in plains():
            if method != "GET" and path != "/graphql":
                status, _, answer = token.ask(method, path + "0/x/artifacts/a" * path.endswith("/"), {})
                assert status == 403 and b"this token" in answer, (method, path, answer)


# ---- rights that are taken away meanwhile ---------------------------------------------------------------------------


def in_threads(count, act):
    threads = [threading.Thread(target=act, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_who_is_no_admin_any_more_makes_no_more_users(home):
    """Passwords are hashed one after the other: many requests of an admin may still wait for it."""
    add_user(home.sluice, "carol", "carol's password", "--admin")
    carol = As(home.server, basic("carol", "carol's password"))
    assert home.alice.status("GET", "/users/current") == carol.status("GET", "/users/current") == 200
    answers = []

    def create(number):
        answers.append(carol.status("POST", "/users/create", {"username": f"u{number}", "password": "a password of u"}))

    # All have come before it looks at any: the first passwords are hashed while carol becomes one of many.
    home.server.hold()
    threads = in_threads(30, create)
    wait_until(lambda: home.server.unread() == 30)
    demoted = {"username": "carol", "is_admin": False}
    demotes = in_threads(1, lambda _: home.alice.api("PATCH", "/users/update-admin", demoted))
    wait_until(lambda: home.server.unread() == 31)
    os.kill(home.server.process.pid, signal.SIGCONT)
    demotes[0].join()
    then = len(home.alice.api("GET", "/users/list")["users"])
    for thread in threads:
        thread.join()
    assert then == len(home.alice.api("GET", "/users/list")["users"])
    assert set(answers) <= {200, 403, 503} and 403 in answers


def test_parts_are_not_put_together_for_who_may_not_write_any_more(home):
    experiment, run = home.secret()
    home.permit(experiment, "EDIT")
    folder = f"{experiment}/{run['run_id']}/artifacts"
    made = json.loads(home.bob.ask("POST", MPU + "create/" + folder, {"path": "big.bin", "num_parts": 2})[2])
    parts = []
    for one in made["credentials"]:
        address = urllib.parse.urlsplit(one["url"]).path
        etag = home.bob.ask("PUT", address, b"x" * (150 << 20))[1]["ETag"]
        parts.append({"part_number": one["part_number"], "etag": etag})
    answers = []
    body = {"path": "big.bin", "upload_id": made["upload_id"], "parts": parts}
    # Both have come before it looks at either: the permission changes while it puts the parts together, or before.
    home.server.hold()
    asked = in_threads(1, lambda _: answers.append(home.bob.ask("POST", MPU + "complete/" + folder, body)[0]))
    wait_until(lambda: home.server.unread() == 1)
    permits = in_threads(1, lambda _: home.permit(experiment, "READ"))
    wait_until(lambda: home.server.unread() == 2)
    os.kill(home.server.process.pid, signal.SIGCONT)
    for thread in asked + permits:
        thread.join()
    assert answers == [403] and home.alice.get(folder + "/big.bin")[0] == 404
    assert wait_until(lambda: not list((home.sluice.home / "incoming").iterdir()))


# ---- at once, and many at once ------------------------------------------------------------------------------------


def test_an_upload_that_is_ended_while_it_is_completed_is_one_or_the_other(home):
    _, run = home.of_bob()
    experiment = home.bob.api("GET", f"/runs/get?run_id={run}")["run"]["info"]["experiment_id"]
    folder = f"{experiment}/{run}/artifacts"
    for turn in range(6):
        name = f"f{turn}"
        made = json.loads(home.bob.ask("POST", MPU + "create/" + folder, {"path": name, "num_parts": 2})[2])
        parts = []
        for one in made["credentials"]:
            etag = home.bob.ask("PUT", urllib.parse.urlsplit(one["url"]).path, b"y" * (8 << 20))[1]["ETag"]
            parts.append({"part_number": one["part_number"], "etag": etag})
        body = {"path": name, "upload_id": made["upload_id"], "parts": parts}
        answers = {}

        def ask(number, body=body, answers=answers, turn=turn):
            what = ("complete", "abort", "complete")[number]
            time.sleep(number * turn * 0.003)
            answers[number] = home.bob.ask("POST", f"{MPU}{what}/{folder}", body)[0]

        for thread in in_threads(3, ask):
            thread.join()
        assert answers[1] == 200 and {answers[0], answers[2]} <= {200, 400, 404, 503}, answers
        found = home.bob.get(f"{folder}/{name}")
        assert found[0] == 404 or len(found[2]) == 16 << 20
        assert (found[0] == 200) == (200 in (answers[0], answers[2])), answers
    assert wait_until(lambda: not list((home.sluice.home / "incoming").iterdir()))
    assert all(path.suffix == ".done" for path in (home.sluice.home / "uploads").iterdir())


def test_a_request_that_names_a_million_experiments_keeps_nobody_waiting(home):
    """To find out what he may do with each takes no question to the store."""
    mine, run = home.of_bob()
    secret, _ = home.secret()
    ids = [str(number) for number in range(500_000)]
    begun = cpu_seconds(home.server.process.pid)
    assert home.alice.api("POST", "/runs/search", {"experiment_ids": ids})["runs"]
    admin_s = cpu_seconds(home.server.process.pid) - begun
    begun = cpu_seconds(home.server.process.pid)
    found = home.bob.api("POST", "/runs/search", {"experiment_ids": ids})["runs"]
    assert [one["info"]["run_id"] for one in found] == [run]
    assert cpu_seconds(home.server.process.pid) - begun < 3 * admin_s + 0.5
    body = {"name": "x", "experiment_ids": [mine] * 10_001}
    refused = home.bob.api("POST", "/datasets/create", body, version="3.0", expect=400)
    assert "at most 10000" in refused["message"]
    few = {"experiment_ids": [mine, *ids[:200], secret]}
    assert len(home.bob.api("POST", "/runs/search", few)["runs"]) == 1
    home.permit(secret, "READ")
    assert len(home.bob.api("POST", "/runs/search", few)["runs"]) == 2, "what was read before is not so any more"
    home.permit(mine, "DENY")
    assert len(home.bob.api("POST", "/runs/search", few)["runs"]) == 1


def test_no_answer_begins_a_session(home):
    for path in ("/", "/api/2.0/mlflow/users/current", "/health", "/nowhere", "/graphql", "/static-files/x"):
        status, headers, _ = home.bob.ask("GET", path, headers={"Cookie": "session=fixed; mlflow_user=alice"})
        assert headers["Set-Cookie"] is None, path
        stranger = home.server.ask("GET", path, headers={"Cookie": "session=fixed"})[0]
        assert stranger == (200 if path == "/health" else 401) and status != 500


@pytest.mark.parametrize("host", ["localhost:80@evil.example", "localhost:80/evil.example", "[::1].evil.example",
                                  "[::1]evil.example", "localhost:123456", "localhost:8o", "localhost: 80",
                                  "localhost:" + "1" * 7000, "127.0.0.1:x", "[::1]:80.evil.example"])
def test_what_is_no_host_and_port_is_no_host_of_ours(home, host):
    """Addresses of parts begin with it, and clients send their password there."""
    status, _, answer = home.bob.ask("GET", "/api/2.0/mlflow/users/current", headers={"Host": host})
    assert status in (400, 403, 431), (host, answer)


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-Proto": "https, http"}, {"X-Forwarded-Proto": "javascript"}, {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Prefix": "//evil.example"}, {"Forwarded": "host=evil.example;proto=http"}, {"X-Forwarded-Port": "1"}])
def test_addresses_of_parts_are_where_the_client_asked(home, headers):
    _, run = home.of_bob()
    experiment = home.bob.api("GET", f"/runs/get?run_id={run}")["run"]["info"]["experiment_id"]
    status, _, answer = home.bob.ask("POST", f"{MPU}create/{experiment}/{run}/artifacts",
                                     {"path": "a", "num_parts": 1}, headers)
    assert status == 200
    assert json.loads(answer)["credentials"][0]["url"].startswith(home.server.url + "/api/2.0/"), answer
