# SPDX-License-Identifier: Apache-2.0
"""Channels in a home: a pipeline that is told of, receivers, and what the home says of what it has told."""
import base64
import textwrap

import pytest
from mail_server import MailServer

OPEN = "webhooks: {http: true, allow: [127.0.0.0/8], retry_first: 50ms}\n"
KEY = base64.b64encode(b"the key that signs, 32 bytes....").decode()
OLD_KEY = base64.b64encode(b"the key of before, 32 bytes ....").decode()
FAILS = """
    name: wine
    params: {code: {type: integer, default: 0}}
    env: {CODE: "${{ params.code }}"}
    %s
    steps:
      train:
        run: |
          for i in $(seq 30); do echo "line $i"; done
          exit "$CODE"
    """


@pytest.fixture
def mail_servers():
    made = []

    def make(*args, **options):
        made.append(MailServer(*args, **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


def configure(sluice, text, opening=OPEN):
    sluice.write(".sluice/config.yaml", opening + textwrap.dedent(text))


def team(sluice, receiver, more="", rest=""):
    """One channel of kind webhook, called team."""
    configure(sluice, f"""
        channels:
          team: {{webhook: "{receiver.url}"{more}}}
        {rest}
        """)


def types(receiver):
    return [told.json["type"] for told in list(receiver.deliveries)]


def deliveries(sluice, *options):
    return sluice("webhooks", "deliveries", *options, "--json", expect=0).json


def states(sluice, *options):
    return [row["state"] for row in deliveries(sluice, *options)]


def fails(sluice, notify="notify: [{on: [failed, recovered], to: team}]"):
    sluice.pipeline(FAILS % notify)
