# SPDX-License-Identifier: Apache-2.0
"""Deployments in stages: traffic moves step by step, is judged between, and goes back when something says no."""
import contextlib
import json
import os
import signal
import sqlite3
import time

import pytest
from guarding import activity, me
from loopback import Loopback
from programs import runners_of, wait_until
from serving import Server
from test_plugins_outside import MODELS

STAGED = """\
    name: deploy
    params: {version: {type: integer}}
    steps:
      deploy:
        uses: deploy
        with:
          model: models:/wine/${{ params.version }}
          %s
    """


@pytest.fixture
def web():
    server = Loopback()
    server.answers["/metrics"] = (200, "# TYPE error_rate gauge\nerror_rate 0.01\n")
    yield server
    server.close()


@pytest.fixture
def wines(sluice):
    """Versions 1, 2 and 3 of the model wine; their file w holds their number. Version 1 serves."""
    sluice.pipeline("        name: make\n        steps:\n" + MODELS, "make.yaml")
    sluice.run("make.yaml")
    sluice.pipeline("name: first\nsteps:\n  deploy: {uses: deploy, with: {model: 'models:/wine/1', "
                    "target: {directory: srv}}}\n", "first.yaml")
    sluice.run("first.yaml")
    return sluice


def staged(sluice, parts):
    sluice.pipeline(STAGED % ("\n" + " " * 10).join(line.strip() for line in parts.strip().splitlines()))


def deploy(sluice, version, expect=0):
    return sluice.run("-p", f"version={version}", expect=expect)


def traffic(sluice, folder="srv"):
    shares = json.loads((sluice.folder / folder / "traffic.json").read_text())["versions"]
    return {share["path"].split("/")[1].split("-")[0]: share["weight"] for share in shares}


def serves(sluice, folder="srv"):
    return (sluice.folder / folder / "current" / "w").read_text().strip()


def is_tidy(sluice, folder="srv"):
    """But for what a process that was killed had not yet put in its place."""
    left = set(os.listdir(sluice.folder / folder)) - {"versions", "current", "traffic.json", ".lock"}
    return all(name.endswith(".new") for name in left)


def nothing_is_left(sluice, folder="srv"):
    states = [json.loads(path.read_text())["phase"] for path in sluice.home.glob("runs/*/state/*/rollout*.json")]
    return is_tidy(sluice, folder) and set(states) <= {"done"}


TWO_STAGES = """\
    target: {directory: srv}
    stages: [{weight: 10, for: 300ms}, {weight: 50, for: 300ms}]
    check: %s/metrics
    thresholds: {error_rate: "<= 0.02"}
"""


def test_traffic_moves_in_stages_and_is_judged_between(wines, web):
    seen = []

    def metrics(_):
        seen.append((traffic(wines), serves(wines), (wines.folder / "srv/canary/w").read_text().strip()))
        return 200, '{"error_rate": 0.01}'

    web.answers["/metrics"] = metrics
    staged(wines, TWO_STAGES % web.url)
    result = deploy(wines, 2)
    assert seen == [({"1": 90, "2": 10}, "1", "2"), ({"1": 50, "2": 50}, "1", "2")]
    assert serves(wines) == "2" and traffic(wines) == {"2": 100} and nothing_is_left(wines)
    outputs = result.step("deploy")["outputs"]
    assert outputs["changed"] is True and outputs["previous"].startswith("versions/1-")
    assert outputs["path"].startswith(str(wines.folder / "srv/versions/2-"))
    rows = wines("models", "history", "wine", "--json", expect=0).json
    told = [(row["what"], row["to"]) for row in rows if row["run_id"] == result.json["run_id"]]
    assert told == [("stage 1 of 3", "wine/2 10 %"), ("stage 2 of 3", "wine/2 50 %"), ("stage 3 of 3", "wine/2 100 %"),
                    ("deployed", "wine/2")]
    # Unstaged ones keep the file of the traffic true.
    wines.run("first.yaml")
    assert serves(wines) == "1" and traffic(wines) == {"1": 100}
    assert deploy(wines, 1).step("deploy")["outputs"]["changed"] is False  # it serves: there is nothing to do


