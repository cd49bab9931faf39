# SPDX-License-Identifier: Apache-2.0
"""REST: who put what where, and back; comments, delegations, and evidence: the same as by the command line."""
import io
import json
import re
import sqlite3
import tarfile
import urllib.parse

import pytest
from accounts import ALICE, BOB, add_token, add_user, basic, bearer
from guarding import activity, aliases, guards, make_version, me, promote
from programs import wait_until
from rest import Rest
from serving import Server

M2 = "/api/2.0/mlflow"
LEGAL = {"model": "wine*", "alias": "champion", "approvals": {"group:legal": 1}}
CHAMPION = "/registered-models/wine/aliases/champion/rollback"


def serve(sluice):
    """alice, an admin, and bob, whose role and permissions the tests set."""
    add_user(sluice, "alice", ALICE, "--role", "admin")
    add_user(sluice, "bob", BOB, "--role", "editor")
    alice = Rest(Server(sluice), basic("alice", ALICE))
    return alice, alice.as_user(basic("bob", BOB))


def permit(alice, permission, **what):
    kind = "experiments" if "experiment_id" in what else "registered-models"
    body = {**what, "username": "bob", "permission": permission}
    status, _, answer = alice.server.ask("POST", f"{M2}/{kind}/permissions/create", body, alice.headers)
    if status != 200:
        status, _, answer = alice.server.ask("PATCH", f"{M2}/{kind}/permissions/update", body, alice.headers)
    assert status == 200, answer


def moved(sluice):
    """wine@champion was 1, then 2; nobody guards it."""
    make_version(sluice)
    make_version(sluice, "two")
    promote(sluice, 1)
    promote(sluice, 2)


# ---- rollback ----

def test_an_alias_goes_back_once_for_a_key_and_is_the_same_as_by_the_command_line(sluice):
    moved(sluice)
    alice, _ = serve(sluice)
    dry = alice.post(CHAMPION, {"dry_run": True})
    assert (dry["from"], dry["to"], dry["moved"], dry["standing"]) == (2, 1, False, "open")
    assert aliases(sluice) == {"champion": 2}
    assert sluice("rollback", "wine", "champion", "--dry-run", "--json", expect=0).json["to"] == dry["to"]
    back = alice.post(CHAMPION, {"reason": "recall fell"}, key='"back 1"')
    assert back == alice.post(CHAMPION, {"reason": "recall fell"}, key='"back 1"')  # asked twice, moved once
    assert (back["from"], back["to"], back["moved"], back["held_by"]) == (2, 1, True, "step promote of run promote 1")
    assert aliases(sluice) == {"champion": 1}
    alice.post(CHAMPION, {"reason": "another"}, 422, key='"back 1"')
    wrong = alice.post(CHAMPION, {}, 409)
    assert wrong["code"] == "conflict" and "no version that 'champion' of 'wine' could go back to" in wrong["message"]
    said = sluice("rollback", "wine", "champion", expect=6).err
    assert wrong["message"] in said
    row, = [row for row in activity(sluice, "alias.moved") if row["actor"] == "alice"]
    assert (row["from"], row["to"], row["address"]) == ("2", "1", "127.0.0.1") and "recall fell" in row["reason"]


@pytest.mark.parametrize("path, body, status, words", [
    ("/registered-models/beer/aliases/champion/rollback", {}, 404, "beer"),
    ("/registered-models/wine/aliases/none/rollback", {}, 409, "no other has held it"),
    ("/registered-models/wine/aliases/" + "x" * 300 + "/rollback", {}, 400, "alias"),
    (CHAMPION, {"reason": "x" * 1001}, 400, "reason"), (CHAMPION, {"dry_run": "yes"}, 400, "dry_run"),
    (CHAMPION, {"to": 1}, 400, "to"), ("/registered-models/wine/aliases/%00/rollback", {}, 404, "nothing here"),
    ("/registered-models/wine/aliases/%ff%fe/rollback", {}, 400, "UTF-8")])
def test_a_rollback_that_cannot_be(sluice, path, body, status, words):
    alice, _ = serve(sluice)
    for name in ("registered-models/create", "model-versions/create"):
        assert alice.server.ask("POST", f"{M2}/{name}", {"name": "wine", "source": "s3://a/b"} if "versions" in name
                                else {"name": "wine"}, alice.headers)[0] == 200
    assert words in alice.post(path, body, status)["message"]


