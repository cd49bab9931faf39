/* SPDX-License-Identifier: Apache-2.0
 * `retry:` of steps and defaults.
 */
#include "base/parse.h"
#include "pipeline/load.h"

const struct retry_policy retry_policy_default = {
    .attempts = 1,
    .delay_ms = 1000,
    .factor = 2,
    .max_delay_ms = 300000,
    .jitter = true,
    .on = RETRY_FAILURE | RETRY_TIMEOUT,
};

static void key_attempts(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct retry_policy *retry = target;
    int64_t attempts = 0;
    if (load_int(loader, node, 1, 1000, &attempts)) {
        retry->attempts = (int)attempts;
    }
}

static void key_delay(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &((struct retry_policy *)target)->delay_ms);
}

static void key_max_delay(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &((struct retry_policy *)target)->max_delay_ms);
}

static void key_factor(struct loader *loader, const struct yaml_node *node, void *target)
{
    double factor = 0;
    if (!load_number(loader, node, &factor)) {
        return;
    }
    if (factor < 1 || factor > 100) {
        load_error(loader, node, DIAG_VALUE, NULL, "expected a factor from 1 to 100, found '%.*s'",
                   STR_ARG(node->text));
        return;
    }
    ((struct retry_policy *)target)->factor = factor;
}

static const char *const jitters[] = {"full", "none", NULL};

static void key_jitter(struct loader *loader, const struct yaml_node *node, void *target)
{
    size_t word = 0;
    if (load_choice(loader, node, jitters, &word)) {
        ((struct retry_policy *)target)->jitter = word == 0;
    }
}

static void add_cause(struct loader *loader, const struct yaml_node *node, struct retry_policy *retry, int *codes)
{
    static const char *const words[] = {"failure", "timeout", "lost", "oom", "exit:N", NULL};
    static const unsigned bits[] = {RETRY_FAILURE, RETRY_TIMEOUT, RETRY_LOST, RETRY_OOM};
    int64_t code = 0;
    struct err err = {0};
    if (str_starts(node->text, STR("exit:"))) {
        if (parse_int(str_slice(node->text, 5, node->text.n), 1, 255, &code, &err) < 0) {
            load_error(loader, node, DIAG_VALUE, NULL, "exit code: %s", err.message);
            return;
        }
        codes[retry->exit_code_count++] = (int)code;
        return;
    }
    size_t word = 0;
    if (load_choice(loader, node, words, &word) && word < 4) {
        retry->on |= bits[word];
    }
}

static void key_on(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct retry_policy *retry = target;
    size_t count = node->type == JSON_ARRAY ? node->count : 1;
    int *codes = arena_array(loader->arena, count, sizeof *codes);
    retry->on = 0;
    retry->exit_code_count = 0;
    for (size_t i = 0; i < count; i++) {
        add_cause(loader, node->type == JSON_ARRAY ? &node->items[i] : node, retry, codes);
    }
    retry->exit_codes = codes;
}

const struct key retry_keys[] = {
    {.name = "attempts", .takes = TAKES_NUMBER, .load = key_attempts,
     .doc = "How often the step may run, the first run counted."},
    {.name = "delay", .takes = TAKES_DURATION, .load = key_delay, .doc = "Before the second attempt (1s)."},
    {.name = "factor", .takes = TAKES_NUMBER, .load = key_factor,
     .doc = "By which the delay grows from attempt to attempt (2)."},
    {.name = "max_delay", .takes = TAKES_DURATION, .load = key_max_delay,
     .doc = "The delay grows no further (5m)."},
    {.name = "jitter", .takes = TAKES_TEXT, .load = key_jitter,
     .doc = "full (default): a random part of the delay; none: all of it.", .choices = jitters},
    {.name = "on", .takes = TAKES_LIST | TAKES_TEXT, .load = key_on,
     .doc = "What is tried again: failure, timeout, lost, oom, exit:N ([failure, timeout])."},
    {0},
};

const struct retry_policy *load_retry(struct loader *loader, const struct yaml_node *node,
                                      const struct retry_policy *base)
{
    struct retry_policy *retry = arena_one(loader->arena, struct retry_policy);
    *retry = *base;
    (void)load_map(loader, node, retry_keys, retry, "'retry'");
    return retry;
}
