/* SPDX-License-Identifier: Apache-2.0
 * Who may decide about approvals in whose place, until when.
 */
#include "store/delegations.h"

#include "api/sluice/routes.h"
#include "base/clock.h"

static const char *const states[] = {"in force", "over", "taken back", NULL};

struct delegation_answer {
    const char *delegation_id, *by, *to, *model, *reason, *state;
    int64_t since_ms, until_ms, ended_ms;
};
static const struct schema_field delegation_fields[] = {
    {"delegation_id", FIELD_TEXT(struct delegation_answer, delegation_id), .pattern = REST_ID_PATTERN},
    {"by", FIELD_TEXT(struct delegation_answer, by), .doc = "whose voice it is"},
    {"to", FIELD_TEXT(struct delegation_answer, to), .doc = "who may use it"},
    {"model", FIELD_TEXT(struct delegation_answer, model), .doc = "a glob of registered models; *: whatever is asked"},
    {"reason", FIELD_TEXT(struct delegation_answer, reason)},
    {"state", FIELD_TEXT(struct delegation_answer, state), .words = states},
    {"since", FIELD_TIME(struct delegation_answer, since_ms)},
    {"until", FIELD_TIME(struct delegation_answer, until_ms)},
    {"taken_back_at", FIELD_TIME(struct delegation_answer, ended_ms), SCHEMA_NULLABLE},
    {0},
};
static const struct schema delegation_schema = {"Delegation", delegation_fields, NULL};
static const struct schema_field page_fields[] = {
    {"delegations", FIELD_JSON(LIST, struct rest_page, items), .of = &delegation_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Delegations", page_fields, NULL};
static const struct schema_field list_takes[] = {
    {.name = "in_force", .type = SCHEMA_BOOL, .flags = SCHEMA_IN_QUERY,
     .doc = "true: only those by which somebody may decide now"},
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};
static const struct schema_field delegate_takes[] = {
    {.name = "to", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1, .most = 128, .doc = "who may decide"},
    {.name = "until", .type = SCHEMA_TIME, .flags = SCHEMA_REQUIRED, .doc = "when it ends by itself"},
    {.name = "model", .type = SCHEMA_TEXT, .least = 1, .most = 1000,
     .doc = "a glob: only of these registered models; whatever is asked when it is not given"},
    {.name = "reason", .type = SCHEMA_TEXT, .doc = "why, for the record"},
    {0},
};
static const struct schema_field one_takes[] = {{.name = "delegation_id",
                                                 .type = SCHEMA_TEXT,
                                                 .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,
                                                 .pattern = REST_ID_PATTERN},
                                                {0}};

static struct json delegation_json(const struct delegation *row, int64_t now_ms, struct arena *arena)
{
    const struct delegation_answer answer = {
        .delegation_id = arena_printf(arena, "%lld", (long long)row->id),
        .by = row->giver,
        .to = row->taker,
        .model = row->model,
        .reason = row->reason,
        .state = row->ended_ms != 0 ? states[2] : row->until_ms <= now_ms ? states[1] : states[0],
        .since_ms = row->created_ms,
        .until_ms = row->until_ms,
        .ended_ms = row->ended_ms,
    };
    return schema_write(&delegation_schema, &answer, arena);
}

/* Those that he has given or got; of all to an admin, and where nobody is asked who he is. */
static bool concerns(const struct api_call *call, const struct delegation *row)
{
    const char *actor = rest_actor(call);
    return !call->is_named || call->is_admin || strcmp(row->giver, actor) == 0 || strcmp(row->taker, actor) == 0;
}

static int list_delegations(struct api_call *call, struct err *err)
{
    struct delegation *rows = NULL;
    size_t count = 0;
    size_t limit = rest_limit(call);
    int64_t before = json_get(&call->params, "page_token") == NULL ? INT64_MAX : rest_page_id(call);
    int64_t now_ms = clock_wall_ms(&clock_system);
    int64_t at_ms = json_get_bool(&call->params, "in_force", false) ? now_ms : 0;
    struct rest_page page = {.items = json_array()};
    if (store_delegation_list(call->store, NULL, at_ms, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count && page.next_page_token == NULL; i++) {
        if (rows[i].id >= before || !concerns(call, &rows[i])) {
            continue;
        }
        json_push(call->arena, &page.items, delegation_json(&rows[i], now_ms, call->arena));
        page.next_page_token = page.items.u.array.count == limit
                                   ? arena_printf(call->arena, "%lld", (long long)rows[i].id)
                                   : NULL;
    }
    call->answer = schema_write(&page_schema, &page, call->arena);
    return 0;
}

static int delegate_in_turn(struct api_call *call, struct err *err)
{
    struct delegation row = {.giver = rest_actor(call),
                             .giver_groups = rest_groups(call),
                             .taker = json_get_text(&call->params, "to", ""),
                             .model = json_get_text(&call->params, "model", "*"),
                             .reason = json_get_text(&call->params, "reason", ""),
                             .created_ms = call->now_ms,
                             .until_ms = json_get_int(&call->params, "until", 0)};
    if (store_delegation_add(call->store, &row, err) < 0) {
        return -1;
    }
    call->answer = delegation_json(&row, call->now_ms, call->arena);
    return 0;
}

static int delegate(struct api_call *call, struct err *err)
{
    return rest_transact(call, delegate_in_turn, err);
}

static int end_in_turn(struct api_call *call, struct err *err)
{
    struct delegation row;
    int64_t id = rest_id(call, "delegation_id");
    int found = store_delegation_find(call->store, id, call->arena, &row, err);
    if (found < 0) {
        return -1;
    }
    if (found == 0 || !concerns(call, &row)) {
        return err_set(err, ERR_NOT_FOUND, "there is no delegation %lld", (long long)id);
    }
    if (store_delegation_end(call->store, id, rest_actor(call), call->now_ms, err) < 0) {
        return -1;
    }
    row.ended_ms = call->now_ms;
    call->answer = delegation_json(&row, call->now_ms, call->arena);
    return 0;
}

static int end(struct api_call *call, struct err *err)
{
    return rest_transact(call, end_in_turn, err);
}

const struct api_route rest_delegation_routes[] = {
    {HTTP_GET, "/delegations", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listDelegations",
                                      .group = "Approvals",
                                      .summary = "Who may decide in whose place, until when: newest first",
                                      .details = "One's own, given and got; an admin sees all.",
                                      .takes = list_takes,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_delegations},
    {HTTP_POST, "/delegations", API_SLUICE, API_WRITES, API_NEEDS(APPROVER, READ, ANYBODY),
     REST_DOC(.name = "delegate",
                                      .group = "Approvals",
                                      .summary = "Let somebody else approve and reject in one's place, for a time",
                                      .details = "The word is the giver's, counts once, and the record names both. It "
                                                 "cannot be passed on.",
                                      .takes = delegate_takes,
                                      .gives = &delegation_schema,
                                      .status = 201,
                                      .flags = REST_COMMANDS | REST_NAMED),
     .answer = delegate,
     .note = API_NOTED_INSIDE},
    {HTTP_DELETE, "/delegations/{delegation_id}", API_SLUICE, API_WRITES, API_NEEDS_OWN(READ, ANYBODY),
     REST_DOC(.name = "endDelegation",
                                      .group = "Approvals",
                                      .summary = "Take a delegation of one's own back",
                                      .details = "Who gave it does; 409 when it has ended already.",
                                      .takes = one_takes,
                                      .gives = &delegation_schema,
                                      .flags = REST_COMMANDS | REST_NAMED),
     .answer = end,
     .note = API_NOTED_INSIDE},
    {0},
};
