# SPDX-License-Identifier: Apache-2.0
"""`sluice secrets`: values are sealed in the home, reach the step that names them, and are found nowhere else."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

from programs import BUILD, Sluice, wait_until

# Not what another test that runs at the same time gives to its programs as words: `Watch` sees those, too.
VALUE = f"Zx9-quite-secret/Kp{os.getpid():07}"
OTHER = f"an0ther.quite/{os.getpid():07}+"
KEY = base64.b64encode(bytes(range(32))).decode()
USES = """\
    name: p
    steps:
      shell: {env: {TOKEN: "${{ secrets.TOKEN }}"}, run: 'printf %s "$TOKEN" > "$SLUICE_WORKSPACE/seen"'}
"""


def give(sluice, text, *words, expect=0, env=None, timeout=60):
    """`sluice secrets set ...` with `text` on standard input."""
    text = text if isinstance(text, bytes) else text.encode()
    done = subprocess.run([BUILD / "sluice", "secrets", "set", *words], cwd=sluice.folder, input=text,
                          env={**sluice.env, **(env or {})}, capture_output=True, timeout=timeout, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == expect and "AddressSanitizer" not in err and "runtime error" not in err, (done, err)
    return out if expect == 0 else err


def forms(value):
    """Bytes that show the value: as it is, in hex, in base64 wherever it lies in the encoded text."""
    raw = value.encode()
    found = [raw, raw.hex().encode(), raw.hex().upper().encode()]
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + raw)
        inner = encoded[before and before + 1:(before + len(raw)) * 8 // 6]
        found += [inner, inner.translate(bytes.maketrans(b"+/", b"-_"))]
    return found


def assert_in_no_file(home, *values):
    found = 0
    for path in pathlib.Path(home).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += 1
            for value in values:
                assert not [form for form in forms(value) if form in data], path
    assert found > 5


class Watch(threading.Thread):
    """Reads the command lines of all processes, over and over, and keeps those that show a value."""

    def __init__(self, *values, told=None):
        super().__init__(daemon=True)
        self.told = told  # a file that is there when it has looked often enough
        self.wanted = [form for value in values for form in forms(value)]
        self.looks, self.shown, self.done = 0, [], False

    def run(self):
        while not self.done:
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    text = path.read_bytes()
                except OSError:
                    continue
                self.shown += [text for form in self.wanted if form in text]
            self.looks += 1
            if self.looks == 6 and self.told is not None:
                self.told.touch()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *what):
        self.done = True
        self.join()


# ---- where it goes, and where not ----------------------------------------------------------------------------------


def test_a_value_reaches_its_steps_and_is_found_nowhere_else(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          shell:
            env: {TOKEN: "${{ secrets.TOKEN }}"}
            run: |
              printf %s "$TOKEN" | sha256sum | cut -c1-64
              echo "token=$TOKEN"
              printf '%s' "${TOKEN:0:9}"; sleep 0.2; printf '%s\\n' "${TOKEN:9}"
              printf '%s' "$TOKEN" | base64
              printf 'u%s' "$TOKEN" | base64
              printf 'us%s' "$TOKEN" | base64
              printf '%s' "$TOKEN" | od -An -v -tx1 | tr -d ' \\n'; echo
              echo "said=$TOKEN" >> "$SLUICE_OUTPUT"
              echo "$TOKEN" > "$SLUICE_WORKSPACE/seen"
              until [ -e "$SLUICE_WORKSPACE/looked" ]; do sleep 0.05; done
            outputs: {said: string}
          script:
            lua: 'sluice.param("p", sluice.params.t) print(#sluice.params.t) error("failed with " .. sluice.params.t)'
            with: {t: "${{ secrets.OTHER }}"}
          plugin:
            uses: notify
            with: {to: {command: [sh, -c, "cat > got; exit 3"]}, message: "${{ secrets.OTHER }}"}
        """)
    assert give(sluice, VALUE + "\n", "TOKEN", "-") == f"TOKEN set in {sluice.home}\n"
    give(sluice, OTHER, "OTHER")
    with Watch(VALUE, OTHER, told=sluice.folder / "looked") as watch:
        result = sluice.run(expect=1)
    assert watch.looks > 5 and not watch.shown
    assert result.step("shell")["status"] == "succeeded" and result.step("shell")["outputs"]["said"] == "***"
    assert "failed with ***" in result.step("script")["reason"]
    assert OTHER in (sluice.folder / "got").read_text() and (sluice.folder / "seen").read_text() == VALUE + "\n"
    log = sluice("logs", "p/1", "shell", expect=0).out
    assert hashlib.sha256(VALUE.encode()).hexdigest() in log
    assert log.count("***") == 6 and "token=***" in log
    shown = [result.out, result.err, *(sluice(*words.split(), expect=0).out for words in (
        "show", "show --json", "logs", "runs --json", "activity --json", "secrets list", "secrets list --json",
        "config", "doctor", "validate"))]
    for value in (VALUE, OTHER):
        assert not [text for text in shown for form in forms(value) if form.decode() in text]
    assert_in_no_file(sluice.home, VALUE, OTHER)


