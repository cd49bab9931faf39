/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include "base/arena.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_OF(column)                                                                                                 \
    "(SELECT pipeline || '/' || number || '.' || revision FROM pipeline_runs r0 WHERE r0.run_id = " column ")"
/* The step of a row that has its place, with the key of a matrix's item. */
#define STEP_OF(table)                                                                                                 \
    "(SELECT step || ' ' || item_key FROM steps s0 WHERE s0.run_id = " table ".run_id AND s0.position = " table        \
    ".position AND s0.item = " table ".item) AS step"
#define THERE(column) column " IS NOT NULL AS has_" column

/* What is of interest in each table: all but times, and ids that are drawn. */
static const struct {
    const char *kind;
    const char *sql;
} tables[] = {
    {"run", "SELECT run_id, state, verdict, reason, cancelling, timed_out, params, contexts, trigger, actor, until, "
            "retry_of, parent_run, concurrency_group, priority, " THERE("started_ms") ", " THERE("ended_ms") " FROM "
            "pipeline_runs"},
    {"step", "SELECT run_id, step, item, item_key, state, attempts, flags, reason, matrix, outputs, artifacts, "
             "metrics, model_id, model_uri, step_run_id, child_run_id, carried_from, refused_by, " THERE("started_ms")
             ", " THERE("ended_ms") ", " THERE("due_ms") " FROM steps"},
    {"attempt", "SELECT run_id, " STEP_OF("a") ", number, state, reason, stopping, result, wait, " THERE("ended_ms")
                " FROM attempts a"},
    {"lease", "SELECT run_id, " STEP_OF("a") ", resource, amount, devices FROM leases l JOIN attempts a ON a.id = "
              "l.attempt WHERE a.ended_ms IS NULL"},
    {"supply", "SELECT resource, amount FROM supply"},
    {"answer", "SELECT run_id, " STEP_OF("a") ", number, seq, reply FROM attempt_calls c JOIN attempts a ON a.id = "
               "c.attempt"},
    {"wait", "SELECT run_id, " STEP_OF("w") ", kind, status, spec, state, outcome, " THERE("expires_ms")
             " FROM waits w"},
    {"vote", "SELECT run_id, " STEP_OF("w") ", actor, decision, reason, groups FROM votes v JOIN waits w ON w.id = "
             "v.wait"},
    {"mlflow run", "SELECT run_id, name, user, status, " THERE("end_ms") ", artifact_uri, parent_run_id FROM runs"},
    {"param", "SELECT run_id, key, value FROM run_params"},
    {"tag", "SELECT run_id, key, value FROM run_tags WHERE key <> 'sluice.wall_ms'"},
    {"metric", "SELECT run_id, key, model_id, dataset_name, dataset_digest, count, latest_value, latest_step FROM "
               "metric_series"},
    {"artifact", "SELECT owner, path, sha256, size_bytes FROM artifacts"},
    {"published", "SELECT owner, path, name, step, sha256, stamp <> '' AS stamped FROM published"},
    {"dataset", "SELECT run_id, name, digest, source_type, source, context FROM run_datasets JOIN datasets ON "
                "datasets.id = dataset"},
    {"model of", "SELECT run_id, model_id, is_output FROM run_models"},
    {"model", "SELECT model_id, name, status, status_message, source_run_id, model_type, sha256, size_bytes, "
              "artifact_uri FROM logged_models"},
    {"model param", "SELECT model_id, key, value FROM logged_model_params"},
    {"model tag", "SELECT model_id, key, value FROM logged_model_tags"},
    {"registered", "SELECT name, last_version FROM registered_models"},
    {"version", "SELECT name, version, model_id, source, run_id, user, description, stage, status FROM "
                "model_versions"},
    {"version tag", "SELECT name, version, key, value FROM model_version_tags"},
    {"alias", "SELECT name, alias, version FROM model_aliases"},
    {"deployment", "SELECT target, state, name, version, model_id, from_model, to_model, sha256, actor, run_id, "
                   "reason, stage, stages, weight FROM deployments"},
    {"hold", "SELECT target, run_id, " STEP_OF("h") ", item FROM target_holds h"},
    {"gate", "SELECT run_id, step, step_run_id, model_id, champion, passed, refused_by, record, evidence_sha256 FROM "
             "gates"},
    {"activity", "SELECT actor, action, object, object_id, from_state, to_state, reason, evidence_sha256 FROM "
                 "activity"},
    {"key", "SELECT run_id, " STEP_OF("k") ", key, parts, files, decision FROM step_keys k"},
    {"kept", "SELECT pipeline, step, matrix, key, run_id FROM cache_entries"},
    {"definition", "SELECT name, digest FROM definitions"},
    {"in force", "SELECT name, source, path, definition FROM pipelines_in_force"},
    {"source", "SELECT name, seen, in_force, problems, error FROM sources"},
    {"kept commit", "SELECT run_id, source, commit_id, pinned FROM source_runs"},
    {"refused", "SELECT source, path, name, problems FROM refused_files"},
    {"schedule", "SELECT pipeline, schedule, cron, in_force, missed, paused_by, pause_reason FROM schedules"},
    {"trigger", "SELECT pipeline, kind, trigger_id, CASE WHEN kind = 'pipeline' THEN '' ELSE key END AS key, "
                "scheduled_for_ms, occurrences, params, chain, actor, outcome, run_id, reason FROM triggers"},
    {"backfill", "SELECT pipeline, schedule, from_ms, to_ms, reprocess, most, reverse, actor, state, started, skipped "
                 "FROM backfills"},
};

