/* SPDX-License-Identifier: Apache-2.0
 * Attempts: from a ready item to a spawn message, from an exit to an event.
 */
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/cache.h"
#include "engine/attempt_secrets.h"
#include "engine/heirs.h"
#include "engine/stats.h"
#include "store/metrics.h"
#include "store/runs.h"

#include <stdio.h>
#include <stdlib.h>

struct live_attempt *attempt_find(const struct engine *engine, int64_t id)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        if (engine->attempts.items[i]->row.id == id) {
            return engine->attempts.items[i];
        }
    }
    return NULL;
}

struct live_attempt *attempt_at(struct engine *engine, const struct open_run *open, struct run_place place)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (attempt->open == open && attempt->place.step == place.step && attempt->place.item == place.item &&
            attempt->row.ended_ms == 0) {
            return attempt;
        }
    }
    return NULL;
}

void attempt_set(const char **field, const char *text)
{
    char *copy = text == NULL ? NULL : mem_strdup(text);
    free((char *)(uintptr_t)*field);
    *field = copy;
}

/* Like the ladder, the time only gets shorter. */
static void note_stop_due(struct engine *engine, struct live_attempt *attempt, int64_t grace_ms)
{
    int64_t due_ms = clock_monotonic_ms(engine->options.clock) + grace_ms;
    if (attempt->stop_due_ms == 0 || due_ms < attempt->stop_due_ms) {
        attempt->stop_due_ms = due_ms;
    }
}

/* Of an attempt that another engine has begun, the wall clock knows how long ago; not so after a wait. */
static int64_t since_of(struct engine *engine, const struct attempt_row *row)
{
    int64_t age_ms = row->wait != NULL ? 0 : engine_now(engine) - row->started_ms;
    return clock_monotonic_ms(engine->options.clock) - (age_ms > 0 ? age_ms : 0);
}

struct live_attempt *attempt_add(struct engine *engine, struct open_run *open, const struct attempt_row *row)
{
    struct live_attempt *attempt = mem_alloc(sizeof *attempt);
    attempt->row = *row;
    attempt->open = open;
    attempt->place = (struct run_place){(size_t)row->position, (size_t)row->item};
    attempt->progress = -1;
    attempt->has_recorded = true; /* to another engine, perhaps */
    attempt->since_ms = since_of(engine, row);
    if (row->stopping != NULL) {
        note_stop_due(engine, attempt, run_step_at(open->run, attempt->place)->stop_grace_ms);
    }
    const char **texts[] = {&attempt->row.run_id,      &attempt->row.reason, &attempt->row.mark,
                            &attempt->row.step_run_id, &attempt->row.runner, &attempt->row.boot_id,
                            &attempt->row.exit,        &attempt->row.result, &attempt->row.wait,
                            &attempt->row.stopping};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = *texts[i] == NULL ? NULL : mem_strdup(*texts[i]);
    }
    vec_push(&engine->attempts, attempt);
    return attempt;
}

void attempt_drop(struct engine *engine, struct live_attempt *attempt)
{
    if (attempt->asks || attempt->looks) {
        attempt_forget_secrets(engine, attempt);
    }
    attempt_secrets_wipe(attempt);
    for (size_t i = engine->attempts.count; i-- > 0;) { /* who drops all of them begins at the end */
        if (engine->attempts.items[i] == attempt) {
            engine->attempts.items[i] = engine->attempts.items[--engine->attempts.count];
            break;
        }
    }
    const char **texts[] = {&attempt->row.run_id,      &attempt->row.reason, &attempt->row.mark,
                            &attempt->row.step_run_id, &attempt->row.runner, &attempt->row.boot_id,
                            &attempt->row.exit,        &attempt->row.result, &attempt->row.wait,
                            &attempt->row.stopping};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        attempt_set(texts[i], NULL);
    }
    leases_forget(attempt);
    free(attempt->progress_text);
    free(attempt);
}

