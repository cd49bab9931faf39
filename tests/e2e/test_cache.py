# SPDX-License-Identifier: Apache-2.0
"""`cache`: what is used again, what a hit restores, and what makes a step run.

Each script appends a line to a file outside its workspace when it really runs: what was reused has left none.
"""
import os
import pathlib
import shutil
import signal
import sqlite3
import time

import pytest

TRAIN = """
name: shop
params:
  lr: {type: number, default: 0.1}
  data: {type: path, default: data.csv}
steps:
  train:
    run: |
      python3 train.py ${{ params.lr }} ${{ inputs.data }} "$SLUICE_STEP_DIR"
      echo "rows=5" >> "$SLUICE_OUTPUT"
    inputs: {data: "${{ params.data }}"}
    outputs: {rows: integer}
    artifacts: {holdout: "${{ step.dir }}/holdout.csv", folder: "${{ step.dir }}/more"}
    metrics: ["${{ step.dir }}/metrics.json"]
    model: {path: "${{ step.dir }}/model", name: shop}
    cache: true
  use:
    run: |
      cat ${{ steps.train.artifacts.holdout }} ${{ steps.train.artifacts.folder }}/a
      echo rows ${{ steps.train.outputs.rows }} rmse ${{ steps.train.metrics.rmse }} ${{ steps.train.model_id }}
"""
SCRIPT = """
import os, pathlib, sys
import settings
lr, data, out = sys.argv[1:]
with open(os.environ["HOME"] + "/ran", "a") as log:
    log.write(f"{lr} {settings.DEPTH}\\n")
out = pathlib.Path(out)
(out / "model").mkdir()
(out / "more").mkdir()
(out / "model" / "weights").write_bytes(os.urandom(8))
(out / "holdout.csv").write_text(f"held out {lr}\\n")
(out / "more" / "a").write_text("more\\n")
(out / "metrics.json").write_text('{"rmse": 0.5}')
"""


class Shop:
    """A pipeline that trains, a count of the times it did, and a clock."""

    def __init__(self, sluice, text=TRAIN):
        self.sluice = sluice
        self.away = sluice.folder.parent / (sluice.folder.name + "-away")
        self.away.mkdir()
        sluice.env["HOME"] = str(self.away)
        sluice.write("train.py", SCRIPT)
        sluice.write("settings.py", "DEPTH = 3\n")
        sluice.write("data.csv", "1,2\n")
        sluice.pipeline(text)

    @property
    def ran(self):
        log = self.away / "ran"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def run(self, *arguments, expect=0, **options):
        return self.sluice("run", *arguments, "--json", expect=expect, **options)

    def reason(self, *arguments, step="train", **options):
        return self.run(*arguments, **options).step(step)["reason"]

    def database(self, sql, *values):
        with sqlite3.connect(self.sluice.home / "sluice.db") as database:
            return database.execute(sql, values).fetchall()

    def why(self, run="latest", step="train"):
        return self.sluice("explain", run, step, "--json", expect=0).json["steps"][0]


@pytest.fixture
def shop(sluice):
    return Shop(sluice)


def test_a_hit_restores_outputs_artifacts_metrics_and_the_same_model(shop):
    first = shop.run().step("train")
    again = shop.run()
    reused = again.step("train")
    assert shop.ran == ["0.1 3"]
    assert reused["reason"] == "reused from 1/train" and reused["status"] == "succeeded" and reused["attempt"] == 0
    for key in ("outputs", "artifacts", "metrics", "model_id", "run_id"):
        assert reused[key] == first[key] and reused[key], key
    said = shop.sluice("logs", "latest", "use", expect=0).out
    assert f"held out 0.1\nmore\nrows 5 rmse 0.5 {first['model_id']}" in said.replace("use | ", "")
    assert "✓ train" in again.err and "reused from 1/train" in again.err
    assert "reused from 1/train" in shop.sluice("show", "latest", expect=0).out
    tags = dict(shop.database("SELECT key, value FROM run_tags WHERE run_id = ?", again.json["run_id"]))
    assert tags["sluice.reused.train"] == f"1/train, MLflow run {first['run_id']}"
    nested = shop.database("SELECT count(*) FROM runs WHERE parent_run_id = ?", again.json["run_id"])
    assert nested == [(1,)]  # of `use`: what was reused has no attempt


