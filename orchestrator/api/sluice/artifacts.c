/* SPDX-License-Identifier: Apache-2.0
 * Files that the attempts of a run's steps have left.
 */
#include "api/mlflow/file_place.h"
#include "api/sluice/routes.h"
#include "base/parse.h"
#include "base/path.h"
#include "http/disposition.h"
#include "http/file_answer.h"
#include "store/pages.h"
#include "store/runs.h"
#include "store/steps.h"

struct artifact_answer {
    const char *attempt_id, *step, *path, *sha256;
    int64_t item, number, size_bytes;
};
static const struct schema_field artifact_fields[] = {
    {"attempt_id", FIELD_TEXT(struct artifact_answer, attempt_id), .pattern = REST_ID_PATTERN},
    {"step", FIELD_TEXT(struct artifact_answer, step)},
    {"item", FIELD_INT(struct artifact_answer, item), .doc = "of the step's matrix; 0 without one"},
    {"number", FIELD_INT(struct artifact_answer, number), .doc = "of the attempt"},
    {"path", FIELD_TEXT(struct artifact_answer, path)},
    {"size_bytes", FIELD_INT(struct artifact_answer, size_bytes)},
    {"sha256", FIELD_TEXT(struct artifact_answer, sha256)},
    {0},
};
static const struct schema artifact_schema = {"Artifact", artifact_fields, NULL};
static const struct schema_field page_fields[] = {
    {"artifacts", FIELD_JSON(LIST, struct rest_page, items), .of = &artifact_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Artifacts", page_fields, NULL};
static const struct schema_field list_fields[] = {REST_RUN_ID, REST_LIMIT, REST_PAGE_TOKEN("^[0-9]{1,18}/"), {0}};

static int list_artifacts(struct api_call *call, struct err *err)
{
    const char *run_id = json_get_text(&call->params, "run_id", "");
    struct str after = str_from(json_get_text(&call->params, "page_token", ""));
    struct str attempt = {0};
    int64_t attempt_id = 0;
    struct pipeline_run run;
    struct artifact_found *rows = NULL;
    size_t count = 0;
    struct rest_page page = {.items = json_array()};
    if (str_cut(&after, '/', &attempt)) {
        (void)parse_int(attempt, 0, INT64_MAX, &attempt_id, NULL);
    }
    const char *path = after.p == NULL ? "" : arena_str(call->arena, after).p;
    if (store_pipeline_run_get(call->store, run_id, call->arena, &run, err) < 0 ||
        store_run_artifact_page(call->store, run_id, attempt_id, path, rest_limit(call), call->arena, &rows, &count,
                                err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct artifact_answer answer = {
            .attempt_id = arena_printf(call->arena, "%lld", (long long)rows[i].attempt),
            .path = rows[i].path,
            .sha256 = rows[i].sha256,
            .size_bytes = rows[i].size_bytes,
        };
        if (store_attempt_place(call->store, rows[i].attempt, call->arena, &answer.step, &answer.item, &answer.number,
                                err) < 0) {
            return -1;
        }
        answer.step = answer.step == NULL ? "" : answer.step;
        json_push(call->arena, &page.items, schema_write(&artifact_schema, &answer, call->arena));
    }
    if (count == rest_limit(call)) {
        page.next_page_token = arena_printf(call->arena, "%lld/%s", (long long)rows[count - 1].attempt,
                                            rows[count - 1].path);
    }
    call->answer = schema_write(&page_schema, &page, call->arena);
    return 0;
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

static const struct schema_field file_fields[] = {
    REST_RUN_ID,
    {.name = "attempt_id", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_QUERY, .pattern = REST_ID_PATTERN,
     .doc = "of an attempt of this run"},
    {.name = "path", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_QUERY, .least = 1, .most = 4000,
     .doc = "as the list has it"},
    {0},
};

static int get_file(struct api_call *call, struct err *err)
{
    const char *path = json_get_text(&call->params, "path", "");
    struct attempt_row attempt;
    struct run_info run;
    struct file_place place;
    struct stat state;
    if (store_attempt_get(call->store, rest_id(call, "attempt_id"), call->arena, &attempt, err) < 0) {
        return -1;
    }
    if (strcmp(attempt.run_id, json_get_text(&call->params, "run_id", "")) != 0) {
        return err_set(err, ERR_NOT_FOUND, "this run has no attempt %lld", (long long)attempt.id);
    }
    if (store_run_get(call->store, attempt.step_run_id, call->arena, &run, err) < 0 ||
        file_place_in(call, run.artifact_uri, path, &place, err) < 0) {
        return -1;
    }
    int fd = files_read(call->files, place.path, &state, err);
    if (fd < 0) {
        return -1;
    }
    struct http_answer answer = {
        .content_type = "application/octet-stream", /* a page of a browser shows none of it: it may be anything */
        .headers = {{"Content-Disposition", http_attachment(call->arena, path_base(path))},
                    {"X-Content-Type-Options", "nosniff"}},
    };
    http_file_answer(fd, &state, call->now_ms, rest_conditions(call), call->arena, &answer);
    if (answer.status == 416) {
        return rest_refuse_range(call, (int64_t)state.st_size);
    }
    if (answer.status == 412) {
        return rest_refuse(call, &answer, "the file is not as the request says that it is");
    }
    rest_reply(call, &answer);
    return 0;
}

const struct api_route rest_artifact_routes[] = {
    {HTTP_GET, "/runs/{run_id}/artifacts", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "listArtifacts",
                                      .group = "Artifacts",
                                      .summary = "The files that the steps of a run have left, with their digests",
                                      .details = "Models have ids of their own (model_id of a step), and are MLflow's "
                                                 "interface's.",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_artifacts},
    {HTTP_GET, "/runs/{run_id}/artifacts/file", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "getArtifact",
                                      .group = "Artifacts",
                                      .summary = "The bytes of such a file, or a range of them",
                                      .takes = file_fields,
                                      .media = "application/octet-stream",
                                      .flags = REST_APART | REST_RANGES | REST_VALIDATES),
     .answer = get_file},
    {0},
};
