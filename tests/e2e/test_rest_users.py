# SPDX-License-Identifier: Apache-2.0
"""REST: who may ask for what. Each row of the tables is asked by nobody, by who may do less, and by a step."""
import json
import re

import pytest
from accounts import basic
from rest import API, WAITS, Rest, anonymous, user, with_admin


def operations(document, run_id, attempt_id="1"):
    """(method, path with names filled in, operation) of each."""
    names = {"run_id": run_id, "approval_id": "1", "gate_id": "1", "plugin": "evaluate", "pipeline": "line",
             "name": "wine", "version": "1", "schedule": "nightly", "trigger_id": "1", "delivery": "1",
             "delivery_id": "3f0e8b1e-6f3d-4c55-9a52-7f1f0d8a3b11", "subscription_id": "1", "source": "main",
             "backfill_id": "1", "delegation_id": "99", "alias": "champion"}
    for path, methods in document["paths"].items():
        filled = re.sub(r"\{(\w+)\}", lambda part: names[part[1]], path)
        query = [f"{one['name']}=" + {"attempt_id": attempt_id, "path": "hello.txt", "from": "2026-01-01T00:00:00Z",
                                        "to": "2026-02-01T00:00:00Z"}[one["name"]]
                 for method in methods.values() for one in method["parameters"]
                 if one["in"] == "query" and one.get("required")]
        for method, operation in methods.items():
            yield method.upper(), filled + ("?" + "&".join(query) if query else ""), operation


BODIES = {"startRun": {"pipeline": "line"}, "reject": {"reason": "no"}, "makeApprovalLink": {"for": "alice"},
          "subscribe": {"name": "wine", "channel": "team"}, "replayGate": {"version": "wine/1"},
          "comment": {"text": "well"}, "delegate": {"to": "carol", "until": "2100-01-01T00:00:00Z"},
          "startBackfill": {"pipeline": "line", "schedule": "nightly", "from": "2026-01-01T00:00:00Z",
                            "to": "2026-02-01T00:00:00Z"}}


@pytest.fixture
def home(sluice):
    sluice.pipeline(WAITS)
    run = sluice.run(expect=5).json
    rest = with_admin(sluice)
    for path, body in (("registered-models", {"name": "wine"}),
                       ("model-versions", {"name": "wine", "source": "s3://a/b"})):
        assert rest.server.ask("POST", f"/api/2.0/mlflow/{path}/create", body, rest.headers)[0] == 200
    return rest, run["run_id"]


def ask(rest, method, path, operation):
    body = BODIES.get(operation["operationId"], {}) if method == "POST" else None
    return rest.ask(method, path, body)


def test_every_operation_wants_to_know_who_asks(home):
    rest, run_id = home
    nobody, wrong = rest.as_user({}), rest.as_user({"Authorization": "Bearer slt_wrong"})
    asked = 0
    for method, path, operation in operations(rest.document, run_id):
        for who in (nobody, wrong):
            status, headers, answer = ask(who, method, path, operation)
            assert status == 401 and json.loads(answer)["code"] == "unauthenticated", (method, path)
            assert headers["WWW-Authenticate"]
        asked += 1
    assert asked >= 34
    status, _, answer = rest.as_user(basic("alice", "not her password")).ask("GET", "/home")
    assert status == 401 and json.loads(answer)["code"] == "unauthenticated"
    assert rest.status(run_id) == "waiting" and rest.get("/runs")["runs"][0]["number"] == "1"


NEEDS = {"READ": 1, "USE": 2, "EDIT": 3}


