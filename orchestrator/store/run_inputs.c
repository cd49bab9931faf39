/* SPDX-License-Identifier: Apache-2.0
 * What a run left (artifacts) and what it used (datasets, models).
 */
#include "base/path.h"
#include "digest/digest.h"
#include "store/guards.h"
#include "store/key_rules.h"
#include "store/runs_internal.h"
#include "store/stmt.h"

/* ---- artifacts ----------------------------------------------------------------------------------- */

static bool is_model(const char *owner)
{
    return str_starts(str_from(owner), STR("m-"));
}

int store_artifact_put(struct store *store, const char *owner, const struct artifact *artifact, struct err *err)
{
    /* Logged models have a lifecycle of their own: who names one has looked it up. */
    if ((is_model(owner) ? guard_require_files(store, owner, err) : store_run_require_active(store, owner, err)) < 0) {
        return -1;
    }
    if (!path_is_below(str_from(artifact->path))) {
        return err_set(err, ERR_INPUT, "Invalid path: '%.*s'", STR_ARG(str_from(artifact->path)));
    }
    struct stmt *s = stmt_get(store, "INSERT INTO artifacts (owner, path, sha256, size_bytes) "
                                     "VALUES (:owner, :path, :sha256, :size) ON CONFLICT (owner, path) "
                                     "DO UPDATE SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes");
    stmt_text(s, ":owner", owner);
    stmt_text(s, ":path", artifact->path);
    stmt_text(s, ":sha256", artifact->sha256);
    stmt_int(s, ":size", artifact->size_bytes);
    return stmt_run_one(s, "recording an artifact", err);
}

