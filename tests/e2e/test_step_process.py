# SPDX-License-Identifier: Apache-2.0
"""The inside of a step's process, in the real sluice-runner: plugins good and hostile, inputs, what success publishes."""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import time

import pytest

from test_runner import BUILD, ROOT, Engine, engine, runner, wait_until  # noqa: F401 (fixtures)

HEADER = ROOT / "orchestrator" / "step.h"

PLUGIN = r"""
#include "step.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#define PARAMS(P) \
    P(STRING, what, "required", "What to do.") P(STRING, text, "", "") P(PATH, file, "", "") P(BOOL, flag, "", "") \
    P(INT, count, "", "") P(NUMBER, rate, "", "") P(DURATION, span, "", "") P(SIZE, room, "", "") P(ANY, any, "", "")
#define OUTPUTS(O) O(INT, n, "A number.") O(STRING, words, "Text.") O(ANY, thing, "Anything.") O(BOOL, yes, "")
STEP_PARAMS_STRUCT(probe_params, PARAMS);

static void say(const struct step_host *host, const char *what, int result)
{
    step_log(host, STEP_LOG_INFO, "%s %d", what, result);
}
static void *many_metrics(void *argument)
{
    const struct step_host *host = argument;
    for (int i = 0; i < 5000; i++) { host->metric(host, "threads", i, i, 0); }
    return NULL;
}
static enum step_result run(const struct step_host *host, const void *params)
{
    const struct probe_params *p = params;
    const struct step_context *c = host->context;
    const struct step_value *reply = NULL;
    if (strcmp(p->what, "records") == 0) {
        host->param(host, "depth", "7");
        host->tag(host, "team", "gr\303\274n");
        host->metric(host, "loss", 0.25, 3, 1234);
        host->metric(host, "loss", NAN, 4, 0);
        host->progress(host, 0.5, "half");
        step_output_int(host, "n", 569);
        step_output_string(host, "words", "a \"quoted\" word");
        host->output(host, "thing", "{\"a\": [1, 2.5, null]}");
        host->output(host, "yes", "null");
    } else if (strcmp(p->what, "refusals") == 0) {
        say(host, "empty key", host->param(host, "", "v"));
        say(host, "null key", host->metric(host, NULL, 1, 0, 0));
        say(host, "bad key", host->metric(host, "a*b", 1, 0, 0));
        say(host, "climbing key", host->tag(host, "../up", "v"));
        say(host, "null value", host->param(host, "k", NULL));
        say(host, "not utf-8", host->tag(host, "k", "\377"));
        say(host, "unknown output", host->output(host, "m", "1"));
        say(host, "wrong type", host->output(host, "n", "\"text\""));
        say(host, "no json", host->output(host, "n", "nan"));
        say(host, "climbing artifact", host->artifact(host, "x", "../x"));
        say(host, "absent artifact", host->artifact(host, "no-such-file", "x"));
        say(host, "no kind", host->wait(host, "{}", NULL));
        say(host, "bad json", host->parse_json(host, "{", 1, &reply));
        say(host, "number as text", host->output(host, "words", "7"));
    } else if (strcmp(p->what, "params") == 0) {
        step_log(host, STEP_LOG_INFO, "text=%s file=%s flag=%d count=%lld rate=%g span=%lld room=%lld any=%d",
                 p->text == NULL ? "NULL" : p->text, p->file == NULL ? "NULL" : p->file, p->flag, (long long)p->count, p->rate,
                 (long long)p->span, (long long)p->room, p->any == NULL ? -1 : (int)p->any->type);
        const struct step_value *deep = step_get(p->any, "deep");
        if (deep != NULL) {
            step_log(host, STEP_LOG_INFO, "deep=%zu %s %g", deep->count, deep->items[0].string, deep->items[1].number);
        }
    } else if (strcmp(p->what, "context") == 0) {
        step_log(host, STEP_LOG_INFO, "%s|%s|%lld|%s|%s|%lld|%s|%s|%s|%s|%s", c->pipeline, c->run_id, (long long)c->run_number, c->step,
                 c->item, (long long)c->attempt, c->step_run_id, c->workspace, c->step_dir, c->state_dir, c->home);
        char here[4096];
        return getcwd(here, sizeof here) != NULL && strcmp(here, c->workspace) == 0 ? STEP_OK : step_fail(host, "not in %s", c->workspace);
    } else if (strcmp(p->what, "artifact") == 0) {
        return host->artifact(host, p->file, p->text) == 0 ? STEP_OK : STEP_FAILED;
    } else if (strcmp(p->what, "fail") == 0) {
        return step_fail(host, "%s", p->text);
    } else if (strcmp(p->what, "silent") == 0) {
        return STEP_FAILED;
    } else if (strcmp(p->what, "refuse") == 0) {
        host->fail(host, "accuracy 0.5 < 0.9");
        return STEP_REFUSED;
    } else if (strcmp(p->what, "nonsense") == 0) {
        return (enum step_result)42;
    } else if (strcmp(p->what, "wait") == 0) {
        if (host->resumed != NULL) {
            step_log(host, STEP_LOG_INFO, "resumed %s since %lld", step_get(host->resumed, "outcome")->string,
                     (long long)step_get(step_get(host->resumed, "state"), "since")->integer);
            return STEP_OK;
        }
        host->wait(host, "{\"kind\": \"until\", \"at_ms\": 5}", "{\"since\": 12}");
        return STEP_WAIT;
    } else if (strcmp(p->what, "wait for nothing") == 0) {
        return STEP_WAIT;
    } else if (strcmp(p->what, "digest") == 0) {
        int result = host->call(host, "digest.file", p->text, &reply);
        step_log(host, STEP_LOG_INFO, "%s", step_get(reply, result == 0 ? "sha256" : "message")->string);
    } else if (strcmp(p->what, "ask") == 0) {
        int result = host->call(host, "model.get", "{\"model\": \"m\"}", &reply);
        step_log(host, STEP_LOG_INFO, "%d %s", result, step_get(reply, result == 0 ? "name" : "message")->string);
        result = host->call(host, "model.get", "{", &reply);
        step_log(host, STEP_LOG_INFO, "%d %s", result, step_get(reply, "error")->string);
    } else if (strcmp(p->what, "http") == 0) {
        const char *const headers[] = {"X-One: 1", NULL};
        struct step_http_request request = {.size = sizeof request, .method = "POST", .url = p->text, .headers = headers, .body = "\377\0x",
                                            .body_size = 3, .to_file = p->file == NULL ? NULL : strrchr(p->file, '/') + 1};
        struct step_http_response response;
        int result = host->http(host, &request, &response);
        step_log(host, STEP_LOG_INFO, "%d %d %zu [%s] [%s]", result, response.status, response.body_size, response.body, response.error);
    } else if (strcmp(p->what, "flood") == 0) {
        for (int64_t i = 0; i < p->count; i++) { host->metric(host, "loss", (double)i / 2, i, i + 1); host->progress(host, 0.1, "x"); }
    } else if (strcmp(p->what, "late metric") == 0) {
        host->metric(host, "loss", 1, 0, 0);
        for (;;) { pause(); }
    } else if (strcmp(p->what, "threads") == 0) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) { pthread_create(&threads[i], NULL, many_metrics, (void *)(uintptr_t)host); }
        for (int i = 0; i < 4; i++) { host->log(host, STEP_LOG_INFO, "beside"); pthread_join(threads[i], NULL); }
    } else if (strcmp(p->what, "crash") == 0) {
        volatile int *nothing = NULL;
        *nothing = 1;
    } else if (strcmp(p->what, "loop") == 0) {
        for (;;) { __asm__ volatile(""); }
    } else if (strcmp(p->what, "polite") == 0) {
        (void)host->cancelled(host);
        say(host, "working", 1);
        while (!host->cancelled(host)) { usleep(5000); }
        return step_fail(host, "gave up when asked to");
    } else if (strcmp(p->what, "hog") == 0) {
        volatile char *much = malloc((size_t)10 << 30);
        for (size_t i = 0; i < (size_t)10 << 30; i += 4096) { much[i] = 1; }
    } else if (strcmp(p->what, "close") == 0) {
        for (int fd = 0; fd < 1024; fd++) { close(fd); }
        say(host, "into the void", 1);
        host->param(host, "k", "v");
    } else if (strcmp(p->what, "replace") == 0) {
        int other[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0) { dup2(other[0], 3); }
        say(host, "into the void", 1);
        return host->call(host, "model.get", "{}", &reply) == 0 ? STEP_OK : STEP_FAILED;
    } else if (strcmp(p->what, "output file") == 0) {
        FILE *file = fopen(getenv("SLUICE_OUTPUT"), "a");
        fprintf(file, "rows=12\n");
        fclose(file);
    }
    return STEP_OK;
}
STEP_PLUGIN(probe, "1.2", "Does what it is told.", STEP_PLAIN, probe_params, PARAMS, OUTPUTS, run)
"""


