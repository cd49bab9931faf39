# SPDX-License-Identifier: Apache-2.0
"""Plugins that meet the world: what serves, people, web servers, time, files. All of it real."""
import json
import os
import pathlib
import pwd
import re
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from loopback import Loopback
from programs import BUILD, runners_of, wait_until

MODELS = """\
          train:
            matrix: {n: [1, 2, 3]}
            max_parallel: 1
            run: mkdir "$SLUICE_STEP_DIR/model" && echo ${{ matrix.n }} > "$SLUICE_STEP_DIR/model/w"
            model: {path: "${{ step.dir }}/model"}
          register:
            matrix: ${{ steps.train.model_id }}
            max_parallel: 1
            uses: register
            with: {model: "${{ matrix }}", name: wine}
"""


@pytest.fixture
def web():
    server = Loopback()
    yield server
    server.close()


@pytest.fixture
def wines(sluice):
    """Versions 1, 2 and 3 of the model wine; their file w holds their number."""
    sluice.pipeline("        name: make\n        steps:\n" + MODELS, "make.yaml")
    sluice.run("make.yaml")
    return sluice


def me():
    return pwd.getpwuid(os.getuid()).pw_name


def activity(sluice, action):
    return [row for row in sluice("activity", "--json", expect=0).json if row["action"] == action]


# ---- approve --------------------------------------------------------------------------------------------------------


