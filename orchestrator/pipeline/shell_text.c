/* SPDX-License-Identifier: Apache-2.0
 * A lexer of POSIX shell quoting, just deep enough to know in what kind of place an expression stands.
 *
 * The state is a stack: command substitutions, quotes, parameter expansions and arithmetic nest. What it does not
 * recognise it treats as the place it is in; a wrong guess makes a literal or a word split, never code, because the
 * value is only ever in a variable.
 */
#include "pipeline/shell_text.h"

#include "pipeline/shell_lexer.h"

size_t shell_lexer_run(const struct shell_lexer *l, char end)
{
    size_t at = l->at;
    for (; at < l->text.n; at++) {
        char c = l->text.p[at];
        if (c == '$' || c == '`' || c == '\\' || c == end) {
            break;
        }
    }
    return at - l->at;
}

/* The bytes that can only be of a word. */
static size_t word_run(const struct shell_lexer *l)
{
    size_t at = l->at;
    for (; at < l->text.n; at++) {
        char c = l->text.p[at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c < '+' || c > ':') && c != '_' && c != '=') { /* + , - . / 0 to 9 : */
            break;
        }
    }
    return at - l->at;
}

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

void shell_lexer_pop(struct shell_lexer *l)
{
    l->depth -= l->depth > 0 ? 1 : 0;
}

