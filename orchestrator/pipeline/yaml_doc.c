/* SPDX-License-Identifier: Apache-2.0
 * libyaml's events into our tree. An explicit stack of open containers bounds the depth; children are gathered in
 * growing arrays and copied into the tree when their container ends.
 */
#include "pipeline/yaml_doc.h"

#include "base/utf8.h"
#include "pipeline/core_schema.h"
#include "pipeline/expr.h"
#include "pipeline/scalar_source.h"

#include <stdlib.h>
#include <yaml.h>

enum { YAML_MAX_NODES = 4000000, FEW_KEYS = 16 };

struct open_node {
    struct yaml_node node;
    struct yaml_node key; /* of the pair that waits for its value */
    bool has_key;
    size_t room;
};

struct builder {
    struct diags *diags;
    struct arena *arena;
    yaml_parser_t parser;
    struct open_node stack[YAML_MAX_DEPTH];
    int depth;
    size_t nodes;
    struct yaml_node *root;
    size_t documents;
    bool stop;
};

static struct pos pos_of(yaml_mark_t mark)
{
    return (struct pos){(int)mark.line + 1, (int)mark.column + 1};
}

static void fatal(struct builder *b, enum diag_code code, struct pos pos, const char *hint, const char *message)
{
    diag_add(b->diags, code, pos, hint, "%s", message);
    b->stop = true;
}

/* The value of a plain scalar. `is_value`: it is no key, which is text whatever it looks like. */
static struct json resolve_plain(struct builder *b, const struct yaml_node *node, bool is_value)
{
    bool not_finite = false;
    struct json value = core_schema_value(node->text, &not_finite);
    if (not_finite && is_value) {
        diag_add(b->diags, DIAG_VALUE, node->pos, "write it in quotes if it is text",
                 "expected a finite number, found '%.*s': infinity and NaN are not accepted", STR_ARG(node->text));
    }
    return value;
}

struct pos yaml_content(struct diags *diags, const struct yaml_node *node)
{
    return scalar_source_add(diags, node->pos, node->text);
}

/* ---- putting a finished node where it belongs ------------------------------------------------------------- */

static uint64_t hash_text(struct str text)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < text.n; i++) {
        hash = (hash ^ (unsigned char)text.p[i]) * 1099511628211u;
    }
    return hash;
}

static int by_hash_then_place(const void *a, const void *b)
{
    const struct yaml_pair *const *x = a;
    const struct yaml_pair *const *y = b;
    uint64_t hx = hash_text((*x)->key.text);
    uint64_t hy = hash_text((*y)->key.text);
    if (hx != hy) {
        return hx < hy ? -1 : 1;
    }
    return *x < *y ? -1 : *x > *y;
}

static void report_duplicate(struct builder *b, const struct yaml_pair *again, const struct yaml_pair *first)
{
    diag_add(b->diags, DIAG_DUPLICATE_KEY, again->key.pos,
             arena_printf(b->arena, "it stands first in line %d", first->key.pos.line),
             "the key '%.*s' stands twice in this map", STR_ARG(again->key.text));
}

static void check_duplicates(struct builder *b, const struct yaml_node *map)
{
    if (map->count <= FEW_KEYS) {
        for (size_t i = 1; i < map->count; i++) {
            for (size_t k = 0; k < i; k++) {
                if (str_eq(map->pairs[i].key.text, map->pairs[k].key.text)) {
                    report_duplicate(b, &map->pairs[i], &map->pairs[k]);
                    break;
                }
            }
        }
        return;
    }
    const struct yaml_pair **order = arena_array(b->arena, map->count, sizeof *order);
    for (size_t i = 0; i < map->count; i++) {
        order[i] = &map->pairs[i];
    }
    qsort(order, map->count, sizeof *order, by_hash_then_place);
    for (size_t i = 1; i < map->count; i++) {
        if (str_eq(order[i]->key.text, order[i - 1]->key.text)) {
            report_duplicate(b, order[i], order[i - 1]);
        }
    }
}

static void place_node(struct builder *b, struct yaml_node node)
{
    if (++b->nodes > YAML_MAX_NODES) {
        fatal(b, DIAG_BOUND, node.pos, NULL, "the file has too many values");
        return;
    }
    if (b->depth == 0) {
        b->root = arena_one(b->arena, struct yaml_node);
        *b->root = node;
        return;
    }
    struct open_node *open = &b->stack[b->depth - 1];
    if (open->node.type == JSON_ARRAY) {
        open->node.items = arena_grow(b->arena, open->node.items, open->node.count, &open->room, sizeof node);
        open->node.items[open->node.count++] = node;
        return;
    }
    if (!open->has_key) {
        if (node.type == JSON_ARRAY || node.type == JSON_OBJECT) {
            diag_add(b->diags, DIAG_TYPE, node.pos, NULL, "expected a key, found %s", json_type_name(node.type));
            node.text = STR("");
        }
        if (node.plain && str_is(node.text, "<<")) {
            diag_add(b->diags, DIAG_YAML, node.pos, "write the keys out", "merge keys ('<<') are not accepted");
        }
        node.type = JSON_STRING;
        node.scalar = json_string(b->arena, node.text);
        open->key = node;
        open->has_key = true;
        return;
    }
    open->node.pairs = arena_grow(b->arena, open->node.pairs, open->node.count, &open->room, sizeof *open->node.pairs);
    open->node.pairs[open->node.count++] = (struct yaml_pair){.key = open->key, .value = node};
    open->has_key = false;
}

