/* SPDX-License-Identifier: Apache-2.0 */
#include "store/model_search.h"

#include "store/run_search.h"
#include "store/search_rows.h"

enum { SHOWN_MAX = 200, DATASETS_MAX = 100 };

static const struct search_column columns[] = {
    {.name = "name", .sql = "l.name"},
    {.name = "model_id", .sql = "l.model_id"},
    {.name = "model_type", .sql = "l.model_type"},
    {.name = "status",
     .sql = "CASE l.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' WHEN 3 THEN 'UPLOAD_FAILED' END"},
    {.name = "status_message", .sql = "NULLIF(l.status_message, '')", .may_be_null = true},
    {.name = "source_run_id", .sql = "l.source_run_id", .may_be_null = true},
    {.name = "experiment_id", .sql = "CAST(l.experiment_id AS TEXT)"},
    {.name = "artifact_location", .sql = "client_uri(l.artifact_uri)"},
    {.name = "lifecycle_stage", .sql = "'active'"},
    {.name = "creation_timestamp", .sql = "l.created_ms"},
    {.name = "last_updated_timestamp", .sql = "l.updated_ms"},
};

struct order {
    struct search_order by;
    const struct model_search_order *given; /* NULL: one that the search ends with */
};

struct search {
    const struct model_query *query;
    const struct filter *filter;
    struct order orders[KEYSET_MAX];
    struct search_rows rows;
    bool has_metric; /* in a condition of the filter */
};

/* ---- metrics -------------------------------------------------------------------------------------------- */

/* Of one of the two, or both. */
static void dataset(struct sql *sql, const char *name, const char *digest)
{
    const char *before = "(";
    if (str_from(name).n > 0) {
        sql_printf(sql, "%st.dataset_name = ", before);
        sql_text(sql, str_from(name));
        before = " AND ";
    }
    if (str_from(digest).n > 0) {
        sql_printf(sql, "%st.dataset_digest = ", before);
        sql_text(sql, str_from(digest));
    }
    sql_add(sql, ")");
}

static void datasets(struct sql *sql, const struct model_query *query)
{
    for (size_t i = 0; i < query->dataset_count; i++) {
        sql_add(sql, i == 0 ? " AND (" : " OR ");
        dataset(sql, query->datasets[i].name, query->datasets[i].digest);
    }
    sql_add(sql, query->dataset_count > 0 ? ")" : "");
}

#define SERIES_OF_MODEL                                                                                                \
    " FROM metric_targets AS t CROSS JOIN metric_summaries AS s ON s.target = t.id AND s.target <> 0 CROSS JOIN "     \
    "metric_runs AS n ON n.id = s.run WHERE t.model_id = l.model_id"

static void series(struct sql *sql, struct str key)
{
    sql_add(sql, SERIES_OF_MODEL " AND s.key = (SELECT i.id FROM metric_keys AS i WHERE i.key = ");
    sql_text(sql, key);
    sql_add(sql, ")");
}

static void compare(struct sql *sql, const char *operand, enum filter_operator op, const struct filter *condition)
{
    struct filter other = *condition;
    other.op = op;
    sql_comparison(sql, operand, &other);
}

/* Of a series `s`: does one of its points meet the condition? */
static void some_point(struct sql *sql, const struct filter *condition)
{
    switch (condition->op) {
    case FILTER_EQ:
        compare(sql, SERIES_MIN, FILTER_LE, condition);
        sql_add(sql, " AND ");
        compare(sql, SERIES_MAX, FILTER_GE, condition);
        sql_add(sql, " AND series_has(s.run, s.key, s.target, ");
        sql_value(sql, (struct sql_value){.type = SQL_REAL, .real = condition->value.real});
        sql_add(sql, ")");
        return;
    case FILTER_NE:
        sql_add(sql, "(" SERIES_MIN " IS NULL OR ");
        compare(sql, SERIES_MIN, FILTER_NE, condition);
        sql_add(sql, " OR ");
        compare(sql, SERIES_MAX, FILTER_NE, condition);
        sql_add(sql, ")");
        return;
    case FILTER_LT:
    case FILTER_LE:
        compare(sql, SERIES_MIN, condition->op, condition);
        return;
    default:
        compare(sql, SERIES_MAX, condition->op, condition);
    }
}