def test_numbers_that_turn_bad_after_stage_one_take_all_of_it_back(wines, web):
    web.answers["/metrics"] = lambda _: (200, f"error_rate {0.01 if traffic(wines)['2'] == 10 else 0.12}\n")
    staged(wines, TWO_STAGES % web.url)
    result = deploy(wines, 2, expect=6)
    step = result.step("deploy")
    assert result.json["verdict"] == "refused"
    assert step["reason"].startswith("stage 2 of 3 (50 % of the traffic): error_rate 0.12 is above 0.02 (by 0.1); "
                                     "rolled back to versions/1-")
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines)
    back = activity(wines, "deployment.rolled_back")
    assert len(back) == 1 and "error_rate 0.12 is above 0.02" in back[0]["reason"]
    at = wines("models", "history", "wine", "--at", "2999-01-01T00:00:00Z", "--json", expect=0).json
    assert [row["to"].split("-")[0] for row in at if row["where"] == str(wines.folder / "srv")] == ["versions/1"]


def test_another_target_comes_first_and_goes_back_with_the_rest(wines, web):
    web.answers["/metrics"] = lambda _: (200, f"error_rate {0.01 if traffic(wines).get('2') != 20 else 0.5}\n")
    web.answers["/canary"] = (200, '{"error_rate": 0}')
    wines.run(wines.pipeline("name: canary\nsteps:\n  deploy: {uses: deploy, with: {model: 'models:/wine/1', "
                             "target: {directory: canary}}}\n", "canary.yaml"))
    (wines.folder / "srv/traffic.json").write_text('{"versions": []}')
    staged(wines, f"""\
        target: {{directory: srv}}
        stages: [{{target: {{directory: canary}}, for: 200ms, check: "{web.url}/canary"}}, {{weight: 20, for: 200ms}}]
        check: {web.url}/metrics
        thresholds: {{error_rate: "<= 0.02"}}
        """)
    reason = deploy(wines, 2, expect=6).step("deploy")["reason"]
    assert reason.startswith("stage 2 of 3 (20 % of the traffic): error_rate 0.5 is above 0.02")
    assert serves(wines) == "1" and serves(wines, "canary") == "1"
    assert nothing_is_left(wines) and nothing_is_left(wines, "canary")
    assert len(activity(wines, "deployment.rolled_back")) == 2
    web.answers["/metrics"] = (200, "error_rate 0\n")
    deploy(wines, 3)
    assert serves(wines) == "3" and serves(wines, "canary") == "3"
    assert len(activity(wines, "deployment.deployed")) == 4


def test_a_service_is_told_the_weights_and_to_go_back(wines, web):
    told = []

    def models(request):
        told.append((request.json["action"], request.json.get("weight"), request.json["model_uri"]))
        return 200, ""

    web.answers["/models"] = models
    web.answers["/metrics"] = lambda _: (200, json.dumps({"data": {"result": [{"value": [1, str(len(told) / 100)]}]}}))
    staged(wines, f"""\
        target: {{http: "{web.url}/models"}}
        previous: models:/wine/1
        stages: [{{weight: 25}}, {{weight: 75, for: 100ms}}, {{weight: 100}}]
        check: {{url: "{web.url}/metrics"}}
        thresholds: {{data.result.0.value.1: "< 0.03"}}
        """)
    reason = deploy(wines, 2, expect=6).step("deploy")["reason"]
    assert told == [("weight", 25, "models:/wine/2"), ("weight", 75, "models:/wine/2"),
                    ("deploy", 100, "models:/wine/2"), ("rollback", None, "models:/wine/1")]
    assert reason == ("stage 3 of 3 (100 % of the traffic): data.result.0.value.1 0.03 is not below 0.03; "
                      "rolled back to models:/wine/1")


