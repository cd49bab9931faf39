/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/runner.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/parse.h"
#include "runner/child.h"
#include "runner/fork_server.h"
#include "runner/home_socket.h"
#include "runner/tracking_port.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EVENTS_AT_ONCE = 64,
    SIGNALS_AT_ONCE = 16,
    IDLE_MS = 1000,          /* without engine and steps, before the runner ends */
    JOURNAL_IDLE_MS = 1000,  /* after the last frame: the next step of the run is on its way */
    FIRST_ENGINE_MS = 10000, /* for the engine that started it to come */
    LISTENED_LATELY_MS = 100 /* and need not look again: much less than LISTENED_MS (heirs.c) */
};

/* ---- for the other files ---- */

struct supervised *runner_find(const struct runner *runner, int64_t attempt)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        const struct supervised *known = runner->attempts.items[i];
        if (known->id == attempt && !supervise_is_done(known)) {
            return runner->attempts.items[i];
        }
    }
    return NULL;
}

struct run_journal *runner_journal(struct runner *runner, const struct journal_order *order, int64_t now_ms)
{
    for (size_t i = 0; i < runner->journals.count; i++) {
        struct run_journal *journal = runner->journals.items[i];
        if (journal->replaced || strcmp(journal->path, order->path) != 0) {
            continue;
        }
        bool looked_at = order->anew || run_journal_is_idle(journal);
        if (!looked_at || run_journal_is_in_place(journal)) {
            run_journal_give(journal, order->take_fd);
            return journal;
        }
        journal->replaced = true;
    }
    struct run_journal *journal = run_journal_new(order->run_id, order->path, order->take_fd, now_ms);
    vec_push(&runner->journals, journal);
    return journal;
}

/* Has it processes that the loop must not be kept from, or makes them next? */
static bool is_busy(const struct runner *runner)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        const struct supervised *attempt = runner->attempts.items[i];
        if (attempt->phase == ATTEMPT_RUNNING || attempt->phase == ATTEMPT_DRAINING || supervise_has_turn(attempt)) {
            return true;
        }
    }
    return false;
}

static bool has_syncs(struct runner *runner)
{
    if (runner->syncs == NULL && !runner->no_syncs) {
        runner->syncs = sync_worker_new();
        runner->no_syncs = runner->syncs == NULL;
        if (runner->syncs != NULL) {
            runner->syncs_watch = (struct watch){.kind = WATCH_SYNC};
            runner_watch(runner, sync_worker_fd(runner->syncs), &runner->syncs_watch, EPOLLIN);
        }
    }
    return runner->syncs != NULL;
}

int runner_sync(struct runner *runner, struct run_journal *journal, int64_t size, struct err *err)
{
    if (journal->synced >= size) {
        return 1;
    }
    if (journal->syncing > 0 ||
        (is_busy(runner) && has_syncs(runner) && run_journal_sync_begin(journal, runner->syncs))) {
        return 0;
    }
    return run_journal_sync(journal, err) < 0 ? -1 : 1;
}

/* Returns when a sync that nobody waits for is due. One that fails is told to the next who does wait. */
static int64_t sync_beside(struct runner *runner, struct run_journal *journal, int64_t now_ms)
{
    if (journal->sync_at_ms == 0 || now_ms < journal->sync_at_ms) {
        return journal->sync_at_ms == 0 ? INT64_MAX : journal->sync_at_ms;
    }
    struct err ignored = {0};
    journal->sync_at_ms = 0;
    (void)runner_sync(runner, journal, run_journal_size(journal), &ignored);
    return INT64_MAX;
}

/* A runner without steps keeps no thread, and no process. */
static void drop_helpers(struct runner *runner)
{
    if (runner->attempts.count == 0) {
        fork_server_free(runner->forks);
        runner->forks = NULL;
    }
    bool needed = runner->syncs == NULL || runner->attempts.count > 0;
    for (size_t i = 0; !needed && i < runner->journals.count; i++) {
        needed = runner->journals.items[i]->syncing > 0;
    }
    if (!needed) {
        runner_unwatch(runner, sync_worker_fd(runner->syncs), &runner->syncs_watch);
        sync_worker_free(runner->syncs);
        runner->syncs = NULL;
    }
}

static void take_sync(struct runner *runner)
{
    struct err err = {0};
    struct run_journal *journal = sync_worker_end(runner->syncs, &err);
    if (journal != NULL) {
        run_journal_sync_end(journal, &err);
    }
}

