/* SPDX-License-Identifier: Apache-2.0
 * `params:` and the values given for them.
 */
#include "base/parse.h"
#include "base/utf8.h"
#include "pipeline/load.h"

enum { SHOWN_MAX = 60 };

const char *const value_type_names[] = {"string", "integer", "number", "boolean", "path", "json", "list", "map", NULL};

const char *value_type_name(enum value_type type)
{
    return value_type_names[type];
}

/* Does a value have the type? Integers are numbers. */
static bool has_type(enum value_type type, const struct json *value)
{
    switch (type) {
    case VALUE_STRING:
    case VALUE_PATH:
        return value->type == JSON_STRING;
    case VALUE_INTEGER:
        return value->type == JSON_INT;
    case VALUE_NUMBER:
        return value->type == JSON_INT || value->type == JSON_NUMBER;
    case VALUE_BOOLEAN:
        return value->type == JSON_BOOL;
    case VALUE_LIST:
        return value->type == JSON_ARRAY;
    case VALUE_MAP:
        return value->type == JSON_OBJECT;
    case VALUE_JSON:
        return true;
    }
    return false;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static void key_type(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct param *param = target;
    size_t type = 0;
    if (load_choice(loader, node, value_type_names, &type)) {
        param->type = (enum value_type)type;
    }
}

static void key_minimum(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct param *param = target;
    param->has_minimum = load_number(loader, node, &param->minimum);
}

static void key_maximum(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct param *param = target;
    param->has_maximum = load_number(loader, node, &param->maximum);
}

static void key_enum(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct param *param = target;
    param->choices = yaml_to_json(loader->arena, node);
    if (node->count == 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "'enum' is empty: no value could be given");
    }
}

static void key_description(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct param *param = target;
    (void)load_text(loader, node, &param->description);
}

const struct key param_keys[] = {
    {.name = "type", .takes = TAKES_TEXT, .load = key_type,
     .doc = "string (default), integer, number, boolean, path, json, list or map.", .choices = value_type_names},
    {.name = "default", .takes = TAKES_ANY, .doc = "The value when none is given; without it the param is required."},
    {.name = "minimum", .takes = TAKES_NUMBER, .load = key_minimum, .doc = "Least number."},
    {.name = "maximum", .takes = TAKES_NUMBER, .load = key_maximum, .doc = "Greatest number."},
    {.name = "enum", .takes = TAKES_LIST, .load = key_enum, .doc = "The values that are accepted."},
    {.name = "description", .takes = TAKES_TEXT, .load = key_description, .doc = "For people."},
    {0},
};

const char *load_param_problem(const struct param *param, const struct json *value, struct arena *arena)
{
    double number = 0;
    if (!has_type(param->type, value)) {
        const char *type = value_type_name(param->type);
        return arena_printf(arena, "expected %s %s, found %s", strchr("aeio", type[0]) != NULL ? "an" : "a", type,
                            json_type_name(value->type));
    }
    if (json_as_number(value, &number) &&
        ((param->has_minimum && number < param->minimum) || (param->has_maximum && number > param->maximum))) {
        return arena_printf(arena, "%g is %s %g", number,
                            param->has_minimum && number < param->minimum ? "below the minimum" : "above the maximum",
                            param->has_minimum && number < param->minimum ? param->minimum : param->maximum);
    }
    if (param->choices.type == JSON_ARRAY) {
        for (size_t i = 0; i < param->choices.u.array.count; i++) {
            if (json_equal(&param->choices.u.array.items[i], value)) {
                return NULL;
            }
        }
        return arena_printf(arena, "expected one of %s, found %s", json_text(arena, &param->choices).p,
                            json_text(arena, value).p);
    }
    return NULL;
}

static bool is_text(enum value_type type)
{
    return type == VALUE_STRING || type == VALUE_PATH;
}

struct json load_param_value(const struct param *param, const struct template *given, struct arena *arena)
{
    return is_text(param->type) ? template_text_or_plain(given, arena) : given->plain;
}

struct json load_param_node(const struct param *param, const struct yaml_node *node, struct arena *arena)
{
    bool number = node->type == JSON_INT || node->type == JSON_NUMBER;
    return is_text(param->type) && number ? json_string(arena, node->text) : yaml_to_json(arena, node);
}

static void load_default(struct loader *loader, const struct yaml_node *node, struct param *param)
{
    struct json value = load_param_node(param, node, loader->arena);
    if (node->type == JSON_STRING && str_find(node->text, STR("${{")) >= 0) {
        load_error(loader, node, DIAG_EXPR_PLACE, NULL, "a default takes no expressions");
        return;
    }
    bool ignored = false;
    struct err err = {0};
    if (param->type == VALUE_BOOLEAN && value.type == JSON_STRING && parse_bool(node->text, &ignored, &err) < 0) {
        load_error(loader, node, DIAG_TYPE, NULL, "default of '%.*s': %s", STR_ARG(param->name), err.message);
        return;
    }
    const char *problem = load_param_problem(param, &value, loader->arena);
    if (problem != NULL) {
        load_error(loader, node, has_type(param->type, &value) ? DIAG_VALUE : DIAG_TYPE, NULL, "default of '%.*s': %s",
                   STR_ARG(param->name), problem);
        return;
    }
    param->def = value;
}

