/* SPDX-License-Identifier: Apache-2.0
 * The steps in an order in which they could run, one after the other.
 */
#include "pipeline/pipeline.h"

/* A heap of step numbers, the least on top. */
struct heap {
    size_t *items;
    size_t count;
};

static void heap_push(struct heap *heap, size_t item)
{
    size_t at = heap->count++;
    while (at > 0 && heap->items[(at - 1) / 2] > item) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = item;
}

static size_t heap_pop(struct heap *heap)
{
    size_t least = heap->items[0];
    size_t last = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = at * 2 + 1) {
        child += child + 1 < heap->count && heap->items[child + 1] < heap->items[child] ? 1 : 0;
        if (heap->items[child] >= last) {
            break;
        }
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = last;
    return least;
}

/* For each step s, the steps that need it: dependents[first[s]] to dependents[first[s + 1] - 1]. */
static size_t *find_dependents(const struct pipeline *pipeline, struct arena *arena, size_t *first)
{
    size_t count = pipeline->step_count;
    size_t *next = arena_array(arena, count + 1, sizeof *next);
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < pipeline->steps[i].need_count; n++) {
            first[pipeline->steps[i].needs[n].step + 1]++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        first[i + 1] += first[i];
        next[i] = first[i];
    }
    size_t *dependents = arena_array(arena, first[count] + 1, sizeof *dependents);
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < pipeline->steps[i].need_count; n++) {
            dependents[next[pipeline->steps[i].needs[n].step]++] = i;
        }
    }
    return dependents;
}

const size_t *pipeline_order(const struct pipeline *pipeline, struct arena *arena)
{
    size_t count = pipeline->step_count;
    size_t *unmet = arena_array(arena, count + 1, sizeof *unmet);
    size_t *order = arena_array(arena, count + 1, sizeof *order);
    size_t *first = arena_array(arena, count + 1, sizeof *first);
    struct heap ready = {.items = arena_array(arena, count + 1, sizeof *ready.items)};
    for (size_t i = 0; i < count; i++) {
        unmet[i] = pipeline->steps[i].need_count;
        if (unmet[i] == 0) {
            heap_push(&ready, i);
        }
    }
    const size_t *dependents = find_dependents(pipeline, arena, first);
    for (size_t done = 0; ready.count > 0; done++) {
        size_t step = heap_pop(&ready);
        order[done] = step;
        for (size_t d = first[step]; d < first[step + 1]; d++) {
            if (--unmet[dependents[d]] == 0) {
                heap_push(&ready, dependents[d]);
            }
        }
    }
    return order;
}
