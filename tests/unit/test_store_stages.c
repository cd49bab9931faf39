/* SPDX-License-Identifier: Apache-2.0 */
#include "version_fixture.h"

#include <time.h>

TEST(a_deleted_version_is_a_number_that_is_never_given_again)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct model_version version;
    struct model_version *list = NULL;
    size_t count = 0;
    int64_t previous = 0;
    add_logged_model(&f, "m-1", "r1");
    (void)add_version(&f, (struct model_version){0}, 100);
    (void)add_version(&f, (struct model_version){.source = "models:/m-1", .user = "alice", .description = "d"}, 100);
    point(&f, "champion", 2);
    point(&f, "other", 1);
    assert_int_equal(store_version_delete(f.store, "wine", 2, NULL, 500, NULL), 0);
    assert_string_equal(message(&f, store_version_get(f.store, "wine", 2, f.arena, &version, &err), &err,
                                ERR_NOT_FOUND),
                        "Model Version (name=wine, version=2) not found");
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM model_versions WHERE version = 2 AND stage = 'Deleted_Internal' AND "
                             "source = 'REDACTED-SOURCE-PATH' AND run_id = 'REDACTED-RUN-ID' AND run_link = "
                             "'REDACTED-RUN-LINK' AND model_id IS NULL AND user = '' AND description = '' AND "
                             "storage_location = '' AND updated_ms = 500"),
                     1);
    assert_string_equal(aliases(&f, "wine", 1), "other;");
    assert_string_equal(aliases(&f, "wine", 2), "");
    assert_int_equal(get_model(&f, "wine").latest_version, 1);
    assert_int_equal(get_model(&f, "wine").updated_ms, 500);
    assert_int_equal(store_version_list(f.store, "wine", f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(store_version_latest(f.store, "wine", NULL, 0, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].version, 1);
    (void)message(&f, store_version_delete(f.store, "wine", 2, NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_tag(f.store, "wine", 2, "k", "v", NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_delete_tag(f.store, "wine", 2, "k", NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_describe(f.store, "wine", 2, "v", 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_stage_set(f.store, "wine", 2, "Staging", false, NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_alias_set(f.store, "wine", "champion", 2, -1, NULL, 1, &previous, &err), &err,
                  ERR_NOT_FOUND);
    assert_int_equal(add_version(&f, (struct model_version){.source = "models:/m-1"}, 600), 3);
    close_fixture(&f);
}

TEST(a_stage_is_moved_and_with_it_whoever_was_there)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    for (int i = 0; i < 4; i++) {
        (void)add_version(&f, (struct model_version){0}, 100);
    }
    assert_int_equal(store_stage_set(f.store, "wine", 1, "production", false, NULL, 200, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 2, "PRODUCTION", false, NULL, 300, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 3, "Staging", false, NULL, 300, NULL), 0);
    assert_string_equal(get(&f, "wine", 1).stage, "Production");
    assert_int_equal(store_stage_set(f.store, "wine", 4, "Production", true, NULL, 400, NULL), 0);
    assert_string_equal(get(&f, "wine", 1).stage, "Archived");
    assert_string_equal(get(&f, "wine", 2).stage, "Archived");
    assert_int_equal(get(&f, "wine", 2).updated_ms, 400);
    assert_string_equal(get(&f, "wine", 3).stage, "Staging");
    assert_string_equal(get(&f, "wine", 4).stage, "Production");
    assert_int_equal(store_stage_set(f.store, "wine", 4, "Production", true, NULL, 500, NULL), 0); /* it stays there */
    assert_string_equal(get(&f, "wine", 4).stage, "Production");
    assert_int_equal(get_model(&f, "wine").updated_ms, 500);
    assert_string_equal(message(&f, store_stage_set(f.store, "wine", 1, "Nowhere", false, NULL, 1, &err), &err,
                                ERR_INPUT),
                        "Invalid Model Version stage: Nowhere. Value must be one of None, Staging, Production, "
                        "Archived.");
    assert_string_equal(message(&f, store_stage_set(f.store, "wine", 1, "none", true, NULL, 1, &err), &err, ERR_INPUT),
                        "Model version transition cannot archive existing model versions because 'none' is not an "
                        "Active stage. Valid stages are ['Staging', 'Production']");
    (void)message(&f, store_stage_set(f.store, "wine", 9, "Production", true, NULL, 1, &err), &err, ERR_NOT_FOUND);
    assert_string_equal(get(&f, "wine", 4).stage, "Production"); /* nothing was archived for it */
    (void)message(&f, store_stage_set(f.store, "wine", 1, "Deleted_Internal", false, NULL, 1, &err), &err, ERR_INPUT);
    close_fixture(&f);
}

TEST(the_latest_of_each_stage_is_the_highest)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct model_version *list = NULL;
    size_t count = 0;
    for (int i = 0; i < 5; i++) {
        (void)add_version(&f, (struct model_version){0}, 100);
    }
    assert_int_equal(store_version_latest(f.store, "wine", NULL, 0, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].version, 5);
    assert_int_equal(store_stage_set(f.store, "wine", 1, "Staging", false, NULL, 1, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 3, "Staging", false, NULL, 1, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 4, "Archived", false, NULL, 1, NULL), 0);
    assert_int_equal(store_version_latest(f.store, "wine", NULL, 0, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].version, 5);
    assert_int_equal(list[1].version, 3);
    assert_int_equal(list[2].version, 4);
    const char *const asked[] = {"archived", "PRODUCTION", "archived"};
    assert_int_equal(store_version_latest(f.store, "wine", asked, 3, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].version, 4);
    const char *const bad[] = {"x"};
    (void)message(&f, store_version_latest(f.store, "wine", bad, 1, f.arena, &list, &count, &err), &err, ERR_INPUT);
    (void)message(&f, store_version_latest(f.store, "beer", NULL, 0, f.arena, &list, &count, &err), &err,
                  ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(an_alias_leads_to_a_version_and_latest_to_the_highest)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct model_version version;
    int64_t previous = 0;
    assert_string_equal(
        message(&f, store_version_by_alias(f.store, "wine", "latest", f.arena, &version, &err), &err, ERR_NOT_FOUND),
        "Latest version not found for model wine.");
    (void)add_version(&f, (struct model_version){0}, 1);
    (void)add_version(&f, (struct model_version){0}, 1);
    point(&f, "champion", 1);
    point(&f, "best", 1);
    assert_string_equal(aliases(&f, "wine", 1), "best;champion;");
    assert_int_equal(store_version_by_alias(f.store, "wine", "champion", f.arena, &version, NULL), 0);
    assert_int_equal(version.version, 1);
    assert_int_equal(store_version_by_alias(f.store, "wine", "Latest", f.arena, &version, NULL), 0);
    assert_int_equal(version.version, 2);
    assert_string_equal(
        message(&f, store_version_by_alias(f.store, "wine", "none", f.arena, &version, &err), &err, ERR_INPUT),
        "Registered model alias none not found.");
    (void)message(&f, store_version_by_alias(f.store, "beer", "none", f.arena, &version, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_by_alias(f.store, "wine", "a b", f.arena, &version, &err), &err, ERR_INPUT);
    assert_int_equal(store_alias_delete(f.store, "wine", "champion", NULL, 1, &previous, NULL), 0);
    assert_int_equal(previous, 1);
    assert_int_equal(store_alias_delete(f.store, "wine", "champion", NULL, 1, &previous, NULL), 0);
    assert_int_equal(previous, 0);
    assert_int_equal(store_alias_delete(f.store, "wine", "latest", NULL, 1, &previous, NULL), 0);
    (void)message(&f, store_alias_delete(f.store, "beer", "champion", NULL, 1, &previous, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(deleting_a_tag_that_is_not_there_is_fine)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct json map;
    (void)add_version(&f, (struct model_version){0}, 1);
    assert_int_equal(store_version_tag(f.store, "wine", 1, "k", "v", NULL, 1, NULL), 0);
    assert_int_equal(store_registered_tag(f.store, "wine", "k", "v", 1, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_version_delete_tag(f.store, "wine", 1, "k", NULL, 1, NULL), 0);
        assert_int_equal(store_registered_delete_tag(f.store, "wine", "k", 1, NULL), 0);
    }
    assert_int_equal(store_version_tags(f.store, "wine", 1, f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{}");
    assert_int_equal(store_registered_tags(f.store, "wine", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{}");
    (void)message(&f, store_version_delete_tag(f.store, "wine", 9, "k", NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_registered_delete_tag(f.store, "beer", "k", 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_registered_delete_tag(f.store, "wine", "a$b", 1, &err), &err, ERR_INPUT);
    close_fixture(&f);
}

TEST(a_version_is_written_as_an_integer)
{
    static const struct {
        const char *text;
        int64_t number; /* 0: refused */
    } cases[] = {{"1", 1}, {" 12 ", 12}, {"-3", -3}, {"", 0},
                 {"x", 0}, {"1.0", 0},   {"1x", 0},  {"99999999999999999999", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        int64_t number = 0;
        assert_int_equal(version_parse(cases[i].text, &number, &err), cases[i].number == 0 ? -1 : 0);
        assert_int_equal(number, cases[i].number);
    }
    struct err err = {0};
    int64_t number = 0;
    (void)version_parse("x", &number, &err);
    assert_string_equal(err.message, "Parameter 'version' must be an integer, got 'x'.");
}

/* ---- logged models -------------------------------------------------------------------------------------------------
 * */

TEST(a_clients_model_goes_through_any_status_and_is_no_output_by_itself)
{
    struct fixture f = open_empty();
    struct err err = {0};
    struct json map;
    static const struct pair params[] = {{"depth", "3"}, {"depth", "3"}};
    static const struct pair other[] = {{"fresh", "1"}, {"depth", "4"}};
    static const struct pair tags[] = {{"k", "1"}, {"k", "2"}};
    struct logged_model model = {.model_id = "m-1", .name = "wine", .artifact_uri = "/m", .source_run_id = "123"};
    struct logged_model read;
    assert_int_equal(store_model_create_tagged(f.store, &model, params, 2, tags, 2, NULL), 0);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM run_models"), 0);
    assert_int_equal(store_model_params(f.store, "m-1", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"depth\":\"3\"}");
    assert_int_equal(store_model_tags(f.store, "m-1", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"k\":\"2\"}");
    (void)message(&f, store_model_params_log(f.store, "m-1", other, 2, &err), &err, ERR_INPUT);
    static const enum model_status all[] = {MODEL_STATUS_READY, MODEL_STATUS_UPLOAD_FAILED, MODEL_STATUS_READY,
                                            MODEL_STATUS_PENDING};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(store_model_set_status(f.store, "m-1", all[i], 500, NULL), 0);
        assert_int_equal(store_model_get(f.store, "m-1", f.arena, &read, NULL), 0);
        assert_int_equal(read.status, all[i]);
        assert_int_equal(read.updated_ms, 500);
    }
    struct logged_model odd = {.model_id = "m-2", .name = "it's", .artifact_uri = "/m"};
    assert_string_equal(message(&f, store_model_create(f.store, &odd, &err), &err, ERR_INPUT),
                        "Invalid model name (\"it's\") provided. Model name must be a non-empty string and cannot "
                        "contain the following characters: ('/', ':', '.', '%', '\"', \"'\")");
    (void)message(&f, store_model_set_status(f.store, "m-9", MODEL_STATUS_READY, 1, &err), &err, ERR_NOT_FOUND);
    assert_int_equal(store_model_delete_tag(f.store, "m-1", "k", NULL), 0);
    assert_string_equal(message(&f, store_model_delete_tag(f.store, "m-1", "k", &err), &err, ERR_NOT_FOUND),
                        "No tag with key 'k' found for model with ID 'm-1'.");
    close_fixture(&f);
}

TEST(a_deleted_logged_model_is_found_by_who_asks_for_it)
{
    struct fixture f = open_empty();
    struct err err = {0};
    struct logged_model read;
    add_logged_model(&f, "m-1", NULL);
    assert_int_equal(store_model_delete(f.store, "m-1", 700, NULL), 0);
    assert_int_equal(store_model_delete(f.store, "m-1", 800, NULL), 0);
    assert_string_equal(message(&f, store_model_get(f.store, "m-1", f.arena, &read, &err), &err, ERR_NOT_FOUND),
                        "Logged model with ID 'm-1' not found.");
    assert_int_equal(store_model_get_any(f.store, "m-1", f.arena, &read, NULL), 0);
    assert_true(read.deleted);
    assert_int_equal(read.updated_ms, 700);
    (void)message(&f, store_model_delete(f.store, "m-9", 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_model_get_any(f.store, "m-9", f.arena, &read, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_model_tags_set(f.store, "m-1", &(struct pair){"k", "v"}, 1, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

/* ---- many ----------------------------------------------------------------------------------------------------------
 * */

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Nothing of a model is looked at once for each other thing of it. */
TEST(five_thousand_versions_with_aliases_are_renamed_and_deleted_in_no_time)
{
    enum { VERSIONS = 5000 };
    struct fixture f = open_with_model();
    double begin = seconds();
    assert_int_equal(store_begin(f.store, NULL), 0);
    for (int i = 1; i <= VERSIONS; i++) {
        (void)add_version(&f, (struct model_version){0}, i);
        point(&f, arena_printf(f.arena, "a%d", i), i);
        assert_int_equal(store_version_tag(f.store, "wine", i, "k", "v", NULL, 1, NULL), 0);
        assert_int_equal(store_stage_set(f.store, "wine", i, "Staging", i == VERSIONS, NULL, 1, NULL), 0);
    }
    double made = seconds();
    assert_int_equal(store_registry_rename(f.store, "wine", "port", NULL, 1, NULL), 0);
    double renamed = seconds();
    assert_string_equal(aliases(&f, "port", 77), "a77;");
    assert_int_equal(store_registry_delete(f.store, "port", NULL, 1, NULL), 0);
    double deleted = seconds();
    assert_int_equal(store_commit(f.store, NULL), 0);
    print_message("made %.3f s, renamed %.3f s, deleted %.3f s\n", made - begin, renamed - made, deleted - renamed);
    assert_true(deleted - made < 5);
    close_fixture(&f);
}

TESTS(RUN(a_deleted_version_is_a_number_that_is_never_given_again),
      RUN(a_stage_is_moved_and_with_it_whoever_was_there), RUN(the_latest_of_each_stage_is_the_highest),
      RUN(an_alias_leads_to_a_version_and_latest_to_the_highest), RUN(deleting_a_tag_that_is_not_there_is_fine),
      RUN(a_version_is_written_as_an_integer),
      RUN(a_clients_model_goes_through_any_status_and_is_no_output_by_itself),
      RUN(a_deleted_logged_model_is_found_by_who_asks_for_it),
      RUN(five_thousand_versions_with_aliases_are_renamed_and_deleted_in_no_time))
