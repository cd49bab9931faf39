/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "sha256.h"
#include "test.h"

#include <sys/stat.h>

/* A model of one file; what `model.files` and `model.get` say of it are the next replies. */
static void give_model(struct fake_host *fake, int version, const char *text, const char *recorded)
{
    struct sha256 sha256;
    char hex[SHA256_HEX];
    sha256_begin(&sha256);
    sha256_add(&sha256, recorded, strlen(recorded));
    sha256_end(&sha256, hex);
    const char *folder = arena_printf(fake->arena, "%s/model%d", fake->folder, version);
    (void)mkdir(folder, 0755);
    (void)fake_host_file(fake, arena_printf(fake->arena, "model%d/MLmodel", version), text);
    fake_host_reply(fake, "model.files", 0,
                    arena_printf(fake->arena,
                                 "{\"path\": \"%s\", \"model_id\": \"m-%d\", \"files\": "
                                 "[{\"path\": \"MLmodel\", \"sha256\": \"%s\", \"size\": %zu}]}",
                                 folder, version, hex, strlen(recorded)));
    fake_host_reply(fake, "model.get", 0, arena_printf(fake->arena, "{\"version\": %d}", version));
    fake_host_reply(fake, "deployment.note", 0, "{}");
}

static const char *current(struct fake_host *fake)
{
    char room[256];
    const char *path = arena_printf(fake->arena, "%s/serve/current", fake->folder);
    ssize_t size = readlink(path, room, sizeof room);
    return size < 0 ? "none" : arena_dup(fake->arena, room, (size_t)size);
}

static const char *const to_directory =
    "{\"model\": \"models:/wine/1\", \"target\": {\"directory\": \"serve\"}, \"keep\": 1}";
static const char *const with_health =
    "{\"model\": \"models:/wine/1\", \"target\": {\"directory\": \"serve\"}, "
    "\"health\": {\"url\": \"http://127.0.0.1:9/ping\", \"timeout\": \"30ms\", \"interval\": \"10ms\"}}";

TEST(deploy_switches_a_link_to_a_verified_copy)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    assert_int_equal(fake_host_run(&fake, to_directory), STEP_OK);
    assert_int_equal(strncmp(current(&fake), "versions/1-", 11), 0);
    const char *copy = arena_printf(fake.arena, "%s/serve/current/MLmodel", fake.folder);
    assert_string_equal(fake_host_read(&fake, copy), "one");
    assert_string_equal(fake_host_output(&fake, "changed"), "true");
    assert_string_equal(fake_host_output(&fake, "previous"), "null");
    assert_non_null(strstr(fake_host_called(&fake, "deployment.note"), "\"state\":\"deployed\",\"model_id\":\"m-1\""));
    fake_host_close(&fake);
}

TEST(deploy_changes_nothing_when_the_version_is_there)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    assert_int_equal(fake_host_run(&fake, to_directory), STEP_OK);
    assert_int_equal(fake_host_run(&fake, to_directory), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "changed"), "false");
    fake.http_status = 503;
    assert_int_equal(fake_host_run(&fake, with_health), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "it served before this step: nothing was changed"));
    assert_int_equal(strncmp(current(&fake), "versions/1-", 11), 0);
    fake_host_close(&fake);
}

TEST(deploy_goes_back_when_the_new_version_is_not_healthy)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    give_model(&fake, 2, "two", "two");
    fake.http_status = 200;
    assert_int_equal(fake_host_run(&fake, with_health), STEP_OK);
    const char *first = current(&fake);
    fake.http_status = 503;
    assert_int_equal(fake_host_run(&fake, with_health), STEP_FAILED);
    assert_string_equal(fake.failure, arena_printf(fake.arena,
                                                   "not healthy after 30ms: http://127.0.0.1:9/ping answered 503; "
                                                   "rolled back to %s", first));
    assert_string_equal(current(&fake), first);
    assert_non_null(strstr(fake_host_called(&fake, "deployment.note"), "\"state\":\"rolled_back\""));
    fake_host_close(&fake);
}

TEST(deploy_leaves_no_link_when_the_first_version_is_not_healthy)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    assert_int_equal(fake_host_run(&fake, with_health), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "rolled back to nothing, as before"));
    assert_string_equal(current(&fake), "none");
    fake_host_close(&fake);
}

