# SPDX-License-Identifier: Apache-2.0
"""`guards` of config.yaml hold whoever moves an alias or a stage, or deploys, and by whichever door."""
import json
import signal

import pytest
from guarding import activity, aliases, guards, make_version, me, promote
from programs import wait_until
from serving import Server

LEGAL = {"model": "wine*", "alias": "champion", "approvals": {"group:legal": 1}}


def approve_and_resume(sluice, run, expect=0):
    sluice("approve", run, "-m", "fine", expect=0)
    return sluice("resume", run, "--json", expect=expect)


def test_a_step_that_lacks_only_approvals_asks_for_them_and_waits(sluice):
    guards(sluice, {**LEGAL, "gate": "green"})
    version = make_version(sluice)
    assert promote(sluice, version, expect=5).json["status"] == "waiting"
    assert aliases(sluice) == {}
    asked = sluice("approvals", "--json", expect=0).json[0]
    assert asked["asks"] == {"group:legal": 1} and asked["of"] == f"models:/wine/{version}"
    assert "wine@champion is guarded by config.yaml" in asked["message"]
    result = approve_and_resume(sluice, "promote/1")
    assert result.step("promote")["attempt"] == 1 and aliases(sluice) == {"champion": version}
    # What was approved needs nobody again, wherever it goes back to.
    assert promote(sluice, version).json["status"] == "succeeded"


def test_a_rejection_of_what_a_guard_asked_refuses_the_step(sluice):
    guards(sluice, LEGAL)
    version = make_version(sluice)
    promote(sluice, version, expect=5)
    sluice("reject", "promote/1", "-m", "the data is not ours", expect=0)
    result = sluice("resume", "promote/1", "--json", expect=6)
    assert result.json["verdict"] == "refused" and "the data is not ours" in result.step("promote")["reason"]
    assert aliases(sluice) == {}


def test_a_red_gate_is_refused_at_once_and_no_approval_helps(sluice):
    guards(sluice, {**LEGAL, "gate": "green"})
    version = make_version(sluice, limit=0.001)
    result = promote(sluice, version, expect=6)
    assert result.json["verdict"] == "refused"
    reason = result.step("promote")["reason"]
    assert "a green gate (w/judge refused: rmse" in reason and "approval by 1 more of group:legal" in reason
    assert sluice("approvals", "--json", expect=0).json == []


def test_an_alias_that_is_not_guarded_moves_as_before(sluice):
    guards(sluice, LEGAL)
    version = make_version(sluice)
    promote(sluice, version, "challenger")
    assert aliases(sluice) == {"challenger": version}


def test_register_registers_the_version_and_waits_for_its_alias(sluice):
    guards(sluice, {**LEGAL, "alias": "ch*"})
    sluice.pipeline("""\
        name: r
        steps:
          train:
            run: mkdir -p "$SLUICE_STEP_DIR/model"; echo 1 > "$SLUICE_STEP_DIR/model/weights"
            model: {path: "${{ step.dir }}/model", name: wine}
          register:
            uses: register
            with: {model: "${{ steps.train.model_id }}", name: wine, aliases: [challenger]}
        """)
    sluice.run(expect=5)
    assert aliases(sluice) == {} and len(sluice("models", "show", "wine", "--json", expect=0).json) == 1
    result = approve_and_resume(sluice, "r/1")
    assert result.step("register")["outputs"]["version"] == 1 and aliases(sluice) == {"challenger": 1}


def test_an_approval_is_of_the_bytes_that_were_reviewed(sluice):
    guards(sluice, LEGAL)
    version = make_version(sluice)
    promote(sluice, version, expect=5)
    approve_and_resume(sluice, "promote/1")
    model_id = sluice("models", "show", "wine", "--json", expect=0).json[0]["model_id"]
    logged = sluice("models", "show", model_id, "--json", expect=0).json
    weights = next(path for path in sluice.home.rglob("weights") if model_id in str(path))
    weights.chmod(0o644)
    weights.write_text("another")
    promote(sluice, version)  # It does not move: it is there.
    guards(sluice, LEGAL, {**LEGAL, "alias": "other"})
    result = promote(sluice, version, "other", expect=6)
    assert "the files that were reviewed" in result.step("promote")["reason"], logged


def test_not_by_author_leaves_the_author_out_where_there_are_others(sluice):
    guards(sluice, {**LEGAL, "not_by": ["author"]}, groups={"legal": [me(), "zoe"]})
    version = make_version(sluice)
    promote(sluice, version, expect=5)
    assert "not_by excludes who made it" in sluice("approve", "promote/1", expect=6).err


def test_a_branch_is_that_of_the_run_which_made_the_model(sluice):
    import subprocess
    guards(sluice, {"model": "wine", "alias": "champion", "branches": ["release/*"]})
    first = make_version(sluice)
    refused = promote(sluice, first, expect=6).step("promote")["reason"]
    assert 'a pipeline run on a branch of ["release/*"]' in refused
    for command in (["init", "-q", "-b", "release/7"], ["add", "sluice.yaml"],
                    ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=sluice.folder, check=True)
    second = make_version(sluice, "two")
    promote(sluice, second)
    assert aliases(sluice) == {"champion": second}


