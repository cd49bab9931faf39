/* SPDX-License-Identifier: Apache-2.0
 * The inside of the engine, shared by its files.
 */
#ifndef SLUICE_ENGINE_ENGINE_INTERNAL_H
#define SLUICE_ENGINE_ENGINE_INTERNAL_H

#include "base/rng.h"
#include "base/str_index.h"
#include "base/vec.h"
#include "engine/deliveries.h"
#include "engine/engine.h"
#include "engine/reaper.h"
#include "engine/telling.h"
#include "engine/url_probe.h"
#include "engine/world.h"
#include "pipeline/definition.h"
#include "run/next_start.h"
#include "store/metrics.h"
#include "store/runs.h"
#include "store/pipeline_runs.h"
#include "store/steps.h"
#include "store/waits.h"
#include "wire/journal.h"
#include "wire/message.h"

/* An open run in memory: its row, its definition, its state, its journal. */
struct open_run {
    struct pipeline_run row;      /* texts live in run->arena */
    struct definition *definition;
    const struct pipeline *pipeline; /* of that */
    struct run *run;
    const char *journal_path;
    struct journal_reader *journal; /* NULL until the file exists */
    bool look;                    /* the journal may have grown */
    int64_t read_until_ms;        /* when there was no more to read in the journal; 0: not since it was loaded */
    int64_t journal_written;      /* bytes of whole frames that a runner has announced */
    bool journal_anew;            /* the one before was put aside: nobody may have begun the next */
    char *journal_damage;         /* what a runner found wrong with it, on the heap; NULL: nothing */
    struct json contexts;         /* {git, vars, environment, pins} in run->arena */
    bool row_dirty;
    bool journal_dirty;
    struct run_changes changes;   /* of this turn */
    int64_t deadline_ms;          /* wall time at which the run's own timeout ends; 0: none */
    bool quick;                   /* the attempt that ended last took no time: heirs.c */
    unsigned char *told_steps;    /* the state of each step that channels were told of last; NULL: of none */
    bool *no_heirs;               /* the steps that could not be given out before their time; NULL: none is known */
    int inherited;                /* how many of its steps have begun by themselves, up to a longest line: heirs.c */
    int in_vain;                  /* how often one that was did not begin, less how often one did: heirs.c */
    char *free_heirs;             /* as its row has them, on the heap; NULL: it has none */
    char free_heirs_boot[40];     /* in which they were given out, if it is not this one: free_heirs.c */
    bool heirs_known;             /* heirs_look_known */
    int64_t last_start;           /* engine.starts when it, or of a root one below it, has started something */
    int64_t held;                 /* slots of a root and of the runs below it: leases_next counts them */
    struct pipeline_turn *turn;   /* of its pipeline; NULL: not looked for yet (leases.c) */
};

/* A part of what an attempt holds; texts on the heap. */
struct lease {
    char *resource;
    int64_t amount;
    char *devices; /* "0,2", or "" */
};

/* When a pipeline had its turn, and how many slots it has: leases.c. */
struct pipeline_turn {
    char *pipeline;
    int64_t last_start;
    int64_t held;
};

/* An attempt that a runner has or should have. */
struct live_attempt {
    struct attempt_row row; /* texts on the heap: see attempt_free */
    struct open_run *open;
    struct run_place place;
    bool dirty;
    bool sent;     /* its spawn message was sent by this engine, or a runner knows it */
    bool asks;     /* for secrets that are not known yet: nobody has its spawn message */
    bool looks;    /* the same, for what its client records: attempt_secrets.c */
    bool secrets_known;          /* to this engine: what its step was given */
    struct arena *secrets_arena; /* NULL: none */
    struct json secrets;         /* {name: value} */
    struct mask *mask;           /* of them, once it was asked for */
    bool has_recorded; /* metrics, reports or calls: there may be rows of it */
    int64_t since_ms;    /* monotonic: when its runner got it */
    bool late;           /* its time was over and its runner silent: the backstop stops it */
    int64_t stop_due_ms; /* monotonic: when a stop that was asked for must have done its work; 0: none was */
    double progress;
    char *progress_text;
    struct {
        VEC_OF(struct lease)
    } leases; /* held while its state is starting or running */
};

