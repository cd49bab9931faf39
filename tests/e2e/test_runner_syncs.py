# SPDX-License-Identifier: Apache-2.0
"""The thread of sluice-runner that syncs journals: steps, which are copies of the runner, are none the worse for it."""
import pathlib
import resource

import pytest
from lone_runner import BUILD, Engine, Runner
from test_runner_heirs import give

MIB = 1 << 20


def large_stacks():
    resource.setrlimit(resource.RLIMIT_STACK, (32 * MIB, resource.getrlimit(resource.RLIMIT_STACK)[1]))


@pytest.fixture
def runner(tmp_path):
    runner = Runner(tmp_path, preexec=large_stacks)
    yield runner
    runner.stop()


def test_a_step_with_a_limit_of_memory_runs_beside_it(runner):
    """An address space that is limited holds what the runner has mapped, too."""
    if b"__asan_init" in (BUILD / "sluice-runner").read_bytes():
        pytest.skip("RLIMIT_AS: AddressSanitizer itself reserves more")
    engine = Engine(runner)
    text = "print(#string.rep('x', 6 << 20))"
    limited = {"kind": "lua", "lua": {"text": text, "chunk": "s"}, "limits": {"memory_bytes": 24 * MIB}}
    assert runner.exit(runner.spawn(engine, **limited))["code"] == 0
    beside = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done")
    for turn in range(2):  # the first sync is the loop's
        heir = give(runner, engine, runner.spawn(engine, script=f"until [ -e go{turn} ]; do sleep 0.02; done"))
        (runner.home / f"go{turn}").touch()
        assert runner.exit(heir)["code"] == 0
    assert len(list(pathlib.Path(f"/proc/{runner.process.pid}/task").iterdir())) == 2
    end = runner.exit(runner.spawn(engine, **limited))
    assert (end["code"], end["reason"]) == (0, None)
    (runner.home / "go").touch()
    assert runner.exit(beside)["code"] == 0
    engine.close()
