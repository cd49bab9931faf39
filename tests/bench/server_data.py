# SPDX-License-Identifier: Apache-2.0
"""A store as teams have it after years, written as MLflow's own database: what `make bench-server` reads from.

40 experiments with the runs (each 20 metrics, 20 params, 10 tags); in experiment 41 a run with a long history, a
hundred runs of 10,000 points, and one of 12,000 metrics; models of two versions, three of ten of them prompts, and one
model of 5,000 versions. The schema comes from MLflow itself; the same arguments make the same rows.
"""
import pathlib
import random
import sqlite3
import subprocess

EXPERIMENTS = 40
METRICS = ["loss", "accuracy", *(f"m{i:02}" for i in range(2, 20))]
PARAMS = ["opt", "lr", *(f"p{i:02}" for i in range(2, 20))]
TAGS = ["team", *(f"t{i:02}" for i in range(1, 10))]
BEGAN = 1_700_000_000_000
LONG, WIDE = "f" * 31 + "0", "f" * 31 + "1"
CURVES = [f"e{i:031x}" for i in range(100)]
CURVE_POINTS, WIDE_KEYS = 10_000, 12_000


def optimizer(number):
    """Half of them adam, one of a hundred lbfgs."""
    return "lbfgs" if number % 100 == 99 else "adam" if number % 2 == 0 else "sgd"


def run_id(number):
    return f"{number:08x}{random.Random(number).getrandbits(96):024x}"


def run_row(identifier, number, experiment):
    return (identifier, f"run-{number}", "LOCAL", "train.py", "", "ann", "FINISHED", BEGAN + number * 1000,
            BEGAN + number * 1000 + 500, "", "active", f"mlflow-artifacts:/{experiment}/{identifier}/artifacts",
            experiment, None)


def insert(database, table, rows):
    rows = iter(rows)
    first = next(rows)
    statement = f"INSERT INTO {table} VALUES ({', '.join('?' * len(first))})"
    database.execute(statement, first)
    database.executemany(statement, rows)


def metric_rows(identifier, values):
    return ((key, value, BEGAN + step, identifier, step, False) for key, value, step in values)


def latest_rows(identifier, values):
    return ((key, value, BEGAN + step, step, False, identifier) for key, value, step in values)


def fill_runs(database, count):
    numbers = [(number, run_id(number)) for number in range(count)]

    def values(number):
        chance = random.Random(number)
        return [(key, chance.random(), 0) for key in METRICS]

    def params(number):
        return [("opt", optimizer(number)), ("lr", str(number % 7 / 100)),
                *((key, f"{key} of {number % 1000}") for key in PARAMS[2:])]

    def tags(number):
        return [("team", f"team-{number % 200}"), *((key, f"{key} of {number % 500}") for key in TAGS[1:])]

    insert(database, "runs", (run_row(i, n, 1 + n % EXPERIMENTS) for n, i in numbers))
    insert(database, "metrics", (row for n, i in numbers for row in metric_rows(i, values(n))))
    insert(database, "latest_metrics", (row for n, i in numbers for row in latest_rows(i, values(n))))
    insert(database, "params", ((key, value, i) for n, i in numbers for key, value in params(n)))
    insert(database, "tags", ((key, value, i) for n, i in numbers for key, value in tags(n)))


def fill_histories(database, points):
    def curve(seed, count):
        chance = random.Random(seed)
        return [("loss", 3 / (1 + step / 100) + chance.random() / 10, step) for step in range(count)]

    series = {LONG: curve(0, points), WIDE: [(f"layer/{i:05}", i / 7, 0) for i in range(WIDE_KEYS)],
              **{name: curve(i + 1, CURVE_POINTS) for i, name in enumerate(CURVES)}}
    insert(database, "runs", (run_row(name, i, EXPERIMENTS + 1) for i, name in enumerate(series)))
    for name, values in series.items():
        insert(database, "metrics", metric_rows(name, values))
        insert(database, "latest_metrics", latest_rows(name, values if name == WIDE else values[-1:]))


def fill_registry(database, models, versions):
    names = [(f"model-{i:05}", 2) for i in range(models)] + [("many", versions)]
    prompts = {name for i, (name, _) in enumerate(names[:-1]) if i % 10 < 3}
    both = [(name, version) for name, count in names for version in range(1, count + 1)]
    insert(database, "registered_models",
           ((name, BEGAN, BEGAN + i, "", "default") for i, (name, _) in enumerate(names)))
    insert(database, "registered_model_tags",
           (("mlflow.prompt.is_prompt", "true", name, "default") for name in sorted(prompts)))
    insert(database, "model_versions", ((name, version, BEGAN, BEGAN + version, "", "ann", "None",
                                         f"mlflow-artifacts:/0/{name}/{version}", "", "READY", None, "",
                                         f"mlflow-artifacts:/0/{name}/{version}", "default") for name, version in both))
    insert(database, "model_version_tags", (("mlflow.prompt.text" if name in prompts else "checked", "yes", name,
                                             version, "default") for name, version in both))
    insert(database, "registered_model_aliases", (("champion", count, name, "default") for name, count in names))


def make(mlflow, path, runs, points, models, versions):
    """Writes the database at a path; `mlflow` is the folder of its virtual environment."""
    path = pathlib.Path(path)
    subprocess.run([mlflow / "bin/mlflow", "db", "upgrade", f"sqlite:///{path}"], check=True, capture_output=True)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA synchronous = OFF")
        insert(database, "experiments", ((number, f"experiment {number}" if number else "Default",
                                          f"mlflow-artifacts:/{number}", "active", BEGAN, BEGAN, "default")
                                         for number in range(EXPERIMENTS + 2)))
        fill_runs(database, runs)
        fill_histories(database, points)
        fill_registry(database, models, versions)
    database.close()
