/* SPDX-License-Identifier: Apache-2.0 */
#include "run_search_fixture.h"

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
    assert_string_equal(page(&f, &query, NULL), "! `order_by` contains duplicate fields: ['metrics.loss', "
                                                "'metric.loss DESC']");
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

TESTS(RUN(runs_are_found_by_what_they_have), RUN(conditions_join_as_they_read), RUN(a_filter_that_is_none_is_told),
      RUN(hostile_values_and_keys_are_only_texts), RUN(a_metric_of_a_run_is_the_latest_of_all_its_series),
      RUN(nan_is_no_least_and_no_greatest), RUN(runs_are_found_by_their_datasets),
      RUN(what_has_no_value_comes_last_whichever_way_an_order_goes), RUN(orders_follow_one_another),
      RUN(runs_that_started_together_come_by_id), RUN(a_view_shows_runs_by_their_own_lifecycle_and_their_experiments),
      RUN(a_page_names_its_runs))