def somebody_else(sluice, *arguments, uid=1, expect=None):
    """The command as another user of the machine: who that is, the kernel says."""
    command = ["unshare", "--user", f"--map-user={uid}", f"--map-group={uid}", BUILD / "sluice", *map(str, arguments)]
    if subprocess.run(command[:4] + ["true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("this machine lets nobody make a user namespace: there is no second person to ask")
    done = subprocess.run(command, cwd=sluice.folder, env=sluice.env, capture_output=True, text=True, check=False)
    assert expect is None or done.returncode == expect, done.stdout + done.stderr
    return done


def name_of(uid):
    return pwd.getpwuid(uid).pw_name


ASK = """\
    name: ask
    steps:
      ask: {uses: approve, with: {%s}}
      after: {run: touch after, needs: [ask]}
    """


def test_a_quorum_counts_people_and_not_votes(sluice):
    people = [me(), name_of(1), name_of(2)]
    sluice.write(".sluice/config.yaml", f"groups: {{leads: {json.dumps(people)}}}\n")
    sluice.pipeline(ASK % 'by: ["group:leads"], quorum: 2')
    sluice.run(expect=5)
    assert "1 more" in sluice("approve", "ask/1", expect=0).out
    assert "1 more" in sluice("approve", "ask/1", expect=0).out  # the same person again
    assert sluice("resume", expect=5).code == 5
    assert "goes on" in somebody_else(sluice, "approve", "ask/1", "-m", "yes", expect=0).stdout
    outputs = sluice("resume", "--json", expect=0).step("ask")["outputs"]
    assert sorted(outputs["approved_by"]) == sorted([me(), name_of(1)]) and outputs["reason"] == "yes"
    assert outputs["waived"] is False and len(outputs["evidence_sha256"]) == 64
    assert (sluice.folder / "after").exists()


def test_who_started_the_run_may_not_approve_it_and_cannot_say_to_be_somebody_else(sluice):
    sluice.write(".sluice/config.yaml", f"groups: {{leads: [{me()}, {name_of(1)}]}}\n")
    sluice.pipeline(ASK % 'by: ["group:leads"], not_by: [author]')
    sluice.run(expect=5)
    refused = sluice("approve", "ask/1", "-m", "I like it", expect=6, env={"USER": name_of(1), "LOGNAME": name_of(1)})
    assert f"'{me()}' may not decide this" in refused.err and "not_by" in refused.err
    assert "may not decide this" in somebody_else(sluice, "approve", "ask/1", uid=2, expect=6).stderr
    somebody_else(sluice, "approve", "ask/1", expect=0)
    result = sluice("resume", "--json", expect=0)
    assert result.step("ask")["outputs"]["approved_by"] == [name_of(1)]
    votes = [(row["actor"], row["action"]) for row in activity(sluice, "approval.approved")]
    assert votes == [(name_of(1), "approval.approved")]


def test_in_a_home_with_one_user_not_by_is_waived_and_the_record_says_so(sluice):
    sluice.pipeline(ASK % "not_by: [author, starter]")
    sluice.run(expect=5)
    sluice("approve", "ask/1", expect=0)
    result = sluice("resume", "--json", expect=0)
    assert result.step("ask")["outputs"]["waived"] is True
    assert "not_by did not apply" in sluice("logs", expect=0).out


def test_a_map_asks_for_people_of_each_kind_and_expiry_fails_closed_half_way(sluice):
    sluice.write(".sluice/config.yaml", f"groups: {{leads: [{me()}], risk: [{name_of(1)}]}}\n")
    sluice.pipeline(ASK % 'by: {"group:leads": 1, "group:risk": 1}, expires: 8s')
    sluice.run(expect=5)
    assert "1 more of group:risk" in sluice("approve", "ask/1", expect=0).out
    time.sleep(8.1)
    late = somebody_else(sluice, "approve", "ask/1")
    result = sluice("resume", "--json", expect=6)
    assert result.step("ask")["reason"] == "expired after 8s without a decision", late.stderr
    assert result.json["verdict"] == "refused" and not (sluice.folder / "after").exists()


def test_an_approval_is_void_when_what_was_reviewed_has_changed(wines):
    wines.pipeline("""\
        name: ask
        steps:
          ask: {uses: approve, with: {of: "models:/wine@challenger"}}
          after: {run: touch after, needs: [ask]}
        """)
    move = "name: move\nsteps:\n  move: {uses: alias, with: {model: wine, version: %d, set: challenger}}\n"
    wines.run(wines.pipeline(move % 1, "move.yaml"))
    wines.run(expect=5)
    wines.run(wines.pipeline(move % 2, "move.yaml"))
    wines("approve", "ask/1", "-m", "fine", expect=0)
    result = wines("resume", "ask/1", "--json", expect=6)
    assert result.step("ask")["reason"] == "void: what was reviewed has changed"
    assert result.json["verdict"] == "refused" and not (wines.folder / "after").exists()


def test_a_newer_request_for_the_same_model_withdraws_the_older(wines):
    wines.pipeline("""\
        name: ask
        params: {v: {type: integer}}
        steps:
          ask: {uses: approve, with: {of: "models:/wine/${{ params.v }}"}}
        """)
    wines.run("-p", "v=1", expect=5)
    wines.run("-p", "v=2", expect=5)
    assert [row["of"] for row in wines("approvals", "--json", expect=0).json] == ["models:/wine/2"]
    older = wines("show", "ask/1", "--json", expect=0)
    assert older.json["status"] == "cancelled"
    assert older.step("ask")["reason"] == "superseded by the request of run ask 2"


def test_a_newer_request_that_says_so_leaves_the_older_open(wines):
    wines.pipeline("""\
        name: ask
        params: {v: {type: integer}}
        steps:
          ask: {uses: approve, with: {of: "models:/wine/${{ params.v }}", supersede: false}}
        """)
    wines.run("-p", "v=1", expect=5)
    wines.run("-p", "v=2", expect=5)
    open_requests = {row["of"] for row in wines("approvals", "--json", expect=0).json}
    assert open_requests == {"models:/wine/1", "models:/wine/2"}


# ---- deploy: directory ----------------------------------------------------------------------------------------------


DEPLOY = """\
    name: deploy
    params: {model: {type: string}, health: {type: string, default: ""}}
    steps:
      deploy:
        uses: deploy
        with:
          model: ${{ params.model }}
          %s
    """


def deploy_pipeline(sluice, target):
    sluice.pipeline(DEPLOY % ("\n" + " " * 10).join(line.strip() for line in target.strip().splitlines()))


def deploy(sluice, version, expect=0):
    model = version if isinstance(version, str) else f"models:/wine/{version}"
    return sluice.run("-p", f"model={model}", expect=expect).step("deploy")


def test_a_directory_is_switched_so_that_a_reader_never_sees_half_of_it(wines, web):
    deploy_pipeline(wines, f"""\
        target: {{directory: srv}}
        health: {{url: "{web.url}/ping", interval: 20ms, timeout: 200ms}}
        keep: 1
        """)
    current, seen, stop = wines.folder / "srv" / "current" / "w", [], threading.Event()
    web.answers["/ping"] = lambda request: (200 if current.read_text() != "3\n" else 500, "")

    def read():
        while not stop.is_set():
            seen.append(current.read_text())

    first = deploy(wines, 1)
    assert first["outputs"]["previous"] is None and first["outputs"]["changed"] is True
    reader = threading.Thread(target=read)
    reader.start()
    try:
        second = deploy(wines, 2)
        ill = deploy(wines, 3, expect=1)
        same = deploy(wines, 2)
        back = deploy(wines, 1)
    finally:
        stop.set()
        reader.join()
    assert set(seen) == {"1\n", "2\n", "3\n"} and seen[-1] == "1\n"  # and never an error
    assert second["outputs"]["previous"].startswith("versions/1-")
    folder = wines.folder / "srv"
    assert ill["reason"] == (f"not healthy after 200ms: {web.url}/ping answered 500; "
                             f"rolled back to {second['outputs']['path'][len(str(folder)) + 1:]}")
    assert same["outputs"]["changed"] is False and back["outputs"]["changed"] is True
    assert os.readlink(folder / "current").startswith("versions/1-") and not (folder / ".before").exists()
    assert len(list((folder / "versions").iterdir())) == 2  # the one that serves, and one to go back to
    told = activity(wines, "deployment.rolled_back")
    assert len(told) == 1 and told[0]["from"] == "models:/wine/3" and "answered 500" in told[0]["reason"]
    assert len(activity(wines, "deployment.deployed")) == 3


def test_the_first_deployment_that_is_ill_leaves_no_link(wines, web):
    deploy_pipeline(wines, f'target: {{directory: srv}}\nhealth: {web.url}/ping\nwait: 100ms')
    step = deploy(wines, 1, expect=1)
    assert "answered 404" in step["reason"] and "rolled back to nothing, as before" in step["reason"]
    assert not os.path.lexists(wines.folder / "srv" / "current")


def test_bytes_that_changed_since_they_were_recorded_are_deployed_nowhere(wines, web):
    web.answers["/deploy"] = (200, "")
    rows = wines("models", "show", "wine", "--json", expect=0).json
    model = next(row["model_id"] for row in rows if row["version"] == 2)
    path = next(path for path in wines.home.rglob("w") if model in str(path))
    path.chmod(0o644)
    path.write_text("3\n")
    for target in ("{directory: srv}", "{command: [touch, told]}", f'{{http: "{web.url}/deploy"}}'):
        deploy_pipeline(wines, f"target: {target}")
        step = deploy(wines, 2, expect=1)
        assert "is not what was recorded: sha256" in step["reason"]
    assert not os.path.lexists(wines.folder / "srv" / "current") and not (wines.folder / "told").exists()
    assert web.seen == []


def test_what_serves_a_directory_is_told_to_read_it_again_and_again_after_going_back(wines, web):
    wines.write("reload.sh", 'echo "$SLUICE_DEPLOY_ACTION $(cat srv/current/w)" >> told\n')
    deploy_pipeline(wines, f'target: {{directory: srv, reload: [sh, reload.sh]}}\nhealth: {web.url}/ping\nwait: 100ms')
    web.answers["/ping"] = (200, "")
    deploy(wines, 1)
    web.answers["/ping"] = (503, "")
    deploy(wines, 2, expect=1)
    assert (wines.folder / "told").read_text() == "deploy 1\ndeploy 2\nrollback 1\n"


# ---- deploy: command and http ---------------------------------------------------------------------------------------


def test_a_command_deploys_and_is_told_to_go_back_to_what_serves(wines, web):
    wines.write("serve.sh", """\
        echo "$SLUICE_DEPLOY_ACTION $SLUICE_MODEL_URI ${SLUICE_FAILED_MODEL_URI:--}" >> told
        cp "$SLUICE_MODEL_PATH/w" serving
        """)
    deploy_pipeline(wines, f"""\
        target: {{command: [sh, serve.sh]}}
        previous: models:/wine@champion
        health: {{url: "{web.url}/ping", contains: well, timeout: 100ms}}
        """)
    serving = wines.folder / "serving"
    web.answers["/ping"] = lambda request: (200, "well" if serving.read_text() != "2\n" else "ill")
    wines.run(wines.pipeline(
        "name: move\nsteps:\n  move: {uses: alias, with: {model: wine, version: 1, set: champion}}\n", "move.yaml"))
    (wines.folder / "serving").write_text("0\n")
    assert deploy(wines, 3)["outputs"]["previous"] == "models:/wine@champion"
    step = deploy(wines, 2, expect=1)
    assert "rolled back to models:/wine@champion" in step["reason"] and serving.read_text() == "1\n"
    assert (wines.folder / "told").read_text().splitlines() == [
        "deploy models:/wine/3 -", "deploy models:/wine/2 -", "rollback models:/wine@champion models:/wine/2"]
    assert deploy(wines, 1)["outputs"]["changed"] is False  # it serves, and is well: nobody is told


def test_a_command_that_fails_and_a_rollback_that_fails_are_both_said(wines):
    deploy_pipeline(wines, """\
        target: {command: [sh, -c, "echo no room >&2; exit 3"], rollback: [sh, -c, "exit 4"]}
        """)
    step = deploy(wines, 1, expect=1)
    assert re.search(r"(status|code) 3\b", step["reason"])
    assert "rolling back to what was there before failed, too" in step["reason"]
    assert len(activity(wines, "deployment.rollback_failed")) == 1 and activity(wines, "deployment.deployed") == []
    assert "no room" in wines("logs", expect=0).out


def test_a_service_is_told_over_http_and_told_to_go_back_when_it_is_ill(wines, web):
    wines.write(".sluice/config.yaml", "secrets: {DEPLOY: {env: DEPLOY_TOKEN}}\n")
    wines.env["DEPLOY_TOKEN"] = "correct-horse-battery"
    serves = []

    def told(request):
        if request.headers.get("Authorization") != "Bearer correct-horse-battery":
            return 401, "who are you?"
        serves.append(pathlib.Path(request.json["path"], "w").read_text().strip())
        return 202, ""

    web.answers.update({"/models": told, "/ping": lambda request: (200 if serves[-1] != "2" else 503, "")})
    deploy_pipeline(wines, f"""\
        target: {{http: "{web.url}/models", method: PUT, headers: {{Authorization: "Bearer $TOKEN"}}}}
        previous: models:/wine/1
        health: {{url: "{web.url}/ping", interval: 10ms, timeout: 100ms}}
        """.replace("$TOKEN", "${{ secrets.DEPLOY }}"))
    deploy(wines, 3)
    step = deploy(wines, 2, expect=1)
    assert serves == ["3", "2", "1"] and "rolled back to models:/wine/1" in step["reason"]
    bodies = [request.json for request in web.seen if request.path == "/models"]
    assert [body["action"] for body in bodies] == ["deploy", "deploy", "rollback"]
    assert bodies[2]["failed_model_uri"] == "models:/wine/2" and bodies[2]["model_uri"] == "models:/wine/1"
    assert all(request.method == "PUT" for request in web.seen if request.path == "/models")
    wines.env["DEPLOY_TOKEN"] = "somebody-else-entirely"
    refused = deploy(wines, 3, expect=1)
    assert "answered 401: who are you?" in refused["reason"]
    everything = json.dumps(wines("show", "--json", expect=0).json) + wines("logs", expect=0).out
    assert "somebody-else" not in everything


def test_what_was_approved_is_what_is_deployed(wines):
    wines.pipeline("""\
        name: release
        params: {deployed: {type: string, default: /1}}
        steps:
          ask: {uses: approve, with: {of: "models:/wine/1"}}
          deploy:
            uses: deploy
            with:
              model: models:/wine${{ params.deployed }}
              target: {directory: srv}
              evidence_sha256: ${{ steps.ask.evidence_sha256 }}
        """)
    wines.run(expect=5)
    wines("approve", "release/1", expect=0)
    wines("resume", expect=0)
    wines.run("-p", "deployed=/2", expect=5)
    wines("approve", "release/2", expect=0)
    result = wines("resume", "--json", expect=1)
    assert result.step("deploy")["reason"].startswith("what was approved has changed: its digest is ")
    assert os.readlink(wines.folder / "srv" / "current").startswith("versions/1-")


@pytest.mark.parametrize("where", ["before", "between", "both"])
def test_a_gate_at_either_side_of_the_approval_lets_its_deployment_pass(wines, where):
    def judge(name, need):
        return (f"  {name}: {{needs: [{need}], uses: evaluate, with: {{dataset: p.csv, type: classifier, label: y, "
                "prediction: said, thresholds: {accuracy: '>= 0.5'}}}\n")

    before, between = where != "between", where != "before"
    wines.write("p.csv", "y,said\n" + "a,a\nb,b\n" * 20)
    wines.pipeline("name: release\nsteps:\n  begin: {run: 'true'}\n" + (judge("early", "begin") if before else "") +
                   f"  ask: {{uses: approve, needs: [{'early' if before else 'begin'}], "
                   "with: {of: 'models:/wine/1'}}\n" +
                   (judge("late", "ask") if between else "") +
                   f"  deploy: {{needs: [{'late' if between else 'ask'}], uses: deploy, with: {{model: models:/wine/1, "
                   "target: {directory: srv}, evidence_sha256: '${{ steps.ask.evidence_sha256 }}'}}\n")
    wines.write("srv", "a file stands where the folder should be")
    wines.run(expect=5)
    wines("approve", "release/1", expect=0)
    failed = wines("resume", "--json", expect=1)
    assert "changed" not in failed.step("deploy")["reason"]
    (wines.folder / "srv").unlink()
    again = wines("retry", "release/1", "--json", expect=0)  # the approval is that of run 1, and so are its gates
    assert again.step("ask")["reason"] == "from run 1"
    assert os.readlink(wines.folder / "srv" / "current").startswith("versions/1-")


def test_an_approval_that_is_asked_for_again_is_bound_to_the_gates_that_were_kept(wines):
    wines.write("p.csv", "y,said\n" + "a,a\nb,b\n" * 20)
    wines.pipeline("""\
        name: release
        steps:
          judge:
            uses: evaluate
            with: {dataset: p.csv, type: classifier, label: y, prediction: said, thresholds: {accuracy: ">= 0.5"}}
          ask: {uses: approve, needs: [judge], with: {of: "models:/wine/1"}}
        """)
    wines.run(expect=5)
    wines("reject", "release/1", "-m", "not yet", expect=0)
    wines("resume", expect=6)
    wines("retry", "release/1", expect=5)
    database = sqlite3.connect(wines.home / "sluice.db")
    first, second = [json.loads(spec)["manifest"] for spec, in database.execute("SELECT spec FROM waits ORDER BY id")]
    assert [item["id"] for item in first if item["kind"] == "gate"] == ["judge"] and first == second


# ---- notify ---------------------------------------------------------------------------------------------------------


def test_notify_posts_to_a_webhook_and_to_what_speaks_slack(sluice, web):
    answers = iter([(503, "soon"), (204, "")])
    web.answers.update({"/hook": lambda request: next(answers), "/services/T0/secret-path": (200, "ok")})
    sluice.write(".sluice/config.yaml", "secrets: {SLACK: {env: SLACK_HOOK}}\n")
    sluice.env["SLACK_HOOK"] = f"{web.url}/services/T0/secret-path"
    sluice.pipeline(f"""\
        name: tell
        params: {{what: {{type: string, default: "wine <1> & more"}}}}
        steps:
          hook:
            uses: notify
            with: {{to: {{webhook: "{web.url}/hook"}}, message: it is live, fields: {{r2: 0.5, ok: true}}, delay: 10ms}}
          slack:
            uses: notify
            with:
              to: {{slack: "${{{{ secrets.SLACK }}}}"}}
              message: "*live*"
              fields: {{model: "${{{{ params.what }}}}"}}
        """)
    result = sluice.run()
    hooks = [request for request in web.seen if request.path == "/hook"]
    ids = {request.headers["Idempotency-Key"] for request in hooks}
    assert len(hooks) == 2 and len(ids) == 1 and hooks[0].body == hooks[1].body
    body = hooks[1].json
    assert body["message"] == "it is live" and body["fields"] == {"r2": 0.5, "ok": True}
    assert body["pipeline"] == "tell" and body["run_number"] == 1 and body["step"] == "hook" and body["id"] in ids
    assert result.step("hook")["outputs"]["status"] == 204 and result.step("hook")["outputs"]["sent"] is True
    slack = next(request for request in web.seen if request.path.startswith("/services"))
    assert slack.headers["Content-Type"].startswith("application/json")
    text = slack.json["text"]
    assert set(slack.json) == {"text"} and text.startswith("*live*\n") and "wine &lt;1&gt; &amp; more" in text


def test_notify_that_reaches_nobody_fails_unless_it_is_optional_and_keeps_the_address_to_itself(sluice, web):
    web.answers["/hook/secret-token"] = (403, "go away")
    sluice.pipeline(f"""\
        name: tell
        params: {{to: {{type: string, default: "{web.url}/hook/secret-token"}}}}
        steps:
          must: {{uses: notify, with: {{to: {{webhook: "${{{{ params.to }}}}"}}, message: hello}}}}
          may: {{uses: notify, with: {{to: {{webhook: "${{{{ params.to }}}}"}}, message: hello, optional: true}}}}
        """)
    result = sluice.run(expect=1)
    assert "answered 403: go away" in result.step("must")["reason"] and len(web.seen) == 2  # a 403 is not tried again
    assert result.step("may")["outputs"]["sent"] is False and "403" in result.step("may")["outputs"]["error"]
    assert "secret-token" not in result.step("must")["reason"] + sluice("logs", expect=0).out


# ---- http -----------------------------------------------------------------------------------------------------------


def test_http_gives_the_answer_to_the_steps_after_it(sluice, web):
    web.answers["/prices"] = lambda request: (200, json.dumps({"rows": [3, 1, 2], "day": request.path[12:]}))
    web.answers["/jobs"] = lambda request: (201, request.body)
    web.answers["/file"] = (200, b"\x00\xff binary")
    sluice.pipeline(f"""\
        name: ask
        params: {{day: {{type: string, default: monday}}}}
        steps:
          prices: {{uses: http, with: {{url: "{web.url}/prices?day=${{{{ params.day }}}}"}}}}
          job: {{uses: http, with: {{url: "{web.url}/jobs", method: POST, body: {{n: 1, of: [a, b]}}, status: 201}}}}
          file: {{uses: http, with: {{url: "{web.url}/file", save: data.bin}}}}
          use:
            run: |
              echo ${{{{ toJSON(steps.prices.outputs.json.rows) }}}} ${{{{ steps.prices.outputs.json.day }}}} > seen
              wc -c < ${{{{ steps.file.outputs.path }}}} >> seen
        """)
    result = sluice.run()
    assert (sluice.folder / "seen").read_text() == "[3,1,2] monday\n9\n"
    assert result.step("job")["outputs"]["json"] == {"n": 1, "of": ["a", "b"]}
    request = next(request for request in web.seen if request.path == "/jobs")
    assert request.headers["Content-Type"] == "application/json"
    assert result.step("file")["outputs"]["body"] is None and result.step("file")["outputs"]["size"] == 9


def test_http_fails_with_what_was_answered_and_hides_what_is_secret(sluice, web):
    web.answers["/who"] = lambda request: (403, "no: " + request.headers.get("Authorization", ""))
    sluice.write(".sluice/config.yaml", "secrets: {TOKEN: {env: THE_TOKEN}}\n")
    sluice.env["THE_TOKEN"] = "correct-horse-battery"
    taken = socket.socket()  # and nobody listens there
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    sluice.pipeline(f"""\
        name: ask
        steps:
          who: {{uses: http, with: {{url: "{web.url}/who", headers: {{Authorization: "${{{{ secrets.TOKEN }}}}"}}}}}}
          nobody: {{uses: http, with: {{url: "http://127.0.0.1:{port}/", timeout: 30s}}}}
          large: {{uses: http, with: {{url: "{web.url}/large", max_size: 1K}}}}
        """)
    web.answers["/large"] = (200, "x" * 5000)
    result = sluice.run(expect=1)
    taken.close()
    assert "answered 403: no: ***" in result.step("who")["reason"]
    assert result.step("who")["outputs"]["status"] == 403
    assert "gave no answer" in result.step("nobody")["reason"] and "refused" in result.step("nobody")["reason"].lower()
    assert "gave no answer" in result.step("large")["reason"] and "1024" in result.step("large")["reason"]
    assert "correct-horse" not in result.out + result.err + sluice("logs", expect=0).out


# ---- wait -----------------------------------------------------------------------------------------------------------


def test_wait_for_a_time_a_file_and_an_answer(sluice, web):
    ready = threading.Event()
    web.answers["/ready"] = lambda request: (200, "yes") if ready.is_set() else (503, "not yet")
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 3))
    sluice.pipeline(f"""\
        name: p
        steps:
          pause: {{uses: wait, with: {{delay: 300ms}}}}
          noon: {{uses: wait, with: {{until: "{at}Z"}}}}
          past: {{uses: wait, with: {{until: "2020-01-01T00:00:00Z"}}}}
          file: {{uses: wait, with: {{file: in/today.csv, stable: 3s, every: 100ms}}}}
          answer: {{uses: wait, with: {{url: "{web.url}/ready", contains: "yes", every: 100ms}}}}
          after: {{needs: [file, answer], run: cat in/today.csv > seen}}
        """)
    process = sluice.start("run", "--json")
    wait_until(lambda: len(web.seen) >= 2)
    sluice.write("in/today.csv", "half")
    time.sleep(0.15)
    sluice.write("in/today.csv", "whole")
    ready.set()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    steps = {step["id"]: step for step in json.loads(out)["steps"]}
    assert steps["pause"]["outputs"]["waited_ms"] >= 300 and steps["pause"]["outputs"]["met"] is True
    assert steps["noon"]["ended_at"] >= at and steps["past"]["outputs"]["met"] is True
    assert steps["file"]["outputs"]["waited_ms"] >= 3000 and (sluice.folder / "seen").read_text() == "whole"
    assert steps["answer"]["outputs"]["status"] == 200 and all(step["attempt"] == 1 for step in steps.values())


def test_wait_gives_up_when_it_expires(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          strict: {uses: wait, with: {file: never, every: 100ms, expires: 300ms}}
          patient: {uses: wait, with: {file: never, every: 100ms, expires: 300ms, on_expiry: go_on}}
          then: {run: "true", if: "steps.patient.outputs.met == false"}
        """)
    result = sluice.run(expect=1)
    assert "never" in result.step("strict")["reason"] and "300" in result.step("strict")["reason"]
    assert result.step("patient")["outputs"]["met"] is False and result.step("then")["status"] == "succeeded"


def test_wait_holds_no_process_and_goes_on_after_a_kill(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          file: {uses: wait, with: {file: go, every: 100ms}}
          after: {needs: [file], run: touch after}
        """)
    process = sluice.start("run")
    assert any("waiting" in line for line in iter(process.stdout.readline, ""))
    processes = runners_of(sluice.home)
    children = {child for pid in processes for child in children_of(pid)}
    assert len(processes) == 1 and children == set()
    process.kill()
    process.communicate()
    (sluice.folder / "go").touch()
    assert sluice("resume", "--json", expect=0).step("file")["outputs"]["met"] is True
    assert (sluice.folder / "after").exists()


def children_of(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
