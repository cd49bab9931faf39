/* SPDX-License-Identifier: Apache-2.0
 * A server of MLflow: experiments, models, the registry, and files.
 */
#include "move/server_source.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it says ----------------------------------------------------------------------------------------------- */

int64_t server_int(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    int64_t number = 0;
    if (value != NULL && value->type == JSON_STRING) {
        (void)parse_int(value->u.string, INT64_MIN, INT64_MAX, &number, NULL);
        return number;
    }
    return json_get_int(object, key, 0);
}

const char *server_text(const struct json *object, const char *key)
{
    return json_get_text(object, key, "");
}

const char *server_text_or_null(const struct json *object, const char *key)
{
    const char *text = server_text(object, key);
    return *text == '\0' ? NULL : text;
}

struct metric_rank server_rank(const struct json *point)
{
    const struct json *value = json_get(point, "value");
    double number = 0;
    if (value != NULL && value->type == JSON_STRING) {
        number = strtod(value->u.string.p, NULL);
    } else if (value != NULL) {
        (void)json_as_number(value, &number);
    }
    return metric_rank_of(number, server_int(point, "step"), server_int(point, "timestamp"));
}

void server_pairs(const struct json *object, const char *key, struct arena *arena, struct moved_pairs *ret)
{
    const struct json *list = json_get(object, key);
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        const struct json *item = &list->u.array.items[i];
        moved_pairs_add(ret, arena, server_text(item, "key"), server_text(item, "value"));
    }
}

const char *server_escape(const char *text, struct arena *arena)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
    char *to = arena_alloc(arena, strlen(text) * 3 + 1);
    char *end = to;
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr(plain, *c) != NULL) {
            *end++ = *c;
        } else {
            static const char digits[] = "0123456789ABCDEF";
            *end++ = '%';
            *end++ = digits[(unsigned char)*c >> 4];
            *end++ = digits[(unsigned char)*c & 15];
        }
    }
    *end = '\0';
    return to;
}

int server_get(struct server_source *source, const char *path, struct arena *arena, struct json *ret, struct err *err)
{
    struct str body;
    int status = 0;
    if (source->door.ask(source->door.context, path, NULL, arena, &status, &body, err) < 0) {
        return -1;
    }
    if (status != 200) {
        return err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_IO, "the server answered %.60s with status %d: %.200s",
                       path, status, body.n == 0 ? "" : body.p);
    }
    return json_read(body, (struct json_limits){0}, arena, ret, err) < 0
               ? err_add(err, "the answer to %.60s", path)
               : 0;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct server_record *)a)->id, ((const struct server_record *)b)->id);
}

int server_find(struct server_source *source, enum moved_kind kind, const char *id, struct arena *arena,
                struct json *ret, struct err *err)
{
    const struct server_records *records = &source->records[kind];
    const struct server_record wanted = {.id = id};
    const struct server_record *found = NULL;
    for (size_t i = 0; kind == MOVED_EXPERIMENT && i < records->count; i++) { /* by number */
        found = strcmp(records->items[i].id, id) == 0 ? &records->items[i] : found;
    }
    if (kind != MOVED_EXPERIMENT && records->count > 0) {
        found = bsearch(&wanted, records->items, records->count, sizeof wanted, compare_ids);
    }
    return found == NULL ? err_set(err, ERR_NOT_FOUND, "it is not there any more")
                         : json_read(found->text, (struct json_limits){0}, arena, ret, err);
}

