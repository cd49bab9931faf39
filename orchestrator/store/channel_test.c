/* SPDX-License-Identifier: Apache-2.0 */
#include "store/channel_test.h"

#include "base/json.h"
#include "base/parse.h"
#include "store/secrets.h"
#include "store/channels.h"
#include "store/deliveries.h"
#include "store/webhooks.h"

int store_channel_test(struct store *store, const char *name, int64_t now_ms, struct arena *arena,
                       const char **ret_delivery_id, struct err *err)
{
    struct channel_state channel;
    struct json event = json_object();
    struct json data = json_object();
    const char *id = NULL;
    const char *home = NULL;
    char at[40];
    if (store_channel_get(store, name, arena, &channel, err) < 0 || store_webhook_new_id(store, arena, &id, err) < 0 ||
        store_home_id(store, arena, &home, err) < 0) {
        return -1;
    }
    format_time(at, sizeof at, now_ms);
    json_add(arena, &data, "subject", json_cstring(arena, arena_printf(arena, "channel %s", name)));
    json_add(arena, &data, "reason", json_cstring(arena, "somebody asked whether it is heard"));
    json_add(arena, &event, "type", json_cstring(arena, "channel.test"));
    json_add(arena, &event, "version", json_int(1));
    json_add(arena, &event, "id", json_cstring(arena, id));
    json_add(arena, &event, "timestamp", json_cstring(arena, at));
    json_add(arena, &event, "home", json_cstring(arena, home));
    json_add(arena, &event, "data", data);
    struct delivery_order order = {
        .receiver = arena_printf(arena, "channel/%s", name),
        .is_test = true,
        .event = "channel.test",
        .object = "",
        .body = json_text(arena, &event).p,
    };
    return store_deliveries_add(store, &order, now_ms, arena, ret_delivery_id, err);
}
