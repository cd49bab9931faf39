/* SPDX-License-Identifier: Apache-2.0
 * JSON values: the one tree that YAML, parameters, step outputs, expressions, Lua and the store share.
 *
 * A tree lives in an arena and is plain data: build it with designated initialisers or the
 * json_* constructors, read it with the json_get family. The reader is bounded (json_limits) and
 * strict RFC 8259: one value, no trailing bytes, valid UTF-8, no lone surrogates, no duplicate
 * object keys. Integers that fit int64 stay integers; everything else with digits is a double.
 * NaN and the infinities do not exist in JSON text: the writer emits the strings "NaN",
 * "Infinity" and "-Infinity" for them (as MLflow's protocol does).
 */
#ifndef SLUICE_BASE_JSON_H
#define SLUICE_BASE_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_member;

struct json {
    enum json_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct str string; /* NUL-terminated behind its n bytes; may hold NULs inside */
        struct {
            struct json *items;
            size_t count;
        } array;
        struct {
            struct json_member *members; /* in the order written */
            size_t count;
        } object;
    } u;
};

struct json_member {
    struct str key;
    struct json value;
};

struct json_limits {
    size_t depth;  /* levels of arrays and objects; 0 means 64 */
    size_t values; /* values in all; 0 means 10 million */
    /* The text is room that may be written to, and lives as long as the value: most strings are not copied, but ended
     * where they stand. It is of no use for anything else then. */
    bool in_place;
};

/* Reads `text` whole. On failure the message names line:column and what was expected. */
int json_read(struct str text, struct json_limits limits, struct arena *arena, struct json *ret_value, struct err *err);

/* The same for a file of metrics: the words NaN, Infinity and -Infinity, which Python writes bare, are numbers. */
int json_read_metrics(struct str text, struct json_limits limits, struct arena *arena, struct json *ret_value,
                      struct err *err);

/* ---- building ---------------------------------------------------------------------------- */
struct json json_null(void);
struct json json_bool(bool value);
struct json json_int(int64_t value);
struct json json_number(double value);
/* Copies the text into the arena. */
struct json json_string(struct arena *arena, struct str text);
struct json json_cstring(struct arena *arena, const char *text);
/* Empty containers, and appending (amortised growth in the arena; the value is copied shallowly).
 * json_set replaces the value of a key that is there already, in its place. */
struct json json_array(void);
struct json json_object(void);
void json_push(struct arena *arena, struct json *array, struct json value);
void json_set(struct arena *arena, struct json *object, const char *key, struct json value);
/* json_set of a key that is known not to be there yet: does not look, so that 100,000 of them take no time. */
void json_add(struct arena *arena, struct json *object, const char *key, struct json value);
/* The same; the key is not copied. */
void json_add_str(struct arena *arena, struct json *object, struct str key, struct json value);
/* Deep copy into another arena. */
struct json json_copy(struct arena *arena, const struct json *value);

/* ---- reading ----------------------------------------------------------------------------- */
/* The member's value, or NULL when `object` is NULL, not an object, or has no such key. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_get_str(const struct json *object, struct str key);
/* Convenience for trusted records: a default instead of an error for absent or another type. */
const char *json_get_text(const struct json *object, const char *key, const char *otherwise);
int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise);
double json_get_number(const struct json *object, const char *key, double otherwise);
bool json_get_bool(const struct json *object, const char *key, bool otherwise);
/* JSON_INT or JSON_NUMBER as a double; false for other types. */
bool json_as_number(const struct json *value, double *ret_number);
/* Equal by type and value; 1 and 1.0 are equal; objects compare without regard to order. */
bool json_equal(const struct json *a, const struct json *b);
/* "null", "a boolean", "an integer", "a number", "a string", "a list", "a map": for messages. */
const char *json_type_name(enum json_type type);

/* ---- writing ----------------------------------------------------------------------------- */
/* Compact text. Doubles are written so that reading them back gives the same bits. */
void json_write(struct strbuf *out, const struct json *value);
/* The same value always gives the same bytes: keys sorted bytewise. For digests and item ids. */
void json_write_canonical(struct strbuf *out, const struct json *value);
/* Indented by two blanks, for people. */
void json_write_pretty(struct strbuf *out, const struct json *value);
/* A quoted, escaped JSON string; bytes that are no UTF-8 become U+FFFD. */
void json_write_string(struct strbuf *out, struct str text);
/* The shortest of "%.15g" to "%.17g" that reads back the same. */
void json_write_double(struct strbuf *out, double value);
void json_write_int(struct strbuf *out, int64_t value);
/* json_write into the arena. */
struct str json_text(struct arena *arena, const struct json *value);

/* Overwrites every text in it, which is then bytes of zero: for secrets. The text must be writable: in an arena. */
void json_wipe(struct json *value);

#endif
