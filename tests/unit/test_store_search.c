/* SPDX-License-Identifier: Apache-2.0
 * Searching what is no run: experiments, registered models, versions, logged models.
 */
#include "store/experiment_search.h"
#include "store/metrics.h"
#include "store/model_search.h"
#include "store/registry_search.h"
#include "store/runs.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <math.h>

static void change(struct fixture *f, const char *sql)
{
    assert_int_equal(stmt_run_one(stmt_get(f->store, sql), sql, NULL), 0);
}

static const char *taken(struct fixture *f, struct strbuf *out)
{
    const char *text = arena_dup(f->arena, out->data, out->length);
    strbuf_clear(out);
    return text;
}

struct case_of {
    const char *filter, *order, *expected;
};

static void compare(const struct case_of *expected, const char *found)
{
    if (strcmp(found, expected->expected) != 0) {
        fail_msg("%s, ordered by %s\n  expected %s\n  found    %s", expected->filter,
                 expected->order == NULL ? "nothing" : expected->order, expected->expected, found);
    }
}

/* ---- experiments ---------------------------------------------------------------------------------------- */

static const char *experiments_of(struct fixture *f, struct experiment_query query, const char **ret_token)
{
    struct experiment_page found = {0};
    struct err err = {0};
    struct strbuf out;
    strbuf_init(&out, 1 << 16);
    if (store_experiment_search(f->store, &query, f->arena, &found, &err) < 0) {
        strbuf_printf(&out, "! %s", err.message);
    }
    for (size_t i = 0; i < found.count; i++) {
        strbuf_printf(&out, "%s%s", i == 0 ? "" : " ", found.experiments[i].name);
    }
    *ret_token = found.next_page_token;
    return taken(f, &out);
}

static const char *find_experiments(struct fixture *f, const char *filter, const char *order, enum search_view view)
{
    const char *token = NULL;
    return experiments_of(f,
                          (struct experiment_query){.filter = filter,
                                                    .order_by = &order,
                                                    .order_by_count = order == NULL ? 0 : 1,
                                                    .view = view,
                                                    .max_results = 100},
                          &token);
}

/* Default (0), a (1), Ab (2), b (3); b is deleted. */
static struct fixture open_experiments(void)
{
    static const char *const names[] = {"a", "Ab", "b"};
    struct fixture f = open_empty();
    change(&f, "UPDATE experiments SET created_ms = 5, updated_ms = 50 WHERE id = 0");
    for (int64_t i = 0; i < 3; i++) {
        int64_t id = 0;
        assert_int_equal(store_experiment_ensure(f.store, names[i], 10 * (i + 1), &id, NULL), 0);
    }
    assert_int_equal(store_experiment_set_tag(f.store, 1, "team", "red", NULL), 0);
    assert_int_equal(store_experiment_set_tag(f.store, 2, "team", "blue", NULL), 0);
    change(&f, "UPDATE experiments SET deleted_ms = 1 WHERE name = 'b'");
    return f;
}

TEST(experiments_are_found_as_mlflow_finds_them)
{
    static const struct case_of cases[] = {
        {NULL, NULL, "Ab a Default"},
        {"name = 'a'", NULL, "a"},
        {"name LIKE 'A%'", NULL, "Ab"},
        {"attribute.name ilike 'A%'", NULL, "Ab a"},
        {"name != 'a'", NULL, "Ab Default"},
        {"name NOT LIKE 'D%'", NULL, "Ab a"},
        {"experiment_id = '02'", NULL, "Ab"},
        {"experiment_id != '2'", NULL, "a Default"},
        {"experiment_id IN ('0', '1', '9')", NULL, "a Default"},
        {"experiment_id NOT IN ('0', '1')", NULL, "Ab"},
        {"creation_time > 5", NULL, "Ab a"},
        {"last_update_time = 50", NULL, "Default"},
        {"tags.team = 'red'", NULL, "a"},
        {"tags.team != 'red'", NULL, "Ab"},
        {"tags.team IS NULL", NULL, "Default"},
        {"tag.team IS NOT NULL AND name = 'a'", NULL, "a"},
        {"NOT tags.team = 'red' OR name = 'a'", NULL, "Ab a Default"},
        {NULL, "name", "Ab Default a"},
        {NULL, "name DESC", "a Default Ab"},
        {NULL, "experiment_id", "Default a Ab"},
        {NULL, "last_update_time DESC", "Default Ab a"},
        {NULL, "tags.team", "! Invalid order_by entity: tag"},
    };
    struct fixture f = open_experiments();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        compare(&cases[i], find_experiments(&f, cases[i].filter, cases[i].order, SEARCH_ACTIVE));
    }
    close_fixture(&f);
}

