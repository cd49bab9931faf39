/* SPDX-License-Identifier: Apache-2.0
 * step_threshold.h - the text of a threshold, as inputs with `format=threshold` and `format=thresholds` hold it. Copy
 * this file beside step.h, or include it; link nothing of sluice. What checks pipelines and what judges by them read
 * it with these same functions.
 *
 *     rule     OP NUMBER  |  OP champion  |  OP champion + NUMBER      with + - or *
 *     OP       <  <=  >  >=  ==
 *     NUMBER   finite and decimal: 0.7, -1, 2e-3
 *     subject  METRIC  |  METRIC[COLUMN=VALUE]
 *
 * Blanks and tabs may stand around each part of a rule. In a pipeline's file a rule may hold expressions, which are
 * known at run time only: a rule is read up to its first "${{", and what stands behind it is believed.
 */
#ifndef SLUICE_STEP_THRESHOLD_H
#define SLUICE_STEP_THRESHOLD_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STEP_THRESHOLD_EXPECTED                                                                                        \
    "expected \"OP NUMBER\" or \"OP champion [+|-|* NUMBER]\", OP one of < <= > >= =="

enum { STEP_THRESHOLD_MOST_RULES = 1000, STEP_THRESHOLD_DEPTH = 3 }; /* of one map; of lists and maps in it */
/* `confidence` is from the first to below the second. */
#define STEP_THRESHOLD_LEAST_CONFIDENCE 0.5
#define STEP_THRESHOLD_CONFIDENCE_LIMIT 1.0

enum step_threshold_op {
    STEP_THRESHOLD_LESS,
    STEP_THRESHOLD_AT_MOST,
    STEP_THRESHOLD_MORE,
    STEP_THRESHOLD_AT_LEAST,
    STEP_THRESHOLD_EQUAL
};

struct step_threshold {
    enum step_threshold_op op;
    bool champion;   /* compares with the champion's value */
    char arithmetic; /* '+', '-' or '*' behind champion; '\0' for none */
    double number;
    bool open;       /* an expression ended the reading: what it gives is not in here */
};

/* "<=" */
static inline const char *step_threshold_op_text(enum step_threshold_op op)
{
    static const char *const texts[] = {"<", "<=", ">", ">=", "=="};
    return texts[op];
}

static inline const char *step_threshold_skip_(const char *p)
{
    return p + strspn(p, " \t");
}

static inline bool step_threshold_open_(const char *p, struct step_threshold *rule)
{
    rule->open = rule->open || strncmp(p, "${{", 3) == 0;
    return rule->open;
}

static inline bool step_threshold_take_op_(const char **p, enum step_threshold_op *ret_op)
{
    /* The longer ones first: "<" begins "<=". */
    static const enum step_threshold_op order[] = {STEP_THRESHOLD_AT_MOST, STEP_THRESHOLD_AT_LEAST,
                                                   STEP_THRESHOLD_EQUAL, STEP_THRESHOLD_LESS, STEP_THRESHOLD_MORE};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        size_t size = strlen(step_threshold_op_text(order[i]));
        if (strncmp(*p, step_threshold_op_text(order[i]), size) == 0) {
            *ret_op = order[i];
            *p += size;
            return true;
        }
    }
    return false;
}

/* A whole number up to the end of the text. */
static inline bool step_threshold_take_number_(const char *p, struct step_threshold *rule)
{
    size_t size = strspn(p, "0123456789+-.eE \t");
    if (step_threshold_open_(p + size, rule)) {
        return true;
    }
    if (size == 0 || p[size] != '\0') {
        return false;
    }
    char *end = NULL;
    double number = strtod(p, &end);
    if (end == p || *step_threshold_skip_(end) != '\0' || !isfinite(number)) {
        return false;
    }
    rule->number = number;
    return true;
}

/* Reads a rule. False when it is none. */
static inline bool step_threshold_read(const char *text, struct step_threshold *ret_rule)
{
    static const char word[] = "champion";
    struct step_threshold rule = {.op = STEP_THRESHOLD_LESS};
    const char *p = step_threshold_skip_(text);
    bool good = step_threshold_open_(p, &rule);
    if (!good && step_threshold_take_op_(&p, &rule.op)) {
        p = step_threshold_skip_(p);
        size_t same = 0;
        while (word[same] != '\0' && p[same] == word[same]) {
            same++;
        }
        if (step_threshold_open_(p + same, &rule)) {
            good = true;
        } else if (word[same] != '\0') {
            good = step_threshold_take_number_(p, &rule);
        } else {
            rule.champion = true;
            p = step_threshold_skip_(p + same);
            good = *p == '\0' || step_threshold_open_(p, &rule);
            if (!good && strchr("+-*", *p) != NULL) {
                rule.arithmetic = *p;
                good = step_threshold_take_number_(step_threshold_skip_(p + 1), &rule);
            }
        }
    }
    if (good) {
        *ret_rule = rule;
    }
    return good;
}

/* Where the parts of a subject stand in its text; `column` is NULL without a slice. */
struct step_threshold_subject {
    size_t metric_size; /* the metric begins the text */
    const char *column;
    size_t column_size;
    const char *value;
    size_t value_size;
};

/* False when it is neither METRIC nor METRIC[COLUMN=VALUE]. */
static inline bool step_threshold_read_subject(const char *text, struct step_threshold_subject *ret_subject)
{
    size_t size = strlen(text);
    const char *bracket = strchr(text, '[');
    if (bracket == NULL) {
        *ret_subject = (struct step_threshold_subject){.metric_size = size};
        return size > 0;
    }
    const char *equals = strchr(bracket, '=');
    if (bracket == text || equals == NULL || equals == bracket + 1 || text[size - 1] != ']') {
        return false;
    }
    *ret_subject = (struct step_threshold_subject){(size_t)(bracket - text), bracket + 1,
                                                   (size_t)(equals - bracket - 1), equals + 1,
                                                   (size_t)(text + size - 1 - (equals + 1))};
    return true;
}

#endif
