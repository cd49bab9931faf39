# SPDX-License-Identifier: Apache-2.0
"""Steps of `true` under Luigi: luigi_steps.py chain|wide COUNT FOLDER. Prints the seconds that they took."""
import pathlib
import subprocess
import sys
import time

import luigi


class Step(luigi.Task):
    n, folder, chained = luigi.IntParameter(), luigi.Parameter(), luigi.BoolParameter()

    def requires(self):
        return [Step(self.n - 1, self.folder, True)] if self.chained and self.n > 0 else []

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.n}")

    def run(self):
        subprocess.run(["true"], check=True)
        pathlib.Path(self.output().path).touch()


def main(shape, count, folder):
    chained = shape == "chain"
    tasks = [Step(n, folder, chained) for n in range(count)]
    began = time.perf_counter()
    if not luigi.build(tasks, workers=1 if chained else 2, local_scheduler=True, log_level="WARNING"):
        sys.exit("luigi: a task failed")
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
