/* SPDX-License-Identifier: Apache-2.0
 * Evaluation. A missing value travels as MISSING until `??`, `&&` or `||` passes it by, or it becomes an error.
 */
#include "pipeline/expr.h"
#include "pipeline/expr_functions.h"

enum { EVAL_MAX_BYTES = 64 << 20 }; /* of all values on the way: calls inside calls can double them again and again */

enum outcome { VALUE = 0, MISSING = 1, FAILED = -1 };

struct evaluation {
    const struct expr_env *env;
    struct arena *arena;
    size_t used_bytes;    /* of the arena before */
    struct err *err;      /* of a failure */
    struct err missing;   /* of the last missing value: told when nothing gives a default */
};

static enum outcome eval(struct evaluation *e, const struct expr *expr, struct json *ret);

static enum outcome fail_type(struct evaluation *e, const struct expr *expr, const char *expected,
                              const struct json *found)
{
    (void)err_set(e->err, ERR_INPUT, "line %d, column %d: expected %s, found %s", expr->pos.line, expr->pos.column,
                  expected, json_type_name(found->type));
    return FAILED;
}

/* ---- paths ------------------------------------------------------------------------------------------- */

/* "steps.train.outputs.n" as it was written, for messages. */
static const char *path_text(struct evaluation *e, const struct expr *expr)
{
    if (expr->op == EXPR_NAME) {
        return arena_str(e->arena, expr->name).p;
    }
    if (expr->op == EXPR_CALL) {
        return arena_printf(e->arena, "%.*s(...)", STR_ARG(expr->name));
    }
    if (expr->op != EXPR_MEMBER && expr->op != EXPR_INDEX) {
        return "(...)";
    }
    const char *inner = path_text(e, &expr->args[0]);
    if (expr->op == EXPR_MEMBER) {
        return arena_printf(e->arena, "%s.%.*s", inner, STR_ARG(expr->name));
    }
    const struct expr *index = &expr->args[1];
    return index->op == EXPR_LITERAL ? arena_printf(e->arena, "%s[%s]", inner, json_text(e->arena, &index->value).p)
                                     : arena_printf(e->arena, "%s[...]", inner);
}

static enum outcome missing(struct evaluation *e, const struct expr *expr, const struct json *container, struct str key)
{
    err_clear(&e->missing);
    const char *near_text = "";
    if (container != NULL && container->type == JSON_OBJECT && container->u.object.count < 1000) {
        size_t count = container->u.object.count;
        struct str *names = arena_array(e->arena, count, sizeof *names);
        for (size_t i = 0; i < count; i++) {
            names[i] = container->u.object.members[i].key;
        }
        ptrdiff_t near = str_nearest(key, names, count);
        if (near >= 0) {
            near_text = arena_printf(e->arena, " (did you mean '%.*s'?)", STR_ARG(names[near]));
        }
    }
    (void)err_set(&e->missing, ERR_INPUT, "line %d, column %d: %s is missing%s; 'a ?? b' gives a default",
                  expr->pos.line, expr->pos.column, path_text(e, expr), near_text);
    return MISSING;
}

static const struct json *context(struct evaluation *e, struct str root, struct str member)
{
    return e->env->context == NULL ? NULL : e->env->context(e->env->ctx, root, member);
}

static enum outcome eval_name(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    const struct json *value = context(e, expr->name, STR(""));
    if (value == NULL) {
        return missing(e, expr, NULL, expr->name);
    }
    *ret = *value;
    return VALUE;
}

static enum outcome pick_member(struct evaluation *e, const struct expr *expr, const struct json *from, struct str key,
                                struct json *ret)
{
    if (from->type == JSON_NULL) {
        return missing(e, expr, NULL, key);
    }
    if (from->type != JSON_OBJECT) {
        return fail_type(e, expr, "a map before '.'", from);
    }
    const struct json *value = json_get_str(from, key);
    if (value == NULL) {
        return missing(e, expr, from, key);
    }
    *ret = *value;
    return VALUE;
}

static bool is_steps(const struct expr *expr)
{
    return expr->op == EXPR_NAME && str_is(expr->name, "steps");
}

