# SPDX-License-Identifier: Apache-2.0
"""What a step's MLflow client records is hidden by a sluice that has taken over, though the runner is of an older
version, and does not say what it was given."""
from faults import preload

SECRET = "a-secret-of-some-length"
CLIENT = """\
import json, os, pathlib, time, urllib.error, urllib.request
pathlib.Path("begun").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.02)
body = json.dumps({"experiment_id": os.environ["MLFLOW_EXPERIMENT_ID"],
                   "tags": [{"key": "told", "value": os.environ["TOK"]}]}).encode()
for _ in range(3000):
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/create", body,
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
    try:
        urllib.request.urlopen(request, timeout=60).read()
        break
    except urllib.error.HTTPError as answer:
        assert answer.code == 503, answer.read()
        if b"has not ended" in answer.read():
            pathlib.Path("busy").touch()
    except OSError:
        pass
    time.sleep(0.02)
else:
    raise SystemExit("nobody took it")
"""


def test_the_value_is_looked_up_anew_where_the_runner_does_not_tell_it(home):
    """Until a command has told it, the client is to come again."""
    home.home.mkdir(exist_ok=True)
    (home.home / "config.yaml").write_text(
        "secrets: {TOK: {exec: [sh, -c, 'while [ -e held ]; do sleep 0.02; done; cat value']}}\n", encoding="utf-8")
    home.write("value", SECRET)
    home.write("client.py", CLIENT)
    home.write("sluice.yaml", 'name: told\nsteps:\n  a: {run: [python3, client.py], '
                              'env: {TOK: "${{ secrets.TOK }}"}}\n')
    first = home.start("run", "-q", **preload("unsaid", UNSAID='sluice-runner:secrets"'))
    home.wait_for((home.folder / "begun").exists)
    home.kill(first.pid)
    first.communicate()
    (home.folder / "held").touch()
    second = home.start("resume", "-q")
    (home.folder / "go").touch()
    home.wait_for((home.folder / "busy").exists)
    assert home.rows("SELECT value FROM run_tags WHERE key = 'told'") == []
    (home.folder / "held").unlink()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, (out, err)
    assert home.rows("SELECT value FROM run_tags WHERE key = 'told'") == [("***",)]
    home.expect_whole()
