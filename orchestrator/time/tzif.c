/* SPDX-License-Identifier: Apache-2.0
 * Bytes to a zone, and instants to spans. Finding the file of a name is tzif_load.c's.
 */
#include "time/tzif.h"

enum {
    HEADER_BYTES = 44,
    COUNTS_AT = 20,
    TYPE_BYTES = 6,
    TYPES_MAX = 256,
};

/* Instants beyond this many seconds are seen as this one: about 95,000 years either way. */
#define INSTANT_MAX INT64_C(3000000000000)

struct transition {
    int64_t at;
    uint8_t type;
};

struct local_type {
    int32_t offset_seconds;
    bool dst;
    char abbreviation[TZ_RULE_NAME_MAX + 1];
};

struct tzif {
    struct str name;
    const struct transition *transitions;
    size_t transition_count;
    const struct local_type *types; /* the first holds before the first transition */
    bool has_rule;
    struct tz_rule rule; /* from the last transition on */
};

static const struct local_type utc_type = {.abbreviation = "UTC"};
static const struct tzif utc = {.name = {"UTC", 3}, .types = &utc_type};

const struct tzif *tzif_utc(void)
{
    return &utc;
}

struct str tzif_name(const struct tzif *zone)
{
    return zone->name;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct counts {
    uint32_t utc_marks;
    uint32_t standard_marks;
    uint32_t leaps;
    uint32_t transitions;
    uint32_t types;
    uint32_t name_bytes;
};

/* One block of the file: the header and what follows it. */
struct block {
    struct counts counts;
    char version;
    const unsigned char *times;
    const unsigned char *indices;
    const unsigned char *types;
    const unsigned char *names;
};

static uint64_t big_endian(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static int64_t read_time(const unsigned char *bytes, size_t size)
{
    return size == 4 ? (int64_t)(int32_t)(uint32_t)big_endian(bytes, 4) : (int64_t)big_endian(bytes, 8);
}

/* Takes a block whose times have `width` bytes off the front of `*rest`; NULL, or what is wrong. The sums cannot wrap:
 * six 32-bit counts times at most 12 in 64 bits. */
static const char *take_block(struct str *rest, size_t width, struct block *block)
{
    if (rest->n < HEADER_BYTES || memcmp(rest->p, "TZif", 4) != 0) {
        return "no TZif header";
    }
    const unsigned char *at = (const unsigned char *)rest->p;
    struct counts *counts = &block->counts;
    uint32_t *const order[] = {&counts->utc_marks,   &counts->standard_marks, &counts->leaps,
                               &counts->transitions, &counts->types,          &counts->name_bytes};
    for (size_t i = 0; i < 6; i++) {
        *order[i] = (uint32_t)big_endian(at + COUNTS_AT + 4 * i, 4);
    }
    block->version = (char)at[4];
    block->times = at + HEADER_BYTES;
    uint64_t times = (uint64_t)counts->transitions * width;
    uint64_t types = (uint64_t)counts->types * TYPE_BYTES;
    uint64_t before_names = HEADER_BYTES + times + counts->transitions + types;
    uint64_t size = before_names + counts->name_bytes + (uint64_t)counts->leaps * (width + 4) + counts->standard_marks +
                    (uint64_t)counts->utc_marks;
    if (size > rest->n) {
        return "cut short";
    }
    block->indices = block->times + times;
    block->types = block->indices + counts->transitions;
    block->names = block->types + types;
    *rest = str_slice(*rest, (size_t)size, rest->n);
    return NULL;
}

static const char *read_types(const struct block *block, struct local_type *types)
{
    for (size_t i = 0; i < block->counts.types; i++) {
        const unsigned char *at = block->types + i * TYPE_BYTES;
        types[i].offset_seconds = (int32_t)(uint32_t)big_endian(at, 4);
        types[i].dst = at[4] == 1;
        if (types[i].offset_seconds < TZIF_OFFSET_MIN || types[i].offset_seconds > TZIF_OFFSET_MAX || at[4] > 1) {
            return "an offset out of bounds";
        }
        if (at[5] >= block->counts.name_bytes) {
            return "an abbreviation out of bounds";
        }
        const char *name = (const char *)block->names + at[5];
        size_t length = strnlen(name, block->counts.name_bytes - at[5]);
        if (length == block->counts.name_bytes - at[5]) {
            return "an abbreviation without an end";
        }
        memcpy(types[i].abbreviation, name, length > TZ_RULE_NAME_MAX ? TZ_RULE_NAME_MAX : length);
    }
    return NULL;
}

static const char *read_transitions(const struct block *block, size_t width, struct transition *transitions)
{
    for (size_t i = 0; i < block->counts.transitions; i++) {
        transitions[i] = (struct transition){read_time(block->times + i * width, width), block->indices[i]};
        if (transitions[i].type >= block->counts.types) {
            return "a transition to a type that is not there";
        }
        if (i > 0 && transitions[i].at <= transitions[i - 1].at) {
            return "transitions out of order";
        }
    }
    return NULL;
}

static const char *read_block(const struct block *block, size_t width, struct arena *arena, struct tzif *zone)
{
    if (block->counts.types == 0 || block->counts.types > TYPES_MAX) {
        return "a number of types that is not 1-256";
    }
    if (block->counts.leaps > 0) {
        return "leap seconds, which sluice does not count";
    }
    struct local_type *types = arena_array(arena, block->counts.types, sizeof *types);
    struct transition *transitions = arena_array(arena, block->counts.transitions, sizeof *transitions);
    zone->types = types;
    zone->transitions = transitions;
    zone->transition_count = block->counts.transitions;
    const char *wrong = read_types(block, types);
    return wrong != NULL ? wrong : read_transitions(block, width, transitions);
}

/* A newline, the rule (which may be empty), a newline. */
static int read_footer(struct str rest, struct tzif *zone, struct err *err)
{
    ptrdiff_t end = rest.n > 0 && rest.p[0] == '\n' ? str_find_byte(rest, '\n', 1) : -1;
    if (end < 0) {
        return err_set(err, ERR_CORRUPT, "no footer");
    }
    struct str text = str_slice(rest, 1, (size_t)end);
    zone->has_rule = text.n > 0;
    return text.n == 0 ? 0 : tz_rule_parse(text, &zone->rule, err);
}

static int parse(struct str bytes, struct arena *arena, struct tzif *zone, struct err *err)
{
    struct block block = {0};
    struct str rest = bytes;
    size_t width = 4;
    const char *wrong = bytes.n > TZIF_FILE_MAX ? "too large" : take_block(&rest, width, &block);
    bool wide = wrong == NULL && block.version != '\0';
    if (wide) {
        width = 8;
        wrong = take_block(&rest, width, &block);
    }
    wrong = wrong != NULL ? wrong : read_block(&block, width, arena, zone);
    if (wrong != NULL) {
        return err_set(err, ERR_CORRUPT, "%s", wrong);
    }
    return wide ? read_footer(rest, zone, err) : 0;
}

int tzif_parse(struct str bytes, struct str name, struct arena *arena, const struct tzif **ret_zone, struct err *err)
{
    struct tzif *zone = arena_one(arena, struct tzif);
    zone->name = arena_str(arena, name);
    if (parse(bytes, arena, zone, err) < 0) {
        return err_add(err, "time zone file '%.*s'", STR_ARG(name));
    }
    *ret_zone = zone;
    return 0;
}

/* ---- looking up ------------------------------------------------------------------------------------------------- */

/* How many transitions are at or before an instant. */
static size_t transitions_until(const struct tzif *zone, int64_t epoch_seconds)
{
    size_t low = 0;
    size_t high = zone->transition_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].at <= epoch_seconds) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct tzif_span span_of_rule(const struct tzif *zone, int64_t epoch_seconds, int64_t not_before)
{
    struct tzif_span span = {0};
    const struct tz_local *local = tz_rule_at(&zone->rule, epoch_seconds, &span.from, &span.to);
    span.from = span.from < not_before ? not_before : span.from;
    span.offset_seconds = local->offset_seconds;
    span.dst = local == &zone->rule.daylight;
    memcpy(span.abbreviation, local->name, sizeof span.abbreviation);
    return span;
}

struct tzif_span tzif_span_at(const struct tzif *zone, int64_t epoch_seconds)
{
    if (epoch_seconds > INSTANT_MAX || epoch_seconds < -INSTANT_MAX) {
        epoch_seconds = epoch_seconds < 0 ? -INSTANT_MAX : INSTANT_MAX;
    }
    size_t passed = transitions_until(zone, epoch_seconds);
    int64_t from = passed == 0 ? INT64_MIN : zone->transitions[passed - 1].at;
    if (zone->has_rule && passed == zone->transition_count) {
        return span_of_rule(zone, epoch_seconds, from);
    }
    const struct local_type *type = &zone->types[passed == 0 ? 0 : zone->transitions[passed - 1].type];
    struct tzif_span span = {
        .from = from,
        .to = passed == zone->transition_count ? INT64_MAX : zone->transitions[passed].at,
        .offset_seconds = type->offset_seconds,
        .dst = type->dst,
    };
    memcpy(span.abbreviation, type->abbreviation, sizeof span.abbreviation);
    return span;
}
