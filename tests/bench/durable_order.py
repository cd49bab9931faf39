# SPDX-License-Identifier: Apache-2.0
"""Is a step durable before the next one begins? What strace saw of a chain says it.

Between the exit of step n and the fork of step n + 1 the engine must have begun and ended a data sync of the store, for
each n. `failures(trace)` lists where it did not; an empty list means that all is well.
"""
import pathlib
import re
import subprocess

import shapes

CALLS = "trace=fdatasync,fsync,execve,clone,clone3,fork,vfork"
LINE = re.compile(r"(?P<pid>\d+) +\d+\.\d+ (?P<rest>.*)")
SYNC = re.compile(r"(?:fdatasync|fsync)\(\d+<[^>]*/sluice\.db(?:-wal)?>")
FORK = re.compile(r"(?:clone3?|v?fork)\(")
ENDED = re.compile(r"<\.\.\. (?P<call>\w+) resumed>.* = (?P<result>-?\d+)|.*\) += (?P<result_at_once>-?\d+)")
STEP = re.compile(r'execve\("[^"]*/true", \["true"\]')


def record(sluice, steps, folder, env=None):
    """Runs a chain of `true` under strace in `folder`, and returns the lines of what strace saw."""
    file, trace = pathlib.Path(folder) / "ordered.yaml", pathlib.Path(folder) / "strace"
    file.write_text(shapes.pipeline(steps, True), encoding="utf-8")
    subprocess.run(["strace", "-f", "-ttt", "-y", "-e", "signal=none", "-e", CALLS, "-o", trace, sluice, "run", file,
                    "-q", "--new", "--home", pathlib.Path(folder) / "ordered-home"],
                   env=env, stdin=subprocess.DEVNULL, check=True)
    return trace.read_text(encoding="utf-8", errors="replace").splitlines()


class Trace:
    """What happened, each at the numbers of the lines where it began and ended."""

    def __init__(self, lines):
        self.open, self.syncs, self.forks, self.exits, self.steps = {}, [], {}, {}, []
        for number, line in enumerate(lines):
            found = LINE.match(line)
            if found:
                self.take(number, int(found["pid"]), found["rest"])

    def take(self, number, pid, rest):
        if rest.startswith("+++ exited"):
            self.exits[pid] = number
            return
        if not rest.startswith("<..."):
            self.open[pid] = (number, rest)
        began, call = self.open.get(pid, (number, rest))
        ended = ENDED.match(rest)
        if not ended:
            return
        result = int(ended["result"] or ended["result_at_once"])
        if SYNC.match(call) and result == 0:
            self.syncs.append((began, number))
        elif FORK.match(call) and result > 0:
            self.forks[result] = began
        elif STEP.match(call) and result == 0:
            self.steps.append(pid)


def failures(lines, steps):
    trace = Trace(lines)
    if len(trace.steps) != steps:
        return [f"{len(trace.steps)} steps were seen, not {steps}"]
    wrong = []
    for n, (before, after) in enumerate(zip(trace.steps, trace.steps[1:]), 1):
        ended, begins = trace.exits.get(before), trace.forks.get(after)
        if ended is None or begins is None:
            wrong.append(f"the end of step {n} or the fork of step {n + 1} was not seen")
        elif not any(ended < began and done < begins for began, done in trace.syncs):
            wrong.append(f"no sync of the store between the exit of step {n} (process {before}) and the fork of the "
                         f"next (process {after})")
    return wrong
