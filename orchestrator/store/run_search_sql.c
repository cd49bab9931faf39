/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_search_sql.h"

static const struct search_column columns[] = {
    {.name = "artifact_uri", .sql = "client_uri(r.artifact_uri)"},
    {.name = "end_time", .sql = "r.end_ms", .may_be_null = true},
    {.name = "run_id", .sql = "r.run_id"},
    {.name = "run_name", .sql = "r.name"},
    {.name = "start_time", .sql = "r.start_ms"},
    {.name = "status", .sql = "r.status"},
    {.name = "user_id", .sql = "r.user"},
};

static void special_condition(struct sql *sql, const struct filter *condition, const void *ctx);

/* The id of the run is in `metric_runs AS n` before the run is looked up, if its metrics are what is read. */
static bool reads_metrics(const struct run_source *source)
{
    return source != NULL && (source->part == RUNS_NUMBER || source->part == RUNS_NAN);
}

static struct search_shape shape_of(const struct run_source *source)
{
    bool early = reads_metrics(source);
    return (struct search_shape){
        .columns = columns,
        .column_count = sizeof columns / sizeof columns[0],
        .param = early ? "(SELECT v.value FROM run_params AS v WHERE v.run_id = n.run_id AND v.key = "
                       : "(SELECT v.value FROM run_params AS v WHERE v.run_id = r.run_id AND v.key = ",
        .tag = early ? "(SELECT v.value FROM run_tags AS v WHERE v.run_id = n.run_id AND v.key = "
                     : "(SELECT v.value FROM run_tags AS v WHERE v.run_id = r.run_id AND v.key = ",
        .condition = special_condition,
        .ctx = source,
    };
}

/* ---- metrics -------------------------------------------------------------------------------------------- */

/* The number that the run has there, from what is read before the run itself if that is known. */
static const char *number_of_run(const struct run_source *source)
{
    switch (source->part) {
    case RUNS_NUMBER:
    case RUNS_NAN:
        return "m.run";
    case RUNS_MARKED:
        return "k.run";
    case RUNS_LISTED:
        return "k.value";
    default:
        return "(SELECT n.id FROM metric_runs AS n WHERE n.run_id = r.run_id)";
    }
}

/* The series of a key in a run; a run mostly has one. */
static void series(struct sql *sql, const struct run_source *source, struct str key)
{
    sql_printf(sql,
               " FROM metric_summaries AS s WHERE s.run = %s AND s.key = (SELECT i.id FROM metric_keys AS i WHERE "
               "i.key = ",
               number_of_run(source));
    sql_text(sql, key);
    sql_add(sql, ")");
}

#define IS_LATER(a, b)                                                                                                 \
    "(" a ".latest_step, " a ".latest_ms, " a ".latest_value, -" a ".latest_is_nan, " a ".target) > (" b               \
    ".latest_step, " b ".latest_ms, " b ".latest_value, -" b ".latest_is_nan, " b ".target)"

/* The latest of a run is the greatest of its series: store/metrics.h. No other is asked for where there is one. */
static void latest_of_series(struct sql *sql, const struct run_source *source, struct str key)
{
    series(sql, source, key);
    sql_add(sql, " AND NOT EXISTS (SELECT 1 FROM metric_summaries AS o WHERE o.run = s.run AND o.key = s.key AND "
                 "o.target <> s.target AND " IS_LATER("o", "s") "))");
}

static const char *extreme(enum metric_part part)
{
    return part == METRIC_MIN ? "MIN(" SERIES_MIN ")" : "MAX(" SERIES_MAX ")";
}

static bool is_extreme(const struct search_field *field)
{
    return field->part == METRIC_MIN || field->part == METRIC_MAX;
}

/* Every comparison with NaN is false but "!=". */
static void latest_condition(struct sql *sql, const struct run_source *source, const struct filter *condition)
{
    if (condition->op == FILTER_IS_NULL || condition->op == FILTER_IS_NOT_NULL) {
        sql_printf(sql, "%sEXISTS (SELECT 1", condition->op == FILTER_IS_NULL ? "NOT " : "");
        series(sql, source, condition->field.key);
        sql_add(sql, ")");
        return;
    }
    sql_printf(sql, "(SELECT s.latest_is_nan = %s ", condition->op == FILTER_NE ? "1 OR" : "0 AND");
    sql_comparison(sql, "s.latest_value", condition);
    latest_of_series(sql, source, condition->field.key);
}

