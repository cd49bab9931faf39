/* SPDX-License-Identifier: Apache-2.0 */
#include "receivers.h"

#include "engine/deliveries.h"
#include "history_internal.h"
#include "machine.h"
#include "store/deliveries.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { FIRST_PID = 1 << 30, EACH_MOST = 2, RETRY_AFTER_MS = 30000, TIMEOUT_MS = 30000 };
static const char *const names[] = {"all", "gone"};
static struct history *living; /* whose receivers are asked */

/* ---- what they answer -------------------------------------------------------------------------------------------- */

static const int chances[2][ANSWER_KINDS] = {
    [0] = {[ANSWERS_GOOD] = 66, [ANSWERS_BAD] = 16, [ANSWERS_LATER] = 6, [ANSWERS_NO] = 3, [ANSWERS_NOTHING] = 4,
           [ANSWERS_DIES] = 5},
    [1] = {[ANSWERS_GOOD] = 85, [ANSWERS_BAD] = 5, [ANSWERS_GONE] = 10},
};

static enum receiver_answer draw(struct receivers *r, int receiver)
{
    int luck = (int)rng_below(&r->rng, 100);
    int kind = 0;
    if (receiver == 0 && r->away) {
        return luck < 80 ? ANSWERS_BAD : ANSWERS_NOTHING;
    }
    while (luck >= chances[receiver][kind]) {
        luck -= chances[receiver][kind++];
    }
    return (enum receiver_answer)kind;
}

static struct json head_of(enum receiver_answer answer, struct arena *arena)
{
    static const int64_t status[ANSWER_KINDS] = {[ANSWERS_GOOD] = 200, [ANSWERS_BAD] = 503, [ANSWERS_LATER] = 429,
                                                 [ANSWERS_NO] = 404, [ANSWERS_GONE] = 410};
    struct json head = json_object();
    struct json headers = json_object();
    if (answer == ANSWERS_DIES) {
        return json_null();
    }
    if (answer == ANSWERS_NOTHING) {
        json_set(arena, &head, "error", json_cstring(arena, "no answer in 30 s"));
        return head;
    }
    if (answer == ANSWERS_LATER) {
        json_set(arena, &headers, "retry-after", json_cstring(arena, "30"));
    }
    json_set(arena, &head, "status", json_int(status[answer]));
    json_set(arena, &head, "headers", headers);
    return head;
}

/* ---- what a try must be ------------------------------------------------------------------------------------------ */

/* By docs/notifications.md: at once, after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, each by a tenth of
 * what lies between it and the one before it sooner or later. */
static const int64_t offsets_ms[] = {0,        5000,     300000,   1800000,  7200000,
                                     18000000, 36000000, 50400000, 72000000, 86400000};
enum { OFFSETS = sizeof offsets_ms / sizeof offsets_ms[0] };

static int64_t leeway_ms(size_t at)
{
    return (offsets_ms[at] - offsets_ms[at - 1]) / 10 + 1;
}

/* Is that the next of those times, after `tries` of them and not before `tried_ms`? All since it was made. */
static bool is_by_the_table(int64_t at_ms, int64_t tries, int64_t tried_ms)
{
    for (size_t i = (size_t)tries; i < OFFSETS; i++) {
        int64_t off = at_ms - offsets_ms[i];
        if (off >= -leeway_ms(i) && off <= leeway_ms(i)) {
            return true;
        }
        if (offsets_ms[i] - leeway_ms(i) > tried_ms) {
            return false; /* that was to be the next */
        }
    }
    return false;
}

static const struct receiver_try *last_try(const struct receivers *r, const char *delivery_id)
{
    for (size_t i = r->tries.count; i > 0; i--) {
        if (strcmp(r->tries.items[i - 1].delivery_id, delivery_id) == 0) {
            return &r->tries.items[i - 1];
        }
    }
    return NULL;
}

