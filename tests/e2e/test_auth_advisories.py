# SPDX-License-Identifier: Apache-2.0
"""What was found in the logins and permissions of MLflow's servers, by number, asked of `sluice serve` with users: each
test sends the input that did it, as a stranger or as somebody who may do nothing. What needs no users is in
test_serve_advisories.py."""
import json
import time

from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer, with_input
from programs import Sluice
from serving import Server
from test_route_permissions import OF_AN_OBJECT, ask, make_objects, plains, routes

import pytest

BASE = "/api/2.0/mlflow"


class House:
    """A server with an admin, somebody who may do nothing, and an object of each kind that is none of his."""

    def __init__(self, sluice):
        self.sluice = sluice
        sluice.write(".sluice/config.yaml", "auth: {default_permission: NO_PERMISSIONS}\n")
        add_user(sluice, "alice", ALICE, "--admin")
        add_user(sluice, "bob", BOB)
        self.server = Server(sluice)
        self.alice, self.bob = As(self.server, basic("alice", ALICE)), As(self.server, basic("bob", BOB))
        self.names = make_objects(self.alice)
        self.folder = f"{self.names['experiment_id']}/{self.names['run_id']}/artifacts"
        assert self.alice.put(self.folder + "/secret.txt", b"the secret")[0] == 200

    def users(self):
        return [user["username"] for user in self.alice.api("GET", "/users/list")["users"]]

    def refuses_bob(self, method, path, body=None, expect=403):
        status, headers, answer = self.bob.ask(method, path, body)
        assert status == expect and b"the secret" not in answer, (method, path, status, answer)
        assert headers["Set-Cookie"] is None


@pytest.fixture
def house(sluice):
    house = House(sluice)
    yield house
    assert house.server.is_alive() and "Sanitizer" not in house.server.stop()


# ---- who is let in ----------------------------------------------------------------------------------------------

SIGN_UPS = [("POST", "/api/2.0/mlflow/users/create"), ("POST", "/ajax-api/2.0/mlflow/users/create"),
            ("POST", "/api/2.0/mlflow/users/create-ui"), ("GET", "/signup"), ("POST", "/signup"),
            ("POST", "/api/2.0/mlflow/users/signup"), ("POST", "/api/3.0/mlflow/users/create")]


@pytest.mark.parametrize("method, path", SIGN_UPS)
def test_ghsa_4qq5_mxxx_m6gg_only_admins_make_users(house, method, path):
    """Also CVE-2023-6014, #9448, and CVE-2025-1473, whose form came from another site."""
    form = b"username=mallory&password=a+dozen+of+roses"
    for body, headers in (({"username": "mallory", "password": "a dozen of roses", "is_admin": True}, {}),
                          (form, {"Content-Type": "application/x-www-form-urlencoded"})):
        sent = None if method == "GET" else body
        assert house.server.ask(method, path, sent, headers)[0] == 401
        status = house.bob.ask(method, path, sent, headers)[0]
        assert status in (400, 403, 404, 405), (path, status)
        assert house.users() == ["alice", "bob"]


def test_ghsa_4qq5_mxxx_m6gg_nobody_becomes_an_admin(house):
    for body in ({"username": "bob", "is_admin": True}, {"username": "alice", "is_admin": False}):
        house.refuses_bob("PATCH", BASE + "/users/update-admin", body)
    house.refuses_bob("PATCH", BASE + "/users/update-password", {"username": "alice", "password": "bob is in here"})
    house.refuses_bob("DELETE", BASE + "/users/delete", {"username": "alice"})
    house.refuses_bob("GET", BASE + "/users/list")
    house.refuses_bob("GET", BASE + "/users/get?username=alice")
    house.alice.api("POST", "/users/create", {"username": "carol", "password": "a dozen of roses", "is_admin": True})
    assert not house.alice.api("GET", "/users/get?username=carol")["user"]["is_admin"], "as MLflow: it is said later"