def compile_plugin(folder, name, source, *flags, header=HEADER.parent):
    (folder / f"{name}.c").write_text(source)
    subprocess.run(
        ["cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", f"-I{header}", *flags, "-o", folder / f"{name}.so",
         folder / f"{name}.c", "-pthread"], check=True)
    return folder / f"{name}.so"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    return compile_plugin(tmp_path_factory.mktemp("plugin"), "probe", PLUGIN)


def start(runner, engine, plugin, what, params=None, name="probe", **fields):
    fields.setdefault("artifact_dir", str(runner.home / "artifacts"))
    return runner.spawn(engine, kind="plugin", plugin={"path": str(plugin), "name": name},
                        params={"what": what, **(params or {})}, **fields)


def done(runner, engine, plugin, what, *args, **fields):
    """Runs to the end; the attempt, its exit record and its result."""
    attempt = start(runner, engine, plugin, what, *args, **fields)
    end = runner.exit(attempt)
    results = runner.frames(attempt, "result")
    return attempt, end, json.loads(results[-1]) if results else None


def reports(runner, attempt, kind=None):
    found = [json.loads(frame) for frame in runner.frames(attempt, "report")]
    return [r for r in found if kind in (None, r["kind"])]


def points(runner, attempt):
    for payload in runner.frames(attempt, "metrics"):
        while payload:
            size, = struct.unpack_from("<H", payload)
            yield payload[2 : 2 + size].decode(), *struct.unpack_from("<dqq", payload, 2 + size)
            payload = payload[26 + size :]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- a plugin and its host ------------------------------------------------------------------------------------


