/* SPDX-License-Identifier: Apache-2.0
 * The order of a search, and the place of a row in it: what pages begin behind, and what their tokens hold. Inside
 * store/ only.
 *
 * The statement gives each key of the order a name, k0, k1, ...; the last ones together are different in each row.
 */
#ifndef SLUICE_STORE_SEARCH_KEYSET_H
#define SLUICE_STORE_SEARCH_KEYSET_H

#include "digest/digest.h"
#include "store/search_sql.h"

enum { KEYSET_MAX = ORDER_CLAUSES_MAX + 3 };

struct keyset {
    struct {
        bool descending;
        bool may_be_null; /* NULL comes last, whichever way it goes */
    } keys[KEYSET_MAX];
    size_t count;
};

void keyset_add(struct keyset *keys, bool descending, bool may_be_null);
/* "k0 > ? OR (k0 = ? AND ...)": behind the row with these values. */
void keyset_after(struct sql *sql, const struct keyset *keys, const struct sql_value *values);
/* " ORDER BY k0, k1 DESC" */
void keyset_order(struct sql *sql, const struct keyset *keys);
/* Are these the keys' values of a row from column `from` on? They are read into `ret`. */
void keyset_read(struct stmt *s, int from, const struct keyset *keys, struct arena *arena, struct sql_value *ret);

/* ---- tokens --------------------------------------------------------------------------------------------- */

/* `query` is a digest of all that was asked but the number of results. */
const char *keyset_token(const struct digest *query, const struct keyset *keys, const struct sql_value *values,
                         struct arena *arena);
/* ERR_INPUT for a token that is none, or of another query. */
int keyset_token_read(const char *token, const struct digest *query, const struct keyset *keys, struct arena *arena,
                      struct sql_value *ret, struct err *err);

#endif
