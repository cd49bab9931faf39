/* SPDX-License-Identifier: Apache-2.0
 * Heirs: attempts that are given to a runner before their time, to begin in the place of one that it runs already.
 *
 * Where steps take a millisecond, the way from the runner to us, through a commit and back takes as long again. While
 * quick steps run, what will follow each of them if it succeeds is worked out beforehand and lies with the runner, a
 * line of a few. The runner begins the next as soon as the end of the one before is in its journal, and on the disk.
 *
 * No row of an attempt knows of an heir. What has happened stands in the exit record of the attempt before it: either
 * that the heir has begun, which is read in the same transaction as that end, or nothing, and then it never will. So an
 * engine that finds an heir with a runner, or an order in a journal, needs no memory of having given it.
 *
 * Where more is ready than there are slots, what waits for one stands behind what holds one: a line for each slot, the
 * oldest first. It is reserved meanwhile (run_reserve), so that nobody starts it from here. An engine that comes starts
 * nothing that is ready in a run before each runner with steps of it has said what it holds. Such an heir is free: it
 * needs nothing of the one before it but the slot, and does not wait for the disk either (free_heirs.c).
 *
 * An heir sees what it would have seen later, or there is none: a step with inputs, secrets, a cache, a condition or
 * resources is started from here when its turn has come.
 */
#include "base/log.h"
#include "engine/heirs.h"

#include <stdio.h>

enum { FIRST_LINE = 8, ALL_LINES = 32, IDS_AT_ONCE = 64, PATIENCE_MS = 500, VAIN = 4 };

static struct heir *heir_after(struct engine *engine, int64_t attempt)
{
    for (size_t i = 0; i < engine->heirs.count; i++) {
        if (engine->heirs.items[i].after == attempt) {
            return &engine->heirs.items[i];
        }
    }
    return NULL;
}

static struct heir *heir_find(struct engine *engine, int64_t id)
{
    for (size_t i = 0; i < engine->heirs.count; i++) {
        if (engine->heirs.items[i].ids.id == id) {
            return &engine->heirs.items[i];
        }
    }
    return NULL;
}

bool heirs_have(struct engine *engine, int64_t id)
{
    return heir_find(engine, id) != NULL;
}

static void remove_heir(struct engine *engine, struct heir *heir)
{
    size_t at = (size_t)(heir - engine->heirs.items);
    engine->heirs.count--;
    memmove(heir, heir + 1, (engine->heirs.count - at) * sizeof *heir);
}

/* It never begins there. */
static void drop_heir(struct engine *engine, struct heir *heir)
{
    run_release(heir->open->run, heir->place);
    remove_heir(engine, heir);
}

static struct json message_of(struct arena *arena, const char *type, int64_t attempt)
{
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, type));
    json_set(arena, &message, "attempt", json_int(attempt));
    return message;
}

/* With what the turn has to say, after its commit. */
static void tell(struct engine *engine, const char *runner, const char *type, int64_t attempt)
{
    turn_send(engine, runner, message_of(engine->turn, type, attempt));
}

/* What no row depends on. */
static void tell_now(struct engine *engine, struct runner_link *link, const char *type, int64_t attempt)
{
    struct json message = message_of(engine->turn, type, attempt);
    link_send(engine, link, &message);
}

/* ---- giving ----------------------------------------------------------------------------------------------------- */

/* Its success may be no more than that: a plugin need not give what it can give. The runner looks again, at what it
 * really leaves. */
static bool may_leave_nothing(const struct step *step)
{
    return step->kind != STEP_KIND_PIPELINE && step->cache == NULL && step->artifact_count == 0 &&
           step->metric_count == 0 && step->model == NULL && step->ask_count == 0 && step->output_count == 0;
}

static bool may_inherit(const struct step *step)
{
    return step->kind != STEP_KIND_PIPELINE && step->cache == NULL && step->input_count == 0 && step->ask_count == 0 &&
           (step->kind != STEP_KIND_USES || step->plugin != NULL);
}

