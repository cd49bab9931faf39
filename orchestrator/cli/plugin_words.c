/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugin_words.h"

static const char *const type_names[] = {"text", "path", "boolean", "integer", "number", "duration", "size", "any"};

/* "list or map", for a row of type ANY. */
static const char *shape_words(unsigned shapes, struct arena *arena)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "text", "list", "map"};
    const char *words = "";
    bool number = (shapes & (1u << JSON_NUMBER)) != 0; /* an integer is one */
    for (unsigned t = 0; t < sizeof names / sizeof names[0]; t++) {
        if ((shapes & (1u << t)) != 0 && !(number && t == JSON_INT)) {
            words = arena_printf(arena, "%s%s%s", words, *words == '\0' ? "" : " or ", names[t]);
        }
    }
    return words;
}

static const char *type_words(const struct plugin_param *param, struct arena *arena)
{
    const char *words = type_names[param->type];
    if (param->type == PLUGIN_ANY && param->shapes != 0) {
        words = shape_words(param->shapes, arena);
    }
    if (param->item_shapes != 0) {
        words = arena_printf(arena, "%s, its items %s", words, shape_words(param->item_shapes, arena));
    }
    if (param->format != PLUGIN_FORMAT_NONE) {
        words = arena_printf(arena, "%s, format %s", words, plugin_format_name(param->format));
    }
    for (size_t i = 0; i < param->choice_count; i++) {
        words = arena_printf(arena, "%s%.*s", i == 0 ? "" : arena_printf(arena, "%s | ", words),
                             STR_ARG(param->choices[i]));
    }
    return words;
}

/* "type=classifier&probability", as the rule has it. */
static const char *condition_words(const struct plugin_keys *list, struct arena *arena)
{
    const char *words = "";
    for (size_t i = 0; i < list->condition_count; i++) {
        const struct plugin_condition *condition = &list->conditions[i];
        words = arena_printf(arena, "%s%s%.*s%s%.*s", words, i == 0 ? "" : " and ", STR_ARG(condition->input),
                             condition->value.n == 0 ? "" : ": ", STR_ARG(condition->value));
    }
    return words;
}

/* "path (required), timeout (duration), if_missing (pass or fail), recall:*" */
static const char *key_words(const struct plugin_keys *list, struct arena *arena)
{
    const char *words = "";
    for (size_t i = 0; i < list->count; i++) {
        const struct plugin_key *key = &list->keys[i];
        const char *format = plugin_format_name(key->format);
        const char *value = format != NULL     ? arena_printf(arena, " (%s)", format)
                            : key->like.n > 0 ? arena_printf(arena, " (as '%.*s')", STR_ARG(key->like))
                                              : "";
        for (size_t k = 0; k < key->choice_count; k++) {
            value = arena_printf(arena, "%s%s%.*s%s", value, k == 0 ? " (" : " or ", STR_ARG(key->choices[k]),
                                 k + 1 == key->choice_count ? ")" : "");
        }
        words = arena_printf(arena, "%s%s%.*s%s%s%s", words, i == 0 ? "" : ", ", STR_ARG(key->name),
                             key->begins ? "*" : "", key->required ? " (required)" : "", value);
    }
    return words;
}

/* "required", "default 30s", "from 0 to 1": what stands behind the type. */
static const char *rule_words(const struct plugin_param *param, struct arena *arena)
{
    const char *words = param->required ? ", required" : "";
    if (param->has_default) {
        words = arena_printf(arena, "%s, default %.*s", words, STR_ARG(param->def_text));
    }
    if (param->has_min && param->has_max) {
        words = arena_printf(arena, "%s, from %g to %g", words, param->min, param->max);
    } else if (param->has_min) {
        words = arena_printf(arena, "%s, at least %g", words, param->min);
    } else if (param->has_max) {
        words = arena_printf(arena, "%s, at most %g", words, param->max);
    }
    return arena_printf(arena, "%s%s", words, param->secret ? ", secret" : "");
}

static int name_width(const struct plugin *plugin)
{
    size_t width = 0;
    for (size_t i = 0; i < plugin->param_count; i++) {
        width = plugin->params[i].name.n > width ? plugin->params[i].name.n : width;
    }
    for (size_t i = 0; i < plugin->output_count; i++) {
        width = plugin->outputs[i].name.n > width ? plugin->outputs[i].name.n : width;
    }
    return (int)width;
}

/* The least that a step needs to use it. */
static void print_example(const struct plugin *plugin, struct arena *arena, FILE *out)
{
    const char *given = "";
    for (size_t i = 0; i < plugin->param_count; i++) {
        if (plugin->params[i].required) {
            given = arena_printf(arena, "%s%s%.*s: ...", given, *given == '\0' ? "" : ", ",
                                 STR_ARG(plugin->params[i].name));
        }
    }
    fprintf(out, "\nA step\n  ID: {uses: %.*s%s}\n", STR_ARG(plugin->name),
            *given == '\0' ? "" : arena_printf(arena, ", with: {%s}", given));
}

