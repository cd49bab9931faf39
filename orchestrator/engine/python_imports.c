/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/python_imports.h"

#include <stdbool.h>

/* What is left of a statement that may go on over lines: in parentheses, and behind '\'. */
struct statement {
    struct str rest;
    bool open; /* a '(' */
};

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static struct str behind(struct str text, size_t n)
{
    return str_slice(text, n < text.n ? n : text.n, text.n);
}

static struct str skip_blanks(struct str text)
{
    size_t n = 0;
    while (n < text.n && (text.p[n] == ' ' || text.p[n] == '\t' || text.p[n] == '\f')) {
        n++;
    }
    return behind(text, n);
}

/* How many bytes of "\" and a line end stand there. */
static size_t joint(struct str text)
{
    size_t n = text.n > 1 && text.p[1] == '\r' ? 2 : 1;
    return text.n > n && text.p[0] == '\\' && text.p[n] == '\n' ? n + 1 : 0;
}

static size_t line_length(struct str text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] != '\n') {
        n++;
    }
    return n;
}

/* Up to the next name of the statement; false at its end. */
static bool find_name(struct statement *s)
{
    while (s->rest.n > 0) {
        char c = s->rest.p[0];
        bool ends_line = c == '\n' || c == '\r';
        if (is_name_byte(c)) {
            return true;
        }
        if (joint(s->rest) > 0) {
            s->rest = behind(s->rest, joint(s->rest));
        } else if (c == '#' && s->open) {
            s->rest = behind(s->rest, line_length(s->rest));
        } else if (c == '(') {
            s->open = true;
            s->rest = behind(s->rest, 1);
        } else if (c == ' ' || c == '\t' || c == '\f' || c == ',' || (ends_line && s->open)) {
            s->rest = behind(s->rest, 1);
        } else {
            return false;
        }
    }
    return false;
}

/* "a.b.c" at the beginning, with blanks around its dots as Python allows them; "" when none stands there. */
static struct str take_dotted(struct statement *s)
{
    size_t n = 0;
    while (n < s->rest.n && (is_name_byte(s->rest.p[n]) || s->rest.p[n] == '.')) {
        n++;
    }
    struct str name = str_slice(s->rest, 0, n);
    s->rest = behind(s->rest, n);
    return name;
}

static struct str next_name(struct statement *s)
{
    return find_name(s) ? take_dotted(s) : STR("");
}

/* "a as b, c": behind "import", of `from` or by themselves. */
static void take_names(struct statement *s, struct python_import import, bool of_module,
                       void (*take)(void *, const struct python_import *), void *ctx)
{
    for (struct str name = next_name(s); name.n > 0; name = next_name(s)) {
        if (str_is(name, "as")) {
            (void)next_name(s);
            continue;
        }
        *(of_module ? &import.name : &import.module) = name;
        take(ctx, &import);
    }
}

static size_t take_dots(struct statement *s)
{
    size_t dots = 0;
    for (s->rest = skip_blanks(s->rest); s->rest.n > 0 && s->rest.p[0] == '.'; s->rest = skip_blanks(s->rest)) {
        dots++;
        s->rest = behind(s->rest, 1);
    }
    return dots;
}

static void take_from(struct statement *s, void (*take)(void *, const struct python_import *), void *ctx)
{
    struct python_import import = {.dots = take_dots(s), .module = STR(""), .name = STR("")};
    struct str word = next_name(s);
    if (!str_is(word, "import")) {
        import.module = word;
        word = next_name(s);
    }
    if (str_is(word, "import") && (import.dots > 0 || import.module.n > 0)) {
        if (import.module.n > 0) {
            take(ctx, &import); /* what a '*' takes is in it */
        }
        take_names(s, import, true, take, ctx);
    }
}

/* The word with which a statement would begin; `*ret_rest` stands behind it. */
static bool begins_with(struct str text, struct str word, struct str *ret_rest)
{
    bool there = str_starts(text, word) && (text.n == word.n || !is_name_byte(text.p[word.n]));
    *ret_rest = there ? behind(text, word.n) : text;
    return there;
}

void python_imports(struct str text, void (*take)(void *ctx, const struct python_import *import), void *ctx)
{
    bool may_begin = true;
    while (text.n > 0) {
        struct statement s = {0};
        text = may_begin ? skip_blanks(text) : text;
        if (may_begin && begins_with(text, STR("from"), &s.rest)) {
            take_from(&s, take, ctx);
            text = s.rest;
        } else if (may_begin && begins_with(text, STR("import"), &s.rest)) {
            take_names(&s, (struct python_import){.module = STR(""), .name = STR("")}, false, take, ctx);
            text = s.rest;
        }
        may_begin = text.n > 0 && (text.p[0] == '\n' || text.p[0] == ';' || text.p[0] == ':');
        text = behind(text, 1);
    }
}
