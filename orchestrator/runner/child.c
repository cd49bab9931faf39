/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/child.h"

#include "base/fs.h"
#include "base/path.h"
#include "runner/channel.h"
#include "runner/child_exec.h"
#include "runner/step_process.h"
#include "runner/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHANNEL_FD = 3, COULD_NOT_START = 125 };

struct fds {
    int out[2];
    int error[2];
    int channel[2];
};

bool child_runs_inside(const struct json *spawn)
{
    const char *kind = json_get_text(spawn, "kind", "");
    return strcmp(kind, "lua") == 0 || strcmp(kind, "plugin") == 0;
}

/* ---- in the child ---- */

static void keep_own_descriptors(const struct fds *fds)
{
    (void)dup2(fds->out[1], STDOUT_FILENO);
    (void)dup2(fds->error[1], STDERR_FILENO);
    (void)dup2(fds->channel[1], CHANNEL_FD);
    (void)fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC);
    (void)close_range(CHANNEL_FD + 1, ~0U, 0);
}

static void reset_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_limits(const struct child_request *request)
{
    (void)setrlimit(RLIMIT_NOFILE, &request->files);
    if (!request->collect && !child_runs_inside(request->spawn)) {
        (void)setrlimit(RLIMIT_CORE, &request->core); /* soon another program, without our memory */
        return;
    }
    int64_t memory = json_get_int(json_get(request->spawn, "limits"), "memory_bytes", 0);
    if (memory > 0 && !request->collect) {
        (void)setrlimit(RLIMIT_AS, &(struct rlimit){(rlim_t)memory, (rlim_t)memory});
    }
}

static bool is_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return false;
    }
    bool empty = true;
    const struct dirent *entry;
    while (empty && (entry = readdir(folder)) != NULL) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    closedir(folder);
    return empty;
}

/* The attempt's folder may hold what a runner left that was killed before the step began. A step that has waited finds
 * its files as it left them. */
static int make_folders(const struct json *spawn, struct arena *arena, struct err *err)
{
    const struct json *outcome = json_get(spawn, "resumed");
    bool resumed = outcome != NULL && outcome->type != JSON_NULL;
    const char *step_dir = json_get_text(spawn, "step_dir", NULL);
    const char *state_dir = json_get_text(spawn, "state_dir", NULL);
    const char *output = json_get_text(spawn, "output_file", NULL);
    if (step_dir != NULL && !is_empty_folder(step_dir) &&
        ((!resumed && fs_remove(step_dir, err) < 0) || fs_make_folders(step_dir, 0755, err) < 0)) {
        return -1;
    }
    if (state_dir != NULL && fs_make_folders(state_dir, 0755, err) < 0) {
        return -1;
    }
    if (output == NULL) {
        return 0;
    }
    if (fs_make_folders(path_dir(arena, output), 0755, err) < 0) {
        return -1;
    }
    int fd = open(output, O_WRONLY | O_CREAT | (resumed ? 0 : O_TRUNC) | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, "cannot make the file of outputs '%s'", output);
    }
    close(fd);
    return 0;
}

static int enter_folder(const struct json *spawn, struct err *err)
{
    const char *cwd = json_get_text(spawn, "cwd", "/");
    if (chdir(cwd) == 0) {
        return 0;
    }
    if (errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "the working directory '%s' does not exist", cwd);
    }
    return err_errno(err, "cannot enter the working directory '%s'", cwd);
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

static _Noreturn void be_the_step(const struct json *spawn, struct arena *arena)
{
    if (step_process_prepare(spawn, CHANNEL_FD) != 0) {
        give_up(COULD_NOT_START, "");
    }
    if (child_runs_inside(spawn)) {
        leave(step_process_run(spawn, CHANNEL_FD));
    }
    struct err err = {0};
    int code = child_exec(spawn, arena, &err);
    give_up(code, err.message);
}

static _Noreturn void child_main(const struct child_request *request, const struct fds *fds, pid_t runner)
{
    keep_own_descriptors(fds);
    reset_signals();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner) {
        _exit(COULD_NOT_START);
    }
    (void)setpgid(0, 0);
    char name[16];
    sweep_name(request->attempt, name);
    (void)prctl(PR_SET_NAME, name);
    request->forget(request->forget_ctx);
    (void)umask(request->umask);

    struct err err = {0};
    struct arena *arena = arena_new();
    const struct json *spawn = request->spawn;
    show_mark(spawn);
    environ = (char *[]){NULL};
    if ((!request->collect && make_folders(spawn, arena, &err) < 0) || enter_folder(spawn, &err) < 0 ||
        child_take_environment(spawn, arena, &err) < 0) {
        give_up(COULD_NOT_START, err.message);
    }
    /* Last, so that a small RLIMIT_AS ends in a message of the step and not in ours. */
    take_limits(request);
    if (request->collect) {
        leave(step_process_collect(spawn, CHANNEL_FD));
    }
    be_the_step(spawn, arena);
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

static int open_fds(struct fds *fds, struct err *err)
{
    *fds = (struct fds){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(fds->out, O_CLOEXEC) < 0 || pipe2(fds->error, O_CLOEXEC) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds->channel) < 0) {
        (void)err_errno(err, "cannot make the pipes of a step");
        close_pair(fds->out);
        close_pair(fds->error);
        return -1;
    }
    (void)fcntl(fds->out[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(fds->error[0], F_SETFL, O_NONBLOCK);
    return 0;
}

pid_t child_start(const struct child_request *request, struct child_ends *ret_ends, struct err *err)
{
    struct fds fds;
    if (open_fds(&fds, err) < 0) {
        return -1;
    }
    pid_t runner = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child_main(request, &fds, runner);
    }
    if (pid < 0) {
        (void)err_errno(err, "cannot start a process");
        close_pair(fds.out);
        close_pair(fds.error);
        close_pair(fds.channel);
        return -1;
    }
    /* The child does it too: whoever comes first, the group is there when either goes on. */
    (void)setpgid(pid, pid);
    close(fds.out[1]);
    close(fds.error[1]);
    close(fds.channel[1]);
    *ret_ends = (struct child_ends){fds.out[0], fds.error[0], fds.channel[0]};
    return pid;
}
