/* SPDX-License-Identifier: Apache-2.0
 * The world of one history: time, runners, steps, and what goes wrong.
 *
 * One thread. Time passes only while the engine waits, or sleeps, or is not there: then the next thing happens, which
 * is an entry of `happenings`. The engine, the runners and the disk are deterministic, so the seed alone decides.
 *
 * Runners are made up after docs of wire/message.h, and write real journals; between them and the engine are real
 * socket pairs, filled and drained by this thread. When the engine's process dies (at a crash point, at a write, at
 * any moment) it is not torn out of its functions: nothing that it does has an effect any more, until it returns and
 * is thrown away.
 */
#ifndef SLUICE_SIM_WORLD_H
#define SLUICE_SIM_WORLD_H

#include "base/clock.h"
#include "base/vec.h"
#include "engine/world.h"
#include "origins.h"
#include "plan.h"
#include "wire/journal.h"
#include "wire/message.h"

struct world;

/* ---- one execution of a step, as it really happened ------------------------------------------ */
enum phase {
    PHASE_SPAWNING, /* its runner has it, nothing is forked */
    PHASE_RUNNING,
    PHASE_ENDED,    /* its EXIT is in the journal */
    PHASE_CUT,      /* its runner died */
    PHASE_HELD,     /* an heir whose time has not come */
};

struct execution {
    int64_t attempt;
    char run_id[40], mark[64], step_run_id[40];
    int64_t number;
    size_t step;
    int64_t item;
    bool of_child;
    int leg;           /* 1, and one more after each wait */
    int legs;          /* how many it needs */
    struct behaviour does;
    enum phase phase;
    bool forked;
    bool process;      /* a process of it lives */
    bool waited;       /* its end was to wait */
    bool good;         /* its end was success */
    const char *stopped; /* why it is being stopped; NULL */
    int act;           /* the next of its acts */
    int64_t asked;     /* number of the question that has no answer yet; 0: none */
    int answers;
    const char *takes; /* it has asked for these targets: a list in JSON; NULL */
    unsigned touches;  /* targets that it deploys to, a bit for each letter */
    bool acked;
    int64_t after;     /* of an heir: the attempt in whose place it begins */
    const char *order; /* and what the exit record of that one says then; NULL: it is none */
    struct json spawn; /* and its message */
    bool withdrawn;
    const struct link *withdrawn_by; /* the connection on which that was said */
    bool refused;      /* its result was no success */
    bool left;         /* more than lines is in the journal */
    int points;        /* metric points in its journal */
    int64_t started_ms, ended_ms; /* monotonic */
    struct runner *runner;
    struct run_log *log; /* where its frames go; NULL: that could not be opened */
    char output[80];
    /* of a scenario (script.h) */
    const char **words;
    size_t word_count, word;
    const char *artifact_dir, *models_dir, *sha256;
    const char *holds; /* what it waits for; NULL */
};

struct run_log {
    char run_id[40];
    struct journal_writer *writer;
    int64_t announced;
};

struct link {
    struct message_stream stream;
    bool greeted, closed;
    bool due; /* a look at it is planned */
    int64_t process; /* whose it is */
};

struct runner {
    char id[64];
    int number;
    bool alive, stopped;
    bool deaf;     /* SIGCONT is of no use */
    bool hangs;    /* and SIGKILL neither */
    bool is_other; /* of another version: its protocol is one that we do not know */
    bool leaves;   /* with the last of its steps: it was told to */
    bool dies; /* before it greets */
    int64_t listens_ms;
    int64_t generation;
    bool lingering;
    struct {
        VEC_OF(struct link *)
    } links;
    struct {
        VEC_OF(struct execution *)
    } attempts;
    struct {
        VEC_OF(struct run_log *)
    } logs;
    bool tells; /* a look at its journals is planned */
};

/* ---- happenings ------------------------------------------------------------------------------ */
enum happening_kind {
    HAPPENS_READ,     /* a runner reads its links */
    HAPPENS_TELL,     /* it rings */
    HAPPENS_ACT,      /* an execution goes on */
    HAPPENS_TIMEOUT,  /* its time is over */
    HAPPENS_KILL,     /* its grace is over */
    HAPPENS_GIVE_IN,  /* it ends because it was asked to */
    HAPPENS_LINGER,   /* a runner has been alone for long enough */
    HAPPENS_GO_ON,    /* SIGCONT */
    HAPPENS_FAULT,    /* see history.c */
    HAPPENS_COMMAND,
    HAPPENS_ANSWER,   /* of a receiver */
    HAPPENS_FILE,     /* the file that a step waits for is there */
};

struct happening {
    int64_t at_ms;
    int64_t order;
    enum happening_kind kind;
    struct runner *runner;
    struct execution *execution;
    int64_t number;
};

