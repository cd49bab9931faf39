/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trigger_change.h"

#include "store/deployment_jobs.h"

#include <string.h>

static int backfill(struct session *session, const struct json *document, const char *actor, struct arena *arena,
                    struct json *ret_outcome, struct err *err)
{
    struct backfill_row row = {
        .pipeline = json_get_text(document, "pipeline", ""),
        .schedule = json_get_text(document, "schedule", ""),
        .from_ms = json_get_int(document, "from_ms", 0),
        .to_ms = json_get_int(document, "to_ms", 0),
        .reprocess = json_get_text(document, "reprocess", "none"),
        .most = json_get_int(document, "most", 1),
        .reverse = json_get_bool(document, "reverse", false),
        .actor = actor,
    };
    if (triggers_backfill(session->triggers, session->engine, &row, err) < 0) {
        return -1;
    }
    json_set(arena, ret_outcome, "id", json_int(row.id));
    return 0;
}

static int deploy(struct session *session, const struct json *document, const char *actor, struct arena *arena,
                  struct json *ret_outcome, struct err *err)
{
    const struct json *params = json_get(document, "params");
    struct trigger_row row;
    struct pipeline_run run;
    const struct deployment_order order = {
        .model = json_get_text(document, "model", ""),
        .version = json_get_int(document, "version", 0),
        .pipeline = json_get_text(document, "pipeline", NULL),
        .params = params == NULL ? json_null() : *params,
        .actor = actor,
    };
    if (triggers_deploy(session->triggers, session->engine, &order, arena, &row, err) < 0 ||
        store_pipeline_run_get(session->home.store, row.run_id, arena, &run, err) < 0) {
        return -1;
    }
    char label[32];
    pipeline_run_label(&run, label);
    json_set(arena, ret_outcome, "run_id", json_cstring(arena, run.run_id));
    json_set(arena, ret_outcome, "run", json_cstring(arena, arena_printf(arena, "%s/%s", run.pipeline, label)));
    json_set(arena, ret_outcome, "pipeline", json_cstring(arena, run.pipeline));
    return 0;
}

struct connecting {
    struct store *store;
    const char *model, *pipeline, *actor;
};

static int connect_job(void *ctx, struct engine *engine, struct err *err)
{
    const struct connecting *c = ctx;
    const struct mover by = {.actor = c->actor, .door = "cli"};
    return store_deployment_job_set(c->store, c->model, c->pipeline, &by, engine_time(engine), err);
}

static int connect(struct session *session, const struct json *document, const char *actor, struct err *err)
{
    struct connecting c = {session->home.store, json_get_text(document, "model", ""),
                           json_get_text(document, "pipeline", NULL), actor};
    return engine_command(session->engine, connect_job, &c, err);
}

int trigger_change_obey(struct session *session, const struct json *document, const char *actor, struct arena *arena,
                        struct json *ret_outcome, struct err *err)
{
    const char *what = json_get_text(document, "what", "");
    const char *pipeline = json_get_text(document, "pipeline", "");
    const char *schedule = json_get_text(document, "schedule", "");
    *ret_outcome = json_object();
    if (strcmp(what, "pause") == 0) {
        return triggers_pause(session->triggers, session->engine, pipeline, schedule, actor,
                              json_get_text(document, "reason", NULL), err);
    }
    if (strcmp(what, "resume") == 0) {
        return triggers_resume(session->triggers, session->engine, pipeline, schedule, actor, err);
    }
    if (strcmp(what, "backfill") == 0) {
        return backfill(session, document, actor, arena, ret_outcome, err);
    }
    if (strcmp(what, "cancel_backfill") == 0) {
        return triggers_cancel_backfill(session->triggers, session->engine, json_get_int(document, "id", 0), actor,
                                        err);
    }
    if (strcmp(what, "deploy") == 0) {
        return deploy(session, document, actor, arena, ret_outcome, err);
    }
    if (strcmp(what, "connect") == 0) {
        return connect(session, document, actor, err);
    }
    if (strcmp(what, "sync") == 0) {
        int64_t job = 0;
        if (triggers_sync(session->triggers, session->engine, json_get_text(document, "source", ""), actor, &job,
                          err) < 0) {
            return -1;
        }
        json_set(arena, ret_outcome, "job", json_int(job));
        return 0;
    }
    return err_set(err, ERR_INPUT, "this sluice does not know how to '%s'", what);
}

int trigger_change_ask(struct cli *cli, const char *doing, const struct json *document, struct json *ret_outcome)
{
    struct session_options options = {.doing = doing, .starts_nothing = true};
    struct session session;
    struct err err = {0};
    if (session_join(cli, &options, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int asked = session_ask_holder(&session, "trigger", document, ret_outcome, &err);
    if (asked > 0) {
        asked = trigger_change_obey(&session, document, session.actor, cli->arena, ret_outcome, &err);
    }
    session_close(&session);
    return asked < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : EXIT_OK;
}
