/* SPDX-License-Identifier: Apache-2.0
 * Items that may start, in queues: one for each set of resources that steps of the run ask for. Who asks for the same
 * waits in the order of arrival, so only the heads need be looked at, however wide a run is.
 */
#include "run/run_internal.h"

#include <stdlib.h>
#include <string.h>

struct asking {
    const struct step *step;
    size_t index;
};

static int compare_steps(const struct step *a, const struct step *b)
{
    return resource_asks_compare(a->asks, a->ask_count, b->asks, b->ask_count);
}

static int by_asks(const void *a, const void *b)
{
    const struct asking *one = a;
    const struct asking *other = b;
    int order = compare_steps(one->step, other->step);
    return order != 0 ? order : one->index < other->index ? -1 : 1;
}

void run_make_queues(struct run *run)
{
    size_t count = run->pipeline->step_count;
    struct asking *sorted = mem_array(count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (struct asking){&run->pipeline->steps[i], i};
    }
    qsort(sorted, count, sizeof *sorted, by_asks);
    for (size_t i = 0; i < count; i++) {
        bool new_queue = i == 0 || compare_steps(sorted[i - 1].step, sorted[i].step) != 0;
        run->queue_count += new_queue ? 1 : 0;
        run->steps[sorted[i].index].queue = run->queue_count - 1;
    }
    free(sorted);
    run->queues = arena_array(run->arena, run->queue_count, sizeof *run->queues);
}

void run_clear_queues(struct run *run)
{
    for (size_t q = 0; q < run->queue_count; q++) {
        vec_clear(&run->queues[q]);
    }
}

void run_empty_queues(struct run *run)
{
    for (size_t q = 0; q < run->queue_count; q++) {
        run->queues[q].count = run->queues[q].taken = 0;
    }
}

void run_push_ready(struct run *run, struct run_place place)
{
    struct run_item *item = run_item_at(run, place);
    item->arrived = run->arrivals++;
    struct run_waiting waiting = {.place = place, .arrived = item->arrived};
    vec_push(&run->queues[run->steps[place.step].queue], waiting);
}

struct run_waiting *run_queue_head(struct run *run, size_t queue)
{
    struct run_queue *q = &run->queues[queue];
    while (q->taken < q->count) {
        struct run_waiting *head = &q->items[q->taken];
        const struct run_item *item = run_item_at(run, head->place);
        if (item->state == STEP_STATE_READY && !item->reserved) {
            return head;
        }
        q->taken++; /* taken, reserved or cancelled while it stood in the queue */
    }
    q->count = q->taken = 0;
    return NULL;
}

/* Whose head has waited longest: SIZE_MAX when all are empty. */
static size_t first_queue(struct run *run)
{
    size_t first = SIZE_MAX;
    int64_t arrived = 0;
    for (size_t q = 0; q < run->queue_count; q++) {
        const struct run_waiting *head = run_queue_head(run, q);
        if (head != NULL && (first == SIZE_MAX || head->arrived < arrived)) {
            first = q;
            arrived = head->arrived;
        }
    }
    return first;
}

const struct run_waiting *run_first_ready(struct run *run)
{
    size_t first = first_queue(run);
    return first == SIZE_MAX ? NULL : run_queue_head(run, first);
}

static struct run_item *ready_item(const struct run *run, struct run_place place)
{
    bool there = place.item < run->steps[place.step].item_count;
    struct run_item *item = there ? run_item_at(run, place) : NULL;
    return there && item->state == STEP_STATE_READY ? item : NULL;
}

void run_reserve(struct run *run, struct run_place place)
{
    struct run_item *item = ready_item(run, place);
    if (item != NULL) {
        item->reserved = true;
    }
}

bool run_is_reserved(const struct run *run, struct run_place place)
{
    const struct run_item *item = ready_item(run, place);
    return item != NULL && item->reserved;
}

/* Before all that came later. It may be there yet, since what is reserved is passed over only when it is the head; then
 * the second is passed over, when the first has been taken. */
static void put_back(struct run_queue *q, struct run_waiting waiting)
{
    size_t at = q->taken;
    while (at < q->count && q->items[at].arrived < waiting.arrived) {
        at++;
    }
    if (q->taken == 0) { /* no room before the head */
        vec_push(q, waiting);
        memmove(q->items + at + 1, q->items + at, (q->count - 1 - at) * sizeof waiting);
    } else {
        q->taken--;
        at--;
        memmove(q->items + q->taken, q->items + q->taken + 1, (at - q->taken) * sizeof waiting);
    }
    q->items[at] = waiting;
}

void run_release(struct run *run, struct run_place place)
{
    if (run_is_reserved(run, place)) {
        struct run_item *item = run_item_at(run, place);
        item->reserved = false;
        put_back(&run->queues[run->steps[place.step].queue],
                 (struct run_waiting){.place = place, .arrived = item->arrived});
    }
}

static void begin_item(struct run *run, struct run_place place, int64_t now_ms, struct run_changes *changes)
{
    struct run_item *item = run_item_at(run, place);
    item->state = STEP_STATE_ACTIVE;
    item->reserved = false;
    item->reason = NULL;
    if (!item->resumed) {
        item->attempts++;
        item->outputs = item->artifacts = item->metrics = json_object();
        item->model_id = item->model_uri = item->child_run_id = item->refused_by = NULL;
        item->gate_passed = false;
    }
    if (item->started_ms == 0) {
        item->started_ms = now_ms;
    }
    changes_item(changes, place);
    struct run_step *step = &run->steps[place.step];
    if (step->state != STEP_STATE_ACTIVE) {
        step->state = STEP_STATE_ACTIVE;
        step->reason = NULL;
        changes_step(changes, place.step);
    }
}

bool run_take_from(struct run *run, size_t queue, int64_t now_ms, struct run_changes *changes,
                   struct run_place *ret_place)
{
    const struct run_waiting *head = run_queue_head(run, queue);
    if (head == NULL) {
        return false;
    }
    *ret_place = head->place;
    run->queues[queue].taken++;
    begin_item(run, *ret_place, now_ms, changes);
    return true;
}

bool run_take(struct run *run, struct run_place place, int64_t now_ms, struct run_changes *changes)
{
    if (ready_item(run, place) == NULL) {
        return false;
    }
    begin_item(run, place, now_ms, changes); /* its place in the queue is passed over: run_queue_head */
    return true;
}

void run_take_early(struct run *run, struct run_place place, int64_t now_ms, struct run_changes *changes)
{
    struct run_step *step = &run->steps[place.step];
    if (!step->expanded) {
        (void)run_expand(run, place.step, changes); /* without a matrix it is one item */
    }
    step->items_live += run_item_at(run, place)->state == STEP_STATE_PENDING ? 1 : 0;
    step->next_item = step->next_item > place.item ? step->next_item : place.item + 1;
    begin_item(run, place, now_ms, changes);
    run_item_at(run, place)->started_ms = 0; /* which nobody knows yet */
}

bool run_take_ready(struct run *run, int64_t now_ms, struct run_changes *changes, struct run_place *ret_place)
{
    size_t first = first_queue(run);
    return first != SIZE_MAX && run_take_from(run, first, now_ms, changes, ret_place);
}
