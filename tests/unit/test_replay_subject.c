/* SPDX-License-Identifier: Apache-2.0
 * Which params of a gate's run name the model that it judged, and what they say in a replay on another version.
 */
#include "engine/replay_subject.h"

#include "test.h"

#define JUDGED "m-00000000000000000000000000000001"
#define ASKED "m-00000000000000000000000000000002"

struct params_row {
    const char *params, *pins;
    const char *replayed; /* NULL: refused */
    size_t named;
};

static struct json parsed(struct arena *arena, const char *text)
{
    struct json value;
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL), 0);
    return value;
}

static void check_row(const struct params_row *row)
{
    struct arena *arena = arena_new();
    const char *versions[] = {"wine/3", "wine/5"};
    const struct replay_subject subject = {
        .model_id = JUDGED,
        .versions = versions,
        .version_count = 2,
        .params = parsed(arena, row->params),
        .pins = parsed(arena, row->pins == NULL ? "{}" : row->pins),
        .arena = arena,
    };
    struct json params;
    struct err err = {0};
    size_t count = 0;
    (void)replay_subject_params(&subject, &count);
    assert_int_equal(count, row->named);
    int result = replay_params(&subject, "wine", 1, ASKED, &params, &err);
    if (row->replayed == NULL) {
        assert_int_equal(result, -1);
        assert_int_equal(err.code, ERR_STATE);
    } else {
        assert_int_equal(result, 0);
        assert_string_equal(json_text(arena, &params).p, row->replayed);
    }
    arena_free(arena);
}

TEST(params_that_name_the_judged_model_name_the_other_one)
{
    static const struct params_row rows[] = {
        {"{}", NULL, "{}", 0},
        {"{\"limit\":0.5,\"on\":true,\"none\":null,\"list\":[\"" JUDGED "\"]}", NULL,
         "{\"limit\":0.5,\"on\":true,\"none\":null,\"list\":[\"" JUDGED "\"]}", 0},
        {"{\"model_name\":\"wine\",\"model_version\":3}", NULL, "{\"model_name\":\"wine\",\"model_version\":1}", 2},
        {"{\"model_name\":\"wine\",\"model_version\":\"5\"}", NULL, "{\"model_name\":\"wine\",\"model_version\":\"1\"}",
         2},
        /* Another version of the model is not what was judged. */
        {"{\"model_name\":\"wine\",\"model_version\":4}", NULL, "{\"model_name\":\"wine\",\"model_version\":4}", 0},
        {"{\"model_version\":3}", NULL, "{\"model_version\":3}", 0},
        {"{\"m\":\"" JUDGED "\",\"n\":\"" ASKED "\"}", NULL, "{\"m\":\"" ASKED "\",\"n\":\"" ASKED "\"}", 1},
        {"{\"m\":\"models:/" JUDGED "\"}", NULL, "{\"m\":\"models:/wine/1\"}", 1},
        {"{\"m\":\"models:/wine/3\",\"n\":\"models:/wine/4\",\"o\":\"wine/3\"}", NULL,
         "{\"m\":\"models:/wine/1\",\"n\":\"models:/wine/4\",\"o\":\"wine/3\"}", 1},
        {"{\"m\":\"models:/wine@new\"}", NULL, "{\"m\":\"models:/wine@new\"}", 0},
        {"{\"m\":\"models:/wine@new\",\"n\":\"models:/wine@old\"}",
         "{\"models:/wine@new\":{\"uri\":\"models:/" JUDGED "\"},\"models:/wine@old\":{\"uri\":\"models:/" ASKED "\"}}",
         "{\"m\":\"models:/wine/1\",\"n\":\"models:/wine@old\"}", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_row(&rows[i]);
    }
}

TEST(a_deployment_job_of_one_model_judges_no_other)
{
    struct arena *arena = arena_new();
    const char *versions[] = {"wine/3"};
    const struct replay_subject subject = {.model_id = JUDGED,
                                           .versions = versions,
                                           .version_count = 1,
                                           .params = parsed(arena, "{\"model_name\":\"wine\",\"model_version\":3}"),
                                           .pins = json_object(),
                                           .arena = arena};
    struct json params;
    struct err err = {0};
    assert_int_equal(replay_params(&subject, "beer", 1, ASKED, &params, &err), -1);
    assert_non_null(strstr(err.message, "about the registered model 'wine', and 'beer' is another"));
    arena_free(arena);
}

TESTS(RUN(params_that_name_the_judged_model_name_the_other_one), RUN(a_deployment_job_of_one_model_judges_no_other))
