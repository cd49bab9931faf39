/* SPDX-License-Identifier: Apache-2.0
 * Expressions of any text, alone and inside other text: what parses evaluates to a value or to a message, the same one
 * each time; what does not is told inside the text.
 */
#include "pipeline/expr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char contexts[] = "{\"params\": {\"n\": 3, \"s\": \"text\", \"yes\": true,"
                               " \"list\": [1, \"a\", null, [2]],"
                               " \"map\": {\"a-b\": 1, \"c\": {\"d\": 2.5}}, \"nothing\": null},"
                               " \"steps\": {\"a\": {\"outputs\": {\"n\": 7}, \"status\": \"succeeded\"}}}";

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static const struct json *context(void *ctx, struct str root, struct str member)
{
    const struct json *found = json_get_str(ctx, root);
    return str_is(root, "steps") ? json_get_str(found, member) : found;
}

static bool status(void *ctx, struct str function)
{
    (void)ctx;
    return function.n % 2 == 0;
}

static void note_path(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    (void)members;
    check(root.n > 0 && count <= 8 && at->op != EXPR_LITERAL);
    *(size_t *)ctx += count;
}

static void check_value(const struct expr *expr, const struct expr_env *env, struct arena *arena)
{
    struct json first = json_null();
    struct json second = json_null();
    struct err err = {0};
    struct err again = {0};
    int result = expr_eval(expr, env, arena, &first, &err);
    check(result == expr_eval(expr, env, arena, &second, &again));
    check(strcmp(err.message, again.message) == 0 && (result == 0) == (err.code == ERR_NONE));
    check(result < 0 || json_equal(&first, &second));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct json known = json_null();
    struct diags diags;
    struct template template;
    size_t members = 0;
    const struct expr_visitor visitor = {.ctx = &members, .path = note_path};
    check(json_read(STR(contexts), (struct json_limits){0}, arena, &known, NULL) == 0);
    const struct expr_env env = {.ctx = &known, .context = context, .status = status, .now_ms = INT64_C(1767225600000)};
    diags_init(&diags, arena, "fuzz.yaml");
    diags.text = arena_str(arena, (struct str){(const char *)bytes, size});
    const struct expr *expr = expr_parse(diags.text, (struct pos){1, 1}, &diags);
    check((expr == NULL) == (diags.errors > 0));
    if (expr != NULL) {
        expr_walk(expr, &visitor);
        check_value(expr, &env, arena);
    }
    struct json text = {.type = JSON_STRING, .u.string = diags.text};
    diags_init(&diags, arena, "fuzz.yaml");
    if (template_parse(text, (struct pos){1, 1}, &diags, &template) == 0) {
        struct json value = json_null();
        struct err err = {0};
        template_walk(&template, &visitor);
        check(diags.errors == 0 && template_eval(&template, &env, arena, &value, &err) == -(err.code != ERR_NONE));
    } else {
        check(diags.errors > 0);
    }
    arena_free(arena);
    return 0;
}
