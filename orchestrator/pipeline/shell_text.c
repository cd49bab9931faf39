/* SPDX-License-Identifier: Apache-2.0
 * A lexer of POSIX shell quoting, just deep enough to know in what kind of place an expression stands.
 *
 * The state is a stack: command substitutions, quotes, parameter expansions and arithmetic nest. What it does not
 * recognise it treats as the place it is in; a wrong guess makes a literal or a word split, never code, because the
 * value is only ever in a variable.
 */
#include "pipeline/shell_text.h"

#include "base/strbuf.h"
#include "pipeline/shell_command.h"

enum place {
    PLACE_BARE,        /* words of commands */
    PLACE_DOUBLE,      /* "..." */
    PLACE_SINGLE,      /* '...' */
    PLACE_DOLLAR_SINGLE, /* $'...' */
    PLACE_COMMENT,
    PLACE_PARAMETER,   /* ${...} */
    PLACE_ARITHMETIC,  /* $((...)), ((...)) or $[...] */
    PLACE_TEST,        /* [[ ... ]] */
    PLACE_HEREDOC,     /* unquoted: like double quotes */
    PLACE_HEREDOC_QUOTED,
};

enum { NESTING_MAX = 64, HEREDOCS_MAX = 16 };

struct frame {
    enum place place;
    char close;       /* ')' of $( ), '`', '}' ... */
    int parentheses;  /* inside arithmetic and subshells */
    int cases;        /* `case` without `esac` yet: a ')' ends a pattern */
    struct shell_command outer; /* the command around a substitution */
};

struct heredoc {
    struct str delimiter;
    bool quoted;
    bool strip_tabs;
    bool code; /* the command it is for runs it */
};

struct lexer {
    struct str text;
    struct pos pos;
    struct pos counted_pos; /* of byte `counted` */
    size_t counted;
    struct diags *diags;
    size_t at;
    struct frame stack[NESTING_MAX];
    int depth;
    struct heredoc heredocs[HEREDOCS_MAX];
    int heredoc_count;
    bool heredoc_is_code;     /* the one being read */
    struct strbuf out;
    const struct expr **exprs;
    size_t expr_count;
    size_t expr_room;
    struct shell_command command;
    bool secret; /* the expression being read names one */
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
    if (l->depth + 1 == NESTING_MAX) {
        if (!l->failed) {
            diag_add(l->diags, DIAG_BOUND, pos_advance(l->pos, l->text, l->at, l->pos.column), NULL,
                     "quotes and substitutions of the script are nested more than %d deep", NESTING_MAX);
        }
        l->failed = true;
        l->at = l->text.n;
        return;
    }
    l->stack[++l->depth] = (struct frame){.place = place, .close = close, .outer = l->command};
}

static void pop(struct lexer *l)
{
    l->depth -= l->depth > 0 ? 1 : 0;
}

/* Where byte `at` stands. Lines are counted once, as long as one asks forwards. */
static struct pos place_of(struct lexer *l, size_t at)
{
    if (at < l->counted) {
        l->counted_pos = l->pos;
        l->counted = 0;
    }
    l->counted_pos = pos_advance(l->counted_pos, str_slice(l->text, l->counted, at), at - l->counted, l->pos.column);
    l->counted = at;
    return l->counted_pos;
}

/* The commands inside `$(` and backquotes are others: those around go on behind them, in the same word. */
static void push_commands(struct lexer *l, char close)
{
    push(l, PLACE_BARE, close);
    shell_command_begin(&l->command);
}

static void pop_commands(struct lexer *l)
{
    shell_command_end_word(&l->command);
    l->command = top(l)->outer;
    shell_command_byte(&l->command, 'x');
    pop(l);
}

/* ---- expressions ------------------------------------------------------------------------------------------ */

static void refuse(struct lexer *l, size_t at, const char *where)
{
    l->failed = true;
    diag_add(l->diags, DIAG_SHELL, place_of(l, at), "put it in 'env:' and use the variable",
             "an expression %s would not be one shell word", where);
}

static void note_secret(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct lexer *l = ctx;
    (void)members;
    (void)count;
    if (str_is(root, "secrets")) {
        l->secret = l->failed = true;
        diag_add(l->diags, DIAG_SECRET, at->pos, "put it in 'env:' and use the variable",
                 "a secret in the text of a script");
    }
}

