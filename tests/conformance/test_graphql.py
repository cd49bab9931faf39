# SPDX-License-Identifier: Apache-2.0
"""GraphQL: the same documents to MLflow's server and to sluice, and the answers laid side by side."""
import json
import re
import sys

import pytest
import requests
from servers import SERVERS
from twins import same, tell

# What Apollo sends for the page: each set asks for the type, too.
RUN = """
  info { __typename runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId runId }
  experiment { __typename experimentId name tags { key value } artifactLocation lifecycleStage
    effectiveTraceArchivalRetention }
  modelVersions { __typename status version name source description currentStage userId runId runLink
    statusMessage tags { key value } modelParams { name } modelMetrics { key }
    deploymentJobState { jobId currentTaskName } }
  data { __typename metrics { __typename key value step timestamp } params { key value }
    tags { key value } }
  inputs { __typename datasetInputs { dataset { digest name profile schema source sourceType } tags { key value } }
    modelInputs { modelId } }
  outputs { modelOutputs { modelId step } }
"""
GET_RUN = """query GetRun($data: MlflowGetRunInput!) @component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetRun(input: $data) { __typename apiError { helpUrl code message __typename } run { __typename %s } }
}""" % RUN
# MLflow's search leaves out the models that went into a run.
SEARCH_RUNS = """mutation S($data: MlflowSearchRunsInput!) {
  mlflowSearchRuns(input: $data) { runs { %s } nextPageToken } }""" % (
    RUN.replace("modelInputs { modelId }", ""))
GET_EXPERIMENT = """query MlflowGetExperimentQuery($input: MlflowGetExperimentInput!)
  @component(name: "MLflow.ExperimentRunTracking") { mlflowGetExperiment(input: $input) { apiError { code message }
  experiment { artifactLocation experimentId lifecycleStage name tags { key value } workspace } } }"""


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Both servers, told the same: MLflow's is the judge."""
    servers = [SERVERS[name](tmp_path_factory.mktemp(name)).start() for name in ("mlflow", "sluice")]
    yield [tell(server.url) for server in servers]
    for server in servers:
        server.stop()


def ask(told, query, variables=None, operation=None):
    body = {"query": query, "variables": variables, "operationName": operation}
    return requests.post(told.url + "/graphql", json=body, timeout=60)


TIMES = ("lastUpdateTime", "creationTime", "creationTimestamp", "lastUpdatedTimestamp", "workspace")


def told_alike(data):
    """Lists of tags and metrics have no order; times of servers' own making are left out."""
    if isinstance(data, dict):
        return {key: told_alike(value) for key, value in data.items() if key not in TIMES}
    if isinstance(data, list):
        return sorted((told_alike(one) for one in data), key=lambda one: json.dumps(one, sort_keys=True))
    return data


def both(twins, query, variables=lambda told: None, operation=None):
    answers = []
    for told in twins:
        answer = ask(told, query, variables(told), operation)
        assert answer.status_code == 200, (told.url, answer.text)
        answers.append(same(told, answer.json()))
    return answers


def alike(twins, query, variables=lambda told: None):
    judge, ours = both(twins, query, variables)
    assert judge["errors"] is None and ours["errors"] is None, (judge["errors"], ours["errors"])
    assert told_alike(ours["data"]) == told_alike(judge["data"])
    return ours["data"]


def test_a_run_as_the_page_asks_for_it(twins):
    for name in ("run-0", "run-1", "run-2"):
        data = alike(twins, GET_RUN, lambda told, name=name: {"data": {"runId": told.runs[name]}})
        assert data["mlflowGetRun"]["run"]["info"]["runName"] == name
    assert data["mlflowGetRun"]["run"]["info"]["status"] == "FAILED"
    alike(twins, GET_RUN, lambda told: {"data": {"runUuid": told.runs["run-1"]}})


def test_runs_that_are_searched(twins):
    for asked in ({}, {"filter": "params.alpha = '0.5'"}, {"orderBy": ["metrics.loss DESC"]}, {"maxResults": 1},
                  {"filter": "metrics.accuracy > 0.6"}):
        data = alike(twins, SEARCH_RUNS.replace("nextPageToken", ""),
                     lambda told, asked=asked: {"data": {"experimentIds": [told.experiment], **asked}})
    assert len(data["mlflowSearchRuns"]["runs"]) == 2
    order = [[run["info"]["runName"] for run in answer["data"]["mlflowSearchRuns"]["runs"]] for answer in both(
        twins, SEARCH_RUNS, lambda told: {"data": {"experimentIds": told.experiment, "orderBy": "metrics.loss DESC"}})]
    assert order[0] == order[1] == ["run-0", "run-1", "run-2"]