/* What names an attempt, outside and to its processes. */
struct attempt_ids {
    int64_t id;
    char step_run_id[40];
    char mark[40];
    char boot_id[40]; /* of the machine when it was given to a runner */
    bool early;       /* whether it has begun is not known */
    int64_t begun_ms; /* wall time; 0: it begins now */
    char plugin[65];  /* of an heir: the sha256 that its plugin had when it was given out; "": none, or not known */
};

/* An attempt that a runner has before its time: heirs.c. Rows know nothing of it. */
struct heir {
    struct attempt_ids ids;
    int64_t after; /* the attempt in whose place it begins */
    struct open_run *open;
    struct run_place place;
    char runner[64];
    bool listed;    /* its runner has just said that it has it */
    bool withdrawn; /* its runner was told not to begin it */
    bool free;      /* it waits for the slot alone: free_heirs.c */
};

struct wake { int64_t at_ms; char run_id[40]; };

/* A connection to a runner. */
struct runner_link {
    char id[64];
    struct message_stream stream;
    bool greeted;   /* its hello and list have come */
    bool listed;    /* since rows were last read it has said what it holds */
    int64_t protocol; /* its newest; 0: it has not said hello */
    int tracking_port; /* where its steps' MLflow clients find us; 0: nowhere */
    bool apart;     /* a keeper started it, as the user of the steps */
    pid_t pid;      /* as it says itself; 0: it has not said hello */
    bool usable;    /* speaks our protocol, too, and is of the user that steps are of: may get new steps */
    bool full;      /* the socket took no more: epoll watches for room */
    bool dead;
    bool again;     /* made when another to the same runner had broken */
    int pidfd;      /* of its process; -1: not known */
    int unanswered; /* looks of the backstop since it was asked for a sign of life; 0: it has answered */
    bool silent;    /* it has not answered in time: gets no new steps until it does */
};

/* What is to be done after the commit. */
struct outgoing {
    char runner[64];
    struct json message; /* in the turn's arena */
};

/* Points of metrics that were read and are not recorded yet: all of one attempt. Zeroed to begin. */
struct gathered {
    int64_t attempt;
    struct arena *texts;
    struct str_index *index; /* of keys, each the number of its list */
    size_t keys;
    uint32_t last_list; /* that was asked for */
    struct {
        VEC_OF(struct gathered_list {
            struct metric_rank *items;
            size_t count;
            size_t room;
        })
    } lists; /* of more than `keys`: room for those to come */
    size_t count; /* of points */
    size_t room;  /* of all lists */
    size_t taken; /* since gathered_rest */
    struct arena *frame; /* what the frame at hand needs, and which list each of its keys has */
    struct {
        VEC_OF(uint32_t)
    } numbers;
};

struct engine {
    struct engine_options options;
    const struct engine_world *world;
    int slots, epoll_fd;
    bool woken; /* by a descriptor of the caller's, in the last turn */
    int64_t generation;
    struct rng rng;
    char boot_id[40];
    struct arena *turn; /* reset after each turn */
    struct plugin_digest *plugin_digests; /* in it: those looked at in this turn */
    bool in_transaction;
    struct engine_beside beside;
    struct {
        VEC_OF(struct open_run *)
    } runs;
    struct {
        VEC_OF(struct live_attempt *)
    } attempts;
    struct {
        VEC_OF(struct heir)
    } heirs; /* each behind the one, if any, that it comes after */
    int64_t last_id;  /* of an attempt */
    int64_t given_id; /* ids up to this one are nobody else's */
    bool starts_carefully; /* each start has a savepoint: one was refused that had none (firing.c) */
    struct {
        VEC_OF(struct wake)
    } wakes;
    struct {
        VEC_OF(struct runner_link *)
    } links;
    struct {
        VEC_OF(struct outgoing)
    } outgoing;
    struct {
        VEC_OF(struct run_env *)
    } run_envs;
    struct {
        VEC_OF(const char *)
    } unpublished; /* folders to remove after the commit; in the turn's arena */
    struct gathered gathered;
    struct url_probes probes;
    struct deliveries deliveries;
    struct reaper reaper;
    struct telling_state telling;
    struct stock *stocks; /* slots, then what options.supply says */
    size_t stock_count;
    struct {
        VEC_OF(struct lease)
    } unowned; /* of attempts whose runs could not be loaded, and may have processes */
    int64_t starts, turn_starts; /* counts what was started, for turns; in this turn */
    struct {
        VEC_OF(struct pipeline_turn *)
    } turns;
    int64_t backstop_ms;      /* how long a runner may be silent, and an attempt late */
    int64_t backstop_look_ms; /* monotonic: when the backstop has looked last */
    int64_t wall_ahead_ms;    /* of the wall clock, beside the monotonic one, when it was looked at last */
    int64_t next_wait_check_ms; /* when an open wait must be looked at again; 0: none */
    struct engine_stats stats;
    bool targets_held; /* somebody holds a target (targets.c) */
    int64_t rush_since_ms; /* monotonic: since when more has been due than a turn takes; 0: it is not (firing.c) */
    bool starts_wait, starts_left; /* for what is due to be durable; for the next turn, which comes at once */
    bool queue_grew; /* a run came into the queue, and places_give has not looked at it */
    bool reload; /* memory is not what the rows say: load again before the next turn */
    bool unsettled; /* it was loaded: attempts that nobody has are still to be looked for */
};

