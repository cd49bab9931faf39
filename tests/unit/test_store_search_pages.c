/* SPDX-License-Identifier: Apache-2.0 */
#include "run_search_fixture.h"
#include "store/removals.h"

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

TESTS(RUN(pages_of_any_size_are_the_whole_cut_in_pieces), RUN(a_run_that_ends_and_goes_on_again_is_found_the_same),
      RUN(what_is_measured_after_the_end_is_found_and_settled_on_demand),
      RUN(few_runs_among_many_are_ordered_the_same), RUN(what_comes_in_between_moves_no_page),
      RUN(a_token_serves_for_its_own_search_only), RUN(no_other_text_is_a_token),
      RUN(runs_are_found_by_the_values_that_they_have_now), RUN(a_mark_that_is_anothers_finds_nothing),
      RUN(the_number_of_results_has_bounds), RUN(more_searches_than_statements_are_kept_all_answer),
      RUN(the_greatest_filter_that_is_read_is_answered))
