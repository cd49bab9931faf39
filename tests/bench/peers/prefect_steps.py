# SPDX-License-Identifier: Apache-2.0
"""Steps of `true` under Prefect: prefect_steps.py chain|wide COUNT. Prints the seconds that the flow took."""
import subprocess
import sys
import time

from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner


@task
def step():
    subprocess.run(["true"], check=True)


@flow
def chain(count):
    for _ in range(count):
        step()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def wide(count):
    wait([step.submit() for _ in range(count)])


def main(shape, count):
    began = time.perf_counter()
    {"chain": chain, "wide": wide}[shape](count)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
