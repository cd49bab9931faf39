# SPDX-License-Identifier: Apache-2.0
"""ridge: linear regression with an L2 penalty, solved by its normal equations.

A model works on measures that are taken to a logarithm where they are skewed, limited to the range seen
in training (a bottle with ten times the salt of all others must not get grade 40), standardised, and,
with features 'quadratic', joined by their squares and products.
"""

import math
from operator import mul

SKEWED = {"volatile_acidity", "residual_sugar", "chlorides", "free_sulfur_dioxide", "total_sulfur_dioxide", "sulphates"}
OUTER = 0.01  # the share at either end of a measure that is limited to the rest's range


def _quantile(ordered, p):
    place = (len(ordered) - 1) * p
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _moments(column):
    mean = math.fsum(column) / len(column)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(column))
    return mean, spread if spread > 1e-12 else 1.0


def _logarithm(name, value):
    return math.log(max(value, 1e-6)) if name in SKEWED else value


def _solve(matrix, vector):
    """Solves a symmetric positive definite system by Cholesky's decomposition."""
    size = len(vector)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(map(mul, lower[i][:j], lower[j][:j]))
            if i == j:
                if rest <= 0:
                    raise ValueError("the columns depend on each other: give a larger l2")
                lower[i][i] = math.sqrt(rest)
            else:
                lower[i][j] = rest / lower[j][j]
    forward = []
    for i in range(size):
        forward.append((vector[i] - sum(map(mul, lower[i][:i], forward))) / lower[i][i])
    solution = [0.0] * size
    for i in reversed(range(size)):
        known = sum(lower[k][i] * solution[k] for k in range(i + 1, size))
        solution[i] = (forward[i] - known) / lower[i][i]
    return solution


def _expand(row, features):
    if features == "linear":
        return row
    return row + [row[i] * row[j] for i in range(len(row)) for j in range(i, len(row))]


def _base(model, values):
    row = []
    parts = zip(model["measures"], model["low"], model["high"], model["mean"], model["spread"])
    for name, low, high, mean, spread in parts:
        row.append((min(max(_logarithm(name, values[name]), low), high) - mean) / spread)
    return row


def fit(rows, targets, measures, features, l2):
    """The model, a plain dict, for rows (dicts of measures) and their targets. l2 is per row."""
    model = {"measures": measures, "features": features, "l2": l2, "low": [], "high": [], "mean": [], "spread": []}
    for name in measures:
        column = [_logarithm(name, row[name]) for row in rows]
        ordered = sorted(column)
        low, high = _quantile(ordered, OUTER), _quantile(ordered, 1 - OUTER)
        mean, spread = _moments([min(max(value, low), high) for value in column])
        for key, value in (("low", low), ("high", high), ("mean", mean), ("spread", spread)):
            model[key].append(value)
    expanded = [_expand(_base(model, row), features) for row in rows]
    columns = [list(column) for column in zip(*expanded)]
    # Centred products need no column of ones: the intercept is the mean, and stays unpenalised. Scaled
    # ones make the penalty fair between a measure and the product of two.
    moments = [_moments(column) for column in columns]
    columns = [[(value - mean) / spread for value in column] for column, (mean, spread) in zip(columns, moments)]
    centre = math.fsum(targets) / len(targets)
    residual = [target - centre for target in targets]
    count = len(rows)
    matrix = [[sum(map(mul, a, b)) / count for b in columns[:i + 1]] for i, a in enumerate(columns)]
    for i, row in enumerate(matrix):
        row[i] += l2
    weights = _solve(matrix, [sum(map(mul, column, residual)) / count for column in columns])
    model["weights"] = [weight / spread for weight, (_, spread) in zip(weights, moments)]
    model["intercept"] = centre - sum(weight * mean for weight, (mean, _) in zip(model["weights"], moments))
    return model


def predict(model, values):
    """The prediction for one row, a dict of measures."""
    return model["intercept"] + sum(map(mul, model["weights"], _expand(_base(model, values), model["features"])))