def test_runs_that_are_deleted(twins):
    """MLflow's cannot be asked for them: it stumbles over the word."""
    for view, count in (("ACTIVE_ONLY", 3), ("DELETED_ONLY", 0), ("ALL", 3)):
        asked = {"experimentIds": [twins[1].experiment], "runViewType": view}
        answer = ask(twins[1], SEARCH_RUNS, {"data": asked}).json()
        assert answer["errors"] is None and len(answer["data"]["mlflowSearchRuns"]["runs"]) == count


def test_a_page_of_runs_leads_to_the_next(twins):
    seen, token = [], None
    while token != "":
        data = {"experimentIds": [twins[1].experiment], "maxResults": 2, "pageToken": token}
        answer = ask(twins[1], SEARCH_RUNS, {"data": data}).json()["data"]["mlflowSearchRuns"]
        seen += [run["info"]["runName"] for run in answer["runs"]]
        token = answer["nextPageToken"]
    assert sorted(seen) == ["run-0", "run-1", "run-2"]


def test_more_runs_than_a_page_holds(twins):
    """A page has at most a thousand, however many are asked for; long answers of the REST route are sent in parts."""
    client, seen, token = twins[1].client, [], None
    experiment = client.create_experiment("many")
    for number in range(1005):
        client.create_run(experiment, run_name=str(number))
    while token != "":
        data = {"experimentIds": [experiment], "maxResults": 50000, "pageToken": token}
        answer = ask(twins[1], SEARCH_RUNS, {"data": data}).json()["data"]["mlflowSearchRuns"]
        seen.append([run["info"]["runName"] for run in answer["runs"]])
        token = answer["nextPageToken"]
    assert [len(page) for page in seen] == [1000, 5]
    assert sorted(int(name) for page in seen for name in page) == list(range(1005))


def test_experiments_artifacts_versions_and_datasets(twins):
    alike(twins, GET_EXPERIMENT, lambda told: {"input": {"experimentId": told.experiment}})
    for path in ({}, {"path": "notes"}, {"path": "none"}):
        alike(twins, "query($i: MlflowListArtifactsInput) { mlflowListArtifacts(input: $i) "
                     "{ rootUri files { path isDir fileSize } nextPageToken apiError { code } } }",
              lambda told, path=path: {"i": {"runId": told.runs["run-0"], **path}})
    alike(twins, "{ mlflowSearchModelVersions(input: {filter: \"name = 'wine'\", maxResults: 10, "
                 "orderBy: [\"version_number ASC\"]}) { modelVersions { name version } nextPageToken } }")
    alike(twins, "mutation($e: [String]) { mlflowSearchDatasets(input: {experimentIds: $e}) "
                 "{ datasetSummaries { experimentId name digest context } } }", lambda told: {"e": [told.experiment]})


def test_the_points_of_a_chart(twins):
    data = alike(twins, "query($i: MlflowGetMetricHistoryBulkIntervalInput) "
                        "{ mlflowGetMetricHistoryBulkInterval(input: $i) "
                        "{ metrics { key value timestamp step runId } apiError { code } } }",
                 lambda told: {"i": {"runIds": list(told.runs.values()), "metricKey": "loss"}})
    assert len(data["mlflowGetMetricHistoryBulkInterval"]["metrics"]) == 120


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_metric_that_is_no_number(twins, value):
    """A float of GraphQL is finite: NaN is null, and infinities are recorded as the largest number there is."""
    answers = []
    for told in twins:
        run = told.client.create_run(told.experiment)
        told.call(run.info.run_id, "<odd>")
        told.client.log_metric(run.info.run_id, "m", float(value), timestamp=1)
        query = "query($r: String) { mlflowGetRun(input: {runId: $r}) { run { data { metrics { key value } } } } }"
        answers.append(ask(told, query, {"r": run.info.run_id}).json())
        told.client.delete_run(run.info.run_id)
    assert answers[0] == answers[1]
    shown = {"nan": None, "inf": sys.float_info.max, "-inf": -sys.float_info.max}[value]
    assert answers[1]["data"]["mlflowGetRun"]["run"]["data"]["metrics"] == [{"key": "m", "value": shown}]


