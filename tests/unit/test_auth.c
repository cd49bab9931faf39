/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/account.h"
#include "auth/auth.h"
#include "auth/throttle.h"
#include "digest/digest.h"
#include "store/activity.h"
#include "store/experiments.h"

#include "store_fixture.h"

#include <sodium.h>
#include <stdio.h>

enum { NOW = 1000000 };

/* A home with a key, and so an activity log. */
static struct fixture open_home(void)
{
    static const unsigned char key[32] = {1};
    struct fixture f = open_empty();
    store_activity_set_key(f.store, key);
    return f;
}

static struct account_change change_in(const struct fixture *f)
{
    return (struct account_change){f->store, "root", NOW, f->arena};
}

static const char *basic(struct arena *arena, const char *user_and_password)
{
    char text[4096];
    (void)sodium_bin2base64(text, sizeof text, (const unsigned char *)user_and_password, strlen(user_and_password),
                            sodium_base64_VARIANT_ORIGINAL);
    return arena_printf(arena, "Basic %s", text);
}

/* ---- credentials ------------------------------------------------------------------------------------------------ */

TEST(an_authorization_header_is_a_password_a_token_or_nothing)
{
    static const struct {
        const char *header;
        enum credential_kind kind;
        const char *user, *secret;
    } cases[] = {
        {"", CREDENTIAL_NONE, NULL, NULL},
        {"   ", CREDENTIAL_NONE, NULL, NULL},
        {"Basic YWxpY2U6c2VjcmV0", CREDENTIAL_PASSWORD, "alice", "secret"},
        {"bAsIc   YWxpY2U6c2VjcmV0  ", CREDENTIAL_PASSWORD, "alice", "secret"},
        {"Basic YWxpY2U6", CREDENTIAL_PASSWORD, "alice", ""},
        {"Basic Og==", CREDENTIAL_PASSWORD, "", ""},
        {"Basic YTpiOmM=", CREDENTIAL_PASSWORD, "a", "b:c"},
        {"Basic YS9iOmM=", CREDENTIAL_PASSWORD, "a/b", "c"},
        {"Basic YWxpY2U=", CREDENTIAL_BAD, NULL, NULL},         /* no ':' */
        {"Basic YWxpY2U6c2VjcmV0=", CREDENTIAL_BAD, NULL, NULL}, /* too much padding */
        {"Basic YWxpY2U6c2VjcmU", CREDENTIAL_BAD, NULL, NULL},  /* none */
        {"Basic !!!!", CREDENTIAL_BAD, NULL, NULL},
        {"Basic YTpiAGM=", CREDENTIAL_BAD, NULL, NULL}, /* a NUL */
        {"Basic", CREDENTIAL_BAD, NULL, NULL},
        {"Basic ", CREDENTIAL_BAD, NULL, NULL},
        {"YWxpY2U6c2VjcmV0", CREDENTIAL_BAD, NULL, NULL},
        {"Digest YWxpY2U6c2VjcmV0", CREDENTIAL_BAD, NULL, NULL},
        {"Bearer abc", CREDENTIAL_TOKEN, NULL, "abc"},
        {"bearer  abc ", CREDENTIAL_TOKEN, NULL, "abc"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct credential found = credential_read(str_from(cases[i].header), arena);
        assert_int_equal(found.kind, cases[i].kind);
        if (cases[i].user != NULL) {
            assert_true(str_is(found.user, cases[i].user));
        }
        if (cases[i].secret != NULL) {
            assert_true(str_is(found.secret, cases[i].secret));
        }
    }
    size_t size = 1 << 20;
    char *huge = arena_alloc(arena, size + 1);
    memset(huge, 'A', size);
    memcpy(huge, "Basic ", 6);
    assert_int_equal(credential_read((struct str){huge, size}, arena).kind, CREDENTIAL_BAD);
    arena_free(arena);
}

/* ---- throttle --------------------------------------------------------------------------------------------------- */

static int attempts(struct throttle *throttle, const char *user, const char *address, int64_t now_ms)
{
    int count = 0;
    while (count < 1000 && throttle_take(throttle, str_from(user), str_from(address), now_ms) == 0) {
        count++;
    }
    return count;
}

TEST(a_user_has_ten_attempts_and_one_more_each_six_seconds)
{
    struct throttle *throttle = throttle_new(&throttle_passwords);
    assert_int_equal(attempts(throttle, "alice", "192.0.2.1", NOW), 10);
    assert_int_equal(throttle_take(throttle, STR("alice"), STR("192.0.2.2"), NOW), 6000);
    assert_int_equal(throttle_take(throttle, STR("alice"), STR("192.0.2.2"), NOW + 5999), 1);
    assert_int_equal(attempts(throttle, "alice", "192.0.2.2", NOW + 6000), 1);
    assert_int_equal(attempts(throttle, "alice", "192.0.2.2", NOW + 600000), 10);
    throttle_free(throttle);
}

TEST(an_address_has_thirty_attempts_whatever_names_it_tries)
{
    struct throttle *throttle = throttle_new(&throttle_passwords);
    int count = 0;
    char user[16];
    do {
        (void)snprintf(user, sizeof user, "user%d", count);
    } while (throttle_take(throttle, str_from(user), STR("192.0.2.1"), NOW) == 0 && ++count < 1000);
    assert_int_equal(count, 30);
    assert_int_equal(throttle_take(throttle, STR("another"), STR("192.0.2.2"), NOW), 0);
    throttle_free(throttle);
}

TEST(who_has_logged_in_from_an_address_is_not_kept_out_by_others)
{
    struct throttle *throttle = throttle_new(&throttle_passwords);
    assert_int_equal(throttle_take(throttle, STR("alice"), STR("192.0.2.1"), NOW), 0);
    throttle_good(throttle, STR("alice"), STR("192.0.2.1"), NOW);
    assert_int_equal(attempts(throttle, "alice", "198.51.100.1", NOW), 10); /* the good one was given back */
    assert_true(throttle_take(throttle, STR("alice"), STR("203.0.113.1"), NOW) > 0);
    for (int i = 0; i < 30; i++) {
        char user[16];
        (void)snprintf(user, sizeof user, "user%d", i);
        (void)throttle_take(throttle, str_from(user), STR("192.0.2.1"), NOW);
    }
    assert_true(throttle_take(throttle, STR("carol"), STR("192.0.2.1"), NOW) > 0);
    assert_int_equal(attempts(throttle, "alice", "192.0.2.1", NOW), 10);
    throttle_free(throttle);
}

/* ---- who -------------------------------------------------------------------------------------------------------- */

static void make_user(struct fixture *f, const char *name, const char *password, enum role role)
{
    char hash[PASSWORD_HASH_BYTES];
    int64_t id = 0;
    struct account_change change = change_in(f);
    assert_int_equal(password_hash(str_from(password), hash, NULL), 0);
    assert_int_equal(account_user_create(&change, name, hash, role, &id, NULL), 0);
}

static void make_token(struct fixture *f, const char *user, const char *id, const char *token, enum role role,
                       int64_t expires_ms)
{
    struct digest digest = digest_bytes(str_from(token));
    struct account_change change = change_in(f);
    struct token_row row = {
        .token_id = id, .name = "", .sha256 = digest.hex, .role = role, .expires_ms = expires_ms};
    assert_int_equal(account_token_create(&change, user, &row, NULL), 0);
}

static enum auth_answer ask(struct auth *auth, struct fixture *f, const char *header, int64_t now_ms,
                            struct auth_who *who, struct auth_claim *claim)
{
    return auth_ask(auth, str_from(header), now_ms, f->arena, who, claim, NULL);
}

TEST(a_home_without_users_asks_nobody_and_one_with_a_user_everybody)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct auth_who who;
    struct auth_claim claim;
    assert_false(auth_is_on(auth));
    assert_int_equal(ask(auth, &f, "", NOW, &who, &claim), AUTH_OFF);
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    assert_true(auth_is_on(auth));
    assert_int_equal(ask(auth, &f, "", NOW, &who, &claim), AUTH_REFUSED);
    auth_free(auth);
    close_fixture(&f);
}

