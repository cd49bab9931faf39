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
    static const char *const known[] = {"url", "command", "metrics", "timeout", "every", "max_age"};
    const struct step_value *command = value_given(step_get(param, "command"));
    const struct step_value *timeout = value_given(step_get(param, "timeout"));
    const struct step_value *every = value_given(step_get(param, "every"));
    const struct step_value *age = value_given(step_get(param, "max_age"));
    const char *url = value_member_text(param, "url");
    const char *metrics = value_member_text(param, "metrics");
    check->source = url != NULL ? url : metrics;
    if (value_check_keys(param, "check", known, sizeof known / sizeof known[0], fault) < 0) {
        return -1;
    }
    if ((url != NULL) + (command != NULL) + (metrics != NULL) != 1) {
        return fault_set(fault, "check: expected exactly one of 'url', 'command' and 'metrics'");
    }
    if (metrics != NULL && !readings_are_logged(metrics)) {
        return fault_set(fault, "check.metrics: '%.150s': expected runs:/RUN_ID, steps:/STEP or a model", metrics);
    }
    if (age != NULL && metrics == NULL) {
        return fault_set(fault, "check.max_age: only of 'metrics' it is known when they were logged");
    }
    if ((command != NULL && program_argv(scratch, command, "check.command", &check->command, fault) < 0) ||
        (timeout != NULL && value_duration(timeout, "check.timeout", &check->timeout_ms, fault) < 0) ||
        (every != NULL && value_duration(every, "check.every", &check->every_ms, fault) < 0) ||
        (age != NULL && value_duration(age, "check.max_age", &check->max_age_ms, fault) < 0)) {
        return -1;
    }
    check->every_ms = every != NULL && check->every_ms < LEAST_EVERY_MS ? LEAST_EVERY_MS : check->every_ms;
    return 0;
}

int check_source(const char *source, const char *what, struct fault *fault)
{
    return readings_are_logged(source) ? 0 : web_check_url(source, what, fault);
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
        ret_check->source = params->check->string;
    } else if (parse_map(scratch, params->check, ret_check, fault) < 0) {
        return -1;
    }
    if ((ret_check->source != NULL && check_source(ret_check->source, "check", fault) < 0) ||
        (champion && check_source(params->champion, "champion", fault) < 0) ||
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

/* A run that logs nothing any more says nothing of what serves now; a model has what it was measured at. */
static int ask_logged(const struct step_host *host, const struct check *check, const struct check_stage *stage,
                      const char *source, struct readings *ret, struct fault *fault)
{
    int64_t since_ms = readings_go_on(source) ? stage->began_ms : 0;
    int64_t young_ms = check->max_age_ms > 0 ? moment_wall_ms() - check->max_age_ms : 0;
    return readings_ask(host, source, young_ms > since_ms ? young_ms : since_ms, ret, fault);
}

static int ask_source(const struct step_host *host, struct scratch *scratch, const struct check *check,
                      const struct check_stage *stage, const char *source, int64_t left_ms, struct readings *ret,
                      struct fault *fault)
{
    return readings_are_logged(source) ? ask_logged(host, check, stage, source, ret, fault)
                                       : ask_url(host, scratch, source, left_ms, ret, fault);
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
                              const struct check_stage *stage, int64_t left_ms, struct fault *fault)
{
    struct readings new;
    struct readings champion = {0};
    const char *source = stage->source != NULL ? stage->source : check->source;
    int asked = stage->source != NULL || check->command == NULL
                    ? ask_source(host, scratch, check, stage, source, left_ms, &new, fault)
                    : ask_command(host, scratch, check, stage->env, &new, fault);
    if (asked < 0 || (check->champion != NULL &&
                      ask_source(host, scratch, check, stage, check->champion, left_ms, &champion, fault) < 0)) {
        return CHECK_FAILED;
    }
    return judge(host, scratch, check, &new, &champion, stage->number, fault);
}

enum check_result check_run(const struct step_host *host, const struct check *check, const struct check_stage *stage,
                            struct fault *fault)
{
    int64_t end_ms = moment_now_ms() + check->timeout_ms;
    struct scratch scratch = {0};
    enum check_result result = CHECK_PASSED;
    if (check->rules.count == 0) {
        return CHECK_PASSED;
    }
    for (;;) {
        scratch_reset(&scratch);
        result = look(host, &scratch, check, stage, end_ms - moment_now_ms(), fault);
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
