/* SPDX-License-Identifier: Apache-2.0
 * Tells people or services something, at least once: each attempt carries the same id, so that a receiver can drop what
 * it has seen. */
#include "step.h"

#include "channel.h"
#include "moment.h"
#include "textbuf.h"
#include "value.h"

#include <string.h>

#define PARAMS(P)                                                                                                      \
    P(ANY, to, "required; shape=map; keys=webhook|slack|command|method POST,PUT|headers|body",                         \
      "{webhook: URL, headers, body}, {slack: URL} or {command: [...]}.")                                              \
    P(STRING, message, "required; minlen=1", "What is told.")                                                          \
    P(ANY, fields, "shape=map", "More values by name: texts, numbers and booleans.")                                   \
    P(BOOL, optional, "default=false", "Whether the step succeeds when nobody could be told.")                         \
    P(INT, attempts, "default=3; min=1; max=20", "How often it is tried before the step gives up.")                    \
    P(DURATION, delay, "default=1s; min=0", "Before the second attempt; doubled before each one after it.")            \
    P(DURATION, timeout, "default=30s; min=1", "Of one attempt.")

#define OUTPUTS(O)                                                                                                     \
    O(BOOL, sent, "Whether it was delivered.")                                                                         \
    O(STRING, id, "The id that every attempt carried.")                                                                \
    O(INT, status, "The HTTP status of the last answer; null when there was none.")                                    \
    O(STRING, error, "Why it was not delivered, or empty.")

STEP_PARAMS_STRUCT(notify_params, PARAMS);

enum { LONGEST_DELAY_MS = 60000 };

static int check_fields(const struct step_value *fields, struct fault *fault)
{
    if (fields != NULL && fields->type != STEP_TYPE_MAP) {
        return fault_set(fault, "fields: expected a map, got %s", value_type_name(fields));
    }
    for (size_t i = 0; fields != NULL && i < fields->count; i++) {
        if (fields->items[i].type == STEP_TYPE_LIST || fields->items[i].type == STEP_TYPE_MAP) {
            return fault_set(fault, "fields: '%.60s' is %s: expected a text, a number or a boolean", fields->keys[i],
                             value_type_name(&fields->items[i]));
        }
    }
    return 0;
}

/* The same for all attempts of the step in this run, and for nothing else. */
static const char *id_of(const struct step_context *context, struct scratch *scratch)
{
    struct textbuf item = {0};
    for (const char *p = context->item; *p != '\0'; p++) {
        char c = *p;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
        if (plain) {
            textbuf_put_bytes(&item, p, 1);
        } else {
            textbuf_printf(&item, "_%02x", (unsigned)(unsigned char)c);
        }
    }
    const char *id = scratch_printf(scratch, "%s-%s%s%s", context->run_id, context->step, item.size > 0 ? "-" : "",
                                    textbuf_text(&item));
    textbuf_free(&item);
    return id;
}

static enum channel_result deliver(const struct step_host *host, const struct notify_params *p,
                                   const struct channel *channel, const struct notice *notice, int *ret_status,
                                   struct fault *fault)
{
    int64_t delay_ms = p->delay;
    for (int64_t attempt = 1;; attempt++) {
        enum channel_result result = channel_deliver(host, channel, notice, ret_status, fault);
        if (result != CHANNEL_AGAIN || attempt >= p->attempts || host->cancelled(host)) {
            return result;
        }
        step_log(host, STEP_LOG_WARN, "attempt %lld of %lld: %s", (long long)attempt, (long long)p->attempts,
                 fault->text);
        if (moment_sleep(host, delay_ms) < 0) {
            return result;
        }
        delay_ms = delay_ms * 2 < LONGEST_DELAY_MS ? delay_ms * 2 : LONGEST_DELAY_MS;
    }
}

static enum step_result conclude(const struct step_host *host, const struct notify_params *p,
                                 const struct channel *channel, const struct notice *notice, bool sent, int status,
                                 const char *error)
{
    int result = step_output_bool(host, "sent", sent);
    result |= step_output_string(host, "id", notice->id);
    result |= status == 0 ? host->output(host, "status", "null") : step_output_int(host, "status", status);
    result |= step_output_string(host, "error", error);
    if (result != 0) {
        return step_fail(host, "the outputs were not accepted");
    }
    if (sent) {
        step_log(host, STEP_LOG_INFO, "told %s", channel->name);
        return STEP_OK;
    }
    if (p->optional && !host->cancelled(host)) {
        step_log(host, STEP_LOG_WARN, "nobody was told, which is optional: %s", error);
        return STEP_OK;
    }
    return step_fail(host, "%s", error);
}

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct notify_params *p = params;
    struct scratch scratch = {0};
    struct channel channel;
    struct fault fault = {{0}};
    struct notice notice = {
        .id = id_of(host->context, &scratch), .message = p->message, .fields = value_given(p->fields)};
    enum step_result result = STEP_FAILED;
    /* What is written wrong is wrong, optional or not. */
    if (channel_parse(&scratch, p->to, notice.id, p->timeout, &channel, &fault) < 0 ||
        check_fields(notice.fields, &fault) < 0) {
        result = step_fail(host, "%s", fault.text);
    } else {
        int status = 0;
        bool sent = deliver(host, p, &channel, &notice, &status, &fault) == CHANNEL_DELIVERED;
        result = conclude(host, p, &channel, &notice, sent, status, sent ? "" : fault.text);
    }
    scratch_free(&scratch);
    return result;
}

STEP_PLUGIN(notify, "1.0", "Tells a webhook, Slack or a command, at least once.", STEP_REPEATABLE, notify_params,
            PARAMS, OUTPUTS, run)
