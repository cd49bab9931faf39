/* SPDX-License-Identifier: Apache-2.0
 * How many bytes of the store a point takes in series of a few: RUNS runs with KEYS keys each, POINTS points a key.
 * Prints the bytes a point, and the CPU seconds that recording took.
 */
#include "base/rng.h"
#include "store/metrics.h"
#include "store/runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { KEYS_MAX = 100, RUNS_A_TURN = 500 };

static void need(int result, const struct err *err)
{
    if (result < 0) {
        (void)fprintf(stderr, "metrics_single: %s\n", err->message);
        exit(1);
    }
}

static const char *run_name(struct rng *rng, char *room, size_t size)
{
    (void)snprintf(room, size, "%016llx%016llx", (unsigned long long)rng_next(rng), (unsigned long long)rng_next(rng));
    return room;
}

static void add_runs(struct store *store, long runs)
{
    struct rng rng;
    rng_seed(&rng, 1);
    struct err err = {0};
    need(store_begin(store, &err), &err);
    for (long i = 0; i < runs; i++) {
        char id[40];
        struct run_info run = {
            .run_id = run_name(&rng, id, sizeof id), .name = "train", .user = "bench", .artifact_uri = "/a"};
        need(store_run_create(store, &run, &err), &err);
    }
    need(store_commit(store, &err), &err);
}

static void log_points(struct store *store, long runs, long keys, long points)
{
    struct rng ids;
    struct rng values;
    rng_seed(&ids, 1);
    rng_seed(&values, 2);
    struct err err = {0};
    static char names[KEYS_MAX][32];
    static struct metric_point batch[KEYS_MAX];
    need(store_begin(store, &err), &err);
    for (long i = 0; i < runs; i++) {
        char id[40];
        struct metric_target target = {.run_id = run_name(&ids, id, sizeof id)};
        for (long p = 0; p < points; p++) {
            for (long k = 0; k < keys; k++) {
                (void)snprintf(names[k], sizeof names[k], "eval/metric_%ld", k);
                batch[k] = (struct metric_point){names[k], rng_unit(&values), p, 1700000000000 + i * 1000 + p * 60000};
            }
            need(store_metrics_log(store, &target, batch, (size_t)keys, &err), &err);
        }
        if (i % RUNS_A_TURN == RUNS_A_TURN - 1) {
            need(store_commit(store, &err), &err);
            need(store_begin(store, &err), &err);
        }
    }
    need(store_commit(store, &err), &err);
}

static int64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) < 0 ? 0 : (int64_t)status.st_size;
}

static struct store *opened(const char *path)
{
    struct store *store = NULL;
    struct err err = {0};
    need(store_open(path, STORE_READ_WRITE, &store, &err), &err);
    return store;
}

int main(int argc, char **argv)
{
    long runs = argc == 5 ? strtol(argv[2], NULL, 10) : 0;
    long keys = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
    long points = argc == 5 ? strtol(argv[4], NULL, 10) : 0;
    if (runs <= 0 || points <= 0 || keys <= 0 || keys > KEYS_MAX) {
        (void)fprintf(stderr, "usage: metrics_single NEW-FILE RUNS KEYS POINTS\n");
        return 2;
    }
    struct store *store = opened(argv[1]);
    add_runs(store, runs);
    store_close(store); /* checkpoints: the file has it all */
    int64_t before = size_of(argv[1]);
    store = opened(argv[1]);
    clock_t began = clock();
    log_points(store, runs, keys, points);
    double cpu_s = (double)(clock() - began) / CLOCKS_PER_SEC;
    store_close(store);
    (void)printf("%.2f %.2f\n", (double)(size_of(argv[1]) - before) / (double)(runs * keys * points), cpu_s);
    return 0;
}
