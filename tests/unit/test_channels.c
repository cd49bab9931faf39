/* SPDX-License-Identifier: Apache-2.0
 * Channels: what is sent to them, how it is signed, when it is tried again, and who hears of what.
 */
#include "base/mail_address.h"
#include "base/utf8.h"
#include "engine/channel_request.h"
#include "engine/deliveries.h"
#include "engine/telling_text.h"
#include "store/activity.h"
#include "store/events.h"
#include "store/model_subscriptions.h"
#include "store/registry.h"
#include "store/stmt.h"
#include "store_fixture.h"

/* ---- when ------------------------------------------------------------------------------------------------------- */

TEST(a_channel_is_tried_for_a_day)
{
    static const int64_t minute = 60000;
    const int64_t expected[] = {5000,         5 * minute,   30 * minute,  120 * minute, 300 * minute,
                                600 * minute, 840 * minute, 1200 * minute, 1440 * minute, 0};
    for (int64_t tries = 1; tries <= 10; tries++) {
        int64_t at = expected[tries - 1];
        assert_int_equal(channel_next_ms(1000, 1000, tries, 0, 0.5), at == 0 ? 0 : 1000 + at);
    }
    /* Never before now: what took long, or was not tried since nobody was there, goes on where the time is. */
    assert_int_equal(channel_next_ms(0, 29 * minute, 1, 0, 0.5), 30 * minute);
    assert_int_equal(channel_next_ms(0, 1440 * minute, 1, 0, 0.5), 0);
    assert_int_equal(channel_next_ms(0, 0, 2, 50, 0.5), 3 * 1000);
}

TEST(tries_are_spread)
{
    for (int64_t tries = 1; tries < 10; tries++) {
        int64_t middle = channel_next_ms(0, 0, tries, 0, 0.5);
        int64_t soonest = channel_next_ms(0, 0, tries, 0, 0);
        int64_t latest = channel_next_ms(0, 0, tries, 0, 1);
        assert_true(soonest < middle && middle < latest);
        assert_true(latest - soonest <= middle / 5 + 1);
    }
}

