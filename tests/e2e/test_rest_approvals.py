# SPDX-License-Identifier: Apache-2.0
"""REST: approvals, of whoever has said who he is."""
import threading

import pytest
from rest import WAITS, anonymous, user, with_admin

TEAM = "groups: {leads: [bob, carol], risk: [dora]}\nauth: {default_permission: EDIT}\n"


def asking(by="", reject="", matrix=False):
    more = f", with: {{{by}}}" if by else ""
    items = ", matrix: {n: [1, 2]}" if matrix else ""
    return f"""
        name: asking
        steps:
          make: {{run: echo made}}
          ask: {{needs: [make], uses: approve{more}{items}}}
          use: {{needs: [ask], run: echo used}}
    """


@pytest.fixture
def team(sluice):
    """Starts a pipeline's run; gives the admin's view of the server, and one of each of the team."""
    def start(text):
        sluice.pipeline(text)
        sluice.write(".sluice/config.yaml", TEAM)
        sluice.run(expect=5)
        alice = with_admin(sluice)
        return alice, {name: user(alice, sluice, name, "--scope", "write") for name in ("bob", "carol", "dora", "eve")}
    return start


def only(rest, query=""):
    [approval] = rest.get("/approvals" + query)["approvals"]
    return approval


def test_nobody_approves_without_a_name(sluice):
    sluice.pipeline(WAITS)
    run = sluice.run(expect=5).json
    rest = anonymous(sluice)
    approval = only(rest)
    assert approval["may_decide"] is False and rest.get("/approvals?mine=true")["approvals"] == []
    for verb in ("approve", "reject"):
        answer = rest.post(f"/approvals/{approval['approval_id']}/{verb}", {"reason": "me"}, 403)
        assert answer["code"] == "denied" and "who asks is not known" in answer["message"]
    assert rest.status(run["run_id"]) == "waiting" and only(rest)["votes"] == []
    refused = rest.get("/activity?action=call.refused")["activity"]
    assert [(one["actor"], one["address"], one["to"]) for one in refused] == [("anonymous", "127.0.0.1", "403")]
    assert refused[0]["object"].startswith("POST /api/sluice/v1/approvals/1/approve")


def test_an_approval_lets_the_run_go_on_and_says_on_what_evidence(team):
    alice, people = team(asking())
    approval = only(alice)
    assert (approval["step"], approval["status"], approval["missing"], approval["may_decide"]) == ("ask", "open",
                                                                                                   "1 more", True)
    whole = alice.get("/approvals/" + approval["approval_id"])
    assert {"definition"} <= {one["kind"] for one in whole["evidence"]}
    assert {**whole, "evidence": None} == {**approval, "evidence": None}
    outcome = people["bob"].post(f"/approvals/{approval['approval_id']}/approve", {"reason": "looks right"})
    assert outcome == {"status": "met", "missing": "", "run": "asking/1", "step": "ask", "actor": "bob",
                       "repeated": False}
    assert alice.wait(approval["run_id"])["status"] == "succeeded"
    assert alice.get("/approvals")["approvals"] == []
    ended = only(alice, "?status=all")
    assert (ended["status"], ended["missing"]) == ("met", "") and ended["ended_at"]
    assert [(one["actor"], one["decision"], one["reason"], one["groups"]) for one in ended["votes"]] == [
        ("bob", "approve", "looks right", ["leads"])]
    [row] = alice.get("/activity?action=approval.approved")["activity"]
    assert (row["actor"], row["address"], row["evidence_sha256"]) == (
        "bob", "127.0.0.1", ended["evidence_sha256"])
    late = people["carol"].post(f"/approvals/{approval['approval_id']}/approve", None, 409)
    assert late["message"] == "approval 1 is met: there is nothing to decide"


def test_a_rejection_needs_a_reason(team):
    alice, people = team(asking())
    path = f"/approvals/{only(alice)['approval_id']}/reject"
    assert "'reason' is missing" in people["bob"].post(path, {}, 400)["message"]
    assert "1 to 1000 characters" in people["bob"].post(path, {"reason": ""}, 400)["message"]
    assert people["bob"].post(path, {"reason": "recall is too low"})["status"] == "rejected"
    assert alice.wait(only(alice, "?status=all")["run_id"])["verdict"] == "refused"


