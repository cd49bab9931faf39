# SPDX-License-Identifier: Apache-2.0
"""Values of metrics as texts in JSON, as other programs than MLflow's clients send them: what they are taken for."""
import math

import pytest

LARGEST = 1.7976931348623157e308  # how an infinity is kept
ZERO = pytest.mark.flaw("MLflow says 200, and records 0")

TAKEN = [
    ('"NaN"', math.nan), ('"NAN"', math.nan), ('"-nan"', math.nan), ('"NaN "', math.nan),
    ('"inf"', LARGEST), ('"Inf"', LARGEST), ('"+inf"', LARGEST), ('"-inf"', -LARGEST), ('"Infinity"', LARGEST),
    ('"infinity"', LARGEST), ('"INFINITY"', LARGEST), ('"+Infinity"', LARGEST), ('"-Infinity"', -LARGEST),
    ('"1e400"', LARGEST), ('"-1e400"', -LARGEST), ('"1.7976931348623159e308"', LARGEST),
    ('"1.5"', 1.5), ('" 1.5"', 1.5), ('"1.5 "', 1.5), ('".5"', 0.5), ('"5."', 5.0), ('"1e5"', 1e5), ('"-0"', 0.0),
    ("1e-400", 0.0), ("123456789012345678901234567890", 123456789012345678901234567890.0),
    pytest.param('"nan"', math.nan, marks=ZERO), pytest.param("NaN", math.nan, marks=ZERO),
    pytest.param("Infinity", LARGEST, marks=ZERO), pytest.param("-Infinity", -LARGEST, marks=ZERO),
]
REFUSED = ['""', '"1,5"', '"abc"', '"0x10"', '"1\\u0000"', "null", "[]", "{}", "1e400", "-1e400"]
FLAWS = {"/runs/log-metric": ("[]", "{}", "1e400", "-1e400"),
         "/runs/log-batch": ('"1,5"', '"abc"', '"0x10"', '"1\\u0000"', "[]", "{}", "1e400", "-1e400")}

BODIES = {
    "/runs/log-metric": '{"run_id": "%s", "key": "%s", "value": %s, "timestamp": 1%s}',
    "/runs/log-batch": '{"run_id": "%s", "metrics": [{"key": "%s", "value": %s, "timestamp": 1%s}]}',
}


def send(wire, path, run_id, value, more=""):
    return wire.send("POST", path, raw=(BODIES[path] % (run_id, "m", value, more)).encode())


def is_same(found, expected):
    return math.isnan(found) if math.isnan(expected) else found == expected


@pytest.mark.parametrize("path", sorted(BODIES))
@pytest.mark.parametrize("text, value", TAKEN)
def test_a_word_that_is_a_number(wire, client, run_id, path, text, value):
    assert send(wire, path, run_id, text).status_code == 200
    assert is_same(client.get_run(run_id).data.metrics["m"], value)
    assert is_same(client.get_metric_history(run_id, "m")[0].value, value)


@pytest.mark.parametrize("path, text", [
    pytest.param(path, text, marks=ZERO if text in FLAWS[path] else ()) for path in sorted(BODIES) for text in REFUSED])
def test_a_word_that_is_none(wire, client, run_id, path, text):
    answer = send(wire, path, run_id, text)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert client.get_run(run_id).data.metrics == {}


@pytest.mark.parametrize("path", sorted(BODIES))
@pytest.mark.parametrize("text, value", [('"Infinity"', LARGEST), ('"-inf"', -LARGEST), ('"2.5"', 2.5)])
def test_a_word_for_a_metric_of_a_model(wire, client, experiment, run_id, path, text, value):
    model = client.create_logged_model(experiment, "m").model_id
    more = f', "model_id": "{model}", "dataset_name": "d", "dataset_digest": "e"'
    assert send(wire, path, run_id, text, more).status_code == 200
    found, = client.get_logged_model(model).metrics
    assert (found.value, found.dataset_name, found.dataset_digest) == (value, "d", "e")