/* What a step asks for may be there only when its turn has come: a metric of the one before it, say. */
static void never_again(struct open_run *open, size_t step)
{
    if (open->no_heirs == NULL) {
        open->no_heirs = arena_array(open->run->arena, open->pipeline->step_count, sizeof *open->no_heirs);
    }
    open->no_heirs[step] = true;
}

static bool was_refused(const struct open_run *open, size_t step)
{
    return open->no_heirs != NULL && open->no_heirs[step];
}

/* What begins when the step has succeeded and leaves its slot: SIZE_MAX when nothing does at once, or may. `*ret_free`:
 * it waits for that slot alone. */
static size_t next_of(struct open_run *open, size_t step, bool *ret_free)
{
    const struct run_waiting *ready = run_first_ready(open->run);
    size_t next = ready != NULL                                   ? ready->place.step
                  : open->pipeline->steps[step].matrix != NULL ? SIZE_MAX
                                                                  : run_follower(open->run, step);
    const struct step *definition = next == SIZE_MAX ? NULL : &open->pipeline->steps[next];
    /* Of a matrix another item may take it back; by its condition it may run in a run that is cancelled. One that was
     * tried before has a number. */
    bool may = next != SIZE_MAX && may_inherit(definition) && !was_refused(open, next) && definition->matrix == NULL &&
                definition->condition == NULL &&
                (ready == NULL || run_item_at(open->run, ready->place)->attempts == 0);
    *ret_free = ready != NULL;
    return may ? next : SIZE_MAX;
}

static int reserve_id(struct engine *engine, int64_t id, struct err *err)
{
    if (id <= engine->given_id) {
        return 0;
    }
    engine->given_id = id + IDS_AT_ONCE;
    return store_attempt_ids_give(engine->options.store, engine->given_id, err);
}

/* 1 given, 0 it cannot be: its message is made when its turn has come, or never. */
static int give(struct engine *engine, struct heir *heir, const struct run_assumption *assumed, struct err *err)
{
    struct open_run *open = heir->open;
    struct live_attempt attempt = {.open = open,
                                   .place = heir->place,
                                   .row = {.id = heir->ids.id,
                                           .number = 1,
                                           .mark = heir->ids.mark,
                                           .runner = heir->runner,
                                           .step_run_id = heir->ids.step_run_id}};
    struct json message;
    struct err wrong = {0};
    if (spawn_message(engine, &attempt, (struct spawn_as){.assumed = assumed}, &message, &wrong) < 0) {
        never_again(open, heir->place.step);
        if (store_failed_since_begin(engine->options.store)) {
            *err = wrong;
            return -1;
        }
        return 0;
    }
    if (reserve_id(engine, heir->ids.id, err) < 0) {
        return -1;
    }
    (void)snprintf(heir->ids.plugin, sizeof heir->ids.plugin, "%s",
                   json_get_text(json_get(&message, "plugin"), "sha256", ""));
    json_set(engine->turn, &message, "after", json_int(heir->after));
    json_set(engine->turn, &message, "order", heir_order(engine->turn, heir));
    turn_send(engine, heir->runner, message);
    run_reserve(open->run, heir->place);
    vec_push(&engine->heirs, *heir);
    return 1;
}

/* Puts what follows behind the attempt, and behind that, until the line is as long as it may be. */
static int give_line(struct engine *engine, const struct live_attempt *attempt, int longest, struct err *err)
{
    struct open_run *open = attempt->open;
    struct heir last = {.ids.id = attempt->row.id, .place = attempt->place};
    (void)snprintf(last.ids.step_run_id, sizeof last.ids.step_run_id, "%s", attempt->row.step_run_id);
    int length = 0;
    for (struct heir *next; (next = heir_after(engine, last.ids.id)) != NULL; length++) {
        last = *next;
        if (last.withdrawn) {
            return 0;
        }
    }
    for (int given = 1; given == 1 && length < longest; length++) {
        struct heir heir = {.after = last.ids.id, .open = open};
        struct run_assumption assumed = {.step = last.place.step, .step_run_id = last.ids.step_run_id};
        heir.place.step = next_of(open, last.place.step, &heir.free);
        if (heir.place.step == SIZE_MAX || !may_leave_nothing(run_step_at(open->run, last.place))) {
            return 0;
        }
        heir.ids = attempt_ids_new(engine);
        (void)snprintf(heir.runner, sizeof heir.runner, "%s", attempt->row.runner);
        given = give(engine, &heir, &assumed, err);
        if (given < 0) {
            return -1;
        }
        last = heir;
    }
    return 0;
}

