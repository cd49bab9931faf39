/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of webhooks. Who may write everything may use them: a URL may hold what others are not to know.
 */
#include "api/delivery_wait.h"
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "base/mem.h"
#include "store/deliveries.h"
#include "store/webhook_events.h"
#include "store/webhook_url.h"

#include <stdlib.h>

static const char *id_of(const struct api_call *call)
{
    return param_text(&call->params, "webhook_id");
}

/* ---- out -------------------------------------------------------------------------------------------------------- */

static struct json upper(struct api_call *call, struct str word)
{
    char *text = arena_dup(call->arena, word.p, word.n);
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    }
    return json_cstring(call->arena, text);
}

static struct json webhook_json(struct api_call *call, const struct webhook *webhook)
{
    struct json object = json_object();
    struct json events = json_array();
    for (size_t i = 0; i < webhook->event_count; i++) {
        struct json event = json_object();
        struct str rest = str_from(webhook->events[i]);
        struct str entity = {0};
        (void)str_cut(&rest, '.', &entity);
        put(call, &event, "entity", upper(call, entity));
        put(call, &event, "action", upper(call, rest));
        json_push(call->arena, &events, event);
    }
    put_text(call, &object, "webhook_id", webhook->webhook_id);
    put_text(call, &object, "name", webhook->name);
    if (*webhook->description != '\0') {
        put_text(call, &object, "description", webhook->description);
    }
    put_text(call, &object, "url", webhook->url);
    put_list(call, &object, "events", events);
    put_text(call, &object, "status", webhook->active ? "ACTIVE" : "DISABLED");
    put_int(call, &object, "creation_timestamp", webhook->created_ms);
    put_int(call, &object, "last_updated_timestamp", webhook->updated_ms);
    return object;
}

