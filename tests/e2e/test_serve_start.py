# SPDX-License-Identifier: Apache-2.0
"""What `sluice serve` takes before anybody wants something of it: waits for the disk, libraries, memory."""
import os
import pathlib
import re
import signal
import subprocess

import pytest

from programs import BUILD, wait_until
from serving import Server

SANITIZED = b"__asan_init" in (BUILD / "sluice").read_bytes()
# At idle, in a new home, and how much of it is its own and not the files of programs and libraries. Whoever needs more
# for something that most do not use finds a way to take it when it is used first; `make idle-order` may help, too.
RESIDENT_KB, OWN_KB = 9728, 2200
# Of HTTP clients, git and scripts, and what they bring: other programs have them.
NOT_LOADED = ("curl", "git2", "ssl", "lua")


def status_kb(server, what):
    text = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"^{what}:\s+(\d+) kB", text, re.M)[1])


def libraries(server):
    text = pathlib.Path(f"/proc/{server.process.pid}/maps").read_text(encoding="ascii")
    return {pathlib.Path(path).name for path in re.findall(r"\s(/\S+\.so\S*)$", text, re.M)}


def ask_something(server):
    return server.api("POST", "/experiments/search", {"max_results": 1})["experiments"]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory is many times that")
def test_an_idle_server_is_small_also_after_a_thousand_points(sluice):
    server = Server(sluice)
    assert [experiment["name"] for experiment in ask_something(server)] == ["Default"]
    assert status_kb(server, "VmRSS") <= RESIDENT_KB
    assert status_kb(server, "RssAnon") <= OWN_KB
    run = server.run()["run_id"]
    for step in range(1000):
        server.api("POST", "/runs/log-metric", {"run_id": run, "key": "m", "value": step, "step": step, "timestamp": 1})
    assert status_kb(server, "VmRSS") <= RESIDENT_KB
    server.stop()


def test_a_server_loads_nothing_that_other_programs_do_for_it(sluice):
    server = Server(sluice)
    ask_something(server)
    loaded = libraries(server)
    assert any(name.startswith("libsqlite3") for name in loaded)
    assert {name for name in loaded if name.startswith(tuple("lib" + word for word in NOT_LOADED))} == set()
    server.stop()


class Traced:
    """A server under strace, and which of its files were synced so far, by their names."""

    def __init__(self, sluice):
        self.trace = sluice.folder / "trace"
        # LeakSanitizer does not work in a process that is traced.
        env = {**sluice.env, "ASAN_OPTIONS": sluice.env["ASAN_OPTIONS"] + ":detect_leaks=0"}
        calls = "trace=fsync,fdatasync,syncfs,sync,msync,sync_file_range"

        def start(*arguments):
            process = subprocess.Popen(["strace", "-f", "-y", "-o", self.trace, "-e", calls, BUILD / "sluice",
                                        *arguments], cwd=sluice.folder, env=env, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            sluice.started.append(process)
            return process

        self.server = Server(sluice, start=start)

    def synced(self):
        text = self.trace.read_text(encoding="ascii")
        return [pathlib.Path(path).name for path in re.findall(r"sync\(\d+<([^>]*)>", text)]

    def child(self):
        pid = self.server.process.pid
        return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])


@pytest.fixture
def traced(sluice):
    traced = Traced(sluice)
    yield traced
    if traced.server.process.poll() is None:
        os.kill(traced.child(), signal.SIGTERM)
        assert wait_until(lambda: traced.server.process.poll() is not None)


def test_a_new_home_waits_for_no_disk_until_something_is_written(traced):
    assert ask_something(traced.server)
    assert traced.synced() == []
    traced.server.api("POST", "/experiments/create", {"name": "first"})
    first = traced.synced()
    assert first[:3] == ["key", "sluice.db", "sluice.db-wal"] and set(first[3:]) == {".sluice"}
    traced.server.api("POST", "/experiments/create", {"name": "second"})
    assert traced.synced()[len(first):] == ["sluice.db-wal"]


def test_what_a_kill_left_unsynced_is_synced_by_the_next_who_writes(sluice, traced):
    assert ask_something(traced.server)
    os.kill(traced.child(), signal.SIGKILL)
    assert wait_until(lambda: traced.server.process.poll() is not None)
    assert traced.synced() == []
    again = Traced(sluice)
    again.server.api("POST", "/experiments/create", {"name": "first"})
    assert again.synced()[:4] == ["key", "sluice.db", ".sluice", "sluice.db-wal"]
    os.kill(again.child(), signal.SIGTERM)
    assert wait_until(lambda: again.server.process.poll() is not None)


def test_a_key_that_lost_its_bytes_before_it_was_needed_is_made_again(sluice):
    """As a power cut may leave a home in which nothing was committed but what it begins with."""
    server = Server(sluice)
    server.process.kill()
    server.process.wait()
    key = sluice.home / "key"
    key.write_bytes(b"")
    server = Server(sluice)
    assert len(key.read_bytes()) == 32
    server.api("POST", "/experiments/create", {"name": "first"})
    server.stop()
    key.write_bytes(b"")
    refused = sluice("serve", "--port", "0")
    assert refused.code != 0 and "is not a key of 32 bytes" in refused.err