TEST(deleted_experiments_have_a_view_of_their_own)
{
    struct fixture f = open_experiments();
    assert_string_equal(find_experiments(&f, NULL, NULL, SEARCH_DELETED), "b");
    assert_string_equal(find_experiments(&f, NULL, NULL, SEARCH_ALL), "b Ab a Default");
    assert_string_equal(find_experiments(&f, NULL, NULL, (enum search_view)0), "Ab a Default");
    close_fixture(&f);
}

TEST(experiments_that_an_order_leaves_equal_come_greatest_id_first)
{
    struct fixture f = open_empty();
    static const char *const names[] = {"x", "y", "z"};
    int64_t id = 0;
    change(&f, "UPDATE experiments SET created_ms = 7, updated_ms = 7 WHERE id = 0");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_experiment_ensure(f.store, names[i], 7, &id, NULL), 0);
    }
    assert_string_equal(find_experiments(&f, NULL, "creation_time", SEARCH_ALL), "z y x Default");
    assert_string_equal(find_experiments(&f, NULL, NULL, SEARCH_ALL), "Default x y z");
    close_fixture(&f);
}

TEST(pages_of_experiments_go_to_the_last_and_no_further)
{
    struct fixture f = open_experiments();
    const char *const order[] = {"name"};
    struct experiment_query query = {.order_by = order, .order_by_count = 1, .view = SEARCH_ALL, .max_results = 2};
    const char *token = NULL;
    assert_string_equal(experiments_of(&f, query, &token), "Ab Default");
    query.page_token = token;
    assert_string_equal(experiments_of(&f, query, &token), "a b");
    assert_null(token);
    query.view = SEARCH_ACTIVE;
    assert_memory_equal(experiments_of(&f, query, &token), "! Invalid page token", 20);
    query.max_results = 50001;
    assert_string_equal(experiments_of(&f, query, &token),
                        "! Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000");
    close_fixture(&f);
}

/* ---- registered models and versions --------------------------------------------------------------------- */

static void register_version(struct fixture *f, const char *name, const char *source, const char *run, int64_t now)
{
    struct model_version version = {.source = source, .run_id = run};
    int64_t number = 0;
    bool existing = false;
    assert_int_equal(store_registry_register(f->store, name, &version, NULL, 0, NULL, now, &number, &existing, NULL),
                     0);
}

/* Models A (1 and 2), b (1), and the prompt p (1), of which only version 1 says so. */
static struct fixture open_registry(void)
{
    struct fixture f = open_empty();
    register_version(&f, "A", "s3://a/1", "r1", 10);
    register_version(&f, "A", "s3://a/2", "r2", 20);
    register_version(&f, "b", "/b/1", NULL, 30);
    register_version(&f, "p", "text", NULL, 40);
    register_version(&f, "p", "text", NULL, 40);
    assert_int_equal(store_registered_tag(f.store, "A", "team", "red", 50, NULL), 0);
    assert_int_equal(store_registered_tag(f.store, "A", "stage", "x", 50, NULL), 0);
    assert_int_equal(store_registered_tag(f.store, "b", "team", "blue", 60, NULL), 0);
    assert_int_equal(store_registered_tag(f.store, "p", "mlflow.prompt.is_prompt", "true", 40, NULL), 0);
    assert_int_equal(store_version_tag(f.store, "p", 1, "mlflow.prompt.is_prompt", "true", NULL, 40, NULL), 0);
    assert_int_equal(store_version_tag(f.store, "A", 1, "ok", "yes", NULL, 25, NULL), 0);
    return f;
}

