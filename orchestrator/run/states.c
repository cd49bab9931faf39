/* SPDX-License-Identifier: Apache-2.0 */
#include "run/states.h"

#include <stddef.h>
#include <string.h>

static const char *const run_names[] = {"queued", "running", "waiting", "succeeded", "failed", "cancelled"};
static const char *const step_names[] = {"pending", "ready",  "active",    "delayed", "waiting",
                                         "succeeded", "failed", "cancelled", "skipped"};
static const char *const attempt_names[] = {"starting",  "running",   "waiting", "succeeded",
                                            "failed", "timed_out", "cancelled", "lost"};
static const char *const verdict_names[] = {"none", "passed", "refused"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int name_index(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *run_state_name(enum run_state state)
{
    return run_names[state];
}

const char *step_state_name(enum step_state state)
{
    return step_names[state];
}

const char *attempt_state_name(enum attempt_state state)
{
    return attempt_names[state];
}

const char *verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
}

int run_state_parse(const char *name)
{
    return name_index(run_names, COUNT(run_names), name);
}

int step_state_parse(const char *name)
{
    return name_index(step_names, COUNT(step_names), name);
}

int attempt_state_parse(const char *name)
{
    return name_index(attempt_names, COUNT(attempt_names), name);
}

int verdict_parse(const char *name)
{
    return name_index(verdict_names, COUNT(verdict_names), name);
}

bool run_state_is_terminal(enum run_state state)
{
    return state >= RUN_STATE_SUCCEEDED;
}

bool step_state_is_terminal(enum step_state state)
{
    return state >= STEP_STATE_SUCCEEDED;
}

bool attempt_state_is_terminal(enum attempt_state state)
{
    return state >= ATTEMPT_STATE_SUCCEEDED;
}
