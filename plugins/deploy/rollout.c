/* SPDX-License-Identifier: Apache-2.0 */
#include "rollout.h"

#include "directory.h"
#include "members.h"
#include "moment.h"
#include "rollout_state.h"
#include "value.h"

#include <string.h>
#include <unistd.h>

struct rollout {
    struct deployment *deployment;
    const struct step_host *host;
    struct scratch *scratch;
    struct rollout_state state;
};

enum { ALL = 100 };

/* ---- stages -------------------------------------------------------------------------------------------- */

static size_t at(const struct rollout *r)
{
    return (size_t)r->state.stage;
}

static bool is_last(const struct rollout *r)
{
    return at(r) >= r->deployment->stages.count;
}

/* Behind the last stage all of the traffic is the new model's. */
static const struct target *target_at(const struct rollout *r, size_t stage)
{
    const struct stages *stages = &r->deployment->stages;
    bool own = stage < stages->count && stages->items[stage].weight == 0;
    return own ? &stages->items[stage].target : &r->deployment->target;
}

static double weight_at(const struct rollout *r, size_t stage)
{
    const struct stages *stages = &r->deployment->stages;
    bool part = stage < stages->count && stages->items[stage].weight > 0;
    return part ? stages->items[stage].weight : ALL;
}

/* Has the target had its turn before this stage? */
static bool was_touched(const struct rollout *r, const struct target *target, size_t before)
{
    for (size_t i = 0; i < before; i++) {
        if (target_at(r, i) == target) {
            return true;
        }
    }
    return false;
}

static const char *words(const struct rollout *r)
{
    return stages_words(r->scratch, &r->deployment->stages, at(r), r->deployment->target.name);
}

static int save(const struct rollout *r, struct fault *fault)
{
    return rollout_state_write(r->host, &r->state, fault);
}

/* ---- going back ---------------------------------------------------------------------------------------- */

/* A cancelled step takes back what it did all the same. */
static bool not_cancelled(const struct step_host *host)
{
    (void)host;
    return false;
}

static int take_back_directory(struct rollout *r, const struct target *target, const char **ret_before,
                               struct fault *fault)
{
    struct directory directory;
    int result =
        directory_reopen(r->host, r->scratch, target->directory, &r->deployment->payload, &directory, fault);
    if (result == 0 && directory_is_ours(&directory)) {
        result = directory_roll_back(&directory, fault);
        if (result == 0 && target->command != NULL) {
            result = target_roll_back(r->host, target, &r->deployment->payload, NULL, fault);
        }
    } else if (result == 0 && directory_is_only_begun(&directory)) {
        result = directory_roll_back(&directory, fault);
    } else if (result == 0 && directory.cut_off) { /* another deployment has taken its place */
        step_log(r->host, STEP_LOG_WARN, "'%s' does not have this version: it is left as it is", target->directory);
    }
    *ret_before = directory.previous;
    directory_close(&directory);
    return result;
}

static int take_back(struct rollout *r, const struct target *target, const char **ret_before, struct fault *fault)
{
    const struct payload *known = &r->deployment->previous_payload;
    const struct payload *previous = known->files == NULL ? NULL : known;
    *ret_before = r->state.before;
    return target->kind == TARGET_DIRECTORY
               ? take_back_directory(r, target, ret_before, fault)
               : target_roll_back(r->host, target, &r->deployment->payload, previous, fault);
}

/* Each target that was touched, the last one first. What goes wrong is told, and the others have their turn. */
static int take_back_all(struct rollout *r, const char **ret_before, struct fault *fault)
{
    int result = 0;
    struct fault one;
    *ret_before = NULL;
    for (size_t i = (size_t)r->state.touched; i-- > 0;) {
        const struct target *target = target_at(r, i);
        const char *before = NULL;
        if (was_touched(r, target, i)) {
            continue; /* in its first stage */
        }
        bool failed = take_back(r, target, &before, &one) < 0;
        const struct deployment_note note = {.target = target,
                                             .state = failed ? "rollback_failed" : "rolled_back",
                                             .previous = before,
                                             .reason = r->state.reason,
                                             .stage = r->state.stage + 1,
                                             .stages = (int64_t)stages_total(&r->deployment->stages),
                                             .more = i > 0 || result < 0};
        *ret_before = deployment_before(target, before);
        if (!failed && deployment_record(r->deployment, &note, &one) < 0) {
            failed = true;
        } else if (failed) {
            struct fault ignored;
            (void)deployment_record(r->deployment, &note, &ignored);
        }
        if (failed && result == 0) {
            *fault = one;
        }
        result = failed ? -1 : result;
    }
    return result;
}

