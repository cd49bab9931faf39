# SPDX-License-Identifier: Apache-2.0
"""What happens in the registry starts pipelines, whatever road it comes by (docs/triggers.md)."""
import json
import time

import pytest
from guarding import make_version, me
from programs import wait_until
from serving import Server

LISTENER = """\
name: {name}
"on": {on}
params:
  said: {{type: string, default: ""}}
{params}
steps:
  say:
    run: |
      echo "${{{{ params.said }}}}{more}" >> "{folder}/{name}.said"
"""
BY_HAND = " ${{ params.model_name ?? '-' }}/${{ params.model_version ?? '-' }}"


class Registry:
    """A server with pipelines in force, and what its clients do to registered models."""

    def __init__(self, sluice):
        self.sluice, self.server = sluice, None
        (sluice.folder / "pipelines").mkdir()

    def listen(self, name, on, more="", params=""):
        self.sluice.write(f"pipelines/{name}.yaml", LISTENER.format(name=name, on=on, more=more, params=params,
                                                                    folder=self.sluice.folder))

    def serve(self):
        self.server = Server(self.sluice, "--pipelines", "pipelines")
        count = len(list((self.sluice.folder / "pipelines").iterdir()))
        wait_until(lambda: len(self.sluice("pipelines", "--json").json) == count)
        assert [row["problems"] for row in self.sluice("pipelines", "--json").json if row["problems"]] == []

    def create(self, name, source="s3://bucket/x", **more):
        """A version, of a model that is made at need; its number."""
        status, _, _ = self.server.ask("GET", f"/api/2.0/mlflow/registered-models/get?name={name}")
        if status != 200:
            self.server.api("POST", "/registered-models/create", {"name": name, "tags": more.pop("model_tags", [])})
        answer = self.server.api("POST", "/model-versions/create", {"name": name, "source": source, **more})
        return answer["model_version"]["version"]

    def alias(self, name, alias, version):
        self.server.api("POST", "/registered-models/alias", {"name": name, "alias": alias, "version": str(version)})

    def drop_alias(self, name, alias):
        self.server.api("DELETE", "/registered-models/alias", {"name": name, "alias": alias})

    def tag(self, name, version, key, value):
        self.server.api("POST", "/model-versions/set-tag",
                        {"name": name, "version": str(version), "key": key, "value": value})

    def said(self, name):
        path = self.sluice.folder / f"{name}.said"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def triggers(self, pipeline):
        """[(trigger, outcome, reason)], oldest first."""
        rows = self.sluice("triggers", pipeline, "--json", expect=0).json
        return [(row["trigger"], row["outcome"], row["reason"]) for row in reversed(rows)]

    def rest(self):
        def pending():
            return self.sluice("triggers", "--outcome", "pending", "--json").json

        def going_on():
            return [row for row in self.sluice("runs", "--json").json if row["status"] in ("queued", "running")]

        wait_until(lambda: not pending() and not going_on() and not pending())  # the end of a run may be an event, too


@pytest.fixture
def registry(sluice):
    return Registry(sluice)


def test_a_new_version_is_told_to_whoever_means_its_model(registry):
    registry.listen("all", "{model_version: {model: '*', params: {said: '${{ toJSON(event) }}'}}}")
    registry.listen("wines", "{model_version: {model: 'wine-*', if: event.tags.stage == 'ready'}}", more=BY_HAND)
    registry.serve()
    registry.create("wine-red")
    registry.create("beer", tags=[{"key": "stage", "value": "ready"}])
    registry.create("wine-red", tags=[{"key": "stage", "value": "ready"}], description="good")
    registry.create("poem", source="prompt-template", tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"},
                                  {"key": "mlflow.prompt.text", "value": "hm"}],
                    model_tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])
    registry.rest()
    assert registry.said("wines") == [" wine-red/2"]
    assert [row[1] for row in registry.triggers("wines")] == ["filtered", "started"]
    events = [json.loads(line) for line in registry.said("all")]
    assert sorted((event["model_name"], event["version"]) for event in events) == [
        ("beer", 1), ("wine-red", 1), ("wine-red", 2)]
    second = next(event for event in events if event["version"] == 2)
    assert second == {"type": "model_version", "action": "created", "model_name": "wine-red", "version": 2,
                      "previous_version": None, "alias": None, "key": None, "value": None, "stage": "None",
                      "previous_stage": None, "tags": {"stage": "ready"}, "aliases": [], "description": "good",
                      "run_id": None, "model_id": None, "source": "s3://bucket/x", "actor": "anonymous"}
    run = registry.sluice("show", "wines/1", "--json", expect=0).json
    assert (run["params"]["model_name"], run["params"]["model_version"]) == ("wine-red", 2)


