# SPDX-License-Identifier: Apache-2.0
"""`sluice graph` and `sluice schema`, read by the programs they are for: Graphviz, a JSON Schema validator."""
import json
import subprocess

import jsonschema
import pytest
import yaml

from programs import ROOT

PIPELINE = """\
    name: shapes
    params: {full: {type: boolean, default: true}}
    steps:
      load: {run: echo load}
      end: {needs: [load], if: params.full, run: echo "end"}
      judge: {needs: ['end?', load], uses: wait, with: {delay: 1s}}
"""


@pytest.fixture
def shapes(sluice):
    sluice.pipeline(PIPELINE)
    return sluice


def test_a_graph_is_drawn_for_a_terminal(shapes):
    assert shapes("graph", expect=0).out.splitlines() == [
        "○  load   run",
        "●  end    run, if success() && (params.full)",
        "●  judge  uses wait",
    ]


def test_graphviz_reads_the_dot(shapes):
    dot = shapes("graph", "--format", "dot", expect=0).out
    plain = subprocess.run(["dot", "-Tplain"], input=dot, capture_output=True, text=True, check=True, timeout=60).stdout
    edges = {tuple(line.split()[1:3]) for line in plain.splitlines() if line.startswith("edge ")}
    assert edges == {("load", "end"), ("end", "judge"), ("load", "judge")}


def test_a_graph_as_json_has_every_edge(shapes):
    graph = shapes("graph", "--json", expect=0).json
    assert [node["id"] for node in graph["nodes"]] == ["load", "end", "judge"]
    assert {"from": "end", "to": "judge", "optional": True} in graph["edges"] and len(graph["edges"]) == 3


def test_a_graph_of_what_is_no_pipeline_says_so(sluice):
    sluice.pipeline("name: x\nsteps: {a: {needs: b, run: x}, b: {needs: a, run: x}}\n")
    result = sluice("graph", expect=3)
    assert "E011" in result.err and result.out == ""
    assert "expected text, mermaid or dot" in sluice("graph", "--format", "png", expect=2).err
    assert "no file 'absent.yaml'" in sluice("graph", "absent.yaml", expect=2).err


def test_a_graph_needs_no_files_beside_the_pipeline(sluice):
    sluice.pipeline("name: x\nsteps: {a: {lua: absent.lua}}\n")
    assert sluice("graph", expect=0).out == "○  a  lua absent.lua\n"


class YAML12(yaml.SafeLoader):
    """PyYAML with the booleans of YAML 1.2: `on` is text."""


YAML12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:bool",
                                                                        "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
YAML12.add_implicit_resolver("tag:yaml.org,2002:bool", yaml.resolver.re.compile("^(?:true|false)$"), list("tf"))


@pytest.fixture
def schema(sluice):
    found = sluice("schema", expect=0).json
    jsonschema.Draft7Validator.check_schema(found)
    return jsonschema.Draft7Validator(found)


def test_every_pipeline_of_the_repository_fits_the_schema(schema):
    files = sorted([*ROOT.glob("examples/*/*.yaml"), *ROOT.glob("pipelines/*.yaml")])
    files = [file for file in files if b"\nsteps:" in file.read_bytes()]
    assert len(files) > 8
    for file in files:
        problems = [f"{list(e.absolute_path)}: {e.message}" for e in schema.iter_errors(
            yaml.load(file.read_text(encoding="utf-8"), YAML12))]
        assert problems == [], file


EVALUATE = "name: p\nsteps: {a: {uses: evaluate, with: {dataset: d, label: y, prediction: p, type: regressor, %s}}}"


