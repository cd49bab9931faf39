/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pipeline_runs.h"

#include "base/parse.h"
#include "store/stmt.h"

#include <stdio.h>
#include <string.h>

#define RUN_COLUMNS \
    "run_id, pipeline, number, revision, definition, file, folder, workspace, experiment_id, state, reason, verdict, " \
    "cancelling, timed_out, params, contexts, trigger, actor, until, seed, retry_of, parent_run, parent_step, " \
    "parent_item, journal_offset, journal_sequence, running_ms, running_since_ms, created_ms, started_ms, ended_ms, " \
    "priority, concurrency_group"

void pipeline_run_label(const struct pipeline_run *run, char room[32])
{
    if (run->revision > 1) {
        (void)snprintf(room, 32, "%lld.%lld", (long long)run->number, (long long)run->revision);
    } else {
        (void)snprintf(room, 32, "%lld", (long long)run->number);
    }
}

int store_definition_put(struct store *store, const char *digest, const char *name, struct str source, int64_t now_ms,
                         struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO definitions (digest, name, source, created_ms) "
                                     "VALUES (:digest, :name, :source, :now) ON CONFLICT (digest) DO NOTHING");
    stmt_text(s, ":digest", digest);
    stmt_text(s, ":name", name);
    stmt_str(s, ":source", source);
    stmt_int(s, ":now", now_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_definition_get(struct store *store, const char *digest, struct arena *arena, struct str *ret_source,
                         struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT source FROM definitions WHERE digest = :digest");
    stmt_text(s, ":digest", digest);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_source = str_from(stmt_column_text(s, 0, arena));
    }
    stmt_done(s);
    if (row == 0) {
        return err_set(err, ERR_NOT_FOUND, "no pipeline definition with digest %s", digest);
    }
    return row < 0 ? -1 : 0;
}

static int one_int(struct stmt *s, int64_t *ret_value, struct err *err)
{
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_value = stmt_column_int(s, 0);
    }
    stmt_done(s);
    if (row == 0) {
        return err_set(err, ERR_INTERNAL, "the store gave no row");
    }
    return row < 0 ? -1 : 0;
}

int store_pipeline_next_number(struct store *store, const char *pipeline, int64_t *ret_number, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE pipelines SET last_number = last_number + 1 WHERE name = :name");
    stmt_text(s, ":name", pipeline);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        s = stmt_get(store, "INSERT INTO pipelines (name, last_number) VALUES (:name, 1)");
        stmt_text(s, ":name", pipeline);
        changed = stmt_run(s, err);
    }
    if (changed < 0) {
        return -1;
    }
    s = stmt_get(store, "SELECT last_number FROM pipelines WHERE name = :name"); /* RETURNING costs more than this */
    stmt_text(s, ":name", pipeline);
    return one_int(s, ret_number, err);
}

int store_pipeline_next_revision(struct store *store, const char *pipeline, int64_t number, int64_t *ret_revision,
                                 struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT COALESCE(MAX(revision), 0) + 1 FROM pipeline_runs "
                                     "WHERE pipeline = :pipeline AND number = :number");
    stmt_text(s, ":pipeline", pipeline);
    stmt_int(s, ":number", number);
    return one_int(s, ret_revision, err);
}

static void bind_time(struct stmt *s, const char *name, int64_t ms)
{
    if (ms == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, ms);
    }
}

/* What both INSERT and UPDATE write. */
static void bind_changing(struct stmt *s, const struct pipeline_run *run)
{
    stmt_text(s, ":run_id", run->run_id);
    stmt_text(s, ":state", run_state_name(run->state));
    stmt_text(s, ":reason", run->reason);
    stmt_text(s, ":verdict", verdict_name(run->verdict));
    stmt_text(s, ":cancelling", run->cancelling);
    stmt_int(s, ":timed_out", run->timed_out ? 1 : 0);
    stmt_text(s, ":contexts", run->contexts);
    stmt_int(s, ":running_ms", run->running_ms);
    bind_time(s, ":running_since", run->running_since_ms);
    bind_time(s, ":started", run->started_ms);
    bind_time(s, ":ended", run->ended_ms);
}

