/* SPDX-License-Identifier: Apache-2.0
 * A thread that syncs journals, one at a time, while the loop of the runner goes on.
 *
 * A sync takes as long as a short step. Beside other steps the loop must not stand still for it; alone it may, and
 * saves the two ways between the threads.
 */
#ifndef SLUICE_RUNNER_SYNC_WORKER_H
#define SLUICE_RUNNER_SYNC_WORKER_H

#include "base/err.h"

#include <stdbool.h>

struct run_journal;
struct sync_worker;

/* NULL when there can be no thread. */
struct sync_worker *sync_worker_new(void);
/* Waits for a sync that has begun. NULL is allowed. */
void sync_worker_free(struct sync_worker *worker);
/* Readable when a sync has ended. */
int sync_worker_fd(const struct sync_worker *worker);
/* False: it is at one already. The journal stays as it is, and where it is, until sync_worker_end has given it back. */
bool sync_worker_begin(struct sync_worker *worker, struct run_journal *journal);
/* The journal whose sync has ended, and what was wrong (code 0: nothing); NULL: none has. */
struct run_journal *sync_worker_end(struct sync_worker *worker, struct err *ret);

#endif
