# SPDX-License-Identifier: Apache-2.0
"""Which steps of a run begin in the place of the one before them: the exit record of that one says so."""
import contextlib
import json
import sqlite3

STEPS = 24
BEFORE, MEASURES, TELLS = 3, 4, 5  # quick ones, one that logs a metric, one whose command has its value


def chain():
    lines = ["name: chain", "steps:"]
    for i in range(STEPS):
        what = "run: ['true']"
        if i == MEASURES:
            what = "lua: 'sluice.metric(\"loss\", 0.5)'"
        elif i == TELLS:
            what = f"run: ['true', '${{{{ steps.s{MEASURES}.metrics.loss }}}}']"
        lines.append(f"  s{i}: {{{what}{f', needs: [s{i - 1}]' if i > 0 else ''}}}")
    return "\n".join(lines) + "\n"


def heirs(sluice):
    """The steps that began as heirs."""
    with contextlib.closing(sqlite3.connect(sluice.home / "sluice.db")) as store:
        exits = [json.loads(text) for text, in store.execute("SELECT exit FROM attempts WHERE exit IS NOT NULL")]
    return {exit["heir"]["position"] for exit in exits if "heir" in exit}


def test_one_step_whose_message_cannot_be_made_beforehand_is_the_only_one_that_is_no_heir(sluice):
    sluice.write("sluice.yaml", chain())
    found = set()
    for _ in range(10):  # a step that takes a quarter of a second, as it may on a busy machine, has none
        sluice("run", "-q", "--new", expect=0)
        found = heirs(sluice)
        if len([step for step in found if step > TELLS]) >= (STEPS - TELLS) // 3:
            break
    assert TELLS not in found
    assert len([step for step in found if step > TELLS]) >= (STEPS - TELLS) // 3, found
