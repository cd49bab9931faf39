/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/plan.h"

#include "base/parse.h"
#include "base/str_index.h"

/* ---- what a rule picks ------------------------------------------------------------------------------------------ */

static const char *ago(struct arena *arena, const char *what, int64_t since_ms, int64_t now_ms)
{
    char room[40];
    format_duration(room, sizeof room, now_ms - since_ms);
    return arena_printf(arena, "%s %s ago", what, room);
}

/* Why the rule picks what was last of use at `at_ms`, and is number `newer` from the newest; NULL: it does not. The
 * size is looked at later. */
static const char *picked(const struct retention *rule, int64_t newer, const char *what, int64_t at_ms, int64_t now_ms,
                          struct arena *arena)
{
    if (!rule->given || (rule->keep_last >= 0 && newer < rule->keep_last)) {
        return NULL;
    }
    if (rule->older_than_ms >= 0) {
        return now_ms - at_ms > rule->older_than_ms ? ago(arena, what, at_ms, now_ms) : NULL;
    }
    return rule->max_bytes < 0 ? arena_printf(arena, "not one of the last %lld", (long long)rule->keep_last) : NULL;
}

/* How many of the same name come later, for each: names[i] of the oldest is 0. */
static int64_t *count_newer(const struct str *names, const bool *counts, size_t count, struct arena *arena)
{
    struct str_index *index = str_index_new(arena, count);
    int64_t *newer = arena_array(arena, count, sizeof *newer);
    int64_t *seen = arena_array(arena, count, sizeof *seen);
    for (size_t i = count; i-- > 0;) {
        size_t name = str_index_add(index, names[i]);
        newer[i] = seen[name];
        seen[name] += counts[i];
    }
    return newer;
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

struct planning {
    struct gc_run *runs;
    size_t count;
    enum retention_kind kind;
    const struct retention *rule;
    int64_t now_ms;
    const int64_t *newer; /* ended runs of the same pipeline that are newer */
    struct arena *arena;
};

static struct gc_verdict *verdict_of(const struct planning *p, size_t i)
{
    return &p->runs[i].verdicts[p->kind];
}

static bool is_gone(const struct planning *p, size_t i)
{
    return p->kind != RETENTION_RUNS && p->runs[i].verdicts[RETENTION_RUNS].fate == GC_GOES;
}

/* What holds a run whatever becomes of the others. */
static const char *firm_holder(const struct planning *p, const struct gc_run *run)
{
    if (p->kind == RETENTION_LOGS) {
        return NULL;
    }
    return run->holder != NULL ? run->holder
           : run->last_good    ? arena_printf(p->arena, "the last of %s that succeeded", run->pipeline)
                               : NULL;
}

/* A run that stays and uses this one. */
static const char *user_that_stays(const struct planning *p, const struct gc_run *run)
{
    for (size_t i = 0; p->kind != RETENTION_LOGS && i < run->user_count; i++) {
        size_t user = run->users[i];
        if (verdict_of(p, user)->fate != GC_GOES && !is_gone(p, user)) {
            return arena_printf(p->arena, "run %s uses it", p->runs[user].label);
        }
    }
    return NULL;
}

static void pick(struct planning *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct gc_run *run = &p->runs[i];
        struct gc_verdict *verdict = verdict_of(p, i);
        if (run->leaving) {
            enum gc_fate fate = p->kind == RETENTION_RUNS ? GC_GOES : GC_STAYS;
            *verdict = (struct gc_verdict){.fate = fate, .why = "its removal was begun"};
            continue;
        }
        const char *why = run->has[p->kind] && !run->open && !is_gone(p, i)
                              ? picked(p->rule, p->newer[i], "ended", run->ended_ms, p->now_ms, p->arena)
                              : NULL;
        const char *holder = why == NULL ? NULL : firm_holder(p, run);
        *verdict = why == NULL      ? (struct gc_verdict){.fate = GC_STAYS}
                   : holder != NULL ? (struct gc_verdict){.fate = GC_HELD, .why = holder}
                                    : (struct gc_verdict){.fate = GC_GOES, .why = why};
    }
}

/* Until nobody who stays uses what goes. */
static void hold_what_is_used(struct planning *p)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = p->count; i-- > 0;) {
            struct gc_verdict *verdict = verdict_of(p, i);
            bool may_stay = verdict->fate == GC_GOES && !p->runs[i].leaving;
            const char *holder = may_stay ? user_that_stays(p, &p->runs[i]) : NULL;
            if (holder != NULL) {
                *verdict = (struct gc_verdict){.fate = GC_HELD, .why = holder};
                again = true;
            }
        }
    }
}

static int64_t bytes_that_stay(const struct planning *p)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (verdict_of(p, i)->fate != GC_GOES && !is_gone(p, i)) {
            bytes += p->runs[i].weights[p->kind].bytes;
        }
    }
    return bytes;
}

/* The oldest that may go, while all that stay are too large. One that is used can go only after its user: hence again
 * from the start, until a whole pass found nothing. */