def test_every_operation_is_refused_to_who_may_do_less_than_it_says(home, sluice):
    """The documentation says what is needed: with nothing, what is about a run is refused, and lists are empty."""
    rest, run_id = home
    sluice.write(".sluice/config.yaml", "auth: {default_permission: NO_PERMISSIONS}\n")
    rest.server.stop()
    again = with_server(rest, sluice)
    less = user(again, sluice, "bob", "--scope", "admin")
    refused = set()
    for method, path, operation in operations(again.document, run_id):
        needs = operation["description"].rpartition("Needs: ")[2]
        status, _, answer = ask(less, method, path, operation)
        if needs.startswith("nothing"):
            assert status in (200, 404), (path, status, answer)
            found = json.loads(answer)
            for name in ("runs", "pipelines", "approvals", "gates", "backfills", "delegations"):
                assert found.get(name, []) == [], path
            continue
        if needs.startswith("the role"):  # of his own: it is about no object
            assert status == 201, (path, status, answer)
            continue
        # Of what he may not read he is told nothing.
        if operation["operationId"] in ("startRun", "getGate", "replayGate", "getBackfill", "startBackfill",
                                        "cancelBackfill", "previewBackfill"):
            assert status == 404, (path, status, answer)
            continue
        assert status == 403 and json.loads(answer)["code"] == "denied", (method, path, status, answer)
        refused.add(operation["operationId"])
    assert {"getRun", "cancelRun", "retryRun", "getLogs", "followLogs", "listActivity", "approve"} <= refused
    for permission, status in (("READ", 403), ("EDIT", 202)):
        experiment = again.get("/runs")["runs"][0]["experiment_id"]
        verb = ("POST", "create") if permission == "READ" else ("PATCH", "update")
        body = {"experiment_id": experiment, "username": "bob", "permission": permission}
        assert again.server.ask(verb[0], f"/api/2.0/mlflow/experiments/permissions/{verb[1]}", body,
                                again.headers)[0] == 200
        assert less.get(f"/runs/{run_id}")["status"] == "waiting"
        less.post(f"/runs/{run_id}/cancel", {"reason": permission}, status)
        less.post("/runs", {"pipeline": "line"}, 403 if permission == "READ" else 201)


def with_server(rest, sluice):
    from serving import Server
    return Rest(Server(sluice), rest.headers, rest.document)


def test_a_token_of_some_experiments_sees_those_alone(home, sluice):
    rest, run_id = home
    experiment = rest.get("/runs")["runs"][0]["experiment_id"]
    for number, (experiments, sees) in enumerate(((experiment, 1), ("0", 0))):
        other = user(rest, sluice, f"user{number}", "--scope", "read", "--experiment", experiments)
        assert len(other.get("/runs")["runs"]) == len(other.get("/pipelines")["pipelines"]) == sees
        other.get(f"/runs/{run_id}", 200 if sees else 403)
        other.text(f"/runs/{run_id}/logs", 200 if sees else 403)
        other.get("/activity", 403)


STEP = """
    import json, os, urllib.error, urllib.request
    url = os.environ["MLFLOW_TRACKING_URI"]
    headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
    for method, path in json.load(open("asked.json")):
        body = b"{}" if method == "POST" else None
        request = urllib.request.Request(url + "/api/sluice/v1" + path, body, headers, method=method)
        try:
            print(urllib.request.urlopen(request, timeout=60).status)
        except urllib.error.HTTPError as answer:
            print(answer.code, json.load(answer)["code"])
"""


def test_the_token_of_a_step_opens_nothing(sluice):
    sluice.pipeline(WAITS)
    run_id = sluice.run(expect=5).json["run_id"]
    rest = anonymous(sluice)
    asked = [(method, path) for method, path, _ in operations(rest.document, run_id)]
    rest.server.stop()
    sluice.write("asked.json", json.dumps(asked))
    sluice.write("step.py", STEP)
    sluice.pipeline("name: step\nsteps: {ask: {run: python3 step.py}}\n", "step.yaml")
    sluice.run("step.yaml")
    assert sluice("logs", "step/1", "--json", expect=0).out.count('"line":"403 denied"') == len(asked)
    sluice.write(".sluice/config.yaml", "")
    rest = anonymous(sluice)
    assert rest.status(run_id) == "waiting"
    token = json.dumps(rest.get("/activity?action=call.refused"))
    assert "a step" in token


def test_refused_calls_are_told_of_however_many_there_are(home):
    rest, run_id = home
    nobody = rest.as_user({})
    for _ in range(500):
        nobody.raw("GET", f"/runs/{run_id}")
    rest.server.ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
    [row] = rest.get("/activity?action=call.refused")["activity"]
    assert (row["actor"], row["address"], row["to"]) == ("nobody", "127.0.0.1", "401")
    assert row["object"] == f"GET {API}/runs/{run_id}"
    assert rest.get("/activity/verify")["holds"]


def test_a_refused_path_writes_no_more_than_a_line(home):
    rest, _ = home
    target = API.encode() + b"/runs/\x1b[31m\x0a"
    rest.server.send(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    rest.as_user({}).raw("GET", "/runs/" + "x" * 3000)
    rows = rest.get("/activity?action=call.refused")["activity"]
    assert rows and all(len(one["object"]) < 250 and "\x1b" not in one["object"] for one in rows)
