/* SPDX-License-Identifier: Apache-2.0
 * Orders: what the exit record of an attempt, and a row of free heirs, say of an heir.
 */
#include "engine/heirs.h"

#include <stdio.h>

struct json heir_order(struct arena *arena, const struct heir *heir)
{
    struct json order = json_object();
    json_set(arena, &order, "attempt", json_int(heir->ids.id));
    json_set(arena, &order, "position", json_int((int64_t)heir->place.step));
    json_set(arena, &order, "item", json_int((int64_t)heir->place.item));
    json_set(arena, &order, "step_run_id", json_cstring(arena, heir->ids.step_run_id));
    json_set(arena, &order, "mark", json_cstring(arena, heir->ids.mark));
    json_set(arena, &order, "boot_id", json_cstring(arena, heir->ids.boot_id));
    if (heir->free) {
        json_set(arena, &order, "free", json_bool(true));
    }
    if (heir->ids.plugin[0] != '\0') {
        json_set(arena, &order, "plugin", json_cstring(arena, heir->ids.plugin));
    }
    return order;
}

bool heir_read_order(const struct json *order, struct open_run *open, struct heir *ret)
{
    int64_t position = json_get_int(order, "position", -1);
    int64_t item = json_get_int(order, "item", -1);
    *ret = (struct heir){
        .ids.id = json_get_int(order, "attempt", 0),
        .open = open,
        .place = {(size_t)position, (size_t)item},
        .free = json_get_bool(order, "free", false),
    };
    (void)snprintf(ret->ids.step_run_id, sizeof ret->ids.step_run_id, "%s", json_get_text(order, "step_run_id", ""));
    (void)snprintf(ret->ids.mark, sizeof ret->ids.mark, "%s", json_get_text(order, "mark", ""));
    (void)snprintf(ret->ids.boot_id, sizeof ret->ids.boot_id, "%s", json_get_text(order, "boot_id", ""));
    (void)snprintf(ret->ids.plugin, sizeof ret->ids.plugin, "%s", json_get_text(order, "plugin", ""));
    return ret->ids.id > 0 && ret->ids.step_run_id[0] != '\0' && position >= 0 && item >= 0 &&
           (size_t)position < open->pipeline->step_count;
}
