/* SPDX-License-Identifier: Apache-2.0
 * Who is told of what has happened: each event (store/events.h) becomes a delivery for each channel that wants it, by
 * what config.yaml, the pipeline and people's subscriptions say. In the transaction of what happened, or in the turn
 * after it when somebody else than the engine wrote that; engine/deliveries.c sends them. docs/notifications.md has
 * what is told.
 */
#ifndef SLUICE_ENGINE_TELLING_H
#define SLUICE_ENGINE_TELLING_H

#include "base/json.h"
#include "store/events.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct open_run;
struct pipeline_run;

enum { TELLING_VERSION = 1, TELLING_BODY_MAX = 20000, TELLING_LOG_LINES = 20 };

/* When a turn has looked at so many bytes of journals, what is left is told in the next one. */
enum { TELLING_EFFORT_MAX = 512 << 10 };

struct telling_state {
    uint64_t seen;    /* events of the store, as far as they were looked at; 0: look in any case */
    bool wants_steps; /* some channel wants to know of each step */
    size_t effort;    /* of the last turn that told: bytes of journals that it looked at */
};

/* The channels of config.yaml are these now: in a transaction of its own, and in the turn's. */
int telling_open(struct engine *engine, struct err *err);
int telling_take(struct engine *engine, struct err *err);
/* Is there something to be looked at? */
bool telling_has_news(const struct engine *engine);
/* Makes deliveries of what has happened, in the turn's transaction. */
int telling_tell(struct engine *engine, struct err *err);
/* A step of a run is being written. */
int telling_step(struct engine *engine, struct open_run *open, size_t step, struct err *err);
/* All of them, as they stand in the rows of a new run. */
int telling_steps(struct engine *engine, struct open_run *open, struct err *err);
/* Notes the runs that are late by now: how many, or -1. When the next one will be: wall time, 0: none. */
int telling_late(struct engine *engine, int64_t now_ms, struct err *err);
int64_t telling_late_at(const struct open_run *open);

/* ---- for telling*.c ---- */
/* What an event is called to those who are told; NULL: it is not told. `run` is NULL when it is about none. */
const char *telling_type(const struct told_event *event, const struct pipeline_run *run, struct arena *arena);
/* What `notify` calls it; 0: nothing. */
unsigned telling_notice(const char *type);
/* The event as it is sent: JSON of less than TELLING_BODY_MAX bytes. */
struct telling_subject {
    const struct told_event *event;
    const char *type;
    const struct pipeline_run *run; /* NULL: it is about none */
    const char *model;              /* registered model; NULL: it is about none */
    int64_t version;                /* 0: about none, or all */
};
int telling_body(struct engine *engine, const struct telling_subject *subject, struct arena *arena,
                 const char **ret_body, struct err *err);

#endif
