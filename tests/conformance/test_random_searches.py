# SPDX-License-Identifier: Apache-2.0
"""Questions made by dice over runs made by dice, each answered twice: by the server, and by the rules in Python."""
import operator
import random
import re
import time

import mlflow
import pytest
from mlflow.entities import Metric, Param, RunTag

WORDS = ["a", "A", "ab", "aB", "b", "b_a", "b%a", "", "ba'b"]
NUMBERS = [-1.0, 0.0, 0.5, 1.0, 2.0]
COMPARE = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
           ">=": operator.ge}
DICE = random.Random(2026)


def like(pattern, flags=0):
    expression = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return lambda value: re.fullmatch(expression, value, flags | re.DOTALL) is not None


class Run:
    """One run, as it was made."""

    def __init__(self, number):
        self.start = 1000 + number // 3
        self.fields = {}
        for kind, values in (("metrics", NUMBERS), ("params", WORDS), ("tags", WORDS)):
            for key in ("x", "y z"):
                if DICE.random() < 0.7:
                    self.fields[kind, key] = DICE.choice(values)

    def of(self, kind):
        return {key: value for (mine, key), value in self.fields.items() if mine == kind}


@pytest.fixture(scope="module")
def crowd(server):
    client = mlflow.MlflowClient(server.url)
    client.experiment = client.create_experiment(f"crowd-{time.time_ns()}")
    client.runs = {}
    for number in range(45):
        run = Run(number)
        run_id = client.create_run(client.experiment, start_time=run.start, run_name=str(number)).info.run_id
        client.log_batch(run_id, [Metric(key, value, 1, 0) for key, value in run.of("metrics").items()],
                         [Param(*item) for item in run.of("params").items()],
                         [RunTag(*item) for item in run.of("tags").items()])
        client.runs[run_id] = run
    return client


def condition(dice):
    """Text of one condition, and what it says of a Run."""
    kind, key = dice.choice(["metrics", "params", "tags"]), dice.choice(["x", "y z"])
    name = f"{kind}.`{key}`"
    if kind == "metrics":
        sign, value = dice.choice(list(COMPARE)), dice.choice(NUMBERS)
        words, holds = f"{sign} {value}", lambda found: COMPARE[sign](found, value)
    else:
        sign, value = dice.choice(["=", "!=", "LIKE", "ILIKE"]), dice.choice(WORDS + ["%", "a%", "%B", "_", "b_%"])
        quote = '"' if "'" in value else "'"
        words = f"{sign} {quote}{value}{quote}"
        holds = {"LIKE": like(value), "ILIKE": like(value, re.IGNORECASE)}.get(
            sign, lambda found: COMPARE[sign](found, value))
    return f"{name} {words}", lambda run: (kind, key) in run.fields and holds(run.fields[kind, key])


@pytest.mark.parametrize("seed", range(40))
def test_filters(crowd, seed):
    dice = random.Random(seed)
    conditions = [condition(dice) for _ in range(dice.choice([1, 1, 2, 3]))]
    question = dice.choice([" AND ", " and "]).join(words for words, _ in conditions)
    found = crowd.search_runs([crowd.experiment], question, max_results=1000)
    expected = {run_id for run_id, run in crowd.runs.items() if all(holds(run) for _, holds in conditions)}
    assert {run.info.run_id for run in found} == expected, question


@pytest.mark.parametrize("seed", range(20))
def test_orders_and_pages(crowd, seed):
    dice = random.Random(seed)
    kind, key, down = dice.choice(["metrics", "params", "tags"]), dice.choice(["x", "y z"]), dice.random() < 0.5
    order = [f"{kind}.`{key}` {'DESC' if down else 'ASC'}"]
    having = sorted({run.fields[kind, key] for run in crowd.runs.values() if (kind, key) in run.fields}, reverse=down)

    def place(run_id):
        """By the value, runs without one last; then the newest first; then by id."""
        run = crowd.runs[run_id]
        rank = having.index(run.fields[kind, key]) if (kind, key) in run.fields else len(having)
        return rank, -run.start, run_id

    seen, token = [], None
    while True:
        page = crowd.search_runs([crowd.experiment], order_by=order, max_results=dice.choice([7, 20]), page_token=token)
        seen += [run.info.run_id for run in page]
        if not (token := page.token):
            break
    assert seen == sorted(crowd.runs, key=place), order
