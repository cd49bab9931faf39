# SPDX-License-Identifier: Apache-2.0
"""REST: streams that last. Whoever takes one is asked again, while it lasts, whether he may."""
import http.client
import json
import socket
import threading

import pytest
from accounts import BOB, add_token, add_user, basic, bearer, with_input
from programs import wait_until
from rest import API, WAITS, anonymous, with_admin

SPEAKS = "name: speaks\nsteps: {say: {run: 'while test ! -e end; do echo on; sleep 0.05; done'}}\n"


class Stream:
    """A stream that is read beside the test: how many lines came, and whether it was cut."""

    def __init__(self, rest, path, headers):
        self.line = http.client.HTTPConnection("127.0.0.1", rest.server.port, timeout=60)
        self.line.request("GET", API + path, headers=headers)
        self.answer = self.line.getresponse()
        assert self.answer.status == 200
        self.lines, self.is_cut, self.ends = 0, False, False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for line in self.answer:
                self.lines += line.startswith(b"data:")
                self.ends = self.ends or line.startswith(b"event: end")
        except (http.client.HTTPException, OSError):
            self.is_cut = True

    def goes_on(self):
        before = self.lines
        return wait_until(lambda: self.lines > before, 60)

    def is_over(self):
        self.thread.join(90)
        assert not self.thread.is_alive(), "it goes on"
        return not self.ends


@pytest.fixture
def speaking(sluice):
    """A server with the admin alice, and a run of hers that speaks until there is a file `end`."""
    sluice.pipeline(SPEAKS)
    end = sluice.write("end", "")
    sluice.run()
    end.unlink()
    rest = with_admin(sluice)
    run = rest.post("/runs", {"pipeline": "speaks"}, 201)
    yield rest, f"/runs/{run['run_id']}/logs/events", rest.get("/runs")["runs"][0]["experiment_id"]
    sluice.write("end", "")


def permit(rest, experiment, permission, verb=("POST", "create")):
    body = {"experiment_id": experiment, "username": "bob", "permission": permission}
    assert rest.server.ask(verb[0], f"/api/2.0/mlflow/experiments/permissions/{verb[1]}", body, rest.headers)[0] == 200


def revoke(sluice, token_id):
    sluice("tokens", "revoke", token_id, expect=0)


TAKEN_AWAY = {
    "the user is deleted": lambda sluice, rest, experiment, token: sluice("users", "rm", "bob", expect=0),
    "the token is revoked": lambda sluice, rest, experiment, token: revoke(sluice, token),
    "the permission is": lambda sluice, rest, experiment, token: permit(rest, experiment, "NO_PERMISSIONS"),
}


@pytest.mark.parametrize("taken_away", TAKEN_AWAY, ids=lambda text: text.replace(" ", "-"))
def test_a_stream_is_cut_when_its_reader_may_not_read_any_more(sluice, speaking, taken_away):
    rest, path, experiment = speaking
    add_user(sluice, "bob", BOB)
    token = add_token(sluice, "bob").split()[0]
    [token_id] = [row["id"] for row in sluice("tokens", "list", "--json", expect=0).json if row["user"] == "bob"]
    his, hers = Stream(rest, path, bearer(token)), Stream(rest, path, rest.headers)
    assert his.goes_on() and hers.goes_on()
    TAKEN_AWAY[taken_away](sluice, rest, experiment, token_id)
    assert his.is_over() and hers.goes_on()
    status = rest.as_user(bearer(token)).ask("GET", path)[0]
    assert status == (403 if taken_away == "the permission is" else 401), "and it is not taken up again"


def test_a_stream_is_cut_when_a_token_expires_or_a_password_is_changed(sluice, speaking):
    rest, path, _ = speaking
    add_user(sluice, "bob", BOB)
    token = add_token(sluice, "bob", "--expires", "30s").split()[0]
    by_token, by_password = Stream(rest, path, bearer(token)), Stream(rest, path, basic("bob", BOB))
    assert by_password.goes_on() and by_token.is_over() and by_password.goes_on()
    with_input(sluice, "another password of bob", "users", "passwd", "bob")
    assert by_password.is_over()


def test_a_stream_of_before_there_were_users_is_cut_when_there_are(sluice):
    sluice.pipeline(WAITS)
    run = sluice.run(expect=5).json
    rest = anonymous(sluice)
    stream = Stream(rest, f"/runs/{run['run_id']}/logs/events", {})
    assert wait_until(lambda: stream.lines > 0, 60)
    add_user(sluice, "alice", BOB, "--admin")
    assert stream.is_over()


def test_a_download_that_a_client_keeps_waiting_is_cut_too(sluice):
    sluice.pipeline("name: loud\nsteps: {loud: {run: 'seq 400000'}}\n")
    run = sluice.run(timeout=240).json
    rest = with_admin(sluice)
    add_user(sluice, "bob", BOB)
    path = f"{API}/runs/{run['run_id']}/logs?format=jsonl"
    whole = len(rest.ask("GET", path[len(API):])[2])
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it is connected: so it stays
    line.settimeout(120)
    line.connect(("127.0.0.1", rest.server.port))
    login = basic("bob", BOB)["Authorization"]
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {login}\r\n\r\n".encode())
    got = line.recv(1000)
    assert got.startswith(b"HTTP/1.1 200")
    sluice("users", "rm", "bob", expect=0)
    size = len(got)
    while more := line.recv(1 << 20):
        size += len(more)
    line.close()
    assert size < whole / 2, "what lay in buffers came, and nothing behind it"
    assert json.loads(rest.text(path[len(API):] + "&tail=1"))["line"] == "400000"
