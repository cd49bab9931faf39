/* SPDX-License-Identifier: Apache-2.0 */
#include "store/models.h"

#include "store/experiments.h"
#include "store/guards.h"
#include "store/key_rules.h"
#include "store/model_events.h"
#include "store/python_quote.h"
#include "store/runs.h"
#include "store/stmt.h"

#include <string.h>

enum { NAME_CHARACTERS_MAX = 500 }; /* as wide as MLflow's column */

static int not_found(const char *model_id, struct err *err)
{
    (void)err_set(err, ERR_NOT_FOUND, "there is no model '%s'", model_id);
    return err_as_mlflow(err, "Logged model with ID '%s' not found.", model_id);
}

/* ---- the model -------------------------------------------------------------------------------------- */

static int check_name(const char *name, struct err *err)
{
    if (name == NULL || *name == '\0' || strpbrk(name, "/:.%\"'") != NULL) {
        struct strbuf quoted;
        strbuf_init(&quoted, 1024);
        python_quote(&quoted, value_cut(name, 200));
        (void)err_set(err, ERR_INPUT,
                      "Invalid model name (%s) provided. Model name must be a non-empty string and cannot contain the "
                      "following characters: ('/', ':', '.', '%%', '\"', \"'\")",
                      quoted.data);
        strbuf_clear(&quoted);
        return -1;
    }
    return value_check_length("name", name, NAME_CHARACTERS_MAX, err);
}

static int insert_model(struct store *store, const struct logged_model *model, struct err *err)
{
    if (check_name(model->name, err) < 0 || store_experiment_require_active(store, model->experiment_id, err) < 0) {
        return -1;
    }
    struct stmt *s =
        stmt_get(store, "INSERT INTO logged_models (model_id, experiment_id, name, artifact_uri, source_run_id, "
                        "model_type, status, status_message, sha256, size_bytes, created_ms, updated_ms, maker) VALUES "
                        "(:model_id, :experiment, :name, :artifact_uri, :run_id, :type, :status, :message, :sha256, "
                        ":size, :created, :updated, :maker) ON CONFLICT (model_id) DO NOTHING");
    stmt_text(s, ":model_id", model->model_id);
    stmt_int(s, ":experiment", model->experiment_id);
    stmt_text(s, ":name", model->name);
    stmt_text(s, ":artifact_uri", model->artifact_uri);
    stmt_text(s, ":run_id", model->source_run_id);
    stmt_text(s, ":type", model->model_type == NULL ? "" : model->model_type);
    stmt_int(s, ":status", model->status == 0 ? MODEL_STATUS_PENDING : model->status);
    stmt_text(s, ":message", model->status_message == NULL ? "" : model->status_message);
    stmt_text(s, ":sha256", model->sha256 == NULL ? "" : model->sha256);
    stmt_int(s, ":size", model->size_bytes);
    stmt_int(s, ":created", model->created_ms);
    stmt_int(s, ":updated", model->updated_ms);
    stmt_text(s, ":maker", model->maker);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_EXISTS, "there is a logged model '%s' already", model->model_id);
    }
    return changed < 0 ? -1 : 0;
}

/* A client may name a run that is not ours: that is no link. */
static int link_source(struct store *store, const struct logged_model *model, struct err *err)
{
    struct err unknown = {0};
    if (model->source_run_id == NULL ||
        store_run_model(store, model->source_run_id, model->model_id, true, &unknown) == 0) {
        return 0;
    }
    if (unknown.code == ERR_NOT_FOUND || unknown.code == ERR_INPUT) {
        return 0;
    }
    *err = unknown;
    return -1;
}

int store_model_create(struct store *store, const struct logged_model *model, struct err *err)
{
    return insert_model(store, model, err) < 0 ? -1 : link_source(store, model, err);
}

