/* SPDX-License-Identifier: Apache-2.0
 * The engine: one thread that decides, records, and only then acts.
 *
 * Each turn takes what is ready (journals that grew, timers, commands), applies pure functions (run/), writes every
 * decision in one transaction, commits, and then answers and acts. So nothing is started or
 * acknowledged before it is durable. What is in memory is a copy of the rows: when a commit fails it is dropped and
 * loaded again.
 *
 * The engine never runs user code: it writes messages to sluice-runner, and reads the journals that the runner writes.
 */
#ifndef SLUICE_ENGINE_ENGINE_H
#define SLUICE_ENGINE_ENGINE_H

#include "base/clock.h"
#include "base/histogram.h"
#include "base/json.h"
#include "pipeline/pipeline.h"
#include "plugin/catalogue.h"
#include "run/run.h"
#include "store/channels.h"
#include "store/store.h"
#include "store/webhooks.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct engine;
struct engine_world;
struct engine_apart;
struct pipeline_run;

/* Who starts runs by itself (trigger/): it is asked within the turns, and what it writes is in their transactions. */
struct engine_firing {
    void *ctx;
    /* How long until it has something to do; INT64_MAX: it has nothing. */
    int64_t (*wait_ms)(void *ctx, int64_t now_ms);
    /* Does what is due: how many things, or -1 when the turn cannot be written. Runs are begun by engine_start, and the
     * transaction by engine_write. */
    int (*due)(void *ctx, struct engine *engine, int64_t now_ms, struct err *err);
    /* Is more due than it took in this turn? Its next turn comes before steps begin (engine/firing.h). */
    bool (*more)(void *ctx, int64_t now_ms);
    /* A run has ended: its row, as it is being written. Rows only: nothing is begun here. */
    int (*ended)(void *ctx, struct engine *engine, const struct pipeline_run *run, struct err *err);
    /* What it has in memory may not be what the rows say: a turn was given up. */
    void (*forget)(void *ctx);
};

/* What an engine needs; all borrowed for its life. */
struct engine_options {
    const char *home;          /* absolute folder */
    struct store *store;       /* writable */
    const char *runner;        /* absolute path of sluice-runner */
    const char *fetch;         /* absolute path of sluice-fetch */
    const char *python_env;    /* absolute path of sluice-python-env */
    const char *lua_folder;    /* the standard Lua modules */
    struct catalogue *plugins;
    const struct clock *clock;
    const struct engine_world *world; /* NULL: the machine as it is (engine/world.h) */
    const struct engine_apart *apart; /* steps are of another user (engine/apart.h); NULL: of ours */
    int slots;                 /* steps at once; 0: the number of processors */
    const struct resource_supply *supply; /* what steps may ask for */
    size_t supply_count;
    bool starts_nothing;       /* ready steps wait for the next engine */
    int linger_s;              /* how long a runner keeps steps alive without an engine; -1: for ever */
    struct json step_env;      /* {NAME: value} of the environment that steps may see */
    const struct str *step_env_names; /* of these, what config.yaml asks for ('*' at the end: any that begins so) */
    size_t step_env_name_count;
    struct json vars;          /* the context `vars` */
    /* Resolves a secret of an attempt (of a delivery: its id, negative), NULL for "there are none": 0 with the value,
     * or -1 in words. 1: not yet; asked again in each turn, of which one comes when a descriptor that is watched
     * (engine_watch) can be read. */
    int (*secret)(void *ctx, int64_t attempt, struct str name, const char *pipeline, struct arena *arena,
                  struct str *ret, struct err *err);
    /* It has what it needs, or needs it no more. */
    void (*secret_forget)(void *ctx, int64_t attempt);
    void *secret_ctx;
    int64_t reap_after_ms; /* runs of clients that nobody writes for so long have failed; 0: none (engine/reaper.h) */
    struct webhook_rules webhooks;
    struct telling_rules telling; /* channels, and who is told by which of what */
    /* The secret of a webhook that has one, opened; the caller overwrites it. NULL: what is to be signed waits. */
    int (*webhook_secret)(void *secret_ctx, const struct webhook *webhook, struct arena *arena, struct str *ret,
                          struct err *err);
    /* Takes over a listening socket at which MLflow clients of steps connect; NULL: steps are told of none. One of a
     * port that is there already is the same. */
    void (*tracking)(void *ctx, int port, int take_fd);
    /* The runner of that port is gone, and its steps with it. */
    void (*tracking_gone)(void *ctx, int port);
    void *tracking_ctx;
    const struct engine_firing *firing; /* NULL: nobody */
    struct json groups;        /* {group: [actor, ...]} of config.yaml */
    bool single_user;          /* the home has one user: not_by is waived, and recorded as such */
};