void runner_forget_others(struct runner *runner, const struct supervised *keep)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct supervised *other = runner->attempts.items[i];
        if (other != keep && (other->phase != ATTEMPT_HELD || mask_is_active(other->mask))) {
            supervise_forget(other);
        }
    }
    for (int i = 0; i < RUNNER_LINKS; i++) {
        struct engine_link *link = &runner->links[i];
        if (link->used) {
            /* Closed already, with all other descriptors: the number may be the child's own by now. */
            link->stream.fd = -1;
            link->stream.give.count = link->stream.given.count = 0;
            message_stream_clear(&link->stream);
        }
    }
}

int64_t runner_start_ticks(pid_t pid)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    /* Field 2 is a name in brackets that may hold anything; field 3 follows the last bracket. */
    const char *at = strrchr(text, ')');
    struct str rest = str_from(at == NULL || at[1] == '\0' ? "" : at + 2);
    struct str field;
    for (int number = 3; str_cut(&rest, ' ', &field); number++) {
        int64_t ticks;
        if (number == 22) {
            return parse_int(field, 0, INT64_MAX, &ticks, NULL) == 0 ? ticks : 0;
        }
    }
    return 0;
}

/* ---- beginning ---- */

static int watch_signals(struct runner *runner, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0) {
        return err_errno(err, "cannot block signals");
    }
    for (int i = 0; i < CHILD_SIGNALS; i++) {
        (void)signal(child_signals[i], SIG_IGN);
    }
    runner->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return runner->signals < 0 ? err_errno(err, "cannot watch signals") : 0;
}

/* Pipes of many steps need many descriptors; the steps get the limit that we were given. */
static void raise_file_limit(struct runner *runner)
{
    if (getrlimit(RLIMIT_NOFILE, &runner->files) == 0) {
        struct rlimit most = {runner->files.rlim_max, runner->files.rlim_max};
        (void)setrlimit(RLIMIT_NOFILE, &most);
    }
}

/* A core of ours would hold the secrets of every step. Steps that are other programs get the limit that we were given;
 * code of plugins and scripts, which runs in a copy of our memory, gets ours. */
static void leave_no_core(struct runner *runner)
{
    if (getrlimit(RLIMIT_CORE, &runner->core) == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, runner->core.rlim_max});
    }
}

static void read_boot_id(struct runner *runner)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, runner->boot_id, sizeof runner->boot_id - 1);
    if (fd >= 0) {
        close(fd);
    }
    runner->boot_id[n > 0 ? n : 0] = '\0';
    runner->boot_id[strcspn(runner->boot_id, "\n")] = '\0';
}

static void close_all_but(int listener)
{
    if (listener > 3) {
        (void)close_range(3, (unsigned)listener - 1, 0);
    }
    (void)close_range(listener < 0 ? 3 : (unsigned)listener + 1, ~0U, 0);
}

/* Where the engine finds us. The steps of one that is apart are of its own user: nothing of it is to be read by them,
 * and there is no file of the home that it might open. */
static int take_place(struct runner *runner, struct err *err)
{
    int listener = runner->options.listener;
    runner->folder = -1;
    if (listener < 0) {
        return home_socket_open(runner->options.home, runner->options.id, &runner->folder, &runner->listener, err);
    }
    int flags = fcntl(listener, F_GETFL);
    if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(listener, F_SETFD, FD_CLOEXEC) < 0 ||
        prctl(PR_SET_DUMPABLE, 0) < 0 || chdir("/") < 0) {
        return err_errno(err, "cannot use the socket that was given");
    }
    runner->listener = listener;
    return 0;
}

static int begin(struct runner *runner, struct err *err)
{
    crash_point_pass("runner_begins");
    (void)setsid();
    close_all_but(runner->options.listener);
    runner->umask = umask(0);
    (void)umask(runner->umask);
    runner->folders.umask = runner->umask;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    raise_file_limit(runner);
    leave_no_core(runner);
    read_boot_id(runner);
    runner->start_ticks = runner_start_ticks(getpid());
    runner->arena = arena_new();
    runner->engine_left_ms = clock_monotonic_ms(&clock_system);
    if (take_place(runner, err) < 0 || watch_signals(runner, err) < 0) {
        return -1;
    }
    runner->tracking = tracking_listen(&runner->tracking_port);
    group_base_open(&runner->groups, runner->start_ticks, runner->arena);
    runner->oom_kills = step_group_outer_oom_kills();
    crash_point_pass("runner_listens");
    runner->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (runner->epoll < 0) {
        return err_errno(err, "cannot make an epoll descriptor");
    }
    runner->signals_watch = (struct watch){.kind = WATCH_SIGNALS};
    runner->listener_watch = (struct watch){.kind = WATCH_LISTENER};
    runner_watch(runner, runner->signals, &runner->signals_watch, EPOLLIN);
    runner_watch(runner, runner->listener, &runner->listener_watch, EPOLLIN);
    return 0;
}