def test_what_a_plugin_records_arrives(runner, engine, plugin):
    attempt, end, result = done(runner, engine, plugin, "records")
    assert (end["how"], end["code"], end["reason"], result["result"]) == ("exited", 0, None, "ok")
    assert reports(runner, attempt, "param") == [{"kind": "param", "key": "depth", "value": "7"}]
    assert reports(runner, attempt, "tag") == [{"kind": "tag", "key": "team", "value": "grün"}]
    assert reports(runner, attempt, "progress") == [{"kind": "progress", "fraction": 0.5, "text": "half"}]
    outputs = {r["key"]: r["value"] for r in reports(runner, attempt, "output")}
    assert outputs == {"n": 569, "words": 'a "quoted" word', "thing": {"a": [1, 2.5, None]}, "yes": None}
    first, second = points(runner, attempt)
    assert first == ("loss", 0.25, 3, 1234)
    assert second[1] != second[1] and second[2] == 4 and abs(second[3] / 1000 - time.time()) < 60


def test_what_a_plugin_says_wrongly_is_refused_with_a_reason_in_the_log(runner, engine, plugin):
    attempt, end, result = done(runner, engine, plugin, "refusals")
    log = runner.log(attempt, 3)
    assert end["code"] == 0 and result["result"] == "ok"
    verdicts = dict(line.rsplit(" ", 1) for line in log.splitlines() if line.endswith((" 0", " -1")))
    assert verdicts.pop("number as text") == "0" and len(verdicts) == 13 and set(verdicts.values()) == {"-1"}
    assert reports(runner, attempt) == [{"kind": "output", "key": "words", "value": "7"}]
    for words in ("metric key 'a*b'", "tag key '../up'", "output 'm' is not among the outputs of the plugin 'probe'",
                  "output 'n': expected an integer, found 'text'", "artifact '../x'", "no-such-file"):
        assert words in log


def test_parameters_are_filled_from_with(runner, engine, plugin):
    given = {"text": "t", "file": "data/x.csv", "flag": True, "count": -3, "rate": 2, "span": 1500, "room": 1 << 40,
             "any": {"deep": ["x", 0.5]}}
    attempt, end, _ = done(runner, engine, plugin, "params", given)
    assert runner.log(attempt, 3).splitlines() == [
        f"text=t file={runner.home}/data/x.csv flag=1 count=-3 rate=2 span=1500 room={1 << 40} any=6", "deep=2 x 0.5"]
    attempt, end, _ = done(runner, engine, plugin, "params")
    assert runner.log(attempt, 3) == "text=NULL file=NULL flag=0 count=0 rate=nan span=0 room=0 any=-1\n"
    attempt, end, _ = done(runner, engine, plugin, "params", {"any": None, "file": "/abs"})
    assert "file=/abs " in runner.log(attempt, 3) and "any=0" in runner.log(attempt, 3)
    attempt, end, result = done(runner, engine, plugin, "params", {"count": "x"})
    assert result == {"result": "failed", "reason": "'count': expected an integer, found a string"}
    attempt, end, result = done(runner, engine, plugin, "params", {"colour": 1})
    assert result["reason"] == "'colour': the plugin has no such input"


def test_a_plugin_knows_where_it_is(runner, engine, plugin):
    context = {"pipeline": "wine", "run_id": "a" * 32, "run_number": 12, "step": "train", "item": "k=1", "attempt": 2,
               "step_run_id": "b" * 32, "home": "/home/of/sluice"}
    attempt, end, _ = done(runner, engine, plugin, "context", context=context)
    assert end["code"] == 0
    assert runner.log(attempt, 3).strip().split("|") == [
        "wine", "a" * 32, "12", "train", "k=1", "2", "b" * 32, str(runner.home), str(runner.home / "runs" / "run1" / str(attempt)),
        str(runner.home / "state"), "/home/of/sluice"]


