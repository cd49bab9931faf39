/* SPDX-License-Identifier: Apache-2.0 */
#include "store/evaluation_records.h"

#include "base/id.h"
#include "base/parse.h"
#include "base/str_index.h"
#include "digest/digest.h"
#include "store/evaluation_datasets.h"
#include "store/evaluation_schema.h"
#include "store/python_json.h"
#include "store/stmt.h"

#include <ctype.h>
#include <stdio.h>

/* What is put into a row; texts of JSON, NULL for none. */
struct record {
    const char *inputs, *outputs, *expectations, *tags;
    const char *source, *source_id, *source_type;
    const char *user; /* its tag mlflow.user */
    struct digest input_hash;
};

struct upsert {
    struct store *store;
    const char *dataset_id;
    struct rng *rng;
    int64_t now_ms;
    const char *user; /* the last that was named */
    int64_t inserted, updated;
    struct arena *arena; /* of one record */
};

static const char *text_of(const struct json *value, struct arena *arena)
{
    return value == NULL || value->type == JSON_NULL ? NULL : python_json_text(arena, value, false).p;
}

/* ---- what a client sends ---------------------------------------------------------------------------------------- */

static int check_object(const struct json *record, size_t index, const char *name, bool may_be_null, struct err *err)
{
    const struct json *value = json_get(record, name);
    if (value == NULL || value->type == JSON_OBJECT || (may_be_null && value->type == JSON_NULL)) {
        return 0;
    }
    return err_set(err, ERR_INPUT, "records[%zu].%s: expected a map, found %s", index, name,
                   json_type_name(value->type));
}

static int check_record(const struct json *record, size_t index, struct err *err)
{
    if (record->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "records[%zu]: expected a map with 'inputs', found %s", index,
                       json_type_name(record->type));
    }
    return check_object(record, index, "inputs", false, err) < 0 ||
                   check_object(record, index, "expectations", true, err) < 0 ||
                   check_object(record, index, "tags", true, err) < 0 ||
                   check_object(record, index, "source", true, err) < 0
               ? -1
               : 0;
}

static int read_source_type(const struct json *source, struct record *ret, struct arena *arena, struct err *err)
{
    static const char *const types[] = {"UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"};
    const char *given = json_get_text(source, "source_type", NULL);
    if (given == NULL) {
        return err_set(err, ERR_INPUT, "source: expected a 'source_type'");
    }
    char *upper = arena_strdup(arena, given);
    for (char *p = upper; *p != '\0'; p++) {
        *p = (char)toupper((unsigned char)*p);
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(upper, types[i]) == 0) {
            ret->source_type = types[i];
            return 0;
        }
    }
    return err_set(err, ERR_INPUT,
                   "Invalid dataset record source type: %.100s. Valid source types: "
                   "['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE']",
                   upper);
}

/* Only of a record that is new: MLflow does not look at those of others. */
static int read_source(const struct json *source, struct record *ret, struct arena *arena, struct err *err)
{
    if (source == NULL || source->type == JSON_NULL || source->u.object.count == 0) {
        return 0;
    }
    const struct json *data = json_get(source, "source_data");
    bool has_data = data != NULL && data->type != JSON_NULL;
    if (read_source_type(source, ret, arena, err) < 0) {
        return -1;
    }
    if (has_data && data->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "source.source_data: expected a map, found %s", json_type_name(data->type));
    }
    struct json whole = json_object();
    json_add(arena, &whole, "source_type", json_cstring(arena, ret->source_type));
    json_add(arena, &whole, "source_data", has_data ? *data : json_object());
    ret->source = text_of(&whole, arena);
    ret->source_id =
        json_get_text(data, strcmp(ret->source_type, "TRACE") == 0 ? "trace_id" : "source_id", NULL);
    return 0;
}

static struct record read_record(const struct json *record, struct arena *arena)
{
    static const struct json empty = {.type = JSON_OBJECT};
    const struct json *inputs = json_get(record, "inputs");
    const struct json *outputs = json_get(record, "outputs");
    const struct json *tags = json_get(record, "tags");
    inputs = inputs == NULL ? &empty : inputs;
    return (struct record){
        .inputs = text_of(inputs, arena),
        .outputs = text_of(outputs == NULL ? &empty : outputs, arena),
        .expectations = text_of(json_get(record, "expectations"), arena),
        .tags = tags == NULL || tags->type == JSON_NULL ? "{}" : text_of(tags, arena),
        .user = json_get_text(tags, EVALUATION_USER_TAG, NULL),
        .input_hash = digest_bytes(python_json_text(arena, inputs, true)),
    };
}

