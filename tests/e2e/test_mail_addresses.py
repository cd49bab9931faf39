# SPDX-License-Identifier: Apache-2.0
"""Addresses of subscriptions: nothing goes to one before whoever reads there has opened the link that was sent."""
import concurrent.futures
import re
import signal
import sqlite3

import pytest
from accounts import ALICE, BOB, add_user, basic
from channels import OPEN, configure, deliveries, mail_servers, states
from guarding import me
from programs import wait_until
from rest import Rest
from serving import Server

EVE = "eve@example.net"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LINK = re.compile(r"https://ml\.example\.org/base(/confirm/[0-9]+\.[0-9a-f]{64})")
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def house(sluice, mail_servers):
    """A server whose channel 'mail' is a real server of SMTP, and the model wine; what `start` gives can be asked."""
    post = mail_servers()
    started = []

    def start(more="", url="external_url: https://ml.example.org/base\n"):
        configure(sluice, f"""
            channels:
              mail: {{email: "{post.url}", from: sluice@example.org, to: [team@example.org], tls: false{more}}}
            """, opening=OPEN + url)
        server = Server(sluice)
        if not started:
            server.api("POST", "/registered-models/create", {"name": "wine"})
            server.api("POST", "/model-versions/create", {"name": "wine", "source": "s3://b/m"})
        started.append(server)
        return server

    start.post, start.sluice = post, sluice
    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


def link_in(mail):
    return LINK.search(mail.get_content().replace("=\n", ""))[1]


def look(server, path):
    status, headers, page = server.ask("GET", path)
    return status, headers, page.decode()


def agree(server, path, body=b"answer=yes", **more):
    status, _, page = server.ask("POST", path, body, {**FORM, **more})
    return status, page.decode()


def subscribe(sluice, *words, expect=0):
    return sluice("models", "subscribe", *words, expect=expect)


def state(sluice):
    return [row["state"] for row in sluice("models", "subscriptions", "--json", expect=0).json]


def told(house, count):
    """The mails, once so many have come and it is recorded that they have: what is not is sent again."""
    assert wait_until(lambda: states(house.sluice).count("delivered") == count, 60)
    assert len(house.post.mails) == count
    return house.post.mails


def later(sluice, server, **columns):
    """As if time had passed since it was asked: the server is stopped for it, and not begun again."""
    server.stop()
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        for name, ms in columns.items():
            store.execute(f"UPDATE mail_addresses SET {name} = {name} - ?", (ms,))


def test_nothing_goes_to_an_address_before_the_link_is_opened(sluice, house):
    server = house()
    said = subscribe(sluice, "wine/1", "mail", "--address", EVE).out
    assert f"{EVE} will be told" in said and "nothing else goes there" in said
    mail, = told(house, 1)
    assert mail.envelope_to == [EVE] and "agree" in mail.get_content() and me() in mail.get_content()
    path = link_in(mail)
    assert state(sluice) == ["unconfirmed"]
    sluice("models", "comment", "wine/1", "before", expect=0)
    for _ in range(3):  # what looks into mails opens what it finds there
        status, headers, page = look(server, path)
        assert status == 200 and EVE in page and me() in page and "<script" not in page
        assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert server.ask("HEAD", path)[0] == 200
    assert state(sluice) == ["unconfirmed"]
    status, page = agree(server, path)
    assert status == 200 and EVE in page
    assert state(sluice) == ["active"]
    sluice("models", "comment", "wine/1", "after", expect=0)
    mails = told(house, 2)
    assert "after" in mails[1].get_content() and mails[1].envelope_to == [EVE]
    assert agree(server, path)[0] == look(server, path)[0] == 410  # good once
    noted = [(row["action"], row["actor"], row["object"]) for row in sluice("activity", "--json", expect=0).json
             if row["action"].startswith("address.")]
    assert noted == [("address.confirmed", me(), f"address {EVE}"), ("address.asked", me(), f"address {EVE}")]
    row = next(row for row in Rest(server).get("/activity?action=address.confirmed")["activity"])
    assert (row["address"], row["means"]) == ("127.0.0.1", "link")


def test_the_link_is_in_the_mail_and_nowhere_else(sluice, house):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    mail, = told(house, 1)
    signature = link_in(mail).rpartition(".")[2]
    outbox = Rest(server).get("/outbox")["deliveries"]
    assert outbox[0]["event"] == "address.confirmation" and signature not in str(outbox)
    server.stop()
    for path in sluice.home.iterdir():
        assert not path.is_file() or signature.encode() not in path.read_bytes(), path


