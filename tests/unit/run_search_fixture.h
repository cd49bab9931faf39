/* SPDX-License-Identifier: Apache-2.0
 * Runs to be searched for, and what a search finds as words.
 */
#ifndef SLUICE_TEST_RUN_SEARCH_FIXTURE_H
#define SLUICE_TEST_RUN_SEARCH_FIXTURE_H

#include "store/experiments.h"
#include "store/metrics.h"
#include "store/run_search.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <math.h>
#include <stdio.h>

static inline void make_run(struct fixture *f, int64_t experiment, const char *id, int64_t start_ms)
{
    struct run_info run = {.run_id = id,
                           .experiment_id = experiment,
                           .name = arena_printf(f->arena, "name of %s", id),
                           .user = "alice",
                           .status = RUN_STATUS_RUNNING,
                           .start_ms = start_ms,
                           .artifact_uri = arena_printf(f->arena, "/artifacts/%s", id)};
    assert_int_equal(store_run_create(f->store, &run, NULL), 0);
}

static inline void measure_on(struct fixture *f, const char *run, const char *key, double value, int64_t step,
                              const char *dataset)
{
    struct metric_target target = {.run_id = run, .dataset_name = dataset, .dataset_digest = dataset};
    struct metric_point point = {.key = key, .value = value, .step = step, .time_ms = 1000 + step};
    assert_int_equal(store_metrics_log(f->store, &target, &point, 1, NULL), 0);
}

static inline void measure(struct fixture *f, const char *run, const char *key, double value, int64_t step)
{
    measure_on(f, run, key, value, step, NULL);
}

static inline void param(struct fixture *f, const char *run, const char *key, const char *value)
{
    assert_int_equal(store_run_param(f->store, run, key, value, NULL), 0);
}

static inline void tag(struct fixture *f, const char *run, const char *key, const char *value)
{
    assert_int_equal(store_run_tag(f->store, run, key, value, NULL), 0);
}

static inline void change(struct fixture *f, const char *sql)
{
    assert_int_equal(stmt_run_one(stmt_get(f->store, sql), sql, NULL), 0);
}

/* Five runs of experiment 0, started in the order of their ids, with something of everything. */
static inline struct fixture open_fixture(void)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    struct fixture f = open_empty();
    for (size_t i = 0; i < 5; i++) {
        make_run(&f, 0, ids[i], 1000 * (int64_t)(i + 1));
        param(&f, ids[i], "opt", i % 2 == 0 ? "adam" : "SGD");
    }
    measure(&f, "a", "loss", 0.5, 1);
    measure(&f, "b", "loss", 9, 1); /* its latest is the next */
    measure(&f, "b", "loss", 0.25, 2);
    measure(&f, "c", "loss", (double)NAN, 1);
    measure(&f, "d", "loss", -3, 1);
    tag(&f, "b", "team", "red");
    tag(&f, "c", "team", "Red fox");
    tag(&f, "d", "a key", "x");
    param(&f, "e", "lr", "");
    assert_int_equal(store_run_update(f.store, "a", RUN_STATUS_FINISHED, 7000, NULL), 0);
    assert_int_equal(store_run_update(f.store, "b", RUN_STATUS_FAILED, 6000, NULL), 0);
    return f;
}

static inline struct run_query query_of(const char *filter, const char *const *order_by, size_t count)
{
    static const int64_t zero[] = {0};
    return (struct run_query){.experiments = zero,
                              .experiment_count = 1,
                              .filter = filter,
                              .order_by = order_by,
                              .order_by_count = count,
                              .max_results = 1000};
}

/* The ids of a page one behind the other, or the message behind "! ". */
static inline const char *page(struct fixture *f, const struct run_query *query, const char **ret_token)
{
    struct run_page found = {0};
    struct err err = {0};
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    if (store_run_search(f->store, query, f->arena, &found, &err) < 0) {
        strbuf_printf(&out, "! %s", err.message);
    }
    for (size_t i = 0; i < found.count; i++) {
        strbuf_printf(&out, "%s%s", i == 0 ? "" : " ", found.run_ids[i]);
    }
    if (ret_token != NULL) {
        *ret_token = found.next_page_token;
    }
    const char *text = arena_dup(f->arena, out.data, out.length);
    strbuf_clear(&out);
    return text;
}

static inline const char *find(struct fixture *f, const char *filter, const char *order)
{
    struct run_query query = query_of(filter, &order, order == NULL ? 0 : 1);
    return page(f, &query, NULL);
}

struct case_of {
    const char *filter, *order, *expected;
};

static inline void check(struct fixture *f, const struct case_of *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = find(f, cases[i].filter, cases[i].order);
        if (strcmp(found, cases[i].expected) != 0) {
            fail_msg("%s, ordered by %s\n  expected %s\n  found    %s", cases[i].filter,
                     cases[i].order == NULL ? "nothing" : cases[i].order, cases[i].expected, found);
        }
    }
}
#define CHECK(f, cases) check(f, cases, sizeof cases / sizeof cases[0])

/* ---- filters -------------------------------------------------------------------------------------------- */

#endif
