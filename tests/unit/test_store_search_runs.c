/* SPDX-License-Identifier: Apache-2.0 */
#include "store/experiments.h"
#include "store/metrics.h"
#include "store/removals.h"
#include "store/run_search.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <math.h>
#include <stdio.h>

static void make_run(struct fixture *f, int64_t experiment, const char *id, int64_t start_ms)
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

static void measure_on(struct fixture *f, const char *run, const char *key, double value, int64_t step,
                       const char *dataset)
{
    struct metric_target target = {.run_id = run, .dataset_name = dataset, .dataset_digest = dataset};
    struct metric_point point = {.key = key, .value = value, .step = step, .time_ms = 1000 + step};
    assert_int_equal(store_metrics_log(f->store, &target, &point, 1, NULL), 0);
}

static void measure(struct fixture *f, const char *run, const char *key, double value, int64_t step)
{
    measure_on(f, run, key, value, step, NULL);
}

static void param(struct fixture *f, const char *run, const char *key, const char *value)
{
    assert_int_equal(store_run_param(f->store, run, key, value, NULL), 0);
}

static void tag(struct fixture *f, const char *run, const char *key, const char *value)
{
    assert_int_equal(store_run_tag(f->store, run, key, value, NULL), 0);
}

static void change(struct fixture *f, const char *sql)
{
    assert_int_equal(stmt_run_one(stmt_get(f->store, sql), sql, NULL), 0);
}

/* Five runs of experiment 0, started in the order of their ids, with something of everything. */
static struct fixture open_fixture(void)
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

static struct run_query query_of(const char *filter, const char *const *order_by, size_t count)
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
static const char *page(struct fixture *f, const struct run_query *query, const char **ret_token)
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

static const char *find(struct fixture *f, const char *filter, const char *order)
{
    struct run_query query = query_of(filter, &order, order == NULL ? 0 : 1);
    return page(f, &query, NULL);
}

struct case_of {
    const char *filter, *order, *expected;
};

static void check(struct fixture *f, const struct case_of *cases, size_t count)
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

TEST(runs_are_found_by_what_they_have)
{
    static const struct case_of cases[] = {
        {NULL, NULL, "e d c b a"},
        {"", NULL, "e d c b a"},
        {"metrics.loss < 0.5", NULL, "d b"},
        {"metrics.loss <= 0.5", NULL, "d b a"},
        {"metrics.loss = 0.25", NULL, "b"},
        {"metrics.loss > -3 AND metrics.loss < 9", NULL, "b a"},
        {"metrics.loss != 0.5", NULL, "d c b"}, /* NaN is not 0.5; e has none */
        {"metrics.loss = 0", NULL, ""},         /* NaN is stored as 0 */
        {"metrics.loss > -1e400", NULL, "d b a"},
        {"metrics.other < 1", NULL, ""},
        {"metrics.loss IS NULL", NULL, "e"},
        {"metrics.loss IS NOT NULL", NULL, "d c b a"},
        {"params.opt = 'adam'", NULL, "e c a"},
        {"params.opt = 'sgd'", NULL, ""},
        {"params.opt ILIKE 'sgd'", NULL, "d b"},
        {"params.opt LIKE '_da%'", NULL, "e c a"},
        {"params.opt NOT LIKE 'a%'", NULL, "d b"},
        {"params.lr = ''", NULL, "e"},
        {"params.lr IS NULL", NULL, "d c b a"},
        {"tags.team != 'red'", NULL, "c"}, /* of those that have it */
        {"tags.team ILIKE 'RED%'", NULL, "c b"},
        {"tags.team LIKE 'red%'", NULL, "b"},
        {"tags.`a key` = 'x'", NULL, "d"},
        {"run_name = 'name of c'", NULL, "c"},
        {"`Run name` LIKE '%of _'", NULL, "e d c b a"},
        {"tags.mlflow.runName = 'name of c'", NULL, "c"},
        {"run_id IN ('a', 'd', 'z')", NULL, "d a"},
        {"run_id NOT IN ('a', 'd', 'z')", NULL, "e c b"},
        {"run_id = 'a'", NULL, "a"},
        {"status = 'RUNNING'", NULL, "e d c"},
        {"status != 'RUNNING'", NULL, "b a"},
        {"user_id = 'alice' AND start_time >= 4000", NULL, "e d"},
        {"artifact_uri LIKE '%/b'", NULL, "b"},
        {"end_time > 6000", NULL, "a"},
        {"end_time != 6000", NULL, "a"}, /* of those that have ended */
        {"end_time IS NULL", NULL, "e d c"},
        {"start_time < 2500.5", NULL, "b a"},
    };
    struct fixture f = open_fixture();
    CHECK(&f, cases);
    close_fixture(&f);
}

