/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/keeper.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/own_session.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/process_hunt.h"
#include "base/process_stat.h"
#include "base/vec.h"
#include "wire/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_FD = 3, ID_MAX_BYTES = 63, QUESTION_MS = 5000, DEATH_MS = 2000, DEATH_LOOK_MS = 10 };

struct kept_runner {
    pid_t pid;
    char id[ID_MAX_BYTES + 1];
};

struct keeper {
    const char *home; /* absolute */
    uid_t home_uid;   /* who may ask */
    char *program;    /* what a runner is started from */
    int listener;
    int signals;
    bool ending;
    struct notify notify;
    struct {
        VEC_OF(struct kept_runner)
    } runners;
};

/* ---- beginning --------------------------------------------------------------------------------------------------- */

/* sd_listen_fds(3), of exactly one. What is started later is not to take it for its own. */
static int take_listener(struct err *err)
{
    const char *count = getenv("LISTEN_FDS");
    const char *whose = getenv("LISTEN_PID");
    int64_t pid = 0;
    int listens = 0;
    socklen_t size = sizeof listens;
    bool good = count != NULL && strcmp(count, "1") == 0 && whose != NULL &&
                parse_int(str_from(whose), 1, INT32_MAX, &pid, NULL) == 0 && pid == getpid() &&
                getsockopt(FIRST_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1;
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    if (!good) {
        return err_set(err, ERR_INPUT,
                       "there is no listening socket: expected one from the service manager (LISTEN_FDS), as "
                       "sluice-runner.socket gives it");
    }
    int fd = fcntl(FIRST_FD, F_DUPFD_CLOEXEC, FIRST_FD + 1); /* a runner's is to be FIRST_FD */
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    (void)close(FIRST_FD);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return err_errno(err, "taking the listening socket");
    }
    return fd;
}

static int watch_signals(struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0) {
        return err_errno(err, "blocking signals");
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? err_errno(err, "watching signals") : fd;
}

/* The path that we were started by, so that a runner is of the version that is installed when it is started. */
static char *program_path(void)
{
    struct arena *arena = arena_new();
    struct str words = {0};
    struct str first = {0};
    char *path = NULL;
    if (fs_read("/proc/self/cmdline", 1 << 20, arena, &words, NULL) == 0 && str_cut(&words, '\0', &first) &&
        first.n > 0 && first.p[0] == '/') {
        path = mem_strdup(arena_str(arena, first).p);
    }
    arena_free(arena);
    return path != NULL ? path : realpath("/proc/self/exe", NULL);
}

static int begin(struct keeper *keeper, const char *home, struct err *err)
{
    struct stat status;
    *keeper = (struct keeper){.listener = -1, .signals = -1, .notify.fd = -1};
    if (prctl(PR_SET_DUMPABLE, 0) < 0) { /* steps have our uid: they are not to look into us, or take our descriptors */
        return err_errno(err, "hiding from others of our user");
    }
    if ((keeper->listener = take_listener(err)) < 0 || (keeper->signals = watch_signals(err)) < 0) {
        return -1;
    }
    if (home[0] != '/' || stat(home, &status) < 0 || !S_ISDIR(status.st_mode)) {
        return err_set(err, ERR_INPUT, "--home: expected the absolute path of a folder, found '%s'", home);
    }
    if (status.st_uid == geteuid()) {
        return err_set(err, ERR_INPUT,
                       "the home '%s' is of our own user: steps could read all of it; expected one of another", home);
    }
    keeper->home = home;
    keeper->home_uid = status.st_uid;
    keeper->program = program_path();
    if (keeper->program == NULL) {
        return err_errno(err, "finding the program that we are");
    }
    notify_open(&keeper->notify);
    return chdir("/") < 0 ? err_errno(err, "going to '/'") : 0;
}

/* ---- runners ----------------------------------------------------------------------------------------------------- */

static struct kept_runner *find_runner(struct keeper *keeper, const char *id)
{
    for (size_t i = 0; i < keeper->runners.count; i++) {
        if (strcmp(keeper->runners.items[i].id, id) == 0) {
            return &keeper->runners.items[i];
        }
    }
    return NULL;
}

static void reap(struct keeper *keeper)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
        for (size_t i = 0; i < keeper->runners.count; i++) {
            if (keeper->runners.items[i].pid == pid) {
                keeper->runners.items[i] = keeper->runners.items[--keeper->runners.count];
                break;
            }
        }
    }
}

static bool is_id(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n <= ID_MAX_BYTES && strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz-") == n;
}

static int spawn_runner(const struct keeper *keeper, char *const *argv, int listener, pid_t *ret)
{
    posix_spawn_file_actions_t files;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&files, listener, FIRST_FD);
    int code = own_session_start(keeper->program, argv, &files, ret);
    (void)posix_spawn_file_actions_destroy(&files);
    return code;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

struct asked {
    struct keeper *keeper;
    const struct json *question;
    struct message_stream *stream;
    uid_t uid; /* who asks */
    struct arena *arena;
    struct json answer;
};

