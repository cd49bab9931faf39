/* SPDX-License-Identifier: Apache-2.0
 * The outbox of webhooks and channels. A row comes in the transaction of what it tells of, and is sent when that is
 * committed (engine/deliveries.c): at least once, since who was killed between sending and recording sends again, with
 * the same delivery id.
 *
 * Rows of one receiver and object are a line: they go out one after the other, in the order in which they came. A row
 * that has failed for good lets the next go on.
 */
#ifndef SLUICE_STORE_DELIVERIES_H
#define SLUICE_STORE_DELIVERIES_H

#include "store/webhooks.h"

enum {
    DELIVERIES_WAITING_MAX = 10000, /* of one receiver: what comes when so many wait is recorded as dropped */
    DELIVERIES_KEPT = 1000,         /* of one receiver, that have ended: older ones are removed, a few at a time */
};

/* A new UUID (RFC 9562, version 4), as an expression. */
#define SQL_UUID                                                                                                       \
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "        \
    "substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"

/* The NAME of "channel/NAME"; NULL: it is a webhook. */
static inline const char *delivery_channel(const char *receiver)
{
    static const struct str prefix = {"channel/", 8};
    return str_starts(str_from(receiver), prefix) ? receiver + prefix.n : NULL;
}

struct delivery {
    int64_t id;
    const char *delivery_id;
    const char *receiver; /* a webhook's id, or "channel/NAME" */
    const char *address;  /* of e-mail, of who subscribed; "" */
    const char *event;
    const char *object;
    const char *body;
    bool is_test;
    const char *state; /* waiting, delivered, failed, dropped */
    int64_t tries;
    int64_t next_ms; /* 0: it stands behind another, or has ended */
    int64_t created_ms;
    int64_t since_ms; /* from when on it is tried: made, or asked for again */
    int64_t tried_ms; /* 0: never */
    int64_t ended_ms; /* 0: it waits */
    int64_t status;   /* of the last answer; 0: none */
    const char *error;
};

/* For each active webhook that wants the event (or the one `receiver`, whatever it wants) a row. `*ret_delivery_id`,
 * unless NULL, is that of the last. */
struct delivery_order {
    const char *receiver; /* NULL: all webhooks that want it */
    const char *address;  /* NULL: "" */
    bool is_test;         /* waits behind nothing, and is tried once */
    const char *event;
    const char *object;
    const char *body;
};
int store_deliveries_add(struct store *store, const struct delivery_order *order, int64_t now_ms, struct arena *arena,
                         const char **ret_delivery_id, struct err *err);
/* Does an active webhook want this event? 1 or 0. */
int store_deliveries_wanted(struct store *store, const char *event, struct err *err);

/* What of one receiver is to be tried now, at most `limit`, the longest due first. */
int store_deliveries_due(struct store *store, const char *receiver, int64_t now_ms, size_t limit,
                         struct arena *arena, struct delivery **ret, size_t *ret_count, struct err *err);
/* One of whom something is due. */
struct due_receiver {
    const char *receiver;
    bool tried; /* what has been due for longest was tried before, to no end */
};
/* All of them, and when the next is, 0: none. */
int store_deliveries_who(struct store *store, int64_t now_ms, struct arena *arena, struct due_receiver **ret,
                         size_t *ret_count, int64_t *ret_next_ms, struct err *err);
/* Does it still wait? 1 or 0. */
int store_delivery_waits(struct store *store, int64_t id, const char *delivery_id, struct err *err);

/* What came of a try: `state` is what it is now; of "waiting", `next_ms` says when to try again. The next of its line
 * may go when it has ended. One that is gone, or has been dropped meanwhile, stays so. */
struct delivery_outcome {
    const char *state;
    int64_t next_ms;
    int64_t status;
    const char *error;
};
int store_delivery_tried(struct store *store, const struct delivery *delivery, const struct delivery_outcome *outcome,
                         int64_t now_ms, struct err *err);
/* All that waits for the receiver, but tests. */
int store_deliveries_drop(struct store *store, const char *receiver, const char *why, int64_t now_ms, struct err *err);
/* One that has ended is to go out again: ERR_NOT_FOUND, or ERR_STATE when it waits or its receiver is disabled. */
int store_delivery_again(struct store *store, const char *delivery_id, int64_t now_ms, struct err *err);
/* The wall clock has jumped: times to come move with it. */
int store_deliveries_move(struct store *store, int64_t by_ms, struct err *err);

/* By its id, or its first letters if no other begins so: ERR_NOT_FOUND. */
int store_delivery_get(struct store *store, const char *delivery_id, struct arena *arena, struct delivery *ret,
                       struct err *err);
/* The newest first; of one receiver, or of all (NULL); in one state, or in any (NULL); those
 * before the row `before` (0: from the newest on). */
int store_delivery_list(struct store *store, const char *receiver, const char *state, int64_t before, int64_t limit,
                        struct arena *arena, struct delivery **ret, size_t *ret_count, struct err *err);

/* A number, never 0, that is another one when rows have come or gone, or have ended, by this connection: for who looks
 * often. */
uint64_t store_deliveries_changes(const struct store *store);
void store_deliveries_note(struct store *store);

#endif
