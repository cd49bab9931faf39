/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/validate_home.h"

#include "base/fs.h"
#include "base/path.h"
#include "cli/home.h"
#include "cli/lua_compiler.h"
#include "store/pipeline_runs.h"

static void check(struct cli *cli, const struct definition_in_force *definition, const struct pipeline_world *known,
                  struct diags *diags)
{
    struct pipeline_world world = *known;
    world.folder = definition->folder;
    world.root = definition->workspace;
    world.check_files = false; /* what steps find there when they run is another matter */
    lua_compiler_join(cli, &world);
    diags_init(diags, cli->arena,
               definition->run == NULL ? arena_printf(cli->arena, "%s, in force", definition->file)
                                       : arena_printf(cli->arena, "%s of %s", definition->file, definition->run));
    diags->text = definition->source;
    (void)pipeline_load(diags, &world);
}

int validate_home(struct cli *cli, const struct pipeline_world *known, struct diags **ret_files, size_t *ret_count,
                  struct err *err)
{
    struct store *store = NULL;
    struct definition_in_force *definitions = NULL;
    const char *home = home_find(option_value(cli, "home"), cli->arena);
    const char *path = path_join(cli->arena, home, "sluice.db");
    if (!fs_exists(path)) {
        return err_set(err, ERR_NOT_FOUND, "'%s' holds no runs: there is nothing to check", home);
    }
    if (store_open(path, STORE_READ_OLDER, &store, err) < 0) {
        return -1;
    }
    int result = store_definitions_in_force(store, cli->arena, &definitions, ret_count, err);
    store_close(store);
    if (result < 0) {
        return -1;
    }
    *ret_files = arena_array(cli->arena, *ret_count + 1, sizeof **ret_files);
    for (size_t i = 0; i < *ret_count; i++) {
        check(cli, &definitions[i], known, &(*ret_files)[i]);
    }
    return 0;
}
