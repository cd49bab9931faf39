/* SPDX-License-Identifier: Apache-2.0
 * MLflow's database, of whatever version: what is asked of it is put together from the tables and columns that it has.
 */
#include "move/database_source.h"

#include "base/path.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading rows ----------------------------------------------------------------------------------------------- */

/* *ret is NULL where this version has nothing of the kind. */
int database_ask(struct database_source *source, enum database_query query, const char *text, sqlite3_stmt **ret,
               struct err *err)
{
    *ret = NULL;
    if (source->sql[query] == NULL) {
        return 0;
    }
    if (foreign_db_again(&source->db, source->sql[query], text, &source->statements[query], err) < 0) {
        return -1;
    }
    *ret = source->statements[query];
    return 0;
}

/* 1 a row, 0 the end or nothing of the kind, -1. At the end the statement lets go of the database. */
int database_next(struct database_source *source, sqlite3_stmt *s, struct err *err)
{
    int row = s == NULL ? 0 : foreign_db_step(&source->db, s, err);
    if (row != 1 && s != NULL) {
        (void)sqlite3_reset(s);
    }
    return row;
}

int database_read_pairs(struct database_source *source, enum database_query query, const char *id, struct arena *arena,
                      struct moved_pairs *ret, struct err *err)
{
    sqlite3_stmt *s = NULL;
    int row = 0;
    if (database_ask(source, query, id, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(source, s, err)) == 1) {
        const char *key = foreign_db_text(s, 0, arena);
        moved_pairs_add(ret, arena, key, foreign_db_text(s, 1, arena));
    }
    return row;
}

/* The one row of a record. */
int database_ask_one(struct database_source *source, enum database_query query, const char *what, const char *id,
                   sqlite3_stmt **ret, struct err *err)
{
    if (database_ask(source, query, id, ret, err) < 0) {
        return -1;
    }
    int row = database_next(source, *ret, err);
    return row == 1 ? 0 : row < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "%s '%s' is not there any more", what, id);
}

static int ids(struct move_source *base, enum moved_kind kind, struct arena *arena, struct moved_ids *ret,
               struct err *err)
{
    static const enum database_query queries[MOVED_KINDS] = {DB_EXPERIMENT_IDS, DB_RUN_IDS, DB_MODEL_IDS, DB_NAMES,
                                                             DB_TRACE_IDS};
    sqlite3_stmt *s = NULL;
    int row = 0;
    *ret = (struct moved_ids){0};
    if (database_ask(database_of(base), queries[kind], NULL, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(database_of(base), s, err)) == 1) {
        moved_ids_add(ret, arena, foreign_db_text(s, 0, arena));
    }
    return row;
}

static int experiment(struct move_source *base, const char *id, struct arena *arena, struct moved_experiment *ret,
                      struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (database_ask_one(database_of(base), DB_EXPERIMENT, "experiment", id, &s, err) < 0) {
        return -1;
    }
    *ret = (struct moved_experiment){
        .id = strtoll(id, NULL, 10),
        .name = foreign_db_text(s, 0, arena),
        .artifact_location = foreign_db_text(s, 1, arena),
        .deleted = sqlite3_column_int(s, 2) != 0,
        .created_ms = sqlite3_column_int64(s, 3),
        .updated_ms = sqlite3_column_int64(s, 4),
    };
    (void)sqlite3_reset(s);
    return database_read_pairs(database_of(base), DB_EXPERIMENT_TAGS, id, arena, &ret->tags, err);
}

/* ---- models ----------------------------------------------------------------------------------------------------- */

static int model(struct move_source *base, const char *id, struct arena *arena, struct moved_model *ret,
                 struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (database_ask_one(database_of(base), DB_MODEL, "logged model", id, &s, err) < 0) {
        return -1;
    }
    int status = sqlite3_column_int(s, 5);
    *ret = (struct moved_model){.info = {
        .model_id = arena_strdup(arena, id),
        .experiment_id = sqlite3_column_int64(s, 0),
        .name = foreign_db_text(s, 1, arena),
        .artifact_uri = foreign_db_text(s, 2, arena),
        .source_run_id = foreign_db_text_or_null(s, 3, arena),
        .model_type = foreign_db_text(s, 4, arena),
        .status = status < MODEL_STATUS_PENDING || status > MODEL_STATUS_UPLOAD_FAILED ? MODEL_STATUS_PENDING
                                                                                      : (enum model_status)status,
        .status_message = foreign_db_text(s, 6, arena),
        .created_ms = sqlite3_column_int64(s, 7),
        .updated_ms = sqlite3_column_int64(s, 8),
        .deleted = sqlite3_column_int(s, 9) != 0,
    }};
    (void)sqlite3_reset(s);
    return database_read_pairs(database_of(base), DB_MODEL_PARAMS, id, arena, &ret->params, err) < 0
               ? -1
               : database_read_pairs(database_of(base), DB_MODEL_TAGS, id, arena, &ret->tags, err);
}