TEST(conditions_join_as_they_read)
{
    static const struct case_of cases[] = {
        {"metrics.loss < 0 OR tags.team = 'red'", NULL, "d b"},
        {"NOT metrics.loss < 0.5", NULL, "e c a"}, /* without the metric, it is not so */
        {"NOT (metrics.loss < 0.5 OR params.opt = 'adam')", NULL, ""},
        {"NOT NOT params.opt = 'adam'", NULL, "e c a"},
        {"NOT tags.team = 'red' AND NOT end_time > 0", NULL, "e d c"},
        {"(params.opt = 'adam' OR tags.team = 'red') status = 'RUNNING'", NULL, "e c"},
        {"params.opt = 'adam' OR tags.team = 'red' AND status = 'RUNNING'", NULL, "e c a"},
        {"AND", NULL, "e d c b a"},
    };
    struct fixture f = open_fixture();
    CHECK(&f, cases);
    close_fixture(&f);
}

TEST(a_filter_that_is_none_is_told)
{
    struct fixture f = open_fixture();
    assert_string_equal(find(&f, "loss < 1", NULL), "! Invalid attribute key 'loss' specified. Valid keys are "
                                                    "'{'artifact_uri', 'end_time', 'run_id', 'run_name', 'start_time', "
                                                    "'status', 'user_id', 'created', 'Created', 'run name', 'Run "
                                                    "name', 'Run Name'}'");
    assert_string_equal(find(&f, NULL, "metrics.a sideways"), "! Invalid ordering key in order_by clause 'metrics.a "
                                                              "sideways'.");
    close_fixture(&f);
}

/* No value gets into the text of a statement. */
TEST(hostile_values_and_keys_are_only_texts)
{
    static const char *const texts[] = {
        "'; DROP TABLE runs; --", "x\" OR 1=1", "\\", "%s%n", "?1", "k0", ") OR (1", "\xff\xfe",
        "\xe2\x80\xae",           "NULL"};
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char quote = strchr(texts[i], '\'') == NULL ? '\'' : '"';
        const char *filter =
            arena_printf(f.arena, "params.`%s` = %c%s%c OR tags.team LIKE %c%s%c OR run_id IN (%c%s%c)", texts[i],
                         quote, texts[i], quote, quote, texts[i], quote, quote, "none", quote);
        const char *order = arena_printf(f.arena, "tags.`%s`", strpbrk(texts[i], "\"'`") == NULL ? texts[i] : "x");
        const char *found = find(&f, filter, order);
        assert_true(found[0] == '\0' || found[0] == '!');
        assert_string_equal(find(&f, NULL, order), "e d c b a");
    }
    tag(&f, "b", "team", "'; DROP TABLE runs; --");
    assert_string_equal(find(&f, "tags.team = \"'; DROP TABLE runs; --\"", NULL), "b");
    close_fixture(&f);
}

/* ---- metrics of several series -------------------------------------------------------------------------- */

