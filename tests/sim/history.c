/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "base/fs.h"
#include "connections.h"
#include "disk.h"
#include "history_internal.h"
#include "machine.h"
#include "scenario.h"
#include "store/activity.h"
#include "store/guards.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the store ------------------------------------------------------------------------------- */

static const unsigned char key[32] = "a key for simulated homes, 32 B";

static int open_store(const char *home, struct store **ret, struct err *err)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/sluice.db", home);
    if (store_open(path, STORE_READ_WRITE, ret, err) < 0) {
        return -1;
    }
    store_activity_set_key(*ret, key);
    return 0;
}

static struct world first_world;

static void host_sleep(void *ctx, int ms)
{
    struct world **world = ctx;
    if ((*world)->dead) {
        (*world)->skew_ms += ms;
    } else {
        (*world)->now_ms += ms;
    }
}

static void host_die(void *ctx)
{
    struct world **world = ctx;
    world_trace(*world, "the engine is killed between two writes");
    world_engine_dies(*world);
}

static struct world *current = &first_world; /* that of the history that runs */

static int64_t host_wall(void *ctx)
{
    (void)ctx;
    return clock_wall_ms(&current->clock);
}

static int64_t host_monotonic(void *ctx)
{
    (void)ctx;
    return clock_monotonic_ms(&current->clock);
}

static struct rng disk_rng;

int history_prepare(const char *home)
{
    static const struct clock clock = {.wall_ms = host_wall, .monotonic_ms = host_monotonic};
    static const struct disk_host host = {.ctx = &current, .clock = &clock, .sleep = host_sleep, .die = host_die};
    struct store *store = NULL;
    struct err err = {0};
    world_open(&first_world, 1, home);
    disk_register(&host, &disk_rng);
    if (open_store(home, &store, &err) < 0) {
        (void)fprintf(stderr, "simulate: %s\n", err.message);
        return -1;
    }
    store_close(store);
    disk_keep_image();
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    return at->level == 0 ? 0 : remove(path);
}

