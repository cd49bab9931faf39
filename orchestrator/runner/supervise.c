/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/supervise.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "runner/child.h"
#include "runner/memory_watch.h"
#include "runner/runner.h"
#include "runner/step_folders.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 << 10,
    READS_AT_ONCE = 4,
    DRAIN_MS = 200,     /* for what a step leaves running to end by itself */
    LOOK_MS = 20,       /* between two looks at it */
    SWEEP_MS = 5000,    /* after which survivors are given up on */
    FORCE_CLOSE_MS = 300
};

static const int64_t log_limit_default_bytes = (int64_t)1 << 30;

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- life ---- */

/* What of the text fits into `room` bytes, not ending inside a character. */
static struct str fitting(struct str text, int64_t room)
{
    size_t end = room < 0 ? 0 : (size_t)room;
    if (end >= text.n) {
        return text;
    }
    while (end > 0 && ((unsigned char)text.p[end] & 0xc0) == 0x80) {
        end--;
    }
    return str_slice(text, 0, end);
}

bool supervise_count_log(struct supervised *attempt, struct str *payload)
{
    size_t whole = payload->n;
    *payload = fitting(*payload, attempt->log_limit_bytes - attempt->log_bytes - JOURNAL_HEAD_BYTES);
    attempt->log_bytes += (int64_t)whole + JOURNAL_HEAD_BYTES;
    return payload->n > 1; /* more than the stream's byte */
}

static void log_lines(void *ctx, struct str payload)
{
    struct supervised *attempt = ctx;
    if (!supervise_count_log(attempt, &payload)) {
        return;
    }
    run_journal_append(attempt->journal, attempt->id, JOURNAL_LOG, payload, clock_monotonic_ms(&clock_system));
}

void supervise_warn(struct supervised *attempt, const char *text, int64_t now_ms)
{
    struct strbuf payload;
    strbuf_init(&payload, 4096);
    strbuf_add_byte(&payload, JOURNAL_HOST);
    strbuf_add_byte(&payload, 2); /* STEP_LOG_WARN */
    strbuf_add_text(&payload, text);
    run_journal_append(attempt->journal, attempt->id, JOURNAL_LOG, strbuf_str(&payload), now_ms);
    strbuf_clear(&payload);
}

struct supervised *supervise_new(struct runner *runner, struct arena *take_arena, const struct json *spawn,
                                 int take_journal, struct err *err)
{
    int64_t id = json_get_int(spawn, "attempt", 0);
    const char *run_id = json_get_text(spawn, "run_id", "");
    const char *path = json_get_text(spawn, "journal", "");
    if (id <= 0 || *run_id == '\0' || path[0] != '/') {
        (void)err_set(err, ERR_INPUT, "a spawn message without attempt, run_id or journal");
        if (take_journal >= 0) {
            (void)close(take_journal);
        }
        return NULL;
    }
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    struct supervised *attempt = mem_alloc(sizeof *attempt);
    *attempt = (struct supervised){.runner = runner, .id = id, .arena = take_arena, .spawn = *spawn};
    attempt->run_id = arena_strdup(take_arena, run_id);
    attempt->mask = mask_new(json_get(spawn, "secrets"));
    attempt->channel.fd = -1;
    for (int i = 0; i < 2; i++) {
        attempt->output[i] = -1;
        attempt->output_watches[i] = (struct watch){.kind = i == 0 ? WATCH_OUTPUT : WATCH_ERROR, .owner = attempt};
        enum journal_stream stream = i == 0 ? JOURNAL_STDOUT : JOURNAL_STDERR;
        capture_init(&attempt->captures[i], stream, attempt->mask, log_lines, attempt);
    }
    attempt->channel_watch = (struct watch){.kind = WATCH_CHANNEL, .owner = attempt};
    attempt->log_limit_bytes = json_get_int(json_get(spawn, "limits"), "log_bytes", 0);
    if (attempt->log_limit_bytes <= 0) {
        attempt->log_limit_bytes = log_limit_default_bytes;
    }
    attempt->facts.how = EXIT_NOT_STARTED;
    attempt->facts.code = 125;
    attempt->facts.log_limit_bytes = attempt->log_limit_bytes;
    attempt->memory_limit_bytes = json_get_int(json_get(spawn, "limits"), "tree_bytes", 0);
    const struct journal_order journal = {run_id, path, json_get_bool(spawn, "journal_anew", false), take_journal};
    attempt->journal = runner_journal(runner, &journal, now_ms);
    attempt->journal->attempts++;
    attempt->after = json_get_int(spawn, "after", 0);
    if (attempt->after == 0) {
        supervise_announce(attempt, now_ms);
    }
    return attempt;
}

