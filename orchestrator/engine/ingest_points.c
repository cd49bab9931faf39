/* SPDX-License-Identifier: Apache-2.0
 * Points of metrics on their way from frames into the store. Those of frames that follow each other are recorded
 * together: the store touches each series once, however many frames a step's points came in.
 */
#include "base/log.h"
#include "engine/engine_internal.h"
#include "store/metrics.h"
#include "wire/points.h"

enum {
    GATHERED_FEW_KEYS = 1 << 16, /* 2 MiB of points, and about three times that in the store while they are recorded */
    GATHERED_EACH_KEY = 256,     /* each series is read and written once for so many, where that is more in all */
    GATHERED_MOST = 1 << 18,     /* and no more than these: 8 MiB, and as much again in the store */
    PIECE_POINTS = 4096          /* so many are refused with a bad one among them */
};

void gathered_clear(struct gathered *gathered)
{
    vec_clear(&gathered->points);
    arena_free(gathered->keys);
    *gathered = (struct gathered){0};
}

static size_t enough(const struct gathered *gathered)
{
    size_t wanted = gathered->keys_of_frame * GATHERED_EACH_KEY;
    return wanted < GATHERED_FEW_KEYS ? GATHERED_FEW_KEYS : wanted > GATHERED_MOST ? GATHERED_MOST : wanted;
}

bool gathered_wants_more(const struct gathered *gathered)
{
    return gathered->points.count > 0 && gathered->points.count < enough(gathered) &&
           enough(gathered) > GATHERED_FEW_KEYS;
}

static int log_points(struct engine *engine, const char *run_id, const struct metric_point *points, size_t count,
                      struct err *err)
{
    struct metric_target target = {.run_id = run_id};
    struct err refused = {0};
    if (store_metrics_log(engine->options.store, &target, points, count, &refused) == 0) {
        return 0;
    }
    if (refused.code != ERR_INPUT) {
        *err = refused;
        return -1;
    }
    if (count <= PIECE_POINTS) {
        log_warn("engine", "run=%s metrics refused: %s", run_id, refused.message);
        return 0;
    }
    for (size_t from = 0; from < count; from += PIECE_POINTS) {
        size_t piece = count - from < PIECE_POINTS ? count - from : PIECE_POINTS;
        if (log_points(engine, run_id, points + from, piece, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int take_points(struct engine *engine, const void *what, struct err *err)
{
    const struct gathered *gathered = what;
    struct live_attempt *attempt = attempt_find(engine, gathered->attempt);
    attempt->has_recorded = true;
    return log_points(engine, attempt->row.step_run_id, gathered->points.items, gathered->points.count, err);
}

int gathered_record(struct engine *engine, struct gathered *gathered, struct err *err)
{
    int result =
        gathered->points.count == 0 ? 0 : take_or_fail(engine, gathered->attempt, take_points, gathered, err);
    gathered->points.count = gathered->keys_of_frame = 0;
    return result;
}

/* The next point of a frame of either kind, its key in the reader's arena. */
static int next_point(struct points_reader *reader, enum journal_type type, struct journal_point *ret)
{
    if (type == JOURNAL_POINTS) {
        return points_next(reader, ret, NULL);
    }
    int more = journal_point_next(&reader->rest, ret);
    ret->key = more == 1 ? arena_str(reader->arena, ret->key) : ret->key;
    return more;
}

/* Frames after the end of an attempt belong to processes that were cut off. */
static bool is_open(struct engine *engine, int64_t attempt_id)
{
    const struct live_attempt *attempt = attempt_find(engine, attempt_id);
    return attempt != NULL && attempt->row.ended_ms == 0;
}

/* Keys are kept until the frame that brought them is read and its points are recorded. */
static void begin_frame(struct gathered *gathered, int64_t attempt)
{
    if (gathered->keys == NULL) {
        gathered->keys = arena_new();
    } else if (gathered->points.count == 0) {
        arena_reset(gathered->keys);
    }
    gathered->attempt = attempt;
}

int gathered_add(struct engine *engine, struct gathered *gathered, const struct journal_frame *frame, struct err *err)
{
    if (gathered->attempt != frame->attempt && gathered_record(engine, gathered, err) < 0) {
        return -1;
    }
    begin_frame(gathered, frame->attempt);
    struct points_reader reader = points_reader_over(frame->payload, gathered->keys);
    struct journal_point point;
    size_t early = 0;
    while (is_open(engine, frame->attempt) && next_point(&reader, frame->type, &point) == 1) {
        if (point.time_ms < 0) { /* the store would refuse its neighbours with it */
            early++;
            continue;
        }
        struct metric_point one = {
            .key = point.key.p, .value = point.value, .step = point.step, .time_ms = point.time_ms};
        vec_push(&gathered->points, one);
        if (gathered->points.count >= enough(gathered) && gathered_record(engine, gathered, err) < 0) {
            return -1;
        }
    }
    gathered->keys_of_frame = reader.count > gathered->keys_of_frame ? reader.count : gathered->keys_of_frame;
    if (early > 0) {
        log_warn("engine", "attempt=%lld %zu metrics refused: their time is before 1970", (long long)frame->attempt,
                 early);
    }
    return 0;
}
