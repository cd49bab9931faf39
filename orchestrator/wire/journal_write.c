/* SPDX-License-Identifier: Apache-2.0
 * Writing a journal.
 *
 * While a runner is replaced by a newer one, two of them can have steps of the same run. So each append holds the
 * file's lock, and what another has written since is read first: the sequence has no gap and no frame is overwritten.
 */
#include "wire/journal_internal.h"

#include "base/mem.h"
#include "base/untimed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Some hundred frames of quick steps; and few enough that a reader at the end soon has them. */
enum { FILL_BYTES = 64 << 10, FILL_LOW_BYTES = 4096 };

struct journal_writer {
    int fd;
    char *path;
    int64_t size; /* of the whole frames */
    int64_t file_bytes; /* as it was last seen: zeros may follow */
    uint64_t sequence;
    bool held;   /* by journal_hold */
    bool looked; /* since then: no other can have written */
};

static int lock(const struct journal_writer *writer, struct err *err)
{
    while (flock(writer->fd, LOCK_EX) < 0) {
        if (errno != EINTR) {
            return err_errno(err, "cannot lock the journal '%s'", writer->path);
        }
    }
    return 0;
}

static void unlock(const struct journal_writer *writer)
{
    (void)flock(writer->fd, LOCK_UN);
}

/* Reads frames from where the writer stands to the last whole one. */
static int scan(struct journal_writer *writer, struct err *err)
{
    int fd = fcntl(writer->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        return err_errno(err, "cannot read the journal '%s'", writer->path);
    }
    struct journal_reader *reader = journal_reader_over(fd, writer->path, writer->size, writer->sequence);
    struct journal_frame frame;
    int more;
    do {
        more = journal_next(reader, &frame, err);
    } while (more == 1);
    if (more == 0) {
        writer->size = journal_reader_offset(reader);
        writer->sequence = journal_reader_sequence(reader);
    }
    journal_reader_close(reader);
    return more;
}

static ssize_t write_at(int fd, struct iovec *parts, int count, int64_t offset)
{
    ssize_t n;
    do {
        n = pwritev(fd, parts, count, offset);
    } while (n < 0 && errno == EINTR);
    return n;
}

static int write_whole(struct journal_writer *writer, struct iovec *parts, int count, struct err *err)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    ssize_t n = write_at(writer->fd, parts, count, writer->size);
    if (n == (ssize_t)size) {
        writer->size += n;
        writer->file_bytes = writer->size > writer->file_bytes ? writer->size : writer->file_bytes;
        return 0;
    }
    if (n >= 0) {
        errno = ENOSPC;
    }
    (void)err_errno(err, "cannot write the journal '%s'", writer->path);
    /* If even this fails, the next append finds the torn tail and cuts it. */
    if (ftruncate(writer->fd, writer->size) == 0) {
        writer->file_bytes = writer->size;
    }
    return -1;
}

/* Do zeros follow what the writer knows? 1, 0: something else does, or -1. */
static int stands_before_zeros(const struct journal_writer *writer, struct err *err)
{
    unsigned char head[JOURNAL_HEAD_BYTES];
    ssize_t n;
    do {
        n = pread(writer->fd, head, sizeof head, writer->size);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? err_errno(err, "cannot read the journal '%s'", writer->path)
                 : journal_is_nothing(head, (size_t)n);
}

/* With the lock held: the writer stands behind the last whole frame, and nothing or zeros follow. */
static int catch_up(struct journal_writer *writer, struct err *err)
{
    struct stat st;
    if (untimed_fstat(writer->fd, &st) < 0) {
        return err_errno(err, "cannot look at the journal '%s'", writer->path);
    }
    if (st.st_size < writer->size) {
        return err_set(err, ERR_CORRUPT, "the journal '%s' has %lld bytes, %lld had been written", writer->path,
                       (long long)st.st_size, (long long)writer->size);
    }
    writer->file_bytes = st.st_size;
    int known = writer->size == 0 ? 0 : st.st_size == writer->size ? 1 : stands_before_zeros(writer, err);
    if (known != 0) {
        return known < 0 ? -1 : 0;
    }
    if (scan(writer, err) < 0) {
        return -1;
    }
    if (st.st_size > writer->size && ftruncate(writer->fd, writer->size) < 0) {
        return err_errno(err, "cannot cut the torn end off the journal '%s'", writer->path);
    }
    writer->file_bytes = writer->size;
    if (writer->size == 0) {
        char start[JOURNAL_START_BYTES + 1] = JOURNAL_START;
        return write_whole(writer, &(struct iovec){start, JOURNAL_START_BYTES}, 1, err);
    }
    return 0;
}

int journal_writer_open(const char *path, struct journal_writer **ret_writer, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, "cannot open the journal '%s'", path);
    }
    return journal_writer_over(fd, path, ret_writer, err);
}

