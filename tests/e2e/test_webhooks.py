# SPDX-License-Identifier: Apache-2.0
"""Webhooks: what is told of what, to whom, when, and never to whom it must not be."""
import contextlib
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest
from programs import wait_until
from serving import Server

OPEN = "webhooks: {http: true, allow: [127.0.0.0/8], retry_first: 100ms, retry_for: 1h}\n"


def event(name):
    entity, _, action = name.upper().partition(".")
    return {"entity": entity, "action": action}


@pytest.fixture
def serve(serve):
    """With webhooks that may go to receivers of this machine, unless another config.yaml is given."""
    return lambda config=OPEN: serve(config=config)


def hook(server, url, *events, expect=200, **more):
    events = [event(name) for name in events or ("registered_model.created",)]
    answer = server.api("POST", "/webhooks", {"name": "hook", "url": url, "events": events, **more}, expect=expect)
    return answer["webhook"]["webhook_id"] if expect == 200 else answer["message"]


def make_model(server, name):
    server.api("POST", "/registered-models/create", {"name": name})


def deliveries(sluice, *options):
    return sluice("webhooks", "deliveries", *options, "--json", expect=0).json


# ---- telling --------------------------------------------------------------------------------------------------------

def test_a_change_is_told_and_signed(sluice, serve, receive):
    server, receiver = serve(), receive()
    hook(server, receiver.url, "registered_model.created", secret="s3cret-of-the-hook")
    before = time.time()
    server.api("POST", "/registered-models/create",
               {"name": "wein-ü", "description": "of grapes", "tags": [{"key": "a", "value": "1"}]})
    assert wait_until(lambda: len(receiver.deliveries) == 1)
    told = receiver.deliveries[0]
    assert told.is_signed_by("s3cret-of-the-hook") and not told.is_signed_by("s3cret-of-the-hoof")
    assert told.headers["Content-Type"] == "application/json" and told.headers["User-Agent"].startswith("sluice/")
    assert abs(int(told.headers["X-MLflow-Timestamp"]) - before) < 30
    assert told.json["data"] == {"name": "wein-ü", "tags": {"a": "1"}, "description": "of grapes"}
    assert told.json["timestamp"].endswith("+00:00") and told.event == "registered_model.created"
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice)] == ["delivered"])


def test_a_secret_is_nowhere_to_be_read(sluice, serve, receive):
    server, receiver = serve(), receive()
    one = hook(server, receiver.url, secret="s3cret-of-the-hook")
    shown = json.dumps(server.api("GET", f"/webhooks/{one}")) + json.dumps(server.api("GET", "/webhooks"))
    shown += sluice("webhooks", "list", "--json").out + sluice("webhooks", "show", one).out
    assert "s3cret" not in shown and "sealed" in shown
    for name in os.listdir(sluice.home):
        path = sluice.home / name
        assert not path.is_file() or b"s3cret-of-the-hook" not in path.read_bytes(), name
    server.api("PATCH", f"/webhooks/{one}", {"secret": ""})
    make_model(server, "m")
    assert wait_until(lambda: receiver.deliveries)
    assert "X-MLflow-Signature" not in receiver.deliveries[0].headers


def test_who_is_deleted_or_disabled_gets_nothing_more(sluice, serve, receive):
    server = serve()
    slow = receive(lambda delivery: time.sleep(0.5) or 503)
    gone = receive()
    one, two = hook(server, slow.url), hook(server, gone.url)
    server.api("DELETE", f"/webhooks/{two}")
    make_model(server, "m")
    assert wait_until(lambda: slow.deliveries)
    server.api("PATCH", f"/webhooks/{one}", {"status": "DISABLED"})
    make_model(server, "n")
    tried = len(slow.deliveries)
    wait_until(lambda: [row["state"] for row in deliveries(sluice, one)] == ["dropped"])
    time.sleep(1.5)
    assert len(slow.deliveries) <= tried + 1 and not gone.deliveries
    assert [row["state"] for row in deliveries(sluice, one)] == ["dropped"]
    server.api("PATCH", f"/webhooks/{one}", {"status": "ACTIVE"})
    make_model(server, "o")
    assert wait_until(lambda: any(told.json["data"]["name"] == "o" for told in slow.deliveries))
    assert not any(told.json["data"]["name"] == "n" for told in slow.deliveries)


