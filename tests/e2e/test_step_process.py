# SPDX-License-Identifier: Apache-2.0
"""The inside of a step's process, in the real sluice-runner: plugins, good and hostile."""

import hashlib
import json
import os
import subprocess
import time

import pytest

from metric_points import of_payload
from lone_runner import BUILD, ROOT, Engine, engine, runner, wait_until  # noqa: F401 (fixtures)

HEADER = ROOT / "orchestrator" / "step.h"

PLUGIN = (ROOT / "tests" / "fixtures" / "plugins" / "probe.c").read_text()


def compile_plugin(folder, name, source, *flags, header=HEADER.parent):
    (folder / f"{name}.c").write_text(source)
    subprocess.run(
        [
            "cc",
            "-std=c17",
            "-D_GNU_SOURCE",
            "-O1",
            "-shared",
            "-fPIC",
            f"-I{header}",
            *flags,
            "-o",
            folder / f"{name}.so",
            folder / f"{name}.c",
            "-pthread",
        ],
        check=True,
    )
    return folder / f"{name}.so"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    return compile_plugin(tmp_path_factory.mktemp("plugin"), "probe", PLUGIN)


def start(runner, engine, plugin, what, params=None, name="probe", **fields):
    fields.setdefault("artifact_dir", str(runner.home / "artifacts"))
    return runner.spawn(
        engine,
        kind="plugin",
        plugin={"path": str(plugin), "name": name},
        params={"what": what, **(params or {})},
        **fields,
    )


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
    for payload in runner.frames(attempt, "points"):
        yield from of_payload(payload)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- a plugin and its host ------------------------------------------------------------------------------------


def test_what_a_plugin_records_arrives(runner, engine, plugin):
    attempt, end, result = done(runner, engine, plugin, "records")
    assert (end["how"], end["code"], end["reason"], result["result"]) == ("exited", 0, None, "ok")
    assert reports(runner, attempt, "param") == [{"kind": "param", "key": "depth", "value": "7"}]
    assert reports(runner, attempt, "tag") == [
        {"kind": "tag", "key": "sluice.plugin", "value": f"probe 1.2 sha256:{sha256(plugin.read_bytes())}"},
        {"kind": "tag", "key": "team", "value": "grün"},
    ]
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
    assert verdicts.pop("number as text") == "0" and len(verdicts) == 14 and set(verdicts.values()) == {"-1"}
    assert reports(runner, attempt)[1:] == [{"kind": "output", "key": "words", "value": "7"}]
    for words in (
        "metric key 'a*b'",
        "tag key '../up'",
        "output 'm' is not among the outputs of the plugin 'probe'",
        "output 'n': expected an integer, found 'text'",
        "artifact '../x'",
        "output 'thing': what the step reports is nested deeper than 64 levels",
        "no-such-file",
    ):
        assert words in log


def test_parameters_are_filled_from_with(runner, engine, plugin):
    given = {
        "text": "t",
        "file": "data/x.csv",
        "flag": True,
        "count": -3,
        "rate": 2,
        "span": 1500,
        "room": 1 << 40,
        "any": {"deep": ["x", 0.5]},
    }
    attempt, end, _ = done(runner, engine, plugin, "params", given)
    assert runner.log(attempt, 3).splitlines() == [
        f"text=t file={runner.home}/data/x.csv flag=1 count=-3 rate=2 span=1500 room={1 << 40} any=6",
        "deep=2 x 0.5",
    ]
    attempt, end, _ = done(runner, engine, plugin, "params")
    assert runner.log(attempt, 3) == "text=NULL file=NULL flag=0 count=0 rate=nan span=0 room=0 any=-1\n"
    attempt, end, _ = done(runner, engine, plugin, "params", {"any": None, "file": "/abs"})
    assert "file=/abs " in runner.log(attempt, 3) and "any=0" in runner.log(attempt, 3)
    attempt, end, result = done(runner, engine, plugin, "params", {"count": "x"})
    assert result == {"result": "failed", "reason": "'count': expected an integer, found a string"}
    attempt, end, result = done(runner, engine, plugin, "params", {"colour": 1})
    assert result["reason"] == "'colour': the plugin has no such input"


def test_a_plugin_knows_where_it_is(runner, engine, plugin):
    context = {
        "pipeline": "wine",
        "run_id": "a" * 32,
        "run_number": 12,
        "step": "train",
        "item": "k=1",
        "attempt": 2,
        "step_run_id": "b" * 32,
        "home": "/home/of/sluice",
    }
    attempt, end, _ = done(runner, engine, plugin, "context", context=context)
    assert end["code"] == 0
    assert runner.log(attempt, 3).strip().split("|") == [
        "wine",
        "a" * 32,
        "12",
        "train",
        "k=1",
        "2",
        "b" * 32,
        str(runner.home),
        str(runner.home / "runs" / "run1" / str(attempt)),
        str(runner.home / "state"),
        "/home/of/sluice",
    ]