int store_pipeline_run_insert(struct store *store, const struct pipeline_run *run, struct err *err)
{
    struct stmt *s = stmt_get(
        store,
        "INSERT INTO pipeline_runs (" RUN_COLUMNS
        ") VALUES (:run_id, :pipeline, :number, :revision, :definition, :file, "
        ":folder, :workspace, :experiment, :state, :reason, :verdict, :cancelling, :timed_out, :params, :contexts, "
        ":trigger, "
        ":actor, :until, :seed, :retry_of, :parent_run, :parent_step, :parent_item, 0, 0, :running_ms, :running_since, "
        ":created, :started, :ended, :priority, :concurrency_group)");
    bind_changing(s, run);
    stmt_text(s, ":pipeline", run->pipeline);
    stmt_int(s, ":number", run->number);
    stmt_int(s, ":revision", run->revision);
    stmt_text(s, ":definition", run->definition);
    stmt_text(s, ":file", run->file);
    stmt_text(s, ":folder", run->folder);
    stmt_text(s, ":workspace", run->workspace);
    stmt_int(s, ":experiment", run->experiment_id);
    stmt_text(s, ":params", run->params);
    stmt_text(s, ":trigger", run->trigger);
    stmt_text(s, ":actor", run->actor);
    stmt_text(s, ":until", run->until);
    stmt_int(s, ":seed", run->seed);
    stmt_text(s, ":retry_of", run->retry_of);
    stmt_text(s, ":parent_run", run->parent_run);
    stmt_int(s, ":parent_step", run->parent_step);
    stmt_int(s, ":parent_item", run->parent_item);
    stmt_int(s, ":created", run->created_ms);
    stmt_int(s, ":priority", run->priority);
    stmt_text(s, ":concurrency_group", run->concurrency_group);
    return stmt_run_one(s, "inserting a run", err);
}

int store_pipeline_run_update(struct store *store, const struct pipeline_run *run, struct err *err)
{
    struct stmt *s = stmt_get(
        store,
        "UPDATE pipeline_runs SET state = :state, reason = :reason, verdict = :verdict, cancelling = :cancelling, "
        "timed_out = :timed_out, contexts = :contexts, running_ms = :running_ms, running_since_ms = :running_since, "
        "started_ms = :started, ended_ms = :ended WHERE run_id = :run_id AND ended_ms IS NULL");
    bind_changing(s, run);
    return stmt_run_one(s, "updating a run", err);
}

int store_pipeline_run_offset(struct store *store, const char *run_id, int64_t offset, int64_t sequence,
                              struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE pipeline_runs SET journal_offset = :offset, journal_sequence = :sequence "
                                     "WHERE run_id = :run_id AND (journal_offset <= :offset OR :sequence = 0)");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":offset", offset);
    stmt_int(s, ":sequence", sequence);
    return stmt_run_one(s, "recording how far a journal was read", err);
}

static void read_run(struct stmt *s, struct arena *arena, void *item)
{
    struct pipeline_run *ret = item;
    *ret = (struct pipeline_run){
        .run_id = stmt_column_text(s, 0, arena),
        .pipeline = stmt_column_text(s, 1, arena),
        .number = stmt_column_int(s, 2),
        .revision = stmt_column_int(s, 3),
        .definition = stmt_column_text(s, 4, arena),
        .file = stmt_column_text(s, 5, arena),
        .folder = stmt_column_text(s, 6, arena),
        .workspace = stmt_column_text(s, 7, arena),
        .experiment_id = stmt_column_int(s, 8),
        .state = (enum run_state)run_state_parse(stmt_column_text(s, 9, arena)),
        .reason = stmt_column_text_or_null(s, 10, arena),
        .verdict = (enum verdict)verdict_parse(stmt_column_text(s, 11, arena)),
        .cancelling = stmt_column_text_or_null(s, 12, arena),
        .timed_out = stmt_column_int(s, 13) != 0,
        .params = stmt_column_text(s, 14, arena),
        .contexts = stmt_column_text(s, 15, arena),
        .trigger = stmt_column_text(s, 16, arena),
        .actor = stmt_column_text(s, 17, arena),
        .until = stmt_column_text_or_null(s, 18, arena),
        .seed = stmt_column_int(s, 19),
        .retry_of = stmt_column_text_or_null(s, 20, arena),
        .parent_run = stmt_column_text_or_null(s, 21, arena),
        .parent_step = stmt_column_int(s, 22),
        .parent_item = stmt_column_int(s, 23),
        .journal_offset = stmt_column_int(s, 24),
        .journal_sequence = stmt_column_int(s, 25),
        .running_ms = stmt_column_int(s, 26),
        .running_since_ms = stmt_column_int(s, 27),
        .created_ms = stmt_column_int(s, 28),
        .started_ms = stmt_column_int(s, 29),
        .ended_ms = stmt_column_int(s, 30),
        .priority = stmt_column_int(s, 31),
        .concurrency_group = stmt_column_text_or_null(s, 32, arena),
    };
}

int store_pipeline_run_get(struct store *store, const char *run_id, struct arena *arena, struct pipeline_run *ret,
                           struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " RUN_COLUMNS " FROM pipeline_runs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_read_row(s, read_run, arena, ret, err);
    if (row == 0) {
        return err_set(err, ERR_NOT_FOUND, "no run '%s'", run_id);
    }
    return row < 0 ? -1 : 0;
}

