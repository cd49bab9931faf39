# SPDX-License-Identifier: Apache-2.0
"""`sluice serve` asks who somebody is: users, passwords, tokens, and what hostile clients send instead."""
import http.client
import json
import os
import pty
import re
import sqlite3
import termios
import threading
import time

from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer, kept_alive, with_input
from programs import BUILD, cpu_seconds, wait_until
from serving import Server

import pytest

QUESTION = "/api/2.0/mlflow/experiments/get?experiment_id=0"


@pytest.fixture
def home(sluice):
    """A home with an admin and a user."""
    add_user(sluice, "alice", ALICE, "--admin")
    add_user(sluice, "bob", BOB)
    return sluice


@pytest.fixture
def server(home):
    return Server(home)


def status(server, headers, path=QUESTION, method="GET", body=None):
    return server.ask(method, path, body, headers)[0]


# ---- on and off ----

def test_without_users_nobody_is_asked_and_it_says_so(sluice):
    server = Server(sluice)
    assert "nobody is asked" in server.process.stdout.readline()
    assert status(server, {}) == 200
    assert status(server, basic("any", "body")) == 200


def test_it_says_that_clients_are_asked(server):
    assert "clients say who they are" in server.process.stdout.readline()


def test_the_first_user_turns_it_on_at_once_also_for_connections_that_are_open(sluice):
    server = Server(sluice)
    with kept_alive(server) as ask:
        assert ask({}) == 200
        add_user(sluice, "alice", ALICE, "--admin")
        assert ask({}) == 401
        assert ask(basic("alice", ALICE)) == 200


