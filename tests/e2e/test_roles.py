# SPDX-License-Identifier: Apache-2.0
"""Every route of the tables × every role × what is one's own and what is another's, held against the table below, which
says what docs/security.md promises and was not made from the code."""
import json
import re

import pytest
from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer
from programs import Sluice
from rest import API, Rest
from serving import Server
from test_route_permissions import ask, make_objects, plains, routes

ROLES = ["viewer", "runner", "approver", "editor", "admin"]
OWN, OTHERS = "MANAGE", "READ"  # what the user has on either
LEVELS = ["NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"]

M2, M3, FILES = "/api/2.0/mlflow", "/api/3.0/mlflow", "/api/2.0/mlflow-artifacts"
AJAX = "/ajax-api/2.0/mlflow-artifacts"
DATASET = M3 + "/datasets/{dataset_id}"
MODEL = M2 + "/logged-models/{model_id}"

# The least role, the least permission on the object ("-": there is none, or what may not be read is left out), and the
# routes.
EXPECTED = {
    ("viewer", "-"): f"""
        GET {M3}/assistant/config           GET {M3}/assistant/providers        GET {M2}/gateway-proxy
        POST {M2}/experiments/search        GET {M2}/experiments/search         POST {M2}/runs/search
        POST {M2}/logged-models/search      GET {M2}/model-versions/search      GET {M2}/registered-models/search
        GET {M2}/traces                     GET {M3}/server-info                GET {M2}/users/current
        GET {M3}/roles/get                  GET {M3}/roles/list                 GET {M3}/roles/permissions/list
        GET {M3}/ui-telemetry
        POST /graphql                       GET /health                         GET /version""",
    ("viewer", "READ"): f"""
        GET {M2}/artifacts/list             GET {MODEL}/artifacts/directories   GET {MODEL}/artifacts/files
        GET {FILES}/artifacts               POST {M3}/datasets/search           GET {M3}/datasets/search
        GET {DATASET}                       GET {DATASET}/experiment-ids        GET {DATASET}/records
        GET {M2}/experiments/get            GET {M2}/experiments/get-by-name    POST {M2}/experiments/search-datasets
        GET {MODEL}                         GET {M2}/metrics/get-history        GET {M2}/metrics/get-history-bulk
        GET {M2}/metrics/get-history-bulk-interval                              GET {M2}/model-versions/get
        GET {M2}/model-versions/get-download-uri                                GET {M2}/registered-models/get
        GET {M2}/registered-models/get-latest-versions      POST {M2}/registered-models/get-latest-versions
        GET {M2}/registered-models/alias    GET {M2}/runs/get                   GET {M2}/traces/{{request_id}}
        GET {M2}/traces/{{request_id}}/info GET /get-artifact                   GET /model-versions/get-artifact
        GET {FILES}/artifacts/              GET {AJAX}/artifacts/
        GET {FILES}/presigned/              GET {AJAX}/presigned/""",
    ("editor", "-"): f"""
        POST {M2}/experiments/create        POST {M2}/registered-models/create
        PUT {FILES}/mpu/part/""",  # of an upload that nobody has begun: it is not there
    ("editor", "EDIT"): f"""
        POST {M3}/datasets/create           PATCH {DATASET}/tags                DELETE {DATASET}/tags/{{key}}
        POST {DATASET}/records              DELETE {DATASET}/records            POST {DATASET}/add-experiments
        POST {DATASET}/remove-experiments
        POST {M2}/datasets/%7Bdataset_id%7D/add-experiments  POST {M2}/datasets/%7Bdataset_id%7D/remove-experiments
        POST {M2}/experiments/update        POST {M2}/experiments/set-experiment-tag
        POST {M2}/experiments/delete-experiment-tag         POST {M2}/logged-models       PATCH {MODEL}
        PATCH {MODEL}/tags                  POST {MODEL}/params                 POST {M2}/model-versions/create
        PATCH {M2}/model-versions/update    POST {M2}/model-versions/transition-stage
        POST {M2}/model-versions/set-tag    POST {M2}/registered-models/rename  PATCH {M2}/registered-models/update
        POST {M2}/registered-models/set-tag DELETE {M2}/registered-models/delete-tag
        POST {M2}/registered-models/alias   POST {M2}/runs/log-metric           POST {M2}/runs/log-parameter
        POST {M2}/runs/set-tag              POST {M2}/runs/delete-tag           POST {M2}/runs/log-batch
        POST {M2}/runs/log-model            POST {M2}/runs/log-inputs           POST {M2}/runs/outputs
        POST {M2}/runs/create               POST {M2}/runs/update               POST {M2}/traces
        PATCH {M2}/traces/{{request_id}}    PATCH {M2}/traces/{{request_id}}/tags
        DELETE {M2}/traces/{{request_id}}/tags              PUT {FILES}/artifacts/        PUT {AJAX}/artifacts/
        POST /ajax-api/2.0/mlflow/upload-artifact           POST {FILES}/mpu/create/      POST {AJAX}/mpu/create/
        POST {FILES}/mpu/complete/          POST {FILES}/mpu/abort/             POST {AJAX}/mpu/complete/
        POST {AJAX}/mpu/abort/""",
    ("editor", "MANAGE"): f"""
        DELETE {DATASET}                    POST {M2}/experiments/delete        POST {M2}/experiments/restore
        DELETE {MODEL}                      DELETE {MODEL}/tags/{{tag_key}}     DELETE {M2}/model-versions/delete
        DELETE {M2}/model-versions/delete-tag               DELETE {M2}/registered-models/delete
        DELETE {M2}/registered-models/alias POST {M2}/runs/delete               POST {M2}/runs/restore
        POST {M2}/traces/delete-traces      DELETE {FILES}/artifacts/           DELETE {AJAX}/artifacts/
        POST {M2}/experiments/permissions/create            GET {M2}/experiments/permissions/get
        PATCH {M2}/experiments/permissions/update           DELETE {M2}/experiments/permissions/delete
        POST {M2}/registered-models/permissions/create      GET {M2}/registered-models/permissions/get
        PATCH {M2}/registered-models/permissions/update     DELETE {M2}/registered-models/permissions/delete
        POST {M3}/users/permissions/grant   POST {M3}/users/permissions/revoke""",
    ("admin", "-"): f"""
        POST {M3}/roles/create              PATCH {M3}/roles/update             DELETE {M3}/roles/delete
        POST {M3}/roles/permissions/add     PATCH {M3}/roles/permissions/update
        DELETE {M3}/roles/permissions/remove                POST {M3}/roles/assign        DELETE {M3}/roles/unassign
        GET {M3}/roles/users/list
        POST {M2}/users/create              GET {M2}/users/list                 PATCH {M2}/users/update-admin
        DELETE {M2}/users/delete            POST {M2}/webhooks                  GET {M2}/webhooks
        GET {M2}/webhooks/{{webhook_id}}    PATCH {M2}/webhooks/{{webhook_id}}  DELETE {M2}/webhooks/{{webhook_id}}
        POST {M2}/webhooks/{{webhook_id}}/test""",
    # "own" is his own account, whatever his role
    ("viewer", "account"): f"""
        GET {M2}/users/get                  GET {M3}/users/permissions/get      PATCH {M2}/users/update-password
        GET {M3}/users/roles/list""",
}
OURS = {
    ("viewer", "-"): "getHome getOpenAPI listPlugins getPlugin listSlots listPipelines getPipeline listRuns "
                     "listApprovals listGates listSubscriptions unsubscribe listDelegations endDelegation "
                     "listBackfills getBackfill previewBackfill",
    ("viewer", "READ"): "getRun listSteps getGraph listAttempts getLogs followLogs listArtifacts getArtifact "
                        "getApproval getGate getDeploymentJob getDeployment subscribe getModelHistory listComments",
    ("runner", "READ"): "comment",
    ("runner", "EDIT"): "startRun retryRun rerunRun cancelRun resumeRun startDeployment startBackfill replayGate",
    ("runner", "-"): "cancelBackfill",  # of one that there is not; test_backfill_rights.py has others
    ("approver", "-"): "delegate",
    ("approver", "USE"): "approve reject",
    ("editor", "EDIT"): "rollBack",
    ("editor", "MANAGE"): "connectDeploymentJob",
    ("admin", "-"): "listActivity exportActivity getActivityHead verifyActivity makeApprovalLink listDeploymentJobs "
                    "listInForce listSources getSource syncSource listSchedules getSchedule nextTimes pauseSchedule "
                    "resumeSchedule listTriggers getTrigger listDeliveries getDelivery listChannels listOutbox "
                    "redeliver replayDelivery writeEvidence enableChannel testChannel",
}