/* How much of a journal a runner has synced. */
struct run_synced {
    char run_id[40];
    int64_t bytes;
};

/* What stands for a runner's pidfd. */
struct runner_process {
    int fd;
    struct runner *runner;
};

struct run_made {
    char run_id[40];
    char retry_of[40];
};

struct world {
    uint64_t seed;
    struct rng disk_rng, net_rng, fault_rng, engine_rng;
    struct arena *arena;
    struct plan plan;
    char home[128], workspace[160];
    /* time */
    int64_t now_ms, wall_offset_ms;
    bool wall_was_set; /* by somebody, maybe back since */
    int64_t skew_ms; /* seen only by a process that is dead already */
    struct clock clock;
    char boot_id[40];
    int boots;
    /* the engine's process */
    bool dead;
    int crash_after; /* crash points to pass; -1: none is armed */
    int doze_after;  /* the same, until it stands still for a while */
    int64_t doze_ms;
    bool stuck;      /* it waits for ever, and nothing will happen */
    bool disturbed;  /* a fault or a command is due: the wait ends */
    int points_passed; /* crash points */
    struct origins *points; /* where they are noted; NULL */
    int64_t process; /* the engine's: how many were there before */
    int64_t generation, generation_of; /* the highest that a runner has heard of, and from which process */
    /* what there is */
    struct {
        VEC_OF(struct happening)
    } happenings;
    int64_t orders;
    struct {
        VEC_OF(struct runner *)
    } runners;
    struct {
        VEC_OF(struct run_synced)
    } synced;
    struct {
        VEC_OF(struct execution *)
    } executions;
    struct {
        VEC_OF(int64_t)
    } due; /* numbers of faults and commands whose time has come: faults are negative */
    int64_t linger_ms;
    char cancelled_run[40]; /* will be cancelled; "": none */
    bool clock_jumped, lost_power, journal_cut;
    bool power_is_off; /* until the engine's process is gone, too */
    uint64_t trace; /* digest of all that happened: equal for equal histories; 0 when nobody asks */
    bool traced;
    bool verbose;
    int fail_connects; /* the next so many connections cannot be made, for want of descriptors */
    int break_links; /* the next so many connections end as they begin */
    int fail_runners, dying_runners, mute_runners, other_runners; /* the next so many that are started */
    bool knows_processes; /* the engine can send signals to runners */
    struct {
        VEC_OF(struct runner_process)
    } processes;
    bool scripted; /* a scenario, not a plan */
    void (*acts)(struct world *world, int64_t number); /* of a scenario: its time has come */
    void (*answers)(struct world *world, int64_t number); /* of a receiver: an answer comes */
    struct {
        VEC_OF(const char *)
    } gone; /* names that nobody holds for any more */
    char failure[1200]; /* the first thing that was wrong */
    void (*began)(struct world *world, struct execution *execution, const struct json *message);
    void (*took)(struct world *world, struct execution *execution, const char *targets); /* it was told that it has */
};

void world_open(struct world *world, uint64_t seed, const char *home);
void world_close(struct world *world);
extern const struct engine_world world_functions; /* ctx is to be set */

/* Notes the first violation. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct happening *world_plan(struct world *world, int64_t in_ms, enum happening_kind kind);
/* Lets time pass: until then, or until something is due that the history must do itself. */
void world_pass(struct world *world, int64_t ms);
/* The next thing happens, if it does so not later than `until_ms`. False: nothing did. */
bool world_step(struct world *world, int64_t until_ms);
void world_engine_dies(struct world *world);
/* The process is gone: what it had sent stands in the runners' buffers. */
void world_engine_gone(struct world *world);
void world_power_lost(struct world *world);
/* The machine has another boot id from now on. */
void world_boot(struct world *world);

/* ---- runners.c ---- */
struct runner *runner_new(struct world *world, const char *id);
struct runner *runner_find_id(struct world *world, const char *id);
/* The engine's end of a new connection, or -1. */
int runner_accept(struct world *world, struct runner *runner);
void runner_happens(struct world *world, const struct happening *what);
/* Plans to read what the engine has sent since. */
void runners_notice(struct world *world);
/* What is on its way is kept, and the connection is over behind it. */
void runners_engine_gone(struct world *world);
void runner_killed(struct world *world, struct runner *runner);
/* A message about a run, to the engine that it knows. */
void runner_says(struct world *world, struct runner *runner, const char *type, const char *run_id);
/* Its connections end; or it sends over them what is no message. */
void runner_breaks(struct runner *runner, bool babble);
void runner_free(struct runner *runner);
int world_sweep(void *ctx, const struct attempt_row *attempt, struct strbuf *pids);

#endif
