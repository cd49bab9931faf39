/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_output.h"

#include "base/parse.h"
#include "base/strbuf.h"
#include "base/utf8.h"

enum { NAMES_MAX = 64, SHOWN_MAX = 80, ENTRIES_MAX = 10000 };

/* ---- the file ---- */

struct lines {
    struct str rest;
    size_t number;
    bool has_return; /* the last line ended in CR LF */
};

static bool next_line(struct lines *lines, struct str *ret_line)
{
    if (lines->rest.n == 0 || !str_cut(&lines->rest, '\n', ret_line)) {
        return false;
    }
    lines->has_return = ret_line->n > 0 && ret_line->p[ret_line->n - 1] == '\r';
    ret_line->n -= lines->has_return ? 1 : 0;
    lines->number++;
    return true;
}

static bool is_key(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.'))) {
            return false;
        }
    }
    return key.n > 0;
}

static void keep(struct step_output_list *list, size_t *room, struct step_output_entry entry, struct arena *arena)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_eq(list->entries[i].key, entry.key)) {
            list->entries[i] = entry;
            return;
        }
    }
    list->entries = arena_grow(arena, list->entries, list->count, room, sizeof *list->entries);
    list->entries[list->count++] = entry;
}

static struct str shown(struct str text)
{
    return str_slice(text, 0, SHOWN_MAX);
}

/* The lines up to the one that is the mark. A CR at the end of one belongs to the value, unless the block begins with
 * one: then the file was written with Windows' line ends. */
static int read_block(struct lines *lines, struct str key, struct str mark, struct arena *arena, struct str *ret_value,
                      struct err *err)
{
    size_t begun = lines->number;
    bool windows = lines->has_return;
    struct strbuf value;
    struct str line;
    strbuf_init(&value, STEP_OUTPUT_MAX_BYTES);
    bool first = true;
    while (next_line(lines, &line)) {
        if (str_eq(line, mark)) {
            *ret_value = arena_str(arena, strbuf_str(&value));
            strbuf_clear(&value);
            return 0;
        }
        if (!first) {
            strbuf_add_byte(&value, '\n');
        }
        strbuf_add_str(&value, line);
        strbuf_add_text(&value, lines->has_return && !windows ? "\r" : "");
        first = false;
    }
    strbuf_clear(&value);
    return err_set(err, ERR_INPUT, "the block of '%.*s' that begins in line %zu has no end: expected a line '%.*s'",
                   STR_ARG(shown(key)), begun, STR_ARG(shown(mark)));
}

static int read_entry(struct lines *lines, struct str line, struct arena *arena, struct step_output_entry *ret,
                      struct err *err)
{
    ptrdiff_t equals = str_find_byte(line, '=', 0);
    ptrdiff_t block = str_find(line, STR("<<"));
    bool is_block = block >= 0 && (equals < 0 || block < equals);
    ptrdiff_t end = is_block ? block : equals;
    struct str key = str_trim(str_slice(line, 0, end < 0 ? 0 : (size_t)end));
    *ret = (struct step_output_entry){.key = arena_str(arena, key), .line = lines->number};
    if (end < 0 || !is_key(key)) {
        return err_set(err, ERR_INPUT, "line %zu: expected key=value or key<<END, found '%.*s'", lines->number,
                       STR_ARG(shown(line)));
    }
    if (!is_block) {
        ret->value = arena_str(arena, str_slice(line, (size_t)end + 1, line.n));
        return 0;
    }
    struct str mark = str_slice(line, (size_t)end + 2, line.n);
    if (str_trim(mark).n == 0) {
        return err_set(err, ERR_INPUT, "line %zu: expected a word behind '%.*s<<'", lines->number, STR_ARG(shown(key)));
    }
    return read_block(lines, key, mark, arena, &ret->value, err);
}

int step_output_parse(struct str text, struct arena *arena, struct step_output_list *ret_list, struct err *err)
{
    if (text.n > STEP_OUTPUT_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "it has over 1 MiB: write a file and declare it under 'artifacts'");
    }
    if (!utf8_valid(text) || str_find_byte(text, '\0', 0) >= 0) {
        return err_set(err, ERR_INPUT, "it is not UTF-8 text");
    }
    struct step_output_list list = {0};
    struct lines lines = {.rest = str_starts(text, STR("\xEF\xBB\xBF")) ? str_slice(text, 3, text.n) : text};
    struct step_output_entry entry;
    struct str line;
    size_t room = 0;
    while (next_line(&lines, &line)) {
        if (str_trim(line).n == 0) {
            continue;
        }
        if (read_entry(&lines, line, arena, &entry, err) < 0) {
            return -1;
        }
        keep(&list, &room, entry, arena);
        if (list.count > ENTRIES_MAX) {
            return err_set(err, ERR_LIMIT, "it sets more than %d outputs: write one as JSON", ENTRIES_MAX);
        }
    }
    *ret_list = list;
    return 0;
}

/* ---- types ---- */

static int read_json(const char *type, struct str text, struct arena *arena, struct json *ret, struct err *err)
{
    struct json value;
    struct err syntax = {0};
    if (json_read(text, (struct json_limits){0}, arena, &value, &syntax) < 0) {
        return err_set(err, ERR_INPUT, "expected JSON, found '%.*s' (%s)", STR_ARG(shown(text)), syntax.message);
    }
    if (step_output_check(type, &value, err) < 0) {
        return -1;
    }
    *ret = value;
    return 0;
}