def test_a_guard_holds_for_a_rollback_too(sluice):
    moved(sluice)
    guards(sluice, LEGAL)
    alice, _ = serve(sluice)
    refused = alice.post(CHAMPION, {}, 409)  # nobody has approved the one that was there before
    assert "version 1" in refused["message"] and "approval" in refused["message"]
    assert refused["message"] in sluice("rollback", "wine", "champion", expect=6).err
    assert aliases(sluice) == {"champion": 2}


def test_who_may_roll_back(sluice):
    moved(sluice)
    alice, bob = serve(sluice)
    permit(alice, "READ", name="wine")
    bob.post(CHAMPION, {}, 403)
    permit(alice, "EDIT", name="wine")
    sluice("users", "role", "bob", "approver", expect=0)
    bob.post(CHAMPION, {}, 403)
    sluice("users", "role", "bob", "editor", expect=0)
    assert bob.post(CHAMPION)["to"] == 1
    permit(alice, "NO_PERMISSIONS", name="wine")
    for path in (CHAMPION, "/registered-models/wine/aliases/nothing/rollback"):
        assert "wine" in bob.post(path, {}, 403)["message"]


# ---- history ----

HISTORY = "/registered-models/wine/history"


def test_history_tells_what_was_where_and_by_pages(sluice):
    moved(sluice)
    alice, _ = serve(sluice)
    sluice("models", "comment", "wine/1", "slow on Tuesdays", expect=0)
    between = alice.get(HISTORY)["history"][-1]["at"]
    alice.post(CHAMPION, {"reason": "fell"})
    rows = alice.get(HISTORY)["history"]
    assert [(row["kind"], row["what"], row["where"], row["from"], row["to"]) for row in rows] == [
        ("alias", "moved", "champion", None, "1"), ("alias", "moved", "champion", "1", "2"),
        ("comment", "comment", "", None, "1"), ("alias", "moved", "champion", "2", "1")]
    assert [row["actor"] for row in rows] == ["step promote of run promote 1", "step promote of run promote 2", me(),
                                              "alice"]
    assert rows[2]["reason"] == "slow on Tuesdays" and rows[3]["door"] == "rollback" and rows[0]["run_id"]
    for limit in (1, 2, 3, 4, 1000):
        assert alice.pages(HISTORY, "history", limit=limit) == rows
    then, = alice.get(HISTORY + "?at=" + between)["history"]
    assert (then["where"], then["version"], then["at"]) == ("champion", 2, rows[1]["at"])
    now, = alice.get(HISTORY + "?at=2100-01-01T00:00:00Z")["history"]
    assert now == rows[3]
    assert alice.get(HISTORY + "?at=2000-01-01T00:00:00Z")["history"] == []
    shown = sluice("models", "history", "wine", "--at", between, "--json", expect=0).json
    assert [(row["where"], row["to"]) for row in shown] == [("@champion", 2)]
    for query in ("at=yesterday", "page_token=7", "page_token=1.9.1", "limit=0", "x=1"):
        alice.get(f"{HISTORY}?{query}", 400)
    assert "no history of one" in alice.get("/registered-models/beer/history", 404)["message"]


def test_a_stage_has_several_versions_and_a_model_that_is_gone_a_history(sluice):
    moved(sluice)
    alice, _ = serve(sluice)
    stage = {"name": "wine", "stage": "Staging", "archive_existing_versions": False}
    for version in ("1", "2"):
        assert alice.server.ask("POST", f"{M2}/model-versions/transition-stage", {**stage, "version": version},
                                alice.headers)[0] == 200
    held = {(row["where"], row["version"]) for row in alice.get(HISTORY + "?at=2100-01-01T00:00:00Z")["history"]}
    assert held == {("champion", 2), ("Staging", 1), ("Staging", 2)}
    assert alice.server.ask("POST", f"{M2}/model-versions/transition-stage",
                            {**stage, "version": "1", "stage": "Archived"}, alice.headers)[0] == 200
    held = {(row["where"], row["version"]) for row in alice.get(HISTORY + "?at=2100-01-01T00:00:00Z")["history"]}
    assert held == {("champion", 2), ("Archived", 1), ("Staging", 2)}
    before = alice.get(HISTORY)["history"]
    assert alice.server.ask("DELETE", f"{M2}/registered-models/delete", {"name": "wine"}, alice.headers)[0] == 200
    assert alice.get(HISTORY)["history"][:len(before)] == before
    assert alice.get(HISTORY + "?at=2000-01-01T00:00:00Z")["history"] == []