static struct registry_query registry_query(const char *filter, const char *const *order, int64_t max_results)
{
    return (struct registry_query){.filter = filter,
                                   .order_by = order,
                                   .order_by_count = *order == NULL ? 0 : 1,
                                   .max_results = max_results};
}

static const char *models_of(struct fixture *f, const struct registry_query *query, const char **ret_token)
{
    struct registered_page found = {0};
    struct err err = {0};
    struct strbuf out;
    strbuf_init(&out, 1 << 16);
    if (store_registered_search(f->store, query, f->arena, &found, &err) < 0) {
        strbuf_printf(&out, "! %s", err.message);
    }
    for (size_t i = 0; i < found.count; i++) {
        strbuf_printf(&out, "%s%s", i == 0 ? "" : " ", found.models[i].name);
    }
    *ret_token = found.next_page_token;
    return taken(f, &out);
}

static const char *versions_of(struct fixture *f, const struct registry_query *query, const char **ret_token)
{
    struct version_page found = {0};
    struct err err = {0};
    struct strbuf out;
    strbuf_init(&out, 1 << 16);
    if (store_version_search(f->store, query, f->arena, &found, &err) < 0) {
        strbuf_printf(&out, "! %s", err.message);
    }
    for (size_t i = 0; i < found.count; i++) {
        strbuf_printf(&out, "%s%s/%lld", i == 0 ? "" : " ", found.versions[i].name,
                      (long long)found.versions[i].version);
    }
    *ret_token = found.next_page_token;
    return taken(f, &out);
}

TEST(registered_models_are_found_as_mlflow_finds_them)
{
    static const struct case_of cases[] = {
        {NULL, NULL, "A b"},
        {"name = 'A'", NULL, "A"},
        {"name ILIKE 'a%'", NULL, "A"},
        {"name LIKE 'a%'", NULL, ""},
        {"name IN ('A', 'b', 'p')", NULL, "A b"},
        {"tags.team = 'red'", NULL, "A"},
        {"tags.team != 'red'", NULL, "b"},
        {"tags.team LIKE '%e%' AND tags.team != 'blue' AND tags.stage = 'x'", NULL, "A"},
        {"tags.stage IS NULL", NULL, "b"},
        {NULL, "name DESC", "b A"},
        {NULL, "timestamp", "A b"},
        {NULL, "last_updated_timestamp DESC", "b A"},
        {NULL, "creation_timestamp",
         "! Invalid order by key 'creation_timestamp' specified. Valid keys are '{'name', 'timestamp', "
         "'last_updated_timestamp'}'"},
        /* prompts */
        {"tags.`mlflow.prompt.is_prompt` = 'true'", NULL, "p"},
        {"tags.`mlflow.prompt.is_prompt` != 'false'", NULL, "p"},
        {"tags.`mlflow.prompt.is_prompt` = 'false'", NULL, "A b"},
        {"tags.`mlflow.prompt.is_prompt` != 'true' AND name = 'b'", NULL, "b"},
        {"tags.`mlflow.prompt.is_prompt` LIKE 'true'", NULL, "A b"},
        {"tags.`mlflow.prompt.is_prompt` = 'TRUE'", NULL, ""}, /* asked for, but the value is another */
        {"name = 'A' AND tags.`mlflow.prompt.is_prompt` = 'true'", NULL, ""},
        {"NOT tags.`mlflow.prompt.is_prompt` = 'true'", NULL, "A b"},
        {"tags.`mlflow.prompt.is_prompt` = 'true' OR name = 'A'", NULL, "A p"},
    };
    struct fixture f = open_registry();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *token = NULL;
        struct registry_query query = registry_query(cases[i].filter, &cases[i].order, 100);
        compare(&cases[i], models_of(&f, &query, &token));
    }
    close_fixture(&f);
}

