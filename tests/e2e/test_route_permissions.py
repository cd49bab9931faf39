# SPDX-License-Identifier: Apache-2.0
"""Every route of the tables asks a user for the permission that its row names: each is tried with less, and enough."""
import re

from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer
from programs import ROOT, Sluice
from serving import Server

import pytest

LEVELS = ["NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"]
ROW = re.compile(r'\{HTTP_(\w+),\s+"([^"]+)",\s+(API_V\d),\s+API_\w+,\s+API_NEEDS\(\w+,\s+(\w+),\s+(\w+)\)')
OF_AN_OBJECT = {"EXPERIMENT", "EXPERIMENT_NAME", "EACH_EXPERIMENT", "RUN", "RUNS", "LOGGED_MODEL", "TRACE",
                "REGISTERED", "EVALUATION"}
STATUS = {"logged-models": "LOGGED_MODEL_READY", "traces": "OK", "webhooks": "ACTIVE"}


def expand(text):
    """With the names of paths written out, and texts that stand side by side as one."""
    for name, value in re.findall(r'^#define (\w+) ("[^"\n]*")$', text, re.M):
        text = re.sub(rf"\b{name}\b", lambda _, value=value: value, text)
    return re.sub(r'" "', "", text)


def routes():
    """Method, path, permission and object of each row."""
    rows = []
    for path in sorted((ROOT / "orchestrator/api/mlflow").glob("*.c")):
        text = expand(path.read_text())
        found = ROW.findall(text)
        assert len(found) == len(re.findall(r"\bAPI_V\d, API_", text)), path
        rows += [(method, f"/api/{version[-1]}.0{route}", needs, of) for method, route, version, needs, of in found]
    return rows


PLAIN = re.compile(r'\.method = HTTP_(\w+),\s*\.path = (prefix )?((?:"[^"]*"|word|\s)+)')


def plains():
    """Method and path of each route that may answer as it likes."""
    rows = []
    for name in ("artifacts", "uploads", "upload_parts", "server", "graphql"):
        text = expand((ROOT / f"orchestrator/api/mlflow/{name}.c").read_text().replace("\\\n", " "))
        for method, prefix, texts in PLAIN.findall(text):
            for before in ("/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts") if prefix else ("",):
                for word in ("create", "complete", "abort") if "word" in texts else ("",):
                    rows.append((method, before + re.sub(r'["\s]', "", texts.replace("word", word))))
    return rows


def ask(user, names, method, path):
    """The status of a request that names every object there is by every field."""
    route = re.sub(r"\{(\w+)\}", lambda part: names.get(part[1], "x"), path)
    if method == "GET":
        lists = "".join(f"&experiment_ids={names['experiment_id']}&run_ids={names['run_id']}")
        query = "&".join(f"{key}={value}" for key, value in names.items()) + lists
        status, _, answer = user.ask(method, f"{route}?{query}&metric_key=m&alias=a&path=")
    else:
        body = {**names, "key": "k", "value": "1", "timestamp": 1, "new_name": names["name"] + "x", "alias": "a",
                "stage": "Staging", "archive_existing_versions": False, "model_json": "{}", "source": "s3://a/b",
                "models": [], "tags": "{}" if "/datasets" in path else [], "records": "[]", "dataset_record_ids": [],
                "experiment_ids": [names["experiment_id"]], "max_timestamp_millis": 1, "version": "1",
                "status": STATUS.get(path.lstrip("/").split("/")[3], "RUNNING"), "tag_key": "k", "max_results": 5}
        status, _, answer = user.ask(method, route, body)
    return status, answer


@pytest.fixture(scope="module")
def server_of(tmp_path_factory):
    """A server whose default permission is that, with an admin, a user, and an object of each kind."""
    made, programs = {}, []

    def make(level):
        if level not in made:
            sluice = Sluice(tmp_path_factory.mktemp(level))
            programs.append(sluice)
            sluice.write(".sluice/config.yaml", f"auth: {{default_permission: {level}}}\n")
            add_user(sluice, "alice", ALICE, "--admin")
            add_user(sluice, "bob", BOB)
            server = Server(sluice)
            made[level] = server, make_objects(As(server, basic("alice", ALICE)))
        return made[level]

    yield make
    for program in programs:
        program.close()


