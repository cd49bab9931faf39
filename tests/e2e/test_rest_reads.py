# SPDX-License-Identifier: Apache-2.0
"""REST: what can be looked at. Each answer is also held against the served OpenAPI document (rest.py)."""
import hashlib
import json
import sqlite3
import threading

import pytest
from programs import ROOT, wait_until
from rest import API, QUICK, WAITS, anonymous


@pytest.fixture
def line(sluice):
    """A server of a home in which a run waits for approval; and that run as the command line prints it."""
    sluice.pipeline(WAITS)
    run = sluice.run(expect=5).json
    return anonymous(sluice), run


def test_home_plugins_and_slots(line, sluice):
    rest, _ = line
    home = rest.get("/home")
    assert home["path"] == str(sluice.home) and home["open_runs"] == 1
    assert (home["actor"], home["asks_who"], home["groups"]) == ("anonymous", False, [])
    listed = json.loads(sluice("plugins", "--json", expect=0).out)
    plugins = {one["name"]: one for one in rest.get("/plugins")["plugins"]}
    assert {one["plugin"] for one in listed} == set(plugins) and plugins["evaluate"]["gate"]
    inputs = {one["name"]: one for one in rest.get("/plugins/evaluate")["inputs"]}
    assert inputs["dataset"]["required"] and inputs["dataset"]["doc"]
    assert "did you mean 'evaluate'" in rest.get("/plugins/evaluat", 404)["message"]
    slots = {one["resource"]: one for one in rest.get("/slots")["slots"]}
    assert slots["slot"]["amount"] >= 1 and slots["slot"]["held"] == 0 == len(slots["slot"]["holders"])


def test_a_slot_says_who_holds_it(sluice):
    sluice.pipeline("name: hold\nsteps: {hold: {run: test -e quick || sleep 60}}\n")
    quick = sluice.write("quick", "")
    sluice.run()
    quick.unlink()
    rest = anonymous(sluice)
    run_id = rest.post("/runs", {"pipeline": "hold"}, 201)["run_id"]

    def slot():
        return next(one for one in rest.get("/slots")["slots"] if one["resource"] == "slot")

    wait_until(lambda: slot()["holders"] == [{"run": "hold/2", "step": "hold", "amount": 1}])
    rest.post(f"/runs/{run_id}/cancel", {"reason": "seen"}, 202)
    wait_until(lambda: slot()["held"] == 0)


def test_a_run_is_what_show_prints(line, sluice):
    rest, run = line
    assert rest.get(f"/runs/{run['run_id']}") == sluice("show", "--json", expect=0).json
    assert rest.get(f"/runs/{run['run_id']}/steps")["steps"] == run["steps"]
    graph = rest.get(f"/runs/{run['run_id']}/graph")
    assert graph == sluice("graph", "--json", expect=0).json
    assert rest.get("/runs/" + "0" * 32, 404)["code"] == "not_found"


def test_attempts_and_artifacts(line):
    rest, run = line
    path = f"/runs/{run['run_id']}"
    attempts = rest.pages(path + "/attempts", "attempts", limit=1)
    assert [(one["step"], one["number"], one["status"]) for one in attempts] == [("make", 1, "succeeded"),
                                                                                 ("ask", 1, "waiting")]
    assert attempts[0]["exit"]["code"] == 0 and attempts[1]["ended_at"] is None
    [artifact] = rest.pages(path + "/artifacts", "artifacts", limit=1)
    assert artifact["sha256"] == hashlib.sha256(b"hello\n").hexdigest() and artifact["step"] == "make"
    file = f"{path}/artifacts/file?attempt_id={artifact['attempt_id']}&path={artifact['path']}"
    status, headers, answer = rest.ask("GET", file)
    assert (status, answer) == (200, b"hello\n") and "attachment" in headers["Content-Disposition"]
    status, headers, answer = rest.ask("GET", file, headers={"Range": "bytes=1-3"})
    assert (status, answer, headers["Content-Range"]) == (206, b"ell", "bytes 1-3/6")
    assert rest.ask("GET", file, headers={"Range": "bytes=6-"})[0] == 416