def test_who_says_that_he_is_gone_is_disabled_until_somebody_says_otherwise(sluice, serve, receive):
    server, receiver = serve(), receive(lambda delivery: 410)
    one, other = hook(server, receiver.url), hook(server, receive().url)
    make_model(server, "m")

    def status(webhook):
        return server.api("GET", f"/webhooks/{webhook}")["webhook"]["status"]

    assert wait_until(lambda: status(one) == "DISABLED") and status(other) == "ACTIVE"
    make_model(server, "n")
    assert [row["state"] for row in deliveries(sluice, one)] == ["failed"] and len(receiver.deliveries) == 1
    assert "DISABLED" in sluice("webhooks", "list", expect=0).out.upper()
    notes = [note for note in sluice("activity", "--json", expect=0).json if note["action"] == "webhook.disabled"]
    assert [(note["actor"], note["object"], note["reason"]) for note in notes] == \
        [("sluice", "webhook hook", "it answered 410: gone")]
    receiver.answer = lambda delivery: 200
    server.api("PATCH", f"/webhooks/{one}", {"status": "ACTIVE"})
    make_model(server, "o")
    assert wait_until(lambda: len(receiver.deliveries) == 2)
    assert receiver.deliveries[1].json["data"]["name"] == "o" and status(one) == "ACTIVE"


def test_who_is_gone_from_where_he_was_is_told_where_he_is_now(sluice, serve, receive):
    """410 of the old address, which comes after the webhook was given a new one, disables nothing."""
    moved = threading.Event()
    old, new = receive(lambda delivery: 410 if moved.wait(60) else 500), receive()
    server = serve()
    one = hook(server, old.url)
    make_model(server, "m")
    assert wait_until(lambda: old.deliveries)
    server.api("PATCH", f"/webhooks/{one}", {"url": new.url})
    moved.set()
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice, one)] == ["failed"])
    assert server.api("GET", f"/webhooks/{one}")["webhook"]["status"] == "ACTIVE"
    make_model(server, "n")
    assert wait_until(lambda: new.deliveries)


def test_a_receiver_that_fails_is_asked_again_with_the_same_id(sluice, serve, receive):
    server = serve()
    receiver = receive(lambda delivery: 200 if len(receiver.deliveries) >= 4 else 503)
    hook(server, receiver.url)
    make_model(server, "m")
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice)] == ["delivered"])
    assert len(receiver.deliveries) == 4 and len({told.id for told in receiver.deliveries}) == 1
    waits = [b.at - a.at for a, b in zip(receiver.deliveries, receiver.deliveries[1:])]
    assert all(wait > 0.07 * 2 ** n for n, wait in enumerate(waits)), waits  # or longer, where nobody had the time
    assert deliveries(sluice)[0]["tries"] == 4


def test_retry_after_is_kept(serve, receive):
    server = serve()
    receiver = receive(lambda delivery: 200 if len(receiver.deliveries) > 1 else (429, {"Retry-After": "2"}, b""))
    hook(server, receiver.url)
    make_model(server, "m")
    assert wait_until(lambda: len(receiver.deliveries) == 2)
    assert receiver.deliveries[1].at - receiver.deliveries[0].at >= 1.9


def test_what_is_refused_for_good_is_not_tried_again(sluice, serve, receive):
    server, receiver = serve(), receive(lambda delivery: 400)
    hook(server, receiver.url)
    make_model(server, "m")
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice)] == ["failed"])
    assert deliveries(sluice)[0]["error"] == "it answered 400" and len(receiver.deliveries) == 1


def test_trying_ends(sluice, serve, receive):
    server = serve(OPEN.replace("1h", "3s"))
    receiver = receive(lambda delivery: 500)
    hook(server, receiver.url)
    make_model(server, "m")
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice)] == ["failed"])
    assert 2 <= len(receiver.deliveries) <= 6