void supervise_announce(struct supervised *attempt, int64_t now_ms)
{
    attempt->phase = ATTEMPT_WAITING;
    crash_point_pass("runner_before_spawning");
    char session[40];
    (void)snprintf(session, sizeof session, "{\"session\":%d}", (int)getsid(0));
    run_journal_append(attempt->journal, attempt->id, JOURNAL_SPAWNING, str_from(session), now_ms);
    crash_point_pass("runner_after_spawning");
}

void supervise_forget(struct supervised *attempt)
{
    json_wipe(&attempt->spawn);
    mask_wipe(attempt->mask);
    for (int i = 0; i < 2; i++) {
        capture_clear(&attempt->captures[i]);
    }
    attempt->channel.fd = -1;
    channel_clear(&attempt->channel);
}

void supervise_free(struct supervised *attempt)
{
    launch_undo(attempt);
    supervise_tidy(attempt);
    supervise_forget(attempt);
    mask_free(attempt->mask);
    vec_clear(&attempt->calls);
    attempt->journal->attempts--;
    arena_free(attempt->arena);
    free(attempt);
}

bool supervise_is_done(const struct supervised *attempt)
{
    return attempt->acked && attempt->phase == ATTEMPT_ENDED;
}

/* ---- watching, writing ---- */

void supervise_watch(struct supervised *attempt)
{
    /* A full journal: the step is to block on its pipes. */
    uint32_t in = attempt->journal->full ? 0 : EPOLLIN;
    for (int i = 0; i < 2; i++) {
        runner_watch(attempt->runner, attempt->output[i], &attempt->output_watches[i], in);
    }
    uint32_t out = attempt->channel.fd >= 0 && attempt->channel.out.length > attempt->channel.out_used ? EPOLLOUT : 0;
    runner_watch(attempt->runner, attempt->channel.fd, &attempt->channel_watch, in | out);
}

void supervise_journal(struct supervised *attempt, enum journal_type type, const struct json *value, int64_t now_ms)
{
    struct strbuf text;
    strbuf_init(&text, JOURNAL_PAYLOAD_MAX);
    json_write(&text, value);
    run_journal_append(attempt->journal, attempt->id, type, strbuf_str(&text), now_ms);
    strbuf_clear(&text);
}

void supervise_end(struct supervised *attempt, int64_t now_ms)
{
    launch_undo(attempt);
    struct json record = exit_record(attempt->arena, &attempt->facts);
    struct supervised *heir = heir_of(attempt);
    record = mask_json(attempt->mask, attempt->arena, &record);
    if (heir != NULL) {
        record = json_copy(attempt->arena, &record); /* what mask_json made has no room for more */
        json_set(attempt->arena, &record, "heir", *json_get(&heir->spawn, "order"));
    }
    run_journal_hold(attempt->journal);
    crash_point_pass("runner_before_exit");
    bool urgent = attempt->journal->urgent;
    supervise_journal(attempt, JOURNAL_EXIT, &record, now_ms);
    if (heir != NULL && heir_has_line(heir)) {
        attempt->journal->urgent = urgent;
    }
    crash_point_pass("runner_after_exit");
    if (heir != NULL) {
        heir_begin(heir, now_ms);
    }
    run_journal_let_go(attempt->journal);
    attempt->phase = ATTEMPT_ENDED;
    attempt->calls.count = 0;
    attempt->untidy = true;
}

/* Done with its secrets; the exit record was all that was left to say. */
void supervise_tidy(struct supervised *attempt)
{
    if (!attempt->untidy) {
        return;
    }
    attempt->untidy = false;
    if (!attempt->waits) {
        step_folders_leave(&attempt->runner->folders, &attempt->spawn, attempt->swept);
    }
    json_wipe(&attempt->spawn);
}

