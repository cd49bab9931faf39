# SPDX-License-Identifier: Apache-2.0
"""`sluice gc` beside `sluice serve`, by a person and by itself: the same goes, and never what has come to be used."""
import array
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import threading
import time

import pytest
from gc_home import RULES, Home, names
from programs import ROOT, wait_until
from serving import Server
from test_gc_leftovers import SOCKETS, copy_home, delete_as_clients_do


def make(sluice, count=3, **options):
    home = Home(sluice, **options)
    for i in range(count):
        home.run("-p", f"lr=0.{i + 1}")
    home.age()
    home.settle()
    return home


def activity(sluice, action):
    return [row for row in sluice("activity", "--json", expect=0).json if row["action"] == action]


# ---- by a person ----------------------------------------------------------------------------------------------------


def test_beside_a_server_the_same_goes_and_is_printed(sluice):
    home = make(sluice, cache=True)
    server = Server(sluice)
    delete_as_clients_do(home)
    rules = (*RULES, "--cache", "keep_last=0", "--logs", "keep_last=0", "--deleted", "older_than=1h")
    dry = home.gc("--dry-run", *rules)
    before = home.disk()
    done = home.gc(*rules)
    assert names(done) == names(dry) == ["shop/1", "shop/2"] and names(done, "logs") == ["shop/3"]
    assert names(done, "deleted") == names(dry, "deleted") and len(names(done, "deleted")) == 4
    assert {key: dry[key] for key in ("rules", "held")} == {key: done[key] for key in ("rules", "held")}
    assert home.labels() == ["shop/3"] and home.disk() < before - 40000
    removed = activity(sluice, "gc.removed")
    runs = [int(number) for row in removed for number in re.findall(r"\b(\d+) runs?\b", row["object"])]
    assert sum(runs) == 2 and removed[0]["reason"] == done["rules"]  # in as many pieces as there is time for
    assert activity(sluice, "gc.passed") == [] and server.is_alive()
    assert home.run("-p", "lr=0.3")["status"] == "succeeded"
    server.stop()
    home.check()
    home.gc()  # what a server leaves alone
    home.check_clean()


def test_two_at_once_are_refused_in_words(sluice):
    home = make(sluice, 1)
    server = Server(sluice)
    door = Door(sluice)
    assert "outcome" in door.gc("begin")
    assert "another 'sluice gc'" in sluice("gc", *RULES, expect=4).err
    door.close()
    assert wait_until(lambda: sluice("gc", *RULES).code == 0)
    server.stop()
    home.check_clean()


def test_what_is_young_or_not_told_apart_stays_until_nobody_uses_the_home(sluice):
    home = make(sluice, 1)
    server = Server(sluice)
    for stray in ("runs/young", "repos/x", "uploads/u", "envs/half"):
        (sluice.home / stray).mkdir(parents=True)
    assert home.gc()["removed"] == []
    server.stop()
    assert {"runs/young", "envs/half"} <= set(names(home.gc(), "leftover"))


def test_the_server_answers_while_hundreds_of_runs_go(sluice):
    home = Home(sluice, "name: many\nsteps:\n  a: {run: \"true\"}\n")
    server = Server(sluice)
    for _ in range(12):
        home.run()
    home.age()
    rows = home.sql("SELECT run_id FROM pipeline_runs ORDER BY number LIMIT 1")[0][0]
    for number in range(1000, 1400):
        copy_run(home, rows, f"{number:032x}", number)
    all_runs = len(home.labels())
    left, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            assert server.ask("GET", "/health")[0] == 200
            left.append(home.sql("SELECT count(*) FROM pipeline_runs")[0][0])

    asking = threading.Thread(target=ask)
    asking.start()
    outcome = home.gc(*RULES)
    stop.set()
    asking.join()
    assert outcome["totals"]["runs"]["count"] >= 400
    assert any(1 < count < all_runs for count in left), left  # it answered between two pieces
    server.stop()


def copy_run(home, run_id, new_id, number):
    """A second run of the same kind, by its rows."""
    columns = [row[1] for row in home.sql("PRAGMA table_info(pipeline_runs)")]
    values = ", ".join({"run_id": f"'{new_id}'", "number": str(number)}.get(name, name) for name in columns)
    home.sql(f"INSERT INTO pipeline_runs SELECT {values} FROM pipeline_runs WHERE run_id = '{run_id}'")


# ---- what has come to be used between the survey and the removal -----------------------------------------------------