#define NEWEST(what) "series_newest(s.run, s.key, s.target, s.count, '" what "')"
/* The newest point of several series: by time, then step, then the run's id. */
#define BY_NEWEST " ORDER BY " NEWEST("t") " DESC, " NEWEST("s") " DESC, n.run_id LIMIT 1)"

static void part_condition(struct sql *sql, const struct filter *condition, const struct model_query *query)
{
    bool is_last = condition->field.part == METRIC_LAST;
    const char *value = is_last                               ? NEWEST("v")
                        : condition->field.part == METRIC_MIN ? "MIN(" SERIES_MIN ")"
                                                              : "MAX(" SERIES_MAX ")";
    sql_add(sql, "(SELECT ");
    sql_comparison(sql, value, condition);
    series(sql, condition->field.key);
    datasets(sql, query);
    sql_add(sql, is_last ? BY_NEWEST : ")");
}

static void metric_condition(struct sql *sql, const struct filter *condition, const void *ctx)
{
    const struct model_query *query = ctx;
    bool asks_null = condition->op == FILTER_IS_NULL || condition->op == FILTER_IS_NOT_NULL;
    if (condition->field.part != METRIC_PLAIN && (!asks_null || condition->field.part != METRIC_LAST)) {
        part_condition(sql, condition, query);
        return;
    }
    sql_printf(sql, "%sEXISTS (SELECT 1", condition->op == FILTER_IS_NULL ? "NOT " : "");
    series(sql, condition->field.key);
    datasets(sql, query);
    if (!asks_null) {
        sql_add(sql, " AND ");
        some_point(sql, condition);
    }
    sql_add(sql, ")");
}

static struct search_shape shape_of(const struct model_query *query)
{
    return (struct search_shape){
        .columns = columns,
        .column_count = sizeof columns / sizeof columns[0],
        .param = "(SELECT v.value FROM logged_model_params AS v WHERE v.model_id = l.model_id AND v.key = ",
        .tag = "(SELECT v.value FROM logged_model_tags AS v WHERE v.model_id = l.model_id AND v.key = ",
        .condition = metric_condition,
        .ctx = query,
    };
}

/* ---- orders --------------------------------------------------------------------------------------------- */

static bool may_be_null(const struct search_field *field)
{
    struct search_shape shape = shape_of(NULL);
    return field->entity == ENTITY_METRIC || search_column_of(&shape, field->attribute)->may_be_null;
}

static void add_order(struct search *search, const struct search_field *field, bool descending,
                      const struct model_search_order *given)
{
    struct keyset *keys = &search->rows.keys;
    search->orders[keys->count] = (struct order){{*field, descending}, given};
    keyset_add(keys, descending, may_be_null(field));
}

static void add_end(struct search *search, const char *name, bool descending)
{
    struct search_field field;
    (void)search_field_read(SEARCH_LOGGED_MODELS, str_from(name), true, &field, NULL);
    for (size_t i = 0; i < search->rows.keys.count; i++) {
        if (search_field_equal(&search->orders[i].by.field, &field)) {
            return;
        }
    }
    add_order(search, &field, descending, NULL);
}