def test_nothing_is_cached_unless_asked(sluice):
    shop = Shop(sluice, TRAIN.replace("    cache: true\n", ""))
    for _ in range(2):
        assert shop.reason() is None
    shop.sluice.pipeline(TRAIN.replace("cache: true", "cache: false"))
    assert shop.reason() is None
    assert len(shop.ran) == 3 and shop.database("SELECT count(*) FROM cache_entries") == [(0,)]


def edit(name, old, new):
    def change(shop):
        path = shop.sluice.folder / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return change


def nothing(_):
    pass


@pytest.mark.parametrize("change, arguments, words", [
    (nothing, ["-p", "lr=0.2"], "param lr: 0.1 → 0.2"),
    (edit("data.csv", "1", "3"), [], "input data changed"),
    (edit("train.py", "0.5", "0.4"), [], "file train.py changed"),
    (edit("settings.py", "3", "4"), [], "file settings.py changed"),
    (edit("sluice.yaml", "rows=5", "rows=6"), [], "'run' of the step changed"),
    (edit("sluice.yaml", "name: shop}", "name: other}"), [], "'model' of the step changed"),
    (edit("sluice.yaml", "    cache: true", "    env: {SEED: '1'}\n    cache: true"), [], 'env SEED is new: "1"'),
    (edit("sluice.yaml", "    cache: true", "    shell: sh\n    cache: true"), [], "shell: "),
    (edit("sluice.yaml", "cache: true", "cache: {key: ['v2']}"), [], 'key 1 is new: "v2"'),
    (edit("sluice.yaml", "cache: true", "cache: {key: ['file:*.csv', 'file:no/*.x']}"), [],
     "files no/*.x is new: none"),
])
def test_what_changes_the_key(shop, change, arguments, words):
    shop.run()
    change(shop)
    assert shop.reason(*arguments) is None
    assert len(shop.ran) == 2
    why = shop.why()
    assert why["outcome"] == "ran" and why["compared_with"] == "1" and words in why["why"], why
    assert shop.reason(*arguments) == "reused from 2/train"


@pytest.mark.parametrize("change", [
    edit("sluice.yaml", "    cache: true", "    timeout: 1h\n    retry: {attempts: 2}\n    cache: true"),
    edit("sluice.yaml", "    cache: true", "    if: ${{ params.lr < 1 }}\n    cache: {max_age: 7d}"),
    edit("sluice.yaml", "name: shop\nparams", "name: shop\ndescription: of a shop\ntimeout: 2h\nparams"),
    edit("sluice.yaml", "echo rows", "echo the rows"),
    lambda shop: os.utime(shop.sluice.folder / "data.csv", (1, 1)),
    lambda shop: shop.sluice.write("unrelated.py", "x = 1\n"),
    lambda shop: shop.sluice.env.update(LANG="C", SHOP_X="1"),
])
def test_what_does_not(shop, change):
    shop.run()
    change(shop)
    assert shop.reason() == "reused from 1/train"
    assert len(shop.ran) == 1


def test_what_config_lets_through_of_the_environment_counts_by_its_digest(shop):
    shop.sluice.home.mkdir()
    (shop.sluice.home / "config.yaml").write_text("step_env: [SHOP_*]\n", encoding="utf-8")
    shop.run(env={"SHOP_SHARE": "wholesale"})
    assert shop.reason(env={"SHOP_SHARE": "wholesale"}) == "reused from 1/train"
    assert shop.reason(env={"SHOP_SHARE": "retail"}) is None
    assert shop.why()["why"] == "since 1/train: environment SHOP_SHARE changed"
    assert "wholesale" not in str(shop.database("SELECT parts, decision FROM step_keys"))


