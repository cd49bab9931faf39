/* SPDX-License-Identifier: Apache-2.0 */
#include "store/runs.h"

#include "store/experiments.h"
#include "store/key_rules.h"
#include "store/runs_internal.h"
#include "store/stmt.h"

#include <assert.h>
#include <string.h>

enum { RUN_ID_MAX = 256 };

static const char *const status_names[] = {"SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"};
enum { STATUS_COUNT = sizeof status_names / sizeof status_names[0] };

const char *run_status_name(enum run_status status)
{
    return status_names[status];
}

int run_status_parse(const char *name, enum run_status *ret)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (strcmp(status_names[i], name) == 0) {
            *ret = (enum run_status)i;
            return 0;
        }
    }
    return -1;
}

static enum run_status status_stored(const char *name)
{
    enum run_status status = RUN_STATUS_FAILED;
    (void)run_status_parse(name, &status);
    return status;
}

int run_not_found(const char *run_id, struct err *err)
{
    (void)err_set(err, ERR_NOT_FOUND, "there is no run '%s'", run_id);
    return err_as_mlflow(err, "Run with id=%s not found", run_id);
}

int run_id_check(const char *run_id, struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = run_id == NULL ? 0 : strspn(run_id, letters);
    if (length == 0 || length > RUN_ID_MAX || run_id[length] != '\0' || run_id[0] == '_' || run_id[0] == '-') {
        return value_refuse("run_id", run_id, NULL, err);
    }
    return 0;
}

int run_read_deleted(struct store *store, const char *run_id, bool *ret_deleted, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT r.deleted_ms IS NOT NULL OR e.deleted_ms IS NOT NULL FROM runs AS r "
                                     "JOIN experiments AS e ON e.id = r.experiment_id WHERE r.run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    *ret_deleted = row == 1 && stmt_column_int(s, 0) != 0;
    stmt_done(s);
    return row == 0 ? run_not_found(run_id, err) : row < 0 ? -1 : 0;
}

int store_run_require_active(struct store *store, const char *run_id, struct err *err)
{
    bool deleted = false;
    if (run_read_deleted(store, run_id, &deleted, err) < 0) {
        return -1;
    }
    if (deleted) {
        return err_set(err, ERR_INPUT, "The run %s must be in the 'active' state. Current state is deleted.", run_id);
    }
    return 0;
}

static int insert_run(struct store *store, const struct run_info *run, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO runs (run_id, experiment_id, name, user, status, start_ms, end_ms, "
                                     "artifact_uri, parent_run_id) "
                                     "VALUES (:run_id, :experiment, :name, :user, :status, :start, NULLIF(:end, 0), "
                                     ":artifact_uri, :parent) ON CONFLICT (run_id) DO NOTHING");
    stmt_text(s, ":run_id", run->run_id);
    stmt_int(s, ":experiment", run->experiment_id);
    stmt_str(s, ":name", value_cut(run->name, RUN_TAG_CHARACTERS_MAX));
    stmt_str(s, ":user", value_cut(run->user, RUN_TAG_CHARACTERS_MAX));
    stmt_text(s, ":status", run_status_name(run->status));
    stmt_int(s, ":start", run->start_ms);
    stmt_int(s, ":end", run->end_ms);
    stmt_str(s, ":artifact_uri", str_from(run->artifact_uri));
    stmt_text(s, ":parent", run->parent_run_id);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_EXISTS, "there is a run '%s' already", run->run_id);
    }
    return changed < 0 ? -1 : 0;
}

/* Checks, and inserts the row alone. */
static int add_run(struct store *store, const struct run_info *run, struct err *err)
{
    if (run_id_check(run->run_id, err) < 0 || store_experiment_require_active(store, run->experiment_id, err) < 0) {
        return -1;
    }
    if (str_from(run->name).n == 0) {
        return err_set(err, ERR_INPUT, "run '%s': expected a name", run->run_id);
    }
    return insert_run(store, run, err);
}

int store_run_create(struct store *store, const struct run_info *run, struct err *err)
{
    return store_run_create_with(store, run, NULL, 0, err);
}

int store_run_create_with(struct store *store, const struct run_info *run, const struct pair *tags, size_t tag_count,
                          struct err *err)
{
    const struct pair own[] = {
        {"mlflow.runName", run->name}, {"mlflow.user", run->user}, {"mlflow.parentRunId", run->parent_run_id}};
    struct pair all[sizeof own / sizeof own[0] + RUN_TAGS_WITH_IT];
    size_t count = run->parent_run_id == NULL ? 2 : 3;
    assert(tag_count <= RUN_TAGS_WITH_IT);
    memcpy(all, own, sizeof own);
    for (size_t i = 0; i < tag_count; i++) {
        all[count + i] = tags[i];
    }
    return add_run(store, run, err) < 0 ? -1 : run_tags_add(store, run->run_id, all, count + tag_count, err);
}

/* The last word on a key, NULL when there is none. */
static const char *find_tag(const struct pair *tags, size_t count, const char *key)
{
    for (size_t i = count; i > 0; i--) {
        if (strcmp(tags[i - 1].key, key) == 0) {
            return tags[i - 1].value;
        }
    }
    return NULL;
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text == NULL || *text == '\0' ? otherwise : text;
}

