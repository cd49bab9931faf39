/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

#include "folder.h"
#include "members.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

/* ---- from the store ----------------------------------------------------------------------------- */

/* Relative, and without a part that could lead out of the folder. */
static bool stays_below(const char *path)
{
    const char *part = path;
    for (const char *p = path;; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        size_t n = (size_t)(p - part);
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        if (*p == '\0') {
            return true;
        }
        part = p + 1;
    }
}

static bool is_digest(const char *text)
{
    return strlen(text) == SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == SHA256_HEX - 1;
}

static int by_path(const void *a, const void *b)
{
    const struct payload_file *x = a;
    const struct payload_file *y = b;
    return strcmp(x->path, y->path);
}

static int read_files(struct scratch *scratch, const struct step_value *files, struct payload *payload,
                      struct fault *fault)
{
    if (files == NULL || files->type != STEP_TYPE_LIST || files->count == 0) {
        return fault_set(fault, "the model '%.200s' has no recorded files: there is nothing to deploy", payload->uri);
    }
    payload->count = files->count;
    payload->files = scratch_array(scratch, files->count, sizeof *payload->files);
    for (size_t i = 0; i < files->count; i++) {
        const char *path = value_member_text(&files->items[i], "path");
        const char *sha256 = value_member_text(&files->items[i], "sha256");
        const struct step_value *size = step_get(&files->items[i], "size");
        if (path == NULL || !stays_below(path)) {
            return fault_set(fault, "the record of '%.200s' names a file '%.100s' outside the model", payload->uri,
                             path == NULL ? "" : path);
        }
        if (sha256 == NULL || !is_digest(sha256)) {
            return fault_set(fault, "the record of '%.200s' has no digest of '%.100s'", payload->uri, path);
        }
        payload->files[i] = (struct payload_file){
            scratch_copy(scratch, path, strlen(path)), scratch_copy(scratch, sha256, strlen(sha256)),
            size != NULL && size->type == STEP_TYPE_INT ? size->integer : -1};
    }
    qsort(payload->files, payload->count, sizeof *payload->files, by_path);
    return 0;
}

static void digest_all(struct payload *payload)
{
    struct sha256 sha256;
    sha256_begin(&sha256);
    for (size_t i = 0; i < payload->count; i++) {
        sha256_add(&sha256, payload->files[i].path, strlen(payload->files[i].path) + 1);
        sha256_add(&sha256, payload->files[i].sha256, strlen(payload->files[i].sha256));
        sha256_add(&sha256, "\n", 1);
    }
    sha256_end(&sha256, payload->sha256);
}

/* "models:/wine/3" and "models:/wine@champion" are versions; the store knows which. */
static const char *version_of(const struct step_host *host, struct scratch *scratch, const char *uri)
{
    struct members ask = {0};
    struct fault ignored;
    const struct step_value *reply = NULL;
    members_text(&ask, "uri", uri);
    int result = members_ask(host, "model.get", &ask, &reply, &ignored);
    members_free(&ask);
    const struct step_value *version = result < 0 ? NULL : step_get(reply, "version");
    return version != NULL && version->type == STEP_TYPE_INT
               ? scratch_printf(scratch, "%lld", (long long)version->integer)
               : NULL;
}

static int read_reply(const struct step_host *host, struct scratch *scratch, const struct step_value *reply,
                      struct payload *payload, struct fault *fault)
{
    const char *path = value_member_text(reply, "path");
    const char *model_id = value_member_text(reply, "model_id");
    if (path != NULL && strncmp(path, "file://", strlen("file://")) == 0) {
        path += strlen("file://");
    }
    if (path == NULL || path[0] != '/') {
        return fault_set(fault, "the model '%.200s' is not a folder of this machine: '%.200s'", payload->uri,
                         path == NULL ? "" : path);
    }
    payload->path = scratch_copy(scratch, path, strlen(path));
    payload->model_id = model_id == NULL ? "" : scratch_copy(scratch, model_id, strlen(model_id));
    if (read_files(scratch, step_get(reply, "files"), payload, fault) < 0) {
        return -1;
    }
    digest_all(payload);
    const char *version = version_of(host, scratch, payload->uri);
    payload->name = version != NULL ? version : payload->model_id[0] != '\0' ? payload->model_id : "model";
    return 1;
}

int payload_read(const struct step_host *host, struct scratch *scratch, const char *uri, struct payload *ret_payload,
                 struct fault *fault)
{
    struct members ask = {0};
    const struct step_value *reply = NULL;
    *ret_payload = (struct payload){.uri = uri};
    members_text(&ask, "uri", uri);
    int result = members_ask(host, "model.files", &ask, &reply, fault);
    members_free(&ask);
    if (result < 0) {
        const char *code = value_member_text(reply, "error");
        return code != NULL && strcmp(code, "not_found") == 0 ? 0 : -1;
    }
    return read_reply(host, scratch, reply, ret_payload, fault);
}

