/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include "csv.h"
#include "sources.h"
#include "value.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const char *join(struct scratch *scratch, const char *prefix, const char *key)
{
    return prefix[0] == '\0' ? scratch_copy(scratch, key, strlen(key)) : scratch_printf(scratch, "%s/%s", prefix, key);
}

/* ---- params and tags ----------------------------------------------------------------------------- */

static void add_text(struct scratch *scratch, struct fact_texts *texts, const char *key, const char *value)
{
    if (texts->count == texts->room) {
        texts->room = texts->room * 2 + 64;
        struct fact_text *items = scratch_array(scratch, texts->room, sizeof *items);
        if (texts->count > 0) {
            memcpy(items, texts->items, texts->count * sizeof *items);
        }
        texts->items = items;
    }
    texts->items[texts->count++] = (struct fact_text){key, value};
}

static void add_text_value(struct scratch *scratch, struct fact_texts *texts, const char *key,
                           const struct step_value *value)
{
    struct textbuf text = {0};
    if (value->type == STEP_TYPE_LIST || value->type == STEP_TYPE_MAP) {
        value_put_json(&text, value);
    } else {
        value_put_plain(&text, value);
    }
    add_text(scratch, texts, key, scratch_copy(scratch, textbuf_text(&text), text.size));
    textbuf_free(&text);
}

static void add_text_map(struct scratch *scratch, struct fact_texts *texts, const char *prefix,
                         const struct step_value *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct step_value *value = &map->items[i];
        const char *key = join(scratch, prefix, map->keys[i]);
        if (value->type == STEP_TYPE_MAP && value->count > 0) {
            add_text_map(scratch, texts, key, value);
        } else {
            add_text_value(scratch, texts, key, value);
        }
    }
}

static int find(const struct csv_reader *csv, const char *name)
{
    const char *const *names = csv_column_names(csv);
    for (size_t i = 0; i < csv_column_count(csv); i++) {
        if (strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int add_text_rows(struct scratch *scratch, const struct source *source, struct csv_reader *csv,
                         struct fact_texts *texts, struct fault *fault)
{
    const char *const *fields = NULL;
    size_t line = 0;
    int key = find(csv, "key");
    int value = find(csv, "value");
    int more = 0;
    if (key < 0 || value < 0) {
        return fault_set(fault, "'%.200s': expected the columns key and value", source->shown);
    }
    while ((more = csv_next(csv, &fields, &line, fault)) == 1) {
        add_text(scratch, texts, scratch_copy(scratch, fields[key], strlen(fields[key])),
                 scratch_copy(scratch, fields[value], strlen(fields[value])));
    }
    return more;
}

static int add_text_csv(struct scratch *scratch, const struct source *source, struct fact_texts *texts,
                        struct fault *fault)
{
    struct csv_reader *csv = NULL;
    if (csv_open(source->path, (struct csv_options){0}, &csv, fault) < 0) {
        return -1;
    }
    int result = add_text_rows(scratch, source, csv, texts, fault);
    csv_close(csv);
    return result;
}

int facts_read_texts(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                     const char *what, struct fact_texts *texts, struct fault *fault)
{
    struct source *sources = NULL;
    size_t count = 0;
    if (sources_read(host, scratch, from, what, &sources, &count, fault) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (sources[i].value == NULL) {
            if (add_text_csv(scratch, &sources[i], texts, fault) < 0) {
                return -1;
            }
        } else if (sources[i].value->type != STEP_TYPE_MAP) {
            return fault_set(fault, "%s: '%.200s' holds %s: expected a map", what, sources[i].shown,
                             value_type_name(sources[i].value));
        } else {
            add_text_map(scratch, texts, "", sources[i].value);
        }
    }
    return 0;
}

/* ---- metrics ---------------------------------------------------------------------------------------- */

static int add_point(struct scratch *scratch, struct fact_points *points, struct fact_point point, struct fault *fault)
{
    if (points->count == FACTS_MOST_POINTS) {
        return fault_set(fault, "metrics: more than %d points", FACTS_MOST_POINTS);
    }
    if (points->count == points->room) {
        points->room = points->room * 2 + 256;
        struct fact_point *items = scratch_array(scratch, points->room, sizeof *items);
        if (points->count > 0) {
            memcpy(items, points->items, points->count * sizeof *items);
        }
        points->items = items;
    }
    points->items[points->count++] = point;
    return 0;
}

/* csv_parse_number() takes finite numbers alone; a metric may be none. */
static int parse_metric(const char *text, double *ret_number)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"nan", NAN},        {"inf", INFINITY},   {"+inf", INFINITY},      {"infinity", INFINITY},
                 {"-inf", -INFINITY}, {"-infinity", -INFINITY}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            *ret_number = words[i].value;
            return 0;
        }
    }
    return csv_parse_number(text, ret_number);
}

