/* SPDX-License-Identifier: Apache-2.0 */
#include "base/measure_slip.h"
#include "base/parse.h"
#include "pipeline/load.h"
#include "pipeline/slips.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>

enum { FEW_MAX = 1000, LOAD_KEYS_MAX = 64, COMPARED_MAX = 200000 };

void load_error(struct loader *loader, const struct yaml_node *node, enum diag_code code, const char *hint,
                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct diag *diag = diag_vadd(loader->diags, code, node->pos, hint, format, args);
    va_end(args);
    diag->end_column = node->end.line == node->pos.line ? node->end.column : 0;
}

const char *load_hint_near(struct loader *loader, struct str word, const struct str *candidates, size_t count)
{
    loader->compared += count;
    return loader->compared > COMPARED_MAX ? NULL : diag_hint_near(loader->arena, word, candidates, count);
}

bool name_is_identifier(struct str name)
{
    return str_is_identifier(name);
}

bool name_is_step(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = c >= 'a' && c <= 'z';
        if (!letter && (i == 0 || (c != '_' && (c < '0' || c > '9')))) {
            return false;
        }
    }
    return name.n > 0 && name.n <= 63;
}

static unsigned takes_of(enum json_type type)
{
    static const unsigned bits[] = {TAKES_NULL, TAKES_BOOL, TAKES_NUMBER, TAKES_NUMBER,
                                    TAKES_TEXT, TAKES_LIST, TAKES_MAP};
    return bits[type];
}

enum { ECHOED_MAX = 60 };

/* For values that are read before anything is evaluated. */
static const char *literal_hint(const struct yaml_node *node)
{
    return node->type == JSON_STRING && str_find(node->text, STR("${{")) >= 0 ? "this key takes no expressions" : NULL;
}

bool load_may_echo(const struct yaml_node *node)
{
    bool echoes = node->type == JSON_STRING && node->text.n > 0 && node->text.n <= ECHOED_MAX;
    for (size_t i = 0; echoes && i < node->text.n; i++) {
        echoes = (unsigned char)node->text.p[i] >= ' ' && node->text.p[i] != '"' && node->text.p[i] != '\\';
    }
    return echoes;
}

/* One text where a list was wanted is a list of one; inside a list or a map expressions may well be taken. */
static const char *shape_hint(const struct loader *loader, const struct yaml_node *node, unsigned takes)
{
    if ((takes & (TAKES_LIST | TAKES_MAP)) == 0) {
        return literal_hint(node);
    }
    if (takes == TAKES_MAP && node->type == JSON_NULL) {
        return "what belongs to it stands below, indented further than its name";
    }
    return (takes & TAKES_LIST) != 0 && load_may_echo(node)
               ? arena_printf(loader->arena, "write [\"%.*s\"]", STR_ARG(node->text))
               : NULL;
}

bool load_expect_else(struct loader *loader, const struct yaml_node *node, unsigned takes, const char *what,
                      const char *hint)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{TAKES_TEXT, "text"},
                 {TAKES_NUMBER, "a number"},
                 {TAKES_BOOL, "true or false"},
                 {TAKES_LIST, "a list"},
                 {TAKES_MAP, "a map"}};
    if ((takes_of(node->type) & takes) != 0) {
        return true;
    }
    const char *expected = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((takes & names[i].bit) != 0) {
            expected = arena_printf(loader->arena, "%s%s%s", expected, *expected == '\0' ? "" : " or ", names[i].name);
        }
    }
    load_error(loader, node, DIAG_TYPE, hint != NULL ? hint : shape_hint(loader, node, takes),
               "%s: expected %s, found %s", what, expected,
               node->type == JSON_NULL ? "nothing" : json_type_name(node->type));
    return false;
}

bool load_expect(struct loader *loader, const struct yaml_node *node, unsigned takes, const char *what)
{
    return load_expect_else(loader, node, takes, what, NULL);
}

const char *load_what(const struct loader *loader, struct str kind, struct str name)
{
    char *text = arena_alloc(loader->scratch, kind.n + name.n + sizeof " ''"); /* no printf: each step has one */
    char *end = mempcpy(text, kind.p, kind.n);
    end = mempcpy(end, " '", 2);
    end = mempcpy(end, name.p, name.n);
    *end = '\'';
    return text;
}

