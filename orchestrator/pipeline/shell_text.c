/* SPDX-License-Identifier: Apache-2.0
 * A lexer of POSIX shell quoting, just deep enough to know in what kind of place an expression stands.
 *
 * The state is a stack: command substitutions, quotes, parameter expansions and arithmetic nest. What it does not
 * recognise it treats as the place it is in; a wrong guess makes a literal or a word split, never code, because the
 * value is only ever in a variable.
 */
#include "pipeline/shell_text.h"

#include "pipeline/shell_lexer.h"

#include <ctype.h>

void shell_lexer_push(struct shell_lexer *l, enum shell_place place, char close)
{
    if (l->depth + 1 == NESTING_MAX) {
        if (!l->failed) {
            diag_add(l->diags, DIAG_BOUND, pos_advance(l->pos, l->text, l->at, l->pos.column), NULL,
                     "quotes and substitutions of the script are nested more than %d deep", NESTING_MAX);
        }
        l->failed = true;
        l->at = l->text.n;
        return;
    }
    l->stack[++l->depth] = (struct shell_frame){.place = place, .close = close, .outer = l->command};
}

static void refuse(struct shell_lexer *l, size_t at, const char *where, const char *hint);

void shell_lexer_pop(struct shell_lexer *l)
{
    l->depth -= l->depth > 0 ? 1 : 0;
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

/* A command has ended: does it run what the pipe brings it? */
static void end_command(struct shell_lexer *l, bool piped_on)
{
    struct shell_pipe *pipe = &l->pipe;
    if (pipe->goes_on && shell_command_runs_input(&l->command)) {
        if (pipe->printed > 0) {
            refuse(l, pipe->printed - 1, "that is code to the command behind the pipe", shell_risk_hint(SHELL_CODE));
        }
        for (int i = pipe->first_heredoc; i < l->heredoc_count; i++) {
            l->heredocs[i].code = true;
        }
    }
    bool prints = pipe->by_this > 0 && (shell_command_prints(&l->command) || l->command.feeds_code);
    size_t by_this = prints ? pipe->by_this : shell_command_ends_group(&l->command) ? pipe->before : 0;
    size_t printed = pipe->printed > 0 ? pipe->printed : by_this;
    size_t before = pipe->before > 0 ? pipe->before : printed;
    *pipe = piped_on ? (struct shell_pipe){printed, 0, before, pipe->first_heredoc, true}
                     : (struct shell_pipe){.before = before, .first_heredoc = l->heredoc_count};
}

/* The commands inside `$(` and backquotes are others: those around go on behind them, in the same word. */
static void push_commands(struct shell_lexer *l, char close, bool feeds)
{
    feeds = feeds || l->command.feeds_code;
    shell_lexer_push(l, PLACE_BARE, close);
    shell_command_begin(&l->command);
    l->command.feeds_code = feeds;
    top(l)->pipe = l->pipe;
    l->pipe = (struct shell_pipe){0};
}

/* Is what a substitution prints here run, or counted with? */
static bool prints_into_code(const struct shell_lexer *l)
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

static void pop_commands(struct shell_lexer *l)
{
    shell_command_end_word(&l->command);
    end_command(l, false);
    l->pipe = top(l)->pipe;
    l->command = top(l)->outer;
    shell_command_byte(&l->command, '$');
    shell_lexer_pop(l);
}

/* ---- expressions ------------------------------------------------------------------------------------------ */

static void refuse(struct shell_lexer *l, size_t at, const char *where, const char *hint)
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
        refuse(l, at, where, hint);
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

static void take_expression(struct shell_lexer *l)
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
    l->at = (size_t)end + 2;
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


/* ---- places ---------------------------------------------------------------------------------------------- */

static void begin_arithmetic(struct shell_lexer *l, size_t length, char close)
{
    copy(l, length);
    shell_lexer_push(l, PLACE_ARITHMETIC, close);
    top(l)->parentheses = close == ')' ? 2 : 1;
}

bool shell_lexer_begin_substitution(struct shell_lexer *l)
{
    if (sees(l, "$((")) {
        begin_arithmetic(l, 3, ')');
    } else if (sees(l, "$[")) {
        begin_arithmetic(l, 2, ']');
    } else if (sees(l, "$(")) {
        copy(l, 2);
        push_commands(l, ')', prints_into_code(l));
    } else if (sees(l, "${")) {
        copy(l, 2);
        shell_lexer_push(l, PLACE_PARAMETER, '}');
        top(l)->begin = l->at;
    } else if (peek(l, 0) == '`') {
        copy(l, 1);
        push_commands(l, '`', prints_into_code(l));
    } else {
        return false;
    }
    return true;
}

/* Counts `case` and `esac`: between them a ')' ends a pattern, not the substitution. */
static void end_word(struct shell_lexer *l)
{
    bool name = l->command.begins;
    shell_command_end_word(&l->command);
    if (name && !l->command.begins) {
        top(l)->cases += strcmp(l->command.name, "case") == 0 ? 1 : strcmp(l->command.name, "esac") == 0 ? -1 : 0;
    }
}

static bool ends_commands(struct shell_lexer *l)
{
    char c = peek(l, 0);
    if (c == '`') {
        return top(l)->close == '`';
    }
    if (c != ')' || top(l)->close != ')') {
        return false;
    }
    end_word(l);
    if (top(l)->parentheses > 0) {
        top(l)->parentheses--;
        return false;
    }
    return top(l)->cases <= 0;
}

/* Quotes and brackets that begin another place; true when one did. */
static bool begin_place(struct shell_lexer *l)
{
    const struct shell_command *command = &l->command;
    bool fresh = command->word_length == 0;
    bool for_loop = strcmp(command->name, "for") == 0 && command->operands == 0;
    char c = peek(l, 0);
    if (sees(l, "$'")) {
        copy(l, 2);
        shell_lexer_push(l, PLACE_DOLLAR_SINGLE, '\'');
    } else if (c == '\'' || c == '"') {
        copy(l, 1);
        shell_lexer_push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
    } else if (c == '#' && fresh) {
        copy(l, 1);
        shell_lexer_push(l, PLACE_COMMENT, '\n');
    } else if (sees(l, "[[") && fresh && command->begins) {
        copy(l, 2);
        shell_lexer_push(l, PLACE_TEST, ']');
    } else if (sees(l, "((") && fresh && (command->begins || for_loop)) {
        begin_arithmetic(l, 2, ')');
    } else {
        return false;
    }
    return true;
}

/* NAME=( */
static bool array_begins(const struct shell_lexer *l)
{
    return l->command.word_length > 1 && l->at > 0 && l->text.p[l->at - 1] == '=';
}

/* Is nothing but blanks between a '|' and here? */
static bool ends_with_pipe(const struct shell_lexer *l)
{
    size_t at = l->at;
    while (at > 0 && strchr(" \t", l->text.p[at - 1]) != NULL) {
        at--;
    }
    return at > 1 && l->text.p[at - 1] == '|' && l->text.p[at - 2] != '|';
}

static void step_bare(struct shell_lexer *l)
{
    char c = peek(l, 0);
    if (ends_commands(l)) {
        copy(l, 1);
        pop_commands(l);
    } else if (shell_lexer_begin_substitution(l) || begin_place(l)) {
        return;
    } else if (c == '\\' && l->at + 1 < l->text.n) {
        if (peek(l, 1) != '\n') {
            shell_command_byte(&l->command, peek(l, 1));
        }
        copy(l, 2);
    } else if (sees(l, "<<<")) {
        shell_command_here_string(&l->command);
        copy(l, 3);
    } else if (sees(l, "<<")) {
        shell_heredoc_note(l);
    } else if (sees(l, "<(") || sees(l, ">(")) { /* a file that is what the commands inside print */
        end_word(l);
        copy(l, 2);
        push_commands(l, ')', shell_command_runs_file(&l->command));
    } else if (c == '(' && array_begins(l)) {
        copy(l, 1);
        push_commands(l, ')', false);
        shell_command_array(&l->command, &top(l)->outer);
    } else if (l->command.is_array && strchr("\n;&|(){}", c) != NULL) {
        shell_command_end_word(&l->command);
        copy(l, 1);
    } else if (c == '\n') {
        end_word(l);
        if (!ends_with_pipe(l)) {
            end_command(l, false);
        }
        shell_command_begin(&l->command);
        copy(l, 1);
        shell_heredocs_take(l);
        l->pipe.first_heredoc = 0;
    } else if (strchr(";&|()", c) != NULL || (strchr("{}", c) != NULL && l->command.word_length == 0)) {
        bool redirection = c == '&' && l->at > 0 && strchr("<>", l->text.p[l->at - 1]) != NULL; /* 2>&1 */
        end_word(l);
        top(l)->parentheses += c == '(' ? 1 : 0;
        bool pipe = c == '|' && peek(l, 1) != '|' && l->text.p[l->at > 0 ? l->at - 1 : 0] != '|';
        bool of_pipe = c == '&' && l->at > 0 && l->text.p[l->at - 1] == '|'; /* |& */
        if (!redirection && !of_pipe) {
            if (strchr(";&|)", c) != NULL) {
                end_command(l, pipe);
            }
            shell_command_begin(&l->command);
        }
        copy(l, 1);
    } else if (c == '<' || c == '>') {
        end_word(l);
        shell_command_redirection(&l->command);
        copy(l, 1);
    } else if (c == ' ' || c == '\t') {
        end_word(l);
        copy(l, 1);
    } else {
        shell_command_byte(&l->command, c);
        copy(l, 1);
    }
}

static void step_quoted(struct shell_lexer *l)
{
    char c = peek(l, 0);
    if (c == top(l)->close) {
        copy(l, 1);
        shell_lexer_pop(l);
        if (l->command.word_length == 0) { /* "" is a word too */
            shell_command_byte(&l->command, 'x');
        }
        return;
    }
    if (top(l)->place != PLACE_SINGLE && c == '\\' && l->at + 1 < l->text.n) {
        copy(l, 2);
        return;
    }
    if (top(l)->place == PLACE_DOUBLE && shell_lexer_begin_substitution(l)) {
        return;
    }
    shell_command_byte(&l->command, c);
    copy(l, 1);
}

static void step_arithmetic(struct shell_lexer *l)
{
    char c = peek(l, 0);
    char close = top(l)->close;
    if (shell_lexer_begin_substitution(l)) {
        return;
    }
    top(l)->parentheses += c == (close == ')' ? '(' : '[') ? 1 : c == close ? -1 : 0;
    copy(l, 1);
    if (top(l)->parentheses == 0) {
        shell_lexer_pop(l);
        shell_command_byte(&l->command, 'x');
    }
}

static bool in_double_quotes(const struct shell_lexer *l)
{
    enum shell_place around = l->stack[l->depth - 1].place;
    return around == PLACE_DOUBLE || around == PLACE_HEREDOC;
}

static void step_parameter(struct shell_lexer *l)
{
    char c = peek(l, 0);
    if (shell_lexer_begin_substitution(l)) {
        return;
    }
    if (c == '"' || (c == '\'' && !in_double_quotes(l))) { /* a '}' in quotes ends nothing */
        copy(l, 1);
        shell_lexer_push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
        return;
    }
    if (c == '\\' && l->at + 1 < l->text.n) {
        copy(l, 2);
        return;
    }
    copy(l, 1);
    if (c == '}') {
        shell_lexer_pop(l);
        shell_command_byte(&l->command, '$');
    }
}

static void step_test(struct shell_lexer *l)
{
    char c = peek(l, 0);
    bool begins = l->at > 0 && strchr(" \t\n", l->text.p[l->at - 1]) != NULL;
    bool ends = peek(l, 2) == '\0' || strchr(" \t\n;&|)", peek(l, 2)) != NULL;
    if (sees(l, "]]") && begins && ends) { /* not that of [[:digit:]] */
        copy(l, 2);
        shell_lexer_pop(l);
        l->command.begins = false;
    } else if (c == '"' || c == '\'') {
        copy(l, 1);
        shell_lexer_push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
    } else if (c == '\\' && l->at + 1 < l->text.n) {
        copy(l, 2);
    } else if (!shell_lexer_begin_substitution(l)) {
        copy(l, 1);
    }
}

void shell_lexer_step(struct shell_lexer *l)
{
    if (sees(l, "$${{")) { /* a literal "${{" */
        l->at++;
        copy(l, 3);
        return;
    }
    if (sees(l, "${{")) {
        take_expression(l);
        return;
    }
    switch (top(l)->place) {
    case PLACE_COMMENT:
        if (peek(l, 0) == '\n') {
            shell_lexer_pop(l);
        } else {
            copy(l, 1);
        }
        return;
    case PLACE_DOUBLE:
    case PLACE_SINGLE:
    case PLACE_DOLLAR_SINGLE:
        step_quoted(l);
        return;
    case PLACE_ARITHMETIC:
        step_arithmetic(l);
        return;
    case PLACE_PARAMETER:
        step_parameter(l);
        return;
    case PLACE_TEST:
        step_test(l);
        return;
    default:
        step_bare(l);
        return;
    }
}

int shell_text_parse(struct str script, struct pos pos, struct diags *diags, struct shell_text *ret_text)
{
    struct shell_lexer lexer = {.text = script, .pos = pos, .counted_pos = pos, .diags = diags};
    struct shell_lexer *l = &lexer;
    shell_command_begin(&l->command);
    strbuf_init(&l->out, script.n * 2 + 4096);
    while (l->at < l->text.n) {
        shell_lexer_step(l);
    }
    shell_command_end_word(&l->command);
    end_command(l, false);
    *ret_text = (struct shell_text){
        .text = arena_str(diags->arena, strbuf_str(&l->out)),
        .exprs = l->exprs,
        .expr_count = l->expr_count,
    };
    strbuf_clear(&l->out);
    return l->failed ? -1 : 0;
}