/* ---- names ----------------------------------------------------------------------------------- */

/* Of this history: ids of 32 digits, and what they are. */
static struct {
    char id[33];
    char name[120];
} names[200];
static size_t name_count;

static void note(const char *id, const char *name)
{
    if (strlen(id) == 32 && name_count < sizeof names / sizeof names[0]) {
        (void)snprintf(names[name_count].id, sizeof names[0].id, "%s", id);
        (void)snprintf(names[name_count++].name, sizeof names[0].name, "%s", name);
    }
}

void rows_names(struct judge *judge)
{
    static const char *const questions[] = {
        "SELECT run_id, " RUN_OF("pr.run_id") " FROM pipeline_runs pr",
        "SELECT a.step_run_id, " RUN_OF("a.run_id") " || ':' || s.step || '[' || a.item || ']#' || a.number FROM "
                                                    "attempts a JOIN steps s USING (run_id, position, item)",
        "SELECT mark, 'mark of ' || s.step FROM attempts a JOIN steps s USING (run_id, position, item)",
    };
    name_count = 0;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct sqlite3_stmt *s = judge_ask(judge, questions[i], "");
        while (judge_row(s)) {
            note(judge_text(s, 0), judge_text(s, 1));
        }
    }
}

static const char *name_of(const char *id)
{
    for (size_t i = 0; i < name_count; i++) {
        if (strncmp(names[i].id, id, 32) == 0) {
            return names[i].name;
        }
    }
    return NULL;
}

static size_t digits(const char *p, bool hex)
{
    size_t n = 0;
    while (hex ? isxdigit((unsigned char)p[n]) && !isupper((unsigned char)p[n]) : isdigit((unsigned char)p[n])) {
        n++;
    }
    return n;
}

static bool is_in_word(const char *begin, const char *p)
{
    return p > begin && isalnum((unsigned char)p[-1]);
}

/* One line, with a name for each id, the first digits of digests, and T for times. */
static void write_plain(const struct world *world, const char *text, struct strbuf *out)
{
    size_t home = strlen(world->home);
    for (const char *p = text; *p != '\0';) {
        size_t hex = is_in_word(text, p) ? 0 : digits(p, true);
        size_t decimal = is_in_word(text, p) ? 0 : digits(p, false);
        static const char stamp[] = "\"stamp\":\"";
        if (strncmp(p, stamp, strlen(stamp)) == 0) { /* what the file system says of a file */
            strbuf_add_text(out, stamp);
            p += strlen(stamp);
            p += strcspn(p, "\"");
        } else if (strncmp(p, world->home, home) == 0) {
            strbuf_add_text(out, "HOME");
            p += home;
        } else if (hex == 32 && name_of(p) != NULL) {
            strbuf_printf(out, "{%s}", name_of(p));
            p += 32;
        } else if (hex == 32 && p > text + 1 && p[-1] == '-' && p[-2] == 'm' && strncmp(p, "0000", 4) != 0) {
            strbuf_add_text(out, "NEW"); /* a model's, drawn by the engine */
            p += 32;
        } else if (hex == 16 && p > text + 1 && p[-1] == '-' && isdigit((unsigned char)p[-2])) { /* a runner's */
            strbuf_add_text(out, "RUNNER");
            p += 16;
        } else if (hex == 64) {
            strbuf_printf(out, "sha:%.10s", p);
            p += 64;
        } else if (decimal > 0 &&
                   (strncmp(p + decimal, " bytes", 6) == 0 || strncmp(p + decimal, " are there", 10) == 0 ||
                    strncmp(p + decimal, " of it had", 10) == 0)) { /* of a journal */
            strbuf_add_text(out, "N");
            p += decimal;
        } else if (decimal == 13 && p[0] == '1') {
            strbuf_add_text(out, "T");
            p += 13;
        } else {
            strbuf_add_byte(out, *p == '\n' ? '|' : *p);
            p++;
        }
    }
}

void rows_write_text(struct judge *judge, const char *text, struct strbuf *out)
{
    write_plain(judge->world, text, out);
    strbuf_add_byte(out, '\n');
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "kind column=value column=value": what is NULL is left out. */
static char *line_of(const struct world *world, const char *kind, sqlite3_stmt *s)
{
    struct strbuf line;
    strbuf_init(&line, 1 << 20);
    strbuf_add_text(&line, kind);
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        if (sqlite3_column_type(s, i) != SQLITE_NULL) {
            strbuf_printf(&line, " %s=", sqlite3_column_name(s, i));
            write_plain(world, judge_text(s, i), &line);
        }
    }
    char *text = mem_strdup(line.data);
    strbuf_clear(&line);
    return text;
}

void rows_write(struct judge *judge, struct strbuf *out)
{
    struct {
        VEC_OF(char *)
    } lines = {0};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        sqlite3_stmt *s = judge_ask(judge, tables[t].sql, "");
        while (judge_row(s)) {
            vec_push(&lines, line_of(judge->world, tables[t].kind, s));
        }
        if (lines.count > 0) {
            qsort(lines.items, lines.count, sizeof *lines.items, by_text);
        }
        for (size_t i = 0; i < lines.count; i++) {
            strbuf_printf(out, "%s\n", lines.items[i]);
            free(lines.items[i]);
        }
        lines.count = 0;
    }
    vec_clear(&lines);
}
