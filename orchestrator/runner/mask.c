/* SPDX-License-Identifier: Apache-2.0
 * The automaton: a trie of all forms, and from each node a link to the node of its longest suffix that is in the trie
 * too. The depth of the node the text has led to is how many of its last bytes may still become a secret.
 */
#include "runner/mask.h"

#include "base/mem.h"
#include "base/vec.h"
#include "runner/mask_forms.h"

#include <stdlib.h>
#include <string.h>

struct node {
    uint32_t child;   /* first; 0: none */
    uint32_t sibling; /* 0: none */
    uint32_t fail;
    uint32_t depth;
    uint32_t found;   /* length of the longest form that ends here; 0: none */
    unsigned char byte;
};

struct mask {
    struct {
        VEC_OF(struct node)
    } nodes; /* [0] is the root */
    uint32_t first[256]; /* children of the root */
};

static uint32_t child_of(const struct mask *mask, uint32_t node, unsigned char byte)
{
    if (node == 0) {
        return mask->first[byte];
    }
    uint32_t child = mask->nodes.items[node].child;
    while (child != 0 && mask->nodes.items[child].byte != byte) {
        child = mask->nodes.items[child].sibling;
    }
    return child;
}

static uint32_t add_child(struct mask *mask, uint32_t parent, unsigned char byte)
{
    struct node node = {.byte = byte, .depth = mask->nodes.items[parent].depth + 1};
    uint32_t index = (uint32_t)mask->nodes.count;
    if (parent == 0) {
        mask->first[byte] = index;
    } else {
        node.sibling = mask->nodes.items[parent].child;
        mask->nodes.items[parent].child = index;
    }
    if (mask->nodes.count == mask->nodes.room) {
        /* Not by realloc, which would leave a copy of the forms behind. */
        size_t room = mask->nodes.room * 2;
        struct node *items = mem_array(room, sizeof *items);
        memcpy(items, mask->nodes.items, mask->nodes.count * sizeof *items);
        explicit_bzero(mask->nodes.items, mask->nodes.count * sizeof *items);
        free(mask->nodes.items);
        mask->nodes.items = items;
        mask->nodes.room = room;
    }
    vec_push(&mask->nodes, node);
    return index;
}

static void add_form(void *ctx, struct str form)
{
    struct mask *mask = ctx;
    uint32_t at = 0;
    for (size_t i = 0; i < form.n; i++) {
        unsigned char byte = (unsigned char)form.p[i];
        uint32_t next = child_of(mask, at, byte);
        at = next != 0 ? next : add_child(mask, at, byte);
    }
    mask->nodes.items[at].found = mask->nodes.items[at].depth;
}

static uint32_t step(const struct mask *mask, uint32_t at, unsigned char byte)
{
    for (;;) {
        uint32_t next = child_of(mask, at, byte);
        if (next != 0 || at == 0) {
            return next;
        }
        at = mask->nodes.items[at].fail;
    }
}

/* Breadth first, so that the links of shorter texts are there when longer ones need them. */
static void link_nodes(struct mask *mask)
{
    uint32_t *queue = mem_array(mask->nodes.count, sizeof *queue);
    size_t head = 0;
    size_t tail = 0;
    for (int byte = 0; byte < 256; byte++) {
        if (mask->first[byte] != 0) {
            queue[tail++] = mask->first[byte];
        }
    }
    while (head < tail) {
        uint32_t parent = queue[head++];
        for (uint32_t child = mask->nodes.items[parent].child; child != 0; child = mask->nodes.items[child].sibling) {
            struct node *node = &mask->nodes.items[child];
            node->fail = step(mask, mask->nodes.items[parent].fail, node->byte);
            if (node->found == 0) {
                node->found = mask->nodes.items[node->fail].found;
            }
            queue[tail++] = child;
        }
    }
    free(queue);
}

struct mask *mask_new(const struct json *secrets)
{
    struct mask *mask = mem_alloc(sizeof *mask);
    mask->nodes.room = 256;
    mask->nodes.items = mem_array(mask->nodes.room, sizeof *mask->nodes.items);
    mask->nodes.count = 1;
    if (secrets != NULL && secrets->type == JSON_OBJECT) {
        for (size_t i = 0; i < secrets->u.object.count; i++) {
            const struct json *value = &secrets->u.object.members[i].value;
            if (value->type == JSON_STRING) {
                mask_forms(value->u.string, add_form, mask);
            }
        }
    }
    link_nodes(mask);
    return mask;
}

void mask_wipe(struct mask *mask)
{
    explicit_bzero(mask->nodes.items, mask->nodes.room * sizeof *mask->nodes.items);
    explicit_bzero(mask->first, sizeof mask->first);
}

void mask_free(struct mask *mask)
{
    if (mask != NULL) {
        mask_wipe(mask);
        vec_clear(&mask->nodes);
        free(mask);
    }
}

bool mask_is_active(const struct mask *mask)
{
    return mask->nodes.count > 1;
}

