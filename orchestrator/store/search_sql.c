/* SPDX-License-Identifier: Apache-2.0 */
#include "store/search_sql.h"

#include "store/store_internal.h"

enum { SQL_BYTES_MAX = 1 << 20 };

/* ---- a statement in the making -------------------------------------------------------------------------- */

void sql_init(struct sql *sql, struct store *store, struct arena *arena)
{
    *sql = (struct sql){.store = store, .arena = arena};
    strbuf_init(&sql->text, SQL_BYTES_MAX);
}

void sql_clear(struct sql *sql)
{
    strbuf_clear(&sql->text);
}

void sql_add(struct sql *sql, const char *text)
{
    strbuf_add_text(&sql->text, text);
}

void sql_printf(struct sql *sql, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strbuf_vprintf(&sql->text, format, args);
    va_end(args);
}

void sql_value(struct sql *sql, struct sql_value value)
{
    sql->values = arena_grow(sql->arena, sql->values, sql->count, &sql->room, sizeof *sql->values);
    sql->values[sql->count++] = value;
    sql_add(sql, "?");
}

void sql_int(struct sql *sql, int64_t value)
{
    sql_value(sql, (struct sql_value){.type = SQL_INT, .integer = value});
}

void sql_text(struct sql *sql, struct str value)
{
    sql_value(sql, (struct sql_value){.type = SQL_TEXT, .text = value});
}

static void add_rows(struct sql *sql, const struct json *list)
{
    sql_add(sql, "json_each(");
    sql_text(sql, json_text(sql->arena, list));
    sql_add(sql, ")");
}

void sql_int_rows(struct sql *sql, const int64_t *items, size_t count)
{
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(sql->arena, &list, json_int(items[i]));
    }
    add_rows(sql, &list);
}

void sql_int_list(struct sql *sql, const int64_t *items, size_t count)
{
    sql_add(sql, "(SELECT value FROM ");
    sql_int_rows(sql, items, count);
    sql_add(sql, ")");
}

void sql_text_list(struct sql *sql, const struct str *items, size_t count)
{
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(sql->arena, &list, json_string(sql->arena, items[i]));
    }
    sql_add(sql, "(SELECT value FROM ");
    add_rows(sql, &list);
    sql_add(sql, ")");
}

struct stmt *sql_stmt(const struct sql *sql)
{
    struct stmt *s = stmt_get_text(sql->store, strbuf_str(&sql->text));
    for (size_t i = 0; i < sql->count; i++) {
        const struct sql_value *value = &sql->values[i];
        int index = (int)i + 1;
        switch (value->type) {
        case SQL_NULL:
            break; /* what is not bound is NULL */
        case SQL_INT:
            stmt_int_at(s, index, value->integer);
            break;
        case SQL_REAL:
            stmt_real_at(s, index, value->real);
            break;
        case SQL_TEXT:
            stmt_str_at(s, index, value->text);
            break;
        }
    }
    return s;
}

struct sql_value sql_column(struct stmt *s, int column, struct arena *arena)
{
    switch (sqlite3_column_type(s->handle, column)) {
    case SQLITE_INTEGER:
        return (struct sql_value){.type = SQL_INT, .integer = stmt_column_int(s, column)};
    case SQLITE_FLOAT:
        return (struct sql_value){.type = SQL_REAL, .real = stmt_column_real(s, column)};
    case SQLITE_NULL:
        return (struct sql_value){.type = SQL_NULL};
    default:
        return (struct sql_value){.type = SQL_TEXT, .text = arena_str(arena, stmt_column_bytes(s, column))};
    }
}

/* ---- conditions ----------------------------------------------------------------------------------------- */

const struct search_column *search_column_of(const struct search_shape *shape, const struct search_attribute *attribute)
{
    for (size_t i = 0; i < shape->column_count; i++) {
        if (strcmp(shape->columns[i].name, attribute->name) == 0) {
            return &shape->columns[i];
        }
    }
    return NULL;
}

static void keyed(struct sql *sql, const char *before, struct str key)
{
    sql_add(sql, before);
    sql_text(sql, key);
    sql_add(sql, ")");
}

void sql_field(struct sql *sql, const struct search_shape *shape, const struct search_field *field)
{
    if (field->entity == ENTITY_ATTRIBUTE) {
        sql_add(sql, search_column_of(shape, field->attribute)->sql);
    } else {
        keyed(sql, field->entity == ENTITY_PARAM ? shape->param : shape->tag, field->key);
    }
}

void sql_keys(struct sql *sql, const struct search_shape *shape, const struct search_order *orders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sql_add(sql, ", ");
        sql_field(sql, shape, &orders[i].field);
        sql_printf(sql, " AS k%zu", i);
    }
}

static void value_mark(struct sql *sql, const struct filter_value *value)
{
    switch (value->type) {
    case VALUE_INT:
        sql_int(sql, value->integer);
        return;
    case VALUE_REAL:
        sql_value(sql, (struct sql_value){.type = SQL_REAL, .real = value->real});
        return;
    default:
        sql_text(sql, value->text);
    }
}

