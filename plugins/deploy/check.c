/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "file_text.h"
#include "moment.h"
#include "program.h"
#include "readings.h"
#include "value.h"
#include "web.h"

#include <math.h>
#include <string.h>

enum { TIMEOUT_MS = 30000, AGAIN_MS = 1000, REQUEST_MS = 10000, LEAST_EVERY_MS = 100, ANSWER_BYTES = 4 << 20 };

/* ---- parameters ----------------------------------------------------------------------------------- */

static int parse_map(struct scratch *scratch, const struct step_value *param, struct check *check, struct fault *fault)
{
    static const char *const known[] = {"url", "command", "timeout", "every"};
    const struct step_value *command = value_given(step_get(param, "command"));
    const struct step_value *timeout = value_given(step_get(param, "timeout"));
    const struct step_value *every = value_given(step_get(param, "every"));
    check->url = value_member_text(param, "url");
    if (value_check_keys(param, "check", known, sizeof known / sizeof known[0], fault) < 0) {
        return -1;
    }
    if ((check->url != NULL) == (command != NULL)) {
        return fault_set(fault, "check: expected exactly one of 'url' and 'command'");
    }
    if ((command != NULL && program_argv(scratch, command, "check.command", &check->command, fault) < 0) ||
        (timeout != NULL && value_duration(timeout, "check.timeout", &check->timeout_ms, fault) < 0) ||
        (every != NULL && value_duration(every, "check.every", &check->every_ms, fault) < 0)) {
        return -1;
    }
    check->every_ms = every != NULL && check->every_ms < LEAST_EVERY_MS ? LEAST_EVERY_MS : check->every_ms;
    return 0;
}