@pytest.mark.parametrize("text", [
    "steps: {a: {run: x}}",
    "name: Wine\nsteps: {a: {run: x}}",
    "name: p\nsteps: {a: {run: x, retires: 2}}",
    "name: p\nsteps: {A: {run: x}}",
    "name: p\nsteps: {a: {}}",
    "name: p\nsteps: {a: {run: x, lua: y}}",
    "name: p\nsteps: {a: {run: x, timeout: 10}}",
    "name: p\nsteps: {a: {run: x, timeout: 10 minutes}}",
    "name: p\nsteps: {a: {run: x, fail_fast: 'yes'}}",
    "name: p\nsteps: {a: {run: x, retry: {jitter: half}}}",
    "name: p\nsteps: {a: {run: x, outputs: {n: int}}}",
    "name: p\nsteps: {a: {run: x, stop: {signal: SIGTERM}}}",
    "name: p\nsteps: {a: {run: x, env: {'1X': y}}}",
    "name: p\nsteps: {a: {run: x, inputs: {d: {pth: x}}}}",
    "name: p\nsteps: {a: {uses: alias, with: {model: m, set: champion}}}",
    "name: p\nsteps: {a: {uses: alias}}",
    "name: p\nsteps: {a: {uses: wait, with: {fro: 1s}}}",
    "name: p\nsteps: {a: {uses: wait, with: {delay: soon}}}",
    "name: p\nsteps: {a: {uses: evaluate, with: {dataset: d, type: clasifier}}}",
    EVALUATE % "thresholds: {rmse: less than 1}",
    EVALUATE % "thresholds: {r2: '>= champoin'}",
    EVALUATE % "thresholds: {r2: ['> 0', '=> 0.3']}",
    EVALUATE % "thresholds: {r2: []}",
    EVALUATE % "thresholds: {r2: 0.3}",
    EVALUATE % "thresholds: {rmze: '<= 0.7'}",
    EVALUATE % "thresholds: {'rmse[color]': '<= 0.7'}",
    EVALUATE % "thresholds: {r2: {is: '> 0', confidence: 95}}",
    EVALUATE % "thresholds: {r2: {is: '> 0', min_sample: 9}}",
    EVALUATE % "thresholds: {r2: {min_samples: 9}}",
    EVALUATE % "champion: {model: m, if_missing: fial}",
    EVALUATE % "champion: {if_missing: fail}",
    EVALUATE % "slices: [color, 3]",
    "name: p\nsteps: {a: {uses: deploy, with: {model: m, target: {directory: d}, health: {url: x, timeout: soon}}}}",
    "name: p\nsteps: {a: {uses: select, with: {metric: [0.1, high]}}}",
    "name: p\non: {schedule: {corn: '@daily'}}\nsteps: {a: {run: x}}",
    "name: p\non: {schedule: [{cron: '@daily', catchup: two}]}\nsteps: {a: {run: x}}",
    "name: p\non: {push: true}\nsteps: {a: {run: x}}",
    "name: p\nparams: {n: {type: int}}\nsteps: {a: {run: x}}",
    "name: p\nsteps: {a: {container: {image: x}, run: x}}",
])
def test_what_validate_refuses_the_schema_refuses_too(sluice, schema, text):
    assert not schema.is_valid(yaml.load(text, YAML12))
    sluice.pipeline(text)
    sluice("validate", expect=3)


@pytest.mark.parametrize("text", [
    "name: p\nsteps: {a: {run: [x, 1, true]}, b: {run: x, if: true, needs: a}}",
    "name: p\nsteps: {a: {uses: wait, with: {delay: '${{ params.t }}'}}}\nparams: {t: {default: 1s}}",
    "name: p\nsteps: {a: {uses: wait, with: {delay: 1h30m}, retry: {on: [failure, 'exit:75'], delay: 500ms}}}",
    "name: p\nsteps: {a: {run: x, matrix: '${{ fromJSON(vars.items) }}'}}",
    EVALUATE % ("champion: m, thresholds: {rmse: '<=champion*1.1', r2: ['> 0', '>= ${{ vars.a }}', '${{ vars.b }}'], "
                "'mae[a b=x=[1]]': {is: ['< .5'], min_samples: 9, confidence: '${{ vars.sure }}'}}"),
    EVALUATE % "thresholds: '${{ fromJSON(vars.rules) }}', slices: [a, '${{ vars.column }}']",
    "name: p\nsteps: {a: {uses: deploy, with: {model: m, target: {directory: d}, health: {url: x, timeout: 1m30s}}}}",
    "name: p\nsteps: {a: {uses: select, with: {metric: [0.1, null, '${{ vars.x }}']}}}",
    "name: 12\nsteps: {a: {run: x, artifacts: ['*.png'], outputs: [n], metrics: [m.json]}}",
    "name: p\non: {schedule: {cron: '@daily'}, pipeline: {name: q, status: [failed]}}\nsteps: {a: {run: x}}",
    "name: p\nparams: {n: {default: [1, {a: null}], type: list}}\nsteps: {a: {run: x, cache: true}}",
])
def test_what_validate_accepts_the_schema_accepts_too(sluice, schema, text):
    problems = [e.message for e in schema.iter_errors(yaml.load(text, YAML12))]
    assert problems == []
    sluice.pipeline(text)
    sluice("validate", expect=0)


def test_a_quoted_on_serves_readers_of_yaml_1_1(sluice, schema):
    text = 'name: p\n"on": {push: {branches: [main]}}\nsteps: {a: {run: x}}\n'
    assert schema.is_valid(yaml.safe_load(text))
    sluice.pipeline(text)
    sluice("validate", expect=0)


def test_the_inputs_of_a_plugin_that_is_named_are_in_the_schema(sluice, tmp_path):
    source = ROOT / "examples/c-plugin/correlate.c"
    plugin = tmp_path / "correlate.so"
    subprocess.run(["cc", "-std=c17", "-shared", "-fPIC", f"-I{ROOT}/orchestrator", "-o", plugin, source, "-lm"],
                   check=True, timeout=60)
    found = sluice("schema", plugin, expect=0).json
    assert found["definitions"]["with_correlate"]["required"] == ["x", "y"]
    assert found["definitions"]["with_correlate"]["properties"]["metric"]["default"] == "correlation"
    assert "cannot be used as a plugin" in sluice("schema", source, expect=2).err
    assert json.dumps(found).count("correlation") > 0
