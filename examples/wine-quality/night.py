# SPDX-License-Identifier: Apache-2.0
"""Plays the cellar: writes the file of reds that it has delivered by a given night.

    python night.py --night 12 --out data/tonight.csv
    sluice run -p data=data/tonight.csv

Bottles to train on arrive over the nights, in an order that never changes; those that are held out are there from the
first night, so that all nights are judged on the same ones. With --mixed-up 0.6 the grades of 60 % of tonight's
training bottles have been swapped among each other, as when racks are mixed up: a night that a gate should refuse.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import os
import random

import wines

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST_NIGHT = 0.3  # the share of the training bottles that is there before the first night


def delivered(bottles, night, nights):
    share = FIRST_NIGHT + (1 - FIRST_NIGHT) * min(night / nights, 1)
    return [wine for wine in bottles if wine.held_out or wine.fraction("delivery") < share]


def mix_up(bottles, share, seed):
    """Swaps grades among `share` of the training bottles, in place."""
    generator = random.Random(seed)
    touched = [wine for wine in bottles if not wine.held_out and generator.random() < share]
    grades = [wine.quality for wine in touched]
    generator.shuffle(grades)
    for wine, grade in zip(touched, grades):
        wine.quality = grade


def main():
    parser = argparse.ArgumentParser(description="Write what the cellar has delivered by a night.")
    parser.add_argument("--night", type=int, required=True, help="1 for the first")
    parser.add_argument("--nights", type=int, default=30, help="the night by which everything is there")
    parser.add_argument("--data", default=os.path.join(HERE, "data", "winequality-red.csv"), help="all bottles")
    parser.add_argument("--mixed-up", type=float, default=0.0, help="the share of training bottles with swapped grades")
    parser.add_argument("--out", required=True, help="the file to write")
    options = parser.parse_args()
    if options.night < 1 or options.nights < 1 or not 0 <= options.mixed_up <= 1:
        parser.error("--night and --nights are from 1 up, --mixed-up is from 0 to 1")
    bottles = delivered(wines.read(options.data), options.night, options.nights)
    mix_up(bottles, options.mixed_up, options.night)
    wines.write(options.out, bottles)
    print(f"night {options.night}: {len(bottles)} bottles")


if __name__ == "__main__":
    try:
        main()
    except (wines.DataError, OSError) as error:
        sys.exit(f"night.py: {error}")