SHELL = 'run: echo x > "$SLUICE_STEP_DIR/of-$TOKEN.txt"'
LUA = """lua: |
              local path = sluice.step.dir .. "/of-" .. sluice.params.t .. ".txt"
              sluice.file.write(path, "x")
              sluice.artifact(path)
            with: {t: "${{ secrets.TOKEN }}"}"""


@pytest.mark.parametrize("what", [
    SHELL + '\n            artifacts: {files: "${{ step.dir }}/*"}',
    SHELL + '\n            artifacts: {folder: "${{ step.dir }}"}',
    SHELL + '\n            model: {path: "${{ step.dir }}"}', LUA])
def test_a_file_with_a_secret_in_its_name_is_not_published(sluice, what):
    """Its row would name a file that is not there, or show the value."""
    value = VALUE.replace("/", "-")
    sluice.pipeline(f"""\
        name: p
        steps:
          s:
            env: {{TOKEN: "${{{{ secrets.TOKEN }}}}"}}
            {what}
        """)
    give(sluice, value, "TOKEN")
    reason = sluice.run(expect=1).step("s")["reason"]
    assert "there is a secret in the name of a file that it publishes, which would be shown" in reason
    with contextlib.closing(sqlite3.connect(sluice.home / "sluice.db")) as store:
        assert store.execute("SELECT count(*) FROM artifacts").fetchall() == [(0,)]
    assert_in_no_file(sluice.home, value)


def test_no_secret_becomes_a_word_of_a_command(sluice):
    """What a process is started with is there for all users of the machine to read."""
    sluice.pipeline("""\
        name: p
        env: {G: "${{ secrets.TOKEN }}"}
        steps:
          words: {run: [echo, "${{ env.G }}"]}
          told: {uses: notify, with: {to: {command: [tell, "${{ secrets.TOKEN }}"]}, message: "${{ secrets.TOKEN }}"}}
          text: {run: 'echo ${{ env.G }}'}
        """)
    give(sluice, VALUE, "TOKEN")
    said = sluice("validate", expect=3).out
    assert re.findall(r"^sluice.yaml:(\d+):\d+: error (E\d+): (.*)", said, re.M) == [
        ("4", "E013", "a secret in 'run' would be stored or shown"),
        ("5", "E013", "a secret in the words of a command would be stored or shown")]


def test_what_base64_and_xxd_put_into_lines_is_hidden(sluice):
    value = "".join(chr(33 + i * 7 % 94) for i in range(200))
    sluice.pipeline("""\
        name: p
        steps:
          shell:
            env: {KEY: "${{ secrets.KEY }}"}
            run: |
              printf %s "$KEY" | base64
              printf 'password: %s' "$KEY" | base64
              printf %s "$KEY" | od -An -v -tx1
              echo done
        """)
    give(sluice, value, "KEY")
    sluice.run()
    log = sluice("logs", expect=0).out
    assert len(log) < 150 and log.count("***") == 3 and "done" in log, log
    for piece in range(0, 200, 12):
        for form in forms(value[piece:piece + 12]):
            assert form.decode() not in log, log


