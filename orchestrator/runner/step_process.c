/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_process.h"

#include "base/crash_point.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "runner/lua_host.h"
#include "runner/plugin_host.h"
#include "runner/step_collect.h"
#include "runner/step_link.h"
#include "runner/step_lua.h"
#include "runner/step_outcome.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXIT_STEP_FAILED = 1 };

struct step_process {
    const struct json *spawn;
    struct step_link *link;
    struct step_sink sink;
    struct arena *arena;
    struct plugin_host *plugin; /* NULL: it is a script */
    struct lua_host *lua;       /* NULL: it is a plugin, or there could be none */
    struct err err;             /* why there could be none */
    struct step_outcome outcome;
};

void step_outcome_reason(struct step_outcome *outcome, const char *text)
{
    (void)snprintf(outcome->reason, sizeof outcome->reason, "%s", text == NULL ? "" : text);
    utf8_one_line(outcome->reason);
}

static bool is_lua(const struct json *spawn)
{
    return strcmp(json_get_text(spawn, "kind", ""), "lua") == 0;
}

static void run_code(struct step_process *process)
{
    struct step_outcome *outcome = &process->outcome;
    if (process->plugin != NULL) {
        plugin_host_run(process->plugin);
    } else if (process->lua != NULL) {
        lua_host_run(process->lua);
    } else {
        outcome->result = STEP_FAILED;
        step_outcome_reason(outcome, process->err.message);
    }
}

/* What the code said is not all: a wait must be sendable, a success must leave what the pipeline declares. */
static void settle(struct step_process *process)
{
    struct step_outcome *outcome = &process->outcome;
    struct err err = {0};
    int result = 0;
    if (outcome->result == STEP_OK) {
        result = step_collect(process->spawn, &outcome->outputs, &process->sink, &err);
    } else if (outcome->result == STEP_WAIT && outcome->wait.type != JSON_OBJECT) {
        result = err_set(&err, ERR_STATE, "it asks to wait, but never said what for: expected a call of wait() before");
    } else if (outcome->result == STEP_WAIT) {
        struct json frame = json_object();
        json_set(process->arena, &frame, "wait", outcome->wait);
        json_set(process->arena, &frame, "state", outcome->state);
        result = step_link_send(process->link, JOURNAL_WAIT, &frame, &err);
    }
    if (result < 0) {
        outcome->result = STEP_FAILED;
        step_outcome_reason(outcome, err.message);
    }
}

struct step_process *step_process_new(const struct json *spawn, int channel)
{
    struct step_process *process = mem_alloc(sizeof *process);
    *process = (struct step_process){.spawn = spawn, .arena = arena_new()};
    process->link = step_link_new(channel, json_get(spawn, "fetch"));
    process->sink = step_link_sink(process->link);
    process->outcome = (struct step_outcome){.outputs = json_object(), .wait = json_null(), .state = json_null()};
    if (is_lua(spawn)) {
        process->lua = lua_host_new(spawn, &process->sink, process->arena, &process->outcome, &process->err);
    } else {
        process->plugin = plugin_host_new(spawn, &process->sink, process->arena, &process->outcome);
    }
    return process;
}

/* The word of it goes to the runner: false when it could not be sent. */
static bool tell_outcome(struct step_process *process)
{
    struct step_outcome *outcome = &process->outcome;
    static const char *const words[] = {
        [STEP_OK] = "ok", [STEP_FAILED] = "failed", [STEP_WAIT] = "wait", [STEP_REFUSED] = "refused"};
    if (outcome->result < STEP_OK || outcome->result > STEP_REFUSED) {
        step_outcome_reason(outcome, arena_printf(process->arena, "the step returned %d, which is no result",
                                                  (int)outcome->result));
        outcome->result = STEP_FAILED;
    }
    bool good = outcome->result == STEP_OK || outcome->result == STEP_WAIT;
    if (!good && outcome->reason[0] == '\0') {
        step_outcome_reason(outcome, "the step failed and gave no reason");
    }
    crash_point_pass("step_before_result");
    int sent = step_link_result(process->link, words[outcome->result], good ? NULL : outcome->reason);
    sent = step_link_free(process->link) < 0 ? -1 : sent;
    crash_point_pass("step_after_result");
    return good && sent == 0;
}

int step_process_run(struct step_process *process)
{
    run_code(process);
    settle(process);
    bool good = tell_outcome(process); /* what could not be sent the runner says when it sees the exit */
    arena_free(process->arena);
    free(process);
    return good ? 0 : EXIT_STEP_FAILED;
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
