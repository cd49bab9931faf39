/* SPDX-License-Identifier: Apache-2.0
 * A lexer of POSIX shell quoting, just deep enough to know in what kind of place an expression stands.
 *
 * The state is a stack: command substitutions, quotes, parameter expansions and arithmetic nest. What it does not
 * recognise it treats as the place it is in; a wrong guess makes a literal or a word split, never code, because the
 * value is only ever in a variable.
 */
#include "pipeline/shell_text.h"

#include "base/strbuf.h"

#include <stdio.h>

enum place {
    PLACE_BARE,        /* words of commands */
    PLACE_DOUBLE,      /* "..." */
    PLACE_SINGLE,      /* '...' */
    PLACE_DOLLAR_SINGLE, /* $'...' */
    PLACE_COMMENT,
    PLACE_PARAMETER,   /* ${...} */
    PLACE_ARITHMETIC,  /* $((...)) or ((...)) */
    PLACE_TEST,        /* [[ ... ]] */
    PLACE_HEREDOC,     /* unquoted: like double quotes */
    PLACE_HEREDOC_QUOTED,
};

enum { NESTING_MAX = 64, HEREDOCS_MAX = 16, WORD_MAX = 64 };

struct frame {
    enum place place;
    char close;       /* ')' of $( ), '`', '}' ... */
    int parentheses;  /* inside arithmetic and subshells */
};

struct heredoc {
    struct str delimiter;
    bool quoted;
    bool strip_tabs;
};

struct lexer {
    struct str text;
    struct pos pos;
    struct diags *diags;
    size_t at;
    struct frame stack[NESTING_MAX];
    int depth;
    struct heredoc heredocs[HEREDOCS_MAX];
    int heredoc_count;
    struct strbuf out;
    const struct expr **exprs;
    size_t expr_count;
    size_t expr_room;
    char word[WORD_MAX];      /* the word being read, unquoted, cut at WORD_MAX */
    size_t word_length;
    bool command_begins;      /* the next word is a command's name */
    char command[WORD_MAX];   /* name of the command the words belong to */
    bool code_next;           /* the next word is code to that command: -c was seen */
    bool failed;
};

static struct frame *top(struct lexer *l)
{
    return &l->stack[l->depth];
}

static char peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static bool sees(const struct lexer *l, const char *text)
{
    return str_starts(str_slice(l->text, l->at, l->text.n), str_from(text));
}

static void copy(struct lexer *l, size_t count)
{
    strbuf_add(&l->out, l->text.p + l->at, count);
    l->at += count;
}

static void push(struct lexer *l, enum place place, char close)
{
    if (l->depth + 1 < NESTING_MAX) {
        l->depth++;
    }
    l->stack[l->depth] = (struct frame){.place = place, .close = close};
}

static void pop(struct lexer *l)
{
    l->depth -= l->depth > 0 ? 1 : 0;
}

/* ---- words and commands ---------------------------------------------------------------------------------- */

static const char *base_name(const char *word)
{
    const char *slash = strrchr(word, '/');
    return slash == NULL ? word : slash + 1;
}

/* Commands whose arguments are code: all of them (eval, ssh), or the one behind -c or -e. */
static bool takes_code(const char *command, bool *ret_all)
{
    static const char *const all[] = {"eval", "ssh", "trap", "source"};
    static const char *const behind[] = {"sh",   "bash",   "dash",    "ksh",     "zsh",  "fish",
                                         "su",   "python", "python3", "python2", "perl", "ruby",
                                         "node", "awk",    "Rscript", "psql",    "lua",  "php"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(command, all[i]) == 0) {
            *ret_all = true;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        if (strcmp(command, behind[i]) == 0) {
            *ret_all = false;
            return true;
        }
    }
    return false;
}

