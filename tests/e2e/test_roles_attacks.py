# SPDX-License-Identifier: Apache-2.0
"""What users try in order to do more than their role lets them, and what is so at once when a role changes."""
import http.client
import json
import signal

import pytest
from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer, with_input
from guarding import me
from programs import wait_until
from rest import Rest
from serving import Server

LIST = "/api/2.0/mlflow/users/list"


@pytest.fixture
def home(sluice):
    add_user(sluice, "alice", ALICE, "--admin")
    add_user(sluice, "bob", BOB, "--role", "viewer")
    return sluice


@pytest.fixture
def server(home):
    return Server(home)


def status(server, headers, path=LIST, method="GET", body=None):
    return server.ask(method, path, body, headers)[0]


def reload(sluice, server, text):
    """config.yaml is another, and taken."""
    def count():
        return len(sluice("activity", "--action", "config.loaded", "--json", expect=0).json)
    before = count()
    sluice.write(".sluice/config.yaml", text)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: count() > before)


class Line:
    """A connection that stays open."""

    def __init__(self, server, headers):
        self.line, self.headers = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60), headers

    def ask(self, path=LIST, method="GET", body=None):
        data = None if body is None else json.dumps(body)
        self.line.request(method, path, data, {**self.headers, "Content-Type": "application/json"})
        with self.line.getresponse() as answer:
            answer.read()
            return answer.status


def test_a_token_of_the_role_admin_is_worth_what_its_user_is(home, server):
    home("users", "role", "bob", "admin", expect=0)
    line = Line(server, bearer(add_token(home, "bob", "--role", "admin")))
    assert line.ask() == 200
    home("users", "role", "bob", "editor", expect=0)
    assert line.ask() == 403
    home("users", "role", "bob", "admin", expect=0)
    assert line.ask() == 200


def test_another_role_is_so_at_the_next_request_of_a_connection_that_is_open(home, server):
    line = Line(server, basic("bob", BOB))
    create = ("/api/2.0/mlflow/experiments/create", "POST")
    assert line.ask(*create, {"name": "first"}) == 403
    home("users", "role", "bob", "editor", expect=0)
    assert line.ask(*create, {"name": "second"}) == 200
    home("users", "role", "bob", "viewer", expect=0)
    assert line.ask(*create, {"name": "third"}) == 403


def test_another_group_is_so_at_the_next_request_of_a_connection_that_is_open(home, server):
    line, token = Line(server, basic("bob", BOB)), Line(server, bearer(add_token(home, "bob", "--role", "approver")))
    assert (line.ask(), token.ask()) == (403, 403)
    reload(home, server, "groups: {chiefs: [bob]}\nauth: {group_roles: {chiefs: admin}}\n")
    assert (line.ask(), token.ask()) == (200, 403)
    [row] = [one for one in home("users", "list", "--json", expect=0).json if one["name"] == "bob"]
    assert (row["role"], row["with_groups"]) == ("viewer", "admin")
    reload(home, server, "groups: {chiefs: [eve]}\nauth: {group_roles: {chiefs: admin}}\n")
    assert line.ask() == 403


@pytest.mark.parametrize("text, words", [
    ("auth: {group_roles: {chiefs: admin}}", "there is no group 'chiefs'"),
    ("groups: {chief: [bob]}\nauth: {group_roles: {chiefs: admin}}", "did you mean 'chief'"),
    ("groups: {chiefs: [bob]}\nauth: {group_roles: {chiefs: boss}}", "boss"),
    ("groups: {chiefs: [bob]}\nauth: {group_roles: {chiefs: [admin]}}", "the role of group 'chiefs'"),
    ("groups: {chiefs: [bob]}\nauth: {group_roles: admin}", "group_roles"),
])
def test_groups_and_roles_that_there_are_not_are_refused_and_what_was_in_force_stays(home, server, text, words):
    reload(home, server, "groups: {chiefs: [bob]}\nauth: {group_roles: {chiefs: admin}}\n")
    home.write(".sluice/config.yaml", text + "\n")
    server.process.send_signal(signal.SIGHUP)
    rows = wait_until(lambda: home("activity", "--action", "config.refused", "--json", expect=0).json)
    assert words in rows[0]["reason"] + home("config", expect=None).err, rows
    assert status(server, basic("bob", BOB)) == 200


