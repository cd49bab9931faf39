/* SPDX-License-Identifier: Apache-2.0
 * Points of metrics on their way from frames into the store. Those of frames that follow each other are recorded
 * together: the store touches each series once, however many frames a step's points came in. They are put into lists,
 * one for each key, as they are read; while a step goes on, the room of the lists is used again: memory that is touched
 * for the first time costs more than what is written there.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "store/metrics.h"
#include "wire/points.h"

enum {
    GATHERED_FEW_KEYS = 1 << 16, /* 2 MiB of points, and about as much again in the store while they are recorded */
    GATHERED_EACH_KEY = 256,     /* each series is read and written once for so many, where that is more in all */
    GATHERED_MOST = 1 << 18,     /* and no more than these: 8 MiB */
    /* What is kept from one recording to the next: */
    KEYS_KEPT = 4096,
    ROOM_KEPT = GATHERED_MOST * 2, /* for so many points: lists grow by doubling */
    ROOM_IN_USE = 8                /* as long as one part in so many of it is used in a turn */
};

/* ---- what is gathered ---- */

static void forget_keys(struct gathered *gathered)
{
    arena_free(gathered->texts);
    gathered->texts = NULL;
    gathered->keys = 0;
}

/* Their keys stay known, with room for nothing. */
static void free_lists(struct gathered *gathered)
{
    for (size_t i = 0; i < gathered->lists.count; i++) {
        free(gathered->lists.items[i].items);
        gathered->lists.items[i] = (struct gathered_list){0};
    }
    gathered->room = 0;
}

void gathered_clear(struct gathered *gathered)
{
    free_lists(gathered);
    vec_clear(&gathered->lists);
    vec_clear(&gathered->numbers);
    forget_keys(gathered);
    arena_free(gathered->frame);
    *gathered = (struct gathered){0};
}

static size_t enough(const struct gathered *gathered)
{
    size_t wanted = gathered->keys * GATHERED_EACH_KEY;
    return wanted < GATHERED_FEW_KEYS ? GATHERED_FEW_KEYS : wanted > GATHERED_MOST ? GATHERED_MOST : wanted;
}

bool gathered_wants_more(const struct gathered *gathered)
{
    return gathered->count > 0 && gathered->count < enough(gathered) && enough(gathered) > GATHERED_FEW_KEYS;
}

/* ---- recording ---- */