def test_a_plugin_publishes_artifacts(runner, engine, plugin):
    (runner.home / "plot.svg").write_text("<svg/>")
    attempt, end, _ = done(runner, engine, plugin, "artifact", {"file": "plot.svg", "text": "plots/roc.svg"})
    assert end["code"] == 0
    made = runner.home / "artifacts" / "plots" / "roc.svg"
    assert made.read_text() == "<svg/>" and made.stat().st_mode & 0o222 == 0
    assert reports(runner, attempt, "artifact") == [
        {"kind": "artifact", "local": str(made), "files": [{"path": "plots/roc.svg", "sha256": sha256(b"<svg/>"), "size": 6}]}]
    folder = runner.home / "tables"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("a")
    (folder / "deep" / "b.csv").write_text("b")
    attempt, end, _ = done(runner, engine, plugin, "artifact", {"file": "tables", "text": "tables"})
    assert [f["path"] for f in reports(runner, attempt, "artifact")[0]["files"]] == ["tables/a.csv", "tables/deep/b.csv"]
    attempt, end, _ = done(runner, engine, plugin, "artifact", {"file": "plot.svg", "text": "tables"})
    assert (runner.home / "artifacts" / "tables").read_text() == "<svg/>"


def test_the_reason_of_a_failure_is_the_plugins_own(runner, engine, plugin):
    attempt, end, result = done(runner, engine, plugin, "fail", {"text": "no column 'x'\nat all"})
    assert (end["how"], end["code"], end["reason"]) == ("exited", 1, "no column 'x' at all")
    assert result == {"result": "failed", "reason": "no column 'x' at all"}
    attempt, end, result = done(runner, engine, plugin, "silent")
    assert result == {"result": "failed", "reason": "the plugin 'probe' failed and gave no reason"}
    attempt, end, result = done(runner, engine, plugin, "refuse")
    assert result == {"result": "refused", "reason": "accuracy 0.5 < 0.9"}
    attempt, end, result = done(runner, engine, plugin, "nonsense")
    assert result == {"result": "failed", "reason": "the step returned 42, which is no result"}


def test_a_secret_is_masked_in_what_a_plugin_says(runner, engine, plugin):
    attempt, end, result = done(runner, engine, plugin, "fail", {"text": "bad token hunter2-hunter2"}, secrets={"T": "hunter2-hunter2"})
    assert result["reason"] == "bad token ***" and b"hunter2-hunter2" not in runner.journal().read_bytes()


def test_a_wait_is_one_frame_and_its_state_comes_back(runner, engine, plugin):
    attempt, end, result = done(runner, engine, plugin, "wait")
    assert end["code"] == 0 and result == {"result": "wait", "reason": None}
    assert [json.loads(f) for f in runner.frames(attempt, "wait")] == [{"wait": {"kind": "until", "at_ms": 5}, "state": {"since": 12}}]
    engine.send(type="ack", attempt=attempt)
    start(runner, engine, plugin, "wait", attempt=attempt, resumed={"outcome": "met", "state": {"since": 12}})
    wait_until(lambda: len(runner.frames(attempt, "exit")) == 2)
    assert runner.log(attempt, 3) == "resumed met since 12\n" and runner.result(attempt)["result"] == "ok"
    attempt, end, result = done(runner, engine, plugin, "wait for nothing")
    assert result["result"] == "failed" and "never said what for" in result["reason"]


def test_a_digest_is_answered_where_the_step_runs(runner, engine, plugin):
    (runner.home / "data.csv").write_text("a,b\n")
    attempt, _, _ = done(runner, engine, plugin, "digest", {"text": '{"path": "data.csv"}'})
    assert runner.log(attempt, 3).strip() == sha256(b"a,b\n") and not runner.frames(attempt, "call")
    attempt, _, _ = done(runner, engine, plugin, "digest", {"text": '{"path": "none.csv"}'})
    assert "none.csv" in runner.log(attempt, 3)
    attempt, _, _ = done(runner, engine, plugin, "digest", {"text": "{}"})
    assert runner.log(attempt, 3) == "'path' is missing: expected text\n"


@pytest.mark.parametrize("reply, line", [({"result": {"name": "wine"}}, "0 wine"),
                                         ({"error": {"code": "not_found", "message": "there is no model 'm'"}}, "-1 there is no model 'm'")])
def test_the_store_answers_or_says_why_not(runner, engine, plugin, reply, line):
    attempt = start(runner, engine, plugin, "ask")
    call = json.loads(wait_until(lambda: runner.frames(attempt, "call"))[0])
    engine.send(type="reply", attempt=attempt, seq=call["seq"], **reply)
    runner.exit(attempt)
    assert runner.log(attempt, 3).splitlines() == [line, "-1 input"]


