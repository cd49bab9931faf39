/* SPDX-License-Identifier: Apache-2.0
 * libyaml's events into our tree. An explicit stack of open containers bounds the depth; children are gathered in
 * one growing array, each container's behind those of the one around it, and copied into the tree when it ends.
 */
#include "pipeline/yaml_doc.h"

#include "base/mem.h"
#include "base/str_index.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "pipeline/core_schema.h"
#include "pipeline/expr.h"
#include "pipeline/scalar_source.h"

#include <stdlib.h>
#include <yaml.h>

enum { YAML_MAX_NODES = 4000000, FEW_KEYS = 16 };

struct open_node {
    struct yaml_node node;
    size_t first; /* child of it */
};

struct builder {
    struct diags *diags;
    struct arena *arena;
    yaml_parser_t parser;
    struct open_node stack[YAML_MAX_DEPTH];
    int depth;
    struct {
        VEC_OF(struct yaml_node)
    } children; /* of the open containers; those of a map are keys and values in turn */
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

/* Does the next node stand where a key of a map does? */
static bool expects_key(const struct builder *b)
{
    const struct open_node *open = b->depth == 0 ? NULL : &b->stack[b->depth - 1];
    return open != NULL && open->node.type == JSON_OBJECT && (b->children.count - open->first) % 2 == 0;
}

/* Sets the type of a plain scalar by its text. A key is text whatever it looks like. */
static void resolve_plain(struct builder *b, struct yaml_node *node)
{
    if (expects_key(b)) {
        return;
    }
    bool not_finite = false;
    node->type = core_schema_value(node->text, &not_finite).type;
    if (not_finite) {
        diag_add(b->diags, DIAG_VALUE, node->pos, "write it in quotes if it is text",
                 "expected a finite number, found '%.*s': infinity and NaN are not accepted", STR_ARG(node->text));
    }
}

struct pos yaml_content(struct diags *diags, const struct yaml_node *node)
{
    return scalar_source_add(diags, node->pos, node->text);
}

struct json yaml_scalar(const struct yaml_node *node)
{
    bool ignored = false;
    switch (node->type) {
    case JSON_BOOL:
    case JSON_INT:
    case JSON_NUMBER:
        return core_schema_value(node->text, &ignored);
    case JSON_STRING:
        return (struct json){.type = JSON_STRING, .u.string = node->text};
    default:
        return json_null();
    }
}

/* ---- putting a finished node where it belongs ------------------------------------------------------------- */

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
    struct arena *scratch = arena_new();
    struct str_index *keys = str_index_new(scratch, map->count);
    for (size_t i = 0; i < map->count; i++) {
        size_t first = str_index_add(keys, map->pairs[i].key.text);
        if (first != i) {
            report_duplicate(b, &map->pairs[i], &map->pairs[first]);
        }
    }
    arena_free(scratch);
}

static void make_key(struct builder *b, struct yaml_node *node)
{
    if (node->type == JSON_ARRAY || node->type == JSON_OBJECT) {
        diag_add(b->diags, DIAG_TYPE, node->pos, NULL, "expected a key, found %s", json_type_name(node->type));
        node->text = STR("");
    }
    if (node->plain && str_is(node->text, "<<")) {
        diag_add(b->diags, DIAG_YAML, node->pos, "write the keys out", "merge keys ('<<') are not accepted");
    }
    node->type = JSON_STRING;
}

static void place_node(struct builder *b, struct yaml_node *node)
{
    if (++b->nodes > YAML_MAX_NODES) {
        fatal(b, DIAG_BOUND, node->pos, NULL, "the file has too many values");
        return;
    }
    if (b->depth == 0) {
        b->root = arena_one(b->diags->scratch, struct yaml_node);
        *b->root = *node;
        return;
    }
    if (expects_key(b)) {
        make_key(b, node);
    }
    vec_push(&b->children, *node);
}

/* Out of the growing array, into the tree. */
static void take_children(struct builder *b, struct open_node *open)
{
    size_t count = b->children.count - open->first;
    struct yaml_node *own = arena_array(b->diags->scratch, count, sizeof *own);
    if (count > 0) {
        memcpy(own, b->children.items + open->first, count * sizeof *own);
    }
    b->children.count = open->first;
    if (open->node.type == JSON_ARRAY) {
        open->node.items = own;
        open->node.count = count;
    } else { /* two nodes are a pair */
        open->node.pairs = (struct yaml_pair *)own;
        open->node.count = count / 2;
    }
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
        .node = {.type = type, .pos = pos_of(event->start_mark)},
        .first = b->children.count,
    };
}