def test_what_happens_to_one_object_is_told_in_order(serve, receive):
    """The first try of each second one fails: what came after it must wait."""
    server = serve()
    seen = set()

    def answer(delivery):
        seen.add(delivery.id)
        tries = sum(1 for told in receiver.deliveries if told.id == delivery.id)
        return 200 if tries > 1 or len(seen) % 2 else 503

    receiver = receive(answer)
    hook(server, receiver.url, "registered_model.created", "model_version.created", "model_version_tag.set")
    make_model(server, "m")
    server.api("POST", "/model-versions/create", {"name": "m", "source": "s3://b/m"})
    for n in range(8):
        server.api("POST", "/model-versions/set-tag", {"name": "m", "version": "1", "key": "n", "value": str(n)})
    assert wait_until(lambda: len({told.id for told in receiver.deliveries}) == 10)
    first = list(dict.fromkeys(told.id for told in receiver.deliveries))
    last = {told.id: told for told in receiver.deliveries}
    assert [last[one].event for one in first[:2]] == ["registered_model.created", "model_version.created"]
    assert [last[one].json["data"]["value"] for one in first[2:]] == [str(n) for n in range(8)]
    order = [told.id for told in receiver.deliveries]
    assert order == sorted(order, key=first.index)  # no later one while an earlier one was tried again


def test_a_slow_receiver_keeps_no_other_waiting(serve, receive):
    server = serve()
    slow, quick = receive(lambda delivery: time.sleep(100) or 200), receive()
    hook(server, slow.url)
    hook(server, quick.url)
    began = time.monotonic()
    for n in range(30):
        make_model(server, f"m{n}")
    assert wait_until(lambda: len(quick.deliveries) == 30)
    assert time.monotonic() - began < 90
    assert len(slow.deliveries) <= 2  # and no more than a few of one at a time


