/* SPDX-License-Identifier: Apache-2.0
 * The three state machines. Terminal states never change.
 *
 *   run      queued -> running <-> waiting -> succeeded | failed | cancelled
 *   step     pending -> ready -> active -> succeeded | failed | cancelled
 *            pending -> skipped | failed (its condition or matrix cannot be evaluated) | cancelled
 *            active -> delayed (a retry is due later) -> ready
 *            active -> waiting (for a person, a time, a file, a child) -> ready | failed | cancelled
 *   attempt  starting -> running -> waiting | succeeded | failed | timed_out | cancelled | lost
 *            waiting -> starting (the wait is over, same attempt) | failed | cancelled
 */
#ifndef SLUICE_RUN_STATES_H
#define SLUICE_RUN_STATES_H

#include <stdbool.h>

enum run_state {
    RUN_STATE_QUEUED,
    RUN_STATE_RUNNING,
    RUN_STATE_WAITING,
    RUN_STATE_SUCCEEDED,
    RUN_STATE_FAILED,
    RUN_STATE_CANCELLED,
};

enum step_state {
    STEP_STATE_PENDING,
    STEP_STATE_READY,
    STEP_STATE_ACTIVE,
    STEP_STATE_DELAYED,
    STEP_STATE_WAITING,
    STEP_STATE_SUCCEEDED,
    STEP_STATE_FAILED,
    STEP_STATE_CANCELLED,
    STEP_STATE_SKIPPED,
};

enum attempt_state {
    ATTEMPT_STATE_STARTING,
    ATTEMPT_STATE_RUNNING,
    ATTEMPT_STATE_WAITING,
    ATTEMPT_STATE_SUCCEEDED,
    ATTEMPT_STATE_FAILED,
    ATTEMPT_STATE_TIMED_OUT,
    ATTEMPT_STATE_CANCELLED,
    ATTEMPT_STATE_LOST,
};

enum verdict { VERDICT_NONE, VERDICT_PASSED, VERDICT_REFUSED };

const char *run_state_name(enum run_state state);
const char *step_state_name(enum step_state state);
const char *attempt_state_name(enum attempt_state state);
const char *verdict_name(enum verdict verdict);
/* -1 for an unknown name. */
int run_state_parse(const char *name);
int step_state_parse(const char *name);
int attempt_state_parse(const char *name);
int verdict_parse(const char *name);

bool run_state_is_terminal(enum run_state state);
bool step_state_is_terminal(enum step_state state);
bool attempt_state_is_terminal(enum attempt_state state);

#endif