void plugin_print(const struct plugin *plugin, struct arena *arena, FILE *out)
{
    int width = name_width(plugin);
    fprintf(out, "%.*s %.*s\n%.*s%s%s%s\n", STR_ARG(plugin->name), STR_ARG(plugin->version), STR_ARG(plugin->summary),
            plugin->gate ? " A gate: it may refuse." : "",
            plugin->repeatable ? " Repeatable: it may run twice without harm." : "",
            plugin->cacheable ? " Cacheable: 'cache' may keep what it leaves." : "");
    fprintf(out, "%.*s\n\nInputs (with:)%s\n", STR_ARG(plugin->path), plugin->param_count == 0 ? ": none" : "");
    for (size_t i = 0; i < plugin->param_count; i++) {
        const struct plugin_param *param = &plugin->params[i];
        fprintf(out, "  %-*.*s  %s%s\n  %*s  %.*s\n", width, STR_ARG(param->name), type_words(param, arena),
                rule_words(param, arena), width, "", STR_ARG(param->doc));
        for (size_t k = 0; k < param->keys_count; k++) {
            const char *when = condition_words(&param->keys[k], arena);
            fprintf(out, "  %*s  Keys%s%s: %s\n", width, "", *when == '\0' ? "" : " with ", when,
                    key_words(&param->keys[k], arena));
        }
    }
    fprintf(out, "\nOutputs (steps.ID.NAME)%s\n", plugin->output_count == 0 ? ": none" : "");
    for (size_t i = 0; i < plugin->output_count; i++) {
        const struct plugin_output *output = &plugin->outputs[i];
        fprintf(out, "  %-*.*s  %s: %.*s\n", width, STR_ARG(output->name), type_names[output->type],
                STR_ARG(output->doc));
    }
    print_example(plugin, arena, out);
}

/* ---- as JSON ----------------------------------------------------------------------------------------------- */

static struct json keys_json(const struct plugin_param *param, struct arena *arena)
{
    struct json lists = json_array();
    for (size_t i = 0; i < param->keys_count; i++) {
        struct json list = json_object();
        json_set(arena, &list, "with", json_cstring(arena, condition_words(&param->keys[i], arena)));
        json_set(arena, &list, "keys", json_cstring(arena, key_words(&param->keys[i], arena)));
        json_push(arena, &lists, list);
    }
    return lists;
}

static struct json input_json(const struct plugin_param *param, struct arena *arena)
{
    bool measure = param->type == PLUGIN_DURATION || param->type == PLUGIN_SIZE;
    struct json object = json_object();
    json_set(arena, &object, "name", json_string(arena, param->name));
    json_set(arena, &object, "type",
             json_cstring(arena, param->type == PLUGIN_ANY && param->shapes != 0 ? shape_words(param->shapes, arena)
                                                                                 : type_names[param->type]));
    json_set(arena, &object, "required", json_bool(param->required));
    if (param->has_default) {
        json_set(arena, &object, "default", measure ? json_string(arena, param->def_text) : param->def);
    }
    if (param->has_min) {
        json_set(arena, &object, "minimum", json_number(param->min));
    }
    if (param->has_max) {
        json_set(arena, &object, "maximum", json_number(param->max));
    }
    if (param->choice_count > 0) {
        struct json choices = json_array();
        for (size_t i = 0; i < param->choice_count; i++) {
            json_push(arena, &choices, json_string(arena, param->choices[i]));
        }
        json_set(arena, &object, "choices", choices);
    }
    if (param->item_shapes != 0) {
        json_set(arena, &object, "items", json_cstring(arena, shape_words(param->item_shapes, arena)));
    }
    if (param->format != PLUGIN_FORMAT_NONE) {
        json_set(arena, &object, "format", json_cstring(arena, plugin_format_name(param->format)));
    }
    if (param->keys_count > 0) {
        json_set(arena, &object, "keys", keys_json(param, arena));
    }
    json_set(arena, &object, "secret", json_bool(param->secret));
    json_set(arena, &object, "doc", json_string(arena, param->doc));
    return object;
}

struct json plugin_json(const struct plugin *plugin, struct arena *arena)
{
    struct json object = json_object();
    struct json inputs = json_array();
    struct json outputs = json_array();
    for (size_t i = 0; i < plugin->param_count; i++) {
        json_push(arena, &inputs, input_json(&plugin->params[i], arena));
    }
    for (size_t i = 0; i < plugin->output_count; i++) {
        struct json output = json_object();
        json_set(arena, &output, "name", json_string(arena, plugin->outputs[i].name));
        json_set(arena, &output, "type", json_cstring(arena, type_names[plugin->outputs[i].type]));
        json_set(arena, &output, "doc", json_string(arena, plugin->outputs[i].doc));
        json_push(arena, &outputs, output);
    }
    json_set(arena, &object, "name", json_string(arena, plugin->name));
    json_set(arena, &object, "version", json_string(arena, plugin->version));
    json_set(arena, &object, "summary", json_string(arena, plugin->summary));
    json_set(arena, &object, "path", json_string(arena, plugin->path));
    json_set(arena, &object, "gate", json_bool(plugin->gate));
    json_set(arena, &object, "repeatable", json_bool(plugin->repeatable));
    json_set(arena, &object, "cacheable", json_bool(plugin->cacheable));
    json_set(arena, &object, "inputs", inputs);
    json_set(arena, &object, "outputs", outputs);
    return object;
}