def test_an_acknowledgement_counts_also_when_its_body_breaks_off(sluice, serve):
    """Else the receiver would get again for days what it has taken."""
    server = serve()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            with listener.accept()[0] as line:
                request = b""
                while b"}}" not in request:
                    request += line.recv(65536)
                line.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhalf")

        thread = threading.Thread(target=answer)
        thread.start()
        hook(server, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        make_model(server, "wine")
        thread.join()
        [row] = wait_until(lambda: [row for row in deliveries(sluice) if row["tries"] > 0], 60)
    assert (row["state"], row["tries"], row["status"]) == ("delivered", 1, 202)


@pytest.fixture
def silent():
    """A place where connections are taken, and nothing is ever said; how many there are."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    taken = []

    def take():
        with contextlib.suppress(OSError):
            while True:
                taken.append(listener.accept()[0])

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/", taken
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    for one in (*taken, listener):
        one.close()


def test_who_answers_waits_for_no_number_of_others_who_do_not(serve, receive, silent):
    server, quick = serve(), receive()
    url, taken = silent
    hook(server, quick.url, "registered_model.created", "model_version_tag.set")
    make_model(server, "wine")
    assert wait_until(lambda: len(quick.deliveries) == 1)
    server.api("POST", "/model-versions/create", {"name": "wine", "source": "s3://a/b"})
    for _ in range(300):
        hook(server, url, "registered_model.created")
    make_model(server, "beer")
    assert wait_until(lambda: len(taken) >= 16 and len(quick.deliveries) == 2, 60)
    for n in range(3):  # for the others, 30 seconds each, there is half an hour of work
        server.api("POST", "/model-versions/set-tag", {"name": "wine", "version": "1", "key": "k", "value": str(n)})
        assert wait_until(lambda n=n: len(quick.deliveries) == 3 + n, 60)


def test_kill_9_loses_nothing(sluice, serve, receive):
    """The server is killed while receivers hold what they were sent: all of it comes again, by its id."""
    server = serve()
    held = threading.Event()
    receiver = receive(lambda delivery: held.wait(60) and 200)
    hook(server, receiver.url)
    for n in range(6):
        make_model(server, f"m{n}")
    assert wait_until(lambda: len(receiver.deliveries) >= 2)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    before = {told.id for told in receiver.deliveries}
    held.set()
    serve()
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice)] == ["delivered"] * 6)
    assert len({told.id for told in receiver.deliveries}) == 6 and before <= {told.id for told in receiver.deliveries}
    assert {told.json["data"]["name"] for told in receiver.deliveries} == {f"m{n}" for n in range(6)}


def test_what_a_pipeline_registers_is_told_by_sluice_run_itself(sluice, serve, receive):
    server, receiver = serve(), receive()
    hook(server, receiver.url, "registered_model.created", "model_version.created", "model_version_alias.created")
    server.stop()
    sluice.pipeline("""
        name: line
        steps:
          train:
            run: |
              mkdir -p "$SLUICE_STEP_DIR/model" && echo x > "$SLUICE_STEP_DIR/model/x"
              echo '{"flavors": {}}' > "$SLUICE_STEP_DIR/model/MLmodel"
            model: {name: line, path: "${{ step.dir }}/model"}
          register:
            needs: [train]
            uses: register
            with: {model: "${{ steps.train.model_id }}", name: line, aliases: [champion]}
        """)
    result = sluice("run", "-q")
    assert result.code == 0, repr(result)
    assert receiver.events()[:2] == ["registered_model.created", "model_version.created"], receiver.events()
    assert receiver.deliveries[1].json["data"]["name"] == "line"
    assert {row["state"] for row in deliveries(sluice)} == {"delivered"}


# ---- for people -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("held", [True, False])
def test_a_test_from_the_terminal(sluice, serve, receive, held):
    server, receiver = serve(), receive()
    one = hook(server, receiver.url, "model_version_tag.set", status="DISABLED")
    if not held:
        server.stop()
    result = sluice("webhooks", "test", one, expect=0)
    assert "delivered: it answered 200" in result.out
    assert receiver.deliveries[0].json["data"] == {"name": "example_model", "version": "1", "key": "example_key",
                                                   "value": "example_value"}
    receiver.answer = lambda delivery: 500
    assert sluice("webhooks", "test", one, "--event", "prompt.created", expect=1).out.endswith("it answered 500\n")
    assert receiver.events() == ["model_version_tag.set", "prompt.created"]  # once, whatever came of it
    assert "did you mean" in sluice("webhooks", "test", one, "--event", "prompt.create").err


@pytest.mark.parametrize("held", [True, False])
def test_redelivery(sluice, serve, receive, held):
    server, receiver = serve(), receive(lambda delivery: 400)
    hook(server, receiver.url)
    make_model(server, "m")
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice)] == ["failed"])
    if not held:
        server.stop()
    receiver.answer = lambda delivery: 204
    one = deliveries(sluice)[0]["delivery_id"]
    result = sluice("webhooks", "redeliver", one[:8], "--json", expect=0).json
    assert result == {"delivery_id": one, "state": "delivered", "status": 204, "error": ""}
    assert [told.id for told in receiver.deliveries] == [one, one]
    assert "there is no delivery" in sluice("webhooks", "redeliver", "zzz").err


def test_old_deliveries_are_removed(sluice, serve, receive):
    server, receiver = serve(), receive()
    one = hook(server, receiver.url)
    server.stop()
    with sqlite3.connect(sluice.home / "sluice.db") as rows:
        rows.executemany("INSERT INTO deliveries (delivery_id, receiver, address, event, object, body, is_test, state, "
                         "tries, created_ms, since_ms, tried_ms, ended_ms, status, error) "
                         "VALUES (?, ?, '', 'e', '', '{}', 0, "
                         "'delivered', 1, 1, 1, 1, 1, 200, '')", [(f"old-{n:05}", one) for n in range(1200)])
    rows.close()
    server = serve()
    for n in range(3):
        make_model(server, f"m{n}")
    assert wait_until(lambda: len(deliveries(sluice, "--limit", "5000")) == 1000)
    assert deliveries(sluice)[0]["event"] == "registered_model.created"
    server.api("DELETE", f"/webhooks/{one}")
    assert deliveries(sluice) == []


# ---- where it may point (each by the name it is known by) ---------------------------------------------------------

def refusal(server, url):
    return hook(server, url, expect=400)


@pytest.mark.parametrize("url", [
    "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/", "https://192.168.1.1/", "https://172.16.0.9/",
    "https://127.0.0.1:8443/", "https://[::1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://localhost/x",
    "https://0.0.0.0/", "https://100.64.0.1/"])
def test_CVE_2026_2393(serve, url):
    """A webhook that points into the machine or its networks is refused when it is made."""
    server = serve("")
    assert "must not resolve to a non-public IP address" in refusal(server, url)
    one = hook(server, "https://hooks.example/x")
    answer = server.api("PATCH", f"/webhooks/{one}", {"url": url}, expect=400)
    assert "non-public" in answer["message"]


@pytest.mark.parametrize("url", ["http://hooks.example/", "file:///etc/passwd", "gopher://hooks.example/",
                                 "hooks.example", "//hooks.example/x", "javascript:alert(1)"])
def test_CVE_2026_2393_schemes(serve, url):
    assert "Allowed schemes are: https." in refusal(serve(""), url)


def test_CVE_2026_64849_rebinding(sluice, serve, receive):
    """#24179: a name that resolves to the loopback when it is connected to. The connection's address is judged."""
    receiver = receive()
    server = serve("webhooks: {http: true}\n")
    for name in ("ip6-localhost", "localhost.localdomain", socket.gethostname()):
        try:
            found = {info[4][0] for info in socket.getaddrinfo(name, receiver.port)}
        except socket.gaierror:
            continue
        if not all(address.startswith(("127.", "::1", "10.", "172.", "192.168.")) for address in found):
            continue
        one = hook(server, f"http://{name}:{receiver.port}/")
        result = sluice("webhooks", "test", one, expect=1)
        assert "is refused" in result.out, result
        break
    else:
        pytest.skip("this machine has no name for its loopback but localhost")
    assert not receiver.deliveries


def test_CVE_2026_64849_redirects(sluice, serve, receive):
    """#24258: no redirect is followed, also not to the same host; what is answered is not shown."""
    target = receive(lambda delivery: (200, {}, b"inner secret"))
    server = serve()
    for status in (301, 302, 303, 307, 308):
        receiver = receive(lambda delivery, status=status: (status, {"Location": target.url}, b"inner secret"))
        one = hook(server, receiver.url)
        answer = server.api("POST", f"/webhooks/{one}/test", {})
        assert answer["result"] == {"success": False, "response_status": status}
        make_model(server, f"m{status}")
        assert wait_until(lambda: [row["error"] for row in deliveries(sluice, one)][0] ==
                          f"it answered {status}: redirects are not followed")
    assert not target.deliveries


def test_CVE_2026_64849_answers_are_not_shown(sluice, serve, receive):
    receiver = receive(lambda delivery: (200, {"X-Inner": "inner secret"}, b"inner secret" * 100000))
    server = serve()
    one = hook(server, receiver.url)
    answer = server.api("POST", f"/webhooks/{one}/test", {})
    assert answer["result"] == {"success": True, "response_status": 200}
    shown = sluice("webhooks", "deliveries", "--json").out + sluice("webhooks", "deliveries").out
    assert "inner secret" not in shown


def test_CVE_2026_64849_no_proxy(sluice, receive):
    """A proxy of the environment would connect for us, and nobody would judge to where."""
    proxy, receiver = receive(), receive()
    sluice.env.update(http_proxy=proxy.url, https_proxy=proxy.url, all_proxy=proxy.url)
    sluice.write(".sluice/config.yaml", OPEN)
    server = Server(sluice)
    one = hook(server, receiver.url)
    assert server.api("POST", f"/webhooks/{one}/test", {})["result"]["success"]
    assert not proxy.deliveries
    server.stop()


@pytest.mark.parametrize("host", ["[64:ff9b::a9fe:a9fe]", "[::ffff:100.64.0.1]", "[::ffff:169.254.169.254]",
                                  "[2002:a9fe:a9fe::1]", "[2002:0a00:0001::1]", "[2001:0:a9fe:a9fe::1]",
                                  "[64:ff9b::7f00:1]"])
def test_PR_25568(serve, host):
    """An IPv4 address inside an IPv6 one is judged as well."""
    assert "non-public" in refusal(serve(""), f"https://{host}/")


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "10.1", "169.254.43518",
                                  "127.0.0.1.", "0"])
