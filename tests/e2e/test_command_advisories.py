# SPDX-License-Identifier: Apache-2.0
"""What was found in MLflow where a model's files or its address came to a shell, by number: the same inputs go through
training, the registry, a deployment and a server here. Whatever became a command would leave the file `ran`."""
import pytest

from serving import Server

# What a shell makes a command of, wherever it stands: behind a word, in quotes, in a comment's line.
SHELL = ["$(touch ran)", "`touch ran`", "x; touch ran; #", "x & touch ran", "x | touch ran", "x\ntouch ran",
         "' ; touch ran ; '", '" ; touch ran ; "', "$IFS$(touch${IFS}ran)", "\\$(touch ran)"]
# Names of registered models, which have no line feed.
NAMES = [text for text in SHELL if "\n" not in text]


def ran(sluice):
    return [path for path in sluice.folder.rglob("ran") if path.is_file()]


def environment_files(dependency):
    line = dependency.replace("\n", "\\n").replace('"', '\\"').replace("\\$", "\\\\$")
    return {
        "MLmodel": f'flavors: {{python_function: {{env: {{virtualenv: "{line}"}}, loader_module: "{line}"}}}}\n',
        "python_env.yaml": f'build_dependencies: ["{line}"]\ndependencies: ["{line}", "-r requirements.txt"]\n',
        "conda.yaml": f'dependencies: [{{pip: ["{line}"]}}]\n',
        "requirements.txt": dependency + "\n",
    }


@pytest.mark.parametrize("dependency", SHELL)
def test_cve_2025_15379_what_a_model_depends_on_is_no_command(sluice, dependency):
    """PR 19583: `numpy; curl … | sh` among the dependencies of a model that is served."""
    for name, text in environment_files(dependency).items():
        sluice.write(f"given/{name}", text)
    sluice.pipeline("""\
        name: line
        steps:
          train:
            run: cp -r given "$SLUICE_STEP_DIR/model"
            model: {path: "${{ step.dir }}/model"}
          register: {uses: register, with: {model: "${{ steps.train.model_id }}", name: wine}}
          deploy:
            needs: [register]
            uses: deploy
            with:
              model: models:/wine/1
              target: {directory: served, reload: [sh, -c, "ls served/current/ > loaded"]}
        """)
    sluice.run()
    served = sluice.folder / "served" / "current"
    for name, text in environment_files(dependency).items():
        assert (served / name).read_text(encoding="utf-8") == text
    assert "python_env.yaml" in (sluice.folder / "loaded").read_text(encoding="utf-8")
    assert ran(sluice) == []


@pytest.mark.parametrize("dependency", SHELL)
def test_cve_2025_15379_what_is_uploaded_is_no_command_of_a_server(sluice, dependency):
    server = Server(sluice)
    run_id = server.run()["run_id"]
    model = server.api("POST", "/logged-models", {"experiment_id": "0", "name": "m", "source_run_id": run_id})["model"]
    model_id = model["info"]["model_id"]
    for name, text in environment_files(dependency).items():
        assert server.put(f"0/models/{model_id}/artifacts/{name}", text.encode())[0] == 200
    server.api("PATCH", f"/logged-models/{model_id}", {"model_id": model_id, "status": 2})
    server.api("POST", "/registered-models/create", {"name": "wine"})
    server.api("POST", "/model-versions/create", {"name": "wine", "source": f"models:/{model_id}", "model_id": model_id,
                                                  "run_id": run_id})
    assert server.get(f"0/models/{model_id}/artifacts/requirements.txt")[2] == (dependency + "\n").encode()
    assert server.stop() is not None and ran(sluice) == []


@pytest.mark.parametrize("name, line", [("requirements.txt", line) for line in SHELL] + [
    ("$(touch ran).txt", "x; touch ran"), ("a b; touch ran.txt", "-r $(touch ran)")])
def test_cve_2025_15379_the_packages_of_a_pipeline_are_read_by_pip_alone(sluice, name, line):
    """Neither what is in the file nor what it is called comes to a shell: python3 here only tells what it is given."""
    sluice.write(name, line + "\n")
    sluice.write("bin/python3", """\
        #!/bin/sh
        case "$*" in
        "-m venv "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
        -c*) echo version ;;
        *) printf '%s\\n' "$@" >> asked ;;
        esac
        """)
    (sluice.folder / "bin/python3").chmod(0o755)
    sluice.env["PATH"] = f"{sluice.folder}/bin:{sluice.env['PATH']}"
    quoted = name.replace('"', '\\"')
    sluice.pipeline(f"""\
        name: line
        python: {{requirements: "{quoted}"}}
        steps: {{a: {{run: "true"}}}}
        """)
    sluice.run()
    asked = (sluice.folder / "asked").read_text(encoding="utf-8").splitlines()
    assert asked[-2:] == ["-r", str(sluice.folder / name)] and ran(sluice) == []


@pytest.mark.parametrize("name", NAMES)
def test_cve_2026_0596_the_address_of_a_model_is_no_command(sluice, name):
    """PR 19738: `models:/$(…)` in what serves a model. In a script it is quoted for its place, to programs one word."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    uri = f"models:/{name}/1"
    sluice.pipeline(f"""\
        name: line
        params: {{name: {{type: string, default: "{quoted}"}}}}
        steps:
          train:
            run: mkdir "$SLUICE_STEP_DIR/model"
            model: {{path: "${{{{ step.dir }}}}/model"}}
          register:
            uses: register
            with: {{model: "${{{{ steps.train.model_id }}}}", name: "${{{{ params.name }}}}"}}
          serve:
            needs: [register]
            run: |
              printf '%s\\n' models:/${{{{ params.name }}}}/1 > said
              printf '%s\\n' "models:/${{{{ params.name }}}}/1" >> said
              printf '%s\\n' 'models:/${{{{ params.name }}}}/1' >> said
              sh -c 'printf "%s\\n" "$1" >> said' sh models:/${{{{ params.name }}}}/1
              printf '%s\\n' "$URI" >> said
            env: {{URI: "models:/${{{{ params.name }}}}/1"}}
          deploy:
            needs: [serve]
            uses: deploy
            with:
              model: "models:/${{{{ params.name }}}}/1"
              target:
                command: [sh, -c, 'printf "%s\\n" "$1" "$SLUICE_MODEL_URI" > told', sh, "${{{{ params.name }}}}"]
        """)
    sluice.run()
    assert (sluice.folder / "said").read_text(encoding="utf-8") == (uri + "\n") * 5
    told = (sluice.folder / "told").read_text(encoding="utf-8").splitlines()
    assert told == [name, uri] and ran(sluice) == []