def test_history_leaves_out_what_its_reader_may_not_read(sluice):
    moved(sluice)
    for version in (1, 2):
        sluice.pipeline(f"name: put{version}\nsteps:\n  put: {{uses: deploy, with: {{model: models:/wine/{version}, "
                        f"target: {{directory: {sluice.folder}/srv}}}}}}\n")
        sluice.run()
    alice, bob = serve(sluice)
    sluice("users", "role", "bob", "viewer", expect=0)
    whole = alice.get(HISTORY)["history"]
    assert bob.get(HISTORY)["history"] == whole  # by default everything may be read
    for one in alice.get("/runs")["runs"]:
        permit(alice, "NO_PERMISSIONS", experiment_id=one["experiment_id"])
    seen = bob.get(HISTORY)["history"]
    assert [(row["run_id"], row["actor"]) for row in seen] == [(None, "a step of a run")] * len(whole)
    assert [row["where"] for row in seen] == [row["where"] for row in whole]
    text = json.dumps(seen)
    for hidden in {row["run_id"] for row in whole} | {row["actor"] for row in whole}:
        assert hidden not in text
    permit(alice, "NO_PERMISSIONS", name="wine")
    bob.get(HISTORY, 403)
    token = alice.as_user(bearer(add_token(sluice, "alice", "--experiment", whole and "0")))
    token.get(HISTORY, 403)  # a token of some experiments is for no registered model


def test_what_served_before_is_told_only_to_who_may_know_of_it(sluice):
    make_version(sluice)
    alice, bob = serve(sluice)
    assert alice.server.ask("POST", f"{M2}/registered-models/create", {"name": "secret"}, alice.headers)[0] == 200
    row = ("INSERT INTO deployments (target, state, name, version, model_id, from_model, to_model, sha256, at_ms, "
           "actor, run_id, reason) VALUES ('/srv/x', 'deployed', 'wine', 1, '', 'models:/secret/4', 'models:/wine/1', "
           "'', 5, 'step put of run hidden 7', '" + "0" * 32 + "', '')")
    alice.server.stop()
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute(row)
    alice = Rest(Server(sluice), alice.headers, alice.document)
    bob = alice.as_user(bob.headers)
    for who in (alice, bob):
        assert who.get(HISTORY)["history"][0]["from"] == "models:/secret/4"
    permit(alice, "NO_PERMISSIONS", name="secret")
    mine, = bob.get(HISTORY)["history"]
    assert (mine["from"], mine["to"], mine["version"]) == (None, "wine/1", 1)
    assert (mine["run_id"], mine["actor"]) == (None, "a step of a run")  # a run that is gone is nobody's to know


# ---- comments ----

COMMENTS = "/registered-models/wine/versions/1/comments"


def test_comments_are_made_listed_and_told(sluice):
    make_version(sluice)
    alice, _ = serve(sluice)
    made = alice.post(COMMENTS, {"text": "the résidus look odd"}, 201, key='"one"')
    assert made == alice.post(COMMENTS, {"text": "the résidus look odd"}, 201, key='"one"')
    assert (made["name"], made["version"], made["actor"], made["text"]) == ("wine", 1, "alice", "the résidus look odd")
    sluice("models", "comment", "wine/1", "by hand", expect=0)
    again = alice.post(COMMENTS, {"text": "the résidus look odd"}, 201)  # said twice on purpose
    rows = alice.get(COMMENTS)["comments"]
    assert [row["text"] for row in rows] == ["the résidus look odd", "by hand", "the résidus look odd"]
    assert rows[0] == made and rows[2] == again and rows[1]["actor"] == me()
    for limit in (1, 2, 3):
        assert alice.pages(COMMENTS, "comments", limit=limit) == rows
    noted = activity(sluice, "model.commented")
    assert {(row["actor"], row["object"]) for row in noted} == {("alice", "model wine/1"), (me(), "model wine/1")}
    assert [row["kind"] for row in alice.get(HISTORY)["history"]] == ["comment"] * 3


