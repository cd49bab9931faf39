/* SPDX-License-Identifier: Apache-2.0
 * The turn: wait, take what is ready, decide, commit, act.
 */
#include "engine/engine.h"

#include "base/cgroup.h"
#include "base/log.h"
#include "base/machine_share.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/fs.h"
#include "engine/beside.h"
#include "engine/firing.h"
#include "engine/heirs.h"
#include "engine/stats.h"
#include "engine/waits.h"
#include "engine/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { SEND_AT_ONCE_BYTES = 1 << 20, TURN_JOURNAL_BYTES = 1 << 20, TURN_EVENTS = 64 };

void crash_point(const struct engine *engine, const char *name)
{
    engine->world->crash_point(engine->world->ctx, name);
}

/* ---- the transaction of a turn --------------------------------------------------------------- */

int turn_begin(struct engine *engine, struct err *err)
{
    if (engine->in_transaction) {
        return 0;
    }
    if (store_begin(engine->options.store, err) < 0) {
        return -1;
    }
    engine->in_transaction = true;
    return 0;
}

void turn_send(struct engine *engine, const char *runner, struct json message)
{
    struct outgoing out = {.message = message};
    (void)snprintf(out.runner, sizeof out.runner, "%s", runner);
    vec_push(&engine->outgoing, out);
}

void turn_recall_spawns(struct engine *engine, const char *runner)
{
    size_t kept = 0;
    for (size_t i = 0; i < engine->outgoing.count; i++) {
        const struct outgoing *out = &engine->outgoing.items[i];
        if (strcmp(out->runner, runner) != 0 || strcmp(json_get_text(&out->message, "type", ""), "spawn") != 0) {
            engine->outgoing.items[kept++] = *out;
        }
    }
    engine->outgoing.count = kept;
}

void turn_abandon(struct engine *engine)
{
    if (engine->in_transaction) {
        store_rollback(engine->options.store);
        engine->in_transaction = false;
    }
    engine->outgoing.count = 0;
    engine->unpublished.count = 0;
    engine->telling.seen = 0;
    engine->reload = true;
    firing_forget(engine);
}

/* Whether the next message goes the same way: both are sent at once. */
static bool is_followed(const struct engine *engine, size_t i)
{
    return i + 1 < engine->outgoing.count &&
           strcmp(engine->outgoing.items[i].runner, engine->outgoing.items[i + 1].runner) == 0;
}

/* Messages go out only now that what they act on is durable. A runner that is gone is noticed by links_read. */
static void act(struct engine *engine)
{
    for (size_t i = 0; i < engine->unpublished.count; i++) {
        struct err left = {0};
        crash_point(engine, "before_remove");
        if (fs_remove(engine->unpublished.items[i], &left) < 0) {
            log_warn("engine", "what a model has left that was not published stays: %s", left.message);
        }
    }
    engine->unpublished.count = 0;
    for (size_t i = 0; i < engine->outgoing.count; i++) {
        struct runner_link *link = link_find(engine, engine->outgoing.items[i].runner);
        if (link != NULL) {
            bool more = is_followed(engine, i) && link->stream.out.length < SEND_AT_ONCE_BYTES;
            (more ? link_queue : link_send)(engine, link, &engine->outgoing.items[i].message);
        }
    }
    engine->outgoing.count = 0;
}

static int persist_all(struct engine *engine, struct err *err)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        if (open_run_persist(engine, engine->runs.items[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (attempt->dirty && store_attempt_update(engine->options.store, &attempt->row, err) < 0) {
            return -1;
        }
        attempt->dirty = false;
    }
    return 0;
}

/* Attempts and runs whose end is committed leave memory. */
static void forget_ended(struct engine *engine)
{
    for (size_t i = engine->attempts.count; i > 0; i--) {
        if (engine->attempts.items[i - 1]->row.ended_ms != 0) {
            attempt_drop(engine, engine->attempts.items[i - 1]);
        }
    }
    for (size_t i = engine->runs.count; i > 0; i--) {
        struct open_run *open = engine->runs.items[i - 1];
        if (run_state_is_terminal(open->run->state)) {
            assert(!heirs_wait_in(engine, open));
            run_env_forget(engine, open->row.run_id);
            open_run_drop(engine, open);
        }
    }
}

static bool has_changes(const struct engine *engine)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        const struct run_changes *changes = &engine->runs.items[i]->changes;
        if (changes->run || changes->items.count > 0 || changes->steps.count > 0) {
            return true;
        }
    }
    return false;
}

void turn_forget(struct engine *engine)
{
    arena_reset(engine->turn);
    engine->plugin_digests = NULL;
    engine->turn_starts = 0;
}

