/* SPDX-License-Identifier: Apache-2.0
 * Senders of webhooks: what each has published of its signatures, and what is not a signature.
 */
#include "crypto/signature.h"
#include "test.h"
#include "trigger/webhook_verify.h"

#include <inttypes.h>

enum { HEADERS = 4 };

/* GitHub, "Validating webhook deliveries". */
#define GITHUB_SECRET "It's a Secret to Everybody"
#define GITHUB_SIGNATURE "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
/* Atlassian, "Manage webhooks". */
#define ATLASSIAN_SIGNATURE "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
/* The vector of Standard Webhooks' own libraries. */
#define STANDARD_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define STANDARD_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STANDARD_BODY "{\"test\": 2432232314}"
#define STANDARD_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
/* The same signed by the first key of RFC 8032, 7.1. */
#define PUBLIC_KEY "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define PUBLIC_SIGNATURE "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbzEHoVmAb2ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw=="
#define WRONG_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="
#define STANDARD_TIME INT64_C(1614265330)

struct delivery {
    const char *provider, *secret, *body;
    struct {
        const char *name, *value;
    } headers[HEADERS];
    int64_t now_s; /* 0: STANDARD_TIME */
    const char *words; /* of the refusal; NULL: it is genuine */
};

static const struct delivery deliveries[] = {
    {"github", GITHUB_SECRET, "Hello, World!", {{"x-hub-signature-256", GITHUB_SIGNATURE}}, 0, NULL},
    {"github", GITHUB_SECRET, "Hello, World?", {{"x-hub-signature-256", GITHUB_SIGNATURE}}, 0, "not that of this body"},
    {"github", GITHUB_SECRET, "Hello, World!\n", {{"x-hub-signature-256", GITHUB_SIGNATURE}}, 0, "not that of this"},
    {"github", "it's a Secret to Everybody", "Hello, World!", {{"x-hub-signature-256", GITHUB_SIGNATURE}}, 0, "not"},
    {"github", GITHUB_SECRET, "Hello, World!", {{0}}, 0, "x-hub-signature-256 is missing"},
    {"github", GITHUB_SECRET, "Hello, World!", {{"x-hub-signature", GITHUB_SIGNATURE}}, 0, "is missing"},
    {"github", GITHUB_SECRET, "Hello, World!", {{"x-hub-signature-256", "sha256="}}, 0, "found 0 characters"},
    {"github", GITHUB_SECRET, "Hello, World!", {{"x-hub-signature-256", ""}}, 0, "does not begin with 'sha256='"},
    {"github", GITHUB_SECRET, "Hello, World!", {{"x-hub-signature-256", "sha1=0102"}}, 0, "does not begin with"},
    {"github", GITHUB_SECRET, "Hello, World!", {{"x-hub-signature-256", GITHUB_SIGNATURE ", " GITHUB_SIGNATURE}}, 0,
     "no signature"},
    {"github", GITHUB_SECRET, "Hello, World!",
     {{"x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1g"}}, 0,
     "is no signature"},
    {"github", "", "Hello, World!",
     {{"x-hub-signature-256", "sha256=aaaa"}}, 0, "the secret is empty"},

    {"bitbucket", GITHUB_SECRET, "Hello World!", {{"x-hub-signature", ATLASSIAN_SIGNATURE}}, 0, NULL},
    {"bitbucket", GITHUB_SECRET, "Hello World!", {{"x-hub-signature-256", ATLASSIAN_SIGNATURE}}, 0, "is missing"},
    {"bitbucket", GITHUB_SECRET, "Hello World", {{"x-hub-signature", ATLASSIAN_SIGNATURE}}, 0, "not that of"},

    {"gitea", GITHUB_SECRET, "Hello, World!", {{"x-gitea-signature", &GITHUB_SIGNATURE[7]}}, 0, NULL},
    {"gitea", GITHUB_SECRET, "Hello, World!", {{"x-forgejo-signature", &GITHUB_SIGNATURE[7]}}, 0, NULL},
    {"gitea", GITHUB_SECRET, "Hello, World!", {{"x-hub-signature-256", GITHUB_SIGNATURE}}, 0, NULL},
    {"gitea", GITHUB_SECRET, "Hello, World!", {{"x-gitea-signature", GITHUB_SIGNATURE}}, 0, "is no signature"},
    {"gitea", GITHUB_SECRET, "Hello, World!", /* a bad one is not made good by another */
     {{"x-gitea-signature", &ATLASSIAN_SIGNATURE[7]}, {"x-hub-signature-256", GITHUB_SIGNATURE}}, 0, "not that of"},
    {"gitea", GITHUB_SECRET, "Hello, World!", /* as a Gitea sends it that was given no secret */
     {{"x-gitea-signature", ""}, {"x-hub-signature-256", "sha256="}}, 0, "found 0 characters"},

    {"gitlab", "a token of GitLab", "{}", {{"x-gitlab-token", "a token of GitLab"}}, 0, NULL},
    {"gitlab", "a token of GitLab", "{}", {{"x-gitlab-token", "a token of GitLaB"}}, 0, "is not the secret"},
    {"gitlab", "a token of GitLab", "{}", {{"x-gitlab-token", "a token of GitLab "}}, 0, "is not the secret"},
    {"gitlab", "a token of GitLab", "{}", {{"x-gitlab-token", ""}}, 0, "is not the secret"},
    {"gitlab", "a token of GitLab", "{}", {{0}}, 0, "x-gitlab-token is missing"},
    {"gitlab", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0,
     NULL},
    {"gitlab", STANDARD_SECRET, STANDARD_BODY, /* the key itself is never shown by who signs with it */
     {{"x-gitlab-token", STANDARD_SECRET}}, 0, "webhook-signature is missing"},

    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0,
     NULL},
    {"standard", &STANDARD_SECRET[6], STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0,
     NULL},
    {"standard", STANDARD_SECRET, STANDARD_BODY, /* several: the sender changes his key */
     {{"webhook-id", STANDARD_ID},
      {"webhook-timestamp", "1614265330"},
      {"webhook-signature", WRONG_SIGNATURE " v2,x " PUBLIC_SIGNATURE " " STANDARD_SIGNATURE}},
     0, NULL},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", WRONG_SIGNATURE}}, 0,
     "no signature"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID},
      {"webhook-timestamp", "1614265330"},
      {"webhook-signature", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}},
     0, "no signature"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265331"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0,
     "no signature"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", "msg_other"}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0,
     "no signature"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0, "webhook-id is missing"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-signature", STANDARD_SIGNATURE}}, 0, "webhook-timestamp is missing"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}}, 0, "webhook-signature is missing"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "hello"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0,
     "holds no time"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}},
     STANDARD_TIME + 300, NULL},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}},
     STANDARD_TIME + 301, "301 s ago"},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}},
     STANDARD_TIME - 300, NULL},
    {"standard", STANDARD_SECRET, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}},
     STANDARD_TIME - 301, "301 s to come"},
    {"standard", PUBLIC_KEY, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", PUBLIC_SIGNATURE}}, 0,
     NULL},
    {"standard", PUBLIC_KEY, STANDARD_BODY,
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", STANDARD_SIGNATURE}}, 0,
     "no signature"},
    {"standard", PUBLIC_KEY, "{\"test\": 2432232315}",
     {{"webhook-id", STANDARD_ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", PUBLIC_SIGNATURE}}, 0,
     "no signature"},
    {"standard", "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcH", STANDARD_BODY,
     {{"webhook-signature", PUBLIC_SIGNATURE}}, 0, "is no public key"},
    {"standard", "whsec_!", STANDARD_BODY, {{"webhook-signature", STANDARD_SIGNATURE}}, 0, "none of Standard Webhooks"},
    {"standard", "whsec_c2hvcnQ=", STANDARD_BODY, {{"webhook-signature", STANDARD_SIGNATURE}}, 0, "at least 24 bytes"},
    {"standard", "no base64, but long enough", STANDARD_BODY, {{"webhook-signature", STANDARD_SIGNATURE}}, 0, "none"},

    {"mlflow", "a secret of MLflow", "{}",
     {{"x-mlflow-delivery-id", "7d0c"},
      {"x-mlflow-timestamp", "1614265330"},
      {"x-mlflow-signature", "v1,Gh69qaqTbLYEvMxyVAgEvgZkW5t06bRsVzzXVZHMW6Q="}},
     0, NULL},
    {"mlflow", "a secret of MLflow", "{ }",
     {{"x-mlflow-delivery-id", "7d0c"},
      {"x-mlflow-timestamp", "1614265330"},
      {"x-mlflow-signature", "v1,Gh69qaqTbLYEvMxyVAgEvgZkW5t06bRsVzzXVZHMW6Q="}},
     0, "no signature"},

    {"bearer", "a token of ours", "{}", {{"authorization", "Bearer a token of ours"}}, 0, NULL},
    {"bearer", "a token of ours", "{}", {{"authorization", "bearer a token of ours"}}, 0, NULL},
    {"bearer", "a token of ours", "{}", {{"authorization", "Bearer a token of hers"}}, 0, "is not the secret"},
    {"bearer", "a token of ours", "{}", {{"authorization", "Bear"}}, 0, "begin with 'Bearer '"},
    {"bearer", "a token of ours", "{}", {{"authorization", "Basic a token of ours"}}, 0, "begin with 'Bearer '"},
    {"bearer", "a token of ours", "{}", {{0}}, 0, "authorization is missing"},
    {"none", "", "anything", {{0}}, 0, NULL},
};

static struct webhook_request request_of(const struct delivery *delivery, struct arena *arena)
{
    struct webhook_request request = {.headers = json_object(), .body = str_from(delivery->body)};
    for (size_t i = 0; i < HEADERS && delivery->headers[i].name != NULL; i++) {
        json_set(arena, &request.headers, delivery->headers[i].name, json_cstring(arena, delivery->headers[i].value));
    }
    return request;
}

TEST(deliveries_are_genuine_or_refused_in_words)
{
    for (size_t i = 0; i < sizeof deliveries / sizeof deliveries[0]; i++) {
        const struct delivery *delivery = &deliveries[i];
        const struct webhook_provider *provider = webhook_provider_named(str_from(delivery->provider));
        struct arena *arena = arena_new();
        struct webhook_request request = request_of(delivery, arena);
        struct err err = {0};
        int64_t time_ms = -1;
        int64_t now_s = delivery->now_s == 0 ? STANDARD_TIME : delivery->now_s;
        assert_non_null(provider);
        int result = webhook_verify(provider, str_from(delivery->secret), &request, now_s * 1000 + 999, &time_ms, &err);
        if (delivery->words == NULL) {
            assert_int_equal(result, 0);
            bool stamped = json_get(&request.headers, "webhook-timestamp") != NULL ||
                           json_get(&request.headers, "x-mlflow-timestamp") != NULL;
            assert_int_equal(time_ms, stamped ? STANDARD_TIME * 1000 : 0);
        } else {
            assert_int_equal(result, -1);
            if (strstr(err.message, delivery->words) == NULL) {
                fail_msg("case %zu: '%s' has no '%s'", i, err.message, delivery->words);
            }
            assert_true(*delivery->secret == '\0' || strstr(err.message, delivery->secret) == NULL);
            bool is_key = strstr(err.message, "the secret is ") != NULL;
            assert_int_equal(err.code, is_key ? ERR_STATE : ERR_DENIED);
        }
        arena_free(arena);
    }
}

/* No bit of a signature, of an id or of a body can be another. */
TEST(a_delivery_with_one_bit_changed_is_refused)
{
    const struct webhook_provider *provider = webhook_provider_named(STR("standard"));
    char body[] = STANDARD_BODY, id[] = STANDARD_ID, signature[] = STANDARD_SIGNATURE;
    const struct {
        char *text;
        size_t size;
    } parts[] = {{body, sizeof body - 1}, {id, sizeof id - 1}, {signature, sizeof signature - 1}};
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        for (size_t bit = 0; bit < 8 * parts[p].size; bit++) {
            struct arena *arena = arena_new();
            int64_t time_ms = 0;
            parts[p].text[bit / 8] = (char)(parts[p].text[bit / 8] ^ (1 << bit % 8));
            struct delivery changed = {.body = body,
                                       .headers = {{"webhook-id", id},
                                                   {"webhook-timestamp", "1614265330"},
                                                   {"webhook-signature", signature}}};
            struct webhook_request request = request_of(&changed, arena);
            if (webhook_verify(provider, STR(STANDARD_SECRET), &request, STANDARD_TIME * 1000, &time_ms, NULL) == 0) {
                fail_msg("bit %zu of part %zu", bit, p);
            }
            parts[p].text[bit / 8] = (char)(parts[p].text[bit / 8] ^ (1 << bit % 8));
            arena_free(arena);
        }
    }
}