def expected_routes():
    return {tuple(pair): need for need, text in EXPECTED.items() for pair in re.findall(r"(\w+) (\S+)", text)}


def may(role, need, permission):
    """An admin manages everything."""
    least, needed = need
    return ROLES.index(role) >= ROLES.index(least) and (
        role == "admin" or needed in ("-", "account") or LEVELS.index(permission) >= LEVELS.index(needed))


def test_each_route_has_its_row_in_the_table_and_no_row_is_of_a_route_that_is_gone():
    found = {(method, path) for method, path, *_ in routes()} | set(plains())
    assert found == set(expected_routes())


class House:
    """A server with alice, an admin, and bob, whose role is changed while he is logged in; things of both."""

    def __init__(self, sluice):
        self.sluice, self.count = sluice, 0
        add_user(sluice, "alice", ALICE, "--role", "admin")
        add_user(sluice, "bob", BOB, "--role", "viewer")
        self.server = Server(sluice)
        self.alice, self.bob = As(self.server, basic("alice", ALICE)), As(self.server, basic("bob", BOB))
        self.others = self.made()
        # Of MLflow's; bob is in none, and belongs to the workspace since permissions are given to him.
        role = self.alice.api("POST", "/roles/create", {"name": "tasters", "workspace": "default"}, version="3.0")
        self.role_id = role["role"]["id"]

    def made(self):
        self.count += 1
        names = make_objects(self.alice, str(self.count))
        path = f"{names['experiment_id']}/{names['run_id']}/artifacts/a.txt"
        assert self.alice.put(path, b"hello")[0] == 200
        return names

    def own(self):
        """Things that bob manages, made anew: what he may delete may be gone."""
        names = {**self.made(), "role_id": self.role_id}
        for path, what in (("experiments", "experiment_id"), ("registered-models", "name")):
            self.alice.api("POST", f"/{path}/permissions/create",
                           {what: names[what], "username": "bob", "permission": OWN})
        return names


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    sluice = Sluice(tmp_path_factory.mktemp("house"))
    made = House(sluice)
    yield made
    sluice.close()