TEST(model_versions_are_found_as_mlflow_finds_them)
{
    static const struct case_of cases[] = {
        {NULL, NULL, "b/1 A/1 A/2"}, /* by the last update: tags count */
        {"name = 'A'", NULL, "A/1 A/2"},
        {"name = 'A' AND version_number > 1", NULL, "A/2"},
        {"version_number = '1'", NULL, "b/1 A/1"},
        {"run_id = 'r1'", NULL, "A/1"},
        {"run_id != 'r1'", NULL, "b/1 A/2"}, /* MLflow's version without a run has an empty text */
        {"run_id IN ('r1', 'r2')", NULL, "A/1 A/2"},
        {"run_id IS NULL", NULL, "b/1"},
        {"source_path LIKE 's3:%'", NULL, "A/1 A/2"},
        {"tags.ok = 'yes'", NULL, "A/1"},
        {"tags.ok IS NULL AND name ILIKE 'a'", NULL, "A/2"},
        {NULL, "version_number DESC", "A/2 A/1 b/1"},
        {NULL, "name DESC", "b/1 A/2 A/1"},
        {NULL, "creation_timestamp", "A/1 A/2 b/1"},
        {NULL, "last_updated_timestamp", "A/2 A/1 b/1"},
        /* prompts: all versions of a name, one of which has the tag */
        {"name = 'p'", NULL, ""},
        {"tags.`mlflow.prompt.is_prompt` = 'true'", NULL, "p/1"},
        {"tags.`mlflow.prompt.is_prompt` != 'true'", NULL, "b/1 A/1 A/2"},
    };
    struct fixture f = open_registry();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *token = NULL;
        struct registry_query query = registry_query(cases[i].filter, &cases[i].order, 100);
        compare(&cases[i], versions_of(&f, &query, &token));
    }
    change(&f, "UPDATE model_versions SET stage = 'Deleted_Internal' WHERE name = 'A' AND version = 2");
    const char *none = NULL;
    struct registry_query query = registry_query("name = 'A'", &none, 100);
    assert_string_equal(versions_of(&f, &query, &none), "A/1");
    close_fixture(&f);
}

TEST(pages_of_the_registry_go_to_the_last_and_no_further)
{
    struct fixture f = open_registry();
    const char *order = NULL;
    const char *token = NULL;
    struct registry_query query = registry_query(NULL, &order, 1);
    assert_string_equal(models_of(&f, &query, &token), "A");
    query.page_token = token;
    assert_memory_equal(versions_of(&f, &query, &token), "! Invalid page token", 20); /* of another search */
    assert_string_equal(models_of(&f, &query, &token), "b");
    assert_null(token);
    query = registry_query(NULL, &order, 2);
    assert_string_equal(versions_of(&f, &query, &token), "b/1 A/1");
    query.page_token = token;
    assert_string_equal(versions_of(&f, &query, &token), "A/2");
    assert_null(token);
    query = registry_query(NULL, &order, 1001);
    assert_memory_equal(models_of(&f, &query, &token), "! Invalid value 1001", 20);
    query = registry_query(NULL, &order, 200001);
    assert_memory_equal(versions_of(&f, &query, &token), "! Invalid value 200001", 22);
    close_fixture(&f);
}

/* ---- logged models -------------------------------------------------------------------------------------- */

static void measure(struct fixture *f, const char *model, const char *run, const char *dataset, double value,
                    int64_t step, int64_t time_ms)
{
    struct metric_target target = {.run_id = run, .model_id = model, .dataset_name = dataset};
    target.dataset_digest = dataset == NULL ? NULL : arena_printf(f->arena, "#%s", dataset);
    struct metric_point point = {.key = "acc", .value = value, .step = step, .time_ms = time_ms};
    assert_int_equal(store_metrics_log(f->store, &target, &point, 1, NULL), 0);
}

