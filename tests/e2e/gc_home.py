# SPDX-License-Identifier: Apache-2.0
"""A home that `sluice gc` is to clean, and what is looked for in it."""
import contextlib
import os
import pathlib
import shutil
import sqlite3
import sys

from programs import ROOT, runners_of, wait_until

sys.path.insert(0, str(ROOT / "tests/fault"))
import invariants  # noqa: E402

SHOP = """
name: shop
params:
  lr: {type: number, default: 0.1}
  register: {type: boolean, default: false}
  fail: {type: boolean, default: false}
steps:
  train:
    run: |
      mkdir "$SLUICE_STEP_DIR/model"
      head -c 20000 /dev/urandom > "$SLUICE_STEP_DIR/model/weights"
      echo "held out ${{ params.lr }}" > "$SLUICE_STEP_DIR/table.csv"
      echo '{"rmse": 0.5}' > "$SLUICE_STEP_DIR/metrics.json"
      echo trained ${{ params.lr }}
    artifacts: {table: "${{ step.dir }}/table.csv"}
    metrics: ["${{ step.dir }}/metrics.json"]
    model: {path: "${{ step.dir }}/model", name: shop}
    CACHE
  register:
    if: params.register
    uses: register
    with: {model: "${{ steps.train.model_id }}", name: shop, aliases: [champion]}
  use:
    run: |
      cat ${{ steps.train.artifacts.table }}
      if [ ${{ params.fail }} = true ]; then exit 1; fi
"""
RULES = ("--runs", "older_than=1h")
SOCKETS = shutil.ignore_patterns("*.sock", "sock")


class Home:
    def __init__(self, sluice, text=SHOP, cache=False):
        self.sluice = sluice
        sluice.pipeline(text.replace("CACHE", "cache: true" if cache else ""))

    def run(self, *arguments, expect=0):
        return self.sluice.run(*arguments, expect=expect).json

    def sql(self, text, *values):
        # Closed at once: a copy of the home must not meet what closing takes away.
        with contextlib.closing(sqlite3.connect(self.sluice.home / "sluice.db")) as store, store:
            return store.execute(text, values).fetchall()

    def age(self, where="1", hours=48):
        """All of these runs become older by so much."""
        ms = hours * 3600 * 1000
        self.sql(f"UPDATE pipeline_runs SET created_ms = created_ms - {ms}, ended_ms = ended_ms - {ms} WHERE {where}")

    def gc(self, *arguments, expect=0, **options):
        return self.sluice("gc", *arguments, "--json", expect=expect, **options).json

    def runs(self):
        found = self.sluice("runs", "--json", expect=0).json
        return sorted(f"{run['pipeline']}/{run['number']}" for run in found) if found else []

    def labels(self):
        return [row[0] for row in self.sql("SELECT pipeline || '/' || number || CASE revision WHEN 1 THEN '' ELSE '.' "
                                           "|| revision END FROM pipeline_runs ORDER BY created_ms")]

    def settle(self):
        """No runner tidies up any more."""
        wait_until(lambda: not runners_of(self.sluice.home))

    def disk(self):
        self.settle()
        total = 0
        for folder in ("artifacts", "runs"):
            for path, _, files in os.walk(self.sluice.home / folder):
                total += sum(os.lstat(os.path.join(path, name)).st_blocks * 512 for name in files)
                total += os.lstat(path).st_blocks * 512
        return total

    def check(self):
        """Nothing dangles: neither a row without its file nor a file without its row."""
        assert invariants.check(self.sluice.home) == []
        folders = {}
        for owner, uri, status in self.sql("SELECT run_id, artifact_uri, 2 FROM runs UNION ALL SELECT model_id, "
                                           "artifact_uri, status FROM logged_models WHERE deleted_ms IS NULL"):
            folders[owner] = pathlib.Path(uri)
            assert status != 2 or not owner.startswith("m-") or pathlib.Path(uri).is_dir(), owner
        for owner, path in self.sql("SELECT owner, path FROM artifacts"):
            assert (folders[owner] / path).is_file(), (owner, path)
        known = {row[0] for row in self.sql("SELECT run_id FROM pipeline_runs UNION ALL "
                                            "SELECT run_id FROM leaving_runs")}
        for table in ("steps", "attempts", "waits", "gates", "step_keys", "cache_entries"):
            assert {row[0] for row in self.sql(f"SELECT run_id FROM {table}")} <= known, table
        assert self.sql("SELECT retry_of FROM pipeline_runs WHERE retry_of IS NOT NULL AND retry_of NOT IN "
                        "(SELECT run_id FROM pipeline_runs)") == []
        assert self.sql("PRAGMA foreign_key_check") == []

    def check_clean(self):
        self.check()
        assert self.sql("SELECT * FROM removals") == []
        assert self.gc("--dry-run")["removed"] == []


def mentions(home, ids):
    """Every table and column that still names one of these, but for the activity log."""
    found = []
    for table, in home.sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'activity'"):
        for row in home.sql(f"SELECT * FROM \"{table}\""):
            found += [(table, value) for value in row if isinstance(value, str) and any(one in value for one in ids)]
    return found


def held_by(outcome, what, kind="runs"):
    found = [item["by"] for item in outcome["held"] if item["what"] == what and item["kind"] == kind]
    assert len(found) == 1, outcome["held"]
    return found[0]


def names(outcome, kind="runs"):
    return [item["what"] for item in outcome["removed"] if item["kind"] == kind]