/* What stands in the way of an expression in this place, or NULL. */
static const char *obstacle(const struct lexer *l)
{
    static const char *const inside[] = {
        [PLACE_DOLLAR_SINGLE] = "inside $'...'",
        [PLACE_PARAMETER] = "inside ${...}",
        [PLACE_ARITHMETIC] = "inside arithmetic",
        [PLACE_TEST] = "inside [[ ]]",
        [PLACE_HEREDOC_QUOTED] = "inside a quoted here-document",
    };
    enum place place = l->stack[l->depth].place;
    if (place == PLACE_COMMENT) {
        return NULL;
    }
    if (place == PLACE_HEREDOC) {
        return l->heredoc_is_code ? "in a here-document that another interpreter runs" : NULL;
    }
    if (place == PLACE_BARE || place == PLACE_DOUBLE || place == PLACE_SINGLE) {
        return shell_command_takes_code(&l->command)   ? "that is code to another interpreter"
               : shell_command_in_index(&l->command) ? "inside an index"
                                                       : NULL;
    }
    return place < sizeof inside / sizeof inside[0] ? inside[place] : NULL;
}

static void write_reference(struct lexer *l, size_t at, size_t number)
{
    const char *where = obstacle(l);
    if (where != NULL) {
        refuse(l, at, where);
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
    shell_command_byte(&l->command, 'x');
}

static void take_expression(struct lexer *l)
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

static void step(struct lexer *l);
static bool begin_substitution(struct lexer *l);

/* ---- here-documents ------------------------------------------------------------------------------------------ */

static void note_heredoc(struct lexer *l)
{
    shell_command_end_word(&l->command);
    struct heredoc doc = {.code = shell_command_reads_code(&l->command)};
    copy(l, 2);
    if (peek(l, 0) == '-') {
        doc.strip_tabs = true;
        copy(l, 1);
    }
    while (peek(l, 0) == ' ' || peek(l, 0) == '\t') {
        copy(l, 1);
    }
    struct strbuf delimiter; /* not room for the rest of the script: there may be thousands of here-documents */
    strbuf_init(&delimiter, l->text.n);
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
            strbuf_add_byte(&delimiter, c);
        }
        copy(l, 1);
    }
    doc.delimiter = arena_str(l->diags->arena, strbuf_str(&delimiter));
    strbuf_clear(&delimiter);
    if (l->heredoc_count == HEREDOCS_MAX) {
        diag_add(l->diags, DIAG_BOUND, pos_advance(l->pos, l->text, l->at, l->pos.column), NULL,
                 "one line of the script begins more than %d here-documents", HEREDOCS_MAX);
        l->failed = true;
        return;
    }
    l->heredocs[l->heredoc_count++] = doc;
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

/* The body of one, up to its delimiter. Substitutions in it are those of a command line. */
static void take_heredoc(struct lexer *l, const struct heredoc *doc, bool last)
{
    int depth = l->depth;
    size_t line = 0;
    bool line_begins = true;
    while (l->at < l->text.n) {
        bool inside = l->depth > depth;
        if (!inside && line_begins && ends_heredoc(l, doc, &line)) {
            copy(l, line);
            if (l->at < l->text.n && !last) {
                copy(l, 1);
            }
            return;
        }
        line_begins = peek(l, 0) == '\n';
        if (inside || sees(l, "${{") || sees(l, "$${{")) {
            step(l);
        } else if (doc->quoted || !begin_substitution(l)) {
            copy(l, peek(l, 0) == '\\' && !doc->quoted && l->at + 1 < l->text.n && peek(l, 1) != '\n' ? 2 : 1);
        }
    }
}

/* All bodies that were announced on the line which has just ended. */
static void take_heredocs(struct lexer *l)
{
    int count = l->heredoc_count;
    struct heredoc docs[HEREDOCS_MAX];
    memcpy(docs, l->heredocs, sizeof docs);
    l->heredoc_count = 0;
    for (int i = 0; i < count; i++) {
        bool outer = l->heredoc_is_code;
        push(l, docs[i].quoted ? PLACE_HEREDOC_QUOTED : PLACE_HEREDOC, '\0');
        l->heredoc_is_code = docs[i].code;
        take_heredoc(l, &docs[i], i + 1 == count);
        l->heredoc_is_code = outer;
        pop(l);
    }
}

/* ---- places ---------------------------------------------------------------------------------------------- */

static void begin_arithmetic(struct lexer *l, size_t length, char close)
{
    copy(l, length);
    push(l, PLACE_ARITHMETIC, close);
    top(l)->parentheses = close == ')' ? 2 : 1;
}

/* "$(", "${", "$((", "$[", "`": true when it began something. */
static bool begin_substitution(struct lexer *l)
{
    if (sees(l, "$((")) {
        begin_arithmetic(l, 3, ')');
    } else if (sees(l, "$[")) {
        begin_arithmetic(l, 2, ']');
    } else if (sees(l, "$(")) {
        copy(l, 2);
        push_commands(l, ')');
    } else if (sees(l, "${")) {
        copy(l, 2);
        push(l, PLACE_PARAMETER, '}');
    } else if (peek(l, 0) == '`') {
        copy(l, 1);
        push_commands(l, '`');
    } else {
        return false;
    }
    return true;
}

