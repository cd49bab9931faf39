# SPDX-License-Identifier: Apache-2.0
"""A version is made, and kill -9 comes before its deployment job has begun, or just after: each version that is there
has one trigger, which starts one run; one whose making was not written has neither (docs/recovery.md, 1 and 2)."""
import http.client
import json
import random
import urllib.error
import urllib.request

import pytest
from faults import ALL
from test_firing import stop

JOB = """
name: deploy
"on": {model_version: {model: "*"%s}}
steps:
  one: {run: "echo ${{ params.model_name }} ${{ params.model_version }} >> deployed"}
"""
COUNT = 4
GONE = (urllib.error.URLError, ConnectionError, http.client.HTTPException, TimeoutError)


def serve(home, **env):
    """(process, address), or (process, None) when it died before it could say its address."""
    process = home.start("serve", "--port", "0", "--pipelines", "pipelines", **env)
    line = process.stdout.readline()
    return process, line.strip().rpartition(" at ")[2] if " at " in line else None


def post(url, path, body):
    """False when no answer came: whether it happened, the store says."""
    request = urllib.request.Request(f"{url}/api/2.0/mlflow/{path}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as refused:
        assert refused.code == 503, refused.read()
        return False
    except GONE:
        return False


def versions(home):
    return home.rows("SELECT count(*) FROM model_versions")[0][0] if home.rows("SELECT count(*) FROM model_versions") \
        else 0


def register(home, url, upto):
    """Versions until there are so many, or nobody answers any more. What was not answered may have happened."""
    while versions(home) < upto:
        if not home.rows("SELECT 1 FROM registered_models") and not post(url, "registered-models/create",
                                                                         {"name": "wine"}):
            return
        if not post(url, "model-versions/create", {"name": "wine", "source": "s3://a/b"}):
            return


def through(home):
    """Nothing pends, then nothing is open: in the other order a run may begin between the two looks."""
    decided = home.rows("SELECT count(*) FROM triggers WHERE outcome <> 'pending'")
    return versions(home) == COUNT and decided == [(COUNT,)] and not home.open_runs()


def live(home, crashes, debounce=""):
    """All versions are made, by servers that die as `crashes` say and at last by one that lives."""
    (home.folder / "pipelines").mkdir()
    home.write("pipelines/deploy.yaml", JOB % debounce)
    process, url = serve(home)
    home.wait_for(lambda: home.rows("SELECT 1 FROM pipelines_in_force"))
    stop(process)
    for crash in crashes:
        process, url = serve(home, SLUICE_CRASH=crash)
        if url is not None:
            register(home, url, COUNT)
            home.wait_for(lambda: process.poll() is not None or through(home))
        process.kill()
        process.wait()
    process, url = serve(home)
    register(home, url, COUNT)
    home.wait_for(lambda: through(home))
    stop(process)


def check(home):
    found = home.rows("SELECT model, version, count(*), sum(outcome = 'started') FROM triggers GROUP BY model, version "
                      "ORDER BY version")
    assert found == [("wine", number, 1, 1) for number in range(1, COUNT + 1)]
    params = sorted(json.loads(row[0])["model_version"] for row in home.rows("SELECT params FROM pipeline_runs"))
    assert params == list(range(1, COUNT + 1))
    home.expect_whole()


POINTS = ["in_trigger", "before_commit", "after_commit", "after_act"]


def test_the_points_are_passed(home):
    passes = home.folder / "passes"
    passes.touch()
    live(home, [f"{passes}:0"])
    assert set(POINTS) <= set(passes.read_text(encoding="ascii").split())
    check(home)


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_between_the_version_and_its_run(homes, point):
    chance = random.Random(point)
    for nth in range(1, 20) if ALL else (1, 2, chance.randrange(3, 10)):
        home = homes()
        live(home, [f"{point}:{nth}", f"{point}:{nth + 1}", f"{point}:{nth}"])
        check(home)


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_while_it_waits_for_a_newer_one(homes, point):
    """The last of the burst is deployed, and none before it is lost: each says which one came after it."""
    for nth in (1, 3):
        home = homes()
        live(home, [f"{point}:{nth}", f"{point}:{nth + 1}"], ", debounce: 1s")
        rows = home.rows("SELECT version, outcome, reason FROM triggers ORDER BY id")
        assert [row[0] for row in rows] == list(range(1, COUNT + 1)) and rows[-1][1] == "started", rows
        assert all(outcome == "started" or "a newer one came" in reason for _, outcome, reason in rows), rows
        assert home.rows("SELECT count(*) FROM pipeline_runs") == [(sum(row[1] == "started" for row in rows),)]
        home.expect_whole()
