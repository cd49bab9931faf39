/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "classes.h"
#include "numeric.h"
#include "probability.h"

#include <string.h>
#include <strings.h>

struct reading {
    struct scratch *scratch;
    const struct csv_table *table;
    const struct sample_columns *columns;
    struct sample *sample;
};

const char *sample_text_of(struct scratch *scratch, const struct step_value *value)
{
    switch (value->type) {
    case STEP_TYPE_STRING:
        return value->string;
    case STEP_TYPE_INT:
        return scratch_printf(scratch, "%lld", (long long)value->integer);
    case STEP_TYPE_NUMBER:
        return scratch_printf(scratch, "%.17g", value->number);
    case STEP_TYPE_BOOL:
        return value->boolean ? "true" : "false";
    default:
        return NULL;
    }
}

static int find_column(const struct reading *r, const char *param, const char *name, size_t *ret_column,
                       struct fault *fault)
{
    struct fault inner;
    if (csv_column(r->table, name, ret_column, &inner) < 0) {
        return fault_set(fault, "%s: %.400s", param, inner.text);
    }
    return 0;
}

static int read_numbers(const struct reading *r, const char *param, const char *name, const double **ret_numbers,
                        struct fault *fault)
{
    size_t column = 0;
    if (find_column(r, param, name, &column, fault) < 0) {
        return -1;
    }
    return csv_numbers(r->scratch, r->table, column, ret_numbers, fault);
}

static int read_weights(const struct reading *r, struct fault *fault)
{
    if (r->columns->weight == NULL) {
        return 0;
    }
    if (read_numbers(r, "weight", r->columns->weight, &r->sample->weights, fault) < 0) {
        return -1;
    }
    return numeric_check_weights(r->sample->weights, r->table->rows, fault);
}

/* ---- a regressor -------------------------------------------------------------------------------- */

static int read_regressor(const struct reading *r, struct fault *fault)
{
    if (r->columns->prediction == NULL) {
        return fault_set(fault, "prediction: a regressor needs the column of its predictions");
    }
    if (r->columns->probability != NULL || r->columns->positive != NULL) {
        return fault_set(fault, "%s: only a classifier has it; type is regressor",
                         r->columns->probability != NULL ? "probability" : "positive");
    }
    if (read_numbers(r, "label", r->columns->label, &r->sample->targets, fault) < 0) {
        return -1;
    }
    return read_numbers(r, "prediction", r->columns->prediction, &r->sample->estimates, fault);
}

/* ---- a classifier: its classes ------------------------------------------------------------------ */

/* A class that is nothing, or what a library writes for nothing, is a hole in the data. */
static bool is_missing(const char *text)
{
    return *text == '\0' || strcasecmp(text, "nan") == 0;
}

static int gather(const struct reading *r, size_t column, struct classes *classes, struct fault *fault)
{
    for (size_t row = 0; row < r->table->rows; row++) {
        const char *text = csv_field(r->table, row, column);
        if (is_missing(text)) {
            return fault_set(fault, "row %zu (line %zu), column '%.100s': '%s' is no class", row + 1,
                             r->table->lines[row], r->table->names[column], text);
        }
        if (classes_add(classes, text) < 0) {
            return fault_set(fault, "column '%.100s' has more than %d classes: is the type regressor meant?",
                             r->table->names[column], SAMPLE_MAX_CLASSES);
        }
    }
    return 0;
}

static size_t *class_numbers(const struct reading *r, const struct classes *classes, size_t column)
{
    size_t *numbers = scratch_array(r->scratch, r->table->rows, sizeof *numbers);
    for (size_t row = 0; row < r->table->rows; row++) {
        numbers[row] = classes_find(classes, csv_field(r->table, row, column));
    }
    return numbers;
}

/* The name of the class that does not occur, next to the only one that does. */
static const char *other_class(const struct reading *r, const struct classes *classes, const char *positive)
{
    if (classes_find(classes, positive) == CLASSES_NONE) {
        return positive;
    }
    if (classes->numeric) {
        return classes_find(classes, "0") == CLASSES_NONE ? "0" : "1";
    }
    return scratch_printf(r->scratch, "not %s", positive);
}

/* A file in which only one class occurs says nothing of the other: the positive one must be named. */
static int add_other_class(const struct reading *r, struct classes *classes, const char *positive,
                           struct fault *fault)
{
    double number = 0;
    if (positive == NULL) {
        return fault_set(fault, "label: only the class '%.100s' occurs: say which class is positive",
                         classes->names[0]);
    }
    if (classes->numeric && csv_parse_number(positive, &number) < 0) {
        return fault_set(fault, "positive: '%.100s' is no number, as the only class '%.100s' is", positive,
                         classes->names[0]);
    }
    (void)classes_add(classes, other_class(r, classes, positive));
    classes_settle(r->scratch, classes);
    return 0;
}