const char *artifact_folder(const struct engine *engine, struct arena *arena, int64_t experiment_id, const char *run_id)
{
    return arena_printf(arena, "%s/artifacts/%lld/%s/artifacts", engine->options.home, (long long)experiment_id,
                        run_id);
}

const char *model_folder(const struct engine *engine, struct arena *arena, int64_t experiment_id, const char *model_id)
{
    return arena_printf(arena, "%s/artifacts/%lld/models/%s", engine->options.home, (long long)experiment_id, model_id);
}

/* ---- starting ------------------------------------------------------------------------------------- */

/* Which build of a plugin an attempt used: "evaluate 1.0 sha256:...". One that cannot be read fails as it is loaded; a
 * step that finds another one says so. */
static int tag_plugin(struct engine *engine, const struct plugin *plugin, const struct attempt_ids *ids,
                      struct err *err)
{
    struct str digest = str_from(ids->plugin);
    struct str stamp;
    int known = digest.n > 0 ? 1 : plugin_digest(engine, plugin, &digest, &stamp, err);
    if (known <= 0) {
        return known;
    }
    return store_run_tag(engine->options.store, ids->step_run_id, "sluice.plugin",
                         arena_printf(engine->turn, "%.*s %.*s sha256:%.*s", STR_ARG(plugin->name),
                                      STR_ARG(plugin->version), STR_ARG(digest)),
                         err);
}

/* The nested MLflow run of an attempt: "train", "train 2-1a2b3c4d", "train (attempt 2)". */
static int create_step_run(struct engine *engine, struct open_run *open, struct run_place place,
                           const struct attempt_ids *ids, int64_t start_ms, struct err *err)
{
    const char *step_run_id = ids->step_run_id;
    const struct step *step = run_step_at(open->run, place);
    struct run_item *item = run_item_at(open->run, place);
    struct arena *arena = engine->turn;
    struct store *store = engine->options.store;
    const char *id = arena_str(arena, step->id).p;
    const char *name = arena_printf(arena, "%s%s%s", id, item->key[0] == '\0' ? "" : " ", item->key);
    struct run_info info = {
        .run_id = step_run_id,
        .experiment_id = open->row.experiment_id,
        .name = item->attempts > 1 ? arena_printf(arena, "%s (attempt %d)", name, item->attempts) : name,
        .user = open->row.actor,
        .status = RUN_STATUS_RUNNING,
        .start_ms = start_ms,
        .artifact_uri = artifact_folder(engine, arena, open->row.experiment_id, step_run_id),
        .parent_run_id = open->row.run_id,
    };
    struct pair tags[] = {
        {"sluice.step", id},
        {"sluice.attempt", arena_printf(arena, "%d", item->attempts)},
        {"sluice.definition", step_digest(open->run->pipeline, step, arena).p},
        {"mlflow.source.git.commit", json_get_text(&open->run->git, "commit", "")},
        {"mlflow.source.git.branch", json_get_text(&open->run->git, "branch", "")},
        {"mlflow.source.git.repoURL", json_get_text(&open->run->git, "repo", "")},
    };
    size_t tag_count = 0;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (*tags[i].value != '\0') { /* what git does not say */
            tags[tag_count++] = tags[i];
        }
    }
    if (store_run_create_with(store, &info, tags, tag_count, err) < 0) {
        return -1;
    }
    if (step->plugin != NULL && tag_plugin(engine, step->plugin, ids, err) < 0) {
        return -1;
    }
    for (size_t i = 0; item->matrix.type == JSON_OBJECT && i < item->matrix.u.object.count; i++) {
        const struct json_member *member = &item->matrix.u.object.members[i];
        const char *value =
            member->value.type == JSON_STRING ? member->value.u.string.p : json_text(arena, &member->value).p;
        if (store_run_param(store, step_run_id, member->key.p, value, err) < 0) {
            return -1;
        }
    }
    return 0;
}