/* Models m-a to m-d, made in this order, of runs r1 and r2. */
static struct fixture open_models(void)
{
    static const char *const ids[] = {"m-a", "m-b", "m-c", "m-d"};
    struct fixture f = open_empty();
    for (size_t i = 0; i < 2; i++) {
        struct run_info run = {.run_id = i == 0 ? "r1" : "r2", .name = "x", .user = "y", .artifact_uri = "/"};
        assert_int_equal(store_run_create(f.store, &run, NULL), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        struct logged_model model = {.model_id = ids[i],
                                     .name = i < 2 ? "forest" : "Net",
                                     .artifact_uri = "/m",
                                     .source_run_id = i == 0 ? "r1" : NULL,
                                     .model_type = i == 3 ? "" : "agent",
                                     .status = i == 0 ? MODEL_STATUS_PENDING : MODEL_STATUS_READY,
                                     .created_ms = 10 * (int64_t)(i + 1),
                                     .updated_ms = 100 - (int64_t)i};
        assert_int_equal(store_model_create(f.store, &model, NULL), 0);
    }
    assert_int_equal(store_model_param(f.store, "m-a", "lr", "0.1", NULL), 0);
    assert_int_equal(store_model_param(f.store, "m-b", "lr", "0.2", NULL), 0);
    assert_int_equal(store_model_tag(f.store, "m-b", "team", "red", NULL), 0);
    measure(&f, "m-a", "r1", "train", 0.5, 1, 5);
    measure(&f, "m-a", "r1", "train", 0.9, 2, 4); /* the greater step, but older */
    measure(&f, "m-a", "r2", "test", 0.1, 1, 3);
    measure(&f, "m-b", "r1", "test", 0.7, 1, 1);
    measure(&f, "m-c", "r1", NULL, (double)NAN, 1, 1);
    return f;
}

static const char *logged_of(struct fixture *f, const struct model_query *query, const char **ret_token)
{
    struct model_page found = {0};
    struct err err = {0};
    struct strbuf out;
    strbuf_init(&out, 1 << 16);
    if (store_model_search(f->store, query, f->arena, &found, &err) < 0) {
        strbuf_printf(&out, "! %s", err.message);
    }
    for (size_t i = 0; i < found.count; i++) {
        strbuf_printf(&out, "%s%s", i == 0 ? "" : " ", found.models[i].model_id + 2);
    }
    *ret_token = found.next_page_token;
    return taken(f, &out);
}

static struct model_query model_query(const char *filter, const struct model_search_order *order, size_t count)
{
    static const int64_t zero[] = {0};
    return (struct model_query){.experiments = zero,
                                .experiment_count = 1,
                                .filter = filter,
                                .order_by = order,
                                .order_by_count = count,
                                .max_results = 100};
}

static const char *find_logged(struct fixture *f, const char *filter, const char *order)
{
    bool descends = order != NULL && order[0] == '-';
    struct model_search_order by = {.field_name = descends ? order + 1 : order, .ascending = !descends};
    struct model_query query = model_query(filter, &by, order == NULL ? 0 : 1);
    const char *token = NULL;
    return logged_of(f, &query, &token);
}

TEST(logged_models_are_found_as_mlflow_finds_them)
{
    static const struct case_of cases[] = {
        {NULL, NULL, "d c b a"},
        {"name = 'forest'", NULL, "b a"},
        {"name = forest", NULL, "b a"},
        {"name ILIKE 'n%'", NULL, "d c"},
        {"name IN ('forest', 'x')", NULL, "b a"},
        {"name NOT IN ('forest')", NULL, "d c"},
        {"model_id != 'm-a'", NULL, "d c b"},
        {"status = 'PENDING'", NULL, "a"},
        {"status IN ('READY', 'UPLOAD_FAILED')", NULL, "d c b"},
        {"model_type = 'agent'", NULL, "c b a"},
        {"model_type != 'x'", NULL, "d c b a"}, /* "" is what a client says that says nothing */
        {"source_run_id = 'r1'", NULL, "a"},
        {"source_run_id IS NULL", NULL, "d c b"},
        {"experiment_id = '0'", NULL, "d c b a"},
        {"experiment_id != '0'", NULL, ""},
        {"lifecycle_stage = 'active'", NULL, "d c b a"},
        {"artifact_location = '/m'", NULL, "d c b a"},
        {"creation_timestamp > 10 AND creation_time <= 30", NULL, "c b"},
        {"last_updated_timestamp >= 100", NULL, "a"},
        {"params.lr = 0.1", NULL, "a"},
        {"params.lr LIKE '0.%' AND tags.team = 'red'", NULL, "b"},
        {"params.lr IN ('0.1', '0.2')", NULL, "b a"},
        {"tags.team IS NULL OR params.lr = '0.2'", NULL, "d c b a"},
        {NULL, "name", "d c b a"}, /* bytewise: N before f */
        {NULL, "-name", "b a d c"},
        {NULL, "last_updated_timestamp", "d c b a"},
        {NULL, "-last_updated_timestamp", "a b c d"},
        {NULL, "model_type", "d c b a"},
        {NULL, "source_run_id", "a d c b"},
        {NULL, "-source_run_id", "a d c b"},
        {NULL, "creation_time", "a b c d"},
        {NULL, "model_id", "a b c d"},
        {NULL, "params.lr", "! Invalid order by field name: params.lr. Only metrics are supported."},
        {NULL, "color", "! Invalid order by field name: color"},
        {NULL, "", "! `field_name` in the `order_by` clause must be specified."},
        {"color = 'x'", NULL,
         "! Invalid attribute key 'color' specified. Valid keys are '{'name', 'model_id', 'model_type', 'status', "
         "'status_message', 'source_run_id', 'experiment_id', 'artifact_location', 'lifecycle_stage', "
         "'creation_timestamp', 'creation_timestamp_ms', 'creation_time', 'last_updated_timestamp', "
         "'last_updated_timestamp_ms', 'last_updated_time'}'"},
    };
    struct fixture f = open_models();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        compare(&cases[i], find_logged(&f, cases[i].filter, cases[i].order));
    }
    close_fixture(&f);
}

