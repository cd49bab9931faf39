/* SPDX-License-Identifier: Apache-2.0 */
#include "api/file_writer.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 << 10, PIECES = 8, THREADS_MAX = 4, LONG_BYTES = 1 << 20 };
/* The library hands over 8 KiB at once, and to write that costs twice as much as to write this. For more the kernel
 * wants pages that lie together, which it may have to make room for first. */
enum { WRITE_BYTES = 32 << 10 };
/* What is written goes on to the disk while more comes, so that the sync at the end has little left to wait for. */
enum { FLUSH_BYTES = 8 << 20 };

struct piece {
    char *bytes;
    size_t size;
};

struct file_writer {
    int fd;
    struct digest_stream *stream; /* NULL: no digest */
    int64_t size;                 /* written */
    struct err wrong;             /* what went wrong first */
    bool has_thread;
    pthread_t thread;
    struct piece pieces[PIECES]; /* a ring, in one block of memory */
    size_t filling;              /* the one that is added to: the adding thread's own */
    pthread_mutex_t mutex;       /* for all below; what is above is the thread's while there is one */
    pthread_cond_t changed;
    size_t next, full; /* the piece to be written next, and how many are */
    bool ending, left; /* left: what is not written need not be */
};

static atomic_int threads;

struct file_writer *file_writer_new(int fd)
{
    struct file_writer *writer = mem_alloc(sizeof *writer);
    *writer = (struct file_writer){.fd = fd, .stream = digest_stream_new()};
    (void)pthread_mutex_init(&writer->mutex, NULL);
    (void)pthread_cond_init(&writer->changed, NULL);
    return writer;
}

void file_writer_no_digest(struct file_writer *writer)
{
    (void)digest_stream_take(writer->stream);
    writer->stream = NULL;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void fail(struct file_writer *writer)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    (void)err_errno(&writer->wrong, "writing the artifact");
    writer->wrong.code = full ? ERR_LIMIT : ERR_IO;
}

/* What cannot be kept is read to its end all the same, and refused then. */
static void settle(struct file_writer *writer, const char *bytes, size_t size)
{
    if (writer->wrong.code == ERR_NONE && writer->stream != NULL) {
        digest_stream_add(writer->stream, (struct str){bytes, size});
    }
    while (size > 0 && writer->wrong.code == ERR_NONE) {
        ssize_t n = write(writer->fd, bytes, size < WRITE_BYTES ? size : WRITE_BYTES);
        if (n < 0 && errno != EINTR) {
            fail(writer);
        }
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
        writer->size += n > 0 ? n : 0;
    }
}

/* Begins to bring to the disk what was written since the last time; it is no promise, and so its failing is none. */
static void flush(const struct file_writer *writer, int64_t *flushed)
{
    if (writer->size - *flushed >= FLUSH_BYTES) {
        (void)sync_file_range(writer->fd, *flushed, writer->size - *flushed, SYNC_FILE_RANGE_WRITE);
        *flushed = writer->size;
    }
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

static void *write_pieces(void *argument)
{
    struct file_writer *writer = argument;
    int64_t flushed = 0;
    (void)pthread_mutex_lock(&writer->mutex);
    while (!writer->left && (writer->full > 0 || !writer->ending)) {
        if (writer->full == 0) {
            (void)pthread_cond_wait(&writer->changed, &writer->mutex);
            continue;
        }
        const struct piece *piece = &writer->pieces[writer->next];
        (void)pthread_mutex_unlock(&writer->mutex);
        settle(writer, piece->bytes, piece->size);
        flush(writer, &flushed);
        (void)pthread_mutex_lock(&writer->mutex);
        writer->next = (writer->next + 1) % PIECES;
        writer->full--;
        (void)pthread_cond_signal(&writer->changed);
    }
    (void)pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

/* Signals are the loop's. */
static bool start_thread(struct file_writer *writer)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&writer->thread, NULL, write_pieces, writer) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* If there is one left; if not, it goes on without. */
static void take_thread(struct file_writer *writer)
{
    if (atomic_fetch_add(&threads, 1) >= THREADS_MAX) {
        (void)atomic_fetch_sub(&threads, 1);
        return;
    }
    char *room = mem_resize(NULL, PIECES, PIECE_BYTES);
    for (size_t i = 0; i < PIECES; i++) {
        writer->pieces[i] = (struct piece){.bytes = room + i * PIECE_BYTES};
    }
    writer->has_thread = start_thread(writer);
    if (!writer->has_thread) {
        free(room);
        (void)atomic_fetch_sub(&threads, 1);
    }
}

static void end_thread(struct file_writer *writer, bool left)
{
    (void)pthread_mutex_lock(&writer->mutex);
    writer->ending = true;
    writer->left = left;
    (void)pthread_cond_signal(&writer->changed);
    (void)pthread_mutex_unlock(&writer->mutex);
    (void)pthread_join(writer->thread, NULL);
    free(writer->pieces[0].bytes);
    writer->has_thread = false;
    (void)atomic_fetch_sub(&threads, 1);
}

/* The piece that is filled goes to the thread, and the next one is filled as soon as it is free. */
static void pass_on(struct file_writer *writer)
{
    (void)pthread_mutex_lock(&writer->mutex);
    writer->full++;
    (void)pthread_cond_signal(&writer->changed);
    while (writer->full == PIECES) {
        (void)pthread_cond_wait(&writer->changed, &writer->mutex);
    }
    (void)pthread_mutex_unlock(&writer->mutex);
    writer->filling = (writer->filling + 1) % PIECES;
    writer->pieces[writer->filling].size = 0;
}

static void fill(struct file_writer *writer, const char *bytes, size_t size)
{
    while (size > 0) {
        struct piece *piece = &writer->pieces[writer->filling];
        size_t n = size < PIECE_BYTES - piece->size ? size : PIECE_BYTES - piece->size;
        memcpy(piece->bytes + piece->size, bytes, n);
        piece->size += n;
        bytes += n;
        size -= n;
        if (piece->size == PIECE_BYTES) {
            pass_on(writer);
        }
    }
}

/* ---- from its beginning to its end ------------------------------------------------------------------------------ */

void file_writer_add(struct file_writer *writer, const char *bytes, size_t size)
{
    if (!writer->has_thread && writer->size >= LONG_BYTES && writer->wrong.code == ERR_NONE) {
        take_thread(writer);
    }
    if (writer->has_thread) {
        fill(writer, bytes, size);
    } else {
        settle(writer, bytes, size);
    }
}

int file_writer_end(struct file_writer *writer, struct err *err)
{
    if (writer->has_thread) {
        if (writer->pieces[writer->filling].size > 0) {
            pass_on(writer);
        }
        end_thread(writer, false);
    }
    if (writer->wrong.code == ERR_NONE) {
        return 0;
    }
    return err_set(err, writer->wrong.code, "%s", writer->wrong.message);
}

struct digest file_writer_digest(struct file_writer *writer)
{
    struct digest digest = digest_stream_take(writer->stream);
    writer->stream = NULL;
    return digest;
}

void file_writer_free(struct file_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->has_thread) {
        end_thread(writer, true);
    }
    if (writer->stream != NULL) {
        (void)digest_stream_take(writer->stream);
    }
    (void)pthread_cond_destroy(&writer->changed);
    (void)pthread_mutex_destroy(&writer->mutex);
    free(writer);
}
