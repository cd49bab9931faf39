/* SPDX-License-Identifier: Apache-2.0
 * Waits for a time, a file or a URL. The step only says what it waits for; the engine looks, and no process is held.
 * Called again with the outcome, the step turns it into a result. */
#include "step.h"

#include "folder.h"
#include "instant.h"
#include "members.h"
#include "moment.h"
#include "value.h"
#include "web.h"

#include <string.h>

#define PARAMS(P)                                                                                                      \
    P(DURATION, delay, "", "Waits so long.")                                                                           \
    P(STRING, until, "", "Waits until a time with its zone, such as 2026-03-01T08:00:00Z.")                            \
    P(STRING, file, "", "Waits until a file or folder is there.")                                                      \
    P(STRING, url, "", "Waits until a URL answers.")                                                                   \
    P(DURATION, stable, "", "Of a file: and has not changed for so long.")                                             \
    P(ANY, status, "shape=number|list; items=int",                                                                     \
      "Of a URL: the status it must answer with, or a list; 200 by default.")                                          \
    P(STRING, contains, "", "Of a URL: a text that must stand in the answer.")                                         \
    P(DURATION, every, "default=10s; min=100", "Of a file or URL: how often to look.")                                 \
    P(DURATION, expires, "", "When to give up; by default it waits for ever.")                                         \
    P(STRING, on_expiry, "default=fail; choices=fail|go_on", "Whether the step fails when it gives up.")

#define OUTPUTS(O)                                                                                                     \
    O(BOOL, met, "False when it gave up and went on.")                                                                 \
    O(INT, waited_ms, "How long it waited, in milliseconds.")                                                          \
    O(INT, status, "Of a URL: the status it answered with; else null.")

STEP_PARAMS_STRUCT(wait_params, PARAMS);

/* ---- asking ------------------------------------------------------------------------------------- */

static bool given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int check_params(const struct wait_params *p, struct fault *fault)
{
    int kinds = (p->delay > 0) + given(p->until) + given(p->file) + given(p->url);
    if (kinds != 1) {
        return fault_set(fault, "%s of delay, until, file and url %s given: expected exactly one",
                         kinds == 0 ? "none" : "more than one", kinds == 0 ? "is" : "are");
    }
    if (p->stable > 0 && !given(p->file)) {
        return fault_set(fault, "stable: there is no 'file' that could change");
    }
    if ((value_given(p->status) != NULL || given(p->contains)) && !given(p->url)) {
        return fault_set(fault, "%s: there is no 'url' that could answer", given(p->contains) ? "contains" : "status");
    }
    if (p->expires > 0 && (p->delay > 0 || given(p->until))) {
        return fault_set(fault, "expires: a time always comes: expected it with 'file' or 'url'");
    }
    return given(p->url) && (web_check_url(p->url, "url", fault) < 0 ||
                             web_check_statuses(value_given(p->status), "status", fault) < 0)
               ? -1
               : 0;
}

static void put_looks(struct members *wait, const struct wait_params *p)
{
    members_whole(wait, "every_ms", p->every);
    if (p->expires > 0) {
        members_whole(wait, "expires_ms", p->expires);
    }
}

static int put_wait(const struct step_host *host, const struct wait_params *p, struct members *wait,
                    struct fault *fault)
{
    int64_t at_ms = 0;
    if (given(p->url)) {
        members_text(wait, "kind", "url");
        members_text(wait, "url", p->url);
        members_value(wait, "status", value_given(p->status));
        members_text(wait, "contains", given(p->contains) ? p->contains : NULL);
        put_looks(wait, p);
        return 0;
    }
    if (given(p->file)) {
        struct scratch scratch = {0};
        members_text(wait, "kind", "file");
        members_text(wait, "path", folder_of_workspace(host, &scratch, p->file));
        members_whole(wait, "stable_ms", p->stable > 0 ? p->stable : 0);
        put_looks(wait, p);
        scratch_free(&scratch);
        return 0;
    }
    if (!given(p->until)) {
        members_text(wait, "kind", "delay");
        members_whole(wait, "delay_ms", p->delay);
        return 0;
    }
    if (instant_parse(p->until, "until", &at_ms, fault) < 0) {
        return -1;
    }
    members_text(wait, "kind", "until");
    members_whole(wait, "at_ms", at_ms);
    return 0;
}

static enum step_result ask(const struct step_host *host, const struct wait_params *p)
{
    struct members wait = {0};
    struct members state = {0};
    struct fault fault;
    members_whole(&state, "since_ms", moment_wall_ms());
    enum step_result result = STEP_WAIT;
    if (put_wait(host, p, &wait, &fault) < 0) {
        result = step_fail(host, "%s", fault.text);
    } else if (host->wait(host, members_json(&wait), members_json(&state)) < 0) {
        result = step_fail(host, "the wait was not accepted");
    }
    members_free(&wait);
    members_free(&state);
    return result;
}

/* ---- the outcome -------------------------------------------------------------------------------- */

static enum step_result expired(const struct step_host *host, const struct wait_params *p)
{
    struct textbuf after = {0};
    value_put_duration(&after, p->expires);
    const char *reason = given(p->url)     ? "did not answer as it should"
                         : p->stable > 0 ? "was not there unchanged"
                                           : "was not there";
    char text[600];
    (void)snprintf(text, sizeof text, "gave up after %s: '%.400s' %s", textbuf_text(&after),
                   given(p->url) ? p->url : given(p->file) ? p->file : "", reason);
    textbuf_free(&after);
    if (strcmp(p->on_expiry, "fail") == 0) {
        return step_fail(host, "%s", text);
    }
    step_log(host, STEP_LOG_WARN, "%s", text);
    return STEP_OK;
}

static enum step_result answer(const struct step_host *host, const struct wait_params *p)
{
    const char *outcome = value_member_text(host->resumed, "outcome");
    const struct step_value *since = step_get(step_get(host->resumed, "state"), "since_ms");
    bool met = outcome != NULL && strcmp(outcome, "met") == 0;
    int64_t waited_ms = since == NULL ? 0 : moment_wall_ms() - since->integer;
    if (!met && (outcome == NULL || strcmp(outcome, "expired") != 0)) {
        return step_fail(host, "unknown outcome '%.60s': expected met or expired", outcome == NULL ? "" : outcome);
    }
    int result = step_output_bool(host, "met", met);
    result |= step_output_int(host, "waited_ms", waited_ms < 0 ? 0 : waited_ms);
    result |= members_output(host, "status", step_get(host->resumed, "status"));
    if (result != 0) {
        return step_fail(host, "the outputs were not accepted");
    }
    return met ? STEP_OK : expired(host, p);
}

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct wait_params *p = params;
    struct fault fault;
    if (host->resumed != NULL) {
        return answer(host, p);
    }
    return check_params(p, &fault) < 0 ? step_fail(host, "%s", fault.text) : ask(host, p);
}

STEP_PLUGIN(wait, "1.0", "Waits for a time, a file or a URL, without holding a process.", STEP_REPEATABLE, wait_params,
            PARAMS, OUTPUTS, run)