def test_on_another_day_in_a_fresh_checkout(shop, tmp_path_factory):
    shop.run()
    other = tmp_path_factory.mktemp("checkout")
    for name in ("train.py", "settings.py", "data.csv", "sluice.yaml"):
        shutil.copy(shop.sluice.folder / name, other / name)
    shutil.move(shop.sluice.folder / "train.py", shop.sluice.folder / "away.py")
    (shop.sluice.folder / "data.csv").unlink()
    reused = shop.run(cwd=other).step("train")
    assert reused["reason"] == "reused from 1/train"
    assert pathlib.Path(reused["artifacts"]["holdout"]).read_text(encoding="utf-8") == "held out 0.1\n"


@pytest.mark.parametrize("harm, words", [
    (lambda folder, model: (folder / "holdout.csv").unlink(), "its file 'holdout.csv' is gone"),
    (lambda folder, model: (folder / "holdout.csv").write_text("other\n"), "its file 'holdout.csv' is not what it was"),
    (lambda folder, model: shutil.rmtree(folder), "is gone"),
    (lambda folder, model: (model / "weights").write_text("other"), "its file 'weights' is not what it was"),
    (lambda folder, model: shutil.rmtree(model), "is gone"),
])
def test_a_result_that_is_no_longer_whole_is_none(shop, harm, words):
    first = shop.run().step("train")
    folder = pathlib.Path(first["artifacts"]["holdout"]).parent
    model = pathlib.Path(shop.sluice("models", "show", first["model_id"], "--json", expect=0).json["artifact_uri"])
    os.chmod(folder, 0o755)
    for path in [*folder.rglob("*"), *model.rglob("*"), model]:
        os.chmod(path, 0o755)
    harm(folder, model)
    second = shop.run().step("train")
    assert second["reason"] is None and second["model_id"] != first["model_id"]
    why = shop.why()["why"]
    assert why.startswith("the result of 1/train is no longer whole: ") and words in why
    assert shop.reason() == "reused from 2/train"


def test_max_age(shop):
    shop.sluice.pipeline(TRAIN.replace("cache: true", "cache: {max_age: 7d}"))
    shop.run()
    week = 7 * 24 * 3600 * 1000
    shop.database("UPDATE cache_entries SET created_ms = created_ms - ?", week - 60000)
    assert shop.reason() == "reused from 1/train"
    shop.database("UPDATE cache_entries SET created_ms = created_ms - ?", 3600000)
    assert shop.reason() is None
    assert shop.why()["why"].startswith("the result of 1/train is 7d") and "max_age is 7d" in shop.why()["why"]
    assert shop.reason() == "reused from 3/train"


def test_no_cache_runs_everything_and_keeps_it(shop):
    shop.run()
    assert shop.reason("--no-cache") is None
    assert shop.why()["why"] == "--no-cache"
    assert shop.reason() == "reused from 2/train"
    assert len(shop.ran) == 2
    result = shop.sluice("rerun", "latest", "--no-cache", "--json", expect=0)
    assert result.step("train")["reason"] is None and len(shop.ran) == 3
    assert shop.sluice("rerun", "latest", "--json", expect=0).step("train")["reason"] == "reused from 4/train"


def test_a_step_that_is_asked_for_by_name_runs(shop):
    shop.run()
    again = shop.sluice("retry", "1", "train", "--json", expect=0).step("train")
    assert again["reason"] is None and len(shop.ran) == 2
    assert shop.why()["why"] == "it was asked for by name"
    assert shop.sluice("rerun", "1", "--from", "train", "--json", expect=0).step("train")["reason"] is None
    assert len(shop.ran) == 3


