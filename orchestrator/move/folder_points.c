/* SPDX-License-Identifier: Apache-2.0
 * Points of metrics in MLflow's folder: a file for each key, a line for each point.
 */
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "move/folder_source.h"
#include "move/measured.h"

#include <stdlib.h>
#include <string.h>

enum { POINTS_BYTES_MAX = 1 << 30, FILES_MAX = 1000000 };

/* ---- lines ------------------------------------------------------------------------------------------------------ */

/* "1700000000000 0.5 3 [RUN] [NAME DIGEST]": the name of a dataset may have blanks in it. Lines of MLflow 0 have no
 * step. Texts are in `line`, which is cut. */
static int parse_line(char *line, bool has_run, struct folder_point *ret, struct err *err)
{
    char *end = NULL;
    struct str rest = str_from(line);
    struct str ms, value, step = {0}, run = {0};
    int64_t time = 0, number = 0;
    *ret = (struct folder_point){.run_id = "", .model_id = "", .dataset_name = "", .dataset_digest = ""};
    if (!str_cut(&rest, ' ', &ms) || !str_cut(&rest, ' ', &value) ||
        parse_int(ms, INT64_MIN, INT64_MAX, &time, NULL) < 0) {
        return err_set(err, ERR_INPUT, "a point is '%.100s': expected a time, a value and a step", line);
    }
    double read = value.n == 0 ? 0 : strtod(value.p, &end);
    bool whole = value.n > 0 && end == value.p + value.n;
    if (!whole || (str_cut(&rest, ' ', &step) && parse_int(step, INT64_MIN, INT64_MAX, &number, NULL) < 0) ||
        (has_run && !str_cut(&rest, ' ', &run))) {
        return err_set(err, ERR_INPUT, "a point is '%.100s': expected a time, a value and a step", line);
    }
    ret->rank = metric_rank_of(read, number, time);
    if (has_run) {
        line[run.p + run.n - line] = '\0';
        ret->run_id = run.p;
    }
    char *digest = rest.p == NULL ? NULL : strrchr(rest.p, ' ');
    if (digest != NULL) {
        *digest = '\0';
        ret->dataset_name = rest.p;
        ret->dataset_digest = digest + 1;
    }
    return 0;
}

typedef void take_point(void *context, const struct folder_point *point);

static int read_points(const char *path, const char *key, bool has_run, struct arena *arena, take_point *take,
                       void *context, struct err *err)
{
    struct str text;
    if (fs_read_file(path, POINTS_BYTES_MAX, arena, &text, err) < 0) {
        return -1;
    }
    char *line = (char *)(uintptr_t)text.p; /* the arena's, and ours */
    while (line != NULL && *line != '\0') {
        char *end = strchr(line, '\n');
        struct folder_point point;
        if (end != NULL) {
            *end = '\0';
        }
        size_t length = strlen(line);
        if (length > 0 && line[length - 1] == '\r') {
            line[length - 1] = '\0';
        }
        if (*line != '\0' && parse_line(line, has_run, &point, err) < 0) {
            return err_add(err, "metric '%s'", key);
        }
        if (*line != '\0') {
            point.key = key;
            take(context, &point);
        }
        line = end == NULL ? NULL : end + 1;
    }
    return 0;
}

/* ---- what was measured on models -------------------------------------------------------------------------------- */

static void add_measured(void *context, const struct folder_point *point)
{
    struct folder_source *source = context;
    source->measured = arena_grow(source->arena, source->measured, source->measured_count, &source->measured_room,
                                  sizeof *source->measured);
    source->measured[source->measured_count++] = *point;
}

static int compare_measured(const void *a, const void *b)
{
    const struct folder_point *left = a;
    const struct folder_point *right = b;
    int order = strcmp(left->run_id, right->run_id);
    order = order != 0 ? order : strcmp(left->key, right->key);
    order = order != 0 ? order : strcmp(left->model_id, right->model_id);
    order = order != 0 ? order : strcmp(left->dataset_name, right->dataset_name);
    return order != 0 ? order : strcmp(left->dataset_digest, right->dataset_digest);
}

static int read_model(struct folder_source *source, const struct folder_record *record, struct err *err)
{
    struct fs_list list;
    const char *folder = path_join(source->arena, record->path, "metrics");
    if (!fs_is_folder(folder)) {
        return 0;
    }
    if (fs_walk(folder, FILES_MAX, source->arena, &list, err) < 0) {
        return -1;
    }
    size_t from = source->measured_count;
    for (size_t i = 0; i < list.count; i++) {
        const char *key = list.entries[i].path;
        if (read_points(path_join(source->arena, folder, key), key, true, source->arena, add_measured, source, err) <
            0) {
            return -1;
        }
    }
    for (size_t i = from; i < source->measured_count; i++) {
        source->measured[i].model_id = record->id;
    }
    return 0;
}

