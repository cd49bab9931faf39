# SPDX-License-Identifier: Apache-2.0
"""Steps of `true` under Airflow: two DAGs of BENCH_STEPS steps each, started from outside."""
import os

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

COUNT = int(os.environ["BENCH_STEPS"])

with DAG("chain", schedule=None, catchup=False):
    before = None
    for n in range(COUNT):
        one = BashOperator(task_id=f"s{n}", bash_command="true")
        if before is not None:
            before >> one
        before = one

with DAG("wide", schedule=None, catchup=False, max_active_tasks=2):
    for n in range(COUNT):
        BashOperator(task_id=f"s{n}", bash_command="true")