def test_a_retry_carries_what_was_reused(sluice):
    shop = Shop(sluice, TRAIN + '      test -e "$HOME/good"\n')
    shop.run(expect=1)
    assert shop.run(expect=1).step("train")["reason"] == "reused from 1/train"
    (shop.away / "good").touch()
    assert shop.sluice("retry", "latest", "--json", expect=0).step("train")["reason"] == "reused from 1/train"
    assert len(shop.ran) == 1


def test_matrix_items_have_keys_of_their_own_wherever_they_stand(shop):
    text = TRAIN.split("steps:")[0] + """
steps:
  work:
    matrix: {lr: [0.1, 0.2]}
    run: echo ${{ matrix.lr }} >> "$HOME/ran"; echo "lr=${{ matrix.lr }}" >> "$SLUICE_OUTPUT"
    outputs: {lr: number}
    cache: true
  after: {run: "echo got ${{ toJSON(steps.work.outputs.lr) }}"}
"""
    shop.sluice.pipeline(text)
    shop.run()
    assert sorted(shop.ran) == ["0.1", "0.2"]
    shop.sluice.pipeline(text.replace("[0.1, 0.2]", "[0.2, 0.3, 0.1]"))
    result = shop.run()
    assert [result.step("work", item)["reason"] for item in range(3)] == [
        "reused from 1/work", None, "reused from 1/work"]
    assert [result.step("work", item)["outputs"] for item in range(3)] == [{"lr": 0.2}, {"lr": 0.3}, {"lr": 0.1}]
    assert [result.step("work", item)["item"].split("-")[0] for item in range(3)] == ["0", "1", "2"]
    assert sorted(shop.ran) == ["0.1", "0.2", "0.3"]
    items = shop.sluice("explain", "latest", "work", "--json", expect=0).json["steps"]
    assert [item["why"] for item in items] == [
        "reused from 1/work", "nothing of this item has been kept yet", "reused from 1/work"]
    assert "got [0.2,0.3,0.1]" in shop.sluice("logs", "latest", "after", expect=0).out


def test_secrets_are_left_out_of_the_key(shop):
    shop.sluice.home.mkdir()
    (shop.sluice.home / "config.yaml").write_text("secrets: {KEY: {env: SHOP_KEY}}\n", encoding="utf-8")
    shop.sluice.pipeline(TRAIN.replace("    cache: true", "    env: {KEY: 'key ${{ secrets.KEY }}'}\n    cache: true"))
    shop.run(env={"SHOP_KEY": "hunter2hunter2"})
    assert shop.reason(env={"SHOP_KEY": "another-key"}) == "reused from 1/train"
    kept = str(shop.database("SELECT parts, files, decision FROM step_keys"))
    assert "hunter2" not in kept and '"env KEY":"\\\\"key ***\\\\""' in kept
    shop.sluice.pipeline(TRAIN.replace("cache: true", "cache: {key: ['${{ secrets.KEY }}']}"))
    assert "E013" in shop.sluice("validate", expect=3).out


@pytest.mark.parametrize("step, words", [
    ("{uses: approve, with: {by: [me]}, cache: true}", "'approve' is a gate"),
    ("{uses: notify, with: {to: 'http://127.0.0.1:1/'}, cache: true}",
     "what 'notify' does is more than what it leaves"),
    ("{uses: wait, with: {for: 1s}, cache: {max_age: 1d}}", "what 'wait' does is more than what it leaves"),
    ("{uses: http, with: {url: 'http://127.0.0.1:1/'}, cache: true}", "what 'http' does is more"),
    ("{pipeline: ./other.yaml, cache: true}", "'cache' has no meaning here"),
])
def test_gates_and_what_acts_outside_are_refused_in_words(sluice, step, words):
    sluice.pipeline("name: other\nsteps: {a: {run: 'true'}}\n", "other.yaml")
    sluice.pipeline(f"name: p\nsteps:\n  a: {step}\n")
    assert words in sluice("validate", expect=3).out