def make_objects(admin, suffix=""):
    theirs, wine = "theirs" + suffix, "wine" + suffix
    experiment = admin.api("POST", "/experiments/create", {"name": theirs})["experiment_id"]
    run = admin.api("POST", "/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    admin.api("POST", "/runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1})
    model = admin.api("POST", "/logged-models", {"experiment_id": experiment})["model"]["info"]["model_id"]
    trace = admin.api("POST", "/traces", {"experiment_id": experiment, "timestamp_ms": 1})["trace_info"]["request_id"]
    dataset = admin.api("POST", "/datasets/create", {"name": "asked" + suffix, "experiment_ids": [experiment]},
                        version="3.0")["dataset"]["dataset_id"]
    admin.api("POST", "/registered-models/create", {"name": wine})
    admin.api("POST", "/model-versions/create", {"name": wine, "source": "s3://a/b"})
    return {"experiment_id": experiment, "experiment_name": theirs, "run_id": run, "model_id": model,
            "request_id": trace, "name": wine, "version": "1", "dataset_id": dataset}


def test_the_tables_were_found():
    assert len(routes()) > 60 and {of for *_, of in routes()} > OF_AN_OBJECT


@pytest.mark.parametrize("method, path, needs, of", [row for row in routes() if row[3] in OF_AN_OBJECT])
def test_less_than_what_a_route_needs_is_refused_and_that_is_enough(server_of, method, path, needs, of):
    less, enough = LEVELS[LEVELS.index(needs) - 1], needs
    server, names = server_of("READ" if less == "USE" else less)
    status, answer = ask(As(server, basic("bob", BOB)), names, method, path)
    assert status == 403 and b"PERMISSION_DENIED" in answer and needs.encode() in answer, (status, answer)
    removes = needs == "MANAGE" or "/remove-" in path  # objects of the other cases
    if not removes and (method == "GET" or needs == "EDIT"):
        server, names = server_of(enough)
        status, answer = ask(As(server, basic("bob", BOB)), names, method, path)
        assert status != 403, answer


def test_searches_find_what_may_be_read(server_of):
    for level, sees in (("NO_PERMISSIONS", False), ("READ", True)):
        server, names = server_of(level)
        bob = As(server, basic("bob", BOB))
        experiments = {"experiment_ids": [names["experiment_id"]]}
        query = "?experiment_ids=" + names["experiment_id"]
        for method, path, body, key in (
                ("POST", "/experiments/search", {"max_results": 9}, "experiments"),
                ("GET", "/experiments/search?max_results=9", None, "experiments"),
                ("POST", "/runs/search", experiments, "runs"),
                ("POST", "/logged-models/search", experiments, "models"),
                ("GET", "/traces" + query, None, "traces"),
                ("GET", "/registered-models/search", None, "registered_models"),
                ("GET", "/model-versions/search", None, "model_versions")):
            assert bool(bob.api(method, path, body).get(key)) == sees, (level, path)


def test_who_makes_something_manages_it(server_of):
    server, _ = server_of("NO_PERMISSIONS")
    bob = As(server, basic("bob", BOB))
    mine = bob.api("POST", "/experiments/create", {"name": "bob's"})["experiment_id"]
    run = bob.api("POST", "/runs/create", {"experiment_id": mine})["run"]["info"]["run_id"]
    assert bob.api("POST", "/runs/search", {"experiment_ids": [mine, "0"]})["runs"][0]["info"]["run_id"] == run
    found = bob.api("POST", "/experiments/search", {"max_results": 9})["experiments"]
    assert [one["name"] for one in found] == ["bob's"]
    bob.api("POST", "/runs/delete", {"run_id": run})
    bob.api("POST", "/experiments/delete", {"experiment_id": mine})
    bob.api("POST", "/registered-models/create", {"name": "beer"})
    bob.api("POST", "/registered-models/rename", {"name": "beer", "new_name": "ale"})
    assert [one["name"] for one in bob.api("GET", "/registered-models/search")["registered_models"]] == ["ale"]
    bob.api("DELETE", "/registered-models/delete", {"name": "ale"})
    admin = As(server, basic("alice", ALICE))
    admin.api("POST", "/registered-models/create", {"name": "ale"})
    assert bob.status("GET", "/registered-models/get?name=ale") == 403, "the permission went with the model"


