# SPDX-License-Identifier: Apache-2.0
"""What engine and runner say to each other of heirs is lost on the way (docs/recovery.md, "Heirs")."""
import pytest

import life
from faults import preload
from test_heirs import HOMES
from test_wide_heirs import STEPS, expect_once, held


@pytest.mark.parametrize("program, word", [("sluice", '"withdraw"'), ("sluice-runner", '"withdrawn"')])
def test_nobody_waits_behind_a_long_step_when_a_word_of_it_is_lost(homes, program, word):
    """The connection breaks with the message that takes back what stands behind it, or with the answer."""
    for _ in range(HOMES):
        home = homes()
        log = home.folder / "lost"
        process = held(home, 0, env=preload("lose_message", LOSE_MESSAGE=f"{program}:{word}", LOSE_MESSAGE_LOG=log))
        others = {f"s{n}": ["succeeded"] for n in range(1, STEPS)}
        home.wait_for(lambda: {step: states for step, states in home.attempts().items() if step != "s0"} == others)
        life.let_go(home)
        assert process.wait(60) == 0
        assert len(expect_once(home)) == STEPS
        home.expect_whole()
        if log.exists():
            return
    pytest.fail("nothing stood behind the long step, and nothing was lost")
