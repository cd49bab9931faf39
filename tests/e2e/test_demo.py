# SPDX-License-Identifier: Apache-2.0
"""A model's whole life: examples/breast-cancer/demo.sh with the built programs, and every number it shows worked out
again from the files it leaves."""
import csv
import hashlib
import json
import math
import os
import pathlib
import pwd
import re
import statistics
import subprocess

import pytest

from programs import BUILD, ROOT, Result, Sluice

DATA = ROOT / "examples" / "breast-cancer" / "data"
ME = pwd.getpwuid(os.getuid()).pw_name


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def steps(run, name):
    return [step for step in run["steps"] if step["id"] == name]


def step(run, name):
    (only,) = steps(run, name)
    return only


def log_loss(rows):
    """Of the label's probability, kept from 0 and 1 as scikit-learn keeps it."""
    least = 2.0 ** -52
    losses = []
    for row in rows:
        p = min(max(float(row["probability"]), least), 1 - least)
        losses.append(-math.log(p if row["diagnosis"] == "malignant" else 1 - p))
    return statistics.fmean(losses)


def roc_auc(rows):
    """The chance that a malignant row scores higher than a benign one, pair by pair."""
    scores = {"malignant": [], "benign": []}
    for row in rows:
        scores[row["diagnosis"]].append(float(row["probability"]))
    won = sum((a > b) + (a == b) / 2 for a in scores["malignant"] for b in scores["benign"])
    return won / (len(scores["malignant"]) * len(scores["benign"]))


def recall(rows):
    ill = [row for row in rows if row["diagnosis"] == "malignant"]
    return sum(row["predicted"] == "malignant" for row in ill) / len(ill)


def accuracy(rows):
    return sum(row["predicted"] == row["diagnosis"] for row in rows) / len(rows)


def figures(rows):
    """What the gate of the example looks at, by the names it uses."""
    return {
        "accuracy": accuracy(rows),
        "recall": recall(rows),
        "roc_auc": roc_auc(rows),
        "log_loss": log_loss(rows),
        "recall/size:large": recall([row for row in rows if row["size"] == "large"]),
    }


def predicted_by(model, row):
    """A row of the data through a saved model: intercept + weights · values, and the logistic function."""
    z = model["intercept"] + math.fsum(w * float(row[name]) for w, name in zip(model["weights"], model["features"]))
    return 1 / (1 + math.exp(-z))


