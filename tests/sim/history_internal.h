/* SPDX-License-Identifier: Apache-2.0
 * The inside of a history, shared by its files.
 */
#ifndef SLUICE_SIM_HISTORY_INTERNAL_H
#define SLUICE_SIM_HISTORY_INTERNAL_H

#include "engine/engine.h"
#include "history.h"
#include "invariants.h"

enum { FAULTS_MAX = 8, COMMANDS_MAX = 12, TURNS_MAX = 20000, ENGINES_MAX = 100, RETRIES = 5 };

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
};
enum command_kind { COMMAND_SUBMIT, COMMAND_VOTE, COMMAND_CANCEL, COMMAND_KILL, COMMAND_RETRY };

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
    struct rng rng;
    struct command commands[COMMANDS_MAX];
    size_t command_count;
    enum fault_kind faults[FAULTS_MAX];
    size_t fault_count;
    struct run_made runs[3];
    size_t run_count;
    int engines;
    bool crash_at_cancel; /* the crash point that is armed is one of the next cancel */
    bool restart; /* the engine is to leave in order */
};

/* ---- people.c ---- */
/* Carries out a command that is due; plans it again when it could not be. */
void people_do(struct history *h, int64_t number);

#endif
