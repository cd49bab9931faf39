/* SPDX-License-Identifier: Apache-2.0
 * Inside of the lexer of scripts: its state, and what its parts call of each other. The state is a stack: command
 * substitutions, quotes, parameter expansions and arithmetic nest.
 */
#ifndef SLUICE_PIPELINE_SHELL_LEXER_H
#define SLUICE_PIPELINE_SHELL_LEXER_H

#include "base/strbuf.h"
#include "pipeline/expr.h"
#include "pipeline/shell_command.h"

enum shell_place {
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

/* The commands of one pipe so far: a value that one prints may be run by a later one. */
struct shell_pipe {
    size_t printed;      /* 1 + where the first such value stands; 0: none */
    size_t by_this;      /* the same of the command being read */
    size_t before;       /* and of all commands so far: some may belong to a group that ends here */
    int first_heredoc;   /* of this pipe, among those that wait */
    bool goes_on;        /* a '|' stood before the command being read */
};

struct shell_frame {
    enum shell_place place;
    char close;       /* ')' of $( ), '`', '}' ... */
    int parentheses;  /* inside arithmetic and subshells */
    int cases;        /* `case` without `esac` yet: a ')' ends a pattern */
    struct shell_command outer; /* the command around a substitution */
    struct shell_pipe pipe;           /* and its pipe */
    size_t begin;               /* of what stands in `${ }` */
};

struct heredoc {
    struct str delimiter;
    bool quoted;
    bool strip_tabs;
    bool code; /* the command it is for runs it */
};

struct shell_lexer {
    struct str text;
    struct pos pos;
    struct pos counted_pos; /* of byte `counted` */
    size_t counted;
    struct diags *diags;
    size_t at;
    size_t written;      /* of the text, all before is in `out` (or left out) */
    struct shell_frame *stack; /* NESTING_MAX of them */
    int depth;
    struct heredoc heredocs[HEREDOCS_MAX];
    int heredoc_count;
    bool heredoc_is_code;     /* the one being read */
    struct strbuf out;
    const struct expr **exprs;
    size_t expr_count;
    size_t expr_room;
    struct shell_command command;
    struct shell_pipe pipe;
    bool secret; /* the expression being read names one */
    bool failed;
};

static inline struct shell_frame *top(struct shell_lexer *l)
{
    return &l->stack[l->depth];
}

static inline char peek(const struct shell_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static inline bool sees(const struct shell_lexer *l, const char *text)
{
    size_t length = strlen(text);
    return l->text.n - l->at >= length && memcmp(l->text.p + l->at, text, length) == 0;
}

/* Goes past bytes that stay as they are. */
static inline void pass(struct shell_lexer *l, size_t count)
{
    l->at += count;
}

/* The bytes from here on that are not `$`, '`', '\\' or `end`. */
size_t shell_lexer_run(const struct shell_lexer *l, char end);
/* Another place begins. Too many in each other are an error, and the end of the script. */
void shell_lexer_push(struct shell_lexer *l, enum shell_place place, char close);
void shell_lexer_pop(struct shell_lexer *l);
/* Goes on by the next thing in the script. */
void shell_lexer_step(struct shell_lexer *l);
/* "$(", "${", "$((", "$[", "`": true when it began something. */
bool shell_lexer_begin_substitution(struct shell_lexer *l);

/* ---- expressions: shell_value.c ---- */
/* Goes to `to` and leaves out what stands between; what was passed before is kept. */
void shell_lexer_leave_out(struct shell_lexer *l, size_t to);
/* "${{": its reference takes its place, or it is refused. */
void shell_lexer_take_expression(struct shell_lexer *l);
/* An expression at `at` cannot stand there. */
void shell_lexer_refuse(struct shell_lexer *l, size_t at, const char *where, const char *hint);
/* Is what a substitution prints here run, or counted with? */
bool shell_lexer_feeds_code(const struct shell_lexer *l);

/* ---- here-documents: shell_heredoc.c ---- */
/* "<<": notes the one that begins behind the line. */
void shell_heredoc_note(struct shell_lexer *l);
/* All bodies that were announced on the line which has just ended. */
void shell_heredocs_take(struct shell_lexer *l);

#endif