int step_output_value(const char *type, struct str text, struct arena *arena, struct json *ret_value, struct err *err)
{
    struct str plain = str_trim(text);
    int64_t integer = 0;
    double number = 0;
    bool boolean = false;
    int result = 0;
    if (strcmp(type, "string") == 0 || strcmp(type, "path") == 0) {
        struct json value = json_string(arena, text);
        result = step_output_check(type, &value, err);
        *ret_value = value;
    } else if (strcmp(type, "integer") == 0) {
        result = parse_int(plain, INT64_MIN, INT64_MAX, &integer, NULL);
        *ret_value = json_int(integer);
    } else if (strcmp(type, "number") == 0) {
        result = parse_number(plain, &number, NULL);
        *ret_value =
            parse_int(plain, INT64_MIN, INT64_MAX, &integer, NULL) == 0 ? json_int(integer) : json_number(number);
    } else if (strcmp(type, "boolean") == 0) {
        result = parse_bool(plain, &boolean, NULL);
        *ret_value = json_bool(boolean);
    } else {
        return read_json(type, plain, arena, ret_value, err);
    }
    const char *hint = strcmp(type, "boolean") == 0 ? " (true or false)" : "";
    return result == 0 ? 0
                       : err_set(err, ERR_INPUT, "expected %s %s%s, found '%.*s'", *type == 'i' ? "an" : "a", type,
                                 hint, STR_ARG(shown(text)));
}

static bool has_type(const char *type, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        return false;
    case JSON_BOOL:
        return strcmp(type, "boolean") == 0;
    case JSON_INT:
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    case JSON_NUMBER:
        return strcmp(type, "number") == 0 && value->u.number - value->u.number == 0;
    case JSON_STRING:
        return strcmp(type, "string") == 0 ||
               (strcmp(type, "path") == 0 && value->u.string.n > 0 && str_find_byte(value->u.string, '\0', 0) < 0);
    case JSON_ARRAY:
        return strcmp(type, "list") == 0;
    case JSON_OBJECT:
        return strcmp(type, "map") == 0;
    }
    return false;
}

int step_output_check(const char *type, const struct json *value, struct err *err)
{
    if (strcmp(type, "json") == 0 || has_type(type, value)) {
        return 0;
    }
    const char *article = *type == 'i' ? "an" : "a";
    if (value->type == JSON_NUMBER && strcmp(type, "number") == 0) {
        return err_set(err, ERR_INPUT, "expected a finite number");
    }
    if (value->type == JSON_STRING) {
        return err_set(err, ERR_INPUT, "expected %s %s, found '%.*s'", article, type, STR_ARG(shown(value->u.string)));
    }
    return err_set(err, ERR_INPUT, "expected %s %s, found %s", article, type, json_type_name(value->type));
}

/* ---- all together ---- */

static void separate(struct strbuf *problems)
{
    if (problems->length > 0) {
        strbuf_add_text(problems, "; ");
    }
}

static void undeclared(const struct json *declared, const struct step_output_entry *entry, struct strbuf *problems)
{
    struct str names[NAMES_MAX];
    size_t count = declared == NULL || declared->type != JSON_OBJECT ? 0 : declared->u.object.count;
    count = count > NAMES_MAX ? NAMES_MAX : count;
    for (size_t i = 0; i < count; i++) {
        names[i] = declared->u.object.members[i].key;
    }
    ptrdiff_t near = str_nearest(entry->key, names, count);
    strbuf_printf(problems, "output '%.*s' (line %zu) is not declared", STR_ARG(shown(entry->key)), entry->line);
    if (near >= 0) {
        strbuf_printf(problems, ": did you mean '%.*s'", STR_ARG(names[near]));
    } else {
        strbuf_printf(problems, ": add '%.*s: string' (or its type) under 'outputs'", STR_ARG(shown(entry->key)));
    }
}

static void missing(const struct json *declared, const struct json *values, const struct json *set,
                    struct strbuf *problems)
{
    for (size_t i = 0; declared != NULL && declared->type == JSON_OBJECT && i < declared->u.object.count; i++) {
        const struct json_member *member = &declared->u.object.members[i];
        if (json_get_str(values, member->key) == NULL && json_get_str(set, member->key) == NULL) {
            separate(problems);
            strbuf_printf(problems, "output '%.*s' was not set: expected %.*s", STR_ARG(member->key),
                          STR_ARG(member->value.type == JSON_STRING ? member->value.u.string : STR("a value")));
        }
    }
}

int step_output_settle(const struct json *declared, const struct step_output_list *list, const struct json *set,
                       struct arena *arena, struct json *ret_values, struct err *err)
{
    struct json values = json_object();
    struct strbuf problems;
    strbuf_init(&problems, ERR_MESSAGE_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const struct step_output_entry *entry = &list->entries[i];
        const struct json *type = json_get_str(declared, entry->key);
        struct json value = json_null();
        struct err wrong = {0};
        if (type == NULL || type->type != JSON_STRING) {
            separate(&problems);
            undeclared(declared, entry, &problems);
            continue;
        }
        if (step_output_value(type->u.string.p, entry->value, arena, &value, &wrong) < 0) {
            separate(&problems);
            strbuf_printf(&problems, "output '%.*s' (line %zu): %s", STR_ARG(entry->key), entry->line, wrong.message);
        }
        json_set(arena, &values, entry->key.p, value);
    }
    missing(declared, &values, set, &problems);
    int result = problems.length == 0 ? 0 : err_set(err, ERR_INPUT, "%s", problems.data);
    strbuf_clear(&problems);
    if (result == 0) {
        *ret_values = values;
    }
    return result;
}
