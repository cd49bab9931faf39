/* SPDX-License-Identifier: Apache-2.0 */
#include "move/measured.h"

#include <string.h>

static void leave_out(struct metric_ranks *plain, const struct metric_ranks *measured)
{
    size_t kept = 0;
    for (size_t i = 0; i < plain->count; i++) {
        size_t at = metric_ranks_before(measured, &plain->items[i]);
        if (at == measured->count || metric_order_compare(&measured->items[at], &plain->items[i]) != 0) {
            plain->items[kept++] = plain->items[i];
        }
    }
    plain->count = kept;
}

static bool has(const struct metric_ranks *points, const struct metric_rank *point)
{
    size_t at = metric_ranks_before(points, point);
    return at < points->count && metric_order_compare(&points->items[at], point) == 0;
}

/* MLflow keeps no flag for NaN with what was measured on a model: it says 0 there, where the run has NaN. */
static void find_nan(struct metric_ranks *measured, const struct metric_ranks *plain)
{
    for (size_t i = 0; i < measured->count; i++) {
        struct metric_rank *point = &measured->items[i];
        struct metric_rank nan = *point;
        nan.is_nan = true;
        if (point->value == 0 && !point->is_nan && !has(plain, point) && has(plain, &nan)) {
            *point = nan;
        }
    }
    metric_ranks_settle(measured);
}

/* Whether what is said of `one` is said of `other`, too, and more. */
static bool says_more(const struct moved_series *other, const struct moved_series *one)
{
    bool any_data = one->dataset_name[0] == '\0' && one->dataset_digest[0] == '\0';
    bool same_data = strcmp(one->dataset_name, other->dataset_name) == 0 &&
                     strcmp(one->dataset_digest, other->dataset_digest) == 0;
    bool has_model = other->model_id[0] != '\0';
    return one->model_id[0] == '\0' && ((same_data && has_model) || (any_data && !same_data));
}

int measured_give(struct moved_series *list, size_t count, moved_series_take *take, void *context, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        metric_ranks_settle(&list[i].points);
    }
    for (size_t i = 1; i < count && list[0].model_id[0] == '\0'; i++) {
        find_nan(&list[i].points, &list[0].points);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count && list[i].model_id[0] == '\0'; k++) {
            if (says_more(&list[k], &list[i])) {
                leave_out(&list[i].points, &list[k].points);
            }
        }
    }
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = list[i].points.count == 0 ? 0 : take(context, &list[i], err);
    }
    return result;
}