static void extreme_condition(struct sql *sql, const struct run_source *source, const struct filter *condition)
{
    sql_add(sql, "(SELECT ");
    sql_comparison(sql, extreme(condition->field.part), condition);
    series(sql, source, condition->field.key);
    sql_add(sql, ")");
}

/* Of the metric that the rows are read by. */
static void known_condition(struct sql *sql, enum run_part part, const struct filter *condition)
{
    if (condition->op == FILTER_IS_NULL || condition->op == FILTER_IS_NOT_NULL) {
        sql_add(sql, (part == RUNS_MISSING) == (condition->op == FILTER_IS_NULL) ? "1" : "0");
    } else if (part == RUNS_NUMBER) {
        sql_comparison(sql, "m.latest_value", condition);
    } else {
        sql_add(sql, part == RUNS_NAN && condition->op == FILTER_NE ? "1" : "0");
    }
}

static bool is_of_source(const struct run_source *source, const struct search_field *field)
{
    bool by_metric = source->part == RUNS_NUMBER || source->part == RUNS_NAN || source->part == RUNS_MISSING;
    return by_metric && field->entity == ENTITY_METRIC && !is_extreme(field) && str_eq(field->key, source->key);
}

/* ---- datasets ------------------------------------------------------------------------------------------- */

/* One of them must meet it; IS NULL: none has such a value. */
static void dataset_condition(struct sql *sql, const struct filter *condition)
{
    const char *column = str_is(condition->field.key, "name")     ? "d.name"
                         : str_is(condition->field.key, "digest") ? "d.digest"
                                                                  : "u.context";
    struct filter some = *condition;
    if (condition->op == FILTER_IS_NULL) {
        some.op = FILTER_IS_NOT_NULL;
        sql_add(sql, "NOT ");
    }
    sql_add(sql, "EXISTS (SELECT 1 FROM run_datasets AS u JOIN datasets AS d ON d.id = u.dataset WHERE u.run_id = "
                 "r.run_id AND ");
    sql_comparison(sql, column, &some);
    sql_add(sql, ")");
}

static void special_condition(struct sql *sql, const struct filter *condition, const void *ctx)
{
    const struct run_source *source = ctx;
    if (condition->field.entity == ENTITY_DATASET) {
        dataset_condition(sql, condition);
    } else if (is_extreme(&condition->field)) {
        extreme_condition(sql, source, condition);
    } else if (is_of_source(source, &condition->field)) {
        known_condition(sql, source->part, condition);
    } else {
        latest_condition(sql, source, condition);
    }
}

/* ---- the parts of a statement --------------------------------------------------------------------------- */

void run_sql_from(struct sql *sql, const struct run_source *source)
{
    if (source->part == RUNS_ANY) {
        sql_add(sql, " FROM runs AS r WHERE 1");
        return;
    }
    if (source->part == RUNS_MARKED) {
        sql_add(sql, " FROM run_marks AS k CROSS JOIN metric_runs AS n ON n.id = k.run CROSS JOIN runs AS r ON "
                     "r.run_id = n.run_id WHERE k.mark = ");
        sql_int(sql, source->mark);
        return;
    }
    if (source->part == RUNS_LISTED) {
        sql_add(sql, " FROM ");
        sql_int_rows(sql, source->runs, source->run_count);
        sql_add(sql, " AS k CROSS JOIN metric_runs AS n ON n.id = k.value CROSS JOIN runs AS r ON r.run_id = n.run_id "
                     "WHERE 1");
        return;
    }
    if (source->part == RUNS_CHILDREN) {
        sql_add(sql, " FROM runs AS r INDEXED BY runs_children WHERE r.parent_run_id = ");
        sql_text(sql, source->parent);
        return;
    }
    if (source->part == RUNS_MISSING) {
        sql_add(sql, " FROM runs AS r WHERE NOT EXISTS (SELECT 1 FROM metric_summaries AS s WHERE s.run = (SELECT n.id "
                     "FROM metric_runs AS n WHERE n.run_id = r.run_id) AND s.key = ");
        sql_int(sql, source->key_id);
        sql_add(sql, ")");
        return;
    }
    sql_add(sql, " FROM metric_summaries AS m CROSS JOIN metric_runs AS n ON n.id = m.run CROSS JOIN runs AS r ON "
                 "r.run_id = n.run_id WHERE m.key = ");
    sql_int(sql, source->key_id);
    sql_printf(sql, " AND m.latest_is_nan = %d AND m.settled = %d", source->part == RUNS_NAN, !source->open);
    for (size_t i = 0; i < source->mark_count; i++) {
        sql_add(sql, " AND EXISTS (SELECT 1 FROM run_marks AS k WHERE k.mark = ");
        sql_int(sql, source->marks[i]);
        sql_add(sql, " AND k.run = m.run)");
    }
}

