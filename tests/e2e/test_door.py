# SPDX-License-Identifier: Apache-2.0
"""Two terminals: one sluice holds the home, another approves, rejects or cancels through its door."""
import json
import socket
import subprocess
import sys

import pytest

from programs import BUILD, wait_until

ASKS = """\
    name: ask
    steps:
      review: {uses: approve, with: {expires: 1h}}
      after: {needs: [review], run: echo done}
"""
SLOW = """\
    name: slow
    steps:
      work: {run: "echo begun >> trace; sleep 60"}
      cleanup: {needs: [work], if: always(), run: echo cleaned >> trace}
"""


@pytest.fixture
def waiting(sluice):
    """`sluice run --wait` in another terminal, at its approval."""
    sluice.pipeline(ASKS)
    process = sluice.start("run", "--wait", "--json")
    wait_until((sluice.home / "sock").exists)
    wait_until(lambda: sluice("approvals", "--json", expect=0).json)
    sluice.holder = process
    return sluice


def finish(sluice):
    out, err = sluice.holder.communicate(timeout=60)
    assert "AddressSanitizer" not in err and "runtime error" not in err, err
    return sluice.holder.returncode, json.loads(out)


def test_an_approval_from_another_terminal_lets_the_run_go_on(waiting):
    said = waiting("approve", "ask/1", "-m", "looks right", expect=0).out
    assert said.startswith("ask/1 approved by ") and "the sluice that runs it goes on" in said
    code, run = finish(waiting)
    assert code == 0 and run["status"] == "succeeded" and not (waiting.home / "sock").exists()
    rows = waiting("activity", "--json", expect=0).json
    assert [row["reason"] for row in rows if row["action"] == "approval.approved"] == ["looks right"]


def test_a_rejection_from_another_terminal_ends_the_run(waiting):
    waiting("reject", "ask/1", "-m", "too few rows", "--json", expect=0)
    code, run = finish(waiting)
    assert code == 6 and run["verdict"] == "refused"


def test_what_may_not_be_decided_is_told_as_without_a_door(waiting):
    assert "nosuch" in waiting("approve", "nosuch/1", expect=2).err
    assert "waits for no approval at step after" in waiting("approve", "ask/1", "after").err
    waiting("approve", "ask/1", expect=0)
    finish(waiting)
    assert "has ended already" in waiting("approve", "ask/1", expect=2).err


def test_a_cancel_from_another_terminal_climbs_the_ladder_and_waits_for_the_end(sluice):
    sluice.pipeline(SLOW)
    sluice.holder = sluice.start("run", "--json")
    wait_until((sluice.folder / "trace").exists)
    told = sluice("cancel", "slow/1", "-m", "wrong data", "--json", expect=0).json
    assert told["status"] == "cancelled"
    code, run = finish(sluice)
    assert code == 1 and run["status"] == "cancelled" and "wrong data" in run["reason"]
    assert (sluice.folder / "trace").read_text() == "begun\ncleaned\n"
    assert "nothing to cancel" in sluice("cancel", "slow/1", expect=2).err


def test_a_cancel_goes_on_when_the_holder_leaves(waiting):
    waiting.pipeline(SLOW)
    # The holder follows a run of its own; the one that is cancelled is another.
    waiting("approve", "ask/1", expect=0)
    finish(waiting)
    waiting.holder = waiting.start("run", "--json")
    wait_until((waiting.folder / "trace").exists)
    waiting.holder.kill()
    waiting.holder.communicate()
    assert "cancelled" in waiting("cancel", "slow/1", expect=0).out
    assert (waiting.folder / "trace").read_text() == "begun\ncleaned\n"


def test_a_holder_that_is_killed_after_it_took_the_cancel_leaves_nobody_waiting(sluice):
    sluice.pipeline("name: deaf\nsteps: {s: {run: \"trap '' TERM; touch up; sleep 60\", stop: {grace: 10s}}}\n")
    holder = sluice.start("run", "--json")
    wait_until((sluice.folder / "up").exists)
    cancel = sluice.start("cancel", "deaf/1")
    wait_until(lambda: sluice("activity", "--json", expect=0).json[0]["action"] != "run.started")
    holder.kill()
    holder.communicate()
    assert (sluice.home / "sock").exists()
    out, err = cancel.communicate(timeout=60)
    assert cancel.returncode == 0 and "cancelled" in out, err


def test_a_step_decides_nothing(sluice):
    sluice.pipeline(f"""\
        name: ask
        steps:
          review: {{uses: approve, with: {{expires: 1h}}}}
          cheat:
            run: |
              until "{BUILD}/sluice" --home "{sluice.home}" approvals | grep -q review; do sleep 0.1; done
              ("{BUILD}/sluice" approve ask/1 --home "{sluice.home}" || echo "code $?") 2>&1 | tee verdict
              (setsid sh -c '"{BUILD}/sluice" approve ask/1 --home "{sluice.home}"; echo "code $?"' > escaped 2>&1 &)
              until grep -q code escaped; do sleep 0.1; done
    """)
    sluice("run", "-q", expect=5)
    for name in ("verdict", "escaped"):
        text = (sluice.folder / name).read_text()
        assert "a step decides nothing about runs" in text and "code 6" in text, text
    assert len(sluice("approvals", "--json").json) == 1


@pytest.mark.parametrize("packet", [b"", b"{", b"[]", b"null", b'{"do": "dance"}', b'{"do": "vote", "run": 7}',
                                    b"[" * 60000, b"\xff" * 100, b'{"do": "cancel", "run": ""}'], ids=range(9))
def test_hostile_packets_get_an_answer_and_harm_nothing(waiting, packet):
    guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    guest.settimeout(60)
    path = str(waiting.home / "sock")
    if len(path) > 100:
        pytest.skip("the test's own path is too long for a socket's address")
    guest.connect(path)
    guest.send(packet)
    answer = guest.recv(65536)
    guest.close()
    assert answer == b"" or "error" in json.loads(answer)
    waiting("approve", "ask/1", expect=0)
    assert finish(waiting)[0] == 0


def test_guests_who_say_nothing_keep_nobody_out(waiting):
    code = """if True:
        import os, socket, sys, time
        os.chdir(sys.argv[1])
        guests = []
        for _ in range(15):
            guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            guest.connect("sock")
            guests.append(guest)
        print("in", flush=True)
        time.sleep(30)
    """
    crowd = subprocess.Popen([sys.executable, "-c", code, str(waiting.home)], stdout=subprocess.PIPE, text=True)
    assert crowd.stdout.readline() == "in\n"
    waiting("approve", "ask/1", expect=0, timeout=60)
    crowd.kill()
    crowd.communicate()
    assert finish(waiting)[0] == 0