TEST(retry_after_is_seconds_or_a_date)
{
    static const struct {
        const char *text;
        int64_t now_ms, expected_ms;
    } cases[] = {
        {"2", 0, 2000},
        {" 120 ", 0, 120000},
        {"-1", 0, 0},
        {"", 0, 0},
        {"soon", 0, 0},
        {"99999999999999999999", 0, 0},
        {"100000000", 0, 86400000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000 - 5000, 5000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000 + 5000, 0},
        {"Sun, 06 Xxx 1994 08:49:37 GMT", 0, 0},
        {"Sun, 06 anF 1994 08:49:37 GMT", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(delivery_retry_after_ms(str_from(cases[i].text), cases[i].now_ms), cases[i].expected_ms);
    }
}

TEST(what_a_server_of_mail_says)
{
    static const struct {
        const char *head;
        bool delivered, may_retry;
    } cases[] = {
        {"{\"status\":250}", true, false},
        {"{\"status\":451,\"error\":\"x\"}", false, true},
        {"{\"status\":550,\"error\":\"x\"}", false, false},
        {"{\"error\":\"could not connect\"}", false, true},
        {"{\"error\":\"no\",\"refused\":true}", false, false},
        {"{\"status\":535,\"error\":\"no\",\"refused\":true}", false, false},
        {"null", false, true},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json head;
        assert_int_equal(json_read(str_from(cases[i].head), (struct json_limits){0}, arena, &head, NULL), 0);
        struct delivery_judgement judged = delivery_judge_mail(&head);
        assert_int_equal(judged.delivered, cases[i].delivered);
        assert_int_equal(judged.may_retry, cases[i].may_retry);
        assert_true(judged.delivered || *judged.error != '\0');
    }
    arena_free(arena);
}

TEST(only_410_says_that_a_receiver_is_gone)
{
    struct arena *arena = arena_new();
    for (int status = 200; status < 600; status++) {
        struct json head = json_object();
        json_set(arena, &head, "status", json_int(status));
        assert_int_equal(delivery_judge(&head, 0, arena).gone, status == 410);
    }
    arena_free(arena);
}

/* ---- signed ----------------------------------------------------------------------------------------------------- */

TEST(a_signature_is_that_of_the_vector_of_standard_webhooks)
{
    struct arena *arena = arena_new();
    const struct str secrets[] = {STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), STR("not in base64 at all")};
    const char *signature = NULL;
    assert_int_equal(channel_signature(secrets, 1, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                                       STR("{\"test\": 2432232314}"), arena, &signature, NULL),
                     0);
    assert_string_equal(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(channel_signature(secrets, 2, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                                       STR("{\"test\": 2432232314}"), arena, &signature, NULL),
                     0);
    assert_true(str_starts(str_from(signature), STR("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,")));
    assert_int_equal(strlen(signature), 2 * 47 + 1);
    arena_free(arena);
}

TEST(a_secret_that_is_none_is_not_shown)
{
    static const char *const wrong[] = {"whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZI2"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct err err = {0};
        const char *signature = NULL;
        struct str secret = str_from(wrong[i]);
        assert_int_equal(channel_signature(&secret, 1, "id", "1", STR("{}"), arena, &signature, &err), -1);
        assert_true(wrong[i][6] == '\0' || strstr(err.message, wrong[i] + 6) == NULL);
    }
    arena_free(arena);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

TEST(an_address_is_one_and_nothing_else)
{
    static const char *const good[] = {"a@b", "ada.l+x@mail.example.org", "o'hara@example.org"};
    static const char *const bad[] = {
        "",      "a",       "@b",      "a@",     "a@b@c",     "a b@c",   "a@b\r\nBcc: c@d", "a@b,c",    "<a@b>",
        "a@b;c", "\"a\"@b", "a@b\n",   "-f@b",   "gr\xc3\xbc@b", "a@b\tc", "a@[1.2]",          "a(x)@b.c", "a\\@b.c",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(mail_address_is_plain(str_from(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(mail_address_is_plain(str_from(bad[i])));
    }
    assert_false(mail_address_is_plain((struct str){"a@b\0c", 5}));
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static struct json event_of(struct arena *arena, const char *text)
{
    struct json event;
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, arena, &event, NULL), 0);
    return event;
}

static const char *mail_of(struct arena *arena, const char *text)
{
    const struct str to[] = {STR("ada@example.org"), STR("bob@example.org")};
    const struct telling_mail mail = {
        .from = STR("sluice@example.org"), .to = to, .to_count = 2, .delivery_id = "d-1", .at_ms = 784111777000};
    struct json event = event_of(arena, text);
    return telling_mail(&event, &mail, arena);
}

TEST(a_mail_is_what_it_is)
{
    struct arena *arena = arena_new();
    assert_string_equal(
        mail_of(arena, "{\"type\":\"run.failed\",\"data\":{\"subject\":\"run wine 3\",\"reason\":\"it = so\",\"log\":"
                       "[\".\",\"x \"],\"failed\":{\"step\":\"train\",\"reason\":\"it = so\"}}}"),
        "From: sluice <sluice@example.org>\r\nTo: ada@example.org,\r\n bob@example.org\r\n"
        "Subject: run wine 3 failed\r\nDate: Sun, 6 Nov 1994 08:49:37 +0000\r\nMessage-ID: <d-1@example.org>\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        "run wine 3 failed\r\nit =3D so\r\n\r\nLast lines of train:\r\n\r\n=2E\r\nx=20\r\n");
    arena_free(arena);
}

TEST(no_line_of_a_mail_is_too_long_and_no_header_is_smuggled_in)
{
    struct arena *arena = arena_new();
    struct strbuf text;
    strbuf_init(&text, 1 << 20);
    strbuf_add_text(&text, "{\"type\":\"x.y\",\"data\":{\"subject\":\"");
    for (int i = 0; i < 200; i++) {
        strbuf_add_text(&text, "\xe8\x91\xa1\\r\\nBcc: eve@example.org\\u0001\xf0\x9f\x8d\xb7.");
    }
    strbuf_add_text(&text, "\"}}");
    const char *mail = mail_of(arena, text.data);
    struct str rest = str_from(mail);
    struct str line;
    while (str_cut(&rest, '\n', &line)) {
        assert_true(line.n <= 78);
        assert_true(rest.p == NULL || (line.n > 0 && line.p[line.n - 1] == '\r'));
        assert_false(str_starts(line, STR("Bcc:")));
        for (size_t i = 0; i + 1 < line.n; i++) {
            assert_true(line.p[i] >= ' ' && line.p[i] < 0x7f);
        }
    }
    strbuf_clear(&text);
    arena_free(arena);
}

TEST(a_message_of_slack_is_cut_between_characters)
{
    struct arena *arena = arena_new();
    for (size_t extra = 0; extra < 12; extra++) {
        struct strbuf text;
        struct json message;
        strbuf_init(&text, 1 << 20);
        strbuf_add_text(&text, "{\"type\":\"x.y\",\"data\":{\"subject\":\"s\",\"log\":[\"");
        for (size_t i = 0; i < 2890 + extra; i++) {
            strbuf_add_byte(&text, 'a');
        }
        for (int i = 0; i < 50; i++) {
            strbuf_add_text(&text, "&\xe8\x91\xa1<");
        }
        strbuf_add_text(&text, "\"]}}");
        struct json event = event_of(arena, text.data);
        message = event_of(arena, telling_slack(&event, arena));
        const struct json *blocks = json_get(&message, "blocks");
        for (size_t i = 0; i < blocks->u.array.count; i++) {
            struct str shown = str_from(json_get_text(json_get(&blocks->u.array.items[i], "text"), "text", ""));
            ptrdiff_t last = -1;
            assert_true(shown.n <= 3000 && utf8_valid(shown));
            for (ptrdiff_t at = str_find_byte(shown, '&', 0); at >= 0; at = str_find_byte(shown, '&', (size_t)at + 1)) {
                last = at;
            }
            assert_true(last < 0 || str_find_byte(shown, ';', (size_t)last) >= 0);
        }
        strbuf_clear(&text);
    }
    arena_free(arena);
}

TEST(what_people_are_shown_changes_nothing_of_how_it_is_shown)
{
    struct arena *arena = arena_new();
    struct json event = event_of(arena, "{\"type\":\"x.y\",\"data\":{\"subject\":\"s\\u202e\",\"actor\":\"a\\u001b\","
                                        "\"reason\":\"r\\u202e\\u009b\",\"log\":[\"\\u001b[2J\\u2066 l\\r\",\"2\"],"
                                        "\"changes\":[{\"words\":\"c\\u202d\\u0007\"}]}}");
    struct telling_mail head = {.from = STR("a@b"), .delivery_id = "d"};
    const char *const texts[] = {telling_slack(&event, arena), telling_mail(&event, &head, arena)};
    static const char *const forbidden[] = {"\x1b", "\\u001b", "\\u0007", "\xe2\x80\xae", "\xe2\x80\xad",
                                            "\xe2\x81\xa6", "=1B", "=0D", "=07", "=E2=80=AE", "=E2=80=AD",
                                            "=E2=81=A6"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t k = 0; k < sizeof forbidden / sizeof forbidden[0]; k++) {
            assert_null(strstr(texts[i], forbidden[k]));
        }
    }
    assert_non_null(strstr(texts[0], "?[2J\xef\xbf\xbd l \\n2"));
    assert_non_null(strstr(texts[1], "?[2J=EF=BF=BD l=20\r\n2"));
    arena_free(arena);
}

/* ---- the outbox ------------------------------------------------------------------------------------------------- */

static struct telling_rules one_channel(const char *url)
{
    static struct channel channel;
    static struct str name;
    name = STR("team");
    channel = (struct channel){.name = name, .kind = CHANNEL_WEBHOOK, .url = str_from(url)};
    return (struct telling_rules){.channels = &channel, .channel_count = 1, .names = &name};
}

static int64_t count(struct fixture *f, const char *sql)
{
    struct stmt *s = stmt_get_text(f->store, str_from(sql));
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t found = stmt_column_int(s, 0);
    stmt_done(s);
    return found;
}

static void note(struct fixture *f)
{
    static const unsigned char key[32] = {7};
    const struct activity entry = {.at_ms = 5, .actor = "ann", .action = "run.started", .object = "run wine 1"};
    store_activity_set_key(f->store, key);
    assert_int_equal(store_activity_append(f->store, &entry, NULL), 0);
}

TEST(nothing_is_kept_to_be_told_while_nobody_is)
{
    struct fixture f = open_empty();
    struct telling_rules rules = one_channel("https://a");
    note(&f);
    assert_int_equal(count(&f, "SELECT count(*) FROM told_events"), 0);
    assert_int_equal(store_channels_take(f.store, &rules, 1, NULL), 0);
    note(&f);
    assert_int_equal(count(&f, "SELECT count(*) FROM told_events"), 1);
    rules.channel_count = 0;
    assert_int_equal(store_channels_take(f.store, &rules, 2, NULL), 0);
    assert_int_equal(count(&f, "SELECT count(*) FROM told_events"), 0);
    note(&f);
    assert_int_equal(count(&f, "SELECT (SELECT count(*) FROM told_events) + (SELECT count(*) FROM channels)"), 0);
    close_fixture(&f);
}

TEST(a_channel_is_disabled_until_config_yaml_says_something_else_of_it)
{
    struct fixture f = open_empty();
    struct telling_rules rules = one_channel("https://a");
    struct channel_state known;
    struct err err = {0};
    assert_int_equal(store_channels_take(f.store, &rules, 1, NULL), 0);
    assert_int_equal(store_channel_enable(f.store, "team", &err), -1);
    assert_int_equal(store_channel_disable(f.store, "team", "gone", 2, NULL), 0);
    assert_int_equal(store_channels_take(f.store, &rules, 3, NULL), 0);
    assert_int_equal(store_channel_get(f.store, "team", f.arena, &known, NULL), 0);
    assert_int_equal(known.disabled_ms, 2);
    rules = one_channel("https://b");
    assert_int_equal(store_channels_take(f.store, &rules, 4, NULL), 0);
    assert_int_equal(store_channel_get(f.store, "team", f.arena, &known, NULL), 0);
    assert_int_equal(known.disabled_ms, 0);
    close_fixture(&f);
}

TEST(a_subscription_goes_with_its_model)
{
    struct fixture f = open_empty();
    static const unsigned char key[32] = {7};
    struct model_subscription one = {.name = "wine", .actor = "ann", .channel = "team", .address = ""};
    struct model_subscription again = one;
    struct model_subscription *rows = NULL;
    size_t found = 0;
    const struct channel team = {.name = STR("team"), .kind = CHANNEL_WEBHOOK};
    const struct telling_rules rules = {.channels = &team, .channel_count = 1};
    store_activity_set_key(f.store, key);
    assert_int_equal(store_model_subscribe(f.store, &rules, &one, NULL), -1); /* there is no such model */
    assert_int_equal(store_registry_create(f.store, "wine", "", NULL, 0, 10, NULL), 0);
    assert_int_equal(store_model_subscribe(f.store, &rules, &one, NULL), 0);
    assert_int_equal(store_model_subscribe(f.store, &rules, &again, NULL), 0);
    assert_int_equal(one.id, again.id);
    assert_int_equal(store_registry_rename(f.store, "wine", "beer", NULL, 11, NULL), 0);
    assert_int_equal(store_model_subscription_list(f.store, "beer", "ann", f.arena, &rows, &found, NULL), 0);
    assert_int_equal(found, 1);
    assert_int_equal(store_model_unsubscribe(f.store, one.id, "eve", false, 12, NULL), -1);
    assert_int_equal(store_registry_delete(f.store, "beer", NULL, 12, NULL), 0);
    assert_int_equal(count(&f, "SELECT count(*) FROM model_subscriptions"), 0);
    close_fixture(&f);
}

TESTS(RUN(a_channel_is_tried_for_a_day),
      RUN(tries_are_spread),
      RUN(retry_after_is_seconds_or_a_date),
      RUN(what_a_server_of_mail_says),
      RUN(only_410_says_that_a_receiver_is_gone),
      RUN(a_signature_is_that_of_the_vector_of_standard_webhooks),
      RUN(a_secret_that_is_none_is_not_shown),
      RUN(an_address_is_one_and_nothing_else),
      RUN(a_mail_is_what_it_is),
      RUN(no_line_of_a_mail_is_too_long_and_no_header_is_smuggled_in),
      RUN(a_message_of_slack_is_cut_between_characters),
      RUN(what_people_are_shown_changes_nothing_of_how_it_is_shown),
      RUN(nothing_is_kept_to_be_told_while_nobody_is),
      RUN(a_channel_is_disabled_until_config_yaml_says_something_else_of_it),
      RUN(a_subscription_goes_with_its_model))
