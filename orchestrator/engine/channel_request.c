/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/channel_request.h"

#include "crypto/password.h"
#include "crypto/signature.h"
#include "engine/engine_internal.h"
#include "engine/telling_text.h"
#include "store/mail_addresses.h"

#include <string.h>

enum { TIMEOUT_MS = 30000, ANSWER_MAX_BYTES = 64 << 10, KEY_LEAST = 24, KEY_MOST = 64 };

/* --- when --------------------------------------------------------------------------------------------------------- */

int64_t channel_next_ms(int64_t since_ms, int64_t now_ms, int64_t tries, int64_t first_ms, double chance)
{
    static const int64_t minute = 60000;
    static const int64_t offsets[] = {0,          5000,       5 * minute,   30 * minute,  120 * minute,
                                      300 * minute, 600 * minute, 840 * minute, 1200 * minute, 1440 * minute};
    const int64_t count = sizeof offsets / sizeof offsets[0];
    double scale = first_ms == 0 ? 1.0 : (double)first_ms / (double)offsets[1];
    while (tries < count) {
        double gap = (double)(offsets[tries] - offsets[tries - 1]) * scale;
        double at = (double)offsets[tries] * scale + gap * (chance - 0.5) / 5;
        int64_t next_ms = since_ms + (int64_t)at;
        if (next_ms > now_ms) {
            return next_ms;
        }
        tries++; /* a try took longer, or nobody was there to make it: that time has passed */
    }
    return 0;
}

/* --- secrets ------------------------------------------------------------------------------------------------------ */

/* As engine_options.secret has it. */
static int read_secret(struct engine *engine, const struct delivery *delivery, struct str name, struct str *ret,
                       struct err *err)
{
    if (engine->options.secret == NULL) {
        return err_set(err, ERR_STATE, "there are no secrets here");
    }
    return engine->options.secret(engine->options.secret_ctx, -delivery->id, name, NULL, engine->turn, ret, err);
}

/* What stands in config.yaml, or in the secret that it names. */
static int read_url(struct engine *engine, const struct channel *channel, const struct delivery *delivery,
                    struct str *ret, struct err *err)
{
    *ret = channel->url;
    return channel->url_secret.n == 0 ? 0 : read_secret(engine, delivery, channel->url_secret, ret, err);
}

static int add_signature(const struct str secret, const struct str *parts, size_t part_count, struct arena *arena,
                         const char **words, struct err *err)
{
    static const struct str prefix = {"whsec_", 6};
    char key[KEY_MOST];
    char base64[45];
    unsigned char sum[SIGNATURE_HMAC_BYTES];
    size_t size = 0;
    struct str used = secret;
    if (str_starts(secret, prefix)) {
        if (password_from_base64(str_slice(secret, prefix.n, secret.n), key, sizeof key, &size) < 0 ||
            size < KEY_LEAST) {
            return err_set(err, ERR_STATE, "what signs is none of Standard Webhooks: expected 'whsec_' and %d to %d "
                                           "bytes in base64", KEY_LEAST, KEY_MOST);
        }
        used = (struct str){key, size};
    }
    digest_hmac_bytes(used, parts, part_count, sum);
    signature_to_base64(sum, base64);
    explicit_bzero(key, sizeof key);
    *words = arena_printf(arena, "%s%sv1,%s", *words, **words == '\0' ? "" : " ", base64);
    return 0;
}

