/* SPDX-License-Identifier: Apache-2.0
 * A thousand random pipelines, each driven by random events. After every event: nothing terminal has changed, nothing
 * began before what it needs had ended, a run has ended exactly when all its steps have; and what the changes named,
 * kept in rows and loaded again, is the same run, which then goes on.
 */
#include "run_driver.h"

#include "base/rng.h"

#include <stdio.h>

enum { SEEDS = 1000, STEPS_MAX = 10, ITEMS_MAX = 4, EVENTS_MAX = 4000 };

/* What a store would hold. */
struct rows {
    struct run_step steps[STEPS_MAX];
    struct run_item items[STEPS_MAX][ITEMS_MAX];
    size_t item_count[STEPS_MAX];
};

struct world {
    struct driver d;
    struct rng rng;
    struct rows rows;
    bool began;
};

static const char *kept(struct world *w, const char *text)
{
    return text == NULL ? NULL : arena_strdup(w->d.made.arena, text);
}

static void assert_same_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        assert_true(a == b);
    } else {
        assert_string_equal(a, b);
    }
}

static struct made random_pipeline(struct rng *rng)
{
    static const char *const conditions[] = {"always()",  "failure()", "success()", "cancelled()",
                                             "params.go", "false",     "!failure()"};
    static const char *const matrices[] = {"{\"axes\":{\"a\":[1,2]}}", "{\"axes\":{\"a\":[1,2],\"b\":[1,2]}}",
                                           "{\"include\":[{\"a\":1}]}", "{}"};
    static const char *const ids[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"};
    struct made_step rows[STEPS_MAX] = {0};
    char needs[STEPS_MAX][80] = {0};
    size_t count = 1 + rng_below(rng, STEPS_MAX);
    for (size_t i = 0; i < count; i++) {
        rows[i].id = ids[i];
        size_t used = 0;
        for (size_t n = 0; n < i; n++) {
            if (rng_below(rng, 4) == 0) {
                int put = snprintf(needs[i] + used, sizeof needs[i] - used, "%s%s%s", used == 0 ? "" : " ", ids[n],
                                   rng_below(rng, 4) == 0 ? "?" : "");
                used += (size_t)put;
            }
        }
        rows[i].needs = used == 0 ? NULL : needs[i];
        rows[i].condition = rng_below(rng, 3) == 0 ? conditions[rng_below(rng, 7)] : NULL;
        rows[i].matrix = rng_below(rng, 4) == 0 ? matrices[rng_below(rng, 4)] : NULL;
        rows[i].max_parallel = (int)rng_below(rng, 3);
        rows[i].fail_fast = rng_below(rng, 2) == 0;
        rows[i].continue_on_error = rng_below(rng, 6) == 0;
        rows[i].retry = (struct retry_policy){.attempts = 1 + (int)rng_below(rng, 3),
                                              .delay_ms = 100,
                                              .factor = 2,
                                              .max_delay_ms = 1000,
                                              .jitter = true,
                                              .on = (unsigned)rng_below(rng, 16)};
    }
    return make_pipeline(rows, count);
}

/* Writes down what the changes name, and only that. */
static void store_changes(struct world *w)
{
    const struct run_changes *changes = &w->d.changes;
    for (size_t i = 0; i < changes->items.count; i++) {
        struct run_place place = changes->items.items[i];
        struct run_item *row = &w->rows.items[place.step][place.item];
        *row = *run_item_at(w->d.run, place);
        row->reason = kept(w, row->reason);
        row->matrix = json_copy(w->d.made.arena, &row->matrix);
        row->outputs = row->artifacts = row->metrics = json_object();
        row->refused_by = kept(w, row->refused_by);
        if (w->rows.item_count[place.step] <= place.item) {
            w->rows.item_count[place.step] = place.item + 1;
        }
    }
    for (size_t i = 0; i < changes->steps.count; i++) {
        size_t step = changes->steps.items[i];
        w->rows.steps[step] = w->d.run->steps[step];
        w->rows.steps[step].reason = kept(w, w->rows.steps[step].reason);
    }
}

static void check_terminal_stays(const struct world *w)
{
    const struct run *run = w->d.run;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        const struct run_step *old = &w->rows.steps[i];
        if (step_state_is_terminal(old->state)) {
            assert_int_equal(run->steps[i].state, old->state);
            assert_same_text(run->steps[i].reason, old->reason);
        }
        for (size_t k = 0; k < w->rows.item_count[i]; k++) {
            const struct run_item *item = &w->rows.items[i][k];
            if (step_state_is_terminal(item->state)) {
                assert_int_equal(run->steps[i].items[k].state, item->state);
                assert_int_equal(run->steps[i].items[k].attempts, item->attempts);
                assert_same_text(run->steps[i].items[k].reason, item->reason);
            }
        }
    }
}

