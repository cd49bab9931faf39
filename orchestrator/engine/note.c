/* SPDX-License-Identifier: Apache-2.0
 * What the engine says of itself in the activity log.
 */
#include "engine/engine_internal.h"
#include "store/activity.h"

int engine_note(struct engine *engine, const char *actor, const char *action, const char *object, const char *object_id,
                const char *from, const char *to, const char *reason, const char *evidence, struct err *err)
{
    struct activity activity = {
        .at_ms = engine_now(engine),
        .actor = actor,
        .action = action,
        .object = object,
        .object_id = object_id,
        .from_state = from,
        .to_state = to,
        .reason = reason == NULL ? "" : reason,
        .evidence_sha256 = evidence,
    };
    return store_activity_append(engine->options.store, &activity, err);
}

const char *run_words(struct arena *arena, const struct pipeline_run *row)
{
    char label[32];
    pipeline_run_label(row, label);
    return arena_printf(arena, "run %s %s", row->pipeline, label);
}
