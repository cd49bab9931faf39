/* SPDX-License-Identifier: Apache-2.0
 * What each family of records lets a filter and an order name: a table, as MLflow 3.17 has it.
 */
#ifndef SLUICE_SEARCH_FAMILY_H
#define SLUICE_SEARCH_FAMILY_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum search_family {
    SEARCH_RUNS,
    SEARCH_EXPERIMENTS,
    SEARCH_REGISTERED,
    SEARCH_VERSIONS,
    SEARCH_LOGGED_MODELS,
    SEARCH_TRACES, /* their metadata is ENTITY_PARAM */
    SEARCH_EVALUATION, /* evaluation datasets */
};

enum search_entity { ENTITY_ATTRIBUTE, ENTITY_METRIC, ENTITY_PARAM, ENTITY_TAG, ENTITY_DATASET };

/* Of which points of a metric: PLAIN is what MLflow means, in a filter and in an order. */
enum metric_part { METRIC_PLAIN, METRIC_MIN, METRIC_MAX, METRIC_LAST };

struct search_attribute {
    const char *word; /* as written */
    const char *name; /* what it is called in the store's tables of columns: of aliases the same */
    bool is_number;
    bool takes_list; /* IN and NOT IN */
    bool in_filter;
    bool in_order;
};

struct family {
    /* Words for entities, with what they stand for. */
    const struct entity_word {
        const char *word;
        enum search_entity entity;
    } * entities;
    size_t entity_count;
    const struct search_attribute *attributes;
    size_t attribute_count;
    bool backquoted_entities; /* `metrics`.loss */
    /* Of logged models, whose parser in MLflow is another: an entity is plural and in small letters, else the whole
     * is an attribute; values need no quotes, and lose only single ones. */
    bool is_plain;
    const char *bad_entity; /* what the message about an unknown one ends with */
};

const struct family *family_of(enum search_family family);

/* A name in a filter or an order. */
struct search_field {
    enum search_entity entity;
    enum metric_part part;                    /* of a metric */
    const struct search_attribute *attribute; /* of an attribute; of a dataset: NULL */
    struct str key;                           /* of a metric, param or tag; of a dataset: name, digest or context */
};

/* Reads a name as it was written, quotes and all: "metrics.`a b`". ERR_INPUT in MLflow's words. */
int search_field_read(enum search_family family, struct str written, bool for_order, struct search_field *ret,
                      struct err *err);

#endif
