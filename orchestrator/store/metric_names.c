/* SPDX-License-Identifier: Apache-2.0
 * Runs, keys and targets of metrics as numbers: what would be 32 and more bytes in every row of a series.
 */
#include "store/metrics_internal.h"

void metric_series_bind(struct stmt *s, const struct metric_series_id *id)
{
    stmt_int(s, ":run", id->run);
    stmt_int(s, ":key", id->key);
    stmt_int(s, ":target", id->target);
}

/* Steps a query of one number: 1, 0, -1. */
static int take_number(struct stmt *s, int64_t *ret, struct err *err)
{
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = stmt_column_int(s, 0);
    }
    stmt_done(s);
    return row;
}

static int take_new_number(struct store *store, struct stmt *insert, const char *what, int64_t *ret, struct err *err)
{
    if (stmt_run_one(insert, what, err) < 0) {
        return -1;
    }
    *ret = stmt_last_id(store);
    return 0;
}

int metric_run_find(struct store *store, const char *run_id, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id FROM metric_runs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    return take_number(s, ret, err);
}

int metric_run_number(struct store *store, const char *run_id, int64_t *ret, struct err *err)
{
    int found = metric_run_find(store, run_id, ret, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO metric_runs (run_id) VALUES (:run_id)");
    stmt_text(s, ":run_id", run_id);
    return take_new_number(store, s, "inserting a run with metrics", ret, err);
}

int metric_key_number(struct store *store, const char *key, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id FROM metric_keys WHERE key = :key");
    stmt_text(s, ":key", key);
    int found = take_number(s, ret, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    s = stmt_get(store, "INSERT INTO metric_keys (key) VALUES (:key)");
    stmt_text(s, ":key", key);
    return take_new_number(store, s, "inserting a key of metrics", ret, err);
}

static void bind_target(struct stmt *s, const struct metric_target *target)
{
    stmt_str(s, ":model", str_from(target->model_id));
    stmt_str(s, ":name", str_from(target->dataset_name));
    stmt_str(s, ":digest", str_from(target->dataset_digest));
}

int metric_target_number(struct store *store, const struct metric_target *target, int64_t *ret, struct err *err)
{
    if (str_from(target->model_id).n + str_from(target->dataset_name).n + str_from(target->dataset_digest).n == 0) {
        *ret = 0;
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT id FROM metric_targets WHERE model_id = :model AND dataset_name = :name "
                                     "AND dataset_digest = :digest");
    bind_target(s, target);
    int found = take_number(s, ret, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    s = stmt_get(store, "INSERT INTO metric_targets (model_id, dataset_name, dataset_digest) "
                        "VALUES (:model, :name, :digest)");
    bind_target(s, target);
    return take_new_number(store, s, "inserting a target of metrics", ret, err);
}