/* Does a runner of another version still write the journal of the run? It may not know of what stands in a journal that
 * was synced for an heir (wire/journal.h). */
static bool is_shared(struct engine *engine, const struct open_run *open)
{
    bool shared = false;
    for (size_t i = 0; i < engine->attempts.count; i++) {
        const struct live_attempt *attempt = engine->attempts.items[i];
        const struct runner_link *link = attempt->open == open && attempt_is_with_runner(attempt)
                                             ? link_find(engine, attempt->row.runner)
                                             : NULL;
        shared = shared || (link != NULL && !link->usable);
    }
    return shared;
}

/* Only where nobody else would get the slot, and not where steps do leave something again and again. */
static bool may_give(struct engine *engine)
{
    if (engine->runs.count != 1 || engine->options.starts_nothing) {
        return false;
    }
    const struct open_run *open = engine->runs.items[0];
    heirs_look_known(engine);
    return open->quick && open->in_vain < VAIN && open->run->state == RUN_STATE_RUNNING &&
           !open->run->cancelling && open->journal_damage == NULL && !is_shared(engine, open) &&
           open->heirs_known;
}

/* How long the one before it may still run; only of the first of a line. */
static int64_t patience_left(const struct engine *engine, const struct live_attempt *before)
{
    return before->since_ms + PATIENCE_MS - clock_monotonic_ms(engine->options.clock);
}

int64_t heirs_wait_ms(const struct engine *engine)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < engine->heirs.count; i++) {
        const struct heir *heir = &engine->heirs.items[i];
        const struct live_attempt *before = heir->withdrawn ? NULL : attempt_find(engine, heir->after);
        int64_t left = before == NULL ? INT64_MAX : patience_left(engine, before);
        least = left < least ? left : least;
    }
    return least < 0 ? 0 : least;
}

/* Until its runner has said so, or the attempt before it has ended, it may have begun all the same. With the first of a
 * line nothing behind it begins. */
static void withdraw(struct engine *engine, struct heir *heir)
{
    struct runner_link *link = link_find(engine, heir->runner);
    if (link != NULL) {
        heir->withdrawn = true;
        tell_now(engine, link, "withdraw", heir->ids.id);
    }
}

/* The line that has waited longest for its slot, of those that could begin in another one; NULL: there is none. */
static struct heir *stuck_line(struct engine *engine)
{
    struct heir *found = NULL;
    int64_t since_ms = 0;
    for (size_t i = 0; i < engine->heirs.count; i++) {
        struct heir *heir = &engine->heirs.items[i];
        const struct live_attempt *before = heir->withdrawn ? NULL : attempt_find(engine, heir->after);
        bool could = before != NULL && run_is_reserved(heir->open->run, heir->place);
        if (could && (found == NULL || before->since_ms < since_ms)) {
            found = heir;
            since_ms = before->since_ms;
        }
    }
    return found;
}

void heirs_check(struct engine *engine)
{
    for (size_t i = 0; i < engine->heirs.count; i++) {
        struct heir *heir = &engine->heirs.items[i];
        const struct live_attempt *before = heir->withdrawn ? NULL : attempt_find(engine, heir->after);
        bool others = engine->runs.count > 1; /* the next slot may be theirs */
        if (before != NULL && (others || patience_left(engine, before) <= 0)) {
            withdraw(engine, heir);
        }
    }
    struct heir *stuck = engine->heirs.count > 0 && leases_slot_is_idle(engine) ? stuck_line(engine) : NULL;
    if (stuck != NULL) {
        withdraw(engine, stuck);
    }
}