/* "a.7" at 8 with "b" and "a" at 7 with "8.b" are the same bytes, and one of them is forged. */
TEST(an_id_cannot_run_into_the_time)
{
    struct arena *arena = arena_new();
    struct delivery delivery = {.body = "b", .headers = {{"webhook-id", "a.7"}, {"webhook-timestamp", "8"}, {0}, {0}}};
    unsigned char hash[SIGNATURE_HMAC_BYTES];
    struct str text = STR("a.7.8.b");
    struct webhook_request request = request_of(&delivery, arena);
    struct err err = {0};
    int64_t time_ms = 0;
    digest_hmac_bytes(STR("123456789012345678901234"), &text, 1, hash);
    /* base64 of the key and of that */
    json_set(arena, &request.headers, "webhook-signature",
             json_cstring(arena, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    assert_int_equal(webhook_verify(webhook_provider_named(STR("standard")),
                                    STR("whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"), &request, 8000, &time_ms, &err), -1);
    assert_non_null(strstr(err.message, "holds a '.'"));
    arena_free(arena);
}

static const char *id_of(struct arena *arena, const char *provider, const char *secret, const char *name,
                         const char *value)
{
    struct delivery delivery = {.body = "Hello, World!", .headers = {{name, value}}};
    struct webhook_request request = request_of(&delivery, arena);
    return webhook_delivery_id(webhook_provider_named(str_from(provider)), str_from(secret), &request, arena);
}

TEST(each_sender_has_its_ids)
{
    struct arena *arena = arena_new();
    assert_string_equal(id_of(arena, "github", "s", "x-github-delivery", "72d3162e"), "72d3162e");
    assert_string_equal(id_of(arena, "gitlab", "s", "x-gitlab-event-uuid", "e"), "e");
    assert_string_equal(id_of(arena, "gitlab", "s", "idempotency-key", "k"), "k");
    assert_string_equal(id_of(arena, "gitlab", "whsec_x", "webhook-id", "w"), "w");
    assert_null(id_of(arena, "gitlab", "whsec_x", "idempotency-key", "k")); /* that is not signed */
    assert_string_equal(id_of(arena, "gitea", "s", "x-gitea-delivery", "g"), "g");
    assert_string_equal(id_of(arena, "bitbucket", "s", "x-request-uuid", "b"), "b");
    assert_string_equal(id_of(arena, "standard", "s", "webhook-id", "msg_1"), "msg_1");
    assert_string_equal(id_of(arena, "mlflow", "s", "x-mlflow-delivery-id", "m"), "m");
    assert_string_equal(id_of(arena, "bearer", "s", "idempotency-key", "i"), "i");
    /* nobody says one: the body that is signed is all that is known, and a token says nothing of it */
    const char *of_body = "body:dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f";
    assert_string_equal(id_of(arena, "github", "s", "x-github-event", "push"), of_body);
    assert_string_equal(id_of(arena, "github", "s", "x-github-delivery", ""), of_body);
    assert_null(id_of(arena, "bearer", "s", "x", "y"));
    assert_null(id_of(arena, "none", "", "x", "y"));
    char text[WEBHOOK_ID_MAX + 2];
    memset(text, 'i', sizeof text);
    text[WEBHOOK_ID_MAX + 1] = '\0';
    assert_memory_equal(id_of(arena, "github", "s", "x-github-delivery", text), "sha256:", 7);
    text[WEBHOOK_ID_MAX] = '\0';
    assert_string_equal(id_of(arena, "github", "s", "x-github-delivery", text), text);
    arena_free(arena);
}

TEST(headers_with_secrets_are_told_apart)
{
    assert_false(webhook_header_is_plain(STR("authorization")));
    assert_false(webhook_header_is_plain(STR("x-gitlab-token")));
    assert_false(webhook_header_is_plain(STR("cookie")));
    assert_true(webhook_header_is_plain(STR("x-hub-signature-256")));
    assert_null(webhook_provider_named(STR("githubs")));
    assert_null(webhook_provider_named(STR("")));
}

TEST(ed25519_agrees_with_rfc_8032)
{
    static const unsigned char key[] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
                                        0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
                                        0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
    unsigned char signature[SIGNATURE_ED25519_BYTES];
    static const char first[] = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155";
    static const char second[] = "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    assert_true(signature_from_hex(STR(first), signature));
    assert_true(signature_from_hex(STR(second), signature + 32));
    const struct str nothing[] = {{0}, {0}};
    assert_true(signature_ed25519(key, nothing, 2, signature));
    assert_true(signature_ed25519(key, NULL, 0, signature));
    const struct str something[] = {{0}, STR(" ")};
    assert_false(signature_ed25519(key, something, 2, signature));
    signature[63] ^= 1;
    assert_false(signature_ed25519(key, nothing, 2, signature));
}

TESTS(RUN(deliveries_are_genuine_or_refused_in_words), RUN(a_delivery_with_one_bit_changed_is_refused),
      RUN(an_id_cannot_run_into_the_time), RUN(each_sender_has_its_ids), RUN(headers_with_secrets_are_told_apart),
      RUN(ed25519_agrees_with_rfc_8032))
