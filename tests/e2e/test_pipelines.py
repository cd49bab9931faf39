# SPDX-License-Identifier: Apache-2.0
"""The pipelines of pipelines/, copied beside a script and data of one's own as their README says, and run."""
import csv
import http.server
import json
import os
import pathlib
import pwd
import shutil
import threading

import pytest

from programs import ROOT

PIPELINES = ROOT / "pipelines"
SCRIPTS = ROOT / "tests" / "fixtures" / "pipelines"
WINES = ROOT / "examples" / "wine-quality" / "data"
OURS = ("-p", "data=wine.csv", "-p", "model=wine", "-p", "label=quality")


def me():
    return pwd.getpwuid(os.getuid()).pw_name


def some_rows(name, first, count):
    lines = (WINES / name).read_text(encoding="utf-8").splitlines(keepends=True)
    return lines[0] + "".join(lines[first:first + count])


@pytest.fixture
def cellar(sluice):
    """sluice in a folder with the pipelines, a training and a scoring script, and 400 wines."""
    for path in [*PIPELINES.glob("*.yaml"), *SCRIPTS.glob("*.py")]:
        shutil.copy(path, sluice.folder)
    (sluice.folder / "wine.csv").write_text(some_rows("winequality-red.csv", 1, 400), encoding="utf-8")
    sluice.write(".sluice/config.yaml", "step_env: [TRAIN_*]\n")
    return sluice


def versions(sluice, model="wine"):
    """Alias to version, and the versions there are."""
    rows = sluice("models", "show", model, "--json", expect=0).json
    aliases = {alias: row["version"] for row in rows for alias in row["aliases"]}
    return aliases, sorted(row["version"] for row in rows)


def trained(sluice, *aliases, **env):
    """One more version of the model, with these aliases."""
    result = sluice.run("train-evaluate-register.yaml", *OURS, "-p", f"aliases={json.dumps(aliases)}", env=env)
    return result.step("register")["outputs"]["version"]


def status(result):
    return {step["id"]: step["status"] for step in result.json["steps"]}


def test_all_are_valid_and_explained(sluice):
    files = sorted(PIPELINES.glob("*.yaml"))
    readme = (PIPELINES / "README.md").read_text(encoding="utf-8")
    checked = sluice("validate", *files, "--format", "json", expect=0).json
    codes = {diag["code"] for file in checked["files"] for diag in file["diagnostics"]}
    assert checked["valid"] and codes == set()
    for path in files:
        assert f"({path.name})" in readme and path.read_text(encoding="utf-8").startswith("# ")


def test_none_is_without_a_test():
    tests = pathlib.Path(__file__).read_text(encoding="utf-8")
    for path in PIPELINES.iterdir():
        assert path.name == "README.md" or f'"{path.name}"' in tests, f"no test runs {path.name}"


# ---- train-evaluate-register --------------------------------------------------------------------------------------


def test_a_model_that_is_good_enough_gets_a_version(cellar):
    result = cellar.run("train-evaluate-register.yaml", *OURS)
    assert result.json["verdict"] == "passed"
    assert result.step("train")["metrics"]["train_rows"] > 200
    assert result.step("register")["outputs"]["model_uri"] == "models:/wine/1"
    assert versions(cellar) == ({"challenger": 1}, [1])
    files = cellar("artifacts", result.step("train")["model_id"], "--json", expect=0).json
    assert {"MLmodel", "model.json"} <= {row["path"] for row in files}


def test_a_model_that_is_not_good_enough_gets_none_and_the_rule_says_by_how_much(cellar):
    result = cellar.run("train-evaluate-register.yaml", *OURS, "-p", 'thresholds={"rmse": "<= 0.1"}', expect=6)
    assert result.json["verdict"] == "refused" and "is above 0.1 (by 0." in result.step("evaluate")["reason"]
    assert result.step("register")["status"] == "skipped"
    assert cellar("models", "--json", expect=0).json == []


def test_too_few_rows_prove_nothing(cellar):
    result = cellar.run("train-evaluate-register.yaml", *OURS, "-p", "min_rows=5000", expect=6)
    assert "5000" in result.step("evaluate")["reason"]


# ---- nightly-retrain ----------------------------------------------------------------------------------------------


