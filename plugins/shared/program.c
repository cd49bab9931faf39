/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include "moment.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_MS = 5000, LONGEST_LOOK_MS = 50, STANDARD_DESCRIPTORS = 3, MOST_DESCRIPTORS = 4096 };

extern char **environ;

/* ---- before the fork ---------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return strncmp(a, b, n) == 0 && b[n] == '=';
}

static const char **joined_env(struct scratch *scratch, const char *const *added)
{
    size_t count = 0;
    size_t more = 0;
    for (; environ[count] != NULL; count++) {
    }
    for (; added != NULL && added[more] != NULL; more++) {
    }
    const char **all = scratch_array(scratch, count + more + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        bool replaced = false;
        for (size_t k = 0; k < more; k++) {
            replaced = replaced || same_name(added[k], environ[i]);
        }
        if (!replaced) {
            all[n++] = environ[i];
        }
    }
    for (size_t k = 0; k < more; k++) {
        all[n++] = added[k];
    }
    return all;
}

/* A file in memory: no pipe can fill up and block both sides. */
static int open_input(const char *text)
{
    if (text == NULL) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t size = strlen(text);
    for (size_t at = 0; fd >= 0 && at < size;) {
        ssize_t n = write(fd, text + at, size - at);
        if (n <= 0) {
            (void)close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    if (fd >= 0) {
        (void)lseek(fd, 0, SEEK_SET);
    }
    return fd;
}

struct pipes {
    int input, output, error_out, error_in;
};

static void close_pipes(struct pipes *pipes)
{
    int *const all[] = {&pipes->input, &pipes->output, &pipes->error_out, &pipes->error_in};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (*all[i] >= 0) {
            (void)close(*all[i]);
            *all[i] = -1;
        }
    }
}

static int open_pipes(const struct program *program, struct pipes *pipes, struct fault *fault)
{
    int ends[2] = {-1, -1};
    *pipes = (struct pipes){open_input(program->input), -1, -1, -1};
    if (program->output_file != NULL) {
        pipes->output = open(program->output_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (pipes->output < 0) {
            int result = fault_set(fault, "cannot write '%.200s': %s", program->output_file, strerror(errno));
            close_pipes(pipes);
            return result;
        }
    }
    if (pipes->input < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        int result = fault_set(fault, "'%.200s' cannot be started: %s", program->argv[0], strerror(errno));
        close_pipes(pipes);
        return result;
    }
    pipes->error_out = ends[0];
    pipes->error_in = ends[1];
    return 0;
}

/* ---- in the child: only what is safe after a fork ------------------------------------------------- */

static void close_on_exec_from(int first)
{
    if (close_range((unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
        for (int fd = first; fd < MOST_DESCRIPTORS; fd++) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
}

static void become(const struct program *program, const char *const *env, const struct pipes *pipes, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        (void)signal(signal_number, SIG_DFL);
    }
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }
    bool ready = dup2(pipes->input, STDIN_FILENO) >= 0 &&
                 (pipes->output < 0 ||
                  (dup2(pipes->output, STDOUT_FILENO) >= 0 &&
                   (program->errors_apart || dup2(pipes->output, STDERR_FILENO) >= 0))) &&
                 (program->folder == NULL || chdir(program->folder) == 0);
    if (ready) {
        close_on_exec_from(STANDARD_DESCRIPTORS);
        (void)execvpe(program->argv[0], (char *const *)(uintptr_t)program->argv, (char *const *)(uintptr_t)env);
    }
    int failure = errno;
    (void)!write(pipes->error_in, &failure, sizeof failure);
    _exit(127);
}

/* ---- after the fork -------------------------------------------------------------------------------- */

/* The errno of a child that could not become the program; 0 when it did. */
static int start_failure(struct pipes *pipes)
{
    int failure = 0;
    (void)close(pipes->error_in);
    pipes->error_in = -1;
    ssize_t n = 0;
    do {
        n = read(pipes->error_out, &failure, sizeof failure);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof failure ? failure : 0;
}

static void end_group(pid_t pid, int *status)
{
    int64_t end_ms = moment_now_ms() + GRACE_MS;
    siginfo_t info = {0};
    (void)kill(-pid, SIGTERM);
    /* Not reaped before the last signal: until then nobody else can have this process group. */
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0 &&
           moment_now_ms() < end_ms) {
        (void)usleep(10000);
    }
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, status, 0);
}

static int verdict(const struct program *program, int status, struct fault *fault)
{
    const char *name = program->argv[0];
    if (WIFSIGNALED(status)) {
        return fault_set(fault, "'%.200s' was killed by signal %d", name, WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0 ? 0
                                    : fault_set(fault, "'%.200s' exited with status %d", name, WEXITSTATUS(status));
}

static int await(const struct step_host *host, const struct program *program, pid_t pid, struct fault *fault)
{
    int64_t start_ms = moment_now_ms();
    int status = 0;
    for (long look_ms = 1;; look_ms = look_ms * 2 < LONGEST_LOOK_MS ? look_ms * 2 : LONGEST_LOOK_MS) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) {
            return verdict(program, status, fault);
        }
        if (ended < 0 && errno != EINTR) {
            return fault_set(fault, "the end of '%.200s' cannot be known: %s", program->argv[0], strerror(errno));
        }
        bool late = program->timeout_ms > 0 && moment_now_ms() - start_ms >= program->timeout_ms;
        if (late || host->cancelled(host)) {
            struct textbuf limit = {0};
            end_group(pid, &status);
            value_put_duration(&limit, program->timeout_ms);
            int result = late ? fault_set(fault, "'%.200s' did not end within %s", program->argv[0],
                                          textbuf_text(&limit))
                              : fault_set(fault, "cancelled while '%.200s' ran", program->argv[0]);
            textbuf_free(&limit);
            return result;
        }
        (void)usleep((useconds_t)look_ms * 1000);
    }
}

int program_run(const struct step_host *host, const struct program *program, struct fault *fault)
{
    struct scratch scratch = {0};
    struct pipes pipes;
    const char **env = joined_env(&scratch, program->env);
    if (open_pipes(program, &pipes, fault) < 0) {
        scratch_free(&scratch);
        return -1;
    }
    (void)fflush(NULL); /* what this process has said comes first in the log */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(program, env, &pipes, parent);
    }
    int failure = pid < 0 ? errno : start_failure(&pipes);
    int result = 0;
    if (failure != 0) {
        bool folder = program->folder != NULL && access(program->folder, X_OK) != 0;
        result = fault_set(fault, "'%.200s' cannot be started%s%.200s: %s", program->argv[0], folder ? " in " : "",
                           folder ? program->folder : "", strerror(failure));
        if (pid > 0) {
            (void)waitpid(pid, NULL, 0);
        }
    } else {
        (void)setpgid(pid, pid);
        result = await(host, program, pid, fault);
    }
    close_pipes(&pipes);
    scratch_free(&scratch);
    return result;
}

int program_argv(struct scratch *scratch, const struct step_value *list, const char *what, const char *const **ret_argv,
                 struct fault *fault)
{
    if (list == NULL || list->type != STEP_TYPE_LIST || list->count == 0) {
        return fault_set(fault, "%s: expected a list of the program and its arguments, got %s", what,
                         list != NULL && list->type == STEP_TYPE_LIST ? "an empty one" : value_type_name(list));
    }
    const char **argv = scratch_array(scratch, list->count + 1, sizeof *argv);
    for (size_t i = 0; i < list->count; i++) {
        enum step_type type = list->items[i].type;
        struct textbuf text = {0};
        if (type == STEP_TYPE_NULL || type == STEP_TYPE_LIST || type == STEP_TYPE_MAP) {
            return fault_set(fault, "%s: item %zu is %s: expected a text, a number or a boolean", what, i + 1,
                             value_type_name(&list->items[i]));
        }
        value_put_plain(&text, &list->items[i]);
        argv[i] = scratch_copy(scratch, textbuf_text(&text), text.size);
        textbuf_free(&text);
    }
    if (argv[0][0] == '\0') {
        return fault_set(fault, "%s: the program's name is empty", what);
    }
    *ret_argv = argv;
    return 0;
}
