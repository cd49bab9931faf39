/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/child.h"

#include "base/crash_point.h"
#include "runner/channel.h"
#include "runner/child_exec.h"
#include "runner/fork_server.h"
#include "runner/step_folders.h"
#include "runner/step_group.h"
#include "runner/step_process.h"
#include "wire/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHANNEL_FD = 3, COULD_NOT_START = 125 };

struct fds {
    int out[2];
    int error[2];
    int channel[2];
    int group; /* the door of the step's control group; -1: it has none */
};

bool child_runs_inside(const struct json *spawn)
{
    const char *kind = json_get_text(spawn, "kind", "");
    return strcmp(kind, "lua") == 0 || strcmp(kind, "plugin") == 0;
}

/* ---- in the child ---- */

static void keep_own_descriptors(const struct fds *fds, const struct child_program *program)
{
    unsigned end = CHANNEL_FD;
    (void)dup2(fds->out[1], STDOUT_FILENO);
    (void)dup2(fds->error[1], STDERR_FILENO);
    if (program != NULL && program->script >= 0) {
        child_place_script(program);
        (void)close(CHANNEL_FD);
        end = CHILD_SCRIPT_FD + 1;
    } else if (program == NULL) {
        (void)dup2(fds->channel[1], CHANNEL_FD);
        (void)fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC);
        end = CHANNEL_FD + 1;
    }
    (void)close_range(end, ~0U, 0);
}

const int child_signals[CHILD_SIGNALS] = {SIGPIPE, SIGHUP, SIGXFSZ};

static void reset_signals(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}; /* a sanitizer's runtime handles them */
    for (int i = 0; i < CHILD_SIGNALS; i++) {
        (void)signal(child_signals[i], SIG_DFL);
    }
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)signal(faults[i], SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_limits(const struct child_request *request)
{
    (void)setrlimit(RLIMIT_NOFILE, &request->traits.files);
    if (!request->collect && !child_runs_inside(request->spawn)) {
        (void)setrlimit(RLIMIT_CORE, &request->traits.core); /* soon another program, without our memory */
        return;
    }
    int64_t memory = json_get_int(json_get(request->spawn, "limits"), "memory_bytes", 0);
    if (memory > 0 && !request->collect && request->group == NULL) {
        (void)setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)memory, (rlim_t)memory});
    }
}

static int folder_failed(const char *cwd, int error, struct err *err)
{
    if (error == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "the working directory '%s' does not exist", cwd);
    }
    errno = error;
    return err_errno(err, "cannot enter the working directory '%s'", cwd);
}

static int enter_folder(const struct json *spawn, struct err *err)
{
    const char *cwd = json_get_text(spawn, "cwd", "/");
    return chdir(cwd) == 0 ? 0 : folder_failed(cwd, errno, err);
}

/* /proc/PID/environ shows the memory of the environment that a program was started with: here, the runner's. Whoever
 * looks for an attempt's processes by it must find those too that never call exec. */
static void show_mark(const struct json *spawn)
{
    struct str mark = str_from(json_get_text(json_get(spawn, "env"), "SLUICE_ATTEMPT", ""));
    char *begin = environ == NULL ? NULL : environ[0];
    char *end = begin;
    for (char **entry = environ; end != NULL && *entry == end; entry++) {
        end += strlen(end) + 1;
    }
    if (mark.n == 0 || (size_t)(end - begin) < sizeof "SLUICE_ATTEMPT=" + mark.n) {
        return;
    }
    memset(begin, 0, (size_t)(end - begin));
    memcpy(begin, "SLUICE_ATTEMPT=", sizeof "SLUICE_ATTEMPT=" - 1);
    memcpy(begin + sizeof "SLUICE_ATTEMPT=" - 1, mark.p, mark.n);
}

static _Noreturn void give_up(int code, const char *reason)
{
    channel_tell_not_started(CHANNEL_FD, code, reason);
    _exit(code);
}

