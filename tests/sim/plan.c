/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "base/strbuf.h"

#include <stdio.h>

static bool chance(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

static int between(struct rng *rng, int low, int high)
{
    return low + (int)rng_below(rng, (uint64_t)(high - low + 1));
}

static void add_need(struct plan_step *step, struct rng *rng, size_t need)
{
    for (size_t i = 0; i < step->need_count; i++) {
        if (step->needs[i] == need) {
            return;
        }
    }
    step->optional[step->need_count] = chance(rng, 15);
    step->needs[step->need_count++] = need;
}

static const char *const target_lists[] = {"[\"a\"]", "[\"b\"]", "[\"a\",\"b\"]", "[\"b\",\"a\"]"};

/* Chains, fans, diamonds and islands, by how the needs of each step are drawn. */
static void draw_needs(struct plan_step *step, struct rng *rng, size_t index, uint64_t shape)
{
    if (index == 0 || (shape == 3 && chance(rng, 40))) {
        return;
    }
    if (shape == 0) {
        add_need(step, rng, index - 1);
    } else if (shape == 1) {
        add_need(step, rng, 0);
    } else {
        int count = between(rng, 1, PLAN_NEEDS_MAX);
        for (int i = 0; i < count; i++) {
            add_need(step, rng, rng_below(rng, index));
        }
    }
}

static void draw_matrix(struct plan *plan, struct plan_step *step, struct rng *rng)
{
    struct plan_step *first = step->need_count > 0 ? &plan->steps[step->needs[0]] : NULL;
    if (!chance(rng, plan->quick ? 8 : 20)) {
        return;
    }
    step->items = between(rng, 1, 4);
    if (first != NULL && first->items == 0 && !first->child && !step->optional[0] && chance(rng, 50)) {
        first->lists = true;
        first->plain = false;
        step->items = -1;
    }
    step->max_parallel = chance(rng, 30) ? between(rng, 1, 2) : 0;
    step->fail_fast = chance(rng, 30);
}

static void draw_step(struct plan *plan, struct rng *rng, size_t index, uint64_t shape)
{
    struct plan_step *step = &plan->steps[index];
    (void)snprintf(step->id, sizeof step->id, "s%d", (int)index % 10);
    draw_needs(step, rng, index, shape);
    step->attempts = 1;
    step->grace_ms = between(rng, 0, 8000);
    step->child = index > 0 && chance(rng, 5);
    if (index > 0 && chance(rng, plan->quick ? 8 : 20)) {
        step->condition = chance(rng, 60) ? PLAN_IF_ALWAYS : chance(rng, 80) ? PLAN_IF_FAILURE : PLAN_IF_FALSE;
    }
    step->continue_on_error = chance(rng, 12);
    if (step->child) {
        return;
    }
    draw_matrix(plan, step, rng);
    if (chance(rng, plan->quick ? 20 : 50)) {
        step->attempts = between(rng, 2, 3);
        step->delay_ms = between(rng, 0, 5) * 1000;
        step->retry_lost = chance(rng, 60);
    }
    step->timeout_ms = chance(rng, 20) ? between(rng, 1, 20) * 1000 : 0;
    step->wait = chance(rng, plan->quick ? 8 : 25) ? (enum plan_wait)between(rng, 1, 3) : PLAN_WAIT_NONE;
    if (step->wait == PLAN_WAIT_APPROVAL && step->items != 0) {
        step->wait = PLAN_WAIT_UNTIL; /* two approvals of one step cannot be told apart by who votes */
    }
    step->quorum = between(rng, 1, 2);
    step->expires_ms = chance(rng, 30) ? between(rng, 5, 90) * 1000 : 0;
    step->gate = chance(rng, 15);
    step->plain = chance(rng, plan->quick ? 90 : 30) && step->wait == PLAN_WAIT_NONE && !step->gate;
    bool deploys = chance(rng, plan->quick ? 5 : 20);
    const char *targets = target_lists[rng_below(rng, sizeof target_lists / sizeof target_lists[0])];
    step->targets = deploys && step->wait == PLAN_WAIT_NONE && !step->plain ? targets : NULL;
}

/* ---- as a file ------------------------------------------------------------------------------- */

static void write_needs(struct strbuf *out, const struct plan *plan, const struct plan_step *step)
{
    strbuf_add_text(out, "    needs: [");
    for (size_t i = 0; i < step->need_count; i++) {
        strbuf_printf(out, "%s%s%s", i == 0 ? "" : ", ", plan->steps[step->needs[i]].id, step->optional[i] ? "?" : "");
    }
    strbuf_add_text(out, "]\n");
}

/* What a step is given of those before it: their outputs, or "none". */
static void write_command(struct strbuf *out, const struct plan *plan, const struct plan_step *step)
{
    if (step->child) {
        strbuf_add_text(out, "    pipeline: ./child.yaml\n");
        return;
    }
    strbuf_add_text(out, "    run: [step");
    for (size_t i = 0; i < step->need_count; i++) {
        const struct plan_step *need = &plan->steps[step->needs[i]];
        if (need->plain) {
            strbuf_add_text(out, ", none");
        } else {
            strbuf_printf(out, ", \"${{ steps.%s.outputs.v ?? 'none' }}\"", need->id);
        }
    }
    strbuf_add_text(out, "]\n");
    if (!step->plain) {
        strbuf_printf(out, "    outputs: {v: string%s}\n", step->lists ? ", l: list" : "");
    }
    strbuf_printf(out, "    stop: {grace: %dms}\n", step->grace_ms);
}

static void write_matrix(struct strbuf *out, const struct plan *plan, const struct plan_step *step)
{
    if (step->items < 0) {
        strbuf_printf(out, "    matrix: {k: \"${{ steps.%s.outputs.l }}\"}\n", plan->steps[step->needs[0]].id);
    } else if (step->items > 0) {
        strbuf_add_text(out, "    matrix: {k: [");
        for (int i = 0; i < step->items; i++) {
            strbuf_printf(out, "%s%d", i == 0 ? "" : ", ", i);
        }
        strbuf_add_text(out, "]}\n");
    }
    if (step->items != 0 && step->max_parallel > 0) {
        strbuf_printf(out, "    max_parallel: %d\n", step->max_parallel);
    }
    if (step->items != 0 && step->fail_fast) {
        strbuf_add_text(out, "    fail_fast: true\n");
    }
}

static void write_step(struct strbuf *out, const struct plan *plan, const struct plan_step *step)
{
    static const char *const conditions[] = {"", "always()", "failure()", "false"};
    strbuf_printf(out, "  %s:\n", step->id);
    write_command(out, plan, step);
    write_matrix(out, plan, step);
    if (step->need_count > 0) {
        write_needs(out, plan, step);
    }
    if (step->condition != PLAN_IF_NONE) {
        strbuf_printf(out, "    if: %s\n", conditions[step->condition]);
    }
    if (step->continue_on_error) {
        strbuf_add_text(out, "    continue_on_error: true\n");
    }
    if (step->attempts > 1) {
        strbuf_printf(out,
                      "    retry: {attempts: %d, delay: %dms, factor: 1, jitter: none, on: [failure, timeout%s]}\n",
                      step->attempts, step->delay_ms, step->retry_lost ? ", lost" : "");
    }
    if (step->timeout_ms > 0) {
        strbuf_printf(out, "    timeout: %dms\n", step->timeout_ms);
    }
}

void plan_make(struct plan *plan, struct rng *rng, size_t most, struct arena *arena)
{
    bool quick = rng_below(rng, 3) == 0;
    uint64_t shape = quick && rng_below(rng, 2) == 0 ? 0 : rng_below(rng, 4);
    size_t count = (size_t)between(rng, 1, PLAN_STEPS_MAX);
    struct strbuf out;
    *plan = (struct plan){.step_count = count < most ? count : most, .quick = quick};
    plan->slots = between(rng, 1, 4);
    plan->orderly = chance(rng, 25);
    plan->timeout_ms = chance(rng, 10) ? between(rng, 5, 60) * 1000 : 0;
    for (size_t i = 0; i < count; i++) {
        struct plan_step *step = &plan->steps[i];
        draw_step(plan, rng, i, shape);
        if (plan->orderly) {
            step->timeout_ms = step->expires_ms = plan->timeout_ms = 0;
        }
    }
    strbuf_init(&out, 64 << 10);
    strbuf_add_text(&out, "name: p\n");
    if (plan->timeout_ms > 0) {
        strbuf_printf(&out, "timeout: %dms\n", plan->timeout_ms);
    }
    strbuf_add_text(&out, "steps:\n");
    for (size_t i = 0; i < plan->step_count; i++) {
        write_step(&out, plan, &plan->steps[i]);
    }
    plan->text = arena_str(arena, strbuf_str(&out)).p;
    plan->child_text = "name: c\nsteps:\n  s0: {run: [step], outputs: {v: string}}\n"
                       "  s1: {run: [step, \"${{ steps.s0.outputs.v }}\"], outputs: {v: string}}\n"
                       "outputs: {v: \"${{ steps.s1.outputs.v }}\"}\n";
    strbuf_clear(&out);
}

/* ---- what steps do --------------------------------------------------------------------------- */

int plan_list_length(uint64_t seed, size_t step)
{
    struct rng rng;
    rng_seed(&rng, seed * 31 + step);
    return between(&rng, 0, 3);
}

struct behaviour plan_behaviour(const struct plan *plan, uint64_t seed, size_t step, int64_t item, int64_t number,
                                int leg, bool stopped)
{
    struct rng rng;
    rng_seed(&rng, seed ^ (step * 0x9e3779b97f4a7c15u) ^ ((uint64_t)item << 20) ^ ((uint64_t)number << 40) ^
                       ((uint64_t)leg << 50));
    struct behaviour does = {
        .fork_ms = chance(&rng, 50) ? 0 : between(&rng, 1, 30),
        /* In tens of milliseconds, so that many end at the same instant. */
        .work_ms = 10 * (chance(&rng, plan->quick ? 95 : 70) ? between(&rng, 0, 8) : between(&rng, 0, 800)),
        .metrics = chance(&rng, plan->quick ? 5 : 40) ? between(&rng, 1, 3) : 0,
        .logs = chance(&rng, 30),
        .asks_twice = chance(&rng, 20),
        .obeys_ms = chance(&rng, 70) ? between(&rng, 0, 100) : -1,
        .survives = chance(&rng, 25),
        .stubborn = chance(&rng, 10),
    };
    unsigned luck = (unsigned)rng_below(&rng, 100);
    if (!plan->orderly) {
        does.end = luck < 66   ? END_OK
                   : luck < 84 ? END_FAIL
                   : luck < 92 ? END_SIGNAL
                   : luck < 96 ? END_REFUSED
                               : END_HANG;
    }
    does.end = does.end == END_HANG && !stopped ? END_FAIL : does.end;
    return does;
}
