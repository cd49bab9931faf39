/* SPDX-License-Identifier: Apache-2.0
 * At the end of a history: the store says what happened in the world, and what happened is what the pipeline says.
 */
#include "invariants.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

struct item_end {
    int64_t attempts;
    char state[12], last[12]; /* of the item and of its last attempt */
    bool carried, refused, no_retry;
};

struct step_end {
    bool there;
    char state[12];
    bool after_failure, refused;
    size_t item_count;
    struct item_end items[8];
};

struct run_end {
    const char *run_id;
    char state[12];
    bool cancelling, timed_out, retry;
    int64_t offset;
    struct step_end steps[PLAN_STEPS_MAX];
};

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ---- each attempt as its execution ----------------------------------------------------------- */

static const struct execution *last_of(const struct world *world, int64_t attempt, int *ret_points, int *ret_answers)
{
    const struct execution *last = NULL;
    *ret_points = *ret_answers = 0;
    for (size_t i = 0; i < world->executions.count; i++) {
        if (world->executions.items[i]->attempt == attempt) {
            last = world->executions.items[i];
            *ret_points += last->points;
            *ret_answers += last->answers;
        }
    }
    return last;
}

/* What an attempt must be when its execution was `e`; NULL: that is open. */
static const char *state_after(const struct execution *e)
{
    if (e == NULL || e->waited) {
        return NULL;
    }
    if (e->phase != PHASE_ENDED) {
        return e->stopped == NULL ? "lost" : NULL;
    }
    const char *stopped = e->stopped == NULL ? "" : e->stopped;
    return same(stopped, "timeout")  ? "timed_out"
           : same(stopped, "cancel") ? "cancelled"
           : same(stopped, "linger") ? "lost"
           : e->good                 ? "succeeded"
                                     : "failed";
}

static void check_attempts(struct judge *judge)
{
    struct world *world = judge->world;
    sqlite3_stmt *s = judge_ask(judge,
                                "SELECT a.id, a.state, ifnull((SELECT sum(count) FROM metric_series m WHERE m.run_id = "
                                "a.step_run_id), 0), "
                                "(SELECT count(*) FROM gates g WHERE g.step_run_id = a.step_run_id), a.reason, "
                                "a.stopping FROM attempts a "
                                "WHERE a.ended_ms IS NOT NULL",
                                "");
    while (judge_row(s)) {
        int points = 0;
        int answers = 0;
        int64_t id = sqlite3_column_int64(s, 0);
        const struct execution *e = last_of(world, id, &points, &answers);
        const char *expected = state_after(e);
        bool told =
            same(judge_text(s, 5), "") || (e != NULL && e->phase == PHASE_ENDED); /* of a stop, if there was one */
        if (told && expected != NULL && !same(judge_text(s, 1), expected)) {
            world_fail(world, "attempt %lld is %s (%s), but its execution came to %s", (long long)id, judge_text(s, 1),
                       judge_text(s, 4), expected);
        }
        if (e == NULL && same(judge_text(s, 1), "succeeded")) {
            world_fail(world, "attempt %lld succeeded without an execution", (long long)id);
        }
        if (e != NULL && sqlite3_column_int(s, 2) != points) {
            world_fail(world, "attempt %lld has %d metric points, its journal %d", (long long)id,
                       sqlite3_column_int(s, 2), points);
        }
        if (sqlite3_column_int(s, 3) < answers) {
            world_fail(world, "I10: attempt %lld was told that its gate is recorded, and it is not", (long long)id);
        }
    }
}

static void check_processes(struct judge *judge)
{
    struct world *world = judge->world;
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *e = world->executions.items[i];
        if (e->process && !e->does.stubborn) {
            world_fail(world, "I12: a process of attempt %lld is left", (long long)e->attempt);
        }
    }
}

/* ---- each step as the pipeline --------------------------------------------------------------- */

