/* SPDX-License-Identifier: Apache-2.0
 * Sessions in a home that another sluice may hold: its engine, or ours, does what is wanted.
 */
#include "base/id.h"
#include "cli/session_internal.h"
#include "cli/submission.h"
#include "store/pipeline_runs.h"

#include <stdio.h>
#include <time.h>

/* How long one who wants to join waits for a home that is held and has no door: its holder only comes or goes. A
 * service of another user that has gone may be upgraded meanwhile. */
enum { PATIENCE_MS = 10000, SERVICE_PATIENCE_MS = 60000, LOOK_EVERY_MS = 50 };

/* 1 as a visitor, 0 when nobody keeps the door. */
static int visit(struct cli *cli, const struct session_options *options, struct session *session, struct err *err)
{
    session_begin(session, cli, options);
    session->visit = visit_begin(home_find(session->options.home, cli->arena));
    if (session->visit == NULL) {
        return 0;
    }
    if (home_open(session->options.home, HOME_READ, "", cli->arena, &session->home, err) < 0 ||
        session_prepare(session, err) < 0) {
        session_close(session);
        return -1;
    }
    return 1;
}

static int join(struct cli *cli, const struct session_options *options, int patience_ms, struct session *session,
                struct err *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    for (int waited_ms = 0;; waited_ms += LOOK_EVERY_MS) {
        struct err busy = {0};
        if (session_open(cli, options, session, &busy) == 0) {
            return 0;
        }
        if (busy.code != ERR_BUSY) {
            *err = busy;
            return -1;
        }
        int visiting = visit(cli, options, session, err);
        if (visiting != 0) {
            return visiting < 0 ? -1 : 0;
        }
        if (waited_ms >= patience_ms) {
            *err = busy;
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
}

int session_join(struct cli *cli, const struct session_options *options, struct session *ret_session, struct err *err)
{
    const char *home = options->home != NULL ? options->home : option_value(cli, "home");
    if (!cli->command->makes_home && home_demand(home, cli->arena, err) < 0) {
        err->code = ERR_IO; /* of those who act: the home cannot be reached, not what they name in it */
        return -1;
    }
    if (join(cli, options, PATIENCE_MS, ret_session, err) < 0) {
        return -1;
    }
    if (ret_session->visit != NULL && option_given(cli, "jobs")) {
        fprintf(stderr, "sluice: --jobs has no effect: another sluice holds the home, and its slots count\n");
    }
    return 0;
}

int session_rejoin(struct session *session, struct err *err)
{
    struct session before = *session;
    const char *owner = home_service_owner(before.home.path, before.cli->arena);
    if (owner != NULL) {
        fprintf(stderr, "sluice: the service of the user '%s' has left the home '%s': waiting until it is back\n",
                owner, before.home.path);
    }
    session_close(session);
    if (join(before.cli, &before.options, owner == NULL ? PATIENCE_MS : SERVICE_PATIENCE_MS, session, err) < 0) {
        return -1;
    }
    session->opened_ms = before.opened_ms;
    return 0;
}

/* The host may go while it is asked, before or after it has done it: the store tells, as we chose the run's id. */
static int submit_at_door(struct session *session, struct engine_submission *submission, struct err *err)
{
    struct arena *arena = session->cli->arena;
    struct json request = json_object();
    struct json outcome;
    struct json document = submission_json(submission, arena);
    json_set(arena, &request, "do", json_cstring(arena, "submit"));
    if (visit_ask_with(session->visit, &request, json_text(arena, &document), arena, &outcome, err) == 0) {
        return 0;
    }
    struct pipeline_run row;
    struct err ignored = {0};
    bool gone = err->code == ERR_BUSY;
    return gone && store_pipeline_run_get(session->home.store, submission->run_id, arena, &row, &ignored) == 0 ? 0 : -1;
}

int session_submit(struct session *session, struct engine_submission *submission, char ret_run_id[40],
                   struct err *err)
{
    struct id id = id_run(NULL, clock_wall_ms(&clock_system));
    submission->run_id = id.text;
    submission->actor = session->actor;
    submission->step_env = session->step_env;
    if (submission->vars.type != JSON_OBJECT) {
        submission->vars = session->vars;
    }
    (void)snprintf(ret_run_id, 40, "%s", id.text);
    while (session->visit != NULL) {
        struct err wrong = {0};
        if (submit_at_door(session, submission, &wrong) == 0) {
            return 0;
        }
        if (wrong.code != ERR_BUSY) {
            *err = wrong;
            return -1;
        }
        if (session_rejoin(session, err) < 0) { /* it went and had not taken it */
            return -1;
        }
    }
    submission->step_env = json_null(); /* the engine has it */
    return engine_submit(session->engine, submission, ret_run_id, err);
}

/* ---- what is said of a run that is there -------------------------------------------------------------------- */

static struct json request_about(struct session *session, const char *verb, const char *run_id, const char *reason)
{
    struct arena *arena = session->cli->arena;
    struct json request = json_object();
    json_set(arena, &request, "do", json_cstring(arena, verb));
    json_set(arena, &request, "run", json_cstring(arena, run_id));
    if (reason != NULL) {
        json_set(arena, &request, "reason", json_cstring(arena, reason));
    }
    return request;
}

int session_cancel(struct session *session, const char *run_id, const char *reason, struct err *err)
{
    struct json request = request_about(session, "cancel", run_id, reason);
    struct json outcome;
    return session->visit != NULL ? visit_ask(session->visit, &request, session->cli->arena, &outcome, err)
                                  : engine_cancel(session->engine, run_id, session->actor, reason, err);
}

int session_kill(struct session *session, const char *run_id, struct err *err)
{
    struct json request = request_about(session, "kill", run_id, NULL);
    struct json outcome;
    return session->visit != NULL ? visit_ask(session->visit, &request, session->cli->arena, &outcome, err)
                                  : engine_kill(session->engine, run_id, err);
}

int session_vote(struct session *session, struct engine_vote *vote, struct json *ret_outcome, struct err *err)
{
    struct arena *arena = session->cli->arena;
    vote->actor = session->actor;
    vote->groups = session->groups;
    if (session->visit == NULL) {
        return engine_vote(session->engine, vote, ret_outcome, arena, err);
    }
    struct json request = request_about(session, "vote", vote->run_id, vote->reason);
    json_set(arena, &request, "approve", json_bool(vote->approve));
    if (vote->step != NULL) {
        json_set(arena, &request, "step", json_cstring(arena, vote->step));
    }
    return visit_ask(session->visit, &request, arena, ret_outcome, err);
}

int session_ask_holder(struct session *session, const char *wish, const struct json *document, struct json *ret_outcome,
                       struct err *err)
{
    struct arena *arena = session->cli->arena;
    struct json request = json_object();
    json_set(arena, &request, "do", json_cstring(arena, wish));
    while (session->visit != NULL) {
        struct err wrong = {0};
        if (visit_ask_with(session->visit, &request, json_text(arena, document), arena, ret_outcome, &wrong) == 0) {
            return 0;
        }
        if (wrong.code != ERR_BUSY) {
            *err = wrong;
            return -1;
        }
        if (session_rejoin(session, err) < 0) {
            return -1;
        }
    }
    return 1;
}