/* The name that a link of a path has, "n" of ".n" and of "['n']"; empty when it is not written out. */
static struct str link_name(const struct expr *expr)
{
    bool text = expr->op == EXPR_INDEX && expr->args[1].op == EXPR_LITERAL &&
                expr->args[1].value.type == JSON_STRING;
    return text ? expr->args[1].value.u.string : expr->op == EXPR_MEMBER ? expr->name : STR("");
}

/* Is this steps.ID.MEMBER, or steps.ID, which stands for its outputs? */
static bool is_of_step(const struct expr *expr, struct str *ret_id, struct str *ret_member)
{
    *ret_member = STR("outputs");
    if (expr->op == EXPR_NAME || (expr->op != EXPR_MEMBER && expr->op != EXPR_INDEX)) {
        return false;
    }
    if (!is_steps(&expr->args[0])) {
        *ret_member = link_name(expr);
        expr = &expr->args[0];
    }
    *ret_id = link_name(expr);
    return (expr->op == EXPR_MEMBER || expr->op == EXPR_INDEX) && is_steps(&expr->args[0]) && ret_id->n > 0;
}

/* What is not there may still have a value: whoever knows the steps says so. */
static enum outcome pick(struct evaluation *e, const struct expr *expr, const struct json *from, struct str key,
                         struct json *ret)
{
    enum outcome outcome = pick_member(e, expr, from, key, ret);
    struct str id = {0};
    struct str member = {0};
    if (outcome != MISSING || e->env->absent == NULL || !is_of_step(&expr->args[0], &id, &member)) {
        return outcome;
    }
    const struct json *value = e->env->absent(e->env->ctx, id, member);
    if (value == NULL) {
        return outcome;
    }
    err_clear(&e->missing);
    *ret = *value;
    return VALUE;
}

static enum outcome eval_step(struct evaluation *e, const struct expr *expr, struct str id, struct json *ret)
{
    const struct json *step = context(e, STR("steps"), id);
    if (step == NULL) {
        return missing(e, expr, NULL, id);
    }
    *ret = *step;
    return VALUE;
}

static enum outcome eval_member(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    struct json from;
    if (is_steps(&expr->args[0])) {
        return eval_step(e, expr, expr->name, ret);
    }
    enum outcome outcome = eval(e, &expr->args[0], &from);
    return outcome != VALUE ? outcome : pick(e, expr, &from, expr->name, ret);
}

/* What others send has whatever they like: their not having it is no mistake of the file's. */
static bool is_lenient(const struct evaluation *e, const struct expr *expr)
{
    while (expr->op == EXPR_MEMBER || expr->op == EXPR_INDEX) {
        expr = &expr->args[0];
    }
    return e->env->lenient != NULL && expr->op == EXPR_NAME && str_is(expr->name, e->env->lenient);
}

static enum outcome eval_index(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    struct json from = json_null();
    struct json index;
    bool steps = is_steps(&expr->args[0]);
    enum outcome outcome = steps ? VALUE : eval(e, &expr->args[0], &from);
    if (outcome == VALUE) {
        outcome = eval(e, &expr->args[1], &index);
    }
    if (outcome != VALUE) {
        return outcome;
    }
    if (index.type == JSON_STRING) {
        return steps ? eval_step(e, expr, index.u.string, ret) : pick(e, expr, &from, index.u.string, ret);
    }
    if (from.type == JSON_NULL && is_lenient(e, expr)) {
        return missing(e, expr, NULL, STR(""));
    }
    if (from.type != JSON_ARRAY || index.type != JSON_INT) {
        return fail_type(e, expr, from.type == JSON_ARRAY ? "an integer in '[ ]'" : "a list before '[ ]'",
                         from.type == JSON_ARRAY ? &index : &from);
    }
    if (index.u.integer < 0 || (uint64_t)index.u.integer >= from.u.array.count) {
        return missing(e, expr, NULL, STR(""));
    }
    *ret = from.u.array.items[index.u.integer];
    return VALUE;
}

/* ---- operators ------------------------------------------------------------------------------------------ */

