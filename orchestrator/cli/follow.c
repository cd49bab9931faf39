/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"

#include "base/log.h"
#include "base/parse.h"
#include "cli/door.h"
#include "cli/live.h"
#include "cli/onlooker.h"
#include "cli/summary.h"
#include "view/run_view.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { STORE_RETRIES = 30, LOOK_MS = 200 };

struct follower {
    struct session *session;
    const char *run_id;
    const struct follow_options *options;
    struct live *live;
    struct door *door;         /* of the home, when it is ours */
    struct onlooker *onlooker; /* when it is another's */
    int signal_fd;
    int signal; /* the first that came; 0: none */
    int signals;
    const char *wish; /* "cancel" or "kill", until it is done; NULL: none */
    bool cancelled;   /* the cancel is done, which comes before the kill */
};

/* ---- signals --------------------------------------------------------------------------------------------------- */

static sigset_t block_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}

void follow_hold_signals(void)
{
    (void)block_signals();
}

static int watch_signals(struct follower *f, struct err *err)
{
    sigset_t set = block_signals();
    f->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return f->signal_fd < 0 ? err_errno(err, "watching signals") : 0;
}

static bool signal_came(struct follower *f)
{
    struct signalfd_siginfo info;
    if (read(f->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return false;
    }
    if (++f->signals == 1) {
        f->signal = (int)info.ssi_signo;
    }
    return true;
}

static const char *signal_words(const struct follower *f)
{
    return f->signal == SIGINT ? "interrupted" : f->signal == SIGHUP ? "the terminal went away" : "terminated";
}

/* The first signal cancels by the ladder, the second lets no step take its time. The third leaves: a runner that does
 * not answer (it may be stopped) is not waited for. */
static void take_signal(struct follower *f)
{
    if (!signal_came(f)) {
        return;
    }
    if (f->signals > 2) {
        fprintf(stderr, "sluice: left before the steps had ended: 'sluice resume' sees to them\n");
        return;
    }
    f->wish = f->signals == 1 ? "cancel" : "kill";
    if (f->signals == 1) {
        live_clear(f->live);
        fprintf(stderr, "sluice: cancelling (once more to kill the steps at once)\n");
    }
}

/* Of the store's failures: a full disk, which somebody will see to. */
static bool may_pass(const struct err *wrong)
{
    return wrong->code == ERR_LIMIT || wrong->code == ERR_BUSY;
}

/* Or for a signal: the kernel makes one of two that nobody has taken. */
static void wait_for_room(struct follower *f, const struct err *wrong)
{
    live_clear(f->live);
    log_error("run", "%s: trying again in a second", wrong->message);
    struct pollfd signals = {.fd = f->signal_fd, .events = POLLIN};
    (void)poll(&signals, 1, 1000);
}

/* A wish stays until an engine has taken it: the one that held the home may have gone. A full disk is waited out
 * for as long as it takes: a signal that was lost would leave a run that the next command goes on with. */
static int have_wish_done(struct follower *f, struct err *err)
{
    struct session *session = f->session;
    struct err wrong = {0};
    if (f->wish == NULL) {
        return 0;
    }
    bool over = session->visit == NULL && engine_run_is_over(session->engine, f->run_id);
    if (!over && !f->cancelled) {
        f->cancelled = session_cancel(session, f->run_id, signal_words(f), &wrong) == 0;
    }
    if (!over && f->cancelled && strcmp(f->wish, "kill") == 0) {
        (void)session_kill(session, f->run_id, &wrong);
    }
    if (may_pass(&wrong)) {
        if (session->visit == NULL) {
            wait_for_room(f, &wrong);
        }
        return 0; /* of a visit, the next look comes soon; the host may have gone, or its disk is full */
    }
    f->wish = NULL;
    if (wrong.code == ERR_NONE || (wrong.code == ERR_STATE && session->visit != NULL)) {
        return 0; /* done, or the run has just ended */
    }
    *err = wrong;
    return -1;
}

/* ---- the home is ours ------------------------------------------------------------------------------------------ */

/* A full disk is waited out; anything else of the store ends the command, and the next one recovers. */
static int turn(struct follower *f, int timeout_ms, int *failures, struct err *err)
{
    struct err wrong = {0};
    struct tracking *tracking = f->session->tracking;
    if (engine_turn(f->session->engine, tracking_wait_ms(tracking, timeout_ms), &wrong) >= 0) {
        *failures = 0;
        return tracking_serve(tracking, err);
    }
    if (!may_pass(&wrong) || ++*failures > STORE_RETRIES) {
        *err = wrong;
        return -1;
    }
    wait_for_room(f, &wrong);
    return 0;
}

static double own_progress(void *ctx, struct run_place place, const char **ret_text)
{
    const struct follower *f = ctx;
    return engine_progress(f->session->engine, f->run_id, place, ret_text);
}

static int hold(struct follower *f, struct err *err)
{
    struct engine *engine = f->session->engine;
    int failures = 0;
    if (engine_watch(engine, f->signal_fd, err) < 0 || door_open(f->session, f->run_id, &f->door, err) < 0) {
        return -1;
    }
    while (f->signals <= 2 && !engine_run_is_over(engine, f->run_id)) {
        const struct run *run = engine_find_run(engine, f->run_id);
        if (failures == 0 && run != NULL) {
            struct live_source source = {run, engine_changes(engine, f->run_id), own_progress, f};
            live_update(f->live, &source);
            if (!f->options->wait && engine_is_blocked(engine, f->run_id)) {
                break;
            }
        }
        take_signal(f);
        if (have_wish_done(f, err) < 0) {
            return -1;
        }
        if (f->wish != NULL) {
            continue; /* there was no room for it: nothing is begun before it */
        }
        if (turn(f, live_interval_ms(f->live), &failures, err) < 0) {
            return -1;
        }
        if (failures == 0) {
            door_serve(f->door);
        }
    }
    return 0;
}

/* Our own run is over, but another one still runs here, of somebody who was killed or has gone: it would be left
 * without an engine. Somebody who follows one takes the home over; else we stay. */
static void stay(struct follower *f)
{
    struct err err = {0};
    int failures = 0;
    bool told = false;
    while (f->signals == 0 && !engine_is_idle(f->session->engine) && !door_has_follower(f->door)) {
        if (!told && !f->session->cli->quiet) {
            fprintf(stderr, "sluice: staying while another run goes on in this home ('sluice runs' shows it; Ctrl-C "
                            "leaves it)\n");
        }
        told = true;
        (void)fflush(stdout);
        if (turn(f, LOOK_MS, &failures, &err) < 0) {
            log_error("run", "%s", err.message);
            return;
        }
        (void)signal_came(f);
        if (failures == 0) {
            door_serve(f->door);
        }
    }
}

/* ---- the home is another's ------------------------------------------------------------------------------------- */

static double seen_progress(void *ctx, struct run_place place, const char **ret_text)
{
    const struct follower *f = ctx;
    return onlooker_progress(f->onlooker, place, ret_text);
}

/* 0 when there is no more to see, 1 when the holder has gone and left the run. */
static int look_on(struct follower *f, struct err *err)
{
    while (f->signals <= 2) {
        struct err gone = {0};
        int open = onlooker_look(f->onlooker, &gone);
        if (open < 0 && gone.code == ERR_BUSY) {
            return 1;
        }
        if (open <= 0) {
            *err = gone;
            return open;
        }
        struct live_source source = {onlooker_run(f->onlooker), NULL, seen_progress, f};
        live_update(f->live, &source);
        if (!f->options->wait && onlooker_is_blocked(f->onlooker)) {
            return 0;
        }
        struct pollfd ends[] = {{.fd = f->signal_fd, .events = POLLIN},
                                {.fd = visit_fd(f->session->visit), .events = POLLIN}};
        (void)poll(ends, 2, f->session->cli->terminal ? live_interval_ms(f->live) : LOOK_MS);
        take_signal(f);
        if (have_wish_done(f, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int visit_holder(struct follower *f, struct err *err)
{
    if (onlooker_new(f->session, f->run_id, &f->onlooker, err) < 0) {
        return -1;
    }
    int result = look_on(f, err);
    onlooker_free(f->onlooker);
    f->onlooker = NULL;
    return result;
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

static int follow(struct follower *f, struct err *err)
{
    while (f->session->visit != NULL) {
        int result = visit_holder(f, err);
        if (result <= 0) {
            return result;
        }
        if (session_rejoin(f->session, err) < 0) {
            return -1;
        }
    }
    return hold(f, err);
}

/* What the command ends with: 0, 1, 6 by the run's state and verdict; 5 when it waits. */
static int exit_code_of(const struct run_view *view)
{
    switch (view->row.state) {
    case RUN_STATE_SUCCEEDED:
        return EXIT_OK;
    case RUN_STATE_QUEUED:
    case RUN_STATE_RUNNING:
    case RUN_STATE_WAITING:
        return EXIT_WAITING;
    case RUN_STATE_FAILED:
        return view->row.verdict == VERDICT_REFUSED ? EXIT_REFUSED : EXIT_RUN_FAILED;
    default:
        return EXIT_RUN_FAILED;
    }
}

static int report(struct follower *f, struct err *err)
{
    if (f->signals > 2) {
        return EXIT_SIGNAL + f->signal;
    }
    struct cli *cli = f->session->cli;
    struct run_view view;
    struct store *store = f->session->home.store;
    if (run_view_load_steps(store, &f->session->catalogue, f->run_id, &view, err) < 0) {
        return -1;
    }
    bool tells_attempts = cli->json || view.row.state != RUN_STATE_SUCCEEDED; /* the log of what failed */
    if (tells_attempts && run_view_load_attempts(store, &view, err) < 0) {
        run_view_clear(&view);
        return -1;
    }
    live_finish(f->live, &view);
    if (cli->json) {
        struct json object = run_view_json(&view, view.arena);
        struct str text = json_text(view.arena, &object);
        printf("%.*s\n", (int)text.n, text.p);
    } else if (!cli->quiet) {
        summary_print(cli, &f->session->home, &view, false, stdout);
    }
    int code = f->signal != 0 ? EXIT_SIGNAL + f->signal : exit_code_of(&view);
    run_view_clear(&view);
    return code;
}

int follow_run(struct session *session, const char *run_id, const struct follow_options *options)
{
    struct err err = {0};
    struct follower f = {.session = session, .run_id = run_id, .options = options, .signal_fd = -1};
    f.live = live_new(session, run_id, options->logs);
    int code = -1;
    if (watch_signals(&f, &err) == 0 && follow(&f, &err) == 0) {
        code = report(&f, &err);
    }
    if (code >= 0 && f.door != NULL) {
        stay(&f);
    }
    live_free(f.live);
    door_close(f.door);
    if (f.signal_fd >= 0) {
        (void)close(f.signal_fd);
    }
    return code < 0 ? cli_fail(session->cli, EXIT_HOME, &err) : code;
}
