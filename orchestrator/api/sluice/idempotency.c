/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sluice/idempotency.h"

#include "api/answers.h"
#include "api/sluice/rest.h"
#include "base/mem.h"
#include "digest/digest.h"
#include "store/idempotency.h"

#include <stdlib.h>

struct idempotency_key {
    char *actor, *key;
    struct digest digest;
    bool lasts; /* it is in the list of those that are being answered, and lives by itself */
    struct idempotency_key *next;
};

/* ---- the header ------------------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_.:/+=-", c) != NULL;
}

/* A string of RFC 8941 ("...": '\' stands only before '"' and '\'), or a bare word, as many clients write it: what
 * IDEMPOTENCY_KEY_PATTERN says. */
static int read_key(struct str text, struct arena *arena, const char **ret, struct err *err)
{
    bool quoted = text.n >= 3 && text.p[0] == '"' && text.p[text.n - 1] == '"';
    struct str inner = quoted ? str_slice(text, 1, text.n - 1) : text;
    char *key = arena_array(arena, inner.n + 1, 1);
    bool good = inner.n > 0 && text.n <= IDEMPOTENCY_KEY_MAX;
    size_t n = 0;
    for (size_t i = 0; good && i < inner.n; i++) {
        char c = inner.p[i];
        if (quoted && c == '\\') {
            good = ++i < inner.n && (inner.p[i] == '"' || inner.p[i] == '\\');
            c = good ? inner.p[i] : c;
        } else {
            good = quoted ? c >= ' ' && c <= '~' && c != '"' : is_word(c);
        }
        key[n++] = c;
    }
    if (!good) {
        return err_set(err, ERR_INPUT,
                       "Idempotency-Key: expected a string in double quotes, with them at most %d printable characters",
                       IDEMPOTENCY_KEY_MAX);
    }
    *ret = key;
    return 0;
}

/* Of all that the request says, as it was understood. */
static struct digest digest_of(const struct api_call *call, const struct api_route *route)
{
    struct digest_builder *builder = digest_builder_new();
    struct strbuf text;
    strbuf_init(&text, SIZE_MAX >> 1);
    json_write_canonical(&text, &call->params);
    digest_builder_add(builder, str_from(call->exchange->method_name));
    digest_builder_add(builder, str_from(route->path));
    digest_builder_add(builder, strbuf_str(&text));
    strbuf_clear(&text);
    return digest_builder_take(builder);
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static bool is_in_use(struct api_call *call, const char *actor, const char *key)
{
    for (const struct idempotency_key *one = *api_keys(call->api); one != NULL; one = one->next) {
        if (strcmp(one->actor, actor) == 0 && strcmp(one->key, key) == 0) {
            return true;
        }
    }
    return false;
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}

static struct idempotency_key *new_key(struct api_call *call, const char *key, const struct digest *digest, bool lasts)
{
    if (!lasts) {
        struct idempotency_key *brief = arena_one(call->arena, struct idempotency_key);
        *brief = (struct idempotency_key){
            .actor = arena_strdup(call->arena, rest_actor(call)), .key = arena_strdup(call->arena, key), *digest};
        return brief;
    }
    struct idempotency_key *kept = mem_alloc(sizeof *kept);
    *kept = (struct idempotency_key){.actor = copy(rest_actor(call)),
                                     .key = copy(key),
                                     .digest = *digest,
                                     .lasts = true,
                                     .next = *api_keys(call->api)};
    *api_keys(call->api) = kept;
    return kept;
}

void idempotency_release(struct api *api, struct idempotency_key *key)
{
    struct idempotency_key **at = api_keys(api);
    if (key == NULL || !key->lasts) {
        return;
    }
    while (*at != key) {
        at = &(*at)->next;
    }
    *at = key->next;
    free(key->actor);
    free(key->key);
    free(key);
}

static void answer_again(struct api_call *call, const struct idempotent *known)
{
    struct http_answer answer = {.status = (int)known->status,
                                 .content_type = "application/json",
                                 .fd = -1,
                                 .headers = {{"Idempotency-Replayed", "true"}}};
    strbuf_init(&answer.body, SIZE_MAX >> 1);
    strbuf_add_text(&answer.body, known->answer);
    http_answer(call->exchange, &answer);
}

int idempotency_begin(struct api_call *call, const struct api_route *route, bool lasts, struct err *err)
{
    struct str header = str_trim(http_header(call->exchange, "Idempotency-Key"));
    struct idempotent known;
    const char *key = NULL;
    if (!http_has_header(call->exchange, "Idempotency-Key")) {
        return 0;
    }
    if (read_key(header, call->arena, &key, err) < 0) {
        call->status = 400;
        return -1;
    }
    struct digest digest = digest_of(call, route);
    if (is_in_use(call, rest_actor(call), key)) {
        return err_set(err, ERR_EXISTS, "Idempotency-Key: the request with this key is being answered still");
    }
    int found = store_idempotent_get(call->store, rest_actor(call), key, call->now_ms, call->arena, &known, err);
    if (found == 1 && strcmp(known.request_sha256, digest.hex) != 0) {
        return err_set(err, ERR_INPUT, "Idempotency-Key: another request had this key");
    }
    if (found == 1) {
        answer_again(call, &known);
        return 1;
    }
    call->key = found < 0 ? NULL : new_key(call, key, &digest, lasts);
    return found;
}

int idempotency_keep(struct api_call *call, struct err *err)
{
    struct idempotent row = {
        .actor = call->key->actor,
        .key = call->key->key,
        .request_sha256 = call->key->digest.hex,
        .status = call->status == 0 ? 200 : call->status,
        .answer = json_text(call->arena, &call->answer).p,
        .created_ms = call->now_ms,
    };
    return store_idempotent_put(call->store, &row, err);
}