@pytest.mark.parametrize("body, status", [
    ({}, 400), ({"text": ""}, 400), ({"text": "  \n"}, 422), ({"text": 7}, 400), ({"text": "a\0b"}, 400),
    ({"text": "x" * 16385}, 400), ({"text": "é" * 16384}, 422), ({"text": "fine", "actor": "bob"}, 400)])
def test_a_comment_that_is_none_is_refused(sluice, body, status):
    make_version(sluice)
    alice, _ = serve(sluice)
    alice.post(COMMENTS, body, status)
    assert alice.get(COMMENTS)["comments"] == []


def test_what_is_no_text_at_all_is_refused(sluice):
    make_version(sluice)
    alice, _ = serve(sluice)
    for body in (b'{"text": "\xff\xfe"}', b"\x00\x01", b"[]", b'{"text": "a", "text": "b"}'):
        status, _, answer = alice.raw("POST", COMMENTS, body, {"Content-Type": "application/json"})
        assert status == 400, (body, answer)
    for path in ("/registered-models/wine/versions/0/comments", "/registered-models/wine/versions/x/comments"):
        alice.post(path, {"text": "a"}, 400)
    for path in ("/registered-models/wine/versions/9/comments", "/registered-models/beer/versions/1/comments"):
        alice.post(path, {"text": "a"}, 404)
        alice.get(path, 404)
    assert alice.post(COMMENTS, {"text": "x" * 16384}, 201)["text"] == "x" * 16384
    hostile = "<script>'; DROP TABLE comments; --\u202e"
    assert alice.post(COMMENTS, {"text": hostile}, 201)["text"] == hostile


def test_who_may_comment_and_who_may_read_comments(sluice):
    make_version(sluice)
    alice, bob = serve(sluice)
    sluice("users", "role", "bob", "viewer", expect=0)
    bob.post(COMMENTS, {"text": "a viewer looks"}, 403)
    sluice("users", "role", "bob", "runner", expect=0)
    assert bob.post(COMMENTS, {"text": "mine"}, 201)["actor"] == "bob"
    permit(alice, "NO_PERMISSIONS", name="wine")
    bob.post(COMMENTS, {"text": "no"}, 403)
    assert "mine" not in json.dumps(bob.get(COMMENTS, 403))
    assert [row["text"] for row in alice.get(COMMENTS)["comments"]] == ["mine"]


# ---- delegations ----

SOON = "2100-01-01T00:00:00Z"


def test_delegations_are_given_listed_and_taken_back(sluice):
    alice, bob = serve(sluice)
    made = alice.post("/delegations", {"to": "bob", "until": SOON, "model": "wine*", "reason": "on leave"}, 201,
                      key='"leave"')
    assert made == alice.post("/delegations", {"to": "bob", "until": SOON, "model": "wine*", "reason": "on leave"}, 201,
                              key='"leave"')
    assert (made["by"], made["to"], made["model"], made["state"]) == ("alice", "bob", "wine*", "in force")
    other = bob.post("/delegations", {"to": "carol", "until": SOON}, 201)
    assert other["model"] == "*"
    shown = sluice("approvals", "delegations", "--json", expect=0).json
    assert [(row["by"], row["to"], row["state"]) for row in shown] == [("bob", "carol", "in force"),
                                                                      ("alice", "bob", "in force")]
    assert alice.get("/delegations")["delegations"] == [other, made]
    assert alice.pages("/delegations", "delegations", limit=1) == [other, made]
    assert bob.get("/delegations")["delegations"] == [other, made]  # one given, one got
    path = "/delegations/" + made["delegation_id"]
    assert "who gave it takes it back" in json.loads(bob.ask("DELETE", path, {})[2])["message"]
    assert bob.ask("DELETE", path, {})[0] == 403
    gone = json.loads(alice.ask("DELETE", path, {})[2])
    assert gone["state"] == "taken back" and gone["taken_back_at"]
    assert alice.ask("DELETE", path, {})[0] == 409
    assert alice.ask("DELETE", "/delegations/99", {})[0] == 404
    assert alice.get("/delegations?in_force=true")["delegations"] == [other]
    assert sorted(row["to"] for row in activity(sluice, "approval.delegated")) == sorted(
        [made["until"], other["until"]])
    assert len(activity(sluice, "approval.delegation_ended")) == 1


