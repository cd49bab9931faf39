/* SPDX-License-Identifier: Apache-2.0
 * What a request says, as a checked JSON object: from a body or a query, by a table of what the route takes.
 *
 * The rules are those of protobuf's JSON mapping, which MLflow's clients write by: names in snake_case or
 * lowerCamelCase, integers and numbers also as text, enums by name or number, null for "not given", unknown names
 * passed over. What comes out has the table's names, and integers, numbers, texts and booleans of the table's types;
 * what was not given is not there. Messages are MLflow's.
 */
#ifndef SLUICE_API_PARAMS_H
#define SLUICE_API_PARAMS_H

#include "base/json.h"

enum api_type {
    API_TEXT,
    API_INT,
    API_REAL, /* bare or as text, NaN and the infinities too */
    API_BOOL,
    API_WORD,    /* one of `words`; comes out as text */
    API_OBJECT,  /* by `fields` */
    API_TEXTS,   /* a list of texts */
    API_OBJECTS, /* a list of objects by `fields` */
};

struct rest_doc;
struct api_field {
    const char *name; /* NULL ends a table */
    enum api_type type;
    bool required;     /* neither absent, nor null, nor "" */
    const char *alias; /* another name it comes under; NULL: none */
    const struct api_field *fields;
    const char *const *words; /* by their numbers, from 0; NULL at a number that is none; ends with "" */
    const struct rest_doc *rest; /* of a row of API_SLUICE, whose only field this is: api/sluice/rest.h */
};

/* ERR_INPUT in MLflow's words: a parameter that is missing, or of another type. */
int params_read(const struct api_field *fields, const struct json *raw, struct arena *arena, struct json *ret,
                struct err *err);
/* "Missing value for required parameter 'X'. ...": for what a table cannot say. */
int params_missing(const char *name, struct err *err);
/* The same for a value that is there: "Invalid value V for parameter 'X' supplied: ...". */
int params_refuse(const char *name, const struct json *value, struct err *err);

/* Of checked params, for one that is required. */
const char *param_text(const struct json *params, const char *name);
/* A list, or NULL with a count of 0. */
const struct json *param_list(const struct json *params, const char *name, size_t *ret_count);
/* The texts of a list. */
const char **param_texts(const struct json *params, const char *name, struct arena *arena, size_t *ret_count);

#endif