/* A place between two acts, where a test ends the process (base/crash_point.h). */
void crash_point(const struct engine *engine, const char *name);
/* Begins the turn's transaction if it has not begun. */
int turn_begin(struct engine *engine, struct err *err);
/* Writes all changes, starts what is ready, commits, and acts. */
int turn_commit(struct engine *engine, struct err *err);
void turn_abandon(struct engine *engine);
/* Memory is what the rows say: read again if it is not. The first thing of each command, before a run is looked up. */
int turn_ready(struct engine *engine, struct err *err);
/* The end of a command whose work came to `result`: commits, or abandons when that is -1. After a failure memory is
 * read again, so that nobody sees, or builds on, what was not written. */
int turn_end(struct engine *engine, int result, struct err *err);
void turn_send(struct engine *engine, const char *runner, struct json message);
/* What was to begin there by this turn is decided anew. */
void turn_recall_spawns(struct engine *engine, const char *runner);

/* ---- run_env.c ---- */
/* Keeps a copy of {NAME: value} for the steps of the run and of the runs below it. */
void run_env_keep(struct engine *engine, const char *run_id, const struct json *env);
/* What the steps of a run see: what was kept for it or for the run it belongs to, else that of the engine's options. */
const struct json *run_env_of(struct engine *engine, const struct open_run *open);
void run_env_forget(struct engine *engine, const char *run_id);
void run_envs_clear(struct engine *engine);

/* ---- open_runs.c ---- */
struct open_run *open_run_find(struct engine *engine, const char *run_id);
/* Parses the stored definition of a run: it was accepted when the run was submitted, and must load again. Of one that
 * has `begun`, a plugin may be gone: its steps fail when they begin. */
const struct pipeline *open_run_definition(struct engine *engine, const struct pipeline_run *row, bool begun,
                                           struct arena *arena, struct err *err);
int open_run_load(struct engine *engine, const struct pipeline_run *row, struct open_run **ret_open, struct err *err);
/* A new one around `run`, for engine_submit. */
struct open_run *open_run_add(struct engine *engine, const struct pipeline_run *row, struct definition *take_definition,
                              struct run *take_run);
void open_run_drop(struct engine *engine, struct open_run *open);
/* Applies an event to the run, notes what changed, and carries the actions out. */
int open_run_apply(struct engine *engine, struct open_run *open, const struct run_event *event, struct err *err);
/* The row says what the run says. */
void open_run_follow(struct engine *engine, struct open_run *open);
/* What has changed so far is in the store. */
void open_run_written(struct open_run *open);
/* What its MLflow run says then. */
enum run_status open_run_status(enum run_state state);
/* Writes the rows that changed. When the run has ended: its MLflow run, its activity, its parent. */
int open_run_persist(struct engine *engine, struct open_run *open, struct err *err);
const char *journal_path_of(const struct engine *engine, struct arena *arena, const char *run_id);