TEST(a_metric_of_a_run_is_the_latest_of_all_its_series)
{
    static const struct case_of cases[] = {
        {"metrics.acc = 0.7", NULL, "a"},
        {"metrics.acc = 0.9", NULL, "b"},
        {"last(metrics.acc) = 0.7", NULL, "a"},
        {"metrics.acc > 0", "metrics.acc", "a b"},
        {"metrics.acc > 0", "metrics.acc DESC", "b a"},
        {NULL, "metrics.acc DESC", "b a e d c"},
        {"min(metrics.acc) = 0.1", NULL, "a"},
        {"max(metrics.acc) >= 0.9", "max(metrics.acc) DESC", "a b"},
        {"min(metrics.acc) IS NOT NULL", "min(metrics.acc)", "a b"},
        {"min(metrics.acc) < 0.5 OR max(metrics.acc) = 0.9", NULL, "b a"},
    };
    struct fixture f = open_fixture();
    measure_on(&f, "a", "acc", 1.5, 1, "one");
    measure_on(&f, "a", "acc", 0.1, 2, "one");
    measure_on(&f, "a", "acc", 0.7, 3, "two"); /* the latest */
    measure(&f, "a", "acc", 0.3, 1);
    measure_on(&f, "b", "acc", 0.9, 1, "one");
    measure_on(&f, "b", "acc", 0.9, 1, "two"); /* equal in all: counted once */
    CHECK(&f, cases);
    close_fixture(&f);
}

TEST(nan_is_no_least_and_no_greatest)
{
    static const struct case_of cases[] = {
        {"min(metrics.loss) IS NULL", NULL, "e c"},    {"max(metrics.loss) = 9", NULL, "b"},
        {NULL, "min(metrics.loss)", "d b a c e"}, /* c: only NaN; e: none at all */
        {NULL, "min(metrics.loss) DESC", "a b d c e"}, {NULL, "max(metrics.loss) DESC", "b a d c e"},
    };
    struct fixture f = open_fixture();
    CHECK(&f, cases);
    close_fixture(&f);
}

TEST(runs_are_found_by_their_datasets)
{
    static const struct case_of cases[] = {
        {"dataset.name = 'wine'", NULL, "b a"},
        {"datasets.digest IN ('1', '2')", NULL, "b a"},
        {"dataset.context = 'train'", NULL, "a"},
        {"dataset.name != 'wine'", NULL, "b"}, /* one that is another */
        {"dataset.name LIKE 'ir%' AND dataset.name = 'wine'", NULL, "b"},
        {"dataset.context IS NULL", NULL, "e d c b"},
        {"dataset.name IS NOT NULL", NULL, "b a"},
    };
    struct fixture f = open_fixture();
    struct dataset_use wine = {
        .name = "wine", .digest = "1", .source_type = "local", .source = "x", .context = "train"};
    struct dataset_use more = {.name = "wine", .digest = "2", .source_type = "local", .source = "x"};
    struct dataset_use iris = {.name = "iris", .digest = "3", .source_type = "local", .source = "x"};
    assert_int_equal(store_run_dataset(f.store, "a", 0, &wine, NULL), 0);
    assert_int_equal(store_run_dataset(f.store, "b", 0, &more, NULL), 0);
    assert_int_equal(store_run_dataset(f.store, "b", 0, &iris, NULL), 0);
    CHECK(&f, cases);
    close_fixture(&f);
}

/* ---- orders
 * ------------------------------------------------------------------------------------------------------------
 */

TEST(what_has_no_value_comes_last_whichever_way_an_order_goes)
{
    static const struct case_of cases[] = {
        {NULL, "metrics.loss", "d b a c e"}, /* c is NaN, e has none */
        {NULL, "metrics.loss DESC", "a b d c e"},
        {"metrics.loss != 0.5", "metrics.loss", "d b c"},
        {"metrics.loss IS NULL", "metrics.loss", "e"},
        {"metrics.loss IS NOT NULL", "metrics.loss DESC", "a b d c"},
        {"NOT metrics.loss < 0.3", "metrics.loss", "a c e"},
        {"metrics.loss < 0.3 OR params.lr = ''", "metrics.loss DESC", "b d e"},
        {"metrics.loss < 0.3", "metrics.loss DESC", "b d"},
        {NULL, "metrics.unknown", "e d c b a"},
        {"metrics.unknown IS NULL", "metrics.unknown", "e d c b a"},
        {NULL, "tags.team", "c b e d a"}, /* bytewise: "Red fox", "red" */
        {NULL, "tags.team DESC", "b c e d a"},
        {NULL, "params.lr", "e d c b a"},
        {NULL, "end_time", "b a e d c"},
        {NULL, "end_time DESC", "a b e d c"},
        {NULL, "start_time", "a b c d e"},
        {NULL, "Created ASC", "a b c d e"},
        {NULL, "run_id DESC", "e d c b a"},
        {NULL, "status", "b a e d c"},
        {NULL, "run_name", "a b c d e"},
    };
    struct fixture f = open_fixture();
    CHECK(&f, cases);
    close_fixture(&f);
}

