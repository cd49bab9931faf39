/* SPDX-License-Identifier: Apache-2.0
 * Runs of MLflow's folder, written.
 */
#include "base/fs.h"
#include "base/path.h"
#include "digest/digest.h"
#include "move/folder_sink.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *run_folder(const struct folder_sink *sink, const struct moved_run *run)
{
    return arena_printf(sink->record, "%s/%lld/%s", sink->part, (long long)run->info.experiment_id, run->info.run_id);
}

/* ---- what is said of it ----------------------------------------------------------------------------------------- */

/* MLflow's RunStatus. */
static int64_t status_number(enum run_status status)
{
    static const int64_t numbers[] = {
        [RUN_STATUS_SCHEDULED] = 2, [RUN_STATUS_RUNNING] = 1, [RUN_STATUS_FINISHED] = 3,
        [RUN_STATUS_FAILED] = 4,    [RUN_STATUS_KILLED] = 5,
    };
    return numbers[status];
}

static int put_info(struct folder_sink *sink, const struct moved_run *run, const char *folder, struct err *err)
{
    const struct run_info *info = &run->info;
    struct strbuf *lines = &sink->lines;
    folder_add_text(lines, 0, "run_id", info->run_id);
    folder_add_text(lines, 0, "run_uuid", info->run_id);
    folder_add_text(lines, 0, "experiment_id", arena_printf(sink->record, "%lld", (long long)info->experiment_id));
    folder_add_text(lines, 0, "run_name", info->name);
    folder_add_text(lines, 0, "user_id", info->user);
    folder_add_text(lines, 0, "artifact_uri", info->artifact_uri);
    folder_add_text(lines, 0, "lifecycle_stage", info->deleted ? "deleted" : "active");
    folder_add_int(lines, "status", status_number(info->status));
    folder_add_int(lines, "start_time", info->start_ms);
    if (info->end_ms == 0) {
        folder_add_text(lines, 0, "end_time", NULL);
    } else {
        folder_add_int(lines, "end_time", info->end_ms);
    }
    if (info->deleted && run->deleted_ms != 0) {
        folder_add_int(lines, "deleted_time", run->deleted_ms);
    }
    strbuf_add_text(lines, "source_type: 4\nsource_name: ''\nsource_version: ''\nentry_point_name: ''\ntags: []\n");
    return folder_file_write(folder, "meta.yaml", lines, sink->record, err);
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

/* 32 hex digits that stand for the parts. */
static const char *make_id(const struct folder_sink *sink, const char *a, const char *b)
{
    struct digest_builder *builder = digest_builder_new();
    digest_builder_add(builder, str_from(a));
    digest_builder_add(builder, str_from(b));
    return arena_printf(sink->record, "%.32s", digest_builder_take(builder).hex);
}

static int put_link(struct folder_sink *sink, const char *folder, const char *source_type, const char *source,
                    const char *destination_type, const char *destination, const struct dataset_input *input,
                    const int64_t *step, struct err *err)
{
    struct strbuf *lines = &sink->lines;
    folder_add_text(lines, 0, "source_type", source_type);
    folder_add_text(lines, 0, "source_id", source);
    folder_add_text(lines, 0, "destination_type", destination_type);
    folder_add_text(lines, 0, "destination_id", destination);
    folder_add_pairs(lines, "tags", input == NULL ? NULL : input->tags, input == NULL ? 0 : input->tag_count);
    if (step != NULL) {
        folder_add_int(lines, "step", *step);
    }
    return folder_file_write(folder, "meta.yaml", lines, sink->record, err);
}

static int put_dataset(struct folder_sink *sink, const struct moved_run *run, const char *folder,
                       const struct dataset_input *input, struct err *err)
{
    const struct dataset_use *use = &input->dataset;
    struct strbuf *lines = &sink->lines;
    const char *id = make_id(sink, use->name, use->digest);
    const char *its = arena_printf(sink->record, "%s/%lld/datasets/%s", sink->part, (long long)run->info.experiment_id,
                                   id);
    folder_add_text(lines, 0, "name", use->name);
    folder_add_text(lines, 0, "digest", use->digest);
    folder_add_text(lines, 0, "source_type", use->source_type == NULL ? "" : use->source_type);
    folder_add_text(lines, 0, "source", use->source == NULL ? "" : use->source);
    folder_add_text_or_null(lines, "schema", use->schema);
    folder_add_text_or_null(lines, "profile", use->profile);
    if (folder_file_write(its, "meta.yaml", lines, sink->record, err) < 0) {
        return -1;
    }
    const char *link = arena_printf(sink->record, "%s/inputs/%s", folder, make_id(sink, id, run->info.run_id));
    return put_link(sink, link, "DATASET", id, "RUN", id, input, NULL, err);
}

static int put_output(struct folder_sink *sink, const char *folder, const struct model_output *output,
                      struct err *err)
{
    const char *link = arena_printf(sink->record, "%s/outputs/%s", folder, output->model_id);
    if (fs_exists(link)) {
        folder_leave(sink, "further steps of one model that a run gave", 1,
                     "MLflow's folder has one step for a run and a model");
        return 0;
    }
    return put_link(sink, link, "RUN_OUTPUT", output->model_id, "MODEL_OUTPUT", output->model_id, NULL, &output->step,
                    err);
}

static int put_links(struct folder_sink *sink, const struct moved_run *run, const char *folder, struct err *err)
{
    int result = 0;
    for (size_t i = 0; i < run->dataset_count && result == 0; i++) {
        result = put_dataset(sink, run, folder, &run->datasets[i], err);
    }
    for (size_t i = 0; i < run->model_input_count && result == 0; i++) {
        const char *id = run->model_inputs[i];
        const char *link = arena_printf(sink->record, "%s/inputs/%s", folder, make_id(sink, id, run->info.run_id));
        result = put_link(sink, link, "MODEL", id, "RUN", id, NULL, NULL, err);
    }
    for (size_t i = 0; i < run->model_output_count && result == 0; i++) {
        result = put_output(sink, folder, &run->model_outputs[i], err);
    }
    return result;
}

int folder_put_run(struct move_sink *base, const struct moved_run *run, struct err *err)
{
    static const char *const parts[] = {"metrics", "params", "tags", "artifacts"};
    struct folder_sink *sink = folder_sink_of(base);
    arena_reset(sink->record);
    const char *folder = run_folder(sink, run);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) { /* MLflow wants them, also when they are empty */
        if (fs_make_folders(path_join(sink->record, folder, parts[i]), 0777, err) < 0) {
            return -1;
        }
    }
    return put_info(sink, run, folder, err) < 0 || folder_put_pairs(sink, folder, "params", &run->params, err) < 0 ||
                   folder_put_pairs(sink, folder, "tags", &run->tags, err) < 0
               ? -1
               : put_links(sink, run, folder, err);
}

