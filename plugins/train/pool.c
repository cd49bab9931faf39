/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct finished {
    size_t index;
    bool ran;
};

struct pool {
    struct step_host host; /* first: a trial asks it whether it is cancelled */
    const struct step_host *real;
    const struct trial_spec *spec;
    struct trial *trials;
    size_t count;
    atomic_bool stopped;
    pthread_mutex_t lock; /* guards the five below */
    pthread_cond_t changed;
    size_t next;
    size_t workers; /* that still run */
    struct finished *finished;
    size_t finished_count;
    size_t taken; /* only the owner's */
    pthread_t *threads;
    size_t thread_count;
};

static bool is_cancelled(const struct step_host *host)
{
    const struct pool *pool = (const struct pool *)(const void *)host;
    return atomic_load(&pool->stopped) || pool->real->cancelled(pool->real);
}

static void *work(void *argument)
{
    struct pool *pool = argument;
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->next < pool->count && !is_cancelled(&pool->host)) {
        size_t index = pool->next++;
        (void)pthread_mutex_unlock(&pool->lock);
        bool ran = trial_run(&pool->host, pool->spec, &pool->trials[index]) == 0;
        (void)pthread_mutex_lock(&pool->lock);
        pool->finished[pool->finished_count++] = (struct finished){index, ran};
        (void)pthread_cond_signal(&pool->changed);
    }
    pool->workers--;
    (void)pthread_cond_signal(&pool->changed);
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are the main thread's. */
static int start_threads(struct pool *pool, size_t parallel)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_mutex_lock(&pool->lock);
    int failure = 0;
    while (pool->thread_count < parallel && failure == 0) {
        failure = pthread_create(&pool->threads[pool->thread_count], NULL, work, pool);
        pool->thread_count += failure == 0 ? 1 : 0;
    }
    pool->workers = pool->thread_count;
    (void)pthread_mutex_unlock(&pool->lock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->thread_count > 0 ? 0 : failure;
}

struct pool *pool_start(const struct step_host *host, const struct trial_spec *spec, struct trial *trials, size_t count,
                        size_t parallel, struct fault *fault)
{
    struct pool *pool = calloc(1, sizeof *pool);
    parallel = parallel < count ? parallel : count;
    if (pool != NULL) {
        pool->finished = calloc(count, sizeof *pool->finished);
        pool->threads = calloc(parallel, sizeof *pool->threads);
    }
    if (pool == NULL || pool->finished == NULL || pool->threads == NULL) {
        (void)fault_set(fault, "no memory for %zu candidates", count);
        pool_end(pool);
        return NULL;
    }
    pool->host = *host;
    pool->host.cancelled = is_cancelled;
    pool->real = host;
    pool->spec = spec;
    pool->trials = trials;
    pool->count = count;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->changed, NULL);
    int failure = start_threads(pool, parallel);
    if (failure != 0) {
        (void)fault_set(fault, "no thread can be started: %s", strerror(failure));
        pool_end(pool);
        return NULL;
    }
    return pool;
}

bool pool_take(struct pool *pool, size_t *ret_index, bool *ret_ran)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->taken == pool->finished_count && pool->workers > 0) {
        (void)pthread_cond_wait(&pool->changed, &pool->lock);
    }
    bool more = pool->taken < pool->finished_count;
    if (more) {
        *ret_index = pool->finished[pool->taken].index;
        *ret_ran = pool->finished[pool->taken].ran;
        pool->taken++;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return more;
}

void pool_stop(struct pool *pool)
{
    atomic_store(&pool->stopped, true);
}

void pool_end(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    free(pool->finished);
    free(pool->threads);
    free(pool);
}