TEST(orders_follow_one_another)
{
    const char *const orders[] = {"params.opt DESC", "metrics.loss", "run_id"};
    struct fixture f = open_fixture();
    struct run_query query = query_of(NULL, orders, 2);
    assert_string_equal(page(&f, &query, NULL), "a c e d b");
    query = query_of(NULL, orders, 3);
    assert_string_equal(page(&f, &query, NULL), "a c e d b");
    const char *const twice[] = {"metrics.loss", "metric.loss DESC"};
    query = query_of(NULL, twice, 2);
    assert_string_equal(page(&f, &query, NULL), "! `order_by` contains duplicate fields: 'metrics.loss' and "
                                                "'metric.loss DESC'");
    close_fixture(&f);
}

TEST(runs_that_started_together_come_by_id)
{
    struct fixture f = open_empty();
    make_run(&f, 0, "b", 5);
    make_run(&f, 0, "a", 5);
    make_run(&f, 0, "c", 5);
    make_run(&f, 0, "d", 6);
    assert_string_equal(find(&f, NULL, NULL), "d a b c");
    assert_string_equal(find(&f, NULL, "start_time"), "a b c d");
    close_fixture(&f);
}

/* ---- experiments and lifecycles
 * ------------------------------------------------------------------------------------------
 */

TEST(a_view_shows_runs_by_their_own_lifecycle_and_their_experiments)
{
    struct fixture f = open_fixture();
    int64_t one = 0;
    int64_t two = 0;
    assert_int_equal(store_experiment_ensure(f.store, "one", 1, &one, NULL), 0);
    assert_int_equal(store_experiment_ensure(f.store, "two", 1, &two, NULL), 0);
    make_run(&f, one, "p", 10);
    make_run(&f, one, "q", 20);
    make_run(&f, two, "r", 30);
    change(&f, "UPDATE runs SET deleted_ms = 1 WHERE run_id = 'b'");
    change(&f, "UPDATE experiments SET deleted_ms = 1 WHERE name = 'one'");
    int64_t all[] = {two, 0, one, 0, 999};
    struct run_query query = query_of(NULL, NULL, 0);
    query.experiments = all;
    query.experiment_count = 5;
    assert_string_equal(page(&f, &query, NULL), "e d c a r");
    query.view = SEARCH_ACTIVE;
    assert_string_equal(page(&f, &query, NULL), "e d c a r");
    query.view = SEARCH_DELETED;
    assert_string_equal(page(&f, &query, NULL), "b q p");
    query.view = SEARCH_ALL;
    assert_string_equal(page(&f, &query, NULL), "e d c b a r q p");
    query.filter = "metrics.loss < 1";
    const char *by_loss = "metrics.loss";
    query.order_by = &by_loss;
    query.order_by_count = 1;
    assert_string_equal(page(&f, &query, NULL), "d b a");
    query.view = SEARCH_DELETED;
    assert_string_equal(page(&f, &query, NULL), "b");
    query.experiments = &one;
    query.experiment_count = 1;
    query.filter = NULL;
    assert_string_equal(page(&f, &query, NULL), "q p");
    query.view = SEARCH_ACTIVE;
    assert_string_equal(page(&f, &query, NULL), "");
    query.experiment_count = 0;
    assert_string_equal(page(&f, &query, NULL), "");
    query.view = (enum search_view)4;
    assert_string_equal(page(&f, &query, NULL), "! expected a view of 1 (active only), 2 (deleted only) or 3 (all), "
                                                "found 4");
    close_fixture(&f);
}

