/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kept_params.h"

#include "base/fs.h"
#include "base/path.h"

#include <stdio.h>

enum { LUA_MAX_BYTES = 1 << 20 };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* May "params" behind this text be those of the run? In Lua they are sluice.run.params; sluice.params is `with:`. */
static bool leads_to_params(struct str before)
{
    char last = before.n == 0 ? ' ' : before.p[before.n - 1];
    return last == '.' ? str_ends(before, STR("run.")) : !is_word(last);
}

/* "params.day", "params['day']" or "params["day"]", and no longer word. */
static bool names_param(struct str text, struct str name)
{
    const size_t word = strlen("params");
    ptrdiff_t at;
    for (size_t from = 0; (at = str_find(str_slice(text, from, text.n), STR("params"))) >= 0; from += word) {
        from += (size_t)at;
        struct str rest = str_slice(text, from + word, text.n);
        bool quoted = str_starts(rest, STR("['")) || str_starts(rest, STR("[\""));
        struct str member = str_slice(rest, quoted ? 2 : 1, rest.n);
        if (leads_to_params(str_slice(text, 0, from)) && (quoted || str_starts(rest, STR("."))) &&
            str_starts(member, name) && (member.n == name.n || !is_word(member.p[name.n]))) {
            return true;
        }
    }
    return false;
}

static bool value_names_param(const struct json *value, struct str name)
{
    bool found = value->type == JSON_STRING && names_param(value->u.string, name);
    for (size_t i = 0; !found && value->type == JSON_ARRAY && i < value->u.array.count; i++) {
        found = value_names_param(&value->u.array.items[i], name);
    }
    for (size_t i = 0; !found && value->type == JSON_OBJECT && i < value->u.object.count; i++) {
        found = value_names_param(&value->u.object.members[i].value, name);
    }
    return found;
}

struct wanted {
    struct str name;
    bool found;
};

static void take_path(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct wanted *wanted = ctx;
    (void)at;
    wanted->found = wanted->found || (str_is(root, "params") && count > 0 && str_eq(members[0], wanted->name));
}

/* `env:` of the file is for all steps. */
static bool env_names_param(const struct pipeline *pipeline, struct str name)
{
    struct wanted wanted = {.name = name};
    const struct expr_visitor visitor = {.ctx = &wanted, .path = take_path};
    for (size_t i = 0; i < pipeline->env_count; i++) {
        template_walk(&pipeline->env[i].value, &visitor);
    }
    return wanted.found;
}

static bool step_names_param(const struct run_view *view, const struct step *step, struct str name)
{
    struct str text = {0};
    struct err ignored = {0};
    struct json definition = step_definition(view->pipeline, step, view->arena);
    if (value_names_param(&definition, name)) {
        return true;
    }
    if (!step->lua_is_file) {
        return false;
    }
    const char *path = path_join(view->arena, view->row.folder, arena_str(view->arena, step->lua).p);
    return fs_read(path, LUA_MAX_BYTES, view->arena, &text, &ignored) == 0 && names_param(text, name);
}

static bool is_kept(const struct run_step *step)
{
    for (size_t i = 0; i < step->item_count; i++) {
        if (step->items[i].carried_from == NULL) {
            return false;
        }
    }
    return step->item_count > 0;
}

static void warn_of(const struct run_view *view, struct str param)
{
    bool by_all = env_names_param(view->pipeline, param);
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        const struct step *step = &view->pipeline->steps[i];
        if (is_kept(&view->run->steps[i]) && (by_all || step_names_param(view, step, param))) {
            fprintf(stderr,
                    "sluice: step '%.*s' reads the param '%.*s', which has changed, and is kept as it was "
                    "('--from %.*s' runs it too)\n",
                    STR_ARG(step->id), STR_ARG(param), STR_ARG(step->id));
        }
    }
}

void kept_params_warn(const struct run_view *view, const struct json *now, const struct json *before)
{
    for (size_t i = 0; now->type == JSON_OBJECT && i < now->u.object.count; i++) {
        const struct json_member *param = &now->u.object.members[i];
        const struct json *was = json_get(before, arena_str(view->arena, param->key).p);
        if (was == NULL || !json_equal(was, &param->value)) {
            warn_of(view, param->key);
        }
    }
}
