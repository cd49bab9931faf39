/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/hooks.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "digest/digest.h"
#include "pipeline/expr.h"
#include "store/activity.h"
#include "store/counters.h"
#include "store/sources.h"
#include "trigger/hook_secrets.h"
#include "trigger/source_spec.h"

#include <inttypes.h>
#include <stdlib.h>

/* Refused deliveries that are recorded: so many at once, then one more in this time. */
enum { REFUSED_AT_ONCE = 100, REFUSED_EVERY_MS = 100 };

/* Provider names are a table's. */
struct uncounted {
    const char *provider;
    int64_t count;
};

struct hooks {
    struct hooks_options options;
    struct hook_secrets secrets;
    struct rng rng;
    int64_t full_ms;    /* when as many refused ones as may be can be recorded again: a bucket */
    int64_t unrecorded; /* since the last that was */
    struct {
        VEC_OF(struct uncounted)
    } uncounted; /* of those, by who they say they are from */
};

struct hooks *hooks_new(const struct hooks_options *options)
{
    struct hooks *hooks = mem_alloc(sizeof *hooks);
    hooks->options = *options;
    hooks->secrets.options = &hooks->options;
    rng_seed_from_system(&hooks->rng);
    return hooks;
}

void hooks_free(struct hooks *hooks)
{
    if (hooks != NULL) {
        hook_secrets_clear(&hooks->secrets);
        vec_clear(&hooks->uncounted);
        free(hooks);
    }
}

bool hooks_is_ready(struct hooks *hooks, const char *pipeline)
{
    return hook_secrets_are_told(&hooks->secrets, pipeline);
}

/* ---- the hook of a pipeline ------------------------------------------------------------------------------------- */

struct hook {
    const struct source_spec *source; /* NULL: it is a pipeline's */
    const struct webhook_provider *provider;
    struct str secret; /* its name; empty: it has none */
};

/* The name in "${{ secrets.NAME }}", which is all that a file may say there. */
static bool read_secret_name(const char *text, struct arena *arena, struct str *ret)
{
    struct diags diags;
    struct template template;
    diags_init(&diags, arena, "");
    return template_parse(json_cstring(arena, text), (struct pos){1, 1}, &diags, &template) == 0 &&
           template_is_secret(&template, ret);
}

/* The name in "sources/NAME", which is no name of a pipeline; NULL. */
static const char *source_of(const char *pipeline)
{
    return str_starts(str_from(pipeline), STR(HOOKS_SOURCES)) ? pipeline + strlen(HOOKS_SOURCES) : NULL;
}

static int find_source_hook(struct hooks *hooks, const char *name, struct hook *ret)
{
    const struct source_spec *source = triggers_source(hooks->options.triggers, name);
    const struct webhook_provider *provider =
        source == NULL ? NULL : webhook_provider_named(str_from(source->verify));
    if (provider == NULL) {
        return 0;
    }
    *ret = (struct hook){.source = source, .provider = provider, .secret = str_from(source->secret)};
    return 1;
}

/* 1; 0: the pipeline has none, or is not in force. */
static int find_hook(struct hooks *hooks, const char *pipeline, struct arena *arena, struct hook *ret, struct err *err)
{
    struct subscription row;
    struct json settings;
    if (source_of(pipeline) != NULL) {
        return find_source_hook(hooks, source_of(pipeline), ret);
    }
    int found = store_subscription_find(hooks->options.store, "webhook", pipeline, arena, &row, err);
    if (found <= 0) {
        return found;
    }
    if (json_read(str_from(row.settings), (struct json_limits){0}, arena, &settings, err) < 0) {
        return -1;
    }
    *ret = (struct hook){.provider = webhook_provider_named(str_from(json_get_text(&settings, "verify", "")))};
    const char *secret = json_get_text(&settings, "secret", NULL);
    bool good = ret->provider != NULL &&
                (secret == NULL ? ret->provider->scheme == WEBHOOK_SHOWS_NOTHING
                                : read_secret_name(secret, arena, &ret->secret));
    return good ? 1 : err_set(err, ERR_CORRUPT, "the hook of pipeline '%s' is none", pipeline);
}