def test_only_health_and_version_are_told_to_strangers(server):
    assert server.ask("GET", "/health")[::2] == (200, b"OK")
    assert server.ask("GET", "/version")[0] == 200
    for method, path in (("GET", QUESTION), ("GET", "/nowhere"), ("GET", "/"), ("POST", "/api/2.0/mlflow/runs/search"),
                         ("GET", "/api/2.0/mlflow-artifacts/artifacts"), ("GET", "/get-artifact?run_id=a&path=b"),
                         ("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/a"), ("GET", "/api/2.0/mlflow/users/list"),
                         ("DELETE", "/ajax-api/2.0/mlflow-artifacts/artifacts/0/a"), ("GET", "/healthy"),
                         ("GET", "/ajax-api/3.0/mlflow/server-info"), ("POST", "/api/2.0/mlflow-artifacts/mpu/a")):
        code, headers, body = server.ask(method, path, {} if method == "POST" else None)
        assert code == 401 and headers["WWW-Authenticate"].startswith('Basic realm="mlflow"'), (method, path)
        assert json.loads(body)["error_code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_an_address_that_others_reach_wants_users_and_tls(sluice, host):
    refused = sluice("serve", "--port", "0", "--host", host, expect=2)
    assert "no users" in refused.err and "--insecure" in refused.err
    assert "sluice users create NAME --admin" in refused.err
    add_user(sluice, "alice", ALICE, "--admin")
    refused = sluice("serve", "--port", "0", "--host", host, expect=2)
    assert "--tls-cert" in refused.err and "--insecure" in refused.err


# ---- passwords and tokens ----

def test_a_password_is_verified_once_and_good_until_it_is_changed(home, server):
    assert status(server, basic("bob", BOB)) == 200
    begun = cpu_seconds(server.process.pid)
    for _ in range(50):
        assert status(server, basic("bob", BOB)) == 200
    assert cpu_seconds(server.process.pid) - begun < 50 * 0.02, "verified again each time"
    with_input(home, "another password of bob", "users", "passwd", "bob")
    assert status(server, basic("bob", BOB)) == 401
    assert status(server, basic("bob", "another password of bob")) == 200


def test_a_removed_user_and_his_tokens_are_gone_at_once(home, server):
    token = add_token(home, "bob")
    with kept_alive(server) as ask:
        assert ask(basic("bob", BOB)) == 200 and ask(bearer(token)) == 200
        home("users", "rm", "bob", expect=0)
        assert ask(basic("bob", BOB)) == 401 and ask(bearer(token)) == 401


def test_a_revoked_token_is_good_no_more_on_a_connection_that_is_open(home, server):
    token = add_token(home, "alice", "--name", "ci")
    with kept_alive(server) as ask:
        assert ask(bearer(token)) == 200
        listed = json.loads(home("tokens", "list", "--json", expect=0).out)
        home("tokens", "revoke", listed[0]["id"], expect=0)
        assert ask(bearer(token)) == 401
        assert ask(bearer(token + "x")) == 401 and ask(bearer("")) == 401


def test_a_token_expires(home, server):
    token = add_token(home, "alice", "--expires", "6s")
    assert status(server, bearer(token)) == 200
    wait_until(lambda: status(server, bearer(token)) == 401)


def test_a_token_is_told_once_and_kept_as_a_digest(home, server):
    token = add_token(home, "alice", "--name", "ci", "--scope", "read")
    assert re.fullmatch(r"sluice_[\w-]{43}", token)
    assert status(server, bearer(token)) == 200
    wait_until(lambda: json.loads(home("tokens", "list", "--json", expect=0).out)[0]["used_at"] is not None)
    assert token not in home("tokens", "list", "--json", expect=0).out
    server.stop()
    for path in home.home.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes(), path
    with sqlite3.connect(home.home / "sluice.db") as store:
        hashes = [row[0] for row in store.execute("SELECT password_hash FROM users")]
    assert all(text.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for text in hashes) and len(set(hashes)) == 2


def test_a_token_that_only_reads(home, server):
    reader = As(server, bearer(add_token(home, "alice", "--scope", "read")))
    assert reader.status("GET", "/experiments/get?experiment_id=0") == 200
    assert reader.status("POST", "/experiments/create", {"name": "x"}) == 403
    assert reader.status("POST", "/runs/create", {"experiment_id": "0"}) == 403
    assert reader.put("0/x/a.txt", b"a")[0] == 403


# ---- the command line ----

def test_users_are_made_listed_changed_and_removed(sluice):
    assert "the first user must be an admin" in with_input(sluice, BOB, "users", "create", "bob", expect=1).stderr
    add_user(sluice, "alice", ALICE + "\n", "--admin")
    add_user(sluice, "bob", BOB)
    assert "there is a user 'bob' already" in with_input(sluice, BOB, "users", "create", "bob", expect=1).stderr
    short = with_input(sluice, "short", "users", "create", "carol", expect=2).stderr
    assert "the password: expected at least 12 characters, found 5" in short
    assert "at least 12 characters" in with_input(sluice, "", "users", "passwd", "bob", expect=2).stderr
    wrong = with_input(sluice, BOB, "users", "create", "a:b", expect=2).stderr
    assert "'a:b' is no name of a user: expected up to" in wrong
    assert "cannot be removed" in sluice("users", "rm", "alice", expect=1).err
    assert "cannot be made a viewer" in sluice("users", "role", "alice", "viewer", expect=1).err
    assert "expected one of viewer, runner, approver" in sluice("users", "role", "bob", "user", expect=2).err
    sluice("users", "role", "bob", "admin", expect=0)
    sluice("users", "rm", "alice", expect=0)
    rows = json.loads(sluice("users", "list", "--json", expect=0).out)
    assert [(row["name"], row["role"]) for row in rows] == [("bob", "admin")]
    assert "there is no user 'alice'" in sluice("users", "rm", "alice", expect=2).err
    actions = [row["action"] for row in json.loads(sluice("activity", "--json", expect=0).out)]
    assert sorted(actions) == ["user.created", "user.created", "user.removed", "user.role"]
    sluice("activity", "verify", expect=0)


def test_what_a_token_is_for_is_checked(home):
    assert "--user" in home("tokens", "create", expect=2).err
    assert "there is no user 'carol'" in home("tokens", "create", "--user", "carol", expect=2).err
    assert "did you mean" in home("tokens", "create", "--user", "bob", "--scope", "raed", expect=2).err
    assert "--experiment" in home("tokens", "create", "--user", "bob", "--experiment", "nowhere", expect=2).err
    assert "--expires" in home("tokens", "create", "--user", "bob", "--expires", "soon", expect=2).err
    assert "no token" in home("tokens", "revoke", "00000000", expect=2).err


def at_a_terminal(sluice, *arguments, answers):
    """A command with a terminal, which is typed at after each prompt; what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(sluice.folder)
        os.execve(BUILD / "sluice", ["sluice", *arguments], sluice.env)
    shown = b""
    for answer in answers:
        while not shown.endswith(b": "):
            shown += os.read(terminal, 1024)
        wait_until(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)  # what is typed sooner is dropped
        os.write(terminal, answer.encode() + b"\n")
        shown += b"\n"
    try:
        while data := os.read(terminal, 1024):
            shown += data
    except OSError:
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_at_a_terminal_a_password_is_asked_for_twice_and_not_shown(sluice):
    code, shown = at_a_terminal(sluice, "users", "create", "alice", "--admin", answers=[ALICE, ALICE])
    assert code == 0 and "password of alice (not shown)" in shown and ALICE not in shown
    code, shown = at_a_terminal(sluice, "users", "passwd", "alice", answers=[ALICE, BOB])
    assert code == 2 and "not the same" in shown and ALICE not in shown


# ---- hostile ----

@pytest.mark.parametrize("value", [
    "alice:x", "Basic", "Basic ", "Basic !!!!", "Basic YWxpY2U=", "Digest YTpi", "Bearer", "Bearer ", "Basic\tYTpi",
    "Bearer " + "a" * 7000, "Basic " + "QUFB" * 1500, "Negotiate abc", ":", "Basic YTpiAGM=", "Bearer \x80\xff",
])
def test_headers_that_are_no_credentials(server, value):
    head = b"GET " + QUESTION.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: "
    answer = server.send(head + value.encode("latin-1") + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 "), answer[:200]
    assert server.is_alive()


def test_a_header_of_a_megabyte_and_one_with_a_nul_are_refused(server):
    head = b"GET " + QUESTION.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic "
    for value in (b"QUFB" * 250_000, b"YTpi\0YTpi"):
        try:
            answer = server.send(head + value + b"\r\n\r\n")
        except (ConnectionError, TimeoutError):
            answer = b""
        assert not answer.startswith(b"HTTP/1.1 2"), answer[:200]
    assert server.is_alive()


@pytest.mark.parametrize("user, password", [
    ("alice", ""), ("", ALICE), ("", ""), ("alice", ALICE + " "), ("ALICE", ALICE), ("alice\0", ALICE),
    ("alice/bob", ALICE), ("alice%00", ALICE), ("' OR 1=1 --", "x"), ("a" * 5000, "x"), ("alice", "p" * 5000),
])
def test_names_and_passwords_that_are_nobodys(server, user, password):
    assert status(server, basic(user, password)) == 401


def test_a_name_with_a_slash_is_one_as_others(home, server):
    add_user(home, "team/carol", "carol's password")
    assert status(server, basic("team/carol", "carol's password")) == 200


def test_an_unknown_user_takes_as_long_as_a_known_one(home, server):
    """Of the processor: the machine has other work, too."""
    def seconds(users):
        begun = cpu_seconds(server.process.pid)
        for user in users:
            assert status(server, basic(user, "a wrong password")) == 401
        return cpu_seconds(server.process.pid) - begun

    known, unknown = seconds(["alice"] * 9), seconds(f"nobody{i}" for i in range(9))
    assert 0.4 < unknown / known < 2.5, (known, unknown)
    assert unknown > 9 * 0.005, "an unknown user is not verified at all"


def test_a_flood_of_wrong_passwords_slows_nobody_down(home, server):
    token = add_token(home, "alice")
    assert status(server, basic("bob", BOB)) == 200
    stop, codes, flooded = threading.Event(), [], time.monotonic()

    def flood(number):
        count = 0
        while not stop.is_set():
            count += 1
            codes.append(status(server, basic(f"user{number}", f"wrong{count}")))

    threads = [threading.Thread(target=flood, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: 429 in codes)
        took = []
        for headers in [bearer(token), basic("bob", BOB)] * 50:
            begun = time.monotonic()
            assert status(server, headers) == 200
            took.append(time.monotonic() - begun)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    most = 31 + (time.monotonic() - flooded) / 2
    assert set(codes) <= {401, 429} and codes.count(401) <= most, "30 of an address, and one more each two seconds"
    assert sorted(took)[len(took) // 2] < 0.5, took
    answers = [server.ask("GET", QUESTION, None, basic(f"user{i}", "wrong"))[:2] for i in range(60)]
    waits = [int(headers["Retry-After"]) for code, headers in answers if code == 429]
    assert waits and all(1 <= wait <= 60 for wait in waits)


def are_used_up(server):
    """All tries of an address: one more comes each two seconds."""
    for number in range(40):
        status(server, basic(f"user{number}", "wrong"))
    return status(server, basic("alice", "wrong")) == 429


def test_who_is_known_at_an_address_can_log_in_anew_beside_a_flood_from_there(home, server):
    assert status(server, basic("bob", BOB)) == 200
    wait_until(lambda: are_used_up(server))
    with_input(home, "another password of bob", "users", "passwd", "bob")
    assert status(server, basic("bob", "another password of bob")) == 200


def test_an_upload_waits_until_its_password_is_verified(server):
    data = os.urandom(3 << 20)
    path = "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/a.bin"
    assert server.ask("PUT", path, data, basic("alice", ALICE))[0] == 200
    assert server.ask("GET", path, None, basic("alice", ALICE))[2] == data


@pytest.mark.parametrize("size", [0, 1, 100_000, 3 << 20])
def test_bodies_of_requests_that_wait_are_whole_and_those_of_strangers_refused(server, size):
    data = os.urandom(size)
    path = "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/a.bin"
    for framing in ("length", "chunked", "expect"):
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        try:
            more = {"Expect": "100-continue"} if framing == "expect" else {}
            body = iter([data]) if framing == "chunked" else data
            line.request("PUT", path + framing, body, {**basic("mallory", f"{framing}"), **more},
                         encode_chunked=framing == "chunked")
            with line.getresponse() as answer:
                assert answer.status == 401
        except (BrokenPipeError, ConnectionResetError):
            assert size > 1 << 20, "a client that sends little must be told"
        finally:
            line.close()
    assert server.is_alive()


@pytest.mark.parametrize("framing", ["length", "chunked", "expect"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_bodies_are_whole_when_their_password_had_to_be_verified(server, framing, size):
    data = os.urandom(size)
    path = "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/a.bin"
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {**basic("alice", ALICE), **({"Expect": "100-continue"} if framing == "expect" else {})}
    line.request("PUT", path, iter([data] if data else []) if framing == "chunked" else data, headers,
                 encode_chunked=framing == "chunked")
    with line.getresponse() as answer:
        assert answer.status == 200
        answer.read()
    line.request("GET", path, headers=basic("alice", ALICE))
    with line.getresponse() as answer:
        assert answer.read() == data
    line.close()


def test_clients_that_go_away_while_they_are_verified_do_no_harm(server):
    head = f"GET {QUESTION} HTTP/1.1\r\nHost: localhost\r\n".encode()
    for number in range(8):
        with server.connect() as line:
            text = basic("alice", f"wrong{number}")["Authorization"]
            line.sendall(head + f"Authorization: {text}\r\n\r\n".encode())
    assert server.is_alive()
    assert server.stop() == ""


@pytest.mark.parametrize("what, words", [("users", "no users"), ("tokens", "no tokens")])
def test_a_home_in_which_nothing_was_written_down_has_none(sluice, what, words):
    """One that has its config.yaml, say, and no more."""
    sluice.write(".sluice/config.yaml", "auth: {default_permission: EDIT}\n")
    assert words in sluice(what, "list", expect=0).err
    assert json.loads(sluice(what, "list", "--json", expect=0).out) == []
    refused = sluice("webhooks", "list")
    assert refused.code == 4 and "holds nothing yet" in refused.err
    refused = sluice(what, "list", "--home", sluice.folder / "nowhere")
    assert refused.code == 4 and "there is no home at" in refused.err