class Door:
    """The door of the sluice that holds the home, asked as `sluice gc` asks it."""

    def __init__(self, sluice):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = os.open(sluice.home, os.O_PATH)
        self.socket.connect(f"/proc/self/fd/{folder}/sock")
        os.close(folder)

    def gc(self, step, **document):
        fd = os.memfd_create("question", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.write(fd, json.dumps(document).encode())
        fcntl.fcntl(fd, 1033, 1 | 2 | 4 | 8)  # F_ADD_SEALS: all of them
        request = json.dumps({"do": "gc", "step": step}).encode()
        self.socket.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        os.close(fd)
        return json.loads(self.socket.recv(65536))

    def close(self):
        self.socket.close()


def item_of(home, label, goes):
    """What `sluice gc` would ask for: the run with its MLflow runs and models."""
    pipeline, number = label.split("/")
    run = home.sql("SELECT run_id FROM pipeline_runs WHERE pipeline = ? AND number = ?", pipeline, int(number))[0][0]
    runs = [row[0] for row in home.sql("SELECT run_id FROM runs WHERE run_id = ? OR parent_run_id = ?", run, run)]
    models = [row[0] for row in home.sql("SELECT model_id FROM logged_models WHERE source_run_id IN (%s)"
                                         % ", ".join("?" * len(runs)), *runs)]
    owners = [{"id": one, "folder": None, "model": one.startswith("m-"), "goes": False, "bytes": 0}
              for one in runs + models]
    return {"label": label, "runs": [run], "owners": owners, "users": [], "goes": {goes: 1}}


def nothing(home, server, item):
    """Nobody begins to use it."""


def a_version(home, server, item):
    model = item["owners"][-1]["id"]
    server.api("POST", "/registered-models/create", {"name": "late"})
    server.api("POST", "/model-versions/create", {"name": "late", "source": f"models:/{model}", "model_id": model})


def a_version_by_its_run(home, server, item):
    run = item["owners"][0]["id"]
    server.api("POST", "/registered-models/create", {"name": "late"})
    server.api("POST", "/model-versions/create", {"name": "late", "source": f"runs:/{run}/x", "run_id": run})


def a_retry(home, server, item):
    home.sluice("retry", item["label"], "use", expect=0)


def a_nested_run(home, server, item):
    server.run(tags=[{"key": "mlflow.parentRunId", "value": item["owners"][0]["id"]}])


def an_input(home, server, item):
    model = item["owners"][-1]["id"]
    run = server.run()["run_id"]
    server.api("POST", "/runs/log-inputs", {"run_id": run, "models": [{"model_id": model}]})


def a_step_that_reads_it(home, server, item):
    model = item["owners"][-1]["id"]
    home.sluice.pipeline(f"name: reads\nsteps:\n  a:\n    inputs: {{m: {{uri: 'models:/{model}'}}}}\n"
                         "    run: \"true\"\n", "reads.yaml")
    home.sluice("run", "reads.yaml", expect=0)


@pytest.mark.parametrize("goes", ["runs", "artifacts"])
@pytest.mark.parametrize("use", [nothing, a_version, a_version_by_its_run, a_retry, a_nested_run, an_input,
                                 a_step_that_reads_it])
def test_what_came_to_be_used_after_the_survey_began_stays(sluice, use, goes):
    home = make(sluice, 1)
    server = Server(sluice)
    door = Door(sluice)
    assert "outcome" in door.gc("begin", policy="by hand")
    item = item_of(home, "shop/1", goes)
    use(home, server, item)
    answer = door.gc("remove", what="runs", items=[item])["outcome"]
    if use is nothing:
        assert answer["held"] == [] and ("shop/1" in home.labels()) == (goes == "artifacts")
    else:
        assert [one["by"] for one in answer["held"]] == ["it has come to be used meanwhile"], answer
        assert "shop/1" in home.labels() and home.sql("SELECT count(*) FROM removals") == [(0,)]
    door.gc("end")
    door.close()
    server.stop()
    home.check()


def test_a_run_whose_user_stays_stays_with_it(sluice):
    home = make(sluice, 2)
    server = Server(sluice)
    door = Door(sluice)
    door.gc("begin")
    first, second = item_of(home, "shop/1", "runs"), item_of(home, "shop/2", "runs")
    first["users"] = second["runs"]
    a_nested_run(home, server, second)
    held = door.gc("remove", what="runs", items=[second, first])["outcome"]["held"]
    assert [one["by"] for one in held] == ["it has come to be used meanwhile", "run shop/2 uses it"]
    door.close()
    server.stop()


def test_what_a_client_restored_stays(sluice):
    home = make(sluice, 1)
    server = Server(sluice)
    run = server.run()["run_id"]
    server.api("POST", "/runs/delete", {"run_id": run})
    door = Door(sluice)
    door.gc("begin")
    server.api("POST", "/runs/restore", {"run_id": run})
    item = {"kind": "run", "id": run, "label": f"run {run}", "folder": None, "bytes": 0}
    held = door.gc("remove", what="deleted", items=[item])["outcome"]["held"]
    assert len(held) == 1 and server.api("GET", f"/runs/get?run_id={run}")["run"]["info"]["run_id"] == run
    door.close()
    server.stop()
    home.check()


@pytest.mark.parametrize("document", [
    {}, {"what": "runs", "items": []}, {"what": "all", "items": [1]}, {"what": "runs", "items": "x"},
])
def test_nonsense_at_the_door_is_refused(sluice, document):
    make(sluice, 1)
    server = Server(sluice)
    door = Door(sluice)
    assert "begins with" in door.gc("remove", **document)["error"]["message"]
    door.gc("begin")
    assert "error" in door.gc("remove", **document)
    for items in ([1], [None], [{}], [{"runs": 5, "owners": [7], "users": [8], "goes": []}], ["\u0000"],
                  [{"goes": {"runs": 1}}], [{"leaving": 7}], [{"leaving": "x", "goes": {"runs": 1}}],
                  [{"leaving": "x", "goes": {"runs": 1}, "owners_before": -9, "runs_before": 1 << 60}]):
        for what in ("runs", "deleted", "leftovers", "cache", "digests", "gone"):
            door.gc("remove", what=what, items=items)
    assert server.is_alive()
    door.close()
    server.stop()


# ---- a run of many steps --------------------------------------------------------------------------------------------


STEPS = 600


def make_large(sluice):
    numbers = ", ".join(str(number) for number in range(STEPS))
    home = Home(sluice, f"name: large\nsteps:\n  a:\n    matrix: {{n: [{numbers}]}}\n    run: \"true\"\n"
                        "  end: {needs: a, run: \"false\"}\n")  # one that succeeded last would stay
    home.run("--jobs", "8", expect=1)
    home.age()
    home.settle()
    return home


def what_is_left(home):
    """Nothing is there in part: the run with all its steps, or not at all; an MLflow run with its tags."""
    counts = {table: home.sql(f"SELECT count(*) FROM {table}")[0][0]
              for table in ("pipeline_runs", "leaving_runs", "runs", "attempts", "steps")}
    assert counts["pipeline_runs"] + counts["leaving_runs"] <= 1
    assert counts["pipeline_runs"] == 0 or (counts["runs"], counts["attempts"]) == (STEPS + 2, STEPS + 1), counts
    assert home.runs() == (["large/1"] if counts["pipeline_runs"] else [])
    assert home.sql("SELECT run_id FROM runs WHERE (SELECT count(*) FROM run_tags AS t WHERE t.run_id = runs.run_id "
                    "AND t.key IN ('mlflow.runName', 'mlflow.user', 'sluice.definition')) < 3") == []
    home.check()
    return counts


def test_a_run_of_many_steps_goes_in_pieces_head_first(sluice):
    home = make_large(sluice)
    server = Server(sluice)
    door = Door(sluice)
    door.gc("begin", policy="by hand")
    item = item_of(home, "large/1", "runs")
    counts, pieces, root = what_is_left(home), 0, item["runs"][0]
    while True:
        outcome = door.gc("remove", what="runs", items=[item])["outcome"]
        rest, before, pieces = outcome.get("rest"), counts, pieces + 1
        counts = what_is_left(home)
        assert outcome["held"] == [] and outcome["done"] == (1 if rest is None else 0)
        assert counts["pipeline_runs"] == 0 and sum(counts.values()) < sum(before.values())
        if rest is None:
            break
        assert counts["leaving_runs"] == 1 and rest["owners"] == counts["runs"]
        item = {**item, "leaving": root, "owners": item["owners"][:rest["owners"]], "owners_before": 0,
                "runs": item["runs"][:rest["runs"]], "runs_before": 0}
    assert pieces > 1 and set(counts.values()) == {0}
    assert [row["object"].split(" (")[0] for row in activity(sluice, "gc.removed")] == ["1 run"]
    item = {**item, "leaving": root}
    assert [one["by"] for one in door.gc("remove", what="runs", items=[item])["outcome"]["held"]] == [
        "it is gone by now"]
    door.close()
    server.stop()
    home.gc()
    home.check_clean()


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_between_pieces_the_next_one_goes_on_whatever_the_rules_say(sluice, nth, alone):
    home = make_large(sluice)
    crash = {"SLUICE_CRASH": f"gc_after_commit:{nth}"}
    server = Server(sluice, start=lambda *a: sluice.start(*a, env=crash))
    assert sluice("gc", *RULES).code == 4
    assert server.process.wait(10) == -signal.SIGKILL
    counts = what_is_left(home)
    assert counts["leaving_runs"] == 1
    dry = home.gc("--dry-run")["removed"]
    assert [(one["what"], one["why"]) for one in dry if one["kind"] == "runs"] == [
        ("large/1", "its removal was begun")]
    server = None if alone else Server(sluice)
    assert names(home.gc()) == ["large/1"]  # no rule picks anything
    if server is not None:
        server.stop()
    assert set(what_is_left(home).values()) == {0}
    home.gc()
    home.check_clean()


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside"])
def test_a_model_that_becomes_a_version_while_its_run_is_leaving_stays(sluice, alone):
    home = make(sluice, 1)
    server = Server(sluice)
    item = item_of(home, "shop/1", "runs")
    for statement in ("INSERT INTO leaving_runs SELECT run_id, parent_run, pipeline, number, revision, created_ms, "
                      "ended_ms, 5 FROM pipeline_runs", "DELETE FROM pipeline_runs",
                      f"INSERT INTO removals SELECT '{sluice.home}/runs/' || run_id, 'run shop/1', 5 "
                      "FROM leaving_runs"):
        home.sql(statement)  # as the first piece leaves it
    a_version(home, server, item)
    if alone:
        server.stop()
    assert names(home.gc()) == ["shop/1"]
    model = item["owners"][-1]["id"]
    assert home.sql("SELECT model_id FROM logged_models") == [(model,)] and home.sql("SELECT * FROM runs") == []
    assert home.sql("SELECT count(*) FROM steps") == [(0,)]
    home.check()
    if not alone:
        server.stop()
        home.gc()
    home.check_clean()


# ---- what comes where something is to be removed --------------------------------------------------------------------


def upload_to(home, server, run_id, name):
    folder = home.sql("SELECT artifact_uri FROM runs WHERE run_id = ?", run_id)[0][0]
    place = os.path.relpath(folder, home.sluice.home / "artifacts") + "/" + name
    assert server.put(place, b"late")[0] == 200
    return place


def check_upload(home, place):
    """It is there, and all that was in its folder before has gone."""
    assert home.sql("SELECT path FROM artifacts WHERE path = 'late.txt'") == [("late.txt",)]
    assert [path.name for path in (home.sluice.home / "artifacts" / place).parent.iterdir()] == ["late.txt"]


@pytest.mark.parametrize("who, point", [("alone", "gc_before_files"), ("alone", "gc_after_files"),
                                        ("gc", "gc_before_files"), ("gc", "gc_after_files"),
                                        ("server", "gc_after_commit")])
def test_a_file_that_comes_after_a_removal_was_interrupted_stays(sluice, who, point):
    home = make(sluice, 2)
    rules = ("--artifacts", "older_than=1h")
    step = home.sql("SELECT owner FROM artifacts WHERE path LIKE '%table%'")[0][0]
    crash = {"SLUICE_CRASH": f"{point}:1"}
    server = None
    if who != "alone":
        server = Server(sluice, start=lambda *a: sluice.start(*a, env=crash if who == "server" else {}))
    ended = sluice("gc", *rules, env={} if who == "server" else crash)
    assert ended.code == (4 if who == "server" else -signal.SIGKILL), repr(ended)
    assert home.sql("SELECT count(*) > 0 FROM removals") == [(1,)]
    if who == "server":
        assert server.process.wait(60) == -signal.SIGKILL
    server = server if who == "gc" else Server(sluice)
    place = upload_to(home, server, step, "late.txt")
    home.gc()
    check_upload(home, place)
    server.stop()
    home.gc()
    check_upload(home, place)
    home.check_clean()


# ---- killed ---------------------------------------------------------------------------------------------------------


POINTS = ["gc_before_commit", "gc_after_commit"]


@pytest.mark.parametrize("who, point", [("server", point) for point in POINTS] +
                         [("gc", point) for point in ("gc_before_files", "gc_after_files")])
def test_killed_beside_a_server_nothing_dangles_and_the_next_one_completes(sluice, tmp_path, who, point):
    home = make(sluice, 4, cache=True)
    delete_as_clients_do(home)
    kept = tmp_path.parent / (tmp_path.name + "-kept")
    shutil.copytree(sluice.home, kept, ignore=SOCKETS)
    rules = (*RULES, "--cache", "keep_last=0", "--logs", "keep_last=0", "--deleted", "older_than=1h")
    whole = home.gc("--dry-run", *rules)
    killed = 0
    for nth in range(1, 20):
        copy_home(sluice, kept)
        crash = {"SLUICE_CRASH": f"{point}:{nth}"}
        server = Server(sluice, start=lambda *a: sluice.start(*a, env=crash) if who == "server" else sluice.start(*a))
        ended = sluice("gc", *rules, env=crash if who == "gc" else {})
        if ended.code == 0:
            server.stop()
            break
        killed += 1
        home.check()
        if who == "server":
            assert ended.code == 4, repr(ended)
            assert server.process.wait(60) == -signal.SIGKILL
            server = Server(sluice)
        home.gc(*rules)
        server.stop()
        assert set(names(whole)).isdisjoint(home.labels())
        home.check()
        home.gc(*rules)
        home.check_clean()
    assert ended.code == 0 and killed > 0


def test_all_points_of_the_door_are_tried():
    text = (ROOT / "orchestrator/gc/beside.c").read_text()
    assert sorted(POINTS) == sorted(set(re.findall(r'crash_point\([^"]*"(\w+)"\)', text)))


# ---- by itself ------------------------------------------------------------------------------------------------------


def configure(sluice, text):
    sluice.write(".sluice/config.yaml", text)


def test_by_itself_only_when_asked(sluice):
    home = make(sluice)
    configure(sluice, "gc:\n  runs: {older_than: 1h}\n")
    server = Server(sluice)
    time.sleep(2.5)
    assert home.labels() == ["shop/1", "shop/2", "shop/3"] and activity(sluice, "gc.passed") == []
    # Told to read again, it takes the rules as they are then.
    configure(sluice, "gc:\n  every: 1s\n  runs: {older_than: 1h, keep_last: 2}\n")
    assert names(home.gc("--dry-run")) == ["shop/1"]
    server.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: home.labels() == ["shop/2", "shop/3"])
    assert wait_until(lambda: activity(sluice, "gc.passed"))
    configure(sluice, "gc:\n  every: 1s\n  runs: {older_than: 1h}\n")
    server.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: home.labels() == ["shop/3"])
    assert wait_until(lambda: len([row for row in activity(sluice, "gc.passed") if "1 run" in row["object"]]) == 2)
    passed = activity(sluice, "gc.passed")
    assert {row["actor"] for row in passed} == {"sluice"}
    assert any(row["object"].startswith("1 run (") and "older than 1h" in row["reason"] for row in passed)
    configure(sluice, "gc:\n  runs: {older_than: 1h}\n")
    loaded = len(activity(sluice, "config.loaded"))
    server.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: len(activity(sluice, "config.loaded")) > loaded)
    time.sleep(1.5)  # for a pass that goes on
    count = len(activity(sluice, "gc.passed"))
    time.sleep(2)
    assert len(activity(sluice, "gc.passed")) == count
    server.stop()
    home.check_clean()


def test_a_pass_that_removes_nothing_is_noted_and_a_restart_is_no_reason_for_another(sluice):
    home = make(sluice, 1)
    configure(sluice, "gc: {every: 1h, runs: {older_than: 30d}}\n")
    for _ in range(2):
        server = Server(sluice)
        assert wait_until(lambda: activity(sluice, "gc.passed"))
        time.sleep(2)
        server.stop()
    assert [row["object"] for row in activity(sluice, "gc.passed")] == ["nothing"]
    home.check_clean()


@pytest.mark.parametrize("text, told", [
    ("gc: {every: often}", "'gc.every'"), ("gc: {every: 10ms}", "expected 1s or more"), ("gc: {evry: 1d}", "evry"),
    ("gc: {every: [1]}", "'gc.every'"),
])
def test_a_wrong_interval_is_refused(sluice, text, told):
    make(sluice, 1)
    configure(sluice, text + "\n")
    assert told in sluice("gc", "--dry-run").err
