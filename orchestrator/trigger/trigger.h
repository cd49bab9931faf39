/* SPDX-License-Identifier: Apache-2.0
 * What starts pipelines by itself: the definitions in force, their schedules, and what happens elsewhere.
 *
 * It has no thread: the engine asks it in its turns (engine_firing), and what it decides is in their transactions. A
 * trigger that is acknowledged is a row, with exactly one outcome; the run that it starts comes in the transaction in
 * which the row says so. What is in memory is a copy of the rows, and is read again when a turn was given up.
 *
 * All triggers come in by one of two functions: `trigger_fire` within a turn, and `trigger_receive` in any transaction
 * of the same store, of which the next turn decides.
 */
#ifndef SLUICE_TRIGGER_TRIGGER_H
#define SLUICE_TRIGGER_TRIGGER_H

#include "engine/engine.h"
#include "engine/fetch_child.h"
#include "pipeline/pipeline.h"
#include "store/in_force.h"
#include "store/schedules.h"
#include "store/triggers.h"
#include "trigger/occurrences.h"

struct triggers;
struct source_spec;

/* How sluice-git is asked (trigger/sources.h); a made-up one answers in tests. `ctx` comes first. */
struct source_world {
    void *ctx;
    bool (*start)(void *ctx, const struct json *request, struct arena *arena, struct fetch_child *ret);
    bool (*ended)(void *ctx, struct fetch_child *child);
    /* Of one that has ended: its answer; null when there is none. */
    struct json (*take)(void *ctx, struct fetch_child *child, struct arena *arena);
    void (*kill)(void *ctx, struct fetch_child *child);
    /* A descriptor that is readable when it has ended, or -1: it is looked at now and then. */
    int (*watch)(void *ctx, const struct fetch_child *child);
};
/* sluice-git, by its path. */
struct source_world source_world_of(const char *program);

/* All borrowed for its life. */
struct triggers_options {
    struct store *store; /* that of the engine */
    struct catalogue *plugins;
    struct json vars; /* the context `vars` of expressions below `on` */
    bool fires;       /* else it only notes what happens, for one that does */
    const char *off;    /* why nothing is started by what happens; NULL: it is. What people ask for is */
    int64_t keep_ms;    /* how long rows of which no run is left are kept (store/old_triggers.h); 0: for ever */
    const char *folder; /* absolute: its files are in force (trigger/folder.h); NULL: none */
    /* The workspace of a pipeline in this folder; NULL: the folder. May be NULL itself. */
    const char *(*workspace)(const char *folder, struct arena *arena);
    /* {commit, branch, repo} of a workspace of the folder when a run begins. May be NULL. */
    struct json (*git)(const char *workspace, struct arena *arena);
    /* Lets checks compile Lua. May be NULL. */
    void (*join)(void *ctx, struct pipeline_world *world);
    void *join_ctx;
    const char *home;    /* absolute: clones of sources are in it; NULL: no source is followed */
    struct json sources; /* of config.yaml (config/sources.h) */
    struct source_world git_world;
    /* Those of engine_options, asked for by numbers below zero: 1: not yet. NULL: there are no secrets. */
    int (*secret)(void *ctx, int64_t asker, struct str name, const char *pipeline, struct arena *arena,
                  struct str *ret, struct err *err);
    void (*secret_forget)(void *ctx, int64_t asker);
    void *secret_ctx;
};

struct triggers *triggers_new(const struct triggers_options *options);
void triggers_free(struct triggers *triggers);
/* For engine_options. */
const struct engine_firing *triggers_firing(struct triggers *triggers);
/* Becomes readable when a file of the folder has changed: for engine_watch. -1: there is no folder. */
int triggers_fd(const struct triggers *triggers);
/* config.yaml was read again. */
/* `keep_ms` as in the options. */
void triggers_reconfigure(struct triggers *triggers, struct json vars, const char *off, struct json sources,
                          int64_t keep_ms);
/* In memory may be something else than in the rows: somebody has changed them. */
void triggers_forget(struct triggers *triggers);

/* ---- what comes in ----------------------------------------------------------------------------------------------- */

struct trigger_event {
    const char *pipeline;
    const char *kind;       /* schedule backfill webhook push model pipeline manual */
    const char *trigger_id; /* of schedule and backfill the schedule's id; else its key below `on`; "" of manual */
    const char *key;        /* what tells it from all others of these three, as whoever sends it knows it */
    int64_t scheduled_for_ms; /* 0: it is of no time */
    int64_t due_ms;         /* not to be decided before; 0: at once */
    struct json event;      /* the context `event`; not a map: params stand as they are */
    const char *event_sha256; /* NULL: nothing came from outside */
    struct json params;     /* not a map: none. They are overlaid by what `params` of the trigger gives */
    struct json chain;      /* pipelines by which it came about (store_trigger_chain); not a list: none */
    const char *actor;      /* NULL: sluice */
    const char *model;      /* registered model and version that it is about; NULL and 0: it is about none */
    int64_t version;
};
/* Acknowledges it, pending; the next turn decides. 1, or 0 when the same was there before: `*ret_id` is then that of
 * the row that says so. The event is kept in the row, in clear, until it is decided: for what has secrets in it, see
 * trigger_read. */
