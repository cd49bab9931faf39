/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: the nth call of a kind fails in a chosen program, once or from then on.
 *
 * $FAIL_NTH names a file that holds a `struct plan`. It is mapped shared by every process that loads this library, so
 * that calls are counted over all processes of a program, also those that are killed, and the test that wrote the plan
 * can read the counts, or lift the fault while the program runs. With `nth` 0 calls are only counted. The programs are
 * sluice, sluice-runner, and "step": what sluice-runner forks, until that becomes another program.
 *
 * The C library's calls of itself do not come by here: what is wrapped is what the programs, libsqlite3 and the other
 * libraries call (`nm -D` tells). Under AddressSanitizer its library must come first in LD_PRELOAD: then nothing of
 * allocation comes by here.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The runner has no SQLite. */
#pragma weak sqlite3_db_handle
#pragma weak sqlite3_errstr
#pragma weak sqlite3_get_autocommit
#pragma weak sqlite3_sql

enum program { PROGRAM_SLUICE, PROGRAM_RUNNER, PROGRAM_STEP, PROGRAMS };
enum kind {
    KIND_ALLOC,
    KIND_WRITE, /* to files */
    KIND_SEND,  /* to sockets */
    KIND_FSYNC,
    KIND_DESCRIPTOR, /* what makes one: EMFILE */
    KIND_NAME,       /* what makes a name in a folder: ENOSPC */
    KIND_PATH,       /* what follows or changes a name: EACCES */
    KIND_FORK,
    KIND_SQLITE,
    KINDS
};
enum { SHORT_WRITE = 0, ROLLS_BACK = 1 << 16, PATH_ROOM = 200, MAX_PARTS = 64 };

/* As tests/fault/fail_nth.py packs it. */
struct plan {
    uint32_t program;
    uint32_t kind;
    uint64_t nth; /* 0: none fails */
    int32_t error; /* errno, or a result of SQLite (with ROLLS_BACK: the transaction is gone, too) */
    uint32_t onwards; /* the nth call and all after it */
    uint32_t armed;   /* 0: the fault is lifted */
    _Atomic uint32_t failed;
    _Atomic uint64_t counts[PROGRAMS][KINDS];
    char what[400]; /* the first call that failed */
};

static struct plan *plan;
static enum program program = PROGRAMS; /* which of them this process is; PROGRAMS: none */
static int faked;                       /* what SQLite was made to say last */

static void *next_of(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (real == NULL) {                                                                                                \
        *(void **)&real = next_of(#name);                                                                              \
    }

/* ---- the plan ---- */

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAIL_NTH");
    const char *name = program_invocation_short_name;
    long fd = path == NULL ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    void *found = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
    (void)syscall(SYS_close, fd);
    if (found != MAP_FAILED) {
        plan = found;
        program = strcmp(name, "sluice") == 0          ? PROGRAM_SLUICE
                  : strcmp(name, "sluice-runner") == 0 ? PROGRAM_RUNNER
                                                       : PROGRAMS;
    }
}

static void tell(const char *function, const char *what, const void *caller)
{
    Dl_info info = {0};
    (void)dladdr(caller, &info);
    const char *file = info.dli_fname == NULL ? NULL : strrchr(info.dli_fname, '/');
    ptrdiff_t offset = info.dli_fbase == NULL ? 0 : (const char *)caller - (const char *)info.dli_fbase;
    (void)snprintf(plan->what, sizeof plan->what, "%s(%.*s) from %s+0x%tx", function, PATH_ROOM, what,
                   file == NULL ? "" : file + 1, offset);
}

static bool fails_here(enum kind kind, const char *function, const char *what, const void *caller)
{
    if (program == PROGRAMS) {
        return false;
    }
    uint64_t now = atomic_fetch_add(&plan->counts[program][kind], 1) + 1;
    if (plan->program != (uint32_t)program || plan->kind != (uint32_t)kind || plan->armed == 0 || plan->nth == 0 ||
        (plan->onwards != 0 ? now < plan->nth : now != plan->nth)) {
        return false;
    }
    if (atomic_fetch_add(&plan->failed, 1) == 0) {
        int kept = errno;
        tell(function, what, caller);
        errno = kept;
    }
    return true;
}

#define FAILS(kind, what) fails_here(kind, __func__, what, __builtin_return_address(0))
#define FAIL_IF(fails, result)                                                                                         \
    if (fails) {                                                                                                       \
        errno = plan->error;                                                                                           \
        return result;                                                                                                 \
    }
#define FAIL(kind, what, result) FAIL_IF(FAILS(kind, what), result)

/* ---- allocation: out of memory ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
    FAIL(KIND_ALLOC, "", NULL)
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    FAIL(KIND_ALLOC, "", NULL)
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    FAIL(KIND_ALLOC, "", NULL)
    return __libc_realloc(block, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    FAIL(KIND_ALLOC, "", NULL)
    return __libc_memalign(align, size);
}

int posix_memalign(void **ret_block, size_t align, size_t size)
{
    if (FAILS(KIND_ALLOC, "")) {
        return ENOMEM;
    }
    *ret_block = __libc_memalign(align, size);
    return *ret_block == NULL ? ENOMEM : 0;
}

/* ---- writing: no room, a broken disk, or less than asked for ---- */

static const char *path_of(int fd, char room[PATH_ROOM])
{
    char link[40];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, room, PATH_ROOM - 1);
    room[n < 0 ? 0 : n] = '\0';
    return room;
}

