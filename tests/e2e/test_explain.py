# SPDX-License-Identifier: Apache-2.0
"""`sluice explain`: why each step ran, was used again, is off, waits, failed or was refused."""
import os
import pathlib
import re
import shutil

from programs import wait_until
from test_cache import edit, shop  # noqa: F401 (fixtures)

ALL_ENDS = """
name: ends
params: {go: {type: string, default: "yes"}}
steps:
  good: {run: 'true'}
  bad: {run: exit 3, continue_on_error: true}
  after_bad: {needs: [bad], run: 'true', if: "always()"}
  off: {needs: [good], run: 'true', if: "params.go == 'no'"}
  behind: {needs: [off], run: 'true'}
  ask: {needs: [good], uses: approve}
  last: {needs: [ask], run: 'true'}
"""


def explained(sluice, *arguments):
    return {step["id"]: step for step in sluice("explain", *arguments, "--json", expect=0).json["steps"]}


def test_explain_tells_each_end_and_what_decided_it(sluice):
    sluice.pipeline(ALL_ENDS)
    sluice("run", expect=5)
    steps = explained(sluice)
    assert {name: step["outcome"] for name, step in steps.items()} == {
        "good": "ran", "bad": "failed", "after_bad": "ran", "off": "skipped", "behind": "skipped", "ask": "waits",
        "last": "pending"}
    why = {name: step["why"] for name, step in steps.items()}
    assert why["good"] == "it has no 'cache'"
    assert "3" in why["bad"]
    assert why["after_bad"] == "it has no 'cache'; if always()"
    assert why["off"] == "its condition was false: params.go == 'no'"
    assert why["behind"] == "'off' was skipped"
    assert "approval" in why["ask"] and why["last"] == "it is behind ask"
    text = sluice("explain", "latest", "off", expect=0).out
    assert text == "ends run 1 waiting\n  off  skipped: its condition was false: params.go == 'no'\n"
    sluice("reject", "ends/1", "-m", "no", "--resume", expect=6)
    assert explained(sluice)["ask"]["outcome"] == "refused"
    retried = sluice("retry", "latest", "bad", "--only", "--json").json["number"]
    assert retried == "1.2" and explained(sluice)["good"] == {
        "id": "good", "item": None, "matrix": None, "outcome": "kept", "why": "from run 1"}
    assert "did you mean 'good'" in sluice("explain", "latest", "god", expect=2).err


def test_explain_against_the_last_good_run(shop):
    shop.run()
    edit("train.py", "0.5", "0.4")(shop)
    edit("sluice.yaml", "echo rows", "echo the rows")(shop)
    shop.sluice.write("data.csv", "other\n")
    shop.run("-p", "lr=0.2")
    report = shop.sluice("explain", "--against", "last-good", "--json", expect=0).json
    assert report["against"] == "1" and report["number"] == "2"
    parts = {step["id"]: {change["part"] for change in step["against"]} for step in report["steps"]}
    assert parts["train"] == {"param lr", "file train.py", "input data"}
    assert parts["use"] == {"param lr", "definition run"}
    text = shop.sluice("explain", "--against", "last-good", expect=0).out
    assert "param lr: 0.1 → 0.2" in text and "'run' of the step changed" in text
    first = shop.sluice("explain", "1", "--against", "last-good", expect=0).out
    assert "No run of this pipeline succeeded before it." in first
    same = shop.sluice("explain", "2", "train", "--against", "2", expect=0).out
    assert "nothing it was given differs" in same


HELD_UP = """
name: held
params: {go: {type: boolean, default: true}}
steps:
  first: {run: 'test ${{ params.go }} = true'}
  then: {needs: [first], run: 'true'}
  off: {run: 'true', if: "params.go == 'never'"}
  each: {matrix: {x: [1, 2]}, run: 'true'}
"""


def test_explain_against_tells_of_steps_that_did_not_begin(sluice):
    sluice.pipeline(HELD_UP)
    sluice.run()
    sluice.run("-p", "go=false", expect=1)
    steps = explained(sluice, "latest", "--against", "last-good")
    changed = [{"part": "param go", "from": "true", "to": "false"}]
    assert steps["then"]["outcome"] == "skipped"
    assert {name: step["against"] for name, step in steps.items()} == dict.fromkeys(
        ("first", "then", "off", "each"), changed)
    sluice.pipeline(HELD_UP.replace("[1, 2]", "[2, 3]").replace("off:", "other:"))
    sluice.run()
    text = sluice("explain", "latest", "--against", "last-good", expect=0).out.split("Against run 1")[1]
    assert re.search(r"^  other +that run had no such step$", text, re.M)
    assert re.search(r"^  each 0-\S+ +'matrix' of the step changed$", text, re.M)
    assert re.search(r"^  each 1-\S+ +that run had no such item$", text, re.M)
    assert re.search(r"^  then +nothing it was given differs$", text, re.M)


def test_explain_tells_of_items_that_wait_for_one_another(sluice):
    sluice.pipeline("""
        name: held
        steps:
          each: {matrix: {x: [1, 2]}, max_parallel: 1, run: 'touch begun; while [ ! -e go ]; do sleep 0.02; done'}
        """)
    process = sluice.start("run")
    assert wait_until((sluice.folder / "begun").exists)
    items = sluice("explain", "latest", "--json", expect=0).json["steps"]
    assert [(item["outcome"], item["why"]) for item in items] == [
        ("runs", "it has no 'cache'"), ("pending", "it waits for another item to end: 'max_parallel' is 1")]
    sluice("cancel", "latest", expect=0)
    process.communicate(timeout=60)
    assert "each 0-e028e096  cancelled: ended by SIGTERM\n" in sluice("explain", "latest", expect=0).out


def test_explain_against_tells_another_build_of_a_plugin(shop):
    build = pathlib.Path(os.environ.get("SLUICE_BUILD", "build")).resolve()
    plugins = shop.away / "plugins"
    plugins.mkdir()
    shutil.copy(build / "plugins" / "select.so", plugins / "select.so")
    shop.sluice.pipeline("name: shop\nsteps: {pick: {uses: select, with: {metric: [1, 2]}}}\n")
    for _ in range(2):
        shop.run(env={"SLUICE_PLUGINS": str(plugins)})
        with open(plugins / "select.so", "ab") as file:
            file.write(b"\0")
    text = shop.sluice("explain", "--against", "last-good", expect=0).out
    assert "pick  plugin select is another build" in text
