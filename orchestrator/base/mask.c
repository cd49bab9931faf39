/* SPDX-License-Identifier: Apache-2.0
 * The automaton: a trie of all forms, and from each node a link to the node of its longest suffix that is in the trie
 * too. The depth of the node the text has led to is how many of its last bytes may still become a secret.
 *
 * There are two: one of all forms, and one of those in hex and base64, which is not shown the blanks and line ends that
 * programs put between.
 */
#include "base/mask.h"

#include "base/mask_forms.h"
#include "base/mem.h"
#include "base/vec.h"

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

struct automaton {
    struct {
        VEC_OF(struct node)
    } nodes; /* [0] is the root */
    uint32_t first[256]; /* children of the root */
};

struct mask {
    struct automaton plain;
    struct automaton spaced; /* its forms are among those of the other */
    size_t longest;          /* of its forms; at least 1 */
};

enum {
    /* A line that ends in what may be the beginning of a spaced secret is held back until more comes, if it ends in so
     * many of its characters. Fewer are there by chance, and a log should not wait for that. */
    HELD_OVER_GAP_CHARS = 8,
    GAP_MAX_BYTES = 64, /* more blanks than that end what came before */
};

static uint32_t child_of(const struct automaton *automaton, uint32_t node, unsigned char byte)
{
    if (node == 0) {
        return automaton->first[byte];
    }
    uint32_t child = automaton->nodes.items[node].child;
    while (child != 0 && automaton->nodes.items[child].byte != byte) {
        child = automaton->nodes.items[child].sibling;
    }
    return child;
}

static uint32_t add_child(struct automaton *automaton, uint32_t parent, unsigned char byte)
{
    struct node node = {.byte = byte, .depth = automaton->nodes.items[parent].depth + 1};
    uint32_t index = (uint32_t)automaton->nodes.count;
    if (parent == 0) {
        automaton->first[byte] = index;
    } else {
        node.sibling = automaton->nodes.items[parent].child;
        automaton->nodes.items[parent].child = index;
    }
    if (automaton->nodes.count == automaton->nodes.room) {
        /* Not by realloc, which would leave a copy of the forms behind. */
        size_t room = automaton->nodes.room * 2;
        struct node *items = mem_array(room, sizeof *items);
        memcpy(items, automaton->nodes.items, automaton->nodes.count * sizeof *items);
        explicit_bzero(automaton->nodes.items, automaton->nodes.count * sizeof *items);
        free(automaton->nodes.items);
        automaton->nodes.items = items;
        automaton->nodes.room = room;
    }
    vec_push(&automaton->nodes, node);
    return index;
}

static void add_form(struct automaton *automaton, struct str form)
{
    uint32_t at = 0;
    for (size_t i = 0; i < form.n; i++) {
        unsigned char byte = (unsigned char)form.p[i];
        uint32_t next = child_of(automaton, at, byte);
        at = next != 0 ? next : add_child(automaton, at, byte);
    }
    automaton->nodes.items[at].found = automaton->nodes.items[at].depth;
}

static uint32_t step(const struct automaton *automaton, uint32_t at, unsigned char byte)
{
    for (;;) {
        uint32_t next = child_of(automaton, at, byte);
        if (next != 0 || at == 0) {
            return next;
        }
        at = automaton->nodes.items[at].fail;
    }
}

/* Breadth first, so that the links of shorter texts are there when longer ones need them. */
static void link_nodes(struct automaton *automaton)
{
    uint32_t *queue = mem_array(automaton->nodes.count, sizeof *queue);
    size_t head = 0;
    size_t tail = 0;
    for (int byte = 0; byte < 256; byte++) {
        if (automaton->first[byte] != 0) {
            queue[tail++] = automaton->first[byte];
        }
    }
    struct node *nodes = automaton->nodes.items;
    while (head < tail) {
        uint32_t parent = queue[head++];
        for (uint32_t child = nodes[parent].child; child != 0; child = nodes[child].sibling) {
            struct node *node = &nodes[child];
            node->fail = step(automaton, nodes[parent].fail, node->byte);
            if (node->found == 0) {
                node->found = nodes[node->fail].found;
            }
            queue[tail++] = child;
        }
    }
    free(queue);
}

static void automaton_init(struct automaton *automaton)
{
    automaton->nodes.room = 256;
    automaton->nodes.items = mem_array(automaton->nodes.room, sizeof *automaton->nodes.items);
    automaton->nodes.count = 1;
}

static void automaton_wipe(struct automaton *automaton)
{
    explicit_bzero(automaton->nodes.items, automaton->nodes.room * sizeof *automaton->nodes.items);
    explicit_bzero(automaton->first, sizeof automaton->first);
}

static void take_form(void *ctx, struct str form, bool encoded)
{
    struct mask *mask = ctx;
    add_form(&mask->plain, form);
    if (encoded) {
        add_form(&mask->spaced, form);
        mask->longest = form.n > mask->longest ? form.n : mask->longest;
    }
}

struct mask *mask_new(const struct json *secrets)
{
    struct mask *mask = mem_alloc(sizeof *mask);
    automaton_init(&mask->plain);
    automaton_init(&mask->spaced);
    mask->longest = 1;
    if (secrets != NULL && secrets->type == JSON_OBJECT) {
        for (size_t i = 0; i < secrets->u.object.count; i++) {
            const struct json *value = &secrets->u.object.members[i].value;
            if (value->type == JSON_STRING) {
                mask_forms(value->u.string, take_form, mask);
            }
        }
    }
    link_nodes(&mask->plain);
    link_nodes(&mask->spaced);
    return mask;
}