int store_pipeline_run_list(struct store *store, const struct pipeline_run_filter *filter, struct arena *arena,
                            struct pipeline_run **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = NULL;
    if (filter->open) {
        s = stmt_get(store, "SELECT " RUN_COLUMNS " FROM pipeline_runs INDEXED BY pipeline_runs_open "
                            "WHERE ended_ms IS NULL AND (:pipeline IS NULL OR pipeline = :pipeline) "
                            "AND (:state IS NULL OR state = :state) "
                            "ORDER BY created_ms, run_id");
        stmt_text(s, ":pipeline", filter->pipeline);
        stmt_text(s, ":state", filter->state);
        return stmt_read_rows(s, read_run, sizeof **ret, arena, ret, ret_count, err);
    }
    s = stmt_get(store, "SELECT " RUN_COLUMNS " FROM pipeline_runs WHERE (:pipeline IS NULL OR pipeline = :pipeline) "
                        "AND (:state IS NULL OR state = :state) AND parent_run IS :parent "
                        "AND (:no_replays = 0 OR trigger <> 'replay') "
                        "ORDER BY created_ms DESC, number DESC, revision DESC LIMIT :limit");
    stmt_text(s, ":pipeline", filter->pipeline);
    stmt_text(s, ":state", filter->state);
    stmt_text(s, ":parent", filter->parent);
    stmt_int(s, ":no_replays", filter->no_replays ? 1 : 0);
    stmt_int(s, ":limit", filter->limit == 0 ? 100 : (int64_t)filter->limit);
    return stmt_read_rows(s, read_run, sizeof **ret, arena, ret, ret_count, err);
}

/* "12" or "12.2". */
static bool parse_label(struct str text, int64_t *ret_number, int64_t *ret_revision)
{
    ptrdiff_t dot = str_find_byte(text, '.', 0);
    struct str number = dot < 0 ? text : str_slice(text, 0, (size_t)dot);
    *ret_revision = 0;
    if (dot >= 0 && parse_int(str_slice(text, (size_t)dot + 1, text.n), 1, 1000000, ret_revision, NULL) < 0) {
        return false;
    }
    return parse_int(number, 1, INT64_MAX, ret_number, NULL) == 0;
}

/* A bare number is that of a run a person started; with its pipeline named, a run that is a step of another, too. */
static int find_numbered(struct store *store, struct str pipeline, int64_t number, int64_t revision,
                         struct arena *arena, struct pipeline_run **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT " RUN_COLUMNS " FROM pipeline_runs AS r WHERE number = :number "
               "AND ((:pipeline = '' AND parent_run IS NULL) OR pipeline = :pipeline) "
               "AND revision = CASE WHEN :revision > 0 THEN :revision ELSE (SELECT MAX(revision) FROM pipeline_runs "
               "WHERE pipeline = r.pipeline AND number = r.number) END");
    stmt_str(s, ":pipeline", pipeline);
    stmt_int(s, ":number", number);
    stmt_int(s, ":revision", revision);
    return stmt_read_rows(s, read_run, sizeof **ret, arena, ret, ret_count, err);
}

static bool is_hex(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("0123456789abcdef", text.p[i]) == NULL) {
            return false;
        }
    }
    return text.n >= 6;
}

static bool are_ids_with(const struct pipeline_run *rows, size_t count, struct str digits)
{
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        struct str id = str_from(rows[i].run_id);
        all = all && (str_starts(id, digits) || str_ends(id, digits));
    }
    return all;
}

