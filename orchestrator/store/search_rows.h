/* SPDX-License-Identifier: Apache-2.0
 * What every search does: checking what was asked, finding where its page begins, collecting the rows of the page.
 * Inside store/ only.
 */
#ifndef SLUICE_STORE_SEARCH_ROWS_H
#define SLUICE_STORE_SEARCH_ROWS_H

#include "store/search_keyset.h"
#include "store/search_page.h"

/* MLflow's words for a number of results that is none. */
int search_check_results(int64_t max_results, int64_t most, struct err *err);
/* `*view` 0 becomes SEARCH_ACTIVE. */
int search_check_view(enum search_view *view, struct err *err);
/* Begins the digest of a query; the caller adds what is its own, and takes it. */
struct digest_builder *search_digest(enum search_family family, const char *filter, const char *const *order_by,
                                     size_t order_by_count);
void search_digest_int(struct digest_builder *builder, int64_t value);

/* The rows of a page, and one more if there is one. */
struct search_rows {
    int64_t wanted;
    struct keyset keys;
    struct digest query;
    bool has_start;
    struct sql_value start[KEYSET_MAX]; /* the page begins behind this row */
    struct search_row {
        struct sql_value id[2]; /* what finds the row again */
    } *items;
    size_t count;
    size_t room;
    struct sql_value last[KEYSET_MAX]; /* of the last row of the page */
};

/* Reads the token, if there is one: `keys` and `query` are set. */
int search_rows_start(struct search_rows *rows, const char *page_token, struct arena *arena, struct err *err);
/* How many rows are still to be found, the one more included. */
int64_t search_rows_lacking(const struct search_rows *rows);
/* Ends what search_rows_begin has begun: closes the bracket, and adds where the page begins. */
void search_rows_close(const struct search_rows *rows, struct sql *sql);
/* Adds the order and the bound to one such SELECT, or several with UNION ALL between them; runs the statement, and adds
 * what it finds. */
int search_rows_collect(struct search_rows *rows, struct sql *sql, struct arena *arena, struct err *err);
/* Takes the one more off; the token, or NULL when there is none. */
const char *search_rows_end(struct search_rows *rows, struct arena *arena);
/* "SELECT id, id2, k0, k1 FROM (SELECT " */
void search_rows_begin(const struct search_rows *rows, struct sql *sql);

#endif
