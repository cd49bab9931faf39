/* SPDX-License-Identifier: Apache-2.0
 * Reading a journal that may be growing.
 *
 * Bytes of a frame that is not whole are never kept: the writer may cut them off again (a full disk) and put another
 * frame in their place. Nor are zeros, whose place a frame may have taken since they were read: whoever was told of a
 * frame finds it. A frame that is being written into zeros is half there for a moment: so before one is called
 * damaged, it is looked at with the lock under which frames are written.
 */
#include "wire/journal_internal.h"

#include "base/mem.h"
#include "base/untimed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_AHEAD_BYTES = 128 << 10, ZEROS_MAX = 1 << 20 };

struct journal_reader {
    int fd;
    bool locked; /* by who made it: nobody writes meanwhile */
    char *path;
    int64_t offset; /* of the next frame */
    uint64_t sequence;
    unsigned char *buffer; /* bytes of the file from `buffer_offset` */
    size_t room;
    int64_t buffer_offset;
    size_t filled;
};

static struct journal_reader *reader_new(int take_fd, const char *path, int64_t offset, uint64_t sequence)
{
    struct journal_reader *reader = mem_alloc(sizeof *reader);
    *reader = (struct journal_reader){.fd = take_fd, .offset = offset, .sequence = sequence, .buffer_offset = offset};
    reader->path = mem_strdup(path);
    reader->room = READ_AHEAD_BYTES;
    reader->buffer = mem_resize(NULL, reader->room, 1);
    return reader;
}

struct journal_reader *journal_reader_over(int take_fd, const char *path, int64_t offset, uint64_t sequence)
{
    struct journal_reader *reader = reader_new(take_fd, path, offset, sequence);
    reader->locked = true;
    return reader;
}

int journal_reader_open(const char *path, int64_t offset, uint64_t sequence, struct journal_reader **ret_reader,
                        struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "the journal '%s' does not exist", path);
    }
    if (fd < 0) {
        return err_errno(err, "cannot open the journal '%s'", path);
    }
    struct stat st;
    untimed_reads(fd);
    if (untimed_fstat(fd, &st) < 0) {
        (void)err_errno(err, "cannot look at the journal '%s'", path);
        close(fd);
        return -1;
    }
    if (st.st_size < offset || (offset != 0 && offset < JOURNAL_START_BYTES)) {
        (void)err_set(err, ERR_CORRUPT, "the journal '%s' has %lld bytes, %lld of it had been read", path,
                      (long long)st.st_size, (long long)offset);
        close(fd);
        return -1;
    }
    *ret_reader = reader_new(fd, path, offset, sequence);
    return 0;
}

static void forget_buffer(struct journal_reader *reader)
{
    reader->buffer_offset = reader->offset;
    reader->filled = 0;
}

/* Makes `size` bytes from the reader's offset available: 1, 0 when the file does not have them, -1. */
static int have(struct journal_reader *reader, size_t size, struct err *err)
{
    size_t skip = (size_t)(reader->offset - reader->buffer_offset);
    if (skip > reader->filled) {
        forget_buffer(reader);
        skip = 0;
    }
    if (reader->filled - skip >= size) {
        return 1;
    }
    memmove(reader->buffer, reader->buffer + skip, reader->filled - skip);
    reader->filled -= skip;
    reader->buffer_offset = reader->offset;
    if (reader->room < size) {
        reader->room = size;
        reader->buffer = mem_resize(reader->buffer, size, 1);
    }
    while (reader->filled < size) {
        ssize_t n = pread(reader->fd, reader->buffer + reader->filled, reader->room - reader->filled,
                          reader->buffer_offset + (int64_t)reader->filled);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(err, "cannot read the journal '%s'", reader->path);
        }
        if (n == 0) {
            return 0;
        }
        reader->filled += (size_t)n;
    }
    return 1;
}

static const unsigned char *bytes_here(const struct journal_reader *reader)
{
    return reader->buffer + (reader->offset - reader->buffer_offset);
}

static int corrupt(const struct journal_reader *reader, struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "the journal '%s' is damaged at byte %lld: %s", reader->path,
                   (long long)reader->offset, what);
}

static int take_start(struct journal_reader *reader, struct err *err)
{
    int ready = have(reader, JOURNAL_START_BYTES, err);
    if (ready < 0) {
        return -1;
    }
    size_t n = ready == 1 ? JOURNAL_START_BYTES : reader->filled;
    if (memcmp(reader->buffer, JOURNAL_START, n) != 0) {
        return corrupt(reader, err, "it does not begin as a journal does");
    }
    if (ready == 0) {
        return 0;
    }
    reader->offset = JOURNAL_START_BYTES;
    return 1;
}

/* What is wrong with the whole frame at `head`, or NULL. */
static const char *fault_of(const unsigned char *head, size_t size, uint64_t sequence)
{
    uint32_t crc = crc32c(0, head + 8, JOURNAL_HEAD_BYTES - 8);
    crc = crc32c(crc, head + JOURNAL_HEAD_BYTES, size);
    if (crc != (uint32_t)journal_get(head + 4, 4)) {
        return "its checksum is wrong";
    }
    uint64_t type = journal_get(head + 32, 2); /* beyond JOURNAL_NEWEST: of a newer sluice */
    if (type == 0) {
        return "a frame has no type";
    }
    if (journal_get(head + 8, 8) != sequence + 1) {
        return "a frame is missing or doubled";
    }
    return NULL;
}