def test_an_artifact_that_a_client_has_is_not_sent_again(line):
    rest, run = line
    path = f"/runs/{run['run_id']}/artifacts"
    [artifact] = rest.pages(path, "artifacts")
    file = f"{path}/file?attempt_id={artifact['attempt_id']}&path={artifact['path']}"
    assert wait_until(lambda: rest.ask("GET", file)[1]["ETag"])  # When it has not been changed for a while.
    headers = rest.ask("GET", file)[1]
    for asked in ({"If-None-Match": headers["ETag"]}, {"If-Modified-Since": headers["Last-Modified"]}):
        status, answer, body = rest.ask("GET", file, headers=asked)
        assert (status, body, answer["ETag"]) == (304, b"", headers["ETag"])
    for tag, found in ((headers["ETag"], (206, b"ell")), ('"x"', (200, b"hello\n"))):
        assert rest.ask("GET", file, headers={"Range": "bytes=1-3", "If-Range": tag})[::2] == found
    status, answer, body = rest.ask("GET", file, headers={"If-Match": '"x"'})
    assert (status, json.loads(body)["code"], answer["ETag"]) == (412, "precondition_failed", headers["ETag"])


@pytest.mark.parametrize("path", ["../../../key", "..%2F..%2Fkey", "/etc/passwd", "%2e%2e/x", "none.txt", "a\\b"])
def test_no_path_of_an_artifact_leads_outside(line, path):
    rest, run = line
    status = rest.ask("GET", f"/runs/{run['run_id']}/artifacts/file?attempt_id=1&path={path}")[0]
    assert status in (404, 422), status


def test_an_artifact_of_another_run_is_not_found(sluice):
    sluice.pipeline(WAITS)
    sluice.run(expect=5)
    second = sluice.run("--new", expect=5).json
    rest = anonymous(sluice)
    assert "no attempt 1" in rest.get(f"/runs/{second['run_id']}/artifacts/file?attempt_id=1&path=hello.txt",
                                      404)["message"]


def test_pipelines(line, sluice):
    rest, run = line
    sluice.pipeline(QUICK, "quick.yaml")
    [pipeline] = rest.get("/pipelines")["pipelines"]
    assert (pipeline["name"], pipeline["runs"], pipeline["newest"]["run_id"]) == ("line", 1, run["run_id"])
    assert rest.get("/pipelines/line")["source"] == (sluice.folder / "sluice.yaml").read_text()
    assert rest.get("/pipelines/lime", 404)["message"] == "no pipeline 'lime' has run in this home"


def many_runs(sluice, count):
    sluice.pipeline("name: many\nsteps: {a: {run: 'true'}}\n")
    for _ in range(count):
        sluice.run("--new")


def test_lists_of_runs_are_filtered(sluice):
    many_runs(sluice, 2)
    sluice.pipeline(QUICK, "quick.yaml")
    sluice.write("fail", "")
    sluice.run("quick.yaml", expect=1)
    rest = anonymous(sluice)
    names = [(one["pipeline"], one["number"], one["status"]) for one in rest.get("/runs")["runs"]]
    assert names == [("quick", "1", "failed"), ("many", "2", "succeeded"), ("many", "1", "succeeded")]
    oldest = rest.get("/runs?pipeline=many&number=1")["runs"]
    for query, expected in (("status=failed", 1), ("pipeline=many", 2), ("open=true", 0), ("actor=nobody", 0),
                            ("trigger=cli", 3), ("since=2020-01-01T00:00:00Z", 3), ("until=2020-01-01T00:00:00Z", 0),
                            ("since=" + oldest[0]["created_at"], 3), ("parent=" + oldest[0]["run_id"], 0)):
        assert len(rest.get("/runs?" + query)["runs"]) == expected, query


def test_pages_of_runs_lose_nothing_and_repeat_nothing_while_runs_come(sluice):
    many_runs(sluice, 7)
    rest = anonymous(sluice)
    before = [one["run_id"] for one in rest.get("/runs")["runs"]]
    seen, token = [], ""
    while token is not None:
        page = rest.get("/runs?limit=2" + (f"&page_token={token}" if token else ""))
        seen += [one["run_id"] for one in page["runs"]]
        token = page["next_page_token"]
        rest.post("/runs", {"pipeline": "many"}, 201)
    assert [one for one in seen if one in before] == before and len(set(seen)) == len(seen)


def test_children_are_found_by_their_parent(sluice):
    sluice.pipeline("name: child\nsteps: {c: {run: echo child}}\n", "child.yaml")
    sluice.pipeline("name: parent\nsteps: {p: {pipeline: ./child.yaml}}\n")
    run = sluice.run().json
    rest = anonymous(sluice)
    assert [one["pipeline"] for one in rest.get("/runs")["runs"]] == ["parent"]
    [child] = rest.get("/runs?parent=" + run["run_id"])["runs"]
    assert child["parent_run"] == run["run_id"] and rest.text(f"/runs/{child['run_id']}/logs") == "child\n"


# ---- gates ----