static int answer_with(struct api_call *call, const char *webhook_id, struct err *err)
{
    struct webhook webhook;
    if (store_webhook_get(call->store, webhook_id, call->arena, &webhook, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "webhook", webhook_json(call, &webhook));
    return 0;
}

/* ---- in --------------------------------------------------------------------------------------------------------- */

static int read_events(struct api_call *call, const char ***ret, size_t *ret_count, struct err *err)
{
    const struct json *items = param_list(&call->params, "events", ret_count);
    const char **events = arena_array(call->arena, *ret_count + 1, sizeof *events);
    for (size_t i = 0; i < *ret_count; i++) {
        const struct webhook_event *event =
            webhook_event_find(param_text(&items[i], "entity"), param_text(&items[i], "action"), err);
        if (event == NULL) {
            return -1;
        }
        events[i] = event->name;
    }
    *ret = events;
    return 0;
}

static int check_url(struct api_call *call, const char *url, struct err *err)
{
    struct address_policy policy;
    const struct webhook_rules *rules = api_webhook_rules(call->api);
    return webhook_policy(rules, call->arena, &policy, err) < 0 ? -1 : webhook_url_check(url, &policy, err);
}

static int create(struct api_call *call, struct err *err)
{
    const struct json *params = &call->params;
    const char *secret = param_text(params, "secret");
    struct webhook webhook = {
        .name = param_text(params, "name"),
        .url = param_text(params, "url"),
        .description = param_text(params, "description"),
        .active = strcmp(param_text(params, "status"), "DISABLED") != 0,
    };
    if (read_events(call, &webhook.events, &webhook.event_count, err) < 0 ||
        webhook_name_check(webhook.name, err) < 0 || check_url(call, webhook.url, err) < 0 ||
        store_webhook_new_id(call->store, call->arena, &webhook.webhook_id, err) < 0 ||
        (*secret != '\0' && api_seal_webhook(call, webhook.webhook_id, secret, &webhook.sealed, &webhook.key_id, err) <
                                0) ||
        store_webhook_create(call->store, &webhook, call->now_ms, err) < 0) {
        return -1;
    }
    return answer_with(call, webhook.webhook_id, err);
}

/* Name, URL and events that are empty stay as they are; description and secret may become empty. */
static int update(struct api_call *call, struct err *err)
{
    const struct json *params = &call->params;
    const char *secret = json_get_text(params, "secret", NULL);
    const char *status = json_get_text(params, "status", NULL);
    const char **events = NULL;
    struct str sealed = {0};
    bool active = status != NULL && strcmp(status, "ACTIVE") == 0;
    struct webhook_change change = {
        .name = *param_text(params, "name") == '\0' ? NULL : param_text(params, "name"),
        .url = *param_text(params, "url") == '\0' ? NULL : param_text(params, "url"),
        .description = json_get_text(params, "description", NULL),
        .active = status == NULL ? NULL : &active,
        .sealed = secret == NULL ? NULL : &sealed,
    };
    if (read_events(call, &events, &change.event_count, err) < 0 ||
        (change.url != NULL && check_url(call, change.url, err) < 0) ||
        (secret != NULL && *secret != '\0' &&
         api_seal_webhook(call, id_of(call), secret, &sealed, &change.key_id, err) < 0)) {
        return -1;
    }
    change.events = change.event_count == 0 ? NULL : events;
    return store_webhook_update(call->store, id_of(call), &change, call->now_ms, err) < 0
               ? -1
               : answer_with(call, id_of(call), err);
}

static int get(struct api_call *call, struct err *err)
{
    return answer_with(call, id_of(call), err);
}

static int list(struct api_call *call, struct err *err)
{
    struct webhook *webhooks = NULL;
    size_t count = 0;
    const char *token = NULL;
    struct json items = json_array();
    int64_t max_results = json_get_int(&call->params, "max_results", 0);
    if (store_webhook_list(call->store, max_results == 0 ? WEBHOOKS_PAGE : max_results,
                           param_text(&call->params, "page_token"), call->arena, &webhooks, &count, &token, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &items, webhook_json(call, &webhooks[i]));
    }
    put_list(call, &call->answer, "webhooks", items);
    if (token != NULL) {
        put_text(call, &call->answer, "next_page_token", token);
    }
    return 0;
}

static int delete_one(struct api_call *call, struct err *err)
{
    return store_webhook_delete(call->store, id_of(call), err);
}

/* ---- trying it out ---------------------------------------------------------------------------------------------- */

/* What it answered is not shown beyond its status: it may be no receiver, but something that only this machine is to
 * read. */
static int finish_test(struct api_call *call, struct err *err)
{
    const struct delivery_wait *wait = call->exchange->owner;
    struct delivery delivery;
    struct json result = json_object();
    if (store_delivery_get(call->store, wait->delivery_id, call->arena, &delivery, err) < 0) {
        return -1;
    }
    put(call, &result, "success", json_bool(strcmp(delivery.state, "delivered") == 0));
    if (delivery.status != 0) {
        put_int(call, &result, "response_status", delivery.status);
    } else {
        put_text(call, &result, "error_message",
                 arena_printf(call->arena, "Failed to test webhook: %s", delivery.error));
    }
    put(call, &call->answer, "result", result);
    return 0;
}

static const struct webhook_event *event_to_test(struct api_call *call, const struct webhook *webhook,
                                                 struct err *err)
{
    const struct json *asked = json_get(&call->params, "event");
    return asked != NULL ? webhook_event_find(param_text(asked, "entity"), param_text(asked, "action"), err)
                         : webhook_event_named(webhook->events[0]);
}

static int test(struct api_call *call, struct err *err)
{
    struct webhook webhook;
    const char *delivery_id = NULL;
    if (store_webhook_get(call->store, id_of(call), call->arena, &webhook, err) < 0) {
        return -1;
    }
    const struct webhook_event *event = event_to_test(call, &webhook, err);
    if (event == NULL ||
        webhook_test(call->store, webhook.webhook_id, event, call->now_ms, call->arena, &delivery_id, err) < 0) {
        return -1;
    }
    delivery_wait_begin(call, delivery_id, finish_test);
    return 0;
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

static const char *const status_words[] = {NULL, "ACTIVE", "DISABLED", ""};
static const char *const action_words[] = {NULL, "CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED", ""};
static const char *const entity_words[] = {NULL,
                                           "REGISTERED_MODEL",
                                           "MODEL_VERSION",
                                           "MODEL_VERSION_TAG",
                                           "MODEL_VERSION_ALIAS",
                                           "PROMPT",
                                           "PROMPT_VERSION",
                                           "PROMPT_TAG",
                                           "PROMPT_VERSION_TAG",
                                           "PROMPT_ALIAS",
                                           "BUDGET_POLICY",
                                           ""};
static const struct api_field event_fields[] = {
    {.name = "entity", .type = API_WORD, .required = true, .words = entity_words},
    {.name = "action", .type = API_WORD, .required = true, .words = action_words},
    {0}};

#define ID                                                                                                             \
    {                                                                                                                  \
        .name = "webhook_id", .type = API_TEXT, .required = true                                                       \
    }
#define COMMON                                                                                                         \
    {.name = "description", .type = API_TEXT}, {.name = "secret", .type = API_TEXT},                                   \
    {                                                                                                                  \
        .name = "status", .type = API_WORD, .words = status_words                                                      \
    }

static const struct api_field create_fields[] = {
    {.name = "name", .type = API_TEXT, .required = true},
    {.name = "url", .type = API_TEXT, .required = true},
    {.name = "events", .type = API_OBJECTS, .required = true, .fields = event_fields},
    COMMON,
    {0}};
static const struct api_field update_fields[] = {ID,
                                                 {.name = "name", .type = API_TEXT},
                                                 {.name = "url", .type = API_TEXT},
                                                 {.name = "events", .type = API_OBJECTS, .fields = event_fields},
                                                 COMMON,
                                                 {0}};
static const struct api_field list_fields[] = {
    {.name = "max_results", .type = API_INT}, {.name = "page_token", .type = API_TEXT}, {0}};
static const struct api_field id_fields[] = {ID, {0}};
static const struct api_field test_fields[] = {
    ID, {.name = "event", .type = API_OBJECT, .fields = event_fields}, {0}};

const struct api_route mlflow_webhook_routes[] = {
    {HTTP_POST, "/mlflow/webhooks", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), create_fields, create,
     API_NOTED("webhook.created", "webhook_id", "name")},
    {HTTP_GET, "/mlflow/webhooks", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), list_fields, list, API_LOOKS},
    {HTTP_GET, "/mlflow/webhooks/{webhook_id}", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), id_fields, get,
     API_LOOKS},
    {HTTP_PATCH, "/mlflow/webhooks/{webhook_id}", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), update_fields,
     update, API_NOTED("webhook.changed", "webhook_id", "name")},
    {HTTP_DELETE, "/mlflow/webhooks/{webhook_id}", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), id_fields,
     delete_one, API_NOTED("webhook.deleted", "webhook_id", NULL)},
    {HTTP_POST, "/mlflow/webhooks/{webhook_id}/test", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), test_fields,
     test, API_NOTED("webhook.tested", "webhook_id", NULL)},
    {0},
};