@pytest.mark.parametrize("query", [
    '{ __typename test(inputString: "x") { __typename output } }',
    '{ a: test(inputString: "x") { output } b: test(inputString: "y") { o: output p: output } }',
    '{ test(inputString: "x") { ...F } } fragment F on Test { output ...G } fragment G on Test { o: output }',
    '{ ... on Query { ... { test(inputString: "x") { output } } } }',
    '{ test(inputString: "\\u00e9\\n\\"\\\\ \\ud83d\\ude00") { output } }',
    '{ test(inputString: """\n    a\n      b "c" \\""" d\n\n    e\n  """) { output } }',
    '\ufeff{ # a word\n test(inputString: null) { output }, }',
    'query($a: String = "there") { test(inputString: $a) { output } }',
    'query($a: String!, ) { test(inputString: $a) { output } }',
    '{ test(inputString: "x") { output } test(inputString: "x") { o: output } }',
    'mutation { testMutation(inputString: "x") { output } }', "{ " + "a: __typename " * 5 + "}",
], ids=range(12))
def test_what_a_document_can_say(twins, query):
    judge, ours = both(twins, query, (lambda told: {"a": "given"}) if "String!" in query else lambda told: None)
    assert ours == judge and ours["data"] is not None


WRONG = [
    "{ nothing }", "{ mlflowGetRun }", "{ mlflowGetRun(input: {runId: 1}) { run { info } } }",
    '{ mlflowGetRun(input: {runIdd: "x"}) { run { info { runIdd } } } }', "{ test(other: 1) { output } }",
    'query($a: Strin) { test(inputString: $a) { output } }', 'query($a: String!) { test(inputString: $a) { output } }',
    'query($a: Int) { test(inputString: $a) { output } }', 'query($a: String) { test(inputString: "x") { output } }',
    'query A($a: [String]) { test(inputString: $a) { output } }', '{ test(inputString: $b) { output } }',
    'query A { test(inputString: $b) { output } }',
    'query A($a: String, $a: String) { test(inputString: $a) { output } }',
    'query($a: MlflowRunExtension) { test(inputString: "a") { output } }', '{ test(inputString: "x") { output } ...F }',
    'fragment F on Query { test(inputString: "x") { output } }', '{ ...F } fragment F on Query { ...F }',
    '{ ...F } fragment F on Nothing { a }', '{ ...F } fragment F on MlflowRunInfo { runId }',
    '{ ...F } fragment F on String { runId }', '{ ... on MlflowRunInfo { runId } }',
    '{ test(inputString: "x") { output { x } } }', '{ test(inputString: "x", inputString: "y") { output } }',
    '{ a: test(inputString: "x") { output } a: test(inputString: "y") { output } }',
    '{ test(inputString: "x") { a: output a: __typename } }', '{ test(inputString: "x") @other { output } }',
    '{ test(inputString: "x") @component(name: "x") { output } }',
    'query @component { test(inputString: "x") { output } }',
    'query A { __typename } query B { __typename }', 'query A { __typename } query A { __typename }',
    '{ __typename } query A { __typename }', 'subscription { a }', '{ test(inputString: ["x", 1]) { output } }',
    '{ test(inputString: x) { output } }', '{ test(inputString: {a: 1.5, b: [true, null]}) { output } }',
    'mutation { mlflowSearchRuns(input: {runViewType: SOME}) { nextPageToken } }',
    'mutation { mlflowSearchRuns(input: {runViewType: "ALL"}) { nextPageToken } }',
    'mutation { mlflowSearchRuns(input: {maxResults: "1"}) { nextPageToken } }',
    'mutation { mlflowSearchRuns(input: {maxResults: 99999999999}) { nextPageToken } }',
    'mutation { mlflowSearchRuns(input: {filter: "a", filter: "b"}) { nextPageToken } }',
    'mutation { mlflowSearchRuns(input: {filter: "other.x = 1"}) { nextPageToken } }',
    'mutation { mlflowDeleteRun(input: {runId: "x"}) { ok } }',
    '{ mlflowGetRun(input: {runId: "none"}) { run { info { runId } } } }',
    '{ mlflowGetExperiment(input: {experimentId: "987654"}) { experiment { name } } }',
    'mutation { mlflowSearchDatasets(input: {experimentIds: []}) { datasetSummaries { name } } }',
    "{ " + " ".join(f"a{i}: __typename" for i in range(11)) + " }",
    '{ test(inputString: "x") { ' + " ".join(f"a{i}: output" for i in range(100)) + " } }",
    '{ test(inputString: "x") { ...A ...B } } fragment A on Test { ' + " ".join(f"a{i}: output" for i in range(6))
    + " } fragment B on Test { " + " ".join(f"b{i}: output" for i in range(6)) + " }",
    "{ a " * 11 + "{ b }" + "}" * 11, "{ a " * 60 + "}" * 60, "{ ...F } fragment F on Query { a { ...F } }",
    '{ test(inputString: "x") { ' + "output " * 1001 + "} }",
    "{ ...A0 } " + " ".join(f"fragment A{i} on Query {{ x {{ ...A{i + 1} }} y {{ ...A{i + 1} }} }}" for i in range(9))
    + " fragment A9 on Query { z }",
]