TEST(a_password_is_verified_once_and_known_until_it_changes)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct account_change change = change_in(&f);
    struct auth_who who;
    struct auth_claim claim;
    char hash[PASSWORD_HASH_BYTES];
    const char *header = basic(f.arena, "alice:a long password");
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    assert_int_equal(ask(auth, &f, header, NOW, &who, &claim), AUTH_UNKNOWN);
    assert_true(password_verify(claim.hash, claim.password));
    assert_false(password_verify(claim.hash, STR("another")));
    auth_learn(auth, &claim.mark, claim.user, claim.hash, NOW);
    assert_int_equal(ask(auth, &f, header, NOW, &who, &claim), AUTH_GOOD);
    assert_string_equal(who.name, "alice");
    assert_true(who.is_admin && who.role == ROLE_ADMIN && who.most == ROLE_ADMIN);
    assert_int_equal(ask(auth, &f, header, NOW + AUTH_KNOWN_MS, &who, &claim), AUTH_UNKNOWN);
    assert_int_equal(ask(auth, &f, basic(f.arena, "alice:a wrong password"), NOW, &who, &claim), AUTH_UNKNOWN);
    assert_int_equal(ask(auth, &f, header, NOW, &who, &claim), AUTH_GOOD);
    assert_true(auth_is_still_good(auth, &who, NOW));
    change.now_ms++;
    assert_int_equal(password_hash(STR("another password"), hash, NULL), 0);
    assert_int_equal(account_user_password(&change, "alice", hash, NULL), 0);
    assert_false(auth_is_still_good(auth, &who, NOW));
    assert_int_equal(ask(auth, &f, header, NOW, &who, &claim), AUTH_UNKNOWN);
    auth_free(auth);
    close_fixture(&f);
}

