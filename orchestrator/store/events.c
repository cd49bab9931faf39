/* SPDX-License-Identifier: Apache-2.0 */
#include "store/events.h"

#include "store/activity.h"
#include "store/deliveries.h"
#include "store/store_internal.h"

uint64_t store_events_changes(const struct store *store)
{
    return store->event_changes + 1;
}

int store_telling_set(struct store *store, bool on, int64_t now_ms, struct err *err)
{
    store->known.has_telling = false;
    if (on) {
        struct stmt *s = stmt_get(store, "INSERT INTO telling (one, since_ms) VALUES (1, :now) ON CONFLICT DO NOTHING");
        stmt_int(s, ":now", now_ms);
        return stmt_run(s, err) < 0 ? -1 : 0;
    }
    return stmt_run(stmt_get(store, "DELETE FROM telling"), err) < 0 ||
                   stmt_run(stmt_get(store, "DELETE FROM told_events"), err) < 0
               ? -1
               : 0;
}

int store_telling_is_on(struct store *store, struct err *err)
{
    if (store->known.has_telling) {
        return store->known.is_telling ? 1 : 0;
    }
    struct stmt *s = stmt_get(store, "SELECT 1 FROM telling");
    int row = stmt_step(s, err);
    stmt_done(s);
    store->known.has_telling = store->in_transaction && row >= 0;
    store->known.is_telling = row == 1;
    return row;
}

static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

int store_event_add(struct store *store, const struct told_event *event, struct err *err)
{
    int on = store_telling_is_on(store, err);
    if (on <= 0) {
        return on;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO told_events (event_id, type, at_ms, object, object_id, data) "
                                     "VALUES (" SQL_UUID ", :type, :at, :object, :object_id, :data)");
    stmt_text(s, ":type", event->type);
    stmt_int(s, ":at", event->at_ms);
    stmt_text(s, ":object", text_of(event->object));
    stmt_text(s, ":object_id", text_of(event->object_id));
    stmt_text(s, ":data", event->data == NULL ? "{}" : event->data);
    store->event_changes++;
    return stmt_run_one(s, "recording what is to be told", err);
}

static void add_text(struct arena *arena, struct json *object, const char *key, const char *text)
{
    if (text != NULL && *text != '\0') {
        json_add(arena, object, key, json_cstring(arena, text));
    }
}

int store_event_of_activity(struct store *store, const struct activity *entry, struct err *err)
{
    int on = store_telling_is_on(store, err);
    if (on <= 0) {
        return on;
    }
    struct arena *arena = arena_new();
    struct json data = json_object();
    add_text(arena, &data, "actor", entry->actor);
    add_text(arena, &data, "from", entry->from_state);
    add_text(arena, &data, "to", entry->to_state);
    add_text(arena, &data, "reason", entry->reason);
    add_text(arena, &data, "evidence_sha256", entry->evidence_sha256);
    const struct told_event event = {
        .type = entry->action,
        .at_ms = entry->at_ms,
        .object = entry->object,
        .object_id = entry->object_id,
        .data = json_text(arena, &data).p,
    };
    int result = store_event_add(store, &event, err);
    arena_free(arena);
    return result;
}

static void read_event(struct stmt *s, struct arena *arena, void *item)
{
    *(struct told_event *)item = (struct told_event){
        .id = stmt_column_int(s, 0),
        .event_id = stmt_column_text(s, 1, arena),
        .type = stmt_column_text(s, 2, arena),
        .at_ms = stmt_column_int(s, 3),
        .object = stmt_column_text(s, 4, arena),
        .object_id = stmt_column_text(s, 5, arena),
        .data = stmt_column_text(s, 6, arena),
    };
}

int store_events_next(struct store *store, size_t limit, struct arena *arena, struct told_event **ret,
                      size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, event_id, type, at_ms, object, object_id, data FROM told_events "
                                     "ORDER BY id LIMIT :limit");
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_event, sizeof **ret, arena, ret, ret_count, err);
}

int store_event_forget(struct store *store, int64_t id, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM told_events WHERE id = :id");
    stmt_int(s, ":id", id);
    return stmt_run_one(s, "telling of an event", err);
}
