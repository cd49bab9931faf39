/* SPDX-License-Identifier: Apache-2.0
 * Approvals: what waits for people, on what evidence, and their word.
 */
#include "api/approve_page.h"
#include "api/sluice/routes.h"
#include "api/user_rights.h"
#include "base/parse.h"
#include "engine/engine.h"
#include "run/approval.h"
#include "store/approval_links.h"
#include "store/pages.h"
#include "store/voices.h"
#include "store/waits.h"

static const char *const wait_states[] = {"open", "met", "rejected", "expired", "withdrawn", "void", NULL};
static const char *const listed_states[] = {"open", "all", NULL};
static const char *const decisions[] = {"approve", "reject", NULL};
static const char *const logins[] = {"system", "server", "tag", "link", NULL};

/* ---- what an approval is ---------------------------------------------------------------------------------------- */

struct vote_answer {
    const char *actor, *login, *on_behalf_of, *decision, *reason;
    struct json groups;
    int64_t at_ms;
};
static const struct schema_field vote_fields[] = {
    {"actor", FIELD_TEXT(struct vote_answer, actor)},
    {"login", FIELD_TEXT(struct vote_answer, login), .words = logins,
     .doc = "how the actor is known: to the machine, to this server, by a tag that he set here, or by a link for him"},
    {"on_behalf_of", FIELD_TEXT(struct vote_answer, on_behalf_of), SCHEMA_NULLABLE,
     .doc = "whose voice it is, by a delegation"},
    {"decision", FIELD_TEXT(struct vote_answer, decision), .words = decisions},
    {"reason", FIELD_TEXT(struct vote_answer, reason)},
    {"groups", FIELD_JSON(TEXTS, struct vote_answer, groups), .doc = "of whose voice it is, then"},
    {"at", FIELD_TIME(struct vote_answer, at_ms)},
    {0},
};
static const struct schema vote_schema = {"Vote", vote_fields, NULL};

static const struct schema_field evidence_fields[] = {
    {"kind", .type = SCHEMA_TEXT}, {"id", .type = SCHEMA_TEXT}, {"sha256", .type = SCHEMA_TEXT}, {0}};
static const struct schema evidence_schema = {"Evidence", evidence_fields,
                                              "One thing that the approval is bound to: if it is another when the "
                                              "approval is used, that is void."};

struct approval_answer {
    const char *approval_id, *run_id, *run, *step, *status, *of, *message, *missing, *evidence_sha256, *starter;
    int64_t item, created_ms, expires_ms, ended_ms;
    bool may_decide;
    struct json by, not_by, authors, votes, evidence;
    const struct json *spec; /* is not told */
};
#define APPROVAL_FIELDS                                                                                                \
    {"approval_id", FIELD_TEXT(struct approval_answer, approval_id), .pattern = REST_ID_PATTERN},                      \
        {"run_id", FIELD_TEXT(struct approval_answer, run_id), .pattern = REST_RUN_ID_PATTERN},                        \
        {"run", FIELD_TEXT(struct approval_answer, run), .doc = "PIPELINE/NUMBER"},                                    \
        {"step", FIELD_TEXT(struct approval_answer, step)},                                                            \
        {"item", FIELD_INT(struct approval_answer, item), .doc = "of the step's matrix; 0 without one"},               \
        {"status", FIELD_TEXT(struct approval_answer, status), .words = wait_states},                                  \
        {"of", FIELD_TEXT(struct approval_answer, of), SCHEMA_NULLABLE, .doc = "the model that it is about"},          \
        {"message", FIELD_TEXT(struct approval_answer, message), SCHEMA_NULLABLE},                                     \
        {"by", FIELD_JSON(ANY, struct approval_answer, by),                                                            \
         .doc = "who may decide, as the pipeline says; null: anybody who may use the run's experiment"},               \
        {"not_by", FIELD_JSON(ANY, struct approval_answer, not_by), .doc = "who may not"},                             \
        {"authors", FIELD_JSON(TEXTS, struct approval_answer, authors)},                                               \
        {"starter", FIELD_TEXT(struct approval_answer, starter), SCHEMA_NULLABLE, .doc = "of the run"},                \
        {"may_decide", FIELD_BOOL(struct approval_answer, may_decide),                                                 \
         .doc = "who asks is one of those, or decides in the place of one, and whose voice it is may do so here"},     \
        {"missing", FIELD_TEXT(struct approval_answer, missing), .doc = "what is missing still, in words"},            \
        {"votes", FIELD_JSON(LIST, struct approval_answer, votes), .of = &vote_schema},                                \
        {"evidence_sha256", FIELD_TEXT(struct approval_answer, evidence_sha256)},                                      \
        {"requested_at", FIELD_TIME(struct approval_answer, created_ms)},                                              \
        {"expires_at", FIELD_TIME(struct approval_answer, expires_ms), SCHEMA_NULLABLE},                               \
    {                                                                                                                  \
        "ended_at", FIELD_TIME(struct approval_answer, ended_ms), SCHEMA_NULLABLE                                      \
    }
