/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/schema_value.h"

/* step_threshold.h's grammar. */
#define NUMBER_PATTERN "[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?"
#define THRESHOLD_PATTERN                                                                                              \
    "^[ \\t]*(<=?|>=?|==)[ \\t]*(" NUMBER_PATTERN "|champion([ \\t]*[-+*][ \\t]*" NUMBER_PATTERN ")?)[ \\t]*$"
#define SLICE_PATTERN "(\\[[^=]+=.*\\])?$"

static struct json typed(struct arena *arena, const char *type)
{
    struct json schema = json_object();
    json_set(arena, &schema, "type", json_cstring(arena, type));
    return schema;
}

static struct json matching(struct arena *arena, const char *pattern)
{
    struct json schema = typed(arena, "string");
    json_set(arena, &schema, "pattern", json_cstring(arena, pattern));
    return schema;
}

static struct json reference(struct arena *arena, const char *definition)
{
    struct json schema = json_object();
    json_set(arena, &schema, "$ref", json_cstring(arena, arena_printf(arena, "#/definitions/%s", definition)));
    return schema;
}

/* Any of these, or an expression. */
static struct json either(struct arena *arena, struct json forms)
{
    struct json schema = json_object();
    json_push(arena, &forms, reference(arena, "expression"));
    json_set(arena, &schema, "anyOf", forms);
    return schema;
}