static int read_version_tags(struct database_source *source, const char *name, struct arena *arena,
                             struct moved_registered *ret, struct err *err)
{
    sqlite3_stmt *s = NULL;
    int row = 0;
    size_t at = 0;
    if (database_ask(source, DB_VERSION_TAGS, name, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(source, s, err)) == 1) {
        int64_t version = sqlite3_column_int64(s, 2);
        while (at < ret->version_count && ret->versions[at].info.version < version) {
            at++;
        }
        if (at < ret->version_count && ret->versions[at].info.version == version) {
            const char *key = foreign_db_text(s, 0, arena);
            moved_pairs_add(&ret->versions[at].tags, arena, key, foreign_db_text(s, 1, arena));
        }
    }
    return row;
}

static struct model_version read_version(sqlite3_stmt *s, const char *name, struct arena *arena)
{
    struct model_version version = {
        .name = name,
        .version = sqlite3_column_int64(s, 0),
        .created_ms = sqlite3_column_int64(s, 1),
        .updated_ms = sqlite3_column_int64(s, 2),
        .description = foreign_db_text(s, 3, arena),
        .user = foreign_db_text(s, 4, arena),
        .stage = foreign_db_text(s, 5, arena),
        .source = foreign_db_text(s, 6, arena),
        .run_id = foreign_db_text_or_null(s, 7, arena),
        .status = foreign_db_text(s, 8, arena),
        .status_message = foreign_db_text(s, 9, arena),
        .run_link = foreign_db_text(s, 10, arena),
        .storage_location = foreign_db_text(s, 11, arena),
    };
    if (*version.stage == '\0') {
        version.stage = "None";
    }
    return version;
}

static int read_versions(struct database_source *source, const char *name, struct arena *arena,
                         struct moved_registered *ret, struct err *err)
{
    sqlite3_stmt *s = NULL;
    size_t room = 0;
    int row = 0;
    if (database_ask(source, DB_VERSIONS, name, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(source, s, err)) == 1) {
        ret->versions = arena_grow(arena, ret->versions, ret->version_count, &room, sizeof *ret->versions);
        ret->versions[ret->version_count] = (struct moved_version){.info = read_version(s, name, arena)};
        ret->info.latest_version = ret->versions[ret->version_count++].info.version;
    }
    return row < 0 ? -1 : read_version_tags(source, name, arena, ret, err);
}

static int read_aliases(struct database_source *source, const char *name, struct arena *arena,
                        struct moved_registered *ret, struct err *err)
{
    sqlite3_stmt *s = NULL;
    size_t room = 0;
    int row = 0;
    if (database_ask(source, DB_ALIASES, name, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(source, s, err)) == 1) {
        ret->aliases = arena_grow(arena, ret->aliases, ret->alias_count, &room, sizeof *ret->aliases);
        ret->aliases[ret->alias_count++] =
            (struct moved_alias){foreign_db_text(s, 0, arena), sqlite3_column_int64(s, 1)};
    }
    return row;
}

static int registered(struct move_source *base, const char *name, struct arena *arena, struct moved_registered *ret,
                      struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (database_ask_one(database_of(base), DB_REGISTERED, "registered model", name, &s, err) < 0) {
        return -1;
    }
    *ret = (struct moved_registered){.info = {
        .name = arena_strdup(arena, name),
        .description = foreign_db_text(s, 0, arena),
        .created_ms = sqlite3_column_int64(s, 1),
        .updated_ms = sqlite3_column_int64(s, 2),
    }};
    (void)sqlite3_reset(s);
    return database_read_pairs(database_of(base), DB_REGISTERED_TAGS, name, arena, &ret->tags, err) < 0 ||
                   read_versions(database_of(base), ret->info.name, arena, ret, err) < 0
               ? -1
               : read_aliases(database_of(base), name, arena, ret, err);
}

/* ---- traces ----------------------------------------------------------------------------------------------------- */

static int trace(struct move_source *base, const char *id, struct arena *arena, struct moved_trace *ret,
                 struct err *err)
{
    sqlite3_stmt *s = NULL;
    struct moved_pairs tags = {0};
    if (database_ask_one(database_of(base), DB_TRACE, "trace", id, &s, err) < 0) {
        return -1;
    }
    *ret = (struct moved_trace){.info = {
        .request_id = arena_strdup(arena, id),
        .experiment_id = sqlite3_column_int64(s, 0),
        .start_ms = sqlite3_column_int64(s, 1),
        .duration_ms = sqlite3_column_int64(s, 2),
        .status = trace_status_of(foreign_db_text(s, 3, arena)),
        .artifact_uri = "",
    }};
    (void)sqlite3_reset(s);
    if (database_read_pairs(database_of(base), DB_TRACE_TAGS, id, arena, &tags, err) < 0 ||
        database_read_pairs(database_of(base), DB_TRACE_METADATA, id, arena, &ret->metadata, err) < 0) {
        return -1;
    }
    moved_trace_tags(ret, &tags, arena);
    return 0;
}

