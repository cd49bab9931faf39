/* SPDX-License-Identifier: Apache-2.0
 * What clients may name as places of artifacts. Inputs that broke other servers stand under the number by which they
 * are known.
 */
#include "store/artifact_uri.h"
#include "test.h"

#include <string.h>

#define RUN_ROOT "mlflow-artifacts:/0/r1/artifacts"
#define MODEL_ROOT "mlflow-artifacts:/0/models/m-1/artifacts"

#define LOCAL "To use a local path as a model version source"
#define RELATIVE "If supplying a source as an http, https"
#define OWNER "must identify the resource that contains the source"
#define SCHEME "No artifacts are kept under the scheme"

/* "" or the error. */
static const char *check(const struct model_source *source)
{
    static struct err err;
    err = (struct err){0};
    int result = model_source_check(source, &err);
    assert_int_equal(result, err.code == ERR_NONE ? 0 : -1);
    assert_true(err.code == ERR_NONE || err.code == ERR_INPUT);
    return err.message;
}

static void expect(const char *id, const char *text, const char *found, const char *error)
{
    bool same = *error == '\0' ? *found == '\0' : strstr(found, error) != NULL;
    if (!same) {
        fail_msg("%s: '%s' gave '%s', expected '%s'", id, text, found, *error == '\0' ? "no error" : error);
    }
}

/* ---- sources ----------------------------------------------------------------------------------------------------- */

