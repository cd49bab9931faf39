/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/json_schema.h"

#include "pipeline/load.h"
#include "pipeline/schema_value.h"

#define EXPRESSION_PATTERN "\\$\\{\\{"

static void set(struct arena *arena, struct json *object, const char *key, struct json value)
{
    json_set(arena, object, key, value);
}

static void set_text(struct arena *arena, struct json *object, const char *key, const char *text)
{
    json_set(arena, object, key, json_cstring(arena, text));
}

static struct json typed(struct arena *arena, const char *type)
{
    struct json schema = json_object();
    set_text(arena, &schema, "type", type);
    return schema;
}

static struct json matching(struct arena *arena, const char *pattern)
{
    struct json schema = typed(arena, "string");
    set_text(arena, &schema, "pattern", pattern);
    return schema;
}

static struct json reference(struct arena *arena, const char *definition)
{
    struct json schema = json_object();
    set_text(arena, &schema, "$ref", arena_printf(arena, "#/definitions/%s", definition));
    return schema;
}

static struct json words(struct arena *arena, const char *const *choices)
{
    struct json list = json_array();
    for (size_t i = 0; choices[i] != NULL; i++) {
        json_push(arena, &list, json_cstring(arena, choices[i]));
    }
    struct json schema = json_object();
    set(arena, &schema, "enum", list);
    return schema;
}

/* ---- keys of the file ------------------------------------------------------------------------------------- */

static struct json schema_of_key(struct arena *arena, const struct key *key);

/* A map with these keys and no others. Keys of a later version are left out: an editor marks them as unknown. */
static struct json schema_of_keys(struct arena *arena, const struct key *keys)
{
    struct json schema = typed(arena, "object");
    struct json properties = json_object();
    struct json required = json_array();
    for (const struct key *key = keys; key->name != NULL; key++) {
        if (key->later != NULL) {
            continue;
        }
        set(arena, &properties, key->name, schema_of_key(arena, key));
        if (key->required) {
            json_push(arena, &required, json_cstring(arena, key->name));
        }
    }
    set(arena, &schema, "properties", properties);
    set(arena, &schema, "additionalProperties", json_bool(false));
    if (required.u.array.count > 0) {
        set(arena, &schema, "required", required);
    }
    return schema;
}

static struct json schema_of_text(struct arena *arena, const struct key *key)
{
    if (key->choices != NULL && (key->takes & (TAKES_LIST | TAKES_MAP)) == 0) {
        return words(arena, key->choices);
    }
    return key->pattern != NULL ? matching(arena, key->pattern) : typed(arena, "string");
}

static struct json schema_of_list(struct arena *arena, const struct key *key)
{
    struct json schema = typed(arena, "array");
    if (key->keys != NULL) {
        set(arena, &schema, "items", schema_of_keys(arena, key->keys));
    } else if (key->choices != NULL && (key->takes & TAKES_MAP) == 0) {
        set(arena, &schema, "items", words(arena, key->choices));
    }
    return schema;
}

static struct json schema_of_map(struct arena *arena, const struct key *key)
{
    if (key->keys != NULL) {
        return schema_of_keys(arena, key->keys);
    }
    struct json schema = typed(arena, "object");
    if (key->names != NULL) {
        set(arena, &schema, "propertyNames", matching(arena, key->names));
    }
    if (key->each == step_keys) {
        set(arena, &schema, "additionalProperties", reference(arena, "step"));
    } else if (key->each == param_keys) {
        set(arena, &schema, "additionalProperties", schema_of_keys(arena, key->each));
    } else if (key->each != NULL) { /* an input may be its path alone */
        struct json either = json_array();
        json_push(arena, &either, typed(arena, "string"));
        json_push(arena, &either, schema_of_keys(arena, key->each));
        struct json value = json_object();
        set(arena, &value, "anyOf", either);
        set(arena, &schema, "additionalProperties", value);
    } else if (key->choices != NULL) {
        set(arena, &schema, "additionalProperties", words(arena, key->choices));
    }
    return schema;
}

