#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that a program can check. Prints one line a breach, and the counts; exit 1 when there are any.

layers    an include, or a library, that orchestrator/layers.txt does not allow
sizes     files over 600 lines, functions over 60, lines over 120 columns
words     functions that style forbids, notes left for later
shape     a licence line first, a manual in each header, no stray top-level entry
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP_LEVEL = {"Makefile", "README.md", "LICENSE", "orchestrator", "plugins", "pipelines", "lua", "tests", "examples",
             "docs", ".ci", ".gitignore"}
LIBRARY_OF = {"yaml.h": "yaml", "sqlite3.h": "sqlite3", "sodium.h": "sodium", "curl/curl.h": "curl", "git2.h": "git2",
              "lua.h": "lua5.4", "lauxlib.h": "lua5.4", "lualib.h": "lua5.4", "dlfcn.h": "dl",
              "microhttpd.h": "microhttpd", "nettle/sha2.h": "nettle", "math.h": "m"}
FORBIDDEN = ("strcpy", "strcat", "sprintf", "vsprintf", "strtok", "atoi", "atof", "gmtime", "localtime",
             "gets", "system", "alloca")
LATER = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
FILE_LINES, FUNCTION_LINES, COLUMNS = 600, 60, 120

breaches = []


def breach(path, line, text):
    breaches.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def tracked():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def read_layers():
    may_include, may_link = {}, {}
    for line in (ROOT / "orchestrator/layers.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            folder, _, rest = line.partition(":")
            folders, _, libraries = rest.partition("|")
            may_include[folder.strip()] = set(folders.split()) | {folder.strip()}
            may_link[folder.strip()] = set(libraries.split())
    return may_include, may_link


def check_layers(path, lines, may_include, may_link):
    parts = path.relative_to(ROOT / "orchestrator").parts
    if len(parts) < 2:
        return
    folder = parts[0]
    if folder not in may_include:
        breach(path, 1, f"folder '{folder}' has no row in layers.txt")
        return
    for number, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
        if not include:
            continue
        name = include.group(1)
        target = name.split("/")[0] if "/" in name else None
        if target in may_include and target not in may_include[folder]:
            breach(path, number, f"{folder}/ may not include {target}/ (layers.txt)")
        library = LIBRARY_OF.get(name)
        if library and library not in may_link[folder] | ({"m"} if folder != "wire" else set()):
            breach(path, number, f"{folder}/ may not use the library '{library}' (layers.txt)")


def without_text(line):
    """The line without strings, characters and comments that end in it."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    line = re.sub(r"'(\\.|[^'\\])'", "''", line)
    return re.sub(r"//.*|/\*.*?(\*/|$)", "", line)


def check_functions(path, lines):
    start = name = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and start is None:
            start = number
            name = next((found.group(1) for back in range(number - 2, max(number - 8, -1), -1)
                         if (found := re.match(r"[a-zA-Z_].*?(\w+)\(", lines[back]))), "?")
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                breach(path, start, f"function {name}() has {number - start - 1} lines: at most {FUNCTION_LINES}")
            start = None


def check_c(path, lines):
    if "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        breach(path, 1, "the first line is not the licence line")
    if path.suffix == ".h" and path.parent != ROOT / "tests/unit" and not lines[1].startswith(" * "):
        breach(path, 2, "a header begins by saying what it is for")
    in_comment = False
    for number, line in enumerate(lines, 1):
        comment, in_comment = in_comment, (in_comment or "/*" in line) and "*/" not in line[line.rfind("/*") + 1:]
        if comment:
            continue
        code = without_text(line)
        for word in FORBIDDEN:
            if re.search(rf"\b{word}\s*\(", code):
                breach(path, number, f"{word}() is not used here")
    check_functions(path, lines)


def check_text(path, lines):
    for number, line in enumerate(lines, 1):
        for word in LATER:
            if re.search(rf"\b{word}\b", line):
                breach(path, number, f"'{word}': finish it, or leave it out and say so on the issue")


def main():
    may_include, may_link = read_layers()
    checked = 0
    for path in tracked():
        if path.relative_to(ROOT).parts[0] not in TOP_LEVEL:
            breach(path, 1, "not one of the folders of the top level")
        if path.suffix not in {".c", ".h", ".py", ".sh", ".lua", ".sql", ".yaml", ".md"} or "fixtures" in path.parts:
            continue
        checked += 1
        lines = path.read_text(encoding="utf-8").splitlines() or [""]
        check_text(path, lines)
        if path.suffix in {".c", ".h"}:
            check_c(path, lines)
            if ROOT / "orchestrator" in path.parents:
                check_layers(path, lines, may_include, may_link)
        if path.suffix in {".c", ".h", ".py"}:
            if len(lines) > FILE_LINES and not path.name.startswith(("test_", "fake_")):
                breach(path, len(lines), f"{len(lines)} lines: at most {FILE_LINES}, look for the second noun")
            for number, line in enumerate(lines, 1):
                if len(line) > COLUMNS:
                    breach(path, number, f"{len(line)} columns: at most {COLUMNS}")
    for line in breaches:
        print(line)
    print(f"lint: {checked} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
