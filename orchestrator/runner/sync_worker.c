/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/sync_worker.h"

#include "base/mem.h"
#include "runner/run_journal.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STACK_BYTES = 64 << 10 };

struct sync_worker {
    int ended; /* an eventfd */
    pthread_t thread;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t changed;
    struct run_journal *journal; /* NULL: nothing to do */
    bool done;                   /* with the journal, and `err` is what came of it */
    bool ending;
    struct err err;
};

static void *work(void *argument)
{
    struct sync_worker *worker = argument;
    (void)pthread_mutex_lock(&worker->mutex);
    while (!worker->ending) {
        if (worker->journal == NULL || worker->done) {
            (void)pthread_cond_wait(&worker->changed, &worker->mutex);
            continue;
        }
        struct journal_writer *writer = worker->journal->writer;
        struct err err = {0};
        (void)pthread_mutex_unlock(&worker->mutex);
        (void)journal_writer_sync(writer, &err);
        (void)pthread_mutex_lock(&worker->mutex);
        worker->err = err;
        worker->done = true;
        (void)eventfd_write(worker->ended, 1);
    }
    (void)pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* Its stack is in the address space of each step that is a copy of this process, which may be limited. */
static bool begin(struct sync_worker *worker)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool begun = pthread_create(&worker->thread, &attributes, work, worker) == 0;
    (void)pthread_attr_destroy(&attributes);
    return begun;
}

struct sync_worker *sync_worker_new(void)
{
    struct sync_worker *worker = mem_alloc(sizeof *worker);
    *worker = (struct sync_worker){.ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    (void)pthread_mutex_init(&worker->mutex, NULL);
    (void)pthread_cond_init(&worker->changed, NULL);
    if (worker->ended < 0 || !begin(worker)) {
        if (worker->ended >= 0) {
            (void)close(worker->ended);
        }
        free(worker);
        return NULL;
    }
    return worker;
}

void sync_worker_free(struct sync_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&worker->mutex);
    worker->ending = true;
    (void)pthread_cond_signal(&worker->changed);
    (void)pthread_mutex_unlock(&worker->mutex);
    (void)pthread_join(worker->thread, NULL);
    (void)pthread_cond_destroy(&worker->changed);
    (void)pthread_mutex_destroy(&worker->mutex);
    (void)close(worker->ended);
    free(worker);
}

int sync_worker_fd(const struct sync_worker *worker)
{
    return worker->ended;
}

bool sync_worker_begin(struct sync_worker *worker, struct run_journal *journal)
{
    (void)pthread_mutex_lock(&worker->mutex);
    bool free_now = worker->journal == NULL;
    if (free_now) {
        worker->journal = journal;
        worker->done = false;
        (void)pthread_cond_signal(&worker->changed);
    }
    (void)pthread_mutex_unlock(&worker->mutex);
    return free_now;
}

struct run_journal *sync_worker_end(struct sync_worker *worker, struct err *ret)
{
    struct run_journal *journal = NULL;
    eventfd_t count;
    (void)pthread_mutex_lock(&worker->mutex);
    (void)eventfd_read(worker->ended, &count);
    if (worker->done) {
        journal = worker->journal;
        *ret = worker->err;
        worker->journal = NULL;
        worker->done = false;
    }
    (void)pthread_mutex_unlock(&worker->mutex);
    return journal;
}