static void check_time(struct history *h, sqlite3_stmt *s, const struct receiver_try *try)
{
    int64_t tries = sqlite3_column_int64(s, 2);
    int64_t next_ms = sqlite3_column_int64(s, 3);
    int64_t since_ms = sqlite3_column_int64(s, 4);
    int64_t tried_ms = sqlite3_column_int64(s, 5);
    if (h->world.clock_jumped) {
        return;
    }
    if (next_ms == 0 || next_ms > clock_wall_ms(&h->world.clock)) {
        world_fail(&h->world, "it is told before its time: %s, at %lld", try->delivery_id, (long long)next_ms);
    }
    bool is_later = sqlite3_column_int64(s, 6) == 429; /* it has said when */
    if (is_later && next_ms < tried_ms + RETRY_AFTER_MS) {
        world_fail(&h->world, "it is told sooner than the receiver has asked for: %s", try->delivery_id);
    }
    bool asked_for = is_later && next_ms == tried_ms + RETRY_AFTER_MS;
    if (tries > 0 && !asked_for && !is_by_the_table(next_ms - since_ms, tries, tried_ms - since_ms)) {
        world_fail(&h->world, "after %lld tries it is told %lld ms after it was made: %s", (long long)tries,
                   (long long)(next_ms - since_ms), try->delivery_id);
    }
}

/* From outside: what another process would see, is what is committed. */
static void check_row(struct history *h, const struct receiver_try *try)
{
    sqlite3_stmt *s = judge_ask(&h->judge,
                                "SELECT state, body, tries, next_ms, since_ms, tried_ms, status, (SELECT count(*) FROM "
                                "deliveries b WHERE b.receiver = a.receiver AND b.object = a.object AND b.id < a.id "
                                "AND b.state = 'waiting'), (SELECT disabled_ms FROM channels WHERE receiver = "
                                "'channel/' || name) FROM deliveries a WHERE delivery_id = ?",
                                "t", try->delivery_id);
    bool found = s == NULL; /* the disk is dead: nothing can be said */
    while (judge_row(s)) {
        found = true;
        if (strcmp(judge_text(s, 0), "waiting") != 0 || strcmp(judge_text(s, 1), try->body) != 0) {
            world_fail(&h->world, "it is told what is %s in the store: %s", judge_text(s, 0), try->body);
        }
        if (sqlite3_column_int64(s, 7) > 0 && h->receivers.again == 0) {
            world_fail(&h->world, "it is told before what comes before it: %s", try->body);
        }
        if (sqlite3_column_int64(s, 8) != 0) {
            world_fail(&h->world, "it is told to %s, which has said that it is gone", names[try->receiver]);
        }
        check_time(h, s, try);
    }
    if (!found) {
        world_fail(&h->world, "it is told before it is committed: %s", try->body);
    }
}

static void check_try(struct history *h, const struct receiver_try *try)
{
    const struct receivers *r = &h->receivers;
    const struct receiver_try *before = last_try(r, try->delivery_id);
    size_t others = 0;
    for (size_t i = 0; i < r->tries.count; i++) {
        others += r->tries.items[i].receiver == try->receiver && !r->tries.items[i].came && !r->tries.items[i].dropped;
    }
    if (others >= EACH_MOST) {
        world_fail(&h->world, "receiver %s is asked %zu times at once", names[try->receiver], others + 1);
    }
    if (before != NULL && (strcmp(before->body, try->body) != 0 || before->receiver != try->receiver)) {
        world_fail(&h->world, "%s is another the second time: %s", try->delivery_id, try->body);
    }
    check_row(h, try);
}

/* ---- the made-up sluice-fetch ------------------------------------------------------------------------------------ */

bool __wrap_fetch_child_start(const char *fetch, const struct json *request, struct arena *arena,
                              struct fetch_child *ret);
bool __real_fetch_child_start(const char *fetch, const struct json *request, struct arena *arena,
                              struct fetch_child *ret);
bool __wrap_fetch_child_ended(struct fetch_child *child);
bool __real_fetch_child_ended(struct fetch_child *child);
void __wrap_fetch_child_take(struct fetch_child *child, size_t max_bytes, struct arena *arena, struct json *ret_head,
                             struct str *ret_body);