def test_a_program_gives_the_numbers_and_what_served_before_is_the_champion(wines, web):
    wines.write("numbers.sh", 'echo "$SLUICE_DEPLOY_ACTION $SLUICE_MODEL_URI $SLUICE_DEPLOY_WEIGHT" >> asked\n'
                              "echo 'it is well' >&2\necho 'latency{quantile=\"0.99\",job=\"a b\"} 0.24'\n"
                              "echo 'latency{quantile=\"0.5\"} 0.01'\n")
    web.answers["/old"] = (200, 'latency{quantile="0.99"} 0.2\nlatency{quantile="0.5"} 9\n')
    staged(wines, f"""\
        target: {{directory: srv}}
        stages: [{{weight: 10}}]
        check: {{command: [sh, numbers.sh]}}
        champion: {web.url}/old
        thresholds: {{"latency[quantile=0.99]": "<= champion * 1.1"}}
        """)
    reason = deploy(wines, 2, expect=6).step("deploy")["reason"]
    assert "latency[quantile=0.99] 0.24 is above champion * 1.1 = 0.22 (by 0.02)" in reason
    assert (wines.folder / "asked").read_text() == "check models:/wine/2 10\n"
    web.answers["/old"] = (200, 'latency{quantile="0.99"} 0.3\n')
    deploy(wines, 2)
    assert serves(wines) == "2"


def test_numbers_that_do_not_come_take_it_back_too(wines, web):
    web.answers["/metrics"] = (200, "requests 5\n")
    staged(wines, (TWO_STAGES % web.url).replace(f"check: {web.url}/metrics",
                                                 f'check: {{url: "{web.url}/metrics", timeout: 100ms}}'))
    reason = deploy(wines, 2, expect=1).step("deploy")["reason"]
    assert "has no 'error_rate'; rolled back to versions/1-" in reason
    assert serves(wines) == "1" and nothing_is_left(wines)


def test_a_stage_may_be_judged_while_it_lasts(wines, web):
    looks = []

    def metrics(_):
        looks.append(time.monotonic())
        return 200, f"error_rate {0 if len(looks) < 3 else 1}\n"

    web.answers["/metrics"] = metrics
    staged(wines, f"""\
        target: {{directory: srv}}
        stages: [{{weight: 10, for: 1h}}]
        check: {{url: "{web.url}/metrics", every: 150ms}}
        thresholds: {{error_rate: "<= 0.02"}}
        """)
    deploy(wines, 2, expect=6)
    assert len(looks) == 3 and serves(wines) == "1"


# ---- cut off --------------------------------------------------------------------------------------------------------


LONG = """\
    target: {directory: srv}
    stages: [{weight: 10, for: %s}]
    check: %s/metrics
    thresholds: {error_rate: "<= 0.02"}
"""


def begun(sluice, version=2):
    """A run that is in its first stage and waits; its process."""
    process = sluice.start("run", "-p", f"version={version}", "--json")
    assert wait_until(lambda: (sluice.folder / "srv/canary").exists() and
                      any(row["status"] == "waiting" for row in sluice("runs", "--json", expect=0).json))
    return process


def test_a_stage_holds_no_process_and_goes_on_after_the_daemon_was_killed(wines, web):
    staged(wines, LONG % ("8s", web.url))
    process = begun(wines)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert traffic(wines) == {"1": 90, "2": 10}
    result = wines("resume", "--json", expect=0)
    assert result.step("deploy")["attempt"] == 1 and serves(wines) == "2" and nothing_is_left(wines)


def test_a_server_that_was_killed_goes_on_with_a_stage_when_it_comes_back(wines, web):
    staged(wines, LONG % ("8s", web.url))
    server = Server(wines)
    for process in (begun(wines), server.process):  # whoever only looks on would take the home over
        process.kill()
        process.wait()
    Server(wines)
    assert wait_until(lambda: serves(wines) == "2" and nothing_is_left(wines))
    assert wines("show", "deploy/1", "--json", expect=0).step("deploy")["attempt"] == 1


def test_who_interrupts_a_stage_at_the_terminal_has_it_taken_back(wines, web):
    staged(wines, LONG % ("1h", web.url))
    process = begun(wines)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines)


def test_a_stage_that_is_cancelled_is_taken_back(wines, web):
    staged(wines, LONG % ("1h", web.url))
    process = begun(wines)
    wines("cancel", "deploy/1", expect=0)
    process.wait(60)
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines)
    shown = wines("show", "deploy/1", "--json", expect=0)
    assert shown.json["status"] == "cancelled"
    assert "attempt 1 ended before it was decided; rolled back to versions/1-" in shown.step("deploy")["reason"]
    assert len(activity(wines, "deployment.rolled_back")) == 1