class Demo:
    def __init__(self, folder):
        build = folder / "build"
        build.mkdir()
        for name in ("sluice", "sluice-runner"):
            (build / name).symlink_to(BUILD / name)
        self.sluice = Sluice(build / "demo")
        done = subprocess.run([ROOT / "examples" / "breast-cancer" / "demo.sh", build], cwd=folder, timeout=300,
                              env={**self.sluice.env, "SLUICE_PLUGINS": "/nowhere"}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        self.result = Result(done.returncode, done.stdout, done.stderr)
        self.folder = build / "demo"
        self.parts = re.split(r"^\d\. ", done.stdout, flags=re.M)
        self.first = self.sluice("show", "breast-cancer/1", "--json", expect=0).json
        self.second = self.sluice("show", "breast-cancer/2", "--json", expect=0).json

    def model(self, model_id):
        about = self.sluice("models", "show", model_id, "--json", expect=0).json
        return about, json.loads((pathlib.Path(about["artifact_uri"]) / "model.json").read_text())

    def activity(self):
        return list(reversed(self.sluice("activity", "--json", expect=0).json))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    made = Demo(tmp_path_factory.mktemp("demo"))
    yield made
    made.sluice.close()


def test_the_data_are_the_real_ones_with_source_and_licence():
    rows = rows_of(DATA / "breast-cancer.csv")
    assert len(rows) == 569 and len(rows[0]) == 31
    assert sum(row["diagnosis"] == "malignant" for row in rows) == 212
    assert statistics.fmean(float(row["mean_radius"]) for row in rows) == pytest.approx(14.127291739894552)
    assert statistics.fmean(float(row["worst_area"]) for row in rows) == pytest.approx(880.5831282952548)
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert "10.24432/C5DW2B" in text and "CC BY 4.0" in text
    assert hashlib.sha256((DATA / "breast-cancer.csv").read_bytes()).hexdigest() in text


def test_the_demo_ends_well_and_shows_every_command(demo):
    assert demo.result.code == 0, demo.result
    assert "AddressSanitizer" not in demo.result.err and "runtime error:" not in demo.result.err, demo.result
    typed = re.findall(r"^\$ (sluice .*)$", demo.result.out, re.M)
    assert typed == [
        "sluice run --workspace .", "sluice approvals",
        'sluice approve breast-cancer/1 -m "recall and slices look right"', "sluice resume breast-cancer/1",
        "sluice run --workspace . -p epochs=3", "sluice models show breast-cancer"]
    # What it says to try next can be typed, too.
    for command in re.findall(r"^  sluice ((?:show|logs|activity) .*?)  +", demo.result.out, re.M):
        demo.sluice(*command.split(), expect=0)


def test_nine_candidates_really_differ(demo):
    candidates = steps(demo.first, "train")
    assert [c["matrix"] for c in candidates] == [
        {"learning_rate": rate, "l2": l2} for rate in (0.02, 0.1, 0.5) for l2 in (0.001, 0.005, 0.02)]
    assert len({c["outputs"]["val_log_loss"] for c in candidates}) == 9
    assert len({c["model_id"] for c in candidates}) == 9 and len({c["run_id"] for c in candidates}) == 9
    weights = [tuple(demo.model(c["model_id"])[1]["weights"]) for c in candidates]
    assert len(set(weights)) == 9 and all(len(row) == 30 for row in weights)
    for c in candidates:
        validation, holdout = rows_of(c["artifacts"]["validation"]), rows_of(c["artifacts"]["holdout"])
        assert len(validation) == c["outputs"]["validation_rows"] and len(holdout) == c["outputs"]["holdout_rows"]
        assert c["outputs"]["train_rows"] + len(validation) + len(holdout) == 569
        assert not {row["row"] for row in validation} & {row["row"] for row in holdout}
        assert log_loss(validation) == pytest.approx(c["outputs"]["val_log_loss"], abs=1e-9)


def test_predictions_are_the_saved_models_own(demo):
    data = rows_of(DATA / "breast-cancer.csv")
    for c in steps(demo.first, "train")[::4]:
        _, model = demo.model(c["model_id"])
        for row in rows_of(c["artifacts"]["holdout"]):
            source = data[int(float(row["row"])) - 1]
            probability = predicted_by(model, source)
            assert source["diagnosis"] == row["diagnosis"]
            assert float(row["probability"]) == pytest.approx(probability, abs=1e-9)
            assert row["predicted"] == ("malignant" if probability >= 0.5 else "benign")


def test_the_best_by_validation_log_loss_is_chosen(demo):
    for run in (demo.first, demo.second):
        losses = [log_loss(rows_of(c["artifacts"]["validation"])) for c in steps(run, "train")]
        best = losses.index(min(losses))
        outputs = step(run, "best")["outputs"]
        assert outputs["index"] == best and outputs["value"] == pytest.approx(losses[best], abs=1e-9)
        assert outputs["best"] == steps(run, "train")[best]["model_id"]


def test_the_gates_numbers_are_those_of_the_holdout(demo):
    for run in (demo.first, demo.second):
        holdout = rows_of(steps(run, "train")[step(run, "best")["outputs"]["index"]]["artifacts"]["holdout"])
        metrics = step(run, "evaluate")["metrics"]
        expected = figures(holdout)
        assert {key: metrics[key] for key in expected} == {
            key: pytest.approx(value, abs=1e-12) for key, value in expected.items()}
        assert step(run, "evaluate")["outputs"]["n"] == len(holdout) == 113
        # They are the chosen model's metrics, too, on that very data.
        about, _ = demo.model(step(run, "best")["outputs"]["best"])
        measured = {m["key"]: m for m in about["metrics"] if m["dataset_name"] == "wisconsin-holdout"}
        assert measured["recall"]["value"] == pytest.approx(expected["recall"], abs=1e-12)
        assert step(run, "evaluate")["outputs"]["dataset_digest"].startswith(measured["recall"]["dataset_digest"])
        assert {measured[key]["value"] for key in measured} >= {metrics["roc_auc"], metrics["log_loss"]}
    assert step(demo.first, "evaluate")["outputs"]["dataset_digest"] == \
        step(demo.second, "evaluate")["outputs"]["dataset_digest"]


def test_the_version_is_registered_and_approved_by_somebody_whom_the_record_names(demo):
    chosen = step(demo.first, "best")["outputs"]["best"]
    assert step(demo.first, "register")["outputs"] == {
        "version": 1, "model_uri": "models:/breast-cancer/1", "model_id": chosen, "existing": False}
    (version,) = demo.sluice("models", "show", "breast-cancer", "--json", expect=0).json
    assert version["model_id"] == chosen and version["version"] == 1
    approval = step(demo.first, "approve")["outputs"]
    assert approval["approved_by"] == [ME] and approval["reason"] == "recall and slices look right"
    said = {row["action"]: row for row in demo.activity()}
    assert said["approval.approved"]["actor"] == ME
    assert said["approval.approved"]["reason"] == "recall and slices look right"
    assert said["gate.refused"]["object"] == "run breast-cancer 2"
    demo.sluice("activity", "verify", expect=0)


def test_it_is_deployed_by_one_switch_and_serves_the_approved_bytes(demo):
    current = demo.folder / "deployed" / "current"
    assert current.is_symlink() and os.readlink(current).startswith("versions/1-")
    assert str(current.resolve()) == step(demo.first, "deploy")["outputs"]["path"]
    about, _ = demo.model(step(demo.first, "best")["outputs"]["best"])
    kept = pathlib.Path(about["artifact_uri"])
    assert sorted(path.name for path in current.iterdir()) == sorted(path.name for path in kept.iterdir())
    for path in kept.iterdir():
        assert (current / path.name).read_bytes() == path.read_bytes()


def test_the_alias_moved_and_somebody_was_told(demo):
    (model,) = demo.sluice("models", "--json", expect=0).json
    assert model["aliases"] == {"challenger": 1, "champion": 1}
    lines = (demo.folder / "notifications.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    notice = json.loads(lines[0])
    assert notice["message"] == "breast-cancer version 1 is live" and notice["fields"]["approved_by"] == ME
    assert notice["fields"]["path"] == step(demo.first, "deploy")["outputs"]["path"]


def test_the_worse_candidate_is_refused_by_rule_and_amount_and_the_champion_stays(demo):
    run = demo.second
    assert run["status"] == "succeeded" and run["verdict"] == "refused" and run["params"]["epochs"] == 3
    assert demo.first["verdict"] == "passed"
    before, now = [step(r, "evaluate")["metrics"] for r in (demo.first, run)]
    refused = step(run, "evaluate")["outputs"]["refused_by"]
    limit = before["log_loss"] + 0.02
    large = now["recall/size:large"]
    for words in (
            f"accuracy {now['accuracy']:.6g} is below 0.93 (by {0.93 - now['accuracy']:.3g})",
            f"log_loss {now['log_loss']:.6g} is above champion + 0.02 = {limit:.6g} (by {now['log_loss'] - limit:.3g})",
            f"recall[size=large] {large:.6g} is below 0.95 (by {0.95 - large:.3g})"):
        assert words in refused
    assert refused.count(";") == 2
    for name in ("register", "approve", "deploy", "promote", "tell"):
        assert step(run, name)["status"] == "skipped"
        assert step(run, name)["reason"] == f"refused by evaluate: {refused}"
    gate = step(run, "evaluate")["outputs"]
    assert gate["passed"] is False and gate["champion_version"] == "1" and gate["gate_id"] == "2"
    versions = demo.sluice("models", "show", "breast-cancer", "--json", expect=0).json
    assert len(versions) == 1
    assert len(list((demo.folder / "deployed" / "versions").iterdir())) == 1


def test_the_summary_says_each_thing_once(demo):
    last = demo.parts[4]
    refused = step(demo.second, "evaluate")["outputs"]["refused_by"]
    assert last.count(refused) == 1                                # while it runs, at the gate
    assert len(re.findall(r"^– \w+ skipped: evaluate refused$", last, re.M)) == 5
    assert len(re.findall(r"^  – \w+ +← .*  skipped: evaluate refused$", last, re.M)) == 5
    assert len(re.findall(r"^  ✓ evaluate .* refused by 3 of 6 rules$", last, re.M)) == 1
    summary = last[last.index("breast-cancer run 2"):]
    assert max(len(line) for line in summary.split("$ sluice")[0].splitlines()) <= 110
    assert "..." not in summary and "…" not in summary


def test_the_summary_names_slices_and_by_how_much_rules_are_missed(demo):
    summary = demo.parts[4]
    gates = summary[summary.index("\nGates\n"):summary.index("\nArtifacts\n")].split("\n")
    now = step(demo.second, "evaluate")["metrics"]
    limit = step(demo.first, "evaluate")["metrics"]["log_loss"] + 0.02
    assert gates[2] == "  evaluate refused by 3 of 6 rules, on wisconsin-holdout"
    rules = [re.split(r"  +", line.strip()) for line in gates[3:9]]
    assert [rule[0] for rule in rules] == [
        "✗ accuracy", "✓ recall", "✓ roc_auc", "✓ log_loss", "✗ log_loss", "✗ recall[size=large]"]
    assert rules[0][1:] == [f"{now['accuracy']:.6g}", ">= 0.93", f"missed by {0.93 - now['accuracy']:.3g}"]
    assert rules[1][1:] == [f"{now['recall']:.6g}", ">= 0.9"]
    assert rules[4][2:] == ["<= champion + 0.02", f"missed {limit:.4g} by {now['log_loss'] - limit:.3g}"]
    assert rules[5][1:] == [f"{now['recall/size:large']:.6g}", ">= 0.95",
                            f"missed by {0.95 - now['recall/size:large']:.3g}"]


def test_the_summary_shows_the_candidates_the_models_and_where_files_are(demo):
    done = demo.parts[3]
    table = re.findall(r"^ +\[(\d)\] +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)(  ← best)?$", done, re.M)
    assert [int(row[0]) for row in table] == list(range(9))
    for row, candidate in zip(table, steps(demo.first, "train")):
        assert row[4] == f"{candidate['outputs']['val_log_loss']:.4g}"
    assert [int(row[0]) for row in table if row[5]] == [step(demo.first, "best")["outputs"]["index"]]
    metrics = step(demo.first, "evaluate")["metrics"]
    for name in ("accuracy", "recall", "roc_auc", "log_loss"):
        assert re.search(rf" {name} +{re.escape(f'{metrics[name]:.4g}')}( |$)", done, re.M), name
    assert "register: models:/breast-cancer/1  now @challenger, @champion\n" in done
    deployed = os.path.relpath(step(demo.first, "deploy")["outputs"]["path"], demo.folder)
    assert f"deploy: {deployed}\n" in done
    files, folder = re.search(r"^  evaluate: (\d+) files in (\S+)$", done, re.M).groups()
    assert len([path for path in (demo.folder / folder).rglob("*") if path.is_file()]) == int(files) >= 4
    assert "train: 18 files of 9 items: sluice artifacts breast-cancer/1" in done


def test_training_is_gradient_descent_and_another_seed_has_another_winner(demo):
    """More epochs, lower training loss, for every candidate; another split of the rows, another choice."""
    losses = {epochs: [c["metrics"]["train_loss"] for c in steps(run, "train")]
              for epochs, run in ((100, demo.first), (3, demo.second))}
    assert all(more < less for more, less in zip(losses[100], losses[3]))
    other = demo.sluice.run("--workspace", ".", "-p", "seed=2", "--until", "best").json
    assert step(other, "best")["outputs"]["index"] != step(demo.first, "best")["outputs"]["index"]
    assert steps(other, "train")[0]["outputs"]["train_rows"] == 341
    assert step(other, "register")["status"] == "skipped"


def test_the_loss_falls_epoch_by_epoch(example):
    rung = example("breast-cancer")
    done = rung("lua", "run", "train.lua", "--params", '{"epochs": 40, "learning_rate": 0.1}', "--inputs",
                '{"data": "data/breast-cancer.csv"}', expect=0)
    losses = [float(value) for value in re.findall(r"train_loss = ([\d.e-]+) \(step \d+\)", done.out)]
    assert len(losses) == 40 and losses[0] > 0.4 and losses[-1] < 0.12
    assert all(later < earlier for earlier, later in zip(losses, losses[1:]))