def test_records_of_gates(example):
    sluice = example("evaluate") if (ROOT / "examples" / "evaluate").is_dir() else example("breast-cancer")
    sluice("run", "--json", timeout=300)
    rest = anonymous(sluice)
    gates = rest.pages("/gates", "gates", limit=1)
    assert gates and gates == rest.get("/gates?run_id=" + gates[0]["run_id"])["gates"]
    assert [one for one in gates if one["passed"]] == rest.get("/gates?passed=true")["gates"]
    whole = rest.get("/gates/" + gates[0]["gate_id"])
    assert whole["record"]["rules"] and whole["evidence_sha256"]
    assert rest.get("/gates/999", 404)["message"] == "no gate 999"


# ---- activity ----

def test_activity_is_filtered_paged_and_exported(line):
    rest, run = line
    rest.post(f"/runs/{run['run_id']}/cancel", {"reason": "enough"}, 202)
    rest.wait(run["run_id"])
    rows = rest.pages("/activity", "activity", limit=2)
    assert [one["sequence"] for one in rows] == list(range(len(rows), 0, -1))
    [cancelled] = rest.get("/activity?action=run.cancelled")["activity"]
    assert (cancelled["actor"], cancelled["address"], cancelled["reason"]) == ("anonymous", "127.0.0.1", "enough")
    assert len(rest.get("/activity?object_id=" + run["run_id"])["activity"]) == len(rows)
    assert rest.get("/activity?actor=nobody")["activity"] == []
    exported = [json.loads(text) for text in rest.text("/activity/export").splitlines()]
    assert exported == rows[::-1]
    assert [json.loads(text) for text in rest.text("/activity/export?action=run.cancelled").splitlines()] == [cancelled]


def test_the_chain_is_verified_and_a_changed_row_is_found(line, sluice):
    rest, _ = line
    head = rest.get("/activity/head")
    verified = rest.get("/activity/verify?head=" + head["head"])
    assert verified == {"holds": True, "rows": head["rows"], "head": head["head"], "problem": None}
    assert sluice("activity", "verify", "--json", expect=0).json["head"] == head["head"]
    beyond = "999:" + head["head"].partition(":")[2]
    assert "cut off" in rest.get("/activity/verify?head=" + beyond)["problem"]
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("DROP TRIGGER activity_is_not_changed")
        store.execute("UPDATE activity SET address = '192.0.2.1' WHERE sequence = 2")
    broken = rest.get("/activity/verify")
    assert not broken["holds"] and "row 2 is not what was written" in broken["problem"] and broken["head"] is None


