/* SPDX-License-Identifier: Apache-2.0 */
#include "steps.h"

#include "base/fs.h"
#include "script.h"
#include "wire/points.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the journal ----------------------------------------------------------------------------- */

/* For a new attempt: that of the run, or another if the file is no longer the one that stands there. */
static struct run_log *log_of(struct world *world, struct runner *runner, const char *run_id, const char *path)
{
    for (size_t i = 0; i < runner->logs.count; i++) {
        struct run_log *log = runner->logs.items[i];
        if (strcmp(log->run_id, run_id) == 0 && journal_writer_file(log->writer) == journal_file_at(path)) {
            return log;
        }
    }
    struct run_log *log = mem_alloc(sizeof *log);
    struct err err = {0};
    (void)snprintf(log->run_id, sizeof log->run_id, "%s", run_id);
    char folder[200];
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    (void)fs_make_folders(folder, 0700, NULL); /* the run has none before its first step */
    if (journal_writer_open(path, &log->writer, &err) < 0) {
        if (!world->scripted) {
            world_fail(world, "a runner cannot open its journal: %s", err.message);
        }
        runner_says(world, runner, "damaged", run_id);
        free(log);
        return NULL;
    }
    vec_push(&runner->logs, log);
    return log;
}

/* Behind the last frame: nothing, zeros, or half a frame and zeros. */
static void leave_zeros(struct world *world, const char *path, int64_t size)
{
    static const unsigned char half[] = {100, 0, 0, 0, 'h', 'a', 'l', 'f', 'a', 'f', 'r', 'a', 'm', 'e'};
    uint64_t how = rng_below(&world->fault_rng, 3);
    int fd = how == 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (how == 2) {
        (void)!pwrite(fd, half, 1 + (size_t)rng_below(&world->fault_rng, sizeof half), size);
    }
    (void)!ftruncate(fd, size + 200 + (int64_t)rng_below(&world->fault_rng, 5000));
    close(fd);
    world_trace(world, "a journal goes on with %s", how == 1 ? "zeros" : "half a frame and zeros");
}

void steps_leave_logs(struct world *world, struct runner *runner)
{
    for (size_t i = 0; i < runner->logs.count; i++) {
        struct run_log *log = runner->logs.items[i];
        char path[200];
        (void)snprintf(path, sizeof path, "%s/runs/%s/journal", world->home, log->run_id);
        bool there = journal_writer_file(log->writer) == journal_file_at(path);
        journal_writer_close(log->writer);
        log->writer = NULL;
        struct stat status;
        if (there && !world->scripted && stat(path, &status) == 0) {
            leave_zeros(world, path, status.st_size);
        }
    }
    steps_close_logs(runner);
}

void steps_close_logs(struct runner *runner)
{
    for (size_t i = 0; i < runner->logs.count; i++) {
        journal_writer_close(runner->logs.items[i]->writer);
        free(runner->logs.items[i]);
    }
    runner->logs.count = 0;
    for (size_t i = 0; i < runner->attempts.count; i++) {
        runner->attempts.items[i]->log = NULL;
    }
}

/* What was appended so far survives the machine. */
static void sync_log(struct world *world, const struct execution *step)
{
    const struct run_log *log = step->log;
    if (log != NULL) {
        journal_fill(log->writer);
    }
    struct run_synced *synced = NULL;
    for (size_t i = 0; i < world->synced.count; i++) {
        bool same = strcmp(world->synced.items[i].run_id, step->run_id) == 0;
        synced = same ? &world->synced.items[i] : synced;
    }
    if (synced == NULL) {
        struct run_synced one = {.bytes = 0};
        (void)snprintf(one.run_id, sizeof one.run_id, "%s", step->run_id);
        vec_push(&world->synced, one);
        synced = &world->synced.items[world->synced.count - 1];
    }
    synced->bytes = log == NULL ? 0 : journal_writer_size(log->writer);
}

