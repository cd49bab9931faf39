/* SPDX-License-Identifier: Apache-2.0
 * One table says which metrics there are, for which samples, and how they are computed. */
#include "measures.h"
#include "measure_rows.h"

#include "classification.h"
#include "probability.h"
#include "ranking.h"
#include "regression.h"
#include "spelling.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* What metrics of one sample share; filled in when first needed. */
struct context {
    struct scratch *scratch;
    const struct sample *sample;
    bool counted;
    struct classification counts;
    size_t curve_class; /* of the curve; SIZE_MAX before there is one */
    struct ranking_curve curve;
    const double *residuals;
};

static const struct classification *counts_of(struct context *c)
{
    if (!c->counted) {
        /* The sample was checked when it was read: counting cannot fail. A slice without any weight gives
         * empty counts, and NaN for what rests on them. */
        struct fault fault;
        if (classification_count(c->scratch, c->sample->labels, c->sample->predictions, c->sample->weights,
                                 c->sample->rows, c->sample->class_count, &c->counts, &fault) < 0) {
            (void)classification_count(c->scratch, NULL, NULL, NULL, 0, c->sample->class_count, &c->counts, &fault);
        }
        c->counted = true;
    }
    return &c->counts;
}

static const struct ranking_curve *curve_of(struct context *c, size_t class)
{
    if (c->curve_class != class) {
        c->curve = ranking_curve_of(c->scratch, c->sample->labels, class, c->sample->scores[class], c->sample->weights,
                                    c->sample->rows);
        c->curve_class = class;
    }
    return &c->curve;
}

static struct regression line_of(const struct context *c)
{
    return (struct regression){c->sample->rows, c->sample->targets, c->sample->estimates, c->sample->weights};
}

/* ---- how each is computed: `argument` is the table's, `class` the one in question ---------------- */

static double of_accuracy(struct context *c, int argument, size_t class)
{
    (void)argument;
    (void)class;
    return classification_accuracy(counts_of(c));
}

static double of_balanced_accuracy(struct context *c, int argument, size_t class)
{
    (void)argument;
    (void)class;
    return classification_balanced_accuracy(counts_of(c));
}

static double of_precision(struct context *c, int argument, size_t class)
{
    (void)argument;
    return classification_precision(counts_of(c), class);
}

static double of_recall(struct context *c, int argument, size_t class)
{
    (void)argument;
    return classification_recall(counts_of(c), class);
}

static double of_f1(struct context *c, int argument, size_t class)
{
    (void)argument;
    return classification_f1(counts_of(c), class);
}

static double of_support(struct context *c, int argument, size_t class)
{
    (void)argument;
    return counts_of(c)->labelled[class];
}

static double of_precision_average(struct context *c, int argument, size_t class)
{
    (void)class;
    return classification_precision_average(counts_of(c), (enum classification_average)argument);
}

static double of_recall_average(struct context *c, int argument, size_t class)
{
    (void)class;
    return classification_recall_average(counts_of(c), (enum classification_average)argument);
}

static double of_f1_average(struct context *c, int argument, size_t class)
{
    (void)class;
    return classification_f1_average(counts_of(c), (enum classification_average)argument);
}

static double of_roc_auc(struct context *c, int argument, size_t class)
{
    (void)argument;
    return ranking_roc_auc(curve_of(c, class));
}

static double of_pr_auc(struct context *c, int argument, size_t class)
{
    (void)argument;
    return ranking_pr_auc(curve_of(c, class));
}

static double of_ranking_average(struct context *c, int argument, size_t class)
{
    (void)class;
    const struct sample *s = c->sample;
    return ranking_average(c->scratch, (enum ranking_metric)(argument / 2), (enum ranking_average)(argument % 2),
                           s->labels, s->scores, s->weights, s->rows, s->class_count);
}

static double of_log_loss(struct context *c, int argument, size_t class)
{
    (void)argument;
    (void)class;
    return probability_log_loss(c->sample->labels, c->sample->scores, c->sample->weights, c->sample->rows);
}

static double of_brier(struct context *c, int argument, size_t class)
{
    (void)argument;
    (void)class;
    const struct sample *s = c->sample;
    return probability_brier(s->labels, s->scores, s->weights, s->rows, s->class_count);
}

static double of_rmse(struct context *c, int argument, size_t class)
{
    (void)class;
    struct regression line = line_of(c);
    return argument == 0 ? regression_mse(&line) : regression_rmse(&line);
}

static double of_mae(struct context *c, int argument, size_t class)
{
    (void)class;
    struct regression line = line_of(c);
    return argument == 0 ? regression_mae(&line) : regression_mape(&line);
}

static double of_r2(struct context *c, int argument, size_t class)
{
    (void)argument;
    (void)class;
    struct regression line = line_of(c);
    return regression_r2(&line);
}

static double of_max_error(struct context *c, int argument, size_t class)
{
    (void)argument;
    (void)class;
    struct regression line = line_of(c);
    return regression_max_error(&line);
}

static double of_residual(struct context *c, int argument, size_t class)
{
    (void)class;
    struct regression line = line_of(c);
    if (c->residuals == NULL) {
        c->residuals = regression_residuals(c->scratch, &line);
    }
    return regression_quantile(c->scratch, c->residuals, line.weights, line.rows, argument / 100.0);
}

/* ---- the table ----------------------------------------------------------------------------------- */

