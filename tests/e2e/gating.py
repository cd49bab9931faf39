# SPDX-License-Identifier: Apache-2.0
"""A model whose predictions are off by a number, and a gate over it, for the tests of gates and their replays."""
import json

DATA = "y\n1\n2\n3\n4\n"
PIPELINE = """\
    name: wine
    params:
      shift: {type: number, default: 0.2}
      limit: {type: number, default: 0.5}
      room:  {type: number, default: 0.1}
    concurrency: {group: wine, limit: 1, policy: queue}
    steps:
      split:
        run: |
          echo split >> trace
          cp data.csv "$SLUICE_STEP_DIR/holdout.csv"
        artifacts: {holdout: "${{ step.dir }}/holdout.csv"}
      train:
        run: |
          echo train >> trace
          mkdir "$SLUICE_STEP_DIR/model"
          echo "${{ params.shift }}" > "$SLUICE_STEP_DIR/model/shift"
        model: {path: "${{ step.dir }}/model", name: wine}
      predict:
        run: |
          echo predict >> trace
          while [ -e hold ]; do sleep 0.05; done
          awk -v s="$(cat ${{ inputs.model }}/shift)" 'NR == 1 {print "y,p"} NR > 1 {print $1 "," $1 + s}' \\
              ${{ inputs.holdout }} > "$SLUICE_STEP_DIR/scored.csv"
        inputs: {model: "${{ steps.train.model_uri }}", holdout: "${{ steps.split.artifacts.holdout }}"}
        artifacts: {scored: "${{ step.dir }}/scored.csv"}
      judge:
        uses: evaluate
        with:
          dataset: {path: "${{ steps.predict.artifacts.scored }}", name: wines}
          label: y
          prediction: p
          type: regressor
          champion: {model: "models:/wine@champion", if_missing: pass}
          thresholds: {rmse: ["<= ${{ params.limit }}", "<= champion + ${{ params.room }}"]}
          plots: false
          on_refuse: skip
      register:
        needs: [train, "judge?"]
        if: always()
        uses: register
        with: {model: "${{ steps.train.model_id }}", name: wine}
      after: {needs: [judge], run: "echo after >> trace"}
    """
POINT = """\
    name: point
    params: {version: {type: integer}}
    steps:
      point: {uses: alias, with: {model: wine, version: "${{ params.version }}", set: champion}}
    """


MATRIX = PIPELINE.replace("judge:\n        uses", "judge:\n        matrix: {limit: [0.3, 0.5]}\n        uses").replace(
    "${{ params.limit }}", "${{ matrix.limit }}")


def trace(sluice):
    return (sluice.folder / "trace").read_text().split()


def wines(sluice, *shifts, **params):
    """A version of wine for each shift, judged in runs 1, 2, ...: gates of the same numbers."""
    sluice.pipeline(PIPELINE)
    sluice.pipeline(POINT, "point.yaml")
    sluice.write("data.csv", DATA)
    for shift in shifts:
        make(sluice, shift, **params)
    return sluice


def make(sluice, shift, **params):
    more = [word for name, value in params.items() for word in ("-p", f"{name}={value}")]
    return sluice.run("-p", f"shift={shift}", *more).step("register")["outputs"]["version"]


def point(sluice, version):
    """The champion is this version from now on."""
    sluice("run", "point.yaml", "-p", f"version={version}", expect=0)


def gates(sluice, *options):
    return sluice("gates", "--json", *options, expect=0).json


def gate(sluice, number):
    return sluice("gates", "show", number, "--json", expect=0).json


def judged_by_items(sluice, *shifts):
    """A version of wine for each shift, judged by two items of a matrix: gates of the first run, by their limits."""
    wines(sluice)
    sluice.pipeline(MATRIX)
    for shift in shifts:
        make(sluice, shift)
    return {limits(gate(sluice, row["gate"]))[0]: row["gate"] for row in gates(sluice, "--run", "wine/1")}


def replay(sluice, number, target, *options, expect=0):
    """The run of a replay."""
    return sluice("gates", "replay", number, target, "--json", *options, expect=expect).json


def limits(record):
    return [round(rule["limit"], 6) for rule in record["record"]["rules"] if rule["limit"] is not None]


def activity(sluice, action):
    return [row for row in sluice("activity", "--json", "--limit", 1000, expect=0).json if row["action"] == action]


def write_guards(sluice, *rows):
    sluice.write(".sluice/config.yaml", json.dumps({"guards": list(rows)}) + "\n")
