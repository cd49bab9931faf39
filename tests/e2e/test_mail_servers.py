# SPDX-License-Identifier: Apache-2.0
"""Servers of mail that refuse, are busy, or never say goodbye: what sluice-fetch makes of that, and a channel."""
import json
import socket
import subprocess
import threading

import pytest
from channels import configure, deliveries, fails
from programs import BUILD, wait_until


class Script:
    """A server of SMTP that says what it is told to: `replies` by verb (or "greeting", "end"), `recipients` by address.
    After QUIT it says nothing, and keeps the connection."""

    def __init__(self, replies=None, recipients=None):
        self.replies, self.recipients = replies or {}, recipients or {}
        self.heard, self.mails, self.lines = [], [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        try:
            while True:
                line = self.listener.accept()[0]
                self.lines.append(line)
                threading.Thread(target=self.serve, args=(line,), daemon=True).start()
        except OSError:
            pass

    def reply(self, line):
        verb = line.split(" ")[0]
        if verb == "RCPT":
            return next((said for who, said in self.recipients.items() if who in line), "250 ok")
        defaults = {"EHLO": "250 localhost", "DATA": "354 go on"}
        return self.replies.get(verb, defaults.get(verb, "250 ok"))

    def serve(self, line):
        try:
            lines = line.makefile("r", encoding="utf-8", newline="\r\n")
            line.sendall(self.replies.get("greeting", "220 here").encode() + b"\r\n")
            mail = None
            for text in lines:
                text = text.rstrip("\r\n")
                if mail is not None and text != ".":
                    mail.append(text)
                    continue
                if mail is not None:
                    self.mails.append(mail)
                    mail, said = None, self.replies.get("end", "250 taken")
                else:
                    self.heard.append(text)
                    said = None if text == "QUIT" else self.reply(text)
                    mail = [] if said is not None and said.startswith("354") else None
                if said is not None:
                    line.sendall(said.encode() + b"\r\n")
        except OSError:
            pass  # who spoke has gone

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for one in (*self.lines, self.listener):
            one.close()


@pytest.fixture
def script():
    made = []

    def make(*args, **options):
        made.append(Script(*args, **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


def send(server, to=("ada@example.org",), **mail):
    request = {"url": f"smtp://127.0.0.1:{server.port}", "timeout_ms": 30000,
               "mail": {"from": "sluice@example.org", "to": list(to), "text": "Subject: x\r\n\r\nhello\r\n.\r\nbye",
                        "tls": False, **mail}}
    done = subprocess.run([BUILD / "sluice-fetch"], input=json.dumps(request), capture_output=True, text=True,
                          timeout=110, check=False)
    assert "Sanitizer" not in done.stderr, done.stderr
    return json.loads(done.stdout.partition("\n")[0])


def test_a_server_that_says_no_goodbye_is_not_waited_for(script):
    """libcurl would wait for two minutes: the test's sluice-fetch has less."""
    server = script()
    answer = send(server)
    assert (answer["status"], "error" in answer) == (250, False)
    assert server.mails == [["Subject: x", "", "hello", "..", "bye"]], "a lone dot is doubled (RFC 5321, 4.5.2)"


@pytest.mark.parametrize("replies, mail", [
    ({"greeting": "421 too busy"}, {}),
    ({"EHLO": "250-localhost\r\n250 STARTTLS", "STARTTLS": "454 no certificate just now"}, {"tls": True}),
    ({"EHLO": "250-localhost\r\n250 AUTH PLAIN", "AUTH": "454 the directory is down"},
     {"user": "sluice", "password": "secret"}),
    ({"MAIL": "451 try later"}, {}),
    ({"end": "452 no room"}, {}),
])
def test_what_is_refused_for_now_may_be_asked_again(script, replies, mail):
    answer = send(script(replies), **mail)
    assert 400 <= answer["status"] < 500 and "refused" not in answer
    assert answer["error"].endswith(f"answered {answer['status']}")


@pytest.mark.parametrize("replies, mail, words", [
    ({}, {"tls": True}, "expected STARTTLS"),
    ({"EHLO": "250-localhost\r\n250 AUTH PLAIN", "AUTH": "535 no"}, {"user": "sluice", "password": "secret"},
     "does not take the user's password"),
])
def test_what_is_refused_for_good_is(script, replies, mail, words):
    server = script(replies)
    answer = send(server, **mail)
    assert answer["refused"] is True and words in answer["error"]
    assert server.mails == [] and not any(line.startswith("MAIL") for line in server.heard)


ALL = ("ada@example.org", "bob@example.org", "eve@example.org")


@pytest.mark.parametrize("recipients, status, mails", [
    ({"bob": "550 nobody of that name"}, 250, 1),
    ({"ada": "550 no", "bob": "550 no"}, 250, 1),
    ({"example.org": "550 no"}, 550, 0),
    ({"bob": "450 greylisted"}, 450, 0),
])
def test_an_address_that_is_no_more_keeps_the_mail_from_nobody_else(script, recipients, status, mails):
    server = script(recipients=recipients)
    answer = send(server, to=ALL)
    assert (answer["status"], len(server.mails)) == (status, mails)
    assert answer.get("remark", "").endswith("answered 550") == (status == 250)
    assert ("error" in answer) == (status != 250)


def test_a_channel_says_that_an_address_was_refused(sluice, script):
    server = script(recipients={"bob": "550 nobody of that name"})
    configure(sluice, f"""
        channels:
          team:
            {{email: "smtp://127.0.0.1:{server.port}", from: sluice@example.org, to: [{", ".join(ALL)}], tls: false}}
        """)
    fails(sluice)
    sluice.run("-p", "code=3", expect=1)
    assert wait_until(lambda: server.mails, 60)
    [row] = deliveries(sluice)
    assert row["state"] == "delivered" and "an address was refused" in row["error"]