/* ---- events --------------------------------------------------------------------------------------------------- */

/* A file made of what is refused is not read to its end. */
static void stop_after_many(struct builder *b)
{
    b->stop = b->stop || b->diags->errors > 100;
}

static void refuse_decoration(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (anchor != NULL) {
        diag_add(b->diags, DIAG_YAML, pos_of(event->start_mark), "write the value out where it is used",
                 "anchors ('&%s') are not accepted", (const char *)anchor);
    }
    if (tag != NULL) {
        diag_add(b->diags, DIAG_YAML, pos_of(event->start_mark), NULL, "tags ('%s') are not accepted",
                 (const char *)tag);
    }
    if (anchor != NULL || tag != NULL) {
        stop_after_many(b);
    }
}

static void open_container(struct builder *b, const yaml_event_t *event, enum json_type type)
{
    if (b->depth == YAML_MAX_DEPTH) {
        fatal(b, DIAG_BOUND, pos_of(event->start_mark), NULL, "lists and maps are nested more than 64 deep");
        return;
    }
    b->stack[b->depth++] = (struct open_node){
        .node = {.type = type, .pos = pos_of(event->start_mark)}};
}

static void close_container(struct builder *b, const yaml_event_t *event)
{
    struct yaml_node node = b->stack[--b->depth].node;
    node.end = pos_of(event->end_mark);
    if (node.type == JSON_OBJECT) {
        check_duplicates(b, &node);
    }
    place_node(b, node);
}

static void take_scalar(struct builder *b, const yaml_event_t *event)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct yaml_node node = {
        .pos = pos_of(event->start_mark),
        .end = pos_of(event->end_mark),
        .text = arena_str(b->arena, text),
        .plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
    };
    if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL) {
        diag_add(b->diags, DIAG_YAML, node.pos, NULL, "a text with a NUL ('\\0') in it");
    }
    /* A "!" before a quoted scalar is a tag too; libyaml tells by the text. */
    refuse_decoration(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    bool is_value = b->depth == 0 || b->stack[b->depth - 1].node.type == JSON_ARRAY || b->stack[b->depth - 1].has_key;
    node.scalar = node.plain ? resolve_plain(b, &node, is_value)
                             : (struct json){.type = JSON_STRING, .u.string = node.text};
    node.type = node.scalar.type;
    place_node(b, node);
}

