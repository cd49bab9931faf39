/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes that write and remove files, whole ones: upload_parts.c has those of files in parts.
 */
#include "api/answers.h"
#include "api/mlflow/removal.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/upload.h"
#include "store/models.h"
#include "store/runs.h"

enum { UI_UPLOAD_MAX = 10 << 20, DELETABLE_PARTS = 3 };

static size_t put_head(struct api_call *call)
{
    struct file_place place;
    struct err wrong = {0};
    if (file_place_of_url(call, FILES_PREFIX, &place, &wrong) < 0 || upload_check(call, &place, &wrong) < 0 ||
        upload_begin(call, &place, &wrong) < 0) {
        answer_error(call->exchange, &wrong);
    }
    return SIZE_MAX >> 1;
}

/* ---- what MLflow's page uploads --------------------------------------------------------------------------------- */

static const char *asked(struct api_call *call, const char *name)
{
    struct str value;
    return http_query_value(call->exchange, name, &value) ? value.p : "";
}

static int ui_place(struct api_call *call, struct file_place *ret, struct err *err)
{
    struct run_info run;
    const char *run_id = *asked(call, "run_uuid") == '\0' ? asked(call, "run_id") : asked(call, "run_uuid");
    const char *path = asked(call, "path");
    if (*run_id == '\0') {
        return err_set(err, ERR_INPUT, "Request must specify run_uuid.");
    }
    if (*path == '\0') {
        return err_set(err, ERR_INPUT, "Request must specify path.");
    }
    if (http_content_length(call->exchange) > UI_UPLOAD_MAX) {
        return err_set(err, ERR_INPUT, "Artifact size is too large. Max size is 10MB.");
    }
    return store_run_get(call->store, run_id, call->arena, &run, err) < 0
               ? -1
               : file_place_in(call, run.artifact_uri, path, ret, err);
}

static size_t ui_head(struct api_call *call)
{
    struct file_place place;
    struct err wrong = {0};
    if (ui_place(call, &place, &wrong) < 0 || upload_check(call, &place, &wrong) < 0 ||
        upload_begin(call, &place, &wrong) < 0) {
        answer_error(call->exchange, &wrong);
    }
    return UI_UPLOAD_MAX;
}

static int ui_end(struct api_call *call, struct err *err)
{
    const struct upload *upload = call->exchange->owner;
    return upload->size > 0 ? upload_end(call, err) : err_set(err, ERR_INPUT, "Request must specify data.");
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

/* Nothing above the folder of a run's or model's files: that would be other people's, too. */
static bool is_deletable(const struct file_place *place)
{
    size_t parts = *place->path == '\0' ? 0 : 1;
    for (const char *c = place->path; *c != '\0'; c++) {
        parts += *c == '/';
    }
    return place->owner != NULL && parts >= DELETABLE_PARTS;
}

/* It is gone at once for whoever looks; how long it takes to remove it is the thread's business. */
static int delete_one(struct api_call *call, struct err *err)
{
    struct file_place place;
    if (file_place_of_url(call, FILES_PREFIX, &place, err) < 0) {
        return -1;
    }
    if (!is_deletable(&place)) {
        return err_set(err, ERR_INPUT, "Invalid path");
    }
    if (file_place_check(call, &place, PERMISSION_MANAGE, err) < 0) {
        return -1;
    }
    struct id name = removal_name(call);
    struct err gone = {0};
    int result = store_artifact_forget(call->store, place.owner, place.below, err) < 0
                     ? -1
                     : store_model_written(call->store, place.owner, NULL, err);
    if (result == 0 && files_take_away(call->files, place.path, name.text, &gone) == 0) {
        removal_begin(call, &name);
        return 0;
    }
    if (result == 0 && gone.code != ERR_NOT_FOUND) { /* what is gone is no error */
        *err = gone;
        result = -1;
    }
    return result;
}

#define FILES_BELOW(prefix)                                                                                            \
    {.method = HTTP_PUT,                                                                                               \
     .path = prefix "/artifacts/",                                                                                     \
     .writes = true,                                                                                                   \
     .for_steps = true,                                                                                                \
     .needs = API_NEEDS(EDITOR, EDIT, ITSELF),                                                                         \
     .note = API_RECORDING,                                                                                            \
     .head = put_head,                                                                                                 \
     .answer = upload_end},                                                                                            \
    {                                                                                                                  \
        .method = HTTP_DELETE, .path = prefix "/artifacts/", .writes = true,                                           \
        .needs = API_NEEDS(EDITOR, MANAGE, ITSELF), .note = API_NOTED("artifact.deleted", NULL, NULL),                 \
        .answer = delete_one                                                                                           \
    }

const struct api_plain mlflow_upload_plains[] = {
    FILES_BELOW("/api/2.0/mlflow-artifacts"),
    FILES_BELOW("/ajax-api/2.0/mlflow-artifacts"),
    {.method = HTTP_POST,
     .path = "/ajax-api/2.0/mlflow/upload-artifact",
     .writes = true,
     .for_steps = true,
     .needs = API_NEEDS(EDITOR, EDIT, ITSELF),
     .note = API_RECORDING,
     .head = ui_head,
     .answer = ui_end},
    {0},
};