/* Marks the last `length` bytes of what is held. Each byte is marked about once, also when a secret overlaps itself. */
static void mark(struct mask_stream *stream, size_t length)
{
    size_t to = stream->held.length;
    size_t from = to - length;
    if (from >= stream->marked_from && stream->marked_to > stream->marked_from) {
        size_t begin = from > stream->marked_to ? from : stream->marked_to;
        memset(stream->flags.data + begin, 1, to - begin);
        if (from > stream->marked_to) {
            stream->marked_from = from;
        }
    } else {
        memset(stream->flags.data + from, 1, length);
        stream->marked_from = from;
    }
    stream->marked_to = to;
}

/* Gives out the first `count` held bytes. */
static void release(struct mask_stream *stream, size_t count, struct strbuf *out)
{
    const char *held = stream->held.data;
    const char *flags = stream->flags.data;
    for (size_t i = 0; i < count;) {
        size_t run = i;
        while (run < count && flags[run] == flags[i]) {
            run++;
        }
        if (flags[i] == 0) {
            strbuf_add(out, held + i, run - i);
        } else if (i > 0 || !stream->hiding) {
            strbuf_add_text(out, "***");
        }
        stream->hiding = flags[i] != 0;
        i = run;
    }
    size_t rest = stream->held.length - count;
    memmove(stream->held.data, held + count, rest);
    memmove(stream->flags.data, flags + count, rest);
    strbuf_truncate(&stream->held, rest);
    strbuf_truncate(&stream->flags, rest);
    stream->marked_from -= stream->marked_from < count ? stream->marked_from : count;
    stream->marked_to -= stream->marked_to < count ? stream->marked_to : count;
}

enum { RELEASE_BYTES = 16 << 10 };

void mask_feed(const struct mask *mask, struct mask_stream *stream, struct str bytes, struct strbuf *out)
{
    if (!mask_is_active(mask)) {
        strbuf_add_str(out, bytes);
        return;
    }
    if (stream->held.data == NULL) {
        strbuf_init(&stream->held, SIZE_MAX / 4);
        strbuf_init(&stream->flags, SIZE_MAX / 4);
    }
    for (size_t i = 0; i < bytes.n;) {
        /* Text far from any secret goes through untouched. */
        if (stream->state == 0 && stream->held.length == 0) {
            size_t plain = i;
            while (plain < bytes.n && mask->first[(unsigned char)bytes.p[plain]] == 0) {
                plain++;
            }
            if (plain > i) {
                strbuf_add(out, bytes.p + i, plain - i);
                stream->hiding = false;
                i = plain;
                continue;
            }
        }
        unsigned char byte = (unsigned char)bytes.p[i++];
        strbuf_add_byte(&stream->held, (char)byte);
        strbuf_add_byte(&stream->flags, '\0');
        stream->state = step(mask, stream->state, byte);
        const struct node *node = &mask->nodes.items[stream->state];
        if (node->found > 0) {
            mark(stream, node->found);
        }
        if (node->depth == 0 || stream->held.length - node->depth >= RELEASE_BYTES) {
            release(stream, stream->held.length - node->depth, out);
        }
    }
    release(stream, stream->held.length - mask->nodes.items[stream->state].depth, out);
}

void mask_finish(const struct mask *mask, struct mask_stream *stream, struct strbuf *out)
{
    if (mask_is_active(mask) && stream->held.data != NULL) {
        release(stream, stream->held.length, out);
    }
    mask_stream_clear(stream);
}

void mask_stream_clear(struct mask_stream *stream)
{
    if (stream->held.data != NULL) {
        explicit_bzero(stream->held.data, stream->held.room);
    }
    strbuf_clear(&stream->held);
    strbuf_clear(&stream->flags);
    *stream = (struct mask_stream){0};
}

void mask_text(const struct mask *mask, struct str text, struct strbuf *out)
{
    struct mask_stream stream = {0};
    mask_feed(mask, &stream, text, out);
    mask_finish(mask, &stream, out);
}

static struct str masked_string(const struct mask *mask, struct arena *arena, struct str text)
{
    struct strbuf out;
    strbuf_init(&out, text.n * 3 + 16);
    mask_text(mask, text, &out);
    struct str copy = arena_str(arena, strbuf_str(&out));
    strbuf_clear(&out);
    return copy;
}

struct json mask_json(const struct mask *mask, struct arena *arena, const struct json *value)
{
    struct json copy = *value;
    if (value->type == JSON_STRING) {
        copy.u.string = masked_string(mask, arena, value->u.string);
    } else if (value->type == JSON_ARRAY) {
        copy.u.array.items = arena_array(arena, value->u.array.count, sizeof *copy.u.array.items);
        for (size_t i = 0; i < value->u.array.count; i++) {
            copy.u.array.items[i] = mask_json(mask, arena, &value->u.array.items[i]);
        }
    } else if (value->type == JSON_OBJECT) {
        copy.u.object.members = arena_array(arena, value->u.object.count, sizeof *copy.u.object.members);
        for (size_t i = 0; i < value->u.object.count; i++) {
            const struct json_member *member = &value->u.object.members[i];
            copy.u.object.members[i].key = masked_string(mask, arena, member->key);
            copy.u.object.members[i].value = mask_json(mask, arena, &member->value);
        }
    }
    return copy;
}
