# SPDX-License-Identifier: Apache-2.0
"""The activity log of a server: each call that changes something is there, with who asked, how he was known, and from
where; what runs record is not. It is filtered and exported the same way by both doors."""
import csv
import io
import json
import re
import sqlite3
import subprocess
import time

import pytest
from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer, with_input
from guarding import make_version
from programs import BUILD
from rest import Rest
from serving import Server
from test_route_permissions import ROOT, expand, make_objects

V3 = {"version": "3.0"}


@pytest.fixture
def home(sluice):
    add_user(sluice, "alice", ALICE, "--admin")
    add_user(sluice, "bob", BOB)
    return sluice


@pytest.fixture
def alice(home):
    return As(Server(home), basic("alice", ALICE))


def entries(sluice, *options):
    return list(reversed(sluice("activity", "--limit", 1000, "--json", *options, expect=0).json))


def test_each_change_by_mlflows_interface_is_there(home, alice):
    """All the actions that rows of the tables name, once each."""
    before = len(entries(home))
    names = make_objects(alice)
    experiment, run, model = names["experiment_id"], names["run_id"], names["model_id"]
    dataset, hook = names["dataset_id"], {"entity": "REGISTERED_MODEL", "action": "CREATED"}
    alice.api("POST", "/experiments/update", {"experiment_id": experiment, "new_name": "ours"})
    alice.api("POST", "/runs/delete", {"run_id": run})
    alice.api("POST", "/runs/restore", {"run_id": run})
    alice.api("POST", "/traces/delete-traces", {"experiment_id": experiment, "request_ids": [names["request_id"]]})
    alice.api("DELETE", f"/logged-models/{model}")
    alice.api("PATCH", "/registered-models/update", {"name": "wine", "description": "red"})
    alice.api("POST", "/registered-models/set-tag", {"name": "wine", "key": "k", "value": "v"})
    alice.api("DELETE", "/registered-models/delete-tag", {"name": "wine", "key": "k"})
    alice.api("PATCH", "/model-versions/update", {"name": "wine", "version": "1", "description": "good"})
    alice.api("POST", "/model-versions/set-tag", {"name": "wine", "version": "1", "key": "k", "value": "v"})
    alice.api("DELETE", "/model-versions/delete-tag", {"name": "wine", "version": "1", "key": "k"})
    alice.api("POST", "/registered-models/alias", {"name": "wine", "alias": "champion", "version": "1"})
    alice.api("DELETE", "/registered-models/alias", {"name": "wine", "alias": "champion"})
    alice.api("POST", "/model-versions/transition-stage", {"name": "wine", "version": "1", "stage": "Staging",
                                                           "archive_existing_versions": False})
    alice.api("POST", "/registered-models/rename", {"name": "wine", "new_name": "ale"})
    alice.api("DELETE", "/model-versions/delete", {"name": "ale", "version": "1"})
    alice.api("DELETE", "/registered-models/delete", {"name": "ale"})
    webhook = alice.api("POST", "/webhooks", {"name": "hook", "url": "https://hooks.example/s3cret", "events": [hook],
                                              "secret": "a secret of it"})["webhook"]["webhook_id"]
    alice.api("PATCH", f"/webhooks/{webhook}", {"status": "DISABLED"})
    alice.api("POST", f"/webhooks/{webhook}/test", {})
    alice.api("DELETE", f"/webhooks/{webhook}")
    alice.api("POST", f"/datasets/{dataset}/add-experiments", {"experiment_ids": ["0"]}, **V3)
    alice.api("POST", f"/datasets/{dataset}/remove-experiments", {"experiment_ids": ["0"]}, **V3)
    alice.api("DELETE", f"/datasets/{dataset}/records", {"dataset_record_ids": []}, **V3)
    alice.api("DELETE", f"/datasets/{dataset}", **V3)
    path = f"{experiment}/{run}/artifacts/a.txt"
    assert alice.put(path, b"x")[0] == 200
    assert alice.ask("DELETE", "/api/2.0/mlflow-artifacts/artifacts/" + path)[0] == 200
    alice.api("POST", "/experiments/delete", {"experiment_id": experiment})
    alice.api("POST", "/experiments/restore", {"experiment_id": experiment})
    rows = [row for row in entries(home)[before:] if row["action"] != "permission.changed"]  # its maker manages it
    moves = [row for row in rows if row["action"].partition(".")[0] in ("alias", "stage")]
    assert [(row["action"], row["object"]) for row in moves[:3]] == [
        ("alias.moved", "model wine@champion"), ("alias.removed", "model wine@champion"),
        ("stage.moved", "model wine in Staging")]
    assert [(row["action"], row["object"], row["reason"]) for row in rows if row not in moves] == [
        ("experiment.created", f"experiment {experiment}", "theirs"),
        ("dataset.created", f"dataset {dataset}", "asked"),
        ("model.created", "model wine", ""),
        ("model.registered", "model wine/1", "s3://a/b"),
        ("experiment.renamed", f"experiment {experiment}", "ours"),
        ("run.deleted", f"run {run}", ""),
        ("run.restored", f"run {run}", ""),
        ("traces.deleted", f"experiment {experiment}", ""),
        ("logged_model.deleted", f"logged model {model}", ""),
        ("model.described", "model wine", "red"),
        ("model.tagged", "model wine", "k = v"),
        ("model.untagged", "model wine", "k"),
        ("version.described", "model wine/1", "good"),
        ("version.tagged", "model wine/1", "k = v"),
        ("version.untagged", "model wine/1", "k"),
        ("model.renamed", "model wine", "ale"),
        ("version.deleted", "model ale/1", ""),
        ("model.deleted", "model ale", ""),
        ("webhook.created", f"webhook {webhook}", "hook"),
        ("webhook.changed", f"webhook {webhook}", "hook"),
        ("webhook.tested", f"webhook {webhook}", ""),
        ("webhook.deleted", f"webhook {webhook}", ""),
        ("dataset.experiments_added", f"dataset {dataset}", ""),
        ("dataset.experiments_removed", f"dataset {dataset}", ""),
        ("dataset.records_deleted", f"dataset {dataset}", ""),
        ("dataset.deleted", f"dataset {dataset}", ""),
        ("artifact.deleted", "file /api/2.0/mlflow-artifacts/artifacts/" + path, ""),
        ("experiment.deleted", f"experiment {experiment}", ""),
        ("experiment.restored", f"experiment {experiment}", ""),
    ]
    assert {(row["actor"], row["address"], row["means"]) for row in rows} == {("alice", "127.0.0.1", "password")}
    said = "".join((ROOT / f"orchestrator/api/mlflow/{name}.c").read_text() for name in (
        "experiments", "runs", "traces", "logged_models", "registered_models", "model_versions", "webhooks",
        "evaluation_datasets", "uploads", "users", "permissions", "run_logs", "graphql", "upload_parts", "server"))
    assert set(re.findall(r'API_NOTED\("([\w.]+)"', expand(said))) <= {row["action"] for row in rows}
    assert "s3cret" not in json.dumps(entries(home))
    home("activity", "verify", expect=0)