TEST(a_page_names_its_runs)
{
    struct fixture f = open_fixture();
    struct run_query query = query_of("run_id = 'a'", NULL, 0);
    struct run_page found;
    assert_int_equal(store_run_search(f.store, &query, f.arena, &found, NULL), 0);
    assert_int_equal(found.count, 1);
    assert_null(found.next_page_token);
    assert_string_equal(found.run_ids[0], "a");
    close_fixture(&f);
}

/* ---- pages
 * ------------------------------------------------------------------------------------------------------------------
 */

/* Every page of `size`, behind one another; in the end no token. */
static const char *all_pages(struct fixture *f, struct run_query query, int64_t size)
{
    struct strbuf out;
    const char *token = NULL;
    strbuf_init(&out, 1 << 20);
    query.max_results = size;
    for (size_t pages = 0; pages < 100; pages++) {
        query.page_token = token;
        const char *ids = page(f, &query, &token);
        strbuf_printf(&out, "%s%s", pages == 0 ? "" : " ", ids);
        if (token == NULL) {
            break;
        }
    }
    assert_null(token);
    const char *text = arena_dup(f->arena, out.data, out.length);
    strbuf_clear(&out);
    return text;
}

TEST(pages_of_any_size_are_the_whole_cut_in_pieces)
{
    static const char *const orders[][3] = {
        {"metrics.loss"},
        {"metrics.loss DESC"},
        {"min(metrics.loss)", "params.lr"},
        {"max(metrics.loss) DESC"},
        {"tags.team", "end_time"},
        {"tags.team DESC", "metrics.loss DESC"},
        {"params.opt", "metrics.loss", "run_id DESC"},
        {"end_time DESC"},
        {"start_time"},
        {"user_id"},
        {NULL},
        {"metrics.none DESC"},
        {"status DESC", "metrics.loss"},
    };
    static const char *const filters[] = {NULL, "metrics.loss != 0.5", "metrics.loss < 1", "params.opt = 'adam'",
                                          "NOT tags.team = 'red'"};
    struct fixture f = open_fixture();
    measure(&f, "e", "other", 1, 1);
    make_run(&f, 0, "f", 3000); /* as c */
    make_run(&f, 0, "g", 3000);
    measure(&f, "f", "loss", (double)NAN, 1);
    measure(&f, "g", "loss", 0.25, 1);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        size_t count = orders[i][0] == NULL ? 0 : orders[i][1] == NULL ? 1 : orders[i][2] == NULL ? 2 : 3;
        for (size_t j = 0; j < sizeof filters / sizeof filters[0]; j++) {
            struct run_query query = query_of(filters[j], orders[i], count);
            const char *whole = page(&f, &query, NULL);
            for (int64_t size = 1; size <= 8; size++) {
                assert_string_equal(all_pages(&f, query, size), whole);
            }
        }
    }
    close_fixture(&f);
}

static int64_t count_settled(struct fixture *f)
{
    struct stmt *s = stmt_get(f->store, "SELECT SUM(settled) FROM metric_summaries");
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t count = stmt_column_int(s, 0);
    stmt_done(s);
    return count;
}

/* Which index has a series says nothing about what is found. */
TEST(a_run_that_ends_and_goes_on_again_is_found_the_same)
{
    struct fixture f = open_fixture();
    for (int round = 0; round < 3; round++) {
        assert_string_equal(find(&f, NULL, "metrics.loss"), "d b a c e");
        assert_string_equal(find(&f, "metrics.loss < 1", NULL), "d b a");
        assert_int_equal(count_settled(&f), round == 1 ? 4 : 2);
        for (const char *id = "a\0b\0c\0d\0e\0"; *id != '\0'; id += 2) {
            bool ended = round == 0 || (round == 1 && *id < 'c');
            assert_int_equal(store_run_update(f.store, id, ended ? RUN_STATUS_KILLED : RUN_STATUS_RUNNING, 0, NULL), 0);
        }
    }
    close_fixture(&f);
}

