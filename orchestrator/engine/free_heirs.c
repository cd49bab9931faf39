/* SPDX-License-Identifier: Apache-2.0
 * Free heirs: those that wait for a slot alone, and nothing of the attempt in whose place they begin.
 *
 * An heir that needs the one before it begins once that one's end is on the disk: what it finds of it cannot be undone.
 * For one that needs nothing a sync would only be the record that it has begun, and a slot would stand empty meanwhile.
 * So that it may begin is written beforehand, as a row, before its runner hears of it; and a power cut, which takes the
 * journal of what did begin, leaves that. Of what stands in such a row then, and has no row of its own, nobody knows
 * whether it has run: it is lost, like what was running. After any other death the journal tells, as of all heirs.
 *
 * The row follows what runners hold. While one of them has not said so yet, it stays as the engine before has left it.
 */
#include "engine/heirs.h"
#include "store/free_heirs.h"

#include <stdio.h>
#include <stdlib.h>

static void keep(struct open_run *open, const char *orders)
{
    free(open->free_heirs);
    open->free_heirs = orders == NULL ? NULL : mem_strdup(orders);
}

int free_heirs_load(struct engine *engine, struct open_run *open, struct err *err)
{
    const char *boot_id = NULL;
    const char *orders = NULL;
    int found = store_free_heirs_get(engine->options.store, open->row.run_id, engine->turn, &boot_id, &orders, err);
    if (found == 1) {
        keep(open, orders);
        bool other = strcmp(boot_id, engine->boot_id) != 0;
        (void)snprintf(open->free_heirs_boot, sizeof open->free_heirs_boot, "%s", other ? boot_id : "");
    }
    return found < 0 ? -1 : 0;
}

/* An empty list where there is no row. */
static struct json read_orders(struct engine *engine, const struct open_run *open)
{
    struct json list = json_null();
    if (open->free_heirs != NULL) {
        (void)json_read(str_from(open->free_heirs), (struct json_limits){0}, engine->turn, &list, NULL);
    }
    return list.type == JSON_ARRAY ? list : json_array();
}

/* Called in, because its run was cancelled, and not heard of since: rows say that it may have begun, and are taken back
 * when a runner that dies has not begun it. Not when the machine did. */
static bool is_called_in(struct engine *engine, const struct json *order)
{
    const struct live_attempt *attempt = attempt_find(engine, json_get_int(order, "attempt", 0));
    return attempt != NULL && attempt->row.early && !attempt->row.spawning && attempt->row.ended_ms == 0;
}

/* NULL: none. */
static const char *orders_now(struct engine *engine, struct open_run *open)
{
    struct json list = json_array();
    for (size_t i = 0; i < engine->heirs.count; i++) {
        const struct heir *heir = &engine->heirs.items[i];
        if (heir->open == open && heir->free) {
            json_push(engine->turn, &list, heir_order(engine->turn, heir));
        }
    }
    struct json before = open->run->cancelling ? read_orders(engine, open) : json_array();
    for (size_t i = 0; i < before.u.array.count; i++) {
        if (is_called_in(engine, &before.u.array.items[i])) {
            json_push(engine->turn, &list, before.u.array.items[i]);
        }
    }
    return list.u.array.count == 0 ? NULL : json_text(engine->turn, &list).p;
}

static int write_row(struct engine *engine, struct open_run *open, struct err *err)
{
    const char *orders = run_state_is_terminal(open->run->state) ? NULL : orders_now(engine, open);
    bool same = orders == NULL ? open->free_heirs == NULL
                               : open->free_heirs != NULL && strcmp(orders, open->free_heirs) == 0;
    if (!same &&
        store_free_heirs_put(engine->options.store, open->row.run_id, engine->boot_id, orders, err) < 0) {
        return -1;
    }
    keep(open, orders);
    open->free_heirs_boot[0] = '\0';
    return 0;
}

int free_heirs_write(struct engine *engine, struct err *err)
{
    heirs_look_known(engine);
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        bool has_some = open->free_heirs != NULL || heirs_wait_in(engine, open);
        bool known = !engine->unsettled && open->heirs_known;
        if (has_some && (known || run_state_is_terminal(open->run->state)) && write_row(engine, open, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Has nobody begun it otherwise, before the machine went or since? The row may be anything: somebody may have been at
 * the store. */
static bool is_open_still(const struct open_run *open, const struct heir *heir)
{
    bool there = heir->place.item < open->run->steps[heir->place.step].item_count;
    const struct run_item *item = there ? run_item_at(open->run, heir->place) : NULL;
    return there && item->attempts == 0 && item->state == STEP_STATE_READY;
}

static bool are_lost(const struct open_run *open)
{
    return open->free_heirs_boot[0] != '\0';
}

static int settle_run(struct engine *engine, struct open_run *open, struct err *err)
{
    struct json orders = read_orders(engine, open);
    for (size_t i = 0; i < orders.u.array.count; i++) {
        struct heir heir;
        struct live_attempt *attempt = NULL;
        if (!heir_read_order(&orders.u.array.items[i], open, &heir) || !is_open_still(open, &heir)) {
            continue;
        }
        if (turn_begin(engine, err) < 0) {
            return -1;
        }
        (void)snprintf(heir.ids.boot_id, sizeof heir.ids.boot_id, "%s", open->free_heirs_boot);
        (void)run_take(open->run, heir.place, engine_now(engine), &open->changes);
        if (attempt_new(engine, open, heir.place, "", &heir.ids, &attempt, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int free_heirs_settle(struct engine *engine, struct err *err)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        if (are_lost(open) && settle_run(engine, open, err) < 0) {
            return -1;
        }
    }
    return 0;
}

bool free_heirs_lost(struct engine *engine, const struct live_attempt *attempt)
{
    struct open_run *open = attempt->open;
    struct json orders = are_lost(open) && !attempt->row.spawning ? read_orders(engine, open) : json_array();
    for (size_t i = 0; i < orders.u.array.count; i++) {
        if (json_get_int(&orders.u.array.items[i], "attempt", 0) == attempt->row.id) {
            return true;
        }
    }
    return false;
}
