/* SPDX-License-Identifier: Apache-2.0
 * Asks people. The step only says what it asks for and holds no process while it waits; the engine counts votes,
 * expires and compares the evidence. Called again with the outcome, the step turns it into a result, and everything but
 * "met" is a refusal. */
#include "step.h"

#include "members.h"
#include "value.h"

#include <string.h>

#define PARAMS(P)                                                                                                      \
    P(STRING, of, "", "What is approved: models:/NAME/VERSION, models:/NAME@ALIAS or m-...")                           \
    P(ANY, by, "shape=list|map|string; items=string",                                                                  \
      "Who may: names and group:NAME; a map says how many of each; by default all.")                                   \
    P(ANY, not_by, "shape=list|string; items=string", "Who may not: author, starter, names, group:NAME.")              \
    P(INT, quorum, "min=1", "How many of a list `by` must approve; 1 by default.")                                     \
    P(DURATION, expires, "", "Without a decision by then it is refused; by default it waits for ever.")                \
    P(STRING, message, "", "What the people who decide should know.")                                                  \
    P(ANY, evidence, "", "Values that belong to what is reviewed, besides model, gates, params and definition.")       \
    P(BOOL, supersede, "default=true", "Withdraw older requests of this step about the same registered model.")

#define OUTPUTS(O)                                                                                                     \
    O(ANY, approved_by, "Who approved, a list.")                                                                       \
    O(STRING, reason, "What the last of them said.")                                                                   \
    O(STRING, evidence_sha256, "The digest of what was reviewed.")                                                     \
    O(BOOL, waived, "Whether not_by did not apply, because the home has one user.")

STEP_PARAMS_STRUCT(approve_params, PARAMS);

/* ---- asking ------------------------------------------------------------------------------------- */

/* "group:" alone is nobody, and an approval that nobody can give would wait for ever. */
static int check_name(const char *what, const char *name, struct fault *fault)
{
    if (name[0] == '\0' || strcmp(name, "group:") == 0) {
        return fault_set(fault, "%s: '%.60s' names nobody: expected a name or group:NAME", what, name);
    }
    return 0;
}

static int check_names(const char *what, const struct step_value *names, struct fault *fault)
{
    if (names->type == STEP_TYPE_STRING) {
        return check_name(what, names->string, fault);
    }
    if (value_check_texts(names, what, fault) < 0) {
        return -1;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (check_name(what, names->items[i].string, fault) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_map(const struct step_value *by, struct fault *fault)
{
    for (size_t i = 0; i < by->count; i++) {
        const struct step_value *people = &by->items[i];
        if (check_name("by", by->keys[i], fault) < 0) {
            return -1;
        }
        if (people->type != STEP_TYPE_INT || people->integer < 1) {
            return fault_set(fault, "by: '%.60s': expected how many people, 1 or more", by->keys[i]);
        }
    }
    return 0;
}

static int check_params(const struct approve_params *p, struct fault *fault)
{
    const struct step_value *by = value_given(p->by);
    const struct step_value *not_by = value_given(p->not_by);
    bool asks_all = p->by == NULL;
    if (!asks_all && (by == NULL || (by->type != STEP_TYPE_STRING && by->count == 0))) {
        return fault_set(fault, "by: it names nobody: expected a name, group:NAME, a list or a map of them");
    }
    bool is_map = !asks_all && by->type == STEP_TYPE_MAP;
    if (!asks_all && (is_map ? check_map(by, fault) < 0 : check_names("by", by, fault) < 0)) {
        return -1;
    }
    if (is_map && p->quorum > 0) {
        return fault_set(fault, "quorum: 'by' is a map and says how many of each: expected one of the two");
    }
    return not_by == NULL ? 0 : check_names("not_by", not_by, fault);
}

/* One name is a list of one. */
static void put_names(struct members *wait, const char *key, const struct step_value *names)
{
    if (names != NULL && names->type == STEP_TYPE_STRING) {
        struct step_value list = {.type = STEP_TYPE_LIST, .count = 1, .items = names};
        members_value(wait, key, &list);
    } else {
        members_value(wait, key, names);
    }
}

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static enum step_result ask(const struct step_host *host, const struct approve_params *p)
{
    struct members wait = {0};
    members_text(&wait, "kind", "approval");
    members_text(&wait, "of", text_or_null(p->of));
    put_names(&wait, "by", value_given(p->by));
    put_names(&wait, "not_by", value_given(p->not_by));
    if (p->quorum > 0) {
        members_whole(&wait, "quorum", p->quorum);
    }
    if (p->expires > 0) {
        members_whole(&wait, "expires_ms", p->expires);
    }
    members_text(&wait, "message", text_or_null(p->message));
    members_value(&wait, "evidence", value_given(p->evidence));
    if (!p->supersede) {
        members_bool(&wait, "supersede", false);
    }
    int result = host->wait(host, members_json(&wait), "null");
    members_free(&wait);
    return result == 0 ? STEP_WAIT : step_fail(host, "the request for approval was not accepted");
}

/* ---- the answer ------------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static enum step_result refuse(const struct step_host *host, const char *format,
                                                                     ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host->fail(host, text);
    return STEP_REFUSED;
}

static enum step_result approved(const struct step_host *host)
{
    static const struct {
        const char *output, *key;
    } rows[] = {{"approved_by", "by"}, {"reason", "reason"}, {"evidence_sha256", "sha256"}, {"waived", "waived"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (members_output(host, rows[i].output, step_get(host->resumed, rows[i].key)) < 0) {
            return step_fail(host, "the output '%s' was not accepted", rows[i].output);
        }
    }
    const struct step_value *waived = step_get(host->resumed, "waived");
    const char *last = value_member_text(host->resumed, "last");
    step_log(host, STEP_LOG_INFO, "approved by %s", last == NULL ? "everybody who was asked" : last);
    if (waived != NULL && waived->boolean) {
        step_log(host, STEP_LOG_WARN, "not_by did not apply: this home has one user");
    }
    return STEP_OK;
}

static enum step_result answer(const struct step_host *host, const struct approve_params *p)
{
    const char *outcome = value_member_text(host->resumed, "outcome");
    const char *reason = value_member_text(host->resumed, "reason");
    const char *last = value_member_text(host->resumed, "last");
    outcome = outcome == NULL ? "" : outcome;
    if (strcmp(outcome, "met") == 0) {
        return approved(host);
    }
    if (strcmp(outcome, "rejected") == 0) {
        return refuse(host, "rejected by %.200s%s%.600s", last == NULL ? "somebody" : last, reason == NULL ? "" : ": ",
                      reason == NULL ? "" : reason);
    }
    if (strcmp(outcome, "void") == 0) {
        return refuse(host, "void: what was reviewed has changed");
    }
    if (strcmp(outcome, "expired") == 0) {
        struct textbuf after = {0};
        value_put_duration(&after, p->expires);
        enum step_result result = refuse(host, "expired after %s without a decision", textbuf_text(&after));
        textbuf_free(&after);
        return result;
    }
    return refuse(host, "not approved: unknown outcome '%.60s'", outcome);
}

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct approve_params *p = params;
    struct fault fault;
    if (host->resumed != NULL) {
        return answer(host, p);
    }
    return check_params(p, &fault) < 0 ? step_fail(host, "%s", fault.text) : ask(host, p);
}

STEP_PLUGIN(approve, "1.0", "Waits until people approve, bound to the digest of what they reviewed.", STEP_GATE,
            approve_params, PARAMS, OUTPUTS, run)
