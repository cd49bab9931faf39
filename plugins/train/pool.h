/* SPDX-License-Identifier: Apache-2.0
 * Runs trials, several at once, each in a thread of its own; results are taken by the thread that made the pool.
 *
 *     struct pool *pool = pool_start(host, &spec, trials, count, parallel, &fault);
 *     while (pool_take(pool, &index, &ran)) { ... }
 *     pool_end(pool);
 */
#ifndef SLUICE_TRAIN_POOL_H
#define SLUICE_TRAIN_POOL_H

#include "trial.h"

struct pool;

/* Everything handed in must live until pool_end(). NULL with a fault when no thread can be made. */
struct pool *pool_start(const struct step_host *host, const struct trial_spec *spec, struct trial *trials, size_t count,
                        size_t parallel, struct fault *fault);
/* Waits for the next trial that has run; false when there are no more. `ret_ran` is false when it failed, with the
 * reason in the trial. */
bool pool_take(struct pool *pool, size_t *ret_index, bool *ret_ran);
/* Starts no more trials and ends those that run; they are still to be taken, as failed ones. */
void pool_stop(struct pool *pool);
/* Waits for the threads. NULL is allowed. */
void pool_end(struct pool *pool);

#endif