static const struct key *find_key(const struct key *keys, struct str name)
{
    char first = name.n == 0 ? '\0' : name.p[0];
    for (const struct key *key = keys; key->name != NULL; key++) {
        if (key->name[0] == first && str_is(name, key->name)) {
            return key;
        }
    }
    return NULL;
}

static void report_unknown_key(struct loader *loader, const struct yaml_node *node, const struct key *keys,
                               const char *what)
{
    struct str names[LOAD_KEYS_MAX];
    size_t count = 0;
    for (; keys[count].name != NULL; count++) {
        names[count] = str_from(keys[count].name);
    }
    load_error(loader, node, DIAG_UNKNOWN_KEY, slip_hint_key(loader->arena, node->text, names, count),
               "%s has no key '%.*s'", what, STR_ARG(node->text));
}

/* One value by its row. */
static void load_pair(struct loader *loader, const struct yaml_pair *pair, const struct key *key, void *target,
                      const char *what)
{
    if (key->later != NULL) {
        load_error(loader, &pair->key, DIAG_LATER, NULL, "'%s' is not in this version: %s", key->name, key->later);
        return;
    }
    if ((takes_of(pair->value.type) & key->takes) == 0) {
        const char *hint = key->such_as == NULL || pair->value.type == JSON_NULL
                               ? NULL
                               : arena_printf(loader->arena, "such as '%s'", key->such_as);
        (void)load_expect_else(loader, &pair->value, key->takes,
                               arena_printf(loader->arena, "'%s' of %s", key->name, what), hint);
        return;
    }
    if (key->unhonoured != NULL) {
        load_error(loader, &pair->key, DIAG_UNHONOURED, NULL, "'%s' is checked, without effect in this version: %s",
                   key->name, key->unhonoured);
    }
    if (key->load != NULL) {
        key->load(loader, &pair->value, target);
    }
}

bool load_map(struct loader *loader, const struct yaml_node *node, const struct key *keys, void *target,
              const char *what)
{
    if (!load_expect(loader, node, TAKES_MAP, what)) {
        return false;
    }
    uint64_t seen = 0; /* bits by row */
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        const struct key *key = find_key(keys, pair->key.text);
        if (key == NULL) {
            report_unknown_key(loader, &pair->key, keys, what);
            continue;
        }
        assert(key - keys < LOAD_KEYS_MAX);
        uint64_t bit = UINT64_C(1) << (key - keys);
        if ((seen & bit) == 0) { /* twice was told; what is loaded twice would be added up */
            load_pair(loader, pair, key, target, what);
        }
        seen |= bit;
    }
    for (const struct key *key = keys; key->name != NULL; key++) {
        if (key->required && (seen & (UINT64_C(1) << (key - keys))) == 0) {
            load_error(loader, node, DIAG_MISSING, NULL, "%s has no '%s'", what, key->name);
        }
    }
    return true;
}

const struct yaml_node *load_step_node_str(const struct loader *loader, size_t step, struct str key)
{
    bool known = loader->steps != NULL && loader->steps->type == JSON_OBJECT && step < loader->steps->count;
    return known ? yaml_get_str(&loader->steps->pairs[step].value, key) : NULL;
}

bool load_text(struct loader *loader, const struct yaml_node *node, struct str *ret)
{
    if (!load_expect(loader, node, TAKES_SCALAR, "this value")) {
        return false;
    }
    *ret = node->text;
    return true;
}

bool load_bool(struct loader *loader, const struct yaml_node *node, bool *ret)
{
    struct err err = {0};
    if (node->type == JSON_BOOL) {
        *ret = yaml_scalar(node).u.boolean;
        return true;
    }
    bool ignored = false;
    (void)parse_bool(node->text, &ignored, &err);
    load_error(loader, node, DIAG_TYPE, NULL, "%s",
               node->type == JSON_STRING && !node->plain ? "expected true or false without quotes" : err.message);
    return false;
}