static void answer_text(struct asked *asked, const char *key, const char *value)
{
    json_set(asked->arena, &asked->answer, key, json_cstring(asked->arena, value));
}

static int answer_who(struct asked *asked, struct err *err)
{
    (void)err;
    answer_text(asked, "type", "is");
    json_set(asked->arena, &asked->answer, "uid", json_int(geteuid()));
    json_set(asked->arena, &asked->answer, "gid", json_int(getegid()));
    json_set(asked->arena, &asked->answer, "pid", json_int(getpid()));
    answer_text(asked, "home", asked->keeper->home);
    return 0;
}

static int start_with(struct asked *asked, const char *id, int listener, struct err *err)
{
    struct keeper *keeper = asked->keeper;
    struct kept_runner runner = {0};
    int64_t linger = json_get_int(asked->question, "linger", -1);
    char *argv[] = {keeper->program,
                    "serve",
                    "--home",
                    (char *)(uintptr_t)keeper->home,
                    "--id",
                    (char *)(uintptr_t)id,
                    "--linger",
                    linger < 0 ? "none" : arena_printf(asked->arena, "%lld", (long long)linger),
                    "--listener",
                    arena_printf(asked->arena, "%d", FIRST_FD),
                    "--engine-uid",
                    arena_printf(asked->arena, "%u", (unsigned)asked->uid),
                    NULL};
    int code = spawn_runner(keeper, argv, listener, &runner.pid);
    if (code != 0) {
        errno = code;
        return err_errno(err, "starting '%s'", keeper->program);
    }
    (void)snprintf(runner.id, sizeof runner.id, "%s", id);
    vec_push(&keeper->runners, runner);
    answer_text(asked, "type", "started");
    json_set(asked->arena, &asked->answer, "pid", json_int(runner.pid));
    return 0;
}

static int answer_start(struct asked *asked, struct err *err)
{
    const char *id = json_get_text(asked->question, "id", "");
    int listener = message_take_fd(asked->stream);
    int listens = 0;
    socklen_t size = sizeof listens;
    int result = 0;
    if (listener < 0 || getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens != 1) {
        result = err_set(err, ERR_INPUT, "a question to start a runner without a socket that listens");
    } else if (!is_id(id) || find_runner(asked->keeper, id) != NULL) {
        result = err_set(err, ERR_INPUT, "'%s' is no id of a new runner", id);
    } else if (asked->keeper->ending) {
        result = err_set(err, ERR_STATE, "it is being stopped");
    } else {
        result = start_with(asked, id, listener, err);
    }
    if (listener >= 0) {
        (void)close(listener);
    }
    return result;
}

/* A runner that is killed may take its time, in the kernel; one that is traced is ours to reap after its tracer. */
static bool is_dead_soon(struct keeper *keeper, const char *id)
{
    for (int waited = 0; waited < DEATH_MS; waited += DEATH_LOOK_MS) {
        char pid[24];
        reap(keeper);
        const struct kept_runner *runner = find_runner(keeper, id);
        (void)snprintf(pid, sizeof pid, "%d", runner == NULL ? 0 : (int)runner->pid);
        if (runner == NULL || process_stat(pid, STAT_PARENT) < 0) {
            return true;
        }
        struct timespec pause = {.tv_nsec = DEATH_LOOK_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static int answer_signal(struct asked *asked, struct err *err)
{
    const char *name = json_get_text(asked->question, "signal", "");
    const char *id = json_get_text(asked->question, "id", "");
    bool kills = strcmp(name, "KILL") == 0;
    if (!kills && strcmp(name, "CONT") != 0) {
        return err_set(err, ERR_INPUT, "'%s' is no signal for a runner: expected CONT or KILL", name);
    }
    const struct kept_runner *runner = find_runner(asked->keeper, id);
    bool done = runner != NULL && kill(runner->pid, kills ? SIGKILL : SIGCONT) == 0;
    answer_text(asked, "type", "signalled");
    json_set(asked->arena, &asked->answer, "done",
             json_bool(done && (!kills || is_dead_soon(asked->keeper, id))));
    return 0;
}

static int answer_hunt(struct asked *asked, struct err *err)
{
    const struct process_prey prey = {
        .mark = json_get_text(asked->question, "mark", ""),
        .pid = json_get_int(asked->question, "pid", 0),
        .start_ticks = json_get_int(asked->question, "start_ticks", 0),
        .session = json_get_int(asked->question, "session", 0),
    };
    struct strbuf pids;
    if (strspn(prey.mark, "0123456789abcdefghijklmnopqrstuvwxyz-") != strlen(prey.mark) || strlen(prey.mark) < 8) {
        return err_set(err, ERR_INPUT, "'%s' is no mark of an attempt", prey.mark);
    }
    strbuf_init(&pids, 256);
    int left = process_hunt(&prey, &pids);
    answer_text(asked, "type", "hunted");
    json_set(asked->arena, &asked->answer, "left", json_int(left));
    answer_text(asked, "pids", pids.length == 0 ? "" : pids.data);
    strbuf_clear(&pids);
    return 0;
}

static bool is_below(const char *path, const char *home, struct arena *arena)
{
    static const char *const folders[] = {"artifacts", "runs", "envs"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *folder = arena_printf(arena, "%s/%s/", home, folders[i]);
        if (strncmp(path, folder, strlen(folder)) == 0 && path[strlen(folder)] != '\0') {
            return strstr(path, "/../") == NULL && !str_ends(str_from(path), STR("/.."));
        }
    }
    return false;
}

static int answer_remove(struct asked *asked, struct err *err)
{
    const char *path = json_get_text(asked->question, "path", "");
    struct err left = {0};
    if (!is_below(path, asked->keeper->home, asked->arena)) {
        return err_set(err, ERR_INPUT, "'%s' is not below the folders of files of '%s'", path, asked->keeper->home);
    }
    (void)fs_remove(path, &left); /* the folders above what steps made are not ours: who asks removes those */
    answer_text(asked, "type", "removed");
    return 0;
}

static const struct {
    const char *type;
    int (*answer)(struct asked *asked, struct err *err);
} words[] = {
    {"who", answer_who},   {"start", answer_start},   {"signal", answer_signal},
    {"hunt", answer_hunt}, {"remove", answer_remove},
};

static int answer(struct asked *asked, struct err *err)
{
    const char *type = json_get_text(asked->question, "type", "");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].type, type) == 0) {
            return words[i].answer(asked, err);
        }
    }
    return err_set(err, ERR_INPUT, "this keeper does not know '%s'", type);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

