/* SPDX-License-Identifier: Apache-2.0 */
#include "store/deployment_jobs.h"

#include "store/activity.h"
#include "store/model_events.h"
#include "store/registry_internal.h"
#include "store/stmt.h"

#include <string.h>

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

int store_deployment_jobs_of(struct store *store, const char *model, struct arena *arena, const char ***ret,
                             size_t *ret_count, struct err *err)
{
    struct subscription *listeners = NULL;
    size_t count = 0;
    size_t found = 0;
    if (store_subscription_list(store, "model", NULL, arena, &listeners, &count, err) < 0) {
        return -1;
    }
    int is_prompt = count == 0 ? 0 : registry_is_prompt(store, model, err);
    const char **names = arena_array(arena, count, sizeof(const char *));
    for (size_t i = 0; i < count; i++) {
        if (model_event_is_about(&listeners[i], model, is_prompt == 1, arena)) {
            names[found++] = listeners[i].pipeline;
        }
    }
    *ret = names;
    *ret_count = found;
    return is_prompt < 0 ? -1 : 0;
}

/* What the model itself says, and whether there is any job at all: 1 when there is nothing more to look for. */
static int read_choice(struct store *store, const char *model, struct arena *arena, const char **ret_chosen,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT (SELECT deployment_job FROM registered_models WHERE name = :name), "
                                     "EXISTS (SELECT 1 FROM subscriptions WHERE kind = 'model')");
    stmt_text(s, ":name", model);
    int row = stmt_step(s, err);
    *ret_chosen = row == 1 ? stmt_column_text_or_null(s, 0, arena) : NULL;
    bool any = row == 1 && stmt_column_int(s, 1) != 0;
    stmt_done(s);
    return row < 0 ? -1 : *ret_chosen == NULL && !any ? 1 : 0;
}

static int is_in_force(struct store *store, const char *pipeline, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM pipelines_in_force WHERE name = :name");
    stmt_text(s, ":name", pipeline);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

static bool contains(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int store_deployment_job(struct store *store, const char *model, struct arena *arena, struct deployment_job *ret,
                         struct err *err)
{
    const char *chosen = NULL;
    const char **names = NULL;
    size_t count = 0;
    *ret = (struct deployment_job){0};
    int done = read_choice(store, model, arena, &chosen, err);
    if (done != 0) {
        return done < 0 ? -1 : 0;
    }
    if (chosen != NULL && *chosen == '\0') {
        ret->state = "NOT_SET_UP";
        return 0;
    }
    if (store_deployment_jobs_of(store, model, arena, &names, &count, err) < 0) {
        return -1;
    }
    if (chosen == NULL) {
        *ret = count == 0 ? *ret : (struct deployment_job){names[0], "CONNECTED", count - 1};
        return 0;
    }
    int in_force = contains(names, count, chosen) ? 1 : is_in_force(store, chosen, err);
    ret->pipeline = chosen;
    ret->state = contains(names, count, chosen) ? "CONNECTED"
                 : in_force == 1                ? "REQUIRED_PARAMETERS_CHANGED"
                                                : "NOT_FOUND";
    return in_force < 0 ? -1 : 0;
}

static int check_choice(struct store *store, const char *model, const char *pipeline, struct err *err)
{
    struct arena *arena = arena_new();
    struct pipeline_in_force row;
    const char **names = NULL;
    size_t count = 0;
    int result = store_in_force_get(store, pipeline, arena, &row, err) < 0 ||
                         store_deployment_jobs_of(store, model, arena, &names, &count, err) < 0
                     ? -1
                     : 0;
    if (result < 0 && err != NULL && err->code == ERR_NOT_FOUND) {
        err->code = ERR_INPUT; /* it is the job that is not there, not the model */
        result = err_add(err, "deployment_job_id");
    } else if (result == 0 && !contains(names, count, pipeline)) {
        result = err_set(err, ERR_INPUT,
                         "deployment_job_id: pipeline '%s' is no deployment job of '%s': its file has no "
                         "'on: model_version' whose glob means this model",
                         pipeline, model);
    }
    arena_free(arena);
    return result;
}

static const char *job_words(const char *pipeline)
{
    return pipeline == NULL ? "whichever means it" : *pipeline == '\0' ? "none" : pipeline;
}

static int record_choice(struct store *store, const char *model, const char *before, const char *after,
                         const struct mover *by, int64_t now_ms, struct arena *arena, struct err *err)
{
    const struct activity entry = {
        .at_ms = now_ms,
        .actor = by == NULL ? "sluice" : by->actor,
        .action = after != NULL && *after == '\0' ? "deployment_job.disconnected" : "deployment_job.connected",
        .object = arena_printf(arena, "model %s", model),
        .object_id = model,
        .from_state = job_words(before),
        .to_state = job_words(after),
        .reason = by == NULL ? "" : arena_printf(arena, "by %s", by->door),
        .evidence_sha256 = "",
    };
    return store_activity_append(store, &entry, err);
}

static int write_choice(struct store *store, const char *model, const char *pipeline, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE registered_models SET deployment_job = :pipeline, updated_ms = :now "
                                     "WHERE name = :name");
    stmt_text(s, ":pipeline", pipeline);
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":name", model);
    return stmt_run_one(s, "naming a deployment job", err);
}

