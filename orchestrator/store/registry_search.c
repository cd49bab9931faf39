/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_search.h"

#include "store/reader_sql.h"
#include "store/search_rows.h"

#include <strings.h>

/* In the texts of statements, since the indexes of prompts are found by it. */
#define PROMPT_TAG "mlflow.prompt.is_prompt"

static const struct search_column registered_columns[] = {
    {.name = "name", .sql = "g.name"},
    {.name = "last_updated_timestamp", .sql = "g.updated_ms"},
};
static const struct search_column version_columns[] = {
    {.name = "name", .sql = "x.name"},
    {.name = "version_number", .sql = "x.version"},
    {.name = "run_id", .sql = "COALESCE(x.run_id, '')", .null_sql = "x.run_id"}, /* MLflow's has an empty text */
    {.name = "source_path", .sql = "x.source"},
    {.name = "creation_timestamp", .sql = "x.created_ms"},
    {.name = "last_updated_timestamp", .sql = "x.updated_ms"},
};

/* What the two searches have apart. */
struct kind {
    enum search_family family;
    struct search_shape shape;
    const char *ids; /* columns of a row's id */
    const char *model; /* the name of its model */
    const char *from;
    const char *is_model; /* that a row is no prompt */
    int64_t results_max;
    struct {
        const char *name;
        bool descending;
    } ends[2]; /* attributes by which rows are different */
};

static const struct kind registered = {
    .family = SEARCH_REGISTERED,
    .shape = {.columns = registered_columns,
              .column_count = sizeof registered_columns / sizeof registered_columns[0],
              .tag = "(SELECT v.value FROM registered_model_tags AS v WHERE v.name = g.name AND v.key = "},
    .ids = "g.name AS id, NULL AS id2",
    .model = "g.name",
    .from = " FROM registered_models AS g WHERE 1",
    .is_model = " AND NOT EXISTS (SELECT 1 FROM registered_model_tags AS p WHERE p.name = g.name AND p.key = "
                "'" PROMPT_TAG "' AND p.value = 'true')",
    .results_max = REGISTERED_SEARCH_RESULTS_MAX,
    .ends = {{"name", false}},
};

/* Of a prompt, one version has the tag at least: then all are no models. */
static const struct kind versions = {
    .family = SEARCH_VERSIONS,
    .shape = {.columns = version_columns,
              .column_count = sizeof version_columns / sizeof version_columns[0],
              .tag = "(SELECT v.value FROM model_version_tags AS v WHERE v.name = x.name AND v.version = x.version AND "
                     "v.key = "},
    .ids = "x.name AS id, x.version AS id2",
    .model = "x.name",
    .from = " FROM model_versions AS x WHERE x.stage <> 'Deleted_Internal'",
    .is_model = " AND NOT EXISTS (SELECT 1 FROM model_version_tags AS p WHERE p.name = x.name AND p.key = '" PROMPT_TAG
                "' AND p.value = 'true')",
    .results_max = VERSION_SEARCH_RESULTS_MAX,
    .ends = {{"name", false}, {"version_number", true}},
};

struct search {
    const struct kind *kind;
    const struct filter *filter;
    const struct reader *reader;
    struct search_order orders[KEYSET_MAX];
    struct search_rows rows;
};

/* ---- prompts -------------------------------------------------------------------------------------------- */

/* The first condition on their tag, as it was written. */
static const struct filter *find_prompt(const struct filter *filter)
{
    const struct filter *found = NULL;
    if (filter == NULL) {
        return NULL;
    }
    if (filter->kind == FILTER_CONDITION) {
        return filter->field.entity == ENTITY_TAG && str_is(filter->field.key, PROMPT_TAG) ? filter : NULL;
    }
    for (size_t i = 0; found == NULL && i < filter->count; i++) {
        found = find_prompt(filter->parts[i]);
    }
    return found;
}

