/* SPDX-License-Identifier: Apache-2.0
 * Who is told of what happens: channels, the outbox of what they and webhooks were told, subscriptions to models.
 */
#include "store/channels.h"

#include "api/sluice/routes.h"
#include "engine/engine.h"
#include "store/activity.h"
#include "store/channel_test.h"
#include "store/deliveries.h"
#include "store/model_subscriptions.h"

/* --- channels ----------------------------------------------------------------------------------------------------- */

static const char *const channel_states[] = {"active", "disabled", NULL};

struct channel_answer {
    const char *name, *kind, *state, *reason;
    int64_t disabled_ms;
};
static const struct schema_field channel_fields[] = {
    {"name", FIELD_TEXT(struct channel_answer, name)},
    {"kind", FIELD_TEXT(struct channel_answer, kind), .words = channel_kind_names},
    {"state", FIELD_TEXT(struct channel_answer, state), .words = channel_states,
     .doc = "disabled: its receiver has answered 410"},
    {"disabled_at", FIELD_TIME(struct channel_answer, disabled_ms), SCHEMA_NULLABLE},
    {"reason", FIELD_TEXT(struct channel_answer, reason), .doc = "why it is disabled; empty: it is not"},
    {0},
};
static const struct schema channel_schema = {"Channel", channel_fields, NULL};
static const struct schema_field channels_fields[] = {
    {"channels", FIELD_JSON(LIST, struct rest_page, items), .of = &channel_schema}, {0}};
static const struct schema channels_schema = {"Channels", channels_fields, NULL};

static struct json channel_json(const struct channel_state *row, struct arena *arena)
{
    const struct channel_answer answer = {
        .name = row->name,
        .kind = row->kind,
        .state = channel_states[row->disabled_ms != 0],
        .reason = row->reason,
        .disabled_ms = row->disabled_ms,
    };
    return schema_write(&channel_schema, &answer, arena);
}

static int list_channels(struct api_call *call, struct err *err)
{
    struct channel_state *rows = NULL;
    size_t count = 0;
    struct rest_page answer = {.items = json_array()};
    if (store_channel_list(call->store, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &answer.items, channel_json(&rows[i], call->arena));
    }
    call->answer = schema_write(&channels_schema, &answer, call->arena);
    return 0;
}

static int enable_in_turn(struct api_call *call, struct err *err)
{
    const char *name = json_get_text(&call->params, "name", "");
    struct channel_state channel;
    const struct activity entry = {.at_ms = call->now_ms,
                                   .actor = rest_actor(call),
                                   .action = "channel.enabled",
                                   .object = arena_printf(call->arena, "channel %s", name),
                                   .object_id = name,
                                   .from_state = "disabled"};
    if (store_channel_get(call->store, name, call->arena, &channel, err) < 0 ||
        store_channel_enable(call->store, name, err) < 0 ||
        store_channel_get(call->store, name, call->arena, &channel, err) < 0 ||
        store_activity_append(call->store, &entry, err) < 0) {
        return -1;
    }
    call->answer = channel_json(&channel, call->arena);
    return 0;
}

static int enable_channel(struct api_call *call, struct err *err)
{
    return rest_transact(call, enable_in_turn, err);
}

static const struct schema_field channel_take_fields[] = {
    {.name = "name", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .least = 1,
     .most = CHANNEL_NAME_MAX, .doc = "as config.yaml calls it"},
    {0}};

/* --- the outbox --------------------------------------------------------------------------------------------------- */

static const char *const delivery_states[] = {"waiting", "delivered", "failed", "dropped", NULL};