static void empty_folder(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the engine's life ----------------------------------------------------------------------- */

void history_engine_away(struct history *h)
{
    engine_close(h->engine);
    h->engine = NULL;
    triggers_free(h->triggers);
    h->triggers = NULL;
    if (h->world.power_is_off || rng_below(&h->rng, 8) == 0) {
        judge_close(&h->judge); /* nobody has the wal-index mapped then: it is made anew from the WAL */
    }
    store_close(h->store);
    h->store = NULL;
    machine_process_ends();
    h->asking.count = 0;
    world_engine_gone(&h->world);
}

static int64_t downtime(struct history *h)
{
    uint64_t luck = rng_below(&h->rng, 100);
    return (int64_t)rng_below(&h->rng, luck < 70 ? 2000 : luck < 92 ? 60000 : 900000);
}

void history_told(struct history *h, const char *call, int result, const struct err *err)
{
    const char *last = "";
    int failures = connections_failures(&last);
    const char *ignored = connections_ignored();
    const char *unheard = connections_unheard();
    if (unheard != NULL && !h->world.dead) {
        world_fail(&h->world, "%s asks the store for more although it failed: %s", call, unheard);
    } else if (ignored != NULL) {
        world_fail(&h->world, "a turn is committed although the store failed in it: %s", ignored);
    } else if (!h->world.dead && failures > h->store_failures && result >= 0) {
        world_fail(&h->world, "%s goes on although the store failed: %s", call, last);
    } else if (!h->world.dead && result < 0 && (err->code == ERR_NONE || err->message[0] == '\0')) {
        world_fail(&h->world, "%s fails and does not say why", call);
    }
    /* In a loose scenario something else may have gone wrong before, and is what is told. */
    if (h->world.scripted && !h->loose && !h->world.dead && failures == h->store_failures + 1 && result < 0 &&
        store_has_failed(err) && !connections_is_like(err->code)) {
        world_fail(&h->world, "%s fails with another error than the store's, which was %s: %s", call, last,
                   err->message);
    }
    if (h->log != NULL && !h->world.dead && result < 0 && store_has_failed(err)) {
        strbuf_printf(h->log, "%s fails: %s\n", call, err->message);
    }
    h->store_failures = failures;
    h->told_of_machine = h->told_of_machine || (result < 0 && strstr(err->message, machine_words()) != NULL);
}

/* What the home of a scenario has. */
static void as_set_up(const struct history *h, struct engine_options *options)
{
    options->supply = h->setup.supply;
    options->supply_count = h->setup.supply_count;
    options->secret = h->setup.secret;
    options->secret_forget = h->setup.secret_forget;
    options->secret_ctx = h->setup.secret_ctx;
    options->step_env = h->setup.step_env;
    options->step_env_names = h->setup.step_env_names;
    options->step_env_name_count = h->setup.step_env_name_count;
    options->vars = h->setup.vars;
    options->groups = h->setup.groups;
    options->single_user = h->setup.single_user;
    options->starts_nothing = h->setup.starts_nothing;
}

void history_engine_begin(struct history *h)
{
    struct world *world = &h->world;
    struct engine_options options = {
        .home = world->home,
        .runner = "/simulated/sluice-runner",
        .fetch = "/simulated/sluice-fetch",
        .python_env = "/simulated/python-env",
        .lua_folder = arena_printf(world->arena, "%s/lua", world->home),
        .plugins = &h->catalogue,
        .clock = &world->clock,
        .world = &h->functions,
        .slots = world->plan.slots,
        .linger_s = (int)(world->linger_ms / 1000),
        .step_env = json_object(),
        .vars = json_object(),
        .groups = json_object(),
    };
    if (world->scripted) {
        as_set_up(h, &options);
    }
    struct err err = {0};
    world_trace(world, "an engine opens");
    h->engines++;
    int opened = open_store(world->home, &h->store, &err);
    options.store = h->store;
    if (opened == 0 && h->guards.type == JSON_ARRAY) {
        store_guards_set(h->store, &h->guards, &options.groups, options.single_user, NULL);
    }
    if (opened == 0 && h->fires) {
        struct triggers_options fires = {
            .store = h->store, .plugins = &h->catalogue, .vars = json_object(), .fires = true};
        repository_join(&h->repository, &fires);
        h->triggers = triggers_new(&fires);
        options.firing = triggers_firing(h->triggers);
    }
    receivers_join(h, &options);
    (void)machine_engine_calls(true);
    opened = opened < 0 ? -1 : engine_open(&options, &h->engine, &err);
    (void)machine_engine_calls(false);
    history_told(h, "opening the home", opened, &err);
    if (opened < 0) {
        world_trace(world, "it cannot: %s", err.message);
        if (!world->dead && (err.code == ERR_CORRUPT || err.code == ERR_INTERNAL)) {
            world_fail(world, "the home cannot be opened: %s", err.message);
        }
        history_engine_away(h);
        return;
    }
    if (!world->dead && h->engines > 1) {
        judge_look(&h->judge);
    }
}

/* ---- the plan of it all ---------------------------------------------------------------------- */

static void add_command(struct history *h, enum command_kind kind, size_t run, int64_t in_ms)
{
    if (h->command_count < COMMANDS_MAX) {
        h->commands[h->command_count++] = (struct command){.kind = kind, .run = run};
        world_plan(&h->world, in_ms, HAPPENS_COMMAND)->number = (int64_t)h->command_count;
    }
}

static void draw_commands(struct history *h)
{
    struct rng *rng = &h->rng;
    h->run_count = rng_below(rng, 100) < 15 ? 2 : 1;
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(h->runs[i].run_id, sizeof h->runs[i].run_id, "%016llx%016llx", (unsigned long long)rng_next(rng),
                       (unsigned long long)rng_next(rng));
    }
    for (size_t i = 0; i < h->run_count; i++) {
        add_command(h, COMMAND_SUBMIT, i, (int64_t)rng_below(rng, 10) + (i == 0 ? 0 : (int64_t)rng_below(rng, 3000)));
    }
    bool approves = false;
    for (size_t i = 0; i < h->world.plan.step_count; i++) {
        approves = approves || h->world.plan.steps[i].wait == PLAN_WAIT_APPROVAL;
    }
    for (uint64_t i = rng_below(rng, 6); approves && i > 0; i--) {
        add_command(h, COMMAND_VOTE, 0, (int64_t)rng_below(rng, 60000));
    }
    if (rng_below(rng, 100) < 18) {
        int64_t at_ms = (int64_t)rng_below(rng, h->world.plan.quick && rng_below(rng, 2) == 0 ? 400 : 8000);
        memcpy(h->world.cancelled_run, h->runs[0].run_id, sizeof h->world.cancelled_run);
        add_command(h, COMMAND_CANCEL, 0, at_ms);
        if (rng_below(rng, 3) == 0) {
            add_command(h, COMMAND_KILL, 0, at_ms + (int64_t)rng_below(rng, 3000));
        }
    }
    if (rng_below(rng, 100) < 10) {
        add_command(h, COMMAND_RETRY, 2, (int64_t)rng_below(rng, 400000));
    }
}

