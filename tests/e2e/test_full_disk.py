# SPDX-License-Identifier: Apache-2.0
"""A full disk: what cannot be recorded waits, and what was wished meanwhile is done when there is room."""
import os
import pathlib
import signal
import subprocess
import time

from programs import send, wait_until

import pytest

SOURCE = pathlib.Path(__file__).parents[1] / "fixtures" / "full_disk.c"


@pytest.fixture(scope="session")
def full_disk(tmp_path_factory):
    library = tmp_path_factory.mktemp("full") / "full_disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


@pytest.fixture
def start_full(sluice, full_disk):
    """Starts a command whose database has no room while the file `full` is there."""
    def start(*arguments):
        options = sluice.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
        return sluice.start(*arguments, env={"LD_PRELOAD": str(full_disk), "ASAN_OPTIONS": options,
                                             "FULL_WHILE": str(sluice.folder / "full")})
    return start


QUIET = """\
    name: p
    steps:
      a: {run: "touch full; sleep 4"}
      b: {run: touch b, needs: [a]}
      last: {run: touch last, needs: [b], if: always()}
    """


def end_of(process, sluice, seconds):
    """What it says when the disk stays full for so long, and then has room."""
    time.sleep(seconds)
    assert process.poll() is None, process.communicate()
    (sluice.folder / "full").unlink()
    _, err = process.communicate(timeout=60)
    assert "rows where one was expected" not in err and "AddressSanitizer" not in err, err
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_disk_is_full_is_carried_out_when_there_is_room(sluice, start_full, number):
    sluice.pipeline(QUIET.replace("sleep 4", "sleep 600"))
    process = start_full("run", "-q")
    wait_until(lambda: (sluice.folder / "full").exists())
    send(process, number)
    code, err = end_of(process, sluice, 2)
    assert code == 128 + number and "the disk is full: trying again in a second" in err, err
    run = sluice("show", "--json", expect=0)
    assert run.json["status"] == "cancelled" and run.step("a")["status"] == "cancelled"
    assert not (sluice.folder / "b").exists() and (sluice.folder / "last").exists()
    assert sluice("resume").code == 2


def test_what_became_ready_while_the_disk_was_full_does_not_start_before_the_cancel(sluice, start_full):
    sluice.pipeline(QUIET)
    process = start_full("run", "-q")
    wait_until(lambda: (sluice.folder / "full").exists())
    send(process, signal.SIGTERM)
    code, _ = end_of(process, sluice, 6)  # `a` has ended meanwhile, which nobody could record
    run = sluice("show", "--json", expect=0)
    assert code == 143 and run.json["status"] == "cancelled"
    assert not (sluice.folder / "b").exists()


@pytest.mark.parametrize("apart", [0.1, 0.4, 1])
def test_two_signals_cancel_and_kill(sluice, start_full, apart):
    """Also when both come while it waits for room: the kernel makes one of two that nobody has taken."""
    sluice.pipeline("""\
        name: p
        steps:
          a: {run: "trap '' TERM; touch full; while sleep 0.1; do :; done", stop: {grace: 1h}}
          b: {run: "until [ -e full ]; do sleep 0.02; done"} # its end finds no room
        """)
    process = start_full("run", "-q")
    wait_until(lambda: (sluice.folder / "full").exists())
    time.sleep(0.3)
    send(process, signal.SIGINT)
    time.sleep(apart)
    send(process, signal.SIGINT)
    code, _ = end_of(process, sluice, 2)
    assert code == 130 and sluice("show", "--json", expect=0).json["status"] == "cancelled"


def test_a_third_signal_leaves_and_the_next_command_goes_on(sluice, start_full):
    sluice.pipeline(QUIET)
    process = start_full("run", "-q")
    wait_until(lambda: (sluice.folder / "full").exists())
    for _ in range(3):
        send(process, signal.SIGTERM)
        time.sleep(1.3)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143 and "left before the steps had ended" in err
    (sluice.folder / "full").unlink()
    sluice("resume", expect=0)
    assert (sluice.folder / "b").exists()


def test_a_signal_to_a_visitor_is_carried_out_when_the_holder_has_room(sluice, start_full):
    sluice.pipeline("name: host\nsteps: {wait: {run: 'touch up; until [ -e go ]; do sleep 0.05; done'}}\n", "host.yaml")
    holder = start_full("run", "host.yaml", "-q")
    wait_until((sluice.folder / "up").exists)
    sluice.pipeline("name: guest\nsteps: {s: {run: 'sleep 1; touch full; sleep 60'}}\n", "guest.yaml")
    visitor = sluice.start("run", "guest.yaml", "-q")
    wait_until((sluice.folder / "full").exists)
    visitor.send_signal(signal.SIGINT)
    code, err = end_of(visitor, sluice, 3)
    assert code == 130, err
    assert sluice("show", "guest/1", "--json", expect=0).json["status"] == "cancelled"
    (sluice.folder / "go").touch()
    assert holder.wait(timeout=60) == 0


def test_a_full_disk_without_a_signal_is_waited_out(sluice, start_full):
    sluice.pipeline(QUIET.replace("sleep 4", "sleep 1"))
    process = start_full("run", "-q")
    wait_until(lambda: (sluice.folder / "full").exists())
    code, _ = end_of(process, sluice, 4)
    run = sluice("show", "--json", expect=0).json
    assert code == 0 and [s["status"] for s in run["steps"]] == ["succeeded"] * 3
    assert [s["attempt"] for s in run["steps"]] == [1] * 3


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB of its own."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "sluice-test", folder]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_really_full(sluice, small_disk):
    (small_disk / "sluice.yaml").write_text("""\
name: p
steps:
  a:
    run: |
      dd if=/dev/zero of=fill bs=1k status=none || true
      dd if=/dev/zero of=fill2 bs=100 status=none || true
      sleep 1
  b: {needs: [a], run: "echo b >> trace"}
""")
    process = sluice.start("run", "-q", cwd=small_disk, env={"SLUICE_HOME": str(small_disk / ".sluice")})
    try:
        wait_until(lambda: (small_disk / "fill2").exists())
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
        time.sleep(3)
        assert process.poll() is None, process.communicate()
        for name in ("fill", "fill2"):
            (small_disk / name).unlink()
        _, err = process.communicate(timeout=60)
        assert process.returncode == 143 and "rows where one was expected" not in err, err
        assert not (small_disk / "trace").exists()
    finally:
        from programs import kill_runners
        kill_runners(small_disk / ".sluice")