def ask_plain(user, names, method, path):
    """The status of a route that may answer as it likes, about a file of the run."""
    run, folder = names["run_id"], f"{names['experiment_id']}/{names['run_id']}/artifacts"
    if path == "/graphql":
        query = {"query": "query { mlflowGetExperiment(input: {experimentId: \"%s\"}) { apiError { code } } }"
                 % names["experiment_id"]}
        return user.ask(method, path, query)[0]
    if "/mpu/part/" in path:
        return user.ask(method, f"{path}{folder}/a.txt?upload_id=x&part_number=1", b"x")[0]
    if "/mpu/" in path:
        return user.ask(method, f"{path}{folder}", {"path": "b.txt", "num_parts": 1, "upload_id": "x", "parts": []})[0]
    if path == "/model-versions/get-artifact":
        return user.ask(method, f"{path}?name={names['name']}&version=1&path=a.txt")[0]
    if path == "/get-artifact":
        return user.ask(method, f"{path}?run_id={run}&path=a.txt")[0]
    if path.endswith("/upload-artifact"):
        return user.ask(method, f"{path}?run_uuid={run}&path=c.txt", b"x", {"Content-Type": "text/plain"})[0]
    if path.endswith("/"):
        return user.ask(method, f"{path}{folder}/a.txt", b"x" if method == "PUT" else None)[0]
    return user.ask(method, path)[0]


def ask_route(user, names, method, path):
    if path == FILES + "/artifacts":
        return user.ask(method, f"{path}?path={names['experiment_id']}/{names['run_id']}/artifacts")[0]
    if (method, path) in set(plains()):
        return ask_plain(user, names, method, path)
    more = {}
    if "/roles/" in path:
        more = {"role_permission_id": 1, "workspace": "default", "resource_type": "experiment",
                "resource_pattern": "*", "permission": "READ", "username": names.get("username", "bob")}
        return ask(user, {**names, **more}, method, path)[0]
    if "permissions/" in path:
        kind = {"resource_type": "experiment", "resource_id": names["experiment_id"]}
        more = {"username": "carol", "permission": "READ", **(kind if "users/permissions" in path else {})}
    if "/users/" in path and "permissions/" not in path:
        more = {"username": names.get("username", "carol"), "password": "short", "is_admin": False}
    if path.endswith("users/permissions/get"):
        more["username"] = names.get("username", "carol")
    return ask(user, {**names, **more}, method, path)[0]


