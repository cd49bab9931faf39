/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/govern.h"

#include "base/clock.h"
#include "base/parse.h"
#include "evidence/evidence.h"
#include "store/activity.h"
#include "store/approval_links.h"
#include "store/channels.h"
#include "store/delegations.h"
#include "store/model_subscriptions.h"
#include "store/pipeline_runs.h"
#include "store/rollback.h"
#include "store/waits.h"

enum { DELIVER_MS = 3000 };

/* A wish, while it is obeyed. */
struct govern {
    struct store *store;
    const struct telling_rules *telling;
    const struct json *request;
    const char *actor;
    const struct json *groups;
    struct arena *arena;
    int64_t now_ms;
};

static const char *text_of(const struct govern *g, const char *key)
{
    return json_get_text(g->request, key, "");
}

/* ---- each wish -------------------------------------------------------------------------------------------------- */

static int roll_back(const struct govern *g, struct json *ret, struct err *err)
{
    const struct rollback wish = {.model = text_of(g, "model"),
                                  .alias = text_of(g, "alias"),
                                  .actor = g->actor,
                                  .reason = json_get_text(g->request, "reason", NULL),
                                  .dry = json_get_bool(g->request, "dry", false)};
    struct rollback_outcome outcome;
    if (store_alias_rollback(g->store, &wish, g->now_ms, g->arena, &outcome, err) < 0) {
        return -1;
    }
    const struct alias_move *to = &outcome.to;
    json_set(g->arena, ret, "from", outcome.from == 0 ? json_null() : json_int(outcome.from));
    json_set(g->arena, ret, "to", json_int(to->to_version));
    json_set(g->arena, ret, "model_id", to->model_id == NULL ? json_null() : json_cstring(g->arena, to->model_id));
    json_set(g->arena, ret, "since_ms", json_int(to->at_ms));
    json_set(g->arena, ret, "by", json_cstring(g->arena, to->actor));
    json_set(g->arena, ret, "standing", json_cstring(g->arena, to->standing));
    json_set(g->arena, ret, "approvals", to->approvals);
    json_set(g->arena, ret, "moved", json_bool(!wish.dry));
    return 0;
}

static int comment(const struct govern *g, struct json *ret, struct err *err)
{
    (void)ret;
    struct comment row = {.name = text_of(g, "model"),
                          .version = json_get_int(g->request, "version", 0),
                          .actor = g->actor,
                          .text = text_of(g, "text"),
                          .at_ms = g->now_ms};
    return store_comment_add(g->store, &row, err);
}

static int delegate(const struct govern *g, struct json *ret, struct err *err)
{
    struct delegation row = {.giver = g->actor,
                             .giver_groups = *g->groups,
                             .taker = text_of(g, "to"),
                             .model = text_of(g, "model"),
                             .reason = text_of(g, "reason"),
                             .created_ms = g->now_ms,
                             .until_ms = json_get_int(g->request, "until_ms", 0)};
    if (*row.taker == '\0') {
        return err_set(err, ERR_INPUT, "to whom? --to NAME says it");
    }
    if (store_delegation_add(g->store, &row, err) < 0) {
        return -1;
    }
    json_set(g->arena, ret, "id", json_int(row.id));
    return 0;
}

static int undelegate(const struct govern *g, struct json *ret, struct err *err)
{
    (void)ret;
    return store_delegation_end(g->store, json_get_int(g->request, "id", 0), g->actor, g->now_ms, err);
}

static int evidence(const struct govern *g, struct json *ret, struct err *err)
{
    (void)ret;
    return evidence_note(g->store, text_of(g, "model"), json_get_int(g->request, "version", 0), text_of(g, "sha256"),
                         g->actor, g->now_ms, err);
}

/* The open approval of a run, of a step if one is named. */
static int find_asked(const struct govern *g, const struct pipeline_run *run, struct wait_row *ret, struct err *err)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    size_t found = 0;
    const char *step = json_get_text(g->request, "step", NULL);
    const char *names = "";
    if (store_wait_list(g->store, run->run_id, false, g->arena, &waits, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json spec = json_null();
        (void)json_read(str_from(waits[i].spec), (struct json_limits){0}, g->arena, &spec, NULL);
        const char *id = json_get_text(&spec, "step", "");
        if (strcmp(waits[i].kind, "approval") == 0 && (step == NULL || strcmp(step, id) == 0)) {
            *ret = waits[i];
            names = arena_printf(g->arena, "%s%s%s", names, found++ == 0 ? "" : ", ", id);
        }
    }
    if (found == 0) {
        return err_set(err, ERR_STATE, "%s waits for no approval%s%s", text_of(g, "run"),
                       step == NULL ? "" : " at step ", step == NULL ? "" : step);
    }
    return found == 1 ? 0 : err_set(err, ERR_INPUT, "%s waits for %zu approvals: name the step (%s)",
                                    text_of(g, "run"), found, names);
}