def test_a_target_is_guarded_under_every_name_and_through_links(sluice):
    target = sluice.folder / "srv" / "wine"
    target.parent.mkdir()
    (sluice.folder / "link").symlink_to(sluice.folder / "srv")
    guards(sluice, {"model": "wine", "target": f"{sluice.folder}/srv/*", "approvals": {"group:legal": 1}})
    make_version(sluice)
    target.mkdir()
    ask = 'name: d\nsteps:\n  put: {uses: deploy, with: {model: "%s", target: {directory: %s}%s}}\n'
    model_id = sluice("models", "show", "wine", "--json", expect=0).json[0]["model_id"]
    for number, (model, folder, more) in enumerate([
            ("models:/wine/1", target, ""), (model_id, target, ""), ("models:/wine/1", target, ", name: elsewhere"),
            ("models:/wine/1", sluice.folder / "link" / "wine", ", name: elsewhere")], 1):
        sluice.pipeline(ask % (model, folder, more))
        sluice.run(expect=5)
        assert list(target.iterdir()) == []
        if number < 4:
            sluice("cancel", f"d/{number}", expect=0)
    assert "target" in sluice("approvals", "--json", expect=0).json[0]["message"]
    approve_and_resume(sluice, "d/4")
    assert (target / "current" / "weights").read_text() == "one"


def test_each_configuration_that_is_taken_stands_in_the_activity_log(sluice):
    guards(sluice, LEGAL)
    make_version(sluice)
    make_version(sluice)
    assert len(activity(sluice, "config.loaded")) == 1
    guards(sluice, {**LEGAL, "alias": "other"})
    make_version(sluice)
    newest, first = activity(sluice, "config.loaded")
    assert newest["from"] == first["to"] and newest["to"] != first["to"] and newest["actor"] == me()
    assert newest["reason"].startswith('guards: [{"alias":"champion"')
    sluice.write(".sluice/config.yaml", "pools: {desk: 1}\n")
    make_version(sluice)
    assert "guards: [" in (reason := activity(sluice, "config.loaded")[0]["reason"]) and "-> nothing" in reason
    assert "pools: nothing -> {\"desk\":1}" in reason


@pytest.mark.parametrize("guard, message", [
    ({"model": "wine", "alias": "a"}, "guard 1 asks for nothing"),
    ({"model": "wine", "gate": "green"}, "exactly one of 'alias', 'stage' and 'target'"),
    ({"model": "wine", "alias": "a", "target": "b", "gate": "green"}, "exactly one of"),
    ({"model": "wine", "alias": "a", "gate": "amber"}, "green"),
    ({"model": "wine", "alias": "a", "approvals": {"group:": 1}}, "names nobody"),
    ({"model": "wine", "alias": "a", "approvals": {"group:x": 0}}, "1"),
    ({"model": "wine", "alias": "a", "approvals": {}}, "expected at least one"),
    ({"model": "wine", "alias": "a", "gate": "green", "not_by": ["author"]}, "it needs 'approvals'"),
    ({"model": "wine", "alias": "a", "gate": "green", "not_bye": ["author"]}, "did you mean 'not_by'?"),
    ({"alias": "a", "gate": "green"}, "model"),
    ({"model": "wine", "target": "a", "gate": "green", "rollback": "free"}, "'rollback' is of aliases and stages"),
])
def test_a_guard_that_says_nothing_useful_is_refused(sluice, guard, message):
    guards(sluice, guard)
    sluice.pipeline("name: p\nsteps: {a: {run: echo}}\n")
    refused = sluice("run", expect=2).err
    assert message in refused and "config.yaml:1:" in refused, refused


# ---- by MLflow's doors, where nobody can wait -----------------------------------------------------------------------

def refused(server, method, path, body):
    answer = server.api(method, path, body, expect=403)
    assert answer["error_code"] == "PERMISSION_DENIED", answer
    return answer["message"]


