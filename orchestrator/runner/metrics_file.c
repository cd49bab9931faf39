/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/metrics_file.h"

#include "base/json.h"
#include "base/parse.h"
#include "runner/csv_text.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

struct reading {
    const struct metrics_file_taker *taker;
    struct arena *arena;
    struct json told; /* keys whose values were left out, told once */
    size_t points;
    struct err *err;
};

static int take(struct reading *reading, struct str key, double value, int64_t step, int64_t time_ms)
{
    struct journal_point point = {.key = key, .value = value, .step = step, .time_ms = time_ms};
    reading->points++;
    return reading->taker->point(reading->taker->ctx, &point, reading->err);
}

static void skip(struct reading *reading, struct str key, const char *found)
{
    if (json_get_str(&reading->told, key) == NULL) {
        json_set(reading->arena, &reading->told, arena_str(reading->arena, key).p, json_bool(true));
        reading->taker->skipped(reading->taker->ctx,
                                arena_printf(reading->arena, "metric '%.*s' is left out: expected a number, found %s",
                                             STR_ARG(key), found));
    }
}

static bool number_of_text(struct str text, double *ret)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"nan", NAN},           {"inf", INFINITY},   {"+inf", INFINITY},
                 {"infinity", INFINITY}, {"-inf", -INFINITY}, {"-infinity", -INFINITY}};
    text = str_trim(text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text.n == strlen(words[i].word) && strncasecmp(text.p, words[i].word, text.n) == 0) {
            *ret = words[i].value;
            return true;
        }
    }
    return parse_number(text, ret, NULL) == 0;
}

static bool number_of(const struct json *value, double *ret)
{
    return json_as_number(value, ret) ||
           (value->type == JSON_STRING && isalpha((unsigned char)*value->u.string.p) &&
            number_of_text(value->u.string, ret)) ||
           (value->type == JSON_STRING && str_is(value->u.string, "-Infinity") && number_of_text(value->u.string, ret));
}

/* ---- JSON ---- */