TEST(a_source_lies_where_its_run_or_model_is_or_in_another_store)
{
    static const struct {
        const char *source;
        const char *run_id, *model_id;
        const char *error;
    } cases[] = {
        {RUN_ROOT "/model", "r1", NULL, ""},
        {RUN_ROOT, "r1", NULL, ""},
        {RUN_ROOT "//model/", "r1", NULL, ""},
        {RUN_ROOT "/a b", "r1", NULL, ""},
        {"MLFLOW-ARTIFACTS:/0/r1/artifacts/m", "r1", NULL, ""},
        {RUN_ROOT "/model", NULL, NULL, "The run_id request parameter " OWNER},
        {RUN_ROOT "/model", "r2", NULL, OWNER}, /* no such run: no root */
        {"mlflow-artifacts:/0/r1/artifactsX", "r1", NULL, OWNER},
        {"mlflow-artifacts:/0/r1", "r1", NULL, OWNER},
        {"mlflow-artifacts://other/0/r1/artifacts/m", "r1", NULL, OWNER},
        {MODEL_ROOT, NULL, "m-1", ""},
        {MODEL_ROOT "/x", "r1", "m-1", ""},
        {RUN_ROOT "/x", "r1", "m-1", "The model_id request parameter " OWNER},
        {"http://here:5000/api/2.0/mlflow-artifacts/artifacts/0/r1/artifacts/m", "r1", NULL, OWNER},
        {"runs:/r1/model", "r1", NULL, ""},
        {"runs:/r1/model", NULL, NULL, "The run_id request parameter " OWNER},
        {"runs:/r2/model", "r1", NULL, OWNER},
        {"runs:/r1", "r1", NULL, ""},
        {"runs:/", "r1", NULL, RELATIVE},
        {"runs://r1/model", "r1", NULL, OWNER},
        {"runs:/r1/model", "r1", "m-1", "The model_id request parameter " OWNER},
        {"models:/m-1", NULL, "m-1", ""},
        {"models:/m-1", NULL, NULL, "The model_id request parameter " OWNER},
        {"models:/m-2", NULL, "m-1", OWNER},
        {"models:/wine/1", NULL, NULL, ""},
        {"models:/wine@champion", "r1", NULL, ""},
        {"models://host/wine/1", NULL, NULL, "must use the active model registry"},
        {"models:/", NULL, NULL, RELATIVE},
        {"s3://bucket/path", NULL, NULL, ""},
        {"s3:/bucket/path", NULL, NULL, ""},
        {"gs://b/p;v=1/m", NULL, NULL, ""},
        {"https://host/models/x", NULL, NULL, ""},
        {"dbfs:/databricks/x", NULL, NULL, ""},
        {"https:///models/x", NULL, NULL, RELATIVE},
        {"https://host", NULL, NULL, RELATIVE},
        {"https://host/a?b=c", NULL, NULL, RELATIVE},
        {"s3://bucket/./a", NULL, NULL, RELATIVE},
        {"s3://bucket/a\n", NULL, NULL, RELATIVE},
        {"s3:bucket", NULL, NULL, RELATIVE},
        {"gopher://host/a", NULL, NULL, SCHEME},
        {"C:/Windows/x", NULL, NULL, SCHEME},
        {"", "r1", NULL, LOCAL},
        {"/home/x", "r1", NULL, LOCAL},
        {"dummy-source", NULL, NULL, LOCAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool known = cases[i].run_id != NULL && strcmp(cases[i].run_id, "r1") == 0;
        struct model_source source = {.source = cases[i].source,
                                      .run_id = cases[i].run_id,
                                      .model_id = cases[i].model_id,
                                      .run_root = known ? RUN_ROOT : NULL,
                                      .model_root = cases[i].model_id == NULL ? NULL : MODEL_ROOT};
        expect("source", cases[i].source, check(&source), cases[i].error);
    }
}

TEST(a_local_source_lies_in_the_folder_of_its_run_or_model)
{
    static const struct {
        const char *source;
        const char *root;
        const char *error;
    } cases[] = {
        {"/home/a/r1/artifacts/m", "/home/a/r1/artifacts", ""},
        {"/home/a/r1/artifacts", "/home/a/r1/artifacts", ""},
        {"file:///home/a/r1/artifacts/m", "/home/a/r1/artifacts", ""},
        {"file:/home/a/r1/artifacts/m", "file:///home/a/r1/artifacts", ""},
        {"file://localhost/home/a/r1/artifacts/m", "/home/a/r1/artifacts", ""},
        {"FILE:///home/a/r1/artifacts/m", "/home/a/r1/artifacts", ""},
        {"/home/a/r1/artifacts/../../etc", "/home/a/r1/artifacts", LOCAL},
        {"/home/a/r1/artifacts/%2e%2e/x", "/home/a/r1/artifacts", LOCAL},
        {"/home/a/r1/artifactsX", "/home/a/r1/artifacts", LOCAL},
        {"/home/a/r1", "/home/a/r1/artifacts", LOCAL},
        {"file://123.456.789.123/home/a/r1/artifacts/m", "/home/a/r1/artifacts", LOCAL},
        {"home/a/r1/artifacts/m", "/home/a/r1/artifacts", LOCAL},
        {"/home/x", "/", LOCAL}, /* a root that would hold everything holds nothing */
        {"/0/r1/artifacts/m", "mlflow-artifacts:/0/r1/artifacts", LOCAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model_source source = {.source = cases[i].source, .run_id = "r1", .run_root = cases[i].root};
        expect("local", cases[i].source, check(&source), cases[i].error);
        source = (struct model_source){.source = cases[i].source, .model_id = "m-1", .model_root = cases[i].root};
        expect("local", cases[i].source, check(&source), cases[i].error);
    }
}

static const struct attack {
    const char *id;
    const char *text;
} attacks[] = {
    {"7166", "/../../etc/passwd"},
    {"7166", RUN_ROOT "/../../etc/passwd"},
    {"CVE-2023-1177", "/etc"},
    {"CVE-2023-1177", "file:///etc"},
    {"CVE-2023-1176", "C:\\Windows\\System32"},
    {"CVE-2023-1176", "C:/Windows/System32"},
    {"CVE-2023-1176", "\\\\host\\share"},
    {"CVE-2023-2356", "http://host/api/2.0/mlflow-artifacts/artifacts/../../../../"},
    {"CVE-2023-2356", "https://host/a/../../../"},
    {"CVE-2023-2356", "s3:/my_bucket/models/path/../../other/path"},
    {"CVE-2023-2356", "mlflow-artifacts://host:port/../../../../"},
    {"CVE-2023-2356", "file://path/to/../../../../some/where/you/should/not/be"},
    {"CVE-2023-2780", RUN_ROOT "/\\..\\..\\f"},
    {"CVE-2023-2780", "http://host/\\..\\..\\f"},
    {"CVE-2023-6831", RUN_ROOT "/..%2f..%2fx"},
    {"CVE-2023-6831", "mlflow-artifacts://host:port/..%2f..%2f..%2f..%2f"},
    {"CVE-2024-1560", RUN_ROOT "/%252e%252e/x"},
    {"CVE-2024-1560", "s3://bucket/%25252e%25252e%25252fx"},
    {"CVE-2023-6909", "http:///#/../../../etc/"},
    {"CVE-2024-2928", "http://host/#/../../../etc/"},
    {"CVE-2024-3848", "http://host/a#/../../etc"},
    {"CVE-2024-1483", "http:///?/../../etc"},
    {"CVE-2024-1594", "http://host/a%23/../../etc"},
    {"CVE-2024-1593", "http://host/a;/../../etc"},
    {"CVE-2024-1593", RUN_ROOT "/;/../../x"},
    {"CVE-2023-6977", "//proc/self/root"},
    {"CVE-2023-6977", "file://proc/self/root"},
    {"CVE-2024-3573", ":/etc"},
    {"CVE-2024-3573", " file:/etc"},
    {"CVE-2024-3573", "file:etc"},
    {"CVE-2024-3573", "file:////etc"},
    {"CVE-2024-3573", "FiLe:///etc"},
    {"CVE-2024-8859", "dbfs:/../../etc"},
    {"CVE-2024-8859", "dbfs:/a/..%2f..%2fetc"},
    {"CVE-2025-11201", RUN_ROOT "/a/../../../b"},
    {"control", "http://host:port/api/2.0/mlflow-artifacts/artifacts%00"},
    {"control", RUN_ROOT "/a%0ab"},
};

TEST(no_source_that_fooled_another_server_passes)
{
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        struct model_source source = {.source = attacks[i].text, .run_id = "r1", .run_root = RUN_ROOT};
        expect(attacks[i].id, attacks[i].text, check(&source), "Invalid model version source");
        source.run_root = "/home/a/r1/artifacts";
        expect(attacks[i].id, attacks[i].text, check(&source), "Invalid model version source");
        /* CVE-2026-2614: a tag never switches the checks off. */
        source.is_prompt = true;
        expect("CVE-2026-2614", attacks[i].text, check(&source), "Invalid prompt source");
    }
}

TEST(a_prompt_has_a_placeholder_as_source)
{
    struct model_source source = {.source = "dummy-source", .is_prompt = true};
    assert_string_equal(check(&source), "");
    source.source = "prompt-template";
    assert_string_equal(check(&source), "");
    source.source = RUN_ROOT;
    assert_string_equal(check(&source), "Invalid prompt source: '" RUN_ROOT "'. Prompt sources must use an MLflow "
                                        "placeholder.");
}

TEST(a_source_of_escapes_within_escapes_is_decoded_in_no_time_or_refused)
{
    static const char begin[] = "s3://bucket/x%";
    char text[8001];
    memset(text, 0, sizeof text);
    memcpy(text, begin, strlen(begin));
    for (size_t i = strlen(begin); i + 2 < sizeof text; i += 2) {
        memcpy(text + i, "25", 2);
    }
    struct model_source source = {.source = text};
    expect("long", "%252525...", check(&source), "exceeds the maximum length");
    text[4000] = '\0';
    expect("long", "%252525...", check(&source), "");
}

/* ---- locations --------------------------------------------------------------------------------------------------- */

TEST(an_experiment_keeps_a_location_that_means_what_it_says)
{
    static const struct {
        const char *location;
        const char *error;
    } cases[] = {
        {"/data/mlruns", ""},
        {"data/mlruns", ""},
        {"file:///data", ""},
        {"s3://bucket/x", ""},
        {"s3://bucket", ""},
        {"mlflow-artifacts:/custom", ""},
        {"https://host/artifacts", ""},
        {"runs:/r1/x", "Artifact location cannot be a runs:/ URI. Given: 'runs:/r1/x'"},
        {"models:/m-1", SCHEME},
        {"gopher://x/y", SCHEME},
        {"C:/x", SCHEME},
        {"http://host/a#b", "URL can't include fragments or params."},
        {"http://host/a;b", "URL can't include fragments or params."},
        {"http://host/a%23b", "URL can't include fragments or params."},
        {"http://host/?/../../etc", "Invalid query string"},
        {"/a/../../etc", "Invalid artifact location"},
        {"data/%2e%2e/x", "Invalid artifact location"},
        {"//host/x", "Invalid artifact location"},
        {"file://host/x", "Invalid artifact location"},
        {"https:///x", "Invalid artifact location"},
        {"s3:x", "Invalid artifact location"},
        {"\\\\host\\x", "Invalid artifact location"},
        {"/a\tb", "Invalid artifact location"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        (void)artifact_location_check(cases[i].location, &err);
        expect("location", cases[i].location, err.message, cases[i].error);
    }
    char text[2050];
    memset(text, 'a', sizeof text);
    text[2049] = '\0';
    assert_int_equal(artifact_location_check(text, NULL), -1);
    text[2048] = '\0';
    assert_int_equal(artifact_location_check(text, NULL), 0);
}

TEST(no_location_that_fooled_another_server_passes_with_its_trick)
{
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        bool is_plain = strstr(attacks[i].id, "1177") != NULL || strstr(attacks[i].text, "////etc") != NULL ||
                        strcmp(attacks[i].text, "FiLe:///etc") == 0 || strcmp(attacks[i].text, " file:/etc") == 0 ||
                        strcmp(attacks[i].text, ":/etc") == 0;
        if (!is_plain) { /* a plain local folder is one that an experiment may have */
            struct err err = {0};
            expect(attacks[i].id, attacks[i].text,
                   artifact_location_check(attacks[i].text, &err) < 0 ? "refused" : "passed", "refused");
        }
    }
}

TEST(a_place_is_within_another_only_as_both_mean_what_they_say)
{
    static const struct {
        const char *place, *root;
        bool within;
    } cases[] = {
        {"/h/artifacts/0/models/m-1/artifacts", "/h/artifacts/0/models/m-1/artifacts", true},
        {"/h/artifacts/0/models/m-1/artifacts/sub", "/h/artifacts/0/models/m-1/artifacts/", true},
        {"file:///h/m-1", "/h/m-1", true},
        {"mlflow-artifacts:/0/models/m-1/artifacts", "mlflow-artifacts:/0/models/m-1/artifacts", true},
        {"s3://bucket/m-1", "s3://bucket/m-1", true},
        {"S3://bucket/m-1", "s3://bucket/m-1", true},
        {"s3://bucket/m-1", "s3://other/m-1", false},
        {"s3://bucket/m-1", "/m-1", false},
        {"/h/m-10", "/h/m-1", false},
        {"/h/m-1/../m-2", "/h/m-1", false},
        {"/h/m-1/%2e%2e/m-2", "/h/m-1", false},
        {"/h/m-1?x", "/h/m-1", false},
        {"//host/h/m-1", "/h/m-1", false},
        {"mlflow-artifacts://elsewhere/0/m-1", "mlflow-artifacts:/0/m-1", false},
        {"", "/h/m-1", false},
        {"/h/m-1", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (artifact_is_within(cases[i].place, cases[i].root) != cases[i].within) {
            fail_msg("'%s' in '%s'", cases[i].place, cases[i].root);
        }
    }
}

TESTS(RUN(a_place_is_within_another_only_as_both_mean_what_they_say),
      RUN(a_source_lies_where_its_run_or_model_is_or_in_another_store),
      RUN(a_local_source_lies_in_the_folder_of_its_run_or_model), RUN(no_source_that_fooled_another_server_passes),
      RUN(a_prompt_has_a_placeholder_as_source),
      RUN(a_source_of_escapes_within_escapes_is_decoded_in_no_time_or_refused),
      RUN(an_experiment_keeps_a_location_that_means_what_it_says),
      RUN(no_location_that_fooled_another_server_passes_with_its_trick))