static _Noreturn void leave(int code)
{
    (void)fflush(NULL);
    _exit(code);
}

static _Noreturn void be_the_program(const struct json *spawn, struct arena *arena)
{
    struct child_program program;
    struct err err = {0};
    if (child_program(spawn, arena, &program, &err) < 0) {
        give_up(COULD_NOT_START, err.message);
    }
    child_place_script(&program);
    (void)execvp(program.argv[0], program.argv);
    int code = child_exec_failed(spawn, program.argv[0], errno, &err);
    give_up(code, err.message);
}

/* `process` may have been made before its turn. */
static _Noreturn void be_the_step(const struct json *spawn, struct step_process *process, struct arena *arena)
{
    if (step_process_prepare(spawn, CHANNEL_FD) != 0) {
        give_up(COULD_NOT_START, "");
    }
    if (child_runs_inside(spawn)) {
        leave(step_process_run(process != NULL ? process : step_process_new(spawn, CHANNEL_FD)));
    }
    be_the_program(spawn, arena);
}

/* What every child does first, in the order of child.h. Only system calls: it may stand between vfork and exec. 0, or
 * the error that kept it out of its control group. */
static int stand_alone(const struct child_traits *traits, const struct fds *fds, const struct child_program *program,
                       pid_t runner)
{
    int outside = fds->group >= 0 && step_group_enter(fds->group) < 0 ? errno : 0;
    keep_own_descriptors(fds, program);
    reset_signals();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner) {
        _exit(COULD_NOT_START);
    }
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_NAME, traits->name);
    (void)umask(traits->umask);
    return outside;
}

static int group_failed(int error, struct err *err)
{
    errno = error;
    return err_errno(err, "cannot enter its control group");
}

/* The runner's one byte comes before all answers. Its end closed: the step is not to begin. */
static void wait_for_release(void)
{
    char byte;
    ssize_t n;
    do {
        n = read(CHANNEL_FD, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1) {
        _exit(COULD_NOT_START);
    }
}

/* From its mark on, in the order of child.h. */
static _Noreturn void go_on(const struct child_request *request, struct arena *arena)
{
    const struct json *spawn = request->spawn;
    struct err err = {0};
    crash_point_pass(request->collect ? "collect_begins" : "step_before_mark");
    show_mark(spawn);
    environ = (char *[]){NULL};
    bool good = child_environment(spawn, arena, &environ, &err) == 0;
    struct step_process *process = NULL;
    if (request->held) {
        process = step_process_new(spawn, CHANNEL_FD);
        crash_point_pass("step_held");
        wait_for_release();
    }
    if (!good || (request->clear && step_folders_clear(spawn, &err) < 0) || enter_folder(spawn, &err) < 0) {
        give_up(COULD_NOT_START, err.message);
    }
    /* Last, so that a small RLIMIT_AS ends in a message of the step and not in ours. */
    take_limits(request);
    crash_point_pass("step_begins");
    if (request->collect) {
        leave(step_process_collect(spawn, CHANNEL_FD));
    }
    be_the_step(spawn, process, arena);
}

/* A runner that is apart hides its memory and descriptors from its user (runner.c), and so would its copy: but whoever
 * looks for what a step left behind reads its environment. Nothing of the runner is in it any more. */
static void be_looked_at(void)
{
    (void)prctl(PR_SET_DUMPABLE, 1);
}

static _Noreturn void child_main(const struct child_request *request, const struct fds *fds, pid_t runner)
{
    int outside = stand_alone(&request->traits, fds, NULL, runner);
    request->forget(request->ctx);
    be_looked_at();
    if (outside != 0) {
        struct err err = {0};
        (void)group_failed(outside, &err);
        give_up(COULD_NOT_START, err.message);
    }
    go_on(request, arena_new());
}

static void receive(void *room, size_t size)
{
    if (recv(CHANNEL_FD, room, size, MSG_WAITALL) != (ssize_t)size) {
        _exit(COULD_NOT_START);
    }
}

_Noreturn void child_of_server(const struct child_traits *traits, const int fds[CHILD_FDS], pid_t runner)
{
    const struct fds own = {{-1, fds[0]}, {-1, fds[1]}, {-1, fds[2]}, -1};
    (void)stand_alone(traits, &own, NULL, runner);
    be_looked_at();
    struct arena *arena = arena_new();
    uint32_t size;
    receive(&size, sizeof size);
    char *text = arena_alloc(arena, size);
    receive(text, size);
    struct json spawn;
    if (json_read((struct str){text, size}, (struct json_limits){0}, arena, &spawn, NULL) < 0) {
        _exit(COULD_NOT_START);
    }
    const struct child_request request = {.spawn = &spawn, .traits = *traits, .held = true};
    go_on(&request, arena);
}

/* ---- in the runner ---- */

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            close(pair[i]);
        }
    }
}