static int settle_positive(const struct reading *r, struct classes *classes, struct fault *fault)
{
    const struct step_value *given = r->columns->positive;
    const char *positive = given == NULL ? NULL : sample_text_of(r->scratch, given);
    if (given != NULL && positive == NULL) {
        return fault_set(fault, "positive: expected a class: a text, a number or a boolean");
    }
    if (positive != NULL && classes->count > 2) {
        return fault_set(fault, "positive: there are %zu classes: only with two is one positive", classes->count);
    }
    if (positive != NULL && classes->count == 2 && classes_find(classes, positive) == CLASSES_NONE) {
        return fault_set(fault, "positive: '%.100s' is none of the classes '%.100s' and '%.100s'", positive,
                         classes->names[0], classes->names[1]);
    }
    if (classes->count == 1 && add_other_class(r, classes, positive, fault) < 0) {
        return -1;
    }
    r->sample->positive = positive == NULL ? 1 : classes_find(classes, positive);
    return 0;
}

/* ---- a classifier: its probabilities ------------------------------------------------------------ */

static int read_single(const struct reading *r, const struct classes *classes, const char **columns,
                       struct fault *fault)
{
    if (classes->count != 2) {
        return fault_set(fault, "probability: one column is enough for two classes, there are %zu: give a map of "
                                "class to column", classes->count);
    }
    columns[r->sample->positive] = r->columns->probability->string;
    return 0;
}

/* True when a column carries the name of a class, as "setosa" or "p_setosa" do. */
static bool names_class(const char *column, const char *class)
{
    size_t column_size = strlen(column);
    size_t class_size = strlen(class);
    if (column_size < class_size || strcmp(column + column_size - class_size, class) != 0) {
        return false;
    }
    return column_size == class_size || strchr("_-. :", column[column_size - class_size - 1]) != NULL;
}

/* Columns in the order of the classes, as libraries give them; names that say otherwise are a fault. */
static int read_list(const struct reading *r, const struct classes *classes, const char **columns,
                     struct fault *fault)
{
    const struct step_value *list = r->columns->probability;
    if (list->count != classes->count) {
        return fault_set(fault, "probability: %zu columns for %zu classes: give a map of class to column", list->count,
                         classes->count);
    }
    for (size_t c = 0; c < list->count; c++) {
        if (list->items[c].type != STEP_TYPE_STRING) {
            return fault_set(fault, "probability: item %zu: expected a column's name", c + 1);
        }
        columns[c] = list->items[c].string;
        for (size_t other = 0; other < classes->count; other++) {
            if (other != c && names_class(columns[c], classes->names[other]) &&
                !names_class(columns[c], classes->names[c])) {
                return fault_set(fault, "probability: column '%.80s' stands where class '%.80s' is expected (columns "
                                        "are in the order of the classes): give a map of class to column",
                                 columns[c], classes->names[c]);
            }
        }
    }
    return 0;
}

static int read_map(const struct reading *r, const struct classes *classes, const char **columns, struct fault *fault)
{
    const struct step_value *map = r->columns->probability;
    for (size_t i = 0; i < map->count; i++) {
        if (map->items[i].type != STEP_TYPE_STRING) {
            return fault_set(fault, "probability: '%.100s': expected a column's name", map->keys[i]);
        }
        size_t class = classes_find(classes, map->keys[i]);
        if (columns[class] != NULL) {
            return fault_set(fault, "probability: the class '%.100s' stands twice", map->keys[i]);
        }
        columns[class] = map->items[i].string;
    }
    for (size_t c = 0; c < classes->count; c++) {
        if (columns[c] == NULL && classes->count > 2) {
            return fault_set(fault, "probability: no column for the class '%.100s'", classes->names[c]);
        }
    }
    return 0;
}

static double *complement(const struct reading *r, const double *column)
{
    double *other = scratch_array(r->scratch, r->table->rows, sizeof *other);
    for (size_t i = 0; i < r->table->rows; i++) {
        other[i] = 1 - column[i];
    }
    return other;
}

static int read_scores(const struct reading *r, const struct classes *classes, struct fault *fault)
{
    const struct step_value *given = r->columns->probability;
    const char **names = scratch_array(r->scratch, classes->count, sizeof *names);
    const double **scores = scratch_array(r->scratch, classes->count, sizeof *scores);
    int result = given->type == STEP_TYPE_STRING ? read_single(r, classes, names, fault)
                 : given->type == STEP_TYPE_LIST ? read_list(r, classes, names, fault)
                                                 : read_map(r, classes, names, fault);
    if (result < 0) {
        return -1;
    }
    for (size_t c = 0; c < classes->count; c++) {
        if (names[c] != NULL &&
            (read_numbers(r, "probability", names[c], &scores[c], fault) < 0 ||
             probability_check_column(scores[c], names[c], r->table->rows, fault) < 0)) {
            return -1;
        }
    }
    /* With two classes one column is enough: the other is what remains to 1. */
    for (size_t c = 0; c < classes->count; c++) {
        if (names[c] == NULL) {
            const double *known = scores[1 - c];
            if (known == NULL) {
                return fault_set(fault, "probability: expected a column for at least one class");
            }
            scores[c] = complement(r, known);
            names[c] = names[1 - c];
        }
    }
    r->sample->scores = scores;
    return probability_check(scores, names, classes->count, r->table->rows, fault);
}

