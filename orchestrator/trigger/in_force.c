/* SPDX-License-Identifier: Apache-2.0
 * What is in force: definitions come, change and go, and their schedules and subscriptions with them.
 */
#include "base/log.h"
#include "store/pipeline_runs.h"
#include "trigger/trigger_internal.h"

#include <string.h>

/* ---- checking --------------------------------------------------------------------------------------------------- */

static const char *problems_json(const struct diags *diags, struct arena *arena)
{
    struct json list = json_array();
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];
        struct json one = json_object();
        if (diag->level != DIAG_ERROR) {
            continue;
        }
        json_add(arena, &one, "line", json_int(diag->pos.line));
        json_add(arena, &one, "column", json_int(diag->pos.column));
        json_add(arena, &one, "code", json_cstring(arena, diag_code_text(diag->code)));
        json_add(arena, &one, "message", json_cstring(arena, diag->message));
        json_add(arena, &one, "hint", diag->hint == NULL ? json_null() : json_cstring(arena, diag->hint));
        json_push(arena, &list, one);
    }
    return json_text(arena, &list).p;
}

struct checked_file in_force_check(struct triggers *triggers, const struct source_file *file, struct arena *arena)
{
    struct diags diags;
    struct pipeline_world world = {.plugins = triggers->options.plugins,
                                   .check_files = true,
                                   .folder = file->folder,
                                   .root = file->workspace};
    if (triggers->options.join != NULL) {
        triggers->options.join(triggers->options.join_ctx, &world);
    }
    diags_init(&diags, arena, file->file);
    diags.text = file->text;
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    return (struct checked_file){
        .pipeline = pipeline,
        .name = pipeline == NULL ? "" : arena_str(arena, pipeline->name).p,
        .problems = problems_json(&diags, arena),
        .unread = diags.unread,
    };
}

/* ---- what a definition brings ----------------------------------------------------------------------------------- */

/* A schedule that is the same at the same times goes on where it was; one that is new, or is at other times, begins
 * now. */
static void go_on(struct schedule_row *row, const struct schedule_row *before, size_t before_count)
{
    for (size_t i = 0; i < before_count; i++) {
        const struct schedule_row *old = &before[i];
        if (old->in_force && strcmp(old->schedule, row->schedule) == 0 && strcmp(old->cron, row->cron) == 0 &&
            strcmp(old->timezone, row->timezone) == 0) {
            row->decided_ms = old->decided_ms;
            row->next_ms = old->next_ms;
        }
    }
}