static void check_rules(const struct world *w)
{
    const struct run *run = w->d.run;
    size_t ended = 0;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        const struct step *step = &run->pipeline->steps[i];
        size_t live = 0;
        bool begun = run->steps[i].state != STEP_STATE_PENDING;
        ended += step_state_is_terminal(run->steps[i].state) ? 1 : 0;
        for (size_t n = 0; begun && n < step->need_count; n++) {
            assert_true(step_state_is_terminal(run->steps[step->needs[n].step].state));
        }
        for (size_t k = 0; k < run->steps[i].item_count; k++) {
            const struct run_item *item = &run->steps[i].items[k];
            bool item_ended = step_state_is_terminal(item->state);
            live += !item_ended && item->state != STEP_STATE_PENDING ? 1 : 0;
            assert_true(item->attempts <= step->retry->attempts + RUN_MOST_REPAIRS * step->retry->attempts);
            assert_true(item->owes <= RUN_MOST_REPAIRS + 1 && (!item_ended || item->owes == 0));
            assert_true(!step_state_is_terminal(run->steps[i].state) || item_ended);
            assert_true(item->state != STEP_STATE_FAILED || item->reason != NULL);
        }
        assert_true(step->max_parallel == 0 || live <= (size_t)step->max_parallel);
        assert_int_equal(live, run->steps[i].items_live);
        assert_true(run->steps[i].state != STEP_STATE_SKIPPED || run->steps[i].reason != NULL);
    }
    assert_int_equal(ended, run->done);
    assert_int_equal(run_state_is_terminal(run->state), ended == run->pipeline->step_count && w->began);
}

static size_t ready_count(const struct run *run)
{
    size_t count = 0;
    for (size_t q = 0; q < run->queue_count; q++) {
        const struct run_queue *queue = &run->queues[q];
        for (size_t i = queue->taken; i < queue->count; i++) {
            count += run_item_at(run, queue->items[i].place)->state == STEP_STATE_READY ? 1 : 0;
        }
    }
    return count;
}

static void check_same(const struct run *a, const struct run *b)
{
    assert_int_equal(a->done, b->done);
    assert_int_equal(ready_count(a), ready_count(b));
    for (size_t i = 0; i < a->pipeline->step_count; i++) {
        const struct run_step *x = &a->steps[i];
        const struct run_step *y = &b->steps[i];
        assert_int_equal(x->state, y->state);
        assert_same_text(x->reason, y->reason);
        assert_true(x->expanded == y->expanded && x->after_failure == y->after_failure && x->refused == y->refused &&
                    x->wanted == y->wanted);
        assert_true(x->item_count == y->item_count && x->items_done == y->items_done && x->items_live == y->items_live);
        assert_true(x->next_item == y->next_item && x->unmet == y->unmet);
        for (size_t k = 0; k < x->item_count; k++) {
            const struct run_item *p = &x->items[k];
            const struct run_item *q = &y->items[k];
            assert_int_equal(p->state, q->state);
            assert_same_text(p->reason, q->reason);
            assert_true(p->attempts == q->attempts && p->due_ms == q->due_ms && p->started_ms == q->started_ms &&
                        p->ended_ms == q->ended_ms && p->resumed == q->resumed && p->gate_passed == q->gate_passed &&
                        p->owes == q->owes);
            assert_same_text(p->refused_by, q->refused_by);
            assert_string_equal(p->key, q->key);
            assert_true(json_equal(&p->matrix, &q->matrix));
        }
    }
}

/* The daemon dies and comes back: the run is made again from the rows, and takes the place of the old one. */
static void restart(struct world *w)
{
    struct run *old = w->d.run;
    struct run *run = run_new(w->d.made.pipeline, "r1", &(struct run_options){.seed = old->seed});
    struct run_changes changes = {0};
    run->params = json_copy(run->arena, &old->params);
    run->state = old->state;
    run->begun = old->begun;
    run->cancelling = old->cancelling;
    run->timed_out = old->timed_out;
    run->cancel_reason = old->cancel_reason == NULL ? NULL : arena_strdup(run->arena, old->cancel_reason);
    size_t delayed = 0;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        const struct run_step *row = &w->rows.steps[i];
        run_load_step(run, i, row->state, row->reason, row->expanded, row->after_failure, row->refused, row->wanted);
        for (size_t k = 0; k < w->rows.item_count[i]; k++) {
            run_load_item(run, (struct run_place){i, k}, &w->rows.items[i][k]);
            delayed += w->rows.items[i][k].state == STEP_STATE_DELAYED ? 1 : 0;
        }
    }
    run_resume(run, &changes);
    check_same(old, run);
    assert_int_equal(changes.actions.count, delayed);
    run_changes_clear(&changes);
    run_free(old);
    w->d.run = run;
}