/* Who has the home, and root. A step has our own uid: it cannot open the socket, and is refused if it could. */
static bool may_ask(const struct keeper *keeper, int fd, uid_t *ret_uid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        return false;
    }
    *ret_uid = peer.uid;
    return peer.uid == keeper->home_uid || peer.uid == 0;
}

/* The one question of a connection: 1 when it has come. A client that is silent is not waited for long. */
static int read_question(struct message_stream *stream, struct arena *arena, struct json *ret, struct err *err)
{
    int got;
    bool gone = false;
    while ((got = message_next(stream, arena, ret, err)) == 0 && !gone) {
        struct pollfd ready = {.fd = stream->fd, .events = POLLIN};
        if (poll(&ready, 1, QUESTION_MS) <= 0) {
            return 0;
        }
        gone = message_fill(stream) < 0;
    }
    return got;
}

static void serve_one(struct keeper *keeper, struct message_stream *stream, uid_t uid)
{
    struct arena *arena = arena_new();
    struct json question;
    struct err err = {0};
    int got = read_question(stream, arena, &question, &err);
    struct asked asked = {keeper, &question, stream, uid, arena, json_object()};
    if (got < 0 || (got == 1 && answer(&asked, &err) < 0)) {
        asked.answer = json_object();
        answer_text(&asked, "type", "error");
        answer_text(&asked, "message", err.message);
        log_warn("keeper", "refused: %s", err.message);
    }
    if (got != 0) {
        message_send(stream, &asked.answer);
        (void)message_flush(stream); /* an answer is smaller than what a socket holds */
    }
    arena_free(arena);
}

static void accept_all(struct keeper *keeper)
{
    int fd;
    while ((fd = accept4(keeper->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        uid_t uid = 0;
        if (!may_ask(keeper, fd, &uid)) {
            log_warn("keeper", "uid %u asked, and has not the home '%s': refused", (unsigned)uid, keeper->home);
            (void)close(fd);
            continue;
        }
        struct message_stream stream;
        message_stream_init(&stream, fd);
        serve_one(keeper, &stream, uid);
        message_stream_clear(&stream);
    }
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void take_signals(struct keeper *keeper)
{
    struct signalfd_siginfo info;
    while (read(keeper->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            continue;
        }
        keeper->ending = true;
        notify_say(&keeper->notify, "STOPPING=1");
        for (size_t i = 0; i < keeper->runners.count; i++) {
            (void)kill(keeper->runners.items[i].pid, SIGTERM);
        }
    }
    reap(keeper);
}

static void loop(struct keeper *keeper)
{
    notify_say(&keeper->notify, "READY=1\nSTATUS=starts runners of '%s'", keeper->home);
    while (!keeper->ending || keeper->runners.count > 0) {
        struct pollfd ready[] = {{.fd = keeper->signals, .events = POLLIN}, {.fd = keeper->listener, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        take_signals(keeper);
        accept_all(keeper);
    }
}

int keeper_serve(const char *home, struct err *err)
{
    struct keeper keeper;
    int result = begin(&keeper, home, err);
    if (result == 0) {
        loop(&keeper);
    }
    notify_close(&keeper.notify);
    vec_clear(&keeper.runners);
    free(keeper.program);
    if (keeper.listener >= 0) {
        (void)close(keeper.listener);
    }
    if (keeper.signals >= 0) {
        (void)close(keeper.signals);
    }
    return result;
}
