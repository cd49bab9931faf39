# SPDX-License-Identifier: Apache-2.0
"""Hostile and clumsy use: nothing crashes, hangs, loses a record, runs a value, or explains itself badly."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from programs import BUILD, runners_of, send, wait_until

STEP = "name: p\nsteps:\n  a: {run: 'true'}\n"
AND_AFTER = "  after: {run: echo after, needs: [\"a?\"], if: always()}\n"


def step(script, extra="", after=True):
    """A pipeline of one step with this script, and one that runs whatever becomes of it."""
    lines = "".join(f"      {line}\n" for line in script.splitlines())
    return f"name: p\nsteps:\n  a:\n    run: |\n{lines}{extra and f'    {extra}'}\n" + (AND_AFTER if after else "")


def reason_of(sluice, pipeline, timeout=60):
    """Why step `a` failed; what follows has run, so that the failure was one step's."""
    sluice.pipeline(pipeline)
    result = sluice.run(expect=1, timeout=timeout)
    assert result.step("a")["status"] == "failed" and result.step("after")["status"] == "succeeded", repr(result)
    return result.step("a")["reason"]


# ---- the pipeline file ----------------------------------------------------------------------------------------------


FILES = {
    "empty": (b"", "the file is empty"),
    "a NUL": (STEP.encode() + b"\0", "a NUL byte"),
    "an escaped NUL": (STEP.replace("'true'", '"tr\\0ue"').encode(), "a text with a NUL"),
    "no UTF-8": (STEP.replace("true", "\xe9").encode("latin-1"), "a byte that is no UTF-8"),
    "UTF-16": (STEP.encode("utf-16"), "a byte that is no UTF-8"),
    "a program": (b"\x7fELF\x02\x01\x01\0\0\0", "a control character"),
    "too large": (b"# " + b"x" * (16 << 20), "larger than 16 MiB"),
    "lists in lists": (b"name: p\nsteps: " + b"[" * 100000, "nested more than 64 deep"),
    "maps in maps": (b"name: p\nsteps: " + b"{a: " * 100000, "nested more than 64 deep"),
    "aliases": (b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (i, i) for i in range(6000)), "are not accepted"),
    "a long id": (STEP.replace(" a:", f" {'a' * 64}:").encode(), "is no id of a step"),
    "a large expression": (STEP.replace("}", f", if: '{'true && ' * 20000}true'}}").encode(), "larger than 64 KiB"),
    "brackets in brackets": (STEP.replace("}", f", if: '{'(' * 50000}true'}}").encode(), "expected fewer levels"),
    "deep negation": (STEP.replace("}", f", if: '{'!' * 60000}true'}}").encode(), "error E"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_no_pipeline_is_refused_in_words(sluice, what):
    content, words = FILES[what]
    (sluice.folder / "sluice.yaml").write_bytes(content)
    result = sluice("validate", expect=3)
    assert words in result.out and "sluice.yaml" in result.out, repr(result)[:2000]


@pytest.mark.parametrize("begin, end", [(b"\xef\xbb\xbf", b"\n"), (b"", b"\r\n"), (b"\xef\xbb\xbf", b"\r\n")])
def test_what_editors_of_windows_write_is_accepted(sluice, begin, end):
    text = "name: p\nsteps:\n  a:\n    run: |\n      if true; then\n        printf yes > said\n      fi\n"
    (sluice.folder / "sluice.yaml").write_bytes(begin + text.encode().replace(b"\n", end))
    sluice.run()
    assert (sluice.folder / "said").read_text() == "yes"


def test_a_place_behind_a_byte_order_mark_is_right(sluice):
    (sluice.folder / "sluice.yaml").write_bytes(b"\xef\xbb\xbfname: P\nsteps: {a: {run: x}}\n")
    assert "sluice.yaml:1:7: error" in sluice("validate", expect=3).out


def test_a_cycle_of_a_thousand_is_printed(sluice):
    steps = "".join(f"  s{i}: {{run: x, needs: [s{(i + 1) % 1000}]}}\n" for i in range(1000))
    sluice.pipeline(f"name: p\nsteps:\n{steps}")
    assert "s998 → s999 → s0" in sluice("validate", expect=3).out


@pytest.mark.parametrize(
    "text",
    [
        "name: p\nparams: {x: {default: y}}\nsteps:\n  a:\n    run: |\n" + 8000 * "      : ${{ params.x }}\n",
        "name: p\nparams: {x: {default: y}}\nsteps:\n  a: {run: x, env: {A: '"
        + 8000 * "long enough a text before ${{ params.x }} "
        + "'}}\n",
        "name: p\nsteps:\n  a:\n    run: |\n" + 8000 * "      cat <<E\n      E\n",
        "name: p\nsteps:\n" + "".join(f"  s{i}:\n    run: |\n\n\n      echo {i}\n" for i in range(8000)),
    ],
    ids=["expressions in a script", "expressions in a text", "here-documents", "scripts"],
)
def test_eight_thousand_of_anything_are_read_in_seconds(sluice, text):
    """Each of these took time, or memory, by the square of its number."""
    sluice.pipeline(text)
    begun = time.process_time(), os.times().children_user
    sluice("validate", expect=0, timeout=60)
    assert os.times().children_user - begun[1] < 10


CHILD = "name: child\nparams: {x: {type: integer}}\nsteps:\n" + "".join(f"  s{i}: {{run: x}}\n" for i in range(200))
SHAPES = {
    "a chain": (0, lambda i: f"  s{i}: {{run: x, needs: [{f's{i - 1}' if i > 0 else ''}]}}\n"),
    "one name many times": (3, lambda i: "  s: {run: x}\n"),
    "unknown keys": (3, lambda i: f"  s{i}: {{run: x, k{i}: y}}\n"),
    "unknown steps": (3, lambda i: f"  s{i}: {{run: x, needs: [t{i}]}}\n"),
    "unknown outputs": (3, lambda i: f"  s{i}: {{run: 'x ${{{{ steps.t{i}.outputs.y }}}}'}}\n"),
    "one sub-pipeline": (0, lambda i: f"  s{i}: {{pipeline: ./child.yaml, with: {{x: {i}}}}}\n"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_time_grows_with_the_file_and_not_by_its_square(sluice, shape):
    expect, step = SHAPES[shape]
    (sluice.folder / "child.yaml").write_text(CHILD)
    times = []
    for count in (2000, 16000):
        sluice.pipeline("name: p\nsteps:\n" + "".join(step(i) for i in range(count)))
        begun = os.times().children_user
        sluice("validate", expect=expect, timeout=120)
        times.append(os.times().children_user - begun)
    assert times[1] < 20 * max(times[0], 0.05), times


@pytest.mark.parametrize("key", ["", "$(x)", "a\nb", "../a", "/a", "k" * 300])
def test_an_item_whose_key_names_no_param_fails_alone(sluice, key):
    """It ended the command, and every later one of the home."""
    sluice.write("l.json", json.dumps({"l": json.dumps([{key: 1}, {"good": 1}])}))
    sluice.pipeline("""\
        name: p
        params: {l: {type: string}}
        steps:
          a: {run: "true", matrix: "${{ fromJSON(params.l) }}"}
          after: {run: "true", needs: ["a?"], if: always()}
        """)
    result = sluice.run("--params", "l.json", expect=1)
    assert [result.step("a", i)["status"] for i in range(2)] == ["failed", "succeeded"]
    assert result.step("after")["status"] == "succeeded"
    assert result.step("a")["reason"] and result.step("a", 1)["reason"] is None


def test_a_message_does_nothing_to_the_terminal(sluice):
    sluice.pipeline('name: p\nsteps:\n  "\\e[31mred\\u009b0m\\nb": {run: x}\n  b: {"\\e]0;title\\a": 1, run: x}\n')
    result = sluice("validate", expect=3)
    assert "'?[31mred??0m b' is no id of a step" in result.out and "\x1b" not in result.out + result.err
    sluice.pipeline(step("printf 'n=\\033[31mred\\n' >> $SLUICE_OUTPUT", "outputs: {n: integer}", after=False))
    result = sluice.run(expect=1)
    assert "found '?[31mred'" in result.step("a")["reason"] and "\x1b" not in result.err


# ---- what a step leaves -------------------------------------------------------------------------------------------


LEFT = {
    "a pipe as outputs": (
        "rm $SLUICE_OUTPUT; mkfifo $SLUICE_OUTPUT", "outputs: {k: string}", "is a pipe, expected a file"),
    "a folder as outputs": ("rm $SLUICE_OUTPUT; mkdir $SLUICE_OUTPUT", "outputs: {k: string}", "is a folder"),
    "a device as outputs": (
        "rm $SLUICE_OUTPUT; ln -s /dev/zero $SLUICE_OUTPUT", "outputs: {k: string}", "is a device, expected a file"),
    "no outputs": ("rm $SLUICE_OUTPUT", "outputs: {k: string}", "output 'k' was not set"),
    "100 MB of outputs": ("truncate -s 100M $SLUICE_OUTPUT", "outputs: {k: string}", "over 1 MiB"),
    "bytes as outputs": ("printf 'k=\\377' > $SLUICE_OUTPUT", "outputs: {k: string}", "not UTF-8"),
    "a pipe as metrics": (
        "mkfifo $SLUICE_STEP_DIR/m.json", 'metrics: ["${{ step.dir }}/m.json"]', "is a pipe, expected a file"),
    "a pipe as an artifact": (
        "mkfifo $SLUICE_STEP_DIR/x", 'artifacts: {x: "${{ step.dir }}/x"}', "is neither a file nor a folder"),
    "a device as an artifact": (
        "ln -s /dev/zero $SLUICE_STEP_DIR/x", 'artifacts: {x: "${{ step.dir }}/x"}', "is a link to the outside of"),
    "a loop of links": (
        "ln -s x $SLUICE_STEP_DIR/x", 'artifacts: {x: "${{ step.dir }}/x"}', "Too many levels of symbolic links"),
    "a link out of the folder": (
        "mkdir $SLUICE_STEP_DIR/x; ln -s /etc/passwd $SLUICE_STEP_DIR/x/p",
        'artifacts: {x: "${{ step.dir }}/x"}', "is a link to the outside"),
    "a pipe as a model": (
        "mkfifo $SLUICE_STEP_DIR/m", 'model: {path: "${{ step.dir }}/m", name: w}', "is neither a file nor a folder"),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_no_file_fails_the_step_and_hangs_nothing(sluice, what):
    script, extra, words = LEFT[what]
    assert words in reason_of(sluice, step(script, extra))


def test_a_pipe_where_a_script_or_plugin_should_be_is_refused_at_once(sluice):
    os.mkfifo(sluice.folder / "x.lua")
    os.mkfifo(sluice.folder / "x.so")
    sluice.pipeline("name: p\nsteps:\n  a: {uses: ./x.so}\n")
    assert "is a pipe, expected a file" in sluice("validate", expect=3).out
    sluice.pipeline("name: p\nsteps:\n  a: {lua: x.lua}\n")
    assert sluice.run(expect=None).code in (1, 3)


def test_a_block_of_outputs_keeps_the_returns_in_it(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          a:
            run: |
              printf 'unix<<END\\nx\\r\\ny\\r\\nEND\\n' >> $SLUICE_OUTPUT
              printf 'dos<<END\\r\\nx\\r\\ny\\r\\nEND\\r\\n' >> $SLUICE_OUTPUT
            outputs: {unix: string, dos: string}
        """)
    assert sluice.run().step("a")["outputs"] == {"unix": "x\r\ny\r", "dos": "x\ny"}


def test_twenty_thousand_metrics_and_outputs_take_seconds(sluice):
    sluice.write("keys.py", """\
        import json
        import os
        print(json.dumps({f"k{i}": i for i in range(20000)}), file=open("m.json", "w"))
        open(os.environ["SLUICE_OUTPUT"], "w").writelines(f"k{i}=1\\n" for i in range(20000))
        """)
    sluice.pipeline("""\
        name: p
        steps:
          measured: {run: "python3 keys.py; : > $SLUICE_OUTPUT", metrics: [m.json]}
          wordy: {run: python3 keys.py, outputs: {k: integer}}
        """)
    before = os.times().children_user
    result = sluice.run(expect=1)
    assert len(result.step("measured")["metrics"]) == 20000 and os.times().children_user - before < 15
    assert "more than 10000 outputs" in result.step("wordy")["reason"]


def test_files_with_the_oddest_names_are_artifacts(sluice):
    names = ["a\nb", "-rf", "*", "\x1b[31m", 'q"uote', "$(touch pwned)", "ü"]
    make = "\n".join(f": > \"$(printf '{name.encode().hex()}' | xxd -r -p)\"" for name in names)
    script = f"mkdir $SLUICE_STEP_DIR/x\ncd $SLUICE_STEP_DIR/x\n{make}"
    sluice.pipeline(step(script, 'artifacts: {x: "${{ step.dir }}/x"}'))
    sluice.run()
    rows = sluice("artifacts", "--json", expect=0).json
    assert sorted(row["path"] for row in rows) == sorted(f"x/{name}" for name in names)
    assert "\x1b" not in sluice("artifacts", expect=0).out
    assert not list(sluice.folder.rglob("pwned"))


# ---- steps that fight ---------------------------------------------------------------------------------------------


def test_what_a_step_starts_and_leaves_dies_with_it(sluice):
    sluice.pipeline(step("""\
        for i in $(seq 50); do (setsid sleep 321 &); done
        (env -i setsid sh -c 'trap "" TERM HUP; while :; do sleep 0.05; echo >> alive1; done' > /dev/null 2>&1 &)
        (setsid sh -c 'setsid sh -c "while :; do sleep 0.05; echo >> alive2; done" &' &)
        until [ -s alive1 ] && [ -s alive2 ]; do sleep 0.02; done
        exit 3"""))
    assert sluice.run(expect=1).step("a")["reason"] == "exited with code 3"
    sizes = [(sluice.folder / name).stat().st_size for name in ("alive1", "alive2")]
    time.sleep(0.3)
    assert [(sluice.folder / name).stat().st_size for name in ("alive1", "alive2")] == sizes


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


ORPHANS = {
    "no environment": ("", "env -i sleep 321"),
    "a large environment": (
        "env: {" + ", ".join(f"X{i}: '{'z' * 100000}'" for i in range(14)) + "}",
        "setsid sleep 321",
    ),
}


@pytest.mark.parametrize("what", ORPHANS)
def test_nothing_of_a_lost_step_is_left(sluice, what):
    """They went on beside the next attempt."""
    extra, command = ORPHANS[what]
    sluice.pipeline(step(f"{command} & echo $! > pid\nkill -9 $PPID\nsleep 30", extra))
    assert sluice.run(expect=1).step("a")["reason"] == "lost: its runner was killed"
    assert not is_alive((sluice.folder / "pid").read_text().strip())


def test_a_step_that_ends_its_runner_is_lost_or_stopped_and_the_run_goes_on(sluice):
    assert reason_of(sluice, step("kill -9 $PPID; sleep 30")) == "lost: its runner was killed"
    assert "the runner was told to end" in reason_of(sluice, step("kill -TERM $PPID; sleep 30"))


def test_a_stopped_step_is_ended_all_the_same(sluice):
    reason = reason_of(sluice, step("sleep 30 & kill -STOP $! $$; wait", "timeout: 300ms"))
    assert "timed out after 300 ms" in reason


def test_a_runner_that_does_not_answer_can_be_left(sluice):
    sluice.pipeline(step("touch begun; sleep 300"))
    process = sluice.start("run")
    wait_until((sluice.folder / "begun").exists)
    runner = runners_of(sluice.home)[0]
    os.kill(runner, signal.SIGSTOP)
    try:
        for words in ("cancelling", None, "left before the steps had ended"):
            send(process, signal.SIGINT)
            if words is not None:
                assert words in process.stderr.readline()
        assert process.wait(60) == 130
    finally:
        os.kill(runner, signal.SIGCONT)
    assert sluice("resume", "--json", expect=1).json["status"] == "cancelled"


def test_a_step_with_two_megabytes_to_know_starts(sluice):
    """The rest of a message that the socket did not take at once was never sent."""
    sluice.write("big.json", json.dumps({f"v{i}": "z" * 100000 for i in range(20)}))
    params = "".join(f"  v{i}: {{type: string}}\n" for i in range(20))
    names = ", ".join(f"v{i}: '${{{{ params.v{i} }}}}'" for i in range(20))
    sluice.pipeline(f"name: p\nparams:\n{params}steps:\n  a:\n    pipeline: ./child.yaml\n    with: {{{names}}}\n")
    env = ", ".join(f"V{i}: '${{{{ params.v{i} }}}}'" for i in range(12))
    child = f"name: c\nparams:\n{params}steps:\n  a: {{run: env | wc -c > size, env: {{{env}}}}}\n"
    sluice.pipeline(child, "child.yaml")
    sluice.run("--params", "big.json", timeout=60)
    assert int((sluice.folder / "size").read_text()) > 1200000


DAMAGE = {
    "cut": (": > $j", "bytes"),
    "written to": ("head -c 1000 /dev/urandom >> $j", "damaged"),
    "begun anew": ("cp $j $j.new; echo >> $j.new; cat $j.new >> $j", "damaged"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_journal_loses_its_steps_and_says_so(sluice, what):
    """It held the steps for ever, as a full disk does."""
    do, words = DAMAGE[what]
    script = f"for j in $SLUICE_WORKSPACE/.sluice/runs/*/journal; do {do}; done; sleep 0.2; echo x; sleep 60"
    sluice.pipeline(step(script))
    result = sluice.run(expect=1)
    reason = result.step("a")["reason"]
    assert reason.startswith("lost: the journal of the run is damaged: ") and words in reason, repr(result)
    (sluice.folder / "sluice.yaml").write_text(STEP)
    assert sluice.run().json["status"] == "succeeded"


@pytest.mark.parametrize("how", ["rm -rf .sluice", "mv .sluice elsewhere"])
def test_a_home_that_vanishes_is_told(sluice, how):
    """The run went on into files without a name, and ended as succeeded."""
    sluice.pipeline(step(f"cd $SLUICE_WORKSPACE; {how}"))
    result = sluice("run", expect=4)
    assert "was moved or removed while in use" in result.err, repr(result)
    for home in (sluice.home, sluice.folder / "elsewhere"):
        for pid in runners_of(home):
            os.kill(pid, signal.SIGKILL)


# ---- secrets -----------------------------------------------------------------------------------------------------


def test_a_secret_in_names_is_in_no_record(sluice):
    secret = "plainsecret42"
    sluice.write(".sluice/config.yaml", "secrets: {B: {env: SB}}\n")
    sluice.pipeline("""\
        name: p
        steps:
          named:
            env: {B: "${{ secrets.B }}"}
            run: |
              echo "{\\"$B\\": 1, \\"loss\\": 2}" > $SLUICE_STEP_DIR/m.json
              echo "k={\\"$B\\": \\"$B\\"}" >> $SLUICE_OUTPUT
            outputs: {k: json}
            metrics: ["${{ step.dir }}/m.json"]
          undeclared: {env: {B: "${{ secrets.B }}"}, run: 'echo "$B=1" >> $SLUICE_OUTPUT', outputs: {n: integer}}
          in_words: {env: {B: "${{ secrets.B }}"}, lua: 'error("bad " .. sluice.secrets.B)'}
          in_names: {env: {B: "${{ secrets.B }}"}, lua: "sluice.metric(sluice.secrets.B, 1) sluice.metric('acc', 2)"}
        """)
    result = sluice.run(expect=1, env={"SB": secret})
    assert result.step("named")["metrics"] == {"loss": 2} and result.step("in_names")["metrics"] == {"acc": 2}
    shown = [result.out, result.err, *(sluice(word).out for word in ("show", "logs", "runs", "artifacts", "activity"))]
    assert secret not in "".join(shown)
    assert "a metric with a secret in its name is not recorded" in shown[3]
    for path in sluice.home.rglob("*"):
        if path.is_file() and path.name != "m.json":
            assert secret.encode() not in path.read_bytes(), path


# ---- the world around ----------------------------------------------------------------------------------------------


def shell(sluice, line, timeout=60, **env):
    result = subprocess.run(["bash", "-c", line], cwd=sluice.folder, capture_output=True, text=True, timeout=timeout,
                            env={**sluice.env, "S": str(BUILD / "sluice"), **env}, stdin=subprocess.DEVNULL)
    assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, result.stderr
    return result


@pytest.mark.parametrize(
    "line, code, words",
    [
        ("$S run <&-", 0, ""),
        ("$S run 2>&-", 0, ""),
        ("$S run >&-", 4, "standard output cannot be written"),
        ("$S run > /dev/full", 4, "standard output cannot be written"),
        ("$S run <&- >&- 2>&-; $S runs --json | grep -q succeeded", 0, ""),
        ("env -i $S --home .sluice run", 0, ""),
        ("TZ=XYZ-99:99:99 LANG=C LC_ALL=nonsense TMPDIR=/nonexistent $S run", 0, ""),
        ("ulimit -f 1; $S run", 4, "disk I/O error"),
        ("SLUICE_HOME=/etc/passwd $S run", 4, "'/etc/passwd' is there, but is no folder"),
        ("SLUICE_HOME=/dev/null/x $S run", 4, "'/dev/null' is there, but is no folder"),
        ("mkdir h; head -c 9000 /dev/urandom > h/sluice.db; $S --home h run", 4, "the store is damaged"),
        ("mkdir h; mkdir h/sluice.db; $S --home h run", 4, "unable to open database file"),
    ],
)
def test_a_strange_surrounding_is_survived_or_named(sluice, line, code, words):
    sluice.pipeline(STEP)
    result = shell(sluice, line)
    assert result.returncode == code and words in result.stderr, result


def test_a_disk_that_is_full_is_called_that(sluice):
    sluice.pipeline(STEP)
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting needs privileges")
    line = """unshare -m bash -c '
        mkdir full; mount -t tmpfs -o size=2m none full; $S --home full run -q || exit 50
        head -c 9m /dev/zero > full/fill; $S --home full run; code=$?
        rm full/fill; $S --home full run && exit $code'"""
    result = shell(sluice, line)
    assert result.returncode == 4 and "the disk is full" in result.stderr, result