int store_model_create_tagged(struct store *store, const struct logged_model *model, const struct pair *params,
                              size_t param_count, const struct pair *tags, size_t tag_count, struct err *err)
{
    return insert_model(store, model, err) < 0 ||
                   store_model_params_log(store, model->model_id, params, param_count, err) < 0
               ? -1
               : store_model_tags_set(store, model->model_id, tags, tag_count, err);
}

int store_model_written(struct store *store, const char *model_id, const char *step_run_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE logged_models SET maker = NULL WHERE model_id = :model_id "
                                     "AND maker IS NOT NULL AND maker IS NOT :step");
    stmt_text(s, ":model_id", model_id);
    stmt_text(s, ":step", step_run_id);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_model_maker(struct store *store, const char *model_id, struct arena *arena, const char **ret,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT maker FROM logged_models WHERE model_id = :model_id");
    stmt_text(s, ":model_id", model_id);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text_or_null(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_model_published(struct store *store, const char *model_id, const char *sha256, int64_t size_bytes,
                          int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE logged_models SET sha256 = :sha256, size_bytes = :size, updated_ms = :now "
                                     "WHERE model_id = :model_id AND deleted_ms IS NULL");
    stmt_text(s, ":model_id", model_id);
    stmt_text(s, ":sha256", sha256);
    stmt_int(s, ":size", size_bytes);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? not_found(model_id, err) : changed < 0 ? -1 : 0;
}

/* Of a model that was not published there are no files. */
static int forget_files(struct store *store, const char *model_id, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM artifacts WHERE owner = :model_id");
    stmt_text(s, ":model_id", model_id);
    return stmt_run(s, err) < 0 ? -1 : store_model_published(store, model_id, "", 0, now_ms, err);
}

static int is_ready(struct store *store, const char *model_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT status FROM logged_models WHERE model_id = :model_id");
    stmt_text(s, ":model_id", model_id);
    int row = stmt_step(s, err);
    int ready = row < 0 ? -1 : row == 1 && stmt_column_int(s, 0) == MODEL_STATUS_READY ? 1 : 0;
    stmt_done(s);
    return ready;
}

/* Whoever waits for versions hears of those of a model that has become READY. */
static int tell_ready(struct store *store, const char *model_id, enum model_status status, bool was_ready,
                      int64_t now_ms, struct err *err)
{
    return status == MODEL_STATUS_READY && !was_ready ? model_event_ready(store, model_id, now_ms, err) : 0;
}

int store_model_finalize(struct store *store, const char *model_id, enum model_status status, const char *message,
                         int64_t now_ms, struct err *err)
{
    int was_ready = is_ready(store, model_id, err);
    struct stmt *s =
        stmt_get(store, "UPDATE logged_models SET status = :status, status_message = :message, updated_ms = :now "
                        "WHERE model_id = :model_id AND deleted_ms IS NULL");
    stmt_text(s, ":model_id", model_id);
    stmt_int(s, ":status", status);
    stmt_text(s, ":message", message == NULL ? "" : message);
    stmt_int(s, ":now", now_ms);
    int64_t changed = was_ready < 0 ? -1 : stmt_run(s, err);
    if (changed <= 0) {
        return changed == 0 ? not_found(model_id, err) : -1;
    }
    return status == MODEL_STATUS_UPLOAD_FAILED ? forget_files(store, model_id, now_ms, err)
                                                : tell_ready(store, model_id, status, was_ready, now_ms, err);
}

/* `s` changes the model, if there is one. */
static int change(struct stmt *s, const char *model_id, int64_t now_ms, struct err *err)
{
    stmt_text(s, ":model_id", model_id);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? not_found(model_id, err) : changed < 0 ? -1 : 0;
}

int store_model_set_status(struct store *store, const char *model_id, enum model_status status, int64_t now_ms,
                           struct err *err)
{
    int was_ready = is_ready(store, model_id, err);
    if (was_ready < 0 || (was_ready && status != MODEL_STATUS_READY && guard_require_files(store, model_id, err) < 0)) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "UPDATE logged_models SET status = :status, updated_ms = :now "
                                     "WHERE model_id = :model_id AND deleted_ms IS NULL");
    stmt_int(s, ":status", status);
    return change(s, model_id, now_ms, err) < 0 ? -1 : tell_ready(store, model_id, status, was_ready, now_ms, err);
}

