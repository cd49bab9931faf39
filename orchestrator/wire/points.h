/* SPDX-License-Identifier: Apache-2.0
 * Metric points as the payload of a JOURNAL_POINTS frame, and of the message in which a step tells its runner of them.
 *
 * Points one after another. Each begins with a reference to its key, little-endian:
 *
 *     u8 0..253   the key of that number: keys have numbers 0, 1, 2, ... in the order they first come
 *     u8 254      u16 number of the key
 *     u8 255      u16 size, bytes: a new key with the next number
 *
 * then comes the point as base/point_code.h has it, told from the last one of the same key in this payload. A payload
 * needs nothing that stands before it.
 */
#ifndef SLUICE_WIRE_POINTS_H
#define SLUICE_WIRE_POINTS_H

#include "base/arena.h"
#include "base/point_code.h"
#include "wire/journal.h"

enum { POINTS_KEYS_MAX = 4096, POINTS_KEY_BYTES_MAX = UINT16_MAX };

/* ---- writing ---- */
struct points_writer;

/* For payloads of at most `max_bytes`: at least that of one point with the longest key that is added. */
struct points_writer *points_writer_new(size_t max_bytes);
void points_writer_free(struct points_writer *writer);
/* Adds a point, its key copied; a key of at most POINTS_KEY_BYTES_MAX. False when there is no room for it: take the
 * payload, reset, and add it again. */
bool points_writer_add(struct points_writer *writer, const struct journal_point *point);
/* What was added since the beginning or the last reset; until the next call. Empty: nothing. */
struct str points_writer_payload(const struct points_writer *writer);
void points_writer_reset(struct points_writer *writer);

/* ---- reading ---- */
struct points_key {
    struct str text; /* in the arena, NUL-terminated */
    struct point_code code;
};
struct points_reader {
    struct str rest;
    struct arena *arena;
    struct points_key *keys;
    size_t count; /* of keys so far */
    size_t room;
};

/* `payload` must outlive the reader; keys are in `arena`. Nothing to free. */
struct points_reader points_reader_over(struct str payload, struct arena *arena);
/* The next point: 1, 0 at the end, -1 when malformed. Its key is at one address wherever it comes in the payload.
 * `*ret_key` is the number of the key; NULL: not asked. */
int points_next(struct points_reader *reader, struct journal_point *ret_point, size_t *ret_key);

#endif
