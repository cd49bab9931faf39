/* SPDX-License-Identifier: Apache-2.0
 * What a client logs at once: all of it or nothing, in MLflow's words.
 */
#include "store/run_batch.h"
#include "store/models.h"
#include "store/python_quote.h"
#include "store/runs.h"
#include "store_fixture.h"

#include <math.h>
#include <stdio.h>

static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    struct run_info run = {.run_id = "r1", .name = "train", .user = "alice", .artifact_uri = "/a"};
    assert_int_equal(store_run_create(f.store, &run, NULL), 0);
    return f;
}

/* "" or the error; nothing of what is refused is stored. */
static const char *log_batch(struct fixture *f, struct run_batch batch)
{
    struct err err = {0};
    if (store_run_log_batch(f->store, "r1", &batch, &err) == 0) {
        return "";
    }
    struct json params;
    struct json tags;
    struct metric_latest *metrics = NULL;
    size_t count = 0;
    assert_int_equal(store_run_params(f->store, "r1", f->arena, &params, NULL), 0);
    assert_int_equal(store_run_tags(f->store, "r1", f->arena, &tags, NULL), 0);
    assert_int_equal(store_metrics_of_run(f->store, "r1", f->arena, &metrics, &count, NULL), 0);
    assert_null(json_get(&params, "new"));
    assert_null(json_get(&tags, "new"));
    for (size_t i = 0; i < count; i++) {
        assert_string_not_equal(metrics[i].key, "new");
    }
    return arena_strdup(f->arena, err_for_mlflow(&err));
}

static const char *text(struct fixture *f, struct json map)
{
    return json_text(f->arena, &map).p;
}

static struct metric_entry entry(const char *key, double value, int64_t step, int64_t time_ms)
{
    return (struct metric_entry){.point = {.key = key, .value = value, .step = step, .time_ms = time_ms}};
}

static const struct pair new_pair[] = {{"new", "1"}};
static const struct metric_entry new_metric[] = {{.point = {.key = "new", .value = 1}}};

/* A batch that would be good, but for what a test adds. */
static struct run_batch good(void)
{
    return (struct run_batch){new_metric, 1, new_pair, 1, new_pair, 1};
}

TEST(a_batch_is_logged_whole_and_twice_is_once)
{
    struct fixture f = open_fixture();
    struct metric_entry metrics[] = {entry("loss", 1, 0, 10), entry("loss", (double)NAN, 1, 20),
                                     entry("auc", 0.5, 0, 10)};
    struct pair params[] = {{"depth", "3"}, {"empty", NULL}};
    struct pair tags[] = {{"team", "a"}, {"team", "b"}, {"mlflow.runName", "renamed"}};
    struct run_batch batch = {metrics, 3, params, 2, tags, 3};
    for (int i = 0; i < 2; i++) {
        struct json map;
        struct metric_latest *list = NULL;
        size_t count = 0;
        struct run_info run;
        assert_string_equal(log_batch(&f, batch), "");
        assert_int_equal(store_run_params(f.store, "r1", f.arena, &map, NULL), 0);
        assert_string_equal(text(&f, map), "{\"depth\":\"3\",\"empty\":\"\"}");
        assert_int_equal(store_run_tags(f.store, "r1", f.arena, &map, NULL), 0);
        assert_string_equal(text(&f, map), "{\"mlflow.runName\":\"renamed\",\"mlflow.user\":\"alice\",\"team\":\"b\"}");
        assert_int_equal(store_run_get(f.store, "r1", f.arena, &run, NULL), 0);
        assert_string_equal(run.name, "renamed");
        assert_int_equal(store_metrics_of_run(f.store, "r1", f.arena, &list, &count, NULL), 0);
        assert_int_equal(count, 2);
        assert_int_equal(list[1].count, 2);
        assert_true(isnan(list[1].value));
    }
    assert_string_equal(log_batch(&f, (struct run_batch){0}), "");
    close_fixture(&f);
}