/* What of `size` bytes may be written: all of them, fewer, or -1 with errno. Only of files and sockets. */
static ssize_t allowed(int fd, size_t size, const char *function, const void *caller)
{
    char room[PATH_ROOM];
    struct stat status;
    int kept = errno;
    mode_t type = program != PROGRAMS && fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
    bool counted = type == S_IFREG || type == S_IFSOCK;
    if (!counted || !fails_here(type == S_IFREG ? KIND_WRITE : KIND_SEND, function, path_of(fd, room), caller)) {
        errno = kept;
        return (ssize_t)size;
    }
    if (plan->error == SHORT_WRITE) {
        return size < 2 ? (ssize_t)size : (ssize_t)(size / 2);
    }
    errno = plan->error;
    return -1;
}

#define ALLOWED(fd, size) allowed(fd, size, __func__, __builtin_return_address(0))

ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(write)
    ssize_t room = ALLOWED(fd, size);
    return room < 0 ? -1 : real(fd, bytes, (size_t)room);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    REAL(pwrite)
    ssize_t room = ALLOWED(fd, size);
    return room < 0 ? -1 : real(fd, bytes, (size_t)room, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    REAL(pwrite64)
    ssize_t room = ALLOWED(fd, size);
    return room < 0 ? -1 : real(fd, bytes, (size_t)room, at);
}

static size_t size_of(const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    return size;
}

/* The parts cut to `room` bytes; returns how many are left. */
static int cut(struct iovec *ret_parts, const struct iovec *parts, int count, size_t room)
{
    int kept = 0;
    for (; kept < count && kept < MAX_PARTS && room > 0; kept++) {
        ret_parts[kept] = parts[kept];
        ret_parts[kept].iov_len = parts[kept].iov_len < room ? parts[kept].iov_len : room;
        room -= ret_parts[kept].iov_len;
    }
    return kept;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    REAL(pwritev)
    struct iovec some[MAX_PARTS];
    ssize_t room = ALLOWED(fd, size_of(parts, count));
    return room < 0 ? -1 : real(fd, some, cut(some, parts, count, (size_t)room), at);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    REAL(send)
    ssize_t room = ALLOWED(fd, size);
    return room < 0 ? -1 : real(fd, bytes, (size_t)room, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg)
    ssize_t room = ALLOWED(fd, size_of(message->msg_iov, (int)message->msg_iovlen));
    return room < 0 ? -1 : real(fd, message, flags); /* with descriptors in it: all or nothing */
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags)
{
    REAL(copy_file_range)
    ssize_t room = ALLOWED(out, size);
    return room < 0 ? -1 : real(in, in_at, out, out_at, (size_t)room, flags);
}