int trigger_receive(struct store *store, const struct trigger_event *event, int64_t now_ms, struct arena *arena,
                    int64_t *ret_id, struct err *err);
/* Decides at once, within a turn or command of the engine: outcome, run_id and reason in `ret`, in the engine's arena.
 * ERR_* only when the store fails. */
int trigger_fire(struct triggers *triggers, struct engine *engine, const struct trigger_event *event,
                 struct trigger_row *ret, struct err *err);
/* What `if` and `params` of a trigger in force say of an event, before it is acknowledged: 1 with its params, 0 when it
 * is none of that trigger's (in words), -1. Then `event` of what is received need not be a map. */
int trigger_read(struct triggers *triggers, const struct trigger_event *event, struct arena *arena,
                 struct json *ret_params, const char **ret_reason, struct err *err);

/* ---- what is in force: within a turn or command ------------------------------------------------------------------ */

/* A file of a source, as it is now. */
struct source_file {
    const char *source;
    const char *path;      /* within the source */
    const char *file;      /* as people are told */
    const char *folder;    /* absolute */
    const char *workspace; /* absolute */
    const char *git;       /* JSON; "{}" */
    const char *stamp;
    struct str text;
};
/* What a file is, checked in full. */
struct checked_file {
    const struct pipeline *pipeline; /* NULL: it is refused */
    const char *name;                /* "" when it cannot be told */
    const char *problems;            /* JSON: a list */
    const char *unread; /* why another file that it names could not be read, which is no fault of either; NULL */
};
struct checked_file in_force_check(struct triggers *triggers, const struct source_file *file, struct arena *arena);
/* The pipeline is in force from now on, and its file not refused. One that another file has in force: ERR_EXISTS in
 * words. `actor` is who did it. */
int in_force_put(struct triggers *triggers, struct engine *engine, const struct source_file *file,
                 const struct pipeline *pipeline, const char *actor, struct err *err);
/* What was in force of the file stays so. */
int in_force_refuse(struct triggers *triggers, struct engine *engine, const struct source_file *file, const char *name,
                    const char *problems, const char *actor, struct err *err);
/* No file has the pipeline any more: nothing starts it by itself. */
int in_force_end(struct triggers *triggers, struct engine *engine, const struct pipeline_in_force *row,
                 const char *actor, struct err *err);

/* ---- commands: each is one transaction, durable when it returns -------------------------------------------------- */

/* Paused, nothing of the schedule is due; what passes is skipped when it is resumed. ERR_STATE when it is (not) paused
 * already. */
int triggers_pause(struct triggers *triggers, struct engine *engine, const char *pipeline, const char *schedule,
                   const char *actor, const char *reason, struct err *err);
int triggers_resume(struct triggers *triggers, struct engine *engine, const char *pipeline, const char *schedule,
                    const char *actor, struct err *err);
/* Records a backfill (all but id and counts of `row`): the turns do it. */
int triggers_backfill(struct triggers *triggers, struct engine *engine, struct backfill_row *row, struct err *err);
int triggers_cancel_backfill(struct triggers *triggers, struct engine *engine, int64_t id, const char *actor,
                             struct err *err);
/* Starts the deployment job of a version by hand: `pipeline`, or (NULL) the one that the model is connected with.
 * ERR_INPUT or ERR_STATE in words when there is none, when there are several, or when it cannot begin. */
struct deployment_order {
    const char *model;
    int64_t version;
    const char *pipeline;
    struct json params; /* beside model_name and model_version; not a map: none */
    const char *actor;
    int (*check)(void *ctx, const struct pipeline *pipeline, struct err *err); /* may he? NULL: he may */
    void *check_ctx;
};
int triggers_deploy(struct triggers *triggers, struct engine *engine, const struct deployment_order *order,
                    struct arena *arena, struct trigger_row *ret, struct err *err);
/* Has a source fetched now, its pipelines looked at again: the job by which it is (store/sources.h). ERR_NOT_FOUND. */
int triggers_sync(struct triggers *triggers, struct engine *engine, const char *source, const char *actor,
                  int64_t *ret_job, struct err *err);
/* A source that config.yaml has; NULL. Valid until it is read again. */
const struct source_spec *triggers_source(const struct triggers *triggers, const char *name);

/* ---- looking: with any store ------------------------------------------------------------------------------------- */

/* The timetable of a schedule's row; zones live in the arena. ERR_* in words when the zone is not to be had. */
int schedule_timetable(const struct schedule_row *row, struct arena *arena, struct timetable *ret, struct err *err);

enum { BACKFILL_ACTIVE_MAX = 1000 }; /* runs at once */
extern const char *const backfill_reprocess_words[]; /* NULL at the end */
/* Can this be asked for? Range, `reprocess` and `most` are looked at: ERR_INPUT in words. */
int backfill_check(const struct backfill_row *row, int64_t now_ms, struct err *err);

/* What a backfill would do with one occurrence. */
struct backfill_step {
    int64_t at_ms;
    bool runs;
    const char *reason; /* why not, or why again; "" */
};
/* All of them, in the order in which they come, at most BACKFILL_MAX: ERR_INPUT in words. */
enum { BACKFILL_MAX = 100000 };
int backfill_foresee(struct store *store, const struct backfill_row *row, struct arena *arena,
                     struct backfill_step **ret, size_t *ret_count, struct err *err);

#endif