static bool may_have_line(struct engine *engine, const struct live_attempt *attempt)
{
    if (!attempt->sent || !attempt_is_with_runner(attempt) || attempt->row.stopping != NULL) {
        return false; /* as of most where thousands wait */
    }
    const struct runner_link *link = link_find(engine, attempt->row.runner);
    return link != NULL && link->usable && !link->silent && patience_left(engine, attempt) > 0;
}

int heirs_give(struct engine *engine, struct err *err)
{
    size_t count = may_give(engine) ? engine->attempts.count : 0;
    int lines = 0;
    for (size_t i = 0; i < count; i++) {
        lines += may_have_line(engine, engine->attempts.items[i]) ? 1 : 0;
    }
    int tried = count == 0 ? 0 : FIRST_LINE + engine->runs.items[0]->inherited; /* no more than may be in vain */
    int longest = lines == 0 ? 0 : ALL_LINES / lines < tried ? ALL_LINES / lines : tried;
    for (int length = 1; length <= longest; length++) { /* one more for each, so that all have their share */
        for (size_t i = 0; i < count; i++) {
            const struct live_attempt *attempt = engine->attempts.items[i];
            if (may_have_line(engine, attempt) && give_line(engine, attempt, length, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

void heirs_look_known(struct engine *engine)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        engine->runs.items[i]->heirs_known = true;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        const struct live_attempt *attempt = engine->attempts.items[i];
        if (attempt_is_with_runner(attempt)) {
            const struct runner_link *link = link_find(engine, attempt->row.runner);
            attempt->open->heirs_known = attempt->open->heirs_known && link != NULL && link->listed;
        }
    }
}

bool heirs_wait_in(const struct engine *engine, const struct open_run *open)
{
    bool waits = false;
    for (size_t i = 0; i < engine->heirs.count; i++) {
        waits = waits || engine->heirs.items[i].open == open;
    }
    return waits;
}

/* ---- what became of them ---------------------------------------------------------------------------------- */

/* It has begun, and nobody wants it any more: the run was cancelled by one who did not know of it. */
static void turn_away(struct engine *engine, const char *runner, const struct heir *heir)
{
    struct attempt_row row = {.id = heir->ids.id, .runner = runner};
    log_warn("engine", "attempt=%lld has begun and is not wanted any more: it is killed", (long long)heir->ids.id);
    stop_send(engine, &row, "cancel", 0);
    tell(engine, runner, "ack", heir->ids.id);
}

/* Those behind one that never begins, or is killed, do not begin either. */
static void disinherit(struct engine *engine, int64_t after)
{
    for (struct heir *heir; (heir = heir_after(engine, after)) != NULL;) {
        after = heir->ids.id;
        tell(engine, heir->runner, "ack", after);
        drop_heir(engine, heir);
    }
}

/* The heir that has begun becomes an attempt like others. */
static int begin(struct engine *engine, const struct live_attempt *before, const struct heir *heir, struct err *err)
{
    struct open_run *open = heir->open;
    struct live_attempt *attempt = NULL;
    struct attempt_ids ids = heir->ids;
    ids.begun_ms = before->row.ended_ms;
    bool wanted = !run_state_is_terminal(open->run->state) &&
                  run_take(open->run, heir->place, ids.begun_ms, &open->changes);
    if (wanted && attempt_new(engine, open, heir->place, before->row.runner, &ids, &attempt, err) < 0) {
        return -1;
    }
    if (attempt == NULL) {
        turn_away(engine, before->row.runner, heir);
        disinherit(engine, heir->ids.id);
        return 0;
    }
    attempt->sent = true;
    open->inherited += open->inherited < ALL_LINES ? 1 : 0;
    crash_point(engine, "in_heir");
    return leases_take(engine, attempt, err);
}

/* How often lines were given for nothing, less how often an heir did begin. */
static void count_vain(struct engine *engine, const struct live_attempt *attempt, bool begun)
{
    struct open_run *open = attempt->open;
    const struct heir *heir = heir_after(engine, attempt->row.id);
    if (begun) {
        open->in_vain -= open->in_vain > 0 ? 1 : 0;
    } else if (heir != NULL && !heir->withdrawn) {
        open->in_vain++;
    }
}

int heirs_settle(struct engine *engine, const struct live_attempt *attempt, const struct json *order, struct err *err)
{
    struct heir begun;
    bool has_begun = order != NULL && order->type == JSON_OBJECT && heir_read_order(order, attempt->open, &begun);
    count_vain(engine, attempt, has_begun);
    if (!has_begun) {
        disinherit(engine, attempt->row.id);
        return 0;
    }
    struct heir *known = heir_find(engine, begun.ids.id);
    if (known != NULL) {
        remove_heir(engine, known);
    }
    struct live_attempt *early = attempt_find(engine, begun.ids.id);
    if (early != NULL) { /* it was called in before this was read */
        return early->row.ended_ms != 0 ? 0 : leases_take(engine, early, err);
    }
    return begin(engine, attempt, &begun, err);
}

int heirs_call_in(struct engine *engine, struct open_run *open, struct err *err)
{
    for (size_t i = engine->heirs.count; i > 0; i--) {
        struct heir heir = engine->heirs.items[i - 1];
        struct live_attempt *attempt = NULL;
        if (heir.open != open) {
            continue;
        }
        remove_heir(engine, &engine->heirs.items[i - 1]);
        heir.ids.early = true;
        run_take_early(open->run, heir.place, engine_now(engine), &open->changes);
        if (attempt_new(engine, open, heir.place, heir.runner, &heir.ids, &attempt, err) < 0) {
            return -1;
        }
        if (attempt == NULL) {
            turn_away(engine, heir.runner, &heir);
        } else {
            attempt->sent = true;
        }
    }
    return 0;
}

int heirs_withdrawn(struct engine *engine, struct runner_link *link, int64_t id, struct err *err)
{
    struct heir *heir = heir_find(engine, id);
    if (heir == NULL || !heir->withdrawn) {
        return 0; /* it was called in, or the one before it has ended */
    }
    int64_t after = heir->after;
    while ((heir = heir_after(engine, after)) != NULL) {
        after = heir->ids.id;
        tell_now(engine, link, "ack", after);
        drop_heir(engine, heir);
    }
    return turn_begin(engine, err); /* what is ready may start */
}

/* ---- what runners say that they hold ---------------------------------------------------------------------- */

bool heirs_listed(struct engine *engine, const struct runner_link *link, const struct json *known)
{
    struct heir *heir = heir_find(engine, json_get_int(known, "attempt", 0));
    if (heir != NULL) {
        heir->listed = true;
        heir->withdrawn = false; /* that may have been lost with a connection, or the answer: it is said again */
        return true;
    }
    int64_t after = json_get_int(known, "after", 0);
    const struct live_attempt *before = attempt_find(engine, after);
    struct open_run *open = open_run_find(engine, json_get_text(known, "run_id", ""));
    const struct json *order = json_get(known, "order");
    bool awaited = (before != NULL && before->row.ended_ms == 0) || heir_find(engine, after) != NULL;
    struct heir found;
    if (!awaited || open == NULL || order == NULL || !heir_read_order(order, open, &found)) {
        return false;
    }
    found.after = after;
    found.listed = true;
    (void)snprintf(found.runner, sizeof found.runner, "%s", link->id);
    run_reserve(open->run, found.place);
    vec_push(&engine->heirs, found);
    return true;
}

void heirs_forget(struct engine *engine, const char *runner, bool only_unlisted)
{
    for (size_t i = engine->heirs.count; i > 0; i--) {
        struct heir *heir = &engine->heirs.items[i - 1];
        if (strcmp(heir->runner, runner) == 0 && !(only_unlisted && heir->listed)) {
            drop_heir(engine, heir);
        } else {
            heir->listed = false;
        }
    }
}