/* Loads every open run and takes over the runners that are alive. */
int engine_open(const struct engine_options *options, struct engine **ret_engine, struct err *err);
/* Leaves runners and their steps alone. */
void engine_close(struct engine *engine);
/* Sends what webhooks are to be told now, and waits for it that long at most; what fails is tried again by whoever has
 * the home later. For commands that end; the turn does it by itself. */
void engine_deliver(struct engine *engine, int timeout_ms);

/* ---- commands: each is one transaction, durable when it returns ------------------------------------- */
/* A gate that is replayed on a version (engine/replay.h). */
struct engine_replay {
    int64_t gate;
    const char *version;  /* "wine/1" */
    const char *model_id; /* its logged model */
    bool champion_now;    /* else rules that name the champion compare with that of then */
    bool other_data;      /* data that is not the gate's is allowed */
};
struct engine_submission {
    const char *run_id;              /* chosen by the caller, so that it can ask for it later; NULL: a new one */
    const struct pipeline *pipeline; /* copied by definition: the engine parses it again from the store */
    const char *digest;              /* of `definition`; NULL: there is none */
    struct definition *definition;   /* `pipeline` as it was parsed from the store; the run is one more user of it */
    const char *workspace;           /* absolute */
    struct json params;              /* complete and typed (pipeline_params) */
    const char *trigger;             /* "cli" */
    const char *trigger_id;          /* of a schedule its id, else its key below `on`; NULL: none */
    int64_t scheduled_for_ms;        /* the time it is for; 0: none, or that of the run it is a retry of */
    const char *actor;
    const char *until;               /* NULL: all steps */
    const char *environment;         /* NULL: none */
    struct json vars;                /* the context `vars`; not a map: those of the engine's options */
    struct json git;                 /* {commit, branch, repo} or an empty map */
    struct json step_env;            /* as in the engine's options, for this run while this engine has it; not a map:
                                      * that of the options */
    uint64_t seed;                   /* 0: random */
    const int64_t *priority;         /* NULL: that of the pipeline */
    const char *retry_of;            /* run id whose good steps are kept; NULL: none */
    const bool *again; /* with retry_of: steps to run again (step_count flags); NULL: those that are not good */
    bool only;                       /* with `again`: nothing but those runs, the rest stays as it ended, good or not */
    bool no_cache;                   /* every step runs; what they leave is kept for later runs */
    const char *fresh;               /* the step that was asked for by name: it runs in any case; NULL: none */
    bool new_number;                 /* with retry_of: a number of its own (rerun) instead of a revision */
    const struct engine_replay *replay; /* the run replays a gate; NULL: none. Without retry_of, until its step */
    const char *parent_run;
    struct run_place parent_place;
};
/* Records a queued run and begins it. `ret_run_id` has room for 40 bytes. */
int engine_submit(struct engine *engine, const struct engine_submission *submission, char ret_run_id[40],
                  struct err *err);
/* The same within a turn or command (engine_write), for a trigger. A run that cannot be is ERR_INPUT, ERR_STATE or
 * ERR_NOT_FOUND in words and leaves no rows; after any other error nothing more may be done in the transaction. */
