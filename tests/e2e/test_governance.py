# SPDX-License-Identifier: Apache-2.0
"""Who put what where, and back; who decides in whose place; what people say of versions."""
import base64
import datetime
import json
import pwd
import subprocess
import time

import pytest
from guarding import activity, aliases, guards, make_version, me, promote
from programs import BUILD, wait_until
from serving import Server

LEGAL = {"model": "wine*", "alias": "champion", "approvals": {"group:legal": 1}}


def now():
    time.sleep(0.01)
    moment = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    time.sleep(0.01)
    return moment


def move(sluice, number, version):
    """A move of the guarded alias, approved."""
    promote(sluice, version, expect=5)
    sluice("approve", f"promote/{number}", "-m", f"good {version}", expect=0)
    sluice("resume", f"promote/{number}", expect=0)


@pytest.fixture
def three(sluice):
    """Versions 1, 2 and 3, which have held the alias one after another by right."""
    guards(sluice, LEGAL)
    for version, content in enumerate(("one", "two", "three"), 1):
        assert make_version(sluice, content) == version
        move(sluice, version, version)
    return sluice


# ---- rollback ----------------------------------------------------------------------------------------------------

def test_a_rollback_goes_to_the_version_before_and_a_second_one_further(three):
    would = three("rollback", "wine", "champion", "--dry-run", expect=0)
    assert "would be version 2, before 3" in would.out and aliases(three) == {"champion": 3}
    done = three("rollback", "wine", "champion", "-m", "recall fell", "--json", expect=0).json
    assert (done["from"], done["to"], done["moved"]) == (3, 2, True)
    assert [one["actor"] for one in done["approvals"]] == [me()]
    assert aliases(three) == {"champion": 2}
    assert activity(three, "alias.moved")[0]["reason"] == "recall fell, by rollback"
    assert three("rollback", "wine", "champion", "--json", expect=0).json["to"] == 1
    last = three("rollback", "wine", "champion", expect=6)
    assert "there is no version that 'champion' of 'wine' could go back to" in last.err
    assert aliases(three) == {"champion": 1}


def test_a_version_that_is_gone_or_was_never_approved_is_passed_over(three):
    weights = [path for path in three.home.rglob("weights") if path.read_text() == "two"]
    for path in weights:
        path.chmod(0o644)
        path.write_text("not what was reviewed")
    assert three("rollback", "wine", "champion", "--json", expect=0).json["to"] == 1
    guards(three)
    promote(three, 2)  # nobody minds now
    guards(three, LEGAL, {**LEGAL, "alias": "challenger"})
    refused = three("rollback", "wine", "challenger", expect=6)
    assert "no other has held it" in refused.err
    assert three("rollback", "beer", "champion").code == 4 or "beer" in three("rollback", "beer", "champion").err


def test_a_rollback_to_what_a_stricter_guard_would_refuse_is_free_only_if_it_says_so(three):
    strict = {**LEGAL, "approvals": {"group:legal": 1, "zoe": 1}}
    guards(three, strict)
    refused = three("rollback", "wine", "champion", expect=6)
    assert "lacks approval by 1 more of zoe" in refused.err and aliases(three) == {"champion": 3}
    guards(three, {**strict, "rollback": "free"})
    three("rollback", "wine", "champion", expect=0)
    assert aliases(three) == {"champion": 2}
    assert three("models", "history", "wine", "--json", expect=0).json[-1]["standing"] == "free"


def test_a_rollback_through_the_one_that_holds_the_home_is_the_same(three):
    server = Server(three)
    assert three("rollback", "wine", "champion", "--json", expect=0).json["to"] == 2
    assert three("models", "comment", "wine/2", "back again", expect=0).code == 0
    server.stop()
    assert activity(three, "alias.moved")[0]["actor"] == me()
    assert activity(three, "model.commented")[0]["reason"] == "back again"


# ---- history -------------------------------------------------------------------------------------------------------

def test_what_was_where_at_any_time(sluice):
    guards(sluice, LEGAL)
    target = sluice.folder / "srv"
    moments = [now()]
    for version, content in enumerate(("one", "two"), 1):
        make_version(sluice, content)
        move(sluice, version, version)
        sluice.pipeline("name: d\nsteps:\n  put: {uses: deploy, with: {model: models:/wine@champion, "
                        f"target: {{directory: {target}}}}}}}\n")
        sluice.run()
        moments.append(now())
    sluice("rollback", "wine", "champion", "-m", "worse", expect=0)
    sluice("models", "comment", "wine/2", "slow on Tuesdays", expect=0)
    moments.append(now())

    def at(moment):
        rows = sluice("models", "history", "wine", "--at", moment, "--json", expect=0).json
        return {row["where"]: row["to"] for row in rows}

    assert at(moments[0]) == {}
    assert at(moments[1])["@champion"] == 1 and at(moments[1])[str(target)].endswith("1")
    assert at(moments[2])["@champion"] == 2 and "2" in at(moments[2])[str(target)]
    assert at(moments[3])["@champion"] == 1 and "2" in at(moments[3])[str(target)]
    rows = sluice("models", "history", "wine", "--json", expect=0).json
    assert [row["what"] for row in rows] == ["moved", "deployed", "moved", "deployed", "moved", "comment"]
    first, back = rows[0], rows[4]
    assert first["by"] == "step promote of run promote 1" and first["standing"] == "guarded" and first["run_id"]
    assert [(one["actor"], one["login"], one["reason"]) for one in first["approved_by"]] == [
        (me(), "system", "good 1")]
    assert back["by"] == me() and back["reason"] == "worse" and len(back["evidence"]) == 64
    shown = sluice("models", "history", "wine", expect=0).out
    assert "slow on Tuesdays" in shown and "@champion" in shown
    assert "there is no registered model 'beer'" in sluice("models", "history", "beer").err


