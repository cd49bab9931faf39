# SPDX-License-Identifier: Apache-2.0
"""A real server of SMTP on the loopback: what it was handed, and what it says to it."""
import asyncio
import email
import email.policy
import ssl
import threading

from aiosmtpd.smtp import SMTP, AuthResult


class MailServer:
    """`answer(mail)` gives the reply to the mail's end. `tls`: an ssl context; `starttls`: asks for it first, else the
    connection begins with it. `users`: {name: password}; without, nobody logs in."""

    def __init__(self, answer=lambda mail: "250 taken", tls=None, starttls=True, users=None):
        self.mails, self.answer, self.logins = [], answer, []
        server = self

        class Handler:
            async def handle_DATA(self, smtp, session, envelope):
                mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
                mail.envelope_from, mail.envelope_to = envelope.mail_from, list(envelope.rcpt_tos)
                mail.raw, mail.encrypted = envelope.content, session.ssl is not None or not starttls
                server.mails.append(mail)
                return server.answer(mail)

        def authenticate(smtp, session, envelope, mechanism, data):
            name, password = data.login.decode(), data.password.decode()
            server.logins.append((name, password))
            good = users.get(name) == password
            return AuthResult(success=good, handled=good)

        options = {"hostname": "localhost"}
        if users:
            options.update(authenticator=authenticate, auth_required=True,
                           auth_require_tls=tls is not None and starttls)
        if tls is not None and starttls:
            options.update(tls_context=tls, require_starttls=True)
        self.loop = asyncio.new_event_loop()
        made = self.loop.create_server(lambda: SMTP(Handler(), loop=self.loop, **options), "127.0.0.1", 0,
                                       ssl=tls if not starttls else None)
        self.server = self.loop.run_until_complete(made)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"{'smtps' if tls is not None and not starttls else 'smtp'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.server.close)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()


def context(authority, name="mail", hosts="DNS:localhost,IP:127.0.0.1"):
    """A server's, signed by the authority (certificates.py)."""
    authority.sign(name, hosts)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.folder / f"{name}.pem", authority.folder / f"{name}.key")
    return tls