struct attempt_ids attempt_ids_new(struct engine *engine)
{
    struct attempt_ids ids = {.id = ++engine->last_id};
    struct id step_run = id_run(&engine->rng, engine_now(engine));
    struct id mark = id_run(&engine->rng, engine_now(engine));
    (void)snprintf(ids.step_run_id, sizeof ids.step_run_id, "%s", step_run.text);
    (void)snprintf(ids.mark, sizeof ids.mark, "%s", mark.text);
    (void)snprintf(ids.boot_id, sizeof ids.boot_id, "%s", engine->boot_id);
    return ids;
}

static int insert_attempt(struct engine *engine, struct open_run *open, struct run_place place, const char *runner,
                          const struct attempt_ids *ids, struct live_attempt **ret_attempt, struct err *err)
{
    struct run_item *item = run_item_at(open->run, place);
    int64_t started_ms = ids->begun_ms == 0 ? engine_now(engine) : ids->begun_ms;
    if (create_step_run(engine, open, place, ids, started_ms, err) < 0) {
        return -1;
    }
    struct attempt_row row = {
        .id = ids->id,
        .run_id = open->row.run_id,
        .position = (int64_t)place.step,
        .item = (int64_t)place.item,
        .number = item->attempts,
        .state = ATTEMPT_STATE_STARTING,
        .mark = ids->mark,
        .step_run_id = ids->step_run_id,
        .runner = runner,
        .boot_id = ids->boot_id,
        .started_ms = started_ms,
        .early = ids->early,
    };
    if (store_attempt_insert(engine->options.store, &row, err) < 0) {
        return -1;
    }
    item->step_run_id = arena_strdup(open->run->arena, ids->step_run_id);
    *ret_attempt = attempt_add(engine, open, &row);
    (*ret_attempt)->has_recorded = false;
    return 0;
}

static int fail_item(struct engine *engine, struct open_run *open, struct run_place place, const char *reason,
                     struct err *err)
{
    struct run_event event = {.kind = RUN_EVENT_ENDED,
                              .place = place,
                              .now_ms = engine_now(engine),
                              .ended = ATTEMPT_STATE_FAILED,
                              .exit_code = -1,
                              .reason = reason};
    return open_run_apply(engine, open, &event, err);
}

int attempt_new(struct engine *engine, struct open_run *open, struct run_place place, const char *runner,
                const struct attempt_ids *ids, struct live_attempt **ret_attempt, struct err *err)
{
    struct err wrong = {0};
    if (store_savepoint(engine->options.store, err) < 0) {
        return -1;
    }
    *ret_attempt = NULL;
    if (insert_attempt(engine, open, place, runner, ids, ret_attempt, &wrong) == 0) {
        return store_savepoint_release(engine->options.store, err);
    }
    if (store_has_failed(&wrong)) {
        *err = wrong;
        return -1;
    }
    store_savepoint_back(engine->options.store);
    return fail_item(engine, open, place, wrong.message, err);
}

/* After a wait the same attempt goes on: its row becomes `starting` again. */
static struct live_attempt *reuse_attempt(struct engine *engine, struct open_run *open, struct run_place place,
                                          const char *runner)
{
    struct live_attempt *attempt = attempt_at(engine, open, place);
    if (attempt != NULL) {
        attempt->row.state = ATTEMPT_STATE_STARTING;
        attempt->row.spawning = false;
        attempt->since_ms = clock_monotonic_ms(engine->options.clock);
        attempt_set(&attempt->row.reason, NULL);
        attempt_set(&attempt->row.runner, runner);
        attempt_set(&attempt->row.boot_id, engine->boot_id);
        attempt_set(&attempt->row.exit, NULL);
        attempt_set(&attempt->row.result, NULL);
        attempt->dirty = true;
    }
    return attempt;
}

static int start_child(struct engine *engine, struct open_run *open, struct run_place place, struct err *err)
{
    struct err wrong = {0};
    if (store_savepoint(engine->options.store, err) < 0) {
        return -1;
    }
    if (child_submit(engine, open, place, &wrong) == 0) {
        return store_savepoint_release(engine->options.store, err);
    }
    store_savepoint_back(engine->options.store);
    if (wrong.code != ERR_INPUT && wrong.code != ERR_NOT_FOUND && wrong.code != ERR_STATE) {
        *err = wrong;
        return -1;
    }
    return fail_item(engine, open, place, wrong.message, err);
}