static int choose_name(const struct run_info *run, const struct pair *tags, size_t tag_count, const char *otherwise,
                       const char **ret, struct err *err)
{
    const char *said = text_or(run->name, NULL);
    const char *tagged = text_or(find_tag(tags, tag_count, "mlflow.runName"), NULL);
    if (said != NULL && tagged != NULL && strcmp(said, tagged) != 0) {
        return err_set(err, ERR_INPUT,
                       "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
                       "(run_name='%s', mlflow.runName='%s').",
                       said, tagged);
    }
    *ret = said != NULL ? said : text_or(tagged, otherwise);
    return 0;
}

int store_run_create_tagged(struct store *store, const struct run_info *run, const struct pair *tags, size_t tag_count,
                            const char *name_otherwise, struct err *err)
{
    struct run_info named = *run;
    if (run_tags_check_given(tags, tag_count, err) < 0 ||
        choose_name(run, tags, tag_count, name_otherwise, &named.name, err) < 0) {
        return -1;
    }
    named.parent_run_id = text_or(find_tag(tags, tag_count, "mlflow.parentRunId"), NULL);
    if (add_run(store, &named, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < tag_count; i++) {
        if (run_tag_put(store, run->run_id, tags[i].key, value_cut(tags[i].value, SIZE_MAX), err) < 0) {
            return -1;
        }
    }
    return run_tag_put(store, run->run_id, "mlflow.runName", value_cut(named.name, RUN_TAG_CHARACTERS_MAX), err);
}

static int changed_run(struct stmt *s, const char *run_id, struct err *err)
{
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? run_not_found(run_id, err) : changed < 0 ? -1 : 0;
}

int store_run_update(struct store *store, const char *run_id, enum run_status status, int64_t end_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE runs SET status = :status, end_ms = COALESCE(NULLIF(:end, 0), "
                                     "end_ms) WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":status", run_status_name(status));
    stmt_int(s, ":end", end_ms);
    return changed_run(s, run_id, err);
}

/* A pipeline below it is not a client's, and ends by itself. */
int store_run_end(struct store *store, const char *run_id, enum run_status status, int64_t end_ms, struct err *err)
{
    if (store_run_update(store, run_id, status, end_ms, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(
        store, "WITH RECURSIVE below(run_id) AS (SELECT :run_id UNION SELECT r.run_id FROM below JOIN runs AS r ON "
               "r.parent_run_id = below.run_id WHERE NOT EXISTS (SELECT 1 FROM pipeline_runs AS q WHERE q.run_id = "
               "r.run_id)) UPDATE runs SET status = :status, end_ms = :end WHERE run_id IN (SELECT run_id FROM below) "
               "AND run_id <> :run_id AND status IN ('RUNNING', 'SCHEDULED')");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":status", run_status_name(status));
    stmt_int(s, ":end", end_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_run_change(struct store *store, const char *run_id, const struct run_change *change, struct err *err)
{
    if (store_run_require_active(store, run_id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "UPDATE runs SET status = COALESCE(:status, status), "
                                     "end_ms = CASE WHEN :ends THEN NULLIF(:end, 0) ELSE end_ms END "
                                     "WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":status", change->status == NULL ? NULL : run_status_name(*change->status));
    stmt_int(s, ":ends", change->end_ms != NULL);
    stmt_int(s, ":end", change->end_ms == NULL ? 0 : *change->end_ms);
    if (changed_run(s, run_id, err) < 0) {
        return -1;
    }
    return text_or(change->name, NULL) == NULL ? 0 : store_run_tag(store, run_id, "mlflow.runName", change->name, err);
}

int store_run_delete(struct store *store, const char *run_id, int64_t now_ms, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "UPDATE runs SET deleted_ms = COALESCE(deleted_ms, :now) WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":now", now_ms);
    return changed_run(s, run_id, err);
}

static int require_experiment(struct store *store, const char *run_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT experiment_id FROM runs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    int64_t experiment_id = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row == 0  ? run_not_found(run_id, err)
           : row < 0 ? -1
                     : store_experiment_require_active(store, experiment_id, err);
}

int store_run_restore(struct store *store, const char *run_id, struct err *err)
{
    if (require_experiment(store, run_id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "UPDATE runs SET deleted_ms = NULL WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    return changed_run(s, run_id, err);
}

int store_run_began(struct store *store, const char *run_id, int64_t start_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE runs SET start_ms = :start WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":start", start_ms);
    return changed_run(s, run_id, err);
}

struct run_info run_info_of_row(struct stmt *s, struct arena *arena)
{
    return (struct run_info){
        .run_id = stmt_column_text(s, 0, arena),
        .experiment_id = stmt_column_int(s, 1),
        .name = stmt_column_text(s, 2, arena),
        .user = stmt_column_text(s, 3, arena),
        .status = status_stored(stmt_column_view(s, 4).p),
        .start_ms = stmt_column_int(s, 5),
        .end_ms = stmt_column_int(s, 6),
        .deleted = stmt_column_int(s, 7) != 0,
        .artifact_uri = stmt_column_text(s, 8, arena),
        .parent_run_id = stmt_column_text_or_null(s, 9, arena),
    };
}

int store_run_get(struct store *store, const char *run_id, struct arena *arena, struct run_info *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, RUN_INFO_SELECT " WHERE r.run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = run_info_of_row(s, arena);
    }
    stmt_done(s);
    return row == 0 ? run_not_found(run_id, err) : row < 0 ? -1 : 0;
}