/* Once. Of a model whose points cannot be read there are none, and that is told. */
static int read_measured(struct folder_source *source, struct err *err)
{
    const struct folder_records *models = &source->records[MOVED_MODEL];
    if (source->has_measured) {
        return 0;
    }
    source->has_measured = true;
    for (size_t i = 0; i < models->count; i++) {
        struct err wrong = {0};
        if (read_model(source, &models->items[i], &wrong) == 0) {
            continue;
        }
        if (!move_error_is_of_record(&wrong)) {
            return err_set(err, wrong.code, "%s", wrong.message);
        }
        move_report_problem(source->base.report, "what was measured on model '%s' is left out: %s",
                            models->items[i].id, wrong.message);
    }
    if (source->measured_count > 1) {
        qsort(source->measured, source->measured_count, sizeof *source->measured, compare_measured);
    }
    return 0;
}

/* The first point that was measured by a run. */
static size_t first_measured(const struct folder_source *source, const char *run_id)
{
    size_t low = 0;
    size_t high = source->measured_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = strcmp(source->measured[middle].run_id, run_id) < 0;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}

/* ---- series ----------------------------------------------------------------------------------------------------- */

/* The series of the key at hand. */
struct key_series {
    const char *key;
    struct arena *arena;
    struct moved_series *list;
    size_t *rooms;
    size_t count, room, rooms_room;
};

static void add_point(void *context, const struct folder_point *point)
{
    struct key_series *series = context;
    size_t at = 0;
    while (at < series->count && (strcmp(series->list[at].model_id, point->model_id) != 0 ||
                                  strcmp(series->list[at].dataset_name, point->dataset_name) != 0 ||
                                  strcmp(series->list[at].dataset_digest, point->dataset_digest) != 0)) {
        at++;
    }
    if (at == series->count) {
        series->list = arena_grow(series->arena, series->list, at, &series->room, sizeof *series->list);
        series->rooms = arena_grow(series->arena, series->rooms, at, &series->rooms_room, sizeof *series->rooms);
        series->list[at] = (struct moved_series){series->key, point->model_id, point->dataset_name,
                                                 point->dataset_digest, {0}};
        series->rooms[at] = 0;
        series->count++;
    }
    struct metric_ranks *points = &series->list[at].points;
    points->items = arena_grow(series->arena, points->items, points->count, &series->rooms[at], sizeof *points->items);
    points->items[points->count++] = point->rank;
}

static int compare_series(const void *a, const void *b)
{
    const struct moved_series *left = a;
    const struct moved_series *right = b;
    int order = strcmp(left->model_id, right->model_id);
    order = order != 0 ? order : strcmp(left->dataset_name, right->dataset_name);
    return order != 0 ? order : strcmp(left->dataset_digest, right->dataset_digest);
}

struct reader {
    struct folder_source *source;
    const char *folder; /* of the run's metrics */
    const char *run_id;
    size_t measured; /* the next */
    moved_series_take *take;
    void *context;
};

static const char *measured_key(const struct reader *reader)
{
    const struct folder_source *source = reader->source;
    bool more = reader->measured < source->measured_count &&
                strcmp(source->measured[reader->measured].run_id, reader->run_id) == 0;
    return more ? source->measured[reader->measured].key : NULL;
}

/* `path`: the file of the key, NULL where only a model has it. */
static int take_key(struct reader *reader, const char *key, const char *path, struct arena *arena, struct err *err)
{
    struct key_series series = {.key = key, .arena = arena};
    if (path != NULL && read_points(path, key, false, arena, add_point, &series, err) < 0) {
        return -1;
    }
    for (const char *next = NULL; (next = measured_key(reader)) != NULL && strcmp(next, key) == 0; reader->measured++) {
        add_point(&series, &reader->source->measured[reader->measured]);
    }
    if (series.count > 1) {
        qsort(series.list, series.count, sizeof *series.list, compare_series);
    }
    return measured_give(series.list, series.count, reader->take, reader->context, err);
}

static int take_keys(struct reader *reader, const struct fs_list *files, struct err *err)
{
    struct arena *arena = arena_new();
    int result = 0;
    size_t at = 0;
    const char *only = NULL;
    while (result == 0 && (at < files->count || measured_key(reader) != NULL)) {
        const char *key = at < files->count ? files->entries[at].path : NULL;
        only = measured_key(reader);
        if (key == NULL || (only != NULL && strcmp(only, key) < 0)) {
            result = take_key(reader, only, NULL, arena, err);
        } else {
            at++;
            result = take_key(reader, key, path_join(arena, reader->folder, key), arena, err);
        }
        arena_reset(arena);
    }
    arena_free(arena);
    return result;
}

int folder_series(struct move_source *base, const char *run_id, moved_series_take *take, void *context,
                  struct err *err)
{
    struct folder_source *source = folder_of(base);
    const struct folder_record *record = NULL;
    struct fs_list files = {0};
    if (read_measured(source, err) < 0 || folder_find(source, MOVED_RUN, run_id, &record, err) < 0) {
        return -1;
    }
    struct arena *names = arena_new();
    struct reader reader = {.source = source, .run_id = run_id, .take = take, .context = context,
                            .measured = first_measured(source, run_id),
                            .folder = path_join(names, record->path, "metrics")};
    bool none = !fs_is_folder(reader.folder);
    int result = !none && fs_walk(reader.folder, FILES_MAX, names, &files, err) < 0 ? -1
                                                                                   : take_keys(&reader, &files, err);
    arena_free(names);
    return result;
}