/* Counts `case` and `esac`: between them a ')' ends a pattern, not the substitution. */
static void end_word(struct lexer *l)
{
    bool name = l->command.begins;
    shell_command_end_word(&l->command);
    if (name && !l->command.begins) {
        top(l)->cases += strcmp(l->command.name, "case") == 0 ? 1 : strcmp(l->command.name, "esac") == 0 ? -1 : 0;
    }
}

static bool ends_commands(struct lexer *l)
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
static bool begin_place(struct lexer *l)
{
    const struct shell_command *command = &l->command;
    bool fresh = command->word_length == 0;
    bool for_loop = strcmp(command->name, "for") == 0 && command->operands == 0;
    char c = peek(l, 0);
    if (sees(l, "$'")) {
        copy(l, 2);
        push(l, PLACE_DOLLAR_SINGLE, '\'');
    } else if (c == '\'' || c == '"') {
        copy(l, 1);
        push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
    } else if (c == '#' && fresh) {
        copy(l, 1);
        push(l, PLACE_COMMENT, '\n');
    } else if (sees(l, "[[") && fresh && command->begins) {
        copy(l, 2);
        push(l, PLACE_TEST, ']');
    } else if (sees(l, "((") && fresh && (command->begins || for_loop)) {
        begin_arithmetic(l, 2, ')');
    } else {
        return false;
    }
    return true;
}

static void step_bare(struct lexer *l)
{
    char c = peek(l, 0);
    if (ends_commands(l)) {
        copy(l, 1);
        pop_commands(l);
    } else if (begin_substitution(l) || begin_place(l)) {
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
        note_heredoc(l);
    } else if (c == '\n') {
        end_word(l);
        shell_command_begin(&l->command);
        copy(l, 1);
        take_heredocs(l);
    } else if (strchr(";&|()", c) != NULL || (strchr("{}", c) != NULL && l->command.word_length == 0)) {
        bool redirection = c == '&' && l->at > 0 && strchr("<>", l->text.p[l->at - 1]) != NULL; /* 2>&1 */
        end_word(l);
        top(l)->parentheses += c == '(' ? 1 : 0;
        if (!redirection) {
            shell_command_begin(&l->command);
        }
        copy(l, 1);
    } else if (strchr(" \t<>", c) != NULL) {
        end_word(l);
        copy(l, 1);
    } else {
        shell_command_byte(&l->command, c);
        copy(l, 1);
    }
}

static void step_quoted(struct lexer *l)
{
    char c = peek(l, 0);
    if (c == top(l)->close) {
        copy(l, 1);
        pop(l);
        if (l->command.word_length == 0) { /* "" is a word too */
            shell_command_byte(&l->command, 'x');
        }
        return;
    }
    if (top(l)->place != PLACE_SINGLE && c == '\\' && l->at + 1 < l->text.n) {
        copy(l, 2);
        return;
    }
    if (top(l)->place == PLACE_DOUBLE && begin_substitution(l)) {
        return;
    }
    shell_command_byte(&l->command, c);
    copy(l, 1);
}

static void step_arithmetic(struct lexer *l)
{
    char c = peek(l, 0);
    char close = top(l)->close;
    if (begin_substitution(l)) {
        return;
    }
    top(l)->parentheses += c == (close == ')' ? '(' : '[') ? 1 : c == close ? -1 : 0;
    copy(l, 1);
    if (top(l)->parentheses == 0) {
        pop(l);
        shell_command_byte(&l->command, 'x');
    }
}

static bool in_double_quotes(const struct lexer *l)
{
    enum place around = l->stack[l->depth - 1].place;
    return around == PLACE_DOUBLE || around == PLACE_HEREDOC;
}

static void step_parameter(struct lexer *l)
{
    char c = peek(l, 0);
    if (begin_substitution(l)) {
        return;
    }
    if (c == '"' || (c == '\'' && !in_double_quotes(l))) { /* a '}' in quotes ends nothing */
        copy(l, 1);
        push(l, c == '"' ? PLACE_DOUBLE : PLACE_SINGLE, c);
        return;
    }
    if (c == '\\' && l->at + 1 < l->text.n) {
        copy(l, 2);
        return;
    }
    copy(l, 1);
    if (c == '}') {
        pop(l);
        shell_command_byte(&l->command, 'x');
    }
}

static void step_test(struct lexer *l)
{
    if (sees(l, "]]")) {
        copy(l, 2);
        pop(l);
        l->command.begins = false;
    } else if (!begin_substitution(l)) {
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
    struct lexer lexer = {.text = script, .pos = pos, .counted_pos = pos, .diags = diags};
    struct lexer *l = &lexer;
    shell_command_begin(&l->command);
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
