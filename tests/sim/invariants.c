/* SPDX-License-Identifier: Apache-2.0 */
#include "invariants.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TERMINAL_STEP "('succeeded', 'failed', 'cancelled', 'skipped')"
#define OPEN_RUN "('queued', 'running', 'waiting')"

/* ---- asking ---------------------------------------------------------------------------------- */

void judge_init(struct judge *judge, struct world *world)
{
    *judge = (struct judge){.world = world};
}

void judge_close(struct judge *judge)
{
    for (size_t i = 0; i < judge->questions.count; i++) {
        (void)sqlite3_finalize(judge->questions.items[i].statement);
    }
    judge->questions.count = 0;
    (void)sqlite3_close(judge->db);
    judge->db = NULL;
}

void judge_free(struct judge *judge)
{
    judge_close(judge);
    for (size_t i = 0; i < judge->terminal.count; i++) {
        free(judge->terminal.items[i]);
    }
    vec_clear(&judge->questions);
    vec_clear(&judge->terminal);
    vec_clear(&judge->promises);
}

static int open_db(struct judge *judge)
{
    const char *path = arena_printf(judge->world->arena, "%s/sluice.db", judge->world->home);
    if (sqlite3_open_v2(path, &judge->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        judge_close(judge);
        return -1;
    }
    (void)sqlite3_db_config(judge->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return 0;
}

static sqlite3_stmt *prepared(struct judge *judge, const char *sql)
{
    struct judge_question question = {.sql = sql};
    for (size_t i = 0; i < judge->questions.count; i++) {
        if (judge->questions.items[i].sql == sql) {
            return judge->questions.items[i].statement;
        }
    }
    if (sqlite3_prepare_v2(judge->db, sql, -1, &question.statement, NULL) != SQLITE_OK) {
        if (!judge->world->dead && sqlite3_errcode(judge->db) == SQLITE_ERROR) {
            world_fail(judge->world, "the checker's own question: %s: %s", sql, sqlite3_errmsg(judge->db));
        }
        return NULL;
    }
    vec_push(&judge->questions, question);
    return question.statement;
}

sqlite3_stmt *judge_ask(struct judge *judge, const char *sql, const char *types, ...)
{
    if (judge->world->power_is_off || (judge->db == NULL && open_db(judge) < 0)) {
        return NULL;
    }
    sqlite3_stmt *s = prepared(judge, sql);
    va_list arguments;
    va_start(arguments, types);
    for (int i = 0; s != NULL && types[i] != '\0'; i++) {
        if (types[i] == 't') {
            (void)sqlite3_bind_text(s, i + 1, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
        } else {
            (void)sqlite3_bind_int64(s, i + 1, va_arg(arguments, int64_t));
        }
    }
    va_end(arguments);
    return s;
}

bool judge_row(sqlite3_stmt *s)
{
    if (s != NULL && sqlite3_step(s) == SQLITE_ROW) {
        return true;
    }
    (void)sqlite3_reset(s);
    return false;
}

const char *judge_text(sqlite3_stmt *s, int column)
{
    const char *value = (const char *)sqlite3_column_text(s, column);
    return value == NULL ? "" : value;
}

static bool is(sqlite3_stmt *s, int column, const char *word)
{
    return strcmp(judge_text(s, column), word) == 0;
}

static int64_t whole(sqlite3_stmt *s, int column)
{
    return sqlite3_column_int64(s, column);
}

/* The only row's number, -1 for none. */
static int64_t number(sqlite3_stmt *s)
{
    int64_t value = judge_row(s) ? whole(s, 0) : -1;
    if (s != NULL && value >= 0) {
        (void)sqlite3_reset(s);
    }
    return value;
}

const char *judge_run_state(struct judge *judge, const char *run_id)
{
    sqlite3_stmt *s = judge_ask(judge, "SELECT state FROM pipeline_runs WHERE run_id = ?", "t", run_id);
    const char *state = NULL;
    while (judge_row(s)) {
        state = arena_strdup(judge->world->arena, judge_text(s, 0));
    }
    return state;
}

bool judge_approval(struct judge *judge, uint64_t nth, int64_t *ret_wait, char ret_run_id[40], char ret_step[8])
{
    int64_t count =
        number(judge_ask(judge, "SELECT count(*) FROM waits WHERE status = 'open' AND kind = 'approval'", ""));
    bool found = false;
    if (count <= 0) {
        return false;
    }
    sqlite3_stmt *s = judge_ask(judge,
                                "SELECT id, run_id, 's' || position FROM waits WHERE status = 'open' AND kind = "
                                "'approval' "
                                "ORDER BY id LIMIT 1 OFFSET ?",
                                "i", (int64_t)(nth % (uint64_t)count));
    while (judge_row(s)) {
        found = true;
        *ret_wait = whole(s, 0);
        (void)snprintf(ret_run_id, 40, "%s", judge_text(s, 1));
        (void)snprintf(ret_step, 8, "%s", judge_text(s, 2));
    }
    return found;
}

/* ---- at the beginning of an execution -------------------------------------------------------- */

/* What the step was given of step `need`: the output of the execution that succeeded there, when there is one. */
static const char *output_of(struct world *world, const char *run_id, size_t need)
{
    const char *output = NULL;
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *e = world->executions.items[i];
        if (e->step == need && e->good && strcmp(e->run_id, run_id) == 0) {
            output = e->output;
        }
    }
    return output;
}

static void check_given(struct judge *judge, const struct execution *e, const struct json *spawn)
{
    struct world *world = judge->world;
    const struct json *argv = json_get(spawn, "argv");
    const struct plan_step *plan = &world->plan.steps[e->step];
    for (size_t n = 0; !e->of_child && !world->lost_power && argv != NULL && n < plan->need_count; n++) {
        const struct plan_step *need = &world->plan.steps[plan->needs[n]];
        const char *expected = need->plain ? "none" : output_of(world, e->run_id, plan->needs[n]);
        struct str given = argv->u.array.items[n + 1].u.string;
        if (need->items == 0 && !need->child && expected != NULL && !str_is(given, expected)) {
            world_fail(world, "I9: attempt %lld of %s was given '%.*s' of %s, which said '%s'", (long long)e->attempt,
                       plan->id, STR_ARG(given), need->id, expected);
        }
    }
}

static void check_alone(struct judge *judge, const struct execution *e)
{
    struct world *world = judge->world;
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *other = world->executions.items[i];
        bool same_item = other->step == e->step && other->item == e->item && strcmp(other->run_id, e->run_id) == 0;
        if (!same_item) {
            continue;
        }
        if (other->attempt == e->attempt && !other->waited) {
            world_fail(world, "attempt %lld of s%zu was started twice", (long long)e->attempt, e->step);
        } else if (other->good && !world->lost_power) {
            world_fail(world, "I5: s%zu succeeded with attempt %lld and is run again by attempt %lld", e->step,
                       (long long)other->attempt, (long long)e->attempt);
        } else if (other->attempt != e->attempt && other->number >= e->number) { /* also of what the power took */
            world_fail(world, "I5: s%zu begins as attempt %lld, number %lld, as if attempt %lld, %lld, had never begun",
                       e->step, (long long)e->attempt, (long long)e->number, (long long)other->attempt,
                       (long long)other->number);
        } else if (other->process) {
            world_fail(world, "I3: attempt %lld of s%zu begins beside a process of attempt %lld", (long long)e->attempt,
                       e->step, (long long)other->attempt);
        }
    }
}

/* A retry does not begin before its delay is over. */
static void check_delay(struct judge *judge, const struct execution *e)
{
    struct world *world = judge->world;
    int delay_ms = e->of_child ? 0 : world->plan.steps[e->step].delay_ms;
    for (size_t i = 0; !world->clock_jumped && e->leg == 1 && i < world->executions.count; i++) {
        const struct execution *other = world->executions.items[i];
        if (other->step == e->step && other->item == e->item && other->number == e->number - 1 &&
            strcmp(other->run_id, e->run_id) == 0 && other->phase == PHASE_ENDED &&
            world->now_ms < other->ended_ms + delay_ms) {
            world_fail(world, "attempt %lld of s%zu begins %lld ms after the one before it: expected %d",
                       (long long)e->attempt, e->step, (long long)(world->now_ms - other->ended_ms), delay_ms);
        }
    }
}

static void check_slots(struct judge *judge, const struct execution *e)
{
    struct world *world = judge->world;
    int live = 1;
    int beside = 1; /* of the same matrix */
    int most = e->of_child ? 0 : world->plan.steps[e->step].max_parallel;
    if (world->journal_cut) {
        return; /* steps that the engine has given up may still be about to be stopped */
    }
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *other = world->executions.items[i];
        if (other->phase <= PHASE_RUNNING && other->runner->alive) {
            live++;
            beside += other->step == e->step && strcmp(other->run_id, e->run_id) == 0 ? 1 : 0;
        }
    }
    if (live > world->plan.slots) {
        world_fail(world, "I6: %d executions at once in %d slots", live, world->plan.slots);
    }
    if (most > 0 && world->plan.steps[e->step].items != 0 && beside > most) {
        world_fail(world, "%d items of s%zu at once, at most %d were wanted", beside, e->step, most);
    }
}

