/* SPDX-License-Identifier: Apache-2.0
 * From journal to store: each frame takes effect exactly once, because the offset is committed with what was read.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "engine/heirs.h"
#include "engine/waits.h"

#include <stdio.h>
#include <stdlib.h>

/* A step that took no longer is followed by others like it, for which the way here and back would be long. */
enum { QUICK_MS = 250, MANY_KEYS_BUDGETS = 5 };

static struct json payload_json(struct engine *engine, const struct journal_frame *frame)
{
    struct json value = json_null();
    struct err malformed = {0};
    if (json_read(frame->payload, (struct json_limits){0}, engine->turn, &value, &malformed) < 0) {
        log_error("engine", "attempt=%lld a frame of its journal is malformed: %s", (long long)frame->attempt,
                  malformed.message);
    }
    return value;
}

/* ---- the end of an attempt ------------------------------------------------------------------------------ */

/* A text into a field of the attempt's row. */
static void keep_payload(struct live_attempt *attempt, const char **field, struct str payload)
{
    char *text = mem_dup(payload.p, payload.n);
    attempt_set(field, text);
    free(text);
    attempt->dirty = true;
}

enum attempt_state attempt_end_state(struct str stopped, bool succeeded)
{
    if (str_is(stopped, "timeout")) {
        return ATTEMPT_STATE_TIMED_OUT;
    }
    if (str_is(stopped, "cancel")) {
        return ATTEMPT_STATE_CANCELLED;
    }
    if (str_is(stopped, "linger")) {
        return ATTEMPT_STATE_LOST;
    }
    return succeeded ? ATTEMPT_STATE_SUCCEEDED : ATTEMPT_STATE_FAILED;
}

static int take_exit(struct engine *engine, struct live_attempt *attempt, const struct journal_frame *frame,
                     struct err *err)
{
    int64_t at_ms = wall_clock_of_frame(engine, attempt->open, frame->time_ms);
    keep_payload(attempt, &attempt->row.exit, frame->payload);
    struct json exit = payload_json(engine, frame);
    struct json result = json_null();
    if (attempt->row.result != NULL) {
        (void)json_read(str_from(attempt->row.result), (struct json_limits){0}, engine->turn, &result, NULL);
    }
    attempt_acknowledge(engine, attempt);
    const char *word = json_get_text(&result, "result", "");
    const char *stopping = attempt->row.stopping;
    if (attempt->row.early && !attempt->row.spawning) {
        return attempt_take_back(engine, attempt, err);
    }
    bool exited = strcmp(json_get_text(&exit, "how", ""), "exited") == 0;
    int code = exited ? (int)json_get_int(&exit, "code", 1) : -1;
    bool waits = exited && code == 0 && strcmp(word, "wait") == 0 && attempt->row.wait != NULL;
    bool stopped_alone = json_get_text(&exit, "stopped", NULL) != NULL; /* by its runner: its time was over */
    if (waits && stopping == NULL && !stopped_alone) {
        struct json wait = json_null();
        (void)json_read(str_from(attempt->row.wait), (struct json_limits){0}, engine->turn, &wait, NULL);
        return wait_open(engine, attempt, &wait, at_ms, err) < 0 ? -1 : heirs_settle(engine, attempt, NULL, err);
    }
    bool out_of_memory = json_get_bool(&exit, "out_of_memory", false);
    bool succeeded = !out_of_memory && exited && code == 0 && (*word == '\0' || strcmp(word, "ok") == 0);
    const char *own = json_get_text(&result, "reason", NULL);
    const char *theirs = json_get_text(&exit, "reason", NULL);
    /* Nobody would ever end a wait that begins after the stop. */
    const char *stopped = json_get_text(&exit, "stopped", waits ? stopping : "");
    struct attempt_end end = {
        .state = attempt_end_state(str_from(stopped), succeeded),
        .refused = strcmp(word, "refused") == 0,
        .out_of_memory = out_of_memory,
        .exit_code = code,
        .at_ms = at_ms,
        .heir = json_get(&exit, "heir"),
    };
    attempt->open->quick = succeeded && json_get_int(&exit, "wall_ms", INT64_MAX) <= QUICK_MS;
    bool cut =
        end.state == ATTEMPT_STATE_TIMED_OUT || end.state == ATTEMPT_STATE_CANCELLED || end.state == ATTEMPT_STATE_LOST;
    end.reason = succeeded && !cut ? NULL : own != NULL && !cut && !out_of_memory ? own : theirs;
    end.reason = end.reason == NULL && waits ? "stopped before it began to wait" : end.reason;
    return attempt_end(engine, attempt, &end, err);
}

