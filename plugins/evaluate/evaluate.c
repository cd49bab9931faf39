/* SPDX-License-Identifier: Apache-2.0
 * The evaluate step, from the file of predictions to the verdict:
 *
 *     read the file (data.c, sample.c), measure it whole and by slices (measures.c, slices.c), draw it
 *     (figures.c), ask for the champion (champion.c), judge the rules (gate.c), and record it all
 *     (record.c).
 *
 * README.md beside this file describes parameters, outputs and metrics for users. */
#include "step.h"

#include "champion.h"
#include "data.h"
#include "figures.h"
#include "gate.h"
#include "measure_rows.h"
#include "measures.h"
#include "record.h"
#include "sample.h"
#include "slices.h"
#include "thresholds.h"

#include <string.h>

#define PARAMS(P)                                                                                                      \
    P(ANY, dataset, "required; shape=string|map; keys=path!|name",                                                     \
      "The file with labels and predictions: a path, or {path, name}.")                                                \
    P(STRING, label, "required; minlen=1", "The column of true classes or values.")                                    \
    P(STRING, prediction, "", "The column of predictions. A classifier with probabilities needs none.")                \
    P(ANY, probability, "shape=string|list|map",                                                                       \
      "Probabilities: the positive class's column, a list in class order, or a map of class to column.")               \
    P(STRING, weight, "", "The column of sample weights.")                                                             \
    P(ANY, positive, "shape=string|number|bool", "The positive of two classes. Default: the last in order.")           \
    P(STRING, type, "required; choices=classifier|regressor", "What the model predicts: classes or numbers.")          \
    P(STRING, model, "", "The model that was evaluated (m-..., models:/...): the metrics also go to it.")              \
    P(ANY, champion, "shape=string|map; keys=model!|if_missing pass,fail",                                             \
      "The version to beat: a model, or {model, if_missing: pass|fail}.")                                              \
    P(ANY, thresholds, "shape=map; format=thresholds; " MEASURES_KEYS,                                                 \
      "Rules by metric or metric[column=value]: \"<= 0.7\", \">= champion - 0.02\".")                                  \
    P(INT, min_samples, "default=0; min=0", "Rows that each rule must rest on.")                                       \
    P(ANY, slices, "shape=list; items=string", "Columns by whose values the metrics are computed, too.")               \
    P(ANY, ignore_columns, "shape=list; items=string",                                                                 \
      "Columns that are no data, besides predictions; see the digest.")                                                \
    P(STRING, on_refuse, "default=fail; choices=fail|skip", "A refusal fails the step, or skips what follows.")        \
    P(BOOL, plots, "default=true", "Draw SVG plots as artifacts.")                                                     \
    P(STRING, separator, "default=auto; choices=auto|comma|semicolon|tab", "Of the file's fields.")                    \
    P(SIZE, max_size, "default=1G; min=1", "The largest file that is read.")                                           \
    P(INT, seed, "default=1; min=0", "Of the resamples that `confidence` draws.")

#define OUTPUTS(O)                                                                                                     \
    O(BOOL, passed, "Whether every rule holds.")                                                                       \
    O(ANY, metrics, "Metrics of the whole dataset, by name.")                                                          \
    O(STRING, refused_by, "The rules that refused, and by how much; empty when passed.")                               \
    O(STRING, champion_version, "The champion's version, or null.")                                                    \
    O(STRING, dataset_digest, "sha256 of the data without the predictions.")                                           \
    O(INT, n, "How many rows were evaluated.")                                                                         \
    O(STRING, gate_id, "The gate record, or null without rules.")

STEP_PARAMS_STRUCT(evaluate_params, PARAMS);

struct evaluation {
    const struct step_host *host;
    const struct evaluate_params *params;
    struct scratch *scratch;
    struct thresholds thresholds;
    struct champion champion;
    struct data data;
    struct sample sample;
    struct record record;
    struct gate gate;
};

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static const struct step_value *value_or_null(const struct step_value *value)
{
    return value == NULL || value->type == STEP_TYPE_NULL ? NULL : value;
}

/* ---- before the file is read -------------------------------------------------------------------- */

static int check_list(const char *param, const struct step_value *list, struct fault *fault)
{
    if (list == NULL) {
        return 0;
    }
    if (list->type != STEP_TYPE_LIST) {
        return fault_set(fault, "%s: expected a list of columns", param);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].type != STEP_TYPE_STRING) {
            return fault_set(fault, "%s: item %zu: expected a column's name", param, i + 1);
        }
    }
    return 0;
}