@pytest.mark.parametrize("password", ["", " ", "a", "password", "12345678", "x" * 11, "é" * 11, None, 123456789012])
def test_cve_2025_11200_no_password_is_trivial(house, password):
    """Also CVE-2025-1474: made or changed to, by an admin or by himself, over REST or in the terminal."""
    given = {} if password is None else {"password": password}
    for method, path, user in (("POST", "/users/create", "mallory"), ("PATCH", "/users/update-password", "bob")):
        for who in (house.alice, house.bob):
            status = who.status(method, path, {"username": user, **given})
            assert status in (400, 403) if isinstance(password, str) or password is None else status != 500
    assert house.users() == ["alice", "bob"] or password == 123456789012
    if isinstance(password, str):
        with_input(house.sluice, password, "users", "create", "mallory", expect=2)
        with_input(house.sluice, password, "users", "passwd", "bob", expect=2)
    assert house.server.ask("GET", BASE + "/users/current", headers=basic("bob", ""))[0] == 401
    assert house.server.ask("GET", BASE + "/users/current", headers=basic("", ""))[0] == 401


def are_ten_tries(answers, code, begun):
    """Ten, one more in each six seconds, and then none."""
    tries = answers.count(code)
    return answers[:10] == [code] * 10 and answers[-2:] == [429] * 2 and tries <= 11 + (time.monotonic() - begun) / 6


def test_cve_2025_11200_a_password_is_not_guessed(house):
    """Ten tries, and then no more for a while, whoever the request says that it was sent for."""
    answers, begun = [], time.monotonic()
    while answers[-2:] != [429] * 2 and len(answers) < 60:
        number = len(answers)
        elsewhere = {"X-Forwarded-For": f"10.0.0.{number}", "X-Real-IP": f"10.0.0.{number}",
                     "Forwarded": f"for=10.0.0.{number}"}
        headers = {**basic("bob", f"a guess, number {number}"), **elsewhere}
        answers.append(house.server.ask("GET", BASE + "/users/current", headers=headers)[0])
    assert are_ten_tries(answers, 401, begun)
    assert house.alice.ask("GET", BASE + "/users/current")[0] == 200, "others are not kept out"


def test_cve_2025_11200_nor_by_who_has_a_token(house):
    """Who has found a token does not find the password by it: that counts as any try."""
    thief = As(house.server, bearer(add_token(house.sluice, "bob", "--scope", "admin")))
    answers, begun = [], time.monotonic()
    while answers[-2:] != [429] * 2 and len(answers) < 60:
        number = len(answers)
        body = {"username": "bob", "password": "what the thief likes", "current_password": f"a guess, number {number}"}
        answers.append(thief.status("PATCH", "/users/update-password", body))
    assert are_ten_tries(answers, 400, begun)
    assert house.bob.ask("GET", BASE + "/users/current")[0] == 429, "from there; elsewhere he has tries of his own"


@pytest.mark.parametrize("user, password", [("admin", "password1234"), ("admin", "password"), ("admin", "admin"),
                                            ("root", "root"), ("mlflow", "mlflow"), ("", "")])
def test_cve_2026_2635_there_is_no_password_from_the_factory(house, user, password):
    """Also PR 25751. Nobody is there who was not made."""
    assert house.server.ask("GET", BASE + "/users/current", headers=basic(user, password))[0] == 401
    assert house.users() == ["alice", "bob"]


def test_cve_2026_2635_a_new_home_makes_no_admin_by_itself(sluice, monkeypatch):
    for name, value in (("MLFLOW_FLASK_SERVER_SECRET_KEY", "x"), ("MLFLOW_AUTH_ADMIN_USERNAME", "admin"),
                        ("MLFLOW_AUTH_ADMIN_PASSWORD", "password1234")):
        monkeypatch.setenv(name, value)
    server = Server(sluice)
    assert json.loads(sluice("users", "list", "--json", expect=0).out) == []
    assert server.ask("POST", BASE + "/users/create", {"username": "a", "password": "a dozen of roses"})[0] == 404
    assert json.loads(sluice("users", "list", "--json", expect=0).out) == []


# ---- what is asked before anything else --------------------------------------------------------------------------

