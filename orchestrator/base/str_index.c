/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str_index.h"

#include "base/siphash.h"

struct slot {
    uint32_t hash;   /* of the text, the low half: most others differ in it */
    uint32_t number; /* + 1; 0: free */
};

struct str_index {
    struct arena *arena;
    struct siphash_key key;
    struct str *texts;
    size_t count;
    size_t room;
    struct slot *slots;
    size_t size; /* a power of two, at least twice the texts */
};

/* The slot of a text, or the free one where it would go. */
static struct slot *slot_of(const struct str_index *index, struct str text, uint32_t hash)
{
    size_t at = hash & (index->size - 1);
    while (index->slots[at].number != 0 &&
           (index->slots[at].hash != hash || !str_eq(index->texts[index->slots[at].number - 1], text))) {
        at = (at + 1) & (index->size - 1);
    }
    return &index->slots[at];
}

static uint32_t hash_of(const struct str_index *index, struct str text)
{
    return (uint32_t)siphash(index->key, text);
}

static void make_slots(struct str_index *index, size_t count)
{
    index->size = 16;
    while (index->size < count * 2) {
        index->size *= 2;
    }
    index->slots = arena_array(index->arena, index->size, sizeof *index->slots);
}

struct str_index *str_index_new(struct arena *arena, size_t count)
{
    struct str_index *index = arena_one(arena, struct str_index);
    *index = (struct str_index){.arena = arena, .key = siphash_key_of_process(), .room = count};
    index->texts = arena_array(arena, count, sizeof *index->texts);
    make_slots(index, count);
    return index;
}

static void widen(struct str_index *index)
{
    const struct slot *old = index->slots;
    size_t old_size = index->size;
    make_slots(index, index->size);
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].number != 0) { /* all different: where it goes is the first free one */
            *slot_of(index, index->texts[old[i].number - 1], old[i].hash) = old[i];
        }
    }
}

size_t str_index_add(struct str_index *index, struct str text)
{
    index->texts = arena_grow(index->arena, index->texts, index->count, &index->room, sizeof *index->texts);
    if (index->size < (index->count + 1) * 2) {
        widen(index);
    }
    uint32_t hash = hash_of(index, text);
    struct slot *slot = slot_of(index, text, hash);
    index->texts[index->count++] = text;
    if (slot->number == 0) {
        *slot = (struct slot){.hash = hash, .number = (uint32_t)index->count};
    }
    return slot->number - 1;
}

const struct str *str_index_texts(const struct str_index *index)
{
    return index->texts;
}

ptrdiff_t str_index_find(const struct str_index *index, struct str text)
{
    return (ptrdiff_t)slot_of(index, text, hash_of(index, text))->number - 1;
}