/* "metrics.KEY", the key as it is; min(...), max(...) and last(...) of that; or an attribute. */
static int read_field(const char *name, struct search_field *ret, struct err *err)
{
    static const struct {
        const char *before;
        enum metric_part part;
    } parts[] = {{"metrics.", METRIC_PLAIN},
                 {"min(metrics.", METRIC_MIN},
                 {"max(metrics.", METRIC_MAX},
                 {"last(metrics.", METRIC_LAST}};
    struct str text = str_trim(str_from(name));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct str before = str_from(parts[i].before);
        bool closes = i == 0 || str_ends(text, STR(")"));
        if (str_starts(text, before) && closes) {
            *ret = (struct search_field){.entity = ENTITY_METRIC,
                                         .part = parts[i].part,
                                         .key = str_slice(text, before.n, text.n - (i == 0 ? 0 : 1))};
            return 0;
        }
    }
    if (str_find_byte(text, '.', 0) >= 0) {
        return err_set(err, ERR_INPUT, "Invalid order by field name: %.*s. Only metrics are supported.",
                       STR_ARG(str_slice(text, 0, SHOWN_MAX)));
    }
    if (search_field_read(SEARCH_LOGGED_MODELS, text, true, ret, NULL) < 0) {
        return err_set(err, ERR_INPUT, "Invalid order by field name: %.*s", STR_ARG(str_slice(text, 0, SHOWN_MAX)));
    }
    return 0;
}

static int read_orders(struct search *search, struct err *err)
{
    const struct model_query *query = search->query;
    if (query->order_by_count > ORDER_CLAUSES_MAX) {
        return err_set(err, ERR_LIMIT, "order_by may have %d items, found %zu", ORDER_CLAUSES_MAX,
                       query->order_by_count);
    }
    for (size_t i = 0; i < query->order_by_count; i++) {
        const struct model_search_order *given = &query->order_by[i];
        struct search_field field;
        if (str_from(given->field_name).n == 0) {
            return err_set(err, ERR_INPUT, "`field_name` in the `order_by` clause must be specified.");
        }
        if (read_field(given->field_name, &field, err) < 0) {
            return -1;
        }
        add_order(search, &field, !given->ascending, given);
    }
    add_end(search, "creation_timestamp", true);
    add_end(search, "model_id", false);
    return 0;
}

static void metric_key(struct sql *sql, const struct order *order)
{
    const struct search_field *field = &order->by.field;
    const char *nan = sql_nan_place(order->by.descending);
    bool is_range = field->part == METRIC_MIN || field->part == METRIC_MAX;
    sql_printf(sql, "(SELECT %sCOALESCE(%s, %s)%s", is_range ? "CASE WHEN COUNT(*) > 0 THEN " : "",
               field->part == METRIC_MIN   ? "MIN(" SERIES_MIN ")"
               : field->part == METRIC_MAX ? "MAX(" SERIES_MAX ")"
                                           : NEWEST("v"),
               nan, is_range ? " END" : "");
    series(sql, field->key);
    if (order->given != NULL &&
        str_from(order->given->dataset_name).n + str_from(order->given->dataset_digest).n > 0) {
        sql_add(sql, " AND ");
        dataset(sql, order->given->dataset_name, order->given->dataset_digest);
    }
    sql_add(sql, is_range ? ")" : BY_NEWEST);
}

static void add_key(struct sql *sql, const struct search_shape *shape, const struct order *order)
{
    if (order->by.field.entity == ENTITY_METRIC) {
        metric_key(sql, order);
    } else if (strcmp(order->by.field.attribute->name, "experiment_id") == 0) {
        sql_add(sql, "l.experiment_id");
    } else {
        sql_field(sql, shape, &order->by.field);
    }
}

/* ---- the search ----------------------------------------------------------------------------------------- */

static bool has_metric(const struct filter *filter)
{
    if (filter == NULL || filter->kind == FILTER_CONDITION) {
        return filter != NULL && filter->field.entity == ENTITY_METRIC;
    }
    for (size_t i = 0; i < filter->count; i++) {
        if (has_metric(filter->parts[i])) {
            return true;
        }
    }
    return false;
}

static int check_datasets(const struct model_query *query, struct err *err)
{
    if (query->dataset_count > DATASETS_MAX) {
        return err_set(err, ERR_LIMIT, "a search may name %d datasets, found %zu", DATASETS_MAX, query->dataset_count);
    }
    for (size_t i = 0; i < query->dataset_count; i++) {
        if (str_from(query->datasets[i].name).n == 0) {
            return err_set(err, ERR_INPUT, "`dataset_name` in the `datasets` clause must be specified.");
        }
    }
    return 0;
}

