/* SPDX-License-Identifier: Apache-2.0 */
#include "slices.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct column_view {
    const struct csv_table *table;
    size_t column;
};

static int compare_rows(const void *a, const void *b, void *view_of)
{
    const struct column_view *view = view_of;
    size_t i = *(const size_t *)a;
    size_t j = *(const size_t *)b;
    int order = strcmp(csv_field(view->table, i, view->column), csv_field(view->table, j, view->column));
    if (order != 0) {
        return order;
    }
    return i < j ? -1 : i > j ? 1 : 0;
}

static int compare_counts(const void *a, const void *b)
{
    const struct slice *x = a;
    const struct slice *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return strcmp(x->value, y->value);
}

static int compare_values(const void *a, const void *b)
{
    return strcmp(((const struct slice *)a)->value, ((const struct slice *)b)->value);
}

int slices_of_column(struct scratch *scratch, const struct csv_table *table, const char *column,
                     struct slices *ret_slices, struct fault *fault)
{
    struct column_view view = {.table = table};
    if (csv_column(table, column, &view.column, fault) < 0) {
        return -1;
    }
    size_t *rows = scratch_array(scratch, table->rows, sizeof *rows);
    for (size_t i = 0; i < table->rows; i++) {
        rows[i] = i;
    }
    qsort_r(rows, table->rows, sizeof *rows, compare_rows, &view);
    struct slice *items = scratch_array(scratch, table->rows, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < table->rows; i++) {
        const char *value = csv_field(table, rows[i], view.column);
        if (count == 0 || strcmp(items[count - 1].value, value) != 0) {
            items[count++] = (struct slice){column, value, &rows[i], 0};
        }
        items[count - 1].count++;
    }
    size_t kept = count < SLICES_MAX_VALUES ? count : SLICES_MAX_VALUES;
    qsort(items, count, sizeof *items, compare_counts);
    qsort(items, kept, sizeof *items, compare_values);
    *ret_slices = (struct slices){items, kept, count - kept};
    return 0;
}

int slices_of_value(struct scratch *scratch, const struct csv_table *table, const char *column, const char *value,
                    struct slice *ret_slice, struct fault *fault)
{
    size_t place = 0;
    if (csv_column(table, column, &place, fault) < 0) {
        return -1;
    }
    double number = 0;
    bool numeric = csv_parse_number(value, &number) == 0;
    size_t *rows = scratch_array(scratch, table->rows, sizeof *rows);
    size_t count = 0;
    for (size_t i = 0; i < table->rows; i++) {
        const char *text = csv_field(table, i, place);
        double there = 0;
        if (strcmp(text, value) == 0 || (numeric && csv_parse_number(text, &there) == 0 && there == number)) {
            rows[count++] = i;
        }
    }
    *ret_slice = (struct slice){column, value, rows, count};
    return 0;
}