/* ---- the loop ---- */

static void reap(struct runner *runner, int64_t now_ms)
{
    int status;
    struct rusage usage;
    pid_t pid;
    launch_learn(runner);
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        if (pid == fork_server_pid(runner->forks)) {
            fork_server_ended(runner->forks);
            fork_server_free(runner->forks);
            runner->forks = NULL;
            continue;
        }
        for (size_t i = 0; i < runner->attempts.count; i++) {
            struct supervised *attempt = runner->attempts.items[i];
            if (attempt->pid == pid && attempt->phase == ATTEMPT_RUNNING) {
                supervise_exited(attempt, status, &usage, now_ms);
                break;
            }
            if (attempt->pid == pid && attempt->ready) { /* before its turn: it begins anew when that comes */
                attempt->pid = 0;
                launch_undo(attempt);
                break;
            }
        }
    }
}

static void stop_all(struct runner *runner, int64_t limit_ms, int64_t now_ms)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct supervised *attempt = runner->attempts.items[i];
        if (attempt->phase != ATTEMPT_HELD && attempt->phase != ATTEMPT_ENDED && attempt->facts.stopped == NULL) {
            attempt->facts.limit_ms = limit_ms;
            ladder_stop(attempt, "linger", json_get_int(json_get(&attempt->spawn, "stop"), "grace_ms", 10000), now_ms);
        }
    }
}

static void take_signals(struct runner *runner, int64_t now_ms)
{
    struct signalfd_siginfo infos[SIGNALS_AT_ONCE]; /* of those that are left epoll tells again */
    ssize_t n = read(runner->signals, infos, sizeof infos);
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof infos[0]; i++) {
        if (infos[i].ssi_signo != SIGCHLD) {
            log_warn("runner", "told to end by signal %u: the steps are stopped", infos[i].ssi_signo);
            runner->ending = true;
            stop_all(runner, 0, now_ms);
        }
    }
    reap(runner, now_ms);
}

static void dispatch(struct runner *runner, struct watch *watch, int64_t now_ms)
{
    /* An earlier event of the same batch may have closed it. */
    if (watch->events == 0) {
        return;
    }
    switch (watch->kind) {
    case WATCH_SIGNALS:
        take_signals(runner, now_ms);
        break;
    case WATCH_LISTENER:
        engine_link_accept(runner, now_ms);
        break;
    case WATCH_LINK:
        engine_link_ready(watch->owner, now_ms);
        break;
    case WATCH_SYNC:
        take_sync(runner);
        break;
    case WATCH_OUTPUT:
        supervise_output_ready(watch->owner, 0);
        break;
    case WATCH_ERROR:
        supervise_output_ready(watch->owner, 1);
        break;
    case WATCH_CHANNEL:
        supervise_channel_ready(watch->owner, now_ms);
        break;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When a journal that nobody writes in may be closed. That it could not be synced is known only here. */
static int64_t useless_at_ms(const struct run_journal *journal)
{
    if (!run_journal_is_idle(journal)) {
        return INT64_MAX;
    }
    return journal->damaged || journal->replaced ? 0
           : journal->unsynced.code != 0         ? INT64_MAX
                                                 : journal->written_ms + JOURNAL_IDLE_MS;
}

static void drop_done(struct runner *runner, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct supervised *attempt = runner->attempts.items[i];
        if (supervise_is_done(attempt)) {
            supervise_free(attempt);
        } else {
            runner->attempts.items[kept++] = attempt;
        }
    }
    runner->attempts.count = kept;
    kept = 0;
    for (size_t i = 0; i < runner->journals.count; i++) {
        struct run_journal *journal = runner->journals.items[i];
        if (now_ms >= useless_at_ms(journal)) {
            run_journal_free(journal);
        } else {
            runner->journals.items[kept++] = journal;
        }
    }
    runner->journals.count = kept;
}

/* Everything that time decides. Returns when to come again at the latest. */
static int64_t tick(struct runner *runner, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < runner->journals.count; i++) {
        run_journal_retry(runner->journals.items[i], now_ms);
    }
    for (size_t i = 0; i < runner->attempts.count; i++) { /* heirs stand behind those in whose place they begin */
        next = earlier(next, supervise_tick(runner->attempts.items[i], now_ms));
    }
    for (size_t i = 0; i < runner->attempts.count; i++) { /* beside the syncs that others wait for */
        next = earlier(next, supervise_begin(runner->attempts.items[i], now_ms));
    }
    for (size_t i = 0; i < runner->journals.count; i++) { /* also those that an attempt has just written to */
        struct run_journal *journal = runner->journals.items[i];
        next = earlier(next, sync_beside(runner, journal, now_ms));
        next = earlier(next, journal->full ? journal->retry_at_ms : INT64_MAX);
        next = earlier(next, run_journal_ring_ms(journal));
        next = earlier(next, useless_at_ms(journal));
    }
    if (runner->engine_left_ms > 0 && runner->had_engine && runner->options.linger_ms != RUNNER_LINGER_NONE) {
        int64_t due = runner->engine_left_ms + runner->options.linger_ms;
        if (now_ms >= due) {
            stop_all(runner, runner->options.linger_ms, now_ms);
            runner->ending = true;
        } else {
            next = earlier(next, due);
        }
    }
    return next;
}