bool load_int(struct loader *loader, const struct yaml_node *node, int64_t min, int64_t max, int64_t *ret)
{
    struct err err = {0};
    if (!load_expect(loader, node, TAKES_NUMBER | TAKES_TEXT, "this value")) {
        return false;
    }
    bool whole = node->type == JSON_INT; /* 0x10 too */
    struct str text = whole ? str_from(arena_printf(loader->arena, "%lld", (long long)yaml_scalar(node).u.integer))
                            : node->text;
    if (parse_int(text, min, max, ret, &err) < 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s", err.message);
        return false;
    }
    return true;
}

bool load_number(struct loader *loader, const struct yaml_node *node, double *ret)
{
    struct json value = yaml_scalar(node);
    if (!json_as_number(&value, ret) || !isfinite(*ret)) {
        load_error(loader, node, DIAG_TYPE, NULL, "expected a number, found %s", json_type_name(node->type));
        return false;
    }
    return true;
}

bool load_duration(struct loader *loader, const struct yaml_node *node, int64_t *ret_ms)
{
    struct err err = {0};
    if (node->type == JSON_INT || node->type == JSON_NUMBER) {
        char meant[MEASURE_SLIP_MAX];
        const char *hint = duration_slip(node->text, meant) ? arena_printf(loader->arena, "did you mean '%s'?", meant)
                                                            : NULL;
        load_error(loader, node, DIAG_VALUE, hint, "expected a duration with its unit, found '%.*s'",
                   STR_ARG(node->text));
        return false;
    }
    if (!load_expect(loader, node, TAKES_TEXT, "this value")) {
        return false;
    }
    if (parse_duration_ms(node->text, ret_ms, &err) < 0) {
        load_error(loader, node, DIAG_VALUE, literal_hint(node), "%s", err.message);
        return false;
    }
    return true;
}

bool load_choice(struct loader *loader, const struct yaml_node *node, const char *const *choices, size_t *ret)
{
    size_t count = 0;
    while (choices[count] != NULL) {
        count++;
    }
    struct str *names = arena_array(loader->arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(choices[i]);
        if (str_is(node->text, choices[i])) {
            *ret = i;
            return true;
        }
    }
    load_error(loader, node, DIAG_VALUE, slip_hint_choice(loader->arena, node->text, names, count),
               "unknown value '%.*s'", STR_ARG(node->text));
    return false;
}

void load_warn_foreign(struct loader *loader, const struct yaml_node *node)
{
    if (node->type == JSON_STRING && expr_find_foreign(node->text, 0) >= 0) {
        expr_report_foreign(loader->diags, node->text, yaml_content(loader->diags, node));
    }
}

bool load_template(struct loader *loader, const struct yaml_node *node, struct template *ret)
{
    if (!load_expect(loader, node, TAKES_SCALAR | TAKES_NULL, "this value")) {
        return false;
    }
    load_warn_foreign(loader, node);
    bool inside = node->type == JSON_STRING && (!node->plain || str_find(node->text, STR("${{")) >= 0);
    struct pos pos = inside ? yaml_content(loader->diags, node) : node->pos;
    if (template_parse(yaml_scalar(node), pos, loader->diags, ret) < 0) {
        return false;
    }
    bool number = node->plain && (node->type == JSON_INT || node->type == JSON_NUMBER);
    ret->written = number ? node->text : STR("");
    return true;
}

bool load_tree(struct loader *loader, const struct yaml_node *node, struct template_tree *ret)
{
    struct template_tree tree = {.type = node->type, .pos = node->pos, .count = node->count};
    bool good = true;
    if (node->type != JSON_OBJECT && node->type != JSON_ARRAY) {
        good = load_template(loader, node, &tree.leaf);
        *ret = tree;
        return good;
    }
    struct str *keys = arena_array(loader->arena, node->count, sizeof *keys);
    struct pos *positions = arena_array(loader->arena, node->count, sizeof *positions);
    struct template_tree *items = arena_array(loader->arena, node->count, sizeof *items);
    for (size_t i = 0; i < node->count; i++) {
        if (node->type == JSON_OBJECT) {
            keys[i] = node->pairs[i].key.text;
            positions[i] = node->pairs[i].key.pos;
        }
        good = load_tree(loader, node->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i], &items[i]) &&
               good;
    }
    tree.keys = keys;
    tree.key_positions = positions;
    tree.items = items;
    *ret = tree;
    return good;
}