static void add_forms(struct arena *arena, const struct key *key, struct json *forms)
{
    if ((key->takes & TAKES_SWITCH) == TAKES_SWITCH && key->takes != TAKES_ANY) {
        json_push(arena, forms, typed(arena, "boolean"));
        return;
    }
    if ((key->takes & TAKES_DURATION) == TAKES_DURATION && key->takes != TAKES_ANY) {
        json_push(arena, forms, matching(arena, DURATION_PATTERN));
        return;
    }
    if ((key->takes & TAKES_TEXT) != 0) {
        json_push(arena, forms, schema_of_text(arena, key));
    }
    if ((key->takes & TAKES_NUMBER) != 0) {
        json_push(arena, forms, typed(arena, "number"));
    }
    if ((key->takes & TAKES_BOOL) != 0) {
        json_push(arena, forms, typed(arena, "boolean"));
    }
    if ((key->takes & TAKES_LIST) != 0) {
        json_push(arena, forms, schema_of_list(arena, key));
    }
    if ((key->takes & TAKES_MAP) != 0) {
        json_push(arena, forms, schema_of_map(arena, key));
    }
}

static struct json schema_of_key(struct arena *arena, const struct key *key)
{
    struct json schema = json_object();
    if (key->takes != TAKES_ANY) {
        struct json forms = json_array();
        add_forms(arena, key, &forms);
        if (forms.u.array.count == 1) {
            schema = forms.u.array.items[0];
        } else {
            set(arena, &schema, "anyOf", forms);
        }
    }
    set_text(arena, &schema, "description", key->unhonoured == NULL
                                            ? key->doc
                                            : arena_printf(arena, "%s Without effect in this version: %s.", key->doc,
                                                           key->unhonoured));
    return schema;
}

/* ---- plugins ------------------------------------------------------------------------------------------------- */

static void set_range(struct arena *arena, struct json *schema, const struct plugin_param *param)
{
    if (param->has_min) {
        set(arena, schema, "minimum", json_number(param->min));
    }
    if (param->has_max) {
        set(arena, schema, "maximum", json_number(param->max));
    }
}