def test_a_plugin_publishes_artifacts(runner, engine, plugin):
    (runner.home / "plot.svg").write_text("<svg/>")
    attempt, end, _ = done(runner, engine, plugin, "artifact", {"file": "plot.svg", "text": "plots/roc.svg"})
    assert end["code"] == 0
    made = runner.home / "artifacts" / "plots" / "roc.svg"
    assert made.read_text() == "<svg/>" and made.stat().st_mode & 0o222 == 0
    (told,) = reports(runner, attempt, "artifact")
    status = made.stat()
    assert told.pop("stamp").split(":")[1:3] == [f"{status.st_ino:x}", str(status.st_size)]
    assert [told] == [
        {
            "kind": "artifact",
            "local": str(made),
            "sha256": sha256(b"<svg/>"),
            "files": [{"path": "plots/roc.svg", "sha256": sha256(b"<svg/>"), "size": 6}],
        }
    ]
    folder = runner.home / "tables"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("a")
    (folder / "deep" / "b.csv").write_text("b")
    attempt, end, _ = done(runner, engine, plugin, "artifact", {"file": "tables", "text": "tables"})
    assert [f["path"] for f in reports(runner, attempt, "artifact")[0]["files"]] == [
        "tables/a.csv",
        "tables/deep/b.csv",
    ]
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
    attempt, end, result = done(
        runner, engine, plugin, "fail", {"text": "bad token hunter2-hunter2"}, secrets={"T": "hunter2-hunter2"}
    )
    assert result["reason"] == "bad token ***" and b"hunter2-hunter2" not in runner.journal().read_bytes()


def test_a_wait_is_one_frame_and_its_state_comes_back(runner, engine, plugin):
    attempt, end, result = done(runner, engine, plugin, "wait")
    assert end["code"] == 0 and result == {"result": "wait", "reason": None}
    assert [json.loads(f) for f in runner.frames(attempt, "wait")] == [
        {"wait": {"kind": "until", "at_ms": 5}, "state": {"since": 12}}
    ]
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


@pytest.mark.parametrize(
    "reply, line",
    [
        ({"result": {"name": "wine"}}, "0 wine"),
        ({"error": {"code": "not_found", "message": "there is no model 'm'"}}, "-1 there is no model 'm'"),
    ],
)
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
        "method": "POST",
        "url": "http://a/",
        "headers": ["X-One: 1"],
        "body_base64": "/wB4",
        "timeout_ms": 30000,
        "max_bytes": 16 << 20,
        "policy": {"deny": ["10.0.0.0/8"]},
    }
    attempt, _, _ = done(runner, engine, plugin, "http", {"text": "http://fail/"}, fetch=fetch, env=env)
    assert runner.log(attempt, 3) == "-1 0 0 [] [no route to http://fail/]\n"
    attempt, _, _ = done(
        runner, engine, plugin, "http", {"text": "http://a/", "file": "answer.bin"}, fetch=fetch, env=env
    )
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
    wait_until(lambda: list(points(runner, attempt)))
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
    (tmp_path / "later" / "step.h").write_text(
        HEADER.read_text().replace("STEP_ABI 1", "STEP_ABI 2").replace('STEP_ABI_TEXT "1"', 'STEP_ABI_TEXT "2"')
    )
    wrong = compile_plugin(tmp_path, "wrong", PLUGIN + CONSTRUCTOR, header=tmp_path / "later")
    _, end, result = done(runner, engine, wrong, "records")
    assert result["result"] == "failed" and end["code"] == 1
    assert result["reason"] == (
        f"plugin 'probe' ({wrong}): it is built for ABI 2; this sluice speaks ABI 1: "
        "build it again with this version's step.h"
    )
    assert not (runner.home / "code-has-run").exists()
    right = compile_plugin(tmp_path, "right", PLUGIN + CONSTRUCTOR)
    done(runner, engine, right, "records")
    assert (runner.home / "code-has-run").exists()


def test_a_missing_symbol_is_named(runner, engine, tmp_path):
    source = "extern int nowhere_to_be_found(void);\n" + PLUGIN.replace(
        "return step_fail(", "nowhere_to_be_found();\n    return step_fail("
    )
    _, end, result = done(runner, engine, compile_plugin(tmp_path, "loose", source), "records")
    assert (
        result["result"] == "failed"
        and "plugin 'probe' 1.2 (" in result["reason"]
        and "nowhere_to_be_found" in result["reason"]
    )


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
    assert "its descriptor is of ABI 9; this sluice speaks ABI 1" in reason(
        compile_plugin(tmp_path, "mixed", descriptor)
    )
    assert reason(plugin, name="other").endswith(
        "it is the plugin 'probe': the file was replaced since the pipeline was read"
    )
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
    end = runner.exit(attempt)
    assert (end["how"], end["signal"], end["reason"]) == ("signalled", 15, "cancelled: ended by SIGTERM")


@pytest.mark.parametrize("number", [15, 10])
def test_a_plugin_that_asks_may_end_by_itself(runner, engine, plugin, number):
    attempt = start(runner, engine, plugin, "polite", stop={"signal": number, "grace_ms": 5000})
    wait_until(lambda: "working" in runner.log(attempt, 3))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=5000)
    end = runner.exit(attempt)
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
