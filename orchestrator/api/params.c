/* SPDX-License-Identifier: Apache-2.0 */
#include "api/params.h"

#include "base/parse.h"

#include <math.h>

enum { VALUE_SHOWN = 250 };

static const char see[] = "See the API docs for more information about request parameters.";

int params_missing(const char *name, struct err *err)
{
    return err_set(err, ERR_INPUT, "Missing value for required parameter '%s'. %s", name, see);
}

/* What the reference server, which is written in Python, calls the type. */
static const char *type_word(enum json_type type)
{
    static const char *const words[] = {"NoneType", "bool", "int", "float", "str", "list", "dict"};
    return words[type];
}

int params_refuse(const char *name, const struct json *value, struct err *err)
{
    struct strbuf text;
    strbuf_init(&text, VALUE_SHOWN);
    json_write_canonical(&text, value);
    (void)err_set(err, ERR_INPUT, "Invalid value %s for parameter '%s' supplied:  Hint: Value was of type '%s'. %s",
                  text.data, name, type_word(value->type), see);
    strbuf_clear(&text);
    return -1;
}

/* "runId" is another spelling of "run_id". */
static bool is_camel_of(struct str key, const char *name)
{
    size_t at = 0;
    for (; *name != '\0'; name++) {
        bool upper = *name == '_' && name[1] >= 'a' && name[1] <= 'z';
        char wanted = upper ? (char)(*++name - 'a' + 'A') : *name;
        if (at >= key.n || key.p[at++] != wanted) {
            return false;
        }
    }
    return at == key.n;
}

/* Clients mostly send the members in the order of the fields, and no others: the next is looked at first. */
struct search {
    const struct json *raw;
    size_t next;
    size_t found; /* each is the value of one field at most */
};

static const struct json *take(struct search *search, size_t at)
{
    const struct json *value = &search->raw->u.object.members[at].value;
    search->next = at + 1;
    search->found++;
    return value->type == JSON_NULL ? NULL : value;
}

static const struct json *find(struct search *search, const char *name)
{
    size_t count = search->raw->type == JSON_OBJECT ? search->raw->u.object.count : 0;
    const struct json_member *members = search->raw->u.object.members;
    struct str wanted = str_from(name);
    for (size_t i = 0; i < count && search->found < count; i++) {
        size_t at = search->next + i < count ? search->next + i : search->next + i - count;
        if (str_eq(members[at].key, wanted)) {
            return take(search, at);
        }
    }
    for (size_t i = 0; i < count && search->found < count; i++) {
        if (is_camel_of(members[i].key, name)) {
            return take(search, i);
        }
    }
    return NULL;
}

/* ---- one value ------------------------------------------------------------------------------------------------- */

static bool read_int(const struct json *value, struct json *ret)
{
    int64_t number = 0;
    double real = 0;
    if (value->type == JSON_INT) {
        *ret = *value;
        return true;
    }
    if (value->type == JSON_STRING && parse_int(value->u.string, INT64_MIN, INT64_MAX, &number, NULL) == 0) {
        *ret = json_int(number);
        return true;
    }
    if (value->type == JSON_NUMBER) {
        real = value->u.number;
    } else if (value->type != JSON_STRING || parse_number(value->u.string, &real, NULL) < 0) {
        return false;
    }
    if (!(real >= -9223372036854775808.0 && real < 9223372036854775808.0) || real != floor(real)) {
        return false;
    }
    *ret = json_int((int64_t)real);
    return true;
}

static bool read_real(const struct json *value, struct json *ret)
{
    double number = 0;
    if (value->type == JSON_STRING ? parse_real(value->u.string, &number, NULL) < 0 : !json_as_number(value, &number)) {
        return false;
    }
    *ret = json_number(number);
    return true;
}

static bool read_bool(const struct json *value, struct json *ret)
{
    bool is_true = value->type == JSON_STRING && (str_is(value->u.string, "true") || str_is(value->u.string, "True"));
    bool is_false =
        value->type == JSON_STRING && (str_is(value->u.string, "false") || str_is(value->u.string, "False"));
    *ret = value->type == JSON_BOOL ? *value : json_bool(is_true);
    return value->type == JSON_BOOL || is_true || is_false;
}

static bool read_word(const struct api_field *field, const struct json *value, struct arena *arena, struct json *ret)
{
    struct json number = json_int(-1);
    bool numbered = read_int(value, &number);
    for (int64_t i = 0; field->words[i] == NULL || field->words[i][0] != '\0'; i++) {
        bool named = value->type == JSON_STRING && field->words[i] != NULL && str_is(value->u.string, field->words[i]);
        if (named || (numbered && number.u.integer == i && field->words[i] != NULL)) {
            *ret = json_cstring(arena, field->words[i]);
            return true;
        }
    }
    return false;
}

/* Ids of experiments look like numbers, and some clients send them so. */
static bool read_text(const struct api_field *field, const struct json *value, struct arena *arena, struct json *ret)
{
    if (value->type == JSON_INT && strncmp(field->name, "experiment_id", strlen("experiment_id")) == 0) {
        *ret = json_cstring(arena, arena_printf(arena, "%lld", (long long)value->u.integer));
        return true;
    }
    *ret = *value;
    return value->type == JSON_STRING && str_find_byte(value->u.string, '\0', 0) < 0;
}