def test_a_step_that_dies_while_it_judges_is_taken_back_by_another_attempt(wines):
    wines.write("die.sh", 'kill -9 "$PPID"; sleep 5\n')
    staged(wines, """\
        target: {directory: srv}
        stages: [{weight: 10}]
        check: {command: [sh, die.sh]}
        thresholds: {error_rate: "<= 0.02"}
        """)
    step = deploy(wines, 2, expect=1).step("deploy")
    assert step["attempt"] == 2
    assert step["reason"].startswith("stage 1 of 2 (10 % of the traffic): attempt 1 ended before it was decided; "
                                     "rolled back to versions/1-")
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines)


def test_all_processes_that_die_leave_nothing_half_done(wines):
    wines.write("hang.sh", "touch judging; sleep 60\n")
    staged(wines, """\
        target: {directory: srv}
        stages: [{weight: 10}]
        check: {command: [sh, hang.sh]}
        thresholds: {error_rate: "<= 0.02"}
        """)
    process = wines.start("run", "-p", "version=2", "--json")
    assert wait_until(lambda: (wines.folder / "judging").exists())
    os.kill(process.pid, signal.SIGKILL)
    for runner in runners_of(wines.home):
        os.kill(runner, signal.SIGKILL)
    process.wait()
    result = wines("resume", "--json", expect=1)
    assert "attempt 1 ended before it was decided; rolled back" in result.step("deploy")["reason"]
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines)


@pytest.mark.parametrize("parts", ["timeout: 4s", "stop: {grace: 300ms}\n    timeout: 4s"])
def test_a_step_that_takes_too_long_is_taken_back(wines, parts):
    wines.write("hang.sh", "trap '' TERM\nsleep 60 & wait; sleep 60\n")
    staged(wines, """\
        target: {directory: srv}
        stages: [{weight: 10}]
        check: {command: [sh, hang.sh]}
        thresholds: {error_rate: "<= 0.02"}
        """)
    path = wines.folder / "sluice.yaml"
    path.write_text(path.read_text().replace("uses: deploy", "uses: deploy\n    " + parts))
    step = deploy(wines, 2, expect=1).step("deploy")
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines), step


