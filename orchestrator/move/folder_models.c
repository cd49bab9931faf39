/* SPDX-License-Identifier: Apache-2.0
 * Logged models, registered models and their versions in MLflow's folder.
 */
#include "base/parse.h"
#include "base/path.h"
#include "move/folder_source.h"

#include <stdlib.h>
#include <string.h>

int folder_model(struct move_source *base, const char *id, struct arena *arena, struct moved_model *ret,
                 struct err *err)
{
    const struct folder_record *record = NULL;
    const struct yaml_node *meta = NULL;
    struct moved_model model = {0};
    int64_t status = 0;
    if (folder_find(folder_of(base), MOVED_MODEL, id, &record, err) < 0 ||
        folder_meta_read(record->path, "meta.yaml", arena, &meta, err) < 0 ||
        folder_check_id(record, folder_meta_text(meta, "model_id"), err) < 0 ||
        folder_meta_int(meta, "status", &status, err) < 0 ||
        folder_meta_int(meta, "creation_timestamp", &model.info.created_ms, err) < 0 ||
        folder_meta_int(meta, "last_updated_timestamp", &model.info.updated_ms, err) < 0 ||
        folder_pairs_read(record->path, "params", arena, &model.params, err) < 0 ||
        folder_pairs_read(record->path, "tags", arena, &model.tags, err) < 0) {
        return -1;
    }
    bool known = status >= MODEL_STATUS_PENDING && status <= MODEL_STATUS_UPLOAD_FAILED;
    model.info.model_id = record->id;
    model.info.experiment_id = record->experiment_id;
    model.info.name = folder_meta_text(meta, "name");
    model.info.artifact_uri = folder_place(folder_of(base), record, folder_meta_text(meta, "artifact_location"), arena);
    model.info.source_run_id = folder_meta_text_or_null(meta, "source_run_id");
    model.info.model_type = folder_meta_text(meta, "model_type");
    model.info.status = known ? (enum model_status)status : MODEL_STATUS_PENDING;
    model.info.status_message = folder_meta_text(meta, "status_message");
    model.info.deleted = record->deleted || strcmp(folder_meta_text(meta, "lifecycle_stage"), "deleted") == 0;
    *ret = model;
    return 0;
}

/* ---- the registry ----------------------------------------------------------------------------------------------- */

static int read_version(const char *folder, const char *name, int64_t number, struct arena *arena,
                        struct moved_version *ret, struct err *err)
{
    const struct yaml_node *meta = NULL;
    struct model_version *version = &ret->info;
    *ret = (struct moved_version){0};
    if (folder_meta_read(folder, "meta.yaml", arena, &meta, err) < 0 ||
        folder_meta_int(meta, "creation_timestamp", &version->created_ms, err) < 0 ||
        folder_meta_int(meta, "last_updated_timestamp", &version->updated_ms, err) < 0 ||
        folder_pairs_read(folder, "tags", arena, &ret->tags, err) < 0) {
        return err_add(err, "version %lld", (long long)number);
    }
    const char *stage = folder_meta_text_or_null(meta, "current_stage");
    version->name = name;
    version->version = number;
    version->model_id = folder_meta_text_or_null(meta, "model_id");
    version->source = folder_meta_text(meta, "source");
    version->run_id = folder_meta_text_or_null(meta, "run_id");
    version->user = folder_meta_text(meta, "user_id");
    version->description = folder_meta_text(meta, "description");
    version->stage = stage == NULL ? "None" : stage;
    version->status = folder_meta_text(meta, "status");
    version->status_message = folder_meta_text(meta, "status_message");
    version->run_link = folder_meta_text(meta, "run_link");
    version->storage_location = folder_meta_text(meta, "storage_location");
    return 0;
}

static int compare_versions(const void *a, const void *b)
{
    int64_t left = ((const struct moved_version *)a)->info.version;
    int64_t right = ((const struct moved_version *)b)->info.version;
    return left < right ? -1 : left > right;
}

static int read_versions(const struct folder_record *record, struct arena *arena, struct moved_registered *ret,
                         struct err *err)
{
    struct moved_ids names;
    static const char prefix[] = "version-";
    if (folder_list(record->path, arena, &names, err) < 0) {
        return -1;
    }
    ret->versions = arena_array(arena, names.count + 1, sizeof *ret->versions);
    for (size_t i = 0; i < names.count; i++) {
        int64_t number = 0;
        const char *name = names.items[i];
        if (!str_starts(str_from(name), str_from(prefix)) ||
            parse_int(str_from(name + strlen(prefix)), 1, INT64_MAX, &number, NULL) < 0) {
            continue;
        }
        if (read_version(path_join(arena, record->path, name), record->id, number, arena,
                         &ret->versions[ret->version_count], err) < 0) {
            return -1;
        }
        ret->version_count++;
    }
    if (ret->version_count > 1) {
        qsort(ret->versions, ret->version_count, sizeof *ret->versions, compare_versions);
    }
    ret->info.latest_version = ret->version_count == 0 ? 0 : ret->versions[ret->version_count - 1].info.version;
    return 0;
}

static int read_aliases(const struct folder_record *record, struct arena *arena, struct moved_registered *ret,
                        struct err *err)
{
    struct moved_pairs aliases;
    if (folder_pairs_read(record->path, "aliases", arena, &aliases, err) < 0) {
        return -1;
    }
    ret->aliases = arena_array(arena, aliases.count + 1, sizeof *ret->aliases);
    for (size_t i = 0; i < aliases.count; i++) {
        struct moved_alias *alias = &ret->aliases[ret->alias_count++];
        struct err wrong = {0};
        alias->alias = aliases.items[i].key;
        if (parse_int(str_trim(str_from(aliases.items[i].value)), 1, INT64_MAX, &alias->version, &wrong) < 0) {
            return err_set(err, ERR_INPUT, "its alias '%s': %s", alias->alias, wrong.message);
        }
    }
    return 0;
}

int folder_registered(struct move_source *base, const char *name, struct arena *arena, struct moved_registered *ret,
                      struct err *err)
{
    const struct folder_record *record = NULL;
    const struct yaml_node *meta = NULL;
    struct moved_registered registered = {0};
    if (folder_find(folder_of(base), MOVED_REGISTERED, name, &record, err) < 0 ||
        folder_meta_read(record->path, "meta.yaml", arena, &meta, err) < 0 ||
        folder_check_id(record, folder_meta_text(meta, "name"), err) < 0 ||
        folder_meta_int(meta, "creation_timestamp", &registered.info.created_ms, err) < 0 ||
        folder_meta_int(meta, "last_updated_timestamp", &registered.info.updated_ms, err) < 0 ||
        folder_pairs_read(record->path, "tags", arena, &registered.tags, err) < 0 ||
        read_versions(record, arena, &registered, err) < 0 || read_aliases(record, arena, &registered, err) < 0) {
        return -1;
    }
    registered.info.name = record->id;
    registered.info.description = folder_meta_text(meta, "description");
    *ret = registered;
    return 0;
}