static void check_needs(struct judge *judge, const struct execution *e)
{
    const struct plan_step *plan = &judge->world->plan.steps[e->step];
    for (size_t n = 0; !e->of_child && n < plan->need_count; n++) {
        if (number(judge_ask(judge,
                             "SELECT count(*) FROM steps WHERE run_id = ? AND position = ? AND state NOT "
                             "IN " TERMINAL_STEP,
                             "ti", e->run_id, (int64_t)plan->needs[n])) > 0) {
            world_fail(judge->world, "I4: attempt %lld of s%zu begins before the end of %s is durable",
                       (long long)e->attempt, e->step, judge->world->plan.steps[plan->needs[n]].id);
        }
    }
}

/* An heir begins in the place of one that has succeeded, of the same run, and at no other time. */
static void check_before(struct judge *judge, const struct execution *e)
{
    struct world *world = judge->world;
    const struct execution *before = NULL;
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *other = world->executions.items[i];
        before = other->attempt == e->after ? other : before;
    }
    if (before == NULL || before->phase != PHASE_ENDED || !before->good || before->ended_ms != world->now_ms ||
        strcmp(before->run_id, e->run_id) != 0) {
        world_fail(world, "I4: attempt %lld begins by itself behind attempt %lld, which %s", (long long)e->attempt,
                   (long long)e->after, before == NULL ? "there never was" : "has not just succeeded in its run");
    }
}

