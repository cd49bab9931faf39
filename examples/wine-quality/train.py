# SPDX-License-Identifier: Apache-2.0
"""Trains the wine-quality model with the standard library alone.

    python train.py --data data/winequality-red.csv --out "$SLUICE_STEP_DIR"

Each colour gets a ridge regression of its own (see ridge.py). Whites come from data/winequality-white.csv
beside this script when --data holds none. Written below --out:

    model/model.json   the regressions, by colour
    holdout.csv        the held-out bottles: sample, their measures, quality, color, predicted
    metrics.json       rmse, mae and r2 on them, and rmse of each colour
    predicted.png      predictions against the tasters' grades

and `n_rows=…`, the number of bottles read, into the file that $SLUICE_OUTPUT names. Every setting may also come from
the environment, as WINE_FEATURES, WINE_L2, WINE_SHARE, WINE_NOISE or WINE_SEED.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import csv
import json
import math
import os
import random

import ridge
import scatter
import wines

HERE = os.path.dirname(os.path.abspath(__file__))
WHITES = os.path.join(HERE, "data", "winequality-white.csv")
FEWEST = 30  # training bottles of a colour


def _number_between(low, high):
    def parse(text):
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not from {low:g} to {high:g}")
        return value

    parse.__name__ = "number"
    return parse


# argparse checks `choices` on what is written, not on a default from the environment; a `type` it checks on both.
def _one_of(*words):
    def parse(text):
        if text not in words:
            raise argparse.ArgumentTypeError(f"'{text}' is not one of: {', '.join(words)}")
        return text

    return parse


def arguments():
    env = os.environ.get
    parser = argparse.ArgumentParser(description="Train the wine-quality model.")
    parser.add_argument("--data", required=True, help="CSV of bottles, with or without a column color")
    parser.add_argument("--out", required=True, help="the folder to write into")
    parser.add_argument("--whites", default=WHITES,
                        help="CSV of white wines for when --data has none; '' for no whites")
    parser.add_argument("--target", choices=wines.TARGETS, default="quality", help="what to predict")
    parser.add_argument("--features", type=_one_of("linear", "quadratic"), default=env("WINE_FEATURES", "quadratic"),
                        help="linear: the measures alone; quadratic: with their squares and products")
    parser.add_argument("--l2", type=_number_between(1e-9, 1e9), default=env("WINE_L2", "0.05"),
                        help="the penalty, per row")
    parser.add_argument("--share", type=_number_between(0, 1), default=env("WINE_SHARE", "1"),
                        help="train on this share of the bottles that are not held out")
    parser.add_argument("--noise", type=_number_between(0, 10), default=env("WINE_NOISE", "0"),
                        help="careless tasters: the standard deviation of what is added to each training grade")
    parser.add_argument("--seed", type=int, default=env("WINE_SEED", "1"), help="of --share and --noise")
    return parser.parse_args()


def read_wines(options):
    bottles = wines.read(options.data)
    if options.whites and not any(wine.color == "white" for wine in bottles):
        bottles += wines.read(options.whites)
    return bottles


def training_set(bottles, options):
    """The bottles to learn from, thinned and blurred as asked: pairs (wine, target)."""
    noise = random.Random(options.seed)
    chosen = []
    for wine in bottles:
        if not wine.held_out and wine.fraction(f"share {options.seed}") < options.share:
            chosen.append((wine, target_of(wine, options.target) + options.noise * noise.gauss(0, 1)))
    return chosen


def target_of(wine, target):
    return wine.quality if target == "quality" else wine.values[target]


def train(pairs, options):
    """One regression for each colour."""
    measures = [name for name in wines.MEASURES if name != options.target]
    models = {}
    for color in sorted({wine.color for wine, _ in pairs}):
        own = [(wine, target) for wine, target in pairs if wine.color == color]
        if len(own) < FEWEST:
            raise wines.DataError(f"{len(own)} {color} wines to train on, expected at least {FEWEST}")
        models[color] = ridge.fit([wine.values for wine, _ in own], [target for _, target in own], measures,
                                  options.features, options.l2)
        print(f"{color}: trained on {len(own)} bottles, {len(models[color]['weights'])} features")
    return models


def held_out(bottles, models):
    """The bottles to judge by, without repeats, in an order that does not depend on the file."""
    unique = {(wine.sample, wine.quality): wine for wine in bottles if wine.held_out and wine.color in models}
    return [unique[key] for key in sorted(unique)]


def rmse(pairs):
    return math.sqrt(math.fsum((a - p) ** 2 for a, p in pairs) / len(pairs))


def measure(judged):
    """Metrics of (wine, actual, predicted)."""
    pairs = [(actual, predicted) for _, actual, predicted in judged]
    mean = math.fsum(actual for actual, _ in pairs) / len(pairs)
    spread = math.fsum((actual - mean) ** 2 for actual, _ in pairs)
    results = {
        "rmse": rmse(pairs),
        "mae": math.fsum(abs(a - p) for a, p in pairs) / len(pairs),
        "r2": 1 - math.fsum((a - p) ** 2 for a, p in pairs) / spread if spread > 0 else 0.0,
    }
    for color in sorted({wine.color for wine, _, _ in judged}):
        results[f"rmse_{color}"] = rmse([(a, p) for wine, a, p in judged if wine.color == color])
    return results


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")


def write_holdout(path, judged, target):
    """One row a bottle; `predicted` is what the model says of the target, which keeps its own column."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sample"] + wines.MEASURES + ["quality", "color", "predicted"])
        for wine, _, predicted in judged:
            writer.writerow([wine.sample] + wine.cells() + [wine.color, f"{predicted:.6f}"])


def write_picture(path, judged):
    low = math.floor(min(actual for _, actual, _ in judged)) - 1
    high = math.ceil(max(actual for _, actual, _ in judged)) + 1
    points = [(wine.sample, wine.color, actual, predicted) for wine, actual, predicted in judged]
    with open(path, "wb") as file:
        file.write(scatter.draw(points, max(low, 0), high))


def tell_sluice(n_rows):
    path = os.environ.get("SLUICE_OUTPUT")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"n_rows={n_rows}\n")


def main():
    options = arguments()
    bottles = read_wines(options)
    models = train(training_set(bottles, options), options)
    judged = [(wine, target_of(wine, options.target), ridge.predict(models[wine.color], wine.values))
              for wine in held_out(bottles, models)]
    if not judged:
        raise wines.DataError(f"{options.data}: no bottle of it is held out; expected at least some 50 bottles")
    results = measure(judged)
    os.makedirs(os.path.join(options.out, "model"), exist_ok=True)
    write_json(os.path.join(options.out, "model", "model.json"), {"target": options.target, "colors": models})
    write_json(os.path.join(options.out, "metrics.json"), results)
    write_holdout(os.path.join(options.out, "holdout.csv"), judged, options.target)
    write_picture(os.path.join(options.out, "predicted.png"), judged)
    tell_sluice(len(bottles))
    print(f"{len(judged)} bottles held out: " + ", ".join(f"{key} {value:.4f}" for key, value in results.items()))


if __name__ == "__main__":
    try:
        main()
    except (wines.DataError, ValueError) as error:
        sys.exit(f"train.py: {error}")