def test_the_database_holds_it_sealed_and_the_log_its_name_alone(sluice):
    give(sluice, VALUE, "TOKEN")
    give(sluice, OTHER, "TOKEN")
    sluice("secrets", "rm", "TOKEN", expect=0)
    give(sluice, VALUE, "TOKEN", "--for", "nightly")
    rows = sluice("activity", "--json", expect=0).json[::-1]
    assert [(row["action"], row["object"], row["from"], row["to"], row["reason"]) for row in rows] == [
        ("secret.set", "secret TOKEN", "", "set", ""), ("secret.set", "secret TOKEN", "set", "set", ""),
        ("secret.removed", "secret TOKEN", "set", "removed", ""),
        ("secret.set", "secret TOKEN", "", "set", "for nightly")]
    sluice("activity", "verify", expect=0)
    store = sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True)
    name, sealed, pipelines = store.execute("SELECT name, sealed, pipelines FROM secrets").fetchone()
    assert (name, json.loads(pipelines)) == ("TOKEN", ["nightly"]) and len(sealed) == 1 + 24 + 64 + 16
    store.close()
    assert_in_no_file(sluice.home, VALUE, OTHER)


def test_a_row_that_was_changed_or_moved_fails_the_step_in_words(sluice):
    sluice.pipeline(USES)
    give(sluice, VALUE, "TOKEN")
    give(sluice, OTHER, "PRODUCTION")
    for change in ("UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'PRODUCTION')",
                   "UPDATE secrets SET pipelines = '[\"p\"]' WHERE name = 'TOKEN'",
                   "UPDATE home SET id = '00112233445566778899aabbccddeeff'"):
        give(sluice, VALUE, "TOKEN")
        store = sqlite3.connect(sluice.home / "sluice.db")
        store.execute(change)
        store.commit()
        store.close()
        reason = sluice.run("--new", expect=1).step("shell")["reason"]
        assert "secret 'TOKEN'" in reason and "what is sealed was changed" in reason and VALUE not in reason
        assert not (sluice.folder / "seen").exists()
    ill = sluice("doctor", expect=4).out
    assert re.search(r"BAD +secrets +2 of 2 cannot be opened \(PRODUCTION, TOKEN\)", ill)


# ---- keys -----------------------------------------------------------------------------------------------------------


def test_a_home_that_was_copied_without_its_key_says_so(sluice, tmp_path):
    sluice.pipeline(USES)
    give(sluice, VALUE, "TOKEN")
    sluice.run()
    (tmp_path / "copy").mkdir()
    copy = Sluice(tmp_path / "copy")
    shutil.copytree(sluice.home, copy.home, ignore=shutil.ignore_patterns("key", "runner", "sock"))
    copy.pipeline(USES)
    try:
        reason = copy.run("--new", expect=1).step("shell")["reason"]
        assert "secret 'TOKEN' was sealed under another key than this home's" in reason
        assert "sluice secrets set TOKEN -" in reason
        assert "was sealed under another key" in copy("secrets", "list", expect=0).out
        assert "1 of 1 cannot be opened (TOKEN)" in copy("doctor", expect=4).out
        shutil.copy2(sluice.home / "key", copy.home / "key")
        assert copy.run("--new").step("shell")["status"] == "succeeded"
        give(sluice, OTHER, "TOKEN")
        assert sluice.run("--new").step("shell")["status"] == "succeeded"
        assert (sluice.folder / "seen").read_text() == OTHER
    finally:
        copy.close()