void steps_append(struct world *world, struct execution *step, enum journal_type type, struct str payload)
{
    step->left = step->left || (type >= JOURNAL_METRICS && type != JOURNAL_RESULT && type != JOURNAL_EXIT);
    struct err err = {0};
    if (step->log != NULL &&
        journal_append(step->log->writer, clock_wall_ms(&world->clock), step->attempt, type, payload, &err) < 0) {
        if (!world->scripted) {
            world_fail(world, "a runner cannot write its journal: %s", err.message);
        }
        runner_says(world, step->runner, "damaged", step->run_id); /* people have done something to it */
        step->log = NULL;
    }
    runners_tell(world, step->runner);
}

static void append_text(struct world *world, struct execution *step, enum journal_type type, const char *text)
{
    steps_append(world, step, type, str_from(text));
}

static const char *format(struct world *world, const char *text, ...) __attribute__((format(printf, 2, 3)));
static const char *format(struct world *world, const char *text, ...)
{
    char room[512];
    va_list arguments;
    va_start(arguments, text);
    (void)vsnprintf(room, sizeof room, text, arguments);
    va_end(arguments);
    return arena_strdup(world->arena, room);
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* The step's place among those of the plan, or of the child; of a scenario any number that is the step's own. */
static size_t place_of(const struct world *world, const struct json *context, bool *ret_child)
{
    const char *id = json_get_text(context, "step", "s0");
    *ret_child = strcmp(json_get_text(context, "pipeline", ""), "c") == 0;
    size_t number = 0;
    for (const char *p = id; world->scripted && *p != '\0'; p++) {
        number = number * 31 + (unsigned char)*p;
    }
    return world->scripted ? number : (size_t)(id[1] - '0');
}

static int legs_before(const struct world *world, int64_t attempt)
{
    int legs = 0;
    for (size_t i = 0; i < world->executions.count; i++) {
        legs += world->executions.items[i]->attempt == attempt && world->executions.items[i]->waited ? 1 : 0;
    }
    return legs;
}

/* A run's timeout and its cancel do not stop what begins after them. */
static bool will_be_stopped(const struct world *world, const struct execution *step)
{
    const struct plan_step *plan = &world->plan.steps[step->step];
    bool run_stops = world->plan.timeout_ms > 0 || strcmp(step->run_id, world->cancelled_run) == 0;
    return !step->of_child && (plan->timeout_ms > 0 || (run_stops && plan->condition == PLAN_IF_NONE));
}

static void draw(struct world *world, struct execution *step)
{
    const struct plan_step *plan = step->of_child ? NULL : &world->plan.steps[step->step];
    step->legs = plan != NULL && plan->wait != PLAN_WAIT_NONE ? 2 : step->leg;
    step->does = plan_behaviour(&world->plan, world->seed, step->step + (step->of_child ? 50 : 0), step->item,
                                step->number, step->leg, will_be_stopped(world, step));
}

/* The attempt is about to fork. */
static void announce(struct world *world, struct execution *step)
{
    const struct json *spawn = &step->spawn;
    step->phase = PHASE_SPAWNING;
    world->began(world, step, spawn);
    vec_push(&world->executions, step);
    step->log = log_of(world, step->runner, step->run_id, json_get_text(spawn, "journal", ""));
    if (step->log == NULL) {
        step->phase = PHASE_CUT;
        return;
    }
    append_text(world, step, JOURNAL_SPAWNING, "{}");
    world_plan(world, step->does.fork_ms, HAPPENS_ACT)->execution = step;
    int64_t timeout_ms = json_get_int(spawn, "timeout_ms", 0);
    if (timeout_ms > 0) {
        struct happening *timeout = world_plan(world, step->does.fork_ms + timeout_ms, HAPPENS_TIMEOUT);
        timeout->execution = step;
        timeout->number = json_get_int(json_get(spawn, "stop"), "grace_ms", 0);
    }
}

void steps_begin(struct world *world, struct runner *runner, const struct json *spawn)
{
    const struct json *context = json_get(spawn, "context");
    struct execution *step = mem_alloc(sizeof *step);
    step->attempt = json_get_int(spawn, "attempt", 0);
    step->number = json_get_int(context, "attempt", 0);
    step->item = strtol(json_get_text(context, "item", "0"), NULL, 10);
    step->step = place_of(world, context, &step->of_child);
    step->runner = runner;
    step->leg = 1 + legs_before(world, step->attempt);
    (void)snprintf(step->run_id, sizeof step->run_id, "%s", json_get_text(spawn, "run_id", ""));
    (void)snprintf(step->step_run_id, sizeof step->step_run_id, "%s", json_get_text(context, "step_run_id", ""));
    (void)snprintf(step->mark, sizeof step->mark, "%s", json_get_text(json_get(spawn, "env"), "SLUICE_ATTEMPT", ""));
    (void)snprintf(step->output, sizeof step->output, "out-%lld-%s", (long long)step->attempt, step->mark);
    if (world->scripted) {
        step->of_child = false;
        script_take(world, step, spawn);
    } else {
        draw(world, step);
    }
    vec_push(&runner->attempts, step);
    step->spawn = json_copy(world->arena, spawn);
    step->after = json_get_int(spawn, "after", 0);
    if (step->after == 0) {
        announce(world, step);
        return;
    }
    step->phase = PHASE_HELD;
    step->log = log_of(world, runner, step->run_id, json_get_text(spawn, "journal", ""));
    step->order = json_text(world->arena, json_get(&step->spawn, "order")).p;
    world_trace(world, "attempt %lld is held behind %lld", (long long)step->attempt, (long long)step->after);
}

/* ---- ending ---------------------------------------------------------------------------------- */

/* Would an engine that comes read of the heir? */
static bool can_be_told(const struct execution *step)
{
    const char *path = json_get_text(&step->spawn, "journal", "");
    return step->log != NULL && journal_writer_file(step->log->writer) == journal_file_at(path);
}

static struct execution *heir_of(const struct execution *step)
{
    if (!can_be_told(step)) {
        return NULL;
    }
    for (size_t i = 0; i < step->runner->attempts.count; i++) {
        struct execution *heir = step->runner->attempts.items[i];
        if (heir->phase == PHASE_HELD && heir->after == step->attempt && !heir->withdrawn && heir->stopped == NULL) {
            return heir;
        }
    }
    return NULL;
}

void steps_end(struct world *world, struct execution *step, const char *how, int code, int signal)
{
    bool simply = strcmp(how, "exited") == 0 && code == 0 && step->stopped == NULL && !step->left && !step->refused;
    struct execution *heir = simply ? heir_of(step) : NULL;
    const char *stopped = step->stopped == NULL ? "null" : format(world, "\"%s\"", step->stopped);
    bool out_of_memory = strcmp(how, "oom") == 0;
    const char *reason =
        code == 0 && signal == 0 && !out_of_memory && step->stopped == NULL ? "null" : "\"as the simulator wanted\"";
    append_text(world, step, JOURNAL_EXIT,
                format(world,
                       "{\"how\":\"%s\",%s\"code\":%d,\"signal\":%d,\"core\":false,\"stopped\":%s,\"reason\":%s,"
                       "\"wall_ms\":%lld,\"user_ms\":1,\"system_ms\":1,\"max_rss_bytes\":1000000%s%s}",
                       out_of_memory ? "signalled" : how, out_of_memory ? "\"out_of_memory\":true," : "", code,
                       out_of_memory ? 9 : signal, stopped, reason, (long long)(world->now_ms - step->started_ms),
                       heir == NULL ? "" : ",\"heir\":", heir == NULL ? "" : heir->order));
    step->phase = PHASE_ENDED;
    step->process = false;
    step->ended_ms = world->now_ms;
    step->asked = 0;
    step->waited = step->leg < step->legs && code == 0 && signal == 0 && step->stopped == NULL;
    step->good = !step->waited && code == 0 && signal == 0 && !out_of_memory && step->stopped == NULL;
    world_trace(world, "attempt %lld ends: %s %d %d %s", (long long)step->attempt, how, code, signal, stopped);
    runners_forget_ended(step->runner, step);
    if (heir != NULL) {
        announce(world, heir);
        bool free = json_get_bool(json_get(&heir->spawn, "order"), "free", false);
        if (!free || rng_below(&world->net_rng, 4) == 0) { /* nobody waits for the sync of one that is free */
            sync_log(world, heir);
        }
    }
}

void steps_stop(struct world *world, struct execution *step, const char *why, int64_t grace_ms)
{
    if (step->phase == PHASE_ENDED) {
        return;
    }
    if (step->stopped == NULL) {
        step->stopped = format(world, "%s", why);
        if (step->does.obeys_ms >= 0) {
            world_plan(world, step->does.obeys_ms, HAPPENS_GIVE_IN)->execution = step;
        }
    }
    world_plan(world, grace_ms, HAPPENS_KILL)->execution = step;
}

void steps_runner_gone(struct execution *step)
{
    if (step->phase != PHASE_ENDED) {
        step->phase = PHASE_CUT;
        step->process = step->process && step->does.survives;
    }
}

int world_sweep(void *ctx, const struct attempt_row *attempt, struct strbuf *pids)
{
    struct world *world = ctx;
    int left = 0;
    for (size_t i = 0; !world->dead && i < world->executions.count; i++) {
        struct execution *step = world->executions.items[i];
        if (step->process && strcmp(step->mark, attempt->mark) == 0) {
            step->process = step->does.stubborn;
            left += step->process ? 1 : 0;
        }
    }
    strbuf_printf(pids, left > 0 ? "4242" : "");
    return left;
}

/* ---- acts ------------------------------------------------------------------------------------ */

static void report_metrics(struct world *world, struct execution *step, int nth)
{
    struct points_writer *points = points_writer_new(256);
    for (int i = 0; i < 2; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "m%d", i);
        struct journal_point point = {.key = str_from(key),
                                      .value = (double)(step->leg * 100 + nth),
                                      .step = step->leg * 100 + nth,
                                      .time_ms = clock_wall_ms(&world->clock)};
        (void)points_writer_add(points, &point);
        step->points++;
    }
    steps_append(world, step, JOURNAL_POINTS, points_writer_payload(points));
    points_writer_free(points);
}