void judge_began(struct judge *judge, const struct execution *e, const struct json *spawn)
{
    struct world *world = judge->world;
    world_trace(world, "attempt %lld begins: s%zu item %lld number %lld leg %d", (long long)e->attempt, e->step,
                (long long)e->item, (long long)e->number, e->leg);
    check_given(judge, e, spawn);
    check_alone(judge, e);
    check_delay(judge, e);
    check_slots(judge, e);
    if (e->order != NULL) {
        check_before(judge, e); /* no row says so yet: the journal does, and is on the disk */
        return;
    }
    check_needs(judge, e);
    bool resumed = json_get(spawn, "resumed") != NULL;
    if (resumed != (e->leg > 1)) {
        world_fail(world, "I11: attempt %lld begins leg %d %s the outcome of a wait", (long long)e->attempt, e->leg,
                   resumed ? "with" : "without");
    }
    sqlite3_stmt *s = judge_ask(judge,
                                "SELECT a.state, a.number, s.state, r.state, a.ended_ms, "
                                "(SELECT count(*) FROM waits w WHERE w.attempt = a.id AND w.status = 'open') "
                                "FROM attempts a JOIN steps s USING (run_id, position, item) "
                                "JOIN pipeline_runs r USING (run_id) WHERE a.id = ?",
                                "i", e->attempt);
    bool found = s == NULL; /* the disk is dead: nothing can be said */
    while (judge_row(s)) {
        found = true;
        bool doomed = world->journal_cut && is(s, 0, "lost"); /* given up while the message was on its way */
        if (!doomed && (!is(s, 0, "starting") || whole(s, 1) != e->number || !is(s, 2, "active") || whole(s, 4) != 0 ||
                        whole(s, 5) != 0)) {
            world_fail(world,
                       "attempt %lld begins while the store says: attempt %s, number %s, item %s, run %s, %s waits",
                       (long long)e->attempt, judge_text(s, 0), judge_text(s, 1), judge_text(s, 2), judge_text(s, 3),
                       judge_text(s, 5));
        }
    }
    if (!found) {
        world_fail(world, "I4: attempt %lld begins and is not in the store", (long long)e->attempt);
    }
}

/* ---- at any time ----------------------------------------------------------------------------- */

