/* SPDX-License-Identifier: Apache-2.0
 * deploy in stages: what it does in each leg, and what it makes of what an earlier one has left.
 */
#include "fake_host.h"
#include "sha256.h"
#include "test.h"

#include <sys/stat.h>

static void give_model(struct fake_host *fake, int version)
{
    struct sha256 sha256;
    char hex[SHA256_HEX];
    const char *text = arena_printf(fake->arena, "%d", version);
    sha256_begin(&sha256);
    sha256_add(&sha256, text, strlen(text));
    sha256_end(&sha256, hex);
    const char *folder = arena_printf(fake->arena, "%s/model%d", fake->folder, version);
    (void)mkdir(folder, 0755);
    (void)fake_host_file(fake, arena_printf(fake->arena, "model%d/w", version), text);
    fake_host_reply(fake, "model.files", 0,
                    arena_printf(fake->arena,
                                 "{\"path\": \"%s\", \"model_id\": \"m-%d\", \"files\": "
                                 "[{\"path\": \"w\", \"sha256\": \"%s\", \"size\": %zu}]}",
                                 folder, version, hex, strlen(text)));
    fake_host_reply(fake, "model.get", 0, arena_printf(fake->arena, "{\"version\": %d}", version));
    fake_host_reply(fake, "deployment.note", 0, "{}");
}

static const char *link_of(struct fake_host *fake, const char *name)
{
    char room[256];
    ssize_t size = readlink(arena_printf(fake->arena, "%s/serve/%s", fake->folder, name), room, sizeof room);
    return size < 0 ? "none" : arena_dup(fake->arena, room, (size_t)size < 10 ? (size_t)size : 10); /* "versions/2" */
}

static bool is_open(struct fake_host *fake)
{
    const char *path = arena_printf(fake->arena, "%s/rollout.json", fake->folder);
    return access(path, F_OK) == 0 && strstr(fake_host_read(fake, path), "\"phase\":\"done\"") == NULL;
}

static const char *traffic(struct fake_host *fake)
{
    return fake_host_read(fake, arena_printf(fake->arena, "%s/serve/traffic.json", fake->folder));
}

static const char *const at_once = "{\"model\": \"m-1\", \"target\": {\"directory\": \"serve\"}}";
static const char *const staged =
    "{\"model\": \"models:/wine/2\", \"target\": {\"directory\": \"serve\"}, "
    "\"stages\": [{\"weight\": 10, \"for\": \"10m\"}, {\"weight\": 60}], "
    "\"check\": {\"url\": \"http://h/m\", \"timeout\": \"1ms\"}, \"thresholds\": {\"error_rate\": \"<= 0.02\"}}";

/* Version 1 serves, version 2 is the one of models:/wine/2. */
static void prepare(struct fake_host *fake)
{
    fake_host_open(fake, "deploy");
    give_model(fake, 1);
    assert_int_equal(fake_host_run(fake, at_once), STEP_OK);
    fake->reply_count = 0;
    give_model(fake, 2);
    fake->http_status = 200;
    fake->http_body = "error_rate 0\n";
}

static void begin(struct fake_host *fake)
{
    prepare(fake);
    assert_int_equal(fake_host_run(fake, staged), STEP_WAIT);
    assert_string_equal(fake->wait, "{\"kind\":\"delay\",\"delay_ms\":600000}");
    assert_string_equal(link_of(fake, "canary"), "versions/2");
    assert_true(is_open(fake));
}

static void resume(struct fake_host *fake)
{
    fake_host_resume(fake, "{\"outcome\": \"met\", \"state\": \"rollout\"}");
}

static void assert_serves(struct fake_host *fake, const char *version)
{
    assert_string_equal(link_of(fake, "current"), version);
    assert_string_equal(link_of(fake, "canary"), "none");
    assert_string_equal(link_of(fake, ".before"), "none");
    assert_false(is_open(fake));
}

TEST(rollout_writes_down_and_notes_a_stage_before_it_touches_anything)
{
    struct fake_host fake;
    prepare(&fake);
    fake.reply_count -= 1;
    fake_host_reply(&fake, "deployment.note", -1, "{\"error\": \"busy\", \"message\": \"the disk is full\"}");
    assert_int_equal(fake_host_run(&fake, staged), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "the disk is full"));
    assert_string_equal(link_of(&fake, "canary"), "none");
    assert_string_equal(link_of(&fake, "current"), "versions/1");
    fake_host_close(&fake);
}