TEST(what_is_measured_after_the_end_is_found_and_settled_on_demand)
{
    struct fixture f = open_fixture();
    measure(&f, "a", "late", 3, 1);
    measure(&f, "b", "loss", 7, 9); /* of a series that is settled */
    measure(&f, "e", "late", 2, 1);
    assert_string_equal(find(&f, NULL, "metrics.loss"), "d a b c e");
    assert_string_equal(find(&f, "metrics.late > 0", "metrics.late"), "e a");
    assert_int_equal(count_settled(&f), 2);
    assert_int_equal(store_run_search_settle(f.store, NULL), 0);
    assert_int_equal(count_settled(&f), 3); /* e goes on */
    assert_string_equal(find(&f, "metrics.late > 0", "metrics.late"), "e a");
    close_fixture(&f);
}

/* Then the runs are read, and not the metric's rows; pages read one way go on the other. */
TEST(few_runs_among_many_are_ordered_the_same)
{
    static const char *const orders[] = {"metrics.loss", "metrics.loss DESC"};
    static const char *const filters[] = {NULL, "metrics.loss != 0.5", "metrics.loss < 1 AND params.opt = 'SGD'"};
    struct fixture f = open_fixture();
    const char *before[6];
    const char *tokens[6];
    int64_t other = 0;
    for (size_t i = 0; i < 6; i++) {
        struct run_query query = query_of(filters[i / 2], &orders[i % 2], 1);
        before[i] = page(&f, &query, NULL);
        query.max_results = 1;
        (void)page(&f, &query, &tokens[i]);
    }
    assert_int_equal(store_experiment_ensure(f.store, "other", 1, &other, NULL), 0);
    for (int i = 0; i < 40; i++) {
        const char *id = arena_printf(f.arena, "x%d", i);
        make_run(&f, other, id, i);
        measure(&f, id, "loss", i % 7 == 0 ? (double)NAN : (double)i / 40, 1);
    }
    for (size_t i = 0; i < 6; i++) {
        struct run_query query = query_of(filters[i / 2], &orders[i % 2], 1);
        assert_string_equal(page(&f, &query, NULL), before[i]);
        assert_string_equal(all_pages(&f, query, 2), before[i]);
        query.page_token = tokens[i];
        assert_string_equal(page(&f, &query, NULL), before[i] + 2);
    }
    close_fixture(&f);
}

TEST(what_comes_in_between_moves_no_page)
{
    struct fixture f = open_fixture();
    struct run_query query = query_of(NULL, NULL, 0);
    const char *token = NULL;
    query.max_results = 2;
    assert_string_equal(page(&f, &query, &token), "e d");
    make_run(&f, 0, "z", 9000);
    change(&f, "UPDATE runs SET deleted_ms = 1 WHERE run_id = 'd'"); /* which the page ended with */
    query.page_token = token;
    query.max_results = 10; /* may change */
    assert_string_equal(page(&f, &query, &token), "c b a");
    assert_null(token);
    close_fixture(&f);
}

TEST(a_token_serves_for_its_own_search_only)
{
    struct fixture f = open_fixture();
    static const int64_t others[] = {0, 1};
    const char *const order[] = {"start_time"};
    struct run_query query = query_of("user_id = 'alice'", NULL, 0);
    const char *token = NULL;
    query.max_results = 2;
    (void)page(&f, &query, &token);
    assert_non_null(token);
    query.page_token = token;
    struct run_query filtered = query;
    filtered.filter = "user_id = 'bob'";
    struct run_query ordered = query;
    ordered.order_by = order;
    ordered.order_by_count = 1;
    struct run_query viewed = query;
    viewed.view = SEARCH_ALL;
    struct run_query elsewhere = query;
    elsewhere.experiments = others;
    elsewhere.experiment_count = 2;
    const struct run_query *const wrong[] = {&filtered, &ordered, &viewed, &elsewhere};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(page(&f, wrong[i], NULL), "! Invalid page token: it is of another search, or none that a "
                                                      "page gave");
    }
    assert_string_equal(page(&f, &query, NULL), "c b");
    close_fixture(&f);
}

