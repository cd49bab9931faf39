/* SPDX-License-Identifier: Apache-2.0 */
#include "thresholds.h"

#include "spelling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a value that breaks the rule stands to its limit: "0.71 is above 0.7". */
static const char *const broken[] = {
    [STEP_THRESHOLD_LESS] = "is not below",     [STEP_THRESHOLD_AT_MOST] = "is above",
    [STEP_THRESHOLD_MORE] = "is not above",     [STEP_THRESHOLD_AT_LEAST] = "is below",
    [STEP_THRESHOLD_EQUAL] = "is not",
};

static const char expected[] = STEP_THRESHOLD_EXPECTED;

/* ---- one rule's text ------------------------------------------------------------------------- */

/* Reads into op, champion, arithmetic and number of the rule. */
static bool read_condition(const char *text, struct threshold *rule)
{
    struct step_threshold read;
    if (!step_threshold_read(text, &read) || read.open) { /* here expressions have been evaluated */
        return false;
    }
    rule->op = read.op;
    rule->champion = read.champion;
    rule->arithmetic = read.arithmetic;
    rule->number = read.number;
    return true;
}

static const char *condition_text(struct scratch *scratch, const struct threshold *rule)
{
    const char *op = step_threshold_op_text(rule->op);
    if (!rule->champion) {
        return scratch_printf(scratch, "%s %.12g", op, rule->number);
    }
    if (rule->arithmetic == '\0') {
        return scratch_printf(scratch, "%s champion", op);
    }
    return scratch_printf(scratch, "%s champion %c %.12g", op, rule->arithmetic, rule->number);
}

/* ---- the parameter ----------------------------------------------------------------------------- */

struct rules {
    struct threshold *items;
    size_t count;
};

/* "metric" or "metric[column=value]". */
static int read_subject(struct scratch *scratch, const char *text, struct threshold *rule, struct fault *fault)
{
    struct step_threshold_subject parts;
    rule->subject = text;
    if (*text == '\0') {
        return fault_set(fault, "thresholds: a key is empty: expected a metric's name");
    }
    if (!step_threshold_read_subject(text, &parts)) {
        return fault_set(fault, "thresholds: '%.200s': expected metric or metric[column=value]", text);
    }
    rule->metric = scratch_copy(scratch, text, parts.metric_size);
    if (parts.column != NULL) {
        rule->column = scratch_copy(scratch, parts.column, parts.column_size);
        rule->value = scratch_copy(scratch, parts.value, parts.value_size);
    }
    return 0;
}

static int add_text(struct scratch *scratch, struct rules *rules, const struct threshold *subject,
                    const struct step_value *value, struct fault *fault)
{
    struct threshold rule = *subject;
    if (value->type != STEP_TYPE_STRING) {
        return fault_set(fault, "thresholds: '%.200s': %s", rule.subject, expected);
    }
    if (!read_condition(value->string, &rule)) {
        return fault_set(fault, "thresholds: '%.200s': '%.80s': %s", rule.subject, value->string, expected);
    }
    if (rules->count == STEP_THRESHOLD_MOST_RULES) {
        return fault_set(fault, "thresholds: more than %d rules", STEP_THRESHOLD_MOST_RULES);
    }
    rule.text = condition_text(scratch, &rule);
    rules->items[rules->count++] = rule;
    return 0;
}

static int read_option(struct threshold *rule, const char *key, const struct step_value *value, struct fault *fault)
{
    static const char *const known[] = {"is", "min_samples", "confidence"};
    if (strcmp(key, "is") == 0) {
        return 0;
    }
    if (strcmp(key, "min_samples") == 0) {
        if (value->type != STEP_TYPE_INT || value->integer < 0) {
            return fault_set(fault, "thresholds: '%.200s': min_samples: expected a whole number from 0", rule->subject);
        }
        rule->min_samples = value->integer;
        return 0;
    }
    if (strcmp(key, "confidence") == 0) {
        bool number = value->type == STEP_TYPE_NUMBER || value->type == STEP_TYPE_INT;
        if (!number || !(value->number >= STEP_THRESHOLD_LEAST_CONFIDENCE &&
                         value->number < STEP_THRESHOLD_CONFIDENCE_LIMIT)) {
            return fault_set(fault, "thresholds: '%.200s': confidence: expected a number from 0.5 to below 1",
                             rule->subject);
        }
        rule->confidence = value->number;
        return 0;
    }
    const char *nearest = spelling_nearest(key, known, 3);
    return fault_set(fault, "thresholds: '%.200s': unknown key '%.60s'%s%s%s: expected is, min_samples, confidence",
                     rule->subject, key, nearest == NULL ? "" : " (did you mean '", nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "'?)");
}

static int add_rules(struct scratch *scratch, struct rules *rules, struct threshold subject,
                     const struct step_value *value, int depth, struct fault *fault)
{
    if (value->type == STEP_TYPE_LIST && depth < STEP_THRESHOLD_DEPTH) {
        if (value->count == 0) {
            return fault_set(fault, "thresholds: '%.200s': the list is empty: %s", subject.subject, expected);
        }
        for (size_t i = 0; i < value->count; i++) {
            if (add_rules(scratch, rules, subject, &value->items[i], depth + 1, fault) < 0) {
                return -1;
            }
        }
        return 0;
    }
    if (value->type != STEP_TYPE_MAP || depth >= STEP_THRESHOLD_DEPTH) {
        return add_text(scratch, rules, &subject, value, fault);
    }
    for (size_t i = 0; i < value->count; i++) {
        if (read_option(&subject, value->keys[i], &value->items[i], fault) < 0) {
            return -1;
        }
    }
    const struct step_value *is = step_get(value, "is");
    if (is == NULL || is->type == STEP_TYPE_MAP) {
        return fault_set(fault, "thresholds: '%.200s': expected a key 'is' with the rule", subject.subject);
    }
    return add_rules(scratch, rules, subject, is, depth + 1, fault);
}