def test_aliases_tags_and_stages(registry):
    said = "params: {said: \"${{ event.action }} ${{ event.model_name }}/${{ event.version ?? 0 }} "
    registry.listen("champions", "{model_alias: {model: 'w*', alias: champion, " + said +
                    "${{ event.alias }} before ${{ event.previous_version ?? 0 }}\"}}}")
    registry.listen("sets", "{model_alias: {model: '*', actions: [set], " + said + "${{ event.alias }}\"}}}")
    registry.listen("tags", "{model_tag: {model: wine, key: 'val*', " + said +
                    "${{ event.key }}=${{ event.value ?? '' }}\"}}}")
    registry.listen("stages", "{model_stage: {model: wine, stage: production, " + said +
                    "${{ event.previous_stage }} -> ${{ event.stage }}\"}}}")
    registry.serve()
    for name in ("wine", "wine", "beer"):
        registry.create(name)
    registry.alias("wine", "champion", 1)
    registry.alias("wine", "champion", 1)  # where it is already: nothing has happened
    registry.alias("wine", "champion", 2)
    registry.alias("beer", "champion", 1)
    registry.alias("wine", "challenger", 1)
    registry.drop_alias("wine", "champion")
    registry.drop_alias("wine", "champion")
    registry.tag("wine", 1, "validated", "yes")
    registry.tag("wine", 1, "other", "yes")
    registry.server.api("DELETE", "/model-versions/delete-tag", {"name": "wine", "version": "1", "key": "validated"})
    for version, stage in ((1, "Production"), (2, "Staging"), (2, "Production"), (2, "Production")):
        registry.server.api("POST", "/model-versions/transition-stage",
                            {"name": "wine", "version": str(version), "stage": stage,
                             "archive_existing_versions": stage == "Production"})
    registry.rest()
    # One after the other they came, and the runs that they start go on side by side.
    assert sorted(registry.said("champions")) == ["deleted wine/0 champion before 2", "set wine/1 champion before 0",
                                                  "set wine/2 champion before 1"]
    assert sorted(registry.said("sets")) == ["set beer/1 champion", "set wine/1 challenger", "set wine/1 champion",
                                             "set wine/2 champion"]
    assert sorted(registry.said("tags")) == ["deleted wine/1 validated=", "set wine/1 validated=yes"]
    assert sorted(registry.said("stages")) == ["changed wine/1 None -> Production",
                                               "changed wine/2 Staging -> Production"]


def test_the_last_of_a_burst_starts_one_run_of_each_model(registry):
    registry.listen("calm", "{model_version: {model: '*', debounce: 10s, if: event.tags.skip != 'yes'}}", more=BY_HAND)
    registry.listen("moves", "{model_alias: {model: '*', debounce: 10s, "
                             "params: {said: '${{ event.alias }}=${{ event.version }}'}}}")
    registry.serve()
    for _ in range(3):
        registry.create("wine")
    registry.create("wine", tags=[{"key": "skip", "value": "yes"}])  # none of the trigger's, and supersedes nothing
    registry.create("beer")
    for version in (1, 2):
        for alias in ("champion", "challenger"):
            registry.alias("wine", alias, version)
    wait_until(lambda: [row[1] for row in registry.triggers("calm")].count("pending") == 2)
    registry.server.stop()  # what waits, waits over a restart
    registry.serve()
    registry.rest()
    assert sorted(registry.said("calm")) == [" beer/1", " wine/3"]
    assert sorted(registry.said("moves")) == ["challenger=2", "champion=2"]
    rows = registry.triggers("calm")
    assert [row[1] for row in rows] == ["skipped", "skipped", "started", "filtered", "started"]
    assert rows[0][2] == "a newer one came before its time: trigger 2 (debounce)"