int turn_commit(struct engine *engine, struct err *err)
{
    if (!engine->in_transaction) {
        return 0;
    }
    /* Again while writing a run's end changed its parent, which may be looked at before or after it; and when a step
     * that began is a run of a group. */
    do {
        if (places_give(engine, err) < 0 || attempts_start(engine, err) < 0 || persist_all(engine, err) < 0) {
            turn_abandon(engine);
            return -1;
        }
    } while (has_changes(engine) || places_may_begin(engine) || attempts_may_start(engine));
    bool left = attempts_are_left(engine); /* which must not stand behind others as long as slots are free */
    if ((!left && heirs_give(engine, err) < 0) || free_heirs_write(engine, err) < 0 || telling_tell(engine, err) < 0) {
        turn_abandon(engine);
        return -1;
    }
    crash_point(engine, "before_commit");
    if (store_commit(engine->options.store, err) < 0) {
        turn_abandon(engine);
        return -1;
    }
    engine->in_transaction = false;
    engine->starts_left = left;
    crash_point(engine, "after_commit");
    act(engine);
    crash_point(engine, "after_act");
    if (!engine->starts_wait) {
        store_tidy(engine->options.store);
    }
    forget_ended(engine);
    turn_forget(engine);
    return 0;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int read_links(struct engine *engine, const struct epoll_event *events, int count, struct err *err)
{
    for (int i = 0; i < count; i++) {
        struct runner_link *link = events[i].data.ptr;
        if (link != NULL && links_read(engine, link, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int take_events(struct engine *engine, struct err *err)
{
    int taken = 0;
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        if (!open->look) {
            continue;
        }
        int frames = ingest_run(engine, open, TURN_JOURNAL_BYTES, err);
        if (frames < 0) {
            return -1;
        }
        taken += frames;
    }
    if (wall_clock_follow(engine, err) < 0) {
        return -1;
    }
    int64_t now_ms = engine_now(engine);
    int due = timers_fire_wakes(engine, now_ms, err);
    int late = due < 0 ? -1 : timers_fire_timeouts(engine, now_ms, err);
    if (late < 0) {
        return -1;
    }
    if (engine->next_wait_check_ms != 0 && engine->next_wait_check_ms <= now_ms) {
        if (waits_check(engine, now_ms, err) < 0) {
            return -1;
        }
        taken++;
    }
    int overdue = telling_late(engine, now_ms, err);
    if (overdue < 0 || (telling_has_news(engine) && turn_begin(engine, err) < 0)) {
        return -1;
    }
    int told = deliveries_finish(engine, err);
    int reaped = told < 0 ? -1 : reaper_look(engine, err);
    int fired = reaped < 0 ? -1 : firing_look(engine, err);
    if (fired < 0 || backstop_check(engine, err) < 0) {
        return -1;
    }
    heirs_check(engine);
    bool starts = attempts_ask(engine) || (engine->starts_left && !engine->starts_wait);
    if (starts && turn_begin(engine, err) < 0) { /* whose end looks at what they wait for */
        return -1;
    }
    return taken + due + late + overdue + told + reaped + fired;
}

/* ---- attempts nobody has --------------------------------------------------------------------- */

static bool is_held(struct engine *engine, const struct live_attempt *attempt)
{
    return attempt->row.ended_ms != 0 || attempt->row.state == ATTEMPT_STATE_WAITING ||
           link_find(engine, attempt->row.runner) != NULL;
}

/* Is there more to read in the journal of an attempt that nobody has, or of a run with heirs that a machine has taken
 * along? Their ends may stand there. */
static bool has_more_to_read(struct engine *engine)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        if (engine->attempts.items[i]->open->look && !is_held(engine, engine->attempts.items[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < engine->runs.count; i++) {
        if (engine->runs.items[i]->look && engine->runs.items[i]->free_heirs_boot[0] != '\0') {
            return true;
        }
    }
    return false;
}

/* After loading: the runner of an attempt may have gone before, or in the very turn that could not be committed. */
static int settle_orphans(struct engine *engine, struct err *err)
{
    if (free_heirs_settle(engine, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (!is_held(engine, attempt) &&
            (turn_begin(engine, err) < 0 || attempt_orphaned(engine, attempt, "its runner was killed", err) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* ---- a turn ---------------------------------------------------------------------------------- */

/* The turn that failed has sent nothing. If its rows are there all the same (the commit was only said to have failed),
 * the runners have not heard of what stands in them. */
int turn_ready(struct engine *engine, struct err *err)
{
    if (!engine->reload) {
        return 0;
    }
    if (memory_load(engine, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->links.count; i++) {
        engine->links.items[i]->listed = false;
        if (!engine->links.items[i]->dead) {
            link_ask(engine, engine->links.items[i]);
        }
    }
    return 0;
}

int turn_end(struct engine *engine, int result, struct err *err)
{
    if (result == 0 && (result = record_beside(engine, err)) == 0) {
        result = turn_commit(engine, err);
    } else {
        turn_abandon(engine);
    }
    if (result < 0) {
        struct err later = {0};
        (void)turn_ready(engine, &later); /* what cannot be read now is read before the next command */
    }
    return result;
}

int engine_turn(struct engine *engine, int timeout_ms, struct err *err)
{
    engine->woken = true;
    if (turn_ready(engine, err) < 0 || deliveries_start(engine, err) < 0) {
        return -1;
    }
    if (!engine->in_transaction && engine->outgoing.count == 0) {
        turn_forget(engine); /* a turn that committed nothing has left its garbage */
    }
    links_drop_dead(engine);
    struct epoll_event events[TURN_EVENTS];
    int timeout = timers_wait_ms(engine, timeout_ms);
    int64_t waits_ms = engine_monotonic_ms(engine);
    int count = engine->world->wait(engine->world->ctx, engine->epoll_fd, events, TURN_EVENTS, timeout);
    wall_clock_waited(engine, engine_monotonic_ms(engine) - waits_ms);
    if (count < 0 && errno != EINTR) {
        return err_errno(err, "waiting for events");
    }
    double begun = histogram_begin();
    engine->woken = watch_has_woken(events, count);
    int taken = read_links(engine, events, count < 0 ? 0 : count, err) < 0 ? -1 : take_events(engine, err);
    bool settles = engine->unsettled && taken >= 0 && !has_more_to_read(engine);
    int result =
        taken < 0 || (settles && (settle_orphans(engine, err) < 0 || waits_settle(engine, err) < 0)) ? -1 : 0;
    if (turn_end(engine, result, err) < 0) {
        return -1;
    }
    engine->unsettled = engine->unsettled && !settles;
    histogram_end(&engine->stats.turns, begun);
    return taken + (count > 0 ? count : 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Each engine of a home gets a higher generation: runners obey the newest. */
static int next_generation(struct engine *engine, struct err *err)
{
    struct arena *arena = arena_new();
    const char *path = path_join(arena, engine->options.home, "generation");
    struct str text = {0};
    int64_t last = 0;
    /* One that cannot be read is not begun anew: runners would refuse what they take for an engine of before. */
    int result = fs_exists(path) ? fs_read(path, 64, arena, &text, err) : 0;
    (void)parse_int(str_trim(text), 0, INT64_MAX - 1, &last, NULL);
    engine->generation = last + 1;
    crash_point(engine, "before_generation");
    const char *next = arena_printf(arena, "%lld\n", (long long)engine->generation);
    result = result < 0 ? -1 : fs_write(path, str_from(next), 0600, false, err);
    crash_point(engine, "after_generation");
    arena_free(arena);
    return result;
}

/* Settles what the last engine left: reads the journals, then asks the runners, then looks at attempts nobody has. */
static int engine_recover(struct engine *engine, struct err *err)
{
    if (links_scan(engine, err) < 0) {
        return -1;
    }
    do {
        if (engine_turn(engine, 0, err) < 0) {
            return -1;
        }
    } while (engine->unsettled);
    /* Ready items of runs that had no event: attempts_start looks at all runs once a transaction is open. */
    if (turn_begin(engine, err) < 0 || turn_commit(engine, err) < 0) {
        return -1;
    }
    log_info("engine", "has taken up the open runs of the home: %zu", engine->runs.count);
    return 0;
}

int engine_open(const struct engine_options *options, struct engine **ret_engine, struct err *err)
{
    struct engine *engine = mem_alloc(sizeof *engine);
    engine->options = *options;
    engine->world = options->world != NULL ? options->world : &engine_world_system;
    engine->turn = arena_new();
    stats_open(engine);
    engine->slots = options->slots > 0 ? options->slots : machine_processors(cgroup_root());
    engine->slots = options->starts_nothing ? 0 : engine->slots;
    engine->world->seed(engine->world->ctx, &engine->rng);
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0) {
        (void)err_errno(err, "creating the event loop");
        goto fail;
    }
    backstop_open(engine);
    wall_clock_look(engine);
    if (leases_open(engine, err) < 0 || engine->world->boot_id(engine->world->ctx, engine->boot_id, err) < 0 ||
        next_generation(engine, err) < 0 || telling_open(engine, err) < 0 ||
        memory_load(engine, err) < 0 || engine_recover(engine, err) < 0) {
        goto fail;
    }
    *ret_engine = engine;
    return 0;
fail:
    engine_close(engine);
    return -1;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    turn_abandon(engine);
    memory_drop(engine);
    while (engine->links.count > 0) {
        link_drop(engine, engine->links.items[engine->links.count - 1]);
    }
    run_envs_clear(engine);
    url_probes_clear(&engine->probes);
    deliveries_clear(engine);
    vec_clear(&engine->runs);
    vec_clear(&engine->attempts);
    vec_clear(&engine->heirs);
    vec_clear(&engine->wakes);
    vec_clear(&engine->links);
    vec_clear(&engine->outgoing);
    vec_clear(&engine->unpublished);
    gathered_clear(&engine->gathered);
    leases_close(engine);
    if (engine->epoll_fd >= 0) {
        (void)close(engine->epoll_fd);
    }
    arena_free(engine->turn);
    free(engine);
}
