/* SPDX-License-Identifier: Apache-2.0 */
#include "store/trace_search.h"
#include "store/experiments.h"
#include "store/stmt.h"
#include "store_fixture.h"

static const struct trace_words no_words = {0};

static void start(struct fixture *f, const char *id, int64_t experiment_id, int64_t start_ms,
                  const struct trace_words *words)
{
    struct trace trace = {
        .request_id = id, .experiment_id = experiment_id, .start_ms = start_ms, .artifact_uri = "/a/0/traces/x"};
    struct err err = {0};
    (void)store_trace_start(f->store, &trace, words, &err);
    assert_string_equal(err.message, "");
}

static struct trace get(struct fixture *f, const char *id)
{
    struct trace trace;
    assert_int_equal(store_trace_get(f->store, id, f->arena, &trace, NULL), 0);
    return trace;
}

static const char *tags_of(struct fixture *f, const char *id)
{
    struct json tags;
    assert_int_equal(store_trace_tags(f->store, id, f->arena, &tags, NULL), 0);
    return json_text(f->arena, &tags).p;
}

static const char *metadata_of(struct fixture *f, const char *id)
{
    struct json metadata;
    assert_int_equal(store_trace_metadata(f->store, id, f->arena, &metadata, NULL), 0);
    return json_text(f->arena, &metadata).p;
}

/* The error of what was refused, and the room for the next. */
static struct err taken(struct err *err, int result)
{
    struct err copy = *err;
    assert_int_equal(result, -1);
    *err = (struct err){0};
    return copy;
}

static int64_t ask(struct fixture *f, const char *sql)
{
    struct stmt *s = stmt_get(f->store, sql);
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t value = stmt_column_int(s, 0);
    stmt_done(s);
    return value;
}

TEST(a_trace_begins_and_ends)
{
    struct fixture f = open_empty();
    const struct pair metadata[] = {{"in", "1"}, {"a = b", "any characters"}};
    const struct pair tags[] = {{"t", "1"}, {TRACE_LOCATION_TAG, "/elsewhere"}};
    start(&f, "t1", 0, 1000, &(struct trace_words){metadata, 2, tags, 2});
    struct trace trace = get(&f, "t1");
    assert_int_equal(trace.status, TRACE_IN_PROGRESS);
    assert_int_equal(trace.start_ms, 1000);
    assert_int_equal(trace.duration_ms, 0);
    assert_string_equal(trace.artifact_uri, "/a/0/traces/x");
    assert_string_equal(tags_of(&f, "t1"), "{\"t\":\"1\"}");
    const struct pair more[] = {{"in", "2"}, {"out", "3"}};
    const struct pair tag = {"u", ""};
    struct trace_words end = {more, 2, &tag, 1};
    assert_int_equal(store_trace_end(f.store, "t1", 1250, TRACE_ERROR, &end, NULL), 0);
    trace = get(&f, "t1");
    assert_int_equal(trace.status, TRACE_ERROR);
    assert_int_equal(trace.duration_ms, 250);
    assert_string_equal(metadata_of(&f, "t1"), "{\"a = b\":\"any characters\",\"in\":\"2\",\"out\":\"3\"}");
    assert_string_equal(tags_of(&f, "t1"), "{\"t\":\"1\",\"u\":\"\"}");
    close_fixture(&f);
}

