# SPDX-License-Identifier: Apache-2.0
"""Stores written by the real client, and all that the same client says of one: the judge of imports and exports."""
import ast
import json
import math
import os
import pathlib
import subprocess
import tempfile

import mlflow
import pandas
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Metric, Param, RunTag, ViewType
from servers import BUILD

NEW = int(mlflow.__version__.split(".")[0]) >= 3
ODD = [math.nan, math.inf, -math.inf, -0.0, 1e-300]


def sluice(*arguments, home, expect=0, env=None):
    """Runs a command over a home; its standard output, or with another status all that it says."""
    done = subprocess.run([os.path.join(BUILD, "sluice"), *map(str, arguments), "--home", str(home)],
                          capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **(env or {})})
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout if expect == 0 else done.stdout + done.stderr


def store_script(generation, word, uri, folder):
    """What `scripts/store.py` does or says with the client of a generation, in a folder of its own."""
    python = os.path.join(BUILD, f"mlflow{generation}", "bin", "python")
    script = os.path.join(os.path.dirname(__file__), "scripts", "store.py")
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run([python, script, word, uri], cwd=folder, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return ast.literal_eval(done.stdout.splitlines()[-1]) if word == "say" else None


def fill(uri):
    """Every kind of record that the client of this version can make, active and deleted."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient(uri, uri)
    experiments = [client.create_experiment(f"exp-{i}", tags={"a": str(i), "ü": "ö"}) for i in range(4)]
    runs = [fill_run(client, experiments[i % 4] if i % 7 else "0", i) for i in range(30)]
    client.create_run(experiments[0], tags={"mlflow.parentRunId": runs[4]}, run_name="child")
    with mlflow.start_run(run_id=runs[1]):
        # MLflow's own folder cannot read the point of a dataset with a blank in its name.
        name = "train set" if "sqlite" in uri else "train"
        train = from_pandas(pandas.DataFrame({"x": [1.0, 2.0]}), name=name)
        mlflow.log_input(train, context="training", **({"tags": {"k": "v"}} if NEW else {}))
        mlflow.log_input(from_pandas(pandas.DataFrame({"x": [4.0]}), name="eval"), context="evaluation")
    fill_registry(client, runs[5])
    fill_traces(client, experiments[1], runs[1])
    if NEW:
        fill_models(client, experiments[1], runs, train)
        mlflow.register_prompt("greet", "Hello {{name}}", commit_message="first", tags={"lang": "en"})
        mlflow.register_prompt("greet", "Hi {{name}}", commit_message="second")
        client.set_prompt_alias("greet", "prod", 1)
    client.delete_experiment(experiments[3])
    client.rename_experiment(experiments[2], "renamed")
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


def fill_run(client, experiment, i):
    run_id = client.create_run(experiment, start_time=1700000000000 + i, run_name=f"run {i}",
                               tags={"t": f"v{i}", "mlflow.user": "ann"}).info.run_id
    points = [Metric("loss", 1 / (s + 1), 1700000000000 + s * 10, s) for s in range(330)]
    points += [Metric("odd/one", v, 1700000001000 + k, -k) for k, v in enumerate(ODD)]
    client.log_batch(run_id, points, [Param(f"p{k}", f"{i}-{k}") for k in range(5)], [RunTag("x/y", "two\nlines")])
    if i % 3 == 0:
        client.set_terminated(run_id, ["FINISHED", "FAILED", "KILLED"][i % 9 // 3], end_time=1700000100000 + i)
    if i % 5 == 0:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.txt")
            path.write_text(f"hello {i}", encoding="utf-8")
            client.log_artifact(run_id, str(path), "sub dir")
            client.log_artifact(run_id, str(path))
    if i % 11 == 0:
        client.delete_run(run_id)
    return run_id


def fill_registry(client, run_id):
    client.create_registered_model("wine", tags={"team": "a"}, description="a model")
    uri = client.get_run(run_id).info.artifact_uri
    for i in range(4):
        client.create_model_version("wine", uri + "/sub dir", run_id=run_id, tags={"v": str(i)}, description=f"d{i}")
    client.delete_model_version("wine", "2")
    client.set_registered_model_alias("wine", "champion", "3")
    client.transition_model_version_stage("wine", "4", "Production")
    client.create_registered_model("empty")


def fill_traces(client, experiment, run_id):
    """One that is good, with spans in each other, one that failed, and one in an experiment that is deleted later."""
    first = client.start_trace("answer", inputs={"q": "wärum?"}, experiment_id=experiment, tags={"kind": "x\ny"})
    inner = client.start_span("look", one_id(first), first.span_id, span_type="RETRIEVER", inputs={"k": [1, None]})
    client.end_span(one_id(inner), inner.span_id, outputs=["a", 1.5], attributes={"deep": {"er": True}})
    if NEW:
        first.set_attributes({"mlflow.chat.tokenUsage": {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}})
    client.end_trace(one_id(first), outputs="because")
    failed = client.start_trace("fails", experiment_id=experiment)
    client.end_trace(one_id(failed), status="ERROR")
    mlflow.flush_trace_async_logging() if NEW else None
    found, = client.search_traces([experiment], filter_string="name = 'answer'")
    client.set_trace_tag(one_id(found.info), "later", "z" * 3000)


def one_id(thing):
    return thing.trace_id if NEW else thing.request_id


def fill_models(client, experiment, runs, train):
    from mlflow.entities import LoggedModelInput, LoggedModelOutput  # pylint: disable=import-outside-toplevel
    model = client.create_logged_model(experiment, name="lm", source_run_id=runs[1], tags={"q": "1"},
                                       params={"depth": "3"}, model_type="Agent")
    client.finalize_logged_model(model.model_id, "READY")
    client.log_batch(runs[1], metrics=[
        Metric("acc", .5, 1700000000001, 1, model_id=model.model_id, dataset_name=train.name,
               dataset_digest=train.digest),
        Metric("acc", .6, 1700000000002, 2, model_id=model.model_id), Metric("acc", .7, 1700000000003, 3),
        Metric("none", math.nan, 1700000000004, 4, model_id=model.model_id), Metric("none", 1, 1700000000005, 5),
        Metric("zero", 0.0, 1700000000006, 6, model_id=model.model_id), Metric("zero", math.nan, 1700000000007, 7)])
    client.log_outputs(runs[1], [LoggedModelOutput(model.model_id, 4)])
    client.log_inputs(runs[2], models=[LoggedModelInput(model.model_id)])
    client.delete_logged_model(client.create_logged_model(experiment, name="gone").model_id)
    client.create_model_version("wine", f"models:/{model.model_id}", run_id=runs[1], model_id=model.model_id)


# ---- what a client says of a store

def everything(uri):
    """All of it, as plain values; where files are is left out: that is what moving changes."""
    client = mlflow.MlflowClient(uri, uri)
    mlflow.set_tracking_uri(uri)  # whom it asks for the spans of traces
    experiments = {e.experiment_id: [e.name, e.lifecycle_stage, e.tags, e.creation_time, e.last_update_time]
                   for e in client.search_experiments(ViewType.ALL)}
    runs = client.search_runs(list(experiments), run_view_type=ViewType.ALL, max_results=1000)
    told = {r.info.run_id: one_run(client, client.get_run(r.info.run_id)) for r in runs}
    said = {"experiments": experiments, "runs": told, "registered": registered(client)}
    said["traces"] = {one_id(trace.info): one_trace(trace) for trace in client.search_traces(list(experiments))}
    if NEW:
        models = client.search_logged_models(list(experiments))
        said["models"] = {m.model_id: one_model(m) for m in models}
    mlflow.set_tracking_uri(None)
    return said


def one_run(client, run):
    info = run.info
    told = [info.run_name, info.experiment_id, info.user_id, info.status, info.start_time, info.end_time,
            info.lifecycle_stage, run.data.params, run.data.tags, one_number(run.data.metrics)]
    told.append({key: sorted((p.timestamp, p.step, repr(p.value)) for p in client.get_metric_history(info.run_id, key))
                 for key in run.data.metrics})
    inputs = run.inputs.dataset_inputs if run.inputs else []
    told.append(sorted((i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.source, i.dataset.schema,
                        i.dataset.profile, sorted((t.key, t.value) for t in i.tags)) for i in inputs))
    if NEW:
        told.append(sorted(m.model_id for m in (run.inputs.model_inputs if run.inputs else None) or []))
        told.append(sorted((m.model_id, m.step) for m in (run.outputs.model_outputs if run.outputs else None) or []))
    told.append(files(client, info.run_id) if info.lifecycle_stage == "active" else None)
    return told


def one_number(values):
    return {key: repr(value) for key, value in values.items()}


def files(client, run_id, path=None):
    found = {}
    for entry in client.list_artifacts(run_id, path):
        if entry.is_dir:
            found.update(files(client, run_id, entry.path))
        else:
            with tempfile.TemporaryDirectory() as folder:
                found[entry.path] = pathlib.Path(client.download_artifacts(run_id, entry.path, folder)).read_bytes()
    return found


def one_model(model):
    # Of what was measured on a model MLflow's database says 0 where it was NaN; its run has it right.
    metrics = sorted((m.key, repr(m.value).replace("nan", "0.0"), m.step, m.timestamp, m.run_id, m.dataset_name or None,
                      m.dataset_digest or None) for m in model.metrics or [])
    return [model.name, model.experiment_id, model.source_run_id or None, str(model.status), model.model_type or None,
            model.tags, model.params, model.creation_timestamp, model.last_updated_timestamp, metrics]


def as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def one_trace(trace):
    """Where its spans are kept is no part of it, and nor is what MLflow computes from them."""
    info = trace.info
    places = ("mlflow.artifactLocation", "mlflow.trace.spansLocation")
    tags = {key: value for key, value in info.tags.items() if key not in places}
    return [info.experiment_id, info.timestamp_ms, info.execution_time_ms, str(info.status), tags,
            {key: as_json(value) for key, value in info.request_metadata.items()},
            [span.to_dict() for span in trace.data.spans]]


def registered(client):
    models = client.search_registered_models(max_results=100)
    prompts = client.search_registered_models("tag.`mlflow.prompt.is_prompt` = 'true'") if NEW else []
    told = {}
    for model in [*models, *prompts]:
        told[model.name] = [model.description or "", model.tags, {a: str(v) for a, v in model.aliases.items()},
                            model.creation_timestamp, model.last_updated_timestamp]
    for model in models:
        versions = sorted(client.search_model_versions(f"name = '{model.name}'"), key=lambda v: int(v.version))
        told[model.name].append([one_version(v) for v in versions])
    for prompt in prompts:
        versions = [client.get_prompt_version(prompt.name, number) for number in ("1", "2")]
        told[prompt.name].append([[v.template, v.commit_message, v.tags, v.creation_timestamp] for v in versions])
    return told


def one_version(version):
    return [int(version.version), version.source, version.run_id or None, version.description or "", version.tags,
            version.current_stage, version.status, version.creation_timestamp,
            version.last_updated_timestamp, version.user_id or None]


def assert_same(one, other):
    found = differences(one, other)
    assert not found, "\n".join(map(str, found))


def differences(one, other, place=""):
    """The places at which two answers of everything() differ, each with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [found for key in sorted({*one, *other}, key=str)
                for found in differences(one.get(key, "nothing"), other.get(key, "nothing"), f"{place}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [found for i, pair in enumerate(zip(one, other)) for found in differences(*pair, f"{place}/{i}")]
    return [] if one == other else [(place, one, other)]
