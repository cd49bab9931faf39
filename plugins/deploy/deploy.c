/* SPDX-License-Identifier: Apache-2.0
 * Puts a model where it serves, looks whether it is well, and goes back to what was there before when it is not. Every
 * way out of the step leaves either the new version, proved healthy, or the old one. */
#include "step.h"

#include "deployment.h"
#include "directory.h"
#include "folder.h"
#include "holding.h"
#include "members.h"
#include "plain_url.h"
#include "rollout.h"
#include "value.h"

#include <string.h>

#define PARAMS(P) \
    P(STRING, model, "required; minlen=1", "What is deployed: models:/NAME/VERSION, models:/NAME@ALIAS or m-...") \
    P(ANY, target, "required; shape=map; keys=directory|reload|command|rollback|http|method POST,PUT,PATCH|headers; " \
      "one=directory|command|http", \
      "{directory: PATH, reload}, {command: [...], rollback} or {http: URL}.") \
    P(ANY, health, "shape=string|map; keys=url!|status|contains|timeout duration|interval duration", \
      "A URL, or {url, status, contains, timeout, interval}.") \
    P(DURATION, wait, "default=1m; min=0", "How long it may take to become healthy, unless health says it.") \
    P(DURATION, timeout, "default=5m; min=1", "Of a command or of a request to the target.") \
    P(ANY, stages, "shape=list; minlen=1; items=map; one=weight|target; rises=weight; " \
      "keys=weight percent|target @target|for duration|check|health @health", \
      "Step by step: maps of `weight` (percent of the traffic) or `target`, and `for`.") \
    P(ANY, check, "shape=string|map; keys=url|command|metrics|timeout duration|every duration|max_age duration; " \
      "one=url|command|metrics", \
      "What gives numbers after each stage: a URL, runs:/RUN_ID, steps:/STEP, a model, or a map of one.") \
    P(ANY, thresholds, "shape=map; format=thresholds", "What these numbers must be, or it goes back.") \
    P(STRING, champion, "", "The URL, run, step or model that gives the numbers of what served before.") \
    P(INT, keep, "default=3; min=0; max=1000", "Of a directory: how many older versions stay.") \
    P(STRING, previous, "", "Of a command or URL: the model that serves now, such as models:/NAME@champion.") \
    P(STRING, name, "", "What records call the target; by default its path, program or URL.") \
    P(STRING, busy, "default=wait; choices=wait|fail", "What it does while another step deploys to the same target.") \
    P(STRING, evidence_sha256, "", "Of an approval: what was reviewed must still be the same.") \
    P(ANY, evidence, "", "What that approval had as `evidence`.")

#define OUTPUTS(O)                                                                                                     \
    O(STRING, target, "What the target is called.")                                                                    \
    O(STRING, path, "The folder that serves: of a directory the version's, else the model's.")                         \
    O(STRING, previous, "What served before: a version's folder or a model's URI; null when nothing is known.")        \
    O(STRING, sha256, "The digest of the model's files.")                                                              \
    O(BOOL, changed, "False when it served already.")

STEP_PARAMS_STRUCT(deploy_params, PARAMS);

/* ---- before anything is touched ------------------------------------------------------------------- */

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static int read_params(struct deployment *deployment, const struct deploy_params *p, struct fault *fault)
{
    const struct check_params check = {value_given(p->check), p->thresholds, p->champion};
    deployment->model = p->model;
    deployment->evidence_sha256 = text_or_null(p->evidence_sha256);
    deployment->evidence = value_given(p->evidence);
    deployment->keep = p->keep;
    deployment->waits_for_target = strcmp(p->busy, "wait") == 0;
    if (target_parse(deployment->host, &deployment->scratch, p->target, p->timeout, &deployment->target, fault) < 0 ||
        health_parse(value_given(p->health), p->wait, &deployment->health, fault) < 0 ||
        check_parse(&deployment->scratch, &check, &deployment->check, fault) < 0 ||
        stages_parse(deployment->host, &deployment->scratch, value_given(p->stages), &deployment->health, p->timeout,
                     &deployment->stages, fault) < 0) {
        return -1;
    }
    if (value_given(p->check) != NULL && deployment->stages.count == 0) {
        return fault_set(fault, "check: there are no 'stages' that it could be made between");
    }
    if (deployment->target.kind == TARGET_DIRECTORY && text_or_null(p->previous) != NULL) {
        return fault_set(fault, "previous: a directory knows itself what it serves: expected a command or http target");
    }
    if (text_or_null(p->name) != NULL) {
        deployment->target.name = p->name;
    }
    return 0;
}

