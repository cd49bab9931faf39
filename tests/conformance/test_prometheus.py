# SPDX-License-Identifier: Apache-2.0
"""/metrics, read by Prometheus' own client library (its parser of the text format)."""
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture
def families(server, request):
    if request.config.getoption("--server") == "mlflow":
        pytest.skip("MLflow has no such page")
    with urllib.request.urlopen(server.url + "/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return {family.name: family for family in text_string_to_metric_families(answer.read().decode())}


def test_the_parser_takes_the_whole_page(families):
    assert len(families) > 25
    assert {family.type for family in families.values()} == {"counter", "gauge", "histogram"}
    for family in families.values():
        assert family.documentation and family.samples is not None, family


def test_histograms_are_cumulative(families):
    for family in families.values():
        if family.type == "histogram":
            buckets = [sample for sample in family.samples if sample.name.endswith("_bucket")]
            assert all(a.value <= b.value or b.labels["le"] == family.samples[0].labels["le"]
                       for a, b in zip(buckets, buckets[1:])), family.name
    requests = families["sluice_http_requests"]
    assert any(sample.labels == {"method": "GET", "code": "200"} for sample in requests.samples)