/* ---- what it says ---- */

static void close_output(struct supervised *attempt, int which)
{
    if (attempt->output[which] >= 0) {
        runner_close_later(attempt->runner, attempt->output[which], &attempt->output_watches[which]);
        attempt->output[which] = -1;
    }
}

static void close_channel(struct supervised *attempt)
{
    runner_unwatch(attempt->runner, attempt->channel.fd, &attempt->channel_watch);
    channel_clear(&attempt->channel);
}

static void take_output(struct supervised *attempt, int which, struct str bytes)
{
    if (attempt->log_bytes <= attempt->log_limit_bytes) {
        capture_feed(&attempt->captures[which], bytes);
    }
}

void supervise_output_ready(struct supervised *attempt, int which)
{
    char room[READ_BYTES];
    for (int i = 0; i < READS_AT_ONCE && attempt->output[which] >= 0 && !attempt->journal->full; i++) {
        ssize_t n = read(attempt->output[which], room, READ_BYTES);
        if (n > 0) {
            take_output(attempt, which, (struct str){room, (size_t)n});
            explicit_bzero(room, (size_t)n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            close_output(attempt, which);
        }
        if (n < READ_BYTES) {
            break;
        }
    }
}

void supervise_channel_ready(struct supervised *attempt, int64_t now_ms)
{
    if (attempt->channel.fd < 0) {
        return;
    }
    bool gone = channel_flush(&attempt->channel) < 0;
    if (!attempt->journal->full) {
        gone = channel_fill(&attempt->channel) < 0;
        step_frames_take(attempt, now_ms);
    }
    if (gone && !attempt->journal->full) {
        close_channel(attempt);
    }
    supervise_watch(attempt);
}

void supervise_answer(struct supervised *attempt, const struct json *reply)
{
    int64_t sequence = json_get_int(reply, "seq", 0);
    for (size_t i = 0; i < attempt->calls.count; i++) {
        if (attempt->calls.items[i] != sequence) {
            continue;
        }
        attempt->calls.items[i] = attempt->calls.items[--attempt->calls.count];
        struct arena *arena = arena_new();
        const struct json *error = json_get(reply, "error");
        const struct json *result = json_get(reply, "result");
        struct json answer = json_object();
        json_set(arena, &answer, "seq", json_int(sequence));
        json_set(arena, &answer, error != NULL ? "error" : "result",
                 error != NULL ? *error : result != NULL ? *result : json_null());
        if (channel_answer(&attempt->channel, &answer) < 0) {
            ladder_fault(attempt, "the step asks more than it reads the answers of");
        }
        (void)channel_flush(&attempt->channel);
        arena_free(arena);
        supervise_watch(attempt);
        return;
    }
}

/* ---- its end ---- */

static void add_usage(struct exit_facts *facts, const struct rusage *usage)
{
    facts->user_ms += usage->ru_utime.tv_sec * 1000 + usage->ru_utime.tv_usec / 1000;
    facts->system_ms += usage->ru_stime.tv_sec * 1000 + usage->ru_stime.tv_usec / 1000;
    if (usage->ru_maxrss * 1024 > facts->max_rss_bytes) {
        facts->max_rss_bytes = usage->ru_maxrss * 1024;
    }
}

static void read_all(struct supervised *attempt, int64_t now_ms)
{
    for (int i = 0; i < 2; i++) {
        supervise_output_ready(attempt, i);
    }
    supervise_channel_ready(attempt, now_ms);
}

void supervise_exited(struct supervised *attempt, int status, const struct rusage *usage, int64_t now_ms)
{
    crash_point_pass("runner_step_over");
    add_usage(&attempt->facts, usage);
    attempt->facts.wall_ms = now_ms - attempt->started_at_ms;
    attempt->status = status;
    attempt->phase = ATTEMPT_DRAINING;
    attempt->drain_until_ms = now_ms + DRAIN_MS;
    attempt->look_at_ms = 0;
    attempt->sweeping = false;
}

/* Once all that it said has been read: a child that could not begin has told how that came. */
static void note_status(struct supervised *attempt)
{
    struct exit_facts *facts = &attempt->facts;
    int status = attempt->status;
    if (!attempt->begun) {
        return;
    }
    facts->how = WIFSIGNALED(status) ? EXIT_SIGNALLED : EXIT_EXITED;
    facts->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    facts->core = WIFSIGNALED(status) && WCOREDUMP(status);
    facts->code = WIFSIGNALED(status) ? 128 + facts->signal : WEXITSTATUS(status);
}

/* Whether the step wrote outputs: also where none is declared, so that a name which nobody asked for is told. */
static bool has_written_outputs(const struct supervised *attempt)
{
    const char *path = json_get_text(&attempt->spawn, "output_file", NULL);
    struct stat st;
    return path != NULL && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static bool wants_collecting(const struct supervised *attempt)
{
    const struct json *collect = json_get(&attempt->spawn, "collect");
    const struct exit_facts *facts = &attempt->facts;
    if (attempt->collecting || child_runs_inside(&attempt->spawn) || collect == NULL || collect->type != JSON_OBJECT ||
        !attempt->begun || facts->how != EXIT_EXITED || facts->code != 0 || facts->stopped != NULL || attempt->failed) {
        return false;
    }
    for (size_t i = 0; i < collect->u.object.count; i++) {
        const struct json *value = &collect->u.object.members[i].value;
        if ((value->type == JSON_OBJECT && value->u.object.count > 0) ||
            (value->type == JSON_ARRAY && value->u.array.count > 0)) {
            return true;
        }
    }
    return has_written_outputs(attempt);
}

/* A Lua or plugin step that has ended without saying how. */
static void settle_result(struct supervised *attempt, int64_t now_ms)
{
    struct exit_facts *facts = &attempt->facts;
    if (!child_runs_inside(&attempt->spawn) || attempt->resulted || facts->how != EXIT_EXITED) {
        return;
    }
    if (facts->why == NULL) {
        facts->why = arena_printf(attempt->arena, "the process ended with code %d before the step had a result: its "
                                  "code called exit() or closed its host's descriptors", facts->code);
    }
    struct json result = json_object();
    json_set(attempt->arena, &result, "result", json_cstring(attempt->arena, "failed"));
    json_set(attempt->arena, &result, "reason", json_cstring(attempt->arena, facts->why));
    result = mask_json(attempt->mask, attempt->arena, &result);
    supervise_journal(attempt, JOURNAL_RESULT, &result, now_ms);
}

static void process_is_over(struct supervised *attempt, int64_t now_ms)
{
    struct exit_facts *facts = &attempt->facts;
    attempt->pid = 0;
    note_status(attempt);
    if (attempt->collecting && attempt->failed && facts->how == EXIT_EXITED && facts->code == 0) {
        facts->code = 125; /* a fault that was read when all was said */
    }
    supervise_group_settle(attempt);
    for (int i = 0; i < 2; i++) {
        close_output(attempt, i);
        capture_finish(&attempt->captures[i]);
    }
    close_channel(attempt);
    if (wants_collecting(attempt)) {
        attempt->collecting = true;
        launch(attempt, now_ms);
        return;
    }
    settle_result(attempt, now_ms);
    supervise_end(attempt, now_ms);
}

/* After the leader: what it left behind may finish, then it is killed. Returns when to look again. */
static int64_t drain(struct supervised *attempt, int64_t now_ms)
{
    read_all(attempt, now_ms);
    if (attempt->journal->full) {
        attempt->drain_until_ms = now_ms + DRAIN_MS;
        return INT64_MAX;
    }
    bool quiet = attempt->output[0] < 0 && attempt->output[1] < 0;
    if (!quiet && now_ms < attempt->look_at_ms) {
        return attempt->look_at_ms;
    }
    bool kill_now = attempt->sweeping || now_ms >= attempt->drain_until_ms || attempt->facts.stopped != NULL ||
                    attempt->failed;
    struct sweep_found found = supervise_sweep(attempt, kill_now ? SIGKILL : 0);
    bool gone = found.count == 0 && !found.blind;
    if (gone && (quiet || now_ms >= attempt->drain_until_ms + FORCE_CLOSE_MS)) {
        attempt->swept = true;
        process_is_over(attempt, now_ms);
        return attempt->phase == ATTEMPT_RUNNING ? now_ms : INT64_MAX;
    }
    attempt->sweeping = kill_now;
    if (!gone && now_ms >= attempt->drain_until_ms + SWEEP_MS) {
        supervise_tell_survivors(attempt, &found, now_ms);
        process_is_over(attempt, now_ms);
        return now_ms;
    }
    attempt->look_at_ms = now_ms + LOOK_MS;
    return attempt->look_at_ms;
}

static void check_log_limit(struct supervised *attempt, int64_t now_ms)
{
    if (attempt->log_bytes > attempt->log_limit_bytes && !attempt->log_dropped) {
        attempt->log_dropped = true;
        for (int i = 0; i < 2; i++) {
            capture_finish(&attempt->captures[i]);
        }
        supervise_warn(attempt, "the log has reached its limit: the rest is dropped and the step is stopped", now_ms);
        ladder_stop(attempt, "log_limit", json_get_int(json_get(&attempt->spawn, "stop"), "grace_ms", 10000), now_ms);
    }
}

/* What was said before the question is in the journal, and not among the frames that wait for room. */
static void answer_journaled(struct supervised *attempt)
{
    struct json reply = json_object();
    struct arena *arena = arena_new();
    json_set(arena, &reply, "seq", json_int(attempt->journaled_call));
    attempt->journaled_call = 0;
    supervise_answer(attempt, &reply);
    arena_free(arena);
}

/* Of an heir that the journal may not outlive the machine with, nothing may happen. */
static int sync_before(struct supervised *attempt)
{
    struct err err = {0};
    bool all = attempt->sync_to == SYNC_ALL; /* there was room by now */
    attempt->sync_to = all ? run_journal_size(attempt->journal) : attempt->sync_to;
    int synced = attempt->sync_to == 0 ? 1 : runner_sync(attempt->runner, attempt->journal, attempt->sync_to, &err);
    if (synced < 0) {
        attempt->facts.why = arena_strdup(attempt->arena, err.message);
    }
    attempt->sync_to = synced > 0 ? 0 : attempt->sync_to;
    return synced;
}

/* Ends what waits for its turn, and is not to have it. */
static void look_at_turn(struct supervised *attempt, int64_t now_ms)
{
    bool stopped = attempt->facts.stopped != NULL;
    if (stopped || (!attempt->journal->full && sync_before(attempt) < 0)) {
        supervise_end(attempt, now_ms);
    }
}

bool supervise_has_turn(const struct supervised *attempt)
{
    return attempt->phase == ATTEMPT_WAITING && attempt->sync_to == 0 && attempt->facts.stopped == NULL &&
           !attempt->journal->full;
}

int64_t supervise_begin(struct supervised *attempt, int64_t now_ms)
{
    if (!supervise_has_turn(attempt)) {
        return INT64_MAX;
    }
    launch(attempt, now_ms);
    return supervise_tick(attempt, now_ms);
}

int64_t supervise_tick(struct supervised *attempt, int64_t now_ms)
{
    if (attempt->phase == ATTEMPT_HELD) {
        if (attempt->facts.stopped != NULL) {
            supervise_end(attempt, now_ms);
        }
        return INT64_MAX;
    }
    if (attempt->phase == ATTEMPT_WAITING) {
        look_at_turn(attempt, now_ms);
    }
    if (attempt->phase == ATTEMPT_RUNNING || attempt->phase == ATTEMPT_DRAINING) {
        supervise_watch(attempt);
        check_log_limit(attempt, now_ms);
    }
    if (attempt->journaled_call != 0 && !attempt->journal->full) {
        answer_journaled(attempt);
    }
    if (attempt->phase == ATTEMPT_DRAINING) {
        int64_t next = drain(attempt, now_ms);
        return earlier(next, ladder_tick(attempt, now_ms));
    }
    int64_t look = memory_watch_tick(attempt, now_ms); /* it may begin the ladder */
    return earlier(look, ladder_tick(attempt, now_ms));
}
