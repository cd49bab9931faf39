/* SPDX-License-Identifier: Apache-2.0
 * What import and export show: a line that says how far it is, and the report at the end.
 */
#ifndef SLUICE_CLI_MOVING_H
#define SLUICE_CLI_MOVING_H

#include "base/json.h"
#include "cli/cli.h"
#include "move/import.h"

struct moving_line {
    const struct cli *cli;
    bool shown; /* on a terminal */
    int64_t drawn_ms;
};
void moving_line_init(struct moving_line *line, const struct cli *cli);
/* The callback of both; `context` is the line. */
void moving_line_draw(void *context, const char *what, int64_t done, int64_t all);
/* Takes it away. */
void moving_line_end(struct moving_line *line);

/* --artifacts: copied unless another mode is said. */
int moving_mode(struct cli *cli, enum move_mode *ret, struct err *err);
/* Without "sqlite:///". */
const char *moving_database_path(const char *given);

extern const char *const moving_kinds[]; /* "experiments", ..., by enum moved_kind */

/* "notes", "problems", "problem_count" and "left_out" of an object. */
void moving_report_json(const struct move_report *report, struct arena *arena, struct json *object);
void moving_report_print(const struct move_report *report);

#endif