TEST(deploy_keeps_so_many_old_versions)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    for (int version = 1; version <= 4; version++) {
        const char *text = arena_printf(fake.arena, "%d", version);
        give_model(&fake, version, text, text);
        assert_int_equal(fake_host_run(&fake, to_directory), STEP_OK);
        (void)usleep(20000);
    }
    assert_int_equal(strncmp(current(&fake), "versions/4-", 11), 0);
    assert_non_null(strstr(fake.log, "removed the old version 2-"));
    assert_null(strstr(fake.log, "removed the old version 3-"));
    fake_host_close(&fake);
}

TEST(deploy_refuses_bytes_that_are_not_what_was_recorded)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "forged", "honest");
    assert_int_equal(fake_host_run(&fake, to_directory), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "recorded"));
    assert_string_equal(current(&fake), "none");
    fake_host_close(&fake);
}

TEST(deploy_goes_back_to_what_was_before_a_deployment_that_was_cut_off)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    assert_int_equal(fake_host_run(&fake, to_directory), STEP_OK);
    const char *first = current(&fake);
    const char *folder = arena_printf(fake.arena, "%s/serve", fake.folder);
    assert_int_equal(symlink(first, arena_printf(fake.arena, "%s/.before", folder)), 0);
    assert_int_equal(unlink(arena_printf(fake.arena, "%s/current", folder)), 0);
    assert_int_equal(symlink("versions/9-dead", arena_printf(fake.arena, "%s/current", folder)), 0);
    assert_int_equal(fake_host_run(&fake, to_directory), STEP_OK);
    assert_string_equal(current(&fake), first);
    assert_string_equal(fake_host_output(&fake, "changed"), "true");
    fake_host_close(&fake);
}

TEST(deploy_reloads_what_serves_a_directory_after_each_switch)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    give_model(&fake, 2, "two", "two");
    const char *run = "{\"model\": \"models:/wine/1\", \"health\": {\"url\": \"http://h/\", \"timeout\": \"1ms\"}, "
                      "\"target\": {\"directory\": \"serve\", \"reload\": [\"sh\", \"-c\", "
                      "\"echo $SLUICE_DEPLOY_ACTION $(cat serve/current/MLmodel) >> told\"]}}";
    fake.http_status = 200;
    assert_int_equal(fake_host_run(&fake, run), STEP_OK);
    fake.http_status = 500;
    assert_int_equal(fake_host_run(&fake, run), STEP_FAILED);
    assert_string_equal(fake_host_read(&fake, arena_printf(fake.arena, "%s/told", fake.folder)),
                        "deploy one\ndeploy two\nrollback one\n");
    fake_host_close(&fake);
}

TEST(deploy_tells_a_command_and_tells_it_to_go_back)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    assert_int_equal(fake_host_run(&fake,
                                   "{\"model\": \"m-1\", \"health\": {\"url\": \"http://h/\", \"timeout\": \"1ms\"}, "
                                   "\"target\": {\"command\": [\"sh\", \"-c\", \"echo $SLUICE_DEPLOY_ACTION "
                                   "$SLUICE_MODEL_ID >> told\"]}}"),
                     STEP_FAILED);
    assert_non_null(strstr(fake.failure, "rolled back to what was there before"));
    assert_string_equal(fake_host_read(&fake, arena_printf(fake.arena, "%s/told", fake.folder)),
                        "deploy m-1\nrollback\n");
    fake_host_close(&fake);
}

TEST(deploy_tells_a_url_and_says_when_going_back_fails_too)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    fake.http_status = 201;
    assert_int_equal(fake_host_run(&fake, "{\"model\": \"m-1\", \"target\": {\"http\": \"http://h/deploy\"}}"),
                     STEP_OK);
    assert_string_equal(fake.http_method, "POST");
    assert_non_null(strstr(fake.http_request, "{\"action\":\"deploy\",\"model_uri\":\"m-1\",\"model_id\":\"m-1\""));
    fake.http_status = 500;
    assert_int_equal(fake_host_run(&fake, "{\"model\": \"m-1\", \"target\": {\"http\": \"http://h/deploy\"}}"),
                     STEP_FAILED);
    assert_non_null(strstr(fake.failure, "http://h/deploy answered 500"));
    assert_non_null(strstr(fake.failure, "rolling back to what was there before failed, too"));
    fake_host_close(&fake);
}

