/* SPDX-License-Identifier: Apache-2.0 */
#include "store/experiment_search.h"

#include "store/reader_sql.h"
#include "store/search_rows.h"

static const struct search_column columns[] = {
    {.name = "name", .sql = "e.name"},
    {.name = "experiment_id", .sql = "e.id", .is_integer = true},
    {.name = "creation_time", .sql = "e.created_ms"},
    {.name = "last_update_time", .sql = "e.updated_ms"},
};
static const struct search_shape shape = {
    .columns = columns,
    .column_count = sizeof columns / sizeof columns[0],
    .tag = "(SELECT v.value FROM experiment_tags AS v WHERE v.experiment_id = e.id AND v.key = ",
};

struct search {
    const struct filter *filter;
    enum search_view view;
    const struct reader *reader;
    struct search_order *orders;
    size_t order_count;
    struct search_rows rows;
};

static int prepare(struct search *search, const struct experiment_query *query, struct arena *arena, struct err *err)
{
    static const char *const newest[] = {"creation_time DESC", "experiment_id ASC"};
    bool is_given = query->order_by_count > 0;
    const char *const *order_by = is_given ? query->order_by : newest;
    search->order_count = is_given ? query->order_by_count : 2;
    search->view = query->view;
    search->reader = query->reader;
    search->rows.wanted = query->max_results;
    if (search_check_results(query->max_results, EXPERIMENT_SEARCH_RESULTS_MAX, err) < 0 ||
        search_check_view(&search->view, err) < 0 ||
        filter_parse(SEARCH_EXPERIMENTS, query->filter, arena, &search->filter, err) < 0 ||
        order_parse(SEARCH_EXPERIMENTS, order_by, search->order_count, arena, &search->orders, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < search->order_count; i++) {
        keyset_add(&search->rows.keys, search->orders[i].descending, false);
    }
    keyset_add(&search->rows.keys, true, false); /* the id */
    struct digest_builder *digest = search_digest(SEARCH_EXPERIMENTS, query->filter, order_by, search->order_count);
    search_digest_int(digest, (int64_t)search->view);
    search->rows.query = digest_builder_take(digest);
    return search_rows_start(&search->rows, query->page_token, arena, err);
}

static int collect(struct search *search, struct store *store, struct arena *arena, struct err *err)
{
    struct sql sql;
    sql_init(&sql, store, arena);
    search_rows_begin(&search->rows, &sql);
    sql_add(&sql, "e.id AS id, NULL AS id2");
    sql_keys(&sql, &shape, search->orders, search->order_count);
    sql_printf(&sql, ", e.id AS k%zu FROM experiments AS e WHERE ", search->order_count);
    sql_add(&sql, search->view == SEARCH_ALL      ? "1"
                  : search->view == SEARCH_ACTIVE ? "e.deleted_ms IS NULL"
                                                  : "e.deleted_ms IS NOT NULL");
    if (search->filter != NULL) {
        sql_add(&sql, " AND ");
        sql_filter(&sql, &shape, search->filter);
    }
    sql_reader_experiments(&sql, search->reader, "e.id");
    search_rows_close(&search->rows, &sql);
    int result = search_rows_collect(&search->rows, &sql, arena, err);
    sql_clear(&sql);
    return result;
}

/* 1 found, 0 gone, -1. */
static int read_experiment(struct store *store, int64_t id, struct arena *arena, struct experiment *ret,
                           struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT name, artifact_location, deleted_ms IS NOT NULL, created_ms, updated_ms "
                                     "FROM experiments WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct experiment){
            .id = id,
            .name = stmt_column_text(s, 0, arena),
            .artifact_location = stmt_column_text(s, 1, arena),
            .deleted = stmt_column_int(s, 2) != 0,
            .created_ms = stmt_column_int(s, 3),
            .updated_ms = stmt_column_int(s, 4),
        };
    }
    stmt_done(s);
    return row;
}

int store_experiment_search(struct store *store, const struct experiment_query *query, struct arena *arena,
                            struct experiment_page *ret, struct err *err)
{
    struct search search = {0};
    if (prepare(&search, query, arena, err) < 0 || collect(&search, store, arena, err) < 0) {
        return -1;
    }
    const char *token = search_rows_end(&search.rows, arena);
    struct experiment *items = arena_array(arena, search.rows.count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < search.rows.count; i++) {
        int found = read_experiment(store, search.rows.items[i].id[0].integer, arena, &items[count], err);
        if (found < 0) {
            return -1;
        }
        count += (size_t)found;
    }
    *ret = (struct experiment_page){.experiments = items, .count = count, .next_page_token = token};
    return 0;
}