static int number_of(const struct step_value *value, double *ret_number)
{
    if (value->type == STEP_TYPE_INT || value->type == STEP_TYPE_NUMBER) {
        *ret_number = value->number;
        return 0;
    }
    /* Only the words that JSON cannot write as numbers: "0.5" in quotes is a mistake. */
    return value->type == STEP_TYPE_STRING && strpbrk(value->string, "0123456789") == NULL
               ? parse_metric(value->string, ret_number)
               : -1;
}

static int add_point_map(struct scratch *scratch, const struct source *source, const char *prefix,
                         const struct step_value *map, struct fact_points *points, struct fault *fault)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct step_value *value = &map->items[i];
        struct fact_point point = {.key = join(scratch, prefix, map->keys[i])};
        if (value->type == STEP_TYPE_MAP) {
            if (add_point_map(scratch, source, point.key, value, points, fault) < 0) {
                return -1;
            }
        } else if (number_of(value, &point.value) < 0) {
            return fault_set(fault, "'%.200s': '%.100s' is %s: expected a number", source->shown, point.key,
                             value_type_name(value));
        } else if (add_point(scratch, points, point, fault) < 0) {
            return -1;
        }
    }
    return 0;
}

static int whole_member(const struct step_value *item, const char *key, int64_t *ret)
{
    const struct step_value *value = value_given(step_get(item, key));
    *ret = value != NULL && value->type == STEP_TYPE_INT ? value->integer : 0;
    return value == NULL || value->type == STEP_TYPE_INT ? 0 : -1;
}

