/* SPDX-License-Identifier: Apache-2.0
 * The manifest of a plugin: NUL-separated words that step.h's STEP_PLUGIN writes.
 */
#include "base/fs.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "plugin/catalogue.h"
#include "plugin/elf_section.h"
#include "plugin/row_rules.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_MAX = 1000, OUR_ABI = 1 };

struct words {
    struct str rest;
};

static bool next_word(struct words *words, struct str *ret)
{
    return str_cut(&words->rest, '\0', ret);
}

static int parse_type(struct str word, enum plugin_type *ret)
{
    static const char *const names[] = {"STRING", "PATH", "BOOL", "INT", "NUMBER", "DURATION", "SIZE", "ANY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_is(word, names[i])) {
            *ret = (enum plugin_type)i;
            return 0;
        }
    }
    return -1;
}

/* ---- rules of a parameter: "required; default=3; min=0; choices=a|b" ---------------------------------- */

static int parse_shapes(struct str text, unsigned *ret_shapes)
{
    static const struct {
        const char *name;
        unsigned bits;
    } shapes[] = {{"list", 1u << JSON_ARRAY},    {"map", 1u << JSON_OBJECT},
                  {"string", 1u << JSON_STRING}, {"bool", 1u << JSON_BOOL},
                  {"int", 1u << JSON_INT},       {"number", (1u << JSON_INT) | (1u << JSON_NUMBER)},
                  {"null", 1u << JSON_NULL}};
    struct str part = {0};
    while (str_cut(&text, '|', &part)) {
        bool known = false;
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            if (str_is(str_trim(part), shapes[i].name)) {
                *ret_shapes |= shapes[i].bits;
                known = true;
            }
        }
        if (!known) {
            return -1;
        }
    }
    return 0;
}

static const struct str *parse_words(struct str text, struct arena *arena, size_t *ret_count)
{
    struct str *words = NULL;
    size_t room = 0;
    struct str part = {0};
    *ret_count = 0;
    while (str_cut(&text, '|', &part)) {
        words = arena_grow(arena, words, *ret_count, &room, sizeof *words);
        words[(*ret_count)++] = arena_str(arena, part);
    }
    return words;
}

static int parse_default(struct arena *arena, struct plugin_param *param, struct err *err)
{
    struct str text = param->def_text;
    int64_t integer = 0;
    double number = 0;
    bool boolean = false;
    switch (param->type) {
    case PLUGIN_BOOL:
        if (parse_bool(text, &boolean, err) < 0) {
            return -1;
        }
        param->def = json_bool(boolean);
        return 0;
    case PLUGIN_INT:
        if (parse_int(text, INT64_MIN, INT64_MAX, &integer, err) < 0) {
            return -1;
        }
        param->def = json_int(integer);
        return 0;
    case PLUGIN_NUMBER:
        if (parse_number(text, &number, err) < 0) {
            return -1;
        }
        param->def = json_number(number);
        return 0;
    case PLUGIN_DURATION:
        if (parse_duration_ms(text, &integer, err) < 0) {
            return -1;
        }
        param->def = json_int(integer);
        return 0;
    case PLUGIN_SIZE:
        if (parse_size_bytes(text, &integer, err) < 0) {
            return -1;
        }
        param->def = json_int(integer);
        return 0;
    case PLUGIN_ANY:
        if (json_read(text, (struct json_limits){0}, arena, &param->def, NULL) == 0) {
            return 0;
        }
        break;
    default:
        break;
    }
    param->def = json_string(arena, text);
    return 0;
}

static int parse_rule(struct str rule, struct arena *arena, struct plugin_param *param, struct err *err)
{
    if (str_starts(rule, STR("keys=")) || str_starts(rule, STR("keys["))) {
        return row_rules_keys(rule, arena, param, err);
    }
    struct str value = rule;
    struct str key = {0};
    (void)str_cut(&value, '=', &key);
    key = str_trim(key);
    if (str_is(key, "required")) {
        param->required = true;
        return 0;
    }
    if (str_is(key, "secret")) {
        param->secret = true;
        return 0;
    }
    if (str_is(key, "default") && value.p != NULL) {
        param->has_default = true;
        param->def_text = arena_str(arena, value);
        return 0;
    }
    if (str_is(key, "choices") && param->choice_count > 0) {
        return err_set(err, ERR_INPUT, "the rule 'choices' stands twice");
    }
    if (str_is(key, "choices") && value.p != NULL) {
        param->choices = parse_words(value, arena, &param->choice_count);
        return 0;
    }
    if (str_is(key, "one") && value.p != NULL) {
        param->one_of = parse_words(value, arena, &param->one_of_count);
        return 0;
    }
    if (str_is(key, "rises") && value.p != NULL) {
        param->rises = arena_str(arena, value);
        return 0;
    }
    if ((str_is(key, "shape") || str_is(key, "items")) && value.p != NULL) {
        return parse_shapes(value, str_is(key, "shape") ? &param->shapes : &param->item_shapes) == 0
                   ? 0
                   : err_set(err, ERR_INPUT, "unknown shape '%.*s'", STR_ARG(value));
    }
    if (str_is(key, "format") && value.p != NULL) {
        return row_rules_format(value, &param->format, err);
    }
    if (str_is(key, "min") && value.p != NULL) {
        param->has_min = true;
        return parse_number(value, &param->min, err);
    }
    if (str_is(key, "max") && value.p != NULL) {
        param->has_max = true;
        return parse_number(value, &param->max, err);
    }
    if (str_is(key, "minlen") && value.p != NULL) {
        int64_t length = 0;
        int result = parse_int(value, 0, 1000000, &length, err);
        param->min_length = (size_t)length;
        return result;
    }
    return err_set(err, ERR_INPUT, "unknown rule '%.*s'", STR_ARG(rule));
}