NOT_HERE = [("POST", "/v1/traces"), ("POST", "/v1/metrics"), ("POST", "/api/3.0/mlflow/traces"),
            ("POST", "/ajax-api/3.0/jobs/"), ("GET", "/ajax-api/3.0/jobs/x"), ("POST", "/ajax-api/3.0/jobs/search"),
            ("POST", "/api/3.0/mlflow/label-schemas"), ("GET", "/api/3.0/mlflow/label-schemas/x"),
            ("PATCH", "/ajax-api/3.0/mlflow/label-schemas/x"), ("DELETE", "/ajax-api/3.0/mlflow/label-schemas/x"),
            ("POST", "/api/3.0/mlflow/scorers/register"), ("GET", "/api/3.0/mlflow/scorers/list"),
            ("POST", "/ajax-api/3.0/mlflow/scorers/online-config"), ("POST", "/api/3.0/mlflow/issues"),
            ("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run"),
            ("GET", "/ajax-api/2.0/mlflow/get-trace-artifact"),
            ("POST", "/api/3.0/mlflow/review-queues"), ("POST", "/api/3.0/mlflow/workspaces"),
            ("POST", "/gateway/x/mlflow/invocations"), ("POST", "/api/3.0/mlflow/traces/x/assessments")]


@pytest.mark.parametrize("method, path", NOT_HERE)
def test_cve_2026_2652_nothing_is_answered_before_the_login(house, method, path):
    """Also CVE-2026-0545, and CVE-2026-13484 (label schemas): routes of a router of their own. None is here; and which
    are is nothing that strangers are told."""
    sent = None if method == "GET" else b"\x0a\x00" * 5
    kind = {"Content-Type": "application/x-protobuf" if path.startswith("/v1") else "application/json"}
    assert house.server.ask(method, path, sent, kind)[0] == 401
    assert house.bob.ask(method, path, sent, kind)[0] in (404, 405)
    assert house.alice.ask(method, path, sent, kind)[0] in (404, 405)


OPEN = {"/health", "/version"}


def test_ghsa_m97m_jq2c_qw46_each_route_wants_a_login(house):
    """Also PR 25063 to 25071, #25670 and #25676. All of the tables, in all their spellings, and all of the plain
    ones; while the page is for whoever has logged in."""
    asked = 0
    for method, path, *_ in routes() + plains():
        twin = path.replace("/api/", "/ajax-api/")
        for spelling in {path, twin, path + "/", path.upper(), "/" + path, path + "?a=b"}:
            status = house.server.ask(method, spelling, {} if method not in ("GET", "DELETE") else None)[0]
            assert status == 401 or (path in OPEN and status in (200, 404)), (method, spelling, status)
            asked += 1
    assert asked > 400
    for path in ("/health", "/version"):
        assert house.server.ask("GET", path)[0] == 200
    assert house.bob.ask("GET", "/")[0] == 200 and house.bob.ask("GET", "/ajax-api/3.0/mlflow/server-info")[0] == 200


def test_ghsa_m97m_jq2c_qw46_graphql_has_the_rights_of_its_routes(house):
    run, experiment = house.names["run_id"], house.names["experiment_id"]
    for query in (f'{{mlflowGetRun(input: {{runId: "{run}"}}) {{run {{info {{runId}}}}}}}}',
                  f'{{mlflowGetExperiment(input: {{experimentId: "{experiment}"}}) {{experiment {{name}}}}}}',
                  f'{{mlflowListArtifacts(input: {{runId: "{run}"}}) {{files {{path}}}}}}',
                  f'{{mlflowSearchRuns(input: {{experimentIds: ["{experiment}"]}}) {{runs {{info {{runId}}}}}}}}',
                  f'{{mlflowSearchDatasets(input: {{experimentIds: ["{experiment}"]}}) {{datasetSummaries {{name}}}}}}',
                  f'{{mlflowGetMetricHistoryBulkInterval(input: {{runIds: ["{run}"], metricKey: "m"}}) '
                  '{metrics {value}}}',
                  '{mlflowSearchModelVersions(input: {}) {modelVersions {name source}}}'):
        assert house.server.ask("POST", "/graphql", {"query": query})[0] == 401
        answers = [json.loads(who.ask("POST", "/graphql", {"query": query})[2]) for who in (house.alice, house.bob)]
        for word in (run, "theirs", "secret.txt", "s3://"):
            assert word not in json.dumps(answers[1]["data"] or {}), query
        assert answers[0]["data"] != answers[1]["data"] or "Datasets" in query, "the admin sees it: " + query


# ---- what somebody without a permission finds ----------------------------------------------------------------------


