/* SPDX-License-Identifier: Apache-2.0 */
#include "store/hook_deliveries.h"

#include "store/stmt.h"

#include <inttypes.h>
#include <string.h>

enum { OLD_AT_ONCE = 20 };
static const int64_t DAY_MS = 24 * INT64_C(3600000);

const char *const hook_outcome_names[] = {
    [HOOK_ACCEPTED] = "accepted", [HOOK_IGNORED] = "ignored", [HOOK_DUPLICATE] = "duplicate",
    [HOOK_REFUSED] = "refused",   NULL,
};

static enum hook_outcome outcome_of(struct str name)
{
    size_t i = 0;
    while (hook_outcome_names[i + 1] != NULL && !str_is(name, hook_outcome_names[i])) {
        i++;
    }
    return (enum hook_outcome)i;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

/* Of one kind of deliveries, where the newest stands; `kept_bytes` of all bodies with its own. */
struct standing {
    bool genuine;
    int64_t place, kept_bytes;
};

static int find_standing(struct store *store, struct standing *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT place, kept_bytes + coalesce(length(body), 0) FROM hook_deliveries "
                                     "WHERE is_genuine = :genuine ORDER BY place DESC LIMIT 1");
    stmt_int(s, ":genuine", ret->genuine);
    int row = stmt_step(s, err);
    ret->place = row == 1 ? stmt_column_int(s, 0) : 0;
    ret->kept_bytes = row == 1 ? stmt_column_int(s, 1) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static int run(struct stmt *s, struct err *err)
{
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static int remove_rows(struct store *store, const struct standing *standing, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM hook_deliveries WHERE is_genuine = :genuine AND place <= :place");
    stmt_int(s, ":genuine", standing->genuine);
    stmt_int(s, ":place", standing->place - (standing->genuine ? HOOK_GENUINE_MAX : HOOK_REFUSED_MAX));
    return run(s, err);
}

static int remove_bodies(struct store *store, const struct standing *standing, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE hook_deliveries SET body = NULL, key_id = '' WHERE "
                                     "is_genuine = :genuine AND kept_bytes < :bytes AND body IS NOT NULL");
    stmt_int(s, ":genuine", standing->genuine);
    stmt_int(s, ":bytes", standing->kept_bytes - (standing->genuine ? HOOK_GENUINE_BODIES : HOOK_REFUSED_BODIES));
    return run(s, err);
}

static int remove_old(struct store *store, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM hook_deliveries WHERE received_ms < :then AND id IN "
                                     "(SELECT id FROM hook_deliveries ORDER BY id LIMIT :most)");
    stmt_int(s, ":then", now_ms - HOOK_KEPT_DAYS * DAY_MS);
    stmt_int(s, ":most", OLD_AT_ONCE);
    return run(s, err);
}

static void bind_id(struct stmt *s, const char *name, int64_t id)
{
    if (id == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, id);
    }
}

static int insert(struct store *store, struct hook_delivery *d, const struct standing *standing, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO hook_deliveries (pipeline, provider, delivery_id, event_type, peer, received_ms, status, "
               "outcome, reason, trigger_row, replay_of, actor, headers, body_bytes, body_sha256, body, key_id, "
               "is_genuine, place, kept_bytes) VALUES (:pipeline, :provider, :delivery_id, :event_type, :peer, "
               ":received, :status, :outcome, :reason, :trigger, :replay_of, :actor, :headers, :bytes, :sha256, :body, "
               ":key_id, :genuine, :place, :kept)");
    stmt_text(s, ":pipeline", d->pipeline);
    stmt_text(s, ":provider", d->provider);
    stmt_text(s, ":delivery_id", d->delivery_id);
    stmt_text(s, ":event_type", d->event_type);
    stmt_text(s, ":peer", d->peer);
    stmt_int(s, ":received", d->received_ms);
    stmt_int(s, ":status", d->status);
    stmt_text(s, ":outcome", hook_outcome_names[d->outcome]);
    stmt_text(s, ":reason", d->reason);
    bind_id(s, ":trigger", d->trigger_row);
    bind_id(s, ":replay_of", d->replay_of);
    stmt_text(s, ":actor", d->actor);
    stmt_text(s, ":headers", d->headers);
    stmt_int(s, ":bytes", d->body_bytes);
    stmt_text(s, ":sha256", d->body_sha256);
    if (d->sealed.n == 0) {
        stmt_null(s, ":body");
    } else {
        stmt_blob(s, ":body", d->sealed.p, d->sealed.n);
    }
    stmt_text(s, ":key_id", d->sealed.n == 0 ? "" : d->key_id);
    stmt_int(s, ":genuine", standing->genuine);
    stmt_int(s, ":place", standing->place);
    stmt_int(s, ":kept", standing->kept_bytes - (int64_t)d->sealed.n);
    if (run(s, err) < 0) {
        return -1;
    }
    d->id = stmt_last_id(store);
    return 0;
}

