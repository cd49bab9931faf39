/* SPDX-License-Identifier: Apache-2.0
 * Heirs: attempts that the engine has given out before their time (wire/message.h, "after").
 *
 * Between two short steps the engine's word would take longer than the steps. So it says beforehand what follows the
 * success of one that leaves nothing behind but lines: the runner goes on by itself, with its journal on the disk, and
 * the engine reads there what has happened. While the one before runs, what can be done before its turn is done: its
 * places are made, and the process in which a script or a plugin will run (launch.c).
 */
#include "base/clock.h"
#include "base/crash_point.h"
#include "runner/runner.h"
#include "runner/supervise.h"

/* While so many are held beside the one that begins, the engine hears of ends when it has time: a few, one commit. */
enum { LINE_LOW = 8 };

/* Much less than what a runner is silent before its steps are ended in its place (engine/backstop.c). */
enum { LISTENED_MS = 1000 };

/* Nothing of it needs the engine: no outputs, files or metrics, no question that it asked, no fault. */
static bool has_simply_succeeded(const struct supervised *attempt)
{
    const struct exit_facts *facts = &attempt->facts;
    return facts->how == EXIT_EXITED && facts->code == 0 && facts->stopped == NULL && facts->why == NULL &&
           facts->kernel_limit_bytes == 0 && !attempt->failed && !attempt->waits && !attempt->left &&
           !attempt->collecting;
}

/* Will an engine that comes read of the heir? Not in a file that was deleted, or that stands somewhere else; nor, after
 * a power cut, in one that could not be synced. */
static bool can_be_told(const struct run_journal *journal)
{
    return !journal->full && !journal->damaged && journal->unsynced.code == 0 && run_journal_is_in_place(journal);
}

/* It may have been stopped since, or hung: what the engine has said to that may not have been read. */
static bool has_just_listened(const struct runner *runner)
{
    return clock_monotonic_ms(&clock_system) - runner->listened_ms < LISTENED_MS;
}

static struct supervised *held_after(const struct supervised *attempt)
{
    const struct runner *runner = attempt->runner;
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct supervised *heir = runner->attempts.items[i];
        if (heir->phase == ATTEMPT_HELD && heir->after == attempt->id && heir->journal == attempt->journal &&
            !heir->withdrawn && heir->facts.stopped == NULL && json_get(&heir->spawn, "order") != NULL) {
            return heir;
        }
    }
    return NULL;
}

struct supervised *heir_of(const struct supervised *attempt)
{
    bool may = has_simply_succeeded(attempt) && !attempt->runner->ending && can_be_told(attempt->journal) &&
               has_just_listened(attempt->runner);
    return may ? held_after(attempt) : NULL;
}

void heir_begin(struct supervised *heir, int64_t now_ms)
{
    crash_point_pass("runner_before_heir");
    supervise_announce(heir, now_ms);
    launch_announce(heir);
    if (json_get_bool(json_get(&heir->spawn, "order"), "free", false)) {
        run_journal_sync_later(heir->journal, now_ms); /* a row says that it may have begun */
        return;
    }
    heir->sync_to = heir->journal->full ? SYNC_ALL : run_journal_size(heir->journal);
}

/* The one that runs; NULL when none does, or several: they keep the cores busy as it is. */
static struct supervised *alone(const struct runner *runner)
{
    struct supervised *found = NULL;
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct supervised *attempt = runner->attempts.items[i];
        bool runs = attempt->phase == ATTEMPT_RUNNING || attempt->phase == ATTEMPT_DRAINING;
        if (runs && found != NULL) {
            return NULL;
        }
        found = runs ? attempt : found;
    }
    return found;
}

/* What comes next, if it is to be made ready, and has no places yet. */
static struct supervised *next_to_place(const struct runner *runner)
{
    const struct supervised *attempt = alone(runner);
    bool may = attempt != NULL && attempt->phase == ATTEMPT_RUNNING && attempt->facts.stopped == NULL &&
               !attempt->failed && !attempt->left && !attempt->journal->full && !attempt->journal->damaged;
    struct supervised *heir = may ? held_after(attempt) : NULL;
    return heir != NULL && !heir->placed ? heir : NULL;
}

void heirs_hold(struct runner *runner)
{
    struct supervised *heir = next_to_place(runner);
    if (heir != NULL && !heir->ready) {
        launch_hold(heir);
    }
}

void heirs_place(struct runner *runner)
{
    struct supervised *heir = next_to_place(runner);
    if (heir != NULL) {
        launch_place(heir);
    }
}

bool heir_has_line(const struct supervised *heir)
{
    const struct runner *runner = heir->runner;
    int held = 0;
    bool followed = false;
    for (size_t i = 0; i < runner->attempts.count; i++) {
        const struct supervised *other = runner->attempts.items[i];
        if (other->phase == ATTEMPT_HELD && !other->withdrawn && other != heir) {
            held++;
            followed = followed || other->after == heir->id;
        }
    }
    return followed && held >= LINE_LOW;
}
