/* SPDX-License-Identifier: Apache-2.0
 * Where goes what a step says: to the runner over the channel (step_link.h), or to the fake host of `sluice lua`.
 */
#ifndef SLUICE_RUNNER_STEP_SINK_H
#define SLUICE_RUNNER_STEP_SINK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "wire/journal.h"

/* All functions return 0, or -1 with `err`. */
struct step_sink {
    void *ctx;
    /* {"kind", ...} as wire/journal.h has it. */
    int (*report)(void *ctx, const struct json *report, struct err *err);
    int (*metric)(void *ctx, const struct journal_point *point, struct err *err);
    /* `level` is an enum step_log_level. */
    void (*log)(void *ctx, int level, struct str text);
    /* Asks the store and waits: {"result": any} or {"error": {"code", "message"}}, in `arena`. -1 when no answer came.
     */
    int (*call)(void *ctx, const char *method, const struct json *params, struct arena *arena, struct json *ret_answer,
                struct err *err);
    /* A request as sluice-fetch takes it (fetch/request.h). -1 when no HTTP answer came. */
    int (*fetch)(void *ctx, const struct json *request, struct arena *arena, struct json *ret_head,
                 struct str *ret_body, struct err *err);
};

#endif
