/* SPDX-License-Identifier: Apache-2.0
 * Points an alias of a registered model to a version, if it still points where the pipeline last saw it. The store
 * compares and sets in one transaction. */
#include "step.h"

#include "guarded.h"
#include "members.h"
#include "value.h"

#include <string.h>

#define PARAMS(P)                                                                                                      \
    P(STRING, model, "required; minlen=1", "The registered model's name.")                                             \
    P(ANY, version, "required; shape=number|string", "The version that the alias shall point to.")                     \
    P(STRING, set, "required; minlen=1", "The alias, such as champion.")                                               \
    P(ANY, expect, "shape=number|string", "The version it must point to now; null: it must not exist; absent: any.")   \
    P(STRING, keep, "", "An alias for the version that loses it, such as previous.")

#define OUTPUTS(O)                                                                                                     \
    O(INT, previous, "The version the alias pointed to; null when there was no such alias.")                           \
    O(INT, version, "The version it points to now.")

STEP_PARAMS_STRUCT(alias_params, PARAMS);

struct move {
    const struct alias_params *params;
    int64_t version;
    bool compare;
    int64_t expect; /* 0: must not exist */
};

static int read_version(const struct step_value *value, const char *what, int64_t *ret_version, struct fault *fault)
{
    if (value_whole(value, what, ret_version, fault) < 0) {
        return -1;
    }
    return *ret_version >= 1
               ? 0
               : fault_set(fault, "%s: %lld is no version: expected 1 or more", what, (long long)*ret_version);
}

static int read_params(const struct alias_params *p, struct move *move, struct fault *fault)
{
    *move = (struct move){.params = p, .compare = p->expect != NULL};
    if (read_version(p->version, "version", &move->version, fault) < 0 ||
        (value_given(p->expect) != NULL && read_version(p->expect, "expect", &move->expect, fault) < 0)) {
        return -1;
    }
    if (p->keep != NULL && strcmp(p->keep, p->set) == 0) {
        return fault_set(fault, "keep: '%.60s' is the alias that is set: expected another", p->keep);
    }
    return 0;
}

static int set_alias(const struct step_host *host, const struct move *move, const struct step_value **ret_reply,
                     struct fault *fault)
{
    struct members ask = {0};
    members_text(&ask, "name", move->params->model);
    members_text(&ask, "alias", move->params->set);
    members_whole(&ask, "version", move->version);
    if (move->compare && move->expect == 0) {
        members_raw(&ask, "expect", "null");
    } else if (move->compare) {
        members_whole(&ask, "expect", move->expect);
    }
    members_text(&ask, "keep", move->params->keep != NULL && move->params->keep[0] != '\0' ? move->params->keep : NULL);
    int result = members_ask(host, "registry.alias", &ask, ret_reply, fault);
    members_free(&ask);
    return result;
}

/* A comparison fails as well when an attempt whose end was lost has moved the alias already. */
static bool was_set_before(const struct step_host *host, const struct move *move)
{
    struct members ask = {0};
    struct fault ignored;
    const struct step_value *reply = NULL;
    members_text(&ask, "name", move->params->model);
    members_text(&ask, "alias", move->params->set);
    int result = members_ask(host, "registry.alias_get", &ask, &reply, &ignored);
    members_free(&ask);
    const struct step_value *version = step_get(reply, "version");
    return result == 0 && version != NULL && version->type == STEP_TYPE_INT && version->integer == move->version;
}

static enum step_result conclude(const struct step_host *host, const struct move *move, int64_t previous)
{
    int result = previous == 0 ? host->output(host, "previous", "null") : step_output_int(host, "previous", previous);
    result |= step_output_int(host, "version", move->version);
    if (result != 0) {
        return step_fail(host, "the outputs were not accepted");
    }
    struct textbuf from = {0};
    if (previous != 0 && previous != move->version) {
        textbuf_printf(&from, ", before %lld", (long long)previous);
    }
    step_log(host, STEP_LOG_INFO, "%s@%s is version %lld%s", move->params->model, move->params->set,
             (long long)move->version, previous == move->version ? ", as before" : textbuf_text(&from));
    textbuf_free(&from);
    return STEP_OK;
}

/* A guard said no to one of the two aliases that are moved: it is asked what would help. The version that gets `keep`
 * is the one that loses the alias. */
static enum step_result ask_guard(const struct step_host *host, const struct move *move, const struct fault *refusal)
{
    const struct step_value *now = NULL;
    struct members ask = {0};
    struct fault fault = *refusal;
    const char *alias = move->params->set;
    int64_t version = move->version;
    for (int i = 0; i < 2; i++) {
        struct members check = {0};
        members_text(&check, "model", move->params->model);
        members_text(&check, "alias", alias);
        members_whole(&check, "version", version);
        enum guarded guarded = guarded_ask(host, &check, alias, &fault);
        members_free(&check);
        if (guarded != GUARDED_FREE) {
            return guarded == GUARDED_WAITS     ? STEP_WAIT
                   : guarded == GUARDED_REFUSED ? guarded_refuse(host, refusal)
                                                : step_fail(host, "%s", fault.text);
        }
        if (i > 0 || move->params->keep == NULL || move->params->keep[0] == '\0') {
            break;
        }
        members_text(&ask, "name", move->params->model);
        members_text(&ask, "alias", move->params->set);
        int result = members_ask(host, "registry.alias_get", &ask, &now, &fault);
        members_free(&ask);
        const struct step_value *holds = result < 0 ? NULL : step_get(now, "version");
        if (holds == NULL || holds->type != STEP_TYPE_INT) {
            break;
        }
        alias = move->params->keep;
        version = holds->integer;
    }
    return guarded_refuse(host, refusal);
}

static enum step_result run(const struct step_host *host, const void *params)
{
    struct move move;
    struct fault fault;
    const struct step_value *reply = NULL;
    if (read_params(params, &move, &fault) < 0) {
        return step_fail(host, "%s", fault.text);
    }
    if (guarded_answer(host, &fault) < 0) {
        return guarded_refuse(host, &fault);
    }
    if (set_alias(host, &move, &reply, &fault) < 0) {
        if (move.compare && host->context->attempt > 1 && was_set_before(host, &move)) {
            step_log(host, STEP_LOG_INFO, "an earlier attempt has set the alias");
            return conclude(host, &move, move.expect);
        }
        return guarded_is_denied(reply) ? ask_guard(host, &move, &fault) : step_fail(host, "%s", fault.text);
    }
    const struct step_value *previous = step_get(reply, "previous");
    return conclude(host, &move, previous != NULL && previous->type == STEP_TYPE_INT ? previous->integer : 0);
}

STEP_PLUGIN(alias, "1.0", "Points an alias of a registered model to a version, by compare-and-set.", STEP_REPEATABLE,
            alias_params, PARAMS, OUTPUTS, run)
