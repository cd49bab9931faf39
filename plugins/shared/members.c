/* SPDX-License-Identifier: Apache-2.0 */
#include "members.h"

#include "value.h"

static void put_key(struct members *members, const char *key)
{
    textbuf_put(&members->text, members->text.size == 0 ? "{" : ",");
    textbuf_json_string(&members->text, key);
    textbuf_put(&members->text, ":");
}

void members_text(struct members *members, const char *key, const char *text)
{
    if (text != NULL) {
        put_key(members, key);
        textbuf_json_string(&members->text, text);
    }
}

void members_whole(struct members *members, const char *key, int64_t number)
{
    put_key(members, key);
    textbuf_printf(&members->text, "%lld", (long long)number);
}

void members_number(struct members *members, const char *key, double number)
{
    put_key(members, key);
    textbuf_json_number(&members->text, number);
}

void members_bool(struct members *members, const char *key, bool value)
{
    members_raw(members, key, value ? "true" : "false");
}

void members_value(struct members *members, const char *key, const struct step_value *value)
{
    if (value != NULL) {
        put_key(members, key);
        value_put_json(&members->text, value);
    }
}

void members_raw(struct members *members, const char *key, const char *json)
{
    put_key(members, key);
    textbuf_put(&members->text, json);
}

const char *members_json(struct members *members)
{
    if (!members->closed) {
        textbuf_put(&members->text, members->text.size == 0 ? "{}" : "}");
        members->closed = true;
    }
    return textbuf_text(&members->text);
}

void members_free(struct members *members)
{
    textbuf_free(&members->text);
    members->closed = false;
}

int members_ask(const struct step_host *host, const char *method, struct members *members,
                const struct step_value **ret_reply, struct fault *fault)
{
    static const struct step_value nothing = {.type = STEP_TYPE_NULL};
    *ret_reply = &nothing;
    if (host->call(host, method, members_json(members), ret_reply) == 0) {
        return 0;
    }
    const char *message = value_member_text(*ret_reply, "message");
    const char *code = value_member_text(*ret_reply, "error");
    return fault_set(fault, "%.400s",
                     message != NULL ? message : code != NULL ? code : "the store refused without a reason");
}

int members_output(const struct step_host *host, const char *key, const struct step_value *value)
{
    struct textbuf json = {0};
    value_put_json(&json, value);
    int result = host->output(host, key, textbuf_text(&json));
    textbuf_free(&json);
    return result;
}