def test_a_store_of_before_begins_its_history_with_what_is_there(sluice):
    make_version(sluice)
    promote(sluice, 1)
    rows = sluice("models", "history", "wine", "--json", expect=0).json
    assert [(row["where"], row["to"], row["standing"]) for row in rows] == [("@champion", 1, "open")]


# ---- delegations -----------------------------------------------------------------------------------------------------

ASK = """\
    name: ask
    steps:
      ask: {uses: approve, with: {by: [%s]%s}}
      after: {run: touch after, needs: [ask]}
    """


def name_of(uid):
    return pwd.getpwuid(uid).pw_name


def test_who_may_not_decide_does_so_for_whoever_has_delegated_it(sluice):
    giver = name_of(1)
    guards(sluice, groups={"leads": [giver]})
    sluice.pipeline(ASK % ("group:leads", ""))
    sluice.run(expect=5)
    assert sluice("approvals", "--mine", "--json", expect=0).json == []
    assert "may not decide this" in sluice("approve", "ask/1", expect=6).err
    give(sluice, 1, "--to", me(), "--until", "1h", "-m", "on leave")
    assert len(sluice("approvals", "--mine", "--json", expect=0).json) == 1
    sluice("approve", "ask/1", "-m", "fine", expect=0)
    assert sluice("approvals", "--mine", "--json", expect=0).json == []
    result = sluice("resume", "--json", expect=0)
    assert result.step("ask")["outputs"]["approved_by"] == [f"{me()} for {giver}"]
    [entry] = activity(sluice, "approval.approved")
    assert (entry["actor"], entry["reason"], entry["means"]) == (me(), f"for {giver}: fine", "")
    row = sluice("approvals", "--all", "--json", expect=0).json[0]
    assert row["state"] == "approved" and row["votes"][0]["on_behalf_of"] == giver
    listed = sluice("approvals", "delegations", "--json", expect=0).json[0]
    assert (listed["by"], listed["to"], listed["state"]) == (giver, me(), "in force")
    assert f"is of '{giver}'" in sluice("approvals", "undelegate", listed["id"], expect=6).err


