/* SPDX-License-Identifier: Apache-2.0 */
#include "channel.h"

#include "members.h"
#include "program.h"
#include "value.h"
#include "web.h"

#include <string.h>

/* ---- parsing ------------------------------------------------------------------------------------ */

/* "https://hooks.slack.com" of a URL: the rest often is the password. */
static const char *host_of(struct scratch *scratch, const char *url)
{
    const char *start = strstr(url, "://") + 3;
    size_t size = strcspn(start, "/?#");
    for (size_t i = size; i > 0; i--) {
        if (start[i - 1] == '@') { /* and so is what stands before the host */
            return scratch_printf(scratch, "%.*s%.*s", (int)(start - url), url, (int)(size - i), start + i);
        }
    }
    return scratch_copy(scratch, url, (size_t)(start - url) + size);
}

static int read_url(struct scratch *scratch, const struct step_value *to, const char *key, struct channel *channel,
                    struct fault *fault)
{
    channel->url = value_member_text(to, key);
    if (channel->url == NULL) {
        return fault_set(fault, "to.%s: expected a URL, got %s", key, value_type_name(step_get(to, key)));
    }
    struct fault shown;
    if (web_check_url(channel->url, key, &shown) < 0) {
        return fault_set(fault, "to.%s: it is no URL: expected http://... or https://...", key);
    }
    channel->name = host_of(scratch, channel->url);
    return 0;
}

/* The id as a header, before those that the user wrote. */
static int add_headers(struct scratch *scratch, const struct step_value *headers, const char *id,
                       struct channel *channel, struct fault *fault)
{
    const char *const *given = NULL;
    size_t count = 0;
    if (web_headers(scratch, headers, "application/json", &given, fault) < 0) {
        return -1;
    }
    for (; given[count] != NULL; count++) {
    }
    const char **all = scratch_array(scratch, count + 2, sizeof *all);
    all[0] = scratch_printf(scratch, "Idempotency-Key: %s", id);
    memcpy(all + 1, given, count * sizeof *given);
    channel->headers = all;
    return 0;
}

static int parse_webhook(struct scratch *scratch, const struct step_value *to, const char *id, struct channel *channel,
                         struct fault *fault)
{
    static const char *const known[] = {"webhook", "method", "headers", "body"};
    const char *method = value_member_text(to, "method");
    channel->kind = CHANNEL_WEBHOOK;
    channel->method = method == NULL ? "POST" : method;
    channel->body = value_given(step_get(to, "body"));
    if (value_check_keys(to, "to", known, sizeof known / sizeof known[0], fault) < 0) {
        return -1;
    }
    if (strcmp(channel->method, "POST") != 0 && strcmp(channel->method, "PUT") != 0) {
        return fault_set(fault, "to.method: '%.60s': expected POST or PUT", channel->method);
    }
    return read_url(scratch, to, "webhook", channel, fault) < 0
               ? -1
               : add_headers(scratch, value_given(step_get(to, "headers")), id, channel, fault);
}

static int parse_slack(struct scratch *scratch, const struct step_value *to, const char *id, struct channel *channel,
                       struct fault *fault)
{
    static const char *const known[] = {"slack"};
    channel->kind = CHANNEL_SLACK;
    channel->method = "POST";
    return value_check_keys(to, "to", known, 1, fault) < 0 || read_url(scratch, to, "slack", channel, fault) < 0
               ? -1
               : add_headers(scratch, NULL, id, channel, fault);
}

static int parse_command(struct scratch *scratch, const struct step_value *to, struct channel *channel,
                         struct fault *fault)
{
    static const char *const known[] = {"command"};
    channel->kind = CHANNEL_COMMAND;
    if (value_check_keys(to, "to", known, 1, fault) < 0 ||
        program_argv(scratch, step_get(to, "command"), "to.command", &channel->command, fault) < 0) {
        return -1;
    }
    channel->name = channel->command[0];
    return 0;
}

int channel_parse(struct scratch *scratch, const struct step_value *to, const char *id, int64_t timeout_ms,
                  struct channel *ret_channel, struct fault *fault)
{
    *ret_channel = (struct channel){.timeout_ms = timeout_ms};
    if (step_get(to, "webhook") != NULL) {
        return parse_webhook(scratch, to, id, ret_channel, fault);
    }
    if (step_get(to, "slack") != NULL) {
        return parse_slack(scratch, to, id, ret_channel, fault);
    }
    if (step_get(to, "command") != NULL) {
        return parse_command(scratch, to, ret_channel, fault);
    }
    return fault_set(fault, "to: expected {webhook: URL}, {slack: URL} or {command: [...]}");
}