/* ---- frames ------------------------------------------------------------------------------------------------ */

/* Of an early one the rows say when it was called in: it had begun before. */
static int note_beginning(struct engine *engine, struct live_attempt *attempt, const struct journal_frame *frame,
                          struct err *err)
{
    struct open_run *open = attempt->open;
    struct json spawning = payload_json(engine, frame);
    attempt->row.spawning = true;
    attempt->row.session = json_get_int(&spawning, "session", 0);
    attempt->dirty = true;
    if (!attempt->row.early) {
        return 0;
    }
    attempt->row.started_ms = wall_clock_of_frame(engine, open, frame->time_ms);
    run_item_at(open->run, attempt->place)->started_ms = attempt->row.started_ms;
    vec_push(&open->changes.items, attempt->place);
    return store_run_began(engine->options.store, attempt->row.step_run_id, attempt->row.started_ms, err);
}

static int take_started(struct live_attempt *attempt, const struct json *started)
{
    attempt->row.state = ATTEMPT_STATE_RUNNING;
    attempt->row.pid = json_get_int(started, "pid", 0);
    attempt->row.start_ticks = json_get_int(started, "start_ticks", 0);
    attempt->dirty = true;
    return 0;
}

static int take_call(struct engine *engine, struct live_attempt *attempt, const struct json *call, struct err *err)
{
    int64_t seq = json_get_int(call, "seq", 0);
    const struct json *params = json_get(call, "params");
    struct json reply = json_null();
    struct json nothing = json_object();
    struct str told;
    int known = store_call_get(engine->options.store, attempt->row.id, seq, engine->turn, &told, err);
    if (known < 0) {
        return -1;
    }
    if (known == 1) { /* one answer for each number: two questions cannot share it */
        struct err twice = {0};
        (void)err_set(&twice, ERR_STATE, "question %lld was asked before", (long long)seq);
        reply = call_refusal(engine, &twice);
    } else if (call_answer(engine, attempt, json_get_text(call, "method", ""), params == NULL ? &nothing : params,
                           &reply, err) < 0 ||
               store_call_put(engine->options.store, attempt->row.id, seq, json_text(engine->turn, &reply), err) < 0) {
        return -1;
    }
    json_set(engine->turn, &reply, "type", json_cstring(engine->turn, "reply"));
    json_set(engine->turn, &reply, "attempt", json_int(attempt->row.id));
    json_set(engine->turn, &reply, "seq", json_int(seq));
    turn_send(engine, attempt->row.runner, reply);
    return 0;
}

static int take_frame(struct engine *engine, const void *what, struct err *err)
{
    const struct journal_frame *frame = what;
    struct live_attempt *attempt = attempt_find(engine, frame->attempt);
    if (attempt == NULL || attempt->row.ended_ms != 0) {
        return 0; /* frames after the end belong to processes that were cut off */
    }
    struct json payload;
    switch (frame->type) {
    case JOURNAL_SPAWNING:
        return note_beginning(engine, attempt, frame, err);
    case JOURNAL_STARTED:
        payload = payload_json(engine, frame);
        return take_started(attempt, &payload);
    case JOURNAL_REPORT:
        payload = payload_json(engine, frame);
        return report_apply(engine, attempt, &payload, frame->time_ms, err);
    case JOURNAL_CALL:
        payload = payload_json(engine, frame);
        return take_call(engine, attempt, &payload, err);
    case JOURNAL_WAIT:
        keep_payload(attempt, &attempt->row.wait, frame->payload);
        return 0;
    case JOURNAL_RESULT:
        keep_payload(attempt, &attempt->row.result, frame->payload);
        return 0;
    case JOURNAL_EXIT:
        return take_exit(engine, attempt, frame, err);
    default:
        return 0;
    }
}