static void load_steps(struct judge *judge, struct run_end *run)
{
    sqlite3_stmt *s = judge_ask(judge,
                                "SELECT position, item, s.state, s.attempts, carried_from IS NOT NULL, refused_by IS "
                                "NOT NULL, "
                                "(SELECT a.state FROM attempts a WHERE a.run_id = s.run_id AND a.position = s.position "
                                "AND a.item = s.item "
                                "ORDER BY number DESC LIMIT 1), (SELECT a.reason LIKE '%survive%' OR a.reason LIKE "
                                "'%journal%' FROM attempts a "
                                "WHERE a.run_id = s.run_id "
                                "AND a.position = s.position AND a.item = s.item ORDER BY number DESC LIMIT 1) "
                                "FROM steps s WHERE run_id = ? ORDER BY position, item",
                                "t", run->run_id);
    while (judge_row(s)) {
        struct step_end *step = &run->steps[sqlite3_column_int(s, 0) % PLAN_STEPS_MAX];
        int64_t item = sqlite3_column_int64(s, 1);
        step->there = true;
        if (item < 0) {
            (void)snprintf(step->state, sizeof step->state, "%s", judge_text(s, 2));
        } else if (item < 8) {
            struct item_end *end = &step->items[step->item_count++];
            (void)snprintf(end->state, sizeof end->state, "%s", judge_text(s, 2));
            (void)snprintf(end->last, sizeof end->last, "%s", judge_text(s, 6));
            end->attempts = sqlite3_column_int64(s, 3);
            end->carried = sqlite3_column_int(s, 4) != 0;
            end->refused = sqlite3_column_int(s, 5) != 0;
            end->no_retry = sqlite3_column_int(s, 7) != 0;
        }
    }
}

static bool is_bad_end(const char *attempt)
{
    return same(attempt, "failed") || same(attempt, "timed_out") || same(attempt, "lost");
}

static void check_item(struct judge *judge, const struct run_end *run, size_t index, size_t item)
{
    struct world *world = judge->world;
    const struct plan_step *plan = &world->plan.steps[index];
    const struct step_end *step = &run->steps[index];
    const struct item_end *end = &step->items[item];
    bool gave_up = false;
    for (size_t i = 0; plan->fail_fast && i < step->item_count; i++) {
        gave_up = gave_up || (i != item && same(step->items[i].state, "failed"));
    }
    if (end->attempts > plan->attempts) {
        world_fail(world, "%s[%zu] was tried %lld times, at most %d were wanted", plan->id, item,
                   (long long)end->attempts, plan->attempts);
    }
    if (plan->child || end->carried) {
        return;
    }
    bool tries = is_bad_end(end->last) && !end->refused && !end->no_retry && end->attempts < plan->attempts &&
                 (!same(end->last, "lost") || plan->retry_lost);
    /* A run's reason can be a refusal by an expired wait as well: what its steps say is not looked at here. */
    if (tries && !run->cancelling && !gave_up && !run->timed_out) {
        world_fail(world, "%s[%zu] ended as %s at attempt %lld of %d and was not tried again", plan->id, item,
                   end->last, (long long)end->attempts, plan->attempts);
    }
    bool agrees = same(end->state, "succeeded")   ? same(end->last, "succeeded")
                  : same(end->state, "cancelled") ? !same(end->last, "succeeded")
                                                  : same(end->state, "failed") && is_bad_end(end->last);
    if (!agrees && !(end->attempts == 0 && !same(end->state, "succeeded"))) {
        world_fail(world, "%s[%zu] is %s, its last attempt %s", plan->id, item, end->state, end->last);
    }
}

enum outcome { GOOD, SKIPPED, REFUSED, BAD };

static enum outcome outcome_of(const struct world *world, const struct run_end *run, size_t index, bool optional)
{
    const struct step_end *step = &run->steps[index];
    if (same(step->state, "succeeded")) {
        return step->refused && !optional ? REFUSED : GOOD;
    }
    if (same(step->state, "skipped")) {
        return optional ? GOOD : SKIPPED;
    }
    return world->plan.steps[index].continue_on_error && same(step->state, "failed") ? GOOD : BAD;
}

/* The number of items the step must have; -1: its matrix cannot be evaluated. */
static int items_of(const struct world *world, const struct run_end *run, size_t index)
{
    const struct plan_step *plan = &world->plan.steps[index];
    if (plan->items >= 0) {
        return plan->items == 0 ? 1 : plan->items;
    }
    size_t source = plan->needs[0];
    return same(run->steps[source].state, "succeeded") ? plan_list_length(world->seed, source) : -1;
}

