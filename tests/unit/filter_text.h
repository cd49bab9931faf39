/* SPDX-License-Identifier: Apache-2.0
 * A filter's tree as text, for the tests of search/.
 */
#ifndef SLUICE_TEST_FILTER_TEXT_H
#define SLUICE_TEST_FILTER_TEXT_H

#include "base/json.h"
#include "search/filter.h"
#include "search/order.h"

static inline void field_text(struct strbuf *out, const struct search_field *field)
{
    static const char *const entities[] = {"", "metric ", "param ", "tag ", "dataset "};
    static const char *const parts[] = {"", "min ", "max ", "last "};
    strbuf_printf(out, "%s%s", entities[field->entity], parts[field->part]);
    if (field->attribute != NULL) {
        strbuf_add_text(out, field->attribute->name);
    } else {
        json_write_string(out, field->key);
    }
}

static inline void value_text(struct strbuf *out, const struct filter_value *value)
{
    switch (value->type) {
    case VALUE_NONE:
        return;
    case VALUE_TEXT:
        strbuf_add_byte(out, ' ');
        json_write_string(out, value->text);
        return;
    case VALUE_INT:
        strbuf_printf(out, " %lld", (long long)value->integer);
        return;
    case VALUE_REAL:
        strbuf_printf(out, " %.17g", value->real);
        return;
    case VALUE_LIST:
        for (size_t i = 0; i < value->count; i++) {
            strbuf_add_text(out, i == 0 ? " [" : ", ");
            json_write_string(out, value->items[i]);
        }
        strbuf_add_byte(out, ']');
    }
}

static inline void filter_text(struct strbuf *out, const struct filter *filter)
{
    static const char *const operators[] = {"=",     "!=",       ">",         ">=", "<",      "<=",      "LIKE",
                                            "ILIKE", "NOT LIKE", "NOT ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"};
    if (filter->kind == FILTER_CONDITION) {
        field_text(out, &filter->field);
        strbuf_printf(out, " %s", operators[filter->op]);
        value_text(out, &filter->value);
        return;
    }
    strbuf_add_text(out, filter->kind == FILTER_ALL ? "all(" : filter->kind == FILTER_ANY ? "any(" : "not(");
    for (size_t i = 0; i < filter->count; i++) {
        strbuf_add_text(out, i == 0 ? "" : "; ");
        filter_text(out, filter->parts[i]);
    }
    strbuf_add_byte(out, ')');
}

#endif