static void close_fds(struct fds *fds)
{
    close_pair(fds->out);
    close_pair(fds->error);
    close_pair(fds->channel);
    if (fds->group >= 0) {
        close(fds->group);
    }
}

static int open_fds(struct fds *fds, bool with_channel, struct err *err)
{
    *fds = (struct fds){{-1, -1}, {-1, -1}, {-1, -1}, -1};
    if (pipe2(fds->out, O_CLOEXEC) < 0 || pipe2(fds->error, O_CLOEXEC) < 0 ||
        (with_channel && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds->channel) < 0)) {
        (void)err_errno(err, "cannot make the pipes of a step");
        close_fds(fds);
        return -1;
    }
    (void)fcntl(fds->out[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(fds->error[0], F_SETFL, O_NONBLOCK);
    return 0;
}

static bool has_any(const struct json *spawn, const char *list)
{
    const struct json *found = json_get(spawn, list);
    return found != NULL && found->type == JSON_ARRAY && found->u.array.count > 0;
}

/* Nothing of ours has to run in the child: it is the program at once. */
static bool is_plain_program(const struct child_request *request)
{
    const struct json *spawn = request->spawn;
    return !request->collect && !request->clear && !child_runs_inside(spawn) && !has_any(spawn, "inputs") &&
           !has_any(spawn, "verify");
}

static pid_t fork_child(const struct child_request *request, const struct fds *fds, struct err *err)
{
    pid_t runner = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child_main(request, fds, runner);
    }
    return pid >= 0 ? pid : err_errno(err, "cannot start a process");
}

/* Why a program was not begun, told through the memory that parent and child share. It must lie in a volatile object:
 * the compiler sees no path from where the child writes to where the parent reads. */
struct not_begun {
    int error; /* errno; 0: it was begun */
    bool folder;
    bool group;
};

/* Between vfork and exec, in the memory of the runner, which waits: only system calls, and nothing is changed but
 * `why`. */
static _Noreturn void become(const struct child_request *request, const struct fds *fds,
                             const struct child_program *program, pid_t runner,
                             volatile struct not_begun *why)
{
    int outside = stand_alone(&request->traits, fds, program, runner);
    why->group = outside != 0;
    why->folder = !why->group && chdir(json_get_text(request->spawn, "cwd", "/")) < 0;
    if (!why->group && !why->folder) {
        take_limits(request);
        (void)execvp(program->argv[0], program->argv);
    }
    why->error = why->group ? outside : errno;
    _exit(COULD_NOT_START);
}

static int say_why_not(const struct json *spawn, const char *program, const volatile struct not_begun *why,
                       struct err *err)
{
    if (why->group) {
        (void)group_failed(why->error, err);
        return COULD_NOT_START;
    }
    if (!why->folder) {
        return child_exec_failed(spawn, program, why->error, err);
    }
    folder_failed(json_get_text(spawn, "cwd", "/"), why->error, err);
    return COULD_NOT_START;
}