/* ---- one delivery ----------------------------------------------------------------------------------------------- */

/* While it is looked at; all of it lives in `arena`. */
struct handling {
    struct hooks *hooks;
    struct arena *arena;
    const struct webhook_request *request;
    struct hook hook;
    int64_t now_ms;
    struct hook_delivery row;
    struct json event;
};

static const char *text_of(struct handling *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *text_of(struct handling *h, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(h->arena, format, args);
    va_end(args);
    return text;
}

static void begin(struct handling *h, const char *pipeline, const char *peer)
{
    struct json headers = webhook_headers_plain(&h->request->headers, h->arena);
    h->now_ms = clock_wall_ms(h->hooks->options.clock);
    h->row = (struct hook_delivery){
        .pipeline = pipeline,
        .provider = "",
        .delivery_id = "",
        .event_type = "",
        .peer = peer,
        .received_ms = h->now_ms,
        .reason = "",
        .actor = "",
        .headers = json_text(h->arena, &headers).p,
        .body_bytes = (int64_t)h->request->body.n,
        .body_sha256 = arena_strdup(h->arena, digest_bytes(h->request->body).hex),
        .key_id = "",
    };
}

static int has_outcome(struct handling *h, enum hook_outcome outcome, int status, const char *reason)
{
    h->row.outcome = outcome;
    h->row.status = status;
    h->row.reason = reason;
    return 0;
}

/* A body that cannot be sealed is not kept: the delivery counts all the same. */
static void keep_body(struct handling *h)
{
    struct err wrong = {0};
    struct str body = h->request->body;
    bool wanted = h->row.outcome == HOOK_REFUSED ? body.n <= HOOK_REFUSED_BODY_MAX : h->row.outcome != HOOK_DUPLICATE;
    if (wanted && h->hooks->options.seal(h->hooks->options.ctx, &h->row, body, h->arena, &h->row.sealed,
                                         &h->row.key_id, &wrong) < 0) {
        h->row.sealed = (struct str){0};
        log_error("hooks", "the body of a delivery is not kept: %s", wrong.message);
    }
}

/* Refused ones are many when somebody wants to harm: then most are only counted. */
static bool may_record(struct hooks *hooks)
{
    int64_t now_ms = clock_monotonic_ms(hooks->options.clock);
    int64_t from_ms = hooks->full_ms > now_ms ? hooks->full_ms : now_ms;
    if (from_ms + REFUSED_EVERY_MS - now_ms > REFUSED_AT_ONCE * REFUSED_EVERY_MS) {
        hooks->unrecorded++;
        return false;
    }
    hooks->full_ms = from_ms + REFUSED_EVERY_MS;
    return true;
}

/* "github accepted"; what no hook is there for is from nobody who is known. */
static int count_outcome(struct handling *h, const char *provider, enum hook_outcome outcome, int64_t by,
                         struct err *err)
{
    const char *label = text_of(h, "%s %s", *provider == '\0' ? "unknown" : provider, hook_outcome_names[outcome]);
    return store_count(h->hooks->options.store, COUNTER_HOOKS, label, by, err);
}

static void count_later(struct hooks *hooks, const char *provider)
{
    size_t i = 0;
    while (i < hooks->uncounted.count && strcmp(hooks->uncounted.items[i].provider, provider) != 0) {
        i++;
    }
    if (i == hooks->uncounted.count) {
        struct uncounted uncounted = {.provider = provider};
        vec_push(&hooks->uncounted, uncounted);
    }
    hooks->uncounted.items[i].count++;
}

/* With what came before and was not recorded, since that would have been too much. */
static int count_request(struct handling *h, struct err *err)
{
    struct hooks *hooks = h->hooks;
    for (size_t i = 0; i < hooks->uncounted.count; i++) {
        const struct uncounted *before = &hooks->uncounted.items[i];
        if (before->count > 0 && count_outcome(h, before->provider, HOOK_REFUSED, before->count, err) < 0) {
            return -1;
        }
    }
    hooks->uncounted.count = 0;
    return h->row.replay_of != 0 ? 0 : count_outcome(h, h->row.provider, h->row.outcome, 1, err);
}

static int record(struct handling *h, struct err *err)
{
    struct hooks *hooks = h->hooks;
    if (h->row.outcome == HOOK_REFUSED) {
        if (!may_record(hooks)) {
            count_later(hooks, h->row.provider);
            return 0;
        }
        if (hooks->unrecorded > 0) {
            h->row.reason = text_of(h, "%s (%" PRId64 " more before it are not recorded: too many at once)",
                                    h->row.reason, hooks->unrecorded);
        }
    }
    keep_body(h);
    if (store_hook_delivery_add(hooks->options.store, &h->row, err) < 0 || count_request(h, err) < 0) {
        return -1;
    }
    hooks->unrecorded = h->row.outcome == HOOK_REFUSED ? 0 : hooks->unrecorded;
    return 0;
}

static void know_hook(struct handling *h)
{
    const struct webhook_provider *provider = h->hook.provider;
    h->row.provider = provider->name;
    h->row.event_type =
        provider->type == NULL ? "" : json_get_text(&h->request->headers, provider->type, "");
}

/* ---- is it genuine? --------------------------------------------------------------------------------------------- */

static int refuse(struct handling *h, int status, const char *reason)
{
    return has_outcome(h, HOOK_REFUSED, status, reason);
}

/* 1: it is, and has its id. 0: it is refused, or (with HOOK_LATER in `*ret_later`) cannot be told yet. */
static int check_signature(struct handling *h, const char *pipeline, int64_t at_ms, bool *ret_later)
{
    struct err wrong = {0};
    struct str secret = {0};
    int64_t time_ms = 0;
    int read = h->hook.secret.n == 0 ? 0
                                     : hook_secret_read(&h->hooks->secrets, pipeline, h->hook.secret, h->arena,
                                                        &secret, &wrong);
    *ret_later = read == 1;
    if (read != 0) {
        return refuse(h, 503, text_of(h, "%s", wrong.message));
    }
    int genuine = webhook_verify(h->hook.provider, secret, h->request, at_ms, &time_ms, &wrong);
    const char *id = webhook_delivery_id(h->hook.provider, secret, h->request, h->arena);
    if (secret.n > 0) {
        explicit_bzero((char *)(uintptr_t)secret.p, secret.n);
    }
    if (genuine < 0) {
        return refuse(h, wrong.code == ERR_DENIED ? 401 : 503, text_of(h, "%s", wrong.message));
    }
    struct id ours = id_run(&h->hooks->rng, h->now_ms);
    h->row.delivery_id = id != NULL ? id : arena_strdup(h->arena, ours.text);
    return 1;
}

/* 1, 0 as above, or -1 when the store fails. */
static int is_genuine(struct handling *h, const struct hook_arrival *arrival, bool *ret_later, struct err *err)
{
    int found = find_hook(h->hooks, arrival->pipeline, h->arena, &h->hook, err);
    *ret_later = false;
    if (found < 0) {
        return -1;
    }
    if (found == 0) {
        webhook_verify_nothing(h->request);
        return refuse(h, 401,
                      source_of(arrival->pipeline) != NULL
                          ? "config.yaml has no source of this name with a 'webhook'"
                          : "no pipeline in force has this name and an 'on: webhook'");
    }
    know_hook(h);
    if (arrival->from_page && h->hook.provider->scheme == WEBHOOK_SHOWS_NOTHING) {
        return refuse(h, 401, "a web page of somebody else sent it");
    }
    return check_signature(h, arrival->pipeline, h->now_ms, ret_later);
}

/* ---- what it says ----------------------------------------------------------------------------------------------- */

static struct trigger_event trigger_of(const struct handling *h, const char *key)
{
    return (struct trigger_event){
        .pipeline = h->row.pipeline,
        .kind = "webhook",
        .trigger_id = "webhook",
        .key = key,
        .event = h->event,
        .event_sha256 = h->row.body_sha256,
        .actor = text_of((struct handling *)(uintptr_t)h, "webhook %s", h->row.provider),
    };
}

/* The trigger has its outcome at once: it is none of the pipeline's. */
static int record_filtered(struct handling *h, const struct trigger_event *event, const char *reason, struct err *err)
{
    struct trigger_row row = {
        .pipeline = event->pipeline,
        .kind = event->kind,
        .trigger_id = event->trigger_id,
        .key = event->key,
        .occurrences = 1,
        .received_ms = h->now_ms,
        .event = "",
        .event_sha256 = event->event_sha256,
        .params = "{}",
        .chain = "[]",
        .actor = event->actor,
        .outcome = TRIGGER_FILTERED,
        .reason = reason,
        .settled_ms = h->now_ms,
    };
    if (store_trigger_insert(h->hooks->options.store, &row, err) < 0) {
        return -1;
    }
    h->row.trigger_row = row.id;
    return has_outcome(h, HOOK_IGNORED, 200, reason);
}

static int acknowledge(struct handling *h, struct trigger_event *event, const struct json *params, struct err *err)
{
    struct trigger_event known = *event;
    known.event = json_null(); /* its params say all: the body is kept only sealed */
    known.params = *params;
    int received = trigger_receive(h->hooks->options.store, &known, h->now_ms, h->arena, &h->row.trigger_row, err);
    return received < 0 ? -1 : has_outcome(h, HOOK_ACCEPTED, 202, "");
}

/* A push to a source has it fetched: twice does no harm. One of a branch that is not followed says nothing. */
static int look_into_source(struct handling *h, struct err *err)
{
    struct err wrong = {0};
    const struct source_spec *source = h->hook.source;
    struct source_row row;
    if (webhook_event_read(h->hook.provider, h->request, h->row.delivery_id, h->arena, &h->event, &wrong) < 0) {
        return has_outcome(h, HOOK_IGNORED, 200, text_of(h, "%s", wrong.message));
    }
    h->row.event_type = json_get_text(&h->event, "type", "");
    int found = store_source_find(h->hooks->options.store, source->name, h->arena, &row, err);
    if (found < 0) {
        return -1;
    }
    const char *branch = found == 1 ? row.at_branch : source->branch;
    const char *ref = json_get_text(json_get(&h->event, "body"), "ref", "");
    struct str pushed = str_from(ref);
    if (*branch != '\0' && str_starts(pushed, STR("refs/")) &&
        strcmp(ref, text_of(h, "refs/heads/%s", branch)) != 0) {
        return has_outcome(h, HOOK_IGNORED, 200, text_of(h, "it is about %s, and %s is followed", ref, branch));
    }
    struct job_row job = {.source = source->name,
                          .why = "webhook",
                          .actor = text_of(h, "webhook %s", h->row.provider),
                          .created_ms = h->now_ms};
    return store_job_want(h->hooks->options.store, &job, h->arena, err) < 0 ? -1
                                                                            : has_outcome(h, HOOK_ACCEPTED, 202, "");
}

/* A genuine one, by its key: an outcome, or -1 when the store fails. */
static int look_into(struct handling *h, const char *key, struct err *err)
{
    struct store *store = h->hooks->options.store;
    struct trigger_row earlier;
    struct json params;
    const char *reason = "";
    struct err wrong = {0};
    if (webhook_event_is_ping(h->hook.provider, h->request)) {
        return has_outcome(h, HOOK_IGNORED, 200, "a ping: its sender tries the way");
    }
    if (h->hook.source != NULL) {
        return look_into_source(h, err);
    }
    int there = store_trigger_find(store, h->row.pipeline, "webhook", "webhook", key, h->arena, &earlier, err);
    if (there < 0) {
        return -1;
    }
    if (there == 1) {
        h->row.trigger_row = earlier.id;
        return has_outcome(h, HOOK_DUPLICATE, 200, trigger_same_words(&earlier, h->arena));
    }
    if (webhook_event_read(h->hook.provider, h->request, h->row.delivery_id, h->arena, &h->event, &wrong) < 0) {
        return has_outcome(h, HOOK_IGNORED, 200, text_of(h, "%s", wrong.message));
    }
    h->row.event_type = json_get_text(&h->event, "type", "");
    struct trigger_event event = trigger_of(h, key);
    int wanted = trigger_read(h->hooks->options.triggers, &event, h->arena, &params, &reason, err);
    return wanted < 0    ? -1
           : wanted == 0 ? record_filtered(h, &event, reason, err)
                         : acknowledge(h, &event, &params, err);
}

/* ---- receiving -------------------------------------------------------------------------------------------------- */

static struct json answer_body(struct handling *h)
{
    struct json body = json_object();
    if (h->row.outcome == HOOK_REFUSED) {
        json_set(h->arena, &body, "error_code",
                 json_cstring(h->arena, h->row.status == 401 ? "UNAUTHENTICATED" : "TEMPORARILY_UNAVAILABLE"));
        json_set(h->arena, &body, "message",
                 json_cstring(h->arena, h->row.status == 401 ? "the delivery is not signed for a hook that is here"
                                                             : "the delivery cannot be verified now: try again"));
        return body;
    }
    json_set(h->arena, &body, "status", json_cstring(h->arena, hook_outcome_names[h->row.outcome]));
    json_set(h->arena, &body, "delivery", json_int(h->row.id));
    json_set(h->arena, &body, "delivery_id", json_cstring(h->arena, h->row.delivery_id));
    if (h->row.trigger_row != 0) {
        json_set(h->arena, &body, "trigger", json_int(h->row.trigger_row));
    }
    if (*h->row.reason != '\0') {
        json_set(h->arena, &body, "reason", json_cstring(h->arena, h->row.reason));
    }
    return body;
}

int hooks_receive(struct hooks *hooks, const struct hook_arrival *arrival, struct arena *arena,
                  struct hook_answer *ret, struct err *err)
{
    struct handling h = {.hooks = hooks, .arena = arena, .request = &arrival->request};
    bool later = false;
    begin(&h, arrival->pipeline, arrival->peer);
    int genuine = is_genuine(&h, arrival, &later, err);
    if (later) {
        return 1;
    }
    if (genuine < 0 || (genuine == 1 && look_into(&h, h.row.delivery_id, err) < 0) || record(&h, err) < 0) {
        return -1;
    }
    *ret = (struct hook_answer){.status = h.row.status, .body = answer_body(&h), .is_genuine = genuine == 1};
    return 0;
}

/* ---- again ------------------------------------------------------------------------------------------------------ */

static int read_kept(struct handling *h, const struct hook_delivery *kept, struct webhook_request *ret,
                     struct err *err)
{
    const struct hooks_options *options = &h->hooks->options;
    if (!kept->has_body) {
        return err_set(err, ERR_STATE, "the body of delivery %" PRId64 " is not kept%s", kept->id,
                       kept->outcome == HOOK_DUPLICATE ? ": it is a duplicate, of which the first may be replayed"
                                                       : "");
    }
    if (json_read(str_from(kept->headers), (struct json_limits){0}, h->arena, &ret->headers, err) < 0) {
        return -1;
    }
    return options->open(options->ctx, kept, h->arena, &ret->body, err) < 0
               ? err_add(err, "the body of delivery %" PRId64, kept->id)
               : 0;
}

/* It was refused, and is believed now: its signature is right by the secret of today, or somebody says so. */
static int believe(struct handling *h, const struct hook_delivery *kept, bool trust, struct err *err)
{
    bool later = false;
    if (trust) {
        const char *id = webhook_delivery_id(h->hook.provider, (struct str){0}, h->request, h->arena);
        struct id ours = id_run(&h->hooks->rng, h->now_ms);
        h->row.delivery_id = id != NULL ? id : arena_strdup(h->arena, ours.text);
        return 0;
    }
    if (check_signature(h, kept->pipeline, kept->received_ms, &later) == 1) {
        return 0;
    }
    return later ? err_set(err, ERR_STATE, "its secret is asked of a command: try again in a moment")
                 : err_set(err, ERR_STATE, "delivery %" PRId64 " was refused, and is not genuine by today's secret "
                                           "either: %s (--trust, or \"trust\" over REST, replays it all the "
                                           "same)", kept->id, h->row.reason);
}

static int note_replay(struct handling *h, const struct hook_delivery *kept, struct err *err)
{
    struct activity activity = {
        .at_ms = h->now_ms,
        .actor = h->row.actor,
        .action = "delivery.replayed",
        .object = text_of(h, "delivery %" PRId64 " of %s", kept->id, kept->pipeline),
        .object_id = kept->pipeline,
        .from_state = hook_outcome_names[kept->outcome],
        .to_state = hook_outcome_names[h->row.outcome],
        .reason = h->row.reason,
        .evidence_sha256 = h->row.body_sha256,
    };
    return store_activity_append(h->hooks->options.store, &activity, err);
}

static int replay_within(struct handling *h, const struct hook_replay *replay, struct err *err)
{
    struct hook_delivery kept;
    struct webhook_request request;
    if (store_hook_delivery_get(h->hooks->options.store, replay->id, h->arena, &kept, err) < 0 ||
        read_kept(h, &kept, &request, err) < 0) {
        return -1;
    }
    h->request = &request;
    begin(h, kept.pipeline, kept.peer);
    int found = find_hook(h->hooks, kept.pipeline, h->arena, &h->hook, err);
    if (found <= 0) {
        return found < 0 ? -1
                         : err_set(err, ERR_STATE, "%s '%s' is not in force, or has no webhook",
                                   source_of(kept.pipeline) != NULL ? "the source" : "pipeline", kept.pipeline);
    }
    know_hook(h);
    h->row.delivery_id = kept.delivery_id;
    h->row.replay_of = kept.id;
    h->row.actor = replay->actor;
    if (kept.outcome == HOOK_REFUSED && believe(h, &kept, replay->trust, err) < 0) {
        return -1;
    }
    struct id once = id_run(&h->hooks->rng, h->now_ms);
    if (look_into(h, text_of(h, "%s replay %s", h->row.delivery_id, once.text), err) < 0) {
        return -1;
    }
    h->row.status = 0;
    return record(h, err) < 0 || note_replay(h, &kept, err) < 0 ? -1 : 0;
}

struct replaying {
    struct hooks *hooks;
    struct hook_replay *replay;
};

static int replay_in_turn(void *ctx, struct engine *engine, struct err *err)
{
    struct replaying *r = ctx;
    struct handling h = {.hooks = r->hooks, .arena = r->replay->arena};
    if (engine_write(engine, err) < 0 || replay_within(&h, r->replay, err) < 0) {
        return -1;
    }
    r->replay->replayed = h.row.id;
    if (r->replay->outcome != NULL) {
        *r->replay->outcome = answer_body(&h);
    }
    return 0;
}

int hooks_replay(struct hooks *hooks, struct engine *engine, struct hook_replay *replay, struct err *err)
{
    struct replaying r = {hooks, replay};
    return engine_command(engine, replay_in_turn, &r, err);
}