TEST(a_metric_of_a_model_is_any_of_its_points_in_a_filter_and_the_newest_in_an_order)
{
    static const struct case_of cases[] = {
        {"metrics.acc > 0.8", NULL, "a"},
        {"metrics.acc < 0.2", NULL, "a"},
        {"metrics.acc < 0.2 AND metrics.acc > 0.8", NULL, "a"}, /* two points */
        {"metrics.acc = 0.5", NULL, "a"},
        {"metrics.acc = 0.6", NULL, ""}, /* between its points, but none of them */
        {"metrics.acc >= 0.7", NULL, "b a"},
        {"metrics.acc != 0.7", NULL, "c a"},
        {"metrics.acc IS NOT NULL", NULL, "c b a"},
        {"metrics.acc IS NULL", NULL, "d"},
        {"metrics.other > 0", NULL, ""},
        {"min(metrics.acc) = 0.1", NULL, "a"},
        {"max(metrics.acc) < 0.8", NULL, "b"},
        {"last(metrics.acc) = 0.5", NULL, "a"},
        {"last(metrics.acc) IS NULL", NULL, "d"},
        {NULL, "metrics.acc", "a b c d"},
        {NULL, "-metrics.acc", "b a c d"},
        {NULL, "-max(metrics.acc)", "a b c d"},
        {NULL, "-min(metrics.acc)", "b a c d"},
        {NULL, "metrics.other", "d c b a"},
    };
    struct fixture f = open_models();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        compare(&cases[i], find_logged(&f, cases[i].filter, cases[i].order));
    }
    close_fixture(&f);
}

/* Enough points for blocks: the newest stands in a block, and one in the midst of one is found. */
TEST(points_of_long_series_are_found_too)
{
    struct fixture f = open_models();
    struct metric_target target = {.run_id = "r2", .model_id = "m-d"};
    struct metric_point points[3000];
    for (int64_t i = 0; i < 3000; i++) {
        points[i] = (struct metric_point){.key = "acc", .value = (double)(i % 1000) + 2, .step = -i, .time_ms = i};
    }
    assert_int_equal(store_metrics_log(f.store, &target, points, 3000, NULL), 0);
    assert_string_equal(find_logged(&f, "metrics.acc = 517", NULL), "d");
    assert_string_equal(find_logged(&f, "metrics.acc = 517.5", NULL), "");
    assert_string_equal(find_logged(&f, "last(metrics.acc) = 1001", NULL), "d");
    assert_string_equal(find_logged(&f, NULL, "-metrics.acc"), "d b a c");
    close_fixture(&f);
}