static enum step_result end_back(struct rollout *r)
{
    struct step_host stubborn = *r->host;
    const struct step_host *host = r->host;
    const char *before = NULL;
    struct fault fault;
    stubborn.cancelled = not_cancelled;
    r->host = &stubborn;
    int result = take_back_all(r, &before, &fault);
    r->host = host;
    if (result < 0) {
        return step_fail(host, "%.500s; rolling back to %.200s failed, too: %.250s", r->state.reason,
                         before == NULL ? "what was there before" : before, fault.text);
    }
    if (rollout_state_remove(host, &fault) < 0) {
        return step_fail(host, "%.500s; rolled back to %.200s; %.250s", r->state.reason, before, fault.text);
    }
    (void)fault_set(&fault, "%.300s; rolled back to %.180s", r->state.reason, before);
    return r->state.refused ? guarded_refuse(host, &fault) : step_fail(host, "%s", fault.text);
}

/* `refused`: a rule, or a guard, said no; otherwise something did not work. */
static enum step_result go_back(struct rollout *r, bool refused, const char *why)
{
    struct fault fault;
    if (r->state.touched == 0) {
        (void)fault_set(&fault, "%.400s: nothing was changed", why);
        return refused ? guarded_refuse(r->host, &fault) : step_fail(r->host, "%s", fault.text);
    }
    r->state.reason = scratch_printf(r->scratch, "%s: %s", words(r), why);
    r->state.refused = refused;
    r->state.phase = ROLLOUT_BACK;
    step_log(r->host, STEP_LOG_WARN, "%s: rolling back", r->state.reason);
    if (save(r, &fault) < 0) { /* then the next attempt goes back as from one that died */
        step_log(r->host, STEP_LOG_WARN, "%s", fault.text);
    }
    return end_back(r);
}

/* ---- going on ------------------------------------------------------------------------------------------ */

static int read_pinned(struct rollout *r, const struct rollout_model *model, struct payload *ret, struct fault *fault)
{
    const char *uri = model->model_id[0] != '\0' ? model->model_id : model->uri;
    if (payload_read(r->host, r->scratch, uri, ret, fault) <= 0) {
        return -1;
    }
    if (strcmp(ret->sha256, model->sha256) != 0) {
        return fault_set(fault, "'%.200s' has other files than when this deployment began", model->uri);
    }
    ret->uri = model->uri;
    ret->name = model->name;
    return 0;
}

static int touch_directory(struct rollout *r, const struct target *target, double weight, struct fault *fault)
{
    struct directory directory;
    int result =
        directory_stage(r->host, r->scratch, target->directory, &r->deployment->payload, &directory, fault);
    if (result == 0 && was_touched(r, target, at(r)) && !directory_is_ours(&directory)) {
        result = fault_set(fault, "another deployment to '%.200s' came in between", target->directory);
    }
    if (result == 0) {
        result = weight < ALL ? directory_split(&directory, weight, fault) : directory_switch(&directory, fault);
    }
    if (result == 0) {
        result = deployment_reload(r->deployment, target, target->directory, weight, fault);
    }
    directory_close(&directory);
    return result;
}

static int touch(struct rollout *r, struct fault *fault)
{
    const struct deployment *d = r->deployment;
    const struct target *target = target_at(r, at(r));
    double weight = weight_at(r, at(r));
    const struct target_share share = {weight, d->previous_payload.files == NULL ? NULL : d->previous_payload.uri};
    if (target->kind == TARGET_DIRECTORY) {
        return touch_directory(r, target, weight, fault);
    }
    /* The target reads the files itself: what it is told must be what was recorded. */
    return payload_verify(r->host, &d->payload, d->payload.path, fault) < 0 ||
                   target_deploy(r->host, target, &d->payload, &share, fault) < 0
               ? -1
               : 0;
}

/* All the traffic was the last stage's already. */
static bool is_touched_already(const struct rollout *r)
{
    return at(r) >= stages_total(&r->deployment->stages);
}

static int note_stage(struct rollout *r, struct fault *fault)
{
    const struct target *target = target_at(r, at(r));
    const struct deployment_note note = {.target = target,
                                         .state = "stage",
                                         .previous = target == &r->deployment->target ? r->state.before : NULL,
                                         .stage = r->state.stage + 1,
                                         .stages = (int64_t)stages_total(&r->deployment->stages),
                                         .weight = weight_at(r, at(r))};
    return deployment_record(r->deployment, &note, fault);
}

