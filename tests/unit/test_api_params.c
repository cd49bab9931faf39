/* SPDX-License-Identifier: Apache-2.0
 * What a request says, by protobuf's JSON mapping and in MLflow's words.
 */
#include "api/params.h"

#include "test.h"

#include <math.h>

static const char *const view_words[] = {NULL, "ACTIVE_ONLY", "DELETED_ONLY", "ALL", ""};
static const struct api_field metric_fields[] = {{.name = "key", .type = API_TEXT, .required = true},
                                                 {.name = "value", .type = API_REAL, .required = true},
                                                 {.name = "timestamp", .type = API_INT, .required = true},
                                                 {0}};
static const struct api_field fields[] = {{.name = "run_id", .type = API_TEXT, .required = true, .alias = "run_uuid"},
                                          {.name = "experiment_id", .type = API_TEXT},
                                          {.name = "experiment_ids", .type = API_TEXTS},
                                          {.name = "max_results", .type = API_INT},
                                          {.name = "allow", .type = API_BOOL},
                                          {.name = "view_type", .type = API_WORD, .words = view_words},
                                          {.name = "metrics", .type = API_OBJECTS, .fields = metric_fields},
                                          {.name = "metric", .type = API_OBJECT, .fields = metric_fields},
                                          {0}};

static int read_text(struct arena *arena, const char *text, struct json *ret, struct err *err)
{
    struct json raw;
    assert_int_equal(json_read_metrics(str_from(text), (struct json_limits){0}, arena, &raw, NULL), 0);
    return params_read(fields, &raw, arena, ret, err);
}

static const char *canonical(struct arena *arena, const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, 1 << 16);
    json_write_canonical(&text, value);
    const char *copy = arena_strdup(arena, text.data);
    strbuf_clear(&text);
    return copy;
}

TEST(both_spellings_and_types_are_read_as_one)
{
    static const char *const cases[][2] = {
        {"{\"runId\": \"a\", \"maxResults\": \"7\", \"nobody\": [1]}", "{\"max_results\":7,\"run_id\":\"a\"}"},
        {"{\"run_uuid\": \"a\", \"max_results\": 7.0}", "{\"max_results\":7,\"run_id\":\"a\"}"},
        {"{\"run_id\": \"a\", \"max_results\": \"1e3\", \"allow\": \"True\"}",
         "{\"allow\":true,\"max_results\":1000,\"run_id\":\"a\"}"},
        {"{\"run_id\": \"a\", \"experiment_id\": 0, \"experimentIds\": [1, \"2\"]}",
         "{\"experiment_id\":\"0\",\"experiment_ids\":[\"1\",\"2\"],\"run_id\":\"a\"}"},
        {"{\"run_id\": \"a\", \"view_type\": 2}", "{\"run_id\":\"a\",\"view_type\":\"DELETED_ONLY\"}"},
        {"{\"run_id\": \"a\", \"view_type\": \"ALL\", \"allow\": null}", "{\"run_id\":\"a\",\"view_type\":\"ALL\"}"},
        {"{\"run_id\": \"a\", \"metrics\": [{\"key\": \"k\", \"value\": \"-Infinity\", \"timestamp\": "
         "\"9007199254740993\"}]}",
         "{\"metrics\":[{\"key\":\"k\",\"timestamp\":9007199254740993,\"value\":\"-Infinity\"}],\"run_id\":\"a\"}"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json params;
        struct err err = {0};
        assert_int_equal(read_text(arena, cases[i][0], &params, &err), 0);
        assert_string_equal(canonical(arena, &params), cases[i][1]);
    }
    arena_free(arena);
}

TEST(a_number_that_is_none_comes_bare_or_as_text)
{
    struct arena *arena = arena_new();
    struct json params;
    assert_int_equal(
        read_text(arena, "{\"run_id\":\"a\",\"metric\":{\"key\":\"k\",\"value\":NaN,\"timestamp\":1}}", &params, NULL),
        0);
    assert_true(isnan(json_get_number(json_get(&params, "metric"), "value", 0)));
    assert_int_equal(read_text(arena, "{\"run_id\":\"a\",\"metric\":{\"key\":\"k\",\"value\":\"NaN\",\"timestamp\":1}}",
                               &params, NULL),
                     0);
    assert_true(isnan(json_get_number(json_get(&params, "metric"), "value", 0)));
    assert_int_equal(
        read_text(arena, "{\"run_id\":\"a\",\"metric\":{\"key\":\"k\",\"value\":\"-inf\",\"timestamp\":1}}", &params,
                  NULL),
        0);
    assert_true(json_get_number(json_get(&params, "metric"), "value", 0) == -INFINITY);
    arena_free(arena);
}

#define SEE "See the API docs for more information about request parameters."

TEST(what_is_missing_or_of_another_type_is_said_in_words_that_clients_know)
{
    static const char *const cases[][2] = {
        {"{}", "Missing value for required parameter 'run_id'. " SEE},
        {"{\"run_id\": \"\"}", "Missing value for required parameter 'run_id'. " SEE},
        {"{\"run_id\": null}", "Missing value for required parameter 'run_id'. " SEE},
        {"{\"run_id\": 123}",
         "Invalid value 123 for parameter 'run_id' supplied:  Hint: Value was of type 'int'. " SEE},
        {"{\"run_id\": \"a\", \"max_results\": \"x\"}",
         "Invalid value \"x\" for parameter 'max_results' supplied:  Hint: Value was of type 'str'. " SEE},
        {"{\"run_id\": \"a\", \"max_results\": 1.5}",
         "Invalid value 1.5 for parameter 'max_results' supplied:  Hint: Value was of type 'float'. " SEE},
        {"{\"run_id\": \"a\", \"max_results\": 1e30}",
         "Invalid value 1e+30 for parameter 'max_results' supplied:  Hint: Value was of type 'float'. " SEE},
        {"{\"run_id\": \"a\", \"view_type\": 0}",
         "Invalid value 0 for parameter 'view_type' supplied:  Hint: Value was of type 'int'. " SEE},
        {"{\"run_id\": \"a\", \"view_type\": 9}",
         "Invalid value 9 for parameter 'view_type' supplied:  Hint: Value was of type 'int'. " SEE},
        {"{\"run_id\": \"a\", \"metrics\": 5}",
         "Invalid value 5 for parameter 'metrics' supplied:  Hint: Value was of type 'int'. " SEE},
        {"{\"run_id\": \"a\", \"metrics\": [{\"value\": 1}]}",
         "Missing value for required parameter 'metrics[0].key'. " SEE},
        {"{\"run_id\": \"a\", \"metrics\": [\"b\"]}",
         "Invalid value \"b\" for parameter 'metrics[0]' supplied:  Hint: Value was of type 'str'. " SEE},
        {"{\"run_id\": \"a\", \"metric\": []}",
         "Invalid value [] for parameter 'metric' supplied:  Hint: Value was of type 'list'. " SEE},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json params;
        struct err err = {0};
        assert_int_equal(read_text(arena, cases[i][0], &params, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_string_equal(err.message, cases[i][1]);
    }
    arena_free(arena);
}

TESTS(RUN(both_spellings_and_types_are_read_as_one), RUN(a_number_that_is_none_comes_bare_or_as_text),
      RUN(what_is_missing_or_of_another_type_is_said_in_words_that_clients_know))
