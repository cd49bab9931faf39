/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with a pipeline file, all of it: positions, codes, what was expected.
 *
 * Every check adds to one list and goes on; nothing here prints (cli/ does, in four formats).
 */
#ifndef SLUICE_PIPELINE_DIAG_H
#define SLUICE_PIPELINE_DIAG_H

#include "base/arena.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>

/* A place in a file; line and column count from 1, the column in characters. Line 0: no place. A negative line: a place
 * in the text of a scalar, to be looked up by scalar_source.h. */
struct pos {
    int line;
    int column;
};

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

/* Codes never change their meaning; docs/pipelines.md lists them. */
enum diag_code {
    DIAG_YAML = 1,          /* E001 not YAML, or YAML that is refused: aliases, tags, several documents */
    DIAG_BOUND = 2,         /* E002 too deep, too large, too many */
    DIAG_UNKNOWN_KEY = 3,   /* E003 */
    DIAG_DUPLICATE_KEY = 4, /* E004 */
    DIAG_TYPE = 5,          /* E005 a map where text was expected, ... */
    DIAG_VALUE = 6,         /* E006 right type, unacceptable value: name, duration, range, choice */
    DIAG_MISSING = 7,       /* E007 a required key is missing */
    DIAG_EXPR_SYNTAX = 8,   /* E008 */
    DIAG_EXPR_NAME = 9,     /* E009 unknown param, step, output, context, function, input */
    DIAG_EXPR_PLACE = 10,   /* E010 a context or function that does not exist in this place */
    DIAG_CYCLE = 11,        /* E011 */
    DIAG_SHELL = 12,        /* E012 an expression in a `run` text that would not be one shell word */
    DIAG_SECRET = 13,       /* E013 a secret where it would be stored or shown */
    DIAG_PLUGIN = 14,       /* E014 no such plugin, wrong ABI, unreadable manifest */
    DIAG_PLUGIN_PARAM = 15, /* E015 unknown, missing or ill-typed plugin input */
    DIAG_CRON = 16,         /* E016 cron expression or time zone */
    DIAG_RACE = 17,         /* E017 two steps that can run at once and declare one path */
    DIAG_FILE = 18,         /* E018 a file that the pipeline names cannot be read */
    DIAG_LATER = 19,        /* E019 a key of a later version */
    DIAG_UNHONOURED = 20,   /* W020 accepted and checked, without effect in this version */
    DIAG_SUSPECT = 21,      /* W021 allowed, probably not meant */
    DIAG_REQUIRES = 22,     /* E022 the file requires another version of sluice */
    DIAG_LUA = 23,          /* E023 a Lua script that does not compile */
};

struct diag {
    enum diag_level level;
    enum diag_code code;
    struct pos pos;
    int end_column;      /* one past the last column of the offending text; 0: unknown */
    const char *message; /* "unknown key 'retires' in step 'train'" */
    const char *hint;    /* "did you mean 'retries'?" or NULL */
};

struct diags {
    struct arena *arena;
    struct arena *scratch; /* of what only reading the text needs; `arena` itself unless somebody has made one */
    const char *file; /* as the user named it */
    struct str text;  /* the file's text, for source lines */
    const size_t *lines; /* where each line of `text` begins: diags_index_lines; NULL: not known yet */
    size_t line_count;
    struct scalar_sources *sources; /* scalar_source.h; NULL: nobody asked */
    struct diag *items;
    size_t count;
    size_t room;
    size_t errors;
    const char *unread; /* why a file that is there could not be read, which is no fault of what was written; NULL */
    struct diag beyond; /* what is set of those that are not kept */
};

void diags_init(struct diags *diags, struct arena *arena, const char *file);
/* An empty list over the same text, for what is read again and was told. */
struct diags diags_unheard(const struct diags *diags);
/* Adds one; at most 1,000 are kept, the others are only counted. `hint` is NULL or a ready sentence. Returns the new
 * item, its place looked up, so that end_column can be set. */
struct diag *diag_add(struct diags *diags, enum diag_code code, struct pos pos, const char *hint, const char *format,
                      ...) __attribute__((format(printf, 5, 6)));
struct diag *diag_vadd(struct diags *diags, enum diag_code code, struct pos pos, const char *hint, const char *format,
                       va_list args) __attribute__((format(printf, 5, 0)));
/* "did you mean 'x'?" when a candidate is near, else "expected one of a, b, c" (at most 12), else NULL. */
const char *diag_hint_near(struct arena *arena, struct str word, const struct str *candidates, size_t count);
/* "E012" or "W020". */
const char *diag_code_text(enum diag_code code);
/* Sorts by position, after taking care that all of them are inside the text. */
void diags_sort(struct diags *diags);
/* Notes where the lines of `text` begin, so that asking for one does not read all before it. Once, when `text` is
 * set; else the first thing that is told does. */
void diags_index_lines(struct diags *diags);
/* The text was read: frees `scratch`, and all that was in it is forgotten. What comes after is in `arena`. */
void diags_drop_scratch(struct diags *diags);
/* Source line number `line` of the text, without its end. */
struct str diags_source_line(const struct diags *diags, int line);

#endif
