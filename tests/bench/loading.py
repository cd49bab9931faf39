#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long `sluice validate` takes for large files, beside libyaml's events over the same bytes: make bench-loading."""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

SCRIPT = """\
  s{i}:
    needs: [{before}]
    outputs: [n]
    run: |
      set -u
      echo "step {i} of ${{{{ params.rows }}}}" > "$SLUICE_STEP_DIR/out.txt"
      n=$(( {i} + 1 ))
      echo "n=$n" >> "$SLUICE_OUTPUT"
      python3 train.py --seed ${{{{ {value} }}}}
"""
PLUGIN = """\
  s{i}:
    uses: notify
    with: {{to: {{webhook: "https://example.org/hook"}}, message: "run ${{{{ run.id }}}} did step {i}"}}
"""


def steps(count, one):
    return "name: bench\nparams: {rows: {type: integer, default: 10}}\nsteps:\n" + "".join(map(one, range(count)))


def script(i):
    before = f"s{i - 1}" if i > 0 else ""
    return SCRIPT.format(i=i, before=before, value=f"steps.{before}.outputs.n" if i > 0 else "params.rows")


def chain(i):
    return f'  s{i}:\n    run: ["true"]\n' + (f"    needs: s{i - 1}\n" if i > 0 else "")


def all_before(count):
    """Each step needs all before it: the edges grow by the square of the steps, and so does the file."""
    names = [f"s{i}" for i in range(count)]
    return steps(count, lambda i: f'  s{i}: {{run: ["true"], needs: [{", ".join(names[:i])}]}}\n')


SHAPES = {
    "chain, 1,000": lambda: steps(1000, chain),
    "chain, 10,000": lambda: steps(10000, chain),
    "chain, 100,000": lambda: steps(100000, chain),
    "no needs, 10,000": lambda: steps(10000, lambda i: f'  s{i}:\n    run: ["true"]\n'),
    "scripts, 1,000": lambda: steps(1000, script),
    "scripts, 10,000": lambda: steps(10000, script),
    "plugins, 10,000": lambda: steps(10000, lambda i: PLUGIN.format(i=i)),
    "a matrix of 10,000": lambda: steps(1, lambda i: "  a:\n    run: ['true']\n    matrix:\n      x:\n")
    + "".join(f"        - v{i}\n" for i in range(10000)),
    "2,000 that need all before": lambda: all_before(2000),
    "10,000 that are wrong": lambda: steps(10000, lambda i: f"  s{i}:\n    rum: x\n    needs: t{i}\n"),
    "10,000 unknown names": lambda: steps(10000, lambda i: f'  s{i}: {{run: "${{{{ steps.x{i}.outputs.y }}}}"}}\n'),
}


def cpu_ms(command, times=7):
    """The least time of processors that the command took."""
    least = None
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        least = took if least is None else min(least, took)
    return least * 1000


def main(build):
    print(f"{'':28}{'MiB':>7}{'events, ms':>12}{'validate, ms':>14}{'ratio':>7}")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "sluice.yaml"
        for name, text in SHAPES.items():
            file.write_text(text())
            floor = cpu_ms([f"{build}/bench/floor_yaml", str(file)])
            ours = cpu_ms([f"{build}/sluice", "validate", str(file)])
            size = os.path.getsize(file) / (1 << 20)
            print(f"{name:28}{size:7.2f}{floor:12.1f}{ours:14.1f}{ours / floor:7.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
