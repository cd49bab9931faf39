/* SPDX-License-Identifier: Apache-2.0 */
#include "api/watch.h"

#include "api/router.h"

enum { PAGE_MAX = 64 << 20 };

static int check_reader(const struct api_call *call, const struct api_watch *watch, struct err *err)
{
    if (call->step != NULL) {
        return err_set(err, ERR_DENIED, "Permission denied: steps do not watch the server");
    }
    if (call->who == NULL || call->who->is_admin) {
        return 0;
    }
    for (size_t i = 0; i < watch->reader_count; i++) {
        if (str_is(watch->readers[i], call->who->name)) {
            return 0;
        }
    }
    return err_set(err, ERR_DENIED,
                   "Permission denied: user '%s' is no admin, and not among metrics.readers of config.yaml",
                   call->who->name);
}

static int answer_metrics(struct api_call *call, struct err *err)
{
    const struct api_watch *watch = api_watch(call->api);
    struct http_answer answer = {.status = 200, .fd = -1};
    if (watch == NULL) {
        http_answer_text(call->exchange, 404, "There is nothing here.");
        return 0;
    }
    answer.content_type = watch->type;
    strbuf_init(&answer.body, PAGE_MAX);
    if (check_reader(call, watch, err) < 0 || watch->write(watch->ctx, &answer.body, err) < 0) {
        strbuf_clear(&answer.body);
        return -1;
    }
    http_answer(call->exchange, &answer);
    return 0;
}

const struct api_plain watch_plains[] = {
    {.method = HTTP_GET, .path = "/metrics", .needs = API_NEEDS(VIEWER, READ, ITSELF), .answer = answer_metrics},
    {0},
};
