# SPDX-License-Identifier: Apache-2.0
"""Points in any order, some twice, some none a number: the history and the latest point are what the rules say."""
import math
import random

import pytest
from mlflow.entities import Metric

LARGEST = 1.7976931348623157e308
VALUES = {"plain": [0.0, -0.0, 1.0, -1.5, 1e300], "odd": [math.nan, math.inf, -math.inf, LARGEST, 7.0, -2.0]}


def kept(value):
    """As it is stored: a number, and whether it stands for none."""
    if math.isnan(value):
        return 0.0, True
    return max(-LARGEST, min(LARGEST, value)) + 0.0, False


def expected_history(points):
    """What is left of (value, timestamp, step): each once, by time, step and value."""
    once = {(timestamp, step, *kept(value)) for value, timestamp, step in points}
    return [(math.nan if none else value, timestamp, step) for timestamp, step, value, none in sorted(once)]


def expected_latest(points):
    step, timestamp, value, none = max((step, timestamp, *kept(value)) for value, timestamp, step in points)
    return math.nan if none else value


def text(points):
    return [f"{value!r} at {timestamp}, step {step}" for value, timestamp, step in points]


@pytest.mark.parametrize("seed", range(6))
def test_points_in_any_order(client, run_id, seed):
    dice = random.Random(seed)
    logged = {key: [] for key in VALUES}
    for _ in range(12):
        batch = []
        for _ in range(dice.randrange(1, 30)):
            key = dice.choice(list(VALUES))
            point = (dice.choice(VALUES[key]), dice.randrange(5), dice.randrange(-3, 4))
            logged[key].append(point)
            batch.append(Metric(key, *point))
        for _ in range(dice.choice([1, 1, 2])):  # Now and then a client sends it again.
            client.log_batch(run_id, metrics=batch)
        if dice.random() < 0.3:
            client.log_metric(run_id, batch[0].key, batch[0].value, batch[0].timestamp, batch[0].step)
    latest = client.get_run(run_id).data.metrics
    for key, points in logged.items():
        history = [(point.value, point.timestamp, point.step) for point in client.get_metric_history(run_id, key)]
        assert text(history) == text(expected_history(points))
        assert repr(latest[key]) == repr(expected_latest(points))
