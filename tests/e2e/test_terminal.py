# SPDX-License-Identifier: Apache-2.0
"""`sluice run` on a real terminal (a pty): the graph that is drawn in place, its size, the signals of a terminal."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

from programs import BUILD, wait_until

ESCAPE = re.compile(r"\033\[([0-9;?]*)([A-Za-z])")


class Screen:
    """What a person sees: the few things of a terminal that sluice uses. Anything else is an error."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.scrolled = [[] for _ in range(rows)], []
        self.row = self.column = self.wrapped = 0
        self.pending = ""

    def resize(self, columns, rows):
        """As terminals do that wrap what has become too long; the cursor stays with its line."""
        lines, cursor = [], 0
        for number, line in enumerate(self.lines):
            if number == self.row:
                cursor = len(lines)
            pieces = [line[i:i + columns] for i in range(0, len(line), columns)] or [[]]
            lines += pieces
        while len(lines) > rows and cursor >= rows or len(lines) > rows and any(lines[-1]):
            self.scrolled.append(lines.pop(0))
            cursor -= 1
        self.lines = (lines + [[] for _ in range(rows)])[:rows]
        self.columns, self.rows, self.row = columns, rows, cursor

    def newline(self):
        self.row += 1
        if self.row == self.rows:
            self.scrolled.append(self.lines.pop(0))
            self.lines.append([])
            self.row -= 1

    def put(self, letter):
        width = 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if self.column + width > self.columns:
            self.wrapped += 1
            self.newline()
            self.column = 0
        line = self.lines[self.row]
        line.extend(" " * (self.column + width - len(line)))
        line[self.column:self.column + width] = [letter] + [""] * (width - 1)
        self.column += width

    def control(self, arguments, letter):
        if letter == "m":
            return
        if letter == "A":
            self.row = max(0, self.row - int(arguments))
        elif letter == "K":
            del self.lines[self.row][self.column:]
        elif letter == "J":
            del self.lines[self.row][self.column:]
            self.lines[self.row + 1:] = [[] for _ in self.lines[self.row + 1:]]
        else:
            raise AssertionError(f"ESC [ {arguments} {letter}")

    def feed(self, text):
        text, self.pending = self.pending + text, ""
        at = 0
        while at < len(text):
            found = ESCAPE.match(text, at)
            if found:
                self.control(*found.groups())
                at = found.end()
                continue
            if text[at] == "\033":
                assert len(text) - at < 16, repr(text[at:at + 20])
                self.pending = text[at:]
                return
            if text[at] == "\n":
                self.newline()
            elif text[at] == "\r":
                self.column = 0
            else:
                assert text[at] >= " ", f"control {text[at]!r} on the terminal"
                self.put(text[at])
            at += 1

    def text(self):
        return ["".join(line).rstrip() for line in self.lines]

    def everything(self):
        return ["".join(line).rstrip() for line in self.scrolled] + self.text()


