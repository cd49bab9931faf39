# SPDX-License-Identifier: Apache-2.0
"""A pipeline in which everything happens once: outputs, artifacts, metrics, a model that is registered and approved, a
retry, a matrix, a wait, sub-pipelines, a result that is used again, in steps of commands, Lua and plugins."""
import textwrap

import ledger

_TAGS = {"BEGIN": ledger.BEGIN, "END": ledger.END}

PREPARE = """\
  prepare:
    run: |
      @BEGIN@
      printf 'a,b\\n1,2\\n' > "$SLUICE_STEP_DIR/data.csv"
      echo '{"rows": 1}' > "$SLUICE_STEP_DIR/metrics.json"
      echo rows=1 >> "$SLUICE_OUTPUT"
      @END@
    outputs: {rows: integer}
    artifacts: {data: "${{ step.dir }}/data.csv"}
    metrics: ["${{ step.dir }}/metrics.json"]
"""
LIFE = """\
name: life
env: {LEDGER: "@LEDGER@", STORE: "@STORE@"}
steps:
@PREPARE@
    retry: @RETRY@
  flaky:
    needs: [prepare]
    run: |
      @BEGIN@
      touch "$SLUICE_STATE/attempt$SLUICE_ATTEMPT"
      [ "$(ls "$SLUICE_STATE" | wc -l)" -gt 1 ]
      @END@
    retry: @RETRY@
  grid:
    needs: [prepare]
    matrix: {n: [1, 2]}
    run: |
      @BEGIN@
      echo "n ${{ matrix.n }} of ${{ steps.prepare.outputs.rows }}"
      @END@
    retry: @RETRY@
  pause:
    needs: [prepare]
    uses: wait
    with: {delay: 40ms}
    retry: @RETRY@
  script:
    needs: [prepare]
    lua: |
      for i = 1, 3 do sluice.metric("loss", 1 / i, i) end
      sluice.file.write(sluice.step.dir .. "/notes.txt", "three")
      sluice.output("best", 1 / 3)
    outputs: {best: number}
    artifacts: {notes: "${{ step.dir }}/notes.txt"}
    retry: @RETRY@
  train:
    needs: [flaky, grid]
    inputs: {data: {path: "${{ steps.prepare.artifacts.data }}", dataset: rows, context: training}}
    run: |
      @BEGIN@
      mkdir "$SLUICE_STEP_DIR/model"; wc -l < "$SLUICE_INPUT_DATA" > "$SLUICE_STEP_DIR/model/weights"
      @END@
    model: {path: "${{ step.dir }}/model", name: life}
    retry: @RETRY@
  register:
    needs: [train, script, pause]
    uses: register
    with: {model: "${{ steps.train.model_id }}", name: life, aliases: [challenger]}
    retry: @RETRY@
  measure:
    needs: [register]
    lua: |
      local model = sluice.model.get(sluice.params.model)
      sluice.model.log_metrics{model_id = model.model_id, metrics = {accuracy = 0.5}}
    with: {model: "${{ steps.register.model_uri }}"}
    retry: @RETRY@
  ask:
    needs: [measure]
    uses: approve
    with: {of: "${{ steps.register.model_uri }}"}
    retry: @RETRY@
  part: {needs: [ask], pipeline: ./part.yaml, with: {seed: 1}}
  again: {needs: [part], pipeline: ./part.yaml, with: {seed: 1}}
  last:
    needs: [again]
    run: |
      @BEGIN@
      @END@
    retry: @RETRY@
""".replace("@PREPARE@\n", PREPARE)

PART = """\
name: part
env: {LEDGER: "@LEDGER@", STORE: "@STORE@"}
params: {seed: {type: integer}}
steps:
  kept:
    run: |
      @BEGIN@
      echo "seed ${{ params.seed }}" > "$SLUICE_STEP_DIR/kept.txt"
      @END@
    artifacts: {kept: "${{ step.dir }}/kept.txt"}
    cache: true
    retry: @RETRY@
  read:
    needs: [kept]
    run: |
      @BEGIN@
      cat "${{ steps.kept.artifacts.kept }}"
      @END@
    retry: @RETRY@
"""
RETRY = "{attempts: 6, delay: 1ms, on: [failure, lost]}"
# How often each step has an attempt when nobody disturbs.
QUIET = {"prepare": 1, "flaky": 2, "grid": 2, "pause": 1, "script": 1, "train": 1, "register": 1, "measure": 1,
         "ask": 1, "kept": 1, "read": 2, "last": 1}


def fill(text, home, retry=RETRY):
    """A pipeline with its marks filled in, for who has a `ledger` and a `database`."""
    lines = []
    for line in text.splitlines():
        words = line.strip().strip("@")
        if words in _TAGS and line.strip().startswith("@"):
            lines.append(textwrap.indent(_TAGS[words], line[:len(line) - len(line.lstrip())]).rstrip("\n"))
        else:
            lines.append(line)
    whole = "\n".join(lines) + "\n"
    for mark, value in (("@LEDGER@", str(home.ledger)), ("@STORE@", str(home.database)), ("@RETRY@", retry)):
        whole = whole.replace(mark, value)
    return whole


def write(home, retry=RETRY):
    home.write("life.yaml", fill(LIFE, home, retry))
    home.write("part.yaml", fill(PART, home, retry))


def live(home, seconds=120, seen=None, **env):
    """Runs it to its end, as a person would who starts it again after each crash. Returns how often a command died."""
    deaths = 0
    for _ in range(30):
        ended = home.rows("SELECT state FROM pipeline_runs WHERE parent_run IS NULL")
        if ended and not home.open_runs():
            return deaths
        asked = home.rows("SELECT 1 FROM waits WHERE kind = 'approval' AND status = 'open'")
        command = ["approve", "latest", "--resume", "-q"] if asked else ["run", "life.yaml", "-q"]
        code, _, err = home(*command, timeout=seconds, **env)
        deaths += code == -9
        if code not in (0, 1, 5, -9):
            raise AssertionError(f"{command}: exit code {code}\n{err}")
        breaches = seen.look(home.home) if seen and home.database.exists() else []
        assert not breaches, breaches
    raise AssertionError(f"it does not end: {home.rows('SELECT step, state, reason FROM steps')}")


HOLD = """\
name: hold
env: {LEDGER: "@LEDGER@", STORE: "@STORE@"}
steps:
  first:
    run: |
      @BEGIN@
      echo n=1 >> "$SLUICE_OUTPUT"
      @END@
    outputs: {n: integer}
  slow:
    needs: [first]
    run: |
      @BEGIN@
      touch up
      until [ -e go ]; do sleep 0.02; done
      echo m=1 >> "$SLUICE_OUTPUT"
      @END@
    outputs: {m: integer} # so nothing begins after it before an engine knows of its end
    retry: @RETRY@
  after:
    needs: [slow]
    run: |
      @BEGIN@
      @END@
"""
LOST = "{attempts: 3, delay: 900ms, on: [lost]}"
LOST_LATER = "{attempts: 3, delay: 4s, on: [lost]}"  # for who looks more than once before it is due


def hold(home, retry="{attempts: 1}", timeout="1h", **env):
    """A run whose second step goes on until `let_go`: the command, once that step runs."""
    home.write("hold.yaml", f"timeout: {timeout}\n" + fill(HOLD, home, retry))
    process = home.start("run", "hold.yaml", "-q", **env)
    home.wait_for(lambda: (home.folder / "up").exists())
    home.wait_for(lambda: home.rows("SELECT 1 FROM attempts WHERE state = 'running'"))
    return process


def let_go(home):
    (home.folder / "go").touch()
