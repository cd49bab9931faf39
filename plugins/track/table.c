/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include "csv.h"
#include "document.h"
#include "value.h"

#include <string.h>

static const size_t most_csv_bytes = (size_t)256 << 20;

static void put_columns(struct textbuf *out, const char *const *names, size_t count)
{
    textbuf_put(out, "{\"columns\":[");
    for (size_t i = 0; i < count; i++) {
        textbuf_put(out, i == 0 ? "" : ",");
        textbuf_json_string(out, names[i]);
    }
    textbuf_put(out, "],\"data\":[");
}

/* ---- CSV ---------------------------------------------------------------------------------------- */

static bool is_numeric(const struct csv_table *table, size_t column)
{
    double number = 0;
    for (size_t row = 0; row < table->rows; row++) {
        const char *field = csv_field(table, row, column);
        if (field[0] != '\0' && csv_parse_number(field, &number) < 0) {
            return false;
        }
    }
    return true;
}

static void put_cell(struct textbuf *out, const char *field, bool numeric)
{
    double number = 0;
    if (field[0] == '\0') {
        textbuf_put(out, "null");
    } else if (numeric && csv_parse_number(field, &number) == 0) {
        textbuf_json_number(out, number);
    } else {
        textbuf_json_string(out, field);
    }
}

static int put_csv(struct scratch *scratch, const char *path, struct textbuf *out, struct fault *fault)
{
    struct csv_table table;
    if (csv_read_file(scratch, path, (struct csv_options){.max_bytes = most_csv_bytes}, &table, fault) < 0) {
        return -1;
    }
    bool *numeric = scratch_array(scratch, table.columns, sizeof *numeric);
    for (size_t column = 0; column < table.columns; column++) {
        numeric[column] = is_numeric(&table, column);
    }
    put_columns(out, table.names, table.columns);
    for (size_t row = 0; row < table.rows; row++) {
        textbuf_put(out, row == 0 ? "[" : ",[");
        for (size_t column = 0; column < table.columns; column++) {
            textbuf_put(out, column == 0 ? "" : ",");
            put_cell(out, csv_field(&table, row, column), numeric[column]);
        }
        textbuf_put(out, "]");
    }
    textbuf_put(out, "]}");
    return 0;
}

/* ---- JSON and YAML -------------------------------------------------------------------------------- */

struct names {
    const char **items;
    size_t count;
};

/* The columns of a list of maps: all keys, in the order in which they come first. */
static int collect_names(struct scratch *scratch, const struct step_value *rows, const char *shown, struct names *names,
                         struct fault *fault)
{
    names->items = scratch_array(scratch, CSV_MAX_COLUMNS, sizeof *names->items);
    for (size_t r = 0; r < rows->count; r++) {
        const struct step_value *row = &rows->items[r];
        if (row->type != STEP_TYPE_MAP) {
            return fault_set(fault, "'%.200s': row %zu is %s: expected a map", shown, r + 1, value_type_name(row));
        }
        for (size_t k = 0; k < row->count; k++) {
            /* Rows mostly have the same keys at the same places. */
            bool known = k < names->count && strcmp(names->items[k], row->keys[k]) == 0;
            for (size_t i = 0; i < names->count && !known; i++) {
                known = strcmp(names->items[i], row->keys[k]) == 0;
            }
            if (!known && names->count == CSV_MAX_COLUMNS) {
                return fault_set(fault, "'%.200s': more than %d columns", shown, CSV_MAX_COLUMNS);
            }
            if (!known) {
                names->items[names->count++] = row->keys[k];
            }
        }
    }
    return 0;
}

static int put_rows(struct scratch *scratch, const struct step_value *rows, const char *shown, struct textbuf *out,
                    struct fault *fault)
{
    struct names names = {0};
    if (collect_names(scratch, rows, shown, &names, fault) < 0) {
        return -1;
    }
    put_columns(out, names.items, names.count);
    for (size_t r = 0; r < rows->count; r++) {
        textbuf_put(out, r == 0 ? "[" : ",[");
        for (size_t i = 0; i < names.count; i++) {
            textbuf_put(out, i == 0 ? "" : ",");
            value_put_json(out, step_get(&rows->items[r], names.items[i]));
        }
        textbuf_put(out, "]");
    }
    textbuf_put(out, "]}");
    return 0;
}

static int put_lists(const struct step_value *map, const char *shown, struct textbuf *out, struct fault *fault)
{
    size_t rows = map->count == 0 ? 0 : map->items[0].count;
    for (size_t c = 0; c < map->count; c++) {
        if (map->items[c].type != STEP_TYPE_LIST || map->items[c].count != rows) {
            return fault_set(fault, "'%.200s': the column '%.60s': expected a list of %zu values, as the first has",
                             shown, map->keys[c], rows);
        }
    }
    put_columns(out, map->keys, map->count);
    for (size_t r = 0; r < rows; r++) {
        textbuf_put(out, r == 0 ? "[" : ",[");
        for (size_t c = 0; c < map->count; c++) {
            textbuf_put(out, c == 0 ? "" : ",");
            value_put_json(out, &map->items[c].items[r]);
        }
        textbuf_put(out, "]");
    }
    textbuf_put(out, "]}");
    return 0;
}

static int put_split(const struct step_value *table, const char *shown, struct textbuf *out, struct fault *fault)
{
    const struct step_value *columns = step_get(table, "columns");
    const struct step_value *data = step_get(table, "data");
    struct fault ignored;
    if (columns->count > 0 && value_check_texts(columns, "columns", &ignored) < 0) {
        return fault_set(fault, "'%.200s': columns: expected a list of texts", shown);
    }
    for (size_t r = 0; r < data->count; r++) {
        if (data->items[r].type != STEP_TYPE_LIST || data->items[r].count != columns->count) {
            return fault_set(fault, "'%.200s': row %zu: expected a list of %zu values", shown, r + 1, columns->count);
        }
    }
    value_put_json(out, table);
    return 0;
}

static bool is_list(const struct step_value *value)
{
    return value != NULL && value->type == STEP_TYPE_LIST;
}

int table_read(const struct step_host *host, struct scratch *scratch, const char *path, const char *shown,
               struct textbuf *out, struct fault *fault)
{
    enum document_kind kind = document_kind(path);
    const struct step_value *value = NULL;
    if (kind == DOCUMENT_UNKNOWN) {
        return fault_set(fault, "tables: '%.200s': expected a file named .csv, .tsv, .json, .yaml or .yml", shown);
    }
    if (kind == DOCUMENT_CSV) {
        return put_csv(scratch, path, out, fault);
    }
    if (document_read(host, scratch, path, false, &value, fault) < 0) {
        return -1;
    }
    if (is_list(value)) {
        return put_rows(scratch, value, shown, out, fault);
    }
    if (value->type != STEP_TYPE_MAP) {
        return fault_set(fault, "'%.200s' holds %s: expected a list of maps or a map of lists", shown,
                         value_type_name(value));
    }
    bool split = value->count == 2 && is_list(step_get(value, "columns")) && is_list(step_get(value, "data"));
    return split ? put_split(value, shown, out, fault) : put_lists(value, shown, out, fault);
}
