# SPDX-License-Identifier: Apache-2.0
"""MLflow's own page over sluice and over the MLflow server that its home was imported from, side by side: no request
fails, no error is shown, and each cell is the same."""
import os
import re
from urllib.parse import quote

import mlflow
import pytest
from browser import Window, browser_of
from moving import sluice
from servers import Mlflow, Sluice
from twins import MODEL, STEPS, tell, tell_prompt

PAGE = os.path.join(os.path.dirname(mlflow.__file__), "server", "js", "build")
# MLflow's own server without users answers this so.
NO_USERS = (404, "/ajax-api/2.0/mlflow/users/current")
# What newer pages ask of MLflow's server alone, and it has not: an address for each file, which it says that it may
# have; an assistant, of which it cannot always tell.
THEIR_OWN = re.compile(r"501 .*&presigned=true|500 /ajax-api/3.0/mlflow/assistant/.*")

# Shown once by a page that was never opened before.
TELEMETRY = "Information about UI telemetry"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """MLflow's server after what it was told."""
    server = Mlflow(tmp_path_factory.mktemp("judge")).start()
    told = tell(server.url)
    tell_prompt(told)
    told.home = server.home
    yield told
    server.stop()


@pytest.fixture(scope="module")
def copy(told, tmp_path_factory):
    """sluice over an imported copy."""
    server = Sluice(tmp_path_factory.mktemp("sluice"), "--mlflow-ui", PAGE)
    sluice("import", os.path.join(told.home, "mlflow.db"), "--artifacts-root", os.path.join(told.home, "artifacts"),
           home=os.path.join(server.home, "home"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="module")
def browser(fetched):
    with browser_of(fetched("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(browser, told, copy):
    windows = [Window(browser, told.url), Window(browser, copy.url)]
    yield windows
    for window in windows:
        window.close()


@pytest.fixture
def windows(opened, request, tmp_path):
    """The judge's and ours. With SLUICE_PICTURES what they show at the end is kept in that folder."""
    yield opened
    folder = os.environ.get("SLUICE_PICTURES", tmp_path)
    for name, window in zip(("mlflow", "sluice"), opened):
        window.picture(os.path.join(folder, re.sub(r"\W+", "-", request.node.name) + f".{name}.png"))


def failed(judge):
    return {one for one in judge.failed if not THEIR_OWN.fullmatch(f"{one[0]} {one[1]}")}


def nothing_failed(judge, ours):
    """But for what fails at the judge's, too."""
    assert failed(judge) <= {NO_USERS}
    assert set(ours.failed) <= set(judge.failed)
    for window in judge, ours:
        assert [one for one in window.notices() if not one.startswith(TELEMETRY)] == []


def alike(judge, ours, ordered=True):
    """The rows and all other text; metrics of a run have no order."""
    nothing_failed(judge, ours)
    for told in (judge.rows(), ours.rows()), (judge.lines(), ours.lines()):
        first, second = told if ordered else map(sorted, told)
        assert second == first
    return ours


def show_both(windows, told, path, text):
    ids = {name.strip("<>").replace("-", ""): id_ for id_, name in told.names.items()}
    for window in windows:
        window.show(path.format(**ids), text)
    return windows


VIEWS = {
    "home": ("/", "wine", ["wine", "Default"]),
    "experiments": ("/experiments", "wine", ["wine", "Wines.", "Default"]),
    "runs": ("/experiments/{experiment}/runs", "run-2", ["run-0", "run-1", "run-2", "data-1 (d1)", "30.0s", "train.py",
                                                         "3 matching runs"]),
    "charts": ("/experiments/{experiment}/runs?compareRunsMode=CHART", "accuracy", ["run-0", "accuracy", "loss"]),
    "logged models of an experiment": ("/experiments/{experiment}/models", "forest", ["forest", "run-1", "Ready"]),
    "logged model": ("/experiments/{experiment}/models/{model}", "depth", ["forest", "depth", "3", "auc", "0.75"]),
    "run": ("/experiments/{experiment}/runs/{run1}", "0.6667", ["accuracy", "0.6667", "about run-1", "ada", "forest",
                                                                "Finished", "data-1 (d1)", "train.py", ": red"]),
    "failed run": ("/experiments/{experiment}/runs/{run2}", "Failed", ["about run-2", "0.8"]),
    "metrics of a run": ("/experiments/{experiment}/runs/{run1}/model-metrics", "accuracy", ["auc", "loss"]),
    "files of a run": ("/experiments/{experiment}/runs/{run1}/artifacts", "notes", ["model", "pictures",
                                                                                    "settings.json"]),
    "models": ("/models", MODEL, [MODEL, "Version 2"]),
    "model": ("/models/wine", "Version 2", ["How good a wine is.", "Version 1", "Version 2", "the version 1"]),
    "version": ("/models/wine/versions/2", "the version 2", ["the version 2", "champion", "forest"]),
    "first version": ("/models/wine/versions/1", "the version 1", ["the version 1", "run-1"]),
    "prompts": ("/prompts", "greeting", ["greeting"]),
    "prompt": ("/prompts/greeting", "Please say", ["why"]),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view(windows, told, view):
    path, awaited, expected = VIEWS[view]
    judge, ours = show_both(windows, told, path, awaited)
    alike(judge, ours, ordered=False)
    text = ours.text()
    assert [one for one in expected if one not in text] == []
    assert ours.beyond == []
    assert ours.asked > 3


def run_names(window):
    return [found.group() for row in window.rows() for cell in row if (found := re.search(r"run-\d$", cell))]


def test_the_table_of_runs_is_filtered(windows, told):
    show_both(windows, told, "/experiments/{experiment}/runs?searchFilter=", "3 matching runs")
    for window in windows:
        box = window.page.get_by_placeholder("metrics.rmse")
        box.fill("metrics.accuracy > 0.6 and params.alpha != '0.9'")
        box.press("Enter")
        window.wait_for("1 matching run")
    assert run_names(alike(*windows)) == ["run-1"]


def test_a_filter_that_is_none_is_told_in_the_same_words(windows, told):
    show_both(windows, told, "/experiments/{experiment}/runs?searchFilter=", "3 matching runs")
    for window in windows:
        box = window.page.get_by_placeholder("metrics.rmse")
        box.fill("other.x = 1")
        box.press("Enter")
        window.wait_for("Request error")
        window.page.keyboard.press("Escape")  # what can be asked for is shown beside the field
    judge, ours = windows
    assert ours.lines() == judge.lines() and "Invalid entity type 'other'" in ours.text()
    assert set(ours.failed) == failed(judge) == {NO_USERS, (400, "/ajax-api/2.0/mlflow/runs/search")}


@pytest.mark.parametrize("key, order, names", [
    ("metrics.`loss`", "true", ["run-2", "run-1", "run-0"]), ("metrics.`loss`", "false", ["run-0", "run-1", "run-2"]),
    ("params.`alpha`", "true", ["run-0", "run-1", "run-2"]),
    ("tags.`mlflow.runName`", "true", ["run-0", "run-1", "run-2"]),
    ("tags.`team`", "true", ["run-0", "run-2", "run-1"]), ("tags.`team`", "false", ["run-2", "run-1", "run-0"]),
])
def test_the_table_of_runs_is_sorted(windows, told, key, order, names):
    path = f"/experiments/{{experiment}}/runs?searchFilter=&orderByKey={quote(key)}&orderByAsc={order}"
    show_both(windows, told, path, "3 matching runs")
    assert run_names(alike(*windows)) == names


def test_a_click_sorts_the_table(windows, told):
    show_both(windows, told, "/experiments/{experiment}/runs?orderByKey=attributes.start_time&orderByAsc=false",
              "3 matching runs")
    for window in windows:
        assert run_names(window) == ["run-2", "run-1", "run-0"]
        window.page.locator("main [role=columnheader]").get_by_text("Created", exact=True).first.click()
        window.page.mouse.move(0, 0)  # over a header its name is shown
        window.page.locator("main [row-index='0']").get_by_text("run-0").first.wait_for()
        window.settle()
    nothing_failed(*windows)
    judge, ours = windows
    assert ours.rows() == judge.rows() and run_names(ours) == ["run-0", "run-1", "run-2"]


def test_a_chart_is_drawn_through_the_same_points(windows, told):
    judge, ours = show_both(windows, told, "/experiments/{experiment}/runs/{run1}/model-metrics", "loss")
    for window in windows:
        window.page.locator("main .scatterlayer .trace path.js-line").first.wait_for()
        window.settle()
    nothing_failed(judge, ours)
    assert ours.curves() == judge.curves()
    # Points on one straight line are drawn as one.
    assert max(len(re.findall("[ML]", path)) for curve in ours.curves() for path in curve) >= STEPS // 2


@pytest.mark.parametrize("path, text", [("notes/hello.txt", "hello from run-1"), ("settings.json", "alpha"),
                                        ("model/MLmodel", "0123456789abcdef"), ("pictures/dot.png", "dot.png")])
def test_a_file_is_shown(windows, told, path, text):
    show_both(windows, told, "/experiments/{experiment}/runs/{run1}/artifacts/" + path, text)
    alike(*windows)
    if path.endswith(".png"):
        for window in windows:
            picture = window.page.locator("main img").last
            assert picture.evaluate("one => [one.complete, one.naturalWidth]") == [True, 1]


def test_runs_are_compared(windows, told):
    """Cell by cell; which metric the plot shows first goes by an order that MLflow does not give."""
    show_both(windows, told, '/compare-runs?runs=["{run0}","{run1}","{run2}"]&experiments=["{experiment}"]',
              "Run details")
    nothing_failed(*windows)
    judge, ours = [sorted(window.rows()) for window in windows]
    assert ours == judge
    assert ["Run Name:", "run-0", "run-1", "run-2"] in ours and ["alpha", "0.1", "0.5", "0.9"] in ours
    metrics = [compared_metrics(window) for window in windows]
    assert metrics[1] == metrics[0]
    assert metrics[1]["accuracy"] == ["0.533", "0.667", "0.8"] and metrics[1]["auc"] == ["NaN", "0.625", "NaN"]


def compared_metrics(window):
    """That table is laid out by columns: all names, then the values of each."""
    lines = [line for line in window.lines() if line != "Show diff only"]
    cells = lines[lines.index("Metrics") + 1:lines.index("Artifacts")]
    names, values = cells[:len(cells) // 4], cells[len(cells) // 4:]
    return {name: values[3 * i:3 * i + 3] for i, name in enumerate(names)}


def test_an_experiment_is_made_by_the_page(opened):
    """What the page writes is taken: it comes from the same address."""
    ours = opened[1].show("/experiments", "wine")
    ours.page.get_by_role("button", name="Create", exact=True).click()
    ours.page.get_by_placeholder("Input an experiment name").fill("from the page")
    ours.page.get_by_role("dialog").get_by_role("button", name="Create").click()
    ours.page.wait_for_url(re.compile("/experiments/[0-9]+"))
    ours.settle()
    # It looks whether there is one of the name, and then shows traces, whose newer routes are not there, nor what
    # judges them.
    beside = (r"/ajax-api/2.0/mlflow/experiments/get-by-name\?.*|"
              r"/ajax-api/3.0/mlflow/(traces/.*|scorers/.*|issues/search)")
    assert {one for one in ours.failed if not re.fullmatch(beside, one[1])} <= {NO_USERS}
    assert mlflow.MlflowClient(ours.url).get_experiment_by_name("from the page").lifecycle_stage == "active"
    assert [row for row in ours.show("/experiments", "from the page").rows() if "from the page" in row]


def test_what_is_wrong_is_seen_here(opened):
    """That the checks above can fail: one answer is replaced by an error, another has one digit changed."""
    ours = opened[1].show("/experiments/1/runs?searchFilter=", "3 matching runs")
    before = ours.rows()
    ours.page.route("**/ajax-api/2.0/mlflow/gateway-proxy*", lambda route: route.fulfill(status=500, body="broken"))
    ours.page.route("**/ajax-api/2.0/mlflow/runs/search", lambda route: changed(route, '"train.py"', '"train.pi"'))
    ours.show("/experiments/1/runs?searchFilter=", "3 matching runs")
    assert any(status == 500 for status, _ in ours.failed) and any("broken" in one for one in ours.notices())
    assert ours.rows() != before
    ours.page.unroute_all()


def changed(route, old, new):
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(old, new))