def test_what_fails_leaves_no_entry_and_what_runs_record_none_either(home, alice):
    names = make_objects(alice)
    before = len(entries(home))
    run = names["run_id"]
    for number in range(50):
        alice.api("POST", "/runs/log-batch", {"run_id": run, "metrics": [
            {"key": "loss", "value": number, "timestamp": number, "step": number}]})
    alice.api("POST", "/runs/set-tag", {"run_id": run, "key": "a", "value": "b"})
    alice.api("POST", "/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 5})
    for method, path, body in (("POST", "/runs/delete", {"run_id": "0" * 32}),
                               ("POST", "/registered-models/rename", {"name": "nowhere", "new_name": "x"}),
                               ("POST", "/experiments/create", {"name": "theirs"}),
                               ("DELETE", "/webhooks/nowhere", None)):
        assert alice.status(method, path, body) in (400, 404), path
    assert len(entries(home)) == before


def test_an_entry_is_one_line_of_bounded_length_whatever_was_asked(home, alice):
    alice.api("POST", "/registered-models/create", {"name": "wine"})
    text = "x" + "é" * 5000 + "\x1b[31m\nsecond line"
    alice.api("PATCH", "/registered-models/update", {"name": "wine", "description": text})
    [row] = entries(home, "--action", "model.described")
    assert "\n" not in row["reason"] and "\x1b" not in row["reason"] and len(row["reason"].encode()) <= 300
    assert set(row["reason"]) == {"x", "é"}, "no part of a character"
    home("activity", "export", "--format", "csv", expect=0)


def test_by_what_means_somebody_was_known(home, alice):
    token = add_token(home, "bob", "--role", "editor", "--name", "ci")
    token_id = json.loads(home("tokens", "list", "--json", expect=0).out)[0]["id"]
    As(alice.server, bearer(token)).api("POST", "/experiments/create", {"name": "by token"})
    As(alice.server, basic("bob", BOB)).api("POST", "/experiments/create", {"name": "by password"})
    rows = [(row["actor"], row["means"]) for row in entries(home, "--action", "experiment.created")]
    assert rows == [("bob", f"token {token_id}"), ("bob", "password")]
    assert {row["means"] for row in entries(home, "--action", "user.*")} == {""}, "by the command line"


def test_a_step_that_registers_by_its_client_is_named(sluice):
    sluice.write("register.py", """
        import json, os, urllib.request
        url, token = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_TOKEN"]
        def ask(path, body):
            headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
            urllib.request.urlopen(urllib.request.Request(url + "/api/2.0/mlflow" + path, json.dumps(body).encode(),
                                                          headers), timeout=60)
        ask("/registered-models/create", {"name": "wine"})
    """)
    sluice.pipeline("name: p\nsteps: {reg: {run: python3 register.py, permissions: {register: [wine]}}}\n")
    sluice.run()
    [row] = entries(sluice, "--action", "model.created")
    assert (row["actor"], row["means"], row["object"]) == ("step reg of run p 1", "step", "model wine")


def test_it_is_filtered_and_exported_the_same_by_both_doors(home, alice):
    rest = Rest(alice.server, alice.headers)
    bob = As(alice.server, basic("bob", BOB))
    bob.api("POST", "/experiments/create", {"name": '=cmd|"calc"!A1, "quoted"'})
    assert bob.status("POST", "/experiments/delete", {"experiment_id": "0"}) == 403
    alice.api("POST", "/experiments/create", {"name": "plain"})
    time.sleep(0.1)
    options = {"actor": "bob", "address": "127.0.0.1", "action": "experiment.*", "outcome": "refused",
               "since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}
    for one in [{}, *({key: value} for key, value in options.items()), {"actor": "bob", "outcome": "done"},
                {"address": "", "action": "user.created"}]:
        query = "&".join(f"{key}={value}" for key, value in one.items())
        rows = rest.get("/activity?limit=1000&" + query)["activity"][::-1]
        chosen = [word for key, value in one.items() for word in ("--" + key, value)]
        assert [row["sequence"] for row in entries(home, *chosen)] == [int(row["sequence"]) for row in rows], one
        text = rest.text("/activity/export?" + query)
        assert text == home("activity", "export", *chosen, expect=0).out
        assert [json.loads(line) for line in text.splitlines()] == rows
        table = rest.text("/activity/export?format=csv&" + query)
        assert table == subprocess_text(home, "activity", "export", "--format", "csv", *chosen)
        found = list(csv.DictReader(io.StringIO(table, newline="")))
        assert [row["chain"] for row in found] == [row["chain"] for row in rows]
    assert [row["action"] for row in rest.get("/activity?outcome=refused")["activity"]] == ["call.refused"]
    [made] = [row for row in found_rows(rest, "action=experiment.created&actor=bob")]
    assert made["reason"] == '\'=cmd|"calc"!A1, "quoted"'
    assert "expected" in home("activity", "--outcome", "nonsense", expect=2).err
    assert "--since" in home("activity", "--since", "yesterday", expect=2).err
    assert rest.get("/activity?outcome=nonsense", 400)["code"] == "invalid"
    assert len(entries(home, "--since", "1h")) == len(entries(home)) and entries(home, "--until", "1h") == []


def found_rows(rest, query):
    return csv.DictReader(io.StringIO(rest.text("/activity/export?format=csv&" + query), newline=""))


def subprocess_text(sluice, *arguments):
    """With its ends of lines as they are."""
    return subprocess.run([BUILD / "sluice", *arguments], cwd=sluice.folder, env=sluice.env, capture_output=True,
                          check=True).stdout.decode()


def test_evidence_of_what_was_done_over_http_is_proved_by_the_key(sluice):
    """Entries with an address and means are chained by them, too."""
    make_version(sluice)
    add_user(sluice, "alice", ALICE, "--admin")
    server = Server(sluice)
    alice = As(server, basic("alice", ALICE))
    alice.api("POST", "/registered-models/alias", {"name": "wine", "alias": "champion", "version": "1"})
    sluice("evidence", "wine/1", "-o", "audit", expect=0)
    lines = [json.loads(line) for line in (sluice.folder / "audit/activity.jsonl").read_text().splitlines()]
    assert ("alice", "127.0.0.1", "password") in [(row["actor"], row["address"], row["means"]) for row in lines]
    sluice("evidence", "verify", "audit", "--key", ".sluice/key", expect=0)


def test_a_head_that_was_kept_elsewhere_finds_a_tail_that_was_cut_off(sluice):
    sluice("init", "-q", expect=0)
    assert sluice("activity", "head", expect=0).out == "0:\n"
    for name in ("A", "B"):
        with_input(sluice, "long enough", "secrets", "set", name, "-")
    head = sluice("activity", "head", expect=0).out.strip()
    assert head.startswith("2:") and len(head) == 2 + 64
    assert sluice("activity", "head", "--json", expect=0).json == {"sequence": 2, "head": head}
    assert head in sluice("activity", "verify", "--head", head, expect=0).out
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        for (trigger,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            store.execute(f"DROP TRIGGER {trigger}")
        store.execute("DELETE FROM activity WHERE sequence = 2")
    assert sluice("activity", "head", expect=0).out.startswith("1:")
    assert sluice("activity", "verify", expect=0)  # by itself it cannot know
    assert "2" in sluice("activity", "verify", "--head", head, expect=1).err