static void close_container(struct builder *b, const yaml_event_t *event)
{
    struct open_node *open = &b->stack[--b->depth];
    open->node.end = pos_of(event->end_mark);
    take_children(b, open);
    if (open->node.type == JSON_OBJECT) {
        check_duplicates(b, &open->node);
    }
    place_node(b, &open->node);
}

static void take_scalar(struct builder *b, const yaml_event_t *event)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct yaml_node node = {
        .type = JSON_STRING,
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
    if (node.plain) {
        resolve_plain(b, &node);
    }
    place_node(b, &node);
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
        place_node(b, &(struct yaml_node){.type = JSON_NULL, .pos = pos_of(event->start_mark), .text = STR("")});
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

/* What is mostly meant. */
static const char *hint_of(const char *problem, struct str line)
{
    if (memchr(line.p == NULL ? "" : line.p, '\t', line.n) != NULL) {
        return "YAML is indented by blanks, not tabs";
    }
    return strstr(problem, "expected ',' or '}'") != NULL
               ? "between { and }, text with quotes, commas or braces in it stands in quotes as a whole"
           : strstr(problem, "mapping values are not allowed") != NULL ||
                   strstr(problem, "did not find expected key") != NULL
               ? "the keys of one map begin in the same column; text with ': ' in it stands in quotes"
               : NULL;
}

static void report_parser_error(struct builder *b)
{
    const yaml_parser_t *parser = &b->parser;
    struct pos pos = pos_of(parser->problem_mark);
    const char *problem = parser->problem == NULL ? "it is not YAML" : parser->problem;
    const char *hint = hint_of(problem, diags_source_line(b->diags, pos.line));
    if (parser->error == YAML_MEMORY_ERROR) {
        mem_exhausted("libyaml");
    }
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

/* Eight bytes at once: in none is the high bit set, none is below ' ' (no borrow from it), none is 0x7F (the carry of
 * one). */
static bool are_printable(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word = 0;
    memcpy(&word, p, sizeof word);
    return ((word | (word - ones * ' ') | (word + ones)) & (ones * 0x80)) == 0;
}

/* The end of what needs no look from `at` on: printable ASCII and line feeds, nearly all of most files. */
static size_t plain_bytes(struct str text, size_t at)
{
    while (at < text.n) {
        if (at + 8 <= text.n && are_printable(text.p + at)) {
            at += 8;
        } else if ((text.p[at] >= ' ' && text.p[at] < 0x7F) || text.p[at] == '\n') {
            at++;
        } else {
            break;
        }
    }
    return at;
}

static bool check_bytes(struct diags *diags)
{
    if (diags->text.n > YAML_MAX_BYTES) {
        diag_add(diags, DIAG_BOUND, (struct pos){0}, NULL, "the file is larger than 16 MiB");
        return false;
    }
    size_t at = plain_bytes(diags->text, 0);
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
        at = plain_bytes(diags->text, at + length);
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
    struct builder *b = arena_one(diags->scratch, struct builder);
    b->diags = diags;
    b->arena = diags->arena;
    if (yaml_parser_initialize(&b->parser) == 0) {
        mem_exhausted("libyaml"); /* for no other reason can it fail */
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
    vec_clear(&b->children);
    if (b->root == NULL && !b->stop) {
        diag_add(diags, DIAG_YAML, (struct pos){1, 1}, "'sluice init' writes a first one", "the file is empty");
    }
    return b->stop ? NULL : b->root;
}

static const struct yaml_pair *find_pair(const struct yaml_node *map, struct str key)
{
    for (size_t i = 0; map != NULL && map->type == JSON_OBJECT && i < map->count; i++) {
        if (str_eq(map->pairs[i].key.text, key)) {
            return &map->pairs[i];
        }
    }
    return NULL;
}

const struct yaml_node *yaml_get_str(const struct yaml_node *map, struct str key)
{
    const struct yaml_pair *pair = find_pair(map, key);
    return pair == NULL ? NULL : &pair->value;
}

const struct yaml_node *yaml_get_key(const struct yaml_node *map, struct str key)
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
    return yaml_scalar(node);
}