static int log_keys(struct engine *engine, const char *run_id, struct metric_list *lists, size_t count,
                    struct err *err)
{
    struct metric_target target = {.run_id = run_id};
    struct err refused = {0};
    if (store_metrics_log_lists(engine->options.store, &target, lists, count, &refused) == 0) {
        return 0;
    }
    if (refused.code != ERR_INPUT) {
        *err = refused;
        return -1;
    }
    if (count == 1) {
        log_warn("engine", "run=%s metrics refused: %s", run_id, refused.message);
        return 0;
    }
    for (size_t i = 0; i < count; i++) { /* a bad key takes no other with it */
        if (log_keys(engine, run_id, &lists[i], 1, err) < 0) {
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
    const struct str *texts = str_index_texts(gathered->index);
    struct arena *arena = arena_new();
    struct metric_list *lists = arena_array(arena, gathered->keys, sizeof *lists);
    size_t count = 0;
    for (size_t i = 0; i < gathered->keys; i++) {
        const struct gathered_list *list = &gathered->lists.items[i];
        if (list->count > 0) {
            lists[count++] = (struct metric_list){.key = texts[i].p, .points = {list->items, list->count}};
        }
    }
    int result = log_keys(engine, attempt->row.step_run_id, lists, count, err);
    arena_free(arena);
    return result;
}

static void forget_points(struct gathered *gathered)
{
    for (size_t i = 0; i < gathered->keys; i++) {
        gathered->lists.items[i].count = 0;
    }
    gathered->count = 0;
    if (gathered->room > ROOM_KEPT) { /* there was much of one key, then of another, and so on */
        free_lists(gathered);
    }
}

int gathered_record(struct engine *engine, struct gathered *gathered, struct err *err)
{
    int result = gathered->count == 0 ? 0 : take_or_fail(engine, gathered->attempt, take_points, gathered, err);
    forget_points(gathered);
    return result;
}

/* ---- frames ---- */

/* The list for the points of a key. Keys mostly come in the order in which they came before. */
static uint32_t list_of(struct gathered *gathered, struct str key)
{
    size_t next = gathered->keys == 0 ? 0 : (gathered->last_list + 1) % gathered->keys;
    if (next < gathered->keys && str_eq(str_index_texts(gathered->index)[next], key)) {
        return gathered->last_list = (uint32_t)next;
    }
    ptrdiff_t found = str_index_find(gathered->index, key);
    if (found >= 0) {
        return gathered->last_list = (uint32_t)found;
    }
    (void)str_index_add(gathered->index, arena_str(gathered->texts, key));
    if (gathered->keys == gathered->lists.count) {
        vec_push(&gathered->lists, ((struct gathered_list){0}));
    }
    return gathered->last_list = (uint32_t)gathered->keys++;
}

/* The next point of a frame of either kind, and the list that it belongs to. */
static int next_point(struct gathered *gathered, struct points_reader *reader, enum journal_type type,
                      struct journal_point *ret, uint32_t *ret_list)
{
    size_t number = 0;
    if (type != JOURNAL_POINTS) {
        int more = journal_point_next(&reader->rest, ret);
        *ret_list = more == 1 ? list_of(gathered, ret->key) : 0;
        return more;
    }
    int more = points_next(reader, ret, &number);
    if (more == 1 && number == gathered->numbers.count) { /* a frame numbers its keys as they first come */
        vec_push(&gathered->numbers, list_of(gathered, ret->key));
    }
    *ret_list = more == 1 ? gathered->numbers.items[number] : 0;
    return more;
}

/* Frames after the end of an attempt belong to processes that were cut off. */
static bool is_open(struct engine *engine, int64_t attempt_id)
{
    const struct live_attempt *attempt = attempt_find(engine, attempt_id);
    return attempt != NULL && attempt->row.ended_ms == 0;
}

static void add_point(struct gathered *gathered, uint32_t number, const struct journal_point *point)
{
    struct gathered_list *list = &gathered->lists.items[number];
    if (list->count == list->room) { /* of many keys most may have but one */
        size_t wider = list->room == 0 ? 1 : list->room * 2;
        list->items = mem_resize(list->items, wider, sizeof *list->items);
        gathered->room += wider - list->room;
        list->room = wider;
    }
    list->items[list->count++] = metric_rank_of(point->value, point->step, point->time_ms);
    gathered->count++;
    gathered->taken++;
}

static void begin_frame(struct gathered *gathered, int64_t attempt)
{
    if (gathered->attempt != attempt || gathered->texts == NULL ||
        (gathered->count == 0 && gathered->keys > KEYS_KEPT)) {
        forget_keys(gathered);
        gathered->texts = arena_new();
        gathered->index = str_index_new(gathered->texts, 32);
        gathered->attempt = attempt;
    }
    if (gathered->frame == NULL) {
        gathered->frame = arena_new();
    }
    arena_reset(gathered->frame);
    gathered->numbers.count = 0;
}

int gathered_add(struct engine *engine, struct gathered *gathered, const struct journal_frame *frame, struct err *err)
{
    if (gathered->attempt != frame->attempt && gathered_record(engine, gathered, err) < 0) {
        return -1;
    }
    begin_frame(gathered, frame->attempt);
    struct points_reader reader = points_reader_over(frame->payload, gathered->frame);
    struct journal_point point;
    uint32_t list = 0;
    size_t early = 0;
    bool open = is_open(engine, frame->attempt);
    while (open && next_point(gathered, &reader, frame->type, &point, &list) == 1) {
        if (point.time_ms < 0) { /* the store would refuse those of its key with it */
            early++;
            continue;
        }
        add_point(gathered, list, &point);
        if (gathered->count >= enough(gathered)) {
            if (gathered_record(engine, gathered, err) < 0) {
                return -1;
            }
            open = is_open(engine, frame->attempt); /* what cannot be recorded ends it */
        }
    }
    if (early > 0) {
        log_warn("engine", "attempt=%lld %zu metrics refused: their time is before 1970", (long long)frame->attempt,
                 early);
    }
    return 0;
}

void gathered_rest(struct engine *engine, struct gathered *gathered)
{
    forget_points(gathered); /* of a turn that failed */
    if (gathered->taken <= gathered->room / ROOM_IN_USE || !is_open(engine, gathered->attempt)) {
        gathered_clear(gathered);
    }
    gathered->taken = 0;
}
