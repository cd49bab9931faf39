/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include "moment.h"
#include "value.h"
#include "web.h"

#include <string.h>

enum {
    INTERVAL_MS = 1000,
    LEAST_INTERVAL_MS = 10,
    REQUEST_MS = 10000,
    LEAST_REQUEST_MS = 1000,
    ANSWER_BYTES = 1 << 20
};

int health_parse(const struct step_value *param, int64_t timeout_ms, struct health *ret_health, struct fault *fault)
{
    static const char *const known[] = {"url", "status", "contains", "timeout", "interval"};
    *ret_health = (struct health){.timeout_ms = timeout_ms, .interval_ms = INTERVAL_MS};
    if (param == NULL) {
        return 0;
    }
    if (param->type == STEP_TYPE_STRING) {
        ret_health->url = param->string;
        return web_check_url(param->string, "health", fault);
    }
    if (value_check_keys(param, "health", known, sizeof known / sizeof known[0], fault) < 0) {
        return -1;
    }
    const struct step_value *timeout = value_given(step_get(param, "timeout"));
    const struct step_value *interval = value_given(step_get(param, "interval"));
    ret_health->url = value_member_text(param, "url");
    ret_health->statuses = value_given(step_get(param, "status"));
    ret_health->contains = value_member_text(param, "contains");
    if (web_check_url(ret_health->url, "health.url", fault) < 0 ||
        web_check_statuses(ret_health->statuses, "health.status", fault) < 0 ||
        (timeout != NULL && value_duration(timeout, "health.timeout", &ret_health->timeout_ms, fault) < 0) ||
        (interval != NULL && value_duration(interval, "health.interval", &ret_health->interval_ms, fault) < 0)) {
        return -1;
    }
    if (ret_health->interval_ms < LEAST_INTERVAL_MS) {
        ret_health->interval_ms = LEAST_INTERVAL_MS;
    }
    return 0;
}

/* One look: 0 when it is well, else -1 with what was found. */
static int look(const struct step_host *host, const struct health *health, int64_t left_ms, struct fault *fault)
{
    int64_t patience_ms = left_ms < LEAST_REQUEST_MS ? LEAST_REQUEST_MS : left_ms > REQUEST_MS ? REQUEST_MS : left_ms;
    struct step_http_request request = {.size = sizeof request,
                                        .method = "GET",
                                        .url = health->url,
                                        .timeout_ms = patience_ms,
                                        .max_bytes = ANSWER_BYTES};
    struct step_http_response response = {0};
    if (host->http(host, &request, &response) < 0) {
        return fault_set(fault, "%.200s gave no answer: %.200s", health->url,
                         response.error == NULL ? "" : response.error);
    }
    if (!web_is_wanted(health->statuses, response.status)) {
        return fault_set(fault, "%.200s answered %d", health->url, response.status);
    }
    if (health->contains != NULL && strstr(response.body, health->contains) == NULL) {
        return fault_set(fault, "%.200s answered without '%.100s'", health->url, health->contains);
    }
    return 0;
}

bool health_is_good(const struct step_host *host, const struct health *health)
{
    struct fault ignored;
    return health->url == NULL || look(host, health, REQUEST_MS, &ignored) == 0;
}

int health_wait(const struct step_host *host, const struct health *health, struct fault *fault)
{
    if (health->url == NULL) {
        return 0;
    }
    int64_t start_ms = moment_now_ms();
    int64_t end_ms = start_ms + health->timeout_ms;
    struct fault last = {{0}};
    int looks = 0;
    do {
        if (host->cancelled(host)) {
            return fault_set(fault, "cancelled before the health check was good");
        }
        looks++;
        if (look(host, health, end_ms - moment_now_ms(), &last) == 0) {
            step_log(host, STEP_LOG_INFO, "healthy after %lld ms and %d looks at %s",
                     (long long)(moment_now_ms() - start_ms), looks, health->url);
            return 0;
        }
        step_log(host, STEP_LOG_DEBUG, "not healthy yet: %s", last.text);
        if (moment_now_ms() + health->interval_ms > end_ms) {
            break;
        }
    } while (moment_sleep(host, health->interval_ms) == 0);
    if (host->cancelled(host)) {
        return fault_set(fault, "cancelled before the health check was good");
    }
    struct textbuf limit = {0};
    value_put_duration(&limit, health->timeout_ms);
    int result = fault_set(fault, "not healthy after %s: %.400s", textbuf_text(&limit), last.text);
    textbuf_free(&limit);
    return result;
}