static enum outcome eval_bool(struct evaluation *e, const struct expr *expr, bool *ret)
{
    struct json value;
    enum outcome outcome = eval(e, expr, &value);
    if (outcome == VALUE && value.type != JSON_BOOL) {
        return fail_type(e, expr, "true or false", &value);
    }
    *ret = outcome == VALUE && value.u.boolean;
    return outcome;
}

static enum outcome eval_logic(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    bool value = false;
    enum outcome outcome = eval_bool(e, &expr->args[0], &value);
    if (outcome == VALUE && expr->op == EXPR_NOT) {
        *ret = json_bool(!value);
        return VALUE;
    }
    bool decided = value == (expr->op == EXPR_OR);
    if (outcome == VALUE && !decided) {
        outcome = eval_bool(e, &expr->args[1], &value);
    }
    *ret = json_bool(value);
    return outcome;
}

static enum outcome eval_default(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    enum outcome outcome = eval(e, &expr->args[0], ret);
    bool absent = outcome == MISSING || (outcome == VALUE && ret->type == JSON_NULL);
    return absent ? eval(e, &expr->args[1], ret) : outcome;
}

static enum outcome eval_compare(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    struct json a;
    struct json b;
    double x = 0;
    double y = 0;
    enum outcome outcome = eval(e, &expr->args[0], &a);
    outcome = outcome == VALUE ? eval(e, &expr->args[1], &b) : outcome;
    if (outcome != VALUE) {
        return outcome;
    }
    if (expr->op == EXPR_EQ || expr->op == EXPR_NE) {
        *ret = json_bool(json_equal(&a, &b) == (expr->op == EXPR_EQ));
        return VALUE;
    }
    int order = 0;
    bool ordered = true; /* NaN is in no order */
    if (json_as_number(&a, &x) && json_as_number(&b, &y)) {
        order = x < y ? -1 : x > y;
        ordered = x <= y || x >= y;
    } else if (a.type == JSON_STRING && b.type == JSON_STRING) {
        order = str_cmp(a.u.string, b.u.string);
    } else {
        const struct json *odd = json_as_number(&a, &x) || a.type == JSON_STRING ? &b : &a;
        return fail_type(e, expr, "two numbers or two strings", odd);
    }
    bool holds = expr->op == EXPR_LT ? order < 0
               : expr->op == EXPR_LE ? order <= 0
               : expr->op == EXPR_GT ? order > 0
                                     : order >= 0;
    *ret = json_bool(ordered && holds);
    return VALUE;
}

/* ---- calls ------------------------------------------------------------------------------------------------ */

static enum outcome eval_call(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    struct json *args = arena_array(e->arena, expr->arg_count, sizeof *args);
    for (size_t i = 0; i < expr->arg_count; i++) {
        enum outcome outcome = eval(e, &expr->args[i], &args[i]);
        if (outcome != VALUE) {
            return outcome;
        }
    }
    struct err wrong = {0};
    if (arena_used_bytes(e->arena) - e->used_bytes > EVAL_MAX_BYTES) {
        (void)err_set(e->err, ERR_LIMIT, "line %d, column %d: its values take more than 64 MiB", expr->pos.line,
                      expr->pos.column);
        return FAILED;
    }
    if (expr_function_call(expr->name, args, expr->arg_count, e->env, e->arena, ret, &wrong) < 0) {
        (void)err_set(e->err, wrong.code, "line %d, column %d: %.*s: %s", expr->pos.line, expr->pos.column,
                      STR_ARG(expr->name), wrong.message);
        return FAILED;
    }
    return VALUE;
}

static enum outcome eval_path(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    enum outcome outcome = expr->op == EXPR_NAME     ? eval_name(e, expr, ret)
                           : expr->op == EXPR_MEMBER ? eval_member(e, expr, ret)
                                                     : eval_index(e, expr, ret);
    if (outcome == MISSING && is_lenient(e, expr)) {
        err_clear(&e->missing);
        *ret = json_null();
        return VALUE;
    }
    return outcome;
}

