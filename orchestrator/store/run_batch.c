/* SPDX-License-Identifier: Apache-2.0
 * A batch is checked whole before any of it is written.
 */
#include "store/run_batch.h"

#include "base/str_index.h"
#include "base/strbuf.h"
#include "store/key_rules.h"
#include "store/metrics_internal.h"
#include "store/models.h"
#include "store/python_quote.h"
#include "store/runs_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- what the batch alone tells ---------------------------------------------------------------------------- */

enum { PLACE_ROOM = 40, MESSAGE_ROOM = 4096 };

/* Keys come again and again, mostly in turns: the good ones are remembered where they fall. */
struct good_keys {
    const char *keys[64];
};

static bool is_good_key(struct good_keys *known, const char *key)
{
    if (key == NULL) {
        return false;
    }
    size_t length = strlen(key);
    size_t place = length == 0 ? 0 : length * 31 + (unsigned char)key[0] * 7 + (unsigned char)key[length - 1];
    const char **slot = &known->keys[place % (sizeof known->keys / sizeof known->keys[0])];
    if (*slot != NULL && strcmp(*slot, key) == 0) {
        return true;
    }
    if (metric_key_check("", key, NULL) < 0) {
        return false;
    }
    *slot = key;
    return true;
}

static int check_metrics(const struct run_batch *batch, struct err *err)
{
    struct good_keys known = {0};
    for (size_t i = 0; i < batch->metric_count; i++) {
        const struct metric_point *point = &batch->metrics[i].point;
        if (point->time_ms < 0 || !is_good_key(&known, point->key)) {
            char place[METRIC_PLACE_ROOM];
            return metric_key_check(metric_place(i, place), point->key, err) < 0
                       ? -1
                       : metric_time_check(place, point->key, point->value, point->time_ms, err);
        }
    }
    return 0;
}