static const char *const signs[] = {[FILTER_EQ] = " = ",  [FILTER_NE] = " <> ", [FILTER_GT] = " > ",
                                    [FILTER_GE] = " >= ", [FILTER_LT] = " < ",  [FILTER_LE] = " <= "};

static void like(struct sql *sql, const char *function, const char *operand, const struct filter *condition)
{
    sql_add(sql, function);
    sql_add(sql, "(");
    sql_text(sql, condition->value.text);
    sql_printf(sql, ", %s)", operand);
}

void sql_comparison(struct sql *sql, const char *operand, const struct filter *condition)
{
    switch (condition->op) {
    case FILTER_LIKE:
        like(sql, "search_like", operand, condition);
        return;
    case FILTER_ILIKE:
        like(sql, "search_ilike", operand, condition);
        return;
    case FILTER_NOT_LIKE:
        like(sql, "NOT search_like", operand, condition);
        return;
    case FILTER_NOT_ILIKE:
        like(sql, "NOT search_ilike", operand, condition);
        return;
    case FILTER_IN:
    case FILTER_NOT_IN:
        sql_printf(sql, "%s %s ", operand, condition->op == FILTER_IN ? "IN" : "NOT IN");
        sql_text_list(sql, condition->value.items, condition->value.count);
        return;
    case FILTER_IS_NULL:
        sql_printf(sql, "%s IS NULL", operand);
        return;
    case FILTER_IS_NOT_NULL:
        sql_printf(sql, "%s IS NOT NULL", operand);
        return;
    default:
        sql_add(sql, operand);
        sql_add(sql, signs[condition->op]);
        value_mark(sql, &condition->value);
    }
}

/* Ids that are numbers in the tables, whatever zeros or blanks stand around them. */
static void integer_condition(struct sql *sql, const char *column, const struct filter *condition)
{
    bool is_list = condition->value.type == VALUE_LIST;
    sql_printf(sql, "%s %sIN (SELECT CAST(value AS INTEGER) FROM ", column,
               condition->op == FILTER_NE || condition->op == FILTER_NOT_IN ? "NOT " : "");
    sql_text_list(sql, is_list ? condition->value.items : &condition->value.text, is_list ? condition->value.count : 1);
    sql_add(sql, ")");
}

static void attribute_condition(struct sql *sql, const struct search_column *column, const struct filter *filter)
{
    bool asks_null = filter->op == FILTER_IS_NULL || filter->op == FILTER_IS_NOT_NULL;
    if (column->is_integer && !asks_null) {
        integer_condition(sql, column->sql, filter);
    } else {
        sql_comparison(sql, asks_null && column->null_sql != NULL ? column->null_sql : column->sql, filter);
    }
}

static void condition(struct sql *sql, const struct search_shape *shape, const struct filter *filter)
{
    const struct search_field *field = &filter->field;
    const struct search_column *column =
        field->entity == ENTITY_ATTRIBUTE ? search_column_of(shape, field->attribute) : NULL;
    if (field->entity == ENTITY_METRIC || field->entity == ENTITY_DATASET) {
        shape->condition(sql, filter, shape->ctx);
        return;
    }
    if (column != NULL) {
        attribute_condition(sql, column, filter);
        return;
    }
    if (field->entity == ENTITY_TAG && shape->dropped_tag != NULL && str_is(field->key, shape->dropped_tag)) {
        sql_add(sql, "1");
        return;
    }
    /* The value is looked up once, whatever is said of it. */
    const char *before = field->entity == ENTITY_PARAM ? shape->param : shape->tag;
    if (filter->op == FILTER_IS_NULL || filter->op == FILTER_IS_NOT_NULL) {
        keyed(sql, before, field->key);
        sql_add(sql, filter->op == FILTER_IS_NULL ? " IS NULL" : " IS NOT NULL");
        return;
    }
    sql_printf(sql, "EXISTS %s", before);
    sql_text(sql, field->key);
    sql_add(sql, " AND ");
    sql_comparison(sql, "v.value", filter);
    sql_add(sql, ")");
}

void sql_filter(struct sql *sql, const struct search_shape *shape, const struct filter *filter)
{
    if (filter->kind == FILTER_CONDITION) {
        condition(sql, shape, filter);
        return;
    }
    sql_add(sql, "(");
    for (size_t i = 0; i < filter->count; i++) {
        sql_add(sql, i == 0 ? "" : filter->kind == FILTER_ALL ? " AND " : " OR ");
        sql_filter(sql, shape, filter->parts[i]);
    }
    sql_add(sql, filter->kind == FILTER_NOT ? ") IS NOT TRUE" : ")");
}

const char *sql_nan_place(bool descending)
{
    return descending ? "-9e999" : "9e999";
}
