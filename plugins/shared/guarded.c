/* SPDX-License-Identifier: Apache-2.0 */
#include "guarded.h"

#include "value.h"

#include <string.h>

static bool was_approved(const struct step_host *host, const char *place)
{
    const char *state = value_member_text(host->resumed, "state");
    return host->resumed != NULL && state != NULL && strcmp(state, place) == 0;
}

static enum guarded wait_for(const struct step_host *host, const struct step_value *wait, const char *place,
                             struct fault *fault)
{
    struct textbuf request = {0};
    struct textbuf state = {0};
    value_put_json(&request, wait);
    textbuf_json_string(&state, place);
    int result = host->wait(host, textbuf_text(&request), textbuf_text(&state));
    textbuf_free(&request);
    textbuf_free(&state);
    if (result == 0) {
        return GUARDED_WAITS;
    }
    (void)fault_set(fault, "the request for approval was not accepted");
    return GUARDED_FAILED;
}

enum guarded guarded_ask(const struct step_host *host, struct members *question, const char *place,
                         struct fault *fault)
{
    const struct step_value *reply = NULL;
    if (members_ask(host, "guard.check", question, &reply, fault) < 0) {
        return GUARDED_FAILED;
    }
    const char *lacks = value_member_text(reply, "lacks");
    const struct step_value *wait = value_given(step_get(reply, "wait"));
    if (lacks == NULL || lacks[0] == '\0') {
        return GUARDED_FREE;
    }
    if (wait != NULL && !was_approved(host, place)) {
        return wait_for(host, wait, place, fault);
    }
    (void)fault_set(fault, "%.200s is guarded by config.yaml: it lacks %.600s", place, lacks);
    return GUARDED_REFUSED;
}

bool guarded_is_denied(const struct step_value *reply)
{
    const char *code = value_member_text(reply, "error");
    return code != NULL && strcmp(code, "denied") == 0;
}

int guarded_answer(const struct step_host *host, struct fault *fault)
{
    const char *outcome = host->resumed == NULL ? "met" : value_member_text(host->resumed, "outcome");
    const char *reason = value_member_text(host->resumed, "reason");
    const char *last = value_member_text(host->resumed, "last");
    outcome = outcome == NULL ? "" : outcome;
    if (strcmp(outcome, "met") == 0) {
        return 0;
    }
    if (strcmp(outcome, "rejected") == 0) {
        return fault_set(fault, "rejected by %.200s%s%.600s", last == NULL ? "somebody" : last,
                         reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
    }
    return strcmp(outcome, "void") == 0 ? fault_set(fault, "void: what was reviewed has changed")
                                        : fault_set(fault, "not approved: %.60s", outcome);
}

enum step_result guarded_refuse(const struct step_host *host, const struct fault *fault)
{
    host->fail(host, fault->text);
    return STEP_REFUSED;
}