static int take_map(struct reading *reading, const struct json *map, const char *prefix)
{
    for (size_t i = 0; i < map->u.object.count; i++) {
        const struct json_member *member = &map->u.object.members[i];
        const char *key =
            *prefix == '\0' ? member->key.p : arena_printf(reading->arena, "%s/%.*s", prefix, STR_ARG(member->key));
        double value = 0;
        if (member->value.type == JSON_OBJECT) {
            if (take_map(reading, &member->value, key) < 0) {
                return -1;
            }
        } else if (!number_of(&member->value, &value)) {
            skip(reading, str_from(key), json_type_name(member->value.type));
        } else if (take(reading, str_from(key), value, 0, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

static int take_list(struct reading *reading, const struct json *list)
{
    for (size_t i = 0; i < list->u.array.count; i++) {
        const struct json *item = &list->u.array.items[i];
        const struct json *key = json_get(item, "key");
        const struct json *value = json_get(item, "value");
        const struct json *step = json_get(item, "step");
        const struct json *time = json_get(item, "timestamp");
        double number = 0;
        if (key == NULL || key->type != JSON_STRING || value == NULL) {
            return err_set(reading->err, ERR_INPUT, "item %zu: expected {\"key\", \"value\", \"step\", \"timestamp\"}",
                           i + 1);
        }
        if ((step != NULL && step->type != JSON_INT) || (time != NULL && time->type != JSON_INT)) {
            return err_set(reading->err, ERR_INPUT, "item %zu: expected integers for step and timestamp", i + 1);
        }
        if (!number_of(value, &number)) {
            skip(reading, key->u.string, json_type_name(value->type));
        } else if (take(reading, key->u.string, number, json_get_int(item, "step", 0),
                        json_get_int(item, "timestamp", 0)) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_json(struct reading *reading, struct str text)
{
    struct json value;
    if (json_read_metrics(text, (struct json_limits){0}, reading->arena, &value, reading->err) < 0) {
        return -1;
    }
    if (value.type == JSON_OBJECT) {
        return take_map(reading, &value, "");
    }
    if (value.type == JSON_ARRAY) {
        return take_list(reading, &value);
    }
    return err_set(reading->err, ERR_INPUT, "expected a map of numbers or a list of points, found %s",
                   json_type_name(value.type));
}

/* ---- CSV ---- */

struct columns {
    struct str *names;
    size_t count;
    ptrdiff_t key; /* -1: not there */
    ptrdiff_t value;
    ptrdiff_t step;
    ptrdiff_t time;
};

static ptrdiff_t find_column(const struct columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (str_is(columns->names[i], name)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

static int integer_cell(const struct csv_text_reader *csv, ptrdiff_t column, const char *name, int64_t otherwise,
                        int64_t *ret, struct err *err)
{
    *ret = otherwise;
    if (column < 0 || str_trim(csv->cells[column]).n == 0) {
        return 0;
    }
    struct str cell = str_trim(csv->cells[column]);
    if (parse_int(cell, INT64_MIN, INT64_MAX, ret, NULL) == 0) {
        return 0;
    }
    return err_set(err, ERR_INPUT, "line %zu, column '%s': expected an integer, found '%.*s'", csv->line, name,
                   STR_ARG(cell));
}

static int take_cell(struct reading *reading, struct str key, struct str cell, int64_t step, int64_t time_ms)
{
    double value = 0;
    cell = str_trim(cell);
    if (cell.n == 0) {
        return 0;
    }
    if (!number_of_text(cell, &value)) {
        skip(reading, key, arena_printf(reading->arena, "'%.*s'", STR_ARG(str_slice(cell, 0, 80))));
        return 0;
    }
    return take(reading, key, value, step, time_ms);
}

static int take_row(struct reading *reading, const struct columns *columns, const struct csv_text_reader *csv,
                    int64_t row)
{
    int64_t step = 0;
    int64_t time_ms = 0;
    bool tall = columns->key >= 0;
    if (csv->count != columns->count) {
        return err_set(reading->err, ERR_INPUT, "line %zu has %zu cells, expected %zu", csv->line, csv->count,
                       columns->count);
    }
    if (integer_cell(csv, columns->step, "step", tall ? 0 : row, &step, reading->err) < 0 ||
        integer_cell(csv, columns->time, "timestamp", 0, &time_ms, reading->err) < 0) {
        return -1;
    }
    if (tall) {
        return take_cell(reading, str_trim(csv->cells[columns->key]), csv->cells[columns->value], step, time_ms);
    }
    for (size_t i = 0; i < columns->count; i++) {
        if ((ptrdiff_t)i != columns->step && (ptrdiff_t)i != columns->time &&
            take_cell(reading, columns->names[i], csv->cells[i], step, time_ms) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_csv(struct reading *reading, struct str text)
{
    struct csv_text_reader csv;
    csv_text_begin(&csv, text, ',');
    int more = csv_text_next(&csv, reading->arena, reading->err);
    if (more <= 0) {
        return more < 0 ? -1 : err_set(reading->err, ERR_INPUT, "expected a line with the names of the columns");
    }
    struct columns columns = {.names = arena_array(reading->arena, csv.count, sizeof *columns.names),
                              .count = csv.count};
    for (size_t i = 0; i < csv.count; i++) {
        columns.names[i] = str_trim(csv.cells[i]);
    }
    columns.key = find_column(&columns, "key");
    columns.value = find_column(&columns, "value");
    columns.step = find_column(&columns, "step");
    columns.time = find_column(&columns, "timestamp");
    if (columns.value < 0) {
        columns.key = -1;
    }
    for (int64_t row = 0; (more = csv_text_next(&csv, reading->arena, reading->err)) == 1; row++) {
        if (take_row(reading, &columns, &csv, row) < 0) {
            return -1;
        }
    }
    return more;
}

int metrics_file_read(const char *path, struct str text, const struct metrics_file_taker *taker, struct arena *arena,
                      struct err *err)
{
    struct reading reading = {.taker = taker, .arena = arena, .told = json_object(), .err = err};
    int result;
    if (str_ends(str_from(path), STR(".json"))) {
        result = read_json(&reading, text);
    } else if (str_ends(str_from(path), STR(".csv"))) {
        result = read_csv(&reading, text);
    } else {
        return err_set(err, ERR_INPUT, "metrics file '%s': expected a name that ends with .json or .csv", path);
    }
    if (result == 0 && reading.points == 0) {
        result = err_set(err, ERR_INPUT, "there is no metric in it");
    }
    return result < 0 ? err_add(err, "metrics file '%s'", path) : 0;
}