static int add_point_list(struct scratch *scratch, const struct source *source, const struct step_value *list,
                          struct fact_points *points, struct fault *fault)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct step_value *item = &list->items[i];
        const char *key = value_member_text(item, "key");
        const struct step_value *value = step_get(item, "value");
        struct fact_point point = {.key = key == NULL ? "" : scratch_copy(scratch, key, strlen(key))};
        if (key == NULL || value == NULL || number_of(value, &point.value) < 0 ||
            whole_member(item, "step", &point.step) < 0 || whole_member(item, "timestamp", &point.time_ms) < 0) {
            return fault_set(fault,
                             "'%.200s': item %zu: expected {key: TEXT, value: NUMBER} and, if wanted, whole numbers "
                             "for step and timestamp",
                             source->shown, i + 1);
        }
        if (add_point(scratch, points, point, fault) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- metrics in CSV ---------------------------------------------------------------------------------- */

struct columns {
    int key, value, step, time; /* -1: not there */
};

struct row {
    const struct source *source;
    const struct csv_reader *csv;
    const char *const *fields;
    size_t line;
    int64_t step, time_ms;
};

static int whole_cell(const struct row *row, int column, int64_t otherwise, int64_t *ret, struct fault *fault)
{
    double number = 0;
    const char *text = column < 0 ? "" : row->fields[column];
    *ret = otherwise;
    if (text[strspn(text, " \t")] == '\0') {
        return 0;
    }
    if (csv_parse_number(text, &number) < 0 || floor(number) != number || fabs(number) > 9e15) {
        return fault_set(fault, "'%.200s' line %zu, column '%.60s': '%.60s' is no whole number", row->source->shown,
                         row->line, csv_column_names(row->csv)[column], text);
    }
    *ret = (int64_t)number;
    return 0;
}

static int add_cell(struct scratch *scratch, const struct row *row, const char *key, int column,
                    struct fact_points *points, struct fault *fault)
{
    struct fact_point point = {.step = row->step, .time_ms = row->time_ms};
    const char *text = row->fields[column];
    if (text[strspn(text, " \t")] == '\0') {
        return 0;
    }
    if (parse_metric(text, &point.value) < 0) {
        return fault_set(fault, "'%.200s' line %zu, column '%.60s': '%.60s' is no number", row->source->shown,
                         row->line, csv_column_names(row->csv)[column], text);
    }
    point.key = scratch_copy(scratch, key, strlen(key));
    return add_point(scratch, points, point, fault);
}

static int add_row(struct scratch *scratch, const struct row *row, const struct columns *columns,
                   struct fact_points *points, struct fault *fault)
{
    if (columns->key >= 0 && columns->value >= 0) {
        return add_cell(scratch, row, row->fields[columns->key], columns->value, points, fault);
    }
    for (int i = 0; i < (int)csv_column_count(row->csv); i++) {
        if (i != columns->step && i != columns->time &&
            add_cell(scratch, row, csv_column_names(row->csv)[i], i, points, fault) < 0) {
            return -1;
        }
    }
    return 0;
}

static int add_point_rows(struct scratch *scratch, const struct source *source, struct csv_reader *csv,
                          struct fact_points *points, struct fault *fault)
{
    struct columns columns = {find(csv, "key"), find(csv, "value"), find(csv, "step"), find(csv, "timestamp")};
    struct row row = {.source = source, .csv = csv};
    bool long_form = columns.key >= 0 && columns.value >= 0;
    int more = 0;
    for (int64_t number = 0; (more = csv_next(csv, &row.fields, &row.line, fault)) == 1; number++) {
        if (whole_cell(&row, columns.step, long_form ? 0 : number, &row.step, fault) < 0 ||
            whole_cell(&row, columns.time, 0, &row.time_ms, fault) < 0 ||
            add_row(scratch, &row, &columns, points, fault) < 0) {
            return -1;
        }
    }
    return more;
}

static int add_point_csv(struct scratch *scratch, const struct source *source, struct fact_points *points,
                         struct fault *fault)
{
    struct csv_reader *csv = NULL;
    if (csv_open(source->path, (struct csv_options){0}, &csv, fault) < 0) {
        return -1;
    }
    int result = add_point_rows(scratch, source, csv, points, fault);
    csv_close(csv);
    return result;
}

static int add_source(struct scratch *scratch, const struct source *source, const char *what,
                      struct fact_points *points, struct fault *fault)
{
    if (source->value == NULL) {
        return add_point_csv(scratch, source, points, fault);
    }
    if (source->value->type == STEP_TYPE_MAP) {
        return add_point_map(scratch, source, "", source->value, points, fault);
    }
    return source->value->type == STEP_TYPE_LIST
               ? add_point_list(scratch, source, source->value, points, fault)
               : fault_set(fault, "%s: '%.200s' holds %s: expected a map or a list", what, source->shown,
                           value_type_name(source->value));
}

int facts_read_points(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                      const char *what, struct fact_points *points, struct fault *fault)
{
    struct source *sources = NULL;
    size_t count = 0;
    if (sources_read(host, scratch, from, what, &sources, &count, fault) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (add_source(scratch, &sources[i], what, points, fault) < 0) {
            return -1;
        }
    }
    return 0;
}
