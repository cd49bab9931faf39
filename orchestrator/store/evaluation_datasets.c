/* SPDX-License-Identifier: Apache-2.0 */
#include "store/evaluation_datasets.h"

#include "base/parse.h"
#include "digest/digest.h"
#include "store/key_rules.h"
#include "store/python_quote.h"
#include "store/stmt.h"

#include <stdio.h>

enum { NAME_CHARACTERS_MAX = 255, TAG_KEY_CHARACTERS_MAX = 255, TAG_CHARACTERS_MAX = 5000, DIGEST_DIGITS = 8 };

struct digest store_evaluation_digest(const char *name, int64_t updated_ms)
{
    struct strbuf text;
    strbuf_init(&text, SIZE_MAX / 2);
    strbuf_printf(&text, "%s:%lld", name, (long long)updated_ms);
    struct digest digest = digest_bytes(strbuf_str(&text));
    digest.hex[DIGEST_DIGITS] = '\0';
    strbuf_clear(&text);
    return digest;
}

/* ---- tags ------------------------------------------------------------------------------------------------------- */

/* As Python's str() shows it. */
static void tag_text(struct strbuf *ret, const struct json *value)
{
    if (value->type == JSON_STRING) {
        strbuf_add_str(ret, value->u.string);
    } else {
        python_repr(ret, value);
    }
}

static int put_tag(struct store *store, const char *dataset_id, const struct json_member *tag, struct err *err)
{
    struct strbuf text;
    strbuf_init(&text, SIZE_MAX / 2);
    bool is_null = tag->value.type == JSON_NULL;
    tag_text(&text, &tag->value);
    int result = value_check_length("key", tag->key.p, TAG_KEY_CHARACTERS_MAX, err) < 0 ||
                         value_check_length("value", text.data, TAG_CHARACTERS_MAX, err) < 0
                     ? -1
                     : 0;
    if (result == 0) {
        struct stmt *s = stmt_get(store, "INSERT INTO evaluation_dataset_tags (dataset_id, key, value) "
                                         "VALUES (:id, :key, :value) "
                                         "ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value");
        stmt_text(s, ":id", dataset_id);
        stmt_text(s, ":key", tag->key.p);
        if (is_null) {
            stmt_null(s, ":value");
        } else {
            stmt_str(s, ":value", strbuf_str(&text));
        }
        result = stmt_run_one(s, "tagging an evaluation dataset", err);
    }
    strbuf_clear(&text);
    return result;
}

int store_evaluation_tags(struct store *store, const char *dataset_id, struct arena *arena, struct json *ret,
                          struct err *err)
{
    struct json tags = json_object();
    struct stmt *s = stmt_get(store, "SELECT key, value FROM evaluation_dataset_tags WHERE dataset_id = :id "
                                     "ORDER BY key");
    stmt_text(s, ":id", dataset_id);
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        const char *key = stmt_column_text(s, 0, arena);
        json_add(arena, &tags, key,
                 stmt_column_is_null(s, 1) ? json_null() : json_string(arena, stmt_column_view(s, 1)));
    }
    stmt_done(s);
    *ret = tags;
    return row;
}