static int start_item(struct engine *engine, struct open_run *open, struct run_place place, struct err *err)
{
    if (run_step_at(open->run, place)->kind == STEP_KIND_PIPELINE) {
        return start_child(engine, open, place, err);
    }
    struct run_item *item = run_item_at(open->run, place);
    bool resumed = item->resumed;
    if (run_step_at(open->run, place)->cache != NULL && !resumed) {
        int reused = cache_reuse(engine, open, place, err);
        if (reused != 0) {
            return reused < 0 ? -1 : 0;
        }
    }
    struct runner_link *link = links_current(engine, err);
    if (link == NULL) {
        return -1;
    }
    struct live_attempt *attempt = resumed ? reuse_attempt(engine, open, place, link->id) : NULL;
    if (attempt == NULL) {
        struct attempt_ids ids = attempt_ids_new(engine);
        if (attempt_new(engine, open, place, link->id, &ids, &attempt, err) < 0) {
            return -1;
        }
    }
    item->resumed = false;
    if (attempt == NULL) {
        return 0; /* the item has failed */
    }
    if (leases_take(engine, attempt, err) < 0) {
        return -1;
    }
    crash_point(engine, "in_start");
    return attempt_send(engine, attempt, err);
}

/* What asks for more than there is (config.yaml says less than when the run began) must not wait for ever. */
static int fail_hopeless(struct engine *engine, struct err *err)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        for (size_t q = 0; !run_state_is_terminal(open->run->state) && q < open->run->queue_count; q++) {
            const struct run_waiting *head = run_queue_head(open->run, q);
            const char *problem =
                head == NULL ? NULL : leases_problem(engine, run_step_at(open->run, head->place), engine->turn);
            struct run_place place;
            if (problem == NULL || !run_take_from(open->run, q, engine_now(engine), &open->changes, &place)) {
                continue;
            }
            if (fail_item(engine, open, place, problem, err) < 0) {
                return -1;
            }
            q--; /* the next of the same queue */
        }
    }
    return 0;
}

/* Whoever waits for the end of the turn does not wait for all, and the first are with their runner meanwhile. */
enum { STARTS_IN_TURN = 32 };

static bool starts_more(const struct engine *engine)
{
    return !engine->starts_wait && engine->turn_starts < STARTS_IN_TURN;
}

bool attempts_may_start(struct engine *engine)
{
    return starts_more(engine) && leases_may_start(engine);
}

bool attempts_are_left(struct engine *engine)
{
    return !starts_more(engine) && leases_may_start(engine);
}

int attempts_start(struct engine *engine, struct err *err)
{
    struct open_run *open = NULL;
    size_t queue = 0;
    struct run_place place;
    if (attempts_ask_again(engine, err) < 0 || (!engine->options.starts_nothing && fail_hopeless(engine, err) < 0)) {
        return -1;
    }
    for (; starts_more(engine) && leases_next(engine, &open, &queue); engine->turn_starts++) {
        if (run_take_from(open->run, queue, engine_now(engine), &open->changes, &place) &&
            start_item(engine, open, place, err) < 0) {
            return -1;
        }
    }
    return 0;
}

struct json stop_message(struct arena *arena, int64_t attempt, const char *why, int64_t grace_ms)
{
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, "stop"));
    json_set(arena, &message, "attempt", json_int(attempt));
    json_set(arena, &message, "why", json_cstring(arena, why));
    json_set(arena, &message, "grace_ms", json_int(grace_ms));
    return message;
}

void stop_send(struct engine *engine, const struct attempt_row *attempt, const char *why, int64_t grace_ms)
{
    turn_send(engine, attempt->runner, stop_message(engine->turn, attempt->id, why, grace_ms));
}

