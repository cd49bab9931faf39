/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/check_expr.h"

#include "pipeline/expr_functions.h"

#include <stdarg.h>

enum context {
    CONTEXT_PARAMS = 1 << 0,
    CONTEXT_ENV = 1 << 1,
    CONTEXT_VARS = 1 << 2,
    CONTEXT_SECRETS = 1 << 3,
    CONTEXT_MATRIX = 1 << 4,
    CONTEXT_INPUTS = 1 << 5,
    CONTEXT_GIT = 1 << 6,
    CONTEXT_RUN = 1 << 7,
    CONTEXT_STEP = 1 << 8,
    CONTEXT_STEPS = 1 << 9,
    CONTEXT_EVENT = 1 << 10,
};

static const char *const context_names[] = {"params", "env", "vars", "secrets", "matrix", "inputs",
                                            "git",    "run", "step", "steps",   "event"};
enum { CONTEXT_COUNT = sizeof context_names / sizeof context_names[0], MEMBERS_MAX = 4 };

enum {
    OF_A_RUN = CONTEXT_PARAMS | CONTEXT_VARS | CONTEXT_GIT | CONTEXT_RUN | CONTEXT_STEPS,
    OF_AN_ITEM = OF_A_RUN | CONTEXT_MATRIX,
    OF_AN_ATTEMPT = OF_AN_ITEM | CONTEXT_ENV | CONTEXT_INPUTS | CONTEXT_STEP,
};

static const struct {
    const char *what;
    unsigned contexts;
    bool status; /* success() and the like */
    bool files;  /* hashFiles: there is a workspace */
} places[] = {
    [PLACE_RUN] = {"'run'", OF_AN_ATTEMPT, false, true},
    [PLACE_WORDS] = {"'run'", OF_AN_ATTEMPT, false, true},
    [PLACE_COMMAND] = {"the words of a command", OF_AN_ATTEMPT, false, true},
    [PLACE_WITH] = {"'with'", OF_AN_ATTEMPT | CONTEXT_SECRETS, false, true},
    [PLACE_CHILD_WITH] = {"'with' of a pipeline", OF_AN_ITEM, false, true},
    [PLACE_ENV] = {"'env'", OF_AN_ATTEMPT | CONTEXT_SECRETS, false, true},
    [PLACE_INPUT] = {"'inputs'", OF_AN_ITEM | CONTEXT_STEP, false, true},
    [PLACE_PUBLISHED] = {"what the step leaves", OF_AN_ATTEMPT, false, true},
    [PLACE_CACHE] = {"'cache'", OF_AN_ITEM | CONTEXT_ENV | CONTEXT_INPUTS, false, true},
    [PLACE_IF] = {"'if'", OF_A_RUN, true, true},
    [PLACE_MATRIX] = {"'matrix'", OF_A_RUN, false, true},
    [PLACE_PIPELINE_ENV] = {"'env' of the pipeline",
                            (OF_A_RUN & ~CONTEXT_STEPS) | CONTEXT_ENV | CONTEXT_STEP | CONTEXT_SECRETS, false, true},
    [PLACE_OUTPUTS] = {"'outputs' of the pipeline", OF_A_RUN, false, true},
    [PLACE_GROUP] = {"'concurrency'", CONTEXT_PARAMS | CONTEXT_VARS | CONTEXT_GIT, false, false},
    [PLACE_TRIGGER] = {"'on'", CONTEXT_EVENT | CONTEXT_VARS, false, false},
    [PLACE_HOOK_SECRET] = {"'secret'", CONTEXT_SECRETS, false, false},
};

void check_expr_error(const struct expr_check *check, const struct expr *at, enum diag_code code, const char *hint,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct diag *diag = diag_vadd(check->loader->diags, code, at->pos, hint, format, args);
    va_end(args);
    diag->end_column = at->end_column;
}

/* ---- contexts -------------------------------------------------------------------------------------------- */

static void secret_shown(const struct expr_check *check, const struct expr *at, const char *hint)
{
    check_expr_error(check, at, DIAG_SECRET, hint, "a secret in %s would be stored or shown",
                     places[check->place].what);
}

static void wrong_place(const struct expr_check *check, unsigned context, const struct expr *at)
{
    const char *what = places[check->place].what;
    const char *hint = context == CONTEXT_EVENT
                         ? "hand it on: 'params' of the trigger may read event.*, and the steps read params.*"
                     : context == CONTEXT_MATRIX ? "it exists in what the items of a matrix do"
                     : context == CONTEXT_STEPS  ? "steps have not run yet: use it in the step's own 'env'"
                     : context == CONTEXT_STEP   ? "it exists once the step has started"
                     : context == CONTEXT_INPUTS
                         ? "it exists in the text, the 'with' and the 'env' of the step that has the inputs"
                         : NULL;
    if (context == CONTEXT_SECRETS) {
        secret_shown(check, at, "put it in 'env:' of the step that uses it");
        return;
    }
    size_t index = 0;
    while ((1u << index) != context) {
        index++;
    }
    check_expr_error(check, at, DIAG_EXPR_PLACE, hint, "'%s' does not exist in %s", context_names[index], what);
}

static void unknown_context(const struct expr_check *check, struct str root, const struct expr *at)
{
    struct str names[CONTEXT_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < CONTEXT_COUNT; i++) {
        if ((places[check->place].contexts & (1u << i)) != 0) {
            names[count++] = str_from(context_names[i]);
        }
    }
    const char *hint = diag_hint_near(check->loader->arena, root, names, count);
    check_expr_error(check, at, DIAG_EXPR_NAME, hint, "there is no '%.*s'", STR_ARG(root));
}

