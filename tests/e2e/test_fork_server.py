# SPDX-License-Identifier: Apache-2.0
"""The process that forks for sluice-runner what it holds (orchestrator/runner/fork_server.h): that it may fail, and
what it does not know."""
import os
import pathlib
import re
import signal
import time

import pytest
from lone_runner import Engine, engine, runner, wait_until  # noqa: F401 (fixtures)
from test_runner_heirs import give
from test_runner_ready import LUA, WAIT, held_processes, one_held
from test_step_process import compile_plugin

# What the C library and the kernel know of the thread that a process begins with.
THREADS = r"""
#include "step.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define PARAMS(P)
#define OUTPUTS(O)
STEP_PARAMS_STRUCT(threads_params, PARAMS);
static pthread_mutex_t heir;
static void *take(void *ignored)
{
    return (void *)(long)(pthread_mutex_lock(&heir) != 0 || pthread_mutex_unlock(&heir) != 0);
}
/* A mutex that lends its holder's priority names that one to the kernel. */
static int waits_for_its_holder(void)
{
    pthread_mutexattr_t how;
    pthread_t other;
    void *wrong = "";
    pthread_mutexattr_init(&how);
    pthread_mutexattr_setprotocol(&how, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&heir, &how);
    pthread_mutex_lock(&heir);
    pthread_create(&other, NULL, take, NULL);
    usleep(100000);
    int left = pthread_mutex_unlock(&heir);
    pthread_join(other, &wrong);
    return left == 0 && wrong == NULL;
}
/* The kernel goes through this list when a thread dies with mutexes that others can take over then. */
static int has_list_of_mutexes(void)
{
    void *list = NULL;
    size_t size = 0;
    return syscall(SYS_get_robust_list, 0, &list, &size) == 0 && list != NULL;
}
static enum step_result run(const struct step_host *host, const void *params)
{
    (void)params;
    cpu_set_t own, one, now;
    sched_getaffinity(0, sizeof own, &own);
    CPU_ZERO(&one);
    for (int i = CPU_SETSIZE - 1; i >= 0 && CPU_COUNT(&one) == 0; i--) { if (CPU_ISSET(i, &own)) { CPU_SET(i, &one); } }
    int set = pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    sched_getaffinity(0, sizeof now, &now);
    step_log(host, STEP_LOG_INFO, "affinity %d", set == 0 && CPU_EQUAL(&one, &now));
    step_log(host, STEP_LOG_INFO, "list %d", has_list_of_mutexes());
    char *argv[] = {"true", NULL};
    pid_t pid;
    int status = -1;
    int spawned = posix_spawnp(&pid, "true", NULL, NULL, argv, NULL) == 0 && waitpid(pid, &status, 0) == pid;
    step_log(host, STEP_LOG_INFO, "programs %d", spawned && status == 0 && system("exit 3") == 3 << 8);
    pid = fork();
    if (pid == 0) { abort(); }
    waitpid(pid, &status, 0);
    step_log(host, STEP_LOG_INFO, "abort %d", WIFSIGNALED(status) && WTERMSIG(status) == 6);
    step_log(host, STEP_LOG_INFO, "holder %d", waits_for_its_holder());
    return STEP_OK;
}
STEP_PLUGIN(threads, "1.0", "Looks at its threads.", STEP_PLAIN, threads_params, PARAMS, OUTPUTS, run)
"""


def servers(runner):
    children = pathlib.Path(f"/proc/{runner.process.pid}/task/{runner.process.pid}/children")
    found = []
    for pid in children.read_text().split():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "sluice-forks":
                found.append(int(pid))
        except OSError:
            continue
    return found


def finish(runner, first, second):
    (runner.home / "go").touch()
    assert runner.exit(first)["heir"]["attempt"] == second
    assert runner.exit(second)["code"] == 0, runner.log(second)
    assert "it is me" in runner.log(second)


