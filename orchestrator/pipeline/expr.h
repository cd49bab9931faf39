/* SPDX-License-Identifier: Apache-2.0
 * The expressions in ${{ }}: literals, contexts, comparisons, && || ! ??, calls. No arithmetic.
 *
 * Parsed once into a tree that lives in the pipeline's arena; evaluated against an environment of
 * callbacks, so that evaluation is pure and works the same in the engine, the simulator and tests.
 * Stricter than GitHub's: equality is by type and case, a missing value is an error unless `??` or
 * `&&`/`||` short-circuits past it (docs/expressions.md).
 */
#ifndef SLUICE_PIPELINE_EXPR_H
#define SLUICE_PIPELINE_EXPR_H

#include "base/json.h"
#include "pipeline/diag.h"

enum expr_op {
    EXPR_LITERAL, /* value */
    EXPR_NAME,    /* name: a context, only as the innermost operand of a path */
    EXPR_MEMBER,  /* a.name: args[0], name */
    EXPR_INDEX,   /* a[b]: args[0], args[1] */
    EXPR_NOT,
    EXPR_AND,
    EXPR_OR,
    EXPR_DEFAULT, /* a ?? b */
    EXPR_EQ,
    EXPR_NE,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_CALL, /* name(args) */
};

struct expr {
    enum expr_op op;
    struct pos pos;
    int end_column;
    struct json value;
    struct str name;
    const struct expr *args;
    size_t arg_count;
};

/* Parses the text between the braces (or a bare `if`). `pos` is where the text begins in its file.
 * NULL after adding a diagnostic. Depth is bounded at 64, size at 64 KiB. */
const struct expr *expr_parse(struct str text, struct pos pos, struct diags *diags);

/* The offset of the "}}" that ends the expression whose text begins at `from`, strings in it respected; -1: none. */
ptrdiff_t expr_find_end(struct str text, size_t from);
/* Reports that there is none. `pos` is where its "${{" stands. */
void expr_report_no_end(struct diags *diags, struct str text, size_t from, struct pos pos);
/* Where an expression as other tools write it begins, "{{ params.n }}" or "${ params.n }", at `from` or behind; -1:
 * nowhere. It names a context, so that few other things look like it. */
ptrdiff_t expr_find_foreign(struct str text, size_t from);
/* Warns of each. `pos` is where `text` begins. */
void expr_report_foreign(struct diags *diags, struct str text, struct pos pos);

/* ---- templates: text with expressions in it -------------------------------------------------- */
struct template_part {
    struct str text;         /* literal text, when expr is NULL */
    const struct expr *expr;
};

/* A scalar of the file. With exactly one part that is an expression, evaluation keeps its type;
 * otherwise the parts become one string (numbers as JSON writes them, booleans "true"/"false", null and
 * containers are an error). A scalar without expressions is its YAML value. */
struct template {
    struct pos pos;
    struct json plain; /* the value when part_count is 0 */
    struct str written; /* of a plain number: as it stands in the file, for who wants text (1.10); else empty */
    const struct template_part *parts;
    size_t part_count;
};

/* A whole value of the file (map, list, scalar) with templates as leaves. */
struct template_tree {
    enum json_type type; /* JSON_OBJECT, JSON_ARRAY, or anything else for a leaf */
    struct pos pos;
    struct template leaf;
    const struct str *keys;
    const struct pos *key_positions;
    const struct template_tree *items;
    size_t count;
};

/* `value` is the scalar's YAML value; only strings can hold expressions ("$${{" is a literal "${{").
 * Returns 0, or -1 after adding a diagnostic. */
int template_parse(struct json value, struct pos pos, struct diags *diags, struct template *ret_template);
/* Where byte `to` of `text` stands, when the text begins at `pos` and its further lines at column `indent`. */
struct pos pos_advance(struct pos pos, struct str text, size_t to, int indent);
/* Its plain value, a number as the text that stands in the file: for who wants text. */
struct json template_text_or_plain(const struct template *template, struct arena *arena);
/* True when it holds no expression (it may have parts: a "$${{" was unescaped). */
bool template_is_plain(const struct template *template);
/* Is it one secret and nothing beside it, "${{ secrets.NAME }}"? */
bool template_is_secret(const struct template *template, struct str *ret_name);

/* ---- walking: which names does it use? --------------------------------------------------------- */
/* Calls `visit` for every path that starts at a context, outermost first: `root` is the context's name,
 * `members` the constant member names behind it (at most 8; an index that is no constant text ends it).
 * For calls `visit_call` gets the expression. Either may be NULL. */
struct expr_visitor {
    void *ctx;
    void (*path)(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at);
    void (*call)(void *ctx, const struct expr *call);
};
void expr_walk(const struct expr *expr, const struct expr_visitor *visitor);
void template_walk(const struct template *template, const struct expr_visitor *visitor);
void template_tree_walk(const struct template_tree *tree, const struct expr_visitor *visitor);

/* The functions, for checks, hints and documents. */
struct expr_function {
    const char *name;
    int min_args;
    int max_args; /* -1: any number */
    bool is_status; /* success, failure, always, cancelled: allowed in `if` only */
    const char *doc;
};
extern const struct expr_function expr_functions[];
extern const size_t expr_function_count;

enum { EXPR_TEXT_MAX = 16 << 20 }; /* bytes of a text that an expression or a template gives */

/* ---- evaluating --------------------------------------------------------------------------------- */
struct expr_env {
    void *ctx;
    /* The value of a context ("params", "run", "steps" ...); for "steps" it is called with the step's id in
     * `member` (else an empty member) and gives that step's object. NULL when there is none. */
    const struct json *(*context)(void *ctx, struct str root, struct str member);
    /* The value of a name that is not under `member` ("outputs", "metrics") of the step `id`. NULL: it is missing.
     * May be NULL itself. */
    const struct json *(*absent)(void *ctx, struct str id, struct str member);
    /* success(), failure(), cancelled(); always() is true by itself. May be NULL outside `if`. */
    bool (*status)(void *ctx, struct str function);
    /* hashFiles: sha256 over the files that match, or an error. May be NULL. */
    int (*hash_files)(void *ctx, const struct str *globs, size_t count, struct arena *arena, struct json *ret,
                      struct err *err);
    int64_t now_ms; /* for date(): the run's start */
    const char *lenient; /* a context of which whatever is missing is null: "event"; NULL: none */
};

/* 0 with the value, or -1: "steps.train.outputs.n is missing (did you mean 'n_rows'?); write
 * 'a ?? b' for a default". */
int expr_eval(const struct expr *expr, const struct expr_env *env, struct arena *arena, struct json *ret,
              struct err *err);
int template_eval(const struct template *template, const struct expr_env *env, struct arena *arena, struct json *ret,
                  struct err *err);
int template_tree_eval(const struct template_tree *tree, const struct expr_env *env, struct arena *arena,
                       struct json *ret, struct err *err);
/* What `if` takes as true: booleans only; anything else is an error. */
int expr_eval_condition(const struct expr *expr, const struct expr_env *env, bool *ret, struct err *err);

#endif
