/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secret_source.h"

#include "base/fs.h"
#include "cli/secret_change.h"
#include "store/activity.h"
#include "test.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct arena *arena;
    const char *home;
    struct store *store;
    struct diags diags;
    struct config config;
    struct secret_source source;
    struct cli cli;
    struct str value;
    struct err err;
};

static const char *at(const struct fixture *f, const char *name)
{
    return arena_printf(f->arena, "%s/%s", f->home, name);
}

static void put_key(const struct fixture *f, char byte, mode_t mode)
{
    char key[32];
    memset(key, byte, sizeof key);
    assert_int_equal(fs_write(at(f, "key"), (struct str){key, sizeof key}, mode, false, NULL), 0);
    assert_int_equal(chmod(at(f, "key"), mode), 0);
}

/* As the next sluice finds it. */
static void open_again(struct fixture *f)
{
    secret_source_close(&f->source);
    f->cli = (struct cli){.arena = f->arena};
    assert_int_equal(secret_source_open(&f->source, &f->cli, f->home, f->store, &f->config, NULL), 0);
}

static void begin(struct fixture *f, const char *config)
{
    char folder[] = "/tmp/sluice-secrets-XXXXXX";
    *f = (struct fixture){.arena = arena_new()};
    f->cli.arena = f->arena;
    assert_non_null(mkdtemp(folder));
    f->home = arena_strdup(f->arena, folder);
    assert_int_equal(store_open(":memory:", STORE_READ_WRITE, &f->store, NULL), 0);
    put_key(f, 'k', 0600);
    if (config != NULL) {
        assert_int_equal(fs_write(at(f, "config.yaml"), str_from(config), 0600, false, NULL), 0);
    }
    assert_int_equal(config_load_home(f->home, f->arena, &f->diags, &f->config, NULL), 0);
    assert_int_equal(secret_source_open(&f->source, &f->cli, f->home, f->store, &f->config, NULL), 0);
}

static void done(struct fixture *f)
{
    secret_source_close(&f->source);
    store_close(f->store);
    assert_int_equal(fs_remove(f->home, NULL), 0);
    arena_free(f->arena);
}

static int set_for(struct fixture *f, const char *name, struct json pipelines, const char *value)
{
    struct secret_row row;
    err_clear(&f->err);
    if (secret_source_seal(&f->source, name, &pipelines, str_from(value), f->arena, &row, &f->err) < 0) {
        return -1;
    }
    row.set_by = "ann";
    return store_secret_put(f->store, &row, &f->err);
}

static int set(struct fixture *f, const char *name, const char *value)
{
    return set_for(f, name, json_null(), value);
}

static int read_for(struct fixture *f, const char *name, const char *pipeline)
{
    err_clear(&f->err);
    return secret_source_read(&f->source, 1, str_from(name), pipeline, f->arena, &f->value, &f->err);
}

static int read_one(struct fixture *f, const char *name)
{
    return read_for(f, name, "nightly");
}

static struct secret_row row_of(struct fixture *f, const char *name)
{
    struct secret_row row;
    assert_int_equal(store_secret_get(f->store, name, f->arena, &row, NULL), 0);
    return row;
}

TEST(what_was_set_is_read_by_the_next_sluice)
{
    struct fixture f;
    begin(&f, NULL);
    assert_int_equal(set(&f, "TOKEN", "correct horse"), 0);
    assert_int_equal(set(&f, "OTHER", "battery staple"), 0);
    open_again(&f);
    assert_int_equal(read_one(&f, "TOKEN"), 0);
    assert_true(str_is(f.value, "correct horse"));
    assert_int_equal(read_one(&f, "OTHER"), 0);
    assert_true(str_is(f.value, "battery staple"));
    assert_int_equal(set(&f, "TOKEN", "another horse"), 0);
    assert_int_equal(read_one(&f, "TOKEN"), 0);
    assert_true(str_is(f.value, "another horse"));
    done(&f);
}

