# SPDX-License-Identifier: Apache-2.0
"""MLflow's own clients against a server. `--server mlflow` asks MLflow itself, the judge of every test here."""
import os
import subprocess
import uuid

# Before mlflow is imported: no word to anyone else, and a server's error is an error now, not after minutes.
os.environ.update({
    "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60", "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
})
CHOSEN = [f"MLFLOW_{name}" for name in ("TRACKING_URI", "REGISTRY_URI", "EXPERIMENT_ID", "EXPERIMENT_NAME", "RUN_ID")]
for chosen in CHOSEN:
    os.environ.pop(chosen, None)

import mlflow  # noqa: E402
import pytest  # noqa: E402
from servers import BUILD, SERVERS, Running  # noqa: E402
from wire import Wire  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--server", choices=sorted(SERVERS), default="sluice", help="whom the clients talk to")
    parser.addoption("--url", help="a server that runs already, for all tests but those that end theirs")


def pytest_configure(config):
    config.addinivalue_line("markers", "flaw(why): MLflow does this wrong, and the test says what sluice does instead")


def pytest_collection_modifyitems(config, items):
    """The judge must fail where it is said to be wrong: on the day it is mended, the mark goes."""
    for item in items:
        if (mark := item.get_closest_marker("flaw")) and config.getoption("--server") == "mlflow":
            item.add_marker(pytest.mark.xfail(reason=mark.args[0], strict=True))


@pytest.fixture(scope="session")
def start_server(request, tmp_path_factory):
    """Starts one more server, over a folder of its own; it is ended with the session at the latest."""
    started = []

    def start():
        server = SERVERS[request.config.getoption("--server")](tmp_path_factory.mktemp("server"))
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def server(request, start_server):
    """The server that all tests share: each makes its own names."""
    url = request.config.getoption("--url")
    return Running(url) if url else start_server()


@pytest.fixture(autouse=True)
def nothing_left():
    """What a test told mlflow of servers, experiments and runs is forgotten after it."""
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.tracking.fluent._active_experiment_id = None
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    for chosen in CHOSEN:  # processes that are started later are told, too
        os.environ.pop(chosen, None)


@pytest.fixture
def url(server, monkeypatch):
    """The fluent calls of the test go to the server."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    mlflow.set_tracking_uri(server.url)
    return server.url


@pytest.fixture
def look_into(monkeypatch):
    """A client of a server over the home of pipelines (pipelines.py); the fluent calls go there, too."""
    servers = []

    def look(pipelines):
        server = SERVERS["sluice"](pipelines.folder / "server")
        os.symlink(pipelines.folder / ".sluice", pipelines.folder / "server" / "home")
        servers.append(server.start())
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        mlflow.set_tracking_uri(server.url)
        return mlflow.MlflowClient(server.url, server.url)

    yield look
    for server in servers:
        server.stop()


@pytest.fixture
def client(url):
    return mlflow.MlflowClient(url)


@pytest.fixture
def wire(url):
    return Wire(url)


@pytest.fixture
def unique(request):
    """A name that no other test has."""
    return f"{request.node.originalname or request.node.name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def experiment(client, unique):
    return client.create_experiment(unique)


@pytest.fixture
def run_id(client, experiment):
    return client.create_run(experiment).info.run_id


@pytest.fixture(params=["mlflow3", "mlflow2"])
def run_script(request, url, tmp_path):
    """Runs a file of scripts/ with the newest client, then with the last 2.x; gives what it printed."""
    python = os.path.join(BUILD, request.param, "bin", "python")

    def run(name, *arguments):
        script = os.path.join(os.path.dirname(__file__), "scripts", name)
        done = subprocess.run([python, script, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True,
                              timeout=300, check=False, env={**os.environ, "MLFLOW_TRACKING_URI": url})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.generation = int(request.param[-1])
    return run


@pytest.fixture(scope="session")
def fetched():
    """The folder of a client of another language; it must be there, or the test fails with what went wrong."""
    def folder(language):
        path = os.path.join(BUILD, "clients", language)
        if not os.path.exists(path + ".done"):
            reason = "environments.sh did not run"
            if os.path.exists(path + ".log"):
                with open(path + ".log", encoding="utf-8", errors="replace") as log:
                    reason = log.read()[-4000:]
            pytest.fail(f"the client for {language} is not there: {reason}", pytrace=False)
        return path
    return folder
