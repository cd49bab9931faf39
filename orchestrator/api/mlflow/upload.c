/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/upload.h"

#include "api/step_rights.h"
#include "base/id.h"
#include "base/mask.h"
#include "base/mem.h"
#include "store/models.h"
#include "store/runs.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- who may write where ---------------------------------------------------------------------------------------- */

static int check_step(struct api_call *call, const struct file_place *place, struct err *err)
{
    if (place->owner == NULL) {
        return err_set(err, ERR_DENIED, "'%s' is no place of a run, model or trace that this step has made",
                       place->path);
    }
    return place->of_trace             ? step_check_trace(call, place->owner, err)
           : id_is_model(place->owner) ? step_check_model(call, place->owner, err)
                                       : step_check_run(call, place->owner, err);
}

int upload_check(struct api_call *call, const struct file_place *place, struct err *err)
{
    if (*place->path == '\0') {
        return err_set(err, ERR_INPUT, "Invalid path");
    }
    if (call->step != NULL && call->step->mask != NULL && mask_finds(call->step->mask, str_from(place->path))) {
        return err_set(err, ERR_INPUT, "there is a secret in the name of the file, which would be shown");
    }
    return call->step == NULL ? file_place_check(call, place, PERMISSION_EDIT, err) : check_step(call, place, err);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

int upload_open(struct upload *upload, struct api_call *call, const struct file_place *place, struct err *err)
{
    struct id name = id_run(call->rng, call->now_ms);
    *upload = (struct upload){.files = call->files, .place = *place};
    (void)memcpy(upload->name, name.text, sizeof upload->name);
    upload->fd = files_create(call->files, upload->name, err);
    upload->writer = file_writer_new(upload->fd);
    return upload->fd < 0 ? -1 : 0;
}

void upload_close(struct upload *upload)
{
    file_writer_free(upload->writer);
    if (upload->fd >= 0) {
        (void)close(upload->fd);
    }
    if (upload->name[0] != '\0') {
        (void)files_discard(upload->files, upload->name, NULL);
    }
}

void upload_no_digest(struct upload *upload)
{
    file_writer_no_digest(upload->writer);
}

void upload_add(struct upload *upload, const char *bytes, size_t size)
{
    upload->size += (int64_t)size;
    file_writer_add(upload->writer, bytes, size);
}

int upload_written(struct upload *upload, struct err *err)
{
    return file_writer_end(upload->writer, err);
}

int upload_sync(struct upload *upload, struct err *err)
{
    if (upload_written(upload, err) < 0) {
        return -1;
    }
    return fdatasync(upload->fd) < 0 ? err_errno(err, "syncing the artifact") : 0;
}

/* Files of what the store does not know have no row: MLflow's clients may put them anywhere. */
static int record(struct api_call *call, const struct upload *upload, const char *sha256, struct err *err)
{
    struct run_info run;
    struct logged_model model;
    const struct file_place *place = &upload->place;
    if (place->owner == NULL || place->of_trace ||
        (store_run_get(call->store, place->owner, call->arena, &run, NULL) < 0 &&
         store_model_get(call->store, place->owner, call->arena, &model, NULL) < 0)) {
        return 0;
    }
    struct artifact artifact = {place->below, sha256, upload->size};
    return store_artifact_put(call->store, place->owner, &artifact, err) < 0
               ? -1
               : store_model_written(call->store, place->owner, call->step == NULL ? NULL : call->step->run_id, err);
}

int upload_publish(struct upload *upload, struct api_call *call, struct err *err)
{
    struct digest digest = file_writer_digest(upload->writer);
    if (upload_check(call, &upload->place, err) < 0 || /* large ones are put together for long */
        record(call, upload, digest.hex, err) < 0 ||
        files_publish(upload->files, upload->name, upload->place.path, err) < 0 ||
        (upload->place.owner != NULL && api_wrote_run(call, upload->place.owner, err) < 0)) {
        return -1;
    }
    upload->name[0] = '\0';
    return 0;
}

/* ---- from a body ------------------------------------------------------------------------------------------------ */

static void drop_upload(struct api_job *job)
{
    upload_close((struct upload *)job); /* its first member */
    free(job);
}

static int take_bytes(struct http_exchange *exchange, const char *bytes, size_t size)
{
    upload_add(exchange->owner, bytes, size);
    return 0;
}

static int sync_file(void *ctx, struct err *err)
{
    return upload_sync(ctx, err);
}

static int finish_upload(struct api_call *call, struct err *err)
{
    return err->code != ERR_NONE ? -1 : upload_publish(call->exchange->owner, call, err);
}

int upload_begin(struct api_call *call, const struct file_place *place, struct err *err)
{
    struct upload *upload = mem_alloc(sizeof *upload);
    int result = upload_open(upload, call, place, err);
    upload->job = (struct api_job){
        .file = {.work = sync_file, .ctx = upload},
        .exchange = call->exchange,
        .finish = finish_upload,
        .drop = drop_upload,
    };
    call->exchange->owner = upload;
    call->exchange->disown = api_disown_job;
    call->exchange->sink = take_bytes;
    return result;
}

int upload_end(struct api_call *call, struct err *err)
{
    struct upload *upload = call->exchange->owner;
    if (upload_check(call, &upload->place, err) < 0) { /* it may have taken long to come */
        return -1;
    }
    api_give_job(call, &upload->job);
    return 0;
}
