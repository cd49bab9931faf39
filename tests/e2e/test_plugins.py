# SPDX-License-Identifier: Apache-2.0
"""The plugins as whoever writes a pipeline meets them: what they record, what the reasons say, what others can read.

The READMEs are checked first: each row of a plugin stands in its README, and each example there is valid. Serving,
people and servers are in test_plugins_outside.py, git in test_git.py.
"""
import json
import math
import pathlib
import re
import shutil
import sqlite3
import textwrap

import pytest

from metric_points import points_of
from programs import ROOT

PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/README.md") if path.parent.name != "shared")


def rows_of(sluice, query, *values):
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
        return store.execute(query, values).fetchall()


# ---- the READMEs ------------------------------------------------------------------------------------------------


def manifest(name):
    """Names of params and outputs, from the rows in the source; the required ones."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins" / name).glob("*.c"))
    params = re.findall(r'^\s*P\((\w+), (\w+),\s*"([^"]*)"', text, re.M)
    return params, re.findall(r"^\s*O\((\w+), (\w+),", text, re.M)


def readme_rows(name):
    """Rows of the tables, by the head of the first column; of several with one head the first."""
    tables, head = {}, None
    for line in (ROOT / "plugins" / name / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            head = None
        elif head is None:
            head = cells[0] if cells[0] not in tables else f"{cells[0]} again"
            tables.setdefault(head, [])
        elif not set(line) <= set("|-"):
            tables[head].append(cells)
    return tables


@pytest.mark.parametrize("name", PLUGINS)
def test_a_readme_has_each_row_of_its_plugin_and_no_other(name):
    params, outputs = manifest(name)
    tables = readme_rows(name)
    table = tables.get("parameter") or tables.get("name")
    told = [word for cells in table for word in re.findall(r"`(\w+)`", cells[0])]
    assert sorted(told) == sorted(param for _, param, _ in params)
    for cells in table:
        for word in re.findall(r"`(\w+)`", cells[0]):
            rule = next(rule for _, param, rule in params if param == word)
            default = re.search(r"default=([^;]+)", rule)
            if "parameter" in tables:
                assert ("required" in cells[1]) == ("required" in rule), f"{name}: {word}"
            if default and default[1] not in ("false", "0") and "output" in tables:
                assert default[1] in " ".join(cells), f"{name}: the default of {word}"
    text = (ROOT / "plugins" / name / "README.md").read_text(encoding="utf-8")
    told = [word for cells in tables.get("output", []) for word in re.findall(r"`(\w+)`", cells[0])]
    told = told or re.findall(r"`(\w+)`", text.partition("## Outputs")[2].partition(".\n")[0])
    assert sorted(told) == sorted(output for _, output in outputs)


STUBS = {
    "train": 'run: "true"',
    "register": "{uses: register, with: {model: m-0123456789abcdef0123456789abcdef, name: wine}}",
    "approve": "{uses: approve}",
    "deploy": "{uses: deploy, with: {model: 'models:/wine/1', target: {directory: /srv/models/wine}}}",
    "evaluate": "{uses: evaluate, with: {dataset: d.csv, label: y, type: regressor}}",
}


def completed(text):
    """A whole pipeline of an example that shows some steps: what they name stands before them."""
    own = set(re.findall(r"^  (\w+):", text, re.M))
    named = set(re.findall(r"steps\.(\w+)\.", text)) | {
        name for needs in re.findall(r"needs: \[([^]]*)\]", text) for name in re.split(r",\s*", needs)}
    lines = ["name: readme"]
    params = sorted(set(re.findall(r"params\.(\w+)", text)))
    if params:
        lines.append("params: {" + ", ".join(f"{name}: {{type: string, default: x}}" for name in params) + "}")
    lines.append(text.rstrip())
    for step in sorted(named - own):
        if step != "train":
            lines.append(f"  {step}: {STUBS[step]}")
            continue
        lines.append("  train:\n    run: train")
        used = {kind: sorted(set(re.findall(rf"steps\.train\.{kind}\.(\w+)", text)))
                for kind in ("artifacts", "outputs")}
        if "steps.train.model_" in text:
            lines.append("    model: {path: '${{ step.dir }}/model'}")
        if used["artifacts"]:
            files = ", ".join(f"{name}: '${{{{ step.dir }}}}/x'" for name in used["artifacts"])
            lines.append(f"    artifacts: {{{files}}}")
        if used["outputs"]:
            lines.append("    outputs: {" + ", ".join(f"{name}: string" for name in used["outputs"]) + "}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", PLUGINS)
def test_the_examples_of_a_readme_are_valid(sluice, name):
    text = (ROOT / "plugins" / name / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    assert examples, "a README shows how the plugin is used"
    for i, example in enumerate(examples):
        whole = example if example.startswith("name:") else completed(example)
        for script in re.findall(r"^ *lua: (\S+\.lua)$", whole, re.M):
            sluice.write(script, "")
        path = sluice.pipeline(whole, f"{name}-{i}.yaml")
        result = sluice("validate", path)
        assert result.code == 0, f"{result.out}\n{whole}"


def test_what_a_plugin_is_not_asked_like_is_said_with_place_and_hint(sluice):
    path = sluice.pipeline("""\
        name: p
        steps:
          a: {uses: evaluate, with: {dataset: d.csv, label: y, type: regression, min_sample: 3}}
          b: {uses: register, with: {model: m}}
          c: {uses: evalute}
        """)
    result = sluice("validate", path, expect=3)
    assert "'type': expected one of classifier, regressor, found \"regression\"" in result.out
    assert "'evaluate' has no input 'min_sample'" in result.out and "min_samples" in result.out
    assert "'register': its input 'name' is missing" in result.out
    assert "evalute" in result.out and "'evaluate'" in result.out
    assert re.search(r"sluice\.yaml:3:\d+: error E", result.out)


# ---- track ----------------------------------------------------------------------------------------------------------


def test_track_records_what_is_in_files_of_three_kinds(sluice):
    sluice.write("params.yaml", "model: {depth: 3, name: ridge}\nanswer: yes\n")
    sluice.write("metrics.json", '{"rmse": 0.5, "by": {"red": 0.25}, "broken": "NaN"}')
    sluice.write("history.csv", "step,loss,accuracy\n1,0.9,0.5\n2,0.7,\n3,0.5,0.75\n")
    sluice.write("residuals.csv", "id,residual,note\n1,0.25,ok\n2,-0.5,\n")
    sluice.write("plots/a.svg", "<svg/>")
    sluice.pipeline("""\
        name: p
        steps:
          record:
            uses: track
            with:
              params: [params.yaml, {seed: 7}]
              metrics: [metrics.json, history.csv, {extra: 1}]
              tags: {data: "2026-03"}
              tables: {residuals: residuals.csv}
              artifacts: [plots/*.svg]
        """)
    step = sluice.run().step("record")
    assert step["outputs"] == {"params": 4, "metrics": 9, "tags": 1, "tables": 1, "artifacts": 1}
    run_id = step["run_id"]
    params = dict(rows_of(sluice, "SELECT key, value FROM run_params WHERE run_id = ?", run_id))
    assert params == {"model/depth": "3", "model/name": "ridge", "answer": "yes", "seed": "7"}
    tags = dict(rows_of(sluice, "SELECT key, value FROM run_tags WHERE run_id = ?", run_id))
    assert tags["data"] == "2026-03"
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
        points = sorted((step, value) for _, step, value, _ in points_of(store, run_id, "loss"))
    assert points == [(1, 0.9), (2, 0.7), (3, 0.5)]
    assert rows_of(sluice, "SELECT latest_is_nan FROM metric_series WHERE key = 'broken'") == [(1,)]
    assert step["metrics"]["accuracy"] == 0.75 and step["metrics"]["by/red"] == 0.25
    files = {row["path"]: row for row in sluice("artifacts", "--json", expect=0).json}
    assert {"residuals.json", "plots/a.svg"} <= set(files)


def test_track_leaves_nothing_behind_when_one_file_is_wrong(sluice):
    sluice.write("good.json", '{"rmse": 0.5}')
    sluice.write("bad.csv", "key,value\nrmse,0.5\nmae,many\n")
    sluice.pipeline("""\
        name: p
        steps:
          record: {uses: track, with: {params: {seed: 7}, metrics: [good.json, bad.csv]}}
        """)
    step = sluice.run(expect=1).step("record")
    assert "bad.csv" in step["reason"] and "many" in step["reason"] and "3" in step["reason"]
    assert step["metrics"] == {} and rows_of(sluice, "SELECT * FROM run_params WHERE run_id = ?", step["run_id"]) == []


# ---- train and select -----------------------------------------------------------------------------------------------


def test_train_keeps_the_best_of_a_grid_as_a_model_with_an_mlmodel(sluice):
    sluice.write("train.sh", """\
        mkdir -p "$1/model" && echo "lr=$2 depth=$3" > "$1/model/weights"
        awk -v lr="$2" -v depth="$3" 'BEGIN { print "{\\"loss\\": " (lr - 0.1) ^ 2 + (depth - 4) ^ 2 "}" }' \
          > "$1/metrics.json"
        """)
    sluice.pipeline("""\
        name: p
        steps:
          search:
            uses: train
            with:
              command: [sh, train.sh, "{dir}", "{lr}", "{depth}"]
              grid: {lr: [0.1, 0.5], depth: [2, 4, 8]}
              metric: loss
              mode: min
              parallel: 2
            model: {path: "${{ step.dir }}/model", name: wine}
          use:
            run: cat ${{ steps.search.outputs.model }}/weights; echo ${{ toJSON(steps.search.outputs.best) }}
        """)
    result = sluice.run()
    outputs = result.step("search")["outputs"]
    assert outputs["best"] == {"lr": 0.1, "depth": 4} and outputs["value"] == 0 and outputs["candidates"] == 6
    run_id = result.step("search")["run_id"]
    params = dict(rows_of(sluice, "SELECT key, value FROM run_params WHERE run_id = ?", run_id))
    assert params["lr"] == "0.1" and params["depth"] == "4"
    model = result.step("search")["model_id"]
    folder = pathlib.Path(rows_of(sluice, "SELECT artifact_uri FROM logged_models WHERE model_id = ?", model)[0][0])
    assert (folder / "weights").read_text() == "lr=0.1 depth=4\n"
    assert model in (folder / "MLmodel").read_text() and "flavors:" in (folder / "MLmodel").read_text()
    assert "lr=0.1 depth=4" in sluice("logs", expect=0).out


def test_train_searches_a_grid_with_the_lua_script_of_a_step(sluice):
    example = ROOT / "examples" / "breast-cancer"
    shutil.copy(example / "train.lua", sluice.folder)
    shutil.copy(example / "data" / "breast-cancer.csv", sluice.folder)
    sluice.pipeline("""\
        name: p
        steps:
          search:
            uses: train
            with:
              lua: train.lua
              inputs: {data: breast-cancer.csv}
              params: {epochs: 5}
              grid: {learning_rate: [0.001, 0.5]}
              metric: val_log_loss
              mode: min
            model: {path: "${{ step.dir }}/model", name: breast-cancer}
          alone: {lua: train.lua, inputs: {data: breast-cancer.csv}, with: {epochs: 5, learning_rate: 0.5},
                  outputs: {val_log_loss: number, val_auc: number, val_accuracy: number, train_rows: integer,
                            validation_rows: integer, holdout_rows: integer, model: path}}
        """)
    result = sluice.run()
    search = result.step("search")
    assert search["outputs"]["best"] == {"learning_rate": 0.5, "epochs": 5}
    # The same script with the same params gives the same model, in the grid and as a step.
    assert search["outputs"]["value"] == result.step("alone")["metrics"]["val_log_loss"]
    uri = "SELECT artifact_uri FROM logged_models WHERE model_id = ?"
    folder = pathlib.Path(rows_of(sluice, uri, search["model_id"])[0][0])
    assert (folder / "MLmodel").exists() and json.loads((folder / "model.json").read_text())["kind"] == "logistic"


def test_train_tells_what_a_lua_script_failed_of(sluice):
    sluice.write("train.lua", 'if sluice.params.n == 2 then error("no luck") end\nsluice.metric("score", 1 / 3)\n')
    sluice.pipeline("""\
        name: p
        steps:
          search: {uses: train, with: {lua: train.lua, grid: {n: [1, 2]}, metric: score, mode: max}}
        """)
    outputs = sluice.run().step("search")["outputs"]
    assert outputs["value"] == 1 / 3 and outputs["failed"] == 1 and outputs["model"] is None
    assert re.search(r"candidate 1: failed: .*train\.lua:1: no luck", sluice("logs", expect=0).out)


def test_lua_run_leaves_what_a_step_would_have_in_a_folder(sluice):
    sluice.write("train.lua", """\
        sluice.file.write(sluice.step.dir .. "/model/w", tostring(sluice.inputs.data ~= nil))
        for i = 1, 3 do sluice.metric("loss", 1 / i, i) end
        sluice.metric("broken", 0 / 0)
        """)
    sluice.write("data.csv", "x\n")
    sluice("lua", "run", "train.lua", "--inputs", '{"data": "data.csv"}', "--out", "made", expect=0)
    assert (sluice.folder / "made" / "model" / "w").read_text() == "true"
    assert json.loads((sluice.folder / "made" / "metrics.json").read_text()) == {"loss": 1 / 3, "broken": "NaN"}


def test_train_says_which_candidate_failed_and_why_and_fails_with_all(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          some:
            uses: train
            with:
              command: [sh, -c, 'test {n} != 2 || { echo "no luck" >&2; exit 3; }; echo "score: {n}"']
              grid: {n: [1, 2, 3]}
              metric: score
              mode: max
          none:
            uses: train
            with: {command: ["false"], grid: {n: [1, 2]}, metric: score, mode: max}
        """)
    result = sluice.run(expect=1)
    assert result.step("some")["outputs"]["index"] == 2 and result.step("some")["outputs"]["failed"] == 1
    assert "candidate 1: no luck" in sluice("logs", expect=0).out
    assert "all 2 candidates failed" in result.step("none")["reason"]


def test_select_leaves_out_what_failed_and_refuses_nan(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          try:
            matrix: {lr: [0.5, 0.1, 0.9]}
            run: |
              test ${{ matrix.lr }} != 0.9
              printf '{"loss": %s}' ${{ matrix.lr }} > "$SLUICE_STEP_DIR/metrics.json"
            metrics: ["${{ step.dir }}/metrics.json"]
            continue_on_error: true
          best:
            uses: select
            with: {metric: "${{ steps.try.metrics.loss }}", from: [a, b, c], mode: min}
          spoilt:
            matrix: {loss: ["0.5", "NaN"]}
            run: |
              printf '{"loss": %s}' ${{ matrix.loss }} > "$SLUICE_STEP_DIR/metrics.json"
            metrics: ["${{ step.dir }}/metrics.json"]
          diverged:
            uses: select
            with: {metric: "${{ steps.spoilt.metrics.loss }}"}
        """)
    result = sluice.run(expect=1)
    assert result.step("best")["outputs"] == {"index": 1, "value": 0.1, "best": "b"}
    assert "NaN" in result.step("diverged")["reason"] or "no number" in result.step("diverged")["reason"]


# ---- evaluate -------------------------------------------------------------------------------------------------------

GATE = """\
    name: p
    params: {file: {type: path}, n: {type: integer, default: 0}}
    steps:
      train:
        run: mkdir "$SLUICE_STEP_DIR/model" && echo ${{ params.n }} > "$SLUICE_STEP_DIR/model/w"
        model: {path: "${{ step.dir }}/model", name: wine}
      judge:
        uses: evaluate
        with:
          dataset: {path: "${{ params.file }}", name: holdout}
          model: ${{ steps.train.model_id }}
    %s
      register: {needs: [judge], uses: register, with: {model: "${{ steps.train.model_id }}", name: wine}}
      promote:
        uses: alias
        with:
          {model: wine, version: "${{ steps.register.version }}", set: champion,
           expect: "${{ steps.judge.champion_version }}", keep: previous}
    """


def gate_pipeline(sluice, judge):
    sluice.pipeline(textwrap.dedent(GATE) % textwrap.indent(textwrap.dedent(judge).rstrip(), " " * 6))


def classes(sluice, name, wrong, rows=60):
    """A file of two classes in two regions, with `wrong` rows of the region south predicted wrong."""
    lines = ["id,region,y,predicted,p"]
    for i in range(rows):
        region, y = ("south", "north")[i % 2], ("bad", "good")[(i // 2) % 2]
        right = not (region == "south" and i // 2 < wrong)
        says = y if right else ("good" if y == "bad" else "bad")
        p = 0.9 - i / 1000 if says == "good" else 0.1 + i / 1000
        lines.append(f"{i},{region},{y},{says},{p:.3f}")
    sluice.write(name, "\n".join(lines) + "\n")


CLASSIFIER = """\
    type: classifier
    label: y
    prediction: predicted
    probability: p
    positive: good
    slices: [region]
    champion: {model: "models:/wine@champion", if_missing: pass}
    thresholds:
      accuracy: [">= 0.8", ">= champion"]
      "recall[region=south]": ">= 0.5"
      roc_auc: {is: ">= 0.7", confidence: 0.9, min_samples: 40}
    on_refuse: skip
    """


def test_evaluate_measures_a_classifier_its_slices_and_lets_only_the_better_one_pass(sluice):
    gate_pipeline(sluice, CLASSIFIER)
    classes(sluice, "a.csv", wrong=6)
    classes(sluice, "b.csv", wrong=9)
    first = sluice.run("-p", "file=a.csv")
    metrics = first.step("judge")["metrics"]
    assert first.json["verdict"] == "passed" and first.step("judge")["outputs"]["champion_version"] is None
    accuracies = [metrics["accuracy" + of] for of in ("", "/region:north", "/region:south")]
    assert accuracies == [54 / 60, 1, 24 / 30]
    assert 0.7 < metrics["roc_auc"] < 1 and metrics["brier"] > 0 and metrics["log_loss"] > 0
    files = {row["path"] for row in sluice("artifacts", "--json", expect=0).json}
    assert {"evaluation.json", "confusion_matrix.json", "plots/roc.svg", "plots/confusion_matrix.svg"} <= files
    # What was measured belongs to the model and the dataset, too.
    of_model = rows_of(sluice, "SELECT latest_value FROM metric_series WHERE model_id = ? AND key = 'accuracy' AND "
                               "dataset_name = 'holdout'", first.step("train")["model_id"])
    assert of_model == [(54 / 60,)]

    second = sluice.run("-p", "file=b.csv", "-p", "n=1")
    reason = second.step("register")["reason"]
    assert second.json["status"] == "succeeded" and second.json["verdict"] == "refused"
    assert re.search(r"refused by judge: accuracy 0\.85 is below champion = 0\.9 \(by 0\.05\)", reason)
    outputs = second.step("judge")["outputs"]
    assert outputs["passed"] is False and outputs["champion_version"] == "1"
    gates = rows_of(sluice, "SELECT passed, refused_by, evidence_sha256, record FROM gates ORDER BY id")
    assert [row[0] for row in gates] == [1, 0] and "accuracy 0.85" in gates[1][1] and len(gates[1][2]) == 64
    rules = {rule["rule"]: rule for rule in json.loads(gates[1][3])["rules"]}
    assert rules[">= champion"]["passed"] is False and math.isclose(rules[">= champion"]["margin"], -0.05)
    before = {rule["rule"]: rule for rule in json.loads(gates[0][3])["rules"]}
    assert before[">= 0.7"]["confidence"] == 0.9 and before[">= 0.7"]["held"] >= 0.9 > rules[">= 0.7"]["held"]
    assert first.step("judge")["outputs"]["gate_id"] == "1" and second.step("judge")["outputs"]["gate_id"] == "2"


def test_evaluate_refuses_a_champion_that_was_measured_on_unlike_data(sluice):
    gate_pipeline(sluice, CLASSIFIER)
    classes(sluice, "a.csv", wrong=6)
    classes(sluice, "c.csv", wrong=0, rows=64)
    sluice.run("-p", "file=a.csv")
    result = sluice.run("-p", "file=c.csv", "-p", "n=1")
    reason = result.step("promote")["reason"]
    assert result.json["verdict"] == "refused" and "unlike data" in reason and "version 1" in reason
    assert result.step("judge")["outputs"]["dataset_digest"][:12] in reason


def test_evaluate_that_fails_on_refuse_ends_the_run_with_exit_code_6(sluice):
    gate_pipeline(sluice, CLASSIFIER.replace("on_refuse: skip", "min_samples: 1000"))
    classes(sluice, "a.csv", wrong=6)
    result = sluice.run("-p", "file=a.csv", expect=6)
    judge = result.step("judge")
    assert judge["status"] == "failed" and judge["attempt"] == 1 and judge["reason"].startswith("refused: ")
    assert judge["reason"].count("1000") == 3  # each rule but the one with a number of its own
    assert result.json["verdict"] == "refused" and result.step("register")["status"] == "skipped"


def test_a_refusal_is_never_retried_and_a_broken_file_is_no_refusal(sluice):
    gate_pipeline(sluice, CLASSIFIER.replace("on_refuse: skip", "on_refuse: fail"))
    text = (sluice.folder / "sluice.yaml").read_text()
    sluice.pipeline(text.replace("  judge:\n", "  judge:\n    retry: {attempts: 3, delay: 1ms}\n"))
    classes(sluice, "a.csv", wrong=30)
    refused = sluice.run("-p", "file=a.csv", expect=6)
    assert refused.step("judge")["attempt"] == 1 and "recall[region=south]" in refused.step("judge")["reason"]
    text = (sluice.folder / "a.csv").read_text()
    sluice.write("broken.csv", re.sub(r",0\.\d+$", ",maybe", text, count=1, flags=re.M))
    broken = sluice.run("-p", "file=broken.csv", expect=1)
    assert broken.step("judge")["attempt"] == 3 and broken.json["verdict"] == "none"
    assert "'p'" in broken.step("judge")["reason"] and "maybe" in broken.step("judge")["reason"]


def test_evaluate_measures_a_regressor_with_weights(sluice):
    rows = [(i, (i * 7) % 11, (i * 7) % 11 + ((i * 13) % 7 - 3) / 4, 1 + i % 3) for i in range(50)]
    sluice.write("r.csv", "id,y,f,w\n" + "".join(f"{i},{y},{f},{w}\n" for i, y, f, w in rows))
    gate_pipeline(sluice, """\
        type: regressor
        label: y
        prediction: f
        weight: w
        thresholds: {rmse: "<= 1", r2: ">= 0.9", residual_p95: "<= 0.75"}
        """.replace("        thresholds", "        champion: models:/wine@champion\n        thresholds"))
    metrics = sluice.run("-p", "file=r.csv").step("judge")["metrics"]
    total = sum(w for *_, w in rows)
    mse = math.fsum(w * (y - f) ** 2 for _, y, f, w in rows) / total
    mean = math.fsum(w * y for _, y, _, w in rows) / total
    spread = math.fsum(w * (y - mean) ** 2 for _, y, _, w in rows)
    assert math.isclose(metrics["mse"], mse, rel_tol=1e-12)
    assert math.isclose(metrics["rmse"], math.sqrt(mse), rel_tol=1e-12)
    assert math.isclose(metrics["r2"], 1 - mse * total / spread, rel_tol=1e-12)
    assert math.isclose(metrics["mae"], math.fsum(w * abs(y - f) for _, y, f, w in rows) / total, rel_tol=1e-12)
    assert metrics["max_error"] == 0.75


# ---- register and alias ---------------------------------------------------------------------------------------------


def test_a_model_that_is_registered_again_keeps_its_version(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model" && echo 1 > "$SLUICE_STEP_DIR/model/w"
            model: {path: "${{ step.dir }}/model"}
          first:
            uses: register
            with: {model: "${{ steps.train.model_id }}", name: wine, aliases: [challenger], description: the first,
                   tags: {data: "2024-05", reviewed: false}}
          again:
            needs: [first]
            uses: register
            with: {model: "${{ steps.first.model_uri }}", name: wine}
          elsewhere:
            uses: register
            with: {model: "${{ steps.first.model_uri }}", name: other}
        """)
    result = sluice.run()
    first, again, elsewhere = (result.step(name)["outputs"] for name in ("first", "again", "elsewhere"))
    assert first["version"] == 1 and first["existing"] is False and first["model_uri"] == "models:/wine/1"
    assert again == {**first, "existing": True} and elsewhere["model_uri"] == "models:/other/1"
    shown = sluice("models", "show", "wine", "--json", expect=0).json
    assert len(shown) == 1 and shown[0]["description"] == "the first" and "challenger" in shown[0]["aliases"]
    tags = dict(rows_of(sluice, "SELECT key, value FROM model_version_tags WHERE name = 'wine'"))
    assert tags == {"data": "2024-05", "reviewed": "false"}


def test_register_of_what_is_no_model_says_so(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          a: {uses: register, with: {model: m-0123456789abcdef0123456789abcdef, name: wine}}
          b: {uses: register, with: {model: "models:/nothing@champion", name: wine}}
          c: {uses: register, with: {model: wine, name: wine}}
        """)
    result = sluice.run(expect=1)
    assert "m-0123456789abcdef0123456789abcdef" in result.step("a")["reason"]
    assert "models:/nothing@champion" in result.step("b")["reason"]
    assert "expected models:/NAME@ALIAS" in result.step("c")["reason"]
    assert sluice("models", "--json", expect=0).json == []


def test_alias_moves_only_from_where_it_was_expected(sluice):
    sluice.pipeline("""\
        name: p
        steps:
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
          first: {needs: [register], uses: alias, with: {model: wine, version: 1, set: champion, expect: null}}
          second:
            {needs: [first], uses: alias, with: {model: wine, version: 2, set: champion, expect: 1, keep: previous}}
          late: {needs: [second], uses: alias, with: {model: wine, version: 3, set: champion, expect: 1}}
          new: {needs: [second], uses: alias, with: {model: wine, version: 3, set: champion, expect: null}}
          absent: {needs: [second], uses: alias, with: {model: wine, version: 9, set: champion}}
          same:
            {needs: [second], uses: alias, with: {model: wine, version: 2, set: champion, expect: 2, keep: previous}}
        """)
    result = sluice.run(expect=1)
    assert result.step("first")["outputs"] == {"previous": None, "version": 1}
    assert result.step("second")["outputs"] == {"previous": 1, "version": 2}
    assert "was expected at version 1, but it points to version 2" in result.step("late")["reason"]
    assert "was expected not to exist, but it points to version 2" in result.step("new")["reason"]
    assert "there is no version 9 of" in result.step("absent")["reason"]
    assert result.step("same")["status"] == "succeeded"
    aliases = rows_of(sluice, "SELECT alias, version FROM model_aliases ORDER BY alias")
    assert aliases == [("champion", 2), ("previous", 1)]
    moves = [row for row in sluice("activity", "--json", expect=0).json if row["action"] == "alias.moved"]
    assert len(moves) == 3
