# SPDX-License-Identifier: Apache-2.0
"""Fits a line to noisy points by least squares, with the standard library alone."""

import argparse
import csv
import json
import os
import random


def points(count, seed):
    generator = random.Random(seed)
    for _ in range(count):
        x = generator.uniform(0, 10)
        yield x, 2.0 * x + 1.0 + generator.gauss(0, 1)


def fit(rows):
    n = len(rows)
    mean_x = sum(x for x, _ in rows) / n
    mean_y = sum(y for _, y in rows) / n
    slope = sum((x - mean_x) * (y - mean_y) for x, y in rows) / sum((x - mean_x) ** 2 for x, _ in rows)
    return slope, mean_y - slope * mean_x


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()

    rows = list(points(options.points, options.seed))
    cut = len(rows) * 4 // 5
    slope, intercept = fit(rows[:cut])
    held = [(x, y, slope * x + intercept) for x, y in rows[cut:]]
    rmse = (sum((y - p) ** 2 for _, y, p in held) / len(held)) ** 0.5

    os.makedirs(os.path.join(options.out, "model"), exist_ok=True)
    with open(os.path.join(options.out, "model", "line.json"), "w", encoding="utf-8") as file:
        json.dump({"slope": slope, "intercept": intercept}, file)
    with open(os.path.join(options.out, "metrics.json"), "w", encoding="utf-8") as file:
        json.dump({"rmse": rmse}, file)
    with open(os.path.join(options.out, "holdout.csv"), "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("x", "y", "predicted"), *held])
    if "SLUICE_OUTPUT" in os.environ:
        with open(os.environ["SLUICE_OUTPUT"], "a", encoding="utf-8") as file:
            file.write(f"slope={slope}\n")
    print(f"y = {slope:.3f} x + {intercept:.3f}, rmse {rmse:.3f} on {len(held)} points")


if __name__ == "__main__":
    main()