/* ---- one record ------------------------------------------------------------------------------------------------- */

static int insert(struct upsert *u, const struct json *given, struct record *record, struct err *err)
{
    char id[48];
    if (read_source(json_get(given, "source"), record, u->arena, err) < 0) {
        return -1;
    }
    (void)snprintf(id, sizeof id, "dr-%s", id_run(u->rng, u->now_ms).text);
    struct stmt *s = stmt_get(u->store, "INSERT INTO evaluation_records (record_id, dataset_id, input_hash, inputs, "
                                        "outputs, expectations, tags, source, source_id, source_type, created_ms, "
                                        "updated_ms, created_by, updated_by) VALUES (:id, :dataset, :hash, :inputs, "
                                        ":outputs, :expectations, :tags, :source, :source_id, :source_type, :now, "
                                        ":now, :user, :user)");
    stmt_text(s, ":id", id);
    stmt_text(s, ":dataset", u->dataset_id);
    stmt_text(s, ":hash", record->input_hash.hex);
    stmt_text(s, ":inputs", record->inputs);
    stmt_text(s, ":outputs", record->outputs);
    stmt_text(s, ":expectations", record->expectations);
    stmt_text(s, ":tags", record->tags);
    stmt_text(s, ":source", record->source);
    stmt_text(s, ":source_id", record->source_id);
    stmt_text(s, ":source_type", record->source_type);
    stmt_int(s, ":now", u->now_ms);
    stmt_text(s, ":user", record->user);
    u->inserted++;
    return stmt_run_one(s, "adding an evaluation record", err);
}

/* The object of `before` with the members of `given` in the place of those of the same names, and behind the others. */
static int merged(const char *before, const struct json *given, struct arena *arena, const char **ret,
                  struct err *err)
{
    struct json object = json_object();
    if (given == NULL || given->type != JSON_OBJECT || given->u.object.count == 0) {
        *ret = before;
        return 0;
    }
    if (before != NULL &&
        json_read_metrics(str_from(before), (struct json_limits){0}, arena, &object, err) < 0) {
        return err_add(err, "what a record has");
    }
    struct str_index *names = str_index_new(arena, object.u.object.count);
    for (size_t i = 0; i < object.u.object.count; i++) {
        (void)str_index_add(names, object.u.object.members[i].key);
    }
    for (size_t i = 0; i < given->u.object.count; i++) {
        const struct json_member *member = &given->u.object.members[i];
        ptrdiff_t at = str_index_find(names, member->key);
        if (at < 0) {
            (void)str_index_add(names, member->key);
            json_add(arena, &object, member->key.p, member->value);
            object.u.object.members[object.u.object.count - 1].key = member->key;
        } else {
            object.u.object.members[at].value = member->value;
        }
    }
    *ret = text_of(&object, arena);
    return 0;
}