def test_CVE_2026_71211(serve, host):
    """GHSA-h7x2-h6g9-p789, PR 25761: odd spellings of addresses are no names of hosts."""
    assert "no address as they are written" in refusal(serve(""), f"https://{host}/x")


def test_CVE_2026_71211_when_it_is_sent(sluice, serve, receive):
    """One that is in the store already, of a time when the rules were others, is judged when it is connected to."""
    receiver = receive()
    server = serve()
    one = hook(server, receiver.url)
    server.stop()
    server = serve("webhooks: {http: true}\n")
    assert "is refused" in server.api("POST", f"/webhooks/{one}/test", {})["result"]["error_message"]
    make_model(server, "m")
    assert wait_until(lambda: [row["state"] for row in deliveries(sluice, one)][0] == "failed")
    assert deliveries(sluice, one)[0]["tries"] == 1  # to try again would not help
    assert not receiver.deliveries


@pytest.mark.parametrize("url", ["https://user:pass@hooks.example/", "https://hooks.example@169.254.169.254/",
                                 "https://hooks.example:443@10.0.0.1/", "https://169.254.169.254\\@hooks.example/",
                                 "https://hooks.example /", "https://hooks.example/\nHost: x", "https:///x", "https://",
                                 "https://[::1", "https://hooks.example:port/", "https://hooks.example:999999/"])