/* A command has ended: does it run what the pipe brings it? */
static void end_command(struct shell_lexer *l, bool piped_on)
{
    struct shell_pipe *pipe = &l->pipe;
    if (pipe->goes_on && shell_command_runs_input(&l->command)) {
        if (pipe->printed > 0) {
            shell_lexer_refuse(l, pipe->printed - 1, "that is code to the command behind the pipe",
                               shell_risk_hint(SHELL_CODE));
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

static void pop_commands(struct shell_lexer *l)
{
    shell_command_end_word(&l->command);
    end_command(l, false);
    l->pipe = top(l)->pipe;
    l->command = top(l)->outer;
    shell_command_byte(&l->command, '$');
    shell_lexer_pop(l);
}

/* ---- places ---------------------------------------------------------------------------------------------- */

static void begin_arithmetic(struct shell_lexer *l, size_t length, char close)
{
    pass(l, length);
    shell_lexer_push(l, PLACE_ARITHMETIC, close);
    top(l)->parentheses = close == ')' ? 2 : 1;
}

bool shell_lexer_begin_substitution(struct shell_lexer *l)
{
    if (peek(l, 0) != '$' && peek(l, 0) != '`') {
        return false;
    }
    if (sees(l, "$((")) {
        begin_arithmetic(l, 3, ')');
    } else if (sees(l, "$[")) {
        begin_arithmetic(l, 2, ']');
    } else if (sees(l, "$(")) {
        pass(l, 2);
        push_commands(l, ')', shell_lexer_feeds_code(l));
    } else if (sees(l, "${")) {
        pass(l, 2);
        shell_lexer_push(l, PLACE_PARAMETER, '}');
        top(l)->begin = l->at;
    } else if (peek(l, 0) == '`') {
        pass(l, 1);
        push_commands(l, '`', shell_lexer_feeds_code(l));
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
        pass(l, 2);
        shell_lexer_push(l, PLACE_DOLLAR_SINGLE, '\'');
    } else if (c == '\'' || c == '"') {
        pass(l, 1);
        shell_lexer_push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
    } else if (c == '#' && fresh) {
        pass(l, 1);
        shell_lexer_push(l, PLACE_COMMENT, '\n');
    } else if (sees(l, "[[") && fresh && command->begins) {
        pass(l, 2);
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
    if (c == ' ' || c == '\t') { /* what comes most first */
        end_word(l);
        pass(l, 1);
    } else if (ends_commands(l)) {
        pass(l, 1);
        pop_commands(l);
    } else if (shell_lexer_begin_substitution(l) || begin_place(l)) {
        return;
    } else if (c == '\\' && l->at + 1 < l->text.n) {
        if (peek(l, 1) != '\n') {
            shell_command_byte(&l->command, peek(l, 1));
        }
        pass(l, 2);
    } else if (sees(l, "<<<")) {
        shell_command_here_string(&l->command);
        pass(l, 3);
    } else if (sees(l, "<<")) {
        shell_heredoc_note(l);
    } else if (sees(l, "<(") || sees(l, ">(")) { /* a file that is what the commands inside print */
        end_word(l);
        pass(l, 2);
        push_commands(l, ')', shell_command_runs_file(&l->command));
    } else if (c == '(' && array_begins(l)) {
        pass(l, 1);
        push_commands(l, ')', false);
        shell_command_array(&l->command, &top(l)->outer);
    } else if (l->command.is_array && strchr("\n;&|(){}", c) != NULL) {
        shell_command_end_word(&l->command);
        pass(l, 1);
    } else if (c == '\n') {
        end_word(l);
        if (!ends_with_pipe(l)) {
            end_command(l, false);
        }
        shell_command_begin(&l->command);
        pass(l, 1);
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
        pass(l, 1);
    } else if (c == '<' || c == '>') {
        end_word(l);
        shell_command_redirection(&l->command);
        pass(l, 1);
    } else {
        shell_command_byte(&l->command, c);
        pass(l, 1);
    }
}

static void step_quoted(struct shell_lexer *l)
{
    char c = peek(l, 0);
    if (c == top(l)->close) {
        pass(l, 1);
        shell_lexer_pop(l);
        if (l->command.word_length == 0) { /* "" is a word too */
            shell_command_byte(&l->command, 'x');
        }
        return;
    }
    if (top(l)->place != PLACE_SINGLE && c == '\\' && l->at + 1 < l->text.n) {
        pass(l, 2);
        return;
    }
    if (top(l)->place == PLACE_DOUBLE && shell_lexer_begin_substitution(l)) {
        return;
    }
    shell_command_byte(&l->command, c);
    pass(l, 1);
}

static void step_arithmetic(struct shell_lexer *l)
{
    char c = peek(l, 0);
    char close = top(l)->close;
    if (shell_lexer_begin_substitution(l)) {
        return;
    }
    top(l)->parentheses += c == (close == ')' ? '(' : '[') ? 1 : c == close ? -1 : 0;
    pass(l, 1);
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
        pass(l, 1);
        shell_lexer_push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
        return;
    }
    if (c == '\\' && l->at + 1 < l->text.n) {
        pass(l, 2);
        return;
    }
    pass(l, 1);
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
        pass(l, 2);
        shell_lexer_pop(l);
        l->command.begins = false;
    } else if (c == '"' || c == '\'') {
        pass(l, 1);
        shell_lexer_push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
    } else if (c == '\\' && l->at + 1 < l->text.n) {
        pass(l, 2);
    } else if (!shell_lexer_begin_substitution(l)) {
        pass(l, 1);
    }
}

/* Bytes that end nothing and begin nothing where they stand, all that come: they are most of a script. */
static size_t plain_run(const struct shell_lexer *l)
{
    const struct shell_frame *frame = &l->stack[l->depth];
    switch (frame->place) {
    case PLACE_BARE:
        return word_run(l);
    case PLACE_DOUBLE:
    case PLACE_SINGLE:
    case PLACE_DOLLAR_SINGLE:
    case PLACE_COMMENT:
        return shell_lexer_run(l, frame->close);
    default:
        return 0;
    }
}

void shell_lexer_step(struct shell_lexer *l)
{
    size_t run = plain_run(l);
    if (run > 0) {
        if (top(l)->place != PLACE_COMMENT) {
            shell_command_bytes(&l->command, l->text.p + l->at, run);
        }
        pass(l, run);
        return;
    }
    if (sees(l, "$${{")) { /* a literal "${{" */
        shell_lexer_leave_out(l, l->at + 1);
        pass(l, 3);
        return;
    }
    if (sees(l, "${{")) {
        shell_lexer_take_expression(l);
        return;
    }
    switch (top(l)->place) {
    case PLACE_COMMENT:
        if (peek(l, 0) == '\n') {
            shell_lexer_pop(l);
        } else {
            pass(l, 1);
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

/* Where the last `text` begins, or -1. */
static ptrdiff_t find_last(struct str script, struct str text)
{
    ptrdiff_t last = -1;
    for (ptrdiff_t at = str_find(script, text); at >= 0;) {
        last += at + 1;
        at = str_find(str_slice(script, (size_t)last + 1, script.n), text);
    }
    return last;
}

/* May a command that is still ahead run what one of those so far prints? Each needs a '|' before it, up to `last`. */
static bool may_run_value(const struct shell_lexer *l, ptrdiff_t last)
{
    const struct shell_pipe *pipe = &l->pipe;
    for (int i = l->depth;; i--) {
        bool holds = pipe->printed > 0 || pipe->by_this > 0 || pipe->before > 0;
        if (holds && (pipe->goes_on || (ptrdiff_t)l->at <= last)) {
            return true;
        }
        if (i == 0) {
            return false;
        }
        pipe = &l->stack[i].pipe;
    }
}

int shell_text_parse(struct str script, struct pos pos, struct diags *diags, struct shell_text *ret_text)
{
    ptrdiff_t last = find_last(script, STR("${{"));
    if (last < 0) { /* nothing to look for a place for */
        *ret_text = (struct shell_text){.text = script};
        return 0;
    }
    ptrdiff_t last_pipe = find_last(script, STR("|"));
    struct shell_frame stack[NESTING_MAX];
    struct shell_lexer lexer = {.text = script, .pos = pos, .counted_pos = pos, .diags = diags, .stack = stack};
    struct shell_lexer *l = &lexer;
    stack[0] = (struct shell_frame){.place = PLACE_BARE};
    shell_command_begin(&l->command);
    strbuf_init(&l->out, script.n * 2 + 4096);
    while (l->at < l->text.n && ((ptrdiff_t)l->at <= last || may_run_value(l, last_pipe))) {
        shell_lexer_step(l);
    }
    shell_command_end_word(&l->command);
    end_command(l, false);
    pass(l, l->text.n - l->at);
    shell_lexer_leave_out(l, l->text.n);
    *ret_text = (struct shell_text){
        .text = arena_str(diags->arena, strbuf_str(&l->out)),
        .exprs = l->exprs,
        .expr_count = l->expr_count,
    };
    strbuf_clear(&l->out);
    return l->failed ? -1 : 0;
}
