/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of files that are sent in parts (api/parts.h), and the address of ours at which the parts come.
 *
 * When all have come they are put together by the thread for files, a slice at a time, so that nobody waits long; the
 * file then gets its place as any other.
 */
#include "api/answers.h"
#include "api/file_path.h"
#include "api/guard.h"
#include "api/mlflow/direct_url.h"
#include "api/mlflow/entities.h"
#include "api/mlflow/removal.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/upload.h"
#include "api/parts.h"
#include "base/mem.h"
#include "base/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* HEADERS_MAX_BYTES: of the headers that each part is to come with, together. */
enum { BODY_MAX_BYTES = 8 << 20, HEADERS_MAX_BYTES = 16 << 20, SLICE_BYTES = 64 << 20, BLOCK_BYTES = 256 << 10 };

#define PART_PREFIX "/mlflow-artifacts/mpu/part/"

static int read_fields(struct api_call *call, const struct api_field *fields, struct err *err)
{
    struct json raw;
    return api_read_body(call, &raw, err) < 0 ? -1 : params_read(fields, &raw, call->arena, &call->params, err);
}

/* The file: below the folder in the URL, with the last part of the path that the client has it by. */
static int find_place(struct api_call *call, const char *prefix, struct file_place *ret, struct err *err)
{
    const char *name = param_text(&call->params, "path");
    for (const char *c = name; *c != '\0'; c++) {
        name = *c == '/' || *c == '\\' ? c + 1 : name;
    }
    if (file_place_of_url(call, prefix, ret, err) < 0 ||
        file_path_check(str_from(name), call->arena, &name, err) < 0) {
        return -1;
    }
    if (*name == '\0') {
        return err_set(err, ERR_INPUT, "Invalid path");
    }
    *ret = file_place_of(call, arena_printf(call->arena, "%s%s%s", ret->path, *ret->path == '\0' ? "" : "/", name));
    return upload_check(call, ret, err);
}

/* The upload of the request, which is for that place. */
static int find_upload(struct api_call *call, const struct file_place *place, struct parts_plan *ret, struct err *err)
{
    const char *id = param_text(&call->params, "upload_id");
    if (parts_find(call->files, id, call->arena, ret, err) < 0) {
        return -1;
    }
    return strcmp(ret->path, place->path) == 0 ? 0 : err_set(err, ERR_INPUT, "The upload is for another file");
}

static size_t json_head(struct api_call *call)
{
    struct err wrong = {0};
    if (guard_check_type(call->exchange, false, &wrong) < 0) {
        answer_error(call->exchange, &wrong);
    }
    return BODY_MAX_BYTES;
}

/* ---- create ----------------------------------------------------------------------------------------------------- */

static int put_addresses(struct api_call *call, const char *id, int64_t count, struct err *err)
{
    struct json list = json_array();
    for (int64_t i = 1; i <= count; i++) {
        struct json one = json_object();
        const char *url = direct_url(
            call, arena_printf(call->arena, "/api/2.0" PART_PREFIX "%s/%lld", id, (long long)i));
        if (url == NULL) {
            return err_set(err, ERR_INPUT, "The request has no Host: parts have no address without it");
        }
        put_text(call, &one, "url", url);
        put(call, &one, "part_number", json_int(i));
        put(call, &one, "headers", direct_headers(call));
        json_push(call->arena, &list, one);
    }
    put_text(call, &call->answer, "upload_id", id);
    put(call, &call->answer, "credentials", list);
    return 0;
}

static int create(struct api_call *call, struct err *err)
{
    static const struct api_field fields[] = {
        {.name = "path", .type = API_TEXT, .required = true}, {.name = "num_parts", .type = API_INT}, {0}};
    struct file_place place;
    if (read_fields(call, fields, err) < 0 ||
        find_place(call, "/mlflow-artifacts/mpu/create/", &place, err) < 0) {
        return -1;
    }
    struct parts_plan plan = {place.path, json_get_int(&call->params, "num_parts", 1)};
    if (plan.count < 1 || plan.count > PARTS_MAX) {
        return err_set(err, ERR_INPUT, "num_parts: expected 1 to %d, found %lld", PARTS_MAX, (long long)plan.count);
    }
    size_t header = http_header(call->exchange, "Authorization").n;
    if (header * (size_t)plan.count > HEADERS_MAX_BYTES) {
        return err_set(err, ERR_INPUT,
                       "num_parts: each of %lld parts would be told to come with an Authorization of %zu bytes: "
                       "expected fewer parts, or a shorter header",
                       (long long)plan.count, header);
    }
    const char *id = arena_strdup(call->arena, id_run(call->rng, call->now_ms).text);
    return parts_begin(call->files, id, &plan, err) < 0 ? -1 : put_addresses(call, id, plan.count, err);
}

/* ---- a part ----------------------------------------------------------------------------------------------------- */

struct part_ref {
    const char *id;
    int64_t number;
};

