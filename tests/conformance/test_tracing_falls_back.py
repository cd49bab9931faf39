# SPDX-License-Identifier: Apache-2.0
"""Traces are kept, whatever the server has of their routes: in its store, or as files that the client sends."""
import mlflow
import pytest
from wire import ARTIFACTS, missing


@pytest.fixture
def traced(url, client, unique):
    """Two spans, one within the other, sent as a client sends them when nothing is said; gives the experiment and the
    trace's id. That is the server's: one of before MLflow 3 knows nothing of the client's."""
    experiment = mlflow.set_experiment(unique).experiment_id

    @mlflow.trace
    def inner(x):
        return x + 1

    @mlflow.trace(span_type="CHAIN", attributes={"a": "b"})
    def outer(x):
        return inner(x) * 2

    assert outer(3) == 8
    mlflow.flush_trace_async_logging()
    found, = client.search_traces(locations=[experiment])
    return experiment, found.info.trace_id


def test_no_span_is_lost(client, traced):
    experiment, trace_id = traced
    found, = client.search_traces(locations=[experiment])
    spans = {span.name: span for span in found.data.spans}
    assert sorted(spans) == ["inner", "outer"]
    assert spans["inner"].parent_id == spans["outer"].span_id and spans["outer"].parent_id is None
    assert spans["outer"].inputs == {"x": 3} and spans["outer"].outputs == 8
    assert spans["outer"].get_attribute("a") == "b" and spans["outer"].span_type == "CHAIN"
    assert found.info.state == "OK" and found.info.tags["mlflow.traceName"] == "outer"
    assert client.get_trace(trace_id).info.trace_id == found.info.trace_id


def test_tags_of_a_trace(client, traced):
    _, trace_id = traced
    client.set_trace_tag(trace_id, "kind", "x")
    assert client.get_trace(trace_id).info.tags["kind"] == "x"
    client.delete_trace_tag(trace_id, "kind")
    assert "kind" not in client.get_trace(trace_id).info.tags


def test_traces_are_deleted(client, traced):
    experiment, trace_id = traced
    assert client.delete_traces(experiment, trace_ids=[trace_id]) == 1
    assert client.search_traces(locations=[experiment]) == []


def test_traces_of_both_generations(run_script, client, unique):
    """Each finds, reads, tags and deletes its own; what is left of them the newest client reads."""
    name = unique.partition("[")[0]
    words = run_script("tracing.py", name).split()
    assert words[-2] == "ok" and words[-1].startswith(f"{run_script.generation}.")
    experiment = client.get_experiment_by_name(name).experiment_id
    found = client.search_traces(locations=[experiment], order_by=["timestamp_ms"])
    assert [trace.data.spans[0].name for trace in found] == ["outer", "broken"]
    assert [trace.info.state for trace in found] == ["OK", "ERROR"]
    assert found[0].data.spans[0].outputs == 8 and len(found[0].data.spans) == 2


def test_a_search_goes_page_by_page(client, url, unique):
    experiment = mlflow.set_experiment(unique).experiment_id
    for number in range(5):
        with mlflow.start_span(name=f"call {number}"):
            mlflow.update_current_trace(tags={"odd": str(number % 2)})
    mlflow.flush_trace_async_logging()
    names, token = [], None
    while token is not None or not names:
        page = client.search_traces(locations=[experiment], max_results=2, page_token=token, order_by=["tags.odd DESC"])
        names.append([trace.info.tags["mlflow.traceName"] for trace in page])
        token = page.token
    assert [len(page) for page in names] == [2, 2, 1]
    assert {*names[0]} == {"call 1", "call 3"} and {*names[1], *names[2]} == {"call 0", "call 2", "call 4"}
    for filter_string, count in (("tag.odd = '1'", 2), ("trace.status = 'OK' AND tag.odd != '1'", 3),
                                 ("name = 'call 4'", 1), ("timestamp_ms < 1000", 0)):
        assert len(client.search_traces(locations=[experiment], filter_string=filter_string)) == count


def test_traces_of_a_run(client, url, unique):
    experiment = mlflow.set_experiment(unique).experiment_id
    with mlflow.start_run() as run, mlflow.start_span(name="within"):
        pass
    with mlflow.start_span(name="without"):
        pass
    mlflow.flush_trace_async_logging()
    found, = client.search_traces(locations=[experiment], run_id=run.info.run_id)
    assert found.info.tags["mlflow.traceName"] == "within"


# ---- version 2 of the routes, which MLflow's server has still ----


def started(wire, experiment, at, **more):
    return wire.post("/traces", {"experiment_id": experiment, "timestamp_ms": at, **more})["trace_info"]


