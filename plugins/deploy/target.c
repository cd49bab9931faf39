/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"

#include "folder.h"
#include "members.h"
#include "program.h"
#include "value.h"
#include "web.h"

#include <string.h>

/* ---- parsing ------------------------------------------------------------------------------------ */

static int parse_directory(const struct step_host *host, struct scratch *scratch, const struct step_value *param,
                           struct target *target, struct fault *fault)
{
    static const char *const known[] = {"directory", "reload"};
    const char *path = value_member_text(param, "directory");
    const struct step_value *reload = value_given(step_get(param, "reload"));
    if (value_check_keys(param, "target", known, 2, fault) < 0 ||
        (reload != NULL && program_argv(scratch, reload, "target.reload", &target->command, fault) < 0)) {
        return -1;
    }
    if (path == NULL) {
        return fault_set(fault, "target.directory: expected a path, got %s",
                         value_type_name(step_get(param, "directory")));
    }
    char *folder = scratch_printf(scratch, "%s", folder_of_workspace(host, scratch, path));
    for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--) {
        folder[n - 1] = '\0';
    }
    target->kind = TARGET_DIRECTORY;
    target->directory = folder;
    target->name = folder;
    return 0;
}

static int parse_command(struct scratch *scratch, const struct step_value *param, struct target *target,
                         struct fault *fault)
{
    static const char *const known[] = {"command", "rollback"};
    const struct step_value *roll_back = value_given(step_get(param, "rollback"));
    target->kind = TARGET_COMMAND;
    if (value_check_keys(param, "target", known, 2, fault) < 0 ||
        program_argv(scratch, step_get(param, "command"), "target.command", &target->command, fault) < 0 ||
        (roll_back != NULL && program_argv(scratch, roll_back, "target.rollback", &target->roll_back, fault) < 0)) {
        return -1;
    }
    target->name = target->command[0];
    return 0;
}

static int parse_http(struct scratch *scratch, const struct step_value *param, struct target *target,
                      struct fault *fault)
{
    static const char *const known[] = {"http", "method", "headers", "rollback"};
    if (value_check_keys(param, "target", known, 4, fault) < 0) {
        return -1;
    }
    const char *method = value_member_text(param, "method");
    target->kind = TARGET_HTTP;
    target->method = method == NULL ? "POST" : method;
    target->url = value_member_text(param, "http");
    target->roll_back_url = value_member_text(param, "rollback");
    target->name = target->url;
    if (strcmp(target->method, "POST") != 0 && strcmp(target->method, "PUT") != 0 &&
        strcmp(target->method, "PATCH") != 0) {
        return fault_set(fault, "target.method: '%.60s': expected POST, PUT or PATCH", target->method);
    }
    if (web_check_url(target->url, "target.http", fault) < 0 ||
        (target->roll_back_url != NULL && web_check_url(target->roll_back_url, "target.rollback", fault) < 0)) {
        return -1;
    }
    return web_headers(scratch, value_given(step_get(param, "headers")), "application/json", &target->headers, fault);
}

int target_parse(const struct step_host *host, struct scratch *scratch, const struct step_value *param,
                 int64_t timeout_ms, struct target *ret_target, struct fault *fault)
{
    *ret_target = (struct target){.timeout_ms = timeout_ms};
    if (step_get(param, "directory") != NULL) {
        return parse_directory(host, scratch, param, ret_target, fault);
    }
    if (step_get(param, "command") != NULL) {
        return parse_command(scratch, param, ret_target, fault);
    }
    if (step_get(param, "http") != NULL) {
        return parse_http(scratch, param, ret_target, fault);
    }
    return fault_set(fault, "target: expected {directory: PATH}, {command: [...]} or {http: URL}");
}

/* ---- telling ------------------------------------------------------------------------------------ */

static const char *weight_text(struct scratch *scratch, const struct target_share *share)
{
    return share == NULL || share->weight <= 0 ? "" : scratch_printf(scratch, "%.12g", share->weight);
}