TEST(what_was_verified_against_a_password_that_has_changed_is_not_learned)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct account_change change = change_in(&f);
    struct auth_who who;
    struct auth_claim claim;
    char hash[PASSWORD_HASH_BYTES];
    const char *header = basic(f.arena, "alice:a long password");
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    assert_int_equal(ask(auth, &f, header, NOW, &who, &claim), AUTH_UNKNOWN);
    assert_int_equal(password_hash(STR("another password"), hash, NULL), 0);
    assert_int_equal(account_user_password(&change, "alice", hash, NULL), 0);
    auth_learn(auth, &claim.mark, claim.user, claim.hash, NOW);
    assert_int_equal(ask(auth, &f, header, NOW, &who, &claim), AUTH_UNKNOWN);
    auth_free(auth);
    close_fixture(&f);
}

TEST(a_user_that_there_is_not_is_verified_against_a_hash_all_the_same)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct auth_who who;
    struct auth_claim claim;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    assert_int_equal(ask(auth, &f, basic(f.arena, "nobody:a long password"), NOW, &who, &claim), AUTH_UNKNOWN);
    assert_string_equal(claim.hash, password_of_nobody);
    assert_memory_equal(claim.hash, "$argon2id$v=19$m=19456,t=2,p=1$", strlen("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_false(password_verify(claim.hash, claim.password));
    auth_free(auth);
    close_fixture(&f);
}

TEST(a_token_is_good_until_it_expires_is_revoked_or_loses_its_user)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct account_change change = change_in(&f);
    struct auth_who who;
    struct auth_claim claim;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    make_user(&f, "bob", "a long password", ROLE_EDITOR);
    make_token(&f, "bob", "00000001", "one", ROLE_VIEWER, 0);
    make_token(&f, "bob", "00000002", "two", ROLE_EDITOR, NOW + 10);
    assert_int_equal(ask(auth, &f, "Bearer one", NOW, &who, &claim), AUTH_GOOD);
    assert_string_equal(who.name, "bob");
    assert_int_equal(who.role, ROLE_VIEWER);
    assert_int_equal(ask(auth, &f, "Bearer two", NOW + 9, &who, &claim), AUTH_GOOD);
    assert_int_equal(ask(auth, &f, "Bearer two", NOW + 10, &who, &claim), AUTH_REFUSED);
    assert_int_equal(ask(auth, &f, "Bearer three", NOW, &who, &claim), AUTH_REFUSED);
    assert_int_equal(ask(auth, &f, "Bearer ", NOW, &who, &claim), AUTH_REFUSED);
    assert_int_equal(ask(auth, &f, "Bearer one", NOW, &who, &claim), AUTH_GOOD);
    assert_int_equal(account_token_revoke(&change, "00000001", NULL), 0);
    assert_false(auth_is_still_good(auth, &who, NOW));
    assert_int_equal(ask(auth, &f, "Bearer one", NOW, &who, &claim), AUTH_REFUSED);
    assert_int_equal(ask(auth, &f, "Bearer two", NOW, &who, &claim), AUTH_GOOD);
    assert_int_equal(account_user_remove(&change, "bob", NULL), 0);
    assert_false(auth_is_still_good(auth, &who, NOW));
    assert_int_equal(ask(auth, &f, "Bearer two", NOW, &who, &claim), AUTH_REFUSED);
    auth_free(auth);
    close_fixture(&f);
}