TEST(no_other_text_is_a_token)
{
    struct fixture f = open_fixture();
    struct run_query query = query_of(NULL, NULL, 0);
    const char *token = NULL;
    query.max_results = 2;
    (void)page(&f, &query, &token);
    char *changed = arena_strdup(f.arena, token);
    for (size_t i = 0; changed[i] != '\0'; i++) { /* each single letter matters */
        char was = changed[i];
        changed[i] = was == 'A' ? 'B' : 'A';
        query.page_token = changed;
        assert_memory_equal(page(&f, &query, NULL), "! Invalid page token", 20);
        changed[i] = '\0'; /* and so does each that is missing */
        assert_true(i == 0 || page(&f, &query, NULL)[0] == '!');
        changed[i] = was;
    }
    static const char *const texts[] = {"x", "!", "eyJvZmZzZXQiOiAxMDB9", "====", "\xff", "AAAA"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        query.page_token = texts[i];
        assert_memory_equal(page(&f, &query, NULL), "! Invalid page token", 20);
    }
    close_fixture(&f);
}

/* ---- few runs ------------------------------------------------------------------------------------------- */

/* What a search begins with is what runs have now, in each way to read it (store/run_marks.h). */
TEST(runs_are_found_by_the_values_that_they_have_now)
{
    struct fixture f = open_fixture();
    tag(&f, "b", "team", "blue");
    tag(&f, "a", "team", "red");
    tag(&f, "e", "team", "red");
    tag(&f, "a", "mlflow.parentRunId", "c");
    tag(&f, "b", "mlflow.parentRunId", "c");
    tag(&f, "b", "mlflow.note", "short");
    char *large = arena_alloc(f.arena, 602); /* has no mark */
    memset(large, 'x', 600);
    param(&f, "d", "large", large);
    param(&f, "c", "lost", "1");
    assert_int_equal(store_run_param_forget(f.store, "c", "lost", NULL), 0);
    assert_int_equal(store_run_param_forget(f.store, "c", "lost", NULL), 0);
    assert_int_equal(store_run_delete_tag(f.store, "e", "team", NULL), 0);
    const struct case_of cases[] = {
        {"tags.team = 'red'", NULL, "a"},
        {"tags.team = 'blue'", NULL, "b"},
        {"tags.mlflow.note = 'short'", NULL, "b"},
        {"tags.mlflow.parentRunId = 'c'", NULL, "b a"},
        {"tags.mlflow.parentRunId = 'c'", "metrics.loss", "b a"},
        {"tags.mlflow.parentRunId = 'd'", NULL, ""},
        {"params.lost = '1'", NULL, ""},
        {"params.opt = 'adam'", "metrics.loss DESC", "a c e"},
        {"params.opt = 'adam' AND tags.team = 'red'", "metrics.loss", "a"},
        {"params.opt = 'Adam'", NULL, ""},
        {"tags.opt = 'adam'", NULL, ""},
        {"params.opt = 'adam' OR tags.team = 'blue'", NULL, "e c b a"},
        {"NOT params.opt = 'adam'", NULL, "d b"},
        {arena_printf(f.arena, "params.large = '%s'", large), NULL, "d"},
        {arena_printf(f.arena, "params.large = '%sx'", large), NULL, ""},
    };
    CHECK(&f, cases);
    assert_int_equal(store_remove_run(f.store, "a", NULL), 0);
    struct stmt *s = stmt_get(f.store, "SELECT COUNT(*) FROM run_marks");
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_int_equal(stmt_column_int(s, 0), 8); /* of opt four, lr, and the tags of b, c and d */
    stmt_done(s);
    close_fixture(&f);
}

/* A mark says what may be there: a hash. */
TEST(a_mark_that_is_anothers_finds_nothing)
{
    struct fixture f = open_fixture();
    change(&f, "INSERT INTO run_marks SELECT run_mark('param', 'opt', 'none'), id FROM metric_runs WHERE run_id = 'a'");
    assert_string_equal(find(&f, "params.opt = 'none'", NULL), "");
    close_fixture(&f);
}

