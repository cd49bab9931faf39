/* SPDX-License-Identifier: Apache-2.0
 * Leases: what each live attempt holds, and who starts next. What is in use is never counted up and down: it is summed
 * up from the attempts that have a process.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "engine/heirs.h"
#include "run/next_start.h"
#include "store/leases.h"

#include <stdlib.h>

int leases_open(struct engine *engine, struct err *err)
{
    const struct engine_options *options = &engine->options;
    engine->stock_count = options->supply_count + 1;
    engine->stocks = mem_array(engine->stock_count, sizeof *engine->stocks);
    engine->stocks[0].of = (struct resource_supply){.name = STR(RESOURCE_SLOT), .amount = engine->slots};
    struct resource_supply *all = mem_array(engine->stock_count, sizeof *all);
    all[0] = engine->stocks[0].of;
    for (size_t i = 0; i < options->supply_count; i++) {
        engine->stocks[i + 1].of = all[i + 1] = options->supply[i];
    }
    /* Who only says a word starts nothing, and does not know how many slots the others have. */
    int result = options->starts_nothing
                     ? 0
                     : store_supply_put(options->store, all, engine->stock_count, err);
    free(all);
    return result;
}

/* ---- what is held ------------------------------------------------------------------------------------------- */

static struct lease lease_from(const struct lease_row *row)
{
    return (struct lease){
        .resource = mem_strdup(row->resource), .amount = row->amount, .devices = mem_strdup(row->devices)};
}

static void free_lease(struct lease *lease)
{
    free(lease->resource);
    free(lease->devices);
}

void leases_forget(struct live_attempt *attempt)
{
    for (size_t i = 0; i < attempt->leases.count; i++) {
        free_lease(&attempt->leases.items[i]);
    }
    vec_clear(&attempt->leases);
}

void leases_clear(struct engine *engine)
{
    for (size_t i = 0; i < engine->unowned.count; i++) {
        free_lease(&engine->unowned.items[i]);
    }
    vec_clear(&engine->unowned);
}

int leases_load(struct engine *engine, struct err *err)
{
    struct lease_row *rows = NULL;
    size_t count = 0;
    if (store_lease_list(engine->options.store, engine->turn, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct live_attempt *attempt = attempt_find(engine, rows[i].attempt);
        if (attempt != NULL) {
            vec_push(&attempt->leases, lease_from(&rows[i]));
        } else {
            vec_push(&engine->unowned, lease_from(&rows[i]));
        }
    }
    return 0;
}

static bool holds(const struct live_attempt *attempt)
{
    return attempt->row.state == ATTEMPT_STATE_STARTING || attempt->row.state == ATTEMPT_STATE_RUNNING;
}

static const struct lease *lease_of(const struct live_attempt *attempt, struct str resource)
{
    for (size_t i = 0; holds(attempt) && i < attempt->leases.count; i++) {
        if (str_is(resource, attempt->leases.items[i].resource)) {
            return &attempt->leases.items[i];
        }
    }
    return NULL;
}

static bool names_device(struct str devices, struct str device)
{
    struct str one = {0};
    while (str_cut(&devices, ',', &one)) {
        if (str_eq(one, device)) {
            return true;
        }
    }
    return false;
}

static bool is_leased(const struct engine *engine, struct str resource, struct str device)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        const struct lease *lease = lease_of(engine->attempts.items[i], resource);
        if (lease != NULL && names_device(str_from(lease->devices), device)) {
            return true;
        }
    }
    for (size_t i = 0; i < engine->unowned.count; i++) {
        const struct lease *lease = &engine->unowned.items[i];
        if (str_is(resource, lease->resource) && names_device(str_from(lease->devices), device)) {
            return true;
        }
    }
    return false;
}

static int64_t amount_in_use(const struct engine *engine, struct str resource)
{
    int64_t used = 0;
    for (size_t i = 0; i < engine->attempts.count; i++) {
        const struct lease *lease = lease_of(engine->attempts.items[i], resource);
        used += lease == NULL ? 0 : lease->amount;
    }
    for (size_t i = 0; i < engine->unowned.count; i++) {
        used += str_is(resource, engine->unowned.items[i].resource) ? engine->unowned.items[i].amount : 0;
    }
    return used;
}