void __real_fetch_child_take(struct fetch_child *child, size_t max_bytes, struct arena *arena, struct json *ret_head,
                             struct str *ret_body);
void __wrap_fetch_child_kill(struct fetch_child *child);
void __real_fetch_child_kill(struct fetch_child *child);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __real_pidfd_open(pid_t pid, unsigned flags);

static struct receiver_try *try_of(pid_t pid)
{
    return pid < FIRST_PID ? NULL : &living->receivers.tries.items[pid - FIRST_PID];
}

static int receiver_of(const struct json *request)
{
    const char *url = json_get_text(request, "url", "");
    return strcmp(url, "https://all.test/") == 0 ? 0 : strcmp(url, "https://gone.test/") == 0 ? 1 : -1;
}

bool __wrap_fetch_child_start(const char *fetch, const struct json *request, struct arena *arena,
                              struct fetch_child *ret)
{
    int receiver = living == NULL ? -1 : receiver_of(request);
    if (receiver < 0) {
        return __real_fetch_child_start(fetch, request, arena, ret);
    }
    if (living->world.dead || machine_fails("fetch_child_start")) {
        return false;
    }
    struct receivers *r = &living->receivers;
    bool engine = machine_engine_calls(false);
    struct receiver_try try = {.receiver = receiver, .answer = draw(r, receiver), .fd = -1};
    try.body = arena_strdup(living->world.arena, json_get_text(request, "body", ""));
    (void)snprintf(try.delivery_id, sizeof try.delivery_id, "%s",
                   json_get_text(json_get(request, "headers"), "webhook-id", ""));
    check_try(living, &try);
    if (strcmp(r->sent_again, try.delivery_id) == 0) {
        r->sent_again[0] = '\0';
    }
    world_trace(&living->world, "%s is told %s, and %d follows", names[receiver], try.delivery_id, (int)try.answer);
    *ret = (struct fetch_child){.pid = FIRST_PID + (pid_t)r->tries.count, .out_fd = -1};
    vec_push(&r->tries, try);
    int64_t in_ms = try.answer == ANSWERS_NOTHING ? TIMEOUT_MS : (int64_t)rng_below(&r->rng, 400);
    world_plan(&living->world, in_ms, HAPPENS_ANSWER)->number = (int64_t)r->tries.count - 1;
    (void)machine_engine_calls(engine);
    return true;
}

int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
    struct receiver_try *try = living == NULL ? NULL : try_of(pid);
    return try == NULL ? __real_pidfd_open(pid, flags) : (try->fd = eventfd(0, EFD_CLOEXEC));
}

static void answer(struct world *world, int64_t number)
{
    static const uint64_t one = 1;
    struct history *h = (struct history *)(void *)world;
    struct receiver_try *try = &h->receivers.tries.items[number];
    if (!try->dropped) {
        try->came = true;
        (void)!write(try->fd, &one, sizeof one);
    }
}

bool __wrap_fetch_child_ended(struct fetch_child *child)
{
    const struct receiver_try *try = living == NULL ? NULL : try_of(child->pid);
    return try == NULL ? __real_fetch_child_ended(child) : try->came && !living->world.dead;
}

void __wrap_fetch_child_take(struct fetch_child *child, size_t max_bytes, struct arena *arena, struct json *ret_head,
                             struct str *ret_body)
{
    struct receiver_try *try = living == NULL ? NULL : try_of(child->pid);
    if (try == NULL) {
        __real_fetch_child_take(child, max_bytes, arena, ret_head, ret_body);
        return;
    }
    *ret_head = head_of(try->answer, arena);
    *ret_body = (struct str){"", 0};
    try->dropped = true;
}

void __wrap_fetch_child_kill(struct fetch_child *child)
{
    struct receiver_try *try = living == NULL ? NULL : try_of(child->pid);
    if (try == NULL) {
        __real_fetch_child_kill(child);
        return;
    }
    try->dropped = true;
}

/* ---- their life -------------------------------------------------------------------------------------------------- */

