# SPDX-License-Identifier: Apache-2.0
"""MLflow's roles against people who want more than they may: what they say of objects, they say of nothing else."""
import pytest
from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer
from rest import Rest
from serving import Server

CAROL = "carol's password"


class House:
    def __init__(self, sluice):
        self.sluice = sluice
        sluice.write(".sluice/config.yaml", "auth: {default_permission: NO_PERMISSIONS}\n")
        add_user(sluice, "alice", ALICE, "--admin")
        add_user(sluice, "bob", BOB)
        add_user(sluice, "carol", CAROL)
        self.server = Server(sluice)
        self.alice, self.bob, self.carol = (
            As(self.server, basic(name, word)) for name, word in (("alice", ALICE), ("bob", BOB), ("carol", CAROL)))

    def roles(self, path, body, method="POST", who=None):
        return (who or self.alice).api(method, "/roles/" + path, body, version="3.0")

    def role(self, *said, of="bob", workspace="default", name="tasters"):
        made = self.roles("create", {"name": name, "workspace": workspace})["role"]["id"]
        for kind, pattern, permission in said:
            self.roles("permissions/add", {"role_id": made, "resource_type": kind, "resource_pattern": pattern,
                                           "permission": permission})
        self.roles("assign", {"username": of, "role_id": made})
        return made


@pytest.fixture
def house(sluice):
    house = House(sluice)
    yield house
    assert house.server.is_alive() and "Sanitizer" not in house.server.stop()


CHIEF = ("workspace", "*", "MANAGE")


def test_who_manages_the_workspace_has_no_rights_of_our_own_interface(house):
    """He sees the runs of experiments that he may read now; what takes an admin, or another role, still does."""
    house.sluice.pipeline("name: line\nsteps:\n  one: {run: 'true'}\n")
    house.alice.api("POST", "/experiments/create", {"name": "line"})
    alice = Rest(house.server, basic("alice", ALICE))
    bob = alice.as_user(basic("bob", BOB))
    before = bob.get("/home")
    del before["time"]
    house.role(CHIEF, ("experiment", "*", "MANAGE"), ("registered_model", "*", "MANAGE"))
    now = bob.get("/home")
    assert {name: now[name] for name in before} == before
    assert (before["role"], before["is_admin"]) == ("editor", False)
    for method, path in (("GET", "/activity"), ("GET", "/sources"), ("GET", "/schedules"), ("GET", "/channels"),
                         ("GET", "/deployment-jobs")):
        assert bob.ask(method, path)[0] == 403, path
    definition = {"definition": "name: own\nsteps:\n  one: {run: 'true'}\n"}
    assert bob.ask("POST", "/runs", definition)[0] == 403
    for method, path, body in (("POST", "/users/create", {"username": "dan", "password": "a dozen of roses"}),
                               ("GET", "/users/list", None), ("DELETE", "/users/delete", {"username": "carol"}),
                               ("PATCH", "/users/update-admin", {"username": "bob", "is_admin": True}),
                               ("GET", "/users/get?username=alice", None), ("GET", "/webhooks", None),
                               ("PATCH", "/users/update-password", {"username": "carol", "password": "x" * 12})):
        assert house.bob.status(method, path, body) == 403, path
    house.sluice("users", "role", "bob", "runner", expect=0)
    assert house.bob.status("POST", "/experiments/create", {"name": "more"}) == 403
    status, _, answer = house.bob.ask("POST", "/api/3.0/mlflow/roles/create", {"name": "x", "workspace": "default"})
    assert status == 403 and b"is a runner, and this takes an editor" in answer


def test_a_guard_stays_where_a_role_lets_somebody_manage_all(house):
    house.sluice.write(".sluice/config.yaml", "auth: {default_permission: NO_PERMISSIONS}\n"
                       "guards:\n  - {model: wine, alias: champion, gate: green}\n")
    house.server.stop()
    house.server = Server(house.sluice)
    house.alice, house.bob = (As(house.server, basic(*one)) for one in (("alice", ALICE), ("bob", BOB)))
    house.alice.api("POST", "/registered-models/create", {"name": "wine"})
    house.alice.api("POST", "/model-versions/create", {"name": "wine", "source": "s3://a/b"})
    house.role(CHIEF, ("registered_model", "wine", "MANAGE"))
    body = {"name": "wine", "alias": "champion", "version": "1"}
    status, _, answer = house.bob.ask("POST", "/api/2.0/mlflow/registered-models/alias", body)
    assert status != 200 and b"champion" in answer, answer
    assert house.bob.status("POST", "/registered-models/alias", {**body, "alias": "free"}) == 200


