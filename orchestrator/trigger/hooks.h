/* SPDX-License-Identifier: Apache-2.0
 * Deliveries of webhooks: from what came at POST /hooks/PIPELINE to a trigger, and to what is answered.
 *
 * Each is verified over its raw bytes before anything reads them (trigger/webhook_verify.h), and only then looked into.
 * What is genuine is always answered with 2xx, whatever it says: senders turn off what answers otherwise. Who cannot
 * sign learns nothing: a wrong signature and a pipeline that is not there are answered alike, after as long.
 *
 *     202 accepted: the trigger is recorded    200 ignored, duplicate
 *     401 not genuine, or no such hook         503 its secret cannot be had now
 *
 * All of it is recorded (store/hook_deliveries.h) in the transaction of the caller; what is answered may be sent when
 * that is committed. Of refused ones so many a second at most: a flood of them writes little.
 */
#ifndef SLUICE_TRIGGER_HOOKS_H
#define SLUICE_TRIGGER_HOOKS_H

#include "base/clock.h"
#include "store/hook_deliveries.h"
#include "trigger/trigger.h"
#include "trigger/webhook_event.h"

struct hooks;

/* What `pipeline` of a delivery begins with that came at POST /hooks/sources/NAME: it has that source fetched. */
#define HOOKS_SOURCES "sources/"

/* All borrowed for its life. */
struct hooks_options {
    struct store *store;
    struct triggers *triggers;
    const struct clock *clock;
    /* Those of engine_options, asked for by numbers below zero: 1: not yet. */
    int (*secret)(void *ctx, int64_t asker, struct str name, const char *pipeline, struct arena *arena,
                  struct str *ret, struct err *err);
    void (*secret_forget)(void *ctx, int64_t asker);
    /* Seals a body for its row, and opens it: bound to pipeline, digest and time. */
    int (*seal)(void *ctx, const struct hook_delivery *delivery, struct str body, struct arena *arena,
                struct str *ret_sealed, const char **ret_key_id, struct err *err);
    int (*open)(void *ctx, const struct hook_delivery *delivery, struct arena *arena, struct str *ret_body,
                struct err *err);
    void *ctx;
};

struct hooks *hooks_new(const struct hooks_options *options);
/* Overwrites what it knows of secrets. NULL is allowed. */
void hooks_free(struct hooks *hooks);

struct hook_arrival {
    const char *pipeline; /* as the path names it; "" when that can be no name */
    struct webhook_request request;
    const char *peer;
    bool from_page; /* a browser has sent it, for a page that is none of ours */
};
struct hook_answer {
    int status;
    struct json body;
    bool is_genuine;
};
/* Within a transaction, and a savepoint. 0; 1: its secret is asked of a command: once hooks_is_ready, try again. -1: it
 * could not be recorded. */
int hooks_receive(struct hooks *hooks, const struct hook_arrival *arrival, struct arena *arena,
                  struct hook_answer *ret, struct err *err);
/* Has the secret of that pipeline's hook been told, or failed? */
bool hooks_is_ready(struct hooks *hooks, const char *pipeline);

/* One that is kept is looked into as if it had come now: it is no duplicate of itself. What was refused is verified
 * again, at the time at which it came; with `trust` its sender is believed without. It is a command of the engine's.
 * ERR_NOT_FOUND; ERR_STATE in words when it cannot be, or is still not genuine. */
struct hook_replay {
    int64_t id;
    bool trust;
    const char *actor;
    /* Set in the command's transaction: */
    int64_t replayed;     /* the row of this replay */
    struct json *outcome; /* NULL: not wanted. {status, delivery, delivery_id, trigger, reason}, in `arena` */
    struct arena *arena;
};
int hooks_replay(struct hooks *hooks, struct engine *engine, struct hook_replay *replay, struct err *err);

#endif