static void ask(struct world *world, struct execution *step)
{
    step->asked = (clock_wall_ms(&world->clock) << 8) + world->orders % 200;
    for (int i = 0; i < (step->does.asks_twice ? 2 : 1); i++) {
        append_text(world, step, JOURNAL_CALL,
                    format(world, "{\"seq\":%lld,\"method\":\"gate.record\",\"params\":{\"passed\":true,\"by\":%lld}}",
                           (long long)step->asked, (long long)step->attempt));
    }
}

void steps_take(struct world *world, struct execution *step, const char *targets)
{
    step->takes = targets;
    /* Of a scenario always the same. */
    step->asked = world->scripted ? (int64_t)step->leg * 100 + (int64_t)step->word
                                  : (clock_wall_ms(&world->clock) << 8) + 200 + world->orders % 50;
    append_text(world, step, JOURNAL_CALL,
                format(world, "{\"seq\":%lld,\"method\":\"target.take\",\"params\":{\"targets\":%s}}",
                       (long long)step->asked, targets));
}

static unsigned letters_of(const char *targets)
{
    unsigned letters = 0;
    for (; *targets != '\0'; targets++) {
        letters |= *targets >= 'a' && *targets <= 'z' ? 1u << (*targets - 'a') : 0;
    }
    return letters;
}