static int check_params(struct evaluation *e, struct fault *fault)
{
    const struct evaluate_params *p = e->params;
    if (check_list("slices", value_or_null(p->slices), fault) < 0 ||
        check_list("ignore_columns", value_or_null(p->ignore_columns), fault) < 0 ||
        champion_parse(p->champion, &e->champion, fault) < 0 ||
        thresholds_parse(e->scratch, p->thresholds, p->min_samples, &e->thresholds, fault) < 0) {
        return -1;
    }
    if (thresholds_name_champion(&e->thresholds) && e->champion.uri == NULL) {
        return fault_set(fault, "thresholds: a rule names the champion: expected a parameter champion, such as "
                                "{model: models:/wine@champion}");
    }
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static void add_name(struct data_columns *columns, const struct step_value *value)
{
    if (value->type == STEP_TYPE_STRING) {
        columns->names[columns->count++] = value->string;
    } else if (value->type == STEP_TYPE_LIST || value->type == STEP_TYPE_MAP) {
        for (size_t i = 0; i < value->count; i++) {
            if (value->items[i].type == STEP_TYPE_STRING) {
                columns->names[columns->count++] = value->items[i].string;
            }
        }
    }
}

/* What the model said, and what the user says is no data. */
static struct data_columns columns_that_are_no_data(const struct evaluation *e)
{
    const struct step_value *probability = value_or_null(e->params->probability);
    const struct step_value *ignored = value_or_null(e->params->ignore_columns);
    size_t room = 2 + (probability == NULL ? 0 : probability->count) + (ignored == NULL ? 0 : ignored->count);
    struct data_columns columns = {.names = scratch_array(e->scratch, room, sizeof *columns.names)};
    if (text_or_null(e->params->prediction) != NULL) {
        columns.names[columns.count++] = e->params->prediction;
    }
    if (probability != NULL) {
        add_name(&columns, probability);
    }
    if (ignored != NULL) {
        add_name(&columns, ignored);
    }
    return columns;
}

static int read_all(struct evaluation *e, struct fault *fault)
{
    const struct evaluate_params *p = e->params;
    struct sample_columns columns = {.classifier = strcmp(p->type, "classifier") == 0,
                                     .label = p->label,
                                     .prediction = text_or_null(p->prediction),
                                     .weight = text_or_null(p->weight),
                                     .probability = value_or_null(p->probability),
                                     .positive = value_or_null(p->positive)};
    struct data_columns not_data = columns_that_are_no_data(e);
    if (data_read(e->host, e->scratch, p->dataset, p->separator, p->max_size, &e->data, fault) < 0) {
        return -1;
    }
    struct fault inner;
    if (sample_read(e->scratch, &e->data.table, &columns, &e->sample, &inner) < 0) {
        return fault_set(fault, "'%.150s': %.350s", e->data.path, inner.text);
    }
    if (sample_is_binary(&e->sample)) {
        step_log(e->host, STEP_LOG_INFO, "two classes: '%s' is positive, '%s' is not",
                 e->sample.class_names[e->sample.positive], e->sample.class_names[1 - e->sample.positive]);
    }
    return data_digest(e->host, e->scratch, &e->data, &not_data, fault);
}

/* ---- measuring ---------------------------------------------------------------------------------- */

static void keep_measures(struct evaluation *e, const struct measures *measures, const struct slice *slice)
{
    for (size_t i = 0; i < measures->count; i++) {
        const struct measure *m = &measures->items[i];
        const char *key = slice == NULL ? measures_key(e->scratch, m->name, NULL, NULL)
                                        : measures_key(e->scratch, m->name, slice->column, slice->value);
        if (m->undefined != NULL) {
            step_log(e->host, STEP_LOG_INFO, "%s is not defined: %s", key, m->undefined);
        } else {
            record_add_metric(&e->record, e->scratch, key, m->value);
        }
    }
}

static int measure_slices(struct evaluation *e, struct fault *fault)
{
    const struct step_value *columns = value_or_null(e->params->slices);
    for (size_t i = 0; columns != NULL && i < columns->count; i++) {
        struct slices slices;
        struct fault inner;
        if (slices_of_column(e->scratch, &e->data.table, columns->items[i].string, &slices, &inner) < 0) {
            return fault_set(fault, "slices: %.400s", inner.text);
        }
        if (slices.left_out > 0) {
            step_log(e->host, STEP_LOG_WARN, "slices: '%s' has %zu values: the %d most frequent are measured",
                     columns->items[i].string, slices.count + slices.left_out, SLICES_MAX_VALUES);
        }
        for (size_t s = 0; s < slices.count; s++) {
            struct sample rows = sample_take(e->scratch, &e->sample, slices.items[s].rows, slices.items[s].count);
            struct measures measures = measures_all(e->scratch, &rows, false);
            keep_measures(e, &measures, &slices.items[s]);
        }
    }
    return 0;
}

/* A rule's slice is kept among the metrics as well, so that the next champion can be compared on it. */
static void keep_rule_metrics(struct evaluation *e)
{
    for (size_t i = 0; i < e->gate.count; i++) {
        const struct gate_rule *r = &e->gate.rules[i];
        if (r->evidence.undefined == NULL && strcmp(r->key, "n") != 0) {
            record_add_metric(&e->record, e->scratch, r->key, r->evidence.value);
        }
    }
}

static int measure_all(struct evaluation *e, struct fault *fault)
{
    struct measures whole = measures_all(e->scratch, &e->sample, true);
    keep_measures(e, &whole, NULL);
    if (e->sample.class_count > MEASURES_MAX_CLASSES) {
        step_log(e->host, STEP_LOG_INFO, "%zu classes: metrics of single classes are left out", e->sample.class_count);
    }
    e->record.whole = whole;
    return measure_slices(e, fault);
}

/* ---- the step ----------------------------------------------------------------------------------- */

static int evaluate(struct evaluation *e, struct fault *fault)
{
    if (check_params(e, fault) < 0) {
        return -1;
    }
    e->host->progress(e->host, 0.1, "reading");
    if (read_all(e, fault) < 0) {
        return -1;
    }
    e->host->progress(e->host, 0.3, "measuring");
    if (measure_all(e, fault) < 0 || champion_ask(e->host, e->scratch, e->data.digest, &e->champion, fault) < 0) {
        return -1;
    }
    e->host->progress(e->host, 0.5, "judging");
    if (gate_judge(e->host, e->scratch, &e->thresholds, e->params->min_samples, &e->data, &e->sample, &e->champion,
                   (uint64_t)e->params->seed, &e->gate, fault) < 0) {
        return -1;
    }
    if (e->host->cancelled(e->host)) {
        return fault_set(fault, "cancelled before the verdict");
    }
    keep_rule_metrics(e);
    e->host->progress(e->host, 0.8, "recording");
    if (e->params->plots && figures_draw(e->host, &e->sample, fault) < 0) {
        return -1;
    }
    gate_log(e->host, &e->gate);
    struct record_case about = {e->host, &e->data, &e->sample, &e->champion, &e->gate, text_or_null(e->params->model)};
    return record_write(&e->record, e->scratch, &about, fault);
}

static enum step_result conclude(const struct evaluation *e)
{
    const struct step_host *host = e->host;
    if (e->gate.passed) {
        if (e->gate.count > 0) {
            step_log(host, STEP_LOG_INFO, "passed: %zu of %zu rules hold", e->gate.count, e->gate.count);
        }
        return STEP_OK;
    }
    const char *reason = scratch_printf(e->scratch, "refused: %s", e->gate.refused_by);
    if (strcmp(e->params->on_refuse, "skip") == 0) {
        step_log(host, STEP_LOG_WARN, "%s", reason);
        return STEP_OK;
    }
    host->fail(host, reason);
    return STEP_REFUSED;
}

static enum step_result run(const struct step_host *host, const void *params)
{
    struct scratch scratch = {0};
    struct fault fault;
    struct evaluation evaluation = {.host = host, .params = params, .scratch = &scratch};
    enum step_result result =
        evaluate(&evaluation, &fault) < 0 ? step_fail(host, "%s", fault.text) : conclude(&evaluation);
    scratch_free(&scratch);
    return result;
}

STEP_PLUGIN(evaluate, "1.0", "Measures predictions, draws them, and gates by thresholds and against the champion.",
            STEP_REPEATABLE | STEP_GATE, evaluate_params, PARAMS, OUTPUTS, run)