/* First it is written down, then done. `ret_refused`: a guard said no. */
static int enter(struct rollout *r, bool *ret_refused, struct fault *fault)
{
    struct deployment *d = r->deployment;
    const struct health *health = is_last(r) ? &d->health : &d->stages.items[at(r)].health;
    *ret_refused = false;
    if (d->payload.files == NULL && read_pinned(r, &r->state.model, &d->payload, fault) < 0) {
        return -1;
    }
    if (is_touched_already(r)) {
        return 0;
    }
    if (deployment_check_evidence(d, fault) < 0) {
        return -1;
    }
    enum guarded guarded = deployment_check_guard(d, target_at(r, at(r)), fault);
    if (guarded != GUARDED_FREE) {
        *ret_refused = guarded != GUARDED_FAILED;
        return guarded == GUARDED_WAITS ? fault_set(fault, "config.yaml asks for an approval by now") : -1;
    }
    r->state.touched = r->state.stage + 1;
    if (save(r, fault) < 0 || note_stage(r, fault) < 0) {
        return -1;
    }
    step_log(r->host, STEP_LOG_INFO, "%s", words(r));
    if (touch(r, fault) < 0 || health_wait(r->host, health, fault) < 0) {
        return -1;
    }
    r->state.began_ms = moment_wall_ms(); /* written down with the wait of the stage, if it lasts */
    return 0;
}

static enum step_result judge(struct rollout *r, struct fault *fault, bool *ret_passed)
{
    const struct deployment *d = r->deployment;
    const struct target_share share = {weight_at(r, at(r)), NULL};
    const struct check_stage stage = {.source = d->stages.items[at(r)].check,
                                      .env = target_env(r->scratch, "check", &d->payload, NULL, &share),
                                      .number = r->state.stage + 1,
                                      .began_ms = r->state.began_ms};
    enum check_result result = check_run(r->host, &d->check, &stage, fault);
    *ret_passed = result == CHECK_PASSED;
    return result == CHECK_PASSED ? STEP_OK : go_back(r, result == CHECK_REFUSED, fault->text);
}

