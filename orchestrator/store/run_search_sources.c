/* SPDX-License-Identifier: Apache-2.0
 * From which rows a search of runs is read: those that are fewest, or that stand in the order already.
 */
#include "store/run_marks.h"
#include "store/run_search_internal.h"

#include <math.h>

enum {
    FEW_ROWS = 2000, /* of a metric: read and sorted, when it is in the filter and not the order */
    FEW_RUNS = 5000, /* of the experiments: read and sorted, when most rows of a metric are of others */
    MOST_ROWS = 4,   /* for each of these runs */
    WALK_ROWS = 2,   /* of a metric passed over in the time that the place of one run takes, with a margin */
    MOST_MARKS = 4,  /* asked of each row */
};

/* ---- what rows are read from ---------------------------------------------------------------------------- */

int run_search_find_key(struct search *search, struct str key, int64_t *ret_id)
{
    struct stmt *s = stmt_get(search->store, "SELECT id FROM metric_keys WHERE key = :key");
    stmt_str(s, ":key", key);
    int row = stmt_step(s, search->err);
    *ret_id = row == 1 ? stmt_column_int(s, 0) : -1;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

bool run_search_is_latest(const struct search_field *field)
{
    return field->entity == ENTITY_METRIC && (field->part == METRIC_PLAIN || field->part == METRIC_LAST);
}

const struct filter *run_search_condition(const struct filter *filter, size_t at)
{
    if (filter == NULL || filter->kind != FILTER_ALL) {
        return at == 0 ? filter : NULL;
    }
    return at < filter->count ? filter->parts[at] : NULL;
}

/* Only a number can meet it. */
static bool wants_number(const struct filter *condition)
{
    return condition->kind == FILTER_CONDITION && run_search_is_latest(&condition->field) &&
           condition->op != FILTER_NE && condition->op != FILTER_IS_NULL && condition->op != FILTER_IS_NOT_NULL;
}

bool run_search_wants_number(const struct filter *filter, struct str key)
{
    const struct filter *condition = NULL;
    for (size_t i = 0; (condition = run_search_condition(filter, i)) != NULL; i++) {
        if (wants_number(condition) && str_eq(condition->field.key, key)) {
            return true;
        }
    }
    return false;
}

/* The number that "SELECT COUNT(*) FROM (SELECT 1 ..." finds, counted up to `limit`; ends the statement. */
static int count_up_to(struct search *search, struct sql *sql, int64_t limit, int64_t *ret)
{
    sql_add(sql, " LIMIT ");
    sql_int(sql, limit);
    sql_add(sql, ")");
    struct stmt *s = sql_stmt(sql);
    int row = stmt_step(s, search->err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    sql_clear(sql);
    return row < 0 ? -1 : 0;
}

static void add_rows(struct sql *sql, const struct filter *condition, int64_t key_id, bool settled)
{
    sql_add(sql, "SELECT 1 FROM metric_summaries AS m WHERE m.key = ");
    sql_int(sql, key_id);
    sql_printf(sql, " AND m.settled = %d", settled);
    if (condition != NULL) {
        sql_add(sql, " AND m.latest_is_nan = 0 AND ");
        sql_comparison(sql, "m.latest_value", condition);
    }
}

/* Rows of a metric that are numbers and meet a condition (NULL: all rows). */
static int count_rows(struct search *search, const struct filter *condition, int64_t key_id, int64_t limit,
                      int64_t *ret)
{
    struct sql sql;
    sql_init(&sql, search->store, search->arena);
    sql_add(&sql, "SELECT COUNT(*) FROM (");
    add_rows(&sql, condition, key_id, true);
    sql_add(&sql, " UNION ALL ");
    add_rows(&sql, condition, key_id, false);
    return count_up_to(search, &sql, limit, ret);
}

static int count_runs(struct search *search, int64_t limit, int64_t *ret)
{
    struct sql sql;
    sql_init(&sql, search->store, search->arena);
    sql_add(&sql, "SELECT COUNT(*) FROM (SELECT 1 FROM runs AS r WHERE r.experiment_id IN ");
    sql_int_list(&sql, search->experiments, search->experiment_count);
    return count_up_to(search, &sql, limit, ret);
}

static int count_marked(struct search *search, int64_t mark, int64_t limit, int64_t *ret)
{
    struct sql sql;
    sql_init(&sql, search->store, search->arena);
    sql_add(&sql, "SELECT COUNT(*) FROM (SELECT 1 FROM run_marks AS k WHERE k.mark = ");
    sql_int(&sql, mark);
    return count_up_to(search, &sql, limit, ret);
}

static int count_children(struct search *search, struct str parent, int64_t limit, int64_t *ret)
{
    struct sql sql;
    sql_init(&sql, search->store, search->arena);
    sql_add(&sql, "SELECT COUNT(*) FROM (SELECT 1 FROM runs AS r WHERE r.parent_run_id = ");
    sql_text(&sql, parent);
    return count_up_to(search, &sql, limit, ret);
}

/* A param or tag that is to have one value. */
static bool wants_value(const struct filter *condition)
{
    enum search_entity entity = condition->field.entity;
    return condition->kind == FILTER_CONDITION && condition->op == FILTER_EQ && condition->value.type == VALUE_TEXT &&
           (entity == ENTITY_PARAM || entity == ENTITY_TAG);
}

/* The mark that all runs have which meet the condition. */
static bool mark_of(const struct filter *condition, int64_t *ret)
{
    return wants_value(condition) && run_mark_of(condition->field.entity == ENTITY_TAG ? MARK_TAG : MARK_PARAM,
                                                 condition->field.key, condition->value.text, ret);
}

/* What runs that meet a condition can be read from, and how many there are, up to `limit`. RUNS_ANY: from nothing that
 * would be less than all. */
static int source_of(struct search *search, const struct filter *condition, int64_t limit, struct run_source *ret,
                     int64_t *ret_count)
{
    int64_t id = 0;
    int64_t mark = 0;
    *ret = (struct run_source){.part = RUNS_ANY};
    if (wants_number(condition)) {
        if (run_search_find_key(search, condition->field.key, &id) < 0) {
            return -1;
        }
        *ret = (struct run_source){.part = RUNS_NUMBER, .key = condition->field.key, .key_id = id};
        return count_rows(search, condition, id, limit, ret_count);
    }
    if (!wants_value(condition)) {
        return 0;
    }
    bool tag = condition->field.entity == ENTITY_TAG;
    if (tag && str_is(condition->field.key, "mlflow.parentRunId")) {
        *ret = (struct run_source){.part = RUNS_CHILDREN, .parent = condition->value.text};
        return count_children(search, condition->value.text, limit, ret_count);
    }
    if (!mark_of(condition, &mark)) {
        return 0;
    }
    *ret = (struct run_source){.part = RUNS_MARKED, .mark = mark};
    return count_marked(search, mark, limit, ret_count);
}

/* By the condition that fewest runs meet, of those on metrics or of the others, if they are fewer than `*count`. */
static int take_fewest(struct search *search, bool of_metrics, struct run_source *few, int64_t *count)
{
    const struct filter *condition = NULL;
    for (size_t i = 0; (condition = run_search_condition(search->filter, i)) != NULL; i++) {
        struct run_source source;
        int64_t met = 0;
        if (wants_number(condition) != of_metrics) {
            continue;
        }
        if (source_of(search, condition, *count, &source, &met) < 0) {
            return -1;
        }
        if (source.part != RUNS_ANY && met < *count) {
            *count = met;
            *few = source;
        }
    }
    return 0;
}

/* `*ret` is RUNS_ANY when no condition has few. Rows of metrics are counted last, and no further than what is fewer;
 * not at all where they would only say what the order says already. */
static int source_of_few(struct search *search, struct run_source *ret, int64_t *ret_count)
{
    bool by_metric = run_search_is_latest(&search->orders[0].field);
    *ret = (struct run_source){.part = RUNS_ANY};
    *ret_count = FEW_ROWS + 1;
    if (take_fewest(search, false, ret, ret_count) < 0) {
        return -1;
    }
    return by_metric && ret->part == RUNS_ANY ? 0 : take_fewest(search, true, ret, ret_count);
}

/* The experiments have few runs, and the metric has many rows that are of other runs: to read it in its order would be
 * to pass over those. */
static int is_mostly_of_others(struct search *search, int64_t key_id, bool *ret)
{
    int64_t runs = 0;
    int64_t rows = 0;
    if (count_runs(search, FEW_RUNS + 1, &runs) < 0) {
        return -1;
    }
    if (runs <= FEW_RUNS && count_rows(search, NULL, key_id, runs * MOST_ROWS + 1, &rows) < 0) {
        return -1;
    }
    *ret = runs <= FEW_RUNS && rows > runs * MOST_ROWS;
    return 0;
}

static void add_marks(struct search *search, struct run_source *source)
{
    const struct filter *condition = NULL;
    int64_t *marks = arena_array(search->arena, MOST_MARKS, sizeof *marks);
    for (size_t i = 0; (condition = run_search_condition(search->filter, i)) != NULL; i++) {
        if (source->mark_count < MOST_MARKS && mark_of(condition, &marks[source->mark_count])) {
            source->mark_count++;
        }
    }
    source->marks = marks;
}

/* The rows of a metric in their order: of which part the page begins in is known by the value it begins behind. */
static int sources_of_order(struct search *search)
{
    struct str key = search->orders[0].field.key;
    int64_t id = 0;
    bool others = false;
    if (run_search_find_key(search, key, &id) < 0 || is_mostly_of_others(search, id, &others) < 0) {
        return -1;
    }
    if (others) {
        search->sources[search->source_count++] = (struct run_source){.part = RUNS_ANY};
        return 0;
    }
    const struct sql_value *start = search->rows.has_start ? &search->rows.start[0] : NULL;
    bool is_null = start != NULL && start->type == SQL_NULL;
    bool is_nan = start != NULL && start->type == SQL_REAL && isinf(start->real);
    enum run_part first = is_null ? RUNS_MISSING : is_nan ? RUNS_NAN : RUNS_NUMBER;
    enum run_part last = run_search_wants_number(search->filter, key) ? RUNS_NUMBER : RUNS_MISSING;
    for (int part = (int)first; part <= (int)last; part++) {
        struct run_source *source = &search->sources[search->source_count++];
        *source = (struct run_source){.part = (enum run_part)part, .key = key, .key_id = id};
        add_marks(search, source);
    }
    return 0;
}

/* ---- the choice ------------------------------------------------------------------------------------------ */

/* So many runs of all are marked that their metric's rows, passed over in their order, fill the page sooner than the
 * place of each would be found; and should they stand at the end, all rows are few. */
static int is_walk_shorter(struct search *search, int64_t marked, bool *ret)
{
    struct stmt *s = stmt_get(search->store, "SELECT COALESCE(MAX(id), 0) FROM metric_runs");
    int row = stmt_step(s, search->err);
    int64_t all = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    *ret = run_search_is_latest(&search->orders[0].field) &&
           run_search_wants_number(search->filter, search->orders[0].field.key) &&
           all <= marked * marked / (search_rows_lacking(&search->rows) * WALK_ROWS);
    return row < 0 ? -1 : 0;
}

int run_search_choose(struct search *search)
{
    struct run_source few;
    int64_t few_count = 0;
    if (source_of_few(search, &few, &few_count) < 0) {
        return -1;
    }
    /* A page in the order of a metric goes on by its order, and so does not begin anew from few. */
    bool by_metric = run_search_is_latest(&search->orders[0].field);
    if (by_metric && (few.part == RUNS_ANY || few.part == RUNS_NUMBER)) {
        return sources_of_order(search);
    }
    if (few.part == RUNS_MARKED && few_count > search_rows_lacking(&search->rows)) {
        bool walk = false;
        return is_walk_shorter(search, few_count, &walk) < 0 ? -1
               : walk                                        ? sources_of_order(search)
                                                             : run_search_rank(search, &few, few_count);
    }
    search->sources[search->source_count++] = few;
    return 0;
}