/* The bounds of a param against its type: what can never be met is a slip. */
static void check_bounds(struct loader *loader, const struct yaml_node *node, const struct param *param)
{
    bool number = param->type == VALUE_INTEGER || param->type == VALUE_NUMBER;
    const struct yaml_node *bound = yaml_get_key(node, param->has_minimum ? STR("minimum") : STR("maximum"));
    if ((param->has_minimum || param->has_maximum) && !number) {
        load_error(loader, bound, DIAG_VALUE, "write type: number",
                   "param '%.*s': 'minimum' and 'maximum' are of numbers, its type is %s", STR_ARG(param->name),
                   value_type_name(param->type));
    } else if (param->has_minimum && param->has_maximum && param->minimum > param->maximum) {
        load_error(loader, bound, DIAG_VALUE, NULL, "param '%.*s': the minimum %g is above the maximum %g",
                   STR_ARG(param->name), param->minimum, param->maximum);
    }
    const struct yaml_node *choices = yaml_get(node, "enum");
    for (size_t i = 0; choices != NULL && choices->type == JSON_ARRAY && i < choices->count; i++) {
        if (!has_type(param->type, &param->choices.u.array.items[i])) {
            load_error(loader, &choices->items[i], DIAG_TYPE, NULL, "'enum' of param '%.*s': expected %s %s, found %s",
                       STR_ARG(param->name), strchr("aeio", value_type_name(param->type)[0]) != NULL ? "an" : "a",
                       value_type_name(param->type), json_type_name(choices->items[i].type));
        }
    }
}

/* Numbers among the choices of a text are text, too: 1.10 stays "1.10". */
static void keep_choices(struct loader *loader, const struct yaml_node *node, struct param *param)
{
    const struct yaml_node *choices = yaml_get(node, "enum");
    for (size_t i = 0; is_text(param->type) && param->choices.type == JSON_ARRAY && i < choices->count; i++) {
        const struct yaml_node *choice = &choices->items[i];
        if (choice->type == JSON_INT || choice->type == JSON_NUMBER) {
            param->choices.u.array.items[i] = json_string(loader->arena, choice->text);
        }
    }
}

/* `params: {lr: 0.1}`, as one would write them elsewhere: says how its default is written. */
static void report_bare_default(struct loader *loader, const struct yaml_node *node, struct param *param)
{
    static const enum value_type types[] = {[JSON_NULL] = VALUE_STRING,    [JSON_BOOL] = VALUE_BOOLEAN,
                                            [JSON_INT] = VALUE_INTEGER,    [JSON_NUMBER] = VALUE_NUMBER,
                                            [JSON_STRING] = VALUE_STRING,  [JSON_ARRAY] = VALUE_LIST};
    struct arena *arena = loader->arena;
    struct json value = yaml_to_json(arena, node);
    bool nothing = node->type == JSON_NULL;
    bool number = node->type == JSON_INT || node->type == JSON_NUMBER;
    struct str text = number ? node->text : json_text(arena, &value);
    param->type = types[node->type];
    param->required = nothing;
    const char *type = value_type_name(param->type);
    bool shown = !nothing && text.n <= SHOWN_MAX && str_find(text, STR("${{")) < 0;
    char *hint = shown ? arena_printf(arena, "write '%.*s: {type: %s, default: %.*s}'", STR_ARG(param->name), type,
                                      STR_ARG(text))
                       : arena_printf(arena, "write '%.*s: {type: %s}'", STR_ARG(param->name), type);
    utf8_one_line(hint);
    load_error(loader, node, DIAG_TYPE, hint, "param '%.*s': expected a map, found %s", STR_ARG(param->name),
               nothing ? "nothing" : json_type_name(node->type));
}

void load_params(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)target;
    struct param *params = arena_array(loader->arena, node->count, sizeof *params);
    size_t count = 0;
    for (size_t i = 0; load_few(loader, node, "'params'") && i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        struct param *param = &params[count];
        *param = (struct param){
            .name = pair->key.text, .pos = pair->key.pos, .def = json_null(), .choices = json_null(), .required = true};
        if (!name_is_identifier(param->name)) {
            load_error(loader, &pair->key, DIAG_VALUE, NULL,
                       "'%.*s' is no name of a param: expected letters, digits and '_'", STR_ARG(param->name));
            continue;
        }
        if (pair->value.type != JSON_OBJECT) {
            report_bare_default(loader, &pair->value, param);
            count++; /* what names it is right */
            continue;
        }
        (void)load_map(loader, &pair->value, param_keys, param, load_what(loader, STR("param"), param->name));
        keep_choices(loader, &pair->value, param);
        check_bounds(loader, &pair->value, param);
        const struct yaml_node *def = yaml_get(&pair->value, "default");
        if (def != NULL) {
            param->required = false;
            load_default(loader, def, param);
        }
        count++;
    }
    loader->pipeline->params = params;
    loader->pipeline->param_count = count;
}

