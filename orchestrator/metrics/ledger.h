/* SPDX-License-Identifier: Apache-2.0
 * Counters that a restart does not begin anew, and gc does not make smaller: counted from the activity log, which
 * nothing is ever removed from. It is read once from its beginning, and after that from where it was read to.
 *
 * What is counted by is bounded: after LEDGER_PIPELINES names of pipelines, and LEDGER_WORDS others, all further ones
 * are counted as "(other)".
 */
#ifndef SLUICE_METRICS_LEDGER_H
#define SLUICE_METRICS_LEDGER_H

#include "base/histogram.h"
#include "store/activity.h"

enum { LEDGER_PIPELINES = 500, LEDGER_WORDS = 200, LEDGER_STATES = 3, LEDGER_TRIGGERS = 12 };

extern const char *const ledger_states[LEDGER_STATES]; /* succeeded failed cancelled */
#define LEDGER_OTHER "(other)"

struct ledger_pipeline {
    const char *name;
    uint64_t ended[LEDGER_STATES][LEDGER_TRIGGERS]; /* by ledger_trigger */
    int64_t last_success_ms;                        /* 0: none */
    struct histogram durations;                     /* from started to ended, what it waited for included */
};

struct ledger_word {
    const char *word;
    uint64_t count;
};

struct ledger;

struct ledger *ledger_new(void);
void ledger_free(struct ledger *ledger);
/* Counts a row; rows come in their order, each once. */
void ledger_count(struct ledger *ledger, const struct activity *row);
/* Counts the rows that the store has by now. */
int ledger_read(struct ledger *ledger, struct store *store, struct err *err);

const struct ledger_pipeline *ledger_pipelines(const struct ledger *ledger, size_t *ret_count);
/* Rows by their action. */
const struct ledger_word *ledger_actions(const struct ledger *ledger, size_t *ret_count);
/* The name of a trigger by its number; NULL: there are no more. */
const char *ledger_trigger(const struct ledger *ledger, size_t number);

#endif
