/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct conversion {
    struct scratch *scratch;
    yaml_document_t *document;
    size_t values;
    struct fault *fault;
};

static int bad(const struct conversion *conversion, const yaml_node_t *node, const char *what)
{
    return fault_set(conversion->fault, "line %zu: %s", node->start_mark.line + 1, what);
}

/* ---- scalars of the core schema (YAML 1.2, 10.3.2) -------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_decimal(const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, "0123456789");
    p += whole;
    size_t part = 0;
    if (*p == '.') {
        part = strspn(p + 1, "0123456789");
        p += part + 1;
    }
    if (whole + part == 0) {
        return false;
    }
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        size_t exponent = strspn(p, "0123456789");
        if (exponent == 0) {
            return false;
        }
        p += exponent;
    }
    return *p == '\0';
}

static bool read_whole(const char *text, int64_t *ret_number)
{
    bool octal = strncmp(text, "0o", 2) == 0;
    bool hexadecimal = strncmp(text, "0x", 2) == 0;
    const char *digits = octal || hexadecimal ? text + 2 : text + (*text == '-' || *text == '+');
    const char *known = octal ? "01234567" : hexadecimal ? "0123456789abcdefABCDEF" : "0123456789";
    if (*digits == '\0' || digits[strspn(digits, known)] != '\0') {
        return false;
    }
    errno = 0;
    *ret_number = strtoll(octal || hexadecimal ? digits : text, NULL, octal ? 8 : hexadecimal ? 16 : 10);
    return errno == 0;
}

static struct step_value read_plain(const char *text, size_t size)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
    int64_t whole = 0;
    const char *unsigned_text = text + (*text == '-' || *text == '+');
    if (is_one_of(text, nulls)) {
        return (struct step_value){.type = STEP_TYPE_NULL};
    }
    if (is_one_of(text, trues) || is_one_of(text, falses)) {
        return (struct step_value){.type = STEP_TYPE_BOOL, .boolean = is_one_of(text, trues)};
    }
    if (read_whole(text, &whole)) {
        return (struct step_value){.type = STEP_TYPE_INT, .integer = whole, .number = (double)whole};
    }
    if (is_decimal(text)) {
        return (struct step_value){.type = STEP_TYPE_NUMBER, .number = strtod(text, NULL)};
    }
    if (is_one_of(text, nans)) {
        return (struct step_value){.type = STEP_TYPE_NUMBER, .number = NAN};
    }
    if (is_one_of(unsigned_text, infinities)) {
        return (struct step_value){.type = STEP_TYPE_NUMBER, .number = *text == '-' ? -INFINITY : INFINITY};
    }
    return (struct step_value){.type = STEP_TYPE_STRING, .string = text, .count = size};
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

static int convert(struct conversion *conversion, int id, int depth, struct step_value *ret);

static int convert_scalar(struct conversion *conversion, const yaml_node_t *node, struct step_value *ret)
{
    size_t size = node->data.scalar.length;
    const char *text = scratch_copy(conversion->scratch, (const char *)node->data.scalar.value, size);
    if (strlen(text) != size) {
        return bad(conversion, node, "a text holds a NUL: expected text");
    }
    *ret = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
               ? read_plain(text, size)
               : (struct step_value){.type = STEP_TYPE_STRING, .string = text, .count = size};
    return 0;
}

static int convert_list(struct conversion *conversion, const yaml_node_t *node, int depth, struct step_value *ret)
{
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    struct step_value *items = scratch_array(conversion->scratch, count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        if (convert(conversion, node->data.sequence.items.start[i], depth + 1, &items[i]) < 0) {
            return -1;
        }
    }
    *ret = (struct step_value){.type = STEP_TYPE_LIST, .count = count, .items = items};
    return 0;
}

static int convert_map(struct conversion *conversion, const yaml_node_t *node, int depth, struct step_value *ret)
{
    size_t count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    struct step_value *items = scratch_array(conversion->scratch, count, sizeof *items);
    const char **keys = scratch_array(conversion->scratch, count, sizeof *keys);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
        const yaml_node_t *key = yaml_document_get_node(conversion->document, pair->key);
        if (key->type != YAML_SCALAR_NODE || strlen((const char *)key->data.scalar.value) != key->data.scalar.length) {
            return bad(conversion, key, "a key is no text");
        }
        keys[i] = scratch_copy(conversion->scratch, (const char *)key->data.scalar.value, key->data.scalar.length);
        if (strcmp(keys[i], "<<") == 0 && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
            return bad(conversion, key, "merge keys are not read: expected the keys themselves");
        }
        if (convert(conversion, pair->value, depth + 1, &items[i]) < 0) {
            return -1;
        }
    }
    *ret = (struct step_value){.type = STEP_TYPE_MAP, .count = count, .items = items, .keys = keys};
    return 0;
}

/* An untagged node has the tag of its kind; a plain scalar "!!str". */
static bool has_own_tag(const yaml_node_t *node)
{
    const char *tag = (const char *)node->tag;
    return tag != NULL && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, YAML_SEQ_TAG) != 0 &&
           strcmp(tag, YAML_MAP_TAG) != 0;
}

