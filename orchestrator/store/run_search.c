/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_search.h"

#include "store/run_search_internal.h"

#include <stdlib.h>

/* ---- what was asked ------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void take_experiments(struct search *search)
{
    const struct run_query *query = search->query;
    size_t count = 0;
    search->experiments = arena_array(search->arena, query->experiment_count, sizeof(int64_t));
    for (size_t i = 0; i < query->experiment_count; i++) {
        search->experiments[i] = query->experiments[i];
    }
    if (query->experiment_count > 0) {
        qsort(search->experiments, query->experiment_count, sizeof(int64_t), compare_ids);
    }
    for (size_t i = 0; i < query->experiment_count; i++) {
        if (count == 0 || search->experiments[count - 1] != search->experiments[i]) {
            search->experiments[count++] = search->experiments[i];
        }
    }
    search->experiment_count = count;
}

/* Which of them are deleted: their runs are, too. */
static int find_deleted(struct search *search)
{
    struct sql sql;
    int row = 0;
    sql_init(&sql, search->store, search->arena);
    sql_add(&sql, "SELECT id FROM experiments WHERE deleted_ms IS NOT NULL AND id IN ");
    sql_int_list(&sql, search->experiments, search->experiment_count);
    struct stmt *s = sql_stmt(&sql);
    search->deleted = arena_array(search->arena, search->experiment_count, sizeof(int64_t));
    while ((row = stmt_step(s, search->err)) == 1) {
        search->deleted[search->deleted_count++] = stmt_column_int(s, 0);
    }
    stmt_done(s);
    sql_clear(&sql);
    return row;
}

static void add_order(struct search *search, struct search_order order)
{
    struct keyset *keys = &search->rows.keys;
    search->orders[keys->count] = order;
    keyset_add(keys, order.descending, run_key_may_be_null(&order.field));
}

static void add_attribute(struct search *search, const char *name, bool descending)
{
    struct search_order order = {.descending = descending};
    (void)search_field_read(SEARCH_RUNS, str_from(name), true, &order.field, NULL);
    for (size_t i = 0; i < search->rows.keys.count; i++) {
        if (search_field_equal(&search->orders[i].field, &order.field)) {
            return;
        }
    }
    add_order(search, order);
}

