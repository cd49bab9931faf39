/* SPDX-License-Identifier: Apache-2.0
 * What a step writes into $SLUICE_OUTPUT, as GitHub has it: lines
 *
 *     key=value
 *     key<<END
 *     several
 *     lines
 *     END
 *
 * Lines may end with CR LF, empty ones are skipped, the last of two values of one key wins. Pure.
 */
#ifndef SLUICE_RUNNER_STEP_OUTPUT_H
#define SLUICE_RUNNER_STEP_OUTPUT_H

#include "base/json.h"

enum { STEP_OUTPUT_MAX_BYTES = 1 << 20 };

struct step_output_entry {
    struct str key;
    struct str value;
    size_t line; /* 1 is the first */
};
struct step_output_list {
    struct step_output_entry *entries; /* each key once, in the order of first sight */
    size_t count;
};

/* A malformed line is an error that names it. Everything in the list lives in `arena`. */
int step_output_parse(struct str text, struct arena *arena, struct step_output_list *ret_list, struct err *err);
/* The text as a value of `type`: string, integer, number, boolean, json, path, list or map. */
int step_output_value(const char *type, struct str text, struct arena *arena, struct json *ret_value, struct err *err);
/* Is a value that a script set of `type`? An empty map counts as an empty list (Lua has one table for both). */
int step_output_check(const char *type, const struct json *value, struct err *err);
/* All together: `declared` {NAME: TYPE} against what stands in the file and what was `set` through the host already
 * ({NAME: value}, which is not checked again). Gives the values of the file; or every problem in one message: outputs
 * that are not declared, of another type, or missing. */
int step_output_settle(const struct json *declared, const struct step_output_list *list, const struct json *set,
                       struct arena *arena, struct json *ret_values, struct err *err);

#endif
