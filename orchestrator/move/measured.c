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