/* Of devices, those are in use that somebody has: config.yaml may have named others when they were leased. */
static int64_t in_use(const struct engine *engine, const struct resource_supply *supply)
{
    int64_t used = 0;
    if (supply->devices == NULL) {
        return amount_in_use(engine, supply->name);
    }
    for (int64_t d = 0; d < supply->amount; d++) {
        used += is_leased(engine, supply->name, supply->devices[d]) ? 1 : 0;
    }
    return used;
}

static const char *free_devices(const struct engine *engine, const struct resource_supply *supply, int64_t wanted)
{
    const char *text = "";
    for (int64_t d = 0; d < supply->amount && wanted > 0; d++) {
        if (!is_leased(engine, supply->name, supply->devices[d])) {
            text = arena_printf(engine->turn, "%s%s%.*s", text, *text == '\0' ? "" : ",",
                                STR_ARG(supply->devices[d]));
            wanted--;
        }
    }
    return text;
}

static int take(struct engine *engine, struct live_attempt *attempt, const struct lease_row *row, struct err *err)
{
    if (store_lease_put(engine->options.store, row, err) < 0) {
        return -1;
    }
    vec_push(&attempt->leases, lease_from(row));
    return 0;
}

int leases_take(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    const struct step *step = run_step_at(attempt->open->run, attempt->place);
    struct lease_row slot = {
        .attempt = attempt->row.id, .resource = RESOURCE_SLOT, .amount = 1, .devices = ""};
    leases_forget(attempt);
    if (take(engine, attempt, &slot, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < step->ask_count; i++) {
        const struct resource_ask *ask = &step->asks[i];
        const struct resource_supply *supply =
            resource_find(engine->options.supply, engine->options.supply_count, ask->name);
        struct lease_row row = {
            .attempt = attempt->row.id,
            .resource = arena_str(engine->turn, ask->name).p,
            .amount = ask->amount,
            .devices =
                supply != NULL && supply->devices != NULL ? free_devices(engine, supply, ask->amount) : "",
        };
        if (take(engine, attempt, &row, err) < 0) {
            return -1;
        }
    }
    return 0;
}

const char *leases_devices(const struct live_attempt *attempt)
{
    const struct lease *lease = lease_of(attempt, STR(RESOURCE_GPU));
    return lease == NULL ? NULL : lease->devices;
}

const char *leases_problem(const struct engine *engine, const struct step *step, struct arena *arena)
{
    const char *problem = NULL;
    for (size_t i = 0; problem == NULL && i < step->ask_count; i++) {
        problem = resource_problem(&step->asks[i], engine->options.supply, engine->options.supply_count, arena);
    }
    return problem;
}

/* ---- who starts next ---------------------------------------------------------------------------------------- */

/* The run that a person or a trigger has started. */
static struct open_run *root_of(struct engine *engine, struct open_run *open)
{
    struct open_run *parent = open;
    while (parent != NULL && parent->row.parent_run != NULL) {
        parent = open_run_find(engine, parent->row.parent_run);
        open = parent == NULL ? open : parent;
    }
    return open;
}

/* The turn of a pipeline stays when its runs end: one that is run again and again is not always the newcomer. */
static struct pipeline_turn *turn_of(struct engine *engine, const char *pipeline)
{
    for (size_t i = 0; i < engine->turns.count; i++) {
        if (strcmp(engine->turns.items[i]->pipeline, pipeline) == 0) {
            return engine->turns.items[i];
        }
    }
    struct pipeline_turn *turn = mem_alloc(sizeof *turn);
    *turn = (struct pipeline_turn){.pipeline = mem_strdup(pipeline), .last_start = engine->starts};
    vec_push(&engine->turns, turn);
    return turn;
}

/* Looked for once: many runs are open at once, of many pipelines, and each start asks all of them. */
static struct pipeline_turn *turn_of_run(struct engine *engine, struct open_run *root)
{
    if (root->turn == NULL) {
        root->turn = turn_of(engine, root->row.pipeline);
    }
    return root->turn;
}

void leases_close(struct engine *engine)
{
    leases_clear(engine);
    for (size_t i = 0; i < engine->turns.count; i++) {
        free(engine->turns.items[i]->pipeline);
        free(engine->turns.items[i]);
    }
    vec_clear(&engine->turns);
    free(engine->stocks);
}

/* What the roots hold, once for all that is asked of them. */
static void count_held(struct engine *engine)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        engine->runs.items[i]->held = 0;
    }
    for (size_t i = 0; i < engine->turns.count; i++) {
        engine->turns.items[i]->held = 0;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        if (holds(engine->attempts.items[i])) {
            struct open_run *root = root_of(engine, engine->attempts.items[i]->open);
            root->held++;
            turn_of_run(engine, root)->held++;
        }
    }
    for (size_t k = 0; k < engine->stock_count; k++) {
        engine->stocks[k].used = in_use(engine, &engine->stocks[k].of);
    }
}