/* ---- the bytes -------------------------------------------------------------------------------------- */

static int write_all(int fd, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, bytes + at, size - at);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        at += n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

/* Reads `in` to its end, writes it to `out` (-1: nowhere), and compares what passed with the record. */
static int pour(const struct step_host *host, const struct payload_file *file, int in, int out, struct fault *fault)
{
    struct sha256 sha256;
    char hex[SHA256_HEX];
    char *room = malloc(READ_BYTES);
    ssize_t size = room == NULL ? -1 : 1;
    int64_t passed = 0;
    int result = 0;
    sha256_begin(&sha256);
    while (result == 0 && size > 0) {
        size = read(in, room, READ_BYTES);
        if (size > 0) {
            sha256_add(&sha256, room, (size_t)size);
            passed += size;
        }
        if (size > 0 && out >= 0 && write_all(out, room, (size_t)size) < 0) {
            result = fault_set(fault, "cannot write a copy of '%.200s': %s", file->path, strerror(errno));
        }
        if (host->cancelled(host)) {
            result = fault_set(fault, "cancelled");
        }
    }
    free(room);
    if (result == 0 && size < 0) {
        result = fault_set(fault, "cannot read '%.200s': %s", file->path, strerror(errno));
    }
    sha256_end(&sha256, hex);
    if (result == 0 && file->size >= 0 && file->size != passed) {
        return fault_set(fault, "'%.200s' is not what was recorded: it has %lld bytes, recorded are %lld", file->path,
                         (long long)passed, (long long)file->size);
    }
    if (result == 0 && strcmp(hex, file->sha256) != 0) {
        result = fault_set(fault, "'%.200s' is not what was recorded: its sha256 is %.12s, recorded is %.12s",
                           file->path, hex, file->sha256);
    }
    return result;
}

/* `to` NULL: only compares. */
static int pass_file(const struct step_host *host, const struct payload_file *file, const char *from, const char *to,
                     struct fault *fault)
{
    struct stat info;
    int result = -1;
    int out = -1;
    int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (in < 0 || fstat(in, &info) < 0) {
        (void)fault_set(fault, "cannot read '%.300s': %s", from, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        (void)fault_set(fault, "'%.300s' is no file", from);
    } else if (to != NULL && (out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                         0644 | (info.st_mode & 0111))) < 0) {
        (void)fault_set(fault, "cannot write '%.300s': %s", to, strerror(errno));
    } else {
        result = pour(host, file, in, out, fault);
        if (result == 0 && out >= 0 && fsync(out) < 0) {
            result = fault_set(fault, "cannot write '%.300s': %s", to, strerror(errno));
        }
    }
    if (in >= 0) {
        (void)close(in);
    }
    if (out >= 0 && close(out) < 0 && result == 0) {
        result = fault_set(fault, "cannot write '%.300s': %s", to, strerror(errno));
    }
    return result;
}

int payload_verify(const struct step_host *host, const struct payload *payload, const char *folder, struct fault *fault)
{
    int result = 0;
    for (size_t i = 0; i < payload->count && result == 0; i++) {
        struct scratch scratch = {0};
        const char *from = scratch_printf(&scratch, "%s/%s", folder, payload->files[i].path);
        result = pass_file(host, &payload->files[i], from, NULL, fault);
        scratch_free(&scratch);
    }
    return result;
}

static int copy_one(const struct step_host *host, const struct payload *payload, const struct payload_file *file,
                    const char *folder, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *from = scratch_printf(&scratch, "%s/%s", payload->path, file->path);
    char *to = scratch_printf(&scratch, "%s/%s", folder, file->path);
    char *slash = strrchr(to, '/');
    *slash = '\0';
    int result = folder_make(to, fault);
    *slash = '/';
    if (result == 0) {
        result = pass_file(host, file, from, to, fault);
    }
    scratch_free(&scratch);
    return result;
}

int payload_copy(const struct step_host *host, const struct payload *payload, const char *folder, struct fault *fault)
{
    if (mkdir(folder, 0755) < 0) {
        return fault_set(fault, "cannot make the folder '%.300s': %s", folder, strerror(errno));
    }
    for (size_t i = 0; i < payload->count; i++) {
        if (copy_one(host, payload, &payload->files[i], folder, fault) < 0) {
            return -1;
        }
    }
    return folder_sync(folder, fault);
}
