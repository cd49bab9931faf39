# SPDX-License-Identifier: Apache-2.0
"""The same work by the newest client and by the last of 2.x, each in an environment of its own."""
import mlflow
import pytest


@pytest.mark.parametrize("script", ["tracking.py", "registry.py"])
def test_both_generations_get_their_work_done(run_script, unique, script):
    words = run_script(script, unique.partition("[")[0]).split()
    assert words[-2] == "ok" and words[-1].startswith(f"{run_script.generation}.")


def test_each_generation_reads_what_the_other_wrote(run_script, client, unique):
    name = unique.partition("[")[0]
    run_script("tracking.py", name)
    experiment = client.get_experiment_by_name(name + "-new")
    parent, = client.search_runs([experiment.experiment_id], "tags.mlflow.runName = 'parent'")
    assert parent.data.params == {"lr": "0.1", "empty": ""} and parent.info.status == "FINISHED"
    assert mlflow.artifacts.load_text(f"runs:/{parent.info.run_id}/texts/hello.txt") == "hello ü"
