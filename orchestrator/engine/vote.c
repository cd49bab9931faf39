/* SPDX-License-Identifier: Apache-2.0
 * A person's word on an approval, and whether a run can go on without one.
 */
#include "engine/vote.h"
#include "engine/waits.h"
#include "run/approval.h"
#include "store/voices.h"

/* An approval that is open, and the run that asks for it. */
struct asked {
    struct open_run *open;
    struct wait_row wait;
};

struct asked_list {
    struct asked *items; /* in the turn's arena */
    size_t count;
    size_t room;
};

static int list_own(struct engine *engine, struct open_run *open, const char *step, struct asked_list *list,
                    struct err *err)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    if (store_wait_list(engine->options.store, open->row.run_id, false, engine->turn, &waits, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct str id = open->pipeline->steps[waits[i].position].id;
        if (strcmp(waits[i].kind, "approval") == 0 && (step == NULL || str_is(id, step))) {
            list->items = arena_grow(engine->turn, list->items, list->count, &list->room, sizeof *list->items);
            list->items[list->count++] = (struct asked){open, waits[i]};
        }
    }
    return 0;
}

/* Of the run and of those it has begun; with `step`, of that step, or of the runs that it has begun. */
static int list_asked(struct engine *engine, struct open_run *open, const char *step, struct asked_list *list,
                      struct err *err)
{
    if (list_own(engine, open, step, list, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *child = engine->runs.items[i];
        if (child->row.parent_run != NULL && strcmp(child->row.parent_run, open->row.run_id) == 0 &&
            (step == NULL || str_is(open->pipeline->steps[child->row.parent_step].id, step)) &&
            list_asked(engine, child, NULL, list, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* "child/3 ask": what approve takes. */
static const char *asked_words(struct engine *engine, const struct asked *asked)
{
    char label[32];
    pipeline_run_label(&asked->open->row, label);
    return arena_printf(engine->turn, "%s/%s %.*s", asked->open->row.pipeline, label,
                        STR_ARG(asked->open->pipeline->steps[asked->wait.position].id));
}

/* The only one, also where a sub-pipeline asks. */
static int find_approval(struct engine *engine, struct open_run *open, const struct engine_vote *vote,
                         struct asked *ret_asked, struct err *err)
{
    struct asked_list list = {0};
    const char *step = vote->step;
    if (list_asked(engine, open, step, &list, err) < 0) {
        return -1;
    }
    for (size_t i = 0; vote->wait != 0 && i < list.count; i++) {
        if (list.items[i].wait.id == vote->wait) {
            *ret_asked = list.items[i];
            return 0;
        }
    }
    if (list.count == 0) {
        return err_set(err, ERR_STATE, "%s waits for no approval%s%s", run_words(engine->turn, &open->row),
                       step == NULL ? "" : " at step ", step == NULL ? "" : step);
    }
    const char *names = "";
    for (size_t i = 0; list.count > 1 && i < list.count; i++) {
        names = arena_printf(engine->turn, "%s%s'%s'", names, i == 0 ? "" : ", ", asked_words(engine, &list.items[i]));
    }
    if (list.count > 1) {
        return err_set(err, ERR_INPUT, "%s waits for %zu approvals: name the run and the step (%s)",
                       run_words(engine->turn, &open->row), list.count, names);
    }
    *ret_asked = list.items[0];
    return 0;
}

/* Whether the same person, in the same groups, has said the same before. */
static int has_said(struct engine *engine, int64_t wait, const struct vote *vote, bool *ret_said, struct err *err)
{
    struct vote *votes = NULL;
    size_t count = 0;
    *ret_said = false;
    if (store_vote_list(engine->options.store, wait, engine->turn, &votes, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        *ret_said = *ret_said || (strcmp(votes[i].actor, vote->actor) == 0 &&
                                  strcmp(votes[i].decision, vote->decision) == 0 &&
                                  strcmp(votes[i].groups, vote->groups) == 0 &&
                                  strcmp(vote_voice(&votes[i]), vote_voice(vote)) == 0);
    }
    return 0;
}

/* "bob for ann" */
static const char *vote_words(struct arena *arena, const struct vote *vote)
{
    return vote->on_behalf_of == NULL ? vote->actor
                                      : arena_printf(arena, "%s for %s", vote->actor, vote->on_behalf_of);
}

static int decide(struct engine *engine, const struct json *spec, int64_t wait, enum approval_state *ret_state,
                  const char **ret_missing, struct json *ret_people, struct err *err)
{
    struct vote *votes = NULL;
    struct approval_vote *pure = NULL;
    size_t count = 0;
    *ret_people = json_array();
    if (store_vote_voices(engine->options.store, wait, engine->turn, &votes, &pure, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(engine->turn, ret_people, json_cstring(engine->turn, vote_words(engine->turn, &votes[i])));
    }
    *ret_missing = approval_missing(spec, pure, count, engine->turn);
    *ret_state = approval_decide(spec, pure, count);
    return 0;
}

/* The approval is used only if what it was asked about is still what it was. */
static int evidence_holds(struct engine *engine, struct open_run *open, const struct wait_row *wait,
                          const struct json *spec, bool *ret_holds, struct err *err)
{
    struct json manifest;
    char sha256[65];
    struct err wrong = {0};
    *ret_holds = false;
    struct evidence_of of = {.open = open,
                             .run_id = open->row.run_id,
                             .step = (size_t)wait->position,
                             .model_uri = json_get_text(spec, "of", NULL),
                             .extra = json_get(spec, "evidence")};
    if (evidence_collect(engine, &of, engine->turn, &manifest, sha256, &wrong) < 0) {
        if (!store_has_failed(&wrong)) {
            return 0; /* what it was about is gone: an alias was taken away */
        }
        *err = wrong;
        return -1;
    }
    *ret_holds = strcmp(sha256, json_get_text(spec, "sha256", "")) == 0;
    return 0;
}

/* What the votes have come to: ends the wait when they suffice, or one says no. `last` has spoken last. */
static int settle_vote(struct engine *engine, struct open_run *open, struct wait_row *wait, const struct json *spec,
                       const struct vote *last, struct json *ret_outcome, struct err *err)
{
    struct arena *arena = engine->turn;
    const char *missing = "";
    struct json people;
    int64_t now_ms = engine_now(engine);
    enum approval_state state = APPROVAL_OPEN;
    if (decide(engine, spec, wait->id, &state, &missing, &people, err) < 0) {
        return -1;
    }
    bool holds = true;
    if (state == APPROVAL_APPROVED && evidence_holds(engine, open, wait, spec, &holds, err) < 0) {
        return -1;
    }
    const char *status = state == APPROVAL_OPEN       ? "open"
                         : state == APPROVAL_REJECTED ? "rejected"
                         : holds                      ? "met"
                                                      : "void";
    *ret_outcome = json_object();
    json_set(arena, ret_outcome, "status", json_cstring(arena, status));
    json_set(arena, ret_outcome, "missing", json_cstring(arena, missing));
    if (state == APPROVAL_OPEN) {
        return 0;
    }
    struct json outcome = json_object();
    json_set(arena, &outcome, "by", people);
    json_set(arena, &outcome, "last", json_cstring(arena, vote_words(arena, last)));
    json_set(arena, &outcome, "reason", json_cstring(arena, last->reason));
    json_set(arena, &outcome, "sha256", json_cstring(arena, json_get_text(spec, "sha256", "")));
    json_set(arena, &outcome, "waived", json_bool(json_get_bool(spec, "waived", false)));
    const char *reason = arena_printf(arena, "%s by %s",
                                      holds ? (state == APPROVAL_APPROVED ? "approved" : "rejected")
                                            : "void: the evidence changed, approved",
                                      vote_words(arena, last));
    if (!holds && engine_note(engine, "sluice", "approval.invalidated", run_words(arena, &open->row), open->row.run_id,
                              "open", "invalidated", reason, json_get_text(spec, "sha256", ""), err) < 0) {
        return -1;
    }
    return wait_end(engine, wait, status, outcome, reason, now_ms, err);
}

int vote_count(struct engine *engine, struct open_run *open, struct wait_row *wait, const struct json *spec,
               struct err *err)
{
    struct vote *votes = NULL;
    size_t count = 0;
    struct json ignored;
    if (store_vote_list(engine->options.store, wait->id, engine->turn, &votes, &count, err) < 0) {
        return -1;
    }
    return count == 0 ? 0 : settle_vote(engine, open, wait, spec, &votes[count - 1], &ignored, err);
}

/* 0 with the vote's voice, -1 with why he may not decide. */
static int find_voice(struct engine *engine, const struct json *spec, int64_t wait, const struct engine_vote *vote,
                      struct vote *row, struct err *err)
{
    const struct voice_asked asked = {.spec = spec,
                                      .actor = vote->actor,
                                      .groups = &vote->groups,
                                      .configured = &engine->options.groups,
                                      .now_ms = engine_now(engine),
                                      .wait = wait,
                                      .bars = vote->bars,
                                      .bars_ctx = vote->bars_ctx};
    struct voice voice;
    if (store_voice_find(engine->options.store, &asked, engine->turn, &voice, err) < 0) {
        return -1;
    }
    row->on_behalf_of = voice.on_behalf_of;
    row->groups = json_text(engine->turn, &voice.groups).p;
    return 0;
}

/* Records the word unless it was said before, and what has become of the approval by it. */
static int record_vote(struct engine *engine, struct asked *asked, const struct json *spec, const struct vote *row,
                       struct json *ret_outcome, struct err *err)
{
    struct arena *arena = engine->turn;
    struct pipeline_run *run = &asked->open->row;
    const char *action = strcmp(row->decision, "approve") == 0 ? "approval.approved" : "approval.rejected";
    const char *reason = row->on_behalf_of == NULL
                             ? row->reason
                             : arena_printf(arena, "for %s%s%s", row->on_behalf_of, *row->reason == '\0' ? "" : ": ",
                                            row->reason);
    bool said = false;
    if (has_said(engine, asked->wait.id, row, &said, err) < 0 ||
        (!said && (store_vote_put(engine->options.store, asked->wait.id, row, err) < 0 ||
                   engine_note(engine, row->actor, action, run_words(arena, run), run->run_id, "open", row->decision,
                               reason, json_get_text(spec, "sha256", ""), err) < 0)) ||
        settle_vote(engine, asked->open, &asked->wait, spec, row, ret_outcome, err) < 0) {
        return -1;
    }
    char label[32];
    pipeline_run_label(run, label);
    json_set(arena, ret_outcome, "run", json_cstring(arena, arena_printf(arena, "%s/%s", run->pipeline, label)));
    json_set(arena, ret_outcome, "step", json_string(arena, asked->open->pipeline->steps[asked->wait.position].id));
    json_set(arena, ret_outcome, "repeated", json_bool(said));
    json_set(arena, ret_outcome, "on_behalf_of",
             row->on_behalf_of == NULL ? json_null() : json_cstring(arena, row->on_behalf_of));
    return 0;
}

/* A word about what somebody was shown some time ago. */
static int check_shown(struct engine *engine, struct asked *asked, const struct json *spec,
                       const struct engine_vote *vote, struct err *err)
{
    bool holds = vote->evidence_sha256 == NULL ||
                 strcmp(vote->evidence_sha256, json_get_text(spec, "sha256", "")) == 0;
    if (vote->evidence_sha256 != NULL && holds &&
        evidence_holds(engine, asked->open, &asked->wait, spec, &holds, err) < 0) {
        return -1;
    }
    return holds ? 0 : err_set(err, ERR_STATE, "what was to be reviewed has changed since: nothing was decided");
}

int engine_vote(struct engine *engine, const struct engine_vote *vote, struct json *ret_outcome, struct arena *arena,
                struct err *err)
{
    struct asked asked;
    struct json spec = json_null();
    struct json outcome = json_null();
    if (turn_ready(engine, err) < 0) {
        return -1;
    }
    struct open_run *open = open_run_find(engine, vote->run_id);
    if (open == NULL) {
        return err_set(err, ERR_STATE, "run %s cannot go on, as the log says: there is nothing to decide",
                       vote->run_id);
    }
    struct vote row = {
        .actor = vote->actor,
        .decision = vote->approve ? "approve" : "reject",
        .reason = vote->reason == NULL ? "" : vote->reason,
        .at_ms = engine_now(engine),
        .login = vote->login == NULL ? "system" : vote->login,
    };
    if (!vote->approve && str_trim(str_from(row.reason)).n == 0) {
        return err_set(err, ERR_INPUT, "a rejection needs a reason: whoever made the model wants to know");
    }
    if (find_approval(engine, open, vote, &asked, err) < 0 ||
        json_read(str_from(asked.wait.spec), (struct json_limits){0}, engine->turn, &spec, err) < 0 ||
        find_voice(engine, &spec, asked.wait.id, vote, &row, err) < 0 || turn_begin(engine, err) < 0) {
        return -1;
    }
    if (check_shown(engine, &asked, &spec, vote, err) < 0 ||
        record_vote(engine, &asked, &spec, &row, &outcome, err) < 0) {
        return turn_end(engine, -1, err);
    }
    crash_point(engine, "in_vote");
    *ret_outcome = json_copy(arena, &outcome);
    return turn_end(engine, 0, err);
}

static bool is_before(struct run_place a, struct run_place b)
{
    return a.step < b.step || (a.step == b.step && a.item < b.item);
}

/* Whether the place is among those in ascending order, of which `*next` has not been passed yet. */
static bool is_next(const struct run_place *places, size_t count, size_t *next, struct run_place place)
{
    while (*next < count && is_before(places[*next], place)) {
        (*next)++;
    }
    return *next < count && !is_before(place, places[*next]);
}

bool engine_is_blocked(struct engine *engine, const char *run_id)
{
    struct open_run *open = open_run_find(engine, run_id);
    if (open == NULL || open->run->state != RUN_STATE_WAITING) {
        return false;
    }
    struct run_place *asked = NULL; /* where people are asked */
    size_t asked_count = 0;
    size_t next = 0;
    struct err ignored = {0}; /* nobody is known to be asked then */
    (void)store_wait_approvals(engine->options.store, run_id, engine->turn, &asked, &asked_count, &ignored);
    for (size_t i = 0; i < open->pipeline->step_count; i++) {
        const struct run_step *step = &open->run->steps[i];
        for (size_t k = 0; step->items_live > 0 && k < step->item_count; k++) {
            const struct run_item *item = &step->items[k];
            bool goes_on = item->state == STEP_STATE_WAITING &&
                           !(item->child_run_id != NULL ? engine_is_blocked(engine, item->child_run_id)
                                                        : is_next(asked, asked_count, &next, (struct run_place){i, k}));
            if (goes_on) {
                return false;
            }
        }
    }
    return true;
}

bool engine_is_idle(struct engine *engine)
{
    if (engine->reload) {
        return false;
    }
    for (size_t i = 0; i < engine->runs.count; i++) {
        if (engine->runs.items[i]->run->state != RUN_STATE_WAITING) {
            return false;
        }
    }
    return true;
}
