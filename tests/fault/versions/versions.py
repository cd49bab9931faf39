#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two versions of sluice that are to come, really built, for the tests of upgrades.

    versions.py BUILD

`next` and `later` have one and two migrations more, a higher protocol between engine and runner, a field of spawn and a
frame of the journal that the version before does not have. `next` still speaks the protocol of the version that is
built here, `later` speaks only its own. Their sources are ours with the edits of edits.list, each a text that is there
exactly once and what it becomes; what an edit touches is compiled anew and linked with the objects of BUILD. So
nothing of it is in the programs that are shipped, and what is tested is what is shipped and no second copy.

Each is a folder of BUILD/versions that looks like BUILD: sluice and sluice-runner of its own, all else the same. A
plugin is beside them, built for our ABI and for one that is older. COMPILE (compiler and flags), LIBS and LIBS_RUNNER
come from the Makefile, through the environment.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path("orchestrator")
NUMBERS = ("WIRE_PROTOCOL", "JOURNAL_NEWEST")  # sources that use what the edited headers say
VERSIONS = {"next": ["next.sql"], "later": ["next.sql", "later.sql"]}
SHARED = ("sluice-fetch", "sluice-python-env", "plugins", "lua", "include", "templates")


def marks(version):
    """What stands for the numbers of the edits."""
    text = (SOURCE / "wire/message.h").read_text(encoding="utf-8")
    shipped, oldest = map(int, re.search(r"WIRE_PROTOCOL = (\d+), WIRE_PROTOCOL_OLDEST = (\d+),", text).groups())
    protocol = shipped + len(VERSIONS[version])
    return {"@SHIPPED@": shipped, "@SHIPPED_OLDEST@": oldest, "@PROTOCOL@": protocol,
            "@OLDEST@": oldest if version == "next" else protocol}


def edits(version):
    """Name, file, text and what it becomes."""
    listed = (HERE / "edits.list").read_text(encoding="utf-8")
    for mark, value in marks(version).items():
        listed = listed.replace(mark, str(value))
    for block in re.split(r"^== ", listed, flags=re.M)[1:]:
        name, file, *lines = block.rstrip("\n").split("\n")
        yield (name, pathlib.Path(file), "\n".join(line[1:] for line in lines if line.startswith("-")),
               "\n".join(line[1:] for line in lines if line.startswith("+")))


def edited_sources(version, tree):
    """The sources that must be compiled anew, in `tree` beside the headers that they find before ours."""
    texts = {}
    for name, path, text, instead in edits(version):
        source = texts.get(path) or (SOURCE / path).read_text(encoding="utf-8")
        if source.count(text) != 1:
            sys.exit(f"versions: {name}: {path} has its text {source.count(text)} times, expected 1")
        texts[path] = source.replace(text, instead)
    for source in SOURCE.rglob("*.c"):
        path = source.relative_to(SOURCE)
        if path not in texts and any(number in source.read_text(encoding="utf-8") for number in NUMBERS):
            texts[path] = source.read_text(encoding="utf-8")
    for path, text in texts.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    return sorted(path for path in texts if path.suffix == ".c")


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"versions: {' '.join(map(str, command))}\n{done.stderr}")


def compile_schema(version, build, tree):
    """By the rule of the Makefile, with our migrations behind those that there are."""
    schema = [*sorted((SOURCE / "store/schema").glob("*.sql")), *(HERE / name for name in VERSIONS[version])]
    run("make", "--no-print-directory", "-s", f"BUILD={tree}", f"SCHEMA={' '.join(map(str, schema))}",
        tree / "gen/schema.c")
    return tree / "gen/schema.c", build / "obj/gen/schema.o"


def compile_anew(version, build, tree):
    """{an object of BUILD: the one that takes its place}"""
    sources = {tree / "src" / path: build / "obj" / SOURCE / path.with_suffix(".o")
               for path in edited_sources(version, tree / "src")}
    schema, schema_object = compile_schema(version, build, tree)
    sources[schema] = schema_object
    replaced = {}
    running = []
    for source, object_file in sources.items():
        replaced[object_file] = source.with_suffix(".o")
        command = [*shlex.split(os.environ["COMPILE"]), "-iquote", tree / "src", "-Iplugins/shared", "-c", "-o",
                   replaced[object_file], source]
        running.append((command, subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)))
    for command, process in running:
        _, err = process.communicate()
        if process.returncode != 0:
            sys.exit(f"versions: {' '.join(map(str, command))}\n{err}")
    return replaced


def link(program, folders, build, replaced, libraries):
    objects = [build / "obj" / SOURCE / main for main in (f"{program.name.removeprefix('sluice-')}_main.o",)]
    for folder in folders:
        objects += [build / "obj" / source.with_suffix(".o") for source in sorted((SOURCE / folder).glob("*.c"))]
    objects += [build / "obj/gen/schema.o"] if "store" in folders else []
    # By rename: a program that runs keeps the file it has.
    run(*shlex.split(os.environ["COMPILE"]), "-o", f"{program}.new", *[replaced.get(o, o) for o in objects],
        *shlex.split(libraries))
    os.replace(f"{program}.new", program)


def make(version, build):
    tree = build / "versions" / version
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    replaced = compile_anew(version, build, tree)
    link(tree / "sluice", os.environ["CORE"].split(), build, replaced, os.environ["LIBS"])
    link(tree / "sluice-runner", os.environ["RUNNER"].split(), build, replaced, os.environ["LIBS_RUNNER"])
    for name in SHARED:
        (tree / name).symlink_to(build / name)


def make_plugins(build):
    """ticker.so, and the same for an ABI that is older."""
    header = (SOURCE / "step.h").read_text(encoding="utf-8")
    abi = int(re.search(r"#define STEP_ABI (\d+)", header).group(1))
    for name, number in (("ours", abi), ("older", abi - 1)):
        folder = build / "versions/plugins" / name
        folder.mkdir(parents=True, exist_ok=True)
        text = header.replace(f"#define STEP_ABI {abi}", f"#define STEP_ABI {number}")
        text = text.replace(f'#define STEP_ABI_TEXT "{abi}"', f'#define STEP_ABI_TEXT "{number}"')
        assert number == abi or text.count(f'"{number}"') == 1, "step.h says otherwise which ABI it is of"
        (folder / "step.h").write_text(text, encoding="utf-8")
        run(*shlex.split(os.environ["COMPILE"]), "-iquote", folder, "-fPIC", "-shared", "-fvisibility=hidden", "-o",
            folder / "ticker.so", HERE / "ticker.c")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    make_plugins(build)
    for version in VERSIONS:
        make(version, build)


if __name__ == "__main__":
    main()
