/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"

#include "api/sluice/rest.h"
#include "test.h"

TEST(each_route_names_what_a_user_needs_for_it)
{
    assert_int_equal(router_check(api_routes, api_plains, NULL), 0);
}

static int check_with(const struct api_route *route, const struct api_plain *plain, struct err *err)
{
    const struct api_route routes[] = {*route, {0}};
    const struct api_plain plains[] = {*plain, {0}};
    const struct api_route *const all_routes[] = {routes, NULL};
    const struct api_plain *const all_plains[] = {plains, NULL};
    err_clear(err);
    return router_check(all_routes, all_plains, err);
}

TEST(a_route_that_names_no_permission_does_not_start)
{
    struct err err = {0};
    const struct api_route good = {.path = "/good", .act = API_READS, .needs = API_NEEDS(VIEWER, READ, RUN)};
    const struct api_route silent = {.path = "/silent", .act = API_READS};
    const struct api_route half = {.path = "/half", .needs = {API_OF_RUN, PERMISSION_NONE, ROLE_VIEWER, false}};
    const struct api_plain plain = {.path = "/plain", .needs = API_NEEDS(VIEWER, READ, ITSELF)};
    const struct api_plain open = {.path = "/open", .open = true};
    const struct api_plain forgotten = {.path = "/forgotten"};
    assert_int_equal(check_with(&good, &plain, &err), 0);
    assert_int_equal(check_with(&good, &open, &err), 0);
    assert_int_equal(check_with(&silent, &plain, &err), -1);
    assert_string_equal(err.message, "the route /silent names no role");
    assert_int_equal(check_with(&half, &plain, &err), -1);
    assert_int_equal(check_with(&good, &forgotten, &err), -1);
    assert_string_equal(err.message, "the route /forgotten names no role");
}

TEST(a_route_without_a_role_or_that_lets_viewers_write_does_not_start)
{
    static const struct {
        struct api_route route;
        const char *words; /* NULL: it is good */
    } rows[] = {
        {{.path = "/a", .act = API_READS, .needs = {API_OF_RUN, PERMISSION_READ, ROLE_NOBODY, false}}, "names no role"},
        {{.path = "/a", .act = API_WRITES, .needs = API_NEEDS(VIEWER, READ, RUN), .note = API_RECORDING},
         "lets viewers"},
        {{.path = "/a", .act = API_READS, .needs = API_NEEDS(VIEWER, EDIT, RUN)}, "lets viewers write"},
        {{.path = "/a", .act = API_WRITES, .needs = API_NEEDS(VIEWER, MANAGE, USER), .note = API_NOTED_INSIDE}, NULL},
        {{.path = "/a", .act = API_WRITES, .needs = API_NEEDS_OWN(READ, REGISTERED), .note = API_NOTED_INSIDE}, NULL},
        {{.path = "/a", .act = API_WRITES, .needs = API_NEEDS_OWN(EDIT, REGISTERED), .note = API_NOTED_INSIDE},
         "lets viewers write"},
        {{.path = "/a", .act = API_WRITES, .needs = API_NEEDS(RUNNER, EDIT, RUN), .note = API_NOTED_INSIDE}, NULL},
        {{.path = "/a", .act = API_WRITES, .needs = API_NEEDS(EDITOR, EDIT, RUN)}, "whether it is in the activity log"},
        {{.path = "/a", .act = API_READS, .needs = API_NEEDS(VIEWER, READ, RUN), .note = API_RECORDING},
         "whether it is"},
        {{.path = "/a", .act = API_WRITES, .needs = API_NEEDS(EDITOR, EDIT, RUN), .note = {.how = API_NOTE_HERE}},
         "whether it is in the activity log"},
        {{.path = "/a",
          .act = API_WRITES,
          .needs = API_NEEDS(EDITOR, EDIT, RUN),
          .note = API_NOTED("a.b", "run_id", NULL)},
         NULL},
    };
    const struct api_plain none = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        assert_int_equal(check_with(&rows[i].route, &none, &err), rows[i].words == NULL ? 0 : -1);
        assert_true(rows[i].words == NULL || strstr(err.message, rows[i].words) != NULL);
    }
    struct err err = {0};
    const struct api_route good = {.path = "/good", .act = API_READS, .needs = API_NEEDS(VIEWER, READ, RUN)};
    const struct api_plain writes = {.path = "/w", .writes = true, .needs = API_NEEDS(VIEWER, EDIT, ITSELF),
                                     .note = API_RECORDING};
    const struct api_plain silent = {.path = "/w", .writes = true, .needs = API_NEEDS(EDITOR, EDIT, ITSELF)};
    const struct api_plain open = {.path = "/w", .writes = true, .open = true};
    assert_int_equal(check_with(&good, &writes, &err), -1);
    assert_int_equal(check_with(&good, &silent, &err), -1);
    assert_int_equal(check_with(&good, &open, &err), -1);
}

static const struct schema gives = {"Gives", NULL, NULL};
static const struct schema_field id_in_the_query[] = {
    {.name = "id", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY}, {0}};

TEST(a_route_of_ours_that_does_not_say_what_is_documented_does_not_start)
{
    struct err err = {0};
    const struct api_plain none = {0};
    const struct api_route bare = {
        .path = "/bare", .act = API_READS, .versions = API_SLUICE, .needs = API_NEEDS(VIEWER, READ, RUN)};
    const struct api_route good = {.path = "/good",
                                   .act = API_READS,
                                   .versions = API_SLUICE,
                                   .needs = API_NEEDS(VIEWER, READ, RUN),
                                   REST_DOC(.name = "a", .group = "b", .summary = "c", .gives = &gives)};
    const struct api_route nameless = {.path = "/x/{id}",
                                       .act = API_READS,
                                       .versions = API_SLUICE,
                                       .needs = API_NEEDS(VIEWER, READ, RUN),
                                       REST_DOC(.name = "a", .group = "b", .summary = "c", .gives = &gives,
                                                .takes = id_in_the_query)};
    assert_int_equal(check_with(&good, &none, &err), 0);
    assert_int_equal(check_with(&bare, &none, &err), -1);
    assert_string_equal(err.message, "the route /bare says too little of itself");
    assert_int_equal(check_with(&nameless, &none, &err), -1);
    assert_string_equal(err.message, "the route /x/{id} does not say what 'id' is");
}

TESTS(RUN(each_route_names_what_a_user_needs_for_it),
      RUN(a_route_that_names_no_permission_does_not_start),
      RUN(a_route_without_a_role_or_that_lets_viewers_write_does_not_start),
      RUN(a_route_of_ours_that_does_not_say_what_is_documented_does_not_start))
