/* SPDX-License-Identifier: Apache-2.0
 * Which data the runs of experiments used: each dataset's contexts are found one by one, however many runs used it.
 */
#include "store/run_links.h"

#include "store/stmt.h"

#include <stdlib.h>

struct summary_list {
    struct dataset_summary *items;
    size_t count;
    size_t room;
};

/* The next context behind `last` that runs used the dataset in; NULL comes before all: 1, 0, -1. */
static int next_context(struct store *store, int64_t dataset, bool begun, const char *last, struct arena *arena,
                        const char **ret, struct err *err)
{
    struct stmt *s = begun && last != NULL
                         ? stmt_get(store, "SELECT context FROM run_datasets WHERE dataset = :dataset "
                                           "AND context > :last ORDER BY context LIMIT 1")
                     : begun ? stmt_get(store, "SELECT context FROM run_datasets WHERE dataset = :dataset "
                                               "AND context IS NOT NULL ORDER BY context LIMIT 1")
                             : stmt_get(store, "SELECT context FROM run_datasets WHERE dataset = :dataset "
                                               "ORDER BY context LIMIT 1");
    stmt_int(s, ":dataset", dataset);
    if (begun && last != NULL) {
        stmt_text(s, ":last", last);
    }
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text_or_null(s, 0, arena) : NULL;
    stmt_done(s);
    return row;
}

static int summarize_dataset(struct store *store, int64_t dataset, const struct dataset_summary *known,
                             struct arena *arena, struct summary_list *list, struct err *err)
{
    struct dataset_summary summary = *known;
    bool begun = false;
    int row = 0;
    while (list->count < DATASET_SUMMARIES_MAX &&
           (row = next_context(store, dataset, begun, summary.context, arena, &summary.context, err)) == 1) {
        list->items = arena_grow(arena, list->items, list->count, &list->room, sizeof *list->items);
        list->items[list->count++] = summary;
        begun = true;
    }
    return row < 0 ? -1 : 0;
}

static int summarize_experiment(struct store *store, int64_t experiment_id, struct arena *arena,
                                struct summary_list *list, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, name, digest FROM datasets WHERE experiment_id = :experiment "
                                     "ORDER BY name, digest");
    int row = 0;
    stmt_int(s, ":experiment", experiment_id);
    while (list->count < DATASET_SUMMARIES_MAX && (row = stmt_step(s, err)) == 1) {
        struct dataset_summary known = {.experiment_id = experiment_id,
                                        .name = stmt_column_text(s, 1, arena),
                                        .digest = stmt_column_text(s, 2, arena)};
        if (summarize_dataset(store, stmt_column_int(s, 0), &known, arena, list, err) < 0) {
            row = -1;
            break;
        }
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;
    return (*left > *right) - (*left < *right);
}

int store_dataset_summaries(struct store *store, const int64_t *experiment_ids, size_t count, struct arena *arena,
                            struct dataset_summary **ret, size_t *ret_count, struct err *err)
{
    struct summary_list list = {0};
    int64_t *sorted = arena_array(arena, count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = experiment_ids[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_ids);
    for (size_t i = 0; i < count; i++) {
        if ((i == 0 || sorted[i] != sorted[i - 1]) &&
            summarize_experiment(store, sorted[i], arena, &list, err) < 0) {
            return -1;
        }
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}