TEST(what_is_not_there_says_how_it_is_set)
{
    struct fixture f;
    begin(&f, "secrets: {CONFIGURED: {env: SLUICE_TEST_SECRET}}\n");
    (void)unsetenv("SLUICE_TEST_SECRET");
    assert_int_equal(read_one(&f, "TOKEN"), -1);
    assert_string_equal(f.err.message, "there is no secret 'TOKEN': 'sluice secrets set TOKEN -' sets it");
    assert_int_equal(set(&f, "TOKEN", "correct horse"), 0);
    assert_int_equal(read_one(&f, "TOKN"), -1);
    assert_int_equal(f.err.code, ERR_INPUT);
    assert_string_equal(f.err.message,
                        "there is no secret 'TOKN': did you mean 'TOKEN'? 'sluice secrets set TOKN -' sets it");
    assert_int_equal(read_one(&f, "CONFIGURE"), -1);
    assert_string_equal(f.err.message, "there is no secret 'CONFIGURE': did you mean 'CONFIGURED'? 'sluice secrets set "
                                       "CONFIGURE -' sets it");
    err_clear(&f.err);
    assert_int_equal(secret_source_look(&f.source, STR("TOKN"), "nightly", f.arena, &f.err), -1);
    assert_int_equal(secret_source_look(&f.source, STR("TOKEN"), "nightly", f.arena, NULL), 0);
    err_clear(&f.err);
    assert_int_equal(secret_source_look(&f.source, STR("CONFIGURED"), "nightly", f.arena, &f.err), -1);
    assert_string_equal(f.err.message,
                        "secret 'CONFIGURED': the environment variable 'SLUICE_TEST_SECRET' is not set");
    (void)setenv("SLUICE_TEST_SECRET", "from config.yaml", 1);
    assert_int_equal(secret_source_look(&f.source, STR("CONFIGURED"), "nightly", f.arena, NULL), 0);
    done(&f);
}

TEST(config_yaml_wins)
{
    struct fixture f;
    begin(&f, "secrets: {TOKEN: {env: SLUICE_TEST_SECRET, for: [nightly]}}\n");
    assert_int_equal(setenv("SLUICE_TEST_SECRET", "from config.yaml", 1), 0);
    assert_int_equal(set(&f, "TOKEN", "from the store"), 0);
    assert_int_equal(read_one(&f, "TOKEN"), 0);
    assert_true(str_is(f.value, "from config.yaml"));
    assert_int_equal(read_for(&f, "TOKEN", "weekly"), -1);
    assert_int_equal(f.err.code, ERR_DENIED);
    done(&f);
}

TEST(a_sealed_secret_is_given_to_its_pipelines_only)
{
    struct fixture f;
    begin(&f, NULL);
    struct json list = json_array();
    json_push(f.arena, &list, json_cstring(f.arena, "nightly"));
    json_push(f.arena, &list, json_cstring(f.arena, "weekly"));
    assert_int_equal(set_for(&f, "TOKEN", list, "correct horse"), 0);
    assert_int_equal(set_for(&f, "NOBODY", json_array(), "correct horse"), 0);
    assert_int_equal(read_for(&f, "TOKEN", "weekly"), 0);
    assert_int_equal(read_for(&f, "TOKEN", "week"), -1);
    assert_int_equal(f.err.code, ERR_DENIED);
    assert_string_equal(f.err.message, "secret 'TOKEN' is not for pipeline 'week': it was set for others ('sluice "
                                       "secrets list' names them)");
    assert_int_equal(read_for(&f, "TOKEN", NULL), -1);
    assert_int_equal(read_for(&f, "NOBODY", "weekly"), -1);
    err_clear(&f.err);
    assert_int_equal(secret_source_look(&f.source, STR("TOKEN"), "week", f.arena, &f.err), -1);
    assert_string_equal(secret_pipelines_words(f.arena, row_of(&f, "TOKEN").pipelines), "nightly, weekly");
    assert_null(secret_pipelines_words(f.arena, "null"));
    done(&f);
}

TEST(a_row_under_another_name_or_for_others_or_in_another_home_does_not_open)
{
    struct fixture f;
    begin(&f, NULL);
    struct fixture other;
    begin(&other, NULL);
    struct json list = json_array();
    json_push(f.arena, &list, json_cstring(f.arena, "nightly"));
    assert_int_equal(set(&f, "PRODUCTION", "correct horse"), 0);
    assert_int_equal(set_for(&f, "BOUND", list, "battery staple"), 0);
    struct secret_row rows[] = {row_of(&f, "PRODUCTION"), row_of(&f, "BOUND"), row_of(&f, "PRODUCTION")};
    rows[0].name = "TEST";
    rows[1].pipelines = "null";
    struct fixture *homes[] = {&f, &f, &other};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_secret_put(homes[i]->store, &rows[i], NULL), 0);
        assert_int_equal(read_one(homes[i], rows[i].name), -1);
        assert_int_equal(homes[i]->err.code, ERR_CORRUPT);
        assert_string_equal(homes[i]->err.message,
                            arena_printf(f.arena, "secret '%s', which 'sluice secrets set %s -' sets again: what is "
                                                  "sealed was changed",
                                         rows[i].name, rows[i].name));
        assert_int_equal(secret_source_check(&homes[i]->source, &rows[i], NULL), -1);
        assert_int_equal(
            secret_source_look(&homes[i]->source, str_from(rows[i].name), "nightly", f.arena, NULL), -1);
    }
    done(&f);
    done(&other);
}