TEST(a_bad_item_is_named_and_nothing_is_logged)
{
    struct fixture f = open_fixture();
    struct metric_entry bad_key[] = {new_metric[0], entry("a$b", 1, 0, 0)};
    struct metric_entry bad_time[] = {new_metric[0], entry("x", 1, 0, -5)};
    struct pair bad_pair[] = {new_pair[0], {"../x", "1"}};
    struct pair twice[] = {new_pair[0], {"a", "1"}, {"a", "1"}, {"it", "2"}, {"it", "3"}};
    struct run_batch batch = good();
    batch.metrics = bad_key;
    batch.metric_count = 2;
    assert_non_null(strstr(log_batch(&f, batch), "Invalid value \"a$b\" for parameter 'metrics[1].name' supplied"));
    batch.metrics = bad_time;
    assert_non_null(strstr(log_batch(&f, batch), "Invalid value -5 for parameter 'metrics[1].timestamp' supplied"));
    batch = good();
    batch.params = bad_pair;
    batch.param_count = 2;
    assert_non_null(strstr(log_batch(&f, batch), "for parameter 'params[1].key' supplied"));
    batch = good();
    batch.tags = bad_pair;
    batch.tag_count = 2;
    assert_non_null(strstr(log_batch(&f, batch), "for parameter 'tags[1].key' supplied"));
    batch = good();
    batch.params = twice;
    batch.param_count = 5;
    assert_string_equal(log_batch(&f, batch),
                        "Duplicate parameter keys have been submitted: ['a', 'it']. Please ensure the request contains "
                        "only one param value per param key.");
    batch = good();
    struct metric_entry unknown = entry("new", 1, 0, 0);
    unknown.model_id = "m-9";
    batch.metrics = &unknown;
    assert_string_equal(log_batch(&f, batch), "Logged model with ID 'm-9' not found.");
    assert_int_equal(store_run_delete(f.store, "r1", 1, NULL), 0);
    assert_string_equal(log_batch(&f, good()), "The run r1 must be in the 'active' state. Current state is deleted.");
    close_fixture(&f);
}

TEST(a_batch_has_limits)
{
    struct fixture f = open_fixture();
    static struct metric_entry metrics[1001];
    static struct pair pairs[101];
    static char keys[1001][8];
    for (size_t i = 0; i < 1001; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%zu", i);
        metrics[i].point.key = keys[i];
        pairs[i % 101] = (struct pair){keys[i % 101], "v"};
    }
    assert_string_equal(log_batch(&f, (struct run_batch){.metrics = metrics, .metric_count = 1001}),
                        "A batch logging request can contain at most 1000 metrics. Got 1001 metrics. Please split up "
                        "metrics across multiple requests and try again.");
    assert_non_null(strstr(log_batch(&f, (struct run_batch){.params = pairs, .param_count = 101}),
                           "at most 100 params. Got 101 params."));
    assert_non_null(strstr(log_batch(&f, (struct run_batch){.tags = pairs, .tag_count = 101}),
                           "at most 100 tags. Got 101 tags."));
    assert_string_equal(log_batch(&f, (struct run_batch){metrics, 900, pairs, 100, pairs, 1}),
                        "A batch logging request can contain at most 1000 metrics, params, and tags. Got 1001 metrics, "
                        "params, and tags. Please split up metrics, params, and tags across multiple requests and try "
                        "again.");
    assert_string_equal(log_batch(&f, (struct run_batch){metrics, 800, pairs, 100, pairs, 100}), "");
    close_fixture(&f);
}

TEST(params_that_would_change_are_all_in_one_message)
{
    struct fixture f = open_fixture();
    struct pair first[] = {{"a", "1"}, {"b", "it's"}, {"c", "x\ny"}};
    struct pair second[] = {{"new", "1"}, {"a", "1"}, {"b", "2"}, {"c", "3"}};
    assert_string_equal(log_batch(&f, (struct run_batch){.params = first, .param_count = 3}), "");
    struct run_batch batch = good();
    batch.params = second;
    batch.param_count = 4;
    assert_string_equal(log_batch(&f, batch),
                        "Changing param values is not allowed. Params were already logged='[{'key': 'b', 'old_value': "
                        "\"it's\", 'new_value': '2'}, {'key': 'c', 'old_value': 'x\\ny', 'new_value': '3'}]' for run "
                        "ID='r1'.");
    close_fixture(&f);
}