int store_hook_delivery_add(struct store *store, struct hook_delivery *delivery, struct err *err)
{
    struct standing standing = {.genuine = delivery->outcome != HOOK_REFUSED};
    if (find_standing(store, &standing, err) < 0) {
        return -1;
    }
    standing.place++;
    standing.kept_bytes += (int64_t)delivery->sealed.n;
    return insert(store, delivery, &standing, err) < 0 || remove_rows(store, &standing, err) < 0 ||
                   remove_bodies(store, &standing, err) < 0
               ? -1
               : remove_old(store, delivery->received_ms, err);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "d.id, d.pipeline, d.provider, d.delivery_id, d.event_type, d.peer, d.received_ms, d.status, d.outcome, "          \
    "d.reason, d.trigger_row, d.replay_of, d.actor, d.headers, d.body_bytes, d.body_sha256, d.body IS NOT NULL, "      \
    "d.key_id, coalesce(t.outcome, ''), coalesce(r.pipeline || '/' || r.number || "                                    \
    "CASE WHEN r.revision > 1 THEN '.' || r.revision ELSE '' END, '') "
#define TABLES                                                                                                         \
    "FROM hook_deliveries AS d LEFT JOIN triggers AS t ON t.id = d.trigger_row "                                       \
    "LEFT JOIN pipeline_runs AS r ON r.run_id = t.run_id "

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct hook_delivery *)item = (struct hook_delivery){
        .id = stmt_column_int(s, 0),
        .pipeline = stmt_column_text(s, 1, arena),
        .provider = stmt_column_text(s, 2, arena),
        .delivery_id = stmt_column_text(s, 3, arena),
        .event_type = stmt_column_text(s, 4, arena),
        .peer = stmt_column_text(s, 5, arena),
        .received_ms = stmt_column_int(s, 6),
        .status = (int)stmt_column_int(s, 7),
        .outcome = outcome_of(stmt_column_view(s, 8)),
        .reason = stmt_column_text(s, 9, arena),
        .trigger_row = stmt_column_int(s, 10),
        .replay_of = stmt_column_int(s, 11),
        .actor = stmt_column_text(s, 12, arena),
        .headers = stmt_column_text(s, 13, arena),
        .body_bytes = stmt_column_int(s, 14),
        .body_sha256 = stmt_column_text(s, 15, arena),
        .has_body = stmt_column_int(s, 16) != 0,
        .key_id = stmt_column_text(s, 17, arena),
        .trigger_outcome = stmt_column_text(s, 18, arena),
        .run = stmt_column_text(s, 19, arena),
    };
}

int store_hook_delivery_get(struct store *store, int64_t id, struct arena *arena, struct hook_delivery *ret,
                            struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS ", d.body " TABLES "WHERE d.id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    if (row == 1) {
        read_row(s, arena, ret);
        ret->sealed = ret->has_body ? stmt_column_blob(s, 20, arena) : (struct str){0};
    }
    stmt_done(s);
    return row == 1 ? 0
           : row < 0 ? -1
                     : err_set(err, ERR_NOT_FOUND, "no delivery %" PRId64 ": 'sluice deliveries list' shows those that "
                                                   "are kept", id);
}

int store_hook_delivery_list(struct store *store, const struct hook_delivery_filter *filter, struct arena *arena,
                             struct hook_delivery **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS TABLES "WHERE (:pipeline IS NULL OR d.pipeline = :pipeline) AND "
                                     "(:outcome IS NULL OR d.outcome = :outcome) AND (:before = 0 OR d.id < :before) "
                                     "ORDER BY d.id DESC LIMIT :limit");
    stmt_text(s, ":pipeline", filter->pipeline);
    stmt_text(s, ":outcome", filter->outcome);
    stmt_int(s, ":before", filter->before);
    stmt_int(s, ":limit", filter->limit);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}
