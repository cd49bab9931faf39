/* SPDX-License-Identifier: Apache-2.0
 * The journal of a run: everything its steps reported, in the order it happened.
 *
 * One append-only file per run. The runner is its only writer; the engine reads it from the offset
 * it had committed, so that every frame takes effect exactly once; `sluice logs` reads it for the
 * log lines. The engine's commit is the durable point, and a journal that is shorter than a committed
 * offset, or torn, is detected. It is synced only where a runner goes on by itself: between the end of
 * an attempt and the start of its heir (message.h), or soon after that of an heir that is free.
 *
 * The file starts with 16 bytes: "sluice-journal1\n". Then frames, little-endian:
 *
 *     u32 size      bytes of payload behind the 40-byte head, at most JOURNAL_PAYLOAD_MAX
 *     u32 crc       CRC-32C of the 32 head bytes that follow it, then the payload
 *     u64 sequence  1, 2, 3, ... in the file
 *     i64 time_ms   wall clock of the runner
 *     i64 attempt   the attempt's id in the store
 *     u16 type      enum journal_type
 *     u16 zero, u32 zero
 *
 * A tail that is shorter than its frame says is not there yet: a reader stops before it and tries
 * again when more has come. So is one that is cut off by zeros: behind the frames there may be zeros up to the end of
 * the file, into which the next ones are written, since a sync of a file that grows takes twice as long. A whole frame
 * with a wrong crc or sequence is corruption; so are zeros to runners of before there were any, beside which no heir is
 * given (engine/heirs.c), and so nothing is synced.
 *
 * A type keeps its meaning for ever, so that any engine can read what any older runner writes: what is to mean
 * something else is a new type, and JSON only gains members. A runner may meet frames of a newer one beside it, and
 * readers of log lines too: types beyond JOURNAL_NEWEST are frames like others, passed over. Only the engine, which
 * would lose what they say, refuses to go on (ERR_NEWER).
 */
#ifndef SLUICE_WIRE_JOURNAL_H
#define SLUICE_WIRE_JOURNAL_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { JOURNAL_HEAD_BYTES = 40, JOURNAL_START_BYTES = 16, JOURNAL_PAYLOAD_MAX = 1 << 20 };

enum journal_type {
    JOURNAL_SPAWNING = 1, /* before fork: JSON {"session"}, which is the runner's and its steps' until they
                             make one of their own; {} of runners of before */
    JOURNAL_STARTED = 2,  /* JSON {"pid", "start_ticks"} of the step's process, leader of its group */
    JOURNAL_LOG = 3,      /* u8 stream (enum journal_stream), then bytes of whole lines without the
                             last LF; secrets are masked already */
    JOURNAL_METRICS = 4,  /* points: u16 key size, key, f64 value, i64 step, i64 time_ms; repeated. Written by
                             runners of before, read still: they may be running */
    JOURNAL_REPORT = 5,   /* JSON {"kind": "param" | "tag" | "output" | "artifact" | "model" |
                             "dataset" | "input" | "progress", ...}: engine/reports.c has what each
                             holds. Those of a model come in this order: "status" PENDING with its
                             name before any file is copied, PENDING with "files", READY or
                             UPLOAD_FAILED */
    JOURNAL_CALL = 6,     /* JSON {"seq", "method", "params"}: a question to the store */
    JOURNAL_WAIT = 7,     /* JSON {"wait": {...}, "state": any}: what STEP_WAIT waits for */
    JOURNAL_RESULT = 8,   /* JSON {"result": "ok" | "failed" | "refused" | "wait", "reason": text} of a
                             plugin or Lua step; a command has none */
    JOURNAL_EXIT = 9,     /* JSON, the last frame of an attempt: see message.h */
    JOURNAL_POINTS = 10,  /* points of metrics, as points.h has them */
};
enum { JOURNAL_NEWEST = JOURNAL_POINTS };

enum journal_stream { JOURNAL_STDOUT = 1, JOURNAL_STDERR = 2, JOURNAL_HOST = 3 /* host->log: then u8 level */ };

struct journal_frame {
    uint64_t sequence;
    int64_t time_ms;
    int64_t attempt;
    enum journal_type type; /* may be beyond JOURNAL_NEWEST */
    struct str payload; /* borrowed from the reader until its next call */
};

/* CRC-32C (Castagnoli, RFC 3720 B.4), continuing from `crc` (0 to begin). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

/* ---- writing (runner) ------------------------------------------------------------------------ */
struct journal_writer;

/* Opens for appending, creating it if absent. An existing file is scanned: a torn tail is cut off,
 * the sequence goes on. */
int journal_writer_open(const char *path, struct journal_writer **ret_writer, struct err *err);
/* The same of a file that somebody else has opened for us; `path` is for messages. */
int journal_writer_over(int take_fd, const char *path, struct journal_writer **ret_writer, struct err *err);
/* Cuts the file off at `offset`, which journal_reader_offset gave: what a power cut has left behind it is no frame. */
int journal_cut(const char *path, int64_t offset, struct err *err);
/* Appends one frame with one write. On ENOSPC and the like: -1, the file is cut back to whole
 * frames and the same frame may be tried again. */
int journal_append(struct journal_writer *writer, int64_t time_ms, int64_t attempt, enum journal_type type,
                   struct str payload, struct err *err);
/* From hold to let go other writers wait, and appends look once whether one has been there, and not each. Where it
 * cannot be held, each looks. */
void journal_hold(struct journal_writer *writer);
void journal_let_go(struct journal_writer *writer);
/* Bytes of whole frames: what a doorbell announces. */
int64_t journal_writer_size(const struct journal_writer *writer);
/* Which file it is (its inode number): another may come to stand at the path. */
int64_t journal_writer_file(const struct journal_writer *writer);
/* Makes room for `bytes` more (posix_fallocate beyond the end, size unchanged). Failing is no error. */
void journal_reserve(struct journal_writer *writer, int64_t bytes);
/* Writes zeros behind the frames where there are few, so that the syncs to come need not write the file's size.
 * Failing is no error. */
void journal_fill(struct journal_writer *writer);
/* What was appended is on the disk when this returns 0. Also in another thread than the one that appends. */
int journal_writer_sync(struct journal_writer *writer, struct err *err);
void journal_writer_close(struct journal_writer *writer);

/* ---- reading (engine, commands) --------------------------------------------------------------- */
struct journal_reader;

/* `offset` 0 is the start; any other must be an offset that journal_reader_offset gave, and
 * `sequence` the last sequence read before it (0 at the start). A file shorter than `offset` is
 * ERR_CORRUPT, an absent one ERR_NOT_FOUND. */
int journal_reader_open(const char *path, int64_t offset, uint64_t sequence, struct journal_reader **ret_reader,
                        struct err *err);
/* 1 with the next frame, 0 when there is none yet, -1 on corruption or I/O error. */
int journal_next(struct journal_reader *reader, struct journal_frame *ret_frame, struct err *err);
/* Where the next frame begins. */
int64_t journal_reader_offset(const struct journal_reader *reader);
/* Which file it is, as journal_writer_file; and which one stands at a path, 0: none. */
int64_t journal_reader_file(const struct journal_reader *reader);
int64_t journal_file_at(const char *path);
void journal_reader_close(struct journal_reader *reader);

/* One point of a JOURNAL_METRICS or JOURNAL_POINTS payload. */
struct journal_point {
    struct str key;
    double value;
    int64_t step;
    int64_t time_ms;
};
/* Takes the next point off `*rest` of a JOURNAL_METRICS payload: 1, 0 at the end, -1 when malformed. */
int journal_point_next(struct str *rest, struct journal_point *ret_point);

#endif