static int read_models(struct deployment *deployment, const struct deploy_params *p, struct fault *fault)
{
    const struct step_host *host = deployment->host;
    const char *previous = text_or_null(p->previous);
    if (payload_read(host, &deployment->scratch, p->model, &deployment->payload, fault) <= 0) {
        return -1;
    }
    int found = previous == NULL
                    ? 0
                    : payload_read(host, &deployment->scratch, previous, &deployment->previous_payload, fault);
    if (found == 0 && previous != NULL) {
        step_log(host, STEP_LOG_INFO, "there is nothing to go back to: %s", fault->text);
    }
    deployment->previous = found == 1 ? deployment->previous_payload.uri : NULL;
    return found < 0 ? -1 : 0;
}

int deployment_check_evidence(const struct deployment *deployment, struct fault *fault)
{
    const char *approved = deployment->evidence_sha256;
    struct members ask = {0};
    const struct step_value *reply = NULL;
    if (approved == NULL) {
        return 0;
    }
    members_text(&ask, "approved", approved);
    /* The model whose files were read: an alias may name another by now. */
    const char *model_id = deployment->payload.model_id;
    members_text(&ask, "model", model_id[0] != '\0' ? model_id : deployment->model);
    members_value(&ask, "evidence", deployment->evidence);
    int result = members_ask(deployment->host, "evidence.collect", &ask, &reply, fault);
    members_free(&ask);
    const char *now = result < 0 ? NULL : value_member_text(reply, "sha256");
    if (result == 0 && (now == NULL || strcmp(now, approved) != 0)) {
        return fault_set(fault, "what was approved has changed: its digest is %.12s, that of the approval is %.12s",
                         now == NULL ? "" : now, approved);
    }
    return result;
}

/* Whatever records call it: where it is, as it was written and as it is, and where it is told to go back. */
static void put_names(struct textbuf *list, struct scratch *scratch, const struct target *target, const char *place)
{
    const char *url = target->roll_back_url;
    const char *names[] = {place,
                           target->name,
                           target->directory == NULL ? NULL : folder_real(scratch, target->directory),
                           target->url == NULL ? NULL : plain_url(scratch, target->url),
                           url,
                           url == NULL ? NULL : plain_url(scratch, url),
                           target->roll_back == NULL ? NULL : target->roll_back[0]};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] != NULL && (i == 0 || strcmp(names[i], place) != 0)) {
            textbuf_put(list, list->size == 0 ? "[" : ",");
            textbuf_json_string(list, names[i]);
        }
    }
    textbuf_put(list, "]");
}

/* May the model be what this target serves? `back`: if it comes to that. */
static enum guarded ask_guard(struct deployment *deployment, const struct target *target, const struct payload *payload,
                              bool back, struct fault *fault)
{
    const char *place = target->directory != NULL ? target->directory
                        : target->url != NULL     ? target->url
                                                  : target->command[0];
    struct textbuf list = {0};
    struct members ask = {0};
    put_names(&list, &deployment->scratch, target, place);
    /* The model whose files were read: an alias may name another by now. */
    members_text(&ask, "uri", payload->model_id[0] != '\0' ? payload->model_id : payload->uri);
    members_raw(&ask, "target", textbuf_text(&list));
    enum guarded result = guarded_ask(
        deployment->host, &ask, back ? scratch_printf(&deployment->scratch, "%s, to go back", place) : place, fault);
    members_free(&ask);
    textbuf_free(&list);
    return result;
}

enum guarded deployment_check_guard(struct deployment *deployment, const struct target *target, struct fault *fault)
{
    return ask_guard(deployment, target, &deployment->payload, false, fault);
}

/* ---- records --------------------------------------------------------------------------------------- */

int deployment_record(const struct deployment *deployment, const struct deployment_note *said, struct fault *fault)
{
    struct members note = {0};
    const struct step_value *reply = NULL;
    bool back = strcmp(said->state, "rolled_back") == 0;
    const char *new = deployment->payload.uri;
    members_text(&note, "target", said->target->name);
    members_text(&note, "state", said->state);
    members_text(&note, "model_id", deployment->payload.model_id);
    members_text(&note, "uri", deployment->model);
    members_text(&note, "from", back ? new : said->previous);
    members_text(&note, "to", back ? said->previous : new);
    members_text(&note, "reason", said->reason);
    members_text(&note, "sha256", deployment->payload.sha256);
    if (said->stages > 0) {
        members_whole(&note, "stage", said->stage);
        members_whole(&note, "stages", said->stages);
    }
    if (said->weight > 0) {
        members_number(&note, "weight", said->weight);
    }
    if (said->more) {
        members_bool(&note, "more", true);
    }
    int result = members_ask(deployment->host, "deployment.note", &note, &reply, fault);
    members_free(&note);
    return result;
}

static int record(const struct deployment *deployment, const char *state, const char *reason, struct fault *fault)
{
    const struct deployment_note note = {
        .target = &deployment->target, .state = state, .previous = deployment->previous, .reason = reason};
    return deployment_record(deployment, &note, fault);
}

