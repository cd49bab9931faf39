/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_process.h"

#include "base/crash_point.h"
#include "base/utf8.h"
#include "runner/plugin_host.h"
#include "runner/step_collect.h"
#include "runner/step_link.h"
#include "runner/step_lua.h"
#include "runner/step_outcome.h"

#include <stdio.h>

enum { EXIT_STEP_FAILED = 1 };

void step_outcome_reason(struct step_outcome *outcome, const char *text)
{
    (void)snprintf(outcome->reason, sizeof outcome->reason, "%s", text == NULL ? "" : text);
    utf8_one_line(outcome->reason);
}

static void run_code(const struct json *spawn, const struct step_sink *sink, struct arena *arena,
                     struct step_outcome *outcome)
{
    if (strcmp(json_get_text(spawn, "kind", ""), "lua") == 0) {
        lua_host_run(spawn, sink, arena, outcome);
    } else {
        plugin_host_run(spawn, sink, arena, outcome);
    }
}

/* What the code said is not all: a wait must be sendable, a success must leave what the pipeline declares. */
static void settle(const struct json *spawn, struct step_link *link, struct arena *arena, struct step_outcome *outcome)
{
    struct step_sink sink = step_link_sink(link);
    struct err err = {0};
    int result = 0;
    if (outcome->result == STEP_OK) {
        result = step_collect(spawn, &outcome->outputs, &sink, &err);
    } else if (outcome->result == STEP_WAIT && outcome->wait.type != JSON_OBJECT) {
        result = err_set(&err, ERR_STATE, "it asks to wait, but never said what for: expected a call of wait() before");
    } else if (outcome->result == STEP_WAIT) {
        struct json frame = json_object();
        json_set(arena, &frame, "wait", outcome->wait);
        json_set(arena, &frame, "state", outcome->state);
        result = step_link_send(link, JOURNAL_WAIT, &frame, &err);
    }
    if (result < 0) {
        outcome->result = STEP_FAILED;
        step_outcome_reason(outcome, err.message);
    }
}

int step_process_run(const struct json *spawn, int channel)
{
    struct step_link *link = step_link_new(channel, json_get(spawn, "fetch"));
    struct step_sink sink = step_link_sink(link);
    struct arena *arena = arena_new();
    struct step_outcome outcome = {.outputs = json_object(), .wait = json_null(), .state = json_null()};
    run_code(spawn, &sink, arena, &outcome);
    settle(spawn, link, arena, &outcome);
    static const char *const words[] = {
        [STEP_OK] = "ok", [STEP_FAILED] = "failed", [STEP_WAIT] = "wait", [STEP_REFUSED] = "refused"};
    if (outcome.result < STEP_OK || outcome.result > STEP_REFUSED) {
        step_outcome_reason(&outcome,
                            arena_printf(arena, "the step returned %d, which is no result", (int)outcome.result));
        outcome.result = STEP_FAILED;
    }
    bool good = outcome.result == STEP_OK || outcome.result == STEP_WAIT;
    if (!good && outcome.reason[0] == '\0') {
        step_outcome_reason(&outcome, "the step failed and gave no reason");
    }
    crash_point_pass("step_before_result");
    int sent = step_link_result(link, words[outcome.result], good ? NULL : outcome.reason);
    sent = step_link_free(link) < 0 ? -1 : sent;
    arena_free(arena);
    crash_point_pass("step_after_result");
    /* A result that could not be sent: the runner says so when it sees the exit. */
    return good && sent == 0 ? 0 : EXIT_STEP_FAILED;
}

int step_process_collect(const struct json *spawn, int channel)
{
    struct step_link *link = step_link_new(channel, json_get(spawn, "fetch"));
    struct step_sink sink = step_link_sink(link);
    struct json set = json_object();
    struct err err = {0};
    int result = step_collect(spawn, &set, &sink, &err);
    if (result < 0) {
        struct step_outcome outcome = {0};
        step_outcome_reason(&outcome, err.message);
        (void)step_link_result(link, "failed", outcome.reason);
    }
    result = step_link_free(link) < 0 ? -1 : result;
    return result < 0 ? EXIT_STEP_FAILED : 0;
}
