# SPDX-License-Identifier: Apache-2.0
"""The end of a step is on the disk before the next step begins: the kernel's own word for it."""
import sys

import pytest

from programs import BUILD, ROOT

sys.path.insert(0, str(ROOT / "tests/bench"))
import durable_order  # noqa: E402

STEPS = 30


@pytest.mark.parametrize("what", [durable_order.shapes.COMMAND, durable_order.SCRIPT], ids=["program", "script"])
def test_between_a_step_and_the_next_its_end_is_synced(sluice, what):
    # LeakSanitizer does not work in a process that is traced.
    env = {**sluice.env, "ASAN_OPTIONS": sluice.env["ASAN_OPTIONS"] + ":detect_leaks=0"}
    lines = durable_order.record(BUILD / "sluice", STEPS, sluice.folder, env, what)
    assert durable_order.failures(lines, STEPS) == []
    # The check itself: it must miss what is taken away, and see what comes at the wrong time.
    trace = durable_order.Trace(lines)
    last, next_to_last = trace.steps[-1], trace.steps[-2]
    between = range(trace.exits[next_to_last], trace.begin(last))
    without = [line for n, line in enumerate(lines) if n not in between or "sync" not in line]
    assert len(durable_order.failures(without, STEPS)) == 1
    assert durable_order.failures(lines, STEPS + 1) == [f"{STEPS} steps were seen, not {STEPS + 1}"]
    unwritten = [line for n, line in enumerate(lines)
                 if n not in between or ("pwritev" not in line and "sluice.db" not in line)]
    assert len(durable_order.failures(unwritten, STEPS)) == 1, "a sync of a journal that does not have the end yet"
    early = [line for line in lines if "exited" not in line or not line.startswith(f"{next_to_last} ")]
    early.insert(trace.begin(last) - 1, lines[trace.exits[next_to_last]])
    assert len(durable_order.failures(early, STEPS)) == 1
