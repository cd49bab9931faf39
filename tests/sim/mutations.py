#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bugs put in on purpose: the simulator must find each.

    mutations.py BUILD [--seeds N] [--name WORD]

A mutation (mutations.list) is a text of one source that is there exactly once, and what it becomes. The file is
compiled anew, linked with the objects of BUILD/simulate, and run until a history fails: of scenarios, of random ones,
and of scenarios with faults.

COMPILE (compiler and flags), FOLDERS and LIBS come from the Makefile, through the environment.
"""
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SOURCE = pathlib.Path("orchestrator")


def listed():
    """Name, file, text and what it becomes, of each mutation in mutations.list."""
    blocks = re.split(r"^== ", pathlib.Path(__file__).with_suffix(".list").read_text(), flags=re.M)[1:]
    for block in blocks:
        name, file, *lines = block.rstrip("\n").split("\n")
        taken = "\n".join(line[1:] for line in lines if line.startswith("-"))
        given = "\n".join(line[1:] for line in lines if line.startswith("+"))
        yield name, pathlib.Path(file), taken, given


def compile_and_link(build, work, path, text):
    """The simulator with one file of the sources replaced, or None when it does not compile."""
    source = work / path.name
    source.write_text(text)
    objects = [o for o in (build / "obj").glob("tests/sim/*.o")]
    for folder in os.environ["FOLDERS"].split():
        objects += (build / "obj/orchestrator" / folder).glob("*.o")
    objects = [o for o in objects if o != build / "obj" / SOURCE / path.with_suffix(".o")]
    objects.append(build / "obj/gen/schema.o")
    mutant = work / "mutant.o"
    compile_it = shlex.split(os.environ["COMPILE"])
    folder = f"-I{SOURCE / path.parent}"
    compiled = subprocess.run([*compile_it, "-w", folder, "-c", "-o", mutant, source], stderr=subprocess.DEVNULL,
                              check=False)
    if compiled.returncode != 0:
        return None
    program = work / "simulate"
    linked = [*compile_it, "-o", program, mutant, *objects, *shlex.split(os.environ["LIBS"])]
    return program if subprocess.run(linked, stderr=subprocess.DEVNULL, check=False).returncode == 0 else None


def is_found(build, path, text, seeds):
    """(found, how). What does not compile is nobody's bug."""
    with tempfile.TemporaryDirectory(prefix="sluice-mutant.") as folder:
        program = compile_and_link(build, pathlib.Path(folder), path, text)
        if program is None:
            return None, "it does not compile"
        try:
            for which in (["--scenarios", "0"], ["--seeds", str(seeds)], ["--scenarios", "1000000"]):
                run = subprocess.run([program, *which, "--quick"], capture_output=True, text=True, timeout=900,
                                     check=False)
                if run.returncode != 0:
                    break
        except subprocess.TimeoutExpired:
            return False, "not ended in 15 minutes: an engine that loops, or a slow machine"
        first = next((line for line in run.stdout.splitlines() if line.startswith("seed ")), run.stdout.strip()[-200:])
        return run.returncode != 0, first


def mutate_named(args):
    def one(mutation):
        name, path, text, instead = mutation
        source = (SOURCE / path).read_text()
        if source.count(text) != 1:
            return name, False, f"{path} has its text {source.count(text)} times, expected 1"
        return (name, *is_found(args.build, path, source.replace(text, instead), args.seeds))

    with ThreadPoolExecutor(args.jobs) as pool:
        for name, found, how in pool.map(one, [m for m in listed() if args.name in m[0]]):
            print(f"{'found' if found else 'NOT FOUND'}: {name}\n    {how[:180]}", flush=True)
            yield bool(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--name", default="")
    args = parser.parse_args()
    found = list(mutate_named(args))
    print(f"mutations: {sum(found)} passed, {len(found) - sum(found)} failed")
    return 0 if all(found) and found else 1


if __name__ == "__main__":
    sys.exit(main())
