/* SPDX-License-Identifier: Apache-2.0 */
#include "holding.h"

#include "folder.h"
#include "members.h"
#include "plain_url.h"
#include "value.h"

#include <string.h>

/* A JSON list of different texts. */
struct keys {
    struct scratch *scratch;
    const char **items;
    size_t count;
};

static void add_key(struct keys *keys, const char *key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i], key) == 0) {
            return;
        }
    }
    keys->items[keys->count++] = key;
}

static const char *command_line(struct scratch *scratch, const char *const *argv)
{
    const char *line = argv[0];
    for (size_t i = 1; argv[i] != NULL; i++) {
        line = scratch_printf(scratch, "%s %s", line, argv[i]);
    }
    return line;
}

static void add_target(struct keys *keys, const struct target *target)
{
    bool unnamed = target->kind == TARGET_COMMAND && target->name == target->command[0];
    add_key(keys, unnamed ? command_line(keys->scratch, target->command) : target->name);
    if (target->kind == TARGET_DIRECTORY) {
        add_key(keys, folder_real(keys->scratch, target->directory));
    } else if (target->kind == TARGET_HTTP) {
        add_key(keys, plain_url(keys->scratch, target->url));
    }
}

static void put_keys(struct textbuf *out, const struct deployment *deployment, struct scratch *scratch)
{
    const struct stages *stages = &deployment->stages;
    struct keys keys = {.scratch = scratch};
    keys.items = scratch_array(scratch, 2 * (stages->count + 1), sizeof *keys.items);
    add_target(&keys, &deployment->target);
    for (size_t i = 0; i < stages->count; i++) {
        if (stages->items[i].weight == 0) {
            add_target(&keys, &stages->items[i].target);
        }
    }
    for (size_t i = 0; i < keys.count; i++) {
        textbuf_put(out, i == 0 ? "[" : ",");
        textbuf_json_string(out, keys.items[i]);
    }
    textbuf_put(out, "]");
}

static enum holding wait_for(const struct step_host *host, const char *targets, const char *held_by,
                             struct fault *fault)
{
    struct members wait = {0};
    step_log(host, STEP_LOG_INFO, "waits for %s", held_by);
    members_text(&wait, "kind", "target");
    members_raw(&wait, "targets", targets);
    int result = host->wait(host, members_json(&wait), "\"target\"");
    members_free(&wait);
    if (result == 0) {
        return HOLDING_WAITS;
    }
    (void)fault_set(fault, "to wait for %.300s was not accepted", held_by);
    return HOLDING_NONE;
}

enum holding holding_take(struct deployment *deployment, struct fault *fault)
{
    const struct step_value *reply = NULL;
    struct scratch scratch = {0};
    struct textbuf targets = {0};
    struct members ask = {0};
    enum holding result = HOLDING_NONE;
    put_keys(&targets, deployment, &scratch);
    members_raw(&ask, "targets", textbuf_text(&targets));
    if (members_ask(deployment->host, "target.take", &ask, &reply, fault) == 0) {
        const struct step_value *taken = step_get(reply, "taken");
        const char *held_by = value_member_text(reply, "held_by");
        if (taken != NULL && taken->type == STEP_TYPE_BOOL && taken->boolean) {
            result = HOLDING_ALL;
        } else if (deployment->waits_for_target) {
            result = wait_for(deployment->host, textbuf_text(&targets), held_by == NULL ? "" : held_by, fault);
        } else {
            (void)fault_set(fault, "%.400s: nothing was changed", held_by == NULL ? "another has the target" : held_by);
        }
    }
    members_free(&ask);
    textbuf_free(&targets);
    scratch_free(&scratch);
    return result;
}