enum step_result deployment_succeed(struct deployment *deployment)
{
    const struct step_host *host = deployment->host;
    int result = step_output_string(host, "target", deployment->target.name);
    result |= step_output_string(host, "path", deployment->path);
    result |= deployment->previous == NULL ? host->output(host, "previous", "null")
                                           : step_output_string(host, "previous", deployment->previous);
    result |= step_output_string(host, "sha256", deployment->payload.sha256);
    result |= step_output_bool(host, "changed", deployment->changed);
    step_log(host, STEP_LOG_INFO, "%s serves %s%s", deployment->target.name, deployment->payload.uri,
             deployment->changed ? "" : ", as before");
    return result == 0 ? STEP_OK : step_fail(host, "the outputs were not accepted");
}

static enum step_result succeed(struct deployment *deployment)
{
    struct fault fault;
    if (deployment->changed && record(deployment, "deployed", NULL, &fault) < 0) {
        return step_fail(deployment->host, "deployed and healthy, but it could not be recorded: %s", fault.text);
    }
    return deployment_succeed(deployment);
}

const char *deployment_before(const struct target *target, const char *previous)
{
    bool empty = previous == NULL && target->kind == TARGET_DIRECTORY;
    return empty ? "nothing, as before" : previous == NULL ? "what was there before" : previous;
}

/* `back`: what going back said; NULL when it worked. */
static enum step_result fail_back(const struct deployment *deployment, const struct fault *why,
                                  const struct fault *back)
{
    const char *previous = deployment_before(&deployment->target, deployment->previous);
    struct fault ignored;
    if (record(deployment, back == NULL ? "rolled_back" : "rollback_failed", why->text, &ignored) < 0) {
        step_log(deployment->host, STEP_LOG_WARN, "the rollback could not be recorded: %s", ignored.text);
    }
    if (back != NULL) {
        return step_fail(deployment->host, "%s; rolling back to %.200s failed, too: %.400s", why->text, previous,
                         back->text);
    }
    return step_fail(deployment->host, "%s; rolled back to %.200s", why->text, previous);
}

/* ---- directories ------------------------------------------------------------------------------------- */

static enum step_result serve_again(struct deployment *deployment, const struct directory *directory)
{
    struct fault fault;
    if (health_wait(deployment->host, &deployment->health, &fault) < 0) {
        return step_fail(deployment->host, "%s; it served before this step: nothing was changed", fault.text);
    }
    directory_settle(deployment->host, directory, deployment->keep);
    return succeed(deployment);
}

int deployment_reload(const struct deployment *deployment, const struct target *target, const char *directory,
                      double weight, struct fault *fault)
{
    struct scratch scratch = {0};
    struct payload served = deployment->payload;
    const struct target_share share = {weight, NULL};
    int result = 0;
    if (target->command != NULL) {
        served.path = scratch_printf(&scratch, "%s/%s", directory, weight > 0 && weight < 100 ? "canary" : "current");
        result = target_deploy(deployment->host, target, &served, &share, fault);
    }
    scratch_free(&scratch);
    return result;
}

static int go_back(const struct deployment *deployment, const struct directory *directory, struct fault *fault)
{
    if (directory_roll_back(directory, fault) < 0) {
        return -1;
    }
    return deployment->target.command == NULL
               ? 0
               : target_roll_back(deployment->host, &deployment->target, &deployment->payload, NULL, fault);
}

static enum step_result switch_directory(struct deployment *deployment, const struct directory *directory)
{
    const struct step_host *host = deployment->host;
    struct fault fault;
    struct fault back;
    deployment->previous = directory->previous;
    deployment->path = scratch_printf(&deployment->scratch, "%s/%s", directory->path, directory->version);
    deployment->changed =
        directory->cut_off || directory->previous == NULL || strcmp(directory->previous, directory->version) != 0;
    if (!deployment->changed) {
        return serve_again(deployment, directory);
    }
    if (host->cancelled(host)) {
        return step_fail(host, "cancelled before the switch: nothing was changed");
    }
    if (directory_switch(directory, &fault) == 0) {
        step_log(host, STEP_LOG_INFO, "%s/current is now %s, before %s", directory->path, directory->version,
                 directory->previous == NULL ? "nothing" : directory->previous);
        if (deployment_reload(deployment, &deployment->target, directory->path, 0, &fault) == 0 &&
            health_wait(host, &deployment->health, &fault) == 0) {
            directory_settle(host, directory, deployment->keep);
            return succeed(deployment);
        }
    }
    step_log(host, STEP_LOG_WARN, "%s: rolling back", fault.text);
    return fail_back(deployment, &fault, go_back(deployment, directory, &back) < 0 ? &back : NULL);
}