def test_urls_that_are_read_in_two_ways(serve, url):
    assert refusal(serve(""), url)


# ---- https ----------------------------------------------------------------------------------------------------------

def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_https_with_a_certificate_that_is_checked(sluice, receive, tmp_path):
    receiver = receive(tls=certificate(tmp_path))
    sluice.write(".sluice/config.yaml", OPEN.replace("http: true, ", ""))
    server = Server(sluice)
    one = hook(server, receiver.url, secret="s3cret-of-the-hook")
    assert "certificate" in server.api("POST", f"/webhooks/{one}/test", {})["result"]["error_message"]
    server.stop()
    sluice.env["SSL_CERT_FILE"] = str(tmp_path / "cert.pem")
    server = Server(sluice)
    assert server.api("POST", f"/webhooks/{one}/test", {})["result"] == {"success": True, "response_status": 200}
    assert receiver.deliveries[0].is_signed_by("s3cret-of-the-hook")
    server.stop()


# ---- the interface --------------------------------------------------------------------------------------------------

def test_pages_show_each_once(serve):
    server = serve()
    made = [hook(server, f"https://hooks.example/{n}") for n in range(7)]
    found, token = [], ""
    while token is not None:
        page = server.api("GET", f"/webhooks?max_results=3&page_token={token}")
        found += [one["webhook_id"] for one in page["webhooks"]]
        token = page.get("next_page_token")
        if len(found) == 3:
            made.append(hook(server, "https://hooks.example/later"))
    assert sorted(found) == sorted(made[:7])
    for wrong in ("nonsense", "-1/x", "1", "%00"):
        assert server.ask("GET", f"/api/2.0/mlflow/webhooks?page_token={wrong}")[0] == 400
    assert server.api("GET", "/webhooks?max_results=1001", expect=400)["message"] == \
        "max_results must be between 1 and 1000."


def test_a_test_ends_when_its_client_goes_or_the_webhook_does(sluice, serve, receive):
    server = serve()
    held = threading.Event()
    receiver = receive(lambda delivery: held.wait(60) and 200)
    one = hook(server, receiver.url)
    line = server.connect()
    line.sendall(b"POST /api/2.0/mlflow/webhooks/%s/test HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" % one.encode())
    assert wait_until(lambda: receiver.deliveries)
    line.close()
    assert server.is_alive()
    answers = []
    asker = threading.Thread(target=lambda: answers.append(server.api("POST", f"/webhooks/{one}/test", {}, expect=404)))
    asker.start()
    assert wait_until(lambda: len(receiver.deliveries) == 2)
    server.api("DELETE", f"/webhooks/{one}")
    asker.join(60)
    assert "there is no delivery" in answers[0]["message"]
    held.set()
    server.stop()
