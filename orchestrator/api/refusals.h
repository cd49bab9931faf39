/* SPDX-License-Identifier: Apache-2.0
 * Calls that were refused (401, 403), for the activity log: who asked, from where, for what, and why not.
 *
 * The first of somebody at an address is recorded at once; those that follow within a minute are counted, and told of
 * in one row behind it. So whoever asks a million times leaves two rows a minute, and all of them together at most
 * 2 * REFUSALS_MAX + 1.
 */
#ifndef SLUICE_API_REFUSALS_H
#define SLUICE_API_REFUSALS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

enum { REFUSALS_MAX = 16, REFUSALS_MS = 60000 };

struct refusal {
    char actor[129], address[48], object[200], reason[300];
    int status;
    int64_t since_ms; /* monotonic; 0: the place is free */
    bool recorded;
    int64_t more; /* that followed */
};

struct refusals {
    struct refusal items[REFUSALS_MAX];
    int64_t others; /* for whom there was no place */
    int64_t others_since_ms;
};

void refusals_note(struct refusals *refusals, const struct refusal *refusal, int64_t now_ms);
/* Is there something to be recorded now? */
bool refusals_are_due(const struct refusals *refusals, int64_t now_ms);
/* Records it, in the transaction that has begun. `wall_ms` is the time of the rows. */
int refusals_record(struct refusals *refusals, struct store *store, int64_t now_ms, int64_t wall_ms, struct err *err);

#endif
