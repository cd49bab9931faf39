/* SPDX-License-Identifier: Apache-2.0
 * The files that a pipeline names must be there.
 */
#include "base/fs.h"
#include "base/path.h"
#include "pipeline/load.h"

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

void check_exists(struct loader *loader, const struct yaml_node *node, const char *what)
{
    bool plain = node != NULL && node->text.n > 0 && str_find(node->text, STR("${{")) < 0;
    if (plain && !fs_exists(in_root(loader, node->text))) {
        load_error(loader, node, DIAG_FILE, beside_hint(loader, node->text), "%s '%.*s' does not exist in %.*s", what,
                   STR_ARG(node->text), STR_ARG(loader->pipeline->root));
    }
}

void check_files(struct loader *loader, const struct yaml_node *root)
{
    const struct pipeline *pipeline = loader->pipeline;
    if (!loader->world->check_files) {
        return;
    }
    const struct yaml_node *python = yaml_get(root, "python");
    check_exists(loader, yaml_get(python, "requirements"), "the requirements file");
    check_exists(loader, yaml_get(python, "lock"), "the lock file");
    for (size_t i = 0; i < pipeline->step_count; i++) {
        if (pipeline->steps[i].kind == STEP_KIND_LUA && pipeline->steps[i].lua_is_file) {
            check_exists(loader, load_step_node(loader, i, "lua"), "the Lua script");
        }
    }
}