TEST(a_metric_on_a_model_is_one_of_the_run_and_of_the_model)
{
    struct fixture f = open_fixture();
    struct logged_model model = {.model_id = "m-1", .name = "wine", .artifact_uri = "/m"};
    assert_int_equal(store_model_create(f.store, &model, NULL), 0);
    struct metric_entry metrics[] = {entry("auc", 1, 0, 10), entry("auc", 2, 1, 20), entry("auc", 3, 2, 30),
                                     entry("auc", 4, 3, 40), entry("auc", 5, 4, 50)};
    metrics[4].dataset_name = "wine"; /* the same data, no model */
    metrics[4].dataset_digest = "d1";
    metrics[1].model_id = metrics[3].model_id = "m-1";
    metrics[1].dataset_name = metrics[3].dataset_name = "wine";
    metrics[1].dataset_digest = metrics[3].dataset_digest = "d1";
    metrics[2].model_id = "";
    assert_string_equal(log_batch(&f, (struct run_batch){.metrics = metrics, .metric_count = 5}), "");
    struct metric_point *history = NULL;
    struct metric_measured *measured = NULL;
    size_t count = 0;
    assert_int_equal(store_metric_history(f.store, "r1", "auc", 0, 10, f.arena, &history, &count, NULL), 0);
    assert_int_equal(count, 5);
    assert_int_equal(store_metrics_measured(f.store, "m-1", 10, f.arena, &measured, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_true(measured[0].point.value == 2);
    assert_true(measured[1].point.value == 4);
    assert_string_equal(measured[1].dataset_name, "wine");
    close_fixture(&f);
}

TEST(one_metric_alone_is_named_without_a_place)
{
    struct fixture f = open_fixture();
    struct metric_entry good_one = entry("loss", 1, 0, 5);
    struct metric_entry bad_key = entry("a$b", 1, 0, 5);
    struct metric_entry bad_time = entry("loss", 1, 0, -1);
    struct err err = {0};
    assert_int_equal(store_run_log_metric(f.store, "r1", &good_one, NULL), 0);
    assert_int_equal(store_run_log_metric(f.store, "r1", &bad_key, &err), -1);
    assert_non_null(strstr(err.message, "for parameter 'name' supplied"));
    err_clear(&err);
    assert_int_equal(store_run_log_metric(f.store, "r1", &bad_time, &err), -1);
    assert_string_equal(err.message, "Invalid value -1 for parameter 'timestamp' supplied: metric 'loss' (value=1.0). "
                                     "Timestamp must be a nonnegative long (64-bit integer) ");
    err_clear(&err);
    bad_time.point.value = (double)NAN;
    assert_int_equal(store_run_log_metric(f.store, "r1", &bad_time, &err), -1);
    assert_non_null(strstr(err.message, "(value=nan)"));
    err_clear(&err);
    assert_int_equal(store_run_log_metric(f.store, "r9", &good_one, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(text_is_quoted_as_python_does)
{
    static const struct {
        const char *text;
        const char *quoted;
    } cases[] = {
        {"", "''"},           {"a", "'a'"},           {"it's", "\"it's\""},          {"\"", "'\"'"},
        {"'\"", "'\\'\"'"},   {"a\\b", "'a\\\\b'"},   {"\n\r\t\x01\x7f", "'\\n\\r\\t\\x01\\x7f'"}, {"ä", "'ä'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct strbuf out;
        strbuf_init(&out, 100);
        python_quote(&out, str_from(cases[i].text));
        assert_string_equal(out.data, cases[i].quoted);
        strbuf_clear(&out);
    }
}

TESTS(RUN(a_batch_is_logged_whole_and_twice_is_once), RUN(a_bad_item_is_named_and_nothing_is_logged),
      RUN(a_batch_has_limits), RUN(params_that_would_change_are_all_in_one_message),
      RUN(a_metric_on_a_model_is_one_of_the_run_and_of_the_model), RUN(one_metric_alone_is_named_without_a_place),
      RUN(text_is_quoted_as_python_does))