static enum outcome eval(struct evaluation *e, const struct expr *expr, struct json *ret)
{
    switch (expr->op) {
    case EXPR_LITERAL:
        *ret = expr->value;
        return VALUE;
    case EXPR_NAME:
    case EXPR_MEMBER:
    case EXPR_INDEX:
        return eval_path(e, expr, ret);
    case EXPR_NOT:
    case EXPR_AND:
    case EXPR_OR:
        return eval_logic(e, expr, ret);
    case EXPR_DEFAULT:
        return eval_default(e, expr, ret);
    case EXPR_CALL:
        return eval_call(e, expr, ret);
    default:
        return eval_compare(e, expr, ret);
    }
}

int expr_eval(const struct expr *expr, const struct expr_env *env, struct arena *arena, struct json *ret,
              struct err *err)
{
    struct evaluation e = {.env = env, .arena = arena, .used_bytes = arena_used_bytes(arena), .err = err};
    struct json value;
    enum outcome outcome = eval(&e, expr, &value);
    if (outcome == MISSING) {
        return err_set(err, ERR_INPUT, "%s", e.missing.message);
    }
    if (outcome == VALUE) {
        *ret = value;
    }
    return outcome == VALUE ? 0 : -1;
}

int expr_eval_condition(const struct expr *expr, const struct expr_env *env, bool *ret, struct err *err)
{
    struct arena *arena = arena_new();
    struct json value;
    int result = expr_eval(expr, env, arena, &value, err);
    if (result == 0 && value.type != JSON_BOOL) {
        result = err_set(err, ERR_INPUT, "line %d, column %d: expected true or false, found %s", expr->pos.line,
                         expr->pos.column, json_type_name(value.type));
    }
    if (result == 0) {
        *ret = value.u.boolean;
    }
    arena_free(arena);
    return result;
}

/* ---- templates ------------------------------------------------------------------------------------------------ */

static int add_value(struct strbuf *text, const struct json *value, struct err *err)
{
    if (value->type == JSON_STRING) {
        strbuf_add_str(text, value->u.string);
        return 0;
    }
    if (value->type == JSON_NULL || value->type == JSON_ARRAY || value->type == JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "%s cannot stand inside text: use toJSON() or join()",
                       json_type_name(value->type));
    }
    json_write(text, value);
    return 0;
}

int template_eval(const struct template *template, const struct expr_env *env, struct arena *arena, struct json *ret,
                  struct err *err)
{
    if (template->part_count == 0) {
        *ret = template->plain;
        return 0;
    }
    if (template->part_count == 1 && template->parts[0].expr != NULL) {
        return expr_eval(template->parts[0].expr, env, arena, ret, err);
    }
    struct strbuf text;
    strbuf_init(&text, EXPR_TEXT_MAX);
    int result = 0;
    for (size_t i = 0; i < template->part_count && result == 0; i++) {
        const struct template_part *part = &template->parts[i];
        struct json value;
        if (part->expr == NULL) {
            strbuf_add_str(&text, part->text);
            continue;
        }
        result = expr_eval(part->expr, env, arena, &value, err);
        if (result == 0) {
            result = add_value(&text, &value, err);
        }
    }
    if (result == 0 && text.overflow) {
        result = err_set(err, ERR_LIMIT, "the text is larger than 16 MiB");
    }
    if (result == 0) {
        *ret = json_string(arena, strbuf_str(&text));
    }
    strbuf_clear(&text);
    return result;
}

int template_tree_eval(const struct template_tree *tree, const struct expr_env *env, struct arena *arena,
                       struct json *ret, struct err *err)
{
    if (tree->type != JSON_OBJECT && tree->type != JSON_ARRAY) {
        return template_eval(&tree->leaf, env, arena, ret, err);
    }
    struct json result = tree->type == JSON_OBJECT ? json_object() : json_array();
    for (size_t i = 0; i < tree->count; i++) {
        struct json value;
        if (template_tree_eval(&tree->items[i], env, arena, &value, err) < 0) {
            return tree->type == JSON_OBJECT ? err_add(err, "'%.*s'", STR_ARG(tree->keys[i])) : -1;
        }
        if (tree->type == JSON_OBJECT) {
            json_set(arena, &result, arena_str(arena, tree->keys[i]).p, value);
        } else {
            json_push(arena, &result, value);
        }
    }
    *ret = result;
    return 0;
}
