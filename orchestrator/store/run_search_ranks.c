/* SPDX-License-Identifier: Apache-2.0
 * Marked runs in their order. Of each run the first key alone is read: what else is asked may lie far apart, and is
 * asked of the first ones first.
 */
#include "store/metric_block.h"
#include "store/run_search_internal.h"

#include <stdlib.h>

/* Conditions on metrics, which the number of a run is enough for. */
static void add_metric_conditions(const struct search *search, const struct run_source *source, struct sql *sql)
{
    const struct filter *condition = NULL;
    for (size_t i = 0; (condition = run_search_condition(search->filter, i)) != NULL; i++) {
        if (condition->kind == FILTER_CONDITION && condition->field.entity == ENTITY_METRIC) {
            run_sql_condition(sql, source, condition);
        }
    }
}

/* ---- by any key ------------------------------------------------------------------------------------------ */

/* Where the page begins, by the first key. */
static void add_first_bound(const struct search *search, struct sql *sql)
{
    const struct sql_value *start = &search->rows.start[0];
    bool descending = search->orders[0].descending;
    if (!search->rows.has_start) {
        return;
    }
    if (start->type == SQL_NULL) {
        sql_add(sql, " WHERE k0 IS NULL");
        return;
    }
    sql_printf(sql, " WHERE (k0 %s ", descending ? "<=" : ">=");
    sql_value(sql, *start);
    sql_add(sql, " OR k0 IS NULL)");
}

static int rank_by_key(struct search *search, const struct run_source *marked, size_t most)
{
    const struct search_order *order = &search->orders[0];
    struct run_ranks *ranks = &search->ranks;
    struct sql sql;
    int row = 0;
    sql_init(&sql, search->store, search->arena);
    sql_add(&sql, "SELECT run, k0 FROM (");
    run_sql_ranks(&sql, marked, order);
    if (run_key_needs_run(&order->field)) {
        run_search_add_place(search, &sql);
    }
    add_metric_conditions(search, marked, &sql);
    sql_add(&sql, ")");
    add_first_bound(search, &sql);
    sql_printf(&sql, " ORDER BY k0 %s NULLS LAST", order->descending ? "DESC" : "ASC");
    struct stmt *s = sql_stmt(&sql);
    while (ranks->count < most && (row = stmt_step(s, search->err)) == 1) {
        ranks->runs[ranks->count] = stmt_column_int(s, 0);
        ranks->first[ranks->count++] = sql_column(s, 1, search->arena);
    }
    stmt_done(s);
    sql_clear(&sql);
    return row < 0 ? -1 : 0;
}

/* ---- by a metric of which only numbers are wanted --------------------------------------------------------- */

/* A series of that metric in a marked run. */
struct series {
    int64_t run, target;
    struct metric_rank latest;
    bool is_met; /* what is asked of metrics, if this is the latest of the run */
};

static int compare_latest(const struct series *a, const struct series *b)
{
    int order = metric_rank_compare(&a->latest, &b->latest);
    return order != 0 ? order : (a->target > b->target) - (a->target < b->target);
}

static struct series read_series(struct stmt *s)
{
    return (struct series){
        .run = stmt_column_int(s, 0),
        .target = stmt_column_int(s, 1),
        .latest = {.value = stmt_column_real(s, 2),
                   .is_nan = stmt_column_int(s, 3) != 0,
                   .step = stmt_column_int(s, 4),
                   .time_ms = stmt_column_int(s, 5)},
        .is_met = stmt_column_int(s, 6) != 0,
    };
}

/* Run by run, as the marks are in their index: which series is a run's latest is seen here, since to ask whether there
 * is a later one would be another search of the table for each run. */
static int read_latest(struct search *search, struct sql *sql, struct series *latest, size_t most, size_t *ret_count)
{
    struct stmt *s = sql_stmt(sql);
    size_t count = 0;
    int row = 0;
    while ((row = stmt_step(s, search->err)) == 1) {
        struct series series = read_series(s);
        struct series *last = count > 0 ? &latest[count - 1] : NULL;
        if (last != NULL && last->run == series.run) {
            *last = compare_latest(&series, last) > 0 ? series : *last;
        } else if (count < most) {
            latest[count++] = series;
        }
    }
    stmt_done(s);
    *ret_count = count;
    return row;
}

static int compare_ascending(const void *a, const void *b)
{
    double left = ((const struct series *)a)->latest.value;
    double right = ((const struct series *)b)->latest.value;
    return (left > right) - (left < right);
}

static int compare_descending(const void *a, const void *b)
{
    return compare_ascending(b, a);
}

static void add_verdict(const struct search *search, const struct run_source *number, struct sql *sql)
{
    sql_add(sql, "(m.latest_is_nan = 0");
    add_metric_conditions(search, number, sql);
    if (search->rows.has_start) {
        sql_printf(sql, " AND m.latest_value %s ", search->orders[0].descending ? "<=" : ">=");
        sql_value(sql, search->rows.start[0]);
    }
    sql_add(sql, ")");
}

static int rank_by_number(struct search *search, const struct run_source *marked, size_t most)
{
    struct run_ranks *ranks = &search->ranks;
    const struct search_order *order = &search->orders[0];
    struct run_source number = {.part = RUNS_NUMBER, .key = order->field.key};
    struct series *latest = arena_array(search->arena, most, sizeof *latest);
    size_t count = 0;
    struct sql sql;
    if (run_search_find_key(search, number.key, &number.key_id) < 0) {
        return -1;
    }
    sql_init(&sql, search->store, search->arena);
    sql_add(&sql, "SELECT k.run, m.target, m.latest_value, m.latest_is_nan, m.latest_step, m.latest_ms, ");
    add_verdict(search, &number, &sql);
    sql_add(&sql, " FROM run_marks AS k CROSS JOIN metric_summaries AS m ON m.run = k.run AND m.key = ");
    sql_int(&sql, number.key_id);
    sql_add(&sql, " WHERE k.mark = ");
    sql_int(&sql, marked->mark);
    sql_add(&sql, " ORDER BY k.run");
    int result = read_latest(search, &sql, latest, most, &count);
    sql_clear(&sql);
    if (count > 0) {
        qsort(latest, count, sizeof *latest, order->descending ? compare_descending : compare_ascending);
    }
    for (size_t i = 0; i < count; i++) {
        if (latest[i].is_met) {
            ranks->runs[ranks->count] = latest[i].run;
            ranks->first[ranks->count++] = (struct sql_value){.type = SQL_REAL, .real = latest[i].latest.value};
        }
    }
    return result;
}

int run_search_rank(struct search *search, const struct run_source *marked, int64_t count)
{
    const struct search_field *first = &search->orders[0].field;
    bool by_number = run_search_is_latest(first) && run_search_wants_number(search->filter, first->key);
    search->is_ranked = true;
    search->ranks.runs = arena_array(search->arena, (size_t)count, sizeof *search->ranks.runs);
    search->ranks.first = arena_array(search->arena, (size_t)count, sizeof *search->ranks.first);
    return by_number ? rank_by_number(search, marked, (size_t)count) : rank_by_key(search, marked, (size_t)count);
}