def test_delegations_of_others_are_nobodys_business(sluice):
    alice, bob = serve(sluice)
    add_user(sluice, "carol", "carol's password")
    carol = alice.as_user(basic("carol", "carol's password"))
    made = alice.post("/delegations", {"to": "bob", "until": SOON}, 201)
    assert carol.get("/delegations")["delegations"] == []
    status, _, answer = carol.ask("DELETE", "/delegations/" + made["delegation_id"], {})
    assert status == 404 and "alice" not in answer.decode() and "bob" not in answer.decode()
    sluice("users", "role", "bob", "runner", expect=0)
    bob.post("/delegations", {"to": "carol", "until": SOON}, 403)  # it takes an approver to have something to give
    assert bob.get("/delegations")["delegations"] == [made]


@pytest.mark.parametrize("body, status, words", [
    ({}, 400, "to"), ({"to": "bob"}, 400, "until"), ({"to": "alice", "until": SOON}, 422, "another person"),
    ({"to": "bob", "until": "2001-01-01T00:00:00Z"}, 422, "future"), ({"to": "", "until": SOON}, 400, "to"),
    ({"to": "bob", "until": "3d"}, 400, "until"), ({"to": "b" * 129, "until": SOON}, 400, "to"),
    ({"to": "bob", "until": SOON, "by": "carol"}, 400, "by")])
def test_a_delegation_that_cannot_be(sluice, body, status, words):
    alice, _ = serve(sluice)
    assert words in alice.post("/delegations", body, status)["message"]
    assert alice.get("/delegations")["delegations"] == []


def test_where_nobody_is_asked_who_he_is_nobody_delegates(sluice):
    rest = Rest(Server(sluice))
    rest.post("/delegations", {"to": "bob", "until": SOON}, 403)
    assert rest.ask("DELETE", "/delegations/1", {})[0] == 403
    assert rest.get("/delegations")["delegations"] == []


ASKS = """
    name: asks
    steps:
      ask: {uses: approve, with: {by: ["group:risk"]}}
    """


def test_a_voice_is_good_only_where_its_giver_may_decide_himself(sluice):
    sluice.write(".sluice/config.yaml", "groups: {risk: [carol]}\n")
    sluice.pipeline(ASKS)
    run = sluice.run(expect=5).json["run_id"]
    alice, bob = serve(sluice)
    add_user(sluice, "carol", "carol's password", "--role", "approver")
    carol = alice.as_user(basic("carol", "carol's password"))
    approval, = alice.get("/approvals")["approvals"]
    path = f"/approvals/{approval['approval_id']}/approve"
    bob.post(path, {}, 403)
    carol.post("/delegations", {"to": "bob", "until": SOON}, 201)
    experiment, = {one["experiment_id"] for one in alice.get("/runs")["runs"] if one["run_id"] == run}
    forbid = {"experiment_id": experiment, "username": "carol", "permission": "NO_PERMISSIONS"}
    assert alice.server.ask("POST", f"{M2}/experiments/permissions/create", forbid, alice.headers)[0] == 200
    permit(alice, "EDIT", experiment_id=experiment)
    assert "in the place of 'carol'" in bob.post(path, {}, 403)["message"]
    assert alice.server.ask("PATCH", f"{M2}/experiments/permissions/update", {**forbid, "permission": "USE"},
                            alice.headers)[0] == 200
    sluice("users", "role", "carol", "viewer", expect=0)
    assert "in the place of 'carol'" in bob.post(path, {}, 403)["message"]
    sluice("users", "role", "carol", "approver", expect=0)
    assert bob.post(path, {})["status"] == "met"
    vote, = alice.get("/approvals?status=all")["approvals"][0]["votes"]
    assert (vote["actor"], vote["on_behalf_of"]) == ("bob", "carol")


def test_the_delegations_of_a_user_end_with_him(sluice):
    alice, bob = serve(sluice)
    bob.post("/delegations", {"to": "carol", "until": SOON}, 201)
    alice.post("/delegations", {"to": "bob", "until": SOON}, 201)
    sluice("users", "rm", "bob", expect=0)
    rows = alice.get("/delegations")["delegations"]
    assert [(row["by"], row["state"]) for row in rows] == [("alice", "in force"), ("bob", "taken back")]


# ---- evidence ----

EVIDENCE = "/registered-models/wine/versions/2/evidence"


def unpack(answer, folder):
    with tarfile.open(fileobj=io.BytesIO(answer)) as archive:
        names = archive.getnames()
        archive.extractall(folder)
    return names