static enum step_result deploy_directory(struct deployment *deployment)
{
    struct directory directory;
    struct fault fault;
    int staged = directory_stage(deployment->host, &deployment->scratch, deployment->target.directory,
                                 &deployment->payload, &directory, &fault);
    enum step_result result =
        staged < 0 ? step_fail(deployment->host, "%s", fault.text) : switch_directory(deployment, &directory);
    directory_close(&directory);
    return result;
}

/* ---- programs and services ------------------------------------------------------------------------------ */

bool deployment_serves_already(const struct deployment *deployment)
{
    const struct payload *previous = &deployment->previous_payload;
    return deployment->previous != NULL && strcmp(previous->sha256, deployment->payload.sha256) == 0 &&
           strcmp(previous->model_id, deployment->payload.model_id) == 0 &&
           health_is_good(deployment->host, &deployment->health);
}

static enum step_result tell(struct deployment *deployment)
{
    const struct step_host *host = deployment->host;
    const struct payload *previous = deployment->previous == NULL ? NULL : &deployment->previous_payload;
    struct fault fault;
    struct fault back;
    deployment->path = deployment->payload.path;
    if (deployment_serves_already(deployment)) {
        return succeed(deployment);
    }
    deployment->changed = true;
    /* The target reads the files itself: what it is told must be what was recorded. */
    if (payload_verify(host, &deployment->payload, deployment->payload.path, &fault) < 0) {
        return step_fail(host, "%s", fault.text);
    }
    if (target_deploy(host, &deployment->target, &deployment->payload, NULL, &fault) == 0 &&
        health_wait(host, &deployment->health, &fault) == 0) {
        return succeed(deployment);
    }
    step_log(host, STEP_LOG_WARN, "%s: rolling back", fault.text);
    bool failed = target_roll_back(host, &deployment->target, &deployment->payload, previous, &back) < 0;
    return fail_back(deployment, &fault, failed ? &back : NULL);
}

enum step_result deployment_at_once(struct deployment *deployment)
{
    return deployment->target.kind == TARGET_DIRECTORY ? deploy_directory(deployment) : tell(deployment);
}

/* A folder knows itself to what it goes back; a program or a service is told what the step was given. */
static enum guarded check_guard_both_ways(struct deployment *deployment, const struct target *target,
                                          struct fault *fault)
{
    enum guarded guarded = deployment_check_guard(deployment, target, fault);
    return guarded != GUARDED_FREE || target->kind == TARGET_DIRECTORY || deployment->previous == NULL
               ? guarded
               : ask_guard(deployment, target, &deployment->previous_payload, true, fault);
}

/* Every place that will be touched is asked about before one of them is. */
static enum guarded check_guards(struct deployment *deployment, struct fault *fault)
{
    enum guarded guarded = check_guard_both_ways(deployment, &deployment->target, fault);
    for (size_t i = 0; guarded == GUARDED_FREE && i < deployment->stages.count; i++) {
        if (deployment->stages.items[i].weight == 0) {
            guarded = check_guard_both_ways(deployment, &deployment->stages.items[i].target, fault);
        }
    }
    return guarded;
}

static enum step_result begin(struct deployment *deployment, const struct deploy_params *params)
{
    struct fault fault;
    if (guarded_answer(deployment->host, &fault) < 0) {
        return guarded_refuse(deployment->host, &fault);
    }
    if (read_models(deployment, params, &fault) < 0 || deployment_check_evidence(deployment, &fault) < 0) {
        return step_fail(deployment->host, "%s", fault.text);
    }
    switch (check_guards(deployment, &fault)) {
    case GUARDED_WAITS:
        return STEP_WAIT;
    case GUARDED_REFUSED:
        return guarded_refuse(deployment->host, &fault);
    case GUARDED_FAILED:
        return step_fail(deployment->host, "%s", fault.text);
    case GUARDED_FREE:
        break;
    }
    switch (holding_take(deployment, &fault)) {
    case HOLDING_WAITS:
        return STEP_WAIT;
    case HOLDING_NONE:
        return step_fail(deployment->host, "%s", fault.text);
    case HOLDING_ALL:
        break;
    }
    return deployment->stages.count > 0 ? rollout_begin(deployment) : deployment_at_once(deployment);
}

static enum step_result run(const struct step_host *host, const void *params)
{
    struct deployment deployment = {.host = host};
    struct fault fault;
    enum step_result result = STEP_FAILED;
    if (read_params(&deployment, params, &fault) < 0) {
        result = step_fail(host, "%s", fault.text);
    } else if (!rollout_is_open(&deployment)) {
        result = begin(&deployment, params);
    } else {
        result = rollout_go_on(&deployment);
    }
    scratch_free(&deployment.scratch);
    return result;
}

STEP_PLUGIN(deploy, "1.0", "Puts a model where it serves, and goes back when it is not healthy.", STEP_PLAIN,
            deploy_params, PARAMS, OUTPUTS, run)