/* ---- attempts.c ---- */
struct live_attempt *attempt_find(const struct engine *engine, int64_t id);
struct live_attempt *attempt_at(struct engine *engine, const struct open_run *open, struct run_place place);
/* Takes the row's texts over by copying. */
struct live_attempt *attempt_add(struct engine *engine, struct open_run *open, const struct attempt_row *row);
void attempt_drop(struct engine *engine, struct live_attempt *attempt);
/* Sets a text field of the row (frees the old one). */
void attempt_set(const char **field, const char *text);
/* The message alone: made, or sent after the commit. */
struct json stop_message(struct arena *arena, int64_t attempt, const char *why, int64_t grace_ms);
void stop_send(struct engine *engine, const struct attempt_row *attempt, const char *why, int64_t grace_ms);
/* Asks the attempt's runner for the stop ladder, after the commit; the row keeps that it was asked. */
void attempt_stop(struct engine *engine, struct live_attempt *attempt, const char *why, int64_t grace_ms);
/* Its end is committed, or decided in this turn: the runner may forget it. */
void attempt_acknowledge(struct engine *engine, const struct live_attempt *attempt);
/* Has its runner told of it after the commit. What cannot be made is the attempt's failure; one whose secrets are not
 * known yet `asks`, and has no message until attempts_ask_again. (attempt_send.c) */
int attempt_send(struct engine *engine, struct live_attempt *attempt, struct err *err);
bool attempts_ask(const struct engine *engine); /* does any? */
/* Sends those whose secrets are known by now; one that is to be stopped ends before it has begun. */
int attempts_ask_again(struct engine *engine, struct err *err);
void attempt_forget_secrets(struct engine *engine, struct live_attempt *attempt);
/* Its runner has it, or should have. */
bool attempt_is_with_runner(const struct live_attempt *attempt);
/* Starts what is ready while slots are free, a few dozen in a turn: rows now, messages after the commit. */
int attempts_start(struct engine *engine, struct err *err);
bool attempts_may_start(struct engine *engine); /* in this turn */
bool attempts_are_left(struct engine *engine);  /* for the next */

/* ---- leases.c ---- */
/* Settles what there is, and records it. */
int leases_open(struct engine *engine, struct err *err);
/* Reads who holds what. */
int leases_load(struct engine *engine, struct err *err);
void leases_forget(struct live_attempt *attempt);
/* The attempt gets a slot and what its step asks for: rows of this turn. */
int leases_take(struct engine *engine, struct live_attempt *attempt, struct err *err);
/* The devices it has, as CUDA_VISIBLE_DEVICES names them; NULL: it asked for none. */
const char *leases_devices(const struct live_attempt *attempt);
/* Why the step can never have what it asks for, or NULL. */
const char *leases_problem(const struct engine *engine, const struct step *step, struct arena *arena);
/* The queue whose head starts now; false when none can. Its turn is noted. */
bool leases_next(struct engine *engine, struct open_run **ret_open, size_t *ret_queue);
/* Nothing is ready, and there is a free slot. */
bool leases_slot_is_idle(const struct engine *engine);
/* Is there anything that leases_next would name? */
bool leases_may_start(struct engine *engine);
/* Before memory is loaded again, and at the end. */
void leases_clear(struct engine *engine);
void leases_close(struct engine *engine);
/* The attempt has its end: row, MLflow run, and the event for run/. */
struct attempt_end {
    enum attempt_state state;
    const char *reason;
    bool refused, no_retry, out_of_memory;
    int exit_code;
    int64_t at_ms;
    const struct json *heir; /* the order of the attempt that has begun in its place; NULL: none has */
};
int attempt_end(struct engine *engine, struct live_attempt *attempt, const struct attempt_end *end, struct err *err);
/* What the attempt said cannot be recorded: it fails, and the activity log says so. */
int attempt_fail_internal(struct engine *engine, struct live_attempt *attempt, const struct err *wrong,
                          struct err *err);
/* What an end is after a stop ("timeout", "cancel", "linger"), or after none (""). */
enum attempt_state attempt_end_state(struct str stopped, bool succeeded);

/* New names. */
struct attempt_ids attempt_ids_new(struct engine *engine);
/* The row of an attempt that begins, or has begun, of an item that is active, and its MLflow run. What cannot be
 * recorded (a matrix key that is no name of a param) is the item's failure: it leaves nothing behind, and
 * `*ret_attempt` NULL. */
int attempt_new(struct engine *engine, struct open_run *open, struct run_place place, const char *runner,
                const struct attempt_ids *ids, struct live_attempt **ret_attempt, struct err *err);