def test_an_address_that_was_confirmed_is_asked_once_for_all_models(sluice, house):
    server = house()
    server.api("POST", "/registered-models/create", {"name": "beer"})
    subscribe(sluice, "wine", "mail", "--address", EVE)
    agree(server, link_in(told(house, 1)[0]))
    assert "is told of beer" in subscribe(sluice, "beer", "mail", "--address", EVE).out
    assert state(sluice) == ["active", "active"]
    assert [row["event"] for row in deliveries(sluice)].count("address.confirmation") == 1


def test_it_is_confirmed_for_who_asked_and_for_nobody_else(sluice, house):
    server = house()
    for name, password in (("alice", ALICE), ("bob", BOB)):
        add_user(sluice, name, password, "--role", "admin" if name == "alice" else "viewer")
    alice = Rest(server, basic("alice", ALICE))
    bob = alice.as_user(basic("bob", BOB))
    body = {"name": "wine", "channel": "mail", "address": EVE}
    made = alice.post("/subscriptions", body, 201, key='"one"')
    assert (made["state"], made["address"]) == ("unconfirmed", EVE) and made["confirm_by"]
    assert made == alice.post("/subscriptions", body, 201, key='"one"')
    first = link_in(told(house, 1)[0])
    assert agree(server, first)[0] == 200
    assert alice.get("/subscriptions")["subscriptions"][0]["state"] == "active"
    assert bob.post("/subscriptions", body, 201)["state"] == "unconfirmed"
    told(house, 3)  # alice is told, too, that bob has subscribed
    second, = {link_in(mail) for mail in house.post.mails if LINK.search(mail.get_content())} - {first}
    assert "bob" in look(server, second)[2]
    assert bob.get("/subscriptions")["subscriptions"][0]["confirm_by"]


@pytest.mark.parametrize("change", ["cut", "flip", "number", "other", "empty", "long", "binary"])
def test_a_link_that_is_none_says_no_more_than_that(sluice, house, change):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    path = link_in(told(house, 1)[0])
    number, _, signature = path.removeprefix("/confirm/").partition(".")
    wrong = {"cut": f"{number}.{signature[:-1]}", "number": f"{int(number) + 1}.{signature}", "empty": "",
             "flip": f"{number}.{'0' if signature[0] != '0' else '1'}{signature[1:]}", "other": f"{number}.{'0' * 64}",
             "long": "1." + "a" * 5000, "binary": "%ff%00%fe"}[change]
    status, _, page = look(server, "/confirm/" + wrong)
    assert status == 404 and EVE not in page
    assert agree(server, "/confirm/" + wrong)[0] == 404
    assert state(sluice) == ["unconfirmed"]


def test_a_link_takes_a_form_and_is_no_use_for_a_while_when_many_were_wrong(sluice, house):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    path = link_in(told(house, 1)[0])
    assert server.ask("POST", path, b"{}", {"Content-Type": "application/json"})[0] == 415
    assert agree(server, path, b"x" * 40000)[0] == 413
    assert state(sluice) == ["unconfirmed"]
    seen = {look(server, "/confirm/1." + "0" * 64)[0] for _ in range(40)}
    assert seen == {404, 429}


def test_a_link_is_too_old_after_three_days_and_a_newer_one_takes_its_place(sluice, house):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    old = link_in(told(house, 1)[0])
    later(sluice, server, expires_ms=4 * DAY_MS)  # its signature is over the end, too
    server = house()
    assert look(server, old)[0] == 404
    server.stop()
    with sqlite3.connect(sluice.home / "sluice.db") as store:
        store.execute("UPDATE mail_addresses SET asked_ms = asked_ms - ?, expires_ms = expires_ms + ?",
                      (2 * 3600 * 1000, 4 * DAY_MS))
    server = house()
    assert look(server, old)[0] == 200
    subscribe(sluice, "wine", "mail", "--address", EVE)  # two hours later: another link
    new = link_in(told(house, 2)[1])
    assert look(server, old)[0] == agree(server, old)[0] == 404
    assert agree(server, new)[0] == 200 and state(sluice) == ["active"]


def test_a_link_that_has_run_out_says_so(sluice, house):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    told(house, 1)  # and it comes once more, when its three days are over
    later(sluice, server, expires_ms=4 * DAY_MS)
    server = house()
    one = Rest(server).get("/outbox")["deliveries"][0]["delivery_id"]
    sluice("webhooks", "redeliver", one, expect=0)
    assert wait_until(lambda: len(house.post.mails) == 2, 60)
    path = link_in(house.post.mails[1])
    status, _, page = look(server, path)
    assert status == 410 and "too old" in page
    assert agree(server, path)[0] == 410 and state(sluice) == ["unconfirmed"]


def test_asking_again_at_once_sends_nothing_more(sluice, house):
    house()
    for _ in range(3):
        subscribe(sluice, "wine", "mail", "--address", EVE)
    sluice("models", "unsubscribe", 1, expect=0)
    subscribe(sluice, "wine/1", "mail", "--address", EVE)
    told(house, 1)
    assert len(deliveries(sluice)) == 1


