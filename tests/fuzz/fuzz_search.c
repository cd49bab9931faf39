/* SPDX-License-Identifier: Apache-2.0
 * Searches by any text: what parses becomes a statement that SQLite takes, whatever the values, and pages of one row
 * end where the whole does; what does not is told. The first line is the filter, the second the order, the third a
 * token; the first byte picks the family.
 */
#include "store/experiment_search.h"
#include "store/metrics.h"
#include "store/model_search.h"
#include "store/registry_search.h"
#include "store/run_search.h"
#include "search/filter.h"
#include "search/like.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { RUNS_MADE = 4 };

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_error(const struct err *err)
{
    check((err->code == ERR_INPUT || err->code == ERR_LIMIT) && err->message[0] != '\0');
}

/* Four runs, three with a metric, and one of everything else. */
static struct store *filled_store(void)
{
    struct store *store = NULL;
    struct model_version version = {.source = "s3://x"};
    struct logged_model model = {.model_id = "m-1", .name = "net", .artifact_uri = "/m", .model_type = ""};
    int64_t number = 0;
    bool existing = false;
    check(store_open(":memory:", STORE_READ_WRITE, &store, NULL) == 0);
    for (int i = 0; i < RUNS_MADE; i++) {
        char id[2] = {(char)('a' + i), '\0'};
        struct run_info run = {.run_id = id, .name = id, .user = "u", .start_ms = i / 2, .artifact_uri = "/"};
        struct metric_point point = {.key = "m", .value = i == 1 ? (double)NAN : i, .time_ms = i};
        struct metric_target target = {.run_id = id, .model_id = i == 0 ? "m-1" : NULL, .dataset_name = "d"};
        check(store_run_create(store, &run, NULL) == 0 && store_run_param(store, id, "p", "1", NULL) == 0);
        check(i == 3 || store_metrics_log(store, &target, &point, 1, NULL) == 0);
    }
    check(store_model_create(store, &model, NULL) == 0);
    check(store_registry_register(store, "net", &version, NULL, 0, NULL, 1, &number, &existing, NULL) == 0);
    return store;
}

struct input {
    const char *filter, *order, *token;
};

/* Pages of one row, one behind the other, have as many rows as the whole. */
static void search_runs(struct store *store, const struct input *input, struct arena *arena)
{
    static const int64_t zero[] = {0};
    struct run_query query = {.experiments = zero, .experiment_count = 1, .filter = input->filter, .max_results = 9};
    struct run_page whole;
    struct run_page one;
    struct err err = {0};
    size_t count = 0;
    query.order_by = &input->order;
    query.order_by_count = *input->order == '\0' ? 0 : 1;
    if (store_run_search(store, &query, arena, &whole, &err) < 0) {
        check_error(&err);
        return;
    }
    check(whole.count <= RUNS_MADE && whole.next_page_token == NULL);
    for (query.max_results = 1; count <= RUNS_MADE; query.page_token = one.next_page_token) {
        check(store_run_search(store, &query, arena, &one, NULL) == 0 && one.count <= 1);
        check(one.count == 0 || strcmp(one.run_ids[0], whole.run_ids[count]) == 0);
        count += one.count;
        if (one.next_page_token == NULL) {
            break;
        }
    }
    check(count == whole.count);
    query.page_token = *input->token == '\0' ? "x" : input->token;
    check(store_run_search(store, &query, arena, &one, &err) < 0);
    check_error(&err);
}

static void search_others(struct store *store, int family, const struct input *input, struct arena *arena)
{
    static const int64_t zero[] = {0};
    size_t orders = *input->order == '\0' ? 0 : 1;
    struct experiment_query experiments = {
        .filter = input->filter, .order_by = &input->order, .order_by_count = orders};
    struct registry_query registry = {.filter = input->filter, .order_by = &input->order, .order_by_count = orders};
    struct model_search_order by = {.field_name = input->order};
    struct model_query models = {.experiments = zero, .experiment_count = 1, .filter = input->filter};
    struct experiment_page experiment_page;
    struct registered_page registered_page;
    struct version_page version_page;
    struct model_page model_page;
    struct err err = {0};
    models.order_by = &by;
    models.order_by_count = orders;
    experiments.max_results = registry.max_results = models.max_results = 3;
    int result =
        family == SEARCH_EXPERIMENTS  ? store_experiment_search(store, &experiments, arena, &experiment_page, &err)
        : family == SEARCH_REGISTERED ? store_registered_search(store, &registry, arena, &registered_page, &err)
        : family == SEARCH_VERSIONS   ? store_version_search(store, &registry, arena, &version_page, &err)
                                      : store_model_search(store, &models, arena, &model_page, &err);
    if (result < 0) {
        check_error(&err);
    }
}

static char *line(char **rest)
{
    char *begin = *rest;
    char *end = strchr(begin, '\n');
    if (end == NULL) {
        *rest = begin + strlen(begin);
    } else {
        *end = '\0';
        *rest = end + 1;
    }
    return begin;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct store *store;
    struct arena *arena = arena_new();
    if (store == NULL) {
        store = filled_store();
    }
    int family = size == 0 ? 0 : bytes[0] % 5;
    char *rest = arena_dup(arena, size == 0 ? "" : (const char *)bytes + 1, size == 0 ? 0 : size - 1);
    struct input input;
    input.filter = line(&rest);
    input.order = line(&rest);
    input.token = line(&rest);
    if (family == SEARCH_RUNS) {
        search_runs(store, &input, arena);
    } else {
        search_others(store, family, &input, arena);
    }
    struct str pattern = str_from(input.filter);
    (void)like_matches(pattern, str_from(input.order), size % 2 == 0);
    arena_free(arena);
    return 0;
}