static const struct schema_field delivery_fields[] = {
    {"delivery_id", FIELD_TEXT(struct delivery, delivery_id), .doc = "what the receiver is told, at each try"},
    {"receiver", FIELD_TEXT(struct delivery, receiver), .doc = "a webhook's id, or channel/NAME"},
    {"address", FIELD_TEXT(struct delivery, address), .doc = "of a subscription by e-mail; else empty"},
    {"event", FIELD_TEXT(struct delivery, event)},
    {"object", FIELD_TEXT(struct delivery, object), .doc = "what stays in order"},
    {"state", FIELD_TEXT(struct delivery, state), .words = delivery_states, .doc = "failed is for good"},
    {"tries", FIELD_INT(struct delivery, tries)},
    {"created_at", FIELD_TIME(struct delivery, created_ms)},
    {"next_at", FIELD_TIME(struct delivery, next_ms), SCHEMA_NULLABLE, .doc = "null: behind another, or ended"},
    {"tried_at", FIELD_TIME(struct delivery, tried_ms), SCHEMA_NULLABLE},
    {"ended_at", FIELD_TIME(struct delivery, ended_ms), SCHEMA_NULLABLE},
    {"status", FIELD_INT(struct delivery, status), .doc = "of the last answer; 0: none came"},
    {"error", FIELD_TEXT(struct delivery, error)},
    {"body", FIELD_TEXT(struct delivery, body), .doc = "the JSON that is sent, or that a message is made of"},
    {0},
};
static const struct schema delivery_schema = {"OutgoingDelivery", delivery_fields, NULL};
static const struct schema_field outbox_fields[] = {
    {"deliveries", FIELD_JSON(LIST, struct rest_page, items), .of = &delivery_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema outbox_schema = {"Outbox", outbox_fields, NULL};
static const struct schema_field outbox_list_fields[] = {
    {.name = "receiver", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .most = 100,
     .doc = "a webhook's id, or channel/NAME"},
    {.name = "state", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = delivery_states},
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};

static int list_outbox(struct api_call *call, struct err *err)
{
    struct delivery *rows = NULL;
    size_t count = 0;
    size_t limit = rest_limit(call);
    struct rest_page answer = {.items = json_array()};
    if (store_delivery_list(call->store, json_get_text(&call->params, "receiver", NULL),
                            json_get_text(&call->params, "state", NULL), rest_page_id(call), (int64_t)limit,
                            call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &answer.items, schema_write(&delivery_schema, &rows[i], call->arena));
    }
    answer.next_page_token = count == limit ? arena_printf(call->arena, "%lld", (long long)rows[count - 1].id) : NULL;
    call->answer = schema_write(&outbox_schema, &answer, call->arena);
    return 0;
}

#define DELIVERY_ID                                                                                                    \
    {.name = "delivery_id",                                                                                            \
     .type = SCHEMA_TEXT,                                                                                              \
     .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,                                                                        \
     .pattern = "^[0-9a-f-]{36}$"}
static const struct schema_field delivery_take_fields[] = {DELIVERY_ID, {0}};

static int redeliver_in_turn(struct api_call *call, struct err *err)
{
    struct delivery delivery;
    const char *id = json_get_text(&call->params, "delivery_id", "");
    const struct activity entry = {.at_ms = call->now_ms,
                                   .actor = rest_actor(call),
                                   .action = "webhook.redelivered",
                                   .object = arena_printf(call->arena, "delivery %s", id),
                                   .object_id = id};
    if (store_delivery_again(call->store, id, call->now_ms, err) < 0 ||
        store_delivery_get(call->store, id, call->arena, &delivery, err) < 0 ||
        store_activity_append(call->store, &entry, err) < 0) {
        return -1;
    }
    call->answer = schema_write(&delivery_schema, &delivery, call->arena);
    return 0;
}

static int redeliver(struct api_call *call, struct err *err)
{
    return rest_transact(call, redeliver_in_turn, err);
}

static int test_in_turn(struct api_call *call, struct err *err)
{
    const char *name = json_get_text(&call->params, "name", "");
    const char *id = NULL;
    struct delivery delivery;
    const struct activity entry = {.at_ms = call->now_ms,
                                   .actor = rest_actor(call),
                                   .action = "webhook.tested",
                                   .object = arena_printf(call->arena, "channel %s", name),
                                   .object_id = name};
    if (store_channel_test(call->store, name, call->now_ms, call->arena, &id, err) < 0 ||
        store_delivery_get(call->store, id, call->arena, &delivery, err) < 0 ||
        store_activity_append(call->store, &entry, err) < 0) {
        return -1;
    }
    call->answer = schema_write(&delivery_schema, &delivery, call->arena);
    return 0;
}

static int test_channel(struct api_call *call, struct err *err)
{
    return rest_transact(call, test_in_turn, err);
}

/* --- subscriptions ------------------------------------------------------------------------------------------------ */

static const char *const subscription_states[] = {"active", "unconfirmed", NULL};

struct subscription_answer {
    const char *subscription_id, *name, *actor, *channel, *address, *state;
    int64_t version, created_ms, confirm_by_ms;
};
static const struct schema_field subscription_fields[] = {
    {"subscription_id", FIELD_TEXT(struct subscription_answer, subscription_id), .pattern = REST_ID_PATTERN},
    {"name", FIELD_TEXT(struct subscription_answer, name), .doc = "the registered model"},
    {"version", FIELD_INT(struct subscription_answer, version), .doc = "0: all of the model"},
    {"actor", FIELD_TEXT(struct subscription_answer, actor)},
    {"channel", FIELD_TEXT(struct subscription_answer, channel)},
    {"address", FIELD_TEXT(struct subscription_answer, address), .doc = "of e-mail; empty: the channel's own"},
    {"state", FIELD_TEXT(struct subscription_answer, state), .words = subscription_states,
     .doc = "unconfirmed: nothing goes to the address before the link is opened that was sent there"},
    {"confirm_by", FIELD_TIME(struct subscription_answer, confirm_by_ms), SCHEMA_NULLABLE,
     .doc = "until when that link is good; null: it is active, or no link was sent"},
    {"created_at", FIELD_TIME(struct subscription_answer, created_ms)},
    {0},
};
static const struct schema subscription_schema = {"Subscription", subscription_fields, NULL};
static const struct schema_field subscriptions_fields[] = {
    {"subscriptions", FIELD_JSON(LIST, struct rest_page, items), .of = &subscription_schema}, {0}};
static const struct schema subscriptions_schema = {"Subscriptions", subscriptions_fields, NULL};

static struct json subscription_json(const struct model_subscription *row, struct arena *arena)
{
    const struct subscription_answer answer = {
        .subscription_id = arena_printf(arena, "%lld", (long long)row->id),
        .name = row->name,
        .actor = row->actor,
        .channel = row->channel,
        .address = row->address,
        .version = row->version,
        .created_ms = row->created_ms,
        .state = subscription_states[row->confirmed ? 0 : 1],
        .confirm_by_ms = row->confirm_by_ms,
    };
    return schema_write(&subscription_schema, &answer, arena);
}

/* One's own. */
static int list_subscriptions(struct api_call *call, struct err *err)
{
    struct model_subscription *rows = NULL;
    size_t count = 0;
    struct rest_page answer = {.items = json_array()};
    if (store_model_subscription_list(call->store, json_get_text(&call->params, "name", NULL), rest_actor(call),
                                      call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &answer.items, subscription_json(&rows[i], call->arena));
    }
    call->answer = schema_write(&subscriptions_schema, &answer, call->arena);
    return 0;
}

static int subscribe_in_turn(struct api_call *call, struct err *err)
{
    struct model_subscription row = {.name = json_get_text(&call->params, "name", ""),
                                     .version = json_get_int(&call->params, "version", 0),
                                     .actor = rest_actor(call),
                                     .channel = json_get_text(&call->params, "channel", ""),
                                     .address = json_get_text(&call->params, "address", ""),
                                     .created_ms = call->now_ms};
    if (store_model_subscribe(call->store, engine_telling(api_options_of(call->api)->engine), &row, err) < 0) {
        return -1;
    }
    call->answer = subscription_json(&row, call->arena);
    return 0;
}

static int subscribe(struct api_call *call, struct err *err)
{
    return rest_transact(call, subscribe_in_turn, err);
}

static int unsubscribe_in_turn(struct api_call *call, struct err *err)
{
    call->answer = json_object();
    return store_model_unsubscribe(call->store, rest_id(call, "subscription_id"), rest_actor(call), false, call->now_ms,
                                   err);
}

static int unsubscribe(struct api_call *call, struct err *err)
{
    return rest_transact(call, unsubscribe_in_turn, err);
}

static const struct schema_field subscription_list_fields[] = {
    {.name = "name", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .doc = "of this registered model"}, {0}};
static const struct schema_field subscribe_fields[] = {
    {.name = "name", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1, .doc = "the registered model"},
    {.name = "version", .type = SCHEMA_INT, .least = 1, .most = INT64_MAX, .doc = "only this one"},
    {.name = "channel", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1, .most = CHANNEL_NAME_MAX},
    {.name = "address", .type = SCHEMA_TEXT, .most = 254, .doc = "by a channel of e-mail: to here"},
    {0},
};
static const struct schema_field unsubscribe_fields[] = {{.name = "subscription_id",
                                                          .type = SCHEMA_TEXT,
                                                          .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,
                                                          .pattern = REST_ID_PATTERN},
                                                         {0}};
static const struct schema_field nothing_fields[] = {{0}};
static const struct schema nothing_schema = {"Nothing", nothing_fields, NULL};

const struct api_route rest_channel_routes[] = {
    {HTTP_GET, "/channels", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listChannels",
                                      .group = "Notifications",
                                      .summary = "Whom config.yaml has the home tell of what happens",
                                      .gives = &channels_schema,
                                      .flags = REST_APART),
     .answer = list_channels},
    {HTTP_POST, "/channels/{name}/enable", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN),
     REST_DOC(.name = "enableChannel",
                                      .group = "Notifications",
                                      .summary = "Tell a channel again that was disabled since its receiver was gone",
                                      .details = "409 when it is not disabled. What was dropped meanwhile is sent by "
                                                 "redeliver.",
                                      .takes = channel_take_fields,
                                      .gives = &channel_schema,
                                      .flags = REST_COMMANDS),
     .answer = enable_channel,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/channels/{name}/test", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN),
     REST_DOC(.name = "testChannel",
                                      .group = "Notifications",
                                      .summary = "Send an event that is none to a channel, once",
                                      .details = "Also to one that is disabled. The answer is the delivery: "
                                                 "what came of it is in the outbox.",
                                      .takes = channel_take_fields,
                                      .gives = &delivery_schema,
                                      .status = 202,
                                      .flags = REST_COMMANDS),
     .answer = test_channel,
     .note = API_NOTED_INSIDE},
    {HTTP_GET, "/outbox", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listOutbox",
                                      .group = "Notifications",
                                      .summary = "What channels and webhooks were told, or are to be: newest first",
                                      .takes = outbox_list_fields,
                                      .gives = &outbox_schema,
                                      .flags = REST_APART),
     .answer = list_outbox},
    {HTTP_POST, "/outbox/{delivery_id}/redeliver", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN),
     REST_DOC(.name = "redeliver",
                                      .group = "Notifications",
                                      .summary = "Send a delivery that has ended once more, with the same id",
                                      .takes = delivery_take_fields,
                                      .gives = &delivery_schema,
                                      .status = 202,
                                      .flags = REST_COMMANDS),
     .answer = redeliver,
     .note = API_NOTED_INSIDE},
    {HTTP_GET, "/subscriptions", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listSubscriptions",
                                      .group = "Notifications",
                                      .summary = "One's own subscriptions to registered models",
                                      .takes = subscription_list_fields,
                                      .gives = &subscriptions_schema,
                                      .flags = REST_APART),
     .answer = list_subscriptions},
    {HTTP_POST, "/subscriptions", API_SLUICE, API_WRITES, API_NEEDS_OWN(READ, REGISTERED),
     REST_DOC(.name = "subscribe",
                                      .group = "Notifications",
                                      .summary = "Be told by a channel of what happens to a registered model",
                                      .details = "An address of e-mail gets a link first, and nothing else until that "
                                                 "is opened: state says so. Asked again an hour later, another link is "
                                                 "sent; 409 when an address was asked too often.",
                                      .takes = subscribe_fields,
                                      .gives = &subscription_schema,
                                      .status = 201,
                                      .flags = REST_COMMANDS | REST_FINDS),
     .answer = subscribe,
     .note = API_NOTED_INSIDE},
    {HTTP_DELETE, "/subscriptions/{subscription_id}", API_SLUICE, API_WRITES, API_NEEDS_OWN(READ, ANYBODY),
     REST_DOC(.name = "unsubscribe",
                                      .group = "Notifications",
                                      .summary = "End a subscription of one's own",
                                      .takes = unsubscribe_fields,
                                      .gives = &nothing_schema,
                                      .flags = REST_COMMANDS),
     .answer = unsubscribe,
     .note = API_NOTED_INSIDE},
    {0},
};