/* Must it have run? */
static bool is_wanted(const struct world *world, const struct run_end *run, size_t index, bool *ret_after_failure)
{
    const struct plan_step *plan = &world->plan.steps[index];
    bool good = true;
    bool failed = false;
    bool first_after_failure = false;
    for (size_t n = 0; n < plan->need_count; n++) {
        enum outcome outcome = outcome_of(world, run, plan->needs[n], plan->optional[n]);
        bool handed_on = run->steps[plan->needs[n]].after_failure;
        if (good && outcome != GOOD) { /* the first that is not good is the reason */
            first_after_failure = outcome == BAD || (outcome == SKIPPED && handed_on);
        }
        good = good && outcome == GOOD;
        failed = failed || outcome == BAD || handed_on;
    }
    bool by_needs = !good && (plan->condition == PLAN_IF_NONE || plan->condition == PLAN_IF_FALSE);
    *ret_after_failure = by_needs ? first_after_failure : failed;
    switch (plan->condition) {
    case PLAN_IF_ALWAYS:
        return true;
    case PLAN_IF_FAILURE:
        return failed;
    case PLAN_IF_FALSE:
        return false;
    default:
        return good;
    }
}

static void check_step(struct judge *judge, struct run_end *run, size_t index)
{
    struct world *world = judge->world;
    const struct plan_step *plan = &world->plan.steps[index];
    struct step_end *step = &run->steps[index];
    bool after_failure = false;
    bool wanted = is_wanted(world, run, index, &after_failure);
    int items = wanted ? items_of(world, run, index) : 0;
    size_t succeeded = 0;
    size_t failed = 0;
    for (size_t i = 0; i < step->item_count; i++) {
        succeeded += same(step->items[i].state, "succeeded") ? 1 : 0;
        failed += same(step->items[i].state, "failed") ? 1 : 0;
        step->refused = step->refused || step->items[i].refused;
        check_item(judge, run, index, i);
    }
    bool skipped = same(step->state, "skipped");
    step->after_failure = skipped && after_failure;
    if (run->cancelling) { /* what had not begun was cancelled, but for what always runs */
        if (plan->condition == PLAN_IF_ALWAYS &&
            (skipped || (same(step->state, "cancelled") && step->item_count == 0)) && items != 0) {
            world_fail(world, "%s is %s in a run that was cancelled: it always runs", plan->id, step->state);
        }
        return;
    }
    if (skipped != (!wanted || items == 0)) {
        world_fail(world, "%s is %s: expected it to be %s", plan->id, step->state,
                   wanted && items != 0 ? "run" : "skipped");
    }
    if (!skipped && items > 0 && step->item_count != (size_t)items) {
        world_fail(world, "%s has %zu items, expected %d", plan->id, step->item_count, items);
    }
    const char *expected = skipped                         ? "skipped"
                           : failed > 0 || items < 0       ? "failed"
                           : succeeded == step->item_count ? "succeeded"
                                                           : "cancelled";
    if (!same(step->state, expected)) {
        world_fail(world, "%s is %s: expected %s of its %zu items", plan->id, step->state, expected, step->item_count);
    }
    if (same(step->state, "cancelled")) {
        world_fail(world, "%s is cancelled in a run that nobody cancelled", plan->id);
    }
}

static void check_run(struct judge *judge, struct run_end *run)
{
    struct world *world = judge->world;
    const char *expected = "succeeded";
    load_steps(judge, run);
    for (size_t i = 0; i < world->plan.step_count; i++) {
        if (!run->steps[i].there) {
            world_fail(world, "run %s has no row of %s", run->run_id, world->plan.steps[i].id);
            return;
        }
        check_step(judge, run, i);
        if (same(run->steps[i].state, "failed") && !world->plan.steps[i].continue_on_error) {
            expected = "failed";
        }
    }
    expected = run->timed_out ? "failed" : run->cancelling ? "cancelled" : expected;
    if (!same(run->state, expected)) {
        world_fail(world, "run %s is %s, expected %s", run->run_id, run->state, expected);
    }
}

void judge_end(struct judge *judge)
{
    struct world *world = judge->world;
    sqlite3_stmt *s = judge_ask(judge,
                                "SELECT run_id, state, cancelling IS NOT NULL, timed_out, retry_of IS NOT NULL "
                                "FROM pipeline_runs WHERE pipeline = 'p' AND state NOT IN ('queued', 'running', "
                                "'waiting')",
                                "");
    judge_look(judge);
    while (judge_row(s)) {
        struct run_end run = {.run_id = arena_strdup(world->arena, judge_text(s, 0)),
                              .cancelling = sqlite3_column_int(s, 2) != 0,
                              .timed_out = sqlite3_column_int(s, 3) != 0,
                              .retry = sqlite3_column_int(s, 4) != 0};
        (void)snprintf(run.state, sizeof run.state, "%s", judge_text(s, 1));
        check_run(judge, &run);
    }
    if (!world->journal_cut) {
        check_attempts(judge);
    }
    check_processes(judge);
}
