/* SPDX-License-Identifier: Apache-2.0
 * Maps of thresholds before a run. step_threshold.h reads their texts, here as in the plugin that judges by them;
 * tests/unit/test_threshold_check.c asks both for each kind of map.
 */
#include "plugin/value_check.h"
#include "step_threshold.h"

struct subject {
    const struct value_check *check;
    struct str name;
    size_t *rules;
};

/* How people write operators that there are not. */
static const char *operator_hint(const char *text)
{
    static const struct {
        const char *written;
        const char *meant;
    } slips[] = {
        {"=<", "<="},         {"=>", ">="},       {"=", "=="},        {"\xe2\x89\xa4", "<="}, {"\xe2\x89\xa5", ">="},
        {"at least", ">="},   {"at most", "<="},  {"less than", "<"}, {"more than", ">"},     {"greater than", ">"},
        {"below", "<"},       {"above", ">"},     {"under", "<"},     {"over", ">"},          {"equals", "=="},
    };
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        if (strncmp(text, slips[i].written, strlen(slips[i].written)) == 0) {
            return slips[i].meant;
        }
    }
    return NULL;
}

static const char *rule_hint(struct arena *arena, const char *text)
{
    static const struct str champion = {"champion", sizeof "champion" - 1};
    const char *p = text + strspn(text, " \t");
    const char *meant = strncmp(p, "==", 2) == 0 ? NULL : operator_hint(p);
    if (meant != NULL) {
        return arena_printf(arena, "did you mean '%s'?", meant);
    }
    size_t number = strspn(p, "0123456789+-.eE");
    if (number > 0 && p[number] == '\0') {
        return arena_printf(arena, "did you mean '<= %s' or '>= %s'?", p, p);
    }
    p += strcspn(p, "abcdefghijklmnopqrstuvwxyz");
    struct str word = {p, strspn(p, "abcdefghijklmnopqrstuvwxyz")};
    return word.n > 0 && !str_eq(word, champion) && str_nearest(word, &champion, 1) == 0 ? "did you mean 'champion'?"
                                                                                           : NULL;
}

void threshold_check_text(const struct value_check *check, struct str of, const struct json *value)
{
    struct arena *arena = check->faults->arena;
    struct step_threshold rule;
    const char *name = of.n == 0 ? "" : arena_printf(arena, "'%.*s': ", STR_ARG(of));
    if (value->type != JSON_STRING) {
        struct str text = json_text(arena, value);
        value_fault(check, value, rule_hint(arena, text.p), "%s%.*s is no rule: %s", name, STR_ARG(text),
                    STEP_THRESHOLD_EXPECTED);
        return;
    }
    const char *text = arena_str(arena, value->u.string).p;
    if (!step_threshold_read(text, &rule)) {
        value_fault(check, value, rule_hint(arena, text), "%s'%s' is no rule: %s", name, text,
                    STEP_THRESHOLD_EXPECTED);
        return;
    }
    const struct json *champion = json_get(check->values, "champion");
    if (rule.champion && (champion == NULL || champion->type == JSON_NULL)) {
        value_fault(check, value, "add one such as {model: models:/NAME@champion}",
                    "%sit compares with the champion, but there is no input 'champion'", name);
    }
}

static void check_option(const struct subject *subject, struct str key, const struct json *value)
{
    static const struct str known[] = {{"is", 2}, {"min_samples", 11}, {"confidence", 10}};
    double number = 0;
    if (str_is(key, "is") || value_is_open(value)) {
        return;
    }
    if (str_is(key, "min_samples")) {
        if (value->type != JSON_INT || value->u.integer < 0) {
            value_fault(subject->check, value, NULL, "'%.*s': min_samples: expected a whole number from 0",
                        STR_ARG(subject->name));
        }
    } else if (str_is(key, "confidence")) {
        if (!json_as_number(value, &number) || !(number >= STEP_THRESHOLD_LEAST_CONFIDENCE &&
                                                 number < STEP_THRESHOLD_CONFIDENCE_LIMIT)) {
            value_fault(subject->check, value, NULL, "'%.*s': confidence: expected a number from 0.5 to below 1",
                        STR_ARG(subject->name));
        }
    } else {
        value_fault_key(subject->check, value, value_hint(subject->check->faults->arena, key, known, 3),
                        "'%.*s' has no '%.*s'", STR_ARG(subject->name), STR_ARG(key));
    }
}

/* A text, a list of rules, or {is, min_samples, confidence}, one in the other as deep as is read. */
static void check_rule(const struct subject *subject, const struct json *value, int depth)
{
    if (value->type == JSON_ARRAY && depth < STEP_THRESHOLD_DEPTH) {
        if (value->u.array.count == 0) {
            value_fault(subject->check, value, NULL, "'%.*s': the list is empty: %s", STR_ARG(subject->name),
                        STEP_THRESHOLD_EXPECTED);
        }
        for (size_t i = 0; i < value->u.array.count; i++) {
            check_rule(subject, &value->u.array.items[i], depth + 1);
        }
        return;
    }
    if (value->type != JSON_OBJECT || depth >= STEP_THRESHOLD_DEPTH) {
        threshold_check_text(subject->check, subject->name, value);
        (*subject->rules)++;
        return;
    }
    for (size_t i = 0; i < value->u.object.count; i++) {
        check_option(subject, value->u.object.members[i].key, &value->u.object.members[i].value);
    }
    const struct json *is = json_get(value, "is");
    if (is == NULL || is->type == JSON_OBJECT) {
        value_fault(subject->check, value, NULL, "'%.*s': expected a key 'is' with the rule", STR_ARG(subject->name));
        return;
    }
    check_rule(subject, is, depth + 1);
}

void threshold_check_map(const struct value_check *check, const struct json *map)
{
    size_t rules = 0;
    for (size_t i = 0; i < map->u.object.count; i++) {
        const struct json_member *member = &map->u.object.members[i];
        const struct subject subject = {check, member->key, &rules};
        struct step_threshold_subject parts;
        const char *text = arena_str(check->faults->arena, member->key).p;
        if (!step_threshold_read_subject(text, &parts)) {
            value_fault_key(check, &member->value, "in quotes: \"rmse[color=white]\"",
                            "'%s': expected METRIC or METRIC[COLUMN=VALUE]", text);
        } else {
            (void)value_key(check, (struct str){text, parts.metric_size}, &member->value);
        }
        check_rule(&subject, &member->value, 0);
    }
    if (rules > STEP_THRESHOLD_MOST_RULES) {
        value_fault(check, map, NULL, "more than %d rules", STEP_THRESHOLD_MOST_RULES);
    }
}
