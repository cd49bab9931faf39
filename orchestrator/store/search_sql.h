/* SPDX-License-Identifier: Apache-2.0
 * From filters and orders to SQL: a text with marks, and the values for the marks. No value of a user stands in the
 * text. Inside store/ only.
 */
#ifndef SLUICE_STORE_SEARCH_SQL_H
#define SLUICE_STORE_SEARCH_SQL_H

#include "base/json.h"
#include "base/strbuf.h"
#include "search/filter.h"
#include "search/order.h"
#include "store/stmt.h"

/* The least and the greatest number of a series, a row `s` of metric_summaries. */
#define SERIES_RANGE(side)                                                                                             \
    "CASE WHEN s.count > 1 THEN s." side "_value WHEN s.latest_is_nan = 0 THEN s.latest_value END"
#define SERIES_MIN SERIES_RANGE("min")
#define SERIES_MAX SERIES_RANGE("max")

/* ---- a statement in the making -------------------------------------------------------------------------- */

struct sql_value {
    enum { SQL_NULL, SQL_INT, SQL_REAL, SQL_TEXT } type;
    int64_t integer;
    double real;
    struct str text;
};

struct sql {
    struct strbuf text;
    struct sql_value *values; /* one for each mark of the text, in order */
    size_t count;
    size_t room;
    struct store *store;
    struct arena *arena; /* the values' */
};

void sql_init(struct sql *sql, struct store *store, struct arena *arena);
void sql_clear(struct sql *sql);
void sql_add(struct sql *sql, const char *text);
void sql_printf(struct sql *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Each adds a mark and its value. */
void sql_int(struct sql *sql, int64_t value);
void sql_text(struct sql *sql, struct str value); /* borrowed until the statement has run */
void sql_value(struct sql *sql, struct sql_value value);
/* "json_each(?)", whose column `value` has the numbers, in their order. */
void sql_int_rows(struct sql *sql, const int64_t *items, size_t count);
/* "(SELECT value FROM json_each(?))" of the numbers, or of the texts. */
void sql_int_list(struct sql *sql, const int64_t *items, size_t count);
void sql_text_list(struct sql *sql, const struct str *items, size_t count);
/* The statement, with its values bound. As stmt_get, it never fails. */
struct stmt *sql_stmt(const struct sql *sql);
/* A column of a row, as it is stored; its text is copied. */
struct sql_value sql_column(struct stmt *s, int column, struct arena *arena);

/* ---- filters -------------------------------------------------------------------------------------------- */

struct search_column {
    const char *name; /* of the attribute (search/family.h) */
    const char *sql;
    bool may_be_null;
    bool is_integer;      /* of an attribute that is text to MLflow: compared as a number */
    const char *null_sql; /* what is asked whether it IS NULL, where that is not `sql`; else NULL */
};

/* How a family of records lies in the tables. */
struct search_shape {
    const struct search_column *columns;
    size_t column_count;
    /* Around the mark of the key: "(SELECT v.value FROM run_tags AS v WHERE v.run_id = r.run_id AND v.key = " and
     * ")". */
    const char *param;
    const char *tag;
    /* Conditions on metrics and datasets, which have more than one value; NULL: there are none. */
    void (*condition)(struct sql *sql, const struct filter *condition, const void *ctx);
    const void *ctx;
    /* Conditions on this tag are dropped; NULL: none. */
    const char *dropped_tag;
};

/* An expression that is true or not (NULL counts as not). */
void sql_filter(struct sql *sql, const struct search_shape *shape, const struct filter *filter);
/* The one value of an attribute, param or tag. */
void sql_field(struct sql *sql, const struct search_shape *shape, const struct search_field *field);
/* ", VALUE AS k0, VALUE AS k1": what an order goes by, as search_rows has it. */
void sql_keys(struct sql *sql, const struct search_shape *shape, const struct search_order *orders, size_t count);
const struct search_column *search_column_of(const struct search_shape *shape,
                                             const struct search_attribute *attribute);
/* `operand` OP value, for those that have two sides: what the condition says of an expression. */
void sql_comparison(struct sql *sql, const char *operand, const struct filter *condition);
/* Where NaN stands in an order: behind all numbers, which are never infinite themselves (store/metrics.h). */
const char *sql_nan_place(bool descending);

#endif