int take_or_fail(struct engine *engine, int64_t attempt_id, take_function *take, const void *what, struct err *err)
{
    struct err wrong = {0};
    if (store_savepoint(engine->options.store, err) < 0) {
        return -1;
    }
    if (take(engine, what, &wrong) == 0) {
        return store_savepoint_release(engine->options.store, err);
    }
    if (store_has_failed(&wrong)) {
        *err = wrong;
        return -1;
    }
    store_savepoint_back(engine->options.store);
    return attempt_fail_internal(engine, attempt_find(engine, attempt_id), &wrong, err);
}

static void note_recorded(struct engine *engine, const struct journal_frame *frame)
{
    struct live_attempt *attempt = attempt_find(engine, frame->attempt);
    if (attempt != NULL && (frame->type == JOURNAL_POINTS || frame->type == JOURNAL_METRICS ||
                            frame->type == JOURNAL_REPORT || frame->type == JOURNAL_CALL)) {
        attempt->has_recorded = true;
    }
}

/* A newer sluice was here, and its runner wrote what we know nothing of: passing it over would lose it. */
static int refuse_newer(const struct open_run *open, const struct journal_frame *frame, struct err *err)
{
    return err_set(err, ERR_NEWER,
                   "the journal of run %s was written by a newer sluice (a frame of type %d; this one knows up to %d): "
                   "use that version",
                   open->row.run_id, (int)frame->type, JOURNAL_NEWEST);
}

/* Points wait for more of them; whatever else is recorded finds them recorded. Lines stay in the journal. */
static int take_or_gather(struct engine *engine, struct gathered *points, const struct journal_frame *frame,
                          struct err *err)
{
    if (frame->type == JOURNAL_LOG) {
        return 0;
    }
    if (frame->type == JOURNAL_SPAWNING || frame->type == JOURNAL_STARTED) {
        return take_frame(engine, frame, err); /* they are rows of ours: the store may fail, and nothing else */
    }
    note_recorded(engine, frame);
    if (frame->type == JOURNAL_POINTS || frame->type == JOURNAL_METRICS) {
        return gathered_add(engine, points, frame, err);
    }
    return gathered_record(engine, points, err) < 0 ? -1
                                                    : take_or_fail(engine, frame->attempt, take_frame, frame, err);
}

