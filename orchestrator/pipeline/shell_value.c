/* SPDX-License-Identifier: Apache-2.0
 * An expression in a script: what it becomes in the place where it stands, or what stands in its way.
 */
#include "pipeline/shell_lexer.h"

#include <ctype.h>

void shell_lexer_leave_out(struct shell_lexer *l, size_t to)
{
    strbuf_add(&l->out, l->text.p + l->written, l->at - l->written);
    l->at = l->written = to;
}

/* Where byte `at` stands. Lines are counted once, as long as one asks forwards. */
static struct pos place_of(struct shell_lexer *l, size_t at)
{
    if (at < l->counted) {
        l->counted_pos = l->pos;
        l->counted = 0;
    }
    l->counted_pos = pos_advance(l->counted_pos, str_slice(l->text, l->counted, at), at - l->counted, l->pos.column);
    l->counted = at;
    return l->counted_pos;
}

/* Is what stands in this `${ }` behind an operator that takes a word (`${x:-word}`), not an index or an offset? */
static bool parameter_takes_word(const struct shell_lexer *l, const struct shell_frame *frame)
{
    size_t at = frame->begin;
    while (at < l->at && (l->text.p[at] == '!' || l->text.p[at] == '_' || isalnum((unsigned char)l->text.p[at]))) {
        at++;
    }
    at += at < l->at && l->text.p[at] == ':' && at + 1 < l->at && strchr("-=?+", l->text.p[at + 1]) != NULL ? 1 : 0;
    return at > frame->begin && at < l->at && strchr("-=?+#%/", l->text.p[at]) != NULL;
}

bool shell_lexer_feeds_code(const struct shell_lexer *l)
{
    bool code = l->stack[l->depth].place == PLACE_HEREDOC ? l->heredoc_is_code
                                                          : shell_command_risk(&l->command) != SHELL_SAFE;
    for (int i = l->depth; i > 0 && l->stack[i].close != ')' && l->stack[i].close != '`'; i--) {
        enum shell_place place = l->stack[i].place;
        code = code || place == PLACE_TEST || (place == PLACE_PARAMETER && !parameter_takes_word(l, &l->stack[i]));
    }
    for (int i = l->depth; i > 0 && l->stack[i].place != PLACE_BARE; i--) {
        code = code || l->stack[i].place == PLACE_ARITHMETIC;
    }
    return code;
}

void shell_lexer_refuse(struct shell_lexer *l, size_t at, const char *where, const char *hint)
{
    l->failed = true;
    diag_add(l->diags, DIAG_SHELL, place_of(l, at), hint, "an expression %s would not be one shell word", where);
}

static void note_secret(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct shell_lexer *l = ctx;
    (void)members;
    (void)count;
    if (str_is(root, "secrets")) {
        l->secret = l->failed = true;
        diag_add(l->diags, DIAG_SECRET, at->pos, "put it in 'env:' and use the variable",
                 "a secret in the text of a script");
    }
}

/* What stands in the way of an expression in this place, or NULL; and what to do about it. */
static const char *obstacle(const struct shell_lexer *l, const char **ret_hint)
{
    static const char *const inside[] = {
        [PLACE_DOLLAR_SINGLE] = "inside $'...'",
        [PLACE_PARAMETER] = "inside ${...}",
        [PLACE_ARITHMETIC] = "inside arithmetic",
        [PLACE_TEST] = "inside [[ ]]",
        [PLACE_HEREDOC_QUOTED] = "inside a quoted here-document",
    };
    enum shell_place place = l->stack[l->depth].place;
    *ret_hint = shell_risk_hint(SHELL_CODE);
    if (place == PLACE_COMMENT) {
        return NULL;
    }
    /* Quotes inside of arithmetic and the like do not end it. */
    for (int i = l->depth; i > 0 && l->stack[i].place != PLACE_BARE && place != PLACE_HEREDOC_QUOTED; i--) {
        const struct shell_frame *frame = &l->stack[i];
        bool taken = frame->place == PLACE_PARAMETER && i < l->depth && parameter_takes_word(l, frame);
        if (!taken && (frame->place == PLACE_PARAMETER || frame->place == PLACE_ARITHMETIC ||
                       frame->place == PLACE_TEST)) {
            return inside[frame->place];
        }
    }
    if (place == PLACE_HEREDOC) {
        return l->heredoc_is_code ? "in a here-document that another interpreter runs" : NULL;
    }
    if (place == PLACE_BARE || place == PLACE_DOUBLE || place == PLACE_SINGLE) {
        enum shell_risk risk = shell_command_risk(&l->command);
        *ret_hint = shell_risk_hint(risk);
        return shell_risk_text(risk);
    }
    return place < sizeof inside / sizeof inside[0] ? inside[place] : NULL;
}

static void write_reference(struct shell_lexer *l, size_t at, size_t number)
{
    const char *hint = NULL;
    const char *where = obstacle(l, &hint);
    if (where != NULL) {
        shell_lexer_refuse(l, at, where, hint);
        return;
    }
    switch (top(l)->place) {
    case PLACE_COMMENT:
        return;
    case PLACE_SINGLE:
        strbuf_printf(&l->out, "'\"$__%zu\"'", number);
        break;
    case PLACE_BARE:
        strbuf_printf(&l->out, "\"$__%zu\"", number);
        break;
    default:
        strbuf_printf(&l->out, "${__%zu}", number);
        break;
    }
    size_t *first = top(l)->place != PLACE_HEREDOC ? &l->pipe.by_this : l->pipe.goes_on ? &l->pipe.printed : NULL;
    if (first != NULL && *first == 0) {
        *first = at + 1;
    }
    shell_command_value(&l->command);
}

void shell_lexer_take_expression(struct shell_lexer *l)
{
    size_t start = l->at;
    ptrdiff_t end = expr_find_end(l->text, l->at + 3);
    struct pos begin = place_of(l, start);
    if (end < 0) {
        expr_report_no_end(l->diags, l->text, start + 3, begin);
        l->failed = true;
        l->at = l->text.n;
        return;
    }
    struct pos inner = {begin.line, begin.column + 3};
    const struct expr *expr = expr_parse(str_slice(l->text, start + 3, (size_t)end), inner, l->diags);
    shell_lexer_leave_out(l, (size_t)end + 2);
    if (expr == NULL) {
        l->failed = true;
        return;
    }
    struct expr_visitor visitor = {.ctx = l, .path = note_secret};
    l->secret = false;
    expr_walk(expr, &visitor);
    if (l->secret) { /* told: whoever checks the others' names would tell it again */
        return;
    }
    if (top(l)->place != PLACE_COMMENT) {
        l->exprs = arena_grow(l->diags->arena, l->exprs, l->expr_count, &l->expr_room, sizeof(const struct expr *));
        l->exprs[l->expr_count++] = expr;
    }
    write_reference(l, start, l->expr_count);
}