int journal_writer_over(int take_fd, const char *path, struct journal_writer **ret_writer, struct err *err)
{
    struct journal_writer *writer = mem_alloc(sizeof *writer);
    *writer = (struct journal_writer){.fd = take_fd, .path = mem_strdup(path)};
    untimed_reads(take_fd);
    int result = lock(writer, err);
    if (result == 0) {
        result = catch_up(writer, err);
        unlock(writer);
    }
    if (result < 0) {
        close(take_fd);
        free(writer->path);
        free(writer);
        return -1;
    }
    *ret_writer = writer;
    return 0;
}

int journal_append(struct journal_writer *writer, int64_t time_ms, int64_t attempt, enum journal_type type,
                   struct str payload, struct err *err)
{
    if (payload.n > JOURNAL_PAYLOAD_MAX) {
        return err_set(err, ERR_LIMIT, "a journal frame of %zu bytes, expected at most 1 MiB", payload.n);
    }
    if (!writer->held && lock(writer, err) < 0) {
        return -1;
    }
    int result = writer->looked ? 0 : catch_up(writer, err);
    if (result == 0) {
        unsigned char head[JOURNAL_HEAD_BYTES] = {0};
        journal_put(head, payload.n, 4);
        journal_put(head + 8, writer->sequence + 1, 8);
        journal_put(head + 16, (uint64_t)time_ms, 8);
        journal_put(head + 24, (uint64_t)attempt, 8);
        journal_put(head + 32, (uint64_t)type, 2);
        uint32_t crc = crc32c(0, head + 8, JOURNAL_HEAD_BYTES - 8);
        journal_put(head + 4, crc32c(crc, payload.p, payload.n), 4);
        struct iovec parts[] = {{head, sizeof head}, {(void *)(uintptr_t)payload.p, payload.n}};
        result = write_whole(writer, parts, payload.n == 0 ? 1 : 2, err);
    }
    writer->looked = writer->held && result == 0;
    if (!writer->held) {
        unlock(writer);
    }
    if (result == 0) {
        writer->sequence++;
    }
    return result;
}

void journal_hold(struct journal_writer *writer)
{
    writer->held = lock(writer, NULL) == 0;
}

void journal_let_go(struct journal_writer *writer)
{
    if (writer->held) {
        writer->held = writer->looked = false;
        unlock(writer);
    }
}

int64_t journal_writer_size(const struct journal_writer *writer)
{
    return writer->size;
}

int64_t journal_writer_file(const struct journal_writer *writer)
{
    struct stat st;
    return untimed_fstat(writer->fd, &st) < 0 ? 0 : (int64_t)st.st_ino;
}

void journal_reserve(struct journal_writer *writer, int64_t bytes)
{
    (void)fallocate(writer->fd, FALLOC_FL_KEEP_SIZE, writer->size, bytes);
}

void journal_fill(struct journal_writer *writer)
{
    static const char zeros[FILL_BYTES];
    if (writer->file_bytes - writer->size >= FILL_LOW_BYTES || lock(writer, NULL) < 0) {
        return;
    }
    if (catch_up(writer, NULL) == 0) {
        struct iovec part = {(void *)(uintptr_t)zeros, sizeof zeros};
        ssize_t n = write_at(writer->fd, &part, 1, writer->size);
        writer->file_bytes = n > 0 ? writer->size + n : writer->file_bytes;
    }
    unlock(writer);
}

int journal_cut(const char *path, int64_t offset, struct err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int result = fd < 0 ? -1 : ftruncate(fd, offset);
    if (result < 0) {
        (void)err_errno(err, "cannot cut the journal '%s'", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

int journal_writer_sync(struct journal_writer *writer, struct err *err)
{
    return fdatasync(writer->fd) < 0 ? err_errno(err, "the journal cannot be synced") : 0;
}

void journal_writer_close(struct journal_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    /* Gives back the room behind the end, unless another writer has gone on from there. */
    struct stat st;
    if (lock(writer, NULL) == 0) {
        bool alone = untimed_fstat(writer->fd, &st) == 0 && st.st_size >= writer->size &&
                     stands_before_zeros(writer, NULL) == 1;
        if (alone && (st.st_size > writer->size || st.st_blocks * 512 > st.st_size + 4096)) {
            (void)!ftruncate(writer->fd, writer->size);
        }
        unlock(writer);
    }
    close(writer->fd);
    free(writer->path);
    free(writer);
}