def test_tokens_for_less_neither_show_nor_change_roles(house):
    made = house.role(CHIEF)
    experiment = house.alice.api("POST", "/experiments/create", {"name": "mine"})["experiment_id"]
    for options in (["--role", "editor"], ["--role", "viewer"], ["--role", "admin", "--experiment", "mine"]):
        for name in ("alice", "bob"):
            token = As(house.server, bearer(add_token(house.sluice, name, *options)))
            for method, path in (("GET", f"/roles/get?role_id={made}"), ("GET", "/roles/list?workspace=default"),
                                 ("GET", f"/roles/permissions/list?role_id={made}"),
                                 ("GET", f"/users/roles/list?username={name}"),
                                 ("GET", f"/roles/users/list?role_id={made}"), ("DELETE", "/roles/delete")):
                body = {"role_id": made} if method == "DELETE" else None
                assert token.ask(method, "/api/3.0/mlflow" + path, body)[0] == 403, (options, name, path)
            for resource in (experiment, "*"):
                status = token.ask("POST", "/api/3.0/mlflow/users/permissions/grant", {
                    "username": "carol", "resource_type": "experiment", "resource_id": resource,
                    "permission": "MANAGE"})[0]
                assert status == 403, (options, name, resource)
    assert house.roles(f"get?role_id={made}", None, "GET")["role"]["id"] == made


