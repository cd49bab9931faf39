#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The schema of a new store, as the migrations leave it: make new-store.

The build makes the image of a new store of it (orchestrator/store/image); a store of an older version goes up by the
migrations. That both come to the same is seen by tests/unit/test_store_migrations.c. Writes the SQL on standard output.
"""
import pathlib
import re
import sqlite3
import sys

SCHEMA = pathlib.Path(__file__).parent.parent / "orchestrator/store/schema"
# What store/store.c does behind the SQL of a migration.
BEHIND = {13: "DROP TABLE metric_points_before; DROP TABLE metric_series_before"}


def main():
    migrations = sorted(SCHEMA.glob("*.sql"))
    database = sqlite3.connect(":memory:")
    inserts = []
    for number, path in enumerate(migrations, 1):
        text = path.read_text(encoding="utf-8")
        database.executescript(text + BEHIND.get(number, ""))
        inserts += re.findall(r"^INSERT INTO [^;]* VALUES [^;]*;|^INSERT INTO \w+ \([^;]*VALUES [^;]*;", text, re.M)
    statements = database.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
                                  "ORDER BY rowid").fetchall()
    sys.stdout.write(f"-- version {len(migrations)}\n"
                     "-- Made by tests/new_store.py of schema/*.sql, which explain it.\n")
    for (statement,) in statements:
        sys.stdout.write(statement + ";\n")
    sys.stdout.write("\n".join(inserts) + "\n")


if __name__ == "__main__":
    main()