static const struct schema_field approval_fields[] = {APPROVAL_FIELDS, {0}};
static const struct schema approval_schema = {"Approval", approval_fields, NULL};
static const struct schema_field whole_fields[] = {
    APPROVAL_FIELDS, {"evidence", FIELD_JSON(LIST, struct approval_answer, evidence), .of = &evidence_schema}, {0}};
static const struct schema whole_schema = {"ApprovalDetails", whole_fields, NULL};

static struct json value_or(const struct json *value, struct json otherwise)
{
    return value == NULL ? otherwise : *value;
}

/* The votes, and what they are to the rules of approvals. */
static int read_votes(struct api_call *call, int64_t wait, struct json *ret_list, struct approval_vote **ret_pure,
                      size_t *ret_count, struct err *err)
{
    struct vote *votes = NULL;
    *ret_list = json_array();
    if (store_vote_voices(call->store, wait, call->arena, &votes, ret_pure, ret_count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < *ret_count; i++) {
        struct vote_answer vote = {votes[i].actor,  votes[i].login,          votes[i].on_behalf_of, votes[i].decision,
                                   votes[i].reason, *(*ret_pure)[i].groups, votes[i].at_ms};
        json_push(call->arena, ret_list, schema_write(&vote_schema, &vote, call->arena));
    }
    return 0;
}

/* ---- who may decide it ------------------------------------------------------------------------------------------ */

/* What deciding takes here, of whoever's voice it is. */
static const struct api_need decides = API_NEEDS(APPROVER, USE, ITSELF);

struct barring {
    struct api_call *call;
    const char *run_id;
};

/* Whose voice is used must be allowed here what he would need himself: a giver who has no login is one of the machine,
 * and has the home. On the loop: apart from it nobody's rights are known. */
static const char *bars(void *ctx, const char *person)
{
    const struct barring *barring = ctx;
    struct api_call *call = barring->call;
    const struct auth_who *asks = call->who;
    struct auth_who giver;
    struct err wrong = {0};
    bool himself = strcmp(person, rest_actor(call)) == 0;
    if (asks == NULL) {
        return himself ? "who asks is not known" : NULL;
    }
    if (!himself && !auth_find(call->auth, str_from(person), call->arena, &giver)) {
        return NULL;
    }
    call->who = himself ? asks : &giver;
    bool may = user_check_scope(call, &decides, &wrong) == 0 &&
               user_check_owned(call, OWNED_RUN, barring->run_id, PERMISSION_USE, &wrong) == 0;
    call->who = asks;
    return may ? NULL : arena_strdup(call->arena, wrong.message);
}

struct decidable {
    bool may;  /* his word is accepted */
    bool adds; /* and he has not said it yet */
};

/* May he decide it, himself or in the place of whoever has delegated it to him? Apart from the loop, `barring` is NULL:
 * then he may not if the answer is no, and is to be asked again there if it is yes. */
static int ask_decidable(struct api_call *call, int64_t wait, const struct json *spec, struct barring *barring,
                         struct decidable *ret, struct err *err)
{
    struct json groups = rest_groups(call);
    struct err wrong = {0};
    struct voice voice = {0};
    const struct voice_asked asked = {.spec = spec,
                                      .actor = rest_actor(call),
                                      .groups = &groups,
                                      .configured = call->groups,
                                      .now_ms = call->now_ms,
                                      .wait = wait,
                                      .bars = barring == NULL ? NULL : bars,
                                      .bars_ctx = barring};
    bool may = call->is_approver && store_voice_find(call->store, &asked, call->arena, &voice, &wrong) == 0;
    *ret = (struct decidable){.may = may, .adds = may && !voice.said};
    return wrong.code == ERR_NONE || wrong.code == ERR_DENIED ? 0 : err_set(err, wrong.code, "%s", wrong.message);
}

/* ---- reading it ------------------------------------------------------------------------------------------------- */

static int approval_of(struct api_call *call, int64_t id, struct approval_answer *ret, struct err *err)
{
    struct arena *arena = call->arena;
    struct wait_row wait;
    struct pipeline_run run;
    struct json *spec = arena_one(arena, struct json);
    struct approval_vote *votes = NULL;
    size_t count = 0;
    char label[32];
    if (store_wait_get(call->store, id, arena, &wait, err) < 0 ||
        store_pipeline_run_get(call->store, wait.run_id, arena, &run, err) < 0 ||
        json_read(str_from(wait.spec), (struct json_limits){0}, arena, spec, err) < 0) {
        return -1;
    }
    if (strcmp(wait.kind, "approval") != 0) {
        return err_set(err, ERR_NOT_FOUND, "no approval %lld", (long long)id);
    }
    pipeline_run_label(&run, label);
    *ret = (struct approval_answer){
        .approval_id = arena_printf(arena, "%lld", (long long)id),
        .run_id = wait.run_id,
        .run = arena_printf(arena, "%s/%s", run.pipeline, label),
        .step = json_get_text(spec, "step", ""),
        .status = wait.status,
        .of = json_get_text(spec, "of", NULL),
        .message = json_get_text(spec, "message", NULL),
        .evidence_sha256 = json_get_text(spec, "sha256", ""),
        .starter = json_get_text(spec, "starter", NULL),
        .item = wait.item,
        .created_ms = wait.created_ms,
        .expires_ms = wait.expires_ms,
        .ended_ms = wait.ended_ms,
        .by = value_or(json_get(spec, "by"), json_null()),
        .not_by = value_or(json_get(spec, "not_by"), json_null()),
        .authors = value_or(json_get(spec, "authors"), json_array()),
        .evidence = value_or(json_get(spec, "manifest"), json_array()),
    };
    bool open = strcmp(wait.status, "open") == 0;
    bool apart = call->work != NULL;
    struct barring barring = {call, wait.run_id};
    struct decidable decidable = {0};
    if ((open && ask_decidable(call, id, spec, apart ? NULL : &barring, &decidable, err) < 0) ||
        read_votes(call, id, &ret->votes, &votes, &count, err) < 0) {
        return -1;
    }
    ret->spec = spec;
    ret->may_decide = decidable.may;
    ret->missing = open ? approval_missing(spec, votes, count, arena) : "";
    return 0;
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static const struct schema_field page_fields[] = {
    {"approvals", FIELD_JSON(LIST, struct rest_page, items), .of = &approval_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Approvals", page_fields, NULL};
static const struct schema_field list_fields[] = {
    {.name = "mine", .type = SCHEMA_BOOL, .flags = SCHEMA_IN_QUERY,
     .doc = "true: only those that are open, that who asks may decide, and that wait for his word still"},
    {.name = "status", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = listed_states,
     .doc = "open (the default), or all"},
    {.name = "run_id", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .pattern = REST_RUN_ID_PATTERN},
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};

/* A page of what was found apart from the loop. */
struct found {
    struct approval_answer *items;
    size_t count;
    bool mine;
    const char *next_page_token;
};

static void tell_found(struct api_call *call, const struct found *found, const bool *wanted)
{
    struct rest_page answer = {.items = json_array(), .next_page_token = found->next_page_token};
    for (size_t i = 0; i < found->count; i++) {
        if (wanted == NULL || wanted[i]) {
            json_push(call->arena, &answer.items, schema_write(&approval_schema, &found->items[i], call->arena));
        }
    }
    call->answer = schema_write(&page_schema, &answer, call->arena);
}

/* On the loop, of those that he may decide by what the store says: rights are known here. */
static int confirm(struct api_call *call, struct err *err)
{
    struct found *found = rest_ctx(call);
    bool *adds = arena_array(call->arena, found->count, sizeof *adds);
    for (size_t i = 0; i < found->count; i++) {
        struct approval_answer *item = &found->items[i];
        struct barring barring = {call, item->run_id};
        struct decidable decidable = {0};
        int64_t id = 0;
        if (parse_int(str_from(item->approval_id), 1, INT64_MAX, &id, err) < 0 ||
            (item->may_decide && ask_decidable(call, id, item->spec, &barring, &decidable, err) < 0)) {
            return -1;
        }
        item->may_decide = decidable.may;
        adds[i] = decidable.adds;
    }
    tell_found(call, found, found->mine ? adds : NULL);
    return 0;
}

/* A page may be shorter than its limit, with more behind it: some that were looked at were not wanted. */
static int list_approvals(struct api_call *call, struct err *err)
{
    bool mine = json_get_bool(&call->params, "mine", false);
    struct wait_page page = {
        .reader = call->reader,
        .run_id = json_get_text(&call->params, "run_id", NULL),
        .open = mine || strcmp(json_get_text(&call->params, "status", "open"), "open") == 0,
        .after = rest_page_id(call),
        .limit = rest_limit(call),
    };
    int64_t *ids = NULL;
    size_t count = 0;
    size_t decidable = 0;
    struct found *found = arena_one(call->arena, struct found);
    if (store_approval_page(call->store, &page, call->arena, &ids, &count, err) < 0) {
        return -1;
    }
    *found = (struct found){.items = arena_array(call->arena, count, sizeof *found->items), .mine = mine};
    for (size_t i = 0; i < count; i++) {
        struct approval_answer *approval = &found->items[found->count];
        if (approval_of(call, ids[i], approval, err) < 0) {
            return -1;
        }
        decidable += approval->may_decide ? 1 : 0;
        found->count += !mine || approval->may_decide ? 1 : 0;
    }
    found->next_page_token = count == page.limit ? arena_printf(call->arena, "%lld", (long long)ids[count - 1]) : NULL;
    if (decidable == 0) {
        tell_found(call, found, NULL);
        return 0;
    }
    rest_keep(call, found, NULL);
    rest_then(call, confirm);
    return 0;
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

#define APPROVAL_ID                                                                                                    \
    {.name = "approval_id", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .pattern = REST_ID_PATTERN}
static const struct schema_field one_fields[] = {APPROVAL_ID, {0}};

/* Whose run it is, is found out here: on the loop. */
static int check(struct api_call *call, enum permission needed, struct wait_row *ret, struct err *err)
{
    int64_t id = rest_id(call, "approval_id");
    struct err none = {0};
    if (store_wait_get(call->store, id, call->arena, ret, &none) < 0 || strcmp(ret->kind, "approval") != 0) {
        return none.code == ERR_NONE || none.code == ERR_NOT_FOUND
                   ? err_set(err, ERR_NOT_FOUND, "no approval %lld", (long long)id)
                   : err_set(err, none.code, "%s", none.message);
    }
    return user_check_owned(call, OWNED_RUN, ret->run_id, needed, err);
}

static int get_approval(struct api_call *call, struct err *err)
{
    struct wait_row wait;
    struct approval_answer approval;
    if (check(call, PERMISSION_READ, &wait, err) < 0 || approval_of(call, wait.id, &approval, err) < 0) {
        return -1;
    }
    call->answer = schema_write(&whole_schema, &approval, call->arena);
    return 0;
}

/* ---- a word ----------------------------------------------------------------------------------------------------- */

struct outcome_answer {
    const char *status, *missing, *run, *step, *actor;
    bool repeated;
};
static const struct schema_field outcome_fields[] = {
    {"status", FIELD_TEXT(struct outcome_answer, status), .words = wait_states, .doc = "of the approval now"},
    {"missing", FIELD_TEXT(struct outcome_answer, missing), .doc = "what is missing still, in words"},
    {"run", FIELD_TEXT(struct outcome_answer, run), .doc = "PIPELINE/NUMBER"},
    {"step", FIELD_TEXT(struct outcome_answer, step)},
    {"actor", FIELD_TEXT(struct outcome_answer, actor), .doc = "whose word it was"},
    {"repeated", FIELD_BOOL(struct outcome_answer, repeated), .doc = "it was said before: nobody counts twice"},
    {0},
};
static const struct schema outcome_schema = {"VoteOutcome", outcome_fields, NULL};

static int tell_outcome(struct api_call *call, void *ctx, struct err *err)
{
    const struct json *outcome = ctx;
    (void)err;
    struct outcome_answer answer = {
        .status = json_get_text(outcome, "status", "open"),
        .missing = json_get_text(outcome, "missing", ""),
        .run = json_get_text(outcome, "run", ""),
        .step = json_get_text(outcome, "step", ""),
        .actor = rest_actor(call),
        .repeated = json_get_bool(outcome, "repeated", false),
    };
    call->answer = schema_write(&outcome_schema, &answer, call->arena);
    return 0;
}

static int decide(struct api_call *call, bool approve, struct err *err)
{
    struct wait_row wait;
    struct json *outcome = arena_one(call->arena, struct json);
    if (check(call, PERMISSION_USE, &wait, err) < 0) {
        return -1;
    }
    if (strcmp(wait.status, "open") != 0) {
        return err_set(err, ERR_STATE, "approval %lld is %s: there is nothing to decide", (long long)wait.id,
                       wait.status);
    }
    struct barring barring = {call, wait.run_id};
    struct engine_vote vote = {
        .run_id = wait.run_id,
        .wait = wait.id,
        .actor = rest_actor(call),
        .groups = rest_groups(call),
        .approve = approve,
        .login = "server", /* who has none is refused before */
        .reason = json_get_text(&call->params, "reason", NULL),
        .bars = bars,
        .bars_ctx = &barring,
    };
    rest_told(call, tell_outcome, outcome);
    return engine_vote(api_options_of(call->api)->engine, &vote, outcome, call->arena, err);
}

static int approve(struct api_call *call, struct err *err)
{
    return decide(call, true, err);
}

static int reject(struct api_call *call, struct err *err)
{
    return decide(call, false, err);
}

static const struct schema_field approve_fields[] = {
    APPROVAL_ID, {.name = "reason", .type = SCHEMA_TEXT, .doc = "why, for the record"}, {0}};
static const struct schema_field reject_fields[] = {
    APPROVAL_ID,
    {.name = "reason", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1,
     .doc = "why: whoever made the model wants to know"},
    {0},
};

/* ---- links ------------------------------------------------------------------------------------------------------- */

struct link_answer {
    const char *link_id, *url, *person;
    int64_t expires_ms;
};
static const struct schema_field link_fields[] = {
    {"link_id", FIELD_TEXT(struct link_answer, link_id), .pattern = REST_ID_PATTERN},
    {"url", FIELD_TEXT(struct link_answer, url), .doc = "shown this once: whoever has it decides in that name"},
    {"for", FIELD_TEXT(struct link_answer, person)},
    {"expires_at", FIELD_TIME(struct link_answer, expires_ms)},
    {0},
};
static const struct schema link_schema = {"ApprovalLink", link_fields, NULL};
static const struct schema_field make_link_fields[] = {
    APPROVAL_ID,
    {.name = "for", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1, .most = 128,
     .doc = "whose word it is: somebody who may decide this himself"},
    {.name = "seconds", .type = SCHEMA_INT, .least = 60, .most = 2592000,
     .doc = "how long it is good, at most until the approval expires; a day when it is not given"},
    {0},
};

static int make_link(struct api_call *call, struct err *err)
{
    const char *url = api_options_of(call->api)->external_url;
    char token[APPROVAL_LINK_TOKEN_BYTES];
    struct approval_link link;
    struct wait_row wait;
    const struct approval_link_offer offer = {
        .wait = rest_id(call, "approval_id"),
        .person = json_get_text(&call->params, "for", ""),
        .made_by = rest_actor(call),
        .for_ms = json_get_int(&call->params, "seconds", 86400) * 1000,
        .now_ms = call->now_ms,
    };
    if (check(call, PERMISSION_READ, &wait, err) < 0) {
        return -1;
    }
    if (call->key != NULL) {
        return err_set(err, ERR_INPUT, "a link is kept nowhere, and so is not given twice: ask without an "
                                       "Idempotency-Key");
    }
    if (url == NULL) {
        return err_set(err, ERR_STATE, "config.yaml does not say by which address people reach this server "
                                       "('external_url')");
    }
    struct barring barring = {call, wait.run_id};
    const char *why = strcmp(offer.person, offer.made_by) == 0 ? NULL : bars(&barring, offer.person);
    if (why != NULL) {
        return err_set(err, ERR_INPUT, "a link is of no use to '%s': %s", offer.person, why);
    }
    if (store_begin(call->store, err) < 0) {
        return -1;
    }
    if (store_approval_link_make(call->store, &offer, call->arena, token, &link, err) < 0) {
        store_rollback(call->store);
        if (err->code == ERR_NOT_FOUND) { /* of the person, not of the approval */
            err->code = ERR_INPUT;
        }
        return -1;
    }
    struct link_answer answer = {
        .link_id = arena_printf(call->arena, "%lld", (long long)link.id),
        .url = arena_printf(call->arena, "%s%s%s", url, APPROVE_PAGE_PREFIX, token),
        .person = link.person,
        .expires_ms = link.expires_ms,
    };
    call->answer = schema_write(&link_schema, &answer, call->arena);
    return store_commit(call->store, err);
}

const struct api_route rest_approval_routes[] = {
    {HTTP_GET, "/approvals", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listApprovals",
                                      .group = "Approvals",
                                      .summary = "What waits for people, oldest first",
                                      .details = "With mine a page may have fewer than its limit, and more behind it: "
                                                 "the last page has no next_page_token.",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_approvals},
    {HTTP_GET, "/approvals/{approval_id}", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ITSELF),
     REST_DOC(.name = "getApproval",
                                      .group = "Approvals",
                                      .summary = "An approval with the evidence that it is bound to",
                                      .takes = one_fields,
                                      .gives = &whole_schema),
     .answer = get_approval},
    {HTTP_POST, "/approvals/{approval_id}/approve", API_SLUICE, API_WRITES, API_NEEDS(APPROVER, USE, ITSELF),
     REST_DOC(.name = "approve",
                                      .group = "Approvals",
                                      .summary = "Let what waits go on, as far as one's word counts",
                                      .details = "Only for who has logged in, with the permission USE on the run's "
                                                 "experiment, and whom the pipeline lets decide.",
                                      .takes = approve_fields,
                                      .gives = &outcome_schema,
                                      .flags = REST_COMMANDS | REST_NAMED),
     .answer = approve,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/approvals/{approval_id}/reject", API_SLUICE, API_WRITES, API_NEEDS(APPROVER, USE, ITSELF),
     REST_DOC(.name = "reject",
                                      .group = "Approvals",
                                      .summary = "Refuse it: the step fails, and the run's verdict is refused",
                                      .takes = reject_fields,
                                      .gives = &outcome_schema,
                                      .flags = REST_COMMANDS | REST_NAMED),
     .answer = reject,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/approvals/{approval_id}/links", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN),
     REST_DOC(.name = "makeApprovalLink",
                                      .group = "Approvals",
                                      .summary = "A link by which somebody may decide once, without a login",
                                      .details = "For admins, who are not excluded from deciding themselves: whoever "
                                                 "has the link could use it. A newer one for the same person takes its "
                                                 "place. With an Idempotency-Key it is refused.",
                                      .takes = make_link_fields,
                                      .gives = &link_schema,
                                      .status = 201,
                                      .flags = REST_COMMANDS | REST_NAMED),
     .answer = make_link,
     .note = API_NOTED_INSIDE},
    {0},
};