void receivers_open(struct history *h)
{
    static const struct str urls[] = {{"https://all.test/", 17}, {"https://gone.test/", 18}};
    struct receivers *r = &h->receivers;
    rng_seed(&r->rng, h->options->seed * 11 + 5);
    r->are_there = true;
    r->away = rng_below(&r->rng, 6) == 0;
    r->events[0] = STR("*");
    for (size_t i = 0; i < 2; i++) {
        r->names[i] = str_from(names[i]);
        r->channels[i] = (struct channel){.name = r->names[i], .kind = CHANNEL_WEBHOOK, .url = urls[i],
                                          .events = r->events, .event_count = 1};
    }
    r->rules = (struct telling_rules){.channels = r->channels, .channel_count = 2, .names = r->names};
    h->world.answers = answer;
    living = h;
}

void receivers_close(struct history *h)
{
    vec_clear(&h->receivers.tries);
    living = NULL;
}

void receivers_join(struct history *h, struct engine_options *options)
{
    if (h->receivers.are_there) {
        options->telling = h->receivers.rules;
    }
}

static int64_t number(struct history *h, const char *sql)
{
    sqlite3_stmt *s = judge_ask(&h->judge, sql, "");
    int64_t found = 0;
    while (judge_row(s)) {
        found = sqlite3_column_int64(s, 0);
    }
    return found;
}

bool receivers_are_told(struct history *h)
{
    return !h->receivers.are_there || number(h, "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'waiting') OR "
                                                "EXISTS (SELECT 1 FROM told_events)") == 0;
}

static int send_again(void *ctx, struct engine *engine, struct err *err)
{
    struct history *h = ctx;
    return engine_write(engine, err) < 0
               ? -1
               : store_delivery_again(h->store, h->receivers.sent_again, engine_time(engine), err);
}

