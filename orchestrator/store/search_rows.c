/* SPDX-License-Identifier: Apache-2.0 */
#include "store/search_rows.h"

#include <stdio.h>

/* ---- what was asked ------------------------------------------------------------------------------------- */

int search_check_results(int64_t max_results, int64_t most, struct err *err)
{
    if (max_results < 1) {
        return err_set(err, ERR_INPUT,
                       "Invalid value %lld for parameter 'max_results' supplied. It must be a positive integer",
                       (long long)max_results);
    }
    if (max_results > most) {
        return err_set(err, ERR_INPUT,
                       "Invalid value %lld for parameter 'max_results' supplied. It must be at most %lld",
                       (long long)max_results, (long long)most);
    }
    return 0;
}

int search_check_view(enum search_view *view, struct err *err)
{
    if ((int)*view == 0) {
        *view = SEARCH_ACTIVE;
    }
    return *view == SEARCH_ACTIVE || *view == SEARCH_DELETED || *view == SEARCH_ALL
               ? 0
               : err_set(err, ERR_INPUT, "expected a view of 1 (active only), 2 (deleted only) or 3 (all), found %d",
                         (int)*view);
}

void search_digest_int(struct digest_builder *builder, int64_t value)
{
    char room[32];
    (void)snprintf(room, sizeof room, "%lld", (long long)value);
    digest_builder_add(builder, str_from(room));
}

struct digest_builder *search_digest(enum search_family family, const char *filter, const char *const *order_by,
                                     size_t order_by_count)
{
    struct digest_builder *builder = digest_builder_new();
    search_digest_int(builder, (int64_t)family);
    digest_builder_add(builder, str_from(filter));
    search_digest_int(builder, (int64_t)order_by_count);
    for (size_t i = 0; i < order_by_count; i++) {
        digest_builder_add(builder, str_from(order_by[i]));
    }
    return builder;
}

/* ---- the page ------------------------------------------------------------------------------------------- */

int search_rows_start(struct search_rows *rows, const char *page_token, struct arena *arena, struct err *err)
{
    rows->has_start = page_token != NULL && *page_token != '\0';
    return rows->has_start ? keyset_token_read(page_token, &rows->query, &rows->keys, arena, rows->start, err) : 0;
}

int64_t search_rows_lacking(const struct search_rows *rows)
{
    return rows->wanted + 1 - (int64_t)rows->count;
}

void search_rows_begin(const struct search_rows *rows, struct sql *sql)
{
    sql_add(sql, "SELECT id, id2");
    for (size_t i = 0; i < rows->keys.count; i++) {
        sql_printf(sql, ", k%zu", i);
    }
    sql_add(sql, " FROM (SELECT ");
}

void search_rows_close(const struct search_rows *rows, struct sql *sql)
{
    sql_add(sql, ")");
    if (rows->has_start) {
        sql_add(sql, " WHERE ");
        keyset_after(sql, &rows->keys, rows->start);
    }
}

int search_rows_collect(struct search_rows *rows, struct sql *sql, struct arena *arena, struct err *err)
{
    int row = 0;
    keyset_order(sql, &rows->keys);
    sql_add(sql, " LIMIT ");
    sql_int(sql, search_rows_lacking(rows));
    struct stmt *s = sql_stmt(sql);
    while ((row = stmt_step(s, err)) == 1) {
        rows->items = arena_grow(arena, rows->items, rows->count, &rows->room, sizeof *rows->items);
        struct search_row *item = &rows->items[rows->count++];
        item->id[0] = sql_column(s, 0, arena);
        item->id[1] = sql_column(s, 1, arena);
        if ((int64_t)rows->count == rows->wanted) {
            keyset_read(s, 2, &rows->keys, arena, rows->last);
        }
    }
    stmt_done(s);
    return row;
}

const char *search_rows_end(struct search_rows *rows, struct arena *arena)
{
    if ((int64_t)rows->count <= rows->wanted) {
        return NULL;
    }
    rows->count = (size_t)rows->wanted;
    return keyset_token(&rows->query, &rows->keys, rows->last, arena);
}