def test_a_key_that_others_can_read_is_refused(sluice):
    sluice.pipeline(USES)
    give(sluice, VALUE, "TOKEN")
    assert (sluice.home / "key").stat().st_mode & 0o7777 == 0o600
    (sluice.home / "key").chmod(0o640)
    reason = sluice.run(expect=1).step("shell")["reason"]
    assert "others may read or write" in reason and "(mode 0640)" in reason and "chmod 600" in reason
    assert "(mode 0640)" in give(sluice, OTHER, "TOKEN", expect=4)
    (sluice.home / "key").chmod(0o600)
    give(sluice, OTHER, "OTHER")
    (sluice.home / "key").chmod(0o640)
    ill = sluice("doctor", expect=4).out
    assert re.search(r"BAD +key +others may read", ill)
    assert re.search(r"BAD +secrets +2 of 2 cannot be opened \(OTHER, TOKEN\): secret 'OTHER': others may read", ill)
    (sluice.home / "key").chmod(0o600)
    sluice("secrets", "rm", "OTHER", expect=0)
    (sluice.home / "key").chmod(0o400)
    sluice.run("--new")
    assert re.search(r"ok +key +yours alone\nok +secrets +1 sealed, 0 in config.yaml", sluice("doctor", expect=0).out)


def test_sluice_key_seals_instead_of_the_file_and_no_process_below_sees_it(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          look:
            env: {TOKEN: "${{ secrets.TOKEN }}"}
            run: |
              printf %s "$TOKEN" > seen
              tr '\\0' '\\n' < /proc/self/environ > mine
              pid=$$
              while [ "$pid" -gt 1 ]; do
                tr '\\0' '\\n' < /proc/$pid/environ >> theirs 2>/dev/null || echo "none of $pid" >> theirs
                pid=$(awk '/^PPid:/ {print $2}' /proc/$pid/status)
                case $(cat /proc/$pid/comm) in sluice*) ;; *) break ;; esac
              done
    """)
    sluice.write(".sluice/config.yaml", "step_env: [\"SLUICE_*\"]\n")
    give(sluice, VALUE, "TOKEN", env={"SLUICE_KEY": KEY})
    assert "another key than this home's" in sluice.run(expect=1).step("look")["reason"]
    sluice.run("--new", env={"SLUICE_KEY": KEY})
    assert (sluice.folder / "seen").read_text() == VALUE
    seen = (sluice.folder / "mine").read_text() + (sluice.folder / "theirs").read_text()
    assert "SLUICE_STEP" in seen and KEY not in seen
    sluice.run("--new", env={"SLUICE_KEY": bytes(range(32)).hex()})
    other = sluice.run("--new", env={"SLUICE_KEY": "00" * 32}, expect=1).step("look")["reason"]
    assert "another key than that of SLUICE_KEY" in other
    wrong = sluice("run", env={"SLUICE_KEY": "swordfish"}, expect=2).err
    assert "SLUICE_KEY: expected 32 bytes, as 64 hex digits or 44 characters of base64, found 9 characters" in wrong
    assert "swordfish" not in wrong
    assert KEY not in sluice("doctor", expect=4).out


# ---- which source ---------------------------------------------------------------------------------------------------


def test_config_yaml_wins_over_what_is_sealed(sluice):
    sluice.pipeline(USES)
    give(sluice, VALUE, "TOKEN")
    sluice.write(".sluice/config.yaml", "secrets: {TOKEN: {env: THE_TOKEN}}\n")
    sluice.run(env={"THE_TOKEN": OTHER})
    assert (sluice.folder / "seen").read_text() == OTHER
    refused = give(sluice, VALUE, "TOKEN", expect=2)
    assert "secret 'TOKEN' comes from config.yaml (env THE_TOKEN), which wins: take it out there first" in refused
    rows = sluice("secrets", "list", "--json", env={"THE_TOKEN": OTHER}, expect=0).json
    assert [(row["name"], row["source"], row["state"]) for row in rows] == [
        ("TOKEN", "env THE_TOKEN", "good"), ("TOKEN", "sealed", "not used: config.yaml names it, too")]
    sluice("secrets", "rm", "TOKEN", expect=0)
    assert "comes from config.yaml" in sluice("secrets", "rm", "TOKEN", expect=2).err


def test_list_tells_all_but_the_value(sluice):
    sluice.write(".sluice/config.yaml", "secrets:\n  A: {env: NOT_SET}\n  B: {file: b.txt, for: [p, q]}\n"
                                        "  C: {exec: [sh, -c, 'echo never asked > asked']}\n")
    rows = sluice("secrets", "list", "--json", expect=0).json
    assert [row["name"] for row in rows] == ["A", "B", "C"]
    give(sluice, VALUE, "TOKEN", "--for", "nightly", "--for", "weekly")
    sluice.write(".sluice/b.txt", OTHER)
    rows = {row["name"]: row for row in sluice("secrets", "list", "--json", expect=0).json}
    assert rows["A"]["source"] == "env NOT_SET" and "'NOT_SET' is not set" in rows["A"]["state"]
    assert rows["B"]["source"] == f"file {sluice.home}/b.txt" and rows["B"]["for"] == ["p", "q"]
    assert rows["B"]["state"] == "good" and rows["C"]["source"] == "exec sh" and rows["C"]["for"] is None
    assert rows["TOKEN"]["for"] == ["nightly", "weekly"] and rows["TOKEN"]["set_by"] and rows["TOKEN"]["set_at"]
    table = sluice("secrets", "list", expect=0).out
    assert "nightly, weekly" in table and not (sluice.home / "asked").exists()
    assert "just now" in table or " s ago" in table
    assert sluice("secrets", "list", cwd=sluice.folder, env={"SLUICE_HOME": "/nowhere/home"}, expect=4).err


def test_a_sealed_secret_is_for_its_pipelines_and_stays_so(sluice):
    sluice.pipeline(USES)
    give(sluice, VALUE, "TOKEN", "--for", "other")
    assert "is not for pipeline 'p'" in sluice.run(expect=1).step("shell")["reason"]
    assert give(sluice, OTHER, "TOKEN") == f"TOKEN replaced in {sluice.home}, for other\n"
    assert "is not for pipeline 'p'" in sluice.run("--new", expect=1).step("shell")["reason"]
    assert json.loads(give(sluice, OTHER, "TOKEN", "--for", "p", "--json")) == {
        "name": "TOKEN", "replaced": True, "for": ["p"]}
    sluice.run("--new")


# ---- saying what is wrong -------------------------------------------------------------------------------------------


def test_a_secret_that_is_not_there_is_told_before_anything_runs(sluice):
    sluice.pipeline("""\
        name: p
        env: {A: "${{ secrets.TOKEN }}"}
        steps:
          first: {run: touch ran}
          second: {needs: [first], run: 'true', env: {B: "${{ secrets.TOKEM }}", C: "${{ secrets.TOKEM }}"}}
        """)
    assert sluice("validate", expect=0).out == "sluice.yaml: valid\n"
    give(sluice, VALUE, "TOKEN")
    told = sluice("validate", expect=0).out
    assert told.count("W021") == 1 and "sluice.yaml:5:" in told
    assert "there is no secret 'TOKEM': did you mean 'TOKEN'? 'sluice secrets set TOKEM -' sets it" in told
    run = sluice("run", expect=1)
    assert "W021" in run.err and (sluice.folder / "ran").exists()
    assert "there is no secret 'TOKEM'" in sluice("show", "--json", expect=0).json["steps"][1]["reason"]
    give(sluice, VALUE, "TOKEM")
    assert sluice("validate", expect=0).out == "sluice.yaml: valid\n"
    assert "W021" not in sluice("run", "--new", expect=0).err
    sluice.write(".sluice/config.yaml", "secrets: {TOKEN: {env: NOT_SET, for: [p]}, TOKEM: {env: PATH, for: [q]}}\n")
    told = sluice("validate", "--json", expect=0).json["files"][0]["diagnostics"]
    assert [one["message"] for one in told] == [
        "secret 'TOKEN': the environment variable 'NOT_SET' is not set",
        "secret 'TOKEM' is not for pipeline 'p': config.yaml lists those in 'for'"]


def test_a_value_that_cannot_be_one_is_refused_and_not_shown(sluice):
    for value, words in (("seven77", "7 bytes: expected at least 8"), ("", "0 bytes"),
                         ("x" * 65537, "longer than 64 KiB"), ("x" * 200000, "longer than 64 KiB"),
                         ("nul\0nul\0nul", "holds a NUL"), (" " * 9, "0 bytes without the blanks around it"),
                         ("abc" + "\n" * 9, "3 bytes without the blanks around it: expected at least 4")):
        said = give(sluice, value, "TOKEN", "-", expect=2)
        assert words in said and (value == "" or value not in said)
    assert "no UTF-8 text" in give(sluice, b"\xff" * 9, "TOKEN", expect=2)
    for name in ("A-B", "1A", "", "é", "A" * 101, "A.B"):
        assert "is no name of a secret" in give(sluice, VALUE, name, expect=2)
    said = sluice("secrets", "set", f"TOKEN={VALUE}", expect=2).err
    assert "expected the name alone" in said and VALUE not in said
    assert "expected the name of a pipeline" in give(sluice, VALUE, "TOKEN", "--for", "", expect=2)
    assert not sluice.home.exists()
    long = "é" * 32768
    give(sluice, long, "A" * 100)
    assert sluice("secrets", "rm", "A" * 99, expect=2).err.startswith("sluice: there is no secret")
    for name, value in (("KEPT", "two lines\n\n"), ("AS_IT_IS", "  blanks \t")):
        give(sluice, value, name)
    sluice.pipeline("""\
        name: p
        steps:
          s:
            lua: "print(#sluice.params.a, #sluice.params.b, #sluice.params.c)"
            with: {a: "${{ secrets.KEPT }}", b: "${{ secrets.AS_IT_IS }}", c: "${{ secrets.%s }}"}
        """ % ("A" * 100))
    sluice.run()
    assert "10\t10\t65536" in sluice("logs", expect=0).out


def test_a_value_on_the_command_line_works_warns_once_and_is_wiped_there(sluice):
    result = sluice("secrets", "set", "TOKEN", VALUE, expect=0)
    assert result.out == f"TOKEN set in {sluice.home}\n" and result.err.count("warning") == 1
    assert "'sluice secrets set TOKEN -' reads it from standard input" in result.err and VALUE not in result.err
    assert sluice("secrets", "set", "TOKEN", VALUE, "-q", expect=0).err == ""
    sluice.pipeline(USES)
    sluice.run()
    assert (sluice.folder / "seen").read_text() == VALUE
    sluice("secrets", "set", "TOKEN", "--", "-begins-with-a-dash", expect=0)
    sluice.run("--new")
    assert (sluice.folder / "seen").read_text() == "-begins-with-a-dash"


def test_rm_is_whole_and_knows_what_is_near(sluice):
    for name in ("ONE", "TWO"):
        give(sluice, VALUE, name)
    assert "no secret 'TWOO': did you mean 'TWO'?" in sluice("secrets", "rm", "ONE", "TWOO", expect=2).err
    assert len(sluice("secrets", "list", "--json", expect=0).json) == 2
    assert sluice("secrets", "rm", "ONE", "TWO", expect=0).out == "ONE removed\nTWO removed\n"
    assert sluice("secrets", "list", "--json", expect=0).json == []
    assert "'secrets' needs another word" in sluice("secrets", expect=2).err


# ---- beside a run ---------------------------------------------------------------------------------------------------

WAITS = """\
    name: p
    steps:
      hold: {run: 'until [ -e go ]; do sleep 0.05; done'}
      use: {needs: [hold], env: {TOKEN: "${{ secrets.TOKEN }}"}, run: 'printf %s "$TOKEN" > seen'}