/* ---- living it ------------------------------------------------------------------------------- */

/* What is due and does not need the engine, or has it. */
static void work_off(struct history *h)
{
    struct world *world = &h->world;
    for (size_t i = 0; i < world->due.count; i++) {
        int64_t number = world->due.items[i];
        if (number < 0) {
            faults_do(h, (size_t)(-number - 1));
        } else if (h->engine != NULL && !world->dead && !h->restart) {
            people_do(h, number);
        } else {
            world_plan(world, 100, HAPPENS_COMMAND)->number = number;
        }
    }
    world->due.count = 0;
    world->disturbed = false;
}

static bool is_over(struct history *h)
{
    for (size_t i = 0; i < h->command_count; i++) {
        if (!h->commands[i].done) {
            return false;
        }
    }
    return h->engine != NULL && !engine_has_open_runs(h->engine);
}

/* Nothing will ever happen: all right when a person is waited for. */
static bool is_blocked(struct history *h)
{
    connections_fail(-1, 0); /* a question of ours, which the engine answers as well as it can */
    for (size_t i = 0; i < 3; i++) {
        const struct run *run = engine_find_run(h->engine, h->runs[i].run_id);
        if (run != NULL && !engine_is_blocked(h->engine, h->runs[i].run_id)) {
            return false;
        }
    }
    return true;
}

void history_turn(struct history *h, int *failures)
{
    struct world *world = &h->world;
    struct err err = {0};
    (void)machine_engine_calls(true);
    int result = engine_turn(h->engine, -1, &err);
    (void)machine_engine_calls(false);
    history_told(h, "a turn", result, &err);
    if (result >= 0) {
        *failures = 0;
        return;
    }
    if (world->dead) {
        return;
    }
    world_trace(world, "a turn fails: %s", err.message);
    memcpy(h->turn_failed, err.message, sizeof h->turn_failed);
    if ((err.code == ERR_LIMIT || err.code == ERR_BUSY) && ++*failures < RETRIES) {
        world_pass(world, 1000);
    } else {
        h->restart = true;
    }
}

static void live(struct history *h)
{
    struct world *world = &h->world;
    int turns = 0;
    int failures = 0;
    while (world->failure[0] == '\0' && (failures > 0 || !is_over(h) || !receivers_are_told(h))) {
        if (++turns > TURNS_MAX || h->engines > ENGINES_MAX) {
            world_fail(world, "the history does not end");
        }
        if (h->engine == NULL) {
            world_pass(world, h->engines == 0 ? 0 : downtime(h));
            work_off(h);
            if (world->power_is_off) {
                judge_close(&h->judge);
            }
            world_engine_gone(world); /* what was done to an engine that is not there */
            history_engine_begin(h);
            failures = 0;
        }
        work_off(h);
        if (h->engine != NULL && !world->dead && !h->restart) {
            history_turn(h, &failures);
        }
        if (world->dead || h->restart) {
            h->restart = false;
            world_trace(world, "the engine is gone");
            history_engine_away(h);
        } else if (world->stuck && h->engine != NULL) {
            world->stuck = false;
            if (!is_blocked(h)) {
                world_fail(world, "I7: the engine waits for ever and nothing will happen");
            }
            return;
        }
    }
}

/* Once more, and once more: nothing may change. */
static void open_twice(struct history *h)
{
    uint64_t digests[2] = {0};
    for (int i = 0; i < 2 && h->world.failure[0] == '\0'; i++) {
        if (h->engine != NULL) {
            history_engine_away(h);
        }
        history_engine_begin(h);
        digests[i] = h->engine == NULL ? 0 : judge_digest(&h->judge);
    }
    if (digests[0] != digests[1]) {
        world_fail(&h->world, "I14: opening the home a second time changed something");
    }
}