def test_a_trace_begins_and_ends(wire, experiment):
    pairs = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    trace = started(wire, experiment, 1000, request_metadata=pairs[:1], tags=pairs[:1])
    assert trace["status"] == "IN_PROGRESS" and trace["timestamp_ms"] == 1000 and trace["experiment_id"] == experiment
    location, = [tag["value"] for tag in trace["tags"] if tag["key"] == "mlflow.artifactLocation"]
    assert location.endswith(f"/{experiment}/traces/{trace['request_id']}/artifacts")
    path = "/traces/" + trace["request_id"]
    ended = wire.patch(path, {"timestamp_ms": 1200, "status": "ERROR", "request_metadata": pairs, "tags": pairs[1:]})
    assert ended["trace_info"] == wire.get(path + "/info")["trace_info"]
    assert ended["trace_info"]["status"] == "ERROR" and ended["trace_info"]["execution_time_ms"] == 200
    for field, names in (("request_metadata", ["a", "b"]), ("tags", ["a", "b", "mlflow.artifactLocation"])):
        assert sorted(pair["key"] for pair in ended["trace_info"][field]) == names


def test_words_of_what_is_refused(wire, experiment):
    trace = started(wire, experiment, 1)["request_id"]
    none = "0" * 32
    assert wire.refused("GET", f"/traces/{none}/info", status=404, code="RESOURCE_DOES_NOT_EXIST") == \
        f"Trace with ID '{none}' not found."
    assert wire.refused("DELETE", f"/traces/{trace}/tags", {"key": "k"}, status=404,
                        code="RESOURCE_DOES_NOT_EXIST").startswith("No trace tag with key 'k' for trace with")
    assert wire.refused("PATCH", f"/traces/{trace}/tags", {"value": "v"}) == missing("key")
    assert "'max_results'" in wire.refused("GET", "/traces", params={"experiment_ids": experiment, "max_results": 501})
    assert "Invalid" in wire.refused("GET", "/traces", params={"experiment_ids": experiment, "filter": "nothing = 'x'"})
    for body, words in (({}, "Either `max_timestamp_millis` or `trace_ids` must be specified."),
                        ({"request_ids": []}, "Either `max_timestamp_millis` or `trace_ids` must be specified."),
                        ({"max_timestamp_millis": 5, "request_ids": ["x"]},
                         "Only one of `max_timestamp_millis` and `trace_ids` can be specified."),
                        ({"max_traces": 1, "request_ids": ["x"]},
                         "`max_traces` can't be specified if `trace_ids` is specified."),
                        ({"max_timestamp_millis": 5, "max_traces": 0},
                         "`max_traces` must be a positive integer, received 0.")):
        assert wire.refused("POST", "/traces/delete-traces", {"experiment_id": experiment, **body}) == words


def test_the_oldest_are_deleted_first_and_their_files_with_them(wire, experiment, request):
    traces = [started(wire, experiment, at)["request_id"] for at in (10, 20, 30, 40)]
    files = [f"/{experiment}/traces/{trace}/artifacts/traces.json" for trace in traces]
    for file in files:
        assert wire.send("PUT", file, raw=b"{}", prefix=ARTIFACTS).status_code == 200

    def delete(**what):
        answer = wire.post("/traces/delete-traces", {"experiment_id": experiment, **what})
        return answer.get("traces_deleted", 0), [wire.send("GET", file, prefix=ARTIFACTS).status_code for file in files]

    assert delete(max_timestamp_millis=0) == (0, [200] * 4)
    assert delete(max_timestamp_millis=30, max_traces=1)[0] == 1
    left = wire.get("/traces", experiment_ids=experiment, order_by="timestamp_ms")["traces"]
    assert [trace["request_id"] for trace in left] == traces[1:]
    assert delete(max_timestamp_millis=30)[0] == 2
    count, statuses = delete(request_ids=[traces[3], traces[0], "none"])
    assert count == 1 and wire.get("/traces", experiment_ids=experiment) == {}
    if request.config.getoption("--server") == "sluice":  # MLflow leaves them
        assert statuses == [404] * 4


def test_more_are_deleted_than_go_in_one_turn(wire, experiment):
    for at in range(1, 2102):
        started(wire, experiment, at)
    deleted = wire.post("/traces/delete-traces", {"experiment_id": experiment, "max_timestamp_millis": 2050})
    assert deleted["traces_deleted"] == 2050
    left = wire.get("/traces", experiment_ids=experiment, order_by="timestamp_ms", max_results=100)["traces"]
    assert [trace["timestamp_ms"] for trace in left] == list(range(2051, 2102))
