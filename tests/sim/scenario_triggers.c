/* SPDX-License-Identifier: Apache-2.0
 * What people do in a scenario about what starts by itself. They look before they ask again: what was not acknowledged
 * may have happened.
 */
#include "scenario.h"

#include "base/fs.h"
#include "base/path.h"
#include "machine.h"
#include "store/pipeline_runs.h"

#include <stdlib.h>
#include <string.h>

static int64_t ask(struct history *h, const char *sql, const char *types, const char *a, const char *b)
{
    struct sqlite3_stmt *s = strlen(types) == 2   ? judge_ask(&h->judge, sql, types, a, b)
                             : strlen(types) == 1 ? judge_ask(&h->judge, sql, types, a)
                                                  : judge_ask(&h->judge, sql, types);
    int64_t found = 0;
    while (judge_row(s)) {
        found = strtoll(judge_text(s, 0), NULL, 10);
    }
    return found;
}

struct putting {
    struct history *h;
    const char *file;
    struct arena *arena;
};

static int put_in_force(void *ctx, struct engine *engine, struct err *err)
{
    struct putting *p = ctx;
    struct source_file file = {
        .source = "people",
        .path = p->file,
        .file = p->file,
        .folder = p->h->world.workspace,
        .workspace = p->h->world.workspace,
        .git = "{}",
        .stamp = "",
    };
    if (fs_read(path_join(p->arena, p->h->world.workspace, p->file), 1 << 20, p->arena, &file.text, err) < 0) {
        return -1;
    }
    struct checked_file checked = in_force_check(p->h->triggers, &file, p->arena);
    if (checked.unread != NULL) { /* no fault of the file: as those who follow folders and sources do, they try again */
        return err_set(err, ERR_IO, "%s", checked.unread);
    }
    return checked.pipeline == NULL
               ? in_force_refuse(p->h->triggers, engine, &file, checked.name, checked.problems, "ann", err)
               : in_force_put(p->h->triggers, engine, &file, checked.pipeline, "ann", err);
}

static int end_force(void *ctx, struct engine *engine, struct err *err)
{
    struct putting *p = ctx;
    struct pipeline_in_force row;
    struct err none = {0};
    if (store_in_force_get(p->h->store, p->file, p->arena, &row, &none) == 0) {
        return in_force_end(p->h->triggers, engine, &row, "ann", err);
    }
    if (none.code != ERR_NOT_FOUND) {
        *err = none;
        return -1;
    }
    return 0;
}

static int receive(void *ctx, struct engine *engine, struct err *err)
{
    struct putting *p = ctx;
    struct json event = json_object();
    int64_t id = 0;
    json_set(p->arena, &event, "key", json_cstring(p->arena, p->file));
    struct trigger_event what = {.pipeline = "w", .kind = "webhook", .trigger_id = "webhook", .key = p->file,
                                 .event = event};
    return trigger_receive(p->h->store, &what, engine_time(engine), p->arena, &id, err);
}

static int change_force(struct history *h, const struct words *words, struct err *err)
{
    struct putting p = {.h = h, .file = word_at(words, 1), .arena = h->world.arena};
    const char *verb = words->items[0];
    if (strcmp(verb, "event") == 0) {
        int64_t there = ask(h, "SELECT count(*) FROM triggers WHERE key = ?", "t", p.file, NULL);
        return there > 0 && strcmp(word_at(words, 2), "again") != 0 ? 0 : engine_command(h->engine, receive, &p, err);
    }
    if (ask(h, "SELECT count(*) FROM refused_files WHERE path = ?", "t", p.file, NULL) > 0) {
        return 0;
    }
    return engine_command(h->engine, verb[0] == 'i' ? put_in_force : end_force, &p, err);
}