enum { BINARY = 1, SEVERAL = 2, CLASSIFIER = BINARY | SEVERAL, REGRESSOR = 4, SCORED = 8, EACH_CLASS = 16 };

static const struct row {
    const char *name;
    int when;
    double (*of)(struct context *context, int argument, size_t class);
    int argument;
    const char *undefined; /* why it is NaN when the rows have weight */
} rows[] = {
#define ROW(name, when, of, argument, undefined) {name, when, of, argument, undefined},
    MEASURES_OF_CLASSES(ROW)
    MEASURES_OF_SCORES(ROW)
    MEASURES_OF_EACH_CLASS(ROW)
    MEASURES_OF_EACH_SCORE(ROW)
    MEASURES_OF_NUMBERS(ROW)
#undef ROW
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static bool applies(const struct row *row, const struct sample *sample)
{
    int kind = !sample->classifier ? REGRESSOR : sample_is_binary(sample) ? BINARY : SEVERAL;
    return (row->when & kind) != 0 && ((row->when & SCORED) == 0 || sample->scores != NULL);
}

static bool has_weight(const struct sample *sample)
{
    for (size_t i = 0; i < sample->rows; i++) {
        if (sample->weights == NULL || sample->weights[i] > 0) {
            return true;
        }
    }
    return false;
}

static struct measure compute(struct context *context, const struct row *row, const char *name, size_t class)
{
    if (!has_weight(context->sample)) {
        return (struct measure){name, NAN, context->sample->rows == 0 ? "there are no rows" : "all weights are zero"};
    }
    double value = row->of(context, row->argument, class);
    const char *why = row->undefined[0] == '\0' ? "the result is no finite number" : row->undefined;
    return isfinite(value) ? (struct measure){name, value, NULL} : (struct measure){name, NAN, why};
}

static struct context context_of(struct scratch *scratch, const struct sample *sample)
{
    return (struct context){.scratch = scratch, .sample = sample, .curve_class = SIZE_MAX};
}

static const char *class_metric(struct scratch *scratch, const char *metric, const char *class)
{
    return scratch_printf(scratch, "%s:%s", metric, class);
}

struct measures measures_all(struct scratch *scratch, const struct sample *sample, bool per_class)
{
    struct context context = context_of(scratch, sample);
    size_t each = per_class && sample->class_count <= MEASURES_MAX_CLASSES ? sample->class_count : 0;
    struct measure *items = scratch_array(scratch, ROW_COUNT * (1 + each), sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!applies(&rows[i], sample)) {
            continue;
        }
        if ((rows[i].when & EACH_CLASS) == 0) {
            items[count++] = compute(&context, &rows[i], rows[i].name, sample->positive);
            continue;
        }
        for (size_t c = 0; c < each; c++) {
            const char *name = class_metric(scratch, rows[i].name, sample->class_names[c]);
            items[count++] = compute(&context, &rows[i], name, c);
        }
    }
    return (struct measures){items, count};
}

/* The class that "recall:malignant" names for this row, or SIZE_MAX. */
static size_t class_of(const struct row *row, const struct sample *sample, const char *name)
{
    size_t size = strlen(row->name);
    if (strncmp(name, row->name, size) != 0 || name[size] != ':') {
        return SIZE_MAX;
    }
    for (size_t c = 0; c < sample->class_count; c++) {
        if (strcmp(sample->class_names[c], name + size + 1) == 0) {
            return c;
        }
    }
    return SIZE_MAX;
}

bool measures_one(struct scratch *scratch, const struct sample *sample, const char *name, struct measure *ret_measure)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bool each = (rows[i].when & EACH_CLASS) != 0;
        size_t class = each ? class_of(&rows[i], sample, name) : sample->positive;
        bool named = each ? class != SIZE_MAX : strcmp(rows[i].name, name) == 0;
        if (named && applies(&rows[i], sample)) {
            struct context context = context_of(scratch, sample);
            *ret_measure = compute(&context, &rows[i], name, class);
            return true;
        }
    }
    return false;
}

const char *measures_nearest(struct scratch *scratch, const struct sample *sample, const char *name)
{
    size_t room = ROW_COUNT * (1 + sample->class_count);
    const char **known = scratch_array(scratch, room, sizeof *known);
    size_t count = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!applies(&rows[i], sample)) {
            continue;
        }
        if ((rows[i].when & EACH_CLASS) == 0) {
            known[count++] = rows[i].name;
        } else {
            for (size_t c = 0; c < sample->class_count; c++) {
                known[count++] = class_metric(scratch, rows[i].name, sample->class_names[c]);
            }
        }
    }
    return spelling_nearest(name, known, count);
}

static void put_clean(char *room, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool fine = isalnum((unsigned char)*p) || strchr("_-. :", *p) != NULL;
        *room++ = fine ? *p : '_';
    }
    *room = '\0';
}

const char *measures_key(struct scratch *scratch, const char *name, const char *column, const char *value)
{
    char *metric = scratch_array(scratch, strlen(name) + 1, 1);
    put_clean(metric, name);
    if (column == NULL) {
        return metric;
    }
    char *clean_column = scratch_array(scratch, strlen(column) + 1, 1);
    char *clean_value = scratch_array(scratch, strlen(value) + 1, 1);
    put_clean(clean_column, column);
    put_clean(clean_value, value);
    return scratch_printf(scratch, "%s/%s:%s", metric, clean_column, clean_value);
}