enum { SPANS_BYTES_MAX = 1 << 30 };

static int spans(struct move_source *base, const char *id, struct arena *arena, const char **ret, struct err *err)
{
    sqlite3_stmt *s = NULL;
    struct strbuf text;
    int row = 0;
    *ret = NULL;
    if (database_ask(database_of(base), DB_SPANS, id, &s, err) < 0) {
        return -1;
    }
    strbuf_init(&text, SPANS_BYTES_MAX);
    while ((row = database_next(database_of(base), s, err)) == 1) {
        strbuf_add_text(&text, text.length == 0 ? "{\"spans\": [" : ", ");
        strbuf_add_text(&text, (const char *)sqlite3_column_text(s, 0));
    }
    bool any = text.length > 0;
    strbuf_add_text(&text, any ? "]}" : "");
    if (row == 0 && any) {
        *ret = text.overflow ? NULL : arena_dup(arena, text.data, text.length);
    }
    strbuf_clear(&text);
    return row;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* What MLflow has and no import takes. */
static const struct {
    const char *table, *what;
} unknown_tables[] = {
    {"assessments", "assessments of traces"},
    {"entity_associations", "links between traces and runs"},
    {"evaluation_datasets", "evaluation datasets"},
    {"scorers", "scorers"},
    {"label_schemas", "label schemas"},
    {"review_queues", "review queues"},
    {"issues", "issues"},
    {"webhooks", "webhooks"},
    {"endpoints", "endpoints of the gateway"},
    {"secrets", "secrets of the gateway"},
    {"jobs", "jobs"},
    {"mcp_servers", "MCP servers"},
};

static int count_unknown(struct database_source *source, struct arena *arena, struct err *err)
{
    int64_t count = 0;
    for (size_t i = 0; i < sizeof unknown_tables / sizeof unknown_tables[0]; i++) {
        const char *sql = arena_printf(arena, "SELECT COUNT(*) FROM %s", unknown_tables[i].table);
        if (!foreign_db_has_table(&source->db, unknown_tables[i].table)) {
            continue;
        }
        if (foreign_db_number(&source->db, sql, &count, err) < 0) {
            return -1;
        }
        move_report_left(source->base.report, unknown_tables[i].what, count, "they are not imported");
    }
    static const char *const shared[] = {"experiments", "registered_models"};
    static const char *const words[] = {"experiments of other workspaces", "registered models of other workspaces"};
    for (size_t i = 0; i < 2; i++) {
        const char *sql = arena_printf(arena, "SELECT COUNT(*) FROM %s WHERE workspace <> 'default'", shared[i]);
        if (!foreign_db_has_column(&source->db, shared[i], "workspace")) {
            continue;
        }
        if (foreign_db_number(&source->db, sql, &count, err) < 0) {
            return -1;
        }
        move_report_left(source->base.report, words[i], count, "a home has one workspace");
    }
    return 0;
}

static int check_tables(const struct database_source *source, struct err *err)
{
    static const char *const needed[] = {"metrics", "params", "tags"};
    const char *path = source->db.path;
    if (!foreign_db_has_column(&source->db, "runs", "run_uuid") ||
        !foreign_db_has_column(&source->db, "experiments", "experiment_id")) {
        return err_set(err, ERR_INPUT, "'%s' is a database of another program: expected MLflow's tables 'experiments' "
                       "and 'runs'", path);
    }
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!foreign_db_has_table(&source->db, needed[i])) {
            return err_set(err, ERR_INPUT, "'%s' has no table '%s', which every version of MLflow has: the file is "
                           "damaged", path, needed[i]);
        }
    }
    return 0;
}

static int changed(struct move_source *source, struct err *err)
{
    return foreign_db_changed(&database_of(source)->db, err);
}

static void close_database(struct move_source *source)
{
    for (int i = 0; i < DB_QUERIES; i++) {
        (void)sqlite3_finalize(database_of(source)->statements[i]);
    }
    foreign_db_close(&database_of(source)->db);
}

static const struct move_source_ops database_ops = {
    .ids = ids,
    .experiment = experiment,
    .run = database_run,
    .series = database_series,
    .model = model,
    .registered = registered,
    .trace = trace,
    .spans = spans,
    .changed = changed,
    .close = close_database,
};

int move_database_open(const char *path, struct arena *arena, struct move_report *report, struct move_source **ret,
                       struct err *err)
{
    char *real = realpath(path, NULL);
    if (real == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no '%s'", path);
    }
    const char *name = arena_strdup(arena, real);
    free(real);
    struct database_source *source = arena_one(arena, struct database_source);
    source->base = (struct move_source){&database_ops, name, path_dir(arena, name), report};
    if (foreign_db_open(&source->db, name, err) < 0) {
        return -1;
    }
    if (check_tables(source, err) < 0 || database_index_measured(source, err) < 0 ||
        count_unknown(source, arena, err) < 0) {
        close_database(&source->base);
        return -1;
    }
    database_make_queries(source, arena);
    *ret = &source->base;
    return 0;
}
