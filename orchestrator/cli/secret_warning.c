/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secret_warning.h"

#include "base/fs.h"
#include "base/path.h"
#include "cli/diag_print.h"

struct looking {
    struct secret_source *source;
    const struct pipeline *pipeline;
    struct diags *diags;
    struct json told; /* names that were looked up */
};

static void look_up(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct looking *looking = ctx;
    struct arena *arena = looking->diags->arena;
    struct err err = {0};
    if (!str_is(root, "secrets") || count == 0 || json_get_str(&looking->told, members[0]) != NULL) {
        return;
    }
    json_set(arena, &looking->told, arena_str(arena, members[0]).p, json_bool(true));
    const char *pipeline = arena_str(arena, looking->pipeline->name).p;
    if (secret_source_look(looking->source, members[0], pipeline, arena, &err) < 0 && !store_has_failed(&err)) {
        struct diag *diag = diag_add(looking->diags, DIAG_SUSPECT, at->pos, NULL, "%s", err.message);
        diag->end_column = at->end_column;
    }
}

void secret_warning_add(struct secret_source *source, const struct pipeline *pipeline, struct diags *diags)
{
    struct looking looking = {.source = source, .pipeline = pipeline, .diags = diags, .told = json_object()};
    const struct expr_visitor visitor = {.ctx = &looking, .path = look_up};
    for (size_t i = 0; i < pipeline->step_count; i++) {
        pipeline_walk_secrets(pipeline, &pipeline->steps[i], &visitor);
    }
    diags_sort(diags);
}

void secret_warning_print(struct session *session, const struct pipeline *pipeline)
{
    const struct cli *cli = session->cli;
    struct diags diags;
    if (cli->quiet || session->visit != NULL) { /* whoever holds the home has an environment of his own */
        return;
    }
    diags_init(&diags, cli->arena, arena_str(cli->arena, pipeline->file).p);
    diags.text = pipeline->source;
    diags_index_lines(&diags);
    secret_warning_add(&session->secrets, pipeline, &diags);
    if (diags.count > 0) {
        diag_print(DIAG_FORMAT_TEXT, &diags, 1, cli->colour_messages, stderr);
    }
}

void secret_warning_look(struct cli *cli, const struct pipeline *pipeline, struct diags *diags)
{
    struct arena *arena = cli->arena;
    const char *home = home_find(option_value(cli, "home"), arena);
    const char *path = path_join(arena, home, "sluice.db");
    struct store *store = NULL;
    struct secret_source source;
    struct config config;
    struct diags ignored;
    struct err err = {0};
    if (!fs_is_folder(home) || config_load_home(home, arena, &ignored, &config, &err) < 0 ||
        (fs_exists(path) && store_open(path, STORE_READ_ONLY, &store, &err) < 0)) {
        return;
    }
    if (secret_source_open(&source, cli, home, store, &config, &err) == 0) {
        secret_warning_add(&source, pipeline, diags);
    }
    secret_source_close(&source);
    store_close(store);
}