static struct digest digest_of(const struct model_query *query)
{
    struct digest_builder *builder = search_digest(SEARCH_LOGGED_MODELS, query->filter, NULL, 0);
    for (size_t i = 0; i < query->order_by_count; i++) {
        const struct model_search_order *order = &query->order_by[i];
        digest_builder_add(builder, str_from(order->field_name));
        digest_builder_add(builder, str_from(order->dataset_name));
        digest_builder_add(builder, str_from(order->dataset_digest));
        search_digest_int(builder, order->ascending);
    }
    search_digest_int(builder, (int64_t)query->dataset_count);
    for (size_t i = 0; i < query->dataset_count; i++) {
        digest_builder_add(builder, str_from(query->datasets[i].name));
        digest_builder_add(builder, str_from(query->datasets[i].digest));
    }
    for (size_t i = 0; i < query->experiment_count; i++) {
        search_digest_int(builder, query->experiments[i]);
    }
    return digest_builder_take(builder);
}

/* Of these MLflow's words have the token in them. */
static int start(struct search *search, struct arena *arena, struct err *err)
{
    struct err why = {0};
    const char *token = search->query->page_token;
    return search_rows_start(&search->rows, token, arena, &why) == 0
               ? 0
               : err_set(err, why.code, "Invalid page token: %.100s. It is of another search, or none that a page gave",
                         token);
}

static int prepare(struct search *search, struct arena *arena, struct err *err)
{
    const struct model_query *query = search->query;
    search->rows.wanted = query->max_results;
    if (search_check_results(query->max_results, RUN_SEARCH_RESULTS_MAX, err) < 0 || check_datasets(query, err) < 0 ||
        filter_parse(SEARCH_LOGGED_MODELS, query->filter, arena, &search->filter, err) < 0 ||
        read_orders(search, err) < 0) {
        return -1;
    }
    search->has_metric = has_metric(search->filter);
    search->rows.query = digest_of(query);
    return start(search, arena, err);
}

static int collect(struct search *search, struct store *store, struct arena *arena, struct err *err)
{
    struct search_shape shape = shape_of(search->query);
    struct sql sql;
    sql_init(&sql, store, arena);
    search_rows_begin(&search->rows, &sql);
    sql_add(&sql, "l.model_id AS id, NULL AS id2");
    for (size_t i = 0; i < search->rows.keys.count; i++) {
        sql_add(&sql, ", ");
        add_key(&sql, &shape, &search->orders[i]);
        sql_printf(&sql, " AS k%zu", i);
    }
    sql_add(&sql, " FROM logged_models AS l WHERE l.deleted_ms IS NULL AND l.experiment_id IN ");
    sql_int_list(&sql, search->query->experiments, search->query->experiment_count);
    if (search->query->dataset_count > 0 && !search->has_metric) {
        sql_add(&sql, " AND EXISTS (SELECT 1" SERIES_OF_MODEL);
        datasets(&sql, search->query);
        sql_add(&sql, ")");
    }
    if (search->filter != NULL) {
        sql_add(&sql, " AND ");
        sql_filter(&sql, &shape, search->filter);
    }
    search_rows_close(&search->rows, &sql);
    int result = search_rows_collect(&search->rows, &sql, arena, err);
    sql_clear(&sql);
    return result;
}

int store_model_search(struct store *store, const struct model_query *query, struct arena *arena,
                       struct model_page *ret, struct err *err)
{
    struct search search = {.query = query};
    if (prepare(&search, arena, err) < 0 || collect(&search, store, arena, err) < 0) {
        return -1;
    }
    const char *token = search_rows_end(&search.rows, arena);
    struct logged_model *models = arena_array(arena, search.rows.count, sizeof *models);
    for (size_t i = 0; i < search.rows.count; i++) {
        if (store_model_get(store, search.rows.items[i].id[0].text.p, arena, &models[i], err) < 0) {
            return -1;
        }
    }
    *ret = (struct model_page){.models = models, .count = search.rows.count, .next_page_token = token};
    return 0;
}