int ftruncate(int fd, off_t size)
{
    REAL(ftruncate)
    return ALLOWED(fd, 1) < 0 ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(ftruncate64)
    return ALLOWED(fd, 1) < 0 ? -1 : real(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t size)
{
    REAL(fallocate)
    return ALLOWED(fd, 1) < 0 ? -1 : real(fd, mode, at, size);
}

/* ---- syncing: an error of the disk ---- */

#define SYNC(name)                                                                                                     \
    int name(int fd)                                                                                                   \
    {                                                                                                                  \
        REAL(name)                                                                                                     \
        char room[PATH_ROOM];                                                                                          \
        FAIL(KIND_FSYNC, path_of(fd, room), -1)                                                                        \
        return real(fd);                                                                                               \
    }
SYNC(fsync)
SYNC(fdatasync)

/* ---- opening: no descriptor (EMFILE), no room for a name (ENOSPC), no right (EACCES) ---- */

#define FAILS_TO_NAME(path) (FAILS(KIND_NAME, path) || FAILS(KIND_PATH, path))
#define FAILS_TO_OPEN(path, flags)                                                                                     \
    (FAILS(KIND_DESCRIPTOR, path) || (((flags) & O_CREAT) != 0 && FAILS(KIND_NAME, path)) || FAILS(KIND_PATH, path))
#define MODE_OF(flags)                                                                                                 \
    mode_t mode = 0;                                                                                                   \
    if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) {                                                                    \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode = va_arg(args, mode_t);                                                                                   \
        va_end(args);                                                                                                  \
    }

int open(const char *path, int flags, ...)
{
    REAL(open)
    MODE_OF(flags)
    FAIL_IF(FAILS_TO_OPEN(path, flags), -1)
    return real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(open64)
    MODE_OF(flags)
    FAIL_IF(FAILS_TO_OPEN(path, flags), -1)
    return real(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    REAL(openat)
    MODE_OF(flags)
    FAIL_IF(FAILS_TO_OPEN(path, flags), -1)
    return real(folder, path, flags, mode);
}

FILE *fopen(const char *path, const char *how)
{
    REAL(fopen)
    FAIL_IF(FAILS_TO_OPEN(path, 0), NULL)
    return real(path, how);
}

DIR *opendir(const char *path)
{
    REAL(opendir)
    FAIL_IF(FAILS_TO_OPEN(path, 0), NULL)
    return real(path);
}

int scandir(const char *path, struct dirent ***ret_names, int (*wanted)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **))
{
    REAL(scandir)
    FAIL_IF(FAILS_TO_OPEN(path, 0), -1)
    return real(path, ret_names, wanted, order);
}

int socket(int domain, int type, int protocol)
{
    REAL(socket)
    FAIL(KIND_DESCRIPTOR, "", -1)
    return real(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int ret_fds[2])
{
    REAL(socketpair)
    FAIL(KIND_DESCRIPTOR, "", -1)
    return real(domain, type, protocol, ret_fds);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    REAL(accept4)
    FAIL(KIND_DESCRIPTOR, "", -1)
    return real(fd, address, size, flags);
}

int pipe2(int ret_fds[2], int flags)
{
    REAL(pipe2)
    FAIL(KIND_DESCRIPTOR, "", -1)
    return real(ret_fds, flags);
}

int epoll_create1(int flags)
{
    REAL(epoll_create1)
    FAIL(KIND_DESCRIPTOR, "", -1)
    return real(flags);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
    REAL(signalfd)
    FAIL(KIND_DESCRIPTOR, "", -1)
    return real(fd, set, flags);
}

int memfd_create(const char *name, unsigned flags)
{
    REAL(memfd_create)
    FAIL(KIND_DESCRIPTOR, name, -1)
    return real(name, flags);
}

int fcntl(int fd, int command, ...)
{
    REAL(fcntl)
    va_list args;
    va_start(args, command);
    long argument = va_arg(args, long);
    va_end(args);
    FAIL_IF(command == F_DUPFD_CLOEXEC && FAILS(KIND_DESCRIPTOR, ""), -1)
    return real(fd, command, argument);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir)
    FAIL_IF(FAILS_TO_NAME(path), -1)
    return real(path, mode);
}

char *mkdtemp(char *path)
{
    REAL(mkdtemp)
    FAIL_IF(FAILS_TO_NAME(path), NULL)
    return real(path);
}

