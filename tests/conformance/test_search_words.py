# SPDX-License-Identifier: Apache-2.0
"""What searches say of filters and orders that they do not take: MLflow's list of what it cannot read, and its words of
a field that stands twice in an order. sluice says what was expected besides."""
import re

import pytest

BROKEN = pytest.mark.flaw("MLflow answers 500")

SEARCHES = {
    "runs": ("POST", "/runs/search", {"experiment_ids": ["0"]}),
    "experiments": ("POST", "/experiments/search", {"max_results": 5}),
    "models": ("GET", "/registered-models/search", {}),
    "versions": ("GET", "/model-versions/search", {}),
}
QUOTED = {"runs"}  # its clauses are quoted one by one


def asked(search, **more):
    method, path, body = SEARCHES[search]
    return (method, path), {"params" if method == "GET" else "body": {**body, **more}}


@pytest.mark.parametrize("search", sorted(SEARCHES))
@pytest.mark.parametrize("condition, clauses", [
    ("foo", ["foo"]), ("tags.x", ["tags.x"]), ("tags.`a b`", ["tags.`a b`"]), ("foo bar", ["foo bar"]),
    ("a.b c.d e.f", ["a.b c.d", "e.f"]), ("1", ["1"]), ("1 foo", ["1 foo"]), ("foo 1", ["foo", "1"]),
    ("'a'", ["'a'"]), ("tags.x 'a'", ["tags.x", "'a'"]), ("'a' foo", ["'a'", "foo"]), ("tags.x = ", ["tags.x", "="]),
    ("tags.x >", ["tags.x", ">"]), ("tags.x LIKE", ["tags.x", "LIKE"]), ("tags.x IN", ["tags.x", "IN"]),
    ("= 'a'", ["=", "'a'"]), ("tags.x = 'a',", [","]), ("foo, bar", ["foo, bar"]), ("foo (a)", ["foo (a)"]),
    ("foo(a)", ["foo(a)"]), ("select 1", ["select", "1"]), ("tags.x = 'a' AND foo", ["foo"]), (";", [";"]),
    ("tags.x = 'a' ; ", [";"]), ("(", ["("]), (")", [")"]), ("tags.x = 'a' )", [")"]),
])
def test_what_cannot_be_read_is_listed(wire, search, condition, clauses):
    route, more = asked(search, filter=condition)
    listed = ", ".join(f"'{clause}'" if search in QUOTED else clause for clause in clauses)
    message = wire.refused(*route, **more)
    pattern = re.escape(f"Invalid clause(s) in filter string: {listed}") + "(: expected .*)?"
    assert re.fullmatch(pattern, message), message


@pytest.mark.parametrize("search, fields", [
    ("runs", ["start_time", "start_time DESC"]), ("runs", ["metrics.a", "metric.a DESC"]),
    ("runs", ["params.`a`", "params.a"]), ("runs", ["tags.a", "tag.a ASC"]),
    ("runs", ["created", "end_time", "start_time"]),
    ("models", ["name", "name DESC"]), ("models", ["timestamp", "last_updated_timestamp"]),
    ("versions", ["name", "name DESC"]), ("versions", ["version_number", "version_number"]),
    ("versions", ["attribute.name", "name"]),
])
@BROKEN
def test_an_order_with_a_field_twice(wire, search, fields):
    route, more = asked(search, order_by=fields)
    listed = ", ".join(f"'{field}'" for field in fields)
    assert wire.refused(*route, **more) == f"`order_by` contains duplicate fields: [{listed}]"


@pytest.mark.parametrize("fields", [["name DESC", "name"], ["attribute.name DESC", "name ASC"],
                                    ["name DESC", "creation_time", "name"]])
def test_of_experiments_the_first_counts(wire, client, unique, fields):
    for letter in "bac":
        client.create_experiment(f"{unique}-{letter}")
    found, token = [], ""
    while token is not None:
        answer = wire.post("/experiments/search", {"max_results": 2, "order_by": fields, "page_token": token,
                                                   "filter": f"name LIKE '{unique}%'"})
        found += [experiment["name"][-1] for experiment in answer["experiments"]]
        token = answer.get("next_page_token")
    assert found == ["c", "b", "a"]


def test_models_are_ordered_by_bare_names(wire):
    for field in ("attribute.name", "tags.a"):
        message = wire.refused("GET", "/registered-models/search", params={"order_by": field})
        assert message.startswith(f"Invalid order by key '{field}' specified.")


@pytest.mark.parametrize("ids, message", [
    ([], "SearchDatasets request must specify at least one experiment_id."),
    (["x"], "Invalid experiment ID 'x'. Experiment ID must be a valid integer."),
    (["0", "1.5"], "Invalid experiment ID '1.5'. Experiment ID must be a valid integer."),
    (["0"] * 21, "SearchDatasets request cannot specify more than 20 experiment_ids. Received 21 experiment_ids."),
])
def test_datasets_of_experiments_that_are_none(wire, ids, message):
    body = {"experiment_ids": ids}
    assert wire.refused("POST", "/experiments/search-datasets", body, prefix="/ajax-api/2.0/mlflow") == message