TEST(the_number_of_results_has_bounds)
{
    struct fixture f = open_fixture();
    static const struct {
        int64_t number;
        const char *expected;
    } cases[] = {
        {0, "! Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"},
        {-1, "! Invalid value -1 for parameter 'max_results' supplied. It must be a positive integer"},
        {50001, "! Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000"},
        {50000, "e d c b a"},
        {5, "e d c b a"},
        {1, "e"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run_query query = query_of(NULL, NULL, 0);
        const char *token = NULL;
        query.max_results = cases[i].number;
        assert_string_equal(page(&f, &query, &token), cases[i].expected);
        assert_true((token != NULL) == (cases[i].number == 1)); /* none when the page holds the last row */
    }
    close_fixture(&f);
}

/* Statements are kept by their text, and only so many. */
TEST(more_searches_than_statements_are_kept_all_answer)
{
    struct fixture f = open_fixture();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            struct strbuf filter;
            strbuf_init(&filter, 1 << 16);
            for (int n = 0; n <= i % 150; n++) {
                strbuf_printf(&filter, "start_time %s %d ", n % 2 == 0 ? ">" : "!=", n);
            }
            assert_string_equal(find(&f, filter.data, NULL), "e d c b a");
            strbuf_clear(&filter);
        }
    }
    close_fixture(&f);
}

TEST(the_greatest_filter_that_is_read_is_answered)
{
    struct fixture f = open_fixture();
    struct strbuf filter;
    strbuf_init(&filter, 1 << 20);
    for (int i = 0; i < 20; i++) {
        strbuf_add_text(&filter, i % 2 == 0 ? "NOT " : "(");
    }
    for (int i = 0; i < 200; i++) {
        strbuf_printf(&filter, "%s%s.k%d = %s",
                      i == 0       ? ""
                      : i % 2 == 0 ? " OR "
                                   : " AND ",
                      i % 3 == 0 ? "metrics" : "tags", i, i % 3 == 0 ? "1" : "'1'");
    }
    for (int i = 0; i < 10; i++) {
        strbuf_add_text(&filter, ")");
    }
    assert_string_equal(find(&f, filter.data, NULL), ""); /* NOT ten times over is none */
    strbuf_reset(&filter);
    strbuf_add_text(&filter, "run_id IN ('a'");
    for (int i = 1; i < 50000; i++) {
        strbuf_printf(&filter, ", '%d'", i);
    }
    strbuf_add_text(&filter, ")");
    assert_string_equal(find(&f, filter.data, NULL), "a");
    strbuf_clear(&filter);
    close_fixture(&f);
}

TESTS(RUN(runs_are_found_by_what_they_have), RUN(conditions_join_as_they_read), RUN(a_filter_that_is_none_is_told),
      RUN(hostile_values_and_keys_are_only_texts), RUN(a_metric_of_a_run_is_the_latest_of_all_its_series),
      RUN(nan_is_no_least_and_no_greatest), RUN(runs_are_found_by_their_datasets),
      RUN(what_has_no_value_comes_last_whichever_way_an_order_goes), RUN(orders_follow_one_another),
      RUN(runs_that_started_together_come_by_id), RUN(a_view_shows_runs_by_their_own_lifecycle_and_their_experiments),
      RUN(a_page_names_its_runs), RUN(pages_of_any_size_are_the_whole_cut_in_pieces),
      RUN(a_run_that_ends_and_goes_on_again_is_found_the_same),
      RUN(what_is_measured_after_the_end_is_found_and_settled_on_demand), RUN(few_runs_among_many_are_ordered_the_same),
      RUN(what_comes_in_between_moves_no_page), RUN(a_token_serves_for_its_own_search_only),
      RUN(no_other_text_is_a_token),
      RUN(runs_are_found_by_the_values_that_they_have_now), RUN(a_mark_that_is_anothers_finds_nothing),
      RUN(the_number_of_results_has_bounds),
      RUN(more_searches_than_statements_are_kept_all_answer), RUN(the_greatest_filter_that_is_read_is_answered))