TEST(what_is_taken_back_was_never_so)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct auth_who who;
    struct auth_claim claim;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    assert_int_equal(store_begin(f.store, NULL), 0);
    make_token(&f, "alice", "00000001", "one", ROLE_VIEWER, 0);
    assert_int_equal(ask(auth, &f, "Bearer one", NOW, &who, &claim), AUTH_GOOD);
    store_rollback(f.store);
    assert_int_equal(ask(auth, &f, "Bearer one", NOW, &who, &claim), AUTH_REFUSED);
    auth_free(auth);
    close_fixture(&f);
}

/* ---- what he may do --------------------------------------------------------------------------------------------- */

static enum permission permission_on(struct auth *auth, const struct auth_who *who, int64_t experiment_id,
                                     const char *model)
{
    enum permission permission = PERMISSION_NONE;
    struct permission_object object = {.experiment_id = experiment_id, .model = model};
    assert_int_equal(auth_permission(auth, who, &object, &permission, NULL), 0);
    return permission;
}

TEST(a_permission_is_what_was_said_last_or_the_default)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct account_change change = change_in(&f);
    struct permission_object experiment = {.experiment_id = 7};
    struct permission_object model = {.model = "wine"};
    struct user_row bob;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    make_user(&f, "bob", "a long password", ROLE_EDITOR);
    assert_int_equal(store_user_get(f.store, "bob", f.arena, &bob, NULL), 0);
    struct auth_who who = {.user_id = bob.user_id, .name = "bob", .role = ROLE_EDITOR};
    assert_int_equal(permission_on(auth, &who, 7, NULL), PERMISSION_READ);
    assert_int_equal(account_permit(&change, &bob, &experiment, PERMISSION_EDIT, NULL), 0);
    assert_int_equal(account_permit(&change, &bob, &model, PERMISSION_NONE, NULL), 0);
    assert_int_equal(permission_on(auth, &who, 7, NULL), PERMISSION_EDIT);
    assert_int_equal(permission_on(auth, &who, 8, NULL), PERMISSION_READ);
    assert_int_equal(permission_on(auth, &who, 0, "wine"), PERMISSION_NONE);
    assert_int_equal(permission_on(auth, &who, 0, "beer"), PERMISSION_READ);
    assert_int_equal(account_forbid(&change, &bob, &experiment, NULL), 1);
    assert_int_equal(account_forbid(&change, &bob, &experiment, NULL), 0);
    assert_int_equal(permission_on(auth, &who, 7, NULL), PERMISSION_READ);
    assert_int_equal(account_forbid(&change, &bob, &model, NULL), 1);
    assert_int_equal(permission_on(auth, &who, 0, "wine"), PERMISSION_READ);
    auth_free(auth);
    close_fixture(&f);
}

TEST(another_default_is_so_at_once)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct user_row bob;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    make_user(&f, "bob", "a long password", ROLE_EDITOR);
    assert_int_equal(store_user_get(f.store, "bob", f.arena, &bob, NULL), 0);
    struct auth_who who = {.user_id = bob.user_id, .name = "bob", .role = ROLE_EDITOR};
    for (int i = 0; i < 4; i++) {
        enum permission is = i % 2 == 0 ? PERMISSION_READ : PERMISSION_NONE;
        auth_set_default(auth, is);
        assert_int_equal(i < 2 ? 0 : auth_know_all(auth, &who, NULL), 0);
        assert_int_equal(permission_on(auth, &who, 7, NULL), is);
        assert_int_equal(permission_on(auth, &who, 0, "wine"), is);
        assert_int_equal(permission_on(auth, &who, 0, "wine"), is);
    }
    auth_free(auth);
    close_fixture(&f);
}

