# SPDX-License-Identifier: Apache-2.0
"""Traces, by the client that runs this: made, found, read, tagged, deleted."""
import sys

import mlflow

client = mlflow.MlflowClient()
experiment = mlflow.set_experiment(sys.argv[1]).experiment_id


@mlflow.trace
def inner(x):
    return x + 1


@mlflow.trace(span_type="CHAIN", attributes={"a": "b"})
def outer(x):
    return inner(x) * 2


@mlflow.trace
def broken():
    raise ValueError("on purpose")


def search(**more):
    return client.search_traces(experiment_ids=[experiment], **more)


assert outer(3) == 8 and outer(4) == 10
try:
    broken()
except ValueError:
    pass
if hasattr(mlflow, "flush_trace_async_logging"):
    mlflow.flush_trace_async_logging()

assert len(search()) == 3
wrong, = search(filter_string="attributes.status = 'ERROR'")
assert [span.name for span in wrong.data.spans] == ["broken"]
first, second = search(filter_string="name = 'outer'", order_by=["timestamp_ms ASC"])
spans = {span.name: span for span in first.data.spans}
assert sorted(spans) == ["inner", "outer"] and spans["inner"].parent_id == spans["outer"].span_id
assert spans["outer"].inputs == {"x": 3} and spans["outer"].outputs == 8 and spans["outer"].get_attribute("a") == "b"
assert first.info.tags["mlflow.traceName"] == "outer" and first.info.execution_time_ms is not None

trace_id = first.info.request_id
assert len(client.get_trace(trace_id).data.spans) == 2
client.set_trace_tag(trace_id, "kind", "x")
assert search(filter_string="tags.kind = 'x'")[0].info.request_id == trace_id
client.delete_trace_tag(trace_id, "kind")
assert len(search(filter_string="tags.kind = 'x'")) == 0
assert client.delete_traces(experiment, **{"trace_ids" if mlflow.__version__[0] > "2" else "request_ids":
                                           [second.info.request_id]}) == 1
assert len(search()) == 2
print("ok", mlflow.__version__)