void attempt_acknowledge(struct engine *engine, const struct live_attempt *attempt)
{
    struct json message = json_object();
    json_set(engine->turn, &message, "type", json_cstring(engine->turn, "ack"));
    json_set(engine->turn, &message, "attempt", json_int(attempt->row.id));
    turn_send(engine, attempt->row.runner, message);
}

bool attempt_is_with_runner(const struct live_attempt *attempt)
{
    return attempt->row.ended_ms == 0 && attempt->row.state != ATTEMPT_STATE_WAITING;
}

void attempt_stop(struct engine *engine, struct live_attempt *attempt, const char *why, int64_t grace_ms)
{
    stop_send(engine, &attempt->row, why, grace_ms);
    note_stop_due(engine, attempt, grace_ms);
    attempt_set(&attempt->row.stopping, why);
    attempt->dirty = true;
}

/* ---- ending ---------------------------------------------------------------------------------------------- */

static const enum run_status mlflow_status[] = {
    [ATTEMPT_STATE_SUCCEEDED] = RUN_STATUS_FINISHED, [ATTEMPT_STATE_FAILED] = RUN_STATUS_FAILED,
    [ATTEMPT_STATE_TIMED_OUT] = RUN_STATUS_FAILED,   [ATTEMPT_STATE_CANCELLED] = RUN_STATUS_KILLED,
    [ATTEMPT_STATE_LOST] = RUN_STATUS_FAILED,
};

/* Exit code, signal and resource usage stand on the MLflow run as tags, beside the reason in words. */
static int tag_usage(struct engine *engine, const struct live_attempt *attempt, struct err *err)
{
    static const char *const fields[][2] = {
        {"code", "sluice.exit_code"},  {"signal", "sluice.signal"},       {"wall_ms", "sluice.wall_ms"},
        {"user_ms", "sluice.user_ms"}, {"system_ms", "sluice.system_ms"}, {"max_rss_bytes", "sluice.max_rss_bytes"},
    };
    struct json exit = json_null();
    if (attempt->row.exit != NULL) {
        (void)json_read(str_from(attempt->row.exit), (struct json_limits){0}, engine->turn, &exit, NULL);
    }
    struct pair tags[sizeof fields / sizeof fields[0] + 1];
    size_t count = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const struct json *value = json_get(&exit, fields[i][0]);
        if (value != NULL && value->type == JSON_INT) {
            tags[count++] = (struct pair){fields[i][1], json_text(engine->turn, value).p};
        }
    }
    if (attempt->row.reason != NULL) {
        tags[count++] = (struct pair){"sluice.reason", attempt->row.reason};
    }
    return count == 0 ? 0 : store_run_tags_set(engine->options.store, attempt->row.step_run_id, tags, count, err);
}

/* What later steps see as steps.X.metrics: the latest of each key. */
static int load_metrics(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    struct metric_latest *metrics = NULL;
    size_t count = 0;
    if (attempt->has_recorded && store_metrics_of_run(engine->options.store, attempt->row.step_run_id, engine->turn,
                                                      &metrics, &count, err) < 0) {
        return -1;
    }
    struct arena *arena = attempt->open->run->arena;
    struct run_item *item = run_item_at(attempt->open->run, attempt->place);
    item->metrics = json_object();
    for (size_t i = 0; i < count; i++) {
        json_add(arena, &item->metrics, metrics[i].key, json_number(metrics[i].value));
    }
    return 0;
}

/* steps.X.model_id is there when the step has succeeded, and with it the model is READY. */
static int settle_models(struct engine *engine, struct live_attempt *attempt, const struct attempt_end *end,
                         struct err *err)
{
    struct arena *keep = attempt->open->run->arena;
    struct run_item *item = run_item_at(attempt->open->run, attempt->place);
    const char *ready = NULL;
    if (attempt->has_recorded && models_settle(engine, attempt->row.step_run_id, end->state == ATTEMPT_STATE_SUCCEEDED,
                                               end->reason, end->at_ms, &ready, err) < 0) {
        return -1;
    }
    if (ready != NULL) {
        item->model_id = arena_strdup(keep, ready);
        item->model_uri = arena_printf(keep, "models:/%s", ready);
    }
    return 0;
}