def test_only_whom_the_pipeline_names_decides(team):
    alice, people = team(asking("by: {'group:leads': 2, 'group:risk': 1}"))
    path = f"/approvals/{only(alice)['approval_id']}/approve"
    assert "eve" in people["eve"].post(path, None, 403)["message"]
    for name, mine in (("bob", 1), ("carol", 1), ("dora", 1), ("eve", 0)):
        assert len(people[name].get("/approvals?mine=true")["approvals"]) == mine, name
    assert people["bob"].post(path)["missing"] == "1 more of group:leads, 1 more of group:risk"
    again = people["bob"].post(path)
    assert again["repeated"] and again["status"] == "open"
    assert people["dora"].post(path)["status"] == "open"
    assert people["carol"].post(path)["status"] == "met"
    actors = [one["actor"] for one in alice.get("/activity?action=approval.approved")["activity"]]
    assert actors == ["carol", "dora", "bob"]


def test_who_started_a_run_does_not_approve_it(team):
    alice, people = team(asking("not_by: [author]"))
    run = people["bob"].post("/runs", {"pipeline": "asking"}, 201)
    people["bob"].wait(run["run_id"], "waiting")
    approval = only(alice, "?run_id=" + run["run_id"])
    assert approval["authors"] == ["bob"]
    path = f"/approvals/{approval['approval_id']}/approve"
    assert people["bob"].post(path, None, 403)["code"] == "denied"
    assert people["carol"].post(path)["status"] == "met"


def test_each_item_of_a_matrix_is_decided_by_itself(team):
    alice, people = team(asking(matrix=True))
    # they are listed in the order in which they were asked for, and the items begin side by side
    first, second = sorted(alice.get("/approvals")["approvals"], key=lambda one: one["item"])
    assert (first["item"], second["item"]) == (0, 1)
    assert people["bob"].post(f"/approvals/{second['approval_id']}/approve")["status"] == "met"
    assert only(alice)["approval_id"] == first["approval_id"]
    assert people["bob"].post(f"/approvals/{first['approval_id']}/approve")["status"] == "met"
    assert alice.wait(first["run_id"])["status"] == "succeeded"


def test_a_token_that_only_reads_and_a_user_who_may_not_use_the_experiment(team, sluice):
    alice, _ = team(asking())
    approval = only(alice)
    path = f"/approvals/{approval['approval_id']}/approve"
    reads = user(alice, sluice, "frank", "--scope", "read")
    assert "is a viewer by this token, and this takes an approver" in reads.post(path, None, 403)["message"]
    assert reads.get("/approvals/" + approval["approval_id"])["status"] == "open"
    hidden = user(alice, sluice, "gina", "--scope", "write")
    run = alice.get("/runs/" + approval["run_id"])
    experiment = alice.get("/runs")["runs"][0]["experiment_id"]
    for permission, read, vote in (("NO_PERMISSIONS", 403, 403), ("READ", 200, 403), ("USE", 200, 200)):
        status, _, answer = alice.server.ask(
            "POST" if permission == "NO_PERMISSIONS" else "PATCH", "/api/2.0/mlflow/experiments/permissions/"
            + ("create" if permission == "NO_PERMISSIONS" else "update"),
            {"experiment_id": experiment, "username": "gina", "permission": permission}, alice.headers)
        assert status == 200, answer
        hidden.get("/approvals/" + approval["approval_id"], read)
        assert len(hidden.get("/approvals")["approvals"]) == (read == 200)
        hidden.post(path, None, vote)
    assert alice.wait(run["run_id"])["status"] == "succeeded"


def test_a_vote_with_a_key_is_told_the_same_again(team):
    alice, people = team(asking("quorum: 2"))
    path = f"/approvals/{only(alice)['approval_id']}/approve"
    first = people["bob"].post(path, {"reason": "a"}, key="k")
    assert people["bob"].post(path, {"reason": "a"}, key="k") == first and not first["repeated"]
    assert people["bob"].post(path, {"reason": "b"}, 422, key="k")["code"] == "unprocessable"
    assert len(only(alice)["votes"]) == 1