static void remember(struct judge *judge, const char *key, const char *state)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < judge->terminal.count; i++) {
        const char *known = judge->terminal.items[i];
        if (strncmp(known, key, n) == 0 && known[n] == '=') {
            if (strcmp(known + n + 1, state) != 0) {
                world_fail(judge->world, "I8: %s was %s and is %s", key, known + n + 1, state);
            }
            return;
        }
    }
    static const char *const words[] = {"succeeded", "failed", "cancelled", "skipped", "timed_out", "lost"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], state) == 0) {
            char line[160];
            (void)snprintf(line, sizeof line, "%s=%s", key, state);
            vec_push(&judge->terminal, mem_strdup(line));
        }
    }
}

static void look_states(struct judge *judge)
{
    static const char *const questions[] = {
        "SELECT 'run ' || run_id, state FROM pipeline_runs",
        "SELECT 'step ' || run_id || ' ' || position || ' ' || item, state FROM steps",
        "SELECT 'attempt ' || id, state FROM attempts",
    };
    for (size_t i = 0; i < 3; i++) {
        sqlite3_stmt *s = judge_ask(judge, questions[i], "");
        while (judge_row(s)) {
            remember(judge, judge_text(s, 0), judge_text(s, 1));
        }
    }
}

static void look_attempts(struct judge *judge)
{
    struct world *world = judge->world;
    int64_t live = 0;
    int64_t last = 0;
    char place[100] = "";
    bool over = false; /* the item has an attempt that lives or succeeded */
    sqlite3_stmt *s = judge_ask(judge,
                                "SELECT run_id || ' s' || position || '[' || item || ']', number, state, ended_ms, id, "
                                "early AND NOT spawning FROM attempts ORDER BY run_id, position, item, number",
                                "");
    while (judge_row(s)) {
        bool same = strcmp(place, judge_text(s, 0)) == 0;
        /* An heir that was called in and has not begun has a row, and no place. */
        bool holds = (is(s, 2, "starting") || is(s, 2, "running")) && whole(s, 5) == 0;
        if (whole(s, 1) != (same ? last + 1 : 1) || (same && over)) {
            world_fail(world, "I3: %s has an attempt %lld (%s) after %lld", judge_text(s, 0), (long long)whole(s, 1),
                       judge_text(s, 2), same ? (long long)last : 0LL);
        }
        last = whole(s, 1);
        over = whole(s, 3) == 0 || is(s, 2, "succeeded");
        live += holds ? 1 : 0;
        (void)snprintf(place, sizeof place, "%s", judge_text(s, 0));
    }
    if (live > world->plan.slots) {
        world_fail(world, "I6: %lld attempts live in %d slots", (long long)live, world->plan.slots);
    }
}

