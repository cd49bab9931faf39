# SPDX-License-Identifier: Apache-2.0
"""The runners of a home, which outlive the command that started them."""
import os
import pathlib
import signal


def runners_of(home):
    """The runners of a home, by what the kernel says of their command line and nothing else."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if len(words) > 3 and words[0].endswith(b"sluice-runner") and str(home).encode() in words:
                found.append(int(entry.name))
    return found


def kill_runners(home):
    for pid in runners_of(home):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has just left by itself