/* ---- what is said ------------------------------------------------------------------------------- */

static void put_usual_body(struct members *body, const struct step_context *context, const struct notice *notice)
{
    members_text(body, "id", notice->id);
    members_text(body, "message", notice->message);
    members_value(body, "fields", notice->fields);
    members_text(body, "pipeline", context->pipeline);
    members_text(body, "run_id", context->run_id);
    members_whole(body, "run_number", context->run_number);
    members_text(body, "step", context->step);
}

/* Slack's text has three characters of its own; in a value they must not call a whole channel. */
static void put_slack_escaped(struct textbuf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '&') {
            textbuf_put(out, "&amp;");
        } else if (*p == '<') {
            textbuf_put(out, "&lt;");
        } else if (*p == '>') {
            textbuf_put(out, "&gt;");
        } else {
            textbuf_put_bytes(out, p, 1);
        }
    }
}

static void put_slack_text(struct textbuf *out, const struct notice *notice)
{
    textbuf_put(out, notice->message);
    for (size_t i = 0; notice->fields != NULL && i < notice->fields->count; i++) {
        struct textbuf value = {0};
        value_put_plain(&value, &notice->fields->items[i]);
        textbuf_put(out, "\n*");
        put_slack_escaped(out, notice->fields->keys[i]);
        textbuf_put(out, "*: ");
        put_slack_escaped(out, textbuf_text(&value));
        textbuf_free(&value);
    }
}

/* ---- delivering --------------------------------------------------------------------------------- */

static enum channel_result post(const struct step_host *host, const struct channel *channel, const char *json,
                                int *ret_status, struct fault *fault)
{
    struct step_http_request request = {.size = sizeof request,
                                        .method = channel->method,
                                        .url = channel->url,
                                        .headers = channel->headers,
                                        .body = json,
                                        .body_size = strlen(json),
                                        .timeout_ms = channel->timeout_ms,
                                        .max_bytes = 1 << 20};
    struct step_http_response response = {0};
    if (host->http(host, &request, &response) < 0) {
        (void)fault_set(fault, "%.150s gave no answer: %.200s", channel->name,
                        response.error == NULL ? "" : response.error);
        return CHANNEL_AGAIN;
    }
    *ret_status = response.status;
    if (web_is_wanted(NULL, response.status)) {
        return CHANNEL_DELIVERED;
    }
    (void)fault_set(fault, "%.150s answered %d: %.150s", channel->name, response.status,
                    response.body == NULL ? "" : response.body);
    return response.status >= 500 || response.status == 408 || response.status == 429 ? CHANNEL_AGAIN : CHANNEL_REFUSED;
}

static enum channel_result run_command(const struct step_host *host, const struct channel *channel,
                                       const struct notice *notice, const char *json, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *const env[] = {scratch_printf(&scratch, "SLUICE_NOTICE_ID=%s", notice->id),
                               scratch_printf(&scratch, "SLUICE_NOTICE_MESSAGE=%s", notice->message), NULL};
    struct program program = {.argv = channel->command,
                              .env = env,
                              .folder = host->context->workspace,
                              .input = scratch_printf(&scratch, "%s\n", json), /* a line: commands append to files */
                              .timeout_ms = channel->timeout_ms};
    int result = program_run(host, &program, fault);
    scratch_free(&scratch);
    return result == 0 ? CHANNEL_DELIVERED : CHANNEL_AGAIN;
}

enum channel_result channel_deliver(const struct step_host *host, const struct channel *channel,
                                    const struct notice *notice, int *ret_status, struct fault *fault)
{
    struct members body = {0};
    struct textbuf own = {0};
    *ret_status = 0;
    if (channel->kind == CHANNEL_SLACK) {
        struct textbuf text = {0};
        put_slack_text(&text, notice);
        members_text(&body, "text", textbuf_text(&text));
        textbuf_free(&text);
    } else if (channel->body != NULL) {
        value_put_json(&own, channel->body);
    } else {
        put_usual_body(&body, host->context, notice);
    }
    const char *json = channel->body != NULL ? textbuf_text(&own) : members_json(&body);
    enum channel_result result = channel->kind == CHANNEL_COMMAND
                                     ? run_command(host, channel, notice, json, fault)
                                     : post(host, channel, json, ret_status, fault);
    members_free(&body);
    textbuf_free(&own);
    return result;
}
