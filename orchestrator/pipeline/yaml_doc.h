/* SPDX-License-Identifier: Apache-2.0
 * One YAML document as a tree with positions, read by libyaml's event API under bounds.
 *
 * Plain scalars mean what core_schema.h says; infinities and NaN are refused. Quoted scalars and block scalars are
 * strings. A plain scalar keeps its text beside its value, so that `version: 1.10` can be the string "1.10".
 * Aliases, anchors, merge keys, tags, several documents and duplicate keys are refused (with all other errors
 * reported too where the reading can go on).
 */
#ifndef SLUICE_PIPELINE_YAML_DOC_H
#define SLUICE_PIPELINE_YAML_DOC_H

#include "base/json.h"
#include "pipeline/diag.h"

enum { YAML_MAX_BYTES = 16 << 20, YAML_MAX_DEPTH = 64 };

/* A file has hundreds of thousands: 64 bytes each. */
struct yaml_node {
    enum json_type type; /* of the resolved value */
    bool plain;          /* written without quotes, not a block scalar */
    struct pos pos;
    struct pos end;
    struct str text; /* a scalar's text as written (unquoted); NUL-terminated */
    union {
        struct yaml_pair *pairs; /* of a map */
        struct yaml_node *items; /* of a list */
    };
    size_t count; /* 0 for scalars */
};

struct yaml_pair {
    struct yaml_node key; /* always a string */
    struct yaml_node value;
};

/* Parses diags->text (and takes a byte order mark off it). NULL after adding diagnostics when there is no tree to go on
 * with; otherwise the tree, even if diagnostics were added. An empty file is an error. The nodes are in diags->scratch,
 * their texts in diags->arena, so that what is made of them can outlive them. */
const struct yaml_node *yaml_doc_parse(struct diags *diags);
/* The value of a key, or NULL when there is none or `map` is none (or NULL). */
const struct yaml_node *yaml_get_str(const struct yaml_node *map, struct str key);
static inline const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    return yaml_get_str(map, str_from(key));
}
/* The key itself, for its place. */
const struct yaml_node *yaml_get_key(const struct yaml_node *map, struct str key);
/* The value of a scalar. */
struct json yaml_scalar(const struct yaml_node *node);
/* The place of the first byte of a scalar's text (scalar_source.h): past an opening quote, on a block's first line. */
struct pos yaml_content(struct diags *diags, const struct yaml_node *node);
/* The value as JSON (no positions). */
struct json yaml_to_json(struct arena *arena, const struct yaml_node *node);

#endif
