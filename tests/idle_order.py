#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which sources `sluice serve` runs code of until it has answered its first requests: make idle-order.

The program is linked with these first, so that what an idle server runs stands on pages of its own: the kernel maps
code in pieces of 64 KiB, and of a program in any other order nearly every piece holds something that a start needs. An
old list costs memory and nothing else. Counted by valgrind's callgrind; writes the list on standard output.
"""
import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/bench"))
from server import what_all_answer  # noqa: E402
from servers import Server  # noqa: E402


def sources_run(counts, program):
    """Those of orchestrator/ that functions of the program were run of, by callgrind's counts."""
    names, found, inside = {}, set(), False
    for line in counts.splitlines():
        here = re.match(r"(ob|cob|fl|fi|fe|cfi|cfl)=\((\d+)\)(?: (.*))?", line)
        if not here:
            continue
        kind, number, name = here.groups()
        of_object = kind in ("ob", "cob")
        name = names.setdefault((of_object, number), name)  # said where its number comes first
        if kind == "ob":
            inside = name == str(program)
        elif kind == "fl" and inside and "orchestrator/" in name and name.endswith(".c"):
            found.add(name.rpartition("orchestrator/")[2])
    return sorted(found)


def main():
    program = pathlib.Path(sys.argv[1]).resolve() / "sluice"
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        counts = pathlib.Path(folder) / "counts"
        server = Server("sluice", ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={counts}", program,
                                   "serve", "--port", "0"], folder)
        what_all_answer(server)
        server.end()
        found = sources_run(counts.read_text(encoding="utf-8"), program)
    print("# What an idle server runs, linked first: made by tests/idle_order.py, which says why.")
    print("\n".join(found))


if __name__ == "__main__":
    main()