def give(sluice, uid, *options):
    """A delegation that another user of the machine gives: who that is, the kernel says."""
    command = ["unshare", "--user", f"--map-user={uid}", f"--map-group={uid}"]
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("this machine lets nobody make a user namespace: there is no second person to ask")
    done = subprocess.run([*command, BUILD / "sluice", "approvals", "delegate", *options], cwd=sluice.folder,
                          env=sluice.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done


@pytest.mark.parametrize("options, excluded", [(("--until", "1s"), "may not decide"),
                                               (("--until", "1h", "--model", "beer*"), "may not decide")])
def test_a_delegation_ends_and_covers_what_it_says(sluice, options, excluded):
    guards(sluice, groups={"leads": [name_of(1)]})
    sluice.pipeline(ASK % ("group:leads", ""))
    sluice.run(expect=5)
    give(sluice, 1, "--to", me(), *options)
    time.sleep(1.1)
    assert excluded in sluice("approve", "ask/1", expect=6).err


def test_who_made_it_is_excluded_for_others_too(sluice):
    guards(sluice, groups={"leads": [name_of(1)]})
    sluice.pipeline(ASK % ("group:leads", ", not_by: [author]"))
    sluice.run(expect=5)
    give(sluice, 1, "--to", me(), "--until", "1h")
    assert sluice("approve", "ask/1").code == 6


def test_nonsense_is_refused_in_words(sluice):
    guards(sluice)
    assert "--until" in sluice("approvals", "delegate", "--to", "bob", expect=2).err
    assert "--to" in sluice("approvals", "delegate", "--until", "1d", expect=2).err
    assert "for himself" in sluice("approvals", "delegate", "--to", me(), "--until", "1d").err
    assert "in the future" in sluice("approvals", "delegate", "--to", "bob", "--until", "2001-01-01T00:00:00Z").err
    assert "there is no delegation 7" in sluice("approvals", "undelegate", "7").err
    assert "expected MODEL/VERSION" in sluice("models", "comment", "wine", "x", expect=2).err
    make_version(sluice)
    assert "a comment is text" in sluice("models", "comment", "wine/1", " ").err
    assert sluice("models", "comment", "wine/9", "x").code != 0


def test_what_has_become_of_each_request_is_told_apart(sluice):
    guards(sluice)
    sluice.pipeline(ASK % (me(), ", expires: 5s"))
    sluice.run(expect=5)
    time.sleep(5.1)
    sluice("resume", expect=6)
    for word in ("approve", "reject", "cancel"):
        sluice.pipeline(ASK % (me(), ""))
        number = sluice.run("--new", expect=5).json["number"]
        sluice(word, f"ask/{number}", *(["-m", "no"] if word == "reject" else []), expect=0)
    states = [row["state"] for row in sluice("approvals", "--all", "--json", expect=0).json]
    assert states == ["expired", "approved", "rejected", "withdrawn"]


# ---- by the server -----------------------------------------------------------------------------------------------

def login(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def create_user(sluice, name, *options):
    done = subprocess.run([BUILD / "sluice", "users", "create", name, *options], cwd=sluice.folder, env=sluice.env,
                          input=f"{name}'s password", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done


def test_a_version_tag_is_the_yes_of_a_login_that_may_decide_and_of_nobody_else(sluice):
    document = {"groups": {"legal": ["lena"], "others": [me()]}, "auth": {"default_permission": "EDIT"}}
    sluice.write(".sluice/config.yaml", json.dumps(document) + "\n")
    make_version(sluice)
    create_user(sluice, "root", "--admin")
    create_user(sluice, "lena")
    create_user(sluice, "otto")
    sluice.pipeline("""\
        name: deploy
        steps:
          approval_check: {uses: approve, with: {of: models:/wine/1, by: ["group:legal"], not_by: [author]}}
          after: {run: touch after, needs: [approval_check]}
        """)
    sluice.run(expect=5)
    server = Server(sluice)

    def tag(who, key="Approval_Check", value="Approved"):
        body = {"name": "wine", "version": "1", "key": key, "value": value}
        status, _, answer = server.ask("POST", "/api/2.0/mlflow/model-versions/set-tag", body,
                                       login(who, f"{who}'s password"))
        assert status == 200, answer

    tag("otto")
    tag("lena", value="Rejected")
    tag("lena", key="approval_of_something_else")
    time.sleep(0.3)
    assert not (sluice.folder / "after").exists()
    assert len(sluice("approvals", "--json", expect=0).json) == 1
    tag("lena")
    assert wait_until(lambda: (sluice.folder / "after").exists())
    server.stop()
    row = sluice("approvals", "--all", "--json", expect=0).json[0]
    assert row["state"] == "approved" and [(vote["actor"], vote["login"]) for vote in row["votes"]] == [("lena", "tag")]
    entry = activity(sluice, "approval.approved")[0]
    assert entry["actor"] == "lena" and entry["reason"] == "by the tag Approval_Check = Approved of wine/1"


def test_a_tag_of_nobody_approves_nothing(sluice):
    guards(sluice)
    make_version(sluice)
    sluice.pipeline(ASK.replace("ask:", "approval:").replace("[ask]", "[approval]").replace("name: ask", "name: a") %
                    (me(), ", of: models:/wine/1"))
    sluice.run(expect=5)
    server = Server(sluice)
    server.api("POST", "/model-versions/set-tag",
               {"name": "wine", "version": "1", "key": "approval", "value": "Approved"})
    time.sleep(0.3)
    server.stop()
    assert len(sluice("approvals", "--json", expect=0).json) == 1


def test_a_login_that_made_the_version_is_its_author(sluice):
    document = {"groups": {"legal": ["lena"]}, "auth": {"default_permission": "EDIT"},
                "guards": [{**LEGAL, "not_by": ["author"]}]}
    sluice.write(".sluice/config.yaml", json.dumps(document) + "\n")
    make_version(sluice)
    create_user(sluice, "root", "--admin")
    create_user(sluice, "lena")
    server = Server(sluice)
    model_id = sluice("models", "show", "wine", "--json", expect=0).json[0]["model_id"]
    for path, body in (("/registered-models/create", {"name": "wine2"}),
                       ("/model-versions/create", {"name": "wine2", "source": f"models:/{model_id}",
                                                "model_id": model_id})):
        status, _, answer = server.ask("POST", "/api/2.0/mlflow" + path, body, login("lena", "lena's password"))
        assert status == 200, answer
    assert sluice("models", "show", "wine2", "--json", expect=0).json[0]["by"] == "lena"
    status, _, answer = server.ask("POST", "/api/2.0/mlflow/registered-models/alias",
                                   {"name": "wine2", "alias": "champion", "version": "1"},
                                   login("lena", "lena's password"))
    assert status == 403 and json.loads(answer)["error_code"] == "PERMISSION_DENIED"
    server.stop()
