/* SPDX-License-Identifier: Apache-2.0
 * Rows for people, as aligned columns; the same rows as JSON with --json: [{"heading": cell, ...}]. What a heading ends
 * in says what its cells are in JSON, and is not shown to people: _at a time, _ms and _bytes integers.
 */
#ifndef SLUICE_CLI_TABLE_H
#define SLUICE_CLI_TABLE_H

#include "base/json.h"
#include "cli/cli.h"

struct table {
    const struct cli *cli;
    const char *const *headings; /* lower case, as the members are called in JSON; NULL at the end */
    size_t columns;
    size_t shown;                /* how many of them people see; the rest is for programs (--json). 0: all */
    struct json rows;            /* list of lists */
};

void table_init(struct table *table, const struct cli *cli, const char *const *headings);
/* A row: as many cells as headings, in their order, copied shallowly. */
void table_row(struct table *table, const struct json *cells);
/* Prints it; `empty` is what a person reads when there is no row. The last column is not cut, the others are at 40
 * columns. */
void table_print(const struct table *table, const char *empty);
/* The same of a list that the options in `filters` (which ends with NULL) make shorter. When there is no row, it is
 * `none` and `otherwise` ("no runs", ": 'sluice run' starts one"), or, with one of them, that there is none like it. */
void table_print_filtered(const struct table *table, const char *const *filters, const char *none,
                          const char *otherwise);

/* "3 minutes ago", "2026-11-24 10:15Z": a moment for a cell; null in JSON when 0. */
struct json table_moment(const struct cli *cli, int64_t at_ms);
/* "3m 12s" and "4.2 MB" for people, integers in JSON. */
struct json table_duration(const struct cli *cli, int64_t from_ms, int64_t to_ms);
struct json table_size(const struct cli *cli, int64_t bytes);
struct json table_text(const struct cli *cli, const char *text);

#endif