void mask_wipe(struct mask *mask)
{
    automaton_wipe(&mask->plain);
    automaton_wipe(&mask->spaced);
}

void mask_free(struct mask *mask)
{
    if (mask != NULL) {
        mask_wipe(mask);
        vec_clear(&mask->plain.nodes);
        vec_clear(&mask->spaced.nodes);
        free(mask);
    }
}

bool mask_is_active(const struct mask *mask)
{
    return mask->plain.nodes.count > 1;
}

/* Marks the last `length` bytes of what is held. Each byte is marked about once, also when a secret overlaps itself. */
static void mark(struct mask_stream *stream, size_t length)
{
    size_t to = stream->held.length;
    size_t from = to < length ? 0 : to - length; /* of a spaced one, the first characters may be out already */
    length = to - from;
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

/* How many bytes back the last `depth` characters that are no blanks begin. */
static size_t span_of(const struct mask *mask, const struct mask_stream *stream, size_t depth)
{
    return depth == 0 ? 0 : (size_t)(stream->seen - stream->places[(stream->solid - depth) % mask->longest]);
}

static void feed_spaced(const struct mask *mask, struct mask_stream *stream, unsigned char byte)
{
    if (stream->spaced == 0 && mask->spaced.first[byte] == 0) {
        return;
    }
    if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n') {
        stream->gap++;
        stream->broken = stream->broken || byte == '\r' || byte == '\n';
        stream->spaced = stream->gap > GAP_MAX_BYTES ? 0 : stream->spaced;
        return;
    }
    stream->gap = 0;
    stream->broken = false;
    stream->places[stream->solid++ % mask->longest] = stream->seen - 1;
    stream->spaced = step(&mask->spaced, stream->spaced, byte);
    uint32_t found = mask->spaced.nodes.items[stream->spaced].found;
    if (found > 0) {
        mark(stream, span_of(mask, stream, found));
    }
}

/* How many of the last bytes may still become a secret. */
static size_t undecided(const struct mask *mask, const struct mask_stream *stream)
{
    size_t plain = mask->plain.nodes.items[stream->state].depth;
    if (stream->spaced == 0) {
        return plain;
    }
    size_t depth = mask->spaced.nodes.items[stream->spaced].depth;
    bool chance = stream->broken && depth < HELD_OVER_GAP_CHARS;
    size_t spaced = chance ? 0 : span_of(mask, stream, depth);
    size_t most = plain > spaced ? plain : spaced;
    return most < stream->held.length ? most : stream->held.length;
}

static void begin(const struct mask *mask, struct mask_stream *stream)
{
    if (stream->held.data == NULL) {
        strbuf_init(&stream->held, SIZE_MAX / 4);
        strbuf_init(&stream->flags, SIZE_MAX / 4);
        stream->places = mem_array(mask->longest, sizeof *stream->places);
    }
}

/* Text far from any secret goes through untouched. The number of its bytes. */
static size_t pass_plain(const struct mask *mask, struct mask_stream *stream, struct str bytes, struct strbuf *out)
{
    size_t plain = 0;
    if (stream->state != 0 || stream->spaced != 0 || stream->held.length > 0) {
        return 0;
    }
    while (plain < bytes.n && mask->plain.first[(unsigned char)bytes.p[plain]] == 0) {
        plain++;
    }
    if (plain > 0) {
        strbuf_add(out, bytes.p, plain);
        stream->seen += plain;
        stream->hiding = false;
    }
    return plain;
}

void mask_feed(const struct mask *mask, struct mask_stream *stream, struct str bytes, struct strbuf *out)
{
    if (!mask_is_active(mask)) {
        strbuf_add_str(out, bytes);
        return;
    }
    begin(mask, stream);
    for (size_t i = 0; i < bytes.n;) {
        size_t plain = pass_plain(mask, stream, str_slice(bytes, i, bytes.n), out);
        if (plain > 0) {
            i += plain;
            continue;
        }
        unsigned char byte = (unsigned char)bytes.p[i++];
        strbuf_add_byte(&stream->held, (char)byte);
        strbuf_add_byte(&stream->flags, '\0');
        stream->seen++;
        stream->state = step(&mask->plain, stream->state, byte);
        uint32_t found = mask->plain.nodes.items[stream->state].found;
        if (found > 0) {
            mark(stream, found);
        }
        feed_spaced(mask, stream, byte);
        size_t kept = undecided(mask, stream);
        if (kept == 0 || stream->held.length - kept >= RELEASE_BYTES) {
            release(stream, stream->held.length - kept, out);
        }
    }
    release(stream, stream->held.length - undecided(mask, stream), out);
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
    free(stream->places);
    *stream = (struct mask_stream){0};
}

void mask_text(const struct mask *mask, struct str text, struct strbuf *out)
{
    struct mask_stream stream = {0};
    mask_feed(mask, &stream, text, out);
    mask_finish(mask, &stream, out);
}

bool mask_finds(const struct mask *mask, struct str text)
{
    struct strbuf out;
    strbuf_init(&out, text.n * 3 + 16);
    mask_text(mask, text, &out);
    bool found = !str_eq(strbuf_str(&out), text);
    strbuf_clear(&out);
    return found;
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
