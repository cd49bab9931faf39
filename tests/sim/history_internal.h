/* SPDX-License-Identifier: Apache-2.0
 * The inside of a history, shared by its files.
 */
#ifndef SLUICE_SIM_HISTORY_INTERNAL_H
#define SLUICE_SIM_HISTORY_INTERNAL_H

#include "engine/engine.h"
#include "history.h"
#include "invariants.h"
#include "receivers.h"
#include "repository.h"
#include "trigger/trigger.h"

enum { FAULTS_MAX = 8, COMMANDS_MAX = 15, TURNS_MAX = 20000, ENGINES_MAX = 100, RETRIES = 5, RUNS_MAX = 40 };
enum { VERSIONS = 3 }; /* of a model, that people make */

enum fault_kind {
    FAULT_KILL,
    FAULT_CRASH_POINT,
    FAULT_DIE_AT_WRITE,
    FAULT_FULL,
    FAULT_IOERR,
    FAULT_SYNC,
    FAULT_AFTER_SYNC,
    FAULT_BUSY,
    FAULT_RUNNER_KILLED,
    FAULT_RUNNER_STOPPED,
    FAULT_ALL_KILLED,
    FAULT_POWER,
    FAULT_CLOCK,
    FAULT_RESTART,
    FAULT_STATEMENT,
    FAULT_DOZE,
};
enum command_kind {
    COMMAND_SUBMIT,
    COMMAND_VOTE,
    COMMAND_CANCEL,
    COMMAND_KILL,
    COMMAND_RETRY,
    COMMAND_TICK,
    COMMAND_STOP_TICK,
    COMMAND_VERSION,
    COMMAND_AGAIN,
};

struct command {
    enum command_kind kind;
    size_t run;
    bool done;
};

struct history {
    struct world world; /* first: the callbacks of struct world take its address */
    struct judge judge;
    const struct history_options *options;
    struct engine_world functions;
    struct catalogue catalogue;
    struct store *store;
    struct engine *engine;
    struct triggers *triggers; /* with an engine, where something starts by itself; else NULL */
    bool fires;
    struct receivers receivers; /* that are told of what happens */
    int64_t versions; /* of a model that were acknowledged */
    struct rng rng;
    struct command commands[COMMANDS_MAX];
    size_t command_count;
    enum fault_kind faults[FAULTS_MAX];
    size_t fault_count;
    struct run_made runs[RUNS_MAX];
    size_t run_count;
    int engines;
    int store_failures; /* statements that have failed so far */
    struct strbuf *log; /* of a scenario: what the log says, and why turns failed; NULL */
    bool told_of_machine; /* a call of the engine's has failed with the words of the fault in machine.h */
    bool crash_at_cancel; /* the crash point that is armed is one of the next cancel */
    char turn_failed[sizeof ((struct err *)0)->message]; /* why the last one did that failed */
    bool restart; /* the engine is to leave in order */
    /* of a scenario */
    struct engine_options setup; /* what its home has */
    struct resource_supply supply[8];
    struct json secrets; /* null: not known yet */
    struct json guards;  /* what config.yaml guards; null: nothing */
    struct {
        VEC_OF(int64_t)
    } asking; /* attempts that have asked for one, and need it still */
    struct repository repository; /* that is followed; no home: none is */
    bool calm, loose;
    bool unanswered; /* what people do now they have said before, and nobody answered */
    const char *run_names[RUNS_MAX];
    struct {
        VEC_OF(const char *)
    } later; /* what people do in a while */
    struct {
        VEC_OF(char *)
    } messages; /* by which steps began */
};

/* A world, a disk and a judge for a history; and their end, when the engine is away. */
void history_open(struct history *h, const struct history_options *options);
void history_close(struct history *h);
void history_engine_begin(struct history *h);
void history_engine_away(struct history *h);
/* One turn. `*failures` of them in a row could not be committed; after too many, `restart` is set. */
void history_turn(struct history *h, int *failures);

/* A call to the engine is over: it may not go on after a failure of the store, and an error says what it is. */
void history_told(struct history *h, const char *call, int result, const struct err *err);

/* ---- faults.c ---- */
/* Plans what will go wrong, by the seed: half of it soon after the beginning, where most happens. */
void faults_draw(struct history *h);
/* The fault of that number happens. */
void faults_do(struct history *h, size_t number);

/* ---- ticks.c ---- */
/* Puts the pipelines that start by themselves in force, or ends that. */
bool ticks_change(struct history *h, bool begin, struct err *err);
/* A new version of a model. */
bool ticks_version(struct history *h, struct err *err);
/* At the end: every minute was started, and every version heard of, once. */
void ticks_judge(struct history *h);

/* ---- people.c ---- */
/* Carries out a command that is due; plans it again when it could not be. */
void people_do(struct history *h, int64_t number);

#endif
