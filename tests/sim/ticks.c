/* SPDX-License-Identifier: Apache-2.0
 * In every third history a pipeline starts each minute by itself, and another with each of its ends; people make
 * versions of a model, of which one pipeline hears at once, and one when nothing more has come for a while. Nothing of
 * them is executed: what is judged is that no minute and no version is lost, and none comes twice.
 */
#include "history_internal.h"

#include "store/registry.h"

#include <sqlite3.h>
#include <stdio.h>

static const struct {
    const char *path;
    const char *text;
} files[] = {
    {"tick.yaml", "name: tick\n\"on\": {schedule: {id: m, cron: '* * * * *', catchup: all, catchup_limit: 1000}}\n"
                  "steps:\n  a: {run: [step], if: \"false\"}\n"},
    {"take.yaml", "name: take\n\"on\": {model_version: {model: 'w*'}}\nsteps:\n  a: {run: [step], if: \"false\"}\n"},
    {"calm.yaml", "name: calm\n\"on\": {model_version: {model: wine, debounce: 20s}}\n"
                  "steps:\n  a: {run: [step], if: \"false\"}\n"},
    {"tock.yaml", "name: tock\n\"on\": {pipeline: {name: tick}}\nsteps:\n  a: {run: [step], if: \"false\"}\n"},
};

static int put_all(void *ctx, struct engine *engine, struct err *err)
{
    struct history *h = ctx;
    struct arena *arena = h->world.arena;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct source_file file = {
            .source = "history",
            .path = files[i].path,
            .file = files[i].path,
            .folder = h->world.workspace,
            .workspace = h->world.workspace,
            .git = "{}",
            .stamp = "",
            .text = arena_str(arena, str_from(files[i].text)),
        };
        struct checked_file checked = in_force_check(h->triggers, &file, arena);
        if (checked.pipeline == NULL) {
            world_fail(&h->world, "%s: %s", files[i].path, checked.problems);
            return 0;
        }
        if (in_force_put(h->triggers, engine, &file, checked.pipeline, "ann", err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The second goes on to hear of the first. */
static int end_tick(void *ctx, struct engine *engine, struct err *err)
{
    struct history *h = ctx;
    struct pipeline_in_force row;
    struct err none = {0};
    if (store_in_force_get(h->store, "tick", h->world.arena, &row, &none) == 0) {
        return in_force_end(h->triggers, engine, &row, "ann", err);
    }
    if (none.code != ERR_NOT_FOUND) {
        *err = none;
        return -1;
    }
    return 0;
}

bool ticks_change(struct history *h, bool begin, struct err *err)
{
    int result = engine_command(h->engine, begin ? put_all : end_tick, h, err);
    history_told(h, "what is in force", result, err);
    return result == 0;
}

static int make_version(void *ctx, struct engine *engine, struct err *err)
{
    struct history *h = ctx;
    struct err none = {0};
    struct registered_model model;
    const struct model_version version = {.name = "wine", .source = "s3://bucket/model", .user = "ann"};
    const struct mover by = {.actor = "ann", .door = "mlflow"};
    int64_t made = 0;
    int64_t now_ms = engine_time(engine);
    if (store_registry_get(h->store, "wine", h->world.arena, &model, &none) < 0 &&
        (none.code != ERR_NOT_FOUND || store_registry_create(h->store, "wine", NULL, NULL, 0, now_ms, err) < 0)) {
        *err = none.code != ERR_NOT_FOUND ? none : *err;
        return -1;
    }
    return store_version_create(h->store, &version, false, NULL, 0, &by, now_ms, &made, err);
}

bool ticks_version(struct history *h, struct err *err)
{
    int result = engine_command(h->engine, make_version, h, err);
    history_told(h, "a version", result, err);
    h->versions += result == 0 ? 1 : 0;
    return result == 0;
}

static int64_t number(struct history *h, const char *sql)
{
    sqlite3_stmt *s = judge_ask(&h->judge, sql, "");
    int64_t found = 0;
    while (judge_row(s)) {
        found = sqlite3_column_int64(s, 0);
    }
    return found;
}

#define OF_TICK " FROM triggers WHERE pipeline = 'tick' AND kind = 'schedule'"

/* Each is heard of once by each who listens, in the order in which they were made. */
static void judge_versions(struct history *h)
{
    static const char *const listeners[] = {"take", "calm"};
    int64_t versions = number(h, "SELECT count(*) FROM model_versions");
    if (versions < h->versions) {
        world_fail(&h->world, "I1: %lld versions were acknowledged, and there are %lld", (long long)h->versions,
                   (long long)versions);
    }
    for (size_t i = 0; i < 2; i++) {
        char sql[256];
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM triggers AS t WHERE pipeline = '%s' AND version = (SELECT count(*) FROM "
                       "triggers AS o WHERE o.pipeline = t.pipeline AND o.id <= t.id)",
                       listeners[i]);
        int64_t heard = number(h, sql);
        if (heard != versions) {
            world_fail(&h->world, "I1: %lld versions, and %s has heard of %lld, each once", (long long)versions,
                       listeners[i], (long long)heard);
        }
    }
    int64_t wrong = number(h, "SELECT count(*) FROM triggers WHERE pipeline = 'take' AND outcome NOT IN ('started', "
                              "'pending')");
    int64_t lost = number(h, "SELECT count(*) FROM triggers AS t WHERE pipeline = 'calm' AND outcome = 'skipped' AND "
                             "NOT EXISTS (SELECT 1 FROM triggers AS n WHERE n.pipeline = 'calm' AND n.id > t.id AND "
                             "t.reason = 'a newer one came before its time: trigger ' || n.id || ' (debounce)')");
    if (wrong + lost > 0) {
        world_fail(&h->world, "I1: %lld versions were not taken, and %lld passed over for none", (long long)wrong,
                   (long long)lost);
    }
}

void ticks_judge(struct history *h)
{
    static const int64_t minute_ms = 60000;
    int64_t count = number(h, "SELECT count(*)" OF_TICK);
    int64_t since_ms = number(h, "SELECT min(at_ms) FROM activity WHERE action = 'pipeline.in_force'");
    int64_t until_ms = number(h, "SELECT decided_ms FROM schedules WHERE pipeline = 'tick'");
    int64_t ends = number(h, "SELECT count(*) FROM pipeline_runs WHERE pipeline = 'tick' AND state = 'succeeded'");
    int64_t heard = number(h, "SELECT count(*) FROM triggers WHERE pipeline = 'tock'");
    if (!h->fires) {
        return;
    }
    judge_versions(h);
    if (ends != heard) {
        world_fail(&h->world, "I1: %lld ends of tick, and tock has heard of %lld", (long long)ends, (long long)heard);
    }
    if (h->world.clock_jumped) { /* then some come again, and some are too old */
        return;
    }
    if (number(h, "SELECT count(*)" OF_TICK " AND outcome <> 'started'") > 0) {
        world_fail(&h->world, "I1: a minute of tick was not started");
    }
    int64_t expected = until_ms / minute_ms - since_ms / minute_ms;
    if (count != expected) {
        world_fail(&h->world, "I2: tick was started %lld times in %lld minutes", (long long)count,
                   (long long)expected);
    }
}
