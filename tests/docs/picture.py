#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws docs/pipeline.svg from two real runs of examples/breast-cancer: one night that passes, one that is refused.

    picture.py [BUILD]
"""
import html
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH, BAND, TOP = 1000, 268, 34
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f; }
  .small { font-size: 11px; fill: #57606a; } .title { font-size: 15px; font-weight: 600; } .name { font-weight: 600; }
  .box { fill: #ffffff; stroke: #8c959f; stroke-width: 1.2; } .good { stroke: #1a7f37; stroke-width: 2; }
  .bad { stroke: #cf222e; stroke-width: 2; } .off { stroke-dasharray: 4 4; stroke: #b6bcc4; }
  .line { stroke: #8c959f; stroke-width: 1.4; fill: none; } .yes { fill: #1a7f37; } .no { fill: #cf222e; }
  .faint { fill: #8c959f; } .paper { fill: #f6f8fa; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .box { fill: #161b22; stroke: #656d76; } .paper { fill: #0d1117; }
    .good { stroke: #3fb950; } .bad { stroke: #f85149; } .yes { fill: #3fb950; } .no { fill: #f85149; }
    .faint { fill: #656d76; } .off { stroke: #444c56; }
  }
"""


class Drawing:
    def __init__(self):
        self.parts = []

    def add(self, text):
        self.parts.append("  " + text)

    def text(self, x, y, words, style="", anchor="start"):
        self.add(f'<text x="{x}" y="{y}" class="{style}" text-anchor="{anchor}">{html.escape(words)}</text>')

    def box(self, x, y, width, height, style=""):
        self.add(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" class="box {style}"/>')

    def arrow(self, x1, y1, x2, y2):
        self.add(f'<path d="M{x1} {y1} L{x2} {y2}" class="line" marker-end="url(#tip)"/>')


def run_example(build):
    """The two runs as `sluice show --json` tells them, and the gates of each."""
    sluice = str(build / "sluice")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder) / "breast-cancer"
        shutil.copytree(ROOT / "examples/breast-cancer", work)
        env = {**os.environ, "SLUICE_HOME": str(work / ".sluice")}

        def call(*words, codes=(0,)):
            done = subprocess.run([sluice, *words], cwd=work, env=env, capture_output=True, text=True, check=False)
            if done.returncode not in codes:
                sys.exit(f"sluice {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
            return done.stdout

        call("run", "--workspace", ".", "-q", codes=(5,))
        call("approve", "breast-cancer/1", "-m", "slices look right")
        call("resume", "breast-cancer/1", "-q")
        call("run", "--workspace", ".", "-q", "-p", "epochs=3")
        runs = [json.loads(call("show", f"breast-cancer/{number}", "--json")) for number in (1, 2)]
        records = [json.loads((pathlib.Path(step["artifacts_folder"]) / "evaluation.json").read_text())
                   for run in runs for step in [evaluation_of(run, work)]]
        return list(zip(runs, records))


def evaluation_of(run, work):
    step = step_of(run, "evaluate")
    found = sorted((work / ".sluice/artifacts").glob(f"*/{step['run_id']}/artifacts"))
    return {**step, "artifacts_folder": str(found[0])}


def step_of(run, name):
    return next(step for step in run["steps"] if step["id"] == name)


def draw_candidates(drawing, run, y):
    best = step_of(run, "best")["outputs"]["index"]
    drawing.text(24, y + 40, "train", "name")
    drawing.text(64, y + 40, "Lua, gradient descent, a step for each", "small")
    for number, step in enumerate(step for step in run["steps"] if step["id"] == "train"):
        x, top = 24 + number % 3 * 96, y + 52 + number // 3 * 58
        drawing.box(x, top, 88, 50, "good" if number == best else "")
        rate, penalty = step["matrix"]["learning_rate"], step["matrix"]["l2"]
        drawing.text(x + 44, top + 20, f"{step['metrics']['val_log_loss']:.4f}",
                     "name yes" if number == best else "", "middle")
        drawing.text(x + 44, top + 38, f"{rate} · {penalty}", "small", "middle")
    drawing.text(24, y + 244, "validation log loss · below it, learning rate and l2", "small")


def draw_gate(drawing, run, record, y):
    passed = record["passed"]
    rules = record["rules"]
    drawing.box(470, y + 30, 300, 218, "good" if passed else "bad")
    drawing.text(486, y + 53, "evaluate", "name")
    drawing.text(564, y + 53, f"{step_of(run, 'evaluate')['outputs']['n']} rows nobody trained on", "small")
    for number, rule in enumerate(rules):
        top = y + 80 + number * 26
        drawing.text(486, top, "✓" if rule["passed"] else "✗", "yes" if rule["passed"] else "no")
        drawing.text(506, top, f"{rule['key']}  {rule['value']:.4f}", "" if rule["passed"] else "no")
        drawing.text(756, top, rule["rule"], "small", "end")
    drawing.text(486, y + 238, "passed" if passed else "refused", "name " + ("yes" if passed else "no"))


def draw_rest(drawing, run, y):
    passed = run["verdict"] == "passed"
    notes = {"register": "breast-cancer, version 1", "approve": "by a person",
             "deploy": "deployed/current", "promote": "@champion moves to it", "tell": "a message"}
    for number, (name, note) in enumerate(notes.items()):
        top = y + 30 + number * 45
        drawing.box(820, top, 160, 38, "good" if passed else "off")
        drawing.text(834, top + 16, name, "name" if passed else "faint")
        drawing.text(834, top + 31, note if passed else "skipped", "small")
        if number:
            drawing.arrow(900, top - 7, 900, top - 2)


def draw_night(drawing, run, record, y, title):
    drawing.text(24, y + 16, title, "title")
    drawing.text(976, y + 16, f"run {run['number']}: {run['status']}, verdict {run['verdict']}", "small", "end")
    draw_candidates(drawing, run, y)
    best = step_of(run, "best")
    drawing.box(340, y + 104, 92, 62)
    drawing.text(386, y + 126, "best", "name", "middle")
    drawing.text(386, y + 142, f"number {best['outputs']['index']}", "small", "middle")
    drawing.text(386, y + 157, f"{best['outputs']['value']:.4f}", "small", "middle")
    drawing.arrow(312, y + 135, 336, y + 135)
    drawing.arrow(432, y + 135, 466, y + 135)
    draw_gate(drawing, run, record, y)
    drawing.arrow(770, y + 135, 816, y + 135)
    draw_rest(drawing, run, y)


def draw(nights):
    drawing = Drawing()
    titles = ["One night: the best of nine is better than the thresholds ask",
              "Another night, 3 passes over the data instead of 100: the gate says no"]
    for number, ((run, record), title) in enumerate(zip(nights, titles)):
        draw_night(drawing, run, record, TOP + number * (BAND + 24) - 14, title)
    height = TOP + 2 * (BAND + 24) - 16
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-label="Two runs of the pipeline breast-cancer">',
        f"  <style>{STYLE}  </style>",
        '  <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#8c959f"/></marker></defs>',
        f'  <rect width="{WIDTH}" height="{height}" rx="10" class="paper"/>',
        *drawing.parts, "</svg>", ""])


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    (ROOT / "docs/pipeline.svg").write_text(draw(run_example(build)), encoding="utf-8")


if __name__ == "__main__":
    main()
