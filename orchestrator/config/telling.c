/* SPDX-License-Identifier: Apache-2.0 */
#include "config/telling.h"

#include "base/address_policy.h"
#include "pipeline/load.h"

static const int64_t most_ms = (int64_t)365 * 24 * 3600 * 1000;

static void key_http(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_bool(loader, node, &((struct telling *)target)->allow_http);
}

/* Read as the address policy will read them. */
static bool is_network(struct loader *loader, struct str text, struct err *err)
{
    struct address_policy policy;
    struct json json = json_object();
    struct json list = json_array();
    json_push(loader->arena, &list, json_string(loader->arena, text));
    json_set(loader->arena, &json, "allow", list);
    return address_policy_read(&json, loader->arena, &policy, err) == 0;
}

static void key_allow(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct telling *telling = target;
    struct str *texts = arena_array(loader->arena, node->count + 1, sizeof *texts);
    for (size_t i = 0; i < node->count; i++) {
        struct err wrong = {0};
        const struct yaml_node *item = &node->items[i];
        if (!load_expect(loader, item, TAKES_TEXT, "'allow'")) {
            continue;
        }
        texts[i] = arena_str(loader->arena, item->text);
        if (!is_network(loader, texts[i], &wrong)) {
            load_error(loader, item, DIAG_VALUE, NULL,
                       "'%.*s' is no network: expected an address, or a range such as 10.1.0.0/16", STR_ARG(texts[i]));
        }
    }
    telling->allow = texts;
    telling->allow_count = node->count;
}

static void read_time(struct loader *loader, const struct yaml_node *node, int64_t *ret_ms)
{
    int64_t ms = 0;
    if (load_duration(loader, node, &ms) && (ms < 1 || ms > most_ms)) {
        load_error(loader, node, DIAG_VALUE, NULL, "'%.*s': expected 1ms to 365d", STR_ARG(node->text));
    } else {
        *ret_ms = ms;
    }
}

static void key_first(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_time(loader, node, &((struct telling *)target)->retry_first_ms);
}

static void key_for(struct loader *loader, const struct yaml_node *node, void *target)
{
    read_time(loader, node, &((struct telling *)target)->retry_for_ms);
}

void telling_load(struct loader *loader, const struct yaml_node *node, struct telling *ret)
{
    static const struct key keys[] = {
        {.name = "http", .takes = TAKES_BOOL, .load = key_http},
        {.name = "allow", .takes = TAKES_LIST, .load = key_allow},
        {.name = "retry_first", .takes = TAKES_DURATION, .load = key_first},
        {.name = "retry_for", .takes = TAKES_DURATION, .load = key_for},
        {0},
    };
    (void)load_map(loader, node, keys, ret, "'webhooks'");
}