TEST(datasets_choose_what_counts)
{
    struct fixture f = open_models();
    static const struct model_search_dataset test[] = {{"test", NULL}};
    static const struct model_search_dataset digest[] = {{"test", "#other"}, {"train", "#train"}};
    static const struct model_search_dataset none[] = {{NULL, "#test"}};
    static const struct model_search_order on_test[] = {
        {.field_name = "metrics.acc", .ascending = false, .dataset_name = "test", .dataset_digest = "#test"}};
    static const struct model_search_order on_digest[] = {{.field_name = "metrics.acc", .dataset_digest = "#test"}};
    const char *token = NULL;
    struct model_query query = model_query(NULL, NULL, 0);
    query.datasets = test;
    query.dataset_count = 1;
    assert_string_equal(logged_of(&f, &query, &token), "b a");
    query.filter = "metrics.acc > 0.3";
    assert_string_equal(logged_of(&f, &query, &token), "b");
    query.filter = "name = 'Net'";
    assert_string_equal(logged_of(&f, &query, &token), "");
    query.filter = "max(metrics.acc) < 0.6";
    assert_string_equal(logged_of(&f, &query, &token), "a");
    query.filter = NULL;
    query.datasets = digest;
    query.dataset_count = 2;
    assert_string_equal(logged_of(&f, &query, &token), "a");
    query.datasets = none;
    query.dataset_count = 1;
    assert_string_equal(logged_of(&f, &query, &token), "! `dataset_name` in the `datasets` clause must be specified.");
    query = model_query(NULL, on_test, 1);
    assert_string_equal(logged_of(&f, &query, &token), "b a d c");
    query = model_query(NULL, on_digest, 1);
    assert_string_equal(logged_of(&f, &query, &token), "b a d c");
    close_fixture(&f);
}

TEST(pages_of_logged_models_go_to_the_last_and_no_further)
{
    static const char *const fields[] = {"metrics.acc", "model_type", "source_run_id", "min(metrics.acc)", "name"};
    struct fixture f = open_models();
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        for (int ascending = 0; ascending < 2; ascending++) {
            struct model_search_order by = {.field_name = fields[i], .ascending = ascending != 0};
            struct model_query query = model_query(NULL, &by, 1);
            const char *token = NULL;
            const char *whole = logged_of(&f, &query, &token);
            assert_null(token);
            query.max_results = 1;
            for (size_t n = 0; n < 4; n++) {
                const char *one = logged_of(&f, &query, &token);
                assert_int_equal(one[0], whole[2 * n]);
                assert_true((token == NULL) == (n == 3));
                query.page_token = token;
            }
        }
    }
    close_fixture(&f);
}

TEST(a_deleted_model_and_other_experiments_models_are_not_found)
{
    struct fixture f = open_models();
    const char *token = NULL;
    int64_t other = 1;
    struct model_query query = model_query(NULL, NULL, 0);
    change(&f, "UPDATE logged_models SET deleted_ms = 1 WHERE model_id = 'm-b'");
    assert_string_equal(logged_of(&f, &query, &token), "d c a");
    query.experiments = &other;
    assert_string_equal(logged_of(&f, &query, &token), "");
    query.experiment_count = 0;
    assert_string_equal(logged_of(&f, &query, &token), "");
    query.max_results = 0;
    assert_memory_equal(logged_of(&f, &query, &token), "! Invalid value 0", 17);
    close_fixture(&f);
}

TESTS(RUN(experiments_are_found_as_mlflow_finds_them), RUN(deleted_experiments_have_a_view_of_their_own),
      RUN(experiments_that_an_order_leaves_equal_come_greatest_id_first),
      RUN(pages_of_experiments_go_to_the_last_and_no_further), RUN(registered_models_are_found_as_mlflow_finds_them),
      RUN(model_versions_are_found_as_mlflow_finds_them), RUN(pages_of_the_registry_go_to_the_last_and_no_further),
      RUN(logged_models_are_found_as_mlflow_finds_them),
      RUN(a_metric_of_a_model_is_any_of_its_points_in_a_filter_and_the_newest_in_an_order),
      RUN(points_of_long_series_are_found_too), RUN(datasets_choose_what_counts),
      RUN(pages_of_logged_models_go_to_the_last_and_no_further),
      RUN(a_deleted_model_and_other_experiments_models_are_not_found))