/* '0' is the byte behind '/': what lies between is below the folder. */
int store_artifact_forget(struct store *store, const char *owner, const char *path, struct err *err)
{
    if (is_model(owner) && guard_require_files(store, owner, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM artifacts WHERE owner = :owner AND (:path = '' OR path = :path OR "
                                     "(path > :path || '/' AND path < :path || '0'))");
    stmt_text(s, ":owner", owner);
    stmt_text(s, ":path", path);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static void read_artifact(struct stmt *s, struct arena *arena, void *item)
{
    *(struct artifact *)item = (struct artifact){
        .path = stmt_column_text(s, 0, arena),
        .sha256 = stmt_column_text(s, 1, arena),
        .size_bytes = stmt_column_int(s, 2),
    };
}

int store_artifact_list(struct store *store, const char *owner, struct arena *arena, struct artifact **ret,
                        size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT path, sha256, size_bytes FROM artifacts WHERE owner = :owner "
                                     "ORDER BY path");
    stmt_text(s, ":owner", owner);
    return stmt_read_rows(s, read_artifact, sizeof **ret, arena, ret, ret_count, err);
}

const char *artifacts_sha256(const struct artifact *files, size_t count, struct arena *arena)
{
    struct digest_stream *stream = digest_stream_new();
    for (size_t i = 0; i < count; i++) {
        digest_stream_add(stream, (struct str){files[i].path, strlen(files[i].path) + 1});
        digest_stream_add(stream, str_from(files[i].sha256));
        digest_stream_add(stream, STR("\n"));
    }
    return arena_strdup(arena, digest_stream_take(stream).hex);
}

/* ---- datasets ------------------------------------------------------------------------------------ */

int run_dataset_check(const struct dataset_use *use, struct err *err)
{
    if (str_from(use->name).n == 0 || str_from(use->digest).n == 0) {
        return err_set(err, ERR_INPUT, "a dataset needs a name and a digest");
    }
    if (value_check_length("name", use->name, 500, err) < 0 ||
        value_check_length("digest", use->digest, DATASET_DIGEST_CHARACTERS, err) < 0 ||
        value_check_length("source", use->source, 65535, err) < 0 ||
        value_check_length("schema", use->schema, 1048575, err) < 0 ||
        value_check_length("profile", use->profile, 16777215, err) < 0) {
        return -1;
    }
    return value_check_length("context", use->context, 500, err);
}

int run_dataset_put(struct store *store, int64_t experiment_id, const struct dataset_use *use, int64_t *ret_id,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO datasets (experiment_id, name, digest, sha256, source_type, source, "
                                     "schema, profile) VALUES (:experiment, :name, :digest, :sha256, :source_type, "
                                     ":source, :schema, :profile) ON CONFLICT (experiment_id, name, digest) "
                                     "DO UPDATE SET sha256 = COALESCE(datasets.sha256, excluded.sha256), "
                                     "schema = COALESCE(datasets.schema, excluded.schema), "
                                     "profile = COALESCE(datasets.profile, excluded.profile) RETURNING id");
    stmt_int(s, ":experiment", experiment_id);
    stmt_text(s, ":name", use->name);
    stmt_text(s, ":digest", use->digest);
    stmt_text(s, ":sha256", use->sha256);
    stmt_str(s, ":source_type", str_from(use->source_type));
    stmt_str(s, ":source", str_from(use->source));
    stmt_text(s, ":schema", use->schema);
    stmt_text(s, ":profile", use->profile);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_id = stmt_column_int(s, 0);
        /* The statement is complete only at its end. */
        row = stmt_step(s, err);
    }
    stmt_done(s);
    return row;
}

int store_run_dataset(struct store *store, const char *run_id, int64_t experiment_id, const struct dataset_use *use,
                      struct err *err)
{
    int64_t id = 0;
    if (run_dataset_check(use, err) < 0 || store_run_require_active(store, run_id, err) < 0 ||
        run_dataset_put(store, experiment_id, use, &id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO run_datasets (run_id, dataset, context) "
                                     "VALUES (:run_id, :dataset, :context) ON CONFLICT (run_id, dataset) "
                                     "DO UPDATE SET context = COALESCE(run_datasets.context, excluded.context)");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":dataset", id);
    stmt_text(s, ":context", use->context);
    return stmt_run_one(s, "recording a dataset of a run", err);
}

void run_dataset_of_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct dataset_use *)item = (struct dataset_use){
        .id = stmt_column_int(s, 1),
        .name = stmt_column_text(s, 2, arena),
        .digest = stmt_column_text(s, 3, arena),
        .sha256 = stmt_column_text_or_null(s, 4, arena),
        .source_type = stmt_column_text(s, 5, arena),
        .source = stmt_column_text(s, 6, arena),
        .schema = stmt_column_text_or_null(s, 7, arena),
        .profile = stmt_column_text_or_null(s, 8, arena),
        .context = stmt_column_text_or_null(s, 9, arena),
    };
}

int store_run_datasets(struct store *store, const char *run_id, struct arena *arena, struct dataset_use **ret,
                       size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT u.run_id, " DATASET_COLUMNS " FROM run_datasets AS u "
                                     "JOIN datasets AS d ON d.id = u.dataset WHERE u.run_id = :run_id "
                                     "ORDER BY d.name, d.digest");
    stmt_text(s, ":run_id", run_id);
    return stmt_read_rows(s, run_dataset_of_row, sizeof **ret, arena, ret, ret_count, err);
}

/* ---- models -------------------------------------------------------------------------------------- */

int run_model_put(struct store *store, const char *run_id, const char *model_id, bool is_output, int64_t step,
                  struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO run_models (run_id, model_id, is_output, step) "
                                     "VALUES (:run_id, :model_id, :is_output, :step) "
                                     "ON CONFLICT (run_id, model_id, is_output, step) DO NOTHING");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":model_id", model_id);
    stmt_int(s, ":is_output", is_output ? 1 : 0);
    stmt_int(s, ":step", step);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_run_model(struct store *store, const char *run_id, const char *model_id, bool is_output, struct err *err)
{
    return store_run_require_active(store, run_id, err) < 0 ? -1
                                                            : run_model_put(store, run_id, model_id, is_output, 0, err);
}
