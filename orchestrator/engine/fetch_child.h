/* SPDX-License-Identifier: Apache-2.0
 * One request by a short-lived sluice-fetch, or another program that is asked and answers so, never in the way of the
 * turn.
 */
#ifndef SLUICE_ENGINE_FETCH_CHILD_H
#define SLUICE_ENGINE_FETCH_CHILD_H

#include "base/json.h"

#include <stdbool.h>
#include <sys/types.h>

struct fetch_child {
    pid_t pid;
    int out_fd; /* what it prints */
};

/* Starts the program `fetch` with a request as fetch/request.h has it (or that program's own). False when it cannot be
 * started. */
bool fetch_child_start(const char *fetch, const struct json *request, struct arena *arena, struct fetch_child *ret);
/* Has it ended? Once this was true it is nobody's child any more. */
bool fetch_child_ended(struct fetch_child *child);
/* Of one that has ended: the line of its answer (null when there is none), and what of the body came, up to
 * `max_bytes`. Closes what it has. */
void fetch_child_take(struct fetch_child *child, size_t max_bytes, struct arena *arena, struct json *ret_head,
                      struct str *ret_body);
/* Ends one that has not ended. */
void fetch_child_kill(struct fetch_child *child);

#endif
