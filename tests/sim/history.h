/* SPDX-License-Identifier: Apache-2.0
 * One history: a pipeline is run in a world where things go wrong, and is judged.
 */
#ifndef SLUICE_SIM_HISTORY_H
#define SLUICE_SIM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history_options {
    uint64_t seed;
    const char *home;   /* a folder in memory, emptied before each history */
    int faults;         /* the first so many of the seed's; -1: all */
    unsigned allowed;   /* bits of enum fault_kind that may happen */
    size_t steps;       /* at most */
    bool verbose;
    bool traced;        /* the result's trace is asked for */
};

struct history_result {
    bool failed;
    char failure[1200];
    uint64_t trace;
    int faults, executions, engines;
    int64_t simulated_ms;
};

enum { HISTORY_FAULT_KINDS = 16 };
extern const char *const history_fault_names[HISTORY_FAULT_KINDS];

/* Makes the store that every history begins with: once in a process. */
int history_prepare(const char *home);
void history_run(const struct history_options *options, struct history_result *ret);

#endif