static void take_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1) {
            fatal(b, DIAG_YAML, pos_of(event->start_mark), "put it into a file of its own",
                  "a second document ('---') begins here");
        }
        break;
    case YAML_ALIAS_EVENT:
        diag_add(b->diags, DIAG_YAML, pos_of(event->start_mark), "write the value out where it is used",
                 "aliases ('*%s') are not accepted", (const char *)event->data.alias.anchor);
        stop_after_many(b);
        place_node(b, (struct yaml_node){.type = JSON_NULL, .pos = pos_of(event->start_mark)});
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(b, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_decoration(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        open_container(b, event, JSON_ARRAY);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_decoration(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        open_container(b, event, JSON_OBJECT);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_container(b, event);
        break;
    default:
        break;
    }
}

static void report_parser_error(struct builder *b)
{
    const yaml_parser_t *parser = &b->parser;
    struct pos pos = pos_of(parser->problem_mark);
    const char *problem = parser->problem == NULL ? "it is not YAML" : parser->problem;
    struct str line = diags_source_line(b->diags, pos.line);
    const char *hint = memchr(line.p == NULL ? "" : line.p, '\t', line.n) != NULL
                         ? "YAML is indented by blanks, not tabs"
                         : NULL;
    if (parser->error == YAML_READER_ERROR) { /* check_bytes found nothing: it can only be the parser's own bound */
        diag_add(b->diags, DIAG_YAML, (struct pos){1, 1}, NULL, "it cannot be read: %s", problem);
    } else if (parser->context != NULL) {
        diag_add(b->diags, DIAG_YAML, pos, hint, "%s %s", parser->context, problem);
    } else {
        diag_add(b->diags, DIAG_YAML, pos, hint, "%s", problem);
    }
}

/* What is wrong with a character of the file, or NULL. YAML ends lines at more characters than editors and shells do:
 * a script would be read otherwise than it looks. */
static const char *wrong_character(struct str text, size_t at, uint32_t code)
{
    bool feed = at + 1 < text.n && text.p[at + 1] == '\n';
    if (code == 0) {
        return "a NUL byte";
    }
    if (code == '\r' && !feed) {
        return "a carriage return without a line feed";
    }
    if (code == 0x85 || code == 0x2028 || code == 0x2029) {
        return "a line break that editors do not show";
    }
    if (code == 0xFEFF) {
        return "a byte order mark inside the text";
    }
    bool control = (code < ' ' && code != '\t' && code != '\n' && code != '\r') || (code >= 0x7F && code < 0xA0);
    return control || code == 0xFFFE || code == 0xFFFF ? "a control character" : NULL;
}

static bool check_bytes(struct diags *diags)
{
    if (diags->text.n > YAML_MAX_BYTES) {
        diag_add(diags, DIAG_BOUND, (struct pos){0}, NULL, "the file is larger than 16 MiB");
        return false;
    }
    size_t at = 0;
    while (at < diags->text.n) {
        uint32_t code = 0;
        size_t length = utf8_decode(diags->text.p + at, diags->text.n - at, &code);
        const char *wrong = length == 0 ? NULL : wrong_character(diags->text, at, code);
        if (length == 0 || wrong != NULL) {
            struct pos pos = pos_advance((struct pos){1, 1}, diags->text, at, 1);
            if (length == 0) {
                diag_add(diags, DIAG_YAML, pos, NULL, "a byte that is no UTF-8: 0x%02X",
                         (unsigned)(unsigned char)diags->text.p[at]);
            } else {
                diag_add(diags, DIAG_YAML, pos, "inside \"double quotes\" it can be written as an escape, such as \\t",
                         "%s (U+%04X)", wrong, (unsigned)code);
            }
            return false;
        }
        at += length;
    }
    return true;
}

const struct yaml_node *yaml_doc_parse(struct diags *diags)
{
    if (str_starts(diags->text, STR("\xEF\xBB\xBF"))) { /* a byte order mark stands in no column */
        diags->text = str_slice(diags->text, 3, diags->text.n);
    }
    diags_index_lines(diags);
    if (!check_bytes(diags)) {
        return NULL;
    }
    struct builder *b = arena_one(diags->arena, struct builder);
    b->diags = diags;
    b->arena = diags->arena;
    if (yaml_parser_initialize(&b->parser) == 0) {
        diag_add(diags, DIAG_YAML, (struct pos){0}, NULL, "the YAML parser cannot start");
        return NULL;
    }
    yaml_parser_set_input_string(&b->parser, (const unsigned char *)(diags->text.p == NULL ? "" : diags->text.p),
                                 diags->text.n);
    yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
    bool ended = false;
    while (!ended && !b->stop) {
        yaml_event_t event;
        if (yaml_parser_parse(&b->parser, &event) == 0) {
            report_parser_error(b);
            b->stop = true;
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        take_event(b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&b->parser);
    if (b->root == NULL && !b->stop) {
        diag_add(diags, DIAG_YAML, (struct pos){1, 1}, "'sluice init' writes a first one", "the file is empty");
    }
    return b->stop ? NULL : b->root;
}

static const struct yaml_pair *find_pair(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map != NULL && map->type == JSON_OBJECT && i < map->count; i++) {
        if (str_is(map->pairs[i].key.text, key)) {
            return &map->pairs[i];
        }
    }
    return NULL;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_pair *pair = find_pair(map, key);
    return pair == NULL ? NULL : &pair->value;
}

const struct yaml_node *yaml_get_key(const struct yaml_node *map, const char *key)
{
    const struct yaml_pair *pair = find_pair(map, key);
    return pair == NULL ? NULL : &pair->key;
}

struct json yaml_to_json(struct arena *arena, const struct yaml_node *node)
{
    if (node->type == JSON_ARRAY) {
        struct json array = json_array();
        for (size_t i = 0; i < node->count; i++) {
            json_push(arena, &array, yaml_to_json(arena, &node->items[i]));
        }
        return array;
    }
    if (node->type == JSON_OBJECT) {
        /* Keys are unique (or reported): built directly, since json_set looks for each key. */
        struct json object = {.type = JSON_OBJECT};
        size_t room = 4;
        while (room < node->count) {
            room *= 2;
        }
        object.u.object.members = arena_array(arena, room, sizeof *object.u.object.members);
        for (size_t i = 0; i < node->count; i++) {
            object.u.object.members[object.u.object.count++] = (struct json_member){
                .key = node->pairs[i].key.text, .value = yaml_to_json(arena, &node->pairs[i].value)};
        }
        return object;
    }
    return node->scalar;
}
