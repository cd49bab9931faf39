/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_names.h"

#include "base/utf8.h"

static size_t characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) {
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return count;
}

/* Blocks beyond ASCII that hold no letters: everything else counts as one, which errs on the side of taking a name. */
static bool is_beyond_words(uint32_t code)
{
    static const struct {
        uint32_t from;
        uint32_t to;
    } blocks[] = {
        {0x80, 0xa9},     {0xab, 0xb1},     {0xb4, 0xb4},       {0xb6, 0xb8},        {0xbb, 0xbb},     {0xbf, 0xbf},
        {0xd7, 0xd7},     {0xf7, 0xf7},     {0x2000, 0x206f},   {0x20a0, 0x20cf},    {0x2190, 0x245f}, {0x2500, 0x2775},
        {0x2794, 0x2bff}, {0x2e00, 0x2e7f}, {0x3000, 0x3004},   {0x3008, 0x3020},    {0xd800, 0xf8ff}, {0xfe00, 0xfe6f},
        {0xff01, 0xff0f}, {0xfff0, 0xffff}, {0x1f000, 0x1faff}, {0xe0000, 0x10ffff},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (code >= blocks[i].from && code <= blocks[i].to) {
            return true;
        }
    }
    return false;
}

static bool is_key_character(uint32_t code)
{
    if (code >= 0x80) {
        return !is_beyond_words(code);
    }
    return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z') ||
           (code != 0 && strchr("_-. :/", (int)code) != NULL);
}

static bool is_normal_path(struct str key)
{
    struct str rest = key;
    struct str part;
    while (str_cut(&rest, '/', &part)) {
        if (part.n == 0 || str_is(part, ".") || str_is(part, "..")) {
            return false;
        }
    }
    return key.n > 0;
}

/* Most keys are, and some are checked a million times: ASCII without '.', and no part of it is empty. */
static bool is_plain_key(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' ||
                     c == '-' || c == ' ' || c == ':';
        bool divides = c == '/' && i > 0 && key.p[i - 1] != '/' && i + 1 < key.n;
        if (!plain && !divides) {
            return false;
        }
    }
    return key.n > 0 && key.n <= STEP_KEY_MAX;
}

int step_key_check(const char *what, struct str key, struct err *err)
{
    if (is_plain_key(key)) {
        return 0;
    }
    if (key.n == 0) {
        return err_set(err, ERR_INPUT, "a %s without a key", what);
    }
    for (size_t i = 0; i < key.n;) {
        uint32_t code = 0;
        size_t length = utf8_decode(key.p + i, key.n - i, &code);
        if (length == 0) {
            return err_set(err, ERR_INPUT, "the key of a %s is not UTF-8", what);
        }
        if (!is_key_character(code)) {
            return err_set(err, ERR_INPUT,
                           "%s key '%.*s': expected letters, digits, '_', '-', '.', ' ', ':' and '/' only", what,
                           STR_ARG(key));
        }
        i += length;
    }
    if (characters(key) > STEP_KEY_MAX) {
        return err_set(err, ERR_INPUT, "%s key '%.*s...' has %zu characters: expected at most %d", what, 60, key.p,
                       characters(key), STEP_KEY_MAX);
    }
    if (!is_normal_path(key)) {
        return err_set(err, ERR_INPUT,
                       "%s key '%.*s': read as a path it must be relative, without '.', '..' or empty parts", what,
                       STR_ARG(key));
    }
    return 0;
}

int step_text_check(const char *what, struct str key, struct str value, size_t max_characters, struct err *err)
{
    if (!utf8_valid(value) || str_find_byte(value, '\0', 0) >= 0) {
        return err_set(err, ERR_INPUT, "%s '%.*s': its value is not UTF-8 text", what, STR_ARG(key));
    }
    if (characters(value) > max_characters) {
        return err_set(err, ERR_INPUT, "%s '%.*s': its value has %zu characters: expected at most %zu", what,
                       STR_ARG(key), characters(value), max_characters);
    }
    return 0;
}

int step_model_name_check(struct str name, struct err *err)
{
    if (name.n == 0 || !utf8_valid(name)) {
        return err_set(err, ERR_INPUT, "a model needs a name");
    }
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < 0x20 || strchr("/:.%\"'", c) != NULL) {
            return err_set(err, ERR_INPUT, "the model name '%.*s' holds one of / : . %% \" ' or a control character",
                           STR_ARG(name));
        }
    }
    return 0;
}
