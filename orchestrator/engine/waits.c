/* SPDX-License-Identifier: Apache-2.0
 * Waits: rows that the engine looks at, so that a waiting step holds no process.
 *
 * A kind says when it is met. Met, rejected, expired and void all let the same attempt go on: the plugin that asked to
 * wait is called again and decides what the outcome means. Withdrawn cancels the step.
 */
#include "engine/waits.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/targets.h"
#include "engine/vote.h"
#include "store/guards.h"
#include "store/model_makers.h"
#include "store/models.h"
#include "store/registry.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { DEFAULT_EVERY_MS = 10000, LEAST_EVERY_MS = 100 };

static struct json read_json(struct arena *arena, const char *text)
{
    struct json value = json_null();
    (void)json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL);
    return value;
}

/* A step may name any number: a hundred years are as good as more, and adding them to a time cannot overflow. */
static int64_t within(int64_t ms)
{
    const int64_t most_ms = (int64_t)100 * 366 * 86400 * 1000;
    return ms < 0 ? 0 : ms > most_ms ? most_ms : ms;
}

/* waits_check comes then, or before. 0: there is no need. */
static void look_by(struct engine *engine, int64_t at_ms)
{
    bool sooner = engine->next_wait_check_ms == 0 || at_ms < engine->next_wait_check_ms;
    engine->next_wait_check_ms = at_ms != 0 && sooner ? at_ms : engine->next_wait_check_ms;
}

static struct run_place place_of(const struct wait_row *wait)
{
    return (struct run_place){(size_t)wait->position, (size_t)wait->item};
}

/* ---- ending ---------------------------------------------------------------------------------------------- */

int wait_end(struct engine *engine, struct wait_row *wait, const char *status, struct json outcome, const char *reason,
             int64_t now_ms, struct err *err)
{
    struct open_run *open = open_run_find(engine, wait->run_id);
    json_set(engine->turn, &outcome, "outcome", json_cstring(engine->turn, status));
    wait->status = status;
    wait->outcome = json_text(engine->turn, &outcome).p;
    wait->ended_ms = now_ms;
    wait->check_ms = 0;
    if (store_wait_update(engine->options.store, wait, err) < 0 || open == NULL) {
        return open == NULL ? err_set(err, ERR_INTERNAL, "a wait of run %s, which is not open", wait->run_id) : -1;
    }
    crash_point(engine, "in_wait_end");
    struct run_item *item = run_item_at(open->run, place_of(wait));
    bool approved = strcmp(wait->kind, "approval") == 0 && strcmp(status, "met") == 0;
    item->gate_passed = item->gate_passed || approved;
    struct run_event event = {.kind = RUN_EVENT_WAIT_OVER, .place = place_of(wait), .now_ms = now_ms, .reason = reason};
    return open_run_apply(engine, open, &event, err);
}

/* The step is cancelled, not asked: nobody waits for this any more. The run is open, and so is what waits in it. */
static int withdraw(struct engine *engine, struct wait_row *wait, const char *reason, int64_t now_ms, struct err *err)
{
    struct json outcome = json_object();
    json_set(engine->turn, &outcome, "outcome", json_cstring(engine->turn, "withdrawn"));
    json_set(engine->turn, &outcome, "reason", json_cstring(engine->turn, reason));
    wait->status = "withdrawn";
    wait->outcome = json_text(engine->turn, &outcome).p;
    wait->ended_ms = now_ms;
    wait->check_ms = 0;
    struct attempt_end end = {.state = ATTEMPT_STATE_CANCELLED, .reason = reason, .exit_code = -1, .at_ms = now_ms};
    return store_wait_update(engine->options.store, wait, err) < 0
               ? -1
               : attempt_end(engine, attempt_find(engine, wait->attempt), &end, err);
}

int wait_withdraw(struct engine *engine, struct open_run *open, struct run_place place, const char *reason,
                  int64_t now_ms, struct err *err)
{
    struct live_attempt *attempt = attempt_at(engine, open, place); /* which holds no process */
    attempt->row.state = ATTEMPT_STATE_CANCELLED;
    attempt->row.ended_ms = now_ms;
    attempt_set(&attempt->row.reason, reason);
    attempt->dirty = true;
    return store_run_update(engine->options.store, attempt->row.step_run_id, RUN_STATUS_KILLED, now_ms, err);
}