static int change_schedule(struct history *h, const struct words *words, struct err *err)
{
    const char *pipeline = word_at(words, 1);
    const char *schedule = word_at(words, 2);
    bool pauses = words->items[0][0] == 'p';
    int64_t paused = ask(h, "SELECT paused_ms IS NOT NULL FROM schedules WHERE pipeline = ? AND schedule = ?", "tt",
                         pipeline, schedule);
    if ((paused != 0) == pauses) {
        return 0;
    }
    return pauses ? triggers_pause(h->triggers, h->engine, pipeline, schedule, "ann", "because", err)
                  : triggers_resume(h->triggers, h->engine, pipeline, schedule, "ann", err);
}

static int begin_backfill(struct history *h, const struct words *words, struct err *err)
{
    struct backfill_row row = {
        .pipeline = word_at(words, 1),
        .schedule = word_at(words, 2),
        .from_ms = strtoll(word_at(words, 3), NULL, 10),
        .to_ms = strtoll(word_at(words, 4), NULL, 10),
        .reprocess = word_at(words, 5),
        .most = strtoll(word_at(words, 6), NULL, 10),
        .reverse = strcmp(word_at(words, 7), "reverse") == 0,
        .actor = "ann",
        .at_ms = INT64_MIN,
    };
    return ask(h, "SELECT count(*) FROM backfills WHERE reprocess = ?", "t", row.reprocess, NULL) > 0
               ? 0
               : triggers_backfill(h->triggers, h->engine, &row, err);
}

/* Turns until so many triggers have their outcome: NULL when it does not come to that with this engine. */
static const char *fired(struct history *h, long count)
{
    int failures = 0;
    for (int i = 0; i < 300 && !h->world.dead && !h->restart && failures == 0; i++) {
        if (ask(h, "SELECT count(*) FROM triggers WHERE outcome <> 'pending'", "", NULL, NULL) >= count) {
            return "ok";
        }
        history_turn(h, &failures);
    }
    return NULL;
}

/* Where the made-up repositories are, and whether they can be reached. */
static int move_branch(struct history *h, const struct words *words, struct err *err)
{
    const char *verb = words->items[0];
    if (strcmp(verb, "commit") == 0) {
        return repository_commit(&h->repository, word_at(words, 1), words->items + 2, err);
    }
    h->repository.away = strcmp(verb, "away") == 0;
    return 0;
}

/* Turns until the commit was looked at, and the commits of runs are kept: NULL when it does not come to that with this
 * engine. */
static const char *followed(struct history *h)
{
    int failures = 0;
    for (int i = 0; i < 300 && !h->world.dead && !h->restart && failures == 0; i++) {
        if (ask(h, "SELECT count(*) FROM sources WHERE seen = ? AND (error = '') = (? = 'here') AND NOT EXISTS "
                   "(SELECT 1 FROM source_runs WHERE pinned = 0)", "tt",
                h->repository.commit, h->repository.away ? "away" : "here") == (int64_t)h->repository.count) {
            return "ok";
        }
        history_turn(h, &failures);
    }
    return NULL;
}

bool scenario_triggers_do(struct history *h, const struct words *words, const char **ret_told)
{
    static const struct {
        const char *verb;
        int (*change)(struct history *h, const struct words *words, struct err *err);
    } verbs[] = {
        {"in-force", change_force}, {"out-of-force", change_force}, {"event", change_force},
        {"pause", change_schedule}, {"resume", change_schedule},    {"backfill", begin_backfill},
        {"commit", move_branch},    {"away", move_branch},          {"here", move_branch},
    };
    if (strcmp(words->items[0], "fired") == 0) {
        *ret_told = fired(h, strtol(word_at(words, 1), NULL, 10));
        return true;
    }
    if (strcmp(words->items[0], "followed") == 0) {
        *ret_told = followed(h);
        return true;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        struct err err = {0};
        if (strcmp(verbs[i].verb, words->items[0]) == 0) {
            (void)machine_engine_calls(true);
            int result = verbs[i].change(h, words, &err);
            *ret_told = scenario_outcome(h, words->items[0], result, &err, "ok");
            return true;
        }
    }
    return false;
}
