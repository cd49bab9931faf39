/* SPDX-License-Identifier: Apache-2.0 */
#include "store/model_makers.h"

#include "store/models.h"
#include "store/pipeline_runs.h"
#include "store/registry.h"
#include "store/runs.h"
#include "store/stmt.h"

enum { LEVELS_MAX = 16, RETRIES_MAX = 1000 };

void store_author_add(struct arena *arena, struct json *authors, const char *name)
{
    if (name == NULL || *name == '\0') {
        return;
    }
    for (size_t i = 0; i < authors->u.array.count; i++) {
        const struct json *known = &authors->u.array.items[i];
        if (known->type == JSON_STRING && str_is(known->u.string, name)) {
            return;
        }
    }
    json_push(arena, authors, json_cstring(arena, name));
}

int store_starters_add(struct store *store, const char *run_id, struct arena *arena, struct json *authors,
                       struct err *err)
{
    for (int i = 0; run_id != NULL && i < RETRIES_MAX; i++) {
        struct pipeline_run row;
        struct err wrong = {0};
        if (store_pipeline_run_get(store, run_id, arena, &row, &wrong) < 0) { /* sluice gc has removed it */
            return wrong.code == ERR_NOT_FOUND ? 0 : err_set(err, wrong.code, "%s", wrong.message);
        }
        store_author_add(arena, authors, row.actor);
        if (i == 0 && store_starters_add(store, row.parent_run, arena, authors, err) < 0) {
            return -1;
        }
        run_id = row.retry_of;
    }
    return 0;
}

/* The pipeline run of whose steps the run is one. A client may write the parent of a run, so the attempts of that
 * pipeline run, which nobody but the engine writes, must say the same. */
static int find_pipeline_run(struct store *store, const struct run_info *run, struct arena *arena, const char **ret,
                             struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT a.run_id FROM attempts a WHERE a.run_id = :parent "
                                     "AND a.step_run_id = :run LIMIT 1");
    stmt_text(s, ":parent", run->parent_run_id);
    stmt_text(s, ":run", run->run_id);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static int read_branch(struct store *store, const char *run_id, struct arena *arena, const char **ret,
                       struct err *err)
{
    struct pipeline_run row;
    struct json contexts = json_null();
    if (store_pipeline_run_get(store, run_id, arena, &row, err) < 0) {
        return -1;
    }
    (void)json_read(str_from(row.contexts), (struct json_limits){0}, arena, &contexts, NULL);
    const struct json *git = json_get(&contexts, "git");
    const char *branch = git == NULL ? "" : json_get_text(git, "branch", "");
    *ret = *branch == '\0' ? NULL : branch;
    return 0;
}

/* The run that the model was logged in is a step's, or lies below one, or says so: that makes no branch. */
static int climb(struct store *store, const char *run_id, struct arena *arena, struct json *authors, struct err *err)
{
    const char *pipeline_run = NULL;
    for (int i = 0; run_id != NULL && i < LEVELS_MAX; i++) {
        struct run_info run;
        struct err wrong = {0};
        if (store_run_get(store, run_id, arena, &run, &wrong) < 0) {
            return wrong.code == ERR_NOT_FOUND ? 0 : err_set(err, wrong.code, "%s", wrong.message);
        }
        store_author_add(arena, authors, run.user);
        if (run.parent_run_id != NULL && find_pipeline_run(store, &run, arena, &pipeline_run, err) < 0) {
            return -1;
        }
        if (pipeline_run != NULL) {
            return store_starters_add(store, pipeline_run, arena, authors, err);
        }
        run_id = run.parent_run_id;
    }
    return 0;
}

/* Of the pipeline run whose step has made the model, and alone written to it. */
static int find_branch(struct store *store, const char *model_id, struct arena *arena, struct model_makers *makers,
                       struct err *err)
{
    const char *maker = NULL;
    const char *pipeline_run = NULL;
    struct run_info run;
    struct err gone = {0};
    if (store_model_maker(store, model_id, arena, &maker, err) < 0) {
        return -1;
    }
    if (maker == NULL) {
        return 0;
    }
    if (store_run_get(store, maker, arena, &run, &gone) < 0) {
        return gone.code == ERR_NOT_FOUND ? 0 : err_set(err, gone.code, "%s", gone.message);
    }
    if (run.parent_run_id != NULL && find_pipeline_run(store, &run, arena, &pipeline_run, err) < 0) {
        return -1;
    }
    if (pipeline_run == NULL) {
        return 0;
    }
    return store_starters_add(store, pipeline_run, arena, &makers->authors, err) < 0
               ? -1
               : read_branch(store, pipeline_run, arena, &makers->branch, err);
}

int store_model_makers(struct store *store, const char *model_id, struct arena *arena, struct model_makers *ret,
                       struct err *err)
{
    struct logged_model model;
    struct model_version *versions = NULL;
    size_t count = 0;
    struct err wrong = {0};
    *ret = (struct model_makers){.authors = json_array()};
    if (store_version_of_model(store, model_id, arena, &versions, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        store_author_add(arena, &ret->authors, versions[i].user);
    }
    if (store_model_get_any(store, model_id, arena, &model, &wrong) < 0) {
        return wrong.code == ERR_NOT_FOUND ? 0 : err_set(err, wrong.code, "%s", wrong.message);
    }
    return climb(store, model.source_run_id, arena, &ret->authors, err) < 0
               ? -1
               : find_branch(store, model_id, arena, ret, err);
}