static int read_ref(struct api_call *call, struct part_ref *ret, struct file_place *ret_place, struct err *err)
{
    struct str whole = call->exchange->path;
    struct str rest = str_slice(whole, (size_t)str_find(whole, STR(PART_PREFIX)) + strlen(PART_PREFIX), whole.n);
    struct str id = {0};
    struct parts_plan plan;
    (void)str_cut(&rest, '/', &id);
    ret->id = arena_str(call->arena, id).p;
    if (parts_find(call->files, ret->id, call->arena, &plan, err) < 0) {
        return -1;
    }
    if (parse_int(rest, 1, plan.count, &ret->number, NULL) < 0) {
        return err_set(err, ERR_INPUT, "'%.*s' is no number of a part: expected 1 to %lld",
                       STR_ARG(str_slice(rest, 0, 100)), (long long)plan.count);
    }
    *ret_place = file_place_of(call, plan.path);
    return upload_check(call, ret_place, err);
}

static size_t part_head(struct api_call *call)
{
    struct part_ref ref;
    struct file_place place;
    struct err wrong = {0};
    if (read_ref(call, &ref, &place, &wrong) < 0 || upload_begin(call, &place, &wrong) < 0) {
        answer_error(call->exchange, &wrong);
    } else {
        upload_no_digest(call->exchange->owner);
    }
    return SIZE_MAX >> 1;
}

static int end_part(struct api_call *call, struct err *err)
{
    struct upload *upload = call->exchange->owner;
    struct part_ref ref;
    struct file_place place;
    struct id etag = id_run(call->rng, call->now_ms);
    if (upload_written(upload, err) < 0 || read_ref(call, &ref, &place, err) < 0 ||
        (place.owner != NULL && api_wrote_run(call, place.owner, err) < 0) ||
        parts_keep(call->files, ref.id, ref.number, etag.text, upload->name, err) < 0) {
        return -1;
    }
    upload->name[0] = '\0';
    struct http_answer answer = {
        .status = 200, .fd = -1, .headers = {{"ETag", arena_printf(call->arena, "\"%s\"", etag.text)}}};
    http_answer(call->exchange, &answer);
    return 0;
}

/* ---- complete --------------------------------------------------------------------------------------------------- */

/* The parts while they are put together, by the thread for files. */
struct assembly {
    struct upload upload;
    char id[40];
    struct id *etags;
    int64_t count, at; /* of the parts */
    int lock;          /* on the upload */
    int part;          /* that is read; -1: none */
    char *block;
};

static void drop_assembly(struct api_job *job)
{
    struct assembly *assembly = (struct assembly *)job; /* its first member's first member */
    upload_close(&assembly->upload);
    if (assembly->part >= 0) {
        (void)close(assembly->part);
    }
    if (assembly->lock >= 0) {
        (void)close(assembly->lock);
    }
    free(assembly->etags);
    free(assembly->block);
    free(assembly);
}

/* The next bytes: how many, 0 when there are no more, or -1. */
static ssize_t read_next(struct assembly *assembly, struct err *err)
{
    while (assembly->at < assembly->count) {
        if (assembly->part < 0) {
            assembly->part = parts_open(assembly->upload.files, assembly->id, assembly->at + 1,
                                        assembly->etags[assembly->at].text, err);
        }
        ssize_t n = assembly->part < 0 ? -1 : read(assembly->part, assembly->block, BLOCK_BYTES);
        if (n < 0 && assembly->part >= 0) {
            return err_errno(err, "reading part %lld of an upload", (long long)assembly->at + 1);
        }
        if (n != 0) {
            return n;
        }
        (void)close(assembly->part);
        assembly->part = -1;
        assembly->at++;
    }
    return 0;
}

static int assemble(void *ctx, struct err *err)
{
    struct assembly *assembly = ctx;
    struct upload *upload = &assembly->upload;
    for (int64_t left = SLICE_BYTES; left > 0;) {
        ssize_t n = read_next(assembly, err);
        if (n <= 0) {
            return n < 0 ? -1 : upload_sync(upload, err);
        }
        upload_add(upload, assembly->block, (size_t)n);
        left -= n;
    }
    return 1;
}

static int finish(struct api_call *call, struct err *err)
{
    struct assembly *assembly = call->exchange->owner;
    struct err gone = {0};
    if (err->code != ERR_NONE || upload_publish(&assembly->upload, call, err) < 0) {
        return -1;
    }
    struct id name = removal_name(call);
    if (parts_take_away(call->files, assembly->id, name.text, true, &gone) == 0) {
        removal_begin(call, &name);
    }
    return 0;
}

