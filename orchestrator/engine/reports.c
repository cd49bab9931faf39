/* SPDX-License-Identifier: Apache-2.0
 * What steps report of themselves: a row for each kind, and the function that records it.
 */
#include "base/id.h"
#include "base/log.h"
#include "engine/engine_internal.h"
#include "store/models.h"
#include "store/published.h"
#include "store/runs.h"

#include <stdlib.h>

struct reported {
    struct engine *engine;
    struct live_attempt *attempt;
    const struct json *report;
    int64_t time_ms;
    struct run_item *item;
    struct arena *keep; /* the run's arena */
};

static const char *text_of(const struct reported *r, const char *key)
{
    return json_get_text(r->report, key, "");
}

static void item_changed(const struct reported *r)
{
    vec_push(&r->attempt->open->changes.items, r->attempt->place);
}

static int report_param(const struct reported *r, struct err *err)
{
    return store_run_param(r->engine->options.store, r->attempt->row.step_run_id, text_of(r, "key"),
                           text_of(r, "value"), err);
}

static int report_tag(const struct reported *r, struct err *err)
{
    return store_run_tag(r->engine->options.store, r->attempt->row.step_run_id, text_of(r, "key"), text_of(r, "value"),
                         err);
}

static int report_output(const struct reported *r, struct err *err)
{
    const struct json *value = json_get(r->report, "value");
    (void)err;
    json_set(r->keep, &r->item->outputs, arena_strdup(r->keep, text_of(r, "key")),
             value == NULL ? json_null() : json_copy(r->keep, value));
    item_changed(r);
    return 0;
}