/* A run with several series of the key counts by its latest. Asked last, of the runs that the filter has left (hence
 * "length(r.run_id)"), and of the row itself read anew: so the index is all that is read of the others. */
static void only_latest(struct sql *sql)
{
    sql_add(sql, " AND NOT EXISTS (SELECT 1 FROM metric_summaries AS w JOIN metric_summaries AS o WHERE "
                 "length(r.run_id) > 0 AND w.run = m.run AND w.key = m.key AND w.target = m.target AND o.run = m.run "
                 "AND o.key = m.key AND o.target <> m.target AND " IS_LATER("o", "w") ")");
}

void run_sql_condition(struct sql *sql, const struct run_source *source, const struct filter *condition)
{
    struct search_shape shape = shape_of(source);
    sql_add(sql, " AND ");
    sql_filter(sql, &shape, condition);
}

void run_sql_filter(struct sql *sql, const struct run_source *source, const struct filter *filter)
{
    if (filter != NULL) {
        run_sql_condition(sql, source, filter);
    }
    if (reads_metrics(source)) {
        only_latest(sql);
    }
}

static void metric_key(struct sql *sql, const struct run_source *source, const struct search_order *order)
{
    const char *nan = sql_nan_place(order->descending);
    if (is_of_source(source, &order->field)) {
        sql_add(sql, source->part == RUNS_NUMBER ? "m.latest_value" : source->part == RUNS_NAN ? nan : "NULL");
    } else if (is_extreme(&order->field)) {
        sql_printf(sql, "(SELECT CASE WHEN COUNT(*) > 0 THEN COALESCE(%s, %s) END", extreme(order->field.part), nan);
        series(sql, source, order->field.key);
        sql_add(sql, ")");
    } else {
        sql_printf(sql, "(SELECT CASE s.latest_is_nan WHEN 0 THEN s.latest_value ELSE %s END", nan);
        latest_of_series(sql, source, order->field.key);
    }
}

void run_sql_key(struct sql *sql, const struct run_source *source, const struct search_order *order)
{
    struct search_shape shape = shape_of(source);
    if (order->field.entity == ENTITY_METRIC) {
        metric_key(sql, source, order);
    } else {
        sql_field(sql, &shape, &order->field);
    }
}

bool run_key_needs_run(const struct search_field *field)
{
    return field->entity != ENTITY_METRIC;
}

void run_sql_ranks(struct sql *sql, const struct run_source *source, const struct search_order *order)
{
    sql_add(sql, "SELECT k.run AS run, ");
    run_sql_key(sql, source, order);
    sql_add(sql, " AS k0");
    if (run_key_needs_run(&order->field)) {
        run_sql_from(sql, source);
    } else {
        sql_add(sql, " FROM run_marks AS k WHERE k.mark = ");
        sql_int(sql, source->mark);
    }
}

bool run_key_may_be_null(const struct search_field *field)
{
    struct search_shape shape = shape_of(NULL);
    return field->entity != ENTITY_ATTRIBUTE || search_column_of(&shape, field->attribute)->may_be_null;
}