TEST(another_key_is_told_from_a_change)
{
    struct fixture f;
    begin(&f, NULL);
    assert_int_equal(set(&f, "TOKEN", "correct horse"), 0);
    struct secret_row row = row_of(&f, "TOKEN");
    assert_int_equal(secret_source_check(&f.source, &row, NULL), 0);
    put_key(&f, 'x', 0600);
    open_again(&f);
    assert_int_equal(read_one(&f, "TOKEN"), -1);
    assert_int_equal(f.err.code, ERR_STATE);
    assert_string_equal(f.err.message,
                        "secret 'TOKEN' was sealed under another key than this home's: put the home's file 'key' back, "
                        "give SLUICE_KEY if it was sealed by that, or set it again with 'sluice secrets set TOKEN -'");
    put_key(&f, 'k', 0600);
    open_again(&f);
    assert_int_equal(read_one(&f, "TOKEN"), 0);
    done(&f);
}

TEST(a_key_that_others_may_read_or_that_is_none_opens_nothing)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644, 0610};
    struct fixture f;
    begin(&f, NULL);
    assert_int_equal(set(&f, "TOKEN", "correct horse"), 0);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        put_key(&f, 'k', modes[i]);
        open_again(&f);
        assert_int_equal(read_one(&f, "TOKEN"), -1);
        assert_string_equal(f.err.message,
                            arena_printf(f.arena, "secret 'TOKEN': others may read or write '%s' (mode 0%o): 'chmod "
                                                  "600' it, and change the secrets that it seals if somebody did",
                                         at(&f, "key"), (unsigned)modes[i]));
        assert_int_equal(set(&f, "TOKEN", "correct horse"), -1);
    }
    put_key(&f, 'k', 0400);
    open_again(&f);
    assert_int_equal(read_one(&f, "TOKEN"), 0);
    static const struct str wrong[] = {STR(""), STR("short"), STR("0123456789abcdef0123456789abcdef\n")};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(fs_write(at(&f, "key"), wrong[i], 0600, false, NULL), 0);
        open_again(&f);
        assert_int_equal(read_one(&f, "TOKEN"), -1);
        assert_non_null(strstr(f.err.message, "is not a key of 32 bytes"));
    }
    assert_int_equal(unlink(at(&f, "key")), 0);
    open_again(&f);
    assert_int_equal(read_one(&f, "TOKEN"), -1);
    assert_string_equal(f.err.message,
                        arena_printf(f.arena, "secret 'TOKEN': the key '%s' is not there", at(&f, "key")));
    done(&f);
}

