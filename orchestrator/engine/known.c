/* SPDX-License-Identifier: Apache-2.0
 * What a runner says that it has: looked after, started again, stopped or forgotten, by what the store says of it.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/attempt_secrets.h"
#include "engine/engine_internal.h"
#include "engine/heirs.h"

static void send_now(struct engine *engine, struct runner_link *link, const char *type, int64_t attempt)
{
    struct json message = json_object();
    json_set(engine->turn, &message, "type", json_cstring(engine->turn, type));
    json_set(engine->turn, &message, "attempt", json_int(attempt));
    link_send(engine, link, &message);
}

/* Replies that were committed but may not have been sent. */
static int resend_replies(struct engine *engine, int64_t attempt, const struct json *calls, const char *runner,
                          struct err *err)
{
    for (size_t i = 0; calls != NULL && calls->type == JSON_ARRAY && i < calls->u.array.count; i++) {
        struct str reply;
        int64_t seq = calls->u.array.items[i].u.integer;
        int found = store_call_get(engine->options.store, attempt, seq, engine->turn, &reply, err);
        struct json message;
        if (found < 0) {
            return -1;
        }
        if (found == 1 && json_read(reply, (struct json_limits){0}, engine->turn, &message, err) == 0) {
            json_set(engine->turn, &message, "type", json_cstring(engine->turn, "reply"));
            json_set(engine->turn, &message, "attempt", json_int(attempt));
            json_set(engine->turn, &message, "seq", json_int(seq));
            turn_send(engine, runner, message);
            if (turn_begin(engine, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Has the attempt let go of its process? One of a run that could not be loaded has not: it keeps what it has to say.
 * `ret_unknown`: it has no row. */
static int is_over(struct engine *engine, int64_t id, bool *ret_over, bool *ret_unknown, struct err *err)
{
    struct attempt_row row;
    struct err missing = {0};
    *ret_unknown = false;
    if (store_attempt_get(engine->options.store, id, engine->turn, &row, &missing) == 0) {
        *ret_over = row.ended_ms != 0 || row.state == ATTEMPT_STATE_WAITING;
        return 0;
    }
    *ret_over = *ret_unknown = true;
    if (missing.code == ERR_NOT_FOUND) {
        return 0;
    }
    *err = missing;
    return -1;
}

/* Is all known of the run that there is to know? Not of one that could not be loaded. 1, 0 or -1. */
static int is_run_known(struct engine *engine, const char *run_id, struct err *err)
{
    struct pipeline_run row;
    struct err missing = {0};
    if (open_run_find(engine, run_id) != NULL) {
        return 1;
    }
    if (store_pipeline_run_get(engine->options.store, run_id, engine->turn, &row, &missing) < 0) {
        *err = missing.code == ERR_NOT_FOUND ? *err : missing;
        return missing.code == ERR_NOT_FOUND ? 0 : -1;
    }
    return run_state_is_terminal(row.state) ? 1 : 0;
}

/* It runs and must not go on. Either it has begun by itself, and the journal that said so is gone: its step is decided
 * anew. Or it is over in the store or was never to be there, and the message that stops it was lost with an engine. */
static int kill_unwanted(struct engine *engine, struct runner_link *link, const struct json *known, bool unknown,
                         struct err *err)
{
    int64_t id = json_get_int(known, "attempt", 0);
    bool runs = strcmp(json_get_text(known, "state", ""), "running") == 0;
    int sure = runs && unknown ? is_run_known(engine, json_get_text(known, "run_id", ""), err) : 1;
    if (!runs || sure <= 0) {
        return sure;
    }
    if (unknown) {
        log_warn("engine", "attempt=%lld runs, and nothing is known of it: it is killed", (long long)id);
    }
    struct json message = stop_message(engine->turn, id, "cancel", 0);
    link_send(engine, link, &message);
    return 0;
}

/* All that the journal of the run has, if it is open. */
static int ingest_whole(struct engine *engine, const char *run_id, struct err *err)
{
    struct open_run *open = open_run_find(engine, run_id);
    int frames = open == NULL ? 0 : 1;
    while (frames > 0) {
        frames = ingest_run(engine, open, SIZE_MAX, err);
    }
    return frames;
}

/* After a wait an attempt goes on under the same id. If the message that says so was lost with an engine, what the
 * runner knows is its first half: that has ended, as the journal says. Nobody has the second half then. */
static int is_first_half(struct engine *engine, struct live_attempt *attempt, const struct json *known, bool *ret_first,
                         struct err *err)
{
    *ret_first = false;
    if (strcmp(json_get_text(known, "state", ""), "exited") != 0) {
        return 0;
    }
    int frames = ingest_whole(engine, attempt->open->row.run_id, err);
    bool waited = attempt->row.ended_ms == 0 && attempt->row.wait != NULL;
    *ret_first = waited && attempt->row.state == ATTEMPT_STATE_STARTING && !attempt->row.spawning;
    return frames;
}

/* After its wait it went on in another runner: what this one knows is the half before. */
static bool is_of_another(const struct live_attempt *attempt, const struct runner_link *link, const struct json *known)
{
    return strcmp(json_get_text(known, "state", ""), "exited") == 0 && strcmp(attempt->row.runner, link->id) != 0;
}

/* Its end is in a journal, and the one that we read has all that it has: somebody has put another in its place. */
static void note_missing_end(struct live_attempt *attempt, const struct json *known)
{
    struct open_run *open = attempt->open;
    if (strcmp(json_get_text(known, "state", ""), "exited") == 0 && attempt_is_with_runner(attempt) &&
        open->journal_damage == NULL) {
        open->journal_damage = mem_strdup("the end of a step that is over is not in it");
    }
}

/* An attempt that a runner has: looked after, or forgotten when it has ended in the store. */
int link_take_known(struct engine *engine, struct runner_link *link, const struct json *known, struct err *err)
{
    int64_t id = json_get_int(known, "attempt", 0);
    struct live_attempt *attempt = attempt_find(engine, id);
    bool over = true;
    if (attempt == NULL && strcmp(json_get_text(known, "state", ""), "held") == 0) {
        if (!heirs_listed(engine, link, known)) {
            send_now(engine, link, "ack", id);
        }
        return 0;
    }
    if (attempt == NULL && ingest_whole(engine, json_get_text(known, "run_id", ""), err) < 0) {
        return -1;
    }
    attempt = attempt != NULL ? attempt : attempt_find(engine, id); /* an heir that has begun: its journal said so */
    if (attempt == NULL || attempt->row.state == ATTEMPT_STATE_WAITING) {
        bool unknown = false;
        if (is_over(engine, id, &over, &unknown, err) < 0) {
            return -1;
        }
        if ((unknown || (over && attempt == NULL)) && kill_unwanted(engine, link, known, unknown, err) < 0) {
            return -1;
        }
        if (over) {
            send_now(engine, link, "ack", id);
        }
        return 0;
    }
    if (is_of_another(attempt, link, known)) {
        send_now(engine, link, "ack", id);
        return 0;
    }
    if (is_first_half(engine, attempt, known, &over, err) < 0) {
        return -1;
    }
    if (over) {
        send_now(engine, link, "ack", id); /* and it is an orphan */
        return 0;
    }
    /* Of one that has waited a later list may be older than its second half. */
    if (!link->greeted || attempt->row.wait == NULL) {
        note_missing_end(attempt, known);
    }
    attempt_secrets_told(attempt, json_get(known, "secrets"));
    attempt->sent = true;
    attempt->open->look = true;
    if (attempt->row.stopping != NULL && attempt->row.ended_ms == 0) {
        if (turn_begin(engine, err) < 0) {
            return -1;
        }
        /* The message may have been lost with the engine that sent it. */
        attempt_stop(engine, attempt, attempt->row.stopping,
                     run_step_at(attempt->open->run, attempt->place)->stop_grace_ms);
    }
    return resend_replies(engine, id, json_get(known, "calls"), link->id, err);
}