/* Each row that must not be there, in words. */
static const struct {
    const char *what;
    const char *sql;
} wrong[] = {
    {"I7: an open run in which nothing goes on",
     "SELECT r.run_id FROM pipeline_runs r WHERE r.state IN " OPEN_RUN " AND NOT (r.state = 'queued' AND "
     "r.concurrency_group IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM steps s "
     "WHERE s.run_id = r.run_id AND s.item >= 0 AND s.state IN ('ready', 'active', 'delayed', 'waiting'))"},
    {"I7: an active item without a live attempt or child run", "SELECT s.run_id || ' s' || s.position FROM steps s "
                                                               "WHERE s.item >= 0 AND s.state = 'active' AND NOT "
                                                               "EXISTS (SELECT 1 FROM "
                                                               "attempts a WHERE a.run_id = s.run_id AND "
                                                               "a.position = s.position AND a.item = s.item AND "
                                                               "a.ended_ms IS NULL) "
                                                               "AND NOT EXISTS (SELECT 1 FROM pipeline_runs c "
                                                               "WHERE c.run_id = s.child_run_id AND c.state "
                                                               "IN " OPEN_RUN ")"},
    {"I7: a waiting item that waits for nothing", "SELECT s.run_id || ' s' || s.position FROM steps s WHERE s.item "
                                                  ">= 0 AND s.state = 'waiting' AND NOT EXISTS (SELECT 1 FROM "
                                                  "waits w WHERE w.run_id = s.run_id AND w.position = s.position "
                                                  "AND w.item = s.item AND w.status = 'open') "
                                                  "AND NOT EXISTS (SELECT 1 FROM pipeline_runs c WHERE c.run_id = "
                                                  "s.child_run_id AND c.state IN " OPEN_RUN ")"},
    {"a wait that is open while its item does not wait", "SELECT w.run_id || ' s' || w.position || ' ' || s.state "
                                                         "FROM waits w JOIN steps s USING (run_id, position, "
                                                         "item) WHERE w.status = 'open' AND s.state <> 'waiting'"},
    {"two open waits of one item", "SELECT run_id FROM waits WHERE status = 'open' GROUP BY run_id, position, item "
                                   "HAVING count(*) > 1"},
    {"I7: a delayed item that is never due", "SELECT run_id || ' s' || position FROM steps WHERE state = 'delayed' "
                                             "AND due_ms IS NULL"},
    {"an ended run with an item or attempt that has not ended", "SELECT r.run_id FROM pipeline_runs r WHERE "
                                                                "r.state NOT IN " OPEN_RUN " AND (EXISTS (SELECT 1 "
                                                                "FROM steps s "
                                                                "WHERE s.run_id = r.run_id AND s.state NOT "
                                                                "IN " TERMINAL_STEP ") OR EXISTS (SELECT 1 FROM "
                                                                "attempts a WHERE "
                                                                "a.run_id = r.run_id AND a.ended_ms IS NULL))"},
    {"an item that has ended with an attempt that has not",
     "SELECT s.run_id || ' s' || s.position || ' ' || s.state FROM steps s JOIN attempts a USING (run_id, "
     "position, item) WHERE s.state IN " TERMINAL_STEP " AND a.ended_ms IS NULL AND a.state = 'waiting'"},
    {"an item whose count of attempts is wrong", "SELECT s.run_id || ' s' || s.position || ' ' || s.attempts FROM "
                                                 "steps s WHERE s.item >= 0 AND s.child_run_id "
                                                 "IS NULL AND s.carried_from IS NULL AND NOT (s.state = "
                                                 "'failed' AND s.step_run_id IS NULL) AND s.attempts <> (SELECT "
                                                 "count(*) FROM attempts a WHERE a.run_id = "
                                                 "s.run_id AND a.position = s.position AND a.item = s.item)"},
    {"I1: a trigger without exactly one outcome",
     "SELECT t.id || ' ' || t.outcome FROM triggers t LEFT JOIN pipeline_runs r USING (run_id) WHERE (t.outcome = "
     "'started') <> (r.run_id IS NOT NULL) OR (t.outcome = 'pending') <> (t.settled_ms IS NULL)"},
    {"I1: a run that a trigger started without its trigger",
     "SELECT r.run_id FROM pipeline_runs r LEFT JOIN triggers t USING (run_id) WHERE r.trigger NOT IN ('cli', "
     "'pipeline') AND r.retry_of IS NULL AND r.parent_run IS NULL GROUP BY r.run_id HAVING count(t.id) <> 1"},
    {"I2: an occurrence that was started twice",
     "SELECT pipeline || ' ' || trigger_id || ' ' || scheduled_for_ms FROM triggers WHERE kind = 'schedule' AND "
     "outcome = 'started' GROUP BY pipeline, trigger_id, scheduled_for_ms HAVING count(*) > 1"},
    {"I2: an occurrence between what is decided and what is next",
     "SELECT pipeline || ' ' || schedule FROM schedules WHERE next_ms <= decided_ms"},
    {"T: a target is held by a step that has ended",
     "SELECT h.target || ' ' || h.run_id || ' s' || h.position FROM target_holds h LEFT JOIN steps s USING (run_id, "
     "position, item) WHERE s.state IS NULL OR s.state IN " TERMINAL_STEP},
    {"I13: the activity log has a gap", "SELECT count(*) FROM activity HAVING count(*) <> max(sequence)"},
    {"I10: a gate recorded twice", "SELECT step_run_id FROM gates GROUP BY step_run_id HAVING count(*) > 1"},
    {"an MLflow run that disagrees with its attempt", "SELECT r.run_id || ' ' || r.status || ' ' || a.state FROM "
                                                      "attempts a JOIN runs r ON r.run_id = "
                                                      "a.step_run_id WHERE (a.ended_ms IS NULL) <> (r.end_ms IS "
                                                      "NULL)"},
    {"an MLflow run that began at another time than its attempt",
     "SELECT r.run_id || ' ' || a.started_ms || ' ' || r.start_ms FROM attempts a JOIN runs r ON r.run_id = "
     "a.step_run_id WHERE a.started_ms <> r.start_ms"},
    {"an MLflow run that disagrees with its pipeline run", "SELECT r.run_id || ' ' || r.status || ' ' || p.state "
                                                           "FROM pipeline_runs p JOIN runs r USING (run_id) "
                                                           "WHERE (p.state IN " OPEN_RUN ") <> (r.end_ms IS NULL)"},
};