static void path(struct expr_check *check, struct str root, const struct str *members, size_t count,
                 const struct expr *at)
{
    unsigned context = 0;
    for (unsigned i = 0; i < CONTEXT_COUNT; i++) {
        context |= str_is(root, context_names[i]) ? 1u << i : 0;
    }
    if (context == 0) {
        unknown_context(check, root, at);
    } else if ((places[check->place].contexts & context) == 0) {
        wrong_place(check, context, at);
    } else if (context == CONTEXT_ENV && (check->place == PLACE_WORDS || check->place == PLACE_COMMAND) &&
               check_env_is_secret(check, count == 0 ? (struct str){0} : members[0])) {
        secret_shown(check, at, "the program finds it in its environment");
    } else {
        check_members(check, root, members, count, at);
    }
}

/* ---- functions --------------------------------------------------------------------------------------------- */

static void call(struct expr_check *check, const struct expr *at)
{
    const struct expr_function *function = expr_function_find(at->name);
    if (function == NULL) {
        struct str *names = arena_array(check->loader->arena, expr_function_count, sizeof *names);
        for (size_t i = 0; i < expr_function_count; i++) {
            names[i] = str_from(expr_functions[i].name);
        }
        check_expr_error(check, at, DIAG_EXPR_NAME,
                         diag_hint_near(check->loader->arena, at->name, names, expr_function_count),
                         "there is no function '%.*s'", STR_ARG(at->name));
        return;
    }
    if (function->is_status && !places[check->place].status) {
        check_expr_error(check, at, DIAG_EXPR_PLACE, "it asks about the steps before: write it in 'if'",
                         "'%s()' does not exist in %s", function->name, places[check->place].what);
    } else if (str_is(at->name, "hashFiles") && !places[check->place].files) {
        check_expr_error(check, at, DIAG_EXPR_PLACE, NULL, "'hashFiles' does not exist in %s: there are no files yet",
                         places[check->place].what);
    }
    check->names_status = check->names_status || function->is_status;
    bool few = at->arg_count < (size_t)function->min_args;
    bool many = function->max_args >= 0 && at->arg_count > (size_t)function->max_args;
    if (few || many) {
        const char *bound = function->min_args == function->max_args ? "" : few ? "at least " : "at most ";
        int expected = few ? function->min_args : function->max_args;
        check_expr_error(check, at, DIAG_EXPR_SYNTAX, function->doc, "'%s' takes %s%d argument%s, found %zu",
                         function->name, bound, expected, expected == 1 ? "" : "s", at->arg_count);
    }
}

/* ---- walking: as expr_walk, but it knows what stands beside a `??` ---------------------------------------------- */

static bool starts_at_name(const struct expr *expr)
{
    while (expr->op == EXPR_MEMBER || expr->op == EXPR_INDEX) {
        expr = &expr->args[0];
    }
    return expr->op == EXPR_NAME;
}

/* The constant names behind a context, "outputs" and "n" of "steps.a.outputs.n[0]" behind "steps", "a"; at most `room`.
 */
static size_t constant_members(const struct expr *expr, struct str *members, size_t room)
{
    size_t length = 0;
    for (const struct expr *at = expr; at->op != EXPR_NAME; at = &at->args[0]) {
        length++;
    }
    size_t count = 0;
    for (; count < length && count < room; count++) {
        const struct expr *link = expr;
        for (size_t i = count + 1; i < length; i++) {
            link = &link->args[0];
        }
        bool text = link->op == EXPR_INDEX && link->args[1].op == EXPR_LITERAL &&
                    link->args[1].value.type == JSON_STRING;
        if (link->op != EXPR_MEMBER && !text) {
            break;
        }
        members[count] = text ? link->args[1].value.u.string : link->name;
    }
    return count;
}

/* A path is told once, whole; the indexes in it are expressions of their own. */
static void walk_path(struct expr_check *check, const struct expr *expr)
{
    struct str members[MEMBERS_MAX];
    size_t count = constant_members(expr, members, MEMBERS_MAX);
    const struct expr *root = expr;
    for (; root->op != EXPR_NAME; root = &root->args[0]) {
        if (root->op == EXPR_INDEX) {
            check_expr(check, &root->args[1]);
        }
    }
    path(check, root->name, members, count, expr);
}

void check_expr(struct expr_check *check, const struct expr *expr)
{
    bool guarded = check->guarded;
    if (starts_at_name(expr)) {
        walk_path(check, expr);
        return;
    }
    if (expr->op == EXPR_CALL) {
        call(check, expr);
    }
    check->guarded = guarded || expr->op == EXPR_DEFAULT;
    for (size_t i = 0; i < expr->arg_count; i++) {
        check_expr(check, &expr->args[i]);
    }
    check->guarded = guarded;
}

void check_template(struct expr_check *check, const struct template *template)
{
    for (size_t i = 0; i < template->part_count; i++) {
        if (template->parts[i].expr != NULL) {
            check_expr(check, template->parts[i].expr);
        }
    }
}

/* A list of words by the name that bundled plugins have for it. */
static bool is_command(const struct template_tree *tree, size_t i)
{
    return tree->type == JSON_OBJECT && tree->items[i].type == JSON_ARRAY &&
           (str_is(tree->keys[i], "command") || str_is(tree->keys[i], "rollback"));
}

void check_tree(struct expr_check *check, const struct template_tree *tree)
{
    enum place place = check->place;
    check_template(check, &tree->leaf);
    for (size_t i = 0; i < tree->count; i++) {
        check->place = place == PLACE_WITH && is_command(tree, i) ? PLACE_COMMAND : place;
        check_tree(check, &tree->items[i]);
    }
    check->place = place;
}
