/* SPDX-License-Identifier: Apache-2.0
 * What has happened and is to be told to channels: a row for each entry of the activity log, for each change of the
 * registry that is none of its entries, and for each end of a step that somebody wants to know of. It comes in the
 * transaction of what it tells of, while there are channels (store_telling_set), and goes in the one that makes
 * deliveries of it (engine/telling.c): so each is told once, whoever is killed when.
 */
#ifndef SLUICE_STORE_EVENTS_H
#define SLUICE_STORE_EVENTS_H

#include "store/store.h"

struct activity;

struct told_event {
    int64_t id;
    const char *event_id; /* a UUID; set when it is added */
    const char *type;     /* "run.ended", "model_version.created" */
    int64_t at_ms;
    const char *object;    /* "run wine 12", "model wine/3" */
    const char *object_id; /* run id, registered model, pipeline */
    const char *data;      /* JSON: a map */
};

/* Are there channels? Without, nothing is recorded, and what was is forgotten. */
int store_telling_set(struct store *store, bool on, int64_t now_ms, struct err *err);
/* 1 or 0. */
int store_telling_is_on(struct store *store, struct err *err);
/* Nothing when there are no channels. */
int store_event_add(struct store *store, const struct told_event *event, struct err *err);
/* Of an entry that was just appended; its data is {actor, from, to, reason, evidence_sha256}. */
int store_event_of_activity(struct store *store, const struct activity *entry, struct err *err);
/* The oldest. */
int store_events_next(struct store *store, size_t limit, struct arena *arena, struct told_event **ret,
                      size_t *ret_count, struct err *err);
int store_event_forget(struct store *store, int64_t id, struct err *err);
/* A number that is another one when an event has come by this connection; never 0. */
uint64_t store_events_changes(const struct store *store);

#endif
