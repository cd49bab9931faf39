/* SPDX-License-Identifier: Apache-2.0
 * The inside of the room, shared by its files.
 */
#ifndef SLUICE_TRIGGER_TRIGGER_INTERNAL_H
#define SLUICE_TRIGGER_TRIGGER_INTERNAL_H

#include "trigger/definition_cache.h"
#include "trigger/folder.h"
#include "trigger/schedule_heap.h"
#include "trigger/trigger.h"

struct zone {
    const char *name;
    const struct tzif *zone;
};

/* What git said of a folder. */
struct known_git {
    const char *workspace; /* NULL: nothing is known */
    struct json said;
};

struct triggers {
    struct triggers_options options;
    struct engine_firing firing;
    struct folder_watch *folder; /* NULL: none */
    struct sources *sources;     /* NULL: none are followed */
    struct definition_cache *definitions;
    bool stale;          /* what follows is not what the rows say */
    bool settling;       /* a commit may be in force, and not yet in its place */
    struct arena *arena; /* of the schedules */
    struct schedule_heap heap;
    struct {
        const char **pipelines; /* whose schedules are read into the heap; NULL: all are there */
        size_t count, next;
        size_t schedules; /* so far */
    } loading;
    struct arena *zones_arena;
    struct {
        VEC_OF(struct zone)
    } zones;
    int64_t last_ms;      /* when it looked last; 0: never */
    int64_t last_monotonic_ms;
    uint64_t seen;        /* of store_triggers_changes */
    int64_t pending_ms;   /* when a pending trigger is to be decided; 0: none is */
    bool looks;           /* it is asked in a turn, and what it does then is of one moment */
    struct known_git git; /* meanwhile; in the turn's arena */
    bool look_held;       /* a run has ended, for which some may wait */
    bool look_backfills;  /* a backfill may go on */
    int64_t forget_ms;    /* monotonic: when old rows are looked for again */
    int64_t ahead_ms;     /* what is due then is read (read_ahead.c); 0: nothing is */
    size_t ahead_bytes, ahead_count; /* of what is next: what has been read of it */
};

/* The zone of a name, read once. */
int triggers_zone(struct triggers *t, const char *name, const struct tzif **ret, struct err *err);

/* Others wait for the end of the turn, which has taken long enough: what is left comes in the next. */
bool triggers_turn_is_long(const struct triggers *t, const struct engine *engine);

/* ---- in_force.c ---- */
/* Somebody is told that a pipeline is in force, where the definition `was` was before (""), or that it is no more. */
int in_force_tell(struct engine *engine, const struct pipeline_in_force *row, const char *was, const char *actor,
                  struct err *err);
int in_force_tell_end(struct engine *engine, const struct pipeline_in_force *row, const char *actor, struct err *err);

/* ---- listening.c ---- */
/* What a definition listens to, as rows. */
struct listening {
    struct schedule_row *schedules; /* as if they began now */
    size_t schedule_count;
    struct subscription *subscriptions;
    size_t subscription_count;
};
int listening_of(struct triggers *t, const struct pipeline *pipeline, int64_t now_ms, struct arena *arena,
                 struct listening *ret, struct err *err);

/* ---- settle.c ---- */
/* Before rows of a pipeline are written: what a commit in force has brought of it is in its place from here on. */
int in_force_settle(struct triggers *t, struct engine *engine, const char *name, struct err *err);
/* Some of what commits have brought; `settling` ends when there is no more. */
int settle_some(struct triggers *t, struct engine *engine, struct err *err);

/* ---- schedules.c ---- */
/* Reads them into memory, for as long as the turn is not long: what is due waits until all are there. */
int schedules_load(struct triggers *t, struct engine *engine, int64_t now_ms, struct err *err);
/* The clock was set back, to some time from `since_ms` on: what comes then is found anew. What was started before is
 * not again, its key is there. */
void schedules_set_back(struct triggers *t, int64_t since_ms);
/* Starts what is due, at most `budget`: how many occurrences were decided, or -1. */
int schedules_start(struct triggers *t, struct engine *engine, int64_t now_ms, int budget, struct err *err);

/* ---- read_ahead.c ---- */
/* Reads some of what is due in the next seconds, for as long as the turn is not long. Writes nothing; -1 when the store
 * fails. */
int read_ahead(struct triggers *t, struct engine *engine, int64_t now_ms, struct err *err);
/* When there is something to read, from now; INT64_MAX: at no time. */
int64_t read_ahead_wait_ms(const struct triggers *t, int64_t now_ms);

/* ---- fire.c ---- */
/* Decides about a pending row, or one that is not written yet (id 0): writes its outcome, or that it waits. `event` is
 * the context of its expressions; NULL: its params stand. 1; 0 when its key was there before, and nothing was written
 * (unless `notes` says that a duplicate is noted). */
int fire_row(struct triggers *t, struct engine *engine, struct trigger_row *row, const struct json *event, bool notes,
             struct err *err);

/* ---- fire_read.c ---- */
/* The context `event` of an occurrence. */
struct json fire_occurrence_event(const struct schedule_row *row, const char *kind, int64_t at_ms,
                                  struct arena *arena);
/* The definition in force, parsed, with its row; the caller is one of its users. NULL: there is none, or it is not
 * accepted any more, in words in `ret_reason`; or, with `err` set, the store fails. */
struct definition *fire_definition(struct triggers *t, const char *name, struct arena *arena,
                                   struct pipeline_in_force *ret_row, const char **ret_reason, struct err *err);
/* What the definition says of this trigger; NULL: nothing, which is right for one by hand. */
const struct trigger *fire_find_trigger(const struct pipeline *pipeline, const char *kind, const char *trigger_id);
/* What `if` and `params` of a trigger say of an event: 1 with the params overlaid, or 0 with the reason: no run is to
 * be. */
int fire_read_event(struct triggers *t, const struct pipeline *pipeline, const struct trigger *trigger,
                    const struct json *event, int64_t now_ms, struct arena *arena, struct json *params,
                    const char **ret_reason);

/* ---- pending.c ---- */
/* Decides what is pending and due, or waits for runs that may have ended; at most `budget`: how many, or -1. */
int pending_decide(struct triggers *t, struct engine *engine, int64_t now_ms, int budget, struct err *err);

/* ---- pipeline_ends.c ---- */
int pipeline_ended(struct triggers *t, struct engine *engine, const struct pipeline_run *run, struct err *err);

/* ---- backfill.c ---- */
/* Lets open backfills go on, at most `budget`: how many occurrences were decided, or -1. */
int backfills_go_on(struct triggers *t, struct engine *engine, int64_t now_ms, int budget, struct err *err);

#endif