static int read_orders(struct search *search)
{
    const struct run_query *query = search->query;
    struct search_order *given = NULL;
    if (order_parse(SEARCH_RUNS, query->order_by, query->order_by_count, search->arena, &given, search->err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < query->order_by_count; i++) {
        add_order(search, given[i]);
    }
    add_attribute(search, "start_time", true);
    add_attribute(search, "run_id", false);
    return 0;
}

static struct digest digest_of(const struct search *search)
{
    const struct run_query *query = search->query;
    struct digest_builder *builder = search_digest(SEARCH_RUNS, query->filter, query->order_by, query->order_by_count);
    search_digest_int(builder, (int64_t)search->view);
    for (size_t i = 0; i < search->experiment_count; i++) {
        search_digest_int(builder, search->experiments[i]);
    }
    return digest_builder_take(builder);
}

static int prepare(struct search *search)
{
    const struct run_query *query = search->query;
    search->view = query->view;
    search->rows.wanted = query->max_results;
    if (search_check_results(query->max_results, RUN_SEARCH_RESULTS_MAX, search->err) < 0 ||
        search_check_view(&search->view, search->err) < 0 ||
        filter_parse(SEARCH_RUNS, query->filter, search->arena, &search->filter, search->err) < 0 ||
        read_orders(search) < 0) {
        return -1;
    }
    take_experiments(search);
    search->rows.query = digest_of(search);
    return search_rows_start(&search->rows, query->page_token, search->arena, search->err) < 0 ? -1
                                                                                               : find_deleted(search);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* Of one experiment an index has the runs in their order; of several another has, which is not to be passed over. */
static void add_experiments(const struct search *search, struct sql *sql)
{
    if (search->experiment_count == 1) {
        sql_add(sql, " AND r.experiment_id = ");
        sql_int(sql, search->experiments[0]);
    } else {
        sql_add(sql, " AND +r.experiment_id IN ");
        sql_int_list(sql, search->experiments, search->experiment_count);
    }
}

static void add_view(const struct search *search, struct sql *sql)
{
    if (search->view == SEARCH_ALL) {
        return;
    }
    bool active = search->view == SEARCH_ACTIVE;
    sql_printf(sql, " AND (r.deleted_ms IS %sNULL", active ? "" : "NOT ");
    if (search->deleted_count > 0) {
        sql_printf(sql, " %s r.experiment_id %sIN ", active ? "AND" : "OR", active ? "NOT " : "");
        sql_int_list(sql, search->deleted, search->deleted_count);
    }
    sql_add(sql, ")");
}

void run_search_add_place(const struct search *search, struct sql *sql)
{
    add_experiments(search, sql);
    add_view(search, sql);
}

/* Where the page begins, said so that the index of the metric finds it. */
static void add_beginning(const struct search *search, const struct run_source *source, struct sql *sql)
{
    if (source->part == RUNS_NUMBER && search->rows.has_start && run_search_is_latest(&search->orders[0].field)) {
        sql_printf(sql, " AND m.latest_value %s ", search->orders[0].descending ? "<=" : ">=");
        sql_value(sql, search->rows.start[0]);
    }
}

static void add_select(const struct search *search, const struct run_source *source, struct sql *sql)
{
    search_rows_begin(&search->rows, sql);
    sql_add(sql, "r.run_id AS id, NULL AS id2");
    for (size_t i = 0; i < search->rows.keys.count; i++) {
        sql_add(sql, ", ");
        run_sql_key(sql, source, &search->orders[i]);
        sql_printf(sql, " AS k%zu", i);
    }
    run_sql_from(sql, source);
    run_search_add_place(search, sql);
    add_beginning(search, source, sql);
    run_sql_filter(sql, source, search->filter);
    search_rows_close(&search->rows, sql);
}

static int read_source(struct search *search, const struct run_source *source)
{
    struct sql sql;
    struct run_source open = *source;
    sql_init(&sql, search->store, search->arena);
    add_select(search, source, &sql);
    if (source->part == RUNS_NUMBER || source->part == RUNS_NAN) {
        open.open = true;
        sql_add(&sql, " UNION ALL ");
        add_select(search, &open, &sql);
    }
    int result = search_rows_collect(&search->rows, &sql, search->arena, search->err);
    sql_clear(&sql);
    return result;
}

static bool is_equal(const struct sql_value *a, const struct sql_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case SQL_INT:
        return a->integer == b->integer;
    case SQL_REAL:
        return !(a->real < b->real) && !(a->real > b->real);
    case SQL_TEXT:
        return str_eq(a->text, b->text);
    default:
        return true;
    }
}

/* Those that stand first, until the page is full: mostly as many as are wanted. What is equal in the first key is read
 * together, since the other keys say which of them come first. */
static int read_ranks(struct search *search)
{
    const struct run_ranks *ranks = &search->ranks;
    size_t wanted = (size_t)search_rows_lacking(&search->rows);
    for (size_t from = 0; from < ranks->count && search_rows_lacking(&search->rows) > 0; wanted *= 2) {
        size_t to = ranks->count - from < wanted ? ranks->count : from + wanted;
        while (to < ranks->count && is_equal(&ranks->first[to - 1], &ranks->first[to])) {
            to++;
        }
        struct run_source source = {.part = RUNS_LISTED, .runs = ranks->runs + from, .run_count = to - from};
        if (read_source(search, &source) < 0) {
            return -1;
        }
        from = to;
    }
    return 0;
}

static struct run_page page_of(struct search *search)
{
    struct search_rows *rows = &search->rows;
    const char *token = search_rows_end(rows, search->arena);
    const char **ids = arena_array(search->arena, rows->count, sizeof *ids);
    for (size_t i = 0; i < rows->count; i++) {
        ids[i] = rows->items[i].id[0].text.p;
    }
    return (struct run_page){.run_ids = ids, .count = rows->count, .next_page_token = token};
}

int store_run_search(struct store *store, const struct run_query *query, struct arena *arena, struct run_page *ret,
                     struct err *err)
{
    struct search search = {.store = store, .arena = arena, .err = err, .query = query};
    if (prepare(&search) < 0 || run_search_choose(&search) < 0) {
        return -1;
    }
    if (search.is_ranked && search.experiment_count > 0 && read_ranks(&search) < 0) {
        return -1;
    }
    for (size_t i = 0; i < search.source_count && search_rows_lacking(&search.rows) > 0; i++) {
        if (search.experiment_count > 0 && read_source(&search, &search.sources[i]) < 0) {
            return -1;
        }
    }
    *ret = page_of(&search);
    return 0;
}

int store_run_search_settle(struct store *store, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE metric_summaries SET settled = 1 WHERE settled = 0 AND run IN (SELECT "
                                     "n.id FROM metric_runs AS n JOIN runs AS r ON r.run_id = n.run_id WHERE r.status "
                                     "IN ('FINISHED', 'FAILED', 'KILLED'))");
    return stmt_run(s, err) < 0 ? -1 : 0;
}