static int ids(struct move_source *base, enum moved_kind kind, struct arena *arena, struct moved_ids *ret,
               struct err *err)
{
    const struct server_records *records = &server_of(base)->records[kind];
    *ret = (struct moved_ids){0};
    if (!records->read && server_list(server_of(base), kind, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < records->count; i++) {
        moved_ids_add(ret, arena, records->items[i].id);
    }
    return 0;
}

/* ---- experiments and models ------------------------------------------------------------------------------------- */

static int experiment(struct move_source *base, const char *id, struct arena *arena, struct moved_experiment *ret,
                      struct err *err)
{
    struct json said;
    if (server_find(server_of(base), MOVED_EXPERIMENT, id, arena, &said, err) < 0) {
        return -1;
    }
    *ret = (struct moved_experiment){
        .id = strtoll(id, NULL, 10),
        .name = server_text(&said, "name"),
        .artifact_location = server_text(&said, "artifact_location"),
        .deleted = strcmp(server_text(&said, "lifecycle_stage"), "deleted") == 0,
        .created_ms = server_int(&said, "creation_time"),
        .updated_ms = server_int(&said, "last_update_time"),
    };
    server_pairs(&said, "tags", arena, &ret->tags);
    return 0;
}

static enum model_status status_of(const char *name)
{
    return strcmp(name, "LOGGED_MODEL_READY") == 0           ? MODEL_STATUS_READY
           : strcmp(name, "LOGGED_MODEL_UPLOAD_FAILED") == 0 ? MODEL_STATUS_UPLOAD_FAILED
                                                             : MODEL_STATUS_PENDING;
}

static int model(struct move_source *base, const char *id, struct arena *arena, struct moved_model *ret,
                 struct err *err)
{
    struct json said;
    if (server_find(server_of(base), MOVED_MODEL, id, arena, &said, err) < 0) {
        return -1;
    }
    const struct json *info = json_get(&said, "info");
    *ret = (struct moved_model){.info = {
        .model_id = server_text(info, "model_id"),
        .experiment_id = server_int(info, "experiment_id"),
        .name = server_text(info, "name"),
        .artifact_uri = server_text(info, "artifact_uri"),
        .source_run_id = server_text_or_null(info, "source_run_id"),
        .model_type = server_text(info, "model_type"),
        .status = status_of(server_text(info, "status")),
        .status_message = server_text(info, "status_message"),
        .created_ms = server_int(info, "creation_timestamp_ms"),
        .updated_ms = server_int(info, "last_updated_timestamp_ms"),
    }};
    server_pairs(json_get(&said, "data"), "params", arena, &ret->params);
    server_pairs(info, "tags", arena, &ret->tags);
    return 0;
}

/* ---- the registry ----------------------------------------------------------------------------------------------- */

static void read_version(const struct json *said, struct arena *arena, struct moved_version *ret)
{
    const char *stage = server_text_or_null(said, "current_stage");
    *ret = (struct moved_version){.info = {
        .name = server_text(said, "name"),
        .version = server_int(said, "version"),
        .source = server_text(said, "source"),
        .run_id = server_text_or_null(said, "run_id"),
        .user = server_text(said, "user_id"),
        .description = server_text(said, "description"),
        .stage = stage == NULL ? "None" : stage,
        .status = server_text(said, "status"),
        .status_message = server_text(said, "status_message"),
        .run_link = server_text(said, "run_link"),
        .storage_location = "",
        .created_ms = server_int(said, "creation_timestamp"),
        .updated_ms = server_int(said, "last_updated_timestamp"),
    }};
    server_pairs(said, "tags", arena, &ret->tags);
}

static int compare_versions(const void *a, const void *b)
{
    int64_t left = ((const struct moved_version *)a)->info.version;
    int64_t right = ((const struct moved_version *)b)->info.version;
    return left < right ? -1 : left > right;
}

/* Versions of a prompt are found only by who says that it is one. */
static const char *versions_filter(const char *name, const struct moved_pairs *tags, struct arena *arena)
{
    bool prompt = false;
    for (size_t i = 0; i < tags->count; i++) {
        prompt = prompt || strcmp(tags->items[i].key, "mlflow.prompt.is_prompt") == 0;
    }
    return server_escape(arena_printf(arena, "name = '%s'%s", name,
                                      prompt ? " AND tags.`mlflow.prompt.is_prompt` = 'true'" : ""),
                         arena);
}

static int read_versions(struct server_source *source, const char *name, struct arena *arena,
                         struct moved_registered *ret, struct err *err)
{
    const char *token = "";
    const char *filter = versions_filter(name, &ret->tags, arena);
    size_t room = 0;
    do {
        struct json page;
        const char *path = arena_printf(arena, "/api/2.0/mlflow/model-versions/search?max_results=1000&filter=%s%s%s",
                                        filter, *token == '\0' ? "" : "&page_token=", server_escape(token, arena));
        if (server_get(source, path, arena, &page, err) < 0) {
            return -1;
        }
        const struct json *list = json_get(&page, "model_versions");
        for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
            ret->versions = arena_grow(arena, ret->versions, ret->version_count, &room, sizeof *ret->versions);
            read_version(&list->u.array.items[i], arena, &ret->versions[ret->version_count++]);
        }
        token = server_text(&page, "next_page_token");
    } while (*token != '\0');
    if (ret->version_count > 1) {
        qsort(ret->versions, ret->version_count, sizeof *ret->versions, compare_versions);
    }
    ret->info.latest_version = ret->version_count == 0 ? 0 : ret->versions[ret->version_count - 1].info.version;
    return 0;
}

