# SPDX-License-Identifier: Apache-2.0
"""Makes a whole pipeline out of a fragment of one: what it leaves unsaid is added, what it says stays as it is."""
import re
import textwrap

import yaml

PIPELINE_KEYS = {"name", "requires", "description", "experiment", "tags", "on", "params", "env", "python", "defaults",
                 "concurrency", "priority", "timeout", "steps", "outputs", "notify", "late_after"}
STEP_KEYS = {"run", "shell", "uses", "with", "lua", "pipeline", "needs", "if", "matrix", "max_parallel", "fail_fast",
             "continue_on_error", "env", "inputs", "artifacts", "metrics", "outputs", "model", "retry", "timeout",
             "stop", "cache", "resources", "permissions"}
CONFIG_KEYS = {"auth", "runner", "environment", "environments", "groups", "secrets", "step_env", "pools", "gc",
               "resources", "webhooks", "mlflow", "guards", "external_url", "sources", "channels"}
STEP_MEMBERS = {"status", "run_id", "model_id", "model_uri"}


def kind_of(text):
    """"pipeline", "fragment" (top keys without name or steps), "step", "config", or None."""
    value = yaml.load(text, Loader=yaml.BaseLoader)
    keys = set(value) if isinstance(value, dict) else set()
    if {"name", "steps"} <= keys:
        return "pipeline"
    if keys & CONFIG_KEYS and keys <= CONFIG_KEYS | {"metrics", "notify"}:  # which steps and pipelines have, too
        return "config"
    if keys and keys <= PIPELINE_KEYS and ("steps" in keys or not keys <= STEP_KEYS):
        return "fragment"
    if keys and keys <= STEP_KEYS:
        return "step"
    return None


def stubs(text):
    """Steps that the fragment names and does not have, with what it wants of them; and such params."""
    value = yaml.load(text, Loader=yaml.BaseLoader)
    steps = value.get("steps", {})
    wanted = {}
    for match in re.finditer(r"\bsteps\.([a-z]\w*)((?:\.\w+)*)", text):
        wanted.setdefault(match.group(1), []).append(match.group(2).split(".")[1:])
    for step in steps.values():
        needs = step.get("needs", []) if isinstance(step, dict) else []
        for need in [needs] if isinstance(needs, str) else needs:
            wanted.setdefault(need.rstrip("?"), [])
    params = set(re.findall(r"(?<![\w/.])params\.([A-Za-z_]\w*)", text)) - set(value.get("params", {}))
    missing = {name: members for name, members in wanted.items() if name not in steps}
    return [stand_in(name, missing[name]) for name in missing], sorted(params)


def stand_in(name, uses):
    outputs, artifacts, model = set(), set(), False
    for members in uses:
        if members[:1] == ["artifacts"]:
            artifacts.update(members[1:2])
        elif members[:1] == ["outputs"]:
            outputs.update(members[1:2])
        elif members and members[0] not in STEP_MEMBERS | {"metrics"}:
            outputs.add(members[0])
        model = model or members[:1] in (["model_id"], ["model_uri"])
    line = f'  {name}: {{run: "true"'
    if outputs:
        line += ", outputs: {" + ", ".join(f"{key}: json" for key in sorted(outputs)) + "}"
    if artifacts:
        line += ", artifacts: {" + ", ".join(f'{key}: "{key}/*"' for key in sorted(artifacts)) + "}"
    return line + (", model: {path: model}" if model else "") + "}"


def complete(text):
    """The whole pipeline."""
    kind = kind_of(text)
    if kind == "pipeline":
        return text
    if kind == "step":
        keys = set(yaml.load(text, Loader=yaml.BaseLoader))
        if not keys & {"run", "uses", "lua", "pipeline"}:
            text = 'run: "true"\n' + text
        text = "steps:\n  example:\n" + textwrap.indent(text, "    ")
    elif kind == "fragment" and "steps" not in yaml.load(text, Loader=yaml.BaseLoader):
        text += 'steps: {example: {run: "true"}}\n'
    elif kind != "fragment":
        raise ValueError("neither a pipeline, nor a part of one, nor config.yaml")
    steps, params = stubs(text)
    if steps:
        text = re.sub(r"^steps:[ \t]*\n", lambda _: "steps:\n" + "".join(line + "\n" for line in steps), text,
                      count=1, flags=re.M)
    if params:
        text = "params:\n" + "".join(f"  {name}: {{type: json, default: 1}}\n" for name in params) + text
    return "name: example\n" + text