int channel_signature(const struct str *secrets, size_t count, const char *id, const char *timestamp, struct str body,
                      struct arena *arena, const char **ret, struct err *err)
{
    const struct str parts[] = {str_from(id), STR("."), str_from(timestamp), STR("."), body};
    *ret = "";
    for (size_t i = 0; i < count; i++) {
        if (add_signature(secrets[i], parts, sizeof parts / sizeof parts[0], arena, ret, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void add_text(struct arena *arena, struct json *object, const char *name, const char *value)
{
    json_add(arena, object, name, json_cstring(arena, value));
}

static int sign(struct engine *engine, const struct channel *channel, const struct delivery *delivery,
                const char *timestamp, struct json *headers, struct err *err)
{
    struct str secrets[CHANNEL_SECRETS];
    const char *signature = NULL;
    for (size_t i = 0; i < channel->secret_count; i++) {
        int result = read_secret(engine, delivery, channel->secrets[i], &secrets[i], err);
        if (result != 0) {
            return result;
        }
    }
    if (channel_signature(secrets, channel->secret_count, delivery->delivery_id, timestamp, str_from(delivery->body),
                          engine->turn, &signature, err) < 0) {
        return -1;
    }
    if (channel->secret_count > 0) {
        add_text(engine->turn, headers, "webhook-signature", signature);
    }
    for (size_t i = 0; i < channel->secret_count; i++) {
        explicit_bzero((char *)(uintptr_t)secrets[i].p, secrets[i].n);
    }
    return 0;
}

static int read_event(const struct delivery *delivery, struct arena *arena, struct json *ret, struct err *err)
{
    return json_read(str_from(delivery->body), (struct json_limits){0}, arena, ret, err);
}

/* What asks somebody whether he wants mail has a link, which the outbox does not keep. */
static int add_link(struct engine *engine, const struct delivery *delivery, struct json *event, struct err *err)
{
    const char *url = engine->options.telling.external_url;
    const struct json *data = json_get(event, "data");
    char token[MAIL_CONFIRM_TOKEN_BYTES];
    if (strcmp(delivery->event, MAIL_CONFIRM_EVENT) != 0) {
        return 0;
    }
    if (url == NULL) {
        return err_set(err, ERR_STATE, "config.yaml does not say what links begin with ('external_url')");
    }
    if (store_mail_address_token(engine->options.store, json_get_int(data, "confirmation", 0), token, err) < 0) {
        return -1;
    }
    struct json whole = *data;
    json_set(engine->turn, &whole, "url",
             json_cstring(engine->turn, arena_printf(engine->turn, "%s" MAIL_CONFIRM_PATH "%s", url, token)));
    json_set(engine->turn, event, "data", whole);
    return 0;
}

static int post(struct engine *engine, const struct channel *channel, const struct delivery *delivery, struct str url,
                int64_t now_ms, struct json *ret, struct err *err)
{
    struct arena *arena = engine->turn;
    struct json headers = json_object();
    const char *timestamp = arena_printf(arena, "%lld", (long long)(now_ms / 1000));
    const char *body = delivery->body;
    struct json event;
    add_text(arena, &headers, "Content-Type", "application/json");
    add_text(arena, &headers, "User-Agent", "sluice/" SLUICE_VERSION);
    if (channel->kind == CHANNEL_SLACK) {
        if (read_event(delivery, arena, &event, err) < 0) {
            return -1;
        }
        body = telling_slack(&event, arena);
    } else {
        add_text(arena, &headers, "webhook-id", delivery->delivery_id);
        add_text(arena, &headers, "webhook-timestamp", timestamp);
        int signed_ = sign(engine, channel, delivery, timestamp, &headers, err);
        if (signed_ != 0) {
            return signed_;
        }
    }
    add_text(arena, ret, "method", "POST");
    json_add(arena, ret, "url", json_string(arena, url));
    json_add(arena, ret, "headers", headers);
    add_text(arena, ret, "body", body);
    json_add(arena, ret, "max_bytes", json_int(ANSWER_MAX_BYTES));
    json_add(arena, ret, "follow", json_int(0));
    json_add(arena, ret, "only_status", json_bool(true));
    return 0;
}

static int mail(struct engine *engine, const struct channel *channel, const struct delivery *delivery, struct str url,
                struct json *ret, struct err *err)
{
    struct arena *arena = engine->turn;
    struct str password = {0};
    struct json event;
    struct json object = json_object();
    struct json to = json_array();
    const struct str subscriber = str_from(delivery->address);
    struct telling_mail head = {
        .from = channel->from,
        .to = subscriber.n > 0 ? &subscriber : channel->to,
        .to_count = subscriber.n > 0 ? 1 : channel->to_count,
        .delivery_id = delivery->delivery_id,
        .at_ms = delivery->created_ms,
    };
    int read = channel->password_secret.n == 0
                   ? 0
                   : read_secret(engine, delivery, channel->password_secret, &password, err);
    if (read != 0 || read_event(delivery, arena, &event, err) < 0 || add_link(engine, delivery, &event, err) < 0) {
        return read != 0 ? read : -1;
    }
    for (size_t i = 0; i < head.to_count; i++) {
        json_push(arena, &to, json_string(arena, head.to[i]));
    }
    json_add(arena, &object, "from", json_string(arena, channel->from));
    json_add(arena, &object, "to", to);
    add_text(arena, &object, "text", telling_mail(&event, &head, arena));
    json_add(arena, &object, "tls", json_bool(!channel->plain));
    if (channel->user.n > 0) {
        json_add(arena, &object, "user", json_string(arena, channel->user));
        json_add(arena, &object, "password", json_string(arena, password));
        explicit_bzero((char *)(uintptr_t)password.p, password.n);
    }
    json_add(arena, ret, "url", json_string(arena, url));
    json_add(arena, ret, "mail", object);
    return 0;
}

int channel_request(struct engine *engine, const struct channel *channel, const struct delivery *delivery,
                    int64_t now_ms, struct json *ret, struct err *err)
{
    struct str url = {0};
    int result = read_url(engine, channel, delivery, &url, err);
    *ret = json_object();
    if (result != 0) {
        return result;
    }
    result = channel->kind == CHANNEL_EMAIL ? mail(engine, channel, delivery, url, ret, err)
                                            : post(engine, channel, delivery, url, now_ms, ret, err);
    if (result != 0) {
        return result;
    }
    json_add(engine->turn, ret, "timeout_ms", json_int(TIMEOUT_MS));
    json_add(engine->turn, ret, "policy", webhook_policy_json(&engine->options.webhooks, engine->turn));
    return 0;
}