int wait_resumed(struct engine *engine, struct live_attempt *attempt, struct arena *arena, struct json *ret,
                 struct err *err)
{
    struct wait_row wait;
    int found = store_wait_last(engine->options.store, attempt->row.run_id, attempt->row.id, arena, &wait, err);
    if (found == 1) {
        *ret = read_json(arena, wait.outcome);
        json_set(arena, ret, "state", read_json(arena, wait.state));
    }
    return found;
}

int wait_missing(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    struct attempt_end end = {.state = ATTEMPT_STATE_LOST,
                              .reason = "lost: the store does not say any more what it waited for, or how that ended: "
                                        "somebody has removed rows of the table 'waits'",
                              .exit_code = -1,
                              .at_ms = engine_now(engine)};
    return attempt_end(engine, attempt, &end, err);
}

static int by_number(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* One whose wait is over waits for a slot, no more. */
static bool waits(const struct live_attempt *attempt)
{
    return attempt->row.state == ATTEMPT_STATE_WAITING &&
           run_item_at(attempt->open->run, attempt->place)->state == STEP_STATE_WAITING;
}

static bool any_waits(const struct engine *engine)
{
    for (size_t i = 0; i < engine->attempts.count; i++) {
        if (waits(engine->attempts.items[i])) {
            return true;
        }
    }
    return false;
}

int waits_settle(struct engine *engine, struct err *err)
{
    int64_t *known = NULL;
    size_t count = 0;
    if (!any_waits(engine)) {
        return 0;
    }
    if (store_waits_open(engine->options.store, engine->turn, &known, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (waits(attempt) &&
            (count == 0 || bsearch(&attempt->row.id, known, count, sizeof *known, by_number) == NULL) &&
            (turn_begin(engine, err) < 0 || wait_missing(engine, attempt, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* ---- approvals --------------------------------------------------------------------------------------------- */

/* The model that the request is about: 1; 0 when there is none, or none of this name. */
static int model_of(struct engine *engine, const struct json *spec, struct model_ref *ret, struct err *err)
{
    const char *uri = json_get_text(spec, "of", NULL);
    struct err wrong = {0};
    int found = uri == NULL ? 0 : model_resolve(engine, uri, engine->turn, ret, &wrong);
    if (found < 0 && store_has_failed(&wrong)) {
        *err = wrong;
        return -1;
    }
    return found == 1 ? 1 : 0;
}

/* A newer request for the same step and model withdraws the older. Two that are about no model are about two things. */
static int supersede(struct engine *engine, const struct open_run *open, struct run_place place,
                     const struct json *spec, int64_t now_ms, struct err *err)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    const char *name = json_get_text(spec, "model_name", NULL);
    if (name == NULL || !json_get_bool(spec, "supersede", true)) {
        return 0;
    }
    if (store_wait_list(engine->options.store, NULL, false, engine->turn, &waits, &count, err) < 0) {
        return -1;
    }
    struct str step = run_step_at(open->run, place)->id;
    for (size_t i = 0; i < count; i++) {
        struct open_run *other = open_run_find(engine, waits[i].run_id);
        struct json other_spec = read_json(engine->turn, waits[i].spec);
        bool same = other != NULL && other != open && strcmp(waits[i].kind, "approval") == 0 &&
                    strcmp(other->row.pipeline, open->row.pipeline) == 0 &&
                    str_eq(run_step_at(other->run, place_of(&waits[i]))->id, step) &&
                    strcmp(json_get_text(&other_spec, "model_name", ""), name) == 0;
        if (!same) {
            continue;
        }
        const char *reason =
            arena_printf(engine->turn, "superseded by the request of %s", run_words(engine->turn, &open->row));
        if (withdraw(engine, &waits[i], reason, now_ms, err) < 0 ||
            engine_note(engine, "sluice", "approval.withdrawn", run_words(engine->turn, &other->row), other->row.run_id,
                        "open", "withdrawn", reason, "", err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Who started the run, or one that it takes up again, and who made the model and its version: `not_by: [author]` means
 * all of them. */
static int authors_of(struct engine *engine, const struct open_run *open, const struct model_ref *model,
                      struct json *ret_authors, struct err *err)
{
    struct arena *arena = engine->turn;
    struct store *store = engine->options.store;
    struct model_version version;
    struct model_makers makers = {.authors = json_array()};
    *ret_authors = json_array();
    if (store_starters_add(store, open->row.run_id, arena, ret_authors, err) < 0 ||
        (model->version != 0 &&
         store_version_get(store, model->name, model->version, arena, &version, err) < 0) ||
        (model->model_id != NULL && store_model_makers(store, model->model_id, arena, &makers, err) < 0)) {
        return -1;
    }
    store_author_add(arena, ret_authors, model->version == 0 ? NULL : version.user);
    for (size_t i = 0; i < makers.authors.u.array.count; i++) {
        store_author_add(arena, ret_authors, arena_str(arena, makers.authors.u.array.items[i].u.string).p);
    }
    return 0;
}

/* Whoever is asked reads the message, wherever he is asked: that something is to be taken away stands in it. */
static void say_what_is_removed(struct engine *engine, struct json *spec)
{
    const char *removes = json_get_text(spec, "removes", NULL);
    const char *message = json_get_text(spec, "message", NULL);
    if (removes != NULL) {
        const char *words = arena_printf(engine->turn, "to take it from %s%s%s", removes, message == NULL ? "" : ": ",
                                         message == NULL ? "" : message);
        json_set(engine->turn, spec, "message", json_cstring(engine->turn, words));
    }
}

static int prepare_approval(struct engine *engine, struct open_run *open, struct run_place place, struct json *spec,
                            int64_t now_ms, struct err *err)
{
    struct arena *arena = engine->turn;
    struct json manifest;
    char sha256[65];
    struct json authors;
    struct model_ref model = {0};
    struct evidence_of of = {.open = open,
                             .run_id = open->row.run_id,
                             .step = place.step,
                             .model_uri = json_get_text(spec, "of", NULL),
                             .extra = json_get(spec, "evidence")};
    bool waived = false;
    if (model_of(engine, spec, &model, err) < 0 || authors_of(engine, open, &model, &authors, err) < 0 ||
        store_single_user(engine->options.store, engine->options.single_user, &waived, err) < 0 ||
        evidence_collect(engine, &of, arena, &manifest, sha256, err) < 0) {
        return -1;
    }
    say_what_is_removed(engine, spec);
    json_set(arena, spec, "step", json_string(arena, open->pipeline->steps[place.step].id));
    json_set(arena, spec, "authors", authors);
    json_set(arena, spec, "starter", json_cstring(arena, open->row.actor));
    json_set(arena, spec, "waived", json_bool(waived));
    json_set(arena, spec, "manifest", manifest);
    json_set(arena, spec, "sha256", json_cstring(arena, sha256));
    if (model.name != NULL) {
        json_set(arena, spec, "model_name", json_cstring(arena, model.name));
        json_set(arena, spec, "model_version", json_int(model.version));
    }
    if (model.model_id != NULL) {
        json_set(arena, spec, "model_id", json_cstring(arena, model.model_id));
    }
    return supersede(engine, open, place, spec, now_ms, err);
}

/* ---- opening -------------------------------------------------------------------------------------------------- */

/* When the engine looks for the first time; 0: it never does. */
static int64_t first_look(const char *kind, const struct json *spec, int64_t now_ms)
{
    if (strcmp(kind, "approval") == 0) {
        return 0;
    }
    if (strcmp(kind, "delay") == 0) {
        return now_ms + within(json_get_int(spec, "delay_ms", 0));
    }
    int64_t at_ms = json_get_int(spec, "at_ms", 0);
    return at_ms > 0 ? at_ms : now_ms; /* only 'until' has one */
}

static int words_of(struct engine *engine, const struct live_attempt *attempt, const char *kind,
                    const struct json *spec, int64_t now_ms, const char **ret, struct err *err)
{
    char at[40];
    const char *of = json_get_text(spec, "of", NULL);
    const char *missing = NULL;
    if (strcmp(kind, "approval") == 0) {
        *ret = of == NULL ? "waits for approval" : arena_printf(engine->turn, "waits for approval of %s", of);
    } else if (strcmp(kind, "until") == 0 || strcmp(kind, "delay") == 0) {
        format_time(at, sizeof at, first_look(kind, spec, now_ms));
        *ret = arena_printf(engine->turn, "waits until %s", at);
    } else if (strcmp(kind, "target") == 0) {
        const struct json *targets = json_get(spec, "targets");
        if (targets_obstacle(engine, attempt->open, attempt->place, targets, &missing, err) < 0) {
            return -1;
        }
        *ret = arena_printf(engine->turn, "waits for %s", missing);
    } else {
        *ret = arena_printf(engine->turn, "waits for %s %s", kind,
                            json_get_text(spec, strcmp(kind, "url") == 0 ? "url" : "path", ""));
    }
    return 0;
}

int wait_open(struct engine *engine, struct live_attempt *attempt, const struct json *wait, int64_t now_ms,
              struct err *err)
{
    const struct json *given = json_get(wait, "wait");
    struct json spec = given == NULL ? json_object() : json_copy(engine->turn, given);
    const struct json *state = json_get(wait, "state");
    const char *kind = json_get_text(&spec, "kind", "");
    struct err wrong = {0};
    if (wait_spec_check(&spec, &wrong) < 0 ||
        (strcmp(kind, "approval") == 0 &&
         prepare_approval(engine, attempt->open, attempt->place, &spec, now_ms, &wrong) < 0)) {
        if (store_failed_since_begin(engine->options.store)) { /* no fault of the step's: the turn is taken again */
            *err = wrong;
            return -1;
        }
        struct attempt_end end = {
            .state = ATTEMPT_STATE_FAILED, .reason = wrong.message, .exit_code = -1, .at_ms = now_ms};
        return attempt_end(engine, attempt, &end, err);
    }
    int64_t expires_ms = within(json_get_int(&spec, "expires_ms", 0));
    struct wait_row row = {
        .attempt = attempt->row.id,
        .run_id = attempt->row.run_id,
        .position = attempt->row.position,
        .item = attempt->row.item,
        .kind = kind,
        .spec = json_text(engine->turn, &spec).p,
        .state = state == NULL ? "null" : json_text(engine->turn, state).p,
        .check_ms = first_look(kind, &spec, now_ms),
        .expires_ms = expires_ms == 0 ? 0 : now_ms + expires_ms,
        .created_ms = now_ms,
        .model_id = strcmp(kind, "approval") == 0 ? json_get_text(&spec, "model_id", NULL) : NULL,
    };
    const char *words = NULL;
    if (store_wait_insert(engine->options.store, &row, err) < 0 ||
        words_of(engine, attempt, kind, &spec, now_ms, &words, err) < 0) {
        return -1;
    }
    crash_point(engine, "in_wait_open");
    attempt->row.state = ATTEMPT_STATE_WAITING;
    attempt->dirty = true;
    look_by(engine, row.check_ms);
    look_by(engine, row.expires_ms);
    struct run_event event = {.kind = RUN_EVENT_WAITING,
                              .place = attempt->place,
                              .now_ms = now_ms,
                              .reason = words};
    int result = open_run_apply(engine, attempt->open, &event, err);
    return result < 0 || strcmp(kind, "approval") != 0
               ? result
               : engine_note(engine, "sluice", "approval.requested", run_words(engine->turn, &attempt->open->row),
                             row.run_id, "", "open", event.reason, json_get_text(&spec, "sha256", ""), err);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

/* A file that is there, and whose size and time have not changed for `stable_ms`. The last look stands in the spec. */
static bool file_is_there(struct engine *engine, struct json *spec, const struct open_run *open, int64_t now_ms)
{
    const char *path = path_join(engine->turn, open->row.workspace, json_get_text(spec, "path", ""));
    struct stat status;
    if (stat(path, &status) < 0) {
        return false;
    }
    int64_t stable_ms = json_get_int(spec, "stable_ms", 0);
    int64_t changed_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    const char *look = arena_printf(engine->turn, "%lld %lld", (long long)status.st_size, (long long)changed_ms);
    if (strcmp(json_get_text(spec, "seen", ""), look) != 0) {
        json_set(engine->turn, spec, "seen", json_cstring(engine->turn, look));
        json_set(engine->turn, spec, "seen_ms", json_int(now_ms));
    }
    return now_ms - json_get_int(spec, "seen_ms", now_ms) >= stable_ms;
}

/* 1 met, 0 not yet, -1; `outcome` gets what the step is told. */
static int is_met(struct engine *engine, struct wait_row *wait, struct json *spec, const struct open_run *open,
                  int64_t now_ms, struct json *outcome, struct err *err)
{
    const char *missing = NULL;
    if (strcmp(wait->kind, "target") == 0) { /* when it is met the step has them: nobody comes in between */
        int taken = targets_take(engine, open, place_of(wait), json_get(spec, "targets"), wait->id, &missing, err);
        return taken < 0 ? -1 : missing == NULL;
    }
    if (strcmp(wait->kind, "until") == 0 || strcmp(wait->kind, "delay") == 0) {
        return now_ms >= wait->check_ms;
    }
    if (strcmp(wait->kind, "file") == 0) {
        return file_is_there(engine, spec, open, now_ms);
    }
    if (strcmp(wait->kind, "url") == 0) {
        return url_probe_look(&engine->probes, wait->id, engine->options.fetch, spec, engine->turn, outcome);
    }
    return 0;
}

static int64_t next_look(const struct engine *engine, const struct wait_row *wait, const struct json *spec,
                         int64_t now_ms)
{
    if (strcmp(wait->kind, "url") == 0 && url_probe_is_running(&engine->probes, wait->id)) {
        return now_ms + LEAST_EVERY_MS;
    }
    if (strcmp(wait->kind, "approval") == 0) {
        return 0; /* whoever votes says so */
    }
    int64_t every_ms = within(json_get_int(spec, "every_ms", DEFAULT_EVERY_MS));
    return now_ms + (every_ms < LEAST_EVERY_MS ? LEAST_EVERY_MS : every_ms);
}

static int check_one(struct engine *engine, struct wait_row *wait, int64_t now_ms, struct err *err)
{
    struct open_run *open = open_run_find(engine, wait->run_id);
    if (open == NULL) {
        return 0;
    }
    struct json spec = read_json(engine->turn, wait->spec);
    struct json outcome = json_object();
    if (wait->check_ms != 0 && wait->check_ms <= now_ms) {
        if (turn_begin(engine, err) < 0) {
            return -1;
        }
        if (strcmp(wait->kind, "approval") == 0 && vote_count(engine, open, wait, &spec, err) < 0) {
            return -1;
        }
        if (strcmp(wait->status, "open") != 0) {
            return 0;
        }
        int met = is_met(engine, wait, &spec, open, now_ms, &outcome, err);
        if (met < 0) {
            return -1;
        }
        if (met == 1) {
            return wait_end(engine, wait, "met", outcome, NULL, now_ms, err);
        }
        wait->check_ms = next_look(engine, wait, &spec, now_ms);
        wait->spec = json_text(engine->turn, &spec).p;
        if (store_wait_update(engine->options.store, wait, err) < 0) {
            return -1;
        }
    }
    if (wait->expires_ms != 0 && wait->expires_ms <= now_ms) {
        if (turn_begin(engine, err) < 0) {
            return -1;
        }
        if (strcmp(wait->kind, "approval") == 0 &&
            engine_note(engine, "sluice", "approval.expired", run_words(engine->turn, &open->row), open->row.run_id,
                        "open", "expired", "", json_get_text(&spec, "sha256", ""), err) < 0) {
            return -1;
        }
        return wait_end(engine, wait, "expired", outcome, NULL, now_ms, err);
    }
    return 0;
}

void waits_look(struct engine *engine)
{
    look_by(engine, engine_now(engine));
}

void engine_look_at_votes(struct engine *engine)
{
    waits_look(engine);
}

int waits_check(struct engine *engine, int64_t now_ms, struct err *err)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    engine->next_wait_check_ms = 0;
    if (store_wait_list_due(engine->options.store, now_ms, engine->turn, &waits, &count, &engine->next_wait_check_ms,
                            err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (check_one(engine, &waits[i], now_ms, err) < 0) {
            return -1;
        }
        /* What is due of a run that could not be loaded stays due: nobody looks again before the next engine. */
        if (strcmp(waits[i].status, "open") == 0 && open_run_find(engine, waits[i].run_id) != NULL) {
            look_by(engine, waits[i].check_ms);
            look_by(engine, waits[i].expires_ms);
        }
    }
    return 0;
}

int waits_move(struct engine *engine, int64_t by_ms, struct err *err)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    if (store_wait_list(engine->options.store, NULL, false, engine->turn, &waits, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct wait_row *wait = &waits[i];
        struct json spec = read_json(engine->turn, wait->spec);
        wait->expires_ms += wait->expires_ms == 0 ? 0 : by_ms;
        wait->check_ms += wait->check_ms == 0 || strcmp(wait->kind, "until") == 0 ? 0 : by_ms;
        if (json_get(&spec, "seen_ms") != NULL) {
            json_set(engine->turn, &spec, "seen_ms", json_int(json_get_int(&spec, "seen_ms", 0) + by_ms));
            wait->spec = json_text(engine->turn, &spec).p;
        }
        if (store_wait_update(engine->options.store, wait, err) < 0) {
            return -1;
        }
    }
    engine->next_wait_check_ms = count == 0 ? 0 : engine_now(engine) + by_ms;
    return 0;
}