int rename(const char *from, const char *to)
{
    REAL(rename)
    FAIL_IF(FAILS_TO_NAME(to), -1)
    return real(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    REAL(renameat2)
    FAIL_IF(FAILS_TO_NAME(to), -1)
    return real(from_folder, from, to_folder, to, flags);
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    REAL(bind)
    FAIL_IF(FAILS_TO_NAME(""), -1)
    return real(fd, address, size);
}

#define FOLLOW(name)                                                                                                   \
    int name(const char *path)                                                                                         \
    {                                                                                                                  \
        REAL(name)                                                                                                     \
        FAIL(KIND_PATH, path, -1)                                                                                      \
        return real(path);                                                                                             \
    }
FOLLOW(unlink)
FOLLOW(chdir)

int unlinkat(int folder, const char *path, int flags)
{
    REAL(unlinkat)
    FAIL(KIND_PATH, path, -1)
    return real(folder, path, flags);
}

/* ---- processes and threads: the machine has no more of them ---- */

pid_t fork(void)
{
    REAL(fork)
    FAIL(KIND_FORK, "", -1)
    pid_t pid = real();
    if (pid == 0) { /* of the runner, which is none any more; others fork only to become another program */
        program = program == PROGRAM_RUNNER ? PROGRAM_STEP : PROGRAMS;
    }
    return pid;
}

static pid_t cannot_fork(void)
{
    errno = plan->error;
    return -1;
}

/* What vfork goes on to. */
__attribute__((used)) static pid_t (*vfork_of(void))(void)
{
    pid_t (*real)(void) = (pid_t(*)(void))next_of("vfork");
    return FAILS(KIND_FORK, "vfork") ? cannot_fork : real;
}

/* No function of ours may return twice to its caller: the second time its frame would be the child's. This one has none
 * left when it jumps to the real one, which keeps in a register where it came from. */
#if defined(__x86_64__)
__asm__(".text\n.globl vfork\n.type vfork, @function\nvfork:\n"
        "    sub $8, %rsp\n    call vfork_of\n    add $8, %rsp\n    jmp *%rax\n.size vfork, . - vfork\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl vfork\n.type vfork, %function\nvfork:\n    stp x29, x30, [sp, -16]!\n"
        "    bl vfork_of\n    ldp x29, x30, [sp], 16\n    br x0\n.size vfork, . - vfork\n");
#endif

#define SPAWN(name)                                                                                                    \
    int name(pid_t *ret_pid, const char *file, const posix_spawn_file_actions_t *actions,                              \
             const posix_spawnattr_t *attributes, char *const *argv, char *const *environment)                         \
    {                                                                                                                  \
        REAL(name)                                                                                                     \
        return FAILS(KIND_FORK, file) ? plan->error                                                                    \
                                      : real(ret_pid, file, actions, attributes, argv, environment);                   \
    }
SPAWN(posix_spawn)
SPAWN(posix_spawnp)

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    REAL(pthread_create)
    if (FAILS(KIND_FORK, "")) {
        return EAGAIN;
    }
    return real(ret_thread, attributes, start, argument);
}

/* ---- SQLite: what the program asks of it, not what it asks of itself ---- */

static int inside; /* calls into SQLite that have not returned: the program has one thread that uses it */

#define ASK(call)                                                                                                      \
    faked = SQLITE_OK;                                                                                                 \
    inside++;                                                                                                          \
    int code = call;                                                                                                   \
    inside--;                                                                                                          \
    return code

static int sqlite_says(sqlite3 *db)
{
    if ((plan->error & ROLLS_BACK) != 0 && sqlite3_get_autocommit(db) == 0) {
        inside++; /* this one is ours */
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        inside--;
    }
    faked = plan->error & ~ROLLS_BACK;
    return faked;
}

int sqlite3_step(sqlite3_stmt *statement)
{
    REAL(sqlite3_step)
    if (inside == 0 && FAILS(KIND_SQLITE, sqlite3_sql(statement))) {
        return sqlite_says(sqlite3_db_handle(statement));
    }
    ASK(real(statement));
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx, char **ret_message)
{
    REAL(sqlite3_exec)
    if (inside == 0 && FAILS(KIND_SQLITE, sql)) {
        return sqlite_says(db);
    }
    ASK(real(db, sql, row, ctx, ret_message));
}

int sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags, sqlite3_stmt **ret_statement,
                       const char **ret_rest)
{
    REAL(sqlite3_prepare_v3)
    if (inside == 0 && FAILS(KIND_SQLITE, sql)) {
        *ret_statement = NULL;
        return sqlite_says(db);
    }
    ASK(real(db, sql, size, flags, ret_statement, ret_rest));
}

const char *sqlite3_errmsg(sqlite3 *db)
{
    REAL(sqlite3_errmsg)
    return faked != SQLITE_OK ? sqlite3_errstr(faked) : real(db);
}