def test_what_changed_while_the_step_ran_is_not_kept(shop):
    shop.sluice.pipeline(TRAIN.replace('      echo "rows=5"', '      echo 9,9 >> data.csv\n      echo "rows=5"'))
    assert shop.reason() is None
    why = shop.why()
    assert why["kept"] is False and why["not_kept"].endswith("data.csv' changed while it ran")
    assert shop.database("SELECT count(*) FROM cache_entries") == [(0,)]


def test_a_step_that_failed_keeps_nothing(sluice):
    shop = Shop(sluice, TRAIN.replace('      echo "rows=5"', '      test -e "$HOME/good"\n      echo "rows=5"'))
    shop.run(expect=1)
    assert shop.database("SELECT count(*) FROM cache_entries") == [(0,)]
    (shop.away / "good").touch()
    assert shop.reason() is None
    assert shop.reason() == "reused from 2/train"


def test_code_that_lua_requires(shop):
    shop.sluice.write("lib/rows.lua", "return {n = 4}\n")
    shop.sluice.write("count.lua", 'local rows = require "lib.rows"\nsluice.output("n", rows.n)\n')
    shop.sluice.pipeline("name: shop\nsteps: {count: {lua: count.lua, outputs: {n: integer}, cache: true}}\n")
    assert shop.run().step("count")["outputs"] == {"n": 4}
    assert shop.reason(step="count") == "reused from 1/count"
    shop.sluice.write("lib/rows.lua", "return {n = 5}\n")
    assert shop.run().step("count")["outputs"] == {"n": 5}
    assert shop.why(step="count")["why"] == "since 1/count: file lib/rows.lua changed"


# The command; a file that is found only through the other ones; the others.
FOUND = [
    ("python3 m.py", "deep/b.py", {"m.py": "from deep import a, \\\n    b\nprint(b.x)\n", "deep/a.py": ""}),
    ("python3 m.py", "deep/b.py", {"m.py": "from deep import (a,  # (one)\n  b)\nprint(b.x)\n", "deep/a.py": ""}),
    ("python3 m.py", "b.py", {"m.py": "import sys; import b\nprint(b.x)\n"}),
    ("python3 src/m.py", "src/b.py", {"src/m.py": "from net import a\n", "src/net/a.py": "import b; print(b.x)\n"}),
    ("PYTHONPATH=src python3 -m app.m", "src/app/m.py", {}),
    ("cd src && python3 m.py", "src/m.py", {}),
    ('python3 "$SLUICE_WORKSPACE/m.py"', "m.py", {}),
    ("python3 {workspace}/m.py", "m.py", {}),
    ("bash scripts/t.sh", "scripts/m.py", {"scripts/t.sh": 'cd "$(dirname "$0")"\npython3 m.py\n'}),
    ("python3 bin/tool", "b.py", {"bin/tool": "#!/usr/bin/env python3\nimport sys\nsys.path.append('.')\nimport b\n"}),
]


@pytest.mark.parametrize("command, file, others", FOUND)
def test_code_is_found_where_the_command_finds_it(shop, command, file, others):
    for name, text in others.items():
        shop.sluice.write(name, text)
    shop.sluice.write(file, "x = 1\nprint('one')\n")
    command = command.replace("{workspace}", str(shop.sluice.folder.resolve()))
    shop.sluice.pipeline(f"name: shop\nsteps:\n  s:\n    run: |\n      {command}\n    cache: true\n")
    shop.run()
    assert shop.reason(step="s") == "reused from 1/s"
    shop.sluice.write(file, "x = 2\nprint('two')\n")
    assert shop.reason(step="s") is None
    assert shop.why(step="s")["why"] == f"since 1/s: file {file} changed"


