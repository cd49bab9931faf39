/* SPDX-License-Identifier: Apache-2.0
 * MLflow's folder: an experiment is a folder with its runs in it, deleted ones are in .trash, registered models in
 * models.
 */
#include "move/folder_source.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "move/place.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is there ---------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct folder_record *)a)->id, ((const struct folder_record *)b)->id);
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t left = ((const struct folder_record *)a)->experiment_id;
    int64_t right = ((const struct folder_record *)b)->experiment_id;
    return left < right ? -1 : left > right;
}

int folder_find(struct folder_source *source, enum moved_kind kind, const char *id, const struct folder_record **ret,
                struct err *err)
{
    const struct folder_records *records = &source->records[kind];
    struct folder_record wanted = {.id = id};
    (void)parse_int(str_from(id), INT64_MIN, INT64_MAX, &wanted.experiment_id, NULL);
    *ret = records->count == 0 ? NULL
                               : bsearch(&wanted, records->items, records->count, sizeof wanted,
                                         kind == MOVED_EXPERIMENT ? compare_numbers : compare_ids);
    return *ret != NULL ? 0 : err_set(err, ERR_NOT_FOUND, "it is not there any more");
}

static void add_record(struct folder_source *source, enum moved_kind kind, const struct folder_record *record)
{
    struct folder_records *records = &source->records[kind];
    records->items = arena_grow(source->arena, records->items, records->count, &records->room, sizeof *records->items);
    records->items[records->count++] = *record;
}

static bool has_file(const char *folder, const char *file, struct arena *arena)
{
    return fs_is_file(path_join(arena, folder, file));
}

