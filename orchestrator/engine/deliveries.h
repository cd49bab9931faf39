/* SPDX-License-Identifier: Apache-2.0
 * Sending what stands in the outbox of webhooks and channels (store/deliveries.h): one sluice-fetch for each try,
 * several at once, a few of each receiver. What came of a try is recorded in the turn that notices it; whoever is
 * killed between the two sends it again. docs/webhooks.md and docs/notifications.md say when a try counts and when the
 * next one is.
 */
#ifndef SLUICE_ENGINE_DELIVERIES_H
#define SLUICE_ENGINE_DELIVERIES_H

#include "base/vec.h"
#include "engine/fetch_child.h"
#include "engine/standing.h"

#include <stdint.h>

struct engine;

/* A try that goes on. */
struct sending {
    struct fetch_child child;
    int pid_fd; /* wakes the turn when it has ended; -1: there is none */
    char delivery_id[40];
    char receiver[80];
    int64_t id;
    int64_t since_ms; /* when it was read whom it goes to */
    enum standing standing; /* as it was when it began */
    bool begun;      /* there is a child */
    char wrong[300]; /* why there is none */
};

struct deliveries {
    VEC_OF(struct sending)
    uint64_t seen;   /* changes of the outbox; 0: look in any case */
    int64_t next_ms; /* when the next is due; 0: none is known */
    bool asks;       /* one waits for a secret that a command is to give */
    struct standings standings;
};

/* Starts what is due, and ends what has been deleted meanwhile. Outside of a transaction: what is not committed must
 * not be told. */
int deliveries_start(struct engine *engine, struct err *err);
/* Records the tries that have ended, in the turn's transaction: how many, or -1. */
int deliveries_finish(struct engine *engine, struct err *err);
/* How long until one is due, or has to be looked at since nothing else wakes us for its end; INT64_MAX: none. */
int64_t deliveries_wait_ms(const struct engine *engine);
/* Ends what goes on; it is sent again. */
void deliveries_clear(struct engine *engine);

/* What a try came to. */
struct delivery_judgement {
    bool delivered;
    bool gone; /* the receiver says that there is nobody any more */
    bool may_retry;
    int64_t status;
    int64_t after_ms; /* not sooner, says the receiver; 0: it says nothing */
    const char *error;
};
/* Of the line that sluice-fetch has printed. */
struct delivery_judgement delivery_judge(const struct json *head, int64_t now_ms, struct arena *arena);
/* Of what a server of mail has said: 4xx is for now, 5xx for good. */
struct delivery_judgement delivery_judge_mail(const struct json *head);
/* Milliseconds from now that `Retry-After` says (RFC 9110, 10.2.3): seconds, or a date; at most a day. 0: nothing. */
int64_t delivery_retry_after_ms(struct str text, int64_t now_ms);
/* How long to wait after so many tries, before it is spread. */
int64_t delivery_delay_ms(int64_t first_ms, int64_t tries);

#endif