def test_requirements_are_the_files_that_they_name_too(sluice):
    """For the key of a step, and for the environment that it runs in."""
    sluice.pipeline("name: p\npython: {requirements: requirements.txt}\nsteps:\n"
                    "  one: {cache: true, run: [python3, -c, 'print(1)']}\n")
    sluice.write("requirements.txt", "# ours\n-r more/base.txt  # theirs\n")
    sluice.write("more/base.txt", "-c ../bounds.txt\n")
    sluice.write("bounds.txt", "")

    def environments_after(why):
        sluice("run", expect=0)
        assert why in sluice("explain", "latest", "one", expect=0).out
        return len(list((sluice.home / "envs").glob("*/.ready")))

    assert environments_after("nothing of this step has been kept") == 1
    assert environments_after("reused from 1") == 1
    sluice.write("bounds.txt", "# pip has nothing of it\n")
    assert environments_after("bounds.txt") == 2


def test_more_files_of_requirements_than_are_looked_at_are_told(sluice):
    sluice.pipeline("name: p\npython: {requirements: requirements.txt}\nsteps:\n"
                    "  one: {cache: true, run: [python3, -c, 'print(1)']}\n")
    sluice.write("requirements.txt", "".join(f"-c bounds{n}.txt\n" for n in range(64)))
    for n in range(64):
        sluice.write(f"bounds{n}.txt", "")
    for _ in range(2):
        sluice("run", expect=0)
    why = sluice("explain", "latest", "one", expect=0).out
    assert "it names more than 64 files of requirements" in why and "bounds63.txt' is one more" in why, why


def test_a_shell_of_the_workspace_is_code(shop):
    shop.sluice.write("wrap.sh", 'exec sh "$1"\n')
    shop.sluice.pipeline('name: shop\nsteps: {s: {run: "true", shell: "sh ./wrap.sh {0}", cache: true}}\n')
    shop.run()
    assert shop.reason(step="s") == "reused from 1/s"
    shop.sluice.write("wrap.sh", 'exec sh -e "$1"\n')
    assert shop.reason(step="s") is None
    assert shop.why(step="s")["why"] == "since 1/s: file wrap.sh changed"


def test_modules_are_looked_for_where_env_says(shop):
    shop.sluice.write("src/app/m.py", "x = 1\n")
    shop.sluice.pipeline("name: shop\nenv: {PYTHONPATH: src}\n"
                         "steps: {s: {run: [python3, -m, app.m], cache: true}}\n")
    shop.run()
    assert shop.reason(step="s") == "reused from 1/s"
    shop.sluice.write("src/app/m.py", "x = 2\n")
    assert shop.reason(step="s") is None


def test_another_build_of_a_plugin(shop):
    build = pathlib.Path(os.environ.get("SLUICE_BUILD", "build")).resolve()
    plugins = shop.away / "plugins"
    plugins.mkdir()
    shutil.copy(build / "plugins" / "select.so", plugins / "select.so")
    env = {"SLUICE_PLUGINS": str(plugins)}
    shop.sluice.pipeline("name: shop\nsteps:\n  pick:\n    uses: select\n    cache: true\n"
                         "    with: {metric: [0.3, 0.2], mode: min}\n")
    picked = shop.run(env=env).step("pick")
    assert picked["outputs"]["index"] == 1
    assert shop.reason(step="pick", env=env) == "reused from 1/pick"
    with open(plugins / "select.so", "ab") as file:
        file.write(b"\0")
    assert shop.reason(step="pick", env=env) is None
    assert shop.why(step="pick")["why"] == "since 1/pick: plugin select is another build"