/* Two of them on one target would each undo what the other does. */
static void touch(struct world *world, struct execution *step)
{
    step->touches = letters_of(step->takes);
    for (size_t i = 0; !world->journal_cut && i < world->executions.count; i++) {
        const struct execution *other = world->executions.items[i];
        if (other != step && (other->touches & step->touches) != 0 && other->process && !other->does.stubborn) {
            world_fail(world, "attempt %lld deploys to %s beside attempt %lld", (long long)step->attempt, step->takes,
                       (long long)other->attempt);
        }
    }
    world->took(world, step, step->takes);
}

static void was_given(struct world *world, struct execution *step, const struct json *reply)
{
    const char *targets = step->takes;
    if (json_get_bool(json_get(reply, "result"), "taken", false)) {
        touch(world, step);
        step->takes = NULL;
        world_plan(world, 1, HAPPENS_ACT)->execution = step;
        return;
    }
    step->takes = NULL;
    step->legs = step->leg + 1;
    step->word -= world->scripted ? 1 : 0; /* it asks once more then */
    /* Nobody looks again by himself: whoever drops a target must wake who waits for it. */
    append_text(world, step, JOURNAL_WAIT,
                format(world, "{\"wait\":{\"kind\":\"target\",\"targets\":%s,\"every_ms\":8640000000},\"state\":null}",
                       targets));
    append_text(world, step, JOURNAL_RESULT, "{\"result\":\"wait\"}");
    steps_end(world, step, "exited", 0, 0);
}

