/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"

#include "base/log.h"
#include "base/parse.h"
#include "cli/door.h"
#include "cli/live.h"
#include "cli/run_view.h"
#include "cli/summary.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { STORE_RETRIES = 30 };

struct follower {
    struct session *session;
    const char *run_id;
    const struct follow_options *options;
    struct live *live;
    struct door *door;
    int signal_fd;
    int signal; /* the first that came; 0: none */
    int signals;
};

static int watch_signals(struct follower *f, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    f->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (f->signal_fd < 0) {
        return err_errno(err, "watching signals");
    }
    return engine_watch(f->session->engine, f->signal_fd, err);
}

/* The first signal cancels by the ladder, the second lets no step take its time. The third leaves: a runner that does
 * not answer (it may be stopped) is not waited for. */
static int take_signal(struct follower *f, struct err *err)
{
    struct signalfd_siginfo info;
    if (read(f->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return 0;
    }
    if (++f->signals > 2) {
        fprintf(stderr, "sluice: left before the steps had ended: 'sluice resume' sees to them\n");
        return 0;
    }
    if (f->signals == 1) {
        f->signal = (int)info.ssi_signo;
        live_clear(f->live);
        fprintf(stderr, "sluice: cancelling (once more to kill the steps at once)\n");
        if (engine_find_run(f->session->engine, f->run_id) == NULL) {
            return 0;
        }
        const char *reason = f->signal == SIGINT   ? "interrupted"
                             : f->signal == SIGHUP ? "the terminal went away"
                                                   : "terminated";
        return engine_cancel(f->session->engine, f->run_id, f->session->actor, reason, err);
    }
    return engine_kill(f->session->engine, f->run_id, err);
}

/* A full disk is waited out; anything else of the store ends the command, and the next one recovers. */
static int turn(struct follower *f, int timeout_ms, int *failures, struct err *err)
{
    struct err wrong = {0};
    if (engine_turn(f->session->engine, timeout_ms, &wrong) >= 0) {
        *failures = 0;
        return 0;
    }
    bool may_pass = wrong.code == ERR_LIMIT || wrong.code == ERR_BUSY;
    if (!may_pass || ++*failures > STORE_RETRIES) {
        *err = wrong;
        return -1;
    }
    live_clear(f->live);
    log_error("run", "%s: trying again in a second", wrong.message);
    struct timespec pause = {.tv_sec = 1};
    (void)nanosleep(&pause, NULL);
    return 0;
}

static int loop(struct follower *f, struct err *err)
{
    struct engine *engine = f->session->engine;
    int failures = 0;
    while (f->signals <= 2 && engine_find_run(engine, f->run_id) != NULL) {
        if (failures == 0) { /* else memory is ahead of the store, until the next turn has read it again */
            live_update(f->live, engine);
            if (!f->options->wait && engine_is_blocked(engine, f->run_id)) {
                break;
            }
        }
        if (turn(f, live_interval_ms(f->live), &failures, err) < 0 || take_signal(f, err) < 0) {
            return -1;
        }
        if (failures == 0) {
            door_serve(f->door);
        }
    }
    return 0;
}

static int report(struct follower *f, struct err *err)
{
    if (f->signals > 2) {
        return EXIT_SIGNAL + f->signal;
    }
    struct cli *cli = f->session->cli;
    struct run_view view;
    if (run_view_load(f->session->home.store, &f->session->catalogue, f->run_id, &view, err) < 0) {
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
    int code = f->signal != 0 ? EXIT_SIGNAL + f->signal : run_view_exit_code(&view);
    run_view_clear(&view);
    return code;
}

int follow_run(struct session *session, const char *run_id, const struct follow_options *options)
{
    struct err err = {0};
    struct follower f = {.session = session, .run_id = run_id, .options = options, .signal_fd = -1};
    f.live = live_new(session, run_id, options->logs);
    int code = -1;
    if (watch_signals(&f, &err) == 0 && door_open(session, &f.door, &err) == 0 && loop(&f, &err) == 0) {
        code = report(&f, &err);
    }
    live_free(f.live);
    door_close(f.door);
    if (f.signal_fd >= 0) {
        (void)close(f.signal_fd);
    }
    return code < 0 ? cli_fail(session->cli, EXIT_HOME, &err) : code;
}