FETCH = """#!/usr/bin/env python3
import json, sys
r = json.load(sys.stdin)
if "fail" in r["url"]:
    print(json.dumps({"status": 0, "error": "no route to " + r["url"]}))
else:
    print(json.dumps({"status": 201, "headers": {}, "size": 1}))
    sys.stdout.write(json.dumps(r, sort_keys=True))
"""


def test_http_goes_through_the_program_that_may(runner, engine, plugin, tmp_path):
    program = tmp_path / "fetch"
    program.write_text(FETCH)
    program.chmod(0o755)
    fetch = {"program": str(program), "policy": {"deny": ["10.0.0.0/8"]}}
    env = {"PATH": os.environ["PATH"]}
    attempt, _, _ = done(runner, engine, plugin, "http", {"text": "http://a/"}, fetch=fetch, env=env)
    head, body = runner.log(attempt, 3).strip().split(" [", 1)
    assert head.startswith("0 201 ")
    assert json.loads(body.split("] [")[0]) == {
        "method": "POST", "url": "http://a/", "headers": ["X-One: 1"], "body_base64": "/wB4", "timeout_ms": 30000, "max_bytes": 16 << 20,
        "policy": {"deny": ["10.0.0.0/8"]}}
    attempt, _, _ = done(runner, engine, plugin, "http", {"text": "http://fail/"}, fetch=fetch, env=env)
    assert runner.log(attempt, 3) == "-1 0 0 [] [no route to http://fail/]\n"
    attempt, _, _ = done(runner, engine, plugin, "http", {"text": "http://a/", "file": "answer.bin"}, fetch=fetch, env=env)
    saved = runner.home / "runs" / "run1" / str(attempt) / "answer.bin"
    assert runner.log(attempt, 3).endswith(" [] []\n") and json.loads(saved.read_text())["url"] == "http://a/"
    attempt, _, _ = done(runner, engine, plugin, "http", {"text": "http://a/"})
    assert "has no way out" in runner.log(attempt, 3)


def test_a_hundred_thousand_points_arrive_once_and_in_order(runner, engine, plugin):
    attempt, end, _ = done(runner, engine, plugin, "flood", {"count": 100000})
    assert end["code"] == 0
    got = list(points(runner, attempt))
    assert got == [("loss", i / 2, i, i + 1) for i in range(100000)]
    assert len(reports(runner, attempt, "progress")) < 1000


def test_a_point_leaves_although_the_step_says_nothing_more(runner, engine, plugin):
    attempt = start(runner, engine, plugin, "late metric")
    wait_until(lambda: list(points(runner, attempt)), 3)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=0)
    runner.exit(attempt)


def test_threads_of_a_plugin_may_all_report(runner, engine, plugin):
    attempt, end, _ = done(runner, engine, plugin, "threads")
    assert end["code"] == 0 and len(list(points(runner, attempt))) == 20000
    assert runner.log(attempt, 3) == "beside\n" * 4


# ---- plugins that cannot be used ---------------------------------------------------------------------------------


CONSTRUCTOR = r"""
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void begin(void) { close(open("code-has-run", O_CREAT | O_WRONLY, 0600)); }
"""


def test_a_plugin_of_another_abi_is_refused_before_any_code_of_it_runs(runner, engine, tmp_path):
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "step.h").write_text(HEADER.read_text().replace("STEP_ABI 1", "STEP_ABI 2").replace('STEP_ABI_TEXT "1"', 'STEP_ABI_TEXT "2"'))
    wrong = compile_plugin(tmp_path, "wrong", PLUGIN + CONSTRUCTOR, header=tmp_path / "later")
    _, end, result = done(runner, engine, wrong, "records")
    assert result["result"] == "failed" and end["code"] == 1
    assert result["reason"] == (f"plugin 'probe' ({wrong}): it is built for ABI 2; this sluice speaks ABI 1: "
                                "build it again with this version's step.h")
    assert not (runner.home / "code-has-run").exists()
    right = compile_plugin(tmp_path, "right", PLUGIN + CONSTRUCTOR)
    done(runner, engine, right, "records")
    assert (runner.home / "code-has-run").exists()


def test_a_missing_symbol_is_named(runner, engine, tmp_path):
    source = "extern int nowhere_to_be_found(void);\n" + PLUGIN.replace("return STEP_OK;\n}\nSTEP_PLUGIN", "return nowhere_to_be_found();\n}\nSTEP_PLUGIN")
    _, end, result = done(runner, engine, compile_plugin(tmp_path, "loose", source), "records")
    assert result["result"] == "failed" and "plugin 'probe' 1.2 (" in result["reason"] and "nowhere_to_be_found" in result["reason"]


