/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/webhook_change.h"

#include "base/clock.h"
#include "base/parse.h"
#include "store/activity.h"
#include "store/channel_test.h"
#include "store/deliveries.h"
#include "store/secrets.h"
#include "store/webhook_events.h"

static int find_event(const char *name, const struct webhook *webhook, const struct webhook_event **ret,
                      struct err *err)
{
    *ret = webhook_event_named(name == NULL ? webhook->events[0] : name);
    if (*ret != NULL) {
        return 0;
    }
    struct str names[64];
    size_t count = 0;
    while (count < sizeof names / sizeof names[0] && webhook_events[count].name != NULL) {
        names[count] = str_from(webhook_events[count].name);
        count++;
    }
    ptrdiff_t near = str_nearest(str_from(name), names, count);
    return near < 0 ? err_set(err, ERR_INPUT, "there is no event '%.100s': expected one such as model_version.created",
                              name)
                    : err_set(err, ERR_INPUT, "there is no event '%.100s': did you mean '%.*s'?", name,
                              STR_ARG(names[near]));
}

static int test(struct store *store, const struct json *request, const char *id, int64_t now_ms, struct arena *arena,
                const char **ret_delivery_id, struct err *err)
{
    struct webhook webhook;
    const struct webhook_event *event = NULL;
    return store_webhook_get(store, id, arena, &webhook, err) < 0 ||
                   find_event(json_get_text(request, "event", NULL), &webhook, &event, err) < 0
               ? -1
               : webhook_test(store, webhook.webhook_id, event, now_ms, arena, ret_delivery_id, err);
}

static int redeliver(struct store *store, const char *id, int64_t now_ms, struct arena *arena,
                     const char **ret_delivery_id, struct err *err)
{
    struct delivery delivery;
    if (store_delivery_get(store, id, arena, &delivery, err) < 0) {
        return -1;
    }
    *ret_delivery_id = delivery.delivery_id;
    return store_delivery_again(store, delivery.delivery_id, now_ms, err);
}

static int note(struct store *store, const char *actor, const char *action, const char *object, const char *id,
                int64_t now_ms, struct err *err)
{
    const struct activity entry = {
        .at_ms = now_ms, .actor = actor, .action = action, .object = object, .object_id = id};
    return store_activity_append(store, &entry, err);
}

int webhook_change_obey(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                        struct json *ret_outcome, struct err *err)
{
    const char *what = json_get_text(request, "what", "");
    const char *id = json_get_text(request, "id", "");
    const char *delivery_id = NULL;
    int64_t now_ms = clock_wall_ms(&clock_system);
    if (store_begin(store, err) < 0) {
        return -1;
    }
    bool tests = strncmp(what, "test", 4) == 0; /* of whichever kind */
    int result = strcmp(what, "test") == 0 ? test(store, request, id, now_ms, arena, &delivery_id, err)
                 : strcmp(what, "test-channel") == 0 ? store_channel_test(store, id, now_ms, arena, &delivery_id, err)
                 : strcmp(what, "redeliver") == 0
                     ? redeliver(store, id, now_ms, arena, &delivery_id, err)
                     : err_set(err, ERR_INPUT, "this sluice cannot '%s' a webhook", what);
    const char *object = arena_printf(arena, "%s %s",
                                      strcmp(what, "test-channel") == 0 ? "channel"
                                      : tests                           ? "webhook"
                                                                        : "delivery",
                                      id);
    const char *action = tests ? "webhook.tested" : "webhook.redelivered";
    if (result < 0 || note(store, actor, action, object, id, now_ms, err) < 0) {
        store_rollback(store);
        return -1;
    }
    if (store_commit(store, err) < 0) {
        return -1;
    }
    *ret_outcome = json_object();
    json_set(arena, ret_outcome, "delivery_id", json_cstring(arena, delivery_id));
    return 0;
}
