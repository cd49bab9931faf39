/* SPDX-License-Identifier: Apache-2.0
 * Logged models and the registry of MLflow's folder, written.
 */
#include "base/fs.h"
#include "base/path.h"
#include "move/folder_sink.h"

#include <stdio.h>

int folder_put_model(struct move_sink *base, const struct moved_model *model, struct err *err)
{
    static const char *const parts[] = {"metrics", "params", "tags"};
    struct folder_sink *sink = folder_sink_of(base);
    const struct logged_model *info = &model->info;
    struct strbuf *lines = &sink->lines;
    arena_reset(sink->record);
    const char *experiment = arena_printf(sink->record, "%lld", (long long)info->experiment_id);
    const char *folder = arena_printf(sink->record, "%s/%s/models/%s", sink->part, experiment, info->model_id);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (fs_make_folders(path_join(sink->record, folder, parts[i]), 0777, err) < 0) {
            return -1;
        }
    }
    sink->models = arena_grow(sink->arena, sink->models, sink->model_count, &sink->model_room, sizeof *sink->models);
    sink->models[sink->model_count++] =
        (struct folder_owner){arena_strdup(sink->arena, info->model_id), info->experiment_id};
    folder_add_text(lines, 0, "model_id", info->model_id);
    folder_add_text(lines, 0, "experiment_id", experiment);
    folder_add_text(lines, 0, "name", info->name);
    folder_add_text(lines, 0, "artifact_location", info->artifact_uri);
    folder_add_text_or_null(lines, "source_run_id", info->source_run_id);
    folder_add_text_or_null(lines, "model_type", info->model_type);
    folder_add_text_or_null(lines, "status_message", info->status_message);
    folder_add_text(lines, 0, "lifecycle_stage", info->deleted ? "deleted" : "active");
    folder_add_int(lines, "status", (int64_t)info->status);
    folder_add_int(lines, "creation_timestamp", info->created_ms);
    folder_add_int(lines, "last_updated_timestamp", info->updated_ms);
    return folder_file_write(folder, "meta.yaml", lines, sink->record, err) < 0 ||
                   folder_put_pairs(sink, folder, "params", &model->params, err) < 0
               ? -1
               : folder_put_pairs(sink, folder, "tags", &model->tags, err);
}

static int put_version(struct folder_sink *sink, const char *folder, const struct moved_version *version,
                       struct err *err)
{
    const struct model_version *info = &version->info;
    struct strbuf *lines = &sink->lines;
    const char *its = arena_printf(sink->record, "%s/version-%lld", folder, (long long)info->version);
    folder_add_text(lines, 0, "name", info->name);
    folder_add_int(lines, "version", info->version);
    folder_add_text(lines, 0, "source", info->source);
    folder_add_text_or_null(lines, "storage_location", info->storage_location);
    folder_add_text_or_null(lines, "run_id", info->run_id);
    folder_add_text_or_null(lines, "model_id", info->model_id);
    folder_add_text_or_null(lines, "user_id", info->user);
    folder_add_text_or_null(lines, "description", info->description);
    folder_add_text(lines, 0, "current_stage", info->stage);
    folder_add_text(lines, 0, "status", info->status);
    folder_add_text_or_null(lines, "status_message", info->status_message);
    folder_add_text_or_null(lines, "run_link", info->run_link);
    folder_add_int(lines, "creation_timestamp", info->created_ms);
    folder_add_int(lines, "last_updated_timestamp", info->updated_ms);
    return folder_file_write(its, "meta.yaml", lines, sink->record, err) < 0
               ? -1
               : folder_put_pairs(sink, its, "tags", &version->tags, err);
}

/* A file for each alias, and all of them in the file of the model, as MLflow has it. */
static int put_aliases(struct folder_sink *sink, const char *folder, const struct moved_registered *registered,
                       struct err *err)
{
    struct moved_pairs aliases = {0};
    for (size_t i = 0; i < registered->alias_count; i++) {
        const struct moved_alias *alias = &registered->aliases[i];
        moved_pairs_add(&aliases, sink->record, alias->alias,
                        arena_printf(sink->record, "%lld", (long long)alias->version));
    }
    folder_add_pairs(&sink->lines, "aliases", aliases.items, aliases.count);
    return folder_put_pairs(sink, folder, "aliases", &aliases, err);
}

int folder_put_registered(struct move_sink *base, const struct moved_registered *registered, struct err *err)
{
    struct folder_sink *sink = folder_sink_of(base);
    const struct registered_model *info = &registered->info;
    struct strbuf *lines = &sink->lines;
    const char *folder = NULL;
    arena_reset(sink->record);
    int found = folder_key_path(path_join(sink->record, sink->part, "models"), info->name, sink->record, &folder, err);
    if (found != 1) {
        return found < 0 ? -1 : err_set(err, ERR_INPUT, "its name cannot be that of a folder");
    }
    folder_add_text(lines, 0, "name", info->name);
    folder_add_text_or_null(lines, "description", info->description);
    folder_add_int(lines, "creation_timestamp", info->created_ms);
    folder_add_int(lines, "last_updated_timestamp", info->updated_ms);
    if (put_aliases(sink, folder, registered, err) < 0 ||
        folder_file_write(folder, "meta.yaml", lines, sink->record, err) < 0 ||
        folder_put_pairs(sink, folder, "tags", &registered->tags, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < registered->version_count; i++) {
        if (put_version(sink, folder, &registered->versions[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}
