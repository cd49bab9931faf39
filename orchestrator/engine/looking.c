/* SPDX-License-Identifier: Apache-2.0
 * What others may see of open runs.
 */
#include "engine/engine_internal.h"

const struct run_changes *engine_changes(struct engine *engine, const char *run_id)
{
    const struct open_run *open = open_run_find(engine, run_id);
    return open == NULL ? NULL : &open->changes;
}

const struct run *engine_find_run(struct engine *engine, const char *run_id)
{
    struct open_run *open = open_run_find(engine, run_id);
    return open == NULL ? NULL : open->run;
}

bool engine_run_is_over(struct engine *engine, const char *run_id)
{
    return !engine->reload && open_run_find(engine, run_id) == NULL;
}

bool engine_has_open_runs(const struct engine *engine)
{
    return engine->reload || engine->runs.count > 0;
}

double engine_progress(struct engine *engine, const char *run_id, struct run_place place, const char **ret_text)
{
    struct open_run *open = open_run_find(engine, run_id);
    struct live_attempt *attempt = open == NULL ? NULL : attempt_at(engine, open, place);
    *ret_text = attempt == NULL || attempt->progress_text == NULL ? "" : attempt->progress_text;
    return attempt == NULL ? -1 : attempt->progress;
}
