/* SPDX-License-Identifier: Apache-2.0
 * A thread for what takes long: syncing a file, removing a tree; another for hashing passwords. The loop hands it jobs,
 * and is woken when one is done.
 */
#ifndef SLUICE_API_FILE_WORKER_H
#define SLUICE_API_FILE_WORKER_H

#include "base/err.h"

struct file_worker;

/* A job, and its room in the queue; owned by whoever asks, until it comes back. */
struct file_job {
    /* In the thread. 1: it has not ended, and goes on when the others have had their turn; when the worker is stopped,
     * it ends there, with ERR_BUSY. */
    int (*work)(void *ctx, struct err *err);
    void *ctx;
    struct err err; /* what came of it */
    struct file_job *next;
};

int file_worker_open(struct file_worker **ret_worker, struct err *err);
/* Does what is queued, each once, then no more; what is done can still be taken. */
void file_worker_stop(struct file_worker *worker);
/* After it was stopped. */
void file_worker_close(struct file_worker *worker);
/* Can be read when a job is done. */
int file_worker_fd(const struct file_worker *worker);
void file_worker_give(struct file_worker *worker, struct file_job *job);
/* A job that is done, in their order; NULL: none. */
struct file_job *file_worker_take(struct file_worker *worker);

#endif
