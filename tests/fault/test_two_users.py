# SPDX-License-Identifier: Apache-2.0
"""Steps of another user than the sluice that has the home: what holds against them, what goes on for them, and what
happens when one of the two sides dies, is replaced or has wrong rights (docs/security.md, docs/recovery.md).

What any death leaves behind is in test_processes.py and test_reboot.py, which run in this arrangement, too."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap

import pytest

import life
from apart import DAEMON, STEPS, ApartHome, as_user, why_not
from faults import BUILD

HERE = pathlib.Path(__file__).parent
TRIES = re.findall(r'^    "([a-z\' ]+)": ', (HERE / "hostile.py").read_text(encoding="utf-8"), re.M)


@pytest.fixture
def home():
    if reason := why_not(BUILD):
        pytest.skip(reason)
    made = ApartHome(BUILD)
    yield made
    made.close()


def pipeline(home, text):
    home.write("sluice.yaml", textwrap.dedent(text))


def run(home, text, code=0, **env):
    pipeline(home, text)
    got, out, err = home("run", "-q", **env)
    assert got == code, out + err + home.log() + home("logs", "latest")[1]
    return err


def output(home, step):
    """What it printed, without its name before each line."""
    return "".join(line.partition(" | ")[2] for line in home("logs", "latest", step)[1].splitlines(keepends=True))


def owners(folder):
    """{path below: (uid, mode)}"""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_uid, stat.S_IMODE(status.st_mode))
    return found


# ---- a hostile step -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tried():
    """What came of each try of hostile.py, in a step beside another run that goes on."""
    if reason := why_not(BUILD):
        pytest.skip(reason)
    home = ApartHome(BUILD)
    try:
        process = life.hold(home)
        shutil.copy(HERE / "hostile.py", home.folder)
        runner = next((home.home / "runner").glob("*.sock")).stem
        pipeline(home, f"""\
            name: hostile
            env: {{DAEMON: "{process.pid}", DAEMON_UID: "{DAEMON}", RUNNER_ID: "{runner}"}}
            steps:
              try: {{run: exec {sys.executable} hostile.py {home.home} {home.socket} {home.journal()} > tried.json}}
            """)
        code, out, err = home("run", "-q")
        assert code == 0, out + err
        found = json.loads((home.folder / "tried.json").read_text())
        life.let_go(home)
        assert process.wait(60) == 0
        home.expect_whole()
        yield found
    finally:
        home.close()


@pytest.mark.parametrize("what", TRIES)
def test_a_hostile_step_cannot(tried, what):
    assert tried[what] == "refused"


def test_no_try_is_left_out(tried):
    assert sorted(tried) == sorted(TRIES)


def knock(home, uid, wish):
    """What the door answers, were its socket open to everybody."""
    program = ("import json, os, socket, sys\n"
               "door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
               "door.connect(sys.argv[1])\n"
               "door.send(sys.argv[2].encode())\n"
               "print(door.recv(1 << 16).decode())")
    done = home.run_as(uid, sys.executable, "-c", program, home.home / "sock", json.dumps(wish))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_door_believes_no_process_of_the_steps_user(home):
    """Also one that does not descend from a runner."""
    process = life.hold(home)
    (home.home / "sock").chmod(0o666)
    run_id = home.open_runs()[0][0]
    for wish in ("cancel", "kill", "vote", "submit", "secret", "account"):
        answer = knock(home, STEPS, {"do": wish, "run": run_id})
        assert "a step decides nothing" in answer["error"]["message"], answer
    assert "error" not in knock(home, DAEMON, {"do": "cancel", "run": run_id})
    assert process.wait(60) != 0


def test_who_has_not_the_home_gets_no_runner(home):
    """Were the keeper's socket open to everybody."""
    run(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    home.keep()
    home.socket.chmod(0o666)
    program = ("import json, socket, struct, sys\n"
               "keeper = socket.socket(socket.AF_UNIX)\n"
               "keeper.connect(sys.argv[1])\n"
               "keeper.settimeout(5)\n"
               "text = json.dumps({'type': 'who'}).encode()\n"
               "try:\n"
               "    keeper.sendall(struct.pack('<I', len(text)) + text)\n"
               "    print(len(keeper.recv(1000)))\n"
               "except (BrokenPipeError, ConnectionResetError):\n"
               "    print(0)\n")
    got = {uid: home.run_as(uid, sys.executable, "-c", program, home.socket).stdout.strip()
           for uid in (STEPS, 12345, DAEMON, 0)}
    assert got[STEPS] == "0" and got[12345] == "0", got
    assert int(got[DAEMON]) > 0 and int(got[0]) > 0, got
    assert f"uid {STEPS} asked" in home.log()


# ---- what goes on for steps -----------------------------------------------------------------------------------------


def test_a_life_goes_on_as_ever(home):
    """All that steps may do: outputs, artifacts, models, Lua, plugins, sub-pipelines, kept results, an approval."""
    life.write(home)
    life.live(home)
    home.expect_whole()
    assert {step: len(states) for step, states in home.attempts().items()} == life.QUIET
    assert {row[0] for row in home.rows("SELECT DISTINCT state FROM pipeline_runs")} == {"succeeded"}
    uids = {uid for uid, _ in owners(home.home / "artifacts").values()}
    assert STEPS in uids, "nothing was published by steps"


def test_steps_are_that_user_and_at_home_with_him(home):
    run(home, "name: p\nsteps: {a: {run: 'id -u; id -g; id -G; umask'}, b: {lua: 'print(sluice.step.dir)'}}\n")
    assert output(home, "a").split() == [str(STEPS), str(STEPS), str(STEPS), "0007"]
    step = next((home.home / "runs").glob("*/steps/a*"))
    assert step.stat().st_uid == STEPS and step.stat().st_gid == STEPS


def test_the_home_is_open_where_it_has_to_be_and_nowhere_else(home):
    run(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    modes = {path.name: (path.stat().st_uid, path.stat().st_gid, oct(stat.S_IMODE(path.stat().st_mode)))
             for path in [home.home, *home.home.iterdir()]}
    assert modes[".sluice"] == (DAEMON, DAEMON, "0o711")
    assert modes["runs"] == modes["repos"] == (DAEMON, STEPS, "0o2750")
    assert modes["artifacts"] == modes["envs"] == (DAEMON, STEPS, "0o2770")
    others = set(modes) - {".sluice", "runs", "repos", "artifacts", "envs"}
    assert {"key", "sluice.db", "config.yaml", "runner", "lock"} <= others
    assert all(int(modes[name][2], 8) & 0o007 == 0 and modes[name][1] != STEPS for name in others), modes
    journal = home.journal().stat()
    assert (journal.st_uid, stat.S_IMODE(journal.st_mode)) == (DAEMON, 0o600)


def test_what_a_step_keeps_to_itself_is_published_all_the_same(home):
    """With a umask of 077, in read-only folders, and with an execute bit: sluice reads it, and compares its digest."""
    run(home, """\
        name: p
        steps:
          a:
            run: |
              umask 077
              mkdir -p "$SLUICE_STEP_DIR/out/deep"
              echo secret > "$SLUICE_STEP_DIR/out/deep/file"
              install -m 700 /bin/true "$SLUICE_STEP_DIR/out/tool"
              chmod 500 "$SLUICE_STEP_DIR/out/deep"
            artifacts: {out: "${{ step.dir }}/out"}
            model: {path: "${{ step.dir }}/out", name: kept}
          b:
            needs: [a]
            run: cat "${{ steps.a.artifacts.out }}/deep/file"
        """)
    assert "secret" in output(home, "b")
    files = [path for path in (home.home / "artifacts").rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert home.run_as(DAEMON, "test", "-r", path, groups=[STEPS]).returncode == 0, path
    home.expect_whole()


def test_a_secret_reaches_the_step_alone(home):
    home.write("secret", "correct horse battery\n")
    (home.home / "config.yaml").write_text(f"runner: {{socket: {home.socket}}}\n"
                                           f"secrets: {{WORD: {{file: {home.folder}/secret}}}}\n")
    run(home, """\
        name: p
        steps:
          a: {run: 'printf %s "$WORD" | tr a-z A-Z', env: {WORD: "${{ secrets.WORD }}"}}
          b: {run: 'env'}
        """)
    assert "CORRECT HORSE BATTERY" in output(home, "a") and "correct horse" not in output(home, "b")
    journal = home.journal().read_bytes()
    assert b"CORRECT HORSE" in journal and b"correct horse" not in journal


LOGS = """\
import json, os, sys, urllib.error, urllib.request

def ask(method, path, body=None, token=os.environ["MLFLOW_TRACKING_TOKEN"]):
    headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + token} if token else {})}
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, b""

create = json.dumps({"experiment_id": os.environ["MLFLOW_EXPERIMENT_ID"]}).encode()
assert ask("POST", "/api/2.0/mlflow/runs/create", create, token=None)[0] == 401
assert ask("POST", "/api/2.0/mlflow/runs/create", create, token="sluice_guess")[0] == 401
status, answer = ask("POST", "/api/2.0/mlflow/runs/create", create)
info = json.loads(answer)["run"]["info"]
place = info["artifact_uri"].split(":/", 1)[1]
status, answer = ask("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + place + "/notes/note.txt", b"by a client")
assert status == 200, (status, answer)
"""


def test_what_a_step_s_client_uploads_is_there_for_steps_and_for_sluice(home):
    """The daemon writes it, in folders that steps publish into, too."""
    home.write("logs.py", LOGS)
    run(home, f"""\
        name: p
        steps:
          a:
            run: |
              {sys.executable} logs.py
              echo by a step > "$SLUICE_STEP_DIR/own.txt"
            artifacts: {{own: "${{{{ step.dir }}}}/own.txt"}}
          b:
            needs: [a]
            run: |
              find {home.home}/artifacts -name note.txt -exec cat {{}} +
              cat "${{{{ steps.a.artifacts.own }}}}"
        """)
    assert output(home, "b") == "by a clientby a step\n"
    note, = (home.home / "artifacts").rglob("note.txt")
    assert (note.stat().st_uid, note.stat().st_gid) == (DAEMON, STEPS)
    home.expect_whole()


def test_a_lua_step_is_found_by_its_user_though_it_is_a_copy_of_the_runner(home):
    """It never calls exec, and its runner hides: still its mark can be read, or nobody could look for it."""
    pipeline(home, """\
        name: p
        steps: {a: {lua: 'sluice.file.write(sluice.step.dir .. "/up", "x"); while true do end'}}
        """)
    process = home.start("run", "-q")
    home.wait_for(lambda: list(home.home.glob("runs/*/steps/a*/up")))
    mark, = home.rows("SELECT mark FROM attempts")[0]
    runner, = home.processes()[0]
    children = home.run_as(STEPS, "cat", f"/proc/{runner}/task/{runner}/children").stdout.split()
    environs = [home.run_as(STEPS, "cat", f"/proc/{pid}/environ").stdout for pid in children]
    assert any(f"SLUICE_ATTEMPT={mark}" in environ for environ in environs), environs
    assert not home.run_as(STEPS, "cat", f"/proc/{runner}/environ").stdout
    home.kill(runner)
    assert process.wait(60) == 1


def test_gc_removes_what_steps_locked_up(home):
    """Folders that their group may not enter are their user's to remove, which the keeper does."""
    run(home, """\
        name: p
        steps:
          a:
            run: |
              umask 077
              mkdir -p "$SLUICE_STEP_DIR/mine/deeper"
              touch "$SLUICE_STEP_DIR/mine/deeper/file"
              chmod 0 "$SLUICE_STEP_DIR/mine"
              mkdir -p "$SLUICE_STATE/mine"; touch "$SLUICE_STATE/mine/file"; chmod 500 "$SLUICE_STATE/mine"
        """)
    assert list((home.home / "runs").glob("*/steps/*/mine"))
    run(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    code, out, err = home("gc", "--runs", "keep_last=1")
    assert code == 0, out + err
    assert len(list((home.home / "runs").iterdir())) == 1
    home.expect_whole()


def test_the_keeper_removes_nothing_elsewhere(home):
    run(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    victim = home.folder / "victim"
    victim.mkdir()
    victim.chmod(0o777)
    program = HERE / "keeper_client.py"
    for path in (victim, home.home / "runs" / ".." / ".." / "victim", home.home / "runs", home.home / "key"):
        question = json.dumps({"type": "remove", "path": str(path)})
        done = home.run_as(DAEMON, sys.executable, program, home.socket, question)
        assert json.loads(done.stdout)["type"] == "error", (path, done.stdout, done.stderr)
    assert victim.is_dir() and (home.home / "key").exists()


@pytest.mark.parametrize("question", [
    {"type": "nonsense"}, {"type": "start", "id": "x"}, {"type": "signal", "id": "x", "signal": "TERM"},
    {"type": "hunt", "mark": ""}, {"type": "hunt", "mark": "../../x"}, {"no": "type"}, [], "x" * 100000])
def test_the_keeper_outlives_what_it_does_not_understand(home, question):
    home.keep()
    ask = [sys.executable, HERE / "keeper_client.py", home.socket]
    answer = json.loads(home.run_as(DAEMON, *ask, json.dumps(question)).stdout)
    assert answer["type"] == "error", answer
    answer = json.loads(home.run_as(DAEMON, *ask, json.dumps({"type": "who"})).stdout)
    assert (answer["type"], answer["uid"], answer["home"]) == ("is", STEPS, str(home.home))
    assert home.keeper.poll() is None


# ---- what there was before ------------------------------------------------------------------------------------------


def test_a_home_that_had_one_user_goes_on_with_two(home):
    """Runs, artifacts and a wait from before: all of it is shared once, and what was asked is gone on with."""
    settings = home.home / "config.yaml"
    two = settings.read_text()
    settings.write_text("")
    text = """\
        name: p
        steps:
          a:
            run: echo before > "$SLUICE_STEP_DIR/file"
            artifacts: {file: "${{ step.dir }}/file"}
          ask: {needs: [a], uses: approve}
          b: {needs: [ask], run: 'cat "${{ steps.a.artifacts.file }}"; id -u; touch "$SLUICE_STATE/x"'}
        """
    run(home, text, code=5)
    assert output(home, "a") == ""
    settings.write_text(two)
    code, out, err = home("approve", "latest", "--resume", "-q")
    assert code == 0, out + err
    assert output(home, "b").split() == ["before", str(STEPS)]
    home.expect_whole()
    settings.write_text("")  # and back
    run(home, "name: q\nsteps: {a: {run: 'id -u'}}\n")
    assert output(home, "a").split() == [str(DAEMON)]


def test_a_runner_of_our_user_gets_no_new_steps_once_they_are_to_be_of_another(home):
    settings = home.home / "config.yaml"
    two = settings.read_text()
    settings.write_text("")
    process = life.hold(home)
    home.kill(process.pid)
    process.communicate()
    settings.write_text(two)
    process = home.start("resume", "-q")
    home.wait_for(lambda: (home.home / "sock").exists())
    life.let_go(home)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and "is of our user, and steps are to be of another" in err, err
    uids = {path.name: path.stat().st_uid for path in home.home.glob("runs/*/steps/*")}
    assert {uid for name, uid in uids.items() if name.startswith("slow")} == {DAEMON}
    assert {uid for name, uid in uids.items() if name.startswith("after")} == {STEPS}
    home.expect_whole()


# ---- what is wrong is said in words ---------------------------------------------------------------------------------


def refused(home, *words):
    pipeline(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    code, _, err = home("run", "-q")
    assert code == 4 and all(word in err for word in words), err
    told = home("doctor")
    assert told[0] == 4 and re.search(r"^BAD  steps ", told[1], re.M), told
    assert not home.rows("SELECT 1 FROM attempts")


def test_nobody_listens(home):
    home.keep()
    home.socket.unlink()
    refused(home, "steps are of another user", f"there is no socket '{home.socket}'")


def test_the_socket_is_open_to_others(home):
    home.socket.chmod(0o660)
    refused(home, "mode 0660", "expected a socket of ours, mode 0600")


def test_the_socket_is_of_the_steps_user(home):
    os.chown(home.socket, STEPS, STEPS)
    refused(home, f"is of uid {STEPS}", "expected a socket of ours")


def test_the_folder_of_the_socket_is_open_to_others(home):
    home.socket.parent.chmod(0o777)
    refused(home, "others could put a socket there")
    home.socket.parent.chmod(0o755)
    os.chown(home.socket.parent, STEPS, STEPS)
    refused(home, "others could put a socket there")


def test_who_listens_was_started_by_the_steps_user(home):
    """As when a step could have put its own there: the kernel says who called listen(2)."""
    home.socket.unlink()
    home.socket.parent.chmod(0o777)
    program = (f"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind({str(home.socket)!r}); s.listen(); "
               "time.sleep(60)")
    with subprocess.Popen([*as_user(STEPS), sys.executable, "-c", program]) as process:
        home.wait_for(home.socket.exists)
        home.socket.parent.chmod(0o755)
        os.chown(home.socket, DAEMON, DAEMON)
        home.socket.chmod(0o600)
        home.keep()
        refused(home, f"uid {STEPS} listens")
        process.kill()


def test_the_service_is_for_another_home(home):
    other = home.root / "other"
    other.mkdir()
    os.chown(other, DAEMON, DAEMON)
    own, home.home = home.home, other
    home.keep()
    home.home = own
    refused(home, f"is for the home '{other}'")


def test_we_are_not_in_the_group_of_the_steps(home):
    home.keep()
    pipeline(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    done = home.run_as(DAEMON, home.build / "sluice", "run", home.folder / "sluice.yaml", "-q", env=home.env)
    assert done.returncode == 4 and "not in the group" in done.stderr, done.stderr


def test_the_keeper_is_of_the_home_s_own_user(home):
    os.chown(home.home, STEPS, STEPS)
    home.keep()
    assert home.keeper.wait(60) == 1 and "is of our own user" in home.log()


def test_the_keeper_has_no_socket(home):
    done = home.run_as(STEPS, home.build / "sluice-runner", "keep", "--home", home.home)
    assert done.returncode == 1 and "there is no listening socket" in done.stderr


def test_doctor_says_which_arrangement_holds(home):
    run(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    code, out, _ = home("doctor")
    assert code == 0 and f"(uid {STEPS}), which can open neither key, store nor sockets" in out, out
    (home.home / "sluice.db").chmod(0o644)
    code, out, _ = home("doctor")
    assert code == 4 and "BAD  steps" in out and "sluice.db" in out and "(mode 0644)" in out, out
    run(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    assert home("doctor")[0] == 0, "the next sluice closes it again"
    (home.home / "config.yaml").write_text("")
    assert "trusted: they run as the user that runs sluice" in home("doctor")[1]


def test_what_root_has_left_open_in_the_home_is_told_and_stops_nothing(home):
    settings = home.home / "config.yaml"
    os.chown(settings, 0, 0)
    settings.chmod(0o644)
    err = run(home, "name: p\nsteps: {a: {run: 'true'}}\n")
    assert "steps may use 'config.yaml' of the home (mode 0644), which is not ours to close" in err
    code, out, _ = home("doctor")
    assert code == 4 and "config.yaml' (mode 0644)" in out, out


# ---- workspaces ------------------------------------------------------------------------------------------------------


def repository(home):
    """A working copy, and the bare repository that it pushes to, of the daemon's user."""
    work, bare = home.root / "work", home.root / "wine.git"

    def push(**files):
        for name, text in files.items():
            (work / name.replace("_", ".")).write_text(textwrap.dedent(text))
        script = (f"cd {work} && git add -A && git -c user.name=ann -c user.email=a@b.c commit -qm x && "
                  f"chown -R 0:0 {bare} && git push -q {bare} HEAD:main && chown -R {DAEMON}:{DAEMON} {bare}")
        subprocess.run(["bash", "-ec", script], check=True, capture_output=True)

    subprocess.run(["bash", "-ec", f"git init -q -b main {work} && git init -q --bare -b main {bare}"], check=True)
    return bare, push


def test_steps_of_a_git_source_read_their_checkout_and_cannot_change_it(home):
    bare, push = repository(home)
    config = home.home / "config.yaml"
    config.write_text(config.read_text() + f"sources: [{{name: wine, url: 'file://{bare}', every: 1s}}]\n")
    push(sluice_yaml="""\
        name: wine
        on: {push: {branches: [main]}}
        steps:
          look:
            run: |
              cat data.txt script.sh
              ./script.sh
              touch made 2> /dev/null || echo cannot
              echo more >> data.txt || echo neither
        """, data_txt="one\n", script_sh="#!/bin/sh\necho ran\n")
    process = home.start("serve", "--port", "0")
    home.wait_for(lambda: home.rows("SELECT count(*) FROM pipelines_in_force") == [(1,)])
    os.chmod(home.root / "work" / "script.sh", 0o755)
    push(data_txt="two\n")
    home.wait_for(lambda: home.rows("SELECT state FROM pipeline_runs") == [("succeeded",)])
    assert output(home, "look").splitlines()[:2] == ["two", "#!/bin/sh"]
    said = output(home, "look")
    assert "ran\n" in said and "cannot\n" in said and "neither\n" in said
    outside = home.run_as(STEPS + 1, "ls", home.home / "repos")
    assert outside.returncode != 0
    process.terminate()
    assert process.wait(60) == 0