@pytest.mark.parametrize("query", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_told_in_the_same_words(twins, query):
    """But for guesses at what was meant, and for how to set limits that cannot be set here."""
    def words(answer):
        beside = r"( Did you mean [^{]*\?$| To increase the limit,.*)"
        return sorted(re.sub(beside, "", one) for one in answer["errors"])

    judge, ours = both(twins, query)
    assert words(ours) == words(judge)
    assert told_alike(ours["data"]) == told_alike(judge["data"])


@pytest.mark.parametrize("variables", [
    None, {}, {"data": None}, {"data": 1}, {"data": {"runId": 1}}, {"data": {"other": "x"}}, {"data": ["x"]},
    {"data": {"runId": {"a": 1}}}, {"data": {"runId": True}},
], ids=range(9))
def test_variables_that_are_wrong(twins, variables):
    judge, ours = both(twins, GET_RUN, lambda told: variables)

    def words(answer):
        assert answer["data"] is None and len(answer["errors"]) == 1
        return re.sub(r" got invalid value .*?(?= at |; )", "", answer["errors"][0].partition(" Did you mean")[0])

    # Values are written as JSON here, as Python there.
    assert words(ours) == words(judge).replace("{'a': 1}", '{"a":1}').replace("value: True", "value: true")


def test_one_of_several_operations(twins):
    query = 'query A { test(inputString: "a") { output } } query B { test(inputString: "b") { output } }'
    for operation in ("A", "B", "C", None):
        judge, ours = both(twins, query, operation=operation)
        assert ours == judge


def test_what_is_left_out_on_request(twins):
    """MLflow's schema forgets the two directives that every server has to have."""
    query = """query($no: Boolean!) { test(inputString: "x") { a: output @skip(if: $no) b: output @include(if: $no)
               ... @skip(if: true) { c: output } ...F @include(if: false) } } fragment F on Test { d: output }"""
    assert ask(twins[1], query, {"no": True}).json() == {"data": {"test": {"b": "x"}}, "errors": None}
    assert ask(twins[1], query, {"no": False}).json() == {"data": {"test": {"a": "x"}}, "errors": None}


NO_DOCUMENTS = [
    "", "#", "{", "{ a", "{}", "{ a: }", "query(", '{ a(b: "', '{ a(b: """', "{ a(b: 01) }", '{ a(b: "\\x") }',
    '{ a(b: "\\ud800") }', "type A { b: Int }", "fragment on on A { b }", "{ a(b: $) }", "{ a ..b }", "{ a } }",
    "{ a(b: 1.) }", "\x00", "{ a(b: 1e) }", "{ ? }", "{ a(b:" + "[" * 5000 + "]" * 5000 + ") }", "{a" * 5000,
    "{" + "a " * 40000 + "}"]


@pytest.mark.parametrize("query", NO_DOCUMENTS, ids=range(len(NO_DOCUMENTS)))
def test_what_is_no_document(twins, query):
    answer = ask(twins[1], query)
    assert answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_bodies_that_are_none(twins):
    url = twins[1].url + "/graphql"
    for body in (b"", b"{", b"[]", b'{"query": 1}', b'{"query": "{ __typename }", "variables": [1]}',
                 b'[{"query": "{a}"}]'):
        answer = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=60)
        assert answer.status_code == 400, body
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = requests.post(url, data=b'{"query": "{ __typename }"}', headers={"Content-Type": kind}, timeout=60)
        assert answer.status_code == 400 and "Content-Type must be one of" in answer.text
    answer = requests.post(url, data=b'{"query": "{ __typename }"}', timeout=60,
                           headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.json() == {"data": {"__typename": "Query"}, "errors": None}
    assert requests.get(url, timeout=60).status_code == 405
    assert requests.post(url, json={"query": "{ __typename }"}, headers={"Origin": "http://evil.example.com"},
                         timeout=60).status_code == 403
    assert ask(twins[1], "{ __schema { types { name } } }").json()["data"] is None