TEST(rollout_goes_on_after_its_wait_and_ends_with_all_of_the_traffic)
{
    struct fake_host fake;
    begin(&fake);
    assert_non_null(strstr(traffic(&fake), "\"weight\": 90"));
    assert_non_null(strstr(fake_host_called(&fake, "deployment.note"),
                           "\"state\":\"stage\",\"model_id\":\"m-2\",\"uri\":\"models:/wine/2\","
                           "\"from\":\"versions/1"));
    resume(&fake);
    assert_int_equal(fake_host_run(&fake, staged), STEP_OK);
    assert_serves(&fake, "versions/2");
    assert_non_null(strstr(traffic(&fake), "\"weight\": 100"));
    assert_string_equal(fake_host_output(&fake, "changed"), "true");
    assert_true(fake_host_metric(&fake, "error_rate") == 0);
    fake_host_close(&fake);
}

TEST(rollout_is_refused_by_the_rule_that_is_broken)
{
    struct fake_host fake;
    begin(&fake);
    fake.http_body = "{\"error_rate\": 0.5}";
    resume(&fake);
    assert_int_equal(fake_host_run(&fake, staged), STEP_REFUSED);
    assert_non_null(strstr(fake.failure, "stage 1 of 3 (10 % of the traffic): error_rate 0.5 is above 0.02 (by 0.48); "
                                         "rolled back to versions/1-"));
    assert_serves(&fake, "versions/1");
    assert_non_null(strstr(fake_host_called(&fake, "deployment.note"), "\"state\":\"rolled_back\""));
    fake_host_close(&fake);
}

TEST(rollout_that_another_attempt_finds_open_is_taken_back)
{
    struct fake_host fake;
    begin(&fake);
    assert_int_equal(fake_host_run(&fake, staged), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "attempt 1 ended before it was decided; rolled back to versions/1-"));
    assert_serves(&fake, "versions/1");
    fake_host_close(&fake);
}

TEST(rollout_is_taken_back_by_a_step_that_is_cancelled)
{
    struct fake_host fake;
    begin(&fake);
    fake.cancelled = true;
    assert_int_equal(fake_host_run(&fake, staged), STEP_FAILED);
    assert_serves(&fake, "versions/1");
    fake.cancelled = true;
    assert_int_equal(fake_host_run(&fake, staged), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "cancelled: nothing was changed"));
    fake_host_close(&fake);
}

/* Killed between two acts: the state file is as it was before the second. */
static void put_back_state(struct fake_host *fake, const char *state)
{
    (void)fake_host_file(fake, "rollout.json", state);
}

TEST(rollout_that_died_before_it_had_switched_anything_leaves_nothing)
{
    struct fake_host fake;
    begin(&fake);
    assert_int_equal(unlink(arena_printf(fake.arena, "%s/serve/canary", fake.folder)), 0);
    assert_int_equal(fake_host_run(&fake, staged), STEP_FAILED);
    assert_serves(&fake, "versions/1");
    fake_host_close(&fake);
}

TEST(rollout_that_died_while_it_went_back_goes_on_going_back_and_keeps_its_reason)
{
    struct fake_host fake;
    begin(&fake);
    const char *path = arena_printf(fake.arena, "%s/rollout.json", fake.folder);
    const char *open = fake_host_read(&fake, path);
    const char *back = arena_printf(fake.arena, "{\"phase\":\"back\",\"reason\":\"stage 1: too many errors\","
                                                "\"refused\":true,%s", strstr(open, "\"attempt\""));
    const char *cut = strstr(back, ",\"refused\":false");
    back = arena_printf(fake.arena, "%.*s}", (int)(cut - back), back);
    for (int i = 0; i < 2; i++) { /* and once more, when even that was cut off */
        put_back_state(&fake, back);
        assert_int_equal(fake_host_run(&fake, staged), STEP_REFUSED);
        assert_non_null(strstr(fake.failure, "stage 1: too many errors; rolled back to versions/1-"));
        assert_serves(&fake, "versions/1");
    }
    fake_host_close(&fake);
}