void steps_answer(struct world *world, struct execution *step, const struct json *reply)
{
    int64_t sequence = json_get_int(reply, "seq", 0);
    if (step->asked == 0 || step->asked != sequence) {
        return; /* told twice: a runner drops it */
    }
    const struct json *error = json_get(reply, "error");
    if (error != NULL && !world->scripted) {
        world_fail(world, "attempt %lld asked once and was refused: %s", (long long)step->attempt,
                   json_get_text(error, "message", ""));
    }
    step->asked = 0;
    if (step->takes != NULL) {
        was_given(world, step, reply);
        return;
    }
    step->answers++;
    world_plan(world, 1, HAPPENS_ACT)->execution = step;
}

const char *steps_file(struct world *world, int64_t step, char room[200])
{
    (void)snprintf(room, 200, "%s/file%lld", world->workspace, (long long)step);
    return room;
}

void steps_file_comes(struct world *world, int64_t step)
{
    char path[200];
    int fd = open(steps_file(world, step, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void ask_to_wait(struct world *world, struct execution *step)
{
    const struct plan_step *plan = &world->plan.steps[step->step];
    const char *more = plan->expires_ms > 0 ? format(world, ",\"expires_ms\":%d", plan->expires_ms) : "";
    const char *spec = "";
    if (plan->wait == PLAN_WAIT_UNTIL) {
        spec = format(world, "\"kind\":\"until\",\"at_ms\":%lld",
                      (long long)(clock_wall_ms(&world->clock) + step->does.work_ms * 10));
    } else if (plan->wait == PLAN_WAIT_FILE) {
        spec = format(world, "\"kind\":\"file\",\"path\":\"file%d\",\"every_ms\":2000", (int)step->step);
        struct happening *file = world_plan(world, step->does.work_ms * 10, HAPPENS_FILE);
        file->number = (int64_t)step->step;
    } else {
        spec = format(world, "\"kind\":\"approval\",\"by\":[\"ann\",\"bob\",\"cid\"],\"quorum\":%d", plan->quorum);
    }
    append_text(world, step, JOURNAL_WAIT, format(world, "{\"wait\":{%s%s},\"state\":{\"leg\":1}}", spec, more));
    append_text(world, step, JOURNAL_RESULT, "{\"result\":\"wait\"}");
    steps_end(world, step, "exited", 0, 0);
}

static void publish(struct world *world, struct execution *step)
{
    if (!step->of_child && world->plan.steps[step->step].plain) {
        steps_end(world, step, "exited", 0, 0);
        return;
    }
    append_text(world, step, JOURNAL_REPORT,
                format(world, "{\"kind\":\"output\",\"key\":\"v\",\"value\":\"%s\"}", step->output));
    if (!step->of_child && world->plan.steps[step->step].lists) {
        static const char *const lists[] = {"[]", "[0]", "[0,1]", "[0,1,2]"};
        int length = plan_list_length(world->seed, step->step);
        append_text(world, step, JOURNAL_REPORT,
                    format(world, "{\"kind\":\"output\",\"key\":\"l\",\"value\":%s}", lists[length]));
    }
    if (step->legs > 1) {
        append_text(world, step, JOURNAL_RESULT, "{\"result\":\"ok\"}");
    }
    steps_end(world, step, "exited", 0, 0);
}

static void finish(struct world *world, struct execution *step)
{
    switch (step->does.end) {
    case END_OK:
        if (step->leg < step->legs) {
            ask_to_wait(world, step);
        } else {
            publish(world, step);
        }
        break;
    case END_FAIL:
        steps_end(world, step, "exited", 3, 0);
        break;
    case END_SIGNAL:
        steps_end(world, step, "signalled", 0, 9);
        break;
    case END_REFUSED:
        append_text(world, step, JOURNAL_RESULT, "{\"result\":\"refused\",\"reason\":\"no\"}");
        step->refused = true;
        steps_end(world, step, "exited", 0, 0);
        step->good = false;
        break;
    case END_HANG:
        break;
    }
}

void steps_started(struct world *world, struct execution *step)
{
    step->forked = step->process = true;
    step->started_ms = world->now_ms;
    append_text(world, step, JOURNAL_STARTED,
                format(world, "{\"pid\":%lld,\"start_ticks\":7}", (long long)(2000 + step->attempt)));
}

static void act(struct world *world, struct execution *step)
{
    if (world->scripted) {
        script_act(world, step);
        return;
    }
    bool asks = !step->of_child && world->plan.steps[step->step].gate && step->leg == step->legs;
    bool deploys = !step->of_child && world->plan.steps[step->step].targets != NULL;
    int acts = 1 + step->does.metrics + (asks ? 1 : 0);
    int nth = step->act++ - (deploys ? 1 : 0);
    if (nth < 0) {
        steps_started(world, step);
        steps_take(world, step, world->plan.steps[step->step].targets);
        return; /* until it has its answer */
    }
    if (nth == 0) {
        if (!deploys) {
            steps_started(world, step);
        }
        if (step->does.logs) {
            append_text(world, step, JOURNAL_LOG, "\1a line");
        }
    } else if (nth <= step->does.metrics) {
        report_metrics(world, step, nth);
    } else if (asks && nth == step->does.metrics + 1) {
        ask(world, step);
        return; /* until it has its answer */
    } else {
        finish(world, step);
        return;
    }
    world_plan(world, step->does.work_ms / acts, HAPPENS_ACT)->execution = step;
}

void steps_happen(struct world *world, const struct happening *what)
{
    struct execution *step = what->execution;
    if (step->phase == PHASE_ENDED || step->phase == PHASE_CUT) {
        return;
    }
    switch (what->kind) {
    case HAPPENS_ACT:
        step->phase = PHASE_RUNNING;
        act(world, step);
        break;
    case HAPPENS_TIMEOUT:
        steps_stop(world, step, "timeout", what->number);
        break;
    case HAPPENS_GIVE_IN:
    case HAPPENS_KILL:
        steps_end(world, step, step->forked ? "signalled" : "not_started", step->forked ? 0 : 125,
                  step->forked ? (what->kind == HAPPENS_KILL ? 9 : 15) : 0);
        break;
    default:
        break;
    }
}