def test_steps_plugins_and_the_command_line_are_doors_too(registry, sluice):
    """Registered and promoted by a run that has nothing to do with the server; then moved back by a person."""
    registry.listen("jobs", "{model_version: {model: wine, params: {said: '${{ event.actor }}'}}}", more=BY_HAND)
    registry.listen("moves", "{model_alias: {model: wine, params: {said: '${{ event.alias }} ${{ event.version }} by "
                             "${{ event.actor }}'}}}")
    registry.serve()
    registry.server.stop()
    assert make_version(sluice) == 1 and make_version(sluice, content="two") == 2
    for version in (1, 2):
        sluice("run", "promote.yaml", "-q", "-p", f"version={version}", expect=0)
    sluice("rollback", "wine", "champion", expect=0)
    assert {row[1] for row in registry.triggers("jobs") + registry.triggers("moves")} == {"pending"}
    registry.serve()
    registry.rest()
    assert sorted(registry.said("jobs")) == ["step register of run w 1 wine/1", "step register of run w 2 wine/2"]
    moves = sorted(registry.said("moves"))  # one after the other they came, and run at once
    assert moves == ["champion 1 by " + me(), "champion 1 by step promote of run promote 1",
                     "champion 2 by step promote of run promote 2"]


def test_a_version_is_told_of_when_its_files_are_whole(registry):
    """Its logged model is PENDING: then it cannot be loaded. One whose files never come is told of to nobody."""
    registry.listen("jobs", "{model_version: {model: '*'}}", more=BY_HAND)
    registry.serve()
    models = [registry.server.api("POST", "/logged-models", {"experiment_id": "0"})["model"]["info"]["model_id"]
              for _ in range(2)]
    for model in models:
        registry.create("wine", source=f"models:/{model}", model_id=model)
    time.sleep(0.5)
    assert registry.triggers("jobs") == []
    for model, status in zip(models, ("READY", "UPLOAD_FAILED")):
        for _ in range(2):
            registry.server.api("PATCH", f"/logged-models/{model}",
                                {"model_id": model, "status": f"LOGGED_MODEL_{status}"})
    registry.rest()
    assert registry.said("jobs") == [" wine/1"]


def test_a_pipeline_that_would_start_itself_is_cut_with_the_reason(registry, sluice):
    """By its own step's token, over MLflow's routes; and by way of another pipeline."""
    register = """\
name: {name}
"on": {on}
steps:
  register:
    permissions: {{register: [wine]}}
    run: |
      python3 - <<'EOF'
      import json, os, urllib.request
      body = json.dumps({{"name": "wine", "source": "s3://bucket/y"}}).encode()
      urllib.request.urlopen(urllib.request.Request(
          os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/model-versions/create", body,
          {{"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}}))
      EOF
"""
    sluice.write("pipelines/itself.yaml", register.format(name="itself", on="{model_version: {model: wine}}"))
    registry.listen("after", "{pipeline: {name: itself}}")
    registry.serve()
    registry.create("wine")
    registry.rest()
    assert [row[1:] for row in registry.triggers("itself")] == [
        ("started", ""), ("skipped", "it would go round in circles: itself -> itself")]
    sluice("retry", "itself/1", "register", "-q", expect=0)  # the retry is of the same chain
    registry.rest()
    assert registry.triggers("itself")[2:] == [
        ("model_version", "skipped", "it would go round in circles: itself -> itself")]


def test_what_was_deleted_before_its_turn_starts_nothing(registry):
    registry.listen("jobs", "{model_version: {model: '*', debounce: 8s}}", more=BY_HAND)
    registry.serve()
    for name in ("wine", "beer", "gone"):
        registry.create(name)
    registry.server.api("DELETE", "/model-versions/delete", {"name": "wine", "version": "1"})
    registry.server.api("POST", "/registered-models/rename", {"name": "beer", "new_name": "ale"})
    registry.server.api("DELETE", "/registered-models/delete", {"name": "gone"})
    registry.create("gone")  # another one, that begins at 1 again
    registry.rest()
    assert " gone/1" in registry.said("jobs")
    assert sorted(row[1:] for row in registry.triggers("jobs") if row[1] == "skipped") == [
        ("skipped", "the registered model that it was about has been deleted"),
        ("skipped", "there is no version 1 of a registered model 'wine'")]