/* An item in that state, chosen at random; false: there is none. */
static bool pick(struct world *w, enum step_state state, struct run_place *ret)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < w->d.run->pipeline->step_count; i++) {
        for (size_t k = 0; k < w->d.run->steps[i].item_count; k++) {
            if (w->d.run->steps[i].items[k].state == state && rng_below(&w->rng, ++seen) == 0) {
                *ret = (struct run_place){i, k};
            }
        }
    }
    return seen > 0;
}

static void random_end(struct world *w, struct run_place place)
{
    static const enum attempt_state ends[] = {ATTEMPT_STATE_SUCCEEDED, ATTEMPT_STATE_SUCCEEDED, ATTEMPT_STATE_SUCCEEDED,
                                              ATTEMPT_STATE_FAILED,    ATTEMPT_STATE_FAILED,    ATTEMPT_STATE_TIMED_OUT,
                                              ATTEMPT_STATE_LOST,      ATTEMPT_STATE_CANCELLED};
    enum attempt_state ended = ends[rng_below(&w->rng, 8)];
    bool refused = rng_below(&w->rng, 6) == 0;
    struct run_item *item = run_item_at(w->d.run, place);
    if (refused && ended == ATTEMPT_STATE_SUCCEEDED) {
        item->refused_by = "a rule";
    }
    item->gate_passed = !refused && rng_below(&w->rng, 6) == 0;
    if (rng_below(&w->rng, 6) == 0) { /* it has changed something outside, or put it right */
        item->owes = item->owes == 0 ? 1 : 0;
    }
    driver_apply(&w->d, (struct run_event){.kind = RUN_EVENT_ENDED,
                                           .place = place,
                                           .ended = ended,
                                           .refused = refused && ended == ATTEMPT_STATE_FAILED,
                                           .exit_code = ended == ATTEMPT_STATE_FAILED ? 1 : -1,
                                           .reason = "why"});
}

static void random_event(struct world *w)
{
    struct run_place place = {0};
    switch (rng_below(&w->rng, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        run_changes_clear(&w->d.changes);
        (void)run_take_ready(w->d.run, w->d.now_ms, &w->d.changes, &place);
        return;
    case 4:
    case 5:
    case 6:
        if (pick(w, STEP_STATE_ACTIVE, &place)) {
            random_end(w, place);
        }
        return;
    case 7:
        if (pick(w, STEP_STATE_ACTIVE, &place)) {
            struct run_item *item = run_item_at(w->d.run, place);
            item->owes = item->owes == 0 && rng_below(&w->rng, 3) == 0 ? 1 : item->owes;
            driver_apply(&w->d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place, .reason = "waits"});
        }
        return;
    case 8:
    case 9:
        if (pick(w, STEP_STATE_WAITING, &place)) {
            driver_apply(&w->d, (struct run_event){.kind = RUN_EVENT_WAIT_OVER, .place = place, .reason = "came"});
        }
        return;
    case 10:
        w->d.now_ms += 500;
        driver_apply(&w->d, (struct run_event){.kind = RUN_EVENT_DUE});
        return;
    default:
        if (rng_below(&w->rng, 40) == 0) {
            bool cancel = rng_below(&w->rng, 2) == 0;
            driver_apply(&w->d,
                         (struct run_event){.kind = cancel ? RUN_EVENT_CANCEL : RUN_EVENT_TIMEOUT, .reason = "stop"});
        }
        return;
    }
}

static void after_event(struct world *w)
{
    check_terminal_stays(w);
    check_rules(w);
    store_changes(w);
}

static void drive(uint64_t seed)
{
    struct world w = {0};
    rng_seed(&w.rng, seed);
    w.d = driver_of(random_pipeline(&w.rng), &(struct run_options){.seed = seed});
    json_set(w.d.run->arena, &w.d.run->params, "go", json_bool(seed % 2 == 0));
    for (size_t i = 0; i < w.d.made.pipeline->step_count; i++) {
        w.rows.steps[i] = w.d.run->steps[i];
    }
    w.began = true;
    if (rng_below(&w.rng, 20) == 0) {
        driver_cancel(&w.d, "before it began");
    } else {
        driver_begin(&w.d);
    }
    after_event(&w);
    for (int i = 0; !run_state_is_terminal(w.d.run->state); i++) {
        if (i == EVENTS_MAX) {
            fail_msg("seed %llu: it does not end: %s", (unsigned long long)seed, driver_states(&w.d));
        }
        run_changes_clear(&w.d.changes);
        random_event(&w);
        after_event(&w);
        if (!run_state_is_terminal(w.d.run->state) && rng_below(&w.rng, 4) == 0) {
            restart(&w);
        }
    }
    driver_free(&w.d);
}

TEST(random_runs_keep_the_rules_and_survive_restarts)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        drive(seed);
    }
}

TESTS(RUN(random_runs_keep_the_rules_and_survive_restarts))