TEST(rollout_that_died_when_all_was_done_is_done)
{
    struct fake_host fake;
    begin(&fake);
    const char *path = arena_printf(fake.arena, "%s/rollout.json", fake.folder);
    const char *open = fake_host_read(&fake, path);
    const char *done = arena_printf(fake.arena, "{\"phase\":\"done\",%s", strstr(open, "\"attempt\""));
    resume(&fake);
    assert_int_equal(fake_host_run(&fake, staged), STEP_OK);
    fake.host.resumed = NULL;
    for (int i = 0; i < 2; i++) { /* as it was left, and as it was when the directory was not settled */
        assert_int_equal(fake_host_run(&fake, staged), STEP_OK);
        assert_serves(&fake, "versions/2");
        assert_non_null(strstr(fake_host_output(&fake, "previous"), "versions/1-"));
        put_back_state(&fake, done);
    }
    fake_host_close(&fake);
}

TEST(rollout_that_cannot_read_what_it_has_written_touches_nothing)
{
    static const char *const texts[] = {"", "{", "[]", "{\"phase\":\"open\"}", "{\"phase\":\"gone\"}"};
    struct fake_host fake;
    begin(&fake);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_back_state(&fake, texts[i]);
        assert_int_equal(fake_host_run(&fake, staged), STEP_FAILED);
        assert_string_equal(link_of(&fake, "canary"), "versions/2");
    }
    fake_host_close(&fake);
}

TEST(rollout_says_before_anything_what_does_not_fit)
{
    static const char *const cases[][2] = {
        {"\"stages\": [{\"weight\": 50}, {\"weight\": 50}]",
         "expected more than the 50 of the stage before it, found 50"},
        {"\"stages\": [{\"weight\": 0}]", "expected a number of percent, above 0 and up to 100"},
        {"\"stages\": [{\"weight\": 10, \"target\": {\"directory\": \"x\"}}]", "exactly one of 'weight' and 'target'"},
        {"\"stages\": [{\"weight\": 10}, {\"target\": {\"directory\": \"x\"}}]",
         "a target of its own comes before the stages of traffic"},
        {"\"stages\": [{\"weight\": 10}], \"check\": \"http://h/m\"", "check: there are no 'thresholds'"},
        {"\"stages\": [{\"weight\": 10}], \"thresholds\": {\"x\": \"< 1\"}", "thresholds: there is no 'check'"},
        {"\"stages\": [{\"weight\": 10}], \"check\": \"http://h/m\", \"thresholds\": {\"x\": \"< champion\"}",
         "there is no 'champion' that gives its numbers"},
        {"\"stages\": [{\"weight\": 10}], \"check\": \"http://h/m\", \"thresholds\": "
         "{\"x\": {\"is\": \"< 1\", \"confidence\": 0.9}}",
         "min_samples and confidence are for rows"},
        {"\"check\": \"http://h/m\", \"thresholds\": {\"x\": \"< 1\"}", "check: there are no 'stages'"},
    };
    struct fake_host fake;
    prepare(&fake);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *params = arena_printf(
            fake.arena, "{\"model\": \"m-2\", \"target\": {\"directory\": \"serve\"}, %s}", cases[i][0]);
        assert_int_equal(fake_host_run(&fake, params), STEP_FAILED);
        if (strstr(fake.failure, cases[i][1]) == NULL) {
            fail_msg("%s: %s", cases[i][0], fake.failure);
        }
    }
    assert_serves(&fake, "versions/1");
    fake_host_close(&fake);
}

TESTS(RUN(rollout_writes_down_and_notes_a_stage_before_it_touches_anything),
      RUN(rollout_goes_on_after_its_wait_and_ends_with_all_of_the_traffic),
      RUN(rollout_is_refused_by_the_rule_that_is_broken), RUN(rollout_that_another_attempt_finds_open_is_taken_back),
      RUN(rollout_is_taken_back_by_a_step_that_is_cancelled),
      RUN(rollout_that_died_before_it_had_switched_anything_leaves_nothing),
      RUN(rollout_that_died_while_it_went_back_goes_on_going_back_and_keeps_its_reason),
      RUN(rollout_that_died_when_all_was_done_is_done),
      RUN(rollout_that_cannot_read_what_it_has_written_touches_nothing),
      RUN(rollout_says_before_anything_what_does_not_fit))
