/* SPDX-License-Identifier: Apache-2.0
 * Text with ${{ expressions }} in it, and walking over what expressions name.
 */
#include "pipeline/expr.h"

enum { PATH_MEMBERS_MAX = 8 };

ptrdiff_t expr_find_end(struct str text, size_t from)
{
    bool quoted = false;
    for (size_t i = from; i + 1 < text.n; i++) {
        if (text.p[i] == '\'') {
            quoted = !quoted;
        } else if (!quoted && text.p[i] == '}' && text.p[i + 1] == '}') {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

void expr_report_no_end(struct diags *diags, struct str text, size_t from, struct pos pos)
{
    bool closed = str_find(str_slice(text, from, text.n), STR("}}")) >= 0;
    struct diag *diag = diag_add(diags, DIAG_EXPR_SYNTAX, pos,
                                 closed ? "a ' in it begins a string, which ends at the next '" : NULL,
                                 "'${{' has no '}}' that ends it");
    diag->end_column = diag->pos.column + 3;
}

/* The bytes of "{{ params.n }}" or "${ params.n }" that `text` begins with; 0: something else. */
static size_t foreign_length(struct str text)
{
    static const char *const contexts[] = {"params.", "steps.", "matrix.", "inputs.", "secrets.", "vars."};
    bool doubled = str_starts(text, STR("{{"));
    if ((!doubled && !str_starts(text, STR("${"))) || str_starts(text, STR("${{"))) {
        return 0;
    }
    size_t at = 2;
    while (at < text.n && text.p[at] == ' ') {
        at++;
    }
    struct str inner = str_slice(text, at, text.n);
    for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        ptrdiff_t end = str_starts(inner, str_from(contexts[i])) ? str_find_byte(text, '}', at) : -1;
        bool closed = end >= 0 && (!doubled || str_starts(str_slice(text, (size_t)end, text.n), STR("}}")));
        struct str path = closed ? str_slice(text, at, (size_t)end) : STR("");
        if (closed && str_find_byte(path, '\n', 0) < 0 && str_find_byte(path, '{', 0) < 0) {
            return (size_t)end + (doubled ? 2 : 1);
        }
    }
    return 0;
}

ptrdiff_t expr_find_foreign(struct str text, size_t from)
{
    for (ptrdiff_t at = (ptrdiff_t)from; (at = str_find_byte(text, '{', (size_t)at)) >= 0; at++) {
        size_t begin = at > 0 && text.p[at - 1] == '$' ? (size_t)at - 1 : (size_t)at;
        if (foreign_length(str_slice(text, begin, text.n)) > 0) {
            return (ptrdiff_t)begin;
        }
        at += begin < (size_t)at && str_starts(str_slice(text, begin, text.n), STR("${{")) ? 1 : 0;
    }
    return -1;
}

void expr_report_foreign(struct diags *diags, struct str text, struct pos pos)
{
    for (ptrdiff_t at = 0; (at = expr_find_foreign(text, (size_t)at)) >= 0;) {
        struct str found = str_slice(text, (size_t)at, text.n);
        found.n = foreign_length(found);
        bool doubled = found.p[0] == '{';
        struct str inner = str_trim(str_slice(found, 2, found.n - (doubled ? 2 : 1)));
        struct diag *diag = diag_add(diags, DIAG_SUSPECT, pos_advance(pos, text, (size_t)at, pos.column),
                                     arena_printf(diags->arena, "write ${{ %.*s }}", STR_ARG(inner)),
                                     "'%.*s' is text: an expression begins with '${{'", STR_ARG(found));
        diag->end_column = diag->pos.column + (int)found.n;
        at += (ptrdiff_t)found.n;
    }
}

struct pos pos_advance(struct pos pos, struct str text, size_t to, int indent)
{
    if (pos.line < 0) { /* an offset: scalar_source.h */
        pos.column += (int)(to < text.n ? to : text.n);
        return pos;
    }
    size_t line = 0; /* where the last one begins */
    text = str_slice(text, 0, to);
    for (ptrdiff_t feed = -1; (feed = str_find_byte(text, '\n', line)) >= 0; line = (size_t)feed + 1) {
        pos.line++;
        pos.column = indent;
    }
    for (size_t i = line; i < text.n; i++) {
        pos.column += ((unsigned char)text.p[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return pos;
}

struct parts {
    struct template_part *items;
    size_t count;
    size_t room;
};

static void add_part(struct arena *arena, struct parts *parts, struct str text, const struct expr *expr)
{
    if (expr == NULL && text.n == 0) {
        return;
    }
    parts->items = arena_grow(arena, parts->items, parts->count, &parts->room, sizeof *parts->items);
    parts->items[parts->count++] = (struct template_part){.text = text, .expr = expr};
}

int template_parse(struct json value, struct pos pos, struct diags *diags, struct template *ret_template)
{
    struct template result = {.pos = pos, .plain = value};
    struct str text = value.type == JSON_STRING ? value.u.string : STR("");
    struct parts parts = {0};
    struct pos begin = pos; /* of byte `counted` */
    size_t counted = 0;
    size_t done = 0;
    bool escaped = false;
    bool failed = false;
    for (size_t i = 0; i + 3 <= text.n; i++) {
        if (text.p[i] != '$' || !str_starts(str_slice(text, i, text.n), STR("${{"))) {
            continue;
        }
        if (i > done && text.p[i - 1] == '$') { /* "$${{" is a literal "${{" */
            add_part(diags->arena, &parts, str_slice(text, done, i - 1), NULL);
            done = i;
            escaped = true;
            continue;
        }
        ptrdiff_t end = expr_find_end(text, i + 3);
        begin = pos_advance(begin, str_slice(text, counted, i), i - counted, pos.column);
        counted = i;
        if (end < 0) {
            expr_report_no_end(diags, text, i + 3, begin);
            return -1;
        }
        struct pos inner = {begin.line, begin.column + 3};
        const struct expr *expr = expr_parse(str_slice(text, i + 3, (size_t)end), inner, diags);
        failed = failed || expr == NULL;
        add_part(diags->arena, &parts, str_slice(text, done, i), NULL);
        add_part(diags->arena, &parts, STR(""), expr);
        done = (size_t)end + 2;
        i = done - 1;
    }
    if (parts.count > 0 || escaped) {
        add_part(diags->arena, &parts, str_slice(text, done, text.n), NULL);
    }
    if (failed) {
        return -1;
    }
    result.parts = parts.items;
    result.part_count = parts.count;
    *ret_template = result;
    return 0;
}

struct json template_text_or_plain(const struct template *template, struct arena *arena)
{
    return template->written.n > 0 ? json_string(arena, template->written) : template->plain;
}

bool template_is_plain(const struct template *template)
{
    for (size_t i = 0; i < template->part_count; i++) {
        if (template->parts[i].expr != NULL) {
            return false;
        }
    }
    return true;
}

bool template_is_secret(const struct template *template, struct str *ret_name)
{
    const struct expr *expr = template->part_count == 1 ? template->parts[0].expr : NULL;
    if (expr == NULL || expr->op != EXPR_MEMBER || expr->args[0].op != EXPR_NAME ||
        !str_is(expr->args[0].name, "secrets")) {
        return false;
    }
    *ret_name = expr->name;
    return true;
}

/* ---- walking ------------------------------------------------------------------------------------------- */

/* "a.b['c'].d" as its root and constant members, outermost last. Returns the root, or NULL when it does not start at a
 * name. */
static const struct expr *path_root(const struct expr *expr, struct str *members, size_t *ret_count)
{
    const struct expr *chain[PATH_MEMBERS_MAX * 4];
    size_t links = 0;
    const struct expr *at = expr;
    while ((at->op == EXPR_MEMBER || at->op == EXPR_INDEX) && links < PATH_MEMBERS_MAX * 4) {
        chain[links++] = at;
        at = &at->args[0];
    }
    if (at->op != EXPR_NAME) {
        return NULL;
    }
    *ret_count = 0;
    while (links > 0 && *ret_count < PATH_MEMBERS_MAX) {
        const struct expr *link = chain[--links];
        if (link->op == EXPR_MEMBER) {
            members[(*ret_count)++] = link->name;
        } else if (link->args[1].op == EXPR_LITERAL && link->args[1].value.type == JSON_STRING) {
            members[(*ret_count)++] = link->args[1].value.u.string;
        } else {
            break;
        }
    }
    return at;
}

/* Indexes that are expressions themselves name things too. */
static void walk_indexes(const struct expr *expr, const struct expr_visitor *visitor)
{
    for (const struct expr *at = expr; at->op == EXPR_MEMBER || at->op == EXPR_INDEX; at = &at->args[0]) {
        if (at->op == EXPR_INDEX) {
            expr_walk(&at->args[1], visitor);
        }
    }
}

void expr_walk(const struct expr *expr, const struct expr_visitor *visitor)
{
    struct str members[PATH_MEMBERS_MAX];
    size_t count = 0;
    const struct expr *root = expr->op == EXPR_NAME || expr->op == EXPR_MEMBER || expr->op == EXPR_INDEX
                                ? path_root(expr, members, &count)
                                : NULL;
    if (root != NULL) {
        if (visitor->path != NULL) {
            visitor->path(visitor->ctx, root->name, members, count, expr);
        }
        walk_indexes(expr, visitor);
        return;
    }
    if (expr->op == EXPR_CALL && visitor->call != NULL) {
        visitor->call(visitor->ctx, expr);
    }
    for (size_t i = 0; i < expr->arg_count; i++) {
        expr_walk(&expr->args[i], visitor);
    }
}

void template_walk(const struct template *template, const struct expr_visitor *visitor)
{
    for (size_t i = 0; i < template->part_count; i++) {
        if (template->parts[i].expr != NULL) {
            expr_walk(template->parts[i].expr, visitor);
        }
    }
}

void template_tree_walk(const struct template_tree *tree, const struct expr_visitor *visitor)
{
    template_walk(&tree->leaf, visitor);
    for (size_t i = 0; i < tree->count; i++) {
        template_tree_walk(&tree->items[i], visitor);
    }
}
