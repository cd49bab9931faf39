/* SPDX-License-Identifier: Apache-2.0 */
#include "http/folder.h"

#include "base/file_limit.h"
#include "base/fs.h"
#include "base/path.h"
#include "http/content_type.h"
#include "http/validators.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_DIGITS_MIN = 8 };

int http_folder_open(const char *path, const char *policy, struct http_folder *ret, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, "opening the folder '%s'", path);
    }
    *ret = (struct http_folder){.fd = fd, .policy = policy};
    return 0;
}

void http_folder_close(struct http_folder *folder)
{
    if (folder->fd >= 0) {
        (void)close(folder->fd);
    }
    folder->fd = -1;
}

/* A plain file, or -1 with errno: ENOENT for anything else. */
static int open_file(const struct http_folder *folder, const char *path, struct stat *ret)
{
    int fd = file_limit_for_client(fs_open_below(folder->fd, path, O_RDONLY | O_NONBLOCK));
    if (fd >= 0 && (fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode))) {
        (void)close(fd);
        errno = ENOENT;
        return -1;
    }
    return fd;
}

bool http_folder_has(const struct http_folder *folder, const char *path)
{
    struct stat status;
    int fd = open_file(folder, path, &status);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* ---- what a client has, and takes ------------------------------------------------------------------------------- */

static bool is_hash(struct str part)
{
    size_t digits = 0;
    while (digits < part.n && strchr("0123456789abcdef", part.p[digits]) != NULL) {
        digits++;
    }
    return part.n >= HASH_DIGITS_MIN && digits == part.n;
}

static bool names_its_bytes(const char *name)
{
    struct str rest = str_from(name);
    struct str part;
    while (str_cut(&rest, '.', &part)) {
        if (is_hash(part)) {
            return true;
        }
    }
    return false;
}

/* "gzip" among what is accepted, and not with a weight of zero (RFC 9110, 12.5.3). */
static bool takes_gzip(const struct http_exchange *exchange)
{
    struct str rest = http_header(exchange, "Accept-Encoding");
    struct str one, coding;
    while (rest.n > 0 && str_cut(&rest, ',', &one)) {
        (void)str_cut(&one, ';', &coding);
        if (!str_is(str_trim(coding), "gzip")) {
            continue;
        }
        struct str weight = str_trim(one);
        while (weight.n > 0 && strchr("q=0. ", weight.p[0]) != NULL) {
            weight = str_slice(weight, 1, weight.n);
        }
        return one.n == 0 || weight.n > 0;
    }
    return false;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static const char *type_with_charset(const char *name, struct arena *arena)
{
    const char *type = http_type_of(name, true);
    return str_starts(str_from(type), STR("text/")) ? arena_printf(arena, "%s; charset=utf-8", type) : type;
}

static void add_header(struct http_answer *answer, const char *name, const char *value)
{
    size_t i = 0;
    while (answer->headers[i].name != NULL) {
        i++;
    }
    answer->headers[i] = (struct http_header){name, value};
}

static void refuse(struct http_exchange *exchange, int error)
{
    bool busy = error == EMFILE || error == ENFILE;
    const char *text = busy ? "Too many files are open: try again." : "There is no such file.";
    http_answer_text(exchange, busy ? 503 : 404, text);
}

void http_folder_answer(const struct http_folder *folder, struct http_exchange *exchange, const char *path)
{
    struct stat status, packed;
    struct arena *arena = exchange->arena;
    int fd = open_file(folder, path, &status);
    if (fd < 0) {
        refuse(exchange, errno);
        return;
    }
    struct http_answer answer = {.status = 200, .content_type = type_with_charset(path_base(path), arena), .fd = fd};
    int packed_fd = open_file(folder, arena_printf(arena, "%s.gz", path), &packed);
    if (packed_fd >= 0) {
        add_header(&answer, "Vary", "Accept-Encoding");
    }
    if (packed_fd >= 0 && takes_gzip(exchange)) {
        add_header(&answer, "Content-Encoding", "gzip");
        answer.fd = packed_fd;
        status = packed;
        packed_fd = fd;
    }
    if (packed_fd >= 0) {
        (void)close(packed_fd);
    }
    const char *tag = arena_printf(arena, "\"%llx-%llx%09lx\"", (unsigned long long)status.st_size,
                                   (unsigned long long)status.st_mtim.tv_sec, (unsigned long)status.st_mtim.tv_nsec);
    add_header(&answer, "ETag", tag);
    add_header(&answer, "Cache-Control",
               names_its_bytes(path_base(path)) ? "public, max-age=31536000, immutable" : "no-cache");
    if (folder->policy != NULL) {
        add_header(&answer, "Content-Security-Policy", folder->policy);
    }
    answer.size = status.st_size;
    if (http_tags_have(http_header(exchange, "If-None-Match"), tag, false)) {
        (void)close(answer.fd);
        answer.fd = -1;
        answer.status = 304;
        answer.content_type = NULL;
    }
    http_answer(exchange, &answer);
}
