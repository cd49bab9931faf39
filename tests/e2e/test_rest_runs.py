# SPDX-License-Identifier: Apache-2.0
"""REST: starting, retrying and cancelling runs; keys that make a request safe to send again."""
import json
import signal
import threading
import time

import pytest
from programs import wait_until
from rest import QUICK, WAITS, Rest, anonymous, user, with_admin
from serving import Server


@pytest.fixture
def quick(sluice):
    """A server of a home that knows the pipeline quick."""
    sluice.pipeline(QUICK)
    sluice.run()
    return anonymous(sluice)


# ---- start ----

def test_a_known_pipeline_is_started_with_other_params(quick):
    body = {"pipeline": "quick", "params": {"n": 2}, "priority": 5, "seed": 7, "no_cache": True}
    run = quick.post("/runs", body, 201)
    assert (run["number"], run["trigger"], run["actor"], run["priority"]) == ("2", "api", "anonymous", 5)
    assert quick.wait(run["run_id"])["params"] == {"n": 2}
    assert quick.text(f"/runs/{run['run_id']}/logs") == "1\n2\n"
    until = quick.post("/runs", {"pipeline": "quick", "until": "count"}, 201)
    assert {one["id"]: one["status"] for one in quick.wait(until["run_id"])["steps"]}["fail"] == "skipped"


def test_it_is_started_where_and_as_it_was(sluice):
    """Workspace, environment and vars are those of its newest run."""
    sluice.write(".sluice/config.yaml", "environments: {prod: {vars: {place: there}}}\n")
    sluice.pipeline("name: p\nsteps: {a: {run: 'echo ${{ vars.place }}; pwd'}}\n")
    sluice.run("-e", "prod")
    rest = anonymous(sluice)
    run = rest.post("/runs", {"pipeline": "p"}, 201)
    rest.wait(run["run_id"])
    assert rest.text(f"/runs/{run['run_id']}/logs") == f"there\n{sluice.folder}\n"


@pytest.mark.parametrize("body, status, words", [
    ({"pipeline": "quack"}, 404, "no pipeline 'quack' has run in this home"),
    ({"pipeline": "quick", "params": {"m": 1}}, 422, "expected n"),
    ({"pipeline": "quick", "params": {"n": "many"}}, 422, "n"),
    ({"pipeline": "quick", "until": "cont"}, 422, "did you mean 'count'"),
    ({"pipeline": "quick", "workspace": "/tmp"}, 422, "runs where it ran before"),
    ({"pipeline": "quick", "definition": "x"}, 422, "expected one of"),
    ({"definition": "name: x\nsteps: {a: {run: id}}\n", "workspace": "/tmp"}, 403, "admins only"),
])
def test_what_cannot_be_started_is_refused_and_leaves_nothing(quick, body, status, words):
    assert words in quick.post("/runs", body, status)["message"]
    assert len(quick.get("/runs")["runs"]) == 1


def test_an_admin_may_run_a_definition_of_his_own(sluice):
    rest = with_admin(sluice)
    body = {"definition": "name: mine\nsteps: {a: {run: pwd}}\n", "workspace": str(sluice.folder), "file": "mine.yaml"}
    run = rest.post("/runs", body, 201)
    assert run["actor"] == "alice" and rest.wait(run["run_id"])["status"] == "succeeded"
    assert rest.text(f"/runs/{run['run_id']}/logs") == f"{sluice.folder}\n"
    for change, words in (({"workspace": "relative"}, "absolute path"), ({"workspace": "/nowhere/at/all"}, "absolute"),
                          ({"definition": "name: mine\nsteps: {a: {run: pwd, retri: 1}}\n"}, "line 2: "),
                          ({"definition": "[" * 100000}, "not accepted"), ({"definition": "\x07"}, "not accepted")):
        assert words in rest.post("/runs", {**body, **change}, 422)["message"], change
    assert "admins only" in user(rest, sluice, "bob").post("/runs", body, 403)["message"]
    writes = user(rest, sluice, "carol", "--scope", "write")
    assert "admins only" in writes.post("/runs", body, 403)["message"]
    assert [one["actor"] for one in rest.get("/activity?action=run.started")["activity"]] == ["alice"]


# ---- retry, rerun, cancel, resume ----

def test_retry_keeps_what_was_good(sluice):
    sluice.pipeline(QUICK)
    flag = sluice.write("fail", "")
    failed = sluice.run(expect=1).json
    rest = anonymous(sluice)
    flag.unlink()
    path = f"/runs/{failed['run_id']}/retry"
    run = rest.post(path, None, 201)
    assert (run["number"], run["retry_of"], run["trigger"]) == ("1.2", failed["run_id"], "retry")
    steps = {one["id"]: one for one in rest.wait(run["run_id"])["steps"]}
    assert steps["count"]["reason"] == "from run 1" and steps["fail"]["status"] == "succeeded"
    again = f"/runs/{run['run_id']}/retry"
    assert "name the step" in rest.post(again, None, 409)["message"]
    assert "did you mean 'fail'" in rest.post(again, {"step": "fial"}, 422)["message"]
    assert "only: expected the step" in rest.post(again, {"only": True}, 422)["message"]
    third = rest.post(again, {"step": "count", "only": True}, 201)
    assert [one["reason"] for one in rest.wait(third["run_id"])["steps"]] == [None, "from run 1.2"]