static int update(struct upsert *u, int64_t id, const struct json *given, const struct record *record,
                  const char *expectations, const char *tags, struct err *err)
{
    const char *new_expectations = NULL;
    const char *new_tags = NULL;
    if (merged(expectations, json_get(given, "expectations"), u->arena, &new_expectations, err) < 0 ||
        merged(tags, json_get(given, "tags"), u->arena, &new_tags, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(u->store, "UPDATE evaluation_records SET outputs = iif(:has_outputs, :outputs, outputs), "
                                        "expectations = :expectations, tags = :tags, updated_ms = :now, "
                                        "updated_by = coalesce(:user, updated_by) WHERE id = :id");
    stmt_int(s, ":id", id);
    stmt_int(s, ":has_outputs", json_get(given, "outputs") != NULL);
    stmt_text(s, ":outputs", record->outputs);
    stmt_text(s, ":expectations", new_expectations);
    stmt_text(s, ":tags", new_tags);
    stmt_int(s, ":now", u->now_ms);
    stmt_text(s, ":user", record->user);
    u->updated++;
    return stmt_run_one(s, "changing an evaluation record", err);
}

static int put_record(struct upsert *u, const struct json *given, struct err *err)
{
    struct record record = read_record(given, u->arena);
    int64_t id = 0;
    const char *expectations = NULL;
    const char *tags = NULL;
    u->user = record.user == NULL ? u->user : record.user;
    struct stmt *s = stmt_get(u->store, "SELECT id, expectations, tags FROM evaluation_records "
                                        "WHERE dataset_id = :dataset AND input_hash = :hash");
    stmt_text(s, ":dataset", u->dataset_id);
    stmt_text(s, ":hash", record.input_hash.hex);
    int row = stmt_step(s, err);
    if (row == 1) {
        id = stmt_column_int(s, 0);
        expectations = stmt_column_text_or_null(s, 1, u->arena);
        tags = stmt_column_text(s, 2, u->arena);
    }
    stmt_done(s);
    return row < 0    ? -1
           : row == 0 ? insert(u, given, &record, err)
                      : update(u, id, given, &record, expectations, tags, err);
}

/* ---- the dataset ------------------------------------------------------------------------------------------------ */

static int count_records(struct store *store, const char *dataset_id, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT count(*) FROM evaluation_records WHERE dataset_id = :id");
    stmt_text(s, ":id", dataset_id);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static const char *profile_of(int64_t count, struct arena *arena)
{
    return arena_printf(arena, "{\"num_records\": %lld}", (long long)count);
}

/* The new schema, or NULL when there is none yet. */
static int schema_of(const struct evaluation_dataset *dataset, const struct json *records, struct arena *arena,
                     const char **ret, struct err *err)
{
    struct json before;
    struct json_limits limits = {0};
    *ret = dataset->schema;
    if (records->u.array.count == 0) {
        return 0;
    }
    if (dataset->schema != NULL && json_read(str_from(dataset->schema), limits, arena, &before, err) < 0) {
        return err_add(err, "the schema of '%s'", dataset->dataset_id);
    }
    struct json schema = evaluation_schema(dataset->schema == NULL ? NULL : &before, records, arena);
    *ret = text_of(&schema, arena);
    return 0;
}

static int settle(struct upsert *u, const struct evaluation_dataset *dataset, const struct json *records,
                  struct arena *arena, struct err *err)
{
    int64_t count = 0;
    const char *schema = NULL;
    if (count_records(u->store, u->dataset_id, &count, err) < 0 ||
        schema_of(dataset, records, arena, &schema, err) < 0) {
        return -1;
    }
    struct digest digest = store_evaluation_digest(dataset->name, u->now_ms);
    struct stmt *s = stmt_get(u->store, "UPDATE evaluation_datasets SET schema = :schema, profile = :profile, "
                                        "digest = :digest, updated_ms = :now, updated_by = :user "
                                        "WHERE dataset_id = :id");
    stmt_text(s, ":id", u->dataset_id);
    stmt_text(s, ":schema", schema);
    stmt_text(s, ":profile", count == 0 ? dataset->profile : profile_of(count, arena));
    stmt_text(s, ":digest", digest.hex);
    stmt_int(s, ":now", u->now_ms);
    stmt_text(s, ":user", u->user);
    return stmt_run_one(s, "changing an evaluation dataset", err);
}

static int put_all(struct upsert *u, const struct json *records, struct err *err)
{
    int result = 0;
    for (size_t i = 0; i < records->u.array.count && result == 0; i++) {
        result = check_record(&records->u.array.items[i], i, err) < 0 ? -1
                 : put_record(u, &records->u.array.items[i], err) < 0 ? err_add(err, "records[%zu]", i)
                                                                      : 0;
        arena_reset(u->arena);
    }
    return result;
}

int store_evaluation_upsert(struct store *store, const char *dataset_id, const struct json *records, struct rng *rng,
                            int64_t now_ms, int64_t *ret_inserted, int64_t *ret_updated, struct err *err)
{
    struct arena *arena = arena_new();
    struct evaluation_dataset dataset;
    struct upsert u = {
        .store = store, .dataset_id = dataset_id, .rng = rng, .now_ms = now_ms, .arena = arena_new()};
    int result = store_evaluation_get(store, dataset_id, arena, &dataset, err) < 0 || put_all(&u, records, err) < 0 ||
                         settle(&u, &dataset, records, arena, err) < 0
                     ? -1
                     : 0;
    *ret_inserted = u.inserted;
    *ret_updated = u.updated;
    arena_free(u.arena);
    arena_free(arena);
    return result;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void add_text(struct strbuf *list, const char *name, struct stmt *s, int column)
{
    if (!stmt_column_is_null(s, column)) {
        strbuf_printf(list, "\"%s\": ", name);
        python_json_write_string(list, stmt_column_view(s, column));
        strbuf_add_text(list, ", ");
    }
}

static void add_json(struct strbuf *list, const char *name, struct stmt *s, int column)
{
    if (!stmt_column_is_null(s, column)) {
        strbuf_printf(list, "\"%s\": ", name);
        strbuf_add_str(list, stmt_column_view(s, column));
        strbuf_add_text(list, ", ");
    }
}

#define RECORD_COLUMNS                                                                                                 \
    "SELECT id, record_id, dataset_id, inputs, outputs, expectations, tags, source, source_id, source_type, "          \
    "created_by, updated_by, created_ms, updated_ms FROM evaluation_records "

static void add_record(struct strbuf *list, struct stmt *s)
{
    strbuf_add_text(list, list->length == 1 ? "{" : ", {");
    add_text(list, "dataset_record_id", s, 1);
    add_text(list, "dataset_id", s, 2);
    add_json(list, "inputs", s, 3);
    add_json(list, "outputs", s, 4);
    add_json(list, "expectations", s, 5);
    add_json(list, "tags", s, 6);
    add_json(list, "source", s, 7);
    add_text(list, "source_id", s, 8);
    add_text(list, "source_type", s, 9);
    add_text(list, "created_by", s, 10);
    add_text(list, "last_updated_by", s, 11);
    strbuf_printf(list, "\"created_time\": %lld, \"last_update_time\": %lld}", (long long)stmt_column_int(s, 12),
                  (long long)stmt_column_int(s, 13));
}

int store_evaluation_records(struct store *store, const char *dataset_id, int64_t max_results, const char *page_token,
                             struct arena *arena, struct str *ret_list, const char **ret_next, struct err *err)
{
    int64_t after = 0;
    bool is_first = page_token == NULL || *page_token == '\0';
    if (!is_first && parse_int(str_from(page_token), 0, INT64_MAX, &after, NULL) < 0) {
        return err_set(err, ERR_INPUT, "Invalid page token '%.100s': expected one that a page gave", page_token);
    }
    struct stmt *s = stmt_get(store, RECORD_COLUMNS "WHERE dataset_id = :id AND id > :after ORDER BY id");
    struct strbuf list;
    int row = 0;
    *ret_next = NULL;
    strbuf_init(&list, SIZE_MAX / 2);
    strbuf_add_byte(&list, '[');
    stmt_text(s, ":id", dataset_id);
    stmt_int(s, ":after", after);
    for (int64_t count = 0; (row = stmt_step(s, err)) == 1; count++) {
        if (count == max_results || list.length > EVALUATION_PAGE_BYTES) {
            *ret_next = arena_printf(arena, "%lld", (long long)after);
            break;
        }
        add_record(&list, s);
        after = stmt_column_int(s, 0);
    }
    stmt_done(s);
    strbuf_add_byte(&list, ']');
    *ret_list = arena_str(arena, strbuf_str(&list));
    strbuf_clear(&list);
    return row < 0 ? -1 : 0;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

static int set_profile(struct store *store, const char *dataset_id, struct err *err)
{
    int64_t count = 0;
    if (count_records(store, dataset_id, &count, err) < 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "UPDATE evaluation_datasets SET profile = :profile WHERE dataset_id = :id");
    stmt_text(s, ":id", dataset_id);
    stmt_text(s, ":profile", count == 0 ? "null" : profile_of(count, arena));
    int64_t changed = stmt_run(s, err);
    arena_free(arena);
    return changed < 0 ? -1 : 0;
}

int store_evaluation_delete_records(struct store *store, const char *dataset_id, const char *const *record_ids,
                                    size_t count, int64_t *ret_deleted, struct err *err)
{
    *ret_deleted = 0;
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, "DELETE FROM evaluation_records WHERE record_id = :id AND "
                                         "dataset_id = :dataset");
        stmt_text(s, ":id", record_ids[i]);
        stmt_text(s, ":dataset", dataset_id);
        int64_t deleted = stmt_run(s, err);
        if (deleted < 0) {
            return -1;
        }
        *ret_deleted += deleted;
    }
    return *ret_deleted == 0 ? 0 : set_profile(store, dataset_id, err);
}