int engine_start(struct engine *engine, const struct engine_submission *submission, char ret_run_id[40],
                 struct err *err);
/* A command of somebody above the engine, as one transaction: `work` writes rows, and may begin or cancel runs. 0 when
 * it is durable. */
int engine_command(struct engine *engine, int (*work)(void *ctx, struct engine *engine, struct err *err), void *ctx,
                   struct err *err);
/* Within a turn or command: what is written from here on is in its transaction. */
int engine_write(struct engine *engine, struct err *err);
/* Cancels an open run within a turn or command; nothing when it is not open. */
int engine_end_run(struct engine *engine, const char *run_id, const char *reason, struct err *err);
/* What config.yaml says of channels, as it is in force. */
const struct telling_rules *engine_telling(const struct engine *engine);
/* The engine's time of day, a clock that nobody sets, and memory that lives until the turn or command is over. */
int64_t engine_time(const struct engine *engine);
int64_t engine_monotonic_ms(const struct engine *engine);
struct arena *engine_arena(struct engine *engine);
/* A place between two acts, where a test ends the process (base/crash_point.h). */
void engine_crash_point(const struct engine *engine, const char *name);
/* Adds to the activity log, in the transaction. */
int engine_record(struct engine *engine, const char *actor, const char *action, const char *object,
                  const char *object_id, const char *from, const char *to, const char *reason, struct err *err);
/* Which results such a run would use again, as far as it can be told before anything has run: {step: "11"}, in the
 * arena. Nothing stays recorded. */
int engine_foresee(struct engine *engine, const struct engine_submission *submission, struct arena *arena,
                   struct json *ret_reused, struct err *err);
int engine_cancel(struct engine *engine, const char *run_id, const char *actor, const char *reason, struct err *err);
/* SIGKILL for every live attempt of the run and of the runs it has begun, now. */
int engine_kill(struct engine *engine, const char *run_id, struct err *err);
/* Cancels every run of which a step has a process; those that wait go on waiting. */
int engine_stop_steps(struct engine *engine, const char *actor, const char *reason, struct err *err);
/* What config.yaml says is another now: of `from` supply, step_env, vars, reap_after_ms, webhooks, telling, groups and
 * single_user, which are borrowed as in engine_open. What runs keeps what it has. */
int engine_reconfigure(struct engine *engine, const struct engine_options *from, struct err *err);
/* A person's word on an open approval of the run or, when it is the only one, of a run that it has begun. ERR_DENIED in
 * words when the actor may not; ERR_STATE when it is not open; ERR_INPUT with their names when there are several. The
 * outcome: {status, missing, run, step, repeated}, where the last says that the actor had said so before: nothing is
 * recorded twice. Who may not decide himself does so for whoever has delegated it to him, by `on_behalf_of` of the
 * outcome. */
struct engine_vote {
    const char *run_id;
    const char *step; /* NULL: the only open approval; may be the step that runs a sub-pipeline */
    int64_t wait;     /* the very one, by its id; 0: as `step` says */
    const char *actor;
    struct json groups; /* list of the actor's groups */
    bool approve;
    const char *reason;
    const char *login; /* "system" (also NULL): the account of the operating system; "server": a login of the server;
                        * "link": a link that was made for him (store/approval_links.h) */
    const char *evidence_sha256; /* what he was shown: if it is not the same by now, ERR_STATE; NULL: not asked */
    const char *(*bars)(void *ctx, const char *person); /* as of store_voice_find; NULL: nobody is barred */
    void *bars_ctx;
};
int engine_vote(struct engine *engine, const struct engine_vote *vote, struct json *ret_outcome, struct arena *arena,
                struct err *err);
/* Of the next command: what is to be recorded in its transaction, called when it has done everything else; -1 takes the
 * command back. To be set behind the command to one without a function. */