int store_model_delete(struct store *store, const char *model_id, int64_t now_ms, struct err *err)
{
    if (guard_require_files(store, model_id, err) < 0) {
        return -1;
    }
    return change(stmt_get(store, "UPDATE logged_models SET updated_ms = iif(deleted_ms IS NULL, :now, updated_ms), "
                                  "deleted_ms = COALESCE(deleted_ms, :now) WHERE model_id = :model_id"),
                  model_id, now_ms, err);
}

const char *model_status_name(enum model_status status)
{
    static const char *const names[] = {
        [MODEL_STATUS_PENDING] = "PENDING",
        [MODEL_STATUS_READY] = "READY",
        [MODEL_STATUS_UPLOAD_FAILED] = "UPLOAD_FAILED",
    };
    return status >= MODEL_STATUS_PENDING && status <= MODEL_STATUS_UPLOAD_FAILED ? names[status] : "?";
}

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct logged_model *)item = (struct logged_model){
        .model_id = stmt_column_text(s, 0, arena),
        .experiment_id = stmt_column_int(s, 1),
        .name = stmt_column_text(s, 2, arena),
        .artifact_uri = stmt_column_text(s, 3, arena),
        .source_run_id = stmt_column_text_or_null(s, 4, arena),
        .model_type = stmt_column_text(s, 5, arena),
        .status = (enum model_status)stmt_column_int(s, 6),
        .status_message = stmt_column_text(s, 7, arena),
        .sha256 = stmt_column_text(s, 8, arena),
        .size_bytes = stmt_column_int(s, 9),
        .created_ms = stmt_column_int(s, 10),
        .updated_ms = stmt_column_int(s, 11),
        .deleted = stmt_column_int(s, 12) != 0,
    };
}

#define MODEL_COLUMNS                                                                                                  \
    "SELECT model_id, experiment_id, name, artifact_uri, source_run_id, model_type, status, status_message, sha256, "  \
    "size_bytes, created_ms, updated_ms, deleted_ms IS NOT NULL FROM logged_models WHERE "
#define ALIVE "deleted_ms IS NULL AND "

int store_model_get(struct store *store, const char *model_id, struct arena *arena, struct logged_model *ret,
                    struct err *err)
{
    struct logged_model model;
    if (store_model_get_any(store, model_id, arena, &model, err) < 0) {
        return -1;
    }
    if (model.deleted) {
        return not_found(model_id, err);
    }
    *ret = model;
    return 0;
}

int store_model_get_any(struct store *store, const char *model_id, struct arena *arena, struct logged_model *ret,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, MODEL_COLUMNS "model_id = :model_id");
    stmt_text(s, ":model_id", model_id);
    int row = stmt_read_row(s, read_row, arena, ret, err);
    return row == 0 ? not_found(model_id, err) : row < 0 ? -1 : 0;
}

int store_model_list(struct store *store, int64_t experiment_id, size_t limit, struct arena *arena,
                     struct logged_model **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, MODEL_COLUMNS ALIVE "(:experiment = -1 OR experiment_id = :experiment) "
                                                   "ORDER BY created_ms DESC, model_id LIMIT :limit");
    stmt_int(s, ":experiment", experiment_id);
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_model_of_run(struct store *store, const char *run_id, bool ready_only, struct arena *arena,
                       struct logged_model **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, MODEL_COLUMNS ALIVE "source_run_id = :run_id AND (:ready = 0 OR status = 2) "
                                                   "ORDER BY created_ms, model_id");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":ready", ready_only ? 1 : 0);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}