static const size_t *most_probable(const struct reading *r, size_t classes)
{
    size_t *predictions = scratch_array(r->scratch, r->table->rows, sizeof *predictions);
    for (size_t i = 0; i < r->table->rows; i++) {
        for (size_t c = 1; c < classes; c++) {
            if (r->sample->scores[c][i] > r->sample->scores[predictions[i]][i]) {
                predictions[i] = c;
            }
        }
    }
    return predictions;
}

/* ---- a classifier ------------------------------------------------------------------------------- */

static int gather_all(const struct reading *r, size_t label, size_t prediction, struct classes *classes,
                      struct fault *fault)
{
    const struct step_value *probability = r->columns->probability;
    if (gather(r, label, classes, fault) < 0 ||
        (r->columns->prediction != NULL && gather(r, prediction, classes, fault) < 0)) {
        return -1;
    }
    for (size_t i = 0; probability != NULL && probability->type == STEP_TYPE_MAP && i < probability->count; i++) {
        if (classes_add(classes, probability->keys[i]) < 0) {
            return fault_set(fault, "probability: more than %d classes", SAMPLE_MAX_CLASSES);
        }
    }
    classes_settle(r->scratch, classes);
    return 0;
}

static int read_classifier(const struct reading *r, struct fault *fault)
{
    const struct step_value *probability = r->columns->probability;
    if (probability != NULL && probability->type != STEP_TYPE_STRING && probability->type != STEP_TYPE_LIST &&
        probability->type != STEP_TYPE_MAP) {
        return fault_set(fault, "probability: expected a column, a list of columns, or a map of class to column");
    }
    if (r->columns->prediction == NULL && probability == NULL) {
        return fault_set(fault, "prediction: expected a column of predicted classes, or probability");
    }
    size_t label = 0;
    size_t prediction = 0;
    struct classes classes = classes_new(r->scratch, SAMPLE_MAX_CLASSES);
    if (find_column(r, "label", r->columns->label, &label, fault) < 0 ||
        (r->columns->prediction != NULL &&
         find_column(r, "prediction", r->columns->prediction, &prediction, fault) < 0) ||
        gather_all(r, label, prediction, &classes, fault) < 0 || settle_positive(r, &classes, fault) < 0) {
        return -1;
    }
    r->sample->class_count = classes.count;
    r->sample->class_names = classes.names;
    r->sample->labels = class_numbers(r, &classes, label);
    if (probability != NULL && read_scores(r, &classes, fault) < 0) {
        return -1;
    }
    r->sample->predictions = r->columns->prediction == NULL ? most_probable(r, classes.count)
                                                            : class_numbers(r, &classes, prediction);
    return 0;
}

int sample_read(struct scratch *scratch, const struct csv_table *table, const struct sample_columns *columns,
                struct sample *ret_sample, struct fault *fault)
{
    struct sample sample = {.classifier = columns->classifier, .rows = table->rows};
    struct reading reading = {scratch, table, columns, &sample};
    if (table->rows == 0) {
        return fault_set(fault, "the file has a header and no rows");
    }
    if (read_weights(&reading, fault) < 0) {
        return -1;
    }
    if ((sample.classifier ? read_classifier(&reading, fault) : read_regressor(&reading, fault)) < 0) {
        return -1;
    }
    *ret_sample = sample;
    return 0;
}

/* ---- rows of it --------------------------------------------------------------------------------- */

static const double *take_numbers(struct scratch *scratch, const double *values, const size_t *rows, size_t count)
{
    if (values == NULL) {
        return NULL;
    }
    double *taken = scratch_array(scratch, count, sizeof *taken);
    for (size_t i = 0; i < count; i++) {
        taken[i] = values[rows[i]];
    }
    return taken;
}

static const size_t *take_classes(struct scratch *scratch, const size_t *values, const size_t *rows, size_t count)
{
    if (values == NULL) {
        return NULL;
    }
    size_t *taken = scratch_array(scratch, count, sizeof *taken);
    for (size_t i = 0; i < count; i++) {
        taken[i] = values[rows[i]];
    }
    return taken;
}

struct sample sample_take(struct scratch *scratch, const struct sample *sample, const size_t *rows, size_t count)
{
    struct sample taken = *sample;
    taken.rows = count;
    taken.weights = take_numbers(scratch, sample->weights, rows, count);
    taken.targets = take_numbers(scratch, sample->targets, rows, count);
    taken.estimates = take_numbers(scratch, sample->estimates, rows, count);
    taken.labels = take_classes(scratch, sample->labels, rows, count);
    taken.predictions = take_classes(scratch, sample->predictions, rows, count);
    if (sample->scores != NULL) {
        const double **scores = scratch_array(scratch, sample->class_count, sizeof *scores);
        for (size_t c = 0; c < sample->class_count; c++) {
            scores[c] = take_numbers(scratch, sample->scores[c], rows, count);
        }
        taken.scores = scores;
    }
    return taken;
}