def test_a_user_who_is_made_again_has_nothing_of_the_one_before(home, server):
    home("users", "role", "bob", "editor", expect=0)
    bob = As(server, basic("bob", BOB))
    made = bob.api("POST", "/experiments/create", {"name": "bob's"})["experiment_id"]
    token = bearer(add_token(home, "bob", "--role", "admin"))
    old = Line(server, basic("bob", BOB))
    assert old.ask("/api/2.0/mlflow/experiments/get?experiment_id=0") == 200
    home("users", "rm", "bob", expect=0)
    add_user(home, "bob", "another person's password", "--role", "viewer")
    assert status(server, token) == 401 and old.ask() == 401
    again = As(server, basic("bob", "another person's password"))
    assert again.status("POST", "/experiments/delete", {"experiment_id": made}) == 403
    home("users", "role", "bob", "editor", expect=0)
    assert again.status("POST", "/experiments/delete", {"experiment_id": made}) == 403, "what he manages is gone"
    assert status(server, token) == 401


def test_a_viewer_who_manages_something_writes_nothing_of_it(home, server):
    admin, bob = As(server, basic("alice", ALICE)), As(server, basic("bob", BOB))
    mine = admin.api("POST", "/experiments/create", {"name": "mine"})["experiment_id"]
    grant = {"experiment_id": mine, "username": "bob", "permission": "MANAGE"}
    admin.api("POST", "/experiments/permissions/create", grant)
    run = admin.api("POST", "/runs/create", {"experiment_id": mine})["run"]["info"]["run_id"]
    for path, body in (("/runs/create", {"experiment_id": mine}), ("/experiments/delete", {"experiment_id": mine}),
                       ("/runs/set-tag", {"run_id": run, "key": "a", "value": "b"}),
                       ("/experiments/permissions/update", {**grant, "username": "alice", "permission": "READ"}),
                       ("/users/create", {"username": "eve", "password": "a long password"})):
        assert bob.status("POST" if "update" not in path else "PATCH", path, body) == 403, path
    assert bob.put(f"{mine}/{run}/artifacts/a.txt", b"x")[0] == 403
    for body in ({"username": "bob", "is_admin": True}, {"username": "alice", "is_admin": False}):
        assert bob.status("PATCH", "/users/update-admin", body) == 403
    found = server.ask("GET", "/api/3.0/mlflow/users/permissions/get?username=bob&resource_type=experiment"
                       f"&resource_id={mine}", None, basic("bob", BOB))
    assert json.loads(found[2])["permission"] == "READ"
    assert bob.api("GET", f"/runs/get?run_id={run}")["run"]["info"]["run_id"] == run


def test_a_token_raises_nobody_and_knows_no_other_roles(home, server):
    token = bearer(add_token(home, "bob", "--role", "admin"))
    assert status(server, token) == 403
    assert status(server, token, "/api/2.0/mlflow/experiments/create", "POST", {"name": "x"}) == 403
    assert "did you mean" in home("tokens", "create", "--user", "bob", "--role", "admni", expect=2).err
    both = ("--role", "admin", "--scope", "read")
    assert "one of them" in home("tokens", "create", "--user", "bob", *both, expect=2).err
    assert "which of them" in with_input(home, BOB, "users", "create", "x", "--admin", "--role", "viewer",
                                         expect=2).stderr


def test_an_upload_is_not_taken_when_the_role_was_lost_meanwhile(home, server):
    home("users", "role", "bob", "editor", expect=0)
    bob = As(server, basic("bob", BOB))
    mine = bob.api("POST", "/experiments/create", {"name": "mine"})["experiment_id"]
    run = bob.api("POST", "/runs/create", {"experiment_id": mine})["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/{mine}/{run}/artifacts/a.txt"
    head = (f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 8\r\n"
            f"Authorization: {basic('bob', BOB)['Authorization']}\r\n\r\n")
    with server.connect() as line:
        line.sendall(head.encode() + b"half")
        home("users", "role", "bob", "viewer", expect=0)
        line.sendall(b"half")
        assert line.recv(4096).split()[1] == b"403"
    assert server.ask("GET", path, None, basic("alice", ALICE))[0] == 404


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "X-Forwarded-User",
                                    "X-Remote-User", "Remote-User", "X-Role"])
def test_a_header_makes_nobody_somebody_else_or_from_elsewhere(home, server, header):
    address = {"Forwarded": "for=203.0.113.9"}.get(header, "203.0.113.9")
    value = "alice" if "ser" in header or "Role" in header else address
    said = {**basic("bob", BOB), header: value}
    assert status(server, said) == 403 and status(server, {header: value}) == 401
    assert server.ask("POST", "/api/2.0/mlflow/experiments/create", {"name": header},
                      {**basic("alice", ALICE), header: value})[0] == 200
    rows = home("activity", "--json", expect=0).json
    assert {row["address"] for row in rows if row["action"] in ("call.refused", "experiment.created")} == {"127.0.0.1"}
    assert {row["actor"] for row in rows if row["action"] == "call.refused"} == {"bob", "nobody"}