/* An early attempt has never begun, and never will: as if it had not been. */
int attempt_take_back(struct engine *engine, struct live_attempt *attempt, struct err *err);

/* ---- timers.c ---- */
/* How long the turn may wait for something to come, as epoll_wait has it; `timeout_ms` is the caller's limit. */
int timers_wait_ms(const struct engine *engine, int timeout_ms);
/* What is due begins, and runs whose own time is over end: how many, or -1. */
int timers_fire_wakes(struct engine *engine, int64_t now_ms, struct err *err);
int timers_fire_timeouts(struct engine *engine, int64_t now_ms, struct err *err);

/* ---- submit.c ---- */
/* Records a queued run and begins it, within the turn. */
int run_submit(struct engine *engine, const struct engine_submission *submission, struct open_run **ret_open,
               struct err *err);
/* Begins the pipeline of a step as a child run. ERR_INPUT, ERR_NOT_FOUND, ERR_STATE fail the step, the rest the turn.
 */
int child_submit(struct engine *engine, struct open_run *open, struct run_place place, struct err *err);

/* ---- abandon.c ---- */
/* Cancels an open run that is not in memory because it cannot be loaded: stops its attempts and closes all its rows. */
int run_abandon(struct engine *engine, const char *run_id, const char *reason, struct err *err);

/* ---- spawn.c ---- */
/* Of an attempt that does not begin as usual. */
struct spawn_as {
    const struct json *resumed;           /* the outcome of its wait; NULL: there was none */
    const struct run_assumption *assumed; /* of an heir; NULL: it begins now */
};
/* The spawn message of an attempt. -1 with the reason when an expression or input cannot be resolved: the attempt then
 * fails. 1: a secret is not known yet (engine_options.secret). */
int spawn_message(struct engine *engine, const struct live_attempt *attempt, struct spawn_as as,
                  struct json *ret_message, struct err *err);

/* ---- hash_files.c ---- */
/* hashFiles for struct run: `ctx` is the workspace's path. */
int spawn_hash_files(void *ctx, const struct str *globs, size_t count, struct arena *arena, struct json *ret,
                     struct err *err);
/* Of a logged model, with `artifacts` in it. */
const char *model_folder(const struct engine *engine, struct arena *arena, int64_t experiment_id, const char *model_id);
const char *artifact_folder(const struct engine *engine, struct arena *arena, int64_t experiment_id,
                            const char *run_id);

/* ---- inputs.c ---- */
/* Resolves the step's inputs (models, last:, paths), pinned once per run: the list for the message, and {NAME: local
 * path}. */
int inputs_resolve(struct engine *engine, struct open_run *open, struct run_place place, const struct expr_env *env,
                   struct arena *arena, struct json *ret_list, struct json *ret_paths, struct err *err);

/* ---- given.c ---- */
/* What other steps published and the message gives to this one: the list "verify" of the message. */
int given_collect(struct engine *engine, const struct json *message, struct arena *arena, struct json *ret_verify,
                  struct err *err);

/* ---- ingest.c ---- */
/* Reads what the run's journal has gained, at most `budget` bytes. Returns frames read, or -1. */
int ingest_run(struct engine *engine, struct open_run *open, size_t budget, struct err *err);
/* Is what a runner says of a journal said of the one that is read? It may have been put aside since. */
bool ingest_reads(const struct open_run *open, int64_t file);
/* All that stands in the journals of all runs. */
int ingest_all(struct engine *engine, struct err *err);
/* Runs `take` in a savepoint. What cannot be recorded ends its attempt, not the engine, which would read it again for
 * ever (docs/operations.md); a store that fails is another matter: -1. */
typedef int take_function(struct engine *engine, const void *what, struct err *err);
int take_or_fail(struct engine *engine, int64_t attempt_id, take_function *take, const void *what, struct err *err);

/* ---- plugin_digest.c ---- */
/* The digest of a plugin's file, and the stamp by which the step knows it again, "" when it was written too lately: 1;
 * 0 when it cannot be read: it fails as it is loaded; -1 when the store fails. The texts live in the turn. */
int plugin_digest(struct engine *engine, const struct plugin *plugin, struct str *ret_hex, struct str *ret_stamp,
                  struct err *err);