def test_nights_only_the_better_model_becomes_champion(cellar):
    def night(expect=0, **env):
        return cellar.run("nightly-retrain.yaml", *OURS, expect=expect, env=env)

    first = night(TRAIN_L2="5")
    assert first.json["verdict"] == "passed" and versions(cellar)[0] == {"challenger": 1, "champion": 1}
    worse = night(TRAIN_L2="50")
    assert worse.json["status"] == "succeeded" and worse.json["verdict"] == "refused"
    assert "is above champion" in worse.step("promote")["reason"] and status(worse)["tell_failed"] == "skipped"
    better = night(TRAIN_L2="0.5")
    assert better.json["verdict"] == "passed"
    assert versions(cellar) == ({"challenger": 2, "champion": 2, "previous": 1}, [1, 2])
    other_rows = night(TRAIN_L2="0.5", TRAIN_HOLDOUT="shuffled")
    assert "unlike data" in other_rows.step("promote")["reason"]
    broken = night(expect=1, TRAIN_FEATURES="many")
    assert status(broken)["tell_failed"] == "succeeded"
    told = [json.loads(line)["message"] for line in (cellar.folder / "nightly-retrain.jsonl").read_text().splitlines()]
    assert told == ["wine version 1 is the new champion", "wine version 2 is the new champion",
                    "nightly-retrain-5 failed: sluice show nightly-retrain/5"]


# ---- champion-challenger ------------------------------------------------------------------------------------------


def compare(sluice, *more, expect=0):
    return sluice.run("champion-challenger.yaml", *OURS, *more, expect=expect)


def test_the_better_challenger_takes_over_and_the_worse_does_not(cellar):
    trained(cellar, "champion", TRAIN_FEATURES="2")
    trained(cellar, "challenger")
    result = compare(cellar, "-p", 'slices=["color"]')
    assert result.json["verdict"] == "passed" and versions(cellar)[0] == {"champion": 2, "challenger": 2, "previous": 1}
    metrics = {name: result.step(name)["metrics"]["rmse"] for name in ("measure_champion", "compare")}
    assert metrics["compare"] < metrics["measure_champion"]
    assert "rmse/color:red" in result.step("compare")["metrics"]
    digests = {result.step(name)["outputs"]["dataset_digest"] for name in ("measure_champion", "compare")}
    assert len(digests) == 1
    back = compare(cellar, "-p", "challenger=/1")
    assert back.json["verdict"] == "refused" and versions(cellar)[0]["champion"] == 2
    itself = compare(cellar)
    assert itself.json["verdict"] == "refused" and "is not below champion" in itself.step("promote")["reason"]


def test_an_alias_that_somebody_moved_meanwhile_stays_where_it_is(cellar):
    trained(cellar, "champion", TRAIN_FEATURES="2")
    trained(cellar, "challenger")
    trained(cellar, TRAIN_FEATURES="3")
    # Between the comparison and the end, somebody makes version 3 the champion.
    text = (cellar.folder / "champion-challenger.yaml").read_text(encoding="utf-8")
    cellar.write("champion-challenger.yaml", text.replace("  promote:\n    needs: [compare]", """\
  meanwhile:
    needs: [compare]
    uses: alias
    with: {model: wine, version: 3, set: champion}
  promote:
    needs: [meanwhile]"""))
    result = compare(cellar, expect=1)
    assert "was expected at version 1, but it points to version 3" in result.step("promote")["reason"]
    assert versions(cellar)[0]["champion"] == 3 and "previous" not in versions(cellar)[0]


# ---- deployment-job -----------------------------------------------------------------------------------------------