int thresholds_parse(struct scratch *scratch, const struct step_value *map, int64_t min_samples,
                     struct thresholds *ret_rules, struct fault *fault)
{
    *ret_rules = (struct thresholds){0};
    if (map == NULL || map->type == STEP_TYPE_NULL) {
        return 0;
    }
    if (map->type != STEP_TYPE_MAP) {
        return fault_set(fault, "thresholds: expected a map of metric to rule");
    }
    struct rules rules = {.items = scratch_array(scratch, STEP_THRESHOLD_MOST_RULES, sizeof *rules.items)};
    for (size_t i = 0; i < map->count; i++) {
        struct threshold subject = {.min_samples = min_samples};
        const char *key = scratch_copy(scratch, map->keys[i], strlen(map->keys[i]));
        if (read_subject(scratch, key, &subject, fault) < 0 ||
            add_rules(scratch, &rules, subject, &map->items[i], 0, fault) < 0) {
            return -1;
        }
    }
    *ret_rules = (struct thresholds){rules.items, rules.count};
    return 0;
}

bool thresholds_name_champion(const struct thresholds *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->rules[i].champion) {
            return true;
        }
    }
    return false;
}

/* ---- judging ----------------------------------------------------------------------------------- */

double threshold_limit(const struct threshold *rule, double champion)
{
    if (!rule->champion) {
        return rule->number;
    }
    switch (rule->arithmetic) {
    case '+':
        return champion + rule->number;
    case '-':
        return champion - rule->number;
    case '*':
        return champion * rule->number;
    default:
        return champion;
    }
}

bool threshold_holds(const struct threshold *rule, double value, double limit)
{
    switch (rule->op) {
    case STEP_THRESHOLD_LESS:
        return value < limit;
    case STEP_THRESHOLD_AT_MOST:
        return value <= limit;
    case STEP_THRESHOLD_MORE:
        return value > limit;
    case STEP_THRESHOLD_AT_LEAST:
        return value >= limit;
    case STEP_THRESHOLD_EQUAL:
        return value == limit;
    }
    return false;
}

double threshold_margin(const struct threshold *rule, double value, double limit)
{
    if (rule->op == STEP_THRESHOLD_EQUAL) {
        return value == limit ? 0 : -fabs(value - limit);
    }
    bool less = rule->op == STEP_THRESHOLD_LESS || rule->op == STEP_THRESHOLD_AT_MOST;
    return less ? limit - value : value - limit;
}

static const char *broken_reason(struct scratch *scratch, const struct threshold *rule, double value, double limit)
{
    const char *to = "";
    if (rule->champion) {
        to = scratch_printf(scratch, "%s = ", rule->text + strlen(step_threshold_op_text(rule->op)) + 1);
    }
    double by = fabs(value - limit);
    return by > 0 ? scratch_printf(scratch, "%s %.6g %s %s%.6g (by %.3g)", rule->subject, value, broken[rule->op],
                                   to, limit, by)
                  : scratch_printf(scratch, "%s %.6g %s %s%.6g", rule->subject, value, broken[rule->op], to, limit);
}

static const char *judge_confidence(struct scratch *scratch, const struct threshold *rule,
                                    const struct threshold_evidence *evidence)
{
    if (!(rule->confidence > 0) || evidence->held >= rule->confidence) {
        return NULL;
    }
    return scratch_printf(scratch, "%s %.6g is %s, but in %.4g %% of resamples only: %.6g %% are asked", rule->subject,
                          evidence->value, rule->text, 100 * evidence->held, 100 * rule->confidence);
}

struct threshold_verdict threshold_judge(struct scratch *scratch, const struct threshold *rule,
                                         const struct threshold_evidence *evidence)
{
    struct threshold_verdict verdict = {.limit = NAN, .margin = NAN, .reason = ""};
    if (rule->min_samples > 0 && evidence->samples < (uint64_t)rule->min_samples) {
        verdict.reason = scratch_printf(scratch, "%s rests on %zu rows: min_samples is %lld", rule->subject,
                                        evidence->samples, (long long)rule->min_samples);
        return verdict;
    }
    if (isnan(evidence->value)) {
        verdict.reason = scratch_printf(scratch, "%s is not defined: %s", rule->subject, evidence->undefined);
        return verdict;
    }
    if (rule->champion && evidence->champion_state == THRESHOLD_CHAMPION_ABSENT_PASSES) {
        verdict.passed = true;
        verdict.reason = "there is no champion";
        return verdict;
    }
    if (rule->champion && evidence->champion_state == THRESHOLD_CHAMPION_REFUSES) {
        verdict.reason = scratch_printf(scratch, "%s %s: %s", rule->subject, rule->text, evidence->champion_reason);
        return verdict;
    }
    verdict.limit = threshold_limit(rule, evidence->champion);
    verdict.margin = threshold_margin(rule, evidence->value, verdict.limit);
    if (!threshold_holds(rule, evidence->value, verdict.limit)) {
        verdict.reason = broken_reason(scratch, rule, evidence->value, verdict.limit);
        return verdict;
    }
    const char *unsure = judge_confidence(scratch, rule, evidence);
    verdict.passed = unsure == NULL;
    verdict.reason = unsure == NULL ? "" : unsure;
    return verdict;
}
