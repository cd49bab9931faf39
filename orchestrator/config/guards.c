/* SPDX-License-Identifier: Apache-2.0 */
#include "config/guards.h"

#include "pipeline/load.h"

enum { GUARDS_MAX = 1000, PEOPLE_MAX = 1000 };

/* One guard, while it is read. */
struct reading_guard {
    struct json *row;
};

static void set(struct loader *loader, void *target, const char *key, struct json value)
{
    json_set(loader->arena, ((struct reading_guard *)target)->row, key, value);
}

static bool is_text(struct loader *loader, const struct yaml_node *node)
{
    if (node->text.n > 0 && str_find_byte(node->text, '\0', 0) < 0) {
        return true;
    }
    load_error(loader, node, DIAG_VALUE, NULL, "expected text without a NUL, found %s",
               node->text.n == 0 ? "empty text" : "one with a NUL");
    return false;
}

static void read_glob(struct loader *loader, const struct yaml_node *node, void *target, const char *key)
{
    if (is_text(loader, node)) {
        set(loader, target, key, json_string(loader->arena, node->text));
    }
}

static void key_model(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_glob(loader, node, target, "model");
}

static void key_alias(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_glob(loader, node, target, "alias");
}

static void key_stage(struct loader *loader, const struct yaml_node *node, void *target)
{
    if (str_is(node->text, "None") || str_is(node->text, "none")) {
        load_error(loader, node, DIAG_VALUE, "a version that is in no stage serves nobody",
                   "'None' is no stage to guard");
        return;
    }
    read_glob(loader, node, target, "stage");
}

static void key_target(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_glob(loader, node, target, "target");
}

/* A key with one word, so that what it does can be read where it stands. */
static void read_word(struct loader *loader, const struct yaml_node *node, void *target, const char *key,
                      const char *word)
{
    const char *const words[] = {word, NULL};
    size_t found = 0;
    if (load_choice(loader, node, words, &found)) {
        set(loader, target, key, json_cstring(loader->arena, word));
    }
}

static void key_gate(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_word(loader, node, target, "gate", "green");
}

static void key_rollback(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_word(loader, node, target, "rollback", "free");
}

/* "group:" alone is nobody. */
static bool is_somebody(struct loader *loader, const struct yaml_node *node, const char *what)
{
    if (node->text.n > 0 && !str_is(node->text, "group:")) {
        return true;
    }
    load_error(loader, node, DIAG_VALUE, NULL, "%s: '%.*s' names nobody: expected a name or group:NAME", what,
               STR_ARG(node->text));
    return false;
}

static void key_approvals(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct json map = json_object();
    if (node->count == 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "'approvals': expected at least one, such as {\"group:legal\": 1}");
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        int64_t people = 0;
        if (is_somebody(loader, &pair->key, "'approvals'") &&
            load_int(loader, &pair->value, 1, PEOPLE_MAX, &people)) {
            json_set(loader->arena, &map, arena_str(loader->arena, pair->key.text).p, json_int(people));
        }
    }
    set(loader, target, "approvals", map);
}

static bool read_list(struct loader *loader, const struct yaml_node *node, const char *what, struct json *ret)
{
    *ret = json_array();
    if (node->type == JSON_STRING) { /* one is a list of one */
        json_push(loader->arena, ret, json_string(loader->arena, node->text));
        return is_text(loader, node);
    }
    bool good = node->count > 0;
    if (!good) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s: expected at least one entry", what);
    }
    for (size_t i = 0; i < node->count; i++) {
        good = load_expect(loader, &node->items[i], TAKES_TEXT, what) && is_text(loader, &node->items[i]) && good;
        json_push(loader->arena, ret, json_string(loader->arena, node->items[i].text));
    }
    return good;
}

static void key_not_by(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct json list;
    if (!read_list(loader, node, "'not_by'", &list)) {
        return;
    }
    for (size_t i = 0; i < list.u.array.count; i++) {
        const struct yaml_node *item = node->type == JSON_STRING ? node : &node->items[i];
        if (str_is(item->text, "starter")) {
            load_error(loader, item, DIAG_VALUE, "write author: it means who started the run, too",
                       "'not_by': a guard is about a model, not about a run that somebody starts");
            return;
        }
        if (!is_somebody(loader, item, "'not_by'")) {
            return;
        }
    }
    set(loader, target, "not_by", list);
}

static void key_branches(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct json list;
    if (read_list(loader, node, "'branches'", &list)) {
        set(loader, target, "branches", list);
    }
}

static const struct key guard_keys[] = {
    {.name = "model", .takes = TAKES_TEXT, .load = key_model, .required = true},
    {.name = "alias", .takes = TAKES_TEXT, .load = key_alias},
    {.name = "stage", .takes = TAKES_TEXT, .load = key_stage},
    {.name = "target", .takes = TAKES_TEXT, .load = key_target},
    {.name = "gate", .takes = TAKES_TEXT, .load = key_gate},
    {.name = "approvals", .takes = TAKES_MAP, .load = key_approvals},
    {.name = "not_by", .takes = TAKES_TEXT | TAKES_LIST, .load = key_not_by},
    {.name = "branches", .takes = TAKES_TEXT | TAKES_LIST, .load = key_branches},
    {.name = "rollback", .takes = TAKES_TEXT, .load = key_rollback},
    {0},
};

static bool has(const struct yaml_node *node, const char *key)
{
    return yaml_get(node, key) != NULL;
}

/* What the keys say together. */
static void check_guard(struct loader *loader, const struct yaml_node *node, const char *what)
{
    int places = has(node, "alias") + has(node, "stage") + has(node, "target");
    if (places != 1) {
        load_error(loader, node, DIAG_MISSING, NULL, "%s: expected exactly one of 'alias', 'stage' and 'target'", what);
    }
    if (!has(node, "gate") && !has(node, "approvals") && !has(node, "branches")) {
        load_error(loader, node, DIAG_MISSING, NULL,
                   "%s asks for nothing: expected 'gate', 'approvals' or 'branches'", what);
    }
    if (has(node, "not_by") && !has(node, "approvals")) {
        load_error(loader, yaml_get(node, "not_by"), DIAG_VALUE, NULL,
                   "%s: 'not_by' says whose approval does not count: it needs 'approvals'", what);
    }
    if (has(node, "rollback") && has(node, "target")) {
        load_error(loader, yaml_get(node, "rollback"), DIAG_VALUE, NULL,
                   "%s: 'rollback' is of aliases and stages: deploy goes back by itself, without asking", what);
    }
}

void guards_load(struct loader *loader, const struct yaml_node *node, struct json *ret)
{
    struct json list = json_array();
    if (node->count > GUARDS_MAX) {
        load_error(loader, node, DIAG_BOUND, NULL, "'guards': expected at most %d, found %zu", GUARDS_MAX, node->count);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const char *what = arena_printf(loader->arena, "guard %zu", i + 1);
        struct json row = json_object();
        struct reading_guard reading = {.row = &row};
        if (load_map(loader, &node->items[i], guard_keys, &reading, what)) {
            check_guard(loader, &node->items[i], what);
            json_push(loader->arena, &list, row);
        }
    }
    *ret = list;
}