class Terminal:
    """sluice on a pty of its own, as in a window."""

    def __init__(self, sluice, *arguments, columns=80, rows=24, env=None):
        self.screen = Screen(columns, rows)
        environment = {**sluice.env, "TERM": "xterm", **(env or {})}
        self.raw = b""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(sluice.folder)
            os.execve(BUILD / "sluice", [b"sluice", *map(os.fsencode, map(str, arguments))], environment)
        self.resize(columns, rows, False)
        self.modes = termios.tcgetattr(self.fd)
        self.code = None

    def resize(self, columns, rows, reflow=True):
        if reflow:
            self.read(0.0)
            self.screen.resize(columns, rows)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """What comes within this time; False at the end."""
        end = time.monotonic() + seconds
        while select.select([self.fd], [], [], max(0.0, end - time.monotonic()))[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            if not data:
                return False
            self.raw += data
            self.screen.feed(self.decoder.decode(data))
        return True

    def until(self, check, seconds=30.0):
        end = time.monotonic() + seconds
        while not check(self.screen.text()):
            assert time.monotonic() < end and self.read(0.05), "\n".join(self.screen.everything())

    def key(self, letter):
        os.write(self.fd, letter)

    def wait(self, seconds=60.0):
        end = time.monotonic() + seconds
        while self.read(0.1):
            assert time.monotonic() < end, "\n".join(self.screen.everything())
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def close(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def terminal(sluice):
    opened = []

    def start(*arguments, **options):
        opened.append(Terminal(sluice, *arguments, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def has(*words):
    return lambda lines: all(any(word in line for line in lines) for word in words)


STEPS = """\
    name: p
    steps:
      first: {run: 'echo "to be seen"; until [ -e go ]; do sleep 0.02; done'}
      second: {run: "true", needs: [first]}
    """


def test_the_graph_stands_in_place_and_gives_way_to_the_summary(sluice, terminal):
    sluice.pipeline(STEPS)
    window = terminal("run")
    window.until(has("p run 1", "▶ first", "· second", "← first", "first | to be seen"))
    (sluice.folder / "go").touch()
    assert window.wait() == 0
    lines = window.screen.everything()
    assert not any("first | to be seen" in line for line in lines), "the drawing is taken away"
    assert sum("p run 1" in line for line in lines) == 1 and has("✓ first", "✓ second", "succeeded")(lines)


def test_nothing_is_scrolled_while_it_draws(sluice, terminal):
    sluice.pipeline("""\
        name: p
        steps:
          chatty: {run: 'for i in $(seq 60); do echo "line $i"; sleep 0.02; done; until [ -e go ]; do sleep 0.02; done'}
        """)
    window = terminal("run", rows=40)
    window.until(has("chatty | line 60"))
    assert window.raw.count(b"\033[") > 20 and window.screen.scrolled == []
    (sluice.folder / "go").touch()
    assert window.wait() == 0


def test_each_drawing_is_one_write_over_the_last(sluice, terminal):
    sluice.pipeline(STEPS)
    window = terminal("run")
    window.until(has("first | to be seen"))
    window.read(0.5)
    frames = window.raw.split(b"\r\033[")[1:]
    assert len(frames) >= 3 and all(frame.count(b"\033[J") == 1 and frame.endswith(b"\033[J") for frame in frames)
    assert not any(b"\033[2J" in frame for frame in frames)
    (sluice.folder / "go").touch()
    window.wait()


@pytest.mark.parametrize("columns, rows", [(80, 24), (40, 24), (40, 10), (200, 60), (20, 5)])
def test_sixty_items_keep_within_the_terminal(sluice, terminal, columns, rows):
    sluice.pipeline("""\
        name: p
        steps:
          prepare: {run: 'echo "[%s]" > list'}
          wide:
            matrix: {n: [%s]}
            run: 'test ${{ matrix.n }} -lt 3 || until [ -e go ]; do sleep 0.05; done; test ${{ matrix.n }} != 1'
            needs: [prepare]
          last: {run: "true", needs: [wide]}
        """ % (", ".join(map(str, range(60))), ", ".join(map(str, range(60)))))
    window = terminal("run", "-j", "4", columns=columns, rows=rows)
    window.until(has("3 of 60") if columns >= 40 else has("wide"))
    if rows >= 24 and columns >= 80:
        window.until(has("4 running", "1 failed", "[1]", "[3]", "[6]"))
    window.read(0.3)
    lines = [line for line in window.screen.text() if line]
    assert len(lines) < rows and not window.screen.scrolled and not window.screen.wrapped
    if rows >= 24:
        assert has("prepare", "wide", "last", "3 of 60 done")(lines)
    (sluice.folder / "go").touch()
    assert window.wait() == 1


def test_a_window_that_changes_its_size_keeps_one_drawing(sluice, terminal):
    sluice.pipeline(STEPS.replace("to be seen", "a line that is so long that it has no place on a narrow terminal"))
    window = terminal("run", columns=100)
    window.until(has("first | a line"))
    for columns, rows in ((50, 24), (30, 12), (90, 30)):
        window.resize(columns, rows)
        window.read(0.4)
        shown = window.screen.everything()
        assert sum("p run 1" in line for line in shown) == 1, "\n".join(shown)
        assert sum("▶ first" in line for line in shown) == 1, "\n".join(shown)
    (sluice.folder / "go").touch()
    assert window.wait() == 0


def test_what_a_step_prints_cannot_disturb_the_terminal(sluice, terminal):
    sluice.pipeline(r"""
        name: p
        steps:
          rude:
            run: |
              printf 'red \033[31mtext\033[0m end\n\033[2J\033[Hhome\n\033]0;title\007bar\n'
              printf 'bell \a and \b and \r return\nbytes \377\376 \302\233 c1\nwide 漢字 é\n'
              until [ -e go ]; do sleep 0.02; done
        """)
    window = terminal("run")
    window.until(has("rude | wide 漢字 é"))
    lines = window.screen.text()
    assert has("rude | bar", "rude | home", "p run 1")(lines) and "\x9b" not in "".join(lines)
    (sluice.folder / "go").touch()
    assert window.wait() == 0


def test_logs_on_a_terminal_let_text_and_colours_through_alone(sluice, terminal):
    printed = (b"red \033[31mtext\033[0m\tend\n\033[2J\033[Hhome\n\033]0;title\007bar\n"
               b"wide \xe6\xbc\xa2 \xc3\xa9 \xc2\x9b c1\n 10%\r 20%\r\nto \xe2\x80\xae turn\n\033[1mbold\n" +
               b"x" * 9000 + b"\n")
    sluice.write("printed", "").write_bytes(printed)
    sluice.pipeline("name: p\nsteps:\n  rude: {run: cat printed}\n")
    sluice.run()
    for env in ({}, {"TERM": "dumb"}):
        window = terminal("logs", columns=10000, env=env)
        window.screen.feed = lambda text: None  # it takes no tab
        assert window.wait() == 0
        lines = window.raw.decode().replace("\r\n", "\n").splitlines()
        assert lines == ["rude | red \033[31mtext\033[0m\tend\033[0m", "rude | ?[2J?[Hhome", "rude | ?]0;title?bar",
                         "rude | wide 漢 é ? c1", "rude |  10%", "rude |  20%", "rude | to ? turn",
                         "rude | \033[1mbold\033[0m", "rude | " + "x" * 9000]
    raw = b"".join(b"rude | " + line + b"\n" for line in printed.split(b"\n")[:-1])
    with (sluice.folder / "raw").open("wb") as file:
        subprocess.run([BUILD / "sluice", "logs"], cwd=sluice.folder, env=sluice.env, stdout=file, check=True)
    assert (sluice.folder / "raw").read_bytes() == raw


def test_progress_is_a_bar(sluice, terminal):
    sluice.pipeline("""\
        name: p
        steps:
          work: {lua: 'sluice.progress(0.5, "epoch 4 of 8"); local n = 0; for i = 1, 3e9 do n = n + i end'}
        """)
    window = terminal("run")
    window.until(has("[==========          ]  50% epoch 4 of 8"))
    window.key(b"\x03")
    window.key(b"\x03")
    window.wait()


def test_no_colour_when_it_is_not_wanted(sluice, terminal):
    sluice.pipeline(STEPS.replace("until [ -e go ]; do sleep 0.02; done", "sleep 0.2"))
    coloured = terminal("run", env={"NO_COLOR": ""})
    assert coloured.wait() == 0 and b"\033[32m" in coloured.raw
    for arguments, env in ((["run"], {"NO_COLOR": "1"}), (["run", "--no-color"], {"NO_COLOR": ""})):
        window = terminal(*arguments, env=env)
        assert window.wait() == 0 and not re.search(rb"\033\[[0-9;]*m", window.raw)


def test_a_dumb_terminal_gets_lines(sluice, terminal):
    sluice.pipeline(STEPS.replace("until [ -e go ]; do sleep 0.02; done", "true"))
    window = terminal("run", env={"TERM": "dumb", "NO_COLOR": ""})
    assert window.wait() == 0 and b"\033" not in window.raw
    assert has("▶ first started", "✓ second succeeded")(window.screen.everything())


STUBBORN = """\
    name: p
    steps:
      stubborn: {run: "trap 'touch asked' TERM; touch up; while :; do sleep 0.05 || :; done", stop: {grace: %s}}
      cleanup: {run: touch cleaned, needs: [stubborn], if: always()}
    """


def test_ctrl_c_cancels_by_the_ladder_and_the_terminal_is_as_before(sluice, terminal):
    sluice.pipeline(STUBBORN % "300ms")
    window = terminal("run", columns=140)
    wait_until(lambda: (sluice.folder / "up").exists())
    window.until(has("▶ stubborn"))
    window.key(b"\x03")
    window.until(has("cancelling (once more"))
    assert window.wait() == 130
    assert (sluice.folder / "asked").exists() and (sluice.folder / "cleaned").exists()
    lines = window.screen.everything()
    assert has("⊘ stubborn", "still alive 300 ms after SIGTERM", "✓ cleanup")(lines)
    assert sum("p run 1" in line for line in lines) == 1, "\n".join(lines)


def test_a_second_ctrl_c_kills(sluice, terminal):
    sluice.pipeline(STUBBORN % "60s")
    window = terminal("run")
    wait_until(lambda: (sluice.folder / "up").exists())
    window.key(b"\x03")
    wait_until(lambda: (sluice.folder / "asked").exists())
    started = time.monotonic()
    window.key(b"\x03")
    assert window.wait() == 130 and time.monotonic() - started < 50
    assert "60 s" not in " ".join(window.screen.everything())
    assert termios.tcgetattr(window.fd) == window.modes


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_of_the_system_cancel_as_well(sluice, number, code):
    sluice.pipeline(STUBBORN % "200ms")
    process = sluice.start("run", "--json")
    wait_until(lambda: (sluice.folder / "up").exists())
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert sluice("show", "--json", expect=0).json["status"] == "cancelled"


def test_a_terminal_that_goes_away_cancels_the_run(sluice, terminal):
    sluice.pipeline(STUBBORN % "200ms")
    window = terminal("run")
    wait_until(lambda: (sluice.folder / "up").exists())
    os.close(window.fd)
    window.fd = os.open("/dev/null", os.O_RDONLY)
    _, status = os.waitpid(window.pid, 0)
    window.code = os.waitstatus_to_exitcode(status)
    assert window.code == 129
    shown = sluice("show", "--json", expect=0).json
    assert shown["status"] == "cancelled" and "the terminal went away" in shown["reason"]


def test_a_run_that_another_sluice_moves_is_drawn_as_ones_own(sluice, terminal):
    sluice.pipeline(STEPS)
    sluice.pipeline("""\
        name: guest
        steps:
          train:
            run: "echo guest line; until [ -e guest.go ]; do sleep 0.02; done"
        """, "guest.yaml")
    sluice.pipeline("""\
        name: bars
        steps:
          learn: {lua: 'sluice.progress(0.5, "epoch 5") local n = 0 while true do n = n + 1 end'}
        """, "bars.yaml")
    holder = sluice.start("run", "-q", "-j", "4")
    wait_until((sluice.home / "sock").exists)
    bars = terminal("run", "bars.yaml")
    bars.until(has("bars run 1", "50% epoch 5"))
    guest = terminal("run", "guest.yaml")
    guest.until(has("guest run 1", "▶ train", "train | guest line"))
    bars.key(b"\x03")
    assert bars.wait() == 130
    (sluice.folder / "guest.go").touch()
    (sluice.folder / "go").touch()
    assert holder.wait(timeout=60) == 0
    assert guest.wait() == 0 and has("✓ succeeded")(guest.screen.text())