def test_votes_at_the_same_time_count_once_each(team):
    alice, people = team(asking("quorum: 3"))
    path = f"/approvals/{only(alice)['approval_id']}/approve"
    threads = [threading.Thread(target=people[name].raw, args=("POST", path, {}))
               for name in ("bob", "carol", "bob", "carol", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    approval = only(alice)
    assert sorted(one["actor"] for one in approval["votes"]) == ["bob", "carol"] and approval["missing"] == "1 more"


def test_pages_of_approvals(team):
    alice, people = team(asking())
    for _ in range(4):
        run = people["bob"].post("/runs", {"pipeline": "asking"}, 201)
        alice.wait(run["run_id"], "waiting")
    ids = [one["approval_id"] for one in alice.pages("/approvals", "approvals", limit=2)]
    assert ids == ["1", "2", "3", "4", "5"]
    assert alice.get("/approvals/99", 404)["message"] == "no approval 99"
    alice.post("/approvals/99/approve", None, 404)


SOON = "2100-01-01T00:00:00Z"
LEADS = "groups: {leads: [bob, carol, gina, hugo, ivan, lea]}\nauth: {default_permission: EDIT}\n"
# By whom it may be decided: leads who have the role and the permission, but not hugo, who made it; eve in the place of
# bob; kate in that of carol, as gina, who gave first, has lost her right. Dora and frank have nobody else.
DECIDES = {"bob": True, "carol": True, "gina": False, "hugo": False, "ivan": False, "eve": True, "kate": True,
           "dora": False, "frank": False, "nina": False}
GIVEN = (("bob", "eve"), ("carol", "kate"), ("gina", "kate"), ("gina", "dora"), ("hugo", "frank"), ("bob", "hugo"),
         ("lea", "nina"))


def mine(rest):
    return [one["approval_id"] for one in rest.get("/approvals?mine=true")["approvals"]]


def set_permission(alice, experiment, name, permission):
    status, _, answer = alice.server.ask("POST", "/api/2.0/mlflow/experiments/permissions/create",
                                         {"experiment_id": experiment, "username": name, "permission": permission},
                                         alice.headers)
    assert status == 200, answer


@pytest.fixture
def leads(sluice):
    """An approval that nine leads are to give, and people who have lost rights since they delegated theirs."""
    sluice.pipeline(asking("by: ['group:leads'], not_by: [author], quorum: 9"))
    sluice.write(".sluice/config.yaml", LEADS)
    sluice.run(expect=5)
    alice = with_admin(sluice)
    people = {name: user(alice, sluice, name, "--scope", "write") for name in (*DECIDES, "lea")}
    for giver, taker in GIVEN:
        people[giver].post("/delegations", {"to": taker, "until": SOON}, 201)
    run = people["hugo"].post("/runs", {"pipeline": "asking"}, 201)
    people["hugo"].wait(run["run_id"], "waiting")
    set_permission(alice, alice.get("/runs")["runs"][0]["experiment_id"], "gina", "READ")
    sluice("users", "role", "ivan", "runner", expect=0)
    sluice("users", "role", "lea", "runner", expect=0)
    return alice, people, only(alice, "?run_id=" + run["run_id"])["approval_id"]


def test_the_inbox_lists_what_deciding_would_accept(leads):
    alice, people, approval = leads
    listed = {name: approval in mine(people[name]) for name in DECIDES}
    said = {name: people[name].get("/approvals/" + approval)["may_decide"] for name in DECIDES}
    shown = {name: [one["may_decide"] for one in people[name].get("/approvals")["approvals"]
                    if one["approval_id"] == approval] for name in DECIDES}
    assert listed == said == DECIDES and shown == {name: [may] for name, may in DECIDES.items()}
    assert approval not in mine(alice)
    # A word that is no for a reason changes nothing: each is asked for as it was listed.
    for name in ("dora", "frank", "gina", "hugo", "ivan", "nina"):
        people[name].post(f"/approvals/{approval}/approve", None, 403)
    refused = people["dora"].post(f"/approvals/{approval}/approve", None, 403)
    assert "it would be in the place of 'gina', who may not decide this himself: " in refused["message"]
    for name in ("kate", "bob"):
        assert people[name].post(f"/approvals/{approval}/approve")["status"] == "open"
    votes = only(alice, f"?run_id={alice.get('/approvals/' + approval)['run_id']}")["votes"]
    assert sorted((one["actor"], one["on_behalf_of"]) for one in votes) == [("bob", None), ("kate", "carol")]


def test_the_inbox_has_no_more_what_was_said(leads):
    _, people, approval = leads
    people["bob"].post(f"/approvals/{approval}/approve")
    people["kate"].post(f"/approvals/{approval}/approve")
    # Eve would speak with bob's voice, and carol with her own, which kate has given.
    assert {name: approval in mine(people[name]) for name in ("bob", "eve", "kate", "carol")} == {
        "bob": False, "eve": False, "kate": False, "carol": False}
    assert people["eve"].get("/approvals/" + approval)["may_decide"] is True  # she may still say no
    assert people["eve"].post(f"/approvals/{approval}/reject", {"reason": "no"})["status"] == "rejected"
