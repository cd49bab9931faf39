# SPDX-License-Identifier: Apache-2.0
"""Models that config.yaml guards, for the tests of who may put what where."""
import json
import os
import pwd


def me():
    return pwd.getpwuid(os.getuid()).pw_name


PIPELINE = """\
    name: w
    params:
      limit: {type: number, default: 1}
      content: {type: string, default: one}
    steps:
      train:
        run: |
          mkdir -p "$SLUICE_STEP_DIR/model"
          printf %s "${{ params.content }}" > "$SLUICE_STEP_DIR/model/weights"
        model: {path: "${{ step.dir }}/model", name: wine}
      judge:
        needs: [train]
        uses: evaluate
        with:
          dataset: {path: data.csv, name: data}
          label: y
          prediction: p
          type: regressor
          thresholds: {rmse: "<= ${{ params.limit }}"}
          on_refuse: skip
          model: "${{ steps.train.model_id }}"
      register:
        needs: [train, "judge?"]
        if: always()
        uses: register
        with: {model: "${{ steps.train.model_id }}", name: wine}
    """
PROMOTE = """\
    name: promote
    params: {version: {type: integer}, alias: {type: string, default: champion}}
    steps:
      promote: {uses: alias, with: {model: wine, version: "${{ params.version }}", set: "${{ params.alias }}"}}
    """


def guards(sluice, *rows, groups=None):
    """config.yaml with these guards; `groups` names others, too, so that the home has more than one user."""
    document = {"groups": groups or {"legal": [me()]}, "guards": list(rows)}
    sluice.write(".sluice/config.yaml", json.dumps(document) + "\n")


def make_version(sluice, content="one", limit=1.0):
    """A version of the model wine, judged; its number."""
    sluice.pipeline(PIPELINE)
    sluice.pipeline(PROMOTE, "promote.yaml")
    sluice.write("data.csv", "y,p\n1,1.1\n2,2.1\n3,2.8\n")
    result = sluice.run("-p", f"content={content}", "-p", f"limit={limit}")
    return result.step("register")["outputs"]["version"]


def promote(sluice, version, alias="champion", expect=0):
    return sluice("run", "promote.yaml", "-p", f"version={version}", "-p", f"alias={alias}", "--json", expect=expect)


def aliases(sluice, name="wine"):
    models = {row["model"]: row["aliases"] for row in sluice("models", "--json", expect=0).json}
    return models[name]


def activity(sluice, action):
    return [row for row in sluice("activity", "--json", "--limit", 1000, expect=0).json if row["action"] == action]
