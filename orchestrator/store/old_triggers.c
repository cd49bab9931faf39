/* SPDX-License-Identifier: Apache-2.0 */
#include "store/old_triggers.h"

#include "base/strbuf.h"
#include "digest/digest.h"
#include "store/stmt.h"

#include <stdlib.h>
#include <string.h>

/* A schedule and what it makes of times knows by itself how far it is; runs end once. */
static bool comes_from_outside(const char *kind)
{
    static const char *const inside[] = {"schedule", "backfill", "pipeline"};
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        if (strcmp(kind, inside[i]) == 0) {
            return false;
        }
    }
    return true;
}

static int64_t mark_of(const char *pipeline, const char *kind, const char *trigger_id, const char *key)
{
    const char *parts[] = {pipeline, kind, trigger_id, key};
    struct strbuf text;
    char first[17];
    strbuf_init(&text, 16 << 20);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        strbuf_printf(&text, "%zu:", strlen(parts[i]));
        strbuf_add_text(&text, parts[i]);
    }
    struct digest digest = digest_bytes(strbuf_str(&text));
    strbuf_clear(&text);
    memcpy(first, digest.hex, 16);
    first[16] = '\0';
    return (int64_t)strtoull(first, NULL, 16);
}

int trigger_mark_is_there(struct store *store, const char *pipeline, const char *kind, const char *trigger_id,
                          const char *key, struct err *err)
{
    if (!comes_from_outside(kind)) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT 1 FROM trigger_marks WHERE mark = :mark");
    stmt_int(s, ":mark", mark_of(pipeline, kind, trigger_id, key));
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

static int add_mark(struct store *store, int64_t mark, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO trigger_marks (mark) VALUES (:mark) ON CONFLICT DO NOTHING");
    stmt_int(s, ":mark", mark);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* ---- which ------------------------------------------------------------------------------------------------------ */

/* The newest stays, so that no number is given twice. */
#define OLD_TRIGGERS                                                                                                   \
    "FROM triggers AS t WHERE t.received_ms < :before AND t.settled_ms < :before AND NOT EXISTS (SELECT 1 FROM "       \
    "pipeline_runs AS r WHERE r.run_id = t.run_id) AND t.id < (SELECT max(id) FROM triggers)"
#define OLD_BACKFILLS "FROM backfills WHERE ended_ms < :before"
#define OLD_SCHEDULES "FROM settled_schedules WHERE in_force = 0 AND paused_ms IS NULL AND decided_ms < :before"

static int count_one(struct store *store, const char *sql, int64_t before_ms, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_int(s, ":before", before_ms);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_old_triggers_count(struct store *store, int64_t before_ms, struct old_triggers *ret, struct err *err)
{
    return count_one(store, "SELECT count(*) " OLD_TRIGGERS, before_ms, &ret->triggers, err) < 0 ||
                   count_one(store, "SELECT count(*) " OLD_BACKFILLS, before_ms, &ret->backfills, err) < 0 ||
                   count_one(store, "SELECT count(*) " OLD_SCHEDULES, before_ms, &ret->schedules, err) < 0
               ? -1
               : 0;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

struct old_row {
    int64_t id;
    int64_t mark;
    bool marked;
};

static int find_old(struct store *store, int64_t before_ms, int64_t limit, struct arena *arena, struct old_row **ret,
                    size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT t.id, t.pipeline, t.kind, t.trigger_id, t.key, t.outcome = 'duplicate' "
                                     OLD_TRIGGERS " ORDER BY t.id LIMIT :limit");
    struct old_row *rows = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    stmt_int(s, ":before", before_ms);
    stmt_int(s, ":limit", limit);
    while ((row = stmt_step(s, err)) == 1) {
        const char *kind = stmt_column_text(s, 2, arena);
        rows = arena_grow(arena, rows, count, &room, sizeof *rows);
        rows[count++] = (struct old_row){
            .id = stmt_column_int(s, 0),
            .mark = mark_of(stmt_column_text(s, 1, arena), kind, stmt_column_text(s, 3, arena),
                            stmt_column_text(s, 4, arena)),
            .marked = comes_from_outside(kind) && stmt_column_int(s, 5) == 0,
        };
    }
    stmt_done(s);
    *ret = rows;
    *ret_count = count;
    return row;
}

static int remove_triggers(struct store *store, int64_t before_ms, int64_t limit, struct arena *arena, int64_t *ret,
                           struct err *err)
{
    struct old_row *rows = NULL;
    size_t count = 0;
    if (find_old(store, before_ms, limit, arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, "DELETE FROM triggers WHERE id = :id");
        stmt_int(s, ":id", rows[i].id);
        if (stmt_run_one(s, "removing a trigger", err) < 0 ||
            (rows[i].marked && add_mark(store, rows[i].mark, err) < 0)) {
            return -1;
        }
    }
    *ret = (int64_t)count;
    return 0;
}

static int remove_plain(struct store *store, const char *sql, int64_t before_ms, int64_t limit, int64_t *ret,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_int(s, ":before", before_ms);
    stmt_int(s, ":limit", limit);
    *ret = stmt_run(s, err);
    return *ret < 0 ? -1 : 0;
}

int store_old_triggers_remove(struct store *store, int64_t before_ms, int64_t limit, struct old_triggers *ret,
                              struct err *err)
{
    static const char backfills[] =
        "DELETE FROM backfills WHERE id IN (SELECT id " OLD_BACKFILLS " ORDER BY id LIMIT :limit)";
    static const char schedules[] = "DELETE FROM settled_schedules WHERE (pipeline, schedule) IN (SELECT pipeline, "
                                    "schedule " OLD_SCHEDULES " LIMIT :limit)";
    struct arena *arena = arena_new();
    *ret = (struct old_triggers){0};
    int result = remove_triggers(store, before_ms, limit, arena, &ret->triggers, err) < 0 ||
                         remove_plain(store, backfills, before_ms, limit, &ret->backfills, err) < 0 ||
                         remove_plain(store, schedules, before_ms, limit, &ret->schedules, err) < 0
                     ? -1
                     : 0;
    arena_free(arena);
    return result;
}