def test_evidence_comes_as_an_archive_that_holds_without_the_home(sluice, tmp_path):
    moved(sluice)
    alice, _ = serve(sluice)
    status, headers, answer = alice.ask("POST", EVIDENCE, {})
    assert (status, headers["Content-Type"]) == (200, "application/x-tar")
    assert headers["Content-Disposition"] == 'attachment; filename="evidence-wine-2.tar"'
    names = unpack(answer, tmp_path / "got")
    sluice("evidence", "wine/2", "-o", "by-hand", expect=0)
    by_hand = {path.name for path in (sluice.folder / "by-hand").iterdir()}
    assert names == ["evidence-wine-2"] + [f"evidence-wine-2/{name.partition('/')[2]}" for name in names[1:]]
    assert {name.rpartition("/")[2] for name in names[1:]} == by_hand
    folder = tmp_path / "got" / "evidence-wine-2"
    for name in ("version.json", "run.json", "gates.json", "approvals.json", "history.json", "pipeline.yaml"):
        assert (folder / name).read_bytes() == (sluice.folder / "by-hand" / name).read_bytes()
    proved = sluice("evidence", "verify", folder, "--key", sluice.home / "key", "--json", expect=0).json
    assert proved["holds"] and proved["signed"] and proved["model"] == "wine/2"
    note = [row for row in alice.get("/activity?action=evidence.written")["activity"] if row["actor"] == "alice"]
    assert [(row["object"], row["evidence_sha256"]) for row in note] == [("model wine/2", proved["manifest_sha256"])]
    (folder / "gates.json").write_text("[]")
    assert "gates.json" in sluice("evidence", "verify", folder, expect=1).err


def test_evidence_is_refused_in_words_and_then_is_no_entry(sluice):
    moved(sluice)
    alice, bob = serve(sluice)
    alice.post("/registered-models/wine/versions/9/evidence", {}, 404)
    alice.post("/registered-models/beer/versions/1/evidence", {}, 404)
    alice.post("/registered-models/wine/versions/x/evidence", {}, 400)
    alice.post(EVIDENCE, {"format": "zip"}, 400)
    assert "Idempotency-Key" in alice.post(EVIDENCE, {}, 422, key='"x"')["message"]
    bob.post(EVIDENCE, {}, 403)
    assert activity(sluice, "evidence.written") == []
    assert [path.name for path in (sluice.home / "incoming").iterdir()] == []


def test_a_model_of_any_name_is_a_folder_with_a_plain_one(sluice, tmp_path):
    alice, _ = serve(sluice)
    for name, plain in (("é ü", "_"), ("x...", "_x"), ("a" * 200, "a"), ("-rf", "-rf"), ('x"; y', "x_y")):
        for path, body in (("registered-models", {"name": name}),
                           ("model-versions", {"name": name, "source": "s3://a/b"})):
            status, _, answer = alice.server.ask("POST", f"{M2}/{path}/create", body, alice.headers)
            assert status == 200, (name, answer)
        quoted = urllib.parse.quote(name, safe="")
        status, headers, answer = alice.ask("POST", f"/registered-models/{quoted}/versions/1/evidence", {})
        assert status == 200, answer
        found = re.fullmatch(r'attachment; filename="evidence-([A-Za-z0-9_-]+)-1\.tar"', headers["Content-Disposition"])
        assert set(found[1]) == set(plain) and len(found[1]) <= 40
        names = unpack(answer, tmp_path / "got")
        assert names[0] == f"evidence-{found[1]}-1"
        sluice("evidence", "verify", tmp_path / "got" / names[0], "--key", sluice.home / "key", expect=0)


def test_a_client_that_goes_away_while_evidence_is_made_harms_nobody(sluice):
    moved(sluice)
    alice, _ = serve(sluice)
    head = "".join(f"{name}: {value}\r\n" for name, value in alice.headers.items())
    for _ in range(5):
        with alice.server.connect() as line:
            line.sendall(f"POST /api/sluice/v1{EVIDENCE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                         f"\r\nContent-Length: 2\r\n{head}\r\n{{}}".encode())
    assert alice.ask("POST", EVIDENCE, {})[0] == 200
    assert wait_until(lambda: len(activity(sluice, "evidence.written")) >= 1)
    assert [path.name for path in (sluice.home / "incoming").iterdir()] == []