static void add_shapes(struct arena *arena, const struct plugin_param *param, struct json *forms)
{
    static const char *const types[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    for (unsigned t = 0; t < sizeof types / sizeof types[0]; t++) {
        if ((param->shapes & (1u << t)) != 0) {
            struct json form = typed(arena, types[t]);
            schema_value_add(arena, param, (enum json_type)t, &form);
            json_push(arena, forms, form);
        }
    }
}

static struct json schema_of_choice(struct arena *arena, const struct plugin_param *param)
{
    struct json list = json_array();
    for (size_t i = 0; i < param->choice_count; i++) {
        json_push(arena, &list, json_string(arena, param->choices[i]));
    }
    struct json schema = json_object();
    set(arena, &schema, "enum", list);
    return schema;
}

/* What the row takes, as plugin_params_complete checks it. Text may be written as a number, and a measure as one. */
static void add_row_forms(struct arena *arena, const struct plugin_param *param, struct json *forms)
{
    struct json schema = json_object();
    switch (param->type) {
    case PLUGIN_STRING:
    case PLUGIN_PATH:
        if (param->choice_count > 0) {
            json_push(arena, forms, schema_of_choice(arena, param));
            return;
        }
        schema = typed(arena, "string");
        if (param->min_length > 0) {
            set(arena, &schema, "minLength", json_int((int64_t)param->min_length));
        }
        schema_value_add(arena, param, JSON_STRING, &schema);
        json_push(arena, forms, schema);
        if (param->format == PLUGIN_FORMAT_NONE) { /* a text that is written as one of these */
            json_push(arena, forms, typed(arena, "number"));
            json_push(arena, forms, typed(arena, "boolean"));
        }
        return;
    case PLUGIN_BOOL:
        json_push(arena, forms, typed(arena, "boolean"));
        return;
    case PLUGIN_INT:
    case PLUGIN_NUMBER:
        schema = typed(arena, param->type == PLUGIN_INT ? "integer" : "number");
        set_range(arena, &schema, param);
        json_push(arena, forms, schema);
        return;
    case PLUGIN_DURATION:
    case PLUGIN_SIZE:
        json_push(arena, forms, matching(arena, param->type == PLUGIN_DURATION ? DURATION_PATTERN : SIZE_PATTERN));
        schema = typed(arena, "integer");
        set_range(arena, &schema, param);
        json_push(arena, forms, schema);
        return;
    case PLUGIN_ANY:
        add_shapes(arena, param, forms);
        return;
    }
}

static struct json schema_of_row(struct arena *arena, const struct plugin_param *param)
{
    struct json schema = json_object();
    struct json forms = json_array();
    add_row_forms(arena, param, &forms);
    if (forms.u.array.count > 0) {
        json_push(arena, &forms, reference(arena, "expression"));
        set(arena, &schema, "anyOf", forms);
    }
    set(arena, &schema, "description", json_string(arena, param->doc));
    if (param->has_default && param->type != PLUGIN_DURATION && param->type != PLUGIN_SIZE) {
        set(arena, &schema, "default", param->def);
    } else if (param->has_default) {
        set(arena, &schema, "default", json_string(arena, param->def_text));
    }
    return schema;
}

static struct json schema_of_plugin(struct arena *arena, const struct plugin *plugin)
{
    struct json schema = typed(arena, "object");
    struct json properties = json_object();
    struct json required = json_array();
    for (size_t i = 0; i < plugin->param_count; i++) {
        const struct plugin_param *param = &plugin->params[i];
        set(arena, &properties, arena_str(arena, param->name).p, schema_of_row(arena, param));
        if (param->required) {
            json_push(arena, &required, json_string(arena, param->name));
        }
    }
    set(arena, &schema, "description", json_string(arena, plugin->summary));
    set(arena, &schema, "properties", properties);
    set(arena, &schema, "additionalProperties", json_bool(false));
    if (required.u.array.count > 0) {
        set(arena, &schema, "required", required);
    }
    return schema;
}

/* {if: uses is NAME, then: with is what NAME takes} */
static struct json binding_of(struct arena *arena, const struct plugin *plugin, const char *definition)
{
    struct json name = json_object();
    struct json uses = json_object();
    struct json condition = json_object();
    set(arena, &name, "const", json_string(arena, plugin->name));
    set(arena, &uses, "uses", name);
    set(arena, &condition, "properties", uses);
    struct json needs = json_array();
    json_push(arena, &needs, json_cstring(arena, "uses"));
    set(arena, &condition, "required", needs);
    struct json with = json_object();
    struct json then = json_object();
    set(arena, &with, "with", reference(arena, definition));
    set(arena, &then, "properties", with);
    bool asks = false;
    for (size_t i = 0; i < plugin->param_count; i++) {
        asks = asks || plugin->params[i].required;
    }
    if (asks) {
        struct json present = json_array();
        json_push(arena, &present, json_cstring(arena, "with"));
        set(arena, &then, "required", present);
    }
    struct json binding = json_object();
    set(arena, &binding, "if", condition);
    set(arena, &binding, "then", then);
    return binding;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static struct json schema_of_step(struct arena *arena, const struct catalogue *plugins, struct json *definitions)
{
    static const char *const kinds[] = {"run", "uses", "lua", "pipeline"};
    struct json schema = schema_of_keys(arena, step_keys);
    struct json one = json_array();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct json names = json_array();
        struct json has = json_object();
        json_push(arena, &names, json_cstring(arena, kinds[i]));
        set(arena, &has, "required", names);
        json_push(arena, &one, has);
    }
    set(arena, &schema, "oneOf", one);
    struct json bindings = json_array();
    for (size_t i = 0; i < plugins->count; i++) {
        const struct plugin *plugin = &plugins->plugins[i];
        const char *definition = arena_printf(arena, "with_%.*s", STR_ARG(plugin->name));
        set(arena, definitions, definition, schema_of_plugin(arena, plugin));
        json_push(arena, &bindings, binding_of(arena, plugin, definition));
    }
    if (plugins->count > 0) {
        set(arena, &schema, "allOf", bindings);
    }
    return schema;
}

struct json pipeline_json_schema(const struct catalogue *plugins, struct arena *arena)
{
    struct json schema = json_object();
    struct json definitions = json_object();
    set_text(arena, &schema, "$schema", "http://json-schema.org/draft-07/schema#");
    set_text(arena, &schema, "title", "sluice pipeline, version " SLUICE_VERSION);
    struct json file = schema_of_keys(arena, pipeline_keys);
    for (size_t i = 0; i < file.u.object.count; i++) {
        json_set(arena, &schema, file.u.object.members[i].key.p, file.u.object.members[i].value);
    }
    set(arena, &definitions, "expression", matching(arena, EXPRESSION_PATTERN));
    schema_value_definitions(arena, &definitions);
    struct json step = schema_of_step(arena, plugins, &definitions);
    set(arena, &definitions, "step", step);
    set(arena, &schema, "definitions", definitions);
    return schema;
}