def test_many_rows_are_exported_and_verified_in_parts_while_others_are_served(sluice):
    """More rows than a slice; the loop, and short reads, go on meanwhile."""
    sluice.pipeline("name: many\nsteps: {a: {run: 'true'}}\n")
    sluice.run()
    rest = anonymous(sluice)
    for _ in range(700):
        rest.server.ask("POST", API + "/approvals/1/approve", {})  # refused; and not a row each
    assert len(rest.get("/activity?limit=1000")["activity"]) < 20
    for number in range(300):
        rest.server.api("POST", "/registered-models/create", {"name": f"m{number}"})
    results = []
    threads = [threading.Thread(target=lambda: results.append(rest.get("/activity/verify"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert rest.get("/home")["open_runs"] == 0
    for thread in threads:
        thread.join()
    assert [one["holds"] for one in results] == [True] * 4


# ---- the interface itself ----

def test_openapi_is_closed_and_has_a_schema_for_each_status(line):
    rest, _ = line
    document = rest.document
    assert document["openapi"] == "3.1.0" and len(document["paths"]) >= 25
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                assert status in ("204", "304") or response["content"], (method, path, status)
            assert {"400", "401", "403", "500", "503"} <= set(operation["responses"]), path


def test_a_method_that_is_not_for_the_path_hears_which_is(line):
    rest, _ = line
    status, headers, answer = rest.ask("PUT", "/runs")
    assert status == 405 and headers["Allow"] == "GET, POST"
    assert json.loads(answer)["message"] == "This path is for GET, POST."


@pytest.mark.parametrize("path, status, words", [
    ("/runs?limt=3", 400, "did you mean limit"),
    ("/runs?limit=0", 400, "an integer from 1 to 1000"),
    ("/runs?limit=1001", 400, "an integer from 1 to 1000"),
    ("/runs?limit=1&limit=2", 400, "twice"),
    ("/runs?limit=one", 400, "an integer"),
    ("/runs?open=yes", 400, "true or false"),
    ("/runs?status=done", 400, "queued, running, waiting, succeeded, failed or cancelled"),
    ("/runs?since=yesterday", 400, "a time like"),
    ("/runs?page_token=1", 400, "fits"),
    ("/runs?page_token=999999999999999999999-" + "0" * 32, 400, "fits"),
    ("/runs?pipeline=%ff", 400, "UTF-8"),
    ("/runs?pipeline=%00", 400, "cannot be decoded"),
    ("/runs?pipeline=" + "x" * 1001, 400, "0 to 1000 characters"),
    ("/runs?pipeline='%20OR%201=1--", 200, ""),
    ("/runs/latest", 400, "run_id"),
    ("/runs/" + "g" * 32, 400, "run_id"),
    ("/runs/..%2f..%2fkey", 400, "run_id"),
    ("/approvals/-1", 400, "approval_id"),
    ("/approvals/999999999999999999", 404, "no approval"),
    ("/plugins/..%2f..%2fx.so", 400, "plugin"),
    ("/activity/verify?head=1:xyz", 400, "head"),
    ("/nothing", 404, "There is nothing here: /api/sluice/v1/openapi.json says what there is."),
    ("", 404, "nothing here"),
    ("/", 404, "nothing here"),
])
def test_what_does_not_fit_is_refused_in_words(line, path, status, words):
    rest, _ = line
    got, _, answer = rest.ask("GET", path)
    assert got == status and words in answer.decode(), answer
    if status != 200:
        assert set(json.loads(answer)) == {"code", "message"}


@pytest.mark.parametrize("body, status, words", [
    (b"", 422, "expected one of pipeline"),
    (b"[]", 400, "expected a JSON object"),
    (b"{", 400, "no JSON"),
    (b'{"pipeline": "line", "pipeline": "line"}', 400, "no JSON"),
    (b'{"pipeline": "line", "more": 1}', 400, "there is no 'more' in the body"),
    (b'{"pipeline": 3}', 400, "a string"),
    (b'{"pipeline": null}', 400, "a string"),
    (b'{"pipeline": "a\\u0000b"}', 400, "NUL"),
    (b'{"pipeline": "line", "seed": 1.5}', 400, "an integer"),
    (b'{"pipeline": "line", "seed": "1"}', 400, "an integer"),
    (b'{"pipeline": "line", "params": []}', 400, "an object"),
    (b'{"pipeline": "' + b"x" * 201 + b'"}', 400, "1 to 200 characters"),
    (b'{"pipeline": "line", "params": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", 400, "no JSON"),
    (b"\xff\xfe", 400, "no JSON"),
])
def test_bodies_that_do_not_fit_are_refused(line, body, status, words):
    rest, _ = line
    got, _, answer = rest.ask("POST", "/runs", body, {"Content-Type": "application/json"})
    assert got == status and words in answer.decode(), answer
    assert len(rest.get("/runs")["runs"]) == 1


def test_a_page_of_another_site_can_send_nothing(line):
    rest, run = line
    path = f"/runs/{run['run_id']}/cancel"
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": ""},
                    {"Content-Type": "application/json", "Origin": "https://evil.example"},
                    {"Content-Type": "application/json", "Host": "evil.example"}):
        assert rest.ask("POST", path, b"{}", headers)[0] in (403, 415), headers
    assert rest.status(run["run_id"]) == "waiting"
    said = [json.loads(rest.ask("POST", path, body, headers)[2])["message"].partition(":")[0]
            for body, headers in ((None, {}), (b"{}", {"Content-Type": "text/plain"}))]
    assert said == ["the header Content-Type is missing", "the header Content-Type is text/plain"]


def test_other_methods_are_405_and_say_which_there_are(line):
    rest, run = line
    for method, path, allowed in (("DELETE", "/runs", "GET, POST"), ("PUT", f"/runs/{run['run_id']}", "GET"),
                                  ("GET", f"/runs/{run['run_id']}/cancel", "POST"), ("PATCH", "/home", "GET")):
        status, headers, answer = rest.ask(method, path, b"{}", {"Content-Type": "application/json"})
        assert status == 405 and headers["Allow"] == allowed and json.loads(answer)["code"] == "method_not_allowed"


def test_a_body_that_is_too_large_is_413_in_the_same_shape(line):
    rest, _ = line
    head = f"POST {API}/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    chunks = b"2000000\r\n" + b" " * (32 << 20) + b"\r\n5\r\nabcde\r\n0\r\n\r\n"
    for framing, body in ((f"Content-Length: {33 << 20}\r\n\r\n", b""),
                          ("Transfer-Encoding: chunked\r\n\r\n", chunks)):
        answer = rest.server.send((head + framing).encode(), body)
        assert b" 413 " in answer.partition(b"\r\n")[0] and b'"code":"too_large"' in answer, answer[:300]
