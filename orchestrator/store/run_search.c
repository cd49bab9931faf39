/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_search.h"

#include "store/run_marks.h"
#include "store/run_search_sql.h"
#include "store/search_rows.h"

#include <math.h>
#include <stdlib.h>

enum {
    FEW_ROWS = 2000, /* of a metric: read and sorted, when it is in the filter and not the order */
    FEW_RUNS = 5000, /* of the experiments: read and sorted, when most rows of a metric are of others */
    MOST_ROWS = 4,   /* for each of these runs */
};

struct search {
    struct store *store;
    struct arena *arena;
    struct err *err;
    const struct run_query *query;
    enum search_view view;
    const struct filter *filter;
    struct search_order orders[KEYSET_MAX]; /* the given ones, and what makes rows different */
    struct run_source sources[3];           /* read one after the other */
    size_t source_count;
    int64_t *experiments; /* each once */
    size_t experiment_count;
    int64_t *deleted; /* of those */
    size_t deleted_count;
    struct search_rows rows;
};

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

/* ---- what rows are read from ---------------------------------------------------------------------------- */

static int find_key(struct search *search, struct str key, int64_t *ret_id)
{
    struct stmt *s = stmt_get(search->store, "SELECT id FROM metric_keys WHERE key = :key");
    stmt_str(s, ":key", key);
    int row = stmt_step(s, search->err);
    *ret_id = row == 1 ? stmt_column_int(s, 0) : -1;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static bool is_latest(const struct search_field *field)
{
    return field->entity == ENTITY_METRIC && (field->part == METRIC_PLAIN || field->part == METRIC_LAST);
}

/* Conditions that every row must meet: the whole filter, or the parts of its AND. */
static const struct filter *condition_at(const struct filter *filter, size_t at)
{
    if (filter == NULL || filter->kind != FILTER_ALL) {
        return at == 0 ? filter : NULL;
    }
    return at < filter->count ? filter->parts[at] : NULL;
}

/* Only a number can meet it. */
static bool wants_number(const struct filter *condition)
{
    return condition->kind == FILTER_CONDITION && is_latest(&condition->field) && condition->op != FILTER_NE &&
           condition->op != FILTER_IS_NULL && condition->op != FILTER_IS_NOT_NULL;
}

static bool wants_number_of(const struct filter *filter, struct str key)
{
    const struct filter *condition = NULL;
    for (size_t i = 0; (condition = condition_at(filter, i)) != NULL; i++) {
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

/* What runs that meet a condition can be read from, and how many there are, up to `limit`. RUNS_ANY: from nothing that
 * would be less than all. */
static int source_of(struct search *search, const struct filter *condition, int64_t limit, struct run_source *ret,
                     int64_t *ret_count)
{
    int64_t id = 0;
    int64_t mark = 0;
    *ret = (struct run_source){.part = RUNS_ANY};
    if (wants_number(condition)) {
        if (find_key(search, condition->field.key, &id) < 0) {
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
    if (!run_mark_of(tag ? MARK_TAG : MARK_PARAM, condition->field.key, condition->value.text, &mark)) {
        return 0;
    }
    *ret = (struct run_source){.part = RUNS_MARKED, .mark = mark};
    return count_marked(search, mark, limit, ret_count);
}

/* By the condition that fewest runs meet, if they are few; `*ret` is RUNS_ANY when none is. */
static int source_of_few(struct search *search, struct run_source *ret)
{
    const struct filter *condition = NULL;
    int64_t fewest = FEW_ROWS + 1;
    *ret = (struct run_source){.part = RUNS_ANY};
    for (size_t i = 0; (condition = condition_at(search->filter, i)) != NULL; i++) {
        struct run_source source;
        int64_t count = 0;
        if (source_of(search, condition, FEW_ROWS + 1, &source, &count) < 0) {
            return -1;
        }
        if (source.part != RUNS_ANY && count < fewest) {
            fewest = count;
            *ret = source;
        }
    }
    return 0;
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

/* The rows of a metric in their order: of which part the page begins in is known by the value it begins behind. */
static int sources_of_order(struct search *search)
{
    struct str key = search->orders[0].field.key;
    int64_t id = 0;
    bool others = false;
    if (find_key(search, key, &id) < 0 || is_mostly_of_others(search, id, &others) < 0) {
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
    enum run_part last = wants_number_of(search->filter, key) ? RUNS_NUMBER : RUNS_MISSING;
    for (int part = (int)first; part <= (int)last; part++) {
        search->sources[search->source_count++] =
            (struct run_source){.part = (enum run_part)part, .key = key, .key_id = id};
    }
    return 0;
}

static int choose_sources(struct search *search)
{
    struct run_source few;
    if (source_of_few(search, &few) < 0) {
        return -1;
    }
    /* A page in the order of a metric goes on by its order, and so does not begin anew from few. */
    bool by_metric = is_latest(&search->orders[0].field);
    if (by_metric && (few.part == RUNS_ANY || few.part == RUNS_NUMBER)) {
        return sources_of_order(search);
    }
    search->sources[search->source_count++] = few;
    return 0;
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

/* Where the page begins, said so that the index of the metric finds it. */
static void add_beginning(const struct search *search, const struct run_source *source, struct sql *sql)
{
    if (source->part == RUNS_NUMBER && search->rows.has_start && is_latest(&search->orders[0].field)) {
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
    add_experiments(search, sql);
    add_view(search, sql);
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
    if (prepare(&search) < 0 || choose_sources(&search) < 0) {
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
