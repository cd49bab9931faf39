# SPDX-License-Identifier: Apache-2.0
"""`sluice secrets set` at a terminal: the value is asked for, and not shown."""
import os
import pty
import select
import signal
import termios
import time

from programs import BUILD, wait_until
from test_secrets import USES, VALUE


class Typist:
    """`sluice secrets set ...` on a terminal of its own."""

    def __init__(self, sluice, *words):
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(sluice.folder)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as a shell has it; what tests run in may ignore it
            os.execve(BUILD / "sluice", ["sluice", "secrets", "set", *words], sluice.env)

    def read(self, seconds=0.05):
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                text = os.read(self.fd, 4096)
            except OSError:
                text = b""
            if not text:
                break
            self.shown += text
        return self.shown

    def type(self, text):
        wait_until(lambda: b": " in self.read())
        wait_until(lambda: not termios.tcgetattr(self.fd)[3] & termios.ECHO)  # what is typed sooner is dropped
        os.write(self.fd, text.encode())

    def end(self):
        wait_until(lambda: self.read() is not None and os.waitid(os.P_PID, self.pid,
                                                                 os.WEXITED | os.WNOHANG | os.WNOWAIT))
        self.read()
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return status, self.shown.decode()


def test_at_a_terminal_it_is_asked_for_and_not_shown(sluice):
    sluice.pipeline(USES)
    typist = Typist(sluice, "TOKEN")
    typist.type(VALUE + "\n")
    status, shown = typist.end()
    assert status == 0 and shown.startswith("value of TOKEN (not shown): ") and VALUE not in shown
    sluice.run()
    assert (sluice.folder / "seen").read_text() == VALUE
    typist = Typist(sluice, "TOKEN", "-")
    typist.type("first line\nsecond line\n\x04")
    status, shown = typist.end()
    assert status == 0 and "Ctrl-D" in shown and "line" not in shown.replace("on a new line", "")
    sluice.run("--new")
    assert (sluice.folder / "seen").read_text() == "first line\nsecond line"


def test_ctrl_c_at_the_question_sets_nothing_and_leaves_the_echo_on(sluice):
    typist = Typist(sluice, "TOKEN")
    typist.type("half a val\x03")
    status, shown = typist.end()
    assert os.WIFSIGNALED(status) and "half" not in shown and not sluice.home.exists()


def test_a_line_that_the_terminal_would_cut_is_refused(sluice):
    typist = Typist(sluice, "TOKEN")
    typist.type("")
    for _ in range(50):
        os.write(typist.fd, b"y" * 100)
        time.sleep(0.002)
    os.write(typist.fd, b"\n")
    status, shown = typist.end()
    assert os.waitstatus_to_exitcode(status) == 2 and "lines of less than 4095 bytes" in shown
