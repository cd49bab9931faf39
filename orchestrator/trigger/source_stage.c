/* SPDX-License-Identifier: Apache-2.0
 * What a commit changes is written before it counts (store/coming.h), some pipelines in each turn: what puts it in
 * force then is one row.
 */
#include "store/coming.h"
#include "store/pipeline_runs.h"
#include "trigger/sources_internal.h"

#include <string.h>

enum {
    TURN_PIPELINES = 20, /* in one turn, and no more when TURN_MS have passed */
    TURN_MS = 4,
};

/* ---- what there is to write ------------------------------------------------------------------------------------- */

/* Whatever else is wrong is found when it is taken (source_take.c). */
static bool may_be_in_force(struct reading *reading)
{
    reading->names = str_index_new(reading->arena, reading->count);
    for (size_t i = 0; i < reading->count; i++) {
        const struct read_file *file = &reading->files[i];
        if (file->pipeline == NULL || str_index_add(reading->names, str_from(file->name)) != i) {
            return false;
        }
    }
    return reading->unread == NULL && reading->count > 0;
}

static const struct pipeline_in_force *before_of(const struct reading *reading, const char *name)
{
    ptrdiff_t at = str_index_find(reading->before_names, str_from(name));
    return at < 0 ? NULL : &reading->before[at];
}

static bool is_as_before(const struct reading *reading, const struct read_file *file)
{
    const struct source_file *now = &file->file;
    const struct pipeline_in_force *row = before_of(reading, file->name);
    return row != NULL && strcmp(row->path, now->path) == 0 && strcmp(row->stamp, now->stamp) == 0 &&
           strcmp(row->git, now->git) == 0 && strcmp(row->file, now->file) == 0 &&
           strcmp(row->workspace, now->workspace) == 0;
}

/* 1 when it has something to write. */
static int begin(struct reading *reading, struct triggers *t, const char *source, struct err *err)
{
    if (!may_be_in_force(reading)) {
        return 0;
    }
    if (store_in_force_list(t->options.store, source, reading->arena, &reading->before, &reading->before_count, err) <
        0) {
        return -1;
    }
    reading->before_names = str_index_new(reading->arena, reading->before_count);
    for (size_t i = 0; i < reading->before_count; i++) {
        (void)str_index_add(reading->before_names, str_from(reading->before[i].name));
    }
    bool same = reading->before_count == reading->count;
    for (size_t i = 0; same && i < reading->count; i++) {
        same = is_as_before(reading, &reading->files[i]);
    }
    return same ? 0 : 1;
}

/* ---- writing it ------------------------------------------------------------------------------------------------- */

static int write_file(const struct reading *reading, struct triggers *t, struct engine *engine,
                      const struct read_file *file, struct err *err)
{
    struct arena *arena = engine_arena(engine);
    const struct pipeline_in_force *before = before_of(reading, file->name);
    const char *definition = pipeline_digest(file->pipeline, arena).p;
    bool same = before != NULL && strcmp(before->definition, definition) == 0;
    struct listening listening = {0};
    const struct coming_pipeline pipeline = {
        .change = same ? COMING_MOVED : COMING_OTHER,
        .was = before == NULL ? "" : before->definition,
        .row = {.name = file->name,
                .source = file->file.source,
                .path = file->file.path,
                .file = file->file.file,
                .folder = file->file.folder,
                .workspace = file->file.workspace,
                .definition = definition,
                .git = file->file.git,
                .stamp = file->file.stamp,
                .since_ms = same ? before->since_ms : 0},
    };
    if (!same && (store_definition_put(t->options.store, definition, file->name, file->pipeline->source,
                                       engine_time(engine), err) < 0 ||
                  listening_of(t, file->pipeline, engine_time(engine), arena, &listening, err) < 0)) {
        return -1;
    }
    return store_coming_put(t->options.store, &pipeline, listening.schedules, listening.schedule_count,
                            listening.subscriptions, listening.subscription_count, err);
}

static int write_end(const struct reading *reading, struct triggers *t, const struct pipeline_in_force *before,
                     struct err *err)
{
    struct coming_pipeline pipeline = {.change = COMING_GONE, .was = before->definition, .row = *before};
    pipeline.row.since_ms = 0;
    return str_index_find(reading->names, str_from(before->name)) >= 0
               ? 0
               : store_coming_put(t->options.store, &pipeline, NULL, 0, NULL, 0, err);
}

int reading_write(struct reading *reading, struct triggers *t, struct engine *engine, const struct source *source,
                  struct err *err)
{
    int64_t begun_ms = engine_monotonic_ms(engine);
    const char *name = source->spec.name;
    if (!reading->writes) {
        int wants = begin(reading, t, name, err);
        if (wants <= 0) {
            return wants < 0 ? -1 : 1;
        }
        const char *actor = arena_printf(engine_arena(engine), "source %s", name);
        if (engine_write(engine, err) < 0 || store_coming_begin(t->options.store, name, actor, err) < 0) {
            return -1;
        }
        reading->writes = true;
    }
    size_t all = reading->count + reading->before_count;
    size_t last = reading->written + TURN_PIPELINES < all ? reading->written + TURN_PIPELINES : all;
    if (engine_write(engine, err) < 0) {
        return -1;
    }
    while (reading->written < last) {
        size_t i = reading->written++;
        if ((i < reading->count ? write_file(reading, t, engine, &reading->files[i], err)
                                : write_end(reading, t, &reading->before[i - reading->count], err)) < 0) {
            return -1;
        }
        if (engine_monotonic_ms(engine) - begun_ms >= TURN_MS) {
            break;
        }
    }
    engine_crash_point(engine, "in_writing");
    return reading->written == all ? 1 : 0;
}