static struct starter starter_of(struct engine *engine, struct open_run *open, const struct run_waiting *head)
{
    struct open_run *root = root_of(engine, open);
    const struct pipeline_turn *turn = turn_of_run(engine, root);
    const struct step *step = run_step_at(open->run, head->place);
    return (struct starter){
        .priority = open->row.priority,
        .pipeline_held = turn->held,
        .pipeline_turn = turn->last_start,
        .root_held = root->held,
        .root_turn = root->last_start,
        .run_turn = open->last_start,
        .arrived = head->arrived,
        .overtaken = head->overtaken,
        .asks = step->asks,
        .ask_count = step->ask_count,
    };
}

static void note_start(struct engine *engine, struct open_run *open)
{
    struct open_run *root = root_of(engine, open);
    engine->starts++;
    open->last_start = root->last_start = engine->starts;
    turn_of_run(engine, root)->last_start = engine->starts;
}

struct ready_queue {
    struct open_run *open;
    size_t queue;
};

struct contest {
    struct {
        VEC_OF(struct starter)
    } starters;
    struct {
        VEC_OF(struct ready_queue)
    } queues;
};

/* The winner's index, or -1; the contest is the caller's to clear. */
static ptrdiff_t contest_hold(struct engine *engine, struct contest *ret)
{
    *ret = (struct contest){0};
    count_held(engine);
    heirs_look_known(engine);
    if (engine->stocks[0].used >= engine->stocks[0].of.amount) {
        return -1;
    }
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        bool may = !run_state_is_terminal(open->run->state) && places_let(engine, open) && open->heirs_known;
        for (size_t q = 0; may && q < open->run->queue_count; q++) {
            const struct run_waiting *head = run_queue_head(open->run, q);
            if (head != NULL) {
                struct starter starter = starter_of(engine, open, head);
                struct ready_queue queue = {open, q};
                vec_push(&ret->starters, starter);
                vec_push(&ret->queues, queue);
            }
        }
    }
    return next_start(ret->starters.items, ret->starters.count, engine->stocks, engine->stock_count);
}

static void contest_clear(struct contest *contest)
{
    vec_clear(&contest->starters);
    vec_clear(&contest->queues);
}

bool leases_next(struct engine *engine, struct open_run **ret_open, size_t *ret_queue)
{
    struct contest contest;
    ptrdiff_t chosen = contest_hold(engine, &contest);
    for (size_t i = 0; chosen >= 0 && i < contest.starters.count; i++) {
        if (contest.starters.items[i].passed) {
            run_queue_head(contest.queues.items[i].open->run, contest.queues.items[i].queue)->overtaken++;
        }
    }
    if (chosen >= 0) {
        *ret_open = contest.queues.items[chosen].open;
        *ret_queue = contest.queues.items[chosen].queue;
        note_start(engine, *ret_open);
    }
    contest_clear(&contest);
    return chosen >= 0;
}

bool leases_slot_is_idle(const struct engine *engine)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        if (run_first_ready(engine->runs.items[i]->run) != NULL) {
            return false;
        }
    }
    return amount_in_use(engine, STR(RESOURCE_SLOT)) < engine->stocks[0].of.amount;
}

bool leases_may_start(struct engine *engine)
{
    struct contest contest;
    ptrdiff_t chosen = contest_hold(engine, &contest);
    contest_clear(&contest);
    return chosen >= 0;
}