int check_parse(struct scratch *scratch, const struct check_params *params, struct check *ret_check,
                struct fault *fault)
{
    const struct step_value *thresholds = value_given(params->thresholds);
    bool champion = params->champion != NULL && params->champion[0] != '\0';
    *ret_check = (struct check){.timeout_ms = TIMEOUT_MS, .champion = champion ? params->champion : NULL};
    if (params->check == NULL) {
        return thresholds == NULL && !champion ? 0
                                               : fault_set(fault, "%s: there is no 'check' that gives numbers",
                                                           thresholds != NULL ? "thresholds" : "champion");
    }
    if (params->check->type == STEP_TYPE_STRING) {
        ret_check->url = params->check->string;
    } else if (parse_map(scratch, params->check, ret_check, fault) < 0) {
        return -1;
    }
    if ((ret_check->url != NULL && web_check_url(ret_check->url, "check", fault) < 0) ||
        (champion && web_check_url(params->champion, "champion", fault) < 0) ||
        thresholds_parse(scratch, thresholds, 0, &ret_check->rules, fault) < 0) {
        return -1;
    }
    if (ret_check->rules.count == 0) {
        return fault_set(fault, "check: there are no 'thresholds' that it could be compared with");
    }
    if (thresholds_name_champion(&ret_check->rules) && !champion) {
        return fault_set(fault, "thresholds: a rule compares with the champion, but there is no 'champion' that gives "
                         "its numbers");
    }
    for (size_t i = 0; i < ret_check->rules.count; i++) {
        const struct threshold *rule = &ret_check->rules.rules[i];
        if (rule->confidence > 0 || rule->min_samples > 0) {
            return fault_set(fault, "thresholds: '%.150s': min_samples and confidence are for rows: a service gives "
                             "one number",
                             rule->subject);
        }
    }
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------------- */

static int ask_url(const struct step_host *host, struct scratch *scratch, const char *url, int64_t left_ms,
                   struct readings *ret, struct fault *fault)
{
    struct step_http_request request = {.size = sizeof request,
                                        .method = "GET",
                                        .url = url,
                                        .timeout_ms = left_ms < AGAIN_MS     ? AGAIN_MS
                                                      : left_ms > REQUEST_MS ? REQUEST_MS
                                                                             : left_ms,
                                        .max_bytes = ANSWER_BYTES};
    struct step_http_response response = {0};
    if (host->http(host, &request, &response) < 0) {
        return fault_set(fault, "%.200s gave no answer: %.200s", url, response.error == NULL ? "" : response.error);
    }
    if (!web_is_wanted(NULL, response.status)) {
        return fault_set(fault, "%.200s answered %d", url, response.status);
    }
    const char *text = scratch_copy(scratch, response.body, response.body_size);
    return readings_parse(host, url, text, response.body_size, ret, fault);
}

static int ask_command(const struct step_host *host, struct scratch *scratch, const struct check *check,
                       const char *const *env, struct readings *ret, struct fault *fault)
{
    const char *file = scratch_printf(scratch, "%s/check.output", host->context->step_dir);
    struct program program = {.argv = check->command,
                              .env = env,
                              .folder = host->context->workspace,
                              .output_file = file,
                              .errors_apart = true,
                              .timeout_ms = check->timeout_ms};
    char *text = NULL;
    size_t size = 0;
    if (program_run(host, &program, fault) < 0 ||
        file_text_read(scratch, file, ANSWER_BYTES, &text, &size, fault) < 0) {
        return -1;
    }
    return readings_parse(host, scratch_printf(scratch, "'%.150s'", check->command[0]), text, size, ret, fault);
}

/* ---- judging -------------------------------------------------------------------------------------- */

static void note(const struct step_host *host, const struct threshold *rule, double value, bool passed, int64_t stage)
{
    struct textbuf shown = {0};
    textbuf_number(&shown, value);
    step_log(host, passed ? STEP_LOG_INFO : STEP_LOG_WARN, "%s  %s %s  (%s)", passed ? "passed " : "refused",
             rule->subject, textbuf_text(&shown), rule->text);
    textbuf_free(&shown);
    struct scratch scratch = {0};
    const char *key = rule->column == NULL
                          ? rule->metric
                          : scratch_printf(&scratch, "%s/%s/%s", rule->metric, rule->column, rule->value);
    (void)host->metric(host, key, value, stage, 0);
    scratch_free(&scratch);
}

/* The reasons of all rules that are broken, in one line. */
static enum check_result judge(const struct step_host *host, struct scratch *scratch, const struct check *check,
                               const struct readings *new, const struct readings *champion, int64_t stage,
                               struct fault *fault)
{
    const char *reasons = "";
    for (size_t i = 0; i < check->rules.count; i++) {
        const struct threshold *rule = &check->rules.rules[i];
        struct threshold_evidence evidence = {.held = NAN, .champion = NAN};
        if (readings_find(scratch, new, rule, &evidence.value, fault) < 0 ||
            (rule->champion && readings_find(scratch, champion, rule, &evidence.champion, fault) < 0)) {
            return CHECK_FAILED;
        }
        struct threshold_verdict verdict = threshold_judge(scratch, rule, &evidence);
        note(host, rule, evidence.value, verdict.passed, stage);
        if (!verdict.passed) {
            reasons = scratch_printf(scratch, "%s%s%s", reasons, *reasons == '\0' ? "" : "; ", verdict.reason);
        }
    }
    return *reasons == '\0' ? CHECK_PASSED : (fault_set(fault, "%.500s", reasons), CHECK_REFUSED);
}

/* Once. What is missing may come yet: the caller asks again. */
static enum check_result look(const struct step_host *host, struct scratch *scratch, const struct check *check,
                              const char *url, const char *const *env, int64_t stage, int64_t left_ms,
                              struct fault *fault)
{
    struct readings new;
    struct readings champion = {0};
    int asked = url != NULL || check->command == NULL
                    ? ask_url(host, scratch, url != NULL ? url : check->url, left_ms, &new, fault)
                    : ask_command(host, scratch, check, env, &new, fault);
    if (asked < 0 ||
        (check->champion != NULL && ask_url(host, scratch, check->champion, left_ms, &champion, fault) < 0)) {
        return CHECK_FAILED;
    }
    return judge(host, scratch, check, &new, &champion, stage, fault);
}

enum check_result check_run(const struct step_host *host, const struct check *check, const char *url,
                            const char *const *env, int64_t stage, struct fault *fault)
{
    int64_t end_ms = moment_now_ms() + check->timeout_ms;
    struct scratch scratch = {0};
    enum check_result result = CHECK_PASSED;
    if (check->rules.count == 0) {
        return CHECK_PASSED;
    }
    for (;;) {
        scratch_reset(&scratch);
        result = look(host, &scratch, check, url, env, stage, end_ms - moment_now_ms(), fault);
        if (result != CHECK_FAILED || moment_now_ms() + AGAIN_MS > end_ms) {
            break;
        }
        step_log(host, STEP_LOG_INFO, "no numbers yet: %s", fault->text);
        if (moment_sleep(host, AGAIN_MS) < 0) {
            (void)fault_set(fault, "cancelled before the check had numbers");
            break;
        }
    }
    scratch_free(&scratch);
    return result;
}
