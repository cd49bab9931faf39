# SPDX-License-Identifier: Apache-2.0
"""What was left out is said at the end, with its reason."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from play import not_run  # noqa: E402


def pytest_terminal_summary(terminalreporter):
    for line in not_run:
        terminalreporter.write_line(f"not run: {line}")
