/* SPDX-License-Identifier: Apache-2.0
 * Stages of model versions: `move` alone changes them.
 */
#include "store/guards.h"
#include "store/model_events.h"
#include "store/registry_internal.h"

#include <string.h>
#include <strings.h>

static const char *const stages[] = {"None", "Staging", "Production", "Archived"};
enum { STAGE_COUNT = sizeof stages / sizeof stages[0] };

const char *stage_parse(const char *text, struct err *err)
{
    for (size_t i = 0; i < STAGE_COUNT; i++) {
        if (strcasecmp(stages[i], text) == 0) {
            return stages[i];
        }
    }
    (void)err_set(err, ERR_INPUT,
                  "Invalid Model Version stage: %.200s. Value must be one of None, Staging, Production, Archived.",
                  text);
    return NULL;
}

static const char none[] = "None";

/* One end of a move: the version comes into the stage, or leaves it. Nothing is asked of None and Archived, where
 * nobody looks for what serves, unless a guard names them. */
static int pass(struct store *store, const struct model_version *version, const char *stage, bool removes,
                const struct mover *by, int64_t now_ms, struct arena *arena, struct err *err)
{
    struct guard_answer answer;
    const struct guard_question question = {.kind = GUARD_STAGE,
                                            .names = &stage,
                                            .name_count = 1,
                                            .model = version->name,
                                            .version = version->version,
                                            .removes = removes};
    if (stage == none || strcmp(stage, none) == 0) {
        return 0;
    }
    if (guard_require(store, &question, arena, &answer, err) < 0) {
        return -1;
    }
    struct alias_move record = {.name = version->name,
                                .kind = "stage",
                                .alias = stage,
                                .from_version = removes ? version->version : 0,
                                .to_version = removes ? 0 : version->version,
                                .model_id = version->model_id,
                                .at_ms = now_ms};
    alias_move_fill(&record, by, &answer);
    return alias_move_record(store, &record, err);
}

int stage_leave(struct store *store, const char *name, int64_t version, const struct mover *by, int64_t now_ms,
                struct err *err)
{
    struct arena *arena = arena_new();
    struct model_version found;
    int result = store_version_get(store, name, version, arena, &found, err) < 0
                     ? -1
                     : pass(store, &found, found.stage, true, by, now_ms, arena, err);
    arena_free(arena);
    return result;
}

int stage_enter(struct store *store, const char *name, int64_t version, const char *stage, const struct mover *by,
                int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct model_version found;
    int result = store_version_get(store, name, version, arena, &found, err) < 0
                     ? -1
                     : pass(store, &found, stage, false, by, now_ms, arena, err);
    arena_free(arena);
    return result;
}

static int write_stage(struct store *store, const char *name, int64_t version, const char *stage, int64_t now_ms,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE model_versions SET stage = :stage, updated_ms = :now "
                                     "WHERE name = :name AND version = :version" VERSION_ALIVE);
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    stmt_text(s, ":stage", stage);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? registry_no_version(name, version, err) : changed < 0 ? -1 : 0;
}

/* `stage` is canonical. Whatever guards a stage stands here. */
static int move(struct store *store, const char *name, int64_t version, const char *stage, const struct mover *by,
                int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct model_version found;
    int result = store_version_get(store, name, version, arena, &found, err);
    bool stays = result == 0 && strcmp(found.stage, stage) == 0;
    if (result == 0 && !stays) {
        result = pass(store, &found, found.stage, true, by, now_ms, arena, err) < 0 ||
                         pass(store, &found, stage, false, by, now_ms, arena, err) < 0
                     ? -1
                     : 0;
    }
    result = result < 0 ? -1 : write_stage(store, name, version, stage, now_ms, err);
    if (result == 0 && !stays) {
        const struct model_event event = {.kind = MODEL_EVENT_STAGE,
                                          .action = "changed",
                                          .name = name,
                                          .version = version,
                                          .what = stage,
                                          .was = found.stage,
                                          .by = by};
        result = model_event_tell(store, &event, now_ms, err);
    }
    arena_free(arena);
    return result;
}

static int archive_others(struct store *store, const char *name, int64_t version, const char *stage,
                          const struct mover *by, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT version FROM model_versions WHERE name = :name AND stage = :stage "
                                     "AND version <> :version");
    struct arena *arena = arena_new();
    int64_t *others = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    stmt_text(s, ":name", name);
    stmt_text(s, ":stage", stage);
    stmt_int(s, ":version", version);
    while ((row = stmt_step(s, err)) == 1) {
        others = arena_grow(arena, others, count, &room, sizeof *others);
        others[count++] = stmt_column_int(s, 0);
    }
    stmt_done(s);
    for (size_t i = 0; row == 0 && i < count; i++) {
        row = move(store, name, others[i], "Archived", by, now_ms, err);
    }
    arena_free(arena);
    return row;
}

int store_stage_set(struct store *store, const char *name, int64_t version, const char *stage, bool archive_existing,
                    const struct mover *by, int64_t now_ms, struct err *err)
{
    const char *to = stage_parse(stage, err);
    if (to == NULL) {
        return -1;
    }
    bool is_active = strcmp(to, "Staging") == 0 || strcmp(to, "Production") == 0;
    if (archive_existing && !is_active) {
        return err_set(err, ERR_INPUT,
                       "Model version transition cannot archive existing model versions because '%s' is not an Active "
                       "stage. Valid stages are ['Staging', 'Production']",
                       stage);
    }
    if (move(store, name, version, to, by, now_ms, err) < 0 ||
        (archive_existing && archive_others(store, name, version, to, by, now_ms, err) < 0)) {
        return -1;
    }
    return registry_touch(store, name, now_ms, err);
}

static int find_latest(struct store *store, const char *name, const char *stage, struct arena *arena,
                       struct model_version *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " VERSION_COLUMNS " FROM model_versions WHERE name = :name "
                                     "AND stage = :stage ORDER BY version DESC LIMIT 1");
    stmt_text(s, ":name", name);
    stmt_text(s, ":stage", stage);
    return stmt_read_row(s, version_read_row, arena, ret, err);
}

int store_version_latest(struct store *store, const char *name, const char *const *asked, size_t asked_count,
                         struct arena *arena, struct model_version **ret, size_t *ret_count, struct err *err)
{
    bool wanted[STAGE_COUNT] = {asked_count == 0, asked_count == 0, asked_count == 0, asked_count == 0};
    for (size_t i = 0; i < asked_count; i++) {
        const char *stage = stage_parse(asked[i], err);
        if (stage == NULL) {
            return -1;
        }
        for (size_t k = 0; k < STAGE_COUNT; k++) {
            wanted[k] = wanted[k] || stages[k] == stage;
        }
    }
    if (registry_require(store, name, err) < 0) {
        return -1;
    }
    struct model_version *found = arena_array(arena, STAGE_COUNT, sizeof *found);
    size_t count = 0;
    for (size_t k = 0; k < STAGE_COUNT; k++) {
        int row = wanted[k] ? find_latest(store, name, stages[k], arena, &found[count], err) : 0;
        if (row < 0) {
            return -1;
        }
        count += (size_t)row;
    }
    *ret = found;
    *ret_count = count;
    return 0;
}
