# SPDX-License-Identifier: Apache-2.0
"""Quick plugin steps that follow each other by themselves (docs/recovery.md, "Heirs"), and what is recorded of them."""
import hashlib
import os
import sqlite3
import subprocess
import time

from programs import BUILD, wait_until

STEPS = 30
SOURCE = """\
#include <sluice/step.h>
#include <stdio.h>
#include <unistd.h>
#define PARAMS(P) P(INT, value, "default=0", "What it gives; 0: nothing.")
#define OUTPUTS(O) O(INT, given, "The value.")
STEP_PARAMS_STRUCT(quick_params, PARAMS);
static enum step_result run(const struct step_host *host, const void *params)
{
    const struct quick_params *p = params;
    if (access("slow", F_OK) == 0) {
        (void)unlink("slow");
        for (int i = 0; i < 3000 && access("go", F_OK) != 0; i++) {
            usleep(20000);
        }
    }
    if (p->value != 0) {
        char text[32];
        (void)snprintf(text, sizeof text, "%lld", (long long)p->value);
        return host->output(host, "given", text) == 0 ? STEP_OK : STEP_FAILED;
    }
    return STEP_OK;
}
STEP_PLUGIN(quick, "VERSION", "Does next to nothing.", STEP_REPEATABLE, quick_params, PARAMS, OUTPUTS, run)
"""


def build(sluice, version="1.0"):
    source = sluice.write("quick.c", SOURCE.replace("VERSION", version))
    new = sluice.folder / "quick.so.new"
    subprocess.run(["gcc", "-std=c17", "-fPIC", "-shared", "-I", BUILD / "include", "-o", new, source], check=True,
                   capture_output=True)
    os.replace(new, sluice.folder / "quick.so")
    return hashlib.sha256((sluice.folder / "quick.so").read_bytes()).hexdigest()


def chain(sluice, value=0, steps=STEPS):
    lines = ["name: p", "steps:"]
    for n in range(steps):
        lines += [f"  s{n}:", "    uses: ./quick.so", *([f"    needs: s{n - 1}"] if n else []),
                  *([f"    with: {{value: {value}}}"] if value else [])]
    sluice.pipeline("\n".join(lines) + "\n")


def heirs(sluice):
    return sum(path.read_bytes().count(b'"heir":{') for path in (sluice.home / "runs").glob("*/journal"))


def plugin_tags(sluice, steps=STEPS):
    rows = rows_of(sluice, "SELECT t.value FROM run_tags t JOIN attempts a ON a.step_run_id = t.run_id"
                        " WHERE t.key = 'sluice.plugin' ORDER BY a.position")
    assert len(rows) == steps
    return [row[0] for row in rows]


def rows_of(sluice, query):
    store = sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True)
    try:
        return store.execute(query).fetchall()
    finally:
        store.close()


def settled():
    """What was written just now is digested by each step anew, which says so."""
    time.sleep(2.1)


def test_a_plugin_that_gives_nothing_has_heirs_and_its_digest_is_recorded(sluice):
    digest = build(sluice)
    settled()
    chain(sluice)
    result = sluice.run()
    assert {step["status"] for step in result.json["steps"]} == {"succeeded"}
    assert plugin_tags(sluice) == [f"quick 1.0 sha256:{digest}"] * STEPS
    begun = [heirs(sluice)]
    while max(begun) < STEPS - 6:  # a step that takes a quarter of a second, as it may on a busy machine, has none
        assert len(begun) < 10, begun
        sluice.run("--new")
        begun.append(heirs(sluice) - sum(begun))


def test_one_that_was_built_just_now_says_its_digest_itself(sluice):
    digest = build(sluice)
    chain(sluice, steps=3)
    sluice.run()
    assert plugin_tags(sluice, 3) == [f"quick 1.0 sha256:{digest}"] * 3


def test_where_steps_give_outputs_lines_are_soon_no_more_given(sluice):
    build(sluice)
    settled()
    chain(sluice, value=7)
    result = sluice.run()
    assert [step["outputs"] for step in result.json["steps"]] == [{"given": 7}] * STEPS
    assert heirs(sluice) == 0
    given = rows_of(sluice, "SELECT max(id) FROM attempts")[0][0]
    assert given < STEPS + 5 * 9, "ids of attempts that were given out: at most five lines of eight in vain"


def test_a_plugin_that_is_replaced_is_recorded_as_what_each_step_loaded(sluice):
    old = build(sluice, "1.0")
    settled()
    chain(sluice)
    (sluice.folder / "slow").touch()
    run = sluice.start("run")
    wait_until(lambda: not (sluice.folder / "slow").exists())
    new = build(sluice, "1.1")
    (sluice.folder / "go").touch()
    assert run.wait(60) == 0
    tags = plugin_tags(sluice)
    assert tags[0] == f"quick 1.0 sha256:{old}" and tags[-1] == f"quick 1.1 sha256:{new}"
    assert set(tags[1:]) == {f"quick 1.1 sha256:{new}"}


def looks(sluice, steps):
    """How often `sluice` itself asks for the state of the plugin's file in a run of steps that begin together."""
    lines = ["name: wide", "steps:", *(f"  s{n}: {{uses: ./quick.so}}" for n in range(steps))]
    sluice.pipeline("\n".join(lines) + "\n")
    trace = sluice.folder / "trace"
    env = {**sluice.env, "ASAN_OPTIONS": sluice.env["ASAN_OPTIONS"] + ":detect_leaks=0"}  # it cannot be traced
    subprocess.run(["strace", "-qq", "-e", "trace=stat,newfstatat", "-o", trace, BUILD / "sluice", "run", "-q", "--new",
                    "--jobs", str(steps)], cwd=sluice.folder, env=env, check=True, capture_output=True)
    return trace.read_text(encoding="utf-8").count("/quick.so")


def test_a_plugin_is_looked_at_once_for_all_steps_that_begin_in_a_turn(sluice):
    build(sluice)
    assert looks(sluice, 6) == looks(sluice, 1)