/* ---- values given for a run ------------------------------------------------------------------------------ */

static int from_text(const struct param *param, struct str text, struct arena *arena, struct json *ret, struct err *err)
{
    int64_t whole = 0;
    double number = 0;
    bool boolean = false;
    switch (param->type) {
    case VALUE_INTEGER:
        if (parse_int(text, INT64_MIN, INT64_MAX, &whole, err) < 0) {
            return -1;
        }
        *ret = json_int(whole);
        return 0;
    case VALUE_NUMBER:
        if (parse_int(text, INT64_MIN, INT64_MAX, &whole, NULL) == 0) {
            *ret = json_int(whole);
            return 0;
        }
        if (parse_number(text, &number, err) < 0) {
            return -1;
        }
        *ret = json_number(number);
        return 0;
    case VALUE_BOOLEAN:
        if (parse_bool(text, &boolean, err) < 0) {
            return -1;
        }
        *ret = json_bool(boolean);
        return 0;
    case VALUE_JSON:
    case VALUE_LIST:
    case VALUE_MAP:
        return json_read(text, (struct json_limits){0}, arena, ret, err);
    default:
        *ret = json_string(arena, text);
        return 0;
    }
}

static void add_problem(struct arena *arena, const char **all, struct str name, const char *problem)
{
    *all = arena_printf(arena, "%s%sparam '%.*s': %s", *all, **all == '\0' ? "" : "; ", STR_ARG(name), problem);
}

static void check_unknown(const struct pipeline *pipeline, const struct json *given, struct arena *arena,
                          const char **problems)
{
    struct str *names = arena_array(arena, pipeline->param_count, sizeof *names);
    for (size_t i = 0; i < pipeline->param_count; i++) {
        names[i] = pipeline->params[i].name;
    }
    for (size_t i = 0; given->type == JSON_OBJECT && i < given->u.object.count; i++) {
        struct str name = given->u.object.members[i].key;
        bool known = false;
        for (size_t k = 0; k < pipeline->param_count; k++) {
            known = known || str_eq(names[k], name);
        }
        const char *hint = known ? NULL : diag_hint_near(arena, name, names, pipeline->param_count);
        if (!known) {
            add_problem(arena, problems, name,
                        hint == NULL ? "the pipeline has no param of this name"
                                     : arena_printf(arena, "the pipeline has no param of this name: %s", hint));
        }
    }
}

int pipeline_params(const struct pipeline *pipeline, const struct json *given, bool given_is_text, struct arena *arena,
                    struct json *ret_params, struct err *err)
{
    const char *problems = "";
    struct json params = json_object();
    check_unknown(pipeline, given, arena, &problems);
    for (size_t i = 0; i < pipeline->param_count; i++) {
        const struct param *param = &pipeline->params[i];
        const struct json *value = json_get_str(given, param->name);
        struct json typed = value == NULL ? param->def : *value;
        struct err wrong = {0};
        if (value == NULL && param->implied) {
            continue;
        }
        if (value == NULL && param->required) {
            add_problem(arena, &problems, param->name, "it has no default: give it a value");
            continue;
        }
        if (value != NULL && given_is_text && value->type == JSON_STRING &&
            from_text(param, value->u.string, arena, &typed, &wrong) < 0) {
            add_problem(arena, &problems, param->name, wrong.message);
            continue;
        }
        const char *problem = value == NULL ? NULL : load_param_problem(param, &typed, arena);
        if (problem != NULL) {
            add_problem(arena, &problems, param->name, problem);
            continue;
        }
        json_set(arena, &params, param->name.p, typed);
    }
    if (*problems != '\0') {
        return err_set(err, ERR_INPUT, "%s", problems);
    }
    *ret_params = params;
    return 0;
}

int pipeline_with(const struct pipeline *pipeline, const struct template_tree *with, const struct expr_env *env,
                  struct arena *arena, struct json *ret_given, struct err *err)
{
    struct json given;
    if (template_tree_eval(with, env, arena, &given, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < with->count; i++) {
        for (size_t p = 0; p < pipeline->param_count; p++) {
            const struct param *param = &pipeline->params[p];
            if (with->items[i].leaf.written.n > 0 && str_eq(param->name, with->keys[i])) {
                json_set(arena, &given, param->name.p, load_param_value(param, &with->items[i].leaf, arena));
            }
        }
    }
    *ret_given = given;
    return 0;
}
