/* SPDX-License-Identifier: Apache-2.0
 * Makes a logged model a version of a registered model. The store does it in one transaction, and answers the
 * version that is there when the same model was registered under the name before. */
#include "step.h"

#include "guarded.h"
#include "members.h"
#include "value.h"

#define PARAMS(P)                                                                                                      \
    P(STRING, model, "required; minlen=1", "The logged model: m-..., models:/m-..., or a version models:/NAME/3.")     \
    P(STRING, name, "required; minlen=1", "The registered model; it is created when there is none.")                   \
    P(ANY, aliases, "shape=list; items=string", "Aliases that shall point to the version, such as challenger.")        \
    P(ANY, tags, "shape=map", "Tags of the version.")                                                                  \
    P(STRING, description, "", "What the version is, in words.")

#define OUTPUTS(O)                                                                                                     \
    O(INT, version, "The version's number.")                                                                           \
    O(STRING, model_uri, "The version as a URI, models:/NAME/VERSION.")                                                \
    O(STRING, model_id, "The id of the logged model.")                                                                 \
    O(BOOL, existing, "Whether this model was that version already.")

STEP_PARAMS_STRUCT(register_params, PARAMS);

static int check_tags(const struct step_value *tags, struct fault *fault)
{
    if (tags != NULL && tags->type != STEP_TYPE_MAP) {
        return fault_set(fault, "tags: expected a map, got %s", value_type_name(tags));
    }
    for (size_t i = 0; tags != NULL && i < tags->count; i++) {
        enum step_type type = tags->items[i].type;
        if (type == STEP_TYPE_LIST || type == STEP_TYPE_MAP || type == STEP_TYPE_NULL) {
            return fault_set(fault, "tags: '%.60s' is %s: expected a text, a number or a boolean", tags->keys[i],
                             value_type_name(&tags->items[i]));
        }
    }
    return 0;
}

static void put_tags(struct members *ask, const struct step_value *tags)
{
    struct members texts = {0};
    for (size_t i = 0; i < tags->count; i++) {
        struct textbuf text = {0};
        value_put_plain(&text, &tags->items[i]);
        members_text(&texts, tags->keys[i], textbuf_text(&text));
        textbuf_free(&text);
    }
    members_raw(ask, "tags", members_json(&texts));
    members_free(&texts);
}

/* With the aliases, all or nothing; or the version alone. */
static int ask_store(const struct step_host *host, const struct register_params *p, bool with_aliases,
                     const struct step_value **ret_reply, struct fault *fault)
{
    const struct step_value *aliases = with_aliases ? value_given(p->aliases) : NULL;
    const struct step_value *tags = value_given(p->tags);
    if ((aliases != NULL && value_check_texts(aliases, "aliases", fault) < 0) || check_tags(tags, fault) < 0) {
        return -1;
    }
    struct members ask = {0};
    members_text(&ask, "model", p->model);
    members_text(&ask, "name", p->name);
    members_value(&ask, "aliases", aliases);
    if (tags != NULL) {
        put_tags(&ask, tags);
    }
    members_text(&ask, "description", p->description);
    int result = members_ask(host, "registry.register", &ask, ret_reply, fault);
    members_free(&ask);
    return result;
}

/* A guard said no to an alias. If people can help, the version is registered without, for them to look at, and the step
 * waits; else nothing is registered. */
static enum step_result ask_guard(const struct step_host *host, const struct register_params *p,
                                  const struct fault *refusal)
{
    const struct step_value *aliases = value_given(p->aliases);
    const struct step_value *reply = NULL;
    struct fault fault = *refusal;
    for (size_t i = 0; aliases != NULL && i < aliases->count; i++) {
        struct members check = {0};
        members_text(&check, "model", p->name);
        members_text(&check, "uri", p->model);
        members_text(&check, "alias", aliases->items[i].string);
        enum guarded guarded = guarded_ask(host, &check, aliases->items[i].string, &fault);
        members_free(&check);
        if (guarded == GUARDED_WAITS) {
            return ask_store(host, p, false, &reply, &fault) < 0 ? step_fail(host, "%s", fault.text) : STEP_WAIT;
        }
        if (guarded == GUARDED_FAILED) {
            return step_fail(host, "%s", fault.text);
        }
        if (guarded == GUARDED_REFUSED) {
            break;
        }
    }
    return guarded_refuse(host, refusal);
}

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct register_params *p = params;
    const struct step_value *reply = NULL;
    struct fault fault;
    if (guarded_answer(host, &fault) < 0) {
        return guarded_refuse(host, &fault);
    }
    if (ask_store(host, p, true, &reply, &fault) < 0) {
        return guarded_is_denied(reply) ? ask_guard(host, p, &fault) : step_fail(host, "%s", fault.text);
    }
    static const char *const outputs[] = {"version", "model_uri", "model_id", "existing"};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (members_output(host, outputs[i], step_get(reply, outputs[i])) < 0) {
            return step_fail(host, "the output '%s' was not accepted", outputs[i]);
        }
    }
    const struct step_value *existing = step_get(reply, "existing");
    const char *uri = value_member_text(reply, "model_uri");
    step_log(host, STEP_LOG_INFO, "%s is %s%s", p->model, uri == NULL ? p->name : uri,
             existing != NULL && existing->boolean ? ", as before" : "");
    return STEP_OK;
}

STEP_PLUGIN(register, "1.0", "Makes a logged model a version of a registered model.", STEP_REPEATABLE, register_params,
            PARAMS, OUTPUTS, run)
