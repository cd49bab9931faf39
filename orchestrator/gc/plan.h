/* SPDX-License-Identifier: Apache-2.0
 * What goes, what stays, and why: pure, from what there is and the rules (config/retention.h).
 *
 * It is decided about whole runs: a run of a pipeline with the runs that its steps began. A rule picks runs that have
 * ended; one that is picked stays all the same when something holds it:
 *
 *     a model version, its gate or its approval is of it     records and artifacts stay
 *     a kept result is of it (cache)                         records and artifacts stay
 *     it is the last of its pipeline that succeeded          records and artifacts stay
 *     a run that stays uses what it left                     records and artifacts stay
 *
 * Logs and working folders are held by none of these: nothing refers to them.
 */
#ifndef SLUICE_GC_PLAN_H
#define SLUICE_GC_PLAN_H

#include "config/retention.h"

#include <stddef.h>

struct gc_weight {
    int64_t files;
    int64_t bytes; /* on the disk */
};

enum gc_fate { GC_STAYS, GC_GOES, GC_HELD };

struct gc_verdict {
    enum gc_fate fate;
    const char *why; /* GC_GOES: the rule, "ended 91d ago". GC_HELD: the holder. In the arena */
};

struct gc_run {
    const char *label;    /* "wine/12.2" */
    const char *pipeline;
    int64_t ended_ms;     /* of the run itself */
    bool open;
    bool leaving;         /* its removal was begun: it goes, whatever the rules say by now */
    bool last_good;       /* the last of its pipeline that succeeded */
    const char *holder;   /* "model version wine/3 (champion)", "the cache: train"; NULL */
    const size_t *users;  /* other runs that use what this one left */
    size_t user_count;
    bool has[RETENTION_KINDS];               /* is there anything of this kind? */
    struct gc_weight weights[RETENTION_KINDS]; /* of RETENTION_RUNS: logs and artifacts together */
    struct gc_verdict verdicts[RETENTION_KINDS];
};

/* Decides for RETENTION_RUNS, then for RETENTION_LOGS and RETENTION_ARTIFACTS of the runs that stay. Runs stand in the
 * order of their age, oldest first. */
void gc_plan_runs(struct gc_run *runs, size_t count, const struct retention rules[RETENTION_KINDS], int64_t now_ms,
                  struct arena *arena);

/* What a client of MLflow deleted: a run, a logged model, an experiment. A rule picks what was deleted so long ago. */
enum gc_deleted_kind { GC_DELETED_RUN, GC_DELETED_MODEL, GC_DELETED_EXPERIMENT };
struct gc_deleted {
    enum gc_deleted_kind kind;
    const char *id;
    const char *label;    /* "run ID", "model ID", "experiment NAME" */
    int64_t experiment;   /* that it is, or is in */
    int64_t deleted_ms;
    const char *folder;   /* its files, in the home; NULL: it has none there, or they go as leftovers */
    const char *holder;   /* as of a gc_run */
    const struct gc_run *of_run; /* the run of a pipeline that it belongs to, and goes with; NULL: to none */
    struct gc_weight weight;
    struct gc_verdict verdict;
};
/* After gc_plan_runs. An experiment stays while something in it does; the one with id 0 always does. */
void gc_plan_deleted(struct gc_deleted *items, size_t count, const struct retention *rule, int64_t now_ms,
                     struct arena *arena);

struct gc_entry {
    const char *key;
    const char *step;  /* "wine/train", for people */
    const char *place; /* equal for the entries of which the newest are kept: step and item */
    int64_t used_ms;
    struct gc_verdict verdict; /* GC_STAYS or GC_GOES */
};
/* Kept results, most recently used first. Those that go hold no run. */
void gc_plan_cache(struct gc_entry *entries, size_t count, const struct retention *rule, int64_t now_ms,
                   struct arena *arena);

#endif