static void look_rows(struct judge *judge)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sqlite3_stmt *s = judge_ask(judge, wrong[i].sql, "");
        while (judge_row(s)) {
            world_fail(judge->world, "%s: %s", wrong[i].what, judge_text(s, 0));
        }
    }
}

static void look_promises(struct judge *judge)
{
    for (size_t i = 0; i < judge->promises.count; i++) {
        const struct promise *p = &judge->promises.items[i];
        int64_t found = p->actor[0] != '\0'
                            ? number(judge_ask(judge, "SELECT count(*) FROM votes WHERE wait = ? AND actor = ?", "it",
                                               p->wait, p->actor))
                            : number(judge_ask(judge,
                                               "SELECT count(*) FROM pipeline_runs WHERE run_id = ? AND (? = 0 OR "
                                               "cancelling "
                                               "IS NOT NULL)",
                                               "ti", p->run_id, (int64_t)p->cancelled));
        if (found == 0) {
            world_fail(judge->world, "%s: %s of run %s was acknowledged and is not there",
                       p->actor[0] != '\0' ? "I11" : "I1",
                       p->actor[0] != '\0' ? "a vote"
                       : p->cancelled      ? "the cancel"
                                           : "the start",
                       p->run_id);
        }
    }
}

/* By a clock that nobody has set. What was carried or kept began in another run. */
static void look_times(struct judge *judge)
{
    struct world *world = judge->world;
    sqlite3_stmt *s = judge_ask(
        judge,
        "SELECT s.run_id || ' s' || s.position FROM steps s JOIN pipeline_runs r USING (run_id) JOIN attempts a ON "
        "a.run_id = s.run_id AND a.position = s.position AND a.item = s.item WHERE a.started_ms < r.started_ms OR "
        "r.started_ms IS NULL",
        "");
    while (judge_row(s)) {
        if (!world->wall_was_set) {
            world_fail(world, "a step began before its run: %s", judge_text(s, 0));
        }
    }
}

void judge_look(struct judge *judge)
{
    look_states(judge);
    look_times(judge);
    look_attempts(judge);
    look_rows(judge);
    look_promises(judge);
}

void judge_print(struct judge *judge)
{
    static const char *const questions[] = {
        "SELECT run_id || ' ' || state || ' ' || ifnull(reason, '') || ' ' || ifnull(cancelling, '') FROM "
        "pipeline_runs",
        "SELECT substr(run_id, 1, 4) || ' s' || position || '[' || item || '] ' || state || ' ' || attempts || ' ' || "
        "ifnull(reason, '') || ' ' || ifnull(outputs, '') FROM steps",
        "SELECT substr(run_id, 1, 4) || ' s' || position || '[' || item || '] attempt ' || id || ' ' || state || ' ' "
        "|| "
        "ifnull(reason, '') || ' ' || ifnull(stopping, '') || ' ' || ifnull(wait, '') FROM attempts",
        "SELECT id || ' ' || attempt || ' ' || kind || ' ' || status || ' ' || ifnull(outcome, '') FROM waits",
    };
    for (size_t i = 0; judge->world->verbose && i < sizeof questions / sizeof questions[0]; i++) {
        sqlite3_stmt *s = judge_ask(judge, questions[i], "");
        while (judge_row(s)) {
            (void)printf("    %s\n", judge_text(s, 0));
        }
    }
}

uint64_t judge_digest(struct judge *judge)
{
    static const char *const questions[] = {
        "SELECT run_id || state || ifnull(reason, '') || journal_offset FROM pipeline_runs ORDER BY run_id",
        "SELECT run_id || position || ' ' || item || state || ifnull(outputs, '') || attempts FROM steps ORDER BY 1",
        "SELECT id || state || ifnull(reason, '') || ifnull(ended_ms, 0) FROM attempts ORDER BY id",
        "SELECT id || status FROM waits ORDER BY id",
        "SELECT target || run_id || position || item FROM target_holds ORDER BY target",
        "SELECT sequence || chain FROM activity ORDER BY sequence",
        "SELECT run_id || key || count FROM metric_series ORDER BY run_id, key",
    };
    uint64_t digest = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        sqlite3_stmt *s = judge_ask(judge, questions[i], "");
        while (judge_row(s)) {
            for (const char *p = judge_text(s, 0); *p != '\0'; p++) {
                digest = (digest ^ (unsigned char)*p) * 0x100000001b3u;
            }
        }
    }
    return digest;
}