/* Without copying the runner's memory, which would take longer than most commands do. */
static pid_t vfork_program(const struct child_request *request, const struct fds *fds,
                           const struct child_program *program, char **environment, struct err *err)
{
    volatile struct not_begun why = {0};
    pid_t runner = getpid();
    char **own = environ;
    environ = environment; /* whose PATH execvp searches */
    pid_t pid = vfork();
    if (pid == 0) {
        become(request, fds, program, runner, &why);
    }
    environ = own;
    if (pid < 0) {
        return err_errno(err, "cannot start a process");
    }
    if (why.error != 0) {
        (void)waitpid(pid, NULL, 0);
        *request->ret_code = say_why_not(request->spawn, program->argv[0], &why, err);
        return -1;
    }
    return pid;
}

static void wipe(char **environment)
{
    for (char **entry = environment; *entry != NULL; entry++) {
        explicit_bzero(*entry, strlen(*entry));
    }
}

static pid_t start_program(const struct child_request *request, const struct fds *fds, struct err *err)
{
    struct arena *arena = arena_new();
    struct child_program program;
    char **environment = NULL;
    pid_t pid = -1;
    if (child_environment(request->spawn, arena, &environment, err) == 0) {
        if (child_program(request->spawn, arena, &program, err) == 0) {
            pid = vfork_program(request, fds, &program, environment, err);
            if (program.script >= 0) {
                close(program.script);
            }
        }
        wipe(environment);
    }
    arena_free(arena);
    return pid;
}

pid_t child_start(const struct child_request *request, struct child_ends *ret_ends, struct err *err)
{
    bool plain = !request->held && is_plain_program(request);
    struct fds fds;
    *request->ret_code = COULD_NOT_START;
    if (open_fds(&fds, !plain, err) < 0) {
        return -1;
    }
    if (request->group != NULL && !request->collect && (fds.group = step_group_door(request->group, err)) < 0) {
        close_fds(&fds);
        return -1;
    }
    pid_t pid = plain ? start_program(request, &fds, err) : fork_child(request, &fds, err);
    if (pid < 0) {
        close_fds(&fds);
        return -1;
    }
    if (!request->held) {
        request->began(request->ctx, pid);
    }
    /* The child does it too: whoever comes first, the group is there when either goes on. */
    (void)setpgid(pid, pid);
    close(fds.out[1]);
    close(fds.error[1]);
    if (fds.channel[1] >= 0) {
        close(fds.channel[1]);
    }
    if (fds.group >= 0) {
        close(fds.group);
    }
    *ret_ends = (struct child_ends){fds.out[0], fds.error[0], fds.channel[0]};
    return pid;
}

/* Its size, then itself, before the byte that releases it. False: more than the channel holds. */
static bool tell_spawn(int channel, const struct json *spawn)
{
    struct strbuf text;
    strbuf_init(&text, JOURNAL_PAYLOAD_MAX);
    json_write(&text, spawn);
    uint32_t size = (uint32_t)text.length;
    struct iovec parts[] = {{&size, sizeof size}, {text.data, text.length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t whole = (ssize_t)(sizeof size + text.length);
    bool sent = !text.overflow && sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == whole;
    strbuf_clear(&text);
    return sent;
}

int child_ask(struct fork_server *server, const struct child_request *request, struct child_ends *ret_ends)
{
    struct fds fds;
    if (open_fds(&fds, true, NULL) < 0) {
        return -1;
    }
    const int given[CHILD_FDS] = {fds.out[1], fds.error[1], fds.channel[1]};
    int asked = tell_spawn(fds.channel[0], request->spawn) ? fork_server_ask(server, &request->traits, given) : -1;
    if (asked < 0) {
        close_fds(&fds);
        return -1;
    }
    close(fds.out[1]);
    close(fds.error[1]);
    close(fds.channel[1]);
    *ret_ends = (struct child_ends){fds.out[0], fds.error[0], fds.channel[0]};
    return 0;
}

int child_release(int channel)
{
    return send(channel, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}
