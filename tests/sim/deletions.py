#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bugs put in by script: the simulator must find nearly all.

    deletions.py BUILD [--count N] [--random SEED] [--seeds N] [--each N] [--every N] [--only FILE[:LINE],...]
                 [--least PERCENT]

A mutation is one `if` of engine/ or run/ that is taken out: its condition is never true. Both folders are compiled
once, every condition with a number (deletions.h), and the program is run over all scenarios, with a fault at each of
their statements that comes from another place (and every Nth of their other faults), and over --seeds random
histories, to see in which of them each condition is true. Where it is true in none, the mutation is not found; where
it is, it must make one of --each of these histories fail. With --each 0 only the number of these is printed.

excluded.list names files that the simulator by its nature does not run, and conditions without which the program does
the same, with the reason of each; both are printed and not counted. What it names and is not there fails.

COMPILE (compiler and flags), FOLDERS and LIBS come from the Makefile, through the environment.
"""
import argparse
import collections
import os
import pathlib
import random
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SOURCE = pathlib.Path("orchestrator")
FOLDERS = ("run", "engine")
SCENARIOS = 1 << 40  # seeds from here are scenarios (scenario.h)
CONDITION = re.compile(r"^ +(?:\} else )?if \(", re.M)

Deletion = collections.namedtuple("Deletion", "number file line text")


def end_of(source, begin):
    """Behind the parenthesis that ends the condition."""
    depth, at = 1, begin
    while depth > 0:
        literal = re.compile(r"'(\\.|[^'\\])+'|\"(\\.|[^\"\\])*\"").match(source, at)
        if literal:
            at = literal.end()
            continue
        depth += {"(": 1, ")": -1}.get(source[at], 0)
        at += 1
    return at


def number_conditions(first, file):
    """The source with its conditions numbered, and what they are."""
    source = file.read_text()
    out, done, found = "", 0, []
    for match in CONDITION.finditer(source):
        if match.start() < done:
            continue
        end = end_of(source, match.end())
        condition = source[match.end():end - 1]
        number = first + len(found)
        found.append(Deletion(number, str(file.relative_to(SOURCE)), source.count("\n", 0, match.start()) + 1,
                              " ".join(condition.split())))
        out += source[done:match.end()] + f"deletion_holds({number}, ({condition}) ? 1 : 0)"
        done = end - 1
    return out + source[done:], found


def excluded():
    """{file: reason} and {(file, condition): reason}."""
    files, conditions = {}, {}
    path = pathlib.Path(__file__).parent / "excluded.list"
    for block in re.split(r"^== ", path.read_text(), flags=re.M)[1:] if path.exists() else []:
        reason, *lines = block.strip().split("\n")
        for line in lines:
            if not line.strip():
                continue
            file, _, condition = line.partition(": ")
            if condition:
                conditions[file, condition] = reason
            else:
                files[file] = reason
    return files, conditions


def compile_one(work, file, text):
    name = f"{file.parent.name}_{file.stem}"
    source = work / f"{name}.c"
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    command = [*shlex.split(os.environ["COMPILE"]), "-w", f"-I{file.parent}", "-include", "tests/sim/deletions.h",
               "-c", "-o", work / f"{name}.o", source]
    subprocess.run(command, check=True)
    return work / f"{name}.o"


def build_all(build, work, jobs):
    """The program that is all mutants, and the list of them."""
    deletions, sources = [], []
    for folder in FOLDERS:
        for file in sorted((SOURCE / folder).glob("*.c")):
            text, found = number_conditions(len(deletions) + 1, file)
            deletions += found
            sources.append((file, text))
    with ThreadPoolExecutor(jobs) as pool:
        mutants = list(pool.map(lambda one: compile_one(work, *one), sources))
    objects = list((build / "obj").glob("tests/sim/*.o")) + [build / "obj/gen/schema.o"]
    for folder in os.environ["FOLDERS"].split():
        if folder not in FOLDERS:
            objects += (build / "obj/orchestrator" / folder).glob("*.o")
    program = work / "simulate-deletions"
    subprocess.run([*shlex.split(os.environ["COMPILE"]), "-o", program, *mutants, *objects,
                    *shlex.split(os.environ["LIBS"])], check=True)
    return program, deletions


def histories_of(program, work, args):
    """{number: histories in which the condition is true}, those of scenarios first."""
    reached = collections.defaultdict(list)
    log = work / "reached"
    log.write_text("")
    for which in (["--scenarios", str(args.every)], ["--seeds", str(args.seeds)]):
        run = subprocess.run([program, *which, "--jobs", str(args.jobs), "--reached", log], check=False,
                             capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"without a mutation not all holds:\n{run.stdout}")
    for line in log.read_text().splitlines():
        seed, *numbers = map(int, line.split())
        for number in numbers:
            reached[number].append(seed)
    return {number: sorted(seeds, key=order) for number, seeds in reached.items()}


def order(seed):
    """Scenarios without a fault first, of which everything is known; then their faults, then random histories."""
    return seed < SCENARIOS, seed >> 24 & 15, seed


def is_plain(seed):
    return seed >= SCENARIOS and seed >> 24 & 15 == 0


def spread(seeds, most):
    """At most so many, the first ones and some of all that follow."""
    if len(seeds) <= most:
        return seeds
    first = max(most // 2, min(most - 1, sum(map(is_plain, seeds))))
    return seeds[:first] + seeds[first::max(1, (len(seeds) - first) // (most - first))][:most - first]


def check_command(output, chosen):
    """What is printed with a failure lives it again (or the end of the process, of which nothing is printed)."""
    lines = output.splitlines()
    at = next((i for i, line in enumerate(lines) if line.startswith("seed ") and " failed once" not in line), None)
    if at is None or " signal " in lines[at]:
        return
    again = subprocess.run(shlex.split(lines[at + 1]), capture_output=True, text=True, check=False)
    if again.returncode != 1 or lines[at] not in again.stdout:
        sys.exit(f"the command of {chosen} does something else: {lines[at + 1]}\n{again.stdout[-500:]}{again.stderr}")


def is_found(program, work, deletion, seeds):
    """How it was found, or "" when it was not."""
    chosen = work / f"seeds.{deletion.number}"
    chosen.write_text("".join(f"{seed}\n" for seed in seeds))
    run = subprocess.run([program, "--delete", str(deletion.number), "--these", chosen, "--quick"],
                         capture_output=True, text=True, check=False)
    chosen.unlink()
    if deletion.number % 20 == 0:
        check_command(run.stdout, deletion)
    lines = [line for line in run.stdout.splitlines() if line.startswith("seed ")]
    return "" if run.returncode == 0 else lines[0] if lines else run.stdout.strip()[-200:]


def choose(args, deletions):
    files, conditions = excluded()
    there = {(d.file, d.text) for d in deletions} | {(d.file, None) for d in deletions}
    stale = [entry for entry in conditions if entry not in there] + [f for f in files if (f, None) not in there]
    if stale:
        sys.exit(f"excluded.list names what is not there: {stale}")
    for file, reason in files.items():
        print(f"not counted: {file} ({sum(d.file == file for d in deletions)} conditions): {reason}")
    rest = [d for d in deletions if d.file not in files]
    if args.only:
        wanted = args.only.split(",")
        return [d for d in rest if d.file in wanted or f"{d.file}:{d.line}" in wanted]
    chosen = random.Random(args.random).sample(rest, min(args.count, len(rest)))
    for deletion in chosen:
        if (deletion.file, deletion.text) in conditions:
            print(f"not counted: {deletion.file}:{deletion.line} if ({deletion.text}): "
                  f"{conditions[deletion.file, deletion.text]}")
    return [d for d in chosen if (d.file, d.text) not in conditions]


def report(deletion, seeds, how):
    word = "found" if how else "NOT FOUND" if seeds else "NOT REACHED"
    print(f"{word}: {deletion.file}:{deletion.line} if ({deletion.text[:90]})  [{len(seeds)}] {how[:150]}", flush=True)
    return bool(how)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--random", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3000)
    parser.add_argument("--each", type=int, default=300)
    parser.add_argument("--every", type=int, default=1000000)
    parser.add_argument("--only", default="")
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=pathlib.Path, default=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-deletions.") as folder:
        work = args.work or pathlib.Path(folder)
        work.mkdir(exist_ok=True)
        program, deletions = build_all(args.build, work, args.jobs)
        chosen = choose(args, deletions)
        reached = histories_of(program, work, args)

        if args.each == 0:
            for deletion in chosen:
                count = len(reached.get(deletion.number, []))
                print(f"{count} of {args.seeds}: {deletion.file}:{deletion.line} if ({deletion.text})")
            return 0

        def one(deletion):
            seeds = spread(reached.get(deletion.number, []), args.each)
            return deletion, seeds, is_found(program, work, deletion, seeds) if seeds else ""

        with ThreadPoolExecutor(args.jobs) as pool:
            found = [report(*result) for result in pool.map(one, chosen)]
    percent = 100 * sum(found) / max(1, len(found))
    print(f"deletions: {sum(found)} of {len(found)} found, {percent:.1f} %")
    return 0 if percent >= args.least else 1


if __name__ == "__main__":
    sys.exit(main())