/* A default must be what the other rules accept. */
static int check_default(struct arena *arena, const struct plugin_param *param, struct err *err)
{
    const struct plugin one = {.params = param, .param_count = 1};
    struct json given = json_object();
    struct json complete;
    json_set(arena, &given, param->name.p, param->def);
    return plugin_params_complete(&one, &given, arena, &complete, err);
}

static int parse_param(struct words *words, struct arena *arena, struct plugin_param *ret, struct err *err)
{
    struct str name = {0};
    struct str type = {0};
    struct str rules = {0};
    struct str doc = {0};
    if (!next_word(words, &name) || !next_word(words, &type) || !next_word(words, &rules) || !next_word(words, &doc)) {
        return err_set(err, ERR_INPUT, "its manifest ends in a parameter");
    }
    if (!str_is_identifier(name)) {
        return err_set(err, ERR_INPUT, "'%.*s' is no name of a parameter", STR_ARG(name));
    }
    *ret = (struct plugin_param){.name = arena_str(arena, name), .doc = arena_str(arena, doc), .def = json_null()};
    if (parse_type(type, &ret->type) < 0) {
        return err_set(err, ERR_INPUT, "parameter '%.*s' has the unknown type '%.*s'", STR_ARG(name), STR_ARG(type));
    }
    struct str rule = {0};
    while (rules.n > 0 && str_cut(&rules, ';', &rule)) {
        if (parse_rule(str_trim(rule), arena, ret, err) < 0) {
            return err_add(err, "parameter '%.*s'", STR_ARG(name));
        }
    }
    if (ret->has_default && (parse_default(arena, ret, err) < 0 || check_default(arena, ret, err) < 0)) {
        return err_add(err, "the default of parameter '%.*s'", STR_ARG(name));
    }
    return 0;
}

static int parse_output(struct words *words, struct arena *arena, struct plugin_output *ret, struct err *err)
{
    struct str name = {0};
    struct str type = {0};
    struct str doc = {0};
    if (!next_word(words, &name) || !next_word(words, &type) || !next_word(words, &doc)) {
        return err_set(err, ERR_INPUT, "its manifest ends in an output");
    }
    if (!str_is_identifier(name)) {
        return err_set(err, ERR_INPUT, "'%.*s' is no name of an output", STR_ARG(name));
    }
    *ret = (struct plugin_output){.name = arena_str(arena, name), .doc = arena_str(arena, doc)};
    return parse_type(type, &ret->type) == 0
               ? 0
               : err_set(err, ERR_INPUT, "output '%.*s' has the unknown type '%.*s'", STR_ARG(name), STR_ARG(type));
}

/* A condition on an input that is not there would never hold. */
static int check_conditions(const struct plugin *plugin, const struct plugin_param *param, struct err *err)
{
    for (size_t i = 0; i < param->keys_count; i++) {
        for (size_t k = 0; k < param->keys[i].condition_count; k++) {
            struct str input = param->keys[i].conditions[k].input;
            if (plugin_find_param(plugin, input) == NULL) {
                return err_set(err, ERR_INPUT, "parameter '%.*s': its rule 'keys' asks for '%.*s', which is none",
                               STR_ARG(param->name), STR_ARG(input));
            }
        }
        for (size_t k = 0; k < param->keys[i].count; k++) {
            struct str like = param->keys[i].keys[k].like;
            if (like.n > 0 && (plugin_find_param(plugin, like) == NULL || str_eq(like, param->name))) {
                return err_set(err, ERR_INPUT, "parameter '%.*s': its rule 'keys' asks for '@%.*s', which is no other "
                               "input",
                               STR_ARG(param->name), STR_ARG(like));
            }
        }
    }
    return 0;
}

