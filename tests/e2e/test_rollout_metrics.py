# SPDX-License-Identifier: Apache-2.0
"""Stages that are judged by metrics in MLflow: of a monitoring run, of a step of the same run, of the model itself."""
import json
import time

import pytest
from programs import wait_until
from serving import Server
from test_rollouts import deploy, nothing_is_left, serves, staged, traffic, web, wines  # noqa: F401 (fixtures)

WATCHED = """\
    target: {directory: srv}
    stages: [{weight: 10, for: 3s}, {weight: 50, for: 3s}]
    check: %s
    thresholds: %s
    """


@pytest.fixture
def monitor(wines):  # noqa: F811
    """A run that somebody outside logs to."""
    server = Server(wines)
    run_id = server.run()["run_id"]

    def log(value, key="error_rate", at_ms=None, run=run_id):
        at_ms = int(time.time() * 1000) if at_ms is None else at_ms
        server.api("POST", "/runs/log-metric", {"run_id": run, "key": key, "value": value, "timestamp": at_ms})

    server.log, server.run_id = log, run_id
    yield server
    server.stop()


def begin(sluice, version=2):
    return sluice.start("run", "-p", f"version={version}", "--json")


def share(sluice):
    """What version 2 has of the traffic, in percent."""
    return traffic(sluice).get("2") if (sluice.folder / "srv/traffic.json").exists() else None


def reason(sluice):
    return sluice("show", "deploy/1", "--json", expect=0).step("deploy")["reason"]


def test_what_a_monitor_logs_during_each_stage_is_what_counts(wines, monitor):  # noqa: F811
    staged(wines, WATCHED % (f'"runs:/{monitor.run_id}"', '{error_rate: "<= 0.02"}'))
    monitor.log(0.9)  # before the first stage: it says nothing of it
    process = begin(wines)
    for weight in (10, 50):
        assert wait_until(lambda: share(wines) == weight)
        time.sleep(0.1)
        monitor.log(0.01)
    assert process.wait(60) == 0
    assert serves(wines) == "2" and nothing_is_left(wines)
    history = monitor.api("GET", "/metrics/get-history?metric_key=error_rate&run_id="
                          + wines("show", "deploy/1", "--json", expect=0).step("deploy")["run_id"])
    assert [(point["value"], point["step"]) for point in history["metrics"]] == [(0.01, 1), (0.01, 2)]


def test_a_number_of_the_monitor_that_breaks_its_rule_takes_all_back(wines, monitor):  # noqa: F811
    staged(wines, WATCHED % (f'{{metrics: "runs:/{monitor.run_id}"}}', '{error_rate: "<= 0.02"}'))
    process = begin(wines)
    assert wait_until(lambda: share(wines) == 10)
    time.sleep(0.1)
    monitor.log(0.01)
    assert wait_until(lambda: share(wines) == 50)
    time.sleep(0.1)
    monitor.log(0.3)
    assert process.wait(60) == 6
    assert reason(wines).startswith("stage 2 of 3 (50 % of the traffic): error_rate 0.3 is above 0.02 (by 0.28); "
                                    "rolled back to versions/1-")
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines)


@pytest.mark.parametrize("logged, told", [
    (None, "has no metric 'error_rate'"),
    (("NaN", 0), "'error_rate' is no finite number"),
    ((0.01, -3600000), "'error_rate' has not been logged since then"),
])
def test_a_metric_that_is_missing_old_or_no_number_takes_it_back(wines, monitor, logged, told):  # noqa: F811
    staged(wines, WATCHED % (f'{{metrics: "runs:/{monitor.run_id}", timeout: 100ms}}', '{error_rate: "<= 0.02"}'))
    process = begin(wines)
    assert wait_until(lambda: share(wines) == 10)
    if logged is not None:
        time.sleep(0.1)
        monitor.log(logged[0], at_ms=int(time.time() * 1000) + logged[1])
    assert process.wait(60) == 1
    assert told in reason(wines) and "; rolled back to versions/1-" in reason(wines)
    assert serves(wines) == "1" and traffic(wines) == {"1": 100} and nothing_is_left(wines)