def test_cve_2025_14297_old_routes_ask_as_the_new_ones(house):
    """Also PR 18486. Promptlab and the trace's own route of artifacts are in CVE-2026-2652."""
    run = house.names["run_id"]
    for word in ("run_id", "run_uuid"):
        house.refuses_bob("GET", f"/get-artifact?{word}={run}&path=secret.txt")
        house.refuses_bob("POST", f"/ajax-api/2.0/mlflow/upload-artifact?{word}={run}&path=x", b"x")
    for prefix in ("/api", "/ajax-api"):
        base = prefix + "/2.0/mlflow/metrics"
        house.refuses_bob("GET", f"{base}/get-history-bulk?run_id={run}&metric_key=m")
        house.refuses_bob("GET", f"{base}/get-history-bulk-interval?run_ids={run}&metric_key=m")
        house.refuses_bob("GET", f"{base}/get-history?run_uuid={run}&metric_key=m")
    mine = house.bob.api("POST", "/experiments/create", {"name": "bob's"})["experiment_id"]
    own = house.bob.api("POST", "/runs/create", {"experiment_id": mine})["run"]["info"]["run_id"]
    for pair in (f"run_id={own}&run_id={run}", f"run_id={run}&run_id={own}"):
        house.refuses_bob("GET", f"{BASE}/metrics/get-history-bulk?{pair}&metric_key=m")
    for query in (f"run_id={own}&run_uuid={run}", f"run_uuid={run}&run_id={own}", f"run_id={own}&run_id={run}"):
        assert house.bob.ask("GET", f"/get-artifact?{query}&path=secret.txt")[0] in (403, 404), query
        found = house.bob.ask("GET", f"{BASE}/artifacts/list?{query}")
        assert found[0] in (400, 403) or b"secret" not in found[2], query
    assert house.alice.get(house.folder + "/x")[0] == 404


def test_cve_2025_15381_traces_are_as_their_experiment(house):
    trace, experiment = house.names["request_id"], house.names["experiment_id"]
    spans = f"{experiment}/traces/{trace}/artifacts/traces.json"
    assert house.alice.put(spans, b'{"spans": "the secret"}')[0] == 200
    for method, path, body in (
            ("GET", f"/traces/{trace}", None), ("GET", f"/traces/{trace}/info", None),
            ("PATCH", f"/traces/{trace}", {"timestamp_ms": 9, "status": "ERROR"}),
            ("PATCH", f"/traces/{trace}/tags", {"key": "a", "value": "b"}),
            ("DELETE", f"/traces/{trace}/tags", {"key": "a"}),
            ("POST", "/traces", {"experiment_id": experiment}),
            ("POST", "/traces/delete-traces", {"experiment_id": experiment, "request_ids": [trace]}),
            ("POST", "/traces/delete-traces", {"experiment_id": experiment, "max_timestamp_millis": 1 << 50})):
        for prefix in ("/api", "/ajax-api"):
            house.refuses_bob(method, f"{prefix}/2.0/mlflow{path}", body)
    for method in ("GET", "PUT", "DELETE"):
        house.refuses_bob(method, "/api/2.0/mlflow-artifacts/artifacts/" + spans, b"x" if method == "PUT" else None)
    assert house.bob.api("GET", f"/traces?experiment_ids={experiment}") == {}
    mine = house.bob.api("POST", "/experiments/create", {"name": "bob's"})["experiment_id"]
    body = {"experiment_id": mine, "request_ids": [trace]}
    assert house.bob.api("POST", "/traces/delete-traces", body) == {"traces_deleted": 0}
    assert house.alice.api("GET", f"/traces/{trace}")["trace_info"]["request_id"] == trace
    assert house.alice.get(spans)[2] == b'{"spans": "the secret"}'


