/* SPDX-License-Identifier: Apache-2.0
 * What the engine has in memory is a copy of rows: all open runs and live attempts.
 */
#include "base/log.h"
#include "engine/engine_internal.h"
#include "engine/heirs.h"
#include "engine/targets.h"
#include "store/torn_runs.h"

void memory_drop(struct engine *engine)
{
    while (engine->attempts.count > 0) {
        attempt_drop(engine, engine->attempts.items[engine->attempts.count - 1]);
    }
    while (engine->runs.count > 0) {
        open_run_drop(engine, engine->runs.items[engine->runs.count - 1]);
    }
    leases_clear(engine);
    engine->heirs.count = 0;
    engine->wakes.count = 0;
    engine->outgoing.count = 0;
}

static void load_attempt(void *ctx, const struct attempt_row *row)
{
    struct engine *engine = ctx;
    struct open_run *open = open_run_find(engine, row->run_id);
    if (open != NULL) {
        (void)attempt_add(engine, open, row);
    }
}

static int check_whole(const struct pipeline_run *row, const struct torn_run *torn, size_t torn_count, struct err *err)
{
    for (size_t i = 0; i < torn_count; i++) {
        if (strcmp(torn[i].run_id, row->run_id) == 0) {
            return err_set(err, ERR_STATE, "the store lacks rows of it in the table '%s': somebody has removed them",
                           torn[i].table);
        }
    }
    return 0;
}

int memory_load(struct engine *engine, struct err *err)
{
    memory_drop(engine);
    turn_forget(engine);
    struct pipeline_run_filter filter = {.open = true};
    struct pipeline_run *rows = NULL;
    struct torn_run *torn = NULL;
    size_t count = 0;
    size_t torn_count = 0;
    if (store_pipeline_run_list(engine->options.store, &filter, engine->turn, &rows, &count, err) < 0) {
        return -1;
    }
    if (store_torn_runs(engine->options.store, engine->turn, &torn, &torn_count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct open_run *open = NULL;
        struct err wrong = {0};
        if (check_whole(&rows[i], torn, torn_count, &wrong) == 0 &&
            open_run_load(engine, &rows[i], &open, &wrong) == 0) {
            open->look = true; /* what was read and not committed is read again: no doorbell rings twice */
            if (free_heirs_load(engine, open, err) < 0) {
                return -1;
            }
            continue;
        }
        if (store_has_failed(&wrong)) {
            *err = wrong;
            return err_add(err, "loading run %s", rows[i].run_id);
        }
        /* One run that cannot go on (its definition is none of this version) must not keep the home from the others. */
        log_error("engine", "%s (%s) cannot go on: %s ('sluice cancel %s' ends it)", run_words(engine->turn, &rows[i]),
                  rows[i].run_id, wrong.message, rows[i].run_id);
    }
    if (store_attempts_open(engine->options.store, load_attempt, engine, err) < 0 || leases_load(engine, err) < 0 ||
        targets_load(engine, err) < 0 || store_attempt_last_id(engine->options.store, &engine->last_id, err) < 0) {
        return -1;
    }
    engine->given_id = 0;
    engine->next_wait_check_ms = 1; /* at once, though the wall clock may be a ms behind itself at the next look */
    engine->reload = false;
    engine->unsettled = true;
    return 0;
}