class Serving(http.server.BaseHTTPRequestHandler):
    """What serves: reads the model that `current` points to at each question. It is asked with eleven columns."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        try:
            model = json.loads((self.server.folder / "current" / "model.json").read_text(encoding="utf-8"))
            well = len(model["names"]) == 11
            body = repr(model["weights"][0]).encode()
        except (OSError, ValueError, KeyError) as error:
            well, body = False, str(error).encode()
        self.server.answers.append(well)
        self.send_response(200 if well else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def serving(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    server.daemon_threads, server.folder, server.answers = True, tmp_path / "deployed", []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def job(sluice, serving, version, *more, expect):
    params = {"version": version, "approvers": json.dumps([me()]), "patience": "4s",
              "health": f"http://127.0.0.1:{serving.server_port}/ping"}
    return sluice.run("deployment-job.yaml", *OURS, *(f"-p{key}={value}" for key, value in params.items()), *more,
                      expect=expect)


def test_a_version_is_judged_approved_deployed_and_taken_back_when_it_is_ill(cellar, serving):
    first, ill = trained(cellar), trained(cellar, TRAIN_FEATURES="4")
    current = cellar.folder / "deployed" / "current"

    waiting = job(cellar, serving, first, expect=5)
    assert waiting.step("gate")["outputs"]["passed"] and not current.exists()
    asked = cellar("approvals", "--json", expect=0).json[0]
    assert asked["of"] == "models:/wine/1" and "judged on 400 rows; serves now: none" in asked["message"]
    cellar("approve", "deployment-job/1", "-m", "fine", expect=0)
    deployed = cellar("resume", "--json", expect=0)
    assert deployed.json["verdict"] == "passed" and deployed.step("deploy")["outputs"]["changed"]
    assert serving.answers == [True] and versions(cellar)[0]["champion"] == first
    before = os.readlink(current)

    job(cellar, serving, ill, expect=5)
    cellar("approve", "deployment-job/2", "-m", "fine", expect=0)
    result = cellar("resume", "--json", expect=1)
    reason = result.step("deploy")["reason"]
    assert "answered 503" in reason and f"rolled back to {before}" in reason
    assert os.readlink(current) == before and versions(cellar)[0]["champion"] == first
    assert result.step("promote")["status"] == "skipped"
    actions = [row["action"] for row in cellar("activity", "--json", expect=0).json]
    assert actions.count("deployment.deployed") == 1 and actions.count("deployment.rolled_back") == 1


def test_a_rejected_version_is_never_deployed(cellar, serving):
    job(cellar, serving, trained(cellar), expect=5)
    cellar("reject", "deployment-job/1", "-m", "the slices are bad", expect=0)
    result = cellar("resume", "--json", expect=6)
    assert result.json["verdict"] == "refused" and "the slices are bad" in result.step("approve")["reason"]
    assert status(result)["deploy"] == "skipped" and not (cellar.folder / "deployed").exists()


def test_nobody_is_asked_about_a_version_that_the_gate_refuses(cellar, serving):
    result = job(cellar, serving, trained(cellar), "-p", 'thresholds={"rmse": "<= 0.1"}', expect=6)
    assert status(result)["approve"] == "skipped" and cellar("approvals", "--json", expect=0).json == []


# ---- batch-score --------------------------------------------------------------------------------------------------


def test_a_file_is_scored_and_its_drift_is_measured(cellar):
    trained(cellar, "champion")
    cellar.write("today.csv", some_rows("winequality-red.csv", 500, 300))
    calm = cellar.run("batch-score.yaml", "-p", "data=today.csv", "-p", "model=wine", "-p", "reference=wine.csv",
                      "-p", "max_drift=5", "-p", "out=out/predictions.csv")
    assert status(calm)["tell_drift"] == "skipped" and calm.step("summary")["outputs"]["rows"] == 300
    with open(cellar.folder / "out" / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    mean = sum(float(row["predicted"]) for row in rows) / len(rows)
    assert len(rows) == 300 and abs(calm.step("summary")["metrics"]["prediction_mean"] - mean) < 1e-9
    kept = pathlib.Path(calm.step("score")["artifacts"]["predictions"])
    assert kept.read_bytes() == (cellar.folder / "out" / "predictions.csv").read_bytes()

    cellar.write("today.csv", some_rows("winequality-white.csv", 1, 300))
    drifted = cellar.run("batch-score.yaml", "-p", "data=today.csv", "-p", "model=wine", "-p", "reference=wine.csv")
    outputs, metrics = drifted.step("summary")["outputs"], drifted.step("summary")["metrics"]
    assert outputs["drifted"] and metrics["drift_max"] == metrics["drift/" + outputs["worst"]] == outputs["drift"]
    told = json.loads((cellar.folder / "batch-score.jsonl").read_text())
    assert told["fields"]["column"] == outputs["worst"]
    assert abs(outputs["drift"] - psi(cellar.folder / "wine.csv", cellar.folder / "today.csv", outputs["worst"])) < 1e-9


def psi(reference, data, column):
    """The population stability index, written down a second time."""
    def column_of(path):
        with open(path, newline="", encoding="utf-8") as file:
            return sorted(float(row[column]) for row in csv.DictReader(file))

    import bisect
    import math
    import statistics
    before, now = column_of(reference), column_of(data)
    bounds = sorted(set(statistics.quantiles(before, n=10, method="inclusive")))

    def shares(values):
        ends = [0, *(bisect.bisect_right(values, bound) for bound in bounds), len(values)]
        return [max((b - a) / len(values), 1e-4) for a, b in zip(ends, ends[1:])]

    return sum((b - a) * math.log(b / a) for a, b in zip(shares(before), shares(now)))


def test_without_a_champion_nothing_is_scored(cellar):
    trained(cellar, "challenger")
    result = cellar.run("batch-score.yaml", "-p", "data=wine.csv", "-p", "model=wine", "-p", "reference=wine.csv",
                        expect=1)
    assert "models:/wine@champion" in result.step("score")["reason"]


# ---- promote-between-homes ----------------------------------------------------------------------------------------


def digests(sluice, model_id):
    return {row["path"]: row["sha256"] for row in sluice("artifacts", model_id, "--json", expect=0).json}


def test_a_version_moves_to_another_home_with_every_digest(cellar, tmp_path):
    exchange = tmp_path / "exchange"
    both = ("-p", "model=wine", "-p", f"exchange={exchange}")
    production = {"env": {"SLUICE_HOME": str(tmp_path / "production")}}
    trained(cellar)
    version = trained(cellar, "champion", TRAIN_L2="0.02")
    sent = cellar.run("promote-between-homes.yaml", "-p", "side=send", *both)
    sha256 = sent.step("announce")["outputs"]["sha256"]
    assert sent.step("copy")["outputs"]["sha256"] == sha256 and status(sent)["fetch"] == "skipped"

    receive = ("promote-between-homes.yaml", "-p", "side=receive", *both)
    waiting = cellar.run(*receive, "-p", f"sha256={sha256}", expect=5, **production)
    assert status(waiting)["copy"] == "skipped"
    cellar("approve", "promote-between-homes/1", "-m", "tested", expect=0, **production)
    got = cellar("resume", "--json", expect=0, **production)
    assert got.step("register")["outputs"]["model_uri"] == "models:/wine/1"
    assert got.step("fetch")["outputs"] == {"sha256": sha256, "source": f"{version}-{sha256[:8]}"}
    rows = cellar("models", "show", "wine", "--json", expect=0).json
    theirs = digests(cellar, next(row["model_id"] for row in rows if row["version"] == version))
    cellar.env.update(production["env"])
    assert digests(cellar, got.step("fetch")["model_id"]) == theirs and len(theirs) >= 2


def test_bytes_that_changed_on_the_way_are_refused(cellar, tmp_path):
    both = ("-p", "model=wine", "-p", f"exchange={tmp_path / 'exchange'}")
    production = {"env": {"SLUICE_HOME": str(tmp_path / "production")}}
    trained(cellar, "champion")
    sent = cellar.run("promote-between-homes.yaml", "-p", "side=send", *both)
    model = pathlib.Path(sent.step("copy")["outputs"]["path"]) / "model.json"
    model.chmod(0o644)
    model.write_text(model.read_text().replace("1", "2", 1))
    receive = ("promote-between-homes.yaml", "-p", "side=receive", *both)
    result = cellar.run(*receive, expect=1, **production)
    assert "are not what was sent" in cellar("logs", expect=0, **production).out
    assert status(result)["approve"] == "skipped"
    # Whoever can write the folder can write the release as well: the digest that came by another way finds it.
    release = tmp_path / "exchange" / "wine" / "release"
    found = cellar("logs", expect=0, **production).out.split("their digest is ")[1][:64]
    release.write_text(release.read_text().split("sha256=")[0] + f"sha256={found}\n")
    cellar.run(*receive, "-p", f"sha256={sent.step('announce')['outputs']['sha256']}", expect=1, **production)
    release.write_text(f"folder=../../elsewhere\nsha256={found}\n")
    cellar.run(*receive, expect=1, **production)
    assert "names no folder" in cellar("logs", expect=0, **production).out