static bool is_word(struct str text, const char *word)
{
    return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

static bool wants_prompts(const struct filter *filter)
{
    const struct filter *condition = find_prompt(filter);
    return condition != NULL && ((condition->op == FILTER_EQ && is_word(condition->value.text, "true")) ||
                                 (condition->op == FILTER_NE && is_word(condition->value.text, "false")));
}

/* ---- the search ----------------------------------------------------------------------------------------- */

static void add_order(struct search *search, struct search_order order)
{
    search->orders[search->rows.keys.count] = order;
    keyset_add(&search->rows.keys, order.descending, false);
}

static void add_end(struct search *search, const char *name, bool descending)
{
    struct search_order order = {.descending = descending};
    (void)search_field_read(search->kind->family, str_from(name), true, &order.field, NULL);
    for (size_t i = 0; i < search->rows.keys.count; i++) {
        if (search_field_equal(&search->orders[i].field, &order.field)) {
            return;
        }
    }
    add_order(search, order);
}

static int read_orders(struct search *search, const struct registry_query *query, struct arena *arena, struct err *err)
{
    struct search_order *given = NULL;
    if (order_parse(search->kind->family, query->order_by, query->order_by_count, arena, &given, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < query->order_by_count; i++) {
        add_order(search, given[i]);
    }
    if (query->order_by_count == 0 && search->kind == &versions) {
        add_end(search, "last_updated_timestamp", true);
    }
    for (size_t i = 0; i < 2 && search->kind->ends[i].name != NULL; i++) {
        add_end(search, search->kind->ends[i].name, search->kind->ends[i].descending);
    }
    return 0;
}

/* Of versions MLflow says it in its own words. */
static int check_results(const struct search *search, int64_t max_results, struct err *err)
{
    if (search->kind == &versions && max_results < 1) {
        return err_set(err, ERR_INPUT, "Invalid value for max_results. It must be a positive integer, but got %lld",
                       (long long)max_results);
    }
    return search_check_results(max_results, search->kind->results_max, err);
}

static int prepare(struct search *search, const struct registry_query *query, struct arena *arena, struct err *err)
{
    enum search_family family = search->kind->family;
    search->rows.wanted = query->max_results;
    search->reader = query->reader;
    if (check_results(search, query->max_results, err) < 0 ||
        filter_parse(family, query->filter, arena, &search->filter, err) < 0 ||
        read_orders(search, query, arena, err) < 0) {
        return -1;
    }
    search->rows.query =
        digest_builder_take(search_digest(family, query->filter, query->order_by, query->order_by_count));
    return search_rows_start(&search->rows, query->page_token, arena, err);
}

static int collect(struct search *search, struct store *store, struct arena *arena, struct err *err)
{
    struct search_shape shape = search->kind->shape;
    bool prompts = wants_prompts(search->filter);
    struct sql sql;
    sql_init(&sql, store, arena);
    search_rows_begin(&search->rows, &sql);
    sql_add(&sql, search->kind->ids);
    sql_keys(&sql, &shape, search->orders, search->rows.keys.count);
    sql_add(&sql, search->kind->from);
    sql_add(&sql, prompts ? "" : search->kind->is_model);
    shape.dropped_tag = prompts ? NULL : PROMPT_TAG;
    if (search->filter != NULL) {
        sql_add(&sql, " AND ");
        sql_filter(&sql, &shape, search->filter);
    }
    sql_reader_models(&sql, search->reader, search->kind->model);
    search_rows_close(&search->rows, &sql);
    int result = search_rows_collect(&search->rows, &sql, arena, err);
    sql_clear(&sql);
    return result;
}

static int find(struct search *search, struct store *store, const struct registry_query *query, struct arena *arena,
                const char **ret_token, struct err *err)
{
    if (prepare(search, query, arena, err) < 0 || collect(search, store, arena, err) < 0) {
        return -1;
    }
    *ret_token = search_rows_end(&search->rows, arena);
    return 0;
}

int store_registered_search(struct store *store, const struct registry_query *query, struct arena *arena,
                            struct registered_page *ret, struct err *err)
{
    struct search search = {.kind = &registered};
    const char *token = NULL;
    if (find(&search, store, query, arena, &token, err) < 0) {
        return -1;
    }
    struct registered_model *models = arena_array(arena, search.rows.count, sizeof *models);
    for (size_t i = 0; i < search.rows.count; i++) {
        if (store_registry_get(store, search.rows.items[i].id[0].text.p, arena, &models[i], err) < 0) {
            return -1;
        }
    }
    *ret = (struct registered_page){.models = models, .count = search.rows.count, .next_page_token = token};
    return 0;
}

int store_version_search(struct store *store, const struct registry_query *query, struct arena *arena,
                         struct version_page *ret, struct err *err)
{
    struct search search = {.kind = &versions};
    const char *token = NULL;
    if (find(&search, store, query, arena, &token, err) < 0) {
        return -1;
    }
    struct model_version *items = arena_array(arena, search.rows.count, sizeof *items);
    for (size_t i = 0; i < search.rows.count; i++) {
        const struct search_row *row = &search.rows.items[i];
        if (store_version_get(store, row->id[0].text.p, row->id[1].integer, arena, &items[i], err) < 0) {
            return -1;
        }
    }
    *ret = (struct version_page){.versions = items, .count = search.rows.count, .next_page_token = token};
    return 0;
}