int store_deployment_job_set(struct store *store, const char *model, const char *pipeline, const struct mover *by,
                             int64_t now_ms, struct err *err)
{
    const char *before = NULL;
    if (registry_require(store, model, err) < 0 ||
        (pipeline != NULL && *pipeline != '\0' && check_choice(store, model, pipeline, err) < 0)) {
        return -1;
    }
    struct arena *arena = arena_new();
    int result = read_choice(store, model, arena, &before, err) < 0 ? -1
                 : strcmp(job_words(before), job_words(pipeline)) == 0
                     ? 0
                     : record_choice(store, model, before, pipeline, by, now_ms, arena, err);
    result = result < 0 ? -1 : write_choice(store, model, pipeline, now_ms, err);
    arena_free(arena);
    return result;
}

/* ---- how far they are ------------------------------------------------------------------------------------------- */

/* The newest trigger that has begun a run, or may yet; of its run the newest revision. */
static const char newest_sql[] =
    "SELECT t.id, t.pipeline, t.outcome, t.reason, r.run_id, r.pipeline || '/' || r.number || CASE WHEN r.revision > 1 "
    "THEN '.' || r.revision ELSE '' END, r.state, r.verdict, r.reason FROM triggers AS t INDEXED BY triggers_model "
    "LEFT JOIN pipeline_runs AS o ON o.run_id = t.run_id LEFT JOIN pipeline_runs AS r ON r.pipeline = o.pipeline AND "
    "r.number = o.number AND r.parent_run IS NULL WHERE t.model = :model AND t.version = :version AND t.trigger_id NOT "
    "IN ('model_alias', 'model_tag', 'model_stage') AND t.outcome IN ('pending', 'started') AND (:pipeline IS NULL OR "
    "t.pipeline = :pipeline) ORDER BY t.id DESC, r.revision DESC LIMIT 1";

/* The step at which a run, or a part of it, is: where people are waited for, what runs, what failed. */
static const char task_sql[] =
    "WITH RECURSIVE parts(run_id) AS (VALUES (:run_id) UNION SELECT c.run_id FROM pipeline_runs AS c, parts WHERE "
    "c.parent_run = parts.run_id) SELECT s.step, w.id IS NOT NULL FROM parts JOIN steps AS s USING (run_id) LEFT JOIN "
    "waits AS w ON w.run_id = s.run_id AND w.position = s.position AND w.item = s.item AND w.status = 'open' AND "
    "w.kind = 'approval' WHERE s.state IN ('active', 'waiting', 'delayed', 'ready', 'failed') ORDER BY w.id IS NULL, "
    "CASE s.state WHEN 'failed' THEN 0 WHEN 'active' THEN 1 WHEN 'waiting' THEN 2 WHEN 'delayed' THEN 3 ELSE 4 END, "
    "s.run_id <> :run_id, s.position, s.item LIMIT 1";

static int find_task(struct store *store, const char *run_id, struct arena *arena, const char **ret_task,
                     bool *ret_asks, struct err *err)
{
    struct stmt *s = stmt_get(store, task_sql);
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    *ret_task = row == 1 ? stmt_column_text(s, 0, arena) : "";
    *ret_asks = row == 1 && stmt_column_int(s, 1) != 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static const char *state_word(const char *state, const char *verdict, bool asks)
{
    static const struct {
        const char *state, *word;
    } words[] = {
        {"queued", "PENDING"},    {"running", "RUNNING"}, {"waiting", "RUNNING"},
        {"succeeded", "SUCCEEDED"}, {"failed", "FAILED"},   {"cancelled", "FAILED"},
    };
    size_t i = 0;
    while (i + 1 < sizeof words / sizeof words[0] && strcmp(words[i].state, state) != 0) {
        i++;
    }
    bool open = i < 3;
    return open && asks ? "APPROVAL" : i == 3 && strcmp(verdict, "refused") == 0 ? "FAILED" : words[i].word;
}

int store_deployment(struct store *store, const char *model, int64_t version, const char *pipeline,
                     struct arena *arena, struct deployment *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, newest_sql);
    struct deployment found = {.task = "", .reason = ""};
    const char *state = NULL;
    const char *verdict = "";
    bool asks = false;
    stmt_text(s, ":model", model);
    stmt_int(s, ":version", version);
    stmt_text(s, ":pipeline", pipeline);
    int row = stmt_step(s, err);
    if (row == 1) {
        found.trigger = stmt_column_int(s, 0);
        found.pipeline = stmt_column_text(s, 1, arena);
        found.reason = stmt_column_text(s, 3, arena);
        found.run_id = stmt_column_text_or_null(s, 4, arena);
        found.label = stmt_column_text_or_null(s, 5, arena);
        state = stmt_column_text_or_null(s, 6, arena);
        verdict = stmt_column_text(s, 7, arena);
        found.reason = state == NULL ? found.reason : stmt_column_text(s, 8, arena);
        bool pends = strcmp(stmt_column_text(s, 2, arena), "pending") == 0;
        found.run_state = pends ? "PENDING" : NULL; /* of a run that was removed nothing is known */
    }
    stmt_done(s);
    if (row < 0 || (state != NULL && find_task(store, found.run_id, arena, &found.task, &asks, err) < 0)) {
        return -1;
    }
    if (state != NULL) {
        found.run_state = state_word(state, verdict, asks);
        found.task = strcmp(found.run_state, "SUCCEEDED") == 0 ? "" : found.task;
    }
    *ret = found;
    return 0;
}