def test_what_is_no_plugin_is_refused_in_words(runner, engine, plugin, tmp_path):
    def reason(path, name="probe"):
        return done(runner, engine, path, "records", name=name)[2]["reason"]

    (tmp_path / "text.so").write_text("hello")
    (tmp_path / "cut.so").write_bytes(plugin.read_bytes()[:3000])
    unexported = PLUGIN.replace("STEP_PLUGIN(", "#define sluice_step another_name\nSTEP_PLUGIN(")
    descriptor = PLUGIN.replace("STEP_PLUGIN(", "#undef STEP_ABI\n#define STEP_ABI 9\nSTEP_PLUGIN(")
    assert reason(tmp_path / "none.so").endswith("none.so): there is no such file")
    assert reason(tmp_path / "text.so").endswith("it is no shared object (no ELF file)")
    assert reason(tmp_path / "cut.so").endswith("its section table is broken, or was cut off")
    assert reason("/bin/true").endswith("it has no section '.sluice': it is no sluice plugin")
    assert "does not export 'sluice_step'" in reason(compile_plugin(tmp_path, "mute", unexported))
    assert "its descriptor is of ABI 9; this sluice speaks ABI 1" in reason(compile_plugin(tmp_path, "mixed", descriptor))
    assert reason(plugin, name="other").endswith("it is the plugin 'probe': the file was replaced since the pipeline was read")
    assert reason(tmp_path).startswith("plugin 'probe' (")


# ---- plugins that misbehave ---------------------------------------------------------------------------------------


def test_a_crash_is_one_failed_step(runner, engine, plugin):
    neighbour = start(runner, engine, plugin, "polite")
    _, end, result = done(runner, engine, plugin, "crash")
    sanitized = b"__asan_init" in (BUILD / "sluice-runner").read_bytes()
    assert (end["how"], end["signal"]) == ("signalled", 11) or sanitized and end["code"] == 1
    assert sanitized or end["reason"].startswith("killed by signal 11 (SIGSEGV) after ")
    engine.send(type="stop", attempt=neighbour, why="cancel", grace_ms=5000)
    assert runner.exit(neighbour)["stopped"] == "cancel"


def test_an_endless_loop_ends_when_it_is_cancelled(runner, engine, plugin):
    attempt = start(runner, engine, plugin, "loop")
    runner.started(attempt)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=5000)
    end = runner.exit(attempt, 4)
    assert (end["how"], end["signal"], end["reason"]) == ("signalled", 15, "cancelled: ended by SIGTERM")


@pytest.mark.parametrize("number", [15, 10])
def test_a_plugin_that_asks_may_end_by_itself(runner, engine, plugin, number):
    attempt = start(runner, engine, plugin, "polite", stop={"signal": number, "grace_ms": 5000})
    wait_until(lambda: "working" in runner.log(attempt, 3))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=5000)
    end = runner.exit(attempt, 4)
    assert (end["how"], end["code"], end["stopped"]) == ("exited", 1, "cancel")
    assert runner.result(attempt)["reason"] == "gave up when asked to"


def test_ten_gigabytes_under_a_memory_limit_end_the_step_alone(runner, engine, plugin):
    if b"__asan_init" in (BUILD / "sluice-runner").read_bytes():
        pytest.skip("RLIMIT_AS: AddressSanitizer itself reserves more")
    _, end, _ = done(runner, engine, plugin, "hog", limits={"memory_bytes": 1 << 30})
    assert end["how"] == "signalled" and "under a memory limit of 1.0 GB" in end["reason"]


@pytest.mark.parametrize("what", ["close", "replace"])
def test_a_plugin_that_closes_its_hosts_descriptors_has_failed(runner, engine, plugin, what):
    attempt, end, result = done(runner, engine, plugin, what)
    assert end["how"] == "exited" and end["code"] != 0
    assert result["result"] == "failed" and "closed its host's descriptors" in result["reason"]
    assert done(runner, engine, plugin, "records")[1]["code"] == 0


# ---- inputs --------------------------------------------------------------------------------------------------------


