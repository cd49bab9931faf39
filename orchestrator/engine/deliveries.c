/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/deliveries.h"

#include "base/log.h"
#include "base/parse.h"
#include "digest/digest.h"
#include "engine/channel_request.h"
#include "engine/engine_internal.h"
#include "store/deliveries.h"

#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

enum {
    SENDING_EACH = 2, /* of one receiver: a slow one leaves room for others */
    TIMEOUT_MS = 30000,
    ANSWER_MAX_BYTES = 64 << 10,
    LOOK_MS = 10,
    FIRST_MS = 5000,
    GROWTH = 4,
};

static const int64_t most_ms = 3600000;
static const int64_t retry_for_ms = (int64_t)3 * 24 * 3600000;

/* ---- what a try came to ----------------------------------------------------------------------------------------- */

int64_t delivery_delay_ms(int64_t first_ms, int64_t tries)
{
    int64_t delay_ms = first_ms == 0 ? FIRST_MS : first_ms;
    for (int64_t i = 1; i < tries && delay_ms < most_ms; i++) {
        delay_ms *= GROWTH;
    }
    return delay_ms < most_ms ? delay_ms : most_ms;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", in English whatever the locale. */
static int64_t date_ms(struct str text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char line[40];
    char month[4] = "";
    struct tm tm = {0};
    (void)snprintf(line, sizeof line, "%.*s", STR_ARG(text));
    if (sscanf(line, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6) {
        return 0;
    }
    const char *at = strlen(month) == 3 ? strstr(months, month) : NULL;
    tm.tm_year -= 1900;
    tm.tm_mon = at == NULL ? 0 : (int)((at - months) / 3);
    return at == NULL || (at - months) % 3 != 0 ? 0 : (int64_t)timegm(&tm) * 1000;
}

int64_t delivery_retry_after_ms(struct str text, int64_t now_ms)
{
    static const int64_t day_ms = (int64_t)24 * 3600000;
    int64_t seconds = 0;
    bool is_number = parse_int(str_trim(text), 0, INT64_MAX / 1000, &seconds, NULL) == 0;
    int64_t after_ms = is_number ? seconds * 1000 : date_ms(str_trim(text)) - now_ms;
    return after_ms < 0 ? 0 : after_ms < day_ms ? after_ms : day_ms;
}

struct delivery_judgement delivery_judge(const struct json *head, int64_t now_ms, struct arena *arena)
{
    const struct json *headers = json_get(head, "headers");
    struct delivery_judgement result = {.status = json_get_int(head, "status", 0), .error = ""};
    int64_t status = result.status;
    if (status == 0) {
        result.error = json_get_text(head, "error", "sluice-fetch ended without an answer");
        result.may_retry = !json_get_bool(head, "refused", false);
        return result;
    }
    result.delivered = status >= 200 && status < 300;
    result.may_retry = status == 408 || status == 425 || status == 429 || status >= 500;
    result.gone = status == 410;
    result.after_ms =
        result.may_retry ? delivery_retry_after_ms(str_from(json_get_text(headers, "retry-after", "")), now_ms) : 0;
    if (!result.delivered) {
        bool redirect = status >= 300 && status < 400;
        result.error = arena_printf(arena, "it answered %lld%s", (long long)status,
                                    redirect ? ": redirects are not followed" : "");
    }
    return result;
}

struct delivery_judgement delivery_judge_mail(const struct json *head)
{
    int64_t status = json_get_int(head, "status", 0);
    bool delivered = status >= 200 && status < 300;
    return (struct delivery_judgement){
        .delivered = delivered,
        .status = status,
        .may_retry = !delivered && status < 500 && !json_get_bool(head, "refused", false),
        .error = delivered ? json_get_text(head, "remark", "")
                           : json_get_text(head, "error", "sluice-fetch ended without an answer"),
    };
}

/* Between 0.8 and 1.2 times as long: what failed together does not come again together. */
static int64_t spread(struct engine *engine, int64_t ms)
{
    return ms * 4 / 5 + (int64_t)(rng_below(&engine->rng, (uint64_t)(ms * 2 / 5 + 1)));
}

/* When the next try is; 0: there is none. */
static int64_t next_try_ms(struct engine *engine, const struct delivery *delivery, int64_t after_ms, int64_t now_ms)
{
    const struct webhook_rules *rules = &engine->options.webhooks;
    int64_t until_ms = delivery->since_ms + (rules->retry_for_ms == 0 ? retry_for_ms : rules->retry_for_ms);
    int64_t next_ms = 0;
    if (delivery_channel(delivery->receiver) == NULL) {
        next_ms = now_ms + spread(engine, delivery_delay_ms(rules->retry_first_ms, delivery->tries + 1));
    } else {
        double chance = (double)rng_below(&engine->rng, 1001) / 1000;
        next_ms = channel_next_ms(delivery->since_ms, now_ms, delivery->tries + 1, rules->retry_first_ms, chance);
        until_ms = rules->retry_for_ms == 0 ? INT64_MAX : until_ms; /* its times end by themselves */
    }
    next_ms = next_ms != 0 && next_ms < now_ms + after_ms ? now_ms + after_ms : next_ms;
    return next_ms <= until_ms ? next_ms : 0;
}

static struct delivery_outcome outcome_of(struct engine *engine, const struct delivery *delivery,
                                          const struct delivery_judgement *judged, int64_t now_ms)
{
    int64_t next_ms = judged->may_retry && !delivery->is_test
                          ? next_try_ms(engine, delivery, judged->after_ms, now_ms)
                          : 0;
    return (struct delivery_outcome){
        .state = judged->delivered ? "delivered" : next_ms != 0 ? "waiting" : "failed",
        .next_ms = next_ms,
        .status = judged->status,
        .error = judged->error,
    };
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void add_header(struct arena *arena, struct json *headers, const char *name, const char *value)
{
    json_add(arena, headers, name, json_cstring(arena, value));
}

static int sign(struct engine *engine, const struct webhook *webhook, const struct delivery *delivery,
                const char *timestamp, struct json *headers, struct err *err)
{
    struct arena *arena = engine->turn;
    struct str secret = {0};
    char signature[45];
    if (webhook->sealed.n == 0) {
        return 0;
    }
    if (engine->options.webhook_secret == NULL) {
        return err_set(err, ERR_STATE, "there is no key here that opens its secret");
    }
    if (engine->options.webhook_secret(engine->options.secret_ctx, webhook, arena, &secret, err) < 0) {
        return -1;
    }
    const char *content = arena_printf(arena, "%s.%s.%s", delivery->delivery_id, timestamp, delivery->body);
    digest_hmac_base64(secret, str_from(content), signature);
    explicit_bzero((char *)(uintptr_t)secret.p, secret.n);
    add_header(arena, headers, "X-MLflow-Signature", arena_printf(arena, "v1,%s", signature));
    return 0;
}

static int make_request(struct engine *engine, const struct webhook *webhook, const struct delivery *delivery,
                        int64_t now_ms, struct json *ret, struct err *err)
{
    struct arena *arena = engine->turn;
    const char *timestamp = arena_printf(arena, "%lld", (long long)(now_ms / 1000));
    struct json headers = json_object();
    add_header(arena, &headers, "Content-Type", "application/json");
    add_header(arena, &headers, "User-Agent", "sluice/" SLUICE_VERSION);
    add_header(arena, &headers, "X-MLflow-Delivery-Id", delivery->delivery_id);
    add_header(arena, &headers, "X-MLflow-Timestamp", timestamp);
    if (sign(engine, webhook, delivery, timestamp, &headers, err) < 0) {
        return -1;
    }
    *ret = json_object();
    json_add(arena, ret, "method", json_cstring(arena, "POST"));
    json_add(arena, ret, "url", json_cstring(arena, webhook->url));
    json_add(arena, ret, "headers", headers);
    json_add(arena, ret, "body", json_cstring(arena, delivery->body));
    json_add(arena, ret, "timeout_ms", json_int(TIMEOUT_MS));
    json_add(arena, ret, "max_bytes", json_int(ANSWER_MAX_BYTES));
    json_add(arena, ret, "follow", json_int(0));
    json_add(arena, ret, "only_status", json_bool(true));
    json_add(arena, ret, "policy", webhook_policy_json(&engine->options.webhooks, arena));
    return 0;
}

/* 0 with the request; 1: not yet; -1 in words. */
static int request_for(struct engine *engine, const struct delivery *delivery, int64_t now_ms, struct json *ret,
                       struct err *err)
{
    const char *name = delivery_channel(delivery->receiver);
    struct webhook webhook;
    if (name == NULL) {
        return store_webhook_get(engine->options.store, delivery->receiver, engine->turn, &webhook, err) < 0
                   ? -1
                   : make_request(engine, &webhook, delivery, now_ms, ret, err);
    }
    const struct channel *channel = telling_find(&engine->options.telling, name);
    return channel == NULL ? telling_no_channel(&engine->options.telling, name, engine->turn, err)
                           : channel_request(engine, channel, delivery, now_ms, ret, err);
}

static void send_one(struct engine *engine, const struct delivery *delivery, enum standing standing, int64_t now_ms)
{
    struct sending sending = {.pid_fd = -1, .id = delivery->id, .since_ms = now_ms, .standing = standing};
    struct json request = json_null();
    struct err err = {0};
    (void)snprintf(sending.delivery_id, sizeof sending.delivery_id, "%s", delivery->delivery_id);
    (void)snprintf(sending.receiver, sizeof sending.receiver, "%s", delivery->receiver);
    int made = request_for(engine, delivery, now_ms, &request, &err);
    if (made == 1) { /* the turn that its secret wakes looks again */
        engine->deliveries.asks = true;
        return;
    }
    if (made < 0) {
        (void)snprintf(sending.wrong, sizeof sending.wrong, "%.250s", err.message);
    } else if (!fetch_child_start(engine->options.fetch, &request, engine->turn, &sending.child)) {
        (void)snprintf(sending.wrong, sizeof sending.wrong, "sluice-fetch could not be started");
    } else {
        sending.begun = true;
        sending.pid_fd = pidfd_open(sending.child.pid, 0);
        if (sending.pid_fd >= 0 && engine_watch(engine, sending.pid_fd, &err) < 0) {
            log_warn("webhooks", "%s", err.message);
        }
    }
    json_wipe(&request);
    vec_push(&engine->deliveries, sending);
}

/* Leaves the list; its child has ended, or is ended now. */
static void drop(struct engine *engine, size_t i, bool has_child)
{
    struct sending *sending = &engine->deliveries.items[i];
    if (sending->pid_fd >= 0) {
        engine_unwatch(engine, sending->pid_fd);
        (void)close(sending->pid_fd);
    }
    if (has_child) {
        fetch_child_kill(&sending->child);
    }
    *sending = engine->deliveries.items[--engine->deliveries.count];
}

static size_t count_of(const struct engine *engine, const char *receiver)
{
    size_t count = 0;
    for (size_t i = 0; i < engine->deliveries.count; i++) {
        count += strcmp(engine->deliveries.items[i].receiver, receiver) == 0;
    }
    return count;
}

static bool is_sending(const struct engine *engine, const struct delivery *delivery)
{
    for (size_t i = 0; i < engine->deliveries.count; i++) {
        if (strcmp(engine->deliveries.items[i].delivery_id, delivery->delivery_id) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_place(const struct engine *engine, enum standing standing)
{
    size_t under_way[STANDINGS] = {0};
    for (size_t i = 0; i < engine->deliveries.count; i++) {
        under_way[engine->deliveries.items[i].standing]++;
    }
    return standing_has_place(under_way, standing);
}

static int start_for(struct engine *engine, const char *receiver, enum standing standing, int64_t now_ms,
                     struct err *err)
{
    struct delivery *due = NULL;
    size_t count = 0;
    size_t running = count_of(engine, receiver);
    if (running >= SENDING_EACH) {
        return 0;
    }
    if (store_deliveries_due(engine->options.store, receiver, now_ms, SENDING_EACH, engine->turn, &due, &count, err) <
        0) {
        return -1;
    }
    for (size_t i = 0; i < count && running < SENDING_EACH && has_place(engine, standing); i++) {
        if (!is_sending(engine, &due[i])) {
            send_one(engine, &due[i], standing, now_ms);
            running++;
        }
    }
    return 0;
}

/* Of a webhook that was deleted or disabled. */
static int end_dropped(struct engine *engine, struct err *err)
{
    for (size_t i = engine->deliveries.count; i > 0; i--) {
        const struct sending *sending = &engine->deliveries.items[i - 1];
        int waits = store_delivery_waits(engine->options.store, sending->id, sending->delivery_id, err);
        if (waits < 0) {
            return -1;
        }
        if (waits == 0) {
            drop(engine, i - 1, sending->begun);
        }
    }
    return 0;
}

/* Those who answer first, so that they wait for nobody else. When there are too many of a kind, all get a turn. */
static int start_all(struct engine *engine, const struct due_receiver *who, size_t count, int64_t now_ms,
                     struct err *err)
{
    size_t first = count == 0 ? 0 : (size_t)rng_below(&engine->rng, count);
    for (int standing = STANDING_QUICK; standing >= STANDING_SLOW; standing--) {
        for (size_t i = 0; i < count && has_place(engine, (enum standing)standing); i++) {
            const struct due_receiver *one = &who[(first + i) % count];
            bool is_meant = (int)standing_of(&engine->deliveries.standings, one->receiver, one->tried) == standing;
            if (is_meant && start_for(engine, one->receiver, (enum standing)standing, now_ms, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static int look(struct engine *engine, struct err *err)
{
    struct deliveries *d = &engine->deliveries;
    struct due_receiver *who = NULL;
    size_t count = 0;
    int64_t now_ms = engine_now(engine);
    uint64_t changes = store_deliveries_changes(engine->options.store);
    bool due = d->next_ms != 0 && d->next_ms <= now_ms;
    if (changes == d->seen && !due && !d->asks) {
        return 0;
    }
    d->asks = false;
    d->seen = 0; /* until all was looked at */
    if (end_dropped(engine, err) < 0 ||
        store_deliveries_who(engine->options.store, now_ms, engine->turn, &who, &count, &d->next_ms, err) < 0 ||
        start_all(engine, who, count, now_ms, err) < 0) {
        return -1;
    }
    d->seen = changes;
    return 0;
}

int deliveries_start(struct engine *engine, struct err *err)
{
    bool sends = engine->options.fetch != NULL && !engine->options.starts_nothing && !engine->in_transaction;
    return sends ? look(engine, err) : 0;
}

/* ---- what has ended --------------------------------------------------------------------------------------------- */

static bool is_unwatched(const struct engine *engine)
{
    for (size_t i = 0; i < engine->deliveries.count; i++) {
        if (!engine->deliveries.items[i].begun || engine->deliveries.items[i].pid_fd < 0) {
            return true;
        }
    }
    return false;
}

int64_t deliveries_wait_ms(const struct engine *engine)
{
    int64_t next_ms = engine->deliveries.next_ms;
    return is_unwatched(engine) ? LOOK_MS : next_ms == 0 ? INT64_MAX : next_ms - engine_now(engine);
}

/* ---- who says that nobody is there any more (410, as Standard Webhooks has it): he gets nothing more ---- */

static const char gone_reason[] = "it answered 410: gone";

static int disable_channel(struct engine *engine, const char *name, struct err *err)
{
    return store_channel_disable(engine->options.store, name, gone_reason, engine_now(engine), err) < 0
               ? -1
               : engine_note(engine, "sluice", "channel.disabled", arena_printf(engine->turn, "channel %s", name), name,
                             "", "disabled", gone_reason, "", err);
}

/* One that was changed since it was asked may be at another place by now, and one that is gone needs nothing. */
static int disable_webhook(struct engine *engine, const char *webhook_id, int64_t since_ms, struct err *err)
{
    static const bool active = false;
    const struct webhook_change change = {.active = &active};
    struct webhook webhook;
    struct err wrong = {0};
    if (store_webhook_get(engine->options.store, webhook_id, engine->turn, &webhook, &wrong) < 0) {
        return wrong.code == ERR_NOT_FOUND ? 0 : err_set(err, wrong.code, "%s", wrong.message);
    }
    if (!webhook.active || webhook.updated_ms > since_ms) {
        return 0;
    }
    return store_webhook_update(engine->options.store, webhook_id, &change, engine_now(engine), err) < 0
               ? -1
               : engine_note(engine, "sluice", "webhook.disabled",
                             arena_printf(engine->turn, "webhook %s", webhook.name), webhook_id, "active", "disabled",
                             gone_reason, "", err);
}

static int disable(struct engine *engine, const struct delivery *delivery, const struct channel *channel,
                   int64_t since_ms, struct err *err)
{
    return delivery_channel(delivery->receiver) == NULL
               ? disable_webhook(engine, delivery->receiver, since_ms, err)
           : channel != NULL ? disable_channel(engine, channel->name.p, err)
                             : 0;
}

static void forget_secrets(const struct engine *engine, const struct delivery *delivery)
{
    if (engine->options.secret_forget != NULL && delivery_channel(delivery->receiver) != NULL) {
        engine->options.secret_forget(engine->options.secret_ctx, -delivery->id);
    }
}

static int record(struct engine *engine, struct sending *sending, struct err *err)
{
    struct arena *arena = engine->turn;
    struct json head = json_object();
    struct str body;
    struct delivery delivery;
    struct err gone = {0};
    if (sending->begun) {
        fetch_child_take(&sending->child, ANSWER_MAX_BYTES, arena, &head, &body);
        standing_learn(&engine->deliveries.standings, sending->receiver, json_get_int(&head, "status", 0) != 0,
                       engine_now(engine) - sending->since_ms);
    } else {
        json_set(arena, &head, "error", json_cstring(arena, sending->wrong));
    }
    if (store_delivery_get(engine->options.store, sending->delivery_id, arena, &delivery, &gone) < 0) {
        if (gone.code != ERR_NOT_FOUND) {
            *err = gone;
            return -1;
        }
        return 0;
    }
    int64_t now_ms = engine_now(engine);
    const char *name = delivery_channel(delivery.receiver);
    const struct channel *channel = name == NULL ? NULL : telling_find(&engine->options.telling, name);
    bool is_mail = channel != NULL && channel->kind == CHANNEL_EMAIL;
    struct delivery_judgement judged = is_mail ? delivery_judge_mail(&head) : delivery_judge(&head, now_ms, arena);
    struct delivery_outcome outcome = outcome_of(engine, &delivery, &judged, now_ms);
    if (strcmp(outcome.state, "failed") == 0) {
        log_warn("webhooks", "%s of '%s' is not delivered to %s%s: %s", delivery.event, delivery.object,
                 name == NULL ? "webhook " : "", delivery.receiver, outcome.error);
    }
    forget_secrets(engine, &delivery);
    return store_delivery_tried(engine->options.store, &delivery, &outcome, now_ms, err) < 0 ? -1
           : judged.gone ? disable(engine, &delivery, channel, sending->since_ms, err)
                         : 0;
}

int deliveries_finish(struct engine *engine, struct err *err)
{
    int finished = 0;
    for (size_t i = engine->deliveries.count; i > 0; i--) {
        struct sending *sending = &engine->deliveries.items[i - 1];
        if (sending->begun && !fetch_child_ended(&sending->child)) {
            continue;
        }
        int result = turn_begin(engine, err) < 0 ? -1 : record(engine, sending, err);
        drop(engine, i - 1, false);
        if (result < 0) {
            engine->deliveries.seen = 0; /* it waits still, and nothing else has us look */
            return -1;
        }
        finished++;
    }
    return finished;
}

void deliveries_clear(struct engine *engine)
{
    while (engine->deliveries.count > 0) {
        size_t last = engine->deliveries.count - 1;
        drop(engine, last, engine->deliveries.items[last].begun);
    }
    vec_clear(&engine->deliveries);
    standings_clear(&engine->deliveries.standings);
}

/* ---- at the end of a command ------------------------------------------------------------------------------------ */

static void wait_for_one(const struct engine *engine, int64_t most)
{
    struct pollfd fds[STANDING_PLACES_MAX];
    nfds_t count = 0;
    for (size_t i = 0; i < engine->deliveries.count; i++) {
        fds[count++] = (struct pollfd){.fd = engine->deliveries.items[i].pid_fd, .events = POLLIN};
    }
    (void)poll(fds, count, is_unwatched(engine) || engine->deliveries.asks ? LOOK_MS : (int)most);
}

void engine_deliver(struct engine *engine, int timeout_ms)
{
    struct err err = {0};
    int64_t end_ms = clock_monotonic_ms(engine->options.clock) + timeout_ms;
    int64_t left_ms = timeout_ms;
    engine->deliveries.seen = 0;
    /* Of who has written beside the turns, and what was too much for one of them. */
    while (telling_has_news(engine) && turn_ready(engine, &err) == 0 &&
           turn_end(engine, turn_begin(engine, &err), &err) == 0) {
    }
    left_ms = engine->options.fetch == NULL ? 0 : left_ms;
    while (left_ms > 0 && turn_ready(engine, &err) == 0 && look(engine, &err) == 0 &&
           (engine->deliveries.count > 0 || engine->deliveries.asks)) {
        wait_for_one(engine, left_ms);
        if (turn_end(engine, deliveries_finish(engine, &err) < 0 ? -1 : 0, &err) < 0) {
            break;
        }
        left_ms = end_ms - clock_monotonic_ms(engine->options.clock);
    }
    if (err.code != ERR_NONE) {
        log_warn("webhooks", "what is to be told waits for the next sluice: %s", err.message);
    }
}