/* 1 yes, 0 no, -1. */
static int is_there(struct store *store, const char *dataset_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM evaluation_datasets WHERE dataset_id = :id");
    stmt_text(s, ":id", dataset_id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_evaluation_set_tags(struct store *store, const char *dataset_id, const struct json *tags, struct err *err)
{
    int found = is_there(store, dataset_id, err);
    if (found <= 0) {
        return found < 0 ? -1
                         : err_set(err, ERR_NOT_FOUND, "Could not find evaluation dataset with ID %s", dataset_id);
    }
    for (size_t i = 0; i < tags->u.object.count; i++) {
        const struct json_member *tag = &tags->u.object.members[i];
        if (tag->value.type != JSON_NULL && put_tag(store, dataset_id, tag, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_evaluation_delete_tag(struct store *store, const char *dataset_id, const char *key, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM evaluation_dataset_tags WHERE dataset_id = :id AND key = :key");
    stmt_text(s, ":id", dataset_id);
    stmt_text(s, ":key", key);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* ---- experiments ------------------------------------------------------------------------------------------------ */

static int put_experiment(struct store *store, const char *dataset_id, const char *experiment, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT OR IGNORE INTO evaluation_dataset_experiments (dataset_id, experiment_id) "
                                     "VALUES (:id, :experiment)");
    stmt_text(s, ":id", dataset_id);
    stmt_text(s, ":experiment", experiment);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_evaluation_experiments(struct store *store, const char *dataset_id, struct arena *arena, const char ***ret,
                                 size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT experiment_id FROM evaluation_dataset_experiments "
                                     "WHERE dataset_id = :id ORDER BY id");
    stmt_text(s, ":id", dataset_id);
    return stmt_read_rows(s, stmt_read_text, sizeof **ret, arena, ret, ret_count, err);
}

static int require(struct store *store, const char *dataset_id, struct err *err)
{
    int found = is_there(store, dataset_id, err);
    return found > 0 ? 0 : found < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "Dataset '%s' not found", dataset_id);
}

static int require_experiment(struct store *store, const char *experiment, struct err *err)
{
    int64_t id = 0;
    int row = 0;
    if (parse_int(str_from(experiment), INT64_MIN, INT64_MAX, &id, NULL) == 0) {
        struct stmt *s = stmt_get(store, "SELECT 1 FROM experiments WHERE id = :id");
        stmt_int(s, ":id", id);
        row = stmt_step(s, err);
        stmt_done(s);
    }
    return row > 0 ? 0 : row < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "No Experiment with id=%s", experiment);
}

static int touch(struct store *store, const char *dataset_id, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE evaluation_datasets SET updated_ms = :now WHERE dataset_id = :id");
    stmt_text(s, ":id", dataset_id);
    stmt_int(s, ":now", now_ms);
    return stmt_run_one(s, "changing an evaluation dataset", err);
}

int store_evaluation_add(struct store *store, const char *dataset_id, const char *const *experiments, size_t count,
                         int64_t now_ms, struct err *err)
{
    if (require(store, dataset_id, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (require_experiment(store, experiments[i], err) < 0 ||
            put_experiment(store, dataset_id, experiments[i], err) < 0) {
            return -1;
        }
    }
    return touch(store, dataset_id, now_ms, err);
}

int store_evaluation_remove(struct store *store, const char *dataset_id, const char *const *experiments, size_t count,
                            int64_t now_ms, struct err *err)
{
    int64_t removed = 0;
    if (require(store, dataset_id, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, "DELETE FROM evaluation_dataset_experiments WHERE dataset_id = :id "
                                         "AND experiment_id = :experiment");
        stmt_text(s, ":id", dataset_id);
        stmt_text(s, ":experiment", experiments[i]);
        int64_t changed = stmt_run(s, err);
        if (changed < 0) {
            return -1;
        }
        removed += changed;
    }
    return removed == 0 ? 0 : touch(store, dataset_id, now_ms, err);
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

static const char *user_of(const struct json *tags)
{
    return json_get_text(tags, EVALUATION_USER_TAG, NULL);
}

static int put_dataset(struct store *store, const struct evaluation_dataset *dataset, const char *user,
                       struct err *err)
{
    struct digest digest = store_evaluation_digest(dataset->name, dataset->created_ms);
    struct stmt *s = stmt_get(store, "INSERT INTO evaluation_datasets (dataset_id, name, digest, created_ms, "
                                     "updated_ms, created_by, updated_by) "
                                     "VALUES (:id, :name, :digest, :now, :now, :user, :user)");
    stmt_text(s, ":id", dataset->dataset_id);
    stmt_text(s, ":name", dataset->name);
    stmt_text(s, ":digest", digest.hex);
    stmt_int(s, ":now", dataset->created_ms);
    stmt_text(s, ":user", user);
    return stmt_run_one(s, "making an evaluation dataset", err);
}

static int check_count(size_t count, struct err *err)
{
    return count <= EVALUATION_EXPERIMENTS_MAX
               ? 0
               : err_set(err, ERR_INPUT, "experiment_ids: expected at most %d, found %zu", EVALUATION_EXPERIMENTS_MAX,
                         count);
}

int store_evaluation_create(struct store *store, const struct evaluation_dataset *dataset, const struct json *tags,
                            const char *const *experiments, size_t experiment_count, struct err *err)
{
    if (value_check_length("name", dataset->name, NAME_CHARACTERS_MAX, err) < 0 ||
        check_count(experiment_count, err) < 0 || put_dataset(store, dataset, user_of(tags), err) < 0) {
        return -1;
    }
    for (size_t i = 0; tags != NULL && i < tags->u.object.count; i++) {
        if (put_tag(store, dataset->dataset_id, &tags->u.object.members[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < experiment_count; i++) {
        if (put_experiment(store, dataset->dataset_id, experiments[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_evaluation_get(struct store *store, const char *dataset_id, struct arena *arena,
                         struct evaluation_dataset *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT dataset_id, name, schema, profile, digest, created_ms, updated_ms, "
                                     "created_by, updated_by FROM evaluation_datasets WHERE dataset_id = :id");
    stmt_text(s, ":id", dataset_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct evaluation_dataset){
            .dataset_id = stmt_column_text(s, 0, arena),
            .name = stmt_column_text(s, 1, arena),
            .schema = stmt_column_text_or_null(s, 2, arena),
            .profile = stmt_column_text_or_null(s, 3, arena),
            .digest = stmt_column_text(s, 4, arena),
            .created_ms = stmt_column_int(s, 5),
            .updated_ms = stmt_column_int(s, 6),
            .created_by = stmt_column_text_or_null(s, 7, arena),
            .updated_by = stmt_column_text_or_null(s, 8, arena),
        };
    }
    stmt_done(s);
    return row != 0 ? (row < 0 ? -1 : 0)
                    : err_set(err, ERR_NOT_FOUND, "Evaluation dataset with id '%s' not found", dataset_id);
}

int store_evaluation_delete(struct store *store, const char *dataset_id, struct err *err)
{
    static const char *const rows[] = {
        "DELETE FROM evaluation_records WHERE dataset_id = :id",
        "DELETE FROM evaluation_dataset_experiments WHERE dataset_id = :id",
        "DELETE FROM evaluation_dataset_tags WHERE dataset_id = :id",
        "DELETE FROM evaluation_datasets WHERE dataset_id = :id",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stmt *s = stmt_get(store, rows[i]);
        stmt_text(s, ":id", dataset_id);
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    return 0;
}