TEST(what_a_trace_cannot_be)
{
    struct fixture f = open_empty();
    struct err err = {0};
    struct trace trace = {.request_id = "t1", .experiment_id = 7, .artifact_uri = "/"};
    char key[252];
    memset(key, 'k', 251);
    key[251] = '\0';
    const struct pair longest = {key, ""};
    struct trace_words long_words = {.tags = &longest, .tag_count = 1};
    assert_int_equal(taken(&err, store_trace_start(f.store, &trace, &no_words, &err)).code, ERR_NOT_FOUND);
    trace.experiment_id = 0;
    assert_string_equal(taken(&err, store_trace_start(f.store, &trace, &long_words, &err)).message,
                        "'key' exceeds the maximum length of 250 characters");
    assert_int_equal(ask(&f, "SELECT count(*) FROM traces"), 0);
    assert_string_equal(taken(&err, store_trace_end(f.store, "t1", 1, TRACE_OK, &no_words, &err)).message,
                        "Trace with ID 't1' not found.");
    trace.start_ms = INT64_MIN;
    assert_int_equal(store_trace_start(f.store, &trace, &no_words, NULL), 0);
    assert_int_equal(taken(&err, store_trace_end(f.store, "t1", 1, TRACE_OK, &no_words, &err)).code, ERR_INPUT);
    assert_int_equal(store_experiment_delete(f.store, 0, 5, NULL), 0);
    trace.request_id = "t2";
    assert_int_equal(taken(&err, store_trace_start(f.store, &trace, &no_words, &err)).code, ERR_INPUT);
    close_fixture(&f);
}

TEST(tags_of_a_trace)
{
    struct fixture f = open_empty();
    struct err err = {0};
    char value[8002];
    memset(value, 'v', 8001);
    value[8001] = '\0';
    start(&f, "t1", 0, 1, &no_words);
    assert_int_equal(store_trace_tag(f.store, "t1", "kind", "a", NULL), 0);
    assert_int_equal(store_trace_tag(f.store, "t1", "kind", value, NULL), 0);
    assert_int_equal(ask(&f, "SELECT length(value) FROM trace_tags"), 8000);
    assert_memory_equal(taken(&err, store_trace_tag(f.store, "t1", "a=b", "", &err)).message,
                        "Invalid value \"a=b\" for parameter 'key'", 39);
    assert_int_equal(taken(&err, store_trace_tag(f.store, "t1", TRACE_LOCATION_TAG, "/etc", &err)).code, ERR_INPUT);
    assert_int_equal(taken(&err, store_trace_tag(f.store, "t2", "kind", "", &err)).code, ERR_NOT_FOUND);
    assert_int_equal(store_trace_delete_tag(f.store, "t1", "kind", NULL), 0);
    assert_string_equal(taken(&err, store_trace_delete_tag(f.store, "t1", "kind", &err)).message,
                        "No trace tag with key 'kind' for trace with request_id 't1'");
    close_fixture(&f);
}