def test_a_monitor_that_has_fallen_silent_is_too_old(wines, monitor):  # noqa: F811
    staged(wines, WATCHED % (f'{{metrics: "runs:/{monitor.run_id}", timeout: 100ms, max_age: 200ms}}',
                             '{error_rate: "<= 0.02"}'))
    process = begin(wines)
    assert wait_until(lambda: share(wines) == 10)
    time.sleep(0.1)
    monitor.log(0.01)  # and then nothing for the rest of the stage
    assert process.wait(60) == 1
    assert "has not been logged since then" in reason(wines) and serves(wines) == "1"


def test_a_run_that_is_not_there_takes_it_back(wines, monitor):  # noqa: F811
    staged(wines, WATCHED % ('{metrics: "runs:/00000000000000000000000000000000", timeout: 100ms}',
                             '{error_rate: "<= 0.02"}'))
    text = deploy(wines, 2, expect=1).step("deploy")["reason"]
    assert "00000000000000000000000000000000" in text and "; rolled back to versions/1-" in text
    assert serves(wines) == "1"


MONITORED = """\
    name: deploy
    params: {version: {type: integer}, rate: {type: number}}
    steps:
      deploy:
        uses: deploy
        with:
          model: models:/wine/${{ params.version }}
          target: {directory: srv}
          stages: [{weight: 10, for: 500ms}]
          check: {metrics: "steps:/watch", timeout: 60s}
          thresholds: {error_rate: "<= 0.02"}
      watch:
        lua: |
          if not sluice.resumed then
            sluice.wait{kind = "delay", delay_ms = 600}
          else
            sluice.metric("error_rate", sluice.params.rate)
          end
        with: {rate: "${{ params.rate }}"}
    """


@pytest.mark.parametrize("rate, serving", [(0.01, "2"), (0.5, "1")])
def test_a_step_of_the_same_run_may_watch(wines, rate, serving):  # noqa: F811
    wines.pipeline(MONITORED)
    wines.run("-p", "version=2", "-p", f"rate={rate}", expect=0 if serving == "2" else 6)
    assert serves(wines) == serving


def test_what_the_model_was_measured_at_is_a_number_too(wines, monitor):  # noqa: F811
    version = monitor.api("GET", "/model-versions/get?name=wine&version=2")["model_version"]
    model = version["model_id"]
    run = monitor.run()["run_id"]
    for dataset, value in (("live", 0.01), ("old", 0.5)):
        monitor.api("POST", "/runs/log-metric", {
            "run_id": run, "key": "error_rate", "value": value, "timestamp": 1, "model_id": model,
            "dataset_name": dataset, "dataset_digest": dataset})
    for rules, code, told in (('{error_rate: "<= 0.02"}', 1, "of 2 datasets: choose one"),
                              ('{"error_rate[dataset=old]": "<= 0.02"}', 6, "error_rate[dataset=old] 0.5 is above"),
                              ('{"error_rate[dataset=live]": "<= 0.02"}', 0, None)):
        staged(wines, WATCHED % ('{metrics: "models:/wine/2", timeout: 100ms}', rules))
        text = deploy(wines, 2, expect=code).step("deploy")["reason"]
        assert told is None or told in text, text
    assert serves(wines) == "2"


@pytest.mark.parametrize("check, told", [
    ('{metrics: "http://127.0.0.1/m"}', "expected runs:/RUN_ID, steps:/STEP or a model"),
    ('{url: "http://127.0.0.1/m", metrics: "runs:/x"}', "expected exactly one of 'url', 'command' and 'metrics'"),
    ('{url: "http://127.0.0.1/m", max_age: 1s}', "only of 'metrics' it is known"),
    ('"run:/x"', "check"),
])
def test_a_check_that_cannot_be_is_told_before_anything_is_touched(wines, check, told):  # noqa: F811
    staged(wines, WATCHED % (check, '{error_rate: "<= 0.02"}'))
    ran = wines("run", "-p", "version=2", "--json")
    assert ran.code in (1, 3)
    assert told in ran.out + ran.err and serves(wines) == "1" and not (wines.folder / "srv/canary").exists(), json