ADDS = """\
name: adds
params: {a: {type: integer, default: 1}, b: {type: integer, default: 10}}
steps:
  first: {run: "echo ${{ params.a }} >> first.said"}
  second: {needs: [first], run: "echo ${{ params.b }} >> second.said"}
  third: {needs: [second], run: "echo ${{ params.a }} ${{ params.b }} >> third.said"}
"""


def test_rerun_is_a_new_run_from_a_step_on_with_other_params(sluice):
    sluice.pipeline(ADDS)
    before = sluice.run("-p", "a=2", expect=0).json
    rest = anonymous(sluice)
    path = f"/runs/{before['run_id']}/rerun"

    def said(name):
        return (sluice.folder / f"{name}.said").read_text(encoding="utf-8").splitlines()

    run = rest.post(path, {"from": "second", "params": {"b": 20}}, 201, key="k")
    assert rest.post(path, {"from": "second", "params": {"b": 20}}, 201, key="k") == run
    assert (run["number"], run["retry_of"], run["trigger"]) == ("2", before["run_id"], "rerun")
    assert [one["reason"] for one in rest.wait(run["run_id"])["steps"]] == ["from run 1", None, None]
    assert rest.get(f"/runs/{run['run_id']}")["params"] == {"a": 2, "b": 20}
    assert (said("first"), said("second"), said("third")) == (["2"], ["10", "20"], ["2 10", "2 20"])
    whole = rest.post(path, {"until": "second"}, 201)
    assert whole["number"] == "3" and whole["retry_of"] is None
    rest.wait(whole["run_id"])
    assert (said("first"), said("second"), said("third")) == (["2", "2"], ["10", "20", "10"], ["2 10", "2 20"])
    assert "did you mean 'second'" in rest.post(path, {"from": "secund"}, 422)["message"]
    assert "until: there is no step" in rest.post(path, {"until": "none"}, 422)["message"]
    assert "'c'" in rest.post(path, {"params": {"c": 1}}, 422)["message"]
    rest.post(path, {"params": [1]}, 400)
    rest.post(path, {"since": "second"}, 400)
    assert len(rest.get("/runs")["runs"]) == 3


def test_cancel_and_resume(sluice):
    sluice.pipeline(WAITS)
    run = sluice.run(expect=5).json
    rest = anonymous(sluice)
    path = f"/runs/{run['run_id']}"
    assert rest.post(path + "/resume")["status"] == "waiting"
    for verb in ("retry", "rerun"):
        assert "has not ended" in rest.post(f"{path}/{verb}", None, 409)["message"]
    assert rest.post(path + "/cancel", {"reason": "wrong data"}, 202)["cancelling"] is True
    assert rest.wait(run["run_id"])["reason"] == "cancelled by anonymous: wrong data"
    assert "nothing to cancel" in rest.post(path + "/cancel", None, 409)["message"]
    assert "can be retried" in rest.post(path + "/resume", None, 409)["message"]
    for verb in ("cancel", "resume", "retry", "rerun"):
        rest.post(f"/runs/{'0' * 32}/{verb}", None, 404)


# ---- Idempotency-Key ----

def test_the_same_request_with_a_key_is_done_once(quick):
    first = quick.ask("POST", "/runs", {"pipeline": "quick"}, {"Idempotency-Key": '"a"'})
    second = quick.ask("POST", "/runs", {"pipeline": "quick"}, {"Idempotency-Key": '"a"'})
    assert first[0] == second[0] == 201 and first[2] == second[2]
    assert "Idempotency-Replayed" not in first[1] and second[1]["Idempotency-Replayed"] == "true"
    assert len(quick.get("/runs")["runs"]) == 2
    assert "another request" in quick.post("/runs", {"pipeline": "quick", "seed": 1}, 422, key='"a"')["message"]
    run_id = json.loads(first[2])["run_id"]
    quick.wait(run_id)
    assert "another request" in quick.post(f"/runs/{run_id}/retry", {"step": "count"}, 422, key='"a"')["message"]
    quick.post("/runs", {"pipeline": "quick"}, 201, key="b")
    assert len(quick.get("/runs")["runs"]) == 3


def test_a_key_is_known_after_a_restart_and_what_failed_is_not_kept(sluice, quick):
    missing = {"pipeline": "later"}
    quick.post("/runs", missing, 404, key="k")
    first = quick.post("/runs", {"pipeline": "quick"}, 201, key="j")
    quick.server.stop()
    sluice.pipeline(QUICK.replace("quick", "later"), "later.yaml")
    sluice.run("later.yaml")
    rest = anonymous(sluice)
    assert rest.post("/runs", {"pipeline": "quick"}, 201, key="j") == first
    assert rest.post("/runs", missing, 201, key="k")["number"] == "2"