TEST(the_run_that_a_trace_was_made_in)
{
    struct fixture f = open_empty();
    const struct pair source = {TRACE_SOURCE_RUN, "r1"};
    const char *run = NULL;
    start(&f, "t1", 0, 1, &(struct trace_words){.metadata = &source, .metadata_count = 1});
    start(&f, "t2", 0, 1, &no_words);
    assert_int_equal(store_trace_source_run(f.store, "t1", f.arena, &run, NULL), 0);
    assert_string_equal(run, "r1");
    assert_int_equal(store_trace_source_run(f.store, "t2", f.arena, &run, NULL), 0);
    assert_null(run);
    close_fixture(&f);
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

static const char *removed(struct fixture *f, struct trace_choice choice)
{
    struct trace *gone = NULL;
    size_t count = 0;
    const char *list = "";
    assert_int_equal(store_trace_remove(f->store, &choice, f->arena, &gone, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        list = arena_printf(f->arena, "%s%s%s", list, i == 0 ? "" : " ", gone[i].request_id);
    }
    return list;
}

/* t1 to t4 of experiment 0, the oldest last; other of experiment 1. */
static struct fixture open_traces(void)
{
    static const char *const names[] = {"first", "second", "second"};
    struct fixture f = open_empty();
    int64_t id = 0;
    assert_int_equal(store_experiment_ensure(f.store, "e", 1, &id, NULL), 0);
    for (int64_t i = 0; i < 4; i++) {
        const struct pair metadata[] = {{TRACE_SOURCE_RUN, i < 2 ? "r1" : "r2"}, {"size", "10"}};
        const struct pair tags[] = {{"mlflow.traceName", i < 3 ? names[i] : ""}, {"team", i == 0 ? "red" : "blue"}};
        const char *trace = arena_printf(f.arena, "t%d", (int)i + 1);
        start(&f, trace, 0, 100 - 10 * i,
              &(struct trace_words){metadata, i == 1 ? 1 : 2, tags + (i == 3), i == 3 ? 1 : 2});
    }
    start(&f, "other", id, 5, &no_words);
    assert_int_equal(store_trace_end(f.store, "t1", 105, TRACE_OK, &no_words, NULL), 0);
    assert_int_equal(store_trace_end(f.store, "t2", 190, TRACE_ERROR, &no_words, NULL), 0);
    assert_int_equal(store_trace_end(f.store, "t3", 90, TRACE_OK, &no_words, NULL), 0);
    return f;
}

TEST(traces_are_removed_with_all_their_words)
{
    struct fixture f = open_traces();
    const char *const ids[] = {"t2", "other", "none", "t2"};
    assert_string_equal(removed(&f, (struct trace_choice){.ids = ids, .id_count = 4, .limit = INT64_MAX}), "t2");
    assert_string_equal(removed(&f, (struct trace_choice){.latest_ms = 80, .limit = 1}), "t4");
    assert_string_equal(removed(&f, (struct trace_choice){.latest_ms = 80, .limit = 10}), "t3");
    assert_string_equal(removed(&f, (struct trace_choice){.latest_ms = 80, .limit = 10}), "");
    assert_int_equal(ask(&f, "SELECT count(*) FROM traces"), 2);
    assert_int_equal(ask(&f, "SELECT count(*) FROM trace_tags WHERE request_id NOT IN ('t1', 'other')"), 0);
    assert_int_equal(ask(&f, "SELECT count(*) FROM trace_metadata WHERE request_id NOT IN ('t1', 'other')"), 0);
    assert_int_equal(ask(&f, "SELECT count(*) FROM trace_tags"), 2);
    close_fixture(&f);
}

/* ---- searching -------------------------------------------------------------------------------------------------- */

static const int64_t both[] = {0, 1};

static const char *page_of(struct fixture *f, const struct trace_query *query, const char **ret_token)
{
    struct trace_page page = {0};
    struct err err = {0};
    const char *list = "";
    if (store_trace_search(f->store, query, f->arena, &page, &err) < 0) {
        return arena_printf(f->arena, "! %s", err.message);
    }
    for (size_t i = 0; i < page.count; i++) {
        list = arena_printf(f->arena, "%s%s%s", list, i == 0 ? "" : " ", page.traces[i].request_id);
    }
    *ret_token = page.next_page_token;
    return list;
}

static const char *found(struct fixture *f, const char *filter, const char *order)
{
    const char *token = NULL;
    struct trace_query query = {.experiments = both,
                                .experiment_count = 2,
                                .filter = filter,
                                .order_by = &order,
                                .order_by_count = order == NULL ? 0 : 1,
                                .max_results = 100};
    return page_of(f, &query, &token);
}

TEST(traces_are_found_as_mlflow_finds_them)
{
    static const struct {
        const char *filter, *order, *expected;
    } cases[] = {
        {NULL, NULL, "t1 t2 t3 t4 other"},
        {"status = 'OK'", NULL, "t1 t3"},
        {"trace.status != 'OK'", NULL, "t2 t4 other"},
        {"attributes.status IN ('ERROR', 'IN_PROGRESS')", NULL, "t2 t4 other"},
        {"timestamp > 80 AND timestamp_ms <= 100", NULL, "t1 t2"},
        {"execution_time_ms < 50", NULL, "t1 t3"},
        {"end_time >= 105", NULL, "t1 t2"},
        {"execution_time IS NULL", NULL, "t4 other"},
        {"name = 'second'", NULL, "t2 t3"},
        {"name NOT IN ('second')", NULL, "t1"},
        {"name LIKE 'fir%'", NULL, "t1"},
        {"tags.team = 'red'", NULL, "t1"},
        {"tag.team != 'red'", NULL, "t2 t3 t4"},
        {"tags.mlflow.traceName = 'first'", NULL, "t1"},
        {"run_id = 'r1'", NULL, "t1 t2"},
        {"metadata.mlflow.sourceRun = 'r2'", NULL, "t3 t4"},
        {"request_metadata.size = '10' AND NOT run_id = 'r2'", NULL, "t1"},
        {"metadata.size IS NULL", NULL, "t2 other"},
        {"request_id IN ('t3', 't4')", NULL, "t3 t4"},
        {NULL, "timestamp ASC", "other t4 t3 t2 t1"},
        {NULL, "execution_time_ms DESC", "t2 t3 t1 t4 other"},
        {NULL, "name", "t1 t2 t3 t4 other"},
        {NULL, "tags.team", "t2 t3 t4 t1 other"},
        {NULL, "metadata.mlflow.sourceRun DESC", "t3 t4 t1 t2 other"},
        {NULL, "experiment_id DESC", "other t1 t2 t3 t4"},
        {NULL, "request_id DESC", "t4 t3 t2 t1 other"},
        {"trace_id = 'x'", NULL,
         "! Invalid attribute key 'trace_id' specified. Valid keys are '{'request_id', 'timestamp', 'timestamp_ms', "
         "'execution_time', 'execution_time_ms', 'end_time', 'end_time_ms', 'status', 'name', 'run_id'}'"},
        {"params.a = 'x'", NULL,
         "! Invalid entity type 'params'. Valid values are ['attribute', 'tag', 'request_metadata']"},
        {"metadata.a = 1", NULL,
         "! Expected a quoted string value for request_metadata (e.g. 'my-value'). Got value 1"},
        {"status = 1", NULL,
         "! Expected a quoted string value or a list of quoted string values for attributes. Got value 1"},
        {"tags.a > 'x'", NULL,
         "! Invalid comparator '>' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'}'"},
    };
    struct fixture f = open_traces();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *list = found(&f, cases[i].filter, cases[i].order);
        if (strcmp(list, cases[i].expected) != 0) {
            fail_msg("%s, by %s\n  expected %s\n  found    %s", cases[i].filter == NULL ? "all" : cases[i].filter,
                     cases[i].order == NULL ? "nothing" : cases[i].order, cases[i].expected, list);
        }
    }
    close_fixture(&f);
}

TEST(pages_of_traces_go_to_the_last_and_no_further)
{
    struct fixture f = open_traces();
    const char *token = NULL;
    const char *const order[] = {"name DESC"};
    struct trace_query query = {
        .experiments = both, .experiment_count = 1, .order_by = order, .order_by_count = 1, .max_results = 2};
    assert_string_equal(page_of(&f, &query, &token), "t2 t3");
    query.page_token = token;
    start(&f, "t0", 0, 1000, &no_words); /* without a name: behind those that have one */
    assert_string_equal(page_of(&f, &query, &token), "t1 t0");
    query.page_token = token;
    assert_string_equal(page_of(&f, &query, &token), "t4");
    assert_null(token);
    query.experiment_count = 2;
    assert_memory_equal(page_of(&f, &query, &token), "! Invalid page token", 20);
    query.max_results = 501;
    assert_string_equal(page_of(&f, &query, &token),
                        "! Invalid value 501 for parameter 'max_results' supplied. It must be at most 500");
    close_fixture(&f);
}

TESTS(RUN(a_trace_begins_and_ends), RUN(what_a_trace_cannot_be), RUN(tags_of_a_trace),
      RUN(the_run_that_a_trace_was_made_in), RUN(traces_are_removed_with_all_their_words),
      RUN(traces_are_found_as_mlflow_finds_them), RUN(pages_of_traces_go_to_the_last_and_no_further))
