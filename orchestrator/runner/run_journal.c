/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_journal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Steps of a millisecond for which nobody waits share a sync. */
enum { RETRY_MS = 1000, EXIT_ROOM_BYTES = 4096, UNHEARD_MS = 20, SYNC_LATER_MS = 5 };

static void drop_waiting(struct run_journal *journal)
{
    for (size_t i = 0; i < journal->waiting.count; i++) {
        free(journal->waiting.items[i].bytes);
    }
    vec_clear(&journal->waiting);
}

static void could_not_write(struct run_journal *journal, int64_t now_ms)
{
    journal->damaged = journal->err.code == ERR_CORRUPT;
    journal->full = !journal->damaged;
    journal->retry_at_ms = now_ms + RETRY_MS;
    if (journal->damaged) {
        journal->told = false;
        drop_waiting(journal);
    }
}

/* The exit record of each attempt must find room even when the disk fills up meanwhile. */
static void reserve(struct run_journal *journal)
{
    int64_t need = journal_writer_size(journal->writer) + (int64_t)(journal->attempts + 1) * EXIT_ROOM_BYTES;
    if (need > journal->reserved_to) {
        journal->reserved_to = need + (int64_t)16 * EXIT_ROOM_BYTES;
        journal_reserve(journal->writer, journal->reserved_to - journal_writer_size(journal->writer));
    }
}

static int open_writer(struct run_journal *journal)
{
    err_clear(&journal->err);
    if (journal->given >= 0) {
        int fd = fcntl(journal->given, F_DUPFD_CLOEXEC, 3); /* it may have to be tried again */
        return fd < 0 ? err_errno(&journal->err, "cannot open the journal '%s'", journal->path)
                      : journal_writer_over(fd, journal->path, &journal->writer, &journal->err);
    }
    struct arena *arena = arena_new();
    int result = fs_make_folders(path_dir(arena, journal->path), 0700, &journal->err);
    arena_free(arena);
    if (result == 0) {
        result = journal_writer_open(journal->path, &journal->writer, &journal->err);
    }
    return result;
}

void run_journal_give(struct run_journal *journal, int take_fd)
{
    if (take_fd < 0 || journal->writer != NULL || journal->given >= 0) {
        if (take_fd >= 0) {
            (void)close(take_fd);
        }
        return;
    }
    journal->given = take_fd;
}

struct run_journal *run_journal_new(const char *run_id, const char *path, int take_fd, int64_t now_ms)
{
    struct run_journal *journal = mem_alloc(sizeof *journal);
    journal->given = take_fd;
    journal->run_id = mem_strdup(run_id);
    journal->path = mem_strdup(path);
    if (open_writer(journal) < 0) {
        could_not_write(journal, now_ms);
    }
    return journal;
}

bool run_journal_is_in_place(const struct run_journal *journal)
{
    return journal->writer == NULL || journal_writer_file(journal->writer) == journal_file_at(journal->path);
}

void run_journal_free(struct run_journal *journal)
{
    journal_writer_close(journal->writer);
    if (journal->given >= 0) {
        (void)close(journal->given);
    }
    drop_waiting(journal);
    free(journal->run_id);
    free(journal->path);
    free(journal);
}

static bool is_waited_for(enum journal_type type)
{
    return type == JOURNAL_CALL || type == JOURNAL_WAIT || type == JOURNAL_EXIT;
}

static int write_frame(struct run_journal *journal, const struct run_journal_frame *frame, int64_t now_ms)
{
    err_clear(&journal->err);
    if (journal->writer == NULL && open_writer(journal) < 0) {
        return -1;
    }
    struct str payload = {frame->bytes, frame->size};
    bool first = run_journal_size(journal) <= journal->announced;
    if (journal_append(journal->writer, frame->time_ms, frame->attempt, frame->type, payload, &journal->err) < 0) {
        return -1;
    }
    if (frame->type != JOURNAL_EXIT) {
        reserve(journal);
    }
    journal->unheard_ms = first ? now_ms : journal->unheard_ms;
    journal->written_ms = now_ms;
    journal->urgent = journal->urgent || is_waited_for(frame->type);
    return 0;
}