def test_keys_are_of_who_sent_them(sluice):
    sluice.pipeline(QUICK)
    sluice.write(".sluice/config.yaml", "auth: {default_permission: EDIT}\n")
    sluice.run()
    rest = with_admin(sluice)
    other = user(rest, sluice, "bob", "--scope", "write")
    mine = rest.post("/runs", {"pipeline": "quick"}, 201, key="k")
    theirs = other.post("/runs", {"pipeline": "quick"}, 201, key="k")
    assert mine["run_id"] != theirs["run_id"] and theirs["actor"] == "bob"


@pytest.mark.parametrize("key", ["", '""', '"', '"a', 'a"b', '"a"b"', '"a\\b"', "a b", "a,b", '"' + "x" * 256 + '"',
                                 "x" * 258, '"\x7f"'])
def test_what_is_no_key_is_refused(quick, key):
    assert quick.ask("POST", "/runs", {"pipeline": "quick"}, {"Idempotency-Key": key})[0] == 400
    assert len(quick.get("/runs")["runs"]) == 1


def test_keys_may_hold_what_strings_of_headers_hold(quick):
    keys = ['"a b,;=\'"', r'"a\"b\\c"', '"' + "x" * 255 + '"', "8e03978e-40d5-43dd-bc93", "x" * 257]
    for number, key in enumerate(keys):
        quick.post("/runs", {"pipeline": "quick"}, 201, key=key)
        quick.post("/runs", {"pipeline": "quick"}, 201, key=key)
        assert len(quick.get("/runs")["runs"]) == number + 2


def test_a_key_in_flight_is_409(sluice):
    """A pipeline so large that it takes a while to read: the same is asked meanwhile."""
    rest = with_admin(sluice)
    steps = "".join(f"  s{n}: {{run: 'true', if: 'false'}}\n" for n in range(15000))
    body = {"definition": f"name: large\nsteps:\n{steps}", "workspace": str(sluice.folder)}
    answers = []

    def ask():
        answers.append(rest.raw("POST", "/runs", body, {"Idempotency-Key": "k"}, timeout=120))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted(status for status, _, _ in answers)
    assert statuses[0] == 201 and 409 in statuses and set(statuses) <= {201, 409}, answers
    assert len(rest.get("/runs")["runs"]) == 1
    for status, _, answer in answers:
        assert status != 409 or "being answered still" in json.loads(answer)["message"]


@pytest.mark.parametrize("delay_ms", [0, 1, 2, 4, 8, 12])
def test_killed_at_any_time_the_key_still_starts_one_run(sluice, delay_ms):
    sluice.pipeline(QUICK)
    sluice.run()
    server = Server(sluice)
    rest = Rest(server)
    thread = threading.Thread(target=lambda: ignore(lambda: rest.post("/runs", {"pipeline": "quick"}, 201, key="k")))
    thread.start()
    time.sleep(delay_ms / 1000)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    thread.join()
    rest = Rest(Server(sluice), document=rest.document)
    run = rest.post("/runs", {"pipeline": "quick"}, 201, key="k")
    assert rest.wait(run["run_id"])["status"] == "succeeded"
    assert len(rest.get("/runs?pipeline=quick")["runs"]) == 2


def ignore(call):
    try:
        call()
    except Exception:  # noqa: BLE001 (the server was killed)
        pass


def test_many_starts_at_once_are_all_started_once(quick):
    answers = []

    def ask(key):
        answers.append(quick.post("/runs", {"pipeline": "quick", "params": {"n": 1}}, 201, key=key)["run_id"])

    threads = [threading.Thread(target=ask, args=[f"key-{n}"]) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 24
    wait_until(lambda: not quick.get("/runs?open=true")["runs"], 60)
    assert len(quick.pages("/runs", "runs", limit=5)) == 25


def test_who_did_it_and_from_where_is_in_the_activity_log(sluice):
    sluice.pipeline(WAITS)
    sluice.run(expect=5)
    rest = with_admin(sluice)
    run = rest.post("/runs", {"pipeline": "line"}, 201)
    rest.wait(run["run_id"], "waiting")
    rest.post(f"/runs/{run['run_id']}/cancel", {"reason": "seen"}, 202)
    rest.wait(run["run_id"])
    rows = {one["action"]: one for one in rest.get("/activity?object_id=" + run["run_id"])["activity"]}
    for action in ("run.started", "run.cancelled"):
        assert (rows[action]["actor"], rows[action]["address"]) == ("alice", "127.0.0.1")
    assert rows["approval.requested"]["address"] == "", "what sluice does by itself comes from nowhere else"
    assert rest.get("/activity/verify")["holds"]