static struct json either_one(struct arena *arena, struct json form)
{
    struct json forms = json_array();
    json_push(arena, &forms, form);
    return either(arena, forms);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static const char *format_pattern(enum plugin_format format)
{
    return format == PLUGIN_FORMAT_DURATION ? DURATION_PATTERN : format == PLUGIN_FORMAT_SIZE ? SIZE_PATTERN : NULL;
}

static struct json schema_of_format(struct arena *arena, enum plugin_format format)
{
    if (format == PLUGIN_FORMAT_PERCENT) {
        struct json percent = typed(arena, "number");
        json_set(arena, &percent, "exclusiveMinimum", json_int(0));
        json_set(arena, &percent, "maximum", json_int(100));
        return either_one(arena, percent);
    }
    if (format == PLUGIN_FORMAT_THRESHOLD) {
        return reference(arena, "threshold");
    }
    const char *pattern = format_pattern(format);
    return pattern == NULL ? json_object() : either_one(arena, matching(arena, pattern));
}

static struct json schema_of_choices(struct arena *arena, const struct plugin_key *key)
{
    struct json list = json_array();
    for (size_t i = 0; i < key->choice_count; i++) {
        json_push(arena, &list, json_string(arena, key->choices[i]));
    }
    struct json words = json_object();
    json_set(arena, &words, "enum", list);
    return either_one(arena, words);
}

static struct json schema_of_key(struct arena *arena, const struct plugin_key *key)
{
    return key->choice_count > 0 ? schema_of_choices(arena, key) : schema_of_format(arena, key->format);
}

/* A name as it stands in a pattern. */
static const char *escaped(struct arena *arena, const struct plugin_key *key)
{
    const char *text = "";
    for (size_t i = 0; i < key->name.n; i++) {
        bool special = strchr("\\^$.|?*+()[]{}", key->name.p[i]) != NULL;
        text = arena_printf(arena, "%s%s%c", text, special ? "\\" : "", key->name.p[i]);
    }
    return key->begins ? arena_printf(arena, "%s[^[]+", text) : text;
}

/* The names of all lists; which of them hold depends on other inputs, and `sluice validate` tells. */
static const char *names_pattern(struct arena *arena, const struct plugin_param *param, const char *tail)
{
    const char *all = "";
    for (size_t i = 0; i < param->keys_count; i++) {
        for (size_t k = 0; k < param->keys[i].count; k++) {
            all = arena_printf(arena, "%s%s%s", all, *all == '\0' ? "" : "|",
                               escaped(arena, &param->keys[i].keys[k]));
        }
    }
    return arena_printf(arena, "^(%s)%s", *all == '\0' ? "[^[]+" : all, tail);
}

static void add_keys(struct arena *arena, const struct plugin_param *param, struct json *schema)
{
    struct json properties = json_object();
    struct json required = json_array();
    for (size_t i = 0; i < param->keys_count; i++) {
        for (size_t k = 0; k < param->keys[i].count; k++) {
            const struct plugin_key *key = &param->keys[i].keys[k];
            if (!key->begins) {
                json_set(arena, &properties, key->name.p, schema_of_key(arena, key));
            }
            if (key->required && param->keys[i].condition_count == 0) {
                json_push(arena, &required, json_string(arena, key->name));
            }
        }
    }
    json_set(arena, schema, "properties", properties);
    json_set(arena, schema, "propertyNames", matching(arena, names_pattern(arena, param, "$")));
    if (required.u.array.count > 0) {
        json_set(arena, schema, "required", required);
    }
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static struct json schema_of_items(struct arena *arena, const struct plugin_param *param)
{
    unsigned shapes = param->item_shapes;
    static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    struct json forms = json_array();
    for (unsigned t = 0; t < sizeof types / sizeof types[0]; t++) {
        if ((shapes & (1u << t)) != 0) {
            struct json form = typed(arena, types[t]);
            if (t == JSON_OBJECT && param->keys_count > 0) {
                add_keys(arena, param, &form);
            }
            json_push(arena, &forms, form);
        }
    }
    return either(arena, forms);
}

void schema_value_add(struct arena *arena, const struct plugin_param *param, enum json_type type, struct json *schema)
{
    if (type == JSON_OBJECT && param->format == PLUGIN_FORMAT_THRESHOLDS) {
        json_set(arena, schema, "propertyNames", matching(arena, names_pattern(arena, param, SLICE_PATTERN)));
        json_set(arena, schema, "additionalProperties", reference(arena, "threshold_rules"));
    } else if (type == JSON_OBJECT && param->keys_count > 0) {
        add_keys(arena, param, schema);
    } else if (type == JSON_ARRAY && param->item_shapes != 0) {
        json_set(arena, schema, "items", schema_of_items(arena, param));
    } else if (type == JSON_STRING && param->format == PLUGIN_FORMAT_THRESHOLD) {
        json_set(arena, schema, "pattern", json_cstring(arena, THRESHOLD_PATTERN));
    } else if (type == JSON_STRING && format_pattern(param->format) != NULL) {
        json_set(arena, schema, "pattern", json_cstring(arena, format_pattern(param->format)));
    }
}

/* {is: rules, min_samples, confidence} */
static struct json schema_of_conditions(struct arena *arena)
{
    struct json schema = typed(arena, "object");
    struct json properties = json_object();
    struct json required = json_array();
    struct json samples = typed(arena, "integer");
    struct json confidence = typed(arena, "number");
    json_set(arena, &samples, "minimum", json_int(0));
    json_set(arena, &confidence, "minimum", json_number(0.5));
    json_set(arena, &confidence, "exclusiveMaximum", json_int(1));
    json_set(arena, &properties, "is", reference(arena, "threshold_rules"));
    json_set(arena, &properties, "min_samples", either_one(arena, samples));
    json_set(arena, &properties, "confidence", either_one(arena, confidence));
    json_push(arena, &required, json_cstring(arena, "is"));
    json_set(arena, &schema, "properties", properties);
    json_set(arena, &schema, "additionalProperties", json_bool(false));
    json_set(arena, &schema, "required", required);
    return schema;
}

void schema_value_definitions(struct arena *arena, struct json *definitions)
{
    struct json forms = json_array();
    struct json list = typed(arena, "array");
    struct json rules = json_object();
    json_set(arena, definitions, "threshold", either_one(arena, matching(arena, THRESHOLD_PATTERN)));
    json_set(arena, &list, "items", reference(arena, "threshold_rules"));
    json_set(arena, &list, "minItems", json_int(1));
    json_push(arena, &forms, reference(arena, "threshold"));
    json_push(arena, &forms, list);
    json_push(arena, &forms, schema_of_conditions(arena));
    json_set(arena, &rules, "anyOf", forms);
    json_set(arena, definitions, "threshold_rules", rules);
}