/* All of the plan, in their order, by the ETags that came back for them, with their quotes or without. */
static int read_etags(struct api_call *call, const struct parts_plan *plan, struct id *etags, struct err *err)
{
    size_t count = 0;
    const struct json *parts = param_list(&call->params, "parts", &count);
    if ((int64_t)count != plan->count) {
        return err_set(err, ERR_INPUT, "parts: expected %lld, found %zu", (long long)plan->count, count);
    }
    for (size_t i = 0; i < count; i++) {
        struct str etag = str_from(param_text(&parts[i], "etag"));
        int64_t number = json_get_int(&parts[i], "part_number", 0);
        if (number != (int64_t)i + 1) {
            return err_set(err, ERR_INPUT, "parts: expected part %zu, found %lld", i + 1, (long long)number);
        }
        etag = str_starts(etag, STR("\"")) && str_ends(etag, STR("\"")) && etag.n > 1 ? str_slice(etag, 1, etag.n - 1)
                                                                                     : etag;
        (void)snprintf(etags[i].text, sizeof etags[i].text, "%.*s", STR_ARG(str_slice(etag, 0, 39)));
    }
    return 0;
}

static int begin_assembly(struct api_call *call, const struct file_place *place, const struct parts_plan *plan,
                          struct err *err)
{
    const char *id = param_text(&call->params, "upload_id");
    struct assembly *assembly = mem_alloc(sizeof *assembly);
    int opened = upload_open(&assembly->upload, call, place, err);
    assembly->upload.job = (struct api_job){
        .file = {.work = assemble, .ctx = assembly},
        .exchange = call->exchange,
        .finish = finish,
        .drop = drop_assembly,
    };
    (void)snprintf(assembly->id, sizeof assembly->id, "%s", id);
    assembly->etags = mem_alloc((size_t)plan->count * sizeof *assembly->etags);
    assembly->block = mem_alloc(BLOCK_BYTES);
    assembly->count = plan->count;
    assembly->at = 0;
    assembly->part = -1;
    assembly->lock = opened < 0 ? -1 : parts_lock(call->files, id, err);
    if (opened < 0 || assembly->lock < 0 || read_etags(call, plan, assembly->etags, err) < 0) {
        drop_assembly(&assembly->upload.job);
        return -1;
    }
    call->exchange->owner = assembly;
    call->exchange->disown = api_disown_job;
    api_give_job(call, &assembly->upload.job);
    return 0;
}

static int complete(struct api_call *call, struct err *err)
{
    static const struct api_field part[] = {{.name = "part_number", .type = API_INT, .required = true},
                                            {.name = "etag", .type = API_TEXT, .required = true},
                                            {.name = "url", .type = API_TEXT},
                                            {0}};
    static const struct api_field fields[] = {{.name = "path", .type = API_TEXT, .required = true},
                                              {.name = "upload_id", .type = API_TEXT, .required = true},
                                              {.name = "parts", .type = API_OBJECTS, .required = true, .fields = part},
                                              {0}};
    struct file_place place;
    struct parts_plan plan;
    if (read_fields(call, fields, err) < 0 ||
        find_place(call, "/mlflow-artifacts/mpu/complete/", &place, err) < 0) {
        return -1;
    }
    if (parts_is_done(call->files, param_text(&call->params, "upload_id"), place.path, call->arena) == 1) {
        return 0;
    }
    return find_upload(call, &place, &plan, err) < 0 ? -1 : begin_assembly(call, &place, &plan, err);
}

/* ---- abort ------------------------------------------------------------------------------------------------------ */

/* What is gone is no error: clients would show that, and not why they have ended it. */
static int abort_upload(struct api_call *call, struct err *err)
{
    static const struct api_field fields[] = {{.name = "path", .type = API_TEXT, .required = true},
                                              {.name = "upload_id", .type = API_TEXT, .required = true},
                                              {0}};
    struct file_place place;
    struct parts_plan plan;
    struct err gone = {0};
    if (read_fields(call, fields, err) < 0 || find_place(call, "/mlflow-artifacts/mpu/abort/", &place, err) < 0) {
        return -1;
    }
    struct id name = removal_name(call);
    if (find_upload(call, &place, &plan, &gone) < 0 ||
        parts_take_away(call->files, param_text(&call->params, "upload_id"), name.text, false, &gone) < 0) {
        return gone.code == ERR_NOT_FOUND ? 0 : err_pass(err, &gone);
    }
    removal_begin(call, &name);
    return 0;
}

#define ROUTE(prefix, word, what)                                                                                      \
    {                                                                                                                  \
        .method = HTTP_POST, .path = prefix "/mpu/" word "/", .writes = true, .for_steps = true,                       \
        .needs = API_NEEDS(EDITOR, EDIT, ITSELF), .note = API_RECORDING, .head = json_head, .answer = what             \
    }
#define ROUTES(prefix)                                                                                                 \
    ROUTE(prefix, "create", create), ROUTE(prefix, "complete", complete), ROUTE(prefix, "abort", abort_upload)

const struct api_plain mlflow_upload_part_plains[] = {
    ROUTES("/api/2.0/mlflow-artifacts"),
    ROUTES("/ajax-api/2.0/mlflow-artifacts"),
    {.method = HTTP_PUT,
     .path = "/api/2.0" PART_PREFIX,
     .writes = true,
     .for_steps = true,
     .needs = API_NEEDS(EDITOR, EDIT, ITSELF),
     .note = API_RECORDING,
     .head = part_head,
     .answer = end_part},
    {0},
};