TEST(a_permission_on_a_model_goes_with_its_name)
{
    char longer[200];
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct account_change change = change_in(&f);
    struct user_row bob;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    make_user(&f, "bob", "a long password", ROLE_EDITOR);
    assert_int_equal(store_user_get(f.store, "bob", f.arena, &bob, NULL), 0);
    struct auth_who who = {.user_id = bob.user_id, .name = "bob", .role = ROLE_EDITOR};
    struct auth_who other = {.user_id = bob.user_id + 1, .name = "carol", .role = ROLE_EDITOR};
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    for (size_t size = sizeof longer - 1; size > 0; size /= 2) {
        longer[size] = '\0';
        struct permission_object model = {.model = longer};
        assert_int_equal(permission_on(auth, &who, 0, longer), PERMISSION_READ);
        assert_int_equal(account_permit(&change, &bob, &model, PERMISSION_NONE, NULL), 0);
        assert_int_equal(permission_on(auth, &who, 0, longer), PERMISSION_NONE);
        assert_int_equal(permission_on(auth, &who, 0, longer), PERMISSION_NONE);
        assert_int_equal(permission_on(auth, &other, 0, longer), PERMISSION_READ);
        assert_int_equal(store_permissions_rename(f.store, longer, "renamed", NULL), 0);
        assert_int_equal(permission_on(auth, &who, 0, longer), PERMISSION_READ);
        assert_int_equal(permission_on(auth, &who, 0, "renamed"), PERMISSION_NONE);
        assert_int_equal(store_permissions_forget(f.store, "renamed", NULL), 0);
        assert_int_equal(permission_on(auth, &who, 0, "renamed"), PERMISSION_READ);
    }
    for (int i = 0; i < 6000; i++) { /* more than are remembered: made at first, then asked for */
        (void)snprintf(longer, sizeof longer, "model %d", i % 3000);
        if (i < 3000 && i % 2 == 0) {
            struct permission_object model = {.model = longer};
            assert_int_equal(store_permission_put(f.store, bob.user_id, &model, PERMISSION_NONE, NULL), 0);
        } else if (i >= 3000) {
            assert_int_equal(permission_on(auth, &who, 0, longer), i % 2 == 0 ? PERMISSION_NONE : PERMISSION_READ);
        }
    }
    auth_free(auth);
    close_fixture(&f);
}

TEST(a_token_may_do_no_more_than_its_role_and_its_experiments)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_EDIT);
    static const int64_t only[] = {3, 5};
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    struct auth_who admin = {.user_id = 1, .is_admin = true, .role = ROLE_VIEWER};
    struct auth_who user = {.user_id = 2, .role = ROLE_EDITOR, .experiments = only, .experiment_count = 2};
    assert_int_equal(permission_on(auth, &admin, 9, NULL), PERMISSION_READ);
    assert_int_equal(auth_default(auth, &admin), PERMISSION_READ);
    assert_int_equal(permission_on(auth, &user, 5, NULL), PERMISSION_EDIT);
    assert_int_equal(permission_on(auth, &user, 4, NULL), PERMISSION_NONE);
    assert_int_equal(permission_on(auth, &user, 0, "wine"), PERMISSION_NONE);
    assert_int_equal(auth_default(auth, &user), PERMISSION_NONE);
    assert_null(auth_reader(auth, &admin, f.arena));
    assert_non_null(auth_reader(auth, &user, f.arena));
    auth_free(auth);
    close_fixture(&f);
}

/* ---- roles ------------------------------------------------------------------------------------------------------ */

static struct json read_json(struct fixture *f, const char *text)
{
    struct json value;
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, f->arena, &value, NULL), 0);
    return value;
}