/* All folders of `folder` that have the file are records of a kind. */
static int note_records(struct folder_source *source, enum moved_kind kind, const struct folder_record *experiment,
                        const char *folder, const char *file, struct err *err)
{
    struct moved_ids names;
    if (folder_list(folder, source->arena, &names, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < names.count; i++) {
        struct folder_record record = *experiment;
        record.id = names.items[i];
        record.path = path_join(source->arena, folder, names.items[i]);
        bool reserved = strcmp(record.id, "tags") == 0 || strcmp(record.id, "datasets") == 0 ||
                        strcmp(record.id, "traces") == 0 || strcmp(record.id, "models") == 0;
        if (has_file(record.path, file, source->arena) && (kind != MOVED_RUN || !reserved)) {
            add_record(source, kind, &record);
        }
    }
    return 0;
}

static int count_assessments(struct folder_source *source, const char *traces, struct err *err)
{
    struct moved_ids names;
    if (folder_list(traces, source->arena, &names, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < names.count; i++) {
        struct fs_list list = {0};
        const char *folder = path_join(source->arena, traces, names.items[i]);
        folder = path_join(source->arena, folder, "assessments");
        if (fs_is_folder(folder) && fs_walk(folder, 1000000, source->arena, &list, err) < 0) {
            return -1;
        }
        move_report_left(source->base.report, "assessments of traces", (int64_t)list.count,
                         "they are not imported");
    }
    return 0;
}

static int note_experiment(struct folder_source *source, const char *name, const char *path, bool deleted,
                           struct err *err)
{
    struct folder_record record = {.id = name, .path = path, .experiment = path, .deleted = deleted};
    if (parse_int(str_from(name), 0, INT64_MAX, &record.experiment_id, NULL) < 0) {
        move_report_problem(source->base.report, "experiment '%.100s' is left out: its id is no number", name);
        return 0;
    }
    add_record(source, MOVED_EXPERIMENT, &record);
    const char *models = path_join(source->arena, path, "models");
    const char *traces = path_join(source->arena, path, "traces");
    return note_records(source, MOVED_RUN, &record, path, "meta.yaml", err) < 0 ||
                   note_records(source, MOVED_MODEL, &record, models, "meta.yaml", err) < 0 ||
                   note_records(source, MOVED_TRACE, &record, traces, "trace_info.yaml", err) < 0
               ? -1
               : count_assessments(source, traces, err);
}

static int note_experiments(struct folder_source *source, const char *folder, bool deleted, struct err *err)
{
    struct moved_ids names;
    if (folder_list(folder, source->arena, &names, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < names.count; i++) {
        const char *path = path_join(source->arena, folder, names.items[i]);
        if (has_file(path, "meta.yaml", source->arena) &&
            note_experiment(source, names.items[i], path, deleted, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Sorted by id, each once: a copy of a run's folder in another experiment is told and passed over. */
static void settle(struct folder_source *source, enum moved_kind kind)
{
    struct folder_records *records = &source->records[kind];
    size_t kept = 0;
    if (records->count > 1) {
        qsort(records->items, records->count, sizeof *records->items,
              kind == MOVED_EXPERIMENT ? compare_numbers : compare_ids);
    }
    for (size_t i = 0; i < records->count; i++) {
        if (kept > 0 && strcmp(records->items[kept - 1].id, records->items[i].id) == 0) {
            move_report_problem(source->base.report, "'%s' is left out: '%s' has that id, too", records->items[i].path,
                                records->items[kept - 1].path);
            continue;
        }
        records->items[kept++] = records->items[i];
    }
    records->count = kept;
}

static int note_all(struct folder_source *source, struct err *err)
{
    const char *root = source->base.name;
    struct folder_record none = {0};
    if (note_experiments(source, root, false, err) < 0 ||
        note_experiments(source, path_join(source->arena, root, ".trash"), true, err) < 0 ||
        note_records(source, MOVED_REGISTERED, &none, path_join(source->arena, root, "models"), "meta.yaml", err) < 0) {
        return -1;
    }
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        settle(source, (enum moved_kind)kind);
    }
    return 0;
}

static int ids(struct move_source *base, enum moved_kind kind, struct arena *arena, struct moved_ids *ret,
               struct err *err)
{
    const struct folder_records *records = &folder_of(base)->records[kind];
    (void)err;
    *ret = (struct moved_ids){0};
    for (size_t i = 0; i < records->count; i++) {
        moved_ids_add(ret, arena, records->items[i].id);
    }
    return 0;
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

const char *folder_place(const struct folder_source *source, const struct folder_record *record, const char *uri,
                         struct arena *arena)
{
    struct place place;
    const char *own = path_join(arena, record->path, "artifacts");
    bool moved = place_find(uri, record->id, source->base.folder, NULL, arena, &place, NULL) == 0 &&
                 place.kind == PLACE_LOCAL && !fs_is_folder(place.path) && fs_is_folder(own);
    return moved ? own : uri;
}

int folder_check_id(const struct folder_record *record, const char *said, struct err *err)
{
    return strcmp(record->id, said) == 0
               ? 0
               : err_set(err, ERR_INPUT, "its file in '%s' says that it is '%.100s'", record->path, said);
}

/* ---- experiments and traces ------------------------------------------------------------------------------------- */

static int experiment(struct move_source *base, const char *id, struct arena *arena, struct moved_experiment *ret,
                      struct err *err)
{
    const struct folder_record *record = NULL;
    const struct yaml_node *meta = NULL;
    struct moved_experiment found = {0};
    if (folder_find(folder_of(base), MOVED_EXPERIMENT, id, &record, err) < 0 ||
        folder_meta_read(record->path, "meta.yaml", arena, &meta, err) < 0 ||
        folder_check_id(record, folder_meta_text(meta, "experiment_id"), err) < 0 ||
        folder_meta_int(meta, "creation_time", &found.created_ms, err) < 0 ||
        folder_meta_int(meta, "last_update_time", &found.updated_ms, err) < 0 ||
        folder_pairs_read(record->path, "tags", arena, &found.tags, err) < 0) {
        return -1;
    }
    found.id = record->experiment_id;
    found.name = folder_meta_text(meta, "name");
    found.artifact_location = folder_meta_text(meta, "artifact_location");
    found.deleted = record->deleted || strcmp(folder_meta_text(meta, "lifecycle_stage"), "deleted") == 0;
    *ret = found;
    return 0;
}

/* MLflow 3 writes a time in words, 2 wrote a number. */
static int read_times(const struct yaml_node *meta, struct trace *ret, struct err *err)
{
    const char *began = folder_meta_text_or_null(meta, "request_time");
    if (began == NULL) {
        return folder_meta_int(meta, "timestamp_ms", &ret->start_ms, err) < 0
                   ? -1
                   : folder_meta_int(meta, "execution_time_ms", &ret->duration_ms, err);
    }
    return parse_time(str_from(began), &ret->start_ms, err) < 0
               ? -1
               : folder_meta_int(meta, "execution_duration_ms", &ret->duration_ms, err);
}

static int trace(struct move_source *base, const char *id, struct arena *arena, struct moved_trace *ret,
                 struct err *err)
{
    const struct folder_record *record = NULL;
    const struct yaml_node *meta = NULL;
    struct moved_trace found = {0};
    struct moved_pairs tags = {0};
    if (folder_find(folder_of(base), MOVED_TRACE, id, &record, err) < 0 ||
        folder_meta_read(record->path, "trace_info.yaml", arena, &meta, err) < 0 ||
        read_times(meta, &found.info, err) < 0 || folder_pairs_read(record->path, "tags", arena, &tags, err) < 0 ||
        folder_pairs_read(record->path, "request_metadata", arena, &found.metadata, err) < 0) {
        return -1;
    }
    const char *said = folder_meta_text_or_null(meta, "trace_id");
    const char *state = folder_meta_text_or_null(meta, "state");
    if (folder_check_id(record, said == NULL ? folder_meta_text(meta, "request_id") : said, err) < 0) {
        return -1;
    }
    found.info.request_id = record->id;
    found.info.experiment_id = record->experiment_id;
    found.info.status = trace_status_of(state == NULL ? folder_meta_text(meta, "status") : state);
    moved_trace_tags(&found, &tags, arena);
    found.info.artifact_uri = folder_place(folder_of(base), record, found.info.artifact_uri, arena);
    *ret = found;
    return 0;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static const struct move_source_ops folder_ops = {
    .ids = ids,
    .experiment = experiment,
    .run = folder_run,
    .series = folder_series,
    .model = folder_model,
    .registered = folder_registered,
    .trace = trace,
};

int move_folder_open(const char *path, struct arena *arena, struct move_report *report, struct move_source **ret,
                     struct err *err)
{
    char *real = realpath(path, NULL);
    if (real == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no '%s'", path);
    }
    struct folder_source *source = arena_one(arena, struct folder_source);
    const char *name = arena_strdup(arena, real);
    free(real);
    *source = (struct folder_source){.base = {&folder_ops, name, path_dir(arena, name), report}, .arena = arena};
    if (note_all(source, err) < 0) {
        return -1;
    }
    if (source->records[MOVED_EXPERIMENT].count == 0 && source->records[MOVED_REGISTERED].count == 0) {
        return err_set(err, ERR_INPUT, "'%s' is no folder of MLflow: expected folders of experiments with a meta.yaml, "
                       "as in mlruns", name);
    }
    *ret = &source->base;
    return 0;
}