/* A step that fails in its own words may leave something for those who look into it. One that was cut off has left a
 * part, and nobody knows which. */
static void drop_part(struct engine *engine, struct live_attempt *attempt, const struct attempt_end *end)
{
    struct run_item *item = run_item_at(attempt->open->run, attempt->place);
    struct json result = json_null();
    (void)json_read(str_from(attempt->row.result), (struct json_limits){0}, engine->turn, &result, NULL);
    bool own_words = end->state == ATTEMPT_STATE_FAILED && json_get_text(&result, "reason", NULL) != NULL;
    if (end->state != ATTEMPT_STATE_SUCCEEDED && !own_words) {
        item->outputs = item->artifacts = json_object();
    }
}

int attempt_end(struct engine *engine, struct live_attempt *attempt, const struct attempt_end *end, struct err *err)
{
    attempt->row.state = end->state;
    attempt->row.ended_ms = end->at_ms;
    stats_ended(engine, &attempt->row);
    attempt_set(&attempt->row.reason, end->reason);
    attempt->dirty = true;
    drop_part(engine, attempt, end);
    crash_point(engine, "in_attempt_end");
    if (tag_usage(engine, attempt, err) < 0 || load_metrics(engine, attempt, err) < 0 ||
        settle_models(engine, attempt, end, err) < 0 ||
        store_run_end(engine->options.store, attempt->row.step_run_id, mlflow_status[end->state], end->at_ms, err) <
            0) {
        return -1;
    }
    struct run_event event = {
        .kind = RUN_EVENT_ENDED,
        .place = attempt->place,
        .now_ms = end->at_ms,
        .ended = end->state,
        .refused = end->refused,
        .no_retry = end->no_retry,
        .out_of_memory = end->out_of_memory,
        .exit_code = end->exit_code,
        .reason = attempt->row.reason,
    };
    if (open_run_apply(engine, attempt->open, &event, err) < 0) {
        return -1;
    }
    bool keeps = run_step_at(attempt->open->run, attempt->place)->cache != NULL &&
                 run_item_at(attempt->open->run, attempt->place)->state == STEP_STATE_SUCCEEDED;
    if (keeps && cache_keep(engine, attempt->open, attempt->place, err) < 0) {
        return -1;
    }
    return heirs_settle(engine, attempt, end->heir, err);
}

int attempt_take_back(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    attempt->row.state = ATTEMPT_STATE_CANCELLED;
    attempt->row.ended_ms = engine_now(engine);
    attempt->dirty = false;
    crash_point(engine, "in_take_back");
    struct run_event event = {
        .kind = RUN_EVENT_NOT_BEGUN, .place = attempt->place, .now_ms = attempt->row.ended_ms, .exit_code = -1};
    return store_attempt_take_back(engine->options.store, &attempt->row, err) < 0
               ? -1
               : open_run_apply(engine, attempt->open, &event, err);
}

int attempt_fail_internal(struct engine *engine, struct live_attempt *attempt, const struct err *wrong, struct err *err)
{
    const char *reason = arena_printf(engine->turn, "internal: %s", wrong->message);
    log_error("engine", "attempt=%lld %s", (long long)attempt->row.id, reason);
    attempt_stop(engine, attempt, "cancel", 0);
    struct json exit = json_null();
    if (attempt->row.exit != NULL) { /* what has begun behind it has begun, whatever became of it */
        (void)json_read(str_from(attempt->row.exit), (struct json_limits){0}, engine->turn, &exit, NULL);
    }
    struct attempt_end end = {.state = ATTEMPT_STATE_FAILED,
                              .reason = reason,
                              .exit_code = -1,
                              .at_ms = engine_now(engine),
                              .heir = json_get(&exit, "heir")};
    struct open_run *open = attempt->open;
    return engine_note(engine, "sluice", "attempt.failed", run_words(engine->turn, &open->row), open->row.run_id, "",
                       "failed", reason, "", err) < 0
               ? -1
               : attempt_end(engine, attempt, &end, err);
}
