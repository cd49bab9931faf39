/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/points.h"

#include "base/mem.h"
#include "base/point_decode.h"
#include "base/str_index.h"
#include "wire/journal_internal.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_FAR = 254, KEY_NEW = 255, REFERENCE_BYTES = 3 };

/* ---- writing ---- */

struct points_writer {
    struct arena *arena; /* keys and codes of the payload at hand */
    struct str_index *index;
    struct point_code *codes;
    size_t keys;
    size_t room;
    unsigned char *bytes;
    size_t size;
    size_t max_bytes;
};

void points_writer_reset(struct points_writer *writer)
{
    arena_reset(writer->arena);
    writer->index = str_index_new(writer->arena, 32);
    writer->codes = NULL;
    writer->keys = writer->room = writer->size = 0;
}

struct points_writer *points_writer_new(size_t max_bytes)
{
    struct points_writer *writer = mem_alloc(sizeof *writer);
    *writer = (struct points_writer){
        .arena = arena_new(), .bytes = mem_resize(NULL, max_bytes, 1), .max_bytes = max_bytes};
    points_writer_reset(writer);
    return writer;
}

void points_writer_free(struct points_writer *writer)
{
    if (writer != NULL) {
        arena_free(writer->arena);
        free(writer->bytes);
        free(writer);
    }
}

static size_t add_key(struct points_writer *writer, struct str key)
{
    unsigned char *room = writer->bytes + writer->size;
    room[0] = KEY_NEW;
    journal_put(room + 1, key.n, 2);
    memcpy(room + REFERENCE_BYTES, key.p, key.n);
    writer->size += REFERENCE_BYTES + key.n;
    (void)str_index_add(writer->index, arena_str(writer->arena, key));
    writer->codes = arena_grow(writer->arena, writer->codes, writer->keys, &writer->room, sizeof *writer->codes);
    writer->codes[writer->keys] = (struct point_code){0};
    return writer->keys++;
}

static void refer(struct points_writer *writer, size_t number)
{
    if (number < KEY_FAR) {
        writer->bytes[writer->size++] = (unsigned char)number;
        return;
    }
    writer->bytes[writer->size++] = KEY_FAR;
    journal_put(writer->bytes + writer->size, number, 2);
    writer->size += 2;
}

bool points_writer_add(struct points_writer *writer, const struct journal_point *point)
{
    ptrdiff_t found = str_index_find(writer->index, point->key);
    size_t most = REFERENCE_BYTES + (found < 0 ? point->key.n : 0) + POINT_CODE_MAX_BYTES;
    if (most > writer->max_bytes - writer->size || (found < 0 && writer->keys == POINTS_KEYS_MAX)) {
        return false;
    }
    size_t number = (size_t)found;
    if (found < 0) {
        number = add_key(writer, point->key);
    } else {
        refer(writer, number);
    }
    struct point plain = {.time_ms = point->time_ms, .step = point->step, .value = point->value};
    writer->size += point_encode(&writer->codes[number], &plain, writer->bytes + writer->size);
    return true;
}

struct str points_writer_payload(const struct points_writer *writer)
{
    return (struct str){(const char *)writer->bytes, writer->size};
}

/* ---- reading ---- */

struct points_reader points_reader_over(struct str payload, struct arena *arena)
{
    return (struct points_reader){.rest = payload, .arena = arena};
}

static int take_new_key(struct points_reader *reader, size_t *ret)
{
    struct str rest = reader->rest;
    if (rest.n < REFERENCE_BYTES || reader->count == POINTS_KEYS_MAX) {
        return -1;
    }
    size_t size = (size_t)journal_get((const unsigned char *)rest.p + 1, 2);
    if (rest.n - REFERENCE_BYTES < size) {
        return -1;
    }
    struct str text = str_slice(rest, REFERENCE_BYTES, REFERENCE_BYTES + size);
    reader->keys = arena_grow(reader->arena, reader->keys, reader->count, &reader->room, sizeof *reader->keys);
    reader->keys[reader->count] = (struct points_key){.text = arena_str(reader->arena, text)};
    reader->rest = str_slice(rest, REFERENCE_BYTES + size, rest.n);
    *ret = reader->count++;
    return 0;
}

static int take_key(struct points_reader *reader, size_t *ret)
{
    size_t first = (unsigned char)reader->rest.p[0];
    size_t size = 1;
    if (first == KEY_NEW) {
        return take_new_key(reader, ret);
    }
    if (first == KEY_FAR) {
        if (reader->rest.n < REFERENCE_BYTES) {
            return -1;
        }
        first = (size_t)journal_get((const unsigned char *)reader->rest.p + 1, 2);
        size = REFERENCE_BYTES;
    }
    reader->rest = str_slice(reader->rest, size, reader->rest.n);
    *ret = first;
    return first < reader->count ? 0 : -1;
}

int points_next(struct points_reader *reader, struct journal_point *ret_point, size_t *ret_key)
{
    size_t number = 0;
    struct point plain;
    if (reader->rest.n == 0) {
        return 0;
    }
    if (take_key(reader, &number) < 0 || point_decode_here(&reader->keys[number].code, &reader->rest, &plain) != 1) {
        return -1;
    }
    *ret_point = (struct journal_point){
        .key = reader->keys[number].text, .value = plain.value, .step = plain.step, .time_ms = plain.time_ms};
    if (ret_key != NULL) {
        *ret_key = number;
    }
    return 1;
}