static int check_params(const struct run_batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->param_count; i++) {
        char place[PLACE_ROOM];
        (void)snprintf(place, sizeof place, "params[%zu].key", i);
        if (key_check_whole(place, "Param key", batch->params[i].key, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_tags(const struct run_batch *batch, struct err *err)
{
    for (size_t i = 0; i < batch->tag_count; i++) {
        char place[PLACE_ROOM];
        (void)snprintf(place, sizeof place, "tags[%zu].key", i);
        if (key_check_whole(place, place, batch->tags[i].key, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_limit(const char *what, size_t limit, size_t count, struct err *err)
{
    return count <= limit ? 0
                          : err_set(err, ERR_INPUT,
                                    "A batch logging request can contain at most %zu %s. Got %zu %s. Please split up "
                                    "%s across multiple requests and try again.",
                                    limit, what, count, what, what);
}

static int check_limits(const struct run_batch *batch, struct err *err)
{
    size_t all = batch->metric_count + batch->param_count + batch->tag_count;
    return check_limit("metrics", BATCH_METRICS_MAX, batch->metric_count, err) < 0 ||
                   check_limit("params", BATCH_PARAMS_MAX, batch->param_count, err) < 0 ||
                   check_limit("tags", BATCH_TAGS_MAX, batch->tag_count, err) < 0
               ? -1
               : check_limit("metrics, params, and tags", BATCH_ITEMS_MAX, all, err);
}

/* `list` becomes "'a', 'b'". */
static void add_quoted(struct strbuf *list, const char *text)
{
    strbuf_add_text(list, list->length == 0 ? "" : ", ");
    python_quote(list, str_from(text));
}

static int check_params_differ(const struct run_batch *batch, struct err *err)
{
    struct arena *arena = arena_new();
    struct str_index *seen = str_index_new(arena, batch->param_count);
    struct strbuf twice;
    strbuf_init(&twice, MESSAGE_ROOM);
    for (size_t i = 0; i < batch->param_count; i++) {
        struct str key = str_from(batch->params[i].key);
        if (str_index_find(seen, key) >= 0) {
            add_quoted(&twice, batch->params[i].key);
        } else {
            (void)str_index_add(seen, key);
        }
    }
    int result = twice.length == 0 ? 0
                                   : err_set(err, ERR_INPUT,
                                             "Duplicate parameter keys have been submitted: [%s]. Please ensure the "
                                             "request contains only one param value per param key.",
                                             twice.data);
    strbuf_clear(&twice);
    arena_free(arena);
    return result;
}

/* ---- what the store tells ---------------------------------------------------------------------------------- */

static int compare_params(struct store *store, const char *run_id, const struct run_batch *batch, struct arena *arena,
                          struct strbuf *others, struct err *err)
{
    for (size_t i = 0; i < batch->param_count; i++) {
        const struct pair *param = &batch->params[i];
        struct str value = value_cut(param->value, RUN_PARAM_CHARACTERS_MAX);
        const char *old = NULL;
        if (run_param_read(store, run_id, param->key, arena, &old, err) < 0) {
            return -1;
        }
        if (old != NULL && !str_is(value, old)) {
            strbuf_add_text(others, others->length == 0 ? "{'key': " : ", {'key': ");
            python_quote(others, str_from(param->key));
            strbuf_add_text(others, ", 'old_value': ");
            python_quote(others, str_from(old));
            strbuf_add_text(others, ", 'new_value': ");
            python_quote(others, value);
            strbuf_add_text(others, "}");
        }
    }
    return 0;
}

static int check_params_unchanged(struct store *store, const char *run_id, const struct run_batch *batch,
                                  struct err *err)
{
    if (batch->param_count == 0) {
        return 0;
    }
    struct arena *arena = arena_new();
    struct strbuf others;
    strbuf_init(&others, MESSAGE_ROOM);
    int result = compare_params(store, run_id, batch, arena, &others, err);
    if (result == 0 && others.length > 0) {
        result = err_set(err, ERR_INPUT,
                         "Changing param values is not allowed. Params were already logged='[%s]' for run ID='%s'.",
                         others.data, run_id);
    }
    strbuf_clear(&others);
    arena_free(arena);
    return result;
}

/* ---- metrics by target --------------------------------------------------------------------------------------- */

/* Points that were measured on one thing. */
struct target_group {
    struct metric_target target;
    struct metric_point *points;
    size_t count;
    size_t room;
};

struct target_list {
    struct target_group *groups;
    size_t count;
    size_t room;
};

static const char *none_if_empty(const char *text)
{
    return text == NULL || *text == '\0' ? NULL : text;
}

/* One text for the three; a NUL cannot stand in any of them. */
static struct str name_of(const struct metric_entry *entry, struct arena *arena)
{
    struct str parts[] = {str_from(entry->model_id), str_from(entry->dataset_name), str_from(entry->dataset_digest)};
    size_t size = parts[0].n + parts[1].n + parts[2].n + 2;
    char *name = arena_alloc(arena, size + 1);
    char *to = name;
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].n > 0) {
            memcpy(to, parts[i].p, parts[i].n);
        }
        to += parts[i].n + 1;
    }
    return (struct str){name, size};
}

static bool same_target(const struct metric_entry *a, const struct metric_entry *b)
{
    return str_eq(str_from(a->model_id), str_from(b->model_id)) &&
           str_eq(str_from(a->dataset_name), str_from(b->dataset_name)) &&
           str_eq(str_from(a->dataset_digest), str_from(b->dataset_digest));
}

static size_t group_of(struct target_list *list, struct str_index *names, const char *run_id,
                       const struct run_batch *batch, size_t i, struct arena *arena)
{
    const struct metric_entry *entry = &batch->metrics[i];
    struct str name = name_of(entry, arena);
    ptrdiff_t found = str_index_find(names, name);
    if (found >= 0) {
        return (size_t)found;
    }
    list->groups = arena_grow(arena, list->groups, list->count, &list->room, sizeof *list->groups);
    list->groups[list->count] = (struct target_group){
        .target = {run_id, none_if_empty(entry->model_id), none_if_empty(entry->dataset_name),
                   none_if_empty(entry->dataset_digest)},
    };
    list->count++;
    return str_index_add(names, name);
}

static struct target_list by_target(const char *run_id, const struct run_batch *batch, struct arena *arena)
{
    struct target_list list = {0};
    struct str_index *names = str_index_new(arena, 16);
    size_t group = 0;
    for (size_t i = 0; i < batch->metric_count; i++) {
        if (i == 0 || !same_target(&batch->metrics[i], &batch->metrics[i - 1])) {
            group = group_of(&list, names, run_id, batch, i, arena);
        }
        struct target_group *to = &list.groups[group];
        to->points = arena_grow(arena, to->points, to->count, &to->room, sizeof *to->points);
        to->points[to->count++] = batch->metrics[i].point;
    }
    return list;
}

static int check_models(struct store *store, const struct target_list *list, struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        struct logged_model model;
        const char *model_id = list->groups[i].target.model_id;
        if (model_id != NULL && store_model_get_any(store, model_id, arena, &model, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int log_targets(struct store *store, const struct target_list *list, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct target_group *group = &list->groups[i];
        if (metrics_log_active(store, &group->target, group->points, group->count, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- logging ------------------------------------------------------------------------------------------------- */

static int log_checked(struct store *store, const char *run_id, const struct run_batch *batch, struct err *err)
{
    struct arena *arena = arena_new();
    struct target_list targets = by_target(run_id, batch, arena);
    int result = store_run_require_active(store, run_id, err) < 0 ||
                         check_params_unchanged(store, run_id, batch, err) < 0 ||
                         check_models(store, &targets, arena, err) < 0 ||
                         run_params_write(store, run_id, batch->params, batch->param_count, err) < 0 ||
                         log_targets(store, &targets, err) < 0
                     ? -1
                     : run_tags_write(store, run_id, batch->tags, batch->tag_count, err);
    arena_free(arena);
    return result;
}

int store_run_log_batch(struct store *store, const char *run_id, const struct run_batch *batch, struct err *err)
{
    if (run_id_check(run_id, err) < 0 || check_metrics(batch, err) < 0 || check_params(batch, err) < 0 ||
        check_tags(batch, err) < 0 || check_limits(batch, err) < 0 || check_params_differ(batch, err) < 0) {
        return -1;
    }
    return log_checked(store, run_id, batch, err);
}

int store_run_log_metric(struct store *store, const char *run_id, const struct metric_entry *metric, struct err *err)
{
    const struct metric_point *point = &metric->point;
    if (metric_key_check("", point->key, err) < 0 ||
        metric_time_check("", point->key, point->value, point->time_ms, err) < 0) {
        return -1;
    }
    return log_checked(store, run_id, &(struct run_batch){.metrics = metric, .metric_count = 1}, err);
}