bool receivers_again(struct history *h, struct err *err)
{
    struct receivers *r = &h->receivers;
    char delivery_id[40] = "";
    sqlite3_stmt *s = judge_ask(&h->judge, "SELECT delivery_id FROM deliveries WHERE state IN ('delivered', 'failed') "
                                           "AND receiver = 'channel/all' ORDER BY id LIMIT 1", "");
    while (judge_row(s)) {
        (void)snprintf(delivery_id, sizeof delivery_id, "%s", judge_text(s, 0));
    }
    if (delivery_id[0] == '\0') {
        return true; /* nothing was told yet */
    }
    memcpy(r->sent_again, delivery_id, sizeof delivery_id);
    r->again++;
    int result = engine_command(h->engine, send_again, h, err);
    history_told(h, "sending again", result, err);
    if (result < 0) {
        r->sent_again[0] = '\0';
    }
    return result == 0 || err->code == ERR_STATE; /* it waits already: a command whose answer was lost has done it */
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* (what must hold, the question that finds where it does not) */
static const struct {
    const char *words;
    const char *sql;
} questions[] = {
    {"a receiver is told once of an event",
     "SELECT receiver || ' ' || body FROM deliveries GROUP BY receiver, address, json_extract(body, '$.id') "
     "HAVING count(*) > 1"},
    {"what is recorded is told as often",
     "WITH told AS (SELECT event, json_extract(body, '$.data.subject') AS object FROM deliveries WHERE receiver = "
     "'channel/all'), wanted AS (SELECT CASE action WHEN 'run.cancelled' THEN 'run.cancel_requested' WHEN "
     "'attempt.failed' THEN 'step.broken' ELSE action END AS event, object FROM activity WHERE action NOT IN "
     "('run.ended', 'version.tagged', 'version.untagged', 'model.created', 'model.registered')) "
     "SELECT event || ' of ' || object FROM wanted AS w GROUP BY event, object HAVING count(*) <> "
     "(SELECT count(*) FROM told AS t WHERE t.event = w.event AND t.object = w.object)"},
    {"the end of a run is told, as it ended",
     "SELECT r.run_id || ' ' || r.state FROM pipeline_runs AS r WHERE r.state IN ('succeeded', 'failed', 'cancelled') "
     "AND (SELECT count(*) FROM deliveries AS d WHERE d.receiver = 'channel/all' AND d.object = 'run ' || r.run_id AND "
     "d.event IN ('run.succeeded', 'run.failed', 'run.cancelled', 'run.refused') AND d.event = 'run.' || CASE "
     "r.verdict "
     "WHEN 'refused' THEN 'refused' ELSE r.state END) <> 1"},
    {"the end of a step is told",
     "SELECT s.run_id || ' ' || s.step || ' ' || s.state FROM steps AS s WHERE s.item = -1 AND s.state IN "
     "('succeeded', "
     "'failed', 'cancelled', 'skipped') AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.receiver = 'channel/all' "
     "AND d.object = 'run ' || s.run_id AND d.event = 'step.' || s.state AND json_extract(d.body, '$.data.step') = "
     "s.step)"},
    {"each version is told of",
     "SELECT name || '/' || version FROM model_versions AS v WHERE (SELECT count(*) FROM deliveries AS d WHERE "
     "d.receiver = 'channel/all' AND d.event = 'model_version.created' AND json_extract(d.body, "
     "'$.data.model.version') "
     "= '' || v.version) <> 1"},
    {"who has said that it is gone is disabled",
     "SELECT receiver FROM deliveries WHERE status = 410 AND state = 'failed' AND NOT EXISTS (SELECT 1 FROM channels "
     "WHERE receiver = 'channel/' || name AND disabled_ms <> 0)"},
    {"nothing waits, and nothing was dropped that somebody wants",
     "SELECT state || ' ' || body FROM deliveries WHERE state = 'waiting' OR (state = 'dropped' AND receiver = "
     "'channel/all')"},
};

static void check_ended(struct history *h)
{
    sqlite3_stmt *s = judge_ask(&h->judge, "SELECT delivery_id, state, status, ended_ms - since_ms, error FROM "
                                           "deliveries WHERE state IN ('delivered', 'failed')", "");
    while (judge_row(s)) {
        const char *state = judge_text(s, 1);
        int64_t status = sqlite3_column_int64(s, 2);
        bool arrived = false;
        for (size_t i = 0; i < h->receivers.tries.count; i++) {
            const struct receiver_try *try = &h->receivers.tries.items[i];
            arrived = arrived || (try->answer == ANSWERS_GOOD && strcmp(try->delivery_id, judge_text(s, 0)) == 0);
        }
        if (strcmp(state, "delivered") == 0 && !arrived) {
            world_fail(&h->world, "it is recorded as delivered, and was not: %s", judge_text(s, 0));
        }
        bool for_good = status == 404 || status == 410;
        int64_t least_ms = offsets_ms[OFFSETS - 1] - leeway_ms(OFFSETS - 1);
        if (strcmp(state, "failed") == 0 && !for_good && sqlite3_column_int64(s, 3) < least_ms &&
            !h->world.clock_jumped) {
            world_fail(&h->world, "it is given up after %lld ms: %s, %s", (long long)sqlite3_column_int64(s, 3),
                       judge_text(s, 0), judge_text(s, 4));
        }
    }
}

void receivers_judge(struct history *h)
{
    if (!h->receivers.are_there) {
        return;
    }
    bool is_full = number(h, "SELECT max(n) FROM (SELECT count(*) AS n FROM deliveries GROUP BY receiver)") >=
                   DELIVERIES_KEPT; /* a clock that leaps by hours starts much: the oldest are gone */
    for (size_t i = 0; i < sizeof questions / sizeof questions[0] && !is_full; i++) {
        sqlite3_stmt *s = judge_ask(&h->judge, questions[i].sql, "");
        while (judge_row(s)) {
            world_fail(&h->world, "%s: not %s", questions[i].words, judge_text(s, 0));
        }
    }
    check_ended(h);
    if (h->receivers.sent_again[0] != '\0') {
        world_fail(&h->world, "what somebody sent again did not come again: %s", h->receivers.sent_again);
    }
}