/* A row for each file, under `owner` (a run or a model). */
static int put_files(const struct reported *r, const char *owner, const char *below, struct err *err)
{
    const struct json *files = json_get(r->report, "files");
    size_t count = files != NULL && files->type == JSON_ARRAY ? files->u.array.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct json *file = &files->u.array.items[i];
        const char *path = json_get_text(file, "path", "");
        struct artifact artifact = {
            .path = *below == '\0' ? path : *path == '\0' ? below : arena_printf(r->engine->turn, "%s/%s", below, path),
            .sha256 = json_get_text(file, "sha256", ""),
            .size_bytes = json_get_int(file, "size", 0),
        };
        if (store_artifact_put(r->engine->options.store, owner, &artifact, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Of older runners no digest of the whole is known: then nothing is recorded, and nothing compared. */
static int put_published(const struct reported *r, const char *owner, const char *path, bool alters, struct err *err)
{
    struct published_row row = {
        .owner = owner,
        .path = path,
        .name = text_of(r, "declared"),
        .step = arena_str(r->engine->turn, run_step_at(r->attempt->open->run, r->attempt->place)->id).p,
        .sha256 = text_of(r, "sha256"),
        .stamp = text_of(r, "stamp"),
    };
    bool known = *row.sha256 != '\0' && *path != '\0';
    return known ? store_published_put(r->engine->options.store, &row, alters, err) : 0;
}

static int report_artifact(const struct reported *r, struct err *err)
{
    const char *declared = json_get_text(r->report, "declared", NULL);
    if (declared != NULL) {
        json_set(r->keep, &r->item->artifacts, arena_strdup(r->keep, declared),
                 json_cstring(r->keep, text_of(r, "local")));
        item_changed(r);
    }
    /* What a step publishes as it goes may lie in a folder that it has published; what it declares is found as it is.
     */
    if (put_published(r, r->attempt->row.step_run_id, text_of(r, "local"), declared == NULL, err) < 0) {
        return -1;
    }
    return put_files(r, r->attempt->row.step_run_id, "", err);
}

static int set_model_map(const struct reported *r, const char *key,
                         int (*set)(struct store *, const char *, const char *, const char *, struct err *),
                         struct err *err)
{
    const struct json *map = json_get(r->report, key);
    for (size_t i = 0; map != NULL && map->type == JSON_OBJECT && i < map->u.object.count; i++) {
        const struct json *value = &map->u.object.members[i].value;
        const char *text = value->type == JSON_STRING ? value->u.string.p : json_text(r->engine->turn, value).p;
        if (set(r->engine->options.store, text_of(r, "model_id"), map->u.object.members[i].key.p, text, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The model that a report is about. Its first report makes the row: PENDING, before any file is copied. Later ones find
 * it, and none may speak of another step's model, or of one whose end was told. */
static int reported_model(const struct reported *r, struct err *err)
{
    struct store *store = r->engine->options.store;
    struct logged_model model;
    struct err unknown = {0};
    const char *id = text_of(r, "model_id");
    if (store_model_get(store, id, r->engine->turn, &model, &unknown) < 0) {
        if (unknown.code != ERR_NOT_FOUND) {
            *err = unknown;
            return -1;
        }
        if (!id_is_model(id)) {
            return err_set(err, ERR_INPUT, "'%s' is no id of a logged model: expected m- and 32 hex digits", id);
        }
        model = (struct logged_model){
            .model_id = id,
            .experiment_id = r->attempt->open->row.experiment_id,
            .name = text_of(r, "name"),
            .artifact_uri = text_of(r, "dir"),
            .source_run_id = r->attempt->row.step_run_id,
            .maker = r->attempt->row.step_run_id,
            .model_type = text_of(r, "model_type"),
            .status = MODEL_STATUS_PENDING,
            .created_ms = r->time_ms,
            .updated_ms = r->time_ms,
        };
        return store_model_create(store, &model, err);
    }
    if (model.source_run_id == NULL || strcmp(model.source_run_id, r->attempt->row.step_run_id) != 0) {
        return err_set(err, ERR_STATE, "model %s is of another step", id);
    }
    return model.status == MODEL_STATUS_PENDING
               ? 0
               : err_set(err, ERR_STATE, "model %s is %s already", id, model_status_name(model.status));
}

/* "READY" says that all its files are published: the row says so when the step has succeeded (models_settle). */
static int report_model(const struct reported *r, struct err *err)
{
    struct store *store = r->engine->options.store;
    const char *id = text_of(r, "model_id");
    const char *status = text_of(r, "status");
    if (reported_model(r, err) < 0 || set_model_map(r, "params", store_model_param, err) < 0 ||
        set_model_map(r, "tags", store_model_tag, err) < 0 || put_files(r, id, "", err) < 0) {
        return -1;
    }
    if (strcmp(status, "READY") == 0) {
        if (put_published(r, id, text_of(r, "dir"), false, err) < 0) {
            return -1;
        }
        return store_model_published(store, id, text_of(r, "sha256"), json_get_int(r->report, "size", 0), r->time_ms,
                                     err);
    }
    return strcmp(status, "UPLOAD_FAILED") == 0
               ? store_model_finalize(store, id, MODEL_STATUS_UPLOAD_FAILED, text_of(r, "message"), r->time_ms, err)
               : 0;
}

static int log_dataset(const struct reported *r, const char *name, const char *sha256, const char *path,
                       const char *context, struct err *err)
{
    struct dataset_use use = {
        .name = name,
        .digest = arena_str(r->engine->turn, str_slice(str_from(sha256), 0, DATASET_DIGEST_CHARACTERS)).p,
        .sha256 = sha256,
        .source_type = "local",
        .source = path,
        .context = *context == '\0' ? NULL : context,
    };
    return store_run_dataset(r->engine->options.store, r->attempt->row.step_run_id, r->attempt->open->row.experiment_id,
                             &use, err);
}

static int report_dataset(const struct reported *r, struct err *err)
{
    return log_dataset(r, text_of(r, "name"), text_of(r, "digest"), text_of(r, "path"), text_of(r, "context"), err);
}

/* An input is a dataset of the run when it says so, a model's use when it is a model, and always a tag with its digest.
 */
static int report_input(const struct reported *r, struct err *err)
{
    const char *name = text_of(r, "name");
    const char *sha256 = text_of(r, "sha256");
    const char *uri = text_of(r, "uri");
    struct store *store = r->engine->options.store;
    const char *run_id = r->attempt->row.step_run_id;
    const char *tag = arena_printf(r->engine->turn, "sluice.input.%s", name);
    const char *value = arena_printf(r->engine->turn, "%s sha256:%s", *uri == '\0' ? text_of(r, "path") : uri, sha256);
    if (store_run_tag(store, run_id, tag, value, err) < 0) {
        return -1;
    }
    if (str_starts(str_from(uri), STR("models:/m-"))) {
        return store_run_model(store, run_id, uri + strlen("models:/"), false, err);
    }
    const char *dataset = text_of(r, "dataset");
    return *dataset == '\0' ? 0 : log_dataset(r, dataset, sha256, text_of(r, "path"), text_of(r, "context"), err);
}

static int report_progress(const struct reported *r, struct err *err)
{
    (void)err;
    r->attempt->progress = json_get_number(r->report, "fraction", -1);
    free(r->attempt->progress_text);
    r->attempt->progress_text = strdup(text_of(r, "text"));
    return 0;
}

static const struct {
    const char *kind;
    int (*apply)(const struct reported *reported, struct err *err);
} report_kinds[] = {
    {"param", report_param},     {"tag", report_tag},         {"output", report_output}, {"artifact", report_artifact},
    {"model", report_model},     {"dataset", report_dataset}, {"input", report_input},   {"progress", report_progress},
};

int report_apply(struct engine *engine, struct live_attempt *attempt, const struct json *report, int64_t time_ms,
                 struct err *err)
{
    struct reported reported = {
        .engine = engine,
        .attempt = attempt,
        .report = report,
        .time_ms = time_ms,
        .item = run_item_at(attempt->open->run, attempt->place),
        .keep = attempt->open->run->arena,
    };
    const char *kind = json_get_text(report, "kind", "");
    for (size_t i = 0; i < sizeof report_kinds / sizeof report_kinds[0]; i++) {
        if (strcmp(report_kinds[i].kind, kind) != 0) {
            continue;
        }
        struct err refused = {0};
        if (report_kinds[i].apply(&reported, &refused) == 0) {
            return 0;
        }
        if (refused.code == ERR_INPUT || refused.code == ERR_EXISTS || refused.code == ERR_STATE) {
            log_warn("engine", "run=%s a %s was refused: %s", attempt->row.step_run_id, kind, refused.message);
            return 0;
        }
        *err = refused;
        return -1;
    }
    log_warn("engine", "run=%s a report of unknown kind '%s'", attempt->row.step_run_id, kind);
    return 0;
}