/* Two rows of one name would leave one of them without a say. */
static int check_rows(const struct plugin *plugin, struct err *err)
{
    for (size_t i = 0; i < plugin->param_count; i++) {
        if (plugin_find_param(plugin, plugin->params[i].name) != &plugin->params[i]) {
            return err_set(err, ERR_INPUT, "it has two parameters '%.*s'", STR_ARG(plugin->params[i].name));
        }
        if (check_conditions(plugin, &plugin->params[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < plugin->output_count; i++) {
        if (plugin_find_output(plugin, plugin->outputs[i].name) != &plugin->outputs[i]) {
            return err_set(err, ERR_INPUT, "it has two outputs '%.*s'", STR_ARG(plugin->outputs[i].name));
        }
    }
    return 0;
}

static int parse_rows(struct words *words, struct arena *arena, struct plugin *plugin, struct err *err)
{
    struct plugin_param *params = NULL;
    struct plugin_output *outputs = NULL;
    size_t param_room = 0;
    size_t output_room = 0;
    struct str word = {0};
    while (next_word(words, &word)) {
        if (str_is(word, "end")) {
            plugin->params = params;
            plugin->outputs = outputs;
            return check_rows(plugin, err);
        }
        if (str_is(word, "param") && plugin->param_count < ROWS_MAX) {
            params = arena_grow(arena, params, plugin->param_count, &param_room, sizeof *params);
            if (parse_param(words, arena, &params[plugin->param_count++], err) < 0) {
                return -1;
            }
        } else if (str_is(word, "output") && plugin->output_count < ROWS_MAX) {
            outputs = arena_grow(arena, outputs, plugin->output_count, &output_room, sizeof *outputs);
            if (parse_output(words, arena, &outputs[plugin->output_count++], err) < 0) {
                return -1;
            }
        } else {
            return err_set(err, ERR_INPUT, "its manifest has the unknown row '%.*s'", STR_ARG(word));
        }
    }
    return err_set(err, ERR_INPUT, "its manifest has no end");
}

int plugin_parse_manifest(struct str manifest, struct arena *arena, struct plugin *ret_plugin, struct err *err)
{
    struct words words = {.rest = manifest};
    struct str word = {0};
    struct str abi = {0};
    int64_t number = 0;
    struct plugin plugin = {0};
    if (manifest.n == 0 || !next_word(&words, &word) || !str_is(word, "sluice-step") || !next_word(&words, &abi)) {
        return err_set(err, ERR_INPUT, "its manifest is not that of a sluice plugin");
    }
    if (!utf8_valid(manifest)) {
        return err_set(err, ERR_INPUT, "its manifest is no UTF-8");
    }
    if (parse_int(abi, 0, 1000000, &number, NULL) < 0 || number != OUR_ABI) {
        return err_set(err, ERR_INPUT,
                       "it is built for ABI %.*s; this sluice speaks ABI %d: build it again with this version's step.h",
                       STR_ARG(abi), OUR_ABI);
    }
    struct {
        const char *key;
        struct str value;
    } head[] = {{"name", {0}}, {"version", {0}}, {"summary", {0}}, {"flags", {0}}};
    for (size_t i = 0; i < 4; i++) {
        if (!next_word(&words, &word) || !str_is(word, head[i].key) || !next_word(&words, &head[i].value)) {
            return err_set(err, ERR_INPUT, "its manifest has no '%s'", head[i].key);
        }
    }
    plugin.name = arena_str(arena, head[0].value);
    plugin.version = arena_str(arena, head[1].value);
    plugin.summary = arena_str(arena, head[2].value);
    plugin.repeatable = str_find(head[3].value, STR("STEP_REPEATABLE")) >= 0;
    plugin.gate = str_find(head[3].value, STR("STEP_GATE")) >= 0;
    plugin.cacheable = str_find(head[3].value, STR("STEP_CACHEABLE")) >= 0;
    if (!str_is_identifier(plugin.name)) {
        return err_set(err, ERR_INPUT, "'%.*s' is no name of a plugin", STR_ARG(plugin.name));
    }
    if (parse_rows(&words, arena, &plugin, err) < 0) {
        return -1;
    }
    *ret_plugin = plugin;
    return 0;
}

static int read_manifest(const char *path, struct arena *arena, struct str *ret_manifest, struct err *err)
{
    int fd = fs_open_file(path, err);
    struct stat status;
    if (fd < 0 && err != NULL && err->code == ERR_NOT_FOUND) {
        err_clear(err); /* plugin_read names the path */
        return err_set(err, ERR_NOT_FOUND, "there is no such file");
    }
    if (fd < 0) {
        return -1;
    }
    int result = fstat(fd, &status) < 0 ? err_errno(err, "reading '%s'", path) : 0;
    if (result == 0) {
        struct elf_source file = {.fd = fd, .size = (uint64_t)status.st_size};
        result = elf_section_read(file, ".sluice", arena, ret_manifest, err);
    }
    (void)close(fd);
    return result;
}

int plugin_read(const char *path, struct arena *arena, struct plugin *ret_plugin, struct err *err)
{
    struct arena *scratch = arena_new();
    struct str manifest;
    int result = read_manifest(path, scratch, &manifest, err);
    if (result == 0) {
        result = plugin_parse_manifest(manifest, arena, ret_plugin, err);
    }
    arena_free(scratch);
    if (result < 0) {
        return err_add(err, "'%s' cannot be used as a plugin", path);
    }
    char *absolute = realpath(path, NULL);
    ret_plugin->path = arena_str(arena, str_from(absolute == NULL ? path : absolute));
    free(absolute);
    return 0;
}