/* ---- ingest_points.c ---- */
/* The points of a frame, JOURNAL_POINTS or JOURNAL_METRICS; what another attempt left, or more than is held in memory,
 * is recorded. */
int gathered_add(struct engine *engine, struct gathered *gathered, const struct journal_frame *frame, struct err *err);
/* Records them all: before anything else of the journal takes effect, and before the turn ends. */
int gathered_record(struct engine *engine, struct gathered *gathered, struct err *err);
/* They are so few for each of their keys that the next frame had better be read first. */
bool gathered_wants_more(const struct gathered *gathered);
/* After what was read in a turn, recorded or given up: keeps what the next one can use, if it looks as if it will. */
void gathered_rest(struct engine *engine, struct gathered *gathered);
void gathered_clear(struct gathered *gathered);

/* ---- reports.c ---- */
int report_apply(struct engine *engine, struct live_attempt *attempt, const struct json *report, int64_t time_ms,
                 struct err *err);

/* ---- calls.c ---- */
/* Answers a question of a step: the reply message's result or error in `ret_reply`. -1 only when the store fails. */
int call_answer(struct engine *engine, struct live_attempt *attempt, const char *method, const struct json *params,
                struct json *ret_reply, struct err *err);
/* The reply that refuses a question, in the turn's arena. */
struct json call_refusal(struct engine *engine, const struct err *wrong);

/* ---- models.c ---- */
struct model_ref {
    const char *model_id;
    const char *name;     /* registered name, or NULL */
    int64_t version;      /* 0: none */
    const char *path;     /* local folder */
};
/* "models:/name@alias", "models:/name/3", "models:/m-...", "m-...". 1 found, 0 no such alias, -1 no such model, one
 * that is not READY, malformed, or failure. */
int model_resolve(struct engine *engine, const char *uri, struct arena *arena, struct model_ref *ret, struct err *err);
/* An attempt has ended, whose MLflow run is `run_id`: none of its models stays PENDING. READY is one whose files are
 * all published when the attempt succeeded; any other is UPLOAD_FAILED for `reason` (or NULL), and its folder is
 * removed after the commit. `*ret_ready` is the id of the READY one in the turn's arena, or NULL. */
int models_settle(struct engine *engine, const char *run_id, bool succeeded, const char *reason, int64_t now_ms,
                  const char **ret_ready, struct err *err);

/* ---- wait_spec.c ---- */
/* Kind and members of what a step asks to wait for; whole numbers become integers. ERR_INPUT in words. */
int wait_spec_check(struct json *spec, struct err *err);

/* What lived in the turn that is over goes. */
void turn_forget(struct engine *engine);

/* ---- memory.c ---- */
/* All of it anew from the rows: at the start, and whenever a commit failed. */
int memory_load(struct engine *engine, struct err *err);
void memory_drop(struct engine *engine);

/* ---- evidence.c ---- */
/* What an approval is about, as it is now. */
struct evidence_of {
    struct open_run *open;
    const char *run_id;       /* of the approval: the open run, or one that it is a retry of */
    size_t step;              /* the approval: the gates before it count, and none after it */
    const char *model_uri;    /* NULL: none */
    const struct json *extra; /* NULL: none */
};
/* The manifest: [{kind, id, sha256}], and the digest of its canonical JSON. */
int evidence_collect(struct engine *engine, const struct evidence_of *of, struct arena *arena,
                     struct json *ret_manifest, char ret_sha256[65], struct err *err);
/* The approval with this digest, given in the open run or in one that it is a retry of: open, run_id and step of it. */
int evidence_find(struct engine *engine, struct open_run *open, const char *sha256, struct arena *arena,
                  struct evidence_of *ret, struct err *err);

/* ---- known.c ---- */
/* An attempt that a runner says it has. */
int link_take_known(struct engine *engine, struct runner_link *link, const struct json *known, struct err *err);