def test_a_denial_holds_by_each_way_to_what_is_denied(house):
    """Though somebody is permitted everything by another role, and by himself."""
    experiment = house.alice.api("POST", "/experiments/create", {"name": "secret"})["experiment_id"]
    run = house.alice.api("POST", "/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    path = f"{experiment}/{run}/artifacts/a.txt"
    assert house.alice.put(path, b"the secret")[0] == 200
    house.role(("experiment", "*", "MANAGE"), ("registered_model", "*", "MANAGE"))
    house.alice.api("POST", "/experiments/permissions/create", {
        "experiment_id": experiment, "username": "bob", "permission": "MANAGE"})
    assert house.bob.get(path)[2] == b"the secret"
    house.role(("experiment", experiment, "DENY"), name="exiles")
    rest = Rest(house.server, basic("bob", BOB))
    query = {"query": 'query { mlflowGetRun(input: {runId: "%s"}) { run { info { runName } } } }' % run}
    for method, url, body in (
            ("GET", f"/api/2.0/mlflow/experiments/get?experiment_id={experiment}", None),
            ("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=secret", None),
            ("GET", f"/api/2.0/mlflow/runs/get?run_id={run}", None),
            ("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run}", None),
            ("GET", "/api/2.0/mlflow-artifacts/artifacts/" + path, None),
            ("GET", f"/get-artifact?run_id={run}&path=a.txt", None),
            ("POST", "/api/2.0/mlflow/runs/set-tag", {"run_id": run, "key": "a", "value": "b"}),
            ("POST", "/api/2.0/mlflow/experiments/permissions/create",
             {"experiment_id": experiment, "username": "carol", "permission": "READ"})):
        status, _, answer = house.bob.ask(method, url, body)
        assert status == 403 and b"the secret" not in answer, (method, url, status)
    assert "runs" not in house.bob.api("POST", "/runs/search", {"experiment_ids": [experiment]})
    assert [one["name"] for one in house.bob.api("POST", "/experiments/search", {"max_results": 9})[
        "experiments"]] == ["Default"]
    many = [str(1000 + i) for i in range(200)] + [experiment]  # more than are asked about one by one
    assert "runs" not in house.bob.api("POST", "/runs/search", {"experiment_ids": many})
    assert rest.get("/runs")["runs"] == []
    assert b"runName" not in house.bob.ask("POST", "/graphql", query)[2]
    house.roles("unassign", {"username": "bob", "role_id": 2}, "DELETE")
    assert house.bob.get(path)[2] == b"the secret"


def test_who_may_only_edit_a_model_makes_no_prompt_of_it(house):
    """What is denied of models would not be denied of it any more."""
    house.alice.api("POST", "/registered-models/create", {"name": "wine"})
    house.role(("registered_model", "wine", "EDIT"))
    house.role(("registered_model", "*", "DENY"), of="carol", name="exiles")
    tag = {"name": "wine", "key": "mlflow.prompt.is_prompt", "value": "true"}
    assert house.bob.status("POST", "/registered-models/set-tag", {**tag, "key": "free"}) == 200
    assert house.bob.status("POST", "/registered-models/set-tag", tag) == 403
    assert house.bob.status("DELETE", "/registered-models/delete-tag", tag) == 403
    assert house.alice.status("POST", "/registered-models/set-tag", tag) == 200


HOSTILE = ["", " ", "\x00", "x" * 100_000, "'; DROP TABLE users; --", "..", "%", "\u202e", "\ud83d\ude00" * 400, None,
           7, -1, 1.5, 10**30, True, [], {}, ["a"], {"a": 1}]


@pytest.mark.parametrize("method, path", [
    ("POST", "create"), ("PATCH", "update"), ("DELETE", "delete"), ("POST", "permissions/add"),
    ("PATCH", "permissions/update"), ("DELETE", "permissions/remove"), ("POST", "assign"), ("DELETE", "unassign")])
def test_hostile_values_are_refused_and_change_nothing(house, method, path):
    made = house.role(("experiment", "7", "READ"))
    good = {"name": "b", "workspace": "default", "description": "d", "role_id": made, "role_permission_id": 1,
            "resource_type": "experiment", "resource_pattern": "7", "permission": "READ", "username": "carol"}
    for field in good:
        for value in HOSTILE:
            status, _, answer = house.alice.ask(method, f"/api/3.0/mlflow/roles/{path}", {**good, field: value})
            assert status in (200, 400, 404, 409), (field, value, status, answer)
            if status == 200 and method == "DELETE" and "unassign" not in path:
                return  # it named what is there, by the fields that count
    for text in (b"", b"[]", b"null", b"\xff\xfe", b'{"role_id": ', b'{"role_id": {"a"' + b"[" * 5000):
        status, _, answer = house.alice.ask(method, f"/api/3.0/mlflow/roles/{path}", text,
                                            {"Content-Type": "application/json"})
        assert status == 400, (text[:20], status, answer)
    assert house.roles("list", None, "GET")["roles"]


def test_roles_outlive_a_restart_and_the_log_says_who_made_them(house):
    experiment = house.alice.api("POST", "/experiments/create", {"name": "kept"})["experiment_id"]
    made = house.role(("experiment", experiment, "EDIT"))
    house.server.stop()
    house.server = Server(house.sluice)
    alice, bob = As(house.server, basic("alice", ALICE)), As(house.server, basic("bob", BOB))
    assert bob.status("POST", "/runs/create", {"experiment_id": experiment}) == 200
    assert alice.api("GET", f"/roles/get?role_id={made}", version="3.0")["role"]["name"] == "tasters"
    listed = alice.api("GET", "/users/list")["users"]
    assert [[one["name"] for one in user["roles"]] for user in listed] == [[], ["tasters"], []]
    house.sluice("users", "rm", "bob", expect=0)
    assert alice.api("GET", f"/roles/users/list?role_id={made}", version="3.0")["assignments"] == []
    noted = [(row["actor"], row["action"], row["object"]) for row in house.sluice("activity", "--json", expect=0).json
             if row["action"].startswith("mlflow_role.")]
    assert sorted(noted) == sorted(("alice", "mlflow_role." + what, "MLflow role tasters")
                                   for what in ("created", "permission_changed", "assigned"))


def test_without_users_there_are_no_roles(sluice):
    server = Server(sluice)
    for method, path, body in (("GET", "/roles/list", None), ("GET", "/users/roles/list?username=bob", None),
                               ("POST", "/roles/create", {"name": "x", "workspace": "default"})):
        status, _, answer = As(server, {}).ask(method, "/api/3.0/mlflow" + path, body)
        assert status == 404 and b"the home has no users" in answer, answer
