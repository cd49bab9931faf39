/* SPDX-License-Identifier: Apache-2.0
 * What the REST interface takes and gives: tables of fields, by which a request is checked, an answer is written from a
 * C struct, and both are documented (JSON Schema 2020-12, as OpenAPI 3.1 uses it). Objects are closed: what a table
 * does not name is refused in a request, and is in no answer.
 */
#ifndef SLUICE_API_SLUICE_SCHEMA_H
#define SLUICE_API_SLUICE_SCHEMA_H

#include "base/json.h"

#include <stddef.h>

enum schema_type {
    SCHEMA_TEXT,
    SCHEMA_INT,
    SCHEMA_NUMBER, /* a double; of an answer NaN is null */
    SCHEMA_BOOL,
    SCHEMA_TIME,   /* RFC 3339 with milliseconds; in C int64_t, ms since 1970, of which 0 is null */
    SCHEMA_ANY,    /* any value */
    SCHEMA_MAP,    /* of any names to `of`, or to any values */
    SCHEMA_OBJECT, /* `of` */
    SCHEMA_LIST,   /* of objects `of` */
    SCHEMA_TEXTS,  /* a list of texts */
};

enum schema_flag {
    SCHEMA_REQUIRED = 1, /* of a request; in answers every field is there */
    SCHEMA_NULLABLE = 2, /* of an answer: it may be null. Times and doubles may be in any case when `least` is 0 */
    /* Where it stands in a request; in the body otherwise. */
    SCHEMA_IN_PATH = 4,
    SCHEMA_IN_QUERY = 8,
    SCHEMA_ABSENT = 16, /* of what is documented only: it may not be there */
};

struct schema;

struct schema_field {
    const char *name; /* NULL ends a table */
    enum schema_type type;
    size_t at; /* of answers: where it stands in the struct, by the macros below */
    unsigned flags;
    const struct schema *of;
    const char *const *words; /* of a text: it is one of these; NULL at the end */
    int64_t least, most;      /* of an integer its bounds; of a text its characters; both 0: none, of texts
                               * SCHEMA_TEXT_MAX */
    const char *pattern;      /* of a text: an extended regular expression of what POSIX and ECMAScript read alike */
    const char *doc;
};

enum { SCHEMA_TEXT_MAX = 1000 };

struct schema {
    const char *name; /* "Run": in the documentation */
    const struct schema_field *fields;
    const char *doc;
};

/* ---- where a field of an answer stands: the member's type is checked when this is compiled ---- */
#define SCHEMA_MEMBER(s, m, kind) (offsetof(s, m) + 0 * sizeof(char[_Generic(((s *)0)->m, kind: 1)]))
#define FIELD_TEXT(s, m) .type = SCHEMA_TEXT, .at = SCHEMA_MEMBER(s, m, const char *)
#define FIELD_INT(s, m) .type = SCHEMA_INT, .at = SCHEMA_MEMBER(s, m, int64_t)
#define FIELD_NUMBER(s, m) .type = SCHEMA_NUMBER, .at = SCHEMA_MEMBER(s, m, double)
#define FIELD_BOOL(s, m) .type = SCHEMA_BOOL, .at = SCHEMA_MEMBER(s, m, bool)
#define FIELD_TIME(s, m) .type = SCHEMA_TIME, .at = SCHEMA_MEMBER(s, m, int64_t)
/* What is written already: of a list, an object, a map, or any value. */
#define FIELD_JSON(kind, s, m) .type = SCHEMA_##kind, .at = SCHEMA_MEMBER(s, m, struct json)

/* An answer, by its table. */
struct json schema_write(const struct schema *schema, const void *record, struct arena *arena);
/* Checks the members of `raw` that stand in the places `where` (bits of enum schema_flag; 0: the body) and adds them to
 * `ret`, an object: names that are not in the table, values that do not fit and what is missing are ERR_INPUT in words.
 * Values of paths and queries are texts, which are converted. */
int schema_read(const struct schema_field *fields, unsigned where, const struct json *raw, struct arena *arena,
                struct json *ret, struct err *err);
/* The JSON Schema of a field; objects are named by reference. */
struct json schema_of_field(const struct schema_field *field, bool answer, struct arena *arena);
/* {"$ref": ...} */
struct json schema_reference(const struct schema *schema, struct arena *arena);
/* Adds the schema, and those that it names, to a map of name to JSON Schema, unless they are there. */
void schema_document(const struct schema *schema, bool answer, struct json *components, struct arena *arena);

#endif