TEST(a_role_is_the_highest_of_ones_own_and_ones_groups_and_a_token_lowers_it)
{
    static const struct {
        enum role own;
        const char *groups, *roles;
        enum role token;
        enum role expected;
    } rows[] = {
        {ROLE_VIEWER, "{}", "{}", ROLE_ADMIN, ROLE_VIEWER},
        {ROLE_VIEWER, "{\"g\": [\"bob\"]}", "{\"g\": \"approver\"}", ROLE_ADMIN, ROLE_APPROVER},
        {ROLE_EDITOR, "{\"g\": [\"bob\"]}", "{\"g\": \"approver\"}", ROLE_ADMIN, ROLE_EDITOR},
        {ROLE_VIEWER, "{\"g\": [\"ann\"]}", "{\"g\": \"admin\"}", ROLE_ADMIN, ROLE_VIEWER},
        {ROLE_VIEWER, "{\"g\": [\"bob\"], \"h\": [\"ann\", \"bob\"]}", "{\"g\": \"runner\", \"h\": \"editor\"}",
         ROLE_ADMIN, ROLE_EDITOR},
        {ROLE_VIEWER, "{\"g\": [\"bob\"], \"h\": [\"bob\"]}", "{\"h\": \"editor\", \"g\": \"runner\"}", ROLE_RUNNER,
         ROLE_RUNNER},
        {ROLE_RUNNER, "{\"g\": [\"bob\"]}", "{\"h\": \"admin\"}", ROLE_ADMIN, ROLE_RUNNER},
        {ROLE_ADMIN, "{}", "{}", ROLE_VIEWER, ROLE_VIEWER},
        {ROLE_RUNNER, "{}", "{}", ROLE_EDITOR, ROLE_RUNNER},
        {ROLE_RUNNER, "{\"g\": [1, \"bob\"], \"h\": 7}", "{\"g\": \"nobody\", \"h\": \"admin\"}", ROLE_ADMIN,
         ROLE_RUNNER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture f = open_home();
        struct auth *auth = auth_new(f.store, PERMISSION_MANAGE);
        struct json groups = read_json(&f, rows[i].groups);
        struct json roles = read_json(&f, rows[i].roles);
        struct auth_who who;
        struct auth_claim claim;
        make_user(&f, "root", "a long password", ROLE_ADMIN);
        make_user(&f, "bob", "a long password", rows[i].own);
        make_token(&f, "bob", "00000001", "one", rows[i].token, 0);
        auth_set_groups(auth, &groups, &roles);
        assert_int_equal(ask(auth, &f, "Bearer one", NOW, &who, &claim), AUTH_GOOD);
        assert_int_equal(who.role, rows[i].expected);
        assert_int_equal(who.is_admin, rows[i].own == ROLE_ADMIN);
        assert_string_equal(who.token_id, "00000001");
        assert_int_equal(permission_on(auth, &who, 7, NULL),
                         rows[i].expected == ROLE_VIEWER ? PERMISSION_READ : PERMISSION_MANAGE);
        auth_free(auth);
        close_fixture(&f);
    }
}

TEST(another_role_is_so_from_the_next_question_on)
{
    struct fixture f = open_home();
    struct auth *auth = auth_new(f.store, PERMISSION_READ);
    struct account_change change = change_in(&f);
    struct json groups = read_json(&f, "{\"g\": [\"bob\"]}");
    struct json roles = read_json(&f, "{\"g\": \"admin\"}");
    struct json none = json_object();
    struct auth_who who;
    struct auth_claim claim;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    make_user(&f, "bob", "a long password", ROLE_ADMIN);
    make_token(&f, "bob", "00000001", "one", ROLE_ADMIN, 0);
    assert_int_equal(ask(auth, &f, "Bearer one", NOW, &who, &claim), AUTH_GOOD);
    assert_int_equal(account_user_role(&change, "bob", ROLE_VIEWER, NULL), 0);
    assert_true(auth_is_still_good(auth, &who, NOW));
    assert_false(who.is_admin);
    assert_int_equal(who.role, ROLE_VIEWER);
    auth_set_groups(auth, &groups, &roles);
    assert_true(auth_is_still_good(auth, &who, NOW) && who.is_admin && who.role == ROLE_ADMIN);
    auth_set_groups(auth, &none, &roles);
    assert_true(auth_is_still_good(auth, &who, NOW) && !who.is_admin && who.role == ROLE_VIEWER);
    auth_free(auth);
    close_fixture(&f);
}

/* ---- accounts --------------------------------------------------------------------------------------------------- */

TEST(the_first_user_is_an_admin_and_the_last_admin_stays_one)
{
    struct fixture f = open_home();
    struct account_change change = change_in(&f);
    struct err err = {0};
    int64_t id = 0;
    assert_int_equal(account_user_create(&change, "bob", "x", ROLE_EDITOR, &id, &err), -1);
    assert_non_null(strstr(err.message, "the first user must be an admin"));
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    make_user(&f, "bob", "a long password", ROLE_EDITOR);
    err_clear(&err);
    assert_int_equal(account_user_role(&change, "alice", ROLE_VIEWER, &err), -1);
    assert_non_null(strstr(err.message, "last admin"));
    assert_int_equal(account_user_remove(&change, "alice", NULL), -1);
    assert_int_equal(account_user_role(&change, "bob", ROLE_ADMIN, NULL), 0);
    assert_int_equal(account_user_remove(&change, "alice", NULL), 0);
    assert_int_equal(account_user_role(&change, "bob", ROLE_RUNNER, NULL), -1);
    close_fixture(&f);
}

TEST(names_that_no_client_could_send_are_refused)
{
    static const char *const bad[] = {"", "a:b", " a", "a ", "a\nb", "a\x7f", "\xff",
                                      "admin\xe2\x80\x8b" /* U+200B ZERO WIDTH SPACE */,
                                      "a\xe2\x80\xae" "b" /* U+202E RIGHT-TO-LEFT OVERRIDE */,
                                      "a\xc2\x9b" "31m" /* U+009B CONTROL SEQUENCE INTRODUCER */,
                                      "\xef\xbb\xbf" "a" /* U+FEFF */};
    char long_name[ACCOUNT_NAME_MAX_BYTES + 2];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(account_check_name(bad[i], NULL), -1);
    }
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(account_check_name(long_name, NULL), -1);
    assert_int_equal(account_check_name(long_name + 1, NULL), 0);
    assert_int_equal(account_check_name("a/b", NULL), 0);
    assert_int_equal(account_check_name("j\xc3\xb6rg@example.com", NULL), 0);
}

