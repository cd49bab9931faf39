/* SPDX-License-Identifier: Apache-2.0 */
#include "move/content.h"

#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *left = a;
    const struct pair *right = b;
    return strcmp(left->key, right->key);
}

static void add_text(struct digest_builder *to, const char *text)
{
    digest_builder_add(to, str_from(text == NULL ? "" : text));
}

static void add_int(struct digest_builder *to, int64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)((uint64_t)value >> (8 * i));
    }
    digest_builder_add(to, (struct str){(const char *)bytes, sizeof bytes});
}

static void sort_pairs(struct pair *pairs, size_t count)
{
    if (count > 1) {
        qsort(pairs, count, sizeof *pairs, compare_pairs);
    }
}

static void add_pairs(struct digest_builder *to, struct pair *pairs, size_t count)
{
    sort_pairs(pairs, count);
    add_int(to, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        add_text(to, pairs[i].key);
        add_text(to, pairs[i].value);
    }
}

struct digest move_digest_experiment(struct moved_experiment *experiment)
{
    struct digest_builder *to = digest_builder_new();
    add_int(to, experiment->id);
    add_text(to, experiment->name);
    add_int(to, experiment->deleted);
    add_int(to, experiment->created_ms);
    add_int(to, experiment->updated_ms);
    add_pairs(to, experiment->tags.items, experiment->tags.count);
    return digest_builder_take(to);
}

struct digest move_digest_model(struct moved_model *model)
{
    const struct logged_model *info = &model->info;
    struct digest_builder *to = digest_builder_new();
    add_text(to, info->model_id);
    add_int(to, info->experiment_id);
    add_text(to, info->name);
    add_text(to, info->source_run_id);
    add_text(to, info->model_type);
    add_int(to, info->status);
    add_text(to, info->status_message);
    add_int(to, info->created_ms);
    add_int(to, info->updated_ms);
    add_int(to, info->deleted);
    add_pairs(to, model->params.items, model->params.count);
    add_pairs(to, model->tags.items, model->tags.count);
    return digest_builder_take(to);
}

static int compare_versions(const void *a, const void *b)
{
    const struct moved_version *left = a;
    const struct moved_version *right = b;
    return left->info.version < right->info.version ? -1 : left->info.version > right->info.version;
}

static int compare_aliases(const void *a, const void *b)
{
    return strcmp(((const struct moved_alias *)a)->alias, ((const struct moved_alias *)b)->alias);
}

static void add_version(struct digest_builder *to, struct moved_version *version)
{
    const struct model_version *info = &version->info;
    add_int(to, info->version);
    add_text(to, info->source);
    add_text(to, info->run_id);
    add_text(to, info->user);
    add_text(to, info->description);
    add_text(to, info->stage);
    add_text(to, info->status);
    add_text(to, info->status_message);
    add_text(to, info->run_link);
    add_int(to, info->created_ms);
    add_int(to, info->updated_ms);
    add_pairs(to, version->tags.items, version->tags.count);
}

struct digest move_digest_registered(struct moved_registered *registered)
{
    const struct registered_model *info = &registered->info;
    struct digest_builder *to = digest_builder_new();
    add_text(to, info->name);
    add_text(to, info->description);
    add_int(to, info->created_ms);
    add_int(to, info->updated_ms);
    add_pairs(to, registered->tags.items, registered->tags.count);
    if (registered->version_count > 1) {
        qsort(registered->versions, registered->version_count, sizeof *registered->versions, compare_versions);
    }
    add_int(to, (int64_t)registered->version_count);
    for (size_t i = 0; i < registered->version_count; i++) {
        add_version(to, &registered->versions[i]);
    }
    if (registered->alias_count > 1) {
        qsort(registered->aliases, registered->alias_count, sizeof *registered->aliases, compare_aliases);
    }
    add_int(to, (int64_t)registered->alias_count);
    for (size_t i = 0; i < registered->alias_count; i++) {
        add_text(to, registered->aliases[i].alias);
        add_int(to, registered->aliases[i].version);
    }
    return digest_builder_take(to);
}

struct digest move_digest_trace(struct moved_trace *trace)
{
    const struct trace *info = &trace->info;
    struct digest_builder *to = digest_builder_new();
    add_text(to, info->request_id);
    add_int(to, info->experiment_id);
    add_int(to, info->start_ms);
    add_int(to, info->status == TRACE_IN_PROGRESS ? 0 : info->duration_ms);
    add_int(to, info->status);
    add_pairs(to, trace->metadata.items, trace->metadata.count);
    add_pairs(to, trace->tags.items, trace->tags.count);
    return digest_builder_take(to);
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

struct move_run_content {
    struct digest_builder *to;
    struct arena *arena; /* of the key at hand: its name and the union of its series */
    const char *key;     /* NULL: none yet */
    struct metric_ranks all;
    int64_t points;
};

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_outputs(const void *a, const void *b)
{
    const struct model_output *left = a;
    const struct model_output *right = b;
    int order = strcmp(left->model_id, right->model_id);
    return order != 0 ? order : left->step < right->step ? -1 : left->step > right->step;
}

static int compare_datasets(const void *a, const void *b)
{
    const struct dataset_use *left = &((const struct dataset_input *)a)->dataset;
    const struct dataset_use *right = &((const struct dataset_input *)b)->dataset;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->digest, right->digest);
}