static void shrink(struct planning *p)
{
    int64_t bytes = p->rule->given && p->rule->max_bytes >= 0 ? bytes_that_stay(p) : 0;
    char room[40];
    format_size(room, sizeof room, p->rule->max_bytes);
    for (bool again = true; again && p->rule->max_bytes >= 0;) {
        again = false;
        for (size_t i = 0; i < p->count && bytes > p->rule->max_bytes; i++) {
            struct gc_run *run = &p->runs[i];
            bool kept = p->rule->keep_last >= 0 && p->newer[i] < p->rule->keep_last;
            if (verdict_of(p, i)->fate == GC_GOES || is_gone(p, i) || kept || !run->has[p->kind] || run->open) {
                continue;
            }
            const char *holder = firm_holder(p, run);
            holder = holder == NULL ? user_that_stays(p, run) : holder;
            if (holder != NULL) {
                *verdict_of(p, i) = (struct gc_verdict){.fate = GC_HELD, .why = holder};
                continue;
            }
            *verdict_of(p, i) = (struct gc_verdict){
                .fate = GC_GOES, .why = arena_printf(p->arena, "the oldest, while there is more than %s", room)};
            bytes -= run->weights[p->kind].bytes;
            again = true;
        }
    }
}

static void plan_kind(struct planning *p)
{
    pick(p);
    hold_what_is_used(p);
    shrink(p);
}

void gc_plan_runs(struct gc_run *runs, size_t count, const struct retention rules[RETENTION_KINDS], int64_t now_ms,
                  struct arena *arena)
{
    struct str *names = arena_array(arena, count, sizeof *names);
    bool *ended = arena_array(arena, count, sizeof *ended);
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(runs[i].pipeline);
        ended[i] = !runs[i].open && !runs[i].leaving;
    }
    struct planning p = {.runs = runs,
                         .count = count,
                         .now_ms = now_ms,
                         .newer = count_newer(names, ended, count, arena),
                         .arena = arena};
    static const enum retention_kind order[] = {RETENTION_RUNS, RETENTION_LOGS, RETENTION_ARTIFACTS};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        p.kind = order[i];
        p.rule = &rules[order[i]];
        plan_kind(&p);
    }
}

/* ---- kept results ----------------------------------------------------------------------------------------------- */

void gc_plan_cache(struct gc_entry *entries, size_t count, const struct retention *rule, int64_t now_ms,
                   struct arena *arena)
{
    struct str_index *places = str_index_new(arena, count);
    int64_t *seen = arena_array(arena, count, sizeof *seen);
    for (size_t i = 0; i < count; i++) {
        size_t place = str_index_add(places, str_from(entries[i].place));
        const char *why = picked(rule, seen[place]++, "last used", entries[i].used_ms, now_ms, arena);
        entries[i].verdict = (struct gc_verdict){.fate = why == NULL ? GC_STAYS : GC_GOES, .why = why};
    }
}

/* ---- what clients deleted --------------------------------------------------------------------------------------- */

static bool goes_with_its_run(const struct gc_deleted *item)
{
    return item->of_run != NULL && item->of_run->verdicts[RETENTION_RUNS].fate == GC_GOES;
}

static const char *deleted_holder(const struct gc_deleted *item, struct arena *arena)
{
    return item->of_run != NULL ? arena_printf(arena, "it goes with run %s", item->of_run->label) : item->holder;
}

/* Something in the experiment that stays. */
static const char *what_is_left(const struct gc_deleted *items, size_t count, int64_t experiment, struct arena *arena)
{
    if (experiment == 0) {
        return "clients that name no experiment use it";
    }
    for (size_t i = 0; i < count; i++) {
        const struct gc_deleted *item = &items[i];
        if (item->experiment == experiment && item->kind != GC_DELETED_EXPERIMENT && item->verdict.fate != GC_GOES &&
            !goes_with_its_run(item)) {
            return arena_printf(arena, "%s stays", item->label);
        }
    }
    return NULL;
}

/* Models of pipelines' runs are not spoken of: `artifacts` makes them deleted ones, and their rows go with the run. */
static void judge_deleted(struct gc_deleted *item, const char *why, const char *holder)
{
    bool not_asked = why == NULL || goes_with_its_run(item) || (item->of_run != NULL && item->kind == GC_DELETED_MODEL);
    item->verdict = not_asked        ? (struct gc_verdict){.fate = GC_STAYS}
                    : holder != NULL ? (struct gc_verdict){.fate = GC_HELD, .why = holder}
                                     : (struct gc_verdict){.fate = GC_GOES, .why = why};
}

void gc_plan_deleted(struct gc_deleted *items, size_t count, const struct retention *rule, int64_t now_ms,
                     struct arena *arena)
{
    for (int experiments = 0; experiments <= 1; experiments++) {
        for (size_t i = 0; i < count; i++) {
            struct gc_deleted *item = &items[i];
            if ((item->kind == GC_DELETED_EXPERIMENT) == (experiments != 0)) {
                const char *why = picked(rule, 0, "deleted", item->deleted_ms, now_ms, arena);
                judge_deleted(item, why, why == NULL         ? NULL
                                         : experiments == 0 ? deleted_holder(item, arena)
                                                            : what_is_left(items, count, item->experiment, arena));
            }
        }
    }
}
