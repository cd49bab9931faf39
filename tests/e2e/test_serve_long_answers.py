# SPDX-License-Identifier: Apache-2.0
"""Answers that are made while they are sent: whole, whoever reads how fast, and whatever happens meanwhile."""
import http.client
import json
import socket

from programs import Sluice
from serving import Server

import pytest

RUNS = 600
SEARCH = "/api/2.0/mlflow/runs/search"


def fill(server):
    """The ids of runs with a param of some size each, the newest first."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def post(path, body):
        line.request("POST", f"/api/2.0/mlflow{path}", json.dumps(body), {"Content-Type": "application/json"})
        answer = line.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    made = []
    for number in range(RUNS):
        run = post("/runs/create", {"experiment_id": "0", "start_time": number, "run_name": f"run {number}"})
        made.append(run["run"]["info"]["run_id"])
        post("/runs/log-parameter", {"run_id": made[-1], "key": "long", "value": "x" * 4000})
    line.close()
    return made[::-1]


@pytest.fixture(name="filled", scope="module")
def filled_server(tmp_path_factory):
    sluice = Sluice(tmp_path_factory.mktemp("long"))
    server = Server(sluice)
    server.run_ids = fill(server)
    yield server
    assert server.is_alive()
    assert "Sanitizer" not in server.stop()
    sluice.close()


def question(most, **more):
    return json.dumps({"experiment_ids": ["0"], "max_results": most, "order_by": ["start_time DESC"], **more}).encode()


def search(server, most, **more):
    status, headers, body = server.ask("POST", SEARCH, question(most, **more), {"Content-Type": "application/json"})
    assert status == 200, body
    return headers, json.loads(body)


def ids(answer):
    return [run["info"]["run_id"] for run in answer.get("runs", [])]


def test_a_long_answer_is_the_short_ones_together(filled):
    headers, whole = search(filled, 50000)
    assert headers["Transfer-Encoding"] == "chunked" and headers["Content-Type"] == "application/json"
    assert ids(whole) == filled.run_ids and "next_page_token" not in whole
    together, token = [], None
    while token is not None or not together:
        headers, page = search(filled, 100, **({"page_token": token} if token else {}))
        assert headers["Transfer-Encoding"] is None and headers["Content-Length"] is not None
        together += page["runs"]
        token = page.get("next_page_token")
    assert together == whole["runs"]


def test_a_long_page_ends_with_the_token_of_the_next(filled):
    _, first = search(filled, 350)
    assert ids(first) == filled.run_ids[:350]
    _, second = search(filled, 350, page_token=first["next_page_token"])
    assert ids(second) == filled.run_ids[350:] and "next_page_token" not in second


def request(server, version):
    body = question(50000)
    return (f"POST {SEARCH} HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def test_a_client_of_http_1_0_gets_it_until_the_line_ends(filled):
    head, _, body = filled.send(request(filled, "1.0")).partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert ids(json.loads(body)) == filled.run_ids


def test_who_reads_slowly_or_goes_holds_nobody_up(filled):
    lines = []
    for _ in range(20):
        line = socket.create_connection(("127.0.0.1", filled.port), timeout=60)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(request(filled, "1.1"))
        lines.append(line)
    for line in lines:
        assert line.recv(12) == b"HTTP/1.1 200"
    _, whole = search(filled, 50000)
    assert ids(whole) == filled.run_ids
    for line in lines:
        line.close()
    _, whole = search(filled, 50000)
    assert ids(whole) == filled.run_ids


def test_the_server_ends_while_it_sends(sluice):
    server = Server(sluice)
    fill(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(request(server, "1.1"))
        assert line.recv(12) == b"HTTP/1.1 200"
        assert "Sanitizer" not in server.stop()
