/* SPDX-License-Identifier: Apache-2.0
 * Addresses of subscriptions: whom a link is sent, how often, and which token is one.
 */
#include "store/activity.h"
#include "store/mail_addresses.h"
#include "store_file.h"

enum { NOW = 1000000000, HOUR_MS = 3600 * 1000 };

static const unsigned char key[32] = "0123456789abcdef0123456789abcde";
static const struct str trusted[] = {{"example.org", 11}};
static const struct channel mail = {.name = {"mail", 4},
                                    .kind = CHANNEL_EMAIL,
                                    .url = {"smtp://a", 8},
                                    .from = {"a@b.c", 5},
                                    .trusts = trusted,
                                    .trust_count = 1};
static const struct telling_rules rules = {.channels = &mail, .channel_count = 1, .external_url = "https://a"};

struct world {
    struct place place;
    struct store *store;
    struct arena *arena;
};

static struct world make_world(void)
{
    struct world world = {.place = make_place(), .arena = arena_new()};
    world.store = open_store(&world.place, STORE_READ_WRITE);
    store_activity_set_key(world.store, key);
    assert_int_equal(store_begin(world.store, NULL), 0);
    assert_int_equal(store_channels_take(world.store, &rules, NOW, NULL), 0);
    return world;
}

static void end_world(struct world *world)
{
    store_rollback(world->store);
    store_close(world->store);
    arena_free(world->arena);
    remove_place(&world->place);
}

static int ask(struct world *world, const char *actor, const char *address, int64_t now_ms, struct mail_address *ret,
               struct err *err)
{
    const struct mail_ask wish = {actor, address, &mail, rules.external_url, now_ms};
    return store_mail_address_ask(world->store, &wish, world->arena, ret, err);
}

static int64_t sent(struct world *world)
{
    struct stmt *s = stmt_get(world->store, "SELECT COUNT(*) FROM deliveries WHERE event = '" MAIL_CONFIRM_EVENT "'");
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t count = stmt_column_int(s, 0);
    stmt_done(s);
    return count;
}

TEST(a_token_is_the_same_each_time_and_good_for_its_row_alone)
{
    struct world world = make_world();
    struct mail_address one, other, found;
    char token[MAIL_CONFIRM_TOKEN_BYTES], again[MAIL_CONFIRM_TOKEN_BYTES], second[MAIL_CONFIRM_TOKEN_BYTES];
    assert_int_equal(ask(&world, "ada", "ada@a.net", NOW, &one, NULL), 0);
    assert_int_equal(ask(&world, "bob", "ada@a.net", NOW, &other, NULL), 0);
    assert_int_equal(store_mail_address_token(world.store, one.id, token, NULL), 0);
    assert_int_equal(store_mail_address_token(world.store, one.id, again, NULL), 0);
    assert_int_equal(store_mail_address_token(world.store, other.id, second, NULL), 0);
    assert_string_equal(token, again);
    assert_string_not_equal(strchr(token, '.'), strchr(second, '.'));
    assert_int_equal(store_mail_address_find(world.store, str_from(token), world.arena, &found, NULL), 1);
    assert_string_equal(found.actor, "ada");
    const char *mixed = arena_printf(world.arena, "%lld%s", (long long)other.id, strchr(token, '.'));
    static const char *const none[] = {"", ".", "1", "1.", ".a", "x.y", "0.0", "99999999999999999999.00"};
    assert_int_equal(store_mail_address_find(world.store, str_from(mixed), world.arena, &found, NULL), 0);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(store_mail_address_find(world.store, str_from(none[i]), world.arena, &found, NULL), 0);
    }
    assert_int_equal(store_mail_address_token(world.store, 99, token, NULL), -1);
    end_world(&world);
}

TEST(who_agrees_agrees_once_and_in_time)
{
    struct world world = make_world();
    struct mail_address address, again;
    struct err err = {0};
    assert_int_equal(ask(&world, "ada", "ada@a.net", NOW, &address, NULL), 0);
    assert_int_equal(store_mail_address_confirm(world.store, &address, "p", address.expires_ms, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_int_equal(store_mail_address_confirm(world.store, &address, "p", address.expires_ms - 1, NULL), 0);
    assert_int_equal(store_mail_address_confirm(world.store, &address, "p", NOW, &err), -1);
    assert_int_equal(ask(&world, "ada", "ada@a.net", NOW + 99 * HOUR_MS, &again, NULL), 0);
    assert_true(again.id == address.id && again.confirmed_ms != 0);
    assert_int_equal(sent(&world), 1);
    end_world(&world);
}

TEST(an_address_is_asked_again_after_an_hour_and_three_times_a_week)
{
    struct world world = make_world();
    static const struct {
        const char *actor, *address;
        int64_t hours;
        int result;
        int64_t sent; /* since the beginning */
    } rows[] = {
        {"ada", "a@a.net", 0, 0, 1},  {"ada", "a@a.net", 0, 0, 1},  {"ada", "a@a.net", 1, 0, 2},
        {"bob", "A@a.net", 2, 0, 3},  {"eve", "a@A.net", 3, -1, 3}, {"ada", "a@a.net", 4, -1, 3},
        {"eve", "a@a.net", 169, 0, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mail_address address;
        struct err err = {0};
        int result = ask(&world, rows[i].actor, rows[i].address, NOW + rows[i].hours * HOUR_MS, &address, &err);
        assert_int_equal(result, rows[i].result);
        assert_int_equal(err.code, result < 0 ? ERR_STATE : ERR_NONE);
        assert_int_equal(sent(&world), rows[i].sent);
    }
    end_world(&world);
}

TEST(a_trusted_domain_is_not_asked)
{
    struct world world = make_world();
    struct mail_address address;
    static const struct {
        const char *address;
        bool trusted;
    } rows[] = {{"a@example.org", true}, {"a@EXAMPLE.org", true}, {"a@b.example.org", false},
                {"example.org@a.net", false}, {"a@example.orgs", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(ask(&world, "ada", rows[i].address, NOW, &address, NULL), 0);
        assert_true((address.confirmed_ms != 0) == rows[i].trusted);
    }
    assert_int_equal(sent(&world), 3);
    end_world(&world);
}

TESTS(RUN(a_token_is_the_same_each_time_and_good_for_its_row_alone), RUN(who_agrees_agrees_once_and_in_time),
      RUN(an_address_is_asked_again_after_an_hour_and_three_times_a_week), RUN(a_trusted_domain_is_not_asked))