/* ---- links.c ---- */
int links_scan(struct engine *engine, struct err *err);
/* The runner for new steps, started when there is none. */
struct runner_link *links_current(struct engine *engine, struct err *err);
struct runner_link *link_find(struct engine *engine, const char *id);
int links_read(struct engine *engine, struct runner_link *link, struct err *err);
/* Puts the message behind those that wait; what follows it is sent together with it. */
void link_queue(struct engine *engine, struct runner_link *link, struct json *message);
/* Sends it and what waits, now or when the socket has room. */
void link_send(struct engine *engine, struct runner_link *link, struct json *message);
/* Asks what it has: what it should have and has not is started there then, what it should not have is forgotten. */
void link_ask(struct engine *engine, struct runner_link *link);
/* Sends what waits to be sent, now or when the socket has room. */
void link_flush(struct engine *engine, struct runner_link *link);
void link_drop(struct engine *engine, struct runner_link *link);
/* Forgets the runners that are gone: between turns, when nobody holds one. */
void links_drop_dead(struct engine *engine);
/* The runner is gone: what it had written is read, its attempts are orphans. `how` is for their reason. */
int link_gone(struct engine *engine, struct runner_link *link, const char *how, struct err *err);

/* ---- orphans.c ---- */
/* False when nothing of it was forked, as far as its journal says. */
bool attempt_has_begun(const struct engine *engine, const struct attempt_row *row);
/* The runner of the attempt is gone and took it along, or never had it: start again, or lost. `how` says what became
 * of the runner: "its runner was killed". */
int attempt_orphaned(struct engine *engine, struct live_attempt *attempt, const char *how, struct err *err);
/* Ends an attempt without its runner: kills what is left of it. The same `how`. */
int attempt_cut_off(struct engine *engine, struct live_attempt *attempt, const char *how, struct err *err);

/* ---- wall_clock.c ---- */
/* Epoch milliseconds, by the wall clock as it was looked at last. */
int64_t engine_now(const struct engine *engine);
/* Notes how the wall clock stands beside the monotonic one. */
void wall_clock_look(struct engine *engine);
/* The same while nobody sets it: for `waited_ms` nobody has asked for the engine's time, which does not go back. */
void wall_clock_waited(struct engine *engine, int64_t waited_ms);
/* Somebody may have set it since: what is a duration then moves with it, rows of this turn. */
int wall_clock_follow(struct engine *engine, struct err *err);
/* The engine's time of a frame that a runner wrote at `time_ms` by a clock that may have been set since: after the
 * journal was last read to its end, and not after now. */
int64_t wall_clock_of_frame(const struct engine *engine, const struct open_run *open, int64_t time_ms);
/* A run that was loaded: nothing of it is further away than it can have been when it was decided. */
void wall_clock_bound(const struct engine *engine, struct open_run *open);

/* ---- backstop.c ---- */
/* Settles SLUICE_BACKSTOP_MS, before anything else of these is called. */
void backstop_open(struct engine *engine);
/* When an attempt must be looked at, in milliseconds from now; INT64_MAX: at no time. */
int64_t backstop_wait_ms(const struct engine *engine);
/* Looks at attempts that are late: asks their runners, wakes them, ends the attempts of those that do not answer. */
int backstop_check(struct engine *engine, struct err *err);
/* The runner has said something. */
void backstop_heard(struct runner_link *link);

/* ---- runner_process.c ---- */
/* Whether a child of ours has ended, and how; it is reaped then. -1: not known, it lives. */
enum runner_end { RUNNER_LIVES, RUNNER_EXITED, RUNNER_WAS_KILLED };
enum runner_end runner_process_end(int pidfd);
/* The process of the runner that listens at the other end of a connection, or -1. */
int runner_process_open(int connection, const char *id);
/* Lets a process go on that was stopped; nothing to one that was not. False when it is not known. */
bool runner_process_wake(int pidfd);
/* False when it is not known which process it is, or it does not die. */
bool runner_process_kill(int pidfd);

/* ---- sweep.c ---- */
struct process_prey attempt_prey(const struct attempt_row *row);
/* struct engine_world's sweep on the machine as it is. */
int attempt_sweep(void *ctx, const struct attempt_row *row, struct strbuf *pids);

/* ---- note.c ---- */
int engine_note(struct engine *engine, const char *actor, const char *action, const char *object, const char *object_id,
                const char *from, const char *to, const char *reason, const char *evidence, struct err *err);
/* "run wine 12" in the arena. */
const char *run_words(struct arena *arena, const struct pipeline_run *row);
#include "engine/places.h"

#endif