static void took(struct world *world, struct execution *execution, const char *targets)
{
    struct history *h = (struct history *)(void *)world;
    judge_took(&h->judge, execution, targets);
}

static void began(struct world *world, struct execution *execution, const struct json *spawn)
{
    struct history *h = (struct history *)(void *)world;
    judge_began(&h->judge, execution, spawn);
}

void history_open(struct history *h, const struct history_options *options)
{
    struct world *world = &h->world;
    const char *last;
    h->options = options;
    connections_fail(-1, 0);
    machine_fail(-1);
    h->store_failures = connections_failures(&last);
    world_open(world, options->seed, options->home);
    world->verbose = options->verbose;
    world->traced = options->traced;
    world->began = began;
    world->took = took;
    current = world;
    disk_rng = world->disk_rng;
    disk_reset();
    judge_init(&h->judge, world);
    h->functions = world_functions;
    h->functions.ctx = world;
    catalogue_init(&h->catalogue, world->arena);
    rng_seed(&h->rng, options->seed ^ 0x5eed);
    empty_folder(world->home);
    (void)mkdir(world->workspace, 0700);
}

void history_close(struct history *h)
{
    receivers_close(h);
    vec_clear(&h->repository.asked);
    judge_free(&h->judge);
    vec_clear(&h->asking);
    vec_clear(&h->later);
    world_close(&h->world);
    current = &first_world;
}

static void set_up(struct history *h)
{
    struct world *world = &h->world;
    struct rng plan_rng;
    struct err err = {0};
    rng_seed(&plan_rng, h->options->seed + 1);
    plan_make(&world->plan, &plan_rng, h->options->steps, world->arena);
    char child[200];
    (void)snprintf(child, sizeof child, "%s/child.yaml", world->workspace);
    if (fs_write(child, str_from(world->plan.child_text), 0600, false, &err) < 0) {
        world_fail(world, "%s", err.message);
    }
    if (world->verbose) {
        (void)printf("%s\nslots: %d\n\n", world->plan.text, world->plan.slots);
    }
    draw_commands(h);
    faults_draw(h);
    h->fires = h->options->seed % 3 == 0;
    if (h->fires) {
        add_command(h, COMMAND_TICK, 0, (int64_t)(h->options->seed % 7));
        add_command(h, COMMAND_STOP_TICK, 0, 30000 + (int64_t)(h->options->seed % 5) * 60000);
        for (uint64_t i = 0; i < VERSIONS; i++) { /* some close together, some not */
            add_command(h, COMMAND_VERSION, 0, 50 + (int64_t)(h->options->seed * (i + 1) % 11 * 4000));
        }
    }
    if (h->options->seed % 4 == 1) {
        receivers_open(h);
        if (h->options->seed % 16 < 8) {
            add_command(h, COMMAND_AGAIN, 0, 2000 + (int64_t)(h->options->seed % 13 * 3000));
        }
    }
}

void history_run(const struct history_options *options, struct history_result *ret)
{
    struct history h = {.options = options};
    if (scenario_is(options->seed)) {
        scenario_run(options, ret);
        return;
    }
    history_open(&h, options);
    set_up(&h);
    live(&h);
    if (h.world.failure[0] == '\0' && h.engine != NULL) {
        disk_fail(DISK_FAULT_NONE, 0, 0);
        connections_fail(-1, 0);
        h.world.crash_after = -1;
        world_pass(&h.world, 60000); /* what was told to end does so */
        judge_end(&h.judge);
        ticks_judge(&h);
        receivers_judge(&h);
        if (options->seed % 8 == 0) {
            open_twice(&h);
        }
    }
    *ret = (struct history_result){
        .failed = h.world.failure[0] != '\0',
        .trace = h.world.trace,
        .faults = (int)h.fault_count,
        .executions = (int)h.world.executions.count,
        .engines = h.engines,
        .simulated_ms = h.world.now_ms,
    };
    memcpy(ret->failure, h.world.failure, sizeof ret->failure);
    judge_print(&h.judge);
    world_engine_dies(&h.world);
    history_engine_away(&h);
    history_close(&h);
}