@pytest.mark.parametrize("prefix", ["/api/2.0", "/ajax-api/2.0"])
def test_cve_2026_2651_files_in_parts_and_addresses_ask_as_whole_ones(house, prefix):
    """Also GHSA-8c7q-86fq-vvmh and mlflow-oidc-auth 283. Of an upload that bob may not make he may not send a part,
    complete or end it either, though he knows its id."""
    base = prefix + "/mlflow-artifacts"
    parts = {"path": "new.bin", "num_parts": 1}
    status, _, answer = house.alice.ask("POST", f"{base}/mpu/create/{house.folder}", parts)
    made = json.loads(answer)
    assert status == 200
    address = made["credentials"][0]["url"][len(house.server.url):]
    known = {"path": "new.bin", "upload_id": made["upload_id"], "parts": [{"part_number": 1, "etag": "0" * 32}]}
    for method, path, body in (("POST", f"{base}/mpu/create/{house.folder}", parts), ("PUT", address, b"theirs"),
                               ("POST", f"{base}/mpu/complete/{house.folder}", known),
                               ("POST", f"{base}/mpu/abort/{house.folder}", known),
                               ("GET", f"{base}/presigned/{house.folder}/secret.txt", None)):
        assert house.server.ask(method, path, body)[0] == 401, path
        house.refuses_bob(method, path, body)
    mine = house.bob.api("POST", "/experiments/create", {"name": "bob's"})["experiment_id"]
    own = house.bob.api("POST", "/runs/create", {"experiment_id": mine})["run"]["info"]["run_id"]
    for what in ("complete", "abort"):  # by a place of his own
        house.bob.ask("POST", f"{base}/mpu/{what}/{mine}/{own}/artifacts", known)
    status, headers, _ = house.alice.ask("PUT", address, b"mine")
    assert status == 200
    known["parts"][0]["etag"] = headers["ETag"]
    assert house.alice.ask("POST", f"{base}/mpu/complete/{house.folder}", known)[0] == 200
    assert house.alice.get(house.folder + "/new.bin")[2] == b"mine"


def test_cve_2026_2734_searches_of_versions_leave_out_what_may_not_be_read(house):
    """And a page has as many as it may have, whatever is left out between them."""
    for number in range(6):
        who = house.bob if number % 2 else house.alice
        who.api("POST", "/registered-models/create", {"name": f"m{number}"})
        for _ in range(2):
            who.api("POST", "/model-versions/create", {"name": f"m{number}", "source": "s3://a/b"})
    for prefix in ("/api", "/ajax-api"):
        seen, token = [], ""
        while True:
            status, _, answer = house.bob.ask("GET", f"{prefix}/2.0/mlflow/model-versions/search?max_results=2"
                                                     f"&order_by=name%20ASC&page_token={token}")
            page = json.loads(answer)
            assert status == 200 and (len(page["model_versions"]) == 2), page
            seen += [one["name"] for one in page["model_versions"]]
            token = page.get("next_page_token")
            if not token:
                break
        assert seen == ["m1", "m1", "m3", "m3", "m5", "m5"]
    for query in ("", "?filter=name%3D'wine'", "?filter=name%20LIKE%20'%25'", "?order_by=name%20DESC"):
        found = house.bob.api("GET", "/model-versions/search" + query).get("model_versions", [])
        assert {one["name"] for one in found} <= {"m1", "m3", "m5"}
        found = house.bob.api("GET", "/registered-models/search" + query).get("registered_models", [])
        assert {one["name"] for one in found} <= {"m1", "m3", "m5"}
    ask = {"query": "{mlflowSearchModelVersions(input: {}) {modelVersions {name}}}"}
    found = json.loads(house.bob.ask("POST", "/graphql", ask)[2])["data"]["mlflowSearchModelVersions"]["modelVersions"]
    assert {one["name"] for one in found} == {"m1", "m3", "m5"}


def test_cve_2026_33866_files_of_logged_models_are_as_their_experiment(house):
    model, experiment = house.names["model_id"], house.names["experiment_id"]
    path = f"{experiment}/models/{model}/artifacts/MLmodel"
    assert house.alice.put(path, b"the secret")[0] == 200
    for prefix in ("/api", "/ajax-api"):
        of_model = f"{prefix}/2.0/mlflow/logged-models/{model}"
        house.refuses_bob("GET", of_model + "/artifacts/files?artifact_file_path=MLmodel")
        house.refuses_bob("GET", of_model + "/artifacts/directories")
        house.refuses_bob("GET", of_model)
        house.refuses_bob("GET", f"{prefix}/2.0/mlflow-artifacts/artifacts/{path}")
        house.refuses_bob("GET", f"{prefix}/2.0/mlflow-artifacts/artifacts?path={experiment}/models/{model}")
    assert house.alice.get(path)[2] == b"the secret"