def test_an_admin_by_his_group_is_none_when_it_comes_to_the_last_admin(home, server):
    reload(home, server, "groups: {chiefs: [bob]}\nauth: {group_roles: {chiefs: admin}}\n")
    bob = As(server, basic("bob", BOB))
    assert bob.status("DELETE", "/users/delete", {"username": "alice"}) == 400
    assert "last admin" in home("users", "role", "alice", "viewer", expect=1).err
    me = bob.api("GET", "/users/current")["user"]
    assert me["is_admin"] is True


# ---- starting what is in force --------------------------------------------------------------------------------------

def test_a_runner_starts_what_is_in_force_and_has_never_run(home):
    home.write("pipelines/fresh.yaml", "name: fresh\nsteps: {a: {run: sleep 60}}\n")
    home.write("pipelines/hidden.yaml", "name: hidden\nsteps: {a: {run: 'true'}}\n")
    server = Server(home, "--pipelines", "pipelines")
    alice = Rest(server, bearer(add_token(home, "alice", "--role", "admin")))
    bob = alice.as_user(basic("bob", BOB))
    start = {"pipeline": "fresh"}
    assert bob.post("/runs", start, 403)["message"].endswith("is a viewer, and this takes a runner")
    home("users", "role", "bob", "runner", expect=0)
    bob.post("/runs", {"pipeline": "nowhere"}, 404)
    bob.post("/runs", {**start, "workspace": "/tmp"}, 422)
    bound = bob.as_user(bearer(add_token(home, "bob", "--role", "runner", "--experiment", "Default")))
    assert "only for what is in its experiments" in bound.post("/runs", start, 403)["message"]
    run = bob.post("/runs", start, 201)
    assert run["number"] == "1"
    bob.wait(run["run_id"], "running")
    assert bob.post(f"/runs/{run['run_id']}/cancel", None, 202)["cancelling"] is True
    bob.wait(run["run_id"], "cancelled")
    bob.post(f"/runs/{run['run_id']}/retry", None, 201)
    [started] = alice.get("/activity?action=run.started&object_id=" + run["run_id"])["activity"]
    assert (started["actor"], started["means"], started["address"]) == ("bob", "password", "127.0.0.1")
    admin = As(server, alice.headers)
    made = admin.api("POST", "/experiments/create", {"name": "hidden"})["experiment_id"]
    body = {"experiment_id": made, "username": "bob", "permission": "NO_PERMISSIONS"}
    admin.api("POST", "/experiments/permissions/create", body)
    bob.post("/runs", {"pipeline": "hidden"}, 404)
    admin.api("PATCH", "/experiments/permissions/update", {**body, "permission": "READ"})
    bob.post("/runs", {"pipeline": "hidden"}, 403)
    admin.api("PATCH", "/experiments/permissions/update", {**body, "permission": "EDIT"})
    bob.post("/runs", {"pipeline": "hidden"}, 201)


# ---- deciding in somebody's place -----------------------------------------------------------------------------------

def test_the_inbox_has_what_one_decides_in_the_place_of_another(home):
    home.write(".sluice/config.yaml", "groups: {leads: [%s]}\n" % json.dumps(me()))
    home.pipeline("name: ask\nsteps: {ask: {uses: approve, with: {by: ['group:leads']}}}\n")
    home.run(expect=5)
    home("users", "role", "bob", "runner", expect=0)
    alice = Rest(Server(home), bearer(add_token(home, "alice", "--role", "admin")))
    bob = alice.as_user(basic("bob", BOB))
    experiment = alice.get("/runs")["runs"][0]["experiment_id"]
    As(alice.server, alice.headers).api("POST", "/experiments/permissions/create", {
        "experiment_id": experiment, "username": "bob", "permission": "USE"})
    assert bob.get("/approvals?mine=true")["approvals"] == []
    home("approvals", "delegate", "--to", "bob", "--until", "1h", "-m", "on leave", expect=0)
    assert bob.get("/approvals?mine=true")["approvals"] == [], "he has no role to decide"
    home("users", "role", "bob", "approver", expect=0)
    [approval] = bob.get("/approvals?mine=true")["approvals"]
    assert approval["may_decide"] is True
    assert alice.get("/approvals")["approvals"][0]["may_decide"] is False
    assert bob.post(f"/approvals/{approval['approval_id']}/approve", {"reason": "fine"})["status"] == "met"
    vote = alice.get("/approvals/" + approval["approval_id"])["votes"][0]
    assert (vote["actor"], vote["on_behalf_of"], vote["login"]) == ("bob", me(), "server")
    [entry] = alice.get("/activity?action=approval.approved")["activity"]
    assert (entry["actor"], entry["reason"]) == ("bob", f"for {me()}: fine")
    assert (entry["means"], entry["address"]) == ("password", "127.0.0.1")
