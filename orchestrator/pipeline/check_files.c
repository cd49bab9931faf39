/* SPDX-License-Identifier: Apache-2.0
 * The files that a pipeline names must be there. Those of its sub-pipelines are read, so that what they take and give
 * is known to the other checks; what these name in turn is checked when they are validated themselves.
 */
#include "base/fs.h"
#include "base/path.h"
#include "pipeline/load.h"

#include <stdlib.h>

static const char *in_root(const struct loader *loader, struct str path)
{
    return path_join(loader->arena, loader->pipeline->root.p, arena_str(loader->arena, path).p);
}

/* Paths start at the workspace. In a folder of a larger checkout that surprises, so what was meant is said. */
static const char *beside_hint(const struct loader *loader, struct str path)
{
    struct arena *arena = loader->arena;
    const struct pipeline *pipeline = loader->pipeline;
    const char *beside = path_join(arena, arena_str(arena, pipeline->folder).p, arena_str(arena, path).p);
    if (str_eq(pipeline->folder, pipeline->root) || !fs_exists(beside)) {
        return NULL;
    }
    return arena_printf(arena, "it lies beside the pipeline file: give '--workspace %.*s', or name it from the root",
                        STR_ARG(pipeline->folder));
}

static void check_exists(struct loader *loader, const struct yaml_node *node, const char *what)
{
    bool plain = node != NULL && node->text.n > 0 && str_find(node->text, STR("${{")) < 0;
    if (plain && !fs_exists(in_root(loader, node->text))) {
        load_error(loader, node, DIAG_FILE, beside_hint(loader, node->text), "%s '%.*s' does not exist in %.*s", what,
                   STR_ARG(node->text), STR_ARG(loader->pipeline->root));
    }
}

static bool is_same_file(const char *path, struct str other)
{
    char *a = realpath(path, NULL);
    char *b = realpath(other.p, NULL);
    bool same = a != NULL && b != NULL && strcmp(a, b) == 0;
    free(a);
    free(b);
    return same;
}

/* `with` of a step against the params of the pipeline that it runs. */
static void check_with(struct loader *loader, size_t index, const struct yaml_node *named)
{
    const struct pipeline *child = loader->children[index];
    const struct template_tree *with = &loader->pipeline->steps[index].with;
    struct str *names = arena_array(loader->arena, child->param_count, sizeof *names);
    bool *given = arena_array(loader->arena, child->param_count, sizeof *given);
    for (size_t p = 0; p < child->param_count; p++) {
        names[p] = child->params[p].name;
    }
    for (size_t i = 0; with->type == JSON_OBJECT && i < with->count; i++) {
        size_t p = 0;
        while (p < child->param_count && !str_eq(names[p], with->keys[i])) {
            p++;
        }
        if (p == child->param_count) {
            diag_add(loader->diags, DIAG_EXPR_NAME, with->key_positions[i],
                     diag_hint_near(loader->arena, with->keys[i], names, child->param_count),
                     "the pipeline '%.*s' has no param '%.*s'", STR_ARG(child->name), STR_ARG(with->keys[i]));
            continue;
        }
        given[p] = true;
        const struct template_tree *value = &with->items[i];
        bool known = value->type != JSON_ARRAY && value->type != JSON_OBJECT && value->leaf.part_count == 0;
        struct json plain = load_param_value(&child->params[p], &value->leaf, loader->arena);
        const char *problem = known ? load_param_problem(&child->params[p], &plain, loader->arena) : NULL;
        if (problem != NULL) {
            diag_add(loader->diags, DIAG_TYPE, value->leaf.pos, NULL, "param '%.*s' of the pipeline '%.*s': %s",
                     STR_ARG(names[p]), STR_ARG(child->name), problem);
        }
    }
    for (size_t p = 0; p < child->param_count; p++) {
        if (child->params[p].required && !given[p]) {
            load_error(loader, named, DIAG_MISSING, NULL,
                       "the param '%.*s' of the pipeline '%.*s' has no default: give it in 'with'", STR_ARG(names[p]),
                       STR_ARG(child->name));
        }
    }
}

/* A NAME is looked up in the home when the step starts; only files are known here. */
static void check_child(struct loader *loader, size_t index, const struct yaml_node *named)
{
    if (!str_starts(named->text, STR("./")) && !str_starts(named->text, STR("../"))) {
        return;
    }
    const char *path = in_root(loader, named->text);
    if (!fs_exists(path)) {
        check_exists(loader, named, "the pipeline");
        return;
    }
    if (is_same_file(path, loader->pipeline->file)) {
        load_error(loader, named, DIAG_CYCLE, NULL, "the pipeline runs itself");
        return;
    }
    struct diags diags;
    struct pipeline_world world = *loader->world;
    world.check_files = false;
    world.folder = NULL;
    world.root = loader->pipeline->root.p;
    diags_init(&diags, loader->arena, path);
    loader->children[index] = pipeline_load_file(path, &diags, &world);
    if (loader->children[index] != NULL) {
        check_with(loader, index, named);
        return;
    }
    size_t first = 0;
    while (first < diags.count && diags.items[first].level != DIAG_ERROR) {
        first++;
    }
    load_error(loader, named, DIAG_FILE,
               arena_printf(loader->arena, "'sluice validate %.*s' tells all that is wrong with it",
                            STR_ARG(named->text)),
               "the pipeline '%.*s' is not valid: line %d: %s", STR_ARG(named->text), diags.items[first].pos.line,
               diags.items[first].message);
}

void check_files(struct loader *loader, const struct yaml_node *root)
{
    const struct pipeline *pipeline = loader->pipeline;
    loader->children = arena_array(loader->arena, pipeline->step_count, sizeof *loader->children);
    if (!loader->world->check_files) {
        return;
    }
    const struct yaml_node *python = yaml_get(root, "python");
    check_exists(loader, yaml_get(python, "requirements"), "the requirements file");
    check_exists(loader, yaml_get(python, "lock"), "the lock file");
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct yaml_node *named = load_step_node(loader, i, "pipeline");
        if (pipeline->steps[i].kind == STEP_KIND_LUA && pipeline->steps[i].lua_is_file) {
            check_exists(loader, load_step_node(loader, i, "lua"), "the Lua script");
        } else if (pipeline->steps[i].kind == STEP_KIND_PIPELINE && named != NULL) {
            check_child(loader, i, named);
        }
    }
}
