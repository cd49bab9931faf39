# SPDX-License-Identifier: Apache-2.0
"""Is a step durable before the next one begins? What strace saw of a chain says it.

Between the exit of step n and the beginning of step n + 1 there must have begun and ended a data sync, for each n: of
the store, or of the run's journal, into which that end has been written since the exit. A program begins when its
process is made; a script when it opens the first file that it names, since its process may have been made before.
`failures(trace)` lists where there is no sync; an empty list means that all is well.
"""
import pathlib
import re
import subprocess

import shapes

CALLS = "trace=fdatasync,fsync,execve,clone,clone3,fork,vfork,pwritev,openat"
LINE = re.compile(r"(?P<pid>\d+) +\d+\.\d+ (?P<rest>.*)")
SYNC = re.compile(r"(?:fdatasync|fsync)\(\d+<[^>]*/sluice\.db(?:-wal)?>")
JOURNAL_SYNC = re.compile(r"fdatasync\(\d+<[^>]*/journal>")
END_WRITTEN = re.compile(r"pwritev\(\d+<[^>]*/journal>.*how")
FORK = re.compile(r"(?:clone3?|v?fork)\(")
ENDED = re.compile(r"<\.\.\. (?P<call>\w+) resumed>.* = (?P<result>-?\d+)|.*\) += (?P<result_at_once>-?\d+)")
STEP = re.compile(r'execve\("[^"]*/true", \["true"\]')
SCRIPT = "lua: sluice.file.exists('marker'); pcall(sluice.file.read, 'marker')"
SCRIPT_STEP = re.compile(r'openat\([^"]*"[^"]*marker"')


def record(sluice, steps, folder, env=None, what=shapes.COMMAND):
    """Runs a chain of `what` under strace in `folder`, and returns the lines of what strace saw."""
    file, trace = pathlib.Path(folder) / "ordered.yaml", pathlib.Path(folder) / "strace"
    file.write_text(shapes.pipeline(steps, True, what), encoding="utf-8")
    subprocess.run(["strace", "-f", "-ttt", "-y", "-s", "24", "-e", "signal=none", "-e", CALLS, "-o", trace,
                    sluice, "run", file, "-q", "--new", "--home", pathlib.Path(folder) / "ordered-home"],
                   env=env, stdin=subprocess.DEVNULL, check=True)
    return trace.read_text(encoding="utf-8", errors="replace").splitlines()


class Trace:
    """What happened, each at the numbers of the lines where it began and ended."""

    def __init__(self, lines):
        self.open, self.syncs, self.forks, self.opens, self.exits, self.steps = {}, [], {}, {}, {}, []
        self.journal_syncs, self.ends_written = [], []
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
        elif JOURNAL_SYNC.match(call) and result == 0:
            self.journal_syncs.append((began, number))
        elif END_WRITTEN.match(call) and result > 0:
            self.ends_written.append(number)
        elif FORK.match(call) and result > 0:
            self.forks[result] = began
        elif STEP.match(call) and result == 0:
            self.steps.append(pid)
        elif SCRIPT_STEP.match(call) and pid not in self.opens:
            self.steps.append(pid)
            self.opens[pid] = began

    def begin(self, pid):
        return self.opens.get(pid, self.forks.get(pid))


def is_durable(trace, ended, begins):
    if any(ended < began and done < begins for began, done in trace.syncs):
        return True
    return any(ended < written < began and done < begins
               for began, done in trace.journal_syncs for written in trace.ends_written)


def failures(lines, steps):
    trace = Trace(lines)
    if len(trace.steps) != steps:
        return [f"{len(trace.steps)} steps were seen, not {steps}"]
    wrong = []
    for n, (before, after) in enumerate(zip(trace.steps, trace.steps[1:]), 1):
        ended, begins = trace.exits.get(before), trace.begin(after)
        if ended is None or begins is None:
            wrong.append(f"the end of step {n} or the beginning of step {n + 1} was not seen")
        elif not is_durable(trace, ended, begins):
            wrong.append(f"no sync of the store or the journal between the exit of step {n} (process {before}) and the "
                         f"beginning of the next (process {after})")
    return wrong