/* `if: a == b` or `if: ${{ a == b }}`, nothing beside it. */
bool load_expr(struct loader *loader, const struct yaml_node *node, const struct expr **ret)
{
    if (node->type == JSON_BOOL) {
        struct expr *literal = arena_one(loader->arena, struct expr);
        *literal = (struct expr){.op = EXPR_LITERAL, .pos = node->pos, .value = yaml_scalar(node)};
        *ret = literal;
        return true;
    }
    if (!load_expect(loader, node, TAKES_SCALAR, "this value")) {
        return false;
    }
    struct str text = str_trim(node->text);
    if (str_is(text, "yes") || str_is(text, "no") || str_is(text, "on") || str_is(text, "off") ||
        str_is(text, "True") || str_is(text, "False")) {
        return load_bool(loader, node, &(bool){false});
    }
    struct pos pos = yaml_content(loader->diags, node);
    pos.column += (int)(text.p - node->text.p);
    bool beside = false;
    if (str_starts(text, STR("${{"))) {
        ptrdiff_t end = expr_find_end(text, 3);
        if (end < 0) {
            expr_report_no_end(loader->diags, text, 3, pos);
            return false;
        }
        beside = (size_t)end + 2 != text.n;
        text = str_slice(text, 3, (size_t)end);
        pos.column += 3;
    } else {
        beside = str_find(text, STR("${{")) >= 0;
    }
    if (beside) {
        load_error(loader, node, DIAG_EXPR_SYNTAX, "write the whole condition inside one ${{ }}, or without it",
                   "text beside an expression");
        return false;
    }
    *ret = expr_parse(text, pos, loader->diags);
    return *ret != NULL;
}

/* As text: what the scalar looks like in the file. */
static void keep_text(struct loader *loader, const struct yaml_node *node, struct template *template)
{
    if (template->part_count == 0 && template->plain.type != JSON_STRING) {
        template->plain = json_string(loader->arena, node->type == JSON_NULL ? STR("") : node->text);
    }
}

void load_tree_as_text(struct loader *loader, const struct yaml_node *node, struct template_tree *tree)
{
    struct template_tree *items = (struct template_tree *)(uintptr_t)tree->items;
    for (size_t i = 0; i < tree->count; i++) {
        load_tree_as_text(loader, tree->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i], &items[i]);
    }
    if (tree->type != JSON_OBJECT && tree->type != JSON_ARRAY && tree->type != JSON_NULL) {
        keep_text(loader, node, &tree->leaf);
    }
}

bool load_few(struct loader *loader, const struct yaml_node *node, const char *what)
{
    if (node->count > FEW_MAX) {
        load_error(loader, node, DIAG_BOUND, NULL, "%s: more than %d", what, FEW_MAX);
    }
    return node->count <= FEW_MAX;
}

static bool load_named(struct loader *loader, const struct yaml_node *node, bool as_text, const char *what,
                       const struct named_template **ret, size_t *ret_count)
{
    if (!load_expect(loader, node, TAKES_MAP, what) || !load_few(loader, node, what)) {
        return false;
    }
    struct named_template *templates = arena_array(loader->arena, node->count, sizeof *templates);
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++) {
        struct named_template *named = &templates[count];
        named->name = node->pairs[i].key.text;
        named->pos = node->pairs[i].key.pos;
        if (!name_is_identifier(named->name)) {
            load_error(loader, &node->pairs[i].key, DIAG_VALUE, NULL,
                       "%s: '%.*s' is no name: expected letters, digits and '_'", what, STR_ARG(named->name));
            continue;
        }
        if (load_template(loader, &node->pairs[i].value, &named->value)) {
            if (as_text) {
                keep_text(loader, &node->pairs[i].value, &named->value);
            }
            count++;
        }
    }
    *ret = templates;
    *ret_count = count;
    return true;
}

bool load_named_templates(struct loader *loader, const struct yaml_node *node, const char *what,
                          const struct named_template **ret, size_t *ret_count)
{
    return load_named(loader, node, false, what, ret, ret_count);
}

bool load_env(struct loader *loader, const struct yaml_node *node, const char *what, const struct named_template **ret,
              size_t *ret_count)
{
    return load_named(loader, node, true, what, ret, ret_count);
}