"""


def hold(sluice, text=WAITS, **options):
    sluice.pipeline(text)
    holder = sluice.start("run", "--json", **options)
    wait_until((sluice.home / "sock").exists)
    wait_until(lambda: sluice("runs", "--json").code == 0 and sluice("runs", "--json").json)
    return holder


def test_a_secret_is_set_beside_a_run_through_its_holder(sluice):
    holder = hold(sluice)
    with Watch(VALUE, OTHER) as watch:
        assert give(sluice, OTHER, "GONE") == f"GONE set in {sluice.home}\n"
        give(sluice, "é" * 32768, "LARGE", "--for", "p")
        assert give(sluice, VALUE, "TOKEN", "--json") == '{"name":"TOKEN","replaced":false,"for":null}\n'
        assert give(sluice, VALUE, "TOKEN") == f"TOKEN replaced in {sluice.home}\n"
        assert sluice("secrets", "rm", "GONE", expect=0).out == "GONE removed\n"
        assert "no secret 'TOKE': did you mean 'TOKEN'?" in sluice("secrets", "rm", "LARGE", "TOKE", expect=2).err
        assert [row["name"] for row in sluice("secrets", "list", "--json", expect=0).json] == ["LARGE", "TOKEN"]
        (sluice.folder / "go").touch()
        out, err = holder.communicate(timeout=60)
    assert holder.returncode == 0 and not watch.shown, out + err
    assert (sluice.folder / "seen").read_text() == VALUE
    rows = [(row["action"], row["object"]) for row in sluice("activity", "--json", expect=0).json[::-1]]
    assert rows[1:-1] == [("secret.set", "secret GONE"), ("secret.set", "secret LARGE"), ("secret.set", "secret TOKEN"),
                          ("secret.set", "secret TOKEN"), ("secret.removed", "secret GONE")]
    sluice("activity", "verify", expect=0)
    assert_in_no_file(sluice.home, VALUE, OTHER)


def test_a_step_sets_no_secret_of_a_home_that_is_held(sluice):
    holder = hold(sluice, f"""\
        name: p
        steps:
          s:
            run: 'echo {VALUE} | {BUILD}/sluice --home "{sluice.home}" secrets set TOKEN > said 2>&1 || echo $? >> said'
    """)
    assert holder.wait(60) == 0
    assert "a step decides nothing" in (sluice.folder / "said").read_text()
    assert sluice("secrets", "list", "--json", expect=0).json == []


def test_words_at_the_door_that_are_no_sealed_secret_change_nothing(sluice):
    holder = hold(sluice)
    give(sluice, VALUE, "TOKEN")
    before = sluice("secrets", "list", "--json", expect=0).json
    row = {"do": "set", "name": "TOKEN", "sealed": base64.b64encode(b"x" * 200).decode(), "key_id": "0" * 16,
           "pipelines": "null"}
    wrong = [{}, {"do": "dance"}, {**row, "name": "A-B"}, {**row, "sealed": "%"}, {**row, "sealed": ""},
             {**row, "sealed": base64.b64encode(b"x" * 70000).decode()}, {**row, "key_id": ""},
             {**row, "pipelines": "7"}, {**row, "pipelines": "["}, {"do": "remove", "names": [7]},
             {"do": "remove", "names": ["TOKEN", "NONE"]}]
    code = """if True:
        import fcntl, json, os, socket, sys
        os.chdir(sys.argv[1])
        guest = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guest.connect("sock")
        for document in json.loads(sys.argv[2]):
            fd = os.memfd_create("d", os.MFD_ALLOW_SEALING)
            os.write(fd, json.dumps(document).encode())
            fcntl.fcntl(fd, 1033, 15)
            socket.send_fds(guest, [b'{"do": "secret"}'], [fd])
            print(guest.recv(65536).decode())
            os.close(fd)
    """
    done = subprocess.run([sys.executable, "-c", code, str(sluice.home), json.dumps(wrong)], capture_output=True,
                          text=True, timeout=60, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(wrong) and all("error" in answer for answer in answers), answers
    assert sluice("secrets", "list", "--json", expect=0).json == before
    (sluice.folder / "go").touch()
    assert holder.wait(60) == 0


def test_a_visitor_that_takes_the_home_over_still_has_its_sluice_key(sluice):
    give(sluice, VALUE, "TOKEN", env={"SLUICE_KEY": KEY})
    holder = hold(sluice, env={"SLUICE_KEY": KEY})
    visitor = sluice.start("run", "--new", "--json", env={"SLUICE_KEY": KEY})
    wait_until(lambda: len(sluice("runs", "--json", expect=0).json) == 2)
    holder.kill()
    holder.wait()
    (sluice.folder / "go").touch()
    out, err = visitor.communicate(timeout=60)
    assert visitor.returncode == 0, out + err
    assert (sluice.folder / "seen").read_text() == VALUE
