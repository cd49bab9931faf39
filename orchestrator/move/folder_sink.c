/* SPDX-License-Identifier: Apache-2.0
 * A folder of MLflow, written beside its place. Deleted experiments are moved to .trash at the end, as MLflow does.
 */
#include "move/folder_sink.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"

#include <stdio.h>

void folder_leave(struct folder_sink *sink, const char *what, int64_t count, const char *why)
{
    sink->base.lossy = sink->base.lossy || count > 0;
    move_report_left(sink->base.report, what, count, why);
}

int folder_put_pairs(struct folder_sink *sink, const char *folder, const char *part, const struct moved_pairs *pairs,
                     struct err *err)
{
    int64_t left = 0;
    int result = folder_pairs_write(folder, part, pairs, sink->record, &left, err);
    folder_leave(sink, "params and tags", left, "their keys cannot be names of files, beside those of the others");
    return result;
}

static int experiment(struct move_sink *base, const struct moved_experiment *experiment, struct err *err)
{
    struct folder_sink *sink = folder_sink_of(base);
    arena_reset(sink->record);
    const char *id = arena_printf(sink->record, "%lld", (long long)experiment->id);
    const char *folder = path_join(sink->record, sink->part, id);
    folder_add_text(&sink->lines, 0, "experiment_id", id);
    folder_add_text(&sink->lines, 0, "name", experiment->name);
    folder_add_text(&sink->lines, 0, "artifact_location", experiment->artifact_location);
    folder_add_text(&sink->lines, 0, "lifecycle_stage", experiment->deleted ? "deleted" : "active");
    folder_add_int(&sink->lines, "creation_time", experiment->created_ms);
    folder_add_int(&sink->lines, "last_update_time", experiment->updated_ms);
    if (experiment->deleted) {
        sink->deleted = arena_grow(sink->arena, sink->deleted, sink->deleted_count, &sink->deleted_room,
                                   sizeof *sink->deleted);
        sink->deleted[sink->deleted_count++] = experiment->id;
    }
    return folder_file_write(folder, "meta.yaml", &sink->lines, sink->record, err) < 0
               ? -1
               : folder_put_pairs(sink, folder, "tags", &experiment->tags, err);
}

/* As MLflow 3 writes it. */
static int trace(struct move_sink *base, const struct moved_trace *trace, struct err *err)
{
    struct folder_sink *sink = folder_sink_of(base);
    const struct trace *info = &trace->info;
    struct moved_pairs tags = {0};
    arena_reset(sink->record);
    const char *experiment = arena_printf(sink->record, "%lld", (long long)info->experiment_id);
    const char *folder = arena_printf(sink->record, "%s/%s/traces/%s", sink->part, experiment, info->request_id);
    /* MLflow 3 reads what 2 wrote, too. */
    folder_add_text(&sink->lines, 0, "request_id", info->request_id);
    folder_add_text(&sink->lines, 0, "experiment_id", experiment);
    folder_add_int(&sink->lines, "timestamp_ms", info->start_ms);
    if (info->status == TRACE_IN_PROGRESS) {
        strbuf_add_text(&sink->lines, "execution_time_ms: null\n");
    } else {
        folder_add_int(&sink->lines, "execution_time_ms", info->duration_ms);
    }
    folder_add_text(&sink->lines, 0, "status", trace_status_names[info->status]);
    for (size_t i = 0; i < trace->tags.count; i++) {
        moved_pairs_add(&tags, sink->record, trace->tags.items[i].key, trace->tags.items[i].value);
    }
    moved_pairs_add(&tags, sink->record, TRACE_LOCATION_TAG, info->artifact_uri);
    return folder_file_write(folder, "trace_info.yaml", &sink->lines, sink->record, err) < 0 ||
                   folder_put_pairs(sink, folder, "tags", &tags, err) < 0
               ? -1
               : folder_put_pairs(sink, folder, "request_metadata", &trace->metadata, err);
}

static int bury(struct folder_sink *sink, int64_t experiment, struct err *err)
{
    const char *trash = path_join(sink->record, sink->part, ".trash");
    const char *from = arena_printf(sink->record, "%s/%lld", sink->part, (long long)experiment);
    const char *to = arena_printf(sink->record, "%s/%lld", trash, (long long)experiment);
    return rename(from, to) < 0 ? err_errno(err, "moving '%s' to .trash", from) : 0;
}

static int finish(struct move_sink *base, struct err *err)
{
    struct folder_sink *sink = folder_sink_of(base);
    arena_reset(sink->record);
    for (size_t i = 0; i < sink->deleted_count; i++) {
        if (bury(sink, sink->deleted[i], err) < 0) {
            return -1;
        }
    }
    if (rename(sink->part, sink->path) < 0) {
        return err_errno(err, "naming '%s'", sink->path);
    }
    sink->finished = true;
    return fs_sync_name(sink->path, err);
}

static void close_sink(struct move_sink *base)
{
    struct folder_sink *sink = folder_sink_of(base);
    if (!sink->finished) {
        (void)fs_remove(sink->part, NULL);
    }
    strbuf_clear(&sink->lines);
    arena_free(sink->record);
}

static const struct move_sink_ops folder_ops = {
    .experiment = experiment,
    .model = folder_put_model,
    .run = folder_put_run,
    .history = folder_put_history,
    .measured = folder_put_measured,
    .trace = trace,
    .registered = folder_put_registered,
    .finish = finish,
    .close = close_sink,
};

int move_folder_sink(const char *path, struct arena *arena, struct move_report *report, struct move_sink **ret,
                     struct err *err)
{
    struct folder_sink *sink = arena_one(arena, struct folder_sink);
    const char *part = arena_printf(arena, "%s.part", path);
    *sink = (struct folder_sink){
        .base = {.ops = &folder_ops, .report = report, .files = part, .uri = path},
        .path = path,
        .part = part,
        .arena = arena,
    };
    if (fs_exists(path)) {
        return err_set(err, ERR_EXISTS, "'%s' is there already: an export makes a new one", path);
    }
    if (fs_remove(part, err) < 0 || fs_make_folders(path_join(arena, part, ".trash"), 0777, err) < 0) {
        return -1;
    }
    sink->record = arena_new();
    strbuf_init(&sink->lines, FOLDER_TEXT_MAX);
    *ret = &sink->base;
    return 0;
}