/* The stage lasts `left_ms` still; without a process. */
static enum step_result last_on(struct rollout *r, int64_t left_ms)
{
    int64_t every_ms = r->deployment->check.every_ms;
    int64_t delay_ms = every_ms > 0 && every_ms < left_ms ? every_ms : left_ms;
    struct members wait = {0};
    struct fault fault;
    r->state.left_ms = left_ms - delay_ms;
    if (save(r, &fault) < 0) {
        return go_back(r, false, fault.text);
    }
    members_text(&wait, "kind", "delay");
    members_whole(&wait, "delay_ms", delay_ms);
    int result = r->host->wait(r->host, members_json(&wait), "\"rollout\"");
    members_free(&wait);
    return result == 0 ? STEP_WAIT : go_back(r, false, "the wait was not accepted");
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static void settle_directory(struct rollout *r, const struct target *target)
{
    struct directory directory;
    struct fault fault;
    if (directory_reopen(r->host, r->scratch, target->directory, &r->deployment->payload, &directory, &fault) < 0) {
        step_log(r->host, STEP_LOG_WARN, "%s", fault.text);
    } else if (directory_is_ours(&directory)) {
        directory_settle(r->host, &directory, r->deployment->keep);
    }
    directory_close(&directory);
}

static int settle_one(struct rollout *r, const struct target *target, struct fault *fault)
{
    bool main = target == &r->deployment->target;
    const struct deployment_note note = {
        .target = target, .state = "deployed", .previous = main ? r->state.before : NULL, .more = true};
    if (target->kind == TARGET_DIRECTORY) {
        settle_directory(r, target);
    }
    return deployment_record(r->deployment, &note, fault);
}

/* What is written down stays, and the step owes its end until it has succeeded: another attempt, should this one die in
 * the last moment, finds that all is done. */
static enum step_result finish(struct rollout *r)
{
    struct deployment *d = r->deployment;
    struct fault fault;
    r->state.phase = ROLLOUT_DONE;
    int result = save(r, &fault);
    for (size_t i = 0; result == 0 && i < d->stages.count; i++) {
        if (target_at(r, i) != &d->target) {
            result = settle_one(r, target_at(r, i), &fault);
        }
    }
    if (result < 0 || settle_one(r, &d->target, &fault) < 0) {
        return step_fail(r->host, "deployed and healthy, but it could not be recorded: %s", fault.text);
    }
    d->changed = true;
    d->previous = r->state.before;
    d->path = d->target.kind != TARGET_DIRECTORY
                  ? d->payload.path
                  : scratch_printf(r->scratch, "%s/%s", d->target.directory,
                                   directory_version(r->scratch, &d->payload));
    return deployment_succeed(d);
}

static enum step_result advance(struct rollout *r)
{
    struct fault fault;
    bool refused = false;
    for (;;) {
        if (r->host->cancelled(r->host)) {
            return go_back(r, false, "cancelled");
        }
        if (enter(r, &refused, &fault) < 0) {
            return go_back(r, refused, fault.text);
        }
        if (is_last(r)) {
            return finish(r);
        }
        if (r->deployment->stages.items[at(r)].for_ms > 0) {
            return last_on(r, r->deployment->stages.items[at(r)].for_ms);
        }
        bool passed = false;
        enum step_result result = judge(r, &fault, &passed);
        if (!passed) {
            return result;
        }
        r->state.stage++;
    }
}

/* ---- from outside -------------------------------------------------------------------------------------- */

bool rollout_is_open(struct deployment *deployment)
{
    return access(rollout_state_path(deployment->host, &deployment->scratch), F_OK) == 0;
}

static struct rollout_model pinned(const struct payload *payload)
{
    return (struct rollout_model){payload->uri, payload->model_id, payload->name, payload->sha256};
}

/* What a directory serves is known before the first stage, which may be another target's. 1: it serves this model
 * already, and was settled. */
static int look_at_directory(struct rollout *r, struct fault *fault)
{
    struct deployment *d = r->deployment;
    struct directory directory;
    int result =
        directory_reopen(r->host, r->scratch, d->target.directory, &d->payload, &directory, fault);
    if (result == 0) {
        bool same = directory.previous != NULL && strcmp(directory.previous, directory.version) == 0;
        d->previous = directory.previous;
        result = same && !directory.cut_off ? 1 : 0;
    }
    directory_close(&directory);
    return result;
}

enum step_result rollout_begin(struct deployment *deployment)
{
    struct rollout r = {deployment, deployment->host, &deployment->scratch, {0}};
    struct fault fault;
    int served = deployment->target.kind == TARGET_DIRECTORY ? look_at_directory(&r, &fault)
                                                             : deployment_serves_already(deployment);
    if (served != 0) {
        return served < 0 ? step_fail(r.host, "%s", fault.text) : deployment_at_once(deployment);
    }
    r.state.phase = ROLLOUT_OPEN;
    r.state.attempt = r.host->context->attempt;
    r.state.model = pinned(&deployment->payload);
    if (deployment->target.kind != TARGET_DIRECTORY && deployment->previous != NULL) {
        r.state.previous = pinned(&deployment->previous_payload);
    }
    r.state.before = deployment->previous;
    return advance(&r);
}

enum step_result rollout_go_on(struct deployment *deployment)
{
    struct rollout r = {deployment, deployment->host, &deployment->scratch, {0}};
    struct fault fault;
    if (rollout_state_read(r.host, r.scratch, &r.state, &fault) < 0) {
        return step_fail(r.host, "%s", fault.text);
    }
    const struct rollout_model *model = &r.state.model;
    deployment->payload =
        (struct payload){.uri = model->uri, .model_id = model->model_id, .path = "", .name = model->name};
    (void)snprintf(deployment->payload.sha256, sizeof deployment->payload.sha256, "%s", model->sha256);
    if (r.state.previous.uri != NULL) {
        if (read_pinned(&r, &r.state.previous, &deployment->previous_payload, &fault) < 0) {
            step_log(r.host, STEP_LOG_WARN, "%s", fault.text);
        } else {
            deployment->previous = deployment->previous_payload.uri;
        }
    }
    if (r.state.phase == ROLLOUT_DONE) {
        return read_pinned(&r, model, &deployment->payload, &fault) < 0 ? step_fail(r.host, "%s", fault.text)
                                                                        : finish(&r);
    }
    if (r.state.phase == ROLLOUT_BACK) {
        return end_back(&r);
    }
    if (r.host->resumed == NULL) {
        const char *why = scratch_printf(r.scratch, "attempt %lld ended before it was decided",
                                         (long long)r.state.attempt);
        return go_back(&r, false, why);
    }
    bool passed = is_last(&r);
    enum step_result result = passed ? STEP_OK : judge(&r, &fault, &passed);
    if (!passed) {
        return result;
    }
    if (r.state.left_ms > 0) {
        return last_on(&r, r.state.left_ms);
    }
    r.state.stage++;
    return advance(&r);
}