@pytest.mark.parametrize("role", ROLES)
def test_each_route_is_open_to_a_role_as_the_table_says(house, role):
    """A refusal is 403; what is let in may find that there is nothing to do."""
    house.sluice("users", "role", "bob", role, expect=0)
    for (method, path), need in expected_routes().items():
        whose = {"others": ({**house.others, "role_id": house.role_id}, OTHERS)}
        whose["own"] = (house.own(), OWN)
        for kind, (names, permission) in whose.items():
            allowed = may(role, need, permission)
            if need[1] == "account":
                names = {**names, "username": "bob" if kind == "own" else "alice"}
                allowed = kind == "own" or role == "admin"
            if role == "admin" and kind == "others" and need[1] == "MANAGE":
                continue  # it would be gone for those after it; what is an admin's own is the same to him
            status = ask_route(house.bob, names, method, path)
            assert status != 401 and (status != 403) == allowed, (role, kind, method, path, status, need)
    assert house.server.is_alive()


# ---- our own interface ----

WAITS = """
    name: %s
    steps:
      make: {run: 'echo hello > "$SLUICE_STEP_DIR/hello.txt"', artifacts: {hello: "${{ step.dir }}/hello.txt"}}
      judge: {uses: evaluate, with: {dataset: data.csv, label: y, prediction: y, type: regressor,
              thresholds: {rmse: "<= 1"}, plots: false}}
      ask: {needs: [make, judge], uses: approve}
    """
GATES = {"mine": "1", "theirs": "2"}


BACKFILL = {"schedule": "nightly", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}


@pytest.fixture(scope="module")
def rest(tmp_path_factory):
    sluice = Sluice(tmp_path_factory.mktemp("rest"))
    runs = {}
    sluice.write("data.csv", "y\n1\n2\n")
    for name in GATES:
        sluice.pipeline(WAITS % name)
        runs[name] = sluice.run(expect=5).json["run_id"]
    add_user(sluice, "alice", ALICE, "--role", "admin")
    add_user(sluice, "bob", BOB, "--role", "viewer")
    alice = Rest(Server(sluice), bearer(add_token(sluice, "alice", "--role", "admin")))
    mine = next(one["experiment_id"] for one in alice.get("/runs")["runs"] if one["run_id"] == runs["mine"])
    assert alice.server.ask("POST", M2 + "/experiments/permissions/create",
                            {"experiment_id": mine, "username": "bob", "permission": OWN}, alice.headers)[0] == 200
    for name in runs:
        assert alice.server.ask("POST", M2 + "/registered-models/create", {"name": name}, alice.headers)[0] == 200
    assert alice.server.ask("POST", M2 + "/registered-models/permissions/create",
                            {"name": "mine", "username": "bob", "permission": OWN}, alice.headers)[0] == 200
    yield sluice, alice, runs
    sluice.close()


def filled(path, operation, run_id, approval_id, model):
    names = {"run_id": run_id, "approval_id": approval_id, "gate_id": GATES[model], "plugin": "evaluate",
             "pipeline": "mine", "name": model, "version": "1", "schedule": "nightly", "trigger_id": "1",
             "delivery": "1", "source": "main", "subscription_id": "1", "backfill_id": "1", "delegation_id": "1",
             "delivery_id": "3f0e8b1e-6f3d-4c55-9a52-7f1f0d8a3b11", "alias": "champion"}
    path = re.sub(r"\{(\w+)\}", lambda part: names[part[1]], path)
    query = "&".join({"attempt_id": "attempt_id=1", "path": "path=hello.txt", "from": "from=2026-01-01T00:00:00Z",
                      "to": "to=2026-02-01T00:00:00Z"}[one["name"]]
                     for one in operation["parameters"] if one["in"] == "query" and one.get("required"))
    return path + ("?" + query if query else "")


