/* SPDX-License-Identifier: Apache-2.0
 * From what people write for a model to the logged model: "models:/wine@champion", "models:/wine/3", "models:/m-...",
 * "m-..."; and what becomes of a model when its step ends.
 */
#include "base/id.h"
#include "base/parse.h"
#include "engine/engine_internal.h"
#include "store/models.h"
#include "store/registry.h"

static int found_model(struct engine *engine, const char *model_id, struct arena *arena, struct model_ref *ret,
                       struct err *err)
{
    struct logged_model model;
    if (store_model_get(engine->options.store, model_id, arena, &model, err) < 0) {
        return -1;
    }
    if (model.status != MODEL_STATUS_READY) {
        bool pending = model.status == MODEL_STATUS_PENDING;
        return err_set(err, ERR_STATE, "model %s is %s, not READY: %s", model_id, model_status_name(model.status),
                       pending ? "its files are not all published yet" : model.status_message);
    }
    ret->model_id = model.model_id;
    ret->path = model.artifact_uri;
    return 1;
}

static int found_version(struct engine *engine, struct str name, int64_t number, struct arena *arena,
                         struct model_ref *ret, struct err *err)
{
    struct model_version version;
    const char *text = arena_str(arena, name).p;
    if (store_version_get(engine->options.store, text, number, arena, &version, err) < 0) {
        return -1;
    }
    ret->name = text;
    ret->version = number;
    ret->path = version.source;
    return version.model_id == NULL ? 1 : found_model(engine, version.model_id, arena, ret, err);
}

int model_resolve(struct engine *engine, const char *uri, struct arena *arena, struct model_ref *ret, struct err *err)
{
    struct str text = str_trim(str_from(uri));
    *ret = (struct model_ref){0};
    if (str_starts(text, STR("models:/"))) {
        text = str_slice(text, strlen("models:/"), text.n);
        while (text.n > 0 && text.p[0] == '/') {
            text = str_slice(text, 1, text.n);
        }
    } else if (!str_starts(text, STR("m-"))) {
        return err_set(err, ERR_INPUT,
                       "'%s' names no model: expected models:/NAME@ALIAS, models:/NAME/VERSION or m-...", uri);
    }
    if (str_starts(text, STR("m-")) && text.n == 34) {
        return found_model(engine, arena_str(arena, text).p, arena, ret, err);
    }
    ptrdiff_t at = str_find_byte(text, '@', 0);
    ptrdiff_t slash = str_find_byte(text, '/', 0);
    int64_t number = 0;
    if (at > 0) {
        struct str name = str_slice(text, 0, (size_t)at);
        const char *alias = arena_str(arena, str_slice(text, (size_t)at + 1, text.n)).p;
        if (store_alias_get(engine->options.store, arena_str(arena, name).p, alias, &number, err) < 0) {
            return -1;
        }
        return number == 0 ? 0 : found_version(engine, name, number, arena, ret, err);
    }
    if (slash > 0 && parse_int(str_slice(text, (size_t)slash + 1, text.n), 1, INT64_MAX, &number, NULL) == 0) {
        return found_version(engine, str_slice(text, 0, (size_t)slash), number, arena, ret, err);
    }
    return err_set(err, ERR_INPUT, "'%s' names no model: expected models:/NAME@ALIAS, models:/NAME/VERSION or m-...",
                   uri);
}

/* What the copy left, whole or not, was never to be seen. */
static void remove_files(struct engine *engine, const struct logged_model *model)
{
    if (id_is_model(model->model_id)) {
        vec_push(&engine->unpublished, model_folder(engine, engine->turn, model->experiment_id, model->model_id));
    }
}

int models_settle(struct engine *engine, const char *run_id, bool succeeded, const char *reason, int64_t now_ms,
                  const char **ret_ready, struct err *err)
{
    struct logged_model *models = NULL;
    size_t count = 0;
    *ret_ready = NULL;
    if (store_model_of_run(engine->options.store, run_id, false, engine->turn, &models, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        bool whole = succeeded && models[i].sha256[0] != '\0';
        const char *message = whole            ? ""
                              : reason != NULL ? reason
                                               : "the step ended before all its files were published";
        enum model_status status = models[i].status != MODEL_STATUS_PENDING ? models[i].status
                                   : whole                                  ? MODEL_STATUS_READY
                                                                            : MODEL_STATUS_UPLOAD_FAILED;
        if (status != models[i].status &&
            store_model_finalize(engine->options.store, models[i].model_id, status, message, now_ms, err) < 0) {
            return -1;
        }
        if (status == MODEL_STATUS_READY) {
            *ret_ready = models[i].model_id;
        } else {
            remove_files(engine, &models[i]);
        }
    }
    return 0;
}
