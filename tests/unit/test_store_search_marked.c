/* SPDX-License-Identifier: Apache-2.0
 * Searches that begin at the runs of one value of a param or tag: pages of them are read from the first in the order
 * on, and are the whole cut in pieces.
 */
#include "base/rng.h"
#include "store/experiments.h"
#include "store/metrics.h"
#include "store/run_search.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <math.h>
#include <stdlib.h>

enum { MARKED = 90, OTHERS = 30, EXPERIMENTS = 3 };

static void log_value(struct fixture *f, struct rng *rng, const char *run_id, const char *key)
{
    static const char *const models[] = {NULL, NULL, "m-1", "m-2"};
    struct metric_target target = {.run_id = run_id, .model_id = models[rng_below(rng, 4)]};
    struct metric_point point = {.key = key,
                                 .value = rng_below(rng, 6) == 0 ? (double)NAN : (double)rng_below(rng, 5) - 2,
                                 .step = (int64_t)rng_below(rng, 3),
                                 .time_ms = (int64_t)rng_below(rng, 2)};
    assert_int_equal(store_metrics_log(f->store, &target, &point, 1, NULL), 0);
}

/* Many that start together, that are equal in a metric, that lack it, go on, are deleted. */
static void make_run(struct fixture *f, struct rng *rng, int number)
{
    static const enum run_status ends[] = {RUN_STATUS_RUNNING, RUN_STATUS_FINISHED, RUN_STATUS_FAILED};
    const char *id = arena_printf(f->arena, "r%d", number);
    struct run_info run = {.run_id = id,
                           .experiment_id = (int64_t)rng_below(rng, EXPERIMENTS),
                           .name = id,
                           .user = "alice",
                           .status = RUN_STATUS_RUNNING,
                           .start_ms = (int64_t)rng_below(rng, 9),
                           .artifact_uri = "/a"};
    assert_int_equal(store_run_create(f->store, &run, NULL), 0);
    assert_int_equal(store_run_param(f->store, id, "opt", number < MARKED ? "adam" : "sgd", NULL), 0);
    assert_int_equal(store_run_param(f->store, id, "lr", rng_below(rng, 2) == 0 ? "1" : "2", NULL), 0);
    assert_int_equal(store_run_tag(f->store, id, "team", rng_below(rng, 2) == 0 ? "red" : "blue", NULL), 0);
    for (uint64_t i = rng_below(rng, 4); i > 0; i--) {
        log_value(f, rng, id, "loss");
        log_value(f, rng, id, rng_below(rng, 2) == 0 ? "acc" : "loss");
    }
    enum run_status end = ends[rng_below(rng, 3)];
    if (end != RUN_STATUS_RUNNING) {
        assert_int_equal(store_run_update(f->store, id, end, (int64_t)rng_below(rng, 9) + 1, NULL), 0);
    }
    if (rng_below(rng, 9) == 0) {
        assert_int_equal(store_run_delete(f->store, id, 3, NULL), 0);
    }
}

static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    struct rng rng;
    rng_seed(&rng, 11);
    for (int i = 1; i < EXPERIMENTS; i++) {
        int64_t id = 0;
        assert_int_equal(store_experiment_ensure(f.store, arena_printf(f.arena, "e%d", i), 1, &id, NULL), 0);
        assert_int_equal(id, i);
    }
    for (int i = 0; i < MARKED + OTHERS; i++) {
        make_run(&f, &rng, i);
    }
    return f;
}

static void add_page(struct fixture *f, const struct run_query *query, struct strbuf *out, const char **ret_token)
{
    struct run_page found = {0};
    struct err err = {0};
    (void)store_run_search(f->store, query, f->arena, &found, &err);
    assert_string_equal(err.message, "");
    for (size_t i = 0; i < found.count; i++) {
        strbuf_printf(out, "%s ", found.run_ids[i]);
    }
    *ret_token = found.next_page_token;
}

/* All that is found, page by page. */
static char *find(struct fixture *f, struct run_query query, int64_t size)
{
    struct strbuf out;
    const char *token = NULL;
    strbuf_init(&out, 1 << 20);
    query.max_results = size;
    do {
        query.page_token = token;
        add_page(f, &query, &out, &token);
    } while (token != NULL);
    return strbuf_take(&out);
}

static const char *const orders[][2] = {
    {NULL},           {"metrics.loss"},       {"metrics.loss DESC"}, {"metrics.acc DESC", "metrics.loss"},
    {"start_time"},   {"end_time DESC"},      {"params.lr", "metrics.loss"},
    {"metrics.none"}, {"min(metrics.loss)"},  {"tags.team DESC"},
};
/* What each is in words that no mark is looked up for: no equality in them. */
static const char *const filters[][2] = {
    {"params.opt = 'adam'", "params.opt LIKE 'adam'"},
    {"params.opt = 'adam' AND metrics.loss < 1", "params.opt LIKE 'adam' AND metrics.loss < 1"},
    {"params.opt = 'adam' AND metrics.loss != 1", "params.opt LIKE 'adam' AND metrics.loss != 1"},
    {"params.opt = 'adam' AND metrics.acc IS NULL", "params.opt LIKE 'adam' AND metrics.acc IS NULL"},
    {"params.opt = 'adam' AND metrics.loss >= 0 AND metrics.acc > -1",
     "params.opt LIKE 'adam' AND metrics.loss >= 0 AND metrics.acc > -1"},
    {"params.opt = 'adam' AND max(metrics.loss) > 0", "params.opt LIKE 'adam' AND max(metrics.loss) > 0"},
    {"tags.team = 'red' AND params.lr = '1'", "tags.team LIKE 'red' AND params.lr LIKE '1'"},
    {"params.opt = 'adam' AND (metrics.loss < 0 OR params.lr = '2')",
     "params.opt LIKE 'adam' AND (metrics.loss < 0 OR params.lr = '2')"},
};

static void check_query(struct fixture *f, struct run_query query, const char *plainly)
{
    struct run_query plain = query;
    plain.filter = plainly;
    char *expected = find(f, plain, 1000);
    for (int64_t size = 1; size <= 64; size = size * 3 + 1) {
        char *found = find(f, query, size);
        if (strcmp(found, expected) != 0) {
            fail_msg("%s, ordered by %s, pages of %d\n  expected %s\n  found    %s", query.filter,
                     query.order_by_count == 0 ? "nothing" : query.order_by[0], (int)size, expected, found);
        }
        free(found);
    }
    free(expected);
}

TEST(pages_of_marked_runs_are_the_whole_cut_in_pieces)
{
    static const int64_t experiments[] = {0, 1, 2};
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        for (size_t k = 0; k < sizeof filters / sizeof filters[0]; k++) {
            size_t count = orders[i][0] == NULL ? 0 : orders[i][1] == NULL ? 1 : 2;
            for (size_t some = 1; some <= EXPERIMENTS; some += 2) {
                struct run_query query = {.experiments = experiments,
                                          .experiment_count = some,
                                          .filter = filters[k][0],
                                          .order_by = orders[i],
                                          .order_by_count = count,
                                          .view = i % 2 == 0 ? SEARCH_ACTIVE : SEARCH_ALL};
                check_query(&f, query, filters[k][1]);
            }
        }
    }
    close_fixture(&f);
}

TESTS(RUN(pages_of_marked_runs_are_the_whole_cut_in_pieces))