/* ---- points ----------------------------------------------------------------------------------------------------- */

/* The shortest that is read as the same number. */
static void add_value(struct strbuf *lines, const struct metric_rank *rank)
{
    char room[40];
    if (rank->is_nan) {
        strbuf_add_text(lines, "nan");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(room, sizeof room, "%.*g", digits, rank->value);
        if (strtod(room, NULL) == rank->value) {
            break;
        }
    }
    strbuf_add_text(lines, room);
}

static int append(const struct folder_sink *sink, const char *path, struct strbuf *lines, struct err *err)
{
    if (lines->overflow) {
        strbuf_reset(lines);
        return err_set(err, ERR_LIMIT, "'%s' would be larger than %d MB", path, FOLDER_TEXT_MAX >> 20);
    }
    FILE *file = fopen(path, "ae");
    bool good = file != NULL && fwrite(lines->data, 1, lines->length, file) == lines->length;
    good = (file == NULL || fclose(file) == 0) && good;
    strbuf_reset(lines);
    (void)sink;
    return good ? 0 : err_errno(err, "writing '%s'", path);
}

/* `more` stands behind each point. Points that do not fit one write are written in pieces. */
static int put_points(struct folder_sink *sink, const char *folder, const char *key, const struct metric_ranks *points,
                      const char *more, struct err *err)
{
    enum { POINTS_AT_ONCE = 100000 };
    const char *path = NULL;
    bool again = fs_is_file(path_join(sink->record, folder, key));
    int found = again ? 1 : folder_key_path(folder, key, sink->record, &path, err);
    path = again ? path_join(sink->record, folder, key) : path;
    if (found != 1) {
        folder_leave(sink, "points of metrics", found == 0 ? (int64_t)points->count : 0,
                     "their keys cannot be names of files, beside those of the others");
        return found;
    }
    for (size_t i = 0; i < points->count; i++) {
        const struct metric_rank *rank = &points->items[i];
        strbuf_printf(&sink->lines, "%lld ", (long long)rank->time_ms);
        add_value(&sink->lines, rank);
        strbuf_printf(&sink->lines, " %lld%s\n", (long long)rank->step, more);
        bool full = i % POINTS_AT_ONCE == POINTS_AT_ONCE - 1 || i + 1 == points->count;
        if (full && append(sink, path, &sink->lines, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int folder_put_history(struct move_sink *base, const struct moved_run *run, const char *key,
                       const struct metric_ranks *points, struct err *err)
{
    struct folder_sink *sink = folder_sink_of(base);
    return put_points(sink, path_join(sink->record, run_folder(sink, run), "metrics"), key, points, "", err);
}

static const struct folder_owner *find_model(const struct folder_sink *sink, const char *id)
{
    size_t low = 0;
    size_t high = sink->model_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(sink->models[middle].model_id, id);
        if (order == 0) {
            return &sink->models[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

int folder_put_measured(struct move_sink *base, const struct moved_run *run, const struct moved_series *series,
                        struct err *err)
{
    struct folder_sink *sink = folder_sink_of(base);
    const struct folder_owner *owner = find_model(sink, series->model_id);
    bool has_data = series->dataset_name[0] != '\0' || series->dataset_digest[0] != '\0';
    bool told = series->dataset_name[0] != '\0' && series->dataset_digest[0] != '\0' &&
                strpbrk(series->dataset_name, " \n\r\t") == NULL && strpbrk(series->dataset_digest, " \n\r\t") == NULL;
    if (owner == NULL) {
        folder_leave(sink, "models and datasets that points were measured on", (int64_t)series->points.count,
                     "MLflow's folder keeps them with a model that is there; the points are there");
        return 0;
    }
    if (has_data && !told) {
        folder_leave(sink, "datasets of points that were measured on a model", (int64_t)series->points.count,
                     "MLflow cannot read a name with a blank in it from its folder; the points are there");
    }
    const char *folder = arena_printf(sink->record, "%s/%lld/models/%s/metrics", sink->part,
                                      (long long)owner->experiment, series->model_id);
    const char *more = told ? arena_printf(sink->record, " %s %s %s", run->info.run_id, series->dataset_name,
                                           series->dataset_digest)
                            : arena_printf(sink->record, " %s", run->info.run_id);
    return put_points(sink, folder, series->key, &series->points, more, err);
}
