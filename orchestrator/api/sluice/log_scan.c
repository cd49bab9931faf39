/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sluice/log_scan.h"

#include "base/parse.h"
#include "store/pages.h"

#include <stdio.h>

enum { SLICE_BYTES = 256 << 10 };

const char *const log_streams[] = {"stdout", "stderr", "step", NULL};

int log_place_read(struct str text, struct log_place *ret, struct err *err)
{
    struct str offset = {0};
    struct str sequence = {0};
    int64_t numbers[3] = {0};
    (void)str_cut(&text, '.', &offset);
    (void)str_cut(&text, '.', &sequence);
    if (parse_int(offset, 0, INT64_MAX, &numbers[0], NULL) < 0 ||
        parse_int(sequence, 0, INT64_MAX, &numbers[1], NULL) < 0 ||
        parse_int(text, 0, INT64_MAX, &numbers[2], NULL) < 0) {
        return err_set(err, ERR_INPUT, "Last-Event-ID: expected the id of an event of this log");
    }
    *ret = (struct log_place){numbers[0], (uint64_t)numbers[1], numbers[2]};
    return 0;
}

/* 1 when it is open, 0 when there is no file yet. */
static int open_reader(struct log_scan *scan, struct err *err)
{
    struct err wrong = {0};
    if (scan->reader != NULL ||
        journal_reader_open(scan->path, scan->place.offset, scan->place.sequence, &scan->reader, &wrong) == 0) {
        return 1;
    }
    if (wrong.code == ERR_NOT_FOUND) {
        return 0;
    }
    return err_set(err, wrong.code, "%s", wrong.message);
}

/* The place of an attempt: its index, or -1 when there is no such row (any more). */
static int find_attempt(struct log_scan *scan, struct store *store, int64_t id, struct err *err)
{
    int at = (int)(id % LOG_ATTEMPTS);
    if (scan->attempts[at].id == id) {
        return at;
    }
    struct arena *arena = arena_new();
    const char *step = NULL;
    int found = store_attempt_place(store, id, arena, &step, &scan->attempts[at].item, &scan->attempts[at].number, err);
    scan->attempts[at].id = found == 1 ? id : 0;
    (void)snprintf(scan->attempts[at].step, sizeof scan->attempts[at].step, "%s", found == 1 ? step : "");
    arena_free(arena);
    return found == 1 ? at : -1;
}

static bool is_wanted(const struct log_filter *filter, const struct log_line *line)
{
    return (filter->step == NULL || strcmp(filter->step, line->step) == 0) &&
           (filter->item < 0 || filter->item == line->item) &&
           (filter->attempt == 0 || filter->attempt == line->attempt) &&
           (filter->stream == NULL || strcmp(filter->stream, line->stream) == 0);
}

/* The lines of a frame, but for those before the place: 1 when that was enough, 0, -1. */
static int take_frame(struct log_scan *scan, struct store *store, const struct journal_frame *frame,
                      int (*take)(void *ctx, const struct log_line *line), void *ctx, struct err *err)
{
    unsigned stream = frame->payload.n == 0 ? 0 : (unsigned char)frame->payload.p[0];
    if (frame->type != JOURNAL_LOG || stream < JOURNAL_STDOUT || stream > JOURNAL_HOST) {
        return 0;
    }
    struct err wrong = {0};
    int at = find_attempt(scan, store, frame->attempt, &wrong);
    if (at < 0) {
        return wrong.code == ERR_NONE ? 0 : err_set(err, wrong.code, "%s", wrong.message);
    }
    struct log_line line = {.at_ms = frame->time_ms,
                            .step = scan->attempts[at].step,
                            .item = scan->attempts[at].item,
                            .attempt = scan->attempts[at].number,
                            .stream = log_streams[stream - 1],
                            .behind = scan->place};
    struct str rest = str_slice(frame->payload, stream == JOURNAL_HOST ? 2 : 1, frame->payload.n);
    for (int64_t n = 0; str_cut(&rest, '\n', &line.text); n++) {
        line.behind.lines = n + 1;
        if (n >= scan->place.lines && is_wanted(&scan->filter, &line) && take(ctx, &line) != 0) {
            scan->place.lines = n + 1;
            return 1;
        }
    }
    return 0;
}

int log_scan_some(struct log_scan *scan, struct store *store, int (*take)(void *ctx, const struct log_line *line),
                  void *ctx, struct err *err)
{
    int opened = open_reader(scan, err);
    if (opened < 1) {
        return opened;
    }
    int64_t until = scan->place.offset + SLICE_BYTES;
    struct journal_frame frame;
    int got = 0;
    while (scan->place.offset < until && (got = journal_next(scan->reader, &frame, err)) == 1) {
        int taken = take_frame(scan, store, &frame, take, ctx, err);
        if (taken != 0) {
            log_scan_close(scan); /* it goes on within the frame */
            return taken;
        }
        scan->place = (struct log_place){journal_reader_offset(scan->reader), frame.sequence, 0};
    }
    return got;
}

void log_scan_close(struct log_scan *scan)
{
    journal_reader_close(scan->reader);
    scan->reader = NULL;
}
