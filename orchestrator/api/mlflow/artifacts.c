/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes that list and read files.
 */
#include "api/decoded_path.h"
#include "api/file_path.h"
#include "api/mlflow/direct_url.h"
#include "api/mlflow/entities.h"
#include "api/mlflow/file_place.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "base/parse.h"
#include "base/path.h"
#include "http/content_type.h"
#include "http/disposition.h"
#include "http/file_answer.h"
#include "store/runs.h"

#include <unistd.h>

/* Where what a client may mean by a path is, if nothing is at the path itself. Only below the same owner's folder: of
 * that it has been looked at who may read it. */
static bool find_decoded(struct api_call *call, const char *path, struct file_place *ret)
{
    struct file_place place = file_place_of(call, path);
    if (place.owner == NULL || *place.below == '\0') {
        return false;
    }
    struct str folder = {path, strlen(path) - strlen(place.below) - strlen("/")};
    const char *found = decoded_path_find(call->files, arena_str(call->arena, folder).p, place.below, call->arena);
    if (found == NULL || strcmp(found, path) == 0) {
        return false;
    }
    *ret = file_place_of(call, found);
    return ret->owner != NULL && strcmp(ret->owner, place.owner) == 0 &&
           file_place_check(call, ret, PERMISSION_READ, NULL) == 0;
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

/* `before` is what stands before each name: "", or the folder and a '/'. */
static int list_files(struct api_call *call, const struct file_place *place, const char *before, struct err *err)
{
    struct file_entry *entries = NULL;
    size_t count = 0;
    struct json list = json_array();
    struct file_place decoded;
    if (files_list(call->files, place->path, call->arena, &entries, &count, err) < 0 ||
        (count == 0 && find_decoded(call, place->path, &decoded) &&
         files_list(call->files, decoded.path, call->arena, &entries, &count, err) < 0)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json file = json_object();
        put_text(call, &file, "path", arena_printf(call->arena, "%s%s", before, entries[i].name));
        put(call, &file, "is_dir", json_bool(entries[i].is_folder));
        if (!entries[i].is_folder && entries[i].size > 0) {
            put_int(call, &file, "file_size", entries[i].size);
        }
        json_push(call->arena, &list, file);
    }
    put_list(call, &call->answer, "files", list);
    return 0;
}

static int list_below(struct api_call *call, const char *stored, const char *path, struct err *err)
{
    struct file_place place;
    put_text(call, &call->answer, "root_uri", client_uri(call, stored));
    if (file_place_in(call, stored, path, &place, err) < 0) {
        return -1;
    }
    return list_files(call, &place, *place.below == '\0' ? "" : arena_printf(call->arena, "%s/", place.below), err);
}

/* Before anything is looked up, as MLflow's server does: a path that is none is told so whatever it is of. */
static int check_path(struct api_call *call, const char *path, struct err *err)
{
    const char *checked = NULL;
    return file_path_check(str_from(path), call->arena, &checked, err);
}

static int list_of_run(struct api_call *call, struct err *err)
{
    struct run_info run;
    const char *path = param_text(&call->params, "path");
    return check_path(call, path, err) < 0 ||
                   store_run_get(call->store, param_text(&call->params, "run_id"), call->arena, &run, err) < 0
               ? -1
               : list_below(call, run.artifact_uri, path, err);
}

static int list_of_model(struct api_call *call, struct err *err)
{
    struct logged_model model;
    return store_model_get(call->store, param_text(&call->params, "model_id"), call->arena, &model, err) < 0
               ? -1
               : list_below(call, model.artifact_uri, param_text(&call->params, "artifact_directory_path"), err);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static int open_file(struct api_call *call, const char *path, struct stat *ret_state, struct err *err)
{
    struct file_place decoded;
    struct err wrong = {0};
    int fd = files_read(call->files, path, ret_state, &wrong);
    if (fd < 0 && wrong.code == ERR_NOT_FOUND && find_decoded(call, path, &decoded)) {
        return files_read(call->files, decoded.path, ret_state, err);
    }
    return fd < 0 ? err_set(err, wrong.code, "%s", wrong.message) : fd;
}

static int send_file(struct api_call *call, const struct file_place *place, struct err *err)
{
    struct stat state;
    struct http_conditions conditions;
    int fd = open_file(call, place->path, &state, err);
    if (fd < 0) {
        return -1;
    }
    const char *name = path_base(place->path);
    struct http_answer answer = {
        .content_type = http_type_of(name, false),
        .headers = {{"Content-Disposition", http_attachment(call->arena, name)}},
    };
    http_conditions_read(call->exchange, &conditions);
    http_file_answer(fd, &state, call->now_ms, &conditions, call->arena, &answer);
    http_answer(call->exchange, &answer);
    return 0;
}

/* A parameter of the query, under one of two names; "" when there is none. */
static const char *asked(struct api_call *call, const char *name, const char *other)
{
    struct str value;
    if (http_query_value(call->exchange, name, &value) ||
        (other != NULL && http_query_value(call->exchange, other, &value))) {
        return value.p;
    }
    return "";
}

static int require(const char *value, const char *name, struct err *err)
{
    return *value != '\0' ? 0 : err_set(err, ERR_INPUT, "Request must include the \"%s\" query parameter.", name);
}

static int send_below(struct api_call *call, const char *stored, const char *path, struct err *err)
{
    struct file_place place;
    return file_place_in(call, stored, path, &place, err) < 0 ? -1 : send_file(call, &place, err);
}

static int get_of_run(struct api_call *call, struct err *err)
{
    struct run_info run;
    const char *path = asked(call, "path", NULL);
    const char *run_id = asked(call, "run_id", "run_uuid");
    return require(path, "path", err) < 0 || user_check_owned(call, OWNED_RUN, run_id, PERMISSION_READ, err) < 0 ||
                   check_path(call, path, err) < 0 || store_run_get(call->store, run_id, call->arena, &run, err) < 0
               ? -1
               : send_below(call, run.artifact_uri, path, err);
}

static int get_of_model(struct api_call *call, struct err *err)
{
    struct logged_model model;
    const char *path = asked(call, "artifact_file_path", NULL);
    return require(path, "artifact_file_path", err) < 0 ||
                   store_model_get(call->store, param_text(&call->params, "model_id"), call->arena, &model, err) < 0
               ? -1
               : send_below(call, model.artifact_uri, path, err);
}

/* Of a version only what came from a run or a model of ours: a source that names a folder of the machine is none. */
static int get_of_version(struct api_call *call, struct err *err)
{
    struct model_version version;
    int64_t number = 0;
    const char *path = asked(call, "path", NULL);
    const char *name = asked(call, "name", NULL);
    if (require(path, "path", err) < 0 || user_check_registered(call, name, PERMISSION_READ, err) < 0 ||
        check_path(call, path, err) < 0 ||
        version_parse(asked(call, "version", NULL), &number, err) < 0 ||
        store_version_get(call->store, name, number, call->arena, &version, err) < 0) {
        return -1;
    }
    return send_below(call, version.storage_location, path, err);
}

static int get_file(struct api_call *call, struct err *err)
{
    struct file_place place;
    if (file_place_of_url(call, FILES_PREFIX, &place, err) < 0 ||
        file_place_check(call, &place, PERMISSION_READ, err) < 0) {
        return -1;
    }
    return send_file(call, &place, err);
}

/* Where a client reads ranges of a file, several at once. */
static int address_of_file(struct api_call *call, struct err *err)
{
    struct file_place place;
    struct stat state;
    if (file_place_of_url(call, "/mlflow-artifacts/presigned/", &place, err) < 0 ||
        file_place_check(call, &place, PERMISSION_READ, err) < 0) {
        return -1;
    }
    int fd = open_file(call, place.path, &state, err);
    if (fd < 0) {
        return -1;
    }
    (void)close(fd);
    struct str path = call->exchange->path;
    size_t behind = (size_t)str_find(path, STR("/presigned/")) + strlen("/presigned/");
    const char *url = direct_url(call, arena_printf(call->arena, "/api/2.0" FILES_PREFIX "%.*s",
                                                    STR_ARG(str_slice(path, behind, path.n))));
    if (url == NULL) {
        return err_set(err, ERR_INPUT, "The request has no Host: the file has no address without it");
    }
    put_text(call, &call->answer, "url", url);
    put(call, &call->answer, "headers", direct_headers(call));
    put(call, &call->answer, "file_size", json_int((int64_t)state.st_size));
    return 0;
}

static int list_of_path(struct api_call *call, struct err *err)
{
    struct file_place place;
    const char *root = arena_printf(call->arena, "%s/artifacts/", call->home);
    return file_place_in(call, root, param_text(&call->params, "path"), &place, err) < 0 ||
                   file_place_check(call, &place, PERMISSION_READ, err) < 0
               ? -1
               : list_files(call, &place, "", err);
}

static const struct api_field run_fields[] = {
    {.name = "run_id", .type = API_TEXT, .required = true, .alias = "run_uuid"},
    {.name = "path", .type = API_TEXT},
    {.name = "page_token", .type = API_TEXT},
    {0}};
static const struct api_field model_fields[] = {{.name = "model_id", .type = API_TEXT, .required = true},
                                                {.name = "artifact_directory_path", .type = API_TEXT},
                                                {.name = "page_token", .type = API_TEXT},
                                                {0}};
static const struct api_field model_file_fields[] = {{.name = "model_id", .type = API_TEXT, .required = true}, {0}};
static const struct api_field path_fields[] = {{.name = "path", .type = API_TEXT}, {0}};

const struct api_route mlflow_artifact_routes[] = {
    {HTTP_GET, "/mlflow/artifacts/list", API_V2, API_READS, API_NEEDS(VIEWER, READ, RUN), run_fields, list_of_run,
     API_LOOKS},
    {HTTP_GET, "/mlflow/logged-models/{model_id}/artifacts/directories", API_V2, API_READS,
     API_NEEDS(VIEWER, READ, LOGGED_MODEL), model_fields, list_of_model, API_LOOKS},
    {HTTP_GET, "/mlflow/logged-models/{model_id}/artifacts/files", API_V2, API_READS,
     API_NEEDS(VIEWER, READ, LOGGED_MODEL), model_file_fields, get_of_model, API_LOOKS},
    {HTTP_GET, "/mlflow-artifacts/artifacts", API_V2, API_READS, API_NEEDS(VIEWER, READ, ITSELF), path_fields,
     list_of_path, API_LOOKS},
    {0},
};

const struct api_plain mlflow_artifact_plains[] = {
    {.method = HTTP_GET, .path = "/get-artifact", .needs = API_NEEDS(VIEWER, READ, ITSELF), .answer = get_of_run},
    {.method = HTTP_GET,
     .path = "/model-versions/get-artifact",
     .needs = API_NEEDS(VIEWER, READ, ITSELF),
     .answer = get_of_version},
    {.method = HTTP_GET,
     .path = "/api/2.0/mlflow-artifacts/artifacts/",
     .needs = API_NEEDS(VIEWER, READ, ITSELF),
     .answer = get_file},
    {.method = HTTP_GET,
     .path = "/ajax-api/2.0/mlflow-artifacts/artifacts/",
     .needs = API_NEEDS(VIEWER, READ, ITSELF),
     .answer = get_file},
    {.method = HTTP_GET,
     .path = "/api/2.0/mlflow-artifacts/presigned/",
     .needs = API_NEEDS(VIEWER, READ, ITSELF),
     .answer = address_of_file},
    {.method = HTTP_GET,
     .path = "/ajax-api/2.0/mlflow-artifacts/presigned/",
     .needs = API_NEEDS(VIEWER, READ, ITSELF),
     .answer = address_of_file},
    {0},
};
