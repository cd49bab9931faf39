/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/schedule_heap.h"

static bool is_sooner(const struct schedule_heap *heap, size_t a, size_t b)
{
    const struct schedule *one = heap->items[a];
    const struct schedule *other = heap->items[b];
    return one->start_ms != other->start_ms ? one->start_ms < other->start_ms : one->rank < other->rank;
}

static void swap(struct schedule_heap *heap, size_t a, size_t b)
{
    struct schedule *kept = heap->items[a];
    heap->items[a] = heap->items[b];
    heap->items[b] = kept;
}

void schedule_heap_add(struct schedule_heap *heap, struct schedule *schedule)
{
    vec_push(heap, schedule);
    for (size_t at = heap->count - 1; at > 0 && is_sooner(heap, at, (at - 1) / 2); at = (at - 1) / 2) {
        swap(heap, at, (at - 1) / 2);
    }
}

struct schedule *schedule_heap_top(const struct schedule_heap *heap)
{
    return heap->count == 0 ? NULL : heap->items[0];
}

void schedule_heap_settle(struct schedule_heap *heap)
{
    size_t at = 0;
    for (size_t left = 1; left < heap->count; left = 2 * at + 1) {
        size_t child = left + 1 < heap->count && is_sooner(heap, left + 1, left) ? left + 1 : left;
        if (!is_sooner(heap, child, at)) {
            return;
        }
        swap(heap, child, at);
        at = child;
    }
}
