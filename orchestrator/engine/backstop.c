/* SPDX-License-Identifier: Apache-2.0
 * What the engine does when a runner does not do its part (docs/operations.md, "A runner that does not answer").
 *
 * Timeouts and the stop ladder are the runner's. A runner that is stopped, or hangs in the kernel, enforces nothing. So
 * the engine knows when each attempt should have ended: at its timeout and grace, or at the grace of a stop. From then
 * on it looks at the runner four times in `backstop_ms`:
 *
 *     late ──> asked ("list") ──> woken (SIGCONT) and asked again ──> silent
 *       ^         │  half the time        │  the other half             │ the late attempts are ended here;
 *       └─────────┴── any word of it ─────┘                             │ the runner is killed if it holds no other
 *
 * Looks are counted, not time: an engine or a machine that was suspended has not looked. A runner that answers is
 * trusted, however late the attempt: it may hold its steps for want of disk.
 */
#include "base/log.h"
#include "base/parse.h"
#include "engine/apart.h"
#include "engine/engine_internal.h"

#include <stdlib.h>

/* Generous: a machine that is merely overloaded lets a runner come to its turn in that time. */
enum { BACKSTOP_MS = 30000, LOOKS = 4 };

/* SLUICE_BACKSTOP_MS is for tests, like SLUICE_CRASH. */
void backstop_open(struct engine *engine)
{
    const char *wanted = getenv("SLUICE_BACKSTOP_MS");
    engine->backstop_ms = BACKSTOP_MS;
    if (wanted != NULL) {
        (void)parse_int(str_from(wanted), LOOKS, INT32_MAX, &engine->backstop_ms, NULL);
    }
}

void backstop_heard(struct runner_link *link)
{
    if (link->silent) {
        log_warn("engine", "runner=%s answers again", link->id);
    }
    link->unanswered = 0;
    link->silent = false;
}

/* ---- what is late --------------------------------------------------------------------------------------- */

/* When it should be over, or begun; 0: at no time. */
static int64_t due_of(const struct engine *engine, const struct live_attempt *attempt)
{
    const struct step *step = run_step_at(attempt->open->run, attempt->place);
    if (!attempt_is_with_runner(attempt) || attempt->asks) {
        return 0;
    }
    int64_t due_ms = attempt->stop_due_ms;
    int64_t own_ms = 0;
    if (!attempt_has_begun(engine, &attempt->row)) {
        own_ms = attempt->since_ms + engine->backstop_ms;
    } else if (step->timeout_ms > 0) {
        own_ms = attempt->since_ms + step->timeout_ms + step->stop_grace_ms;
    }
    return due_ms == 0 || (own_ms != 0 && own_ms < due_ms) ? own_ms : due_ms;
}

static bool is_due(const struct engine *engine, const struct live_attempt *attempt, int64_t at_ms)
{
    int64_t due_ms = due_of(engine, attempt);
    return due_ms != 0 && due_ms <= at_ms;
}

static bool is_of(const struct live_attempt *attempt, const struct runner_link *link)
{
    return attempt_is_with_runner(attempt) && strcmp(attempt->row.runner, link->id) == 0;
}

static bool has_due(const struct engine *engine, const struct runner_link *link, int64_t at_ms)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        const struct live_attempt *attempt = engine->attempts.items[i];
        if (is_of(attempt, link) && is_due(engine, attempt, at_ms)) {
            return true;
        }
    }
    return false;
}

static int64_t now_of(const struct engine *engine)
{
    return clock_monotonic_ms(engine->options.clock);
}

int64_t backstop_wait_ms(const struct engine *engine)
{
    int64_t earliest = 0;
    for (size_t i = 0; i < engine->attempts.count; i++) {
        int64_t due_ms = due_of(engine, engine->attempts.items[i]);
        earliest = earliest == 0 || (due_ms != 0 && due_ms < earliest) ? due_ms : earliest;
    }
    if (earliest == 0) {
        return INT64_MAX;
    }
    int64_t look_ms = engine->backstop_look_ms + engine->backstop_ms / LOOKS;
    int64_t left = (earliest < look_ms ? look_ms : earliest) - now_of(engine);
    return left < 0 ? 0 : left;
}

/* ---- a runner that does not answer ------------------------------------------------------------------------ */

struct looking {
    struct engine *engine;
    const struct runner_link *link;
    bool found;
};

/* A step that has begun, of a run that could not be loaded. */
static void look_for_unloaded(void *ctx, const struct attempt_row *row)
{
    struct looking *looking = ctx;
    bool begun = row->state != ATTEMPT_STATE_WAITING && strcmp(row->runner, looking->link->id) == 0;
    looking->found = looking->found || (begun && attempt_find(looking->engine, row->id) == NULL);
}