/* The journal can no longer be read from where we were: everything that had not been read is unknown. */
static int journal_lost(struct engine *engine, struct open_run *open, const char *why, struct err *err)
{
    log_error("engine", "run=%s its journal is damaged: %s", open->row.run_id, why);
    if (turn_begin(engine, err) < 0 || heirs_call_in(engine, open, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (attempt->open != open || attempt->row.ended_ms != 0 || attempt->row.state == ATTEMPT_STATE_WAITING) {
            continue;
        }
        if (strcmp(attempt->row.boot_id, engine->boot_id) != 0) { /* the power took its process along, and its words */
            if (attempt_cut_off(engine, attempt, why, err) < 0) {
                return -1;
            }
            continue;
        }
        attempt_stop(engine, attempt, "cancel", 0);
        attempt_acknowledge(engine, attempt);
        struct attempt_end end = {.state = ATTEMPT_STATE_LOST,
                                  .reason =
                                      arena_printf(engine->turn, "lost: the journal of the run is damaged: %s", why),
                                  .no_retry = true,
                                  .exit_code = -1,
                                  .at_ms = engine_now(engine)};
        if (attempt_end(engine, attempt, &end, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Nothing is read from where it was any more, but new attempts would be written there: after a power cut a journal can
 * be shorter than what had been read of it, and they would fill the gap unseen. So it is put aside, and the run goes on
 * with a new one. If the turn is not committed, the next engine finds no journal and comes to the same. */
static int journal_anew(struct engine *engine, struct open_run *open, const char *why, struct err *err)
{
    if (journal_lost(engine, open, why, err) < 0) {
        return -1;
    }
    crash_point(engine, "before_journal_aside");
    (void)rename(open->journal_path, arena_printf(engine->turn, "%s.damaged", open->journal_path));
    crash_point(engine, "after_journal_aside");
    journal_reader_close(open->journal);
    open->journal = NULL;
    open->journal_written = 0;
    open->journal_anew = true;
    open->row.journal_offset = open->row.journal_sequence = 0;
    open->journal_dirty = true;
    return 0;
}

/* It cannot be read on: what is wrong with it is known, unless the system has refused to read (too many open files, a
 * disk that fails). Then its steps are left to their runner, and their words where they are. */
static int journal_unread(struct engine *engine, struct open_run *open, const struct err *wrong, struct err *err)
{
    if (wrong->code != ERR_IO) {
        return journal_anew(engine, open, wrong->message, err);
    }
    open->look = true;
    *err = *wrong;
    return -1;
}

/* What is read is all there is; but is it all that was written? */
static int check_whole(struct engine *engine, struct open_run *open, struct err *err)
{
    const char *damage = open->journal_damage;
    /* Not the offset of the row: before the first frame there is the mark that a journal begins with. */
    int64_t there = open->journal == NULL ? 0 : journal_reader_offset(open->journal);
    if (damage == NULL && there < open->journal_written) {
        damage = arena_printf(engine->turn, "%lld bytes were written to it, only %lld are there",
                              (long long)open->journal_written, (long long)there);
    }
    int result = damage == NULL ? 0 : journal_anew(engine, open, damage, err);
    if (result == 0) {
        free(open->journal_damage);
        open->journal_damage = NULL;
    }
    return result;
}

/* Points of many keys are few for each of them in what a turn reads. */
static bool has_read_enough(const struct gathered *points, size_t bytes, size_t budget)
{
    return bytes >= budget && (bytes / MANY_KEYS_BUDGETS >= budget || !gathered_wants_more(points));
}

/* Reads at most `budget` bytes, some budgets for points of many keys: the number of frames, or -1. `*ret_got` is what
 * journal_next came to: 1 when there is more to read, 0, or -1 with `wrong`. */
static int take_frames(struct engine *engine, struct open_run *open, size_t budget, int *ret_got, struct err *wrong,
                       struct err *err)
{
    int64_t begin = journal_reader_offset(open->journal);
    struct gathered *points = &engine->gathered;
    struct journal_frame frame;
    int frames = 0;
    int got = 0;
    int result = 0;
    while (result == 0 && (got = journal_next(open->journal, &frame, wrong)) == 1) {
        if ((int)frame.type > JOURNAL_NEWEST) {
            result = refuse_newer(open, &frame, err);
            break;
        }
        result = turn_begin(engine, err) < 0 ? -1 : take_or_gather(engine, points, &frame, err);
        frames++;
        open->row.journal_sequence = (int64_t)frame.sequence;
        open->row.journal_offset = journal_reader_offset(open->journal);
        open->journal_dirty = true;
        if (has_read_enough(points, (size_t)(open->row.journal_offset - begin), budget)) {
            open->look = true;
            break;
        }
    }
    result = result == 0 ? gathered_record(engine, points, err) : result;
    gathered_rest(engine, points);
    *ret_got = got;
    return result < 0 ? -1 : frames;
}

/* Was the journal of the run written before the machine restarted? 1, 0 or -1. With an attempt of this boot in it, it
 * was looked at when that began. */
static int is_of_another_boot(struct engine *engine, const struct open_run *open, struct err *err)
{
    bool live = false;
    for (size_t i = 0; i < engine->attempts.count; i++) {
        const struct live_attempt *attempt = engine->attempts.items[i];
        if (attempt->open == open && strcmp(attempt->row.boot_id, engine->boot_id) != 0) {
            return 1;
        }
        live = live || attempt->open == open;
    }
    return live ? 0 : store_attempts_of_another_boot(engine->options.store, open->row.run_id, engine->boot_id, err);
}

/* What had been read is in the store, and nobody reads it again: but who is to write behind it does, and refuses. 0, or
 * -1: a power cut has left less of it, or something else. What it has left behind that, and is no frame, was not on the
 * disk when anything was begun: it goes. */
static int settle_after_power_cut(const struct open_run *open, struct err *wrong)
{
    struct journal_reader *reader = NULL;
    struct journal_frame frame;
    if (journal_reader_open(open->journal_path, 0, 0, &reader, wrong) < 0) {
        return -1;
    }
    int got;
    do {
        got = journal_next(reader, &frame, wrong);
    } while (got == 1);
    int64_t whole = journal_reader_offset(reader);
    journal_reader_close(reader);
    if (got < 0 && wrong->code != ERR_CORRUPT) {
        return -1;
    }
    if (whole < open->row.journal_offset) {
        err_clear(wrong);
        return err_set(wrong, ERR_CORRUPT, "what had been read of it is not there any more");
    }
    if (got == 0 || whole == 0) {
        return got;
    }
    log_warn("engine", "run=%s of what its journal had when the machine went, byte %lld and all behind it is no frame",
             open->row.run_id, (long long)whole);
    err_clear(wrong);
    return journal_cut(open->journal_path, whole, wrong);
}

static int open_reader(struct engine *engine, struct open_run *open, struct err *wrong, struct err *err)
{
    int other = is_of_another_boot(engine, open, err);
    if (other < 0) {
        return -1;
    }
    return (other == 1 && settle_after_power_cut(open, wrong) < 0) ||
                   journal_reader_open(open->journal_path, open->row.journal_offset,
                                       (uint64_t)open->row.journal_sequence, &open->journal, wrong) < 0
               ? 1
               : 0;
}

int ingest_run(struct engine *engine, struct open_run *open, size_t budget, struct err *err)
{
    struct err wrong = {0};
    open->look = false;
    int closed = open->journal != NULL ? 0 : open_reader(engine, open, &wrong, err);
    if (closed < 0) {
        open->look = true;
        return -1;
    }
    if (closed == 1) {
        if (wrong.code == ERR_NOT_FOUND && open->row.journal_offset == 0) {
            return check_whole(engine, open, err);
        }
        return journal_unread(engine, open, &wrong, err);
    }
    int64_t now_ms = engine_now(engine);
    int got = 0;
    int frames = take_frames(engine, open, budget, &got, &wrong, err);
    if (frames < 0) {
        return -1;
    }
    open->read_until_ms = got == 0 ? now_ms : open->read_until_ms;
    if (got < 0) {
        return journal_unread(engine, open, &wrong, err);
    }
    return got == 0 && check_whole(engine, open, err) < 0 ? -1 : frames;
}

bool ingest_reads(const struct open_run *open, int64_t file)
{
    if (file == 0) {
        return true; /* not said */
    }
    if (open->journal != NULL) {
        return file == journal_reader_file(open->journal);
    }
    int64_t there = journal_file_at(open->journal_path);
    return there == 0 ? !open->journal_anew : there == file;
}

int ingest_all(struct engine *engine, struct err *err)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        int frames = 0;
        while ((frames = ingest_run(engine, engine->runs.items[i], SIZE_MAX, err)) > 0) {
        }
        if (frames < 0) {
            return -1;
        }
    }
    return 0;
}