def test_nobody_has_mails_sent_to_a_stranger_again_and_again(sluice, house):
    server = house()
    for number in range(4):
        done = sluice("models", "subscribe", "wine", "mail", "--address", "Eve@example.net" if number % 2 else EVE)
        if number < 3:
            assert done.code == 0, done
            told(house, number + 1)
            server.stop()
            with sqlite3.connect(sluice.home / "sluice.db") as store:
                store.execute("UPDATE mail_addresses SET asked_ms = asked_ms - ?", (2 * DAY_MS - 60000 * number,))
            server = house()
    assert done.code != 0 and "asked 3 times within a week" in done.err, done
    assert len(deliveries(sluice)) == 3


def test_an_actor_asks_for_so_many_addresses_in_a_day(sluice, house):
    rest = Rest(house())
    for number in range(20):
        rest.post("/subscriptions", {"name": "wine", "channel": "mail", "address": f"a{number}@example.net"}, 201)
    wrong = rest.post("/subscriptions", {"name": "wine", "channel": "mail", "address": "b@example.net"}, 409)
    assert "20 addresses within a day" in wrong["message"]
    assert len(rest.get("/subscriptions")["subscriptions"]) == 20


def test_a_domain_that_config_yaml_trusts_is_not_asked(sluice, house):
    house(more=", trusts: [example.net]", url="")
    assert "is told of wine" in subscribe(sluice, "wine", "mail", "--address", "eve@EXAMPLE.net").out
    sluice("models", "comment", "wine/1", "at once", expect=0)
    mails = told(house, 2)
    assert "at once" in mails[1].get_content() and mails[1].envelope_to == ["eve@EXAMPLE.net"]
    for other in ("eve@sub.example.net", "eve@example.net.evil.org", "eve@anexample.net"):
        assert "external_url" in sluice("models", "subscribe", "wine", "mail", "--address", other).err
    assert state(sluice) == ["active"]


@pytest.mark.parametrize("trusts, words", [
    ("[a@b.c]", "is no domain"), ("['']", ""), ("example.org", "list"), ("['*.example.org']", "is no domain"),
    ("['x y']", "is no domain")])
def test_a_domain_that_is_none_is_an_error_of_config_yaml(sluice, trusts, words):
    sluice.write(".sluice/config.yaml", "channels: {mail: {email: 'smtp://a', from: a@b.c, to: a@b.c, tls: false, "
                                        f"trusts: {trusts}}}}}\n")
    done = sluice("config")
    assert done.code != 0 and words in done.out + done.err, done


def test_without_a_place_for_links_there_is_no_subscription_to_a_stranger(sluice, house):
    server = house(url="")
    done = sluice("models", "subscribe", "wine", "mail", "--address", EVE)
    assert done.code != 0 and "external_url" in done.err
    Rest(server).post("/subscriptions", {"name": "wine", "channel": "mail", "address": EVE}, 409)
    assert state(sluice) == [] and deliveries(sluice) == []
    assert "is told" in subscribe(sluice, "wine", "mail").out  # the channel's own is config.yaml's word


@pytest.mark.parametrize("address", ["a@b.c\nBcc: x@y.z", "a@b.c, x@y.z", "<a@b.c>", "a", "@", "", "a@" + "b" * 300])
def test_what_is_no_address_is_asked_nothing(sluice, house, address):
    rest = Rest(house())
    status = rest.ask("POST", "/subscriptions", {"name": "wine", "channel": "mail", "address": address})[0]
    assert status == (201 if address == "" else 400 if len(address) > 254 else 422)
    assert [row for row in deliveries(sluice) if row["event"] == "address.confirmation"] == []


def test_a_link_is_good_over_a_restart_and_a_kill(sluice, house):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    path = link_in(told(house, 1)[0])
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server = house()
    assert agree(server, path)[0] == 200
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert look(house(), path)[0] == 410 and state(sluice) == ["active"]


def test_two_who_agree_at_once_agree_once(sluice, house):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    path = link_in(told(house, 1)[0])
    with concurrent.futures.ThreadPoolExecutor(8) as several:
        answers = list(several.map(lambda _: agree(server, path)[0], range(8)))
    assert sorted(answers)[:1] == [200] and set(answers[1:]) <= {200, 409, 410} and answers.count(200) == 1


def test_a_link_of_another_home_is_none(sluice, house):
    server = house()
    subscribe(sluice, "wine", "mail", "--address", EVE)
    path = link_in(told(house, 1)[0])
    server.stop()
    (sluice.home / "key").write_bytes(b"k" * 32)
    assert look(house(), path)[0] == 404