TEST(sluice_key_takes_the_place_of_the_file_and_leaves_the_environment)
{
    static const char key[] = "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=";
    struct fixture f;
    begin(&f, NULL);
    assert_int_equal(set(&f, "FILE", "correct horse"), 0);
    assert_int_equal(setenv("SLUICE_KEY", key, 1), 0);
    const char *text = getenv("SLUICE_KEY");
    open_again(&f);
    assert_null(getenv("SLUICE_KEY"));
    assert_string_equal(text, "");
    assert_int_equal(read_one(&f, "FILE"), -1);
    assert_string_equal(f.err.message,
                        "secret 'FILE' was sealed under another key than that of SLUICE_KEY: give SLUICE_KEY as it was "
                        "then, or set it again with 'sluice secrets set FILE -'");
    assert_int_equal(set(&f, "GIVEN", "battery staple"), 0);
    assert_int_equal(unlink(at(&f, "key")), 0);
    assert_int_equal(read_one(&f, "GIVEN"), 0);
    secret_source_close(&f.source); /* another source of the same process */
    assert_int_equal(secret_source_open(&f.source, &f.cli, f.home, f.store, &f.config, NULL), 0);
    assert_int_equal(read_one(&f, "GIVEN"), 0);
    open_again(&f);
    assert_int_equal(read_one(&f, "GIVEN"), -1);
    assert_int_equal(setenv("SLUICE_KEY", key, 1), 0);
    open_again(&f);
    assert_int_equal(read_one(&f, "GIVEN"), 0);
    assert_int_equal(setenv("SLUICE_KEY", "", 1), 0);
    open_again(&f);
    assert_false(f.source.key_is_given);
    assert_int_equal(setenv("SLUICE_KEY", "swordfish", 1), 0);
    secret_source_close(&f.source);
    assert_int_equal(secret_source_open(&f.source, &f.cli, f.home, f.store, &f.config, &f.err), -1);
    assert_string_equal(f.err.message, "SLUICE_KEY: expected 32 bytes, as 64 hex digits or 44 characters of base64, "
                                       "found 9 characters");
    assert_null(getenv("SLUICE_KEY"));
    done(&f);
}

TEST(nobody_may_look_into_the_process_while_it_knows_a_secret)
{
    struct fixture f;
    begin(&f, NULL);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
    open_again(&f);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
    assert_int_equal(set(&f, "TOKEN", "correct horse"), 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    secret_source_close(&f.source);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
    open_again(&f);
    assert_int_equal(read_one(&f, "TOKEN"), 0);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    done(&f);
    assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
}

TEST(changes_are_whole_and_stand_in_the_activity_log_without_the_value)
{
    struct fixture f;
    begin(&f, NULL);
    unsigned char chain_key[32] = {1};
    struct secret_row row;
    struct json none = json_null();
    bool replaced = true;
    static const char *const names[] = {"ONE", "TWO", "TWOO"};
    store_activity_set_key(f.store, chain_key);
    for (size_t i = 0; i < 3; i++) {
        const char *name = i < 2 ? names[i] : names[0];
        assert_int_equal(secret_source_seal(&f.source, name, &none, STR("correct horse"), f.arena, &row, NULL), 0);
        assert_int_equal(secret_change_set(f.store, &row, "ann", &replaced, NULL), 0);
        assert_int_equal(replaced, i == 2);
    }
    assert_int_equal(secret_change_remove(f.store, names, 3, "bob", &f.err), -1);
    assert_string_equal(f.err.message, "there is no secret 'TWOO': did you mean 'TWO'?");
    assert_int_equal(read_one(&f, "ONE"), 0);
    assert_int_equal(secret_change_remove(f.store, names, 2, "bob", NULL), 0);
    assert_int_equal(read_one(&f, "ONE"), -1);
    struct activity *rows = NULL;
    size_t count = 0;
    assert_int_equal(store_activity_list(f.store, NULL, false, 0, 100, f.arena, &rows, &count, NULL), 0);
    static const char *const expected[][4] = {{"ann", "secret.set", "secret ONE", ""},
                                              {"ann", "secret.set", "secret TWO", ""},
                                              {"ann", "secret.set", "secret ONE", "set"},
                                              {"bob", "secret.removed", "secret ONE", "set"},
                                              {"bob", "secret.removed", "secret TWO", "set"}};
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rows[i].actor, expected[i][0]);
        assert_string_equal(rows[i].action, expected[i][1]);
        assert_string_equal(rows[i].object, expected[i][2]);
        assert_string_equal(rows[i].from_state, expected[i][3]);
        assert_string_equal(rows[i].reason, "");
        assert_string_equal(rows[i].evidence_sha256, "");
    }
    done(&f);
}

TESTS(RUN(what_was_set_is_read_by_the_next_sluice), RUN(what_is_not_there_says_how_it_is_set), RUN(config_yaml_wins),
      RUN(a_sealed_secret_is_given_to_its_pipelines_only),
      RUN(a_row_under_another_name_or_for_others_or_in_another_home_does_not_open),
      RUN(another_key_is_told_from_a_change), RUN(a_key_that_others_may_read_or_that_is_none_opens_nothing),
      RUN(sluice_key_takes_the_place_of_the_file_and_leaves_the_environment),
      RUN(nobody_may_look_into_the_process_while_it_knows_a_secret),
      RUN(changes_are_whole_and_stand_in_the_activity_log_without_the_value))
