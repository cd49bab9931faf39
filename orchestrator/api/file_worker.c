/* SPDX-License-Identifier: Apache-2.0 */
#include "api/file_worker.h"

#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job_queue {
    struct file_job *first, *last;
};

struct file_worker {
    int done_fd; /* an eventfd */
    size_t given; /* and not taken: the owner's alone */
    pthread_t thread;
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t changed;
    struct job_queue waiting, done;
    bool ending;
};

static void put_last(struct job_queue *queue, struct file_job *job)
{
    job->next = NULL;
    *(queue->first == NULL ? &queue->first : &queue->last->next) = job;
    queue->last = job;
}

static struct file_job *take_first(struct job_queue *queue)
{
    struct file_job *job = queue->first;
    queue->first = job == NULL ? NULL : job->next;
    return job;
}

static void *work(void *argument)
{
    struct file_worker *worker = argument;
    (void)pthread_mutex_lock(&worker->mutex);
    for (;;) {
        struct file_job *job = take_first(&worker->waiting);
        if (job == NULL && worker->ending) {
            break;
        }
        if (job == NULL) {
            (void)pthread_cond_wait(&worker->changed, &worker->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&worker->mutex);
        int result = job->work(job->ctx, &job->err);
        (void)pthread_mutex_lock(&worker->mutex);
        if (result == 1 && !worker->ending) {
            put_last(&worker->waiting, job);
            continue;
        }
        if (result == 1) {
            (void)err_set(&job->err, ERR_BUSY, "sluice is being stopped");
        }
        put_last(&worker->done, job);
        (void)eventfd_write(worker->done_fd, 1);
    }
    (void)pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* Signals are the loop's. */
static bool begin(struct file_worker *worker)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool begun = pthread_create(&worker->thread, NULL, work, worker) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return begun;
}

int file_worker_open(struct file_worker **ret_worker, struct err *err)
{
    struct file_worker *worker = mem_alloc(sizeof *worker);
    *worker = (struct file_worker){.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    (void)pthread_mutex_init(&worker->mutex, NULL);
    (void)pthread_cond_init(&worker->changed, NULL);
    if (worker->done_fd < 0 || !begin(worker)) {
        (void)err_errno(err, "starting a thread for files");
        if (worker->done_fd >= 0) {
            (void)close(worker->done_fd);
        }
        free(worker);
        return -1;
    }
    *ret_worker = worker;
    return 0;
}

void file_worker_stop(struct file_worker *worker)
{
    (void)pthread_mutex_lock(&worker->mutex);
    worker->ending = true;
    (void)pthread_cond_signal(&worker->changed);
    (void)pthread_mutex_unlock(&worker->mutex);
    (void)pthread_join(worker->thread, NULL);
}

void file_worker_close(struct file_worker *worker)
{
    (void)pthread_cond_destroy(&worker->changed);
    (void)pthread_mutex_destroy(&worker->mutex);
    (void)close(worker->done_fd);
    free(worker);
}

int file_worker_fd(const struct file_worker *worker)
{
    return worker->done_fd;
}

void file_worker_give(struct file_worker *worker, struct file_job *job)
{
    worker->given++;
    (void)pthread_mutex_lock(&worker->mutex);
    put_last(&worker->waiting, job);
    (void)pthread_cond_signal(&worker->changed);
    (void)pthread_mutex_unlock(&worker->mutex);
}

struct file_job *file_worker_take(struct file_worker *worker)
{
    eventfd_t count;
    if (worker->given == 0) {
        return NULL;
    }
    (void)pthread_mutex_lock(&worker->mutex);
    (void)eventfd_read(worker->done_fd, &count);
    struct file_job *job = take_first(&worker->done);
    if (worker->done.first != NULL) {
        (void)eventfd_write(worker->done_fd, 1);
    }
    (void)pthread_mutex_unlock(&worker->mutex);
    worker->given -= job != NULL;
    return job;
}