@pytest.mark.parametrize("permission", ["NO_PERMISSIONS", "READ", "USE"])
def test_ghsa_3p64_6gvh_82v5_who_may_not_edit_changes_no_run(house, permission):
    run, experiment = house.names["run_id"], house.names["experiment_id"]
    body = {"experiment_id": experiment, "username": "bob", "permission": permission}
    house.alice.api("POST", "/experiments/permissions/create", body)
    before = house.alice.api("GET", f"/runs/get?run_id={run}")
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    for path, more in (("log-inputs", {"datasets": [{"dataset": dataset, "tags": []}]}), ("log-inputs", {}),
                       ("outputs", {"models": [{"model_id": house.names["model_id"], "step": 0}]}),
                       ("log-batch", {"tags": [{"key": "a", "value": "b"}]}),
                       ("log-model", {"model_json": '{"artifact_path": "a", "flavors": {}}'}),
                       ("log-metric", {"key": "m", "value": 2, "timestamp": 2}),
                       ("log-parameter", {"key": "p", "value": "2"}), ("set-tag", {"key": "a", "value": "b"}),
                       ("delete-tag", {"key": "a"}), ("update", {"status": "FAILED"}), ("delete", {}), ("restore", {})):
        for prefix in ("/api", "/ajax-api"):
            for word in ("run_id", "run_uuid", "runId"):
                sent = {word: run, **more}
                status = house.bob.ask("POST", f"{prefix}/2.0/mlflow/runs/{path}", sent)[0]
                assert status == 403, (path, word, status)
    assert house.alice.api("GET", f"/runs/get?run_id={run}") == before


def test_peers_4_3_what_is_said_of_a_name_goes_with_its_object(house):
    """Renamed, removed, and made again by another: as mlflow-rs's notes of cascades have it."""
    house.alice.api("POST", "/registered-models/permissions/create",
                    {"name": "wine", "username": "bob", "permission": "MANAGE"})
    house.alice.api("POST", "/registered-models/rename", {"name": "wine", "new_name": "port"})
    assert house.bob.status("GET", "/registered-models/get?name=port") == 200
    house.alice.api("POST", "/registered-models/create", {"name": "wine"})
    house.refuses_bob("GET", BASE + "/registered-models/get?name=wine")
    house.alice.api("DELETE", "/registered-models/delete", {"name": "port"})
    house.alice.api("POST", "/registered-models/create", {"name": "port"})
    house.refuses_bob("GET", BASE + "/registered-models/get?name=port")
    body = {"experiment_id": house.names["experiment_id"], "username": "bob", "permission": "MANAGE"}
    house.alice.api("POST", "/experiments/permissions/create", body)
    house.alice.api("DELETE", "/users/delete", {"username": "bob"})
    house.alice.api("POST", "/users/create", {"username": "bob", "password": BOB})
    house.refuses_bob("GET", f"{BASE}/experiments/get?experiment_id={house.names['experiment_id']}")
    assert house.bob.api("GET", "/users/current")["user"]["experiment_permissions"] == []


@pytest.mark.parametrize("method, path, needs, of", [row for row in routes() if row[3] in OF_AN_OBJECT])
def test_ghsa_8c7q_86fq_vvmh_the_twin_of_a_route_asks_as_it_does(house_of_all, method, path, needs, of):
    """A path that begins with /ajax-api, with several '/', ends with '/', has its case changed or its letters written
    as escapes is the same route, or none; with several '/' within, it is only told where the route is."""
    for spelling in (path.replace("/api/", "/ajax-api/"), "/" + path, path + "/",
                     path.replace("/mlflow", "/%6dlflow", 1), path.replace("/mlflow", "/MLFLOW", 1),
                     path.replace("/mlflow", "/./mlflow", 1), path.replace("/mlflow", "/x/../mlflow", 1)):
        status, answer = ask(house_of_all.bob, house_of_all.names, method, spelling)
        assert status in (403, 404, 405), (spelling, status, answer)
    status, answer = ask(house_of_all.bob, house_of_all.names, method, path.replace("/mlflow", "//mlflow", 1))
    assert status == 308 or (method == "GET" and status in (403, 404)), (status, answer)  # a GET is led on


@pytest.fixture(scope="module")
def house_of_all(tmp_path_factory):
    sluice = Sluice(tmp_path_factory.mktemp("house"))
    yield House(sluice)
    sluice.close()