/* The whole frame at the offset: 1 with what is wrong with it, or NULL; 0 when it is not there yet, -1. */
static int have_frame(struct journal_reader *reader, size_t *ret_size, const char **ret_fault, struct err *err)
{
    int ready = have(reader, JOURNAL_HEAD_BYTES, err);
    if (ready <= 0 || journal_is_nothing(bytes_here(reader), JOURNAL_HEAD_BYTES)) {
        return ready < 0 ? -1 : 0;
    }
    size_t size = *ret_size = (size_t)journal_get(bytes_here(reader), 4);
    if (size > JOURNAL_PAYLOAD_MAX) {
        *ret_fault = "a frame is larger than 1 MiB";
        return 1;
    }
    ready = have(reader, JOURNAL_HEAD_BYTES + size, err);
    *ret_fault = ready == 1 ? fault_of(bytes_here(reader), size, reader->sequence) : NULL;
    return ready;
}

/* As the file is now: where what was read ahead has no good frame, one may have been written since. */
static int have_frame_now(struct journal_reader *reader, size_t *ret_size, const char **ret_fault, struct err *err)
{
    bool ahead = reader->offset < reader->buffer_offset + (int64_t)reader->filled;
    int ready = have_frame(reader, ret_size, ret_fault, err);
    if (ahead && (ready == 0 || (ready == 1 && *ret_fault != NULL))) {
        forget_buffer(reader);
        *ret_fault = NULL;
        ready = have_frame(reader, ret_size, ret_fault, err);
    }
    return ready;
}

/* Is there nothing but zeros behind the frame at the offset, of `size` bytes, so that it is one that was not written to
 * its end? 1, 0 or -1. */
static int is_cut_off(struct journal_reader *reader, size_t size, struct err *err)
{
    struct stat st;
    if (untimed_fstat(reader->fd, &st) < 0) {
        return err_errno(err, "cannot look at the journal '%s'", reader->path);
    }
    int64_t end = reader->offset + JOURNAL_HEAD_BYTES + (int64_t)size;
    if (size > JOURNAL_PAYLOAD_MAX || st.st_size <= end || st.st_size - end > ZEROS_MAX) {
        return 0;
    }
    int there = have(reader, (size_t)(st.st_size - reader->offset), err);
    return there <= 0 ? there
                      : journal_is_nothing(bytes_here(reader) + (end - reader->offset), (size_t)(st.st_size - end));
}

/* Again, with nobody writing. As have_frame; 0 also while somebody is. */
static int have_frame_for_certain(struct journal_reader *reader, size_t *ret_size, const char **ret_fault,
                                  struct err *err)
{
    if (!reader->locked && flock(reader->fd, LOCK_SH | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK || errno == EINTR
                   ? 0
                   : err_errno(err, "cannot lock the journal '%s'", reader->path);
    }
    forget_buffer(reader);
    int ready = have_frame(reader, ret_size, ret_fault, err);
    if (ready == 1 && *ret_fault != NULL) {
        int cut_off = is_cut_off(reader, *ret_size, err);
        ready = cut_off < 0 ? -1 : cut_off == 1 ? 0 : 1;
    }
    if (!reader->locked) {
        (void)flock(reader->fd, LOCK_UN);
    }
    return ready;
}

int journal_next(struct journal_reader *reader, struct journal_frame *ret_frame, struct err *err)
{
    size_t size = 0;
    const char *fault = NULL;
    int ready = reader->offset == 0 ? take_start(reader, err) : 1;
    if (ready == 1) {
        ready = have_frame_now(reader, &size, &fault, err);
    }
    if (ready == 1 && fault != NULL) {
        ready = have_frame_for_certain(reader, &size, &fault, err);
    }
    if (ready <= 0) {
        forget_buffer(reader);
        return ready;
    }
    if (fault != NULL) {
        return corrupt(reader, err, fault);
    }
    const unsigned char *head = bytes_here(reader);
    *ret_frame = (struct journal_frame){
        .sequence = reader->sequence + 1,
        .time_ms = (int64_t)journal_get(head + 16, 8),
        .attempt = (int64_t)journal_get(head + 24, 8),
        .type = (enum journal_type)journal_get(head + 32, 2),
        .payload = {(const char *)head + JOURNAL_HEAD_BYTES, size},
    };
    reader->sequence++;
    reader->offset += JOURNAL_HEAD_BYTES + (int64_t)size;
    return 1;
}

int64_t journal_reader_file(const struct journal_reader *reader)
{
    struct stat st;
    return untimed_fstat(reader->fd, &st) < 0 ? 0 : (int64_t)st.st_ino;
}

int64_t journal_file_at(const char *path)
{
    struct stat st;
    return untimed_stat(path, &st) < 0 ? 0 : (int64_t)st.st_ino;
}

int64_t journal_reader_offset(const struct journal_reader *reader)
{
    return reader->offset;
}

uint64_t journal_reader_sequence(const struct journal_reader *reader)
{
    return reader->sequence;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    close(reader->fd);
    free(reader->buffer);
    free(reader->path);
    free(reader);
}