TEST(deploy_tells_nobody_when_the_model_serves_already)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    assert_int_equal(fake_host_run(&fake, "{\"model\": \"m-1\", \"previous\": \"models:/wine@champion\", "
                                          "\"target\": {\"http\": \"http://h/deploy\"}}"),
                     STEP_OK);
    assert_null(fake.http_url);
    assert_string_equal(fake_host_output(&fake, "changed"), "false");
    fake_host_close(&fake);
}

TEST(deploy_refuses_what_was_not_approved)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    fake_host_reply(&fake, "evidence.collect", 0, "{\"sha256\": \"bbbb\"}");
    assert_int_equal(fake_host_run(&fake, "{\"model\": \"m-1\", \"target\": {\"directory\": \"serve\"}, "
                                          "\"evidence_sha256\": \"aaaa\"}"),
                     STEP_FAILED);
    assert_string_equal(fake.failure,
                        "what was approved has changed: its digest is bbbb, that of the approval is aaaa");
    assert_string_equal(current(&fake), "none");
    fake_host_close(&fake);
}

TEST(deploy_compares_the_approval_with_the_files_it_read_and_not_with_what_an_alias_names_by_now)
{
    struct fake_host fake;
    fake_host_open(&fake, "deploy");
    give_model(&fake, 1, "one", "one");
    fake_host_reply(&fake, "evidence.collect", 0, "{\"sha256\": \"aaaa\"}");
    assert_int_equal(fake_host_run(&fake, "{\"model\": \"models:/wine@candidate\", \"target\": {\"directory\": "
                                          "\"serve\"}, \"evidence_sha256\": \"aaaa\"}"),
                     STEP_OK);
    const char *asked = fake_host_called(&fake, "evidence.collect");
    assert_non_null(strstr(asked, "\"model\":\"m-1\""));
    assert_non_null(strstr(asked, "\"approved\":\"aaaa\""));
    fake_host_close(&fake);
}

TEST(deploy_says_what_is_wrong_with_its_parameters)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{\"model\": \"m-1\", \"target\": {}}", "target: expected {directory: PATH}, {command: [...]} or {http: URL}"},
        {"{\"model\": \"m-1\", \"target\": {\"http\": \"ftp://h\"}}",
         "target.http: 'ftp://h' is no URL: expected http://... or https://..."},
        {"{\"model\": \"m-1\", \"target\": {\"directory\": \"d\"}, \"previous\": \"m-2\"}",
         "previous: a directory knows itself what it serves: expected a command or http target"},
        {"{\"model\": \"m-1\", \"target\": {\"directory\": \"d\"}, \"health\": {\"url\": \"http://h\", \"tiemout\": "
         "\"1s\"}}",
         "health: unknown key 'tiemout' (did you mean 'timeout'?): expected url, status, contains, timeout, interval"},
        {"{\"model\": \"m-1\", \"target\": {\"directory\": \"d\"}}", "there is no model 'm-1'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "deploy");
        fake_host_reply(&fake, "model.files", -1,
                        "{\"error\": \"not_found\", \"message\": \"there is no model 'm-1'\"}");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        fake_host_close(&fake);
    }
}

TESTS(RUN(deploy_switches_a_link_to_a_verified_copy), RUN(deploy_changes_nothing_when_the_version_is_there),
      RUN(deploy_goes_back_when_the_new_version_is_not_healthy),
      RUN(deploy_leaves_no_link_when_the_first_version_is_not_healthy), RUN(deploy_keeps_so_many_old_versions),
      RUN(deploy_refuses_bytes_that_are_not_what_was_recorded),
      RUN(deploy_goes_back_to_what_was_before_a_deployment_that_was_cut_off),
      RUN(deploy_reloads_what_serves_a_directory_after_each_switch),
      RUN(deploy_tells_a_command_and_tells_it_to_go_back), RUN(deploy_tells_a_url_and_says_when_going_back_fails_too),
      RUN(deploy_tells_nobody_when_the_model_serves_already), RUN(deploy_refuses_what_was_not_approved),
      RUN(deploy_compares_the_approval_with_the_files_it_read_and_not_with_what_an_alias_names_by_now),
      RUN(deploy_says_what_is_wrong_with_its_parameters))
