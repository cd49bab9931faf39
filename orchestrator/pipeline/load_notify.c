/* SPDX-License-Identifier: Apache-2.0
 * `notify`, of a pipeline and of config.yaml.
 */
#include "pipeline/load.h"

enum { NOTIFY_MAX = 100 };

const char *const notice_names[] = {"failed", "recovered", "refused", "waiting", "late", "missed", NULL};

/* One entry, while it is read. */
struct notify_entry {
    const struct notify_reading *reading;
    struct notify_rule *rule;
};

static struct notify_entry *entry_of(void *target)
{
    return target;
}

static void read_word(struct loader *loader, const struct yaml_node *node, struct notify_rule *rule)
{
    size_t word = 0;
    if (load_expect(loader, node, TAKES_TEXT, "'on'") && load_choice(loader, node, notice_names, &word)) {
        rule->on |= 1U << word;
    }
}

static void key_on(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct notify_rule *rule = entry_of(target)->rule;
    if (node->type == JSON_STRING) {
        read_word(loader, node, rule);
        return;
    }
    if (node->count == 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "'on': expected at least one of failed, recovered, refused, "
                                                   "waiting, late and missed");
    }
    for (size_t i = 0; i < node->count; i++) {
        read_word(loader, &node->items[i], rule);
    }
}

static void key_to(struct loader *loader, const struct yaml_node *node, void *target)
{
    const struct notify_reading *reading = entry_of(target)->reading;
    bool known = reading->channels == NULL;
    for (size_t i = 0; !known && i < reading->channel_count; i++) {
        known = str_eq(reading->channels[i], node->text);
    }
    if (!known) {
        const char *hint = reading->channel_count == 0
                               ? "config.yaml has no 'channels'"
                               : load_hint_near(loader, node->text, reading->channels, reading->channel_count);
        load_error(loader, node, DIAG_VALUE, hint, "there is no channel '%.*s'", STR_ARG(node->text));
        return;
    }
    entry_of(target)->rule->to = arena_str(loader->arena, node->text);
}

static void key_pipelines(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct notify_rule *rule = entry_of(target)->rule;
    struct str *globs = arena_array(loader->arena, node->count + 1, sizeof *globs);
    for (size_t i = 0; i < node->count; i++) {
        if (load_expect(loader, &node->items[i], TAKES_TEXT, "'pipelines'")) {
            globs[rule->pipeline_count++] = arena_str(loader->arena, node->items[i].text);
        }
    }
    rule->pipelines = globs;
    if (node->count == 0) {
        load_error(loader, node, DIAG_VALUE, "leave it out for all", "'pipelines': expected at least one glob");
    }
}

#define NOTIFY_KEYS                                                                                                    \
    {.name = "on", .takes = TAKES_TEXT | TAKES_LIST, .load = key_on, .required = true,                                 \
     .doc = "What of: failed, recovered, refused, waiting, late, missed.", .choices = notice_names},                   \
    {                                                                                                                  \
        .name = "to", .takes = TAKES_TEXT, .load = key_to, .required = true, .doc = "A channel of config.yaml."        \
    }

const struct key notify_keys[] = {NOTIFY_KEYS, {0}};

static const struct key config_notify_keys[] = {
    NOTIFY_KEYS, {.name = "pipelines", .takes = TAKES_LIST, .load = key_pipelines}, {0}};

void load_notify(struct loader *loader, const struct yaml_node *node, const struct notify_reading *reading)
{
    struct notify_rule *rules = arena_array(loader->arena, node->count + 1, sizeof *rules);
    const struct key *keys = reading->of_config ? config_notify_keys : notify_keys;
    if (node->count > NOTIFY_MAX) {
        load_error(loader, node, DIAG_BOUND, NULL, "'notify': expected at most %d entries, found %zu", NOTIFY_MAX,
                   node->count);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        struct notify_entry entry = {.reading = reading, .rule = &rules[i]};
        rules[i].pos = node->items[i].pos;
        (void)load_map(loader, &node->items[i], keys, &entry, "an entry of 'notify'");
    }
    *reading->ret = rules;
    *reading->ret_count = node->count;
}