/* Would something be lost with the runner that is not late: a step that has begun, also one of a run that could not be
 * loaded? */
static int holds_others(struct engine *engine, const struct runner_link *link, int64_t at_ms, struct err *err)
{
    struct looking looking = {.engine = engine, .link = link};
    if (store_attempts_open(engine->options.store, look_for_unloaded, &looking, err) < 0) {
        return -1;
    }
    if (looking.found) {
        return 1;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        const struct live_attempt *attempt = engine->attempts.items[i];
        if (is_of(attempt, link) && attempt_has_begun(engine, &attempt->row) && !is_due(engine, attempt, at_ms)) {
            return 1;
        }
    }
    return 0;
}

/* What is late for no other reason than its timeout has timed out. What has not begun has not. */
static bool mark_late(struct engine *engine, struct live_attempt *attempt)
{
    if (attempt->row.stopping == NULL && attempt_has_begun(engine, &attempt->row)) {
        attempt->late = true;
        attempt_set(&attempt->row.stopping, "timeout");
        attempt->dirty = true;
    }
    return attempt->row.stopping != NULL;
}

/* The runner lives on with others: when it wakes it finds the stop before it could start anything, and forgets them.
 * What has not begun and is not to be stopped is left to it, since only its death is proof that it never begins. */
static int cut_off_late(struct engine *engine, const struct runner_link *link, int64_t at_ms, struct err *err)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (!is_of(attempt, link) || !is_due(engine, attempt, at_ms) || !mark_late(engine, attempt)) {
            continue;
        }
        if (turn_begin(engine, err) < 0) {
            return -1;
        }
        stop_send(engine, &attempt->row, attempt->row.stopping, 0);
        attempt_acknowledge(engine, attempt);
        if (attempt_cut_off(engine, attempt, "its runner does not answer", err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Only their own user may signal processes of another. */
static bool wake(const struct engine *engine, const struct runner_link *link)
{
    return link->apart ? apart_signal(engine, link, "CONT") : runner_process_wake(link->pidfd);
}

static bool kill_runner(const struct engine *engine, const struct runner_link *link)
{
    return link->apart ? apart_signal(engine, link, "KILL") : runner_process_kill(link->pidfd);
}

static int give_up(struct engine *engine, struct runner_link *link, struct err *err)
{
    int64_t at_ms = now_of(engine) - engine->backstop_ms;
    if (!link->silent) {
        log_error("engine", "runner=%s is unresponsive: new steps go to another", link->id);
    }
    link->silent = true;
    if (ingest_all(engine, err) < 0) { /* its last words count */
        return -1;
    }
    int others = has_due(engine, link, at_ms) ? holds_others(engine, link, at_ms, err) : 1;
    if (others < 0) {
        return -1;
    }
    if (others > 0 || !kill_runner(engine, link)) {
        return cut_off_late(engine, link, at_ms, err);
    }
    log_error("engine", "runner=%s was killed", link->id);
    if (ingest_all(engine, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (is_of(attempt, link) && is_due(engine, attempt, at_ms)) {
            (void)mark_late(engine, attempt);
        }
    }
    return link_gone(engine, link, "its runner did not answer and was killed", err);
}

static int look(struct engine *engine, struct runner_link *link, struct err *err)
{
    /* An answer may have come while this process did not run. */
    if (link->unanswered > 0 && links_read(engine, link, err) < 0) {
        return -1;
    }
    if (link->dead) {
        return 0;
    }
    link->unanswered++;
    if (link->unanswered == 1) {
        link_ask(engine, link);
    } else if (link->unanswered == 1 + LOOKS / 2) {
        log_warn("engine",
                 "runner=%s has not answered for %lld ms, and a step that it holds is late: it is sent SIGCONT",
                 link->id, (long long)(engine->backstop_ms / 2));
        (void)wake(engine, link);
        link_ask(engine, link);
    } else if (link->unanswered > LOOKS) {
        return give_up(engine, link, err);
    }
    return 0;
}

int backstop_check(struct engine *engine, struct err *err)
{
    int64_t now_ms = now_of(engine);
    if (now_ms < engine->backstop_look_ms + engine->backstop_ms / LOOKS) {
        return 0;
    }
    engine->backstop_look_ms = now_ms;
    for (size_t i = 0; i < engine->links.count; i++) {
        struct runner_link *link = engine->links.items[i];
        if (!link->dead && has_due(engine, link, now_ms) && look(engine, link, err) < 0) {
            return -1;
        }
    }
    return 0;
}