def test_an_upstream_artifact_counts_by_its_content(shop):
    text = """
name: shop
steps:
  make: {run: "echo same > $SLUICE_STEP_DIR/a", artifacts: {a: "${{ step.dir }}/a"}}
  read:
    run: cat ${{ steps.make.artifacts.a }} >> "$HOME/ran"
    cache: true
"""
    shop.sluice.pipeline(text)
    shop.run()
    assert shop.reason(step="read") == "reused from 1/read"  # make ran again and left the same
    shop.sluice.pipeline(text.replace("echo same", "echo other"))
    assert shop.reason(step="read") is None
    assert shop.why(step="read")["why"] == "since 1/read: artifact make.a changed"
    assert shop.ran == ["same", "other"]


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_a_kill_between_success_and_keeping_leaves_no_half_entry(shop, point):
    """Whatever commit the engine dies at: there is an entry exactly when the step's success is on record."""
    for nth in range(1, 30):
        home = shop.sluice.home
        shutil.rmtree(home, ignore_errors=True)
        killed = shop.sluice("run", "--json", env={"SLUICE_CRASH": f"{point}:{nth}"})
        if killed.code != -signal.SIGKILL:
            assert nth > 4, killed
            break
        if not (home / "sluice.db").exists():
            continue
        succeeded = shop.database(
            "SELECT count(*) FROM steps WHERE step = 'train' AND item = 0 AND state = 'succeeded'")
        assert shop.database("SELECT count(*) FROM cache_entries") == succeeded
        shop.sluice("resume", timeout=60)
        shop.run()  # where nothing of the first was on record yet
        done = shop.run()
        assert done.step("train")["reason"].startswith("reused from ")
        assert shop.database("SELECT count(*) FROM cache_entries") == [(1,)]


def test_two_at_once_both_run_and_the_later_is_kept(shop):
    both_run = 'until [ "$(wc -l < "$HOME/ran")" -ge 2 ]; do sleep 0.02; done'
    shop.sluice.pipeline(TRAIN.replace('      echo "rows=5"', f'      {both_run}\n      echo "rows=5"'))
    both = [shop.sluice.start("run", "--new", "--json", "-j", "2") for _ in range(2)]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(shop.ran) == 2
    assert shop.database("SELECT count(*) FROM cache_entries") == [(1,)]
    assert shop.reason() in ("reused from 1/train", "reused from 2/train")


def test_a_big_input_is_read_once(shop):
    """An unchanged file is not read again: its stamp stands for its bytes."""
    with open(shop.sluice.folder / "data.csv", "wb") as file:
        file.truncate(1 << 20)
    past = time.time() - 60
    os.utime(shop.sluice.folder / "data.csv", (past, past))
    time.sleep(2.1)  # a file that was changed this very moment may be changed again within its stamp
    shop.run()
    path = str(shop.sluice.folder / "data.csv")
    (stamp, digest), = shop.database("SELECT stamp, sha256 FROM file_digests WHERE path = ?", path)
    shop.database("UPDATE file_digests SET sha256 = ? WHERE path = ?", "0" * 64, path)
    assert shop.reason() is None and shop.why()["why"] == "since 1/train: input data changed"
    assert stamp and len(digest) == 64


def test_a_dry_run_tells_what_would_be_used_again_and_leaves_nothing(shop):
    plan = shop.sluice("run", "--dry-run", expect=0).out
    assert "reused" not in plan and not shop.sluice.home.exists()
    shop.run()
    before = shop.database("SELECT count(*) FROM pipeline_runs") + shop.database("SELECT count(*) FROM step_keys")
    assert "1. train                run, reused from 1/train\n" in shop.sluice("run", "--dry-run", expect=0).out
    steps = {step["id"]: step for step in shop.sluice("run", "-n", "--json", expect=0).json["steps"]}
    assert (steps["train"]["reused_from"], steps["train"]["runs"]) == ("1", False)
    assert (steps["use"]["reused_from"], steps["use"]["runs"]) == (None, True)
    assert "reused" not in shop.sluice("run", "-n", "-p", "lr=0.2", expect=0).out
    assert "reused" not in shop.sluice("run", "-n", "--no-cache", expect=0).out
    assert before == shop.database("SELECT count(*) FROM pipeline_runs") + shop.database(
        "SELECT count(*) FROM step_keys")
    assert len(list((shop.sluice.home / "runs").iterdir())) == 1
    assert shop.run().json["number"] == "2"
