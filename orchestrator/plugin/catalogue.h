/* SPDX-License-Identifier: Apache-2.0
 * What is known of plugins without loading them: their manifests, read from the ELF section ".sluice".
 *
 * The reader is ours, bounded, and never maps or runs the file. A catalogue holds the plugins of
 * one or more folders; a plugin outside them is added by path.
 */
#ifndef SLUICE_PLUGIN_CATALOGUE_H
#define SLUICE_PLUGIN_CATALOGUE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

/* The types of step.h, as the manifest writes them. */
enum plugin_type {
    PLUGIN_STRING,
    PLUGIN_PATH,
    PLUGIN_BOOL,
    PLUGIN_INT,
    PLUGIN_NUMBER,
    PLUGIN_DURATION,
    PLUGIN_SIZE,
    PLUGIN_ANY
};

/* What texts, or the values of a map, hold beyond their type: the words behind `format=` in step.h. */
enum plugin_format {
    PLUGIN_FORMAT_NONE,
    PLUGIN_FORMAT_DURATION,   /* a text like 30s */
    PLUGIN_FORMAT_SIZE,       /* a text like 512M */
    PLUGIN_FORMAT_THRESHOLD,  /* a text like ">= 0.3": step_threshold.h */
    PLUGIN_FORMAT_THRESHOLDS, /* a map of METRIC or METRIC[COLUMN=VALUE] to one, a list of them, or {is, ...} */
    PLUGIN_FORMAT_LUA,        /* the path of a Lua script */
    PLUGIN_FORMAT_PERCENT,    /* a number above 0, up to 100 */
};
const char *plugin_format_name(enum plugin_format format); /* "threshold"; NULL of none */

/* A key that a map may have. */
struct plugin_key {
    struct str name;
    bool begins;   /* any key that begins with the name: "recall:*" */
    bool required;
    enum plugin_format format; /* of its value */
    struct str like;           /* an input whose rules its value follows; empty: none */
    const struct str *choices; /* of its value */
    size_t choice_count;
};

/* What another input must be: a value, or anything at all. */
struct plugin_condition {
    struct str input;
    struct str value; /* empty: it is enough that it is given */
};

/* Keys that a map may have while all of the conditions hold. */
struct plugin_keys {
    const struct plugin_condition *conditions;
    size_t condition_count;
    const struct plugin_key *keys;
    size_t count;
};

struct plugin_param {
    struct str name;
    enum plugin_type type;
    bool required;
    bool secret;
    bool has_default;
    struct json def;     /* of the type; durations in ms, sizes in bytes */
    struct str def_text; /* as written */
    bool has_min, has_max;
    double min, max;
    const struct str *choices;
    size_t choice_count;
    size_t min_length;   /* of text and lists */
    unsigned shapes;     /* of ANY: bits 1 << enum json_type; 0: any */
    unsigned item_shapes; /* of the items of a list, likewise */
    enum plugin_format format;
    const struct plugin_keys *keys; /* of maps, and of the maps in a list: lists of keys; none: any key */
    size_t keys_count;
    const struct str *one_of; /* keys: each map has exactly one of them; none: no such rule */
    size_t one_of_count;
    struct str rises;         /* of a list of maps: a key whose numbers grow from item to item; empty: none */
    struct str doc;
};

struct plugin_output {
    struct str name;
    enum plugin_type type;
    struct str doc;
};

struct plugin {
    struct str name;
    struct str version;
    struct str summary;
    struct str path;   /* absolute path of the .so */
    bool repeatable;
    bool gate;
    bool cacheable; /* what it leaves follows from its inputs alone */
    const struct plugin_param *params;
    size_t param_count;
    const struct plugin_output *outputs;
    size_t output_count;
};

/* Reads one file's manifest. Errors say what the file is: no ELF, no .sluice section ("not a sluice plugin"), another
 * ABI
 * ("built for ABI 3; this sluice speaks 1"), a malformed row. */
int plugin_read(const char *path, struct arena *arena, struct plugin *ret_plugin, struct err *err);
/* Parses manifest text (for tests and fuzzing). */
int plugin_parse_manifest(struct str manifest, struct arena *arena, struct plugin *ret_plugin, struct err *err);

/* A file that is no good plugin, or a folder that cannot be read or has none. */
struct plugin_problem {
    struct str path;
    struct str message; /* one line, with the path */
};

struct catalogue {
    struct arena *arena;
    struct plugin *plugins;
    size_t count;
    size_t room;
    struct plugin_problem *problems;
    size_t problem_count;
    size_t problem_room;
};

void catalogue_init(struct catalogue *catalogue, struct arena *arena);
/* Adds every *.so of a folder, sorted; of two with one name the first added wins. A folder without any, or that is
 * absent, is a problem: somebody has named it. */
void catalogue_add_folder(struct catalogue *catalogue, const char *folder);
/* Adds one that was read; of two with one name the first added wins. */
void catalogue_add(struct catalogue *catalogue, const struct plugin *plugin);
/* The plugin by name, or by a path ending in ".so" (read; relative to `folder`), in the arena; its rows are those of
 * the catalogue, which has to live as long. NULL with `err`: for an unknown name with what was wrong with the file of
 * that name, or with the nearest known name. */
const struct plugin *catalogue_find(const struct catalogue *catalogue, struct str name_or_path, const char *folder,
                                    struct arena *arena, struct err *err);
const struct plugin_param *plugin_find_param(const struct plugin *plugin, struct str name);
const struct plugin_output *plugin_find_output(const struct plugin *plugin, struct str name);

/* Something that is wrong inside a value. */
struct plugin_fault {
    const struct json *at; /* the value, in the tree that was checked */
    bool key;              /* it is the key of `at` that is wrong */
    const char *message;   /* "'thresholds': there is no 'rmze'" */
    const char *hint;      /* "did you mean 'rmse'?" or NULL */
};
struct plugin_faults {
    struct arena *arena;
    struct plugin_fault *items;
    size_t count;
    size_t room;
};
/* What the row's `items`, `keys` and `format` say of the input's value, which stands in `values`, the map of all inputs
 * as far as they are known: a text that holds "${{" is not judged, or only up to there. Values of other shapes than
 * the row's are passed over: plugin_params_complete tells of those. */
void plugin_value_faults(const struct plugin *plugin, const struct plugin_param *param, const struct json *value,
                         const struct json *values, struct plugin_faults *faults);

/* Checks evaluated values against the rows, converts ("2h" to ms, "1" stays text), applies defaults. Every problem in
 * one message, joined by "; ". */
int plugin_params_complete(const struct plugin *plugin, const struct json *values, struct arena *arena,
                           struct json *ret, struct err *err);

#endif