def in_memory(pid, text):
    """Whether the writable memory of the process holds the text."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
            size = int(end, 16) - int(begin, 16)
            try:
                memory.seek(int(begin, 16))
                if size < 1 << 28 and text in memory.read(size): # what is larger is no memory, but room for a sanitizer
                    return True
            except OSError:
                continue
    return False


def test_what_is_held_is_a_child_of_the_runner_and_the_server_goes_with_the_steps(runner, engine):
    first = runner.spawn(engine, script=WAIT)
    runner.started(first)
    assert servers(runner) == [], "none is made that nobody needs"
    second = give(runner, engine, first, **LUA)
    pid = one_held(runner, second)
    [server] = servers(runner)
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert f"PPid:\t{runner.process.pid}\n" in status
    assert pathlib.Path(f"/proc/{server}/task/{server}/children").read_text() == ""
    finish(runner, first, second)
    assert runner.started(second)["pid"] == pid
    for attempt in (first, second):
        engine.send(type="ack", attempt=attempt)
    wait_until(lambda: servers(runner) == [])


def test_it_dies_with_the_runner(runner, engine):
    first = runner.spawn(engine, script=WAIT)
    one_held(runner, give(runner, engine, first, **LUA))
    [server] = servers(runner)
    runner.process.kill()
    runner.process.wait(60)
    wait_until(lambda: not pathlib.Path(f"/proc/{server}").exists())
    (runner.home / "go").touch()


def test_one_that_was_killed_is_followed_by_another(runner, engine):
    first = runner.spawn(engine, script=WAIT)
    second = give(runner, engine, first, **LUA)
    third = give(runner, engine, second, **LUA)
    pid = one_held(runner, second)
    [server] = servers(runner)
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: server not in servers(runner))
    wait_until(lambda: held_processes(runner, second) == [pid])  # what it has made lives on
    finish(runner, first, second)
    assert runner.exit(third)["code"] == 0


def test_one_that_is_stopped_is_not_waited_for_long(runner, engine):
    """It has been asked for the next process, and will never answer."""
    first = runner.spawn(engine, script=WAIT)
    second = give(runner, engine, first, kind="lua", lua={"text": "print('it is me')", "chunk": "s"})
    one_held(runner, second)
    [server] = servers(runner)
    fourth_begins = "while not sluice.file.exists('on') do end print('it is me')"
    third = give(runner, engine, second, kind="lua", lua={"text": fourth_begins, "chunk": "s"})
    fourth = give(runner, engine, third, **LUA)
    os.kill(server, signal.SIGSTOP)
    begun = time.monotonic()
    finish(runner, first, second)
    (runner.home / "on").touch()
    assert runner.exit(third)["code"] == 0 and runner.exit(fourth)["code"] == 0
    assert time.monotonic() - begun < 50
    wait_until(lambda: not pathlib.Path(f"/proc/{server}").exists())


def test_it_is_not_taken_for_what_a_step_left_running(runner, engine):
    """The step before leaves a process; the server beside it is no step's, whatever it descends from."""
    first = runner.spawn(engine, script=f"{WAIT}; (sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > left)")
    second = give(runner, engine, first, **LUA)
    one_held(runner, second)
    [server] = servers(runner)
    finish(runner, first, second)
    assert server in servers(runner)
    pid = int((runner.home / "left").read_text())
    assert not pathlib.Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="reads the memory of other processes")
def test_it_knows_no_secret(runner, engine):
    secret = "s3cret-" + os.urandom(6).hex()
    first = runner.spawn(engine, script=WAIT, env={"T": secret}, secrets={"T": secret})
    second = give(runner, engine, first, **LUA)
    pid = one_held(runner, second)
    [server] = servers(runner)
    assert in_memory(runner.process.pid, secret.encode()), "so the test can find one"
    assert not in_memory(server, secret.encode()) and not in_memory(pid, secret.encode())
    third = give(runner, engine, second, kind="lua", lua={"text": "print('it is me')", "chunk": "s"},
                 secrets={"T": secret}, params={"t": secret})
    finish(runner, first, second)
    assert runner.exit(third)["code"] == 0
    assert not in_memory(server, secret.encode())


def test_a_message_that_is_larger_than_a_channel_holds(runner, engine):
    first = runner.spawn(engine, script=WAIT)
    text = "print('it is me, of ' .. #sluice.params.word)"
    second = give(runner, engine, first, kind="lua", lua={"text": text, "chunk": "s"}, params={"word": "x" * 500000})
    one_held(runner, second)
    finish(runner, first, second)
    assert "it is me, of 500000" in runner.log(second)


def test_the_c_library_knows_the_thread_of_what_it_forks(runner, engine, tmp_path):
    first = runner.spawn(engine, script=WAIT)
    named = {"path": str(compile_plugin(tmp_path, "threads", THREADS)), "name": "threads"}
    second = give(runner, engine, first, kind="plugin", plugin=named, params={}, timeout_ms=60000)
    pid = one_held(runner, second)
    [server] = servers(runner)
    everything = os.sched_getaffinity(server)
    (runner.home / "go").touch()
    end = runner.exit(second)
    assert runner.started(second)["pid"] == pid
    assert runner.log(second, 3).split("\n")[:-1] == ["affinity 1", "list 1", "programs 1", "abort 1", "holder 1"], end
    assert end["code"] == 0 and os.sched_getaffinity(server) == everything