def test_inputs_are_digested_before_the_step(runner, engine, plugin):
    (runner.home / "data.csv").write_text("a,b\n1,2\n")
    (runner.home / "folder").mkdir()
    (runner.home / "folder" / "x").write_text("x")
    inputs = [
        {"name": "data", "path": str(runner.home / "data.csv"), "kind": "path", "uri": "data.csv", "dataset": "wine", "context": "training"},
        {"name": "model", "path": str(runner.home / "folder"), "kind": "model", "uri": "models:/m-" + "0" * 32},
        {"name": "maybe", "path": str(runner.home / "none"), "kind": "path", "uri": "none", "optional": True},
    ]
    attempt, end, _ = done(runner, engine, plugin, "records", inputs=inputs)
    assert end["code"] == 0
    data, model = reports(runner, attempt, "input")
    assert data == {"kind": "input", "name": "data", "path": str(runner.home / "data.csv"), "uri": "data.csv", "dataset": "wine",
                    "context": "training", "sha256": sha256(b"a,b\n1,2\n"), "size": 8}
    assert model["sha256"] == sha256(b"x\0" + sha256(b"x").encode() + b"\n") and model["size"] == 1
    attempt, end, result = done(runner, engine, plugin, "records", inputs=[{"name": "data", "path": "none.csv", "kind": "path"}])
    assert end["how"] == "not_started" and result["reason"] == f"input 'data': there is no file or folder '{runner.home}/none.csv'"
    assert not runner.log(attempt)


# ---- what success publishes -------------------------------------------------------------------------------------------


def collect(runner, engine, script, **collecting):
    attempt = runner.next + 1
    folder = runner.home / "runs" / "run1" / str(attempt)
    env = {"D": str(folder), "OUT": f"{folder}.output"}
    for name, value in list(collecting.items()):
        collecting[name] = json.loads(json.dumps(value).replace("$D", str(folder)))
    runner.spawn(engine, script=script, env=env, collect=collecting, artifact_dir=str(runner.home / "artifacts"),
                 context={"step_run_id": "c" * 32})
    end = runner.exit(attempt)
    return attempt, end


def test_outputs_are_typed(runner, engine):
    types = {"i": "integer", "x": "number", "b": "boolean", "s": "string", "l": "list", "m": "map", "j": "json", "p": "path"}
    script = """printf 'i= 7\\nx=2.50\\nb=true\\ns= a=b \\nl=[1]\\nm={"k": 1}\\nj=null\\np<<END\\nout/x\\nEND\\n' >> "$OUT" """
    attempt, end = collect(runner, engine, script, outputs=types)
    assert end["code"] == 0
    got = {r["key"]: r["value"] for r in reports(runner, attempt, "output")}
    assert got == {"i": 7, "x": 2.5, "b": True, "s": " a=b ", "l": [1], "m": {"k": 1}, "j": None, "p": "out/x"}


@pytest.mark.parametrize("line, words", [
    ("n=many", "output 'n' (line 1): expected an integer, found 'many'"),
    ("m=1", "output 'm' (line 1) is not declared: did you mean 'n'"),
    ("", "output 'n' was not set: expected integer"),
    ("what is this", "$SLUICE_OUTPUT: line 1: expected key=value or key<<END, found 'what is this'"),
])
def test_outputs_that_are_not_as_declared_fail_the_step(runner, engine, line, words):
    attempt, end = collect(runner, engine, f"echo '{line}' >> \"$OUT\"; echo x > a.txt", outputs={"n": "integer"},
                           artifacts=[{"name": "a", "glob": "a.txt"}])
    assert (end["how"], end["code"]) == ("exited", 1) and words in end["reason"]
    assert runner.result(attempt)["result"] == "failed" and not reports(runner, attempt)


def test_artifacts_keep_their_paths(runner, engine):
    script = 'mkdir -p "$D/plots" tables/deep; echo h > "$D/h.csv"; echo 1 > "$D/plots/a.png"; echo 2 > "$D/plots/b.png"; ' \
             "echo t > tables/t.csv; echo u > tables/deep/u.csv"
    artifacts = [{"name": "holdout", "glob": "$D/h.csv"}, {"name": "plots", "glob": "$D/plots/*.png"}, {"name": "", "glob": "tables/**"},
                 {"name": "all", "glob": "tables"}]
    attempt, end = collect(runner, engine, script, artifacts=artifacts)
    assert end["code"] == 0, end
    root = runner.home / "artifacts"
    found = {r.get("declared"): r for r in reports(runner, attempt, "artifact")}
    assert found["holdout"]["local"] == str(root / "h.csv")
    assert found["holdout"]["files"] == [{"path": "h.csv", "sha256": sha256(b"h\n"), "size": 2}]
    assert found["plots"]["local"] == str(root / "plots") and [f["path"] for f in found["plots"]["files"]] == ["plots/a.png", "plots/b.png"]
    assert found["all"]["local"] == str(root / "tables")
    files = {f["path"] for r in reports(runner, attempt, "artifact") for f in r["files"]}
    assert files == {"h.csv", "plots/a.png", "plots/b.png", "tables/t.csv", "tables/deep/u.csv"}
    assert all((root / path).is_file() for path in files) and not list(root.rglob(".new-*"))