/* Steps that run, or whose end is not on disk. One that is held begins only in the place of another. */
static bool has_work(const struct runner *runner)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        if (runner->attempts.items[i]->phase != ATTEMPT_ENDED && runner->attempts.items[i]->phase != ATTEMPT_HELD) {
            return true;
        }
    }
    for (size_t i = 0; i < runner->journals.count; i++) {
        if (runner->journals.items[i]->waiting.count > 0) {
            return true;
        }
    }
    return false;
}

/* True when the runner may end; else `*next` is when to ask again. */
static bool is_done(struct runner *runner, int64_t now_ms, int64_t *next)
{
    if (has_work(runner)) {
        return false;
    }
    if (runner->ending || (runner->leaving && runner->attempts.count == 0)) {
        return true;
    }
    if (engine_link_of(runner) != NULL) {
        return false;
    }
    int64_t due = runner->engine_left_ms + (runner->had_engine ? IDLE_MS : FIRST_ENGINE_MS);
    *next = earlier(*next, due);
    return now_ms >= due;
}

/* A process may be held at any instruction, also between the kernel's word of what has come and the use of it: only
 * what came before the kernel was asked has surely been taken. */
static void take_what_came(struct runner *runner, int timeout)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int64_t asked_ms = clock_monotonic_ms(&clock_system);
    int count = epoll_wait(runner->epoll, events, EVENTS_AT_ONCE, timeout);
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    for (int i = 0; i < count; i++) {
        dispatch(runner, events[i].data.ptr, now_ms);
    }
    runner->listened_ms = count < 0 ? runner->listened_ms : asked_ms; /* held and let go: nothing was looked for */
}

static void loop(struct runner *runner)
{
    for (;;) {
        int64_t now_ms = clock_monotonic_ms(&clock_system);
        drop_done(runner, now_ms); /* first: a child that is started forgets what the others know */
        int64_t next = tick(runner, now_ms);
        drop_done(runner, now_ms);
        heirs_hold(runner);
        engine_link_tell(runner, now_ms);
        for (size_t i = 0; i < runner->attempts.count; i++) {
            supervise_tidy(runner->attempts.items[i]);
        }
        heirs_place(runner);
        drop_helpers(runner);
        runner_close_done(runner);
        if (is_done(runner, now_ms, &next)) {
            return;
        }
        int timeout = next == INT64_MAX ? -1 : next <= now_ms ? 0 : (int)earlier(next - now_ms, 3600000);
        take_what_came(runner, timeout);
        if (clock_monotonic_ms(&clock_system) - runner->listened_ms >= LISTENED_LATELY_MS) {
            take_what_came(runner, 0);
        }
    }
}

static void end(struct runner *runner)
{
    sync_worker_free(runner->syncs);
    if (runner->folder >= 0) {
        home_socket_close(runner->folder, runner->options.id, runner->listener);
    } else {
        close(runner->listener);
    }
    if (runner->tracking >= 0) {
        close(runner->tracking);
    }
    for (int i = 0; i < RUNNER_LINKS; i++) {
        engine_link_close(&runner->links[i]);
    }
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct supervised *attempt = runner->attempts.items[i];
        attempt->acked = true;
        attempt->phase = attempt->phase == ATTEMPT_HELD ? ATTEMPT_ENDED : attempt->phase;
    }
    drop_done(runner, INT64_MAX);
    runner_close_done(runner);
    vec_clear(&runner->closing);
    fork_server_free(runner->forks);
    for (size_t i = 0; i < runner->journals.count; i++) {
        run_journal_free(runner->journals.items[i]);
    }
    vec_clear(&runner->attempts);
    vec_clear(&runner->journals);
    step_folders_free(&runner->folders);
    close(runner->signals);
    close(runner->epoll);
}

int runner_serve(const struct runner_options *options, struct err *err)
{
    struct runner *runner = mem_alloc(sizeof *runner);
    runner->options = *options;
    int result = begin(runner, err);
    if (result == 0) {
        loop(runner);
        end(runner);
    }
    arena_free(runner->arena);
    free(runner);
    return result;
}