static int make_link(const struct govern *g, struct json *ret, struct err *err)
{
    struct pipeline_run run;
    struct wait_row wait = {0};
    struct approval_link link;
    char token[APPROVAL_LINK_TOKEN_BYTES];
    if (store_pipeline_run_find(g->store, text_of(g, "run"), g->arena, &run, err) < 0 ||
        find_asked(g, &run, &wait, err) < 0) {
        return -1;
    }
    const struct approval_link_offer offer = {.wait = wait.id,
                                              .person = text_of(g, "for"),
                                              .made_by = g->actor,
                                              .for_ms = json_get_int(g->request, "for_ms", 0),
                                              .now_ms = g->now_ms};
    if (store_approval_link_make(g->store, &offer, g->arena, token, &link, err) < 0) {
        return -1;
    }
    json_set(g->arena, ret, "id", json_int(link.id));
    json_set(g->arena, ret, "token", json_cstring(g->arena, token));
    json_set(g->arena, ret, "expires_ms", json_int(link.expires_ms));
    return 0;
}

static int enable_channel(const struct govern *g, struct json *ret, struct err *err)
{
    const char *name = text_of(g, "channel");
    const struct activity entry = {
        .at_ms = g->now_ms,
        .actor = g->actor,
        .action = "channel.enabled",
        .object = arena_printf(g->arena, "channel %s", name),
        .object_id = name,
        .from_state = "disabled",
        .to_state = "",
        .reason = "",
        .evidence_sha256 = "",
    };
    (void)ret;
    return store_channel_enable(g->store, name, err) < 0 ? -1 : store_activity_append(g->store, &entry, err);
}

static int subscribe(const struct govern *g, struct json *ret, struct err *err)
{
    struct model_subscription row = {.name = text_of(g, "model"),
                                     .version = json_get_int(g->request, "version", 0),
                                     .actor = g->actor,
                                     .channel = text_of(g, "channel"),
                                     .address = text_of(g, "address"),
                                     .created_ms = g->now_ms};
    if (store_model_subscribe(g->store, g->telling, &row, err) < 0) {
        return -1;
    }
    json_set(g->arena, ret, "id", json_int(row.id));
    json_set(g->arena, ret, "confirmed", json_bool(row.confirmed));
    json_set(g->arena, ret, "confirm_by_ms", row.confirm_by_ms == 0 ? json_null() : json_int(row.confirm_by_ms));
    return 0;
}

static int unsubscribe(const struct govern *g, struct json *ret, struct err *err)
{
    (void)ret;
    return store_model_unsubscribe(g->store, json_get_int(g->request, "id", 0), g->actor, false, g->now_ms, err);
}

static const struct {
    const char *name;
    int (*obey)(const struct govern *g, struct json *ret, struct err *err);
} wishes[] = {
    {"rollback", roll_back}, {"comment", comment},   {"delegate", delegate},
    {"undelegate", undelegate}, {"evidence", evidence}, {"link", make_link}, {"subscribe", subscribe},
    {"unsubscribe", unsubscribe}, {"enable-channel", enable_channel},
};

static int obey(const struct govern *g, struct json *ret, struct err *err)
{
    const char *what = text_of(g, "do");
    *ret = json_object();
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        if (strcmp(wishes[i].name, what) == 0) {
            return wishes[i].obey(g, ret, err);
        }
    }
    return err_set(err, ERR_INPUT, "this sluice does not know how to '%s'", what);
}

int govern_obey(struct store *store, const struct telling_rules *telling, const struct json *request,
                const char *actor, const struct json *groups, struct arena *arena, struct json *ret_outcome,
                struct err *err)
{
    const struct govern g = {store, telling, request, actor, groups, arena, clock_wall_ms(&clock_system)};
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (obey(&g, ret_outcome, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

struct json govern_request(struct arena *arena, const char *what)
{
    struct json request = json_object();
    json_set(arena, &request, "do", json_cstring(arena, what));
    return request;
}

int govern_ask(struct cli *cli, const char *doing, const struct json *request, struct json *ret_outcome,
               struct err *err)
{
    struct session_options options = {.doing = doing, .starts_nothing = true};
    struct session session;
    if (session_join(cli, &options, &session, err) < 0) {
        return -1;
    }
    int result = session_ask_holder(&session, "govern", request, ret_outcome, err);
    if (result > 0) {
        result = govern_obey(session.home.store, engine_telling(session.engine), request, session.actor,
                             &session.groups, cli->arena, ret_outcome, err);
        if (result == 0) {
            engine_deliver(session.engine, DELIVER_MS); /* what webhooks are told of it */
        }
    }
    session_close(&session);
    return result;
}