static int put_triggers(struct triggers *t, struct engine *engine, const struct pipeline *pipeline, struct err *err)
{
    struct store *store = t->options.store;
    struct arena *arena = engine_arena(engine);
    const char *name = arena_str(arena, pipeline->name).p;
    struct schedule_row *before = NULL;
    size_t count = 0;
    struct listening listening;
    if (listening_of(t, pipeline, engine_time(engine), arena, &listening, err) < 0 ||
        store_schedule_list(store, name, true, arena, &before, &count, err) < 0 ||
        store_schedules_out_of_force(store, name, err) < 0 || store_subscriptions_clear(store, name, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < listening.schedule_count; i++) {
        go_on(&listening.schedules[i], before, count);
        if (store_schedule_put(store, &listening.schedules[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < listening.subscription_count; i++) {
        if (store_subscription_put(store, &listening.subscriptions[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

static const char *pipeline_words(struct engine *engine, const char *name)
{
    return arena_printf(engine_arena(engine), "pipeline %s", name);
}

int in_force_tell(struct engine *engine, const struct pipeline_in_force *row, const char *was, const char *actor,
                  struct err *err)
{
    log_info("triggers", "%s is in force, from %s", row->name, row->file);
    return engine_record(engine, actor, "pipeline.in_force", pipeline_words(engine, row->name), row->name, was,
                         row->definition, arena_printf(engine_arena(engine), "from %s", row->file), err);
}

int in_force_tell_end(struct engine *engine, const struct pipeline_in_force *row, const char *actor, struct err *err)
{
    log_info("triggers", "%s is not in force any more", row->name);
    return engine_record(engine, actor, "pipeline.out_of_force", pipeline_words(engine, row->name), row->name,
                         row->definition, "", arena_printf(engine_arena(engine), "it was in %s", row->file), err);
}

/* What the file had in force before, if that is called otherwise now. */
static int end_former(struct triggers *t, struct engine *engine, const struct source_file *file, const char *name,
                      const char *actor, struct err *err)
{
    struct pipeline_in_force row;
    int found = store_in_force_of_file(t->options.store, file->source, file->path, engine_arena(engine), &row, err);
    return found < 0 ? -1 : found == 0 || strcmp(row.name, name) == 0 ? 0 : in_force_end(t, engine, &row, actor, err);
}

int in_force_put(struct triggers *triggers, struct engine *engine, const struct source_file *file,
                 const struct pipeline *pipeline, const char *actor, struct err *err)
{
    struct store *store = triggers->options.store;
    struct arena *arena = engine_arena(engine);
    const char *name = arena_str(arena, pipeline->name).p;
    struct pipeline_in_force before;
    int found =
        in_force_settle(triggers, engine, name, err) < 0 ? -1 : store_in_force_find(store, name, arena, &before, err);
    if (found < 0) {
        return -1;
    }
    if (found == 1 && (strcmp(before.source, file->source) != 0 || strcmp(before.path, file->path) != 0)) {
        return err_set(err, ERR_EXISTS, "a pipeline '%s' is in force already, from %s: names are unique in a home",
                       name, before.file);
    }
    struct pipeline_in_force row = {
        .name = name,
        .source = file->source,
        .path = file->path,
        .file = file->file,
        .folder = file->folder,
        .workspace = file->workspace,
        .definition = pipeline_digest(pipeline, arena).p,
        .git = file->git,
        .stamp = file->stamp,
        .since_ms = engine_time(engine),
    };
    bool same = found == 1 && strcmp(before.definition, row.definition) == 0;
    row.since_ms = same ? before.since_ms : row.since_ms;
    if (store_definition_put(store, row.definition, name, pipeline->source, row.since_ms, err) < 0 ||
        end_former(triggers, engine, file, name, actor, err) < 0 || store_in_force_put(store, &row, err) < 0 ||
        store_refused_remove(store, file->source, file->path, err) < 0 ||
        put_triggers(triggers, engine, pipeline, err) < 0) {
        return -1;
    }
    triggers_forget(triggers);
    if (same) {
        return 0;
    }
    return in_force_tell(engine, &row, found == 1 ? before.definition : "", actor, err);
}

int in_force_refuse(struct triggers *triggers, struct engine *engine, const struct source_file *file, const char *name,
                    const char *problems, const char *actor, struct err *err)
{
    struct arena *arena = engine_arena(engine);
    struct json list;
    struct refused_file row = {
        .source = file->source,
        .path = file->path,
        .name = name,
        .problems = problems,
        .stamp = file->stamp,
        .since_ms = engine_time(engine),
    };
    const char *first = "it is not accepted";
    if (json_read(str_from(problems), (struct json_limits){0}, arena, &list, NULL) == 0 && list.type == JSON_ARRAY &&
        list.u.array.count > 0) {
        const struct json *one = &list.u.array.items[0];
        int64_t line = json_get_int(one, "line", 0);
        first = arena_printf(arena, "%s%s%s", line == 0 ? "" : arena_printf(arena, "line %lld: ", (long long)line),
                             json_get_text(one, "message", ""), list.u.array.count > 1 ? ", and more" : "");
    }
    log_warn("triggers", "%s is not put in force: %s", file->file, first);
    return engine_write(engine, err) < 0 || store_refused_put(triggers->options.store, &row, err) < 0
               ? -1
               : engine_record(engine, actor, "pipeline.refused", arena_printf(arena, "file %s", file->file), name, "",
                               "", first, err);
}

int in_force_end(struct triggers *triggers, struct engine *engine, const struct pipeline_in_force *row,
                 const char *actor, struct err *err)
{
    struct store *store = triggers->options.store;
    triggers_forget(triggers);
    return in_force_settle(triggers, engine, row->name, err) < 0 ||
                   store_in_force_remove(store, row->name, err) < 0 ||
                   store_schedules_out_of_force(store, row->name, err) < 0
               ? -1
               : in_force_tell_end(engine, row, actor, err);
}