/* Tags of inputs are read-only to their readers: a sorted copy is added. */
static void add_input_tags(struct digest_builder *to, const struct dataset_input *input)
{
    struct pair *tags = mem_alloc((input->tag_count + 1) * sizeof *tags);
    for (size_t i = 0; i < input->tag_count; i++) {
        tags[i] = input->tags[i];
    }
    add_pairs(to, tags, input->tag_count);
    free(tags);
}

static void add_links(struct digest_builder *to, struct moved_run *run)
{
    if (run->dataset_count > 1) {
        qsort(run->datasets, run->dataset_count, sizeof *run->datasets, compare_datasets);
    }
    add_int(to, (int64_t)run->dataset_count);
    for (size_t i = 0; i < run->dataset_count; i++) {
        const struct dataset_use *use = &run->datasets[i].dataset;
        add_text(to, use->name);
        add_text(to, use->digest);
        add_text(to, use->source_type);
        add_text(to, use->source);
        add_text(to, use->schema);
        add_text(to, use->profile);
        add_input_tags(to, &run->datasets[i]);
    }
    if (run->model_input_count > 1) {
        qsort(run->model_inputs, run->model_input_count, sizeof *run->model_inputs, compare_texts);
    }
    add_int(to, (int64_t)run->model_input_count);
    for (size_t i = 0; i < run->model_input_count; i++) {
        add_text(to, run->model_inputs[i]);
    }
    if (run->model_output_count > 1) {
        qsort(run->model_outputs, run->model_output_count, sizeof *run->model_outputs, compare_outputs);
    }
    add_int(to, (int64_t)run->model_output_count);
    for (size_t i = 0; i < run->model_output_count; i++) {
        add_text(to, run->model_outputs[i].model_id);
        add_int(to, run->model_outputs[i].step);
    }
}

struct move_run_content *move_run_content_new(struct moved_run *run)
{
    const struct run_info *info = &run->info;
    struct move_run_content *content = mem_alloc(sizeof *content);
    *content = (struct move_run_content){.to = digest_builder_new(), .arena = arena_new()};
    add_text(content->to, info->run_id);
    add_int(content->to, info->experiment_id);
    add_text(content->to, info->name);
    add_text(content->to, info->user);
    add_int(content->to, info->status);
    add_int(content->to, info->start_ms);
    add_int(content->to, info->end_ms);
    add_int(content->to, info->deleted);
    add_pairs(content->to, run->params.items, run->params.count);
    add_pairs(content->to, run->tags.items, run->tags.count);
    add_links(content->to, run);
    return content;
}

static void pack(char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (char)(unsigned char)(value >> (8 * i));
    }
}

static void add_points(struct move_run_content *content, const struct metric_ranks *points)
{
    enum { POINT_BYTES = 25, AT_ONCE = 4096 };
    char room[POINT_BYTES * AT_ONCE];
    add_int(content->to, (int64_t)points->count);
    for (size_t from = 0; from < points->count; from += AT_ONCE) {
        size_t count = points->count - from < AT_ONCE ? points->count - from : AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            const struct metric_rank *rank = &points->items[from + i];
            uint64_t bits = 0;
            memcpy(&bits, &rank->value, sizeof bits);
            pack(room + i * POINT_BYTES, (uint64_t)rank->time_ms);
            pack(room + i * POINT_BYTES + 8, (uint64_t)rank->step);
            pack(room + i * POINT_BYTES + 16, bits);
            room[i * POINT_BYTES + 24] = (char)(rank->is_nan ? 1 : 0);
        }
        digest_builder_add(content->to, (struct str){room, count * POINT_BYTES});
    }
}

/* The history of the key at hand is whole. */
static void end_key(struct move_run_content *content)
{
    if (content->key == NULL) {
        return;
    }
    add_text(content->to, "history");
    add_text(content->to, content->key);
    add_points(content, &content->all);
    content->points += (int64_t)content->all.count;
    content->key = NULL;
    arena_reset(content->arena);
}

void move_run_content_add(struct move_run_content *content, struct moved_series *series)
{
    metric_ranks_settle(&series->points);
    if (series->points.count == 0) {
        return;
    }
    if (content->key == NULL || strcmp(content->key, series->key) != 0) {
        end_key(content);
        content->key = arena_strdup(content->arena, series->key);
        content->all = metric_ranks_new(content->arena, series->points.count);
        memcpy(content->all.items, series->points.items, series->points.count * sizeof *series->points.items);
        content->all.count = series->points.count;
    } else {
        struct metric_ranks more = {0};
        content->all = metric_ranks_union(content->arena, &content->all, &series->points, &more);
    }
    if (series->model_id[0] != '\0' || series->dataset_name[0] != '\0' || series->dataset_digest[0] != '\0') {
        add_text(content->to, series->model_id);
        add_text(content->to, series->dataset_name);
        add_text(content->to, series->dataset_digest);
        add_text(content->to, series->key);
        add_points(content, &series->points);
    }
}

struct digest move_run_content_take(struct move_run_content *content, int64_t *ret_points)
{
    end_key(content);
    struct digest digest = digest_builder_take(content->to);
    if (ret_points != NULL) {
        *ret_points = content->points;
    }
    arena_free(content->arena);
    free(content);
    return digest;
}