def test_artifacts_that_would_share_a_path_go_below_their_names(runner, engine):
    artifacts = [{"name": "mine", "glob": "$D/r.txt"}, {"name": "theirs", "glob": "r.txt"}]
    attempt, end = collect(runner, engine, 'echo a > "$D/r.txt"; echo b > r.txt', artifacts=artifacts)
    assert {r["declared"]: pathlib.Path(r["local"]).read_text() for r in reports(runner, attempt, "artifact")} == {"mine": "a\n", "theirs": "b\n"}
    attempt, end = collect(runner, engine, 'echo a > "$D/r.txt"', artifacts=[{"name": "", "glob": "$D/r.txt"}, {"name": "", "glob": "r.txt"}])
    assert end["code"] == 1 and "would both be the artifact 'r.txt'" in end["reason"]


def test_an_artifact_that_is_not_there_fails_the_step(runner, engine):
    attempt, end = collect(runner, engine, "true", artifacts=[{"name": "report", "glob": "out/*.html"}])
    assert end["code"] == 1 and end["reason"] == "artifact 'report': nothing is at 'out/*.html'"


def test_metrics_files_become_points(runner, engine):
    script = """echo '{"rmse": 0.5, "test": {"r2": "NaN"}, "note": "x"}' > m.json; printf 'step,loss\\n0,2\\n1,1\\n' > "$D/m.csv" """
    attempt, end = collect(runner, engine, script, metrics=["m.json", "$D/*.csv"])
    assert end["code"] == 0
    got = list(points(runner, attempt))
    assert [(p[0], p[2]) for p in got] == [("rmse", 0), ("test/r2", 0), ("loss", 0), ("loss", 1)]
    assert [p[1] for p in got][::2] == [0.5, 2.0] and got[1][1] != got[1][1] and all(abs(p[3] / 1000 - time.time()) < 60 for p in got)
    assert "metric 'note' is left out" in runner.log(attempt, 3)
    attempt, end = collect(runner, engine, "echo '{' > m.json", metrics=["m.json"])
    assert end["code"] == 1 and "m.json" in end["reason"]
    attempt, end = collect(runner, engine, """echo '{"a*b": 1}' > m.json; echo x > a.txt""", metrics=["m.json"],
                           artifacts=[{"name": "a", "glob": "a.txt"}])
    assert end["code"] == 1 and "metric key 'a*b'" in end["reason"] and not reports(runner, attempt)


@pytest.mark.parametrize("script, path, files", [
    ('echo w > "$D/model.bin"', "$D/model.bin", ["MLmodel", "model.bin"]),
    ('mkdir "$D/m"; echo w > "$D/m/w"; echo "flavors: {}" > "$D/m/MLmodel"', "$D/m", ["MLmodel", "w"]),
])
def test_a_model_is_published_with_an_mlmodel(runner, engine, script, path, files):
    target = runner.home / "models" / "m-1" / "artifacts"
    model = {"id": "m-1", "name": "wine", "path": path, "dir": str(target), "model_type": "regressor", "params": {"depth": 3}}
    attempt, end = collect(runner, engine, script, model=model)
    assert end["code"] == 0, end
    report, = reports(runner, attempt, "model")
    assert (report["status"], report["model_id"], report["name"], report["model_type"], report["params"]) == \
        ("READY", "m-1", "wine", "regressor", {"depth": 3})
    assert [f["path"] for f in report["files"]] == files and report["dir"] == str(target)
    lines = "".join(f"{f['path']}\0{f['sha256']}\n" for f in report["files"])
    assert report["sha256"] == sha256(lines.encode()) and report["size"] == sum(f["size"] for f in report["files"])
    text = (target / "MLmodel").read_text()
    assert text == "flavors: {}\n" if "mkdir" in script else f'run_id: "{"c" * 32}"' in text and "python_function" not in text


def test_a_model_that_is_not_there_fails_the_step(runner, engine):
    model = {"id": "m-1", "name": "wine", "path": "none.bin", "dir": str(runner.home / "models" / "m-1" / "artifacts")}
    attempt, end = collect(runner, engine, "true", model=model)
    assert end["code"] == 1 and end["reason"] == f"model: there is no file or folder '{runner.home}/none.bin'"
    assert not (runner.home / "models").exists()


def test_a_plugin_step_publishes_too(runner, engine, plugin):
    output = str(runner.home / "runs" / "run1" / f"{runner.next + 1}.output")
    attempt, end, result = done(runner, engine, plugin, "output file", env={"SLUICE_OUTPUT": output},
                                collect={"outputs": {"rows": "integer"}})
    assert result["result"] == "ok" and {r["key"]: r["value"] for r in reports(runner, attempt, "output")} == {"rows": 12}
    attempt, end, result = done(runner, engine, plugin, "records", collect={"outputs": {"rows": "integer"}})
    assert end["code"] == 1 and result == {"result": "failed", "reason": "output 'rows' was not set: expected integer"}