static bool is_prefix_word(const char *word)
{
    static const char *const words[] = {"env",   "exec", "command", "builtin", "nohup",   "time",  "sudo",  "nice",
                                        "xargs", "then", "else",    "elif",    "do",      "if",    "while", "until",
                                        "!",     "{",    "srun",    "stdbuf",  "timeout", "setsid"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void end_word(struct lexer *l)
{
    if (l->word_length == 0) {
        return;
    }
    l->word[l->word_length] = '\0';
    l->word_length = 0;
    l->code_next = false;
    bool assignment = strchr(l->word, '=') != NULL && l->word[0] != '-' && l->word[0] != '=';
    if (l->command_begins) {
        if (!assignment && !is_prefix_word(l->word) && l->word[0] != '-') {
            (void)snprintf(l->command, sizeof l->command, "%s", base_name(l->word));
            l->command_begins = false;
        }
        return;
    }
    bool all = false;
    /* "sudo bash -c", "xargs sh -c": an interpreter among the arguments counts as well. */
    if (takes_code(base_name(l->word), &all) && l->word[0] != '-') {
        (void)snprintf(l->command, sizeof l->command, "%s", base_name(l->word));
    }
    bool flag = l->word[0] == '-' && l->word[1] != '-';
    l->code_next = takes_code(l->command, &all) && flag &&
                   (strchr(l->word, 'c') != NULL || strchr(l->word, 'e') != NULL);
}

static void begin_command(struct lexer *l)
{
    end_word(l);
    l->command_begins = true;
    l->command[0] = '\0';
    l->code_next = false;
}

static void word_byte(struct lexer *l, char c)
{
    if (l->word_length + 1 < WORD_MAX) {
        l->word[l->word_length++] = c;
    }
}

/* ---- expressions ------------------------------------------------------------------------------------------ */

static void refuse(struct lexer *l, size_t at, const char *where)
{
    l->failed = true;
    struct pos pos = pos_advance(l->pos, l->text, at, l->pos.column);
    diag_add(l->diags, DIAG_SHELL, pos, "put it in 'env:' and use the variable",
             "an expression %s would not be one shell word", where);
}

static bool is_code_place(struct lexer *l)
{
    bool all = false;
    if (l->command_begins || l->command[0] == '\0') {
        return false;
    }
    return l->code_next || (takes_code(l->command, &all) && all);
}

static ptrdiff_t expression_end(const struct lexer *l)
{
    bool quoted = false;
    for (size_t i = l->at + 3; i + 1 < l->text.n; i++) {
        if (l->text.p[i] == '\'') {
            quoted = !quoted;
        } else if (!quoted && l->text.p[i] == '}' && l->text.p[i + 1] == '}') {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

static void note_secret(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct lexer *l = ctx;
    (void)members;
    (void)count;
    if (str_is(root, "secrets")) {
        l->failed = true;
        diag_add(l->diags, DIAG_SECRET, at->pos, "put it in 'env:' and use the variable",
                 "a secret in the text of a script");
    }
}

static void write_reference(struct lexer *l, size_t at, size_t number)
{
    switch (top(l)->place) {
    case PLACE_BARE:
        if (is_code_place(l)) {
            refuse(l, at, "that is code to another interpreter");
            return;
        }
        strbuf_printf(&l->out, "\"$__%zu\"", number);
        word_byte(l, 'x');
        return;
    case PLACE_DOUBLE:
        if (is_code_place(l)) {
            refuse(l, at, "that is code to another interpreter");
            return;
        }
        strbuf_printf(&l->out, "${__%zu}", number);
        word_byte(l, 'x');
        return;
    case PLACE_HEREDOC:
        strbuf_printf(&l->out, "${__%zu}", number);
        return;
    case PLACE_SINGLE:
        if (is_code_place(l)) {
            refuse(l, at, "that is code to another interpreter");
            return;
        }
        strbuf_printf(&l->out, "'\"$__%zu\"'", number);
        return;
    case PLACE_COMMENT:
        return;
    case PLACE_DOLLAR_SINGLE:
        refuse(l, at, "inside $'...'");
        return;
    case PLACE_PARAMETER:
        refuse(l, at, "inside ${...}");
        return;
    case PLACE_ARITHMETIC:
        refuse(l, at, "inside arithmetic");
        return;
    case PLACE_TEST:
        refuse(l, at, "inside [[ ]]");
        return;
    case PLACE_HEREDOC_QUOTED:
        refuse(l, at, "inside a quoted here-document");
        return;
    }
}

static void take_expression(struct lexer *l)
{
    size_t start = l->at;
    ptrdiff_t end = expression_end(l);
    struct pos begin = pos_advance(l->pos, l->text, start, l->pos.column);
    if (end < 0) {
        diag_add(l->diags, DIAG_EXPR_SYNTAX, begin, NULL, "'${{' has no '}}' that ends it");
        l->failed = true;
        l->at = l->text.n;
        return;
    }
    struct pos inner = pos_advance(l->pos, l->text, start + 3, l->pos.column);
    const struct expr *expr = expr_parse(str_slice(l->text, start + 3, (size_t)end), inner, l->diags);
    l->at = (size_t)end + 2;
    if (expr == NULL) {
        l->failed = true;
        return;
    }
    struct expr_visitor visitor = {.ctx = l, .path = note_secret};
    expr_walk(expr, &visitor);
    if (top(l)->place != PLACE_COMMENT) {
        l->exprs = arena_grow(l->diags->arena, l->exprs, l->expr_count, &l->expr_room, sizeof(const struct expr *));
        l->exprs[l->expr_count++] = expr;
    }
    write_reference(l, start, l->expr_count);
}

/* ---- here-documents ------------------------------------------------------------------------------------------ */

static void note_heredoc(struct lexer *l)
{
    struct heredoc doc = {0};
    copy(l, 2);
    if (peek(l, 0) == '-') {
        doc.strip_tabs = true;
        copy(l, 1);
    }
    while (peek(l, 0) == ' ' || peek(l, 0) == '\t') {
        copy(l, 1);
    }
    char *delimiter = arena_alloc(l->diags->arena, l->text.n - l->at + 1);
    size_t n = 0;
    char quote = '\0';
    while (l->at < l->text.n) {
        char c = peek(l, 0);
        if (quote == '\0' && strchr(" \t\n;&|()<>", c) != NULL) {
            break;
        }
        if (c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
            doc.quoted = true;
        } else if (quote == '\0' && c == '\\') {
            doc.quoted = true;
        } else {
            delimiter[n++] = c;
        }
        copy(l, 1);
    }
    doc.delimiter = (struct str){delimiter, n};
    if (l->heredoc_count < HEREDOCS_MAX) {
        l->heredocs[l->heredoc_count++] = doc;
    }
}

static bool ends_heredoc(const struct lexer *l, const struct heredoc *doc, size_t *ret_line)
{
    ptrdiff_t end = str_find_byte(l->text, '\n', l->at);
    size_t stop = end < 0 ? l->text.n : (size_t)end;
    struct str line = str_slice(l->text, l->at, stop);
    *ret_line = stop - l->at;
    while (doc->strip_tabs && line.n > 0 && line.p[0] == '\t') {
        line = str_slice(line, 1, line.n);
    }
    return str_eq(line, doc->delimiter);
}

/* All bodies that were announced on the line which has just ended. */
static void take_heredocs(struct lexer *l)
{
    for (int i = 0; i < l->heredoc_count; i++) {
        const struct heredoc doc = l->heredocs[i];
        push(l, doc.quoted ? PLACE_HEREDOC_QUOTED : PLACE_HEREDOC, '\0');
        size_t line = 0;
        bool line_begins = true;
        while (l->at < l->text.n) {
            if (line_begins && ends_heredoc(l, &doc, &line)) {
                copy(l, line);
                if (l->at < l->text.n && i + 1 < l->heredoc_count) {
                    copy(l, 1);
                }
                break;
            }
            if (sees(l, "${{")) {
                take_expression(l);
                line_begins = false;
                continue;
            }
            line_begins = peek(l, 0) == '\n';
            bool escaped = peek(l, 0) == '\\' && !doc.quoted && l->at + 1 < l->text.n && peek(l, 1) != '\n';
            copy(l, escaped ? 2 : 1);
        }
        pop(l);
    }
    l->heredoc_count = 0;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

/* "$(", "${", "$((", "`": true when it began something. */
static bool begin_substitution(struct lexer *l)
{
    if (sees(l, "$((")) {
        copy(l, 3);
        push(l, PLACE_ARITHMETIC, ')');
        top(l)->parentheses = 2;
        return true;
    }
    if (sees(l, "$(")) {
        copy(l, 2);
        push(l, PLACE_BARE, ')');
        begin_command(l);
        return true;
    }
    if (sees(l, "${")) {
        copy(l, 2);
        push(l, PLACE_PARAMETER, '}');
        return true;
    }
    if (peek(l, 0) == '`') {
        copy(l, 1);
        if (top(l)->close == '`') {
            pop(l);
        } else {
            push(l, PLACE_BARE, '`');
            begin_command(l);
        }
        return true;
    }
    return false;
}

static bool ends_bare(struct lexer *l)
{
    char c = peek(l, 0);
    if (c != ')' || top(l)->close != ')') {
        return false;
    }
    if (top(l)->parentheses > 0) {
        top(l)->parentheses--;
        return false;
    }
    return true;
}

static void step_bare(struct lexer *l)
{
    char c = peek(l, 0);
    if (c == '`' && top(l)->close == '`') {
        end_word(l);
        copy(l, 1);
        pop(l);
        l->command_begins = false;
        return;
    }
    if (begin_substitution(l)) {
        return;
    }
    if (ends_bare(l)) {
        end_word(l);
        copy(l, 1);
        pop(l);
        l->command_begins = false;
        return;
    }
    if (c == '\\' && l->at + 1 < l->text.n) {
        word_byte(l, peek(l, 1));
        copy(l, 2);
    } else if (sees(l, "$'")) {
        copy(l, 2);
        push(l, PLACE_DOLLAR_SINGLE, '\'');
    } else if (c == '\'') {
        copy(l, 1);
        push(l, PLACE_SINGLE, '\'');
    } else if (c == '"') {
        copy(l, 1);
        push(l, PLACE_DOUBLE, '"');
    } else if (c == '#' && l->word_length == 0) {
        push(l, PLACE_COMMENT, '\n');
        copy(l, 1);
    } else if (sees(l, "[[") && l->word_length == 0) {
        copy(l, 2);
        push(l, PLACE_TEST, ']');
    } else if (sees(l, "((") && l->word_length == 0 && l->command_begins) {
        copy(l, 2);
        push(l, PLACE_ARITHMETIC, ')');
        top(l)->parentheses = 2;
    } else if (sees(l, "<<<")) {
        end_word(l);
        copy(l, 3);
    } else if (sees(l, "<<")) {
        end_word(l);
        note_heredoc(l);
    } else if (c == '\n') {
        begin_command(l);
        copy(l, 1);
        take_heredocs(l);
    } else if (strchr(";&|(){}", c) != NULL && (c != '{' && c != '}' ? true : l->word_length == 0)) {
        top(l)->parentheses += c == '(' ? 1 : 0;
        begin_command(l);
        copy(l, 1);
    } else if (c == ' ' || c == '\t' || c == '<' || c == '>') {
        end_word(l);
        copy(l, 1);
    } else {
        word_byte(l, c);
        copy(l, 1);
    }
}

static void step_quoted(struct lexer *l)
{
    char c = peek(l, 0);
    bool simple = top(l)->place == PLACE_SINGLE;
    if (c == top(l)->close) {
        copy(l, 1);
        pop(l);
        word_byte(l, 'x'); /* "" is a word too */
        l->word_length -= l->word_length > 1 ? 1 : 0;
        return;
    }
    if (!simple && c == '\\' && l->at + 1 < l->text.n) {
        copy(l, 2);
        return;
    }
    if (top(l)->place == PLACE_DOUBLE && begin_substitution(l)) {
        return;
    }
    word_byte(l, c);
    copy(l, 1);
}

static void step_arithmetic(struct lexer *l)
{
    char c = peek(l, 0);
    if (begin_substitution(l)) {
        return;
    }
    top(l)->parentheses += c == '(' ? 1 : c == ')' ? -1 : 0;
    copy(l, 1);
    if (top(l)->parentheses == 0) {
        pop(l);
    }
}

static void step_parameter(struct lexer *l)
{
    char c = peek(l, 0);
    if (begin_substitution(l)) {
        return;
    }
    if (c == '\\' && l->at + 1 < l->text.n) {
        copy(l, 2);
        return;
    }
    copy(l, 1);
    if (c == '}') {
        pop(l);
        word_byte(l, 'x');
    }
}

static void step_test(struct lexer *l)
{
    if (sees(l, "]]")) {
        copy(l, 2);
        pop(l);
        l->command_begins = false;
        return;
    }
    if (!begin_substitution(l)) {
        copy(l, 1);
    }
}

static void step(struct lexer *l)
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
            pop(l);
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
    struct lexer *l = arena_one(diags->arena, struct lexer);
    l->text = script;
    l->pos = pos;
    l->diags = diags;
    l->command_begins = true;
    strbuf_init(&l->out, script.n * 2 + 4096);
    while (l->at < l->text.n) {
        step(l);
    }
    *ret_text = (struct shell_text){
        .text = arena_str(diags->arena, strbuf_str(&l->out)),
        .exprs = l->exprs,
        .expr_count = l->expr_count,
    };
    strbuf_clear(&l->out);
    return l->failed ? -1 : 0;
}