TEST(each_change_is_in_the_activity_log)
{
    static const char *const wanted[] = {"user.created", "user.created", "user.role",          "user.password",
                                         "token.created", "token.revoked", "permission.changed", "user.removed"};
    struct fixture f = open_home();
    struct account_change change = change_in(&f);
    struct permission_object experiment = {.experiment_id = 7};
    struct activity *rows = NULL;
    struct user_row bob;
    size_t count = 0;
    make_user(&f, "alice", "a long password", ROLE_ADMIN);
    make_user(&f, "bob", "a long password", ROLE_EDITOR);
    assert_int_equal(account_user_role(&change, "bob", ROLE_ADMIN, NULL), 0);
    assert_int_equal(account_user_password(&change, "bob", "x", NULL), 0);
    make_token(&f, "bob", "00000001", "one", ROLE_VIEWER, 0);
    assert_int_equal(account_token_revoke(&change, "00000001", NULL), 0);
    assert_int_equal(store_user_get(f.store, "bob", f.arena, &bob, NULL), 0);
    assert_int_equal(account_permit(&change, &bob, &experiment, PERMISSION_EDIT, NULL), 0);
    assert_int_equal(account_user_remove(&change, "bob", NULL), 0);
    assert_int_equal(store_activity_list(f.store, NULL, false, 0, 100, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rows[i].action, wanted[i]);
        assert_string_equal(rows[i].actor, "root");
    }
    close_fixture(&f);
}

TESTS(RUN(an_authorization_header_is_a_password_a_token_or_nothing),
      RUN(a_user_has_ten_attempts_and_one_more_each_six_seconds),
      RUN(an_address_has_thirty_attempts_whatever_names_it_tries),
      RUN(who_has_logged_in_from_an_address_is_not_kept_out_by_others),
      RUN(a_home_without_users_asks_nobody_and_one_with_a_user_everybody),
      RUN(a_password_is_verified_once_and_known_until_it_changes),
      RUN(what_was_verified_against_a_password_that_has_changed_is_not_learned),
      RUN(a_user_that_there_is_not_is_verified_against_a_hash_all_the_same),
      RUN(a_token_is_good_until_it_expires_is_revoked_or_loses_its_user),
      RUN(what_is_taken_back_was_never_so),
      RUN(a_permission_is_what_was_said_last_or_the_default),
      RUN(another_default_is_so_at_once),
      RUN(a_permission_on_a_model_goes_with_its_name),
      RUN(a_token_may_do_no_more_than_its_role_and_its_experiments),
      RUN(a_role_is_the_highest_of_ones_own_and_ones_groups_and_a_token_lowers_it),
      RUN(another_role_is_so_from_the_next_question_on),
      RUN(the_first_user_is_an_admin_and_the_last_admin_stays_one),
      RUN(names_that_no_client_could_send_are_refused),
      RUN(each_change_is_in_the_activity_log))