@pytest.mark.parametrize("after_ms", range(0, 900, 60))
def test_killed_at_any_moment_it_comes_to_the_old_or_the_new_version_whole(wines, web, after_ms):
    staged(wines, f"""\
        target: {{directory: srv}}
        stages: [{{weight: 10, for: 100ms}}, {{weight: 50}}, {{weight: 90, for: 100ms}}]
        check: {web.url}/metrics
        thresholds: {{error_rate: "<= 0.02"}}
        """)
    before = len(list(wines.home.glob("runs/*/journal")))
    process = wines.start("run", "-p", "version=2", "--json")
    assert wait_until(lambda: len(list(wines.home.glob("runs/*/journal"))) > before)
    time.sleep(after_ms / 1000)
    for victim in [process.pid, *runners_of(wines.home)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    process.wait()
    wines("resume")
    shown = wines("show", "deploy/1", "--json", expect=0)
    step = shown.step("deploy")
    version = {"succeeded": "2", "failed": "1"}[shown.json["status"]]
    told = [row for row in activity(wines, "deployment.stage") if row["to"] == "models:/wine/2"]
    # Killed before it had told anybody, it has touched nothing, and is lost as any step is.
    assert serves(wines) == version and is_tidy(wines) and (not told or nothing_is_left(wines)), step["reason"]
    if (wines.folder / "srv/traffic.json").exists():
        assert traffic(wines) == {version: 100}
    rows = [row for row in wines("models", "history", "wine", "--json", expect=0).json if row["where"].endswith("srv")]
    assert rows[-1]["what"] in ("deployed", "rolled_back")


def test_a_rollback_that_fails_is_tried_again(wines, web):
    wines.write("serve.sh", 'echo "$SLUICE_DEPLOY_ACTION" >> told\n'
                            '[ "$SLUICE_DEPLOY_ACTION" != rollback ] || [ "$(grep -c rollback told)" -gt 1 ]\n')
    web.answers["/metrics"] = (200, "error_rate 1\n")
    staged(wines, f"""\
        target: {{command: [sh, serve.sh]}}
        stages: [{{weight: 10}}]
        check: {web.url}/metrics
        thresholds: {{error_rate: "<= 0.02"}}
        """)
    step = deploy(wines, 2, expect=6).step("deploy")
    assert (wines.folder / "told").read_text().split() == ["weight", "rollback", "rollback"]
    assert step["attempt"] == 2 and "error_rate 1 is above 0.02" in step["reason"]
    states = [row["what"] for row in wines("models", "history", "wine", "--json", expect=0).json]
    assert states[-2:] == ["rollback_failed", "rolled_back"]


def test_what_somebody_else_put_there_in_between_is_not_taken_back(wines, web):
    """Runs of one home wait for each other (test_target_holds.py); another home's know nothing of them."""
    staged(wines, LONG % ("8s", web.url))
    process = begun(wines)
    with sqlite3.connect(wines.home / "sluice.db") as db:
        db.execute("DELETE FROM target_holds")
    wines.pipeline("name: hotfix\nsteps:\n  deploy: {uses: deploy, with: {model: 'models:/wine/3', "
                   "target: {directory: srv}}}\n", "hotfix.yaml")
    wines("run", "hotfix.yaml", expect=0)
    assert process.wait(60) == 1
    assert serves(wines) == "3" and traffic(wines) == {"3": 100} and nothing_is_left(wines)
    reason = wines("show", "deploy/1", "--json", expect=0).step("deploy")["reason"]
    assert "another deployment to" in reason and "came in between" in reason


# ---- guards ---------------------------------------------------------------------------------------------------------


def guard(sluice, *rows):
    sluice.write(".sluice/config.yaml", json.dumps({"groups": {"legal": [me()]}, "guards": list(rows)}) + "\n")


def test_a_guard_of_any_stage_is_asked_before_the_first(wines, web):
    guard(wines, {"model": "wine", "target": "**/canary", "approvals": {"group:legal": 1}})
    staged(wines, f"""\
        target: {{directory: srv}}
        stages: [{{target: {{directory: canary}}}}, {{weight: 10}}]
        check: {web.url}/metrics
        thresholds: {{error_rate: "<= 0.02"}}
        """)
    deploy(wines, 2, expect=5)
    assert serves(wines) == "1" and not (wines.folder / "canary").exists()
    wines("approve", "deploy/1", "-m", "fine", expect=0)
    wines("resume", expect=0)
    assert serves(wines) == "2" and serves(wines, "canary") == "2"


def test_a_guard_that_stands_there_by_now_ends_the_stages(wines, web):
    staged(wines, LONG % ("8s", web.url))
    process = begun(wines)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    guard(wines, {"model": "wine", "target": "**/srv", "branches": ["main"]})
    result = wines("resume", "--json", expect=6)
    reason = result.step("deploy")["reason"]
    assert "is guarded by config.yaml" in reason and "rolled back to versions/1-" in reason
    assert serves(wines) == "1" and nothing_is_left(wines)


# ---- before anything is touched -------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts, told", [
    ("stages: [{weight: 10}, {weight: 5}]", "item 2: 'weight' must be more than the 10 before it, found 5"),
    ("stages: [{weight: 110}]", "expected a number of percent, above 0 and up to 100, found 110"),
    ("stages: [{weigth: 10}]", "there is no 'weigth'"),
    ("stages: [{for: 10m}]", "expected exactly one of 'weight' and 'target'"),
    ("stages: [{weight: 10, for: soon}]", "'for': "),
    ("stages: [{target: {folder: x}}]", "there is no 'folder'"),
    ("stages: []", "at least 1 item"),
    ("stages: [{weight: 10}]\n          check: {every: 1m}", "expected exactly one of 'url', 'command' and 'metrics'"),
    ("stages: [{weight: 10}]\n          thresholds: {error_rate: 0.1}", "0.1 is no rule"),
])
def test_stages_are_checked_with_their_place(sluice, parts, told):
    sluice.pipeline("name: d\nsteps:\n  deploy:\n    uses: deploy\n    with:\n          model: m-1\n"
                    f"          target: {{directory: srv}}\n          {parts}\n")
    said = sluice("validate", expect=3)
    text = said.out + said.err
    assert told in text, text
    assert "sluice.yaml:8:" in text or "sluice.yaml:9:" in text