def test_files_are_as_their_experiment(server_of):
    server, names = server_of("NO_PERMISSIONS")
    admin, bob = As(server, basic("alice", ALICE)), As(server, basic("bob", BOB))
    experiment, run = names["experiment_id"], names["run_id"]
    path = f"{experiment}/{run}/artifacts/a.txt"
    assert admin.put(path, b"secret")[0] == 200 and admin.get(path)[2] == b"secret"
    base = "/api/2.0/mlflow-artifacts/artifacts"
    for method, url, body in (
            ("GET", f"{base}/{path}", None), ("PUT", f"{base}/{path}", b"x"), ("DELETE", f"{base}/{path}", None),
            ("PUT", f"{base}/{experiment}/elsewhere.txt", b"x"), ("PUT", f"{base}/nowhere/else.txt", b"x"),
            ("GET", f"{base}/{experiment}%2F{run}/artifacts/a.txt", None), ("GET", f"{base}?path={experiment}", None),
            ("GET", f"{base}?path=", None), ("GET", base, None),
            ("GET", f"/get-artifact?run_id={run}&path=a.txt", None),
            ("GET", f"/get-artifact?run_uuid={run}&path=a.txt", None),
            ("GET", "/model-versions/get-artifact?name=wine&version=1&path=a.txt", None),
            ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=b.txt", b"x"),
            ("GET", "/api/2.0/mlflow-artifacts/presigned/" + path, None),
            ("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{experiment}/{run}/artifacts", {"path": "b"}),
            ("DELETE", "/ajax-api/2.0/mlflow-artifacts/artifacts/" + path, None)):
        status, _, answer = bob.ask(method, url, body)
        assert status == 403, (method, url, status, answer)
    assert admin.get(path)[2] == b"secret"


def test_a_version_lets_nobody_at_files_that_he_may_not_read(server_of):
    """Its files are served to whoever may read the registered model: so who makes it must be able to read them."""
    server, names = server_of("NO_PERMISSIONS")
    bob = As(server, basic("bob", BOB))
    bob.api("POST", "/registered-models/create", {"name": "bait"})
    run, experiment = names["run_id"], names["experiment_id"]
    for more in ({"source": f"runs:/{run}/model", "run_id": run}, {"source": "models:/wine/1"},
                 {"source": f"models:/{names['model_id']}"}, {"source": "s3://a/b", "model_id": names["model_id"]},
                 {"source": f"mlflow-artifacts:/{experiment}/{run}/artifacts/model", "run_id": run},
                 {"source": f"mlflow-artifacts:/{experiment}/{run}/artifacts/model"}):
        assert bob.status("POST", "/model-versions/create", {"name": "bait", **more}) in (400, 403), more
    assert bob.api("GET", "/model-versions/search").get("model_versions") is None


def test_points_for_a_model_of_others_are_refused(server_of):
    server, names = server_of("NO_PERMISSIONS")
    bob = As(server, basic("bob", BOB))
    mine = bob.api("POST", "/experiments/create", {"name": "bob's points"})["experiment_id"]
    run = bob.api("POST", "/runs/create", {"experiment_id": mine})["run"]["info"]["run_id"]
    point = {"key": "m", "value": 9, "timestamp": 1, "step": 0, "model_id": names["model_id"]}
    for path, body in (("log-metric", point), ("log-batch", {"metrics": [point]}), ("outputs", {"models": [point]}),
                       ("log-inputs", {"models": [point]})):
        assert bob.status("POST", f"/runs/{path}", {"run_id": run, **body}) == 403, path


def test_a_token_of_one_experiment_reaches_nothing_else(sluice):
    add_user(sluice, "alice", ALICE, "--admin")
    server = Server(sluice)
    admin = As(server, basic("alice", ALICE))
    mine = admin.api("POST", "/experiments/create", {"name": "mine"})["experiment_id"]
    theirs = make_objects(admin)
    token = As(server, bearer(add_token(sluice, "alice", "--experiment", "mine")))
    run = token.api("POST", "/runs/create", {"experiment_id": mine})["run"]["info"]["run_id"]
    token.api("POST", "/runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1})
    assert token.put(f"{mine}/{run}/artifacts/a.txt", b"a")[0] == 200
    found = token.api("POST", "/runs/search", {"experiment_ids": [mine, theirs["experiment_id"], "0"]})["runs"]
    assert [one["info"]["run_id"] for one in found] == [run]
    assert len(token.api("POST", "/experiments/search", {"max_results": 9})["experiments"]) == 1
    assert "registered_models" not in token.api("GET", "/registered-models/search")
    for path, body in (("/experiments/create", {"name": "new"}), ("/registered-models/create", {"name": "new"}),
                       ("/runs/create", {"experiment_id": theirs["experiment_id"]}), ("/runs/create", {}),
                       ("/runs/set-tag", {"run_id": theirs["run_id"], "key": "a", "value": "b"})):
        assert token.status("POST", path, body) == 403, (path, body)
    for row in routes():
        if row[3] in OF_AN_OBJECT:
            assert ask(token, theirs, *row[:2])[0] == 403, row
