# SPDX-License-Identifier: Apache-2.0
"""The nth call of a kind fails, once or from then on: in sluice, in its runner, in the processes of steps
(fail_nth.py).

SLUICE_FAULT_ALL=1 goes through every n of every loop until n is past the end: a hundred thousand trials, a day of one
core. Otherwise one or two of each are drawn by SLUICE_FAULT_SEED (1). SLUICE_BUILD names the folder with the programs.
Of a sanitized one, what concerns memory is tried with the plain one beside it, since a sanitizer has an allocator of
its own.
"""
import os
import pathlib
import random

import pytest

import fail_nth
from fail_nth import CHAIN, FAULTS, LOOPS, ROOT, Loop

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
PLAIN = BUILD.parent if BUILD.name == "asan" else BUILD
ALL = os.environ.get("SLUICE_FAULT_ALL", "") not in ("", "0")
SEED = int(os.environ.get("SLUICE_FAULT_SEED", "1"))

ONE_STEP = """\
name: nth
env: {LEDGER: "@LEDGER@"}
steps: {one: {run: "echo one; echo two >&2"}}
"""


def build_for(loop):
    return PLAIN if loop.fault.kind == "alloc" else BUILD


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return fail_nth.make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def counted(tmp_path_factory, library):
    """The plan of a run in which nothing failed, by build: how many calls there are."""
    plans = {}

    def plan_of(build):
        if build not in plans:
            problems, plan, result = fail_nth.trial(tmp_path_factory.mktemp("count") / "home", build, library,
                                                    fail_nth.COUNTING, 0)
            assert not problems and result.code == 0, problems
            plans[build] = plan
        return plans[build]

    return plan_of


def expect_good(folder, library, loop, nth, **options):
    """The plan of a trial, and what the faulty command came to."""
    problems, plan, result = fail_nth.trial(folder, build_for(loop), library, loop, nth, **options)
    words = "\n    ".join(problems)
    assert not problems, f"{loop}, call {nth} (seed {SEED}): {plan.what}: exit code {result.code}\n    {words}"
    return plan, result


@pytest.mark.parametrize("loop", LOOPS, ids=str)
def test_a_call_fails(tmp_path, library, counted, loop):
    if ALL:
        numbers = iter(range(1, 1 << 30))
    else:
        count = max(1, counted(build_for(loop)).count(loop))
        numbers = random.Random(f"{SEED} {loop}").sample(range(1, count + 1), min(1 if loop.onwards else 2, count))
    for nth in numbers:
        plan, _ = expect_good(tmp_path / str(nth), library, loop, nth)
        if ALL and plan.failed == 0:
            break


IN_A_LINE = [loop for loop in LOOPS if (ALL or not loop.onwards) and (loop.program in ("sluice-runner", "step") or (
    loop.program == "sluice" and loop.fault.kind in ("write", "send", "fsync", "sqlite")))]


@pytest.mark.parametrize("loop", IN_A_LINE, ids=str)
def test_a_call_fails_while_steps_begin_by_themselves(tmp_path, library, loop):
    """In a line of heirs: what the runner has begun is known in the end, and nothing ran twice."""
    numbers = range(1, 1 << 30) if ALL else [random.Random(f"{SEED} {loop} in a line").randrange(1, 25)]
    for nth in numbers:
        plan, _ = expect_good(tmp_path / str(nth), library, loop, nth, pipeline=CHAIN)
        if ALL and plan.failed == 0:
            break


def find(kind, name):
    return next(fault for fault in FAULTS if (fault.kind, fault.name) == (kind, name))


@pytest.mark.parametrize("kind, name", [("write", "ENOSPC"), ("send", "ENOBUFS")])
def test_what_a_runner_cannot_write_now_it_writes_later(tmp_path, library, kind, name):
    """Every one of a run of one step: nothing is lost, and nobody has to come."""
    nth, failed = 1, 1
    while failed:
        plan, result = expect_good(tmp_path / str(nth), library, Loop("sluice-runner", find(kind, name), False), nth,
                                   pipeline=ONE_STEP)
        held = "memfd:" not in plan.what  # where a script cannot be kept, its step fails: nothing has begun
        assert result.code == 0 or not held, f"call {nth}: {plan.what}: {result.out}{result.err}"
        nth, failed = nth + 1, plan.failed
    assert nth > 3


def test_a_store_that_is_full_for_a_while_is_waited_for(tmp_path, library, counted):
    """Wherever it begins: the command says so, and goes on when there is room."""
    loop = Loop("sluice", find("sqlite", "FULL"), True)
    count = counted(BUILD).count(loop)
    for nth in range(count // 2, count, count // 8 + 1):
        plan, result = expect_good(tmp_path / str(nth), library, loop, nth, lift_s=0.5)
        assert result.code == 0 or not result.lifted, f"call {nth}: {plan.what}: {result.out}{result.err}"
