/* SPDX-License-Identifier: Apache-2.0 */
#include "store/trace_search.h"

#include "store/search_rows.h"

#define TAG_OF "(SELECT v.value FROM trace_tags AS v WHERE v.request_id = t.request_id AND v.key = "
#define METADATA_OF "(SELECT v.value FROM trace_metadata AS v WHERE v.request_id = t.request_id AND v.key = "

static const struct search_column columns[] = {
    {.name = "request_id", .sql = "t.request_id"},
    {.name = "experiment_id", .sql = "t.experiment_id"},
    {.name = "timestamp_ms", .sql = "t.start_ms"},
    {.name = "execution_time_ms", .sql = "t.duration_ms", .may_be_null = true},
    {.name = "end_time_ms", .sql = "(t.start_ms + t.duration_ms)", .may_be_null = true},
    {.name = "status", .sql = "t.status"},
    {.name = "name", .sql = TAG_OF "'mlflow.traceName')", .may_be_null = true},
    {.name = "run_id", .sql = METADATA_OF "'" TRACE_SOURCE_RUN "')", .may_be_null = true},
};
static const struct search_shape shape = {
    .columns = columns,
    .column_count = sizeof columns / sizeof columns[0],
    .param = METADATA_OF,
    .tag = TAG_OF,
};

struct search {
    const struct filter *filter;
    struct search_order orders[KEYSET_MAX];
    struct search_rows rows;
};

static void add_order(struct search *search, const struct search_order *order)
{
    struct keyset *keys = &search->rows.keys;
    const struct search_field *field = &order->field;
    search->orders[keys->count] = *order;
    keyset_add(keys, order->descending,
               field->entity != ENTITY_ATTRIBUTE || search_column_of(&shape, field->attribute)->may_be_null);
}

/* What the order ends with, unless it is in it already. */
static void add_end(struct search *search, const char *name, bool descending)
{
    struct search_order order = {.descending = descending};
    (void)search_field_read(SEARCH_TRACES, str_from(name), true, &order.field, NULL);
    for (size_t i = 0; i < search->rows.keys.count; i++) {
        if (search_field_equal(&search->orders[i].field, &order.field)) {
            return;
        }
    }
    add_order(search, &order);
}

static int read_orders(struct search *search, const struct trace_query *query, struct arena *arena, struct err *err)
{
    struct search_order *given = NULL;
    if (order_parse(SEARCH_TRACES, query->order_by, query->order_by_count, arena, &given, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < query->order_by_count; i++) {
        add_order(search, &given[i]);
    }
    add_end(search, "timestamp_ms", true);
    add_end(search, "request_id", false);
    return 0;
}

static int prepare(struct search *search, const struct trace_query *query, struct arena *arena, struct err *err)
{
    search->rows.wanted = query->max_results;
    if (search_check_results(query->max_results, TRACE_SEARCH_RESULTS_MAX, err) < 0 ||
        filter_parse(SEARCH_TRACES, query->filter, arena, &search->filter, err) < 0 ||
        read_orders(search, query, arena, err) < 0) {
        return -1;
    }
    struct digest_builder *digest =
        search_digest(SEARCH_TRACES, query->filter, query->order_by, query->order_by_count);
    for (size_t i = 0; i < query->experiment_count; i++) {
        search_digest_int(digest, query->experiments[i]);
    }
    search->rows.query = digest_builder_take(digest);
    return search_rows_start(&search->rows, query->page_token, arena, err);
}

static int collect(struct search *search, const struct trace_query *query, struct store *store, struct arena *arena,
                   struct err *err)
{
    struct sql sql;
    sql_init(&sql, store, arena);
    search_rows_begin(&search->rows, &sql);
    sql_add(&sql, "t.request_id AS id, NULL AS id2");
    sql_keys(&sql, &shape, search->orders, search->rows.keys.count);
    sql_add(&sql, " FROM traces AS t WHERE t.experiment_id IN ");
    sql_int_list(&sql, query->experiments, query->experiment_count);
    if (search->filter != NULL) {
        sql_add(&sql, " AND ");
        sql_filter(&sql, &shape, search->filter);
    }
    search_rows_close(&search->rows, &sql);
    int result = search_rows_collect(&search->rows, &sql, arena, err);
    sql_clear(&sql);
    return result;
}

int store_trace_search(struct store *store, const struct trace_query *query, struct arena *arena,
                       struct trace_page *ret, struct err *err)
{
    struct search search = {0};
    if (prepare(&search, query, arena, err) < 0 || collect(&search, query, store, arena, err) < 0) {
        return -1;
    }
    const char *token = search_rows_end(&search.rows, arena);
    struct trace *traces = arena_array(arena, search.rows.count, sizeof *traces);
    for (size_t i = 0; i < search.rows.count; i++) {
        if (store_trace_get(store, search.rows.items[i].id[0].text.p, arena, &traces[i], err) < 0) {
            return -1;
        }
    }
    *ret = (struct trace_page){.traces = traces, .count = search.rows.count, .next_page_token = token};
    return 0;
}
