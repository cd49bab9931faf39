/* SPDX-License-Identifier: Apache-2.0 */
#include "store/evaluation_search.h"

#include "store/reader_sql.h"
#include "store/search_rows.h"

static const struct search_column columns[] = {
    {.name = "name", .sql = "e.name"},
    {.name = "created_by", .sql = "e.created_by", .may_be_null = true},
    {.name = "last_updated_by", .sql = "e.updated_by", .may_be_null = true},
    {.name = "created_time", .sql = "e.created_ms"},
    {.name = "last_update_time", .sql = "e.updated_ms"},
};
static const struct search_shape shape = {
    .columns = columns,
    .column_count = sizeof columns / sizeof columns[0],
    .tag = "(SELECT v.value FROM evaluation_dataset_tags AS v WHERE v.dataset_id = e.dataset_id AND v.key = ",
};

struct search {
    const struct filter *filter;
    struct search_order *orders;
    size_t order_count;
    struct search_rows rows;
};

static int prepare(struct search *search, const struct evaluation_query *query, struct arena *arena, struct err *err)
{
    static const char *const newest[] = {"created_time DESC"};
    bool is_given = query->order_by_count > 0;
    const char *const *order_by = is_given ? query->order_by : newest;
    search->order_count = is_given ? query->order_by_count : 1;
    search->rows.wanted = query->max_results;
    if (search_check_results(query->max_results, EVALUATION_SEARCH_RESULTS_MAX, err) < 0 ||
        filter_parse(SEARCH_EVALUATION, query->filter, arena, &search->filter, err) < 0 ||
        order_parse(SEARCH_EVALUATION, order_by, search->order_count, arena, &search->orders, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < search->order_count; i++) {
        keyset_add(&search->rows.keys, search->orders[i].descending, false);
    }
    keyset_add(&search->rows.keys, true, false); /* the id */
    struct digest_builder *digest = search_digest(SEARCH_EVALUATION, query->filter, order_by, search->order_count);
    for (size_t i = 0; i < query->experiment_count; i++) {
        digest_builder_add(digest, str_from(query->experiments[i]));
    }
    search->rows.query = digest_builder_take(digest);
    return search_rows_start(&search->rows, query->page_token, arena, err);
}

static void add_experiments(struct sql *sql, const struct evaluation_query *query)
{
    struct str *names = arena_array(sql->arena, query->experiment_count, sizeof *names);
    for (size_t i = 0; i < query->experiment_count; i++) {
        names[i] = str_from(query->experiments[i]);
    }
    if (query->experiment_count > 0) {
        sql_add(sql, " AND e.dataset_id IN (SELECT dataset_id FROM evaluation_dataset_experiments WHERE "
                     "experiment_id IN ");
        sql_text_list(sql, names, query->experiment_count);
        sql_add(sql, ")");
    }
}

/* What belongs to several experiments is for those who may read them all, and what belongs to none, or to one that is
 * no number, for admins. */
static void add_reader(struct sql *sql, const struct reader *reader)
{
    static const char mine[] = "(SELECT 1 FROM evaluation_dataset_experiments AS x WHERE x.dataset_id = e.dataset_id";
    if (reader == NULL) {
        return;
    }
    sql_printf(sql, " AND EXISTS %s) AND NOT EXISTS %s AND NOT (x.experiment_id NOT GLOB '*[^0-9]*'", mine, mine);
    sql_reader_experiments(sql, reader, "CAST(x.experiment_id AS INTEGER)");
    sql_add(sql, "))");
}

static int collect(struct search *search, const struct evaluation_query *query, struct store *store,
                   struct arena *arena, struct err *err)
{
    struct sql sql;
    sql_init(&sql, store, arena);
    search_rows_begin(&search->rows, &sql);
    sql_add(&sql, "e.dataset_id AS id, NULL AS id2");
    sql_keys(&sql, &shape, search->orders, search->order_count);
    sql_printf(&sql, ", e.dataset_id AS k%zu FROM evaluation_datasets AS e WHERE 1", search->order_count);
    add_experiments(&sql, query);
    add_reader(&sql, query->reader);
    if (search->filter != NULL) {
        sql_add(&sql, " AND ");
        sql_filter(&sql, &shape, search->filter);
    }
    search_rows_close(&search->rows, &sql);
    int result = search_rows_collect(&search->rows, &sql, arena, err);
    sql_clear(&sql);
    return result;
}

int store_evaluation_search(struct store *store, const struct evaluation_query *query, struct arena *arena,
                            struct evaluation_page *ret, struct err *err)
{
    struct search search = {0};
    if (prepare(&search, query, arena, err) < 0 || collect(&search, query, store, arena, err) < 0) {
        return -1;
    }
    const char *token = search_rows_end(&search.rows, arena);
    struct evaluation_dataset *datasets = arena_array(arena, search.rows.count, sizeof *datasets);
    for (size_t i = 0; i < search.rows.count; i++) {
        if (store_evaluation_get(store, search.rows.items[i].id[0].text.p, arena, &datasets[i], err) < 0) {
            return -1;
        }
    }
    *ret = (struct evaluation_page){.datasets = datasets, .count = search.rows.count, .next_page_token = token};
    return 0;
}