void run_journal_append(struct run_journal *journal, int64_t attempt, enum journal_type type, struct str payload,
                        int64_t now_ms)
{
    struct run_journal_frame frame = {.time_ms = clock_wall_ms(&clock_system), .attempt = attempt, .type = type};
    frame.bytes = (char *)(uintptr_t)payload.p;
    frame.size = payload.n;
    if (!journal->full && !journal->damaged) {
        if (write_frame(journal, &frame, now_ms) == 0) {
            return;
        }
        could_not_write(journal, now_ms);
    }
    if (journal->damaged) {
        /* The engine gave up the attempts that it knew of; this one is new. */
        journal->told = journal->told && type != JOURNAL_SPAWNING;
        return;
    }
    frame.bytes = mem_dup(payload.p, payload.n);
    vec_push(&journal->waiting, frame);
}

void run_journal_hold(struct run_journal *journal)
{
    if (journal->writer != NULL) {
        journal_hold(journal->writer);
    }
}

void run_journal_let_go(struct run_journal *journal)
{
    if (journal->writer != NULL) {
        journal_let_go(journal->writer);
    }
}

void run_journal_retry(struct run_journal *journal, int64_t now_ms)
{
    if (!journal->full || now_ms < journal->retry_at_ms) {
        return;
    }
    size_t written = 0;
    while (written < journal->waiting.count && write_frame(journal, &journal->waiting.items[written], now_ms) == 0) {
        free(journal->waiting.items[written].bytes);
        written++;
    }
    size_t rest = journal->waiting.count - written;
    if (written > 0) {
        memmove(journal->waiting.items, journal->waiting.items + written, rest * sizeof journal->waiting.items[0]);
        journal->waiting.count = rest;
    }
    if (rest > 0 || (journal->writer == NULL && open_writer(journal) < 0)) {
        could_not_write(journal, now_ms);
        return;
    }
    journal->full = false;
    journal->told = false;
}

/* The file's in its folder, and the folder's, which is the run's. */
static int sync_names(const char *path, struct err *err)
{
    struct arena *arena = arena_new();
    int result = fs_sync_name(path, err) < 0 ? -1 : fs_sync_name(path_dir(arena, path), err);
    arena_free(arena);
    return result;
}

int run_journal_sync(struct run_journal *journal, struct err *err)
{
    if (journal->full || journal->damaged) {
        return err_set(err, ERR_IO, "the journal cannot be written");
    }
    if (journal->unsynced.code != 0) {
        *err = journal->unsynced;
        return -1;
    }
    struct err wrong = {0};
    int64_t size = run_journal_size(journal);
    journal_fill(journal->writer);
    if ((journal->named || sync_names(journal->path, &wrong) == 0) &&
        journal_writer_sync(journal->writer, &wrong) == 0) {
        journal->named = true;
        journal->synced = size;
        return 0;
    }
    journal->unsynced = *err = wrong;
    return -1;
}

void run_journal_sync_later(struct run_journal *journal, int64_t now_ms)
{
    if (journal->sync_at_ms == 0) {
        journal->sync_at_ms = now_ms + SYNC_LATER_MS;
    }
}

bool run_journal_sync_begin(struct run_journal *journal, struct sync_worker *worker)
{
    if (!journal->named || journal->full || journal->damaged || journal->unsynced.code != 0) {
        return false;
    }
    journal_fill(journal->writer);
    if (!sync_worker_begin(worker, journal)) {
        return false;
    }
    journal->syncing = run_journal_size(journal);
    return true;
}

void run_journal_sync_end(struct run_journal *journal, const struct err *err)
{
    if (err->code == 0) {
        journal->synced = journal->syncing;
    } else {
        journal->unsynced = *err;
    }
    journal->syncing = 0;
}

int64_t run_journal_size(const struct run_journal *journal)
{
    return journal->writer == NULL ? 0 : journal_writer_size(journal->writer);
}

int64_t run_journal_ring_ms(const struct run_journal *journal)
{
    if (journal->replaced || run_journal_size(journal) <= journal->announced) {
        return INT64_MAX;
    }
    return journal->urgent ? 0 : journal->unheard_ms + UNHEARD_MS;
}

bool run_journal_is_idle(const struct run_journal *journal)
{
    return journal->attempts == 0 && journal->waiting.count == 0 && journal->syncing == 0;
}
