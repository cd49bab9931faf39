/* SPDX-License-Identifier: Apache-2.0
 * The runner's side of a run's journal: frames that cannot be written now wait in memory, in order.
 *
 * While any wait the journal is `full`: the pipes of the run's steps are not read, so that the steps block instead of
 * losing what they say. Writing is tried again each second.
 *
 * A journal that somebody else has cut or written to is `damaged`: nothing more can be recorded in it. What its steps
 * say is dropped, and the engine is told, which gives them up.
 */
#ifndef SLUICE_RUNNER_RUN_JOURNAL_H
#define SLUICE_RUNNER_RUN_JOURNAL_H

#include "base/vec.h"
#include "runner/sync_worker.h"
#include "wire/journal.h"

#include <stdbool.h>

struct run_journal_frame {
    int64_t time_ms;
    int64_t attempt;
    enum journal_type type;
    char *bytes;
    size_t size;
};

struct run_journal {
    char *run_id;
    char *path;
    struct journal_writer *writer; /* NULL until it could be opened */
    int given;                     /* what it is opened as, if it came from the engine; -1: by its path */
    struct {
        VEC_OF(struct run_journal_frame)
    } waiting;
    bool full;
    bool damaged;
    bool replaced;         /* another file stands in its place, which the engine reads: nobody reads this one */
    bool told;             /* the engine knows that it is full, or damaged */
    int64_t retry_at_ms;   /* monotonic */
    int64_t announced;     /* size in the last doorbell */
    bool urgent;           /* something since then is waited for */
    int64_t unheard_ms;    /* monotonic, when the first frame since then was written */
    int64_t written_ms;    /* and the last */
    bool named;            /* its name is on the disk, since its first sync */
    int64_t synced;        /* bytes that are on the disk for certain */
    int64_t syncing;       /* bytes that will be when the sync that has begun ends; 0: none has */
    int64_t sync_at_ms;    /* monotonic, when it is synced though nobody waits for that; 0: not */
    struct err unsynced;   /* a sync has failed: what it was to keep may be lost, and no later one says so */
    int64_t reserved_to;   /* bytes of the file that have room on disk */
    size_t attempts;       /* that write here */
    struct err err;        /* why it is full, or what is damaged */
};

/* Is it the file that stands at its path? Also while it could not be opened. */
bool run_journal_is_in_place(const struct run_journal *journal);
/* Opens it, or leaves it full. The folder is made. `take_fd`: the file, opened by the engine; -1: by its path. */
struct run_journal *run_journal_new(const char *run_id, const char *path, int take_fd, int64_t now_ms);
/* The file has come once more: taken if it could not be opened before. */
void run_journal_give(struct run_journal *journal, int take_fd);
/* Frames still waiting are lost. */
void run_journal_free(struct run_journal *journal);
/* Writes or keeps the frame, stamped with the wall clock. `now_ms` is monotonic. */
void run_journal_append(struct run_journal *journal, int64_t attempt, enum journal_type type, struct str payload,
                        int64_t now_ms);
/* Around several appends, which are quicker so (journal_hold). */
void run_journal_hold(struct run_journal *journal);
void run_journal_let_go(struct run_journal *journal);
/* Tries what waits, when it is time. */
void run_journal_retry(struct run_journal *journal, int64_t now_ms);
/* What was appended is on the disk when this returns 0; -1 also while frames wait, and for ever once one has failed. */
int run_journal_sync(struct run_journal *journal, struct err *err);
/* Has it synced soon, with what is appended until then: nobody waits for it. */
void run_journal_sync_later(struct run_journal *journal, int64_t now_ms);
/* The same by the worker, which says so later. False: not now, and a first sync is never one of these. */
bool run_journal_sync_begin(struct run_journal *journal, struct sync_worker *worker);
/* What came of it. */
void run_journal_sync_end(struct run_journal *journal, const struct err *err);
int64_t run_journal_size(const struct run_journal *journal);
/* Nobody writes in it, and all of it is written. */
bool run_journal_is_idle(const struct run_journal *journal);
/* When the doorbell is to be rung: at once (0) for what somebody waits for, a little later for all else, so that a
 * short step is one ring and one commit; INT64_MAX when the engine has heard of everything. */
int64_t run_journal_ring_ms(const struct run_journal *journal);

#endif
