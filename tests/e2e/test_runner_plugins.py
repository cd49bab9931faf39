# SPDX-License-Identifier: Apache-2.0
"""sluice-runner by itself: plugins that report, ask, crash, fork away and look around."""
import json
import pathlib
import subprocess
import time

import pytest
from lone_runner import BUILD, ROOT, Engine, alive, engine, runner, wait_until  # noqa: F401 (fixtures)
from metric_points import of_payload

PLUGIN = r"""
#include "step.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#define PARAMS(P) P(STRING, what, "required", "What to do.")
#define OUTPUTS(O)
STEP_PARAMS_STRUCT(odd_params, PARAMS);
static enum step_result run(const struct step_host *host, const void *params)
{
    const char *what = ((const struct odd_params *)params)->what;
    if (strcmp(what, "ok") == 0) {
        step_log(host, STEP_LOG_INFO, "from the host");
        host->metric(host, "loss", 0.5, 1, 0);
        printf("from printf\n");
    } else if (strcmp(what, "crash") == 0) {
        raise(SIGSEGV);
    } else if (strcmp(what, "loop") == 0) {
        for (;;) { __asm__ volatile(""); }
    } else if (strcmp(what, "deaf") == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;) { pause(); }
    } else if (strcmp(what, "close") == 0) {
        for (int fd = 0; fd < 1024; fd++) { close(fd); }
    } else if (strcmp(what, "exit") == 0) {
        exit(0);
    } else if (strcmp(what, "garbage") == 0) {
        for (int fd = 3; fd < 10; fd++) { (void)!write(fd, "\377\377\377\377\377\377garbage", 13); }
        for (;;) { pause(); }
    } else if (strcmp(what, "flood") == 0) {
        for (;;) { host->log(host, STEP_LOG_INFO, "line after line after line"); }
    } else if (strcmp(what, "hog") == 0) {
        volatile char *much = malloc((size_t)10 << 30);
        for (size_t i = 0; i < (size_t)10 << 30; i += 4096) { much[i] = 1; }
    } else if (strcmp(what, "fork") == 0) {
        if (fork() == 0) { setsid(); if (fork() == 0) { for (int fd = 0; fd < 64; fd++) { close(fd); }
            int fd = open("escaped", O_WRONLY | O_CREAT, 0600);
            (void)!dprintf(fd, "%d", getpid()); pause(); } _exit(0); }
        while (access("escaped", F_OK) != 0) { usleep(1000); }
    } else if (strcmp(what, "call") == 0) {
        const struct step_value *reply;
        return host->call(host, "registry.get", "{\"name\":\"wine\"}", &reply) == 0 ? STEP_OK : STEP_FAILED;
    } else if (strcmp(what, "descriptors") == 0) {
        for (int fd = 0; fd < 1024; fd++) {
            if (fcntl(fd, F_GETFD) >= 0) { step_log(host, STEP_LOG_INFO, "fd %d", fd); } }
    } else if (strcmp(what, "memory") == 0) {
        /* Whatever this process has in memory, is the neighbour's secret in it? */
        char pattern[] = {'n', 'e', 'i', 'g', 'h', 'b', 'o', 'u', 'r', 's', '-', 's'};
        for (size_t i = 0; i < sizeof pattern; i++) { pattern[i] = (char)(pattern[i] ^ 1); }
        FILE *maps = fopen("/proc/self/maps", "r");
        int memory = open("/proc/self/mem", O_RDONLY);
        char line[512], *block = malloc(1 << 16);
        unsigned long from, to;
        int found = 0;
        while (fgets(line, sizeof line, maps) != NULL) {
            char mode[8];
            if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3) { continue; }
            if (mode[1] != 'w' || to - from > 1UL << 30) { continue; }
            for (unsigned long at = from; at < to; at += 1 << 16) {
                ssize_t n = pread(memory, block, 1 << 16, (off_t)at);
                for (ssize_t i = 0; i + (ssize_t)sizeof pattern <= n; i++) {
                    size_t k = 0;
                    while (k < sizeof pattern && (block[i + (ssize_t)k] ^ 1) == pattern[k]) { k++; }
                    found += k == sizeof pattern;
                }
            }
        }
        step_log(host, STEP_LOG_INFO, "found %d", found);
    }
    return STEP_OK;
}
STEP_PLUGIN(odd, "1.0", "Does odd things.", STEP_PLAIN, odd_params, PARAMS, OUTPUTS, run)
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "odd.c").write_text(PLUGIN)
    subprocess.run(
        ["cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", f"-I{ROOT}/orchestrator",
         "-o", folder / "odd.so",
         folder / "odd.c"], check=True)
    return folder / "odd.so"


def spawn_plugin(runner, engine, plugin, what, **fields):
    named = {"path": str(plugin), "name": "odd"}
    return runner.spawn(engine, kind="plugin", plugin=named, params={"what": what}, **fields)


def test_a_plugin_reports_logs_and_ends(runner, engine, plugin):
    attempt = spawn_plugin(runner, engine, plugin, "ok")
    end = runner.exit(attempt)
    assert (end["how"], end["code"], end["reason"]) == ("exited", 0, None)
    assert runner.result(attempt)["result"] == "ok"
    assert runner.log(attempt, 3) == "from the host\n" and runner.log(attempt, 1) == "from printf\n"
    (key, value, step, time_ms), = of_payload(runner.frames(attempt, "points")[0])
    assert (key, value, step) == ("loss", 0.5, 1) and abs(time_ms / 1000 - time.time()) < 60


@pytest.mark.parametrize(
    "what, fields, how, words",
    [
        ("crash", {}, "signalled", "killed by signal 11 (SIGSEGV) after "),
        ("loop", {"timeout_ms": 300}, "signalled", "timed out after 300 ms: "),
        ("deaf", {"timeout_ms": 3000, "stop": {"grace_ms": 300}}, "signalled",
         "timed out after 3 s: still alive 300 ms after SIGTERM, ended by SIGKILL"),
        ("hog", {"limits": {"memory_bytes": 1 << 30}}, "signalled", "killed by signal 11 (SIGSEGV) after "),
        ("close", {}, "exited", ""),
        ("exit", {}, "exited", ""),
        ("garbage", {}, "signalled", "the step wrote something into its host's descriptors that is no message"),
        ("flood", {"limits": {"log_bytes": 100000}, "stop": {"grace_ms": 300}}, "signalled",
         "the log grew over its limit of 97.7 KB: "),
    ],
)
def test_a_plugin_that_misbehaves_is_one_failed_step(runner, engine, plugin, what, fields, how, words):
    if what == "hog" and b"__asan_init" in (BUILD / "sluice-runner").read_bytes():
        pytest.skip("RLIMIT_AS: AddressSanitizer itself reserves more")
    attempt = spawn_plugin(runner, engine, plugin, what, **fields)
    end = runner.exit(attempt)
    assert end["how"] == how and (end["reason"] or "").startswith(words)
    if what in ("close", "exit"):
        assert runner.result(attempt)["result"] == "failed" and runner.result(attempt)["reason"]
    assert runner.exit(runner.spawn(engine, argv=["true"]))["code"] == 0


def test_a_plugin_that_forks_away_is_found(runner, engine, plugin):
    neighbour = runner.spawn(engine, argv=["sleep", "60"])
    attempt = spawn_plugin(runner, engine, plugin, "fork")
    assert runner.exit(attempt)["code"] == 0
    pid = int((runner.home / "escaped").read_text())
    wait_until(lambda: not alive(pid))
    assert alive(runner.started(neighbour)["pid"])


def test_a_question_waits_for_the_engine_that_answers_it(runner, plugin):
    first = Engine(runner)
    attempt = spawn_plugin(runner, first, plugin, "call")
    call = json.loads(wait_until(lambda: runner.frames(attempt, "call"))[0])
    assert call["method"] == "registry.get" and call["params"] == {"name": "wine"}
    first.close()
    second = Engine(runner, generation=2)
    assert second.attempts[0]["calls"] == [call["seq"]]
    second.send(type="reply", attempt=attempt, seq=call["seq"], result={"version": 3})
    assert runner.exit(attempt)["code"] == 0
    second.close()


def test_a_plugin_has_no_descriptor_of_the_runner(runner, engine, plugin):
    runner.spawn(engine, argv=["sleep", "60"])
    attempt = spawn_plugin(runner, engine, plugin, "descriptors")
    assert runner.exit(attempt)["code"] == 0
    assert runner.log(attempt, 3).split() == "fd 0 fd 1 fd 2 fd 3".split()


def test_a_plugin_can_be_found_by_its_mark(runner, engine, plugin):
    attempt = spawn_plugin(runner, engine, plugin, "deaf")
    pid = runner.started(attempt)["pid"]
    mark = f"SLUICE_ATTEMPT={runner.home}:{attempt}"
    wait_until(lambda: mark in pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0"))
    assert pathlib.Path(f"/proc/{pid}/comm").read_text() == f"step-{attempt}\n"
    assert mark not in pathlib.Path(f"/proc/{runner.process.pid}/environ").read_text()
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=0)
    runner.exit(attempt)


def test_a_plugin_finds_no_secret_of_another_step_in_its_memory(runner, engine, plugin):
    secret = "neighbours-secret-0123456789"
    script = f"printf '%s' {secret[:12]}; sleep 60"
    runner.spawn(engine, argv=["sh", "-c", script], env={"T": secret}, secrets={"T": secret})
    time.sleep(0.3)
    attempt = spawn_plugin(runner, engine, plugin, "memory")
    assert runner.exit(attempt)["code"] == 0
    assert runner.log(attempt, 3).strip() == "found 0"
