# SPDX-License-Identifier: Apache-2.0
"""Does what a page says, in a private folder: the commands in their order, each YAML block through `sluice validate`.

A comment `<!-- test: ... -->` right above a block tells how:

    skip REASON      it is not run; the reason is printed
    folder           from here on in a new, empty folder
    copy PATH        from here on in a new folder with a copy of PATH of the repository
    file NAME        the block is written to that file
    fails CODE...    YAML: it is wrong, and these codes say so
    lua INPUTS       Lua: it is run as a step with these inputs (YAML)

`console` blocks hold lines "$ COMMAND" ("> " continues it) and what is expected: "…" stands for anything within a line,
and, alone on a line, for any lines. A command must succeed, unless "$ echo $?" behind it shows its exit code.
`sh` blocks hold commands that must all succeed.
"""
import os
import pathlib
import re
import shutil
import subprocess

from complete import complete, kind_of
from markdown import ROOT

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
COMMAND_SECONDS = 180
not_run = []  # blocks of all pages, with the reason
SAVE = '\n__code=$?\n{{ printf "%s\\0" "$PWD"; env -0; }} > {state}\nexit "$__code"\n'


class Wrong(Exception):
    """A block does not do what the page says."""


class Player:
    def __init__(self, folder):
        self.folder = folder
        self.places = 0
        self.code = 0
        self.skipped = []
        keep = ("LANG", "LC_ALL", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "CC", "USER", "LOGNAME")
        self.env = {name: os.environ[name] for name in keep if name in os.environ}
        self.env.update(HOME=str(folder), PATH=f"{BUILD}:{os.environ['PATH']}", STEP_H=str(ROOT / "orchestrator"),
                        LANG="C.UTF-8")
        self.cwd = None
        self.go_to_new_folder(None)

    def go_to_new_folder(self, source):
        self.places += 1
        self.cwd = self.folder / str(self.places)
        if source is None:
            self.cwd.mkdir()
        else:
            shutil.copytree(ROOT / source, self.cwd, ignore=shutil.ignore_patterns("*.so", "__pycache__"))

    # ---- one block ----

    def play(self, block):
        reason = block.directive("skip")
        if reason is not None:
            if not reason:
                raise Wrong("'skip' without a reason")
            self.skipped.append(f"{block}: {reason}")
            return
        if block.directive("folder") is not None or block.directive("copy"):
            self.go_to_new_folder(block.directive("copy"))
        name = block.directive("file")
        if name:
            (self.cwd / name).parent.mkdir(parents=True, exist_ok=True)
            (self.cwd / name).write_text(block.text, encoding="utf-8")
        known = {"sh": self.sh, "console": self.console, "yaml": self.yaml, "lua": self.lua}
        if block.language in known:
            known[block.language](block)
        elif block.language in ("c", "python", "json") and not name:
            raise Wrong(f"a block of {block.language} that no test uses: give it a file")

    def run(self, command):
        """What was printed, both streams as they came; exit code, folder and environment go on."""
        state = self.folder / "state"
        done = subprocess.run(["bash", "-c", command + SAVE.format(state=state)], cwd=self.cwd, env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=COMMAND_SECONDS, check=False)
        if state.exists():
            parts = state.read_bytes().decode().split("\0")
            self.cwd = pathlib.Path(parts[0])
            self.env = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
            state.unlink()
        self.code = done.returncode
        return done.stdout.decode(errors="replace")

    def sh(self, block):
        out = self.run("set -e\n" + block.text)
        if self.code != 0:
            raise Wrong(f"ended with exit code {self.code}:\n{out}")

    def console(self, block):
        for command, expected in exchanges(block.text):
            if command.strip() == "echo $?":
                out, self.code = f"{self.code}\n", 0
            elif self.code != 0:
                raise Wrong(f"before '$ {command}': exit code {self.code}, and the page does not show it")
            else:
                out = self.run(command)
            if not matches(expected, out):
                raise Wrong(f"$ {command}\n--- the page says\n{expected}\n--- it printed\n{out}")
        if self.code != 0:
            code, self.code = self.code, 0
            raise Wrong(f"the last command ended with exit code {code}, and the page does not show it")

    def validate(self, text, codes=()):
        path = self.cwd / "block.yaml"
        path.write_text(text, encoding="utf-8")
        out = self.run("sluice validate --workspace . block.yaml")
        path.unlink()
        code, self.code = self.code, 0
        found = set(re.findall(r"\b[EW]0\d\d\b", out))
        if codes and found != set(codes):
            raise Wrong(f"expected {' '.join(codes)}, found {' '.join(sorted(found))}:\n{out}\n---\n{text}")
        errors = any(word.startswith("E") for word in codes)
        if code != (3 if errors else 0):
            raise Wrong(f"exit code {code} of sluice validate:\n{out}\n---\n{text}")

    def yaml(self, block):
        kind = kind_of(block.text)
        if kind == "config":
            home = self.folder / f"config-{self.places}-{block.line}"
            home.mkdir()
            (home / "config.yaml").write_text(block.text, encoding="utf-8")
            (home / "empty.yaml").write_text('name: empty\nsteps: {a: {run: "true"}}\n', encoding="utf-8")
            out = self.run(f"sluice run {home}/empty.yaml --home {home} --quiet && sluice config --home {home}")
            code, self.code = self.code, 0
            if code != 0:
                raise Wrong(f"config.yaml is refused:\n{out}")
            return
        codes = (block.directive("fails") or "").split()
        self.validate(block.text if codes and kind is None else complete(block.text), codes)

    def lua(self, block):
        inputs = block.directive("lua")
        if block.directive("file"):
            return
        (self.cwd / "block.lua").write_text(block.text, encoding="utf-8")
        if inputs is None:
            out = self.run("sluice lua run block.lua")
        else:
            (self.cwd / "block.yaml").write_text(
                f"name: example\nsteps:\n  example:\n    lua: block.lua\n    inputs: {inputs}\n", encoding="utf-8")
            out = self.run("sluice run block.yaml --workspace . --logs")
        code, self.code = self.code, 0
        if code != 0:
            raise Wrong(f"the script ended with exit code {code}:\n{out}")


def exchanges(text):
    """(command, expected output) of a console block."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif found and line.startswith("> ") and not found[-1][1]:
            found[-1][0] += "\n" + line[2:]
        elif found:
            found[-1][1].append(line)
        else:
            raise Wrong("a console block begins with '$ '")
    return [(command, "\n".join(lines).strip("\n")) for command, lines in found]


def plain(text):
    return [re.sub(r"\s+", " ", line).strip() for line in text.strip("\n").splitlines()]


def matches(expected, printed):
    """Both without regard to the width of blanks; see the top of the file for "…"."""
    pattern = ""
    for line in plain(expected):
        pattern += r"(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, re.split(" ?… ?", line))) + "\n"
    text = "".join(line + "\n" for line in plain(printed))
    return re.fullmatch(pattern, text) is not None
