/* SPDX-License-Identifier: Apache-2.0 */
#include "store/deliveries.h"

#include "base/siphash.h"
#include "store/channels.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>

enum { FORGET_EVERY = 16, FORGET_AT_ONCE = 100 };

#define COLUMNS                                                                                                        \
    "id, delivery_id, receiver, address, event, object, body, is_test, state, tries, next_ms, created_ms, since_ms, "  \
    "tried_ms, ended_ms, status, error "

uint64_t store_deliveries_changes(const struct store *store)
{
    return store->delivery_changes + 1;
}

void store_deliveries_note(struct store *store)
{
    store->delivery_changes++;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

int store_deliveries_wanted(struct store *store, const char *event, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM webhook_events AS e JOIN webhooks AS w USING (webhook_id) "
                                     "WHERE e.event = :event AND w.status = 'ACTIVE' LIMIT 1");
    stmt_text(s, ":event", event);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

static int find_receivers(struct store *store, const struct delivery_order *order, struct arena *arena,
                          const char ***ret, size_t *ret_count, struct err *err)
{
    if (order->receiver != NULL) {
        *ret = arena_array(arena, 1, sizeof **ret);
        (*ret)[0] = order->receiver;
        *ret_count = 1;
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT w.webhook_id FROM webhook_events AS e JOIN webhooks AS w "
                                     "USING (webhook_id) WHERE e.event = :event AND w.status = 'ACTIVE'");
    stmt_text(s, ":event", order->event);
    return stmt_read_rows(s, stmt_read_text, sizeof **ret, arena, ret, ret_count, err);
}

/* What is known of a receiver. Its place is another's when their names meet there: then less is known, that is all. */
static struct store_queue *queue_of(struct store *store, const char *receiver)
{
    static const struct siphash_key same_in_each_process = {{0, 0}};
    struct store_queue *queue = &store->queues[siphash(same_in_each_process, str_from(receiver)) % STORE_QUEUES];
    if (strcmp(queue->receiver, receiver) != 0) {
        *queue = (struct store_queue){0};
        (void)snprintf(queue->receiver, sizeof queue->receiver, "%s", receiver);
    }
    return queue;
}

/* A number that `sql` gives for the receiver. */
static int ask(struct store *store, const char *sql, const char *receiver, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    if (receiver != NULL) {
        stmt_text(s, ":receiver", receiver);
    }
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

/* Does the receiver have as many as it may? Counting takes long when many wait. Each that comes has a new id, so that
 * it is done again only after as many ids as it had room. What somebody in another process sends again has an old one:
 * it may be one too many. */
static int is_full(struct store *store, const char *receiver, struct err *err)
{
    struct store_queue *queue = queue_of(store, receiver);
    int64_t newest = 0;
    int64_t waiting = 0;
    if (ask(store, "SELECT max(id) FROM deliveries", NULL, &newest, err) < 0) {
        return -1;
    }
    if (newest >= queue->counted_at_id && newest < queue->roomy_to_id) {
        return 0;
    }
    if (ask(store, "SELECT count(*) FROM deliveries WHERE receiver = :receiver AND state = 'waiting'", receiver,
            &waiting, err) < 0) {
        return -1;
    }
    queue->counted_at_id = newest;
    queue->roomy_to_id = newest + DELIVERIES_WAITING_MAX - waiting;
    return waiting >= DELIVERIES_WAITING_MAX;
}

/* 1 when one waits in the line of `object`, 0 when not. */
static int has_waiting(struct store *store, const char *receiver, const char *object, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM deliveries WHERE receiver = :receiver AND object = :object "
                                     "AND state = 'waiting' LIMIT 1");
    stmt_text(s, ":receiver", receiver);
    stmt_text(s, ":object", object);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

static int insert(struct store *store, const struct delivery_order *order, const char *receiver, int64_t now_ms,
                  struct arena *arena, const char **ret_delivery_id, struct err *err)
{
    bool is_test = order->is_test;
    int full = is_test ? 0 : is_full(store, receiver, err);
    int behind = full != 0 || is_test ? full : has_waiting(store, receiver, order->object, err);
    if (behind < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(
        store, "INSERT INTO deliveries (delivery_id, receiver, address, event, object, body, is_test, state, tries, "
               "next_ms, created_ms, since_ms, tried_ms, ended_ms, status, error) VALUES (" SQL_UUID ", :receiver, "
               ":address, :event, :object, :body, :test, :state, 0, :next, :now, :now, 0, :ended, 0, "
               ":error) RETURNING delivery_id");
    stmt_text(s, ":receiver", receiver);
    stmt_text(s, ":address", order->address == NULL ? "" : order->address);
    stmt_text(s, ":event", order->event);
    stmt_text(s, ":object", order->object);
    stmt_text(s, ":body", order->body);
    stmt_int(s, ":test", is_test);
    stmt_text(s, ":state", full == 1 ? "dropped" : "waiting");
    if (behind != 0) {
        stmt_null(s, ":next");
    } else {
        stmt_int(s, ":next", now_ms);
    }
    stmt_int(s, ":now", now_ms);
    stmt_int(s, ":ended", full == 1 ? now_ms : 0);
    stmt_text(s, ":error", full == 1 ? "too many were waiting for it" : "");
    int row = stmt_step(s, err);
    if (row == 1 && ret_delivery_id != NULL) {
        *ret_delivery_id = stmt_column_text(s, 0, arena);
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_deliveries_add(struct store *store, const struct delivery_order *order, int64_t now_ms, struct arena *arena,
                         const char **ret_delivery_id, struct err *err)
{
    const char **receivers = NULL;
    size_t count = 0;
    if (find_receivers(store, order, arena, &receivers, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (insert(store, order, receivers[i], now_ms, arena, ret_delivery_id, err) < 0) {
            return -1;
        }
    }
    store_deliveries_note(store);
    return 0;
}

/* ---- what is due ------------------------------------------------------------------------------------------------ */

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct delivery *)item = (struct delivery){
        .id = stmt_column_int(s, 0),
        .delivery_id = stmt_column_text(s, 1, arena),
        .receiver = stmt_column_text(s, 2, arena),
        .address = stmt_column_text(s, 3, arena),
        .event = stmt_column_text(s, 4, arena),
        .object = stmt_column_text(s, 5, arena),
        .body = stmt_column_text(s, 6, arena),
        .is_test = stmt_column_int(s, 7) != 0,
        .state = stmt_column_text(s, 8, arena),
        .tries = stmt_column_int(s, 9),
        .next_ms = stmt_column_int(s, 10),
        .created_ms = stmt_column_int(s, 11),
        .since_ms = stmt_column_int(s, 12),
        .tried_ms = stmt_column_int(s, 13),
        .ended_ms = stmt_column_int(s, 14),
        .status = stmt_column_int(s, 15),
        .error = stmt_column_text(s, 16, arena),
    };
}

int store_deliveries_due(struct store *store, const char *receiver, int64_t now_ms, size_t limit,
                         struct arena *arena, struct delivery **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM deliveries WHERE receiver = :receiver "
                                     "AND next_ms IS NOT NULL AND next_ms <= :now ORDER BY next_ms, id LIMIT :limit");
    stmt_text(s, ":receiver", receiver);
    stmt_int(s, ":now", now_ms);
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

static void read_due_receiver(struct stmt *s, struct arena *arena, void *item)
{
    *(struct due_receiver *)item = (struct due_receiver){
        .receiver = stmt_column_text(s, 0, arena),
        .tried = stmt_column_int(s, 1) > 0,
    };
}

int store_deliveries_who(struct store *store, int64_t now_ms, struct arena *arena, struct due_receiver **ret,
                         size_t *ret_count, int64_t *ret_next_ms, struct err *err)
{
    int row = 0;
    *ret_next_ms = 0;
    struct stmt *s = stmt_get(store, "SELECT min(next_ms) FROM deliveries WHERE next_ms IS NOT NULL "
                                     "AND next_ms > :now");
    stmt_int(s, ":now", now_ms);
    if ((row = stmt_step(s, err)) == 1) {
        *ret_next_ms = stmt_column_int(s, 0);
    }
    stmt_done(s);
    if (row < 0) {
        return -1;
    }
    struct stmt *who = stmt_get(store, "SELECT receiver, tries FROM (SELECT r.receiver, (SELECT d.tries FROM "
                                       "deliveries AS d WHERE d.receiver = r.receiver AND d.next_ms IS NOT NULL AND "
                                       "d.next_ms <= :now ORDER BY d.next_ms LIMIT 1) AS tries FROM (SELECT webhook_id "
                                       "AS receiver FROM webhooks UNION ALL SELECT 'channel/' || name FROM channels) "
                                       "AS r) WHERE tries IS NOT NULL");
    stmt_int(who, ":now", now_ms);
    return stmt_read_rows(who, read_due_receiver, sizeof **ret, arena, ret, ret_count, err);
}

int store_delivery_waits(struct store *store, int64_t id, const char *delivery_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM deliveries WHERE id = :id AND delivery_id = :delivery "
                                     "AND state = 'waiting'");
    stmt_int(s, ":id", id);
    stmt_text(s, ":delivery", delivery_id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

/* ---- what came of it -------------------------------------------------------------------------------------------- */

/* The first of the line may go. */
static int let_next(struct store *store, const char *receiver, const char *object, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE deliveries SET next_ms = :now WHERE next_ms IS NULL AND id = (SELECT id "
                                     "FROM deliveries WHERE receiver = :receiver AND object = :object "
                                     "AND state = 'waiting' ORDER BY id LIMIT 1)");
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":receiver", receiver);
    stmt_text(s, ":object", object);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* A bound for what is kept, as the log of a receiver that is told of much would grow for ever. Finding the oldest goes
 * through all that are kept: some more may be there between two times. Where there are many of them the next time is
 * the next end. */
static int forget_old(struct store *store, const char *receiver, struct err *err)
{
    struct store_queue *queue = queue_of(store, receiver);
    if (queue->ended++ % FORGET_EVERY != 0) {
        return 0;
    }
    struct stmt *s =
        stmt_get(store, "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE receiver = :receiver "
                        "AND state <> 'waiting' ORDER BY id DESC LIMIT :most OFFSET :kept)");
    stmt_text(s, ":receiver", receiver);
    stmt_int(s, ":most", FORGET_AT_ONCE);
    stmt_int(s, ":kept", DELIVERIES_KEPT);
    int64_t gone = stmt_run(s, err);
    queue->ended = gone == FORGET_AT_ONCE ? 0 : queue->ended;
    return gone < 0 ? -1 : 0;
}

int store_delivery_tried(struct store *store, const struct delivery *delivery, const struct delivery_outcome *outcome,
                         int64_t now_ms, struct err *err)
{
    bool ended = strcmp(outcome->state, "waiting") != 0;
    struct stmt *s = stmt_get(store, "UPDATE deliveries SET state = :state, tries = tries + 1, next_ms = :next, "
                                     "tried_ms = :now, ended_ms = :ended, status = :status, error = :error "
                                     "WHERE id = :id AND delivery_id = :delivery AND state = 'waiting'");
    stmt_text(s, ":state", outcome->state);
    if (ended) {
        stmt_null(s, ":next");
    } else {
        stmt_int(s, ":next", outcome->next_ms);
    }
    stmt_int(s, ":now", now_ms);
    stmt_int(s, ":ended", ended ? now_ms : 0);
    stmt_int(s, ":status", outcome->status);
    stmt_text(s, ":error", outcome->error);
    stmt_int(s, ":id", delivery->id);
    stmt_text(s, ":delivery", delivery->delivery_id);
    int64_t changed = stmt_run(s, err);
    store_deliveries_note(store);
    if (changed <= 0 || !ended) {
        return changed < 0 ? -1 : 0;
    }
    return let_next(store, delivery->receiver, delivery->object, now_ms, err) < 0
               ? -1
               : forget_old(store, delivery->receiver, err);
}

int store_deliveries_drop(struct store *store, const char *receiver, const char *why, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE deliveries SET state = 'dropped', next_ms = NULL, ended_ms = :now, "
                                     "error = :why "
                                     "WHERE receiver = :receiver AND state = 'waiting' AND is_test = 0");
    stmt_text(s, ":why", why);
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":receiver", receiver);
    store_deliveries_note(store);
    return stmt_run(s, err) < 0 ? -1 : forget_old(store, receiver, err);
}

/* Does the receiver get anything? 0, or ERR_STATE in words. */
static int check_receiver(struct store *store, const struct delivery *delivery, struct arena *arena, struct err *err)
{
    const char *channel = delivery_channel(delivery->receiver);
    struct webhook webhook;
    struct channel_state state;
    if (channel != NULL) {
        return store_channel_get(store, channel, arena, &state, err) < 0 ? -1
               : state.disabled_ms != 0 && !delivery->is_test
                   ? err_set(err, ERR_STATE, "channel '%s' is disabled (%s): 'sluice channels enable %s' ends that",
                             channel, state.reason, channel)
                   : 0;
    }
    return store_webhook_get(store, delivery->receiver, arena, &webhook, err) < 0 ? -1
           : !webhook.active && !delivery->is_test
               ? err_set(err, ERR_STATE, "webhook '%s' is disabled: it gets nothing until it is active", webhook.name)
               : 0;
}

int store_delivery_again(struct store *store, const char *delivery_id, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct delivery delivery;
    int result = store_delivery_get(store, delivery_id, arena, &delivery, err) < 0 ||
                         check_receiver(store, &delivery, arena, err) < 0
                     ? -1
                     : 0;
    if (result == 0 && delivery.ended_ms == 0) {
        result = err_set(err, ERR_STATE, "delivery %s waits already", delivery.delivery_id);
    }
    if (result == 0) {
        struct stmt *s = stmt_get(store, "UPDATE deliveries SET state = 'waiting', tries = 0, next_ms = :now, "
                                         "since_ms = :now, ended_ms = 0 WHERE id = :id");
        stmt_int(s, ":now", now_ms);
        stmt_int(s, ":id", delivery.id);
        result = stmt_run_one(s, "delivering again", err);
        queue_of(store, delivery.receiver)->roomy_to_id = 0;
        store_deliveries_note(store);
    }
    arena_free(arena);
    return result;
}

int store_deliveries_move(struct store *store, int64_t by_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE deliveries SET next_ms = next_ms + :by, since_ms = since_ms + :by "
                                     "WHERE next_ms IS NOT NULL");
    stmt_int(s, ":by", by_ms);
    store_deliveries_note(store);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

int store_delivery_get(struct store *store, const char *delivery_id, struct arena *arena, struct delivery *ret,
                       struct err *err)
{
    struct delivery *items = NULL;
    size_t count = 0;
    struct str id = str_from(delivery_id);
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM deliveries WHERE delivery_id >= :from "
                                     "AND delivery_id < :to ORDER BY delivery_id LIMIT 2");
    stmt_str(s, ":from", id);
    stmt_text(s, ":to", arena_printf(arena, "%s~", delivery_id));
    if (stmt_read_rows(s, read_row, sizeof *items, arena, &items, &count, err) < 0) {
        return -1;
    }
    if (count == 0 || id.n == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no delivery '%s': 'sluice webhooks deliveries' lists them",
                       delivery_id);
    }
    if (count > 1) {
        return err_set(err, ERR_INPUT, "'%s' is the beginning of several deliveries: expected more of it", delivery_id);
    }
    *ret = items[0];
    return 0;
}

int store_delivery_list(struct store *store, const char *receiver, const char *state, int64_t before, int64_t limit,
                        struct arena *arena, struct delivery **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM deliveries WHERE (:receiver IS NULL OR receiver = "
                                     ":receiver) AND (:state IS NULL OR state = :state) AND "
                                     "(:before = 0 OR id < :before) ORDER BY id DESC LIMIT :limit");
    stmt_text(s, ":receiver", receiver);
    stmt_text(s, ":state", state);
    stmt_int(s, ":before", before);
    stmt_int(s, ":limit", limit);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}