struct engine_beside {
    int (*record)(void *ctx, struct err *err); /* NULL: nothing */
    void *ctx;
};
void engine_set_beside(struct engine *engine, struct engine_beside beside);

/* Votes were recorded in the store by others (tags of versions): they are counted in the next turn. */
void engine_look_at_votes(struct engine *engine);

/* ---- the loop ------------------------------------------------------------------------------------------ */
/* One turn: waits at most `timeout_ms` (-1: until something happens) for events and timers. Returns the number of
 * events, or -1 when the store cannot go on (err says why: leave, restart, recovery decides). */
int engine_turn(struct engine *engine, int timeout_ms, struct err *err);
/* A descriptor of the caller's that ends the wait of engine_turn when it is readable (a signalfd). */
int engine_watch(struct engine *engine, int fd, struct err *err);
/* Before it is closed, unless nobody else has it open, too. */
void engine_unwatch(struct engine *engine, int fd);
/* Could one of these be read in the last turn, or did it end before it looked? */
bool engine_was_woken(const struct engine *engine);

/* ---- the MLflow clients of steps (engine/tracking.c) ---------------------------------------------------------- */
struct engine_step {
    int64_t attempt;
    const char *run_id; /* MLflow's, of the attempt */
    int64_t experiment_id;
    const struct step *step;
    const struct json *matrix; /* the values of its item; null without a matrix */
    const struct pipeline_run *row; /* of the run of its pipeline */
    const struct mask *mask;        /* hides its secrets (base/mask.h); NULL: it has none */
};
/* Whose token it is. What it points to is valid until the next turn or command. ERR_DENIED when it is none, or its
 * attempt has ended; ERR_BUSY when its attempt may have begun, and it is not known yet, or its secrets are not. */
int engine_step_of_token(struct engine *engine, struct str token, struct engine_step *ret, struct err *err);
/* It has been told of something that is not in a journal: there are rows of it. */
void engine_step_recorded(struct engine *engine, int64_t attempt);

/* ---- looking --------------------------------------------------------------------------------------------- */
/* An open run, as it is now; NULL when it has ended or is not known. Valid until the next turn or command. */
const struct run *engine_find_run(struct engine *engine, const char *run_id);
/* What has changed in it lately, for who shows it: `revision` and `recent`. NULL when it is not open. */
const struct run_changes *engine_changes(struct engine *engine, const char *run_id);
/* True when it has ended, or is not known. While the store could not be read again after a turn that failed, no run is
 * found, and none is over. */
bool engine_run_is_over(struct engine *engine, const char *run_id);
/* Also true while the store could not be read again. */
bool engine_has_open_runs(const struct engine *engine);
/* True when nothing in the run (and its children) can go on without a person. */
bool engine_is_blocked(struct engine *engine, const char *run_id);
/* True when every open run waits, for a person or for something outside: no step runs or is about to, as far as is
 * known. */
bool engine_is_idle(struct engine *engine);
/* Whether a process is a runner of this home, or descends from one: a step, which decides nothing. */
bool engine_is_step(const struct engine *engine, pid_t pid, uid_t uid);
/* What it has done since it was opened. */
struct engine_stats {
    struct histogram turns;    /* from the end of a wait until all that followed was committed */
    struct histogram attempts; /* from their start to their end */
    uint64_t ended[ATTEMPT_STATE_LOST + 1]; /* by enum attempt_state */
};
const struct engine_stats *engine_stats(const struct engine *engine);
/* Attempts that have a process, or are about to; those that wait. */
void engine_count_attempts(const struct engine *engine, size_t *ret_running, size_t *ret_waiting);
/* Runners that are connected. */
size_t engine_count_runners(const struct engine *engine);
/* The last progress a step reported: 0 to 1, or -1; `*ret_text` borrowed until the next turn. */
double engine_progress(struct engine *engine, const char *run_id, struct run_place place, const char **ret_text);

#endif