def first_status(user, path):
    with user.server.connect() as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in user.headers.items())
        line.sendall(f"GET {API}{path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        return int(line.recv(4096).split()[1])


@pytest.mark.parametrize("role", ROLES)
def test_each_operation_of_ours_is_open_to_a_role_as_the_table_says(rest, role):
    sluice, alice, runs = rest
    needs = {name: need for need, text in OURS.items() for name in text.split()}
    sluice("users", "role", "bob", role, expect=0)
    bob = alice.as_user(basic("bob", BOB))
    asked = set()
    for path, methods in alice.document["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            asked.add(name)
            for kind, permission in (("theirs", OTHERS), ("mine", OWN)):
                waits = alice.get("/approvals?status=all&run_id=" + runs[kind])["approvals"]
                target = filled(path, operation, runs[kind], waits[0]["approval_id"], kind)
                body = {"startRun": {"pipeline": kind}, "reject": {"reason": "no"}, "makeApprovalLink": {"for": "bob"},
                        "subscribe": {"name": kind, "channel": "team"}, "comment": {"text": "well"},
                        "startBackfill": {**BACKFILL, "pipeline": kind}, "replayGate": {"version": f"{kind}/1"},
                        "delegate": {"to": "carol", "until": "2100-01-01T00:00:00Z"}}.get(name, {})
                if name == "followLogs":  # would last as long as the run
                    status, answer = first_status(bob, target), b""
                else:
                    status, _, answer = bob.ask(method.upper(), target, body if method == "post" else None)
                allowed = may(role, needs[name], permission)
                assert (status != 403) == allowed, (role, kind, name, status, answer)
    assert asked == set(needs)


def test_the_home_tells_a_user_his_role(rest):
    sluice, alice, _ = rest
    sluice("users", "role", "bob", "approver", expect=0)
    for option, role in (("viewer", "viewer"), ("runner", "runner"), ("editor", "approver"), ("admin", "approver")):
        token = add_token(sluice, "bob", "--role", option)
        home = alice.as_user(bearer(token)).get("/home")
        assert (home["role"], home["is_admin"], home["actor"]) == (role, False, "bob")
    assert alice.get("/home")["role"] == "admin"
    assert json.loads(alice.server.ask("GET", API + "/home", None, basic("bob", BOB))[2])["role"] == "approver"


def test_a_viewer_subscribes_for_himself_and_changes_nothing_else(tmp_path):
    sluice = Sluice(tmp_path)
    sluice.write(".sluice/config.yaml", "channels: {team: {webhook: 'https://hooks.example.org/team'}}\n")
    for name, password, role in (("alice", ALICE, "admin"), ("bob", BOB, "viewer")):
        add_user(sluice, name, password, "--role", role)
    alice = Rest(Server(sluice), basic("alice", ALICE))
    bob = alice.as_user(basic("bob", BOB))
    for name in ("wine", "secret"):
        assert alice.server.ask("POST", M2 + "/registered-models/create", {"name": name}, alice.headers)[0] == 200
    assert alice.server.ask("POST", M2 + "/registered-models/permissions/create",
                            {"name": "secret", "username": "bob", "permission": "NO_PERMISSIONS"},
                            alice.headers)[0] == 200
    made = bob.post("/subscriptions", {"name": "wine", "channel": "team"}, 201, key='"wine"')
    assert made == bob.post("/subscriptions", {"name": "wine", "channel": "team"}, 201, key='"wine"')
    assert (made["actor"], made["channel"]) == ("bob", "team")
    bob.post("/subscriptions", {"name": "secret", "channel": "team"}, 403)  # of what he may not read
    hers = alice.post("/subscriptions", {"name": "wine", "channel": "team"}, 201)
    assert bob.get("/subscriptions")["subscriptions"] == [made]
    assert bob.ask("DELETE", f"/subscriptions/{hers['subscription_id']}")[0] == 404
    assert alice.get("/subscriptions")["subscriptions"] == [hers]
    by_token = alice.as_user(bearer(add_token(sluice, "alice", "--role", "viewer")))
    assert by_token.ask("DELETE", f"/subscriptions/{hers['subscription_id']}")[0] == 200
    assert bob.ask("DELETE", f"/subscriptions/{made['subscription_id']}")[0] == 200
    assert bob.get("/subscriptions")["subscriptions"] == []
    noted = [(row["actor"], row["action"]) for row in sluice("activity", "--json", expect=0).json]
    assert noted.count(("bob", "model.subscribed")) == noted.count(("bob", "model.unsubscribed")) == 1
    sluice.close()