const char *const *target_env(struct scratch *scratch, const char *action, const struct payload *payload,
                              const struct payload *failed, const struct target_share *share)
{
    bool split = share != NULL && share->weight > 0;
    const char *const pairs[][2] = {
        {"SLUICE_DEPLOY_ACTION", action},
        {"SLUICE_MODEL_PATH", payload == NULL ? "" : payload->path},
        {"SLUICE_MODEL_URI", payload == NULL ? "" : payload->uri},
        {"SLUICE_MODEL_ID", payload == NULL ? "" : payload->model_id},
        {"SLUICE_MODEL_SHA256", payload == NULL ? "" : payload->sha256},
        {"SLUICE_FAILED_MODEL_URI", failed == NULL ? "" : failed->uri},
        {"SLUICE_DEPLOY_WEIGHT", weight_text(scratch, share)},
        {"SLUICE_PREVIOUS_MODEL_URI", split && share->previous_uri != NULL ? share->previous_uri : ""},
    };
    enum { COUNT = sizeof pairs / sizeof pairs[0] };
    const char **env = scratch_array(scratch, COUNT + 1, sizeof *env);
    for (size_t i = 0; i < COUNT; i++) {
        env[i] = scratch_printf(scratch, "%s=%s", pairs[i][0], pairs[i][1]);
    }
    return env;
}

/* What a target is told. */
struct telling {
    const char *action;
    const struct payload *payload, *failed;
    const struct target_share *share;
};

static int run_command(const struct step_host *host, const struct target *target, const char *const *argv,
                       const struct telling *telling, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *const *env =
        target_env(&scratch, telling->action, telling->payload, telling->failed, telling->share);
    struct program program = {
        .argv = argv, .env = env, .folder = host->context->workspace, .timeout_ms = target->timeout_ms};
    int result = program_run(host, &program, fault);
    scratch_free(&scratch);
    return result;
}

static int post(const struct step_host *host, const struct target *target, const char *url,
                const struct telling *telling, struct fault *fault)
{
    const struct payload *payload = telling->payload;
    const struct target_share *share = telling->share;
    struct members body = {0};
    members_text(&body, "action", telling->action);
    members_text(&body, "model_uri", payload == NULL ? NULL : payload->uri);
    members_text(&body, "model_id", payload == NULL ? NULL : payload->model_id);
    members_text(&body, "path", payload == NULL ? NULL : payload->path);
    members_text(&body, "sha256", payload == NULL ? NULL : payload->sha256);
    members_text(&body, "failed_model_uri", telling->failed == NULL ? NULL : telling->failed->uri);
    if (share != NULL && share->weight > 0) {
        members_number(&body, "weight", share->weight);
        members_text(&body, "previous_model_uri", share->previous_uri);
    }
    const char *json = members_json(&body);
    struct step_http_request request = {.size = sizeof request,
                                        .method = target->method,
                                        .url = url,
                                        .headers = target->headers,
                                        .body = json,
                                        .body_size = strlen(json),
                                        .timeout_ms = target->timeout_ms};
    struct step_http_response response = {0};
    int result = 0;
    if (host->http(host, &request, &response) < 0) {
        result = fault_set(fault, "%.200s gave no answer: %.200s", url, response.error == NULL ? "" : response.error);
    } else if (!web_is_wanted(NULL, response.status)) {
        result = fault_set(fault, "%.200s answered %d: %.150s", url, response.status, response.body);
    }
    members_free(&body);
    return result;
}

int target_deploy(const struct step_host *host, const struct target *target, const struct payload *payload,
                  const struct target_share *share, struct fault *fault)
{
    bool part = share != NULL && share->weight > 0 && share->weight < 100;
    const struct telling telling = {part ? "weight" : "deploy", payload, NULL, share};
    return target->kind != TARGET_HTTP ? run_command(host, target, target->command, &telling, fault)
                                          : post(host, target, target->url, &telling, fault);
}

/* A cancelled step must still be able to go back: its programs are not ended because of the cancellation. */
static bool not_cancelled(const struct step_host *host)
{
    (void)host;
    return false;
}

int target_roll_back(const struct step_host *host, const struct target *target, const struct payload *failed,
                     const struct payload *previous, struct fault *fault)
{
    struct step_host stubborn = *host;
    stubborn.cancelled = not_cancelled;
    const struct telling telling = {"rollback", previous, failed, NULL};
    if (target->kind != TARGET_HTTP) {
        const char *const *argv = target->roll_back == NULL ? target->command : target->roll_back;
        return run_command(&stubborn, target, argv, &telling, fault);
    }
    const char *url = target->roll_back_url == NULL ? target->url : target->roll_back_url;
    return post(&stubborn, target, url, &telling, fault);
}
