# SPDX-License-Identifier: Apache-2.0
"""The same steps in the words of each program: a chain, where each waits for the one before it, or all of them wide."""

COMMAND, LUA = 'run: ["true"]', "lua: return"
SLEEPER = """  {name}: {{run: "echo $$ >> '{mark}'; exec sleep 600"}}\n"""


def plugin(path):
    return f"uses: {path}"


def pipeline(count, chained, what=COMMAND):
    """A sluice.yaml of `count` steps that each do `what`."""
    text = "name: bench\nsteps:\n"
    for i in range(count):
        text += f"  s{i}:\n    {what}\n" + (f"    needs: s{i - 1}\n" if chained and i > 0 else "")
    return text


def waiting(count, mark):
    """A pipeline in which `count` steps wait for one, which writes its process id into the file `mark` and goes on
    until somebody ends it."""
    text = "name: bench\nsteps:\n" + SLEEPER.format(name="first", mark=mark)
    return text + "".join(f'  s{i}:\n    run: ["true"]\n    needs: first\n' for i in range(count))


def ready(count, mark):
    """A pipeline of `count` steps, each of which does so."""
    return "name: bench\nsteps:\n" + "".join(SLEEPER.format(name=f"s{i}", mark=mark) for i in range(count))


def approvals(count):
    """A pipeline of `count` steps that wait for a person's approval."""
    return "name: bench\nsteps:\n" + "".join(f"  s{i}: {{uses: approve}}\n" for i in range(count))


def ninja(count, chained):
    text = "rule nothing\n  command = true\n"
    text += "".join(f"build s{i}: nothing" + (f" s{i - 1}" if chained and i > 0 else "") + "\n" for i in range(count))
    return text + "build all: phony " + " ".join(f"s{i}" for i in range(count)) + "\ndefault all\n"


def makefile(count, chained):
    text = "all: " + " ".join(f"s{i}" for i in range(count)) + "\n.PHONY: all\n"
    return text + "".join(f"s{i}:" + (f" s{i - 1}" if chained and i > 0 else "") + "\n\ttrue\n" for i in range(count))