static int registered(struct move_source *base, const char *name, struct arena *arena, struct moved_registered *ret,
                      struct err *err)
{
    struct json said;
    if (strchr(name, '\'') != NULL) {
        return err_set(err, ERR_INPUT, "its name has a quote in it, with which its versions cannot be asked for");
    }
    if (server_find(server_of(base), MOVED_REGISTERED, name, arena, &said, err) < 0) {
        return -1;
    }
    *ret = (struct moved_registered){.info = {
        .name = server_text(&said, "name"),
        .description = server_text(&said, "description"),
        .created_ms = server_int(&said, "creation_timestamp"),
        .updated_ms = server_int(&said, "last_updated_timestamp"),
    }};
    const struct json *aliases = json_get(&said, "aliases");
    size_t count = aliases != NULL && aliases->type == JSON_ARRAY ? aliases->u.array.count : 0;
    server_pairs(&said, "tags", arena, &ret->tags);
    ret->aliases = arena_array(arena, count + 1, sizeof *ret->aliases);
    ret->alias_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct json *alias = &aliases->u.array.items[i];
        ret->aliases[i] = (struct moved_alias){server_text(alias, "alias"), server_int(alias, "version")};
    }
    return read_versions(server_of(base), name, arena, ret, err);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

enum { LISTING_DEPTH_MAX = 64 };

static const char files[] = "/api/2.0/mlflow-artifacts/artifacts";

static int download_file(struct server_source *source, const char *there, const char *here, struct arena *arena,
                         struct err *err)
{
    struct arena *bytes = arena_new();
    struct str body;
    int status = 0;
    const char *url = arena_printf(arena, "%s/%s", files, server_escape(there, arena));
    int result = source->door.ask(source->door.context, url, NULL, bytes, &status, &body, err);
    if (result == 0 && status != 200) {
        result = err_set(err, ERR_NOT_FOUND, "the server answered with status %d for '%.200s'", status, there);
    }
    result = result < 0 ? -1 : fs_write(here, body, 0640, false, err);
    arena_free(bytes);
    return result;
}

/* `below`: a path of the server's files, and `folder` the one for it. */
static int download_folder(struct server_source *source, const char *below, const char *folder, int depth,
                           struct arena *arena, struct err *err)
{
    struct json page;
    const char *path = arena_printf(arena, "%s?path=%s", files, server_escape(below, arena));
    if (depth > LISTING_DEPTH_MAX || server_get(source, path, arena, &page, err) < 0) {
        return err_set(err, ERR_LIMIT, "folders in folders, more than %d", LISTING_DEPTH_MAX);
    }
    const struct json *list = json_get(&page, "files");
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        const char *name = path_base(server_text(&list->u.array.items[i], "path"));
        const char *there = path_join(arena, below, name);
        const char *here = path_join(arena, folder, name);
        if (!path_is_below(str_from(name)) || strcmp(name, ".") == 0) {
            return err_set(err, ERR_INPUT, "a file is called '%.100s'", name);
        }
        if (json_get_bool(&list->u.array.items[i], "is_dir", false)) {
            if (fs_make_folders(here, 0700, err) < 0 ||
                download_folder(source, there, here, depth + 1, arena, err) < 0) {
                return -1;
            }
            continue;
        }
        if (download_file(source, there, here, arena, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int download(struct move_source *base, const char *uri, const char *folder, struct err *err)
{
    struct arena *arena = arena_new();
    const char *at = strchr(uri, ':');
    at = at == NULL ? uri : at + 1;
    if (strncmp(at, "//", 2) == 0) { /* an authority: the server itself */
        at = strchr(at + 2, '/');
    }
    int result = at == NULL ? 0 : download_folder(server_of(base), at + strspn(at, "/"), folder, 0, arena, err);
    arena_free(arena);
    return result;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void close_server(struct move_source *base)
{
    arena_free(server_of(base)->arena);
}

static const struct move_source_ops server_ops = {
    .ids = ids,
    .experiment = experiment,
    .run = server_run,
    .series = server_series,
    .model = model,
    .registered = registered,
    .trace = server_trace,
    .spans = server_spans,
    .download = download,
    .close = close_server,
};

int move_server_open(const struct move_server_door *door, struct arena *arena, struct move_report *report,
                     struct move_source **ret, struct err *err)
{
    struct server_source *source = arena_one(arena, struct server_source);
    *source = (struct server_source){
        .base = {&server_ops, door->url, NULL, report},
        .door = *door,
        .arena = arena_new(),
    };
    if (server_list(source, MOVED_EXPERIMENT, err) < 0) {
        arena_free(source->arena);
        return -1;
    }
    *ret = &source->base;
    return 0;
}
