# SPDX-License-Identifier: Apache-2.0
"""Scripts as steps of a runner by itself (lone_runner.py)."""
import json
import textwrap

from lone_runner import ROOT

MODULES = ROOT / "lua"


def start(runner, engine, script, folders=None, **fields):
    contexts = {
        "inputs": {},
        "steps": {},
        "run": {"id": "r" * 32, "number": 7},
        "matrix": {},
        **fields.pop("contexts", {}),
    }
    lua = {"text": textwrap.dedent(script), "chunk": "fit", "folders": [str(f) for f in folders or [MODULES]]}
    fields.setdefault("artifact_dir", str(runner.home / "artifacts"))
    fields.setdefault("collect", {"outputs": {}})
    fields.setdefault("params", {})
    context = {
        "step": "fit",
        "item": "",
        "attempt": 1,
        "home": str(runner.home / ".sluice"),
        **fields.pop("context", {}),
    }
    return runner.spawn(
        engine, kind="lua", lua={**lua, **fields.pop("lua", {})}, contexts=contexts, context=context, **fields
    )


def done(runner, engine, script, **fields):
    """Runs to the end: the attempt, its exit record, its result."""
    attempt = start(runner, engine, script, **fields)
    end = runner.exit(attempt)
    results = runner.frames(attempt, "result")
    return attempt, end, json.loads(results[-1]) if results else None


def said(runner, engine, script, **fields):
    """The log of a script that succeeds."""
    attempt, end, result = done(runner, engine, script, **fields)
    assert result == {"result": "ok", "reason": None}, (result, runner.log(attempt))
    return runner.log(attempt, 3).splitlines()


def failure(runner, engine, script, **fields):
    attempt, end, result = done(runner, engine, script, **fields)
    assert end["how"] == "exited" and end["code"] == 1 and result["result"] == "failed", (end, result)
    assert "\n" not in result["reason"]
    return result["reason"]