static bool read_texts(const struct api_field *field, const struct json *value, struct arena *arena, struct json *ret)
{
    *ret = json_array();
    for (size_t i = 0; value->type == JSON_ARRAY && i < value->u.array.count; i++) {
        struct json text;
        if (!read_text(field, &value->u.array.items[i], arena, &text)) {
            return false;
        }
        json_push(arena, ret, text);
    }
    return value->type == JSON_ARRAY;
}

static bool read_simple(const struct api_field *field, const struct json *value, struct arena *arena, struct json *ret)
{
    switch (field->type) {
    case API_TEXT:
        return read_text(field, value, arena, ret);
    case API_INT:
        return read_int(value, ret);
    case API_REAL:
        return read_real(value, ret);
    case API_BOOL:
        return read_bool(value, ret);
    case API_WORD:
        return read_word(field, value, arena, ret);
    case API_TEXTS:
        return read_texts(field, value, arena, ret);
    case API_OBJECT:
    case API_OBJECTS:
        break;
    }
    return false;
}

/* ---- an object -------------------------------------------------------------------------------------------------- */

/* Where a value stands: it becomes a text, "metrics[3].key", only when there is something to say of it. */
struct place {
    const struct place *outer; /* NULL: at the top */
    const char *name;          /* of a member; NULL: it is an item */
    size_t index;
};

enum { PLACE_ROOM = 300 };

static void write_place(struct strbuf *text, const struct place *place)
{
    if (place->outer != NULL) {
        write_place(text, place->outer);
    }
    if (place->name == NULL) {
        strbuf_printf(text, "[%zu]", place->index);
    } else {
        strbuf_printf(text, "%s%s", text->length == 0 ? "" : ".", place->name);
    }
}

static int refuse_at(const struct place *place, const struct json *value, struct err *err)
{
    struct strbuf text;
    strbuf_init(&text, PLACE_ROOM);
    write_place(&text, place);
    (void)(value == NULL ? params_missing(text.data, err) : params_refuse(text.data, value, err));
    strbuf_clear(&text);
    return -1;
}

static int read_object(const struct api_field *fields, const struct json *raw, const struct place *place,
                       struct arena *arena, struct json *ret, struct err *err);

static int read_objects(const struct api_field *field, const struct json *value, const struct place *place,
                        struct arena *arena, struct json *ret, struct err *err)
{
    if (value->type != JSON_ARRAY) {
        return refuse_at(place, value, err);
    }
    *ret = json_array();
    for (size_t i = 0; i < value->u.array.count; i++) {
        struct json object;
        struct place here = {.outer = place, .index = i};
        if (value->u.array.items[i].type != JSON_OBJECT) {
            return refuse_at(&here, &value->u.array.items[i], err);
        }
        if (read_object(field->fields, &value->u.array.items[i], &here, arena, &object, err) < 0) {
            return -1;
        }
        json_push(arena, ret, object);
    }
    return 0;
}

static int read_field(const struct api_field *field, const struct json *value, const struct place *place,
                      struct arena *arena, struct json *ret, struct err *err)
{
    if (field->type == API_OBJECTS) {
        return read_objects(field, value, place, arena, ret, err);
    }
    if (field->type == API_OBJECT && value->type == JSON_OBJECT) {
        return read_object(field->fields, value, place, arena, ret, err);
    }
    return read_simple(field, value, arena, ret) ? 0 : refuse_at(place, value, err);
}

static int read_object(const struct api_field *fields, const struct json *raw, const struct place *place,
                       struct arena *arena, struct json *ret, struct err *err)
{
    struct search search = {.raw = raw};
    *ret = json_object();
    for (const struct api_field *field = fields; field->name != NULL; field++) {
        struct json checked;
        struct place here = {.outer = place, .name = field->name};
        const struct json *value = find(&search, field->name);
        if (value == NULL && field->alias != NULL) {
            value = find(&search, field->alias);
        }
        bool empty = value == NULL || (value->type == JSON_STRING && value->u.string.n == 0);
        if (field->required && empty) {
            return refuse_at(&here, NULL, err);
        }
        if (value == NULL) {
            continue;
        }
        if (read_field(field, value, &here, arena, &checked, err) < 0) {
            return -1;
        }
        json_add_str(arena, ret, str_from(field->name), checked);
    }
    return 0;
}

int params_read(const struct api_field *fields, const struct json *raw, struct arena *arena, struct json *ret,
                struct err *err)
{
    return read_object(fields, raw, NULL, arena, ret, err);
}

const char *param_text(const struct json *params, const char *name)
{
    return json_get_text(params, name, "");
}

const struct json *param_list(const struct json *params, const char *name, size_t *ret_count)
{
    const struct json *list = json_get(params, name);
    *ret_count = list == NULL ? 0 : list->u.array.count;
    return list == NULL ? NULL : list->u.array.items;
}

const char **param_texts(const struct json *params, const char *name, struct arena *arena, size_t *ret_count)
{
    const struct json *items = param_list(params, name, ret_count);
    const char **texts = arena_array(arena, *ret_count + 1, sizeof *texts);
    for (size_t i = 0; i < *ret_count; i++) {
        texts[i] = items[i].u.string.p;
    }
    return texts;
}
