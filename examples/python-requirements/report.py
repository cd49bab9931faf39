# SPDX-License-Identifier: Apache-2.0
"""Writes a table with a package that the system's Python does not have."""

import argparse
import math
import os

import tabulate

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", required=True)
options = parser.parse_args()

rows = [(n, math.sqrt(n), math.log(n)) for n in range(1, 6)]
text = tabulate.tabulate(rows, headers=["n", "square root", "logarithm"], floatfmt=".4f")
with open(os.path.join(options.out, "report.txt"), "w", encoding="utf-8") as file:
    file.write(text + "\n")
print(text)