static int convert(struct conversion *conversion, int id, int depth, struct step_value *ret)
{
    const yaml_node_t *node = yaml_document_get_node(conversion->document, id);
    if (depth > DOCUMENT_MAX_DEPTH || ++conversion->values > DOCUMENT_MAX_VALUES) {
        return bad(conversion, node,
                   depth > DOCUMENT_MAX_DEPTH ? "nested deeper than 64 levels" : "more than 1000000 values");
    }
    if (has_own_tag(node)) {
        return bad(conversion, node, "tags are not read: expected a plain value");
    }
    switch (node->type) {
    case YAML_SEQUENCE_NODE:
        return convert_list(conversion, node, depth, ret);
    case YAML_MAPPING_NODE:
        return convert_map(conversion, node, depth, ret);
    case YAML_SCALAR_NODE:
    case YAML_NO_NODE:
        break;
    }
    return convert_scalar(conversion, node, ret);
}

/* ---- the file -------------------------------------------------------------------------------------------- */

static int load(yaml_parser_t *parser, yaml_document_t *document, struct fault *fault)
{
    if (yaml_parser_load(parser, document) != 0) {
        return 0;
    }
    size_t line = (parser->error == YAML_READER_ERROR ? 0 : parser->problem_mark.line) + 1;
    return fault_set(fault, "line %zu: %.200s", line, parser->problem == NULL ? "no YAML" : parser->problem);
}

/* What stands behind the first document is nothing. */
static int check_end(yaml_parser_t *parser, struct conversion *conversion)
{
    yaml_document_t after;
    if (load(parser, &after, conversion->fault) < 0) {
        return -1;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&after);
    int result = root == NULL ? 0 : bad(conversion, root, "a second document begins: expected one");
    yaml_document_delete(&after);
    return result;
}

static int read_only_document(yaml_parser_t *parser, struct conversion *conversion, struct step_value *ret)
{
    yaml_document_t document;
    if (load(parser, &document, conversion->fault) < 0) {
        return -1;
    }
    conversion->document = &document;
    *ret = (struct step_value){.type = STEP_TYPE_NULL};
    int result = 0;
    if (yaml_document_get_root_node(&document) != NULL) {
        result = convert(conversion, 1, 0, ret) < 0 ? -1 : check_end(parser, conversion);
    }
    yaml_document_delete(&document);
    return result;
}

int document_read_yaml(struct scratch *scratch, const char *text, size_t size, const struct step_value **ret_value,
                       struct fault *fault)
{
    struct conversion conversion = {.scratch = scratch, .fault = fault};
    struct step_value *value = scratch_one(scratch, struct step_value);
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return fault_set(fault, "no memory for YAML");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    int result = read_only_document(&parser, &conversion, value);
    yaml_parser_delete(&parser);
    *ret_value = value;
    return result;
}