int store_pipeline_run_find(struct store *store, const char *words, struct arena *arena, struct pipeline_run *ret,
                            struct err *err)
{
    struct str text = str_trim(str_from(words));
    struct pipeline_run *found = NULL;
    size_t count = 0;
    int64_t number = 0;
    int64_t revision = 0;
    bool latest_of = str_ends(text, STR("/latest"));
    if (latest_of || str_is(text, "latest")) {
        struct pipeline_run_filter filter = {.limit = 1};
        filter.pipeline = latest_of ? arena_str(arena, str_slice(text, 0, text.n - 7)).p : NULL;
        if (store_pipeline_run_list(store, &filter, arena, &found, &count, err) < 0) {
            return -1;
        }
    }
    size_t split = text.n;
    while (split > 0 && text.p[split - 1] != ' ' && text.p[split - 1] != '/') {
        split--;
    }
    struct str pipeline = split == 0 ? STR("") : str_trim(str_slice(text, 0, split - 1));
    if (count == 0 && parse_label(str_slice(text, split, text.n), &number, &revision) &&
        find_numbered(store, pipeline, number, revision, arena, &found, &count, err) < 0) {
        return -1;
    }
    if (count == 0 && is_hex(text)) {
        struct stmt *s = stmt_get(store, "SELECT " RUN_COLUMNS " FROM pipeline_runs WHERE run_id LIKE :begin "
                                         "OR run_id LIKE :end LIMIT 5");
        stmt_text(s, ":begin", arena_printf(arena, "%.*s%%", STR_ARG(text)));
        stmt_text(s, ":end", arena_printf(arena, "%%%.*s", STR_ARG(text)));
        if (stmt_read_rows(s, read_run, sizeof *found, arena, &found, &count, err) < 0) {
            return -1;
        }
    }
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "no run '%.*s': expected a number as 'sluice runs' shows it, a run id, or 'latest'",
                       STR_ARG(text));
    }
    if (count > 1) {
        if (is_hex(text) && are_ids_with(found, count, text)) {
            return err_set(err, ERR_INPUT,
                           "'%.*s' begins or ends more than one run id, %s and %s: give the last digits",
                           STR_ARG(text), found[0].run_id, found[1].run_id);
        }
        return err_set(err, ERR_INPUT, "'%.*s' is a run of %s and of %s: name the pipeline too ('%s/%.*s')",
                       STR_ARG(text), found[0].pipeline, found[1].pipeline, found[0].pipeline, STR_ARG(text));
    }
    *ret = found[0];
    return 0;
}

/* ---- what counts ------------------------------------------------------------------------------------------------ */

struct definitions {
    struct definition_in_force *items;
    size_t count;
    size_t room;
};

static void add_definition(struct definitions *found, const struct definition_in_force *item, struct arena *arena)
{
    found->items = arena_grow(arena, found->items, found->count, &found->room, sizeof *found->items);
    found->items[found->count++] = *item;
}

static bool is_among(const struct definitions *found, const struct definition_in_force *item)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct definition_in_force *known = &found->items[i];
        if (strcmp(known->pipeline, item->pipeline) == 0 && strcmp(known->folder, item->folder) == 0 &&
            strcmp(known->workspace, item->workspace) == 0 && str_eq(known->source, item->source)) {
            return true;
        }
    }
    return false;
}

/* 0: the store is from before there were any. */
static int knows_triggers(struct store *store, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM sqlite_schema WHERE name = 'pipelines_in_force'");
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

static int add_triggered(struct store *store, struct definitions *found, struct arena *arena, struct err *err)
{
    int known = knows_triggers(store, err);
    if (known <= 0) {
        return known;
    }
    struct stmt *s = stmt_get(store, "SELECT p.name, p.file, p.folder, p.workspace, d.source FROM "
                                     "pipelines_in_force AS p JOIN definitions AS d ON d.digest = p.definition "
                                     "ORDER BY p.name");
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct definition_in_force item = {
            .pipeline = stmt_column_text(s, 0, arena),
            .file = stmt_column_text(s, 1, arena),
            .folder = stmt_column_text(s, 2, arena),
            .workspace = stmt_column_text(s, 3, arena),
            .source = str_from(stmt_column_text(s, 4, arena)),
        };
        if (!is_among(found, &item)) {
            add_definition(found, &item, arena);
        }
    }
    stmt_done(s);
    return row;
}

int store_definitions_in_force(struct store *store, struct arena *arena, struct definition_in_force **ret,
                               size_t *ret_count, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT r.pipeline, r.number, r.revision, r.file, r.folder, r.workspace, d.source, "
                        "max(r.created_ms) FROM pipeline_runs AS r JOIN definitions AS d ON d.digest = "
                        "r.definition WHERE r.ended_ms IS NULL OR r.created_ms = (SELECT max(n.created_ms) FROM "
                        "pipeline_runs AS n WHERE n.pipeline = r.pipeline AND n.trigger <> 'replay') "
                        "GROUP BY r.pipeline, r.definition, r.folder, r.workspace ORDER BY r.pipeline, r.number");
    struct definitions found = {0};
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct pipeline_run run = {.number = stmt_column_int(s, 1), .revision = stmt_column_int(s, 2)};
        char label[32];
        pipeline_run_label(&run, label);
        struct definition_in_force item = {
            .pipeline = stmt_column_text(s, 0, arena),
            .file = stmt_column_text(s, 3, arena),
            .folder = stmt_column_text(s, 4, arena),
            .workspace = stmt_column_text(s, 5, arena),
            .source = str_from(stmt_column_text(s, 6, arena)),
        };
        item.run = arena_printf(arena, "%s/%s", item.pipeline, label);
        add_definition(&found, &item, arena);
    }
    stmt_done(s);
    if (row < 0 || add_triggered(store, &found, arena, err) < 0) {
        return -1;
    }
    *ret = found.items;
    *ret_count = found.count;
    return 0;
}