def test_mlflows_routes_are_guarded_and_say_what_is_missing(sluice):
    guards(sluice, LEGAL, {"model": "wine*", "stage": "Production", "gate": "green"},
           {"model": "port", "alias": "champion", "approvals": {"group:legal": 1}})
    first, second = make_version(sluice), make_version(sluice, "two", limit=0.001)
    promote(sluice, first, expect=5)
    approve_and_resume(sluice, "promote/1")
    server = Server(sluice)
    alias = {"name": "wine", "alias": "champion"}
    said = refused(server, "POST", "/registered-models/alias", {**alias, "version": str(second)})
    assert said == ("alias 'champion' of model 'wine' is guarded by config.yaml: version 2 lacks approval by "
                    "1 more of group:legal")
    assert "to take it from version 1 lacks approval" in refused(server, "DELETE", "/registered-models/alias", alias)
    assert "take it from" in refused(server, "DELETE", "/model-versions/delete", {"name": "wine", "version": "1"})
    assert "take it from" in refused(server, "DELETE", "/registered-models/delete", {"name": "wine"})
    for name in ("port", "beer"):
        assert "take it from" in refused(server, "POST", "/registered-models/rename",
                                         {"name": "wine", "new_name": name})
    stage = {"name": "wine", "archive_existing_versions": False}
    said = refused(server, "POST", "/model-versions/transition-stage",
                   {**stage, "version": "2", "stage": "production"})
    assert "stage 'Production' of model 'wine'" in said and "a green gate (w/judge refused" in said
    server.api("POST", "/model-versions/transition-stage", {**stage, "version": "1", "stage": "PRODUCTION"})
    server.api("POST", "/registered-models/alias", {**alias, "version": str(first)})  # where it is already
    server.api("POST", "/registered-models/alias", {"name": "wine", "alias": "free", "version": "2"})
    # A version of no logged model: nothing could be bound to it.
    server.api("POST", "/model-versions/create", {"name": "wine", "source": "s3://bucket/x"})
    said = refused(server, "POST", "/registered-models/alias", {**alias, "version": "3"})
    assert "a logged model (m-...)" in said
    assert server.api("GET", "/registered-models/get?name=wine")["registered_model"]["aliases"] == [
        {"alias": "champion", "version": "1"}, {"alias": "free", "version": "2"}]
    server.stop()
    moves = [(row["actor"], row["object"], row["to"]) for row in activity(sluice, "alias.moved")]
    assert moves == [("anonymous", "model wine@free", "2"),
                     ("step promote of run promote 1", "model wine@champion", "1")]


def test_a_model_that_is_made_again_under_the_name_has_no_approvals(sluice):
    guards(sluice, LEGAL)
    version = make_version(sluice)
    promote(sluice, version, expect=5)
    approve_and_resume(sluice, "promote/1")
    guards(sluice)  # its owner lets everything go
    server = Server(sluice)
    server.api("DELETE", "/registered-models/delete", {"name": "wine"})
    server.stop()
    guards(sluice, LEGAL)
    again = make_version(sluice, "two")
    assert again == 1
    promote(sluice, again, expect=5)
    assert aliases(sluice) == {}


def test_an_import_moves_no_guarded_alias(sluice, tmp_path):
    make_version(sluice)
    promote(sluice, 1)
    store = f"sqlite:///{tmp_path}/out.db"
    sluice("export", store, expect=0)
    other = sluice.__class__(tmp_path / "other")
    other.folder.mkdir()
    guards(other, LEGAL)
    done = other("import", store)
    assert "guarded by config.yaml" in done.out + done.err, done
    listed = other("models", "--json")
    assert listed.code != 0 or all("champion" not in row["aliases"] for row in json.loads(listed.out))
    guards(other)
    other("import", store, expect=0)
    assert aliases(other) == {"champion": 1}
    guards(other, LEGAL)
    other("import", store, expect=0)  # as it was: nothing moves
    assert aliases(other) == {"champion": 1}
    other.close()


# ---- config.yaml that is read again ---------------------------------------------------------------------------------


def reload(sluice, server):
    count = len(activity(sluice, "config.loaded"))
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(activity(sluice, "config.loaded")) > count)


def test_guards_and_groups_that_are_read_again_hold_at_once_by_every_door(sluice):
    """MLflow's routes, steps of runs that begin later, and the people of groups; and they end as they began."""
    version = make_version(sluice)
    guards(sluice)
    server = Server(sluice)
    move = {"name": "wine", "alias": "champion", "version": str(version)}
    server.api("POST", "/registered-models/alias", move)
    server.api("DELETE", "/registered-models/alias", {"name": "wine", "alias": "champion"})
    guards(sluice, {"model": "wine", "alias": "champion", "approvals": {"group:legal": 1}}, groups={"legal": ["eve"]})
    reload(sluice, server)
    refused = server.api("POST", "/registered-models/alias", move, 403)
    assert "lacks approval by 1 more of group:legal" in refused["message"]
    promote(sluice, version, expect=5)
    [row] = sluice("approvals", "--json", expect=0).json
    assert row["asks"] == {"group:legal": 1}, row
    assert "may not decide this" in sluice("approve", "promote/1", expect=6).err
    guards(sluice, {"model": "wine", "alias": "champion", "approvals": {"group:legal": 1}}, groups={"legal": [me()]})
    reload(sluice, server)
    sluice("approve", "promote/1", "-m", "read it", expect=0)
    wait_until(lambda: sluice("show", "promote/1", "--json", expect=None).json["status"] == "succeeded")
    assert activity(sluice, "alias.moved")[0]["actor"] == "step promote of run promote 1"
    guards(sluice)
    reload(sluice, server)
    server.api("POST", "/registered-models/alias", {**move, "alias": "other"})
    sluice.write(".sluice/config.yaml", "guards: [{model: wine, alias: champion, approvals: 7}]\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: activity(sluice, "config.refused"))
    server.api("POST", "/registered-models/alias", move)
