# SPDX-License-Identifier: Apache-2.0
"""Pipelines whose steps are Python scripts with a client of MLflow, run by `sluice run` with no server up."""
import json
import os
import pathlib
import shutil
import subprocess
import textwrap

from servers import BUILD

SCRIPTS = pathlib.Path(__file__).parent / "steps"


class Pipelines:
    """A folder with scripts and a home of its own."""

    def __init__(self, folder, python):
        self.folder, self.python, self.started = folder, python, []
        for script in SCRIPTS.iterdir():
            shutil.copy(script, folder)
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "SLUICE_"))}
        self.env.update(SLUICE_HOME=str(folder / ".sluice"), NO_COLOR="1")

    def write(self, text):
        text = textwrap.dedent(text).replace("PYTHON", str(self.python))
        (self.folder / "sluice.yaml").write_text(text, encoding="utf-8")

    def start(self, *arguments):
        process = subprocess.Popen([os.path.join(BUILD, "sluice"), *arguments], cwd=self.folder, env=self.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def __call__(self, *arguments, expect=0):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        assert process.returncode == expect, out + err + self.logs()
        return json.loads(out)

    def run(self, text, expect=0):
        """The JSON of `sluice run` of a pipeline."""
        self.write(text)
        return self("run", "--json", expect=expect)

    def logs(self):
        return subprocess.run([os.path.join(BUILD, "sluice"), "logs", "latest"], cwd=self.folder, env=self.env,
                              capture_output=True, text=True, check=False).stdout

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()
